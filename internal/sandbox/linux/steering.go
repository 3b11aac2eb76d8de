//go:build linux && (amd64 || arm64)

package linux

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
)

// steering keeps files that steer tools unchangeable while runs can write
// around them. An absent one gets an empty placeholder for as long as any run
// lasts, since a mount needs something to sit on; the last run to end removes
// it if nobody has put anything there.
type steering struct {
	mu    sync.Mutex
	holds map[string]*placeholder
}

type placeholder struct {
	runs int
	dir  bool
	ino  uint64
}

// hold gives the mount steps that protect paths beneath the workspace, and the
// function that ends the protection. A symbolic link on the way is protected
// itself, and so is what it leads to within the workspace; outside it nothing
// is writable and nothing is touched.
func (s *steering) hold(ws string, paths []string, uid, gid int) ([]confine.Mount, func(), error) {
	root, err := unix.Open(ws, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("sandbox: workspace %q: %w", ws, err)
	}
	h := &holding{steering: s, root: root, ws: ws, uid: uid, gid: gid}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range slices.Sorted(slices.Values(paths)) {
		if !beneath(strings.TrimSuffix(p, "/"), ws) {
			continue // not writable in the first place
		}
		if err := h.add(p); err != nil {
			h.release()
			return nil, nil, err
		}
	}
	return h.steps(), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		h.release()
	}, nil
}

type holding struct {
	*steering
	root     int
	ws       string
	uid, gid int
	pins     []confine.Mount
	covers   []confine.Mount
	held     []string // relative paths of placeholders
}

// mostLinks bounds the symbolic links on the way to one path, as the kernel does.
const mostLinks = 40

// add protects one path, component by component. What is gone through is a
// directory of the workspace; names are what is still to come.
func (h *holding) add(path string) error {
	rel, inside := h.within(strings.TrimSuffix(path, "/"))
	if rel == "" && inside {
		h.cover(confine.MountReadOnly, "")
		return nil
	}
	through, names := []string{}, strings.Split(rel, "/")
	for links := 0; len(names) > 0; {
		name := names[0]
		names = names[1:]
		switch {
		case name == "" || name == ".":
			continue
		case name == ".." && len(through) > 0:
			through = through[:len(through)-1]
			continue
		case name == "..":
			if names, inside = h.back(filepath.Dir(h.ws) + "/" + strings.Join(names, "/")); !inside {
				return nil
			}
			continue
		}
		at := strings.Join(append(slices.Clone(through), name), "/")
		kind, err := h.look(at)
		last := len(names) == 0
		switch {
		case err != nil:
			return fmt.Errorf("sandbox: steering file %q: %w", path, err)
		case kind != 0 && h.placed(at):
			h.retain(at)
			return nil
		case kind == 0:
			return h.place(at, !last || strings.HasSuffix(path, "/"))
		case kind == unix.S_IFLNK:
			h.cover(confine.MountReadOnly, at)
			if links++; links > mostLinks {
				return fmt.Errorf("sandbox: steering file %q: %w", path, unix.ELOOP)
			}
			to, err := h.readlink(at)
			if err != nil {
				return fmt.Errorf("sandbox: steering file %q: %w", path, err)
			}
			if !strings.HasPrefix(to, "/") {
				names = append(strings.Split(to, "/"), names...)
			} else if names, inside = h.back(to + "/" + strings.Join(names, "/")); !inside {
				return nil
			} else {
				through = nil
			}
		case last:
			h.cover(confine.MountReadOnly, at)
		default:
			h.pin(at)
			through = append(through, name)
		}
	}
	return nil
}

// within gives a path as seen from the workspace; false when it is not in it.
func (h *holding) within(path string) (string, bool) {
	if path == h.ws {
		return "", true
	}
	return strings.CutPrefix(path, h.ws+"/")
}

// back finds where an absolute path comes back into the workspace, by its name
// or by links outside.
func (h *holding) back(path string) ([]string, bool) {
	rel, inside := h.within(path)
	if !inside {
		rel, inside = h.within(filepath.Clean(path))
	}
	if !inside {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			rel, inside = h.within(real)
		}
	}
	return strings.Split(rel, "/"), inside
}

