package answer

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// pastOf records a call as it was decided under a world.
func pastOf(t *testing.T, w World, agent claw.AgentID, tool claw.ToolName, args string, f policy.Facts, labels claw.Labels) *Past {
	t.Helper()
	a := w.agent(agent)
	q := policy.Request{Agent: agent, Tool: tool, Arguments: json.RawMessage(args), Facts: f, Labels: labels, Generation: a.Rules.Generation,
		Principal: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}}
	q.Facts.Understood = true
	return &Past{Seq: 7, Caller: policy.Caller{Agent: agent, Principal: q.Principal}, Call: recorded(q, policy.Decide(a.Rules, q))}
}

func recorded(q policy.Request, d policy.Decision) *policy.Recorded {
	r := policy.Record(q, d)
	return &r
}

func exec(w World, agent claw.AgentID, line string) policy.Facts {
	f := cmdline.Analyze(line, cmdline.Env{Home: "/home/u", Cwd: w.agent(agent).Workspace, Workspace: w.agent(agent).Workspace})
	return policy.Facts{Exec: &f, Cwd: w.agent(agent).Workspace}
}

func TestSimulate(t *testing.T) {
	old := homeWith(t, "")
	with := func(from, to string) World { return worldOf(t, strings.Replace(fmt.Sprintf(home, ""), from, to, 1)) }
	makeListed := with(`"git status"]`, `"git status", "make"]`)
	noExec := with(`allow: ["read", "write", "edit", "exec", "process"]`, `allow: ["read", "write", "edit"]`)
	mainRuns := worldOf(t, `{tools: {profile: "full", exec: {security: "allowlist", allowlist: ["ls"], ask: "on-miss"}}}`)
	moved := with(`{ id: "workbench", `, `{ id: "workbench", workspace: "/srv/elsewhere", `)
	alwaysAsk := with(`ask: "on-miss", allowlist`, `ask: "always", allowlist`)
	gone := worldOf(t, `{}`)
	masked := pastOf(t, old, "workbench", "exec", `{"command":"make"}`, exec(old, "workbench", "make"), 0)
	masked.Call.Masked = true
	denied := pastOf(t, old, "main", "exec", `{"command":"ls -l"}`, policy.Facts{}, 0)
	denied.Call.Unprepared = true
	deniedOdd := pastOf(t, old, "main", "process", `{"action":"list"}`, policy.Facts{}, 0)
	deniedOdd.Call.Unprepared = true
	bad := pastOf(t, old, "workbench", "exec", `{}`, policy.Facts{}, 0)
	bad.Call.Unprepared, bad.Call.Rule, bad.Call.Verdict = true, policy.RuleBadCall, policy.Deny
	refusedBefore := pastOf(t, old, "workbench", "exec", `{"command":"make"}`, exec(old, "workbench", "make"), 0)
	refusedBefore.Call.Verdict, refusedBefore.Call.Rule = policy.Deny, policy.RuleDeniedBefore
	ls, mk := pastOf(t, old, "workbench", "exec", `{"command":"ls"}`, exec(old, "workbench", "ls"), 0), pastOf(t, old, "workbench", "exec", `{"command":"make"}`, exec(old, "workbench", "make"), 0)
	file := pastOf(t, old, "workbench", "read", `{"path":"a"}`, policy.Facts{Reads: []policy.Path{{Abs: old.agent("workbench").Workspace + "/a"}}}, claw.Private)
	reply := &Past{Caller: policy.Caller{Agent: "main", Principal: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}},
		Reply: &PastReply{Verdict: policy.Allow, To: policy.Send{Channel: "cli", OriginOnly: true, OwnersOnly: true}}}
	for _, c := range []struct {
		name string
		w    World
		past *Past
		want Simulation
	}{
		{"the same rules", old, ls, Simulation{Unchanged: 1}},
		{"a prompt saved", makeListed, mk, Simulation{PromptsSaved: 1}},
		{"a prompt more", alwaysAsk, ls, Simulation{PromptsAdded: 1}},
		{"refused from now on", noExec, ls, Simulation{NewlyRefused: 1}},
		{"the agent is gone", gone, ls, Simulation{NewlyRefused: 1}},
		{"masked, and it matters", makeListed, masked, Simulation{NotDecidable: 1, Reasons: map[string]int{notMasked: 1}}},
		{"masked, and it does not matter", noExec, masked, Simulation{NewlyRefused: 1}},
		{"worked out now", mainRuns, denied, Simulation{NewlyAllowed: 1, Reworked: 1}},
		{"cannot be worked out", mainRuns, deniedOdd, Simulation{NotDecidable: 1, Reasons: map[string]int{notPrepared: 1}}},
		{"still refused by name", old, denied, Simulation{Unchanged: 1}},
		{"a call nobody can read", old, bad, Simulation{NotDecidable: 1, Reasons: map[string]int{notRead: 1}}},
		{"a person had refused", makeListed, refusedBefore, Simulation{PromptsSaved: 1}},
		{"the workspace moved, a command", moved, ls, Simulation{NotDecidable: 1, Reasons: map[string]int{notSameDir: 1}}},
		{"the workspace moved, a file", moved, file, Simulation{NotDecidable: 1, Reasons: map[string]int{notSameDir: 1}}},
		{"a file as before", makeListed, file, Simulation{Unchanged: 1}},
		{"a reply", makeListed, reply, Simulation{Unchanged: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, p := range []Parse{ParseRecorded, ParseAnew} {
				s := NewSimulator(c.w, p)
				s.Add(c.past)
				got, changes := s.Result(), len(s.Result().Changes)
				c.want.Requests, got.Changes = 1, nil
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("(-want +got)\n%s", d)
				}
				if changed := c.want.Unchanged+c.want.NotDecidable == 0; (changes == 1) != changed {
					t.Errorf("%d changes are listed", changes)
				}
			}
		})
	}
	s := NewSimulator(old, ParseRecorded)
	ls.Call.Rule = "surface.stale_generation"
	s.Add(ls)
	if n := s.Result().Requests; n != 0 {
		t.Errorf("%d requests: an accident of timing is none", n)
	}
}

