package answer

import (
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// Capability is one effect that the matrix asks about.
type Capability struct {
	ID   string `json:"id"`
	Text string `json:"text"`
	// Goal is the effect, as an agent's own sample of it.
	Goal Goal `json:"-"`
}

// Cell says what a sender can cause directly: the mildest decision among the
// ways there are.
type Cell struct {
	Agent      claw.AgentID   `json:"agent"`
	Sender     string         `json:"sender"`
	Class      Class          `json:"class"`
	Labels     claw.Labels    `json:"labels"`
	Capability string         `json:"capability"`
	Verdict    policy.Verdict `json:"verdict"`
	Layer      policy.Layer   `json:"layer"`
	Rule       policy.RuleID  `json:"rule"`
	Where      claw.ConfigRef `json:"where,omitzero"`
	// By is the call that was decided about; "" when nobody comes in.
	By string `json:"by,omitempty"`
	// NotBuilt: policy decides so about a tool that this program does not have.
	NotBuilt bool `json:"notBuilt,omitempty"`
}

// Matrix is sender × capability per agent and label set.
type Matrix struct {
	Capabilities []Capability `json:"capabilities"`
	Cells        []Cell       `json:"cells"`
}

// Scope narrows a matrix; empty fields mean all.
type Scope struct {
	Agent   claw.AgentID
	Senders []Sender
	// Labels nil: all three sets.
	Labels []claw.Labels
	// Further are effects beside the usual ones.
	Further []Goal
}

// Capabilities of an agent, each with the sample that stands for it.
func (w *World) Capabilities(a *posture.Agent) []Capability {
	listed := Goal{Kind: Get, Arg: "listed.example"}
	for _, h := range a.Rules.Egress.Hosts {
		if !strings.Contains(h.Host, "*") {
			listed.Arg = h.Host
			break
		}
		listed.Arg = "a" + strings.TrimPrefix(h.Host, "*")
	}
	home := w.Home
	if home == "" {
		home = "/home/user"
	}
	out := []Capability{
		{"read-workspace", "read a file of the workspace", Goal{Kind: ReadFile, Arg: "notes.txt"}},
		{"read-outside", "read a file elsewhere", Goal{Kind: ReadFile, Arg: path.Join(home, "Documents/outside.txt")}},
		{"read-secret", "read ~/.ssh/id_rsa", Goal{Kind: ReadFile, Arg: path.Join(home, ".ssh/id_rsa")}},
		{"write-workspace", "write a file of the workspace", Goal{Kind: WriteFile, Arg: "notes.txt"}},
		{"write-steering", "write AGENTS.md", Goal{Kind: WriteFile, Arg: "AGENTS.md"}},
		{"write-outside", "write a file elsewhere", Goal{Kind: WriteFile, Arg: path.Join(home, "Documents/outside.txt")}},
		{"exec-listed", "run a listed command", Goal{Kind: RunListed}},
		{"exec-other", "run any other command", Goal{Kind: RunOther}},
		{"get-listed", "read from a listed host", listed},
		{"get-unlisted", "read from any host", Goal{Kind: Get, Arg: "unlisted.example"}},
		{"post-unlisted", "send data to any host", Goal{Kind: Post, Arg: "unlisted.example"}},
		{"reply", "answer in the same conversation", Goal{Kind: Reply}},
		{"send-third-party", "write to somebody else", Goal{Kind: SendTo, Arg: "any:third-party"}},
		{"spawn", "start another agent", Goal{Kind: Spawn}},
		{"schedule", "schedule a job", Goal{Kind: Schedule}},
		{"configure", "change the configuration", Goal{Kind: Configure}},
	}
	return out
}

// Matrix computes what every class of senders can cause directly. What an
// agent passes on to others is what Can follows.
func (w *World) Matrix(s Scope) Matrix {
	var m Matrix
	senders := s.Senders
	if senders == nil {
		senders = w.Senders()
	}
	labels := s.Labels
	if labels == nil {
		labels = AllLabels()
	}
	for _, a := range w.agents(s.Agent) {
		caps := w.Capabilities(a)
		for _, g := range s.Further {
			caps = append(caps, Capability{ID: g.String(), Text: g.String(), Goal: g})
		}
		if m.Capabilities == nil {
			m.Capabilities = caps
		}
		for _, c := range caps {
			ways := w.ways(a, c.Goal)
			for _, sender := range senders {
				m.Cells = w.cells(m.Cells, a, c, ways, sender, labels)
			}
		}
	}
	return m
}

func (w *World) cells(out []Cell, a *posture.Agent, c Capability, ways []way, sender Sender, labels []claw.Labels) []Cell {
	base := Cell{Agent: a.ID, Sender: sender.String(), Class: sender.Class, Capability: c.ID}
	starts, r := w.starts(sender, a.ID)
	var done []claw.Labels
	for _, l := range labels {
		cell := base
		if len(starts) == 0 {
			cell.Labels, cell.Layer, cell.Rule, cell.Where = l|policy.Arrives(sender.Principal()), r.Layer, r.Rule, r.Where
		} else {
			cell.Labels = l | starts[0].labels
		}
		if slices.Contains(done, cell.Labels) {
			continue // this sender's message brings the label along
		}
		done = append(done, cell.Labels)
		if len(starts) > 0 {
			w.decide(&cell, a, &starts[0], ways)
		}
		out = append(out, cell)
	}
	return out
}

// decide fills a cell with the mildest decision; among equals with the first
// way's.
func (w *World) decide(cell *Cell, a *posture.Agent, at *start, ways []way) {
	for i := range ways {
		x := &ways[i]
		if i > 0 && w.hopeless(a, x) {
			continue // refused, and a refusal is in the cell already
		}
		r := w.judge(a, at, cell.Labels, x)
		if i == 0 || r.Verdict > cell.Verdict {
			cell.Verdict, cell.Layer, cell.Rule, cell.Where, cell.By = r.Verdict, r.Layer, r.Rule, r.Where, x.text
			cell.NotBuilt = !x.reply && w.notBuilt(x.tool)
		}
		if cell.Verdict == policy.Allow {
			return
		}
	}
}
