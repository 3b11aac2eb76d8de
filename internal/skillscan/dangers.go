package skillscan

import (
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/skillscan/lang"
)

// dangers judges a command by what it does to the machine, the gateway and
// what starts by itself.
func (t *shellText) dangers(c *cmdline.Command) {
	words := texts(c)
	args := strings.Join(words[min(1, len(words)):], " ")
	has := func(w ...string) bool {
		return slices.ContainsFunc(w, func(x string) bool { return slices.Contains(words, x) })
	}
	if rule := deletion(c); rule != "" {
		t.found(rule, c.Line)
	}
	switch c.Program {
	case "crontab":
		if !has("-l", "-e") && !(has("-r") && len(words) == 2) && (len(words) > 1 || len(c.Upstream) > 0) {
			t.found("persist.start", c.Line)
		}
	case "systemctl":
		if has("enable") {
			t.s.enables = append(t.s.enables, Finding{File: t.file, Line: t.at(c.Line), Evidence: t.evidence(c.Line)})
		}
	case "launchctl":
		if has("load", "bootstrap", "submit") {
			t.found("persist.start", c.Line)
		}
	case "schtasks", "schtasks.exe":
		if strings.Contains(strings.ToLower(args), "/create") {
			t.found("persist.start", c.Line)
		}
	case "git":
		t.git(c, words)
	case "usermod", "gpasswd", "adduser", "dseditgroup":
		if has("docker", "sudo", "wheel", "root", "admin", "lxd") {
			t.found("priv.sudo", c.Line)
		}
	case "setcap":
		t.found("priv.setuid", c.Line)
	case "chmod":
		if len(words) > 2 && (strings.Contains(args, "+s") || strings.HasPrefix(words[1], "4") && len(words[1]) == 4 || strings.HasPrefix(words[1], "2") && len(words[1]) == 4) {
			t.found("priv.setuid", c.Line)
		}
		if recursive(c) && slices.ContainsFunc(append(t.reads(c), t.writes(c)...), func(p string) bool { return placeOf(p) == diskRoot || placeOf(p) == homeRoot || p == "/" }) {
			t.found("destroy.tree", c.Line)
		}
	case "sudo":
		if has("-S", "--stdin") {
			t.found("priv.password", c.Line)
		}
	case "docker", "podman", "nerdctl":
		if has("run", "create", "exec") && (has("--privileged") || strings.Contains(args, "docker.sock") || strings.Contains(args, "-v /:") || strings.Contains(args, "--volume /:") || strings.Contains(args, "source=/,") || strings.Contains(args, "--pid=host")) {
			t.found("priv.container", c.Line)
		}
	case "nsenter":
		t.found("priv.container", c.Line)
	case "vssadmin", "wbadmin", "bcdedit":
		t.found("destroy.tree", c.Line)
	case "osascript":
		if strings.Contains(args, "hidden answer") || strings.Contains(args, "administrator privileges") {
			t.found("priv.password", c.Line)
		}
	}
	t.guards(c, words, args)
	t.reverse(c, words, args)
	for _, p := range t.writesOnly(c) {
		t.written(p, c.Line, true)
	}
}

// guards judges what a command does to the guards of the system and of the
// gateway.
func (t *shellText) guards(c *cmdline.Command, words []string, args string) {
	has := func(w ...string) bool {
		return slices.ContainsFunc(w, func(x string) bool { return slices.Contains(words, x) })
	}
	switch c.Program {
	case "ufw", "setenforce", "iptables", "spctl", "csrutil", "auditctl", "firewall-cmd":
		if has("disable", "0", "-F", "--flush", "--master-disable", "-e", "reset", "stop") && !has("status") {
			t.found("tamper.guard", c.Line)
		}
	case "xattr":
		if strings.Contains(args, "com.apple.quarantine") || has("-c", "-cr") {
			t.found("tamper.guard", c.Line)
		}
	case "history":
		if has("-c") {
			t.found("tamper.audit", c.Line)
		}
	case "openclaw", "clawdbot":
		if rule := ownCommand(words); rule != "" {
			t.found(rule, c.Line)
		}
	case "ssh", "autossh":
		if has("-R") || slices.ContainsFunc(words, func(w string) bool {
			return strings.HasPrefix(w, "-R") || strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--") && strings.HasSuffix(w, "R") && len(w) < 8
		}) {
			t.found("net.tunnel", c.Line)
		}
	case "chisel", "frpc", "gs-netcat", "gsocket", "sshuttle":
		t.found("net.tunnel", c.Line)
	}
}

