package answer

import (
	"slices"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Effective is the policy of one agent as it takes effect, each part with the
// place that it comes from.
type Effective struct {
	Agent     claw.AgentID   `json:"agent"`
	Default   bool           `json:"default,omitempty"`
	Workspace string         `json:"workspace"`
	Surfaces  []claw.Surface `json:"surfaces"` // null: all
	// SurfacesRef and the others name the configuration that says so.
	SurfacesRef claw.ConfigRef     `json:"surfacesWhere,omitzero"`
	Doors       []string           `json:"doors"`
	Tools       []EffectiveTool    `json:"tools"`
	Files       policy.FileRules   `json:"files"`
	Exec        policy.ExecRules   `json:"exec"`
	Egress      policy.EgressRules `json:"egress"`
	Flow        policy.FlowRules   `json:"flow"`
	Elsewhere   bool               `json:"sendElsewhere"`
	// ElsewhereRef says where sending to other conversations was opened.
	ElsewhereRef claw.ConfigRef     `json:"sendElsewhereWhere,omitzero"`
	Confinement  policy.Confinement `json:"confinement"`
	Guarantees   []string           `json:"guarantees"`
	Budget       []Limit            `json:"budget"`
	Loops        policy.LoopRules   `json:"loopDetection"`
	Generation   string             `json:"generation"`
}

// EffectiveTool is one tool with the layer that gives or refuses it.
type EffectiveTool struct {
	Tool      claw.ToolName  `json:"tool"`
	Verdict   policy.Verdict `json:"verdict"`
	Rule      policy.RuleID  `json:"rule"`
	From      string         `json:"from"`
	Where     claw.ConfigRef `json:"where,omitzero"`
	OwnerOnly bool           `json:"ownerOnly,omitempty"`
	NotBuilt  bool           `json:"notBuilt,omitempty"`
}

// Show lists the effective policy of one agent, or of all.
func (w *World) Show(only claw.AgentID) []Effective {
	out := []Effective{}
	for _, a := range w.agents(only) {
		r := &a.Rules
		e := Effective{Agent: a.ID, Default: a.ID == w.Posture.Default(), Workspace: a.Workspace, Surfaces: r.Surfaces, SurfacesRef: r.SurfacesRef, Doors: []string{},
			Files: r.Files, Exec: r.Exec, Egress: r.Egress, Flow: r.Flow, Elsewhere: r.SendElsewhere, ElsewhereRef: r.SendElsewhereRef,
			Confinement: r.Confinement, Guarantees: r.Confinement.Level.Guarantees().Names(), Budget: Limits(r, w.used(a.ID)), Loops: r.Budget.Loop, Generation: r.Generation}
		for i := range w.Doors {
			d := &w.Doors[i]
			routed := d.Agents == nil || slices.ContainsFunc(d.Agents, func(x Route) bool { return x.Agent == a.ID })
			if d.Closed == "" && routed && (r.Surfaces == nil || slices.Contains(r.Surfaces, d.Surface)) {
				e.Doors = append(e.Doors, d.Name())
			}
		}
		for _, t := range w.tools(r) {
			e.Tools = append(e.Tools, w.tool(r, t))
		}
		out = append(out, e)
	}
	return out
}

// tools are the names that any layer or this program knows.
func (w *World) tools(r *policy.Rules) []claw.ToolName {
	out := slices.Clone(w.Built)
	for i := range r.Tools {
		for _, set := range []map[claw.ToolName]bool{r.Tools[i].Allow, r.Tools[i].Deny} {
			for t, on := range set {
				if on {
					out = append(out, t)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (w *World) tool(r *policy.Rules, t claw.ToolName) EffectiveTool {
	owner := policy.Request{Agent: r.Agent, Tool: t, Generation: r.Generation, Facts: policy.Facts{Understood: true},
		Principal: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}}
	rules := *r
	rules.Surfaces = nil
	d := policy.Decide(rules, owner)
	e := EffectiveTool{Tool: t, Verdict: d.Verdict, Rule: d.Rule, From: d.Reason, Where: d.Where, NotBuilt: w.notBuilt(t)}
	if d.Verdict == policy.Allow && len(r.Tools) > 0 {
		l := &r.Tools[0] // what the first layer gives, later ones only take
		e.From, e.Where = l.Name, l.Gives(t)
		if e.Where != l.Where {
			e.From = "an entry of its own"
		}
	}
	owner.Principal.Standing = claw.Paired
	e.OwnerOnly = d.Verdict != policy.Deny && policy.Judge(&rules, &owner).Verdict == policy.Deny
	return e
}
