package docker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/sandboxtest"
)

const testUID, testGID = 1000, 1000

// world is a runner with a workspace.
type world struct {
	*Runner
	dir, ws string
	conf    policy.Confinement
}

func newWorld(t *testing.T) *world {
	t.Helper()
	socket, image := engineFor(t)
	dir := t.TempDir()
	for at := dir; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
		must(t, os.Chmod(at, 0o755))
	}
	w := &world{dir: dir, ws: filepath.Join(dir, "ws")}
	for path, content := range map[string]string{"AGENTS.md": "be kind\n", ".env": "SECRET=1\n", "private/key": "secret\n", "src/main": "\n"} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(w.ws, path)), 0o755))
		must(t, os.WriteFile(filepath.Join(w.ws, path), []byte(content), 0o644))
	}
	must(t, filepath.WalkDir(w.ws, func(p string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(p, testUID, testGID)
	}))
	must(t, os.Mkdir(filepath.Join(dir, "state"), 0o711))
	r, err := New(Options{Socket: socket, Dir: filepath.Join(dir, "state"), Home: t.Name(), Forbidden: []string{filepath.Join(dir, "state")}, UID: testUID, GID: testGID})
	must(t, err)
	t.Cleanup(func() { _ = r.Close() })
	w.Runner = r
	sum := sha256.Sum256(real.program)
	r.stage = func() (string, error) { return hex.EncodeToString(sum[:]), nil }
	w.conf = policy.Confinement{Level: policy.LevelContainer, Workspace: w.ws, WorkspaceWrite: true, Container: &policy.Container{Sessions: policy.ContainerAll, Access: policy.AccessWrite,
		Level: policy.LevelContainer, Image: testTag, ImageID: image.ID, Private: filepath.Join(dir, "state", "private", "one"), Workdir: "/workspace", Prefix: "t-", Tmpfs: []string{"/tmp", "/var/tmp", "/run"},
		Memory: 256 << 20, MemorySwap: 256 << 20, MilliCPUs: 1000, Pids: 128}}
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// change gives the profile with a change of its container.
func (w *world) change(f func(*policy.Confinement, *policy.Container)) policy.Confinement {
	conf := w.conf
	c := *w.conf.Container
	conf.Container = &c
	f(&conf, &c)
	return conf
}

func sh(script string) sandbox.Cmd {
	return sandbox.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}}
}

func (w *world) run(t *testing.T, conf policy.Confinement, c sandbox.Cmd) (res sandbox.Result, out, errs string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	res, err = w.Run(context.Background(), sandboxtest.Permit(t, conf), c)
	return res, o.String(), e.String(), err
}

// TestRun: a command runs as the uid of runs, in a container that is gone with
// it, and the result says what held.
func TestRun(t *testing.T) {
	w := newWorld(t)
	res, out, errs, err := w.run(t, w.conf, sh(`id -u; pwd; cat AGENTS.md; echo x > new; echo hi >&2; exit 3`))
	must(t, err)
	if res.ExitCode != 3 || out != "1000\n"+w.ws+"\nbe kind\n" || errs != "hi\n" || res.Enforced != policy.LevelContainer || res.Killed || res.TimedOut || res.OutputCut {
		t.Errorf("%+v %q %q", res, out, errs)
	}
	if missing := policy.LevelContainer.Guarantees() &^ res.Guarantees; missing != 0 {
		t.Errorf("guarantees lack %v", missing.Names())
	}
	if b, err := os.ReadFile(filepath.Join(w.ws, "new")); err != nil || string(b) != "x\n" {
		t.Errorf("written file %q, %v", b, err)
	}
	for _, p := range res.Witness.Probes {
		if !p.Held() {
			t.Errorf("probe %+v", p)
		}
	}
	if len(res.Witness.Probes) < 10 || res.Witness.Nonce == "" || !slices.Equal(res.Witness.Outside.UIDs, []int{1000, 1000, 1000, 1000}) || !strings.Contains(res.Witness.Summary(), "container") {
		t.Errorf("%+v", res.Witness)
	}
	list, err := w.List()
	must(t, err)
	if slices.ContainsFunc(list, func(c Contained) bool { return c.Kind == "container" && c.State == "running" }) {
		t.Errorf("left behind: %+v", list)
	}
	for _, name := range []string{".envrc", ".vscode"} {
		if _, err := os.Lstat(filepath.Join(w.ws, name)); err == nil {
			t.Errorf("%s stayed", name)
		}
	}
}