// writesOnly are the files a command writes by its words.
func (t *shellText) writesOnly(c *cmdline.Command) []string {
	if c.Program == "rm" || c.Program == "shred" || c.Program == "mkdir" || c.Program == "unlink" || c.Program == "chmod" || c.Program == "rmdir" || c.Program == "touch" {
		return nil
	}
	var out []string
	for _, f := range c.Files {
		if f.Access == cmdline.Write {
			out = append(out, f.Paths...)
		}
	}
	return out
}

// deletion judges what a command removes.
func deletion(c *cmdline.Command) string {
	if c.Program != "rm" && c.Program != "shred" && c.Program != "unlink" && c.Program != "find" && c.Program != "truncate" && c.Program != "wipe" && c.Program != "srm" {
		if strings.HasPrefix(c.Program, "mkfs") {
			return "destroy.disk"
		}
		if len(c.RawDisk) > 0 && c.Program != "dd" {
			return "destroy.disk"
		}
		return ""
	}
	for _, f := range c.Files {
		for _, p := range f.Paths {
			switch placeOf(p) {
			case ownLog, history:
				return "tamper.audit"
			case homeRoot, diskRoot:
				if recursive(c) && c.Program != "find" || c.Program == "shred" || c.Program == "find" && hasWord(c, "-delete") {
					return "destroy.tree"
				}
			case ownConfig, transcripts:
				return "tamper.config"
			case nowhere, credential, wallet, browser, processes, steering, shellStart, startup, sshTrust, sudoers:
			}
			if (p == "/" || p == "/*" || p == fakeHome || p == fakeHome+"/*") && recursive(c) && c.Program != "find" {
				return "destroy.tree"
			}
			if strings.HasPrefix(p, fakeHome+"/") && recursive(c) && c.Program != "find" && userFolder(p[len(fakeHome)+1:]) {
				return "destroy.tree"
			}
		}
	}
	return ""
}

// recursive reports a deletion, or a change of modes, of all that lies below.
func recursive(c *cmdline.Command) bool {
	return c.DeletesTree || slices.ContainsFunc(c.Argv, func(w cmdline.Word) bool {
		return w.Text == "--recursive" || strings.HasPrefix(w.Text, "-") && !strings.HasPrefix(w.Text, "--") && strings.ContainsAny(w.Text, "rR")
	})
}

func userFolder(p string) bool {
	switch strings.TrimSuffix(p, "/*") {
	case "Documents", "Desktop", "Pictures", "Downloads", "Music", "Movies", "Videos", "Library", ".ssh", ".config", ".openclaw":
		return true
	}
	return false
}

func hasWord(c *cmdline.Command, w string) bool {
	return slices.ContainsFunc(c.Argv, func(x cmdline.Word) bool { return x.Text == w })
}

