package audit

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// has reports whether an agent's rules let a tool through.
func has(a posture.Agent, tools ...claw.ToolName) bool {
	return len(a.Rules.Names(tools)) > 0
}

// perAgent judges every agent as it takes effect. One place that says the same
// for several agents is one finding.
func (s *Subject) perAgent(judge func(posture.Agent) *Finding) Outcome {
	var found []Finding
	index := map[string]int{}
	var names [][]string
	for _, a := range s.Posture.Agents {
		f := judge(a)
		if f == nil {
			continue
		}
		key := f.Title + "\x00" + f.Observed + "\x00" + fmt.Sprint(f.Where)
		if i, ok := index[key]; ok && f.Where.Pointer != "" {
			names[i] = append(names[i], string(a.ID))
			continue
		}
		index[key] = len(found)
		found, names = append(found, *f), append(names, []string{string(a.ID)})
	}
	for i := range found {
		found[i].Evidence = append(found[i].Evidence, "agents: "+strings.Join(names[i], ", "))
	}
	return verdict(found, "%d agents looked at", len(s.Posture.Agents))
}

// strangers: somebody who is not the operator reaches an agent.
func (s *Subject) open() []claw.ConfigRef {
	var refs []claw.ConfigRef
	for _, i := range s.Inbound {
		refs = append(refs, i.Open()...)
	}
	return refs
}

