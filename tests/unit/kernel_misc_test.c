/* SPDX-License-Identifier: MIT */
/*
 * Sysctls, the command line, the log, random numbers and iov_iter: text is taken whole or not at
 * all, quotes keep words together, the ring loses the oldest, numbers are evenly spread.
 */
#include <errno.h>
#include <kernel/cmdline.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/random.h>
#include <kernel/sysctl.h>
#include <kernel/time.h>
#include <kernel/uio.h>
#include <lib/checksum.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"

/* --- sysctl --------------------------------------------------------------------------------------
 */

struct settings {
	int one, three[3];
	u8 small, flag;
	unsigned long large;
	char text[8];
};

#define ROW(field, n, lo, hi, kind)                                                       \
	{                                                                                 \
		.name = #field, .offset = offsetof(struct settings, field), .count = (n), \
		.mode = 0644, .min = (lo), .max = (hi), .ops = &(kind)                    \
	}

static const struct ctl_table table[] = {
	ROW(one, 1, -5, 100, ctl_int),
	ROW(three, 3, 0, 0, ctl_int),
	ROW(small, 1, 0, 0, ctl_u8),
	ROW(flag, 1, 0, 0, ctl_bool),
	ROW(large, 1, 0, 0, ctl_ulong),
	ROW(text, 1, 0, 8, ctl_string),
	{.name = "fixed", .offset = 0, .count = 1, .mode = 0444, .ops = &ctl_int},
};

static struct settings set;
static struct ctl_header header;

static void expect_read(const char *name, const char *value)
{
	char text[64];

	assert_true(sysctl_read(name, NULL, text, sizeof(text)) >= 0);
	assert_string_equal(text, value);
}

static void sysctl_takes_good_values_only(void **state)
{
	char text[8];

	assert_int_equal(sysctl_write("net.test.one", NULL, "42\n"), 0);
	assert_int_equal(set.one, 42);
	expect_read("net/test/one", "42");
	assert_int_equal(sysctl_write("net.test.one", NULL, "101"), -EINVAL);
	assert_int_equal(sysctl_write("net.test.one", NULL, "-6"), -EINVAL);
	assert_int_equal(sysctl_write("net.test.one", NULL, "4x"), -EINVAL);
	assert_int_equal(sysctl_write("net.test.one", NULL, ""), -EINVAL);
	assert_int_equal(sysctl_write("net.test.one", NULL, "1 2"), -EINVAL);
	assert_int_equal(set.one, 42);
	assert_int_equal(sysctl_write("net.test.three", NULL, "1\t2  0x10"), 0);
	expect_read("net.test.three", "1\t2\t16");
	assert_int_equal(sysctl_write("net.test.three", NULL, "7 8 99999999999"), -EINVAL);
	expect_read("net.test.three", "1\t2\t16");
	assert_int_equal(sysctl_write("net.test.small", NULL, "255"), 0);
	assert_int_equal(sysctl_write("net.test.small", NULL, "256"), -EINVAL);
	assert_int_equal(sysctl_write("net.test.flag", NULL, "1"), 0);
	assert_int_equal(sysctl_write("net.test.flag", NULL, "2"), -EINVAL);
	assert_int_equal(sysctl_write("net.test.large", NULL, "123456789012345"), 0);
	expect_read("net.test.large", "123456789012345");
	assert_int_equal(sysctl_write("net.test.large", NULL, "-1"), -EINVAL);
	assert_int_equal(sysctl_write("net.test.text", NULL, "reno\n"), 0);
	expect_read("net.test.text", "reno");
	assert_int_equal(sysctl_write("net.test.text", NULL, "muchtoolong"), -EINVAL);
	expect_read("net.test.text", "reno");
	assert_int_equal(sysctl_write("net.test.fixed", NULL, "1"), -EACCES);
	assert_int_equal(sysctl_write("net.test.none", NULL, "1"), -ENOENT);
	assert_int_equal(sysctl_read("net.tes", NULL, text, sizeof(text)), -ENOENT);
}

static void several_objects_share_a_name(void **state)
{
	static struct settings other;
	static struct ctl_header other_header;

	sysctl_register(&other_header, "net/test", table, ARRAY_SIZE(table), &other);
	assert_int_equal(sysctl_write("net.test.one", &other, "5"), 0);
	assert_int_equal(other.one, 5);
	assert_int_not_equal(set.one, 5);
	sysctl_unregister(&other_header);
	assert_int_equal(sysctl_write("net.test.one", &other, "5"), -ENOENT);
}

