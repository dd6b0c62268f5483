/* SPDX-License-Identifier: MIT */
/*
 * The timer wheel against its promise: never early, late by at most an eighth of the delay (or
 * TIMER_SLACK_NS), each exactly once, whatever is armed, moved and deleted meanwhile; hrtimers
 * fire at their nanosecond and in order.
 */
#include <kernel/preempt.h>
#include <kernel/softirq.h>
#include <kernel/timer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"

#define N 500

struct probe {
	struct timer t;
	u64 armed_ns, due_ns;
	bool pending;
	unsigned fired;
};

static struct probe probe[N];
static u64 worst_late_ns;

static u64 allowed_late_ns(const struct probe *p)
{
	u64 eighth_ns = (p->due_ns - p->armed_ns) / 8;

	return eighth_ns > TIMER_SLACK_NS ? eighth_ns : TIMER_SLACK_NS;
}

static void probe_fired(struct timer *t)
{
	struct probe *p = container_of(t, struct probe, t);
	u64 now_ns = ktime_get_ns();

	assert_true(in_serving_softirq());
	assert_true(p->pending);
	assert_false(timer_pending(t));
	assert_true(now_ns >= p->due_ns);
	assert_true(now_ns - p->due_ns <= allowed_late_ns(p));
	worst_late_ns = max(worst_late_ns, now_ns - p->due_ns);
	p->pending = false;
	p->fired++;
}

/* Delays of every magnitude, from nothing to a day. */
static u64 any_delay_ns(void)
{
	return host_random() >> (17 + host_random_below(45));
}

static void arm(struct probe *p)
{
	p->armed_ns = ktime_get_ns();
	p->due_ns = p->armed_ns + any_delay_ns();
	assert_int_equal(timer_mod(&p->t, p->due_ns), p->pending);
	p->pending = true;
	assert_true(timer_pending(&p->t));
}

static void the_wheel_keeps_its_promise(void **state)
{
	for (int i = 0; i < N; i++)
		timer_setup(&probe[i].t, probe_fired);
	for (int step = 0; step < 60000; step++) {
		struct probe *p = &probe[host_random_below(N)];

		switch (host_random_below(4)) {
		case 0:
			assert_int_equal(timer_del(&p->t), p->pending);
			p->pending = false;
			break;
		case 1:
			host_run_for(host_random() >> (28 + host_random_below(36)));
			break;
		default:
			arm(p);
		}
	}
	host_run_idle(~0ull / 2);
	for (int i = 0; i < N; i++)
		assert_false(probe[i].pending);
	assert_true(worst_late_ns > 0);
}

static void reduce_only_makes_earlier(void **state)
{
	struct probe p = {.pending = true};
	u64 now_ns = ktime_get_ns();

	timer_setup(&p.t, probe_fired);
	p.armed_ns = now_ns;
	assert_false(timer_reduce(&p.t, now_ns + 50 * NSEC_PER_MSEC));
	assert_true(timer_reduce(&p.t, now_ns + 80 * NSEC_PER_MSEC));
	p.due_ns = now_ns + 50 * NSEC_PER_MSEC;
	host_run_for(60 * NSEC_PER_MSEC);
	assert_int_equal(p.fired, 1);
	assert_false(timer_del_sync(&p.t));
}

static void a_due_time_in_the_past_fires_soon(void **state)
{
	struct probe p = {.pending = true};

	timer_setup(&p.t, probe_fired);
	host_run_for(NSEC_PER_SEC);
	p.armed_ns = p.due_ns = ktime_get_ns();
	timer_mod(&p.t, p.due_ns - NSEC_PER_MSEC);
	host_run_for(TIMER_SLACK_NS);
	assert_int_equal(p.fired, 1);
}

static unsigned periodic_left;

static void periodic(struct timer *t)
{
	if (--periodic_left)
		timer_mod(t, ktime_get_ns() + 10 * NSEC_PER_MSEC);
}

