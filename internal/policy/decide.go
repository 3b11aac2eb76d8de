package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/standing"
)

// RuleLockdown refuses while a lockdown is in force.
const RuleLockdown = "lockdown.in_force"

// ownerOnly tools never run for anybody but the operator (DESIGN §4).
var ownerOnly = []claw.ToolName{"cron", "gateway", "nodes", "config", "whatsapp_login"}

// Decide judges one request. It is total and pure: the strictest layer wins,
// an empty Rules denies, and the trace says what every layer found.
func Decide(r Rules, q Request) Decision {
	t := tally{trace: true, steps: make([]Step, 0, len(r.Tools)+len(q.Facts.Reads)+len(q.Facts.Writes)+len(q.Facts.Hosts)+4)}
	t.decide(&r, &q)
	return t.decision(r.Confinement, DigestOf(q))
}

// Judge is Decide without words: the same layers, the same rule, no trace and
// no digest, so that nothing can be permitted by it. It is what questions over
// many requests are answered with; a call on plain tools allocates nothing.
func Judge(r *Rules, q *Request) Ruling {
	var t tally
	t.decide(r, q)
	return t.ruling()
}

func (t *tally) decide(r *Rules, q *Request) {
	if r.Halted >= HaltTools {
		t.halted()
	}
	t.surface(r, q)
	t.tools(r, q)
	t.understood(q)
	t.files(&r.Files, &q.Facts)
	if q.Facts.Exec != nil {
		rules := r.Exec
		if r.Flow.Mode != FlowEnforce && q.Labels&^claw.Private != 0 {
			// An answer was given for what its owner asks, not for what came in
			// since (R67). Under enforce the flow rules ask by themselves.
			rules.Standing = nil
		}
		j := execJudge{r: &rules, files: &r.Files, f: q.Facts.Exec, run: standing.Run{Programs: q.Facts.Programs, Scripts: q.Facts.Scripts}, quiet: !t.trace}
		j.judge(r.Confinement.Level)
		for i := range j.steps {
			t.step(j.steps[i])
		}
		t.launchConfig(q.Facts.LaunchConfig)
		t.skills(r, q)
		t.soul(r, q)
	}
	t.sends(r, q)
	t.hosts(&r.Egress, q)
	t.flow(&r.Flow, q)
	t.budget(&r.Budget, q)
}

// DecideReply judges a model's answer on its way into the conversation that
// asked: no tool profile bears on it, the readers and the labels do (R03, R04).
func DecideReply(r Rules, q Request) Decision {
	t := tally{trace: true}
	t.reply(&r, &q)
	return t.decision(r.Confinement, DigestOf(q))
}

// JudgeReply is DecideReply without words.
func JudgeReply(r *Rules, q *Request) Ruling {
	var t tally
	t.reply(r, q)
	return t.ruling()
}

func (t *tally) reply(r *Rules, q *Request) {
	if r.Halted >= HaltAll {
		t.halted()
	}
	t.surface(r, q)
	t.sends(r, q)
	t.flow(&r.Flow, q)
	t.messages(&r.Budget, q)
}

// halted refuses everything while a lockdown is in force.
func (t *tally) halted() {
	t.add(LayerSurface, Deny, RuleLockdown, claw.ConfigRef{}, func() (string, string) {
		return "everything is stopped", "openclaw lockdown status says by whom and why; openclaw lockdown release opens again"
	})
}

func (t *tally) surface(r *Rules, q *Request) {
	switch {
	case r.Agent == "" || r.Agent != q.Agent:
		t.add(LayerSurface, Deny, "surface.unknown_agent", claw.ConfigRef{}, func() (string, string) {
			return fmt.Sprintf("no rules are in force for agent %q", q.Agent), ""
		})
	case r.Generation != q.Generation:
		t.add(LayerSurface, Deny, "surface.stale_generation", claw.ConfigRef{}, func() (string, string) {
			return "the configuration changed while this call was being prepared", ""
		})
	case r.Surfaces != nil && !slices.Contains(r.Surfaces, q.Principal.Surface):
		t.add(LayerSurface, Deny, "surface.closed", r.SurfacesRef, func() (string, string) {
			return fmt.Sprintf("agent %q may not be reached from %q", r.Agent, q.Principal.Surface),
				fmt.Sprintf("add %q to agents.list[].surfaces of %q if it should be", q.Principal.Surface, r.Agent)
		})
	default:
		t.add(LayerSurface, Allow, "surface.reachable", r.SurfacesRef, func() (string, string) {
			return sayTwo("agent ", string(r.Agent), " may be reached from ", string(q.Principal.Surface)), ""
		})
	}
}

