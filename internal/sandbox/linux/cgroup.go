//go:build linux && (amd64 || arm64)

package linux

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// cgroups is where each run gets groups of its own: one directory of a
// delegated version 2 tree, or one in each hierarchy of version 1.
type cgroups struct {
	version int
	trees   []tree
	memory  int64 // what a run may have at most when its profile does not say
}

// tree is a directory in which groups are made, with what it controls.
type tree struct {
	dir         string
	controllers []string
}

// findCgroups gives nil unless runs get memory and pids limits. An empty dir
// means the gateway's own groups.
func findCgroups(dir string) *cgroups {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	c := delegated(dir, string(own))
	if c == nil && dir == "" {
		c = versionOne(hierarchies(string(info), string(own)))
	}
	if c != nil {
		c.memory = halfOfMemory()
		c.sweep()
	}
	return c
}

// delegated is a version 2 directory, by default the own one.
func delegated(dir, own string) *cgroups {
	if dir == "" {
		for line := range strings.Lines(own) {
			if at, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
				dir = filepath.Join("/sys/fs/cgroup", at)
			}
		}
	}
	var st unix.Statfs_t
	if dir == "" || unix.Statfs(dir, &st) != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
		return nil
	}
	return divided(dir)
}

// divided switches the controllers on for the groups beneath a directory.
func divided(dir string) *cgroups {
	control := filepath.Join(dir, "cgroup.subtree_control")
	has := controllersOf(control)
	for _, name := range []string{"memory", "pids", "cpu"} {
		if !slices.Contains(has, name) {
			_ = os.WriteFile(control, []byte("+"+name), 0)
		}
	}
	has = controllersOf(control)
	if !slices.Contains(has, "memory") || !slices.Contains(has, "pids") {
		return nil
	}
	return &cgroups{version: 2, trees: []tree{{dir, has}}}
}

func controllersOf(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

// hierarchies are those of version 1 that control what a run is limited in,
// each with the directory of this process.
func hierarchies(mountinfo, own string) []tree {
	at := map[string]string{} // by controller
	for line := range strings.Lines(own) {
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); len(parts) == 3 {
			for _, name := range strings.Split(parts[1], ",") {
				at[name] = parts[2]
			}
		}
	}
	out := []tree{}
	seen := map[string]bool{}
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		where, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(where) < 5 || len(kind) < 3 || kind[0] != "cgroup" {
			continue
		}
		names := []string{}
		for _, name := range strings.Split(kind[2], ",") {
			if slices.Contains([]string{"memory", "pids", "cpu"}, name) && !seen[name] {
				names = append(names, name)
			}
		}
		if len(names) == 0 {
			continue
		}
		rel, ok := relative(at[names[0]], where[3])
		if !ok {
			continue
		}
		for _, name := range names {
			seen[name] = true
		}
		out = append(out, tree{filepath.Join(unescape(where[4]), rel), names})
	}
	return out
}

// relative gives a path as seen beneath the root of a mount.
func relative(path, root string) (string, bool) {
	switch {
	case root == "/":
		return path, strings.HasPrefix(path, "/")
	case path == root:
		return "", true
	}
	return strings.CutPrefix(path, root+"/")
}

// versionOne takes the hierarchies in which groups may be made.
func versionOne(all []tree) *cgroups {
	c := &cgroups{version: 1}
	for _, t := range all {
		if unix.Access(t.dir, unix.W_OK|unix.X_OK) == nil {
			c.trees = append(c.trees, t)
		}
	}
	if !c.controls("memory") || !c.controls("pids") {
		return nil
	}
	return c
}

func (c *cgroups) controls(name string) bool {
	return slices.ContainsFunc(c.trees, func(t tree) bool { return slices.Contains(t.controllers, name) })
}

// String names the version for people.
func (c *cgroups) String() string {
	if c == nil {
		return "none"
	}
	return fmt.Sprintf("v%d", c.version)
}

func halfOfMemory() int64 {
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) != nil {
		return 0
	}
	return int64(s.Totalram) * int64(s.Unit) / 2
}

const groupPrefix = "openclaw-"

// sweep removes the groups of gateways that are gone.
func (c *cgroups) sweep() {
	for _, t := range c.trees {
		found, err := filepath.Glob(filepath.Join(t.dir, groupPrefix+"*-*"))
		if err != nil {
			continue
		}
		for _, dir := range found {
			pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), groupPrefix), "-")
			if n, err := strconv.Atoi(pid); err == nil && n > 0 && unix.Kill(n, 0) == unix.ESRCH {
				_ = os.Remove(dir)
			}
		}
	}
}

// cgroup is the group of one run.
type cgroup struct {
	of   *cgroups
	name string
	dirs []string // by tree
	fd   int      // to be born in; negative for version 1
}

