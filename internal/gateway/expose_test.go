package gateway_test

import (
	"context"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// TestLend: what came through a listener of limited time ends with it, signed
// in or not; everybody else stays.
func TestLend(t *testing.T) {
	w := newWorld(t, nil)
	l := listen(t)
	closed := w.s.Lend(l)
	stays := w.operator(wire.Read)
	in := w.dial(l.Addr().String(), nil).connect(want(rightToken, wire.Read))
	waits := w.dial(l.Addr().String(), nil) // has not said who it is
	if a := w.doAt(l.Addr().String(), http.MethodGet, "/readyz", "", nil); a.status != http.StatusOK {
		t.Fatalf("through the new listener: %d", a.status)
	}
	closed()
	closed() // twice does no harm
	for what, c := range map[string]*client{"signed in": in, "waiting": waits} {
		if ce := c.closed(); ce.Code != websocket.StatusGoingAway {
			t.Errorf("%s: closed with %d %q", what, ce.Code, ce.Reason)
		}
	}
	if _, err := http.Get("http://" + l.Addr().String() + "/healthz"); err == nil {
		t.Error("the listener still answers")
	}
	stays.must("health", nil, nil)
}

// lender is an Exposer that keeps what it was asked.
type lender struct {
	bind string
	d    time.Duration
	by   claw.Principal
}

func (l *lender) Exposed() gateway.Exposed { return gateway.Exposed{Addresses: []string{l.bind}} }

func (l *lender) Expose(_ context.Context, bind string, d time.Duration, by claw.Principal) (gateway.Exposed, error) {
	l.bind, l.d, l.by = bind, d, by
	return l.Exposed(), nil
}

func (l *lender) Unexpose(context.Context, claw.Principal) error { l.bind = ""; return nil }

// TestExposeIsTheOwners: neither a token nor a browser with all scopes opens
// the gateway; only the owner's socket does.
func TestExposeIsTheOwners(t *testing.T) {
	l := &lender{}
	w := newWorld(t, func(o *gateway.Options) { o.Exposer, o.Runs = l, struct{ gateway.OperatorRuns }{} })
	params := map[string]any{"bind": "lan", "forMs": 60000}
	if f := w.operator(wire.AllScopes()...).call("gateway.expose", params); f.OK || f.Error.Code != wire.Forbidden {
		t.Errorf("a token opened it: %+v", f)
	}
	key := deviceKey(9)
	browser := w.dial(w.tcp, nil)
	browser.connect(browser.sign(want(rightToken, wire.Read), key, "v2", w.clock.now()))
	if _, pending := w.book.List(); len(pending) != 0 {
		t.Fatal(pending)
	}
	all := w.dial(w.tcp, nil)
	all.connect(all.sign(want(rightToken, wire.AllScopes()...), key, "v2", w.clock.now()))
	_, pending := w.book.List()
	if len(pending) != 1 {
		t.Fatalf("%d requests", len(pending))
	}
	w.owner().must("device.pair.approve", map[string]any{"requestId": pending[0].RequestID}, nil)
	again := w.dial(w.tcp, nil)
	again.connect(again.sign(want(rightToken, wire.AllScopes()...), key, "v2", w.clock.now()))
	if f := again.call("gateway.expose", params); f.OK || f.Error.Details == nil || f.Error.Details.Rule != "gateway.owner_socket" {
		t.Errorf("a browser opened it: %+v", f)
	}
	if l.bind != "" {
		t.Fatal("it was opened")
	}
	if f := again.call("sandbox.run", map[string]any{"argv": []string{"id"}}); f.OK || f.Error.Details == nil || f.Error.Details.Rule != "gateway.owner_socket" {
		t.Errorf("a browser ran a command as the operator: %+v", f)
	}
	if f := w.owner().call("sandbox.run", map[string]any{"argv": []string{}}); f.OK || f.Error.Code != wire.InvalidRequest {
		t.Errorf("nothing was run: %+v", f)
	}
	var got gateway.Exposed
	w.owner().must("gateway.expose", params, &got)
	if l.bind != "lan" || l.d != time.Minute || l.by.Surface != claw.SurfaceCLI {
		t.Errorf("%+v", l)
	}
	again.must("gateway.unexpose", nil, nil) // closing is for everybody who administers
	if l.bind != "" {
		t.Error("still open")
	}
}

// TestCheckLend: an opening needs at least what a bind beyond loopback needs,
// wherever the address lies.
func TestCheckLend(t *testing.T) {
	good := access.Config{Mode: access.Token, Secret: rightToken}
	for name, c := range map[string]struct {
		auth access.Config
		http gateway.Exposure
		ok   bool
	}{
		"a good token":   {good, gateway.Exposure{}, true},
		"no auth":        {access.Config{Mode: access.None}, gateway.Exposure{}, false},
		"nothing set":    {access.Config{}, gateway.Exposure{}, false},
		"a short token":  {access.Config{Mode: access.Token, Secret: "0123456789abcdef"}, gateway.Exposure{}, false},
		"a sample token": {access.Config{Mode: access.Token, Secret: "a3f8b2c4d1e6f9g7h5i4j3k2l1m0n9o8p7q6r5s4t3u2v1w0x9y8z7"}, gateway.Exposure{}, false},
		"completions":    {good, gateway.Exposure{Completions: true}, false},
		"tools/invoke":   {good, gateway.Exposure{Invoke: true}, false},
	} {
		for _, a := range []string{"127.0.0.2", "192.0.2.7"} {
			if err := gateway.CheckLend([]netip.Addr{netip.MustParseAddr(a)}, c.auth, c.http); (err == nil) != c.ok {
				t.Errorf("%s at %s: %v", name, a, err)
			}
		}
	}
}
