//go:build linux && (amd64 || arm64)

package confine

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Launcher and stage reach the kernel by the functions of this file alone,
// since there may be no Go runtime beneath them. A text that the kernel reads
// ends with a NUL: literals carry it, texts of a spec have it behind them.

type errno = syscall.Errno

//go:nosplit
func sys(nr, a, b, c, d, e uintptr) (int, errno) {
	r, _, no := syscall.RawSyscall6(nr, a, b, c, d, e, 0)
	return int(r), no
}

// sysFirst is for calls with a pointer as first argument.
//
//go:nosplit
func sysFirst(nr uintptr, p unsafe.Pointer, b, c, d uintptr) (int, errno) {
	r, _, no := syscall.RawSyscall6(nr, uintptr(p), b, c, d, 0, 0)
	return int(r), no
}

// sysSecond is for calls with a pointer as second argument.
//
//go:nosplit
func sysSecond(nr, a uintptr, p unsafe.Pointer, c, d, e uintptr) (int, errno) {
	r, _, no := syscall.RawSyscall6(nr, a, uintptr(p), c, d, e, 0)
	return int(r), no
}

// sysThird is for calls with a pointer as third argument.
//
//go:nosplit
func sysThird(nr, a, b uintptr, p unsafe.Pointer) (int, errno) {
	r, _, no := syscall.RawSyscall6(nr, a, b, uintptr(p), 0, 0, 0)
	return int(r), no
}

// sysPoll waits for events, without an end when there is no pause.
//
//go:nosplit
func sysPoll(p *[2]unix.PollFd, n uintptr, pause *unix.Timespec) (int, errno) {
	r, _, no := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(p)), n, uintptr(unsafe.Pointer(pause)), 0, 8, 0)
	return int(r), no
}

// sysBoth is for calls with pointers as second and third argument.
//
//go:nosplit
func sysBoth(nr, a uintptr, p, q unsafe.Pointer, d, e uintptr) (int, errno) {
	r, _, no := syscall.RawSyscall6(nr, a, uintptr(p), uintptr(q), d, e, 0)
	return int(r), no
}

// sysTwo is for calls with two pointers first.
//
//go:nosplit
func sysTwo(nr uintptr, p, q unsafe.Pointer) (int, errno) {
	r, _, no := syscall.RawSyscall6(nr, uintptr(p), uintptr(q), 0, 0, 0, 0)
	return int(r), no
}

// at gives the address of a text.
func at(s string) unsafe.Pointer { return unsafe.Pointer(unsafe.StringData(s)) }

// into gives the address of a buffer.
func into(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// cwd stands for the working directory where a descriptor is expected.
const cwd = unix.AT_FDCWD

func exit(code int) {
	for {
		_, _ = sys(unix.SYS_EXIT_GROUP, uintptr(code), 0, 0, 0, 0)
	}
}

func closeFD(fd int) { _, _ = sys(unix.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0) }

// closeFrom closes every descriptor from one on, or with the flag
// CLOSE_RANGE_CLOEXEC lets the next exec do so.
func closeFrom(fd int, flags uintptr) errno {
	_, e := sys(unix.SYS_CLOSE_RANGE, uintptr(fd), 1<<31-1, flags, 0, 0)
	return e
}

func dupTo(fd, to int, flags uintptr) errno {
	_, e := sys(unix.SYS_DUP3, uintptr(fd), uintptr(to), flags, 0, 0)
	return e
}

func prctl(op, a, b uintptr) errno {
	_, e := sys(unix.SYS_PRCTL, op, a, b, 0, 0)
	return e
}

func open(path string, flags uintptr) (int, errno) {
	dir := cwd
	return sysSecond(unix.SYS_OPENAT, uintptr(dir), at(path), flags|unix.O_CLOEXEC, 0, 0)
}

func openHow(dir int, path string, flags, resolve uint64) (int, errno) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: resolve}
	return sysBoth(unix.SYS_OPENAT2, uintptr(dir), at(path), unsafe.Pointer(&how), unsafe.Sizeof(how), 0)
}

