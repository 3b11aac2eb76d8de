package schedule

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

type disk struct {
	b    []byte
	full bool
}

func (d *disk) Read(string) ([]byte, error) { return d.b, nil }
func (d *disk) Write(name string, b []byte) error {
	if d.full {
		return errors.New("disk full")
	}
	d.b = b
	return nil
}

// night is a world with one task at 03:00.
type night struct {
	t      *testing.T
	disk   *disk
	now    time.Time
	tasks  *Tasks
	ran    []string
	failed []string
	do     func(context.Context) error
}

func newNight(t *testing.T, now string) *night {
	t.Helper()
	n := &night{t: t, disk: &disk{}, do: func(context.Context) error { return nil }}
	n.at(now)
	n.restart()
	return n
}

func (n *night) at(s string) {
	n.t.Helper()
	var err error
	if n.now, err = time.Parse("2006-01-02 15:04", s); err != nil {
		n.t.Fatal(err)
	}
}

func (n *night) restart() {
	n.tasks = OpenTasks(n.disk, func() time.Time { return n.now }, func(err error) { n.failed = append(n.failed, err.Error()) })
}

func (n *night) tick() time.Duration {
	n.t.Helper()
	next, err := Daily("03:00")
	if err != nil {
		n.t.Fatal(err)
	}
	wait, err := n.tasks.Tick(n.t.Context(), []Task{{Name: "nightly", Next: next, Timeout: time.Minute,
		Run: func(ctx context.Context, due time.Time) error {
			n.ran = append(n.ran, due.Format("02 15:04"))
			return n.do(ctx)
		},
		Failed: func(_ time.Time, err error) { n.failed = append(n.failed, err.Error()) }}})
	if err != nil && !n.disk.full {
		n.t.Fatal(err)
	}
	return wait
}

func (n *night) expect(ran string) {
	n.t.Helper()
	if got := strings.Join(n.ran, ", "); got != ran {
		n.t.Errorf("at %s ran %q, expected %q", n.now.Format("02 15:04"), got, ran)
	}
}

func TestTaskRunsOnceANight(t *testing.T) {
	n := newNight(t, "2026-11-01 12:00")
	if wait := n.tick(); wait != idle {
		t.Errorf("waits %v", wait)
	}
	n.at("2026-11-02 02:59")
	if wait := n.tick(); wait != time.Minute {
		t.Errorf("waits %v", wait)
	}
	n.expect("")
	for _, at := range []string{"2026-11-02 03:00", "2026-11-02 03:01", "2026-11-02 23:00"} {
		n.at(at)
		n.tick()
		n.restart()
	}
	n.expect("02 03:00")
}

// A gateway that was off for days makes up for it once, with the first look.
func TestMissedRunIsMadeUpForOnce(t *testing.T) {
	n := newNight(t, "2026-11-01 12:00")
	n.tick()
	n.at("2026-11-05 09:00")
	n.restart()
	n.tick()
	n.tick()
	n.expect("02 03:00")
	n.at("2026-11-06 03:00")
	n.tick()
	n.expect("02 03:00, 06 03:00")
}

// TestR51ClockMakesNothingRunTwice: a clock that is set back repeats nothing,
// one that is set forward skips nothing for good.
func TestR51ClockMakesNothingRunTwice(t *testing.T) {
	n := newNight(t, "2026-11-01 12:00")
	n.tick()
	n.at("2026-11-02 03:00")
	n.tick()
	n.at("2026-11-02 02:30") // half an hour back
	n.tick()
	n.at("2026-11-02 03:00")
	n.tick()
	n.expect("02 03:00")
	n.at("2036-01-01 00:00")
	n.tick()
	n.expect("02 03:00, 03 03:00")
	n.at("2026-11-03 01:00")
	n.tick()
	n.at("2026-11-03 03:00")
	n.tick()
	n.expect("02 03:00, 03 03:00, 03 03:00")
}

