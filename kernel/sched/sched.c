/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: a run queue for each CPU, from which its threads never move.
 *
 * Highest class first, round robin within a class, each thread for a slice at most. A lower class
 * that has waited for longer than its limit gets one slice, from which only the slice's end takes
 * it away: no class starves another. The end of a slice is only timed while somebody waits; a CPU
 * with one thread, or none, sees no tick.
 *
 * Another CPU is told of a thread for it by an interrupt, which is sent when this CPU holds no lock
 * any more: to send one is an access to a device, and under an emulator a slow one.
 *
 * thread.state, on_rq and the queues are under the lock of the thread's run queue. A thread sets
 * its own state to sleeping without it; only it does so, and schedule() looks at it again locked.
 */
#include "sched_int.h"

#include <home/cpu.h>
#include <kernel/handoff.h>
#include <kernel/log.h>
#include <kernel/preempt.h>
#include <kernel/rcu.h>
#include <kernel/softirq.h>
#include <kernel/time.h>
#include <lib/assert.h>
#include <lib/bitops.h>
#include <lib/string.h>

#define SLICE_NS (5 * NSEC_PER_MSEC)
#define NEVER    (~0ull)

/* How long the first of a class may wait for classes above it. */
static const u64 patience_ns[NR_PRIOS] = {
	[PRIO_HIGH] = NEVER,
	[PRIO_NORMAL] = 50 * NSEC_PER_MSEC,
	[PRIO_IDLE] = 200 * NSEC_PER_MSEC,
};

struct run_queue {
	struct spinlock lock;
	struct list_head queue[NR_PRIOS]; /* runnable threads but the current one [lock] */
	unsigned nqueued;                 /* [lock] */
	struct thread *idle;              /* [I] */
	u64 switched_ns;                  /* when the current thread came on [lock] */
	u64 slice_end_ns;        /* of the current thread, NEVER while it is not timed [lock] */
	bool first_came;         /* another CPU queued a thread that goes first [lock] */
	bool share;              /* it came on because it had waited too long [lock] */
	struct thread *previous; /* between two threads: the one that left [owner CPU] */
	struct list_head dead;   /* to be freed, by `all` [owner CPU, interrupts off] */
};

/* What preempt_schedule() is to do, in resched_due [owner CPU, interrupts off] */
#define RESCHED_SWITCH 1u
#define RESCHED_KICK   2u

static DEFINE_PER_CPU(struct run_queue, run_queue);
static DEFINE_PER_CPU(u64, cpus_to_kick); /* [owner CPU, interrupts off] */
static DEFINE_PER_CPU(struct thread *, current_thread);
static DEFINE_PER_CPU(struct kthread, idle_thread);

struct thread *thread_current(void)
{
	return this_cpu(current_thread);
}

static struct thread *first_of(struct run_queue *rq, unsigned prio)
{
	return list_first_entry_or_null(&rq->queue[prio], struct thread, rq);
}

static void enqueue(struct run_queue *rq, struct thread *t, bool at_head, u64 now)
{
	if (at_head)
		list_add(&t->rq, &rq->queue[t->prio]);
	else
		list_add_tail(&t->rq, &rq->queue[t->prio]);
	to_kthread(t)->queued_ns = now;
	rq->nqueued++;
}

/* Whoever queued t may have read the clock a moment later than we did. */
static u64 has_waited(struct thread *t, u64 now)
{
	u64 since = to_kthread(t)->queued_ns;

	return now > since ? now - since : 0;
}

/* Who runs next: the first of the highest class, unless the first of a lower one lost patience. */
static struct thread *pick(struct run_queue *rq, u64 now)
{
	struct thread *best = NULL;

	rq->share = false;
	for (unsigned prio = 0; prio < NR_PRIOS; prio++) {
		struct thread *t = first_of(rq, prio);

		if (!t)
			continue;
		if (best && has_waited(t, now) > patience_ns[prio]) {
			rq->share = true;
			return t;
		}
		if (!best)
			best = t;
	}
	return best ? best : rq->idle;
}

/* Time the current thread's slice if somebody waits, and only then. */
static void time_slice(struct run_queue *rq, const struct thread *current)
{
	u64 end = NEVER;

	if (rq->nqueued && current != rq->idle)
		end = rq->switched_ns + SLICE_NS;
	if (end != rq->slice_end_ns) {
		rq->slice_end_ns = end;
		clockevent_set_slice(end);
	}
}

