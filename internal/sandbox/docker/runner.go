//go:build linux && (amd64 || arm64)

package docker

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
)

// Runner makes a container for each command and takes it away again. What a
// scope shares is a folder, never a process.
type Runner struct {
	opts   Options
	engine *engine
	filter []byte
	host   map[string]string
	stage  func() (string, error) // SHA-256 of this program
	slots  chan struct{}

	placeMu sync.Mutex
	placed  map[string]int // placeholders, with the runs that need them

	mu     sync.Mutex
	closed bool
	runs   map[*process]struct{}
	mine   map[string]struct{} // containers that were made here
	tidied time.Time

	measure sync.Once
	support sandbox.Support

	// judged is called when the mounts were judged and nothing is made yet.
	judged func()
}

var _ sandbox.Runner = (*Runner)(nil)

// startsInFlight bounds the containers that are being made at once: an engine
// makes them one after another anyway.
const startsInFlight = 8

// New checks the options. Nothing is asked of the engine yet.
func New(o Options) (*Runner, error) {
	if o.Socket == "" && o.Why == "" {
		return nil, errors.New("sandbox: docker: options: want a socket, or why there is none")
	}
	if !filepath.IsAbs(o.Dir) || o.Home == "" || o.UID <= 0 || o.GID <= 0 {
		return nil, fmt.Errorf("sandbox: docker: options: want an absolute Dir, a Home and a UID and GID above 0, found %q, %q, %d, %d", o.Dir, o.Home, o.UID, o.GID)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	f, err := confine.Filter(confine.FilterParams{Inet: true, Route: true, SysVIPC: true})
	if err != nil {
		return nil, fmt.Errorf("sandbox: docker: %w", err)
	}
	// Mounts are made for paths without links only.
	if real, err := filepath.EvalSymlinks(o.Dir); err == nil {
		o.Dir = real
	}
	return &Runner{opts: o, engine: newEngine(o.Socket), filter: confine.FilterBytes(f), host: ownNamespaces(), stage: sync.OnceValues(hashSelf),
		slots: make(chan struct{}, startsInFlight), placed: map[string]int{}, runs: map[*process]struct{}{}, mine: map[string]struct{}{}}, nil
}

func hashSelf() (string, error) {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Run implements sandbox.Runner.
func (r *Runner) Run(ctx context.Context, p policy.Permit, c sandbox.Cmd) (sandbox.Result, error) {
	x, err := r.Start(ctx, p, c)
	if err != nil {
		return sandbox.Result{ExitCode: -1}, err
	}
	return x.Wait()
}

// Start implements sandbox.Runner.
func (r *Runner) Start(ctx context.Context, p policy.Permit, c sandbox.Cmd) (sandbox.Process, error) {
	conf := p.Confinement()
	switch {
	case !p.Valid():
		return nil, sandbox.ErrPermit
	case conf.Level == policy.LevelNone || conf.Level > policy.LevelContainer:
		if conf.Level == policy.LevelNone {
			return nil, sandbox.ErrPermit
		}
		return nil, r.unavailable(conf.Level, "the level is not known")
	case conf.Container == nil:
		return nil, r.unavailable(conf.Level, "the profile describes no container")
	case conf.Container.Refused != "":
		return nil, r.unavailable(conf.Level, conf.Container.Refused)
	case conf.Network != policy.NetworkNone:
		return nil, r.unavailable(conf.Level, "a container has no network, and no way to the egress proxy")
	case r.opts.Socket == "":
		return nil, r.unavailable(conf.Level, r.opts.Why)
	}
	if err := checkCmd(conf, c); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	closed := r.closed
	r.mu.Unlock()
	if closed {
		return nil, sandbox.ErrClosed
	}
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-r.slots }()
	r.tidy(conf.Container)
	return r.start(ctx, p, conf, c)
}

func (r *Runner) unavailable(want policy.Level, why string) error {
	return &sandbox.LevelError{Want: want, Got: policy.LevelNone, Missing: want.Guarantees().Names(), Kernel: why}
}

func checkCmd(conf policy.Confinement, c sandbox.Cmd) error {
	if !filepath.IsAbs(c.Path) || len(c.Args) == 0 {
		return fmt.Errorf("sandbox: command %q: want an absolute path with at least argv[0], found %d arguments", c.Path, len(c.Args))
	}
	seen := map[string]bool{}
	for _, kv := range c.Env {
		name, _, ok := strings.Cut(kv, "=")
		if !ok || name == "" || seen[name] {
			return fmt.Errorf("sandbox: environment entry %q: want NAME=value once, found it malformed or repeated", name)
		}
		seen[name] = true
	}
	for _, s := range slices.Concat(c.Args, c.Env, []string{c.Path, c.Dir}) {
		if strings.ContainsRune(s, 0) {
			return errors.New("sandbox: command: a NUL byte in an argument")
		}
	}
	if len(c.Sealed) > 0 {
		return errors.New("sandbox: a container runs what its image and its mounts hold; sealed copies are not shown in it")
	}
	for _, p := range append([]string{conf.Workspace}, c.ExtraReadOnly...) {
		if p != "" && (!filepath.IsAbs(p) || filepath.Clean(p) != p) {
			return fmt.Errorf("sandbox: path %q: want an absolute, clean one", p)
		}
	}
	return nil
}

// start makes the container, judges it while it runs, and lets the program go.
func (r *Runner) start(ctx context.Context, p policy.Permit, conf policy.Confinement, c sandbox.Cmd) (_ *process, err error) {
	begun := time.Now()
	if err := r.checkImage(ctx, conf); err != nil {
		return nil, err
	}
	list, undo, err := r.gather(conf, c.ExtraReadOnly)
	if err != nil {
		return nil, err
	}
	x := &process{r: r, begun: begun, limits: conf.Limits, undo: undo, done: make(chan struct{}), stdout: c.Stdout, stderr: c.Stderr}
	defer func() {
		list.close()
		if err != nil {
			x.remove()
			x.undo()
		}
	}()
	if r.judged != nil {
		r.judged()
	}
	want := r.spec(conf, list)
	want.Labels[labelAgent] = string(p.Agent())
	want.Labels[labelRun] = p.Digest().String()
	if err := x.create(ctx, conf.Container.Prefix+string(p.Agent()), want); err != nil {
		return nil, r.unavailable(conf.Level, err.Error())
	}
	seen, err := x.begin(ctx)
	if err != nil {
		return nil, r.unavailable(conf.Level, err.Error())
	}
	v := &verdict{want: want, list: list, order: r.order(conf, c, list)}
	v.uid, v.gid = r.identity(conf.Container)
	v.engine(seen)
	if err := x.admit(ctx, v, conf.Level); err != nil {
		return nil, err
	}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, sandbox.ErrClosed
	}
	r.runs[x] = struct{}{}
	r.mu.Unlock()
	x.follow(ctx, c)
	return x, nil
}

