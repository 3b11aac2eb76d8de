package gateway_test

import (
	"context"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
)

// clearing is Sessions that remembers who took which label off.
type clearing struct {
	memSessions
	did []string
}

func (s *clearing) ClearLabels(_ context.Context, key claw.SessionKey, labels claw.Labels, why string, by claw.Principal) (gateway.SessionRow, error) {
	s.did = append(s.did, by.Standing.String()+" "+string(key)+" "+labels.String()+" "+why)
	return gateway.SessionRow{Key: key}, nil
}

// TestR22ClearingALabelIsALooseningAct: it needs the scope for that and, from
// a browser, a fresh sign-in.
func TestR22ClearingALabelIsALooseningAct(t *testing.T) {
	s := &clearing{}
	w := newWorld(t, func(o *gateway.Options) { o.Sessions = s })
	c := w.browser(7)
	ask := map[string]any{"key": "agent:main:main", "labels": []string{"untrusted"}, "why": "mine"}
	c.must("sessions.labels.clear", ask, nil)
	if f := c.call("sessions.labels.clear", map[string]any{"key": "agent:main:main", "labels": []string{}}); f.OK {
		t.Error("no label was named, and it was cleared")
	}
	w.clock.advance(16 * time.Minute)
	if f := c.call("sessions.labels.clear", ask); f.OK || f.Error.Details == nil || f.Error.Details.Rule != "gateway.not_confirmed" {
		t.Errorf("%+v", f)
	}
	w.owner().must("sessions.labels.clear", ask, nil)
	if len(s.did) != 2 || s.did[0] != "owner agent:main:main untrusted mine" {
		t.Errorf("%q", s.did)
	}
}
