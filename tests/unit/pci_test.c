/* SPDX-License-Identifier: MIT */
/*
 * PCI against a machine made of arrays: scan, bridges, BAR sizes, capabilities, interrupt routing
 * and vectors, with devices that play by the book and devices that do not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "drivers/pci/route.c"
#include "drivers/pci/scan.c"
#include "drivers/pci/vectors.c"

/* ---- the machine ------------------------------------------------------------------------- */

struct fn {
	bool there;
	u8 bus, devfn;
	union {
		u8 b[PCI_CONFIG_BYTES];
		u16 w[PCI_CONFIG_BYTES / 2];
		u32 l[PCI_CONFIG_BYTES / 4];
	};
	u32 bar_mask[PCI_MAX_BARS]; /* writable bits */
	bool sized_while_decoding;
};

#define MAX_FN 300
static struct fn machine[MAX_FN];
static unsigned accesses;
static u8 bar_memory[4096];
static int msi_left, msi_given;
static bool have_madt;
static unsigned isa_gsi_flags;

static struct fn *fn_at(u8 bus, u8 devfn)
{
	for (unsigned i = 0; i < MAX_FN; i++) {
		if (machine[i].there && machine[i].bus == bus && machine[i].devfn == devfn)
			return &machine[i];
	}
	return NULL;
}

u32 pci_conf_read(u16 segment, u8 bus, u8 devfn, unsigned off, unsigned size)
{
	struct fn *f = fn_at(bus, devfn);

	accesses++;
	if (!f || segment != 0 || off >= PCI_CONFIG_BYTES)
		return ~0u;
	return size == 4 ? f->l[off / 4] : size == 2 ? f->w[off / 2] : f->b[off];
}

void pci_conf_write(u16 segment, u8 bus, u8 devfn, unsigned off, unsigned size, u32 v)
{
	struct fn *f = fn_at(bus, devfn);
	unsigned bar = (off - PCI_BAR0) / 4;

	if (!f)
		return;
	if (off >= PCI_BAR0 && bar < PCI_MAX_BARS && size == 4) {
		if (f->w[PCI_COMMAND / 2] & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY))
			f->sized_while_decoding = true;
		f->l[off / 4] = (f->l[off / 4] & ~f->bar_mask[bar]) | (v & f->bar_mask[bar]);
		return;
	}
	if (size == 4)
		f->l[off / 4] = v;
	else if (size == 2)
		f->w[off / 2] = (u16)v;
	else
		f->b[off] = (u8)v;
}

int pci_conf_init(void)
{
	return 0;
}

bool pci_root_bus(unsigned index, u16 *segment, u8 *bus)
{
	*segment = 0;
	*bus = 0;
	return index == 0;
}

void pci_proc_init(void)
{
}

__weak void *ioremap(u64 phys, size_t size)
{
	return phys >= 0xe0000000 ? bar_memory + (phys & 0xfff) : NULL;
}

__weak void iounmap(void *addr, size_t size)
{
}

__weak int gsi_to_irq(unsigned gsi)
{
	return (int)gsi + 100;
}

__weak int msi_alloc(unsigned cpu, u64 *addr, u32 *data)
{
	if (msi_left == 0)
		return -ENOSPC;
	msi_left--;
	msi_given++;
	*addr = 0xfee00000ull | cpu << 12;
	*data = 0x4000u + (unsigned)msi_given;
	return 200 + msi_given;
}

__weak void msi_free(int irq)
{
	msi_given--;
	msi_left++;
}

const struct acpi_madt *acpi_madt_get(void)
{
	static struct acpi_madt madt;

	return have_madt ? &madt : NULL;
}

unsigned acpi_isa_to_gsi(unsigned irq, unsigned *irqf)
{
	*irqf = isa_gsi_flags;
	return irq;
}

/* ---- building it ----------------------------------------------------------------------------- */

static struct fn *add(u8 bus, u8 dev, u8 fn, u32 id)
{
	for (unsigned i = 0; i < MAX_FN; i++) {
		struct fn *f = &machine[i];

		if (f->there)
			continue;
		f->there = true;
		f->bus = bus;
		f->devfn = (u8)(dev << 3 | fn);
		f->l[0] = id;
		return f;
	}
	return NULL;
}

static struct fn *add_bridge(u8 bus, u8 dev, u8 secondary)
{
	struct fn *f = add(bus, dev, 0, 0x00011b36);

