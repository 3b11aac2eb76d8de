//go:build linux && (amd64 || arm64)

package linux

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
)

// Defaults of policy.Limits.
const (
	DefaultTimeoutMs   = 120_000
	DefaultOutputBytes = 1 << 20
	DefaultFileBytes   = 1 << 30
	DefaultProcesses   = 512
	DefaultOpenFiles   = 4096
	DefaultTmpBytes    = 512 << 20
)

func withDefaults(l policy.Limits) policy.Limits {
	l.TimeoutMs = cmp.Or(l.TimeoutMs, DefaultTimeoutMs)
	l.OutputBytes = cmp.Or(l.OutputBytes, DefaultOutputBytes)
	l.FileBytes = cmp.Or(l.FileBytes, DefaultFileBytes)
	l.Processes = cmp.Or(l.Processes, DefaultProcesses)
	l.OpenFiles = cmp.Or(l.OpenFiles, DefaultOpenFiles)
	l.TmpBytes = cmp.Or(l.TmpBytes, DefaultTmpBytes)
	return l
}

// plan is a run worked out: what the stage gets and what the witness must show.
type plan struct {
	spec     confine.Spec
	conf     policy.Confinement
	limits   policy.Limits
	level    policy.Level // of the mechanism; at least what was asked for
	cleanup  []func()
	identity sandbox.Identity
	state    string // the runner's own directory
	// filterSum is that of the filter which the stage must install.
	filterSum int64
}

func (p *plan) undo() {
	for _, f := range slices.Backward(p.cleanup) {
		f()
	}
	p.cleanup = nil
}

// plan turns a profile into steps. It refuses what its level cannot hold.
func (r *Runner) plan(j job) (*plan, error) {
	conf, c := j.conf, j.cmd
	if err := checkCmd(c, conf); err != nil {
		return nil, err
	}
	p := &plan{conf: conf, limits: withDefaults(conf.Limits), level: conf.Level, state: r.opts.SkeletonDir, identity: j.identity}
	if conf.Level == policy.LevelNone {
		p.level = policy.LevelProcess
	}
	p.spec = confine.Spec{Path: c.Path, Args: c.Args, Env: c.Env, Dir: cmp.Or(c.Dir, conf.Workspace, "/"), UID: r.uid, GID: r.gid,
		ABI: r.abi, Limits: confine.Limits{FileBytes: p.limits.FileBytes, OpenFiles: int64(p.limits.OpenFiles),
			DataBytes: p.limits.MemoryBytes}}
	if conf.Network == policy.NetworkProxy && p.level != policy.LevelIsolated {
		return nil, &sandbox.LevelError{Want: policy.LevelIsolated, Got: p.level, Missing: policy.PrivateNet.Names(),
			Kernel: "the egress proxy needs a network namespace; Landlock rules are by port, not by address"}
	}
	if p.level != policy.LevelProcess {
		if err := r.landlockMissing(p.level); err != nil {
			return nil, err
		}
	}
	nonce, err := newNonce()
	if err != nil {
		return nil, err
	}
	p.spec.Nonce = nonce
	if conf.WorkspaceWrite {
		p.spec.MustWrite = conf.Workspace
	}
	switch p.level {
	case policy.LevelProcess:
		p.spec.Level, p.spec.MustWrite = confine.LevelProcess, ""
		// Counted over everything that the uid runs, so no small number fits.
		p.spec.Limits.Processes = max(int64(p.limits.Processes), 4096)
		if p.identity == sandbox.IdentityRun {
			_, err = r.planScratch(p, c)
		}
	case policy.LevelConfined:
		p.spec.Level = confine.LevelConfined
		p.spec.Limits.Processes = max(int64(p.limits.Processes), 4096)
		err = r.planConfined(p, c)
	case policy.LevelIsolated:
		p.spec.Level = confine.LevelIsolated
		p.spec.Limits.Processes = int64(p.limits.Processes) + stageThreads
		err = r.planIsolated(p, c, j.cache)
	case policy.LevelContainer, policy.LevelNone:
		err = &sandbox.LevelError{Want: conf.Level, Got: policy.LevelIsolated, Missing: []string{"container"},
			Kernel: "this runner has no container engine"}
	}
	if err != nil {
		p.undo()
		return nil, err
	}
	f := r.filters[p.spec.Level]
	p.spec.Program, p.filterSum = f.program, f.sum
	return p, nil
}

// stageThreads of PID 1 count against the process limit of the namespace.
const stageThreads = 16

