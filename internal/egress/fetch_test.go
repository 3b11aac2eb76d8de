package egress

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

func TestFetch(t *testing.T) {
	var seen http.Header
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		w.Header().Set("Content-Type", "text/html; charset=iso-8859-1")
		w.Header().Set("Set-Cookie", "sid=1")
		fmt.Fprint(w, "<p>hello")
	})
	w := newWorld(t, s)
	w.names.table["site.example"] = []string{"127.0.0.1"}
	got, err := w.e.Client().Fetch(context.Background(), permit(t), FetchRequest{URL: at(s, "site.example", "/a#frag"), Decide: w.decide})
	if err != nil || string(got.Body) != "<p>hello" || got.Status != 200 || got.ContentType != "text/html" || got.Charset != "iso-8859-1" || got.Cut {
		t.Fatalf("%+v, %v", got, err)
	}
	if strings.Contains(got.URL, "#") {
		t.Errorf("the fragment stays in %q", got.URL)
	}
	for _, h := range []string{"Authorization", "Cookie", "Referer"} {
		if seen.Get(h) != "" {
			t.Errorf("%s was sent", h)
		}
	}
	e := w.last()
	if e.Kind != KindFetch || e.Verdict != policy.Allow || e.Agent != "workbench" || e.Host.Name != "site.example" || e.Digest == (policy.Digest{}) {
		t.Errorf("recorded %+v", e)
	}
}

// TestNothingBeforeDecisionAndRecord: what is refused is neither looked up nor
// dialled, and what cannot be recorded neither.
func TestNothingBeforeDecisionAndRecord(t *testing.T) {
	hits := 0
	s := server(t, func(http.ResponseWriter, *http.Request) { hits++ })
	w := newWorld(t, s)
	w.names.table["site.example"] = []string{"127.0.0.1"}
	fetch := func(p policy.Permit, d Decider) error {
		_, err := w.e.Client().Fetch(context.Background(), p, FetchRequest{URL: at(s, "site.example", "/"), Decide: d})
		return err
	}
	if err := fetch(policy.Permit{}, w.decide); ruleOf(err) != RuleNoPermit {
		t.Errorf("without a permit: %v", err)
	}
	if err := fetch(permit(t), nil); !errors.Is(err, ErrRefused) {
		t.Errorf("without a decider: %v", err)
	}
	w.deny("site.example")
	if err := fetch(permit(t), w.decide); ruleOf(err) != "test.denied" {
		t.Errorf("denied: %v", err)
	}
	if e := w.last(); e.Verdict != policy.Deny || e.Rule != "test.denied" {
		t.Errorf("recorded %+v", e)
	}
	w.denied = map[string]bool{}
	w.failing.Store(true)
	if err := fetch(permit(t), w.decide); !errors.Is(err, ErrNotRecorded) {
		t.Errorf("unrecorded: %v", err)
	}
	if n := w.names.count("site.example"); n != 0 || hits != 0 {
		t.Errorf("%d look-ups, %d requests", n, hits)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("an egress without a recorder was made")
	}
}

// TestPermitStandsForAsk only at the destination that was asked about.
func TestPermitStandsForAsk(t *testing.T) {
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/go" {
			http.Redirect(w, r, "http://"+strings.Replace(r.Host, "one", "two", 1)+"/end", http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
	})
	w := newWorld(t, s)
	w.names.table["one.example"], w.names.table["two.example"] = []string{"127.0.0.1"}, []string{"127.0.0.1"}
	w.asked["one.example"], w.asked["two.example"] = true, true
	if _, err := w.e.Client().Fetch(context.Background(), permit(t), FetchRequest{URL: at(s, "one.example", "/"), Decide: w.decide}); err != nil {
		t.Errorf("the first hop: %v", err)
	}
	if _, err := w.e.Client().Fetch(context.Background(), permit(t), FetchRequest{URL: at(s, "one.example", "/go"), Decide: w.decide}); ruleOf(err) != "test.ask" {
		t.Errorf("a redirect: %v", err)
	}
	if w.names.count("two.example") != 0 {
		t.Error("the refused name was looked up")
	}
}

