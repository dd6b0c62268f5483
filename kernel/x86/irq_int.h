/* SPDX-License-Identifier: MIT */
/* Between irq.c and the interrupt controllers. */
#ifndef IRQ_INT_H
#define IRQ_INT_H

#include "x86_int.h"

#include <kernel/irq.h>

/* irq numbers: ISA lines and global system interrupts first, MSIs after them. */
#define NR_GSI_IRQS 96
#define NR_IRQS     256
#define MSI_HW      (~0u) /* irq_desc.hw of an MSI */

struct irq_desc;

struct irq_chip {
	const char *name;
	/* Deliver d->hw as d->vector to d->cpu with d->flags; masked if d->disabled. */
	void (*route)(struct irq_desc *d);
	void (*shut)(struct irq_desc *d);
	void (*eoi)(struct irq_desc *d);
};

struct irq_action {
	struct irq_action *next;
	irq_handler_t fn;
	void *arg;
	const char *name;
};

struct irq_desc {
	const struct irq_chip *chip;
	struct irq_action *actions; /* [irq lock, rcu] */
	u64 *count;                 /* an element each CPU [owner CPU] */
	u32 hw;                     /* GSI or PIC line */
	u32 flags;                  /* IRQF_* */
	u32 firmware_flags;         /* IRQF_TRIGGER_* that an ISA line has [I] */
	u8 vector;
	u8 old_vector; /* still accepted on old_cpu, 0: none */
	u8 disabled;   /* depth of disable_irq() */
	u16 cpu, old_cpu;
};

extern const struct irq_chip ioapic_chip, pic_chip;

static inline void apic_eoi_irq(struct irq_desc *d)
{
	apic_eoi();
}

/* pic.c */
void pic_init(void);
bool pic_is_spurious(unsigned line);

#endif
