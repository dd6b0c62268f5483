/* SPDX-License-Identifier: MIT */
/*
 * The timer wheel and the high-resolution timers of each CPU, both run by TIMER_SOFTIRQ.
 *
 * The wheel has LEVELS levels of 64 slots. A tick is 2^19 ns; a slot of level n spans 4^n ticks,
 * and a timer goes into the lowest level whose 63 slots reach it, into the slot that begins at or
 * after its time. So a timer is never early, needs no cascading, and is late by less than one slot
 * of its level: 1/15.75 of its delay, or one tick. What lies beyond the last level (2.4 hours) is
 * put into its last slot and armed again from there.
 *
 * Invariant [wheel lock]: no pending timer's slot begins before tick `clk`, so a slot index names
 * one tick only; bit i of occupied[n] tells whether slot i of level n holds a timer.
 */
#include <home/cpu.h>
#include <kernel/atomic.h>
#include <kernel/handoff.h>
#include <kernel/percpu.h>
#include <kernel/softirq.h>
#include <kernel/spinlock.h>
#include <kernel/timer.h>
#include <lib/assert.h>

#define TICK_SHIFT    19 /* 524288 ns: two ticks make less than TIMER_SLACK_NS */
#define LEVELS        10
#define LEVEL_SHIFT   2
#define SLOTS         64
#define LEVEL_REACH   (SLOTS - 1)
#define CPU_MIGRATING (~0u)
#define NEVER         (~0ull)

struct timer_base {
	struct spinlock lock;
	u64 clk;           /* next tick to process */
	u64 next_tick;     /* no slot begins before it; NEVER when all are empty */
	u64 programmed_ns; /* what the clock event device was last told */
	struct timer *running;
	u64 occupied[LEVELS];
	struct hlist_head slot[LEVELS * SLOTS];

	struct rb_root hr_tree;
	struct hrtimer *hr_first;
	struct hrtimer *hr_running;
};

static DEFINE_PER_CPU(struct timer_base, timer_base) = {
	.lock = SPINLOCK_INIT(timer_base),
	.next_tick = NEVER,
	.programmed_ns = NEVER,
};

/* First tick that is not before ns. */
static u64 tick_after(u64 ns)
{
	return (ns >> TICK_SHIFT) + !!(ns & ((1ull << TICK_SHIFT) - 1));
}

static u64 tick_to_ns(u64 tick)
{
	return tick > NEVER >> TICK_SHIFT ? NEVER : tick << TICK_SHIFT;
}

/* --- the wheel --------------------------------------------------------------------------- */

/* Slot for a timer of that time; *begin_tick: when the slot is processed. */
static unsigned wheel_slot(const struct timer_base *b, u64 expires_ns, u64 *begin_tick)
{
	u64 tick = max(tick_after(expires_ns), b->clk);
	unsigned level = 0;
	unsigned shift;
	u64 n;

	while (level < LEVELS - 1 && tick - b->clk >= (u64)LEVEL_REACH << LEVEL_SHIFT * level)
		level++;
	shift = LEVEL_SHIFT * level;
	if (tick - b->clk >= (u64)LEVEL_REACH << shift)
		tick = b->clk + ((u64)LEVEL_REACH << shift) - 1;
	n = (tick + (1ull << shift) - 1) >> shift;
	*begin_tick = n << shift;
	return level * SLOTS + n % SLOTS;
}

/* The earliest tick at which a slot that holds timers begins. */
static u64 wheel_next_tick(const struct timer_base *b)
{
	u64 next = NEVER;

	for (unsigned level = 0; level < LEVELS; level++) {
		unsigned shift = LEVEL_SHIFT * level;
		u64 n = (b->clk + (1ull << shift) - 1) >> shift;
		unsigned r = n % SLOTS;
		u64 map = b->occupied[level];

		if (!map)
			continue;
		map = r ? map >> r | map << (SLOTS - r) : map;
		next = min(next, (n + (unsigned)__builtin_ctzll(map)) << shift);
	}
	return next;
}

/* Ticks that passed without a timer need no processing: lets new timers be placed finely. */
static void wheel_forward(struct timer_base *b, u64 now_ns)
{
	u64 next = (now_ns >> TICK_SHIFT) + 1;

	if (b->clk < next)
		b->clk = max(b->clk, min(next, b->next_tick));
}

