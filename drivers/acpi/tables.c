/* SPDX-License-Identifier: MIT */
/*
 * ACPI's static tables: root pointer, root table, an index of what was found, and readers of the
 * tables others ask for. acpi_init() runs once on the boot CPU, before memory allocation; what it
 * leaves is read-only, so all else here is for any context.
 *
 * Invariant: table[] holds tables whose length was checked against ACPI_TABLE_MAX and whose bytes
 * sum to zero. Each reader checks what it reads against the header's length.
 * ACPI 6.5 section 5.2. A table with a bad checksum is left out, and that is said.
 */
#define pr_fmt(fmt) "acpi: " fmt
#include "acpi_int.h"

#include <errno.h>
#include <kernel/bootinfo.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <lib/string.h>

#define MAX_TABLES     64
#define ACPI_TABLE_MAX (1u << 20)
/* Above this no memory is identity-mapped. */
#define ACPI_PHYS_MAX (1ull << 39)

/* 5.2.5.3 */
struct acpi_rsdp {
	char signature[8];
	u8 checksum; /* over the first 20 bytes */
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	/* revision 2 and later */
	u32 length;
	u64 xsdt;
	u8 extended_checksum;
	u8 reserved[3];
} __packed;
static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 6.5 table 5.3");
#define RSDP_V1_BYTES  20
#define RSDP_MAX_BYTES 4096

/* Where a BIOS may put the root pointer (5.2.5.1). The extended BIOS data area's address is kept in
 * the zero page, which is unmapped here: all of the place it can be in is searched instead. */
static const struct {
	u64 start, end;
} bios_area[] = {{0xe0000, 0x100000}, {0x80000, 0xa0000}};

static struct {
	unsigned n;
	bool done;
	int result;
	struct {
		const struct acpi_header *h;
		u64 phys;
	} table[MAX_TABLES];
} acpi;

static const void *map(u64 phys, size_t len)
{
	if (phys == 0 || phys >= ACPI_PHYS_MAX || len > ACPI_PHYS_MAX - phys)
		return NULL;
	return acpi_os_map(phys, len);
}

static bool sums_to_zero(const void *p, size_t len)
{
	const u8 *b = p;
	u8 sum = 0;

	while (len--)
		sum += *b++;
	return sum == 0;
}

/* A table at phys whose header, length and checksum are sound, else NULL (logged). */
static const struct acpi_header *table_map(u64 phys)
{
	const struct acpi_header *h = map(phys, sizeof(*h));
	u32 length;

	if (!h) {
		pr_warn("no table at %#llx\n", phys);
		return NULL;
	}
	length = h->length;
	if (length < sizeof(*h) || length > ACPI_TABLE_MAX) {
		pr_warn("table %.4s at %#llx: length %u ignored\n", h->signature, phys, length);
		return NULL;
	}
	h = map(phys, length);
	if (!h)
		return NULL;
	if (!sums_to_zero(h, length)) {
		pr_warn("table %.4s at %#llx: wrong checksum, ignored\n", h->signature, phys);
		return NULL;
	}
	return h;
}

static bool rsdp_valid(const struct acpi_rsdp *r)
{
	return memcmp(r->signature, "RSD PTR ", 8) == 0 && sums_to_zero(r, RSDP_V1_BYTES);
}

static const struct acpi_rsdp *rsdp_find(void)
{
	const struct acpi_rsdp *r;

	if (bootinfo.rsdp) {
		r = map(bootinfo.rsdp, sizeof(*r));
		if (r && rsdp_valid(r))
			return r;
		pr_warn("no root pointer at %#llx, where the loader said\n", bootinfo.rsdp);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bios_area); i++) {
		size_t len = bios_area[i].end - bios_area[i].start;
		const u8 *p = map(bios_area[i].start, len);

		for (size_t off = 0; p && off + sizeof(*r) <= len; off += 16) {
			r = (const void *)(p + off);
			if (rsdp_valid(r))
				return r;
		}
	}
	return NULL;
}

static void table_add(u64 phys)
{
	const struct acpi_header *h;

	for (unsigned i = 0; i < acpi.n; i++)
		if (acpi.table[i].phys == phys)
			return;
	if (acpi.n == MAX_TABLES) {
		pr_warn("more than %u tables: the rest is ignored\n", MAX_TABLES);
		return;
	}
	h = table_map(phys);
	if (!h)
		return;
	acpi.table[acpi.n].h = h;
	acpi.table[acpi.n].phys = phys;
	acpi.n++;
}

/* Add what a root table names; width is the size of its pointers. */
static void root_walk(const struct acpi_header *root, unsigned width)
{
	const u8 *p = (const u8 *)root + sizeof(*root);
	unsigned n = (root->length - sizeof(*root)) / width;

	for (unsigned i = 0; i < n; i++, p += width) {
		u64 phys = width == 8 ? get_le64(p) : get_le32(p);

		if (phys)
			table_add(phys);
	}
}

/* The DSDT is named by the FADT only. */
static void dsdt_add(void)
{
	const struct acpi_fadt *f = acpi_fadt_get();
	u64 phys;

	if (!f)
		return;
	phys = fadt_has(f, x_dsdt) && f->x_dsdt ? f->x_dsdt : f->dsdt;
	if (phys)
		table_add(phys);
}

