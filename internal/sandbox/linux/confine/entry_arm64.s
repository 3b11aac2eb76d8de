//go:build linux

#include "textflag.h"

// What compiled code takes for the running goroutine: all zero, so that no
// stack ever counts as full.
GLOBL ·ground(SB), NOPTR, $1024

// The kernel starts the stage program here, with argc, argv and environment
// on the stack.
TEXT ·entry(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVD RSP, R0
	SUB  $32, RSP
	MOVD $·ground(SB), g
	MOVD ZR, 0(RSP)
	MOVD R0, 8(RSP)
	CALL ·bare(SB)
	UNDEF

// func vforkExec(path unsafe.Pointer, argv, env unsafe.Pointer, mask unsafe.Pointer) (pid int, e uintptr)
// The child borrows this memory until it executes; it runs no Go code.
TEXT ·vforkExec(SB), NOSPLIT, $16-48
	MOVD path+0(FP), R9
	MOVD argv+8(FP), R10
	MOVD env+16(FP), R11
	MOVD mask+24(FP), R12
	MOVD ZR, failed-8(SP)
	MOVD $0x4111, R0 // CLONE_VM | CLONE_VFORK | SIGCHLD
	MOVD ZR, R1
	MOVD ZR, R2
	MOVD ZR, R3
	MOVD ZR, R4
	MOVD $220, R8
	SVC
	CBZ  R0, child
	CMN  $4095, R0
	BCS  none
	MOVD R0, pid+32(FP)
	MOVD failed-8(SP), R0
	MOVD R0, e+40(FP)
	RET

none:
	NEG  R0, R0
	MOVD $-1, R1
	MOVD R1, pid+32(FP)
	MOVD R0, e+40(FP)
	RET

child:
	MOVD $157, R8 // setsid
	SVC
	MOVD $2, R0
	MOVD R12, R1
	MOVD ZR, R2
	MOVD $8, R3
	MOVD $135, R8 // rt_sigprocmask
	SVC
	MOVD R9, R0
	MOVD R10, R1
	MOVD R11, R2
	MOVD $221, R8 // execve
	SVC
	NEG  R0, R0
	MOVD R0, failed-8(SP)

gone:
	MOVD $127, R0
	MOVD $93, R8
	SVC
	B    gone
