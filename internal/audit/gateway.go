package audit

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
)

// authenticated reports whether a caller must prove itself, as it takes effect.
func (s *Subject) authenticated() bool {
	switch g := s.Posture.Gateway; g.AuthMode {
	case config.AuthToken, config.AuthPassword:
		x, ok := s.secret("gateway.auth." + string(g.AuthMode))
		return ok && (x.Length > 0 || x.Source == "unresolved" || x.Source == "env")
	case config.AuthTrustedProxy:
		return true
	case config.AuthNone:
	}
	return false
}

// listens describes where, for people.
func (s *Subject) listens() string {
	g := s.Posture.Gateway
	host := map[config.Bind]string{config.BindLoopback: "127.0.0.1", config.BindAuto: "127.0.0.1", config.BindLAN: "0.0.0.0", config.BindTailnet: "the tailnet address", config.BindCustom: g.CustomHost}[g.Bind]
	return fmt.Sprintf("%s:%d", host, g.Port)
}

// flag is a check of one boolean that loosens.
func flag(id string, area Area, most claw.Severity, severity func(*Subject) claw.Severity, value func(*config.Config) config.Value[bool], title, why, fix string, aliases ...string) Check {
	return Check{ID: id, Aliases: aliases, Area: area, Severity: most, Why: why, Fix: fix, Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
		v := value(s.Config)
		if !v.Set || !v.V {
			return pass("it is off")
		}
		return fail(Finding{Severity: severity(s), Title: title, Where: at(v.Ref), Observed: "true", Expected: "false"})
	}}
}

func always(v claw.Severity) func(*Subject) claw.Severity {
	return func(*Subject) claw.Severity { return v }
}

func exposedSeverity(s *Subject) claw.Severity { return s.ifExposed() }

// realIPSeverity: behind a proxy on another machine the header decides who the
// caller is.
func realIPSeverity(s *Subject) claw.Severity {
	if s.Posture.Gateway.AuthMode == config.AuthTrustedProxy {
		for _, p := range config.Strings(s.Config.Gateway.TrustedProxies) {
			if host, _, _ := strings.Cut(p, "/"); !isLoopbackName(host) {
				return claw.Critical
			}
		}
	}
	return s.ifExposed()
}

