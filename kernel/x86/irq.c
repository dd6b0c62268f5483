/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of devices: from an irq number to a vector of a CPU, and from a vector to handlers.
 * Each CPU has its own table of vectors, so there are about 190 of them for each CPU. Handlers run
 * on the CPU's interrupt stack with interrupts off, without a lock; free_irq() waits for them.
 */
#include "irq_int.h"

#include <errno.h>
#include <home/irqflags.h>
#include <kernel/acpi.h>
#include <kernel/atomic.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/random.h>
#include <kernel/rcu.h>
#include <kernel/sched.h>
#include <kernel/softirq.h>
#include <kernel/spinlock.h>

#define MSI_ADDRESS 0xFEE00000ull

static struct irq_desc irqs[NR_IRQS];
static DEFINE_SPINLOCK(irq_lock);

/* Which irq a vector of this CPU means; 0: none (irq + 1 is stored). [irq lock] */
static DEFINE_PER_CPU(u16, vector_irq[NR_VECTORS]);
static u64 unexpected;

/* Interrupts are off until a CPU's first thread lets them in. */
DEFINE_PER_CPU(u8, irq_state) = IRQS_OFF | IRQS_HELD;
DEFINE_PER_CPU(u8, irq_late); /* vector that was put off, 0: none; with IRQS_HELD only */

static bool valid_irq(int irq)
{
	return irq >= 0 && irq < NR_IRQS && irqs[irq].chip;
}

/* --- vectors, irq lock held ----------------------------------------------------------------- */

static int vector_alloc(unsigned cpu, int irq)
{
	for (unsigned v = VECTOR_DEVICE_FIRST; v <= VECTOR_DEVICE_LAST; v++) {
		u16 *slot = &per_cpu(vector_irq, cpu)[v];

		if (*slot)
			continue;
		*slot = (u16)(irq + 1);
		return (int)v;
	}
	return -ENOSPC;
}

static void vector_free(unsigned cpu, unsigned vector)
{
	if (vector)
		per_cpu(vector_irq, cpu)[vector] = 0;
}

static void forget_old_vector(struct irq_desc *d)
{
	vector_free(d->old_cpu, d->old_vector);
	d->old_vector = 0;
}

/* --- delivery -------------------------------------------------------------------------------- */

static void handle_irq(int irq, struct irq_desc *d)
{
	bool handled = false;

	for (struct irq_action *a = READ_ONCE(d->actions); a; a = READ_ONCE(a->next))
		handled |= a->fn(irq, a->arg) == IRQ_HANDLED;
	if (d->count)
		d->count[smp_processor_id()]++;
	if (!handled)
		unexpected++;
	d->chip->eoi(d);
}

static void device_interrupt(unsigned vector)
{
	unsigned irq = this_cpu(vector_irq)[vector];

	if (irq) {
		handle_irq((int)irq - 1, &irqs[irq - 1]);
	} else {
		unexpected++;
		if (apic_present)
			apic_eoi();
	}
}

static void pic_interrupt(unsigned line)
{
	if (irqs[line].chip != &pic_chip || pic_is_spurious(line))
		unexpected++;
	else
		handle_irq((int)line, &irqs[line]);
}

static void system_interrupt(unsigned vector)
{
	switch (vector) {
	case VECTOR_TIMER:
		clockevent_interrupt();
		break;
	case VECTOR_RESCHEDULE:
		sched_interrupt();
		break;
	case VECTOR_CALL:
		smp_call_interrupt();
		break;
	case VECTOR_FLUSH_TLB:
		smp_flush_tlb_interrupt();
		break;
	case VECTOR_APIC_ERROR:
		apic_error();
		break;
	case VECTOR_SPURIOUS:
		return; /* owes no acknowledgement */
	}
	apic_eoi();
}

void interrupt_dispatch(struct regs *regs)
{
	unsigned vector = (unsigned)regs->vector;

	irq_enter();
	if (vector > VECTOR_DEVICE_LAST)
		system_interrupt(vector);
	else if (vector >= VECTOR_DEVICE_FIRST)
		device_interrupt(vector);
	else
		pic_interrupt(vector - VECTOR_PIC);
	irq_exit();
}

