//go:build linux && (amd64 || arm64)

package linux

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// cgroups is a delegated cgroup v2 directory with one child per run.
type cgroups struct{ dir string }

// findCgroup gives nil unless children of the directory get memory and pids
// limits. An empty dir means the gateway's own cgroup.
func findCgroup(dir string) *cgroups {
	if dir == "" {
		text, err := os.ReadFile("/proc/self/cgroup")
		if err != nil {
			return nil
		}
		for line := range strings.Lines(string(text)) {
			if own, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
				dir = filepath.Join("/sys/fs/cgroup", own)
			}
		}
	}
	var st unix.Statfs_t
	if dir == "" || unix.Statfs(dir, &st) != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
		return nil
	}
	control := filepath.Join(dir, "cgroup.subtree_control")
	if !controls(control) {
		if err := os.WriteFile(control, []byte("+memory +pids"), 0); err != nil || !controls(control) {
			return nil
		}
	}
	return &cgroups{dir}
}

func controls(path string) bool {
	text, err := os.ReadFile(path)
	words := " " + strings.TrimSpace(string(text)) + " "
	return err == nil && strings.Contains(words, " memory ") && strings.Contains(words, " pids ")
}

// cgroup is the group of one run.
type cgroup struct {
	dir string
	fd  int
}

// make gives a group that has no limits yet.
func (c *cgroups) make(nonce string) (*cgroup, error) {
	g := &cgroup{dir: filepath.Join(c.dir, "run-"+nonce), fd: -1}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, fmt.Errorf("sandbox: cgroup: %w", err)
	}
	fd, err := unix.Open(g.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		g.remove()
		return nil, fmt.Errorf("sandbox: cgroup %q: %w", g.dir, err)
	}
	g.fd = fd
	return g, nil
}

// limit sets what holds from before the program's first instruction.
func (g *cgroup) limit(l policy.Limits) error {
	for name, value := range g.files(l) {
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(value), 0); err != nil {
			return fmt.Errorf("sandbox: cgroup: %w", err)
		}
	}
	return nil
}

func (g *cgroup) files(l policy.Limits) map[string]string {
	out := map[string]string{"pids.max": strconv.Itoa(l.Processes + stageThreads)}
	if l.MemoryBytes > 0 {
		out["memory.max"] = strconv.FormatInt(l.MemoryBytes, 10)
		out["memory.swap.max"] = "0"
		out["memory.oom.group"] = "1"
	}
	return out
}

func (g *cgroup) kill() { _ = os.WriteFile(filepath.Join(g.dir, "cgroup.kill"), []byte("1"), 0) }

func (g *cgroup) remove() {
	if g.fd >= 0 {
		_ = unix.Close(g.fd)
		g.fd = -1
	}
	_ = os.Remove(g.dir)
}
