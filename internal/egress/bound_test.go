package egress

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

const (
	theSecret  = "s3cr3t/value+of=github"
	theSession = claw.SessionKey("agent:workbench:main")
)

// vaultOf binds the secret and counts its uses.
type vaultOf struct {
	mu   sync.Mutex
	uses int
	fail error
	of   []policy.Binding
}

func (v *vaultOf) bound() (out []Bound) {
	for _, b := range v.of {
		out = append(out, Bound{Binding: b, Use: func(_ context.Context, s claw.SessionKey, _ policy.Host, f func([]byte) error) error {
			v.mu.Lock()
			defer v.mu.Unlock()
			if v.uses++; v.fail != nil || s != theSession {
				return errors.Join(v.fail, errors.New("not lent"))
			}
			return f([]byte(theSecret))
		}})
	}
	return out
}

func (v *vaultOf) used() int { v.mu.Lock(); defer v.mu.Unlock(); return v.uses }

// boundWorld has a TLS server that is called example.com, to which the secret
// is bound.
func boundWorld(t *testing.T, h http.HandlerFunc) (*world, *vaultOf, *httptest.Server) {
	t.Helper()
	s := tlsServer(t, h)
	w := newWorld(t, s)
	w.names.table["example.com"] = []string{"127.0.0.1"}
	v := &vaultOf{of: []policy.Binding{{Name: "github", Host: "example.com", Header: "Authorization", Path: "/repos/mine", Methods: []string{"GET", "POST"}}}}
	w.e.bindings, w.e.secrets = v.bound, func(f func([]byte)) { f([]byte(theSecret)) }
	return w, v, s
}

