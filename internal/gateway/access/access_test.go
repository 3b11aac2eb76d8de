package access

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const good = "8f14e45fceea167a5a36dedd4bea2543"

func keeper(t *testing.T, c Config) *Keeper {
	t.Helper()
	k, err := NewKeeper(c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestZeroRefuses(t *testing.T) {
	if err := (Config{}).Validate(); err == nil {
		t.Error("no mode is a mode")
	}
	if (&Keeper{}).SecretMatches("") || (&Keeper{}).SecretMatches("x") {
		t.Error("the zero keeper lets somebody in")
	}
	if _, err := (&Keeper{}).ProxyUser(netip.MustParseAddr("127.0.0.1"), http.Header{}); err == nil {
		t.Error("the zero keeper trusts a proxy")
	}
}

func TestSecretMatches(t *testing.T) {
	token, password := keeper(t, Config{Mode: Token, Secret: " " + good + "\n"}), keeper(t, Config{Mode: Password, Secret: "pass word"})
	none := keeper(t, Config{Mode: None})
	for _, row := range []struct {
		k    *Keeper
		s    string
		want bool
	}{
		{token, good, true}, {token, " " + good, false}, {token, good + "\x00", false}, {token, good[:31], false}, {token, strings.ToUpper(good), false}, {token, "", false},
		{password, "pass word", true}, {password, "password", false}, {none, "", false}, {none, good, false},
	} {
		if got := row.k.SecretMatches(row.s); got != row.want {
			t.Errorf("%s %q: %v", row.k.Mode(), row.s, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		if s != good && token.SecretMatches(s) {
			t.Fatalf("%q is let in", s)
		}
	})
}

func TestBearer(t *testing.T) {
	for header, want := range map[string]string{"Bearer " + good: good, "bearer " + good: good, "Bearer  " + good: good, "Basic " + good: "", good: "", "": "", "Bearer": ""} {
		if got := Bearer(http.Header{"Authorization": {header}}); got != want {
			t.Errorf("%q: %q", header, got)
		}
	}
}

func TestWeak(t *testing.T) {
	for _, row := range []struct {
		c    Config
		weak bool
	}{
		{Config{Mode: Token, Secret: good}, false},
		{Config{Mode: Token, Secret: good[:31]}, true},
		{Config{Mode: Password, Secret: "correct horse battery staple, and a bit"}, false},
		{Config{Mode: Password, Secret: "hunter2"}, true},
		{Config{Mode: Token, Secret: strings.Repeat("0123456", 6)}, true},
		{Config{Mode: Token, Secret: "A3F8B2C4D1E6F9G7H5I4J3K2L1M0N9O8P7Q6R5S4T3U2V1W0X9Y8Z7"}, true},
		{Config{Mode: Token, Secret: "changeme"}, true},
		{Config{Mode: None}, false},
	} {
		if why := row.c.Weak(); (why != "") != row.weak || strings.Contains(why, row.c.Secret) && row.c.Secret != "" {
			t.Errorf("%s %q: %q", row.c.Mode, row.c.Secret, why)
		}
	}
}

// Forwarded headers are believed from a trusted proxy only, and a request that
// carries them is never local.
func TestClient(t *testing.T) {
	k := keeper(t, Config{Mode: TrustedProxy, UserHeader: "X-User", Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32")}})
	for _, row := range []struct {
		name, peer string
		header     map[string]string
		addr       string
		local      bool
	}{
		{"loopback", "127.0.0.1", nil, "127.0.0.1", true},
		{"mapped loopback", "::ffff:127.0.0.1", nil, "127.0.0.1", true},
		{"IPv6 loopback", "::1", nil, "::1", true},
		{"elsewhere", "192.0.2.1", nil, "192.0.2.1", false},
		{"loopback with a tailscale header", "127.0.0.1", map[string]string{"Tailscale-User-Login": "ann"}, "127.0.0.1", false},
		{"proxy", "10.0.0.1", map[string]string{"X-Forwarded-For": "203.0.113.7"}, "203.0.113.7", false},
		{"proxy that says loopback", "10.0.0.1", map[string]string{"X-Forwarded-For": "127.0.0.1, 10.0.0.2"}, "10.0.0.1", false},
		{"chain", "10.0.0.1", map[string]string{"X-Forwarded-For": "1.1.1.1, 203.0.113.7, 10.0.0.9"}, "203.0.113.7", false},
		{"stranger who forwards", "192.0.2.1", map[string]string{"X-Forwarded-For": "127.0.0.1"}, "192.0.2.1", false},
		{"garbage", "10.0.0.1", map[string]string{"X-Forwarded-For": "localhost"}, "10.0.0.1", false},
	} {
		h := http.Header{}
		for n, v := range row.header {
			h.Set(n, v)
		}
		addr, local := k.Client(netip.MustParseAddr(row.peer), h)
		if addr.String() != row.addr || local != row.local {
			t.Errorf("%s: %s local=%v", row.name, addr, local)
		}
	}
}

// hand is a clock that is moved by hand.
type hand struct{ t time.Time }

func (h *hand) now() time.Time { return h.t }

func TestLimiter(t *testing.T) {
	h := &hand{time.Unix(1_000_000, 0)}
	l := NewLimiter(h.now)
	s := SourceOf(netip.MustParseAddr("192.0.2.1"), "shared")
	last := time.Duration(0)
	for i := range MaxFailures - 1 {
		v := l.Fail(s)
		if v.RetryAfter != 0 || v.Delay < last || v.Delay > MaxDelay || v.Delay == 0 || v.First != (i == 0) {
			t.Fatalf("failure %d: %+v", i+1, v)
		}
		last = v.Delay
	}
	if v := l.Fail(s); v.RetryAfter != Lockout {
		t.Fatalf("%+v", v)
	}
	h.t = h.t.Add(Lockout / 2)
	if v := l.Fail(s); v.RetryAfter != Lockout/2 {
		t.Errorf("a failure in a lockout prolongs it: %+v", v)
	}
	// Somebody else, and another kind of credential, are not locked out.
	for _, other := range []Source{SourceOf(netip.MustParseAddr("192.0.2.2"), "shared"), SourceOf(netip.MustParseAddr("192.0.2.1"), "login")} {
		if v := l.Fail(other); v.RetryAfter != 0 {
			t.Errorf("%v: %+v", other, v)
		}
	}
	l.Pass(s)
	if v := l.Fail(s); v.RetryAfter == 0 {
		t.Error("a right credential ends the lockout of whoever guesses from the same address")
	}
	h.t = h.t.Add(Lockout)
	if v := l.Fail(s); v.RetryAfter != 0 || v.Delay != 50*time.Millisecond {
		t.Errorf("after the lockout: %+v", v)
	}
}

func TestSourceOf(t *testing.T) {
	for a, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::", "2001:db8::ffff:2": "2001:db8::", "2001:db8:0:1::1": "2001:db8:0:1::", "::1": "::1", "fe80::1%eth0": "fe80::"} {
		if got := SourceOf(netip.MustParseAddr(a), "shared").Addr.String(); got != want {
			t.Errorf("%s: %s, expected %s", a, got, want)
		}
	}
}

// Strangers with many addresses can fill neither memory nor record.
func TestLimiterIsBounded(t *testing.T) {
	h := &hand{time.Unix(1_000_000, 0)}
	l := NewLimiter(h.now)
	a := netip.MustParseAddr("10.0.0.0")
	for range 3 * maxSources {
		l.Fail(SourceOf(a, "shared"))
		a = a.Next()
	}
	if n := len(l.rows); n > maxSources+1 {
		t.Errorf("%d rows", n)
	}
	if v := l.Fail(SourceOf(a, "shared")); v.RetryAfter == 0 {
		t.Error("sources beyond the table are not counted")
	}
	total := 0
	for _, tally := range l.Drain() {
		total += tally.Count
	}
	if total == 0 {
		t.Error("what was only counted is not told")
	}
	h.t = h.t.Add(Lockout + 2*FailureWindow)
	l.Drain()
	if n := len(l.rows); n != 0 {
		t.Errorf("%d rows stay for ever", n)
	}
}

// Guesses at a weak secret are one a second while a source is locked out, and
// a first one, which may be the owner's, does not wait.
func TestGuess(t *testing.T) {
	h := &hand{time.Unix(1_000_000, 0)}
	l := NewLimiter(h.now)
	s := SourceOf(netip.MustParseAddr("127.0.0.1"), "shared")
	if wait, ok := l.Guess(s); wait != 0 || !ok {
		t.Errorf("%v %v", wait, ok)
	}
	for range MaxFailures {
		l.Fail(s)
	}
	for i := range 17 {
		wait, ok := l.Guess(s)
		if !ok || wait != time.Duration(i)*time.Second {
			t.Fatalf("guess %d: %v %v", i, wait, ok)
		}
	}
	if _, ok := l.Guess(s); ok {
		t.Error("the queue of guesses has no end")
	}
	h.t = h.t.Add(time.Minute)
	if wait, ok := l.Guess(s); wait != 0 || !ok {
		t.Errorf("after a pause: %v %v", wait, ok)
	}
}

// No Host of a stranger's domain is ours, whatever it contains.
func TestForeignHostsAreRefused(t *testing.T) {
	k := keeper(t, Config{Mode: Token, Secret: good, Hosts: []string{"box.ts.net"}, AllowedOrigins: []string{"https://ui.example.org:8443"}})
	local := netip.MustParseAddr("127.0.0.1")
	for _, host := range []string{"localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]:8765", "localhost.", "box.ts.net", "Box.TS.net:443", "ui.example.org"} {
		if !k.hostAllowed(host, local) {
			t.Errorf("%q is refused", host)
		}
	}
	if !k.hostAllowed("192.0.2.7:8765", netip.MustParseAddr("192.0.2.7")) {
		t.Error("the address that was dialed is refused")
	}
	for _, host := range []string{"", ".", "evil.example", "localhost.evil.example", "box.ts.net.evil.example", "xbox.ts.net", "0.0.0.0", "192.0.2.7", "127.1", "0x7f.1", "2130706433", "[fe80::1%25lo]", "[::1%lo]", "localhost@evil.example", "evil.example#localhost"} {
		if k.hostAllowed(host, local) {
			t.Errorf("%q is let in", host)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		host := rapid.StringMatching(`[a-z0-9.:\[\]%-]{0,20}`).Draw(t, "prefix") + ".example"
		if k.hostAllowed(host, local) {
			t.Fatalf("%q is let in", host)
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add("localhost:8765", "http://localhost:8765", "a=1")
	f.Add("[::1]", "null", "token=x")
	f.Add("evil.example", "https://evil.example", "%74oken=x")
	k, err := NewKeeper(Config{Mode: Token, Secret: good})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, host, origin, query string) {
		r := &http.Request{Method: http.MethodPost, Host: host, Header: http.Header{"Origin": {origin}}, URL: &url.URL{Path: "/", RawQuery: query}}
		if !k.Check(r, netip.MustParseAddr("127.0.0.1")).OK() {
			return
		}
		// What is let in has its own origin and a name of this machine.
		if _, h, ok := splitOrigin(origin); !ok || !strings.EqualFold(h, host) {
			t.Fatalf("host %q, origin %q", host, origin)
		}
		name := strings.TrimSuffix(strings.ToLower(strings.Trim(hostOnly(host), "[]")), ".")
		if a, err := netip.ParseAddr(name); name != "localhost" && (err != nil || !a.IsLoopback()) {
			t.Fatalf("host %q", host)
		}
	})
}