// git judges settings by which git runs programs later.
func (t *shellText) git(c *cmdline.Command, words []string) {
	if !slices.Contains(words, "config") {
		if slices.Contains(words, "push") && t.addsSecrets() {
			t.found("flow.secret", c.Line)
		}
		return
	}
	for i, w := range words {
		low := strings.ToLower(w)
		value := strings.Join(words[i+1:], " ")
		switch {
		case low == "core.hookspath" || low == "core.fsmonitor" || low == "core.sshcommand" || low == "init.templatedir":
			t.found("persist.start", c.Line)
		case (low == "core.pager" || low == "core.editor" || strings.HasPrefix(low, "alias.") || low == "credential.helper" || strings.HasPrefix(low, "filter.")) && (strings.ContainsAny(value, "|;&") || strings.HasPrefix(value, "!")):
			t.found("persist.start", c.Line)
		case low == "http.sslverify" && (value == "false" || value == "0"):
			t.found("net.unverified", c.Line)
		case strings.HasPrefix(low, "url.") && strings.HasSuffix(low, ".insteadof") && elsewhere(low[len("url."):len(low)-len(".insteadof")], value):
			t.found("net.proxy", c.Line)
		case low == "http.proxy" && hostOf(value) != "":
			t.found("net.proxy", c.Line)
		}
	}
}

// elsewhere reports an address that takes the place of another machine's.
func elsewhere(to, from string) bool {
	host := hostOf(to)
	if _, h, ok := strings.Cut(to, "@"); ok && host == "" {
		host, _, _ = strings.Cut(h, ":")
	}
	return host != "" && !strings.Contains(strings.ToLower(from), host)
}

// addsSecrets reports that files of secrets are put into a commit.
func (t *shellText) addsSecrets() bool {
	for i := range t.facts.Commands {
		c := &t.facts.Commands[i]
		if c.Program == "git" && hasWord(c, "add") && slices.ContainsFunc(c.Argv, func(w cmdline.Word) bool {
			return slices.ContainsFunc(append(w.Values(), w.Raw), func(v string) bool { return dotenv(v) || placeOf(v).secret() })
		}) {
			t.found("flow.secret", c.Line)
			return true
		}
	}
	return false
}

// ownCommand judges commands of the gateway's own.
func ownCommand(words []string) string {
	if len(words) < 2 {
		return ""
	}
	switch words[1] {
	case "config":
		if len(words) > 3 && (words[2] == "set" || words[2] == "unset") && (guardKey(words[3]) || softKey(words[3]) && weakens(words[3], strings.Join(words[4:], " "))) {
			return "tamper.config"
		}
	case "approvals", "approve":
		if len(words) > 2 && (words[2] == "approve" || words[2] == "allowlist" || words[2] == "set") {
			return "tamper.config"
		}
	case "pairing", "devices":
		if len(words) > 2 && words[2] == "approve" && slices.ContainsFunc(words[3:], func(w string) bool {
			return len(w) > 3 && !strings.HasPrefix(w, "-") && !strings.ContainsAny(w, "<>${}[]") && w != "telegram" && w != "discord" && w != "slack" && w != "whatsapp" && w != "signal" && w != strings.ToUpper(w[:1])+w[1:] || w == "--all" || w == "--yes"
		}) {
			return "tamper.config"
		}
	case "policy":
		if len(words) > 2 && words[2] == "trust" {
			return "tamper.config"
		}
	case "sandbox", "gateway", "journal":
		if slices.Contains(words, "disable") || slices.Contains(words, "--allow-root") || slices.Contains(words, "--dangerously-skip-auth") {
			return "tamper.config"
		}
	}
	return ""
}

// guardKey names the keys that hold a gateway's guards.
func guardKey(k string) bool {
	for _, p := range [...]string{"tools.exec", "tools.elevated", "tools.profile", "tools.allow", "tools.deny", "tools.fs", "tools.flow", "tools.egress", "gateway.", "logging", "security", "approvals", "commands.", "sandbox", "session."} {
		if strings.HasPrefix(k, p) {
			return true
		}
	}
	return false
}

// softKey names settings that a guide may well explain; what they are set to
// decides.
func softKey(k string) bool {
	for _, p := range [...]string{"skills.", "hooks", "models.", "secrets", "channels.", "agents.", "plugins"} {
		if strings.HasPrefix(k, p) {
			return true
		}
	}
	return false
}

