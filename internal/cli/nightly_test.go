package cli_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ownScript does what the guide's does, where the guide's text is not at hand.
const ownScript = `#!/bin/bash
set -u
dir=$HOME/.openclaw/security-reports
mkdir -p "$dir"
report=$dir/audit-$(date +%F).json
openclaw security audit --deep --json >"$report"
n=$(jq '[.findings[] | select(.severity == "critical")] | length' "$report")
[ "$n" -eq 0 ] || curl -s -d "text=$n critical issues found" https://alerts.invalid/
echo "Audit complete. Report: $report"
`

// guideScript is the guide's nightly script, word for word, when the guide
// lies beside the repository.
func guideScript(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "guide.txt"))
	if errors.Is(err, fs.ErrNotExist) {
		return ownScript
	}
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(b), "#!/bin/bash\n# /root/scripts/nightly-security-audit.sh")
	body, _, ok2 := strings.Cut(after, "# Add to crontab")
	if !ok || !ok2 {
		t.Fatal("the guide's nightly script was not found")
	}
	return "#!/bin/bash\n" + body
}

// TestNightlyScript runs the guide's script with cron's short environment: it
// counts criticals, also when the configuration is broken, and alerts.
func TestNightlyScript(t *testing.T) {
	script := guideScript(t)
	bin := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	if err := os.Symlink(exe, filepath.Join(bin, "openclaw")); err != nil { // the test binary is the program by that name
		t.Fatal(err)
	}
	write(filepath.Join(bin, "curl"), "#!/bin/sh\nprintf '%s\\n' \"$@\" >>\"$HOME/curl.out\"\n")
	write(filepath.Join(bin, "nightly.sh"), script)
	for name, c := range map[string]struct {
		config string
		alert  bool
	}{
		"hardened": {`{ gateway: { port: 9, auth: { mode: "token", token: "4f1d8f2b7c6a5e3d9b0c1a2f3e4d5c6b7a8f9e0d" } }, tools: { profile: "messaging", exec: { security: "deny" } } }`, false},
		"open":     {`{ gateway: { port: 9, bind: "lan", auth: { mode: "none" } } }`, true},
		"broken":   {`{ gateway: { port: 9, bind: "lan",, }`, true},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			state := filepath.Join(home, ".openclaw")
			if err := os.Mkdir(state, 0o700); err != nil {
				t.Fatal(err)
			}
			write(filepath.Join(state, "openclaw.json"), c.config)
			if err := os.Chmod(filepath.Join(state, "openclaw.json"), 0o600); err != nil {
				t.Fatal(err)
			}
			write(filepath.Join(state, "home.json"), `{"format":"openclaw-go","version":1}`)
			cmd := exec.Command("/bin/bash", filepath.Join(bin, "nightly.sh"))
			cmd.Env = []string{"HOME=" + home, "PATH=" + bin + ":/usr/bin:/bin", "TELEGRAM_BOT_TOKEN=1:x", "ADMIN_CHAT_ID=7"}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "Audit complete. Report: ") {
				t.Fatalf("%v: %s", err, out)
			}
			found, err := filepath.Glob(filepath.Join(state, "security-reports", "audit-*.json"))
			if err != nil || len(found) != 1 {
				t.Fatalf("%v, %v", found, err)
			}
			b, err := os.ReadFile(found[0])
			if err != nil {
				t.Fatal(err)
			}
			var r struct {
				Summary  struct{ Critical int }
				Findings []struct{ Severity string }
			}
			if err := json.Unmarshal(b, &r); err != nil {
				t.Fatalf("%v: %s", err, b)
			}
			n := 0
			for _, f := range r.Findings {
				if f.Severity == "critical" {
					n++
				}
			}
			sent, err := os.ReadFile(filepath.Join(home, "curl.out"))
			if alerted := err == nil; alerted != c.alert || n != r.Summary.Critical || (n > 0) != c.alert {
				t.Errorf("alert %v, %d critical findings, %d in the summary; curl: %s", alerted, n, r.Summary.Critical, sent)
			}
			if c.alert && !strings.Contains(string(sent), "critical issues found") {
				t.Errorf("curl was given %s", sent)
			}
		})
	}
}