func execChecks() []Check {
	const guide = "guide, Tool Policy"
	return []Check{
		{ID: "tools.exec.security_full", Aliases: []string{"tools.exec.security_full_configured"}, Area: AreaExec, Severity: claw.Critical, Why: "Every command runs. The guide calls it intentional for personal use; it is not once a stranger's words reach the agent.", Fix: `Set tools.exec.security to "allowlist" or "deny"`, Source: "guide, Troubleshooting", Run: func(s *Subject) Outcome {
			return s.perAgent(func(a posture.Agent) *Finding {
				if !has(a, "exec") || a.Rules.Exec.Security != policy.ExecFull {
					return nil
				}
				f := &Finding{Severity: claw.Warn, Title: `Exec security is "full"`, Detail: "Intentional for personal use; tighten for shared setups.", Where: at(a.Rules.Exec.SecurityRef), Observed: "full", Expected: "allowlist or deny"}
				switch from := s.foreign(a); {
				case len(s.open()) > 0:
					f.Severity, f.Detail = claw.Critical, "Strangers can write to the agents, and every command runs."
				case len(from) > 0 && s.unasked(a):
					f.Severity, f.Detail = claw.Critical, "The agent reads what others write ("+strings.Join(from, ", ")+"), and every command runs unasked."
				}
				return f
			})
		}},
		{ID: "tools.exec.ask_off", Area: AreaExec, Severity: claw.Warn, Why: "Nobody is asked before a command runs that no rule lists.", Fix: `Set tools.exec.ask: "on-miss" or "always"`, Source: guide, Run: func(s *Subject) Outcome {
			return s.perAgent(func(a posture.Agent) *Finding {
				if !has(a, "exec") || a.Rules.Exec.Security != policy.ExecFull || a.Rules.Exec.Ask != policy.AskOff {
					return nil
				}
				return &Finding{Severity: claw.Warn, Title: "Commands run unasked", Where: at(a.Rules.Exec.AskRef), Observed: "off", Expected: "on-miss or always"}
			})
		}},
		{ID: "tools.exec.allowlist_catch_all", Area: AreaExec, Severity: claw.Critical, Why: "An entry that matches everything is security: full by another name.", Fix: "List the commands that are needed", Source: "facts: upstream does not report it", Run: allowlistEntries(func(e string) (claw.Severity, string) {
			w := strings.Fields(e)
			if len(w) > 0 && strings.Trim(path.Base(w[0]), "*?.") == "" {
				return claw.Critical, "it matches every program"
			}
			return 0, ""
		})},
		{ID: "tools.exec.allowlist_shell", Area: AreaExec, Severity: claw.Critical, Why: "A shell runs whatever it is told: the rest of the list means nothing.", Fix: "List the commands themselves", Source: "openclaw/openclaw#23276", Run: allowlistEntries(func(e string) (claw.Severity, string) {
			w := strings.Fields(e)
			if len(w) > 0 && slices.Contains(shells(), program(w[0])) && (len(w) == 1 || !strings.HasPrefix(w[1], "/")) {
				return claw.Critical, "it is a shell"
			}
			return 0, ""
		})},
		{ID: "tools.exec.allowlist_wrapper", Area: AreaExec, Severity: claw.Warn, Why: "A program that runs others lends its permission to all of them where a gateway looks only at the first word.", Fix: "List the commands themselves; this gateway looks through wrappers", Source: "GHSA-796m-2973-wc5q", Run: allowlistEntries(func(e string) (claw.Severity, string) {
			w := strings.Fields(e)
			if bare(w) && (slices.Contains(wrappers(), program(w[0])) || slices.Contains(carriers(), program(w[0]))) {
				return claw.Warn, "it runs other programs"
			}
			return 0, ""
		})},
		{ID: "tools.exec.allowlist_interpreter", Aliases: []string{"tools.exec.allowlist_interpreter_without_strict_inline_eval"}, Area: AreaExec, Severity: claw.Warn, Why: "An interpreter runs code given on its command line.", Fix: "Set tools.exec.strictInlineEval: true, and list interpreters with the script they run", Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
			strict := s.Config.Tools.Exec.StrictEval
			if strict.Set && strict.V || !strict.Set && s.Snapshot.Home.Owner != UpstreamHome {
				return pass("inline code asks")
			}
			out := allowlistEntries(func(e string) (claw.Severity, string) {
				w := strings.Fields(e)
				if bare(w) && interpreter(w[0]) {
					return claw.Warn, "it is an interpreter, and inline code does not ask"
				}
				return 0, ""
			})(s)
			for _, f := range storedApprovals(s).Findings {
				if interpreter(f.Observed) {
					out.Verdict, out.Findings = Fail, append(out.Findings, f)
				}
			}
			return out
		}},
		{ID: "tools.exec.allowlist_writable_dir", Area: AreaExec, Severity: claw.Warn, Why: "Who can write the directory decides what the listed program is.", Fix: "Name programs of the system", Source: "facts: user-writable binaries", Run: allowlistEntries(func(e string) (claw.Severity, string) {
			w := strings.Fields(e)
			if len(w) > 0 && strings.ContainsAny(w[0], "/~") && userDir(path.Dir(w[0])) {
				return claw.Warn, "its directory can be written by users"
			}
			return 0, ""
		})},
		{ID: "tools.exec.denylist_empty", Area: AreaExec, Severity: claw.Info, Why: "The guide refuses destructive commands by name whatever else is allowed.", Fix: `Set tools.exec.denylist to the guide's: "rm -rf", "curl | sh", "wget -O - | bash", "chmod 777", "dd if=", "> /dev/sd"`, Source: guide, Run: func(s *Subject) Outcome {
			if s.Snapshot.Home.Owner == UpstreamHome {
				return notApplicable("upstream has no denylist")
			}
			return s.perAgent(func(a posture.Agent) *Finding {
				if !has(a, "exec") || a.Rules.Exec.Security == policy.ExecDeny || len(a.Rules.Exec.Denylist) > 0 {
					return nil
				}
				return &Finding{Severity: claw.Info, Title: "No command is refused by name", Where: at(a.Rules.Exec.SecurityRef)}
			})
		}},
		{ID: "tools.exec.level_below_isolated", Area: AreaExec, Severity: claw.Critical, Why: "Below isolated a command sees more of the machine than its workspace.", Fix: `Set tools.exec.level: "isolated"`, Source: "DESIGN: confinement", Run: func(s *Subject) Outcome {
			if s.Snapshot.Home.Owner == UpstreamHome {
				return s.upstreamUnsandboxed()
			}
			return s.perAgent(func(a posture.Agent) *Finding {
				l := a.Rules.Confinement.Level
				if !has(a, "exec") || a.Rules.Exec.Security == policy.ExecDeny || l >= policy.LevelIsolated {
					return nil
				}
				severity := claw.Warn
				if l < policy.LevelConfined {
					severity = claw.Critical
				}
				return &Finding{Severity: severity, Title: fmt.Sprintf("Commands run at level %s", l), Where: at(s.Config.Tools.Exec.Level.Ref), Observed: l.String(), Expected: "isolated"}
			})
		}},
		{ID: "tools.exec.host_sandbox_no_sandbox", Aliases: []string{"tools.exec.host_sandbox_no_sandbox_defaults", "tools.exec.host_sandbox_no_sandbox_agents"}, Area: AreaExec, Severity: claw.Warn, Why: "Commands are sent to a sandbox that is switched off.", Fix: `Set agents.defaults.sandbox.mode: "all"`, Source: "facts: upstream's catalogue", Run: hostSandbox},
		{ID: "tools.exec.auto_allow_skills_enabled", Area: AreaExec, Severity: claw.Warn, Why: "Programs that a skill brings run unasked.", Fix: "Set autoAllowSkills: false in exec-approvals.json", Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
			d := s.approvals()
			if d == nil {
				return s.noApprovals()
			}
			var who []string
			if d.Defaults.AutoAllowSkills {
				who = append(who, "defaults")
			}
			for id, a := range d.Agents {
				if a.AutoAllowSkills {
					who = append(who, id)
				}
			}
			if len(who) == 0 {
				return pass("off")
			}
			slices.Sort(who)
			return fail(Finding{Severity: claw.Warn, Title: "Programs of skills run unasked", Detail: "autoAllowSkills is on for " + quoted(who) + ".", Where: Where{File: s.Snapshot.Home.Short(s.Snapshot.Home.State + "/exec-approvals.json")}, Observed: "true", Expected: "false"})
		}},
		{ID: "tools.exec.safe_bins_interpreter_unprofiled", Area: AreaExec, Severity: claw.Warn, Why: "An interpreter among the harmless programs makes every program harmless.", Fix: "Remove it from tools.exec.safeBins", Source: "facts: upstream's catalogue", Run: safeBins("An interpreter counts as a harmless program", func(name string) bool { return interpreter(name) || slices.Contains(shells(), program(name)) })},
		{ID: "tools.exec.safe_bins_broad_behavior", Area: AreaExec, Severity: claw.Warn, Why: "These programs read and write files or run others, given the right argument.", Fix: "Remove them from tools.exec.safeBins", Source: "GHSA-xvhf-x56f-2hpp; facts: upstream lists four of them", Run: safeBins("A program with wide behaviour counts as harmless", func(name string) bool {
			return slices.Contains([]string{"jq", "awk", "gawk", "mawk", "nawk", "sed", "gsed", "find", "tar", "git", "ssh", "scp", "rsync", "curl", "wget", "sort", "tee", "dd", "make", "vi", "vim", "less", "man", "zip", "openssl"}, program(name)) || slices.Contains(wrappers(), program(name))
		})},
		{ID: "tools.exec.safe_bin_trusted_dirs_risky", Area: AreaExec, Severity: claw.Warn, Why: "Who can write the directory decides what the harmless program is.", Fix: "Trust directories of the system only", Source: "facts: upstream's catalogue", Run: riskyDirs("Harmless programs are taken from a directory that users can write", func(c *config.Config) config.List { return c.Tools.Exec.SafeBinDirs })},
		{ID: "tools.exec.path_prepend_risky", Area: AreaExec, Severity: claw.Warn, Why: "What lies there is found before the system's programs.", Fix: "Remove the directory from tools.exec.pathPrepend", Source: "facts: dangerous environment", Run: riskyDirs("A directory that users can write comes first in PATH", func(c *config.Config) config.List { return c.Tools.Exec.PathPrepend })},
		{ID: "tools.exec.read_roots_wide", Area: AreaExec, Severity: claw.Warn, Why: "Commands may read everything beneath it.", Fix: "Name the directory of the toolchain", Source: "DESIGN: a run sees the workspace and what the operator grants", Run: func(s *Subject) Outcome {
			var found []Finding
			for _, v := range s.Config.Tools.Exec.ReadRoots.V {
				p := path.Clean(strings.Replace(v.V, "~", s.Snapshot.Home.Dir, 1))
				if p == "/" || p == s.Snapshot.Home.Dir || secretDir().MatchString(p) || s.Snapshot.Home.State != "" && (s.Snapshot.Home.In(p) && !s.inWorkspace(p) || strings.HasPrefix(s.Snapshot.Home.State, p+"/")) || slices.Contains([]string{"/home", "/root", "/etc", "/var", "/srv", "/mnt", "/media", "/proc", "/sys", "/run"}, p) {
					found = append(found, Finding{Severity: claw.Warn, Title: "Commands may read " + v.V, Where: at(v.Ref), Observed: v.V})
				}
			}
			return verdict(found, "%d directories", len(s.Config.Tools.Exec.ReadRoots.V))
		}},
		{ID: "tools.exec.ask_fallback_loose", Area: AreaExec, Severity: claw.Warn, Why: "When nobody answers, the command runs.", Fix: `Set tools.exec.askFallback: "deny"`, Source: "guide, Quick Security Audit: exec approval drift", Run: func(s *Subject) Outcome {
			v := s.Config.Tools.Exec.AskFallback
			if v.Set && v.V != config.ExecDeny {
				return fail(Finding{Severity: claw.Warn, Title: "Without an answer commands run", Where: at(v.Ref), Observed: string(v.V), Expected: "deny"})
			}
			return pass("deny")
		}},
		{ID: "tools.exec.approvals_catch_all", Area: AreaExec, Severity: claw.Critical, Why: "A stored approval that matches everything, a shell or a wrapper is security: full by another name.", Fix: "openclaw approvals list, and remove the entry", Source: "facts: upstream does not report it", Run: storedApprovals},
		{ID: "tools.exec.fs_tools_disabled_but_exec_enabled", Area: AreaExec, Severity: claw.Warn, Why: "Files that the file tools may not write are written by commands.", Fix: "Deny exec too, or mount the workspace read-only", Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
			return s.perAgent(func(a posture.Agent) *Finding {
				if !has(a, "exec") || a.Rules.Exec.Security == policy.ExecDeny || has(a, "write", "edit", "apply_patch") {
					return nil
				}
				return &Finding{Severity: claw.Warn, Title: "File tools are off, commands are on", Where: at(a.Rules.Exec.SecurityRef), Observed: "exec " + a.Rules.Exec.Security.String()}
			})
		}},
		{ID: "tools.exec.agent_skill_mcp_boundary_drift", Area: AreaExec, Severity: claw.Warn, Why: "The list of skills says what the agent may do; commands on the host and MCP servers go around it.", Fix: "Deny exec to the agent or sandbox it, and limit the servers", Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
			if len(s.Config.MCP.Servers) == 0 {
				return pass("no MCP server")
			}
			return s.perAgent(func(a posture.Agent) *Finding {
				if !has(a, "exec") || a.Rules.Exec.Security == policy.ExecDeny || s.contained(a) {
					return nil
				}
				for _, c := range s.Config.Agents.All() {
					if v := c.Skills; c.ID.V == string(a.ID) && v.Set {
						return &Finding{Severity: claw.Warn, Title: "Agent " + string(a.ID) + " has a list of skills, and commands and MCP servers beside it", Where: at(v.Ref), Observed: quoted(config.Strings(v))}
					}
				}
				return nil
			})
		}},
		{ID: "tools.elevated.enabled", Area: AreaExec, Severity: claw.Critical, Why: "An elevated command leaves the sandbox.", Fix: "Set tools.elevated.enabled: false and tools.exec.elevated.enabled: false", Source: "guide, Complete Security Checklist: elevated tools disabled", Run: func(s *Subject) Outcome {
			e := s.Config.Tools.Elevated
			return s.perAgent(func(a posture.Agent) *Finding {
				if !a.Rules.Exec.Elevated {
					return nil
				}
				f := &Finding{Severity: claw.Warn, Title: "Elevated commands are on", Observed: "true", Expected: "false"}
				for _, v := range []config.Value[bool]{s.Config.Tools.Exec.Elevated.Enabled, e.Enabled} {
					if v.Set && v.V {
						f.Where = at(v.Ref)
					}
				}
				switch {
				case f.Where.File != "" && len(s.open()) > 0:
					f.Severity = claw.Critical
				case f.Where.File == "" && len(e.AllowFrom) == 0 && s.Snapshot.Home.Owner == UpstreamHome:
					return nil // on by default, and nobody may use it
				case f.Where.File == "" && len(e.AllowFrom) > 0:
					f.Detail, f.Where, f.Observed = "Upstream's default is on, and senders are named.", at(e.AllowFrom[0].V.Ref), "unset"
				}
				return f
			})
		}},
		{ID: "tools.elevated.allowFrom.*.wildcard", Area: AreaExec, Severity: claw.Critical, Why: "Everybody of the channel may leave the sandbox.", Fix: "Name senders by id", Source: "facts: upstream's catalogue", Run: elevatedFrom(func(list []string) bool { return slices.Contains(list, "*") }, "wildcard", claw.Critical, "Everybody may run elevated commands")},
		{ID: "tools.elevated.allowFrom.*.large", Area: AreaExec, Severity: claw.Warn, Why: "So many people may leave the sandbox that nobody knows them all.", Fix: "Name the few who need it", Source: "facts: upstream's catalogue", Run: elevatedFrom(func(list []string) bool { return len(list) > 25 }, "large", claw.Warn, "More than 25 senders may run elevated commands")},
	}
}

