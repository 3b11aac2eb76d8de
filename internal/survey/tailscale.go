package survey

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
)

// TailscaleHelper is the name of the program that is asked about Tailscale.
const TailscaleHelper = "tailscale"

// tailscaleTimeout is for both questions together.
const tailscaleTimeout = 5 * time.Second

// ErrAbsent says that a helper is not installed.
var ErrAbsent = errors.New("survey: not installed")

// Starter runs a program from a fixed list and gives what it printed, bounded.
// It returns ErrAbsent for one that is not installed.
type Starter interface {
	Output(ctx context.Context, helper string, args ...string) ([]byte, error)
}

// TailscaleOf asks Tailscale alone, about a port of this machine.
func TailscaleOf(ctx context.Context, s Starter, port int) *audit.Tailscale {
	return Deep{Start: s, Port: port}.tailscale(ctx)
}

// tailscale asks whether Tailscale runs and what leads to this machine.
func (d Deep) tailscale(ctx context.Context) *audit.Tailscale {
	if d.Start == nil {
		return nil
	}
	d.say("Tailscale")
	ctx, cancel := context.WithTimeout(ctx, tailscaleTimeout)
	defer cancel()
	t := &audit.Tailscale{}
	b, err := d.Start.Output(ctx, TailscaleHelper, "status", "--json")
	if errors.Is(err, ErrAbsent) {
		t.Absent = true
		return t
	}
	var status struct {
		BackendState string
		Self         struct{ DNSName string }
	}
	if err = decoded(ctx, b, err, &status, "tailscale status"); err != nil {
		t.Err = err.Error()
		return t
	}
	if t.State = status.BackendState; t.State == "" {
		t.Err = "tailscale status does not say whether it runs"
		return t
	}
	if t.State != "Running" {
		return t
	}
	b, err = d.Start.Output(ctx, TailscaleHelper, "serve", "status", "--json")
	var c serveConfig
	if err = decoded(ctx, b, err, &c, "tailscale serve status"); err != nil {
		t.Err = err.Error()
		return t
	}
	t.Doors = c.doors(strings.TrimSuffix(status.Self.DNSName, "."), d.Port)
	return t
}

func decoded(ctx context.Context, b []byte, err error, into any, what string) error {
	switch {
	case ctx.Err() != nil:
		return errors.New(what + " did not answer in time")
	case err != nil:
		return errors.New(what + ": " + err.Error())
	case json.Unmarshal(b, into) != nil:
		return errors.New(what + " answered something that is no JSON of its own")
	}
	return nil
}

// serveConfig is what `tailscale serve status --json` prints.
type serveConfig struct {
	TCP map[string]struct {
		TCPForward string
	}
	Web map[string]struct {
		Handlers map[string]struct{ Proxy string }
	}
	AllowFunnel map[string]bool
	// Foreground are those of commands that still run; Services are addresses
	// of the tailnet's own.
	Foreground map[string]serveConfig
	Services   map[string]serveConfig
}

// doors lists what leads to a port of this machine, sorted.
func (c serveConfig) doors(host string, port int) []audit.TailscaleDoor {
	var out []audit.TailscaleDoor
	add := func(at, to string) {
		out = append(out, audit.TailscaleDoor{At: at, To: to, Gateway: leadsTo(to, port), Funnel: c.AllowFunnel[at]})
	}
	for at, web := range c.Web {
		for _, h := range web.Handlers {
			if h.Proxy != "" {
				add(at, h.Proxy)
			}
		}
	}
	for p, h := range c.TCP {
		if h.TCPForward != "" {
			add(net.JoinHostPort(host, p), h.TCPForward)
		}
	}
	for _, more := range c.Foreground {
		out = append(out, more.doors(host, port)...)
	}
	for name, more := range c.Services {
		out = append(out, more.doors(name, port)...)
	}
	slices.SortFunc(out, func(a, b audit.TailscaleDoor) int { return strings.Compare(a.At+"\x00"+a.To, b.At+"\x00"+b.To) })
	return slices.Compact(out)
}

// leadsTo reports whether a target is a port of this machine: "8765",
// "127.0.0.1:8765", "http://localhost:8765/x".
func leadsTo(target string, port int) bool {
	host := target
	if _, rest, ok := strings.Cut(target, "://"); ok {
		u, err := url.Parse("http://" + rest)
		if err != nil {
			return false
		}
		host = u.Host
		if u.Port() == "" {
			p := "80"
			if strings.HasPrefix(target, "https") {
				p = "443"
			}
			host = net.JoinHostPort(u.Hostname(), p)
		}
	}
	want := strconv.Itoa(port)
	if host == want {
		return true
	}
	_, p, err := net.SplitHostPort(host)
	return err == nil && p == want
}
