package gateway

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// quietListener makes its connections quietConns.
type quietListener struct{ net.Listener }

func (l quietListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &quietConn{Conn: c}, nil
}

// quietConn arms a timer only for a deadline that comes before the one that is
// armed. The HTTP server moves its deadlines five times a request, mostly
// further away; what they mean is looked at when the armed one passes. No
// deadline is ever missed: the armed one is never behind the one asked for.
type quietConn struct {
	net.Conn
	read, write deadline
}

// deadline is the one asked for and the one armed; zero is none.
type deadline struct {
	mu          sync.Mutex
	want, armed time.Time
}

// set asks for t, and arms it when nothing earlier is armed.
func (d *deadline) set(t time.Time, arm func(time.Time) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.want = t
	if t.IsZero() || !d.armed.IsZero() && !t.Before(d.armed) {
		return nil
	}
	return d.armLocked(arm)
}

func (d *deadline) armLocked(arm func(time.Time) error) error {
	if err := arm(d.want); err != nil {
		return err
	}
	d.armed = d.want
	return nil
}

// passed is asked when the armed deadline has passed. When it is not the one
// asked for, that is armed, and what was cut short goes on.
func (d *deadline) passed(arm func(time.Time) error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.want.IsZero() && !time.Now().Before(d.want) {
		return true
	}
	return d.armLocked(arm) != nil
}

func (c *quietConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if n > 0 || err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || c.read.passed(c.Conn.SetReadDeadline) {
			return n, err
		}
	}
}

func (c *quietConn) Write(b []byte) (int, error) {
	for done := 0; ; {
		n, err := c.Conn.Write(b[done:])
		done += n
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || c.write.passed(c.Conn.SetWriteDeadline) {
			return done, err
		}
	}
}

func (c *quietConn) SetReadDeadline(t time.Time) error {
	return c.read.set(t, c.Conn.SetReadDeadline)
}

func (c *quietConn) SetWriteDeadline(t time.Time) error {
	return c.write.set(t, c.Conn.SetWriteDeadline)
}

func (c *quietConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}
