package gateway

import (
	"cmp"
	"errors"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/devices"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

type checklistParams struct {
	Item  string `json:"item"`
	Until string `json:"until"`
	Note  string `json:"note"`
}

type machineParams struct {
	What     string   `json:"what"`
	Commands []string `json:"commands"`
}

func (s *Server) addDevices() {
	s.methods["login.link"] = method{wire.Admin, none((*conn).loginLink)}
	// Whoever reveals the token says so first; the value itself never travels.
	s.methods["token.revealed"] = method{wire.Admin, none(func(c *conn) (any, error) {
		return nil, s.note(c.ctx, Note{Event: "secret.use", Principal: c.by(), Fields: []Field{{"for", "gateway token --reveal"}}})
	})}
	// Whoever confirms an item of the checklist says so first.
	s.methods["checklist.confirmed"] = method{wire.Admin, with(func(c *conn, p checklistParams) (any, error) {
		return nil, s.note(c.ctx, Note{Event: "security.audit", Principal: c.by(), Fields: []Field{{"confirmed", p.Item}, {"until", p.Until}, {"note", p.Note}}})
	})}
	// So does whoever has the machine changed around the gateway.
	s.methods["machine.changed"] = method{wire.Admin, with(func(c *conn, p machineParams) (any, error) {
		return nil, s.note(c.ctx, Note{Event: "machine.change", Principal: c.by(), Fields: []Field{{"what", p.What}, {"commands", strings.Join(p.Commands, "; ")}}})
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
	s.methods["device.pair.rename"] = method{wire.Pairing, with((*conn).pairRename)}
	s.methods["device.token.rotate"] = method{"", with((*conn).tokenRotate)}
	s.methods["device.token.revoke"] = method{"", with((*conn).tokenRevoke)}
	// A device may always sign itself out; another one needs the scope.
	s.methods["device.pair.remove"] = method{"", with((*conn).pairRemove)}
}

// loginLink makes a single-use code. The caller makes the link of it: only it
// knows under which name the gateway is reached.
func (c *conn) loginLink() (any, error) {
	if c.s.opt.UI == nil {
		return nil, &Fault{Kind: Refused, Message: "the web pages are switched off", Hint: "openclaw config set gateway.controlUi.enabled true"}
	}
	if err := c.confirmed(); err != nil {
		return nil, err
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
	if err := c.confirmed(); err != nil {
		return nil, err
	}
	req, err := c.s.opt.Devices.Request(p.RequestID)
	if err != nil {
		return nil, deviceFault(err)
	}
	decision := "approved"
	if !wire.CoversAll(c.scopes, req.Scopes) {
		decision = "refused: the approver has not all of the scopes"
	}
	if err := c.s.note(c.ctx, Note{Event: "pairing", Principal: c.by(), Fields: []Field{{"device", string(req.Device)}, {"decision", decision}}}); err != nil {
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

// own refuses what a device asks about another one without the scope.
func (c *conn) own(id claw.DeviceID) error {
	if id != "" && id == c.device || wire.Covers(c.scopes, wire.Pairing) {
		return nil
	}
	return &Fault{Kind: Refused, Rule: "gateway.other_device", Message: "another device needs the scope " + string(wire.Pairing)}
}

// change records a change of a device before it happens.
func (c *conn) change(id claw.DeviceID, what string) error {
	return c.s.note(c.ctx, Note{Event: "pairing", Principal: c.by(), Fields: []Field{{"device", clipText(string(id))}, {"decision", what}}})
}

// signOut ends the other connections of a device; its own one ends after the
// answer.
func (c *conn) signOut(id claw.DeviceID) {
	c.s.revoked.Store(id, c.s.revocations.Add(1))
	c.s.hub.each(func(o *conn) {
		if o.device == id && o != c {
			o.end(errRevoked)
		}
	})
}

func (c *conn) pairRemove(p struct {
	DeviceID claw.DeviceID `json:"deviceId"`
}) (any, error) {
	if err := c.own(p.DeviceID); err != nil {
		return nil, err
	}
	if err := c.change(p.DeviceID, "removed"); err != nil {
		return nil, err
	}
	if err := c.s.opt.Devices.Remove(p.DeviceID); err != nil {
		return nil, deviceFault(err)
	}
	c.signOut(p.DeviceID)
	return map[string]any{"deviceId": p.DeviceID}, nil
}

func (c *conn) pairRename(p struct {
	DeviceID    claw.DeviceID `json:"deviceId"`
	DisplayName string        `json:"displayName"`
	Name        string        `json:"name"`
}) (any, error) {
	if err := c.change(p.DeviceID, "renamed"); err != nil {
		return nil, err
	}
	if err := c.s.opt.Devices.Rename(p.DeviceID, p.DisplayName+p.Name); err != nil {
		return nil, deviceFault(err)
	}
	return map[string]any{"deviceId": p.DeviceID}, nil
}

type tokenParams struct {
	DeviceID claw.DeviceID `json:"deviceId"`
	Role     string        `json:"role"`
	Scopes   []wire.Scope  `json:"scopes"`
}

// tokenRotate replaces a device's token. Nobody makes one with scopes that
// they lack.
func (c *conn) tokenRotate(p tokenParams) (any, error) {
	p.Role = cmp.Or(p.Role, wire.RoleOperator)
	if err := c.own(p.DeviceID); err != nil {
		return nil, err
	}
	d, ok := c.s.opt.Devices.Get(p.DeviceID)
	if !ok {
		return nil, &Fault{Kind: NotFound, Message: "no such device"}
	}
	if len(p.Scopes) == 0 {
		p.Scopes, _ = wire.Narrow(d.Scopes, c.scopes)
	}
	if !wire.CoversAll(c.scopes, p.Scopes) {
		return nil, deviceFault(devices.ErrScope)
	}
	if err := c.change(p.DeviceID, "token rotated"); err != nil {
		return nil, err
	}
	token, err := c.s.opt.Devices.Issue(p.DeviceID, p.Role, p.Scopes)
	if err != nil {
		return nil, deviceFault(err)
	}
	c.signOut(p.DeviceID)
	return map[string]any{"deviceId": p.DeviceID, "role": p.Role, "scopes": p.Scopes, "token": token}, nil
}

func (c *conn) tokenRevoke(p tokenParams) (any, error) {
	p.Role = cmp.Or(p.Role, wire.RoleOperator)
	if err := c.own(p.DeviceID); err != nil {
		return nil, err
	}
	if err := c.change(p.DeviceID, "token revoked"); err != nil {
		return nil, err
	}
	if err := c.s.opt.Devices.Revoke(p.DeviceID, p.Role); err != nil {
		return nil, deviceFault(err)
	}
	c.signOut(p.DeviceID)
	return map[string]any{"deviceId": p.DeviceID, "role": p.Role}, nil
}

// confirmedFor is how long a sign-in by link is good for loosening acts.
const confirmedFor = 15 * time.Minute

// confirmed refuses loosening acts of a browser whose sign-in is not fresh: a
// key that was stolen, or a page left open, must not widen anything.
func (c *conn) confirmed() error {
	if c.via != viaDevice {
		return nil
	}
	d, ok := c.s.opt.Devices.Get(c.device)
	if ok && c.s.opt.Now().Sub(time.UnixMilli(d.ConfirmedMs)) < confirmedFor {
		return nil
	}
	return &Fault{Kind: Refused, Rule: "gateway.not_confirmed", Message: "this needs a sign-in from the last " + confirmedFor.String(), Hint: "run: openclaw dashboard"}
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
