//go:build linux

package confine

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

var refusedArch = [...]uint32{}

// A 64-bit task cannot make 32-bit calls on arm64 without executing a 32-bit
// program, which the filter's architecture test kills.
var foreignKinds = [...]string{}

func foreignChild(uintptr) uintptr { return 0 }
