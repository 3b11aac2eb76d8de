package answer

import (
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// Difference is what two configurations let senders cause differently.
type Difference struct {
	// Reachable became milder, Unreachable stricter.
	Reachable   []Turn `json:"reachable"`
	Unreachable []Turn `json:"unreachable"`
	// Looser and Stricter are the rules that changed, as the gateway sees them
	// when it decides whether a new file waits for a person.
	Looser   []posture.Change `json:"looser"`
	Stricter []posture.Change `json:"stricter"`
}

// Turn is one cell before and after. A cell that one side does not have is
// deny there.
type Turn struct {
	Agent      claw.AgentID   `json:"agent"`
	Sender     string         `json:"sender"`
	Labels     claw.Labels    `json:"labels"`
	Capability string         `json:"capability"`
	From       policy.Verdict `json:"from"`
	To         policy.Verdict `json:"to"`
	// Rule and Where decide after the change; FromRule decided before.
	Rule     policy.RuleID  `json:"rule,omitempty"`
	Where    claw.ConfigRef `json:"where,omitzero"`
	FromRule policy.RuleID  `json:"fromRule,omitempty"`
	By       string         `json:"by,omitempty"`
}

// Same reports whether nothing is different.
func (d Difference) Same() bool {
	return len(d.Reachable)+len(d.Unreachable)+len(d.Looser)+len(d.Stricter) == 0
}

// Diff compares two worlds by their matrices, over every path, command and
// host that either configuration names.
func Diff(before, next World) Difference {
	further := named(before.Posture)
	for _, g := range named(next.Posture) {
		if !slices.Contains(further, g) {
			further = append(further, g)
		}
	}
	out := Difference{Reachable: []Turn{}, Unreachable: []Turn{}, Looser: []posture.Change{}, Stricter: []posture.Change{}}
	out.Looser = append(out.Looser, posture.Loosens(before.Posture, next.Posture)...)
	out.Stricter = append(out.Stricter, posture.Loosens(next.Posture, before.Posture)...)
	a, b := before.Matrix(Scope{Further: further}), next.Matrix(Scope{Further: further})
	old := map[cellKey]Cell{}
	for _, c := range a.Cells {
		old[keyOf(c)] = c
	}
	for _, c := range b.Cells {
		k := keyOf(c)
		out.turn(old[k], c)
		delete(old, k)
	}
	for _, c := range a.Cells {
		if _, gone := old[keyOf(c)]; gone {
			none := c
			none.Verdict, none.Rule, none.Where, none.By = policy.Deny, "admission.gone", claw.ConfigRef{}, ""
			out.turn(c, none)
		}
	}
	return out
}

type cellKey struct {
	agent              claw.AgentID
	sender, capability string
	labels             claw.Labels
}

func keyOf(c Cell) cellKey { return cellKey{c.Agent, c.Sender, c.Capability, c.Labels} }

func (d *Difference) turn(was, is Cell) {
	if was.Verdict == is.Verdict {
		return
	}
	t := Turn{Agent: is.Agent, Sender: is.Sender, Labels: is.Labels, Capability: is.Capability, From: was.Verdict, To: is.Verdict, Rule: is.Rule, Where: is.Where, FromRule: was.Rule, By: is.By}
	if is.Verdict > was.Verdict {
		d.Reachable = append(d.Reachable, t)
	} else {
		d.Unreachable = append(d.Unreachable, t)
	}
}

// named are the effects that a posture's own rules speak of.
func named(p posture.Posture) []Goal {
	var out []Goal
	add := func(g Goal) {
		if g.Arg != "" && !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	for i := range p.Agents {
		r := &p.Agents[i].Rules
		for _, d := range r.Files.Deny {
			add(Goal{Kind: ReadFile, Arg: sample(d.Pattern)})
		}
		for _, root := range r.Confinement.ReadRoots {
			add(Goal{Kind: ReadFile, Arg: root})
		}
		for _, e := range r.Exec.Allowlist {
			add(Goal{Kind: Run, Arg: e.Text})
		}
		for _, h := range r.Egress.Hosts {
			host := strings.Replace(h.Host, "*", "a", 1)
			add(Goal{Kind: Get, Arg: host})
			add(Goal{Kind: Post, Arg: host})
		}
	}
	return out
}

// sample is a path that a pattern covers.
func sample(pattern string) string {
	return strings.ReplaceAll(strings.ReplaceAll(pattern, "**", "a"), "*", "a")
}
