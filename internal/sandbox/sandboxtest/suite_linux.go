package sandboxtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/attack"
)

// Config of one pass of the suite.
type Config struct {
	Level policy.Level
	// New makes the runner; dir is private to the test and passable for the
	// uid of runs. The suite closes it.
	New func(t *testing.T, dir string, proxy sandbox.Proxy) sandbox.Runner
	// UID and GID of runs, which own the workspace.
	UID, GID int
}

// waitAtMost bounds what can only hang when the runner is wrong.
const waitAtMost = 60 * time.Second

type suite struct {
	Config
	dir    string // passable base
	ws     string
	probe  string // read root with this test's executable
	runner sandbox.Runner
}

// Run runs the whole suite at one level.
func Run(t *testing.T, c Config) {
	s := &suite{Config: c}
	s.prepare(t)
	for _, x := range []struct {
		name string
		test func(t *testing.T)
	}{{"result", s.result}, {"streams", s.streams}, {"refusals", s.refusals}, {"exec", s.execError},
		{"output", s.output}, {"timeout", s.timeout}, {"deadline", s.deadline}, {"cancel", s.cancel}, {"kill", s.kill}, {"orphans", s.orphans},
		{"stopped", s.stopped}, {"filesize", s.fileSize}, {"memory", s.memory}, {"processes", s.processes}, {"network", s.network}, {"many", s.many},
		{"close", s.close}} {
		t.Run(x.name, x.test)
	}
}

func (s *suite) prepare(t *testing.T) {
	t.Helper()
	s.dir = t.TempDir()
	for at := s.dir; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
		must(t, os.Chmod(at, 0o755))
	}
	s.probe = filepath.Join(s.dir, "bin")
	must(t, os.Mkdir(s.probe, 0o755))
	must(t, os.WriteFile(filepath.Join(s.probe, "tool"), []byte("tool\n"), 0o644))
	self, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(s.probe, "probe"), self, 0o755))
	s.ws = s.workspace(t, "ws")
	s.runner = s.New(t, filepath.Join(s.dir, "skeleton"), serveProxy)
	t.Cleanup(func() { _ = s.runner.Close() })
	if !s.runner.Support().Supports(s.Level) {
		t.Fatalf("level %q is not supported here: %+v", s.Level, s.runner.Support().Missing)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *suite) workspace(t *testing.T, name string) string {
	t.Helper()
	ws := filepath.Join(s.dir, name)
	must(t, os.Mkdir(ws, 0o755))
	for path, content := range map[string]string{"AGENTS.md": "be kind\n", ".env": "SECRET=1\n", "private/key": "secret\n", ".git/config": "\n", ".git/hooks/sample": "\n", "src/main": "\n"} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(ws, path)), 0o755))
		must(t, os.WriteFile(filepath.Join(ws, path), []byte(content), 0o644))
	}
	s.own(t, ws)
	return ws
}

func (s *suite) own(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	must(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, s.UID, s.GID)
	}))
}

// profile is the confinement that most tests use.
func (s *suite) profile() policy.Confinement {
	return policy.Confinement{Level: s.Level, Workspace: s.ws, WorkspaceWrite: true, ReadRoots: []string{s.probe},
		Masked:   []string{s.ws + "/.env", s.ws + "/private/", s.ws + "/absent"},
		ReadOnly: []string{s.ws + "/AGENTS.md", s.ws + "/.envrc", s.ws + "/.git/hooks/", s.ws + "/.git/config", s.ws + "/.vscode/"}}
}

