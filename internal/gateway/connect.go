package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/gateway/devices"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// grant is what a connect request was found to be worth.
type grant struct {
	via       via
	scopes    []wire.Scope
	principal claw.Principal
	auth      wire.HelloAuth
}

// connect answers the first request: who is it, and what may it do.
func (c *conn) connect(ctx context.Context, r *http.Request, req wire.Request, nonce string) error {
	refuse := func(e *wire.Error) error {
		c.refuse(req.ID, e)
		return &closeError{websocket.StatusPolicyViolation, e.Message}
	}
	var p wire.Connect
	if req.Method != "connect" {
		return refuse(&wire.Error{Code: wire.InvalidRequest, Message: "the first request must be connect"})
	}
	if err := wire.DecodeParams(req.Params, &p); err != nil {
		return refuse(&wire.Error{Code: wire.InvalidRequest, Message: "connect: " + err.Error()})
	}
	if p.Role == "" {
		p.Role = wire.RoleOperator
	}
	switch {
	case p.MaxProtocol < wire.MinProtocol || p.MinProtocol > wire.MaxProtocol || p.MinProtocol > p.MaxProtocol:
		return refuse(&wire.Error{Code: wire.InvalidRequest, Message: fmt.Sprintf("protocol %d to %d is not spoken here, %d to %d is", p.MinProtocol, p.MaxProtocol, wire.MinProtocol, wire.MaxProtocol),
			Details: &wire.Details{Code: "PROTOCOL_MISMATCH", ExpectedProtocol: wire.MaxProtocol, MinimumProtocol: wire.MinProtocol}})
	case p.Role != wire.RoleOperator:
		return refuse(&wire.Error{Code: wire.Forbidden, Message: fmt.Sprintf("role %q is not built; only operator is", p.Role), Details: &wire.Details{Code: "ROLE_NOT_SUPPORTED"}})
	}
	for _, s := range p.Scopes {
		if !wire.Known(s) {
			return refuse(&wire.Error{Code: wire.InvalidRequest, Message: fmt.Sprintf("scope %q is not one of this gateway", s)})
		}
	}
	if p.Device != nil {
		if e := wire.VerifyDevice(p, nonce, c.s.opt.Now()); e != nil {
			return refuse(e)
		}
	}
	k, since := c.s.keeper.Load(), c.s.revocations.Load()
	g, e := c.admit(ctx, r, p, k)
	if e != nil {
		return refuse(e)
	}
	if !c.peer.owner && c.s.hub.count() >= c.s.opt.MaxConns {
		return refuse(&wire.Error{Code: wire.Unavailable, Message: fmt.Sprintf("%d clients are connected, which is the limit", c.s.opt.MaxConns), Retryable: true})
	}
	by := g.principal
	if err := c.s.note(ctx, Note{Event: "auth.success", Principal: by, Fields: []Field{{"client", clipText(p.Client.ID)}, {"from", c.where()}, {"conn", c.id}}}); err != nil {
		return refuse(c.s.wireError("connect", err))
	}
	c.via, c.scopes, c.principal, c.client = g.via, g.scopes, by, p.Client
	c.device = by.Device
	c.protocol = min(p.MaxProtocol, wire.MaxProtocol)
	g.auth.Role, g.auth.Scopes = p.Role, g.scopes
	c.s.hub.add(c, wire.EncodeResult(req.ID, mustJSON(c.hello(g.auth))))
	// Who was signed out after its credential was checked was not in the hub
	// yet to be told.
	n, ok := c.s.revoked.Load(c.device)
	if ok && n.(uint64) > since || c.bySecret() && !c.s.keeper.Load().SameSecret(k) {
		c.end(errRevoked)
	}
	return nil
}

// bySecret tells whether the connection stands on what the configuration says
// of authentication.
func (c *conn) bySecret() bool { return c.via != viaOwner && c.via != viaDevice }

// where names the other end for the record.
func (c *conn) where() string {
	if c.peer.owner {
		return "owner's socket"
	}
	return c.from.String()
}

func clipText(s string) string {
	if len(s) > 64 {
		return s[:64]
	}
	return s
}

func (c *conn) hello(auth wire.HelloAuth) wire.Hello {
	main := ""
	if rows := c.s.opt.Agent.Agents(); len(rows) > 0 {
		main = string(rows[0].Main)
	}
	return wire.Hello{Type: "hello-ok", Protocol: c.protocol, Server: wire.HelloServer{Version: c.s.opt.Version, ConnID: c.id, Compat: wire.Compat},
		Features: wire.Features{Methods: c.s.names, Events: c.s.events}, Auth: auth,
		Snapshot: mustJSON(map[string]any{"presence": c.s.presence(), "health": c.s.health(), "stateVersion": map[string]int{"presence": 1, "health": 1},
			"uptimeMs":        c.s.opt.Now().Sub(c.s.started).Milliseconds(),
			"sessionDefaults": map[string]string{"mainSessionKey": main, "defaultAgentId": c.s.defaultAgent(), "mainKey": "main", "scope": "per-sender"}}),
		Policy: wire.Policy{MaxPayload: c.s.opt.MaxPayload, MaxBufferedBytes: int64(c.s.opt.QueueBytes), TickIntervalMs: c.s.opt.Tick.Milliseconds(),
			Attachments: wire.AttachmentPolicy{MaxBytes: wire.AttachmentMaxBytes, MaxImageBytes: wire.AttachmentImageMax}}}
}

