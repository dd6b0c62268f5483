/* SPDX-License-Identifier: MIT */
/*
 * The locks' usual way, in line, for what is compiled for speed; kernel/sched/spinlock.c has the
 * functions, also for a lock that is found taken.
 */
#ifndef HOME_SPINLOCK_H
#define HOME_SPINLOCK_H

#include <lib/compiler.h>

/*
 * After how many looks at a taken lock the CPU is told that it waits. At each, but for QEMU's
 * emulator: there a `pause` takes the lock of the whole machine, which the CPU that is waited for
 * needs for every access to a device. [I] once the first CPU is known
 */
extern unsigned spin_pause_every;

/* The ticket drawn is not the one being served: wait for it. */
void spin_lock_wait(struct spinlock *l, u16 ticket);

#if !defined(DEBUG) && !defined(__OPTIMIZE_SIZE__)
static inline void __spin_draw(struct spinlock *l)
{
	u16 ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	if (unlikely(__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket))
		spin_lock_wait(l, ticket);
}

static inline void __spin_pass(struct spinlock *l)
{
	__atomic_store_n(&l->owner, (u16)(l->owner + 1), __ATOMIC_RELEASE);
}

static inline void spin_lock_inline(struct spinlock *l) __acquires(*l) __no_lock_check
{
	preempt_disable();
	__spin_draw(l);
}

static inline void spin_unlock_inline(struct spinlock *l) __releases(*l) __no_lock_check
{
	__spin_pass(l);
	preempt_enable();
}

static inline void spin_lock_bh_inline(struct spinlock *l) __acquires(*l) __no_lock_check
{
	local_bh_disable();
	__spin_draw(l);
}

static inline void spin_unlock_bh_inline(struct spinlock *l) __releases(*l) __no_lock_check
{
	__spin_pass(l);
	local_bh_enable();
}

static inline irqflags_t __spin_lock_irqsave_inline(struct spinlock *l)
	__acquires(*l) __no_lock_check
{
	irqflags_t flags = local_irq_save();

	preempt_disable();
	__spin_draw(l);
	return flags;
}

static inline void spin_unlock_irqrestore_inline(struct spinlock *l, irqflags_t flags)
	__releases(*l) __no_lock_check
{
	__spin_pass(l);
	local_irq_restore(flags);
	preempt_enable();
}

#define spin_lock              spin_lock_inline
#define spin_unlock            spin_unlock_inline
#define spin_lock_bh           spin_lock_bh_inline
#define spin_unlock_bh         spin_unlock_bh_inline
#define __spin_lock_irqsave    __spin_lock_irqsave_inline
#define spin_unlock_irqrestore spin_unlock_irqrestore_inline
#endif
#endif
