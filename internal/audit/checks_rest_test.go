package audit

import (
	"errors"
	"fmt"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

func pluginRows() []row {
	ext := file("~/.openclaw/extensions/x/index.js", RoleExtension, 0o600)
	pkg := document("~/.openclaw/extensions/x/package.json", `{"version":"1.2.3"}`)
	npm := func(record string) string { return `{ plugins: { installs: { ^^x: ` + record + ` } } }` }
	skill := file("~/.openclaw/skills/x/SKILL.md", RoleSkill, 0o600)
	work := file("/home/u/w", RoleWorkspace, 0o700, typed(Dir))
	server := func(more string) string { return `{ mcp: { servers: { m: { ` + more + ` } } } }` }
	ok := ours(server(`command: "npx", args: ["-y", "@scope/m@1.2.3"]`))
	return []row{
		{id: "plugins.extensions_no_allowlist", want: claw.Warn, bad: theirs(`{}`, ext), good: theirs(`{ plugins: { allow: ["x"] } }`, ext)},
		{id: "plugins.extensions_no_allowlist", want: claw.Critical, bad: theirs(`{ channels: { telegram: {} } }`, ext), good: theirs(`{ plugins: { allow: ["x"] } }`, ext)},
		{id: "plugins.allow_phantom_entries", want: claw.Warn, bad: theirs(`{ plugins: { allow: ^^["x", "gone"] } }`, ext), good: theirs(`{ plugins: { allow: ["x"] } }`, ext)},
		{id: "plugins.tools_reachable_permissive_policy", want: claw.Warn, bad: theirs(`{}`, ext), good: theirs(`{ tools: { profile: "messaging" } }`, ext)},
		{id: "plugins.installs_unpinned_npm_specs", want: claw.Warn, bad: theirs(npm(`{ source: "npm", spec: "x@^1.0.0" }`)), good: theirs(npm(`{ source: "npm", spec: "@s/x@1.0.0" }`))},
		{id: "plugins.installs_unpinned_npm_specs", want: claw.Warn, bad: theirs(npm(`{ spec: "x" }`)), good: theirs(npm(`{ spec: "x@1.0.0-beta.1" }`))},
		{id: "plugins.installs_missing_integrity", want: claw.Warn, bad: theirs(npm(`{ source: "npm", spec: "x@1.0.0" }`)), good: theirs(npm(`{ source: "npm", spec: "x@1.0.0", integrity: "sha512-x" }`))},
		{id: "plugins.installs_version_drift", want: claw.Warn, bad: theirs(npm(`{ source: "npm", resolvedVersion: "1.0.0" }`), ext, pkg), good: theirs(npm(`{ source: "npm", resolvedVersion: "1.2.3" }`), ext, pkg)},
		{id: "skills.policy_open", want: claw.Warn, bad: ours(`{ skills: { policy: ^^"open" } }`), good: ours(`{ skills: { policy: "allowlist" } }`)},
		{id: "skills.policy_open", want: claw.Info, bad: theirs(`{}`, skill), good: theirs(`{}`)},
		{id: "skills.unpinned", want: claw.Warn, bad: ours(`{ skills: { allowlist: [^^"a"] } }`), good: ours(`{ skills: { allowlist: ["a", "b@1.2.0"], versions: { a: "1.0.0" } } }`)},
		{id: "skills.unpinned", want: claw.Warn, bad: ours(`{ skills: { allowlist: [^^"a"], versions: { a: "latest" } } }`), good: ours(`{ skills: { allowlist: ["b@1.2.0"] } }`)},
		{id: "skills.allowlist_wildcard", want: claw.Warn, bad: ours(`{ skills: { allowlist: [^^"*"] } }`), good: ours(`{ skills: { allowlist: ["a@1.0.0"] } }`)},
		{id: "skills.workspace.symlink_escape", want: claw.Warn, bad: ours(`{}`, work, file("/home/u/w/skills/x/SKILL.md", RoleSkill, 0o600, leadsTo("/srv/x.md"))), good: ours(`{}`, work, file("/home/u/w/skills/x/SKILL.md", RoleSkill, 0o600, leadsTo("/home/u/w/y.md")))},
		{id: "mcp.server_plain_http", want: claw.Critical, bad: ours(server(`url: ^^"http://mcp.example/sse"`)), good: ours(server(`url: "http://127.0.0.1:9000"`))},
		{id: "mcp.server_plain_http", want: claw.Critical, bad: ours(server(`url: ^^"WS://mcp.example/sse"`)), good: ours(server(`url: "https://mcp.example"`))},
		{id: "mcp.server_unpinned", want: claw.Warn, bad: ours(server(`command: "npx", args: ^^["-y", "pkg@latest"]`)), good: ok},
		{id: "mcp.server_unpinned", want: claw.Warn, bad: ours(server(`command: "/usr/bin/uvx", args: ^^["pkg"]`)), good: ours(server(`command: "uvx", args: ["pkg==1.0"]`))},
		{id: "mcp.server_unpinned", want: claw.Warn, bad: ours(server(`command: "npx", args: ^^["--package", "pkg", "run-it"]`)), good: ours(server(`command: "docker", args: ["run", "--rm", "x@sha256:aa"]`))},
		{id: "mcp.server_env_secret", want: claw.Warn, bad: ours(server(`command: "/m", env: { GITHUB_TOKEN: ^^"ghp_0123456789abcdefghij0123456789abcdef" }`)), good: ours(server(`command: "/m", env: { LANG: "C" }`))},
		{id: "mcp.server_shell", want: claw.Warn, bad: ours(server(`command: ^^"bash", args: ["-c", "x"]`)), good: ok},
		{id: "mcp.apps.enabled", want: claw.Warn, bad: theirs(`{ mcp: { apps: { enabled: ^^true } } }`), good: theirs(`{ mcp: { apps: { enabled: false } } }`)},
	}
}

func modelRows() []row {
	model := func(m string) string { return `{ agents: { defaults: { model: ^^"` + m + `" } } }` }
	ok := ours(model("anthropic/claude-opus-4-6"))
	boxed := `agents: { defaults: { model: ^^"ollama/llama3.2:3b", sandbox: { mode: "all" } } }`
	return []row{
		{id: "models.legacy", want: claw.Warn, bad: ours(model("openai/gpt-3.5-turbo")), good: ok},
		{id: "models.legacy", want: claw.Warn, bad: ours(model("anthropic/claude-2.1")), good: ours(model("openai/gpt-5.2"))},
		{id: "models.weak_tier", want: claw.Warn, bad: ours(model("anthropic/claude-haiku-4-5")), good: ok},
		{id: "models.weak_tier", want: claw.Warn, bad: ours(model("openai/gpt-4.1-mini")), good: ours(model("openai/gpt-5"))},
		{id: "models.weak_tier", want: claw.Warn, bad: ours(`{ agents: { defaults: { model: { primary: "anthropic/claude-opus-4-6", fallbacks: [^^"openai/gpt-4o"] } } } }`), good: ours(model("anthropic/claude-sonnet-4-5-20250929"))},
		{id: "models.small_params", want: claw.Critical, bad: theirs(model("ollama/llama3.2:3b")), good: theirs(model("ollama/llama3.1:405b"))},
		{id: "models.small_params", want: claw.Info, bad: theirs(`{ tools: { deny: ["web_search", "web_fetch", "browser"] }, ` + boxed + ` }`), good: theirs(model("mistral/mistral-large"))},
		{id: "models.base_url_plain", want: claw.Critical, bad: ours(`{ models: { providers: { x: { baseUrl: ^^"http://llm.example/v1" } } } }`), good: ours(`{ models: { providers: { x: { baseUrl: "http://127.0.0.1:11434" } } } }`)},
		{id: "models.base_url_plain", want: claw.Warn, bad: ours(`{ models: { providers: { x: { baseUrl: ^^"http://192.168.1.9:11434" } } } }`), good: ours(`{ models: { providers: { x: { baseUrl: "https://llm.example" } } } }`)},
	}
}

func secretRows() []row {
	open := file("~/.openclaw/openclaw.json", RoleConfig, 0o640)
	plain := func(id, conf string, least claw.Severity, good string) []row {
		return []row{{id: id, want: least, bad: ours(conf), good: ours(good)}, {id: id, want: claw.Critical, bad: ours(conf, open), good: ours(good, open)}}
	}
	byEnv := `{ gateway: { auth: { token: { $env: "T" } } } }`
	since := func(day int) func(*File) {
		return func(f *File) {
			f.Modified, f.Size = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -day), 60
		}
	}
	keys := func(role Role, edits ...func(*File)) home {
		return ours(`{}`, file("~/.openclaw/k", role, 0o600, append(edits, withHit)...))
	}
	stored := func(day int) home {
		return ours(`{}`, secretOf(Secret{Pointer: "models.default.apiKey", Source: "store", Changed: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -day)}))
	}
	out := []row{
		{id: "secrets.rotation_due", want: claw.Warn, bad: keys(RoleAuthProfile, since(91)), good: keys(RoleAuthProfile, since(89))},
		{id: "secrets.rotation_due", want: claw.Warn, bad: stored(91), good: stored(89)},
		{id: "secrets.rotation_due", want: claw.Info, bad: stored(-2), good: stored(0)},
		{id: "secrets.rotation_due", want: claw.Warn, bad: keys(RoleEnv, since(400)), good: keys(RoleEnv, since(0))},
		{id: "secrets.rotation_due", want: claw.Warn, bad: keys(RoleTokenFile, since(100)), good: keys(RoleSecrets, since(10))},
	}
	out = append(out, plain("config.secrets.gateway_password_in_config", `{ gateway: { auth: { mode: "password", password: ^^"`+strong+`" } } }`, claw.Warn, byEnv)...)
	out = append(out, plain("config.secrets.gateway_token_in_config", `{ gateway: { auth: { token: ^^"`+strong+`" } } }`, claw.Info, byEnv)...)
	out = append(out, plain("config.secrets.hooks_token_in_config", `{ hooks: { enabled: true, token: ^^"`+strong+`" } }`, claw.Info, `{ hooks: { enabled: true, token: "${HOOKS}" } }`)...)
	out = append(out, plain("config.secrets.channel_token_in_config", telegram(`botToken: ^^"123456789:AAabcdefghijklmnopqrstuvwxyz012345"`), claw.Info, telegram(`botToken: "${TG}"`))...)
	out = append(out, plain("config.secrets.model_key_in_config", `{ models: { providers: { x: { apiKey: ^^"`+strong+`" } } } }`, claw.Info, `{ models: { providers: { x: { apiKey: "${K}" } } } }`)...)
	out = append(out, plain("config.secrets.other_in_config", `{ env: { SOME_API_KEY: ^^"`+strong+`" } }`, claw.Info, `{ env: { LANG: "C" } }`)...)
	return append(out,
		row{id: "config.secrets.unresolved", want: claw.Warn, bad: ours(`{}`, secretOf(Secret{Pointer: "hooks.token", Source: "unresolved", Why: "HOOKS is not set"})), good: ours(`{}`, resolved("hooks.token"))},
		row{id: "channels.*.account.read_only_resolution", says: "channels.telegram.account.read_only_resolution", want: claw.Warn, bad: ours(telegram(``), secretOf(Secret{Pointer: "channels.telegram.botToken", Source: "unresolved", Why: "TG is not set"})), good: ours(telegram(``), resolved("channels.telegram.botToken"))},
		row{id: "secrets.in_file", want: claw.Info, bad: ours(`{}`, file("~/.openclaw/.env", RoleEnv, 0o600, withHit)), good: ours(`{}`, file("~/.openclaw/.env", RoleEnv, 0o600))},
		row{id: "secrets.in_file", want: claw.Warn, bad: ours(`{}`, file("/home/u/w/NOTES.md", RoleText, 0o600, withHit)), good: ours(`{}`)},
		row{id: "secrets.in_file", want: claw.Critical, bad: ours(`{}`, file("~/.openclaw/openclaw.json.bak", RoleBackup, 0o644, withHit)), good: ours(`{}`, file("~/.openclaw/openclaw.json.bak", RoleBackup, 0o644))},
		row{id: "env.dangerous_variable", want: claw.Warn, bad: ours(`{}`, envVar("NODE_OPTIONS")), good: ours(`{}`, envVar("OPENCLAW_GATEWAY_TOKEN"))},
		row{id: "env.dangerous_variable", want: claw.Warn, bad: ours(`{}`, envVar("DYLD_INSERT_LIBRARIES")), good: ours(`{}`)},
		row{id: "gateway.runs_as_root", want: claw.Warn, bad: ours(`{}`, system(func(s *System) { s.UID = 0 }), file("~/.openclaw", RoleState, 0o700, typed(Dir), func(f *File) { f.UID = 0 })), good: ours(`{}`)},
	)
}

