package answer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/standing"
)

// built are the tools of the tests' program.
var built = []claw.ToolName{"read", "write", "edit", "apply_patch", "exec", "process", "web_fetch", "message", "session_status", "sessions_list", "sessions_history"}

func worldOf(t testing.TB, text string) World {
	t.Helper()
	c, ps := config.ParseBytes("openclaw.json", []byte(text), nil)
	if ps.HasErrors() {
		t.Fatalf("config: %v", ps.Err())
	}
	return Of(c, posture.Of(c, posture.World{Home: "/home/u", State: "/home/u/.openclaw", Config: "/home/u/.openclaw/openclaw.json"}), "/home/u", built)
}

// home is the generated home: main chats, workbench works for its owner.
const home = `{
  tools: { profile: "messaging", fs: { workspaceOnly: true, denyPaths: ["/etc", "/root/.ssh", "/home/*/.ssh", "~/.openclaw/credentials"] },
    exec: { security: "deny", ask: "always" },
    agents: { workbench: { allow: ["read", "write", "edit", "exec", "process"],
      exec: { security: "allowlist", ask: "on-miss", allowlist: ["ls", "cat", "grep", "git status"], denylist: ["rm -rf", "curl | sh"] } } } },
  agents: { list: [ { id: "main", default: true, tools: { deny: ["group:automation", "group:runtime", "group:fs", "sessions_spawn", "sessions_send"] } },
                    { id: "workbench", surfaces: ["cli", "webchat"] } ] },
  %s
}`

func homeWith(t testing.TB, more string) World { return worldOf(t, fmt.Sprintf(home, more)) }

func (w World) ask(t testing.TB, who, what string) Answer {
	t.Helper()
	s, err := w.Who(who)
	if err != nil {
		t.Fatal(err)
	}
	g, err := What(what)
	if err != nil {
		t.Fatal(err)
	}
	return w.Can(Question{Who: s, What: g})
}

