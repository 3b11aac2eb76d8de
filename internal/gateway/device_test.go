package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

func deviceOf(n byte) claw.DeviceID { return wire.DeviceIDOf(keyIdentity{deviceKey(n)}.PublicKey()) }

// as connects with a device's key and the given credentials.
func (w *world) as(n byte, auth wire.Credentials, scopes ...wire.Scope) (*client, frame) {
	w.t.Helper()
	c := w.dial(w.tcp, nil)
	p := want("", scopes...)
	p.Auth = auth
	f := c.call("connect", c.sign(p, deviceKey(n), "v3", w.clock.now()))
	if f.OK {
		c.decode(f.Payload, &c.hello)
	}
	return c, f
}

// A device token brings its own scopes, with the device's key only, until it
// is rotated or revoked.
func TestDeviceToken(t *testing.T) {
	w := newWorld(t, nil)
	c, f := w.as(1, wire.Credentials{Token: rightToken}, wire.Read, wire.Write)
	if !f.OK || c.hello.Auth.DeviceToken == "" {
		t.Fatalf("%+v %v", c.hello.Auth, f.Error)
	}
	token := c.hello.Auth.DeviceToken
	for _, auth := range []wire.Credentials{{DeviceToken: token}, {Token: token}} { // clients send it in either field
		if _, f := w.as(1, auth, wire.Read, wire.Write); !f.OK {
			t.Errorf("%v", f.Error)
		}
	}
	more, f := w.as(1, wire.Credentials{DeviceToken: token}, wire.Read, wire.Admin)
	if !f.OK || !slices.Equal(more.hello.Auth.Scopes, []wire.Scope{wire.Read}) || !slices.Equal(more.hello.Auth.PendingScopes, []wire.Scope{wire.Admin}) {
		t.Errorf("asked for admin: %+v %v", more.hello.Auth, f.Error)
	}
	for name, try := range map[string]func() frame{
		"the key alone":                func() frame { _, f := w.as(1, wire.Credentials{}, wire.Read); return f },
		"the token with another's key": func() frame { _, f := w.as(2, wire.Credentials{DeviceToken: token}, wire.Read); return f },
		"the token without a key": func() frame {
			p := want("", wire.Read)
			p.Auth.DeviceToken = token
			return w.dial(w.tcp, nil).call("connect", p)
		},
		"the token as a bearer": func() frame {
			a := w.do("GET", "/v1/models", "", bearer(token))
			return frame{OK: a.status == http.StatusOK}
		},
	} {
		if f := try(); f.OK {
			t.Errorf("%s is enough", name)
		}
	}

	var rotated struct{ Token string }
	c.must("device.token.rotate", map[string]any{"deviceId": deviceOf(1), "scopes": []string{"operator.read"}}, &rotated)
	if ce := more.closed(); ce.Code != websocket.StatusPolicyViolation {
		t.Errorf("another connection of the device: %v", ce)
	}
	if _, f := w.as(1, wire.Credentials{DeviceToken: token}, wire.Read); f.OK {
		t.Error("the old token still works")
	}
	less, f := w.as(1, wire.Credentials{DeviceToken: rotated.Token}, wire.Read, wire.Write)
	if !f.OK || !slices.Equal(less.hello.Auth.Scopes, []wire.Scope{wire.Read}) {
		t.Errorf("a token for reading brought %v, %v", less.hello.Auth.Scopes, f.Error)
	}
	if f := c.call("device.token.rotate", map[string]any{"deviceId": deviceOf(1), "scopes": []string{"operator.admin"}}); f.OK || f.Error.Code != wire.Forbidden {
		t.Errorf("a token for admin: %+v", f)
	}
	for _, m := range []string{"device.token.rotate", "device.token.revoke", "device.pair.remove"} {
		if f := c.call(m, map[string]any{"deviceId": deviceOf(3)}); f.OK || f.Error.Code != wire.Forbidden {
			t.Errorf("%s of another device: %+v", m, f)
		}
	}
	c.must("device.token.revoke", map[string]any{"deviceId": deviceOf(1)}, nil)
	if _, f := w.as(1, wire.Credentials{DeviceToken: rotated.Token}, wire.Read); f.OK {
		t.Error("a revoked token works")
	}
	if n := w.journal.count("pairing"); n != 2 {
		t.Errorf("%d changes are recorded, expected 2", n)
	}
}

// browser signs the key n in with a fresh link.
func (w *world) browser(n byte) *client {
	w.t.Helper()
	var l struct{ Code string }
	w.owner().must("login.link", map[string]any{}, &l)
	body := fmt.Sprintf(`{"code":%q,"publicKey":%q,"name":"Firefox\u202e"}`, l.Code, wire.EncodeKey(keyIdentity{deviceKey(n)}.PublicKey()))
	if a := w.do("POST", "/ui/login", body, nil); a.status != http.StatusOK || a.header.Get("Set-Cookie") != "" {
		w.t.Fatalf("login: %d %s", a.status, a.body)
	}
	c, f := w.as(n, wire.Credentials{}, wire.AllScopes()...)
	if !f.OK {
		w.t.Fatalf("key: %v", f.Error)
	}
	return c
}

