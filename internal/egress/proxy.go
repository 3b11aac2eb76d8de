package egress

import (
	"context"
	"net"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// ProxyOptions of one run's proxy. Zero limits mean the defaults.
type ProxyOptions struct {
	// Permit of the run that the proxy serves; without one every request is
	// refused.
	Permit policy.Permit
	// Decide judges every request and connection with the labels as they are
	// at that moment.
	Decide Decider
	// Again judges what is open already, without asking anybody; nil is Decide.
	Again Decider
	// Session that the run belongs to: its placeholders are filled in, those of
	// other sessions are refused.
	Session claw.SessionKey
	// MaxConns at the same time, MaxBytes in both directions together, MaxTime
	// of one connection.
	MaxConns int
	MaxBytes int64
	Idle     time.Duration
	MaxTime  time.Duration
}

// Default limits of a proxy.
const (
	DefaultProxyConns = 64
	DefaultProxyBytes = 1 << 30
	DefaultProxyIdle  = 2 * time.Minute
	DefaultProxyTime  = 2 * time.Hour
)

// Proxy serves HTTP and CONNECT to sandboxed programs. It is the only network
// that they have.
type Proxy struct {
	proxy
}

// Proxy makes a proxy for one run.
func (e *Egress) Proxy(o ProxyOptions) *Proxy { return e.newProxy(o) }

// Serve answers on ln, which the sandbox handed over, until ctx ends; then it
// closes ln and every connection. It returns nil when ctx ended.
func (p *Proxy) Serve(ctx context.Context, ln net.Listener) error { return p.serve(ctx, ln) }

// Recheck decides every open tunnel and request again and closes those that
// are no longer allowed. Called when a session's labels grow or the rules change (R15).
func (p *Proxy) Recheck(ctx context.Context) { p.recheck(ctx) }
