package gateway

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// armedConn is a connection whose deadlines pass when the test says so.
type armedConn struct {
	net.Conn
	armed time.Time
	arms  int
	io    func(b []byte, armed time.Time) (int, error)
}

func (c *armedConn) SetReadDeadline(t time.Time) error {
	c.armed = t
	c.arms++
	return nil
}
func (c *armedConn) SetWriteDeadline(t time.Time) error { return c.SetReadDeadline(t) }
func (c *armedConn) Read(b []byte) (int, error)         { return c.io(b, c.armed) }
func (c *armedConn) Write(b []byte) (int, error)        { return c.io(b, c.armed) }
func expired(armed time.Time) bool                      { return !armed.IsZero() && !time.Now().Before(armed) }
func late([]byte, time.Time) (int, error)               { return 0, os.ErrDeadlineExceeded }
func stalled(_ []byte, armed time.Time) (int, error) {
	if expired(armed) {
		return 0, os.ErrDeadlineExceeded
	}
	return 0, errStalled
}

var errStalled = errors.New("would wait")

// Whatever was asked for before, the armed deadline is never later than the
// last one asked for, and one that passed ends a read.
func TestDeadlineIsNeverMissed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := &armedConn{io: stalled}
		c := &quietConn{Conn: raw}
		for range rapid.IntRange(1, 8).Draw(t, "n") {
			want := time.Time{}
			if h := rapid.IntRange(-3, 3).Draw(t, "hours"); h != 0 {
				want = time.Now().Add(time.Duration(h) * time.Hour)
			}
			if err := c.SetReadDeadline(want); err != nil {
				t.Fatal(err)
			}
			if !want.IsZero() && (raw.armed.IsZero() || raw.armed.After(want)) {
				t.Fatalf("asked for %v, armed %v", want, raw.armed)
			}
			if rapid.Bool().Draw(t, "read") {
				_, err := c.Read(make([]byte, 1))
				if errors.Is(err, os.ErrDeadlineExceeded) != expired(want) || expired(raw.armed) != expired(want) {
					t.Fatalf("asked for %v, armed %v: %v", want, raw.armed, err)
				}
			}
		}
	})
}

// Deadlines of a kept-alive connection move without a timer being touched.
func TestDeadlineMovesQuietly(t *testing.T) {
	raw := &armedConn{io: stalled}
	c := &quietConn{Conn: raw}
	now := time.Now()
	for i := range 100 {
		for _, d := range []time.Duration{5 * time.Second, 30 * time.Second, 90 * time.Second} {
			if err := c.SetReadDeadline(now.Add(time.Duration(i)*time.Second + d)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if raw.arms != 1 {
		t.Errorf("armed %d times", raw.arms)
	}
}

// A write that an older deadline cut goes on where it stopped.
func TestWriteGoesOn(t *testing.T) {
	var got []byte
	raw := &armedConn{}
	raw.io = func(b []byte, armed time.Time) (int, error) {
		n := min(3, len(b))
		got = append(got, b[:n]...)
		if n < len(b) && expired(armed) {
			return n, os.ErrDeadlineExceeded
		}
		got = append(got, b[n:]...)
		return len(b), nil
	}
	c := &quietConn{Conn: raw}
	if err := errors.Join(c.SetWriteDeadline(time.Now().Add(-time.Second)), c.SetWriteDeadline(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Write([]byte("hello world")); n != 11 || err != nil || string(got) != "hello world" {
		t.Errorf("%d, %v, %q", n, err, got)
	}
	raw.io = late
	if err := c.SetDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d, %v", n, err)
	}
}