func TestWhy(t *testing.T) {
	at := time.Date(2026, 4, 8, 14, 0, 0, 0, time.UTC)
	untrusted := claw.Lineage{Label: claw.Untrusted, From: "web page docs.example.org", Entry: "r2", Time: at, Note: "reads like an order"}
	private := claw.Lineage{Label: claw.Private, From: "file notes.txt", Entry: "r1", Time: at}
	moments := []Moment{
		{Seq: 1, Added: []claw.Lineage{{Label: claw.Secret, From: "before"}}}, {Seq: 2, Begun: true},
		{Seq: 3, Run: "r1", Call: "c1", Tool: "read", Labels: claw.Private}, {Seq: 4, Added: []claw.Lineage{private}},
		{Seq: 5, Run: "r2", Call: "c2", Tool: "web_fetch", Labels: claw.Untrusted}, {Seq: 6, Added: []claw.Lineage{untrusted}},
		{Seq: 7, Cleared: claw.Untrusted, By: "cli", Why: "I wrote that page"}}
	s := Why(moments)
	if s.Labels != claw.Private || len(s.Origins) != 2 {
		t.Fatalf("%+v", s)
	}
	if o := s.Origins[0]; o.Cause != 3 || o.Tool != "read" || o.Seq != 4 || o.Cleared {
		t.Errorf("%+v", o)
	}
	if o := s.Origins[1]; o.Cause != 5 || o.Call != "c2" || !o.Cleared || o.ClearedAt != 7 || o.Why == "" || o.Note == "" {
		t.Errorf("%+v", o)
	}
	if s := Why(append(moments, Moment{Seq: 8, Added: []claw.Lineage{untrusted}})); s.Labels != claw.Private|claw.Untrusted || s.Origins[2].Cleared {
		t.Errorf("%+v", s)
	}
}

