package audit

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/json5"
)

// sandboxes are the container blocks of the defaults and of every agent that
// has its own.
func (s *Subject) sandboxes() map[string]config.Sandbox {
	out := map[string]config.Sandbox{}
	if d := s.Config.Agents.Defaults.Sandbox; set(d.Origin) {
		out["agents.defaults"] = d
	}
	for i, a := range s.Config.Agents.List {
		if set(a.Sandbox.Origin) {
			out[fmt.Sprintf("agents.list.%d", i)] = a.Sandbox
		}
	}
	for _, e := range s.Config.Agents.Entries {
		if set(e.V.Sandbox.Origin) {
			out["agents.entries."+e.Key] = e.V.Sandbox
		}
	}
	return out
}

// perSandbox judges every container block.
func perSandbox(id string, severity claw.Severity, why, fix, source string, judge func(*Subject, config.Sandbox) []Finding) Check {
	return Check{ID: id, Area: AreaSandbox, Severity: severity, Why: why, Fix: fix, Source: source, Run: func(s *Subject) Outcome {
		blocks := s.sandboxes()
		if len(blocks) == 0 {
			return notApplicable("no container sandbox is configured")
		}
		var found []Finding
		for name, b := range blocks {
			for _, f := range judge(s, b) {
				f.Severity = severity
				f.Evidence = append(f.Evidence, name)
				found = append(found, f)
			}
		}
		return verdict(found, "%d blocks", len(blocks))
	}}
}

