package budget

import (
	"crypto/sha256"
	"slices"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Mark stands for a call or for its result; two that differ have other marks.
type Mark [16]byte

// MarkOf makes the mark of texts that belong together.
func MarkOf(texts ...[]byte) Mark {
	h := sha256.New()
	for _, t := range texts {
		var n [8]byte
		for i, v := 0, len(t); v > 0; i, v = i+1, v>>8 {
			n[i] = byte(v)
		}
		h.Write(n[:])
		h.Write(t)
	}
	return Mark(h.Sum(nil)[:16])
}

// Pattern of calls that bring nothing new. The zero value is none.
type Pattern string

// Patterns.
const (
	NoPattern Pattern = ""
	// Repeat: the same call with the same result.
	Repeat Pattern = "repeat"
	// Poll: the same look at something that does not change.
	Poll Pattern = "poll"
	// PingPong: two calls in turn, each with the same result as before.
	PingPong Pattern = "ping_pong"
)

// Detectors that look.
type Detectors struct{ Repeat, Poll, PingPong bool }

// Finding is what the calls of a turn look like with one more. Times counts
// that one too.
type Finding struct {
	Pattern Pattern `json:"pattern,omitempty"`
	Times   int     `json:"times,omitempty"`
	// Still is how many calls in a row brought nothing that an earlier call of
	// the turn had not brought, whatever the calls are.
	Still int `json:"still,omitempty"`
}

// step is one call that was made.
type step struct {
	call, result Mark
	stale        bool
}

// History is what a turn called, the newest calls of it. The zero value is a
// turn that has called nothing. It is not safe for concurrent use.
type History struct{ steps []step }

// MaxHistory bounds what is remembered, whatever is asked for.
const MaxHistory = 1000

// Polls reports whether a call only looks whether something has changed.
func Polls(tool claw.ToolName, action string) bool {
	return tool == "process" && slices.Contains([]string{"poll", "log", "list"}, action)
}

// Look says what one more call would be. It changes nothing.
func (h *History) Look(call Mark, poll bool, d Detectors) Finding {
	var f Finding
	streak := h.streak(call)
	if streak > 0 {
		f.Still = h.still() + 2
	}
	add := func(p Pattern, times int) {
		if times > f.Times && times > 1 {
			f.Pattern, f.Times = p, times
		}
	}
	switch {
	case poll && d.Poll:
		add(Poll, streak+1)
	case !poll && d.Repeat:
		add(Repeat, streak+1)
	}
	if d.PingPong {
		if n := h.alternating(call); n > 3 {
			add(PingPong, n)
		}
	}
	return f
}

// streak counts the newest calls that are this one and brought what the last
// of them brought. Other calls between them do not matter.
func (h *History) streak(call Mark) (n int) {
	var result Mark
	for i := len(h.steps) - 1; i >= 0; i-- {
		s := &h.steps[i]
		if s.call != call {
			continue
		}
		if n == 0 {
			result = s.result
		}
		if s.result != result {
			return n
		}
		n++
	}
	return n
}

// still counts the newest calls that brought nothing new.
func (h *History) still() (n int) {
	for i := len(h.steps) - 1; i >= 0 && h.steps[i].stale; i-- {
		n++
	}
	return n
}

// alternating counts the newest calls, with this one, that go to and fro
// between it and one other, both without new results.
func (h *History) alternating(call Mark) int {
	n := len(h.steps)
	if n == 0 || h.steps[n-1].call == call {
		return 0
	}
	other := h.steps[n-1]
	var own *step
	count := 1
	for i := n - 1; i >= 0; i-- {
		s := &h.steps[i]
		if (n-1-i)%2 == 0 {
			if s.call != other.call || s.result != other.result {
				return count
			}
		} else {
			if s.call != call || own != nil && s.result != own.result {
				return count
			}
			own = s
		}
		count++
	}
	return count
}

// Add notes a call that was made, and what it brought. At most keep calls are
// remembered.
func (h *History) Add(call, result Mark, keep int) {
	stale := slices.ContainsFunc(h.steps, func(s step) bool { return s.call == call && s.result == result })
	h.push(step{call: call, result: result, stale: stale}, keep)
}

// Again notes a call that was refused because it brings nothing new: as if it
// had brought the same once more.
func (h *History) Again(call Mark, keep int) {
	for i := len(h.steps) - 1; i >= 0; i-- {
		if h.steps[i].call == call {
			h.push(step{call: call, result: h.steps[i].result, stale: true}, keep)
			return
		}
	}
}

func (h *History) push(s step, keep int) {
	keep = min(max(keep, 2), MaxHistory)
	if over := len(h.steps) + 1 - keep; over > 0 {
		h.steps = append(h.steps[:0], h.steps[over:]...)
	}
	h.steps = append(h.steps, s)
}
