package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/filter/inject"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// quote looks at content that a call has read. What reads like orders to a
// model came from outside, wherever it lay, but for the files whose orders are
// the operator's and closed to agents; what came from outside is quoted.
func (g *Gate) quote(c Call, q policy.Request, out *Outcome, content string) {
	if out.Note = Finding(content); out.Note != "" && !g.instructions(c, q) {
		out.Labels |= claw.Untrusted
	}
	if out.Labels.Has(claw.Untrusted) {
		out.Text = g.opt.Wrap(out.Text, out.From)
	}
}

// instructions reports a read of nothing but steering files and skills whose
// text the operator took as instructions.
func (g *Gate) instructions(c Call, q policy.Request) bool {
	rules, ok := g.opt.Rules(c.Agent)
	return ok && q.Facts.Exec == nil && len(q.Facts.Reads) > 0 && !slices.ContainsFunc(q.Facts.Reads, func(p policy.Path) bool {
		s, ok := policy.SkillAt(rules.Skills, p.Abs)
		return !rules.Files.Steers(p.Abs) && !(ok && s.Trusted)
	})
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