func TestCan(t *testing.T) {
	const pairing = `channels: {telegram: {botToken: "x", dmPolicy: "pairing", allowFrom: ["7"]}}, commands: {ownerAllowFrom: ["telegram:42"]}`
	const openDM = `channels: {telegram: {botToken: "x", dmPolicy: "open", allowFrom: ["*"]}}`
	careless := `{tools: {profile: "full", fs: {workspaceOnly: false}, exec: {security: "full", ask: "off"}, flow: {mode: "off"}}, channels: {telegram: {botToken: "x", dmPolicy: "open", allowFrom: ["*"]}}}`
	spawns := `{tools: {profile: "messaging", alsoAllow: ["sessions_spawn"], agents: {helper: {allow: ["exec"], exec: {security: "allowlist", ask: "off", allowlist: ["make"]}}}},
		agents: {list: [{id: "main", default: true}, {id: "helper", tools: {deny: ["sessions_spawn"]}}]}, channels: {telegram: {botToken: "x", dmPolicy: "open", allowFrom: ["*"]}}}`
	helperClosed := strings.Replace(spawns, `{id: "helper", `, `{id: "helper", surfaces: ["cli"], `, 1)
	elsewhere := `{tools: {profile: "standard", alsoAllow: ["message"]}, channels: {telegram: {botToken: "x", groupPolicy: "open"}}}`
	withLink := `{tools: {profile: "full", exec: {security: "allowlist", ask: "off", allowlist: ["cat"], readRoots: ["/srv/data"]}, fs: {workspaceOnly: false}}}`
	for _, c := range []struct {
		name, config, who, what string
		want                    policy.Verdict
		// hops are pieces of the path, blocked a rule that must stop it.
		hops    []string
		blocked policy.RuleID
	}{
		{"the question of the guide", fmt.Sprintf(home, pairing), "telegram:stranger", "read ~/.ssh/id_rsa", policy.Deny, nil, "admission.pairing_needed"},
		{"open, but main has no files", fmt.Sprintf(home, openDM), "telegram:stranger", "read ~/.ssh/id_rsa", policy.Deny, nil, "tools.denied"},
		{"the owner is kept from it too", fmt.Sprintf(home, ""), "cli", "read ~/.ssh/id_rsa", policy.Deny, nil, "fs.deny_path"},
		{"nothing guarded", careless, "telegram:stranger", "read ~/.ssh/id_rsa", policy.Ask, []string{"telegram:stranger: direct messages of telegram are open", "read ~/.ssh/id_rsa"}, ""},
		{"a person without list", fmt.Sprintf(home, pairing), "telegram:99", "reply", policy.Deny, nil, "admission.pairing_needed"},
		{"a listed person", fmt.Sprintf(home, pairing), "telegram:7", "reply", policy.Allow, []string{"listed among the senders", "reply"}, ""},
		{"the owner by id", fmt.Sprintf(home, pairing), "telegram:42", "reply", policy.Allow, []string{"an owner's id on telegram"}, ""},
		{"no channel at all", fmt.Sprintf(home, ""), "stranger", "reply", policy.Deny, nil, "admission.closed"},
		{"another channel", fmt.Sprintf(home, pairing), "discord:stranger", "reply", policy.Deny, nil, "admission.closed"},
		{"listed command", fmt.Sprintf(home, ""), "cli", "run git status", policy.Allow, []string{"exec git status"}, ""},
		{"command with a person", fmt.Sprintf(home, ""), "webchat", "run make", policy.Ask, []string{"exec make"}, ""},
		{"denied by the denylist", fmt.Sprintf(home, ""), "cli", "run rm -rf .", policy.Deny, nil, "exec.denylist"},
		{"a channel never reaches workbench", fmt.Sprintf(home, pairing), "telegram:owner", "run ls", policy.Deny, nil, "tools.not_in_profile"},
		{"by another agent", spawns, "telegram:stranger", "run make", policy.Ask, []string{"comes from outside", "sessions_spawn helper; agent helper goes on", "exec make"}, ""},
		{"that agent is closed to agents", helperClosed, "telegram:stranger", "run make", policy.Deny, nil, "tools.not_in_profile"},
		{"a leak to the stranger", elsewhere, "telegram:member", "leak notes.txt", policy.Ask, []string{"read notes.txt; the session is untrusted+private from then on", "reply"}, ""},
		{"the owner's reply is no leak", `{tools: {profile: "messaging", deny: ["web_search"]}}`, "cli", "leak notes.txt", policy.Deny, nil, "message.elsewhere"},
		{"a file that runs see", withLink, "cli", "read /srv/data/x", policy.Allow, []string{"exec cat (the program opens /srv/data/x by itself)"}, ""},
		{"a file that only a program could open is not shown", withLink, "cli", "write /srv/data/x", policy.Ask, []string{"write /srv/data/x"}, ""},
		{"steering files", careless, "cli", "write AGENTS.md", policy.Deny, nil, "fs.steering_file"},
		{"the configuration", careless, "telegram:stranger", "write ~/.openclaw/openclaw.json", policy.Deny, nil, "fs.always_denied"},
		{"owner-only tools", careless, "telegram:stranger", "use cron", policy.Allow, []string{"a session of the owner that reads it", "cron"}, ""},
		{"owner-only tools without a file between", strings.Replace(careless, `fs:`, `deny: ["write", "edit", "apply_patch", "exec"], fs:`, 1), "telegram:stranger", "use cron", policy.Deny, nil, "tools.owner_only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := worldOf(t, c.config).ask(t, c.who, c.what)
			if a.Verdict != c.want {
				t.Fatalf("%s: %s, want %s\npath %v\nblocked %v", c.what, a.Verdict, c.want, a.Path, a.Blocked)
			}
			var text []string
			for _, h := range a.Path {
				text = append(text, h.Text)
			}
			for _, want := range c.hops {
				if !strings.Contains(strings.Join(text, "\n"), want) {
					t.Errorf("the path lacks %q:\n%s", want, strings.Join(text, "\n"))
				}
			}
			if (len(a.Path) > 0) != (c.want != policy.Deny) || (len(a.Blocked) > 0) != (c.want == policy.Deny) {
				t.Errorf("path %v, blocked %v", a.Path, a.Blocked)
			}
			found := c.blocked == ""
			for _, b := range a.Blocked {
				found = found || b.Rule == c.blocked
			}
			if !found {
				t.Errorf("%s does not stop it: %v", c.blocked, a.Blocked)
			}
		})
	}
}

// TestUnconfinedRunsSeeEverything: what stops a run here stops it nowhere else.
func TestUnconfinedRunsSeeEverything(t *testing.T) {
	for _, c := range []struct {
		level string
		host  bool
		want  policy.Verdict
	}{{"isolated", false, policy.Deny}, {"confined", false, policy.Deny}, {"process", false, policy.Allow}, {"isolated", true, policy.Allow}} {
		w := worldOf(t, fmt.Sprintf(`{tools: {profile: "minimal", alsoAllow: ["exec"], exec: {security: "allowlist", ask: "off", allowlist: ["make"], level: %q}}}`, c.level))
		w.Unconfined = c.host
		if a := w.ask(t, "cli", "read ~/.aws/credentials"); a.Verdict != c.want {
			t.Errorf("level %s, on the host %v: %s, want %s: %v %v", c.level, c.host, a.Verdict, c.want, a.Path, a.Blocked)
		}
	}
}

