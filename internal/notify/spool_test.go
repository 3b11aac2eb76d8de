package notify

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// clock moves when told.
type clock struct{ t time.Time }

func (c *clock) now() time.Time       { return c.t }
func (c *clock) pass(d time.Duration) { c.t = c.t.Add(d) }
func hookTarget(url string) Target {
	return Target{Name: "hook", Kind: Webhook, URL: url, Token: secret(strings.Repeat("k", 32)), Least: claw.Warn}
}
func numbered(i int, s claw.Severity) Alert {
	return Alert{ID: fmt.Sprintf("a%d", i), At: noon, Rule: "monitor.test", Severity: s, Title: fmt.Sprintf("number %d", i)}
}

type outbox struct {
	dir      string
	clock    *clock
	attempts []Attempt
	problems []error
}

func (o *outbox) open(t *testing.T, targets ...Target) *Notifier {
	t.Helper()
	n, err := Open(Options{Dir: o.dir, World: world(), Now: o.clock.now, Record: func(a Attempt) { o.attempts = append(o.attempts, a) }, Report: func(err error) { o.problems = append(o.problems, err) }})
	if err != nil {
		t.Fatal(err)
	}
	n.Set(targets)
	return n
}

func raise(t *testing.T, n *Notifier, a Alert) {
	t.Helper()
	if _, err := n.Raise(a); err != nil {
		t.Fatal(err)
	}
}