static int acpi_scan(void)
{
	const struct acpi_rsdp *r = rsdp_find();
	const struct acpi_header *root = NULL;
	unsigned width = 8;

	if (!r)
		return -ENODEV;
	if (r->revision >= 2 && r->xsdt && r->length >= sizeof(*r) && r->length <= RSDP_MAX_BYTES &&
	    sums_to_zero(r, r->length))
		root = table_map(r->xsdt);
	if (!root || memcmp(root->signature, "XSDT", 4) != 0) {
		width = 4;
		root = r->rsdt ? table_map(r->rsdt) : NULL;
		if (!root || memcmp(root->signature, "RSDT", 4) != 0) {
			pr_err("no sound root table\n");
			return -EINVAL;
		}
	}
	root_walk(root, width);
	dsdt_add();
	return 0;
}

int acpi_init(void)
{
	if (!acpi.done) {
		acpi.done = true;
		acpi.result = acpi_scan();
	}
	return acpi.result;
}

const void *acpi_find_table(const char sig[4], unsigned index)
{
	for (unsigned i = 0; i < acpi.n; i++)
		if (memcmp(acpi.table[i].h->signature, sig, 4) == 0 && index-- == 0)
			return acpi.table[i].h;
	return NULL;
}

void acpi_for_each_table(void (*fn)(const struct acpi_header *h, u64 phys, void *arg), void *arg)
{
	for (unsigned i = 0; i < acpi.n; i++)
		fn(acpi.table[i].h, acpi.table[i].phys, arg);
}

const struct acpi_fadt *acpi_fadt_get(void)
{
	const struct acpi_fadt *f = acpi_find_table("FACP", 0);

	return f && f->h.length >= FADT_MIN_BYTES ? f : NULL;
}

void acpi_for_each_aml(void (*fn)(const u8 *aml, size_t len, void *arg), void *arg)
{
	for (unsigned i = 0; i < acpi.n; i++) {
		const struct acpi_header *h = acpi.table[i].h;

		if (memcmp(h->signature, "DSDT", 4) == 0 || memcmp(h->signature, "SSDT", 4) == 0)
			fn((const u8 *)(h + 1), h->length - sizeof(*h), arg);
	}
}

const struct acpi_madt *acpi_madt_get(void)
{
	const struct acpi_madt *m = acpi_find_table("APIC", 0);

	return m && m->h.length >= sizeof(*m) ? m : NULL;
}

/* Bytes an entry of that type must have at least. */
static unsigned madt_min_length(u8 type)
{
	switch (type) {
	case ACPI_MADT_LAPIC:
		return sizeof(struct acpi_madt_lapic);
	case ACPI_MADT_IOAPIC:
		return sizeof(struct acpi_madt_ioapic);
	case ACPI_MADT_OVERRIDE:
		return sizeof(struct acpi_madt_override);
	case ACPI_MADT_LAPIC_NMI:
		return sizeof(struct acpi_madt_lapic_nmi);
	case ACPI_MADT_LAPIC_ADDRESS:
		return sizeof(struct acpi_madt_lapic_address);
	case ACPI_MADT_X2APIC:
		return sizeof(struct acpi_madt_x2apic);
	default:
		return sizeof(struct acpi_madt_entry);
	}
}

void acpi_madt_for_each(void (*fn)(const struct acpi_madt_entry *e, void *arg), void *arg)
{
	const struct acpi_madt *m = acpi_madt_get();
	const u8 *p, *end;

	if (!m)
		return;
	end = (const u8 *)m + m->h.length;
	for (p = (const u8 *)(m + 1); end - p >= (long)sizeof(struct acpi_madt_entry);) {
		const struct acpi_madt_entry *e = (const void *)p;

		if (e->length < sizeof(*e) || e->length > end - p) {
			pr_warn("MADT: entry of length %u ends the table\n", e->length);
			return;
		}
		if (e->length >= madt_min_length(e->type))
			fn(e, arg);
		p += e->length;
	}
}

struct isa_query {
	unsigned irq, gsi, irqf;
};

static void isa_match(const struct acpi_madt_entry *e, void *arg)
{
	const struct acpi_madt_override *o = (const void *)e;
	struct isa_query *q = arg;

	if (e->type != ACPI_MADT_OVERRIDE || o->bus != 0 || o->source != q->irq)
		return;
	q->gsi = o->gsi;
	q->irqf = ((o->flags >> 2 & 3) == 3 ? IRQF_TRIGGER_LEVEL : 0) |
		  ((o->flags & 3) == 3 ? IRQF_TRIGGER_LOW : 0);
}

unsigned acpi_isa_to_gsi(unsigned irq, unsigned *irqf)
{
	struct isa_query q = {.irq = irq, .gsi = irq};

	acpi_madt_for_each(isa_match, &q);
	if (irqf)
		*irqf = q.irqf;
	return q.gsi;
}

u64 acpi_hpet_address(void)
{
	const struct acpi_hpet *h = acpi_find_table("HPET", 0);

	if (!h || h->h.length < sizeof(*h) || h->address.space != ACPI_SPACE_MEMORY)
		return 0;
	return h->address.address;
}

bool acpi_mcfg_get(unsigned index, struct acpi_mcfg_window *w)
{
	/* Eight reserved bytes, then the windows. */
	const size_t head = sizeof(struct acpi_header) + 8;
	const struct acpi_header *h = acpi_find_table("MCFG", 0);

	if (!h || h->length < head || index >= (h->length - head) / sizeof(*w))
		return false;
	memcpy(w, (const u8 *)h + head + index * sizeof(*w), sizeof(*w));
	return true;
}
