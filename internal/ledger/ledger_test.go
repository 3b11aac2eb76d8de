package ledger_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/ledger"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.FixedZone("CET", 3600))

// clock only moves when told.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time { return noon.Add(time.Duration(c.at.Load())) }

func open(t *testing.T, path string, c *clock) *ledger.Book {
	t.Helper()
	b, err := ledger.Open(ledger.Options{Path: path, Now: c.now, Report: func(err error) { t.Errorf("reported: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func calls(n int64) budget.Caps { return budget.Caps{Calls: budget.Cap{Set: true, Max: n}} }

var one = budget.Spend{In: budget.Use{Calls: 1}}

func spend(t *testing.T, b *ledger.Book, agent claw.AgentID, caps budget.Caps) bool {
	t.Helper()
	c, err := b.Reserve(agent, one, caps, budget.Caps{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Ticket == 0 {
		return false
	}
	if err := b.Settle(c.Ticket, c.Held); err != nil {
		t.Fatal(err)
	}
	return true
}

// TestR50RestartForgetsNothing: a stop, a crash and a torn line leave the day's
// counts as they were, and what was under way counts as used.
func TestR50RestartForgetsNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ledger.FileName)
	var c clock
	b := open(t, path, &c)
	for range 3 {
		if !spend(t, b, "main", calls(5)) {
			t.Fatal("refused before the limit")
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, path, &c)
	claim, err := b.Reserve("main", one, calls(5), budget.Caps{})
	if err != nil || claim.Ticket == 0 || claim.Own.Calls != 3 {
		t.Fatalf("after a stop: %+v, %v", claim, err)
	}
	if err := b.Keep(claim.Ticket); err != nil {
		t.Fatal(err)
	}
	// It dies here, writing.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"v":1,"op":"sp`); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	b = open(t, path, &c)
	if own, _, _, err := b.Used("main"); err != nil || own.Calls != 4 {
		t.Fatalf("after a crash: %+v, %v", own, err)
	}
	if !spend(t, b, "main", calls(5)) || spend(t, b, "main", calls(5)) {
		t.Error("after a crash not exactly one call was left")
	}
	if days, err := ledger.Peek(path); err != nil || days["2026-11-24"]["main"].Calls != 5 {
		t.Errorf("from outside: %v, %v", days, err)
	}
}

func TestANewDay(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ledger.FileName)
	var c clock
	b := open(t, path, &c)
	if !spend(t, b, "main", calls(1)) || spend(t, b, "main", calls(1)) {
		t.Fatal("the limit is not 1")
	}
	c.at.Store(int64(11*time.Hour + 59*time.Minute))
	if spend(t, b, "main", calls(1)) {
		t.Error("before midnight")
	}
	_, _, resets, err := b.Used("main")
	if want := time.Date(2026, 11, 25, 0, 0, 0, 0, noon.Location()); err != nil || !resets.Equal(want) {
		t.Errorf("the day ends at %v", resets)
	}
	c.at.Store(int64(12 * time.Hour))
	if !spend(t, b, "main", calls(1)) {
		t.Error("after midnight")
	}
	// R50: a clock that is set back, also over a restart.
	c.at.Store(0)
	_ = b.Close()
	if b = open(t, path, &c); spend(t, b, "main", calls(1)) {
		t.Error("a clock that was set back gave more")
	}
	days, err := b.Days()
	if err != nil || len(days) != 2 {
		t.Errorf("%v, %v", days, err)
	}
}

// TestUnreadable: what cannot be read gives nothing to anybody, is not written
// over, and is over once somebody moves it away.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no JSON":         "{\"v\":1,\"op\":\"days\",\"day\":\"2026-11-24\"}\nhello\n",
		"another version": "{\"v\":2,\"op\":\"days\",\"day\":\"2026-11-24\"}\n",
		"less than none":  `{"v":1,"op":"spend","day":"2026-11-24","agent":"main","use":{"calls":-5}}` + "\n",
		"no day":          `{"v":1,"op":"spend","day":"soon","agent":"main","use":{"calls":5}}` + "\n",
		"an unknown op":   `{"v":1,"op":"refund","day":"2026-11-24","agent":"main","use":{"calls":5}}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), ledger.FileName)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var c clock
			b := open(t, path, &c)
			_, err := b.Reserve("main", one, calls(5), budget.Caps{})
			var bad *ledger.UnreadableError
			if !errors.As(err, &bad) || bad.Line == 0 || !strings.Contains(err.Error(), "move it away") {
				t.Fatalf("found %v", err)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(path); string(got) != text {
				t.Error("it was written over")
			}
			b = open(t, path, &c)
			if err := os.Rename(path, path+".old"); err != nil {
				t.Fatal(err)
			}
			if !spend(t, b, "main", calls(1)) || spend(t, b, "main", calls(1)) {
				t.Error("it does not count from zero afterwards")
			}
		})
	}
}

func TestNotOurs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, ledger.FileName)); err != nil {
		t.Fatal(err)
	}
	var c clock
	b := open(t, filepath.Join(dir, ledger.FileName), &c)
	if _, err := b.Reserve("main", one, calls(5), budget.Caps{}); err == nil {
		t.Error("a link was followed")
	}
}

// TestNotWritten: a limited request does not go ahead when it cannot be
// written; one without limit does, and it is told.
func TestNotWritten(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var c clock
	told := 0
	b, err := ledger.Open(ledger.Options{Path: filepath.Join(dir, ledger.FileName), Now: c.now, Report: func(error) { told++ }})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	claim, err := b.Reserve("main", one, calls(5), budget.Caps{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Keep(claim.Ticket); err == nil {
		t.Error("kept nowhere")
	}
	if err := b.Settle(claim.Ticket, claim.Held); err == nil {
		t.Error("settled nowhere")
	}
	claim, err = b.Reserve("other", one, budget.Caps{}, budget.Caps{})
	if err != nil || b.Settle(claim.Ticket, claim.Held) != nil || told != 1 {
		t.Errorf("without a limit: %v, told %d times", err, told)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if !spend(t, b, "main", calls(5)) {
		t.Error("refused when it can be written again")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if days, err := ledger.Peek(filepath.Join(dir, ledger.FileName)); err != nil || days["2026-11-24"]["main"].Calls != 2 || days["2026-11-24"]["other"].Calls != 1 {
		t.Errorf("what could not be written is lost: %v, %v", days, err)
	}
}

// TestR50ManySessions of one agent at once do not exceed its limit, and two
// agents not that of both.
func TestR50ManySessions(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ledger.FileName)
	var c clock
	b := open(t, path, &c)
	var done [2]atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			agent := []claw.AgentID{"a", "b"}[i%2]
			for range 60 {
				claim, err := b.Reserve(agent, one, calls(200), calls(300))
				if err != nil {
					t.Error(err)
					return
				}
				if claim.Ticket == 0 {
					continue
				}
				if i%4 == 0 {
					if err := b.Keep(claim.Ticket); err != nil {
						t.Error(err)
					}
				}
				if i%3 == 0 {
					b.Release(claim.Ticket)
					continue
				}
				if err := b.Settle(claim.Ticket, claim.Held); err != nil {
					t.Error(err)
				}
				done[i%2].Add(1)
			}
		})
	}
	wg.Wait()
	// What others had set aside and gave back is there again.
	for i, agent := range []claw.AgentID{"a", "b"} {
		for {
			claim, err := b.Reserve(agent, one, calls(200), calls(300))
			if err != nil {
				t.Fatal(err)
			}
			if claim.Ticket == 0 {
				break
			}
			if err := b.Settle(claim.Ticket, claim.Held); err != nil {
				t.Fatal(err)
			}
			done[i].Add(1)
		}
	}
	x, y := done[0].Load(), done[1].Load()
	if x > 200 || y > 200 || x+y > 300 {
		t.Errorf("%d and %d calls were let through", x, y)
	}
	if x+y < 300 {
		t.Errorf("only %d calls were let through in the end", x+y)
	}
	own, all, _, err := b.Used("a")
	if err != nil || own.Calls != x || all.Calls != x+y {
		t.Errorf("%d and %d are counted, %v", own.Calls, all.Calls, err)
	}
	if days, err := ledger.Peek(path); err != nil || days["2026-11-24"]["a"].Calls != x || days["2026-11-24"]["b"].Calls != y {
		t.Errorf("on disk: %v, %v", days, err)
	}
}

// TestStaysSmall: the file is made anew before it grows, with all that counts.
func TestStaysSmall(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ledger.FileName)
	var c clock
	b := open(t, path, &c)
	for range 9000 {
		spend(t, b, "main", budget.Caps{})
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(data, []byte("\n")); n > 4097 {
		t.Errorf("%d lines", n)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	data, err = os.ReadFile(path)
	if err != nil || bytes.Count(data, []byte("\n")) != 1 {
		t.Errorf("after a stop: %s, %v", data, err)
	}
	if days, err := ledger.Peek(path); err != nil || days["2026-11-24"]["main"].Calls != 9000 {
		t.Errorf("%v, %v", days, err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
}

func BenchmarkUnlimited(b *testing.B) {
	var c clock
	book, err := ledger.Open(ledger.Options{Path: filepath.Join(b.TempDir(), ledger.FileName), Now: c.now})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		claim, err := book.Reserve("main", one, budget.Caps{}, budget.Caps{})
		if err != nil || book.Settle(claim.Ticket, claim.Held) != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLimited(b *testing.B) {
	var c clock
	book, err := ledger.Open(ledger.Options{Path: filepath.Join(b.TempDir(), ledger.FileName), Now: c.now})
	if err != nil {
		b.Fatal(err)
	}
	caps := calls(1 << 40)
	for b.Loop() {
		claim, err := book.Reserve("main", one, caps, budget.Caps{})
		if err != nil || book.Settle(claim.Ticket, claim.Held) != nil {
			b.Fatal(err)
		}
	}
}
