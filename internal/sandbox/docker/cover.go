//go:build linux && (amd64 || arm64)

package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// cover hides masked paths of the workspace and its read roots, and keeps
// steering files as they are. A steering file that is not there gets an empty
// placeholder for as long as a run lasts, since a mount needs something to sit
// on; undo removes it when nobody has put anything there.
func (r *Runner) cover(conf policy.Confinement, list *mounts) (undo func(), err error) {
	var placed []string
	undo = func() { r.unplace(placed) }
	r.placeMu.Lock()
	defer r.placeMu.Unlock()
	if conf.WorkspaceWrite && conf.Container.Access == policy.AccessWrite {
		for _, p := range conf.ReadOnly {
			at, dir := strings.TrimSuffix(p, "/"), strings.HasSuffix(p, "/")
			if !within(at, conf.Workspace) || at == conf.Workspace {
				continue // not writable in the first place
			}
			added, err := r.keep(conf.Workspace, at, dir, list)
			placed = append(placed, added...)
			if err != nil {
				return undo, err
			}
		}
	}
	for _, p := range conf.Masked {
		at := strings.TrimSuffix(p, "/")
		shown := slices.ContainsFunc(*list, func(m mount) bool { return within(at, m.target) && m.source == m.target })
		if !shown {
			continue
		}
		st, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			continue // nothing is there to be seen
		}
		if err != nil {
			return undo, &MountError{at, err.Error()}
		}
		mask, err := r.mask(st.IsDir())
		if err != nil {
			return undo, err
		}
		m, err := r.judge(mask, at, false, asOwner, "")
		if err != nil {
			return undo, err
		}
		*list = append(*list, m)
	}
	return undo, nil
}

// keep shows a steering file read-only. A link on the way could lead the mount
// elsewhere, so a workspace that has one there is not given to a container for
// writing.
func (r *Runner) keep(ws, at string, dir bool, list *mounts) (placed []string, err error) {
	rel := strings.Split(strings.TrimPrefix(at, ws+"/"), "/")
	for i := range rel {
		step := filepath.Join(ws, filepath.Join(rel[:i+1]...))
		st, err := os.Lstat(step)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			// The first part that is missing stands for what would be in it.
			if err := r.place(ws, step, dir || i < len(rel)-1); err != nil {
				return placed, err
			}
			placed = append(placed, step)
			at = step
		case err != nil:
			return placed, &MountError{step, err.Error()}
		case r.placed[step] > 0:
			r.placed[step]++ // another run's placeholder
			placed, at = append(placed, step), step
		case st.Mode()&fs.ModeSymlink != 0:
			return placed, &MountError{step, "it is a link; commands that may write the workspace cannot be kept from what it steers"}
		case i < len(rel)-1:
			// A folder on the way is mounted onto itself: it can be written and
			// neither renamed nor replaced.
			if err := r.hold(step, true, list); err != nil {
				return placed, err
			}
			continue
		}
		return placed, r.hold(at, false, list)
	}
	return placed, nil
}

// hold mounts a path of the workspace onto itself.
func (r *Runner) hold(at string, write bool, list *mounts) error {
	for i := range *list {
		if m := &(*list)[i]; m.target == at {
			m.write = m.write && write
			return nil
		}
	}
	m, err := r.judge(at, at, write, asOwner, "")
	if err == nil {
		*list = append(*list, m)
	}
	return err
}

// place makes an empty placeholder beneath the workspace, through no link.
func (r *Runner) place(ws, at string, dir bool) error {
	root, err := os.OpenRoot(ws)
	if err != nil {
		return fmt.Errorf("sandbox: workspace: %w", err)
	}
	defer root.Close()
	rel := strings.TrimPrefix(at, ws+"/")
	if dir {
		err = root.Mkdir(rel, 0o755)
	} else {
		var f *os.File
		if f, err = root.OpenFile(rel, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644); err == nil {
			err = f.Close()
		}
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("sandbox: placeholder %q: %w", at, err)
	}
	if os.Geteuid() == 0 {
		if err := root.Lchown(rel, r.opts.UID, r.opts.GID); err != nil {
			return fmt.Errorf("sandbox: placeholder %q: %w", at, err)
		}
	}
	r.placed[at]++
	return nil
}

// unplace removes the placeholders that no other run needs and nobody filled.
func (r *Runner) unplace(list []string) {
	r.placeMu.Lock()
	defer r.placeMu.Unlock()
	for _, at := range list {
		if r.placed[at]--; r.placed[at] > 0 {
			continue
		}
		delete(r.placed, at)
		if st, err := os.Lstat(at); err == nil && (st.IsDir() || st.Mode().IsRegular() && st.Size() == 0) {
			_ = os.Remove(at) // a folder that somebody filled stays
		}
	}
}

// mask is an empty file or directory that only root may read: it stands for
// what must not be seen.
func (r *Runner) mask(dir bool) (string, error) {
	at := filepath.Join(r.opts.Dir, "mask-file")
	if dir {
		at = filepath.Join(r.opts.Dir, "mask-dir")
	}
	if _, err := os.Lstat(at); err == nil {
		return at, nil
	}
	var err error
	if dir {
		err = os.Mkdir(at, 0)
	} else {
		var fd int
		if fd, err = unix.Open(at, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0); err == nil {
			_ = unix.Close(fd)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("sandbox: mask: %w", err)
	}
	return at, nil
}
