package monitor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/notify"
)

// failures to sign in, in the last hour.
type failures struct {
	Hour    hour           `json:"hour"`
	Sources map[string]int `json:"sources,omitempty"`
	// Since is the first entry of those that are counted.
	Since uint64 `json:"since,omitempty"`
	Until uint64 `json:"until,omitempty"`
}

const authID = "auth-failures"

func (m *Monitor) authFailure(h Happening, fresh bool) {
	a := &m.st.Auth
	if a.Hour.sum(h.At) == 0 {
		*a = failures{Hour: a.Hour, Since: h.Seq}
	}
	n := a.Hour.add(h.At, h.Count)
	a.Until = h.Seq
	for _, s := range h.Sources {
		if a.Sources == nil {
			a.Sources = map[string]int{}
		}
		if _, known := a.Sources[s.Name]; known || len(a.Sources) < maxSources {
			a.Sources[s.Name] += s.Count
		}
	}
	if fresh && n > m.set.AuthInvestigate {
		m.authAlert(h, n, claw.Critical, fmt.Sprintf("%d failed sign-ins in an hour", n), "")
	}
}

// authSuccess right after many failures of the same source is worse than they
// are.
func (m *Monitor) authSuccess(h Happening, fresh bool) {
	a := &m.st.Auth
	n := a.Hour.sum(h.At)
	if !fresh || n <= m.set.AuthNormal || len(h.Sources) == 0 {
		return
	}
	from := h.Sources[0].Name
	if k := a.Sources[from]; k > m.set.AuthNormal {
		m.authAlert(h, n, claw.Critical, fmt.Sprintf("A sign-in after %d failures of the same source", k), from)
	}
}

func (m *Monitor) authAlert(h Happening, n int, s claw.Severity, title, inside string) {
	a := &m.st.Auth
	facts := []notify.Fact{{Name: "in the last hour", Value: fmt.Sprintf("%d, up to %d are normal", n, m.set.AuthNormal)}}
	for i, name := range byCount(a.Sources) {
		if i == 3 {
			facts = append(facts, notify.Fact{Name: "other sources", Value: fmt.Sprint(len(a.Sources) - 3)})
			break
		}
		facts = append(facts, notify.Fact{Name: "source", Value: fmt.Sprintf("%s, %d times", name, a.Sources[name])})
	}
	facts = append(facts, notify.Fact{Name: "entries", Value: fmt.Sprintf("%d to %d", a.Since, max(a.Until, h.Seq))})
	id := authID
	if inside != "" {
		id = "auth-entered"
	}
	m.condition(found{id: id, rule: "monitor.auth_failures", severity: s, title: title, at: h.At, count: n, facts: facts, first: a.Since, last: h.Seq, standing: n,
		command: "openclaw journal tail --event auth.failure --since 2h"})
}

func byCount(m map[string]int) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), strings.Compare(a, b)) })
}

func (m *Monitor) judgeAuth(now time.Time) {
	n := m.st.Auth.Hour.sum(now)
	m.stands(authID, n, n > m.set.AuthNormal)
	m.stands("auth-entered", n, n > 0)
}