func TestFetchRefuses(t *testing.T) {
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		to := r.URL.Query().Get("to")
		if r.URL.Path == "/loop" {
			to = "/loop"
		}
		if to != "" {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		w.Header().Set("Content-Encoding", r.URL.Query().Get("enc"))
		fmt.Fprint(w, "x")
	})
	w := newWorld(t, s)
	w.names.table["site.example"] = []string{"127.0.0.1"}
	w.names.table["inner.example"] = []string{"10.0.0.1"}
	w.names.table["meta.example"] = []string{"169.254.169.254"}
	w.names.table["nat64.example"] = []string{"64:ff9b::7f00:1"}
	self := func(path string) string { return at(s, "site.example", path) }
	for _, c := range []struct {
		url  string
		want policy.RuleID
	}{
		{"http://inner.example/", RuleAddress}, {"http://meta.example/latest", RuleAddress}, {"http://nat64.example/", RuleAddress},
		{"http://127.0.0.1:1/", RuleAddress}, {"http://[::1]/", RuleAddress}, {"http://[::ffff:7f00:1]/", RuleAddress}, {"http://169.254.169.254/", RuleAddress},
		{"http://2130706433/", RuleBadName}, {"http://0x7f.1/", RuleBadName}, {"http://017700000001/", RuleBadName}, {"http://127.1/", RuleBadName}, {"http://localhost/", RuleBadName},
		{"http://none.example/", RuleResolve}, {"ftp://site.example/", RuleScheme}, {"file:///etc/passwd", RuleScheme}, {"//site.example", RuleScheme},
		{"http://u:p@site.example/", RuleCredential}, {"http://site.example:0/", RulePort}, {"http://site.example:99999/", RulePort}, {"http://%zz/", RuleBadName},
		{self("/?to=http://inner.example/"), RuleAddress}, {self("/?to=http://169.254.169.254/"), RuleAddress}, {self("/?to=file:///etc/passwd"), RuleScheme},
		{self("/?to=http://u:p@site.example/"), RuleCredential}, {self("/?to=http://0x7f000001/"), RuleBadName},
		{self("/loop"), RuleRedirect},
	} {
		got, err := w.e.Client().Fetch(context.Background(), permit(t), FetchRequest{URL: c.url, Decide: w.decide})
		if ruleOf(err) != c.want {
			t.Errorf("%s: %+v, %v; expected %s", c.url, got, err, c.want)
		}
	}
	for _, path := range []string{"/?type=image/png", "/?type=application/octet-stream", "/?enc=br&type=text/plain", "/?enc=gzip&type=text/plain"} {
		if _, err := w.e.Client().Fetch(context.Background(), permit(t), FetchRequest{URL: self(path), Decide: w.decide}); err == nil {
			t.Errorf("%s was taken", path)
		}
	}
}

func TestNoDowngrade(t *testing.T) {
	plain := server(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "plain") })
	var target string
	s := tlsServer(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, http.StatusFound) })
	w := newWorld(t, s, plain)
	w.names.table["example.com"] = []string{"127.0.0.1"}
	target = at(plain, "example.com", "/")
	if _, err := w.e.Client().Fetch(context.Background(), permit(t), FetchRequest{URL: at(s, "example.com", "/"), Decide: w.decide}); ruleOf(err) != RuleRedirect {
		t.Errorf("%v", err)
	}
}

// TestRebinding: the name answers with a public address first and loopback
// later. One look-up is made per connection and its answer is what is dialled.
func TestRebinding(t *testing.T) {
	s := server(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "inside") })
	w := newWorld(t) // no exception for the server
	w.names.table["rebind.example"] = []string{"192.0.2.1", "127.0.0.1"}
	for n := range 3 {
		_, err := w.e.Client().Fetch(context.Background(), permit(t), FetchRequest{URL: at(s, "rebind.example", "/"), Decide: w.decide})
		if ruleOf(err) != RuleAddress {
			t.Errorf("try %d: %v", n, err)
		}
		if got := w.names.count("rebind.example"); got != n+1 {
			t.Errorf("try %d: %d look-ups", n, got)
		}
	}
}

func TestFetchLimits(t *testing.T) {
	block := make(chan struct{})
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		switch r.URL.Path {
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 50<<20))
			_ = z.Close()
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(bytes.Repeat([]byte("x"), 4096)); err != nil {
					return
				}
			}
		case "/stuck":
			w.(http.Flusher).Flush()
			select {
			case <-block:
			case <-r.Context().Done():
			}
		}
	})
	defer close(block)
	w := newWorld(t, s)
	w.names.table["site.example"] = []string{"127.0.0.1"}
	for _, path := range []string{"/bomb", "/endless"} {
		got, err := w.e.Client().Fetch(context.Background(), permit(t), FetchRequest{URL: at(s, "site.example", path), Decide: w.decide, MaxBytes: 10_000})
		if err != nil || len(got.Body) != 10_000 || !got.Cut {
			t.Errorf("%s: %d bytes, cut %v, %v", path, len(got.Body), got.Cut, err)
		}
	}
	if _, err := w.e.Client().Fetch(context.Background(), permit(t), FetchRequest{URL: at(s, "site.example", "/stuck"), Decide: w.decide, Timeout: 50 * time.Millisecond}); err == nil {
		t.Error("a server that never ends was waited for")
	}
}

