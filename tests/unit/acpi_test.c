/* SPDX-License-Identifier: MIT */
/*
 * ACPI against firmware that is right, broken and hostile: root pointer search, checksums,
 * lengths that lie, AML that ends in the middle. The fake physical memory is poisoned but for what
 * a test placed in it, so that the address sanitizer sees a read past a table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sanitizer/asan_interface.h>
#include <stdlib.h>

#include "drivers/acpi/aml.c"
#include "drivers/acpi/tables.c"

#define PHYS_BYTES (2u << 20)
#define ROOT_AT    0x110000u
#define FACP_AT    0x111000u
#define APIC_AT    0x112000u
#define DSDT_AT    0x113000u

static u8 *phys_mem;

const void *acpi_os_map(u64 phys, size_t len)
{
	return phys < PHYS_BYTES && len <= PHYS_BYTES - phys ? phys_mem + phys : NULL;
}

static void *place(u64 phys, size_t len)
{
	ASAN_UNPOISON_MEMORY_REGION(phys_mem + phys, len);
	memset(phys_mem + phys, 0, len);
	return phys_mem + phys;
}

static void fix_checksum(void *p, size_t len, u8 *sum)
{
	u8 total = 0;

	*sum = 0;
	for (size_t i = 0; i < len; i++)
		total += ((u8 *)p)[i];
	*sum = -total;
}

static void table_seal(struct acpi_header *h)
{
	fix_checksum(h, h->length, &h->checksum);
}

static struct acpi_header *table_new(u64 phys, const char *sig, const void *body, size_t len)
{
	struct acpi_header *h = place(phys, sizeof(*h) + len);

	memcpy(h->signature, sig, 4);
	h->length = sizeof(*h) + len;
	h->revision = 1;
	if (body)
		memcpy(h + 1, body, len);
	table_seal(h);
	return h;
}

static struct acpi_rsdp *rsdp_new(u64 phys, u32 rsdt, u64 xsdt)
{
	struct acpi_rsdp *r = (void *)(phys_mem + phys);

	memset(r, 0, sizeof(*r));
	memcpy(r->signature, "RSD PTR ", 8);
	r->rsdt = rsdt;
	r->xsdt = xsdt;
	r->revision = xsdt ? 2 : 0;
	r->length = sizeof(*r);
	fix_checksum(r, RSDP_V1_BYTES, &r->checksum);
	fix_checksum(r, sizeof(*r), &r->extended_checksum);
	return r;
}

static void rsdt_new(unsigned n, const u32 *entries)
{
	table_new(ROOT_AT, "RSDT", entries, n * 4);
}

static int setup(void **state)
{
	phys_mem = calloc(1, PHYS_BYTES);
	ASAN_POISON_MEMORY_REGION(phys_mem, PHYS_BYTES);
	for (unsigned i = 0; i < ARRAY_SIZE(bios_area); i++)
		place(bios_area[i].start, bios_area[i].end - bios_area[i].start);
	memset(&acpi, 0, sizeof(acpi));
	memset(&bootinfo, 0, sizeof(bootinfo));
	return phys_mem ? 0 : -1;
}

static int teardown(void **state)
{
	ASAN_UNPOISON_MEMORY_REGION(phys_mem, PHYS_BYTES);
	free(phys_mem);
	return 0;
}

/* Without a root pointer there is no ACPI, and every question is answered so. */
static void absent(void **state)
{
	struct acpi_mcfg_window w;

	assert_int_equal(acpi_init(), -ENODEV);
	assert_null(acpi_find_table("APIC", 0));
	assert_null(acpi_madt_get());
	assert_false(acpi_mcfg_get(0, &w));
	assert_int_equal(acpi_hpet_address(), 0);
	assert_int_equal(acpi_isa_to_gsi(4, NULL), 4);
}