// A browser that is removed loses its sockets at once, and its key is worth
// nothing.
func TestRemovedBrowser(t *testing.T) {
	w := newWorld(t, nil)
	first := w.browser(7)
	second, _ := w.as(7, wire.Credentials{}, wire.Read)
	var list struct {
		Paired []struct{ DeviceID, DisplayName string }
	}
	first.must("device.pair.list", map[string]any{}, &list)
	if len(list.Paired) != 1 || list.Paired[0].DisplayName != "Firefox" {
		t.Errorf("%+v", list)
	}
	first.must("device.pair.rename", map[string]any{"deviceId": deviceOf(7), "displayName": "desk"}, nil)
	w.owner().must("device.pair.remove", map[string]any{"deviceId": deviceOf(7)}, nil)
	for _, c := range []*client{first, second} {
		if ce := c.closed(); ce.Code != websocket.StatusPolicyViolation || !strings.Contains(ce.Reason, "no longer valid") {
			t.Errorf("%v", ce)
		}
	}
	if _, f := w.as(7, wire.Credentials{}, wire.Read); f.OK || f.Error.Code != wire.NotPaired {
		t.Errorf("a removed key: %+v", f)
	}
}

// accepting counts what was put in force.
type accepting struct {
	gateway.Posture
	n atomic.Int64
}

func (*accepting) Pending(context.Context) (json.RawMessage, error) {
	return json.RawMessage(`null`), nil
}

func (a *accepting) Accept(context.Context, string, claw.Principal) (json.RawMessage, error) {
	a.n.Add(1)
	return json.RawMessage(`{"ok":true}`), nil
}

// Loosening acts of a browser need a sign-in from the last quarter of an hour.
func TestLooseningNeedsAFreshSignIn(t *testing.T) {
	p := &accepting{}
	w := newWorld(t, func(o *gateway.Options) { o.Posture = p })
	c := w.browser(7)
	c.must("config.accept", map[string]any{"hash": "h"}, nil)
	w.clock.advance(15 * time.Minute)
	for method, params := range map[string]map[string]any{"config.accept": {"hash": "h"}, "device.pair.approve": {"requestId": "r"}, "login.link": {}} {
		if f := c.call(method, params); f.OK || f.Error.Details == nil || f.Error.Details.Rule != "gateway.not_confirmed" || f.Error.Details.Hint == "" {
			t.Errorf("%s: %+v", method, f)
		}
	}
	if n := p.n.Load(); n != 1 {
		t.Errorf("put in force %d times", n)
	}
	w.owner().must("config.accept", map[string]any{"hash": "h"}, nil)
	w.browser(7).must("config.accept", map[string]any{"hash": "h"}, nil) // signed in anew
}

// The pages and the command line call only what is built.
func TestCallersKnowWhatIsBuilt(t *testing.T) {
	w := newWorld(t, func(o *gateway.Options) {
		o.Sessions = &clearing{}
		o.Posture, o.Logs, o.Channels, o.Models = &auditing{}, struct{ gateway.Logs }{}, channelParts{}, struct{ gateway.Models }{}
		o.Exposer, o.Runs, o.Measures = &lender{}, struct{ gateway.OperatorRuns }{}, struct{ gateway.Measures }{}
		o.Standing = struct{ gateway.Standing }{}
		o.Alerts, o.Secrets, o.Lockdown = struct{ gateway.Alerts }{}, struct{ gateway.Secrets }{}, &stopper{}
	})
	for glob, pattern := range map[string]string{
		"../webui/static/*.js": `(?:request|optional|has)\('([a-z][a-zA-Z.]*\.[a-zA-Z.]+)'`,
		"../cli/*.go":          `\.call\([^"\n]*, "([a-z][a-zA-Z.]*)"`,
	} {
		files, err := filepath.Glob(glob)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v %v", glob, files, err)
		}
		calls := 0
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(b), -1) {
				calls++
				if _, ok := w.s.ScopeOf(m[1]); !ok {
					t.Errorf("%s calls %s, which is not built", filepath.Base(file), m[1])
				}
			}
		}
		if calls < 8 {
			t.Errorf("%s: only %d calls were found", glob, calls)
		}
	}
}

// Only what concerns a device itself needs no scope.
func TestMethodsWithoutScope(t *testing.T) {
	w := newWorld(t, nil)
	var free []string
	for _, m := range w.s.Methods() {
		if s, _ := w.s.ScopeOf(m); s == "" {
			free = append(free, m)
		}
	}
	if want := []string{"device.pair.remove", "device.token.revoke", "device.token.rotate"}; !slices.Equal(free, want) {
		t.Errorf("%v need no scope, expected %v", free, want)
	}
}
