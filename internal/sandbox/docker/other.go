//go:build !linux || (!amd64 && !arm64)

package docker

import (
	"errors"
	"runtime"
	"time"

	"github.com/openclaw-go/openclaw/internal/sandbox"
)

var errSystem = errors.New("containers are run from Linux only")

// MaybeInside does nothing where no container can start this program.
func MaybeInside() {}

// New refuses every run: the first process of a container is this very program,
// so it must be one of Linux.
func New(Options) (*Refused, error) {
	return &Refused{sandbox.Refuse("docker", runtime.GOOS+"/"+runtime.GOARCH, "containers are run from Linux only")}, nil
}

// Refused is the runner of a machine that runs no containers.
type Refused struct{ sandbox.Runner }

// List gives nothing.
func (*Refused) List() ([]Contained, error) { return nil, errSystem }

// Recreate refuses.
func (*Refused) Recreate(Which) ([]string, error) { return nil, errSystem }

// Build refuses.
func (*Refused) Build(Build) (Built, error) { return Built{}, errSystem }

// Prune does nothing.
func (*Refused) Prune(_, _ time.Duration) ([]string, error) { return nil, nil }

// Pinned refuses.
func (*Refused) Pinned(string) (Built, error) { return Built{}, errSystem }
