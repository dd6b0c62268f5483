/* SPDX-License-Identifier: MIT */
/*
 * Threads of the hosted home: coroutines on stacks of their own, changed by a few instructions of
 * assembly, announced to the address sanitizer. One runs at a time; a CPU is a number in the
 * thread and a run queue. Who finds nothing to run delivers interrupts and moves time, on the
 * stack of the thread that went to sleep last.
 */
#include <kernel/atomic.h>
#include <kernel/preempt.h>
#include <kernel/rcu.h>
#include <kernel/thread.h>
#include <kernel/wait.h>
#include <lib/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host/host_int.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#else
#define __sanitizer_start_switch_fiber(save, bottom, size)  ((void)(save))
#define __sanitizer_finish_switch_fiber(save, bottom, size) ((void)(save))
#define __asan_unpoison_memory_region(p, size)              ((void)(p))
#define __lsan_register_root_region(p, size)                ((void)(p))
#define __lsan_unregister_root_region(p, size)              ((void)(p))
#endif

#define STACK_BYTES (512u << 10)
#define STACK_CACHE 16
#define LOWER_SHARE 8 /* every so many picks, a lower priority goes first */

struct coroutine {
	void *fake_stack; /* the sanitizer's, while not running */
	const void *stack_bottom;
	size_t stack_size;
	bool irqs_off; /* while not running */
	bool ended;
	struct wait_queue join_wq;
};

struct host_runqueue {
	struct list_head queue[NR_PRIOS];
	unsigned picks;
};

static struct host_runqueue runqueue[MAX_CPUS];
static LIST_HEAD(all_threads);
static struct thread first_thread;
static struct coroutine first_coroutine;
static struct thread *current_thread = &first_thread;
static struct thread *ended_thread; /* left its stack just now; to be let go by the next */
static bool idling; /* current_thread looks for something to run: only its stack is in use */
static u32 next_tid = 1;
static unsigned nr_alive;
static void *stack_cache[STACK_CACHE];
static unsigned nr_cached;

/* void host_switch_stack(void **save_sp, void *load_sp): keeps what the ABI has a callee keep. */
void host_switch_stack(void **save_sp, void *load_sp);
__asm__(".text\n"
	".globl host_switch_stack\n"
	".type host_switch_stack, @function\n"
	"host_switch_stack:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size host_switch_stack, . - host_switch_stack\n");

/* --- stacks ----------------------------------------------------------------------------- */

static void *stack_get(void)
{
	void *p;

	if (nr_cached)
		return stack_cache[--nr_cached];
	p = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	/* A guard page at the low end; what the rest points to is no leak. */
	mprotect(p, 4096, PROT_NONE);
	__lsan_register_root_region((char *)p + 4096, STACK_BYTES - 4096);
	return p;
}

static void stack_put(void *p)
{
	__asan_unpoison_memory_region((char *)p + 4096, STACK_BYTES - 4096);
	if (nr_cached < STACK_CACHE) {
		stack_cache[nr_cached++] = p;
		return;
	}
	__lsan_unregister_root_region((char *)p + 4096, STACK_BYTES - 4096);
	munmap(p, STACK_BYTES);
}

/* --- run queues --------------------------------------------------------------------------- */

static void enqueue(struct thread *t)
{
	t->on_rq = 1;
	list_add_tail(&t->rq, &runqueue[t->cpu].queue[t->prio]);
}

static struct thread *pick_from(struct host_runqueue *rq)
{
	bool lower_first = ++rq->picks % LOWER_SHARE == 0;

	for (unsigned i = 0; i < NR_PRIOS; i++) {
		struct list_head *q = &rq->queue[lower_first ? NR_PRIOS - 1 - i : i];

		if (!list_empty(q)) {
			struct thread *t = list_first_entry(q, struct thread, rq);

			list_del(&t->rq);
			t->on_rq = 0;
			return t;
		}
	}
	return NULL;
}