/* On the other side of a switch: prev is off its stack now, and may be freed. */
static void finish_switch(struct run_queue *rq)
{
	struct thread *prev = rq->previous;

	if (prev->state == THREAD_DEAD && !prev->on_rq)
		list_add_tail(&prev->rq, &rq->dead);
}

static void switch_to(struct run_queue *rq, struct thread *prev, struct thread *next, u64 now)
{
	prev->runtime_ns += now - rq->switched_ns;
	rq->switched_ns = now;
	next->nr_switches++;
	rq->previous = prev;
	this_cpu(current_thread) = next;
	switch_stacks(&prev->sp, next->sp);
	/* Later, as a thread that was switched to. The run queue is the same: threads stay. */
	finish_switch(rq);
}

/* Send what interrupts the CPUs are owed that threads were queued for. */
void preempt_kick_cpus(void)
{
	irqflags_t flags = local_irq_save();
	u64 cpus = this_cpu(cpus_to_kick);

	this_cpu(cpus_to_kick) = 0;
	this_cpu(resched_due) &= (u8)~RESCHED_KICK;
	for (; cpus; cpus &= cpus - 1) {
		handoff_count(reschedule);
		smp_send_reschedule(bit_ffs(cpus) - 1);
	}
	local_irq_restore(flags);
}

/* Let the next thread run. The lock is taken by the thread that leaves and released by the one
 * that comes: every thread is here, or in thread_begin(), whenever it does not run. */
static void reschedule(bool preempted)
{
	struct run_queue *rq = this_cpu_ptr(&run_queue);
	struct thread *prev = this_cpu(current_thread), *next;
	irqflags_t flags;
	u64 now;

	rcu_note_quiescent();
	if (unlikely(this_cpu(cpus_to_kick)))
		preempt_kick_cpus();
	spin_lock_irqsave(&rq->lock, flags);
	if (unlikely(this_cpu(preempt_count) != PREEMPT_OFFSET))
		panic("schedule() with preemption off: count %#x",
		      this_cpu(preempt_count) - PREEMPT_OFFSET);
	now = ktime_get_ns();
	this_cpu(resched_due) &= (u8)~RESCHED_SWITCH;
	rq->first_came = false;
	if (prev != rq->idle) {
		bool stays = preempted || prev->state == THREAD_RUNNING;

		prev->on_rq = stays;
		if (stays)
			enqueue(rq, prev, preempted && now < rq->switched_ns + SLICE_NS, now);
	}
	next = pick(rq, now);
	if (next != rq->idle) {
		list_del(&next->rq);
		rq->nqueued--;
	}
	if (next != prev) {
		switch_to(rq, prev, next, now);
	} else {
		prev->runtime_ns += now - rq->switched_ns;
		rq->switched_ns = now;
	}
	time_slice(rq, this_cpu(current_thread));
	spin_unlock_irqrestore(&rq->lock, flags);
}

/* A thread that comes between two looks at the list may empty it: look with interrupts off. */
static struct thread *take_dead(struct run_queue *rq)
{
	irqflags_t flags = local_irq_save();
	struct thread *t = list_first_entry_or_null(&rq->dead, struct thread, rq);

	if (t)
		list_del(&t->rq);
	local_irq_restore(flags);
	return t;
}

static void reap_dead(void)
{
	struct thread *t;

	while ((t = take_dead(this_cpu_ptr(&run_queue))))
		thread_reap(t);
}

void schedule(void)
{
	thread_unplug();
	reschedule(false);
	if (unlikely(!list_empty(&this_cpu(run_queue).dead)) && may_sleep())
		reap_dead();
}

void preempt_schedule(void)
{
	if (this_cpu(cpus_to_kick))
		preempt_kick_cpus();
	if (this_cpu(resched_due))
		reschedule(true);
}

void thread_yield(void)
{
	schedule();
}

__no_lock_check void thread_begin(void)
{
	struct run_queue *rq = this_cpu_ptr(&run_queue);
	struct thread *self = thread_current();

	finish_switch(rq);
	time_slice(rq, self);
	spin_unlock(&rq->lock);
	local_irq_enable();
	preempt_check_resched();
	thread_exit(self->fn(self->arg));
}

