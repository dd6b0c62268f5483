/* SPDX-License-Identifier: MIT */
/*
 * Softirqs, calls between CPUs and RCU on four CPUs: what is held off waits, a flood leaves room
 * for threads, callbacks run after every reader has left and not before.
 */
#include <kernel/handoff.h>
#include <kernel/mm.h>
#include <kernel/rcu.h>
#include <kernel/softirq.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "host/host.h"

static unsigned served;
static unsigned flood_left;

static void count_served(void)
{
	assert_true(in_serving_softirq());
	assert_false(may_sleep());
	assert_false(irqs_disabled());
	served++;
	if (flood_left && --flood_left)
		raise_softirq(NET_TX_SOFTIRQ);
}

static void what_is_held_off_waits(void **state)
{
	open_softirq(NET_TX_SOFTIRQ, count_served);
	served = 0;
	local_bh_disable();
	local_bh_disable();
	raise_softirq(NET_TX_SOFTIRQ);
	assert_int_equal(served, 0);
	local_bh_enable();
	assert_int_equal(served, 0);
	local_bh_enable();
	assert_int_equal(served, 1);
	/* From a thread with nothing held off, ksoftirqd serves it. */
	raise_softirq(NET_TX_SOFTIRQ);
	assert_int_equal(served, 1);
	host_run_for(0);
	assert_int_equal(served, 2);
}

static void raise_it(void *arg)
{
	raise_softirq_irqoff(NET_TX_SOFTIRQ);
	assert_int_equal(served, 0);
}

static void the_end_of_an_interrupt_serves(void **state)
{
	served = 0;
	host_interrupt(0, raise_it, NULL);
	assert_int_equal(served, 1);
	served = 0;
	local_bh_disable();
	host_interrupt(0, raise_it, NULL);
	assert_int_equal(served, 0);
	local_bh_enable();
	assert_int_equal(served, 1);
}

static unsigned rounds_at_first_turn;

static int wants_a_turn(void *arg)
{
	rounds_at_first_turn = served;
	return 0;
}

static void a_flood_leaves_room_for_threads(void **state)
{
	u64 before = softirq_count(NET_TX_SOFTIRQ, 0);
	struct thread *t;

	served = 0;
	flood_left = 10000;
	t = thread_create("turn", wants_a_turn, NULL, 0, PRIO_NORMAL);
	host_interrupt(0, raise_it, NULL);
	assert_true(served >= SOFTIRQ_MAX_RESTART && served < 100);
	thread_join(t);
	thread_put(t);
	assert_true(rounds_at_first_turn < 100);
	host_run_for(0);
	assert_int_equal(served, 10000);
	assert_int_equal(softirq_count(NET_TX_SOFTIRQ, 0) - before, 10000);
}

/* --- calls ---------------------------------------------------------------------------------------
 */

static unsigned called_on[4], calls;

static void note_call(void *arg)
{
	called_on[calls++] = smp_processor_id();
}

static void calls_run_on_their_cpu_in_order(void **state)
{
	struct call_single_data csd[4] = {
		{.fn = note_call}, {.fn = note_call}, {.fn = note_call}, {.fn = note_call}};

	calls = 0;
	assert_true(smp_call_function_single_async(3, &csd[0]));
	assert_false(smp_call_function_single_async(3, &csd[0]));
	assert_true(smp_call_function_single_async(1, &csd[1]));
	assert_true(smp_call_function_single_async(0, &csd[2]));
	host_run_for(0);
	assert_int_equal(calls, 3);
	assert_true(called_on[0] + called_on[1] + called_on[2] == 4);
	assert_true(smp_call_function_single_async(3, &csd[0]));
	host_run_for(0);
	assert_int_equal(called_on[3], 3);
}

/* --- RCU -----------------------------------------------------------------------------------------
 */

struct object {
	struct rcu_head rcu;
	bool reclaimed;
};

static void reclaim(struct rcu_head *head)
{
	container_of(head, struct object, rcu)->reclaimed = true;
}

static void raise_only(void *arg)
{
	raise_softirq_irqoff(NET_TX_SOFTIRQ);
}

static void a_callback_waits_for_the_reader(void **state)
{
	struct object o = {.reclaimed = false};

	rcu_read_lock();
	call_rcu(&o.rcu, reclaim);
	for (int i = 0; i < 10; i++) {
		host_interrupt(0, raise_only, NULL);
		host_interrupt(1, raise_only, NULL);
	}
	assert_false(o.reclaimed);
	rcu_read_unlock();
	host_run_for(10 * NSEC_PER_MSEC);
	assert_true(o.reclaimed);
}

static void raise_rcu(void *arg)
{
	raise_softirq_irqoff(RCU_SOFTIRQ);
}

static void busy_for_a_while(void)
{
	for (int i = 0; i < 10; i++)
		for (unsigned cpu = 0; cpu < 4; cpu++)
			host_interrupt(cpu, raise_rcu, NULL);
}

/* A busy CPU gathers callbacks before a grace period begins; an idle one does not keep them. */
static void callbacks_are_gathered(void **state)
{
	struct object o[40] = {0};
	unsigned n = 0;

	while (n < 10)
		call_rcu(&o[n++].rcu, reclaim);
	busy_for_a_while();
	assert_false(o[0].reclaimed);
	while (n < 40)
		call_rcu(&o[n++].rcu, reclaim);
	busy_for_a_while();
	assert_true(o[0].reclaimed && o[31].reclaimed);
	host_run_for(10 * NSEC_PER_MSEC);
	while (n--)
		assert_true(o[n].reclaimed);
}

/* What a CPU's idle loop does; false where it may not halt. */
static void halt(void *arg)
{
	bool halted = rcu_halt_enter();

	assert_int_equal(this_cpu(rcu_halted), halted);
	*(bool *)arg = halted;
}

