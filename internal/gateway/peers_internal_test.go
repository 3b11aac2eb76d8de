package gateway

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"
)

// pipe is a connection from an address.
type pipe struct {
	net.Conn
	from   string
	closed bool
}

func (p *pipe) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(p.from), 1))
}
func (p *pipe) LocalAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:8765"))
}
func (p *pipe) Close() error { p.closed = true; return nil }

// Room is made by the address that has most connections, first by those that
// never sent a request, never by one that is being answered.
func TestEviction(t *testing.T) {
	at := time.Unix(1000, 0)
	ps := newPeers(4, func() time.Time { at = at.Add(time.Second); return at })
	enter := func(from string) (*pipe, *peer) {
		c := &pipe{from: from}
		return c, peerOf(ps.enter(context.Background(), c))
	}
	quiet, _ := enter("192.0.2.1")
	a, pa := enter("198.51.100.1")
	b, pb := enter("198.51.100.1")
	c, _ := enter("198.51.100.1")
	pa.inFlight.Add(1)
	pb.served.Store(true)
	enter("203.0.113.1")
	if quiet.closed || a.closed || b.closed || !c.closed {
		t.Fatalf("closed: the quiet one %v, the answered one %v, the one that was served %v, the silent one %v", quiet.closed, a.closed, b.closed, c.closed)
	}
	d, _ := enter("198.51.100.1")
	if !quiet.closed || d.closed { // one idle connection each: the oldest silent one goes
		t.Fatalf("the oldest %v, the newcomer %v", quiet.closed, d.closed)
	}
	for _, p := range ps.all {
		p.inFlight.Store(1)
	}
	late, _ := enter("203.0.113.9")
	if !late.closed || ps.count() != 4 {
		t.Errorf("with everybody being answered a newcomer got in: %d", ps.count())
	}
}

func TestCrowd(t *testing.T) {
	w := &waitingRoom{max: 8}
	for _, from := range []string{"192.0.2.1", "198.51.100.1", "198.51.100.1", "203.0.113.1", "203.0.113.1", "203.0.113.1"} {
		w.order = append(w.order, &conn{from: netip.MustParseAddr(from)})
	}
	if i := w.crowdLocked(); i != 3 {
		t.Errorf("the oldest of the busiest address is %d, expected 3", i)
	}
}
