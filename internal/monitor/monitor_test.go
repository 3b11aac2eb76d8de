package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/notify"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// world is a gateway whose clock moves when told.
type world struct {
	t       testing.TB
	dir     string
	now     time.Time
	started time.Time
	state   Now
	lines   [][]byte
	sent    []notify.Alert
	raised  []Condition
	reports []error
	refuse  error
	set     posture.Monitor
	m       *Monitor
	// slow has the monitor write its state down less often.
	slow time.Duration
}

var monday = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

func newWorld(t testing.TB) *world {
	t.Helper()
	c, _ := config.ParseBytes("", []byte(`{}`), nil)
	w := &world{t: t, dir: t.TempDir(), now: monday, started: monday, set: posture.WatchOf(c).Monitor}
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	m, err := Open(Options{Dir: w.dir, Record: w, Look: func() Now { w.state.Size = uint64(len(w.lines)); return w.state }, Clock: func() time.Time { return w.now },
		Elapsed: func() time.Duration { return w.now.Sub(w.started) / max(1, w.slow) }, Zone: time.UTC,
		Raised: func(_ context.Context, c Condition) error {
			if w.refuse == nil {
				w.raised = append(w.raised, c)
			}
			return w.refuse
		},
		Send: func(a notify.Alert) error { w.sent = append(w.sent, a); return nil }, Report: func(err error) { w.reports = append(w.reports, err) }}, w.set)
	if err != nil {
		w.t.Fatal(err)
	}
	w.m = m
}

func (w *world) Raw(_ context.Context, from uint64, limit int) ([][]byte, uint64, error) {
	to := min(int(from)+limit, len(w.lines))
	return w.lines[from:to], uint64(to), nil
}

func (w *world) entry(e chain.Entry, data any) {
	w.t.Helper()
	b, err := json.Marshal(data)
	if err != nil {
		w.t.Fatal(err)
	}
	e.Seq, e.Time, e.Data = uint64(len(w.lines)), w.now, b
	line, _, err := chain.Encode(nil, &e)
	if err != nil {
		w.t.Fatal(err)
	}
	w.lines = append(w.lines, line)
}

type fields map[string]any

func (w *world) authFailure(source string, n int) {
	w.entry(chain.Entry{Event: "auth.failure"}, fields{"source": source, "kind": "shared", "count": fmt.Sprint(n)})
}

func (w *world) exec(agent claw.AgentID, program string) {
	w.entry(chain.Entry{Event: "exec.command", Agent: agent, Phase: chain.Intent}, fields{"tool": "exec", "decision": 1, "command": [][]string{{"/usr/bin/" + program, "-x"}}})
}

func (w *world) modelCall() {
	w.entry(chain.Entry{Event: "secret.use"}, fields{"for": "model anthropic", "ref": "env:KEY", "host": "api.anthropic.com"})
}

func (w *world) session(agent claw.AgentID, key string, owner bool) {
	e := chain.Entry{Event: "session.new", Agent: agent, Session: claw.SessionKey(key)}
	if owner {
		e.Principal = claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}
	}
	w.entry(e, fields{})
}

// pass lets time go by, the monitor looking every minute.
func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(min(time.Minute, end.Sub(w.now)))
		w.m.Poll(w.t.Context())
	}
}

func (w *world) told() []string {
	out := []string{}
	for _, a := range w.sent {
		out = append(out, a.Rule)
	}
	return out
}