	f->b[PCI_HEADER_TYPE] = PCI_HEADER_BRIDGE;
	f->w[PCI_REVISION / 2 + 1] = PCI_CLASS_BRIDGE_PCI;
	f->b[PCI_SECONDARY_BUS] = secondary;
	f->b[PCI_SUBORDINATE_BUS] = secondary;
	return f;
}

static void set_cap(struct fn *f, u8 at, u8 id, u8 next)
{
	f->b[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	if (!f->b[PCI_CAPABILITY_LIST])
		f->b[PCI_CAPABILITY_LIST] = at;
	f->b[at] = id;
	f->b[at + 1] = next;
}

static unsigned found(void)
{
	struct pci_dev *d;
	unsigned n = 0;

	list_for_each_entry(d, &pci_devices, list) {
		n++;
	}
	return n;
}

static int setup(void **state)
{
	memset(machine, 0, sizeof(machine));
	memset(bar_memory, 0, sizeof(bar_memory));
	memset(&route, 0, sizeof(route));
	accesses = 0;
	msi_left = 100;
	msi_given = 0;
	have_madt = true;
	isa_gsi_flags = 0;
	return 0;
}

static int teardown(void **state)
{
	struct pci_dev *d, *tmp;

	list_for_each_entry_safe(d, tmp, &pci_devices, list) {
		pci_free_irq_vectors(d);
		list_del(&d->list);
		kfree(d);
	}
	return msi_given == 0 ? 0 : -1;
}

/* ---- the scan ----------------------------------------------------------------------------------
 */

/* Functions 1 to 7 are looked for only behind a multi-function device; ids of 0 and ffff are none.
 */
static void functions(void **state)
{
	add(0, 0, 0, 0x12378086);
	add(0, 1, 0, 0x70008086)->b[PCI_HEADER_TYPE] = PCI_HEADER_MULTI;
	add(0, 1, 3, 0x71138086);
	add(0, 2, 0, 0x11111234);
	add(0, 2, 1, 0x22221234); /* hidden: function 0 is single */
	add(0, 3, 0, 0x00000000);
	add(0, 31, 7, 0x33331234);
	pci_scan();
	assert_int_equal(found(), 4);
	assert_non_null(pci_find(0, 0, 1, 3));
	assert_null(pci_find(0, 0, 2, 1));
}

/* Bridges lead to higher buses only, each bus is scanned once: loops and twins end. */
static void bridges(void **state)
{
	add_bridge(0, 1, 1);
	add_bridge(0, 2, 1); /* a twin */
	add_bridge(0, 3, 0); /* not configured */
	add_bridge(1, 0, 2);
	add_bridge(2, 0, 1); /* back */
	add_bridge(2, 1, 2); /* to itself */
	add_bridge(2, 2, 255);
	add(255, 4, 0, 0x100e8086);
	pci_scan();
	assert_int_equal(found(), 8);
	assert_int_equal(pci_find(0, 255, 4, 0)->bridge->bus, 2);
	assert_ptr_equal(pci_find(0, 1, 0, 0)->bridge, pci_find(0, 0, 1, 0));
}

/* A machine in which every bus answers everywhere still comes to an end. */
static void flood(void **state)
{
	for (unsigned i = 0; i < 256; i++)
		add_bridge(0, (u8)(i >> 3), (u8)(i & 7))->devfn = (u8)i;
	pci_scan();
	assert_true(found() <= 256);
	assert_true(accesses < 200000);
}

/* 6.2.5.1: sizes, 64-bit pairs, I/O; contents are put back, nothing is decoded meanwhile. */
static void bars(void **state)
{
	struct fn *f = add(0, 3, 0, 0x100e8086);
	struct pci_dev *d;

	f->w[PCI_COMMAND / 2] = PCI_COMMAND_IO | PCI_COMMAND_MEMORY;
	f->l[4] = 0xfebc0000; /* 128 KiB of memory */
	f->bar_mask[0] = 0xfffe0000;
	f->l[5] = 0x0000c001; /* 64 ports, upper half hard-wired to zero */
	f->bar_mask[1] = 0x0000ffc0;
	f->l[6] = 0x0000000c; /* 64-bit, prefetchable, 16 KiB above 4 GiB */
	f->l[7] = 0x00000008;
	f->bar_mask[2] = 0xffffc000;
	f->bar_mask[3] = 0xffffffff;
	f->l[9] = 0x00000004; /* 64-bit in the last register: no room for the other half */
	f->bar_mask[5] = 0xfffff000;
	pci_scan();
	d = pci_find(0, 0, 3, 0);
	pci_bars_read(d);
	pci_bars_read(d);
	assert_int_equal(d->bar[0].type, PCI_BAR_MEM);
	assert_int_equal(d->bar[0].base, 0xfebc0000);
	assert_int_equal(d->bar[0].size, 0x20000);
	assert_int_equal(d->bar[1].type, PCI_BAR_IO);
	assert_int_equal(d->bar[1].base, 0xc000);
	assert_int_equal(d->bar[1].size, 0x40);
	assert_int_equal(d->bar[2].base, 0x800000000);
	assert_int_equal(d->bar[2].size, 0x4000);
	assert_int_equal(d->bar[2].flags, 0xc);
	assert_int_equal(d->bar[3].type, PCI_BAR_NONE);
	assert_int_equal(d->bar[4].type, PCI_BAR_NONE);
	assert_int_equal(d->bar[5].size, 0x1000);
	assert_int_equal(f->l[4], 0xfebc0000);
	assert_int_equal(f->l[7], 8);
	assert_int_equal(f->w[PCI_COMMAND / 2], PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	assert_false(f->sized_while_decoding);
	assert_null(pci_iomap(d, 1));
	assert_null(pci_iomap(d, 5)); /* no address */
	assert_null(pci_iomap(d, 6));
}

/* A mask that is no power of two, or an address that wraps, is no BAR. */
static void bars_odd(void **state)
{
	struct fn *f = add(0, 3, 0, 0x100e8086);

	f->l[4] = 0xf0000000;
	f->bar_mask[0] = 0xff0f0000;
	f->l[5] = 0xfffff004;
	f->l[6] = 0xffffffff;
	f->bar_mask[1] = 0xffff0000;
	f->bar_mask[2] = 0xffffffff;
	pci_scan();
	pci_bars_read(pci_find(0, 0, 3, 0));
	assert_int_equal(pci_find(0, 0, 3, 0)->bar[0].type, PCI_BAR_NONE);
	assert_int_equal(pci_find(0, 0, 3, 0)->bar[1].type, PCI_BAR_NONE);
}

/* 6.7: found along the list, also the second of a kind; loops and pointers into the header end. */
static void capabilities(void **state)
{
	struct fn *f = add(0, 3, 0, 0x10411af4), *g = add(0, 4, 0, 0x10411af4);
	struct pci_dev *d;

	set_cap(f, 0x40, 0x09, 0x50);
	set_cap(f, 0x50, PCI_CAP_MSIX, 0x60);
	set_cap(f, 0x60, 0x09, 0x40); /* a circle */
	set_cap(g, 0x40, 0x09, 0x3c); /* into the header */
	pci_scan();
	d = pci_find(0, 0, 3, 0);
	assert_int_equal(d->cap_msix, 0x50);
	assert_int_equal(d->cap_msi, 0);
	assert_int_equal(pci_find_capability(d, 0x09, 0), 0x40);
	assert_int_equal(pci_find_capability(d, 0x09, 0x40), 0x60);
	assert_int_equal(pci_find_capability(pci_find(0, 0, 4, 0), 0x10, 0), 0);
	f->b[PCI_STATUS] = 0;
	assert_int_equal(pci_find_capability(d, 0x09, 0), 0);
}

/* ---- vectors
 * ------------------------------------------------------------------------------------- */

static struct pci_dev *nic(u32 table, u16 entries)
{
	struct fn *f = add(0, 3, 0, 0x10d38086);

	f->l[4] = 0xe0000000;
	f->bar_mask[0] = 0xfffff000;
	f->b[PCI_INTERRUPT_PIN] = 1;
	set_cap(f, 0x50, PCI_CAP_MSI, 0x70);
	f->w[(0x50 + PCI_MSI_CTRL) / 2] = PCI_MSI_CTRL_64BIT | PCI_MSI_CTRL_COUNT;
	set_cap(f, 0x70, PCI_CAP_MSIX, 0);
	f->w[(0x70 + PCI_MSIX_CTRL) / 2] = entries - 1;
	f->l[(0x70 + PCI_MSIX_TABLE) / 4] = table;
	pci_scan();
	pci_bars_read(pci_find(0, 0, 3, 0));
	return pci_find(0, 0, 3, 0);
}

static void msix(void **state)
{
	struct pci_dev *d = nic(0x100, 5);
	const unsigned cpu_of[] = {0, 0, 0};
	struct fn *f = fn_at(0, 3 << 3);
	const u32 *entry = (const void *)(bar_memory + 0x100);

	assert_int_equal(pci_alloc_irq_vectors(d, 1, 3, PCI_IRQ_ALL, cpu_of), 3);
	assert_true(pci_has_msix_enabled(d));
	assert_int_equal(pci_irq_flags(d), 0);
	assert_int_equal(pci_irq_vector(d, 2), 203);
	assert_true(pci_irq_vector(d, 3) < 0);
	assert_int_equal(entry[0], 0xfee00000);
	assert_int_equal(entry[4 * 2 + 2], 0x4003);
	assert_int_equal(entry[4 * 2 + 3], 0);
	assert_int_equal(entry[4 * 3 + 3], PCI_MSIX_ENTRY_MASKED);
	assert_int_equal(f->w[(0x70 + PCI_MSIX_CTRL) / 2], 4 | PCI_MSIX_CTRL_ENABLE);
	assert_true(f->w[PCI_COMMAND / 2] & PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(pci_alloc_irq_vectors(d, 1, 1, PCI_IRQ_ALL, NULL), -EBUSY);
	pci_free_irq_vectors(d);
	assert_int_equal(msi_given, 0);
	assert_int_equal(f->w[(0x70 + PCI_MSIX_CTRL) / 2], 4);
}

/* Too few vectors in the machine: what was taken is given back, and MSI is tried. */
static void msix_short(void **state)
{
	struct pci_dev *d = nic(0x100, 5);
	struct fn *f = fn_at(0, 3 << 3);

	msi_left = 2;
	assert_int_equal(pci_alloc_irq_vectors(d, 3, 3, PCI_IRQ_MSIX, NULL), -ENOSPC);
	assert_int_equal(msi_given, 0);
	assert_int_equal(f->w[(0x70 + PCI_MSIX_CTRL) / 2], 4);
	assert_int_equal(pci_alloc_irq_vectors(d, 1, 1, PCI_IRQ_MSI | PCI_IRQ_INTX, NULL), 1);
	assert_int_equal(d->irq_mode, PCI_IRQ_MODE_MSI);
	assert_int_equal(f->l[(0x50 + PCI_MSI_ADDR) / 4], 0xfee00000);
	assert_int_equal(f->w[(0x50 + PCI_MSI_DATA_64) / 2], 0x4001);
	assert_int_equal(f->w[(0x50 + PCI_MSI_CTRL) / 2], PCI_MSI_CTRL_64BIT | PCI_MSI_CTRL_ENABLE);
}

/* Tables beyond their BAR, in a BAR that is none, or with fewer entries than asked for. */
static void msix_hostile(void **state)
{
	static const struct {
		u32 table;
		u16 entries;
	} row[] = {{0xff8, 5}, {0x1000, 1}, {0xfffffff8, 1}, {0x1, 1},
		   {0x6, 1},   {0x7, 1},    {0, 257}};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		struct pci_dev *d = nic(row[i].table, row[i].entries);

		assert_int_equal(pci_alloc_irq_vectors(d, 1, 3, PCI_IRQ_MSIX, NULL), -ENOSPC);
		assert_int_equal(pci_alloc_irq_vectors(d, 1, 3, PCI_IRQ_ALL, NULL), 1);
		assert_int_equal(d->irq_mode, PCI_IRQ_MODE_MSI);
		teardown(state);
		setup(state);
	}
	assert_int_equal(pci_alloc_irq_vectors(nic(0, 2), 3, 3, PCI_IRQ_MSIX, NULL), -ENOSPC);
}

static void intx(void **state)
{
	struct pci_dev *d = nic(0x100, 5);

	assert_int_equal(pci_alloc_irq_vectors(d, 1, 1, PCI_IRQ_INTX, NULL), -ENOSPC);
	d->irq = 111;
	d->irq_flags = IRQF_SHARED | IRQF_TRIGGER_LEVEL;
	assert_int_equal(pci_alloc_irq_vectors(d, 2, 2, PCI_IRQ_INTX, NULL), -ENOSPC);
	assert_int_equal(pci_alloc_irq_vectors(d, 1, 4, PCI_IRQ_INTX, NULL), 1);
	assert_int_equal(pci_irq_vector(d, 0), 111);
	assert_int_equal(pci_irq_flags(d), IRQF_SHARED | IRQF_TRIGGER_LEVEL);
	assert_int_equal(pci_alloc_irq_vectors(d, 0, 1, PCI_IRQ_ALL, NULL), -EBUSY);
}

/* ---- INTx routing -------------------------------------------------------------------------------
 */

static int irq_of(u8 bus, u8 dev)
{
	struct pci_dev *d = pci_find(0, bus, dev, 0);

	pci_route_intx(d);
	return d->irq;
}

static void pin(struct fn *f, u8 n)
{
	f->b[PCI_INTERRUPT_PIN] = n;
}

/* ICH9: slots turn over PIRQE-H, 25 to 31 go by the chipset's registers (here at their reset
 * value), and a device behind a bridge counts as the bridge with its pin turned. */
static void route_ich9(void **state)
{
	pin(add(0, 1, 0, 0x100e8086), 1);
	pin(add(0, 2, 0, 0x100e8086), 1);
	pin(add(0, 3, 0, 0x100e8086), 2);
	pin(add(0, 24, 0, 0x100e8086), 1);
	pin(add(0, 25, 0, 0x100e8086), 3);
	add_bridge(0, 30, 1);
	pin(add(1, 5, 0, 0x100e8086), 4);
	add(0, 31, 0, 0x29188086);
	add(0, 4, 0, 0x29c08086); /* no pin */
	pin(add(0, 5, 0, 0x29c08086), 9);
	pci_scan();
	pci_route_init();
	assert_int_equal(irq_of(0, 1), 100 + 21);
	assert_int_equal(irq_of(0, 2), 100 + 22);
	assert_int_equal(irq_of(0, 3), 100 + 20);
	assert_int_equal(irq_of(0, 24), 100 + 20);
	assert_int_equal(irq_of(0, 25), 100 + 18);
	assert_int_equal(irq_of(1, 5), 100 + 20);
	assert_int_equal(irq_of(0, 4), -1);
	assert_int_equal(irq_of(0, 5), -1);
	assert_int_equal(pci_find(0, 0, 1, 0)->irq_flags,
			 IRQF_SHARED | IRQF_TRIGGER_LEVEL | IRQF_TRIGGER_LOW);
}

/* Elsewhere the line register tells; an ISA override tells the trigger. */
static void route_line(void **state)
{
	struct fn *f = add(0, 3, 0, 0x100e8086), *g = add(0, 4, 0, 0x100e8086);

	pin(f, 1);
	f->b[PCI_INTERRUPT_LINE] = 11;
	pin(g, 1);
	g->b[PCI_INTERRUPT_LINE] = 0xff;
	isa_gsi_flags = IRQF_TRIGGER_LEVEL;
	pci_scan();
	pci_route_init();
	assert_int_equal(irq_of(0, 3), 111);
	assert_int_equal(pci_find(0, 0, 3, 0)->irq_flags, IRQF_SHARED | IRQF_TRIGGER_LEVEL);
	assert_int_equal(irq_of(0, 4), -1);
}

/* ---- drivers
 * --------------------------------------------------------------------------------------- */

static unsigned probed, refused;

static int test_probe(struct pci_dev *dev, const struct pci_id *id)
{
	probed++;
	return 0;
}

static int test_refuse(struct pci_dev *dev, const struct pci_id *id)
{
	refused++;
	return -ENODEV;
}

static const struct pci_id any_of_vendor[] = {{0x1234, PCI_ANY}, {0, 0}};
static const struct pci_driver refuser = {"refuser", any_of_vendor, test_refuse, NULL};
static const struct pci_driver taker = {"taker", any_of_vendor, test_probe, NULL};
PCI_DRIVER(refuser);
PCI_DRIVER(taker);

/* Offered to each driver whose table matches until one takes it; never to others. */
static void binding(void **state)
{
	add(0, 1, 0, 0x11111234);
	add(0, 2, 0, 0x11115678);
	pci_init();
	assert_int_equal(probed, 1);
	assert_ptr_equal(pci_find(0, 0, 1, 0)->driver, &taker);
	assert_null(pci_find(0, 0, 2, 0)->driver);
	assert_true(refused <= 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(functions),    T(bridges),    T(flood),      T(bars),         T(bars_odd),
		T(capabilities), T(msix),       T(msix_short), T(msix_hostile), T(intx),
		T(route_ich9),   T(route_line), T(binding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