func gatewayChecks() []Check {
	return []Check{
		{ID: "gateway.bind_no_auth", Area: AreaNetwork, Severity: claw.Critical, Why: "Whoever reaches the port owns the agents.", Fix: `Set gateway.bind: "loopback" or enable gateway.auth`, Source: "guide, Troubleshooting", Run: func(s *Subject) Outcome {
			g := s.Posture.Gateway
			switch {
			case g.Loopback():
				return pass("it listens on this machine only")
			case s.authenticated():
				return pass("callers must prove themselves (%s)", g.AuthMode)
			}
			return fail(Finding{Severity: claw.Critical, Title: "Gateway bound to " + s.listens() + " without auth", Detail: "Anyone who reaches the port can have every agent do what it may.", Where: at(g.BindRef), Observed: string(g.Bind) + ", auth " + string(g.AuthMode), Expected: "loopback, or a token of 32 characters"})
		}},
		{ID: "gateway.loopback_no_auth", Area: AreaNetwork, Severity: claw.Critical, Why: "Every program and every web page on this machine reaches the port.", Fix: "Set gateway.auth.mode: \"token\" with a token of 32 characters", Source: "guide, Authentication", Run: func(s *Subject) Outcome {
			g := s.Posture.Gateway
			switch {
			case !g.Loopback():
				return notApplicable("it listens beyond this machine")
			case s.authenticated():
				return pass("callers must prove themselves (%s)", g.AuthMode)
			case s.Snapshot.Home.Owner == NoHome:
				return notApplicable("there is no home; the first start makes a token")
			}
			return fail(Finding{Severity: claw.Critical, Title: "Gateway on " + s.listens() + " without auth", Where: at(g.AuthRef), Observed: "auth " + string(g.AuthMode) + ", no credential"})
		}},
		{ID: "gateway.bind_beyond_loopback", Area: AreaNetwork, Severity: claw.Warn, Why: "The guide keeps the port closed to the network and reaches it by SSH or a private network.", Fix: `Set gateway.bind: "loopback" and use ssh -L or tailscale serve`, Source: "guide, Network Isolation", Run: func(s *Subject) Outcome {
			g := s.Posture.Gateway
			if g.Loopback() {
				return pass("loopback")
			}
			if name := s.onWireGuard(); name != "" {
				return pass("only on the WireGuard interface %s", name)
			}
			return fail(Finding{Severity: claw.Warn, Title: "Gateway listens on " + s.listens(), Where: at(g.BindRef), Observed: string(g.Bind), Expected: "loopback"})
		}},
		{ID: "gateway.custom_host_public", Area: AreaNetwork, Severity: claw.Critical, Why: "A public address is reachable by everybody who scans for it.", Fix: "Bind to loopback or to the address of a WireGuard interface", Source: "guide, Network Isolation", Run: publicBind},
		{ID: "gateway.http.no_auth", Area: AreaNetwork, Severity: claw.Critical, Why: "The HTTP endpoints run agents and tools for whoever calls.", Fix: "Set gateway.auth.mode: \"token\", or gateway.http.enabled: false", Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
			g := s.Posture.Gateway
			switch {
			case !g.Completions && !g.Invoke && s.Snapshot.Home.Owner != UpstreamHome:
				return pass("the HTTP APIs are closed")
			case s.Snapshot.Home.Owner == NoHome:
				return notApplicable("there is no home")
			case s.authenticated():
				return pass("callers must prove themselves (%s)", g.AuthMode)
			}
			return fail(Finding{Severity: s.ifExposed(), Title: "HTTP APIs answer without auth", Detail: "/tools/invoke and /v1/chat/completions take calls from anybody who reaches the port.", Where: at(g.AuthRef), Observed: "auth " + string(g.AuthMode)})
		}},
		{ID: "gateway.http.session_key_override_enabled", Area: AreaNetwork, Severity: claw.Info, Why: "Callers of the HTTP API name the session they write into.", Fix: "Close the endpoints when nothing uses them", Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
			e := s.Config.Gateway.HTTP.Endpoints
			for _, v := range []config.HTTPEndpoint{e.ChatCompletions, e.Responses} {
				if v.Enabled.Set && v.Enabled.V {
					return fail(Finding{Severity: claw.Info, Title: "The HTTP API lets callers choose the session", Where: at(v.Enabled.Ref), Observed: "enabled"})
				}
			}
			return pass("the endpoints are closed")
		}},
		{ID: "gateway.tools_invoke_http.dangerous_allow", Area: AreaNetwork, Severity: claw.Critical, Why: "These tools are kept off /tools/invoke because one call of them is a takeover.", Fix: "Remove them from gateway.tools.allow", Source: "facts: upstream's catalogue", Run: dangerousHTTPTools},
		{ID: "gateway.control_ui.allowed_origins_required", Area: AreaNetwork, Severity: claw.Critical, Why: "Beyond loopback a browser's origin is the only thing that tells your page from another.", Fix: "Set gateway.controlUi.allowedOrigins to the exact origins", Source: "CVE-2026-25253", Run: func(s *Subject) Outcome {
			g := s.Posture.Gateway
			if g.Loopback() || !g.ControlUI {
				return notApplicable("loopback, or no Control UI")
			}
			if len(g.Origins) > 0 || s.Config.Gateway.ControlUI.HostHeaderOriginFallback.V {
				return pass("origins are named")
			}
			return fail(Finding{Severity: claw.Critical, Title: "The Control UI is reachable and names no origins", Where: at(g.BindRef), Observed: "allowedOrigins is empty"})
		}},
		{ID: "gateway.control_ui.allowed_origins_wildcard", Area: AreaNetwork, Severity: claw.Critical, Why: "Any web page can then speak to the gateway from your browser.", Fix: "Name the exact origins", Source: "CVE-2026-25253", Run: func(s *Subject) Outcome {
			o := s.Config.Gateway.ControlUI.AllowedOrigins
			if !slices.Contains(config.Strings(o), "*") {
				return pass("no wildcard")
			}
			return fail(Finding{Severity: s.ifExposed(), Title: "Every origin may connect", Where: at(o.Ref), Observed: "*"})
		}},
		flag("gateway.control_ui.host_header_origin_fallback", AreaNetwork, claw.Critical, exposedSeverity, func(c *config.Config) config.Value[bool] { return c.Gateway.ControlUI.HostHeaderOriginFallback }, "The Host header decides which origin is trusted", "An attacker's page chooses the Host header by DNS rebinding.", "Remove the key", "GHSA: DNS rebinding"),
		flag("gateway.control_ui.insecure_auth", AreaNetwork, claw.Warn, always(claw.Warn), func(c *config.Config) config.Value[bool] { return c.Gateway.ControlUI.AllowInsecureAuth }, "The Control UI may sign in without a device", "A leaked token is then enough.", "Remove the key"),
		flag("gateway.control_ui.device_auth_disabled", AreaNetwork, claw.Critical, always(claw.Critical), func(c *config.Config) config.Value[bool] { return c.Gateway.ControlUI.DisableDeviceAuth }, "Devices need not be paired", "A leaked token is then enough, from anywhere.", "Remove the key"),
		flag("gateway.real_ip_fallback_enabled", AreaNetwork, claw.Critical, realIPSeverity, func(c *config.Config) config.Value[bool] { return c.Gateway.AllowRealIP }, "X-Real-IP is believed", "Callers can pretend to be local and so escape the limits.", "Remove the key"),
		flag("gateway.terminal_enabled", AreaNetwork, claw.Critical, exposedSeverity, func(c *config.Config) config.Value[bool] { return c.Gateway.Terminal.Enabled }, "The web pages offer a shell on the host", "One stolen session is a shell.", "Set gateway.terminal.enabled: false"),
		{ID: "gateway.tailscale_funnel", Area: AreaNetwork, Severity: claw.Critical, Why: "Funnel publishes the gateway to the internet.", Fix: `Set gateway.tailscale.mode: "serve" or "off"`, Source: "guide, Complete Security Checklist: no Tailscale Funnel", Run: func(s *Subject) Outcome {
			m := s.Config.Gateway.Tailscale.Mode
			if m.Set && m.V == "funnel" {
				return fail(Finding{Severity: claw.Critical, Title: "The gateway is published through Tailscale Funnel", Where: at(m.Ref), Observed: "funnel", Expected: "off or serve"})
			}
			return pass("no funnel")
		}},
		{ID: "gateway.tailscale_serve", Area: AreaNetwork, Severity: claw.Info, Good: true, Why: "Only devices of your tailnet reach the gateway.", Source: "guide, Tailscale", Run: func(s *Subject) Outcome {
			m := s.Config.Gateway.Tailscale.Mode
			if m.Set && m.V == "serve" {
				return Outcome{Verdict: Pass, Findings: []Finding{{Severity: claw.Info, Title: "The gateway is reachable in the tailnet only (good)", Where: at(m.Ref), Observed: "serve"}}}
			}
			return notApplicable("Tailscale serve is not used")
		}},
		{ID: "gateway.auth_no_rate_limit", Area: AreaNetwork, Severity: claw.Warn, Why: "Without a limit a credential can be guessed as fast as the network carries it.", Fix: "Set gateway.auth.rateLimit", Source: "facts: 37,500 wrong tokens a second", Run: func(s *Subject) Outcome {
			g := s.Posture.Gateway
			switch {
			case s.Snapshot.Home.Owner != UpstreamHome:
				return pass("failures are limited to %d in %d s here, always", g.RateLimit.MaxAttempts, g.RateLimit.WindowMs/1000)
			case g.Loopback() || g.AuthMode == config.AuthTrustedProxy:
				return notApplicable("loopback, or a proxy authenticates")
			case set(s.Config.Gateway.Auth.RateLimit.Origin):
				return pass("a limit is set")
			}
			return fail(Finding{Severity: claw.Warn, Title: "Failed sign-ins are not limited", Where: at(g.AuthRef)})
		}},
		{ID: "gateway.rate_limit_weak", Area: AreaNetwork, Severity: claw.Warn, Why: "So many attempts make the limit useless.", Fix: "Allow at most 100 failures a minute", Source: "guide, Monitoring: 0-5 failures an hour are normal", Run: func(s *Subject) Outcome {
			l := s.Config.Gateway.Auth.RateLimit
			if !l.MaxAttempts.Set {
				return pass("the default holds")
			}
			perMinute := float64(l.MaxAttempts.V) * 60000 / float64(max(1, l.WindowMs.Or(60000)))
			if perMinute <= 100 {
				return pass("%.0f a minute", perMinute)
			}
			return fail(Finding{Severity: claw.Warn, Title: fmt.Sprintf("%.0f failures a minute are let through", perMinute), Where: at(l.MaxAttempts.Ref), Observed: fmt.Sprint(l.MaxAttempts.V)})
		}},
		{ID: "gateway.plain_http", Area: AreaNetwork, Severity: claw.Info, Why: "Without TLS everything beyond loopback travels readable.", Fix: "Use tailscale serve, WireGuard or gateway.tls", Source: "guide, Network Isolation", Run: func(s *Subject) Outcome {
			g := s.Posture.Gateway
			if g.Loopback() || g.Bind == config.BindTailnet {
				return notApplicable("it listens on this machine or the tailnet only")
			}
			if t := s.Config.Gateway.TLS.Enabled; t.Set && t.V {
				return pass("TLS is on")
			}
			return fail(Finding{Severity: claw.Info, Title: "The gateway speaks plain HTTP beyond this machine", Where: at(g.BindRef)})
		}},
		{ID: "gateway.remote_plain", Area: AreaNetwork, Severity: claw.Critical, Why: "The token travels readable to the remote gateway.", Fix: "Use wss://, or ssh", Source: "guide, Network Isolation", Run: func(s *Subject) Outcome {
			r := s.Config.Gateway.Remote
			if !r.URL.Set {
				return notApplicable("no remote gateway")
			}
			u, err := url.Parse(r.URL.V)
			if err != nil {
				return unmeasured("gateway.remote.url is no address")
			}
			if u.Scheme == "wss" || u.Scheme == "https" || isLoopbackName(u.Hostname()) {
				return pass("%s", u.Scheme)
			}
			return fail(Finding{Severity: claw.Critical, Title: "The remote gateway is spoken to without TLS", Where: at(r.URL.Ref), Observed: u.Scheme + "://" + u.Host, Expected: "wss://"})
		}},
		{ID: "gateway.nodes.deny_commands_ineffective", Area: AreaNetwork, Severity: claw.Warn, Why: "Entries are exact names; a pattern or a typo refuses nothing.", Fix: "Write exact command names", Source: "openclaw/openclaw#16508", Run: nodeDeny},
		{ID: "gateway.nodes.allow_commands_dangerous", Area: AreaNetwork, Severity: claw.Critical, Why: "These commands see, hear or write in your name on a companion device.", Fix: "Remove them, or deny them", Source: "facts: upstream's catalogue", Run: nodeAllow},
		{ID: "discovery.mdns_full_mode", Area: AreaNetwork, Severity: claw.Critical, Why: "The announcement tells the network the version and paths of the gateway.", Fix: `Set discovery.mdns.mode: "off"`, Source: "THREATS R72", Run: func(s *Subject) Outcome {
			m := s.Config.Discovery.MDNS.Mode
			if !m.Set || m.V != "full" {
				return pass("no full announcement")
			}
			return fail(Finding{Severity: s.ifExposed(), Title: "The gateway announces itself in full", Where: at(m.Ref), Observed: "full", Expected: "off"})
		}},
	}
}

