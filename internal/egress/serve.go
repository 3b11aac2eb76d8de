package egress

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// helloTimeout bounds the wait for a request's head and for a ClientHello.
const helloTimeout = 10 * time.Second

// proxy is the state behind Proxy.
type proxy struct {
	e *Egress
	o ProxyOptions
	// tlsPort is the one port of CONNECT.
	tlsPort int

	bytes atomic.Int64
	slots chan struct{}

	mu      sync.Mutex
	tunnels map[*tunnel]bool
}

// tunnel is one open CONNECT, or one request while it goes on.
type tunnel struct {
	kind     Kind
	host     policy.Host
	client   net.Conn
	upstream net.Conn
}

func (t *tunnel) close() {
	_ = t.client.Close()
	_ = t.upstream.Close()
}

func (e *Egress) newProxy(o ProxyOptions) *Proxy {
	if o.MaxConns <= 0 {
		o.MaxConns = DefaultProxyConns
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultProxyBytes
	}
	if o.Idle <= 0 {
		o.Idle = DefaultProxyIdle
	}
	if o.MaxTime <= 0 {
		o.MaxTime = DefaultProxyTime
	}
	return &Proxy{proxy: proxy{e: e, o: o, tlsPort: 443, slots: make(chan struct{}, o.MaxConns), tunnels: map[*tunnel]bool{}}}
}

func (p *proxy) serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var handlers sync.WaitGroup
	defer handlers.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	for {
		conn, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("egress: proxy: %w", err)
		}
		select {
		case p.slots <- struct{}{}:
		default:
			answer(conn, http.StatusServiceUnavailable, refuse("", RuleLimit, "more than %d connections at once", p.o.MaxConns))
			_ = conn.Close()
			continue
		}
		handlers.Add(1)
		go func() {
			defer handlers.Done()
			defer func() { <-p.slots }()
			ctx, cancel := context.WithTimeout(ctx, p.o.MaxTime)
			defer cancel()
			closeOnEnd := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer closeOnEnd()
			defer func() { _ = conn.Close() }()
			p.handle(ctx, conn)
		}()
	}
}

// handle serves one request; every connection carries one, so that every
// request has its own decision.
func (p *proxy) handle(ctx context.Context, conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(helloTimeout))
	r := bufio.NewReaderSize(conn, maxHead)
	req, err := readRequest(r)
	if err != nil {
		var ref *Refusal
		if errors.As(err, &ref) {
			p.reject(ctx, conn, http.StatusBadRequest, p.event(KindProxy, policy.Host{}), ref)
		}
		return
	}
	if req.Method == http.MethodConnect {
		p.connect(ctx, conn, r, req)
		return
	}
	p.forward(ctx, conn, req)
}

func (p *proxy) event(k Kind, h policy.Host) Event {
	return Event{Kind: k, Agent: p.o.Permit.Agent(), Host: h, Digest: p.o.Permit.Digest(), Session: p.o.Session}
}

// reject records a refusal of the proxy's own and answers it.
func (p *proxy) reject(ctx context.Context, conn net.Conn, status int, ev Event, r *Refusal) {
	err := p.e.refused(ctx, ev, r)
	if errors.As(err, &r) {
		answer(conn, status, r)
		return
	}
	answer(conn, http.StatusBadGateway, refuse(ev.Host.Name, "egress.not_recorded", "the decision could not be recorded"))
}

// answer writes a refusal with its rule, for the program and its author.
func answer(conn net.Conn, status int, r *Refusal) {
	body := fmt.Sprintf("openclaw: egress to %q refused (%s): %s\n", r.Host, r.Rule, r.Reason)
	_ = conn.SetWriteDeadline(time.Now().Add(helloTimeout))
	fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nX-OpenClaw-Rule: %s\r\nConnection: close\r\n\r\n%s",
		status, http.StatusText(status), len(body), r.Rule, body)
}

// admit decides about a destination; it answers and returns false when the
// destination is refused.
func (p *proxy) admit(ctx context.Context, conn net.Conn, ev Event) bool {
	if !p.o.Permit.Valid() {
		p.reject(ctx, conn, http.StatusForbidden, ev, refuse(ev.Host.Name, RuleNoPermit, "the run has no permit"))
		return false
	}
	err := p.e.decide(ctx, p.o.Decide, ev, policy.Allow)
	if err == nil {
		return true
	}
	var r *Refusal
	if errors.As(err, &r) {
		answer(conn, http.StatusForbidden, r)
	} else {
		answer(conn, http.StatusBadGateway, refuse(ev.Host.Name, "egress.not_recorded", "the decision could not be recorded"))
	}
	return false
}

// dialFor connects to an admitted destination or answers why not.
func (p *proxy) dialFor(ctx context.Context, conn net.Conn, ev Event) (net.Conn, bool) {
	up, err := p.e.dial(ctx, ev.Host.Name, ev.Host.Port, p.e.private)
	if err == nil {
		return up, true
	}
	var r *Refusal
	switch {
	case errors.As(err, &r) && r.Rule == RuleResolve:
		answer(conn, http.StatusBadGateway, r)
	case errors.As(err, &r):
		p.reject(ctx, conn, http.StatusForbidden, ev, r)
	default:
		answer(conn, http.StatusBadGateway, refuse(ev.Host.Name, "egress.unreachable", "no connection could be made"))
	}
	return nil, false
}

