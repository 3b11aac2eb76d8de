package gateway

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// Server is one gateway. New makes it, Serve runs it on listeners, Shutdown
// ends it.
type Server struct {
	opt      Options
	keeper   atomic.Pointer[access.Keeper]
	exposure atomic.Pointer[Exposure]
	limiter  *access.Limiter
	hub      *hub
	runs     *runLog
	logins   *logins
	peers    *peers
	waiting  *waitingRoom
	delayed  chan struct{} // bounds the answers that are being delayed
	models   atomic.Pointer[modelsBody]
	fixed    fixed

	methods map[string]method
	names   []string
	events  []string

	tcp, unix http.Server
	started   time.Time
	draining  atomic.Bool
	// revoked holds, by device, the number of its last sign-out.
	revoked     sync.Map
	revocations atomic.Uint64
	stop        context.CancelFunc
	life        context.Context
	once        sync.Once
	unhook      []func()
	tickSeq     int
}

// New checks the options and makes a Server that listens nowhere yet.
func New(opt Options) (*Server, error) {
	opt.setDefaults()
	if err := opt.validate(); err != nil {
		return nil, err
	}
	keeper, err := access.NewKeeper(opt.Auth)
	if err != nil {
		return nil, &StartError{Option: "gateway.auth", Problem: err.Error(), Hint: "openclaw config validate shows the place"}
	}
	opt.Auth.Secret = ""
	s := &Server{opt: opt, limiter: access.NewLimiter(opt.Now), runs: newRunLog(opt.Now), peers: newPeers(opt.MaxConns, opt.Now),
		waiting: &waitingRoom{max: opt.MaxWaiting}, delayed: make(chan struct{}, 64), fixed: newFixed(), started: opt.Now()}
	s.keeper.Store(keeper)
	s.exposure.Store(&opt.HTTP)
	s.hub = newHub(s)
	s.logins = newLogins(opt.Now, opt.Random)
	s.life, s.stop = context.WithCancel(context.Background())
	s.buildMethods()
	s.tcp = s.httpServer(s.handler())
	s.tcp.ConnContext, s.tcp.ConnState = s.peers.enter, s.peers.leave
	s.unix = s.httpServer(s.ownerHandler())
	s.unix.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		_, owner := c.(ownedConn)
		return context.WithValue(ctx, peerKey{}, &peer{raw: c, owner: owner, address: "unix:" + c.LocalAddr().String()})
	}
	return s, nil
}

func (s *Server) httpServer(h http.Handler) http.Server {
	return http.Server{Handler: h, ReadHeaderTimeout: s.opt.HeaderTimeout, ReadTimeout: s.opt.ReadTimeout, IdleTimeout: s.opt.IdleTimeout,
		WriteTimeout: s.opt.ReadTimeout + s.opt.WriteTimeout, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(s.opt.Log.Handler(), slog.LevelDebug)}
}

// Serve answers on the listeners until Shutdown; owner is the unix socket from
// ListenOwner and may be nil. It returns nil after Shutdown, or the first
// listener's error.
func (s *Server) Serve(listeners []net.Listener, owner net.Listener) error {
	s.once.Do(s.hook)
	errs := make(chan error, len(listeners)+1)
	n := 0
	for _, l := range listeners {
		n++
		go func() { errs <- s.tcp.Serve(quietListener{l}) }()
	}
	if owner != nil {
		n++
		go func() { errs <- s.unix.Serve(owner) }()
	}
	for range n {
		if err := <-errs; err != nil && !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("gateway: %w", err)
		}
	}
	return nil
}

// hook subscribes to what is sent on to clients and starts the clock.
func (s *Server) hook() {
	s.unhook = append(s.unhook, s.opt.Agent.Subscribe(s.hub.publish))
	if s.opt.Approvals != nil {
		s.unhook = append(s.unhook, s.opt.Approvals.Subscribe(s.hub.question))
	}
	go s.tick()
}

func (s *Server) tick() {
	for {
		select {
		case <-s.opt.After(s.opt.Tick):
			s.beat()
		case <-s.life.Done():
			return
		}
	}
}

// beat tells clients that the gateway lives and, every fourth time, records
// the failures that were only counted.
func (s *Server) beat() {
	s.hub.send(EventTick, tickPayload{TS: s.opt.Now().UnixMilli()}, "")
	s.tickSeq++
	if s.tickSeq%4 == 0 {
		s.recordTallies()
	}
}

