//go:build linux && (amd64 || arm64)

package confine

import (
	"errors"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// FilterParams shape the filter of a run.
type FilterParams struct {
	// Inet allows TCP sockets; nothing else of IPv4 and IPv6 is ever allowed.
	Inet bool
	// Route allows NETLINK_ROUTE, for a private network namespace only.
	Route bool
	// SysVIPC allows System V and POSIX queues, for a private namespace only.
	SysVIPC bool
	// Guard keeps the program from signalling its supervisor, by a pid that the
	// stage puts in; PID 1 of a private namespace is immune without.
	Guard bool
}

const (
	retKill  = 0x80000000 // the whole process
	retErrno = 0x00050000
	retAllow = 0x7fff0000

	ldAbs = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	alAnd = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	jEq   = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	jGe   = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	jSet  = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	ret   = unix.BPF_RET | unix.BPF_K

	offNr   = 0
	offArch = 4
	offArg0 = 16

	// x32Bit marks system calls of the x32 interface on amd64.
	x32Bit = 0x40000000
	// msgFastopen makes a send open a connection, past Landlock's connect rule.
	msgFastopen = 0x20000000

	cloneNew = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
		unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET
)

// refused with EPERM, common to both architectures. Per-architecture extras
// are in refusedArch.
var refused = [...]uint32{
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT,
	unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK,
	unix.SYS_MOUNT_SETATTR, unix.SYS_OPEN_TREE_ATTR, unix.SYS_STATMOUNT, unix.SYS_LISTMOUNT,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_KCMP, unix.SYS_PIDFD_GETFD,
	unix.SYS_PROCESS_MADVISE, unix.SYS_PROCESS_MRELEASE,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD,
	unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
	unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_FANOTIFY_INIT,
	unix.SYS_FANOTIFY_MARK, unix.SYS_SYSLOG, unix.SYS_VHANGUP, unix.SYS_MOVE_PAGES, unix.SYS_MIGRATE_PAGES, unix.SYS_NFSSERVCTL,
	unix.SYS_LOOKUP_DCOOKIE,
	unix.SYS_LSM_GET_SELF_ATTR, unix.SYS_LSM_SET_SELF_ATTR, unix.SYS_LSM_LIST_MODULES,
}

// absent answer ENOSYS, so that libraries fall back to calls that the filter
// can judge.
var absent = [...]uint32{unix.SYS_CLONE3, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER}

// hostIPC reaches other processes of the uid without a private namespace.
var hostIPC = [...]uint32{unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_SEMGET, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP,
	unix.SYS_SEMCTL, unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL, unix.SYS_MQ_OPEN, unix.SYS_MQ_UNLINK}

// lastKnown is the highest system call judged here; the kernel's later ones
// answer ENOSYS until somebody has looked at them.
const lastKnown = unix.SYS_FILE_SETATTR

// ForeignKinds names the system call interfaces beside the native one that a
// stage proves to be killed.
func ForeignKinds() []string { return foreignKinds[:] }

type program []unix.SockFilter

func (p *program) op(code uint16, k uint32, jt, jf uint8) {
	*p = append(*p, unix.SockFilter{Code: code, Jt: jt, Jf: jf, K: k})
}

func (p *program) loadArg(n int) { p.op(ldAbs, uint32(offArg0+8*n), 0, 0) }

func (p *program) fail(e uint32) { p.op(ret, retErrno|e, 0, 0) }

func block(f func(*program)) program {
	var b program
	f(&b)
	return b
}

// refuseBits refuses when argument n has any of the bits.
func refuseBits(n int, bits uint32) program {
	return block(func(b *program) {
		b.loadArg(n)
		b.op(jSet, bits, 0, 1)
		b.fail(uint32(unix.EPERM))
		b.op(ret, retAllow, 0, 0)
	})
}

// refuseValues refuses when argument n is one of the values.
func refuseValues(n int, values ...uint32) program {
	return block(func(b *program) {
		b.loadArg(n)
		for i, v := range values {
			b.op(jEq, v, uint8(len(values)-i), 0)
		}
		b.op(ret, retAllow, 0, 0)
		b.fail(uint32(unix.EPERM))
	})
}

// allowValues refuses when argument n is none of the values.
func allowValues(n int, values ...uint32) program {
	return block(func(b *program) {
		b.loadArg(n)
		for i, v := range values {
			b.op(jEq, v, uint8(len(values)-i), 0)
		}
		b.fail(uint32(unix.EPERM))
		b.op(ret, retAllow, 0, 0)
	})
}

func socketBlock(p FilterParams) program {
	return block(func(b *program) {
		b.loadArg(0)
		if p.Route {
			b.op(jEq, unix.AF_NETLINK, 0, 4)
			b.loadArg(2)
			b.op(jEq, unix.NETLINK_ROUTE, 0, 1)
			b.op(ret, retAllow, 0, 0)
			b.fail(uint32(unix.EPROTONOSUPPORT))
		}
		if p.Inet {
			b.op(jEq, unix.AF_INET, 1, 0)
			b.op(jEq, unix.AF_INET6, 0, 8)
			b.loadArg(1)
			b.op(alAnd, 0xf, 0, 0)
			b.op(jEq, unix.SOCK_STREAM, 0, 4)
			b.loadArg(2)
			b.op(jEq, 0, 1, 0)
			b.op(jEq, unix.IPPROTO_TCP, 0, 1)
			b.op(ret, retAllow, 0, 0)
			b.fail(uint32(unix.EPROTONOSUPPORT))
		}
		b.fail(uint32(unix.EAFNOSUPPORT))
	})
}

var errFilter = errors.New("confine: filter is too long for its jumps")

// answers maps a system call to what decides it: code that returns on every
// path. What is not there is allowed.
type answers map[uint32]program

func (a answers) all(list []uint32, answer program) {
	for _, nr := range list {
		a[nr] = answer
	}
}

// Filter assembles the system call filter: it halves the numbers until one
// answer is left, since the kernel asks it for every number when it is
// installed and for many when a program runs.
func Filter(p FilterParams) ([]unix.SockFilter, error) {
	perm := block(func(b *program) { b.fail(uint32(unix.EPERM)) })
	nosys := block(func(b *program) { b.fail(uint32(unix.ENOSYS)) })
	a := answers{}
	a.all(refused[:], perm)
	a.all(refusedArch[:], perm)
	if !p.SysVIPC {
		a.all(hostIPC[:], perm)
	}
	a.all(absent[:], nosys)
	a[unix.SYS_SOCKET] = socketBlock(p)
	a[unix.SYS_SOCKETPAIR] = allowValues(0, unix.AF_UNIX)
	a[unix.SYS_SENDTO] = refuseBits(3, msgFastopen)
	a[unix.SYS_SENDMSG] = refuseBits(2, msgFastopen)
	a[unix.SYS_SENDMMSG] = refuseBits(3, msgFastopen)
	a[unix.SYS_CLONE] = refuseBits(0, cloneNew)
	a[unix.SYS_IOCTL] = refuseValues(1, unix.TIOCSTI, unix.TIOCLINUX)
	a[unix.SYS_PERSONALITY] = allowValues(0, 0, 0xffffffff)
	a[unix.SYS_PRLIMIT64] = allowValues(0, 0)
	a[unix.SYS_MEMFD_CREATE] = block(func(b *program) {
		b.loadArg(1)
		b.op(jSet, unix.MFD_NOEXEC_SEAL, 1, 0)
		b.fail(uint32(unix.ENOSYS))
		b.op(ret, retAllow, 0, 0)
	})
	if p.Guard {
		const g = uint32(guardMark)
		a[unix.SYS_KILL] = refuseValues(0, g, notGuardMark, ^uint32(0))
		a.all([]uint32{unix.SYS_TKILL, unix.SYS_TGKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_PIDFD_OPEN}, refuseValues(0, g))
	}
	return a.filter()
}

// filter is the whole program: other interfaces than the native one kill.
func (a answers) filter() (program, error) {
	tree, err := halve(a.spans())
	if err != nil {
		return nil, err
	}
	var f program
	f.op(ldAbs, offArch, 0, 0)
	f.op(jEq, auditArch, 1, 0)
	f.op(ret, retKill, 0, 0)
	f.op(ldAbs, offNr, 0, 0)
	f.op(jGe, x32Bit, 0, 1)
	f.op(ret, retKill, 0, 0)
	return append(f, tree...), nil
}

// span is the numbers from one up to that of the next span.
type span struct {
	from   uint32
	answer program
}

func (a answers) spans() []span {
	allow := block(func(b *program) { b.op(ret, retAllow, 0, 0) })
	out := []span{{0, nil}}
	for nr := range uint32(lastKnown + 1) {
		answer := a[nr]
		if answer == nil {
			answer = allow
		}
		last := &out[len(out)-1]
		switch {
		case last.answer == nil:
			last.answer = answer
		case !slices.Equal(last.answer, answer):
			out = append(out, span{nr, answer})
		}
	}
	return append(out, span{lastKnown + 1, block(func(b *program) { b.fail(uint32(unix.ENOSYS)) })})
}

// halve gives the code that finds the answer to the number loaded.
func halve(list []span) (program, error) {
	if len(list) == 1 {
		return list[0].answer, nil
	}
	mid := len(list) / 2
	below, err := halve(list[:mid])
	if err != nil {
		return nil, err
	}
	above, err := halve(list[mid:])
	if err != nil {
		return nil, err
	}
	if len(below) > 255 {
		return nil, errFilter
	}
	out := program{{Code: jGe, Jt: uint8(len(below)), K: list[mid].from}}
	return append(append(out, below...), above...), nil
}

// filterStep is the size of one instruction in a spec.
const filterStep = 8

// The supervisor's pid, and its negation for its group, are not known before
// it lives; no other operand has these values.
const (
	guardMark    = 0x7ff0ca11
	notGuardMark = 1<<32 - guardMark
)

// FilterBytes gives a filter as the kernel reads it.
func FilterBytes(f []unix.SockFilter) []byte {
	out := make([]byte, len(f)*filterStep)
	for i, x := range f {
		putFilter(out, i, x.Code, x.Jt, x.Jf, x.K)
	}
	return out
}

func putFilter(to []byte, i int, code uint16, jt, jf uint8, k uint32) {
	b := to[i*filterStep : (i+1)*filterStep]
	b[0], b[1], b[2], b[3] = byte(code), byte(code>>8), jt, jf
	b[4], b[5], b[6], b[7] = byte(k), byte(k>>8), byte(k>>16), byte(k>>24)
}

// Guard puts the supervisor's pid into FilterBytes.
func Guard(f []byte, pid uint32) {
	for ; len(f) >= filterStep; f = f[filterStep:] {
		k := uint32(f[4]) | uint32(f[5])<<8 | uint32(f[6])<<16 | uint32(f[7])<<24
		switch k {
		case guardMark:
			k = pid
		case notGuardMark:
			k = -pid
		default:
			continue
		}
		f[4], f[5], f[6], f[7] = byte(k), byte(k>>8), byte(k>>16), byte(k>>24)
	}
}

// FilterSum is FNV-1a over FilterBytes.
func FilterSum(f []byte) int64 { return int64(filterSum(f)) }

func filterSum(f []byte) sum {
	h := sumStart
	for _, b := range f {
		h = h.add(uint64(b))
	}
	return h
}

// installFilter puts every thread of the process under the filter.
func installFilter(f []byte) errno {
	if len(f) == 0 {
		return unix.EINVAL
	}
	prog := unix.SockFprog{Len: uint16(len(f) / filterStep), Filter: (*unix.SockFilter)(into(f))}
	r, e := sysThird(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, unsafe.Pointer(&prog))
	if e == 0 && r != 0 {
		e = unix.ESRCH
	}
	return e
}
