package posture

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
)

var world = World{Home: "/home/u", State: "/home/u/.openclaw", Config: "/home/u/.openclaw/openclaw.json"}

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, ps := config.ParseBytes("openclaw.json", []byte(text), nil)
	if ps.HasErrors() {
		t.Fatalf("config: %v", ps.Err())
	}
	return c
}

func rulesOf(t *testing.T, text string, id claw.AgentID) policy.Rules {
	t.Helper()
	a, ok := Of(parse(t, text), world).Agent(id)
	if !ok {
		t.Fatalf("no agent %q", id)
	}
	return a.Rules
}

func has(r policy.Rules, tools ...claw.ToolName) []claw.ToolName { return r.Names(tools) }

// TestGuideBaseline: the guide's hardened baseline leaves main to chat.
func TestGuideBaseline(t *testing.T) {
	r := rulesOf(t, `{tools: {profile: "messaging", deny: ["group:automation","group:runtime","group:fs","sessions_spawn","sessions_send"],
		fs: {workspaceOnly: true, denyPaths: ["/etc"]}, exec: {security: "deny", ask: "always", elevated: {enabled: false}}}}`, "main")
	got := has(r, "read", "write", "exec", "cron", "message", "session_status", "web_search", "sessions_spawn")
	if want := []claw.ToolName{"message", "session_status", "web_search"}; !slices.Equal(got, want) {
		t.Errorf("tools = %v, want %v", got, want)
	}
	if r.Exec.Security != policy.ExecDeny || r.Exec.Ask != policy.AskAlways || r.Exec.Elevated || !r.Files.WorkspaceOnly || r.SendElsewhere {
		t.Errorf("rules = %+v", r)
	}
}

// TestGuideAllowReplacesProfile: tools.allow beside a profile is the set, and
// tools.agents adds to it for that agent alone.
func TestGuideAllowReplacesProfile(t *testing.T) {
	text := `{tools: {profile: "messaging", allow: ["web_search","web_fetch","Read","Write"],
		agents: {"coding-assistant": {allow: ["exec","Edit"], exec: {security: "allowlist", allowlist: ["git","npm","node"]}}}}}`
	main, coder := rulesOf(t, text, "main"), rulesOf(t, text, "coding-assistant")
	if got := has(main, "read", "write", "apply_patch", "web_fetch", "message", "exec", "edit"); !slices.Equal(got, []claw.ToolName{"read", "write", "apply_patch", "web_fetch"}) {
		t.Errorf("main has %v", got)
	}
	if got := has(coder, "read", "exec", "edit", "cron"); !slices.Equal(got, []claw.ToolName{"read", "exec", "edit"}) {
		t.Errorf("coding-assistant has %v", got)
	}
	if main.Exec.Security != policy.ExecDeny {
		t.Errorf("main may run commands: %v", main.Exec.Security)
	}
	if coder.Exec.Security != policy.ExecAllowlist || coder.Exec.Ask != policy.AskOnMiss || len(coder.Exec.Allowlist) != 3 {
		t.Errorf("coding-assistant exec = %+v", coder.Exec)
	}
}

func TestNothingConfigured(t *testing.T) {
	p := Of(config.Default(), world)
	if p.Default() != "main" {
		t.Errorf("default agent %q", p.Default())
	}
	if g := p.Gateway; !g.Loopback() || g.AuthMode != config.AuthToken || g.Port != 8765 || g.Completions || g.Invoke {
		t.Errorf("gateway = %+v", g)
	}
	empty := rulesOf(t, `{}`, "main")
	if empty.Exec.Security != policy.ExecDeny || !empty.Files.WorkspaceOnly || empty.Flow.Mode != policy.FlowEnforce || empty.Confinement.Level != policy.LevelIsolated {
		t.Errorf("an empty file is not the baseline: %+v", empty)
	}
}

// TestUpstreamDefaults: what is silent in an upstream home is open there.
func TestUpstreamDefaults(t *testing.T) {
	w := world
	w.Owner = Upstream
	p := Of(parse(t, `{}`), w)
	r := p.Agents[0].Rules
	if r.Exec.Security != policy.ExecFull || r.Exec.Ask != policy.AskOff || r.Files.WorkspaceOnly || len(has(r, "exec", "cron")) != 2 || p.Gateway.Port != config.UpstreamPort {
		t.Errorf("upstream = %+v", r)
	}
}

