//go:build linux && (amd64 || arm64)

package confine

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Descriptors that the launcher is started with.
const (
	fdControl = 3   // requests
	fdProgram = 200 // this program, where stages are executed from it
)

// Descriptors of a stage.
const (
	fdSocket = 3
	fdSpec   = 4
	fdTrees  = 5
)

// StageArgv0 is argv[0] of launcher and stage.
const StageArgv0 = "openclaw-stage"

// spawner makes the process of a stage. Without one the launcher forks itself,
// which it can only as the program that starts at entry.
type spawner func(q request, t trees) (pid int, e errno)

type launch struct {
	root    bool
	spawner spawner
	oom     int // its own oom_score_adj, negative when there is none
	usual   [16]byte
	usualN  int
	trees   trees
	fds     [maxFDs]int32
	spec    []byte // mapped for one request
	in      [256]byte
	out     [16 << 10]byte
}

// request is one spawn request.
type request struct {
	level       Level
	uid, gid    int
	cgroup, own bool
	spare       bool
	fds         [maxFDs]int32 // stdin, stdout, stderr, socket, spec, cgroup
}

// launcher serves requests until the gateway is gone, and does not return.
func launcher(by spawner) {
	_ = prctl(unix.PR_SET_NAME, uintptr(at("openclaw\x00")), 0)
	if by == nil {
		plainSignals()
		if closeFrom(fdControl+1, 0) != 0 {
			exit(71)
		}
	}
	uid, _ := sys(unix.SYS_GETEUID, 0, 0, 0, 0, 0)
	l := launch{root: uid == 0, spawner: by, oom: -1}
	if l.root {
		_, _ = sys(unix.SYS_SETGROUPS, 0, 0, 0, 0, 0)
	}
	if fd, e := open("/proc/self/oom_score_adj\x00", unix.O_RDWR); e == 0 {
		l.oom = fd
		l.usualN, _ = read(fd, l.usual[:])
	}
	if prctl(unix.PR_SET_DUMPABLE, 0, 0) != 0 {
		exit(74)
	}
	for l.serve() {
	}
	exit(0)
}

// plainSignals gives every signal its default action, which a program that is
// started inherits.
func plainSignals() {
	var action [4]uint64
	for sig := uintptr(1); sig <= 64; sig++ {
		_, _ = sysSecond(unix.SYS_RT_SIGACTION, sig, unsafe.Pointer(&action), 0, 8, 0)
	}
	var none uint64
	_, _ = sysSecond(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, unsafe.Pointer(&none), 0, 8, 0)
}

// serve answers one request; false when there will be none any more.
func (l *launch) serve() bool {
	n, fds, e := receive(fdControl, l.in[:], &l.fds)
	if (e == 0 && n == 0) || (e != 0 && e != unix.EMSGSIZE) {
		return false
	}
	p := packer{b: l.out[:]}
	d := decoder{b: l.in[:max(n, 0)]}
	switch op := d.num(); {
	case e == 0 && op == opSpawn:
		l.spawn(&d, fds, &p)
	case e == 0 && op == opHand && !d.bad && fds == 5:
		l.hand(&p)
	case e == 0 && op == opLook && fds == 0:
		pid := int(d.num())
		if d.bad || pid <= 0 {
			refuse(&p, unix.EPROTO, "look request", "")
		} else {
			eye(&p, pid)
		}
	default: // a gateway that knows other requests than this launcher
		refuse(&p, unix.EPROTO, "request", "")
	}
	for i := range fds {
		closeFD(int(l.fds[i]))
	}
	return send(fdControl, p.b[:p.n], -1) == 0
}

// refuse is a Reply that names what failed, in two parts.
func refuse(p *packer, e errno, where, object string) {
	p.n = 0
	p.num(0)
	p.num(int64(e))
	at := p.hold()
	p.raw(where)
	p.raw(object)
	p.set(at, int64(p.n-at-8))
	p.str("")
}

