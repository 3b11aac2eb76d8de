package policy

// Route is what the one way out of a deployment lets through: the origins of
// the gateway's own clients and the hosts that the operator wrote down. The
// gateway behind it has decided every request already, with labels and people;
// the route decides the name once more and knows the configuration alone, so it
// asks nobody, and a host that is written nowhere is refused. The zero value
// lets nothing through.
type Route struct {
	Origins []RouteOrigin
	Agents  []EgressRules
}

// RouteOrigin is a place that one of the gateway's own clients reaches.
type RouteOrigin struct {
	Scheme string `json:"scheme"`
	Name   string `json:"name"`
	Port   int    `json:"port"`
	// For names the client: "model anthropic".
	For string `json:"for"`
}

// Judge decides a destination by its name, before any look-up.
func (r Route) Judge(h Host) Step {
	for _, o := range r.Origins {
		if o.Name == h.Name && o.Port == h.Port && o.Scheme == h.Scheme {
			return Step{Layer: LayerEgress, Verdict: Allow, Rule: "egress.fixed_client", Reason: "the operator configured this origin for " + o.For}
		}
	}
	last := Step{Layer: LayerEgress, Rule: "egress.not_listed"}
	last.Reason, last.Hint = hostWords(last.Rule, &h)
	for _, rules := range r.Agents {
		if s := JudgeHost(rules.outermost(h), "egress", 0, h); s.Verdict == Allow {
			return s
		} else if s.Rule != "egress.not_listed" {
			last = s
		}
	}
	last.Verdict = Deny
	return last
}

// outermost are the rules as a route holds them: nobody is there to ask, and
// what goes through a tunnel cannot be seen, so that there the host decides.
func (r EgressRules) outermost(h Host) EgressRules {
	if r.Mode == EgressAsk {
		r.Mode = EgressDeny
	}
	if h.Scheme != "https" {
		return r
	}
	hosts := make([]HostRule, len(r.Hosts))
	for i, rule := range r.Hosts {
		hosts[i] = HostRule{Host: rule.Host, Class: HostWrite, Where: rule.Where}
	}
	r.Hosts = hosts
	return r
}

// OperatorRoute is the decision about the way out that an operator serves
// (openclaw egress serve): an act of theirs, under which every destination is
// decided by itself. Only app calls it.
func OperatorRoute(generation, nonce string) (Decision, Request) {
	q := Request{Generation: generation, Tool: "egress", Nonce: nonce, Facts: Facts{Understood: true}}
	const why = "the operator serves this way out"
	return Decision{Verdict: Allow, Rule: "operator.egress_serve", Reason: why, Digest: DigestOf(q),
		Trace: []Step{{Layer: LayerSurface, Verdict: Allow, Rule: "operator.egress_serve", Reason: why}}}, q
}