func read(fd int, b []byte) (int, errno) {
	for {
		n, e := sysSecond(unix.SYS_READ, uintptr(fd), into(b), uintptr(len(b)), 0, 0)
		if e != unix.EINTR {
			return n, e
		}
	}
}

func write(fd int, s string) errno {
	_, e := sysSecond(unix.SYS_WRITE, uintptr(fd), at(s), uintptr(len(s)), 0, 0)
	return e
}

// readFile fills b from a file and gives what was read; a file that does not
// fit is an error.
func readFile(path string, b []byte) (int, errno) {
	fd, e := open(path, unix.O_RDONLY)
	if e != 0 {
		return 0, e
	}
	n := 0
	for {
		got, e := read(fd, b[n:])
		if e == 0 && got > 0 && n+got == len(b) {
			e = unix.E2BIG
		}
		if e != 0 || got <= 0 {
			closeFD(fd)
			return n, e
		}
		n += got
	}
}

func readlink(path string, b []byte) (int, errno) {
	dir := cwd
	return sysBoth(unix.SYS_READLINKAT, uintptr(dir), at(path), into(b), uintptr(len(b)), 0)
}

func fileMode(fd int) (uint32, errno) {
	var st syscall.Stat_t
	_, e := sysSecond(unix.SYS_FSTAT, uintptr(fd), unsafe.Pointer(&st), 0, 0, 0)
	return st.Mode & unix.S_IFMT, e
}

// mapped shows a file of known size for reading.
func mapped(fd int) ([]byte, errno) {
	var st syscall.Stat_t
	if _, e := sysSecond(unix.SYS_FSTAT, uintptr(fd), unsafe.Pointer(&st), 0, 0, 0); e != 0 {
		return nil, e
	}
	return mapping(int(st.Size), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE, fd)
}

// memory gives zeroed memory, of which the first part is there at once.
func memory(size int) ([]byte, errno) {
	b, e := mapping(size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, -1)
	if e == 0 {
		_, _ = sysFirst(unix.SYS_MADVISE, into(b), uintptr(min(size, 48<<10)), unix.MADV_POPULATE_WRITE, 0)
	}
	return b, e
}

//go:nosplit
func mapping(size int, prot, flags uintptr, fd int) ([]byte, errno) {
	addr, _, e := syscall.RawSyscall6(unix.SYS_MMAP, 0, uintptr(size), prot, flags, uintptr(fd), 0)
	if e != 0 {
		return nil, e
	}
	p := *(*unsafe.Pointer)(unsafe.Pointer(&addr)) // memory that the collector does not know
	return unsafe.Slice((*byte)(p), size), 0
}

func unmap(b []byte) { _, _ = sysFirst(unix.SYS_MUNMAP, into(b), uintptr(len(b)), 0, 0) }

// fdBytes is a control message with room for the descriptors of one packet.
type fdBytes struct {
	h   unix.Cmsghdr
	fds [maxFDs]int32
}

// maxFDs bounds the descriptors that come with one packet.
const maxFDs = 8

// receive reads one packet; one that did not fit is an error. The caller closes
// the descriptors, after an error too.
func receive(fd int, b []byte, got *[maxFDs]int32) (n, fds int, e errno) {
	var c fdBytes
	iov := unix.Iovec{Base: unsafe.SliceData(b), Len: uint64(len(b))}
	m := unix.Msghdr{Iov: &iov, Iovlen: 1, Control: (*byte)(unsafe.Pointer(&c)), Controllen: uint64(unsafe.Sizeof(c))}
	for {
		n, e = sysSecond(unix.SYS_RECVMSG, uintptr(fd), unsafe.Pointer(&m), unix.MSG_CMSG_CLOEXEC, 0, 0)
		if e != unix.EINTR {
			break
		}
	}
	if e == 0 && m.Flags&unix.MSG_TRUNC != 0 {
		e = unix.EMSGSIZE
	}
	if m.Controllen < uint64(unsafe.Sizeof(c.h)) || c.h.Level != unix.SOL_SOCKET || c.h.Type != unix.SCM_RIGHTS {
		return n, 0, e
	}
	fds = int(c.h.Len-uint64(unsafe.Sizeof(c.h))) / 4
	*got = c.fds
	if m.Flags&unix.MSG_CTRUNC != 0 && e == 0 {
		e = unix.EMSGSIZE
	}
	return n, min(fds, maxFDs), e
}

