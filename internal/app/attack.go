package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/attack"
)

// SandboxTest is what this machine's kernel held when it was tried.
type SandboxTest struct {
	sandbox.Support
	Attacks []attack.Outcome `json:"attacks"`
}

// Failed are the attempts that did not end as their level promises.
func (t SandboxTest) Failed() []attack.Outcome {
	return slices.DeleteFunc(slices.Clone(t.Attacks), attack.Outcome.Held)
}

// KernelLevels are the levels that the kernel holds without an engine.
func KernelLevels() []policy.Level {
	return []policy.Level{policy.LevelProcess, policy.LevelConfined, policy.LevelIsolated}
}

// MeasureSandbox says what this machine can hold for a home, without opening
// it: nothing is recorded, and a running gateway's sandboxes are not touched.
func MeasureSandbox(p configfile.Paths) (sandbox.Support, error) {
	t, err := TestSandbox(context.Background(), p, nil, nil)
	return t.Support, err
}

// TestSandbox makes the attacks of the suite at each of the levels in runs of
// its own, outside the home, with the uid that the home's runs have. They run
// this program and nothing else, so no journal has them. say may be nil.
func TestSandbox(ctx context.Context, p configfile.Paths, levels []policy.Level, say func(level string)) (SandboxTest, error) {
	m, err := readMarker(p)
	if err != nil {
		return SandboxTest{}, err
	}
	uid, gid := m.RunUID, m.RunGID
	if uid <= 0 || gid <= 0 { // root has not started a gateway here yet
		uid, gid = nobody, nobody
	}
	return tested(ctx, levels, say, func(dir string) (sandbox.Runner, error) {
		return kernelRunner(filepath.Join(dir, "sandboxes"), uid, gid, slog.New(slog.DiscardHandler))
	})
}

// testSandbox makes the attacks by the gateway's own sandbox.
func (a *App) testSandbox(ctx context.Context, levels []policy.Level) (SandboxTest, error) {
	return tested(ctx, levels, nil, func(string) (sandbox.Runner, error) { return borrowed{a.machine}, nil })
}

// borrowed outlives who uses it.
type borrowed struct{ sandbox.Runner }

func (borrowed) Close() error { return nil }

func tested(ctx context.Context, levels []policy.Level, say func(string), open func(dir string) (sandbox.Runner, error)) (t SandboxTest, err error) {
	dir, err := os.MkdirTemp(passable(os.TempDir()), "openclaw-sandbox-test")
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o711); err != nil { // the uid of runs passes through
		return t, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return t, err
	}
	r, err := open(dir)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	t.Support, t.Attacks = r.Support(), []attack.Outcome{}
	for _, level := range levels {
		if say != nil {
			say(level.String())
		}
		at := filepath.Join(dir, level.String())
		if err := errors.Join(os.Mkdir(at, 0o700), os.Chmod(at, 0o711)); err != nil {
			return t, err
		}
		t.Attacks = append(t.Attacks, attack.Run(ctx, attack.Options{Runner: r, Permit: attackPermit, Dir: at}, level)...)
	}
	return t, nil
}

// passable is a directory for temporary files that every uid can reach: runs
// below isolated find their program by its path.
func passable(dir string) string {
	real, err := filepath.EvalSymlinks(dir)
	for at := real; err == nil && at != "/"; at = filepath.Dir(at) {
		var fi os.FileInfo
		if fi, err = os.Stat(at); err == nil && fi.Mode().Perm()&0o001 == 0 {
			err = os.ErrPermission
		}
	}
	if err == nil || os.Geteuid() != 0 {
		return dir
	}
	return "/tmp"
}

// attackPermit is leave for one run of the suite: an operator asked for it.
func attackPermit(c policy.Confinement) (policy.Permit, error) {
	d, q := policy.OperatorRun("", "", json.RawMessage(`"attack suite"`), policy.Program{}, c, newID(""))
	return d.Permit(q)
}

// attacks turns outcomes into what the audit judges.
func attacks(outcomes []attack.Outcome) []audit.Attack {
	out := make([]audit.Attack, 0, len(outcomes))
	for _, o := range outcomes {
		x := audit.Attack{Name: o.Attempt, Level: o.Level.String(), Outcome: o.Class.String(), Detail: o.Detail, Held: o.Held()}
		x.Left = o.Class == attack.NotStopped && !o.Must && !o.Control
		out = append(out, x)
	}
	return out
}