// weakens reports a value that opens something, or leads to another machine.
func weakens(key, value string) bool {
	low, v := strings.ToLower(key), strings.ToLower(value)
	return strings.Contains(v, "*") || hasToken(v, "open") || hasToken(v, "full") || strings.Contains(v, "0.0.0.0") || strings.HasSuffix(low, "baseurl") && strings.Contains(v, "://") || hasAny(low, "policy", "allowlist", "tools", "sandbox", "exec", "hooks") || (v == "off" || v == "false") && !strings.HasSuffix(low, "enabled")
}

// reverse finds a shell that is tied to a connection.
func (t *shellText) reverse(c *cmdline.Command, words []string, args string) {
	switch c.Program {
	case "nc", "ncat", "netcat", "nc.traditional":
		runs := false
		for i, w := range words {
			if strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--") && strings.ContainsAny(w, "ec") && i+1 < len(words) && cmdline.KindOf(words[i+1]) == cmdline.Shell || strings.HasPrefix(w, "--exec") || strings.HasPrefix(w, "--sh-exec") {
				runs = true
			}
		}
		if runs || t.shellUpstream(c) || t.shellDownstream(c) {
			t.found("shell.reverse", c.Line)
		}
	case "socat":
		low := strings.ToLower(args)
		if strings.Contains(low, "exec:") || strings.Contains(low, "system:") {
			t.found("shell.reverse", c.Line)
		}
	case "openssl", "telnet":
		if t.shellUpstream(c) || t.shellDownstream(c) {
			t.found("shell.reverse", c.Line)
		}
	}
}

func (t *shellText) shellUpstream(c *cmdline.Command) bool {
	return slices.ContainsFunc(c.Upstream, func(u int) bool { return cmdline.KindOf(t.facts.Commands[u].Program) == cmdline.Shell })
}

func (t *shellText) shellDownstream(c *cmdline.Command) bool {
	for i := range t.facts.Commands {
		o := &t.facts.Commands[i]
		if cmdline.KindOf(o.Program) == cmdline.Shell && slices.ContainsFunc(o.Upstream, func(u int) bool { return &t.facts.Commands[u] == c }) {
			return true
		}
	}
	return false
}

// supply judges where packages come from.
func (t *shellText) supply(c *cmdline.Command) {
	words := texts(c)
	if len(words) < 2 {
		return
	}
	verb := words[1]
	option := func(names ...string) (string, bool) {
		for i, w := range words {
			name, v, joined := strings.Cut(w, "=")
			if slices.Contains(names, name) {
				if !joined && i+1 < len(words) {
					v = words[i+1]
				}
				return v, true
			}
		}
		return "", false
	}
	switch c.Program {
	case "npm", "pnpm", "yarn", "bun":
		if v, ok := option("--registry"); ok && strings.ContainsAny(v, ".:") && v != "https://registry.npmjs.org" && v != "https://registry.npmjs.org/" {
			t.found("supply.registry", c.Line)
		}
		if verb == "config" && slices.Contains(words, "registry") {
			t.found("supply.registry", c.Line)
		}
		if verb == "install" || verb == "i" || verb == "add" {
			t.packages(c, words[2:])
		}
		if verb == "exec" || verb == "dlx" || verb == "x" {
			t.unpinned(c, words[2:])
		}
	case "pip", "pip3", "uv", "pipx":
		if v, ok := option("--index-url", "-i", "--extra-index-url", "--trusted-host", "--index", "--find-links", "-f"); ok && (strings.Contains(v, "://") || strings.Contains(v, ".")) && !strings.Contains(v, "//pypi.org/") && !strings.Contains(v, "//download.pytorch.org/") {
			t.found("supply.registry", c.Line)
		}
		if i := slices.Index(words, "install"); i > 0 {
			t.packages(c, words[i+1:])
		}
		if c.Program == "pipx" && verb == "run" {
			t.unpinned(c, words[2:])
		}
	case "python3", "python":
		if i := slices.Index(words, "install"); i > 0 && slices.Contains(words, "pip") {
			t.packages(c, words[i+1:])
		}
	case "gem", "cargo":
		if v, ok := option("--source", "-s", "--registry", "--index"); ok && strings.Contains(v, "://") && !strings.Contains(v, "rubygems.org") {
			t.found("supply.registry", c.Line)
		}
		if verb == "install" {
			t.packages(c, words[2:])
		}
	case "npx", "bunx", "pnpx", "uvx":
		t.unpinned(c, words[1:])
	case "go":
		if verb == "run" && len(words) > 2 && strings.Contains(words[2], "@latest") {
			t.found("supply.unpinned", c.Line)
		}
	case "deno", "node":
		if slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "https://") || strings.HasPrefix(w, "http://") }) && (verb == "run" || c.Program == "node") {
			t.found("exec.download", c.Line)
		}
	}
}

