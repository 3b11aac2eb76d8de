package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// BudgetRules are what an agent may use, and how often it may ask for the same
// thing. The zero value bounds nothing.
type BudgetRules struct {
	CallsPerTurn Limit `json:"callsPerTurn,omitzero"`
	// Own bounds this agent's day, All that of all agents together.
	Own  DayLimits `json:"own,omitzero"`
	All  DayLimits `json:"all,omitzero"`
	Loop LoopRules `json:"loop,omitzero"`
}

// DayLimits are the limits of a day. Cost is in billionths of a US dollar.
type DayLimits struct {
	Tokens   Limit `json:"tokens,omitzero"`
	Cost     Limit `json:"cost,omitzero"`
	Calls    Limit `json:"calls,omitzero"`
	Messages Limit `json:"messages,omitzero"`
}

// Limit is the most of something. Without Set there is none.
type Limit struct {
	Set   bool           `json:"set,omitempty"`
	Max   int64          `json:"max,omitempty"`
	Where claw.ConfigRef `json:"where,omitzero"`
}

func (l Limit) cap() budget.Cap { return budget.Cap{Set: l.Set, Max: l.Max} }

// Caps are the limits as a ledger takes them.
func (d DayLimits) Caps() budget.Caps {
	return budget.Caps{Tokens: d.Tokens.cap(), Nanos: d.Cost.cap(), Calls: d.Calls.cap(), Messages: d.Messages.cap()}
}

// Of is the limit of one kind.
func (d *DayLimits) Of(k budget.Kind) *Limit {
	switch k {
	case budget.Tokens:
		return &d.Tokens
	case budget.Cost:
		return &d.Cost
	case budget.Calls:
		return &d.Calls
	case budget.Messages:
		return &d.Messages
	case budget.None:
	}
	return &Limit{}
}

// LoopRules are tools.loopDetection. The zero value looks at nothing.
type LoopRules struct {
	Enabled bool `json:"enabled,omitempty"`
	// History is how many calls of a turn are looked at.
	History   int              `json:"history,omitempty"`
	Warning   int              `json:"warning,omitempty"`
	Critical  int              `json:"critical,omitempty"`
	Breaker   int              `json:"breaker,omitempty"`
	Detectors budget.Detectors `json:"detectors,omitzero"`
	Where     claw.ConfigRef   `json:"where,omitzero"`
}

// BudgetFacts are the counts at the moment of a decision. They say nothing of
// what a call would do, so no digest covers them: when a question was answered
// they are counted anew.
type BudgetFacts struct {
	// Turn is how many calls of the turn were let through before.
	Turn int64 `json:"turn,omitempty"`
	// Own and All are what was used and set aside this day before, by this
	// agent and by all of them together.
	Own budget.Use `json:"own,omitzero"`
	All budget.Use `json:"all,omitzero"`
	// Messages that this request would send.
	Messages int64 `json:"messages,omitempty"`
	// Loop is what the turn's calls look like with this one.
	Loop budget.Finding `json:"loop,omitzero"`
	// Resets is when a new day begins.
	Resets time.Time `json:"resets,omitzero"`
	// Unknown says why nobody can tell what was used; "" when it is known.
	Unknown string `json:"unknown,omitempty"`
}

// Rules about budgets that callers act on.
const (
	RuleCallsPerTurn  = "budget.calls_per_turn"
	RuleCallsPerDay   = "budget.calls_per_day"
	RuleBreaker       = "loop.circuit_breaker"
	RuleUnpriced      = "budget.unpriced_model"
	RuleBudgetUnknown = "budget.unknown"
)

// EndsTurn reports whether there is no use in going on with a turn after a
// refusal by this rule.
func (r RuleID) EndsTurn() bool {
	switch r {
	case RuleCallsPerTurn, RuleCallsPerDay, RuleBreaker, RuleBudgetUnknown:
		return true
	}
	return false
}

