/* SPDX-License-Identifier: MIT */
/*
 * Wait queues, sleeping with a time-out, and the mutex, over thread.h and hrtimers.
 *
 * A wake-up cannot be lost: the waiter queues itself and says that it sleeps under the queue's
 * lock, then tests its condition; the waker makes the condition true, then takes that lock.
 */
#include <kernel/handoff.h>
#include <kernel/timer.h>
#include <kernel/wait.h>
#include <lib/assert.h>

void wait_queue_init(struct wait_queue *wq)
{
	spin_lock_init(&wq->lock);
	INIT_LIST_HEAD(&wq->head);
}

/* Non-exclusive waiters first, so that a wake-up reaches them all before it stops. */
void wait_queue_add(struct wait_queue *wq, struct wait_entry *e)
{
	irqflags_t flags;

	e->exclusive = false;
	spin_lock_irqsave(&wq->lock, flags);
	list_add(&e->entry, &wq->head);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void wait_queue_add_exclusive(struct wait_queue *wq, struct wait_entry *e)
{
	irqflags_t flags;

	e->exclusive = true;
	spin_lock_irqsave(&wq->lock, flags);
	list_add_tail(&e->entry, &wq->head);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void wait_queue_remove(struct wait_queue *wq, struct wait_entry *e)
{
	irqflags_t flags;

	spin_lock_irqsave(&wq->lock, flags);
	if (e->entry.next)
		list_del(&e->entry);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void wake_up_nr_key(struct wait_queue *wq, unsigned nr, u32 key)
{
	struct wait_entry *e, *next;
	irqflags_t flags;

	spin_lock_irqsave(&wq->lock, flags);
	list_for_each_entry_safe(e, next, &wq->head, entry) {
		bool exclusive = e->exclusive;

		if (e->func(e, key) && exclusive && nr && !--nr)
			break;
	}
	spin_unlock_irqrestore(&wq->lock, flags);
}

/* Who is woken leaves the queue: what else happens before it runs need not look at it again. Its
 * entry stays until the queue's lock is free, which finish_wait() takes. */
static bool wake_thread(struct wait_entry *e, u32 key)
{
	if (!thread_wake(e->priv))
		return false;
	list_del(&e->entry);
	return true;
}

noinline void prepare_to_wait(struct wait_queue *wq, struct wait_entry *e, bool exclusive)
{
	struct thread *t = thread_current();
	irqflags_t flags;

	spin_lock_irqsave(&wq->lock, flags);
	if (!e->entry.next) {
		e->func = wake_thread;
		e->priv = t;
		e->exclusive = exclusive;
		if (exclusive)
			list_add_tail(&e->entry, &wq->head);
		else
			list_add(&e->entry, &wq->head);
	}
	WRITE_ONCE(t->state, THREAD_SLEEPING);
	spin_unlock_irqrestore(&wq->lock, flags);
	smp_mb(); /* the queue before the condition: pairs with wakers that ask wait_queue_active()
		   */
}

noinline void finish_wait(struct wait_queue *wq, struct wait_entry *e)
{
	WRITE_ONCE(thread_current()->state, THREAD_RUNNING);
	wait_queue_remove(wq, e);
}

struct sleeper {
	struct hrtimer timer;
	struct thread *thread;
};

static u64 sleeper_fire(struct hrtimer *t)
{
	thread_wake(container_of(t, struct sleeper, timer)->thread);
	return 0;
}

noinline u64 schedule_timeout_ns(u64 timeout_ns)
{
	struct sleeper s = {.thread = thread_current()};
	u64 now_ns, end_ns;

	if (timeout_ns == WAIT_FOREVER) {
		schedule();
		return WAIT_FOREVER;
	}
	now_ns = ktime_get_ns();
	end_ns = now_ns + timeout_ns < now_ns ? WAIT_FOREVER : now_ns + timeout_ns;
	hrtimer_setup(&s.timer, sleeper_fire);
	hrtimer_start(&s.timer, end_ns);
	schedule();
	hrtimer_cancel(&s.timer);
	now_ns = ktime_get_ns();
	return now_ns < end_ns ? end_ns - now_ns : 0;
}

void thread_sleep_ns(u64 ns)
{
	while (ns) {
		WRITE_ONCE(thread_current()->state, THREAD_SLEEPING);
		ns = schedule_timeout_ns(ns);
	}
}

/* -- mutex -------------------------------------------------------------------------------------
 *
 * The owner's thread, and MUTEX_WAITERS beside it while some wait: then only holders of m->lock
 * change the word. */

#define MUTEX_WAITERS 1ul

static uintptr_t mutex_word(const struct thread *t)
{
	return (uintptr_t)t;
}

static bool mutex_take(struct mutex *m)
{
	return !cmpxchg(&m->owner, 0ul, mutex_word(thread_current()));
}

void mutex_init(struct mutex *m)
{
	spin_lock_init(&m->lock);
	m->owner = 0;
	wait_queue_init(&m->wq);
}

bool mutex_is_mine(const struct mutex *m)
{
	return (READ_ONCE(m->owner) & ~MUTEX_WAITERS) == mutex_word(thread_current());
}

bool mutex_trylock(struct mutex *m)
{
	return mutex_take(m);
}

/* Taken, or marked as waited for. m->lock held. */
static bool mutex_take_or_mark(struct mutex *m)
{
	uintptr_t owner;

	do {
		if (mutex_take(m))
			return true;
		owner = READ_ONCE(m->owner);
	} while (!owner || cmpxchg(&m->owner, owner, owner | MUTEX_WAITERS) != owner);
	return false;
}

static noinline void mutex_lock_slow(struct mutex *m, const void *at)
{
	struct thread *me = thread_current();
	struct wait_entry e = {.priv = me};
	irqflags_t flags;

	spin_lock_irqsave(&m->lock, flags);
	if (!mutex_take_or_mark(m)) {
		lock_contended(at);
		list_add_tail(&e.entry, &m->wq.head);
		while (!mutex_is_mine(m)) {
			WRITE_ONCE(me->state, THREAD_SLEEPING);
			spin_unlock_irqrestore(&m->lock, flags);
			schedule();
			spin_lock_irqsave(&m->lock, flags);
		}
		WRITE_ONCE(me->state, THREAD_RUNNING);
	}
	spin_unlock_irqrestore(&m->lock, flags);
}

void mutex_lock(struct mutex *m)
{
	might_sleep();
	DEBUG_ASSERT(!mutex_is_mine(m));
	if (unlikely(!mutex_take(m)))
		mutex_lock_slow(m, __builtin_return_address(0));
}

/* The unlocker hands the mutex to the longest waiter: none can overtake it. */
static noinline void mutex_hand_over(struct mutex *m)
{
	struct wait_entry *e;
	struct thread *next;
	irqflags_t flags;

	spin_lock_irqsave(&m->lock, flags);
	e = list_first_entry(&m->wq.head, struct wait_entry, entry);
	next = e->priv;
	list_del(&e->entry);
	WRITE_ONCE(m->owner, mutex_word(next) | (list_empty(&m->wq.head) ? 0 : MUTEX_WAITERS));
	/* Under the lock: next cannot see that it owns the mutex, and end, before it is woken. */
	thread_wake(next);
	spin_unlock_irqrestore(&m->lock, flags);
}

void mutex_unlock(struct mutex *m)
{
	uintptr_t me = mutex_word(thread_current());

	DEBUG_ASSERT(mutex_is_mine(m));
	if (unlikely(cmpxchg(&m->owner, me, 0ul) != me))
		mutex_hand_over(m);
}
