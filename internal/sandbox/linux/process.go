//go:build linux && (amd64 || arm64)

package linux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
)

// killGrace is how long a supervisor outside a pid namespace gets to kill what
// it started before it is killed itself.
const killGrace = 5 * time.Second

// process is one run from the accepted witness to the end of its tree.
type process struct {
	r       *Runner
	plan    *plan
	pid     int
	sock    *sock
	witness sandbox.Witness
	holds   policy.Guarantees
	level   policy.Level
	began   time.Time
	out     *limited
	copies  sync.WaitGroup
	stdin   *os.File // our end; nil without input
	ln      net.Listener
	group   *cgroup
	// entering ends when the stage is in its group, or enterErr says why not.
	entering chan struct{}
	enterErr error

	timedOut atomic.Bool
	killed   atomic.Bool

	mu     sync.Mutex
	reaped bool

	done   chan struct{}
	result sandbox.Result
	err    error
}

var _ sandbox.Process = (*process)(nil)

func (p *process) Pid() int { return p.pid }

func (p *process) Witness() sandbox.Witness { return p.witness }

// Wait returns when the whole tree has ended.
func (p *process) Wait() (sandbox.Result, error) {
	<-p.done
	return p.result, p.err
}

// Kill ends the tree. It does nothing to a run that has ended.
func (p *process) Kill() error {
	p.killed.Store(true)
	return p.kill()
}

func (p *process) kill() error {
	if p.group != nil {
		p.group.kill()
	}
	if p.plan.spec.Level == confine.LevelIsolated {
		return p.signal() // the end of PID 1 is the end of the namespace
	}
	if err := p.sock.send([]byte{confine.Kill}); err != nil {
		return p.signal()
	}
	time.AfterFunc(killGrace, func() {
		p.sweep()
		_ = p.signal()
	})
	return nil
}

// sweep kills the descendants of a supervisor that does not do so itself, for
// example because the program has stopped it. It is done when a pass finds
// nothing alive and no more than the pass before: who ends meanwhile leaves its
// children to the supervisor.
func (p *process) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for last, pass := -1, 0; pass < sweeps && !p.reaped; pass++ {
		_ = unix.Kill(p.pid, unix.SIGCONT) // it may not have been told yet; a pass does without
		found, alive := confine.KillDescendants(p.pid)
		if !alive && found == last {
			return
		}
		last = found
	}
}

// sweeps bounds the passes: each kills whatever was forked during the last.
const sweeps = 1024

// signal kills the supervisor while its pid is certainly its own.
func (p *process) signal() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return nil
	}
	if err := unix.Kill(p.pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("sandbox: kill %d: %w", p.pid, err)
	}
	return nil
}

// reap collects the supervisor, which has ended or was told to.
func (p *process) reap() {
	for {
		if err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != unix.EINTR {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if _, err := unix.Wait4(p.pid, nil, 0, nil); err != unix.EINTR {
			break
		}
	}
	p.reaped = true
}

// supervise follows a run that was told to go, until its tree is gone.
func (p *process) supervise(ctx context.Context) {
	defer close(p.done)
	defer func() { <-p.r.room }()
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			p.timedOut.Store(true)
		} else {
			p.killed.Store(true)
		}
		_ = p.kill()
	})
	limit := time.AfterFunc(time.Duration(p.plan.limits.TimeoutMs)*time.Millisecond, func() {
		p.timedOut.Store(true)
		_ = p.kill()
	})
	status, known, err := p.follow()
	if !known {
		p.reap() // whatever is left of the tree ends with the supervisor
	}
	limit.Stop()
	stop()
	p.finish(known)
	p.result = sandbox.Result{ExitCode: -1, TimedOut: p.timedOut.Load(), Killed: p.killed.Load() && !p.timedOut.Load(), OutputCut: p.out.cut.Load(),
		Enforced: p.level, Guarantees: p.holds, Witness: p.witness, Duration: time.Since(p.began)}
	switch {
	case known && status.Exited():
		p.result.ExitCode = status.ExitStatus()
	case known && status.Signaled():
		p.result.Signal = unix.SignalName(status.Signal())
	case p.result.TimedOut || p.result.Killed:
		p.result.Signal = "SIGKILL"
	case err != nil:
		p.err = fmt.Errorf("sandbox: run ended without a status: %w", err)
	default:
		// The supervisor was killed by somebody else, most likely for memory.
		p.result.Signal = "SIGKILL"
	}
}

