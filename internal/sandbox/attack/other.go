//go:build !linux || (!amd64 && !arm64)

package attack

import (
	"context"
	"errors"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// MaybeInside does nothing where there is no run to be inside of.
func MaybeInside() {}

// Run measures nothing on this system.
func Run(_ context.Context, _ Options, level policy.Level) []Outcome {
	return failed(level, []string{"the attack suite"}, errors.New("no sandbox is built for this system"))
}
