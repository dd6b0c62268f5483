/* SPDX-License-Identifier: MIT */
/*
 * Time and interrupts of the hosted home. Virtual time moves when nothing can run: to the
 * earliest clock event of any CPU. In real-time mode the clock is Linux's, and idling is a poll()
 * for the next event and the watched descriptors.
 */
#include <home/cpu.h>
#include <kernel/preempt.h>
#include <kernel/rcu.h>
#include <kernel/softirq.h>
#include <kernel/time.h>
#include <kernel/timer.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "host/host_int.h"

#define NEVER            (~0ull)
#define VIRTUAL_EPOCH_NS (1767225600ull * NSEC_PER_SEC) /* 2026-01-01 00:00 UTC */
#define MAX_WATCHES      16
#define YIELDS_AT_ONCE   1000      /* switches at one instant before time moves by itself */
#define STEPS_AT_ONCE    20000000u /* and before that is taken for an endless loop */
#define SPINS_AT_ONCE    1000000u
#define POLL_EVERY_NS    50000ull

u64 host_now_ns;

static u64 event_ns[MAX_CPUS];
static bool call_sent[MAX_CPUS];
static u64 steps_at_ns;
static unsigned steps, spins;
static u64 real_start_ns, polled_ns;

static struct {
	struct pollfd pfd[MAX_WATCHES];
	void (*fn[MAX_WATCHES])(void *arg);
	void *arg[MAX_WATCHES];
	unsigned n;
} watches;

