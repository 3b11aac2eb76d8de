package audit

import (
	"path"
	"slices"

	"github.com/openclaw-go/openclaw/internal/answer"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// maxGoals bounds how many listed commands are asked about.
const maxGoals = 16

// worldOf is what answers are about. Upstream confines no run but in its
// container, and follows no data.
func worldOf(c *config.Config, p posture.Posture, h Home) answer.World {
	if h.Owner == UpstreamHome {
		p.Agents = slices.Clone(p.Agents)
		for i := range p.Agents {
			p.Agents[i].Rules.Flow.Mode = policy.FlowOff
		}
	}
	w := answer.Of(c, p, h.Dir, nil)
	w.Unconfined = h.Owner == UpstreamHome
	return w
}

// strangers are the senders whom nobody named.
func (s *Subject) strangers() (out []answer.Sender) {
	for _, x := range s.World.Senders() {
		switch x.Class {
		case answer.Stranger:
			out = append(out, x)
		case answer.Member:
			if x.Door.Inbound != nil && len(x.Door.Inbound.OpenGroup()) > 0 {
				out = append(out, x)
			}
		case answer.Owner, answer.Paired, answer.Allowlisted, answer.Cron, answer.Hook, answer.API:
		}
	}
	return out
}

// can asks whether strangers bring an effect about, by one agent or any.
func (s *Subject) can(agent claw.AgentID, goals ...answer.Goal) answer.Answer {
	var best answer.Answer
	who := s.strangers()
	for _, g := range goals {
		if a := s.World.Can(answer.Question{Who: who, What: g, Agent: agent}); a.Verdict > best.Verdict {
			best = a
		}
	}
	return best
}

// commands are the goals of running something: what the agents' lists name,
// then any other program.
func (s *Subject) commands() []answer.Goal {
	var out []answer.Goal
	for _, a := range s.Posture.Agents {
		for _, e := range a.Rules.Exec.Allowlist {
			if g := (answer.Goal{Kind: answer.Run, Arg: e.Text}); len(out) < maxGoals && !slices.Contains(out, g) {
				out = append(out, g)
			}
		}
	}
	return append(out, answer.Goal{Kind: answer.RunOther})
}

// trail is a way as evidence.
func trail(a answer.Answer) (out []string) {
	for _, h := range a.Path {
		line := h.Text
		if h.Rule != "" {
			line += " (" + string(h.Rule) + ")"
		}
		if p := h.Where.String(); p != "" {
			line += " at " + p
		}
		out = append(out, line)
	}
	return out
}

// outside is a file that no workspace holds.
func (s *Subject) outside() string {
	home := s.Snapshot.Home.Dir
	if home == "" {
		home = "/home/user"
	}
	return path.Join(home, "Documents", "outside.txt")
}

// foreign reports what of others' text an agent reads: strangers' messages,
// the web, mail and other webhooks.
func (s *Subject) foreign(a posture.Agent) (what []string) {
	for _, x := range s.strangers() {
		if ok, _ := s.World.Admits(x, a.ID); ok {
			what = append(what, "strangers")
			break
		}
	}
	if has(a, "web_fetch", "web_search", "browser") {
		what = append(what, "the web")
	}
	for _, x := range s.World.Senders() {
		if x.Class == answer.Hook {
			if ok, _ := s.World.Admits(x, a.ID); ok {
				what = append(what, "webhooks and mail")
			}
		}
	}
	return what
}

// unasked reports whether a command that no rule names runs without a question
// once the session has read what others wrote.
func (s *Subject) unasked(a posture.Agent) bool {
	for _, x := range s.World.Senders() {
		if x.Class != answer.Owner || x.Door.Surface != claw.SurfaceCLI {
			continue
		}
		m := s.World.Matrix(answer.Scope{Agent: a.ID, Senders: []answer.Sender{x}, Labels: []claw.Labels{claw.Untrusted}})
		for _, c := range m.Cells {
			if c.Capability == "exec-other" && c.Verdict == policy.Allow {
				return true
			}
		}
	}
	return false
}
