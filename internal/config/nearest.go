package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/json5"
)

// unknown judges a key that no table has. In a guard it is an error; outside
// it is kept and told, unless it looks like a guard's key with a typo.
func (r *reader) unknown(m *json5.Member, at place, t *block) {
	if t.foreign(m.Key) {
		r.add(Problem{Severity: Warning, Code: CodeNotBuilt, Where: refOf(m.KeyPos, json5.Join(at.path, m.Key)),
			Found: fmt.Sprintf("key %q of upstream, which is kept and not implemented", m.Key)})
		return
	}
	if t.open {
		return
	}
	p := Problem{Severity: at.severity(), Code: CodeUnknown, Where: refOf(m.KeyPos, json5.Join(at.path, m.Key)), Found: fmt.Sprintf("unknown key %q", clip(m.Key))}
	p.Nearest = Nearest(m.Key, append(t.keys(), t.foreigners()...))
	if t.named && p.Nearest == "" {
		p.Severity = Warning
	}
	if i, ok := t.find(p.Nearest); ok && t.fields[i].opts.guard {
		p.Severity = Error
	}
	r.add(p)
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func clip(s string) string {
	const most = 64
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// Nearest is the name that was probably meant, empty when none is close. Case
// and separators count little: "dm_policy" is dmPolicy.
func Nearest(given string, names []string) string {
	if len(given) > 64 {
		return ""
	}
	names = slices.Clone(names)
	slices.Sort(names)
	g := fold(given)
	best, least := "", 1+len(g)/3
	if least > 3 {
		least = 3
	}
	if len(g) <= 2 {
		least = 0
	}
	for _, name := range names {
		d := distance(g, fold(name), least)
		if d <= least && (best == "" || d < least) {
			best, least = name, d
		}
	}
	return best
}

func fold(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(s))
}

// distance counts insertions, deletions, changes and swaps of neighbours
// between two texts; more than limit is told as limit+1.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
