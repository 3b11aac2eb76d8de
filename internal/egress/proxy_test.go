package egress

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// start serves a proxy on a unix socket, as a sandbox's is, and returns a
// dialer for it.
func start(t *testing.T, w *world, o ProxyOptions, tlsPort int) (*Proxy, func() net.Conn) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if o.Decide == nil {
		o.Decide = w.decide
	}
	p := w.e.Proxy(o)
	p.tlsPort = tlsPort
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return p, func() net.Conn {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		return c
	}
}

// ask sends raw bytes and reads one answer.
func ask(t *testing.T, c net.Conn, raw string) (status int, rule, body string) {
	t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, "", ""
	}
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, res.Header.Get("X-OpenClaw-Rule"), string(b)
}

func TestProxyForwards(t *testing.T) {
	var got *http.Request
	var body string
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
		w.Header().Set("Connection", "x-hop")
		w.Header().Set("X-Hop", "1")
		fmt.Fprint(w, "answer")
	})
	w := newWorld(t, s)
	w.names.table["site.example"] = []string{"127.0.0.1"}
	_, dial := start(t, w, ProxyOptions{Permit: permit(t)}, 443)
	status, _, answer := ask(t, dial(), "POST "+at(s, "site.example", "/p?q=1")+" HTTP/1.1\r\nHost: other.example\r\nConnection: x-drop\r\nX-Drop: 1\r\nX-Keep: 1\r\nContent-Length: 4\r\n\r\nbody")
	if status != 200 || answer != "answer" || body != "body" {
		t.Fatalf("%d %q, the server got %q", status, answer, body)
	}
	if !strings.HasPrefix(got.Host, "site.example:") || got.Header.Get("X-Drop") != "" || got.Header.Get("X-Keep") != "1" || got.URL.Path != "/p" {
		t.Errorf("the server got host %q, %v", got.Host, got.Header)
	}
	e := w.last()
	if e.Kind != KindProxy || e.Verdict != policy.Allow || e.Host.Method != "POST" || !e.Host.CarriesData || e.Agent != "workbench" {
		t.Errorf("recorded %+v", e)
	}
}