static u64 real_ns(clockid_t clk)
{
	struct timespec ts;

	clock_gettime(clk, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

u64 ktime_get_ns(void)
{
	if (host_conf.realtime)
		host_now_ns = real_ns(CLOCK_MONOTONIC) - real_start_ns;
	return host_now_ns;
}

u64 ktime_get_real_ns(void)
{
	if (host_conf.realtime)
		return real_ns(CLOCK_REALTIME);
	return VIRTUAL_EPOCH_NS + host_now_ns;
}

const char *clocksource_name(void)
{
	return host_conf.realtime ? "monotonic" : "virtual";
}

void udelay(unsigned us)
{
	u64 end_ns = ktime_get_ns() + us * NSEC_PER_USEC;

	if (host_conf.realtime) {
		while (ktime_get_ns() < end_ns)
			;
	} else {
		host_now_ns = end_ns;
	}
}

void cpu_relax(void)
{
	if (++spins > SPINS_AT_ONCE)
		host_die("a loop waits for another CPU that cannot run");
}

u64 cpu_cycles(void)
{
	static u64 calls;

	return ktime_get_ns() * 3 + ++calls;
}

/* Code that changes threads without end at one instant: a yield loop waits for time to pass, so
 * give it some; anything else is a bug. */
void host_step(void)
{
	spins = 0;
	if (steps_at_ns != host_now_ns) {
		steps_at_ns = host_now_ns;
		steps = 0;
	}
	if (++steps % YIELDS_AT_ONCE == 0 && !host_conf.realtime) {
		host_now_ns += NSEC_PER_USEC;
		steps_at_ns = host_now_ns;
	}
	if (steps > STEPS_AT_ONCE && !host_conf.realtime)
		host_die("%u steps and no end", steps);
}

void clockevent_program(u64 expires_ns)
{
	event_ns[host_cpu] = expires_ns;
}

void smp_send_call(unsigned cpu)
{
	call_sent[cpu] = true;
}

/* --- interrupts --------------------------------------------------------------------------- */

void host_interrupt(unsigned cpu, void (*fn)(void *arg), void *arg)
{
	unsigned was_cpu = host_cpu;
	irqflags_t flags;

	host_cpu = cpu;
	flags = local_irq_save();
	irq_enter();
	fn(arg);
	irq_exit();
	local_irq_restore(flags);
	host_cpu = was_cpu;
}

static void call_irq(void *arg)
{
	smp_call_interrupt();
}

static void timer_irq(void *arg)
{
	raise_softirq_irqoff(TIMER_SOFTIRQ);
}

static void no_irq(void *arg)
{
}

static bool cpu_deliver(unsigned cpu)
{
	bool any = false;

	if (call_sent[cpu]) {
		call_sent[cpu] = false;
		host_interrupt(cpu, call_irq, NULL);
		any = true;
	}
	if (event_ns[cpu] <= ktime_get_ns()) {
		event_ns[cpu] = NEVER;
		host_interrupt(cpu, timer_irq, NULL);
		any = true;
	}
	host_cpu = cpu;
	if (softirq_pending()) {
		host_interrupt(cpu, no_irq, NULL);
		any = true;
	}
	/* The idle loop of a CPU: nothing on it holds a reference now. */
	if (!this_cpu(preempt_count))
		any |= rcu_idle();
	return any;
}

static bool deliver_all(void)
{
	unsigned was_cpu = host_cpu;
	bool any = false;

	for (unsigned cpu = 0; cpu < host_nr_cpus; cpu++)
		any |= cpu_deliver(cpu);
	host_cpu = was_cpu;
	return any;
}

/* --- descriptors --------------------------------------------------------------------------- */

void host_watch_fd(int fd, void (*fn)(void *arg), void *arg)
{
	unsigned i = watches.n++;

	if (i == MAX_WATCHES)
		host_die("too many watched descriptors");
	watches.pfd[i] = (struct pollfd){.fd = fd, .events = POLLIN};
	watches.fn[i] = fn;
	watches.arg[i] = arg;
}

void host_unwatch_fd(int fd)
{
	for (unsigned i = 0; i < watches.n; i++) {
		if (watches.pfd[i].fd != fd)
			continue;
		watches.n--;
		watches.pfd[i] = watches.pfd[watches.n];
		watches.fn[i] = watches.fn[watches.n];
		watches.arg[i] = watches.arg[watches.n];
		return;
	}
}

/* Wait up to wait_ns for a watched descriptor, and call its function. */
static bool poll_watches(u64 wait_ns)
{
	struct timespec ts = {.tv_sec = (time_t)(wait_ns / NSEC_PER_SEC),
			      .tv_nsec = (long)(wait_ns % NSEC_PER_SEC)};
	bool any = false;

	polled_ns = host_now_ns;
	if (ppoll(watches.pfd, watches.n, wait_ns == NEVER ? NULL : &ts, NULL) <= 0)
		return false;
	for (unsigned i = 0; i < watches.n; i++) {
		if (watches.pfd[i].revents) {
			host_interrupt(0, watches.fn[i], watches.arg[i]);
			any = true;
		}
	}
	return any;
}

/* --- the loop ----------------------------------------------------------------------------- */

bool host_deliver(void)
{
	bool any = deliver_all();

	if (host_conf.realtime && watches.n && ktime_get_ns() - polled_ns > POLL_EVERY_NS)
		any |= poll_watches(0);
	return any;
}

static u64 next_event_ns(void)
{
	u64 next = NEVER;

	for (unsigned cpu = 0; cpu < host_nr_cpus; cpu++)
		next = min(next, event_ns[cpu]);
	return next;
}

bool host_advance(u64 limit_ns)
{
	u64 next;

	if (deliver_all())
		return true;
	next = next_event_ns();
	if (host_conf.realtime) {
		u64 until_ns = min(next, limit_ns);
		u64 now_ns = ktime_get_ns();

		if (until_ns == NEVER && !watches.n)
			return false;
		poll_watches(until_ns == NEVER ? NEVER : until_ns > now_ns ? until_ns - now_ns : 0);
		deliver_all();
		return ktime_get_ns() < limit_ns;
	}
	if (next == NEVER || next > limit_ns)
		return false;
	host_now_ns = max(host_now_ns, next);
	deliver_all();
	return true;
}

void host_clock_init(void)
{
	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++)
		event_ns[cpu] = NEVER;
	real_start_ns = real_ns(CLOCK_MONOTONIC);
}

void host_run_until(u64 ns)
{
	for (;;) {
		host_thread_drain();
		if (!host_advance(ns))
			break;
	}
	if (!host_conf.realtime)
		host_now_ns = max(host_now_ns, ns);
}

void host_run_for(u64 ns)
{
	host_run_until(ktime_get_ns() + ns);
}

u64 host_run_idle(u64 max_ns)
{
	u64 start_ns = ktime_get_ns();
	u64 quiet_ns;

	do {
		host_thread_drain();
		quiet_ns = ktime_get_ns() + max_ns;
	} while (host_advance(quiet_ns < max_ns ? NEVER : quiet_ns) || host_thread_runnable());
	return ktime_get_ns() - start_ns;
}