/* The next thread to run: the CPUs take turns. */
static struct thread *pick(void)
{
	for (unsigned i = 1; i <= host_nr_cpus; i++) {
		struct thread *t = pick_from(&runqueue[(host_cpu + i) % host_nr_cpus]);

		if (t)
			return t;
	}
	return NULL;
}

static bool queue_has_any(const struct host_runqueue *rq)
{
	for (unsigned i = 0; i < NR_PRIOS; i++) {
		if (!list_empty(&rq->queue[i]))
			return true;
	}
	return false;
}

bool host_thread_runnable(void)
{
	for (unsigned cpu = 0; cpu < host_nr_cpus; cpu++) {
		if (queue_has_any(&runqueue[cpu]))
			return true;
	}
	return false;
}

bool need_resched(void)
{
	return queue_has_any(&runqueue[host_cpu]);
}

/* --- switching ---------------------------------------------------------------------------- */

static void thread_free(struct thread *t)
{
	if (t == &first_thread)
		return;
	free(t->home);
	free(t);
}

void thread_put(struct thread *t)
{
	if (refcount_dec_and_test(&t->ref))
		thread_free(t);
}

/* First thing on the new stack after every switch. */
static void switched(struct coroutine *me)
{
	const void *bottom = NULL;
	size_t size = 0;

	__sanitizer_finish_switch_fiber(me->fake_stack, &bottom, &size);
	if (ended_thread) {
		struct thread *t = ended_thread;

		ended_thread = NULL;
		stack_put(t->stack);
		thread_put(t);
	}
	/* Where the first thread's stack lies is known only when it is left. */
	if (!first_coroutine.stack_size) {
		first_coroutine.stack_bottom = bottom;
		first_coroutine.stack_size = size;
	}
}

static void switch_to(struct thread *next)
{
	struct thread *prev = current_thread;
	struct coroutine *from = prev->home;
	struct coroutine *to = next->home;

	host_step();
	host_cpu = next->cpu;
	next->nr_switches++;
	if (next == prev)
		return;
	from->irqs_off = host_irqs_off;
	current_thread = next;
	host_irqs_off = to->irqs_off;
	__sanitizer_start_switch_fiber(from->ended ? NULL : &from->fake_stack, to->stack_bottom,
				       to->stack_size);
	host_switch_stack(&prev->sp, next->sp);
	switched(from);
}

/* Find something to run: another thread, or this one again. */
static void reschedule(void)
{
	bool irqs_off = host_irqs_off;
	struct thread *next;

	if (this_cpu(preempt_count))
		host_die("a thread sleeps with preempt_count %#x", this_cpu(preempt_count));
	idling = true;
	host_irqs_off = false;
	this_cpu(resched_due) = false;
	rcu_note_quiescent();
	host_deliver();
	while (!(next = pick())) {
		if (!host_advance(~0ull))
			host_die("deadlock: every thread sleeps and no timer is armed");
	}
	idling = false;
	host_irqs_off = irqs_off;
	switch_to(next);
}

void schedule(void)
{
	struct thread *t = current_thread;

	thread_unplug();
	if (t->state == THREAD_RUNNING && !t->on_rq)
		enqueue(t);
	reschedule();
}

void preempt_schedule(void)
{
	struct thread *t = current_thread;

	this_cpu(resched_due) = false;
	if (idling)
		return;
	if (!t->on_rq)
		enqueue(t);
	reschedule();
}

void preempt_kick_cpus(void)
{
}

void thread_yield(void)
{
	current_thread->state = THREAD_RUNNING;
	schedule();
}

void host_thread_drain(void)
{
	while (host_thread_runnable())
		thread_yield();
}

bool thread_wake(struct thread *t)
{
	if (t->state != THREAD_SLEEPING)
		return false;
	t->state = THREAD_RUNNING;
	if (t->on_rq)
		return true;
	/* The running one was only about to sleep: schedule() will see that it need not. */
	if (t != current_thread || idling)
		enqueue(t);
	if (host_conf.preempt_percent && t->cpu == host_cpu &&
	    host_random_internal() % 100 < host_conf.preempt_percent)
		this_cpu(resched_due) = true;
	return true;
}