func checkCmd(c sandbox.Cmd, conf policy.Confinement) error {
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
			return fmt.Errorf("sandbox: command %q: want text without NUL", c.Path)
		}
	}
	if len(c.Sealed) > 0 && conf.Level != policy.LevelIsolated {
		return fmt.Errorf("sandbox: sealed files need level %q, found %q", policy.LevelIsolated, conf.Level)
	}
	paths := slices.Concat(conf.ReadRoots, conf.Masked, conf.ReadOnly, c.ExtraReadOnly)
	for _, s := range c.Sealed {
		paths = append(paths, s.Path, s.Copy)
	}
	if conf.Workspace != "" {
		paths = append(paths, conf.Workspace)
	}
	for _, path := range paths {
		if !filepath.IsAbs(path) || filepath.Clean(path) != strings.TrimSuffix(path, "/") {
			return fmt.Errorf("sandbox: path %q of the profile: want an absolute, clean path below /", path)
		}
	}
	return nil
}

// setEnv replaces or adds entries; the result shares nothing with env.
func setEnv(env []string, set ...string) []string {
	out := make([]string, 0, len(env)+len(set))
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if !slices.ContainsFunc(set, func(s string) bool { return strings.HasPrefix(s, name+"=") }) {
			out = append(out, kv)
		}
	}
	return append(out, set...)
}

func proxyEnv() []string {
	const url = "http://" + sandbox.ProxyAddress
	return []string{"HTTP_PROXY=" + url, "http_proxy=" + url, "HTTPS_PROXY=" + url, "https_proxy=" + url, "ALL_PROXY=" + url, "all_proxy=" + url,
		"NO_PROXY=", "no_proxy="}
}

func (r *Runner) planIsolated(p *plan, c sandbox.Cmd, cache string) error {
	conf, s := p.conf, &p.spec
	s.Canary = confine.CanaryFile
	s.Proxy = conf.Network == policy.NetworkProxy
	if s.Proxy && r.opts.Proxy == nil {
		return fmt.Errorf("sandbox: the profile asks for the egress proxy, found none configured")
	}
	s.Env = setEnv(c.Env, "HOME="+home, "TMPDIR=/tmp")
	if s.Proxy {
		s.Env = setEnv(s.Env, proxyEnv()...)
	}
	s.Rules = append(s.Rules, confine.Rule{Path: "/", Access: confine.AccessList}, confine.Rule{Path: "/etc", Access: confine.AccessRead},
		confine.Rule{Path: "/proc", Access: confine.AccessRead}, confine.Rule{Path: "/tmp", Access: full}, confine.Rule{Path: home, Access: full})
	for _, d := range r.system {
		s.Mounts = append(s.Mounts, confine.Mount{Kind: confine.MountBind, Source: d, Target: d})
		s.Rules = append(s.Rules, confine.Rule{Path: d, Access: readExec})
	}
	points := []mountPoint{}
	if r.alternatives {
		s.Mounts = append(s.Mounts, confine.Mount{Kind: confine.MountBind, Source: alternatives, Target: alternatives})
		points = append(points, mountPoint{path: alternatives})
	}
	for _, d := range r.devices {
		s.Mounts = append(s.Mounts, confine.Mount{Kind: confine.MountBind, Source: d, Target: d, Write: true, Device: true})
		s.Rules = append(s.Rules, confine.Rule{Path: d, Access: confine.AccessDevice})
	}
	s.Mounts = append(s.Mounts, confine.Mount{Kind: confine.MountProc, Target: "/proc"},
		confine.Mount{Kind: confine.MountTmpfs, Target: "/tmp", Size: p.limits.TmpBytes},
		confine.Mount{Kind: confine.MountTmpfs, Target: home, Size: p.limits.TmpBytes})
	s.Early = len(s.Mounts) // up to here it is the same for every run with this root
	binds, err := userBinds(conf, c, cache)
	if err != nil {
		return err
	}
	for _, b := range binds {
		s.Mounts = append(s.Mounts, b.mount)
		access := readExec
		if b.mount.Write {
			access = full
		}
		s.Rules = append(s.Rules, confine.Rule{Path: b.mount.Target, Access: access})
		if !b.inside && !beneath(b.mount.Target, "/tmp") && !beneath(b.mount.Target, home) {
			points = append(points, mountPoint{b.mount.Target, b.file})
		}
	}
	if err := r.protect(p, binds); err != nil {
		return err
	}
	s.Root, err = r.skeleton(points)
	return err
}

