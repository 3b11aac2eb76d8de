package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// Exposer opens the gateway to other machines for a limited time. Optional.
type Exposer interface {
	// Exposed says what is open now; the zero value is nothing.
	Exposed() Exposed
	// Expose opens addresses. What a permanent bind refuses is a Refused fault.
	Expose(ctx context.Context, bind string, d time.Duration, by claw.Principal) (Exposed, error)
	// Unexpose closes them, when there are any.
	Unexpose(ctx context.Context, by claw.Principal) error
}

// Exposed is where the gateway listens beyond its configuration, and until
// when.
type Exposed struct {
	Addresses []string `json:"addresses"`
	UntilMs   int64    `json:"untilMs,omitempty"`
}

func (s *Server) addExposer() {
	x := s.opt.Exposer
	if x == nil {
		return
	}
	s.methods["gateway.exposed"] = method{wire.Read, none(func(*conn) (any, error) { return x.Exposed(), nil })}
	s.methods["gateway.expose"] = method{wire.Admin, with(func(c *conn, p struct {
		Bind  string `json:"bind"`
		ForMs int64  `json:"forMs"`
	}) (any, error) {
		if err := c.ownerOnly(); err != nil {
			return nil, err
		}
		return x.Expose(c.ctx, p.Bind, time.Duration(p.ForMs)*time.Millisecond, c.by())
	})}
	s.methods["gateway.unexpose"] = method{wire.Admin, none(func(c *conn) (any, error) { return nil, x.Unexpose(c.ctx, c.by()) })}
}

// ownerOnly refuses whoever did not come through the owner's socket: what only
// the operator of this machine may do is not for a credential that travels.
func (c *conn) ownerOnly() error {
	if c.via == viaOwner {
		return nil
	}
	return &Fault{Kind: Refused, Rule: "gateway.owner_socket", Message: "only the owner's own socket may do this", Hint: "run openclaw on the gateway's machine"}
}

// lent is a listener that is open for a limited time.
type lent struct {
	net.Listener
	over atomic.Bool
}

// lentConn knows by which listener it came.
type lentConn struct {
	net.Conn
	by *lent
}

func (l *lent) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return lentConn{c, l}, nil
}

var errLent = &closeError{websocket.StatusGoingAway, "this address was open for a limited time"}

// Lend serves one more listener until closed is called, which ends whoever
// came through it too. CheckLend has let its address through.
func (s *Server) Lend(listener net.Listener) (closed func()) {
	l := &lent{Listener: listener}
	go func() {
		if err := s.tcp.Serve(l); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			s.opt.Log.Error("a listener of limited time ended", "address", l.Addr().String(), "error", err)
		}
	}()
	return func() {
		l.over.Store(true) // whoever is on the way in sees it
		_ = l.Close()      // it may be closed already
		s.hub.each(func(c *conn) {
			if c.peer.by == l {
				c.end(errLent)
			}
		})
		s.waiting.each(func(c *conn) {
			if c.peer.by == l {
				c.end(errLent)
			}
		})
		s.peers.cut(l)
	}
}

// CheckLend is CheckStart for addresses of limited time. It judges all of them
// as reachable from elsewhere, and no HTTP API goes out with them.
func CheckLend(addrs []netip.Addr, c access.Config, e Exposure) error {
	if err := c.Validate(); err != nil {
		return &StartError{Option: "gateway.auth", Problem: err.Error(), Hint: "openclaw config validate shows the place"}
	}
	if e.Completions || e.Invoke {
		return &StartError{Option: "gateway.http", Problem: "refusing to open other addresses while the HTTP API is open", Hint: "openclaw config set gateway.http.enabled false"}
	}
	for _, a := range addrs {
		if err := checkBeyond(a, c); err != nil {
			return err
		}
	}
	return nil
}
