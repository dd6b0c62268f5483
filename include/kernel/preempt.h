/* SPDX-License-Identifier: MIT */
/*
 * What may interrupt what on this CPU: preemption, softirqs, interrupts. The counts are per CPU
 * and laid out as in Linux's preempt_count (8 bits preemption, 8 softirq, 4 hardirq).
 * Enabling runs what became due meanwhile: preempt_enable() a reschedule, local_bh_enable() the
 * raised softirqs. <home/irqflags.h> supplies irqflags_t, local_irq_save() (returns
 * the flags), local_irq_restore(flags), local_irq_disable(), local_irq_enable(), irqs_disabled().
 */
#ifndef KERNEL_PREEMPT_H
#define KERNEL_PREEMPT_H

#include <home/irqflags.h>
#include <kernel/percpu.h>

#define PREEMPT_OFFSET         0x1u
#define SOFTIRQ_OFFSET         0x100u
#define SOFTIRQ_DISABLE_OFFSET 0x200u /* local_bh_disable() nests in twos; the odd bit: serving */
#define HARDIRQ_OFFSET         0x10000u

#define PREEMPT_MASK 0xffu
#define SOFTIRQ_MASK 0xff00u
#define HARDIRQ_MASK 0xf0000u

DECLARE_PER_CPU(unsigned, preempt_count);

/* Set by the scheduler when preempt_schedule() has something to do: another thread should run in
 * place of the current one, or other CPUs are to be told of threads for them; cleared by it then.
 * preempt_enable(), local_bh_enable() and the interrupt exit look at it. */
DECLARE_PER_CPU(u8, resched_due);

/* Softirqs of this CPU that are due: bits of enum softirq [interrupts off]. */
DECLARE_PER_CPU(u32, softirq_due);

/* Supplied by the home: the current thread gives way, staying runnable whatever its state says
 * (it may have been about to sleep). Called with nothing held off. */
void preempt_schedule(void);
/* Supplied by the home: the part of it that interrupts need not be on for: to tell other CPUs. */
void preempt_kick_cpus(void);

/* preempt_enable() or local_bh_enable() found a reschedule due (softirq.c). */
void preempt_check_resched(void);

static inline void preempt_disable(void)
{
	__this_cpu(preempt_count) += PREEMPT_OFFSET;
	barrier();
}

static inline void preempt_enable(void)
{
	barrier();
	if (!(__this_cpu(preempt_count) -= PREEMPT_OFFSET) && unlikely(__this_cpu(resched_due)))
		preempt_check_resched();
}

/* The same without the look at resched_due: for the scheduler itself. */
static inline void preempt_enable_no_resched(void)
{
	barrier();
	__this_cpu(preempt_count) -= PREEMPT_OFFSET;
}

/* Hold softirqs of this CPU off; nests. local_bh_enable() must not be called with interrupts off
 * or from hardirq: it may run softirqs. */
static inline void local_bh_disable(void)
{
	__this_cpu(preempt_count) += SOFTIRQ_DISABLE_OFFSET;
	barrier();
}
#ifdef DEBUG
void local_bh_enable_check(void);
#else
static inline void local_bh_enable_check(void)
{
}
#endif
/* Something is due: for local_bh_enable() only. */
void local_bh_serve(void);
static inline void local_bh_enable(void)
{
	local_bh_enable_check();
	barrier();
	/* Keep one preemption count until the softirqs are served: no switch in between. */
	__this_cpu(preempt_count) += PREEMPT_OFFSET - SOFTIRQ_DISABLE_OFFSET;
	if (unlikely(__this_cpu(softirq_due)))
		local_bh_serve();
	preempt_enable();
}

/* Around the handlers of an interrupt, interrupts off. irq_exit() serves the softirqs that became
 * due (interrupts on meanwhile); the home then gives way if resched_due and nothing is held off. */
void irq_enter(void);
void irq_exit(void);

static inline bool in_hardirq(void)
{
	return __this_cpu(preempt_count) & HARDIRQ_MASK;
}

/* True while a softirq is being served, not merely held off. */
static inline bool in_serving_softirq(void)
{
	return __this_cpu(preempt_count) & SOFTIRQ_OFFSET;
}

/* True while softirqs are served or held off. */
static inline bool in_softirq(void)
{
	return __this_cpu(preempt_count) & SOFTIRQ_MASK;
}

static inline bool in_interrupt(void)
{
	return __this_cpu(preempt_count) & (SOFTIRQ_MASK | HARDIRQ_MASK);
}

/* May this context sleep: thread, nothing held off, interrupts on. */
bool may_sleep(void);

/* Debug builds stop with a report where may_sleep() is false. */
void might_sleep(void);

#endif
