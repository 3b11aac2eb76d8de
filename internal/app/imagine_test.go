package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/answer"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// TestR68NoToolAnswersAboutPolicy: a model is told a rule when it is refused,
// and has no tool to look for holes.
func TestR68NoToolAnswersAboutPolicy(t *testing.T) {
	w := Answers(configfile.Paths{Home: "/home/u", State: "/home/u/.openclaw", Config: "/home/u/.openclaw/openclaw.json"}, config.Default())
	if len(w.Built) == 0 {
		t.Fatal("no tools")
	}
	for _, name := range w.Built {
		for _, word := range []string{"policy", "explain", "audit", "sandbox", "security", "config"} {
			if strings.Contains(string(name), word) {
				t.Errorf("tool %q answers about %s", name, word)
			}
		}
	}
}

// TestAnswersCountStoredApprovals: what stands beside the configuration is
// part of the answer, a stricter word of it too; what cannot be used closes.
func TestAnswersCountStoredApprovals(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := configfile.Paths{Home: dir, State: filepath.Join(dir, "state"), Config: filepath.Join(dir, "state", "openclaw.json")}
	if err := os.Mkdir(p.State, 0o700); err != nil {
		t.Fatal(err)
	}
	c, ps := config.ParseBytes("openclaw.json", []byte(`{tools: {profile: "minimal", alsoAllow: ["exec"], exec: {security: "allowlist", ask: "on-miss", allowlist: ["ls"]}}}`), nil)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, document string
		mode           os.FileMode
		uname, ls      policy.Verdict
	}{
		{"nothing stands", "", 0, policy.Ask, policy.Allow},
		{"an entry", `{"version": 1, "agents": {"main": {"allowlist": [{"pattern": "/usr/bin/uname"}]}}}`, 0o600, policy.Allow, policy.Allow},
		{"a stricter word", `{"version": 1, "agents": {"main": {"security": "deny"}}}`, 0o600, policy.Deny, policy.Deny},
		{"no document", `{"version": 1`, 0o600, policy.Deny, policy.Deny},
		{"others can write it", `{"version": 1}`, 0o666, policy.Deny, policy.Deny},
	} {
		file := filepath.Join(p.State, "exec-approvals.json")
		if x.document != "" {
			if err := os.WriteFile(file, []byte(x.document), x.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, x.mode); err != nil {
				t.Fatal(err)
			}
		}
		w := Answers(p, c)
		who, err := w.Who("cli")
		if err != nil {
			t.Fatal(err)
		}
		for line, want := range map[string]policy.Verdict{"/usr/bin/uname -a": x.uname, "ls": x.ls} {
			if a := w.Can(answer.Question{Who: who, What: answer.Goal{Kind: answer.Run, Arg: line}}); a.Verdict != want {
				t.Errorf("%s: run %s is %s, want %s: %v %v", x.name, line, a.Verdict, want, a.Path, a.Blocked)
			}
		}
	}
}
