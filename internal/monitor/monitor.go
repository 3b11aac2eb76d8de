// Package monitor watches the record for what is not usual. It refuses to take
// a part of the record that it could not read for a quiet one, to learn from
// what raised an alert before a person has seen it, and to say one thing twice.
package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/notify"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// Record is the journal as the monitor reads it.
type Record interface {
	// Raw returns lines from an entry on, and the number of the next.
	Raw(ctx context.Context, from uint64, limit int) (lines [][]byte, next uint64, err error)
}

// Now is what only the running gateway knows.
type Now struct {
	// Size of the journal, in entries.
	Size uint64
	// Live is the generation of the posture in force.
	Live string
	// NotInForce says why the file on disk is not what is in force.
	NotInForce string
	// Damage of the journal that was found; empty is none.
	Damage string
}

// Options of Open. All but Also and Zone are required.
type Options struct {
	// Dir keeps what was learned.
	Dir    string
	Record Record
	// Look asks the gateway.
	Look  func() Now
	Clock func() time.Time
	// Elapsed is time that no clock setting changes.
	Elapsed func() time.Duration
	// Raised keeps an alert on record. Unless it returns nil the alert is
	// tried again, and is not sent.
	Raised func(ctx context.Context, c Condition) error
	// Send takes an alert out.
	Send func(a notify.Alert) error
	// Report hears of what goes wrong while nobody waits.
	Report func(error)
	// Also sees every entry from when the gateway started.
	Also func(Happening)
	// Zone of days and hours; the machine's when nil.
	Zone *time.Location
}

func (o *Options) check() error {
	if o.Dir == "" || o.Record == nil || o.Look == nil || o.Clock == nil || o.Elapsed == nil || o.Raised == nil || o.Send == nil || o.Report == nil {
		return errors.New("monitor: an option is missing")
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	return nil
}

// Bounds.
const (
	stateFile    = "state.json"
	stateFormat  = 1
	maxState     = 4 << 20
	batch        = 2048
	maxBatches   = 64 // at one look
	firstLook    = 200_000
	saveEvery    = 5 * time.Minute // what is lost in a crash is read again
	judgeEvery   = 10 * time.Second
	staleAfter   = 26 * time.Hour // what is older raises nothing
	maxAgents    = 64
	maxPrograms  = 256
	maxFamilies  = 256
	maxSources   = 64
	maxCondition = 200
)

// state is what survives a restart.
type state struct {
	Version int `json:"version"`
	// Next is the first entry that was not read.
	Next uint64 `json:"next"`
	// Seen is the latest time that an entry had.
	Seen     time.Time                `json:"seen"`
	Auth     failures                 `json:"auth"`
	Agents   map[claw.AgentID]*habits `json:"agents"`
	Models   load                     `json:"models"`
	Sessions sessions                 `json:"sessions"`
	Posture  drift                    `json:"posture"`
	// Conditions, oldest first.
	Conditions []Condition `json:"conditions"`
	// Suppressed counts conditions for which there was no room.
	Suppressed int `json:"suppressed,omitempty"`
}

// Monitor is safe for concurrent use.
type Monitor struct {
	opt   Options
	start uint64 // the journal's size when the gateway started

	mu     sync.Mutex
	set    posture.Monitor
	st     state
	now    Now
	judged time.Duration
	saved  time.Duration
	dirty  bool
	reads  int // entries read since Open
	// startHash is the configuration's at the start, until it was compared.
	startHash string
}

// Open takes up what was learned before. A state that cannot be read is set
// aside, and learning begins anew, which is a condition of its own.
func Open(o Options, set posture.Monitor) (*Monitor, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	m := &Monitor{opt: o, set: set, judged: -judgeEvery, saved: o.Elapsed()}
	m.now = o.Look()
	m.start = m.now.Size
	var problem error
	m.st, problem = readState(o.Dir)
	if m.st.Next > m.now.Size {
		m.condition(found{id: "journal-shorter", rule: "monitor.journal_shorter", severity: claw.Critical, title: "The journal is shorter than it was",
			at: o.Clock(), facts: []notify.Fact{{Name: "entries read", Value: fmt.Sprint(m.st.Next)}, {Name: "entries there", Value: fmt.Sprint(m.now.Size)}}, command: "openclaw journal verify"})
		m.st.Next = m.now.Size
	}
	if m.st.Next == 0 && m.now.Size > firstLook {
		m.st.Next = m.now.Size - firstLook
	}
	if problem != nil {
		o.Report(problem)
		m.condition(found{id: "state-lost", rule: "monitor.state_lost", severity: claw.Warn, title: "What was learned of habits could not be read", at: o.Clock(),
			facts: []notify.Fact{{Name: "reason", Value: problem.Error()}}, command: "openclaw monitor status"})
	}
	return m, nil
}

func readState(dir string) (s state, problem error) {
	empty := state{Version: stateFormat, Agents: map[claw.AgentID]*habits{}, Sessions: sessions{Families: map[string]int{}}}
	path := filepath.Join(dir, stateFile)
	b, err := atomicfile.Read(path, maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	s = empty
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err == nil && s.Version != stateFormat {
		err = fmt.Errorf("version is %d, expected %d", s.Version, stateFormat)
	}
	if err != nil {
		return empty, fmt.Errorf("monitor: %q: %w", path, err)
	}
	for id, h := range s.Agents {
		if h == nil {
			delete(s.Agents, id)
		}
	}
	if s.Agents == nil {
		s.Agents = empty.Agents
	}
	if s.Sessions.Families == nil {
		s.Sessions = empty.Sessions
	}
	return s, nil
}

// Started says with which configuration the gateway has started.
func (m *Monitor) Started(hash string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.startHash = hash
}

// Set changes the thresholds.
func (m *Monitor) Set(set posture.Monitor) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set = set
}

// Poll reads what is new and judges. It costs next to nothing when there is
// nothing new, so it may be called every second.
func (m *Monitor) Poll(ctx context.Context) {
	m.mu.Lock()
	m.now = m.opt.Look()
	m.mu.Unlock()
	for range maxBatches {
		more, err := m.read(ctx)
		if err != nil && ctx.Err() == nil {
			m.unreadable(err)
		}
		if err != nil || !more {
			break
		}
	}
	m.mu.Lock()
	if e := m.opt.Elapsed(); e-m.judged >= judgeEvery {
		m.judged = e
		m.judge()
	}
	m.flushLocked(ctx)
	m.saveLocked(saveEvery)
	m.mu.Unlock()
}

// read takes one batch.
func (m *Monitor) read(ctx context.Context) (more bool, err error) {
	m.mu.Lock()
	from, size := m.st.Next, m.now.Size
	m.mu.Unlock()
	if from >= size {
		return false, nil
	}
	lines, next, err := m.opt.Record.Raw(ctx, from, batch)
	m.mu.Lock()
	defer m.mu.Unlock()
	fresh := m.opt.Clock().Add(-staleAfter)
	for _, line := range lines {
		h, derr := Read(line)
		if derr != nil {
			return false, derr
		}
		m.st.Next, m.dirty = h.Seq+1, true
		m.reads++
		if h.Seq >= m.start && m.opt.Also != nil {
			m.opt.Also(h)
		}
		if m.set.Enabled {
			m.observe(h, h.At.After(fresh))
		}
	}
	if err == nil && next > m.st.Next {
		m.st.Next = next
	}
	return len(lines) == batch, err
}

// unreadable: what could not be read is no quiet part.
func (m *Monitor) unreadable(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.condition(found{id: "journal-unreadable", rule: "monitor.journal_unreadable", severity: claw.Critical, title: "The journal cannot be read, so nothing is watched", at: m.opt.Clock(),
		facts: []notify.Fact{{Name: "entry", Value: fmt.Sprint(m.st.Next)}, {Name: "reason", Value: err.Error()}}, command: "openclaw journal verify"})
}

// saveLocked writes the state down when it changed and every has passed.
func (m *Monitor) saveLocked(every time.Duration) {
	e := m.opt.Elapsed()
	if !m.dirty || e-m.saved < every {
		return
	}
	b, err := json.Marshal(&m.st)
	if err == nil {
		err = atomicfile.MkdirAll(m.opt.Dir)
	}
	if err == nil {
		err = atomicfile.Write(filepath.Join(m.opt.Dir, stateFile), append(b, '\n'))
	}
	m.saved = e
	if err != nil {
		m.opt.Report(fmt.Errorf("monitor: %w", err))
		return
	}
	m.dirty = false
}

// Close writes down what was learned.
func (m *Monitor) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saveLocked(0)
}

