package monitor

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/notify"
)

// Condition is something that is not as it should be, from when it was found
// until it is over.
type Condition struct {
	ID       string        `json:"id"`
	Rule     string        `json:"rule"`
	Severity claw.Severity `json:"severity"`
	Title    string        `json:"title"`
	Facts    []notify.Fact `json:"facts,omitempty"`
	Command  string        `json:"command,omitempty"`
	First    time.Time     `json:"first"`
	Last     time.Time     `json:"last"`
	// Count is the measure of it now; Times how often it was found.
	Count    int    `json:"count,omitempty"`
	Times    int    `json:"times"`
	FirstSeq uint64 `json:"firstEntry,omitempty"`
	LastSeq  uint64 `json:"lastEntry,omitempty"`
	// Standing is not zero while its cause is measured anew all the time.
	Standing int  `json:"standing,omitempty"`
	Over     bool `json:"over,omitempty"`
	// Told is when it was last sent, and with which count and severity.
	Told         time.Time     `json:"told,omitzero"`
	ToldCount    int           `json:"toldCount,omitempty"`
	ToldSeverity claw.Severity `json:"toldSeverity,omitempty"`
	// Due: it is to be told at the next look.
	Due     bool      `json:"due,omitempty"`
	Acked   time.Time `json:"acked,omitzero"`
	AckedBy string    `json:"ackedBy,omitempty"`
}

// Open reports that it still wants a person.
func (c Condition) Open() bool { return !c.Over && c.Acked.IsZero() }

// Errors of Ack and Explain.
var ErrNoCondition = errors.New("monitor: no such condition")

// found is what a rule has found.
type found struct {
	id, rule string
	severity claw.Severity
	title    string
	at       time.Time
	count    int
	facts    []notify.Fact
	command  string
	first    uint64
	last     uint64
	standing int
	// again is how soon new evidence may be told once more; 0 is a day.
	again time.Duration
}

// worse is how much a measure must grow to be told again.
const worse = 10

// condition keeps what was found, and decides whether it is to be told.
func (m *Monitor) condition(f found) {
	m.dirty = true
	i := slices.IndexFunc(m.st.Conditions, func(c Condition) bool { return c.ID == f.id })
	isNew := i < 0 || m.st.Conditions[i].Over
	if i < 0 {
		if !m.makeRoom(f.severity) {
			return
		}
		i = len(m.st.Conditions)
		m.st.Conditions = append(m.st.Conditions, Condition{ID: f.id, First: f.at, FirstSeq: f.first})
	}
	c := &m.st.Conditions[i]
	if c.Over { // it begins anew
		*c = Condition{ID: f.id, First: f.at, FirstSeq: f.first, Times: c.Times}
	}
	again := cmp.Or(f.again, 24*time.Hour)
	grown := c.ToldCount > 0 && f.count >= worse*c.ToldCount
	graver := !c.Told.IsZero() && f.severity > c.ToldSeverity
	more := f.last > c.LastSeq && f.at.Sub(c.Told) >= again && c.Acked.IsZero()
	if isNew || grown || graver || more {
		c.Due = true
		c.Acked, c.AckedBy = time.Time{}, ""
	}
	c.Rule, c.Title, c.Facts, c.Command = f.rule, f.title, f.facts, f.command
	c.Severity = max(c.Severity, f.severity)
	c.Last, c.LastSeq, c.Standing = f.at, max(c.LastSeq, f.last), f.standing
	c.Count = max(c.Count, f.count)
	c.Times++
}

// makeRoom forgets the oldest that is over or seen; a critical one displaces
// others.
func (m *Monitor) makeRoom(coming claw.Severity) bool {
	if len(m.st.Conditions) < maxCondition {
		return true
	}
	for _, may := range []func(Condition) bool{
		func(c Condition) bool { return c.Over },
		func(c Condition) bool { return !c.Acked.IsZero() },
		func(c Condition) bool { return c.Severity < coming },
	} {
		if i := slices.IndexFunc(m.st.Conditions, may); i >= 0 {
			m.st.Conditions = slices.Delete(m.st.Conditions, i, i+1)
			return true
		}
	}
	m.st.Suppressed++
	return false
}

