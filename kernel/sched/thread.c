/* SPDX-License-Identifier: MIT */
/*
 * Threads from birth to burial. A thread holds one reference on itself until it has left its stack;
 * its creator holds another. Both count for the struct, the stack goes as soon as it is unused.
 */
#include "sched_int.h"

#include <errno.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <lib/assert.h>
#include <lib/string.h>

static struct {
	struct spinlock lock;
	struct list_head all; /* every thread, idle ones first [lock] */
	u32 last_tid;         /* [lock] */
	u16 count[MAX_CPUS];  /* idle ones not counted [lock] */
} threads = {.lock = SPINLOCK_INIT(threads), .all = LIST_HEAD_INIT(threads.all)};

unsigned sched_nr_threads(unsigned cpu)
{
	return READ_ONCE(threads.count[cpu]);
}

static unsigned least_busy_cpu(void)
{
	unsigned best = 0;

	for_each_cpu(cpu)
		if (threads.count[cpu] < threads.count[best])
			best = cpu;
	return best;
}

static void set_name(struct thread *t, const char *name)
{
	/* A longer name is cut: it is only shown. */
	if (strscpy(t->name, name, sizeof(t->name)) < 0)
		return;
}

/* Called with interrupts off too: the first threads are made before they come on. */
static void list_thread(struct thread *t, unsigned cpu, bool is_idle)
{
	irqflags_t flags;

	spin_lock_irqsave(&threads.lock, flags);
	t->cpu = cpu == CPU_ANY ? least_busy_cpu() : cpu;
	t->tid = is_idle ? 0 : ++threads.last_tid;
	threads.count[t->cpu] += !is_idle;
	list_add_tail(&t->all, &threads.all);
	spin_unlock_irqrestore(&threads.lock, flags);
}

static void init_common(struct kthread *k, const char *name, enum thread_prio prio)
{
	k->t.prio = (u8)prio;
	k->t.join_wq = &k->join_wq;
	wait_queue_init(&k->join_wq);
	set_name(&k->t, name);
}

void thread_init_idle(struct kthread *k, unsigned cpu)
{
	char name[] = "idle/00";

	name[5] = (char)('0' + cpu / 10);
	name[6] = (char)('0' + cpu % 10);
	if (cpu < 10) {
		name[5] = name[6];
		name[6] = '\0';
	}
	init_common(k, name, PRIO_IDLE);
	refcount_set(&k->t.ref, 1);
	k->t.on_rq = true;
	spin_lock(&threads.lock);
	k->t.cpu = cpu;
	list_add(&k->t.all, &threads.all);
	spin_unlock(&threads.lock);
}

/* The frame that switch_stacks() pops: six registers and the address it returns to. */
static void *first_frame(void *stack)
{
	u64 *sp = (u64 *)((char *)stack + KSTACK_BYTES) - 9;

	memset(sp, 0, 9 * sizeof(*sp));
	sp[6] = (uintptr_t)thread_entry;
	return sp;
}

struct thread *thread_create(const char *name, int (*fn)(void *arg), void *arg, unsigned cpu,
			     enum thread_prio prio)
{
	struct kthread *k;

	if (cpu != CPU_ANY && cpu >= num_online_cpus())
		return NULL;
	k = kzalloc(sizeof(*k), GFP_KERNEL);
	if (!k)
		return NULL;
	k->t.stack = kstack_alloc();
	if (!k->t.stack) {
		kfree(k);
		return NULL;
	}
	init_common(k, name, prio);
	k->t.fn = fn;
	k->t.arg = arg;
	k->t.sp = first_frame(k->t.stack);
	refcount_set(&k->t.ref, 2);
	list_thread(&k->t, cpu, false);
	sched_start(&k->t);
	return &k->t;
}

void thread_put(struct thread *t)
{
	if (refcount_dec_and_test(&t->ref))
		kfree(to_kthread(t));
}

void thread_reap(struct thread *t)
{
	spin_lock_bh(&threads.lock);
	list_del(&t->all);
	threads.count[t->cpu]--;
	spin_unlock_bh(&threads.lock);
	kstack_free(t->stack);
	t->stack = NULL;
	thread_put(t);
}

void thread_exit(int code)
{
	struct thread *self = thread_current();

	might_sleep();
	thread_unplug();
	self->exit_code = code;
	smp_store_release(&to_kthread(self)->done, 1);
	wake_up_all(self->join_wq);
	WRITE_ONCE(self->state, THREAD_DEAD);
	schedule();
	panic("thread %s runs after its end", self->name);
}

int thread_join(struct thread *t)
{
	struct kthread *k = to_kthread(t);

	wait_event(t->join_wq, smp_load_acquire(&k->done));
	return t->exit_code;
}

void thread_for_each(void (*fn)(struct thread *t, void *arg), void *arg)
{
	struct thread *t;

	spin_lock_bh(&threads.lock);
	list_for_each_entry(t, &threads.all, all)
		fn(t, arg);
	spin_unlock_bh(&threads.lock);
}
