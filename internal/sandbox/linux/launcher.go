//go:build linux && (amd64 || arm64)

package linux

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
)

// MaybeStage plays launcher or stage when this process was started as one and
// then never returns. The product's main calls it before anything else.
func MaybeStage() {
	if len(os.Args) == 2 && os.Args[0] == confine.StageArgv0 && os.Getenv(confine.RoleEnv) == os.Args[1] {
		confine.Main()
	}
}

// launcher is the client side of the one process that clones stages.
type launcher struct {
	pid     int
	mu      sync.Mutex // one request at a time
	control *sock
	buf     [16 << 10]byte
	stop    chan struct{}
	stopped chan struct{}
}

// programFD keeps the stage's memfd clear of the descriptors that a child gets.
const programFD = 100

// stageProgram gives the path that a child of this process executes.
func stageProgram(stage []byte) (path string, fd int, err error) {
	if len(stage) == 0 {
		return "/proc/self/exe", -1, nil
	}
	mem, err := sealed("openclaw", stage, unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		mem, err = sealed("openclaw", stage, 0)
	}
	if err != nil {
		return "", -1, err
	}
	fd, err = unix.FcntlInt(uintptr(mem), unix.F_DUPFD_CLOEXEC, programFD)
	_ = unix.Close(mem)
	if err != nil {
		return "", -1, fmt.Errorf("sandbox: stage descriptor: %w", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd), fd, nil
}

// startLauncher starts the process. It dies with this one: its parent-death
// signal hangs on a thread that stays locked until close.
func startLauncher(stage []byte) (*launcher, error) {
	path, fd, err := stageProgram(stage)
	if err != nil {
		return nil, err
	}
	if fd >= 0 {
		defer unix.Close(fd)
	}
	control, theirControl, err := newPair()
	if err != nil {
		return nil, err
	}
	defer unix.Close(theirControl)
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		control.close()
		return nil, fmt.Errorf("sandbox: open /dev/null: %w", err)
	}
	defer unix.Close(null)
	l := &launcher{control: control, stop: make(chan struct{}), stopped: make(chan struct{})}
	started := make(chan error, 1)
	attr := &syscall.ProcAttr{Dir: "/", Env: confine.StageEnv(confine.RoleLauncher),
		Files: []uintptr{uintptr(null), uintptr(null), uintptr(null), uintptr(theirControl)},
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}}
	go l.hold(path, attr, started)
	if err := <-started; err != nil {
		control.close()
		return nil, fmt.Errorf("sandbox: start launcher: %w", err)
	}
	return l, nil
}

func (l *launcher) hold(path string, attr *syscall.ProcAttr, started chan<- error) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	defer close(l.stopped)
	pid, err := syscall.ForkExec(path, []string{confine.StageArgv0, confine.RoleLauncher}, attr)
	l.pid = pid
	started <- err
	if err != nil {
		return
	}
	<-l.stop
	_ = unix.Kill(pid, unix.SIGKILL)
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			return
		}
	}
}

func (l *launcher) close() {
	close(l.stop)
	<-l.stopped
	l.control.close()
}

// answerWithin bounds every exchange with the launcher; the launcher blocks
// for a clone only.
const answerWithin = 20 * time.Second

func (l *launcher) ask(msg []byte, fds ...int) (confine.Reply, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.control.deadline(time.Now().Add(answerWithin))
	if err := l.control.send(msg, fds...); err != nil {
		return confine.Reply{}, fmt.Errorf("sandbox: launcher: %w", err)
	}
	got, _, err := l.control.recv(l.buf[:])
	if err != nil {
		return confine.Reply{}, fmt.Errorf("sandbox: launcher: %w", err)
	}
	return confine.DecodeReply(got)
}

func (l *launcher) spawn(r confine.SpawnRequest, fds ...int) (confine.Reply, error) {
	return l.ask(r.Encode(), fds...)
}

func (l *launcher) look(pid int) (confine.Reply, error) { return l.ask(confine.EncodeLook(pid)) }

func (l *launcher) hand(fds ...int) (confine.Reply, error) {
	return l.ask(confine.EncodeHand(), fds...)
}