func (s *Server) defaultAgent() string {
	if rows := s.opt.Agent.Agents(); len(rows) > 0 {
		return string(rows[0].ID)
	}
	return ""
}

// shared are the scopes that a shared secret is worth by itself: never admin
// or pairing (R21).
func shared() []wire.Scope { return []wire.Scope{wire.Read, wire.Write, wire.Approvals} }

// admit weighs credentials in a fixed order: the owner's socket, a trusted
// proxy, a shared secret, a device.
func (c *conn) admit(ctx context.Context, r *http.Request, p wire.Connect, k *access.Keeper) (grant, *wire.Error) {
	if c.peer.owner {
		g := grant{via: viaOwner, principal: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}}
		g.scopes, _ = wire.Narrow(p.Scopes, wire.AllScopes())
		return g, nil
	}
	_, local := k.Client(c.peer.addr, r.Header)
	surface := claw.SurfaceAPI
	if p.Client.Mode == "ui" || p.Client.Mode == "webchat" {
		surface = claw.SurfaceWebchat
	}
	secret := p.Auth.Token
	if k.Mode() == access.Password {
		secret = p.Auth.Password
	}
	switch {
	case k.Mode() == access.TrustedProxy:
		user, err := k.ProxyUser(c.peer.addr, r.Header)
		if err != nil {
			return grant{}, c.wrong(ctx, "proxy", err.Error())
		}
		g := grant{via: viaProxy, principal: claw.Principal{Surface: surface, Standing: claw.Owner, Sender: claw.SenderID(user), Name: user}}
		g.scopes, _ = wire.Narrow(p.Scopes, shared())
		return g, nil
	case k.Mode() == access.None:
		if !local {
			return grant{}, c.wrong(ctx, "shared", "without authentication only this machine may connect")
		}
		return c.withDevice(viaOpen, surface, p, local)
	case secret != "":
		if e := c.guess(ctx, k); e != nil {
			return grant{}, e
		}
		if k.SecretMatches(secret) {
			c.s.limiter.Pass(access.SourceOf(c.from, "shared"))
			return c.withDevice(viaSecret, surface, p, local)
		}
		// The Control UI and upstream's clients send a device token here too.
		if p.Device != nil {
			if worth, ok := c.s.deviceToken(p.Device.ID, p.Role, secret); ok {
				return c.knownDevice(surface, p, worth)
			}
		}
		return grant{}, c.wrong(ctx, "shared", "the credential is wrong")
	case p.Device != nil && p.Auth.DeviceToken != "":
		worth, ok := c.s.deviceToken(p.Device.ID, p.Role, p.Auth.DeviceToken)
		if !ok {
			return grant{}, c.wrong(ctx, "device", "the device token is wrong")
		}
		return c.knownDevice(surface, p, worth)
	case p.Device != nil:
		g, e := c.knownDevice(surface, p, wire.AllScopes())
		if e == nil {
			return g, nil
		}
		if retry := c.s.failed(ctx, access.SourceOf(c.from, "device")); retry > 0 {
			return grant{}, tooMany(retry)
		}
		return grant{}, e
	}
	return grant{}, &wire.Error{Code: wire.InvalidRequest, Message: "unauthorized: a credential is needed",
		Details: &wire.Details{Code: "AUTH_REQUIRED", RecommendedNextStep: wire.StepUpdateSecrets, Hint: "openclaw gateway token --reveal shows the token"}}
}

// guess slows guesses at a weak secret before they are compared.
func (c *conn) guess(ctx context.Context, k *access.Keeper) *wire.Error {
	if !k.Weak() {
		return nil
	}
	wait, ok := c.s.limiter.Guess(access.SourceOf(c.from, "shared"))
	if !ok {
		return tooMany(wait)
	}
	if wait > 0 {
		select {
		case <-c.s.opt.After(wait):
		case <-ctx.Done():
		}
	}
	return nil
}

func tooMany(wait time.Duration) *wire.Error {
	return &wire.Error{Code: wire.Unavailable, Message: "unauthorized: too many failures", Retryable: true, RetryAfterMs: wait.Milliseconds(),
		Details: &wire.Details{Code: "AUTH_RATE_LIMITED", RecommendedNextStep: wire.StepWait}}
}

// wrong is the answer to a credential that does not hold.
func (c *conn) wrong(ctx context.Context, kind, why string) *wire.Error {
	if retry := c.s.failed(ctx, access.SourceOf(c.from, kind)); retry > 0 {
		return tooMany(retry)
	}
	return &wire.Error{Code: wire.InvalidRequest, Message: "unauthorized: " + why,
		Details: &wire.Details{Code: "AUTH_INVALID", Reason: kind, RecommendedNextStep: wire.StepUpdateSecrets}}
}

