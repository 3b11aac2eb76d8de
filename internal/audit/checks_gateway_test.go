package audit

import "github.com/openclaw-go/openclaw/internal/claw"

const (
	lan       = `{ gateway: { bind: "lan" }, `
	withToken = `gateway: { bind: "lan", auth: { mode: "token", token: "` + strong + `" } }`
	safeAuth  = `gateway: { auth: { mode: "token", token: "` + strong + `" } }`
)

func gatewayRows() []row {
	ok := ours(`{ ` + safeAuth + ` }`)
	proxied := `auth: { mode: "trusted-proxy", trustedProxy: { userHeader: "x-user" } }, trustedProxies: ["10.0.0.2"]`
	return []row{
		{id: "gateway.bind_no_auth", want: claw.Critical, bad: theirs("{ gateway: {\n bind: ^^\"lan\", auth: { mode: \"none\" } } }"), good: ours(`{ ` + withToken + ` }`)},
		{id: "gateway.bind_no_auth", want: claw.Critical, bad: theirs(`{ gateway: { bind: ^^"lan" } }`), good: theirs(`{ gateway: { bind: "loopback" } }`)},
		{id: "gateway.loopback_no_auth", want: claw.Critical, bad: theirs(`{ gateway: { auth: { mode: ^^"none" } } }`), good: ok},
		{id: "gateway.bind_beyond_loopback", want: claw.Warn, bad: ours(`{ gateway: { bind: ^^"lan", auth: { token: "` + strong + `" } } }`), good: ok},
		{id: "gateway.bind_beyond_loopback", want: claw.Warn, bad: ours(`{ gateway: { bind: ^^"tailnet", auth: { token: "` + strong + `" } } }`), good: ok},
		{id: "gateway.custom_host_public", want: claw.Critical, bad: ours(`{ gateway: { bind: ^^"custom", customBindHost: "203.0.113.9" } }`), good: ours(`{ gateway: { bind: "custom", customBindHost: "100.64.0.9" } }`)},
		{id: "gateway.custom_host_public", want: claw.Critical, bad: ours(`{ gateway: { bind: ^^"custom", customBindHost: "0.0.0.0" } }`), good: ours(`{ gateway: { bind: "custom", customBindHost: "10.1.1.1" } }`)},
		{id: "gateway.http.no_auth", want: claw.Warn, bad: theirs(`{ gateway: { auth: { mode: ^^"none" } } }`), good: ok},
		{id: "gateway.http.no_auth", want: claw.Critical, bad: theirs(`{ gateway: { bind: "lan", auth: { mode: ^^"none" } } }`), good: theirs(`{ ` + withToken + ` }`)},
		{id: "gateway.http.session_key_override_enabled", want: claw.Info, bad: ours(`{ gateway: { http: { endpoints: { chatCompletions: { enabled: ^^true } } } } }`), good: ours(`{ gateway: { http: { endpoints: { chatCompletions: { enabled: false } } } } }`)},
		{id: "gateway.http.session_key_override_enabled", want: claw.Info, bad: ours(`{ gateway: { http: { endpoints: { responses: { enabled: ^^true } } } } }`), good: ours(`{}`)},
		{id: "gateway.tools_invoke_http.dangerous_allow", want: claw.Warn, bad: ours(`{ gateway: { tools: { allow: ^^["read", "exec"] } } }`), good: ours(`{ gateway: { tools: { allow: ["read"] } } }`)},
		{id: "gateway.tools_invoke_http.dangerous_allow", want: claw.Critical, bad: ours(`{ gateway: { bind: "lan", tools: { allow: ^^["conversations_list"] } } }`), good: ours(lan + `}`)},
		{id: "gateway.control_ui.allowed_origins_required", want: claw.Critical, bad: theirs(`{ gateway: { bind: ^^"lan", auth: { token: "` + strong + `" } } }`), good: theirs(`{ gateway: { bind: "lan", controlUi: { allowedOrigins: ["https://x.example"] } } }`)},
		{id: "gateway.control_ui.allowed_origins_wildcard", want: claw.Warn, bad: theirs(`{ gateway: { controlUi: { allowedOrigins: ^^["*"] } } }`), good: theirs(`{ gateway: { controlUi: { allowedOrigins: ["https://x.example"] } } }`)},
		{id: "gateway.control_ui.allowed_origins_wildcard", want: claw.Critical, bad: theirs(`{ gateway: { tailscale: { mode: "serve" }, controlUi: { allowedOrigins: ^^["https://a.example", "*"] } } }`), good: ok},
		{id: "gateway.control_ui.host_header_origin_fallback", want: claw.Warn, bad: theirs(`{ gateway: { controlUi: { dangerouslyAllowHostHeaderOriginFallback: ^^true } } }`), good: theirs(`{ gateway: { controlUi: { dangerouslyAllowHostHeaderOriginFallback: false } } }`)},
		{id: "gateway.control_ui.host_header_origin_fallback", want: claw.Critical, bad: theirs(`{ gateway: { bind: "lan", controlUi: { dangerouslyAllowHostHeaderOriginFallback: ^^true } } }`), good: ok},
		{id: "gateway.control_ui.insecure_auth", want: claw.Warn, bad: theirs(`{ gateway: { controlUi: { allowInsecureAuth: ^^true } } }`), good: ok},
		{id: "gateway.control_ui.device_auth_disabled", want: claw.Critical, bad: theirs(`{ gateway: { controlUi: { dangerouslyDisableDeviceAuth: ^^true } } }`), good: ok},
		{id: "gateway.real_ip_fallback_enabled", want: claw.Warn, bad: theirs(`{ gateway: { allowRealIpFallback: ^^true } }`), good: theirs(`{ gateway: { allowRealIpFallback: false } }`)},
		{id: "gateway.real_ip_fallback_enabled", want: claw.Critical, bad: theirs(`{ gateway: { bind: "lan", allowRealIpFallback: ^^true } }`), good: ok},
		{id: "gateway.real_ip_fallback_enabled", want: claw.Critical, bad: theirs(`{ gateway: { allowRealIpFallback: ^^true, ` + proxied + ` } }`), good: ok},
		{id: "gateway.terminal_enabled", want: claw.Critical, bad: theirs(`{ gateway: { bind: "lan", terminal: { enabled: ^^true } } }`), good: ok},
		{id: "gateway.tailscale_funnel", want: claw.Critical, bad: ours(`{ gateway: { tailscale: { mode: ^^"funnel" } } }`), good: ours(`{ gateway: { tailscale: { mode: "serve" } } }`)},
		{id: "gateway.tailscale_serve", want: claw.Info, bad: ours(`{ gateway: { tailscale: { mode: ^^"serve" } } }`), good: ok},
		{id: "gateway.auth_no_rate_limit", want: claw.Warn, bad: theirs(`{ gateway: { bind: "lan", auth: { mode: ^^"token", token: "` + strong + `" } } }`), good: theirs(`{ gateway: { bind: "lan", auth: { token: "` + strong + `", rateLimit: { maxAttempts: 5 } } } }`)},
		{id: "gateway.rate_limit_weak", want: claw.Warn, bad: ours(`{ gateway: { auth: { rateLimit: { maxAttempts: ^^5000 } } } }`), good: ours(`{ gateway: { auth: { rateLimit: { maxAttempts: 10 } } } }`)},
		{id: "gateway.rate_limit_weak", want: claw.Warn, bad: ours(`{ gateway: { auth: { rateLimit: { maxAttempts: ^^50, windowMs: 1000 } } } }`), good: ok},
		{id: "gateway.plain_http", want: claw.Info, bad: ours(`{ gateway: { bind: ^^"lan" } }`), good: ours(`{ gateway: { bind: "lan", tls: { enabled: true } } }`)},
		{id: "gateway.remote_plain", want: claw.Critical, bad: ours(`{ gateway: { remote: { url: ^^"ws://gw.example:18789" } } }`), good: ours(`{ gateway: { remote: { url: "wss://gw.example" } } }`)},
		{id: "gateway.remote_plain", want: claw.Critical, bad: ours(`{ gateway: { remote: { url: ^^"http://gw.example" } } }`), good: ours(`{ gateway: { remote: { url: "ws://127.0.0.1:18789" } } }`)},
		{id: "gateway.nodes.deny_commands_ineffective", want: claw.Warn, bad: theirs(`{ gateway: { nodes: { denyCommands: ^^["camera.*"] } } }`), good: theirs(`{ gateway: { nodes: { denyCommands: ["camera.snap", "sms.send"] } } }`)},
		{id: "gateway.nodes.deny_commands_ineffective", want: claw.Warn, bad: theirs(`{ gateway: { nodes: { denyCommands: ^^["camera.snp"] } } }`), good: theirs(`{ gateway: { nodes: { denyCommands: ["system.run"] } } }`)},
		{id: "gateway.nodes.allow_commands_dangerous", want: claw.Warn, bad: theirs(`{ gateway: { nodes: { allowCommands: ^^["camera.snap"] } } }`), good: theirs(`{ gateway: { nodes: { allowCommands: ["camera.snap"], denyCommands: ["camera.snap"] } } }`)},
		{id: "gateway.nodes.allow_commands_dangerous", want: claw.Critical, bad: theirs(`{ gateway: { bind: "lan", nodes: { allowCommands: ^^["desktop.click"] } } }`), good: theirs(`{ gateway: { nodes: { allowCommands: ["canvas.present"] } } }`)},
		{id: "discovery.mdns_full_mode", want: claw.Warn, bad: theirs(`{ discovery: { mdns: { mode: ^^"full" } } }`), good: theirs(`{ discovery: { mdns: { mode: "off" } } }`)},
		{id: "discovery.mdns_full_mode", want: claw.Critical, bad: theirs(lan + `discovery: { mdns: { mode: ^^"full" } } }`), good: ok},
	}
}

