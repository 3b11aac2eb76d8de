//go:build !linux || !(amd64 || arm64)

package linux

import (
	"context"
	"runtime"

	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// Runner refuses on this platform.
type Runner struct{ sandbox.Runner }

// New gives a runner that refuses every run: there is no system call table for
// this platform, so no filter can be built.
func New(Options) (*Runner, error) {
	return &Runner{sandbox.Refuse("linux", runtime.GOOS+"/"+runtime.GOARCH,
		"the seccomp filter exists for linux/amd64 and linux/arm64 only, found "+runtime.GOOS+"/"+runtime.GOARCH)}, nil
}

// MaybeStage does nothing on this platform.
func MaybeStage() {}

// Host gives a host that refuses every helper.
func (r *Runner) Host([]sandbox.Helper) (sandbox.Host, error) { return refusingHost{}, nil }

type refusingHost struct{}

func (refusingHost) Start(_ context.Context, n sandbox.HelperName, _ []string, _ sandbox.Stdio) (sandbox.Process, error) {
	return nil, &sandbox.HelperError{Name: n, Why: "no sandbox on " + runtime.GOOS + "/" + runtime.GOARCH}
}

func (h refusingHost) Installed(n sandbox.HelperName) (string, error) {
	return "", &sandbox.HelperError{Name: n, Why: "no sandbox on " + runtime.GOOS + "/" + runtime.GOARCH}
}
