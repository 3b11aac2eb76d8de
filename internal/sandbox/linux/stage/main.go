//go:build linux && (amd64 || arm64)

// Command stage is the launcher and the first process of a confined run. It
// refuses to do anything unless it was linked to start without a Go runtime.
package main

import "github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"

func main() { confine.Link() }
