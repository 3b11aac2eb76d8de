package sandbox

import (
	"context"
	"io"
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// HelperName names one entry of the fixed list of helpers.
type HelperName string

// Identity is the uid that a helper runs under.
type Identity uint8

// Identities. The zero value is the unprivileged one of runs.
const (
	IdentityRun     Identity = iota // the uid of confined runs
	IdentityGateway                 // the gateway's own uid, for tools that need its login
)

// Helper is a program that the product itself starts: the tailscale CLI, an
// exec secret provider, a browser, git. The list is fixed when the host is
// made; a helper is never a shell.
type Helper struct {
	Name HelperName
	// Paths are absolute candidates; the first one is taken that exists and
	// that nobody but root can write, directories included.
	Paths    []string
	Env      []string // complete
	Identity Identity
	Level    policy.Level // LevelProcess or more; LevelNone is refused
	// Confinement of levels above process: what it may see.
	Workspace      string
	WorkspaceWrite bool
	ReadRoots      []string
	Timeout        time.Duration // 0 means DefaultHelperTimeout
	OutputBytes    int64         // 0 means DefaultHelperOutput
}

// Defaults of Helper.
const (
	DefaultHelperTimeout = 30 * time.Second
	DefaultHelperOutput  = 1 << 20
)

// Stdio connects a helper.
type Stdio struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// Host starts helpers from the fixed list; any other name is refused.
type Host interface {
	// Start returns the running helper; the caller must Wait. A helper that
	// is not installed is a *HelperError.
	Start(ctx context.Context, name HelperName, args []string, io Stdio) (Process, error)
	// Installed gives the path that Start would use.
	Installed(name HelperName) (path string, err error)
}

// HelperError says why a helper was not started.
type HelperError struct {
	Name HelperName
	Why  string
}

func (e *HelperError) Error() string { return "sandbox: helper \"" + string(e.Name) + "\": " + e.Why }