func (l *launch) spawn(d *decoder, fds int, p *packer) {
	q := request{level: Level(d.num()), uid: int(d.num()), gid: int(d.num()), cgroup: d.flag(), own: d.flag(), spare: d.flag(), fds: l.fds}
	want := 5
	if q.cgroup {
		want = 6
	}
	switch {
	case d.bad || fds != want || q.level < LevelProcess || q.level > LevelIsolated || (q.own && q.level == LevelIsolated),
		q.spare && (q.level != LevelIsolated || l.spawner != nil):
		refuse(p, unix.EPROTO, "spawn request", "")
		return
	case l.root && !q.own && (q.uid <= 0 || q.gid <= 0):
		refuse(p, unix.EPERM, "uid of the run", "")
		return
	}
	f := failure{}
	if q.level == LevelIsolated {
		f = l.open(false)
	}
	if f.no == 0 {
		l.start(&q, p)
	} else {
		refuse(p, f.no, f.step, f.object)
	}
	l.shut()
}

// hand gives a run to a spare, by the gateway's end of its socket.
func (l *launch) hand(p *packer) {
	f := l.open(true)
	if f.no == 0 {
		c := handBytes{fds: [maxHanded + 1]int32{l.fds[0], l.fds[1], l.fds[2], l.fds[4]}}
		n := 4 + copy(c.fds[4:maxHanded], l.trees.fd[:l.trees.n])
		f = failure{"hand", "", unix.E2BIG}
		if n == 4+l.trees.n {
			f.no = hand(int(l.fds[3]), &c, n)
		}
	}
	refuse(p, f.no, f.step, f.object)
	l.shut()
}

// shut gives back what open took.
func (l *launch) shut() {
	l.trees.close()
	if l.spec != nil {
		unmap(l.spec)
		l.spec = nil
	}
}

// start makes the stage of a request whose sources are open.
func (l *launch) start(q *request, p *packer) {
	// An ordinary user may write the map of a child only while this process
	// owns its /proc entries, which dumpable decides.
	dumpable := !l.root && q.level == LevelIsolated
	if dumpable {
		_ = prctl(unix.PR_SET_DUMPABLE, 1, 0)
	}
	var pid int
	var e errno
	if l.spawner != nil {
		pid, e = l.spawner(*q, l.trees)
	} else {
		pid, e = l.fork(q)
	}
	if dumpable {
		_ = prctl(unix.PR_SET_DUMPABLE, 0, 0)
	}
	if e != 0 {
		refuse(p, e, "clone", "")
		return
	}
	p.num(int64(pid))
	p.num(0)
	p.str("")
	p.str("")
}

// open opens every bind source as root in the host's mount namespace, so that
// a workspace under a private home can be given to an unprivileged uid without
// opening the path to it. An ordinary user's stage opens them itself.
func (l *launch) open(late bool) failure {
	if !l.root {
		return failure{}
	}
	var e errno
	if l.spec, e = mapped(int(l.fds[4])); e != 0 {
		return failure{"read ", "spec", e}
	}
	v, ok := look(l.spec)
	if !ok {
		return failure{"read ", "spec", unix.EPROTO}
	}
	f := l.trees.open(&v, late)
	f.step = "open "
	return f
}

// eye reads what /proc shows of a process: the outside half of a witness.
func eye(p *packer, pid int) {
	p.num(int64(pid))
	p.num(0)
	p.str("")
	text := p.hold()
	var path procPath
	for _, file := range [...]string{"/status", "/limits", "/cgroup"} {
		n, e := readFile(path.of(pid, file, ""), p.b[p.n:])
		if e != 0 {
			refuse(p, e, path.of(pid, file, ""), "")
			return
		}
		p.n += n
	}
	for _, ns := range nsNames {
		p.raw("ns ")
		p.raw(ns)
		p.raw(" ")
		if e := p.link(path.of(pid, "/ns/", ns)); e != 0 {
			refuse(p, e, path.of(pid, "/ns/", ns), "")
			return
		}
		p.raw("\n")
	}
	if p.full {
		refuse(p, unix.E2BIG, path.of(pid, "", ""), "")
		return
	}
	p.set(text, int64(p.n-text-8))
}

// procPath holds a name beneath /proc.
type procPath [64]byte

func (b *procPath) of(pid int, rest, more string) string {
	p := packer{b: b[:]}
	p.raw("/proc/")
	p.dec(pid)
	p.raw(rest)
	p.raw(more)
	return p.text()
}

var nsNames = [...]string{"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}
