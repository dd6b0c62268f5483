/* SPDX-License-Identifier: MIT */
/*
 * Wait queues and the sleeping lock. A waiter is an entry with a function, called by the waker
 * under the queue's lock: the default wakes a thread; poll and epoll bring their own. `key` is
 * the mask of poll events that happened (0: any).
 */
#ifndef KERNEL_WAIT_H
#define KERNEL_WAIT_H

#include <kernel/thread.h>
#include <kernel/time.h>

struct wait_queue {
	struct spinlock lock;
	struct list_head head; /* of struct wait_entry */
};

struct wait_entry {
	struct list_head entry;
	/* Returns true when this waiter took the wake-up (an exclusive one ends the round). Any
	 * context, queue locked with interrupts off. */
	bool (*func)(struct wait_entry *e, u32 key);
	void *priv;
	bool exclusive;
};

void wait_queue_init(struct wait_queue *wq);
void wait_queue_add(struct wait_queue *wq, struct wait_entry *e);
void wait_queue_add_exclusive(struct wait_queue *wq, struct wait_entry *e); /* at the tail */
void wait_queue_remove(struct wait_queue *wq, struct wait_entry *e);

/* Without the lock: a waker that skips wake_up() by it has smp_mb() behind what it made true. */
static inline bool wait_queue_active(const struct wait_queue *wq)
{
	return !list_empty(&wq->head);
}

/* Wake all non-exclusive waiters and up to nr exclusive ones (0: all). Any context. The caller
 * made its condition true before (the lock orders it against prepare_to_wait()). */
void wake_up_nr_key(struct wait_queue *wq, unsigned nr, u32 key);
#define wake_up(wq)            wake_up_nr_key(wq, 1, 0)
#define wake_up_all(wq)        wake_up_nr_key(wq, 0, 0)
#define wake_up_poll(wq, mask) wake_up_nr_key(wq, 1, mask)

/* Queue the current thread on wq (once: e is zeroed before the first call) and mark it sleeping;
 * the caller then tests its condition and calls schedule_timeout_ns(); finish_wait() undoes it. */
void prepare_to_wait(struct wait_queue *wq, struct wait_entry *e, bool exclusive);
void finish_wait(struct wait_queue *wq, struct wait_entry *e);

#define WAIT_FOREVER (~0ull)

/* Sleep until woken, or for timeout_ns at most. Returns the time left: 0 when it ran out. */
u64 schedule_timeout_ns(u64 timeout_ns);

/* Sleep until cond holds or timeout_ns passed. Value: time left (at least 1) when cond holds, 0
 * when the time ran out. Thread context; cond is evaluated several times. */
#define wait_event_timeout(wq, cond, timeout_ns)              \
	({                                                    \
		struct wait_entry __e = {.func = NULL};       \
		u64 __left = (timeout_ns);                    \
		for (;;) {                                    \
			prepare_to_wait((wq), &__e, false);   \
			if (cond) {                           \
				__left = __left ? __left : 1; \
				break;                        \
			}                                     \
			if (!__left)                          \
				break;                        \
			__left = schedule_timeout_ns(__left); \
		}                                             \
		finish_wait((wq), &__e);                      \
		__left;                                       \
	})
#define wait_event(wq, cond) ((void)wait_event_timeout(wq, cond, WAIT_FOREVER))

/* Sleeping lock: thread context only, fair. */
struct mutex {
	struct spinlock lock;
	uintptr_t owner; /* a struct thread *, and a bit that says that others wait */
	struct wait_queue wq;
};

#define MUTEX_INIT(m)                                        \
	{                                                    \
		.lock = SPINLOCK_INIT(m),                    \
		.wq = {.lock = SPINLOCK_INIT(m.wq),          \
		       .head = LIST_HEAD_INIT((m).wq.head) } \
	}
#define DEFINE_MUTEX(m) struct mutex m = MUTEX_INIT(m)

void mutex_init(struct mutex *m);
void mutex_lock(struct mutex *m);
bool mutex_trylock(struct mutex *m) __must_check;
void mutex_unlock(struct mutex *m);
bool mutex_is_mine(const struct mutex *m);

#endif
