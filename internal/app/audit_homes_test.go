package app

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
)

var updateHomes = flag.Bool("update-homes", false, "write testdata/homes-expect.json")

// expected are the ids that a home must be reported with, and the worst
// severity of each.
func expected(r audit.Report) map[string]string {
	worst := map[string]claw.Severity{}
	for _, f := range r.Findings {
		if w, ok := worst[f.CheckID]; !ok || f.Severity > w {
			worst[f.CheckID] = f.Severity
		}
	}
	out := map[string]string{}
	for id, s := range worst {
		out[id] = s.String()
	}
	return out
}

// TestHomesExpected: every home of the corpus is reported with exactly the
// findings that are written down for it.
func TestHomesExpected(t *testing.T) {
	path := filepath.Join("testdata", "homes-expect.json")
	got := map[string]map[string]string{}
	for name, c := range corpusHomes(t) {
		got[name] = expected(auditOf(t, c.lay(t)))
		delete(got[name], "gateway.runs_as_root")     // depends on who runs the test
		delete(got[name], "fs.parent_writable")       // and where
		delete(got[name], "home.not_the_running_one") // and what else runs on the machine
	}
	if *updateHomes {
		b, err := json.MarshalIndent(got, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]string{}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) < 26 {
		t.Fatalf("%d homes are written down", len(want))
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		for id, severity := range want[name] {
			if got[name][id] != severity {
				t.Errorf("%s: %s is %q, want %s", name, id, got[name][id], severity)
			}
		}
		for id, severity := range got[name] {
			if want[name][id] == "" {
				t.Errorf("%s: %s %s is new", name, severity, id)
			}
		}
	}
}

// TestMissedUpstream: what upstream's audit is known to miss is reported.
func TestMissedUpstream(t *testing.T) {
	homes := corpusHomes(t)
	for _, x := range []struct {
		home string
		ids  []string
	}{
		{"12-exec-unset-open", []string{"tools.exec.security_full", "security.exposure.open_channels_with_exec"}},
		{"14-weak-token", []string{"gateway.token_too_short"}},
		{"16-placeholder-token", []string{"gateway.token_placeholder_value"}},
		{"18-hooks-no-token", []string{"hooks.token_missing"}},
		{"30-trusted-proxy", []string{"gateway.trusted_proxy_range"}},
		{"34-exec-approvals", []string{"tools.exec.approvals_catch_all", "fs.exec_approvals.perms_writable"}},
		{"36-fs-blind-spots", []string{"fs.env_file.perms_writable", "fs.hard_link", "fs.steering_file.perms_writable", "fs.secrets_file.perms_readable", "fs.exec_approvals.perms_writable"}},
		{"38-broken-json", []string{"config.invalid"}},
		{"42-mcp-http", []string{"mcp.server_plain_http", "mcp.server_unpinned"}},
		{"46-fs-unsafe-extras", []string{"fs.log_file.perms_writable", "fs.sessions_store.perms_writable", "fs.credential_file.perms_writable"}},
	} {
		c := homes[x.home]
		if c == nil {
			t.Fatalf("%s is not in the corpus", x.home)
		}
		got := expected(auditOf(t, c.lay(t)))
		for _, id := range x.ids {
			if got[id] == "" {
				t.Errorf("%s: %s is not reported", x.home, id)
			}
		}
	}
}

