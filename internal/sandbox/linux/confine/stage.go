//go:build linux && (amd64 || arm64)

package confine

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// run is one stage.
type run struct {
	view
	builder
	specFD   int
	hidden   bool // nobody but root needs to look at it from outside
	spare    bool // the run is not known yet
	listener int
	self     func(program int) uint32 // supervises where there is a Go runtime
	memory   []byte
	probes   [24]probe
	probed   int
	filter   sum
}

type probe struct {
	name string
	no   errno
}

// stage applies every layer to its main thread, reports, waits for the word to
// go on, and executes the program as a child that inherits all of it.
func (r *run) stage() {
	r.read()
	if f := r.prepare(); f.no != 0 {
		r.fail(f)
	}
	if r.spare {
		if f := r.ahead(); f.no != 0 {
			r.fail(f)
		}
		r.await()
	}
	for i := range layers {
		if f := r.layer(i); f.no != 0 {
			r.fail(f)
		}
	}
	if !r.mayGo() {
		exit(0)
	}
	r.execute()
}

// read takes the spec, and memory for the report and the pointers of the
// command line.
func (r *run) read() {
	spec, e := mapped(r.specFD)
	if e != 0 {
		r.fail(failure{"spec", "", e})
	}
	v, ok := look(spec)
	if !ok {
		r.fail(failure{"spec", "", unix.EPROTO})
	}
	r.view = v
	if need := reportRoom + 8*(v.args.n+v.env.n+2); len(r.memory) < need {
		if r.memory, e = memory(need + 4096); e != 0 {
			r.fail(failure{"memory", "", e})
		}
	}
}

// ahead does what is the same for every run with the same root: no layer that
// depends on the run, and nothing of the run's own.
func (r *run) ahead() failure {
	if f := r.begin(&r.view); f.no != 0 {
		return f
	}
	return r.add(&r.view)
}

// await takes the one run that a spare is for. Its life ends with that, or
// with the gateway.
func (r *run) await() {
	var fds [maxHanded]int32
	n, ok := accept(fdSocket, &fds)
	if !ok || n < 4 {
		exit(0)
	}
	for to := range 3 {
		if e := dupTo(int(fds[to]), to, 0); e != 0 {
			exit(78)
		}
	}
	early := r.done
	r.specFD = int(fds[3])
	r.trees.n, r.used = 0, 0
	for _, fd := range fds[4:n] {
		r.trees.fd[r.trees.n] = fd
		r.trees.n++
	}
	r.read()
	if r.early != early || r.level != LevelIsolated {
		r.fail(failure{"spare", "", unix.EPROTO})
	}
	if r.trees.n == 0 {
		if f := r.trees.open(&r.view, true); f.no != 0 {
			r.fail(f)
		}
	}
}

const (
	layers     = 8
	reportRoom = 208 << 10 // what a packet may hold
)

// layer applies the layers in the one order that works.
func (r *run) layer(i int) failure {
	switch i {
	case 0:
		return r.isolate()
	case 1:
		return r.limit()
	case 2:
		return r.dropCaps()
	case 3:
		return r.access()
	case 4:
		return r.fileRules()
	case 5:
		return r.install()
	case 6:
		return r.forbidden()
	}
	return r.witness()
}

func (r *run) fail(f failure) {
	var b [1 << 10]byte
	p := packer{b: b[:]}
	f.pack(&p, MsgFailed)
	if p.full {
		p.n, f.object = 0, ""
		f.pack(&p, MsgFailed)
	}
	_ = send(fdSocket, p.b[:p.n], -1)
	exit(76)
}

func (r *run) isolated() bool { return r.level == LevelIsolated }