func TestShow(t *testing.T) {
	w := homeWith(t, `channels: {telegram: {botToken: "x"}}`)
	all := w.Show("")
	if len(all) != 2 || !all[0].Default || all[0].Agent != "main" {
		t.Fatalf("%+v", all)
	}
	tools := func(e Effective) map[claw.ToolName]EffectiveTool {
		out := map[claw.ToolName]EffectiveTool{}
		for _, x := range e.Tools {
			out[x.Tool] = x
		}
		return out
	}
	main, bench := tools(all[0]), tools(all[1])
	if x := main["message"]; x.Verdict != policy.Allow || x.Where.Pointer != "tools.profile" || x.From != "the profile messaging" {
		t.Errorf("%+v", x)
	}
	if x := main["read"]; x.Verdict != policy.Deny || x.Rule != "tools.denied" || x.Where.Line == 0 {
		t.Errorf("%+v", x)
	}
	if x := bench["exec"]; x.Verdict != policy.Allow || x.NotBuilt || x.Where.Pointer != "tools.agents.workbench.allow[3]" {
		t.Errorf("%+v", x)
	}
	if x := main["image"]; !x.NotBuilt {
		t.Errorf("%+v", x)
	}
	if got := strings.Join(all[0].Doors, " "); got != "cli webchat cron telegram" {
		t.Errorf("main's doors are %s", got)
	}
	if got := strings.Join(all[1].Doors, " "); got != "cli webchat" {
		t.Errorf("workbench's doors are %s", got)
	}
	if one := w.Show("workbench"); len(one) != 1 || one[0].Agent != "workbench" {
		t.Errorf("%+v", one)
	}
}

func TestWho(t *testing.T) {
	w := homeWith(t, `channels: {telegram: {accounts: {home: {botToken: "x", allowFrom: ["7"]}, work: {botToken: "y"}}}, slack: {botToken: "x", appToken: "y"}}, commands: {ownerAllowFrom: ["telegram:1"]}`)
	for text, want := range map[string]string{
		"cli": "cli", "owner": "cli webchat telegram/home:owner telegram/work:owner slack:owner", "telegram:stranger": "telegram/home:stranger telegram/work:stranger",
		"telegram/work:unpaired": "telegram/work:stranger", "slack:member": "slack:member", "stranger": "telegram/home:stranger telegram/work:stranger slack:stranger",
		"hooks": "hooks", "telegram/home:7": "telegram/home:7", "API": "api",
	} {
		got, err := w.Who(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var names []string
		for _, s := range got {
			names = append(names, s.String())
		}
		if strings.Join(names, " ") != want {
			t.Errorf("%s means %v, want %s", text, names, want)
		}
	}
	if s, _ := w.Who("telegram/home:7"); s[0].Class != Allowlisted {
		t.Errorf("%+v", s)
	}
	if s, _ := w.Who("telegram:1"); s[0].Class != Owner {
		t.Errorf("%+v", s)
	}
	for _, text := range []string{"", "nobody", "telegram:"} {
		if s, err := w.Who(text); err == nil {
			t.Errorf("%q means %v", text, s)
		}
	}
	for _, text := range []string{"", "read", "fly to the moon", "get ", "get a b", "leak", "post *"} {
		if g, err := What(text); err == nil {
			t.Errorf("%q means %v", text, g)
		}
	}
	for text, want := range map[string]Goal{"Read ~/a b": {Kind: ReadFile, Arg: "~/a b"}, "fetch https://X.example.org/p?q": {Kind: Get, Arg: "x.example.org"}, "leak a.txt to telegram:9": {Kind: Leak, Arg: "a.txt", To: "telegram:9"}} {
		if g, err := What(text); err != nil || g != want {
			t.Errorf("%q means %+v (%v)", text, g, err)
		}
	}
}

func TestDiff(t *testing.T) {
	d := Diff(homeWith(t, ""), homeWith(t, `channels: {telegram: {botToken: "x", dmPolicy: "open", allowFrom: ["*"]}}`))
	if len(d.Reachable) == 0 || len(d.Unreachable) != 0 {
		t.Fatalf("%+v", d)
	}
	for _, x := range d.Reachable {
		if x.Capability != "reply" || !strings.HasPrefix(x.Sender, "telegram:") || x.Agent != "main" || x.From != policy.Deny {
			t.Errorf("%+v", x)
		}
	}
	d = Diff(homeWith(t, ""), worldOf(t, strings.NewReplacer(`"cat", `, ``, `"/home/*/.ssh", `, ``).Replace(fmt.Sprintf(home, ""))))
	if len(d.Looser) != 2 || !strings.Contains(d.Looser[0].What, ".ssh") || len(d.Stricter) != 1 || !strings.Contains(d.Stricter[0].What, `"cat"`) {
		t.Errorf("looser %v, stricter %v", d.Looser, d.Stricter)
	}
	if len(d.Unreachable) == 0 {
		t.Error("cat is not listed any more, and nothing changed")
	}
	for _, x := range d.Unreachable {
		if x.Capability != "run cat" || x.To != policy.Ask {
			t.Errorf("%+v", x)
		}
	}
}