// exec takes a command of an agent. Commands that the operator runs by hand
// are no habit of the agent's.
func (m *Monitor) exec(h Happening, fresh bool) {
	if h.Agent == "" || len(h.Programs) == 0 {
		return
	}
	a := m.st.Agents[h.Agent]
	if a == nil {
		if len(m.st.Agents) >= maxAgents {
			return
		}
		a = &habits{Programs: map[string]float64{}, New: map[string]int{}}
		m.st.Agents[h.Agent] = a
	}
	id := "exec-" + string(h.Agent)
	at, learn := h.At.In(m.opt.Zone), m.learns(id)
	a.begin(at, learn)
	known := a.Days >= float64(m.set.LearnDays)
	quiet := known && a.quiet(at.Hour())
	var odd []string
	for _, p := range h.Programs {
		if _, seen := a.Programs[p]; !seen && (a.New[p] > 0 || len(a.New) < maxPrograms) {
			if a.New[p]++; a.New[p] == 1 || quiet {
				odd = append(odd, p)
			}
		}
	}
	a.Today[at.Hour()] = true
	n := a.Load.add(at, learn)
	if !known {
		return
	}
	if quiet || len(odd) > 0 {
		a.Odd.add(at, 1)
	}
	if quiet && len(odd) > 0 {
		a.Both.add(at, 1)
	}
	one, both := a.Odd.sum(at), a.Both.sum(at)
	many := float64(n) > max(4*a.Load.Usual, 60)
	if !fresh || one < oddCommands && both < oddBoth && !many {
		return
	}
	facts := []notify.Fact{{Name: "agent", Value: string(h.Agent)}}
	if quiet {
		facts = append(facts, notify.Fact{Name: "hour", Value: fmt.Sprintf("%s, in which it had work on %.0f of %.0f days", at.Format("15:00"), a.Hours[at.Hour()], a.Days)})
	}
	if len(a.New) > 0 {
		facts = append(facts, notify.Fact{Name: "programs not seen before", Value: firstFew(byCount(a.New), 6)})
	}
	facts = append(facts, notify.Fact{Name: "commands in the last hour", Value: fmt.Sprintf("%d, of them unusual %d; a busy hour has %.0f", n, one, a.Load.Usual)})
	s := claw.Warn
	if quiet && both >= oddBoth || many {
		s = claw.Critical
	}
	m.condition(found{id: id, rule: "monitor.exec_unusual", severity: s, title: "Commands that are unusual for an agent", at: h.At, count: one, facts: facts, first: h.Seq, last: h.Seq,
		command: "openclaw journal tail --event exec.command --agent " + string(h.Agent) + " --since 12h"})
}

// Unusual commands in an hour from which on there is an alert.
const (
	oddCommands = 5
	oddBoth     = 3
)

func firstFew(names []string, n int) string {
	if len(names) > n {
		return strings.Join(names[:n], ", ") + fmt.Sprintf(" and %d more", len(names)-n)
	}
	return strings.Join(names, ", ")
}

// leastCalls in an hour are never too many.
const leastCalls = 20

func (m *Monitor) judgeModels(now time.Time) {
	l := &m.st.Models
	n := l.Hour.sum(now)
	limit := m.set.ModelCalls * l.Usual
	over := l.Days >= m.set.LearnDays && n >= leastCalls && float64(n) > limit
	if !over {
		m.stands("model-calls", n, float64(n) > l.Usual && m.isOpen("model-calls"))
		return
	}
	m.condition(found{id: "model-calls", rule: "monitor.model_calls", severity: claw.Warn, title: fmt.Sprintf("%d model calls in an hour", n), at: now, count: n, standing: n,
		facts:   []notify.Fact{{Name: "usual in a busy hour", Value: fmt.Sprintf("%.0f, so %.0f is the limit", l.Usual, limit)}},
		command: "openclaw usage"})
}

// session takes a new session key.
func (m *Monitor) session(h Happening, fresh bool) {
	s := &m.st.Sessions
	at := h.At.In(m.opt.Zone)
	if day := at.Format(time.DateOnly); day != s.Day {
		s.Day = day
		s.Days++
	}
	n := s.Hour.add(h.At, 1)
	if fresh && n > m.set.NewSessions {
		m.condition(found{id: "sessions-many", rule: "monitor.new_sessions", severity: claw.Warn, title: fmt.Sprintf("%d new sessions in an hour", n), at: h.At, count: n,
			facts:   []notify.Fact{{Name: "last", Value: string(h.Session)}, {Name: "by", Value: h.By}, {Name: "limit", Value: fmt.Sprint(m.set.NewSessions)}},
			first:   h.Seq,
			last:    h.Seq,
			command: "openclaw journal tail --event session.new --since 2h"})
	}
	f := family(h)
	id := "session-" + short(f)
	_, known := s.Families[f]
	if known || len(s.Families) < maxFamilies {
		s.Families[f]++
	} else {
		id = "session-others"
	}
	if known || h.Owner || !fresh || s.Days <= m.set.LearnDays {
		return
	}
	m.condition(found{id: id, rule: "monitor.new_session_kind", severity: claw.Warn, title: "A session of a kind that was never seen", at: h.At, count: 1, first: h.Seq, last: h.Seq,
		facts:   []notify.Fact{{Name: "session", Value: string(h.Session)}, {Name: "by", Value: cmp.Or(h.By, "nobody who is named")}, {Name: "entry", Value: fmt.Sprint(h.Seq)}},
		command: fmt.Sprintf("openclaw journal show %d", h.Seq)})
}

