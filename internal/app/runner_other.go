//go:build !linux || (!amd64 && !arm64)

package app

import (
	"runtime"

	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/darwin"
	"github.com/openclaw-go/openclaw/internal/sandbox/windows"
)

// MaybeStage does nothing where the sandbox has no stage.
func MaybeStage() {}

// newRunner refuses every run, with the reason.
func newRunner(*App) (sandbox.Runner, error) {
	switch runtime.GOOS {
	case "darwin":
		return darwin.New(), nil
	case "windows":
		return windows.New(), nil
	}
	return sandbox.Refuse(runtime.GOOS, runtime.GOOS+"/"+runtime.GOARCH, "no sandbox is built for this system"), nil
}