// insideClient is a program in a run: it trusts the run's bundle alone.
func insideClient(t *testing.T, w *world, dial func() net.Conn) *http.Client {
	t.Helper()
	bundle, err := w.e.TrustBundle()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	tr := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.test:3128"}),
		DialContext:     func(context.Context, string, string) (net.Conn, error) { return dial(), nil },
		TLSClientConfig: &tls.Config{RootCAs: roots}, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// TestR11FilledInAtItsPlaceOnly: the value stands in the bound header of a
// request to the bound host, method and path, and nowhere else, whatever a
// program writes where.
func TestR11FilledInAtItsPlaceOnly(t *testing.T) {
	var mu sync.Mutex
	var got []string
	w, v, s := boundWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		got = append(got, fmt.Sprint(r.URL, r.Header, string(b)))
		mu.Unlock()
		fmt.Fprintf(rw, "authorized as %x", sha256.Sum256([]byte(r.Header.Get("Authorization"))))
	})
	_, dial := start(t, w, ProxyOptions{Permit: permit(t), Session: theSession}, portOf(s))
	client := insideClient(t, w, dial)
	mine, other := w.e.Placeholder(theSession, "github"), w.e.Placeholder("agent:workbench:other", "github")
	if mine == other || w.e.Placeholder(theSession, "github") != mine || len(mine) != len(marker)+2*placeholderBytes {
		t.Fatalf("%q, %q", mine, other)
	}
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, c := range []struct {
		name, method, path, header, value, body string
		sent                                    string // Authorization that the server gets
		want                                    policy.RuleID
	}{
		{"alone", "GET", "/repos/mine/x", "Authorization", mine, "", theSecret, ""},
		{"bearer", "POST", "/repos/mine", "Authorization", "Bearer " + mine, "text", "Bearer " + theSecret, ""},
		{"token", "GET", "/repos/mine", "authorization", "token " + mine, "", "token " + theSecret, ""},
		{"basic", "GET", "/repos/mine", "Authorization", basic("x:" + mine), "", basic("x:" + theSecret), ""},
		{"basic, as user", "GET", "/repos/mine", "Authorization", basic(mine + ":x-oauth-basic"), "", basic(theSecret + ":x-oauth-basic"), ""},
		{"body", "POST", "/repos/mine", "X-A", "b", "title=" + mine, "", RulePlaceholder},
		{"query", "GET", "/repos/mine?q=" + mine, "X-A", "b", "", "", RulePlaceholder},
		{"escaped in the query", "GET", "/repos/mine?q=%6fpenclaw-placeholder-" + mine[len(marker):], "X-A", "b", "", "", RulePlaceholder},
		{"path", "GET", "/repos/mine/" + mine, "X-A", "b", "", "", RulePlaceholder},
		{"another header", "GET", "/repos/mine", "X-Title", mine, "", "", RulePlaceholder},
		{"more than the value", "GET", "/repos/mine", "Authorization", "Bearer " + mine + " and more", "", "", RulePlaceholder},
		{"within the user name", "GET", "/repos/mine", "Authorization", basic(mine + ":p"), "", "", RulePlaceholder},
		{"another session's", "GET", "/repos/mine", "Authorization", "Bearer " + other, "", "", RulePlaceholder},
		{"made up", "GET", "/repos/mine", "Authorization", "Bearer " + marker + strings.Repeat("0", 40), "", "", RulePlaceholder},
		{"another method", "PUT", "/repos/mine", "Authorization", "Bearer " + mine, "", "", "egress.binding_scope"},
		{"another path", "GET", "/repos/other", "Authorization", "Bearer " + mine, "", "", "egress.binding_scope"},
		{"a path that climbs", "GET", "/repos/mine/%2e%2e/other", "Authorization", "Bearer " + mine, "", "", "egress.binding_scope"},
		{"longer name", "GET", "/repos/mine2", "Authorization", "Bearer " + mine, "", "", "egress.binding_scope"},
		{"their own credential", "GET", "/repos/mine", "Authorization", "Bearer stolen", "", "", RuleCredential},
	} {
		t.Run(c.name, func(t *testing.T) {
			uses, events := v.used(), w.count()
			req, err := http.NewRequest(c.method, "https://example.com:"+fmt.Sprint(portOf(s))+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Host = "example.com"
			req.Header.Set(c.header, c.value)
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			if rule := policy.RuleID(res.Header.Get("X-OpenClaw-Rule")); rule != c.want {
				t.Fatalf("%d %q %s", res.StatusCode, rule, body)
			}
			if c.want == "" {
				if want := fmt.Sprintf("%x", sha256.Sum256([]byte(c.sent))); !strings.Contains(string(body), want) || v.used() != uses+1 {
					t.Errorf("%s, expected %s", body, want)
				}
				return
			}
			if v.used() != uses {
				t.Error("the secret was lent")
			}
			if e := w.last(); w.count() == events || e.Rule != c.want || e.Verdict != policy.Deny || e.Session != theSession {
				t.Errorf("recorded %+v", e)
			}
		})
	}
	mu.Lock()
	defer mu.Unlock()
	for _, g := range got {
		if strings.Contains(g, marker) {
			t.Errorf("the server was sent a placeholder: %s", g)
		}
	}
}

