/* SPDX-License-Identifier: MIT */
/*
 * Interrupts as drivers see them. An `irq` is a number handed out by the interrupt controller
 * code: a legacy line (ISA 0-15 or an I/O APIC pin) or an MSI vector. Handlers run with interrupts
 * off, on the CPU the irq is aimed at, and hand on to softirqs. Level-triggered lines are
 * acknowledged after the handlers ran; a shared line calls all its handlers.
 */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include <lib/types.h>

enum irqreturn { IRQ_NONE, IRQ_HANDLED };
typedef enum irqreturn (*irq_handler_t)(int irq, void *arg);

#define IRQF_SHARED        1u
#define IRQF_TRIGGER_LEVEL 2u /* else edge; PCI lines are level, low */
#define IRQF_TRIGGER_LOW   4u

/* Attach a handler. cpu: where to deliver. name stays valid (shown by /proc/interrupts). 0 or
 * -EBUSY, -ENOSPC. Thread context. */
int request_irq(int irq, irq_handler_t fn, unsigned flags, const char *name, void *arg,
		unsigned cpu);
/* The handler does not run any more when this returns. Thread context, sleeps. */
void free_irq(int irq, void *arg);
int irq_set_affinity(int irq, unsigned cpu);
void enable_irq(int irq);
void disable_irq(int irq);

/* Legacy number of a global system interrupt (I/O APIC pin). */
int gsi_to_irq(unsigned gsi);

/* An MSI vector aimed at cpu: fills in the address and data words that the device writes.
 * Returns the irq or -ENOSPC. */
int msi_alloc(unsigned cpu, u64 *addr, u32 *data);
void msi_free(int irq);

/* For /proc/interrupts: fn is called for each irq in use. */
void irq_for_each(void (*fn)(int irq, const char *chip, const char *name, const u64 *per_cpu,
			     void *arg),
		  void *arg);

#endif