// workday is one of a workbench: commands at work, a few sign-ins that fail,
// model calls, sessions. extra may do something at its hour.
func (w *world) workday(r *rand.Rand, extra func(hour int)) {
	w.t.Helper()
	w.slow = 30
	day := w.now
	for h := range 24 {
		w.now = day.Add(time.Duration(h) * time.Hour)
		busy := h >= 9 && h < 18
		for m := 0; m < 60; m += 5 {
			w.now = day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute)
			if busy && r.IntN(3) > 0 {
				for range 1 + r.IntN(3) {
					w.exec("workbench", []string{"ls", "cat", "grep", "git", "go", "make"}[r.IntN(6)])
					w.modelCall()
				}
			}
			if busy && m == 30 && r.IntN(4) == 0 {
				w.exec("workbench", fmt.Sprintf("tool%d", r.IntN(1000))) // something new, now and then
			}
			if m == 20 && r.IntN(12) == 0 {
				w.authFailure("127.0.0.1", 1+r.IntN(3)) // somebody mistyped
			}
			if busy && m == 10 && r.IntN(4) == 0 {
				w.session("workbench", fmt.Sprintf("agent:workbench:session-%08x", r.Uint32()), true)
			}
			if m == 15 && r.IntN(20) == 0 {
				w.session("main", fmt.Sprintf("agent:main:telegram:direct:%d", r.IntN(4)), false)
			}
			if m == 40 && extra != nil {
				extra(h)
			}
			w.m.Poll(w.t.Context())
		}
	}
	w.now = day.AddDate(0, 0, 1)
}

// TestSimulatedWeek: after three weeks of usual work, a week with a brute
// force, a night of unusual commands and an edit of the configuration outside
// raises exactly those three; the gateway restarts every day.
func TestSimulatedWeek(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 7))
		w := newWorld(t)
		for range 21 {
			w.workday(r, nil)
		}
		if len(w.sent) > 0 {
			t.Errorf("seed %d: alerts in usual weeks: %v", seed, w.told())
		}
		for day := range 7 {
			w.m.Close()
			w.open()
			w.workday(r, func(h int) {
				switch {
				case day == 1 && h == 22: // Tuesday: somebody tries tokens
					for i := range 40 {
						w.authFailure("203.0.113.9", 1)
						if i%10 == 0 {
							w.now = w.now.Add(time.Minute)
						}
					}
				case day == 3 && h >= 2 && h < 5: // Thursday night
					for _, p := range []string{"curl", "nc", "tar", "base64", "ssh", "crontab"} {
						w.exec("workbench", p)
					}
				case day == 5 && h == 12: // Saturday noon
					w.entry(chain.Entry{Event: "config.change"}, fields{"what": "held", "file": "openclaw.json, owned by uid 0", "hash": "abc", "keys": []string{"tools.exec.security"}, "changes": []string{"exec: deny to full"}})
					w.state.NotInForce = "the file loosens 1 rule(s) and waits for openclaw config accept"
				case day == 6 && h == 9:
					w.state.NotInForce = ""
				}
			})
		}
		if got, want := fmt.Sprint(w.told()), "[monitor.auth_failures monitor.exec_unusual monitor.config_changed]"; got != want {
			t.Errorf("seed %d: told %v, expected %v", seed, got, want)
			for _, a := range w.sent {
				t.Logf("%v %s %v", a.At, a.Title, a.Facts)
			}
		}
		for _, a := range w.sent {
			if a.Severity != claw.Critical || len(a.Facts) == 0 || !strings.HasPrefix(a.Command, "openclaw monitor explain ") {
				t.Errorf("seed %d: %+v", seed, a)
			}
		}
		if len(w.raised) != 3 || len(w.reports) > 0 {
			t.Errorf("seed %d: %d on record, %v", seed, len(w.raised), w.reports)
		}
	}
}

func TestAuthThresholds(t *testing.T) {
	for _, c := range []struct {
		n     int
		state string
		told  int
	}{{5, "normal", 0}, {6, "watch", 0}, {10, "watch", 0}, {11, "investigate", 1}, {500, "investigate", 1}} {
		w := newWorld(t)
		w.authFailure("203.0.113.9", c.n)
		w.pass(time.Minute)
		if s := w.m.Status(); s.Meters[0].Now != c.n || s.Meters[0].State != c.state || len(w.sent) != c.told {
			t.Errorf("%d failures: %+v, %d alerts", c.n, s.Meters[0], len(w.sent))
		}
		w.pass(61 * time.Minute)
		if s := w.m.Status(); s.Meters[0].Now != 0 || s.Meters[0].State != "normal" {
			t.Errorf("an hour later: %+v", s.Meters[0])
		}
	}
}

