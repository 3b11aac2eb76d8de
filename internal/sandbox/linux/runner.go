//go:build linux && (amd64 || arm64)

package linux

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
)

// Runner starts programs through the launcher, which is started for the first
// of them: it inherits what the process may do then, so a process that gives
// rights up must have run one before.
type Runner struct {
	opts         Options
	stage        []byte // the program of launcher and stage; empty means this one
	uid, gid     int
	root         bool
	abi          int
	system       []string // system directories that exist and are no links
	devices      []string
	alternatives bool
	host         map[string]string // the gateway's own namespaces
	cgroup       *cgroups          // nil when none is given
	log          *slog.Logger
	steering     steering
	slots        chan struct{} // starts in flight
	room         chan struct{} // runs that go on
	filters      [confine.LevelIsolated + 1]filter
	null         *os.File
	buffers      sync.Pool     // of *[reportBytes]byte
	dying        chan struct{} // supervisors without a run
	tails        sync.WaitGroup
	spares       *spares

	skeletonMu sync.Mutex
	skeletons  map[string]bool

	mu       sync.Mutex
	closed   bool
	launcher *launcher
	fixed    bool // this process has given up the right to start a launcher
	runs     map[*process]struct{}
	proven   map[int64]bool // filters whose foreign calls were seen to kill

	measure sync.Once
	trials  map[policy.Level]error // why a level is not supported
	support sandbox.Support
}

var _ sandbox.Runner = (*Runner)(nil)

// startsPerCPU bounds starts in flight: each costs a few milliseconds of
// processor time, so more of them only lengthen the queue.
const startsPerCPU = 2

// New checks the options and the skeleton directory. Nothing is started yet;
// what the kernel can hold is Support's to say.
func New(o Options) (*Runner, error) { return newWith(o, embedded) }

// mostDying bounds the supervisors that have reported the end of their run and
// are not reaped yet; results wait when there are more.
const mostDying = 32

func newWith(o Options, stage []byte) (*Runner, error) {
	r := &Runner{opts: o, stage: stage, uid: unix.Geteuid(), gid: unix.Getegid(), root: unix.Geteuid() == 0, abi: confine.LandlockABI(),
		log: o.Log, steering: steering{holds: map[string]*placeholder{}}, skeletons: map[string]bool{},
		slots: make(chan struct{}, startsPerCPU*runtime.NumCPU()), runs: map[*process]struct{}{}, trials: map[policy.Level]error{}, proven: map[int64]bool{}}
	r.dying = make(chan struct{}, mostDying)
	if o.MostRuns < 0 {
		return nil, fmt.Errorf("sandbox: options: MostRuns %d: want none or more", o.MostRuns)
	}
	r.room = make(chan struct{}, cmp.Or(o.MostRuns, DefaultMostRuns))
	r.buffers.New = func() any { return new([reportBytes]byte) }
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.root {
		if o.UID <= 0 || o.GID <= 0 {
			return nil, fmt.Errorf("sandbox: options: UID %d and GID %d: want both above 0 when the gateway is uid 0", o.UID, o.GID)
		}
		r.uid, r.gid = o.UID, o.GID
	}
	if !filepath.IsAbs(o.SkeletonDir) || filepath.Clean(o.SkeletonDir) != o.SkeletonDir {
		return nil, fmt.Errorf("sandbox: options: SkeletonDir %q: want an absolute, clean path", o.SkeletonDir)
	}
	if err := r.prepareDir(); err != nil {
		return nil, err
	}
	for _, d := range systemDirs() {
		if isDir(d) {
			r.system = append(r.system, d)
		}
	}
	for _, d := range deviceNodes() {
		if _, err := os.Lstat(d); err == nil {
			r.devices = append(r.devices, d)
		}
	}
	r.alternatives = isDir(alternatives)
	r.host = ownNamespaces()
	for level := range r.filters {
		var err error
		if r.filters[level], err = newFilter(confine.Level(level)); err != nil {
			return nil, fmt.Errorf("sandbox: %w", err)
		}
	}
	var err error
	if r.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
		return nil, fmt.Errorf("sandbox: open %q: %w", os.DevNull, err)
	}
	r.cgroup = findCgroups(o.Cgroup)
	r.spares = newSpares(r)
	return r, nil
}

