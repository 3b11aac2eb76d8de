//go:build linux && (amd64 || arm64)

package attack

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func processAttempts() []attempt {
	pid := func(f field) int { return f.Victim }
	return []attempt{
		{"keep a descriptor", always, func(field) error {
			for fd := 3; fd < 64; fd++ {
				link, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
				if err == nil && (strings.HasPrefix(link, "/") || strings.HasPrefix(link, "socket:") || strings.Contains(link, "memfd")) && !strings.HasPrefix(link, "/proc/") &&
					!strings.HasPrefix(link, "/sys/fs/cgroup") {
					return nil
				}
			}
			return unix.EBADF
		}},
		{"see the gateway's environment", always, func(f field) error {
			for _, kv := range os.Environ() {
				if strings.Contains(kv, f.Marker) {
					return nil
				}
			}
			return unix.ENOENT
		}},
		{"find a process of the host", atIsolated, func(f field) error {
			dirs, err := filepath.Glob("/proc/[0-9]*/cmdline")
			if err != nil {
				return err
			}
			for _, d := range dirs {
				if b, err := os.ReadFile(d); err == nil && strings.Contains(string(b), f.Marker) {
					return nil
				}
			}
			return unix.ESRCH
		}},
		{"signal a process of the host", atConfined, func(f field) error { return unix.Kill(pid(f), 0) }},
		{"signal by pidfd", atConfined, func(f field) error {
			fd, err := unix.PidfdOpen(pid(f), 0)
			if err != nil {
				return err
			}
			return unix.PidfdSendSignal(fd, 0, nil, 0)
		}},
		{"signal the supervisor", atConfined, func(field) error {
			if err := unix.Kill(os.Getppid(), unix.SIGSTOP); err != nil {
				return err
			}
			if os.Getppid() == 1 {
				return unix.EPERM // ignored: PID 1 of a namespace is immune
			}
			_ = unix.Kill(os.Getppid(), unix.SIGCONT)
			return nil
		}},
		{"signal the gateway", atConfined, func(f field) error { return unix.Kill(f.Gateway, 0) }},
		{"make the gateway the first to die", atConfined, func(f field) error { return openWrite("/proc/" + strconv.Itoa(f.Gateway) + "/oom_score_adj") }},
		{"read the gateway's memory", atConfined, func(f field) error { return firstOpen("/proc/" + strconv.Itoa(f.Gateway) + "/mem") }},
		{"become the last to die", always, func(field) error { return os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0) }},
		{"be traced", atConfined, func(field) error { return traced() }},
		{"run a program from memory", atConfined, func(field) error { return fromMemory() }},
		{"ptrace a process of the host", atConfined, func(f field) error { return ptraceOnce(pid(f)) }},
		{"ptrace the supervisor", atConfined, func(field) error { return ptraceOnce(os.Getppid()) }},
		{"read a process's memory", atConfined, func(f field) error {
			b := make([]byte, 8)
			_, err := unix.ProcessVMReadv(pid(f), []unix.Iovec{{Base: &b[0], Len: 8}}, []unix.RemoteIovec{{Base: 0x400000, Len: 8}}, 0)
			return err
		}},
		{"read a process's environment", atConfined, func(f field) error { return read("/proc/" + strconv.Itoa(pid(f)) + "/environ") }},
		{"read a process's memory file", atConfined, func(f field) error { return firstOpen("/proc/" + strconv.Itoa(pid(f)) + "/mem") }},
		{"open the supervisor's descriptors", atConfined, func(field) error { return firstOpen("/proc/" + strconv.Itoa(os.Getppid()) + "/fd/3") }},
		{"change a process's limits", atConfined, func(field) error {
			return unix.Prlimit(os.Getppid(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 8, Max: 8}, nil)
		}},
		{"raise an own limit", always, func(field) error {
			return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20})
		}},
		{"allow core dumps", always, func(field) error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: 1}) }},
		{"become root", always, func(field) error { return rawErr(unix.SYS_SETUID, 0, 0, 0) }},
		{"become group root", always, func(field) error { return rawErr(unix.SYS_SETGID, 0, 0, 0) }},
		{"set groups", always, func(field) error { return rawErr(unix.SYS_SETGROUPS, 0, 0, 0) }},
		{"raise capabilities", always, func(field) error {
			data := [2]unix.CapUserData{{Effective: 1 << unix.CAP_SYS_ADMIN, Permitted: 1 << unix.CAP_SYS_ADMIN}}
			return unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0])
		}},
		{"give up no_new_privs", always, func(field) error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) }},
	}
}

