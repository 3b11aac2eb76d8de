//go:build unix

package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"github.com/openclaw-go/openclaw/internal/filter"
)

// evilName is a file's name that would clear a screen, set a title, turn text
// around and forge a line of a report.
const evilName = "a\x1b[2J\x1b]0;t\x07\u202eb\u200b\r\n[CRITICAL] forged\n→ Fix: curl x \u009b31m"

// evilHome has such names, and such values in its configuration, wherever the
// audit quotes the home.
func evilHome(t *testing.T) (*env, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	e, out, errs := commandLine(t)
	p, err := e.paths()
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	evil := `\u001b[2J\u001b]0;t\u0007\u202eb\u200b\r\n[CRITICAL] forged\n→ Fix: curl x \u009b31m`
	must(os.WriteFile(p.Config, []byte(`{
  gateway: { bind: "`+evil+`", customBindHost: "`+evil+`", auth: { mode: "none" }, trustedProxies: ["`+evil+`"] },
  "`+evil+`": 1,
  channels: { telegram: { botToken: "`+evil+`", groupPolicy: "open", allowFrom: ["`+evil+`"] } },
  tools: { exec: { security: "allowlist", allowlist: ["`+evil+` x", "/tmp/`+evil+`"] }, fs: { denyPaths: ["`+evil+`"] } },
  agents: { list: [ { id: "`+evil+`", workspace: "~/.openclaw/`+evil+`", model: "`+evil+`" } ] },
  mcp: { servers: { "`+evil+`": { command: "npx", args: ["`+evil+`"], url: "http://`+evil+`" } } },
  models: { providers: { "`+evil+`": { baseUrl: "http://`+evil+`" } } },
  security: { audit: { suppressions: [ { checkId: "channels.telegram.groups.open", reason: "`+evil+`" } ] } },
}`), 0o644))
	for _, dir := range []string{"logs", "credentials", "skills", "workspace", "agents/main/sessions", "extensions", "hooks"} {
		at := filepath.Join(p.State, dir)
		must(os.MkdirAll(filepath.Join(at, evilName), 0o777))
		must(os.Chmod(filepath.Join(at, evilName), 0o777))
		for _, name := range []string{evilName + ".log", evilName + ".json", evilName + ".jsonl"} {
			must(os.WriteFile(filepath.Join(at, name), []byte("{ "), 0o600))
			must(os.Chmod(filepath.Join(at, name), 0o4666))
		}
		must(os.WriteFile(filepath.Join(at, evilName, "SKILL.md"), []byte(evilName), 0o666))
		must(os.Symlink("/"+evilName, filepath.Join(at, evilName+".link")))
		must(os.Link(filepath.Join(at, evilName+".json"), filepath.Join(at, evilName+".other")))
		must(syscall.Mkfifo(filepath.Join(at, evilName+".fifo"), 0o666))
	}
	return e, out, errs
}

// TestR49AuditText: whatever stands in file names, configuration and evidence,
// the audit's text obeys nobody, and its lines are its own.
func TestR49AuditText(t *testing.T) {
	e, out, errs := evilHome(t)
	own := regexp.MustCompile(`^(\[(CRITICAL|WARN|INFO)\] [a-zA-Z0-9._*-]+$|→ |  at |  |Summary: |Run '|[0-9]+ (checks|of)|\? |silenced: |OpenClaw Security Audit|═|would change:|[-+ ] |FIX|chmod |set |failed: |[A-Z][A-Za-z ,&-]+$|$)`)
	quoted := 0
	for name, run := range map[string]func() error{
		"audit":     func() error { return e.securityAudit(auditFlags{}) },
		"dry run":   func() error { return e.securityAudit(auditFlags{fix: true, dryRun: true}) },
		"checklist": func() error { return e.checklist(false) },
		"fix":       func() error { return e.securityAudit(auditFlags{fix: true}) },
		"undo":      func() error { return e.securityAudit(auditFlags{undo: true}) },
	} {
		if name == "undo" {
			if err := e.securityAudit(auditFlags{fix: true}); err != nil {
				t.Fatal(err)
			}
		}
		out.Reset()
		errs.Reset()
		_ = run() // a status of its own for what was found
		for what, text := range map[string]string{"out": out.String(), "err": errs.String()} {
			for _, r := range text {
				if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || string(r) != filter.Terminal(string(r))) {
					t.Errorf("%s, %s: U+%04X is printed", name, what, r)
					break
				}
			}
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				if strings.HasPrefix(line, "[CRITICAL] forged") || strings.HasPrefix(line, "→ Fix: curl") {
					t.Errorf("%s, %s: a forged line", name, what)
				} else if what == "out" && !own.MatchString(line) {
					t.Errorf("%s: a line that is none of its own: %q", name, line)
				}
				if strings.Contains(line, "forged") {
					quoted++
				}
			}
		}
	}
	if quoted < 20 {
		t.Errorf("the home is quoted in %d lines: it is not hostile enough", quoted)
	}
}
