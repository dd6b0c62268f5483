/* SPDX-License-Identifier: MIT */
/*
 * The table of CPUs and I/O APICs that firmware without ACPI leaves behind. Found in the BIOS area,
 * checked by its sums, read within its bounds. Intel MultiProcessor Specification 1.4, chapter 4.
 */
#include "x86_int.h"

#include <kernel/acpi.h>
#include <lib/string.h>

#define BDA_EBDA_SEGMENT 0x40E
#define BIOS_START       0xF0000
#define BIOS_BYTES       0x10000
#define EBDA_BYTES       1024
#define BASE_END         0xA0000 /* of the 640 KiB below the adapters */
#define POINTER_BYTES    16
#define HEADER_BYTES     44
#define ENTRY_CPU        0
#define ENTRY_IOAPIC     2
#define CPU_BYTES        20
#define OTHER_BYTES      8

static bool sum_is_zero(const u8 *p, size_t len)
{
	u8 sum = 0;

	while (len--)
		sum += *p++;
	return !sum;
}

static const u8 *scan(u64 phys, size_t len)
{
	const u8 *p = acpi_os_map(phys, len);

	for (size_t off = 0; p && off + POINTER_BYTES <= len; off += 16)
		if (!memcmp(p + off, "_MP_", 4) && sum_is_zero(p + off, POINTER_BYTES))
			return p + off;
	return NULL;
}

/* The configuration table, whole and checked; NULL for none. */
static const u8 *find_table(void)
{
	const u8 *segment = acpi_os_map(BDA_EBDA_SEGMENT, 2), *pointer = NULL, *table;
	u64 phys;
	u16 len;

	if (segment && get_le16(segment))
		pointer = scan(get_le16(segment) * 16ull, EBDA_BYTES);
	if (!pointer) /* without an extended BIOS data area: where it would be */
		pointer = scan(BASE_END - EBDA_BYTES, EBDA_BYTES);
	if (!pointer)
		pointer = scan(BIOS_START, BIOS_BYTES);
	if (!pointer)
		return NULL;
	phys = get_le32(pointer + 4);
	table = phys ? acpi_os_map(phys, HEADER_BYTES) : NULL;
	if (!table || memcmp(table, "PCMP", 4))
		return NULL;
	len = get_le16(table + 4);
	if (len < HEADER_BYTES || !acpi_os_map(phys, len) || !sum_is_zero(table, len))
		return NULL;
	return table;
}

static void for_each_entry(u8 type, void (*fn)(const u8 *entry, void *arg), void *arg)
{
	const u8 *table = find_table(), *p, *end;

	if (!table)
		return;
	p = table + HEADER_BYTES;
	end = table + get_le16(table + 4);
	/* To the end: the count of entries is not to be relied on, qboot leaves it zero. */
	while (p < end) {
		size_t len = *p == ENTRY_CPU ? CPU_BYTES : OTHER_BYTES;

		if (len > (size_t)(end - p))
			return;
		if (*p == type)
			fn(p, arg);
		p += len;
	}
}

struct cpu_walk {
	void (*fn)(u32 apic_id);
};

static void cpu_entry(const u8 *entry, void *arg)
{
	const struct cpu_walk *w = arg;

	if (entry[3] & 1) /* enabled */
		w->fn(entry[1]);
}

void mptable_for_each_cpu(void (*fn)(u32 apic_id))
{
	struct cpu_walk w = {fn};

	for_each_entry(ENTRY_CPU, cpu_entry, &w);
}

struct ioapic_walk {
	void (*fn)(u64 phys, unsigned gsi_base);
};

/* Only one I/O APIC can be told its place in the row of interrupts: the table gives none. */
static void ioapic_entry(const u8 *entry, void *arg)
{
	const struct ioapic_walk *w = arg;

	if ((entry[3] & 1) && !ioapic_present())
		w->fn(get_le32(entry + 4), 0);
}

void mptable_for_each_ioapic(void (*fn)(u64 phys, unsigned gsi_base))
{
	struct ioapic_walk w = {fn};

	for_each_entry(ENTRY_IOAPIC, ioapic_entry, &w);
}
