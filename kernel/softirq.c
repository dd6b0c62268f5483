/* SPDX-License-Identifier: MIT */
/*
 * Softirqs, the per-CPU queue of calls from other CPUs, and the counts of preempt.h.
 *
 * Pending bits are per CPU and changed with interrupts off. Serving happens in three places: the
 * exit of the outermost interrupt, local_bh_enable(), and ksoftirqd. When a round limit is hit,
 * the network's bits are handed to ksoftirqd and only it serves them until it has caught up: they
 * leave softirq_due, so that nobody else looks at them. Timers, RCU and tasklets are still served
 * at every interrupt exit.
 */
#include <home/cpu.h>
#include <kernel/handoff.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/rcu.h>
#include <kernel/softirq.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/assert.h>
#include <lib/printf.h>

DEFINE_PER_CPU(unsigned, preempt_count);
DEFINE_PER_CPU(u8, resched_due);
DEFINE_PER_CPU(u32, softirq_due);

struct softirq_cpu {
	u32 deferred; /* bits that only ksoftirqd serves now ... */
	u32 waiting;  /* ... and those of them that are due [interrupts off] */
	struct thread *ksoftirqd;
	u64 served[NR_SOFTIRQS];
	struct call_single_data *calls; /* [a] multi producer, single consumer; latest first */
};

#define SOFTIRQ_DEFERRABLE (1u << NET_TX_SOFTIRQ | 1u << NET_RX_SOFTIRQ)

const char *const softirq_names[NR_SOFTIRQS] = {
	[HI_SOFTIRQ] = "HI",         [TIMER_SOFTIRQ] = "TIMER", [NET_TX_SOFTIRQ] = "NET_TX",
	[NET_RX_SOFTIRQ] = "NET_RX", [RCU_SOFTIRQ] = "RCU",
};

static DEFINE_PER_CPU(struct softirq_cpu, softirq_cpu);
static void (*softirq_handler[NR_SOFTIRQS])(void);

/* Run the calls other CPUs queued here, in the order they were queued. */
static void smp_call_run(void)
{
	struct call_single_data *csd = xchg(&this_cpu(softirq_cpu).calls, NULL);
	struct call_single_data *first = NULL;

	while (csd) {
		struct call_single_data *next = csd->next;

		csd->next = first;
		first = csd;
		csd = next;
	}
	while (first) {
		void (*fn)(void *arg) = first->fn;
		void *arg = first->arg;

		csd = first;
		first = first->next;
		/* Its owner may queue it again, or free it, from here on. */
		smp_store_release(&csd->pending, 0);
		fn(arg);
	}
}

/* One round: each due bit's handler once. Interrupts off on entry and exit, on in between. */
static void softirq_serve(struct softirq_cpu *sc, u32 due)
{
	this_cpu(softirq_due) &= ~due;
	local_irq_enable();
	for (; due; due &= due - 1) {
		unsigned nr = (unsigned)__builtin_ctz(due);

		sc->served[nr]++;
		if (nr == HI_SOFTIRQ)
			smp_call_run();
		if (softirq_handler[nr])
			softirq_handler[nr]();
	}
	local_irq_disable();
}

/* Handlers ran, and the context below them holds nothing but `own`: no RCU reader is on this CPU.
 */
static void softirq_quiescent(unsigned own)
{
	if (__this_cpu(preempt_count) == SOFTIRQ_OFFSET + own)
		rcu_note_quiescent();
}

static void wake_ksoftirqd(struct softirq_cpu *sc)
{
	if (sc->ksoftirqd)
		thread_wake(sc->ksoftirqd);
}

/* More became due in the first round, the only one as a rule: from here on by the clock. What is
 * left in the end is ksoftirqd's. Interrupts off. */
static noinline void serve_more(struct softirq_cpu *sc, unsigned own)
{
	u64 end_ns = ktime_get_ns() + SOFTIRQ_MAX_NS;
	u32 due = this_cpu(softirq_due);

	for (unsigned rounds = SOFTIRQ_MAX_RESTART - 1; due && rounds; rounds--) {
		softirq_serve(sc, due);
		softirq_quiescent(own);
		due = this_cpu(softirq_due);
		if (due && ktime_get_ns() >= end_ns)
			break;
	}
	if (due && sc->ksoftirqd) {
		sc->deferred |= due & SOFTIRQ_DEFERRABLE;
		sc->waiting |= due & SOFTIRQ_DEFERRABLE;
		this_cpu(softirq_due) &= ~SOFTIRQ_DEFERRABLE;
		wake_ksoftirqd(sc);
	}
}

