//go:build linux && (amd64 || arm64)

package attack

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// kernelAttempts reach parts of the kernel that a program never needs. The
// arguments are wrong on purpose where the act would harm: the filter has to
// answer first, with its own errno.
func kernelAttempts() []attempt {
	must := func(nr uintptr, e unix.Errno, a ...uintptr) func(field) error {
		return func(field) error {
			if err := rawErr6(nr, a...); err == nil || !errors.Is(err, e) {
				return nil
			}
			return e
		}
	}
	const bad = ^uintptr(0)
	return []attempt{
		{"mount", always, func(f field) error { return unix.Mount("none", f.Workspace, "tmpfs", 0, "") }},
		{"bind mount", always, func(f field) error { return unix.Mount("/", f.Workspace, "", unix.MS_BIND|unix.MS_REC, "") }},
		{"unmount", always, func(f field) error { return unix.Unmount(f.Workspace+"/AGENTS.md", unix.MNT_DETACH) }},
		{"open_tree", atConfined, must(unix.SYS_OPEN_TREE, unix.EPERM, bad, 0, bad)},
		{"fsopen", atConfined, must(unix.SYS_FSOPEN, unix.EPERM, 0, bad)},
		{"mount_setattr", atConfined, must(unix.SYS_MOUNT_SETATTR, unix.EPERM, bad)},
		{"chroot", always, func(f field) error { return unix.Chroot(f.Workspace) }},
		{"unshare a user namespace", atConfined, func(field) error { return unix.Unshare(unix.CLONE_NEWUSER) }},
		{"unshare a mount namespace", always, func(field) error { return unix.Unshare(unix.CLONE_NEWNS) }},
		{"clone into a user namespace", atConfined, func(field) error { return cloneWith(unix.CLONE_NEWUSER) }},
		{"clone into a user and net namespace", atConfined, func(field) error { return cloneWith(unix.CLONE_NEWUSER | unix.CLONE_NEWNET) }},
		{"clone3", atConfined, must(unix.SYS_CLONE3, unix.ENOSYS, 0, 0)},
		{"setns", always, func(field) error {
			fd, err := unix.Open("/proc/1/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return err
			}
			return unix.Setns(fd, 0)
		}},
		{"keyctl", atConfined, func(field) error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, true); return err }},
		{"add_key", atConfined, func(field) error {
			_, err := unix.AddKey("user", "escape", []byte("x"), unix.KEY_SPEC_SESSION_KEYRING)
			return err
		}},
		{"request_key", atConfined, must(unix.SYS_REQUEST_KEY, unix.EPERM, bad)},
		{"io_uring", atConfined, must(unix.SYS_IO_URING_SETUP, unix.ENOSYS, 1, 0)},
		{"bpf", atConfined, must(unix.SYS_BPF, unix.EPERM, bad)},
		{"perf_event_open", atConfined, must(unix.SYS_PERF_EVENT_OPEN, unix.EPERM, 0)},
		{"userfaultfd", atConfined, must(unix.SYS_USERFAULTFD, unix.EPERM, 1)},
		{"open_by_handle_at", atConfined, must(unix.SYS_OPEN_BY_HANDLE_AT, unix.EPERM, bad)},
		{"init_module", atConfined, must(unix.SYS_FINIT_MODULE, unix.EPERM, bad)},
		{"kexec_load", atConfined, must(unix.SYS_KEXEC_LOAD, unix.EPERM, 0, 0, 0, bad)},
		{"swapon", atConfined, must(unix.SYS_SWAPON, unix.EPERM, 0)},
		{"settimeofday", atConfined, must(unix.SYS_SETTIMEOFDAY, unix.EPERM, 1)},
		{"sethostname", always, func(field) error { return unix.Sethostname([]byte("escape")) }},
		{"syslog", atConfined, must(unix.SYS_SYSLOG, unix.EPERM, 2)},
		{"fanotify", atConfined, must(unix.SYS_FANOTIFY_INIT, unix.EPERM, 0)},
		{"kcmp", atConfined, must(unix.SYS_KCMP, unix.EPERM, 1, 1)},
		{"pidfd_getfd", atConfined, must(unix.SYS_PIDFD_GETFD, unix.EPERM, bad)},
		{"personality", atConfined, must(unix.SYS_PERSONALITY, unix.EPERM, 0x0040000)},
		{"quotactl", atConfined, must(unix.SYS_QUOTACTL, unix.EPERM, bad)},
		{"a system call from the future", atConfined, must(1023, unix.ENOSYS)},
		{"paste into a console", atConfined, must(unix.SYS_IOCTL, unix.EPERM, 0, unix.TIOCLINUX, 0)},
		{"name_to_handle_at", atConfined, must(unix.SYS_NAME_TO_HANDLE_AT, unix.EPERM, bad)},
		{"process_madvise", atConfined, must(unix.SYS_PROCESS_MADVISE, unix.EPERM, bad)},
		{"pivot_root", always, must(unix.SYS_PIVOT_ROOT, unix.EPERM, 0, 0)},
		{"reboot", always, must(unix.SYS_REBOOT, unix.EPERM, 0, 0, 0)},
		{"push input into a terminal", atConfined, must(unix.SYS_IOCTL, unix.EPERM, 0, unix.TIOCSTI, 0)},
	}
}

func collect(pid int) error {
	_, err := unix.Wait4(pid, nil, 0, nil)
	return err
}

func cloneWith(flags uintptr) error {
	pid, err := syscall.ForkExec("/usr/bin/true", []string{"true"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Cloneflags: flags}})
	if err != nil {
		return err
	}
	return collect(pid)
}
