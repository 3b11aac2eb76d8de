//go:build linux && (amd64 || arm64)

package confine

import "golang.org/x/sys/unix"

// neverOwn are calls that a gateway never makes once its launcher runs. It
// speaks to the kernel's key rings, which runs may not.
var neverOwn = [...]uint32{
	unix.SYS_EXECVE, unix.SYS_EXECVEAT,
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT,
	unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK,
	unix.SYS_MOUNT_SETATTR, unix.SYS_OPEN_TREE_ATTR,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_KCMP, unix.SYS_PIDFD_GETFD,
	unix.SYS_PROCESS_MADVISE, unix.SYS_PROCESS_MRELEASE,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD,
	unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
	unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_FANOTIFY_INIT,
	unix.SYS_SYSLOG, unix.SYS_VHANGUP, unix.SYS_MOVE_PAGES, unix.SYS_MIGRATE_PAGES,
	unix.SYS_PERSONALITY,
}

// SelfFilter is what the gateway puts itself under: it starts no program, makes
// no namespace and opens no rarer kind of socket. Key rings, files in memory
// and the network stay.
func SelfFilter() ([]unix.SockFilter, error) {
	a := answers{}
	a.all(neverOwn[:], block(func(b *program) { b.fail(uint32(unix.EPERM)) }))
	a.all(absent[:], block(func(b *program) { b.fail(uint32(unix.ENOSYS)) }))
	a[unix.SYS_SOCKET] = allowValues(0, unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK)
	a[unix.SYS_CLONE] = refuseBits(0, cloneNew)
	a[unix.SYS_IOCTL] = refuseValues(1, unix.TIOCSTI, unix.TIOCLINUX)
	return a.filter()
}
