package policy

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
)

// flowSteps are the words of the flow rules in a decision.
func flowSteps(d Decision) []Step {
	return slices.DeleteFunc(slices.Clone(d.Trace), func(s Step) bool { return s.Layer != LayerFlow })
}

// TestFlowRules is the table of DESIGN §4: which labels ask about what.
func TestFlowRules(t *testing.T) {
	const un, pr, se = claw.Untrusted, claw.Private, claw.Secret
	own := Send{Channel: "webchat", To: "main", OriginOnly: true, OwnersOnly: true}
	group := Send{Channel: "telegram", To: "-100", OriginOnly: true}
	elsewhere := Send{Channel: "telegram", To: "7", OwnersOnly: true}
	given := Host{Name: "docs.example.org", Method: "GET"}
	chosen := Host{Name: "docs.example.org", Method: "GET", CarriesData: true}
	file := func(abs string, l claw.Labels) Facts {
		return Facts{Writes: []Path{{Abs: abs, Text: abs}}, Reads: []Path{{Abs: abs, Labels: l}}}
	}
	for name, c := range map[string]struct {
		facts  Facts
		labels claw.Labels
		want   string // rules of the flow layer with their verdicts
	}{
		"a clean session runs":               {Facts{Exec: &cmdline.Facts{Understood: true}}, 0, ""},
		"private alone runs":                 {Facts{Exec: &cmdline.Facts{Understood: true}}, pr, ""},
		"untrusted, a command":               {Facts{Exec: &cmdline.Facts{Understood: true}}, un, "ask flow.untrusted_exec"},
		"untrusted, typing":                  {Facts{Stdin: true}, un | pr, "ask flow.untrusted_exec"},
		"untrusted, a job":                   {Facts{Jobs: []string{"j"}}, un, "ask flow.untrusted_job"},
		"untrusted, a sub-agent":             {Facts{Spawns: []claw.AgentID{"x"}}, un, "ask flow.untrusted_spawn"},
		"untrusted, SOUL.md":                 {file("/ws/SOUL.md", 0), un, "ask flow.untrusted_persist"},
		"untrusted, agents.md in any case":   {file("/ws/agents.MD", 0), un, "ask flow.untrusted_persist"},
		"untrusted, memory":                  {file("/ws/memory/2026-04-01.md", 0), un, "ask flow.untrusted_persist"},
		"untrusted, MEMORY.md":               {file("/ws/MEMORY.md", 0), un, "ask flow.untrusted_persist"},
		"untrusted, a skill":                 {file("/ws/skills/x/run.sh", 0), un, "ask flow.untrusted_persist"},
		"untrusted, a file":                  {file("/ws/notes.md", 0), un, ""},
		"private, memory":                    {file("/ws/MEMORY.md", 0), pr, ""},
		"both, to the owner":                 {Facts{Sends: []Send{own}}, un | pr, ""},
		"both, to a group":                   {Facts{Sends: []Send{group}}, un | pr, "ask flow.private_untrusted_send"},
		"both, to the owner elsewhere":       {Facts{Sends: []Send{elsewhere}}, un | pr, "ask flow.private_untrusted_send"},
		"untrusted, to a group":              {Facts{Sends: []Send{group}}, un, ""},
		"private, to a group":                {Facts{Sends: []Send{group}}, pr, ""},
		"both, a page that was given":        {Facts{Hosts: []Host{given}}, un | pr, ""},
		"both, a page that was chosen":       {Facts{Hosts: []Host{chosen}}, un | pr, "ask flow.private_untrusted_send"},
		"untrusted, a page that was chosen":  {Facts{Hosts: []Host{chosen}}, un, ""},
		"secret, a page that was given":      {Facts{Hosts: []Host{given}}, se, "deny flow.secret_leaves"},
		"secret, to a group":                 {Facts{Sends: []Send{group}}, se, "deny flow.secret_leaves"},
		"secret, to the owner":               {Facts{Sends: []Send{own}}, se, ""},
		"clean, takes a strange file along":  {Facts{Sends: []Send{group}, Reads: []Path{{Abs: "/ws/f", Labels: un | pr}}}, 0, "ask flow.private_untrusted_send"},
		"untrusted, takes a private file":    {Facts{Sends: []Send{group}, Reads: []Path{{Abs: "/ws/f", Labels: pr}}}, un, "ask flow.private_untrusted_send"},
		"takes a secret file to a group":     {Facts{Sends: []Send{group}, Reads: []Path{{Abs: "/ws/f", Labels: se}}}, 0, "deny flow.secret_leaves"},
		"a strange file read and no more":    {Facts{Reads: []Path{{Abs: "/ws/f", Labels: un | pr}}}, 0, ""},
		"a command that sends, both":         {Facts{Exec: &cmdline.Facts{Understood: true}, Hosts: []Host{chosen}}, un | pr, "ask flow.untrusted_exec, ask flow.private_untrusted_send"},
		"untrusted, two memory files, asked": {Facts{Writes: []Path{{Abs: "/ws/MEMORY.md"}, {Abs: "/ws/memory/x"}}}, un, "ask flow.untrusted_persist, ask flow.untrusted_persist"},
	} {
		for mode, seen := range map[FlowMode]func(string) string{
			FlowEnforce: func(s string) string { return s },
			FlowObserve: func(s string) string { return strings.ReplaceAll(s, "ask ", "allow ") },
			FlowOff:     func(string) string { return "" },
		} {
			r := openRules()
			r.Egress.Mode, r.SendElsewhere, r.Flow.Mode = EgressAllow, true, mode
			r.Exec = ExecRules{Security: ExecFull, Ask: AskOff}
			var got []string
			for _, s := range flowSteps(Decide(r, request("tool", c.facts, c.labels))) {
				got = append(got, s.Verdict.String()+" "+string(s.Rule))
				if mode == FlowObserve && s.Verdict == Allow && !strings.HasPrefix(s.Reason, "observed, not enforced: ") {
					t.Errorf("%s: observed without saying so: %q", name, s.Reason)
				}
				if strings.Contains(s.Reason, "openclaw ") {
					t.Errorf("%s: the model is told what a person can do: %q", name, s.Reason)
				}
			}
			if want := seen(c.want); strings.Join(got, ", ") != want {
				t.Errorf("%s, mode %d: %q, expected %q", name, mode, got, want)
			}
		}
	}
}

