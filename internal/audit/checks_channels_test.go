package audit

import "github.com/openclaw-go/openclaw/internal/claw"

func telegram(more string) string { return `{ channels: { telegram: { ` + more + ` } } }` }

func channelRows() []row {
	paired := ours(telegram(`dmPolicy: "pairing"`))
	listed := ours(telegram(`dmPolicy: "allowlist", allowFrom: ["123"]`))
	on := func(channel, more string) home { return theirs(`{ channels: { ` + channel + `: { ` + more + ` } } }`) }
	return []row{
		{id: "channels.*.dm.open", says: "channels.telegram.dm.open", want: claw.Critical, bad: ours(telegram(`dmPolicy: ^^"open", allowFrom: ["*"]`)), good: paired},
		{id: "channels.*.dm.open", says: "channels.discord.dm.open", want: claw.Critical, bad: on("discord", `dm: { policy: ^^"open" }`), good: on("discord", `dm: { policy: "pairing" }`)},
		{id: "channels.*.dm.open", says: "channels.telegram.dm.open", want: claw.Critical, bad: ours(telegram(`accounts: { b: { dmPolicy: ^^"open" } }`)), good: on("telegram", `enabled: false, dmPolicy: "open" }, discord: {`)},
		{id: "channels.*.dm.open_invalid", says: "channels.telegram.dm.open_invalid", want: claw.Warn, bad: ours(telegram(`dmPolicy: ^^"open"`)), good: ours(telegram(`dmPolicy: "open", allowFrom: ["*"]`))},
		{id: "channel.*.dmPolicy_pairing", says: "channel.telegram.dmPolicy_pairing", want: claw.Info, bad: ours(telegram(`dmPolicy: ^^"pairing"`)), good: listed},
		{id: "channels.*.dm.disabled", says: "channels.telegram.dm.disabled", want: claw.Info, bad: ours(telegram(`dmPolicy: ^^"disabled"`)), good: listed},
		{id: "channels.*.dm.locked", says: "channels.telegram.dm.locked", want: claw.Info, bad: ours(telegram(`dmPolicy: ^^"allowlist"`)), good: listed},
		{id: "channels.*.allowFrom.wildcard", says: "channels.telegram.allowFrom.wildcard", want: claw.Critical, bad: ours(telegram(`dmPolicy: "allowlist", allowFrom: ^^["123", "*"]`)), good: listed},
		{id: "channels.*.allowFrom.wildcard", says: "channels.telegram.allowFrom.wildcard", want: claw.Critical, bad: ours(telegram(`allowFrom: ^^["*"]`)), good: listed},
		{id: "channels.*.dm.scope_main_multiuser", says: "channels.telegram.dm.scope_main_multiuser", want: claw.Warn, bad: ours(`{ session: { dmScope: ^^"main" }, channels: { telegram: { dmPolicy: "allowlist", allowFrom: ["1", "2"] } } }`), good: listed},
		{id: "channels.*.dm.scope_main_multiuser", says: "channels.telegram.dm.scope_main_multiuser", want: claw.Warn, bad: ours(`{ session: { dmScope: ^^"main" }, channels: { telegram: { dmPolicy: "open" } } }`), good: ours(`{ session: { dmScope: "per-channel-peer" }, channels: { telegram: { allowFrom: ["1", "2"] } } }`)},
		{id: "channels.*.dm.scope_main_multiuser", says: "channels.telegram.dm.scope_main_multiuser", want: claw.Warn, bad: on("telegram", `allowFrom: ["1", "2"]`), good: on("telegram", `allowFrom: ["1"]`)},
		{id: "channels.*.groups.open", says: "channels.telegram.groups.open", want: claw.Warn, bad: ours(telegram(`groupPolicy: ^^"open"`)), good: ours(telegram(`groupPolicy: "allowlist"`))},
		{id: "channels.*.groups.open", says: "channels.telegram.groups.open", want: claw.Warn, bad: ours(telegram(`groups: { "-5": { groupPolicy: ^^"open" } }`)), good: ours(telegram(`groupPolicy: "disabled"`))},
		{id: "channels.*.groups.open", says: "channels.telegram.groups.open", want: claw.Warn, bad: ours(`{ channels: { defaults: { groupPolicy: ^^"open" }, telegram: {} } }`), good: paired},
		{id: "channels.*.groups.allowFrom.wildcard", says: "channels.telegram.groups.allowFrom.wildcard", want: claw.Critical, bad: ours(telegram(`groupAllowFrom: ^^["*"]`)), good: ours(telegram(`groupAllowFrom: ["1"]`))},
		{id: "channels.*.groups.allowFrom.wildcard", says: "channels.telegram.groups.allowFrom.wildcard", want: claw.Critical, bad: ours(telegram(``), document("~/.openclaw/credentials/telegram-allowFrom.json", `{"allowFrom":["*"]}`)), good: ours(telegram(``), document("~/.openclaw/credentials/telegram-allowFrom.json", `{"allowFrom":["1"]}`))},
		{id: "channels.*.groups.allowFrom.missing", says: "channels.telegram.groups.allowFrom.missing", want: claw.Critical, bad: on("telegram", `groups: { "-5": ^^{} }`), good: on("telegram", `groups: { "-5": { allowFrom: ["1"] } }`)},
		{id: "channels.*.groups.no_mention", says: "channels.telegram.groups.no_mention", want: claw.Info, bad: ours(telegram(`groups: { "-5": ^^{ requireMention: false } }`)), good: ours(telegram(`groups: { "-5": {} }`))},
		{id: "channels.*.groups.no_mention", says: "channels.telegram.groups.no_mention", want: claw.Info, bad: ours(telegram(`groupPolicy: "open", requireMention: ^^false`)), good: ours(telegram(`requireMention: false`))},
		{id: "channels.*.allowFrom.invalid_entries", says: "channels.telegram.allowFrom.invalid_entries", want: claw.Warn, bad: ours(telegram(`allowFrom: ^^["@alice"]`)), good: ours(telegram(`allowFrom: ["tg:123", "-100123"]`))},
		{id: "channels.*.allowFrom.invalid_entries", says: "channels.telegram.allowFrom.invalid_entries", want: claw.Warn, bad: ours(telegram(`allowFrom: ["1"], groupAllowFrom: ^^["bob"]`)), good: listed},
		{id: "channels.*.allowFrom.name_based_entries", says: "channels.discord.allowFrom.name_based_entries", want: claw.Warn, bad: on("discord", `allowFrom: ^^["alice"]`), good: on("discord", `allowFrom: ["123456789012345678", "<@123456789012345678>", "user:5"]`)},
		{id: "channels.*.allowFrom.name_based_entries", says: "channels.slack.allowFrom.name_based_entries", want: claw.Warn, bad: on("slack", `groupAllowFrom: ^^["@bob"]`), good: on("slack", `allowFrom: ["U0123ABCD"]`)},
		{id: "channels.*.allowFrom.dangerous_name_matching_enabled", says: "channels.discord.allowFrom.dangerous_name_matching_enabled", want: claw.Info, bad: on("discord", `dangerouslyAllowNameMatching: ^^true`), good: on("discord", ``)},
		{id: "channels.*.allowFrom.dangerous_name_matching_enabled", says: "channels.discord.allowFrom.dangerous_name_matching_enabled", want: claw.Warn, bad: on("discord", `allowFrom: ["alice"], dangerouslyAllowNameMatching: ^^true`), good: on("discord", ``)},
		{id: "channels.*.config_writes", says: "channels.telegram.config_writes", want: claw.Warn, bad: ours(telegram(`configWrites: ^^true`)), good: paired},
		{id: "channels.*.context_visible_to_all", says: "channels.telegram.context_visible_to_all", want: claw.Info, bad: ours(telegram(`contextVisibility: ^^"all"`)), good: ours(telegram(`contextVisibility: "allowlist"`))},
		{id: "channels.*.not_served", says: "channels.matrix.not_served", want: claw.Info, bad: ours(`{ channels: { matrix: ^^{} } }`), good: paired},
		{id: "channels.*.commands.no_allowlists", says: "channels.discord.commands.no_allowlists", want: claw.Warn, bad: on("discord", `groupPolicy: ^^"open", guilds: { "5": {} }`), good: on("discord", `guilds: { "5": { users: ["7"] } }`)},
		{id: "channels.*.commands.no_allowlists", says: "channels.slack.commands.no_allowlists", want: claw.Warn, bad: on("slack", `groupPolicy: ^^"open"`), good: on("slack", `groupPolicy: "open", allowFrom: ["U0123ABCD"]`)},
		{id: "channels.*.groups.mutable_entries", says: "channels.zalouser.groups.mutable_entries", want: claw.Warn, bad: on("zalouser", `groups: { "my friends": ^^{} }`), good: on("zalouser", `groups: { "12345": {} }`)},
		{id: "channels.feishu.doc_owner_open_id", want: claw.Warn, bad: theirs(`{ channels: { feishu: ^^{ appId: "x" } } }`), good: on("feishu", `tools: { doc: false }`)},
		{id: "channels.*.routing.owner_missing", says: "channels.telegram.routing.owner_missing", want: claw.Warn, bad: ours(`{ agents: { list: [{ id: "main" }] }, bindings: [{ agentId: ^^"gone", match: { channel: "telegram" } }], channels: { telegram: {} } }`), good: ours(`{ agents: { list: [{ id: "main" }] }, bindings: [{ agentId: "main", match: { channel: "telegram" } }], channels: { telegram: {} } }`)},
		{id: "channels.owner_missing", want: claw.Info, bad: ours(telegram(``)), good: ours(`{ channels: { telegram: {} }, commands: { ownerAllowFrom: ["telegram:1"] } }`)},
		{id: "channels.owner_wildcard", want: claw.Critical, bad: ours(`{ commands: { ownerAllowFrom: ^^["*"] } }`), good: paired},
		{id: "channels.owner_wildcard", want: claw.Critical, bad: ours(`{ commands: { ownerAllowFrom: ^^["telegram:*"] } }`), good: ours(`{ commands: { ownerAllowFrom: ["telegram:5"] } }`)},
		{id: "commands.access_groups_off", want: claw.Critical, bad: theirs(`{ commands: { useAccessGroups: ^^false }, channels: { discord: {} } }`), good: theirs(`{ channels: { discord: {} } }`)},
		{id: "commands.bash", want: claw.Warn, bad: ours(`{ commands: { bash: ^^true } }`), good: ours(`{ commands: { bash: false } }`)},
		{id: "commands.bash", want: claw.Critical, bad: ours(`{ commands: { bash: ^^true }, channels: { telegram: { dmPolicy: "open" } } }`), good: paired},
		{id: "commands.config_from_chat", want: claw.Warn, bad: ours(`{ commands: { mcp: ^^true } }`), good: ours(`{ commands: { config: false } }`)},
	}
}

