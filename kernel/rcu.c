/* SPDX-License-Identifier: MIT */
/*
 * Read-copy-update by quiescent states.
 *
 * Grace periods are numbered. One runs from the moment gp_begun is raised until every online CPU
 * has noted a quiescent state after that; then gp_done catches up. A CPU keeps its callbacks in
 * three lists: `next` (no grace period chosen yet), `wait` (for number wait_gp) and `done`, which
 * RCU_SOFTIRQ moves on. Nothing but memory waits for most callbacks, so a busy CPU gathers BUNCH of
 * them for one grace period; an idle one, or one with a thread in synchronize_rcu(), begins it at
 * once. A CPU that lets a grace period wait for more than KICK_NS gets a call, so that an idle or
 * computing CPU passes through a softirq boundary.
 *
 * One CPU is the same with one report: its grace period ends at the end of the softirq round.
 */
#include <home/irqflags.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/percpu.h>
#include <kernel/rcu.h>
#include <kernel/softirq.h>
#include <kernel/spinlock.h>
#include <kernel/timer.h>
#include <kernel/wait.h>

#define KICK_NS     1000000ull
#define BUNCH       32    /* callbacks that a busy CPU gathers */
#define BATCH       128   /* callbacks run in one softirq round */
#define KFREE_LIMIT 4096u /* a "function" below this is an offset: kfree_rcu() */

struct rcu_list {
	struct rcu_head *first, **tail;
};

struct rcu_cpu {
	u64 seen; /* latest grace period this CPU has reported for [a] */
	u64 wait_gp;
	struct rcu_list next, wait, done; /* [interrupts off, this CPU] */
	u32 gathered;                     /* callbacks in next */
	bool begin;                       /* next is to get its grace period */
	struct call_single_data kick;
};

static struct {
	struct spinlock lock;
	u64 gp_begun;   /* [lock] for writing */
	u64 gp_done;    /* [lock] for writing; gp_begun or one less */
	bool want_more; /* [lock] callbacks wait for the one after gp_begun */
	struct timer kick_timer;
} rcu = {.lock = SPINLOCK_INIT(rcu)};

static DEFINE_PER_CPU(struct rcu_cpu, rcu_cpu);

static void list_append(struct rcu_list *l, struct rcu_head *h)
{
	h->next = NULL;
	if (!l->first)
		l->tail = &l->first;
	*l->tail = h;
	l->tail = &h->next;
}

/* Append all of from to to. */
static void list_move_all(struct rcu_list *from, struct rcu_list *to)
{
	if (!from->first)
		return;
	if (!to->first)
		to->tail = &to->first;
	*to->tail = from->first;
	to->tail = from->tail;
	from->first = NULL;
}

static void gp_begin(void)
{
	WRITE_ONCE(rcu.gp_begun, rcu.gp_begun + 1);
	rcu.want_more = false;
}

/* A number whose end means that all readers of now have left. */
static u64 gp_request(void)
{
	irqflags_t flags;
	u64 gp;

	spin_lock_irqsave(&rcu.lock, flags);
	if (rcu.gp_begun == rcu.gp_done) {
		gp_begin();
		gp = rcu.gp_begun;
	} else {
		/* The one under way may have begun before a reader of now did. */
		rcu.want_more = true;
		gp = rcu.gp_begun + 1;
	}
	spin_unlock_irqrestore(&rcu.lock, flags);
	timer_reduce(&rcu.kick_timer, ktime_get_ns() + KICK_NS);
	return gp;
}

static bool gp_all_reported(u64 gp)
{
	for_each_cpu(cpu) {
		if (smp_load_acquire(&per_cpu(rcu_cpu, cpu).seen) < gp)
			return false;
	}
	return true;
}

/* Called on a CPU that others wait for: the end of this softirq round is its quiescent state. */
static void rcu_kick(void *arg)
{
	raise_softirq(RCU_SOFTIRQ);
}

/* The function is set here, not at boot: the other CPUs' data does not exist then. */
static void kick_cpu(struct rcu_cpu *rc, unsigned cpu)
{
	WRITE_ONCE(rc->kick.fn, rcu_kick);
	smp_call_function_single_async(cpu, &rc->kick);
}

/* The last CPU reported: end the grace period, begin the next if somebody waits for it. */
static void gp_end(u64 gp)
{
	irqflags_t flags;
	bool ended = false;

	spin_lock_irqsave(&rcu.lock, flags);
	if (rcu.gp_begun == gp && rcu.gp_done < gp) {
		smp_store_release(&rcu.gp_done, gp);
		ended = true;
		if (rcu.want_more)
			gp_begin();
	}
	spin_unlock_irqrestore(&rcu.lock, flags);
	if (!ended)
		return;
	for_each_cpu(cpu) {
		struct rcu_cpu *rc = per_cpu_ptr(&rcu_cpu, cpu);

		if (cpu == smp_processor_id())
			raise_softirq(RCU_SOFTIRQ);
		else if (READ_ONCE(rc->wait.first))
			kick_cpu(rc, cpu);
	}
}