// stands says how a condition that is measured all the time is now.
func (m *Monitor) stands(id string, measure int, on bool) {
	for i := range m.st.Conditions {
		c := &m.st.Conditions[i]
		if c.ID != id || c.Over || c.Standing == 0 {
			continue
		}
		if on {
			c.Standing = max(1, measure)
		} else {
			c.Over, m.dirty = true, true
		}
	}
}

func (m *Monitor) isOpen(id string) bool {
	return slices.ContainsFunc(m.st.Conditions, func(c Condition) bool { return c.ID == id && c.Open() })
}

// learns reports that what happened may become a habit: not what raised an
// alert that no person has seen.
func (m *Monitor) learns(id string) bool {
	return !slices.ContainsFunc(m.st.Conditions, func(c Condition) bool {
		return c.ID == id && c.Acked.IsZero() && m.st.Seen.Sub(c.Last) < 48*time.Hour
	})
}

// flushLocked tells what is due: on record first, then out.
func (m *Monitor) flushLocked(ctx context.Context) {
	for i := range m.st.Conditions {
		c := &m.st.Conditions[i]
		if !c.Due {
			continue
		}
		if err := m.opt.Raised(ctx, *c); err != nil {
			m.opt.Report(fmt.Errorf("monitor: alert %s is not on record and was not sent: %w", c.ID, err))
			continue
		}
		now := m.opt.Clock()
		a := notify.Alert{ID: alertID(*c), At: c.Last, Rule: c.Rule, Severity: c.Severity, Title: c.Title, Facts: c.Facts, Command: "openclaw monitor explain " + c.ID}
		if c.Severity < claw.Critical {
			a.NotBefore = m.quietUntil(now)
		}
		if err := m.opt.Send(a); err != nil {
			m.opt.Report(fmt.Errorf("monitor: alert %s was not sent: %w", c.ID, err))
			continue
		}
		c.Due, c.Told, c.ToldCount, c.ToldSeverity, m.dirty = false, now, max(1, c.Count), c.Severity, true
		m.saveLocked(0) // so that a crash does not tell it twice
	}
}

// alertID is one for as long as a condition lasts.
func alertID(c Condition) string { return c.ID + "-" + c.First.UTC().Format("0102-1504") }

// quietUntil is the end of the quiet hours if it is one now.
func (m *Monitor) quietUntil(now time.Time) time.Time {
	if m.set.QuietFrom == "" {
		return time.Time{}
	}
	local := now.In(m.opt.Zone)
	at := local.Format("15:04")
	from, to := m.set.QuietFrom, m.set.QuietTo
	quiet := from <= at && at < to
	if from > to { // over midnight
		quiet = at >= from || at < to
	}
	if !quiet {
		return time.Time{}
	}
	end, err := time.Parse("15:04", to)
	if err != nil {
		return time.Time{}
	}
	until := time.Date(local.Year(), local.Month(), local.Day(), end.Hour(), end.Minute(), 0, 0, m.opt.Zone)
	if !until.After(local) {
		until = until.AddDate(0, 0, 1)
	}
	return until
}

// Report keeps something that another part of the gateway has found. Until Over
// is called it is one condition.
func (m *Monitor) Report(ctx context.Context, id, rule string, s claw.Severity, title string, facts []notify.Fact, command string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	// Each time is evidence of its own.
	m.condition(found{id: id, rule: rule, severity: s, title: title, at: m.opt.Clock(), facts: facts, command: command, last: m.now.Size + m.reported(id), again: time.Minute})
	m.flushLocked(ctx)
	m.saveLocked(0)
}

func (m *Monitor) reported(id string) uint64 {
	for _, c := range m.st.Conditions {
		if c.ID == id {
			return c.LastSeq + 1
		}
	}
	return 1
}

// Over ends a condition.
func (m *Monitor) Over(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.st.Conditions {
		if c := &m.st.Conditions[i]; c.ID == id && !c.Over {
			c.Over, m.dirty = true, true
		}
	}
}

// Ack says that a person has seen a condition: it is not told again unless it
// grows, and what raised it may be learned.
func (m *Monitor) Ack(id string, by claw.Principal) (Condition, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.st.Conditions {
		c := &m.st.Conditions[i]
		if c.ID != id {
			continue
		}
		c.Acked, c.AckedBy, c.Due, m.dirty = m.opt.Clock(), by.String(), false, true
		m.saveLocked(0)
		return *c, nil
	}
	return Condition{}, fmt.Errorf("%w: %q", ErrNoCondition, id)
}