// TestAccess: what a container sees of the workspace is what the key says.
func TestAccess(t *testing.T) {
	w := newWorld(t)
	script := sh(`cat ` + w.ws + `/AGENTS.md 2>/dev/null; touch ` + w.ws + `/made 2>/dev/null && echo wrote; pwd; touch /workspace/kept 2>/dev/null && echo private; ls /workspace 2>/dev/null`)
	for _, c := range []struct {
		access policy.WorkspaceAccess
		want   string
	}{{policy.AccessNone, "/workspace\nprivate\nkept\n"}, {policy.AccessRead, "be kind\n" + w.ws + "\nprivate\nkept\n"}, {policy.AccessWrite, "be kind\nwrote\n" + w.ws + "\n"}} {
		conf := w.change(func(conf *policy.Confinement, x *policy.Container) {
			x.Access = c.access
			conf.WorkspaceWrite = c.access == policy.AccessWrite
		})
		_, out, errs, err := w.run(t, conf, script)
		if err != nil || out != c.want {
			t.Errorf("%v: %q %q %v, want %q", c.access, out, errs, err, c.want)
		}
	}
}

// TestSteeringInContainers: masked files are not there, steering files stay as
// they are, absent ones cannot come into being.
func TestSteeringInContainers(t *testing.T) {
	w := newWorld(t)
	conf := w.change(func(conf *policy.Confinement, _ *policy.Container) {
		conf.Masked = []string{w.ws + "/.env", w.ws + "/private/", w.ws + "/absent"}
		conf.ReadOnly = []string{w.ws + "/AGENTS.md", w.ws + "/.envrc", w.ws + "/.vscode/", w.ws + "/src/deep/tasks"}
	})
	_, out, _, err := w.run(t, conf, sh(`cat .env private/key 2>&1 | grep -c SECRET; for f in AGENTS.md .envrc .vscode/tasks.json src/deep/tasks; do echo x > $f && echo wrote $f; mv $f /tmp/ && echo moved $f; rm -r $f && echo removed $f; done 2>/dev/null; mkdir src/other && echo made; rm -r src/other`))
	must(t, err)
	if strings.Contains(out, "wrote") || strings.Contains(out, "moved") || strings.Contains(out, "removed") || !strings.Contains(out, "made") || strings.HasPrefix(out, "1") {
		t.Errorf("%q", out)
	}
	if b, _ := os.ReadFile(filepath.Join(w.ws, "AGENTS.md")); string(b) != "be kind\n" {
		t.Errorf("AGENTS.md is %q", b)
	}
	for _, name := range []string{".envrc", ".vscode", "src/deep"} {
		if _, err := os.Lstat(filepath.Join(w.ws, name)); err == nil {
			t.Errorf("%s is there after the run", name)
		}
	}
	must(t, os.Symlink("/etc", filepath.Join(w.ws, ".envrc")))
	var mount *MountError
	if _, _, _, err := w.run(t, conf, sh("exit 0")); !errors.As(err, &mount) {
		t.Errorf("a steering file that is a link: %v", err)
	}
}

// TestR62MountsOfTheRunningContainer: what is mounted in the container that
// runs is the object that was judged. A source that is swapped between is
// noticed before the program's first instruction, and so is a mount that nobody
// asked for.
func TestR62MountsOfTheRunningContainer(t *testing.T) {
	w := newWorld(t)
	share := filepath.Join(w.dir, "share")
	must(t, os.Mkdir(share, 0o755))
	must(t, os.WriteFile(filepath.Join(share, "a"), []byte("shared\n"), 0o644))
	secret := filepath.Join(w.dir, "secret")
	must(t, os.Mkdir(secret, 0o755))
	must(t, os.WriteFile(filepath.Join(secret, "a"), []byte("secret\n"), 0o644))
	conf := w.change(func(_ *policy.Confinement, x *policy.Container) {
		x.Binds, x.External = []policy.Bind{{Source: share, Target: "/share"}}, true
	})
	if _, out, errs, err := w.run(t, conf, sh("cat /share/a; echo x > /share/b")); err != nil || out != "shared\n" || !strings.Contains(errs, "Read-only") {
		t.Fatalf("%q %q %v", out, errs, err)
	}
	var miss *sandbox.WitnessError
	swap := func(name string, undo func(), f func()) {
		w.judged = f
		_, out, _, err := w.run(t, conf, sh("cat /share/a"))
		if !errors.As(err, &miss) || out != "" {
			t.Errorf("%s: %q, %v", name, out, err)
		} else {
			t.Log(err)
		}
		w.judged = nil
		undo()
	}
	kept := share + ".kept"
	back := func() {
		must(t, os.RemoveAll(share))
		must(t, os.Rename(kept, share))
	}
	swap("another directory", back, func() {
		must(t, os.Rename(share, kept))
		must(t, os.Rename(secret, share))
		must(t, os.Mkdir(secret, 0o755))
	})
	must(t, os.WriteFile(filepath.Join(secret, "a"), []byte("secret\n"), 0o644))
	swap("a link", back, func() {
		must(t, os.Rename(share, kept))
		must(t, os.Symlink(secret, share))
	})
	if _, out, _, err := w.run(t, conf, sh("cat /share/a")); err != nil || out != "shared\n" {
		t.Errorf("afterwards: %q %v", out, err)
	}
}

