package egress

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// forward serves a plain HTTP request.
func (p *proxy) forward(ctx context.Context, conn net.Conn, req *http.Request) {
	h, err := hopOf(req.URL)
	ev := p.event(KindProxy, h.host)
	if !req.URL.IsAbs() || req.URL.Scheme != "http" {
		p.reject(ctx, conn, http.StatusBadRequest, ev, malformed("the proxy takes http:// URLs and CONNECT"))
		return
	}
	var bad *Refusal
	if errors.As(err, &bad) {
		ev.Host = policy.Host{Name: strings.ToLower(req.URL.Hostname()), Scheme: "http", Method: req.Method}
		p.reject(ctx, conn, http.StatusForbidden, ev, bad)
		return
	}
	p.relay(ctx, conn, req, h, ev)
}

// inside serves the requests of a connection to a bound host: it ends the
// program's TLS itself, so that every request is seen, decided and recorded,
// and a placeholder can be filled in.
func (p *proxy) inside(ctx context.Context, conn net.Conn, r *bufio.Reader, ev Event) {
	name := ev.Host.Name
	whole := ev
	whole.Host.Scheme = "" // the host alone: its requests are judged one by one
	if !p.admit(ctx, conn, whole) {
		return
	}
	h, ok := p.established(ctx, conn, r, ev)
	if !ok {
		return
	}
	cert, err := p.e.leaf(name)
	if err != nil {
		return
	}
	secure := tls.Server(&replayed{Conn: conn, r: io.MultiReader(bytes.NewReader(h.raw), r)},
		&tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	defer func() { _ = secure.Close() }()
	if err := secure.HandshakeContext(ctx); err != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(helloTimeout))
	req, err := readRequest(bufio.NewReaderSize(secure, maxHead))
	ev.Kind = KindInside
	var bad *Refusal
	if errors.As(err, &bad) {
		p.reject(ctx, secure, http.StatusBadRequest, ev, bad)
		return
	}
	if err != nil {
		return
	}
	u, err := url.Parse("https://" + name + req.RequestURI)
	if err != nil || !strings.HasPrefix(req.RequestURI, "/") {
		p.reject(ctx, secure, http.StatusBadRequest, ev, malformed("a request inside a tunnel names a path"))
		return
	}
	if host := strings.ToLower(req.Host); host != name && host != name+":443" {
		p.reject(ctx, secure, http.StatusForbidden, ev, refuse(name, RuleForeign, "the Host header names %q", req.Host))
		return
	}
	inner, err := hopOf(u)
	if errors.As(err, &bad) {
		p.reject(ctx, secure, http.StatusForbidden, ev, bad)
		return
	}
	inner.host.Port = ev.Host.Port
	ev.Host = inner.host
	p.relay(ctx, secure, req, inner, ev)
}

// replayed is a connection whose first bytes were read already.
type replayed struct {
	net.Conn
	r io.Reader
}

func (c *replayed) Read(b []byte) (int, error) { return c.r.Read(b) }

