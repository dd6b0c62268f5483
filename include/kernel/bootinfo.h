/* SPDX-License-Identifier: MIT */
/*
 * What the boot protocol said (multiboot 1, multiboot 2 or PVH), in one form. Filled by boot/
 * before kernel_main(); everything it points to lies in memory kept from the page allocator until
 * modules are taken over.
 */
#ifndef KERNEL_BOOTINFO_H
#define KERNEL_BOOTINFO_H

#include <lib/types.h>

#define BOOT_MAX_RANGES  64
#define BOOT_MAX_MODULES 8

enum boot_mem_type {
	BOOT_MEM_USABLE = 1,
	BOOT_MEM_RESERVED,
	BOOT_MEM_ACPI,
	BOOT_MEM_NVS,
	BOOT_MEM_BAD
};

struct boot_range {
	u64 start, end;
	enum boot_mem_type type;
};

struct boot_module {
	uintptr_t start, end;
	const char *cmdline;
};

struct bootinfo {
	const char *protocol; /* "multiboot", "multiboot2", "pvh" */
	const char *loader;
	const char *cmdline;
	u64 rsdp; /* physical address, 0: search the BIOS area */
	unsigned nranges, nmodules;
	struct boot_range range[BOOT_MAX_RANGES];
	struct boot_module module[BOOT_MAX_MODULES];
};

extern struct bootinfo bootinfo;

/* Nanoseconds since the first instruction of the image. Any context. Bare metal only. */
u64 boot_time_since_entry_ns(void);

#endif
