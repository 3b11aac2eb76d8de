package sandboxtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ProbeArgv0 makes an executable that calls MaybeProbe the confined side.
const ProbeArgv0 = "openclaw-probe"

// field is what the attempts aim at.
type field struct {
	Workspace, ReadRoot string
	Secret, Open        string // a world-readable file and a world-writable directory, both outside
	Victim              int    // a process outside of the same uid
	Marker              string // argument of the victim and value of a variable of the gateway
	Port                int    // a TCP and UDP listener on loopback outside
	Abstract            string // an abstract unix listener outside
}

// MaybeProbe plays the confined program when this process was started as one
// and then never returns. TestMain calls it first.
func MaybeProbe() {
	if len(os.Args) < 2 || os.Args[0] != ProbeArgv0 {
		return
	}
	var err error
	switch os.Args[1] {
	case "attempts":
		err = probeAttempts(os.Stdin, os.Stdout)
	case "fork":
		err = probeFork()
	case "grow":
		err = probeGrow(os.Args[2])
	case "get":
		err = probeGet(os.Args[2])
	case "block": // until killed
		fmt.Println("ready")
		for { // an empty select is a deadlock, which ends a program without cgo
			_ = unix.Pause()
		}
	default: // an unknown word is a mistake of the suite
		err = fmt.Errorf("unknown probe %q", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func probeAttempts(in io.Reader, out io.Writer) error {
	var f field
	if err := json.NewDecoder(in).Decode(&f); err != nil {
		return err
	}
	got := map[string]string{}
	for _, a := range attempts() {
		got[a.name] = "worked"
		if err := a.try(f); err != nil {
			got[a.name] = err.Error()
		}
	}
	return json.NewEncoder(out).Encode(got)
}

// attempt is one forbidden act; nil means that it worked.
type attempt struct {
	name string
	from strictness
	try  func(f field) error
}

// strictness is the least level at which an attempt must fail.
type strictness uint8

const (
	always     strictness = iota // at every level
	atConfined                   // confined and isolated
	atIsolated
	control // must work, or the others prove nothing
)

func attempts() []attempt {
	out := []attempt{}
	for _, list := range [][]attempt{controls(), fileAttempts(), steeringAttempts(), processAttempts(), kernelAttempts(), networkAttempts()} {
		out = append(out, list...)
	}
	return out
}

func read(path string) error {
	_, err := os.ReadFile(path)
	return err
}

func create(path string) error { return os.WriteFile(path, []byte("x"), 0o644) }

func openWrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_ = f.Close()
	}
	return err
}

func controls() []attempt {
	return []attempt{
		{"write in the workspace", control, func(f field) error { return create(f.Workspace + "/src/mine") }},
		{"read a steering file", control, func(f field) error { return read(f.Workspace + "/AGENTS.md") }},
		{"read a read root", control, func(f field) error { return read(f.ReadRoot + "/tool") }},
		{"read the system", control, func(field) error { return read("/usr/bin/true") }},
		{"run a program", control, func(field) error { return exec.Command("/usr/bin/true").Run() }},
		{"write /dev/null", control, func(field) error { return openWrite("/dev/null") }},
		{"write in HOME", control, func(field) error { return create(os.Getenv("HOME") + "/file") }},
		{"write in TMPDIR", control, func(field) error { return create(os.Getenv("TMPDIR") + "/file") }},
		{"be in the workspace", control, func(f field) error {
			wd, err := os.Getwd()
			if err == nil && wd != f.Workspace {
				err = fmt.Errorf("in %q", wd)
			}
			return err
		}},
	}
}

func fileAttempts() []attempt {
	return []attempt{
		{"list /root", always, func(field) error { _, err := os.ReadDir("/root"); return err }},
		{"read /etc/shadow", always, func(field) error { return read("/etc/shadow") }},
		{"write /etc", always, func(field) error { return create("/etc/openclaw-escape") }},
		{"write /usr", always, func(field) error { return create("/usr/openclaw-escape") }},
		{"write /proc/sys", always, func(field) error { return openWrite("/proc/sys/kernel/core_pattern") }},
		{"write /proc/1/exe", always, func(field) error { return openWrite("/proc/1/exe") }},
		{"open a device", atConfined, func(field) error {
			return firstOpen("/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/mem", "/dev/kmsg", "/dev/fuse", "/dev/kvm")
		}},
		{"make a device", always, func(f field) error { return unix.Mknod(f.Workspace+"/src/disk", unix.S_IFBLK|0o666, 254<<8) }},
		{"read outside", atConfined, func(f field) error { return read(f.Secret) }},
		{"read outside by ..", atConfined, func(f field) error { return read(f.Workspace + "/../outside/" + filepath.Base(f.Secret)) }},
		{"read outside by a symbolic link", atConfined, func(f field) error {
			if err := os.Symlink(f.Secret, f.Workspace+"/src/link"); err != nil {
				return err
			}
			return read(f.Workspace + "/src/link")
		}},
		{"read outside by a linked directory", atConfined, func(f field) error {
			if err := os.Symlink(filepath.Dir(f.Secret), f.Workspace+"/src/linkdir"); err != nil {
				return err
			}
			return read(f.Workspace + "/src/linkdir/" + filepath.Base(f.Secret))
		}},
		{"read outside by a hard link", atConfined, func(f field) error {
			if err := os.Link(f.Secret, f.Workspace+"/src/hard"); err != nil {
				return err
			}
			return read(f.Workspace + "/src/hard")
		}},
		{"read outside by /proc/self/root", atConfined, func(f field) error { return read("/proc/self/root" + f.Secret) }},
		{"read outside by /proc/1/root", atConfined, func(f field) error { return read("/proc/1/root" + f.Secret) }},
		{"read outside by the parent's root", atConfined, func(f field) error { return read("/proc/" + strconv.Itoa(os.Getppid()) + "/root" + f.Secret) }},
		{"write outside", atConfined, func(f field) error { return create(f.Open + "/escape") }},
		{"write outside by a symbolic link", atConfined, func(f field) error {
			if err := os.Symlink(f.Open+"/through", f.Workspace+"/src/out"); err != nil {
				return err
			}
			return create(f.Workspace + "/src/out")
		}},
		{"rename to the outside", atConfined, func(f field) error {
			if err := create(f.Workspace + "/src/going"); err != nil {
				return err
			}
			return os.Rename(f.Workspace+"/src/going", f.Open+"/gone")
		}},
		{"truncate outside", atConfined, func(f field) error { return os.Truncate(f.Open+"/theirs", 0) }},
		{"change mode outside", atIsolated, func(f field) error { return os.Chmod(f.Open+"/theirs", 0o600) }},
		{"write in a read root", atConfined, func(f field) error { return create(f.ReadRoot + "/new") }},
		{"change a read root's file", atConfined, func(f field) error { return openWrite(f.ReadRoot + "/tool") }},
		{"read a masked file", atConfined, func(f field) error { return read(f.Workspace + "/.env") }},
		{"read in a masked directory", atConfined, func(f field) error { return read(f.Workspace + "/private/key") }},
		{"uncover a masked file", atConfined, func(f field) error {
			if err := os.Rename(f.Workspace+"/.env", f.Workspace+"/src/env2"); err != nil {
				return err
			}
			return read(f.Workspace + "/src/env2")
		}},
		{"link a masked file", atConfined, func(f field) error {
			if err := os.Link(f.Workspace+"/.env", f.Workspace+"/src/env3"); err != nil {
				return err
			}
			return read(f.Workspace + "/src/env3")
		}},
		{"list the root of the host", atConfined, func(field) error {
			if _, err := os.Stat("/sys/kernel"); err == nil {
				_, err = os.ReadDir("/sys/kernel")
				return err
			}
			return unix.ENOENT
		}},
	}
}

func firstOpen(paths ...string) error {
	errs := []error{}
	for _, p := range paths {
		f, err := os.Open(p)
		if err == nil {
			_ = f.Close()
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func steeringAttempts() []attempt {
	return []attempt{
		{"change a steering file", atConfined, func(f field) error { return openWrite(f.Workspace + "/AGENTS.md") }},
		{"remove a steering file", atConfined, func(f field) error { return os.Remove(f.Workspace + "/AGENTS.md") }},
		{"rename a steering file", atConfined, func(f field) error { return os.Rename(f.Workspace+"/AGENTS.md", f.Workspace+"/src/x.md") }},
		{"rename over a steering file", atConfined, func(f field) error {
			if err := create(f.Workspace + "/src/new.md"); err != nil {
				return err
			}
			return os.Rename(f.Workspace+"/src/new.md", f.Workspace+"/AGENTS.md")
		}},
		{"create an absent steering file", atConfined, func(f field) error { return create(f.Workspace + "/.envrc") }},
		{"link an absent steering file", atConfined, func(f field) error { return os.Symlink("src/mine", f.Workspace+"/.envrc") }},
		{"create in a steering directory", atConfined, func(f field) error { return create(f.Workspace + "/.git/hooks/pre-commit") }},
		{"rename a steering directory's parent", atConfined, func(f field) error { return os.Rename(f.Workspace+"/.git", f.Workspace+"/git2") }},
		{"create an absent steering directory", atConfined, func(f field) error {
			if err := os.MkdirAll(f.Workspace+"/.vscode", 0o755); err != nil {
				return err
			}
			return create(f.Workspace + "/.vscode/tasks.json")
		}},
	}
}

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
		{"push input into a terminal", atConfined, must(unix.SYS_IOCTL, unix.EPERM, 0, unix.TIOCSTI, 0)},
	}
}

func cloneWith(flags uintptr) error {
	cmd := exec.Command("/usr/bin/true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	return cmd.Run()
}

func networkAttempts() []attempt {
	sock := func(domain, typ, proto int) func(field) error {
		return func(field) error {
			fd, err := unix.Socket(domain, typ, proto)
			if err == nil {
				_ = unix.Close(fd)
			}
			return err
		}
	}
	dial := func(network, address string) error {
		c, err := (&net.Dialer{Timeout: 5 * time.Second}).Dial(network, address)
		if err == nil {
			_ = c.Close()
		}
		return err
	}
	at := func(f field) string { return "127.0.0.1:" + strconv.Itoa(f.Port) }
	return []attempt{
		{"connect to the host by TCP", atConfined, func(f field) error { return dial("tcp", at(f)) }},
		{"connect to the host by TCP over IPv6", atConfined, func(f field) error { return dial("tcp6", "[::ffff:127.0.0.1]:"+strconv.Itoa(f.Port)) }},
		{"open a UDP socket", atConfined, func(f field) error { return dial("udp", at(f)) }},
		{"open an MPTCP socket", atConfined, sock(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP)},
		{"open an SCTP socket", atConfined, sock(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP)},
		{"open a raw socket", always, sock(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)},
		{"open a packet socket", always, sock(unix.AF_PACKET, unix.SOCK_RAW, 0)},
		{"open a vsock socket", atConfined, sock(unix.AF_VSOCK, unix.SOCK_STREAM, 0)},
		{"open an audit socket", atConfined, sock(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT)},
		{"open an alg socket", atConfined, sock(unix.AF_ALG, unix.SOCK_SEQPACKET, 0)},
		{"connect to a unix socket in the workspace", atConfined, func(f field) error { return dial("unix", f.Workspace+"/sock") }},
		{"connect to an abstract unix socket", atConfined, func(f field) error { return dial("unix", f.Abstract) }},
		{"send by TCP fast open", atConfined, func(f field) error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, &unix.SockaddrInet4{Port: f.Port, Addr: [4]byte{127, 0, 0, 1}})
		}},
		{"listen on TCP", atConfined, func(field) error {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err == nil {
				_ = ln.Close()
			}
			return err
		}},
	}
}

// probeFork starts children until one is refused; the limit has to come first.
func probeFork() error {
	n := 0
	for ; n < 4096; n++ {
		if _, err := syscall.ForkExec(os.Args[2], []string{"sleep", "1000"}, &syscall.ProcAttr{}); err != nil {
			fmt.Println(n)
			return nil
		}
	}
	return fmt.Errorf("started %d processes", n)
}

// probeGrow writes to a file until it is refused and prints how much went in.
func probeGrow(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	block := make([]byte, 64<<10)
	n := 0
	for n < 1<<30 {
		k, err := f.Write(block)
		n += k
		if err != nil {
			fmt.Println(n)
			return nil
		}
	}
	return fmt.Errorf("wrote %d bytes", n)
}

// probeGet prints what a TCP server says to a request.
func probeGet(address string) error {
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, c)
	return err
}
