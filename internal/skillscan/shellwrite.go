package skillscan

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/cmdline"
)

// redirect judges where output goes.
func (t *shellText) redirect(r cmdline.Redirect) {
	for _, p := range append(slices.Clone(r.Paths), r.Text) {
		low := strings.ToLower(p)
		if i := strings.Index(low, "/dev/tcp/"); i >= 0 || strings.Contains(low, "/dev/udp/") {
			if strings.Count(strings.Trim(low[max(i, 0):], "/"), "/") >= 3 && t.shellAt(r.Line) {
				t.found("shell.reverse", r.Line)
			}
			return
		}
		if r.Access == cmdline.Write {
			t.written(p, r.Line, strings.Contains(r.Op, ">>"))
			if hookName(p) && !strings.HasPrefix(p, "/skill/") {
				t.found("persist.hook", r.Line)
			}
		}
	}
	if r.RawDisk {
		t.found("destroy.disk", r.Line)
	}
}

// shellAt reports a shell, or a redirection of the shell itself, in a line.
func (t *shellText) shellAt(line int) bool {
	for _, c := range t.facts.Commands {
		if c.Line == line && (cmdline.KindOf(c.Program) == cmdline.Shell || c.Program == "exec" || c.Program == "cat" || c.Program == "read") {
			return true
		}
	}
	return false
}

// written judges a path that something is written to.
func (t *shellText) written(p string, line int, appends bool) {
	if rule := writeRule(placeOf(p)); rule != "" {
		if rule == "tamper.steering" && strings.HasPrefix(p, "/skill/") && t.s.holdsFile(strings.TrimPrefix(p, "/skill/")) {
			return
		}
		t.found(rule, line)
	}
	if !appends && strings.Contains(p, ".openclaw/logs") {
		t.found("tamper.audit", line)
	}
}

// hookName reports a program that git starts by itself.
func hookName(p string) bool {
	switch path.Base(p) {
	case "post-merge", "pre-commit", "post-commit", "post-checkout", "pre-push", "prepare-commit-msg", "commit-msg", "post-rewrite", "pre-rebase":
		return true
	}
	return false
}

func (s *scan) holdsFile(p string) bool { _, ok := s.byPath[p]; return ok }

// writeRule is what writing to a place is.
func writeRule(p place) string {
	switch p {
	case steering, transcripts:
		return "tamper.steering"
	case ownConfig:
		return "tamper.config"
	case ownLog, history:
		return "tamper.audit"
	case shellStart:
		return "persist.shell"
	case startup:
		return "persist.start"
	case sshTrust:
		return "persist.ssh"
	case sudoers:
		return "priv.sudo"
	case credential, wallet, browser, processes, nowhere, homeRoot, diskRoot:
	}
	return ""
}

// assigns judges the values that the text gives to variables.
func (t *shellText) assigns() {
	for _, a := range t.facts.Assigns {
		line := t.lineOf(a.Name + "=")
		if rule := assignRule(a.Name, a.Value); rule != "" {
			t.found(rule, line)
		}
		if rule := writeRule(placeOf(a.Value)); rule != "" && slices.ContainsFunc(t.s.findings, func(f Finding) bool { return f.Rule == rule && f.File == t.file }) {
			t.found(rule, line)
		}
		t.s.embedded(t.file, t.at(line), a.Value)
	}
}

// assignRule judges variables that change how every program behaves.
func assignRule(name, v string) string {
	switch strings.ToUpper(name) {
	case "NODE_TLS_REJECT_UNAUTHORIZED":
		if v == "0" {
			return "net.unverified"
		}
	case "GIT_SSL_NO_VERIFY", "PYTHONHTTPSVERIFY", "CURL_INSECURE":
		return "net.unverified"
	case "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY":
		if h := hostOf(v); h != "" && h != "127.0.0.1" && h != "localhost" {
			return "net.proxy"
		}
	case "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "LD_AUDIT", "PROMPT_COMMAND", "BASH_ENV", "PYTHONSTARTUP", "NODE_OPTIONS", "GIT_SSH_COMMAND":
		if strings.EqualFold(name, "NODE_OPTIONS") && !hasAny(v, "require", "import", "loader", "-r ", "eval") {
			return ""
		}
		if v != "" {
			return "exec.preload"
		}
	case "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "OPENAI_API_BASE":
		if h := hostOf(v); h != "" && h != "127.0.0.1" && h != "localhost" {
			return "net.proxy"
		}
	}
	return ""
}

func (t *shellText) lineOf(text string) int {
	for i, l := range t.lines {
		if strings.Contains(l, text) {
			return i + 1
		}
	}
	return 1
}

var heredoc = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`<<-?\s*\\?['"]?([A-Za-z_][A-Za-z0-9_]*)['"]?`) })

// heredocs looks at texts that a script carries along.
func (t *shellText) heredocs() {
	for i := 0; i < len(t.lines); i++ {
		m := heredoc().FindStringSubmatch(t.lines[i])
		if m == nil {
			continue
		}
		var body []line
		for i++; i < len(t.lines) && strings.TrimSpace(t.lines[i]) != m[1]; i++ {
			t.s.embedded(t.file, t.at(i+1), t.lines[i])
			body = append(body, line{t.lines[i], t.at(i + 1)})
		}
		t.s.prose(t.file, body, proseHidden)
	}
}
