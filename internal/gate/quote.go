package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/filter/inject"
)

// quote looks at content that a call has read. What reads like orders to a
// model came from outside, wherever it lay; what came from outside is quoted.
func (g *Gate) quote(out *Outcome, content string) {
	if out.Note = Finding(content); out.Note != "" {
		out.Labels |= claw.Untrusted
	}
	if out.Labels.Has(claw.Untrusted) {
		out.Text = g.opt.Wrap(out.Text, out.From)
	}
}

// maxRules bounds the rules that a finding names.
const maxRules = 4

// Finding says, for people, what in a text reads like orders to a model; ""
// when nothing does. It is a mark, never a permission (DESIGN §4).
func Finding(text string) string {
	r := inject.Look(text)
	if !r.Marked() {
		return ""
	}
	slices.SortStableFunc(r.Signals, func(a, b inject.Signal) int { return b.Weight - a.Weight })
	var rules []string
	for _, s := range r.Signals {
		if !slices.Contains(rules, s.Rule) && len(rules) < maxRules {
			rules = append(rules, s.Rule)
		}
	}
	return fmt.Sprintf("reads like orders to a model: %s (score %d)", strings.Join(rules, ", "), r.Score)
}
