package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// ownerOnly tools never run for anybody but the operator (DESIGN §4).
var ownerOnly = []claw.ToolName{"cron", "gateway", "nodes", "config", "whatsapp_login"}

// Decide judges one request. It is total and pure: the strictest layer wins,
// an empty Rules denies, and the trace says what every layer found.
func Decide(r Rules, q Request) Decision {
	steps := []Step{judgeSurface(r, q)}
	steps = append(steps, judgeTools(r, q)...)
	steps = append(steps, judgeUnderstood(q)...)
	steps = append(steps, judgeFiles(r.Files, q.Facts)...)
	if q.Facts.Exec != nil {
		steps = append(steps, judgeExec(r.Exec, r.Files, q.Facts.Exec, r.Confinement.Level)...)
		steps = append(steps, judgeLaunchConfig(q.Facts.LaunchConfig)...)
	}
	steps = append(steps, judgeSends(r, q)...)
	steps = append(steps, judgeHosts(r.Egress, q)...)
	steps = append(steps, judgeFlow(r.Flow, q)...)
	return conclude(steps, r.Confinement, DigestOf(q))
}

// DecideReply judges a model's answer on its way into the conversation that
// asked: no tool profile bears on it, the readers and the labels do (R03, R04).
func DecideReply(r Rules, q Request) Decision {
	steps := []Step{judgeSurface(r, q)}
	steps = append(steps, judgeSends(r, q)...)
	steps = append(steps, judgeFlow(r.Flow, q)...)
	return conclude(steps, r.Confinement, DigestOf(q))
}

// conclude makes a decision of steps: the first of the strictest.
func conclude(steps []Step, c Confinement, d Digest) Decision {
	if len(steps) == 0 {
		return Decision{Rule: "policy.no_layers", Reason: "no rule was consulted", Digest: d}
	}
	worst := steps[0]
	for _, s := range steps[1:] {
		if s.Verdict < worst.Verdict {
			worst = s
		}
	}
	if worst.Verdict == Allow {
		// The most telling rule of an allowed call is the last specific one.
		worst = steps[len(steps)-1]
		for i := len(steps) - 1; i >= 0; i-- {
			if steps[i].Layer == LayerExec || steps[i].Layer == LayerEgress || steps[i].Layer == LayerFiles {
				worst = steps[i]
				break
			}
		}
	}
	return Decision{Verdict: worst.Verdict, Rule: worst.Rule, Reason: worst.Reason, Hint: worst.Hint, Where: worst.Where,
		Trace: steps, Digest: d, Confinement: c}
}

func judgeSurface(r Rules, q Request) Step {
	s := Step{Layer: LayerSurface, Rule: "surface.reachable", Verdict: Allow, Reason: fmt.Sprintf("agent %q may be reached from %q", r.Agent, q.Principal.Surface)}
	if r.Agent == "" || r.Agent != q.Agent {
		s.Verdict, s.Rule = Deny, "surface.unknown_agent"
		s.Reason = fmt.Sprintf("no rules are in force for agent %q", q.Agent)
		return s
	}
	if r.Generation != q.Generation {
		s.Verdict, s.Rule = Deny, "surface.stale_generation"
		s.Reason = "the configuration changed while this call was being prepared"
		return s
	}
	if r.Surfaces != nil && !slices.Contains(r.Surfaces, q.Principal.Surface) {
		s.Verdict, s.Rule, s.Where = Deny, "surface.closed", r.SurfacesRef
		s.Reason = fmt.Sprintf("agent %q may not be reached from %q", r.Agent, q.Principal.Surface)
		s.Hint = fmt.Sprintf("add %q to agents.list[].surfaces of %q if it should be", q.Principal.Surface, r.Agent)
	}
	return s
}

// judgeTools lets the call through each layer of tool names.
func judgeTools(r Rules, q Request) []Step {
	if len(r.Tools) == 0 {
		return []Step{{Layer: LayerProfile, Rule: "tools.no_profile", Reason: "no tool profile is in force"}}
	}
	steps := make([]Step, 0, len(r.Tools)+1)
	for _, l := range r.Tools {
		steps = append(steps, l.judge(q.Tool))
	}
	if slices.Contains(ownerOnly, q.Tool) && q.Principal.Standing != claw.Owner {
		steps = append(steps, Step{Layer: LayerSender, Rule: "tools.owner_only",
			Reason: fmt.Sprintf("tool %q runs for the owner only", q.Tool),
			Hint:   fmt.Sprintf("ask for it yourself; %s is %s", q.Principal, q.Principal.Standing)})
	}
	return steps
}

func (l ToolLayer) judge(t claw.ToolName) Step {
	s := Step{Layer: l.Layer, Verdict: Allow, Rule: RuleID(string(l.Layer) + ".allowed"), Where: l.Where,
		Reason: fmt.Sprintf("tool %q passes %s", t, l.Name)}
	if l.Deny[t] {
		s.Verdict, s.Rule, s.Where = Deny, "tools.denied", l.DenyWhere
		s.Reason = fmt.Sprintf("tool %q is denied by %s", t, l.DenyWhere.Pointer)
		s.Hint = fmt.Sprintf("a deny is final; remove %q from %s if this agent should have it", t, l.DenyWhere)
		return s
	}
	if l.Allow != nil && !l.Allow[t] {
		s.Verdict, s.Rule = Deny, "tools.not_in_"+RuleID(l.Layer)
		s.Reason = fmt.Sprintf("tool %q is not in %s", t, l.Name)
		s.Hint = fmt.Sprintf("allow %q for this agent in tools.agents.<id>.allow, or use a wider profile (%s)", t, l.Where)
	}
	return s
}

