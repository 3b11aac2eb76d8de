//go:build linux

#include "textflag.h"

// func foreignChild(kind uintptr) (pid uintptr)
TEXT ·foreignChild(SB), NOSPLIT, $32-16
	MOVQ kind+0(FP), BX
	MOVQ $57, AX
	SYSCALL
	TESTQ AX, AX
	JEQ  child
	MOVQ AX, pid+8(FP)
	RET

child:
	// A kernel without the i386 interface answers with SIGSEGV, which must
	// end the child rather than reach the runtime's handler.
	MOVQ $0, 0(SP)
	MOVQ $0, 8(SP)
	MOVQ $0, 16(SP)
	MOVQ $0, 24(SP)
	MOVQ $13, AX
	MOVQ $11, DI
	MOVQ SP, SI
	MOVQ $0, DX
	MOVQ $8, R10
	SYSCALL
	CMPQ BX, $0
	JNE  x32
	MOVL $20, AX
	INT  $0x80
	JMP  done

x32:
	MOVQ $0x40000027, AX
	SYSCALL

done:
	MOVQ $231, AX
	MOVQ $99, DI
	SYSCALL
	JMP  done
