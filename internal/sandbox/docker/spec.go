//go:build linux && (amd64 || arm64)

package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// created is what a container is asked for, as the engine's API spells it.
type created struct {
	Image           string
	User            string
	Entrypoint, Cmd []string
	Env             []string
	WorkingDir      string
	Labels          map[string]string
	AttachStdin     bool
	AttachStdout    bool
	AttachStderr    bool
	OpenStdin       bool
	StdinOnce       bool
	NetworkDisabled bool
	HostConfig      hostConfig
}

type hostConfig struct {
	AutoRemove     bool
	ReadonlyRootfs bool
	CapDrop        []string
	SecurityOpt    []string
	NetworkMode    string
	IpcMode        string
	CgroupnsMode   string
	PidsLimit      int64
	Memory         int64
	MemorySwap     int64
	NanoCpus       int64 //nolint:staticcheck // the engine's spelling
	OomScoreAdj    int
	Ulimits        []ulimit
	Tmpfs          map[string]string
	Mounts         []bound
	LogConfig      struct{ Type string }
}

type ulimit struct {
	Name       string
	Soft, Hard int64
}

type bound struct {
	Type, Source, Target string
	ReadOnly             bool
	BindOptions          struct{ Propagation string }
}

// homeDir is HOME of a run: empty, in memory, its own.
const homeDir = "/home/sandbox"

// Defaults of limits that a profile leaves open.
const (
	defaultTmpBytes   = 256 << 20
	defaultOpenFiles  = 4096
	defaultTimeoutMs  = 30 * 60 * 1000
	defaultOutput     = 8 << 20
	supervisorThreads = 32 // of the first process and the stage count against the limit
)

// spec is a container for a profile: hardened, and as small as the profile.
func (r *Runner) spec(conf policy.Confinement, list mounts) created {
	c := conf.Container
	uid, gid := r.identity(c)
	out := created{Image: c.ImageID, User: fmt.Sprintf("%d:%d", uid, gid), Entrypoint: []string{InsidePath}, Cmd: []string{}, Env: []string{}, WorkingDir: "/",
		AttachStdin: true, AttachStdout: true, AttachStderr: true, OpenStdin: true, StdinOnce: true, NetworkDisabled: true}
	h := &out.HostConfig
	*h = hostConfig{AutoRemove: true, ReadonlyRootfs: !c.WritableRoot, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges:true"}, NetworkMode: "none", IpcMode: "private",
		CgroupnsMode: "private", PidsLimit: c.Pids, Memory: c.Memory, MemorySwap: c.MemorySwap, NanoCpus: c.MilliCPUs * 1e6, OomScoreAdj: 1000, Tmpfs: map[string]string{}}
	if c.AppArmor != "" {
		h.SecurityOpt = append(h.SecurityOpt, "apparmor="+c.AppArmor)
	}
	l := conf.Limits
	if l.MemoryBytes > 0 && l.MemoryBytes < h.Memory {
		h.Memory, h.MemorySwap = l.MemoryBytes, l.MemoryBytes
	}
	if l.Processes > 0 {
		h.PidsLimit = min(h.PidsLimit, int64(l.Processes)+supervisorThreads)
	}
	if l.CPUPercent > 0 {
		h.NanoCpus = min(h.NanoCpus, int64(l.CPUPercent)*1e7)
	}
	h.Ulimits = []ulimit{{"core", 0, 0}, {"nofile", openFiles(l), openFiles(l)}}
	if l.FileBytes > 0 {
		h.Ulimits = append(h.Ulimits, ulimit{"fsize", l.FileBytes, l.FileBytes})
	}
	size := l.TmpBytes
	if size <= 0 {
		size = defaultTmpBytes
	}
	for _, t := range append(slices.Clone(c.Tmpfs), homeDir) {
		h.Tmpfs[t] = fmt.Sprintf("rw,nosuid,nodev,size=%d,nr_inodes=%d,mode=0700,uid=%d,gid=%d", size, max(1024, size/(16<<10)), uid, gid)
	}
	for _, m := range list {
		b := bound{Type: "bind", Source: m.source, Target: m.target, ReadOnly: !m.write}
		b.BindOptions.Propagation = "rprivate"
		h.Mounts = append(h.Mounts, b)
	}
	h.LogConfig.Type = "none"
	out.Labels = map[string]string{labelHome: r.opts.Home, labelConfig: hashOf(out)}
	return out
}

func openFiles(l policy.Limits) int64 {
	if l.OpenFiles > 0 {
		return int64(l.OpenFiles)
	}
	return defaultOpenFiles
}

// identity that a container's program has on the host too.
func (r *Runner) identity(c *policy.Container) (uid, gid int) {
	if c.UID > 0 && c.GID > 0 {
		return c.UID, c.GID
	}
	return r.opts.UID, r.opts.GID
}

// hashOf names everything that was asked for.
func hashOf(c created) string {
	c.Labels = nil
	b, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// environment of a program: the run's, the container's, and where it lives.
func environment(run, container []string) []string {
	set := map[string]string{"LANG": "C.UTF-8"}
	order := []string{"LANG"}
	put := func(list []string) {
		for _, kv := range list {
			name, value, _ := strings.Cut(kv, "=")
			if _, there := set[name]; !there {
				order = append(order, name)
			}
			set[name] = value
		}
	}
	put(container)
	put(run)
	put([]string{"HOME=" + homeDir, "TMPDIR=/tmp"})
	out := make([]string, 0, len(order))
	for _, name := range order {
		out = append(out, name+"="+set[name])
	}
	return out
}
