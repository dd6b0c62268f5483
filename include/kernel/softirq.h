/* SPDX-License-Identifier: MIT */
/*
 * Softirqs: deferred interrupt work, run on the CPU that raised it, on the way out of the
 * outermost interrupt or local_bh_enable(), preemption off, interrupts on. What keeps raising
 * itself for longer than SOFTIRQ_MAX_NS or SOFTIRQ_MAX_RESTART rounds goes on in the thread
 * ksoftirqd/N, in turn with the other threads, so that a flood cannot starve the console.
 */
#ifndef KERNEL_SOFTIRQ_H
#define KERNEL_SOFTIRQ_H

#include <lib/types.h>

#define SOFTIRQ_MAX_NS      2000000ull
#define SOFTIRQ_MAX_RESTART 10

enum softirq {
	HI_SOFTIRQ, /* tasklets */
	TIMER_SOFTIRQ,
	NET_TX_SOFTIRQ,
	NET_RX_SOFTIRQ,
	RCU_SOFTIRQ,
	NR_SOFTIRQS,
};

extern const char *const softirq_names[NR_SOFTIRQS];

/* Set the handler of nr, once, at initialisation. */
void open_softirq(enum softirq nr, void (*fn)(void));

/* Mark nr due on this CPU. Any context. From a thread with nothing held off, it wakes ksoftirqd
 * unless raised inside local_bh_disable(), whose enable then serves it. */
void raise_softirq(enum softirq nr);

/* The same with interrupts already off. */
void raise_softirq_irqoff(enum softirq nr);

/* Called by the interrupt exit path and local_bh_enable(): serve what is due. Interrupts on. */
void do_softirq(void);

/* Times nr was served on cpu, for /proc/softirqs. */
u64 softirq_count(enum softirq nr, unsigned cpu);

/* Run fn(arg) on cpu in its softirq context soon (smp_call): used for RPS wake-ups and timers of
 * another CPU. csd must stay valid until fn begins; a csd that is still pending is not queued
 * twice (returns false). Any context. Multi producer, single consumer. */
struct call_single_data {
	struct call_single_data *next;
	void (*fn)(void *arg);
	void *arg;
	u32 pending; /* [a] */
};
bool smp_call_function_single_async(unsigned cpu, struct call_single_data *csd);

/* Supplied by the home: interrupt cpu (never this one), whose handler calls smp_call_interrupt()
 * with interrupts off between irq_enter() and irq_exit(). */
void smp_send_call(unsigned cpu);
void smp_call_interrupt(void);

/* Are softirqs due on this CPU? The idle loop asks, interrupts off, before it halts. */
bool softirq_pending(void);

/* Start ksoftirqd of every online CPU, once threads work. */
void softirq_start_threads(void);

#endif
