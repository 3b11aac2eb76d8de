package gateway_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

func TestHandshakeVersions(t *testing.T) {
	w := newWorld(t, nil)
	for _, tt := range []struct{ min, max, spoken int }{{3, 3, 3}, {3, 4, 4}, {4, 4, 4}, {1, 9, 4}, {1, 2, 0}, {5, 6, 0}, {4, 3, 0}} {
		t.Run(fmt.Sprint(tt.min, "-", tt.max), func(t *testing.T) {
			c := w.dial(w.tcp, nil)
			p := want(rightToken, wire.Read)
			p.MinProtocol, p.MaxProtocol = tt.min, tt.max
			f := c.call("connect", p)
			if tt.spoken == 0 {
				if f.OK || f.Error.Details.Code != "PROTOCOL_MISMATCH" || f.Error.Details.ExpectedProtocol != 4 {
					t.Fatalf("found %+v", f)
				}
				return
			}
			c.decode(f.Payload, &c.hello)
			if c.hello.Type != "hello-ok" || c.hello.Protocol != tt.spoken || c.hello.Server.Compat != wire.Compat {
				t.Fatalf("found %+v", c.hello)
			}
			if !slices.Equal(c.hello.Features.Methods, w.s.Methods()) || !slices.Contains(c.hello.Features.Events, gateway.EventChat) {
				t.Fatalf("features %+v", c.hello.Features)
			}
		})
	}
}

// A shared secret is worth read, write and approvals; admin and pairing wait
// for an operator.
func TestLoopbackScopes(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial(w.tcp, nil)
	c.connect(c.sign(want(rightToken, wire.AllScopes()...), deviceKey(1), "v3", w.clock.now()))
	if got := c.hello.Auth.Scopes; !slices.Equal(got, []wire.Scope{wire.Read, wire.Write, wire.Approvals}) {
		t.Fatalf("granted %v", got)
	}
	if c.hello.Auth.DeviceToken == "" || c.hello.Auth.PendingRequestID == "" || !slices.Equal(c.hello.Auth.PendingScopes, []wire.Scope{wire.Pairing, wire.Admin}) {
		t.Fatalf("auth %+v", c.hello.Auth)
	}
	if f := c.call("sessions.delete", map[string]any{"key": mainKey}); f.OK || f.Error.Details.MissingScope != wire.Admin {
		t.Fatalf("admin method: %+v", f)
	}
	if f := c.call("device.pair.approve", map[string]any{"requestId": c.hello.Auth.PendingRequestID}); f.OK {
		t.Fatal("a device approved itself")
	}
	token := c.hello.Auth.DeviceToken

	o := w.owner()
	o.must("device.pair.approve", map[string]any{"requestId": c.hello.Auth.PendingRequestID}, nil)
	again := w.dial(w.tcp, nil)
	p := want("", wire.AllScopes()...)
	p.Auth.DeviceToken = token
	again.connect(again.sign(p, deviceKey(1), "v3", w.clock.now()))
	if !wire.Covers(again.hello.Auth.Scopes, wire.Admin) {
		t.Fatalf("after approval: %v", again.hello.Auth.Scopes)
	}

	o.must("device.pair.remove", map[string]any{"deviceId": wire.DeviceIDOf(keyIdentity{deviceKey(1)}.PublicKey())}, nil)
	if ce := again.closed(); ce.Code != websocket.StatusPolicyViolation {
		t.Fatalf("removed device: %+v", ce)
	}
	late := w.dial(w.tcp, nil)
	if f := late.call("connect", late.sign(p, deviceKey(1), "v3", w.clock.now())); f.OK {
		t.Fatal("a removed device came in")
	}
}