/* Found in the BIOS area, on a 16-byte boundary only; RSDT of 32-bit pointers (5.2.7). */
static void bios_area_rsdt(void **state)
{
	const u32 tables[] = {APIC_AT, 0, APIC_AT};

	table_new(APIC_AT, "APIC", NULL, 8);
	rsdt_new(3, tables);
	rsdp_new(0xe0008, 0x12345, 0);
	rsdp_new(0xf59d0, ROOT_AT, 0);
	assert_int_equal(acpi_init(), 0);
	assert_non_null(acpi_find_table("APIC", 0));
	assert_null(acpi_find_table("APIC", 1)); /* the same table twice is one */
	assert_non_null(acpi_madt_get());
	assert_int_equal(acpi_init(), 0);
}

/* The XSDT wins (5.2.8); one that is broken gives way to the RSDT. */
static void xsdt_then_rsdt(void **state)
{
	const u64 wide[] = {APIC_AT};
	const u32 narrow[] = {FACP_AT};
	struct acpi_header *x;

	table_new(APIC_AT, "APIC", NULL, 8);
	table_new(FACP_AT, "HPET", NULL, 20);
	rsdt_new(1, narrow);
	x = table_new(0x120000, "XSDT", wide, sizeof(wide));
	bootinfo.rsdp = 0x9fc00;
	rsdp_new(0x9fc00, ROOT_AT, 0x120000);
	assert_int_equal(acpi_init(), 0);
	assert_non_null(acpi_find_table("APIC", 0));
	assert_null(acpi_find_table("HPET", 0));

	x->checksum++;
	memset(&acpi, 0, sizeof(acpi));
	assert_int_equal(acpi_init(), 0);
	assert_null(acpi_find_table("APIC", 0));
	assert_non_null(acpi_find_table("HPET", 0));
}

/* A loader's pointer that leads nowhere: the BIOS area is searched after all. */
static void bad_loader_pointer(void **state)
{
	rsdt_new(0, NULL);
	rsdp_new(0xe0000, ROOT_AT, 0);
	bootinfo.rsdp = ~0ull - 3;
	assert_int_equal(acpi_init(), 0);
}

/* Tables that lie about their length, sum up wrong or lie outside of memory are left out. */
static void broken_tables(void **state)
{
	const u32 tables[] = {APIC_AT, FACP_AT, DSDT_AT, 0xfffffff0, PHYS_BYTES - 8};
	struct acpi_header *h;

	h = table_new(APIC_AT, "APIC", NULL, 8);
	h->length = 35;
	h = table_new(FACP_AT, "FACP", NULL, 300);
	h->length = ACPI_TABLE_MAX + 1;
	h = table_new(DSDT_AT, "SSDT", NULL, 8);
	h->checksum ^= 1;
	rsdt_new(5, tables);
	rsdp_new(0xe0000, ROOT_AT, 0);
	assert_int_equal(acpi_init(), 0);
	assert_int_equal(acpi.n, 0);
}

/* A root pointer whose only root table is unusable is an error of its own. */
static void broken_root(void **state)
{
	rsdp_new(0xe0000, PHYS_BYTES + 16, 0);
	assert_int_equal(acpi_init(), -EINVAL);
}

static void root_of(const struct acpi_header *first)
{
	u32 tables[] = {(u32)((const u8 *)first - phys_mem)};

	rsdt_new(1, tables);
	rsdp_new(0xe0000, ROOT_AT, 0);
	assert_int_equal(acpi_init(), 0);
}

static void count_entry(const struct acpi_madt_entry *e, void *arg)
{
	unsigned *count = arg;

	count[e->type]++;
}

