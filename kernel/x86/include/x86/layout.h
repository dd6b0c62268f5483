/* SPDX-License-Identifier: MIT */
/* Numbers that assembly and C of kernel/x86 and boot/ share. */
#ifndef X86_LAYOUT_H
#define X86_LAYOUT_H

#define BOOT_STACK_BYTES 16384

/* Selectors, in the order of struct gdt. */
#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_TSS  0x18

#define MSR_EFER 0xC0000080
#define EFER_LME 0x100
#define EFER_NXE 0x800

/* PE, MP, ET, NE, WP, PG: caches on. */
#define CR0_BOOT 0x80010033
/* PAE */
#define CR4_BOOT 0x20
#define CR4_PGE  0x80

/* irq_state (home/irqflags.h), 0 while interrupts are on: switched off in software; the processor's
 * own flag is off too, in a handler or because one has been put off. */
#define IRQS_OFF  1
#define IRQS_HELD 2

/* Who gets which vector. A device's vector means something only on the CPU it is aimed at. */
#define VECTOR_EXCEPTIONS   32
#define VECTOR_PIC          0x20
#define VECTOR_DEVICE_FIRST 0x30
#define VECTOR_DEVICE_LAST  0xEF
#define VECTOR_TIMER        0xF0
#define VECTOR_RESCHEDULE   0xF1
#define VECTOR_CALL         0xF2
#define VECTOR_FLUSH_TLB    0xF3
#define VECTOR_APIC_ERROR   0xFE
#define VECTOR_SPURIOUS     0xFF
#define NR_VECTORS          256

#endif
