package audit

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
)

// Least sizes of a credential (guide, Authentication: 32+ characters).
const (
	leastLength   = 32
	upstreamLeast = 24 // below it upstream warns
	leastBits     = 96
)

// strength are the checks of one of the gateway's credentials.
func strength(name string) []Check {
	pointer := "gateway.auth." + name
	with := func(judge func(*Subject, Secret) Outcome) func(*Subject) Outcome {
		return func(s *Subject) Outcome {
			x, ok := s.secret(pointer)
			switch {
			case s.Snapshot.Home.Owner == NoHome:
				return notApplicable("there is no home; the first start makes a token")
			case !ok || string(s.Posture.Gateway.AuthMode) != name:
				return notApplicable("the gateway does not use a %s", name)
			case x.Source == "unresolved":
				return unmeasured("%s: %s", pointer, x.Why)
			}
			return judge(s, x)
		}
	}
	place := func(x Secret) Where { return Where{File: x.File, Line: x.Line, Column: x.Column, Pointer: pointer} }
	return []Check{
		{ID: "gateway." + name + "_too_short", Area: AreaInbound, Severity: claw.Critical, Why: "A short credential can be guessed.", Fix: "openclaw gateway token --rotate, or openssl rand -hex 32", Source: "guide, Authentication: 32+ characters", Run: with(func(s *Subject, x Secret) Outcome {
			if x.Length >= leastLength {
				return pass("%d characters", x.Length)
			}
			severity := claw.Warn
			if s.exposed() || x.Length < upstreamLeast {
				severity = claw.Critical
			}
			return fail(Finding{Severity: severity, Title: fmt.Sprintf("The gateway's %s has %d characters", name, x.Length), Where: place(x), Observed: fmt.Sprint(x.Length), Expected: fmt.Sprintf("at least %d", leastLength)})
		})},
		{ID: "gateway." + name + "_placeholder_value", Area: AreaInbound, Severity: claw.Critical, Why: "Everybody can read this value in documentation.", Fix: "openclaw gateway token --rotate, or openssl rand -hex 32", Source: "guide, Troubleshooting: its sample tokens are published", Run: with(func(_ *Subject, x Secret) Outcome {
			if !x.Placeholder {
				return pass("it is no known example")
			}
			return fail(Finding{Severity: claw.Critical, Title: "The gateway's " + name + " is an example value", Where: place(x), Observed: "an example value"})
		})},
		{ID: "gateway." + name + "_low_entropy", Area: AreaInbound, Severity: claw.Warn, Why: "A long credential that repeats or spells words is a short one.", Fix: "openclaw gateway token --rotate, or openssl rand -hex 32", Source: "DESIGN: of real entropy", Run: with(func(_ *Subject, x Secret) Outcome {
			if x.Bits >= leastBits || x.Length < leastLength {
				return pass("at most %.0f bits", x.Bits)
			}
			return fail(Finding{Severity: claw.Warn, Title: "The gateway's " + name + " is easy to guess", Detail: fmt.Sprintf("%d characters, at most %.0f bits.", x.Length, x.Bits), Where: place(x), Observed: fmt.Sprintf("%.0f bits", x.Bits), Expected: fmt.Sprintf("at least %d bits", leastBits)})
		})},
	}
}