// follow reads the supervisor's messages until it says that the tree is gone, or
// is gone itself.
func (p *process) follow() (status unix.WaitStatus, known bool, err error) {
	p.sock.deadline(time.Time{})
	buf := make([]byte, 64)
	for {
		msg, fds, err := p.sock.recv(buf)
		closeAll(fds)
		if errors.Is(err, io.EOF) {
			return status, known, nil
		}
		if err != nil {
			_ = p.kill()
			return status, known, err
		}
		if msg[0] == confine.MsgExit {
			n, err := confine.DecodeExit(msg[1:])
			if err != nil {
				return status, known, err
			}
			return unix.WaitStatus(n), true, nil
		}
	}
}

// finish gives back what the run held. The tree is gone, so that the pipes
// reach their end. A supervisor that is still there has nothing left to do: the
// kernel takes its namespaces apart, for which nobody has to wait.
func (p *process) finish(dying bool) {
	if p.ln != nil {
		_ = p.ln.Close()
	}
	if p.stdin != nil {
		_ = p.stdin.Close()
	}
	p.copies.Wait()
	p.sock.close()
	p.plan.undo()
	if dying {
		p.r.dying <- struct{}{}
		p.r.tails.Go(func() {
			p.reap()
			p.leaveGroup()
			<-p.r.dying
		})
	} else {
		p.leaveGroup()
	}
	p.r.mu.Lock()
	delete(p.r.runs, p)
	p.r.mu.Unlock()
}

// enterGroup moves the stage beside what it does for itself.
func (p *process) enterGroup() {
	p.entering = make(chan struct{})
	go func() {
		defer close(p.entering)
		p.enterErr = p.group.enter(p.pid)
	}()
}

func (p *process) inGroup() error {
	if p.entering == nil {
		return nil
	}
	<-p.entering
	return p.enterErr
}

func (p *process) leaveGroup() {
	_ = p.inGroup()
	if p.group != nil {
		p.group.remove()
	}
}

// limited counts the output of both streams against one limit. What exceeds it
// is read and dropped, so that a program never blocks on it.
type limited struct {
	mu   sync.Mutex // both streams may go to one writer
	left atomic.Int64
	cut  atomic.Bool
}

type limitedWriter struct {
	to    io.Writer
	limit *limited
}

func (w limitedWriter) Write(b []byte) (int, error) {
	w.limit.mu.Lock()
	defer w.limit.mu.Unlock()
	left := w.limit.left.Add(-int64(len(b)))
	keep := b
	if left < 0 {
		w.limit.cut.Store(true)
		keep = b[:max(int64(len(b))+left, 0)]
	}
	if len(keep) > 0 {
		if _, err := w.to.Write(keep); err != nil {
			w.limit.cut.Store(true)
			w.limit.left.Store(0)
		}
	}
	return len(b), nil
}

// stdio are the program's three descriptors and what copies them. Where a file
// of the child's is nil it gets null.
type stdio struct {
	null  *os.File
	child [3]*os.File
	ours  [3]*os.File
}

func openStdio(c sandbox.Cmd, null *os.File) (*stdio, error) {
	s := &stdio{null: null}
	for i, want := range []bool{c.Stdin != nil, c.Stdout != nil, c.Stderr != nil} {
		var err error
		switch {
		case !want:
		case i == 0:
			s.child[i], s.ours[i], err = os.Pipe()
		default:
			s.ours[i], s.child[i], err = os.Pipe()
		}
		if err != nil {
			s.close()
			return nil, fmt.Errorf("sandbox: standard stream %d: %w", i, err)
		}
	}
	return s, nil
}

func (s *stdio) fd(i int) int {
	if s.child[i] == nil {
		return int(s.null.Fd())
	}
	return int(s.child[i].Fd())
}

func (s *stdio) closeChild() {
	for _, f := range s.child {
		if f != nil {
			_ = f.Close()
		}
	}
	s.child = [3]*os.File{}
}

func (s *stdio) close() {
	s.closeChild()
	for _, f := range s.ours {
		if f != nil {
			_ = f.Close()
		}
	}
}

// connect starts the copying. The input's copier is not waited for: its reader
// may block for ever.
func (p *process) connect(s *stdio, c sandbox.Cmd) {
	if s.ours[0] != nil {
		p.stdin = s.ours[0]
		go func() {
			_, _ = io.Copy(p.stdin, c.Stdin)
			_ = p.stdin.Close()
		}()
	}
	for i, to := range []io.Writer{nil, c.Stdout, c.Stderr} {
		from := s.ours[i]
		if i == 0 || from == nil {
			continue
		}
		p.copies.Add(1)
		go func() {
			defer p.copies.Done()
			_, _ = io.Copy(limitedWriter{to, p.out}, from)
			_ = from.Close()
		}()
	}
}
