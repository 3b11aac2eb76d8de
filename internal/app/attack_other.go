//go:build !linux || (!amd64 && !arm64)

package app

import (
	"log/slog"

	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// kernelRunner is the sandbox of this system.
func kernelRunner(string, int, int, *slog.Logger) (sandbox.Runner, error) { return newRunner(nil) }
