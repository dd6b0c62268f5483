/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables: one IDT for all CPUs, a GDT and TSS for each. The TSS only serves to name the
 * stacks for what can come at any moment: NMI, double fault (a thread ran into its guard page)
 * and machine check. Intel SDM volume 3A, 3.4.5, 6.14, 7.7.
 */
#include "x86_int.h"

#include <errno.h>

#define IST_BYTES 4096ul
#define DESC_CODE 0x00AF9B000000FFFFull
#define DESC_DATA 0x00CF93000000FFFFull
#define DESC_TSS  0x0000890000000000ull
#define GATE_INTR 0x8E00u

#define VECTOR_NMI 2
#define VECTOR_DF  8
#define VECTOR_MC  18

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap;
} __packed;
static_assert(sizeof(struct tss) == 104, "SDM 3A figure 7-11");

struct gdt {
	u64 null, code, data, tss_low, tss_high;
};
static_assert(offsetof(struct gdt, tss_low) == SEL_TSS, "selectors of layout.h");

struct gate {
	u16 offset_low, selector, ist_type, offset_mid;
	u32 offset_high, reserved;
};
static_assert(sizeof(struct gate) == 16, "SDM 3A figure 6-8");

struct table_pointer {
	u16 limit;
	u64 base;
} __packed;

extern char trap_stubs[];

static struct gate idt[NR_VECTORS] __aligned(16);
static DEFINE_PER_CPU(struct gdt, cpu_gdt);
static DEFINE_PER_CPU(struct tss, cpu_tss);

/* Traps.S counts interrupts that nest; the outermost one changes to irq_stack_top. */
DEFINE_PER_CPU(u32, irq_nesting);
DEFINE_PER_CPU(u8 *, irq_stack_top);

static void set_gate(unsigned vector, unsigned ist)
{
	u64 entry = (uintptr_t)trap_stubs + vector * 16;

	idt[vector] = (struct gate){
		.offset_low = (u16)entry,
		.selector = SEL_CODE,
		.ist_type = (u16)(GATE_INTR | ist),
		.offset_mid = (u16)(entry >> 16),
		.offset_high = (u32)(entry >> 32),
	};
}

void idt_load(void)
{
	struct table_pointer p = {sizeof(idt) - 1, (uintptr_t)idt};

	__asm__ volatile("lidt %0" ::"m"(p));
}

void desc_init_boot_cpu(void)
{
	for (unsigned v = 0; v < NR_VECTORS; v++)
		set_gate(v, 0);
	idt_load();
}

int desc_alloc_stacks(unsigned cpu)
{
	u8 *irq = kstack_alloc();
	u8 *ist = kstack_alloc();
	struct tss *tss = per_cpu_ptr(&cpu_tss, cpu);

	if (!irq || !ist)
		return -ENOMEM;
	per_cpu(irq_stack_top, cpu) = irq + STACK_BYTES;
	for (unsigned i = 0; i < 3; i++)
		tss->ist[i] = (uintptr_t)ist + STACK_BYTES - i * IST_BYTES;
	tss->iomap = sizeof(*tss);
	return 0;
}

void desc_load(void)
{
	struct gdt *gdt = this_cpu_ptr(&cpu_gdt);
	u64 tss = (uintptr_t)this_cpu_ptr(&cpu_tss);
	struct table_pointer p = {sizeof(*gdt) - 1, (uintptr_t)gdt};

	gdt->null = 0;
	gdt->code = DESC_CODE;
	gdt->data = DESC_DATA;
	gdt->tss_low = DESC_TSS | (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 |
		       (tss >> 24 & 0xff) << 56;
	gdt->tss_high = tss >> 32;
	/* The selectors stay the same as in the tables of boot/: reload code by a far return. */
	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmovl %2, %%ds\n\t"
			 "movl %2, %%es\n\t"
			 "movl %2, %%ss\n\t"
			 "ltr %w3"
			 :
			 : "m"(p), "i"(SEL_CODE), "r"(SEL_DATA), "r"(SEL_TSS)
			 : "rax", "memory");
	idt_load();
	if (smp_processor_id() == 0) {
		set_gate(VECTOR_NMI, 1);
		set_gate(VECTOR_DF, 2);
		set_gate(VECTOR_MC, 3);
	}
}
