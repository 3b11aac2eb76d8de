package gateway

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// peer is the other end of a TCP or unix connection.
type peer struct {
	addr    netip.Addr // zero on the unix socket
	local   netip.Addr
	address string // the address that was dialed, as the gateway sees it
	owner   bool   // the unix socket, after its peer check
	by      *lent  // the listener of limited time that it came through

	raw      net.Conn
	number   uint64      // in the order of arrival
	served   atomic.Bool // at least one whole request arrived
	inFlight atomic.Int32
	last     atomic.Int64
}

type peerKey struct{}

func peerOf(ctx context.Context) *peer {
	p, ok := ctx.Value(peerKey{}).(*peer)
	if !ok {
		return &peer{} // no address: not local, not the owner
	}
	return p
}

// peers bounds the open TCP connections. When there are too many, one that
// never sent a whole request makes room for the newcomer, so that half-open
// connections cannot keep the operator out.
type peers struct {
	max int
	now func() time.Time

	mu   sync.Mutex
	last uint64
	all  map[net.Conn]*peer
}

func newPeers(max int, now func() time.Time) *peers {
	return &peers{max: max, now: now, all: map[net.Conn]*peer{}}
}

// enter is http.Server.ConnContext of the TCP listeners.
func (ps *peers) enter(ctx context.Context, c net.Conn) context.Context {
	p := &peer{raw: c, address: c.LocalAddr().String()}
	if a, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
		p.addr = a.Addr().Unmap()
	}
	if a, err := netip.ParseAddrPort(c.LocalAddr().String()); err == nil {
		p.local = a.Addr().Unmap()
	}
	if l, ok := c.(lentConn); ok {
		p.by = l.by
	}
	p.last.Store(ps.now().UnixNano())
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.last++
	p.number = ps.last
	if len(ps.all) >= ps.max {
		ps.evictLocked()
	}
	if len(ps.all) >= ps.max || p.by != nil && p.by.over.Load() {
		_ = c.Close() // everybody else is being served, or its listener is gone
		return context.WithValue(ctx, peerKey{}, p)
	}
	ps.all[c] = p
	return context.WithValue(ctx, peerKey{}, p)
}

// leave is called when a connection is closed or becomes a WebSocket.
func (ps *peers) leave(c net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.all, c)
}

// evictLocked makes room: of the connections that do nothing now it closes one
// of the address that has most of them, first what never sent a whole request,
// then what is idle for longest.
func (ps *peers) evictLocked() {
	held := map[netip.Addr]int{}
	for _, p := range ps.all {
		if p.inFlight.Load() == 0 {
			held[p.addr]++
		}
	}
	var victim *peer
	for _, p := range ps.all {
		if p.inFlight.Load() > 0 {
			continue
		}
		if victim == nil || held[p.addr] > held[victim.addr] || held[p.addr] == held[victim.addr] && older(p, victim) {
			victim = p
		}
	}
	if victim == nil {
		return
	}
	delete(ps.all, victim.raw)
	_ = victim.raw.Close() // its server goroutine sees the error and ends
}

// closeIdle closes what is not being answered, so that half-open connections
// do not delay a stop.
func (ps *peers) closeIdle() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.all {
		if p.inFlight.Load() == 0 {
			_ = p.raw.Close() // its server goroutine sees the error and ends
		}
	}
}

// cut closes everything that came through a listener.
func (ps *peers) cut(l *lent) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.all {
		if p.by == l {
			_ = p.raw.Close() // its server goroutine sees the error and ends
		}
	}
}

func older(a, b *peer) bool {
	if a.served.Load() != b.served.Load() {
		return !a.served.Load()
	}
	if at, bt := a.last.Load(), b.last.Load(); at != bt {
		return at < bt
	}
	return a.number < b.number
}

func (ps *peers) count() int {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return len(ps.all)
}

// waitingRoom bounds the WebSockets that have not connected yet. Room is made
// by the oldest of the address that has most of them, so that one address
// cannot keep the others out.
type waitingRoom struct {
	max int

	mu    sync.Mutex
	order []*conn // oldest first
}

func (w *waitingRoom) enter(c *conn) {
	w.mu.Lock()
	var out *conn
	if len(w.order) >= w.max {
		i := w.crowdLocked()
		out = w.order[i]
		w.order = slices.Delete(w.order, i, i+1)
	}
	w.order = append(w.order, c)
	w.mu.Unlock()
	if out != nil {
		out.end(errCrowded)
	}
}

// crowdLocked finds the oldest of the busiest address.
func (w *waitingRoom) crowdLocked() int {
	held := map[netip.Addr]int{}
	for _, c := range w.order {
		held[c.from]++
	}
	first := 0
	for i, c := range w.order {
		if held[c.from] > held[w.order[first].from] {
			first = i
		}
	}
	return first
}

// each calls f for everybody who waits, outside the lock.
func (w *waitingRoom) each(f func(*conn)) {
	w.mu.Lock()
	all := slices.Clone(w.order)
	w.mu.Unlock()
	for _, c := range all {
		f(c)
	}
}

func (w *waitingRoom) leave(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, other := range w.order {
		if other == c {
			w.order = slices.Delete(w.order, i, i+1)
			return
		}
	}
}
