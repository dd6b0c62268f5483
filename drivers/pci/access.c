/* SPDX-License-Identifier: MIT */
/*
 * Configuration space: by the memory windows of the MCFG table (ECAM) where they cover the bus,
 * by the two ports of configuration mechanism 1 otherwise. A window is mapped one bus at a time, as
 * the scan comes to it, so that a machine with two buses does not pay for 256.
 * PCI Local Bus 3.0 section 3.2.2.3.2; PCI Express Base 7.2.2. Any context but the first access
 * to a bus, which the scan makes from a thread.
 */
#define pr_fmt(fmt) "pci: " fmt
#include "pci_int.h"

#include <errno.h>
#include <home/portio.h>
#include <kernel/acpi.h>
#include <kernel/io.h>
#include <kernel/log.h>
#include <kernel/spinlock.h>

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u

#define MAX_WINDOWS    4
#define ECAM_BUS_BYTES (1u << 20)
#define MAX_BUSES      256

static struct {
	bool mech1;
	struct spinlock lock; /* address and data port go together */
	unsigned nwindows;
	struct acpi_mcfg_window window[MAX_WINDOWS];
	u8 *bus[MAX_WINDOWS][MAX_BUSES]; /* mapped, by bus - bus_start */
} conf = {.lock = SPINLOCK_INIT(pci_conf_lock)};

static u32 mech1_read(u8 bus, u8 devfn, unsigned off, unsigned size)
{
	irqflags_t flags;
	u32 v;

	if (off >= PCI_CONFIG_BYTES)
		return ~0u;
	spin_lock_irqsave(&conf.lock, flags);
	outl(CONFIG_ENABLE | (u32)bus << 16 | (u32)devfn << 8 | (off & 0xfc), CONFIG_ADDRESS);
	if (size == 4)
		v = inl(CONFIG_DATA);
	else if (size == 2)
		v = inw(CONFIG_DATA + (off & 2));
	else
		v = inb(CONFIG_DATA + (off & 3));
	spin_unlock_irqrestore(&conf.lock, flags);
	return v;
}

static void mech1_write(u8 bus, u8 devfn, unsigned off, unsigned size, u32 v)
{
	irqflags_t flags;

	if (off >= PCI_CONFIG_BYTES)
		return;
	spin_lock_irqsave(&conf.lock, flags);
	outl(CONFIG_ENABLE | (u32)bus << 16 | (u32)devfn << 8 | (off & 0xfc), CONFIG_ADDRESS);
	if (size == 4)
		outl(v, CONFIG_DATA);
	else if (size == 2)
		outw((u16)v, CONFIG_DATA + (off & 2));
	else
		outb((u8)v, CONFIG_DATA + (off & 3));
	spin_unlock_irqrestore(&conf.lock, flags);
}

/* Registers of a function in ECAM, NULL where no window covers its bus. */
static u8 *ecam(u16 segment, u8 bus, u8 devfn)
{
	for (unsigned i = 0; i < conf.nwindows; i++) {
		const struct acpi_mcfg_window *w = &conf.window[i];
		u8 **map = &conf.bus[i][bus - w->bus_start];

		if (w->segment != segment || bus < w->bus_start || bus > w->bus_end)
			continue;
		/* The window's address is that of bus 0, whatever bus it begins with. */
		if (!*map)
			*map = ioremap(w->address + (u64)bus * ECAM_BUS_BYTES, ECAM_BUS_BYTES);
		return *map ? *map + (u32)devfn * PCI_CONFIG_EXT_BYTES : NULL;
	}
	return NULL;
}

u32 pci_conf_read(u16 segment, u8 bus, u8 devfn, unsigned off, unsigned size)
{
	const u8 *reg = ecam(segment, bus, devfn);

	if (off >= PCI_CONFIG_EXT_BYTES)
		return ~0u;
	if (!reg)
		return conf.mech1 && segment == 0 ? mech1_read(bus, devfn, off, size) : ~0u;
	if (size == 4)
		return readl(reg + off);
	return size == 2 ? readw(reg + off) : readb(reg + off);
}

void pci_conf_write(u16 segment, u8 bus, u8 devfn, unsigned off, unsigned size, u32 v)
{
	u8 *reg = ecam(segment, bus, devfn);

	if (off >= PCI_CONFIG_EXT_BYTES)
		return;
	if (!reg) {
		if (conf.mech1 && segment == 0)
			mech1_write(bus, devfn, off, size, v);
		return;
	}
	if (size == 4)
		writel(v, reg + off);
	else if (size == 2)
		writew((u16)v, reg + off);
	else
		writeb((u8)v, reg + off);
}

/* A host bridge with mechanism 1 keeps what is written to the address port. */
static bool mech1_probe(void)
{
	u32 old = inl(CONFIG_ADDRESS);
	bool there;

	outl(CONFIG_ENABLE, CONFIG_ADDRESS);
	there = inl(CONFIG_ADDRESS) == CONFIG_ENABLE;
	outl(old, CONFIG_ADDRESS);
	return there;
}

/* Both ways must see the same host bridge, else the firmware's window is not to be trusted. */
static bool window_sane(const struct acpi_mcfg_window *w)
{
	u32 id;

	if (w->bus_end < w->bus_start || w->address == 0 || w->address & (ECAM_BUS_BYTES - 1))
		return false;
	if (!conf.mech1 || w->segment != 0 || w->bus_start != 0)
		return true;
	id = mech1_read(0, 0, PCI_VENDOR_ID, 4);
	return id == pci_conf_read(0, 0, 0, PCI_VENDOR_ID, 4);
}

int pci_conf_init(void)
{
	struct acpi_mcfg_window w;

	conf.mech1 = mech1_probe();
	for (unsigned i = 0; conf.nwindows < MAX_WINDOWS && acpi_mcfg_get(i, &w); i++) {
		conf.window[conf.nwindows++] = w;
		if (window_sane(&w))
			continue;
		conf.nwindows--;
		pr_warn("ECAM window at %#llx ignored\n", w.address);
	}
	return conf.mech1 || conf.nwindows ? 0 : -ENODEV;
}

bool pci_root_bus(unsigned index, u16 *segment, u8 *bus)
{
	if (conf.mech1 && index-- == 0) {
		*segment = 0;
		*bus = 0;
		return true;
	}
	for (unsigned i = 0; i < conf.nwindows; i++) {
		const struct acpi_mcfg_window *w = &conf.window[i];

		if (conf.mech1 && w->segment == 0 && w->bus_start == 0)
			continue;
		if (index-- == 0) {
			*segment = w->segment;
			*bus = w->bus_start;
			return true;
		}
	}
	return false;
}
