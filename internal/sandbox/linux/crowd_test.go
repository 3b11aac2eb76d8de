//go:build linux && (amd64 || arm64)

package linux

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox/sandboxtest"
)

// crowd is how many runs the soak has at once; the plain run has a sample.
const (
	crowd       = 500
	crowdSample = 60
)

// TestCrowd: many runs at once all end as they should, and leave no process,
// namespace, mount, descriptor, group or file behind.
func TestCrowd(t *testing.T) {
	dir := openDir(t)
	r := newRunner(t, filepath.Join(dir, "skeleton"), nil)
	ws := workspace(t, dir)
	conf := policy.Confinement{Level: policy.LevelIsolated, Workspace: ws, WorkspaceWrite: true, ReadOnly: []string{ws + "/.envrc"}}
	n := crowdSample
	if os.Getenv("OPENCLAW_SOAK") != "" {
		n = crowd
	}
	// What is there once and stays: launcher, pools of descriptors, the poller.
	if _, err := r.Run(t.Context(), sandboxtest.Permit(t, conf), shell("exit 0")); err != nil {
		t.Fatal(err)
	}
	settle := func() map[string]int {
		r.spares.mu.Lock()
		r.spares.drop(func(*spare) bool { return true })
		r.spares.mu.Unlock()
		r.tails.Wait()
		runtime.GC()
		return left(t, r)
	}
	before := settle()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			var out bytes.Buffer
			c := shell(fmt.Sprintf("echo %d; sleep 1000 & (setsid sleep 1000 &); exit %d", i, i%100))
			c.Stdout = &out
			res, err := r.Run(t.Context(), sandboxtest.Permit(t, conf), c)
			if err != nil || res.ExitCode != i%100 || strings.TrimSpace(out.String()) != strconv.Itoa(i) || res.Enforced != policy.LevelIsolated {
				t.Errorf("run %d said %q: %+v, %v", i, out.String(), res, err)
			}
		})
	}
	all.Wait()
	after := settle()
	for what, had := range before {
		if after[what] > had {
			t.Errorf("%s: %d, had %d before %d runs", what, after[what], had, n)
		}
	}
}

// left counts what runs could leave.
func left(t *testing.T, r *Runner) map[string]int {
	t.Helper()
	count := func(pattern string) int {
		list, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	launcher := fmt.Sprintf("/proc/%d", r.launcher.pid)
	out := map[string]int{
		"descriptors":             count("/proc/self/fd/*"),
		"mounts":                  strings.Count(string(mounts), filepath.Dir(r.opts.SkeletonDir)), // others mount elsewhere meanwhile
		"descriptors of launcher": count(launcher + "/fd/*"),
		"files of runs":           count(filepath.Join(r.opts.SkeletonDir, scratchDir, "*")),
		"runs":                    len(r.runs),
		"turns":                   len(r.room) + len(r.slots) + len(r.dying),
		"placeholders":            len(r.steering.holds),
	}
	if r.cgroup != nil {
		for _, x := range r.cgroup.trees {
			out["groups"] += count(filepath.Join(x.dir, fmt.Sprintf("%s%d-*", groupPrefix, os.Getpid())))
		}
	}
	// Processes of the uid of runs, and the namespaces that they hold.
	seen := map[string]bool{}
	statuses, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statuses {
		text, err := os.ReadFile(s)
		if err != nil || !strings.Contains(string(text), fmt.Sprintf("\nUid:\t%d\t", r.uid)) || !strings.Contains(string(text), "\nNSpid:") {
			continue
		}
		fields := strings.Fields(strings.SplitN(strings.SplitN(string(text), "\nNSpid:", 2)[1], "\n", 2)[0])
		if len(fields) < 2 {
			continue // not in a pid namespace of a run
		}
		out["processes in namespaces"]++
		if ns, err := os.Readlink(filepath.Join(filepath.Dir(s), "ns/pid")); err == nil && !seen[ns] {
			seen[ns] = true
			out["namespaces"]++
		}
	}
	return out
}