// TestMoreLabelsNeverLoosen: for any call, a session with more labels is judged
// at least as strictly, and a stricter mode never lets more through.
func TestMoreLabelsNeverLoosen(t *testing.T) {
	path := rapid.SampledFrom([]string{"/ws/a", "/ws/MEMORY.md", "/ws/skills/x", "/ws/memory/y"})
	host := rapid.Custom(func(r *rapid.T) Host {
		return Host{Name: "h.example", Method: rapid.SampledFrom([]string{"GET", "POST", ""}).Draw(r, "method"), CarriesData: rapid.Bool().Draw(r, "carries")}
	})
	send := rapid.Custom(func(r *rapid.T) Send {
		return Send{Channel: "c", To: "t", OriginOnly: rapid.Bool().Draw(r, "origin"), OwnersOnly: rapid.Bool().Draw(r, "owners")}
	})
	labels := rapid.Custom(func(r *rapid.T) claw.Labels { return claw.Labels(rapid.IntRange(0, 7).Draw(r, "bits")) })
	rapid.Check(t, func(r *rapid.T) {
		f := Facts{Stdin: rapid.Bool().Draw(r, "stdin"), Hosts: rapid.SliceOfN(host, 0, 2).Draw(r, "hosts"), Sends: rapid.SliceOfN(send, 0, 2).Draw(r, "sends")}
		for _, p := range rapid.SliceOfN(path, 0, 2).Draw(r, "writes") {
			f.Writes = append(f.Writes, Path{Abs: p})
		}
		few := labels.Draw(r, "few")
		more := few | labels.Draw(r, "more")
		rules := openRules()
		rules.SendElsewhere = rapid.Bool().Draw(r, "elsewhere")
		rules.Egress.Mode = EgressMode(rapid.IntRange(0, 2).Draw(r, "egress"))
		tool := rapid.SampledFrom([]claw.ToolName{"web_fetch", "message", "write"}).Draw(r, "tool")
		strict := Decide(rules, request(tool, f, more)).Verdict
		if loose := Decide(rules, request(tool, f, few)).Verdict; strict > loose {
			r.Fatalf("labels %v: %v, with %v: %v", few, loose, more, strict)
		}
		before := strict
		for _, m := range []FlowMode{FlowObserve, FlowOff} {
			rules.Flow.Mode = m
			now := Decide(rules, request(tool, f, more)).Verdict
			if now < before {
				r.Fatalf("mode %d is stricter than the one before: %v, %v", m, now, before)
			}
			before = now
		}
	})
}