// relay decides about one request and passes it and its answer. The order is:
// what it brings along, the decision, its record, the secret and its record,
// the connection.
func (p *proxy) relay(ctx context.Context, conn net.Conn, req *http.Request, h hop, ev Event) {
	ev.Host.Method, ev.Host.CarriesData = req.Method, true
	ev.Host.Body, ev.Host.URLBytes = req.ContentLength != 0 || len(req.TransferEncoding) > 0, len(h.url.String())
	seen, bad := p.e.mint.find(req, h.host.Name)
	var bound *Bound
	if bad == nil && seen != nil {
		bound, bad = p.injection(seen, ev.Host)
		req.Header.Del(seen.header)
	}
	if bad == nil {
		if what := foreignCredential(req); what != "" {
			bad = refuse(h.host.Name, RuleCredential, "the request brings a credential of its own (%s)", what)
		}
	}
	if bad != nil {
		p.reject(ctx, conn, http.StatusForbidden, ev, bad)
		return
	}
	if !p.admit(ctx, conn, ev) {
		return
	}
	x := &exchange{p: p, ev: ev, conn: conn, req: req, hop: h, scrub: newScrubber(p.e.secrets)}
	if bound != nil {
		err := bound.Use(ctx, p.o.Session, ev.Host, func(value []byte) error {
			if bytes.ContainsAny(value, "\r\n\x00") {
				return errors.New("the value is no header")
			}
			req.Header.Set(seen.header, seen.with(value))
			x.scrub.add(value)
			x.scrub.add([]byte(req.Header.Get(seen.header)))
			return nil
		})
		if err != nil {
			p.reject(ctx, conn, http.StatusForbidden, ev, refuse(h.host.Name, "egress.secret_unresolved", "secret %q could not be put in", bound.Name))
			return
		}
	}
	up, ok := p.dialFor(ctx, conn, ev)
	if !ok {
		return
	}
	defer func() { _ = up.Close() }()
	if ev.Host.Scheme == "https" {
		secure, err := p.secureTo(ctx, up, h.host.Name)
		if err != nil {
			answer(conn, http.StatusBadGateway, refuse(h.host.Name, "egress.unreachable", "no TLS connection could be made"))
			return
		}
		up = secure
	}
	x.up = up
	x.run(ctx)
}

// injection finds the binding of a placeholder and judges the request by it.
func (p *proxy) injection(seen *presented, h policy.Host) (*Bound, *Refusal) {
	if p.o.Session == "" || seen.key.session != p.o.Session {
		return nil, misplaced(h.Name, "a request of another session")
	}
	for _, b := range p.e.boundNow() {
		if b.Name != seen.key.binding || !b.For(p.o.Permit.Agent()) {
			continue
		}
		if !strings.EqualFold(b.Header, seen.header) {
			return nil, misplaced(h.Name, "header "+seen.header)
		}
		if b.Host != h.Name || h.Scheme != "https" {
			return nil, misplaced(h.Name, "a request to another place than its host")
		}
		if b.Host == h.Name && h.Port == p.tlsPort {
			h.Port = 443
		}
		if s := b.Judge(h); s.Verdict != policy.Allow {
			return nil, asRefusal(h, s)
		}
		return &b, nil
	}
	return nil, misplaced(h.Name, "a request of an agent that the secret is not bound for")
}

// secureTo speaks TLS to a host as any client would.
func (p *proxy) secureTo(ctx context.Context, up net.Conn, name string) (net.Conn, error) {
	roots, err := p.e.pool()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, tlsTimeout)
	defer cancel()
	c := tls.Client(up, &tls.Config{ServerName: name, RootCAs: roots, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	return c, c.HandshakeContext(ctx)
}

// exchange is one admitted request with its answer.
type exchange struct {
	p        *proxy
	ev       Event
	conn, up net.Conn
	req      *http.Request
	hop      hop
	scrub    *scrubber
}

// run sends the request with its Host as decided and passes the answer.
func (x *exchange) run(ctx context.Context) {
	p, conn, up := x.p, x.conn, x.up
	t := &tunnel{kind: x.ev.Kind, host: x.ev.Host, client: conn, upstream: up}
	defer p.track(ctx, t)()
	out := x.req.Clone(context.Background())
	out.URL, out.Host, out.RequestURI, out.Close, out.Trailer = x.hop.url, x.hop.url.Host, "", true, nil
	dropHopHeaders(out.Header)
	if !x.scrub.empty() {
		out.Header.Set("Accept-Encoding", "identity")
	}
	misplacedIn := false
	// Neither body is closed: that would read it to its end, uncounted and
	// however long. Its connection is closed instead.
	if x.req.Body != nil {
		out.Body = io.NopCloser(&watched{r: &meter{r: x.req.Body, p: p, t: t}, found: func() { misplacedIn = true }})
	}
	_ = up.SetDeadline(time.Now().Add(p.o.Idle))
	_ = conn.SetDeadline(time.Now().Add(p.o.Idle))
	if strings.EqualFold(out.Header.Get("Expect"), "100-continue") {
		out.Header.Del("Expect")
		if _, err := io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return
		}
	}
	err := out.Write(up)
	if misplacedIn {
		p.reject(ctx, conn, http.StatusForbidden, x.ev, misplaced(x.hop.host.Name, "the body of a request"))
		return
	}
	if err != nil {
		answer(conn, http.StatusBadGateway, refuse(x.hop.host.Name, "egress.unreachable", "the request could not be sent"))
		return
	}
	x.back(t)
}

