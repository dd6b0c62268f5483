/* SPDX-License-Identifier: MIT */
/* Between the boot code and its parsers. */
#ifndef BOOTINFO_INT_H
#define BOOTINFO_INT_H

#include <kernel/bootinfo.h>

/* How the parsers reach physical memory: the bytes [phys, phys + len), or NULL if they cannot be
 * read. What lies there was written by others: every length and address in it is checked. */
struct boot_reader {
	const void *(*read)(const struct boot_reader *r, u64 phys, size_t len);
};

/*
 * Fill in *bi from the structure at physical address info, whose kind magic tells. Strings are
 * copied to static memory, the memory map comes out sorted and without overlaps (where two
 * entries overlap, the one that is less usable wins). 0, or -EINVAL for an unknown magic or a
 * structure without a memory map; what is broken inside is left out.
 */
int boot_parse(struct bootinfo *bi, const struct boot_reader *r, u32 magic, u64 info);

#endif
