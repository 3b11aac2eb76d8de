package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
)

// channelParts is a channel desk that does nothing.
type channelParts struct {
	gateway.Channels
	gateway.ChannelDesk
}

// deskOf records what an operator does.
type deskOf struct {
	channelParts
	acts []string
	hook http.Handler
}

func (d *deskOf) Pair(_ context.Context, p gateway.Pair, by claw.Principal) (gateway.PairedRow, error) {
	d.acts = append(d.acts, p.Act+" "+p.Code+" "+string(by.Surface))
	return gateway.PairedRow{Channel: p.Channel}, nil
}

func (d *deskOf) SendMessage(_ context.Context, s gateway.ChannelSend, _ claw.Principal) (gateway.ChannelSent, error) {
	d.acts = append(d.acts, "send "+s.To)
	return gateway.ChannelSent{}, nil
}

func (d *deskOf) Webhook(path string) (http.Handler, bool) {
	return d.hook, path == "/telegram-webhook"
}

// TestR56PairingIsTheOperatorsAct: letting somebody in needs a sign-in of the
// last quarter of an hour, or the owner's own socket; words in the operator's
// name leave from that socket only. The act is the method's, not the caller's
// to name.
func TestR56PairingIsTheOperatorsAct(t *testing.T) {
	d := &deskOf{}
	w := newWorld(t, func(o *gateway.Options) { o.Channels = d })
	c := w.browser(3)
	c.must("pairing.approve", map[string]any{"channel": "telegram", "code": "A", "act": "revoke"}, nil)
	w.clock.advance(15 * time.Minute)
	for method, params := range map[string]map[string]any{"pairing.approve": {"channel": "telegram", "code": "B"}, "send": {"channel": "telegram", "to": "1", "message": "x"}} {
		if f := c.call(method, params); f.OK {
			t.Errorf("%s was taken from a browser", method)
		}
	}
	o := w.owner()
	o.must("pairing.approve", map[string]any{"channel": "telegram", "code": "C"}, nil)
	o.must("send", map[string]any{"channel": "telegram", "to": "1", "message": "x"}, nil)
	if got := strings.Join(d.acts, ","); got != "approve A api,approve C cli,send 1" {
		t.Errorf("%s", got)
	}
}

// TestWebhooksOfChannels: a service's call reaches its channel by POST and by
// its path; nothing else does.
func TestWebhooksOfChannels(t *testing.T) {
	n := 0
	d := &deskOf{hook: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { n++; w.WriteHeader(http.StatusNoContent) })}
	w := newWorld(t, func(o *gateway.Options) { o.Channels = d })
	for _, c := range []struct {
		method, path string
		reached      bool
	}{{"POST", "/telegram-webhook", true}, {"GET", "/telegram-webhook", false}, {"POST", "/other", false}, {"POST", "/v1/telegram-webhook", false}} {
		before := n
		res := w.do(c.method, c.path, "{}", nil)
		if (n > before) != c.reached {
			t.Errorf("%s %s: %+v, reached %v", c.method, c.path, res, n > before)
		}
	}
}