// back passes the answer on, without the secrets that are in use.
func (x *exchange) back(t *tunnel) {
	res, err := readResponse(x.up, x.req)
	if err != nil {
		answer(x.conn, http.StatusBadGateway, refuse(x.hop.host.Name, "egress.bad_answer", "the answer is not HTTP"))
		return
	}
	dropHopHeaders(res.Header)
	res.Close, res.Trailer = true, nil
	var body io.Reader = &meter{r: res.Body, p: x.p, t: t}
	if !x.scrub.empty() {
		x.scrub.header(res.Header)
		if body, err = x.unpack(res, body, t); err != nil {
			answer(x.conn, http.StatusBadGateway, refuse(x.hop.host.Name, RuleEncoding, "%v", err))
			return
		}
		body = x.scrub.reader(body)
	}
	res.Body = io.NopCloser(body)
	_ = res.Write(x.conn)
}

// unpack undoes a content encoding that was not asked for, since a packed
// secret is not seen. One that is not known is refused.
func (x *exchange) unpack(res *http.Response, body io.Reader, t *tunnel) (io.Reader, error) {
	enc := strings.ToLower(strings.TrimSpace(res.Header.Get("Content-Encoding")))
	if enc == "" || enc == "identity" || res.ContentLength == 0 || x.req.Method == http.MethodHead || res.StatusCode == http.StatusNotModified || res.StatusCode == http.StatusNoContent {
		return body, nil
	}
	var err error
	switch enc {
	case "gzip", "x-gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body, err = zlib.NewReader(body)
	default:
		return nil, errors.New("the answer comes in an encoding that was not asked for and that cannot be looked into")
	}
	if err != nil {
		return nil, errors.New("the answer is not packed as it says")
	}
	res.Header.Del("Content-Encoding")
	res.Header.Del("Content-Length")
	res.ContentLength, res.Uncompressed = -1, true
	if x.req.ProtoAtLeast(1, 1) {
		res.TransferEncoding = []string{"chunked"}
	}
	return &meter{r: body, p: x.p, t: t}, nil
}

// readResponse reads the head of the final answer, within bounds.
func readResponse(up io.Reader, req *http.Request) (*http.Response, error) {
	bounded := &io.LimitedReader{R: up, N: 4 * maxHead}
	r := bufio.NewReaderSize(bounded, maxHead)
	for range 5 {
		res, err := http.ReadResponse(r, req)
		if err != nil {
			return nil, err
		}
		if res.StatusCode >= 200 {
			bounded.N = math.MaxInt64
			return res, nil
		}
		if res.StatusCode == http.StatusSwitchingProtocols {
			break
		}
	}
	return nil, errors.New("egress: no final answer")
}

// meter counts what passes and keeps the connection alive while it does.
type meter struct {
	r io.Reader
	p *proxy
	t *tunnel
}

var errByteLimit = errors.New("egress: byte limit of the run")

func (m *meter) Read(b []byte) (int, error) {
	deadline := time.Now().Add(m.p.o.Idle)
	_ = m.t.client.SetDeadline(deadline)
	_ = m.t.upstream.SetDeadline(deadline)
	n, err := m.r.Read(b)
	if !m.p.count(n) {
		return 0, errByteLimit
	}
	return n, err
}
