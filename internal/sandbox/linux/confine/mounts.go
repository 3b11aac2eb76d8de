//go:build linux && (amd64 || arm64)

package confine

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// Paths beneath the skeleton root that the stage uses.
const (
	InnerDir   = "/.openclaw"
	MaskDir    = InnerDir + "/mask.d"
	MaskFile   = InnerDir + "/mask.f"
	EmptyDir   = InnerDir + "/empty.d"
	EmptyFile  = InnerDir + "/empty.f"
	CanaryFile = InnerDir + "/canary"
)

type builder struct {
	spec  *Spec
	root  int
	trees []int // of the sources still to be mounted, in their order
}

// build makes the plan's tree and makes it the root.
func (s *Spec) build(given bool) *Failure {
	b := &builder{spec: s}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return &Failure{"mount private", "/", errno(err)}
	}
	if f := b.openAll(given); f != nil {
		return f
	}
	if f := b.enterRoot(); f != nil {
		return f
	}
	for _, m := range s.Mounts {
		if f := b.apply(m); f != nil {
			return f
		}
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return &Failure{"pivot_root", "", errno(err)}
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return &Failure{"unmount old root", "", errno(err)}
	}
	if err := unix.Chdir("/"); err != nil {
		return &Failure{"chdir", "/", errno(err)}
	}
	_ = unix.Close(b.root)
	return nil
}

// openAll opens every source before anything is mounted over it, unless the
// launcher has done so.
func (b *builder) openAll(given bool) *Failure {
	for i, source := range b.spec.sources() {
		fd := fdTrees + i
		if !given {
			var err error
			if fd, err = openTree(source); err != nil {
				return &Failure{"open", source, errno(err)}
			}
		}
		b.trees = append(b.trees, fd)
	}
	return nil
}

func (b *builder) tree() int {
	fd := b.trees[0]
	b.trees = b.trees[1:]
	return fd
}

// setattr also cuts the tree off from the mount that it was copied from: what
// is mounted on it must not appear on the host.
func setattr(fd int, write, device bool) error {
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID, Propagation: unix.MS_PRIVATE}
	if !device {
		attr.Attr_set |= unix.MOUNT_ATTR_NODEV
	}
	if !write {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	return unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr)
}

// enterRoot puts the skeleton over a directory that every system has and goes
// there; pivot_root leaves that directory's name behind.
func (b *builder) enterRoot() *Failure {
	root := b.tree()
	if err := setattr(root, false, false); err != nil {
		return &Failure{"mount attributes", b.spec.Root, errno(err)}
	}
	if err := unix.MoveMount(root, "", unix.AT_FDCWD, "/usr", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return &Failure{"mount", b.spec.Root, errno(err)}
	}
	if err := unix.Fchdir(root); err != nil {
		return &Failure{"enter", b.spec.Root, errno(err)}
	}
	b.root = root
	return nil
}

func (b *builder) apply(m Mount) *Failure {
	rel := strings.TrimPrefix(m.Target, "/")
	var err error
	switch m.Kind {
	case MountBind:
		err = b.bind(m, rel)
	case MountTmpfs:
		mode := "mode=0700,"
		if rel == "tmp" {
			mode = "mode=1777,"
		}
		err = unix.Mount("tmpfs", rel, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV,
			mode+"size="+itoa(int(m.Size))+",nr_inodes="+itoa(int(m.Size/4096+1024)))
	case MountProc:
		err = unix.Mount("proc", rel, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	case MountPin, MountReadOnly:
		err = b.again(rel, m.Kind == MountPin)
	case MountMask:
		err = b.cover(rel, MaskDir, MaskFile)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
			err = nil // nothing is there to be reached
		}
	case MountEmpty:
		err = b.cover(rel, EmptyDir, EmptyFile)
	}
	if err != nil {
		return &Failure{"mount", m.Target, errno(err)}
	}
	return nil
}

// open finds a target beneath the new root; a symbolic link on the way is an
// error, since it could lead a mount elsewhere.
func (b *builder) open(rel string) (int, error) {
	return unix.Openat2(b.root, rel, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | unix.O_NOFOLLOW,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS})
}

func (b *builder) bind(m Mount, rel string) error {
	fd := b.tree()
	defer unix.Close(fd)
	if err := setattr(fd, m.Write, m.Device); err != nil {
		return err
	}
	target, err := b.open(rel)
	if errors.Is(err, unix.ENOENT) {
		if err := b.make(fd, rel); err != nil {
			return err
		}
		target, err = b.open(rel)
	}
	if err != nil {
		return err
	}
	defer unix.Close(target)
	return attach(fd, target)
}

func attach(fd, target int) error {
	return unix.MoveMount(fd, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

// make creates a mount point of the source's type; that works in a private
// tmpfs only, everything else is prebuilt and read-only.
func (b *builder) make(source int, rel string) error {
	var st unix.Stat_t
	if err := unix.Fstat(source, &st); err != nil {
		return err
	}
	for i := range len(rel) {
		if rel[i] == '/' {
			if err := unix.Mkdirat(b.root, rel[:i], 0o755); err != nil && err != unix.EEXIST {
				return err
			}
		}
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return unix.Mkdirat(b.root, rel, 0o755)
	}
	return unix.Mknodat(b.root, rel, unix.S_IFREG|0o600, 0)
}

// again mounts a target onto itself.
func (b *builder) again(rel string, write bool) error {
	target, err := b.open(rel)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	fd, err := unix.OpenTree(target, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := setattr(fd, write, false); err != nil {
		return err
	}
	return attach(fd, target)
}

// cover puts one of two skeleton objects over a target, by its type.
func (b *builder) cover(rel, dir, file string) error {
	target, err := b.open(rel)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	var st unix.Stat_t
	if err := unix.Fstat(target, &st); err != nil {
		return err
	}
	source := file
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		source = dir
	}
	fd, err := unix.OpenTree(b.root, source[1:], unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return attach(fd, target)
}
