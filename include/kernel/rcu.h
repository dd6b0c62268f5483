/* SPDX-License-Identifier: MIT */
/*
 * Read-copy-update, by quiescent states. Readers run with preemption off (any softirq counts),
 * take no lock and write nothing shared; a CPU is quiescent when it passes through the scheduler
 * or a softirq boundary in a thread, and while it halts. Writers unlink, then call_rcu().
 */
#ifndef KERNEL_RCU_H
#define KERNEL_RCU_H

#include <kernel/atomic.h>
#include <kernel/preempt.h>

struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct rcu_head *head);
};

static inline void rcu_read_lock(void)
{
	preempt_disable();
}

static inline void rcu_read_unlock(void)
{
	preempt_enable();
}

#define rcu_dereference(p)       __atomic_load_n(&(p), __ATOMIC_CONSUME)
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)

/* Call func(head) in softirq context once every reader that may still see the object has left.
 * Any context but hardirq. A busy CPU may gather some before it begins to wait. */
void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));

/* kfree() an object after a grace period; field is the name of its struct rcu_head. */
#define kfree_rcu(obj, field) __kfree_rcu(&(obj)->field, offsetof(__typeof__(*(obj)), field))
void __kfree_rcu(struct rcu_head *head, size_t offset);

/* Sleep until a grace period has passed. Thread context. */
void synchronize_rcu(void);

/* Called by the scheduler (without its run queue lock: it may wake threads) and the softirq code,
 * on a CPU that holds no reference to a protected object. */
void rcu_note_quiescent(void);

/* Called by the idle loop, in place of rcu_note_quiescent(): there is time for callbacks that were
 * put off. True: there were some. */
bool rcu_idle(void);

/* This CPU, one of several, halts: until rcu_halt_exit() it holds no reference to a protected
 * object, and grace periods pass without it. False: one waits for its rcu_note_quiescent(), so it
 * is not to halt yet. Idle loop, interrupts off. */
bool rcu_halt_enter(void);

/* It runs again. The idle loop, and irq_enter() where it finds rcu_halted set; harmless twice. */
void rcu_halt_exit(void);

DECLARE_PER_CPU(u32, rcu_halted);

void rcu_init(void);

#endif
