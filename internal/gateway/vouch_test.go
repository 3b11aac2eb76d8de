package gateway_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
)

// vouching is a Posture that remembers who vouched for what.
type vouching struct {
	accepting
	did []string
}

func (v *vouching) Vouch(_ context.Context, path string, by claw.Principal) (json.RawMessage, error) {
	v.did = append(v.did, by.Standing.String()+" "+path)
	return json.RawMessage(`{"path":"` + path + `"}`), nil
}

// TestTrustIsALooseningAct: vouching for files takes a label away, so it needs
// the scope for that and, from a browser, a fresh sign-in.
func TestTrustIsALooseningAct(t *testing.T) {
	p := &vouching{}
	w := newWorld(t, func(o *gateway.Options) { o.Posture = p })
	c := w.browser(7)
	var out struct{ Path string }
	c.must("policy.trust", map[string]any{"path": "/w/a"}, &out)
	if out.Path != "/w/a" {
		t.Errorf("%+v", out)
	}
	w.clock.advance(16 * time.Minute)
	if f := c.call("policy.trust", map[string]any{"path": "/w/b"}); f.OK || f.Error.Details == nil || f.Error.Details.Rule != "gateway.not_confirmed" {
		t.Errorf("%+v", f)
	}
	w.owner().must("policy.trust", map[string]any{"path": "/w/c"}, nil)
	if len(p.did) != 2 || p.did[0] != "owner /w/a" || p.did[1] != "owner /w/c" {
		t.Errorf("%q", p.did)
	}
}