// Permit gives a permit for a confinement, as a decision would.
func Permit(t testing.TB, c policy.Confinement) policy.Permit {
	t.Helper()
	q := policy.Request{Tool: "exec", Agent: "main"}
	p, err := policy.Decision{Verdict: policy.Allow, Digest: policy.DigestOf(q), Confinement: c}.Permit(q)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func sh(script string, args ...string) sandbox.Cmd {
	return sandbox.Cmd{Path: "/bin/sh", Args: append([]string{"sh", "-c", script, "sh"}, args...), Env: []string{"PATH=/usr/bin:/bin"}}
}

func (s *suite) probing(args ...string) sandbox.Cmd {
	return sandbox.Cmd{Path: s.probe + "/probe", Args: append([]string{attack.Argv0}, args...), Env: []string{"PATH=/usr/bin:/bin"}}
}

// run runs c to its end and fails the test when it did not start.
func (s *suite) run(t *testing.T, conf policy.Confinement, c sandbox.Cmd) (sandbox.Result, string, string) {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	res, err := s.runner.Run(context.Background(), Permit(t, conf), c)
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	return res, out.String(), errs.String()
}

// ruled reports whether the level has rules for files and system calls.
func (s *suite) ruled() bool {
	return s.Level == policy.LevelConfined || s.Level == policy.LevelIsolated
}

// untouched requires that steering files are what they were and that nothing
// of their protection stayed behind.
func (s *suite) untouched(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile(s.ws + "/AGENTS.md")
	if err != nil || string(b) != "be kind\n" {
		t.Errorf("steering file now %q, %v", b, err)
	}
	for _, name := range []string{".envrc", ".vscode", ".git/hooks/pre-commit"} {
		if _, err := os.Lstat(filepath.Join(s.ws, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q is there after the run: %v", name, err)
		}
	}
}

func (s *suite) result(t *testing.T) {
	conf := s.profile()
	res, _, _ := s.run(t, conf, sh("exit 7"))
	if res.ExitCode != 7 || res.Signal != "" || res.TimedOut || res.Killed || res.OutputCut || res.Duration <= 0 {
		t.Errorf("result %+v, want exit 7", res)
	}
	if res.Enforced != s.Level || s.Level.Guarantees()&^res.Guarantees != 0 {
		t.Errorf("enforced %v with %v, want %v", res.Enforced, res.Guarantees.Names(), s.Level.Guarantees().Names())
	}
	w := res.Witness
	if w.Nonce == "" || w.EnvHash == "" || !slices.Equal(w.Outside.UIDs, []int{s.UID, s.UID, s.UID, s.UID}) {
		t.Errorf("witness %+v", w)
	}
	for _, p := range w.Probes {
		if !p.Held() {
			t.Errorf("probe %+v not held", p)
		}
	}
	if s.ruled() && len(w.Probes) < 9 {
		t.Errorf("%d probes, want at least 9", len(w.Probes))
	}
	again, _, _ := s.run(t, conf, sh("kill -9 $$"))
	if again.ExitCode != -1 || again.Signal != "SIGKILL" || again.Killed || again.TimedOut {
		t.Errorf("result %+v, want SIGKILL by itself", again)
	}
	if again.Witness.Nonce == w.Nonce {
		t.Errorf("nonce %q used twice", w.Nonce)
	}
}

func (s *suite) streams(t *testing.T) {
	cmd := sh("cat; echo err >&2")
	cmd.Stdin = strings.NewReader("in\n")
	if _, out, errs := s.run(t, s.profile(), cmd); out != "in\n" || errs != "err\n" {
		t.Errorf("stdout %q, stderr %q", out, errs)
	}
	if _, out, _ := s.run(t, s.profile(), sh("wc -c")); strings.TrimSpace(out) != "0" {
		t.Errorf("without input wc saw %q bytes", out)
	}
	blocked, unblock := io.Pipe()
	defer func() { _ = unblock.Close() }()
	cmd = sh("exit 3")
	cmd.Stdin = blocked
	if res, _, _ := s.run(t, s.profile(), cmd); res.ExitCode != 3 {
		t.Errorf("result %+v with an input that never ends", res)
	}
	cmd = sh("echo $A:$SECRET; env | sort")
	cmd.Env = append(cmd.Env, "A=1")
	if _, out, _ := s.run(t, s.profile(), cmd); !strings.HasPrefix(out, "1:\n") {
		t.Errorf("environment %q", out)
	}
}

func (s *suite) refusals(t *testing.T) {
	var level *sandbox.LevelError
	if _, err := s.runner.Run(context.Background(), policy.Permit{}, sh("exit 0")); !errors.Is(err, sandbox.ErrPermit) {
		t.Errorf("without a permit: %v", err)
	}
	conf := s.profile()
	conf.Level = policy.LevelNone
	if _, err := s.runner.Run(context.Background(), Permit(t, conf), sh("exit 0")); !errors.Is(err, sandbox.ErrPermit) {
		t.Errorf("unconfined without leave: %v", err)
	}
	conf.Level = policy.LevelContainer
	if _, err := s.runner.Run(context.Background(), Permit(t, conf), sh("exit 0")); !errors.As(err, &level) || len(level.Missing) == 0 || level.Rule() != sandbox.RuleLevelUnavailable {
		t.Errorf("container: %v", err)
	}
	conf.Level = policy.Level(200)
	if _, err := s.runner.Run(context.Background(), Permit(t, conf), sh("exit 0")); !errors.As(err, &level) {
		t.Errorf("unknown level: %v", err)
	}
	for name, change := range map[string]func(*policy.Confinement, *sandbox.Cmd){
		"relative program":   func(_ *policy.Confinement, c *sandbox.Cmd) { c.Path = "sh" },
		"no argv":            func(_ *policy.Confinement, c *sandbox.Cmd) { c.Args = nil },
		"environment twice":  func(_ *policy.Confinement, c *sandbox.Cmd) { c.Env = []string{"A=1", "A=2"} },
		"NUL":                func(_ *policy.Confinement, c *sandbox.Cmd) { c.Args = []string{"sh", "a\x00b"} },
		"relative workspace": func(p *policy.Confinement, _ *sandbox.Cmd) { p.Workspace = "ws" },
		"dotted workspace":   func(p *policy.Confinement, _ *sandbox.Cmd) { p.Workspace = s.ws + "/../ws" },
		"absent workspace":   func(p *policy.Confinement, _ *sandbox.Cmd) { p.Workspace = s.ws + "/absent"; p.ReadOnly = nil },
	} {
		conf, cmd := s.profile(), sh("exit 0")
		change(&conf, &cmd)
		if _, err := s.runner.Run(context.Background(), Permit(t, conf), cmd); err == nil {
			t.Errorf("%s: ran", name)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.runner.Run(ctx, Permit(t, s.profile()), sh("exit 0")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
}

func (s *suite) execError(t *testing.T) {
	var e *sandbox.ExecError
	cmd := sandbox.Cmd{Path: "/usr/bin/no-such-program", Args: []string{"x"}}
	if _, err := s.runner.Run(context.Background(), Permit(t, s.profile()), cmd); !errors.As(err, &e) || !errors.Is(err, syscall.ENOENT) {
		t.Errorf("absent program: %v", err)
	}
	cmd.Path = s.ws + "/AGENTS.md"
	if _, err := s.runner.Run(context.Background(), Permit(t, s.profile()), cmd); !errors.As(err, &e) || !errors.Is(err, syscall.EACCES) {
		t.Errorf("not executable: %v", err)
	}
}

func (s *suite) output(t *testing.T) {
	conf := s.profile()
	conf.Limits.OutputBytes = 1000
	res, out, errs := s.run(t, conf, sh("yes | head -c 600; yes | head -c 100000 >&2; exit 4"))
	if res.ExitCode != 4 || !res.OutputCut || len(out)+len(errs) != 1000 {
		t.Errorf("%d + %d bytes, cut %t, exit %d; want 1000, true, 4", len(out), len(errs), res.OutputCut, res.ExitCode)
	}
	res, out, _ = s.run(t, conf, sh("yes | head -c 1000"))
	if res.OutputCut || len(out) != 1000 {
		t.Errorf("%d bytes, cut %t; want 1000, false", len(out), res.OutputCut)
	}
}