/* --- what drivers call ------------------------------------------------------------------------ */

/* First handler of a line: find it a vector and open it. */
static int start_irq(int irq, struct irq_desc *d, unsigned flags, unsigned cpu)
{
	if (!d->count) {
		d->count = kcalloc(nr_possible_cpus, sizeof(*d->count), GFP_ATOMIC);
		if (!d->count)
			return -ENOMEM;
	}
	d->flags = d->firmware_flags | flags;
	if (d->vector)
		return 0;
	if (d->chip != &pic_chip) {
		int vector = vector_alloc(cpu, irq);

		if (vector < 0)
			return vector;
		d->vector = (u8)vector;
		d->cpu = (u16)cpu;
	}
	d->disabled = 0;
	d->chip->route(d);
	return 0;
}

static void append(struct irq_desc *d, struct irq_action *a)
{
	struct irq_action **end = &d->actions;

	while (*end)
		end = &(*end)->next;
	smp_store_release(end, a);
}

int request_irq(int irq, irq_handler_t fn, unsigned flags, const char *name, void *arg,
		unsigned cpu)
{
	struct irq_action *a;
	struct irq_desc *d;
	irqflags_t irqf;
	int err = 0;

	if (!valid_irq(irq))
		return -EINVAL;
	a = kzalloc(sizeof(*a), GFP_KERNEL);
	if (!a)
		return -ENOMEM;
	*a = (struct irq_action){.fn = fn, .arg = arg, .name = name};
	d = &irqs[irq];
	if (cpu >= num_online_cpus())
		cpu = 0;
	spin_lock_irqsave(&irq_lock, irqf);
	if (d->actions && !(flags & d->flags & IRQF_SHARED)) {
		err = -EBUSY;
	} else if (d->actions) {
		append(d, a);
	} else {
		append(d, a);
		err = start_irq(irq, d, flags, cpu);
		if (err)
			d->actions = NULL;
	}
	spin_unlock_irqrestore(&irq_lock, irqf);
	if (err)
		kfree(a);
	return err;
}

void free_irq(int irq, void *arg)
{
	struct irq_action *a = NULL, **link;
	struct irq_desc *d;
	irqflags_t flags;

	if (!valid_irq(irq))
		return;
	d = &irqs[irq];
	spin_lock_irqsave(&irq_lock, flags);
	for (link = &d->actions; *link; link = &(*link)->next) {
		if ((*link)->arg != arg)
			continue;
		a = *link;
		WRITE_ONCE(*link, a->next);
		break;
	}
	if (a && !d->actions) {
		d->chip->shut(d);
		/* An MSI keeps its vector until msi_free(). */
		if (d->hw != MSI_HW) {
			forget_old_vector(d);
			vector_free(d->cpu, d->vector);
			d->vector = 0;
		}
	}
	spin_unlock_irqrestore(&irq_lock, flags);
	synchronize_rcu(); /* a handler counts as a reader */
	kfree(a);
}

int irq_set_affinity(int irq, unsigned cpu)
{
	struct irq_desc *d;
	irqflags_t flags;
	int vector = 0;

	if (!valid_irq(irq) || cpu >= num_online_cpus())
		return -EINVAL;
	d = &irqs[irq];
	if (d->chip != &ioapic_chip)
		return d->cpu == cpu ? 0 : -EOPNOTSUPP;
	spin_lock_irqsave(&irq_lock, flags);
	if (d->vector && d->cpu != cpu) {
		forget_old_vector(d);
		vector = vector_alloc(cpu, irq);
		if (vector >= 0) {
			/* One that is already on its way still finds the old entry. */
			d->old_cpu = d->cpu;
			d->old_vector = d->vector;
			d->cpu = (u16)cpu;
			d->vector = (u8)vector;
			d->chip->route(d);
		}
	}
	spin_unlock_irqrestore(&irq_lock, flags);
	return min(vector, 0);
}

static void change_disabled(int irq, int by)
{
	irqflags_t flags;

	if (!valid_irq(irq))
		return;
	spin_lock_irqsave(&irq_lock, flags);
	irqs[irq].disabled = (u8)(irqs[irq].disabled + by);
	irqs[irq].chip->route(&irqs[irq]);
	spin_unlock_irqrestore(&irq_lock, flags);
}