func authChecks() []Check {
	proxy := func(judge func(*Subject, config.Gateway) Outcome) func(*Subject) Outcome {
		return func(s *Subject) Outcome {
			if s.Posture.Gateway.AuthMode != config.AuthTrustedProxy {
				return notApplicable("no proxy authenticates")
			}
			return judge(s, s.Config.Gateway)
		}
	}
	rows := append(strength("token"), strength("password")...)
	return append(rows,
		Check{ID: "gateway.auth_unresolved", Aliases: []string{"gateway.probe_auth_secretref_unavailable"}, Area: AreaInbound, Severity: claw.Critical, Why: "The gateway does not start without its credential.", Fix: "Set the variable or the file that the reference names", Source: "DESIGN: tokens", Run: func(s *Subject) Outcome {
			if s.Snapshot.Home.Owner == NoHome {
				return notApplicable("there is no home; the first start makes a token")
			}
			for _, p := range []string{"gateway.auth.token", "gateway.auth.password"} {
				if x, ok := s.secret(p); ok && x.Source == "unresolved" && p == "gateway.auth."+string(s.Posture.Gateway.AuthMode) {
					if s.Snapshot.Home.Owner == UpstreamHome {
						return unmeasured("%s: %s; the gateway may see what this audit does not", p, x.Why)
					}
					return fail(Finding{Severity: claw.Critical, Title: "The gateway's credential cannot be resolved", Detail: x.Why, Where: Where{File: x.File, Line: x.Line, Column: x.Column, Pointer: p}, Observed: x.Why})
				}
			}
			return pass("it resolves, or none is used")
		}},
		Check{ID: "gateway.env_token_overrides_config", Area: AreaInbound, Severity: claw.Warn, Why: "Which of two tokens counts depends on how the gateway was started.", Fix: "Unset OPENCLAW_GATEWAY_TOKEN, or refer to it in the configuration", Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
			v := s.Config.Gateway.Auth.Token
			if !slices.ContainsFunc(s.Snapshot.Env, func(e EnvVar) bool { return e.Name == "OPENCLAW_GATEWAY_TOKEN" }) {
				return pass("OPENCLAW_GATEWAY_TOKEN is not set")
			}
			env, ok := s.secret("env.OPENCLAW_GATEWAY_TOKEN")
			own, has := s.secret("gateway.auth.token")
			if !v.Set || ok && has && env.Group == own.Group && env.Group != 0 {
				return pass("both are the same")
			}
			return fail(Finding{Severity: claw.Warn, Title: "OPENCLAW_GATEWAY_TOKEN differs from the configured token", Where: at(v.Ref)})
		}},
		Check{ID: "gateway.trusted_proxy_auth", Area: AreaInbound, Severity: claw.Critical, Why: "The proxy alone decides who is who: if anything else reaches the port, it is everybody.", Fix: "Use token authentication, or make sure that only the proxy reaches the port", Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
			g := s.Config.Gateway
			if s.Posture.Gateway.AuthMode != config.AuthTrustedProxy {
				return pass("no proxy authenticates")
			}
			severity := claw.Critical
			if s.Posture.Gateway.Loopback() && len(g.TrustedProxies.V) > 0 && s.Config.Gateway.Auth.TrustedProxy.UserHeader.Set {
				severity = claw.Warn
			}
			return fail(Finding{Severity: severity, Title: "A reverse proxy authenticates callers", Where: at(g.Auth.Mode.Ref), Observed: "trusted-proxy"})
		}},
		Check{ID: "gateway.trusted_proxy_no_proxies", Area: AreaInbound, Severity: claw.Critical, Why: "Without addresses nobody is the proxy, or everybody.", Fix: "Set gateway.trustedProxies to the proxy's address", Source: "facts: upstream's catalogue", Run: proxy(func(_ *Subject, g config.Gateway) Outcome {
			if len(g.TrustedProxies.V) > 0 {
				return pass("%d", len(g.TrustedProxies.V))
			}
			return fail(Finding{Severity: claw.Critical, Title: "No trusted proxy is named", Where: at(g.Auth.Mode.Ref)})
		})},
		Check{ID: "gateway.trusted_proxy_no_user_header", Area: AreaInbound, Severity: claw.Critical, Why: "Without the header every caller of the proxy is the same user.", Fix: "Set gateway.auth.trustedProxy.userHeader", Source: "facts: upstream's catalogue", Run: proxy(func(_ *Subject, g config.Gateway) Outcome {
			if g.Auth.TrustedProxy.UserHeader.V != "" {
				return pass("%s", g.Auth.TrustedProxy.UserHeader.V)
			}
			return fail(Finding{Severity: claw.Critical, Title: "No header names the user", Where: at(g.Auth.Mode.Ref)})
		})},
		Check{ID: "gateway.trusted_proxy_no_allowlist", Area: AreaInbound, Severity: claw.Warn, Why: "Every user of the proxy owns the gateway.", Fix: "Set gateway.auth.trustedProxy.allowUsers", Source: "facts: upstream's catalogue", Run: proxy(func(_ *Subject, g config.Gateway) Outcome {
			if len(g.Auth.TrustedProxy.AllowUsers.V) > 0 {
				return pass("%d users", len(g.Auth.TrustedProxy.AllowUsers.V))
			}
			return fail(Finding{Severity: claw.Warn, Title: "Every user of the proxy may call", Where: at(g.Auth.Mode.Ref)})
		})},
		Check{ID: "gateway.trusted_proxy_allow_loopback", Area: AreaInbound, Severity: claw.Warn, Why: "Every program on this machine can then pretend to be the proxy.", Fix: "Let the proxy come from its own address", Source: "facts: upstream's catalogue", Run: proxy(func(_ *Subject, g config.Gateway) Outcome {
			v := g.Auth.TrustedProxy.AllowLoopback
			if !v.Set || !v.V {
				return pass("loopback is no proxy")
			}
			return fail(Finding{Severity: claw.Warn, Title: "Loopback counts as the proxy", Where: at(v.Ref), Observed: "true"})
		})},
		Check{ID: "gateway.trusted_proxy_device_auto_approve", Area: AreaInbound, Severity: claw.Warn, Why: "A device that comes through the proxy pairs without anybody confirming it.", Fix: "Remove gateway.auth.trustedProxy.deviceAutoApprove", Source: "facts: upstream's catalogue", Run: proxy(func(s *Subject, _ config.Gateway) Outcome {
			const key = "gateway.auth.trustedProxy.deviceAutoApprove.enabled"
			n := s.node(key)
			if n == nil || !n.Bool {
				return pass("devices are confirmed")
			}
			return fail(Finding{Severity: claw.Warn, Title: "Devices behind the proxy pair by themselves", Where: nodeAt(n, key), Observed: "true", Expected: "false"})
		})},
		Check{ID: "gateway.trusted_proxy_device_auto_approve_admin", Area: AreaInbound, Severity: claw.Critical, Why: "A device that nobody confirmed becomes an administrator.", Fix: "Remove operator.admin from deviceAutoApprove.scopes", Source: "GHSA-4jpw-hj22-2xmc", Run: proxy(func(s *Subject, _ config.Gateway) Outcome {
			const key = "gateway.auth.trustedProxy.deviceAutoApprove"
			on, scopes := s.node(key+".enabled"), s.node(key+".scopes")
			if on == nil || !on.Bool || !slices.ContainsFunc(texts(scopes), func(x string) bool { return x == "operator.admin" || x == "*" }) {
				return pass("no device becomes an administrator unasked")
			}
			return fail(Finding{Severity: claw.Critical, Title: "Devices behind the proxy become administrators by themselves", Where: nodeAt(scopes, key+".scopes"), Observed: quoted(texts(scopes))})
		})},
		Check{ID: "gateway.trusted_proxy_range", Area: AreaInbound, Severity: claw.Critical, Why: "Whoever has an address in the range sets the headers that say who he is.", Fix: "Name single addresses", Source: "facts: trustedProxies ranges are not looked at upstream", Run: proxyRanges},
	)
}