// TestInvalidGuardsAreStrict: a value that was not understood never opens
// anything, whatever the key.
func TestInvalidGuardsAreStrict(t *testing.T) {
	for _, text := range []string{
		`{tools: {profile: "fulll"}}`, `{tools: {profile: "full", deny: "exec"}}`, `{tools: {profile: "full", deny: [7]}}`,
		`{tools: {profile: "full", allow: {}}}`, `{tools: {profile: "full", exec: {security: "ful"}}}`,
		`{tools: {profile: "full", exec: {security: "full", denylist: [3]}}}`,
	} {
		c, ps := config.ParseBytes("openclaw.json", []byte(text), nil)
		if !ps.HasErrors() {
			t.Errorf("%s: no error", text)
		}
		r := Of(c, world).Agents[0].Rules
		if len(has(r, "exec")) == 1 && r.Exec.Security != policy.ExecDeny {
			t.Errorf("%s: exec is open: %+v", text, r.Exec)
		}
	}
}

// TestSealedPostureSurvivesJSON: what is sealed and read back decides the same;
// in particular an empty allow set does not become "everything".
func TestSealedPostureSurvivesJSON(t *testing.T) {
	p := Of(parse(t, `{tools: {profile: "standard", deny: ["*"], exec: {level: "confined"}}, agents: {list: [{id: "a", surfaces: []}, {id: "b", surfaces: ["cli"]}]}}`), world)
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back Posture
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(data), string(again)); d != "" {
		t.Error(d)
	}
	for i, a := range back.Agents {
		if got := has(a.Rules, "read", "write", "session_status"); len(got) != 0 {
			t.Errorf("%s: tools came back open: %v", a.ID, got)
		}
		if (a.Rules.Surfaces == nil) != (p.Agents[i].Rules.Surfaces == nil) {
			t.Errorf("%s: surfaces came back as %v", a.ID, a.Rules.Surfaces)
		}
	}
	if ch := Loosens(back, p); len(ch) != 0 {
		t.Errorf("loosens itself: %v", ch)
	}
}

func TestLoosens(t *testing.T) {
	const base = `{gateway: {bind: "loopback"}, tools: {profile: "standard", exec: {security: "allowlist", allowlist: ["git"], denylist: ["rm -rf"]}, fs: {denyPaths: ["/etc"]}}, agents: {list: [{id: "main", surfaces: ["cli"]}]}}`
	for _, c := range []struct{ name, next, want string }{
		{"same", base, ""},
		{"a model", `{gateway: {bind: "loopback"}, models: {default: {model: "x", provider: "openai"}}, tools: {profile: "standard", exec: {security: "allowlist", allowlist: ["git"], denylist: ["rm -rf"]}, fs: {denyPaths: ["/etc"]}}, agents: {list: [{id: "main", surfaces: ["cli"]}]}}`, ""},
		{"narrower allowlist entry", `{tools: {profile: "standard", exec: {security: "allowlist", allowlist: ["git status"], denylist: ["rm -rf"]}, fs: {denyPaths: ["/etc"]}}, agents: {list: [{id: "main", surfaces: ["cli"]}]}}`, ""},
		{"bind", `{gateway: {bind: "lan"}, tools: {profile: "standard", exec: {security: "allowlist", allowlist: ["git"], denylist: ["rm -rf"]}, fs: {denyPaths: ["/etc"]}}, agents: {list: [{id: "main", surfaces: ["cli"]}]}}`, "gateway bind"},
		{"profile", `{tools: {profile: "automation", exec: {security: "allowlist", allowlist: ["git"], denylist: ["rm -rf"]}, fs: {denyPaths: ["/etc"]}}, agents: {list: [{id: "main", surfaces: ["cli"]}]}}`, "tool exec"},
		{"denylist gone", `{tools: {profile: "standard", exec: {security: "allowlist", allowlist: ["git"]}, fs: {denyPaths: ["/etc"]}}, agents: {list: [{id: "main", surfaces: ["cli"]}]}}`, `exec denylist "rm -rf"`},
		{"ask off", `{tools: {profile: "standard", exec: {security: "allowlist", ask: "off", allowlist: ["git"], denylist: ["rm -rf"]}, fs: {denyPaths: ["/etc"]}}, agents: {list: [{id: "main", surfaces: ["cli"]}]}}`, "exec ask"},
		{"deny path gone", `{tools: {profile: "standard", exec: {security: "allowlist", allowlist: ["git"], denylist: ["rm -rf"]}}, agents: {list: [{id: "main", surfaces: ["cli"]}]}}`, "denied path /etc"},
		{"surfaces", `{tools: {profile: "standard", exec: {security: "allowlist", allowlist: ["git"], denylist: ["rm -rf"]}, fs: {denyPaths: ["/etc"]}}}`, "reachable from"},
		{"level", `{tools: {profile: "standard", exec: {level: "process", security: "allowlist", allowlist: ["git"], denylist: ["rm -rf"]}, fs: {denyPaths: ["/etc"]}}, agents: {list: [{id: "main", surfaces: ["cli"]}]}}`, "confinement of commands"},
		{"flow", `{tools: {flow: {mode: "off"}, profile: "standard", exec: {security: "allowlist", allowlist: ["git"], denylist: ["rm -rf"]}, fs: {denyPaths: ["/etc"]}}, agents: {list: [{id: "main", surfaces: ["cli"]}]}}`, "flow rules"},
		{"http", `{gateway: {http: {enabled: true}}, tools: {profile: "standard", exec: {security: "allowlist", allowlist: ["git"], denylist: ["rm -rf"]}, fs: {denyPaths: ["/etc"]}}, agents: {list: [{id: "main", surfaces: ["cli"]}]}}`, "/v1/chat/completions"},
		{"another agent", `{tools: {profile: "standard", exec: {security: "allowlist", allowlist: ["git"], denylist: ["rm -rf"]}, fs: {denyPaths: ["/etc"]}}, agents: {list: [{id: "main", surfaces: ["cli"]}, {id: "x"}]}}`, "tool read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Loosens(Of(parse(t, base), world), Of(parse(t, c.next), world))
			if c.want == "" {
				if len(got) != 0 {
					t.Errorf("loosens %v, want nothing", got)
				}
				return
			}
			if !slices.ContainsFunc(got, func(ch Change) bool { return ch.What == c.want }) {
				t.Errorf("loosens %v, want %q among them", got, c.want)
			}
		})
	}
}