// upstreamUnsandboxed: upstream runs commands on the host unless its Docker
// sandbox is on.
func (s *Subject) upstreamUnsandboxed() Outcome {
	m := s.Config.Agents.Defaults.Sandbox.Mode
	if m.V == "all" {
		return pass("all sessions run in a container")
	}
	return s.perAgent(func(a posture.Agent) *Finding {
		if !has(a, "exec") || a.Rules.Exec.Security == policy.ExecDeny {
			return nil
		}
		return &Finding{Severity: claw.Warn, Title: "Commands run on the host", Detail: "The sandbox is " + m.Or("off") + ".", Where: at(m.Ref), Observed: m.Or("off"), Expected: "all", Remediation: `Set agents.defaults.sandbox.mode: "all"`}
	})
}

// program is the name of a program without its directory.
func program(word string) string { return path.Base(word) }

func shells() []string {
	return []string{"sh", "bash", "dash", "zsh", "ksh", "fish", "ash", "csh", "tcsh", "busybox", "toybox", "pwsh", "powershell", "cmd", "cmd.exe"}
}

func wrappers() []string {
	return []string{"env", "xargs", "sudo", "doas", "su", "timeout", "nice", "nohup", "setsid", "stdbuf", "time", "watch", "parallel", "find", "ssh", "nsenter", "unshare", "chroot", "docker", "podman", "kubectl", "strace", "gdb", "script", "expect", "tmux", "screen", "flock", "ionice", "command", "exec", "eval", "make", "npx", "npm", "pnpm", "yarn", "bunx", "uvx"}
}

