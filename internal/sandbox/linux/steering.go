//go:build linux && (amd64 || arm64)

package linux

import (
	"errors"
	"fmt"
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
// function that ends the protection. A symbolic link on the way is refused: it
// would let the protected name be moved.
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

// add protects one path, component by component.
func (h *holding) add(path string) error {
	rel := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(path, "/"), h.ws), "/")
	if rel == "" {
		h.cover(confine.MountReadOnly, "")
		return nil
	}
	parts := strings.Split(rel, "/")
	for i := range parts {
		at := strings.Join(parts[:i+1], "/")
		last := i == len(parts)-1
		exists, err := h.exists(at)
		switch {
		case err != nil:
			return fmt.Errorf("sandbox: steering file %q: %w", path, err)
		case exists && h.placed(at):
			h.retain(at)
			return nil
		case exists && last:
			h.cover(confine.MountReadOnly, at)
		case exists:
			h.pin(at)
		default:
			return h.place(at, !last || strings.HasSuffix(path, "/"))
		}
	}
	return nil
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

// exists looks without following links; a link or a file as parent is an error.
func (h *holding) exists(rel string) (bool, error) {
	fd, err := h.open(rel, unix.O_PATH)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return false, unix.ELOOP
	}
	return true, nil
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