// order for the first process. The directory of a run without a workspace is
// its private folder.
func (r *Runner) order(conf policy.Confinement, c sandbox.Cmd, list mounts) order {
	o := order{Nonce: nonce(), Path: c.Path, Args: c.Args, Env: environment(c.Env, conf.Container.Env), Dir: c.Dir, Filter: r.filter,
		LimitMs: timeoutOf(conf.Limits).Milliseconds() + 10_000}
	shown := func(dir string) bool {
		return dir != "" && slices.ContainsFunc(list, func(m mount) bool { return within(dir, m.target) })
	}
	if o.Dir == "" {
		o.Dir = conf.Workspace
	}
	if !shown(o.Dir) {
		if o.Dir = conf.Container.Workdir; !shown(o.Dir) {
			o.Dir = homeDir
		}
	}
	for _, m := range list {
		o.Targets = append(o.Targets, m.target)
		if m.write && o.MustWrite == "" && (m.target == conf.Workspace || m.target == conf.Container.Workdir) {
			o.MustWrite = m.target
		}
	}
	return o
}

func timeoutOf(l policy.Limits) time.Duration {
	if l.TimeoutMs > 0 {
		return time.Duration(l.TimeoutMs) * time.Millisecond
	}
	return defaultTimeoutMs * time.Millisecond
}

func nonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: the runtime ends the program instead
	return hex.EncodeToString(b[:])
}

// tidyEvery is how often what is left over is looked for.
const tidyEvery = time.Hour

// tidy takes away what an earlier gateway left and what was not used for long.
func (r *Runner) tidy(c *policy.Container) {
	r.mu.Lock()
	due := r.opts.Now().Sub(r.tidied) >= tidyEvery
	if due {
		r.tidied = r.opts.Now()
	}
	r.mu.Unlock()
	if !due {
		return
	}
	if _, err := r.Prune(time.Duration(c.IdleHours)*time.Hour, time.Duration(c.AgeHours)*time.Hour); err != nil {
		r.opts.Log.Warn("left containers could not be looked for", "error", err)
	}
}

// checkImage requires the content that was pinned, made for this program.
func (r *Runner) checkImage(ctx context.Context, conf policy.Confinement) error {
	c := conf.Container
	if c.ImageID == "" {
		return r.unavailable(conf.Level, fmt.Sprintf("image %q is not pinned; openclaw sandbox build makes or pins it", c.Image))
	}
	var x struct {
		ID     string `json:"Id"`
		Config struct{ Labels map[string]string }
	}
	err := r.engine.call(ctx, http.MethodGet, "/images/"+url.PathEscape(c.ImageID)+"/json", nil, &x)
	switch {
	case statusOf(err) == http.StatusNotFound:
		return r.unavailable(conf.Level, fmt.Sprintf("image %q with the pinned content %s is not there; openclaw sandbox build makes it", c.Image, c.ImageID))
	case err != nil:
		return r.unavailable(conf.Level, err.Error())
	case x.ID != c.ImageID:
		return r.unavailable(conf.Level, fmt.Sprintf("image %q is %s, want %s", c.Image, x.ID, c.ImageID))
	}
	mine, err := r.stage()
	if err != nil {
		return fmt.Errorf("sandbox: this program: %w", err)
	}
	if x.Config.Labels[labelStage] != mine {
		return r.unavailable(conf.Level, fmt.Sprintf("image %q was made by another build of this program; run openclaw sandbox build again", c.Image))
	}
	return nil
}

// Support implements sandbox.Runner.
func (r *Runner) Support() sandbox.Support {
	r.measure.Do(func() { r.support = r.measured() })
	return r.support
}

func (r *Runner) measured() sandbox.Support {
	s := sandbox.Support{Backend: "docker", Cgroup: "engine", UID: r.opts.UID, GID: r.opts.GID, Levels: []policy.Level{},
		Notes: []string{"a container shares the kernel and, unless its engine maps uids, the user namespace of the host: it does not satisfy isolated"}}
	why := r.opts.Why
	var v struct{ Version, KernelVersion string }
	if r.opts.Socket != "" {
		err := r.engine.call(context.Background(), http.MethodGet, "/version", nil, &v)
		if err == nil {
			s.Kernel = v.KernelVersion
			s.Guarantees = policy.LevelContainer.Guarantees() | policy.NoUnixSocket
			s.Levels = []policy.Level{policy.LevelProcess, policy.LevelContainer}
			return s
		}
		why = err.Error()
	}
	for _, g := range policy.LevelContainer.Guarantees().Names() {
		s.Missing = append(s.Missing, sandbox.Missing{Guarantee: g, Why: why})
	}
	return s
}

// Close implements sandbox.Runner.
func (r *Runner) Close() error {
	r.mu.Lock()
	r.closed = true
	runs := make([]*process, 0, len(r.runs))
	for x := range r.runs {
		runs = append(runs, x)
	}
	r.mu.Unlock()
	var errs []error
	for _, x := range runs {
		errs = append(errs, x.Kill())
	}
	for _, x := range runs {
		<-x.done
	}
	r.engine.client.CloseIdleConnections()
	return errors.Join(errs...)
}
