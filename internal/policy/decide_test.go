package policy

import (
	"encoding/json"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"pgregory.net/rapid"
)

var owner = claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}

func set(names ...claw.ToolName) map[claw.ToolName]bool {
	m := map[claw.ToolName]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

func openRules() Rules {
	return Rules{Agent: "main", Generation: "g1",
		Tools:  []ToolLayer{{Layer: LayerProfile, Name: "full"}},
		Files:  FileRules{Workspace: "/ws", Home: "/home/u", WorkspaceOnly: true},
		Egress: EgressRules{Mode: EgressAsk}}
}

func request(tool claw.ToolName, f Facts, labels claw.Labels) Request {
	f.Understood = true
	return Request{Agent: "main", Session: "agent:main:main", Tool: tool, Arguments: json.RawMessage(`{}`),
		Principal: owner, Labels: labels, Facts: f, Generation: "g1", Nonce: "n"}
}

func TestDecide(t *testing.T) {
	const tainted = claw.Untrusted | claw.Private
	webchat := Send{Channel: "webchat", To: "main", OriginOnly: true, OwnersOnly: true}
	group := Send{Channel: "telegram", To: "-100", OriginOnly: true}
	other := Send{Channel: "telegram", To: "7"}
	page := Host{Name: "docs.example.org", Port: 443, Scheme: "https", Method: "GET"}
	chosen := page
	chosen.CarriesData = true
	denyCron := openRules()
	denyCron.Tools = append(denyCron.Tools, ToolLayer{Layer: LayerAgent, Deny: set("cron"), DenyWhere: claw.ConfigRef{File: "openclaw.json", Line: 3, Column: 5, Pointer: "agents.list[0].tools.deny"}})
	narrow := openRules()
	narrow.Tools = []ToolLayer{{Layer: LayerProfile, Name: "messaging", Allow: set("read")}}
	closed := openRules()
	closed.Surfaces = []claw.Surface{claw.SurfaceWebchat}
	observe := openRules()
	observe.Flow.Mode = FlowObserve
	off := openRules()
	off.Flow.Mode = FlowOff
	listed := openRules()
	listed.Egress.Hosts = []HostRule{{Host: "*.example.org", Class: HostRead}}
	stale := request("read", Facts{}, 0)
	stale.Generation = "g0"
	stranger := request("cron", Facts{}, 0)
	stranger.Principal = claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Paired, Sender: "1"}
	halted, talking := openRules(), openRules()
	halted.Halted, talking.Halted = HaltAll, HaltTools
	unclear := request("read", Facts{}, 0)
	unclear.Facts.Understood, unclear.Facts.Why = false, "a name only known at run time"
	soul := Path{Abs: "/ws/SOUL.md", Text: "SOUL.md"}

	for name, c := range map[string]struct {
		rules Rules
		q     Request
		want  Verdict
		rule  RuleID
	}{
		"zero rules refuse":                 {Rules{}, request("read", Facts{}, 0), Deny, "surface.unknown_agent"},
		"another agent's rules refuse":      {Rules{Agent: "other"}, request("read", Facts{}, 0), Deny, "surface.unknown_agent"},
		"a tool in the profile passes":      {narrow, request("read", Facts{}, 0), Allow, "profile.allowed"},
		"a tool beyond the profile":         {narrow, request("exec", Facts{}, 0), Deny, "tools.not_in_profile"},
		"deny is final":                     {denyCron, request("cron", Facts{}, 0), Deny, "tools.denied"},
		"owner-only for a paired sender":    {openRules(), stranger, Deny, "tools.owner_only"},
		"owner-only for the owner":          {openRules(), request("cron", Facts{}, 0), Allow, "profile.allowed"},
		"a surface that is closed":          {closed, request("read", Facts{}, 0), Deny, "surface.closed"},
		"a lockdown":                        {halted, request("read", Facts{}, 0), Deny, RuleLockdown},
		"a lockdown that lets talk":         {talking, request("read", Facts{}, 0), Deny, RuleLockdown},
		"a stale generation":                {openRules(), stale, Deny, "surface.stale_generation"},
		"not understood is never allowed":   {openRules(), unclear, Ask, "facts.not_understood"},
		"reply to the owner, tainted":       {openRules(), request("message", Facts{Sends: []Send{webchat}}, tainted), Allow, "message.same_conversation"},
		"reply to a group, clean":           {openRules(), request("message", Facts{Sends: []Send{group}}, claw.Private), Allow, "message.same_conversation"},
		"R04 reply to a group, tainted":     {openRules(), request("message", Facts{Sends: []Send{group}}, tainted), Ask, "flow.private_untrusted_send"},
		"send elsewhere needs the right":    {openRules(), request("message", Facts{Sends: []Send{other}}, 0), Deny, "message.elsewhere"},
		"a secret never leaves by message":  {openRules(), request("message", Facts{Sends: []Send{group}}, claw.Secret), Deny, "flow.secret_leaves"},
		"fetch while clean":                 {openRules(), request("web_fetch", Facts{Hosts: []Host{chosen}}, 0), Allow, "egress.public_get"},
		"fetch while untrusted only":        {openRules(), request("web_fetch", Facts{Hosts: []Host{chosen}}, claw.Untrusted), Allow, "egress.public_get"},
		"fetch with private data around":    {openRules(), request("web_fetch", Facts{Hosts: []Host{page}}, claw.Private), Ask, "egress.unknown_host"},
		"R27 chosen URL, tainted":           {listed, request("web_fetch", Facts{Hosts: []Host{chosen}}, tainted), Ask, "flow.private_untrusted_send"},
		"operator's URL on a listed host":   {listed, request("web_fetch", Facts{Hosts: []Host{page}}, tainted), Allow, "egress.host_allowed"},
		"a host for another tool":           {openRules(), request("exec", Facts{Hosts: []Host{page}}, 0), Ask, "egress.unknown_host"},
		"writing instructions, tainted":     {openRules(), request("write", Facts{Writes: []Path{soul}}, claw.Untrusted), Ask, "flow.untrusted_persist"},
		"scheduling, tainted":               {openRules(), request("cron", Facts{Jobs: []string{"j"}}, claw.Untrusted), Ask, "flow.untrusted_job"},
		"starting an agent, tainted":        {openRules(), request("sessions_spawn", Facts{Spawns: []claw.AgentID{"x"}}, claw.Untrusted), Ask, "flow.untrusted_spawn"},
		"typing into a program, tainted":    {openRules(), request("process", Facts{Stdin: true}, claw.Untrusted), Ask, "flow.untrusted_exec"},
		"observe lets it pass, and says so": {observe, request("cron", Facts{Jobs: []string{"j"}}, claw.Untrusted), Allow, ""},
		"off judges nothing":                {off, request("cron", Facts{Jobs: []string{"j"}}, claw.Untrusted), Allow, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := Decide(c.rules, c.q)
			if d.Verdict != c.want || c.rule != "" && c.rule != d.Rule {
				t.Errorf("got %s %s (%s), want %s %s", d.Verdict, d.Rule, d.Reason, c.want, c.rule)
			}
		})
	}
}

