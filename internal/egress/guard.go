package egress

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"code.dny.dev/ssrf"
	"github.com/openclaw-go/openclaw/internal/policy"
	"golang.org/x/net/idna"
)

// guard judges resolved addresses.
type guard struct {
	public *ssrf.Guardian
	// interfaces lists the addresses of this machine.
	interfaces func() ([]net.Addr, error)
	// ownPorts of this machine are the gateway's.
	ownPorts []int
}

func newGuard() guard {
	return guard{public: ssrf.New(ssrf.WithAnyPort(), ssrf.WithNetworks("tcp4", "tcp6")), interfaces: net.InterfaceAddrs}
}

// never are addresses that no exception reaches: they hand out the machine's
// own credentials.
var never = [...]netip.Addr{
	netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("169.254.170.2"), netip.MustParseAddr("169.254.170.23"),
	netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("192.0.0.192"), netip.MustParseAddr("168.63.129.16"),
	netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd00:ec2::23"), netip.MustParseAddr("fd20:ce::254"),
}

// embedding are v6 ranges whose addresses stand for a v4 address that the
// guard would not see.
var embedding = [...]netip.Prefix{
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("::/96"), netip.MustParsePrefix("::ffff:0:0:0/96"),
}

// isatap reports an address that stands for the v4 address in its last bytes.
func isatap(a netip.Addr) bool {
	b := a.As16()
	return a.Is6() && b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

// check refuses an address that is not public, belongs to this machine, or
// stands for another one. except are the operator's exceptions.
func (g guard) check(name string, at netip.AddrPort, except []Private) error {
	addr := at.Addr()
	if addr.Zone() != "" {
		return refuse(name, RuleAddress, "address %s names an interface", addr)
	}
	addr = addr.Unmap()
	for _, n := range never {
		if addr == n {
			return refuse(name, RuleAddress, "address %s is a metadata service", addr)
		}
	}
	for _, p := range embedding {
		if p.Contains(addr) && !addr.IsLoopback() {
			return refuse(name, RuleAddress, "address %s carries another address within it", addr)
		}
	}
	if isatap(addr) {
		return refuse(name, RuleAddress, "address %s carries another address within it", addr)
	}
	for _, p := range except {
		if p.Prefix.Contains(addr) && (p.Port == 0 || p.Port == at.Port()) {
			return g.notGateway(name, netip.AddrPortFrom(addr, at.Port()))
		}
	}
	network := "tcp4"
	if addr.Is6() {
		network = "tcp6"
	}
	if err := g.public.Safe(network, netip.AddrPortFrom(addr, at.Port()).String(), nil); err != nil {
		return refuse(name, RuleAddress, "address %s is not a public address", addr)
	}
	own, err := g.own(addr)
	if err != nil {
		return refuse(name, RuleAddress, "the addresses of this machine could not be read")
	}
	if own {
		return refuse(name, RuleAddress, "address %s belongs to this machine", addr)
	}
	return nil
}

// own reports whether an address is one of this machine's.
func (g guard) own(addr netip.Addr) (bool, error) {
	if addr.IsLoopback() || addr.IsUnspecified() {
		return true, nil
	}
	list, err := g.interfaces()
	if err != nil {
		return false, err
	}
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap() == addr {
			return true, nil
		}
	}
	return false, nil
}

// notGateway refuses the gateway itself, which no exception is meant for.
func (g guard) notGateway(name string, at netip.AddrPort) error {
	if !slices.Contains(g.ownPorts, int(at.Port())) {
		return nil
	}
	if own, err := g.own(at.Addr()); err != nil || own {
		return refuse(name, RuleSelf, "%s is this gateway", at)
	}
	return nil
}

// canonical turns a host as written into the name that is decided: lower
// case, punycode, no final dot. A text that some resolvers read as a number,
// and a name without a dot, are refused, since where they lead depends on who
// reads them.
func canonical(host string) (string, error) {
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		if a.Zone() != "" {
			return "", refuse(host, RuleBadName, "an address with a zone is refused")
		}
		return a.Unmap().String(), nil
	}
	name, err := idna.Lookup.ToASCII(strings.ToLower(strings.TrimSuffix(host, ".")))
	if err != nil || !hostName(name) {
		return "", refuse(host, RuleBadName, "%q is not a host name", host)
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if numeric(last) {
		return "", refuse(host, RuleBadName, "%q is a number written as a name", host)
	}
	if last == name {
		return "", refuse(host, RuleBadName, "%q has no domain", host)
	}
	return name, nil
}

// hostName reports whether name consists of labels that a look-up takes.
func hostName(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return len(name) <= 253
}

func numeric(label string) bool {
	if l := strings.ToLower(label); strings.HasPrefix(l, "0x") {
		return strings.Trim(l[2:], "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// hostPort writes a destination as dialled.
func hostPort(name string, port int) string { return net.JoinHostPort(name, fmt.Sprint(port)) }

// asRefusal makes the refusal of a step.
func asRefusal(h policy.Host, s policy.Step) *Refusal {
	return &Refusal{Host: h.Name, Rule: s.Rule, Reason: s.Reason, Hint: s.Hint}
}
