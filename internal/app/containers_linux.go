//go:build linux && (amd64 || arm64)

package app

import "github.com/openclaw-go/openclaw/internal/sandbox/docker"

type containerRunner = *docker.Runner