// OfLoop reports a rule about calls that bring nothing new.
func (r RuleID) OfLoop() bool { return strings.HasPrefix(string(r), "loop.") }

// OfBudget reports a rule about a limit that is reached.
func (r RuleID) OfBudget() bool { return strings.HasPrefix(string(r), "budget.") }

// budget is the last layer: whether there is anything left, and whether the
// call can still bring something.
func (t *tally) budget(r *BudgetRules, q *Request) {
	b := &q.Budget
	t.loop(&r.Loop, b.Loop)
	t.limit(&r.CallsPerTurn, RuleCallsPerTurn, b, b.Turn, 1, "tool calls in a turn", "")
	t.day(r, budget.Calls, RuleCallsPerDay, b, 1)
	t.messages(r, q)
}

func (t *tally) messages(r *BudgetRules, q *Request) {
	t.day(r, budget.Messages, "budget.messages_per_day", &q.Budget, q.Budget.Messages)
}

// day judges one kind by the limits of the agent and of all agents.
func (t *tally) day(r *BudgetRules, k budget.Kind, rule RuleID, b *BudgetFacts, want int64) {
	for i := range 2 {
		limits, used, whose := &r.Own, &b.Own, "this agent"
		if i == 1 {
			limits, used, whose = &r.All, &b.All, "all agents together"
		}
		l := limits.Of(k)
		if l.Set && want > 0 && b.Unknown != "" {
			t.unknown(l, b)
			return
		}
		t.limit(l, rule, b, k.Of(*used), want, kindWords(k), whose)
	}
}

func (t *tally) unknown(l *Limit, b *BudgetFacts) {
	why := b.Unknown
	where := l.Where
	t.add(LayerBudget, Deny, RuleBudgetUnknown, where, func() (string, string) {
		return "there is a limit for the day, and what was used of it is not known", why
	})
}

// limit judges one number. whose is "" for what counts within a turn.
func (t *tally) limit(l *Limit, rule RuleID, b *BudgetFacts, used, want int64, what, whose string) {
	if !l.Set || want <= 0 {
		return
	}
	over := used > l.Max || want > l.Max-used
	if !over && l.Where.Pointer == "" {
		return // a limit that nobody wrote down needs no mention before it bites
	}
	v, most, where, resets := Allow, l.Max, l.Where, b.Resets
	if over {
		v = Deny
	}
	t.add(LayerBudget, v, rule, where, func() (string, string) {
		if !over {
			return fmt.Sprintf("%s of %s are used", amount(what, used), amount(what, most)) + ofWhom(whose), ""
		}
		return overWords(what, whose, used, want, most, resets), "raise " + keyOf(where, rule) + " if more should be possible"
	})
}

// overWords say that a limit is reached: what, how much, until when.
func overWords(what, whose string, used, want, most int64, resets time.Time) string {
	text := fmt.Sprintf("the limit of %s %s%s is reached: %s are used", amount(what, most), what, ofWhom(whose), amount(what, used))
	if want > 1 {
		text += fmt.Sprintf(" or set aside, and this needs up to %s", amount(what, want))
	}
	if whose != "" && !resets.IsZero() {
		text += "; it begins anew at " + resets.Format("2006-01-02 15:04 MST")
	}
	return text
}

func ofWhom(whose string) string {
	if whose == "" {
		return ""
	}
	return " for " + whose
}

func keyOf(where claw.ConfigRef, rule RuleID) string {
	if where.Pointer != "" {
		return where.String()
	}
	return "tools.budget." + map[RuleID]string{RuleCallsPerTurn: "callsPerTurn"}[rule]
}

// costWords is what money is called in texts.
const costWords = "US dollars a day"

func kindWords(k budget.Kind) string {
	switch k {
	case budget.Tokens:
		return "model tokens a day"
	case budget.Cost:
		return costWords
	case budget.Calls:
		return "tool calls a day"
	case budget.Messages:
		return "messages a day"
	case budget.None:
	}
	return ""
}

