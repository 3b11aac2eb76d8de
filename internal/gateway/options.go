package gateway

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/gateway/devices"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// DefaultPort of the gateway.
const DefaultPort = 8765

// Defaults of Options.
const (
	DefaultHandshakeTimeout = 10 * time.Second
	DefaultTick             = wire.TickIntervalMs * time.Millisecond
	DefaultMaxConns         = 512
	DefaultMaxWaiting       = 128 // WebSockets before connect
	DefaultMaxPayload       = wire.MaxPayloadBytes
	DefaultQueueFrames      = 1024
	DefaultQueueBytes       = 8 << 20
	DefaultMaxBody          = 2 << 20
	DefaultReadTimeout      = 30 * time.Second
	DefaultHeaderTimeout    = 5 * time.Second
	DefaultIdleTimeout      = 90 * time.Second
	DefaultWriteTimeout     = 10 * time.Second
	DefaultCompletionLimit  = 10 * time.Minute
)

// Exposure says which part of the HTTP API is open. The zero value opens none.
type Exposure struct {
	Completions bool // /v1/*
	Invoke      bool // /tools/invoke
}

// Options of a Server. Auth, Now, Random and Agent are required; the rest has
// the defaults above or may be absent.
type Options struct {
	Version string
	Auth    access.Config
	HTTP    Exposure
	// ToolsDeny and ToolsAllow change the hard deny list of /tools/invoke.
	ToolsDeny, ToolsAllow []string

	Agent     Agent
	Sessions  Sessions
	Approvals Approvals
	// Standing are the answers that last; without it there is no list of them.
	Standing Standing
	Tools    Tools
	Models   Models
	Journal  Journal
	Posture  Posture
	Logs     Logs
	Channels Channels
	Ready    Readiness
	Exposer  Exposer
	Runs     OperatorRuns
	Measures Measures
	Alerts   Alerts
	Lockdown Lockdown
	// Secrets is the encrypted store; without it its methods are absent.
	Secrets  Secrets
	Identity Identity
	Devices  *devices.Book
	// UI serves everything below /ui/ but POST /ui/login; UIHeaders puts its
	// security headers on an answer.
	UI        http.Handler
	UIHeaders func(http.Header)
	// Metrics, when set, is served at /metrics to a bearer.
	Metrics http.Handler

	Now    func() time.Time
	After  func(time.Duration) <-chan time.Time // time.After when nil
	Random io.Reader                            // crypto/rand.Reader
	Log    *slog.Logger                         // silent when nil

	HandshakeTimeout, Tick, ReadTimeout, HeaderTimeout, IdleTimeout, WriteTimeout, CompletionLimit time.Duration
	MaxConns, MaxWaiting, QueueFrames, QueueBytes                                                  int
	MaxPayload, MaxBody                                                                            int64
}

// StartError is a reason for which the gateway does not start.
type StartError struct {
	Option  string // the option or config key at fault
	Problem string
	Hint    string
}

func (e *StartError) Error() string { return fmt.Sprintf("gateway: %s: %s", e.Option, e.Problem) }

func (o *Options) setDefaults() {
	durations := []struct {
		p *time.Duration
		d time.Duration
	}{{&o.HandshakeTimeout, DefaultHandshakeTimeout}, {&o.Tick, DefaultTick}, {&o.ReadTimeout, DefaultReadTimeout},
		{&o.HeaderTimeout, DefaultHeaderTimeout}, {&o.IdleTimeout, DefaultIdleTimeout}, {&o.WriteTimeout, DefaultWriteTimeout},
		{&o.CompletionLimit, DefaultCompletionLimit}}
	for _, d := range durations {
		if *d.p == 0 {
			*d.p = d.d
		}
	}
	counts := []struct {
		p *int
		n int
	}{{&o.MaxConns, DefaultMaxConns}, {&o.MaxWaiting, DefaultMaxWaiting}, {&o.QueueFrames, DefaultQueueFrames}, {&o.QueueBytes, DefaultQueueBytes}}
	for _, c := range counts {
		if *c.p == 0 {
			*c.p = c.n
		}
	}
	if o.MaxPayload == 0 {
		o.MaxPayload = DefaultMaxPayload
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// validate names the option at fault.
func (o *Options) validate() error {
	switch {
	case o.Agent == nil:
		return errors.New("gateway: Options.Agent is missing")
	case o.Now == nil:
		return errors.New("gateway: Options.Now is missing")
	case o.Random == nil:
		return errors.New("gateway: Options.Random is missing")
	case o.UI != nil && o.UIHeaders == nil:
		return errors.New("gateway: Options.UIHeaders is missing although Options.UI is set")
	}
	for _, n := range []struct {
		name string
		ok   bool
	}{{"HandshakeTimeout", o.HandshakeTimeout > 0}, {"Tick", o.Tick > 0}, {"ReadTimeout", o.ReadTimeout > 0},
		{"HeaderTimeout", o.HeaderTimeout > 0}, {"IdleTimeout", o.IdleTimeout > 0}, {"WriteTimeout", o.WriteTimeout > 0},
		{"CompletionLimit", o.CompletionLimit > 0}, {"MaxConns", o.MaxConns > 0}, {"MaxWaiting", o.MaxWaiting > 0},
		{"QueueFrames", o.QueueFrames >= 16}, {"QueueBytes", o.QueueBytes >= 64<<10},
		{"MaxPayload", o.MaxPayload >= wire.PreConnectBytes}, {"MaxBody", o.MaxBody > 0}} {
		if !n.ok {
			return fmt.Errorf("gateway: Options.%s is out of range", n.name)
		}
	}
	return nil
}

// CheckStart refuses to listen where the authentication is too weak for who
// could reach it. The error is a *StartError.
func CheckStart(addrs []netip.Addr, c access.Config) error {
	if err := c.Validate(); err != nil {
		return &StartError{Option: "gateway.auth", Problem: err.Error(), Hint: "openclaw config validate shows the place"}
	}
	for _, a := range addrs {
		if a.Unmap().IsLoopback() {
			continue
		}
		if err := checkBeyond(a, c); err != nil {
			return err
		}
	}
	return nil
}

// checkBeyond refuses an address that others can reach when the authentication
// is none or can be guessed.
func checkBeyond(a netip.Addr, c access.Config) error {
	if c.Mode == access.None {
		return &StartError{Option: "gateway.bind", Problem: fmt.Sprintf("refusing to listen on %s without authentication", a),
			Hint: `set gateway.bind to "loopback", or gateway.auth.mode to "token" with a token of at least 32 characters`}
	}
	if why := c.Weak(); why != "" {
		return &StartError{Option: "gateway.auth." + string(c.Mode), Problem: fmt.Sprintf("refusing to listen on %s: %s", a, why),
			Hint: "openssl rand -hex 32 makes a good token; openclaw gateway token --rotate stores one"}
	}
	return nil
}