func fileRows() []row {
	clean := ours(`{}`)
	any := func(e ...func(*File)) home { return ours(`{}`, file("~/.openclaw/x", RoleOther, 0o600, e...)) }
	moved := func(state string) home {
		return ours(`{}`, snapshot(func(s *Snapshot) {
			s.Home.Dir, s.Home.State, s.Home.Config = "", state, state+"/openclaw.json"
		}))
	}
	return []row{
		{id: "fs.owner", want: claw.Critical, bad: any(func(f *File) { f.UID = 65534 }), good: ours(`{}`, system(func(s *System) { s.RunUID = 70000 }), file("/home/u/w/x", RoleText, 0o600, func(f *File) { f.UID = 70000 }))},
		{id: "fs.acl", want: claw.Critical, bad: any(func(f *File) { f.ACL = []string{"user 1001 rw-"} }), good: clean},
		{id: "fs.hard_link", want: claw.Critical, bad: ours(`{}`, file("~/.openclaw/openclaw.json", RoleConfig, 0o600, func(f *File) { f.Links = 2 })), good: clean},
		{id: "fs.setuid", want: claw.Critical, bad: any(func(f *File) { f.Mode = 0o4755 }), good: any(func(f *File) { f.Mode = 0o2644 })},
		{id: "fs.irregular", want: claw.Critical, bad: ours(`{}`, file("~/.openclaw/exec-approvals.json", RoleApprovals, 0o600, typed(Irregular))), good: clean},
		{id: "fs.irregular", want: claw.Critical, bad: ours(`{}`, file("~/.openclaw/openclaw.json", RoleConfig, 0o700, typed(Dir))), good: ours(`{}`, file("~/.openclaw/exec-approvals.sock", RoleOther, 0o600, typed(Irregular)))},
		{id: "fs.irregular", want: claw.Critical, bad: ours(`{}`, file("~/.openclaw/credentials", RoleCredsDir, 0o600)), good: clean},
		{id: "fs.irregular", want: claw.Critical, bad: ours(`{}`, file("~/.openclaw/credentials/a.json", RoleCredsDir, 0o700, typed(Dir))), good: ours(`{}`, file("~/.openclaw/credentials/a", RoleCredsDir, 0o700, typed(Dir)))},
		{id: "fs.oversized", want: claw.Warn, bad: ours(`{}`, file("~/.openclaw/exec-approvals.json", RoleApprovals, 0o600, func(f *File) { f.Size = 1 << 30 })), good: ours(`{}`, file("~/.openclaw/agents/main/sessions/x.jsonl", RoleTranscript, 0o600, func(f *File) { f.Size = 1 << 20 }))},
		{id: "fs.unreadable", want: claw.Critical, bad: ours(`{}`, file("~/.openclaw", RoleState, 0o700, func(f *File) { f.Err = "permission denied" })), good: clean},
		{id: "fs.unreadable", want: claw.Warn, bad: any(func(f *File) { f.Closed, f.UID = true, 0 }), good: clean},
		{id: "fs.unreadable", want: claw.Warn, bad: any(func(f *File) { f.Err = "permission denied" }), good: clean},
		{id: "fs.unreadable", want: claw.Warn, bad: ours(`{}`, snapshot(func(s *Snapshot) { s.Skipped = []Skip{{What: "~/.openclaw/skills", Why: "too many entries"}} })), good: clean},
		{id: "fs.parent_writable", want: claw.Critical, bad: ours(`{}`, file("/srv", RoleParent, 0o777, typed(Dir))), good: ours(`{}`, file("/srv", RoleParent, 0o1777, typed(Dir), func(f *File) { f.UID = 0 }))},
		{id: "fs.parent_writable", want: claw.Critical, bad: ours(`{}`, file("/srv", RoleParent, 0o755, typed(Dir), func(f *File) { f.UID = 1001 })), good: clean},
		{id: "fs.state_dir.symlink", want: claw.Warn, bad: ours(`{}`, file("~/.openclaw", RoleState, 0o700, leadsTo("/srv/oc"))), good: clean},
		{id: "fs.config.symlink", want: claw.Warn, bad: ours(`{}`, file("~/.openclaw/openclaw.json", RoleConfig, 0o600, leadsTo("/srv/oc.json"))), good: clean},
		{id: "fs.link_escape", want: claw.Warn, bad: ours(`{}`, file("~/.openclaw/secrets.json", RoleSecrets, 0o600, leadsTo("/srv/s.json"))), good: ours(`{}`, file("~/.openclaw/secrets.json", RoleSecrets, 0o600, leadsTo("/home/u/.openclaw/s.json")))},
		{id: "fs.synced_dir", want: claw.Warn, bad: moved("/home/u/Dropbox/openclaw"), good: clean},
		{id: "fs.git_worktree", want: claw.Warn, bad: ours(`{}`, file("/home/u/.git", RoleOther, 0o755, typed(Dir))), good: clean},
		{id: "fs.temporary_dir", want: claw.Warn, bad: moved("/tmp/oc"), good: clean},
	}
}

