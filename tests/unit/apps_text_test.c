/* SPDX-License-Identifier: MIT */
/*
 * Behaviour shown: what apps make of text is right for right text, and harmless for any: options,
 * numbers, JSON, the shell's words, ss' filters, iperf3's settings and results. Random text is
 * drawn from the characters that mean something to each, so that it gets far.
 */
#include "lib_test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/iperf3/iperf_int.h"
#include "apps/lib/json.h"
#include "apps/lib/num.h"
#include "apps/lib/opts.h"
#include "apps/shell/shell_int.h"
#include "apps/ss/ss_int.h"
#include "host/host.h"

/* A heap copy of random characters of set: the sanitizer sees a step too far. */
static char *random_text(const char *set, unsigned max)
{
	unsigned n = host_random_below(max);
	char *s = malloc(n + 1);

	for (unsigned i = 0; i < n; i++)
		s[i] = set[host_random_below((u32)strlen(set))];
	s[n] = '\0';
	return s;
}

/* ---- options ------------------------------------------------------------------------------------
 */

static void options_are_taken_from_between_words(void **state)
{
	static const struct long_opt longs[] = {{"count", 'c', true},
						{"quiet", 'q', false},
						{"wide", 300, false},
						{NULL, 0, false}};
	char *argv[] = {"x", "host", "-qc", "3", "--wide", "more", "--count=7", "--", "-q", NULL};
	struct opts o = {.argc = 9, .argv = argv, .letters = "c:q", .longs = longs};

	assert_int_equal(opts_next(&o), 'q');
	assert_int_equal(opts_next(&o), 'c');
	assert_string_equal(o.arg, "3");
	assert_int_equal(opts_next(&o), 300);
	assert_int_equal(opts_next(&o), 'c');
	assert_string_equal(o.arg, "7");
	assert_int_equal(opts_next(&o), -1);
	assert_int_equal(o.argc - o.next, 3);
	assert_string_equal(argv[o.next], "host");
	assert_string_equal(argv[o.next + 1], "more");
	assert_string_equal(argv[o.next + 2], "-q");
}

/* Whatever the words: each comes out once, as option, argument or word. */
static void any_options(void **state)
{
	static const struct long_opt longs[] = {
		{"ab", 'a', true}, {"b", 'b', false}, {NULL, 0, false}};

	for (unsigned round = 0; round < 20000; round++) {
		char *argv[9] = {"x"};
		struct opts o = {.argc = 1 + (int)host_random_below(7),
				 .argv = argv,
				 .letters = "a:b",
				 .longs = longs};
		unsigned calls = 0;
		int letter;

		for (int i = 1; i < o.argc; i++)
			argv[i] = random_text("-ab=:c", 6);
		while ((letter = opts_next(&o)) != -1 && letter != '?') {
			assert_true(letter == 'a' || letter == 'b');
			assert_true((letter == 'a') == (o.arg != NULL));
			assert_true(++calls < 100);
		}
		assert_in_range(o.next, 1, o.argc);
		for (int i = 1; i < o.argc; i++)
			free(argv[i]);
	}
}

/* ---- numbers
 * ------------------------------------------------------------------------------------- */

static void numbers(void **state)
{
	char buf[DECIMAL_BYTES];
	uint64_t v;
	unsigned u;

	assert_true(parse_decimal("1.5", 1000, &v) && v == 1500);
	assert_true(parse_decimal("0.0005", 1000, &v) && v == 0);
	assert_true(parse_decimal(".25", 100, &v) && v == 25);
	assert_false(parse_decimal("", 10, &v) || parse_decimal(".", 10, &v) ||
		     parse_decimal("1.2.3", 10, &v) || parse_decimal("-1", 10, &v) ||
		     parse_decimal("99999999999999999999", 1, &v) ||
		     parse_decimal("18446744073709551615", 10, &v));
	assert_true(parse_uint("65535", 1, 65535, &u) && u == 65535);
	assert_false(parse_uint("0", 1, 9, &u) || parse_uint("1.0", 1, 9, &u) ||
		     parse_uint("0x1", 0, 9, &u) || parse_uint("", 0, 9, &u));
	assert_true(parse_quantity("10M", 1000, &v) && v == 10000000);
	assert_true(parse_quantity("1.5k", 1024, &v) && v == 1536);
	assert_true(parse_quantity("2g", 1024, &v) && v == 2ull << 30);
	assert_false(parse_quantity("M", 1000, &v) || parse_quantity("1Mb", 1000, &v) ||
		     parse_quantity("1x", 1000, &v) || parse_quantity("99999999999t", 1024, &v));
	assert_string_equal(decimal(buf, 1500, 1000, 2), "1.50");
	assert_string_equal(decimal(buf, 1996, 1000, 2), "2.00");
	assert_string_equal(decimal(buf, 7, 1000, 3), "0.007");
	assert_string_equal(decimal(buf, 5, 10, 3), "0.500");
	assert_string_equal(decimal(buf, 1499, 1000, 0), "1");
}

/* ---- JSON
 * ----------------------------------------------------------------------------------------- */