/* MADT entries: short ones are skipped, a zero length or one past the end stops the walk. */
static void madt_walk(void **state)
{
	const u8 body[] = {
		0,    0,  0xe0, 0xfe, 1, 0, 0, 0,                           /* address, flags */
		0,    8,  0,    0,    1, 0, 0, 0,                           /* local APIC */
		0,    6,  1,    1,    1, 0,                                 /* too short for one */
		2,    10, 0,    9,    9, 0, 0, 0, 0xd, 0,                   /* ISA 9: level, high */
		2,    10, 0,    0,    2, 0, 0, 0, 0,   0,                   /* ISA 0 is pin 2 */
		2,    10, 1,    4,    7, 0, 0, 0, 0xf, 0,                   /* another bus */
		0x7f, 2,                                                    /* unknown: passed on */
		9,    16, 0,    0,    0, 1, 0, 0, 1,   0, 0, 0, 0, 0, 0, 0, /* x2APIC */
		1,    12, 0,                                                /* past the end */
	};
	unsigned count[256] = {0}, irqf;

	root_of(table_new(APIC_AT, "APIC", body, sizeof(body)));
	acpi_madt_for_each(count_entry, count);
	assert_int_equal(count[ACPI_MADT_LAPIC], 1);
	assert_int_equal(count[ACPI_MADT_OVERRIDE], 3);
	assert_int_equal(count[ACPI_MADT_X2APIC], 1);
	assert_int_equal(count[0x7f], 1);
	assert_int_equal(count[ACPI_MADT_IOAPIC], 0);
	assert_int_equal(acpi_isa_to_gsi(9, &irqf), 9);
	assert_int_equal(irqf, IRQF_TRIGGER_LEVEL);
	assert_int_equal(acpi_isa_to_gsi(0, &irqf), 2);
	assert_int_equal(irqf, 0);
	assert_int_equal(acpi_isa_to_gsi(4, &irqf), 4);
}

static void madt_zero_length(void **state)
{
	const u8 body[] = {0, 0, 0xe0, 0xfe, 1, 0, 0, 0, 0, 0, 0, 8, 0, 0, 1, 0, 0, 0};
	unsigned count[256] = {0};

	root_of(table_new(APIC_AT, "APIC", body, sizeof(body)));
	acpi_madt_for_each(count_entry, count);
	assert_int_equal(count[ACPI_MADT_LAPIC], 0);
}

/* MCFG: whole windows only. */
static void mcfg(void **state)
{
	u8 body[8 + 16 + 15] = {0};
	struct acpi_mcfg_window w;

	put_le64(body + 8, 0xb0000000);
	body[8 + 11] = 0xff;
	root_of(table_new(APIC_AT, "MCFG", body, sizeof(body)));
	assert_true(acpi_mcfg_get(0, &w));
	assert_int_equal(w.address, 0xb0000000);
	assert_int_equal(w.bus_end, 0xff);
	assert_false(acpi_mcfg_get(1, &w));
}

/* The DSDT is found through the FADT, by the 64-bit member where the table is long enough. */
static void dsdt_by_fadt(void **state)
{
	struct acpi_fadt *f = (void *)table_new(FACP_AT, "FACP", NULL, 232 - 36);

	table_new(DSDT_AT, "DSDT", "x", 1);
	f->dsdt = 0x777;
	put_le64(&f->x_dsdt, DSDT_AT);
	table_seal(&f->h);
	root_of(&f->h);
	assert_non_null(acpi_find_table("DSDT", 0));

	memset(&acpi, 0, sizeof(acpi));
	f->h.length = FADT_MIN_BYTES;
	f->dsdt = DSDT_AT;
	table_seal(&f->h);
	assert_int_equal(acpi_init(), 0);
	assert_non_null(acpi_find_table("DSDT", 0));
	f->h.length--;
	table_seal(&f->h);
	assert_null(acpi_fadt_get());
}