func configRows() []row {
	ok := ours(`{ ` + safeAuth + ` }`)
	silence := func(reason string) string {
		return `{ security: { audit: { suppressions: [^^{ checkId: "fs.owner"` + reason + ` }] } } }`
	}
	return []row{
		{id: "home.absent", want: claw.Info, bad: nowhere(), good: ok},
		{id: "audit.incomplete", want: claw.Critical, bad: ours(`{}`, snapshot(func(s *Snapshot) { s.Incomplete = []string{"the time was over at ~/.openclaw/logs"} })), good: ok},
		{id: "config.unreadable", want: claw.Critical, bad: ours(`{}`, func(in *Input) { in.Unreadable = errors.ErrUnsupported.Error() }), good: ok},
		{id: "config.invalid", want: claw.Critical, bad: ours("{ gateway: {\n  bind: ^^\"anywhere\" } }"), good: ok},
		{id: "config.warnings", want: claw.Warn, bad: theirs(`{ agents: { defaults: { ^^nosuchkey: 1 } } }`), good: ok},
		{id: "config.notes", want: claw.Info, bad: theirs(`{ hooks: { ^^internal: { enabled: true } } }`), good: ok},
		{id: "config.effect", want: claw.Critical, bad: ours(exec(`level: ^^"none", dangerouslyUnconfined: true`)), good: ok},
		{id: "config.insecure_or_dangerous_flags", want: claw.Warn, bad: theirs(`{ gateway: { controlUi: { dangerouslyDisableDeviceAuth: ^^true } } }`), good: ok},
		{id: "config.insecure_or_dangerous_flags", want: claw.Warn, bad: theirs(`{ tools: { fs: { workspaceOnly: ^^false } } }`), good: theirs(`{ tools: { fs: { workspaceOnly: true } } }`)},
		{id: "config.insecure_or_dangerous_flags", want: claw.Warn, bad: theirs(`{ plugins: { entries: { acpx: { config: { permissionMode: ^^"approve-all" } } } } }`), good: ok},
		{id: "config.agent_roster.invalid_default_count", want: claw.Warn, bad: ours(`{ agents: { list: [{ id: "a", default: true }, { id: "b", default: ^^true }] } }`), good: ours(`{ agents: { list: [{ id: "a", default: true }, { id: "b" }] } }`)},
		{id: "security.audit.suppressions.active", want: claw.Warn, bad: ours(silence("")), good: ok},
		{id: "security.audit.suppressions.active", want: claw.Info, bad: ours(silence(`, reason: "mounted so"`)), good: ok},
	}
}

