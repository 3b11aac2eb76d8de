package audit

import (
	"strings"
	"testing"
)

func TestCommandOf(t *testing.T) {
	for advice, want := range map[string]string{
		`Set gateway.bind: "loopback" or enable gateway.auth`:                           "openclaw config set gateway.bind loopback",
		`Set tools.loopDetection.enabled: true`:                                         "openclaw config set tools.loopDetection.enabled true",
		`Set tools.fs.denyPaths: ["/etc", "/home/*/.ssh"]`:                              `openclaw config set tools.fs.denyPaths '["/etc", "/home/*/.ssh"]'`,
		`Set security.nightly: { enabled: true, at: "03:00" }, or use the guide's cron`: `openclaw config set security.nightly '{ enabled: true, at: "03:00" }'`,
		"openclaw gateway token --rotate, or openssl rand -hex 32":                      "openclaw gateway token --rotate",
		"openclaw sandbox test says what the kernel lacks":                              "openclaw sandbox test",
		"chmod 600 ~/.openclaw/openclaw.json":                                           "chmod 600 ~/.openclaw/openclaw.json",
		`Set groupPolicy: "allowlist"`:                                                  "", // which one it is the place says
		"Set tools.exec.security to \"allowlist\" or \"deny\"":                          "",
		"openclaw pairing approve CHANNEL CODE --owner":                                 "",
		"chmod u-s,g-s FILE":                                                            "",
		"use the real file, or OPENCLAW_CONFIG_PATH":                                    "",
		"chmod 600 ~/.openclaw/a;rm -rf ~":                                              "",
		"chmod 600 ~/.openclaw/$(id)":                                                   "",
		"chmod 600 ~/.openclaw/a\nid":                                                   "",
		"chmod 600 ~/.openclaw/\u202egpj.sh":                                            "",
		`Set tools.x: "a'; id; '"`:                                                      "",
		"":                                                                              "",
	} {
		if got := CommandOf(advice); got != want {
			t.Errorf("%q: %q, expected %q", advice, got, want)
		}
	}
}

// A file's name does not run when the advice is pasted into a shell.
func TestShellWord(t *testing.T) {
	for path, want := range map[string]string{
		"~/.openclaw/a.log":      "~/.openclaw/a.log",
		"~/.openclaw/a b.log":    "~/'.openclaw/a b.log'",
		"/tmp/$(id);`id`":        "'/tmp/$(id);`id`'",
		"/tmp/it's && id #":      `'/tmp/it'\''s && id #'`,
		"~/.openclaw/x\nid":      "~/'.openclaw/x\nid'",
		"~/.openclaw/~root/a*.b": "~/'.openclaw/~root/a*.b'",
	} {
		if got := shellWord(path); got != want {
			t.Errorf("%q: %s, expected %s", path, got, want)
		}
	}
}

// FuzzCommandOf: whatever a home's names put into advice, a command is one
// line of plain words.
func FuzzCommandOf(f *testing.F) {
	f.Add(`Set a.b: ["x"]`)
	f.Add("chmod 600 /x")
	f.Fuzz(func(t *testing.T, advice string) {
		got := CommandOf(advice)
		outer := got
		if i, j := strings.IndexByte(got, '\''), strings.LastIndexByte(got, '\''); i >= 0 {
			if i == j || strings.Contains(got[i+1:j], "'") || j != len(got)-1 {
				t.Errorf("%q: quotes in %q", advice, got)
			}
			outer = got[:i]
		}
		if strings.ContainsAny(outer, "`$;&|<>()\n\"\\*?![]{}#") || strings.ContainsAny(got, "\n\r\x1b") {
			t.Errorf("%q: %q", advice, got)
		}
	})
}
