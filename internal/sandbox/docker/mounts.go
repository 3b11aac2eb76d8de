//go:build linux && (amd64 || arm64)

package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// systemPlaces belong to the system: nothing in them, and nothing that holds
// them, is shown to a container.
func systemPlaces() []string {
	return []string{"/etc", "/proc", "/sys", "/dev", "/root", "/boot", "/run", "/var/run", "/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/spool/cron"}
}

// standing of a mount: who asked for it. The zero value trusts nothing.
type standing uint8

const (
	asBind  standing = iota // a line of the configuration
	asRoot                  // what the agent may read at its own place
	asOwner                 // its workspace, its private folder, a mask
)

// mount is one thing of the host that a container is shown. Its object was
// opened when it was judged: what is mounted must be that very object.
type mount struct {
	source, target string
	write          bool
	fd             int
	dev, ino       uint64
}

// mounts are those of one container. close lets go of the objects.
type mounts []mount

func (m mounts) close() {
	for _, x := range m {
		_ = unix.Close(x.fd)
	}
}

// judge decides about a source twice, as written and as it is once links are
// followed, and opens what it decided about.
func (r *Runner) judge(source, target string, write bool, by standing, exempt string) (mount, error) {
	m := mount{source: source, target: target, write: write, fd: -1}
	if why := r.barred(source, by, exempt); why != "" {
		return m, &MountError{source, why}
	}
	real, err := filepath.EvalSymlinks(source)
	if err != nil {
		return m, &MountError{source, err.Error()}
	}
	if why := r.barred(real, by, exempt); why != "" {
		return m, &MountError{source, "it leads to " + real + ": " + why}
	}
	m.source = real
	m.fd, err = unix.Open(real, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return m, &MountError{source, err.Error()}
	}
	if err := m.identify(); err != nil {
		_ = unix.Close(m.fd)
		return m, err
	}
	return m, nil
}

// identify notes which object was opened, and that it is where it was looked
// for and of a kind that may be shown.
func (m *mount) identify() error {
	at, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(m.fd))
	if err != nil || at != m.source {
		return &MountError{m.source, fmt.Sprintf("it was moved to %q while it was looked at", at)}
	}
	var st unix.Stat_t
	if err := unix.Fstat(m.fd, &st); err != nil {
		return &MountError{m.source, err.Error()}
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR, unix.S_IFREG:
	case unix.S_IFSOCK:
		return &MountError{m.source, "it is a socket"}
	default:
		return &MountError{m.source, "it is neither a file nor a directory"}
	}
	m.dev, m.ino = st.Dev, st.Ino
	return nil
}

// barred says why a path may not be shown, or "". What the operator made an
// agent's own may lie in a place that is barred otherwise, and so may what is in
// exempt, its workspace.
func (r *Runner) barred(path string, by standing, exempt string) string {
	switch {
	case !filepath.IsAbs(path) || filepath.Clean(path) != path:
		return "it is not an absolute, clean path"
	case path == "/" || path == "/home" || path == "/var" || path == "/usr":
		return "it is all of it"
	}
	for _, place := range slices.Concat(systemPlaces(), r.opts.Forbidden) {
		if within(place, path) && place != path {
			return place + " lies in it"
		}
		if within(path, place) && !r.may(path, place, by, exempt) {
			return "it belongs to " + place
		}
	}
	return ""
}

// may reports whether a path beneath a barred place may be shown.
func (r *Runner) may(path, place string, by standing, exempt string) bool {
	switch by {
	case asOwner:
		return path != place
	case asRoot:
		return path != place && (place == "/root" || slices.Contains(r.opts.Forbidden, place))
	case asBind:
	}
	return exempt != "" && within(path, exempt)
}

// within reports whether path is dir or lies beneath it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// gather lists what a run's container is shown, in an order in which a mount
// never covers a later one.
func (r *Runner) gather(conf policy.Confinement, extra []string) (list mounts, holds func(), err error) {
	c := conf.Container
	undo := func() {}
	defer func() {
		if err != nil {
			list.close()
			undo()
		}
	}()
	add := func(source, target string, write bool, by standing) error {
		m, err := r.judge(source, target, write, by, conf.Workspace)
		if err == nil {
			list = append(list, m)
		}
		return err
	}
	if c.Access != policy.AccessNone {
		if conf.Workspace == "" {
			return nil, nil, errors.New("sandbox: the agent has no workspace")
		}
		if err := add(conf.Workspace, conf.Workspace, c.Access == policy.AccessWrite && conf.WorkspaceWrite, asOwner); err != nil {
			return list, nil, err
		}
	}
	if c.Access != policy.AccessWrite && c.Private != "" {
		if err := r.privateFolder(c.Private); err != nil {
			return list, nil, err
		}
		if err := add(c.Private, c.Workdir, true, asOwner); err != nil {
			return list, nil, err
		}
	}
	for _, root := range slices.Concat(conf.ReadRoots, extra) {
		if err := add(root, root, false, asRoot); err != nil {
			return list, nil, err
		}
	}
	for _, b := range c.Binds {
		if err := add(b.Source, b.Target, b.Write, asBind); err != nil {
			return list, nil, err
		}
		if real := list[len(list)-1].source; !c.External && (conf.Workspace == "" || !within(real, conf.Workspace)) {
			return list, nil, &MountError{b.Source, "it leads to " + real + ", which is outside the workspace"}
		}
	}
	if c.Access != policy.AccessNone {
		if undo, err = r.cover(conf, &list); err != nil {
			return list, nil, err
		}
	}
	return list, undo, nil
}

// privateFolder makes the folder of a scope, owned by the uid of runs.
func (r *Runner) privateFolder(dir string) error {
	if !within(dir, r.privateDir()) || dir == r.privateDir() {
		return &MountError{dir, "it is no private folder"}
	}
	if err := os.MkdirAll(r.privateDir(), 0o711); err != nil {
		return fmt.Errorf("sandbox: private folders: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("sandbox: private folder: %w", err)
	}
	if os.Geteuid() == 0 {
		if err := os.Lchown(dir, r.opts.UID, r.opts.GID); err != nil {
			return fmt.Errorf("sandbox: private folder: %w", err)
		}
	}
	now := r.opts.Now()
	return os.Chtimes(dir, now, now) // when it was used, for prune
}

func (r *Runner) privateDir() string { return filepath.Join(r.opts.Dir, "private") }