func loggingRows() []row {
	ok := ours(`{}`)
	return []row{
		{id: "logging.redact_off", want: claw.Warn, bad: ours(`{ logging: { redactSensitive: ^^"off" } }`), good: ok},
		{id: "logging.file_off", want: claw.Warn, bad: ours(`{ logging: { file: { enabled: ^^false } } }`), good: ok},
		{id: "logging.rotation", want: claw.Info, bad: theirs(`{ logging: { file: ^^{ enabled: true } } }`), good: theirs(`{ logging: { file: { maxSize: "50M", maxFiles: 10 } } }`)},
		{id: "logging.level_quiet", want: claw.Info, bad: ours(`{ logging: { level: ^^"error" } }`), good: ok},
		{id: "logging.audit_off", want: claw.Critical, bad: ours(`{ logging: { audit: { enabled: ^^false } } }`), good: ok},
		{id: "logging.audit_off", want: claw.Info, bad: theirs(`{}`), good: theirs(`{ logging: { audit: { enabled: true } } }`)},
		{id: "logging.audit_events", want: claw.Warn, bad: theirs(`{ logging: { audit: { events: ^^["auth.failure"] } } }`), good: theirs(`{ logging: { audit: { events: ["auth.failure", "exec.command", "channel.message", "tool.invoke"] } } }`)},
		{id: "security.nightly_off", want: claw.Info, bad: ours(`{ security: { nightly: { enabled: ^^false } } }`), good: ours(`{ security: { nightly: { enabled: true } } }`)},
		{id: "backup.none", want: claw.Info, bad: ours(`{}`), good: ours(`{ backup: { recipients: ["age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"] } }`)},
	}
}

