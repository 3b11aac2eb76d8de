package journal

import (
	"errors"
	"fmt"
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// What people may make the journal write (R40). The operator and the gateway
// itself are not bounded here; an effect without room in the quota of who asks
// for it is refused, and counted.
const (
	strangerPerMinute  = 10 // one of them
	strangersPerMinute = 60 // all together
	strangersPerHour   = 200
	memberPerMinute    = 600 // a member or paired sender
	quotaPeople        = 1024
)

// ErrQuota: the principal has caused too many entries. What is left out is
// counted and written as one failure.summary a minute.
var ErrQuota = errors.New("journal: too many entries of one sender")

type quotas struct {
	minute, hour  time.Time
	people        map[string]int
	strangers     int // in this minute
	strangersHour int
}

// admit takes an entry off the quota of who stands behind it. Outcomes always
// pass: their intent did.
func (j *Journal) admit(e *Entry) error {
	if e.Principal.Standing == claw.Owner || e.Principal == (claw.Principal{}) || e.Phase == chain.Outcome || e.Event.urgent() {
		return nil
	}
	who := cut(e.Principal.Standing.String()+" "+e.Principal.String(), 128)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.usableLocked(); err != nil {
		return err
	}
	limit, ok := j.quotas.take(j.opt.Now().UTC(), who, e.Principal.Standing)
	if ok {
		return nil
	}
	j.fails.add(j.opt.Now().UTC(), failureKey{e.Event, who})
	j.summarizeLaterLocked()
	return fmt.Errorf("%w: %s has caused %d within a minute or an hour", ErrQuota, who, limit)
}

func (q *quotas) take(now time.Time, who string, s claw.Standing) (limit int, ok bool) {
	if m := now.Truncate(time.Minute); !m.Equal(q.minute) {
		q.minute, q.people, q.strangers = m, map[string]int{}, 0
	}
	if h := now.Truncate(time.Hour); !h.Equal(q.hour) {
		q.hour, q.strangersHour = h, 0
	}
	if _, known := q.people[who]; !known && len(q.people) >= quotaPeople {
		who = s.String() // the rest of them share one
	}
	stranger := s != claw.Member && s != claw.Paired
	limit = memberPerMinute
	if stranger {
		limit = strangerPerMinute
		if q.strangers >= strangersPerMinute || q.strangersHour >= strangersPerHour {
			return limit, false
		}
	}
	if q.people[who] >= limit {
		return limit, false
	}
	q.people[who]++
	if stranger {
		q.strangers++
		q.strangersHour++
	}
	return limit, true
}
