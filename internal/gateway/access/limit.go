package access

import (
	"net/netip"
	"sync"
	"time"
)

// Limits on wrong credentials.
const (
	MaxFailures   = 10
	FailureWindow = time.Minute
	Lockout       = 5 * time.Minute
	MaxDelay      = 2 * time.Second
	maxSources    = 4096
	guessEvery    = time.Second
	maxGuessQueue = 16 * time.Second
)

// Source is who failed: an address (its /64 for IPv6) and the kind of
// credential. Strangers can make up neither.
type Source struct {
	Addr netip.Addr
	Kind string // shared | device | login | proxy
}

// SourceOf makes a Source.
func SourceOf(a netip.Addr, kind string) Source {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil && !a.IsLoopback() {
			a = p.Addr()
		}
	}
	return Source{Addr: a, Kind: kind}
}

// Limiter counts failures. Its memory is bounded: sources beyond the table
// share one row per kind. It is safe for concurrent use.
type Limiter struct {
	now func() time.Time

	mu      sync.Mutex
	rows    map[Source]*row
	guessAt time.Time
}

type row struct {
	count    int
	since    time.Time
	lockedTo time.Time
	total    int // since it was last drained
}

// Verdict of a failure.
type Verdict struct {
	// Delay the answer by this much.
	Delay time.Duration
	// RetryAfter is set when the source is locked out: answer 429.
	RetryAfter time.Duration
	// First failure of this source since the last Drain.
	First bool
}

// NewLimiter makes an empty Limiter.
func NewLimiter(now func() time.Time) *Limiter {
	return &Limiter{now: now, rows: map[Source]*row{}}
}

// Fail counts a wrong credential, after it was found wrong.
func (l *Limiter) Fail(s Source) Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	r := l.rowLocked(s, now)
	r.total++
	v := Verdict{First: r.total == 1}
	if now.Before(r.lockedTo) {
		v.RetryAfter = r.lockedTo.Sub(now)
		return v
	}
	if now.Sub(r.since) > FailureWindow {
		r.count, r.since = 0, now
	}
	r.count++
	if r.count >= MaxFailures {
		r.lockedTo, r.count = now.Add(Lockout), 0
		v.RetryAfter = Lockout
		return v
	}
	v.Delay = min(MaxDelay, 50*time.Millisecond<<(r.count-1))
	return v
}

// Pass forgets the failures of a source that showed a correct credential,
// except a lockout: guessing goes on being refused for others behind the same
// address, while the correct credential passes anyway.
func (l *Limiter) Pass(s Source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.rows[s]; ok {
		r.count = 0
	}
}

// Guess is asked before a weak shared secret is compared. While the source is
// locked out each comparison waits its turn, one a second; ok is false when
// too many wait already.
func (l *Limiter) Guess(s Source) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	r, known := l.rows[s]
	if !known || !now.Before(r.lockedTo) {
		return 0, true
	}
	if l.guessAt.Before(now) {
		l.guessAt = now
	}
	wait = l.guessAt.Sub(now)
	if wait > maxGuessQueue {
		return 0, false
	}
	l.guessAt = l.guessAt.Add(guessEvery)
	return wait, true
}

// rowLocked finds or makes the row of s. A full table drops idle rows; when
// none is idle, s shares the row of its kind.
func (l *Limiter) rowLocked(s Source, now time.Time) *row {
	if r, ok := l.rows[s]; ok {
		return r
	}
	if len(l.rows) >= maxSources {
		for k, r := range l.rows {
			if r.total == 0 && !now.Before(r.lockedTo) && now.Sub(r.since) > FailureWindow {
				delete(l.rows, k)
			}
		}
	}
	if len(l.rows) >= maxSources {
		s.Addr = netip.Addr{}
		if r, ok := l.rows[s]; ok {
			return r
		}
	}
	r := &row{since: now}
	l.rows[s] = r
	return r
}

// Tally is the number of failures of one source since the last Drain.
type Tally struct {
	Source Source
	Count  int
	Locked bool
}

// Drain returns the failures beyond the first of each source and starts
// counting anew, so that strangers cannot fill a record.
func (l *Limiter) Drain() []Tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	var out []Tally
	for s, r := range l.rows {
		if r.total > 1 {
			out = append(out, Tally{Source: s, Count: r.total - 1, Locked: now.Before(r.lockedTo)})
		}
		r.total = 0
		if !now.Before(r.lockedTo) && now.Sub(r.since) > FailureWindow {
			delete(l.rows, s)
		}
	}
	return out
}