const (
	readExec     = confine.AccessRead | confine.AccessExecute
	full         = readExec | confine.AccessWrite
	alternatives = "/etc/alternatives"
)

type bind struct {
	mount confine.Mount
	file  bool
	// inside: another bind already shows something there.
	inside bool
}

// userBinds are what the profile grants beside the system, outermost first. A
// read root that does not exist grants nothing.
func userBinds(conf policy.Confinement, c sandbox.Cmd, cache string) ([]bind, error) {
	out := []bind{}
	add := func(source, target string, write bool) error {
		fi, err := os.Lstat(source)
		if err != nil {
			return err
		}
		out = append(out, bind{mount: confine.Mount{Kind: confine.MountBind, Source: source, Target: target, Write: write}, file: !fi.IsDir()})
		return nil
	}
	for _, root := range conf.ReadRoots {
		root = strings.TrimSuffix(root, "/")
		if err := add(root, root, false); err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("sandbox: read root: %w", err)
		}
	}
	if conf.Workspace != "" {
		ws := strings.TrimSuffix(conf.Workspace, "/")
		if err := add(ws, ws, conf.WorkspaceWrite); err != nil {
			return nil, fmt.Errorf("sandbox: workspace: %w", err)
		}
	}
	for _, path := range c.ExtraReadOnly {
		if err := add(path, path, false); err != nil {
			return nil, fmt.Errorf("sandbox: extra read-only path: %w", err)
		}
	}
	for _, s := range c.Sealed {
		if !slices.ContainsFunc(out, func(b bind) bool { return beneath(s.Path, b.mount.Target) }) {
			continue // the run does not see that place
		}
		if err := add(s.Copy, s.Path, false); err != nil {
			return nil, fmt.Errorf("sandbox: sealed copy: %w", err)
		}
		out[len(out)-1].inside = true
	}
	if cache != "" {
		if err := add(cache, home+"/.cache", true); err != nil {
			return nil, fmt.Errorf("sandbox: cache: %w", err)
		}
	}
	for _, b := range out {
		for _, own := range []string{"/proc", "/dev", confine.InnerDir} {
			if beneath(b.mount.Target, own) {
				return nil, fmt.Errorf("sandbox: path %q of the profile lies in %q, which a run has of its own", b.mount.Target, own)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b bind) int {
		return cmp.Compare(strings.Count(a.mount.Target, "/"), strings.Count(b.mount.Target, "/"))
	})
	return out, nil
}

// beneath reports whether path is dir or lies in it.
func beneath(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// protect adds the steps for steering files and masked paths.
func (r *Runner) protect(p *plan, binds []bind) error {
	ws := strings.TrimSuffix(p.conf.Workspace, "/")
	if ws != "" && p.conf.WorkspaceWrite {
		steps, undo, err := r.steering.hold(ws, p.conf.ReadOnly, r.uid, r.gid)
		if err != nil {
			return err
		}
		p.cleanup = append(p.cleanup, undo)
		p.spec.Mounts = append(p.spec.Mounts, steps...)
	}
	for _, m := range p.conf.Masked {
		m = strings.TrimSuffix(m, "/")
		fromHost := slices.ContainsFunc(binds, func(b bind) bool { return beneath(m, b.mount.Target) }) ||
			slices.ContainsFunc(r.system, func(d string) bool { return beneath(m, d) })
		if fromHost {
			p.spec.Mounts = append(p.spec.Mounts, confine.Mount{Kind: confine.MountMask, Target: m})
		}
	}
	return nil
}

// planScratch gives a run without a mount namespace its own home.
func (r *Runner) planScratch(p *plan, c sandbox.Cmd) (string, error) {
	scratch, err := r.scratch(p.spec.Nonce)
	if err != nil {
		return "", err
	}
	p.cleanup = append(p.cleanup, func() { _ = os.RemoveAll(scratch) })
	p.spec.Env = setEnv(c.Env, "HOME="+filepath.Join(scratch, "home"), "TMPDIR="+filepath.Join(scratch, "tmp"))
	return scratch, nil
}

func (r *Runner) planConfined(p *plan, c sandbox.Cmd) error {
	conf, s := p.conf, &p.spec
	s.NoInet = true
	scratch, err := r.planScratch(p, c)
	if err != nil {
		return err
	}
	s.Canary = filepath.Join(filepath.Dir(scratch), "canary")
	s.Rules = append(s.Rules, confine.Rule{Path: scratch, Access: full}, confine.Rule{Path: "/proc", Access: confine.AccessRead})
	for _, d := range r.system {
		s.Rules = append(s.Rules, confine.Rule{Path: d, Access: readExec})
	}
	for _, d := range r.devices {
		s.Rules = append(s.Rules, confine.Rule{Path: d, Access: confine.AccessDevice})
	}
	for _, f := range append(etcFiles(), "/etc/passwd", "/etc/group", "/etc/hosts", "/etc/nsswitch.conf", alternatives) {
		if fi, err := os.Lstat(f); err == nil && fi.Mode()&os.ModeSymlink == 0 {
			s.Rules = append(s.Rules, confine.Rule{Path: f, Access: confine.AccessRead})
		}
	}
	hidden, fixed := cleanAll(conf.Masked), withTargets(cleanAll(conf.ReadOnly))
	for _, root := range slices.Concat(conf.ReadRoots, c.ExtraReadOnly) {
		if _, err := os.Lstat(root); err == nil {
			s.Rules = append(s.Rules, fileRules(strings.TrimSuffix(root, "/"), readExec, hidden, nil)...)
		}
	}
	if conf.Workspace != "" {
		access := readExec
		if conf.WorkspaceWrite {
			access = full
		}
		s.Rules = append(s.Rules, fileRules(strings.TrimSuffix(conf.Workspace, "/"), access, hidden, fixed)...)
	}
	return nil
}

func cleanAll(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = strings.TrimSuffix(p, "/")
	}
	return out
}

