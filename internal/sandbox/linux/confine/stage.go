//go:build linux && (amd64 || arm64)

package confine

import (
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

type run struct {
	spec     *Spec
	listener int
	report   Report
}

// stage applies every layer to its main thread, reports, waits for the word to
// go on, and executes the program as a child that inherits all of it.
func stage() {
	runtime.LockOSThread()
	_, given := syscall.Getenv(treesEnv)
	if unix.Gettid() != unix.Getpid() {
		// Layers are per thread, and the main thread is what /proc shows.
		_ = syscall.Exec("/proc/self/exe", []string{StageArgv0, RoleStage}, syscall.Environ())
		exit(75)
	}
	_ = unix.Prctl(unix.PR_SET_NAME, namePtr(), 0, 0, 0)
	spec, err := readSpec(fdSpec)
	if err != nil {
		fail(&Failure{"spec", "", int(unix.EPROTO)})
	}
	_ = unix.Close(fdSpec)
	r := &run{spec: spec, listener: -1}
	for _, step := range []func() *Failure{r.prepare, func() *Failure { return r.isolate(given) }, r.limit, r.dropCaps,
		r.access, r.fileRules, r.filter, r.witness} {
		if f := step(); f != nil {
			fail(f)
		}
	}
	if !r.mayGo() {
		exit(0)
	}
	r.execute()
}

func fail(f *Failure) {
	_ = sendmsg(fdSocket, f.Encode(MsgFailed), nil)
	exit(76)
}

func (r *run) isolated() bool { return r.spec.Level == LevelIsolated }

// prepare ties the stage's life to the gateway's and makes it the first thing
// that the kernel kills when memory runs out.
func (r *run) prepare() *Failure {
	if fd, err := unix.Open("/proc/self/oom_score_adj", unix.O_WRONLY|unix.O_CLOEXEC, 0); err == nil {
		_, _ = unix.Write(fd, []byte("1000"))
		_ = unix.Close(fd)
	}
	if !r.isolated() {
		// A supervisor outside a pid namespace must outlive the gateway by a
		// moment, to kill what it started: it watches the socket instead.
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return &Failure{"subreaper", "", errno(err)}
		}
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return &Failure{"parent death signal", "", errno(err)}
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return &Failure{"dumpable", "", errno(err)}
	}
	return nil
}

func (r *run) isolate(given bool) *Failure {
	if !r.isolated() {
		return r.enter()
	}
	if err := unix.Sethostname([]byte("openclaw")); err != nil {
		return &Failure{"hostname", "", errno(err)}
	}
	if err := loopbackUp(); err != nil {
		return &Failure{"loopback", "", errno(err)}
	}
	if r.spec.Proxy {
		fd, err := listen()
		if err != nil {
			return &Failure{"proxy listener", "", errno(err)}
		}
		r.listener = fd
	}
	if f := r.spec.build(given); f != nil {
		return f
	}
	return r.enter()
}

func (r *run) enter() *Failure {
	if err := unix.Chdir(r.spec.Dir); err != nil {
		return &Failure{"enter", r.spec.Dir, errno(err)}
	}
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

func listen() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: ProxyPort, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, err
	}
	return fd, unix.Listen(fd, 128)
}

func (r *run) limit() *Failure {
	if skipped("rlimits") {
		return nil
	}
	l := r.spec.Limits
	for _, x := range [...]struct {
		which int
		value int64
	}{{unix.RLIMIT_CORE, -1}, {unix.RLIMIT_FSIZE, l.FileBytes}, {unix.RLIMIT_NPROC, l.Processes}, {unix.RLIMIT_NOFILE, l.OpenFiles}, {unix.RLIMIT_DATA, l.DataBytes}} {
		if x.value == 0 {
			continue
		}
		v := uint64(max(x.value, 0))
		if err := syscall.Setrlimit(x.which, &syscall.Rlimit{Cur: v, Max: v}); err != nil {
			return &Failure{"rlimit " + itoa(x.which), "", errno(err)}
		}
	}
	return nil
}

func (r *run) dropCaps() *Failure {
	if skipped("caps") {
		return nil
	}
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if err != nil && err != unix.EINVAL && r.isolated() {
			return &Failure{"bounding set", itoa(int(c)), errno(err)}
		}
	}
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return &Failure{"capabilities", "", errno(err)}
	}
	return nil
}

// access proves that the run can use what its profile grants, now that the
// stage has no more right than the program will have.
func (r *run) access() *Failure {
	if p := r.spec.MustWrite; p != "" {
		if err := unix.Faccessat2(unix.AT_FDCWD, p, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
			return &Failure{"write", p, errno(err)}
		}
	}
	return nil
}

