//go:build linux && (amd64 || arm64)

package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/sandboxtest"
)

func shell(script string) sandbox.Cmd {
	return sandbox.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}}
}

func workspace(t *testing.T, dir string) string {
	t.Helper()
	ws := filepath.Join(dir, "ws")
	if err := os.Mkdir(ws, 0o755); err != nil {
		t.Fatal(err)
	}
	uid, gid := ids()
	if err := os.Chown(ws, uid, gid); err != nil {
		t.Fatal(err)
	}
	return ws
}

func TestLauncherLost(t *testing.T) {
	dir := openDir(t)
	r := newRunner(t, filepath.Join(dir, "skeleton"), nil)
	permit := sandboxtest.Permit(t, policy.Confinement{Level: policy.LevelIsolated})
	if _, err := r.Run(context.Background(), permit, shell("exit 0")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(r.launcher.pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(context.Background(), permit, shell("exit 0")); err == nil {
		t.Error("ran without a launcher")
	}
	if res, err := r.Run(context.Background(), permit, shell("exit 6")); err != nil || res.ExitCode != 6 {
		t.Errorf("after the loss: %+v, %v", res, err)
	}
}

func TestSupport(t *testing.T) {
	r := newRunner(t, filepath.Join(openDir(t), "skeleton"), nil)
	s := r.Support()
	uid, gid := ids()
	if s.Backend != "linux" || s.UID != uid || s.GID != gid || s.LandlockABI < 3 || !slices.Equal(s.Levels, []policy.Level{policy.LevelProcess, policy.LevelConfined, policy.LevelIsolated}) {
		t.Errorf("support %+v", s)
	}
	for _, m := range s.Missing {
		if m.Why == "" {
			t.Errorf("missing %q without a reason", m.Guarantee)
		}
	}
	if s.Cgroup == "none" && !slices.ContainsFunc(s.Missing, func(m sandbox.Missing) bool { return m.Guarantee == "memory-limit" }) {
		t.Errorf("no cgroup, yet missing is %v", s.Missing)
	}
}

// TestLauncherPrivateHome: root's workspace under a closed directory works
// isolated and is refused with a hint confined.
func TestLauncherPrivateHome(t *testing.T) {
	if os.Geteuid() != 0 {
		return // an ordinary user runs as itself
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ws := workspace(t, dir)
	r := newRunner(t, filepath.Join(dir, "skeleton"), nil)
	conf := policy.Confinement{Level: policy.LevelIsolated, Workspace: ws, WorkspaceWrite: true}
	if res, err := r.Run(context.Background(), sandboxtest.Permit(t, conf), shell("echo x > f")); err != nil || res.ExitCode != 0 {
		t.Errorf("isolated: %+v, %v", res, err)
	}
	conf.Level = policy.LevelConfined
	var access *sandbox.AccessError
	_, err := r.Run(context.Background(), sandboxtest.Permit(t, conf), shell("exit 0"))
	if !errors.As(err, &access) || access.Hint == "" || access.UID != runUID {
		t.Errorf("confined: %v", err)
	}
	if err := os.Chown(ws, 0, 0); err != nil {
		t.Fatal(err)
	}
	conf.Level = policy.LevelIsolated
	_, err = r.Run(context.Background(), sandboxtest.Permit(t, conf), shell("exit 0"))
	if !errors.As(err, &access) || access.Need != "write" || access.Path != ws {
		t.Errorf("workspace of root: %v", err)
	}
}

func TestLauncherSymlinks(t *testing.T) {
	dir := openDir(t)
	r := newRunner(t, filepath.Join(dir, "skeleton"), nil)
	ws := workspace(t, dir)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(ws, link); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*policy.Confinement){
		"workspace": func(c *policy.Confinement) { c.Workspace = link },
		"read root": func(c *policy.Confinement) { c.ReadRoots = []string{link} },
		"proc":      func(c *policy.Confinement) { c.ReadRoots = []string{"/proc/self"} },
	} {
		for _, level := range []policy.Level{policy.LevelConfined, policy.LevelIsolated} {
			conf := policy.Confinement{Level: level, Workspace: ws}
			change(&conf)
			if level == policy.LevelConfined && name == "proc" {
				continue // /proc is the host's there and readable anyway
			}
			if _, err := r.Run(context.Background(), sandboxtest.Permit(t, conf), shell("exit 0")); err == nil {
				t.Errorf("%s by a link at %v: ran", name, level)
			}
		}
	}
}

// TestSteeringLinks: a protected name that is a symbolic link stays what it is,
// and so does what it leads to in the workspace.
func TestSteeringLinks(t *testing.T) {
	dir := openDir(t)
	r := newRunner(t, filepath.Join(dir, "skeleton"), nil)
	ws := workspace(t, dir)
	uid, gid := ids()
	put := func(path, content string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
		for at := path; at != ws && at != dir; at = filepath.Dir(at) {
			if err := os.Lchown(at, uid, gid); err != nil {
				t.Fatal(err)
			}
		}
	}
	outside := filepath.Join(dir, "outside")
	put(outside, "outside\n")
	put(ws+"/docs/agents.md", "be kind\n")
	put(ws+"/repo/hooks/old", "old\n")
	put(ws+"/free/file", "free\n")
	links := map[string]string{
		"AGENTS.md": "docs/../docs/agents.md", "CLAUDE.md": "AGENTS.md", "SOUL.md": outside, ".git": ws + "/repo",
		".envrc": "docs/absent", ".npmrc": "../ws/free/absent", ".loop": ".loop2", ".loop2": ".loop"}
	for link, to := range links {
		if err := errors.Join(os.Symlink(to, filepath.Join(ws, link)), os.Lchown(filepath.Join(ws, link), uid, gid)); err != nil {
			t.Fatal(err)
		}
	}
	protected := []string{ws + "/AGENTS.md", ws + "/CLAUDE.md", ws + "/SOUL.md", ws + "/.git/hooks/", ws + "/.git/config", ws + "/.envrc", ws + "/.npmrc"}
	attack := `cat AGENTS.md CLAUDE.md; for f in AGENTS.md CLAUDE.md SOUL.md docs/agents.md .git/hooks/new .git/hooks/old repo/hooks/old repo/config .envrc docs/absent .npmrc free/absent; do
		echo evil > $f; done
		for l in AGENTS.md CLAUDE.md SOUL.md .git .envrc .npmrc docs docs/agents.md repo repo/hooks; do rm -rf $l; mv $l $l.away; ln -sfn /evil $l; done
		echo mine > free/file; echo mine > new`
	for _, level := range []policy.Level{policy.LevelIsolated, policy.LevelConfined} {
		conf := policy.Confinement{Level: level, Workspace: ws, WorkspaceWrite: true, ReadOnly: protected}
		var out strings.Builder
		c := shell(attack)
		c.Stdout = &out
		if _, err := r.Run(context.Background(), sandboxtest.Permit(t, conf), c); err != nil {
			t.Fatalf("%v: %v", level, err)
		}
		if out.String() != "be kind\nbe kind\n" {
			t.Errorf("%v: read %q through the links", level, out.String())
		}
		for path, want := range map[string]string{outside: "outside\n", ws + "/docs/agents.md": "be kind\n", ws + "/repo/hooks/old": "old\n", ws + "/AGENTS.md": "be kind\n"} {
			if b, err := os.ReadFile(path); err != nil || string(b) != want {
				t.Errorf("%v: %s is %q, %v", level, path, b, err)
			}
		}
		for link, to := range links {
			if got, err := os.Readlink(filepath.Join(ws, link)); err != nil || got != to {
				t.Errorf("%v: link %s leads to %q, %v", level, link, got, err)
			}
		}
		for _, name := range []string{"repo/config", "repo/hooks/new", "docs/absent", "free/absent"} {
			if _, err := os.Lstat(filepath.Join(ws, name)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%v: %s came into being: %v", level, name, err)
			}
		}
		if b, err := os.ReadFile(ws + "/free/file"); level == policy.LevelIsolated && (err != nil || string(b) != "mine\n") {
			t.Errorf("%v: what is free is %q, %v", level, b, err)
		}
	}
	conf := policy.Confinement{Level: policy.LevelIsolated, Workspace: ws, WorkspaceWrite: true, ReadOnly: []string{ws + "/.loop"}}
	if _, err := r.Run(context.Background(), sandboxtest.Permit(t, conf), shell("exit 0")); !errors.Is(err, unix.ELOOP) {
		t.Errorf("links that lead to each other: %v", err)
	}
}

// TestSteeringHeld: the placeholder of an absent file stays until the last run
// has ended, and a file that a person puts there meanwhile stays.
func TestSteeringHeld(t *testing.T) {
	dir := openDir(t)
	ws := workspace(t, dir)
	s := &steering{holds: map[string]*placeholder{}}
	uid, gid := ids()
	paths := []string{ws + "/.envrc", ws + "/.vscode/tasks.json", ws + "/a/"}
	var release []func()
	for range 2 {
		_, undo, err := s.hold(ws, paths, uid, gid)
		if err != nil {
			t.Fatal(err)
		}
		release = append(release, undo)
	}
	for _, name := range []string{".envrc", ".vscode", "a"} {
		if _, err := os.Lstat(filepath.Join(ws, name)); err != nil {
			t.Errorf("no placeholder: %v", err)
		}
	}
	release[0]()
	if list, _ := os.ReadDir(ws); len(list) != 3 {
		t.Errorf("one run left: %v", list)
	}
	if err := os.WriteFile(ws+"/.envrc", []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	release[1]()
	if list, _ := os.ReadDir(ws); len(list) != 1 || list[0].Name() != ".envrc" {
		t.Errorf("no run left: %v", list)
	}
}

func TestOptions(t *testing.T) {
	dir := openDir(t)
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	bad := map[string]Options{
		"no directory":       {UID: 1, GID: 1},
		"relative directory": {SkeletonDir: "x", UID: 1, GID: 1},
		"writable directory": {SkeletonDir: open, UID: 1, GID: 1},
	}
	if os.Geteuid() == 0 {
		bad["uid 0"] = Options{SkeletonDir: filepath.Join(dir, "s"), GID: 1}
		bad["gid 0"] = Options{SkeletonDir: filepath.Join(dir, "s"), UID: 1}
	}
	for name, o := range bad {
		if r, err := New(o); err == nil {
			_ = r.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestCache(t *testing.T) {
	dir := openDir(t)
	uid, gid := ids()
	r, err := New(Options{SkeletonDir: filepath.Join(dir, "skeleton"), CacheDir: filepath.Join(dir, "cache"), UID: uid, GID: gid})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	permit := sandboxtest.Permit(t, policy.Confinement{Level: policy.LevelIsolated})
	for i, script := range []string{"echo kept > ~/.cache/f; echo gone > ~/g", "grep -q kept ~/.cache/f && ! test -e ~/g"} {
		if res, err := r.Run(context.Background(), permit, shell(script)); err != nil || res.ExitCode != 0 {
			t.Errorf("run %d: %+v, %v", i, res, err)
		}
	}
	for _, agent := range []string{"..", ".", "a/b", "a\x00"} {
		if dir, err := r.cache(agent); err == nil {
			t.Errorf("agent %q: %q", agent, dir)
		}
	}
}

func TestHost(t *testing.T) {
	dir := openDir(t)
	r := newRunner(t, filepath.Join(dir, "skeleton"), nil)
	mine := filepath.Join(dir, "mine")
	if err := os.WriteFile(mine, []byte("#!/bin/sh\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(mine, 0o777); err != nil {
		t.Fatal(err)
	}
	h, err := r.Host([]sandbox.Helper{
		{Name: "id", Paths: []string{"/nowhere/id", "/usr/bin/id"}, Level: policy.LevelProcess, Env: []string{"A=1"}},
		{Name: "own", Paths: []string{"/usr/bin/id"}, Level: policy.LevelProcess, Identity: sandbox.IdentityGateway},
		{Name: "closed", Paths: []string{"/usr/bin/id"}, Level: policy.LevelIsolated},
		{Name: "mine", Paths: []string{mine}, Level: policy.LevelProcess},
	})
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := ids()
	for name, want := range map[sandbox.HelperName]int{"id": uid, "closed": uid, "own": os.Geteuid()} {
		var out strings.Builder
		p, err := h.Start(context.Background(), name, []string{"-u"}, sandbox.Stdio{Stdout: &out})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if res, err := p.Wait(); err != nil || res.ExitCode != 0 || out.String() != fmt.Sprintln(want) {
			t.Errorf("%s: %q, %+v, %v, want uid %d", name, out.String(), res, err, want)
		}
	}
	var e *sandbox.HelperError
	for _, name := range []sandbox.HelperName{"mine", "other", "sh"} {
		if _, err := h.Start(context.Background(), name, nil, sandbox.Stdio{}); !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bad := range map[string]sandbox.Helper{
		"none":     {Name: "x", Paths: []string{"/usr/bin/id"}},
		"shell":    {Name: "x", Paths: []string{"/bin/sh"}, Level: policy.LevelProcess},
		"relative": {Name: "x", Paths: []string{"id"}, Level: policy.LevelProcess},
		"own uid":  {Name: "x", Paths: []string{"/usr/bin/id"}, Level: policy.LevelIsolated, Identity: sandbox.IdentityGateway},
	} {
		if _, err := r.Host([]sandbox.Helper{bad}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
