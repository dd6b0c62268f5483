/* SPDX-License-Identifier: MIT */
/* Rows that a subsystem adds to /proc/meminfo, behind the kernel's own. */
#ifndef KERNEL_MEMINFO_H
#define KERNEL_MEMINFO_H

#include <lib/types.h>

struct meminfo_row {
	const char *name;
	u64 (*bytes)(void); /* thread context, may take its time */
};

#define MEMINFO_ROW(name, fn)                            \
	static const struct meminfo_row __meminfo_##name \
		__attribute__((section("meminfo_rows"), used, aligned(8))) = {#name ":", fn}

#endif
