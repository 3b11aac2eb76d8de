package budget_test

import (
	"testing"

	"github.com/openclaw-go/openclaw/internal/budget"
)

var every = budget.Detectors{Repeat: true, Poll: true, PingPong: true}

func mark(s string) budget.Mark { return budget.MarkOf([]byte(s)) }

func TestMarks(t *testing.T) {
	t.Parallel()
	if budget.MarkOf([]byte("ab"), []byte("c")) == budget.MarkOf([]byte("a"), []byte("bc")) {
		t.Error("two calls have one mark")
	}
	if one, again := mark("a"), mark("a"); one == mark("b") || one != again {
		t.Error("a mark does not stand for its text")
	}
}

// TestLoops: calls and their results, then what one more call is.
func TestLoops(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		past []string // call=result
		next string
		poll bool
		want budget.Finding
	}{
		{"the first call", nil, "a", false, budget.Finding{}},
		{"another call", []string{"a=1"}, "b", false, budget.Finding{}},
		{"once more", []string{"a=1"}, "a", false, budget.Finding{Pattern: budget.Repeat, Times: 2, Still: 2}},
		{"a third time", []string{"a=1", "a=1"}, "a", false, budget.Finding{Pattern: budget.Repeat, Times: 3, Still: 3}},
		{"others between", []string{"a=1", "b=1", "a=1", "c=1"}, "a", false, budget.Finding{Pattern: budget.Repeat, Times: 3, Still: 2}},
		{"a new result begins anew", []string{"a=1", "a=1", "a=2"}, "a", false, budget.Finding{Pattern: budget.Repeat, Times: 2, Still: 2}},
		{"a poll", []string{"a=1", "a=1"}, "a", true, budget.Finding{Pattern: budget.Poll, Times: 3, Still: 3}},
		{"to and fro", []string{"a=1", "b=2", "a=1", "b=2", "a=1"}, "b", false, budget.Finding{Pattern: budget.PingPong, Times: 6, Still: 5}},
		{"to and fro with news", []string{"a=1", "b=2", "a=1", "b=3", "a=1"}, "b", false, budget.Finding{Pattern: budget.PingPong, Times: 4, Still: 3}},
		{"to and fro, all new", []string{"a=1", "b=2", "a=3", "b=4", "a=5"}, "b", false, budget.Finding{Pattern: budget.Repeat, Times: 2, Still: 2}},
		{"three in turn", []string{"a=1", "b=1", "c=1", "a=1", "b=1", "c=1"}, "a", false, budget.Finding{Pattern: budget.Repeat, Times: 3, Still: 5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var h budget.History
			for _, p := range tc.past {
				h.Add(mark(p[:1]), mark(p[2:]), 30)
			}
			if got := h.Look(mark(tc.next), tc.poll, every); got != tc.want {
				t.Errorf("found %+v, want %+v", got, tc.want)
			}
			if got := h.Look(mark(tc.next), tc.poll, budget.Detectors{}); got.Times != 0 || got.Still != tc.want.Still {
				t.Errorf("with no detector: %+v", got)
			}
		})
	}
}

// TestRefusedGoesOn: that a call was refused brings nothing new either.
func TestRefusedGoesOn(t *testing.T) {
	t.Parallel()
	var h budget.History
	h.Add(mark("a"), mark("1"), 30)
	for i := range 27 {
		if f := h.Look(mark("a"), false, every); f.Times != i+2 || f.Still != i+2 {
			t.Fatalf("call %d: %+v", i+2, f)
		}
		if i < 10 {
			h.Add(mark("a"), mark("1"), 30)
		} else {
			h.Again(mark("a"), 30)
		}
	}
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	var h budget.History
	for range 100 {
		h.Add(mark("a"), mark("1"), 12)
	}
	if f := h.Look(mark("a"), false, every); f.Times != 13 {
		t.Errorf("%d calls are remembered", f.Times)
	}
}

func TestPolls(t *testing.T) {
	t.Parallel()
	if !budget.Polls("process", "poll") || budget.Polls("process", "write") || budget.Polls("exec", "poll") {
		t.Error("what only looks is not told from what does something")
	}
}

// FuzzLook: the detector is total, counts no more than there is, and finds a
// call that is all there is.
func FuzzLook(f *testing.F) {
	f.Add([]byte("aaaaaaaaaaaa"), uint8(0))
	f.Add([]byte("abababababab"), uint8(3))
	f.Fuzz(func(t *testing.T, past []byte, bits uint8) {
		var h budget.History
		same := len(past) > 0
		keep := 30
		for _, b := range past {
			call := mark(string(rune('a' + b%4)))
			same = same && b == past[0]
			if bits&4 != 0 && b&64 != 0 {
				h.Again(call, keep)
				same = false
				continue
			}
			h.Add(call, mark(string(rune(b/4%4))), keep)
		}
		for c := range 4 {
			call := mark(string(rune('a' + c)))
			before := h.Look(call, bits&1 != 0, every)
			if before != h.Look(call, bits&1 != 0, every) {
				t.Fatal("looking changes something")
			}
			n := min(len(past), keep)
			if before.Times > n+1 || before.Still > len(past)+1 {
				t.Fatalf("%+v of %d calls", before, len(past))
			}
			if (before.Times > 0) != (before.Pattern != budget.NoPattern) {
				t.Fatalf("%+v", before)
			}
		}
		if same {
			if got := h.Look(mark(string(rune('a'+past[0]%4))), false, every); got.Times != min(len(past), keep)+1 {
				t.Fatalf("%d times one call: %+v", len(past), got)
			}
		}
	})
}
