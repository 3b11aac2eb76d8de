// Package darwin is the runner of macOS; it refuses every run until a Seatbelt
// profile has been proven on that system.
package darwin

import "github.com/openclaw-go/openclaw/internal/sandbox"

// New gives the refusing runner.
func New() sandbox.Runner {
	return sandbox.Refuse("darwin", "macOS", "macOS has no namespaces, Landlock or seccomp, and its Seatbelt profile is not built: run the gateway in a Linux virtual machine to use exec")
}
