/* SPDX-License-Identifier: MIT */
/*
 * What is done for QEMU's emulator alone, told by CPUID: under a hypervisor proper, and on a
 * machine, nothing of this runs.
 *
 * It keeps for each CPU a direct-mapped table of translations, 256 pages at first, and makes it
 * larger when it is emptied and more than 70 % of it was in use (accel/tcg/cputlb.c). Other systems
 * empty theirs at every change of address space; here nothing ever does, and a table which stays
 * that small costs up to a third of the CPU's time, by which pages happen to share an entry.
 */
#include "x86_int.h"

#include <kernel/bootinfo.h>
#include <kernel/mm.h>

#define TLB_FIRST 256u
#define TLB_LAST  8192u /* 32 MiB of pages: packets, sockets, stacks of a busy server */

/* Read a byte in each of n pages of memory. False: there is less. */
static bool touch(unsigned n)
{
	for (unsigned i = 0; i < bootinfo.nranges; i++) {
		const struct boot_range *r = &bootinfo.range[i];
		u64 at = max(ALIGN(r->start, PAGE_SIZE), (u64)(uintptr_t)_image_start);

		if (r->type != BOOT_MEM_USABLE)
			continue;
		for (; at + PAGE_SIZE <= r->end; at += PAGE_SIZE, n--) {
			if (!n)
				return true;
			(void)READ_ONCE(*(const u8 *)(uintptr_t)at);
		}
	}
	return !n;
}

void cpu_first_idle(void)
{
	if (!cpu_features.tcg)
		return;
	for (unsigned entries = TLB_FIRST; entries < TLB_LAST; entries *= 2) {
		if (!touch(entries - entries / 4))
			return;
		write_cr3(read_cr3());
	}
}
