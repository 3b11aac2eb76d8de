package gateway_test

import (
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// TestR22StandingAnswersNeedAFreshSignIn: a browser that was left open may
// answer one call, and store no rule. Where it names no scope, it gets what it
// may give.
func TestR22StandingAnswersNeedAFreshSignIn(t *testing.T) {
	w := newWorld(t, nil)
	c := w.browser(7)
	w.clock.advance(16 * time.Minute)
	ask := func(session claw.SessionKey) approval.View {
		t.Helper()
		v, err := w.desk.Ask(approval.Question{View: approval.View{Agent: "main", Session: session, Tool: "exec", Headline: "main wants to run 1 program: cp.",
			Scopes: []string{approval.ScopeOnce, approval.ScopeSession, approval.ScopeAgent, approval.ScopeAlways}}})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := ask("agent:main:a")
	for _, scope := range []string{approval.ScopeAgent, approval.ScopeAlways} {
		f := c.call("exec.approval.resolve", map[string]any{"id": v.ID, "decision": approval.AllowAlways, "scope": scope, "digest": v.Digest})
		if f.OK || f.Error.Details == nil || f.Error.Details.Rule != "gateway.not_confirmed" {
			t.Errorf("scope %s: %+v", scope, f)
		}
	}
	var out struct {
		Scope   string `json:"scope"`
		UntilMs int64  `json:"untilMs"`
	}
	c.must("exec.approval.resolve", map[string]any{"id": v.ID, "decision": approval.AllowAlways, "digest": v.Digest}, &out)
	if out.Scope != approval.ScopeSession {
		t.Errorf("without a scope it reaches %q", out.Scope)
	}
	v = ask("agent:main:b")
	w.owner().must("exec.approval.resolve", map[string]any{"id": v.ID, "decision": approval.AllowAlways, "digest": v.Digest}, &out)
	if out.Scope != approval.ScopeAlways {
		t.Errorf("the owner's reaches %q", out.Scope)
	}
	v = ask("agent:main:c")
	for _, ms := range []int64{-1, 1, 1 << 60} {
		if f := w.owner().call("exec.approval.resolve", map[string]any{"id": v.ID, "decision": approval.AllowAlways, "scope": approval.ScopeAgent, "forMs": ms, "digest": v.Digest}); f.OK {
			t.Errorf("forMs %d was taken", ms)
		}
	}
	w.browser(7).must("exec.approval.resolve", map[string]any{"id": v.ID, "decision": approval.AllowAlways, "scope": approval.ScopeAgent, "forMs": 4 * 3600_000, "digest": v.Digest}, &out)
	if out.Scope != approval.ScopeAgent || out.UntilMs != w.clock.now().Add(4*time.Hour).UnixMilli() {
		t.Errorf("%+v", out)
	}
}
