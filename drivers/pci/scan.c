/* SPDX-License-Identifier: MIT */
/*
 * What is on the bus: every function of every bus that the firmware numbered, its capabilities,
 * its BARs, and the drivers that want it. Runs once, in thread context, before any driver;
 * afterwards the list is constant. BARs are sized when a driver is about to get the device: that
 * switches its decoding off and on, which costs a virtual machine most of a millisecond a device.
 *
 * Invariant: the walk ends whatever devices answer. A bus is scanned once, bridges lead to higher
 * bus numbers only, a capability list has at most as many members as fit into its space.
 * PCI Local Bus 3.0 sections 6.1, 6.2.5.1 (BARs), 6.7; PCI-to-PCI Bridge 1.2 section 3.2.
 */
#define pr_fmt(fmt) "pci: " fmt
#include "pci_int.h"

#include <errno.h>
#include <kernel/init.h>
#include <kernel/io.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/time.h>
#include <lib/printf.h>
#include <lib/string.h>

#define CAP_FIRST     0x40
#define CAP_MAX_COUNT ((PCI_CONFIG_BYTES - CAP_FIRST) / 4)

struct list_head pci_devices = LIST_HEAD_INIT(pci_devices);

SECTION_DECLARE(pci_drivers, const struct pci_driver *const);

static u8 devfn(const struct pci_dev *d)
{
	return (u8)(d->dev << 3 | d->fn);
}

u8 pci_read8(const struct pci_dev *d, unsigned off)
{
	return (u8)pci_conf_read(d->segment, d->bus, devfn(d), off, 1);
}

u16 pci_read16(const struct pci_dev *d, unsigned off)
{
	return (u16)pci_conf_read(d->segment, d->bus, devfn(d), off & ~1u, 2);
}

u32 pci_read32(const struct pci_dev *d, unsigned off)
{
	return pci_conf_read(d->segment, d->bus, devfn(d), off & ~3u, 4);
}

void pci_write8(const struct pci_dev *d, unsigned off, u8 v)
{
	pci_conf_write(d->segment, d->bus, devfn(d), off, 1, v);
}

void pci_write16(const struct pci_dev *d, unsigned off, u16 v)
{
	pci_conf_write(d->segment, d->bus, devfn(d), off & ~1u, 2, v);
}

void pci_write32(const struct pci_dev *d, unsigned off, u32 v)
{
	pci_conf_write(d->segment, d->bus, devfn(d), off & ~3u, 4, v);
}

unsigned pci_find_capability(const struct pci_dev *d, unsigned id, unsigned pos)
{
	if (!(pci_read16(d, PCI_STATUS) & PCI_STATUS_CAP_LIST))
		return 0;
	pos = pci_read8(d, pos ? pos + 1 : PCI_CAPABILITY_LIST) & ~3u;
	for (unsigned n = 0; n < CAP_MAX_COUNT && pos >= CAP_FIRST; n++) {
		u16 head = pci_read16(d, pos);

		if ((head & 0xff) == id)
			return pos;
		pos = head >> 8 & ~3u;
	}
	return 0;
}

void pci_name(const struct pci_dev *d, char *buf, size_t size)
{
	lib_snprintf(buf, size, "%04x:%02x:%02x.%x", d->segment, d->bus, d->dev, d->fn);
}

/* ---- BARs -------------------------------------------------------------------------------- */

/* Size of the one at index i, decoding off. Returns how many registers it takes. */
static unsigned bar_size(struct pci_dev *d, unsigned i, unsigned nbars)
{
	unsigned off = PCI_BAR0 + 4 * i;
	struct pci_bar *b = &d->bar[i];
	u32 low = pci_read32(d, off), high = 0;
	u64 mask;
	bool wide;

	pci_write32(d, off, ~0u);
	mask = pci_read32(d, off);
	pci_write32(d, off, low);
	if (mask == 0 || mask == ~0u)
		return 1;
	b->flags = low & (low & PCI_BAR_FLAG_IO ? 3 : 15);
	if (low & PCI_BAR_FLAG_IO) {
		/* The upper half may be hard-wired to zero (6.2.5.1): I/O space has 16 bits. */
		mask = (mask | 0xffff0000u) & PCI_BAR_IO_MASK;
		b->type = PCI_BAR_IO;
		b->base = low & PCI_BAR_IO_MASK;
		b->size = (u32)~mask + 1;
		return 1;
	}
	wide = (low & PCI_BAR_TYPE_MASK) == PCI_BAR_TYPE_64 && i + 1 < nbars;
	mask |= 0xffffffff00000000ull;
	if (wide) {
		high = pci_read32(d, off + 4);
		pci_write32(d, off + 4, ~0u);
		mask &= (u64)pci_read32(d, off + 4) << 32 | 0xffffffffu;
		pci_write32(d, off + 4, high);
	}
	b->type = PCI_BAR_MEM;
	b->base = ((u64)high << 32 | low) & PCI_BAR_MEM_MASK;
	b->size = ~(mask & PCI_BAR_MEM_MASK) + 1;
	if (!IS_POWER_OF_2(b->size) || b->base + b->size < b->base) {
		pr_warn("%02x:%02x.%x: BAR %u makes no sense, ignored\n", d->bus, d->dev, d->fn, i);
		*b = (struct pci_bar){0};
	}
	return wide ? 2 : 1;
}

