/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU access in the hosted home: one Linux thread plays every CPU in turn, and host_cpu says
 * which one it plays now. CPU 0's data is the template itself.
 */
#ifndef HOME_PERCPU_H
#define HOME_PERCPU_H

#include <lib/types.h>

extern unsigned host_cpu;
extern uintptr_t percpu_offset[];

static inline unsigned smp_processor_id(void)
{
	return host_cpu;
}

static inline uintptr_t __this_cpu_offset(void)
{
	return percpu_offset[host_cpu];
}

#define __this_cpu_var(name) this_cpu(name)

#endif
