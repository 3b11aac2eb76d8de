//go:build linux && (amd64 || arm64)

package linux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
)

// job is one run as it was asked for.
type job struct {
	conf     policy.Confinement
	cmd      sandbox.Cmd
	cache    string
	permit   policy.Permit
	identity sandbox.Identity
	dry      bool // end after the witness
}

// stageAnswers bounds the time from the clone to the witness, and from the
// word to go to the program's start.
const stageAnswers = 20 * time.Second

// reportBytes is more than a stage can send as one packet.
const reportBytes = 256 << 10

// start brings a run to the point where the program runs, or refuses.
func (r *Runner) start(ctx context.Context, j job) (*process, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case r.room <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	p, err := r.startInTurn(ctx, j)
	if err != nil {
		<-r.room
		return nil, err
	}
	return p, nil
}

func (r *Runner) startInTurn(ctx context.Context, j job) (*process, error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	l, err := r.current()
	if err != nil {
		return nil, err
	}
	pl, err := r.plan(j)
	if err != nil {
		return nil, err
	}
	pl.spec.Dry = j.dry
	r.asIdentity(pl)
	p := &process{r: r, plan: pl, began: time.Now(), done: make(chan struct{}), out: &limited{}}
	p.out.left.Store(pl.limits.OutputBytes)
	if err := r.launch(ctx, l, p, j); err != nil {
		pl.undo()
		p.leaveGroup()
		return nil, err
	}
	return p, nil
}

// asIdentity lets a helper that needs the gateway's login keep its uid.
func (r *Runner) asIdentity(p *plan) {
	if p.identity == sandbox.IdentityGateway {
		p.spec.UID, p.spec.GID = unix.Geteuid(), unix.Getegid()
	}
}

func (r *Runner) launch(ctx context.Context, l *launcher, p *process, j job) error {
	r.mu.Lock()
	p.plan.spec.ProveArch = p.plan.spec.Level != confine.LevelProcess && !r.proven[p.plan.filterSum]
	r.mu.Unlock()
	io, err := openStdio(j.cmd, r.null)
	if err != nil {
		return err
	}
	started := false
	defer func() {
		io.closeChild()
		if !started {
			io.close()
		}
	}()
	if err := r.clone(l, p, io); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = p.signal() }) // nothing foreign runs yet
	ln, err := r.handshake(l, p)
	if err == nil && ctx.Err() == nil && r.register(p) {
		p.ln = ln
		err = p.proceed()
	} else if err == nil {
		err = r.closedErr()
	}
	stop()
	if ctx.Err() != nil {
		err = context.Cause(ctx) // whatever else failed, failed by it
	}
	if err != nil {
		r.abandon(p, ln)
		return err
	}
	started = true
	p.connect(io, j.cmd)
	if p.ln != nil {
		go r.opts.Proxy(p.ln, j.permit)
	}
	go p.supervise(ctx)
	r.spares.refill(l, p.plan)
	return nil
}

// register makes the run known to Close; false when Close came first.
func (r *Runner) register(p *process) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.runs[p] = struct{}{}
	}
	return !r.closed
}

func (r *Runner) closedErr() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return sandbox.ErrClosed
	}
	return nil
}

// abandon ends a stage whose program does not run and waits until it is gone.
func (r *Runner) abandon(p *process, ln net.Listener) {
	if ln != nil {
		_ = ln.Close()
	}
	_ = p.signal()
	p.sock.close()
	p.reap()
	r.mu.Lock()
	delete(r.runs, p)
	r.mu.Unlock()
	close(p.done)
}

// clone gets the stage: a spare that waits for such a run, or a new one.
func (r *Runner) clone(l *launcher, p *process, io *stdio) error {
	streams := [3]int{io.fd(0), io.fd(1), io.fd(2)}
	if key, ok := p.plan.key(r.root); ok {
		if x := r.spares.take(key); x != nil {
			err := r.handOver(l, p, x, streams)
			if err == nil {
				return nil
			}
			x.end()
			var refused *spawnError
			if errors.As(err, &refused) && strings.HasPrefix(refused.reply.Where, "open ") {
				return p.plan.refusal(confine.Failure{Step: refused.reply.Where, Errno: refused.reply.Errno}, r.uid)
			}
			r.log.Debug("sandbox made ahead not used", "error", err)
		}
	}
	var err error
	if r.cgroup != nil && !p.plan.spec.Dry {
		if p.group, err = r.cgroup.make(p.plan.spec.Nonce); err == nil {
			err = p.group.limit(p.plan.limits)
		}
		if err != nil {
			return err
		}
	}
	req := confine.SpawnRequest{Level: p.plan.spec.Level, UID: r.uid, GID: r.gid, Own: p.plan.identity == sandbox.IdentityGateway}
	p.pid, p.sock, err = r.spawn(l, req, p.plan.spec.Encode(), streams, p.group)
	if err == nil && p.group != nil {
		p.enterGroup()
	}
	var refused *spawnError
	if errors.As(err, &refused) {
		return p.plan.refusal(confine.Failure{Step: refused.reply.Where, Errno: refused.reply.Errno}, r.uid)
	}
	return err
}

