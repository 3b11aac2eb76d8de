package gateway

import (
	"context"
	"fmt"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// Lockdown stops everything, and opens again. Optional.
type Lockdown interface {
	// Lockdown says whether anything is stopped now.
	Lockdown() Stopped
	// Lock stops everything. It works whatever the state is, and again.
	Lock(ctx context.Context, why string, by claw.Principal) Stopped
	// Release opens again, as far as mode says; a critical finding of the audit
	// is a Refused fault.
	Release(ctx context.Context, mode string, by claw.Principal) (Stopped, error)
}

// Stopped is the state of a lockdown.
type Stopped struct {
	Mode    string        `json:"mode"` // "", talk or stopped
	SinceMs int64         `json:"sinceMs,omitempty"`
	By      string        `json:"by,omitempty"`
	Why     string        `json:"why,omitempty"`
	Items   []StoppedItem `json:"items"`
}

// StoppedItem is one thing that a lockdown ends, with what became of it.
type StoppedItem struct {
	What   string `json:"what"`
	Done   bool   `json:"done"`
	Detail string `json:"detail,omitempty"`
}

// maxWhy bounds the reason that somebody gives.
const maxWhy = 500

func (s *Server) addLockdown() {
	l := s.opt.Lockdown
	if l == nil {
		return
	}
	tell := func(x Stopped) Stopped {
		s.hub.send(EventLockdown, x, wire.Read)
		return x
	}
	s.methods["lockdown.state"] = method{wire.Read, none(func(*conn) (any, error) { return l.Lockdown(), nil })}
	// Stricter is one press: who may send a message may stop everything.
	s.methods["lockdown.start"] = method{wire.Write, with(func(c *conn, p struct {
		Why string `json:"why"`
	}) (any, error) {
		if len(p.Why) > maxWhy {
			p.Why = p.Why[:maxWhy]
		}
		x := l.Lock(c.ctx, p.Why, c.by())
		item := s.signOutAll(c)
		x.Items = append(x.Items, item)
		return tell(x), nil
	})}
	// Looser is two: a fresh sign-in, and the word.
	s.methods["lockdown.release"] = method{wire.Admin, with(func(c *conn, p struct {
		Mode string `json:"mode"`
		Word string `json:"word"`
	}) (any, error) {
		if err := c.confirmed(); err != nil {
			return nil, err
		}
		if p.Word != "release" {
			return nil, invalid(`word is %q, expected "release"`, clipText(p.Word))
		}
		x, err := l.Release(c.ctx, p.Mode, c.by())
		if err != nil {
			return nil, err
		}
		return tell(x), nil
	})}
}

// signOutAll takes every device's and browser's sign-in away but that of the
// one who asked, voids links that were not used, and ends the connections.
func (s *Server) signOutAll(asked *conn) StoppedItem {
	s.logins.void()
	item := StoppedItem{What: "sign-ins", Done: true, Detail: "no other device was signed in"}
	gone := 0
	if s.opt.Devices != nil {
		paired, pending := s.opt.Devices.List()
		for _, p := range pending {
			_, _ = s.opt.Devices.Reject(p.RequestID) // it may have been taken back meanwhile
		}
		for _, d := range paired {
			if d.ID == asked.device {
				continue
			}
			if err := s.opt.Devices.Remove(d.ID); err != nil {
				item.Done, item.Detail = false, err.Error()
				continue
			}
			asked.signOut(d.ID)
			gone++
		}
	}
	cut := 0
	s.hub.each(func(o *conn) {
		if o != asked && o.via != viaOwner {
			o.end(errRevoked)
			cut++
		}
	})
	if item.Done && gone+cut > 0 {
		item.Detail = fmt.Sprintf("devices signed out: %d; connections ended: %d", gone, cut)
	}
	return item
}