// TestR62PinnedImage: what runs is the content that was pinned, wherever its
// name leads by now.
func TestR62PinnedImage(t *testing.T) {
	w := newWorld(t)
	var level *sandbox.LevelError
	for name, f := range map[string]func(*policy.Confinement, *policy.Container){
		"not pinned": func(_ *policy.Confinement, x *policy.Container) { x.ImageID = "" },
		"not there":  func(_ *policy.Confinement, x *policy.Container) { x.ImageID = "sha256:" + strings.Repeat("0", 64) },
		"a name":     func(_ *policy.Confinement, x *policy.Container) { x.ImageID = testTag },
	} {
		if _, _, _, err := w.run(t, w.change(f), sh("exit 0")); !errors.As(err, &level) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The name moves on; the pinned content still runs, the new one does not.
	other, err := w.Build(Build{Tag: testTag, From: testTag, Program: mustRead(t, "/bin/busybox"), Version: "moved"})
	must(t, err)
	if other.ID == w.conf.Container.ImageID {
		t.Fatal("the name did not move")
	}
	if _, _, _, err := w.run(t, w.conf, sh("exit 0")); err != nil {
		t.Errorf("the pinned content: %v", err)
	}
	if _, _, _, err := w.run(t, w.change(func(_ *policy.Confinement, x *policy.Container) { x.ImageID = other.ID }), sh("exit 0")); !errors.As(err, &level) || !strings.Contains(err.Error(), "another build") {
		t.Errorf("an image of another program: %v", err)
	}
	_, err = w.Build(Build{Tag: "x:1", From: "not-here:1", Program: mustRead(t, "/bin/busybox")})
	if err == nil || !strings.Contains(err.Error(), "nothing is fetched") {
		t.Errorf("a base that is not there: %v", err)
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// TestLevelsAreSets: a container satisfies what it holds and nothing above,
// whatever the names' order is (R13).
func TestLevelsAreSets(t *testing.T) {
	w := newWorld(t)
	for level, ok := range map[policy.Level]bool{policy.LevelProcess: true, policy.LevelConfined: false, policy.LevelIsolated: false, policy.LevelContainer: true} {
		_, _, _, err := w.run(t, w.change(func(c *policy.Confinement, _ *policy.Container) { c.Level = level }), sh("exit 0"))
		var e *sandbox.LevelError
		if ok != (err == nil) || !ok && (!errors.As(err, &e) || !slices.Contains(e.Missing, "fs-rules")) {
			t.Errorf("%v: %v", level, err)
		}
		if level == policy.LevelIsolated && e != nil && !slices.Contains(e.Missing, "private-user") {
			t.Errorf("isolated lacks %v", e.Missing)
		}
	}
}

// TestEnds: a command that outlives its time, its caller or its patience ends
// with all that it started.
func TestEnds(t *testing.T) {
	w := newWorld(t)
	tree := sh(`sleep 1000 & (setsid sleep 1000 &) ; (trap "" TERM HUP INT; sleep 1000) & echo ready; exec sleep 1000`)
	conf := w.change(func(c *policy.Confinement, _ *policy.Container) { c.Limits.TimeoutMs = 500 })
	res, _, _, err := w.run(t, conf, tree)
	if err != nil || !res.TimedOut || res.ExitCode != -1 || res.Killed {
		t.Errorf("%+v %v", res, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p, err := w.Start(ctx, sandboxtest.Permit(t, w.conf), tree)
	must(t, err)
	pid := p.Pid()
	cancel()
	if res, err := p.Wait(); err != nil || !res.Killed {
		t.Errorf("%+v %v", res, err)
	}
	if _, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/exe"); err == nil {
		t.Error("its first process lives")
	}
	res, _, _, err = w.run(t, w.conf, sh(`sleep 1000 & (setsid sleep 1000 &); exit 5`))
	if err != nil || res.ExitCode != 5 || res.Duration > 30*time.Second {
		t.Errorf("%+v %v", res, err)
	}
	res, _, _, err = w.run(t, w.conf, sh(`kill -9 $$`))
	if err != nil || res.ExitCode != -1 || res.Signal != "SIGKILL" || res.Killed {
		t.Errorf("%+v %v", res, err)
	}
}

// TestGatewayGone: a container whose gateway is gone ends by itself; what is
// left of another gateway's is taken away at the next start.
func TestGatewayGone(t *testing.T) {
	w := newWorld(t)
	p, err := w.Start(context.Background(), sandboxtest.Permit(t, w.conf), sh("exec sleep 1000"))
	must(t, err)
	x := p.(*process)
	x.stream.close() // as the end of the gateway does
	if res, err := p.Wait(); err != nil || res.Signal != "SIGKILL" {
		t.Errorf("%+v %v", res, err)
	}
	c := w.spec(w.conf, nil)
	var made struct {
		ID string `json:"Id"`
	}
	must(t, w.engine.call(context.Background(), http.MethodPost, "/containers/create", c, &made))
	gone, err := w.Prune(0, 0)
	if err != nil || !slices.Contains(gone, made.ID[:12]) {
		t.Errorf("%v %v", gone, err)
	}
	list, err := w.List()
	if err != nil || slices.ContainsFunc(list, func(c Contained) bool { return c.Kind == "container" }) {
		t.Errorf("%+v %v", list, err)
	}
}

// TestPrivateFolders: a scope's folder lasts, is listed, and goes when it was
// idle for long or the operator says so.
func TestPrivateFolders(t *testing.T) {
	w := newWorld(t)
	conf := func(name string) policy.Confinement {
		return w.change(func(c *policy.Confinement, x *policy.Container) {
			x.Access, x.Private, c.WorkspaceWrite = policy.AccessNone, filepath.Join(w.dir, "state", "private", name), false
		})
	}
	if _, _, _, err := w.run(t, conf("one"), sh("echo 1 > kept")); err != nil {
		t.Fatal(err)
	}
	if _, out, _, err := w.run(t, conf("one"), sh("cat kept")); err != nil || out != "1\n" {
		t.Errorf("%q %v", out, err)
	}
	if _, out, _, err := w.run(t, conf("two"), sh("cat kept 2>/dev/null; echo 2 > kept")); err != nil || out != "" {
		t.Errorf("another scope saw %q %v", out, err)
	}
	var mount *MountError
	if _, _, _, err := w.run(t, conf("../../ws"), sh("exit 0")); !errors.As(err, &mount) {
		t.Errorf("a private folder elsewhere: %v", err)
	}
	old := time.Now().Add(-48 * time.Hour)
	must(t, os.Chtimes(filepath.Join(w.dir, "state", "private", "one"), old, old))
	if gone, err := w.Prune(24*time.Hour, 0); err != nil || !slices.Equal(gone, []string{"one"}) {
		t.Errorf("%v %v", gone, err)
	}
	if gone, err := w.Recreate(Which{Folder: "two"}); err != nil || !slices.Equal(gone, []string{"two"}) {
		t.Errorf("%v %v", gone, err)
	}
}

// TestBinds: nothing of the system, the engine, the state directory or the
// user's credentials is shown, as written or through a link, and nothing that
// holds one of them.
func TestBinds(t *testing.T) {
	dir := t.TempDir()
	ws, home := filepath.Join(dir, "ws"), filepath.Join(dir, "home")
	for _, d := range []string{ws + "/own", home + "/.ssh", home + "/code", dir + "/state"} {
		must(t, os.MkdirAll(d, 0o755))
	}
	for link, to := range map[string]string{"etc": "/etc", "up": dir, "ssh": home + "/.ssh", "code": home + "/code", "inner": "own"} {
		must(t, os.Symlink(to, filepath.Join(ws, link)))
	}
	l, err := net.Listen("unix", filepath.Join(ws, "s"))
	must(t, err)
	defer l.Close()
	r, err := New(Options{Why: "none", Dir: dir + "/state", Home: "x", Forbidden: []string{dir + "/state", home + "/.ssh"}, UID: testUID, GID: testGID})
	must(t, err)
	for source, want := range map[string][2]bool{ // inside alone, and with leave for outside
		ws + "/own": {true, true}, ws + "/inner": {true, true}, home + "/code": {false, true}, ws + "/code": {false, true},
		"/": {}, "/etc": {}, "/etc/passwd": {}, "/proc": {}, "/sys": {}, "/dev/null": {}, "/root": {}, "/root/.ssh": {}, "/boot": {}, "/run": {}, "/run/docker.sock": {}, "/var/run/docker.sock": {}, "/var": {}, "/var/lib/docker": {}, "/home": {}, "/usr": {},
		dir: {}, dir + "/state": {}, home: {}, home + "/.ssh": {}, ws + "/etc": {}, ws + "/up": {}, ws + "/ssh": {}, ws + "/s": {}, ws + "/../ws/own": {}, "relative": {}, ws + "/absent": {},
	} {
		for i, external := range []bool{false, true} {
			conf := policy.Confinement{Workspace: ws, Container: &policy.Container{Binds: []policy.Bind{{Source: source, Target: "/x"}}, External: external}}
			list, undo, err := r.gather(conf, nil)
			if (err == nil) != want[i] {
				t.Errorf("%s, outside allowed %t: %v", source, external, err)
			}
			if err == nil {
				list.close()
				undo()
			}
		}
	}
}