struct thread *thread_current(void)
{
	return current_thread;
}

/* --- life --------------------------------------------------------------------------------- */

static void thread_main(void)
{
	struct thread *t = current_thread;

	switched(t->home);
	thread_exit(t->fn(t->arg));
}

static unsigned least_loaded_cpu(void)
{
	unsigned n[MAX_CPUS] = {0};
	unsigned best = 0;
	struct thread *t;

	list_for_each_entry(t, &all_threads, all)
		n[t->cpu]++;
	for (unsigned cpu = 1; cpu < host_nr_cpus; cpu++) {
		if (n[cpu] < n[best])
			best = cpu;
	}
	return best;
}

static void thread_setup(struct thread *t, struct coroutine *co, const char *name, unsigned cpu)
{
	t->home = co;
	t->tid = next_tid++;
	t->cpu = cpu;
	t->prio = PRIO_NORMAL;
	refcount_set(&t->ref, 1);
	snprintf(t->name, sizeof(t->name), "%s", name);
	wait_queue_init(&co->join_wq);
	t->join_wq = &co->join_wq;
	list_add_tail(&t->all, &all_threads);
}

struct thread *thread_create(const char *name, int (*fn)(void *arg), void *arg, unsigned cpu,
			     enum thread_prio prio)
{
	struct thread *t = calloc(1, sizeof(*t));
	struct coroutine *co = calloc(1, sizeof(*co));
	void **sp;

	if (!t || !co || !(t->stack = stack_get())) {
		free(t);
		free(co);
		return NULL;
	}
	thread_setup(t, co, name, cpu == CPU_ANY ? least_loaded_cpu() : cpu);
	t->prio = prio;
	t->fn = fn;
	t->arg = arg;
	t->net = current_thread->net;
	co->stack_bottom = t->stack;
	co->stack_size = STACK_BYTES;
	/* As host_switch_stack() left it: six registers, then where to return to. */
	sp = (void **)(void *)((char *)t->stack + STACK_BYTES - 64);
	*--sp = NULL;
	*--sp = (void *)thread_main;
	for (int i = 0; i < 6; i++)
		*--sp = NULL;
	t->sp = sp;
	refcount_inc(&t->ref); /* the running thread's own */
	nr_alive++;
	enqueue(t);
	return t;
}

void thread_exit(int code)
{
	struct thread *t = current_thread;
	struct coroutine *co = t->home;

	if (t == &first_thread)
		host_die("the first thread called thread_exit()");
	thread_unplug();
	t->exit_code = code;
	co->ended = true;
	t->state = THREAD_DEAD;
	wake_up_all(t->join_wq);
	list_del(&t->all);
	nr_alive--;
	ended_thread = t;
	reschedule();
	abort();
}

int thread_join(struct thread *t)
{
	const struct coroutine *co = t->home;

	might_sleep();
	wait_event(t->join_wq, co->ended);
	return t->exit_code;
}

void thread_for_each(void (*fn)(struct thread *t, void *arg), void *arg)
{
	struct thread *t;

	list_for_each_entry(t, &all_threads, all)
		fn(t, arg);
}

unsigned host_thread_count(void)
{
	return nr_alive;
}

void host_thread_dump(void)
{
	struct thread *t;

	list_for_each_entry(t, &all_threads, all)
		fprintf(stderr, "  thread %u %s cpu %u %s%s\n", t->tid, t->name, t->cpu,
			t->state == THREAD_RUNNING ? "runnable" : "asleep",
			t == current_thread ? " (current)" : "");
}

void host_thread_init(void)
{
	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
		for (unsigned i = 0; i < NR_PRIOS; i++)
			INIT_LIST_HEAD(&runqueue[cpu].queue[i]);
	}
	thread_setup(&first_thread, &first_coroutine, "main", 0);
}
