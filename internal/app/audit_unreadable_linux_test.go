package app

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// envHomes hands homes to the test's own process, which audits them as another
// user.
const envHomes = "APP_TEST_HOMES"

// TestAuditAsAnother is no test of its own: TestUnreadableFiles starts it.
func TestAuditAsAnother(t *testing.T) {
	list := os.Getenv(envHomes)
	if list == "" {
		return
	}
	if err := os.Chdir("/"); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := syscall.Setgroups(nil); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setgid(nobody); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setuid(nobody); err != nil {
			t.Fatal(err)
		}
	}
	out := map[string]audit.Report{}
	for _, home := range strings.Split(list, ":") {
		out[home] = auditOf(t, home)
	}
	if err := json.NewEncoder(os.NewFile(3, "answer")).Encode(out); err != nil {
		t.Fatal(err)
	}
}

// asAnother audits homes as their owner, who is not root.
func asAnother(t *testing.T, homes []string) map[string]audit.Report {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0], "-test.run=^TestAuditAsAnother$")
	c.Env = append(os.Environ(), envHomes+"="+strings.Join(homes, ":"))
	c.ExtraFiles = []*os.File{w}
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	out := map[string]audit.Report{}
	decoded := json.NewDecoder(r).Decode(&out)
	if err := c.Wait(); err != nil || decoded != nil {
		t.Fatal(err, decoded)
	}
	return out
}

// TestUnreadableFiles: a file or directory that whoever audits may not read is
// named, and never counts as fine. Root's files in the home of another show
// it; an ordinary user takes away his own right to read.
func TestUnreadableFiles(t *testing.T) {
	_, names := fullHome(t)
	for _, dir := range []string{"credentials", "agents/main/sessions", "logs", "skills", "identity", "workspace", "devices", "."} {
		names = append(names, dir+"/")
	}
	of := map[string]string{}
	var homes []string
	for _, name := range names {
		home, _ := fullHome(t)
		p := filepath.Join(home, ".openclaw", name)
		if os.Getuid() == 0 {
			giveAway(t, home, p)
		} else if err := os.Chmod(p, 0); err != nil {
			t.Fatal(err)
		}
		homes = append(homes, home)
		of[home] = name
	}
	for home, r := range asAnother(t, homes) {
		name := of[home]
		if !mentioned(r, filepath.Base(filepath.Clean("/"+name))) && name != "./" {
			t.Errorf("%s: no finding names it", name)
		}
		unread, critical := false, false
		for _, f := range r.Findings {
			if f.CheckID == "fs.unreadable" || f.CheckID == "config.unreadable" || f.CheckID == "fs.owner" && os.Getuid() == 0 {
				unread = true
				critical = critical || f.Severity == claw.Critical
			}
		}
		if !unread {
			t.Errorf("%s: nothing says that it could not be read", name)
		}
		if (name == "openclaw.json" || name == "./") && !critical {
			t.Errorf("%s: not being able to read it is no critical finding", name)
		}
	}
}

// giveAway gives a home to nobody, apart from one file or directory that stays
// root's and closed.
func giveAway(t *testing.T, home, closed string) {
	t.Helper()
	for dir := filepath.Dir(home); strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(home, func(p string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Clean(p) == filepath.Clean(closed) {
			return err
		}
		return os.Lchown(p, nobody, nobody)
	})
	if err != nil {
		t.Fatal(err)
	}
	mode := os.FileMode(0o600)
	if st, err := os.Stat(closed); err == nil && st.IsDir() {
		mode = 0o700
	}
	if err := os.Chmod(closed, mode); err != nil {
		t.Fatal(err)
	}
}
