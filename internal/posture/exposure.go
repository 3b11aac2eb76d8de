package posture

import (
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
)

// Gateway is how the server is exposed.
type Gateway struct {
	Mode config.GatewayMode `json:"mode"`
	Port int                `json:"port"`
	// Bind is normalised: loopback, lan, tailnet, custom.
	Bind       config.Bind     `json:"bind"`
	BindRef    claw.ConfigRef  `json:"bindRef,omitzero"`
	CustomHost string          `json:"customBindHost,omitempty"`
	AuthMode   config.AuthMode `json:"authMode"`
	AuthRef    claw.ConfigRef  `json:"authRef,omitzero"`
	// Token and Password say where they are; their values are not part of the
	// posture, so that a rotated token is no change of it.
	Token          config.SecretRef     `json:"-"`
	Password       config.SecretRef     `json:"-"`
	TrustedProxy   TrustedProxy         `json:"trustedProxy"`
	TrustedProxies []string             `json:"trustedProxies,omitempty"`
	RealIP         bool                 `json:"realIPFallback,omitempty"`
	Completions    bool                 `json:"completions"`
	Invoke         bool                 `json:"invoke"`
	Origins        []string             `json:"allowedOrigins,omitempty"`
	ControlUI      bool                 `json:"controlUI"`
	ToolsAllow     []string             `json:"toolsAllow,omitempty"`
	ToolsDeny      []string             `json:"toolsDeny,omitempty"`
	RateLimit      RateLimit            `json:"rateLimit"`
	Reload         string               `json:"reload"`
	Tailscale      config.TailscaleMode `json:"tailscale,omitempty"`
}

// TrustedProxy is identity from a reverse proxy.
type TrustedProxy struct {
	UserHeader      string   `json:"userHeader,omitempty"`
	RequiredHeaders []string `json:"requiredHeaders,omitempty"`
	AllowUsers      []string `json:"allowUsers,omitempty"`
	AllowLoopback   bool     `json:"allowLoopback,omitempty"`
}

// RateLimit bounds failed attempts.
type RateLimit struct {
	MaxAttempts int `json:"maxAttempts"`
	WindowMs    int `json:"windowMs"`
	LockoutMs   int `json:"lockoutMs"`
}

// Loopback reports whether only this machine can connect.
func (g Gateway) Loopback() bool {
	return g.Bind == config.BindLoopback || g.Bind == config.BindAuto
}

func (b *builder) gateway() Gateway {
	c := &b.c.Gateway
	g := Gateway{Mode: c.Mode.Or("local"), BindRef: c.Bind.Ref, AuthRef: c.Auth.Mode.Ref, Bind: config.BindLoopback,
		AuthMode: config.AuthToken, Token: c.Auth.Token.V, Password: c.Auth.Password.V, ControlUI: c.ControlUI.Enabled.Or(true) && !c.ControlUI.Enabled.Invalid,
		CustomHost: c.CustomBindHost.V, Reload: c.Reload.Mode.Or("hybrid"), Tailscale: c.Tailscale.Mode.V}
	def := config.DefaultPort
	if b.w.Owner == Upstream {
		def = config.UpstreamPort
	}
	g.Port = c.Port.Or(def)
	if b.w.Port != 0 {
		g.Port = b.w.Port
	}
	if c.Bind.Set {
		g.Bind = c.Bind.V
	}
	switch {
	case c.Auth.Mode.Set:
		g.AuthMode = c.Auth.Mode.V
	case !c.Auth.Token.Set && c.Auth.Password.Set:
		g.AuthMode = config.AuthPassword
	}
	tp := &c.Auth.TrustedProxy
	g.TrustedProxy = TrustedProxy{UserHeader: tp.UserHeader.V, RequiredHeaders: config.Strings(tp.RequiredHeaders), AllowUsers: config.Strings(tp.AllowUsers), AllowLoopback: tp.AllowLoopback.Or(false)}
	g.TrustedProxies = config.Strings(c.TrustedProxies)
	g.RealIP = c.AllowRealIP.Or(false)
	g.Origins = config.Strings(c.ControlUI.AllowedOrigins)
	g.ToolsAllow, g.ToolsDeny = config.Strings(c.Tools.Allow), config.Strings(c.Tools.Deny)
	// The master switch wins: false closes all; true opens all; unset leaves
	// it to each endpoint.
	master := c.HTTP.Enabled
	switch {
	case master.Invalid || master.Set && !master.V:
	case master.Set:
		g.Completions, g.Invoke = true, true
	default:
		g.Completions = c.HTTP.Endpoints.ChatCompletions.Enabled.Or(false)
		g.Invoke = b.w.Owner == Upstream
	}
	rl := &c.Auth.RateLimit
	g.RateLimit = RateLimit{MaxAttempts: rl.MaxAttempts.Or(10), WindowMs: rl.WindowMs.Or(60000), LockoutMs: rl.LockoutMs.Or(300000)}
	if g.AuthMode == config.AuthNone && !g.Loopback() {
		b.note(claw.Critical, "gateway.bind_no_auth", "the gateway would listen beyond this machine without authentication; it refuses to start", c.Bind.Ref)
	}
	return g
}
