//go:build linux && (amd64 || arm64)

package confine

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// ownIDs are the namespaces that a stage has to be born in.
	ownIDs = unix.CLONE_NEWUSER | unix.CLONE_NEWPID
	// ownRest are those that it makes itself, beside the launcher's work.
	ownRest = unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
)

// cloneArgs is the kernel's clone_args up to the cgroup.
type cloneArgs struct {
	flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls, setTID, setTIDSize, cgroup uint64
}

// clone forks. With a cgroup the child is born in it: moving it later waits
// for the whole machine.
//
//go:nosplit
func clone(flags uintptr, cgroup int32) (int, errno) {
	if cgroup < 0 {
		pid, _, e := syscall.RawSyscall6(unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		return int(pid), e
	}
	// The exit signal of a sibling is the launcher's own.
	a := cloneArgs{flags: uint64(flags) | unix.CLONE_INTO_CGROUP, cgroup: uint64(cgroup)}
	pid, _, e := syscall.RawSyscall6(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&a)), unsafe.Sizeof(a), 0, 0, 0, 0)
	return int(pid), e
}

// fork makes a stage that is the gateway's own child and goes on as this
// program does. A stage that isolates waits until its ids are mapped.
func (l *launch) fork(q *request) (int, errno) {
	isolated := q.level == LevelIsolated
	flags, gate := uintptr(unix.CLONE_PARENT), [2]int32{-1, -1}
	if isolated {
		flags |= ownIDs
		if _, e := sysFirst(unix.SYS_PIPE2, unsafe.Pointer(&gate), unix.O_CLOEXEC, 0, 0); e != 0 {
			return 0, e
		}
	}
	cgroup := int32(-1)
	if q.cgroup {
		cgroup = q.fds[5]
	}
	l.expendable()
	pid, e := clone(flags, cgroup)
	if e == 0 && pid == 0 {
		l.become(q, gate)
	}
	l.lasting()
	if isolated {
		if e == 0 {
			word := [1]byte{byte(l.mapIDs(q, pid))}
			_ = write(int(gate[1]), unsafe.String(&word[0], 1))
		}
		closeFD(int(gate[0]))
		closeFD(int(gate[1]))
	}
	return pid, e
}

// mapIDs maps the one uid and the one gid of a run to themselves.
func (l *launch) mapIDs(q *request, pid int) errno {
	uid, gid := q.uid, q.gid
	if !l.root {
		uid, _ = sys(unix.SYS_GETEUID, 0, 0, 0, 0, 0)
		gid, _ = sys(unix.SYS_GETEGID, 0, 0, 0, 0, 0)
	}
	var path procPath
	if e := put(path.of(pid, "/setgroups", ""), "deny"); e != 0 {
		return e
	}
	if e := put(path.of(pid, "/uid_map", ""), same(uid, &[64]byte{})); e != 0 {
		return e
	}
	return put(path.of(pid, "/gid_map", ""), same(gid, &[64]byte{}))
}

func same(id int, b *[64]byte) string {
	p := packer{b: b[:]}
	p.dec(id)
	p.raw(" ")
	p.dec(id)
	p.raw(" 1")
	return p.text()
}

// put writes a file of /proc by one write.
func put(path, content string) errno {
	fd, e := open(path, unix.O_WRONLY)
	if e != 0 {
		return e
	}
	e = write(fd, content)
	closeFD(fd)
	return e
}

// become turns the child of a fork into the stage of a request. What it still
// holds of the launcher's, the stage closes.
func (l *launch) become(q *request, gate [2]int32) {
	for i, to := range [...]int{0, 1, 2} {
		if e := dupTo(int(q.fds[i]), to, 0); e != 0 {
			exit(78)
		}
	}
	if e := dupTo(int(q.fds[3]), fdSocket, unix.O_CLOEXEC); e != 0 {
		exit(78)
	}
	r := run{specFD: int(q.fds[4]), hidden: l.root, spare: q.spare, listener: -1, builder: builder{trees: &l.trees}}
	isolated := q.level == LevelIsolated
	if isolated {
		closeFD(int(gate[1]))
		_, e := sys(unix.SYS_UNSHARE, ownRest, 0, 0, 0, 0)
		var word [1]byte
		if n, _ := read(int(gate[0]), word[:]); n != 1 {
			exit(79) // the launcher is gone
		}
		if e == 0 {
			e = errno(word[0])
		}
		if e != 0 {
			r.fail(failure{"clone", "", e})
		}
	}
	if l.root && !q.own {
		if !isolated && !skipped("caps") {
			dropBounding() // while there is the right to
		}
		if e := setIDs(q.uid, q.gid); e != 0 {
			r.fail(failure{"ids of the run", "", e})
		}
	}
	_, _ = sys(unix.SYS_SETSID, 0, 0, 0, 0, 0)
	if !isolated || !l.root {
		// The launcher is to look at it, until the program is there. To the
		// kernel this memory is still of the launcher's user namespace.
		_ = prctl(unix.PR_SET_DUMPABLE, 1, 0)
	}
	r.stage()
}

func setIDs(uid, gid int) errno {
	if _, e := sys(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid), 0, 0); e != 0 {
		return e
	}
	_, e := sys(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid), 0, 0)
	return e
}

// expendable makes what is forked now the first that the kernel kills when
// memory runs out. lasting takes it back for the launcher itself.
func (l *launch) expendable() {
	if l.oom >= 0 && l.usualN > 0 {
		_ = write(l.oom, "1000")
	}
}

func (l *launch) lasting() {
	if l.oom >= 0 && l.usualN > 0 {
		_ = write(l.oom, unsafe.String(&l.usual[0], l.usualN))
	}
}