// TestR11NotOverPlainHTTPOrByFetch: roads without an opened connection fill in
// nothing.
func TestR11NotOverPlainHTTPOrByFetch(t *testing.T) {
	plain := server(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was reached") })
	w := newWorld(t, plain)
	w.names.table["example.com"] = []string{"127.0.0.1"}
	v := &vaultOf{of: []policy.Binding{{Name: "github", Host: "example.com", Header: "Authorization", Path: "/"}}}
	w.e.bindings = v.bound
	_, dial := start(t, w, ProxyOptions{Permit: permit(t), Session: theSession}, 443)
	mine := w.e.Placeholder(theSession, "github")
	if status, rule, _ := ask(t, dial(), "GET "+at(plain, "example.com", "/")+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+mine+"\r\n\r\n"); status != 403 || rule != string(RulePlaceholder) {
		t.Errorf("%d %s", status, rule)
	}
	_, err := w.e.Client().Fetch(t.Context(), permit(t), FetchRequest{URL: at(plain, "example.com", "/?q="+mine), Decide: w.decide})
	if ruleOf(err) != RulePlaceholder || w.last().Rule != RulePlaceholder {
		t.Errorf("%v, recorded %+v", err, w.last())
	}
	if v.used() != 0 {
		t.Error("the secret was lent")
	}
}

// TestBoundHostIsDecidedByRequest: what is inside the connection has its own
// decision, by method and path; a refused host sees no handshake.
func TestBoundHostIsDecidedByRequest(t *testing.T) {
	w, _, s := boundWorld(t, func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "ok") })
	rules := policy.EgressRules{Hosts: []policy.HostRule{{Host: "example.com", Class: policy.HostWrite, Paths: []string{"/repos/mine"}}}}
	w.decide = func(_ context.Context, h policy.Host) policy.Step {
		return policy.JudgeHost(rules, "exec", 0, h)
	}
	_, dial := start(t, w, ProxyOptions{Permit: permit(t), Session: theSession}, portOf(s))
	client := insideClient(t, w, dial)
	base := "https://example.com:" + fmt.Sprint(portOf(s))
	get := func(path string) (int, string) {
		req, _ := http.NewRequest("GET", base+path, nil)
		req.Host = "example.com"
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode, res.Header.Get("X-OpenClaw-Rule")
	}
	if code, rule := get("/repos/mine"); code != 200 || rule != "" {
		t.Errorf("%d %s", code, rule)
	}
	if e := w.last(); e.Kind != KindInside || e.Host.Path != "/repos/mine" || e.Host.Method != "GET" {
		t.Errorf("recorded %+v", e)
	}
	if code, rule := get("/gists"); code != 403 || rule != "egress.path" {
		t.Errorf("%d %s", code, rule)
	}
	req, _ := http.NewRequest("GET", base+"/repos/mine", nil)
	req.Host = "other.example"
	if res, err := client.Do(req); err != nil || res.Header.Get("X-OpenClaw-Rule") != string(RuleForeign) {
		t.Errorf("a Host header for another site: %v, %v", res, err)
	}
	rules.Hosts = nil
	if res, err := client.Get(base + "/repos/mine"); err == nil {
		t.Errorf("a refused host: %v", res.Status)
	}
	if e := w.last(); e.Rule != "egress.not_listed" {
		t.Errorf("recorded %+v", e)
	}
}

// TestR30AnswersAreScrubbed: a server that gives the secret back, in any of
// the forms that are looked for, gives the program nothing.
func TestR30AnswersAreScrubbed(t *testing.T) {
	forms := formsOf(theSecret)
	w, _, s := boundWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-Echo", r.Header.Get("Authorization"))
		text := strings.Join(forms, "\n") + "\nhigh " + r.Header.Get("Accept-Encoding")
		switch r.URL.Query().Get("as") {
		case "gzip":
			rw.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(rw)
			_, _ = io.WriteString(z, text)
			_ = z.Close()
		case "br":
			rw.Header().Set("Content-Encoding", "br")
			_, _ = io.WriteString(rw, text)
		default:
			for _, b := range []byte(text) { // in pieces of one byte
				_, _ = rw.Write([]byte{b})
				rw.(http.Flusher).Flush()
			}
		}
	})
	_, dial := start(t, w, ProxyOptions{Permit: permit(t), Session: theSession}, portOf(s))
	client := insideClient(t, w, dial)
	for as, want := range map[string]int{"": 200, "gzip": 200, "br": 502} {
		req, _ := http.NewRequest("GET", "https://example.com:"+fmt.Sprint(portOf(s))+"/repos/mine?as="+as, nil)
		req.Host = "example.com"
		req.Header.Set("Authorization", "Bearer "+w.e.Placeholder(theSession, "github"))
		req.Header.Set("Accept-Encoding", "gzip, br")
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%q: %s", as, res.Status)
		}
		for _, f := range forms {
			if bytes.Contains(body, []byte(f)) || strings.Contains(fmt.Sprint(res.Header), f) {
				t.Errorf("%q: %q came back", as, f)
			}
		}
		if want == 200 && (!bytes.HasSuffix(body, []byte("high identity")) || !bytes.Contains(body, []byte(blotted))) {
			t.Errorf("%q: %q", as, body)
		}
	}
}