// deviceToken gives the scopes that a device token is worth.
func (s *Server) deviceToken(id claw.DeviceID, role, token string) ([]wire.Scope, bool) {
	if s.opt.Devices == nil {
		return nil, false
	}
	return s.opt.Devices.Check(id, role, token)
}

// knownDevice lets a paired device in by its key, which it has proven, with at
// most what its token is worth. The key alone is enough only for a browser
// that a sign-in link registered.
func (c *conn) knownDevice(surface claw.Surface, p wire.Connect, worth []wire.Scope) (grant, *wire.Error) {
	unknown := &wire.Error{Code: wire.NotPaired, Message: "pairing required: this gateway does not know the device", Details: &wire.Details{Code: "PAIRING_REQUIRED", Hint: "openclaw dashboard"}}
	if c.s.opt.Devices == nil {
		return grant{}, unknown
	}
	d, ok := c.s.opt.Devices.Get(p.Device.ID)
	if !ok || d.Revoked(p.Role) || d.By != devices.ByLink && p.Auth.DeviceToken == "" && p.Auth.Token == "" {
		return grant{}, unknown
	}
	c.s.opt.Devices.Seen(d.ID)
	g := grant{via: viaDevice, principal: claw.Principal{Surface: surface, Standing: claw.Owner, Device: d.ID, Name: d.DisplayName}}
	have, _ := wire.Narrow(d.Scopes, worth)
	var rest []wire.Scope
	g.scopes, rest = wire.Narrow(p.Scopes, have)
	c.leaveRequest(&g, p, rest)
	return g, nil
}

// withDevice adds what a device is worth to a right shared secret: a known
// one has its own scopes, a new one on this machine is entered, a new one from
// elsewhere waits for an operator.
func (c *conn) withDevice(v via, surface claw.Surface, p wire.Connect, local bool) (grant, *wire.Error) {
	g := grant{via: v, principal: claw.Principal{Surface: surface, Standing: claw.Owner}}
	have := shared()
	if p.Device == nil || c.s.opt.Devices == nil {
		if !local {
			return grant{}, &wire.Error{Code: wire.NotPaired, Message: "from another machine a device identity is needed", Details: &wire.Details{Code: "DEVICE_IDENTITY_REQUIRED"}}
		}
		g.scopes, _ = wire.Narrow(p.Scopes, have)
		return g, nil
	}
	g.principal.Device = p.Device.ID
	d, known := c.s.opt.Devices.Get(p.Device.ID)
	switch {
	case known && !d.Revoked(p.Role):
		have = d.Scopes
		c.s.opt.Devices.Seen(d.ID)
	case !local:
		c.leaveRequest(&g, p, p.Scopes)
		return grant{}, &wire.Error{Code: wire.NotPaired, Message: fmt.Sprintf("pairing required: an operator must approve this device (requestId: %s)", g.auth.PendingRequestID),
			Details: &wire.Details{Code: "PAIRING_REQUIRED", RequestID: g.auth.PendingRequestID, Hint: "openclaw devices approve " + g.auth.PendingRequestID}}
	default:
		granted, _ := wire.Narrow(p.Scopes, have)
		if _, err := c.s.opt.Devices.Pair(c.pending(p, granted), granted, devices.ByLoopback); err != nil {
			return grant{}, c.s.wireError("connect", err)
		}
		have = granted
	}
	var rest []wire.Scope
	g.scopes, rest = wire.Narrow(p.Scopes, have)
	c.leaveRequest(&g, p, rest)
	if d, ok := c.s.opt.Devices.Get(p.Device.ID); ok && !d.Live(p.Role) {
		token, err := c.s.opt.Devices.Issue(d.ID, p.Role, d.Scopes)
		if err != nil {
			return grant{}, c.s.wireError("connect", err)
		}
		g.auth.DeviceToken, g.auth.IssuedAtMs = token, c.s.opt.Now().UnixMilli()
	}
	return g, nil
}

func (c *conn) pending(p wire.Connect, scopes []wire.Scope) devices.Pending {
	return devices.Pending{Device: p.Device.ID, PublicKey: p.Device.PublicKey, DisplayName: p.Client.DisplayName, Platform: p.Client.Platform,
		DeviceFamily: p.Client.DeviceFamily, ClientID: p.Client.ID, ClientMode: p.Client.Mode, Role: p.Role, Scopes: scopes, RemoteIP: c.from.String()}
}

// leaveRequest leaves a request for scopes that were asked for and not given.
func (c *conn) leaveRequest(g *grant, p wire.Connect, rest []wire.Scope) {
	if len(rest) == 0 || p.Device == nil {
		return
	}
	req, _, err := c.s.opt.Devices.Ask(c.pending(p, rest))
	if err != nil {
		if !errors.Is(err, devices.ErrFull) {
			c.s.opt.Log.Error("a pairing request was not kept", "error", err)
		}
		return
	}
	g.auth.PendingRequestID, g.auth.PendingScopes = req.RequestID, rest
	c.s.hub.pairing(req)
}