void pci_bars_read(struct pci_dev *d)
{
	unsigned nbars = 0;
	u16 cmd;

	if (d->bars_known)
		return;
	d->bars_known = true;
	cmd = pci_read16(d, PCI_COMMAND);
	if (d->header_type == PCI_HEADER_NORMAL)
		nbars = PCI_MAX_BARS;
	else if (d->header_type == PCI_HEADER_BRIDGE)
		nbars = 2;
	/* A BAR full of ones must not be decoded. */
	pci_write16(d, PCI_COMMAND, cmd & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	for (unsigned i = 0; i < nbars;)
		i += bar_size(d, i, nbars);
	pci_write16(d, PCI_COMMAND, cmd);
}

void *pci_iomap(struct pci_dev *d, unsigned bar)
{
	const struct pci_bar *b = &d->bar[bar];

	if (bar >= PCI_MAX_BARS || b->type != PCI_BAR_MEM || b->base == 0)
		return NULL;
	return ioremap(b->base, b->size);
}

void pci_iounmap(struct pci_dev *d, unsigned bar, void *addr)
{
	if (bar < PCI_MAX_BARS && addr)
		iounmap(addr, d->bar[bar].size);
}

/* ---- switching on and off ---------------------------------------------------------------- */

static void command_change(struct pci_dev *d, u16 clear, u16 set)
{
	u16 old = pci_read16(d, PCI_COMMAND), cmd = (old & ~clear) | set;

	if (cmd != old)
		pci_write16(d, PCI_COMMAND, cmd);
}

void pci_enable_device(struct pci_dev *d)
{
	u16 set = 0;

	if (d->cap_pm) {
		u16 state = pci_read16(d, d->cap_pm + PCI_PM_CTRL);

		if (state & PCI_PM_STATE_MASK) {
			pci_write16(d, d->cap_pm + PCI_PM_CTRL, state & ~PCI_PM_STATE_MASK);
			if ((state & PCI_PM_STATE_MASK) == PCI_PM_D3HOT)
				udelay(PCI_PM_D3HOT_WAIT_US);
		}
	}
	for (unsigned i = 0; i < PCI_MAX_BARS; i++) {
		if (d->bar[i].type != PCI_BAR_NONE && d->bar[i].base)
			set |= d->bar[i].type == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	}
	command_change(d, 0, set);
}

void pci_set_master(struct pci_dev *d)
{
	command_change(d, 0, PCI_COMMAND_MASTER);
}

void pci_clear_master(struct pci_dev *d)
{
	command_change(d, PCI_COMMAND_MASTER, 0);
}

/* ---- the scan ------------------------------------------------------------------------------ */

struct pci_dev *pci_find(u16 segment, u8 bus, u8 dev, u8 fn)
{
	struct pci_dev *d;

	list_for_each_entry(d, &pci_devices, list) {
		if (d->segment == segment && d->bus == bus && d->dev == dev && d->fn == fn)
			return d;
	}
	return NULL;
}

static void caps_read(struct pci_dev *d)
{
	d->cap_pm = (u16)pci_find_capability(d, PCI_CAP_PM, 0);
	d->cap_msi = (u16)pci_find_capability(d, PCI_CAP_MSI, 0);
	d->cap_msix = (u16)pci_find_capability(d, PCI_CAP_MSIX, 0);
	d->cap_exp = (u16)pci_find_capability(d, PCI_CAP_EXP, 0);
}

/* Take down one function. Returns it, or NULL where there is none (or no memory). */
static struct pci_dev *function_add(u16 segment, u8 bus, u8 dev, u8 fn, struct pci_dev *bridge)
{
	u32 id = pci_conf_read(segment, bus, (u8)(dev << 3 | fn), PCI_VENDOR_ID, 4);
	struct pci_dev *d;
	u32 class;

	if ((id & 0xffff) == 0xffff || (id & 0xffff) == 0)
		return NULL;
	d = kzalloc(sizeof(*d), GFP_KERNEL);
	if (!d) {
		pr_err("out of memory: devices left out\n");
		return NULL;
	}
	d->segment = segment;
	d->bus = bus;
	d->dev = dev;
	d->fn = fn;
	d->bridge = bridge;
	d->irq = -1;
	d->vendor = (u16)id;
	d->device = (u16)(id >> 16);
	class = pci_read32(d, PCI_REVISION);
	d->revision = (u8) class;
	d->class = class >> 8;
	d->header_type = pci_read8(d, PCI_HEADER_TYPE) & ~PCI_HEADER_MULTI;
	if (d->header_type == PCI_HEADER_NORMAL) {
		d->subvendor = pci_read16(d, PCI_SUBSYS_VENDOR);
		d->subdevice = pci_read16(d, PCI_SUBSYS_ID);
	}
	d->irq_pin = pci_read8(d, PCI_INTERRUPT_PIN);
	caps_read(d);
	list_add_tail(&d->list, &pci_devices);
	return d;
}

/* Buses still to be scanned: bit set, bridge remembered. */
struct scan {
	u16 segment;
	unsigned long pending[256 / 64], seen[256 / 64];
	struct pci_dev *bridge[256];
};

static void bridge_add(struct scan *s, struct pci_dev *d)
{
	u8 secondary = pci_read8(d, PCI_SECONDARY_BUS);

	if (secondary == 0) {
		pr_warn("%02x:%02x.%x: bridge not set up by the firmware, what is behind it stays "
			"unseen\n",
			d->bus, d->dev, d->fn);
		return;
	}
	if (secondary <= d->bus || test_bit(secondary, s->seen))
		return;
	set_bit(secondary, s->seen);
	set_bit(secondary, s->pending);
	s->bridge[secondary] = d;
}

static void bus_scan(struct scan *s, u8 bus)
{
	for (u8 dev = 0; dev < 32; dev++) {
		unsigned nfn = 1;

		for (u8 fn = 0; fn < nfn; fn++) {
			struct pci_dev *d = function_add(s->segment, bus, dev, fn, s->bridge[bus]);

			if (!d)
				continue;
			if (fn == 0 && pci_read8(d, PCI_HEADER_TYPE) & PCI_HEADER_MULTI)
				nfn = 8;
			if (d->header_type == PCI_HEADER_BRIDGE)
				bridge_add(s, d);
		}
	}
}

static void root_scan(u16 segment, u8 root)
{
	struct scan *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s) {
		pr_err("out of memory: bus %04x:%02x left out\n", segment, root);
		return;
	}
	s->segment = segment;
	set_bit(root, s->seen);
	set_bit(root, s->pending);
	/* Bridges lead upwards only, so one pass in order of bus numbers meets them all. */
	for (unsigned bus = root; bus < 256; bus++) {
		if (test_bit(bus, s->pending))
			bus_scan(s, (u8)bus);
	}
	kfree(s);
}

