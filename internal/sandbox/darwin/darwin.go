// Package darwin writes Seatbelt profiles for macOS; its runner refuses every
// run, since no profile has been proven on that system.
package darwin

import "github.com/openclaw-go/openclaw/internal/sandbox"

// New gives the refusing runner.
func New() sandbox.Runner {
	return sandbox.Refuse("darwin", "macOS", "macOS has no namespaces, Landlock or seccomp, and no Seatbelt profile of ours has been proven there, so no level is claimed: run the gateway in a Linux virtual machine to use exec")
}
