//go:build linux && (amd64 || arm64)

package app

import (
	"log/slog"

	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux"
)

// kernelRunner is the kernel's sandbox with a directory of its own.
func kernelRunner(dir string, uid, gid int, log *slog.Logger) (sandbox.Runner, error) {
	return linux.New(linux.Options{SkeletonDir: dir, UID: uid, GID: gid, Log: log})
}