static void wheel_insert(struct timer_base *b, struct timer *t, unsigned slot, u64 begin_tick)
{
	hlist_add_head(&t->entry, &b->slot[slot]);
	b->occupied[slot / SLOTS] |= 1ull << slot % SLOTS;
	t->bucket = slot;
	t->pending = 1;
	b->next_tick = min(b->next_tick, begin_tick);
}

static void wheel_remove(struct timer_base *b, struct timer *t)
{
	hlist_del(&t->entry);
	if (hlist_empty(&b->slot[t->bucket]))
		b->occupied[t->bucket / SLOTS] &= ~(1ull << t->bucket % SLOTS);
	t->pending = 0;
}

static u64 base_next_ns(const struct timer_base *b)
{
	u64 wheel_ns = tick_to_ns(b->next_tick);

	return b->hr_first ? min(wheel_ns, b->hr_first->expires_ns) : wheel_ns;
}

/* This CPU's base has a new earliest time, perhaps. */
static void base_program(struct timer_base *b)
{
	u64 next_ns = base_next_ns(b);

	if (next_ns < b->programmed_ns) {
		b->programmed_ns = next_ns;
		clockevent_program(next_ns);
	}
}

void timer_setup(struct timer *t, void (*fn)(struct timer *t))
{
	*t = (struct timer){.fn = fn, .cpu = smp_processor_id()};
}

/* Lock the base that t is, or was last, in. */
static __no_lock_check struct timer_base *timer_lock_base(const struct timer *t, irqflags_t *flags)
{
	for (;;) {
		u32 cpu = READ_ONCE(t->cpu);

		if (cpu != CPU_MIGRATING) {
			struct timer_base *b = per_cpu_ptr(&timer_base, cpu);

			spin_lock_irqsave(&b->lock, *flags);
			if (READ_ONCE(t->cpu) == cpu)
				return b;
			spin_unlock_irqrestore(&b->lock, *flags);
		}
		cpu_relax();
	}
}

/* Move t, not pending, from base `from` of another CPU to this one's; one of the two is locked
 * throughout. */
static __no_lock_check struct timer_base *timer_migrate(struct timer *t, struct timer_base *from)
{
	struct timer_base *to = &this_cpu(timer_base);

	handoff_count(timers);
	WRITE_ONCE(t->cpu, CPU_MIGRATING);
	spin_unlock(&from->lock);
	spin_lock(&to->lock);
	WRITE_ONCE(t->cpu, smp_processor_id());
	return to;
}

static __no_lock_check bool timer_arm(struct timer *t, u64 expires_ns, bool only_earlier)
{
	irqflags_t flags;
	struct timer_base *b = timer_lock_base(t, &flags);
	bool was_pending = t->pending;
	u64 begin_tick, now_ns;
	unsigned slot;

	if (was_pending && only_earlier && t->expires_ns <= expires_ns)
		goto out;
	now_ns = ktime_get_ns();
	wheel_forward(b, now_ns);
	if (was_pending && b == &this_cpu(timer_base) &&
	    wheel_slot(b, expires_ns, &begin_tick) == t->bucket) {
		t->expires_ns = expires_ns;
		goto out;
	}
	if (was_pending)
		wheel_remove(b, t);
	if (b != &this_cpu(timer_base)) {
		b = timer_migrate(t, b);
		wheel_forward(b, now_ns);
	}
	t->expires_ns = expires_ns;
	slot = wheel_slot(b, expires_ns, &begin_tick);
	wheel_insert(b, t, slot, begin_tick);
	base_program(b);
out:
	spin_unlock_irqrestore(&b->lock, flags);
	return was_pending;
}

bool timer_mod(struct timer *t, u64 expires_ns)
{
	return timer_arm(t, expires_ns, false);
}

bool timer_reduce(struct timer *t, u64 expires_ns)
{
	return timer_arm(t, expires_ns, true);
}

__no_lock_check bool timer_del(struct timer *t)
{
	struct timer_base *b;
	irqflags_t flags;
	bool was_pending;

	/* Most timers are not: who arms them is not under way at the same time. */
	if (!READ_ONCE(t->pending))
		return false;
	b = timer_lock_base(t, &flags);
	was_pending = t->pending;
	if (was_pending)
		wheel_remove(b, t);
	spin_unlock_irqrestore(&b->lock, flags);
	return was_pending;
}

