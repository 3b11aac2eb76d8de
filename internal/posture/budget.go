package posture

import (
	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// budget of an agent. What the global block allows holds for all agents
// together; of the blocks for one agent the strictest holds.
func (b *builder) budget(own *config.Agent, guide *config.ToolSet) policy.BudgetRules {
	all := &b.c.Tools.Budget
	mine := []*config.Budget{&guide.Budget, &own.Tools.Budget}
	r := policy.BudgetRules{All: dayLimits(all), Loop: b.loops(own, guide)}
	for _, m := range mine {
		l := dayLimits(m)
		for _, k := range []budget.Kind{budget.Tokens, budget.Cost, budget.Calls, budget.Messages} {
			to := r.Own.Of(k)
			*to = stricter(*to, *l.Of(k))
		}
	}
	for _, m := range append(mine, all) {
		r.CallsPerTurn = stricter(r.CallsPerTurn, whole(m.CallsPerTurn))
	}
	if !r.CallsPerTurn.Set {
		r.CallsPerTurn = policy.Limit{Set: true, Max: config.DefaultCallsPerTurn}
	}
	return r
}

func dayLimits(b *config.Budget) policy.DayLimits {
	return policy.DayLimits{Tokens: whole(b.TokensPerDay), Cost: money(b.CostPerDay), Calls: whole(b.CallsPerDay), Messages: whole(b.MessagesPerDay)}
}

// whole is the limit of a number. One that was not understood allows nothing.
func whole(v config.Value[int]) policy.Limit {
	if !v.Set && !v.Invalid {
		return policy.Limit{}
	}
	l := policy.Limit{Set: true, Where: v.Ref}
	if v.Set {
		l.Max = max(0, int64(v.V))
	}
	return l
}

// money is the limit of an amount in dollars.
func money(v config.Value[float64]) policy.Limit {
	if !v.Set && !v.Invalid {
		return policy.Limit{}
	}
	l := policy.Limit{Set: true, Where: v.Ref}
	if v.Set {
		l.Max = budget.Nanos(v.V)
	}
	return l
}

func stricter(a, b policy.Limit) policy.Limit {
	if !a.Set || b.Set && b.Max < a.Max {
		return b
	}
	return a
}

// loops of an agent: of several blocks the strictest number holds, and what
// one switches on is on. Upstream has it off unless something switches it on.
func (b *builder) loops(own *config.Agent, guide *config.ToolSet) policy.LoopRules {
	blocks := []*config.LoopDetection{&own.Tools.LoopDetection, &guide.LoopDetection, &b.c.Tools.LoopDetection}
	pick := func(of func(*config.LoopDetection) config.Value[int], otherwise int) int {
		least := 0
		for _, l := range blocks {
			if v := of(l); v.Set && (least == 0 || v.V < least) {
				least = v.V
			}
		}
		if least == 0 {
			return otherwise
		}
		return least
	}
	on := func(of func(*config.LoopDetection) config.Value[bool], otherwise bool) bool {
		for _, l := range blocks {
			v := of(l)
			if v.Invalid || v.Set && v.V {
				return true
			}
			if v.Set {
				otherwise = false
			}
		}
		return otherwise
	}
	r := policy.LoopRules{
		Enabled:  on(func(l *config.LoopDetection) config.Value[bool] { return l.Enabled }, b.w.Owner == Ours),
		Warning:  pick(func(l *config.LoopDetection) config.Value[int] { return l.Warning }, config.DefaultLoopWarning),
		Critical: pick(func(l *config.LoopDetection) config.Value[int] { return l.Critical }, config.DefaultLoopCritical),
		Breaker:  pick(func(l *config.LoopDetection) config.Value[int] { return l.Breaker }, config.DefaultLoopBreaker),
		Detectors: budget.Detectors{
			Repeat:   on(func(l *config.LoopDetection) config.Value[bool] { return l.Detectors.Repeat }, true),
			Poll:     on(func(l *config.LoopDetection) config.Value[bool] { return l.Detectors.Poll }, true),
			PingPong: on(func(l *config.LoopDetection) config.Value[bool] { return l.Detectors.PingPong }, true),
		},
		Where: firstRef(blocks),
	}
	// Several blocks, or one that was not understood, may leave them out of
	// order: an earlier step is never later than the next.
	r.Critical = min(r.Critical, r.Breaker)
	r.Warning = min(r.Warning, r.Critical)
	// Fewer calls than the last threshold would never reach it.
	r.History = max(r.Breaker, pick(func(l *config.LoopDetection) config.Value[int] { return l.History }, config.DefaultLoopHistory))
	return r
}

func firstRef(blocks []*config.LoopDetection) claw.ConfigRef {
	for _, l := range blocks {
		if l.Origin.Set || l.Origin.Invalid {
			return l.Origin.Ref
		}
	}
	return claw.ConfigRef{}
}
