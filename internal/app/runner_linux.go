//go:build linux && (amd64 || arm64)

package app

import (
	"errors"
	"path/filepath"

	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/attack"
	"github.com/openclaw-go/openclaw/internal/sandbox/docker"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux"
)

// MaybeStage becomes the sandbox's stage when the process was started as one;
// it must be the first thing that a program does.
func MaybeStage() {
	docker.MaybeInside()
	linux.MaybeStage()
	attack.MaybeInside()
}

// newRunner makes the sandbox of this machine: its kernel's, and containers for
// what is to run in them.
func newRunner(a *App) (sandbox.Runner, error) {
	host, err := linux.New(linux.Options{SkeletonDir: filepath.Join(a.paths.State, "sandboxes"), CacheDir: filepath.Join(a.paths.State, cacheDir),
		UID: a.runUID, GID: a.runGID, Proxy: a.proxy, Log: a.log})
	if err != nil {
		return nil, err
	}
	containers, err := containersOf(a)
	if err != nil {
		return nil, errors.Join(err, host.Close())
	}
	return sandbox.Split(host, containers), nil
}