// TestHardenedHomes: a home that nothing is wrong with is not reported above
// info, and the one that this program makes is not either.
func TestHardenedHomes(t *testing.T) {
	quiet := func(name string, r audit.Report) {
		for _, f := range r.Findings {
			if f.Severity > claw.Info && f.CheckID != "gateway.runs_as_root" && f.CheckID != "fs.parent_writable" {
				t.Errorf("%s: %s %s: %s %s", name, f.Severity, f.CheckID, f.Title, f.Detail)
			}
		}
		for _, c := range r.Checks {
			if c.Verdict == audit.Unmeasured && c.Severity == claw.Critical {
				t.Errorf("%s: %s is unmeasured: %s", name, c.ID, c.Reason)
			}
		}
	}
	quiet("02-hardened", auditOf(t, corpusHomes(t)["02-hardened"].lay(t)))
	home := t.TempDir()
	if err := os.Chmod(home, 0o750); err != nil {
		t.Fatal(err)
	}
	p, err := PathsOf(filepath.Join(home, ".openclaw"), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CreateHome(p, HomeOptions{}); err != nil {
		t.Fatal(err)
	}
	quiet("our own", auditOf(t, home))
}

// secretsEverywhere is a home with a credential at every place that a finding
// may quote.
func secretsEverywhere(t *testing.T) (home string, values []string) {
	t.Helper()
	home = t.TempDir()
	n := 0
	secret := func() string {
		n++
		v := "ghp_" + strings.Repeat(string(rune('a'+n%26)), 3) + strings.Repeat("Zq7Lw2Xv9B", 3) + string(rune('0'+n/26)) + "Kp"
		values = append(values, v)
		return v
	}
	conf := (`{
  // token: ` + secret() + `
  gateway: { bind: "lan", auth: { mode: "token", token: "` + secret() + `", password: "` + secret() + `" }, remote: { url: "ws://u:` + secret() + `@gw.example", token: "` + secret() + `" },
    controlUi: { allowedOrigins: ["*", "https://` + secret() + `.example"] }, tools: { allow: ["exec", "` + secret() + `"] }, nodes: { denyCommands: ["` + secret() + `"] }, trustedProxies: ["` + secret() + `"] },
  channels: { telegram: { botToken: "` + secret() + `", dmPolicy: "open", allowFrom: ["` + secret() + `"] }, discord: { token: "` + secret() + `", groups: { "` + secret() + `": { requireMention: false } } } },
  hooks: { enabled: true, token: "` + secret() + `", path: "/` + secret() + `", mappings: [{ id: "` + secret() + `", allowUnsafeExternalContent: true }], transformsDir: "` + secret() + `" },
  models: { providers: { x: { baseUrl: "http://k:` + secret() + `@llm.example", apiKey: "` + secret() + `", headers: { "x-key": "` + secret() + `" } } } },
  mcp: { servers: { m: { command: "npx", args: ["--token", "` + secret() + `", "pkg@latest"], env: { A: "` + secret() + `" }, url: "http://x:` + secret() + `@mcp.example/?t=` + secret() + `" }, n: { command: "npx", args: ["` + secret() + `"] } } },
  tools: { exec: { security: "full", allowlist: ["curl -H ` + secret() + `", "/tmp/` + secret() + `"], safeBins: ["jq", "` + secret() + `"], pathPrepend: ["/tmp/` + secret() + `"] }, ` + "\"" + secret() + `": 1 },
  agents: { defaults: { model: "` + secret() + `", sandbox: { docker: { binds: ["/etc:/` + secret() + `"], env: { K: "` + secret() + `" }, image: "` + secret() + `" } } }, list: [{ id: "a", default: "` + secret() + `" }] },
  browser: { profiles: { p: { cdpUrl: "http://u:` + secret() + `@b.example" }, q: { cdpUrl: "` + secret() + `" } } },
  security: { audit: { suppressions: [{ checkId: "` + secret() + `", reason: "` + secret() + `" }] } },
  logging: { level: "` + secret() + `", redactSensitive: "off" },
  unknown: { apiKey: "` + secret() + `" },
}`)
	put := func(name, text string, mode os.FileMode) {
		p := filepath.Join(home, ".openclaw", name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	put("openclaw.json", conf, 0o644)
	put(".env", "KEY="+secret()+"\n", 0o644)
	put("openclaw.json.bak", `{"token":"`+secret()+`"}`, 0o644)
	put("exec-approvals.json", `{"agents":{"`+secret()+`":{"autoAllowSkills":true,"allowlist":[{"pattern":"*"},{"pattern":"/tmp/`+secret()+`"}]}}}`, 0o666)
	put("workspace/SOUL.md", "the key is "+secret()+"\n", 0o644)
	put("credentials/"+secret()+".json", "{}", 0o666)
	put("agents/main/sessions/a.jsonl", secret(), 0o666)
	return home, values
}

// TestNoSecretInReports: whatever holds a credential, no output shows it.
func TestNoSecretInReports(t *testing.T) {
	home, values := secretsEverywhere(t)
	p, err := PathsOf(filepath.Join(home, ".openclaw"), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"OPENCLAW_GATEWAY_TOKEN": "ghp_envZq7Lw2Xv9BZq7Lw2Xv9BZq7Lw2Xv9BKp"}
	values = append(values, env["OPENCLAW_GATEWAY_TOKEN"])
	in, err := LookForAudit(p, AuditOptions{Env: func(n string) (string, bool) { v, ok := env[n]; return v, ok }, Environ: []string{"OPENCLAW_GATEWAY_TOKEN=" + env["OPENCLAW_GATEWAY_TOKEN"]}})
	if err != nil {
		t.Fatal(err)
	}
	r := audit.Run(in.Input, audit.Options{})
	if r.Summary.Critical < 10 {
		t.Fatalf("%d criticals: the home is not bad enough", r.Summary.Critical)
	}
	snapshot := filepath.Join(t.TempDir(), "s.json")
	if err := WriteSnapshot(snapshot, in); err != nil {
		t.Fatal(err)
	}
	again, err := ReadSnapshot(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]any{"json": r, "sarif": audit.SARIF(r), "from a snapshot": audit.Run(again, audit.Options{})}
	for what, v := range shown {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range values {
			if i := strings.Index(string(b), s); i >= 0 {
				t.Errorf("%s shows %s: …%s…", what, s, b[max(0, i-120):min(len(b), i+60)])
			}
		}
	}
}