/* own: what the caller itself added to preempt_count. */
static void serve_pending(unsigned own)
{
	struct softirq_cpu *sc = &this_cpu(softirq_cpu);
	irqflags_t flags;
	u32 due;

	if (in_interrupt())
		return;
	flags = local_irq_save();
	due = __this_cpu(softirq_due);
	if (likely(due)) {
		__this_cpu(preempt_count) += SOFTIRQ_OFFSET;
		softirq_serve(sc, due);
		softirq_quiescent(own);
		if (unlikely(__this_cpu(softirq_due)))
			serve_more(sc, own);
		__this_cpu(preempt_count) -= SOFTIRQ_OFFSET;
	}
	local_irq_restore(flags);
}

void do_softirq(void)
{
	serve_pending(0);
}

static int ksoftirqd_main(void *arg)
{
	struct softirq_cpu *sc = &this_cpu(softirq_cpu);

	for (;;) {
		u32 due;

		local_irq_disable();
		due = this_cpu(softirq_due) | sc->waiting;
		if (!due) {
			sc->deferred = 0;
			thread_current()->state = THREAD_SLEEPING;
			schedule();
			local_irq_enable();
			continue;
		}
		__this_cpu(preempt_count) += SOFTIRQ_OFFSET;
		sc->waiting = 0;
		softirq_serve(sc, due);
		softirq_quiescent(0);
		__this_cpu(preempt_count) -= SOFTIRQ_OFFSET;
		local_irq_enable();
		thread_yield();
	}
	return 0;
}

void softirq_start_threads(void)
{
	for_each_cpu(cpu) {
		char name[THREAD_NAME_LEN];
		struct thread *t;

		snprintf(name, sizeof(name), "ksoftirqd/%u", cpu);
		t = thread_create(name, ksoftirqd_main, NULL, cpu, PRIO_NORMAL);
		if (!t)
			panic("no memory for ksoftirqd/%u", cpu);
		per_cpu(softirq_cpu, cpu).ksoftirqd = t;
	}
}

void open_softirq(enum softirq nr, void (*fn)(void))
{
	softirq_handler[nr] = fn;
}

void raise_softirq_irqoff(enum softirq nr)
{
	struct softirq_cpu *sc = &this_cpu(softirq_cpu);

	if (unlikely(sc->deferred & 1u << nr))
		sc->waiting |= 1u << nr;
	else
		this_cpu(softirq_due) |= 1u << nr;
	if (!in_interrupt())
		wake_ksoftirqd(sc);
}

void raise_softirq(enum softirq nr)
{
	irqflags_t flags = local_irq_save();

	raise_softirq_irqoff(nr);
	local_irq_restore(flags);
}

bool softirq_pending(void)
{
	return this_cpu(softirq_due);
}

u64 softirq_count(enum softirq nr, unsigned cpu)
{
	return READ_ONCE(per_cpu(softirq_cpu, cpu).served[nr]);
}

bool smp_call_function_single_async(unsigned cpu, struct call_single_data *csd)
{
	struct softirq_cpu *sc = per_cpu_ptr(&softirq_cpu, cpu);
	struct call_single_data *head;

	if (xchg(&csd->pending, 1))
		return false;
	head = READ_ONCE(sc->calls);
	do {
		csd->next = head;
	} while (!__atomic_compare_exchange_n(&sc->calls, &head, csd, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	if (cpu == smp_processor_id()) {
		raise_softirq(HI_SOFTIRQ);
	} else if (!head) { /* whoever found the queue empty sends the interrupt */
		handoff_count(calls);
		smp_send_call(cpu);
	}
	return true;
}

void smp_call_interrupt(void)
{
	raise_softirq_irqoff(HI_SOFTIRQ);
}

#ifdef DEBUG
void local_bh_enable_check(void)
{
	DEBUG_ASSERT(!in_hardirq() && !irqs_disabled());
	DEBUG_ASSERT((__this_cpu(preempt_count) & SOFTIRQ_MASK) >= SOFTIRQ_DISABLE_OFFSET);
}
#endif

void local_bh_serve(void)
{
	serve_pending(PREEMPT_OFFSET);
}

void preempt_check_resched(void)
{
	if (!__this_cpu(resched_due) || __this_cpu(preempt_count))
		return;
	if (irqs_disabled())
		preempt_kick_cpus();
	else
		preempt_schedule();
}

void irq_enter(void)
{
	__this_cpu(preempt_count) += HARDIRQ_OFFSET;
	if (unlikely(__this_cpu(rcu_halted)))
		rcu_halt_exit();
}

void irq_exit(void)
{
	__this_cpu(preempt_count) -= HARDIRQ_OFFSET;
	if (softirq_pending())
		do_softirq();
}

bool may_sleep(void)
{
	return !__this_cpu(preempt_count) && !irqs_disabled();
}

void might_sleep(void)
{
	DEBUG_ASSERT(may_sleep());
}