func isLoopbackName(h string) bool {
	a, err := netip.ParseAddr(h)
	return h == "localhost" || err == nil && a.IsLoopback()
}

// publicBind: a custom address that everybody reaches.
func publicBind(s *Subject) Outcome {
	g := s.Posture.Gateway
	if g.Bind != config.BindCustom {
		return notApplicable("no custom address")
	}
	a, err := netip.ParseAddr(g.CustomHost)
	if err != nil {
		return unmeasured("customBindHost %q is no address", g.CustomHost)
	}
	if a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || sharedRange().Contains(a) {
		return pass("%s is not public", a)
	}
	return fail(Finding{Severity: claw.Critical, Title: "Gateway bound to the public address " + g.CustomHost, Where: at(g.BindRef), Observed: g.CustomHost})
}

// sharedRange is the carrier-grade range of RFC 6598 that tailnets use.
func sharedRange() netip.Prefix { return netip.MustParsePrefix("100.64.0.0/10") }

func dangerousHTTPTools(s *Subject) Outcome {
	dangerous := []string{"exec", "process", "spawn", "shell", "fs_write", "fs_delete", "fs_move", "write", "edit", "apply_patch", "sessions_spawn", "sessions_send", "cron", "gateway", "nodes", "whatsapp_login", "terminal", "portal", "automations", "plugins", "computer", "mobile_ui", "openclaw", "group:runtime", "group:fs", "group:automation", "*"}
	allow := s.Config.Gateway.Tools.Allow
	var bad []string
	for _, t := range config.Strings(allow) {
		if slices.Contains(dangerous, t) || strings.HasPrefix(t, "conversations_") {
			bad = append(bad, t)
		}
	}
	if len(bad) == 0 {
		return pass("no dangerous tool is opened")
	}
	return fail(Finding{Severity: s.ifExposed(), Title: "Dangerous tools may be called over HTTP", Detail: "gateway.tools.allow opens " + quoted(bad) + ".", Where: at(allow.Ref), Observed: strings.Join(bad, ", ")})
}