func TestProxyRefuses(t *testing.T) {
	s := server(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was reached") })
	w := newWorld(t, s)
	w.names.table["site.example"] = []string{"127.0.0.1"}
	w.names.table["inner.example"] = []string{"192.168.0.1"}
	w.deny("denied.example")
	w.asked["asked.example"] = true
	_, dial := start(t, w, ProxyOptions{Permit: permit(t)}, 443)
	ok := at(s, "site.example", "/")
	for _, c := range []struct {
		name, raw string
		want      policy.RuleID
	}{
		{"denied", "GET http://denied.example/ HTTP/1.1\r\nHost: denied.example\r\n\r\n", "test.denied"},
		{"asked", "GET http://asked.example/ HTTP/1.1\r\nHost: asked.example\r\n\r\n", "test.ask"},
		{"private address", "GET http://inner.example/ HTTP/1.1\r\nHost: inner.example\r\n\r\n", RuleAddress},
		{"literal", "GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: x\r\n\r\n", RuleAddress},
		{"metadata", "GET http://169.254.169.254/latest HTTP/1.1\r\nHost: x\r\n\r\n", RuleAddress},
		{"number", "GET http://2130706433/ HTTP/1.1\r\nHost: x\r\n\r\n", RuleBadName},
		{"no such name", "GET http://none.example/ HTTP/1.1\r\nHost: x\r\n\r\n", RuleResolve},
		{"authorization", "GET " + ok + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n", RuleCredential},
		{"cookie", "GET " + ok + " HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\n\r\n", RuleCredential},
		{"api key", "GET " + ok + " HTTP/1.1\r\nHost: x\r\nX-My-Api-Key: b\r\n\r\n", RuleCredential},
		{"token in the query", "GET " + ok + "?access_token=b HTTP/1.1\r\nHost: x\r\n\r\n", RuleCredential},
		{"user in the URL", "GET http://u:p@site.example/ HTTP/1.1\r\nHost: x\r\n\r\n", RuleCredential},
		{"origin form", "GET / HTTP/1.1\r\nHost: site.example\r\n\r\n", RuleMalformed},
		{"https", "GET https://site.example/ HTTP/1.1\r\nHost: x\r\n\r\n", RuleMalformed},
		{"two lengths", "POST " + ok + " HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", RuleMalformed},
		{"length twice", "POST " + ok + " HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody", RuleMalformed},
		{"odd encoding", "POST " + ok + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", RuleMalformed},
		{"upgrade", "GET " + ok + " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n", RuleMalformed},
		{"bare newline", "GET " + ok + " HTTP/1.1\nHost: x\n\n", RuleMalformed},
		{"space in a name", "GET " + ok + " HTTP/1.1\r\nHost : x\r\n\r\n", RuleMalformed},
		{"folded header", "GET " + ok + " HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", RuleMalformed},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", RuleMalformed},
		{"NUL", "GET " + ok + " HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n", RuleMalformed},
		{"CONNECT elsewhere", "CONNECT site.example:22 HTTP/1.1\r\nHost: x\r\n\r\n", RulePort},
		{"CONNECT without a port", "CONNECT site.example HTTP/1.1\r\nHost: x\r\n\r\n", RuleMalformed},
		{"CONNECT denied", "CONNECT denied.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", "test.denied"},
		{"CONNECT inside", "CONNECT inner.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", RuleAddress},
		{"CONNECT number", "CONNECT 0x7f000001:443 HTTP/1.1\r\nHost: x\r\n\r\n", RuleBadName},
		{"CONNECT with a credential", "CONNECT site.example:443 HTTP/1.1\r\nProxy-Authorization: Basic eA==\r\n\r\n", RuleCredential},
		{"CONNECT with a body", "CONNECT site.example:443 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", RuleMalformed},
	} {
		before := w.count()
		status, rule, _ := ask(t, dial(), c.raw)
		if status < 400 || policy.RuleID(rule) != c.want {
			t.Errorf("%s: %d %q, expected %q", c.name, status, rule, c.want)
		}
		if w.count() == before {
			t.Errorf("%s: not recorded", c.name)
		}
	}
	for _, name := range []string{"denied.example", "asked.example"} {
		if w.names.count(name) != 0 {
			t.Errorf("%s was looked up", name)
		}
	}
}

func TestProxyWithoutPermitOrRecord(t *testing.T) {
	s := server(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was reached") })
	w := newWorld(t, s)
	w.names.table["site.example"] = []string{"127.0.0.1"}
	_, dial := start(t, w, ProxyOptions{}, 443)
	raw := "GET " + at(s, "site.example", "/") + " HTTP/1.1\r\nHost: x\r\n\r\n"
	if status, rule, _ := ask(t, dial(), raw); status != 403 || rule != string(RuleNoPermit) {
		t.Errorf("without a permit: %d %s", status, rule)
	}
	_, dial = start(t, w, ProxyOptions{Permit: permit(t)}, 443)
	w.failing.Store(true)
	if status, rule, _ := ask(t, dial(), raw); status != 502 || rule != "egress.not_recorded" {
		t.Errorf("unrecorded: %d %s", status, rule)
	}
	if w.names.count("site.example") != 0 {
		t.Error("the name was looked up")
	}
}

// throughProxy is an HTTPS client as a sandboxed program would use.
func throughProxy(t *testing.T, s *httptest.Server, dial func() net.Conn) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	tr := &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.test:3128"}),
		DialContext:     func(context.Context, string, string) (net.Conn, error) { return dial(), nil },
		TLSClientConfig: &tls.Config{RootCAs: roots},
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func TestConnect(t *testing.T) {
	s := tlsServer(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "over TLS") })
	w := newWorld(t, s)
	w.names.table["example.com"], w.names.table["www.example.com"] = []string{"127.0.0.1"}, []string{"127.0.0.1"}
	_, dial := start(t, w, ProxyOptions{Permit: permit(t)}, portOf(s))
	res, err := throughProxy(t, s, dial).Get(at(s, "example.com", "/"))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if string(b) != "over TLS" {
		t.Errorf("%q", b)
	}
	if e := w.last(); e.Kind != KindConnect || e.Verdict != policy.Allow || e.Host.Name != "example.com" {
		t.Errorf("recorded %+v", e)
	}
}

// tunnelTo opens a tunnel and returns the connection once it stands.
func tunnelTo(t *testing.T, c net.Conn, host string, port int) net.Conn {
	t.Helper()
	fmt.Fprintf(c, "CONNECT %s:%d HTTP/1.1\r\nHost: x\r\n\r\n", host, port)
	head := make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))
	if _, err := io.ReadFull(c, head); err != nil || !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) {
		t.Fatalf("%q, %v", head, err)
	}
	return c
}

