package audit

import (
	"fmt"
	"slices"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
)

func hookChecks() []Check {
	const facts = "facts: upstream's catalogue"
	on := func(judge func(*Subject, config.Hooks) Outcome) func(*Subject) Outcome {
		return func(s *Subject) Outcome {
			h := s.Config.Hooks
			if !h.Enabled.V {
				return notApplicable("webhooks are off")
			}
			return judge(s, h)
		}
	}
	return []Check{
		{ID: "hooks.token_missing", Area: AreaInbound, Severity: claw.Critical, Why: "Whoever reaches the port has the agent do his bidding.", Fix: "Set hooks.token to a token of its own", Source: "facts: upstream is silent about it", Run: on(func(_ *Subject, h config.Hooks) Outcome {
			if set(h.Token.Origin) {
				return pass("there is one")
			}
			return fail(Finding{Severity: claw.Critical, Title: "Webhooks are open without a token", Where: at(h.Enabled.Ref)})
		})},
		{ID: "hooks.token_too_short", Area: AreaInbound, Severity: claw.Warn, Why: "A short token can be guessed.", Fix: "openssl rand -hex 32", Source: facts, Run: on(func(s *Subject, h config.Hooks) Outcome {
			x, ok := s.secret("hooks.token")
			switch {
			case !ok:
				return notApplicable("no token")
			case x.Source == "unresolved":
				return unmeasured("%s", x.Why)
			case x.Length >= leastLength:
				return pass("%d characters", x.Length)
			}
			return fail(Finding{Severity: claw.Warn, Title: fmt.Sprintf("The webhook token has %d characters", x.Length), Where: at(h.Token.Ref), Observed: fmt.Sprint(x.Length), Expected: fmt.Sprint(leastLength)})
		})},
		{ID: "hooks.token_reuse_gateway_token", Area: AreaInbound, Severity: claw.Critical, Why: "Every service that calls a webhook then holds the key to the gateway.", Fix: "Give hooks.token a value of its own", Source: facts, Run: on(func(s *Subject, h config.Hooks) Outcome {
			x, ok := s.secret("hooks.token")
			if !ok || x.Group == 0 {
				return notApplicable("no token that can be compared")
			}
			for _, p := range []string{"gateway.auth.token", "gateway.auth.password"} {
				if g, ok := s.secret(p); ok && g.Group == x.Group {
					return fail(Finding{Severity: claw.Critical, Title: "The webhook token is the gateway's", Where: at(h.Token.Ref)})
				}
			}
			return pass("it is another one")
		})},
		{ID: "hooks.path_root", Area: AreaInbound, Severity: claw.Critical, Why: "Every path of the gateway is then a webhook.", Fix: `Set hooks.path: "/hooks"`, Source: facts, Run: on(func(_ *Subject, h config.Hooks) Outcome {
			if h.Path.V == "/" {
				return fail(Finding{Severity: claw.Critical, Title: "Webhooks are served at the root", Where: at(h.Path.Ref), Observed: "/"})
			}
			return pass("%s", h.Path.Or("/hooks"))
		})},
		{ID: "hooks.default_session_key_unset", Area: AreaInbound, Severity: claw.Warn, Why: "Calls land in a session that nobody chose.", Fix: "Set hooks.defaultSessionKey", Source: facts, Run: on(func(_ *Subject, h config.Hooks) Outcome {
			if h.DefaultSessionKey.V != "" {
				return pass("set")
			}
			return fail(Finding{Severity: claw.Warn, Title: "Webhooks have no session of their own", Where: at(h.Enabled.Ref)})
		})},
		{ID: "hooks.allowed_agent_ids_unrestricted", Area: AreaInbound, Severity: claw.Critical, Why: "A webhook may call every agent, the ones with commands too.", Fix: "Set hooks.allowedAgentIds", Source: facts, Run: on(func(s *Subject, h config.Hooks) Outcome {
			ids := config.Strings(h.AllowedAgentIDs)
			if h.AllowedAgentIDs.Set && !slices.Contains(ids, "*") {
				return pass("%d agents", len(ids))
			}
			ref := h.AllowedAgentIDs.Ref
			if !h.AllowedAgentIDs.Set {
				ref = h.Enabled.Ref
			}
			return fail(Finding{Severity: s.ifExposed(), Title: "Webhooks may call every agent", Where: at(ref)})
		})},
		{ID: "hooks.request_session_key_enabled", Area: AreaInbound, Severity: claw.Critical, Why: "A caller writes into whatever conversation it names.", Fix: "Remove hooks.allowRequestSessionKey", Source: facts, Run: on(func(s *Subject, h config.Hooks) Outcome {
			if !h.AllowSessionKey.V {
				return pass("off")
			}
			return fail(Finding{Severity: s.ifExposed(), Title: "Webhooks choose their session", Where: at(h.AllowSessionKey.Ref), Observed: "true"})
		})},
		{ID: "hooks.request_session_key_prefixes_missing", Area: AreaInbound, Severity: claw.Critical, Why: "Any session key is taken, your own conversations' too.", Fix: "Set hooks.allowedSessionKeyPrefixes", Source: facts, Run: on(func(s *Subject, h config.Hooks) Outcome {
			if !h.AllowSessionKey.V || len(h.SessionKeyPrefixes.V) > 0 {
				return pass("limited, or off")
			}
			return fail(Finding{Severity: s.ifExposed(), Title: "Webhooks may name any session", Where: at(h.AllowSessionKey.Ref)})
		})},
		{ID: "hooks.unsafe_content", Area: AreaInbound, Severity: claw.Critical, Why: "What a stranger sends to the webhook counts as your own words. It never does here.", Fix: "Remove allowUnsafeExternalContent", Source: "guide, Prompt Injection", Run: on(func(s *Subject, h config.Hooks) Outcome {
			var found []Finding
			severity := claw.Warn
			if s.Snapshot.Home.Owner == UpstreamHome {
				severity = claw.Critical
			}
			for _, m := range h.Mappings {
				if m.UnsafeContent.V {
					found = append(found, Finding{Severity: severity, Title: "A webhook's text counts as trusted", Where: at(m.UnsafeContent.Ref), Observed: "true"})
				}
			}
			const gmail = "hooks.gmail.allowUnsafeExternalContent"
			if n := s.node(gmail); n != nil && n.Bool {
				found = append(found, Finding{Severity: severity, Title: "A mail's text counts as trusted", Where: nodeAt(n, gmail), Observed: "true"})
			}
			return verdict(found, "%d mappings", len(h.Mappings))
		})},
		{ID: "hooks.transforms", Area: AreaInbound, Severity: claw.Warn, Why: "Upstream runs the code of this directory inside the gateway; this gateway never does.", Fix: "Remove hooks.transformsDir", Source: "guide, Quick Security Audit: plugin and extension risks", Run: on(func(_ *Subject, h config.Hooks) Outcome {
			if !h.TransformsDir.Set {
				return pass("none")
			}
			return fail(Finding{Severity: claw.Warn, Title: "Webhooks run code of the home", Where: at(h.TransformsDir.Ref), Observed: h.TransformsDir.V})
		})},
		{ID: "hooks.internal_enabled", Area: AreaPlugins, Severity: claw.Warn, Why: "Code hooks run inside upstream's gateway; this gateway never loads them.", Fix: "Set hooks.internal.enabled: false", Source: "guide, Quick Security Audit: plugin and extension risks", Run: func(s *Subject) Outcome {
			v := s.Config.Hooks.Internal.Enabled
			if !v.V {
				return pass("off")
			}
			if s.count(RoleHook) == 0 {
				return pass("on, and there is no code of yours")
			}
			return fail(Finding{Severity: claw.Warn, Title: fmt.Sprintf("%d files of hook code run in the gateway", s.count(RoleHook)), Where: at(v.Ref), Observed: "true"})
		}},
		installs("hooks", func(s *Subject) string { return "hooks.internal.installs" }, "unpinned_npm_specs"),
		installs("hooks", func(s *Subject) string { return "hooks.internal.installs" }, "missing_integrity"),
		installs("hooks", func(s *Subject) string { return "hooks.internal.installs" }, "version_drift"),
	}
}