/* The AML of a QEMU microvm: event device, power button, one virtio-mmio device, \_S5. */
static const u8 microvm_aml[] = {
	0x10, 0x4e, 0x15, '_',  'S',  'B',  '_', /* Scope(_SB) */
	0x5b, 0x82, 0x25, 'R',  'T',  'C',  '_',  0x08, '_',  'H',  'I',  'D',  0x0c, 0x41, 0xd0,
	0x0b, 0x00, 0x08, '_',  'C',  'R',  'S',  0x11, 0x10, 0x0a, 0x0d, 0x47, 0x01, 0x70, 0x00,
	0x70, 0x00, 0x01, 0x08, 0x22, 0x00, 0x01, 0x79, 0x00, 0x5b, 0x82, 0x4c, 0x06, 'G',  'E',
	'D',  '_',  0x08, '_',  'H',  'I',  'D',  0x0d, 'A',  'C',  'P',  'I',  '0',  '0',  '1',
	'3',  0x00, 0x08, '_',  'U',  'I',  'D',  0x0d, 'G',  'E',  'D',  0x00, 0x08, '_',  'C',
	'R',  'S',  0x11, 0x0e, 0x0a, 0x0b, 0x89, 0x06, 0x00, 0x03, 0x01, 0x09, 0x00, 0x00, 0x00,
	0x79, 0x00, 0x5b, 0x80, 'E',  'R',  'E',  'G',  0x00, 0x0c, 0x00, 0x00, 0xa0, 0xfe, 0x0a,
	0x04, 0x5b, 0x81, 0x0b, 'E',  'R',  'E',  'G',  0x43, 'E',  'S',  'E',  'L',  0x20, 0x14,
	0x1d, '_',  'E',  'V',  'T',  0x09, 'p',  'E',  'S',  'E',  'L',  '`',  0xa0, 0x10, 0x93,
	'{',  '`',  0x0a, 0x02, 0x00, 0x0a, 0x02, 0x86, 'P',  'W',  'R',  'B',  0x0a, 0x80, 0x5b,
	0x82, 0x42, 0x04, 'V',  'R',  '2',  '3',  0x08, '_',  'H',  'I',  'D',  0x0d, 'L',  'N',
	'R',  'O',  '0',  '0',  '0',  '5',  0x00, 0x08, '_',  'U',  'I',  'D',  0x0a, 0x17, 0x08,
	'_',  'C',  'C',  'A',  0x01, 0x08, '_',  'C',  'R',  'S',  0x11, 0x1a, 0x0a, 0x17, 0x86,
	0x09, 0x00, 0x01, 0x00, 0x2e, 0xb0, 0xfe, 0x00, 0x02, 0x00, 0x00, 0x89, 0x06, 0x00, 0x01,
	0x01, 0x2f, 0x00, 0x00, 0x00, 0x79, 0x00, 0x10, 0x5c, 0x00, 0x08, '_',  'S',  '5',  '_',
	0x12, 0x07, 0x04, 0x0a, 0x05, 0x00, 0x00, 0x00,
};

struct seen {
	unsigned n;
	struct aml_resources res;
	u64 region;
};

static void see_device(const u8 *body, size_t len, void *arg)
{
	struct seen *s = arg;

	s->n++;
	aml_crs(body, len, &s->res);
	aml_memory_region(body, len, 4, &s->region);
}

static void aml_microvm(void **state)
{
	struct seen mmio = {0}, ged = {0};
	struct aml_s5 s5;

	assert_true(aml_find_s5(microvm_aml, sizeof(microvm_aml), &s5));
	assert_int_equal(s5.typ_a, 5);
	assert_int_equal(s5.typ_b, 0);
	assert_int_equal(aml_for_each_device(microvm_aml, sizeof(microvm_aml), "LNRO0005",
					     see_device, &mmio),
			 1);
	assert_true(mmio.res.has_mem && mmio.res.has_irq);
	assert_int_equal(mmio.res.mem_base, 0xfeb02e00);
	assert_int_equal(mmio.res.mem_size, 0x200);
	assert_int_equal(mmio.res.gsi, 47);
	assert_int_equal(mmio.res.irqf, IRQF_TRIGGER_LEVEL);
	assert_int_equal(
		aml_for_each_device(microvm_aml, sizeof(microvm_aml), "ACPI0013", see_device, &ged),
		1);
	assert_int_equal(ged.res.gsi, 9);
	assert_int_equal(ged.res.irqf, 0);
	assert_int_equal(ged.region, 0xfea00000);
	assert_false(ged.res.has_mem);
}

/* A device's _HID is not the one of a device nested in it. */
static void aml_nested(void **state)
{
	const u8 aml[] = {
		0x5b, 0x82, 0x17, 'P', 'C', 'I',  '0', /* Device(PCI0) */
		0x5b, 0x82, 0x11, 'V', 'R', '0',  '0', /* Device(VR00) in it */
		0x08, '_',  'H',  'I', 'D', 0x0d, 'A', 'B', 'C', 'D', 0x00,
	};
	struct seen s = {0};

	assert_int_equal(aml_for_each_device(aml, sizeof(aml), "ABCD", see_device, &s), 1);
}

