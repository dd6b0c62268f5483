/* SPDX-License-Identifier: MIT */
/*
 * Behaviour shown: formatting agrees with the C library's wherever C defines it (C11 7.21.6.1), at
 * every buffer size, and the %p extensions print what lib/printf.h promises.
 */
#include "lib_test.h"

#include <lib/err.h>
#include <lib/printf.h>
#include <lib/types.h>
#include <limits.h>
#include <stdio.h>

/* The formats are data here, made of parts. */
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-overflow"

#define AGREE(fmt, ...)                                                     \
	do {                                                                \
		char ours[256], theirs[256];                                \
		int n = lib_snprintf(ours, sizeof(ours), fmt, __VA_ARGS__); \
		int m = snprintf(theirs, sizeof(theirs), fmt, __VA_ARGS__); \
		assert_string_equal(ours, theirs);                          \
		assert_int_equal(n, m);                                     \
	} while (0)

#define SHOWS(text, ...)                                               \
	do {                                                           \
		char ours[256];                                        \
		int n = lib_snprintf(ours, sizeof(ours), __VA_ARGS__); \
		assert_string_equal(ours, text);                       \
		assert_int_equal(n, (int)strlen(text));                \
	} while (0)

static void integers_with_all_flags(void **state)
{
	static const char *const flags[] = {"",   "-",  "0",  "+",  " ", "#",
					    "-0", "+0", "#0", "-#", "+-"};
	static const char *const sizes[] = {"", "1", "7", "20", ".0", ".1", ".9", "12.5", "3.8"};
	static const char conversions[] = "diuoxX";
	static const long long values[] = {0,         1,         -1,       7,       -8,
					   255,       65536,     INT_MAX,  INT_MIN, UINT_MAX,
					   1ll << 40, LLONG_MAX, LLONG_MIN};

	for (size_t f = 0; f < ARRAY_SIZE(flags); f++) {
		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
			for (const char *c = conversions; *c; c++) {
				char fmt[24], fmt_ll[24];

				snprintf(fmt, sizeof(fmt), "[%%%s%s%c]", flags[f], sizes[s], *c);
				snprintf(fmt_ll, sizeof(fmt_ll), "[%%%s%sll%c]", flags[f], sizes[s],
					 *c);
				for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
					AGREE(fmt, (int)values[v]);
					AGREE(fmt_ll, values[v]);
				}
			}
		}
	}
}

static void length_modifiers(void **state)
{
	AGREE("%hhd %hhu %hd %hu", 300, 300, 70000, 70000);
	AGREE("%ld %lu %zu %zd %jd %td", LONG_MIN, ULONG_MAX, (size_t)-1, (ssize_t)-5, (intmax_t)-6,
	      (ptrdiff_t)7);
}

static void strings_and_characters(void **state)
{
	AGREE("[%s] [%10s] [%-10s] [%.2s] [%8.3s] [%-8.3s] [%.0s]", "abc", "abc", "abc", "abc",
	      "abcdef", "abcdef", "abc");
	AGREE("[%c] [%5c] [%-5c] %% [%*d] [%-*d] [%.*s]", 'x', 'y', 'z', 6, 42, 6, 42, 2, "abc");
	AGREE("[%*d] [%.*d]", -6, 42, -1, 42);
	SHOWS("(null) [    (null)]", "%s [%10s]", (char *)NULL, (char *)NULL);
}

static void precision_bounds_what_is_read(void **state)
{
	char *exact = malloc(3);

	memcpy(exact, "abc", 3);
	SHOWS("abc", "%.3s", exact);
	free(exact);
}

static void truncates_and_terminates(void **state)
{
	char buf[16];

	for (size_t size = 0; size <= sizeof(buf); size++) {
		memset(buf, '~', sizeof(buf));
		assert_int_equal(lib_snprintf(buf, size, "%s-%d", "hello", 1234), 10);
		if (size)
			assert_int_equal(strlen(buf), size > 10 ? 10 : size - 1);
		for (size_t i = size; i < sizeof(buf); i++)
			assert_int_equal(buf[i], '~');
		assert_int_equal(scnprintf(buf, size, "%s-%d", "hello", 1234), size > 10 ? 10
									       : size    ? size - 1
											 : 0);
	}
	assert_int_equal(lib_snprintf(NULL, 0, "%d", 12345), 5);
}

static void addresses(void **state)
{
	be32 ip = BE32(0x0a00020f);
	u8 mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
	u8 v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};

	SHOWS("10.0.2.15|", "%pI4|", &ip);
	SHOWS("[      10.0.2.15]", "[%15pI4]", &ip);
	SHOWS("[10.0.2.15      ]", "[%-15pI4]", &ip);
	SHOWS("52:54:00:12:34:56.", "%pM.", mac);
	SHOWS("2001:db8::1!", "%pI6c!", v6);
	SHOWS("2001:0db8:0000:0000:0000:0000:0000:0001!", "%pI6!", v6);
	SHOWS("(null) (null) (null)", "%pI4 %pI6c %pM", NULL, NULL, NULL);
}

static void pointers_and_errors(void **state)
{
	SHOWS("0000000000000000", "%p", NULL);
	SHOWS("00000000deadbeef", "%p", (void *)0xdeadbeef);
	SHOWS("-ENOENT", "%pe", ERR_PTR(-2));
	SHOWS("-4000", "%pe", ERR_PTR(-4000));
	SHOWS("0000000000001234", "%pe", (void *)0x1234);
	SHOWS("0000000000401000", "%pS", (void *)0x401000);
}

static void unknown_conversions_stay_visible(void **state)
{
	SHOWS("100%", "100%%");
	SHOWS("a%yb", "a%yb");
	SHOWS("end%", "end%");
	SHOWS("%f", "%f", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_with_all_flags),
		cmocka_unit_test(length_modifiers),
		cmocka_unit_test(strings_and_characters),
		cmocka_unit_test(precision_bounds_what_is_read),
		cmocka_unit_test(truncates_and_terminates),
		cmocka_unit_test(addresses),
		cmocka_unit_test(pointers_and_errors),
		cmocka_unit_test(unknown_conversions_stay_visible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
