package gateway

import (
	"errors"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/devices"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

func (s *Server) addDevices() {
	s.methods["login.link"] = method{wire.Admin, none((*conn).loginLink)}
	// Whoever reveals the token says so first; the value itself never travels.
	s.methods["token.revealed"] = method{wire.Admin, none(func(c *conn) (any, error) {
		return nil, s.note(c.ctx, Note{Event: "secret.use", Principal: c.by(), Fields: []Field{{"for", "gateway token --reveal"}}})
	})}
	if s.opt.Devices == nil {
		return
	}
	s.methods["device.pair.list"] = method{wire.Pairing, none(func(*conn) (any, error) {
		paired, pending := s.opt.Devices.List()
		for i := range paired {
			paired[i].Tokens = nil
		}
		return map[string]any{"paired": paired, "pending": pending}, nil
	})}
	s.methods["device.pair.approve"] = method{wire.Pairing, with((*conn).pairApprove)}
	s.methods["device.pair.reject"] = method{wire.Pairing, with((*conn).pairReject)}
	// A device may always sign itself out; another one needs the scope.
	s.methods["device.pair.remove"] = method{"", with((*conn).pairRemove)}
}

// loginLink makes a single-use code. The caller makes the link of it: only it
// knows under which name the gateway is reached.
func (c *conn) loginLink() (any, error) {
	if c.s.opt.UI == nil {
		return nil, &Fault{Kind: Refused, Message: "the web pages are switched off", Hint: "openclaw config set gateway.controlUi.enabled true"}
	}
	if err := c.s.note(c.ctx, Note{Event: "auth.link", Principal: c.by()}); err != nil {
		return nil, err
	}
	code, until, err := c.s.logins.mint()
	if err != nil {
		return nil, err
	}
	return map[string]any{"code": code, "path": "/ui/login#c=" + code, "expiresAtMs": until.UnixMilli()}, nil
}

type requestID struct {
	RequestID string `json:"requestId"`
}

func (c *conn) pairApprove(p requestID) (any, error) {
	req, err := c.s.opt.Devices.Request(p.RequestID)
	if err != nil {
		return nil, deviceFault(err)
	}
	if err := c.s.note(c.ctx, Note{Event: "pairing", Principal: c.by(), Fields: []Field{{"device", string(req.Device)}, {"decision", "approved"}}}); err != nil {
		return nil, err
	}
	d, err := c.s.opt.Devices.Approve(p.RequestID, c.scopes)
	if err != nil {
		return nil, deviceFault(err)
	}
	c.s.hub.send(EventPairResolved, pairResolved{RequestID: p.RequestID, Device: d.ID, Decision: "approved", TS: c.s.opt.Now().UnixMilli()}, wire.Pairing)
	d.Tokens = nil
	return map[string]any{"requestId": p.RequestID, "device": d}, nil
}

func (c *conn) pairReject(p requestID) (any, error) {
	req, err := c.s.opt.Devices.Reject(p.RequestID)
	if err != nil {
		return nil, deviceFault(err)
	}
	c.s.hub.send(EventPairResolved, pairResolved{RequestID: p.RequestID, Device: req.Device, Decision: "rejected", TS: c.s.opt.Now().UnixMilli()}, wire.Pairing)
	return map[string]any{"requestId": p.RequestID, "deviceId": req.Device}, nil
}

func (c *conn) pairRemove(p struct {
	DeviceID claw.DeviceID `json:"deviceId"`
}) (any, error) {
	if p.DeviceID != c.device && !wire.Covers(c.scopes, wire.Pairing) {
		return nil, &Fault{Kind: Refused, Message: "removing another device needs the scope " + string(wire.Pairing)}
	}
	if err := c.s.note(c.ctx, Note{Event: "pairing", Principal: c.by(), Fields: []Field{{"device", string(p.DeviceID)}, {"decision", "removed"}}}); err != nil {
		return nil, err
	}
	if err := c.s.opt.Devices.Remove(p.DeviceID); err != nil {
		return nil, deviceFault(err)
	}
	c.s.hub.each(func(o *conn) {
		if o.device == p.DeviceID && o != c {
			o.end(errRevoked)
		}
	})
	return map[string]any{"deviceId": p.DeviceID}, nil
}

func deviceFault(err error) error {
	switch {
	case errors.Is(err, devices.ErrUnknown):
		return &Fault{Kind: NotFound, Message: err.Error()}
	case errors.Is(err, devices.ErrScope):
		return &Fault{Kind: Refused, Message: err.Error()}
	case errors.Is(err, devices.ErrFull):
		return &Fault{Kind: Conflict, Message: err.Error()}
	}
	return err
}