// tools lets the call through each layer of tool names.
func (t *tally) tools(r *Rules, q *Request) {
	if len(r.Tools) == 0 {
		t.add(LayerProfile, Deny, "tools.no_profile", claw.ConfigRef{}, func() (string, string) { return "no tool profile is in force", "" })
		return
	}
	for i := range r.Tools {
		r.Tools[i].judge(t, q.Tool)
	}
	if q.Principal.Standing != claw.Owner && slices.Contains(ownerOnly, q.Tool) {
		t.add(LayerSender, Deny, "tools.owner_only", claw.ConfigRef{}, func() (string, string) {
			return fmt.Sprintf("tool %q runs for the owner only", q.Tool), fmt.Sprintf("ask for it yourself; %s is %s", q.Principal, q.Principal.Standing)
		})
	}
}

func (l *ToolLayer) judge(t *tally, tool claw.ToolName) {
	switch l.ruling(tool) {
	case toolDenied:
		t.add(l.Layer, Deny, "tools.denied", l.DenyWhere, func() (string, string) {
			return fmt.Sprintf("tool %q is denied by %s", tool, l.DenyWhere.Pointer),
				fmt.Sprintf("a deny is final; remove %q from %s if this agent should have it", tool, l.DenyWhere)
		})
	case toolMissing:
		t.add(l.Layer, Deny, missingRule(l.Layer), l.Where, func() (string, string) {
			return fmt.Sprintf("tool %q is not in %s", tool, l.Name),
				fmt.Sprintf("allow %q for this agent in tools.agents.<id>.allow, or use a wider profile (%s)", tool, l.Where)
		})
	case toolPasses:
		t.add(l.Layer, Allow, passRule(l.Layer), l.Gives(tool), func() (string, string) {
			return say("tool ", string(tool), " passes ", l.Name), ""
		})
	}
}

// toolRuling is what one layer of names says. The zero value refuses.
type toolRuling uint8

const (
	toolDenied toolRuling = iota
	toolMissing
	toolPasses
)

func (l *ToolLayer) ruling(t claw.ToolName) toolRuling {
	switch {
	case l.Deny[t]:
		return toolDenied
	case l.Allow != nil && !l.Allow[t]:
		return toolMissing
	}
	return toolPasses
}

func passRule(l Layer) RuleID {
	switch l { //nolint:exhaustive // the layers of tool names; any other is spelled out below
	case LayerProfile:
		return "profile.allowed"
	case LayerTools:
		return "tools.allowed"
	case LayerAgent:
		return "agent.allowed"
	case LayerSender:
		return "sender.allowed"
	}
	return RuleID(l) + ".allowed"
}

func missingRule(l Layer) RuleID {
	switch l { //nolint:exhaustive // as above
	case LayerProfile:
		return "tools.not_in_profile"
	case LayerAgent:
		return "tools.not_in_agent"
	case LayerTools:
		return "tools.not_in_tools"
	}
	return "tools.not_in_" + RuleID(l)
}

// Has reports whether a tool passes every layer of names.
func (r *Rules) Has(t claw.ToolName) bool {
	for i := range r.Tools {
		if r.Tools[i].ruling(t) != toolPasses {
			return false
		}
	}
	return len(r.Tools) > 0
}

// Names lists the tools of all that pass every layer.
func (r Rules) Names(all []claw.ToolName) []claw.ToolName {
	out := []claw.ToolName{}
	for _, t := range all {
		if r.Has(t) {
			out = append(out, t)
		}
	}
	return out
}

func (t *tally) understood(q *Request) {
	if !q.Facts.Understood {
		t.add(LayerFiles, Ask, "facts.not_understood", claw.ConfigRef{}, func() (string, string) {
			return "what this call would do could not be worked out: " + q.Facts.Why, "look at the call before you allow it"
		})
	}
}

// launchConfig asks, once for each content, about configuration that a program
// executes from: whoever wrote it, a person has to have seen it (R01).
func (t *tally) launchConfig(files []LaunchConfig) {
	for i := range files {
		f := &files[i]
		if f.Seen {
			continue
		}
		t.add(LayerExec, Ask, "exec.launch_config", claw.ConfigRef{}, func() (string, string) {
			who := "no person has seen it at this content"
			if f.ByAgent {
				who = "an agent wrote it, and no person has seen it at this content"
			}
			return fmt.Sprintf("the program executes from %s: %s", f.Path, who), "allowing once marks this content as seen"
		})
	}
}

func (t *tally) sends(r *Rules, q *Request) {
	for i := range q.Facts.Sends {
		s := &q.Facts.Sends[i]
		switch {
		case s.OriginOnly:
			t.add(LayerTools, Allow, "message.same_conversation", claw.ConfigRef{}, func() (string, string) {
				return "goes back into the conversation that asked", ""
			})
		case r.SendElsewhere:
			t.add(LayerTools, Allow, "message.elsewhere", r.SendElsewhereRef, s.elsewhere)
		default:
			t.add(LayerTools, Deny, "message.elsewhere", r.SendElsewhereRef, func() (string, string) {
				reason, _ := s.elsewhere()
				return reason, "the messaging profile sends only into the same conversation; allow \"message\" by name to send elsewhere"
			})
		}
	}
}

