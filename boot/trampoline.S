/* SPDX-License-Identifier: MIT */
/*
 * Where the other CPUs begin: in real mode, at the start of a page below 1 MiB that memory.c copied
 * this to. From there straight to long mode, then to ap_main() with the CPU's number and stack.
 */
#include <x86/layout.h>

	.section .rodata.trampoline, "a"
	.globl trampoline_start, trampoline_end
	.code16
trampoline_start:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	movl $CR4_BOOT, %eax
	movl %eax, %cr4
	movl $kernel_pml4, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	xorl %edx, %edx
	movl $(EFER_LME | EFER_NXE), %eax
	wrmsr
	lgdtl trampoline_gdt_pointer - trampoline_start
	movl $CR0_BOOT, %eax
	movl %eax, %cr0
	ljmpl $SEL_CODE, $ap_long
	.balign 4
trampoline_gdt_pointer:
	.short 3 * 8 - 1
	.long boot_gdt
trampoline_end:

	.text
	.code64
	.type ap_long, @function
ap_long:
	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs

	/* This CPU's APIC ID: the wide one where it is in use. */
	cmpl $0, ap_wide_ids
	jne 1f
	movl $1, %eax
	cpuid
	movl %ebx, %edx
	shrl $24, %edx
	jmp 2f
1:	movl $0xB, %eax
	xorl %ecx, %ecx
	cpuid
2:	movl $1, %edi
3:	cmpl ap_number, %edi
	jae 4f
	cmpl %edx, cpu_apic_id(, %rdi, 4)
	je 5f
	incl %edi
	jmp 3b
4:	cli
	hlt
	jmp 4b

5:	movq ap_stack(, %rdi, 8), %rsp
	xorl %ebp, %ebp
	call ap_main
	ud2
	.size ap_long, . - ap_long

	.section .note.GNU-stack, "", @progbits
