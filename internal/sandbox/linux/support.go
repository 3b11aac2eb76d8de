//go:build linux && (amd64 || arm64)

package linux

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
)

// Support measures by a run at each level that ends after its witness.
func (r *Runner) Support() sandbox.Support {
	r.measure.Do(func() { r.support = r.measured() })
	return r.support
}

func (r *Runner) measured() sandbox.Support {
	s := sandbox.Support{Backend: "linux", Kernel: release(), LandlockABI: r.abi, Stage: "embedded", Cgroup: "none", UID: r.uid, GID: r.gid}
	if len(r.stage) == 0 {
		s.Stage = "self"
		s.Notes = append(s.Notes, "built without the embedded stage: every run starts by executing this program again, which is slower")
	}
	why := map[policy.Guarantees]string{}
	for _, level := range []policy.Level{policy.LevelProcess, policy.LevelConfined, policy.LevelIsolated} {
		held, err := r.trial(level)
		r.trials[level] = err
		s.Guarantees |= held
		if level.Guarantees()&^held == 0 {
			s.Levels = append(s.Levels, level)
			continue
		}
		for _, g := range single(level.Guarantees() &^ held) {
			if why[g] == "" {
				why[g] = reason(err)
			}
		}
	}
	s.Cgroup = r.cgroup.String()
	if r.cgroup != nil {
		s.Guarantees |= policy.MemoryLimit | policy.PidsLimit
	} else {
		why[policy.MemoryLimit] = "no cgroup with the memory and pids controllers is given to the gateway (systemd: Delegate=yes)"
		s.Notes = append(s.Notes, "without a cgroup, memory is limited for each process, not for a run as a whole")
		why[policy.PidsLimit] = "no cgroup, and the process limit of a uid counts for a run only in a user namespace of its own"
	}
	if r.cgroup != nil && r.cgroup.controls("cpu") {
		s.Guarantees |= policy.CPULimit
	} else {
		why[policy.CPULimit] = "no cgroup with the cpu controller is given to the gateway"
	}
	all := policy.LevelIsolated.Guarantees() | policy.MemoryLimit | policy.PidsLimit | policy.CPULimit
	for _, g := range single(all &^ s.Guarantees) {
		s.Missing = append(s.Missing, sandbox.Missing{Guarantee: g.Names()[0], Why: why[g]})
	}
	if !slices.Contains(s.Levels, policy.LevelIsolated) {
		s.Notes = append(s.Notes, "below isolated a program shares the host's process list, and steering files are protected by rules that also forbid new entries beside them")
	}
	return s
}

// trial runs nothing at a level and gives what its witness proves.
func (r *Runner) trial(level policy.Level) (policy.Guarantees, error) {
	p, err := r.start(context.Background(), job{conf: policy.Confinement{Level: level}, dry: true,
		cmd: sandbox.Cmd{Path: "/proc/self/exe", Args: []string{"trial"}}})
	if err != nil {
		var w *sandbox.WitnessError
		var l *sandbox.LevelError
		if !errors.As(err, &w) && !errors.As(err, &l) {
			r.log.Warn("sandbox level not available", "level", level.String(), "error", err)
		}
		return 0, err
	}
	_, err = p.Wait()
	return p.holds, err
}

func single(g policy.Guarantees) []policy.Guarantees {
	out := []policy.Guarantees{}
	for bit := policy.Guarantees(1); bit != 0; bit <<= 1 {
		if g&bit != 0 {
			out = append(out, bit)
		}
	}
	return out
}

func reason(err error) string {
	var l *sandbox.LevelError
	switch {
	case errors.As(err, &l):
		return l.Kernel
	case err != nil:
		return err.Error()
	}
	return "the witness did not show it"
}

func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// landlockMissing refuses the levels that need file rules on a kernel without.
func (r *Runner) landlockMissing(want policy.Level) error {
	if r.abi >= confine.LeastABI {
		return nil
	}
	return &sandbox.LevelError{Want: want, Got: policy.LevelProcess, Missing: policy.FSRules.Names(),
		Kernel: fmt.Sprintf("Landlock ABI %d, want at least %d (Linux 6.2 with landlock in the lsm= list)", r.abi, confine.LeastABI)}
}