func (r *run) probe(name string, err error) {
	r.report.Probes = append(r.report.Probes, Probe{name, errno(err)})
}

func canary(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

func trySocket(domain, typ, proto int) error {
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC, proto)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

func tryConnect() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}})
}

func (r *run) fileRules() *Failure {
	if !skipped("nnp") || r.spec.Level != LevelProcess {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return &Failure{"no_new_privs", "", errno(err)}
		}
	}
	if r.spec.Level == LevelProcess {
		return nil
	}
	r.probe("canary before", canary(r.spec.Canary))
	if !skipped("landlock") {
		if f := r.spec.landlock(); f != nil {
			return f
		}
	}
	r.probe("canary", canary(r.spec.Canary))
	if r.spec.ABI >= 4 {
		r.probe("tcp", tryConnect())
	}
	return nil
}

func (r *run) filter() *Failure {
	if r.spec.Level == LevelProcess {
		return nil
	}
	p := FilterParams{Inet: !r.spec.NoInet, Route: r.isolated(), SysVIPC: r.isolated()}
	base, err := Filter(p)
	if err != nil {
		return &Failure{"filter", "", int(unix.E2BIG)}
	}
	r.report.Filter = FilterSum(base)
	if !r.isolated() {
		p.Guard = unix.Getpid()
		if base, err = Filter(p); err != nil {
			return &Failure{"filter", "", int(unix.E2BIG)}
		}
	}
	if skipped("filter rules") {
		base = []unix.SockFilter{{Code: ret, K: retAllow}}
	}
	if !skipped("seccomp") {
		if err := installFilter(base); err != nil {
			return &Failure{"seccomp", "", errno(err)}
		}
	}
	r.forbidden()
	return nil
}

// forbidden tries what the filter must refuse.
func (r *run) forbidden() {
	r.probe("udp", trySocket(unix.AF_INET, unix.SOCK_DGRAM, 0))
	r.probe("mptcp", trySocket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP))
	r.probe("unix", trySocket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	r.probe("vsock", trySocket(unix.AF_VSOCK, unix.SOCK_STREAM, 0))
	r.probe("unshare", unix.Unshare(unix.CLONE_NEWUSER))
	_, _, e := unix.RawSyscall(unix.SYS_IO_URING_SETUP, 0, 0, 0)
	r.report.Probes = append(r.report.Probes, Probe{"io_uring", int(e)})
	_, _, e = unix.RawSyscall(unix.SYS_KEYCTL, 0xffff, 0, 0)
	r.report.Probes = append(r.report.Probes, Probe{"keyctl", int(e)})
	if !r.spec.ProveArch || skipped("seccomp") {
		return
	}
	for i, kind := range foreignKinds {
		r.report.Probes = append(r.report.Probes, Probe{kind, r.foreign(uintptr(i))})
	}
}

