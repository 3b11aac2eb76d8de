// Package windows is the runner of Windows; it refuses every run, since none
// of the guarantees of a level can be held there.
package windows

import "github.com/openclaw-go/openclaw/internal/sandbox"

// New gives the refusing runner.
func New() sandbox.Runner {
	return sandbox.Refuse("windows", "Windows", "Windows has no namespaces, Landlock or seccomp: run the gateway in WSL2 to use exec")
}