// Counted failures of strangers weigh as much as those written one by one.
func TestSummariesCount(t *testing.T) {
	w := newWorld(t)
	w.authFailure("203.0.113.9", 1)
	w.entry(chain.Entry{Event: "failure.summary"}, journal.SummaryData{Total: 30, Sources: []journal.SourceCount{{Event: journal.AuthFailure, Source: "203.0.113.9", Count: 9}, {Event: journal.ChannelMessage, Source: "x", Count: 20}}, Others: 1})
	w.pass(time.Minute)
	if s := w.m.Status(); s.Meters[0].Now != 11 || len(w.sent) != 1 {
		t.Errorf("%+v, %v", s.Meters[0], w.told())
	}
}

func TestSuccessAfterFailuresIsToldApart(t *testing.T) {
	w := newWorld(t)
	w.authFailure("203.0.113.9", 8)
	w.entry(chain.Entry{Event: "auth.success"}, fields{"client": "cli", "from": "198.51.100.1"})
	w.pass(time.Minute)
	if len(w.sent) != 0 {
		t.Fatalf("another source: %v", w.told())
	}
	w.entry(chain.Entry{Event: "auth.success"}, fields{"client": "cli", "from": "203.0.113.9"})
	w.pass(time.Minute)
	if len(w.sent) != 1 || !strings.HasPrefix(w.sent[0].Title, "A sign-in after 8 failures") {
		t.Errorf("%+v", w.sent)
	}
}

// One alert for one thing; a second one when it is ten times worse; none after
// it was seen; a new one when it was over.
func TestOneAlertForOneThing(t *testing.T) {
	w := newWorld(t)
	for range 30 {
		w.authFailure("203.0.113.9", 1)
		w.pass(time.Minute)
	}
	if len(w.sent) != 1 {
		t.Fatalf("%v", w.told())
	}
	w.authFailure("203.0.113.9", 200)
	w.pass(time.Minute)
	if len(w.sent) != 2 || w.sent[0].ID != w.sent[1].ID {
		t.Fatalf("ten times worse: %v", w.told())
	}
	if _, err := w.m.Ack("auth-failures", claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}); err != nil {
		t.Fatal(err)
	}
	w.authFailure("203.0.113.9", 20)
	w.pass(time.Minute)
	if len(w.sent) != 2 {
		t.Fatalf("after it was seen: %v", w.told())
	}
	w.pass(2 * time.Hour)
	if c := w.m.Status().Conditions[0]; !c.Over {
		t.Errorf("it goes on: %+v", c)
	}
	w.authFailure("203.0.113.9", 11)
	w.pass(time.Minute)
	if len(w.sent) != 3 || w.sent[2].ID == w.sent[0].ID {
		t.Errorf("anew: %v", w.told())
	}
	if _, err := w.m.Ack("nothing", claw.Principal{}); !errors.Is(err, ErrNoCondition) {
		t.Error(err)
	}
}

// An alert that cannot be put on record is not sent, and not lost.
func TestNoAlertWithoutARecord(t *testing.T) {
	w := newWorld(t)
	w.refuse = errors.New("disk full")
	w.authFailure("203.0.113.9", 11)
	w.pass(5 * time.Minute)
	if len(w.sent) != 0 || len(w.reports) == 0 {
		t.Fatalf("%v, %v", w.told(), w.reports)
	}
	w.refuse = nil
	w.pass(time.Minute)
	if len(w.sent) != 1 || len(w.raised) != 1 {
		t.Errorf("%v", w.told())
	}
}

