package policy

import (
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// flow judges a call by the labels that its session carries: what came from
// outside the operator may not by itself start programs or persist, and may
// not take what is private to a third party (DESIGN §4).
func (t *tally) flow(r *FlowRules, q *Request) {
	if r.Mode == FlowOff || q.Labels == 0 && len(q.Facts.Reads) == 0 {
		return
	}
	f := flowTally{t: t, r: r, q: q}
	f.untrusted()
	f.sends()
}

type flowTally struct {
	t *tally
	r *FlowRules
	q *Request
}

// add takes a word of the flow rules. What is only observed asks nobody.
func (f *flowTally) add(v Verdict, rule RuleID, words func() (reason, hint string)) {
	if f.r.Mode == FlowObserve && v == Ask {
		f.t.add(LayerFlow, Allow, rule, f.r.Where, func() (string, string) {
			reason, hint := words()
			return "observed, not enforced: " + reason, hint
		})
		return
	}
	f.t.add(LayerFlow, v, rule, f.r.Where, words)
}

func (f *flowTally) untrusted() {
	if !f.q.Labels.Has(claw.Untrusted) {
		return
	}
	facts := &f.q.Facts
	if facts.Exec != nil || facts.Stdin {
		f.asks("flow.untrusted_exec", "running a command", "")
	}
	if len(facts.Jobs) > 0 {
		f.asks("flow.untrusted_job", "scheduling a job", "")
	}
	if len(facts.Spawns) > 0 {
		f.asks("flow.untrusted_spawn", "starting an agent", "")
	}
	for i := range facts.Writes {
		if persistent(facts.Writes[i].Abs) {
			f.asks("flow.untrusted_persist", "writing a file that later sessions obey, ", facts.Writes[i].Text+",")
		}
	}
}

func (f *flowTally) asks(rule RuleID, what, name string) {
	f.add(Ask, rule, func() (string, string) {
		return "untrusted text is in this session, so " + what + name + " asks first",
			"see where it came from: openclaw policy why " + string(f.q.Session)
	})
}

func (f *flowTally) sends() {
	for i := range f.q.Facts.Sends {
		s := &f.q.Facts.Sends[i]
		if s.OriginOnly && s.OwnersOnly {
			continue // the owner's own conversation is no third party
		}
		f.leaves("sending to ", string(s.Channel), ":", s.To)
	}
	secret := f.taken().Has(claw.Secret)
	for i := range f.q.Facts.Hosts {
		if h := &f.q.Facts.Hosts[i]; h.CarriesData || secret {
			f.leaves("reaching ", h.Name, "", "")
		}
	}
}

// both is what may not leave for a third party without a person's word: what
// somebody outside chose, together with what is the operator's own.
const both = claw.Untrusted | claw.Private

// taken are the labels of the session and of the files that the call takes
// along.
func (f *flowTally) taken() claw.Labels {
	l := f.q.Labels
	for i := range f.q.Facts.Reads {
		l |= f.q.Facts.Reads[i].Labels
	}
	return l
}

// leaves judges what would go to a third party.
func (f *flowTally) leaves(verb, where, colon, rest string) {
	switch labels := f.taken(); {
	case labels.Has(claw.Secret):
		f.add(Deny, "flow.secret_leaves", func() (string, string) {
			return "a secret is in this session; it may leave only by injection", ""
		})
	case labels.Has(both):
		f.add(Ask, "flow.private_untrusted_send", func() (string, string) {
			return "this session has read untrusted text and private data, so " + verb + where + colon + rest + " asks first",
				"see both: openclaw policy why " + string(f.q.Session)
		})
	}
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