static void a_timer_arms_itself_again(void **state)
{
	struct timer t;
	u64 start_ns = ktime_get_ns();

	timer_setup(&t, periodic);
	periodic_left = 100;
	timer_mod(&t, ktime_get_ns() + 10 * NSEC_PER_MSEC);
	host_run_idle(NSEC_PER_SEC);
	assert_int_equal(periodic_left, 0);
	assert_in_range(ktime_get_ns() - start_ns, NSEC_PER_SEC, NSEC_PER_SEC * 9 / 8);
}

static void never_is_never(void **state)
{
	struct probe p = {.pending = true};

	timer_setup(&p.t, probe_fired);
	timer_mod(&p.t, ~0ull);
	host_run_for(100 * 3600 * NSEC_PER_SEC);
	assert_int_equal(p.fired, 0);
	assert_true(timer_del(&p.t));
}

/* --- hrtimers ----------------------------------------------------------------------------------
 */

struct hr_probe {
	struct hrtimer t;
	u64 due_ns;
	bool pending;
};

static struct hr_probe hr[N];
static u64 last_fired_ns;
static unsigned hr_fired;

static u64 hr_probe_fired(struct hrtimer *t)
{
	struct hr_probe *p = container_of(t, struct hr_probe, t);

	assert_true(p->pending);
	assert_int_equal(ktime_get_ns(), p->due_ns);
	assert_true(p->due_ns >= last_fired_ns);
	last_fired_ns = p->due_ns;
	hr_fired++;
	if (host_random_below(3) == 0) {
		p->due_ns += 1 + host_random_below(1000000);
		return p->due_ns;
	}
	p->pending = false;
	return 0;
}

static void hrtimers_fire_at_their_nanosecond(void **state)
{
	for (int i = 0; i < N; i++)
		hrtimer_setup(&hr[i].t, hr_probe_fired);
	for (int step = 0; step < 30000; step++) {
		struct hr_probe *p = &hr[host_random_below(N)];

		if (host_random_below(5) == 0) {
			assert_int_equal(hrtimer_cancel(&p->t), p->pending);
			p->pending = false;
		} else {
			p->due_ns = ktime_get_ns() + 1 + host_random_below(50000000);
			hrtimer_start(&p->t, p->due_ns);
			p->pending = true;
		}
		if (host_random_below(20) == 0)
			host_run_for(host_random_below(3000000));
	}
	host_run_idle(NSEC_PER_SEC);
	for (int i = 0; i < N; i++)
		assert_false(hr[i].pending);
	assert_true(hr_fired > 1000);
}

/* --- several CPUs --------------------------------------------------------------------------------
 */

static unsigned fired_on = 99;

static void note_cpu(struct timer *t)
{
	fired_on = smp_processor_id();
}

static struct timer cpu_timer;

static void arm_here(void *arg)
{
	timer_mod(&cpu_timer, ktime_get_ns() + 5 * NSEC_PER_MSEC);
}

static void a_timer_fires_on_the_cpu_that_armed_it(void **state)
{
	struct call_single_data csd = {.fn = arm_here};

	timer_setup(&cpu_timer, note_cpu);
	timer_mod(&cpu_timer, ktime_get_ns() + NSEC_PER_MSEC);
	assert_true(smp_call_function_single_async(2, &csd));
	host_run_for(10 * NSEC_PER_MSEC);
	assert_int_equal(fired_on, 2);
	timer_mod(&cpu_timer, ktime_get_ns() + NSEC_PER_MSEC);
	host_run_for(10 * NSEC_PER_MSEC);
	assert_int_equal(fired_on, 0);
}

static int start(void **state)
{
	host_init_config(&(struct host_config){.seed = 11, .cpus = 4});
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_wheel_keeps_its_promise),
		cmocka_unit_test(reduce_only_makes_earlier),
		cmocka_unit_test(a_due_time_in_the_past_fires_soon),
		cmocka_unit_test(a_timer_arms_itself_again),
		cmocka_unit_test(never_is_never),
		cmocka_unit_test(hrtimers_fire_at_their_nanosecond),
		cmocka_unit_test(a_timer_fires_on_the_cpu_that_armed_it),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
