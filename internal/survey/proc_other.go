//go:build !linux

package survey

import "github.com/openclaw-go/openclaw/internal/audit"

// listeners: only Linux tells without starting a program.
func listeners(int) []audit.Listener { return nil }

func gateways() []audit.Process { return nil }

// ProcessOf shows nothing: processes are looked at on Linux only.
func ProcessOf(int) (r Ran, ok bool) { return r, false }
