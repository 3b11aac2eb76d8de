package audit

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/json5"
)

var exactVersion = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(@[^/@]+/)?[^@]+@\d+\.\d+\.\d+([-+][0-9A-Za-z.-]+)?$`)
})

// installs judges upstream's records of npm installs.
func installs(area string, where func(*Subject) string, what string) Check {
	why := map[string]string{
		"unpinned_npm_specs": "The next install fetches whatever is published by then.",
		"missing_integrity":  "Nothing says which bytes were reviewed.",
		"version_drift":      "What lies on disk is not what was recorded.",
	}[what]
	return Check{ID: area + ".installs_" + what, Area: AreaPlugins, Severity: claw.Warn, Why: why, Fix: "Install an exact version and keep its integrity", Source: "openclaw/openclaw#20120", Run: func(s *Subject) Outcome {
		key := where(s)
		n := s.node(key)
		if n == nil || n.Kind != json5.Object || len(n.Members) == 0 {
			return notApplicable("no install is recorded")
		}
		var found []Finding
		judged := 0
		for _, m := range n.Members {
			text := func(k string) string {
				if v := m.Value.Get(k); v != nil {
					return v.Text
				}
				return ""
			}
			if src := text("source"); src != "" && src != "npm" {
				continue
			}
			judged++
			title, observed := "", ""
			switch what {
			case "unpinned_npm_specs":
				if spec := text("spec"); spec != "" && !exactVersion().MatchString(spec) {
					title, observed = fmt.Sprintf("%s %s is installed from an open version", area, m.Key), spec
				}
			case "missing_integrity":
				if text("integrity") == "" {
					title = fmt.Sprintf("%s %s has no integrity", area, m.Key)
				}
			case "version_drift":
				recorded := text("resolvedVersion")
				if recorded == "" {
					recorded = text("version")
				}
				if disk := s.packageVersion(text("installPath"), m.Key); recorded != "" && disk != "" && disk != recorded {
					title, observed = fmt.Sprintf("%s %s is another version than recorded", area, m.Key), disk+", recorded "+recorded
				}
			}
			if title != "" {
				found = append(found, Finding{Severity: claw.Warn, Title: title, Where: posAt(m.KeyPos, key+"."+m.Key), Observed: observed})
			}
		}
		if judged == 0 {
			return notApplicable("no install is recorded")
		}
		return verdict(found, "%d installs", judged)
	}}
}

// packageVersion is the version of an installed package.
func (s *Subject) packageVersion(dir, id string) string {
	for _, p := range []string{dir, s.Snapshot.Home.State + "/extensions/" + id, s.Snapshot.Home.State + "/hooks/" + id} {
		if p == "" {
			continue
		}
		raw, ok := s.Snapshot.Documents[path.Join(strings.Replace(p, "~", s.Snapshot.Home.Dir, 1), "package.json")]
		var pkg struct {
			Version string `json:"version"`
		}
		if ok && json.Unmarshal(raw, &pkg) == nil {
			return pkg.Version
		}
	}
	return ""
}

// extensions are the ids of what lies in the extensions directory.
func (s *Subject) extensions() []string {
	var out []string
	base := s.Snapshot.Home.State + "/extensions/"
	for _, f := range s.byRole[RoleExtension] {
		rest, ok := strings.CutPrefix(f.Path, base)
		if !ok {
			continue
		}
		id, _, _ := strings.Cut(rest, "/")
		if f.Type != Absent && id != "" && !strings.HasPrefix(id, ".") && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

func pluginChecks() []Check {
	const facts = "facts: upstream's catalogue"
	return []Check{
		{ID: "plugins.extensions_no_allowlist", Area: AreaPlugins, Severity: claw.Critical, Why: "Whatever lies in the directory is loaded into upstream's gateway; this gateway never loads it.", Fix: "Set plugins.allow", Source: facts, Run: func(s *Subject) Outcome {
			ids := s.extensions()
			if len(ids) == 0 {
				return notApplicable("no extension")
			}
			if len(s.Config.Plugins.Allow.V) > 0 {
				return pass("%d are allowed", len(s.Config.Plugins.Allow.V))
			}
			severity := claw.Warn
			for _, i := range s.Inbound {
				if i.Enabled && i.Channel != "webchat" && s.Config.Commands.NativeSkills.V != "false" && (i.Channel == "telegram" || i.Channel == "discord") {
					severity = claw.Critical
				}
			}
			return fail(Finding{Severity: severity, Title: fmt.Sprintf("%d extensions load without a list", len(ids)), Where: at(s.Config.Plugins.Allow.Ref), Observed: quoted(ids)})
		}},
		{ID: "plugins.allow_phantom_entries", Area: AreaPlugins, Severity: claw.Warn, Why: "Whoever publishes a plugin of that name is let in.", Fix: "Remove the entry", Source: facts, Run: func(s *Subject) Outcome {
			allow := config.Strings(s.Config.Plugins.Allow)
			if len(allow) == 0 || len(s.extensions()) == 0 {
				return notApplicable("no list, or no extension")
			}
			var bad []string
			for _, a := range allow {
				if !slices.Contains(s.extensions(), a) && s.node("plugins.installs."+a) == nil && s.node("plugins.entries."+a) == nil && s.node("channels."+a) == nil {
					bad = append(bad, a)
				}
			}
			if len(bad) == 0 {
				return pass("all are installed")
			}
			return fail(Finding{Severity: claw.Warn, Title: "plugins.allow names what is not installed", Where: at(s.Config.Plugins.Allow.Ref), Observed: quoted(bad)})
		}},
		{ID: "plugins.tools_reachable_permissive_policy", Area: AreaPlugins, Severity: claw.Warn, Why: "A plugin's tool is let through by a policy that allows what it does not know.", Fix: "Set tools.profile or tools.allow", Source: facts, Run: func(s *Subject) Outcome {
			if len(s.extensions()) == 0 {
				return notApplicable("no extension")
			}
			var found []Finding
			for _, a := range s.Posture.Agents {
				if has(a, "a-tool-of-a-plugin") {
					found = append(found, Finding{Severity: claw.Warn, Title: "Tools of plugins reach agent " + string(a.ID), Where: at(s.Config.Tools.Profile.Ref)})
				}
			}
			return verdict(found, "unknown tools are refused")
		}},
		installs("plugins", func(*Subject) string { return "plugins.installs" }, "unpinned_npm_specs"),
		installs("plugins", func(*Subject) string { return "plugins.installs" }, "missing_integrity"),
		installs("plugins", func(*Subject) string { return "plugins.installs" }, "version_drift"),
		{ID: "skills.policy_open", Area: AreaPlugins, Severity: claw.Warn, Why: "A skill is loaded without anybody having read it.", Fix: `Set skills.policy: "allowlist" and list the skills`, Source: "guide, Troubleshooting: Skills Installing From Unknown Sources", Run: func(s *Subject) Outcome {
			v := s.Config.Skills.Policy
			switch {
			case v.Set && v.V == "open":
				return fail(Finding{Severity: claw.Warn, Title: "Skills load without a list", Where: at(v.Ref), Observed: "open", Expected: "allowlist"})
			case s.Snapshot.Home.Owner == UpstreamHome && !v.Set && s.count(RoleSkill) > 0:
				return fail(Finding{Severity: claw.Info, Title: "Skills load without a list", Detail: "Upstream loads every skill it finds.", Where: at(v.Ref)})
			}
			return pass("only listed skills load")
		}},
		{ID: "skills.unpinned", Area: AreaPlugins, Severity: claw.Warn, Why: "An update can replace what you reviewed.", Fix: "Set skills.versions", Source: "guide, Skills: pin versions", Run: func(s *Subject) Outcome {
			var found []Finding
			for _, v := range s.Config.Skills.Allowlist.V {
				name, version, _ := strings.Cut(v.V, "@")
				pin := s.Config.Skills.Versions.Get(name)
				if slices.ContainsFunc(s.Snapshot.Skills, func(x SkillState) bool { return x.Name == name && x.Pinned && x.Loads }) {
					continue // to every byte
				}
				if version == "" && (pin == nil || pin.V == "" || strings.ContainsAny(pin.V, "^~*<>x") || pin.V == "latest") {
					found = append(found, Finding{Severity: claw.Warn, Title: "The skill " + name + " is not pinned to a version", Where: at(v.Ref), Observed: v.V})
				}
			}
			if len(s.Config.Skills.Allowlist.V) == 0 {
				return notApplicable("no skill is listed")
			}
			return verdict(found, "%d skills", len(s.Config.Skills.Allowlist.V))
		}},
		{ID: "skills.allowlist_wildcard", Area: AreaPlugins, Severity: claw.Warn, Why: "A list with a wildcard is no list.", Fix: "Name the skills", Source: "guide, Skills", Run: func(s *Subject) Outcome {
			for _, v := range s.Config.Skills.Allowlist.V {
				if strings.Contains(v.V, "*") {
					return fail(Finding{Severity: claw.Warn, Title: "The list of skills has a wildcard", Where: at(v.Ref), Observed: v.V})
				}
			}
			return pass("names only")
		}},
		{ID: "skills.workspace.symlink_escape", Area: AreaPlugins, Severity: claw.Warn, Why: "The text that the agent follows lies where other rules hold.", Fix: "Copy the skill into the workspace", Source: facts, Run: func(s *Subject) Outcome {
			return s.files(RoleSkill, func(f *File) *Finding {
				if f.Type != Symlink || f.Target == "" {
					return nil
				}
				for _, w := range s.byRole[RoleWorkspace] {
					root := w.Path
					if w.Target != "" {
						root = w.Target
					}
					if strings.HasPrefix(f.Path, w.Path+"/") && !strings.HasPrefix(f.Target, root+"/") {
						return &Finding{Severity: claw.Warn, Title: "A skill leads out of the workspace", Detail: fmt.Sprintf("%s leads to %s.", s.Snapshot.Home.Short(f.Path), s.Snapshot.Home.Short(f.Target)), Where: s.atFile(f), Observed: f.Target}
					}
				}
				return nil
			})
		}},
		{ID: "mcp.server_plain_http", Area: AreaPlugins, Severity: claw.Critical, Why: "Who sits on the way reads the tool calls and answers for the server.", Fix: "Use https", Source: "facts: MCP servers are unchecked upstream", Run: perServer(func(x config.MCPServer) (claw.Severity, string, Where, string) {
			u, err := url.Parse(x.URL.V)
			if x.URL.Set && err == nil && (u.Scheme == "http" || u.Scheme == "ws") && !isLoopbackName(u.Hostname()) {
				return claw.Critical, "is reached without TLS", at(x.URL.Ref), u.Scheme + "://" + u.Host
			}
			return 0, "", Where{}, ""
		})},
		{ID: "mcp.server_unpinned", Area: AreaPlugins, Severity: claw.Warn, Why: "Every start fetches and runs whatever is published by then.", Fix: "Name an exact version", Source: "facts: MCP servers are unchecked upstream", Run: perServer(unpinnedServer)},
		{ID: "mcp.server_env_secret", Aliases: []string{"config.secrets.mcp_env"}, Area: AreaSecrets, Severity: claw.Warn, Why: "The credential stands in the configuration in plain text.", Fix: `Use {"$env": "NAME"}`, Source: "guide, Credential Management", Run: plainSecrets(func(p string) bool { return strings.HasPrefix(p, "mcp.servers.") }, "A credential of an MCP server stands in the configuration")},
		{ID: "mcp.server_shell", Area: AreaPlugins, Severity: claw.Warn, Why: "A shell starts what its arguments say, not a server that was reviewed.", Fix: "Name the program itself", Source: "facts: MCP servers are unchecked upstream", Run: perServer(func(x config.MCPServer) (claw.Severity, string, Where, string) {
			if slices.Contains(shells(), program(x.Command.V)) {
				return claw.Warn, "is started by a shell", at(x.Command.Ref), x.Command.V
			}
			return 0, "", Where{}, ""
		})},
		{ID: "mcp.apps.enabled", Area: AreaPlugins, Severity: claw.Warn, Why: "A server's page runs in your browser beside the gateway's.", Fix: "Set mcp.apps.enabled: false", Source: facts, Run: func(s *Subject) Outcome {
			n := s.node("mcp.apps.enabled")
			if n == nil || !n.Bool {
				return pass("off")
			}
			return fail(Finding{Severity: claw.Warn, Title: "Pages of MCP servers are shown", Where: nodeAt(n, "mcp.apps.enabled"), Observed: "true", Expected: "false"})
		}},
	}
}

func perServer(judge func(config.MCPServer) (claw.Severity, string, Where, string)) func(*Subject) Outcome {
	return func(s *Subject) Outcome {
		var found []Finding
		n := 0
		for _, e := range s.Config.MCP.Servers {
			if x := e.V; x.Enabled.Set && !x.Enabled.V {
				continue
			}
			n++
			if severity, what, where, observed := judge(e.V); what != "" {
				found = append(found, Finding{Severity: severity, Title: fmt.Sprintf("The MCP server %s %s", e.Key, what), Where: where, Observed: observed})
			}
		}
		if n == 0 {
			return notApplicable("no MCP server")
		}
		return verdict(found, "%d servers", n)
	}
}

// unpinnedServer: a package runner without an exact version.
func unpinnedServer(x config.MCPServer) (claw.Severity, string, Where, string) {
	runner := program(x.Command.V)
	if !slices.Contains([]string{"npx", "bunx", "pnpx", "uvx", "pipx", "npm", "pnpm", "yarn", "bun", "deno", "docker", "podman"}, runner) {
		return 0, "", Where{}, ""
	}
	args := config.Strings(x.Args)
	value := false // the next word belongs to an option
	for i, a := range args {
		name, _, joined := strings.Cut(a, "=")
		switch {
		case value:
			value = false
			continue
		case slices.Contains([]string{"-p", "--package", "--from"}, name):
			if joined {
				a = a[len(name)+1:]
				break
			}
			continue // what it fetches comes next
		case strings.HasPrefix(a, "-"):
			value = !joined && slices.Contains([]string{"-e", "--env", "-v", "--volume", "--name", "--network", "--user", "-u", "--registry", "--index-url", "--token", "-c", "--call", "--python", "-w", "--workdir", "--mount", "--env-file"}, a)
			continue
		case i == 0 && slices.Contains([]string{"exec", "x", "dlx", "run"}, a):
			continue
		}
		pinned := exactVersion().MatchString(a) || strings.Contains(a, "==") || strings.Contains(a, "@sha256:") || strings.HasPrefix(a, "/") || strings.HasPrefix(a, "./")
		if pinned {
			return 0, "", Where{}, ""
		}
		return claw.Warn, "is fetched anew at every start", at(x.Args.Ref), runner + " " + a
	}
	return 0, "", Where{}, ""
}
