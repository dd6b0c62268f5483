/* SPDX-License-Identifier: MIT */
/* The interrupt flag of this CPU. Each function is a compiler barrier. */
#ifndef HOME_IRQFLAGS_H
#define HOME_IRQFLAGS_H

#include <lib/types.h>

typedef unsigned long irqflags_t;

#define X86_FLAGS_IF 0x200ul

static inline irqflags_t local_save_flags(void)
{
	irqflags_t flags;

	__asm__ volatile("pushfq; popq %0" : "=rm"(flags)::"memory");
	return flags;
}

static inline void local_irq_disable(void)
{
	__asm__ volatile("cli" ::: "memory");
}

static inline void local_irq_enable(void)
{
	__asm__ volatile("sti" ::: "memory");
}

/* Switch interrupts of this CPU off; value: what local_irq_restore() puts back. */
static inline irqflags_t local_irq_save(void)
{
	irqflags_t flags = local_save_flags();

	local_irq_disable();
	return flags;
}

static inline void local_irq_restore(irqflags_t flags)
{
	if (flags & X86_FLAGS_IF)
		local_irq_enable();
	else
		local_irq_disable();
}

static inline bool irqs_disabled(void)
{
	return !(local_save_flags() & X86_FLAGS_IF);
}

#endif