// proxyRanges judges how many addresses count as a proxy.
func proxyRanges(s *Subject) Outcome {
	list := s.Config.Gateway.TrustedProxies
	if len(list.V) == 0 {
		return notApplicable("no proxy is trusted")
	}
	var found []Finding
	for _, v := range list.V {
		wide, err := tooWide(v.V)
		switch {
		case err != "":
			found = append(found, Finding{Severity: claw.Warn, Title: "A trusted proxy is no address", Detail: err, Where: at(v.Ref), Observed: v.V})
		case wide:
			severity := claw.Warn
			if s.Posture.Gateway.AuthMode == config.AuthTrustedProxy || strings.HasSuffix(v.V, "/0") {
				severity = claw.Critical
			}
			found = append(found, Finding{Severity: severity, Title: "A whole range counts as trusted proxy", Where: at(v.Ref), Observed: v.V, Expected: "single addresses"})
		}
	}
	return verdict(found, "%d addresses", len(list.V))
}

func tooWide(text string) (wide bool, problem string) {
	if !strings.Contains(text, "/") {
		if _, err := netip.ParseAddr(text); err != nil {
			return false, fmt.Sprintf("%q is no address", text)
		}
		return false, ""
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return false, fmt.Sprintf("%q is no range of addresses", text)
	}
	return p.Addr().BitLen()-p.Bits() > 8, "" // more than 256 addresses
}