func TestFromElsewhere(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial(w.far, nil)
	f := c.call("connect", want(rightToken, wire.Read))
	if f.OK || f.Error.Code != wire.NotPaired || f.Error.Details.Code != "DEVICE_IDENTITY_REQUIRED" {
		t.Fatalf("without a device: %+v", f.Error)
	}
	o := w.owner()
	c = w.dial(w.far, nil)
	f = c.call("connect", c.sign(want(rightToken, wire.Read), deviceKey(2), "v2", w.clock.now()))
	if f.OK || f.Error.Code != wire.NotPaired || f.Error.Details.RequestID == "" || !strings.HasPrefix(f.Error.Message, "pairing required") {
		t.Fatalf("new device: %+v", f.Error)
	}
	if ce := c.closed(); ce.Code != websocket.StatusPolicyViolation || !strings.Contains(ce.Reason, "requestId: "+f.Error.Details.RequestID) {
		t.Fatalf("closed with %+v", ce)
	}
	o.event(gateway.EventPairRequested)
	o.must("device.pair.approve", map[string]any{"requestId": f.Error.Details.RequestID}, nil)
	c = w.dial(w.far, nil)
	c.connect(c.sign(want(rightToken, wire.Read, wire.Write), deviceKey(2), "v2", w.clock.now()))
	if !slices.Equal(c.hello.Auth.Scopes, []wire.Scope{wire.Read}) {
		t.Fatalf("granted %v", c.hello.Auth.Scopes)
	}
}

func TestDeviceSignature(t *testing.T) {
	w := newWorld(t, nil)
	for name, tt := range map[string]struct {
		change func(*wire.Connect)
		at     time.Duration
		code   string
	}{
		"nonce of another connection": {func(p *wire.Connect) { p.Device.Nonce = "0123456789abcdef" }, 0, wire.DeviceNonceMismatch},
		"no nonce":                    {func(p *wire.Connect) { p.Device.Nonce = "" }, 0, wire.DeviceNonceRequired},
		"id of another key":           {func(p *wire.Connect) { p.Device.ID = "00" }, 0, wire.DeviceIDMismatch},
		"no key":                      {func(p *wire.Connect) { p.Device.PublicKey = "AAAA" }, 0, wire.DevicePublicKeyInvalid},
		"old":                         {func(*wire.Connect) {}, -3 * time.Minute, wire.DeviceSignatureExpired},
		"of the future":               {func(*wire.Connect) {}, 3 * time.Minute, wire.DeviceSignatureExpired},
		"wider scopes than signed":    {func(p *wire.Connect) { p.Scopes = append(p.Scopes, wire.Write) }, 0, wire.DeviceSignatureInvalid},
		"another token than signed":   {func(p *wire.Connect) { p.Auth.Token += "x" }, 0, wire.DeviceSignatureInvalid},
		"another client than signed":  {func(p *wire.Connect) { p.Client.ID = "other" }, 0, wire.DeviceSignatureInvalid},
		"empty signature":             {func(p *wire.Connect) { p.Device.Signature = "" }, 0, wire.DeviceSignatureInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial(w.tcp, nil)
			p := c.sign(want(rightToken, wire.Read), deviceKey(3), "v3", w.clock.now().Add(tt.at))
			tt.change(&p)
			if f := c.call("connect", p); f.OK || f.Error.Details == nil || f.Error.Details.Code != tt.code {
				t.Fatalf("found %+v, expected %s", f.Error, tt.code)
			}
		})
	}
}

func TestOwnerSocketProvesItself(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dialOwner(http.Header{wire.ClientNonceHeader: {"mine"}})
	id := wire.DeviceIDOf(keyIdentity{w.key}.PublicKey())
	if !wire.VerifyProof(c.challenge, id, "mine") {
		t.Fatalf("proof %+v does not hold", c.challenge.Proof)
	}
	if wire.VerifyProof(c.challenge, id, "another") || wire.VerifyProof(c.challenge, wire.DeviceIDOf(keyIdentity{deviceKey(9)}.PublicKey()), "mine") {
		t.Fatal("a proof held for another nonce or gateway")
	}
	replay := c.challenge
	replay.Nonce += "0"
	if wire.VerifyProof(replay, id, "mine") {
		t.Fatal("a proof held for another challenge")
	}
	c.connect(want("", wire.AllScopes()...))
	if !slices.Equal(c.hello.Auth.Scopes, wire.AllScopes()) {
		t.Fatalf("the owner got %v", c.hello.Auth.Scopes)
	}
}

func TestListenOwnerRefusesOpenDirectories(t *testing.T) {
	if l, err := gateway.ListenOwner(t.TempDir() + "/gw.sock"); err == nil {
		_ = l.Close()
		t.Fatal("a directory that others can enter was accepted")
	}
}