func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

// Status is what the monitor knows.
type Status struct {
	Enabled bool `json:"enabled"`
	// Read is how many entries were read, Size how many there are.
	Read uint64 `json:"read"`
	Size uint64 `json:"size"`
	// Meters of the guide, with their thresholds.
	Meters     []Meter     `json:"meters"`
	Conditions []Condition `json:"conditions"`
	Posture    Drift       `json:"posture"`
	Suppressed int         `json:"suppressed,omitempty"`
}

// Meter is one measure.
type Meter struct {
	Name   string `json:"name"`
	Now    int    `json:"now"`
	Normal string `json:"normal"`
	// State is "normal", "watch", "investigate" or "learning".
	State string `json:"state"`
}

// Drift compares what should be the same.
type Drift struct {
	InForce   string    `json:"inForce"`
	Accepted  string    `json:"accepted,omitempty"`
	Audited   string    `json:"audited,omitempty"`
	AuditedAt time.Time `json:"auditedAt,omitzero"`
	File      string    `json:"file"` // "in force", or why it is not
}

// Status of now.
func (m *Monitor) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.opt.Clock()
	if now.Before(m.st.Seen) {
		now = m.st.Seen
	}
	s := Status{Enabled: m.set.Enabled, Read: m.st.Next, Size: m.now.Size, Conditions: []Condition{}, Suppressed: m.st.Suppressed,
		Posture: Drift{m.now.Live, m.st.Posture.Sealed, m.st.Posture.Audited, m.st.Posture.AuditAt, cmp.Or(m.now.NotInForce, "in force")}}
	s.Meters = append(s.Meters, m.meter("failed sign-ins in an hour", m.st.Auth.Hour.sum(now), m.set.AuthNormal, m.set.AuthInvestigate, true))
	for _, id := range sortedAgents(m.st.Agents) {
		h := m.st.Agents[id]
		s.Meters = append(s.Meters, m.meter("unusual commands of "+string(id)+" in an hour", h.Odd.sum(now), 0, oddCommands-1, h.Days >= float64(m.set.LearnDays)))
	}
	usual := int(m.set.ModelCalls * m.st.Models.Usual)
	s.Meters = append(s.Meters, m.meter("model calls in an hour", m.st.Models.Hour.sum(now), int(m.st.Models.Usual), max(usual, leastCalls-1), m.st.Models.Days >= m.set.LearnDays),
		m.meter("new sessions in an hour", m.st.Sessions.Hour.sum(now), m.set.NewSessions, m.set.NewSessions, true))
	s.Conditions = append(s.Conditions, m.st.Conditions...)
	slices.SortStableFunc(s.Conditions, func(a, b Condition) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.Severity, a.Severity), b.Last.Compare(a.Last))
	})
	return s
}

func rank(c Condition) int {
	switch {
	case c.Over:
		return 2
	case !c.Acked.IsZero():
		return 1
	}
	return 0
}

func (m *Monitor) meter(name string, now, normal, limit int, learned bool) Meter {
	out := Meter{Name: name, Now: now, Normal: fmt.Sprintf("up to %d, investigate above %d", normal, limit), State: "normal"}
	switch {
	case !learned:
		out.State, out.Normal = "learning", fmt.Sprintf("not known before %d days with work", m.set.LearnDays)
	case now > limit:
		out.State = "investigate"
	case now > normal:
		out.State = "watch"
	}
	return out
}

func sortedAgents(m map[claw.AgentID]*habits) []claw.AgentID {
	var out []claw.AgentID
	for id := range m {
		out = append(out, id)
	}
	slices.SortFunc(out, func(a, b claw.AgentID) int { return strings.Compare(string(a), string(b)) })
	return out
}

// Explain gives one condition.
func (m *Monitor) Explain(id string) (Condition, error) {
	for _, c := range m.Status().Conditions {
		if c.ID == id || alertID(c) == id {
			return c, nil
		}
	}
	return Condition{}, fmt.Errorf("%w: %q", ErrNoCondition, id)
}
