//go:build linux

package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAuditSyscalls: the plain audit of the built program opens no socket,
// starts nothing and opens no file for writing, wherever it lies. It needs
// strace and a Go toolchain.
func TestAuditSyscalls(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "openclaw")
	build := exec.Command("go", "build", "-tags", "openclaw_stage", "-o", bin, "../../cmd/openclaw")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	home, _ := fullHome(t)
	log := filepath.Join(t.TempDir(), "calls")
	run := exec.Command("strace", "-f", "-qq", "-o", log, "-e", "trace=socket,connect,bind,execve,execveat,open,openat,openat2,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,chmod,fchmod,fchmodat,chown,fchown,fchownat,link,linkat,symlink,symlinkat,truncate,ftruncate,utimensat,setxattr,fsetxattr",
		bin, "security", "audit", "--json", "--state-dir", filepath.Join(home, ".openclaw"))
	run.Env = []string{"HOME=" + home, "PATH=/usr/bin:/bin"}
	if out, err := run.CombinedOutput(); err != nil || !strings.Contains(string(out), `"checks"`) {
		t.Fatalf("%v: %.500s", err, out)
	}
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`^\d+ +(\w+)\((.*)`)
	looked, started := 0, 0
	for line := range strings.Lines(string(b)) {
		m := call.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		inside := strings.Contains(m[2], home)
		switch m[1] {
		case "open", "openat", "openat2":
			if inside {
				looked++
			}
			if regexp.MustCompile(`O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)`).MatchString(m[2]) {
				t.Errorf("opened for writing: %s", line)
			}
		case "execve", "execveat":
			started++
		default:
			if m[1] == "socket" || m[1] == "connect" || m[1] == "bind" || inside {
				t.Errorf("the audit calls %s", line)
			}
		}
	}
	if looked == 0 || started != 1 {
		t.Errorf("%d files of the home opened, %d programs started (expected the audit alone)", looked, started)
	}
}
