package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// record is the journal as the gateway sees it.
type record struct {
	j     *journal.Journal
	paths journal.Options
	// skill names the skill whose files a permitted run executes; nil is none.
	skill func(policy.Digest) string

	mu    sync.Mutex
	state gateway.JournalState
}

var _ gateway.Journal = (*record)(nil)

// Append implements gateway.Journal. What a stranger can cause as often as he
// likes is counted per source, not written one by one (R52).
func (r *record) Append(ctx context.Context, n gateway.Note) error {
	fields := map[string]string{}
	for _, f := range n.Fields {
		fields[f.Name] = f.Value
	}
	e := journal.Entry{Event: journal.Event(n.Event), Principal: n.Principal, Data: fields}
	if e.Event == journal.AuthFailure {
		return r.failures(ctx, fields, e)
	}
	_, err := r.j.Append(ctx, e)
	return err
}

// maxFailures bounds what one tally counts.
const maxFailures = 100_000

// failures records a tally as so many failures: counted as one, a burst would
// look like a slip of the finger.
func (r *record) failures(ctx context.Context, fields map[string]string, e journal.Entry) error {
	n, err := strconv.Atoi(fields["count"])
	if err != nil {
		n = 1
	}
	fields["count"] = "1"
	for range min(max(n, 1), maxFailures) {
		if err := r.j.Failure(ctx, fields["source"], e); err != nil {
			return err
		}
	}
	return nil
}

const maxTail = 500

// Tail implements gateway.Journal.
func (r *record) Tail(ctx context.Context, q gateway.JournalQuery) (gateway.JournalPage, error) {
	limit := q.Limit
	if limit <= 0 || limit > maxTail {
		limit = maxTail
	}
	page := gateway.JournalPage{Entries: []json.RawMessage{}, LastSeq: uint64(r.j.Head().Size)}
	f := journal.Filter{Agent: claw.AgentID(q.Agent), Limit: limit}
	if q.Event != "" {
		f.Events = []journal.Event{journal.Event(q.Event)}
	}
	var recs []journal.Record
	var err error
	if q.After > 0 {
		recs, err = r.j.Tail(ctx, q.After+1, limit)
	} else {
		recs, err = r.j.Search(ctx, f)
		for i, j := 0, len(recs)-1; i < j; i, j = i+1, j-1 {
			recs[i], recs[j] = recs[j], recs[i]
		}
	}
	if err != nil {
		return page, err
	}
	for i := range recs {
		if !f.Match(recs[i]) {
			continue
		}
		line, _, err := chain.Encode(nil, &recs[i])
		if err != nil {
			return page, fmt.Errorf("journal entry %d: %w", recs[i].Seq, err)
		}
		page.Entries = append(page.Entries, line)
	}
	return page, nil
}

// Verify implements gateway.Journal: it checks the whole file and keeps the
// answer for Overview.
func (r *record) Verify(context.Context) (gateway.JournalState, error) {
	rep, err := journal.Verify(r.paths, chain.Expect{})
	s := gateway.JournalState{State: "unmeasured", LastSeq: uint64(r.j.Head().Size), CheckedAt: time.Now().UnixMilli()}
	switch {
	case err != nil:
		s.Problem = err.Error()
	case rep.OK():
		s.State, s.IntactUpTo = "verified", rep.Size
	default:
		s.State, s.IntactUpTo, s.Problem = "damaged", rep.Size, rep.String()
		if rep.Damage != nil {
			s.Bad = rep.Damage.Seq
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = s
	return s, nil
}

// last gives the newest measurement with the present end of the file.
func (r *record) last() gateway.JournalState {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state
	if s.State == "" {
		s.State = "unmeasured"
	}
	s.LastSeq = uint64(r.j.Head().Size)
	return s
}

// egress records a destination before anything is dialled.
func (r *record) egress(ctx context.Context, e egress.Event) error {
	entry := journal.Entry{Event: journal.Egress, Agent: e.Agent, Session: e.Session, Data: struct {
		Kind    egress.Kind `json:"kind"`
		Client  string      `json:"client,omitempty"`
		Host    any         `json:"host"`
		Verdict string      `json:"verdict"`
		Rule    string      `json:"rule"`
		Reason  string      `json:"reason,omitempty"`
		Skill   string      `json:"skill,omitempty"`
	}{e.Kind, e.Client, e.Host, e.Verdict.String(), string(e.Rule), e.Reason, r.skillOf(e.Digest)}}
	if e.Digest != (policy.Digest{}) {
		entry.Digest = e.Digest[:]
	}
	_, err := r.j.Append(ctx, entry)
	return err
}

func (r *record) skillOf(d policy.Digest) string {
	if r.skill == nil || d == (policy.Digest{}) {
		return ""
	}
	return r.skill(d)
}

// recordEgress also says at once when somebody tried to have a secret written
// where others read it.
func (a *App) recordEgress(ctx context.Context, e egress.Event) error {
	if e.Rule == egress.RulePlaceholder {
		a.log.Warn("a placeholder for a secret was sent where it is never filled in", "agent", e.Agent, "session", e.Session, "host", e.Host.Name, "why", e.Reason)
	}
	if e.Rule == policy.RuleSkillHost {
		a.log.Error("a skill reached for a host that it does not need", "skill", a.record.skillOf(e.Digest), "agent", e.Agent, "session", e.Session, "host", e.Host.Name)
	}
	return a.record.egress(ctx, e)
}
