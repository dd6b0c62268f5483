/* SPDX-License-Identifier: MIT */
/*
 * What the scheduler of the bare-metal home and the machine's code ask of each other; drivers and
 * the stack need <kernel/thread.h> only.
 */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include <lib/types.h>

/* Make the running context the idle thread of this CPU. Once a CPU, interrupts off. */
void sched_init_cpu(void);

/* Run threads whenever there are any, halt otherwise. */
_Noreturn void sched_idle(void);

/* In hardirq: the slice has ended, or another CPU put a thread here. */
void sched_interrupt(void);

/* Number of threads of a CPU, its idle thread not counted. */
unsigned sched_nr_threads(unsigned cpu);

/* Supplied by the machine. Have sched_interrupt() called on this CPU at that time (~0: never);
 * interrupts off. */
void clockevent_set_slice(u64 ns);
/* Have it called on another CPU soon. */
void smp_send_reschedule(unsigned cpu);
/* Save registers, set *save_sp to the stack pointer, go on where load_sp was saved. */
void switch_stacks(void **save_sp, void *load_sp);
/* First return address of a new thread: calls thread_begin() with a clean chain of frames. */
void thread_entry(void);
_Noreturn void thread_begin(void);
/* Stacks of KSTACK_BYTES with a guard below; lowest address, or NULL. */
#define KSTACK_BYTES 16384ul
void *kstack_alloc(void);
void kstack_free(void *stack);

#endif
