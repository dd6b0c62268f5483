/* SPDX-License-Identifier: MIT */
/*
 * Ticket spinlocks of bare metal: CPUs are served in the order in which they came. Debug builds
 * know the owner and refuse recursion and a foreign unlock; the order of classes is checked in the
 * hosted home, where every lock is taken by the same code (host/spinlock.c).
 */
#include <kernel/spinlock.h>

#include <home/cpu.h>
#include <kernel/atomic.h>
#include <kernel/handoff.h>
#include <kernel/log.h>

#undef spin_lock
#undef spin_unlock
#undef spin_lock_bh
#undef spin_unlock_bh
#undef __spin_lock_irqsave
#undef spin_unlock_irqrestore

#ifdef DEBUG
static void check_not_mine(struct spinlock *l)
{
	if (READ_ONCE(l->cpu) == smp_processor_id() + 1)
		panic("spinlock %s is taken twice by CPU %u", l->class ? l->class->name : "?",
		      smp_processor_id());
}

static void note_owner(struct spinlock *l)
{
	WRITE_ONCE(l->cpu, smp_processor_id() + 1);
}

static void forget_owner(struct spinlock *l)
{
	lockdep_assert_held(l);
	WRITE_ONCE(l->cpu, 0);
}

void lockdep_assert_held(const struct spinlock *l)
{
	if (READ_ONCE(l->cpu) != smp_processor_id() + 1)
		panic("spinlock %s is not held by CPU %u", l->class ? l->class->name : "?",
		      smp_processor_id());
}
#else
static void check_not_mine(struct spinlock *l)
{
	(void)l;
}

static void note_owner(struct spinlock *l)
{
	(void)l;
}

static void forget_owner(struct spinlock *l)
{
	(void)l;
}
#endif

unsigned spin_pause_every = 1;

/* A function of its own, so that what waiting costs can be told from work (tests/bench/insn.c). */
static noinline void spin_wait_turn(struct spinlock *l, u16 ticket, const void *at)
{
	lock_contended(at);
	for (unsigned n = 1; smp_load_acquire(&l->owner) != ticket; n++) {
		if (n % spin_pause_every == 0)
			cpu_relax();
	}
}

void spin_lock_wait(struct spinlock *l, u16 ticket)
{
	spin_wait_turn(l, ticket, __builtin_return_address(0));
}

static inline void lock_raw(struct spinlock *l, const void *at)
{
	u16 ticket;

	check_not_mine(l);
	ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
	if (unlikely(smp_load_acquire(&l->owner) != ticket))
		spin_wait_turn(l, ticket, at);
	note_owner(l);
}

static void unlock_raw(struct spinlock *l)
{
	forget_owner(l);
	smp_store_release(&l->owner, (u16)(l->owner + 1));
}

void spin_lock(struct spinlock *l)
{
	preempt_disable();
	lock_raw(l, __builtin_return_address(0));
}

/* The ticket is drawn only when it is the one being served. */
bool spin_trylock(struct spinlock *l)
{
	u16 owner, next;

	preempt_disable();
	owner = READ_ONCE(l->owner);
	next = owner;
	if (__atomic_compare_exchange_n(&l->next, &next, (u16)(owner + 1), false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED)) {
		note_owner(l);
		return true;
	}
	preempt_enable();
	return false;
}

void spin_unlock(struct spinlock *l)
{
	unlock_raw(l);
	preempt_enable();
}

void spin_lock_bh(struct spinlock *l)
{
	local_bh_disable();
	lock_raw(l, __builtin_return_address(0));
}

void spin_unlock_bh(struct spinlock *l)
{
	unlock_raw(l);
	local_bh_enable();
}

irqflags_t __spin_lock_irqsave(struct spinlock *l)
{
	irqflags_t flags = local_irq_save();

	preempt_disable();
	lock_raw(l, __builtin_return_address(0));
	return flags;
}

void spin_unlock_irqrestore(struct spinlock *l, irqflags_t flags)
{
	unlock_raw(l);
	local_irq_restore(flags);
	preempt_enable();
}

bool spin_is_locked(const struct spinlock *l)
{
	return READ_ONCE(l->owner) != READ_ONCE(l->next);
}
