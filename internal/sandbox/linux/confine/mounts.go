//go:build linux && (amd64 || arm64)

package confine

import (
	"syscall"
	"unsafe"

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

// maxTrees bounds the bind sources of a run.
const maxTrees = 1024

// trees are descriptors of detached mounts, in the order of the sources.
type trees struct {
	n  int
	fd [maxTrees]int32
}

type builder struct {
	at    int // descriptor of the new root
	trees *trees
	used  int // of the trees
	done  int // of the mounts
	text  [96]byte
}

//go:nosplit
func mount(source, target, kind unsafe.Pointer, flags uintptr, data unsafe.Pointer) errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_MOUNT, uintptr(source), uintptr(target), uintptr(kind), flags, uintptr(data), 0)
	return e
}

// attach moves a detached mount to a place.
//
//go:nosplit
func attach(fd, dir int, target unsafe.Pointer) errno {
	flags := uintptr(unix.MOVE_MOUNT_F_EMPTY_PATH)
	none := "\x00"
	if target == nil {
		target = at(none)
		flags |= unix.MOVE_MOUNT_T_EMPTY_PATH
	}
	_, _, e := syscall.RawSyscall6(unix.SYS_MOVE_MOUNT, uintptr(fd), uintptr(at(none)), uintptr(dir), uintptr(target), flags, 0)
	return e
}

// copyTree copies the mount at a descriptor or beneath it.
func copyTree(dir int, path string, more uintptr) (int, errno) {
	return sysSecond(unix.SYS_OPEN_TREE, uintptr(dir), at(path), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|more, 0, 0)
}

// openPlain opens a path on which no symbolic link lies, its end included, and
// tells its type.
func openPlain(path string) (int, uint32, errno) {
	fd, e := openHow(cwd, path, unix.O_PATH|unix.O_NOFOLLOW, unix.RESOLVE_NO_SYMLINKS|unix.RESOLVE_NO_MAGICLINKS)
	if e != 0 {
		return -1, 0, e
	}
	mode, e := fileMode(fd)
	if e == 0 && mode == unix.S_IFLNK {
		e = unix.ELOOP // O_PATH gives the link itself
	}
	if e != 0 {
		closeFD(fd)
		return -1, 0, e
	}
	return fd, mode, 0
}

// openTree copies the mounts at a path.
func openTree(path string) (int, errno) {
	at, _, e := openPlain(path)
	if e != 0 {
		return -1, e
	}
	fd, e := copyTree(at, "\x00", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
	closeFD(at)
	return fd, e
}

// open opens every source before anything is mounted over it, or only those
// that a spare does not have yet. The object of a failure is the source.
func (t *trees) open(v *view, late bool) failure {
	f := failure{}
	if !late {
		f = t.add(v.root)
	}
	l := v.mounts
	for i := 0; l.n > 0 && f.no == 0; i++ {
		if m := l.from.mount(); m.Source != "" && (!late || i >= v.early) {
			f = t.add(m.Source)
		}
		l.n--
	}
	return f
}

func (t *trees) add(source string) failure {
	if t.n == maxTrees {
		return failure{"open", source, unix.E2BIG}
	}
	fd, e := openTree(source)
	if e == 0 {
		t.fd[t.n] = int32(fd)
		t.n++
	}
	return failure{"open", source, e}
}

func (t *trees) close() {
	for _, fd := range t.fd[:t.n] {
		closeFD(int(fd))
	}
	t.n = 0
}

// sources counts what has to be opened.
func (v *view) sources() int {
	n := 1
	for l := v.mounts; l.n > 0; l.n-- {
		if m := l.from.mount(); m.Source != "" {
			n++
		}
	}
	return n
}

// begin goes to the root that is to be. Trees that are given were opened by
// the launcher.
func (b *builder) begin(v *view) failure {
	if e := mount(at("none\x00"), at("/\x00"), nil, unix.MS_REC|unix.MS_PRIVATE, nil); e != 0 {
		return failure{"mount private", "/", e}
	}
	if b.trees.n == 0 {
		if f := b.trees.open(v, false); f.no != 0 {
			return f
		}
	}
	return b.enterRoot(v.root)
}

// add makes the mounts of the plan that are not there yet.
func (b *builder) add(v *view) failure {
	l := v.mounts
	for i := 0; l.n > 0; i++ {
		m := l.from.mount()
		l.n--
		if i < b.done {
			continue
		}
		if e := b.apply(&m); e != 0 {
			return failure{"mount", m.Target, e}
		}
		b.done++
	}
	return failure{}
}

// finish makes the tree the root and gives the host's up.
func (b *builder) finish() failure {
	here := ".\x00"
	if _, e := sysTwo(unix.SYS_PIVOT_ROOT, at(here), at(here)); e != 0 {
		return failure{"pivot_root", "", e}
	}
	if _, e := sysFirst(unix.SYS_UMOUNT2, at(here), unix.MNT_DETACH, 0, 0); e != 0 {
		return failure{"unmount old root", "", e}
	}
	if _, e := sysFirst(unix.SYS_CHDIR, at("/\x00"), 0, 0, 0); e != 0 {
		return failure{"chdir", "/", e}
	}
	closeFD(b.at)
	return failure{}
}

// next gives the tree of the next source.
func (b *builder) next() (int, errno) {
	if b.used == b.trees.n {
		return -1, unix.EBADF
	}
	b.used++
	return int(b.trees.fd[b.used-1]), 0
}

// setattr also cuts the tree off from the mount that it was copied from: what
// is mounted on it must not appear on the host.
func setattr(fd int, write, device bool) errno {
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID, Propagation: unix.MS_PRIVATE}
	if !device {
		attr.Attr_set |= unix.MOUNT_ATTR_NODEV
	}
	if !write {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	return setAttr(fd, at("\x00"), unsafe.Pointer(&attr), unsafe.Sizeof(attr))
}

//go:nosplit
func setAttr(fd int, path, attr unsafe.Pointer, size uintptr) errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_MOUNT_SETATTR, uintptr(fd), uintptr(path), unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, uintptr(attr), size, 0)
	return e
}