// TestR30HighPowerPaths: a secret is not put into a request that hands out
// further authority, unless its binding names the place.
func TestR30HighPowerPaths(t *testing.T) {
	b := policy.Binding{Name: "github", Host: "api.github.com", Header: "Authorization", Path: "/", Methods: []string{"GET", "POST", "PUT", "DELETE"}}
	for _, c := range []struct {
		method, path string
		ok           bool
	}{
		{"GET", "/repos/me/x", true}, {"POST", "/repos/me/x/issues", true}, {"GET", "/user/keys", true},
		{"POST", "/user/keys", false}, {"POST", "/repos/me/x/keys", false}, {"PUT", "/repos/me/x/collaborators/evil", false}, {"POST", "/repos/me/x/hooks", false},
		{"POST", "/graphql", false}, {"POST", "/api/v4/projects/1/Deploy_Keys", false}, {"PUT", "/repos/me/x/actions/secrets/A", false},
		{"POST", "/gmail/v1/users/me/settings/forwardingAddresses", false}, {"POST", "/gmail/v1/users/me/settings/filters", false}, {"DELETE", "/repos/me/%6beys/1", true},
		{"POST", "/-/npm/v1/tokens", false}, {"POST", "/repos/me/x/%2e%2e/keys", false},
	} {
		got := b.Judge(policy.Host{Name: "api.github.com", Scheme: "https", Port: 443, Method: c.method, Path: c.path})
		if (got.Verdict == policy.Allow) != c.ok {
			// An escaped letter is another path to a server that does not undo it;
			// those that do read it as the same word.
			if c.path == "/repos/me/%6beys/1" && got.Verdict != policy.Allow {
				continue
			}
			t.Errorf("%s %s: %v %s", c.method, c.path, got.Verdict, got.Rule)
		}
	}
	own := b
	own.Path = "/user/keys"
	if s := own.Judge(policy.Host{Name: "api.github.com", Scheme: "https", Port: 443, Method: "POST", Path: "/user/keys"}); s.Verdict != policy.Allow {
		t.Errorf("a binding that names the place: %+v", s)
	}
}

// TestR60Authority: the certificate signs for bound hosts only, is another one
// at each start, and nothing but a run's bundle trusts it.
func TestR60Authority(t *testing.T) {
	w, v, s := boundWorld(t, func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "ok") })
	bundle, err := w.e.TrustBundle()
	if err != nil || bytes.Contains(bundle, []byte("PRIVATE KEY")) {
		t.Fatal("the bundle holds a key, or is none", err)
	}
	own, err := w.e.ownCertificate()
	if err != nil || !bytes.Contains(bundle, own) {
		t.Fatal(err)
	}
	block, _ := pem.Decode(own)
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil || !ca.PermittedDNSDomainsCritical || len(ca.PermittedDNSDomains) != 1 || ca.PermittedDNSDomains[0] != "example.com" || !ca.MaxPathLenZero || time.Until(ca.NotAfter) > authorityLife {
		t.Fatalf("%+v, %v", ca, err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	a := &w.e.authority
	for _, c := range []struct {
		names []string
		ips   []net.IP
		ok    bool
	}{
		{[]string{"example.com"}, nil, true}, {[]string{"evil.example"}, nil, false}, {[]string{"example.com", "evil.example"}, nil, false},
		{[]string{"notexample.com"}, nil, false}, {nil, []net.IP{net.ParseIP("127.0.0.1")}, false}, {nil, []net.IP{net.ParseIP("::1")}, false},
	} {
		leaf, err := sign(&x509.Certificate{SerialNumber: serial(), DNSNames: c.names, IPAddresses: c.ips, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter}, ca, &a.key.PublicKey, a.key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots}); (err == nil) != c.ok {
			t.Errorf("%v %v: %v", c.names, c.ips, err)
		}
	}
	if _, err := w.e.leaf("evil.example"); err == nil {
		t.Error("a certificate for a host that is not bound")
	}
	leaf, err := w.e.leaf("example.com")
	if err != nil {
		t.Fatal(err)
	}
	pool, err := w.e.pool()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "example.com"}); err == nil {
		t.Error("the gateway's own clients trust it")
	}
	// A later start, and another set of hosts, have another authority.
	again := newWorld(t, s)
	again.e.bindings = v.bound
	if other, err := again.e.ownCertificate(); err != nil || bytes.Equal(other, own) {
		t.Error("two starts have one authority", err)
	}
	v.of = append(v.of, policy.Binding{Name: "b", Host: "b.example", Header: "X-Key", Path: "/"})
	if other, err := w.e.ownCertificate(); err != nil || bytes.Equal(other, own) {
		t.Error("two sets of hosts have one authority", err)
	}
	v.of = nil
	if _, err := w.e.TrustBundle(); err == nil {
		t.Error("there is an authority without a binding")
	}
}