// What raised an alert does not become a habit before somebody has seen it.
func TestAttackIsNotLearned(t *testing.T) {
	for _, seen := range []bool{false, true} {
		r := rand.New(rand.NewPCG(3, 3))
		w := newWorld(t)
		for range 10 {
			w.workday(r, nil)
		}
		nights := func(n int) {
			for range n {
				w.workday(r, func(h int) {
					if h >= 2 && h < 4 {
						for _, p := range []string{"curl", "nc", "tar", "base64"} {
							w.exec("workbench", p)
						}
					}
				})
			}
		}
		nights(1)
		if len(w.sent) != 1 {
			t.Fatalf("%v", w.told())
		}
		if seen {
			if _, err := w.m.Ack("exec-workbench", claw.Principal{Standing: claw.Owner}); err != nil {
				t.Fatal(err)
			}
		}
		nights(6)
		_, learned := w.m.st.Agents["workbench"].Programs["nc"]
		if learned != seen {
			t.Errorf("seen %v, learned %v", seen, learned)
		}
		if !seen && len(w.sent) < 5 {
			t.Errorf("a night each day, told %d times", len(w.sent))
		}
		if seen && len(w.sent) > 1 {
			t.Errorf("after it was seen: %v", w.told())
		}
	}
}

func TestModelCallsAtTwiceTheUsual(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	w := newWorld(t)
	for range 7 {
		w.workday(r, nil)
	}
	w.slow = 0
	usual := w.m.st.Models.Usual
	if usual < 10 || len(w.sent) > 0 {
		t.Fatalf("usual %v, %v", usual, w.told())
	}
	for range int(1.8 * usual) {
		w.modelCall()
	}
	w.pass(time.Minute)
	if len(w.sent) != 0 {
		t.Fatalf("below twice: %v", w.told())
	}
	for range int(0.5 * usual) {
		w.modelCall()
	}
	w.pass(time.Minute)
	if fmt.Sprint(w.told()) != "[monitor.model_calls]" {
		t.Errorf("%v", w.told())
	}
}

func TestNewSessionKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	w := newWorld(t)
	for range 5 {
		w.workday(r, nil)
	}
	w.session("main", "agent:main:telegram:direct:99", false) // another chat of a known kind
	w.session("main", "agent:main:discord:guild:1", true)     // the owner's doing
	w.pass(time.Minute)
	if len(w.sent) != 0 {
		t.Fatalf("%v", w.told())
	}
	w.session("main", "agent:main:slack:channel:C1", false)
	w.pass(time.Minute)
	if fmt.Sprint(w.told()) != "[monitor.new_session_kind]" {
		t.Fatalf("%v", w.told())
	}
	for i := range 11 {
		w.session("main", fmt.Sprintf("agent:main:telegram:direct:%d", 1000+i), false)
	}
	w.pass(time.Minute)
	if fmt.Sprint(w.told()) != "[monitor.new_session_kind monitor.new_sessions]" {
		t.Errorf("%v", w.told())
	}
}

func TestConfigChanges(t *testing.T) {
	owner := claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}
	for name, c := range map[string]struct {
		by       claw.Principal
		data     fields
		told     bool
		severity claw.Severity
	}{
		"operator":         {owner, fields{"what": "applied", "keys": []string{"notify.targets"}}, false, 0},
		"applied outside":  {claw.Principal{}, fields{"what": "applied", "keys": []string{"tools.deny"}}, true, claw.Warn},
		"loosened outside": {claw.Principal{}, fields{"what": "held", "changes": []string{"x"}}, true, claw.Critical},
		"broken outside":   {claw.Principal{}, fields{"what": "broken"}, true, claw.Warn},
		"alerts taken off": {claw.Principal{}, fields{"what": "applied", "keys": []string{"notify.targets"}}, true, claw.Critical},
		"a comment":        {claw.Principal{}, fields{"what": "applied", "hash": "h"}, false, 0},
		"a stranger":       {claw.Principal{Standing: claw.Stranger}, fields{"what": "applied", "keys": []string{"x"}}, true, claw.Warn},
	} {
		w := newWorld(t)
		w.entry(chain.Entry{Event: "config.change", Principal: c.by}, c.data)
		w.pass(time.Minute)
		if told := len(w.sent) == 1; told != c.told || told && w.sent[0].Severity != c.severity {
			t.Errorf("%s: %+v", name, w.sent)
		}
	}
}