// packages judges the names of what is installed.
func (t *shellText) packages(c *cmdline.Command, words []string) {
	for i, w := range words {
		if strings.HasPrefix(w, "-") || i > 0 && strings.HasPrefix(words[i-1], "--") && !strings.Contains(words[i-1], "=") {
			continue
		}
		if strings.HasPrefix(w, "http://") || strings.HasPrefix(w, "git+http://") {
			t.found("supply.registry", c.Line)
		} else if strings.Contains(w, "://") {
			t.found("supply.url", c.Line)
		}
		name := strings.ToLower(packageName(w))
		if like := misspelled(name); like != "" {
			t.s.found("supply.lookalike", t.file, t.at(c.Line), name+" resembles "+like)
		}
	}
}

func packageName(w string) string {
	at := strings.LastIndexByte(w, '@')
	if at > 0 {
		w = w[:at]
	}
	if i := strings.IndexAny(w, "=<>~[!"); i > 0 {
		w = w[:i]
	}
	return w
}

// unpinned judges runners that fetch what is published by then.
func (t *shellText) unpinned(c *cmdline.Command, words []string) {
	yes := false
	for _, w := range words {
		if strings.HasPrefix(w, "-") {
			yes = yes || w == "-y" || w == "--yes"
			continue
		}
		if like := misspelled(strings.ToLower(packageName(w))); like != "" {
			t.s.found("supply.lookalike", t.file, t.at(c.Line), w+" resembles "+like)
		}
		at := strings.LastIndexByte(w, '@')
		if at <= 0 && !strings.Contains(w, "==") && !strings.HasPrefix(w, ".") || at > 0 && w[at+1:] == "latest" {
			if yes || at > 0 {
				t.found("supply.unpinned", c.Line)
			} else {
				t.found("supply.open", c.Line)
			}
		}
		return
	}
}

// inline reads programs that stand in a command's words.
func (t *shellText) inline(c *cmdline.Command) {
	var l lang.Language
	flags := "-c"
	switch {
	case strings.HasPrefix(c.Program, "python"):
		l = lang.Python
	case c.Program == "node" || c.Program == "deno" || c.Program == "bun":
		l, flags = lang.JavaScript, "-e -p --eval --print -pe eval"
	case c.Program == "ruby":
		l, flags = lang.Ruby, "-e"
	case c.Program == "perl":
		l, flags = lang.Perl, "-e -E -ne -pe -MIO -Mre"
	case c.Program == "php":
		l, flags = lang.PHP, "-r"
	case c.Program == "pwsh" || c.Program == "powershell" || c.Program == "powershell.exe":
		t.s.powershell(t.file, t.at(c.Line)-1, strings.Join(texts(c), " "))
		return
	default:
		return
	}
	for i, w := range c.Argv {
		if i+1 < len(c.Argv) && slices.Contains(strings.Fields(flags), w.Text) {
			t.s.code(t.file, t.at(c.Line)-1, c.Argv[i+1].Text, l, t.auto)
		}
	}
}
