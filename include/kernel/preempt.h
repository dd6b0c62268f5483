/* SPDX-License-Identifier: MIT */
/*
 * What may interrupt what on this CPU: preemption, softirqs, interrupts. The counts are per CPU
 * and laid out as in Linux's preempt_count (8 bits preemption, 8 softirq, 4 hardirq).
 * Enabling runs what became due meanwhile: preempt_enable() a reschedule, local_bh_enable() the
 * raised softirqs. local_irq_save()/restore() come from <home/irqflags.h>.
 */
#ifndef KERNEL_PREEMPT_H
#define KERNEL_PREEMPT_H

#include <home/irqflags.h>
#include <kernel/percpu.h>

#define PREEMPT_OFFSET 0x1u
#define SOFTIRQ_OFFSET 0x100u
#define SOFTIRQ_DISABLE_OFFSET 0x200u /* local_bh_disable() nests in twos; the odd bit: serving */
#define HARDIRQ_OFFSET 0x10000u

#define PREEMPT_MASK 0xffu
#define SOFTIRQ_MASK 0xff00u
#define HARDIRQ_MASK 0xf0000u

DECLARE_PER_CPU(unsigned, preempt_count);

void preempt_disable(void);
void preempt_enable(void);

/* Hold softirqs of this CPU off; nests. local_bh_enable() must not be called with interrupts off
 * or from hardirq: it may run softirqs. */
void local_bh_disable(void);
void local_bh_enable(void);

static inline bool in_hardirq(void)
{
	return this_cpu(preempt_count) & HARDIRQ_MASK;
}

/* True while a softirq is being served, not merely held off. */
static inline bool in_serving_softirq(void)
{
	return this_cpu(preempt_count) & SOFTIRQ_OFFSET;
}

/* True while softirqs are served or held off. */
static inline bool in_softirq(void)
{
	return this_cpu(preempt_count) & SOFTIRQ_MASK;
}

static inline bool in_interrupt(void)
{
	return this_cpu(preempt_count) & (SOFTIRQ_MASK | HARDIRQ_MASK);
}

/* May this context sleep: thread, nothing held off, interrupts on. */
bool may_sleep(void);

/* Debug builds stop with a report where may_sleep() is false. */
void might_sleep(void);

#endif
