//go:build linux && (amd64 || arm64)

package linux

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/sandboxtest"
)

// fakeGroup is a group whose files are ordinary ones, as the kernel has them
// for a version.
func fakeGroup(t *testing.T, version int) *cgroup {
	t.Helper()
	c := &cgroups{version: version, trees: []tree{{t.TempDir(), []string{"memory", "pids", "cpu"}}}, memory: 1 << 30}
	g, err := c.make("x")
	if err != nil {
		t.Fatal(err)
	}
	files := []string{"pids.max", "memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "cgroup.kill", "cgroup.procs"}
	if version == 1 {
		files = []string{"pids.max", "memory.limit_in_bytes", "cpu.cfs_period_us", "cpu.cfs_quota_us", "cgroup.procs"}
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(g.dirs[0], f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func TestCgroupLimits(t *testing.T) {
	all := policy.Limits{Processes: 40, MemoryBytes: 1 << 26, CPUPercent: 50}
	for _, x := range []struct {
		version int
		limits  policy.Limits
		want    map[string]string
	}{
		{2, all, map[string]string{"pids.max": fmt.Sprint(40 + stageThreads), "memory.max": "67108864", "memory.swap.max": "0", "memory.oom.group": "1", "cpu.max": "50000 100000"}},
		{1, all, map[string]string{"pids.max": fmt.Sprint(40 + stageThreads), "memory.limit_in_bytes": "67108864", "cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}},
		{2, policy.Limits{Processes: 1}, map[string]string{"memory.max": "1073741824", "cpu.max": ""}},
		{1, policy.Limits{Processes: 1}, map[string]string{"memory.limit_in_bytes": "1073741824", "cpu.cfs_quota_us": ""}},
	} {
		g := fakeGroup(t, x.version)
		if err := g.limit(x.limits); err != nil {
			t.Fatal(err)
		}
		for name, want := range x.want {
			if b, err := os.ReadFile(filepath.Join(g.dirs[0], name)); err != nil || string(b) != want {
				t.Errorf("v%d %s is %q, %v, want %q", x.version, name, b, err, want)
			}
		}
	}
	g := fakeGroup(t, 2)
	if g.kill(); g.read("pids", "cgroup.kill") != "1" {
		t.Error("the group was not killed")
	}
	g.dirs[0] = filepath.Join(g.dirs[0], "absent")
	if err := g.limit(policy.Limits{}); err == nil {
		t.Error("limits of an absent group were set")
	}
	if c := delegated(t.TempDir(), ""); c != nil {
		t.Errorf("a plain directory counts as a group: %+v", c)
	}
}

// TestCgroupDivided: a delegated directory that hands its controllers down has
// groups for runs; one that cannot has none.
func TestCgroupDivided(t *testing.T) {
	dir := t.TempDir()
	control := filepath.Join(dir, "cgroup.subtree_control")
	if err := os.WriteFile(control, []byte("cpu io memory pids\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if c := divided(dir); c == nil || c.version != 2 || !c.controls("cpu") || !c.controls("memory") || !c.controls("pids") || c.controls("hugetlb") {
		t.Errorf("found %+v", c)
	}
	// What is written to a plain file does not come back as the kernel would say it.
	if err := os.WriteFile(control, []byte("pids\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if c := divided(dir); c != nil {
		t.Errorf("without memory: %+v", c)
	}
}

func TestCgroupHierarchies(t *testing.T) {
	const mounts = `24 18 0:21 / /sys/fs/cgroup ro - tmpfs tmpfs ro
25 24 0:22 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
26 24 0:23 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
27 24 0:24 / /sys/fs/cgroup/my\040pids rw - cgroup cgroup rw,pids
28 24 0:25 /else /sys/fs/cgroup/memory2 rw - cgroup cgroup rw,memory
29 24 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`
	const own = "9:cpu,cpuacct:/svc\n4:memory:/docker/abc/inner\n3:pids:/\n0::/svc\n"
	want := []tree{{"/sys/fs/cgroup/cpu,cpuacct/svc", []string{"cpu"}}, {"/sys/fs/cgroup/memory/inner", []string{"memory"}}, {"/sys/fs/cgroup/my pids", []string{"pids"}}}
	if got := hierarchies(mounts, own); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found %v, want %v", got, want)
	}
	if got := hierarchies(mounts, "4:memory:/elsewhere\n"); len(got) != 0 {
		t.Errorf("a group outside the mount was found: %v", got)
	}
	g := &cgroup{of: &cgroups{version: 1}, name: "openclaw-1-n"}
	seen := "4:memory:/docker/abc/openclaw-1-n\n3:pids:/openclaw-1-nn\n0::/svc\nUid:\t1\n"
	for controller, want := range map[string]bool{"memory": true, "pids": false, "cpu": false} {
		if g.within(controller, seen) != want {
			t.Errorf("within %s: %t, want %t", controller, !want, want)
		}
	}
	two := &cgroup{of: &cgroups{version: 2}, name: "run"}
	if !two.within("memory", "0::/svc/run\n") || two.within("memory", "0::/svc\n4:memory:/other/run2\n") {
		t.Error("the version 2 group is not told")
	}
}

// TestCgroupSweep: groups of gateways that are gone are removed, others stay.
func TestCgroupSweep(t *testing.T) {
	gone := exec.Command("/usr/bin/true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mine, dead, other := fmt.Sprintf("openclaw-%d-a", os.Getpid()), fmt.Sprintf("openclaw-%d-a", gone.Process.Pid), "openclaw-service"
	for _, n := range []string{mine, dead, other} {
		if err := os.Mkdir(filepath.Join(dir, n), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	(&cgroups{trees: []tree{{dir: dir}}}).sweep()
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 2 || slices.ContainsFunc(list, func(e os.DirEntry) bool { return e.Name() == dead }) {
		t.Errorf("left %v, %v", list, err)
	}
}

// TestCgroupOfRun: with hierarchies that root may divide, a run is in groups of
// its own, its witness says so, and nothing is left.
func TestCgroupOfRun(t *testing.T) {
	if os.Geteuid() != 0 {
		return // TestAttackMatrix has an ordinary user with groups
	}
	r := newRunner(t, filepath.Join(openDir(t), "skeleton"), nil)
	if s := r.Support(); s.Cgroup == "none" || s.Guarantees&(policy.MemoryLimit|policy.PidsLimit|policy.CPULimit) != policy.MemoryLimit|policy.PidsLimit|policy.CPULimit {
		t.Fatalf("support %+v, want memory, pids and cpu groups", s)
	}
	for _, level := range matrixLevels() {
		conf := policy.Confinement{Level: level, Limits: policy.Limits{MemoryBytes: 1 << 28, Processes: 50, CPUPercent: 200}}
		for range 2 { // anew, and in what was made ahead
			res, err := r.Run(t.Context(), sandboxtest.Permit(t, conf), shell("exit 0"))
			if err != nil {
				t.Fatal(err)
			}
			by := "cgroup " + r.cgroup.String()
			want := []sandbox.Limit{{Name: "memory", Value: "268435456", By: by}, {Name: "processes", Value: fmt.Sprint(50 + stageThreads), By: by}, {Name: "cpu", Value: "200%", By: by}}
			if !slices.Equal(res.Witness.Limits, want) || res.Guarantees&policy.CPULimit == 0 || res.Guarantees&policy.MemoryLimit == 0 {
				t.Errorf("%v: limits %+v, guarantees %v", level, res.Witness.Limits, res.Guarantees.Names())
			}
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, x := range r.cgroup.trees {
		if left, err := filepath.Glob(filepath.Join(x.dir, fmt.Sprintf("openclaw-%d-*", os.Getpid()))); err != nil || len(left) != 0 {
			t.Errorf("left behind: %q, %v", left, err)
		}
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
	r.cgroup = &cgroups{version: 2, trees: []tree{{dir: dir}}}
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
	if err != nil || !strings.Contains(string(at), "0::") || !strings.Contains(string(at), filepath.Base(dir)+"/"+x.group.name+"\n") {
		t.Errorf("stage is in %q, %v, want %s", at, err, x.group.name)
	}
	x.end()
	if left, err := filepath.Glob(filepath.Join(dir, "openclaw-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
