//go:build linux && (amd64 || arm64)

package linux

import (
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
)

const (
	// mostSpares bounds the stages that wait for a run.
	mostSpares = 2
	// spareLives is how long one waits before it is ended.
	spareLives = time.Minute
	// mostLate bounds the sources that can be handed to a spare.
	mostLate = 200
)

// spareKey is everything that a spare was made from: whatever else a run has,
// it gets when it is handed over.
type spareKey struct {
	root     string
	tmpBytes int64
}

// spare is a stage that waits for its only run.
type spare struct {
	key   spareKey
	pid   int
	sock  *sock
	group *cgroup
	born  time.Time
}

// spares are stages made ahead. One is used once; none outlives a change of
// the mount table that its mounts were copied from.
type spares struct {
	r      *Runner
	mounts int // the mount table, whose changes can be polled; negative without

	mu     sync.Mutex
	closed bool
	making bool
	wait   []*spare
	expiry *time.Timer
}

func newSpares(r *Runner) *spares {
	s := &spares{r: r, mounts: -1}
	if len(r.stage) == 0 {
		return s // each start is an execution of this program: none is made ahead
	}
	if fd, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
		s.mounts = fd
	}
	s.changed()
	return s
}

// changed tells whether the mount table has changed since the last call, or
// cannot be told to be the same. The caller holds the lock once others know s.
func (s *spares) changed() bool {
	if s.mounts < 0 {
		return true
	}
	p := []unix.PollFd{{Fd: int32(s.mounts), Events: unix.POLLPRI}}
	n, err := unix.Poll(p, 0)
	return err != nil || n != 0
}

// key tells which spare can take a run; false when none can.
func (p *plan) key(root bool) (spareKey, bool) {
	if p.spec.Level != confine.LevelIsolated || p.spec.Dry || p.spec.Early == 0 {
		return spareKey{}, false
	}
	late := 0
	for _, m := range p.spec.Mounts[p.spec.Early:] {
		if m.Source != "" {
			late++
		}
		// An ordinary user's spare has its root in the place of /usr.
		if !root && beneath(m.Source, "/usr") {
			return spareKey{}, false
		}
	}
	return spareKey{p.spec.Root, p.limits.TmpBytes}, late <= mostLate
}

// early is the part of a plan that a spare is made from.
func (p *plan) early() confine.Spec {
	return confine.Spec{Level: confine.LevelIsolated, Root: p.spec.Root, Mounts: p.spec.Mounts[:p.spec.Early], Early: p.spec.Early,
		UID: p.spec.UID, GID: p.spec.GID, ABI: p.spec.ABI, Dir: "/"}
}

// take gives a waiting spare to the caller, who is the only one to have it.
func (s *spares) take(key spareKey) *spare {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wait) == 0 {
		return nil
	}
	if s.changed() {
		s.drop(func(*spare) bool { return true })
	}
	for i, x := range s.wait {
		if x.key == key && time.Since(x.born) < spareLives {
			s.wait = append(s.wait[:i], s.wait[i+1:]...)
			return x
		}
	}
	return nil
}

// drop ends the spares that match. The caller holds the lock.
func (s *spares) drop(match func(*spare) bool) {
	keep := s.wait[:0]
	for _, x := range s.wait {
		if match(x) {
			s.r.tails.Go(x.end)
		} else {
			keep = append(keep, x)
		}
	}
	s.wait = keep
}

// refill makes a spare like the run of a plan, unless one waits already or
// other runs are about to start, which need the processor more.
func (s *spares) refill(l *launcher, p *plan) {
	key, ok := p.key(s.r.root)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok || s.closed || s.mounts < 0 || s.making || len(s.r.slots) > 1 {
		return
	}
	for _, x := range s.wait {
		if x.key == key {
			return
		}
	}
	s.making = true
	early := p.early()
	s.r.tails.Go(func() {
		if s.fresh() {
			x, err := s.r.newSpare(l, key, early)
			if err != nil {
				s.r.log.Debug("no sandbox made ahead", "error", err)
			}
			s.put(x)
			return
		}
		s.put(nil)
	})
}

// fresh ends what was made before a change of the mount table, so that what is
// made from now on is told apart from it.
func (s *spares) fresh() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.changed() {
		s.drop(func(*spare) bool { return true })
	}
	return true
}

// put adds a spare, if there is one, and makes room for it.
func (s *spares) put(x *spare) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.making = false
	switch {
	case x == nil:
		return
	case s.closed:
		s.r.tails.Go(x.end)
		return
	}
	if len(s.wait) == mostSpares {
		s.r.tails.Go(s.wait[0].end)
		s.wait = append(s.wait[:0], s.wait[1:]...)
	}
	s.wait = append(s.wait, x)
	if s.expiry != nil {
		s.expiry.Stop()
	}
	s.expiry = time.AfterFunc(spareLives, s.expire)
}

func (s *spares) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(func(x *spare) bool { return time.Since(x.born) >= spareLives })
}

// close ends every spare and lets no other come. Runner.Close calls it before
// it waits for what ends.
func (s *spares) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.drop(func(*spare) bool { return true })
	if s.expiry != nil {
		s.expiry.Stop()
	}
	if s.mounts >= 0 {
		_ = unix.Close(s.mounts)
		s.mounts = -1
	}
}

// newSpare starts a stage that waits.
func (r *Runner) newSpare(l *launcher, key spareKey, early confine.Spec) (*spare, error) {
	nonce, err := newNonce()
	if err != nil {
		return nil, err
	}
	x := &spare{key: key, born: time.Now()}
	if r.cgroup != nil {
		if x.group, err = r.cgroup.make(nonce); err != nil {
			return nil, err
		}
	}
	null := int(r.null.Fd())
	req := confine.SpawnRequest{Level: early.Level, UID: r.uid, GID: r.gid, Spare: true}
	x.pid, x.sock, err = r.spawn(l, req, early.Encode(), [3]int{null, null, null}, x.group)
	if err != nil {
		if x.group != nil {
			x.group.remove()
		}
		return nil, err
	}
	if x.group != nil {
		if err := x.group.enter(x.pid); err != nil {
			x.end()
			return nil, err
		}
	}
	return x, nil
}

// end kills a spare and waits until it is gone.
func (x *spare) end() {
	_ = unix.Kill(x.pid, unix.SIGKILL) // not reaped yet, so its pid is its own
	x.sock.close()
	p := process{pid: x.pid, group: x.group}
	p.reap()
	p.leaveGroup()
}

// spawnError is the launcher's refusal of a start.
type spawnError struct {
	reply confine.Reply
}

func (e *spawnError) Error() string {
	return "sandbox: " + strings.TrimSpace(e.reply.Where) + ": " + unix.Errno(e.reply.Errno).Error()
}
