/* SPDX-License-Identifier: MIT */
/*
 * The interrupt flag of the CPU being played. Nothing interrupts code in the hosted home: the flag
 * is kept so that may_sleep() and the event loop can see a section that forgot to restore it.
 */
#ifndef HOME_IRQFLAGS_H
#define HOME_IRQFLAGS_H

#include <lib/types.h>

typedef unsigned long irqflags_t;

extern bool host_irqs_off;

/* Switch interrupts of this CPU off; value: what local_irq_restore() puts back. */
static inline irqflags_t local_irq_save(void)
{
	irqflags_t flags = host_irqs_off;

	host_irqs_off = true;
	return flags;
}

static inline void local_irq_restore(irqflags_t flags)
{
	host_irqs_off = flags;
}

static inline void local_irq_disable(void)
{
	host_irqs_off = true;
}

static inline void local_irq_enable(void)
{
	host_irqs_off = false;
}

static inline bool irqs_disabled(void)
{
	return host_irqs_off;
}

#endif
