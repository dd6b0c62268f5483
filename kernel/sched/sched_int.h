/* SPDX-License-Identifier: MIT */
/* Between the scheduler, the threads and the machine. */
#ifndef SCHED_INT_H
#define SCHED_INT_H

#include <kernel/percpu.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <kernel/wait.h>

struct kthread {
	struct thread t;
	u64 queued_ns; /* since when it waits in its queue [run queue lock] */
	u32 done;      /* exit_code is set [a] */
	struct wait_queue join_wq;
};

static inline struct kthread *to_kthread(struct thread *t)
{
	return container_of(t, struct kthread, t);
}

/* thread.c: free what is left of a thread that ended: its stack, and the scheduler's reference. */
void thread_reap(struct thread *t);
/* Name a CPU's own first thread, which needs no stack, and list it. */
void thread_init_idle(struct kthread *k, unsigned cpu);

/* sched.c: put a new thread into its CPU's queue. */
void sched_start(struct thread *t);

#endif
