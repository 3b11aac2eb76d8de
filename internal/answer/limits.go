package answer

import (
	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Limit is one limit of an agent with what was used of it today. Money is in
// US dollars.
type Limit struct {
	// Key is the one that sets it, beneath tools.budget.
	Key string `json:"key"`
	// Whose day it is: "agent", or "all" for all agents together.
	Whose string  `json:"whose"`
	Max   float64 `json:"max"`
	// Used counts what is set aside too; nil when nobody knows.
	Used *float64 `json:"used,omitempty"`
	Left *float64 `json:"left,omitempty"`
	// Where it is configured; empty for one that nobody wrote down.
	Where claw.ConfigRef `json:"where,omitzero"`
}

// Used is what an agent, and all agents together, have used of a day.
type Used struct{ Own, All budget.Use }

// Limits lists the limits of an agent's rules, with what was used of them when
// that is known.
func Limits(r *policy.Rules, used *Used) []Limit {
	out := []Limit{}
	add := func(key, whose string, k budget.Kind, l policy.Limit, u *budget.Use) {
		if !l.Set {
			return
		}
		e := Limit{Key: key, Whose: whose, Max: inUnits(k, l.Max), Where: l.Where}
		if u != nil {
			n := k.Of(*u)
			now, left := inUnits(k, n), inUnits(k, max(0, l.Max-n))
			e.Used, e.Left = &now, &left
		}
		out = append(out, e)
	}
	var own, all *budget.Use
	if used != nil {
		own, all = &used.Own, &used.All
	}
	for _, s := range []struct {
		whose  string
		limits *policy.DayLimits
		used   *budget.Use
	}{{"agent", &r.Budget.Own, own}, {"all", &r.Budget.All, all}} {
		for _, k := range []budget.Kind{budget.Tokens, budget.Cost, budget.Calls, budget.Messages} {
			add(keyOfLimit(k), s.whose, k, *s.limits.Of(k), s.used)
		}
	}
	add("callsPerTurn", "agent", budget.Calls, r.Budget.CallsPerTurn, nil)
	return out
}

func keyOfLimit(k budget.Kind) string {
	switch k {
	case budget.Tokens:
		return "tokensPerDay"
	case budget.Cost:
		return "costPerDay"
	case budget.Calls:
		return "callsPerDay"
	case budget.Messages:
		return "messagesPerDay"
	case budget.None:
	}
	return ""
}

func inUnits(k budget.Kind, n int64) float64 {
	if k == budget.Cost {
		return budget.Dollars(n)
	}
	return float64(n)
}