// TestR60OtherHostsAreNotOpened: a connection to a host without a binding is
// passed on as it is, with the server's own certificate.
func TestR60OtherHostsAreNotOpened(t *testing.T) {
	w, _, s := boundWorld(t, func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "ok") })
	w.names.table["www.example.com"] = []string{"127.0.0.1"}
	_, dial := start(t, w, ProxyOptions{Permit: permit(t), Session: theSession}, portOf(s))
	for host, opened := range map[string]bool{"example.com": true, "www.example.com": false} {
		c := tls.Client(tunnelTo(t, dial(), host, portOf(s)), &tls.Config{ServerName: host, InsecureSkipVerify: true})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		if got := !c.ConnectionState().PeerCertificates[0].Equal(s.Certificate()); got != opened {
			t.Errorf("%s: opened %t", host, got)
		}
	}
}

// TestSecretIsLentAfterTheRecord: without a record, a resolved value or a
// trusted server nothing is sent.
func TestSecretIsLentAfterTheRecord(t *testing.T) {
	reached := false
	w, v, s := boundWorld(t, func(http.ResponseWriter, *http.Request) { reached = true })
	p, dial := start(t, w, ProxyOptions{Permit: permit(t), Session: theSession}, portOf(s))
	client := insideClient(t, w, dial)
	do := func() string {
		req, _ := http.NewRequest("GET", "https://example.com:"+fmt.Sprint(portOf(s))+"/repos/mine", nil)
		req.Host = "example.com"
		req.Header.Set("Authorization", "Bearer "+w.e.Placeholder(theSession, "github"))
		res, err := client.Do(req)
		if err != nil {
			return "no answer"
		}
		defer res.Body.Close()
		return res.Header.Get("X-OpenClaw-Rule")
	}
	v.fail = errors.New("no such secret")
	if got := do(); got != "egress.secret_unresolved" {
		t.Error(got)
	}
	v.fail = nil
	p.e.caFile = os.DevNull
	p.e.roots = x509.NewCertPool()
	if got := do(); got != "egress.unreachable" {
		t.Error(got)
	}
	uses := v.used()
	w.failing.Store(true)
	if got := do(); got != "no answer" || v.used() != uses {
		t.Errorf("%s, lent %d times", got, v.used()-uses)
	}
	if reached {
		t.Error("the server was reached")
	}
}

// TestRecheckEndsRequests: growing labels end a request that goes on.
func TestRecheckEndsRequests(t *testing.T) {
	entered := make(chan struct{})
	s := server(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.(http.Flusher).Flush()
		close(entered)
		<-r.Context().Done()
	})
	w := newWorld(t, s)
	w.names.table["site.example"] = []string{"127.0.0.1"}
	p, dial := start(t, w, ProxyOptions{Permit: permit(t)}, 443)
	c := dial()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", at(s, "site.example", "/"))
	<-entered
	w.deny("site.example")
	p.Recheck(t.Context())
	if _, err := io.ReadAll(c); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("%v", err)
	}
}