/* t was queued: must it, or may it, run before the current thread has finished its slice? */
static bool goes_first(struct run_queue *rq, const struct thread *t, const struct thread *current)
{
	return current == rq->idle || (t->prio < current->prio && !rq->share);
}

/* Make the CPU of rq look at its queue, if t's arrival changes anything for it. */
static void notice(struct run_queue *rq, struct thread *t, bool irqs_were_off)
{
	struct thread *current = per_cpu(current_thread, t->cpu);
	bool first = goes_first(rq, t, current);

	if (t->cpu != smp_processor_id()) {
		handoff_count(wakes);
		rq->first_came |= first;
		if (first || rq->slice_end_ns == NEVER) {
			this_cpu(cpus_to_kick) |= 1ull << t->cpu;
			this_cpu(resched_due) |= RESCHED_KICK;
		}
		return;
	}
	if (first)
		this_cpu(resched_due) |= RESCHED_SWITCH;
	time_slice(rq, current);
	/* Interrupts, softirqs and preempt_enable() look at resched_due on their way out; somebody
	 * who only switched interrupts off does not. */
	if (first && irqs_were_off && this_cpu(preempt_count) == PREEMPT_OFFSET)
		clockevent_set_slice(0);
}

bool thread_wake(struct thread *t)
{
	struct run_queue *rq = per_cpu_ptr(&run_queue, t->cpu);
	bool woken = false, were_off = irqs_disabled();
	irqflags_t flags;

	spin_lock_irqsave(&rq->lock, flags);
	if (t->state == THREAD_SLEEPING) {
		t->state = THREAD_RUNNING;
		woken = true;
		/* One that was about to sleep, or was preempted there, is still in its place. */
		if (!t->on_rq) {
			t->on_rq = true;
			enqueue(rq, t, false, ktime_get_ns());
			notice(rq, t, were_off);
		}
	}
	spin_unlock_irqrestore(&rq->lock, flags);
	return woken;
}

void sched_start(struct thread *t)
{
	t->state = THREAD_SLEEPING;
	thread_wake(t);
}

void sched_interrupt(void)
{
	struct run_queue *rq = this_cpu_ptr(&run_queue);
	irqflags_t flags;

	spin_lock_irqsave(&rq->lock, flags);
	if (rq->first_came || (rq->nqueued && ktime_get_ns() >= rq->slice_end_ns))
		this_cpu(resched_due) |= RESCHED_SWITCH;
	else
		time_slice(rq, this_cpu(current_thread));
	rq->first_came = false;
	spin_unlock_irqrestore(&rq->lock, flags);
}

bool need_resched(void)
{
	return this_cpu(resched_due) || READ_ONCE(this_cpu(run_queue).nqueued);
}

void sched_init_cpu(void)
{
	struct run_queue *rq = this_cpu_ptr(&run_queue);
	struct kthread *idle = this_cpu_ptr(&idle_thread);

	spin_lock_init(&rq->lock);
	for (unsigned prio = 0; prio < NR_PRIOS; prio++)
		INIT_LIST_HEAD(&rq->queue[prio]);
	INIT_LIST_HEAD(&rq->dead);
	rq->idle = &idle->t;
	rq->slice_end_ns = NEVER;
	rq->switched_ns = ktime_get_ns();
	this_cpu(current_thread) = &idle->t;
	thread_init_idle(idle, smp_processor_id());
}

/* Has schedule() anything to do on a CPU that idles? Mostly interrupts came and went. */
static bool idle_work(void)
{
	return need_resched() || !list_empty(&this_cpu(run_queue).dead);
}

/* Wait for an interrupt; one of several CPUs leaves RCU's readers meanwhile. Interrupts off. */
static void idle_halt(bool others)
{
	if (!others) {
		cpu_idle_halt();
	} else if (rcu_halt_enter()) {
		cpu_idle_halt();
		if (unlikely(__this_cpu(rcu_halted)))
			rcu_halt_exit(); /* what woke us was no interrupt */
	} else {
		cpu_irq_enable();
	}
}

void sched_idle(void)
{
	const bool others = num_online_cpus() > 1;

	schedule();
	local_irq_enable();
	cpu_first_idle();
	for (;;) {
		if (idle_work())
			schedule();
		rcu_idle();
		cpu_irq_disable();
		if (this_cpu(resched_due) || softirq_pending())
			cpu_irq_enable();
		else
			idle_halt(others);
	}
}