// An endpoint that is down for a day: what is raised meanwhile, over restarts,
// arrives once when it is back, and the spool stays small.
func TestEndpointDownForADay(t *testing.T) {
	down := true
	s, got := service(t, func(w http.ResponseWriter, n int) {
		if down {
			w.WriteHeader(500)
			return
		}
		w.WriteHeader(200)
	})
	o := &outbox{dir: t.TempDir(), clock: &clock{noon}}
	target := hookTarget(s.URL)
	n := o.open(t, target)
	hours := 0
	for range 24 * 6 { // every ten minutes the same condition, every hour another
		if o.clock.t.Minute() == 0 {
			raise(t, n, numbered(hours, claw.Warn))
			hours++
		}
		raise(t, n, numbered(1000, claw.Critical))
		n.Deliver(t.Context())
		o.clock.pass(10 * time.Minute)
		if o.clock.t.Minute() == 30 {
			n = o.open(t, target) // a restart
		}
	}
	if tries := len(*got); tries < 20 || tries > 80 {
		t.Errorf("%d tries in a day", tries)
	}
	fi, err := os.Stat(filepath.Join(o.dir, spoolFile))
	if err != nil || fi.Size() > 64<<10 {
		t.Errorf("spool: %v, %v", fi, err)
	}
	down = false
	*got = nil
	o.clock.pass(2 * time.Hour)
	n.Deliver(t.Context())
	n.Deliver(t.Context())
	if len(*got) != 1 {
		t.Fatalf("%d messages when it was back", len(*got))
	}
	body := string((*got)[0].body)
	if !strings.Contains(body, "25 alerts have waited") || !strings.Contains(body, "number 1000 (144)") || !strings.Contains(body, `"severity":"critical"`) {
		t.Errorf("%s", body)
	}
	if l := n.List(); l.Targets[0].Waiting != 0 || l.Dropped != 0 || l.Targets[0].Last.Status != Delivered {
		t.Errorf("%+v", l)
	}
	if len(o.problems) > 0 {
		t.Error(o.problems)
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	s, got := service(t, func(w http.ResponseWriter, n int) {
		if n == 1 {
			w.Header().Set("Retry-After", "7200")
			w.WriteHeader(429)
		}
	})
	o := &outbox{dir: t.TempDir(), clock: &clock{noon}}
	n := o.open(t, hookTarget(s.URL))
	raise(t, n, numbered(1, claw.Warn))
	for range 119 {
		n.Deliver(t.Context())
		o.clock.pass(time.Minute)
	}
	if len(*got) != 1 {
		t.Errorf("%d tries within the two hours", len(*got))
	}
	o.clock.pass(time.Minute)
	if n.Deliver(t.Context()); len(*got) != 2 {
		t.Errorf("%d tries after them", len(*got))
	}
	if len(o.attempts) != 2 || o.attempts[0].Status != Waiting || o.attempts[1].Status != Delivered {
		t.Errorf("%+v", o.attempts)
	}
}

func TestSpoolIsBounded(t *testing.T) {
	o := &outbox{dir: t.TempDir(), clock: &clock{noon}}
	n := o.open(t, hookTarget("http://127.0.0.1:1"))
	raise(t, n, numbered(0, claw.Critical))
	for i := 1; i < maxWaiting+50; i++ {
		raise(t, n, numbered(i, claw.Warn))
	}
	l := n.List()
	if l.Targets[0].Waiting != maxWaiting || l.Dropped != 50 {
		t.Errorf("%+v", l)
	}
	if n.spool.Waiting[0].Alert.ID != "a0" {
		t.Error("the critical one made room for a warning")
	}
	raise(t, n, numbered(9999, claw.Info)) // nobody asked for it
	if n.List().Targets[0].Waiting != maxWaiting {
		t.Error("an info was taken")
	}
}

// A clock that was set back must not leave an alert waiting for years, one
// that was set forward must not drop it (R51).
func TestR51ClockChangesLoseNoAlert(t *testing.T) {
	up := false
	s, got := service(t, func(w http.ResponseWriter, n int) {
		if !up {
			w.WriteHeader(500)
		}
	})
	o := &outbox{dir: t.TempDir(), clock: &clock{noon}}
	n := o.open(t, hookTarget(s.URL))
	o.clock.pass(10 * 365 * 24 * time.Hour)
	raise(t, n, numbered(1, claw.Warn))
	n.Deliver(t.Context())
	o.clock.pass(-20 * 365 * 24 * time.Hour)
	up = true
	n.Deliver(t.Context())
	if len(*got) != 2 || n.List().Targets[0].Waiting != 0 {
		t.Errorf("set back: %d tries, %+v", len(*got), n.List())
	}
	up = false
	raise(t, n, numbered(2, claw.Warn))
	n.Deliver(t.Context())
	o.clock.pass(50 * 365 * 24 * time.Hour)
	n.Deliver(t.Context())
	if n.List().Targets[0].Waiting != 1 {
		t.Errorf("set forward: %+v", n.List())
	}
}

func TestQuietHoursHoldBack(t *testing.T) {
	s, got := service(t, func(w http.ResponseWriter, n int) {})
	o := &outbox{dir: t.TempDir(), clock: &clock{noon}}
	n := o.open(t, hookTarget(s.URL))
	a := numbered(1, claw.Warn)
	a.NotBefore = noon.Add(time.Hour)
	raise(t, n, a)
	if d := n.Deliver(t.Context()); len(*got) != 0 || d != time.Hour {
		t.Errorf("%d sent, next in %v", len(*got), d)
	}
	o.clock.pass(time.Hour)
	if d := n.Deliver(t.Context()); len(*got) != 1 || d != 0 {
		t.Errorf("%d sent, next in %v", len(*got), d)
	}
}

// A target that is taken off still hears of what happened until then, its own
// removal above all.
func TestTargetThatIsTakenOffIsTold(t *testing.T) {
	s, got := service(t, func(w http.ResponseWriter, n int) {})
	o := &outbox{dir: t.TempDir(), clock: &clock{noon}}
	n := o.open(t, hookTarget(s.URL))
	raise(t, n, numbered(1, claw.Critical))
	n.Set(nil)
	if q, err := n.Raise(numbered(2, claw.Critical)); err != nil || q != 0 {
		t.Errorf("a later one is taken for it: %d, %v", q, err)
	}
	if n.Deliver(t.Context()); len(*got) != 1 {
		t.Errorf("%d messages", len(*got))
	}
}

// What waits for a target goes to no other, also when the configuration
// changes while it waits.
func TestAlertGoesOnlyWhereItWasFor(t *testing.T) {
	s, got := service(t, func(w http.ResponseWriter, n int) {})
	o := &outbox{dir: t.TempDir(), clock: &clock{noon}}
	n := o.open(t, hookTarget("http://127.0.0.1:1"))
	raise(t, n, numbered(1, claw.Warn))
	n.Deliver(t.Context())
	n.Set([]Target{hookTarget(s.URL)})
	o.clock.pass(24 * time.Hour)
	if n.Deliver(t.Context()); len(*got) != 0 {
		t.Error("it was sent elsewhere")
	}
	if l := n.List(); l.Dropped != 1 || l.Targets[0].Waiting != 0 {
		t.Errorf("%+v", l)
	}
	raise(t, n, numbered(2, claw.Warn))
	n.Deliver(t.Context())
	if len(*got) != 1 || !strings.Contains(string((*got)[0].body), "1 earlier alerts could not be delivered") {
		t.Errorf("%d: the loss is not told", len(*got))
	}
}

func TestBrokenSpoolIsSetAside(t *testing.T) {
	for _, text := range []string{"{", `{"version":9}`, "\x00\x00", `[]`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, spoolFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		o := &outbox{dir: dir, clock: &clock{noon}}
		n := o.open(t, hookTarget("http://127.0.0.1:1"))
		if len(o.problems) != 1 {
			t.Errorf("%q: %v", text, o.problems)
		}
		if b, err := os.ReadFile(filepath.Join(dir, spoolFile+".bad")); err != nil || string(b) != text {
			t.Errorf("%q: %q, %v", text, b, err)
		}
		raise(t, n, numbered(1, claw.Warn))
	}
}

func TestRunDelivers(t *testing.T) {
	s, got := service(t, func(w http.ResponseWriter, n int) {})
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan struct{})
	n, err := Open(Options{Dir: t.TempDir(), World: world(), Now: func() time.Time { return noon }, Report: func(err error) { t.Error(err) },
		Record: func(a Attempt) { close(sent) }})
	if err != nil {
		t.Fatal(err)
	}
	n.Set([]Target{hookTarget(s.URL)})
	done := make(chan struct{})
	go func() { n.Run(ctx); close(done) }()
	raise(t, n, numbered(1, claw.Warn))
	<-sent
	cancel()
	<-done
	if len(*got) != 1 {
		t.Errorf("%d messages", len(*got))
	}
}

func TestTestMessage(t *testing.T) {
	s, got := service(t, func(w http.ResponseWriter, n int) {})
	o := &outbox{dir: t.TempDir(), clock: &clock{noon}}
	bad := Target{Name: "chat", Kind: Telegram, To: "1"}
	n := o.open(t, hookTarget(s.URL), bad)
	rows, err := n.Test(t.Context(), "")
	if err != nil || len(rows) != 2 || !rows[0].OK || rows[1].OK || !strings.Contains(rows[1].Why, "token is missing") || len(*got) != 1 {
		t.Errorf("%+v, %v", rows, err)
	}
	if _, err := n.Test(t.Context(), "nowhere"); err == nil {
		t.Error("a target that is none")
	}
}
