//go:build !linux

package survey

import "github.com/openclaw-go/openclaw/internal/audit"

func kernelRules(w *audit.Firewall) {
	w.Err = "the kernel's rules are read on Linux only"
}