// make gives a group that has no limits yet.
func (c *cgroups) make(nonce string) (*cgroup, error) {
	g := &cgroup{of: c, name: fmt.Sprintf("%s%d-%s", groupPrefix, os.Getpid(), nonce), fd: -1}
	for _, t := range c.trees {
		dir := filepath.Join(t.dir, g.name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			g.remove()
			return nil, fmt.Errorf("sandbox: cgroup: %w", err)
		}
		g.dirs = append(g.dirs, dir)
	}
	if c.version == 2 {
		fd, err := unix.Open(g.dirs[0], unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			g.remove()
			return nil, fmt.Errorf("sandbox: cgroup %q: %w", g.dirs[0], err)
		}
		g.fd = fd
	}
	return g, nil
}

// enter moves a stage into the groups that it could not be born in. Nothing
// foreign runs in it yet. The kernel may take milliseconds for each, so they
// are asked at once.
func (g *cgroup) enter(pid int) error {
	if g.of.version == 2 {
		return nil
	}
	errs := make([]error, len(g.dirs))
	var all sync.WaitGroup
	for i, dir := range g.dirs {
		all.Go(func() { errs[i] = os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sandbox: cgroup: %w", err)
	}
	return nil
}

// setting is one file of a group.
type setting struct {
	controller, file, value string
	may                     bool // its absence is no error
}

// cpuPeriod is the kernel's usual one, in microseconds.
const cpuPeriod = 100_000

// settings turn limits into files, in the order in which they must be written.
func (c *cgroups) settings(l policy.Limits) []setting {
	out := []setting{{controller: "pids", file: "pids.max", value: strconv.Itoa(l.Processes + stageThreads)}}
	memory := strconv.FormatInt(l.MemoryBytes, 10)
	if l.MemoryBytes == 0 {
		memory = strconv.FormatInt(c.memory, 10)
	}
	quota := strconv.Itoa(cpuPeriod / 100 * l.CPUPercent)
	switch {
	case memory == "0":
	case c.version == 2:
		out = append(out, setting{"memory", "memory.max", memory, false}, setting{"memory", "memory.swap.max", "0", true}, setting{"memory", "memory.oom.group", "1", true})
	default:
		out = append(out, setting{"memory", "memory.limit_in_bytes", memory, false}, setting{"memory", "memory.memsw.limit_in_bytes", memory, true})
	}
	switch {
	case l.CPUPercent == 0:
	case c.version == 2:
		out = append(out, setting{"cpu", "cpu.max", quota + " " + strconv.Itoa(cpuPeriod), false})
	default:
		out = append(out, setting{"cpu", "cpu.cfs_period_us", strconv.Itoa(cpuPeriod), false}, setting{"cpu", "cpu.cfs_quota_us", quota, false})
	}
	return out
}

// limit sets what holds from before the program's first instruction. What no
// controller holds is not set, and the witness does not have it.
func (g *cgroup) limit(l policy.Limits) error {
	for _, s := range g.of.settings(l) {
		dir, ok := g.dir(s.controller)
		if !ok {
			continue
		}
		err := writeExisting(filepath.Join(dir, s.file), s.value)
		if err != nil && !(s.may && errors.Is(err, os.ErrNotExist)) {
			return fmt.Errorf("sandbox: cgroup: %w", err)
		}
	}
	return nil
}

// writeExisting does not make a file where the kernel has none.
func writeExisting(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

func (g *cgroup) dir(controller string) (string, bool) {
	for i, t := range g.of.trees {
		if slices.Contains(t.controllers, controller) {
			return g.dirs[i], true
		}
	}
	return "", false
}

// within reports whether the launcher saw a process in the group of a
// controller; seen are lines of /proc/PID/cgroup.
func (g *cgroup) within(controller, seen string) bool {
	for line := range strings.Lines(seen) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 || !strings.HasSuffix(parts[2], "/"+g.name) {
			continue
		}
		if g.of.version == 2 && parts[0] == "0" || slices.Contains(strings.Split(parts[1], ","), controller) {
			return true
		}
	}
	return false
}

// read gives what the kernel says that a group's limit is.
func (g *cgroup) read(controller string, files ...string) string {
	dir, ok := g.dir(controller)
	if !ok {
		return ""
	}
	for _, f := range files {
		if b, err := os.ReadFile(filepath.Join(dir, f)); err == nil {
			return strings.TrimSpace(string(b))
		}
	}
	return ""
}

func (g *cgroup) kill() {
	if g.of.version == 2 {
		_ = writeExisting(filepath.Join(g.dirs[0], "cgroup.kill"), "1")
	}
}

// The kernel keeps a group for a moment after its last process.
const (
	removeTries = 25
	removePause = 2 * time.Millisecond
)

func (g *cgroup) remove() {
	if g.fd >= 0 {
		_ = unix.Close(g.fd)
		g.fd = -1
	}
	for _, dir := range g.dirs {
		for range removeTries {
			if err := os.Remove(dir); !errors.Is(err, unix.EBUSY) {
				break
			}
			time.Sleep(removePause)
		}
	}
}
