/* SPDX-License-Identifier: MIT */
/*
 * Read-copy-update by quiescent states.
 *
 * Grace periods are numbered. One runs from the moment gp_begun is raised until every online CPU
 * has noted a quiescent state after that; then gp_done catches up. A CPU keeps its callbacks in
 * three lists: `next` (no grace period chosen yet), `wait` (for number wait_gp) and `done`, which
 * RCU_SOFTIRQ moves on. Nothing but memory waits for most callbacks, so a busy CPU gathers BUNCH of
 * them for one grace period; an idle one, or one with a thread in synchronize_rcu(), begins it at
 * once.
 *
 * A CPU that halts is quiescent for as long as it does (rcu_halted), so nobody interrupts it for a
 * report. The flag changes by an atomic exchange, a full barrier. Going to halt: either the CPU
 * sees a grace period that has begun, and reports first, or who ends that one sees the flag. Coming
 * back: either who ends it sees the flag gone, or the CPU sees all that was unlinked before it
 * began. Nor is a CPU told that its callbacks may run, unless a thread waits for one: it looks when
 * it is awake, or is called after PATIENCE_NS. One that computes gets a call after KICK_NS, so that
 * it passes through a softirq boundary.
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
#define PATIENCE_NS 10000000ull
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
	u64 wait_since_ns;                /* when wait got its number */
	u32 gathered;                     /* callbacks in next */
	bool begin;                       /* next is to get its grace period */
	bool next_soon, wait_soon;        /* a thread waits for one of the list */
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
DEFINE_PER_CPU(u32, rcu_halted);

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
static u64 gp_request(u64 now_ns)
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
	timer_reduce(&rcu.kick_timer, now_ns + KICK_NS);
	return gp;
}

/* After smp_mb() behind a look at gp_begun. */
static bool gp_reported(u64 gp, unsigned cpu)
{
	return smp_load_acquire(&per_cpu(rcu_cpu, cpu).seen) >= gp ||
	       smp_load_acquire(&per_cpu(rcu_halted, cpu));
}

static bool gp_all_reported(u64 gp)
{
	for_each_cpu(cpu) {
		if (!gp_reported(gp, cpu))
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
	smp_mb(); /* with that of queue_callback(): whom it missed sees the end */
	for_each_cpu(cpu) {
		struct rcu_cpu *rc = per_cpu_ptr(&rcu_cpu, cpu);

		if (cpu == smp_processor_id())
			raise_softirq(RCU_SOFTIRQ);
		else if (READ_ONCE(rc->wait_soon) || READ_ONCE(rc->next_soon))
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

/* May cpu's waiting callbacks run, and for how long have they waited for that? 0: they may not. */
static u64 callbacks_late_ns(unsigned cpu, u64 now_ns)
{
	const struct rcu_cpu *rc = per_cpu_ptr(&rcu_cpu, cpu);
	u64 since_ns = READ_ONCE(rc->wait_since_ns);

	if (!READ_ONCE(rc->wait.first) || READ_ONCE(rc->wait_gp) > READ_ONCE(rcu.gp_done))
		return 0;
	return now_ns > since_ns ? now_ns - since_ns : 1;
}

/* A grace period takes long, or has ended: call the CPUs that have neither reported nor halted, and
 * those that leave callbacks lying. */
static void kick_timer_fn(struct timer *t)
{
	u64 gp = READ_ONCE(rcu.gp_begun), now_ns = ktime_get_ns();
	bool under_way = READ_ONCE(rcu.gp_done) < gp, lying = false;

	smp_mb();
	for_each_cpu(cpu) {
		u64 late_ns = callbacks_late_ns(cpu, now_ns);

		if ((under_way && !gp_reported(gp, cpu)) || late_ns >= PATIENCE_NS)
			kick_cpu(per_cpu_ptr(&rcu_cpu, cpu), cpu);
		lying |= late_ns;
	}
	if (under_way)
		timer_reduce(t, now_ns + KICK_NS);
	else if (lying)
		timer_reduce(t, now_ns + PATIENCE_NS);
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

/* Are there callbacks whose grace period has ended? */
static bool wait_is_over(const struct rcu_cpu *rc)
{
	return rc->wait.first && smp_load_acquire(&rcu.gp_done) >= rc->wait_gp;
}

/* What was gathered waits for a grace period from here on. Interrupts off. */
static void begin_waiting(struct rcu_cpu *rc)
{
	rc->begin = false;
	rc->gathered = 0;
	/* Before the number is had: who ends that grace period looks at it. */
	WRITE_ONCE(rc->wait_soon, rc->next_soon);
	WRITE_ONCE(rc->next_soon, false);
	rc->wait_since_ns = ktime_get_ns();
	list_move_all(&rc->next, &rc->wait);
	WRITE_ONCE(rc->wait_gp, gp_request(rc->wait_since_ns));
}

static void rcu_softirq(void)
{
	struct rcu_cpu *rc = &this_cpu(rcu_cpu);
	irqflags_t flags = local_irq_save();
	struct rcu_head *h;
	bool more;

	if (wait_is_over(rc)) {
		list_move_all(&rc->wait, &rc->done);
		WRITE_ONCE(rc->wait_soon, false);
	}
	if (!rc->wait.first && rc->next.first && rc->begin)
		begin_waiting(rc);
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
	if (unlikely(soon)) {
		WRITE_ONCE(rc->next_soon, true);
		smp_mb();
	}
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
	if (likely(!rc->next.first && !rc->wait.first))
		return false;
	if (rc->wait.first && !wait_is_over(rc))
		return false;
	local_bh_disable();
	flags = local_irq_save();
	rc->begin = rc->next.first;
	raise_softirq_irqoff(RCU_SOFTIRQ);
	local_irq_restore(flags);
	local_bh_enable(); /* serves it */
	return true;
}

bool rcu_halt_enter(void)
{
	__atomic_exchange_n(&this_cpu(rcu_halted), 1, __ATOMIC_SEQ_CST);
	if (likely(this_cpu(rcu_cpu).seen == READ_ONCE(rcu.gp_begun)))
		return true;
	rcu_halt_exit();
	return false;
}

void rcu_halt_exit(void)
{
	__atomic_exchange_n(&this_cpu(rcu_halted), 0, __ATOMIC_SEQ_CST);
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