func hookRows() []row {
	on := func(more string) string { return `{ hooks: { enabled: true, ` + more + ` } }` }
	ok := ours(on(`token: "` + strong + `", path: "/hooks", defaultSessionKey: "hook", allowedAgentIds: ["main"]`))
	exposed := func(more string) string {
		return `{ gateway: { bind: "lan" }, hooks: { enabled: true, ` + more + ` } }`
	}
	code := file("~/.openclaw/hooks/x/handler.js", RoleHook, 0o600)
	npm := func(record string) string { return `{ hooks: { internal: { installs: { ^^x: ` + record + ` } } } }` }
	pkg := document("~/.openclaw/hooks/x/package.json", `{"version":"1.2.3"}`)
	return []row{
		{id: "hooks.token_missing", want: claw.Critical, bad: ours(`{ hooks: { enabled: ^^true } }`), good: ok},
		{id: "hooks.token_too_short", want: claw.Warn, bad: ours(on(`token: ^^"k3J8"`)), good: ok},
		{id: "hooks.token_reuse_gateway_token", want: claw.Critical, bad: ours(`{ ` + safeAuth + `, hooks: { enabled: true, token: ^^"` + strong + `" } }`), good: ok},
		{id: "hooks.path_root", want: claw.Critical, bad: ours(on(`path: ^^"/"`)), good: ok},
		{id: "hooks.default_session_key_unset", want: claw.Warn, bad: ours(`{ hooks: { enabled: ^^true } }`), good: ok},
		{id: "hooks.allowed_agent_ids_unrestricted", want: claw.Warn, bad: ours(`{ hooks: { enabled: ^^true } }`), good: ok},
		{id: "hooks.allowed_agent_ids_unrestricted", want: claw.Critical, bad: ours(exposed(`allowedAgentIds: ^^["*"]`)), good: ok},
		{id: "hooks.request_session_key_enabled", want: claw.Warn, bad: ours(on(`allowRequestSessionKey: ^^true`)), good: ok},
		{id: "hooks.request_session_key_enabled", want: claw.Critical, bad: ours(exposed(`allowRequestSessionKey: ^^true`)), good: ok},
		{id: "hooks.request_session_key_prefixes_missing", want: claw.Warn, bad: ours(on(`allowRequestSessionKey: ^^true`)), good: ours(on(`allowRequestSessionKey: true, allowedSessionKeyPrefixes: ["hook:"]`))},
		{id: "hooks.request_session_key_prefixes_missing", want: claw.Critical, bad: ours(exposed(`allowRequestSessionKey: ^^true`)), good: ok},
		{id: "hooks.unsafe_content", want: claw.Warn, bad: ours(on(`mappings: [{ id: "a", allowUnsafeExternalContent: ^^true }]`)), good: ok},
		{id: "hooks.unsafe_content", want: claw.Critical, bad: theirs(on(`mappings: [{ id: "a", allowUnsafeExternalContent: ^^true }]`)), good: ok},
		{id: "hooks.unsafe_content", want: claw.Critical, bad: theirs(on(`gmail: { allowUnsafeExternalContent: ^^true }`)), good: ok},
		{id: "hooks.transforms", want: claw.Warn, bad: ours(on(`transformsDir: ^^"~/t"`)), good: ok},
		{id: "hooks.internal_enabled", want: claw.Warn, bad: theirs(`{ hooks: { internal: { enabled: ^^true } } }`, code), good: theirs(`{ hooks: { internal: { enabled: true } } }`)},
		{id: "hooks.installs_unpinned_npm_specs", want: claw.Warn, bad: theirs(npm(`{ source: "npm", spec: "x@latest" }`)), good: theirs(npm(`{ source: "npm", spec: "x@1.2.3" }`))},
		{id: "hooks.installs_missing_integrity", want: claw.Warn, bad: theirs(npm(`{ source: "npm", spec: "x@1.2.3" }`)), good: theirs(npm(`{ source: "npm", spec: "x@1.2.3", integrity: "sha512-abc" }`))},
		{id: "hooks.installs_version_drift", want: claw.Warn, bad: theirs(npm(`{ source: "npm", version: "1.0.0" }`), pkg), good: theirs(npm(`{ source: "npm", version: "1.2.3" }`), pkg)},
	}
}