static void the_command_line_sets_sysctls(void **state)
{
	/* Given to host_init_config() below. */
	static struct settings early;
	static struct ctl_header h;

	sysctl_register(&h, "vm/early", table, ARRAY_SIZE(table), &early);
	assert_int_equal(early.one, 17);
	assert_int_equal(early.three[1], 5);
	assert_int_equal(early.small, 0); /* its value was out of range */
	sysctl_unregister(&h);
}

/* --- command line
 * ---------------------------------------------------------------------------------- */

static void collect(const char *key, const char *value, void *arg)
{
	char *all = arg;

	sprintf(all + strlen(all), "[%s|%s]", key, value ? value : "-");
}

static void words_are_split_and_quotes_removed(void **state)
{
	char all[500] = "";
	char line[CMDLINE_MAX + 100];

	cmdline_init("  a b=1 \"c=two words\" d=\"x y=z\"\tb=2 =odd e= \"unclosed q");
	cmdline_for_each(collect, all);
	assert_string_equal(all, "[a|-][b|1][c|two words][d|x y=z][b|2][|odd][e|][unclosed q|-]");
	assert_string_equal(cmdline_get("b"), "2");
	assert_string_equal(cmdline_get("a"), "");
	assert_string_equal(cmdline_get("e"), "");
	assert_null(cmdline_get("c=two"));
	assert_null(cmdline_get("zz"));
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	cmdline_init(line);
	assert_int_equal(strlen(cmdline_get_all()), CMDLINE_MAX - 1);
	for (size_t i = 1; i < sizeof(line); i += 2)
		line[i] = ' ';
	cmdline_init(line);
	cmdline_report_unknown();
	cmdline_init("");
	assert_null(cmdline_get("a"));
}

/* --- log
 * ---------------------------------------------------------------------------------------------- */

static char console_text[200000];

static void console_keep(struct console *c, const char *s, size_t len)
{
	size_t at = strlen(console_text);

	assert_true(at + len < sizeof(console_text));
	memcpy(console_text + at, s, len);
	console_text[at + len] = '\0';
	if (strstr(s, "nested"))
		pr_err("from inside");
}

static struct console keeper = {.name = "keeper", .write = console_keep};

static void records_reach_console_and_readers(void **state)
{
	char buf[2000];
	u64 seq = 0;
	size_t n;

	log_clear();
	register_console(&keeper);
	console_set_loglevel(LOG_ERR);
	console_text[0] = '\0';
	host_run_for(1234567890);
	pr_err("first %d\n", 1);
	pr_info("not for the console");
	pr_err("nested");
	assert_non_null(strstr(console_text, "] first 1\n"));
	assert_null(strstr(console_text, "not for"));
	assert_non_null(strstr(console_text, "] nested\n["));
	assert_non_null(strstr(console_text, "] from inside\n"));
	n = log_read(&seq, buf, sizeof(buf), false);
	buf[n] = '\0';
	assert_non_null(strstr(buf, "not for the console\n"));
	assert_int_equal(log_read(&seq, buf, sizeof(buf), false), 0);
	pr_err("later");
	n = log_read(&seq, buf, sizeof(buf), true);
	buf[n] = '\0';
	assert_memory_equal(buf, "<3>[", 4);
	assert_non_null(strstr(buf, "] later\n"));
}

static void the_ring_loses_the_oldest(void **state)
{
	char buf[600];
	unsigned lines = 0, last = 0, number;
	u64 seq = 0;
	size_t n;

	console_set_loglevel(LOG_EMERG);
	for (unsigned i = 0; i < 5000; i++)
		pr_err("record %u %.*s", i, (int)host_random_below(200),
		       "..........................................................................."
		       "."
		       "..........................................................................."
		       "."
		       "..................................................");
	while ((n = log_read(&seq, buf, sizeof(buf), false))) {
		for (char *p = buf; p < buf + n; p = (char *)memchr(p, '\n', 1000) + 1) {
			assert_int_equal(sscanf(p, "[%*[^]]] record %u", &number), 1);
			assert_true(!lines || number == last + 1);
			last = number;
			lines++;
		}
	}
	assert_int_equal(last, 4999);
	assert_in_range(lines, 100, 512);
}

