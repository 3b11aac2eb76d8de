//go:build linux

package confine

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

var refusedArch = [...]uint32{unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_MODIFY_LDT, unix.SYS_USELIB, unix.SYS_USTAT, unix.SYS_SYSFS,
	unix.SYS__SYSCTL, unix.SYS_CREATE_MODULE, unix.SYS_GET_KERNEL_SYMS, unix.SYS_QUERY_MODULE}

// foreignKinds are the interfaces beside the native one.
var foreignKinds = [...]string{"i386", "x32"}

// foreignChild forks a child that makes one system call through the foreign
// interface kind and then exits with 99. The child runs no Go code.
func foreignChild(kind uintptr) (pid uintptr)
