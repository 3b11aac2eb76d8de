package egress

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// origin is one place that a fixed client may reach.
type origin struct {
	scheme, name string
	port         int
	// named: the operator wrote a private address, or localhost, themselves.
	named bool
}

func (o origin) addr() string { return hostPort(o.name, o.port) }

// parseOrigin reads "scheme://host[:port]"; a path is allowed and ignored.
func parseOrigin(raw string) (origin, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return origin{}, fmt.Errorf("egress: origin %q is not http://host or https://host", raw)
	}
	if u.User != nil {
		return origin{}, fmt.Errorf("egress: origin of host %q holds a credential", u.Hostname())
	}
	o := origin{scheme: u.Scheme, name: strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), port: 443}
	if u.Scheme == "http" {
		o.port = 80
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return origin{}, fmt.Errorf("egress: origin %q: port %q is no port", raw, p)
		}
		o.port = int(n)
	}
	if a, err := netip.ParseAddr(o.name); err == nil {
		o.name, o.named = a.Unmap().String(), true
	} else if o.name == "localhost" {
		o.named = true
	} else if name, err := canonical(o.name); err == nil {
		o.name = name
	}
	return o, nil
}

// everywhere are the exceptions of an origin that the operator named.
var everywhere = []Private{{Prefix: netip.MustParsePrefix("0.0.0.0/0")}, {Prefix: netip.MustParsePrefix("::/0")}}

// onlyLoopback is what localhost may mean.
var onlyLoopback = []Private{{Prefix: netip.MustParsePrefix("127.0.0.0/8")}, {Prefix: netip.MustParsePrefix("::1/128")}}

func (o origin) exceptions(e *Egress, p PrivateNames) []Private {
	switch {
	case o.name == "localhost":
		return onlyLoopback
	case o.named || p == PrivateToo:
		return everywhere
	}
	return e.private
}

func (e *Egress) fixed(f Fixed) (*http.Client, error) {
	if f.Name == "" || len(f.Origins) == 0 {
		return nil, fmt.Errorf("egress: a fixed client needs a name and origins")
	}
	c := &fixedClient{e: e, f: f}
	for _, raw := range f.Origins {
		o, err := parseOrigin(raw)
		if err != nil {
			return nil, err
		}
		c.origins = append(c.origins, o)
	}
	return &http.Client{Transport: c, Timeout: f.Timeout, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		return refuse(req.URL.Hostname(), RuleRedirect, "client %q does not follow redirects", f.Name)
	}}, nil
}

// fixedClient is a RoundTripper that knows no host but its own.
type fixedClient struct {
	e       *Egress
	f       Fixed
	origins []origin
	once    onceTransport
}

// RoundTrip refuses any other origin before a header leaves.
func (c *fixedClient) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, ok := c.match(req.URL); !ok {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		r := refuse(req.URL.Hostname(), RuleForeign, "client %q is bound to %s", c.f.Name, strings.Join(c.f.Origins, ", "))
		return nil, c.e.refused(req.Context(), Event{Kind: KindClient, Client: c.f.Name, Host: policy.Host{Name: req.URL.Hostname(), Scheme: req.URL.Scheme}}, r)
	}
	tr, err := c.once.get(c.build)
	if err != nil {
		return nil, err
	}
	if req.Host != "" && !strings.EqualFold(req.Host, req.URL.Host) {
		return nil, refuse(req.Host, RuleForeign, "the Host header names another host than the URL")
	}
	return tr.RoundTrip(req)
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach through.
func (c *fixedClient) CloseIdleConnections() {
	if tr, err := c.once.get(c.build); err == nil {
		tr.CloseIdleConnections()
	}
}

func (c *fixedClient) build() (*http.Transport, error) {
	tr, err := c.e.transport(c.dial)
	if err != nil {
		return nil, err
	}
	tr.ResponseHeaderTimeout = modelHeaderTimeout
	tr.MaxIdleConns, tr.MaxIdleConnsPerHost, tr.IdleConnTimeout = 16, 8, idleTimeout
	if c.e.proxy != nil {
		tr.Proxy = c.proxyFor
		tr.DisableCompression = true
	}
	return tr, nil
}

// proxyFor sends all but this machine's own addresses through the operator's
// proxy.
func (c *fixedClient) proxyFor(req *http.Request) (*url.URL, error) {
	if o, ok := c.match(req.URL); ok && o.named {
		return nil, nil
	}
	return c.e.proxy.url, nil
}

func (c *fixedClient) match(u *url.URL) (origin, bool) {
	if u.User != nil {
		return origin{}, false
	}
	o, err := parseOrigin(u.Scheme + "://" + u.Host)
	if err != nil {
		return origin{}, false
	}
	for _, mine := range c.origins {
		if mine.scheme == o.scheme && mine.addr() == o.addr() {
			return mine, true
		}
	}
	return origin{}, false
}

// dial connects to an origin, or to the operator's proxy. Each connection is
// recorded first.
func (c *fixedClient) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	if p := c.e.proxy; p != nil && addr == p.addr() {
		return c.connect(ctx, p.name, p.port, everywhere, "")
	}
	for _, o := range c.origins {
		if o.addr() == addr {
			return c.connect(ctx, o.name, o.port, o.exceptions(c.e, c.f.Private), o.scheme)
		}
	}
	return nil, refuse(addr, RuleForeign, "client %q is bound to %s", c.f.Name, strings.Join(c.f.Origins, ", "))
}

func (c *fixedClient) connect(ctx context.Context, name string, port int, except []Private, scheme string) (net.Conn, error) {
	ev := Event{Kind: KindClient, Client: c.f.Name, Host: policy.Host{Name: name, Port: port, Scheme: scheme}}
	allow := func(context.Context, policy.Host) policy.Step {
		return policy.Step{Verdict: policy.Allow, Rule: "egress.fixed_client", Reason: "the operator configured this origin"}
	}
	if err := c.e.decide(ctx, allow, ev, policy.Allow); err != nil {
		return nil, err
	}
	conn, err := c.e.dial(ctx, name, port, except)
	if err != nil {
		return nil, c.e.refused(ctx, ev, err)
	}
	return conn, nil
}