// family is the kind of a session's key: its agent, and the surface or channel
// that follows.
func family(h Happening) string {
	parts := strings.Split(string(h.Session), ":")
	if len(parts) > 4 {
		parts = parts[:4]
	} else if len(parts) > 2 {
		parts = parts[:2]
	}
	f := strings.Join(parts, ":")
	if len(f) > 64 {
		f = f[:64]
	}
	return f
}

// lures are refusals of the way out that nothing but an attack explains.
var lures = [...]struct{ rule, title string }{
	{"egress.placeholder_misplaced", "A secret's placeholder was sent where others could read it"},
	{"skill.host_undeclared", "A skill reached for a host that it does not need"},
}

// wentOut takes a decision about a destination.
func (m *Monitor) wentOut(h Happening, fresh bool) {
	if !fresh || h.Verdict != "deny" {
		return
	}
	for _, l := range lures {
		if h.Rule == l.rule {
			m.condition(found{id: "egress-" + short(l.rule+"\x00"+string(h.Agent)), rule: "monitor.egress_lure", severity: claw.Critical, title: l.title, at: h.At, count: 1, first: h.Seq, last: h.Seq, again: time.Hour,
				facts:   []notify.Fact{{Name: "agent", Value: string(h.Agent)}, {Name: "host", Value: h.Origin}, {Name: "entry", Value: fmt.Sprint(h.Seq)}},
				command: fmt.Sprintf("openclaw journal show %d", h.Seq)})
		}
	}
}

const configID = "config-outside"

// settle is how long the gateway's own command line has to say that a change
// was its own.
const settle = 20 * time.Second

// configChange takes a change of the configuration. What an operator did
// through the gateway or its command line is on record and raises nothing; the
// rest was done to the file.
func (m *Monitor) configChange(h Happening, fresh bool) {
	d := &m.st.Posture
	if h.Hash != "" {
		d.Hash = h.Hash
	}
	if h.Owner {
		d.write(h.Hash)
		return
	}
	switch h.What {
	case "held", "broken", "applied", "stopped":
	default:
		return
	}
	if h.What == "applied" && len(h.Changes) == 0 {
		return // comments and spaces
	}
	if fresh && !slices.Contains(d.Written, h.Hash) && len(d.Pending) < 16 {
		d.Pending = append(d.Pending, h)
	}
}

// judgeConfig tells of changes that nobody said were theirs.
func (m *Monitor) judgeConfig(now time.Time) {
	d := &m.st.Posture
	if m.startHash != "" && m.caughtUp() {
		if d.Hash != "" && d.Hash != m.startHash {
			m.configChange(Happening{Seq: m.start, At: now, What: "stopped", Hash: m.startHash}, true)
		}
		d.Hash, m.startHash, m.dirty = m.startHash, "", true
	}
	later := d.Pending[:0]
	for _, h := range d.Pending {
		if now.Sub(h.At) < settle && !h.At.After(now) {
			later = append(later, h)
			continue
		}
		m.configAlert(h)
	}
	d.Pending = later
}

func (m *Monitor) configAlert(h Happening) {
	s, title := claw.Warn, "The configuration file was changed outside"
	switch {
	case h.What == "held":
		s, title = claw.Critical, "The configuration file was loosened outside; it is not in force"
	case h.What == "broken":
		title = "The configuration file was broken outside; the last good one is in force"
	case h.What == "stopped":
		title = "The configuration file was changed while the gateway was stopped"
	case slices.ContainsFunc(h.Changes, blinds):
		s, title = claw.Critical, "What watches this home was changed outside"
	}
	facts := []notify.Fact{}
	if h.Origin != "" {
		facts = append(facts, notify.Fact{Name: "file", Value: h.Origin})
	}
	if len(h.Changes) > 0 {
		facts = append(facts, notify.Fact{Name: "changed", Value: firstFew(h.Changes, 4)})
	}
	facts = append(facts, notify.Fact{Name: "entry", Value: fmt.Sprint(h.Seq)})
	m.condition(found{id: configID, rule: "monitor.config_changed", severity: s, title: title, at: h.At, count: 1, facts: facts, first: h.Seq, last: h.Seq, again: 15 * time.Minute,
		command: fmt.Sprintf("openclaw journal show %d", h.Seq)})
}