func sandboxChecks() []Check {
	const facts = "facts: upstream's catalogue"
	const guide = "guide, Docker Security Hardening"
	one := func(bad bool, f Finding) []Finding {
		if bad {
			return []Finding{f}
		}
		return nil
	}
	return []Check{
		perSandbox("sandbox.docker_config_mode_off", claw.Warn, "The container is described and not used: commands run without it.", `Set sandbox.mode: "all"`, facts, func(s *Subject, b config.Sandbox) []Finding {
			mode := b.Mode
			if !mode.Set {
				mode = s.Config.Agents.Defaults.Sandbox.Mode
			}
			return one(set(b.Docker.Origin) && mode.Or("off") == "off", Finding{Title: "Container settings have no effect", Where: at(b.Docker.Ref), Observed: "sandbox.mode off"})
		}),
		perSandbox("sandbox.dangerous_bind_mount", claw.Critical, "What is mounted into the container is what the container protects nothing of.", "Mount the workspace only", guide, func(s *Subject, b config.Sandbox) (out []Finding) {
			for _, v := range slices.Concat(b.Docker.Binds.V, b.Browser.Binds.V) {
				if why := s.dangerousBind(v.V); why != "" {
					out = append(out, Finding{Title: "The container gets " + strings.SplitN(v.V, ":", 2)[0], Detail: why, Where: at(v.Ref), Observed: v.V})
				}
			}
			return out
		}),
		perSandbox("sandbox.bind_mount_non_absolute", claw.Warn, "Where a relative source leads depends on where the gateway was started.", "Write absolute paths", facts, func(_ *Subject, b config.Sandbox) (out []Finding) {
			for _, v := range slices.Concat(b.Docker.Binds.V, b.Browser.Binds.V) {
				if src := strings.SplitN(v.V, ":", 2)[0]; !strings.HasPrefix(src, "/") && !strings.HasPrefix(src, "~") && strings.ContainsAny(src, "./") {
					out = append(out, Finding{Title: "A mount has a relative source", Where: at(v.Ref), Observed: v.V})
				}
			}
			return out
		}),
		perSandbox("sandbox.dangerous_network_mode", claw.Critical, "The container shares the network of the host or of another container.", `Set docker.network: "none"`, guide, func(_ *Subject, b config.Sandbox) []Finding {
			n := b.Docker.Network
			return one(n.V == "host" || strings.HasPrefix(n.V, "container:"), Finding{Title: "The container shares a network", Where: at(n.Ref), Observed: n.V, Expected: "none"})
		}),
		perSandbox("sandbox.dangerous_seccomp_profile", claw.Critical, "Every system call of the kernel is open to the container.", "Remove docker.seccompProfile", guide, func(_ *Subject, b config.Sandbox) []Finding {
			v := b.Docker.SeccompProfile
			return one(v.V == "unconfined", Finding{Title: "The container has no seccomp filter", Where: at(v.Ref), Observed: v.V})
		}),
		perSandbox("sandbox.dangerous_apparmor_profile", claw.Critical, "Nothing of the host's access control holds for the container.", "Remove docker.apparmorProfile", guide, func(_ *Subject, b config.Sandbox) []Finding {
			v := b.Docker.ApparmorProfile
			return one(v.V == "unconfined", Finding{Title: "The container has no AppArmor profile", Where: at(v.Ref), Observed: v.V})
		}),
		perSandbox("sandbox.writable_root", claw.Warn, "What a command leaves in the container's root survives for the next one.", "Remove docker.readOnlyRoot: false", guide, func(_ *Subject, b config.Sandbox) []Finding {
			v := b.Docker.ReadOnlyRoot
			return one(v.Set && !v.V, Finding{Title: "The container's root is writable", Where: at(v.Ref), Observed: "false", Expected: "true"})
		}),
		perSandbox("sandbox.capabilities_kept", claw.Warn, "Commands keep privileges that they do not need.", `Set docker.capDrop: ["ALL"]`, guide, func(_ *Subject, b config.Sandbox) []Finding {
			v := b.Docker.CapDrop
			return one(v.Set && !slices.Contains(config.Strings(v), "ALL"), Finding{Title: "The container keeps capabilities", Where: at(v.Ref), Observed: quoted(config.Strings(v)), Expected: "ALL"})
		}),
		perSandbox("sandbox.root_user", claw.Warn, "A way out of the container is then a way to root.", `Set docker.user: "1000:1000"`, guide, func(_ *Subject, b config.Sandbox) []Finding {
			v := b.Docker.User
			return one(v.Set && (v.V == "root" || v.V == "0" || strings.HasPrefix(v.V, "0:") || strings.HasPrefix(v.V, "root:")), Finding{Title: "The container runs as root", Where: at(v.Ref), Observed: v.V, Expected: "1000:1000"})
		}),
		perSandbox("sandbox.no_limits", claw.Info, "One command can use all memory and every process of the machine.", "Set docker.memory, docker.cpus and docker.pidsLimit", guide, func(s *Subject, b config.Sandbox) []Finding {
			d := b.Docker
			return one(s.Snapshot.Home.Owner == UpstreamHome && set(d.Origin) && b.Mode.Or("off") != "off" && (!d.Memory.Set || !d.PidsLimit.Set), Finding{Title: "The container has no limits", Where: at(d.Ref)})
		}),
		perSandbox("sandbox.image_unpinned", claw.Warn, "The image changes under its name.", "Name the image by digest (@sha256:…)", "guide, Docker Security Hardening: official or verified images", func(_ *Subject, b config.Sandbox) []Finding {
			v := b.Docker.Image
			tag := v.V[strings.LastIndex(v.V, "/")+1:]
			return one(v.Set && !strings.Contains(v.V, "@sha256:") && (!strings.Contains(tag, ":") || strings.HasSuffix(tag, ":latest")), Finding{Title: "The container's image is not pinned", Where: at(v.Ref), Observed: v.V})
		}),
		perSandbox("sandbox.env_secret", claw.Warn, "Every command in the container reads it.", "Bind the secret to a host (secrets.bindings)", "DESIGN: secret blindness", func(_ *Subject, b config.Sandbox) (out []Finding) {
			for _, e := range b.Docker.Env {
				if secretName().MatchString(e.Key) {
					out = append(out, Finding{Title: "A credential enters the container: " + e.Key, Where: at(e.Ref), Observed: e.Key})
				}
			}
			return out
		}),
		perSandbox("sandbox.browser_cdp_bridge_unrestricted", claw.Warn, "Whoever is on the bridge controls the browser.", "Set browser.cdpSourceRange", facts, func(_ *Subject, b config.Sandbox) []Finding {
			x := b.Browser
			return one(x.Enabled.V && x.Network.V == "bridge" && x.CDPSourceRange.V == "", Finding{Title: "The browser's control port is open to the bridge", Where: at(x.Network.Ref), Observed: "bridge"})
		}),
		perSandbox("sandbox.browser_host_control", claw.Warn, "Sandboxed sessions may steer the browser of the host, with all its logins.", "Remove browser.allowHostControl", facts, func(_ *Subject, b config.Sandbox) []Finding {
			v := b.Browser.AllowHostControl
			return one(v.V, Finding{Title: "Sandboxed sessions control the host's browser", Where: at(v.Ref), Observed: "true"})
		}),
		{ID: "browser.control_no_auth", Area: AreaNetwork, Severity: claw.Critical, Why: "Whoever reaches the control port steers a browser with your logins.", Fix: "Set gateway.auth, or browser.enabled: false", Source: facts, Run: func(s *Subject) Outcome {
			v := s.Config.Browser.Enabled
			on := v.Set && v.V || !v.Set && s.Snapshot.Home.Owner == UpstreamHome
			switch {
			case !on:
				return notApplicable("no browser")
			case s.authenticated() && s.Posture.Gateway.AuthMode != config.AuthTrustedProxy:
				return pass("the gateway's credential guards it")
			}
			return fail(Finding{Severity: claw.Critical, Title: "The browser's control has no credential", Where: at(v.Ref)})
		}},
		{ID: "browser.control_invalid_config", Area: AreaNetwork, Severity: claw.Warn, Why: "Which browser is steered cannot be said.", Fix: "Write cdpUrl as http, https, ws or wss address", Source: facts, Run: func(s *Subject) Outcome {
			var found []Finding
			for p, n := range s.cdpURLs() {
				if u, err := url.Parse(n.Text); n.Kind != json5.String || err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme) {
					found = append(found, Finding{Severity: claw.Warn, Title: "A browser's address is no address", Where: nodeAt(n, p)})
				}
			}
			return verdict(found, "every address can be read")
		}},
		{ID: "browser.extension_relay_legacy_auth", Area: AreaNetwork, Severity: claw.Warn, Why: "The relay takes the gateway's token itself, which then lies in the browser.", Fix: "Set browser.extensionRelay.allowLegacyAuth: false", Source: facts, Run: func(s *Subject) Outcome {
			const key = "browser.extensionRelay.allowLegacyAuth"
			n := s.node(key)
			if n == nil || !n.Bool {
				return pass("off, or no relay is configured")
			}
			return fail(Finding{Severity: claw.Warn, Title: "The browser's relay takes the gateway's token", Where: nodeAt(n, key), Observed: "true", Expected: "false"})
		}},
		{ID: "browser.remote_cdp_http", Area: AreaNetwork, Severity: claw.Warn, Why: "The control channel of the browser travels readable.", Fix: "Use https or ssh", Source: facts, Run: cdp(func(u *url.URL) bool {
			return (u.Scheme == "http" || u.Scheme == "ws") && !isLoopbackName(u.Hostname())
		}, "A remote browser is steered without TLS")},
		{ID: "browser.no_sandbox", Area: AreaNetwork, Severity: claw.Warn, Why: "A page that breaks the renderer has the user's rights.", Fix: "Remove browser.noSandbox", Source: "Chromium: sandbox", Run: func(s *Subject) Outcome {
			v := s.Config.Browser.NoSandbox
			if !v.V {
				return pass("Chromium's own sandbox is on")
			}
			return fail(Finding{Severity: claw.Warn, Title: "Chromium runs without its sandbox", Where: at(v.Ref), Observed: "true"})
		}},
		{ID: "browser.private_network", Aliases: []string{"browser.remote_cdp_private_host"}, Area: AreaNetwork, Severity: claw.Warn, Why: "A page can have the agent read your router, NAS or cloud metadata.", Fix: "Remove browser.ssrfPolicy.dangerouslyAllowPrivateNetwork", Source: facts, Run: func(s *Subject) Outcome {
			v := s.Config.Browser.SSRF.AllowPrivate
			if !v.V {
				return pass("private addresses are closed")
			}
			return fail(Finding{Severity: claw.Warn, Title: "The browser reaches private addresses", Where: at(v.Ref), Observed: "true"})
		}},
	}
}

