/* SPDX-License-Identifier: MIT */
/*
 * Kernel threads. A thread lives on one CPU from start to end; each CPU has its own run queue
 * (round robin by time slice, PRIO_HIGH before PRIO_NORMAL before PRIO_IDLE, with a share kept
 * for the lower ones so that none starves). A thread that computes is preempted at the end of
 * its slice. The hosted home runs threads as coroutines on virtual time.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include <kernel/atomic.h>
#include <kernel/spinlock.h>
#include <lib/list.h>

enum thread_state { THREAD_RUNNING, THREAD_SLEEPING, THREAD_DEAD };
enum thread_prio { PRIO_HIGH, PRIO_NORMAL, PRIO_IDLE, NR_PRIOS };

#define THREAD_NAME_LEN 16
#define CPU_ANY         (~0u)

struct files; /* descriptor table, shared by all threads of the image */

struct thread {
	void *sp;  /* saved stack pointer while not running: home-specific */
	u32 state; /* enum thread_state [run queue lock of cpu] */
	u32 cpu;   /* [I] */
	u32 tid;   /* [I] */
	u8 prio;
	u8 on_rq;
	int err_no; /* errno of the libc */
	u64 slice_end_ns;
	u64 runtime_ns; /* time spent running, for ps */
	u64 nr_switches;
	void *stack;         /* lowest address */
	struct list_head rq; /* [run queue lock] */
	struct list_head all;
	refcount_t ref;
	int exit_code;
	struct wait_queue *join_wq;
	int (*fn)(void *arg);
	void *arg;
	void *home; /* the hosted home's coroutine */
	void *net;  /* struct net of its system calls, NULL: init_net [o] */
	/* What it put off, to be done when it next sleeps (Linux's plugs); once [o] */
	void (*unplug)(void);
	char name[THREAD_NAME_LEN];
};

/* Start fn(arg) in a new thread on cpu (CPU_ANY: the one with the fewest threads). Returns the
 * thread with a reference for the caller (thread_put() it), or NULL when out of memory. */
struct thread *thread_create(const char *name, int (*fn)(void *arg), void *arg, unsigned cpu,
			     enum thread_prio prio);
void thread_put(struct thread *t);

/* Wait for t to end and return its result. Thread context. */
int thread_join(struct thread *t);
_Noreturn void thread_exit(int code);

struct thread *thread_current(void);

/* Do what the current thread put off, if anything. Thread context, interrupts on. */
static inline void thread_unplug(void)
{
	struct thread *t = thread_current();
	void (*fn)(void) = t->unplug;

	if (unlikely(fn)) {
		t->unplug = NULL;
		fn();
	}
}

/* Give up the CPU: runnable again at once (yield), or after the state was set to sleeping and
 * until somebody calls thread_wake(). */
void thread_yield(void);
void schedule(void);

/* Make t runnable; any context, any CPU. Returns false if it already was. */
bool thread_wake(struct thread *t);

/* Sleep for that long, at least. */
void thread_sleep_ns(u64 ns);

/* Call fn for every thread (for ps), the list locked: fn must not sleep. */
void thread_for_each(void (*fn)(struct thread *t, void *arg), void *arg);

/* Is another thread of this CPU waiting for it (used by polling loops to be fair)? */
bool need_resched(void);

#endif