// TestR15Live: what a run may still send when its session's labels have grown.
func TestR15Live(t *testing.T) {
	const un, pr, se = claw.Untrusted, claw.Private, claw.Secret
	for name, c := range map[string]struct {
		mode       FlowMode
		asked, now claw.Labels
		given      bool
		want       Verdict
		rule       RuleID
	}{
		"nothing grew":                 {FlowEnforce, pr, pr, false, 0, ""},
		"untrusted came":               {FlowEnforce, pr, un | pr, false, Deny, "flow.private_untrusted_send"},
		"private came":                 {FlowEnforce, un, un | pr, false, Deny, "flow.private_untrusted_send"},
		"both came":                    {FlowEnforce, 0, un | pr, false, Deny, "flow.private_untrusted_send"},
		"both were there and asked of": {FlowEnforce, un | pr, un | pr, false, 0, ""},
		"carries nothing":              {FlowEnforce, pr, un | pr, true, 0, ""},
		"a secret came":                {FlowEnforce, un | pr, un | pr | se, true, Deny, "flow.secret_leaves"},
		"a secret, not enforced":       {FlowOff, 0, se, false, Deny, "flow.secret_leaves"},
		"observed":                     {FlowObserve, pr, un | pr, false, Allow, "flow.private_untrusted_send"},
		"off":                          {FlowOff, pr, un | pr, false, 0, ""},
	} {
		s := FlowRules{Mode: c.mode}.Live(c.asked, c.now, Host{Name: "h.example", CarriesData: !c.given})
		if s.Verdict != c.want || s.Rule != c.rule || c.rule != "" && s.Reason == "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestRulesGiveAddresses: a rule of the operator's gives an address when it
// names its host and its path to the letter.
func TestRulesGiveAddresses(t *testing.T) {
	r := EgressRules{Hosts: []HostRule{{Host: "api.example.org", Paths: []string{"/v1/status", "/"}}, {Host: "*.wild.example", Paths: []string{"/a"}}, {Host: "any.example"}}}
	for url, want := range map[string]bool{
		"https://api.example.org/v1/status":      true,
		"https://api.example.org/":               true,
		"https://api.example.org":                false,
		"http://api.example.org/v1/status":       false,
		"https://api.example.org/v1/status?x=y":  false,
		"https://api.example.org/v1/status#x":    false,
		"https://api.example.org/v1/status/x":    false,
		"https://u@api.example.org/v1/status":    false,
		"https://api.example.org:8443/v1/status": false,
		"https://x.wild.example/a":               false,
		"https://*.wild.example/a":               false,
		"https://any.example/":                   false,
		"":                                       false,
	} {
		if got := r.Gives(url); got != want {
			t.Errorf("%q: %v", url, got)
		}
	}
}

// TestR26PrivateProviders: who may have private text, by name and by place.
func TestR26PrivateProviders(t *testing.T) {
	private, listed := claw.Private, FlowRules{Providers: []string{"Second"}, OnlyListed: true}
	for name, c := range map[string]struct {
		rules  FlowRules
		labels claw.Labels
		p      ModelProvider
		want   Verdict
	}{
		"clean, anybody":           {FlowRules{}, 0, ModelProvider{"x", "x.example:443", false}, Allow},
		"from outside, anybody":    {FlowRules{}, claw.Untrusted, ModelProvider{"x", "x.example:443", false}, Allow},
		"private, the first":       {FlowRules{}, private, ModelProvider{"x", "x.example:443", true}, Allow},
		"private, another":         {FlowRules{}, private, ModelProvider{"x", "x.example:443", false}, Deny},
		"private, in the process":  {listed, private, ModelProvider{"operator", "", false}, Allow},
		"private, this machine":    {FlowRules{}, private, ModelProvider{"x", "127.0.0.1:11434", false}, Allow},
		"private, this machine v6": {FlowRules{}, private, ModelProvider{"x", "[::1]:1", false}, Allow},
		"private, mapped":          {FlowRules{}, private, ModelProvider{"x", "[::ffff:127.0.0.1]:1", false}, Allow},
		"private, localhost":       {FlowRules{}, private, ModelProvider{"x", "localhost:1", false}, Allow},
		"private, a name like it":  {FlowRules{}, private, ModelProvider{"x", "localhost.evil.example:1", false}, Deny},
		"private, 127 as a name":   {FlowRules{}, private, ModelProvider{"x", "127.0.0.1.evil.example:1", false}, Deny},
		"private, the LAN":         {FlowRules{}, private, ModelProvider{"x", "192.168.1.2:1", false}, Deny},
		"listed":                   {listed, private, ModelProvider{"second", "x.example:443", false}, Allow},
		"the first, not listed":    {listed, private, ModelProvider{"x", "x.example:443", true}, Deny},
		"an empty list":            {FlowRules{OnlyListed: true}, private, ModelProvider{"x", "x.example:443", true}, Deny},
		"observed":                 {FlowRules{Mode: FlowObserve}, private, ModelProvider{"x", "x.example:443", false}, Allow},
		"off":                      {FlowRules{Mode: FlowOff}, private, ModelProvider{"x", "x.example:443", false}, Allow},
		"a secret, listed":         {listed, claw.Secret, ModelProvider{"second", "x.example:443", true}, Deny},
		"a secret, off":            {FlowRules{Mode: FlowOff}, claw.Secret, ModelProvider{"second", "127.0.0.1:1", true}, Deny},
		"a secret, in the process": {FlowRules{}, claw.Secret, ModelProvider{"operator", "", true}, Allow},
	} {
		if s := c.rules.Provider(c.labels, c.p); s.Verdict != c.want || s.Verdict == Deny && s.Rule != "flow.private_provider" && c.labels != claw.Secret {
			t.Errorf("%s: %s %s (%s)", name, s.Verdict, s.Rule, s.Reason)
		}
	}
}