// blinds reports that a key has to do with who is told.
func blinds(key string) bool {
	for _, p := range []string{"notify", "monitor", "security", "logging"} {
		if key == p || strings.HasPrefix(key, p+".") {
			return true
		}
	}
	return false
}

// drift is what the configuration should be, by the record.
type drift struct {
	Sealed  string    `json:"sealed,omitempty"`  // generation accepted last
	Audited string    `json:"audited,omitempty"` // generation of the last nightly audit
	AuditAt time.Time `json:"auditAt,omitzero"`
	// Hash of the configuration that was seen last, and of those that an
	// operator has written.
	Hash    string   `json:"hash,omitempty"`
	Written []string `json:"written,omitempty"`
	// Pending are changes of which it is not known yet whose they are.
	Pending []Happening `json:"pending,omitempty"`
	// Since the file is not in force.
	Since time.Time `json:"since,omitzero"`
}

// write keeps that an operator wrote a configuration.
func (d *drift) write(hash string) {
	if hash == "" {
		return
	}
	if !slices.Contains(d.Written, hash) {
		d.Written = append(d.Written, hash)
	}
	if len(d.Written) > 32 {
		d.Written = d.Written[1:]
	}
	d.Pending = slices.DeleteFunc(d.Pending, func(h Happening) bool { return h.Hash == hash })
}

func (d *drift) observe(h Happening) {
	if h.Kind == Sealed && h.Generation != "" {
		d.Sealed = h.Generation
	}
	if h.Kind == Audited {
		d.Audited, d.AuditAt = h.Generation, h.At
	}
}

const auditOverdue = 50 * time.Hour

// judgeDrift compares the file, the gateway and what was audited.
func (m *Monitor) judgeDrift(now time.Time) {
	d := &m.st.Posture
	if m.now.Damage != "" {
		m.condition(found{id: "journal-damaged", rule: "monitor.journal_damaged", severity: claw.Critical, title: "The journal is damaged", at: now,
			facts: []notify.Fact{{Name: "damage", Value: m.now.Damage}}, command: "openclaw journal verify"})
	}
	if m.now.NotInForce == "" {
		d.Since = time.Time{}
		m.stands("config-drift", 0, false)
	} else {
		if d.Since.IsZero() || d.Since.After(now) {
			d.Since = now
		}
		// An edit that was alerted is not told a second time.
		if now.Sub(d.Since) >= m.set.Drift && !m.isOpen(configID) {
			m.condition(found{id: "config-drift", rule: "monitor.config_drift", severity: claw.Warn, title: "The configuration file is not what is in force", at: now, standing: 1,
				facts: []notify.Fact{{Name: "reason", Value: m.now.NotInForce}}, command: "openclaw status"})
		}
	}
	if m.caughtUp() && d.Sealed != "" && m.now.Live != "" && d.Sealed != m.now.Live {
		m.condition(found{id: "posture-drift", rule: "monitor.posture_drift", severity: claw.Critical, title: "The rules in force are not those that were accepted", at: now, standing: 1,
			facts: []notify.Fact{{Name: "in force", Value: m.now.Live}, {Name: "accepted", Value: d.Sealed}}, command: "openclaw security audit --deep"})
	} else {
		m.stands("posture-drift", 0, false)
	}
	if !d.AuditAt.IsZero() && now.Sub(d.AuditAt) > auditOverdue && m.opt.Elapsed() > auditOverdue-24*time.Hour {
		m.condition(found{id: "audit-overdue", rule: "monitor.audit_overdue", severity: claw.Critical, title: "No audit has ended for two nights", at: now, standing: 1,
			facts: []notify.Fact{{Name: "last", Value: d.AuditAt.UTC().Format("2006-01-02 15:04 UTC")}}, command: "openclaw security audit --deep"})
	} else {
		m.stands("audit-overdue", 0, false)
	}
}

func (m *Monitor) caughtUp() bool { return m.st.Next >= m.now.Size }