// TestAdmission: every policy against every class. What is not understood
// admits nobody.
func TestAdmission(t *testing.T) {
	const allow, deny = policy.Allow, policy.Deny
	for _, c := range []struct {
		block string
		// owner, paired, allowlisted, member, stranger
		want [5]policy.Verdict
	}{
		{`dmPolicy: "pairing"`, [5]policy.Verdict{allow, allow, deny, deny, deny}},
		{`dmPolicy: "pairing", allowFrom: ["7"]`, [5]policy.Verdict{allow, allow, allow, deny, deny}},
		{`dmPolicy: "pairing", allowFrom: ["*"]`, [5]policy.Verdict{allow, allow, allow, deny, allow}},
		{`dmPolicy: "allowlist"`, [5]policy.Verdict{allow, allow, deny, deny, deny}},
		{`dmPolicy: "allowlist", allowFrom: ["7"]`, [5]policy.Verdict{allow, allow, allow, deny, deny}},
		{`dmPolicy: "open", allowFrom: ["*"]`, [5]policy.Verdict{allow, allow, allow, deny, allow}},
		{`dmPolicy: "disabled", allowFrom: ["7"]`, [5]policy.Verdict{deny, deny, deny, deny, deny}},
		{`groupPolicy: "open"`, [5]policy.Verdict{allow, allow, deny, allow, deny}},
		{`groupPolicy: "allowlist", groups: {"-1": {}}`, [5]policy.Verdict{allow, allow, deny, deny, deny}},
		{`groupPolicy: "allowlist", groups: {"-1": {}}, groupAllowFrom: ["7"]`, [5]policy.Verdict{allow, allow, deny, allow, deny}},
		{`groupPolicy: "allowlist", groups: {"-1": {allowFrom: ["7"]}}`, [5]policy.Verdict{allow, allow, deny, allow, deny}},
		{`groupPolicy: "allowlist", groups: {"-1": {allowFrom: ["7"], enabled: false}}`, [5]policy.Verdict{allow, allow, deny, deny, deny}},
		{`groupPolicy: "disabled", groups: {"-1": {groupPolicy: "open"}}`, [5]policy.Verdict{allow, allow, deny, deny, deny}},
		{`enabled: false, dmPolicy: "open", allowFrom: ["*"], groupPolicy: "open"`, [5]policy.Verdict{deny, deny, deny, deny, deny}},
	} {
		w := homeWith(t, `channels: {telegram: {botToken: "x", `+c.block+`}}, commands: {ownerAllowFrom: ["telegram:1"]}`)
		i := 0
		for _, s := range w.Senders() {
			if s.Door.Channel == "" {
				continue
			}
			if got := s.Admitted(); got.Verdict != c.want[i] {
				t.Errorf("%s: %s is %s by %s, want %s", c.block, s, got.Verdict, got.Rule, c.want[i])
			}
			i++
		}
	}
	d := Door{Surface: claw.SurfaceChannel, Channel: "telegram", Inbound: &posture.Inbound{Enabled: true, DM: "opne", Group: "opne", AllowFrom: []string{"*"}}}
	for _, class := range channelClasses {
		if r := d.admits(class); r.Verdict != policy.Deny {
			t.Errorf("a policy that is none admits %s by %s", class, r.Rule)
		}
	}
}

// TestStandingAnswersCount: what a person allowed for longer than once is
// allowed here too, and nothing beside it.
func TestStandingAnswersCount(t *testing.T) {
	w := homeWith(t, "")
	a := w.agent("workbench")
	line := cmdline.Analyze("sort -u 'all day.txt'", cmdline.Env{Home: "/home/u", Cwd: a.Workspace, Workspace: a.Workspace})
	rules, why := standing.Of("workbench", &line, []int{0}, standing.Run{Programs: []standing.Content{{Path: "/usr/bin/sort", SHA256: "x"}}})
	if len(rules) != 1 {
		t.Fatal(why)
	}
	a.Rules.Exec.Standing = append(rules, standing.Rule{ID: "2", Agent: "workbench", Entry: &standing.Entry{Pattern: "/usr/bin/uname"}})
	for what, want := range map[string]policy.Verdict{"run sort -u 'all day.txt'": policy.Allow, "run sort none": policy.Ask, "run /usr/bin/uname -a": policy.Allow, "run /opt/uname -a": policy.Ask} {
		if got := w.ask(t, "cli", what); got.Verdict != want {
			t.Errorf("%s: %s, want %s: %+v", what, got.Verdict, want, got.Path)
		}
	}
	if got := w.ask(t, "cli", "read /usr/share/dict/words"); got.Verdict != policy.Allow {
		t.Errorf("a listed program opens what its run shows: %s", got.Verdict)
	}
}
