//go:build linux && (amd64 || arm64)

package linux

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/attack"
	"github.com/openclaw-go/openclaw/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	MaybeStage()
	joinGroups()
	attack.MaybeInside()
	os.Exit(m.Run())
}

// runUID and runGID are those of runs when the tests are root.
const (
	runUID  = 61001
	runGID  = 61002
	userUID = 61003 // of a gateway that is an ordinary user
	userGID = 61004
)

func ids() (uid, gid int) {
	if os.Geteuid() == 0 {
		return runUID, runGID
	}
	return os.Geteuid(), os.Getegid()
}

func newRunner(t testing.TB, dir string, proxy sandbox.Proxy) *Runner {
	t.Helper()
	r, err := New(Options{SkeletonDir: dir, UID: runUID, GID: runGID, Proxy: proxy})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestConformance(t *testing.T) {
	levels := []policy.Level{policy.LevelProcess, policy.LevelConfined, policy.LevelIsolated}
	for _, level := range levels {
		t.Run(level.String(), func(t *testing.T) {
			uid, gid := ids()
			sandboxtest.Run(t, sandboxtest.Config{Level: level, UID: uid, GID: gid,
				New: func(t *testing.T, dir string, proxy sandbox.Proxy) sandbox.Runner { return newRunner(t, dir, proxy) }})
		})
	}
}

// TestOrdinaryUser runs the tests that start programs once more without root.
func TestOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return // the other tests are this one
	}
	dir := openDir(t)
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "linux.test")
	if err := os.WriteFile(bin, self, 0o755); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(home, userUID, userGID); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-test.v", "-test.run", "^Test(Conformance|Launcher|Steering|Host|Support|Spare|R12|R13|R55|R59|Crowd|GatewayKilled|Contradictions)")
	cmd.Dir, cmd.Env = home, []string{"HOME=" + home, "TMPDIR=" + home, "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: userUID, Gid: userGID}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// openDir is a temporary directory that every uid can pass.
func openDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for at := dir; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestSharedMount runs on a host whose mounts are shared, as systemd makes
// them: nothing that is mounted for a run may come back to the host.
func TestSharedMount(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only a launcher that is root opens trees outside
	}
	if os.Getenv("OPENCLAW_SHARED") == "" {
		cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^TestSharedMount$")
		cmd.Env = append(os.Environ(), "OPENCLAW_SHARED=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	dir := openDir(t)
	ws := filepath.Join(dir, "ws")
	if err := os.Mkdir(ws, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(ws, runUID, runGID); err != nil {
		t.Fatal(err)
	}
	r := newRunner(t, filepath.Join(dir, "skeleton"), nil)
	before, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	out, in := io.Pipe()
	conf := policy.Confinement{Level: policy.LevelIsolated, Workspace: ws, WorkspaceWrite: true, ReadOnly: []string{ws + "/AGENTS.md"}, Masked: []string{"/usr/games"}}
	p, err := r.Start(t.Context(), sandboxtest.Permit(t, conf), sandbox.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", "echo ready; exec sleep 1000"},
		Env: []string{"PATH=/usr/bin"}, Stdout: in})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	during, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(during) {
		t.Errorf("mounts of the host were\n%s\nare\n%s", before, during)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
}