func TestLures(t *testing.T) {
	w := newWorld(t)
	out := func(agent claw.AgentID, verdict, rule string) {
		w.entry(chain.Entry{Event: "egress.request", Agent: agent}, fields{"kind": "proxy", "host": fields{"name": "paste.test", "port": 443}, "verdict": verdict, "rule": rule})
	}
	out("main", "deny", "egress.not_listed")
	out("main", "allow", "egress.placeholder_misplaced")
	w.pass(time.Minute)
	if len(w.sent) != 0 {
		t.Fatalf("%v", w.told())
	}
	for range 20 {
		out("main", "deny", "egress.placeholder_misplaced")
	}
	out("work", "deny", "skill.host_undeclared")
	w.pass(time.Minute)
	if fmt.Sprint(w.told()) != "[monitor.egress_lure monitor.egress_lure]" || w.sent[0].Facts[1].Value != "paste.test" || w.sent[0].Severity != claw.Critical {
		t.Errorf("%+v", w.sent)
	}
}

func TestDrift(t *testing.T) {
	w := newWorld(t)
	w.entry(chain.Entry{Event: "posture.seal"}, fields{"hash": "h", "summary": fields{"generation": "g1"}})
	w.state.Live = "g1"
	w.pass(time.Hour)
	if len(w.sent) != 0 {
		t.Fatalf("%v", w.told())
	}
	w.state.NotInForce = "the file does not load"
	w.pass(9 * time.Minute)
	if len(w.sent) != 0 {
		t.Fatalf("at once: %v", w.told())
	}
	w.pass(5 * time.Minute)
	if fmt.Sprint(w.told()) != "[monitor.config_drift]" {
		t.Fatalf("%v", w.told())
	}
	w.state.NotInForce, w.state.Live = "", "g2"
	w.pass(time.Minute)
	if fmt.Sprint(w.told()) != "[monitor.config_drift monitor.posture_drift]" {
		t.Fatalf("%v", w.told())
	}
	w.state.Damage = "entry 7 was changed"
	w.pass(time.Minute)
	if len(w.sent) != 3 || w.sent[2].Rule != "monitor.journal_damaged" {
		t.Errorf("%v", w.told())
	}
}

// What the command line says it has written raises nothing, before or after
// the gateway has seen the file.
func TestOperatorsOwnEdits(t *testing.T) {
	owner := claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}
	w := newWorld(t)
	written := func(hash string) {
		w.entry(chain.Entry{Event: "config.change", Principal: owner}, fields{"what": "written", "hash": hash})
	}
	seen := func(hash string) {
		w.entry(chain.Entry{Event: "config.change"}, fields{"what": "applied", "hash": hash, "keys": []string{"gateway.port"}})
	}
	written("h1")
	seen("h1")
	w.pass(time.Minute)
	seen("h2")
	w.now = w.now.Add(5 * time.Second)
	w.m.Poll(t.Context())
	written("h2")
	w.pass(time.Minute)
	if len(w.sent) != 0 {
		t.Fatalf("%v", w.told())
	}
	w.m.Close()
	w.open()
	w.m.Started("h2")
	w.pass(time.Minute)
	if len(w.sent) != 0 {
		t.Fatalf("%v", w.told())
	}
	w.m.Close()
	w.open()
	w.m.Started("h3") // somebody used an editor meanwhile
	w.pass(2 * time.Minute)
	if fmt.Sprint(w.told()) != "[monitor.config_changed]" || w.sent[0].Severity != claw.Warn {
		t.Errorf("%+v", w.sent)
	}
	w.m.Close()
	written("h4") // while no gateway ran
	w.open()
	w.m.Started("h4")
	w.pass(2 * time.Minute)
	if len(w.sent) != 1 {
		t.Errorf("%v", w.told())
	}
}

