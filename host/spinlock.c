/* SPDX-License-Identifier: MIT */
/*
 * Spinlocks of the hosted home. Nothing runs at the same time, so a lock that is found taken was
 * left locked, or is taken twice. What is worth checking here is what would go wrong on real
 * CPUs; a class of locks is the place that initialises them:
 *  - the order in which classes are taken inside one another must have no circle;
 *  - a class taken in softirq context must not be taken with softirqs on, nor one taken in hardirq
 *    context with interrupts on: the interrupt would wait for the code it interrupted.
 */
#include <kernel/handoff.h>
#include <kernel/spinlock.h>
#include <lib/assert.h>
#include <stdio.h>
#include <string.h>

#include "host/host_int.h"

#ifdef DEBUG

#define MAX_CLASSES 256
#define MAX_HELD    16

#define USED_IN_SOFTIRQ   1u
#define USED_WITH_BH_ON   2u
#define USED_IN_HARDIRQ   4u
#define USED_WITH_IRQS_ON 8u

static struct {
	const char *name[MAX_CLASSES];
	u8 used[MAX_CLASSES];
	bool before[MAX_CLASSES][MAX_CLASSES]; /* row was held when column was taken */
	unsigned n;
	struct lock_class *held[MAX_CPUS][MAX_HELD];
	unsigned nr_held[MAX_CPUS];
} lockdep = {.n = 1};

static struct lock_class unnamed_class = {.name = "(never initialised)"};

static struct lock_class *class_of(struct spinlock *l)
{
	struct lock_class *c = l->class ? l->class : &unnamed_class;

	if (!c->id) {
		if (lockdep.n == MAX_CLASSES)
			host_die("more than %u classes of locks", MAX_CLASSES);
		c->id = lockdep.n++;
		lockdep.name[c->id] = c->name;
	}
	return c;
}

/* Was b ever taken, directly or through others, while a was held? */
static bool comes_before(unsigned a, unsigned b, bool *seen)
{
	if (lockdep.before[a][b])
		return true;
	seen[a] = true;
	for (unsigned i = 1; i < lockdep.n; i++) {
		if (lockdep.before[a][i] && !seen[i] && comes_before(i, b, seen))
			return true;
	}
	return false;
}

static void check_order(const struct lock_class *c)
{
	for (unsigned i = 0; i < lockdep.nr_held[host_cpu]; i++) {
		const struct lock_class *h = lockdep.held[host_cpu][i];
		bool seen[MAX_CLASSES] = {false};

		if (h == c || lockdep.before[h->id][c->id])
			continue;
		if (comes_before(c->id, h->id, seen))
			host_die("lock order: %s is taken inside %s; elsewhere it is the other way "
				 "round",
				 c->name, h->name);
		lockdep.before[h->id][c->id] = true;
	}
}

static void check_context(const struct lock_class *c)
{
	u8 *used = &lockdep.used[c->id];

	if (in_hardirq())
		*used |= USED_IN_HARDIRQ;
	else if (!irqs_disabled())
		*used |= USED_WITH_IRQS_ON;
	if (in_serving_softirq())
		*used |= USED_IN_SOFTIRQ;
	else if (!in_softirq() && !in_hardirq() && !irqs_disabled())
		*used |= USED_WITH_BH_ON;
	if ((*used & (USED_IN_SOFTIRQ | USED_WITH_BH_ON)) == (USED_IN_SOFTIRQ | USED_WITH_BH_ON))
		host_die("lock %s is taken by softirqs, and also with softirqs on", c->name);
	if ((*used & (USED_IN_HARDIRQ | USED_WITH_IRQS_ON)) ==
	    (USED_IN_HARDIRQ | USED_WITH_IRQS_ON))
		host_die("lock %s is taken by interrupts, and also with interrupts on", c->name);
}

static void note_held(struct lock_class *c)
{
	unsigned *n = &lockdep.nr_held[host_cpu];

	if (*n == MAX_HELD)
		host_die("more than %u locks held", MAX_HELD);
	lockdep.held[host_cpu][(*n)++] = c;
}

static void note_taken(struct spinlock *l, bool tried)
{
	struct lock_class *c = class_of(l);

	if (!tried) {
		check_order(c);
		check_context(c);
	}
	note_held(c);
	l->cpu = host_cpu + 1;
}

static void note_released(struct spinlock *l)
{
	struct lock_class *c = class_of(l);
	unsigned *n = &lockdep.nr_held[host_cpu];

	if (l->cpu != host_cpu + 1)
		host_die("lock %s is released by CPU %u, which does not hold it", c->name,
			 host_cpu);
	l->cpu = 0;
	for (unsigned i = *n; i-- > 0;) {
		if (lockdep.held[host_cpu][i] == c) {
			(*n)--;
			memmove(&lockdep.held[host_cpu][i], &lockdep.held[host_cpu][i + 1],
				(*n - i) * sizeof(lockdep.held[0][0]));
			return;
		}
	}
}

void lockdep_assert_held(const struct spinlock *l)
{
	if (l->cpu != host_cpu + 1)
		host_die("lock %s should be held here", l->class ? l->class->name : "?");
}

void host_spinlock_check(void)
{
	for (unsigned cpu = 0; cpu < host_nr_cpus; cpu++) {
		if (lockdep.nr_held[cpu])
			host_die("CPU %u still holds lock %s", cpu, lockdep.held[cpu][0]->name);
	}
}

#else

static void note_taken(struct spinlock *l, bool tried)
{
}

static void note_released(struct spinlock *l)
{
}

void host_spinlock_check(void)
{
}

#endif

bool spin_is_locked(const struct spinlock *l)
{
	return l->next != l->owner;
}

void spin_lock(struct spinlock *l)
{
	preempt_disable();
	if (spin_is_locked(l))
		host_die("a lock is taken twice, or was left locked");
	note_taken(l, false);
	l->next++;
}

bool spin_trylock(struct spinlock *l)
{
	preempt_disable();
	if (spin_is_locked(l)) {
		lock_contended(__builtin_return_address(0));
		preempt_enable();
		return false;
	}
	note_taken(l, true);
	l->next++;
	return true;
}

void spin_unlock(struct spinlock *l)
{
	if (!spin_is_locked(l))
		host_die("a lock that nobody holds is released");
	note_released(l);
	l->owner++;
	preempt_enable();
}

void spin_lock_bh(struct spinlock *l)
{
	local_bh_disable();
	spin_lock(l);
}

void spin_unlock_bh(struct spinlock *l)
{
	spin_unlock(l);
	local_bh_enable();
}

irqflags_t __spin_lock_irqsave(struct spinlock *l)
{
	irqflags_t flags = local_irq_save();

	spin_lock(l);
	return flags;
}

void spin_unlock_irqrestore(struct spinlock *l, irqflags_t flags)
{
	note_released(l);
	l->owner++;
	local_irq_restore(flags);
	preempt_enable();
}