func cdp(bad func(*url.URL) bool, title string) func(*Subject) Outcome {
	return func(s *Subject) Outcome {
		urls := s.cdpURLs()
		if len(urls) == 0 {
			return notApplicable("no remote browser")
		}
		var found []Finding
		for p, n := range urls {
			if u, err := url.Parse(n.Text); err == nil && bad(u) {
				found = append(found, Finding{Severity: claw.Warn, Title: title, Where: nodeAt(n, p), Observed: u.Scheme + "://" + u.Host})
			}
		}
		return verdict(found, "%d browsers", len(urls))
	}
}

// cdpURLs are the addresses of remote browsers by their place.
func (s *Subject) cdpURLs() map[string]*json5.Node {
	out := map[string]*json5.Node{}
	if n := s.node("browser.cdpUrl"); n != nil {
		out["browser.cdpUrl"] = n
	}
	n := s.node("browser.profiles")
	if n == nil || n.Kind != json5.Object {
		return out
	}
	for _, m := range n.Members {
		if c := m.Value.Get("cdpUrl"); c != nil {
			out[json5.Join("browser.profiles", m.Key)+".cdpUrl"] = c
		}
	}
	return out
}

// dangerousBind says why a mount source must not be in a container.
func (s *Subject) dangerousBind(bind string) string {
	src := strings.SplitN(bind, ":", 2)[0]
	home := s.Snapshot.Home
	if strings.HasPrefix(src, "~") {
		src = home.Dir + src[1:]
	}
	if !strings.HasPrefix(src, "/") {
		return ""
	}
	src = path.Clean(src)
	if strings.HasSuffix(src, "docker.sock") || strings.HasSuffix(src, "podman.sock") || strings.HasSuffix(src, "containerd.sock") {
		return "It is the socket of the container engine: who has it is root on the host."
	}
	within := func(dir string) bool { return src == dir || strings.HasPrefix(src, dir+"/") }
	if src == "/" || src == "/home" || src == "/Users" || src == home.Dir {
		return "It is all of it."
	}
	for _, d := range []string{"/etc", "/private/etc", "/proc", "/sys", "/dev", "/root", "/boot", "/run", "/var/run", "/var/lib/docker", "/var/lib/containerd", "/var/spool/cron"} {
		if within(d) && !strings.HasPrefix(home.State, src) && !(d == "/root" && home.Dir == "/root" && s.inWorkspace(src)) {
			return d + " belongs to the system."
		}
	}
	if home.State != "" && (within(home.State) && !s.inWorkspace(src) || strings.HasPrefix(home.State, src+"/")) {
		return "The state directory with every credential is in it."
	}
	if secretDir().MatchString(src) {
		return "Credentials of the user lie there."
	}
	return ""
}

