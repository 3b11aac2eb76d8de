//go:build linux

package app

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
)

// fullHome has a file at every place that the survey knows.
func fullHome(t *testing.T) (home string, files []string) {
	t.Helper()
	home = t.TempDir()
	if err := os.Chmod(home, 0o750); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"openclaw.json": "{ gateway: { auth: { token: \"9f2c71d05be84a6ab3d2e8f17c60594ad1b7e3f2\" } },\n $include: \"./more.json\" }",
		"more.json":     "{ logging: { level: \"info\" } }",
		".env":          "A=1\n", "secrets.json": "{}", "exec-approvals.json": "{}", "openclaw.json.bak": "{}",
		"credentials/telegram-allowFrom.json": "{}", "credentials/whatsapp/main/creds.json": "{}",
		"agents/main/agent/auth-profiles.json": "{}", "agents/main/sessions/sessions.json": "{}", "agents/main/sessions/a.jsonl": "{}\n",
		"logs/gateway.log": "x\n", "identity/device.json": "{}", "devices/paired.json": "{}", "cron/jobs.json": "{}",
		"hooks/x/package.json": "{}", "hooks/x/handler.js": "1\n", "extensions/x/package.json": "{}", "extensions/x/index.js": "1\n",
		"skills/x/SKILL.md": "text\n", "memory/main.sqlite": "x", "oauth/telegram.json": "{}", "gateway.env": "A=1\n", "vault.age": "x", "nodes/nodes.json": "{}", "logs/audit.log": "{}\n",
		"state/openclaw.sqlite": "x", "config-backups/1.json5": "{}", "agents/main/agent/store.sqlite": "x", "agents/main/sessions/sessions.log": "{}\n",
		"hooks/x/notes.txt": "1\n", "devices/pending.json": "{}", "identity/device-auth.json": "{}", "cron/runs/a.jsonl": "{}\n", "docker-compose.yml": "services: { openclaw: { image: openclaw } }\n", "workspace/AGENTS.md": "text\n", "workspace/skills/y/SKILL.md": "text\n", "workspace/notes.md": "text\n",
	} {
		p := filepath.Join(home, ".openclaw", name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	return home, files
}

// mentioned reports whether a finding, or a check that could not be made,
// names the file.
func mentioned(r audit.Report, name string) bool {
	for _, f := range r.Findings {
		if strings.Contains(f.Where.File, name) || strings.Contains(f.Detail, name) {
			return true
		}
	}
	return false
}

// TestBadFiles: whatever stands in a file's place, the audit ends soon and
// names it.
func TestBadFiles(t *testing.T) {
	put := map[string]func(p string) error{
		"directory":    func(p string) error { return os.Mkdir(p, 0o700) },
		"fifo":         func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"sparse":       func(p string) error { return os.WriteFile(p, nil, 0o600) },
		"link loop":    func(p string) error { return os.Symlink(p, p) },
		"link nowhere": func(p string) error { return os.Symlink("/nonexistent/x", p) },
		"other owner":  func(p string) error { return os.WriteFile(p, []byte("{}"), 0o600) },
		"socket": func(p string) error {
			short := filepath.Join("/proc/self/cwd", filepath.Base(p)) // socket names are short
			wd, err := os.Getwd()
			if err != nil {
				return err
			}
			if err := os.Chdir(filepath.Dir(p)); err != nil {
				return err
			}
			defer func() { _ = os.Chdir(wd) }()
			l, err := net.Listen("unix", short)
			if err != nil {
				return err
			}
			l.(*net.UnixListener).SetUnlinkOnClose(false)
			return l.Close()
		},
	}
	for kind, make := range put {
		t.Run(kind, func(t *testing.T) {
			home, files := fullHome(t)
			for _, name := range files {
				p := filepath.Join(home, ".openclaw", name)
				old, err := os.ReadFile(p)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Remove(p); err != nil {
					t.Fatal(err)
				}
				if err := make(p); err != nil {
					t.Fatal(err)
				}
				switch kind {
				case "sparse":
					err = os.Truncate(p, 1<<30)
				case "other owner":
					err = os.Lchown(p, 65534, 65534)
				}
				if err != nil {
					t.Fatal(err)
				}
				done := time.AfterFunc(time.Minute, func() { panic(fmt.Sprintf("%s as %s: the audit hangs", name, kind)) })
				r := auditOf(t, home)
				done.Stop()
				if !mentioned(r, filepath.Base(name)) {
					t.Errorf("%s as %s: no finding names it", name, kind)
				}
				if err := os.RemoveAll(p); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(p, old, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// tree is everything beneath a directory: modes, times, owners, content.
func tree(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&b, "%s %v %v %d:%d %d\n", p, info.Mode(), info.ModTime(), st.Uid, st.Gid, info.Size())
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			b.Write(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestAuditTouchesNothing: the home is the same before and after, whosever it
// is.
func TestAuditTouchesNothing(t *testing.T) {
	home, _ := fullHome(t)
	homes := []string{home}
	for _, name := range []string{"08-open-groups", "36-fs-blind-spots", "38-broken-json", "25-includes"} {
		if c := corpusHomes(t)[name]; c != nil {
			homes = append(homes, c.lay(t))
		}
	}
	if len(homes) < 3 {
		t.Fatal("the corpus has other names")
	}
	for _, h := range homes {
		before := tree(t, h)
		auditOf(t, h)
		if after := tree(t, h); after != before {
			t.Errorf("%s changed:\n%s\nwas\n%s", h, after, before)
		}
	}
}