// nodeCommands are the names that companion devices know.
func nodeCommands() []string {
	return []string{"canvas.present", "canvas.hide", "canvas.navigate", "canvas.eval", "canvas.snapshot", "canvas.a2ui.push", "canvas.a2ui.pushJSONL", "canvas.a2ui.reset",
		"camera.list", "camera.snap", "camera.clip", "screen.record", "screen.snapshot", "location.get", "device.info", "device.status", "device.permissions", "device.health",
		"notifications.list", "notifications.actions", "system.notify", "system.run", "system.run.prepare", "system.which", "system.execApprovals.get", "system.execApprovals.set",
		"contacts.search", "contacts.add", "calendar.events", "calendar.add", "reminders.list", "reminders.add", "photos.latest", "motion.activity", "motion.pedometer",
		"sms.send", "sms.search", "callLog.search", "browser.proxy", "voicewake.get", "talk.ptt.start", "talk.ptt.stop", "talk.ptt.cancel", "talk.ptt.once", "chat.push", "health.query", "desktop.click", "desktop.type"}
}

func nodeDeny(s *Subject) Outcome {
	deny := texts(s.node("gateway.nodes.denyCommands"))
	if len(deny) == 0 {
		return notApplicable("no denyCommands")
	}
	var bad []string
	for _, d := range deny {
		if strings.ContainsAny(d, "*?[]()^$|\\ ") || strings.HasPrefix(d, "group:") || !slices.Contains(nodeCommands(), d) {
			say := d
			if near := config.Nearest(d, nodeCommands()); near != "" {
				say += " (did you mean " + near + "?)"
			}
			bad = append(bad, say)
		}
	}
	if len(bad) == 0 {
		return pass("%d exact names", len(deny))
	}
	n := s.node("gateway.nodes.denyCommands")
	return fail(Finding{Severity: claw.Warn, Title: "denyCommands has entries that refuse nothing", Detail: strings.Join(bad, ", "), Where: nodeAt(n, "gateway.nodes.denyCommands"), Observed: strings.Join(bad, ", ")})
}

func nodeAllow(s *Subject) Outcome {
	dangerous := []string{"camera.snap", "camera.clip", "screen.record", "contacts.add", "calendar.add", "reminders.add", "sms.send", "sms.search", "health.query", "desktop.click", "desktop.type"}
	deny := texts(s.node("gateway.nodes.denyCommands"))
	var bad []string
	for _, a := range texts(s.node("gateway.nodes.allowCommands")) {
		if (slices.Contains(dangerous, a) || strings.HasPrefix(a, "health.") || strings.HasPrefix(a, "desktop.")) && !slices.Contains(deny, a) {
			bad = append(bad, a)
		}
	}
	if len(bad) == 0 {
		return pass("no dangerous command is opened")
	}
	n := s.node("gateway.nodes.allowCommands")
	return fail(Finding{Severity: s.ifExposed(), Title: "Companion devices run dangerous commands", Detail: quoted(bad), Where: nodeAt(n, "gateway.nodes.allowCommands"), Observed: strings.Join(bad, ", ")})
}
