//go:build linux && (amd64 || arm64)

package confine

import (
	"errors"
	"runtime"
	"runtime/debug"
	"syscall"

	"golang.org/x/sys/unix"
)

// StageEnv is the whole environment of launcher and stage: without the first
// entry the runtime keeps two cgroup files open.
func StageEnv(role string) []string {
	return []string{"GODEBUG=containermaxprocs=0,updatemaxprocs=0", RoleEnv + "=" + role}
}

// Roles of the program, which are argv[1] and in the environment as RoleEnv.
const (
	RoleEnv      = "OPENCLAW_STAGE_ROLE"
	RoleLauncher = "launcher"
	RoleStage    = "stage"
)

// treesEnv tells the stage that the launcher has opened the bind sources.
const treesEnv = "OPENCLAW_STAGE_TREES"

// Main plays launcher or stage in a program that was built without the stage
// embedded, and does not return. Each stage is then an execution of that
// program, with a Go runtime, which takes far longer.
func Main() {
	role, _ := syscall.Getenv(RoleEnv)
	runtime.LockOSThread()
	debug.SetGCPercent(-1) // the kernel holds addresses of stacks
	if unix.Gettid() != unix.Getpid() {
		// Layers are per thread, and the main thread is what /proc shows.
		_ = syscall.Exec("/proc/self/exe", []string{StageArgv0, role}, syscall.Environ())
		exit(75)
	}
	switch role {
	case RoleLauncher:
		keepProgram()
		launcher(execSelf)
	case RoleStage:
		_ = put("/proc/self/oom_score_adj\x00", "1000")
		r := run{specFD: fdSpec, hidden: true, listener: -1, builder: builder{trees: &trees{}}, self: superviseSelf}
		if _, given := syscall.Getenv(treesEnv); given {
			r.trees = launchersTrees(fdSpec)
		}
		r.stage()
	}
	exit(70)
}

// launchersTrees are the descriptors that came from the launcher.
func launchersTrees(spec int) *trees {
	t := &trees{}
	b, e := mapped(spec)
	if e != 0 {
		exit(80)
	}
	v, ok := look(b)
	if !ok {
		exit(80)
	}
	for range v.sources() {
		t.fd[t.n] = int32(fdTrees + t.n)
		t.n++
	}
	return t
}

// keepProgram holds on to what stages are executed from.
func keepProgram() {
	if err := unix.CloseRange(fdControl+1, 1<<31-1, 0); err != nil {
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
}

func execSelf(q request, t trees) (int, errno) {
	files := []uintptr{}
	for _, fd := range q.fds[:5] {
		files = append(files, uintptr(fd))
	}
	env := StageEnv(RoleStage)
	if t.n > 0 {
		env = append(env, treesEnv+"=1")
	}
	for _, fd := range t.fd[:t.n] {
		files = append(files, uintptr(fd))
	}
	attr := &syscall.ProcAttr{Env: env, Files: files, Sys: attributes(q, unix.Geteuid() == 0)}
	if q.cgroup {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(q.fds[5])
	}
	pid, err := syscall.ForkExec("/proc/self/fd/200", []string{StageArgv0, RoleStage}, attr)
	if err == nil {
		return pid, 0
	}
	var e errno
	if !errors.As(err, &e) {
		e = unix.EIO
	}
	return 0, e
}

func attributes(q request, root bool) *syscall.SysProcAttr {
	uid, gid := q.uid, q.gid
	sys := &syscall.SysProcAttr{Cloneflags: unix.CLONE_PARENT, Setsid: true}
	if root && !q.own {
		sys.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), NoSetGroups: true}
	}
	switch {
	case q.level == LevelIsolated:
		if !root {
			uid, gid = unix.Geteuid(), unix.Getegid()
		}
		sys.Cloneflags |= ownIDs | ownRest
		sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		// What mounting and dropping need; the stage loses it before it reports.
		sys.AmbientCaps = []uintptr{unix.CAP_DAC_OVERRIDE, unix.CAP_SETPCAP, unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN}
	case root && !q.own:
		sys.AmbientCaps = []uintptr{unix.CAP_SETPCAP}
	}
	return sys
}

// superviseSelf is watch where the runtime takes the signals.
func superviseSelf(program int) uint32 {
	go heed()
	for {
		var ws unix.WaitStatus
		got, err := unix.Wait4(-1, &ws, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			exit(81)
		}
		if got == program {
			return uint32(ws)
		}
	}
}

// heed kills the children on the gateway's word, or when the gateway is gone.
func heed() {
	buf := make([]byte, 8)
	for {
		n, _, _, _, err := unix.Recvmsg(fdSocket, buf, nil, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 || buf[0] == Kill {
			break
		}
	}
	for {
		KillDescendants(unix.Getpid())
		ts := unix.Timespec{Nsec: 1e6}
		_ = unix.Nanosleep(&ts, nil)
	}
}
