//go:build linux && (amd64 || arm64)

package linux

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/policy"
)

func TestCgroupLimits(t *testing.T) {
	g := &cgroup{dir: t.TempDir(), fd: -1}
	if err := g.limit(policy.Limits{Processes: 40, MemoryBytes: 1 << 26}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"pids.max": fmt.Sprint(40 + stageThreads), "memory.max": "67108864", "memory.swap.max": "0", "memory.oom.group": "1"} {
		if b, err := os.ReadFile(filepath.Join(g.dir, name)); err != nil || string(b) != want {
			t.Errorf("%s is %q, %v, want %q", name, b, err, want)
		}
	}
	g.dir = filepath.Join(g.dir, "absent")
	if err := g.limit(policy.Limits{}); err == nil {
		t.Error("limits of an absent group were set")
	}
	if c := findCgroup(t.TempDir()); c != nil {
		t.Errorf("a plain directory counts as a group: %+v", c)
	}
}

// TestCgroupBirth: a stage is born in its group, seen from outside, and the
// group goes with it. Limits need controllers, which a hybrid host does not
// delegate; being there does not.
func TestCgroupBirth(t *testing.T) {
	if os.Geteuid() != 0 {
		return // an ordinary user may not make a group
	}
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	mounts := parseMounts(string(text))
	i := slices.IndexFunc(mounts, func(m mounted) bool { return m.kind == "cgroup2" && m.has("rw") })
	if i < 0 {
		return // the kernel shows no cgroup v2
	}
	dir := filepath.Join(mounts[i].target, fmt.Sprintf("openclaw-test-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir)
	r := newRunner(t, filepath.Join(openDir(t), "skeleton"), nil)
	if len(r.stage) == 0 {
		return // nothing is made ahead
	}
	r.cgroup = &cgroups{dir}
	l, err := r.current()
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.plan(job{conf: policy.Confinement{Level: policy.LevelIsolated}, cmd: shell("exit 0")})
	if err != nil {
		t.Fatal(err)
	}
	defer p.undo()
	x, err := r.newSpare(l, spareKey{}, p.early())
	if err != nil {
		t.Fatal(err)
	}
	at, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", x.pid))
	if err != nil || !strings.Contains(string(at), "0::") || !strings.Contains(string(at), filepath.Base(dir)+"/"+filepath.Base(x.group.dir)+"\n") {
		t.Errorf("stage is in %q, %v, want %s", at, err, x.group.dir)
	}
	x.end()
	if left, err := filepath.Glob(filepath.Join(dir, "run-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