// observe takes one entry. fresh entries may raise something; older ones, read
// after a pause, are learned from.
func (m *Monitor) observe(h Happening, fresh bool) {
	if h.At.After(m.st.Seen) {
		m.st.Seen = h.At
	}
	h.At = m.st.Seen // a clock that was set back opens no old hour (R51)
	switch h.Kind {
	case AuthFailure:
		m.authFailure(h, fresh)
	case AuthSuccess:
		m.authSuccess(h, fresh)
	case Exec:
		m.exec(h, fresh)
	case ModelCall:
		m.st.Models.add(h.At.In(m.opt.Zone), m.learns("model-calls"))
	case SessionNew:
		m.session(h, fresh)
	case ConfigChange:
		m.configChange(h, fresh)
	case Sealed, Audited:
		m.st.Posture.observe(h)
	case WentOut:
		m.wentOut(h, fresh)
	case Other, Decided, Effect, Answer, Labelled, Alerted:
	}
}

// judge looks at what time alone brings about.
func (m *Monitor) judge() {
	now := m.opt.Clock()
	if now.Before(m.st.Seen) {
		now = m.st.Seen
	}
	m.judgeAuth(now)
	m.judgeModels(now)
	m.judgeConfig(now)
	m.judgeDrift(now)
	for i := range m.st.Conditions {
		c := &m.st.Conditions[i]
		if !c.Over && c.Standing == 0 && now.Sub(c.Last) > 24*time.Hour {
			c.Over, m.dirty = true, true
		}
	}
	m.st.Conditions = slices.DeleteFunc(m.st.Conditions, func(c Condition) bool { return c.Over && now.Sub(c.Last) > 30*24*time.Hour })
}