func liveRows() []row {
	probe := func(k ProbeKind, status int) func(*Input) {
		return live(Live{Probes: []Probe{{Kind: k, To: "127.0.0.1:18789", Status: status, Err: "refused", Ms: 3}}})
	}
	flood := func(ms int64) func(*Input) {
		l := Live{}
		for i := range int64(5) {
			l.Probes = append(l.Probes, Probe{Kind: ProbeFlood, Status: 401, Ms: 1 + i*ms})
		}
		return live(l)
	}
	gateway := func(p Process) func(*Input) {
		return snapshot(func(s *Snapshot) { s.Gateways = append(s.Gateways, p) })
	}
	serving := "{ gateway: { port: 18789 } }"
	listens := func(l Listener) func(*Input) { return live(Live{Listeners: []Listener{l}}) }
	gave := func(x SelfRestriction) func(*Input) {
		return snapshot(func(s *Snapshot) { s.Running = &Running{PID: 7, Self: &x} })
	}
	pair := func(id string, want claw.Severity, bad, good func(*Input)) row {
		return row{id: id, want: want, bad: ours(serving, bad), good: ours(serving, good)}
	}
	return []row{
		{id: "home.not_the_running_one", want: claw.Critical, bad: nowhere(gateway(Process{PID: 9, UID: 1001, Cmd: "openclaw gateway", State: "/home/o/.openclaw"})), good: ours(`{}`)},
		{id: "home.not_the_running_one", want: claw.Info, bad: nowhere(gateway(Process{PID: 9, UID: 1000, Cmd: "openclaw gateway", State: "/home/u/.openclaw-dev"})), good: nowhere()},
		pair("live.argv_override", claw.Warn, gateway(Process{PID: 9, Flags: []string{"--bind lan"}}), gateway(Process{PID: 9})),
		pair("live.argv_secret", claw.Critical, gateway(Process{PID: 9, Secret: true}), gateway(Process{PID: 9})),
		pair("live.listens_beyond_loopback", claw.Critical, listens(Listener{Addr: "0.0.0.0", Port: 18789, UID: 1000}), listens(Listener{Addr: "127.0.0.1", Port: 18789, UID: 1000})),
		pair("live.port_owner", claw.Critical, listens(Listener{Addr: "127.0.0.1", Port: 18789, UID: 1001, Name: "nc"}), listens(Listener{Addr: "127.0.0.1", Port: 18789, UID: 1000, Name: "openclaw"})),
		pair("live.reachable", claw.Critical, probe(ProbeOutside, 401), probe(ProbeOutside, 0)),
		pair("gateway.probe_failed", claw.Warn, probe(ProbeHealth, 0), probe(ProbeHealth, 200)),
		pair("live.unauthenticated", claw.Critical, probe(ProbeBare, 200), probe(ProbeBare, 401)),
		pair("live.wrong_token", claw.Critical, probe(ProbeWrong, 200), probe(ProbeWrong, 401)),
		pair("live.foreign_origin", claw.Critical, probe(ProbeOrigin, 101), probe(ProbeOrigin, 403)),
		pair("live.host_rebinding", claw.Critical, probe(ProbeHost, 200), probe(ProbeHost, 421)),
		pair("live.no_rate_limit", claw.Warn, flood(0), flood(100)),
		pair("live.config_not_in_force", claw.Warn, live(Live{Asked: true, NotInForce: "it does not parse"}), live(Live{Asked: true})),
		{id: "sandbox.level_unavailable", want: claw.Critical, bad: ours(exec(``), live(Live{Levels: []string{"process"}, Missing: []string{"files: no landlock"}})), good: ours(exec(``), live(Live{Levels: []string{"isolated", "process"}}))},
		{id: "sandbox.attack_works", want: claw.Critical, bad: ours(exec(``), live(Live{Attacks: []Attack{{Name: "mount", Level: "isolated", Outcome: "not stopped"}}})), good: ours(exec(``), live(Live{Attacks: []Attack{{Name: "mount", Level: "isolated", Outcome: "blocked", Detail: "EPERM", Held: true}, {Name: "mount", Level: "process", Outcome: "not stopped"}}}))},
		{id: "sandbox.left_open", want: claw.Info, bad: ours(exec(``), live(Live{Attacks: []Attack{{Name: "fill the workspace", Level: "isolated", Outcome: "not stopped", Held: true, Left: true}}})), good: ours(exec(``), live(Live{Attacks: []Attack{{Name: "mount", Level: "isolated", Outcome: "blocked", Held: true}}}))},
		pair("gateway.self_restriction", claw.Warn, gave(SelfRestriction{PID: 7, Err: "no right"}), gave(SelfRestriction{PID: 7, LandlockABI: 7, Filter: true, Seccomp: 2, NoNewPrivs: 1})),
		pair("gateway.self_restriction", claw.Warn, gave(SelfRestriction{PID: 7, Filter: true, Seccomp: 2, NoNewPrivs: 1}), gave(SelfRestriction{PID: 7, LandlockABI: 7, Filter: true, Seccomp: 2, NoNewPrivs: 1})),
		pair("gateway.self_restriction", claw.Warn, gave(SelfRestriction{PID: 7, LandlockABI: 7, Filter: true}), gave(SelfRestriction{PID: 7, LandlockABI: 7, Filter: true, Seccomp: 2, NoNewPrivs: 1})),
	}
}