// TestR42MissingAuditIsTold: a nightly audit that does not end any more is
// noticed although nothing of it says so.
func TestR42MissingAuditIsTold(t *testing.T) {
	w := newWorld(t)
	w.entry(chain.Entry{Event: "security.audit"}, fields{"critical": 0, "report": "audit-2026-11-02.json", "generation": "g"})
	w.pass(49 * time.Hour)
	if len(w.sent) != 0 {
		t.Fatalf("%v", w.told())
	}
	w.pass(2 * time.Hour)
	if fmt.Sprint(w.told()) != "[monitor.audit_overdue]" || w.sent[0].Severity != claw.Critical {
		t.Fatalf("%v", w.told())
	}
	w.entry(chain.Entry{Event: "security.audit"}, fields{"critical": 0, "report": "audit-2026-11-04.json", "generation": "g"})
	w.pass(time.Minute)
	if c := w.m.Status().Conditions[0]; !c.Over {
		t.Errorf("%+v", c)
	}
}

func TestQuietHours(t *testing.T) {
	w := newWorld(t)
	w.set.QuietFrom, w.set.QuietTo = "22:00", "07:00"
	w.open()
	for at, want := range map[string]string{"21:59": "", "22:00": "03 07:00", "23:30": "03 07:00", "06:59": "02 07:00", "07:00": ""} {
		c, err := time.Parse("15:04", at)
		if err != nil {
			t.Fatal(err)
		}
		got := w.m.quietUntil(monday.Add(time.Duration(c.Hour())*time.Hour + time.Duration(c.Minute())*time.Minute))
		text := ""
		if !got.IsZero() {
			text = got.Format("02 15:04")
		}
		if text != want {
			t.Errorf("%s: %q, expected %q", at, text, want)
		}
	}
	w.now = monday.Add(23 * time.Hour)
	w.entry(chain.Entry{Event: "config.change"}, fields{"what": "broken"})
	w.authFailure("x", 20)
	w.pass(time.Minute)
	if len(w.sent) != 2 || !w.sent[0].NotBefore.IsZero() || w.sent[1].NotBefore.IsZero() {
		t.Errorf("%+v", w.sent)
	}
}

// A clock that is set neither hides nor invents anything (R51).
func TestClockIsSet(t *testing.T) {
	w := newWorld(t)
	w.now = monday.AddDate(10, 0, 0)
	w.authFailure("x", 6)
	w.pass(time.Minute)
	w.now = monday // back by ten years
	w.authFailure("x", 6)
	w.m.Poll(t.Context())
	if len(w.sent) != 1 {
		t.Errorf("set back within an attack: %v", w.told())
	}
}

func TestUnreadableRecordIsCritical(t *testing.T) {
	w := newWorld(t)
	w.authFailure("x", 1)
	w.lines[0] = w.lines[0][:len(w.lines[0])/2]
	w.pass(time.Minute)
	if fmt.Sprint(w.told()) != "[monitor.journal_unreadable]" {
		t.Errorf("%v", w.told())
	}
	w = newWorld(t)
	w.authFailure("x", 1)
	w.pass(time.Minute)
	w.m.Close()
	w.lines = nil
	w.open()
	w.pass(time.Minute)
	if fmt.Sprint(w.told()) != "[monitor.journal_shorter]" {
		t.Errorf("%v", w.told())
	}
}

