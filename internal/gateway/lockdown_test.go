package gateway_test

import (
	"context"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// stopper is a Lockdown that keeps what it was asked.
type stopper struct {
	state    gateway.Stopped
	released []string
}

func (s *stopper) Lockdown() gateway.Stopped { return s.state }

func (s *stopper) Lock(_ context.Context, why string, by claw.Principal) gateway.Stopped {
	s.state = gateway.Stopped{Mode: "stopped", Why: why, By: by.String(), Items: []gateway.StoppedItem{{What: "turns", Done: true}}}
	return s.state
}

func (s *stopper) Release(_ context.Context, mode string, _ claw.Principal) (gateway.Stopped, error) {
	s.released = append(s.released, mode)
	s.state = gateway.Stopped{Mode: mode}
	return s.state, nil
}

// TestLockdown: one press stops everything and signs every other device out;
// opening again needs a fresh sign-in and the word.
func TestLockdown(t *testing.T) {
	l := &stopper{}
	w := newWorld(t, func(o *gateway.Options) { o.Lockdown = l })
	mine, other, token := w.browser(1), w.browser(2), w.operator(wire.Read)
	if f := token.call("lockdown.start", map[string]any{}); f.OK {
		t.Fatal("a client that may only read stopped everything")
	}
	var x gateway.Stopped
	mine.must("lockdown.start", map[string]any{"why": "a test"}, &x)
	if x.Mode != "stopped" || x.Why != "a test" || len(x.Items) != 2 || x.Items[1].What != "sign-ins" || !x.Items[1].Done {
		t.Errorf("%+v", x)
	}
	other.closed()
	token.closed()
	mine.must("lockdown.state", map[string]any{}, &x)
	if x.Mode != "stopped" {
		t.Errorf("%+v", x)
	}
	owner := w.owner()
	owner.must("lockdown.state", map[string]any{}, nil)
	if f := owner.call("lockdown.release", map[string]any{"mode": "talk", "word": "please"}); f.OK || len(l.released) != 0 {
		t.Errorf("released without the word: %+v", f)
	}
	owner.must("lockdown.release", map[string]any{"mode": "talk", "word": "release"}, &x)
	if x.Mode != "talk" || len(l.released) != 1 {
		t.Errorf("%+v, %v", x, l.released)
	}
	w.clock.advance(16 * 60 * 1e9)
	if f := mine.call("lockdown.release", map[string]any{"mode": "everything", "word": "release"}); f.OK || f.Error.Details == nil || f.Error.Details.Rule != "gateway.not_confirmed" {
		t.Errorf("released by an old sign-in: %+v", f)
	}
}