func authRows() []row {
	const pointer = "gateway.auth.token"
	sample := secretOf(Secret{Pointer: pointer, File: "openclaw.json", Line: 1, Column: 29, Source: "plain", Length: 35, Bits: 200, Placeholder: true})
	ok := ours(`{ ` + safeAuth + ` }`)
	pass := ours(`{ gateway: { auth: { mode: "password", password: "` + strong + `" } } }`)
	proxy := func(trusted, more string) home {
		return theirs(`{ gateway: { trustedProxies: ` + trusted + `, auth: { mode: "trusted-proxy", trustedProxy: { ` + more + ` } } } }`)
	}
	const whole = `userHeader: "x-user", allowUsers: ["me"]`
	return []row{
		{id: "gateway.token_too_short", want: claw.Critical, bad: ours(`{ gateway: { auth: { token: ^^"a7F9k2Qx" } } }`), good: ok},
		{id: "gateway.token_too_short", want: claw.Warn, bad: ours(`{ gateway: { auth: { token: ^^"` + strong[:28] + `" } } }`), good: ok},
		{id: "gateway.token_too_short", want: claw.Critical, bad: ours(`{ gateway: { bind: "lan", auth: { token: ^^"` + strong[:28] + `" } } }`), good: ours(`{ ` + withToken + ` }`)},
		{id: "gateway.token_placeholder_value", want: claw.Critical, bad: ours(`{ gateway: { auth: { token: ^^"your-32-character-minimum-token-here" } } }`, sample), good: ok},
		{id: "gateway.token_low_entropy", want: claw.Warn, bad: ours(`{ gateway: { auth: { token: ^^"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" } } }`), good: ok},
		{id: "gateway.password_too_short", want: claw.Critical, bad: ours(`{ gateway: { auth: { mode: "password", password: ^^"hunter2" } } }`), good: pass},
		{id: "gateway.password_placeholder_value", want: claw.Critical, bad: ours(`{ gateway: { auth: { mode: "password" } } }`, secretOf(Secret{Pointer: "gateway.auth.password", Source: "env", Length: 35, Bits: 200, Placeholder: true})), good: pass},
		{id: "gateway.password_low_entropy", want: claw.Warn, bad: ours(`{ gateway: { auth: { mode: "password", password: ^^"abababababababababababababababababababab" } } }`), good: pass},
		{id: "gateway.auth_unresolved", want: claw.Critical, bad: ours(`{}`, secretOf(Secret{Pointer: pointer, Source: "unresolved", Why: "OC_TOKEN is not set"})), good: ok},
		{id: "gateway.env_token_overrides_config", want: claw.Warn, bad: ours(`{ gateway: { auth: { token: ^^"`+strong+`" } } }`, envVar("OPENCLAW_GATEWAY_TOKEN"), resolved("env.OPENCLAW_GATEWAY_TOKEN")), good: ok},
		{id: "gateway.trusted_proxy_auth", want: claw.Critical, bad: theirs(`{ gateway: { bind: "lan", trustedProxies: ["10.0.0.2"], auth: { mode: ^^"trusted-proxy", trustedProxy: { ` + whole + ` } } } }`), good: ok},
		{id: "gateway.trusted_proxy_auth", want: claw.Warn, bad: theirs(`{ gateway: { trustedProxies: ["10.0.0.2"], auth: { mode: ^^"trusted-proxy", trustedProxy: { ` + whole + ` } } } }`), good: ok},
		{id: "gateway.trusted_proxy_no_proxies", want: claw.Critical, bad: theirs(`{ gateway: { auth: { mode: ^^"trusted-proxy" } } }`), good: proxy(`["10.0.0.2"]`, whole)},
		{id: "gateway.trusted_proxy_no_user_header", want: claw.Critical, bad: theirs(`{ gateway: { auth: { mode: ^^"trusted-proxy" } } }`), good: proxy(`["10.0.0.2"]`, whole)},
		{id: "gateway.trusted_proxy_no_allowlist", want: claw.Warn, bad: theirs(`{ gateway: { auth: { mode: ^^"trusted-proxy" } } }`), good: proxy(`["10.0.0.2"]`, whole)},
		{id: "gateway.trusted_proxy_allow_loopback", want: claw.Warn, bad: proxy(`["127.0.0.1"]`, whole+`, allowLoopback: ^^true`), good: proxy(`["10.0.0.2"]`, whole)},
		{id: "gateway.trusted_proxy_device_auto_approve", want: claw.Warn, bad: proxy(`["10.0.0.2"]`, whole+`, deviceAutoApprove: { enabled: ^^true, scopes: ["operator.read"] }`), good: proxy(`["10.0.0.2"]`, whole+`, deviceAutoApprove: { enabled: false }`)},
		{id: "gateway.trusted_proxy_device_auto_approve_admin", want: claw.Critical, bad: proxy(`["10.0.0.2"]`, whole+`, deviceAutoApprove: { enabled: true, scopes: ^^["operator.admin"] }`), good: proxy(`["10.0.0.2"]`, whole+`, deviceAutoApprove: { enabled: true, scopes: ["operator.read"] }`)},
		{id: "gateway.trusted_proxy_range", want: claw.Critical, bad: proxy(`[^^"0.0.0.0/0"]`, whole), good: proxy(`["10.0.0.2", "10.0.1.0/24"]`, whole)},
		{id: "gateway.trusted_proxy_range", want: claw.Warn, bad: theirs(`{ gateway: { trustedProxies: [^^"10.0.0.0/8"] } }`), good: theirs(`{ gateway: { trustedProxies: ["::1"] } }`)},
		{id: "gateway.trusted_proxy_range", want: claw.Warn, bad: theirs(`{ gateway: { trustedProxies: [^^"my-proxy"] } }`), good: theirs(`{ gateway: { trustedProxies: ["10.0.0.2"] } }`)},
	}
}