void rcu_note_quiescent(void)
{
	struct rcu_cpu *rc = &this_cpu(rcu_cpu);
	u64 gp = smp_load_acquire(&rcu.gp_begun);

	if (likely(rc->seen == gp))
		return;
	smp_mb(); /* what readers here did comes before the report */
	smp_store_release(&rc->seen, gp);
	smp_mb(); /* of two CPUs that report at once, one sees both reports */
	if (READ_ONCE(rcu.gp_done) < gp && gp_all_reported(gp))
		gp_end(gp);
}

/* A grace period is taking long: have the CPUs that have not reported pass a boundary. */
static void kick_timer_fn(struct timer *t)
{
	u64 gp = READ_ONCE(rcu.gp_begun);

	if (READ_ONCE(rcu.gp_done) == gp)
		return;
	for_each_cpu(cpu) {
		struct rcu_cpu *rc = per_cpu_ptr(&rcu_cpu, cpu);

		if (READ_ONCE(rc->seen) < gp)
			kick_cpu(rc, cpu);
	}
	timer_mod(t, ktime_get_ns() + KICK_NS);
}

static void rcu_invoke(struct rcu_head *h)
{
	uintptr_t offset = (uintptr_t)h->func;

	if (offset < KFREE_LIMIT)
		kfree((void *)((uintptr_t)h - offset));
	else
		h->func(h);
}

/* Take up to BATCH finished callbacks off this CPU's list. */
static struct rcu_head *take_done(struct rcu_cpu *rc)
{
	struct rcu_head *first = rc->done.first, *last = first;

	for (unsigned n = 1; last && last->next && n < BATCH; n++)
		last = last->next;
	if (last) {
		rc->done.first = last->next;
		last->next = NULL;
	}
	return first;
}

static void rcu_softirq(void)
{
	struct rcu_cpu *rc = &this_cpu(rcu_cpu);
	irqflags_t flags = local_irq_save();
	struct rcu_head *h;
	bool more;

	if (rc->wait.first && smp_load_acquire(&rcu.gp_done) >= rc->wait_gp)
		list_move_all(&rc->wait, &rc->done);
	if (!rc->wait.first && rc->next.first && rc->begin) {
		rc->begin = false;
		rc->gathered = 0;
		list_move_all(&rc->next, &rc->wait);
		rc->wait_gp = gp_request();
	}
	h = take_done(rc);
	more = rc->done.first;
	local_irq_restore(flags);
	while (h) {
		struct rcu_head *next = h->next;

		rcu_invoke(h);
		h = next;
	}
	if (more)
		raise_softirq(RCU_SOFTIRQ);
}

/* What was gathered gets its grace period. Interrupts off. */
static void begin_soon(struct rcu_cpu *rc)
{
	rc->begin = true;
	raise_softirq_irqoff(RCU_SOFTIRQ);
}

static void queue_callback(struct rcu_head *head, void (*func)(struct rcu_head *head), bool soon)
{
	irqflags_t flags = local_irq_save();
	struct rcu_cpu *rc = &this_cpu(rcu_cpu);

	head->func = func;
	list_append(&rc->next, head);
	if (unlikely(++rc->gathered % BUNCH == 0 || soon))
		begin_soon(rc);
	local_irq_restore(flags);
}

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	queue_callback(head, func, false);
}

bool rcu_idle(void)
{
	struct rcu_cpu *rc = &this_cpu(rcu_cpu);
	irqflags_t flags;

	rcu_note_quiescent();
	if (!READ_ONCE(rc->next.first) || READ_ONCE(rc->wait.first))
		return false;
	local_bh_disable();
	flags = local_irq_save();
	begin_soon(rc);
	local_irq_restore(flags);
	local_bh_enable(); /* serves it */
	return true;
}

void __kfree_rcu(struct rcu_head *head, size_t offset)
{
	call_rcu(head, (void (*)(struct rcu_head *))offset);
}

struct rcu_waiter {
	struct rcu_head head;
	struct wait_queue wq;
	bool done;
};

static void rcu_waiter_wake(struct rcu_head *head)
{
	struct rcu_waiter *w = container_of(head, struct rcu_waiter, head);

	WRITE_ONCE(w->done, true);
	wake_up_all(&w->wq);
}

void synchronize_rcu(void)
{
	struct rcu_waiter w = {.done = false};
	irqflags_t flags;

	might_sleep();
	wait_queue_init(&w.wq);
	queue_callback(&w.head, rcu_waiter_wake, true);
	wait_event(&w.wq, READ_ONCE(w.done));
	/* The waker may still hold the queue's lock: let it out before w goes. */
	spin_lock_irqsave(&w.wq.lock, flags);
	spin_unlock_irqrestore(&w.wq.lock, flags);
}

void rcu_init(void)
{
	timer_setup(&rcu.kick_timer, kick_timer_fn);
	open_softirq(RCU_SOFTIRQ, rcu_softirq);
}
