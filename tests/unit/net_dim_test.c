/* SPDX-License-Identifier: MIT */
/*
 * Dynamic interrupt moderation: few packets are told of soon, many wait for company, and who is
 * held up by that is let go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <kernel/time.h>
#include <net/dim.h>

static u64 now;

/* Windows of polls with so many packets each, at a rate. */
static void polls(struct dim *d, unsigned windows, u32 packets, u64 rate)
{
	for (unsigned i = 0; i < windows * 64; i++) {
		now += packets * NSEC_PER_SEC / rate;
		dim_poll_ended(d, packets, now);
	}
}

/* It begins where it was told to, or next to that. */
static void test_start(void **state)
{
	struct dim d;

	dim_start(&d, 25);
	assert_int_equal(dim_usecs(&d), 32);
	dim_start(&d, 0);
	assert_int_equal(dim_usecs(&d), 8);
	dim_start(&d, 100000);
	assert_int_equal(dim_usecs(&d), 256);
}

/* Questions and answers: the shortest delay, and it stays. */
static void test_single_packets(void **state)
{
	struct dim d;

	dim_start(&d, 256);
	polls(&d, 10, 1, 20000);
	assert_int_equal(dim_usecs(&d), 8);
	polls(&d, 10, 1, 20000);
	assert_int_equal(dim_usecs(&d), 8);
}

/* A stream that does not mind: the longest. With enough a poll it stays where it is. */
static void test_streams(void **state)
{
	struct dim d;

	dim_start(&d, 8);
	polls(&d, 10, 10, 500000);
	assert_int_equal(dim_usecs(&d), 256);
	dim_start(&d, 32);
	polls(&d, 10, 60, 500000);
	assert_int_equal(dim_usecs(&d), 32);
}

/* A stream that gets slower by the longer delay: the step is taken back, for a while. */
static void test_delay_that_costs(void **state)
{
	struct dim d;
	unsigned longer = 0;

	dim_start(&d, 32);
	for (unsigned i = 0; i < 60 * 64; i++) {
		bool is_longer = dim_usecs(&d) > 32;

		longer += is_longer;
		now += 8 * NSEC_PER_SEC / (is_longer ? 200000 : 400000);
		dim_poll_ended(&d, 8, now);
	}
	assert_in_range(longer, 1, 6 * 64);
	assert_in_range(dim_usecs(&d), 16, 64);
}

/* After a silence the few packets of its window bring it down a level. */
static void test_silence(void **state)
{
	struct dim d;

	dim_start(&d, 64);
	now += NSEC_PER_SEC;
	assert_true(dim_poll_ended(&d, 1, now));
	assert_int_equal(dim_usecs(&d), 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),   cmocka_unit_test(test_single_packets),
		cmocka_unit_test(test_streams), cmocka_unit_test(test_delay_that_costs),
		cmocka_unit_test(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
