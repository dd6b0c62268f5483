/* SPDX-License-Identifier: MIT */
/*
 * The I/O APICs: pins, numbered by global system interrupt, to vectors of CPUs. All pins start
 * masked. Intel 82093AA data sheet, section 3.2.
 */
#include "irq_int.h"

#include <errno.h>
#include <kernel/io.h>
#include <kernel/log.h>
#include <kernel/spinlock.h>

#define MAX_IOAPICS    4
#define IOREGSEL       0x00
#define IOWIN          0x10
#define IOAPIC_VERSION 0x01
#define IOAPIC_PIN(n)  (0x10 + 2 * (n))
#define RTE_LOW        (1u << 13) /* active low */
#define RTE_LEVEL      (1u << 15)
#define RTE_MASKED     (1u << 16)
#define WINDOW_BYTES   4096

static struct ioapic {
	volatile u8 *base;
	unsigned gsi_base, npins;
} ioapics[MAX_IOAPICS];
static unsigned nioapics;
static DEFINE_SPINLOCK(ioapic_lock);

static u32 reg_read(const struct ioapic *io, u32 reg)
{
	writel(reg, io->base + IOREGSEL);
	return readl(io->base + IOWIN);
}

static void reg_write(const struct ioapic *io, u32 reg, u32 v)
{
	writel(reg, io->base + IOREGSEL);
	writel(v, io->base + IOWIN);
}

bool ioapic_present(void)
{
	return nioapics != 0;
}

static const struct ioapic *find(unsigned gsi)
{
	for (unsigned i = 0; i < nioapics; i++)
		if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].npins)
			return &ioapics[i];
	return NULL;
}

bool ioapic_has_gsi(unsigned gsi)
{
	return find(gsi) != NULL;
}

void ioapic_add(u64 phys, unsigned gsi_base)
{
	struct ioapic *io = &ioapics[nioapics];

	if (nioapics == MAX_IOAPICS)
		return;
	io->base = ioremap(phys, WINDOW_BYTES);
	if (!io->base)
		return;
	io->gsi_base = gsi_base;
	io->npins = (reg_read(io, IOAPIC_VERSION) >> 16 & 0xff) + 1;
	for (unsigned pin = 0; pin < io->npins; pin++)
		reg_write(io, IOAPIC_PIN(pin), RTE_MASKED);
	nioapics++;
	pr_debug("ioapic: at %#llx, interrupts %u-%u", phys, gsi_base, gsi_base + io->npins - 1);
}

/* Masked while its two halves disagree. */
static void ioapic_route(struct irq_desc *d)
{
	const struct ioapic *io = find(d->hw);
	u32 low = d->vector;
	irqflags_t flags;

	if (d->flags & IRQF_TRIGGER_LEVEL)
		low |= RTE_LEVEL;
	if (d->flags & IRQF_TRIGGER_LOW)
		low |= RTE_LOW;
	if (d->disabled)
		low |= RTE_MASKED;
	spin_lock_irqsave(&ioapic_lock, flags);
	reg_write(io, IOAPIC_PIN(d->hw - io->gsi_base), RTE_MASKED);
	reg_write(io, IOAPIC_PIN(d->hw - io->gsi_base) + 1, cpu_apic_id[d->cpu] << 24);
	reg_write(io, IOAPIC_PIN(d->hw - io->gsi_base), low);
	spin_unlock_irqrestore(&ioapic_lock, flags);
}

static void ioapic_shut(struct irq_desc *d)
{
	const struct ioapic *io = find(d->hw);
	irqflags_t flags;

	spin_lock_irqsave(&ioapic_lock, flags);
	reg_write(io, IOAPIC_PIN(d->hw - io->gsi_base), RTE_MASKED);
	spin_unlock_irqrestore(&ioapic_lock, flags);
}

const struct irq_chip ioapic_chip = {
	.name = "IO-APIC",
	.route = ioapic_route,
	.shut = ioapic_shut,
	.eoi = apic_eoi_irq,
};