// TestConnectChecksTheHello: nothing reaches the server but a ClientHello for
// the host that was decided.
func TestConnectChecksTheHello(t *testing.T) {
	reached := make(chan []byte, 16)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			b, _ := io.ReadAll(c)
			_ = c.Close()
			reached <- b
		}
	}()
	w := newWorld(t)
	port := ln.Addr().(*net.TCPAddr).Port
	w.e.private = []Private{{Prefix: onlyLoopback[0].Prefix}}
	w.names.table["good.example"] = []string{"127.0.0.1"}
	_, dial := start(t, w, ProxyOptions{Permit: permit(t)}, port)
	for _, c := range []struct {
		name string
		send []byte
		want policy.RuleID
	}{
		{"another name", clientHello(t, "evil.example"), RuleSNI},
		{"no name", clientHello(t, ""), RuleSNI},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: good.example\r\n\r\n"), RuleTLS},
		{"SSH", []byte("SSH-2.0-x\r\n"), RuleTLS},
		{"encrypted hello", withExtension(clientHello(t, "good.example"), 0xfe0d, []byte{0}), RuleECH},
	} {
		conn := tunnelTo(t, dial(), "good.example", port)
		if _, err := conn.Write(c.send); err != nil {
			t.Fatal(err)
		}
		alert, _ := io.ReadAll(conn)
		if !bytes.Equal(alert, []byte{21, 3, 1, 0, 2, 2, 49}) {
			t.Errorf("%s: answered %x", c.name, alert)
		}
		if got := <-reached; len(got) != 0 {
			t.Errorf("%s: the server got %d bytes", c.name, len(got))
		}
		if e := w.last(); e.Rule != c.want || e.Verdict != policy.Deny {
			t.Errorf("%s: recorded %s %v", c.name, e.Rule, e.Verdict)
		}
	}
	conn := tunnelTo(t, dial(), "good.example", port)
	good := clientHello(t, "good.example")
	if _, err := conn.Write(append(good, "more"...)); err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.UnixConn).CloseWrite()
	if got := <-reached; !bytes.Equal(got, append(good, "more"...)) {
		t.Errorf("the server got %d bytes of %d", len(got), len(good)+4)
	}
}

// TestRecheckEndsTunnels: once a host is no longer allowed, its open tunnels
// end.
func TestRecheckEndsTunnels(t *testing.T) {
	s := tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	w := newWorld(t, s)
	w.names.table["example.com"] = []string{"127.0.0.1"}
	p, dial := start(t, w, ProxyOptions{Permit: permit(t)}, portOf(s))
	res, err := throughProxy(t, s, dial).Get(at(s, "example.com", "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	ended := make(chan error, 1)
	go func() { _, err := io.ReadAll(res.Body); ended <- err }()
	p.Recheck(context.Background())
	select {
	case err := <-ended:
		t.Fatalf("a tunnel that is still allowed ended: %v", err)
	default:
	}
	w.deny("example.com")
	p.Recheck(context.Background())
	if err := <-ended; err == nil {
		t.Error("the tunnel ended as if all was well")
	}
	if e := w.last(); e.Verdict != policy.Deny || e.Kind != KindConnect {
		t.Errorf("recorded %+v", e)
	}
}

func TestProxyLimits(t *testing.T) {
	var sent atomic.Int64
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			n, err := w.Write(make([]byte, 4096))
			if err != nil {
				return
			}
			sent.Add(int64(n))
		}
	})
	w := newWorld(t, s)
	w.names.table["site.example"] = []string{"127.0.0.1"}
	_, dial := start(t, w, ProxyOptions{Permit: permit(t), MaxBytes: 100_000}, 443)
	_, _, body := ask(t, dial(), "GET "+at(s, "site.example", "/")+" HTTP/1.1\r\nHost: x\r\n\r\n")
	if len(body) == 0 || len(body) > 100_000 {
		t.Errorf("%d bytes passed a limit of 100,000", len(body))
	}

	// The same for what is sent: the limit ends an upload without an end.
	sink := server(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	w2 := newWorld(t, sink)
	w2.names.table["site.example"] = []string{"127.0.0.1"}
	_, dial = start(t, w2, ProxyOptions{Permit: permit(t), MaxBytes: 100_000}, 443)
	up := dial()
	fmt.Fprintf(up, "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", at(sink, "site.example", "/"))
	chunk, written := append([]byte("1000\r\n"), append(make([]byte, 4096), "\r\n"...)...), 0
	for ; written < 100<<20; written += 4096 {
		if _, err := up.Write(chunk); err != nil {
			break
		}
	}
	if written >= 10<<20 {
		t.Errorf("%d bytes were taken", written)
	}

	entered, release := make(chan struct{}), make(chan struct{})
	hold := func(context.Context, policy.Host) policy.Step {
		entered <- struct{}{}
		<-release
		return policy.Step{Rule: "test.denied"}
	}
	_, dial = start(t, w, ProxyOptions{Permit: permit(t), MaxConns: 1, Decide: hold}, 443)
	first := dial()
	fmt.Fprintf(first, "GET http://site.example/ HTTP/1.1\r\nHost: x\r\n\r\n")
	<-entered
	second := dial()
	res, err := http.ReadResponse(bufio.NewReader(second), nil)
	if err != nil || res.StatusCode != 503 || res.Header.Get("X-OpenClaw-Rule") != string(RuleLimit) {
		t.Errorf("a second connection: %v, %v", res, err)
	}
	close(release)
}

