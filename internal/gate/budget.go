package gate

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// Ledger counts what agents use. Whatever it sets aside for one request is not
// there for another, in whichever session.
type Ledger interface {
	// Reserve sets aside what a request can come to, as far as the caps of the
	// agent and those of all agents together leave it. An error means that
	// nobody knows what was used.
	Reserve(agent claw.AgentID, s budget.Spend, own, all budget.Caps) (budget.Claim, error)
	// Keep has what is set aside count as used after a crash.
	Keep(t budget.Ticket) error
	// Settle replaces what was set aside by what was used. After an error what
	// was used is not on disk.
	Settle(t budget.Ticket, used budget.Use) error
	// Release frees what was set aside; nothing was used.
	Release(t budget.Ticket)
}

// Turn is what one turn called so far. The zero value is a turn that has
// called nothing. Its calls come one after the other.
type Turn struct {
	calls   int64
	history budget.History
}

// claim is what one call was given of a budget, and what it looks like among
// the calls of its turn.
type claim struct {
	ledger Ledger
	budget.Claim
	turn *Turn
	loop policy.LoopRules
	mark budget.Mark
	poll bool
	// done: there is nothing left to give back.
	done bool
}

// claim sets aside what a call would use, and puts the counts before it into
// the request. A call that has no effect, since it could not be worked out,
// uses nothing.
func (g *Gate) claim(c Call, q *policy.Request, rules *policy.Rules, p tool.Prepared) *claim {
	out := &claim{ledger: g.opt.Ledger, turn: c.Turn, loop: rules.Budget.Loop, done: true}
	if p.Run == nil {
		return out
	}
	if c.Turn != nil {
		out.mark, out.poll = budget.MarkOf([]byte(q.Tool), q.Arguments), budget.Polls(q.Tool, actionOf(q.Arguments))
		q.Budget.Turn = c.Turn.calls
		q.Budget.Loop = c.Turn.history.Look(out.mark, out.poll, out.loop.Detectors)
	}
	q.Budget.Messages = int64(len(q.Facts.Sends))
	g.reserve(out, q.Agent, budget.Use{Calls: 1, Messages: q.Budget.Messages}, rules, &q.Budget)
	return out
}

// reserve sets aside calls and messages.
func (g *Gate) reserve(out *claim, agent claw.AgentID, use budget.Use, rules *policy.Rules, facts *policy.BudgetFacts) {
	only := func(d policy.DayLimits) budget.Caps {
		c := d.Caps()
		return budget.Caps{Calls: c.Calls, Messages: c.Messages}
	}
	out.Claim = g.count(agent, budget.Spend{In: use}, only(rules.Budget.Own), only(rules.Budget.All), facts)
	out.done = out.Ticket == 0
}

// count asks the ledger and writes down what it says.
func (g *Gate) count(agent claw.AgentID, s budget.Spend, own, all budget.Caps, facts *policy.BudgetFacts) budget.Claim {
	if g.opt.Ledger == nil {
		facts.Unknown = "this gateway keeps no ledger"
		return budget.Claim{}
	}
	c, err := g.opt.Ledger.Reserve(agent, s, own, all)
	if err != nil {
		facts.Unknown = err.Error()
		return budget.Claim{}
	}
	facts.Own, facts.All = c.Own, c.All
	if own.Limited() || all.Limited() {
		facts.Resets, _ = c.Day.Ends(g.opt.Now().Location())
	}
	return c
}

func actionOf(args json.RawMessage) string {
	var a struct {
		Action string `json:"action"`
	}
	_ = json.Unmarshal(args, &a) // what has no action is no poll
	return a.Action
}

// release gives back what was not used. It may be called at any time.
func (c *claim) release() {
	if c != nil && !c.done {
		c.done = true
		c.ledger.Release(c.Ticket)
	}
}

// spend uses what was set aside; it is on disk when nil is returned. It comes
// before the effect: nobody can say afterwards that there was none.
func (c *claim) spend() error {
	if c == nil {
		return nil
	}
	if c.turn != nil {
		c.turn.calls++
	}
	if c.done {
		return nil
	}
	c.done = true
	return c.ledger.Settle(c.Ticket, c.Held)
}

// unrecorded refuses an effect for which the ledger could not be written.
func unrecorded(d policy.Decision, err error) policy.Decision {
	d.Verdict, d.Rule = policy.Deny, policy.RuleBudgetUnknown
	d.Reason, d.Hint = "there is a limit for the day, and what this would use cannot be written down", err.Error()
	return d
}

