/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU areas: copies of the section `percpu`, one for each CPU, whose distance from the template
 * is the CPU's GS base. The boot CPU's copy lies in .bss, the others' come from the page
 * allocator before their CPU is started.
 */
#include "x86_int.h"

#include <errno.h>
#include <kernel/mm.h>
#include <lib/string.h>

#define MSR_GS_BASE 0xC0000101

extern char __start_percpu[], __stop_percpu[], percpu_boot_area[];

DEFINE_PER_CPU(unsigned, percpu_cpu_number);
DEFINE_PER_CPU(uintptr_t, percpu_this_offset);

uintptr_t percpu_offset[MAX_CPUS];
unsigned nr_possible_cpus = 1;

static void fill(unsigned cpu, char *area)
{
	percpu_offset[cpu] = (uintptr_t)area - (uintptr_t)__start_percpu;
	memcpy(area, __start_percpu, (size_t)(__stop_percpu - __start_percpu));
	per_cpu(percpu_cpu_number, cpu) = cpu;
	per_cpu(percpu_this_offset, cpu) = percpu_offset[cpu];
}

void percpu_load(unsigned cpu)
{
	wrmsr(MSR_GS_BASE, percpu_offset[cpu]);
}

void percpu_init_boot_cpu(void)
{
	fill(0, percpu_boot_area);
	percpu_load(0);
}

int percpu_alloc(unsigned cpu)
{
	char *area = kvzalloc((size_t)(__stop_percpu - __start_percpu), GFP_KERNEL);

	if (!area)
		return -ENOMEM;
	fill(cpu, area);
	return 0;
}