func (h *holding) target(rel string) string {
	if rel == "" {
		return h.ws
	}
	return h.ws + "/" + rel
}

// placed reports whether a running sandbox has the placeholder at rel.
func (h *holding) placed(rel string) bool { return h.holds[h.target(rel)] != nil }

func (h *holding) pin(rel string) {
	m := confine.Mount{Kind: confine.MountPin, Target: h.target(rel), Write: true}
	if !slices.Contains(h.pins, m) {
		h.pins = append(h.pins, m)
	}
}

func (h *holding) cover(kind confine.MountKind, rel string) {
	target := h.target(rel)
	for _, m := range h.covers {
		if beneath(target, m.Target) {
			return // already read-only as a part of m
		}
	}
	h.covers = append(h.covers, confine.Mount{Kind: kind, Target: target})
}

// steps are pins outermost first, then covers; a pin beneath a cover is void.
func (h *holding) steps() []confine.Mount {
	pins := slices.DeleteFunc(h.pins, func(p confine.Mount) bool {
		return slices.ContainsFunc(h.covers, func(c confine.Mount) bool { return beneath(p.Target, c.Target) })
	})
	return append(pins, h.covers...)
}

func (h *holding) open(rel string, flags uint64) (int, error) {
	return unix.Openat2(h.root, rel, &unix.OpenHow{Flags: flags | unix.O_CLOEXEC | unix.O_NOFOLLOW,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS})
}

// look gives the type of what is there, 0 for nothing. A link or a file as
// parent is an error.
func (h *holding) look(rel string) (uint32, error) {
	fd, err := h.open(rel, unix.O_PATH)
	if errors.Is(err, unix.ENOENT) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	return st.Mode & unix.S_IFMT, nil
}

func (h *holding) readlink(rel string) (string, error) {
	fd, err := h.open(rel, unix.O_PATH)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	b := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", b)
	return string(b[:max(n, 0)]), err
}

// parent opens the directory of rel; the caller closes it.
func (h *holding) parent(rel string) (fd int, name string, err error) {
	dir, name := ".", rel
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		dir, name = rel[:i], rel[i+1:]
	}
	fd, err = h.open(dir, unix.O_PATH|unix.O_DIRECTORY)
	return fd, name, err
}

// place makes an empty object that the run sees read-only.
func (h *holding) place(rel string, dir bool) error {
	fd, name, err := h.parent(rel)
	if err != nil {
		return fmt.Errorf("sandbox: steering file %q: %w", h.target(rel), err)
	}
	defer unix.Close(fd)
	if dir {
		err = unix.Mkdirat(fd, name, 0o755)
	} else {
		err = unix.Mknodat(fd, name, unix.S_IFREG|0o644, 0)
	}
	if err != nil {
		return fmt.Errorf("sandbox: placeholder for absent steering file %q: %w", h.target(rel), err)
	}
	var st unix.Stat_t
	if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("sandbox: placeholder %q: %w", h.target(rel), err)
	}
	if unix.Geteuid() == 0 {
		_ = unix.Fchownat(fd, name, h.uid, h.gid, unix.AT_SYMLINK_NOFOLLOW)
	}
	h.holds[h.target(rel)] = &placeholder{dir: dir, ino: st.Ino}
	h.retain(rel)
	return nil
}

func (h *holding) retain(rel string) {
	if slices.Contains(h.held, rel) {
		return
	}
	h.held = append(h.held, rel)
	h.holds[h.target(rel)].runs++
	h.cover(confine.MountEmpty, rel)
}

// release gives up every placeholder and removes those that nobody holds and
// that are still what was placed.
func (h *holding) release() {
	for _, rel := range slices.Backward(h.held) {
		p := h.holds[h.target(rel)]
		if p.runs--; p.runs > 0 {
			continue
		}
		delete(h.holds, h.target(rel))
		fd, name, err := h.parent(rel)
		if err != nil {
			continue
		}
		var st unix.Stat_t
		if unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Ino == p.ino && (p.dir || st.Size == 0) {
			flags := 0
			if p.dir {
				flags = unix.AT_REMOVEDIR
			}
			_ = unix.Unlinkat(fd, name, flags)
		}
		_ = unix.Close(fd)
	}
	h.held = nil
	_ = unix.Close(h.root)
}