func TestServeEnds(t *testing.T) {
	w := newWorld(t)
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "p"))
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	if err := w.e.Proxy(ProxyOptions{}).Serve(context.Background(), ln); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed listener: %v", err)
	}
}

// recorder keeps what a TLS client sends first.
type recorder struct {
	net.Conn
	sent bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) { return r.sent.Write(b) }
func (r *recorder) Read([]byte) (int, error)    { return 0, io.EOF }

// clientHello is what Go's TLS client sends for a server name.
func clientHello(t testing.TB, name string) []byte {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	r := &recorder{Conn: a}
	_ = tls.Client(r, &tls.Config{ServerName: name, InsecureSkipVerify: name == ""}).Handshake()
	if r.sent.Len() == 0 {
		t.Fatal("no ClientHello")
	}
	return r.sent.Bytes()
}

// withExtension adds an extension to a ClientHello in one record.
func withExtension(raw []byte, kind uint16, data []byte) []byte {
	ext := append([]byte{byte(kind >> 8), byte(kind), byte(len(data) >> 8), byte(len(data))}, data...)
	out := append(append([]byte(nil), raw...), ext...)
	grow := func(at, n int) { // a big-endian length of n bytes
		v := 0
		for _, b := range out[at : at+n] {
			v = v<<8 | int(b)
		}
		v += len(ext)
		for i := n - 1; i >= 0; i-- {
			out[at+i] = byte(v)
			v >>= 8
		}
	}
	grow(3, 2)
	grow(6, 3)
	p := 5 + 4 + 2 + 32
	p += 1 + int(out[p])
	p += 2 + int(out[p])<<8 + int(out[p+1])
	p += 1 + int(out[p])
	grow(p, 2)
	return out
}

func TestReadHello(t *testing.T) {
	whole := clientHello(t, "a.example")
	var split []byte // the same message over many records
	for rest := whole[5:]; len(rest) > 0; {
		n := min(len(rest), 100)
		split = append(append(split, 22, 3, 1, byte(n>>8), byte(n)), rest[:n]...)
		rest = rest[n:]
	}
	for _, c := range []struct {
		name string
		raw  []byte
		sni  string
	}{
		{"whole", whole, "a.example"}, {"upper case", clientHello(t, "A.Example"), "a.example"},
		{"over records", split, map[bool]string{true: "a.example"}[len(whole)/100+1 <= maxRecords]},
		{"cut", whole[:len(whole)-1], ""}, {"empty", nil, ""}, {"followed in its record", append(append([]byte{22, 3, 1, byte((len(whole) - 4) >> 8), byte(len(whole) - 4)}, whole[5:]...), 0), ""},
		{"two names", withExtension(whole, 0, []byte{0, 4, 0, 0, 1, 'x'}), ""},
		{"old ECH draft", withExtension(whole, 0xffce, nil), ""},
	} {
		h, err := readHello(bytes.NewReader(c.raw))
		if (err == nil) != (c.sni != "") || err == nil && (h.sni != c.sni || !bytes.Equal(h.raw, c.raw)) {
			t.Errorf("%s: %q, %v", c.name, h.sni, err)
		}
	}
}

func FuzzHello(f *testing.F) {
	f.Add(clientHello(f, "a.example"))
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Add([]byte{22, 3, 1, 0, 4, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := readHello(bytes.NewReader(b))
		if err == nil && (h.sni == "" || !bytes.HasPrefix(b, h.raw)) {
			t.Fatalf("%q from %x", h.sni, b)
		}
	})
}

// FuzzRequest: what the proxy takes is what another reader of HTTP takes.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("GET http://a.example/ HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Add([]byte("POST http://a.example/ HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
	f.Add([]byte("CONNECT a.example:443 HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		req, err := readRequest(bufio.NewReaderSize(bytes.NewReader(b), maxHead))
		if err != nil {
			return
		}
		if len(req.TransferEncoding) > 0 && req.Header.Get("Content-Length") != "" {
			t.Fatal("two lengths")
		}
		if strings.Contains(req.Host+req.RequestURI, "\n") || req.ContentLength < 0 && len(req.TransferEncoding) == 0 {
			t.Fatalf("%q %q %d", req.Host, req.RequestURI, req.ContentLength)
		}
	})
}