// enterRoot puts the skeleton over a directory that every system has and goes
// there; pivot_root leaves that directory's name behind.
func (b *builder) enterRoot(path string) failure {
	root, e := b.next()
	if e == 0 {
		e = setattr(root, false, false)
	}
	if e != 0 {
		return failure{"mount attributes", path, e}
	}
	if e := attach(root, cwd, at("/usr\x00")); e != 0 {
		return failure{"mount", path, e}
	}
	if _, e := sys(unix.SYS_FCHDIR, uintptr(root), 0, 0, 0, 0); e != 0 {
		return failure{"enter", path, e}
	}
	b.at = root
	return failure{}
}

// relative gives a target as seen from the root that is being made.
func relative(target string) string {
	for len(target) > 0 && target[0] == '/' {
		target = target[1:]
	}
	return target
}

func (b *builder) apply(m *Mount) errno {
	rel := relative(m.Target)
	switch m.Kind {
	case MountBind:
		return b.bind(m, rel)
	case MountTmpfs:
		return mount(at("tmpfs\x00"), at(rel), at("tmpfs\x00"), unix.MS_NOSUID|unix.MS_NODEV, at(b.tmpfs(rel, m.Size)))
	case MountProc:
		return mount(at("proc\x00"), at(rel), at("proc\x00"), unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, nil)
	case MountPin, MountReadOnly:
		return b.again(rel, m.Kind == MountPin)
	case MountMask:
		e := b.cover(rel, MaskDir+"\x00", MaskFile+"\x00")
		if e == unix.ENOENT || e == unix.ENOTDIR {
			e = 0 // nothing is there to be reached
		}
		return e
	case MountEmpty:
		return b.cover(rel, EmptyDir+"\x00", EmptyFile+"\x00")
	}
	return unix.EINVAL
}

// tmpfs gives the options of a private file system.
func (b *builder) tmpfs(rel string, size int64) string {
	p := packer{b: b.text[:]}
	if rel == "tmp" {
		p.raw("mode=1777,size=")
	} else {
		p.raw("mode=0700,size=")
	}
	p.dec(int(size))
	p.raw(",nr_inodes=")
	p.dec(int(size/4096 + 1024))
	return p.text()
}

// open finds a target beneath the new root; a symbolic link on the way is an
// error, since it could lead a mount elsewhere.
func (b *builder) open(rel string) (int, errno) {
	return openHow(b.at, rel, unix.O_PATH|unix.O_NOFOLLOW, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS|unix.RESOLVE_NO_MAGICLINKS)
}

func (b *builder) bind(m *Mount, rel string) errno {
	fd, e := b.next()
	if e == 0 {
		e = setattr(fd, m.Write, m.Device)
	}
	if e != 0 {
		return e
	}
	target, e := b.open(rel)
	if e == unix.ENOENT {
		if e = b.make(fd, rel); e == 0 {
			target, e = b.open(rel)
		}
	}
	if e == 0 {
		e = attach(fd, target, nil)
		closeFD(target)
	}
	closeFD(fd)
	return e
}

// make creates a mount point of the source's type; that works in a private
// tmpfs only, everything else is prebuilt and read-only.
func (b *builder) make(source int, rel string) errno {
	mode, e := fileMode(source)
	if e != 0 {
		return e
	}
	// The directories above are named by the text up to each slash.
	text := unsafe.Slice(unsafe.StringData(rel), len(rel))
	var path [unix.PathMax]byte
	if len(rel) >= len(path) {
		return unix.ENAMETOOLONG
	}
	copy(path[:], text)
	for i, c := range text {
		if c != '/' {
			continue
		}
		path[i] = 0
		_, e := sysSecond(unix.SYS_MKDIRAT, uintptr(b.at), into(path[:]), 0o755, 0, 0)
		if e != 0 && e != unix.EEXIST {
			return e
		}
		path[i] = '/'
	}
	if mode == unix.S_IFDIR {
		_, e = sysSecond(unix.SYS_MKDIRAT, uintptr(b.at), at(rel), 0o755, 0, 0)
		return e
	}
	_, e = sysSecond(unix.SYS_MKNODAT, uintptr(b.at), at(rel), unix.S_IFREG|0o600, 0, 0)
	return e
}

// again mounts a target onto itself.
func (b *builder) again(rel string, write bool) errno {
	target, e := b.open(rel)
	if e != 0 {
		return e
	}
	fd, e := copyTree(target, "\x00", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
	if e == 0 {
		if e = setattr(fd, write, false); e == 0 {
			e = attach(fd, target, nil)
		}
		closeFD(fd)
	}
	closeFD(target)
	return e
}

// cover puts one of two skeleton objects over a target, by its type.
func (b *builder) cover(rel, dir, file string) errno {
	target, e := b.open(rel)
	if e != 0 {
		return e
	}
	mode, e := fileMode(target)
	if e == 0 {
		source := file
		if mode == unix.S_IFDIR {
			source = dir
		}
		var fd int
		if fd, e = copyTree(b.at, source[1:], 0); e == 0 {
			e = attach(fd, target, nil)
			closeFD(fd)
		}
	}
	closeFD(target)
	return e
}