func (s *Subject) inWorkspace(p string) bool {
	for _, a := range s.Posture.Agents {
		if a.Workspace != "" && (p == a.Workspace || strings.HasPrefix(p, a.Workspace+"/")) {
			return true
		}
	}
	return false
}

var (
	secretDir = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(/home/[^/]+|/Users/[^/]+|/root)/(\.(aws|azure|cargo|config|docker|gnupg|kube|netrc|npm|npmrc|pypirc|ssh|mozilla|thunderbird|password-store|git-credentials)(/|$)|$)`)
	})
	secretName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(token|secret|passw(or)?d|api_?key|private_?key|credential)`)
	})
)

func modelChecks() []Check {
	const facts = "facts: upstream's catalogue"
	each := func(judge func(*Subject, string) (claw.Severity, string)) func(*Subject) Outcome {
		return func(s *Subject) Outcome {
			refs := s.models()
			if len(refs) == 0 {
				return notApplicable("no model is named")
			}
			var found []Finding
			for _, m := range refs {
				if severity, what := judge(s, m.V); what != "" {
					found = append(found, Finding{Severity: severity, Title: fmt.Sprintf("%s %s", m.V, what), Where: at(m.Ref), Observed: m.V})
				}
			}
			return verdict(found, "%d models", len(refs))
		}
	}
	return []Check{
		{ID: "models.legacy", Area: AreaModels, Severity: claw.Warn, Why: "Old models follow injected instructions more readily.", Fix: "Use a current model for agents with tools", Source: facts, Run: each(func(_ *Subject, m string) (claw.Severity, string) {
			if legacy().MatchString(m) {
				return claw.Warn, "is an old model"
			}
			return 0, ""
		})},
		{ID: "models.weak_tier", Area: AreaModels, Severity: claw.Warn, Why: "Small tiers follow injected instructions more readily.", Fix: "Use a larger model for agents with tools", Source: facts, Run: each(func(_ *Subject, m string) (claw.Severity, string) {
			if weak(m) {
				return claw.Warn, "is a weak tier"
			}
			return 0, ""
		})},
		{ID: "models.small_params", Area: AreaModels, Severity: claw.Critical, Why: "A small model with web tools does what a page tells it.", Fix: "Sandbox the agent and deny web_search, web_fetch and browser, or use a larger model", Source: facts, Run: each(func(s *Subject, m string) (claw.Severity, string) {
			g := params().FindStringSubmatch(strings.ToLower(m))
			if g == nil {
				return 0, ""
			}
			n, err := strconv.ParseFloat(g[1], 64)
			if err != nil || n > 300 {
				return 0, ""
			}
			severity := claw.Info
			for _, a := range s.Posture.Agents {
				if has(a, "web_search", "web_fetch", "browser") || !s.contained(a) && has(a, "exec") {
					severity = claw.Critical
				}
			}
			return severity, "is a small model (" + g[1] + "b)"
		})},
		{ID: "models.base_url_plain", Area: AreaModels, Severity: claw.Critical, Why: "The whole conversation and the key travel readable.", Fix: "Use https, or a model on this machine", Source: "THREATS R26", Run: func(s *Subject) Outcome {
			var found []Finding
			urls := []config.Value[string]{s.Config.Models.Default.BaseURL}
			for _, p := range s.Config.Models.Providers {
				urls = append(urls, p.V.BaseURL)
			}
			for _, v := range urls {
				u, err := url.Parse(v.V)
				if v.Set && err == nil && u.Scheme == "http" && !isLoopbackName(u.Hostname()) {
					severity := claw.Critical
					if privateName(u.Hostname()) {
						severity = claw.Warn
					}
					found = append(found, Finding{Severity: severity, Title: "A model is spoken to without TLS", Where: at(v.Ref), Observed: u.Scheme + "://" + u.Host, Expected: "https"})
				}
			}
			return verdict(found, "TLS, or this machine")
		}},
	}
}

