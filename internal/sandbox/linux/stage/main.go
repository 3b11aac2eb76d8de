//go:build linux && (amd64 || arm64)

// Command stage is the launcher and the first process of a confined run. It
// refuses to do anything unless it was started as one of the two.
package main

import "github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"

func main() { confine.Main() }