// prepare ties the stage's life to the gateway's.
func (r *run) prepare() failure {
	if !r.isolated() {
		// A supervisor outside a pid namespace must outlive the gateway by a
		// moment, to kill what it started: it watches the socket instead.
		return failure{"subreaper", "", prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0)}
	}
	if e := prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0); e != 0 {
		return failure{"parent death signal", "", e}
	}
	if !r.hidden {
		return failure{}
	}
	return failure{"dumpable", "", prctl(unix.PR_SET_DUMPABLE, 0, 0)}
}

func (r *run) isolate() failure {
	if r.isolated() {
		if f := r.ownNames(); f.no != 0 {
			return f
		}
		if !r.spare {
			if f := r.begin(&r.view); f.no != 0 {
				return f
			}
		}
		if f := r.add(&r.view); f.no != 0 {
			return f
		}
		if f := r.finish(); f.no != 0 {
			return f
		}
	}
	// Nothing of the launcher's is left but what the plan knows.
	from := fdSpec
	if r.listener >= 0 {
		if r.listener != from {
			if e := dupTo(r.listener, from, unix.O_CLOEXEC); e != 0 {
				return failure{"proxy listener", "", e}
			}
			r.listener = from
		}
		from++
	}
	if e := closeFrom(from, 0); e != 0 {
		return failure{"close_range", "", e}
	}
	_, e := sysFirst(unix.SYS_CHDIR, at(r.dir), 0, 0, 0)
	return failure{"enter", r.dir, e}
}

// ownNames sets what the empty namespaces lack.
func (r *run) ownNames() failure {
	name := "openclaw"
	if _, e := sysFirst(unix.SYS_SETHOSTNAME, at(name), uintptr(len(name)), 0, 0); e != 0 {
		return failure{"hostname", "", e}
	}
	// With rules for ports no program could use the loopback interface but to
	// reach the proxy.
	if r.proxy || r.abi < 4 {
		if e := loopbackUp(); e != 0 {
			return failure{"loopback", "", e}
		}
	}
	if r.proxy {
		var e errno
		if r.listener, e = listen(); e != 0 {
			return failure{"proxy listener", "", e}
		}
	}
	return failure{}
}

func socket(domain, kind, proto uintptr) (int, errno) {
	return sys(unix.SYS_SOCKET, domain, kind|unix.SOCK_CLOEXEC, proto, 0, 0)
}

func loopbackUp() errno {
	fd, e := socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if e != 0 {
		return e
	}
	ifreq := struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		rest  [22]byte
	}{name: [unix.IFNAMSIZ]byte{'l', 'o'}, flags: unix.IFF_UP | unix.IFF_RUNNING}
	_, e = sysThird(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFFLAGS, unsafe.Pointer(&ifreq))
	closeFD(fd)
	return e
}

func loopback(port uint16) unix.RawSockaddrInet4 {
	return unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port<<8 | port>>8, Addr: [4]byte{127, 0, 0, 1}}
}

func listen() (int, errno) {
	fd, e := socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if e != 0 {
		return -1, e
	}
	addr := loopback(ProxyPort)
	if _, e := sysSecond(unix.SYS_BIND, uintptr(fd), unsafe.Pointer(&addr), unsafe.Sizeof(addr), 0, 0); e != 0 {
		return -1, e
	}
	_, e = sys(unix.SYS_LISTEN, uintptr(fd), 128, 0, 0, 0)
	return fd, e
}

func (r *run) limit() failure {
	if skipped("rlimits") {
		return failure{}
	}
	l := r.limits
	for _, x := range [...]struct {
		which uintptr
		value int64
		step  string
	}{{unix.RLIMIT_CORE, -1, "rlimit core"}, {unix.RLIMIT_FSIZE, l.FileBytes, "rlimit fsize"}, {unix.RLIMIT_NPROC, l.Processes, "rlimit nproc"},
		{unix.RLIMIT_NOFILE, l.OpenFiles, "rlimit nofile"}, {unix.RLIMIT_DATA, l.DataBytes, "rlimit data"}} {
		if x.value == 0 {
			continue
		}
		v := uint64(max(x.value, 0))
		lim := syscall.Rlimit{Cur: v, Max: v}
		if _, e := sysThird(unix.SYS_PRLIMIT64, 0, x.which, unsafe.Pointer(&lim)); e != 0 {
			return failure{x.step, "", e}
		}
	}
	return failure{}
}

