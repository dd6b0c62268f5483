/* SPDX-License-Identifier: MIT */
/*
 * Entry of exceptions and interrupts, all from kernel mode. An interrupt that comes while they are
 * switched off in software (irqflags.h) is put off; else it leaves the thread's stack for
 * the CPU's interrupt stack (softirqs run there too); the outermost one goes back to it before it
 * lets another thread run. Frame pointers stay chained across the change of stacks.
 */
#include <x86/layout.h>

#define RFLAGS_IF 0x200

	.text

	.macro save_regs
	cld
	pushq %rax
	pushq %rbx
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rbp
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	.endm

	.macro restore_regs_iret
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rbp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rbx
	popq %rax
	addq $16, %rsp
	iretq
	.endm

/* A frame that names the interrupted instruction, for backtraces. rbx: struct regs. */
	.macro chain_frame
	pushq 136(%rbx) /* rip */
	pushq 64(%rbx)  /* rbp */
	movq %rsp, %rbp
	.endm

/* One stub of 16 bytes for each vector. Exceptions 8, 10-14, 17, 21, 29, 30 push an error code. */
	.balign 16
	.globl trap_stubs
	.type trap_stubs, @function
trap_stubs:
	.set vector, 0
	.rept NR_VECTORS
	.balign 16
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	pushq $0
	.endif
	pushq $vector
	.if vector < VECTOR_EXCEPTIONS
	jmp exception_entry
	.else
	jmp interrupt_entry
	.endif
	.set vector, vector + 1
	.endr
	.size trap_stubs, . - trap_stubs

	.balign 16
	.type exception_entry, @function
exception_entry:
	save_regs
	movq %rsp, %rbx
	chain_frame
	movq %rbx, %rdi
	call trap_dispatch
	movq %rbx, %rsp
	restore_regs_iret
	.size exception_entry, . - exception_entry

/* Switched off in software: the vector is kept, and nothing else comes until irq_let_in(). */
	.balign 16
	.type interrupt_held, @function
interrupt_held:
	pushq %rax
	movb 8(%rsp), %al
	movb %al, %gs:irq_late
	orb $IRQS_HELD, %gs:irq_state
	andq $~RFLAGS_IF, 40(%rsp)
	popq %rax
	addq $16, %rsp
	iretq
	.size interrupt_held, . - interrupt_held

	.balign 16
	.type interrupt_entry, @function
interrupt_entry:
	testb $IRQS_OFF, %gs:irq_state
	jnz interrupt_held
interrupt_begin:
	movb $(IRQS_OFF | IRQS_HELD), %gs:irq_state
	save_regs
	movq %rsp, %rbx
0:	incl %gs:irq_nesting
	cmpl $1, %gs:irq_nesting
	jne 1f
	movq %gs:irq_stack_top, %rsp
1:	chain_frame
	movq %rbx, %rdi
	call interrupt_dispatch
	movq %rbx, %rsp
	decl %gs:irq_nesting
	jnz 2f
	/* The outermost interrupt: may another thread have the CPU? */
	cmpb $0, %gs:resched_due
	je 2f
	cmpl $0, %gs:preempt_count
	jne 2f
	chain_frame
	call preempt_schedule
	movq %rbx, %rsp
	/* Softirqs ran, or other threads: one may have been put off after them. */
2:	cli
	cmpb $0, %gs:irq_late
	jne 3f
	movb $0, %gs:irq_state
	restore_regs_iret
3:	movb %gs:irq_late, %al
	movb %al, 120(%rbx) /* vector */
	movb $0, %gs:irq_late
	orb $IRQS_HELD, %gs:irq_state
	jmp 0b
	.size interrupt_entry, . - interrupt_entry

/* Let interrupts in, with irq_state IRQS_HELD and the processor's flag off: first the one that was
 * put off, as if it came now. Changes no register but the flags. */
	.balign 16
	.globl irq_let_in
	.type irq_let_in, @function
irq_let_in:
	cmpb $0, %gs:irq_late
	jne 1f
	movb $0, %gs:irq_state
	sti
	ret
1:	pushq %rax
	pushq %rcx
	movzbl %gs:irq_late, %eax
	movb $0, %gs:irq_late
	movq %rsp, %rcx
	andq $-16, %rsp
	pushq $SEL_DATA
	pushq %rcx
	pushfq
	orl $RFLAGS_IF, (%rsp)
	pushq $SEL_CODE
	pushq $2f
	pushq $0
	pushq %rax
	jmp interrupt_begin
2:	popq %rcx
	popq %rax
	ret
	.size irq_let_in, . - irq_let_in

/* void switch_stacks(void **save_sp, void *load_sp): returns on the other stack. */
	.balign 16
	.globl switch_stacks
	.type switch_stacks, @function
switch_stacks:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.size switch_stacks, . - switch_stacks

/* Where a new thread's first switch_stacks() returns to; rbp is 0: the chain of frames ends. */
	.balign 16
	.globl thread_entry
	.type thread_entry, @function
thread_entry:
	xorl %ebp, %ebp
	call thread_begin
	ud2
	.size thread_entry, . - thread_entry

	.section .note.GNU-stack, "", @progbits