// withTargets adds what symbolic links lead to: a rule is for a file, whatever
// its names are. One that leads nowhere yet counts by the name that it has.
func withTargets(paths []string) []string {
	out := paths
	for _, p := range paths {
		real, err := filepath.EvalSymlinks(p)
		if to, lerr := os.Readlink(p); err != nil && lerr == nil {
			if !filepath.IsAbs(to) {
				to = filepath.Join(filepath.Dir(p), to)
			}
			real, err = to, nil
		}
		if err == nil && real != p {
			out = append(out, real)
		}
	}
	return out
}

// fileRules grants access beneath dir except to hidden paths and, for writing,
// to fixed ones. Landlock can only add, so a directory on the way to an
// exception loses the right to create and remove entries, and one on the way
// to a hidden path also that to be listed.
func fileRules(dir string, access confine.Access, hidden, fixed []string) []confine.Rule {
	inside := func(list []string) bool {
		return slices.ContainsFunc(list, func(p string) bool { return beneath(p, dir) })
	}
	switch {
	case slices.ContainsFunc(hidden, func(p string) bool { return beneath(dir, p) }):
		return nil
	case slices.Contains(fixed, dir):
		access &^= confine.AccessWrite
		fixed = nil
	}
	hides, fixes := inside(hidden), access&confine.AccessWrite != 0 && inside(fixed)
	if !hides && !fixes {
		return []confine.Rule{{Path: dir, Access: access}}
	}
	out := []confine.Rule{}
	if !hides {
		out = append(out, confine.Rule{Path: dir, Access: access &^ confine.AccessWrite})
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return out // what cannot be listed is not granted
	}
	for _, e := range entries {
		if e.Type()&os.ModeSymlink == 0 {
			out = append(out, fileRules(filepath.Join(dir, e.Name()), access, hidden, fixed)...)
		}
	}
	return out
}

// scratchDir holds what is private to confined runs.
const scratchDir = "runs"

// scratch makes the private home and temporary directory of a confined run.
func (r *Runner) scratch(nonce string) (string, error) {
	base := filepath.Join(r.opts.SkeletonDir, scratchDir)
	if err := os.MkdirAll(base, 0o711); err != nil {
		return "", fmt.Errorf("sandbox: scratch: %w", err)
	}
	canary := filepath.Join(base, "canary")
	if _, err := os.Lstat(canary); err != nil {
		if err := os.WriteFile(canary, []byte("canary\n"), 0o644); err != nil {
			return "", fmt.Errorf("sandbox: canary: %w", err)
		}
	}
	dir := filepath.Join(base, nonce)
	for _, d := range []string{dir, filepath.Join(dir, "home"), filepath.Join(dir, "tmp")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return "", fmt.Errorf("sandbox: scratch: %w", err)
		}
		if err := r.give(d); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// give makes the uid of runs the owner when it is not our own.
func (r *Runner) give(path string) error {
	if !r.root {
		return nil
	}
	if err := unix.Lchown(path, r.uid, r.gid); err != nil {
		return fmt.Errorf("sandbox: give %q to uid %d: %w", path, r.uid, err)
	}
	return nil
}