// Names lists the tools of all that pass every layer.
func (r Rules) Names(all []claw.ToolName) []claw.ToolName {
	out := []claw.ToolName{}
	for _, t := range all {
		ok := len(r.Tools) > 0
		for _, l := range r.Tools {
			ok = ok && l.judge(t).Verdict == Allow
		}
		if ok {
			out = append(out, t)
		}
	}
	return out
}

func judgeUnderstood(q Request) []Step {
	if q.Facts.Understood {
		return nil
	}
	return []Step{{Layer: LayerFiles, Verdict: Ask, Rule: "facts.not_understood",
		Reason: "what this call would do could not be worked out: " + q.Facts.Why,
		Hint:   "look at the call before you allow it"}}
}

// judgeLaunchConfig asks about configuration that a program executes from when
// an agent wrote it or no person has seen it at this content (R01).
func judgeLaunchConfig(files []LaunchConfig) []Step {
	var steps []Step
	for _, f := range files {
		if f.Seen && !f.ByAgent {
			continue
		}
		who := "no person has seen it at this content"
		if f.ByAgent {
			who = "an agent wrote it"
		}
		steps = append(steps, Step{Layer: LayerExec, Verdict: Ask, Rule: "exec.launch_config",
			Reason: fmt.Sprintf("the program executes from %s: %s", f.Path, who),
			Hint:   "allowing once marks this content as seen"})
	}
	return steps
}

func judgeSends(r Rules, q Request) []Step {
	var steps []Step
	for _, s := range q.Facts.Sends {
		step := Step{Layer: LayerTools, Verdict: Allow, Rule: "message.same_conversation", Reason: "goes back into the conversation that asked"}
		if !s.OriginOnly {
			step.Rule, step.Where = "message.elsewhere", r.SendElsewhereRef
			step.Reason = fmt.Sprintf("would send to %s:%s, not the conversation that asked", s.Channel, s.To)
			if !r.SendElsewhere {
				step.Verdict = Deny
				step.Hint = "the messaging profile sends only into the same conversation; allow \"message\" by name to send elsewhere"
			}
		}
		steps = append(steps, step)
	}
	return steps
}

func judgeHosts(r EgressRules, q Request) []Step {
	steps := make([]Step, 0, len(q.Facts.Hosts))
	for _, h := range q.Facts.Hosts {
		steps = append(steps, JudgeHost(r, q.Tool, q.Labels, h))
	}
	return steps
}

// JudgeHost judges one network destination by its name, before any look-up.
// The gate uses it for a call's hosts, the egress proxy for every request of a
// sandboxed program.
func JudgeHost(r EgressRules, tool claw.ToolName, labels claw.Labels, h Host) Step {
	s := Step{Layer: LayerEgress, Where: r.Where, Rule: "egress.not_listed", Reason: "no egress mode is in force"}
	if h.Name == "" || strings.ContainsAny(h.Name, "*@/ ") {
		s.Rule, s.Reason = "egress.bad_host", fmt.Sprintf("%q is not a host name", h.Name)
		return s
	}
	if labels.Has(claw.Secret) {
		s.Rule, s.Reason = "flow.secret_leaves", "a secret is in this session; it may leave only by injection"
		return s
	}
	for _, rule := range r.Hosts {
		if rule.matches(h.Name) {
			return rule.judge(s, h)
		}
	}
	switch r.Mode {
	case EgressDeny:
		s.Rule = "egress.not_listed"
		s.Reason = fmt.Sprintf("host %q is on no list", h.Name)
		s.Hint = "add it to tools.egress.hosts"
	case EgressAsk:
		s.Verdict, s.Rule = Ask, "egress.unknown_host"
		s.Reason = fmt.Sprintf("host %q is on no list", h.Name)
		s.Hint = "allow it once, or add it to tools.egress.hosts"
		if tool == "web_fetch" && readOnlyMethod(h.Method) && !labels.Has(claw.Private) {
			s.Verdict, s.Rule, s.Hint = Allow, "egress.public_get", ""
			s.Reason = "a page may be read while nothing private is in the session"
		}
	case EgressAllow:
		s.Verdict, s.Rule = Allow, "egress.any_host"
		s.Reason = "tools.egress.mode lets any public host through"
	}
	return s
}

func readOnlyMethod(m string) bool { return m == "GET" || m == "HEAD" }

func (h HostRule) matches(name string) bool {
	if suffix, ok := strings.CutPrefix(h.Host, "*."); ok {
		return strings.HasSuffix(name, "."+suffix)
	}
	return h.Host == name
}

func (h HostRule) judge(s Step, q Host) Step {
	s.Where = h.Where
	s.Verdict, s.Rule, s.Reason = Allow, "egress.host_allowed", fmt.Sprintf("host %q is on the list", q.Name)
	if len(h.Methods) > 0 && q.Method != "" && !slices.Contains(h.Methods, q.Method) ||
		h.Class == HostRead && (q.CarriesData && q.Method != "" && !readOnlyMethod(q.Method)) {
		s.Verdict, s.Rule = Deny, "egress.method"
		s.Reason = fmt.Sprintf("host %q is listed for reading, not for %s", q.Name, q.Method)
		s.Hint = "give the host class \"write\" in tools.egress.hosts if agents may change things there"
	}
	return s
}
