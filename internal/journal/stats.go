package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
)

// Count is how often a name occurs.
type Count struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// Stats sums up the entries that a filter selects. Lists are the most frequent
// first.
type Stats struct {
	Entries  int       `json:"entries"`
	Bytes    int64     `json:"bytes"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Segments int       `json:"segments"`
	// Stored is the size of all segments, whatever the filter.
	Stored int64 `json:"stored"`
	// Signed is the number of entries that the newest checkpoint covers.
	Signed     uint64  `json:"signed"`
	Unresolved int     `json:"unresolved"` // intents without an outcome
	Events     []Count `json:"events"`
	Agents     []Count `json:"agents"`
	Verdicts   []Count `json:"verdicts"`
	Rules      []Count `json:"rules"`
	Days       []Count `json:"days"` // by date, UTC
}

// Stats reads the entries that f selects, once.
func (r Reader) Stats(ctx context.Context, opt Options, f Filter) (Stats, error) {
	segs, err := segments(r.path)
	if err != nil {
		return Stats{}, err
	}
	out := Stats{Segments: len(segs), Signed: readSigned(opt.paths().key)}
	for _, s := range segs {
		out.Stored += s.size
	}
	events, agents, verdicts, rules, days := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	done := map[uint64]bool{}
	err = r.scan(ctx, f, func(e *Record, line []byte) {
		out.Entries++
		out.Bytes += int64(len(line)) + 1
		if out.Last.IsZero() || e.Time.After(out.Last) {
			out.Last = e.Time
		}
		if out.First.IsZero() || e.Time.Before(out.First) {
			out.First = e.Time
		}
		events[string(e.Event)]++
		days[e.Time.Format(time.DateOnly)]++
		if e.Agent != "" {
			agents[string(e.Agent)]++
		}
		switch e.Phase { // newest first: an outcome is seen before its intent
		case chain.Outcome:
			done[e.Ref] = true
		case chain.Intent:
			if !done[e.Seq] {
				out.Unresolved++
			}
			delete(done, e.Seq)
		case chain.Single:
		}
		if Event(e.Event) != Decision {
			return
		}
		var d struct{ Verdict, Rule string }
		if json.Unmarshal(e.Data, &d) == nil {
			verdicts[d.Verdict]++
			rules[d.Rule]++
		}
	})
	out.Events, out.Agents, out.Verdicts, out.Rules, out.Days = counts(events), counts(agents), counts(verdicts), counts(rules), counts(days)
	slices.SortFunc(out.Days, func(a, b Count) int { return cmp.Compare(a.Name, b.Name) })
	return out, err
}

func counts(m map[string]int) []Count {
	out := []Count{}
	for k, n := range m {
		if k != "" {
			out = append(out, Count{k, n})
		}
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return out
}