/* Every value of every encoding of an integer in \_S5; impossible ones are refused. */
static void aml_s5_encodings(void **state)
{
	const struct {
		u8 len, aml[20];
		bool ok;
		u8 a, b;
	} row[] = {
		{11, {8, '_', 'S', '5', '_', 0x12, 5, 2, 0x01, 0x00, 0}, true, 1, 0},
		{12, {8, '\\', '_', 'S', '5', '_', 0x12, 5, 2, 0x00, 0x01, 0}, true, 0, 1},
		{10, {8, '_', 'S', '5', '_', 0x12, 4, 1, 0x0a, 7}, true, 7, 0},
		{14, {8, '_', 'S', '5', '_', 0x12, 8, 2, 0x0b, 5, 0, 0x0a, 5, 0}, true, 5, 5},
		{10, {8, '_', 'S', '5', '_', 0x12, 4, 1, 0x0a, 8}, false},   /* three bits */
		{9, {8, '_', 'S', '5', '_', 0x12, 3, 1, 0xff}, false},       /* Ones */
		{9, {8, '_', 'S', '5', '_', 0x12, 3, 1, 0x0a}, false},       /* ends early */
		{8, {8, '_', 'S', '5', '_', 0x12, 2, 0}, false},             /* no element */
		{10, {8, '_', 'S', '5', '_', 0x12, 40, 1, 0x0a, 5}, false},  /* length lies */
		{10, {'_', '_', 'S', '5', '_', 0x12, 4, 1, 0x0a, 5}, false}, /* no NameOp */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		u8 *copy = malloc(row[i].len);
		struct aml_s5 s5 = {0};

		memcpy(copy, row[i].aml, row[i].len);
		if (aml_find_s5(copy, row[i].len, &s5) != row[i].ok)
			fail_msg("row %u", i);
		assert_int_equal(s5.typ_a, row[i].a);
		assert_int_equal(s5.typ_b, row[i].b);
		free(copy);
	}
}

static void scan_all(const u8 *aml, size_t len)
{
	struct seen s = {0};
	struct aml_s5 s5;

	aml_find_s5(aml, len, &s5);
	aml_for_each_device(aml, len, "LNRO0005", see_device, &s);
	aml_for_each_device(aml, len, "ACPI0013", see_device, &s);
}

/* Cut anywhere, or with any byte set to any of some nasty values, AML is read within its bounds. */
static void aml_hostile(void **state)
{
	static const u8 nasty[] = {0x00, 0x0e, 0x2f, 0x3f, 0x5b, 0x7f, 0x82, 0xcf, 0xff};

	for (size_t cut = 0; cut <= sizeof(microvm_aml); cut++) {
		u8 *copy = malloc(cut + 1);

		memcpy(copy, microvm_aml, cut);
		ASAN_POISON_MEMORY_REGION(copy + cut, 1);
		scan_all(copy, cut);
		ASAN_UNPOISON_MEMORY_REGION(copy + cut, 1);
		free(copy);
	}
	for (size_t at = 0; at < sizeof(microvm_aml); at++) {
		u8 *copy = malloc(sizeof(microvm_aml));

		memcpy(copy, microvm_aml, sizeof(microvm_aml));
		for (unsigned i = 0; i < sizeof(nasty); i++) {
			copy[at] = nasty[i];
			scan_all(copy, sizeof(microvm_aml));
		}
		free(copy);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(absent),
		T(bios_area_rsdt),
		T(xsdt_then_rsdt),
		T(bad_loader_pointer),
		T(broken_tables),
		T(broken_root),
		T(madt_walk),
		T(madt_zero_length),
		T(mcfg),
		T(dsdt_by_fadt),
		T(aml_microvm),
		T(aml_nested),
		T(aml_s5_encodings),
		T(aml_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
