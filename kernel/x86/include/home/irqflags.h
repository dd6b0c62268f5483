/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of this CPU, switched off in software: the processor's own flag stays on, and what
 * comes all the same is put off (traps.S) with the flag off, until they are let in again. That is
 * rare, while cli, sti and pushf are costly: on a processor, and more so under an emulator, which
 * leaves its translated code for each. Each function is a compiler barrier.
 */
#ifndef HOME_IRQFLAGS_H
#define HOME_IRQFLAGS_H

#include <lib/types.h>
#include <x86/layout.h>

typedef unsigned long irqflags_t;

extern u8 irq_state; /* IRQS_*, in the per-CPU area */

static inline void local_irq_disable(void)
{
	__asm__ volatile("orb %0, %%gs:%c1" ::"i"(IRQS_OFF), "i"(&irq_state) : "memory", "cc");
}

/* irq_let_in() (traps.S) changes no register. */
static inline void local_irq_enable(void)
{
	__asm__ volatile("andb %0, %%gs:%c1\n\t"
			 "jz 1f\n\t"
			 "call irq_let_in\n"
			 "1:" ::"i"(~IRQS_OFF),
			 "i"(&irq_state)
			 : "memory", "cc");
}

static inline irqflags_t local_save_flags(void)
{
	irqflags_t flags;

	__asm__ volatile("movzbl %%gs:%c1, %k0" : "=r"(flags) : "i"(&irq_state) : "memory");
	return flags;
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
	if (!(flags & IRQS_OFF))
		local_irq_enable();
}

static inline bool irqs_disabled(void)
{
	return local_save_flags() & IRQS_OFF;
}

#endif
