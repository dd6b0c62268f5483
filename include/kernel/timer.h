/* SPDX-License-Identifier: MIT */
/*
 * Timers. struct timer sits in a hierarchical wheel of the CPU that armed it: O(1) to arm and to
 * cancel, for time-outs that are mostly cancelled; it fires not before its time and at most
 * 1/8 of its delay (at least TIMER_SLACK_NS) late. struct hrtimer sits in a red-black tree of
 * that CPU and fires as exactly as the hardware can: for pacing and sleeping.
 * Functions run in softirq context on the CPU that armed the timer, without any lock held.
 */
#ifndef KERNEL_TIMER_H
#define KERNEL_TIMER_H

#include <kernel/time.h>
#include <lib/list.h>
#include <lib/rbtree.h>

#define TIMER_SLACK_NS 1000000ull

struct timer {
	struct hlist_node entry; /* [wheel lock] */
	u64 expires_ns;
	void (*fn)(struct timer *t);
	u32 cpu;    /* wheel it is or was last in */
	u16 bucket; /* slot in that wheel */
	u8 pending;
	u8 flags;
};

/* Prepare t; it is not armed. */
void timer_setup(struct timer *t, void (*fn)(struct timer *t));

/* Arm, or re-arm, t on this CPU for the monotonic time expires_ns. Returns whether it was
 * pending. Any context but hardirq. The caller keeps t alive until it fired or was deleted. */
bool timer_mod(struct timer *t, u64 expires_ns);

/* Arm t only if it is not pending, or would fire later than expires_ns. */
bool timer_reduce(struct timer *t, u64 expires_ns);

/* Disarm t. Returns whether it was pending; its function may still be running on another CPU. */
bool timer_del(struct timer *t);

/* Disarm t and wait until its function runs nowhere. Not from the function itself, nor with a
 * lock held that the function takes. */
bool timer_del_sync(struct timer *t);

static inline bool timer_pending(const struct timer *t)
{
	return READ_ONCE(t->pending);
}

struct hrtimer {
	struct rb_node node; /* [base lock] */
	u64 expires_ns;
	/* Returns the next expiry (absolute) to be armed again, 0 to stay idle. */
	u64 (*fn)(struct hrtimer *t);
	u32 cpu;
	u8 pending;
};

void hrtimer_setup(struct hrtimer *t, u64 (*fn)(struct hrtimer *t));
void hrtimer_start(struct hrtimer *t, u64 expires_ns);
bool hrtimer_cancel(struct hrtimer *t);
/* The same, but it does not wait for the function, which may be running on another CPU and wait for
 * a lock that the caller holds. */
bool hrtimer_del(struct hrtimer *t);

static inline bool hrtimer_pending(const struct hrtimer *t)
{
	return READ_ONCE(t->pending);
}

/* For the home: time of this CPU's earliest timer or hrtimer, U64_MAX for none; and the handler
 * that TIMER_SOFTIRQ runs: fires all that is due at ktime_get_ns(). */
u64 timer_next_event_ns(void);
void timer_run(void);
void timer_init(void);

/* Supplied by the home: have TIMER_SOFTIRQ raised on this CPU at expires_ns (U64_MAX: never).
 * Called by the timer code whenever the earliest expiry of this CPU becomes earlier. */
void clockevent_program(u64 expires_ns);

#endif