// carriers run other programs, given the right option (-exec, -c alias,
// --to-command, -e).
func carriers() []string {
	return []string{"git", "tar", "rsync", "scp", "vi", "vim", "nvim", "less", "man", "zip", "unzip", "openssl", "ld.so", "sqlite3", "mysql", "psql", "ansible", "systemd-run", "at", "batch", "crontab", "rpm", "dpkg", "apt", "apt-get", "pip", "gem", "cargo", "go"}
}

// bare reports an entry that names a program and leaves its arguments open.
func bare(w []string) bool {
	return len(w) > 0 && !slices.ContainsFunc(w[1:], func(a string) bool { return strings.Trim(a, "*?.") != "" })
}

// userDir reports a directory that users write by its name: what is listed
// from there is what they put there. The modes of single programs are judged
// by fs.allowed_program.
func userDir(dir string) bool {
	return strings.HasPrefix(dir, "~") || riskyDir(dir) && dir != "/usr/local/bin"
}

// interpreter reports a program that runs code given to it, versioned forms
// included ("python3.12").
func interpreter(word string) bool {
	name := strings.TrimRight(program(word), "0123456789.-")
	return slices.Contains([]string{"python", "pypy", "node", "nodejs", "bun", "deno", "ruby", "perl", "php", "lua", "luajit", "osascript", "awk", "gawk", "mawk", "nawk", "tclsh", "wish", "Rscript", "julia", "ghci", "scala", "groovy", "jshell", "irb", "cscript", "wscript"}, name)
}

