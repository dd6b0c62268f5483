/* SPDX-License-Identifier: MIT */
/*
 * The hosted home: virtual time moves to the next timer only when nothing can run; threads sleep,
 * wake and join; runs with the same seed are the same; what leaks is seen.
 */
#include <kernel/mm.h>
#include <kernel/rcu.h>
#include <kernel/softirq.h>
#include <kernel/timer.h>
#include <kernel/wait.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"

static void time_stands_still_while_something_runs(void **state)
{
	u64 start_ns = ktime_get_ns();

	for (int i = 0; i < 100; i++)
		thread_yield();
	assert_int_equal(ktime_get_ns(), start_ns);
	thread_sleep_ns(5 * NSEC_PER_MSEC);
	assert_int_equal(ktime_get_ns(), start_ns + 5 * NSEC_PER_MSEC);
}

static void run_until_stops_exactly(void **state)
{
	u64 at_ns = ktime_get_ns() + 12345678;

	host_run_until(at_ns);
	assert_int_equal(ktime_get_ns(), at_ns);
	assert_true(host_run_idle(NSEC_PER_SEC) < NSEC_PER_SEC);
}

struct pair {
	struct wait_queue wq;
	int turn, rounds;
};

static int ping(void *arg)
{
	struct pair *p = arg;

	for (int i = 0; i < 1000; i++) {
		wait_event(&p->wq, p->turn == 1);
		p->turn = 0;
		p->rounds++;
		wake_up_all(&p->wq);
	}
	return 7;
}

static void threads_take_turns_and_are_joined(void **state)
{
	struct pair p = {.turn = 0};
	struct thread *t;

	wait_queue_init(&p.wq);
	t = thread_create("ping", ping, &p, CPU_ANY, PRIO_NORMAL);
	assert_non_null(t);
	for (int i = 0; i < 1000; i++) {
		p.turn = 1;
		wake_up_all(&p.wq);
		wait_event(&p.wq, p.turn == 0);
	}
	assert_int_equal(thread_join(t), 7);
	assert_int_equal(p.rounds, 1000);
	thread_put(t);
	host_check();
}

static void a_wait_runs_out(void **state)
{
	struct wait_queue wq;
	u64 start_ns = ktime_get_ns();

	wait_queue_init(&wq);
	assert_int_equal(wait_event_timeout(&wq, false, 3 * NSEC_PER_MSEC), 0);
	assert_int_equal(ktime_get_ns() - start_ns, 3 * NSEC_PER_MSEC);
	assert_true(wait_event_timeout(&wq, true, 3 * NSEC_PER_MSEC) > 0);
}

struct counted {
	struct mutex m;
	int value, inside;
};

static int count_up(void *arg)
{
	struct counted *c = arg;

	for (int i = 0; i < 100; i++) {
		mutex_lock(&c->m);
		assert_int_equal(c->inside++, 0);
		thread_sleep_ns(1000);
		c->value++;
		c->inside--;
		mutex_unlock(&c->m);
	}
	return 0;
}

static void a_mutex_lets_one_in(void **state)
{
	struct thread *t[4];
	struct counted c = {.value = 0};

	mutex_init(&c.m);
	for (int i = 0; i < 4; i++)
		t[i] = thread_create("count", count_up, &c, CPU_ANY, PRIO_NORMAL);
	for (int i = 0; i < 4; i++) {
		thread_join(t[i]);
		thread_put(t[i]);
	}
	assert_int_equal(c.value, 400);
	assert_true(mutex_trylock(&c.m));
	mutex_unlock(&c.m);
}

static void memory_in_use_shows_a_leak(void **state)
{
	u64 before = host_memory_in_use();
	void *p = kmalloc(100, GFP_KERNEL);
	struct page *page = alloc_page(GFP_KERNEL);

	assert_true(host_memory_in_use() >= before + 100 + PAGE_SIZE);
	kfree(p);
	put_page(page);
	assert_int_equal(host_memory_in_use(), before);
}

static void one_seed_gives_one_run(void **state)
{
	u64 a[3], b[3];

	host_init(42);
	for (int i = 0; i < 3; i++)
		a[i] = host_random();
	host_init(42);
	for (int i = 0; i < 3; i++)
		b[i] = host_random();
	assert_memory_equal(a, b, sizeof(a));
	host_init(43);
	assert_int_not_equal(host_random(), a[0]);
}

static void on_interrupt(void *arg)
{
	assert_true(in_hardirq());
	assert_false(may_sleep());
	*(bool *)arg = true;
}

static void an_interrupt_has_its_context(void **state)
{
	bool called = false;

	assert_true(may_sleep());
	host_interrupt(0, on_interrupt, &called);
	assert_true(called);
	assert_true(may_sleep());
}

static int start(void **state)
{
	host_init(1);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_stands_still_while_something_runs),
		cmocka_unit_test(run_until_stops_exactly),
		cmocka_unit_test(threads_take_turns_and_are_joined),
		cmocka_unit_test(a_wait_runs_out),
		cmocka_unit_test(a_mutex_lets_one_in),
		cmocka_unit_test(memory_in_use_shows_a_leak),
		cmocka_unit_test(one_seed_gives_one_run),
		cmocka_unit_test(an_interrupt_has_its_context),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
