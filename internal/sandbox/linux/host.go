//go:build linux && (amd64 || arm64)

package linux

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// Host gives a host for the helpers of the list, which never changes again.
func (r *Runner) Host(list []sandbox.Helper) (sandbox.Host, error) {
	h := &host{r: r, helpers: map[sandbox.HelperName]sandbox.Helper{}}
	for _, x := range list {
		if err := checkHelper(x); err != nil {
			return nil, err
		}
		if _, ok := h.helpers[x.Name]; ok {
			return nil, &sandbox.HelperError{Name: x.Name, Why: "is listed twice"}
		}
		x.Paths, x.Env, x.ReadRoots = slices.Clone(x.Paths), slices.Clone(x.Env), slices.Clone(x.ReadRoots)
		h.helpers[x.Name] = x
	}
	return h, nil
}

func checkHelper(x sandbox.Helper) error {
	switch {
	case x.Name == "" || len(x.Paths) == 0:
		return &sandbox.HelperError{Name: x.Name, Why: "want a name with at least one path"}
	case x.Level != policy.LevelProcess && x.Level != policy.LevelConfined && x.Level != policy.LevelIsolated:
		return &sandbox.HelperError{Name: x.Name, Why: fmt.Sprintf("level %q is not one of \"process\", \"confined\", \"isolated\"", x.Level)}
	case x.Identity == sandbox.IdentityGateway && x.Level == policy.LevelIsolated:
		return &sandbox.HelperError{Name: x.Name, Why: "an isolated helper cannot keep the gateway's uid"}
	}
	for _, p := range x.Paths {
		if !filepath.IsAbs(p) || filepath.Clean(p) != p {
			return &sandbox.HelperError{Name: x.Name, Why: fmt.Sprintf("path %q is not absolute and clean", p)}
		}
		if slices.Contains(shells(), filepath.Base(p)) {
			return &sandbox.HelperError{Name: x.Name, Why: fmt.Sprintf("path %q is a shell", p)}
		}
	}
	return nil
}

func shells() []string {
	return []string{"sh", "bash", "dash", "zsh", "ksh", "fish", "busybox", "csh", "tcsh"}
}

type host struct {
	r       *Runner
	helpers map[sandbox.HelperName]sandbox.Helper
}

var _ sandbox.Host = (*host)(nil)

// Installed gives the first candidate that only root can change.
func (h *host) Installed(name sandbox.HelperName) (string, error) {
	x, ok := h.helpers[name]
	if !ok {
		return "", &sandbox.HelperError{Name: name, Why: "is not on the list"}
	}
	why := fmt.Sprintf("found none of %q", x.Paths)
	for _, p := range x.Paths {
		real, err := filepath.EvalSymlinks(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = rootOnly(real)
		}
		if err == nil {
			err = rootOnly(filepath.Dir(p))
		}
		if err == nil {
			return real, nil
		}
		why = err.Error()
	}
	return "", &sandbox.HelperError{Name: name, Why: why}
}

// rootOnly refuses a path that anybody but root can change, at any component.
func rootOnly(path string) error {
	for at := path; ; at = filepath.Dir(at) {
		var st unix.Stat_t
		if err := unix.Lstat(at, &st); err != nil {
			return fmt.Errorf("%q: %w", at, err)
		}
		sticky := st.Mode&unix.S_IFMT == unix.S_IFDIR && st.Mode&unix.S_ISVTX != 0 && at != path
		link := st.Mode&unix.S_IFMT == unix.S_IFLNK
		if st.Uid != 0 || (!link && !sticky && st.Mode&0o022 != 0) {
			return fmt.Errorf("%q can be changed by others than root (uid %d, mode %#o)", at, st.Uid, st.Mode&0o7777)
		}
		if at == "/" {
			return nil
		}
	}
}

// Start starts a helper at its level.
func (h *host) Start(ctx context.Context, name sandbox.HelperName, args []string, io sandbox.Stdio) (sandbox.Process, error) {
	path, err := h.Installed(name)
	if err != nil {
		return nil, err
	}
	x := h.helpers[name]
	conf := policy.Confinement{Level: x.Level, Workspace: x.Workspace, WorkspaceWrite: x.WorkspaceWrite, ReadRoots: x.ReadRoots}
	conf.Limits.TimeoutMs = cmp.Or(x.Timeout, sandbox.DefaultHelperTimeout).Milliseconds()
	conf.Limits.OutputBytes = cmp.Or(x.OutputBytes, sandbox.DefaultHelperOutput)
	if h.r.seesOwn(path) {
		conf.ReadRoots = append(slices.Clone(conf.ReadRoots), path)
	}
	if x.Identity == sandbox.IdentityRun {
		if err := h.r.hold(x.Level); err != nil {
			return nil, err
		}
	}
	cmd := sandbox.Cmd{Path: path, Args: append([]string{path}, args...), Env: x.Env, Stdin: io.Stdin, Stdout: io.Stdout, Stderr: io.Stderr}
	p, err := h.r.start(ctx, job{conf: conf, cmd: cmd, identity: x.Identity})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// seesOwn reports whether a program lies outside the system directories.
func (r *Runner) seesOwn(path string) bool {
	if _, err := os.Lstat(path); err != nil {
		return false
	}
	return !slices.ContainsFunc(r.system, func(d string) bool { return beneath(path, d) })
}
