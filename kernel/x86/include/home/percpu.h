/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU access on bare metal: the GS base of each CPU is the distance from the template to its
 * copy, so that `%gs:variable` is that CPU's own. A thread never changes its CPU: the compiler
 * may keep what these functions return.
 */
#ifndef HOME_PERCPU_H
#define HOME_PERCPU_H

#include <lib/types.h>

/* In the per-CPU area itself. [I] once the CPU runs C code */
extern unsigned percpu_cpu_number;
extern uintptr_t percpu_this_offset;

static inline unsigned smp_processor_id(void)
{
	unsigned cpu;

	__asm__("movl %%gs:%c1, %0" : "=r"(cpu) : "i"(&percpu_cpu_number));
	return cpu;
}

static inline uintptr_t __this_cpu_offset(void)
{
	uintptr_t offset;

	__asm__("movq %%gs:%c1, %0" : "=r"(offset) : "i"(&percpu_this_offset));
	return offset;
}

/* One instruction instead of two; it has no address that could be taken. */
#define __this_cpu_var(name) (*(__seg_gs __typeof__(name) *)(uintptr_t) & (name))

#endif
