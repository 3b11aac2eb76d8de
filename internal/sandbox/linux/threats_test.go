//go:build linux && (amd64 || arm64)

package linux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
	"github.com/openclaw-go/openclaw/internal/sandbox/sandboxtest"
)

// TestR12WitnessIsProof: a witness has the kernel's facts from inside and from
// outside, and the outcome of forbidden acts of the same task; without any one
// of these the run is refused. TestFault has layers that are really left out.
func TestR12WitnessIsProof(t *testing.T) {
	dir := openDir(t)
	r := newRunner(t, filepath.Join(dir, "skeleton"), nil)
	ws := workspace(t, dir)
	nonces := map[string]bool{}
	for range 3 { // anew, and by what was made ahead
		res, err := r.Run(t.Context(), sandboxtest.Permit(t, policy.Confinement{Level: policy.LevelIsolated, Workspace: ws}), shell("exit 0"))
		if err != nil {
			t.Fatal(err)
		}
		w := res.Witness
		nonces[w.Nonce] = true
		if w.FilterHash == "" || w.MountsHash == "" || w.EnvHash == "" || len(w.OpenFDs) == 0 || fmt.Sprint(w.Inside.Namespaces) != fmt.Sprint(w.Outside.Namespaces) || w.Outside.SeccompFilters < 1 {
			t.Errorf("witness %+v", w)
		}
		for _, name := range []string{"canary before", "canary", "udp", "mptcp", "unix", "vsock", "unshare", "io_uring", "keyctl"} {
			if !slices.ContainsFunc(w.Probes, func(p sandbox.Probe) bool { return p.Name == name && p.Held() }) {
				t.Errorf("no proof by %q in %+v", name, w.Probes)
			}
		}
	}
	if len(nonces) != 3 {
		t.Errorf("nonces %v, want three", nonces)
	}
	// Each proof by itself: without it, or with another outcome, it is no level.
	good := newScene()
	if _, held := good.judge(); len(good.v.misses) > 0 || policy.LevelIsolated.Guarantees()&^held != 0 {
		t.Fatalf("the good witness misses %q", good.v.misses)
	}
	for i, p := range good.v.report.Probes {
		for what, spoil := range map[string]func(*scene){
			"left out": func(s *scene) { s.v.report.Probes = slices.Delete(slices.Clone(s.v.report.Probes), i, i+1) },
			"worked":   func(s *scene) { s.v.report.Probes[i].Errno = (p.Errno + 1) % 2 * int(unix.EACCES) },
		} {
			s := newScene()
			spoil(s)
			if _, held := s.judge(); len(s.v.misses) == 0 && policy.LevelIsolated.Guarantees()&^held == 0 {
				t.Errorf("probe %q %s: accepted", p.Name, what)
			}
		}
	}
	for what, spoil := range map[string]func(*scene){
		"nonce of another run":     func(s *scene) { s.v.report.Nonce = "m" },
		"filter of another run":    func(s *scene) { s.v.report.Filter++ },
		"told otherwise by itself": func(s *scene) { s.status = strings.Replace(s.status, "Seccomp_filters:\t1", "Seccomp_filters:\t9", 1) },
		"seen otherwise outside":   func(s *scene) { s.outside = strings.Replace(s.outside, "NoNewPrivs:\t1", "NoNewPrivs:\t0", 1) },
	} {
		s := newScene()
		spoil(s)
		if s.judge(); len(s.v.misses) == 0 {
			t.Errorf("%s: accepted", what)
		}
	}
}

// TestR13LevelsAreSets: a level is enough for another when it has all of its
// guarantees, whatever their order; below isolated no unix socket and no group
// of the gateway's is there.
func TestR13LevelsAreSets(t *testing.T) {
	enough := func(have, want policy.Level) bool { return want.Guarantees()&^have.Guarantees() == 0 }
	for _, x := range []struct {
		have, want policy.Level
		ok         bool
	}{
		{policy.LevelIsolated, policy.LevelConfined, true}, {policy.LevelConfined, policy.LevelProcess, true},
		{policy.LevelContainer, policy.LevelIsolated, false}, {policy.LevelContainer, policy.LevelConfined, false},
		{policy.LevelConfined, policy.LevelIsolated, false}, {policy.LevelIsolated, policy.Level(99), false},
	} {
		if enough(x.have, x.want) != x.ok {
			t.Errorf("%v for %v: %t, want %t", x.have, x.want, !x.ok, x.ok)
		}
	}
	dir := openDir(t)
	r := newRunner(t, filepath.Join(dir, "skeleton"), nil)
	r.Support()
	// One guarantee less, and the level is not there although every higher-ranked
	// thing is.
	for _, g := range single(policy.LevelIsolated.Guarantees()) {
		kept := r.support.Guarantees
		r.support.Guarantees &^= g
		var level *sandbox.LevelError
		if err := r.hold(policy.LevelIsolated); !errors.As(err, &level) || !slices.Equal(level.Missing, g.Names()) {
			t.Errorf("without %v: %v", g.Names(), err)
		}
		r.support.Guarantees = kept
	}
	res, err := r.Run(t.Context(), sandboxtest.Permit(t, policy.Confinement{Level: policy.LevelConfined}), shell("exit 0"))
	if err != nil {
		t.Fatal(err)
	}
	if res.Guarantees&policy.NoUnixSocket == 0 || (os.Geteuid() == 0 && len(res.Witness.Outside.Groups) != 0) {
		t.Errorf("confined: %v, groups %v", res.Guarantees.Names(), res.Witness.Outside.Groups)
	}
}

