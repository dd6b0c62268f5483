/* SPDX-License-Identifier: MIT */
/*
 * A device's interrupt vectors: MSI-X, MSI or the INTx line, behind one call. Thread context, by
 * the device's driver only. `pci=nomsi` on the command line leaves INTx alone.
 *
 * Invariant: irq_mode, nvecs and vec_irq[] agree with the device's registers; a failed
 * allocation leaves the device as it was. A table outside of its BAR, or more vectors than the
 * table has, are never used. PCI Local Bus 3.0 section 6.8.
 */
#define pr_fmt(fmt) "pci: " fmt
#include "pci_int.h"

#include <errno.h>
#include <kernel/cmdline.h>
#include <kernel/io.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/percpu.h>
#include <lib/string.h>

static unsigned cpu_for(const unsigned *cpu_of, unsigned i)
{
	return cpu_of ? cpu_of[i] : i % num_online_cpus();
}

static void intx_set(struct pci_dev *d, bool on)
{
	u16 cmd = pci_read16(d, PCI_COMMAND) & ~PCI_COMMAND_INTX_DISABLE;

	pci_write16(d, PCI_COMMAND, on ? cmd : cmd | PCI_COMMAND_INTX_DISABLE);
}

/* The part of BAR memory that holds the table of n entries, or NULL where it does not fit. */
static u8 *msix_map(struct pci_dev *d, unsigned n)
{
	u32 table = pci_read32(d, d->cap_msix + PCI_MSIX_TABLE);
	unsigned bar = table & PCI_MSIX_BIR;
	u64 off = table & ~PCI_MSIX_BIR, len = (u64)n * PCI_MSIX_ENTRY_BYTES;

	if (bar >= PCI_MAX_BARS || d->bar[bar].type != PCI_BAR_MEM || d->bar[bar].base == 0 ||
	    off + len > d->bar[bar].size) {
		pr_warn("%02x:%02x.%x: MSI-X table outside of BAR %u\n", d->bus, d->dev, d->fn,
			bar);
		return NULL;
	}
	return ioremap(d->bar[bar].base + off, len);
}

static void vectors_release(struct pci_dev *d)
{
	for (int i = 0; i < d->nvecs; i++)
		msi_free(d->vec_irq[i]);
	kfree(d->vec_irq);
	d->vec_irq = NULL;
	d->nvecs = 0;
}

static unsigned msix_entries(const struct pci_dev *d)
{
	return (pci_read16(d, d->cap_msix + PCI_MSIX_CTRL) & PCI_MSIX_CTRL_SIZE) + 1;
}

/* 6.8.2.2: entries are written with the function masked. */
static void msix_entry_write(u8 *table, unsigned i, u64 addr, u32 data, u32 ctrl)
{
	u8 *e = table + (size_t)i * PCI_MSIX_ENTRY_BYTES;

	writel((u32)addr, e + PCI_MSIX_ENTRY_ADDR);
	writel((u32)(addr >> 32), e + PCI_MSIX_ENTRY_ADDR + 4);
	writel(data, e + PCI_MSIX_ENTRY_DATA);
	writel(ctrl, e + PCI_MSIX_ENTRY_CTRL);
}

static int msix_setup(struct pci_dev *d, unsigned min, unsigned max, const unsigned *cpu_of)
{
	unsigned entries = msix_entries(d), n = min_t(unsigned, max, entries);
	unsigned ctrl_off = d->cap_msix + PCI_MSIX_CTRL;
	u16 ctrl = pci_read16(d, ctrl_off) & ~(PCI_MSIX_CTRL_ENABLE | PCI_MSIX_CTRL_MASK);
	u8 *table;

	if (n < min)
		return -ENOSPC;
	table = msix_map(d, entries);
	d->vec_irq = kcalloc(n, sizeof(*d->vec_irq), GFP_KERNEL);
	if (!table || !d->vec_irq)
		goto undo;
	pci_write16(d, ctrl_off, ctrl | PCI_MSIX_CTRL_ENABLE | PCI_MSIX_CTRL_MASK);
	for (; d->nvecs < (int)n; d->nvecs++) {
		u64 addr;
		u32 data;
		int irq = msi_alloc(cpu_for(cpu_of, d->nvecs), &addr, &data);

		if (irq < 0)
			break;
		d->vec_irq[d->nvecs] = irq;
		msix_entry_write(table, d->nvecs, addr, data, 0);
	}
	if (d->nvecs < (int)min) {
		pci_write16(d, ctrl_off, ctrl);
		goto undo;
	}
	for (unsigned i = d->nvecs; i < entries; i++)
		writel(PCI_MSIX_ENTRY_MASKED,
		       table + (size_t)i * PCI_MSIX_ENTRY_BYTES + PCI_MSIX_ENTRY_CTRL);
	intx_set(d, false);
	pci_write16(d, ctrl_off, ctrl | PCI_MSIX_CTRL_ENABLE);
	d->msix_table = table;
	d->irq_mode = PCI_IRQ_MODE_MSIX;
	return d->nvecs;

undo:
	vectors_release(d);
	if (table)
		iounmap(table, (size_t)entries * PCI_MSIX_ENTRY_BYTES);
	return -ENOSPC;
}

