package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

const (
	maxRemembered = 4096
	rememberFor   = 10 * time.Minute
	maxKeyLength  = 128
)

// runLog remembers idempotency keys: the same key of the same owner is the
// same turn, the same run id of another owner is refused.
type runLog struct {
	now func() time.Time

	mu   sync.Mutex
	runs map[claw.RunID]*remembered
}

type remembered struct {
	owner   string
	session claw.SessionKey
	done    bool
	at      time.Time
}

func newRunLog(now func() time.Time) *runLog {
	return &runLog{now: now, runs: map[claw.RunID]*remembered{}}
}

// runOf makes the run id of an idempotency key: the key itself when it is a
// plain word, else its hash.
func runOf(key string) claw.RunID {
	plain := len(key) <= maxKeyLength && !strings.ContainsFunc(key, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("-_.:", r)
	})
	if plain {
		return claw.RunID(key)
	}
	sum := sha256.Sum256([]byte(key))
	return claw.RunID("run-" + hex.EncodeToString(sum[:16]))
}

type runClaim uint8

const (
	runTaken    runClaim = iota // another owner has it
	runNew                      // go ahead
	runInFlight                 // a repeat, still going
	runDone                     // a repeat of one that ended
)

func (l *runLog) claim(run claw.RunID, owner string) (runClaim, claw.SessionKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if r, ok := l.runs[run]; ok && (!r.done || now.Sub(r.at) < rememberFor) {
		switch {
		case r.owner != owner:
			return runTaken, ""
		case r.done:
			return runDone, r.session
		}
		return runInFlight, r.session
	}
	if len(l.runs) >= maxRemembered {
		l.forgetLocked(now)
	}
	l.runs[run] = &remembered{owner: owner, at: now}
	return runNew, ""
}

// forgetLocked drops what has ended, and the oldest when nothing has.
func (l *runLog) forgetLocked(now time.Time) {
	oldest, at := claw.RunID(""), now
	for run, r := range l.runs {
		if r.done {
			delete(l.runs, run)
		} else if !r.at.After(at) {
			oldest, at = run, r.at
		}
	}
	if len(l.runs) >= maxRemembered {
		delete(l.runs, oldest)
	}
}

func (l *runLog) started(run claw.RunID, session claw.SessionKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.runs[run]; ok {
		r.session = session
	}
}

// release takes back the claim of a turn that was not accepted.
func (l *runLog) release(run claw.RunID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.runs, run)
}

func (l *runLog) finish(run claw.RunID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.runs[run]; ok {
		r.done = true
	}
}
