//go:build unix

package configfile

import "syscall"

// openFlags: opening a named pipe must not wait for a writer.
const openFlags = syscall.O_NONBLOCK | syscall.O_CLOEXEC | syscall.O_NOCTTY