// TestR39NothingOfThisMachine: no address of this machine, of its networks or
// of a special range is dialled, however it is written, and no exception of
// the operator's opens the gateway itself.
func TestR39NothingOfThisMachine(t *testing.T) {
	g := testGuard()
	g.interfaces = func() ([]net.Addr, error) {
		var out []net.Addr
		for _, a := range []string{"93.184.215.1/24", "2606:2800:21f::1/64", "100.101.102.103/32", "192.168.7.7/24"} {
			p := netip.MustParsePrefix(a)
			out = append(out, &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())})
		}
		return out, nil
	}
	for _, a := range []string{
		// its own public, private and tailnet addresses
		"93.184.215.1", "2606:2800:21f::1", "100.101.102.103", "192.168.7.7", "::ffff:93.184.215.1", "::ffff:192.168.7.7",
		// its own, in another's clothes: NAT64, 6to4, Teredo, translated, compatible, ISATAP
		"64:ff9b::5db8:d701", "64:ff9b:1::5db8:d701", "2002:5db8:d701::1", "2001:0:5db8:d701::1", "::ffff:0:5db8:d701", "::5db8:d701", "2600::5efe:5db8:d701", "2600::200:5efe:7f00:1",
		// nowhere, this network, loopback, link, site, unique local
		"0.0.0.0", "0.1.2.3", "::", "127.0.0.1", "127.255.255.254", "::1", "169.254.0.1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fdff::1",
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "100.127.255.255",
		// assigned, documentation, benchmarks, reserved, multicast, broadcast
		"192.0.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.88.99.1", "192.31.196.1", "192.52.193.1", "192.175.48.1", "240.0.0.1", "255.255.255.255",
		"224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1", "2001:db8::1", "3fff::1", "100::1", "2001:2::1", "2001:10::1", "2001:20::1", "5f00::1", "2620:4f:8000::1",
		// metadata
		"169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254", "168.63.129.16",
	} {
		if err := g.check("x.example", netip.AddrPortFrom(netip.MustParseAddr(a), 443), nil); ruleOf(err) != RuleAddress {
			t.Errorf("%s: %v", a, err)
		}
	}
	for _, a := range []string{"93.184.215.2", "2606:2800:21f::2", "1.1.1.1", "2a00:1450:4001::1"} {
		if err := g.check("x.example", netip.AddrPortFrom(netip.MustParseAddr(a), 443), nil); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	g.ownPorts = []int{8765}
	for at, ok := range map[string]bool{"127.0.0.1:8765": false, "[::1]:8765": false, "192.168.7.7:8765": false, "93.184.215.1:8765": false, "127.0.0.1:11434": true, "192.168.7.8:8765": true} {
		if err := g.check("x.example", netip.MustParseAddrPort(at), everywhere); (err == nil) != ok || !ok && ruleOf(err) != RuleSelf {
			t.Errorf("%s with an exception: %v", at, err)
		}
	}
}