// send writes one packet, with a descriptor unless that is negative.
func send(fd int, b []byte, pass int) errno {
	var c fdBytes
	iov := unix.Iovec{Base: unsafe.SliceData(b), Len: uint64(len(b))}
	m := unix.Msghdr{Iov: &iov, Iovlen: 1}
	if pass >= 0 {
		c.h = unix.Cmsghdr{Len: uint64(unsafe.Sizeof(c.h)) + 4, Level: unix.SOL_SOCKET, Type: unix.SCM_RIGHTS}
		c.fds[0] = int32(pass)
		m.Control, m.Controllen = (*byte)(unsafe.Pointer(&c)), uint64(unsafe.Sizeof(c.h))+8
	}
	for {
		_, e := sysSecond(unix.SYS_SENDMSG, uintptr(fd), unsafe.Pointer(&m), unix.MSG_NOSIGNAL, 0, 0)
		if e != unix.EINTR {
			return e
		}
	}
}

// maxHanded bounds the descriptors of a Job: what the kernel passes at once.
const maxHanded = 253

type handBytes struct {
	h   unix.Cmsghdr
	fds [maxHanded + 1]int32
}

// hand sends a Job with the first n of the descriptors in c.
func hand(fd int, c *handBytes, n int) errno {
	word := [1]byte{Job}
	c.h = unix.Cmsghdr{Len: uint64(unsafe.Sizeof(c.h)) + uint64(4*n), Level: unix.SOL_SOCKET, Type: unix.SCM_RIGHTS}
	iov := unix.Iovec{Base: &word[0], Len: 1}
	m := unix.Msghdr{Iov: &iov, Iovlen: 1, Control: (*byte)(unsafe.Pointer(c)), Controllen: uint64(unsafe.Sizeof(c.h)) + uint64(4*(n+n%2))}
	for {
		_, e := sysSecond(unix.SYS_SENDMSG, uintptr(fd), unsafe.Pointer(&m), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
		if e != unix.EINTR {
			return e
		}
	}
}

// accept waits for a Job and gives the number of its descriptors; false when
// there is none to come.
func accept(fd int, got *[maxHanded]int32) (int, bool) {
	var c handBytes
	word := [1]byte{}
	iov := unix.Iovec{Base: &word[0], Len: 1}
	m := unix.Msghdr{Iov: &iov, Iovlen: 1, Control: (*byte)(unsafe.Pointer(&c)), Controllen: uint64(unsafe.Sizeof(c))}
	for {
		n, e := sysSecond(unix.SYS_RECVMSG, uintptr(fd), unsafe.Pointer(&m), unix.MSG_CMSG_CLOEXEC, 0, 0)
		if e == unix.EINTR {
			continue
		}
		if e != 0 || n != 1 || word[0] != Job || m.Flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 ||
			m.Controllen < uint64(unsafe.Sizeof(c.h)) || c.h.Type != unix.SCM_RIGHTS {
			return 0, false
		}
		count := int(c.h.Len-uint64(unsafe.Sizeof(c.h))) / 4
		return copy(got[:], c.fds[:min(count, maxHanded)]), true
	}
}

// waitFor reaps a child, any for -1.
func waitFor(pid int) (int, uint32, errno) {
	var status uint32
	for {
		got, e := sysSecond(unix.SYS_WAIT4, uintptr(pid), unsafe.Pointer(&status), 0, 0, 0)
		if e != unix.EINTR {
			return got, status, e
		}
	}
}

func kill(pid int, sig uintptr) errno {
	_, e := sys(unix.SYS_KILL, uintptr(pid), sig, 0, 0, 0)
	return e
}

func itself() int {
	pid, _ := sys(unix.SYS_GETPID, 0, 0, 0, 0, 0)
	return pid
}
