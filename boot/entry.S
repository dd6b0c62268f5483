/* SPDX-License-Identifier: MIT */
/*
 * Where loaders enter, in 32-bit protected mode without paging, and the climb to long mode.
 *
 *   multiboot 1 and 2 (GRUB): boot_multiboot, eax = magic, ebx = information
 *   PVH (qemu -kernel):       boot_pvh, ebx = struct hvm_start_info
 *
 * Both go to kernel_main(magic, information) with the first 4 GiB mapped one to one, writable and
 * executable, by tables that paging.c replaces soon.
 */
#include "magic.h"
#include <x86/layout.h>

#define MB1_MAGIC 0x1BADB002
#define MB1_FLAGS 0x00000003 /* modules on page boundaries; memory map wanted */
#define MB2_MAGIC 0xE85250D6

	.section .boot.multiboot1, "a"
	.balign 4
	.long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)

	.section .boot.multiboot2, "a"
	.balign 8
mb2_header:
	.long MB2_MAGIC, 0, mb2_end - mb2_header, -(MB2_MAGIC + (mb2_end - mb2_header))
	/* Information wanted: command line, loader, modules, memory map; the rest as it comes. */
	.balign 8
	.short 1, 0
	.long 24
	.long 1, 2, 3, 6
	/* Modules on page boundaries. */
	.balign 8
	.short 6, 0
	.long 8
	.balign 8
	.short 0, 0
	.long 8
mb2_end:

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 8, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad boot_pvh

	.section .boot.text, "ax"
	.code32
	.globl boot_pvh
boot_pvh:
	movl $PVH_MAGIC, %eax
	.globl boot_multiboot
boot_multiboot:
	cli
	cld
	movl %eax, %edi /* first argument, through all that follows */
	movl %ebx, %ebp
	/* Is there memory up to the image's end? A loader may not have looked. */
	movl $MB2_MAGIC, _boot_bss_end - 4
	cmpl $MB2_MAGIC, _boot_bss_end - 4
	jne no_memory
	movl $0, _boot_bss_end - 4
	movl $boot_stack + BOOT_STACK_BYTES, %esp
	rdtsc
	movl %eax, boot_entry_tsc
	movl %edx, boot_entry_tsc + 4

	movl $0x80000000, %eax
	cpuid
	cmpl $0x80000001, %eax
	jb no_long_mode
	movl $0x80000001, %eax
	cpuid
	andl $(1 << 29 | 1 << 20), %edx /* long mode, no-execute */
	cmpl $(1 << 29 | 1 << 20), %edx
	jne no_long_mode

	/* One table of four 1 GiB entries, four of 512 entries of 2 MiB each. */
	movl $boot_pdpt + 3, boot_pml4
	movl $boot_pd + 3, %eax
	movl $boot_pdpt, %edx
1:	movl %eax, (%edx)
	addl $4096, %eax
	addl $8, %edx
	cmpl $boot_pdpt + 32, %edx
	jb 1b
	movl $0x83, %eax
	movl $boot_pd, %edx
1:	movl %eax, (%edx)
	addl $8, %edx
	addl $0x200000, %eax
	jnc 1b

	movl $CR4_BOOT, %eax
	movl %eax, %cr4
	movl $boot_pml4, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	xorl %edx, %edx
	movl $(EFER_LME | EFER_NXE), %eax
	wrmsr
	movl $CR0_BOOT, %eax
	movl %eax, %cr0
	lgdt boot_gdt_pointer
	ljmp $0x08, $boot_long

no_memory:
	movl $no_memory_text, %esi
	jmp say
no_long_mode:
	movl $no_long_mode_text, %esi
/* Say it on the serial line, the only place where somebody can be listening, and stop. */
say:
1:	movw $0x3FD, %dx
	inb %dx, %al
	testb $0x20, %al
	jz 1b
	lodsb
	testb %al, %al
	jz 2f
	movw $0x3F8, %dx
	outb %al, %dx
	jmp 1b
2:	hlt
	jmp 2b
no_memory_text:
	.asciz "sluice: too little memory: the image does not fit\r\n"
no_long_mode_text:
	.asciz "sluice: this CPU has no 64-bit mode with no-execute pages\r\n"

	.code64
boot_long:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movl %edi, %edi
	movl %ebp, %esi
	xorl %ebp, %ebp /* end of the chain of frames */
	movl $boot_stack + BOOT_STACK_BYTES, %esp
	call kernel_main
	ud2

	.balign 8
	.globl boot_gdt
boot_gdt:
	.quad 0
	.quad 0x00AF9B000000FFFF /* 64-bit code */
	.quad 0x00CF93000000FFFF /* data */
boot_gdt_pointer:
	.short . - boot_gdt - 1
	.long boot_gdt

	.section .data.boot, "aw"
	.balign 8
	.globl boot_entry_tsc
boot_entry_tsc:
	.quad 0

	.section .bss.stack, "aw", @nobits
	.balign 16
	.globl boot_stack
boot_stack:
	.skip BOOT_STACK_BYTES

	.section .boot.bss, "aw", @nobits
	.balign 4096
boot_pml4:
	.skip 4096
boot_pdpt:
	.skip 4096
boot_pd:
	.skip 4 * 4096

	.section .note.GNU-stack, "", @progbits