// foreign gives the signal that killed a child which called through a foreign
// interface, 0 when it survived.
func (r *run) foreign(kind uintptr) int {
	pid := foreignChild(kind)
	if pid > 1<<22 {
		return 0
	}
	var ws unix.WaitStatus
	for {
		got, err := unix.Wait4(int(pid), &ws, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || got != int(pid) || !ws.Signaled() {
			return 0
		}
		return int(ws.Signal())
	}
}

// witness reads back what the kernel says about this thread and sends it.
func (r *run) witness() *Failure {
	w := &r.report
	w.Nonce = r.spec.Nonce
	var err error
	if w.Status, err = readFile("/proc/thread-self/status"); err != nil {
		return &Failure{"read", "/proc/thread-self/status", errno(err)}
	}
	for _, ns := range nsNames {
		link, err := readlink("/proc/thread-self/ns/" + ns)
		if err != nil {
			return &Failure{"read", "/proc/thread-self/ns/" + ns, errno(err)}
		}
		w.Namespaces = append(w.Namespaces, ns+" "+link)
	}
	if w.Cgroup, err = readFile("/proc/thread-self/cgroup"); err != nil {
		return &Failure{"read", "/proc/thread-self/cgroup", errno(err)}
	}
	if r.isolated() {
		if w.Mounts, err = readFile("/proc/thread-self/mountinfo"); err != nil {
			return &Failure{"read", "/proc/thread-self/mountinfo", errno(err)}
		}
	}
	if w.FDs, err = listFDs(); err != nil {
		return &Failure{"read", "/proc/self/fd", errno(err)}
	}
	w.CmdSum = CmdSum(r.spec.Path, r.spec.Args, r.spec.Env)
	var oob []byte
	if r.listener >= 0 {
		oob = unix.UnixRights(r.listener)
	}
	if err := sendmsg(fdSocket, w.Encode(), oob); err != nil {
		exit(77)
	}
	if r.listener >= 0 {
		_ = unix.Close(r.listener)
	}
	return nil
}

func (r *run) mayGo() bool {
	buf := make([]byte, 8)
	n, _, _, _, err := recvmsg(fdSocket, buf, nil)
	return err == nil && n == 1 && buf[0] == Go
}

// execute runs the program and stays as its supervisor: it reaps, and in a pid
// namespace of its own its end is the end of everything.
func (r *run) execute() {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		fail(&Failure{"dumpable", "", errno(err)})
	}
	if err := unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		fail(&Failure{"close_range", "", errno(err)})
	}
	if r.spec.Dry {
		r.ended(0)
	}
	pid, err := syscall.ForkExec(r.spec.Path, r.spec.Args, &syscall.ProcAttr{Env: r.spec.Env, Files: []uintptr{0, 1, 2},
		Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		f := Failure{"exec", r.spec.Path, errno(err)}
		_ = sendmsg(fdSocket, f.Encode(MsgExec), nil)
		exit(0)
	}
	_ = sendmsg(fdSocket, []byte{MsgRunning}, nil)
	for fd := range 3 {
		_ = unix.Close(fd)
	}
	if !r.isolated() {
		go r.heed()
	}
	for {
		var ws unix.WaitStatus
		got, err := unix.Wait4(-1, &ws, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			fail(&Failure{"wait", "", errno(err)})
		}
		if got == pid {
			r.ended(uint32(ws))
		}
	}
}

func (r *run) ended(status uint32) {
	if !r.isolated() {
		killChildren(true)
	}
	e := &encoder{b: []byte{MsgExit}}
	e.num(int64(status))
	_ = sendmsg(fdSocket, e.b, nil)
	exit(0)
}

// DecodeExit reads what follows MsgExit.
func DecodeExit(b []byte) (uint32, error) {
	d := &decoder{b: b}
	n := d.num()
	if d.bad {
		return 0, errSpec
	}
	return uint32(n), nil
}

// heed kills the children on the gateway's word, or when the gateway is gone.
func (r *run) heed() {
	buf := make([]byte, 8)
	for {
		n, _, _, _, err := recvmsg(fdSocket, buf, nil)
		if err != nil || n == 0 || buf[0] == Kill {
			break
		}
	}
	for {
		killChildren(false)
		ts := unix.Timespec{Nsec: 1e6}
		_ = unix.Nanosleep(&ts, nil)
	}
}

// killChildren kills everything beneath this process; with reap it goes on
// until none is left, orphans included, which come to the nearest subreaper.
func killChildren(reap bool) {
	for {
		KillDescendants(unix.Getpid())
		if !reap {
			return
		}
		_, err := unix.Wait4(-1, nil, 0, nil)
		if err != nil && err != unix.EINTR {
			return
		}
	}
}

// KillDescendants kills every process beneath pid and reports whether there
// was one that could still run. A process forked meanwhile needs another call.
func KillDescendants(pid int) bool {
	alive := false
	for queue := children(pid); len(queue) > 0; queue = queue[1:] {
		child := queue[0]
		queue = append(queue, children(child)...)
		err := unix.Kill(child, unix.SIGKILL)
		alive = alive || (err == nil && !zombie(child))
	}
	return alive
}

func zombie(pid int) bool {
	text, err := readFile("/proc/" + itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	i := strings.LastIndexByte(text, ')')
	return i >= 0 && i+2 < len(text) && (text[i+2] == 'Z' || text[i+2] == 'X')
}

// children lists the children of every thread of pid.
func children(pid int) []int {
	dir := "/proc/" + itoa(pid) + "/task"
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	out := []int{}
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil || n <= 0 {
			return out
		}
		_, _, names := unix.ParseDirent(buf[:n], -1, nil)
		for _, tid := range names {
			text, err := readFile(dir + "/" + tid + "/children")
			if err != nil {
				continue
			}
			out = append(out, numbers(text)...)
		}
	}
}

func numbers(text string) []int {
	out := []int{}
	n, in := 0, false
	for i := range len(text) {
		c := text[i]
		if c >= '0' && c <= '9' {
			n, in = n*10+int(c-'0'), true
			continue
		}
		if in {
			out = append(out, n)
		}
		n, in = 0, false
	}
	if in {
		out = append(out, n)
	}
	return out
}