// riskyDir judges a directory by name; its mode is judged where it was seen.
func riskyDir(dir string) bool {
	if !strings.HasPrefix(dir, "/") {
		return true
	}
	for _, p := range []string{"/tmp", "/var/tmp", "/dev/shm", "/usr/local/bin", "/opt/homebrew", "/home", "/Users", "/root"} {
		if dir == p || strings.HasPrefix(dir, p+"/") {
			return true
		}
	}
	return strings.Contains(dir, "/.local/bin")
}

// allowlistEntries judges every entry of every allowlist in force.
func allowlistEntries(judge func(entry string) (claw.Severity, string)) func(*Subject) Outcome {
	return func(s *Subject) Outcome {
		var found []Finding
		seen, n := map[claw.ConfigRef]bool{}, 0
		for _, a := range s.Posture.Agents {
			for _, e := range a.Rules.Exec.Allowlist {
				if seen[e.Where] && e.Where.Line > 0 {
					continue
				}
				seen[e.Where] = true
				n++
				if severity, why := judge(e.Text); why != "" {
					found = append(found, Finding{Severity: severity, Title: fmt.Sprintf("The allowlist holds %q", e.Text), Detail: fmt.Sprintf("%q: %s.", e.Text, why), Where: at(e.Where), Observed: e.Text})
				}
			}
		}
		if n == 0 {
			return notApplicable("no allowlist")
		}
		return verdict(found, "%d entries", n)
	}
}

