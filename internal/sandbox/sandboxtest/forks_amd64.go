//go:build linux

package sandboxtest

import "golang.org/x/sys/unix"

// forks are the older ways to make a process.
func forks() []uint32 { return []uint32{unix.SYS_FORK, unix.SYS_VFORK} }
