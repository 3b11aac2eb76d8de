//go:build linux && (amd64 || arm64)

package sandboxtest

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ForbidReachingOut puts this process, for ever, under a filter of the
// kernel's that kills it at the first connect, datagram to an address, program
// execution or new process. Threads go on being made. It is for a test that
// was started for nothing else.
func ForbidReachingOut() error {
	arch, ok := map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]
	if !ok {
		return fmt.Errorf("no filter for %s", runtime.GOARCH)
	}
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		has   = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		done  = unix.BPF_RET | unix.BPF_K

		number, architecture, firstArgument = 0, 4, 16
	)
	kill := unix.SockFilter{Code: done, K: unix.SECCOMP_RET_KILL_PROCESS}
	f := []unix.SockFilter{{Code: load, K: architecture}, {Code: equal, K: arch, Jt: 1}, kill, {Code: load, K: number}}
	forbidden := []uint32{unix.SYS_CONNECT, unix.SYS_SENDTO, unix.SYS_SENDMMSG, unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_CLONE3, unix.SYS_IO_URING_SETUP}
	for _, nr := range append(forbidden, forks()...) {
		f = append(f, unix.SockFilter{Code: equal, K: nr, Jf: 1}, kill)
	}
	f = append(f, unix.SockFilter{Code: equal, K: unix.SYS_CLONE, Jf: 3}, unix.SockFilter{Code: load, K: firstArgument},
		unix.SockFilter{Code: has, K: unix.CLONE_THREAD, Jt: 1}, kill, unix.SockFilter{Code: done, K: unix.SECCOMP_RET_ALLOW})

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	if r, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog))); e != 0 || r != 0 {
		return fmt.Errorf("seccomp: thread %d: %w", r, e)
	}
	return nil
}
