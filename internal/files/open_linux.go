package files

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const openNonblock = unix.O_NONBLOCK | unix.O_NOFOLLOW | unix.O_NOCTTY

// Paths were resolved before they were judged, so a link met now was put there
// afterwards.
const (
	resolveRoot = unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS
	resolveIn   = resolveRoot | unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV
)

// openat2 opens rel beneath root as a bare descriptor (O_PATH).
func openat2(root, rel string, flags uint64) (int, error) {
	top, err := retry2(unix.AT_FDCWD, root, &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: resolveRoot})
	if err != nil {
		return -1, err
	}
	if rel == "." {
		return top, nil
	}
	defer unix.Close(top)
	return retry2(top, rel, &unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC | flags, Resolve: resolveIn})
}

// retry2 repeats an openat2 that the kernel could not finish safely because
// something was renamed meanwhile; EAGAIN for ever is refused.
func retry2(dir int, name string, how *unix.OpenHow) (fd int, err error) {
	for range 128 {
		fd, err = unix.Openat2(dir, name, how)
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
	return -1, fmt.Errorf("%w: %w", ErrChanged, err)
}

// openDir opens a directory beneath root without following anything.
func openDir(root, rel string) (*os.Root, error) {
	fd, err := openat2(root, rel, unix.O_DIRECTORY)
	if without2(err) {
		return walkDir(root, rel)
	}
	if err != nil {
		return nil, err
	}
	held := os.NewFile(uintptr(fd), rel)
	defer held.Close()
	dir, err := os.OpenRoot(throughFD(fd))
	if err != nil {
		return walkDir(root, rel) // no /proc here
	}
	want, err1 := held.Stat()
	got, err2 := dir.Stat(".")
	if err := errors.Join(err1, err2); err != nil || !os.SameFile(want, got) {
		_ = dir.Close()
		return nil, errors.Join(ErrChanged, err)
	}
	return dir, nil
}

// openFile opens a regular file beneath root for reading. The file is looked
// at before it is opened: opening a device can already do something.
func openFile(root, rel string) (*os.File, error) {
	fd, err := openat2(root, rel, 0)
	if without2(err) {
		return walkFile(root, rel)
	}
	if err != nil {
		return nil, err
	}
	held := os.NewFile(uintptr(fd), rel)
	defer held.Close()
	seen, err := held.Stat()
	if err != nil {
		return nil, err
	}
	if k := kindOf(seen.Mode()); k == KindLink {
		return nil, fmt.Errorf("it is a link: %w", ErrOutside)
	} else if k != KindFile {
		return nil, fmt.Errorf("found a %s: %w", k, ErrNotRegular)
	}
	f, err := os.OpenFile(throughFD(fd), os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return walkFile(root, rel) // no /proc here
	}
	return f, err
}

func throughFD(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// without2 reports that openat2 is not there: an old kernel, or a container
// whose filter refuses system calls that it does not know.
func without2(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM)
}

// leftRoot reports that the kernel met a link (ELOOP) or a way out (EXDEV).
func leftRoot(err error) bool {
	return errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EXDEV)
}

// exchange swaps two names of a directory.
func exchange(dir *os.Root, a, b string) error {
	return rename2(dir, a, b, unix.RENAME_EXCHANGE)
}

// renameNew renames a to b only when b is not there.
func renameNew(dir *os.Root, a, b string) error { return rename2(dir, a, b, unix.RENAME_NOREPLACE) }

func rename2(dir *os.Root, a, b string, flags uint) error {
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	err = unix.Renameat2(int(d.Fd()), a, int(d.Fd()), b, flags)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) {
		return ErrUnsupported
	}
	return err
}