static bool timer_runs_anywhere(const struct timer *t)
{
	for_each_cpu(cpu) {
		if (smp_load_acquire(&per_cpu(timer_base, cpu).running) == t)
			return true;
	}
	return false;
}

__no_lock_check bool timer_del_sync(struct timer *t)
{
	bool was_pending = false;

	DEBUG_ASSERT(this_cpu(timer_base).running != t);
	for (;;) {
		/* Looked at before the lock is taken: from then on it can only start on base b. */
		bool runs = timer_runs_anywhere(t);
		struct timer_base *b;
		irqflags_t flags;

		b = timer_lock_base(t, &flags);
		if (t->pending) {
			wheel_remove(b, t);
			was_pending = true;
		}
		runs |= b->running == t;
		spin_unlock_irqrestore(&b->lock, flags);
		if (!runs)
			return was_pending;
		cpu_relax();
	}
}

/* Take the timers of all slots that begin at tick clk. */
static void wheel_collect(struct timer_base *b, struct hlist_head *due)
{
	for (unsigned level = 0; level < LEVELS; level++) {
		unsigned shift = LEVEL_SHIFT * level;
		unsigned i = (b->clk >> shift) % SLOTS;
		struct hlist_head *slot = &b->slot[level * SLOTS + i];
		struct hlist_node *n;

		if (b->clk & ((1ull << shift) - 1))
			break;
		b->occupied[level] &= ~(1ull << i);
		while ((n = slot->first)) {
			hlist_del(n);
			hlist_add_head(n, due);
		}
	}
}

/* Run, or place again, what is in due; drops the lock around each function. */
static __no_lock_check void wheel_expire(struct timer_base *b, struct hlist_head *due,
					 irqflags_t *flags)
{
	while (!hlist_empty(due)) {
		struct timer *t = hlist_entry(due->first, struct timer, entry);
		void (*fn)(struct timer * t) = t->fn;
		u64 begin_tick;
		unsigned slot;

		hlist_del(&t->entry);
		t->pending = 0;
		if (unlikely(tick_after(t->expires_ns) >= b->clk)) {
			slot = wheel_slot(b, t->expires_ns, &begin_tick);
			wheel_insert(b, t, slot, begin_tick);
			continue;
		}
		b->running = t;
		spin_unlock_irqrestore(&b->lock, *flags);
		fn(t);
		spin_lock_irqsave(&b->lock, *flags);
		smp_store_release(&b->running, NULL);
	}
}

static void wheel_run(struct timer_base *b)
{
	struct hlist_head due = HLIST_HEAD_INIT;
	irqflags_t flags;
	u64 now_tick;

	spin_lock_irqsave(&b->lock, flags);
	now_tick = ktime_get_ns() >> TICK_SHIFT;
	while (b->clk <= now_tick) {
		u64 next = wheel_next_tick(b);

		if (next > now_tick) {
			b->clk = now_tick + 1;
			break;
		}
		b->clk = next;
		wheel_collect(b, &due);
		b->clk++;
		wheel_expire(b, &due, &flags);
	}
	b->next_tick = wheel_next_tick(b);
	spin_unlock_irqrestore(&b->lock, flags);
}

/* --- high-resolution timers -------------------------------------------------------------- */

static void hr_insert(struct timer_base *b, struct hrtimer *t)
{
	struct rb_node **link = &b->hr_tree.node;
	struct rb_node *parent = NULL;
	bool first = true;

	while (*link) {
		parent = *link;
		if (t->expires_ns < rb_entry(parent, struct hrtimer, node)->expires_ns) {
			link = &parent->left;
		} else {
			link = &parent->right;
			first = false;
		}
	}
	rb_link_node(&t->node, parent, link);
	rb_insert_color(&t->node, &b->hr_tree);
	t->pending = 1;
	if (first)
		b->hr_first = t;
}

static void hr_remove(struct timer_base *b, struct hrtimer *t)
{
	if (b->hr_first == t) {
		struct rb_node *next = rb_next(&t->node);

		b->hr_first = next ? rb_entry(next, struct hrtimer, node) : NULL;
	}
	rb_erase(&t->node, &b->hr_tree);
	t->pending = 0;
}

