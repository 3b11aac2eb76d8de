package policy

import (
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// judgeFlow judges a call by the labels that its session carries: what came
// from outside the operator may not by itself start programs or persist, and
// may not take what is private to a third party (DESIGN §4).
func judgeFlow(r FlowRules, q Request) []Step {
	if r.Mode == FlowOff || q.Labels == 0 {
		return nil
	}
	steps := append(flowUntrusted(q), flowSends(q)...)
	for i := range steps {
		steps[i].Layer, steps[i].Where = LayerFlow, r.Where
		if r.Mode == FlowObserve && steps[i].Verdict == Ask {
			steps[i].Verdict = Allow
			steps[i].Reason = "observed, not enforced: " + steps[i].Reason
		}
	}
	return steps
}

func flowUntrusted(q Request) []Step {
	if !q.Labels.Has(claw.Untrusted) {
		return nil
	}
	f := q.Facts
	var steps []Step
	ask := func(rule RuleID, what string) {
		steps = append(steps, Step{Verdict: Ask, Rule: rule,
			Reason: "untrusted text is in this session, so " + what + " asks first",
			Hint:   "see where it came from: openclaw policy why " + string(q.Session)})
	}
	if f.Exec != nil || f.Stdin {
		ask("flow.untrusted_exec", "running a command")
	}
	if len(f.Jobs) > 0 {
		ask("flow.untrusted_job", "scheduling a job")
	}
	if len(f.Spawns) > 0 {
		ask("flow.untrusted_spawn", "starting an agent")
	}
	for _, w := range f.Writes {
		if persistent(w.Abs) {
			ask("flow.untrusted_persist", fmt.Sprintf("writing %s, which later sessions obey,", w.Text))
		}
	}
	return steps
}

func flowSends(q Request) []Step {
	var steps []Step
	both := q.Labels.Has(claw.Untrusted | claw.Private)
	secret := q.Labels.Has(claw.Secret)
	judge := func(what string) {
		switch {
		case secret:
			steps = append(steps, Step{Verdict: Deny, Rule: "flow.secret_leaves",
				Reason: "a secret is in this session; it may leave only by injection"})
		case both:
			steps = append(steps, Step{Verdict: Ask, Rule: "flow.private_untrusted_send",
				Reason: "this session has read untrusted text and private data, so " + what + " asks first",
				Hint:   "see both: openclaw policy why " + string(q.Session)})
		}
	}
	for _, s := range q.Facts.Sends {
		if s.OriginOnly && s.OwnersOnly {
			continue // the owner's own conversation is no third party
		}
		judge(fmt.Sprintf("sending to %s:%s", s.Channel, s.To))
	}
	for _, h := range q.Facts.Hosts {
		if h.CarriesData || secret {
			judge("reaching " + h.Name)
		}
	}
	return steps
}

// persistentNames are workspace files that later sessions obey or recall.
var persistentNames = [...]string{"SOUL.md", "AGENTS.md", "TOOLS.md", "IDENTITY.md", "USER.md", "MEMORY.md", "HEARTBEAT.md", "BOOT.md", "BOOTSTRAP.md", "SKILL.md"}

// persistent reports whether a path is an instruction or memory file.
func persistent(abs string) bool {
	base := abs[strings.LastIndexByte(abs, '/')+1:]
	for _, n := range persistentNames {
		if strings.EqualFold(base, n) {
			return true
		}
	}
	return strings.Contains(abs, "/memory/") || strings.Contains(abs, "/skills/")
}
