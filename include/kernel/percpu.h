/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU data. A variable made by DEFINE_PER_CPU exists once a CPU; its address is never used
 * directly, only through the accessors here. <home/percpu.h> supplies smp_processor_id() and
 * __this_cpu_offset(): the GS base on bare metal, a constant in the hosted home.
 *
 * A thread never migrates, so an accessor's result stays valid with preemption on; data that a
 * softirq or interrupt shares still needs local_bh_disable() or local_irq_save() around it.
 */
#ifndef KERNEL_PERCPU_H
#define KERNEL_PERCPU_H

#include <lib/compiler.h>
#include <lib/types.h>

#define MAX_CPUS 64

/* Section .percpu is a template: the home copies it for each CPU before that CPU runs C code. */
#define DEFINE_PER_CPU(type, name)  __attribute__((section("percpu"), used)) __typeof__(type) name
#define DECLARE_PER_CPU(type, name) extern __typeof__(type) name

#include <home/percpu.h>

/* Number of CPUs that run (at least 1); constant once the boot has finished. */
unsigned num_online_cpus(void);

/* Byte offset from the template to cpu's copy; filled by the home. */
extern uintptr_t percpu_offset[MAX_CPUS];

#define per_cpu_ptr(ptr, cpu) ((__typeof__(ptr))((uintptr_t)(ptr) + percpu_offset[cpu]))
#define this_cpu_ptr(ptr)     ((__typeof__(ptr))((uintptr_t)(ptr) + __this_cpu_offset()))
#define per_cpu(name, cpu)    (*per_cpu_ptr(&(name), cpu))
#define this_cpu(name)        (*this_cpu_ptr(&(name)))
/* The same for a number that is read or written on the hottest paths. */
#define __this_cpu(name) __this_cpu_var(name)

#define for_each_cpu(cpu) for (unsigned cpu = 0; cpu < num_online_cpus(); cpu++)

/* Zeroed storage of size bytes for every online CPU, for objects made at run time (a struct
 * net's counters). Read with alloc_percpu_ptr(). NULL when out of memory. Thread context. */
struct percpu_area {
	void *cpu[MAX_CPUS];
};
struct percpu_area *alloc_percpu(size_t size, size_t align);
void free_percpu(struct percpu_area *area);
#define alloc_percpu_ptr(area, c) ((area)->cpu[c])

#endif