void pci_scan(void)
{
	u16 segment;
	u8 bus;

	for (unsigned i = 0; pci_root_bus(i, &segment, &bus); i++)
		root_scan(segment, bus);
}

/* ---- drivers ------------------------------------------------------------------------------- */

static const struct pci_id *driver_match(const struct pci_driver *drv, const struct pci_dev *d)
{
	for (const struct pci_id *id = drv->ids; id->vendor || id->device; id++) {
		if (id->vendor == d->vendor && (id->device == d->device || id->device == PCI_ANY))
			return id;
	}
	return NULL;
}

/* A guest without network is of little use: say which cards would give it one. */
static void unsupported_nic(const struct pci_dev *d)
{
	const struct pci_driver *const *drv;
	char known[128] = "";
	size_t n = 0;

	section_for_each(drv, pci_drivers) {
		if ((*drv)->nics)
			n += (size_t)scnprintf(known + n, sizeof(known) - n, "%s%s", n ? ", " : "",
					       (*drv)->nics);
	}
	pr_warn("%02x:%02x.%x: network controller %04x:%04x has no driver; supported: %s\n", d->bus,
		d->dev, d->fn, d->vendor, d->device, known);
}

static void device_bind(struct pci_dev *d)
{
	const struct pci_driver *const *drv;

	section_for_each(drv, pci_drivers) {
		const struct pci_id *id = driver_match(*drv, d);
		int err;

		if (!id)
			continue;
		pci_bars_read(d);
		err = (*drv)->probe(d, id);
		if (err == 0) {
			d->driver = *drv;
			return;
		}
		pr_warn("%02x:%02x.%x: %s: error %d\n", d->bus, d->dev, d->fn, (*drv)->name, err);
	}
	if (d->class >> 16 == PCI_CLASS_NETWORK)
		unsupported_nic(d);
}

void pci_for_each(void (*fn)(struct pci_dev *d, void *arg), void *arg)
{
	struct pci_dev *d;

	list_for_each_entry(d, &pci_devices, list) {
		fn(d, arg);
	}
}

void pci_init(void)
{
	static bool done;
	struct pci_dev *d;
	u64 start_ns = ktime_get_ns();
	unsigned n = 0;

	if (done)
		return;
	done = true;
	if (pci_conf_init() != 0) {
		pr_info("no bus\n");
		return;
	}
	pci_scan();
	pci_route_init();
	list_for_each_entry(d, &pci_devices, list) {
		pci_route_intx(d);
		n++;
	}
	pr_info("%u devices, scanned in %llu us\n", n, (ktime_get_ns() - start_ns) / NSEC_PER_USEC);
	pci_proc_init();
	list_for_each_entry(d, &pci_devices, list) {
		device_bind(d);
	}
}

static int pci_bring_up(void)
{
	pci_init();
	return 0;
}
DEFINE_INITCALL(INIT_DRIVER, pci_bring_up);