// handOver gives a run to a spare. After an error the spare has no run, or one
// that cannot start, and is to be ended.
func (r *Runner) handOver(l *launcher, p *process, x *spare, streams [3]int) error {
	if x.group != nil {
		if err := x.group.limit(p.plan.limits); err != nil {
			return err
		}
	}
	spec, err := sealedSpec(p.plan.spec.Encode())
	if err != nil {
		return err
	}
	defer unix.Close(spec)
	reply, err := l.hand(streams[0], streams[1], streams[2], x.sock.number(), spec)
	if err != nil {
		r.lost(l, err)
		return err
	}
	if reply.Errno != 0 {
		return &spawnError{reply}
	}
	p.pid, p.sock, p.group = x.pid, x.sock, x.group
	return nil
}

// sealedSpec puts a spec where its reader finds it unchanged.
func sealedSpec(b []byte) (int, error) {
	fd, err := sealed("openclaw-spec", b, unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = sealed("openclaw-spec", b, 0)
	}
	return fd, err
}

// spawn asks the launcher for a stage.
func (r *Runner) spawn(l *launcher, req confine.SpawnRequest, spec []byte, streams [3]int, group *cgroup) (int, *sock, error) {
	fd, err := sealedSpec(spec)
	if err != nil {
		return 0, nil, err
	}
	defer unix.Close(fd)
	ours, theirs, err := newPair()
	if err != nil {
		return 0, nil, err
	}
	defer unix.Close(theirs)
	fds := []int{streams[0], streams[1], streams[2], theirs, fd}
	if group != nil && group.fd >= 0 {
		req.Cgroup = true
		fds = append(fds, group.fd)
	}
	reply, err := l.spawn(req, fds...)
	if err != nil {
		ours.close()
		r.lost(l, err)
		return 0, nil, err
	}
	if reply.Errno != 0 {
		ours.close()
		return 0, nil, &spawnError{reply}
	}
	return reply.Pid, ours, nil
}

// handshake takes the stage's witness and compares it with the plan.
func (r *Runner) handshake(l *launcher, p *process) (net.Listener, error) {
	p.sock.deadline(time.Now().Add(stageAnswers))
	buf := r.buffers.Get().(*[reportBytes]byte)
	defer r.buffers.Put(buf)
	msg, fds, err := p.sock.recv(buf[:])
	if err != nil {
		return nil, fmt.Errorf("sandbox: stage gave no witness: %w", err)
	}
	ln, err := listener(fds)
	if err != nil {
		return nil, err
	}
	switch msg[0] {
	case confine.MsgFailed:
		f, err := confine.DecodeFailure(msg[1:])
		if err != nil {
			return ln, err
		}
		return ln, p.plan.refusal(f, p.plan.spec.UID)
	case confine.MsgWitness:
	default: // any byte that is not one of the two ends the run
		return ln, fmt.Errorf("sandbox: stage sent message %q, want a witness", msg[0])
	}
	report, err := confine.DecodeReport(msg[1:])
	if err != nil {
		return ln, err
	}
	if err := p.inGroup(); err != nil {
		return ln, err
	}
	outside, err := l.look(p.pid)
	if err != nil {
		r.lost(l, err)
		return ln, err
	}
	if outside.Errno != 0 {
		return ln, fmt.Errorf("sandbox: look at %q: %w", outside.Where, unix.Errno(outside.Errno))
	}
	v := &verdict{plan: p.plan, report: report, root: r.root, host: r.host, group: p.group}
	p.witness, p.holds = v.judge(outside.Text)
	p.level = bestLevel(p.holds)
	if (ln != nil) != p.plan.spec.Proxy {
		v.miss("proxy listener: got %t, want %t", ln != nil, p.plan.spec.Proxy)
	}
	if missing := p.plan.wanted() &^ p.holds; missing != 0 && len(v.misses) == 0 {
		v.miss("guarantees missing: %s", strings.Join(missing.Names(), ", "))
	}
	if len(v.misses) > 0 {
		return ln, &sandbox.WitnessError{Misses: v.misses, Witness: p.witness}
	}
	r.mu.Lock()
	r.proven[report.Filter] = true
	r.mu.Unlock()
	return ln, nil
}