func TestPermitNeedsTheSameRequest(t *testing.T) {
	q := request("read", Facts{}, 0)
	d := Decide(openRules(), q)
	p, err := d.Permit(q)
	if err != nil || !p.Covers(DigestOf(q)) {
		t.Fatal(err)
	}
	changed := []func(*Request){
		func(q *Request) { q.Labels = claw.Untrusted },
		func(q *Request) { q.Arguments = json.RawMessage(`{"path":"x"}`) },
		func(q *Request) { q.Session = "other" },
		func(q *Request) { q.Facts.Programs = []Program{{Path: "/bin/ls", SHA256: "0"}} },
		func(q *Request) { q.Facts.Env = map[string]string{"LANG": "C"} },
		func(q *Request) { q.Nonce = "n2" },
		func(q *Request) { q.Generation = "g2" },
		func(q *Request) { q.Principal.Sender = "2" },
	}
	for i, change := range changed {
		other := q
		change(&other)
		if _, err := d.Permit(other); err == nil || p.Covers(DigestOf(other)) {
			t.Errorf("change %d kept the permit", i)
		}
	}
	if (Permit{}).Covers(Digest{}) || (Permit{}).Valid() {
		t.Error("the zero permit covers something")
	}
}

func TestConsentNeverOverrulesADeny(t *testing.T) {
	q := request("exec", Facts{}, 0)
	rules := openRules()
	rules.Tools[0].Allow = set("read")
	d := Decide(rules, q)
	c := Consented(d.Digest, "a1", owner, q0)
	if _, err := d.PermitWith(q, c); err == nil {
		t.Fatal("a denied call got a permit")
	}
	ask := Decide(openRules(), request("x", Facts{Jobs: []string{"j"}}, claw.Untrusted))
	if _, err := ask.PermitWith(request("x", Facts{Jobs: []string{"j"}}, claw.Untrusted), Consent{}); err == nil {
		t.Fatal("the zero consent gave a permit")
	}
	if _, err := ask.Permit(request("x", Facts{Jobs: []string{"j"}}, claw.Untrusted)); err == nil {
		t.Fatal("an Ask gave a permit without consent")
	}
}

// Adding a layer never loosens, and Decide is total.
func TestAddingALayerNeverLoosens(t *testing.T) {
	tools := []claw.ToolName{"read", "write", "exec", "cron", "message", "web_fetch"}
	rapid.Check(t, func(t *rapid.T) {
		rules := openRules()
		rules.Flow.Mode = FlowMode(rapid.IntRange(0, 3).Draw(t, "mode"))
		rules.Egress.Mode = EgressMode(rapid.IntRange(0, 3).Draw(t, "egress"))
		q := request(rapid.SampledFrom(tools).Draw(t, "tool"), Facts{}, claw.Labels(rapid.IntRange(0, 7).Draw(t, "labels")))
		q.Principal.Standing = claw.Standing(rapid.IntRange(0, 3).Draw(t, "standing"))
		if rapid.Bool().Draw(t, "host") {
			q.Facts.Hosts = []Host{{Name: rapid.StringMatching(`[a-z.*@]{0,8}`).Draw(t, "name"), CarriesData: rapid.Bool().Draw(t, "data")}}
		}
		before := Decide(rules, q)
		layer := ToolLayer{Layer: LayerSender, Deny: set(rapid.SampledFrom(tools).Draw(t, "deny"))}
		if rapid.Bool().Draw(t, "allow") {
			layer.Allow = set(rapid.SampledFrom(tools).Draw(t, "allowed"))
		}
		rules.Tools = append(rules.Tools, layer)
		if after := Decide(rules, q); after.Verdict > before.Verdict {
			t.Fatalf("loosened from %s to %s", before.Verdict, after.Verdict)
		}
		q.Labels |= claw.Untrusted
		if tainted := Decide(rules, q); rules.Flow.Mode <= FlowObserve && tainted.Verdict > before.Verdict {
			t.Fatalf("a label loosened from %s to %s", before.Verdict, tainted.Verdict)
		}
	})
}