// connect opens a tunnel for TLS to the host that was decided.
func (p *proxy) connect(ctx context.Context, conn net.Conn, r *bufio.Reader, req *http.Request) {
	host, port, err := net.SplitHostPort(req.RequestURI)
	if err != nil {
		p.reject(ctx, conn, http.StatusBadRequest, p.event(KindConnect, policy.Host{}), malformed("CONNECT needs host:port"))
		return
	}
	name, err := canonical(host)
	ev := p.event(KindConnect, policy.Host{Name: name, Port: p.tlsPort, Scheme: "https", CarriesData: true})
	var bad *Refusal
	switch {
	case errors.As(err, &bad):
	case port != strconv.Itoa(p.tlsPort):
		bad = refuse(name, RulePort, "CONNECT reaches port %d only, not %q", p.tlsPort, port)
	case req.ContentLength != 0:
		bad = malformed("CONNECT has no body")
	case req.Header.Get("Proxy-Authorization") != "":
		bad = refuse(name, RuleCredential, "the proxy takes no credential")
	}
	if bad != nil {
		ev.Host.Name = host
		p.reject(ctx, conn, http.StatusForbidden, ev, bad)
		return
	}
	if slices.Contains(p.e.boundHosts(), name) {
		p.inside(ctx, conn, r, ev)
		return
	}
	if !p.admit(ctx, conn, ev) {
		return
	}
	up, ok := p.dialFor(ctx, conn, ev)
	if !ok {
		return
	}
	defer func() { _ = up.Close() }()
	h, ok := p.established(ctx, conn, r, ev)
	if !ok {
		return
	}
	p.tunnel(ctx, &tunnel{kind: KindConnect, host: ev.Host, client: conn, upstream: up}, r, h)
}

// established tells the client that its tunnel stands and reads its
// ClientHello, which must be for the host that was decided.
func (p *proxy) established(ctx context.Context, conn net.Conn, r io.Reader, ev Event) (hello, bool) {
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return hello{}, false
	}
	_ = conn.SetReadDeadline(time.Now().Add(helloTimeout))
	h, err := readHello(r)
	if err == nil && h.sni != ev.Host.Name {
		err = notHello(RuleSNI, "the tunnel is for %q, its ClientHello names %q", ev.Host.Name, h.sni)
	}
	if err != nil {
		p.refuseHello(ctx, conn, ev, err)
		return hello{}, false
	}
	return h, true
}

// refuseHello records why a tunnel carries nothing and ends it with a TLS
// alert, since the tunnel stands and HTTP can no longer be spoken.
func (p *proxy) refuseHello(ctx context.Context, conn net.Conn, ev Event, err error) {
	var he *helloError
	if !errors.As(err, &he) {
		return
	}
	_ = p.e.refused(ctx, ev, &Refusal{Host: ev.Host.Name, Rule: he.rule, Reason: he.reason})
	_ = conn.SetWriteDeadline(time.Now().Add(helloTimeout))
	_, _ = conn.Write([]byte{21, 3, 1, 0, 2, 2, 49}) // fatal, access_denied
}

// tunnel passes bytes until one side ends, nothing moves, or the limit is met.
func (p *proxy) tunnel(ctx context.Context, t *tunnel, r io.Reader, h hello) {
	defer p.track(ctx, t)()
	if !p.count(len(h.raw)) {
		return
	}
	if _, err := t.upstream.Write(h.raw); err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.pass(t.upstream, r, t)
		_ = closeWrite(t.upstream)
	}()
	p.pass(t.client, t.upstream, t)
	_ = closeWrite(t.client)
	<-done
}

// track makes t end when ctx does or a recheck refuses it. The function that it
// returns ends t.
func (p *proxy) track(ctx context.Context, t *tunnel) func() {
	p.mu.Lock()
	p.tunnels[t] = true
	p.mu.Unlock()
	stop := context.AfterFunc(ctx, t.close)
	return func() {
		stop()
		p.mu.Lock()
		delete(p.tunnels, t)
		p.mu.Unlock()
		t.close()
	}
}

func closeWrite(c net.Conn) error {
	if w, ok := c.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return c.Close()
}

// count adds to the bytes of the run and reports whether it may go on.
func (p *proxy) count(n int) bool { return p.bytes.Add(int64(n)) <= p.o.MaxBytes }

// pass copies in one direction; either direction keeps the tunnel alive.
func (p *proxy) pass(dst io.Writer, src io.Reader, t *tunnel) {
	buf := make([]byte, 32<<10)
	for {
		deadline := time.Now().Add(p.o.Idle)
		_ = t.client.SetDeadline(deadline)
		_ = t.upstream.SetDeadline(deadline)
		n, err := src.Read(buf)
		if n > 0 {
			if !p.count(n) {
				t.close()
				return
			}
			if _, werr := dst.Write(buf[:n]); werr != nil {
				t.close()
				return
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.close()
			}
			return
		}
	}
}

func (p *proxy) recheck(ctx context.Context) {
	p.mu.Lock()
	open := make([]*tunnel, 0, len(p.tunnels))
	for t := range p.tunnels {
		open = append(open, t)
	}
	p.mu.Unlock()
	again := p.o.Again
	if again == nil {
		again = p.o.Decide
	}
	for _, t := range open {
		if p.e.decide(ctx, again, p.event(t.kind, t.host), policy.Allow) != nil {
			t.close()
		}
	}
}