// Failures are slowed, then refused; the right credential always passes, from
// the same address too.
func TestWrongTokens(t *testing.T) {
	w := newWorld(t, nil)
	for i := range access.MaxFailures {
		a := w.do("GET", "/v1/models", "", bearer("wrong"))
		expect := http.StatusUnauthorized
		if i == access.MaxFailures-1 {
			expect = http.StatusTooManyRequests
		}
		if a.status != expect {
			t.Fatalf("failure %d: %d, expected %d", i+1, a.status, expect)
		}
		if expect == http.StatusTooManyRequests && a.header.Get("Retry-After") != "300" {
			t.Fatalf("Retry-After %q", a.header.Get("Retry-After"))
		}
	}
	waits := w.clock.waited()
	if len(waits) != access.MaxFailures-1 || waits[0] != 50*time.Millisecond || waits[len(waits)-1] != access.MaxDelay || !slices.IsSorted(waits) {
		t.Fatalf("delays %v", waits)
	}
	if f := w.dial(w.tcp, nil).call("connect", want("wrong", wire.Read)); f.OK || f.Error.Details.Code != "AUTH_RATE_LIMITED" || f.Error.RetryAfterMs <= 0 {
		t.Fatalf("locked out: %+v", f.Error)
	}
	if a := w.do("GET", "/v1/models", "", bearer(rightToken)); a.status != http.StatusOK {
		t.Fatalf("the right token got %d during a lockout", a.status)
	}
	w.operator(wire.Read)
	w.owner()
	if n := w.journal.count("auth.failure"); n != 1 {
		t.Fatalf("%d failures were recorded one by one, expected the first only", n)
	}
	w.clock.advance(access.Lockout + time.Second)
	if a := w.do("GET", "/v1/models", "", bearer("wrong")); a.status != http.StatusUnauthorized {
		t.Fatalf("after the lockout: %d", a.status)
	}
}

func TestNoRecordNoConnection(t *testing.T) {
	w := newWorld(t, nil)
	w.journal.fail(errors.New("disk full"))
	if f := w.dial(w.tcp, nil).call("connect", want(rightToken, wire.Read)); f.OK {
		t.Fatal("a connection was granted without a record")
	}
	w.journal.fail(nil)
}

func TestLoginLink(t *testing.T) {
	w := newWorld(t, nil)
	if f := w.operator(wire.Read, wire.Write, wire.Approvals).call("login.link", nil); f.OK {
		t.Fatal("a link was made without admin")
	}
	o := w.owner()
	link := func() string {
		var v struct{ Code, Path string }
		o.must("login.link", map[string]any{}, &v)
		if !strings.HasSuffix(v.Path, "#c="+v.Code) {
			t.Fatalf("the code is not in the fragment: %q", v.Path)
		}
		return v.Code
	}
	spend := func(code string, key byte) answer {
		pub := wire.EncodeKey(keyIdentity{deviceKey(key)}.PublicKey())
		return w.do("POST", "/ui/login", fmt.Sprintf(`{"code":%q,"publicKey":%q,"name":"Browser"}`, code, pub), nil)
	}
	code := link()
	if a := spend(code, 20); a.status != http.StatusOK {
		t.Fatalf("first use: %d %s", a.status, a.body)
	}
	if a := spend(code, 21); a.status != http.StatusForbidden || a.rule(t) != "used" || w.journal.count("auth.link_reused") != 1 {
		t.Fatalf("second use: %d %s", a.status, a.body)
	}
	old := link()
	w.clock.advance(2*time.Minute + time.Second)
	if a := spend(old, 21); a.status != http.StatusForbidden || a.rule(t) != "old" {
		t.Fatalf("old: %d %s", a.status, a.body)
	}
	if a := spend("00", 21); a.status != http.StatusForbidden || a.rule(t) != "wrong" {
		t.Fatalf("wrong: %d %s", a.status, a.body)
	}
	c := w.dial(w.tcp, nil)
	p := want("", wire.AllScopes()...)
	c.connect(c.sign(p, deviceKey(20), "v3", w.clock.now()))
	if !slices.Equal(c.hello.Auth.Scopes, wire.AllScopes()) {
		t.Fatalf("a browser got %v", c.hello.Auth.Scopes)
	}
	stranger := w.dial(w.tcp, nil)
	if f := stranger.call("connect", stranger.sign(p, deviceKey(21), "v3", w.clock.now())); f.OK || f.Error.Code != wire.NotPaired {
		t.Fatalf("an unknown key: %+v", f)
	}
}