void enable_irq(int irq)
{
	change_disabled(irq, -1);
}

void disable_irq(int irq)
{
	change_disabled(irq, 1);
}

int gsi_to_irq(unsigned gsi)
{
	unsigned irqf;

	for (unsigned isa = 0; isa < 16; isa++)
		if (acpi_isa_to_gsi(isa, &irqf) == gsi)
			return (int)isa;
	return gsi >= 16 && gsi < NR_GSI_IRQS && irqs[gsi].chip ? (int)gsi : -EINVAL;
}

/* --- MSI: a vector is all there is; the device is told where to write ------------------------- */

static void msi_nothing(struct irq_desc *d)
{
}

static const struct irq_chip msi_chip = {
	.name = "PCI-MSI",
	.route = msi_nothing,
	.shut = msi_nothing,
	.eoi = apic_eoi_irq,
};

int msi_alloc(unsigned cpu, u64 *addr, u32 *data)
{
	int irq = -ENOSPC, vector;
	irqflags_t flags;

	if (!apic_present)
		return -ENOSPC;
	/* The address has eight bits for the CPU. */
	if (cpu >= num_online_cpus() || cpu_apic_id[cpu] > 0xff)
		cpu = 0;
	spin_lock_irqsave(&irq_lock, flags);
	for (int i = NR_GSI_IRQS; i < NR_IRQS; i++) {
		struct irq_desc *d = &irqs[i];

		if (d->chip)
			continue;
		vector = vector_alloc(cpu, i);
		if (vector < 0)
			break;
		d->hw = MSI_HW;
		d->vector = (u8)vector;
		d->cpu = (u16)cpu;
		d->flags = 0;
		d->chip = &msi_chip;
		*addr = MSI_ADDRESS | (u64)cpu_apic_id[cpu] << 12;
		*data = (u32)vector;
		irq = i;
		break;
	}
	spin_unlock_irqrestore(&irq_lock, flags);
	return irq;
}

void msi_free(int irq)
{
	irqflags_t flags;

	if (irq < NR_GSI_IRQS || !valid_irq(irq))
		return;
	spin_lock_irqsave(&irq_lock, flags);
	vector_free(irqs[irq].cpu, irqs[irq].vector);
	irqs[irq].vector = 0;
	irqs[irq].chip = NULL;
	spin_unlock_irqrestore(&irq_lock, flags);
}

void irq_for_each(void (*fn)(int irq, const char *chip, const char *name, const u64 *per_cpu,
			     void *arg),
		  void *arg)
{
	for (int irq = 0; irq < NR_IRQS; irq++) {
		const struct irq_desc *d = &irqs[irq];

		if (d->chip && d->actions && d->count)
			fn(irq, d->chip->name, d->actions->name, d->count, arg);
	}
}

/* --- bring-up ----------------------------------------------------------------------------------
 */

static void add_madt_ioapic(const struct acpi_madt_entry *e, void *arg)
{
	const struct acpi_madt_ioapic *io = (const void *)e;

	if (e->type == ACPI_MADT_IOAPIC)
		ioapic_add(io->address, io->gsi_base);
}

static void init_isa_lines(void)
{
	for (unsigned irq = 0; irq < 16; irq++) {
		unsigned flags = 0, gsi = acpi_isa_to_gsi(irq, &flags);

		irqs[irq].hw = ioapic_present() ? gsi : irq;
		irqs[irq].firmware_flags = flags;
		if (!ioapic_present())
			irqs[irq].chip = &pic_chip;
		else if (ioapic_has_gsi(gsi))
			irqs[irq].chip = &ioapic_chip;
	}
}

void irq_init(void)
{
	pic_init();
	apic_detect();
	if (apic_present) {
		acpi_madt_for_each(add_madt_ioapic, NULL);
		if (!ioapic_present())
			mptable_for_each_ioapic(ioapic_add);
	}
	init_isa_lines();
	for (unsigned gsi = 16; gsi < NR_GSI_IRQS; gsi++) {
		irqs[gsi].hw = gsi;
		irqs[gsi].chip = ioapic_has_gsi(gsi) ? &ioapic_chip : NULL;
	}
	apic_init_cpu();
}
