//go:build linux && (amd64 || arm64)

package docker

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Descriptors of a stage beside its streams.
const (
	sayFD  = 3 // what it found
	wordFD = 4 // what it is told
)

// stage restricts itself, says what it found, waits for leave and becomes the
// program: all in one task.
func stage() {
	runtime.LockOSThread()
	unix.CloseOnExec(sayFD)
	unix.CloseOnExec(wordFD)
	say, word := os.NewFile(sayFD, "say"), bufio.NewReader(os.NewFile(wordFD, "word"))
	line, err := word.ReadBytes('\n')
	if err != nil {
		os.Exit(1)
	}
	var o order
	if json.Unmarshal(line, &o) != nil {
		os.Exit(1)
	}
	r, err := restrict(o)
	if err != nil {
		os.Exit(1)
	}
	out := json.NewEncoder(say)
	if out.Encode(r) != nil {
		os.Exit(1)
	}
	if told, err := word.ReadString('\n'); err != nil || told != "go\n" {
		os.Exit(1)
	}
	err = syscall.Exec(o.Path, o.Args, o.Env)
	_ = out.Encode(failed(err))
	os.Exit(126)
}

func failed(err error) *failure {
	var e syscall.Errno
	errors.As(err, &e)
	return &failure{Errno: int(e), Text: err.Error()}
}

// restrict applies what an engine does not, and looks at what holds then.
func restrict(o order) (*report, error) {
	r := &report{Nonce: o.Nonce, EnvHash: envHash(o), NS: map[string]string{}, Found: map[string]found{}, Probes: map[string]string{}}
	for _, t := range o.Targets {
		r.Found[t] = lookAt(t)
	}
	if err := os.Chdir(o.Dir); err != nil {
		r.Exec = failed(err)
	} else if err := executable(o.Path); err != nil {
		r.Exec = failed(err)
	}
	if o.MustWrite != "" {
		if err := unix.Access(o.MustWrite, unix.W_OK); err != nil {
			r.Write = err.Error()
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, err
	}
	if err := filterCalls(o.Filter); err != nil {
		return nil, err
	}
	for name, probe := range probes() {
		r.Probes[name] = probe()
	}
	read := func(paths ...string) string {
		for _, p := range paths {
			if b, err := os.ReadFile(p); err == nil {
				return strings.TrimSpace(string(b))
			}
		}
		return ""
	}
	r.Status, r.Mounts, r.Limits = read("/proc/self/status"), read("/proc/self/mountinfo"), read("/proc/self/limits")
	r.Memory = read("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
	r.Pids = read("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max")
	for _, n := range namespaceNames() {
		r.NS[n], _ = os.Readlink("/proc/self/ns/" + n)
	}
	r.FDs, r.Others = openFDs(), otherProcesses()
	return r, nil
}

func namespaceNames() []string { return []string{"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"} }

// envHash names the program, its arguments and its environment.
func envHash(o order) string {
	h := sha256.New()
	for _, list := range [][]string{{o.Path, o.Dir}, o.Args, o.Env} {
		for _, s := range list {
			h.Write([]byte(s))
			h.Write([]byte{0})
		}
		h.Write([]byte{1})
	}
	return hex.EncodeToString(h.Sum(nil))
}

func executable(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return unix.EACCES
	}
	return unix.Access(path, unix.X_OK)
}

// lookAt identifies what is mounted at a path.
func lookAt(path string) found {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return found{Err: err.Error()}
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return found{Err: err.Error()}
	}
	return found{Dev: st.Dev, Ino: st.Ino, ReadOnly: fs.Flags&unix.ST_RDONLY != 0}
}

// filterCalls puts every thread under the filter.
func filterCalls(f []byte) error {
	const step = int(unsafe.Sizeof(unix.SockFilter{}))
	if len(f) == 0 || len(f)%step != 0 {
		return unix.EINVAL
	}
	prog := unix.SockFprog{Len: uint16(len(f) / step), Filter: (*unix.SockFilter)(unsafe.Pointer(&f[0]))}
	r, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(f)
	switch {
	case e != 0:
		return e
	case r != 0:
		return unix.ESRCH
	}
	return nil
}

// probes are forbidden acts; each gives the name of its errno, or "worked".
func probes() map[string]func() string {
	call := func(nr, a, b, c uintptr) func() string {
		return func() string {
			r, _, e := unix.RawSyscall(nr, a, b, c)
			if e == 0 {
				if nr == unix.SYS_SOCKET {
					_ = unix.Close(int(r))
				}
				return "worked"
			}
			return unix.ErrnoName(e)
		}
	}
	return map[string]func() string{
		"root":     writeRoot,
		"engine":   findEngine,
		"network":  interfaces,
		"unix":     call(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM, 0),
		"udp":      call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_DGRAM, 0),
		"vsock":    call(unix.SYS_SOCKET, unix.AF_VSOCK, unix.SOCK_STREAM, 0),
		"unshare":  call(unix.SYS_UNSHARE, unix.CLONE_NEWUSER, 0, 0),
		"mount":    call(unix.SYS_MOUNT, 0, 0, 0),
		"keyctl":   call(unix.SYS_KEYCTL, 0, 0, 0),
		"io_uring": call(unix.SYS_IO_URING_SETUP, 1, 0, 0),
		"setuid":   call(unix.SYS_SETUID, 0, 0, 0),
		"ptrace":   call(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0),
	}
}

func writeRoot() string {
	fd, err := unix.Open("/.openclaw-write", unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return errnoName(err)
	}
	_ = unix.Close(fd)
	return "worked"
}

// findEngine looks for a door to the engine.
func findEngine() string {
	for _, p := range []string{"/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock"} {
		if err := unix.Access(p, unix.F_OK); err == nil {
			return "worked"
		}
	}
	return "ENOENT"
}

// interfaces lists the network interfaces.
func interfaces() string {
	b, err := os.ReadFile("/proc/self/net/dev")
	if err != nil {
		return errnoName(err)
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			names = append(names, strings.TrimSpace(name))
		}
	}
	sort.Strings(names)
	return strings.Join(names, " ")
}

func errnoName(err error) string {
	var e syscall.Errno
	if errors.As(err, &e) {
		return unix.ErrnoName(e)
	}
	return "failed"
}

// openFDs lists the descriptors that the program will have.
func openFDs() []int {
	out := []int{}
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return []int{-1}
	}
	for _, d := range dir {
		fd, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			out = append(out, fd)
		}
	}
	return out
}

// otherProcesses counts those beside the first one and this.
func otherProcesses() int {
	dir, err := os.ReadDir("/proc")
	if err != nil {
		return -1
	}
	n := 0
	for _, d := range dir {
		if pid, err := strconv.Atoi(d.Name()); err == nil && pid != 1 && pid != os.Getpid() {
			n++
		}
	}
	return n
}
