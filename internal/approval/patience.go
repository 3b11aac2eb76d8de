package approval

import (
	"slices"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// What one person is asked at most (R24).
const (
	DefaultPerHour   = 20 // questions of one session
	PauseAfter       = 4  // denials of one session, none allowed between
	deniedPerSession = 64
)

// patience is what a person was asked in one session, and how it was taken.
type patience struct {
	denied, near []string
	times        []time.Time // of questions, oldest first
	denials      int         // since the last that was allowed
}

func (d *Desk) patienceLocked(session claw.SessionKey) *patience {
	p := d.patience[session]
	if p == nil {
		p = &patience{}
		d.patience[session] = p
	}
	return p
}

func (p *patience) asked(at time.Time) {
	p.times = append(slices.DeleteFunc(p.times, func(t time.Time) bool { return t.Before(at.Add(-time.Hour)) }), at)
}

// answered keeps what was said. Who gives a reason has told the agent what to
// do instead, which may be much alike.
func (p *patience) answered(a Answer, pattern, near string) {
	switch a.State {
	case Allowed:
		p.denials = 0
	case Denied:
		p.denials++
		p.denied = keep(p.denied, pattern)
		if near != "" && a.Reason == "" {
			p.near = keep(p.near, near)
		}
	case Waiting, Expired, Voided:
	}
}

func keep(list []string, s string) []string {
	if list = append(list, s); len(list) > deniedPerSession {
		return list[len(list)-deniedPerSession:]
	}
	return list
}

// May tells whether a person may be asked about a call of a session. The same
// call again, other words to the same end, one question after the other, and
// whatever follows several denials would only wear them down.
func (d *Desk) May(session claw.SessionKey, pattern, near string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expireLocked()
	return d.mayLocked(session, pattern, near)
}

func (d *Desk) mayLocked(session claw.SessionKey, pattern, near string) error {
	open := 0
	for _, o := range d.open {
		if o.view.Session == session {
			open++
		}
	}
	p := d.patienceLocked(session)
	hour := d.opt.Now().Add(-time.Hour)
	switch {
	case slices.Contains(p.denied, pattern):
		return ErrDenied
	case near != "" && slices.Contains(p.near, near):
		return ErrNear
	case p.denials >= PauseAfter:
		return ErrPaused
	case open >= d.opt.PerSession:
		return ErrTooMany
	case len(p.times)-countBefore(p.times, hour) >= d.opt.PerHour:
		return ErrTooOften
	}
	return nil
}

func countBefore(times []time.Time, at time.Time) int {
	i := slices.IndexFunc(times, func(t time.Time) bool { return !t.Before(at) })
	if i < 0 {
		return len(times)
	}
	return i
}

// Spoke hears that the operator wrote in a session: they are there, and mean
// to go on. Calls that were denied to the letter stay denied.
func (d *Desk) Spoke(session claw.SessionKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.patience[session]; p != nil {
		p.near, p.times, p.denials = nil, nil, 0
	}
}