// brought notes what a call gave, and warns the model when that is always the
// same.
func (c *claim) brought(q *policy.Request, out *Outcome, text string) {
	if c == nil || c.turn == nil || !c.loop.Enabled {
		return
	}
	c.turn.history.Add(c.mark, budget.MarkOf([]byte(text), []byte(out.Status), []byte{flagOf(out.IsError)}), c.loop.History)
	if c.loop.Warns(q.Budget.Loop) {
		out.Text += fmt.Sprintf("\n[gateway] warning: %s. Do something else, or end your turn and say what is missing.", policy.LoopWords(q.Budget.Loop))
	}
}

func flagOf(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// refused notes a call that a rule about loops refused: it brought nothing new
// either.
func (c *claim) refused(d policy.Decision) {
	if c != nil && c.turn != nil && d.Rule.OfLoop() {
		c.turn.history.Again(c.mark, c.loop.History)
	}
}

// ModelCall is a request to a model that somebody is paid for.
type ModelCall struct {
	Agent     claw.AgentID
	Session   claw.SessionKey
	Run       claw.RunID
	Principal claw.Principal
	Model     claw.ModelRef
	// Spend is the most that it can come to.
	Spend budget.Spend
	// Priced is false when nobody knows the price.
	Priced bool
}

// Hold is what a request to a model may use.
type Hold struct {
	claim
	// Limited: no more than Units may come back.
	Limited bool
}

// Settle records what the request came to. It must be called once, however the
// request ended.
func (h *Hold) Settle(used budget.Use) error {
	if h.done {
		return nil
	}
	h.done = true
	return h.ledger.Settle(h.Ticket, used)
}

// Afford judges a request to a model by what is left, before a byte of it
// leaves. Unless the decision allows it, it must not be made. A refusal is
// recorded; an error means that it could not be.
func (g *Gate) Afford(ctx context.Context, m ModelCall) (*Hold, policy.Decision, error) {
	rules, _ := g.opt.Rules(m.Agent)
	q := policy.ModelCall{Agent: m.Agent, Model: m.Model, Priced: m.Priced, Need: m.Spend.Floor()}
	only := func(d policy.DayLimits) budget.Caps {
		c := d.Caps()
		return budget.Caps{Tokens: c.Tokens, Nanos: c.Nanos}
	}
	own, all := only(rules.Budget.Own), only(rules.Budget.All)
	h := &Hold{claim: claim{ledger: g.opt.Ledger}, Limited: own.Limited() || all.Limited()}
	if !h.Limited {
		m.Spend = budget.Spend{} // what nobody limits is counted afterwards
	}
	h.Claim = g.count(m.Agent, m.Spend, own, all, &q.Budget)
	h.done = h.Ticket == 0
	d := policy.DecideModel(rules, q)
	if d.Verdict == policy.Allow && !h.done {
		if err := h.ledger.Keep(h.Ticket); err != nil {
			d = unrecorded(d, err)
		}
	}
	if d.Verdict == policy.Allow {
		return h, d, nil
	}
	h.release()
	_, err := g.append(ctx, Call{Agent: m.Agent, Session: m.Session, Run: m.Run, Principal: m.Principal}, journal.ModelCall, journal.Single, 0, policy.Digest{}, struct {
		Model   claw.ModelRef      `json:"model"`
		Verdict policy.Verdict     `json:"verdict"`
		Rule    policy.RuleID      `json:"rule"`
		Reason  string             `json:"reason"`
		Where   claw.ConfigRef     `json:"where,omitzero"`
		Need    budget.Use         `json:"need"`
		Budget  policy.BudgetFacts `json:"budget"`
	}{m.Model, d.Verdict, d.Rule, d.Reason, d.Where, q.Need, q.Budget})
	return h, d, err
}

// withBudgetStep has a trace for people say also that no limit bears on a call.
func withBudgetStep(d policy.Decision) policy.Decision {
	for _, s := range d.Trace {
		if s.Layer == policy.LayerBudget {
			return d
		}
	}
	d.Trace = append(d.Trace, policy.Step{Layer: policy.LayerBudget, Verdict: policy.Allow, Rule: "budget.no_limit", Reason: "no limit of the day bears on this call"})
	return d
}