static void json_values(void **state)
{
	static const char text[] =
		" { \"a\" : -12.5e1, \"b\":[1, {\"x\":[]}, \"t\\\"w\\no\\u0041\"], \"c\":true, "
		"\"d\":1e-3,\"e\":99999999999999999999, \"n\":null} ";
	char buf[16];
	const char *v;

	assert_true(json_valid(text));
	assert_int_equal(json_number(json_get(text, "a"), 10, 0), -1250);
	assert_int_equal(json_number(json_get(text, "d"), 1000000, 0), 1000);
	assert_int_equal(json_number(json_get(text, "e"), 1, -7), -7);
	assert_int_equal(json_number(json_get(text, "n"), 1, -7), -7);
	assert_int_equal(json_number(json_get(text, "zz"), 1, -7), -7);
	assert_true(json_true(json_get(text, "c")));
	v = json_first(json_get(text, "b"));
	assert_int_equal(json_number(v, 1, 0), 1);
	v = json_next(v);
	assert_null(json_first(json_get(v, "x")));
	v = json_next(v);
	assert_true(json_string(v, buf, sizeof(buf)));
	assert_string_equal(buf, "t\"w\no?");
	assert_true(json_string(v, buf, 3));
	assert_string_equal(buf, "t\"");
	assert_null(json_next(v));
	assert_false(json_string(json_get(text, "a"), buf, sizeof(buf)));
}