// models are all model names of the configuration.
func (s *Subject) models() []config.Value[string] {
	var out []config.Value[string]
	add := func(m config.Model) {
		if m.Primary.Set {
			out = append(out, m.Primary)
		}
		out = append(out, m.Fallbacks.V...)
	}
	add(s.Config.Agents.Defaults.Model)
	for _, a := range s.Config.Agents.List {
		add(a.Model)
	}
	for _, e := range s.Config.Agents.Entries {
		add(e.V.Model)
	}
	if s.Config.Models.Default.Model.Set {
		out = append(out, s.Config.Models.Default.Model)
	}
	return out
}

var (
	legacy = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)gpt-3\.5|claude-(instant|2)\b|claude-2\.|gpt-4-(0314|0613)`)
	})
	params = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?:^|[^0-9a-z.])(\d+(?:\.\d+)?)b(?:[^a-z0-9]|$)`) })
	family = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(?:^|/)(gpt|claude)(?:-[a-z]+)*-(\d+(?:[.-]\d{1,2})?)(?:[^0-9]|$)`)
	})
)

func weak(m string) bool {
	l := strings.ToLower(m)
	if strings.Contains(l, "haiku") {
		return true
	}
	g := family().FindStringSubmatch(l)
	if g == nil {
		return false
	}
	v, err := strconv.ParseFloat(strings.Replace(g[2], "-", ".", 1), 64)
	if err != nil {
		return false
	}
	return g[1] == "gpt" && v < 5 || g[1] == "claude" && v < 4.5
}

func privateName(h string) bool {
	return strings.HasSuffix(h, ".local") || strings.HasSuffix(h, ".lan") || strings.HasSuffix(h, ".internal") || strings.HasPrefix(h, "192.168.") || strings.HasPrefix(h, "10.") || !strings.Contains(h, ".")
}
