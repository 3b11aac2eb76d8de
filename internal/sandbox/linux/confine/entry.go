//go:build linux && (amd64 || arm64)

package confine

import "unsafe"

// entry is where the kernel starts the stage program. No Go runtime is set up:
// whatever bare reaches must not allocate, defer, start a goroutine or use a
// map; what fails a bounds check dies by a signal, which refuses the run.
func entry()

// vforkExec starts a program in a session of its own. e tells why it was not
// executed; a pid beside it is a child to be reaped.
//
//go:noescape
func vforkExec(path, argv, env, mask unsafe.Pointer) (pid int, e uintptr)

// bare is called by entry with the stack that the kernel made.
func bare(stack *[3]unsafe.Pointer) { //nolint:unused // entry calls it
	argc := uintptr(stack[0])
	if argc == 2 && textOf(stack[2]) == RoleLauncher {
		launcher(nil)
	}
	exit(70)
}

// textOf gives the text up to its NUL.
func textOf(p unsafe.Pointer) string {
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return unsafe.String((*byte)(p), n)
}

// Link is what the stage program calls so that this package is part of it. It
// is linked with EntrySymbol as the place where the kernel starts it, so that
// its main never runs.
func Link() { _ = entry }

// EntrySymbol is what the linker's -E takes.
const EntrySymbol = "github.com/openclaw-go/openclaw/internal/sandbox/linux/confine.entry"
