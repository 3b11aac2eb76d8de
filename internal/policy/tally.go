package policy

import (
	"strconv"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Ruling is a decision without words: what was decided, by which rule, where.
// The zero Ruling denies.
type Ruling struct {
	Verdict Verdict        `json:"verdict"`
	Layer   Layer          `json:"layer"`
	Rule    RuleID         `json:"rule"`
	Where   claw.ConfigRef `json:"where,omitzero"`
}

// tally gathers what the layers say. Without trace it keeps what decides and
// writes down nothing; the zero tally denies.
type tally struct {
	trace bool
	steps []Step

	n int
	// worst is the first of the strictest, last the newest, telling the newest
	// of a layer that says more about an allowed call than its name.
	worst, last, telling       Ruling
	worstAt, lastAt, tellingAt int
	hasTelling                 bool
}

// add takes one layer's word. words is called only for a trace.
func (t *tally) add(layer Layer, v Verdict, rule RuleID, where claw.ConfigRef, words func() (reason, hint string)) {
	t.note(Ruling{Verdict: v, Layer: layer, Rule: rule, Where: where})
	if t.trace {
		s := Step{Layer: layer, Verdict: v, Rule: rule, Where: where}
		s.Reason, s.Hint = words()
		t.steps = append(t.steps, s)
	}
}

// step takes a layer's word that is written out already.
func (t *tally) step(s Step) {
	t.note(Ruling{Verdict: s.Verdict, Layer: s.Layer, Rule: s.Rule, Where: s.Where})
	if t.trace {
		t.steps = append(t.steps, s)
	}
}

func (t *tally) note(r Ruling) {
	if t.n == 0 || r.Verdict < t.worst.Verdict {
		t.worst, t.worstAt = r, t.n
	}
	if r.Layer != LayerBudget || t.n == 0 {
		t.last, t.lastAt = r, t.n // that something is left is no reason for a call
	}
	if r.Layer == LayerExec || r.Layer == LayerEgress || r.Layer == LayerFiles {
		t.telling, t.tellingAt, t.hasTelling = r, t.n, true
	}
	t.n++
}

// deciding names the step that decided: the first of the strictest. The most
// telling rule of an allowed call is the last specific one.
func (t *tally) deciding() (Ruling, int) {
	switch {
	case t.n == 0:
		return Ruling{Rule: "policy.no_layers"}, -1
	case t.worst.Verdict != Allow:
		return t.worst, t.worstAt
	case t.hasTelling:
		return t.telling, t.tellingAt
	}
	return t.last, t.lastAt
}

func (t *tally) ruling() Ruling {
	r, _ := t.deciding()
	return r
}

func (t *tally) decision(c Confinement, d Digest) Decision {
	r, at := t.deciding()
	if at < 0 {
		return Decision{Rule: r.Rule, Reason: "no rule was consulted", Digest: d}
	}
	s := t.steps[at]
	return Decision{Verdict: r.Verdict, Rule: r.Rule, Reason: s.Reason, Hint: s.Hint, Where: r.Where, Trace: t.steps, Digest: d, Confinement: c}
}

// conclude makes a decision of steps: the first of the strictest.
func conclude(steps []Step, c Confinement, d Digest) Decision {
	t := tally{trace: true, steps: make([]Step, 0, len(steps))}
	for _, s := range steps {
		t.step(s)
	}
	return t.decision(c, d)
}

// say writes a name in quotes between texts: what most steps of an allowed
// call need, without the cost of a format.
func say(before, name, after, rest string) string {
	var few [160]byte
	b := strconv.AppendQuote(append(few[:0], before...), name)
	b = append(b, after...)
	return string(append(b, rest...))
}

// sayTwo is say with a second name.
func sayTwo(before, name, between, second string) string {
	var few [160]byte
	b := strconv.AppendQuote(append(few[:0], before...), name)
	return string(strconv.AppendQuote(append(b, between...), second))
}
