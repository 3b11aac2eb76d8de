package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// RouteOptions of ServeRoute.
type RouteOptions struct {
	Paths  configfile.Paths
	Getenv func(string) string
	Listen string
	// Record gets each decision before anything is dialled; an error stops it.
	Record func(RouteEvent) error
	// Ready is called with the address, once.
	Ready func(address string)
}

// RouteEvent is one decision of the way out.
type RouteEvent struct {
	Time    time.Time      `json:"time"`
	Event   string         `json:"event"` // "egress"
	Kind    egress.Kind    `json:"kind"`
	Host    string         `json:"host"`
	Port    int            `json:"port,omitempty"`
	Scheme  string         `json:"scheme,omitempty"`
	Method  string         `json:"method,omitempty"`
	Verdict policy.Verdict `json:"verdict"`
	Rule    policy.RuleID  `json:"rule"`
	Reason  string         `json:"reason,omitempty"`
}

// Bounds of a way out: it serves a whole gateway for as long as it lives.
const (
	routeConns = 512
	routeIdle  = 15 * time.Minute // a model may think for long
)

// RouteOf is what the way out of a home lets through: the origins of the
// models that its agents use, and the hosts of every agent's rules.
func RouteOf(p configfile.Paths, getenv func(string) string) (policy.Route, error) {
	r, _, _, err := routeOf(p, getenv)
	return r, err
}

func routeOf(p configfile.Paths, getenv func(string) string) (policy.Route, posture.Posture, *config.Config, error) {
	env := func(name string) (string, bool) { v := getenv(name); return v, v != "" }
	l, err := configfile.Load(p, configfile.Options{Env: env})
	if err != nil {
		return policy.Route{}, posture.Posture{}, nil, err
	}
	if err := l.Problems.Err(); err != nil {
		return policy.Route{}, posture.Posture{}, nil, err
	}
	post := posture.Of(l.Config, World(p))
	var out policy.Route
	for _, a := range post.Agents {
		out.Agents = append(out.Agents, a.Rules.Egress)
		refs, err := new(models).chain(l.Config, a.Models)
		if err != nil {
			return policy.Route{}, post, nil, err
		}
		for _, ref := range refs {
			name, _, _ := strings.Cut(string(ref), "/")
			if name == "operator" {
				continue
			}
			c, err := conf(l.Config, name)
			if err != nil {
				return policy.Route{}, post, nil, err
			}
			o, err := c.origin()
			if err != nil {
				return policy.Route{}, post, nil, err
			}
			if !slices.Contains(out.Origins, o) {
				out.Origins = append(out.Origins, o)
			}
		}
	}
	return out, post, l.Config, nil
}

// origin that a provider's client reaches.
func (p providerConf) origin() (policy.RouteOrigin, error) {
	o := policy.RouteOrigin{For: "model " + p.name, Port: 443}
	u, err := url.Parse(p.baseURL)
	if err != nil || u.Hostname() == "" {
		return o, fmt.Errorf("model provider %q: %q is no address", p.name, p.baseURL)
	}
	o.Scheme, o.Name = strings.ToLower(u.Scheme), strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if o.Scheme == "http" {
		o.Port = 80
	}
	if text := u.Port(); text != "" {
		if o.Port, err = strconv.Atoi(text); err != nil {
			return o, fmt.Errorf("model provider %q: port %q is no port", p.name, text)
		}
	}
	return o, nil
}

// ServeRoute serves the one way out of a deployment until ctx ends. The
// configuration is read once; another one holds after a restart.
func ServeRoute(ctx context.Context, o RouteOptions) error {
	route, post, c, err := routeOf(o.Paths, o.Getenv)
	if err != nil {
		return err
	}
	record := func(_ context.Context, e egress.Event) error {
		return o.Record(RouteEvent{Time: e.Time.UTC(), Event: "egress", Kind: e.Kind, Host: e.Host.Name, Port: e.Host.Port, Scheme: e.Host.Scheme, Method: e.Host.Method,
			Verdict: e.Verdict, Rule: e.Rule, Reason: e.Reason})
	}
	// The proxy of this configuration is this very service, so it goes out by
	// itself.
	out, err := egress.New(egress.Options{Record: record, Private: privates(c), CAFile: o.Paths.Expand(c.Gateway.Egress.CAFile.V)})
	if err != nil {
		return err
	}
	d, q := policy.OperatorRoute(post.Generation, newID(""))
	permit, err := d.Permit(q)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return &HintError{Err: fmt.Errorf("the way out cannot listen on %s: %w", o.Listen, err), Advice: "openclaw egress serve --listen ADDRESS:PORT"}
	}
	if o.Ready != nil {
		o.Ready(ln.Addr().String())
	}
	proxy := out.Proxy(egress.ProxyOptions{Permit: permit, MaxConns: routeConns, MaxBytes: math.MaxInt64, Idle: routeIdle,
		Decide: func(_ context.Context, h policy.Host) policy.Step { return route.Judge(h) }})
	if err := proxy.Serve(ctx, ln); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
