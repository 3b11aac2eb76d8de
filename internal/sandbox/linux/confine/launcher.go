//go:build linux && (amd64 || arm64)

package confine

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Descriptors that the launcher is started with.
const (
	fdControl = 3 // spawn requests
	fdEye     = 4 // look requests
	fdProgram = 200
)

// Descriptors that a stage is started with.
const (
	fdSocket = 3
	fdSpec   = 4
	fdTrees  = 5
)

// StageEnv is the whole environment of launcher and stage: without the first
// entry the runtime keeps two cgroup files open.
func StageEnv(role string) []string {
	return []string{"GODEBUG=containermaxprocs=0,updatemaxprocs=0", RoleEnv + "=" + role}
}

// treesEnv tells the stage that the launcher has opened the bind sources.
const treesEnv = "OPENCLAW_STAGE_TREES"

// StageArgv0 is argv[0] of launcher and stage.
const StageArgv0 = "openclaw-stage"

// Main plays the role in the environment and does not return.
func Main() {
	role, _ := syscall.Getenv(RoleEnv)
	switch role {
	case RoleLauncher:
		launcher()
	case RoleStage:
		stage()
	}
	exit(70)
}

func exit(code int) {
	for {
		_, _, _ = syscall.RawSyscall(syscall.SYS_EXIT_GROUP, uintptr(code), 0, 0)
	}
}

type launch struct{ root bool }

func launcher() {
	_ = unix.Prctl(unix.PR_SET_NAME, namePtr(), 0, 0, 0)
	if err := unix.CloseRange(5, ^uint(0)>>1, 0); err != nil {
		exit(71)
	}
	exe, err := unix.Open("/proc/self/exe", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		exit(72)
	}
	if err := unix.Dup3(exe, fdProgram, unix.O_CLOEXEC); err != nil {
		exit(73)
	}
	_ = unix.Close(exe)
	syscall.CloseOnExec(fdControl)
	syscall.CloseOnExec(fdEye)
	l := &launch{root: unix.Geteuid() == 0}
	if l.root {
		_ = unix.Setgroups(nil)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		exit(74)
	}
	go l.eye()
	l.control()
	exit(0)
}

func (l *launch) control() {
	buf := make([]byte, 256)
	oob := make([]byte, unix.CmsgSpace(8*4))
	for {
		n, oobn, _, _, err := recvmsg(fdControl, buf, oob)
		if err != nil || n == 0 {
			return
		}
		fds := parseFDs(oob[:oobn])
		reply := l.spawn(buf[:n], fds)
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
		if err := sendmsg(fdControl, reply.Encode(), nil); err != nil {
			return
		}
	}
}

func (l *launch) spawn(msg []byte, fds []int) Reply {
	d := &decoder{b: msg}
	op, level, uid, gid, cgroup, own := d.num(), Level(d.num()), int(d.num()), int(d.num()), d.flag(), d.flag()
	want := 5
	if cgroup {
		want = 6
	}
	if d.bad || op != opSpawn || len(fds) != want || (own && level == LevelIsolated) {
		return Reply{Errno: int(unix.EPROTO), Where: "spawn request"}
	}
	if l.root && !own && (uid <= 0 || gid <= 0) {
		return Reply{Errno: int(unix.EPERM), Where: "uid of the run"}
	}
	files := []uintptr{uintptr(fds[0]), uintptr(fds[1]), uintptr(fds[2]), uintptr(fds[3]), uintptr(fds[4])}
	trees, reply := l.trees(level, fds[4])
	defer func() {
		for _, fd := range trees {
			_ = unix.Close(int(fd))
		}
	}()
	if reply.Errno != 0 {
		return reply
	}
	env := StageEnv(RoleStage)
	if len(trees) > 0 {
		env = append(env, treesEnv+"=1")
	}
	attr := &syscall.ProcAttr{Env: env, Files: append(files, trees...), Sys: l.sys(level, uid, gid, own)}
	if cgroup {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, fds[5]
	}
	// An ordinary user may write the map of a child only while this process
	// owns its /proc entries, which dumpable decides.
	if !l.root && level == LevelIsolated {
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
		defer func() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }()
	}
	pid, err := syscall.ForkExec("/proc/self/fd/200", []string{StageArgv0, RoleStage}, attr)
	if err != nil {
		return Reply{Errno: errno(err), Where: "clone"}
	}
	return Reply{Pid: pid}
}