// prepareDir makes the skeleton directory. The uid of runs must be able to
// pass through it when it is not our own.
func (r *Runner) prepareDir() error {
	mode := os.FileMode(0o700)
	if r.root {
		mode = 0o711
	}
	if err := os.MkdirAll(r.opts.SkeletonDir, mode); err != nil {
		return fmt.Errorf("sandbox: skeleton directory: %w", err)
	}
	// Rules and mounts are made for paths without links only.
	real, err := filepath.EvalSymlinks(filepath.Dir(r.opts.SkeletonDir))
	if err != nil {
		return fmt.Errorf("sandbox: skeleton directory: %w", err)
	}
	r.opts.SkeletonDir = filepath.Join(real, filepath.Base(r.opts.SkeletonDir))
	fi, err := os.Lstat(r.opts.SkeletonDir)
	if err != nil {
		return fmt.Errorf("sandbox: skeleton directory: %w", err)
	}
	if !fi.IsDir() || fi.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("sandbox: skeleton directory %q: want a directory that only its owner can write, found mode %v", r.opts.SkeletonDir, fi.Mode())
	}
	if err := os.Chmod(r.opts.SkeletonDir, mode); err != nil {
		return fmt.Errorf("sandbox: skeleton directory: %w", err)
	}
	// What an earlier gateway left behind when it was killed.
	if err := os.RemoveAll(filepath.Join(r.opts.SkeletonDir, scratchDir)); err != nil {
		return fmt.Errorf("sandbox: skeleton directory: %w", err)
	}
	return nil
}

func newNonce() (string, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("sandbox: nonce: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// Run starts c and waits for it.
func (r *Runner) Run(ctx context.Context, p policy.Permit, c sandbox.Cmd) (sandbox.Result, error) {
	proc, err := r.Start(ctx, p, c)
	if err != nil {
		return sandbox.Result{ExitCode: -1}, err
	}
	return proc.Wait()
}

// Start starts c under the permit's confinement.
func (r *Runner) Start(ctx context.Context, p policy.Permit, c sandbox.Cmd) (sandbox.Process, error) {
	conf := p.Confinement()
	if !p.Valid() || (conf.Level == policy.LevelNone && !conf.Unconfined) {
		return nil, sandbox.ErrPermit
	}
	if err := r.hold(conf.Level); err != nil {
		return nil, err
	}
	cache, err := r.cache(string(p.Agent()))
	if err != nil {
		return nil, err
	}
	proc, err := r.start(ctx, job{conf: conf, cmd: c, cache: cache, permit: p})
	if err != nil {
		return nil, err
	}
	return proc, nil
}

// hold refuses a level whose guarantees this machine cannot give.
func (r *Runner) hold(want policy.Level) error {
	if want == policy.LevelNone {
		return nil
	}
	s := r.Support()
	missing := want.Guarantees() &^ s.Guarantees
	if missing == 0 {
		return nil
	}
	var access *sandbox.AccessError
	if errors.As(r.trials[want], &access) {
		return access
	}
	got := policy.LevelNone
	for _, l := range s.Levels {
		got = max(got, l)
	}
	names := missing.Names()
	why := "not measured"
	for _, m := range s.Missing {
		if m.Guarantee == names[0] {
			why = m.Why
		}
	}
	return &sandbox.LevelError{Want: want, Got: got, Missing: names, Kernel: why}
}

// cache gives the directory that is ~/.cache in the agent's runs.
func (r *Runner) cache(agent string) (string, error) {
	if r.opts.CacheDir == "" || agent == "" {
		return "", nil
	}
	if agent == "." || agent == ".." || strings.ContainsAny(agent, "/\x00") {
		return "", fmt.Errorf("sandbox: agent %q: want a plain name", agent)
	}
	if err := os.MkdirAll(r.opts.CacheDir, 0o700); err != nil {
		return "", fmt.Errorf("sandbox: cache: %w", err)
	}
	base, err := filepath.EvalSymlinks(r.opts.CacheDir)
	if err != nil {
		return "", fmt.Errorf("sandbox: cache: %w", err)
	}
	dir := filepath.Join(base, agent)
	fi, err := os.Lstat(dir)
	switch {
	case err == nil && fi.IsDir():
		return dir, nil
	case err == nil:
		return "", fmt.Errorf("sandbox: cache %q: want a directory, found %v", dir, fi.Mode().Type())
	case !errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("sandbox: cache: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("sandbox: cache: %w", err)
	}
	return dir, r.give(dir)
}

// current gives the launcher: started for the first run, and again when it has
// died.
func (r *Runner) current() (*launcher, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, sandbox.ErrClosed
	}
	if r.launcher == nil && r.fixed {
		return nil, errFixed
	}
	if r.launcher == nil {
		l, err := startLauncher(r.stage)
		if err != nil {
			return nil, err
		}
		r.launcher = l
	}
	return r.launcher, nil
}

// lost drops a launcher that does not answer.
func (r *Runner) lost(l *launcher, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.launcher != l {
		return
	}
	r.log.Error("sandbox launcher lost", "error", err)
	r.launcher = nil
	l.close()
}

// Close kills every run and the launcher, and waits until both are gone.
func (r *Runner) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	l := r.launcher
	r.launcher = nil
	runs := make([]*process, 0, len(r.runs))
	for p := range r.runs {
		runs = append(runs, p)
	}
	r.mu.Unlock()
	var errs []error
	for _, p := range runs {
		errs = append(errs, p.Kill())
	}
	for _, p := range runs {
		<-p.done
	}
	r.spares.close()
	r.tails.Wait()
	if l != nil {
		l.close()
	}
	return errors.Join(errs...)
}