static void json_that_is_none(void **state)
{
	static const char *const bad[] = {"",
					  "{",
					  "{\"a\"}",
					  "{\"a\":}",
					  "[1,]",
					  "[1 2]",
					  "\"",
					  "\"\\x\"",
					  "\"\\u12\"",
					  "1.",
					  "-",
					  "1e",
					  "tru",
					  "{} {}",
					  "{\"a\":1,}",
					  "\"\n\"",
					  "[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(json_valid(bad[i]));
	for (unsigned round = 0; round < 200000; round++) {
		char *s = random_text("{}[]\":,\\ae1.-+0 tun\"\"{:", 24);

		if (json_valid(s)) {
			char buf[4];

			json_number(json_get(s, "a"), 1000, 0);
			for (const char *v = json_first(s); v; v = json_next(v))
				json_string(v, buf, sizeof(buf));
		}
		free(s);
	}
}

/* ---- the shell's words
 * ------------------------------------------------------------------------------
 */

static void shell_words(void **state)
{
	char line[] = "one 'two  x' \"th\\\"ree\"; four & $? '$?' # rest", room[64];
	char *argv[MAX_WORDS], *rest;
	bool background;

	assert_int_equal(split_words(line, argv, &rest, &background), 3);
	assert_string_equal(argv[1], "two  x");
	assert_string_equal(argv[2], "th\"ree");
	assert_false(background);
	assert_int_equal(split_words(rest, argv, &rest, &background), 1);
	assert_string_equal(argv[0], "four");
	assert_true(background);
	assert_int_equal(split_words(rest, argv, &rest, &background), 2);
	assert_true(expand_status(argv, 127, room, sizeof(room)));
	assert_string_equal(argv[0], "127");
	assert_string_equal(argv[1], "$?");
	assert_null(rest);
}

static void any_shell_line(void **state)
{
	for (unsigned round = 0; round < 100000; round++) {
		char *s = random_text(" ab\\'\";&#$?", 40), *line = s;
		size_t len = strlen(s);
		char room[64];

		for (unsigned commands = 0; line; commands++) {
			char *argv[MAX_WORDS];
			bool background;
			int n = split_words(line, argv, &line, &background);

			assert_true(commands < 50);
			if (n < 0)
				break;
			for (int i = 0; i < n; i++)
				assert_true(argv[i] >= s && argv[i] + strlen(argv[i]) <= s + len);
			assert_null(argv[n]);
			if (!expand_status(argv, 255, room, sizeof(room)))
				break;
		}
		free(s);
	}
}

/* ---- ss' filters
 * -------------------------------------------------------------------------------------
 */

static bool matches(const char *words, unsigned sport, unsigned dport, const char *dst)
{
	char text[128], *argv[32], *save;
	struct inet_diag_msg m = {.idiag_state = 1};
	static struct filter f;
	const char *bad;
	int n = 0;

	memset(&f, 0, sizeof(f));
	f.states = 0xfff;
	snprintf(text, sizeof(text), "%s", words);
	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	assert_int_equal(filter_parse(&f, n, argv, &bad), 0);
	m.id.idiag_sport = htons((uint16_t)sport);
	m.id.idiag_dport = htons((uint16_t)dport);
	m.id.idiag_src[0] = inet_addr("10.0.0.2");
	m.id.idiag_dst[0] = inet_addr(dst);
	return filter_match(&f, &m);
}

static void filters(void **state)
{
	assert_true(matches("", 80, 1234, "10.0.0.1"));
	assert_true(matches("sport = :80", 80, 1234, "10.0.0.1"));
	assert_false(matches("sport != 80", 80, 1234, "10.0.0.1"));
	assert_true(matches("dport gt :1024 and dport <= 2000", 80, 2000, "10.0.0.1"));
	assert_true(matches("( sport = :81 or dport = :7 ) or dst 10.0.0.1", 80, 9, "10.0.0.1"));
	assert_true(matches("dst 10.0.0.0/24:80", 1, 80, "10.0.0.77"));
	assert_false(matches("dst 10.0.0.0/24:80", 1, 81, "10.0.0.77"));
	assert_true(matches("not dst = 10.1.0.0/16", 1, 81, "10.0.0.77"));
	assert_true(matches("src 10.0.0.2 dst != 10.0.0.3", 1, 81, "10.0.0.77"));
	assert_true(matches("state established sport = :1", 1, 81, "10.0.0.77"));
	assert_false(matches("exclude established", 1, 81, "10.0.0.77"));
	assert_false(matches("state listening state time-wait", 1, 81, "10.0.0.77"));
}

static void any_filter(void **state)
{
	static const char *const tokens[] = {
		"state",  "exclude", "established", "all",          "sport",      "dport",
		"src",    "dst",     "=",           "!=",           ">",          "le",
		":80",    "80",      "10.0.0.1",    "10.0.0.0/8:5", "*",          "(",
		")",      "not",     "!",           "and",          "or",         "|",
		"10.0/8", ":",       "/",           "(((((",        "1.2.3.4/99", ""};
	static struct filter f;

	for (unsigned round = 0; round < 100000; round++) {
		unsigned n = host_random_below(14);
		char *argv[14];
		const char *bad;
		struct inet_diag_msg m = {.idiag_state = (u8)host_random_below(12)};

		for (unsigned i = 0; i < n; i++)
			argv[i] = strdup(tokens[host_random_below(ARRAY_SIZE(tokens))]);
		memset(&f, 0, sizeof(f));
		f.states = 0xfff;
		if (!filter_parse(&f, (int)n, argv, &bad))
			filter_match(&f, &m);
		for (unsigned i = 0; i < n; i++)
			free(argv[i]);
	}
}

/* ---- iperf3
 * -------------------------------------------------------------------------------------------
 */

static void iperf_params(void **state)
{
	struct iperf_settings s;

	assert_true(
		iperf_parse_params("{\"tcp\":true,\"omit\":1,\"time\":10,\"parallel\":4,"
				   "\"len\":131072,\"bandwidth\":1048576,\"congestion\":\"cubic\"}",
				   &s));
	assert_false(s.udp);
	assert_int_equal(s.parallel, 4);
	assert_int_equal(s.rate_bps, 1048576);
	assert_string_equal(s.congestion, "cubic");
	assert_true(iperf_parse_params("{\"udp\":true}", &s));
	assert_true(s.udp && s.len == UDP_BLOCK && s.parallel == 1);
	assert_false(iperf_parse_params("{\"parallel\":0}", &s));
	assert_false(iperf_parse_params("{\"parallel\":129}", &s));
	assert_false(iperf_parse_params("{\"parallel\":100,\"bidirectional\":true}", &s));
	assert_false(iperf_parse_params("{\"udp\":true,\"len\":65508}", &s));
	assert_false(iperf_parse_params("{\"udp\":true,\"len\":15}", &s));
	assert_false(iperf_parse_params("{\"len\":0}", &s));
	assert_false(iperf_parse_params("{\"len\":2000000}", &s));
	assert_false(iperf_parse_params("{\"time\":-1}", &s));
	assert_false(iperf_parse_params("{\"bandwidth\":-5}", &s));
}

static void iperf_results(void **state)
{
	struct iperf_stream streams[2] = {{.id = 1}, {.id = 3}};
	struct iperf_test t = {.stream = streams, .n = 2};

	assert_true(iperf_parse_results(
		"{\"cpu_util_total\":12.34,\"streams\":[{\"id\":3,\"bytes\":7,\"retransmits\":2,"
		"\"jitter\":1.5e-05,\"errors\":1,\"packets\":9}]}",
		&t));
	assert_int_equal(t.peer_cpu_permille, 123);
	assert_int_equal(streams[1].peer_result.bytes, 7);
	assert_int_equal(streams[1].peer_result.retransmits, 2);
	assert_int_equal(streams[1].peer_result.jitter_ns, 15000);
	assert_false(iperf_parse_results("{\"streams\":[{\"id\":2,\"bytes\":7}]}", &t));
	assert_false(iperf_parse_results("{\"streams\":[{\"id\":1,\"bytes\":7}]}", &t));
	assert_false(iperf_parse_results(
		"{\"streams\":[{\"id\":1,\"bytes\":-7,\"errors\":0,\"packets\":0}]}", &t));
}

static int setup(void **state)
{
	host_init(1);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_taken_from_between_words),
		cmocka_unit_test(any_options),
		cmocka_unit_test(numbers),
		cmocka_unit_test(json_values),
		cmocka_unit_test(json_that_is_none),
		cmocka_unit_test(shell_words),
		cmocka_unit_test(any_shell_line),
		cmocka_unit_test(filters),
		cmocka_unit_test(any_filter),
		cmocka_unit_test(iperf_params),
		cmocka_unit_test(iperf_results),
	};

	return cmocka_run_group_tests_name("apps_text", tests, setup, NULL);
}