// TestEnvironmentIsNotRead: a proxy or CA from the environment changes nothing.
func TestEnvironmentIsNotRead(t *testing.T) {
	used := false
	evil := server(t, func(http.ResponseWriter, *http.Request) { used = true })
	s := tlsServer(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, evil.URL)
	}
	t.Setenv("SSL_CERT_FILE", "/nonexistent")
	w := newWorld(t, s)
	w.names.table["example.com"] = []string{"127.0.0.1"}
	if _, err := w.e.Client().Fetch(context.Background(), permit(t), FetchRequest{URL: at(s, "example.com", "/"), Decide: w.decide, Accept: []string{"text/*"}}); err != nil || used {
		t.Errorf("%v, proxy used: %v", err, used)
	}
	bare := newWorld(t, evil)
	bare.e.private = w.e.private
	bare.names.table["example.com"] = []string{"127.0.0.1"}
	if _, err := bare.e.Client().Fetch(context.Background(), permit(t), FetchRequest{URL: at(s, "example.com", "/"), Decide: bare.decide}); err == nil {
		t.Error("a certificate of nobody's was taken")
	}
}

func TestFixed(t *testing.T) {
	var auth []string
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		auth = append(auth, r.Header.Get("Authorization"))
		if r.URL.Path == "/go" {
			http.Redirect(w, r, "http://other.example/", http.StatusFound)
			return
		}
		fmt.Fprint(w, "ok")
	})
	other := server(t, func(http.ResponseWriter, *http.Request) { t.Error("another origin was reached") })
	w := newWorld(t, s, other)
	w.names.table["api.example"] = []string{"127.0.0.1"}
	c, err := w.e.Fixed(Fixed{Name: "model test", Origins: []string{at(s, "api.example", "/v1")}})
	if err != nil {
		t.Fatal(err)
	}
	do := func(url, host string) error {
		req, err := http.NewRequest(http.MethodPost, url, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer k")
		if host != "" {
			req.Host = host
		}
		res, err := c.Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		return err
	}
	if err := do(at(s, "api.example", "/v1/chat"), ""); err != nil || len(auth) != 1 || auth[0] != "Bearer k" {
		t.Errorf("its own origin: %v %v", err, auth)
	}
	if e := w.last(); e.Kind != KindClient || e.Client != "model test" || e.Verdict != policy.Allow || e.Host.Name != "api.example" {
		t.Errorf("recorded %+v", e)
	}
	for _, u := range []string{
		at(other, "api.example", "/"), at(s, "api2.example", "/"), strings.Replace(at(s, "api.example", "/"), "http:", "https:", 1),
		"http://127.0.0.1:" + fmt.Sprint(portOf(s)) + "/", strings.Replace(at(s, "api.example", "/"), "//", "//u:p@", 1),
	} {
		if err := do(u, ""); ruleOf(err) != RuleForeign {
			t.Errorf("%s: %v", u, err)
		}
	}
	if err := do(at(s, "api.example", "/"), "evil.example"); ruleOf(err) != RuleForeign {
		t.Errorf("another Host header: %v", err)
	}
	if err := do(at(s, "api.example", "/go"), ""); ruleOf(err) != RuleRedirect {
		t.Errorf("a redirect: %v", err)
	}
	w.failing.Store(true)
	c.CloseIdleConnections()
	if err := do(at(s, "api.example", "/v1"), ""); !errors.Is(err, ErrNotRecorded) {
		t.Errorf("unrecorded: %v", err)
	}
}

func TestFixedAddresses(t *testing.T) {
	s := server(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	w := newWorld(t)
	w.names.table["lan.example"], w.names.table["localhost"] = []string{"127.0.0.1"}, []string{"10.0.0.1"}
	for _, c := range []struct {
		host    string
		private PrivateNames
		want    policy.RuleID
	}{
		{"127.0.0.1", PublicOnly, ""},            // the operator wrote the address
		{"lan.example", PublicOnly, RuleAddress}, // a name must not lead inside
		{"lan.example", PrivateToo, ""},
		{"localhost", PublicOnly, RuleAddress}, // a resolver that lies about localhost
	} {
		client, err := w.e.Fixed(Fixed{Name: "m", Origins: []string{at(s, c.host, "")}, Private: c.private})
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Get(at(s, c.host, "/"))
		if err == nil {
			_ = res.Body.Close()
		}
		if ruleOf(err) != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%s: %v", c.host, err)
		}
	}
	for _, o := range []string{"", "ftp://x.example", "https://u:p@x.example", "x.example", "https://x.example:0"} {
		if _, err := w.e.Fixed(Fixed{Name: "m", Origins: []string{o}}); err == nil {
			t.Errorf("origin %q was taken", o)
		}
	}
	if _, err := w.e.Fixed(Fixed{Name: "m"}); err == nil {
		t.Error("a client without origins was made")
	}
}