void hrtimer_setup(struct hrtimer *t, u64 (*fn)(struct hrtimer *t))
{
	*t = (struct hrtimer){.fn = fn, .cpu = smp_processor_id()};
}

static __no_lock_check struct timer_base *hr_lock_base(const struct hrtimer *t, irqflags_t *flags)
{
	for (;;) {
		u32 cpu = READ_ONCE(t->cpu);

		if (cpu != CPU_MIGRATING) {
			struct timer_base *b = per_cpu_ptr(&timer_base, cpu);

			spin_lock_irqsave(&b->lock, *flags);
			if (READ_ONCE(t->cpu) == cpu)
				return b;
			spin_unlock_irqrestore(&b->lock, *flags);
		}
		cpu_relax();
	}
}

__no_lock_check void hrtimer_start(struct hrtimer *t, u64 expires_ns)
{
	struct timer_base *to = &this_cpu(timer_base);
	struct timer_base *b;
	irqflags_t flags;

	b = hr_lock_base(t, &flags);
	if (t->pending)
		hr_remove(b, t);
	if (b != to) {
		handoff_count(timers);
		WRITE_ONCE(t->cpu, CPU_MIGRATING);
		spin_unlock(&b->lock);
		spin_lock(&to->lock);
		WRITE_ONCE(t->cpu, smp_processor_id());
	}
	t->expires_ns = expires_ns;
	hr_insert(to, t);
	base_program(to);
	spin_unlock_irqrestore(&to->lock, flags);
}

static bool hr_runs_elsewhere(const struct hrtimer *t)
{
	for_each_cpu(cpu) {
		if (cpu != smp_processor_id() &&
		    smp_load_acquire(&per_cpu(timer_base, cpu).hr_running) == t)
			return true;
	}
	return false;
}

__no_lock_check bool hrtimer_cancel(struct hrtimer *t)
{
	bool was_pending = false;

	for (;;) {
		struct timer_base *b;
		irqflags_t flags;
		bool runs = hr_runs_elsewhere(t);

		b = hr_lock_base(t, &flags);
		if (t->pending) {
			hr_remove(b, t);
			was_pending = true;
		}
		runs |= b->hr_running == t && b != &this_cpu(timer_base);
		spin_unlock_irqrestore(&b->lock, flags);
		if (!runs)
			return was_pending;
		cpu_relax();
	}
}

__no_lock_check bool hrtimer_del(struct hrtimer *t)
{
	struct timer_base *b;
	irqflags_t flags;
	bool was_pending;

	if (!READ_ONCE(t->pending))
		return false;
	b = hr_lock_base(t, &flags);
	was_pending = t->pending;
	if (was_pending)
		hr_remove(b, t);
	spin_unlock_irqrestore(&b->lock, flags);
	return was_pending;
}

static void hr_run(struct timer_base *b)
{
	u64 now_ns = ktime_get_ns();
	irqflags_t flags;
	struct hrtimer *t;

	spin_lock_irqsave(&b->lock, flags);
	while ((t = b->hr_first) && t->expires_ns <= now_ns) {
		u64 again_ns;

		hr_remove(b, t);
		smp_store_release(&b->hr_running, t);
		spin_unlock_irqrestore(&b->lock, flags);
		again_ns = t->fn(t);
		spin_lock_irqsave(&b->lock, flags);
		/* With 0 the object may be gone: t is not looked at. */
		if (again_ns && !t->pending && READ_ONCE(t->cpu) == smp_processor_id()) {
			t->expires_ns = again_ns;
			hr_insert(b, t);
		}
		smp_store_release(&b->hr_running, NULL);
	}
	spin_unlock_irqrestore(&b->lock, flags);
}

/* --- both -------------------------------------------------------------------------------- */

u64 timer_next_event_ns(void)
{
	return base_next_ns(&this_cpu(timer_base));
}

void timer_run(void)
{
	struct timer_base *b = &this_cpu(timer_base);
	irqflags_t flags;

	wheel_run(b);
	hr_run(b);
	spin_lock_irqsave(&b->lock, flags);
	b->programmed_ns = base_next_ns(b);
	clockevent_program(b->programmed_ns);
	spin_unlock_irqrestore(&b->lock, flags);
}

void timer_init(void)
{
	open_softirq(TIMER_SOFTIRQ, timer_run);
}