static bool halts(unsigned cpu)
{
	bool halted = false;

	host_interrupt(cpu, halt, &halted);
	return halted;
}

/* Enough callbacks for a grace period to begin, which CPU 0 or 1 does on its way out. */
static void call_many(void *arg)
{
	struct object *o = arg;

	for (unsigned i = 0; i < 32; i++)
		call_rcu(&o[i].rcu, reclaim);
}

static u64 calls_sent(void)
{
	u64 n = 0;

	for_each_cpu(cpu)
		n += per_cpu(handoffs, cpu).calls;
	return n;
}

/* Grace periods pass without CPUs that halt, and send them nothing. */
static void halted_cpus_are_not_waited_for(void **state)
{
	struct object o[32] = {0};
	u64 sent;

	host_run_for(20 * NSEC_PER_MSEC);
	sent = calls_sent();
	assert_true(halts(1) && halts(2) && halts(3));
	host_interrupt(0, call_many, o);
	for (int i = 0; i < 3; i++)
		host_interrupt(0, raise_rcu, NULL);
	assert_true(o[0].reclaimed && o[31].reclaimed);
	assert_int_equal(calls_sent(), sent);
	for (unsigned cpu = 1; cpu < 4; cpu++)
		host_interrupt(cpu, raise_only, NULL);
}

static void read_meanwhile(void *arg)
{
	struct object *o = arg;

	assert_false(this_cpu(rcu_halted));
	host_interrupt(0, call_many, o);
	for (int i = 0; i < 3; i++)
		host_interrupt(0, raise_rcu, NULL);
	assert_false(o->reclaimed);
}

/* An interrupt of a CPU that halts is a reader like any other. */
static void an_interrupt_ends_the_halt(void **state)
{
	struct object o[32] = {0};

	host_run_for(20 * NSEC_PER_MSEC);
	assert_true(halts(1) && halts(2) && halts(3));
	host_interrupt(1, read_meanwhile, o);
	host_run_for(20 * NSEC_PER_MSEC);
	assert_true(o[0].reclaimed && o[31].reclaimed);
}

/* A CPU that a grace period waits for reports before it halts. */
static void no_halt_before_the_report(void **state)
{
	struct object o[32] = {0};

	host_run_for(20 * NSEC_PER_MSEC);
	host_interrupt(0, call_many, o);
	assert_false(halts(1));
	host_interrupt(1, raise_only, NULL);
	assert_true(halts(1) && !o[0].reclaimed);
	host_run_for(20 * NSEC_PER_MSEC);
	assert_true(o[0].reclaimed);
}

/* The end of a grace period does not interrupt those whose callbacks it lets run. */
static void callbacks_wait_for_their_cpu(void **state)
{
	struct object o[32] = {0};
	u64 sent;

	host_run_for(20 * NSEC_PER_MSEC);
	sent = calls_sent();
	assert_true(halts(2) && halts(3));
	host_interrupt(1, call_many, o);
	host_interrupt(1, raise_rcu, NULL);
	assert_true(halts(1));
	host_interrupt(0, raise_rcu, NULL);
	host_interrupt(0, raise_rcu, NULL);
	assert_int_equal(calls_sent(), sent);
	assert_false(o[0].reclaimed);
	host_interrupt(1, raise_rcu, NULL);
	assert_true(o[0].reclaimed && o[31].reclaimed);
}

static int synchronizes(void *arg)
{
	for (int i = 0; i < 20; i++) {
		synchronize_rcu();
		thread_sleep_ns(host_random_below(500000));
	}
	++*(int *)arg;
	return 0;
}

static void synchronize_returns_on_every_cpu(void **state)
{
	struct thread *t[4];
	int done = 0;

	for (unsigned cpu = 0; cpu < 4; cpu++)
		t[cpu] = thread_create("sync", synchronizes, &done, cpu, PRIO_NORMAL);
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		thread_join(t[cpu]);
		thread_put(t[cpu]);
	}
	assert_int_equal(done, 4);
}

static void kfree_rcu_frees(void **state)
{
	u64 before = host_memory_in_use();

	for (int i = 0; i < 1000; i++) {
		struct object *o = kmalloc(sizeof(*o), GFP_KERNEL);

		kfree_rcu(o, rcu);
		if (i % 100 == 0)
			host_run_for(NSEC_PER_MSEC);
	}
	host_run_for(20 * NSEC_PER_MSEC);
	assert_int_equal(host_memory_in_use(), before);
}

static void preemption_counts_nest(void **state)
{
	assert_true(may_sleep());
	preempt_disable();
	preempt_disable();
	assert_false(may_sleep());
	preempt_enable();
	assert_false(may_sleep());
	preempt_enable();
	assert_true(may_sleep());
	host_check();
}

static int start(void **state)
{
	host_init_config(&(struct host_config){.seed = 5, .cpus = 4});
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_held_off_waits),
		cmocka_unit_test(the_end_of_an_interrupt_serves),
		cmocka_unit_test(a_flood_leaves_room_for_threads),
		cmocka_unit_test(calls_run_on_their_cpu_in_order),
		cmocka_unit_test(a_callback_waits_for_the_reader),
		cmocka_unit_test(synchronize_returns_on_every_cpu),
		cmocka_unit_test(callbacks_are_gathered),
		cmocka_unit_test(halted_cpus_are_not_waited_for),
		cmocka_unit_test(an_interrupt_ends_the_halt),
		cmocka_unit_test(no_halt_before_the_report),
		cmocka_unit_test(callbacks_wait_for_their_cpu),
		cmocka_unit_test(kfree_rcu_frees),
		cmocka_unit_test(preemption_counts_nest),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
