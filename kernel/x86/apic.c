/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of each CPU, through memory (xAPIC) or through MSRs (x2APIC): end of interrupt,
 * messages to other CPUs, its timer's registers. Under a hypervisor x2APIC is used where offered:
 * an access is one exit at most and needs no emulation of an instruction. Intel SDM volume 3A,
 * chapter 10.
 */
#include "x86_int.h"

#include <kernel/acpi.h>
#include <kernel/io.h>
#include <kernel/log.h>

#define MSR_APIC_BASE    0x1B
#define APIC_BASE_X2APIC (1ull << 10)
#define APIC_BASE_ENABLE (1ull << 11)
#define MSR_X2APIC       0x800
#define APIC_PHYS        0xFEE00000ull
#define APIC_WINDOW      4096

#define APIC_ID       0x020
#define APIC_TPR      0x080
#define APIC_EOI      0x0B0
#define APIC_SVR      0x0F0
#define APIC_ESR      0x280
#define APIC_ICR      0x300
#define APIC_ICR_HIGH 0x310
#define APIC_LINT0    0x350
#define APIC_LINT1    0x360
#define APIC_LVTERR   0x370

#define SVR_ENABLE     0x100
#define LVT_MASKED     0x10000
#define LVT_NMI        0x400
#define LVT_EXTINT     0x700
#define ICR_BUSY       0x1000
#define ICR_ASSERT     0x4000
#define ICR_NMI        0x400
#define ICR_ALL_BUT_ME 0xC0000
#define ICR_BUSY_POLLS 1000000

static volatile u8 *window; /* NULL: x2APIC, or no APIC at all */
static bool x2apic;
bool apic_present;

u32 apic_read(u32 reg)
{
	if (x2apic)
		return (u32)rdmsr(MSR_X2APIC + reg / 16);
	return readl(window + reg);
}

void apic_write(u32 reg, u32 v)
{
	if (x2apic)
		wrmsr(MSR_X2APIC + reg / 16, v);
	else
		writel(v, window + reg);
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

bool apic_is_x2apic(void)
{
	return x2apic;
}

u32 apic_id(void)
{
	u32 id = apic_read(APIC_ID);

	return x2apic ? id : id >> 24;
}

/* Writing an x2APIC register does not wait for earlier stores, as writing to memory does. */
static void icr_write(u32 dest, u32 command)
{
	irqflags_t flags;

	if (x2apic) {
		__asm__ volatile("mfence; lfence" ::: "memory");
		wrmsr(MSR_X2APIC + APIC_ICR / 16, (u64)dest << 32 | command);
		return;
	}
	flags = local_irq_save();
	for (unsigned n = 0; n < ICR_BUSY_POLLS && apic_read(APIC_ICR) & ICR_BUSY; n++)
		cpu_relax();
	apic_write(APIC_ICR_HIGH, dest << 24);
	apic_write(APIC_ICR, command);
	local_irq_restore(flags);
}

void apic_send(u32 dest_apic_id, u32 command)
{
	icr_write(dest_apic_id, command | ICR_ASSERT);
}

void apic_send_nmi_to_others(void)
{
	icr_write(0, ICR_ALL_BUT_ME | ICR_ASSERT | ICR_NMI);
}

void apic_init_cpu(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	if (!apic_present)
		return;
	wrmsr(MSR_APIC_BASE, base);
	if (x2apic)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_TIMER_LVT, LVT_MASKED);
	/* With an I/O APIC in use, nothing comes from the 8259. */
	apic_write(APIC_LINT0, ioapic_present() || smp_processor_id() ? LVT_MASKED : LVT_EXTINT);
	apic_write(APIC_LINT1, LVT_NMI);
	apic_write(APIC_LVTERR, VECTOR_APIC_ERROR);
	apic_write(APIC_ESR, 0);
	apic_write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
}

void apic_error(void)
{
	apic_write(APIC_ESR, 0);
	pr_warn("apic: error %#x on CPU %u", apic_read(APIC_ESR), smp_processor_id());
}

/* Boot CPU, with the page tables and ACPI up. */
void apic_detect(void)
{
	u64 base;

	if (!cpu_features.apic)
		return;
	base = rdmsr(MSR_APIC_BASE);
	x2apic = cpu_features.x2apic && (cpu_features.hypervisor || base & APIC_BASE_X2APIC);
	if (!x2apic) {
		window = ioremap(base & PTE_ADDR, APIC_WINDOW);
		if (!window)
			return;
	}
	apic_present = true;
}
