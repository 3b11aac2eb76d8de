package policy

import (
	"encoding/json"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Recorded is a decision as the journal keeps it: the whole request but for
// contents and secrets, so that history can be judged again under other rules.
// Who asked stands in the journal's entry itself.
type Recorded struct {
	Tool       claw.ToolName   `json:"tool"`
	Verdict    Verdict         `json:"verdict"`
	Rule       RuleID          `json:"rule"`
	Reason     string          `json:"reason,omitempty"`
	Where      claw.ConfigRef  `json:"where,omitzero"`
	Labels     claw.Labels     `json:"labels"`
	Generation string          `json:"generation"`
	Arguments  json.RawMessage `json:"arguments,omitempty"`
	Facts      Facts           `json:"facts"`
	Trace      []TraceStep     `json:"trace,omitempty"`
	Unattended bool            `json:"unattended,omitempty"`
	Budget     BudgetFacts     `json:"budget,omitzero"`
	// Masked: a secret was taken out of what the decision was made on, so it
	// can be made again only where that part does not matter.
	Masked bool `json:"masked,omitempty"`
	// Unprepared: the call was refused before anybody worked out what it would
	// do, so Facts say nothing.
	Unprepared bool `json:"unprepared,omitempty"`
}

// TraceStep is a step of the trace without words.
type TraceStep struct {
	Layer   Layer   `json:"layer"`
	Verdict Verdict `json:"verdict"`
	Rule    RuleID  `json:"rule"`
}

// Record makes the record of a decision. The caller masks what it holds.
func Record(q Request, d Decision) Recorded {
	r := Recorded{Tool: q.Tool, Verdict: d.Verdict, Rule: d.Rule, Reason: d.Reason, Where: d.Where, Labels: q.Labels, Generation: q.Generation,
		Arguments: q.Arguments, Facts: q.Facts, Unattended: q.Unattended, Budget: q.Budget}
	for _, s := range d.Trace {
		r.Trace = append(r.Trace, TraceStep{s.Layer, s.Verdict, s.Rule})
	}
	return r
}

// Caller is who made a recorded call and when in which conversation: what the
// journal's entry says beside the record.
type Caller struct {
	Agent     claw.AgentID
	Session   claw.SessionKey
	Run       claw.RunID
	Call      claw.CallID
	Principal claw.Principal
}

// Request rebuilds the request of a record. Under the rules that it was made
// under it gets the verdict, rule and trace that it got; its digest is
// another one, since a record has no nonce and no contents.
func (r *Recorded) Request(c Caller) Request {
	return Request{Agent: c.Agent, Session: c.Session, Run: c.Run, Call: c.Call, Tool: r.Tool, Arguments: r.Arguments, Principal: c.Principal,
		Labels: r.Labels, Facts: r.Facts, Unattended: r.Unattended, Generation: r.Generation, Budget: r.Budget}
}

// RuleDeniedBefore is the gate's own rule: a person has refused this very call
// in this session. Policy had asked.
const RuleDeniedBefore = "approval.denied_before"

// Further rules of the gate's own, by which a person is spared a question.
const (
	RuleDeniedAlike = "approval.denied_alike"
	RulePaused      = "approval.paused"
	RuleTooMany     = "approval.too_many"
	RuleTooOften    = "approval.too_often"
)

// spared reports whether a rule only says that nobody was asked.
func spared(r RuleID) bool {
	switch r {
	case RuleDeniedBefore, RuleDeniedAlike, RulePaused, RuleTooMany, RuleTooOften:
		return true
	}
	return false
}

// RuleBadCall is the gate's own rule: the tool could not read the call.
const RuleBadCall = "tools.bad_call"

// Decided is what policy said, whatever a person's earlier answer made of it.
func (r *Recorded) Decided() Verdict {
	if !spared(r.Rule) || len(r.Trace) == 0 {
		return r.Verdict
	}
	v := Allow
	for _, s := range r.Trace {
		if !spared(s.Rule) {
			v = min(v, s.Verdict)
		}
	}
	return v
}