func (s *Server) recordTallies() {
	for _, t := range s.limiter.Drain() {
		err := s.note(s.life, Note{Event: "auth.failure", Fields: []Field{{"source", t.Source.Addr.String()}, {"kind", t.Source.Kind},
			{"count", fmt.Sprint(t.Count)}, {"locked", fmt.Sprint(t.Locked)}}})
		if err != nil {
			s.opt.Log.Error("failures were not recorded", "error", err)
		}
	}
}

// note records an event; without a journal there is nothing to record to, and
// only the log has it.
func (s *Server) note(ctx context.Context, n Note) error {
	if s.opt.Journal == nil {
		s.opt.Log.Info(n.Event, "by", n.Principal.String())
		return nil
	}
	return s.opt.Journal.Append(ctx, n)
}

// SetAuth puts a new authentication in force. Connections that were let in by
// a shared secret end when the secret changed.
func (s *Server) SetAuth(c access.Config) error {
	k, err := access.NewKeeper(c)
	if err != nil {
		return err
	}
	old := s.keeper.Swap(k)
	if !k.SameSecret(old) {
		s.hub.each(func(c *conn) {
			if c.bySecret() {
				c.end(errRevoked)
			}
		})
	}
	return nil
}

// SetExposure opens or closes the HTTP API.
func (s *Server) SetExposure(e Exposure) { s.exposure.Store(&e) }

// Shutdown tells clients, lets running turns end until ctx is done, then
// aborts them (which marks them in their transcripts), and closes everything.
func (s *Server) Shutdown(ctx context.Context, reason string) error {
	s.once.Do(func() {}) // Serve has hooked, or never will
	s.draining.Store(true)
	s.hub.send(EventShutdown, shutdownPayload{Reason: reason}, "")
	s.drain(ctx)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opt.WriteTimeout)
	defer cancel()
	s.settle(end)
	var open []*conn
	s.hub.each(func(c *conn) { open = append(open, c) })
	for _, c := range open {
		c.end(errStopping)
	}
	s.recordTallies()
	for _, f := range s.unhook {
		f()
	}
	// Sockets are hijacked connections: the http servers do not know them.
	for _, c := range open {
		select {
		case <-c.done:
		case <-end.Done():
			c.stop(errStopping)
		}
	}
	s.stop()
	s.peers.closeIdle()
	err := errors.Join(s.tcp.Shutdown(end), s.unix.Shutdown(end))
	if err != nil {
		err = errors.Join(s.tcp.Close(), s.unix.Close())
	}
	return err
}

// drainPoll is how often the end of runs is looked for when nothing told it.
const drainPoll = 20 * time.Millisecond

// drain waits for the end of all runs; at the deadline it aborts them.
func (s *Server) drain(ctx context.Context) {
	if s.ended(ctx) {
		return
	}
	for _, r := range s.opt.Agent.Active() {
		by := claw.Principal{Name: "gateway shutdown"}
		if _, err := s.opt.Agent.Abort(context.WithoutCancel(ctx), r.Session, r.Run, by); err != nil {
			s.opt.Log.Error("run was not aborted", "run", r.Run, "error", err)
		}
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opt.WriteTimeout)
	defer cancel()
	s.ended(grace)
}

// ended waits until no run is active; false means that ctx was done before.
func (s *Server) ended(ctx context.Context) bool {
	for len(s.opt.Agent.Active()) > 0 {
		select {
		case <-s.hub.ended:
		case <-time.After(drainPoll):
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// settle waits until every client was told of the runs that it waits for.
func (s *Server) settle(ctx context.Context) {
	for {
		waiting := false
		s.hub.each(func(c *conn) { waiting = waiting || c.following.Load() > 0 })
		if !waiting {
			return
		}
		select {
		case <-time.After(drainPoll):
		case <-ctx.Done():
			return
		}
	}
}

// recovered reports a panic of ours and keeps the process alive.
func (s *Server) recovered(where string, v any) string {
	id := s.requestID()
	s.opt.Log.Error("BUG(openclaw): panic", "in", where, "request", id, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	return id
}

func (s *Server) requestID() string { return s.random(8) }

func (s *Server) random(n int) string {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.opt.Random, b); err != nil {
		panic("BUG(openclaw): gateway: random: " + err.Error())
	}
	return hex.EncodeToString(b)
}

// Methods lists what is built, as in hello-ok.
func (s *Server) Methods() []string { return s.names }

// Scopes that a method needs; ok is false for a method that is not built.
func (s *Server) ScopeOf(name string) (wire.Scope, bool) {
	m, ok := s.methods[name]
	return m.scope, ok
}