func TestFailedRunIsTold(t *testing.T) {
	n := newNight(t, "2026-11-01 12:00")
	n.tick()
	n.at("2026-11-02 03:00")
	n.do = func(context.Context) error { return errors.New("no disk") }
	n.tick()
	n.at("2026-11-03 03:00")
	n.do = func(context.Context) error { panic("a bug") }
	n.tick()
	if got := strings.Join(n.failed, "; "); got != "no disk; schedule: nightly: a bug" {
		t.Errorf("%q", got)
	}
	r := n.tasks.Rows()["nightly"]
	if r.Error == "" || !r.LastOK.IsZero() {
		t.Errorf("%+v", r)
	}
	n.at("2026-11-04 03:00")
	n.do = func(context.Context) error { return nil }
	n.tick()
	if r := n.tasks.Rows()["nightly"]; r.Error != "" || !r.LastOK.Equal(n.now) {
		t.Errorf("%+v", r)
	}
}

// A run that does not end is told, and no second one begins beside it.
func TestRunThatHangs(t *testing.T) {
	n := newNight(t, "2026-11-01 12:00")
	n.tick()
	n.at("2026-11-02 03:00")
	free := make(chan struct{})
	next, err := Daily("03:00")
	if err != nil {
		t.Fatal(err)
	}
	hang := []Task{{Name: "nightly", Next: next, Timeout: time.Millisecond, Run: func(context.Context, time.Time) error { n.ran = append(n.ran, "x"); <-free; return nil },
		Failed: func(_ time.Time, err error) { n.failed = append(n.failed, err.Error()) }}}
	for range 3 {
		if _, err := n.tasks.Tick(t.Context(), hang); err != nil {
			t.Fatal(err)
		}
		n.now = n.now.Add(24 * time.Hour)
	}
	if len(n.failed) != 1 || n.failed[0] != ErrTimeout.Error() {
		t.Errorf("%q", n.failed)
	}
	n.expect("x")
	close(free)
}

// A run during which the gateway was killed is begun anew, but not for ever: it
// may be what kills it.
func TestRunThatWasCutOff(t *testing.T) {
	n := newNight(t, "2026-11-01 12:00")
	n.tick()
	n.at("2026-11-02 03:00")
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		next, err := Daily("03:00")
		if err != nil {
			t.Fatal(err)
		}
		_, err = n.tasks.Tick(ctx, []Task{{Name: "nightly", Next: next, Timeout: time.Hour,
			Run: func(ctx context.Context, _ time.Time) error {
				n.ran = append(n.ran, "x")
				cancel()
				<-ctx.Done()
				return ctx.Err()
			},
			Failed: func(_ time.Time, err error) { n.failed = append(n.failed, err.Error()) }}})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		n.restart()
		n.now = n.now.Add(time.Minute)
	}
	n.expect("x, x, x")
	if len(n.failed) != 1 || n.failed[0] != ErrCut.Error() {
		t.Errorf("%q", n.failed)
	}
}

func TestBrokenTaskDocument(t *testing.T) {
	for _, text := range []string{"{", `{"version":3}`, `[]`, "\x00"} {
		n := newNight(t, "2026-11-01 12:00")
		n.disk.b = []byte(text)
		n.restart()
		if len(n.failed) != 1 {
			t.Errorf("%q: %q", text, n.failed)
		}
		n.tick()
		n.at("2026-11-02 03:00")
		n.tick()
		n.expect("02 03:00")
	}
}

func TestFullDiskStopsNoTask(t *testing.T) {
	n := newNight(t, "2026-11-01 12:00")
	n.tick()
	n.disk.full = true
	n.at("2026-11-02 03:00")
	n.tick()
	n.tick()
	n.expect("02 03:00")
}

func TestDaily(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ at, after, want string }{
		{"03:00", "2027-01-01 02:59", "2027-01-01 03:00"}, {"03:00", "2027-01-01 03:00", "2027-01-02 03:00"}, {"00:15", "2027-12-31 23:30", "2028-01-01 00:15"},
		{"02:30", "2027-03-27 12:00", "2027-03-28 03:30"}, // the clock goes from 2 to 3
		{"02:30", "2027-10-30 12:00", "2027-10-31 02:30"},
	} {
		next, err := Daily(c.at)
		if err != nil {
			t.Fatal(err)
		}
		after, err := time.ParseInLocation("2006-01-02 15:04", c.after, berlin)
		if err != nil {
			t.Fatal(err)
		}
		if got := next(after).Format("2006-01-02 15:04"); got != c.want {
			t.Errorf("%s after %s: %s, expected %s", c.at, c.after, got, c.want)
		}
	}
	if _, err := Daily("late"); err == nil {
		t.Error("a time that is none")
	}
}