// dropBounding gives the first refusal but for what the kernel does not know.
func dropBounding() errno {
	var first errno
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		e := prctl(unix.PR_CAPBSET_DROP, c, 0)
		if e != 0 && e != unix.EINVAL && first == 0 {
			first = e
		}
	}
	return first
}

func (r *run) dropCaps() failure {
	if skipped("caps") {
		return failure{}
	}
	if e := dropBounding(); e != 0 && r.isolated() {
		return failure{"bounding set", "", e}
	}
	_ = prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0)
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{}
	_, e := sysTwo(unix.SYS_CAPSET, unsafe.Pointer(&hdr), unsafe.Pointer(&data))
	return failure{"capabilities", "", e}
}

// access proves that the run can use what its profile grants, now that the
// stage has no more right than the program will have.
func (r *run) access() failure {
	if r.mustWrite == "" {
		return failure{}
	}
	dir := cwd
	_, e := sysSecond(unix.SYS_FACCESSAT2, uintptr(dir), at(r.mustWrite), unix.W_OK|unix.X_OK, unix.AT_EACCESS, 0)
	return failure{"write", r.mustWrite, e}
}

func (r *run) probe(name string, e errno) {
	if r.probed < len(r.probes) {
		r.probes[r.probed] = probe{name, e}
		r.probed++
	}
}

func canary(path string) errno {
	fd, e := open(path, unix.O_RDONLY)
	if e == 0 {
		closeFD(fd)
	}
	return e
}

func trySocket(domain, kind, proto uintptr) errno {
	fd, e := socket(domain, kind, proto)
	if e == 0 {
		closeFD(fd)
	}
	return e
}

func tryConnect() errno {
	fd, e := socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if e != 0 {
		return e
	}
	addr := loopback(9)
	_, e = sysSecond(unix.SYS_CONNECT, uintptr(fd), unsafe.Pointer(&addr), unsafe.Sizeof(addr), 0, 0)
	closeFD(fd)
	return e
}

func (r *run) fileRules() failure {
	if !skipped("nnp") || r.level != LevelProcess {
		if e := prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0); e != 0 {
			return failure{"no_new_privs", "", e}
		}
	}
	if r.level == LevelProcess {
		return failure{}
	}
	r.probe("canary before", canary(r.canary))
	if !skipped("landlock") {
		if f := r.landlock(); f.no != 0 {
			return f
		}
	}
	r.probe("canary", canary(r.canary))
	if r.abi >= 4 {
		r.probe("tcp", tryConnect())
	}
	return failure{}
}

// install puts the process under the filter of its spec.
func (r *run) install() failure {
	if r.level == LevelProcess {
		return failure{}
	}
	room := r.memory[:len(r.program)]
	copy(room, r.program)
	r.filter = filterSum(room)
	Guard(room, uint32(itself()))
	if skipped("filter rules") {
		room = room[:filterStep]
		putFilter(room, 0, ret, 0, 0, retAllow)
	}
	if skipped("seccomp") {
		return failure{}
	}
	return failure{"seccomp", "", installFilter(room)}
}

