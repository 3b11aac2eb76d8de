//go:build linux && (amd64 || arm64)

package app

import (
	"path/filepath"

	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux"
)

// MaybeStage becomes the sandbox's stage when the process was started as one;
// it must be the first thing that a program does.
func MaybeStage() { linux.MaybeStage() }

// newRunner makes the sandbox of this machine.
func newRunner(a *App) (sandbox.Runner, error) {
	return linux.New(linux.Options{SkeletonDir: filepath.Join(a.paths.State, "sandboxes"), CacheDir: filepath.Join(a.paths.State, cacheDir),
		UID: a.runUID, GID: a.runGID, Proxy: a.proxy, Log: a.log})
}