func TestBrokenState(t *testing.T) {
	for _, text := range []string{"{", "[]", `{"version":7}`, `{"version":1,"agents":{"a":null},"sessions":{}}`} {
		w := newWorld(t)
		if err := os.WriteFile(filepath.Join(w.dir, stateFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w.open()
		w.exec("a", "ls")
		w.session("a", "agent:a:main", false)
		w.pass(time.Minute)
		if text[0] != '{' || len(text) < 20 {
			if fmt.Sprint(w.told()) != "[monitor.state_lost]" {
				t.Errorf("%s: %v", text, w.told())
			}
		}
	}
}

// What strangers cause cannot make the state grow without end.
func TestStateIsBounded(t *testing.T) {
	w := newWorld(t)
	for i := range 5000 {
		w.authFailure(fmt.Sprintf("2001:db8::%x", i), 1)
		w.exec(claw.AgentID(fmt.Sprintf("a%d", i)), fmt.Sprintf("p%d", i))
		w.exec("a0", fmt.Sprintf("p%d", i))
		w.session("main", fmt.Sprintf("agent:main:x%d:y:z", i), false)
		if i%100 == 0 {
			w.now = w.now.Add(3 * time.Hour)
		}
	}
	w.pass(time.Minute)
	w.m.Close()
	fi, err := os.Stat(filepath.Join(w.dir, stateFile))
	if err != nil || fi.Size() > 256<<10 {
		t.Errorf("%v, %v", fi.Size(), err)
	}
	if n := len(w.m.st.Conditions); n > maxCondition {
		t.Errorf("%d conditions", n)
	}
}

func FuzzRead(f *testing.F) {
	w := newWorld(f)
	w.authFailure("x", 3)
	w.exec("a", "ls")
	w.session("a", "agent:a:b", false)
	w.entry(chain.Entry{Event: "decision"}, fields{"tool": "exec", "verdict": "deny", "rule": "a.b", "arguments": fields{"verdict": "allow", "x": []any{1, "]}\"", nil}}})
	for _, l := range w.lines {
		f.Add(l[strings.Index(string(l), `"data":`)+7:])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, key := range []string{"verdict", "source", "count", "command"} {
			got := value(data, key)
			var whole map[string]json.RawMessage
			if json.Unmarshal(data, &whole) != nil {
				continue
			}
			compact, err := json.Marshal(whole)
			if err != nil {
				continue
			}
			if want, ok := whole[key]; ok != (value(compact, key) != nil) && len(want) > 0 {
				t.Errorf("%q in %s: %s", key, compact, got)
			}
		}
	})
}

// BenchmarkObserve is what an entry costs: at 1,000 a second, 1 % of a core is
// 10 µs each.
func BenchmarkObserve(b *testing.B) {
	w := newWorld(b)
	r := rand.New(rand.NewPCG(1, 1))
	for len(w.lines) < 20_000 {
		switch r.IntN(6) {
		case 0:
			w.exec("workbench", []string{"ls", "git", "go"}[r.IntN(3)])
		case 1:
			w.modelCall()
		case 2, 3:
			w.entry(chain.Entry{Event: "decision", Agent: "workbench", Session: "agent:workbench:main"}, fields{"tool": "exec", "verdict": "allow", "rule": "exec.allowlist", "reason": "on the list",
				"arguments": fields{"command": "git status"}, "facts": fields{"reads": []string{"/a/b/c", "/d/e/f"}, "exec": fields{"line": strings.Repeat("x", 400)}}, "trace": []fields{{"layer": "exec", "verdict": "allow"}}})
		case 4:
			w.entry(chain.Entry{Event: "exec.command", Agent: "workbench", Phase: chain.Outcome, Ref: 0}, fields{"tool": "exec", "status": "done", "run": fields{"enforced": "isolated", "exitCode": 0}, "tookMs": 12})
		case 5:
			w.authFailure("127.0.0.1", 1)
		}
	}
	b.ResetTimer()
	for n := 0; n < b.N; {
		w.m.st.Next = 0
		w.m.now.Size = uint64(len(w.lines))
		for {
			more, err := w.m.read(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if !more {
				break
			}
		}
		n += len(w.lines)
	}
}