func TestCheckStart(t *testing.T) {
	loop, open := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("0.0.0.0")
	token := func(s string) access.Config { return access.Config{Mode: access.Token, Secret: s} }
	for name, tt := range map[string]struct {
		at     netip.Addr
		c      access.Config
		option string // "" starts
	}{
		"loopback without auth": {loop, access.Config{Mode: access.None}, ""},
		"loopback short token":  {loop, token("short"), ""},
		"open good token":       {open, token(rightToken), ""},
		"open without auth":     {open, access.Config{Mode: access.None}, "gateway.bind"},
		"open short token":      {open, token("short"), "gateway.auth.token"},
		"open repeated letters": {open, token(strings.Repeat("ab", 20)), "gateway.auth.token"},
		"open published sample": {open, token("your-32-character-minimum-token-here"), "gateway.auth.token"},
		"mapped address":        {netip.MustParseAddr("::ffff:192.168.1.2"), token("short"), "gateway.auth.token"},
		"unset":                 {loop, access.Config{}, "gateway.auth"},
		"empty token":           {loop, token(" "), "gateway.auth"},
		"unknown mode":          {loop, access.Config{Mode: "off"}, "gateway.auth"},
	} {
		t.Run(name, func(t *testing.T) {
			err := gateway.CheckStart([]netip.Addr{tt.at}, tt.c)
			var se *gateway.StartError
			switch {
			case tt.option == "" && err != nil:
				t.Fatal(err)
			case tt.option != "" && (!errors.As(err, &se) || se.Option != tt.option || se.Hint == ""):
				t.Fatalf("found %v, expected a refusal of %s", err, tt.option)
			}
		})
	}
}

func TestTrustedProxy(t *testing.T) {
	w := newWorld(t, func(o *gateway.Options) {
		o.Auth = access.Config{Mode: access.TrustedProxy, Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, UserHeader: "X-User",
			RequiredHeaders: []string{"X-Verified"}, AllowUsers: []string{"ann"}, AllowedOrigins: []string{"https://ui.example.org"}}
	})
	good := map[string]string{"X-User": "ann", "X-Verified": "1", "X-Forwarded-For": "203.0.113.9"}
	if a := w.doAt(w.far, "GET", "/v1/models", "", good); a.status != http.StatusOK {
		t.Fatalf("from the proxy: %d %s", a.status, a.body)
	}
	if a := w.do("GET", "/v1/models", "", good); a.status != http.StatusUnauthorized {
		t.Fatalf("past the proxy: %d", a.status)
	}
	for name, h := range map[string]map[string]string{"no user": {"X-Verified": "1"}, "another user": {"X-User": "eve", "X-Verified": "1"}, "unverified": {"X-User": "ann"}} {
		if a := w.doAt(w.far, "GET", "/v1/models", "", h); a.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	h := http.Header{}
	for k, v := range good {
		h.Set(k, v)
	}
	c := w.dial(w.far, h).connect(want("", wire.AllScopes()...))
	if wire.Covers(c.hello.Auth.Scopes, wire.Admin) || !wire.Covers(c.hello.Auth.Scopes, wire.Write) {
		t.Fatalf("a proxied user got %v", c.hello.Auth.Scopes)
	}
}

// A changed secret ends what the old one let in.
func TestSetAuthEndsConnections(t *testing.T) {
	w := newWorld(t, nil)
	c, o := w.operator(wire.Read), w.owner()
	if err := w.s.SetAuth(access.Config{Mode: access.Token, Secret: "another-" + rightToken}); err != nil {
		t.Fatal(err)
	}
	if ce := c.closed(); ce.Code != websocket.StatusPolicyViolation {
		t.Fatalf("closed with %+v", ce)
	}
	o.must("health", map[string]any{}, nil)
	if f := w.dial(w.tcp, nil).call("connect", want(rightToken, wire.Read)); f.OK {
		t.Fatal("the old token still works")
	}
}