static void floods_of_messages_are_held_back(void **state)
{
	static struct ratelimit rl;
	unsigned passed = 0;

	for (int i = 0; i < 1000; i++)
		passed += ratelimit_ok(&rl, 10, NSEC_PER_SEC);
	assert_int_equal(passed, 10);
	host_run_for(2 * NSEC_PER_SEC);
	assert_true(ratelimit_ok(&rl, 10, NSEC_PER_SEC));
}

/* --- random
 * ------------------------------------------------------------------------------------------- */

static void random_numbers_are_even_and_differ(void **state)
{
	unsigned count[10] = {0}, ones = 0;
	u8 buf[100], again[100];

	for (int i = 0; i < 20000; i++)
		count[get_random_u32_below(10)]++;
	for (int i = 0; i < 10; i++)
		assert_in_range(count[i], 1700, 2300);
	for (int i = 0; i < 1000; i++)
		ones += (unsigned)__builtin_popcountll(get_random_u64());
	assert_in_range(ones, 31000, 33000);
	for (size_t n = 0; n <= sizeof(buf); n++) {
		memset(buf, 0, sizeof(buf));
		get_random_bytes(buf, n);
		for (size_t i = n; i < sizeof(buf); i++)
			assert_int_equal(buf[i], 0);
		get_random_bytes(again, n);
		assert_true(n < 8 || memcmp(buf, again, n));
	}
	assert_int_equal(get_random_u32_below(1), 0);
	assert_true(random_ready());
}

static void entropy_changes_the_stream(void **state)
{
	u64 before = get_random_u64();

	add_entropy("dice", 4, 10);
	assert_int_not_equal(get_random_u64(), before);
}

/* --- uio
 * ------------------------------------------------------------------------------------------------
 */

static void iterators_cross_buffers(void **state)
{
	char a[3], b[1], c[10], out[14];
	struct iovec iov[4] = {{a, 3}, {NULL, 0}, {b, 1}, {c, 10}};
	u8 data[14];
	struct iov_iter i;
	u32 sum = 0, sum_back = 0;

	for (u8 n = 0; n < 14; n++)
		data[n] = (u8)(n * 37 + 1);
	for (size_t cut = 0; cut <= 14; cut++) {
		iov_iter_init(&i, iov, 4, 14);
		assert_int_equal(copy_to_iter(data, cut, &i), cut);
		assert_int_equal(iov_iter_count(&i), 14 - cut);
		assert_int_equal(copy_to_iter(data + cut, 100, &i), 14 - cut);
		assert_int_equal(copy_to_iter(data, 1, &i), 0);
		iov_iter_revert(&i, iov, 4, 14 - cut);
		assert_int_equal(copy_from_iter(out, 14, &i), 14 - cut);
		assert_memory_equal(out, data + cut, 14 - cut);
		iov_iter_init(&i, iov, 4, 14);
		iov_iter_advance(&i, cut);
		sum = sum_back = 0;
		assert_int_equal(csum_and_copy_from_iter(out, 14, &sum, &i), 14 - cut);
		assert_int_equal(csum_fold_sum(sum),
				 csum_fold_sum(csum_partial(data + cut, 14 - cut, 0)));
		iov_iter_init(&i, iov, 4, 14);
		csum_and_copy_to_iter(data, cut, &sum_back, &i);
		assert_int_equal(csum_fold_sum(sum_back),
				 csum_fold_sum(csum_partial(data, cut, 0)));
	}
	/* The count may be less than the buffers hold. */
	iov_iter_init(&i, iov, 4, 2);
	assert_int_equal(copy_to_iter(data, 14, &i), 2);
}

static int start(void **state)
{
	host_init_config(&(struct host_config){
		.seed = 4,
		.cmdline = "sysctl.vm.early.one=17 \"sysctl.vm/early/three=4 5 6\" "
			   "sysctl.vm.early.small=1000"});
	console_set_loglevel(LOG_EMERG);
	sysctl_register(&header, "net/test", table, ARRAY_SIZE(table), &set);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_line_sets_sysctls),
		cmocka_unit_test(sysctl_takes_good_values_only),
		cmocka_unit_test(several_objects_share_a_name),
		cmocka_unit_test(words_are_split_and_quotes_removed),
		cmocka_unit_test(records_reach_console_and_readers),
		cmocka_unit_test(the_ring_loses_the_oldest),
		cmocka_unit_test(floods_of_messages_are_held_back),
		cmocka_unit_test(random_numbers_are_even_and_differ),
		cmocka_unit_test(entropy_changes_the_stream),
		cmocka_unit_test(iterators_cross_buffers),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
