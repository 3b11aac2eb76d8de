package egress

import (
	"context"
	"crypto/x509"
	"net"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// RuleNoProxy: the operator has all traffic go through an HTTP proxy, and this
// would go past it.
const RuleNoProxy policy.RuleID = "egress.past_proxy"

// Line connects one of the gateway's own clients that speaks something else
// than HTTP, such as mail, to its one server. It is recorded first; what the
// operator's proxy cannot carry is refused.
func (e *Egress) Line(ctx context.Context, client, host string, port int) (net.Conn, error) {
	o, err := parseOrigin("https://" + hostPort(host, port))
	if err != nil {
		return nil, err
	}
	c := &fixedClient{e: e, f: Fixed{Name: client}}
	if e.proxy != nil && !o.named {
		r := refuse(host, RuleNoProxy, "gateway.egress.proxy is set, and client %q does not speak HTTP", client)
		return nil, e.refused(ctx, Event{Kind: KindClient, Client: client, Host: policy.Host{Name: o.name, Port: o.port}}, r)
	}
	return c.connect(ctx, o.name, o.port, o.exceptions(e, PublicOnly), "")
}

// Roots are whom a server's certificate may come from.
func (e *Egress) Roots() (*x509.CertPool, error) { return e.pool() }
