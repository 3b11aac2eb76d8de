package policy

import (
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Live judges by flow rules a destination that a permitted call asks for while
// it goes on: asked are the labels under which it was permitted, now those of
// this moment. There is nobody to ask, so whatever would ask is refused unless
// it was asked about then (R15). The zero Step, without a rule, says nothing.
func (r FlowRules) Live(asked, now claw.Labels, h Host) Step {
	s := Step{Layer: LayerFlow, Where: r.Where}
	switch {
	case now.Has(claw.Secret):
		s.Rule, s.Reason = "flow.secret_leaves", "a secret is in this session; it may leave only by injection"
	case r.Mode == FlowOff || !now.Has(both) || asked.Has(both) || !h.CarriesData:
		return Step{}
	case r.Mode == FlowObserve:
		s.Verdict, s.Rule = Allow, "flow.private_untrusted_send"
		s.Reason = "observed, not enforced: the session has come to hold untrusted text and private data"
	default:
		s.Rule = "flow.private_untrusted_send"
		s.Reason = "the session has come to hold untrusted text and private data since this was permitted, so nothing more goes to " + h.Name
		s.Hint = "ask for the call again; it will be asked about"
	}
	return s
}

// Gives reports whether a rule of the operator's names this very URL: its host
// without a wildcard and its path to the letter. Such a URL carries nothing
// that anybody else chose.
func (r EgressRules) Gives(url string) bool {
	rest, ok := strings.CutPrefix(url, "https://")
	if !ok || strings.ContainsAny(rest, "?#@*\\ ") {
		return false
	}
	host, path, ok := strings.Cut(rest, "/")
	return ok && slices.ContainsFunc(r.Hosts, func(h HostRule) bool {
		return h.Host == host && slices.Contains(h.Paths, "/"+path)
	})
}
