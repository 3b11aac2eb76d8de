//go:build linux && (amd64 || arm64)

package linux

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
	"github.com/openclaw-go/openclaw/internal/sandbox/sandboxtest"
)

// TestSelfRestriction starts a process that restricts itself, and looks at what
// it and its runs can do then.
func TestSelfRestriction(t *testing.T) {
	const variable = "OPENCLAW_TEST_SELF"
	if os.Getenv(variable) == "" {
		cmd := exec.Command(withoutC(t), "-test.run", "^TestSelfRestriction$", "-test.v")
		cmd.Env = append(os.Environ(), variable+"="+openDir(t))
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	dir := os.Getenv(variable)
	mine, secret := filepath.Join(dir, "mine"), filepath.Join(dir, "home", "secret")
	known := filepath.Join(dir, "home", "known")
	for path, content := range map[string]string{filepath.Join(mine, "file"): "mine", secret: "secret", known: "known", filepath.Join(dir, "other"): "other"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	ws := workspace(t, mine)
	r := newRunner(t, filepath.Join(mine, "skeleton"), nil)
	got, err := r.RestrictSelf(sandbox.Own{Write: []string{mine, filepath.Join(dir, "absent")}, Read: []string{known}, Hidden: []string{filepath.Join(dir, "home")}})
	if err != nil || !got.Filter || got.LandlockABI != confine.LandlockABI() || len(got.Writes) < 1 || got.Writes[0] != mine || slices.Contains(got.Writes, filepath.Join(dir, "absent")) {
		t.Fatalf("restricted %+v, %v", got, err)
	}
	attempt := func(where string) {
		for _, x := range []struct {
			what string
			err  error
			want error
		}{
			{"write what is its own", os.WriteFile(filepath.Join(mine, "new"), nil, 0o600), nil},
			{"replace what is its own", os.Rename(filepath.Join(mine, "new"), filepath.Join(mine, "file")), nil},
			{"write /dev/null", openFile(os.DevNull, os.O_WRONLY), nil},
			{"read the system", openFile("/etc/passwd", os.O_RDONLY), nil},
			{"read a neighbour", openFile(filepath.Join(dir, "other"), os.O_RDONLY), nil},
			{"read what it needs of a home", openFile(known, os.O_RDONLY), nil},
			{"read a home", openFile(secret, os.O_RDONLY), unix.EACCES},
			{"write a neighbour", openFile(filepath.Join(dir, "other"), os.O_WRONLY), unix.EACCES},
			{"make a file elsewhere", os.WriteFile(filepath.Join(dir, "new"), nil, 0o600), unix.EACCES},
			{"remove a file elsewhere", os.Remove(filepath.Join(dir, "other")), unix.EACCES},
			{"start a program", exec.Command("/usr/bin/true").Run(), unix.EPERM},
			{"make a namespace", unix.Unshare(unix.CLONE_NEWUSER), unix.EPERM},
			{"trace", unix.PtraceSeize(os.Getppid()), unix.EPERM},
			{"open a packet socket", socketOf(unix.AF_PACKET, unix.SOCK_RAW), unix.EPERM},
			{"open a socket of the network", socketOf(unix.AF_INET, unix.SOCK_STREAM), nil},
			{"open a unix socket", socketOf(unix.AF_UNIX, unix.SOCK_STREAM), nil},
		} {
			if !errors.Is(x.err, x.want) {
				t.Errorf("%s, %s: %v, want %v", where, x.what, x.err, x.want)
			}
		}
	}
	attempt("first thread")
	var all sync.WaitGroup
	for i := range 4 { // threads that were there, and new ones
		all.Add(1)
		go func() {
			defer all.Done()
			runtime.LockOSThread()
			if status, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/status", unix.Gettid())); err != nil || readFacts(string(status), nil).Seccomp != 2 || readFacts(string(status), nil).NoNewPrivs != 1 {
				t.Errorf("thread %d is not restricted: %v", i, err)
			}
			if err := os.WriteFile(filepath.Join(dir, "thread"), nil, 0o600); !errors.Is(err, unix.EACCES) {
				t.Errorf("thread %d writes elsewhere: %v", i, err)
			}
		}()
	}
	all.Wait()
	// What was started before has its rights and starts runs as ever.
	for _, level := range matrixLevels() {
		conf := policy.Confinement{Level: level, Workspace: ws, WorkspaceWrite: true, ReadOnly: []string{ws + "/.envrc"}}
		res, err := r.Run(t.Context(), sandboxtest.Permit(t, conf), shell("echo x > f && exit 3"))
		if err != nil || res.ExitCode != 3 || res.Enforced != level {
			t.Errorf("run at %v: %+v, %v", level, res, err)
		}
	}
	if err := unix.Kill(r.launcher.pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	permit := sandboxtest.Permit(t, policy.Confinement{Level: policy.LevelIsolated})
	r.spares.close() // one made before could still be taken
	_, first := r.Run(t.Context(), permit, shell("exit 0"))
	_, second := r.Run(t.Context(), permit, shell("exit 0"))
	if first == nil || !errors.Is(second, errFixed) {
		t.Errorf("without the launcher: %v, then %v, want a refusal that says so", first, second)
	}
}

// withoutC is this test as the product is built: a program with C in it cannot
// reach all of its threads.
func withoutC(t *testing.T) string {
	t.Helper()
	if _, _, e := syscall.AllThreadsSyscall(unix.SYS_GETPID, 0, 0, 0); e == 0 {
		return "/proc/self/exe"
	}
	bin := filepath.Join(openDir(t), "linux.test")
	cmd := exec.Command("go", "test", "-c", "-tags", "openclaw_stage", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

func openFile(path string, flag int) error {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

func socketOf(domain, kind int) error {
	fd, err := unix.Socket(domain, kind, 0)
	if err != nil {
		return err
	}
	return syscall.Close(fd)
}

// TestAround: all but what is hidden, whatever lies beside it on the way.
func TestAround(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"a/b/hidden/x", "a/b/beside", "a/c", "d"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got := around([]string{filepath.Join(dir, "a/b/hidden")})
	has := func(p string) bool {
		for _, g := range got {
			if beneath(p, g) {
				return true
			}
		}
		return false
	}
	for p, want := range map[string]bool{"a/b/hidden": false, "a/b/hidden/x": false, "a/b/beside": true, "a/c": true, "d": true, "a/b": false} {
		if has(filepath.Join(dir, p)) != want {
			t.Errorf("%s readable: %t, want %t", p, !want, want)
		}
	}
	if !has("/usr/bin") || !has("/etc") {
		t.Errorf("the system is not among %q", got)
	}
	if got := around(nil); fmt.Sprint(got) != "[/]" {
		t.Errorf("with nothing hidden: %q", got)
	}
}
