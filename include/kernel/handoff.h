/* SPDX-License-Identifier: MIT */
/*
 * Counters of what one CPU leaves to another, and of locks found taken: /proc/handoffs and
 * /proc/lock_stat. They count where it happens, off the usual way, so that they cost nothing where
 * each CPU keeps to itself. A CPU writes its own only; readers add up.
 */
#ifndef KERNEL_HANDOFF_H
#define KERNEL_HANDOFF_H

#include <kernel/percpu.h>

struct handoffs {
	u64 wakes;      /* threads of another CPU woken from here */
	u64 reschedule; /* interrupts sent to have another CPU look at its run queue ... */
	u64 calls;      /* ... and at functions to be called (RPS, RCU, CPUs started) */
	u64 ready;  /* descriptors that became ready for an epoll set that another CPU waits on */
	u64 timers; /* timers armed here that were another CPU's before */
	u64 slabs;  /* batches of objects moved between a magazine and what all CPUs share */
	u64 contended; /* spinlocks and mutexes found taken */
};
DECLARE_PER_CPU(struct handoffs, handoffs);

/* One more of that member. Any context: an interrupt between may lose one, no more. */
#define handoff_count(member) ((void)__this_cpu(handoffs).member++)

/* A lock was found taken by the code at `at`. Any context, preemption off or about to sleep. */
void lock_contended(const void *at);

#endif