func composeRows() []row {
	good := Service{Name: "gw", Line: 2, Image: "x@sha256:aa", User: "1000:1000", ReadOnly: true, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges:true"}, Internal: true, CPUs: "2", Memory: "4G"}
	var out []row
	add := func(id string, want claw.Severity, edit func(*Service)) {
		bad := good
		edit(&bad)
		out = append(out, row{id: id, want: want, bad: ours(`{}`, service(bad)), good: ours(`{}`, service(good))})
	}
	add("compose.root_user", claw.Critical, func(x *Service) { x.User = "" })
	add("compose.root_user", claw.Critical, func(x *Service) { x.User = "0:0" })
	add("compose.writable_root", claw.Warn, func(x *Service) { x.ReadOnly = false })
	add("compose.caps_kept", claw.Warn, func(x *Service) { x.CapDrop = nil })
	add("compose.caps_added", claw.Critical, func(x *Service) { x.CapAdd = []string{"SYS_ADMIN"} })
	add("compose.net_bind_unused", claw.Info, func(x *Service) { x.CapAdd = []string{"cap_net_bind_service"} })
	add("compose.new_privileges", claw.Warn, func(x *Service) { x.SecurityOpt = nil })
	add("compose.unconfined", claw.Critical, func(x *Service) { x.SecurityOpt = append(x.SecurityOpt, "seccomp:unconfined") })
	add("compose.privileged", claw.Critical, func(x *Service) { x.Privileged = true })
	add("compose.no_limits", claw.Warn, func(x *Service) { x.Memory = "" })
	add("compose.config_writable", claw.Warn, func(x *Service) { x.Mounts = []Mount{{Source: "./config", Target: "/app/config"}} })
	add("compose.docker_sock", claw.Critical, func(x *Service) {
		x.Mounts = []Mount{{Source: "/var/run/docker.sock", Target: "/s", ReadOnly: true}}
	})
	add("compose.host_mount", claw.Critical, func(x *Service) { x.Mounts = []Mount{{Source: "/etc", Target: "/e", ReadOnly: true}} })
	add("compose.host_namespace", claw.Critical, func(x *Service) { x.NetworkMode = "host" })
	add("compose.host_namespace", claw.Critical, func(x *Service) { x.PID = "host" })
	add("compose.network_open", claw.Warn, func(x *Service) { x.Internal = false })
	add("compose.ports_published", claw.Critical, func(x *Service) { x.Ports = []string{"18789:18789"} })
	add("compose.image_unpinned", claw.Warn, func(x *Service) { x.Image = "x:1.2" })
	add("compose.env_secret", claw.Critical, func(x *Service) { x.Secrets = []string{"API_KEY"} })
	return out
}

func versionRows() []row {
	at := func(version string) home {
		return theirs(fmt.Sprintf(`{ meta: { lastTouchedVersion: %q } }`, version))
	}
	return []row{
		{id: "version.known_vulnerable", want: claw.Critical, bad: at("2026.1.15"), good: at("2027.1.1")},
		{id: "version.known_vulnerable", want: claw.Warn, bad: at("2026.5.1"), good: at("2027.1.1")},
		{id: "version.unknown", want: claw.Info, unmeasured: true, bad: theirs(`{}`), good: at("2027.1.1")},
		{id: "version.advisories_old", want: claw.Info, unmeasured: true, bad: theirs(`{}`, snapshot(func(s *Snapshot) { s.TakenAt = advisoriesOf.Add(advisoriesKeep + time.Hour) })), good: at("2027.1.1")},
	}
}