// TestR10OthersCredentials: a program cannot use an allowed host as somebody
// else: with a credential that was not put in here nothing passes, and a host
// that strangers share is not opened by a rule for reading.
func TestR10OthersCredentials(t *testing.T) {
	s := server(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was reached") })
	w := newWorld(t, s)
	w.names.table["site.example"] = []string{"127.0.0.1"}
	_, dial := start(t, w, ProxyOptions{Permit: permit(t), Session: theSession}, 443)
	for _, head := range []string{"Authorization: Bearer x", "authorization: Basic eDp5", "Cookie: session=1", "X-Api-Key: k", "x-goog-api-key: k", "Private-Token: k", "X-Vault-Token: k", "X-My-Secret: k", "Proxy-Authorization: Basic eA=="} {
		if _, rule, _ := ask(t, dial(), "GET "+at(s, "site.example", "/")+" HTTP/1.1\r\nHost: x\r\n"+head+"\r\n\r\n"); rule != string(RuleCredential) {
			t.Errorf("%s: %q", head, rule)
		}
	}
	for _, path := range []string{"/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage", "/?access_token=1", "/?X-Amz-Signature=1&x=2"} {
		if _, rule, _ := ask(t, dial(), "GET "+at(s, "site.example", path)+" HTTP/1.1\r\nHost: x\r\n\r\n"); rule != string(RuleCredential) {
			t.Errorf("%s: %q", path, rule)
		}
	}
	_, err := w.e.Client().Fetch(t.Context(), permit(t), FetchRequest{URL: "https://api.telegram.org/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage?text=x", Decide: w.decide})
	if ruleOf(err) != RuleCredential {
		t.Errorf("a fetch with a bot's token: %v", err)
	}
}

func TestConnectionTimeIsBounded(t *testing.T) {
	s := server(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	w := newWorld(t, s)
	w.names.table["site.example"] = []string{"127.0.0.1"}
	_, dial := start(t, w, ProxyOptions{Permit: permit(t), MaxTime: 50 * time.Millisecond}, 443)
	c := dial()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", at(s, "site.example", "/"))
	if b, _ := io.ReadAll(c); bytes.HasPrefix(b, []byte("HTTP/1.1 200")) {
		t.Errorf("%q", b)
	}
}

// TestStreamsByPieces: however a stream comes in pieces, no value and no
// placeholder passes, and nothing else is changed.
func TestStreamsByPieces(t *testing.T) {
	values := []string{theSecret, "another-value-12345", hex.EncodeToString([]byte("0123456789abcdef"))}
	rapid.Check(t, func(t *rapid.T) {
		s := newScrubber(func(f func([]byte)) {
			for _, v := range values {
				f([]byte(v))
			}
		})
		var whole []byte
		for range rapid.IntRange(0, 6).Draw(t, "parts") {
			whole = append(whole, rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "noise")...)
			if rapid.Bool().Draw(t, "secret") {
				whole = append(whole, rapid.SampledFrom(formsOf(rapid.SampledFrom(values).Draw(t, "value"))).Draw(t, "form")...)
			}
		}
		want := bytes.Clone(whole)
		s.clean(want, true)
		var src io.Reader = bytes.NewReader(whole)
		if rapid.Bool().Draw(t, "bytes") {
			src = iotest.OneByteReader(src)
		} else {
			src = iotest.DataErrReader(iotest.HalfReader(src))
		}
		got, err := io.ReadAll(s.reader(src))
		if err != nil || len(got) != len(whole) {
			t.Fatalf("%d bytes of %d, %v", len(got), len(whole), err)
		}
		for _, v := range values {
			for _, f := range formsOf(v) {
				if len(f) >= minScrub && bytes.Contains(got, []byte(f)) {
					t.Fatalf("%q passed in %q", f, got)
				}
			}
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%q, as a whole %q", got, want)
		}
	})
}

func FuzzWatched(f *testing.F) {
	f.Add([]byte("a openclaw-placeholder-0123 b"), 1)
	f.Add([]byte("openclaw-openclaw-placeholder"), 3)
	f.Add([]byte("openclaw-placeholder"), 7)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		found := false
		src := &stepped{b: b, n: max(1, step&63)}
		got, err := io.ReadAll(&watched{r: src, found: func() { found = true }})
		has := bytes.Contains(b, []byte(marker))
		if has != found || has != errors.Is(err, errPlaceholder) {
			t.Fatalf("found %t, %v", found, err)
		}
		if bytes.Contains(got, []byte(marker)) || !bytes.HasPrefix(b, got) || !has && !bytes.Equal(got, b) {
			t.Fatalf("%q of %q", got, b)
		}
	})
}

type stepped struct {
	b []byte
	n int
}

func (s *stepped) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.b[:min(s.n, len(s.b))])
	s.b = s.b[n:]
	return n, nil
}

func BenchmarkScrub(b *testing.B) {
	s := newScrubber(func(f func([]byte)) {
		for i := range 20 {
			f([]byte(fmt.Sprintf("value-%d-%x", i, sha256.Sum256([]byte{byte(i)}))))
		}
	})
	buf := make([]byte, 1<<20)
	for i := range buf {
		buf[i] = "abcdefghijklmnopqrstuvwxyz0123456789 \n"[(i*7+i/13)%38]
	}
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		_, _ = io.Copy(io.Discard, s.reader(bytes.NewReader(buf)))
	}
}
