package policy

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// ModelProvider is who would read a session: a provider by its configured name
// and where it stands. Host is empty for a model within the process.
type ModelProvider struct {
	Name, Host string
	// Primary: it is the one that the agent is configured for first.
	Primary bool
}

// Provider judges whether a session with labels may go to a provider (R26).
// What is private goes to the agent's first provider and to those on this
// machine, or, where tools.flow.providers names some, to these alone; a secret
// goes to nobody.
func (r FlowRules) Provider(labels claw.Labels, p ModelProvider) Step {
	s := Step{Layer: LayerFlow, Verdict: Allow, Rule: "flow.provider", Reason: "the session may go to provider " + p.Name, Where: r.Where}
	listed := slices.ContainsFunc(r.Providers, func(n string) bool { return strings.EqualFold(n, p.Name) })
	switch {
	case p.Host == "":
	case labels.Has(claw.Secret):
		s.Verdict, s.Rule = Deny, "flow.secret_leaves"
		s.Reason = "a secret is in this session, so it does not go to model provider " + p.Name
	case !labels.Has(claw.Private) || r.Mode == FlowOff || onThisMachine(p.Host):
	case r.OnlyListed && !listed:
		s.Verdict, s.Rule = Deny, "flow.private_provider"
		s.Reason = "private text is in this session, and model provider " + p.Name + " is not one that may have it"
	case !p.Primary && !listed:
		s.Verdict, s.Rule = Deny, "flow.private_provider"
		s.Reason = "private text is in this session, and model provider " + p.Name + " is not the agent's first"
	}
	if s.Verdict == Deny && s.Rule == "flow.private_provider" {
		s.Hint = "name the providers that may have private text in tools.flow.providers"
		if r.Mode == FlowObserve {
			s.Verdict, s.Reason = Allow, "observed, not enforced: "+s.Reason
		}
	}
	return s
}

// onThisMachine reports whether host:port is a loopback address. A name may
// lead anywhere, but for the one that every system keeps to itself.
func onThisMachine(hostPort string) bool {
	host := hostPort
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