// ambient are the capabilities in the new user namespace that mounting and
// dropping need; the stage loses them before it reports.
var ambient = []uintptr{unix.CAP_DAC_OVERRIDE, unix.CAP_SETPCAP, unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN}

const namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

func (l *launch) sys(level Level, uid, gid int, own bool) *syscall.SysProcAttr {
	sys := &syscall.SysProcAttr{Cloneflags: unix.CLONE_PARENT, Setsid: true}
	if l.root && !own {
		sys.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), NoSetGroups: true}
	}
	if level == LevelIsolated {
		if !l.root {
			uid, gid = unix.Geteuid(), unix.Getegid()
		}
		sys.Cloneflags |= namespaces
		sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		sys.AmbientCaps = ambient
	} else if l.root && !own {
		sys.AmbientCaps = []uintptr{unix.CAP_SETPCAP}
	}
	return sys
}

// trees opens every bind source as root in the host's mount namespace, so that
// a workspace under a private home can be given to an unprivileged uid without
// opening the path to it. An ordinary user's stage opens them itself.
func (l *launch) trees(level Level, spec int) ([]uintptr, Reply) {
	if !l.root || level != LevelIsolated {
		return nil, Reply{}
	}
	s, err := readSpec(spec)
	if err != nil {
		return nil, Reply{Errno: int(unix.EPROTO), Where: "spec"}
	}
	out := []uintptr{}
	for _, src := range s.sources() {
		fd, err := openTree(src)
		if err != nil {
			return out, Reply{Errno: errno(err), Where: "open " + src}
		}
		out = append(out, uintptr(fd))
	}
	return out, Reply{}
}

// sources lists what has to be opened outside, in the order of the stage.
func (s *Spec) sources() []string {
	out := []string{s.Root}
	for _, m := range s.Mounts {
		if m.Source != "" {
			out = append(out, m.Source)
		}
	}
	return out
}

// openPlain opens a path on which no symbolic link lies, its end included.
func openPlain(path string) (int, error) {
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | unix.O_NOFOLLOW,
		Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS})
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK {
		err = unix.ELOOP // O_PATH gives the link itself
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// openTree copies the mount at a path.
func openTree(path string) (int, error) {
	at, err := openPlain(path)
	if err != nil {
		return -1, err
	}
	fd, err := unix.OpenTree(at, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
	_ = unix.Close(at)
	return fd, err
}

func readSpec(fd int) (*Spec, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	buf := make([]byte, st.Size)
	for done := 0; done < len(buf); {
		n, err := unix.Pread(fd, buf[done:], int64(done))
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, errSpec
		}
		done += n
	}
	return DecodeSpec(buf)
}

// eye answers look requests: the outside half of a witness.
func (l *launch) eye() {
	buf := make([]byte, 64)
	for {
		n, _, _, _, err := recvmsg(fdEye, buf, nil)
		if err != nil || n == 0 {
			return
		}
		d := &decoder{b: buf[:n]}
		op, pid := d.num(), d.num()
		reply := Reply{Errno: int(unix.EPROTO), Where: "look request"}
		if !d.bad && op == opLook && pid > 0 {
			reply = look(int(pid))
		}
		if err := sendmsg(fdEye, reply.Encode(), nil); err != nil {
			return
		}
	}
}

func look(pid int) Reply {
	dir := "/proc/" + itoa(pid)
	text, err := readFile(dir + "/status")
	if err != nil {
		return Reply{Errno: errno(err), Where: dir + "/status"}
	}
	limits, err := readFile(dir + "/limits")
	if err != nil {
		return Reply{Errno: errno(err), Where: dir + "/limits"}
	}
	text += limits
	for _, ns := range nsNames {
		link, err := readlink(dir + "/ns/" + ns)
		if err != nil {
			return Reply{Errno: errno(err), Where: dir + "/ns/" + ns}
		}
		text += "ns " + ns + " " + link + "\n"
	}
	return Reply{Pid: pid, Text: text}
}

var nsNames = [...]string{"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}
