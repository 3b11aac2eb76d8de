//go:build linux

#include "textflag.h"

// What compiled code takes for the running goroutine: all zero, so that no
// stack ever counts as full.
GLOBL ·ground(SB), NOPTR, $1024
GLOBL ·slot(SB), NOPTR, $16

// The kernel starts the stage program here, with argc, argv and environment
// on the stack.
TEXT ·entry(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVQ SP, BX
	ANDQ $~15, SP
	SUBQ $32, SP
	LEAQ ·slot+8(SB), SI // the goroutine's place lies below the thread pointer
	MOVQ $0x1002, DI
	MOVQ $158, AX
	SYSCALL
	LEAQ ·ground(SB), R14
	MOVQ R14, ·slot(SB)
	XORPS X15, X15
	MOVQ BX, 0(SP)
	CALL ·bare(SB)
	INT  $3

// func vforkExec(path unsafe.Pointer, argv, env unsafe.Pointer, mask unsafe.Pointer) (pid int, e uintptr)
// The child borrows this memory until it executes; it runs no Go code.
TEXT ·vforkExec(SB), NOSPLIT, $16-48
	MOVQ path+0(FP), R12
	MOVQ argv+8(FP), R13
	MOVQ env+16(FP), BX
	MOVQ mask+24(FP), R9
	MOVQ $0, failed-8(SP)
	MOVQ $0x4111, DI // CLONE_VM | CLONE_VFORK | SIGCHLD
	MOVQ $0, SI
	MOVQ $0, DX
	MOVQ $0, R10
	MOVQ $0, R8
	MOVQ $56, AX
	SYSCALL
	TESTQ AX, AX
	JEQ  child
	CMPQ AX, $0xfffffffffffff001
	JCC  none
	MOVQ AX, pid+32(FP)
	MOVQ failed-8(SP), AX
	MOVQ AX, e+40(FP)
	RET

none:
	NEGQ AX
	MOVQ $-1, pid+32(FP)
	MOVQ AX, e+40(FP)
	RET

child:
	MOVQ $112, AX // setsid
	SYSCALL
	MOVQ $2, DI
	MOVQ R9, SI
	MOVQ $0, DX
	MOVQ $8, R10
	MOVQ $14, AX // rt_sigprocmask
	SYSCALL
	MOVQ R12, DI
	MOVQ R13, SI
	MOVQ BX, DX
	MOVQ $59, AX // execve
	SYSCALL
	NEGQ AX
	MOVQ AX, failed-8(SP)

gone:
	MOVQ $127, DI
	MOVQ $60, AX
	SYSCALL
	JMP  gone