func safeBins(title string, bad func(string) bool) func(*Subject) Outcome {
	return func(s *Subject) Outcome {
		list := s.Config.Tools.Exec.SafeBins
		if len(list.V) == 0 {
			return notApplicable("no safeBins")
		}
		var found []Finding
		for _, v := range list.V {
			if bad(v.V) {
				found = append(found, Finding{Severity: claw.Warn, Title: title + ": " + v.V, Where: at(v.Ref), Observed: v.V})
			}
		}
		return verdict(found, "%d programs", len(list.V))
	}
}

func riskyDirs(title string, list func(*config.Config) config.List) func(*Subject) Outcome {
	return func(s *Subject) Outcome {
		dirs := list(s.Config)
		if len(dirs.V) == 0 {
			return notApplicable("no directory is named")
		}
		var found []Finding
		for _, v := range dirs.V {
			if riskyDir(path.Clean(strings.Replace(v.V, "~", s.Snapshot.Home.Dir, 1))) {
				found = append(found, Finding{Severity: claw.Warn, Title: title, Where: at(v.Ref), Observed: v.V})
			}
		}
		return verdict(found, "%d directories", len(dirs.V))
	}
}

// hostSandbox: an agent's own block wins over the global one.
func hostSandbox(s *Subject) Outcome {
	if s.Snapshot.Home.Owner != UpstreamHome {
		return pass("the confinement level holds whatever the host")
	}
	global, mode := s.Config.Tools.Exec.Host, s.Config.Agents.Defaults.Sandbox.Mode.Or("off")
	var found []Finding
	report := func(v config.Value[string], who string) {
		found = append(found, Finding{Severity: claw.Warn, Title: "Commands are sent to a sandbox that is off", Where: at(v.Ref), Observed: "sandbox.mode off", Evidence: []string{who}})
	}
	if global.Set && global.V == "sandbox" && mode == "off" {
		report(global, "agents.defaults")
	}
	for _, a := range s.Config.Agents.All() {
		v, m := a.Tools.Exec.Host, a.Sandbox.Mode.Or(mode)
		switch {
		case m != "off":
		case v.Set && v.V == "sandbox":
			report(v, "agent "+a.ID.V)
		case !v.Set && global.Set && global.V == "sandbox" && mode != "off":
			report(global, "agent "+a.ID.V)
		}
	}
	return verdict(found, "commands are not sent to a sandbox that is off")
}

func elevatedFrom(bad func([]string) bool, suffix string, severity claw.Severity, title string) func(*Subject) Outcome {
	return func(s *Subject) Outcome {
		e := s.Config.Tools.Elevated
		if e.Enabled.Set && !e.Enabled.V || len(e.AllowFrom) == 0 {
			return notApplicable("elevated is off, or names nobody")
		}
		var found []Finding
		for _, x := range e.AllowFrom {
			if bad(config.Strings(x.V)) {
				found = append(found, Finding{CheckID: "tools.elevated.allowFrom." + x.Key + "." + suffix, Severity: severity, Title: title, Where: at(x.V.Ref), Observed: quoted(config.Strings(x.V))})
			}
		}
		return verdict(found, "%d channels", len(e.AllowFrom))
	}
}