// TestR55FailureRefuses: what the machine holds is found once; when it fails
// later, by somebody who uses it up, runs are refused and nothing runs lower.
func TestR55FailureRefuses(t *testing.T) {
	dir := openDir(t)
	r := newRunner(t, filepath.Join(dir, "skeleton"), nil)
	ws := workspace(t, dir)
	before := r.Support()
	r.spares.close() // the next one is to be started anew
	var full unix.Rlimit
	if err := unix.Prlimit(r.launcher.pid, unix.RLIMIT_NOFILE, nil, &full); err != nil {
		t.Fatal(err)
	}
	// The launcher has no descriptor left to make a sandbox with.
	if err := unix.Prlimit(r.launcher.pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 4, Max: full.Max}, nil); err != nil {
		t.Fatal(err)
	}
	conf := policy.Confinement{Level: policy.LevelIsolated, Workspace: ws, WorkspaceWrite: true}
	for range 3 {
		if res, err := r.Run(t.Context(), sandboxtest.Permit(t, conf), shell("echo ran > ran")); err == nil || res.Enforced != policy.LevelNone {
			t.Errorf("ran without what it needs: %+v", res)
		}
	}
	if _, err := os.Lstat(filepath.Join(ws, "ran")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the program ran: %v", err)
	}
	if after := r.Support(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("support was %+v, is %+v", before, after)
	}
	l, err := r.current()
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(l.pid, unix.RLIMIT_NOFILE, &full, nil); err != nil {
		t.Fatal(err)
	}
	if res, err := r.Run(t.Context(), sandboxtest.Permit(t, conf), shell("echo ran > ran")); err != nil || res.Enforced != policy.LevelIsolated {
		t.Errorf("afterwards: %+v, %v", res, err)
	}
}

// TestR59RunsCannotStarveTheGateway: runs are the first to be killed for
// memory, their private file systems, output and number are bounded, and what
// has no bound is said. TestAttackMatrix fills each of them up.
func TestR59RunsCannotStarveTheGateway(t *testing.T) {
	dir := openDir(t)
	uid, gid := ids()
	r, err := New(Options{SkeletonDir: filepath.Join(dir, "skeleton"), UID: uid, GID: gid, MostRuns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	own, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range matrixLevels() {
		var out strings.Builder
		c := shell("cat /proc/self/oom_score_adj")
		c.Stdout = &out
		res, err := r.Run(t.Context(), sandboxtest.Permit(t, policy.Confinement{Level: level}), c)
		if err != nil || out.String() != "1000\n" {
			t.Errorf("%v: a run's turn to be killed is %q, %v", level, out.String(), err)
		}
		if len(res.Witness.Limits) != 3 {
			t.Errorf("%v: limits %+v", level, res.Witness.Limits)
		}
		for _, l := range res.Witness.Limits {
			if l.By == "" || (l.By == "nothing") != strings.Contains(res.Witness.Summary(), l.Name) {
				t.Errorf("%v: limit %+v is not told by %q", level, l, res.Witness.Summary())
			}
		}
	}
	now, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil || string(now) != string(own) {
		t.Errorf("the gateway's own turn was %q, is %q, %v", own, now, err)
	}
	// Two go on; the third waits, for as long as whoever asks does.
	permit := sandboxtest.Permit(t, policy.Confinement{Level: policy.LevelProcess})
	var going []sandbox.Process
	for range 2 {
		out, in := io.Pipe()
		c := shell("echo ready; exec sleep 1000")
		c.Stdout = in
		p, err := r.Start(t.Context(), permit, c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		going = append(going, p)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := r.Run(ctx, permit, shell("exit 0")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third run beside two: %v", err)
	}
	if err := going[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context(), permit, shell("exit 0")); err != nil {
		t.Errorf("in the turn of one that ended: %v", err)
	}
	if err := going[1].Kill(); err != nil {
		t.Fatal(err)
	}
}

// TestKernelWithout: what a kernel lacks is found, named, and refuses the
// levels that need it, while what it has still works.
func TestKernelWithout(t *testing.T) {
	dir := openDir(t)
	uid, gid := ids()
	t.Run("Landlock", func(t *testing.T) {
		r, err := New(Options{SkeletonDir: filepath.Join(dir, "one"), UID: uid, GID: gid})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		r.abi = 0
		if s := r.Support(); !slices.Equal(s.Levels, []policy.Level{policy.LevelProcess}) || !slices.ContainsFunc(s.Missing, func(m sandbox.Missing) bool { return strings.Contains(m.Why, "Landlock") }) {
			t.Errorf("support %+v", s)
		}
		for _, level := range matrixLevels() {
			_, err := r.Run(t.Context(), sandboxtest.Permit(t, policy.Confinement{Level: level}), shell("exit 0"))
			var missing *sandbox.LevelError
			if (err == nil) != (level == policy.LevelProcess) || (err != nil && (!errors.As(err, &missing) || !strings.Contains(missing.Kernel, "Landlock"))) {
				t.Errorf("%v: %v", level, err)
			}
		}
	})
	t.Run("user namespaces", func(t *testing.T) {
		p := &plan{level: policy.LevelIsolated, spec: confine.Spec{Level: confine.LevelIsolated}}
		for _, e := range []unix.Errno{unix.EPERM, unix.ENOSPC, unix.EINVAL} {
			var missing *sandbox.LevelError
			if err := p.refusal(confine.Failure{Step: "clone", Errno: int(e)}, 7); !errors.As(err, &missing) || !strings.HasPrefix(missing.Kernel, "new namespaces: ") {
				t.Errorf("%v: %v", e, err)
			}
		}
	})
}