// wanted are the level's guarantees, but for a helper that keeps the uid.
func (p *plan) wanted() policy.Guarantees {
	if p.identity == sandbox.IdentityGateway {
		return p.level.Guarantees() &^ policy.UnprivilegedUID
	}
	return p.level.Guarantees()
}

// listener takes over the one descriptor that may come with a witness.
func listener(fds []int) (net.Listener, error) {
	if len(fds) == 0 {
		return nil, nil
	}
	if len(fds) > 1 {
		closeAll(fds)
		return nil, fmt.Errorf("sandbox: stage sent %d descriptors, want at most 1", len(fds))
	}
	f := os.NewFile(uintptr(fds[0]), "sandbox-proxy")
	defer f.Close()
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("sandbox: proxy listener: %w", err)
	}
	return ln, nil
}

// proceed gives the word to go and waits until the program runs.
func (p *process) proceed() error {
	if err := p.sock.send([]byte{confine.Go}); err != nil {
		return fmt.Errorf("sandbox: stage: %w", err)
	}
	if p.plan.spec.Dry {
		return nil
	}
	buf := make([]byte, 1<<10)
	msg, fds, err := p.sock.recv(buf)
	closeAll(fds)
	if err != nil {
		return fmt.Errorf("sandbox: stage ended before the program ran: %w", err)
	}
	if msg[0] == confine.MsgRunning {
		return nil
	}
	f, err := confine.DecodeFailure(msg[1:])
	if err != nil {
		return err
	}
	if msg[0] == confine.MsgExec {
		return &sandbox.ExecError{Path: f.Object, Err: unix.Errno(f.Errno)}
	}
	return p.plan.refusal(f, p.plan.spec.UID)
}

// refusal says why a step of the stage or the launcher failed: the profile
// grants what the uid cannot reach, or the kernel does not do the step.
func (p *plan) refusal(f confine.Failure, uid int) error {
	e := unix.Errno(f.Errno)
	denied := e == unix.EACCES || e == unix.EPERM
	if p.state != "" && beneath(f.Object, p.state) {
		f.Object = p.state // the run's own files; the way to them is the matter
	}
	source, outside := strings.CutPrefix(f.Step, "open ")
	switch {
	case f.Step == "clone" && (e == unix.EAGAIN || e == unix.ENOMEM):
		return fmt.Errorf("sandbox: clone: %w", e)
	case f.Step == "enter" || f.Step == "write":
		return &sandbox.AccessError{Path: f.Object, UID: uid, Need: f.Step, Hint: p.hint(f.Object, uid)}
	case outside:
		return fmt.Errorf("sandbox: open %q: %w", source, e)
	case (f.Step == "landlock rule" || f.Step == "mount" || f.Step == "open") && e == unix.EACCES:
		return &sandbox.AccessError{Path: f.Object, UID: uid, Need: "read", Hint: p.hint(f.Object, uid)}
	case f.Object != "" && !denied && e != unix.ENOSYS && e != unix.EINVAL:
		return fmt.Errorf("sandbox: %s %q: %w", f.Step, f.Object, e)
	}
	kernel := strings.TrimSpace(f.Step+" "+f.Object) + ": " + e.Error()
	if f.Step == "clone" {
		kernel = "new namespaces: " + e.Error() + whyNoNamespaces()
	}
	return &sandbox.LevelError{Want: p.level, Got: policy.LevelNone, Missing: p.level.Guarantees().Names(), Kernel: kernel}
}

func (p *plan) hint(path string, uid int) string {
	if p.spec.Level == confine.LevelConfined {
		return fmt.Sprintf("let uid %d pass every directory above %q (chmod o+x), or use level \"isolated\"", uid, filepath.Dir(path))
	}
	return fmt.Sprintf("chown -R %d:%d %q", uid, p.spec.GID, path)
}

// whyNoNamespaces names the switch that is off, when there is one.
func whyNoNamespaces() string {
	for _, s := range []struct{ path, off, say string }{
		{"/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces is 0"},
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone is 0"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns is 1"},
	} {
		if b, err := os.ReadFile(s.path); err == nil && strings.TrimSpace(string(b)) == s.off {
			return " (" + s.say + ")"
		}
	}
	return ""
}
