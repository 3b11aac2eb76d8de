package audit

import (
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

const strangers = `channels: { telegram: { dmPolicy: ^^"open" } }`

// exec is a home of ours with commands.
func exec(more string) string {
	return `{ tools: { profile: "standard", alsoAllow: ["exec"], exec: { security: "allowlist", ` + more + ` } } }`
}

func execRows() []row {
	list := func(entry string) home { return ours(exec(`allowlist: [^^"` + entry + `"]`)) }
	safe := list("git status")
	approvals := func(text string) func(*Input) { return document("~/.openclaw/exec-approvals.json", text) }
	pattern := func(p string) home {
		return theirs("{}", approvals(`{"version":1,"agents":{"main":{"allowlist":[{"pattern":"`+p+`"}]}}}`))
	}
	out := []row{
		{id: "tools.exec.security_full", want: claw.Warn, bad: ours(`{ tools: { profile: "full", exec: { security: ^^"full" } } }`), good: safe},
		{id: "tools.exec.security_full", want: claw.Critical, bad: ours(`{ tools: { profile: "full", exec: { security: ^^"full" } }, channels: { telegram: { dmPolicy: "open" } } }`), good: safe},
		{id: "tools.exec.security_full", want: claw.Warn, bad: ours(`{ tools: { profile: "full", exec: { mode: ^^"full" } } }`), good: safe},
		{id: "tools.exec.security_full", want: claw.Warn, bad: theirs(`{ tools: { deny: ["group:web", "group:ui"] } }`), good: theirs(`{ tools: { exec: { security: "deny" } } }`)},
		{id: "tools.exec.security_full", want: claw.Critical, bad: ours(`{ tools: { profile: "full", flow: { mode: "off" }, exec: { security: ^^"full", ask: "off" } } }`), good: safe},
		{id: "tools.exec.security_full", want: claw.Critical, bad: theirs(`{}`), good: theirs(`{ tools: { exec: { security: "allowlist" } } }`)},
		{id: "tools.exec.ask_off", want: claw.Warn, bad: ours(`{ tools: { profile: "full", exec: { security: "full", ask: ^^"off" } } }`), good: safe},
		{id: "tools.exec.allowlist_catch_all", want: claw.Critical, bad: list("*"), good: safe},
		{id: "tools.exec.allowlist_catch_all", want: claw.Critical, bad: list("/usr/bin/*"), good: safe},
		{id: "tools.exec.allowlist_shell", want: claw.Critical, bad: list("bash"), good: list("bash /opt/x/run.sh")},
		{id: "tools.exec.allowlist_shell", want: claw.Critical, bad: list("/bin/zsh -lc"), good: safe},
		{id: "tools.exec.allowlist_wrapper", want: claw.Warn, bad: list("env"), good: safe},
		{id: "tools.exec.allowlist_wrapper", want: claw.Warn, bad: list("/usr/bin/find *"), good: list("find /srv/data -name")},
		{id: "tools.exec.allowlist_wrapper", want: claw.Warn, bad: list("git"), good: safe},
		{id: "tools.exec.allowlist_interpreter", want: claw.Warn, bad: ours(exec(`strictInlineEval: false, allowlist: [^^"python3.12"]`)), good: ours(exec(`strictInlineEval: false, allowlist: ["python3 /opt/x.py"]`))},
		{id: "tools.exec.allowlist_interpreter", want: claw.Warn, bad: pattern("/usr/bin/python3"), good: theirs(`{ tools: { exec: { security: "allowlist", strictInlineEval: true } } }`)},
		{id: "tools.exec.allowlist_writable_dir", want: claw.Warn, bad: list("/tmp/tool"), good: list("/usr/bin/jq .")},
		{id: "tools.exec.allowlist_writable_dir", want: claw.Warn, bad: list("~/bin/tool"), good: list("/usr/local/bin/jq .")},
		{id: "tools.exec.denylist_empty", want: claw.Info, bad: ours(`{ tools: { profile: "full", exec: { security: ^^"allowlist" } } }`), good: ours(exec(`denylist: ["rm -rf"]`))},
		{id: "tools.exec.level_below_isolated", want: claw.Critical, bad: ours(exec(`level: ^^"none", dangerouslyUnconfined: true`)), good: safe},
		{id: "tools.exec.level_below_isolated", want: claw.Warn, bad: ours(exec(`level: ^^"confined"`)), good: safe},
		{id: "tools.exec.level_below_isolated", want: claw.Warn, bad: theirs(`{ agents: { defaults: { sandbox: { mode: ^^"non-main" } } } }`), good: theirs(`{ agents: { defaults: { sandbox: { mode: "all" } } } }`)},
		{id: "tools.exec.host_sandbox_no_sandbox", want: claw.Warn, bad: theirs(`{ tools: { exec: { host: ^^"sandbox" } } }`), good: theirs(`{ tools: { exec: { host: "sandbox" } }, agents: { defaults: { sandbox: { mode: "all" } } } }`)},
		{id: "tools.exec.host_sandbox_no_sandbox", want: claw.Warn, bad: theirs(`{ agents: { defaults: { sandbox: { mode: "all" } }, list: [{ id: "a", tools: { exec: { host: ^^"sandbox" } }, sandbox: { mode: "off" } }] } }`), good: theirs(`{ agents: { defaults: { sandbox: { mode: "all" } }, list: [{ id: "a", tools: { exec: { host: "sandbox" } } }] } }`)},
		{id: "tools.exec.auto_allow_skills_enabled", want: claw.Warn, bad: theirs("{}", approvals(`{"defaults":{"autoAllowSkills":true}}`)), good: theirs("{}", approvals(`{"defaults":{"autoAllowSkills":false}}`))},
		{id: "tools.exec.auto_allow_skills_enabled", want: claw.Warn, bad: theirs("{}", approvals(`{"agents":{"b":{"autoAllowSkills":true}}}`)), good: theirs("{}", approvals(`{}`))},
		{id: "tools.exec.approvals_catch_all", want: claw.Critical, bad: pattern("*"), good: pattern("/usr/bin/jq")},
		{id: "tools.exec.approvals_catch_all", want: claw.Critical, bad: pattern("/bin/bash"), good: theirs("{}", approvals(`{"agents":{}}`))},
		{id: "tools.exec.approvals_catch_all", want: claw.Critical, bad: pattern("/usr/bin/find"), good: pattern("/usr/bin/cat")},
		{id: "tools.exec.approvals_catch_all", want: claw.Warn, bad: pattern("/home/u/bin/x"), good: pattern("/usr/bin/cat")},
		{id: "tools.exec.fs_tools_disabled_but_exec_enabled", want: claw.Warn, bad: ours(`{ tools: { profile: "full", deny: ["write", "edit", "apply_patch"], exec: { security: ^^"allowlist" } } }`), good: ours(`{ tools: { profile: "full", exec: { security: "allowlist" } } }`)},
		{id: "tools.exec.agent_skill_mcp_boundary_drift", want: claw.Warn, bad: theirs(`{ agents: { list: [{ id: "a", skills: ^^["x"] }] }, mcp: { servers: { m: { command: "/opt/m" } } } }`), good: theirs(`{ agents: { list: [{ id: "a", skills: ["x"] }] } }`)},
		{id: "tools.exec.safe_bins_interpreter_unprofiled", want: claw.Warn, bad: ours(exec(`safeBins: ["cut", ^^"python3"]`)), good: ours(exec(`safeBins: ["cut", "wc"]`))},
		{id: "tools.exec.safe_bins_broad_behavior", want: claw.Warn, bad: ours(exec(`safeBins: [^^"jq"]`)), good: ours(exec(`safeBins: ["cut", "wc"]`))},
		{id: "tools.exec.safe_bin_trusted_dirs_risky", want: claw.Warn, bad: ours(exec(`safeBinTrustedDirs: [^^"/usr/local/bin"]`)), good: ours(exec(`safeBinTrustedDirs: ["/usr/bin"]`))},
		{id: "tools.exec.safe_bin_trusted_dirs_risky", want: claw.Warn, bad: ours(exec(`safeBinTrustedDirs: [^^"bin"]`)), good: ours(exec(`safeBinTrustedDirs: ["/bin"]`))},
		{id: "tools.exec.path_prepend_risky", want: claw.Warn, bad: ours(exec(`pathPrepend: [^^"~/bin"]`)), good: ours(exec(`pathPrepend: ["/opt/tools/bin"]`))},
		{id: "tools.exec.read_roots_wide", want: claw.Warn, bad: ours(exec(`readRoots: [^^"~"]`)), good: ours(exec(`readRoots: ["~/go/pkg"]`))},
		{id: "tools.exec.read_roots_wide", want: claw.Warn, bad: ours(exec(`readRoots: [^^"~/.ssh"]`)), good: ours(exec(`readRoots: ["/opt/go"]`))},
		{id: "tools.exec.ask_fallback_loose", want: claw.Warn, bad: ours(exec(`askFallback: ^^"full"`)), good: ours(exec(`askFallback: "deny"`))},
		{id: "tools.elevated.enabled", want: claw.Warn, bad: ours(`{ tools: { elevated: { enabled: ^^true } } }`), good: ours(`{ tools: { elevated: { enabled: false } } }`)},
		{id: "tools.elevated.enabled", want: claw.Critical, bad: ours(`{ tools: { exec: { elevated: { enabled: ^^true } } }, channels: { telegram: { groupPolicy: "open" } } }`), good: ours(`{}`)},
		{id: "tools.elevated.enabled", want: claw.Warn, bad: theirs(`{ tools: { elevated: { allowFrom: { telegram: ^^["1"] } } } }`), good: theirs(`{ tools: { elevated: { enabled: false, allowFrom: { telegram: ["1"] } } } }`)},
		{id: "tools.elevated.allowFrom.*.wildcard", says: "tools.elevated.allowFrom.telegram.wildcard", want: claw.Critical, bad: ours(`{ tools: { elevated: { enabled: true, allowFrom: { telegram: ^^["*"] } } } }`), good: ours(`{ tools: { elevated: { enabled: true, allowFrom: { telegram: ["1"] } } } }`)},
		{id: "tools.elevated.allowFrom.*.large", says: "tools.elevated.allowFrom.discord.large", want: claw.Warn, bad: theirs(`{ tools: { elevated: { allowFrom: { discord: ^^[` + strings.Repeat(`"123", `, 26) + `] } } } }`), good: theirs(`{ tools: { elevated: { allowFrom: { discord: [` + strings.Repeat(`"123", `, 25) + `] } } } }`)},
	}
	return out
}

func exposureRows() []row {
	closed := ours(`{ channels: { telegram: { dmPolicy: "pairing" } } }`)
	// Strangers reach b alone, and a runs commands: what b may ask of a counts.
	const two = `channels: { telegram: { dmPolicy: "open" } }, bindings: [{ agentId: "b", match: { channel: "telegram" } }], agents: { list: [{ id: "a" },`
	return []row{
		{id: "security.exposure.open_channels_with_exec", want: claw.Critical, bad: ours(`{ tools: { profile: "full", flow: { mode: "off" }, exec: { security: "full", ask: "off" } }, ` + strangers + ` }`), good: closed},
		{id: "security.exposure.open_channels_with_exec", want: claw.Warn, bad: ours(`{ tools: { profile: "full", exec: { security: "full", ask: "off" } }, ` + strangers + ` }`), good: closed},
		{id: "security.exposure.open_channels_with_exec", want: claw.Warn, bad: ours(`{ tools: { profile: "full", exec: { security: "allowlist" } }, channels: { telegram: { allowFrom: ^^["*"] } } }`), good: ours(`{ tools: { profile: "full", exec: { security: "allowlist" } }, channels: { telegram: { allowFrom: ["7"] } } }`)},
		{id: "security.exposure.open_channels_with_exec", want: claw.Warn, bad: theirs(`{ tools: { exec: { security: "allowlist", allowlist: ["git status"] } }, ` + strangers + ` }`), good: theirs(`{ ` + two + ` { id: "b", tools: { profile: "messaging" } }] } }`)},
		{id: "security.exposure.open_channels_with_exec", want: claw.Critical, bad: theirs(`{ ` + strings.Replace(two, `dmPolicy: `, `dmPolicy: ^^`, 1) + ` { id: "b", tools: { deny: ["exec"] } }] } }`), good: theirs(`{ ` + two + ` { id: "b", tools: { profile: "messaging" } }] } }`)},
		{id: "security.exposure.open_channels_with_exec", want: claw.Critical, bad: theirs(`{ ` + strangers + ` }`), good: theirs(`{ tools: { exec: { security: "deny" } }, channels: { telegram: { dmPolicy: "open" } } }`)},
		{id: "security.exposure.open_channels_with_exec", want: claw.Warn, bad: ours(`{ tools: { profile: "full", exec: { security: "allowlist" } }, ` + strangers + ` }`), good: closed},
		{id: "security.exposure.open_groups_with_elevated", want: claw.Critical, bad: theirs(`{ channels: { slack: { groupPolicy: ^^"open" } } }`), good: theirs(`{ tools: { elevated: { enabled: false } }, channels: { slack: { groupPolicy: "open" } } }`)},
		{id: "security.exposure.open_groups_with_runtime_or_fs", want: claw.Critical, bad: theirs(`{ ` + strangers + ` }`), good: theirs(`{ agents: { defaults: { sandbox: { mode: "all" } } }, channels: { telegram: { dmPolicy: "open" } } }`)},
		{id: "security.exposure.open_groups_with_runtime_or_fs", want: claw.Warn, bad: theirs(`{ tools: { deny: ["exec", "process"] }, ` + strangers + ` }`), good: theirs(`{ tools: { fs: { workspaceOnly: true }, deny: ["exec", "process"] }, channels: { telegram: { dmPolicy: "open" } } }`)},
		{id: "security.exposure.open_groups_with_control_plane_tools", want: claw.Critical, bad: theirs(`{ ` + strangers + ` }`), good: theirs(`{ tools: { deny: ["gateway", "cron", "nodes", "automations", "plugins"] }, channels: { telegram: { dmPolicy: "open" } } }`)},
		{id: "security.trust_model.multi_user_heuristic", want: claw.Warn, bad: ours(`{ ` + strangers + ` }`), good: closed},
		{id: "security.trust_model.multi_user_heuristic", want: claw.Warn, bad: ours(`{ channels: { telegram: { allowFrom: ^^["*"] } } }`), good: closed},
		{id: "security.trust_model.multi_user_heuristic", want: claw.Warn, bad: ours(`{ channels: { telegram: { groups: { "-5": ^^{} } } } }`), good: closed},
		{id: "security.trust_model.group_scope_main", want: claw.Warn, bad: ours(`{ session: { groupScope: ^^"main" } }`), good: closed},
		{id: "security.trust_model.cross_agent_session_access_default", want: claw.Warn, bad: ours(`{ agents: { list: [{ id: "a" }, { id: "b" }] }, tools: { sessions: { visibility: ^^"all" } } }`), good: ours(`{ agents: { list: [{ id: "a" }, { id: "b" }] } }`)},
		{id: "summary.attack_surface", want: claw.Info, bad: ours(`{}`), good: home{}},
		{id: "tools.profile_full", want: claw.Warn, bad: ours(`{ tools: { profile: ^^"full" } }`), good: ours(`{ tools: { profile: "messaging" } }`)},
		{id: "tools.profile_full", want: claw.Critical, bad: ours(`{ tools: { profile: ^^"full" }, channels: { telegram: { dmPolicy: "open" } } }`), good: closed},
		{id: "tools.profile_minimal_overridden", want: claw.Warn, bad: ours(`{ tools: { profile: "minimal" }, agents: { list: [{ id: "a", tools: { profile: ^^"full" } }] } }`), good: ours(`{ tools: { profile: "minimal" }, agents: { list: [{ id: "a" }] } }`)},
		{id: "tools.gained", want: claw.Info, bad: ours(`{ tools: { agents: { helper: { allow: ^^["exec"] } } } }`), good: ours(`{ tools: { profile: "messaging" } }`)},
		{id: "tools.gained", want: claw.Info, bad: ours(`{ tools: { profile: "messaging", alsoAllow: ^^["exec"] } }`), good: closed},
		{id: "tools.fs.workspace_only_off", want: claw.Warn, bad: ours(`{ tools: { profile: "standard", fs: { workspaceOnly: ^^false } } }`), good: ours(`{ tools: { profile: "standard" } }`)},
		{id: "tools.fs.deny_paths_missing", want: claw.Info, bad: ours(`{}`), good: ours(`{ tools: { fs: { denyPaths: ["/etc"] } } }`)},
		{id: "tools.flow_off", want: claw.Critical, bad: ours(`{ tools: { flow: { mode: ^^"off" } } }`), good: ours(`{}`)},
		{id: "tools.flow_off", want: claw.Warn, bad: ours(`{ tools: { deny: ["group:web", "group:ui"], flow: { mode: ^^"observe" } } }`), good: ours(`{ tools: { flow: { mode: "enforce" } } }`)},
		{id: "tools.content.strip_off", want: claw.Warn, bad: ours(`{ tools: { content: { stripSystemPrompts: ^^false } } }`), good: ours(`{}`)},
		{id: "tools.content.no_limit", want: claw.Info, bad: ours(`{ tools: { content: { maxChars: ^^5000000 } } }`), good: ours(`{}`)},
		{id: "tools.budget_missing", want: claw.Info, bad: ours(`{ agents: { defaults: { model: "anthropic/claude-opus-4-6" } } }`), good: ours(`{ agents: { defaults: { model: "anthropic/claude-opus-4-6" } }, tools: { budget: { costPerDay: 5 } } }`)},
		{id: "tools.egress.mode_allow", want: claw.Warn, bad: ours(`{ tools: { profile: "full", exec: { security: "allowlist" }, egress: { mode: ^^"allow" } } }`), good: ours(`{ tools: { profile: "full", egress: { mode: "ask" } } }`)},
		{id: "tools.egress.shared_tunnel", want: claw.Warn, bad: ours(`{ tools: { profile: "full", exec: { security: "allowlist", allowlist: ["curl"] }, egress: { hosts: [{ host: ^^"api.github.com", class: "write" }] } } }`), good: ours(`{ tools: { profile: "full", exec: { security: "allowlist", allowlist: ["curl"] }, egress: { hosts: [{ host: "api.github.com", class: "write", paths: ["/repos/me"] }] } } }`)},
		{id: "tools.egress.wide_write", want: claw.Warn, bad: ours(`{ tools: { egress: { hosts: [{ host: ^^"*.example.com", class: "write" }] } } }`), good: ours(`{ tools: { egress: { hosts: [{ host: "*.example.com", class: "read" }] } } }`)},
		{id: "tools.message.cross_context", want: claw.Warn, bad: ours(`{ tools: { message: { crossContext: { allowAcrossProviders: ^^true } } } }`), good: ours(`{}`)},
		{id: "tools.subagents.any", want: claw.Warn, bad: ours(`{ agents: { list: [{ id: "a", subagents: { allowAgents: ^^["*"] } }, { id: "b" }] } }`), good: ours(`{ agents: { list: [{ id: "a", subagents: { allowAgents: ["b"] } }, { id: "b" }] } }`)},
		{id: "tools.subagents.any", want: claw.Warn, bad: ours(`{ agents: { defaults: { subagents: { allowAgents: ^^["*"] } }, list: [{ id: "a" }, { id: "b" }] } }`), good: ours(`{}`)},
		{id: "tools.loop_detection_off", want: claw.Info, bad: ours(`{ tools: { loopDetection: { enabled: ^^false } } }`), good: ours(`{}`)},
	}
}

func box(more string) string {
	return `{ agents: { defaults: { sandbox: { mode: "all", ` + more + ` } } } }`
}

func sandboxRows() []row {
	ok := theirs(box(`docker: { image: "x:1.2", memory: "1g", pidsLimit: 100 }`))
	browser := theirs(`{ browser: { enabled: true, profiles: { a: { cdpUrl: "https://b.example" } } }, ` + safeAuth + ` }`)
	return []row{
		{id: "sandbox.docker_config_mode_off", want: claw.Warn, bad: theirs(`{ agents: { defaults: { sandbox: { docker: ^^{ image: "x" } } } } }`), good: ok},
		{id: "sandbox.dangerous_bind_mount", want: claw.Critical, bad: theirs(box(`docker: { binds: [^^"/etc:/e:ro"] }`)), good: theirs(box(`docker: { binds: ["/srv/data:/d:ro"] }`))},
		{id: "sandbox.dangerous_bind_mount", want: claw.Critical, bad: theirs(box(`docker: { binds: [^^"/home:/h"] }`)), good: ok},
		{id: "sandbox.dangerous_bind_mount", want: claw.Critical, bad: theirs(box(`docker: { binds: [^^"/home/other/.ssh:/k"] }`)), good: ok},
		{id: "sandbox.dangerous_bind_mount", want: claw.Critical, bad: theirs(box(`docker: { binds: [^^"/var/lib/docker:/d"] }`)), good: ok},
		{id: "sandbox.dangerous_bind_mount", want: claw.Critical, bad: theirs(box(`docker: { binds: [^^"/run/user/1000/docker.sock:/s"] }`)), good: ok},
		{id: "sandbox.dangerous_bind_mount", want: claw.Critical, bad: theirs(box(`docker: { binds: [^^"~/.openclaw:/s"] }`)), good: theirs(box(`docker: { binds: ["~/.openclaw/workspace:/w"] }`))},
		{id: "sandbox.dangerous_bind_mount", want: claw.Critical, bad: theirs(box(`docker: { binds: [^^"/srv/../etc:/e"] }`)), good: ok},
		{id: "sandbox.bind_mount_non_absolute", want: claw.Warn, bad: theirs(box(`docker: { binds: [^^"./data:/d"] }`)), good: ok},
		{id: "sandbox.dangerous_network_mode", want: claw.Critical, bad: theirs(box(`docker: { network: ^^"host" }`)), good: theirs(box(`docker: { network: "none" }`))},
		{id: "sandbox.dangerous_network_mode", want: claw.Critical, bad: theirs(box(`docker: { network: ^^"container:x" }`)), good: ok},
		{id: "sandbox.dangerous_seccomp_profile", want: claw.Critical, bad: theirs(box(`docker: { seccompProfile: ^^"unconfined" }`)), good: ok},
		{id: "sandbox.dangerous_apparmor_profile", want: claw.Critical, bad: theirs(box(`docker: { apparmorProfile: ^^"unconfined" }`)), good: ok},
		{id: "sandbox.writable_root", want: claw.Warn, bad: theirs(box(`docker: { readOnlyRoot: ^^false }`)), good: ok},
		{id: "sandbox.capabilities_kept", want: claw.Warn, bad: theirs(box(`docker: { capDrop: ^^["NET_RAW"] }`)), good: theirs(box(`docker: { capDrop: ["ALL"] }`))},
		{id: "sandbox.root_user", want: claw.Warn, bad: theirs(box(`docker: { user: ^^"0:0" }`)), good: theirs(box(`docker: { user: "1000:1000" }`))},
		{id: "sandbox.no_limits", want: claw.Info, bad: theirs(box(`docker: ^^{ image: "x:1" }`)), good: ok},
		{id: "sandbox.image_unpinned", want: claw.Warn, bad: theirs(box(`docker: { image: ^^"registry:5000/x" }`)), good: ok},
		{id: "sandbox.env_secret", want: claw.Warn, bad: theirs(box(`docker: { env: { ^^GITHUB_TOKEN: "${GH}" } }`)), good: theirs(box(`docker: { env: { LANG: "C" } }`))},
		{id: "sandbox.browser_cdp_bridge_unrestricted", want: claw.Warn, bad: theirs(box(`browser: { enabled: true, network: ^^"bridge" }`)), good: theirs(box(`browser: { enabled: true, network: "bridge", cdpSourceRange: "172.18.0.1/32" }`))},
		{id: "sandbox.browser_host_control", want: claw.Warn, bad: theirs(box(`browser: { enabled: true, allowHostControl: ^^true }`)), good: ok},
		{id: "browser.control_no_auth", want: claw.Critical, bad: theirs(`{ browser: { enabled: ^^true } }`), good: browser},
		{id: "browser.control_invalid_config", want: claw.Warn, bad: theirs(`{ browser: { profiles: { a: { cdpUrl: ^^"not an address" } } } }`), good: browser},
		{id: "browser.extension_relay_legacy_auth", want: claw.Warn, bad: theirs(`{ browser: { extensionRelay: { allowLegacyAuth: ^^true } } }`), good: theirs(`{ browser: { extensionRelay: { allowLegacyAuth: false } } }`)},
		{id: "browser.remote_cdp_http", want: claw.Warn, bad: theirs(`{ browser: { profiles: { a: { cdpUrl: ^^"http://b.example:9222" } } } }`), good: browser},
		{id: "browser.remote_cdp_http", want: claw.Warn, bad: theirs(`{ browser: { cdpUrl: ^^"ws://b.example:9222" } }`), good: browser},
		{id: "browser.no_sandbox", want: claw.Warn, bad: theirs(`{ browser: { noSandbox: ^^true } }`), good: browser},
		{id: "browser.private_network", want: claw.Warn, bad: theirs(`{ browser: { ssrfPolicy: { dangerouslyAllowPrivateNetwork: ^^true } } }`), good: browser},
	}
}