// TestWorkspaceTooWide: a workspace that holds the state directory gets no
// files at all.
func TestWorkspaceTooWide(t *testing.T) {
	for _, ws := range []string{"/", "~", "/home", "/home/u/.openclaw", "/etc", "relative"} {
		r := rulesOf(t, `{agents: {defaults: {workspace: "`+ws+`"}}}`, "main")
		if r.Files.Workspace != "" {
			t.Errorf("workspace %q is in force as %q", ws, r.Files.Workspace)
		}
	}
	if r := rulesOf(t, `{agents: {defaults: {workspace: "~/work"}}}`, "main"); r.Files.Workspace != "/home/u/work" {
		t.Errorf("workspace = %q", r.Files.Workspace)
	}
}

// TestNarrowingOnly: upstream's block of an agent never adds a tool, a command
// or a weaker ask.
func TestNarrowingOnly(t *testing.T) {
	r := rulesOf(t, `{tools: {profile: "messaging", exec: {security: "allowlist", ask: "always", allowlist: ["git status", "ls"]}},
		agents: {list: [{id: "main", tools: {allow: ["read","exec"], exec: {security: "full", ask: "off", allowlist: ["git", "rm"]}}}]}}`, "main")
	if got := has(r, "read", "exec", "message"); !slices.Equal(got, []claw.ToolName{"read"}) {
		t.Errorf("tools = %v, want only read", got)
	}
	if r.Exec.Security != policy.ExecAllowlist || r.Exec.Ask != policy.AskAlways || len(r.Exec.Allowlist) != 1 || r.Exec.Allowlist[0].Text != "git status" {
		t.Errorf("exec = %+v", r.Exec)
	}
}

// TestAllowlistPlace: what is not on the allowlist names the place where it
// would be added, or what asks for a list that is not there.
func TestAllowlistPlace(t *testing.T) {
	const guide = `{tools: {exec: {security: "allowlist", allowlist: ["ls"]}, agents: {coder: {exec: {security: "allowlist", allowlist: ["git"]}}, bare: {exec: {security: "allowlist"}}}},
		agents: {list: [{id: "main", tools: {exec: {allowlist: ["ls -l"]}}}, {id: "other"}]}}`
	for id, want := range map[claw.AgentID]string{"main": "agents.list[0].tools.exec.allowlist", "other": "tools.exec.allowlist", "coder": "tools.agents.coder.exec.allowlist", "bare": "tools.agents.bare.exec.security"} {
		r := rulesOf(t, guide, id)
		if got := r.Exec.AllowlistRef; got.Pointer != want || got.Line == 0 {
			t.Errorf("%s: allowlist at %v, want %s", id, got, want)
		}
		d := policy.JudgeCommand(r.Exec, r.Files, &cmdline.Facts{Understood: true, Commands: []cmdline.Command{{Program: "cp", Argv: []cmdline.Word{{Text: "cp", Known: true}}}}}, policy.LevelIsolated)
		if d.Rule != "exec.not_on_allowlist" || d.Where != r.Exec.AllowlistRef {
			t.Errorf("%s: %s at %v", id, d.Rule, d.Where)
		}
	}
}