func (s *Send) elsewhere() (reason, hint string) {
	return fmt.Sprintf("would send to %s:%s, not the conversation that asked", s.Channel, s.To), ""
}

func (t *tally) hosts(r *EgressRules, q *Request) {
	for i := range q.Facts.Hosts {
		h := &q.Facts.Hosts[i]
		v, rule, where := r.judge(q.Tool, q.Labels, h)
		t.add(LayerEgress, v, rule, where, func() (string, string) { return hostWords(rule, h) })
	}
}

// JudgeHost judges one network destination by its name, before any look-up.
// The gate uses it for a call's hosts, the egress proxy for every request of a
// sandboxed program.
func JudgeHost(r EgressRules, tool claw.ToolName, labels claw.Labels, h Host) Step {
	v, rule, where := r.judge(tool, labels, &h)
	reason, hint := hostWords(rule, &h)
	return Step{Layer: LayerEgress, Verdict: v, Rule: rule, Where: where, Reason: reason, Hint: hint}
}

func (r *EgressRules) judge(tool claw.ToolName, labels claw.Labels, h *Host) (Verdict, RuleID, claw.ConfigRef) {
	if h.Name == "" || strings.ContainsAny(h.Name, "*@/ ") {
		return Deny, "egress.bad_host", r.Where
	}
	if labels.Has(claw.Secret) {
		return Deny, "flow.secret_leaves", r.Where
	}
	for i := range r.Hosts {
		if r.Hosts[i].matches(h.Name) {
			return r.Hosts[i].judge(h)
		}
	}
	switch r.Mode {
	case EgressDeny:
		return Deny, "egress.not_listed", r.Where
	case EgressAsk:
		if tool == "web_fetch" && readOnlyMethod(h.Method) && !h.Body && h.URLBytes <= MaxReadURL && !labels.Has(claw.Private) {
			return Allow, "egress.public_get", r.Where
		}
		return Ask, "egress.unknown_host", r.Where
	case EgressAllow:
		return Allow, "egress.any_host", r.Where
	}
	return Deny, "egress.no_mode", r.Where
}

// hostWords says why a rule about a destination holds, and what a person can
// do.
func hostWords(rule RuleID, h *Host) (reason, hint string) {
	switch rule {
	case "egress.bad_host":
		return fmt.Sprintf("%q is not a host name", h.Name), ""
	case "flow.secret_leaves":
		return "a secret is in this session; it may leave only by injection", ""
	case "egress.not_listed":
		return fmt.Sprintf("host %q is on no list", h.Name), "add it to tools.egress.hosts"
	case "egress.unknown_host":
		return fmt.Sprintf("host %q is on no list", h.Name), "allow it once, or add it to tools.egress.hosts"
	case "egress.public_get":
		return "a page may be read while nothing private is in the session", ""
	case "egress.any_host":
		return "tools.egress.mode lets any public host through", ""
	}
	if reason, hint, ok := hostRuleWords(rule, h); ok {
		return reason, hint
	}
	return "no egress mode is in force", ""
}

func readOnlyMethod(m string) bool { return m == "GET" || m == "HEAD" }

func (h *HostRule) matches(name string) bool {
	if strings.HasPrefix(h.Host, "*.") {
		return len(name) > len(h.Host)-1 && strings.HasSuffix(name, h.Host[1:])
	}
	return h.Host == name
}

// covers reports whether a path is one of the rule's, or lies below one. A
// path that servers read in different ways is none.
func (h *HostRule) covers(path string) bool {
	if path[0] != '/' || strings.ContainsAny(path, "\\;%") && !plainEscapes(path) {
		return false
	}
	for _, part := range strings.Split(path[1:], "/") {
		if part == "." || part == ".." {
			return false
		}
	}
	return slices.ContainsFunc(h.Paths, func(p string) bool {
		return path == p || strings.HasPrefix(path, strings.TrimSuffix(p, "/")+"/")
	})
}

// plainEscapes reports a path whose escapes cannot make a separator or a dot.
func plainEscapes(path string) bool {
	if strings.ContainsAny(path, "\\;") {
		return false
	}
	low := strings.ToLower(path)
	return !strings.Contains(low, "%2f") && !strings.Contains(low, "%5c") && !strings.Contains(low, "%2e") && !strings.Contains(low, "%25") && !strings.Contains(low, "%3b") && !strings.Contains(low, "%00")
}