// forbidden tries what the filter must refuse.
func (r *run) forbidden() failure {
	if r.level == LevelProcess {
		return failure{}
	}
	r.probe("udp", trySocket(unix.AF_INET, unix.SOCK_DGRAM, 0))
	r.probe("mptcp", trySocket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP))
	r.probe("unix", trySocket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	r.probe("vsock", trySocket(unix.AF_VSOCK, unix.SOCK_STREAM, 0))
	_, e := sys(unix.SYS_UNSHARE, unix.CLONE_NEWUSER, 0, 0, 0, 0)
	r.probe("unshare", e)
	_, e = sys(unix.SYS_IO_URING_SETUP, 0, 0, 0, 0, 0)
	r.probe("io_uring", e)
	_, e = sys(unix.SYS_KEYCTL, 0xffff, 0, 0, 0, 0)
	r.probe("keyctl", e)
	if !r.proveArch || skipped("seccomp") {
		return failure{}
	}
	for i, kind := range foreignKinds {
		r.probe(kind, foreign(uintptr(i)))
	}
	return failure{}
}

// foreign gives the signal that killed a child which called through a foreign
// interface, 0 when it survived.
func foreign(kind uintptr) errno {
	pid := foreignChild(kind)
	if pid > 1<<22 {
		return 0
	}
	got, status, e := waitFor(int(pid))
	if e != 0 || got != int(pid) {
		return 0
	}
	return errno(status & 0x7f) // 0 for one that exited
}

func (r *run) mayGo() bool {
	var b [8]byte
	var none [maxFDs]int32
	n, _, e := receive(fdSocket, b[:], &none)
	return e == 0 && n == 1 && b[0] == Go
}

// execute runs the program and stays as its supervisor: it reaps, and in a pid
// namespace of its own its end is the end of everything.
func (r *run) execute() {
	if e := prctl(unix.PR_SET_DUMPABLE, 0, 0); e != 0 {
		r.fail(failure{"dumpable", "", e})
	}
	if e := closeFrom(3, unix.CLOSE_RANGE_CLOEXEC); e != 0 {
		r.fail(failure{"close_range", "", e})
	}
	if r.dry {
		r.ended(0)
	}
	pointers := unsafe.Slice((*uintptr)(into(r.memory[reportRoom:])), r.args.n+r.env.n+2)
	argv, env := pointers[:r.args.n+1], pointers[r.args.n+1:]
	r.args.pointers(argv)
	r.env.pointers(env)
	var mask uint64
	pid, e := vforkExec(at(r.path), unsafe.Pointer(&argv[0]), unsafe.Pointer(&env[0]), unsafe.Pointer(&mask))
	if e != 0 {
		if pid > 0 {
			_, _, _ = waitFor(pid)
		}
		p := packer{b: r.memory[:reportRoom]}
		failure{"exec", r.path, errno(e)}.pack(&p, MsgExec)
		_ = send(fdSocket, p.b[:p.n], -1)
		exit(0)
	}
	running := [1]byte{MsgRunning}
	_ = send(fdSocket, running[:], -1)
	for fd := range 3 {
		closeFD(fd)
	}
	switch {
	case r.isolated():
		r.reap(pid)
	case r.self != nil:
		r.ended(r.self(pid))
	default:
		r.watch(pid)
	}
}

// pointers fills in the addresses of the texts, which stay where they are, and
// a zero behind them.
func (l list) pointers(to []uintptr) {
	i := 0
	for ; l.n > 0; l.n-- {
		to[i] = uintptr(at(l.from.text()))
		i++
	}
	to[i] = 0
}

// reap waits for every child until the program has ended.
func (r *run) reap(program int) {
	for {
		got, status, e := waitFor(-1)
		if e != 0 {
			r.fail(failure{"wait", "", e})
		}
		if got == program {
			r.ended(status)
		}
	}
}

// ended reports how the program ended once nothing of what it started is left.
func (r *run) ended(status uint32) {
	if r.isolated() {
		_ = kill(-1, uintptr(unix.SIGKILL)) // all of the namespace but this
		for e := errno(0); e == 0; {
			_, _, e = waitFor(-1)
		}
	} else {
		killChildren()
	}
	var b [16]byte
	p := packer{b: b[:]}
	p.byte(MsgExit)
	p.num(int64(status))
	_ = send(fdSocket, p.b[:p.n], -1)
	exit(0)
}
