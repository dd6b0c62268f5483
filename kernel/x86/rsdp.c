/* SPDX-License-Identifier: MIT */
/*
 * ACPI's root pointer where nobody told us of it: multiboot 1 cannot, and under UEFI it is not in
 * the BIOS area, where acpi_init() looks. It then lies in memory that the map calls ACPI's.
 * ACPI 6.5, 5.2.5.
 */
#include "x86_int.h"

#include <kernel/acpi.h>
#include <kernel/bootinfo.h>
#include <lib/string.h>

#define RSDP_BYTES     20
#define RSDP_ALIGN     8
#define MAX_SCAN_BYTES (1u << 20)

static bool is_rsdp(const u8 *p)
{
	u8 sum = 0;

	if (memcmp(p, "RSD PTR ", 8) != 0)
		return false;
	for (unsigned i = 0; i < RSDP_BYTES; i++)
		sum += p[i];
	return !sum;
}

static u64 scan(const struct boot_range *r)
{
	u64 len = min(r->end - r->start, (u64)MAX_SCAN_BYTES);
	const u8 *p = acpi_os_map(r->start, len);

	for (u64 off = 0; p && off + RSDP_BYTES <= len; off += RSDP_ALIGN)
		if (is_rsdp(p + off))
			return r->start + off;
	return 0;
}

void rsdp_find(void)
{
	for (unsigned i = 0; i < bootinfo.nranges && !bootinfo.rsdp; i++)
		if (bootinfo.range[i].type == BOOT_MEM_ACPI)
			bootinfo.rsdp = scan(&bootinfo.range[i]);
}