// amount writes a number of something for people.
func amount(what string, n int64) string {
	if what == costWords {
		return strconv.FormatFloat(budget.Dollars(n), 'f', -1, 64)
	}
	return strconv.FormatInt(n, 10)
}

// loop judges a call by what the turn called before.
func (t *tally) loop(r *LoopRules, f budget.Finding) {
	if !r.Enabled {
		return
	}
	switch where := r.Where; {
	case r.Breaker > 0 && f.Still >= r.Breaker:
		t.add(LayerBudget, Deny, RuleBreaker, where, func() (string, string) {
			return fmt.Sprintf("%d calls in a row brought nothing new", f.Still), "see what the agent was after; tools.loopDetection.globalCircuitBreakerThreshold is the number"
		})
	case r.Critical > 0 && f.Times >= r.Critical:
		t.add(LayerBudget, Deny, "loop."+RuleID(f.Pattern), where, func() (string, string) {
			return LoopWords(f), "tools.loopDetection.criticalThreshold is the number from which it is refused"
		})
	case r.Warns(f):
		t.add(LayerBudget, Allow, "loop.warning", where, func() (string, string) { return LoopWords(f), "" })
	}
}

// Warns reports whether a model should be told what its calls look like.
func (r *LoopRules) Warns(f budget.Finding) bool {
	return r.Enabled && r.Warning > 0 && f.Times >= r.Warning
}

// LoopWords say what a turn's calls look like.
func LoopWords(f budget.Finding) string {
	switch f.Pattern {
	case budget.Poll:
		return fmt.Sprintf("this looks for the %d. time at something that does not change", f.Times)
	case budget.PingPong:
		return fmt.Sprintf("%d calls in a row went to and fro between two calls without a new result", f.Times)
	case budget.Repeat, budget.NoPattern:
	}
	return fmt.Sprintf("this is the same call for the %d. time in this turn, with the same result each time", f.Times)
}

// ModelCall is a request to a model that is to be paid for.
type ModelCall struct {
	Agent claw.AgentID
	Model claw.ModelRef
	// Need is the least that must be left for it.
	Need budget.Use
	// Priced is false for a model whose price nobody knows.
	Priced bool
	Budget BudgetFacts
}

// DecideModel judges a request to a model by what is left for it. A model
// without a price is refused under any limit in money.
func DecideModel(r Rules, m ModelCall) Decision {
	t := tally{trace: true}
	if r.Agent == "" || r.Agent != m.Agent {
		t.add(LayerSurface, Deny, "surface.unknown_agent", claw.ConfigRef{}, func() (string, string) {
			return fmt.Sprintf("no rules are in force for agent %q", m.Agent), ""
		})
		return t.decision(Confinement{}, Digest{})
	}
	b := &r.Budget
	for _, l := range []*Limit{&b.Own.Cost, &b.All.Cost} {
		if l.Set && !m.Priced {
			t.add(LayerBudget, Deny, RuleUnpriced, l.Where, func() (string, string) {
				provider, name, _ := strings.Cut(string(m.Model), "/")
				return fmt.Sprintf("the price of model %q is not known, and there is a limit in money", m.Model),
					fmt.Sprintf("name its price in models.providers.%s.models (id %q, cost.input and cost.output in US dollars per million tokens; 0 for a local one), or take %s away", provider, name, l.Where)
			})
			break
		}
	}
	t.day(b, budget.Tokens, "budget.tokens_per_day", &m.Budget, m.Need.Tokens)
	t.day(b, budget.Cost, "budget.cost_per_day", &m.Budget, m.Need.Nanos)
	if t.n == 0 {
		t.add(LayerBudget, Allow, "budget.no_limit", claw.ConfigRef{}, func() (string, string) { return "no limit bears on it", "" })
	}
	return t.decision(Confinement{}, Digest{})
}