/* One vector: several would have to be neighbours, which nothing here needs. */
static int msi_setup(struct pci_dev *d, unsigned min, const unsigned *cpu_of)
{
	u16 ctrl = pci_read16(d, d->cap_msi + PCI_MSI_CTRL) &
		   ~(PCI_MSI_CTRL_ENABLE | PCI_MSI_CTRL_COUNT);
	u64 addr;
	u32 data;
	int irq;

	if (min > 1)
		return -ENOSPC;
	irq = msi_alloc(cpu_for(cpu_of, 0), &addr, &data);
	if (irq < 0)
		return -ENOSPC;
	d->vec_irq = kcalloc(1, sizeof(*d->vec_irq), GFP_KERNEL);
	if (!d->vec_irq) {
		msi_free(irq);
		return -ENOSPC;
	}
	d->vec_irq[0] = irq;
	d->nvecs = 1;
	pci_write16(d, d->cap_msi + PCI_MSI_CTRL, ctrl);
	pci_write32(d, d->cap_msi + PCI_MSI_ADDR, (u32)addr);
	if (ctrl & PCI_MSI_CTRL_64BIT) {
		pci_write32(d, d->cap_msi + PCI_MSI_ADDR_HIGH, (u32)(addr >> 32));
		pci_write16(d, d->cap_msi + PCI_MSI_DATA_64, (u16)data);
	} else {
		pci_write16(d, d->cap_msi + PCI_MSI_DATA_32, (u16)data);
	}
	intx_set(d, false);
	pci_write16(d, d->cap_msi + PCI_MSI_CTRL, ctrl | PCI_MSI_CTRL_ENABLE);
	d->irq_mode = PCI_IRQ_MODE_MSI;
	return 1;
}

static int intx_setup(struct pci_dev *d, unsigned min)
{
	if (min > 1 || d->irq < 0)
		return -ENOSPC;
	intx_set(d, true);
	d->irq_mode = PCI_IRQ_MODE_INTX;
	d->nvecs = 1;
	return 1;
}

static bool msi_allowed(void)
{
	const char *opt = cmdline_get("pci");

	return !opt || strcmp(opt, "nomsi") != 0;
}

int pci_alloc_irq_vectors(struct pci_dev *d, unsigned min, unsigned max, unsigned flags,
			  const unsigned *cpu_of)
{
	int n = -ENOSPC;

	if (d->irq_mode != PCI_IRQ_MODE_NONE)
		return -EBUSY;
	if (min == 0 || max < min)
		return -EINVAL;
	if (!msi_allowed())
		flags &= ~(PCI_IRQ_MSI | PCI_IRQ_MSIX);
	if (n < 0 && (flags & PCI_IRQ_MSIX) && d->cap_msix)
		n = msix_setup(d, min, max, cpu_of);
	if (n < 0 && (flags & PCI_IRQ_MSI) && d->cap_msi)
		n = msi_setup(d, min, cpu_of);
	if (n < 0 && (flags & PCI_IRQ_INTX))
		n = intx_setup(d, min);
	return n;
}

void pci_free_irq_vectors(struct pci_dev *d)
{
	switch (d->irq_mode) {
	case PCI_IRQ_MODE_MSIX:
		pci_write16(d, d->cap_msix + PCI_MSIX_CTRL,
			    pci_read16(d, d->cap_msix + PCI_MSIX_CTRL) & ~PCI_MSIX_CTRL_ENABLE);
		iounmap(d->msix_table, (size_t)msix_entries(d) * PCI_MSIX_ENTRY_BYTES);
		d->msix_table = NULL;
		vectors_release(d);
		break;
	case PCI_IRQ_MODE_MSI:
		pci_write16(d, d->cap_msi + PCI_MSI_CTRL,
			    pci_read16(d, d->cap_msi + PCI_MSI_CTRL) & ~PCI_MSI_CTRL_ENABLE);
		vectors_release(d);
		break;
	case PCI_IRQ_MODE_INTX:
		intx_set(d, false);
		break;
	case PCI_IRQ_MODE_NONE:
		break;
	}
	d->nvecs = 0;
	d->irq_mode = PCI_IRQ_MODE_NONE;
}

int pci_irq_vector(const struct pci_dev *d, unsigned i)
{
	if (i >= (unsigned)d->nvecs)
		return -EINVAL;
	return d->irq_mode == PCI_IRQ_MODE_INTX ? d->irq : d->vec_irq[i];
}

unsigned pci_irq_flags(const struct pci_dev *d)
{
	return d->irq_mode == PCI_IRQ_MODE_INTX ? d->irq_flags : 0;
}

bool pci_has_msix_enabled(const struct pci_dev *d)
{
	return d->irq_mode == PCI_IRQ_MODE_MSIX;
}