func rawErr(nr, a, b, c uintptr) error {
	if _, _, e := unix.RawSyscall(nr, a, b, c); e != 0 {
		return e
	}
	return nil
}

func rawErr6(nr uintptr, a ...uintptr) error {
	for len(a) < 6 {
		a = append(a, 0)
	}
	if _, _, e := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5]); e != 0 {
		return e
	}
	return nil
}

func ptraceOnce(pid int) error {
	if err := unix.PtraceSeize(pid); err != nil {
		return err
	}
	_ = unix.PtraceDetach(pid)
	return nil
}

// traced starts a program that asks to be traced by this one.
func traced() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, err := syscall.ForkExec("/usr/bin/true", []string{"true"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Ptrace: true}})
	if err != nil {
		return err
	}
	_ = unix.Kill(pid, unix.SIGKILL)
	return collect(pid)
}

// fromMemory runs a program that no file system has.
func fromMemory() error {
	program, err := os.ReadFile("/usr/bin/true")
	if err != nil {
		return err
	}
	fd, err := unix.MemfdCreate("program", unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) { // before Linux 6.3, or made only without the right
		fd, err = unix.MemfdCreate("program", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), "program")
	defer file.Close()
	if _, err := file.Write(program); err != nil {
		return err
	}
	_ = file.Chmod(0o755)
	// A file that is open for writing is not executed.
	again, err := os.Open("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return err
	}
	defer again.Close()
	if err := file.Close(); err != nil {
		return err
	}
	pid, err := syscall.ForkExec("/proc/self/fd/"+strconv.Itoa(int(again.Fd())), []string{"true"}, &syscall.ProcAttr{})
	if err != nil {
		return err
	}
	return collect(pid)
}

// procAttempts try what /proc gives away besides.
func procAttempts() []attempt {
	return []attempt{
		{"trigger sysrq", always, func(field) error { return openWrite("/proc/sysrq-trigger") }},
		{"read the kernel's memory", always, func(field) error { return firstOpen("/proc/kcore", "/dev/mem", "/dev/kmem", "/dev/port") }},
		{"change the own id map", always, func(field) error { return os.WriteFile("/proc/self/uid_map", []byte("0 0 1"), 0) }},
		{"change a core pattern", always, func(field) error { return openWrite("/proc/sys/kernel/core_pattern") }},
		{"change a limit of the kernel", always, func(field) error { return openWrite("/proc/sys/user/max_user_namespaces") }},
		{"read outside by the gateway's root", atConfined, func(f field) error {
			return read("/proc/" + strconv.Itoa(f.Gateway) + "/root" + f.Secret)
		}},
		{"read outside by the working directory of PID 1", always, func(f field) error { return read("/proc/1/cwd" + f.Secret) }},
		{"read the supervisor's environment", always, func(field) error { return read("/proc/" + strconv.Itoa(os.Getppid()) + "/environ") }},
		{"list the gateway's descriptors", atIsolated, func(f field) error { _, err := os.ReadDir("/proc/" + strconv.Itoa(f.Gateway) + "/fd"); return err }},
		{"leave the cgroup", always, func(field) error {
			return firstWrite("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs", "/sys/fs/cgroup/memory/cgroup.procs", "/sys/fs/cgroup/pids/cgroup.procs")
		}},
	}
}

func firstWrite(paths ...string) error {
	var last error = unix.ENOENT
	for _, p := range paths {
		err := openWrite(p)
		if err == nil {
			return nil
		}
		if !os.IsNotExist(err) {
			last = err
		}
	}
	return last
}
