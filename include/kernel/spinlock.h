/* SPDX-License-Identifier: MIT */
/*
 * Spinlocks. Fair (ticket), for sections that never sleep. The _bh form is for data shared with
 * softirqs, the _irqsave form for data shared with hardirqs. Debug builds (DEBUG=1) record the
 * owner, refuse recursion and unlocking by another CPU, and check the order of lock classes (a
 * class is the place that initialises the lock): a circle is reported with both places.
 */
#ifndef KERNEL_SPINLOCK_H
#define KERNEL_SPINLOCK_H

#include <kernel/preempt.h>

struct lock_class {
	const char *name;
	u16 id; /* 0: not yet registered */
};

struct __capability("mutex") spinlock
{
	u16 next;  /* [a] ticket handed out next */
	u16 owner; /* [a] ticket being served */
#ifdef DEBUG
	u32 cpu; /* owner + 1, 0 when free */
	struct lock_class *class;
#endif
};

#ifdef DEBUG
#define SPINLOCK_INIT_CLASS(cls) \
	{                        \
		.class = (cls)   \
	}
#define spin_lock_init(l)                                              \
	do {                                                           \
		static struct lock_class __class = {.name = #l};       \
		*(l) = (struct spinlock)SPINLOCK_INIT_CLASS(&__class); \
	} while (0)
#define SPINLOCK_INIT(n)                      \
	{                                     \
		.class = &(struct lock_class) \
		{                             \
			.name = #n            \
		}                             \
	}
#else
#define spin_lock_init(l) (*(l) = (struct spinlock){0})
#define SPINLOCK_INIT(n) \
	{                \
		0        \
	}
#endif
#define DEFINE_SPINLOCK(n) struct spinlock n = SPINLOCK_INIT(n)

/* spin_lock() also holds preemption off until the unlock. */
void spin_lock(struct spinlock *l) __acquires(*l);
bool spin_trylock(struct spinlock *l) __try_acquires(true, *l) __must_check;
void spin_unlock(struct spinlock *l) __releases(*l);
void spin_lock_bh(struct spinlock *l) __acquires(*l);
void spin_unlock_bh(struct spinlock *l) __releases(*l);
irqflags_t __spin_lock_irqsave(struct spinlock *l) __acquires(*l);
void spin_unlock_irqrestore(struct spinlock *l, irqflags_t flags) __releases(*l);
#define spin_lock_irqsave(l, flags) ((flags) = __spin_lock_irqsave(l))
bool spin_is_locked(const struct spinlock *l);

/* Stop a debug build where this CPU does not hold l. No code in other builds. */
#ifdef DEBUG
void lockdep_assert_held(const struct spinlock *l);
#else
#define lockdep_assert_held(l) ((void)(l))
#endif

/* The home's own forms of these functions, if it has any. */
#include <home/spinlock.h>

#endif
