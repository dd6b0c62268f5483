/* SPDX-License-Identifier: MIT */
/*
 * Behaviour shown: the part of our libc that is more than a system call (numbers, sorting, heap,
 * options, calendar, addresses) does what the C library of the host does.
 */
#include "lib_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "host/host.h"

/* libc's names as the hosted build makes them */
int *sluice___errno_location(void);
long sluice_strtol(const char *s, char **end, int base);
unsigned long sluice_strtoul(const char *s, char **end, int base);
void sluice_qsort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *));
void *sluice_bsearch(const void *key, const void *base, size_t n, size_t size,
		     int (*cmp)(const void *, const void *));
void *sluice_malloc(size_t size);
void *sluice_calloc(size_t n, size_t size);
void *sluice_realloc(void *p, size_t size);
void sluice_free(void *p);
char *sluice_strdup(const char *s);
char *sluice_strerror(int err);
struct tm *sluice_gmtime_r(const time_t *t, struct tm *tm);
time_t sluice_timegm(struct tm *tm);
int sluice_inet_pton(int family, const char *text, void *addr);
const char *sluice_inet_ntop(int family, const void *addr, char *buf, socklen_t size);
int sluice_getopt(int argc, char *const argv[], const char *optstring);
extern char *sluice_optarg;
extern int sluice_optind, sluice_opterr, sluice_optopt;

#define our_errno (*sluice___errno_location())

static void numbers(void **state)
{
	static const char *const texts[] = {"0",
					    "42",
					    " \t-17x",
					    "+8",
					    "0x1fz",
					    "0755",
					    "9223372036854775807",
					    "9223372036854775808",
					    "-9223372036854775808",
					    "-9223372036854775809",
					    "18446744073709551616",
					    "",
					    "-",
					    "abc",
					    "zz"};
	static const int bases[] = {0, 8, 10, 16, 36};

	for (size_t t = 0; t < sizeof(texts) / sizeof(*texts); t++) {
		for (size_t b = 0; b < sizeof(bases) / sizeof(*bases); b++) {
			char *ours, *theirs;

			our_errno = errno = 0;
			assert_true(sluice_strtol(texts[t], &ours, bases[b]) ==
				    strtol(texts[t], &theirs, bases[b]));
			assert_ptr_equal(ours, theirs);
			assert_int_equal(our_errno, errno == ERANGE ? ERANGE : 0);
		}
	}
	our_errno = 0;
	assert_true(sluice_strtoul("18446744073709551615", NULL, 10) == ULONG_MAX);
	assert_int_equal(our_errno, 0);
	assert_true(sluice_strtoul("18446744073709551616", NULL, 10) == ULONG_MAX);
	assert_int_equal(our_errno, ERANGE);
	assert_true(sluice_strtoul("-1", NULL, 10) == ULONG_MAX);
}

static int by_value(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static void sorting_and_searching(void **state)
{
	int v[200], want[200], key;

	for (size_t n = 0; n <= 200; n += 1 + n / 10) {
		for (size_t i = 0; i < n; i++)
			v[i] = want[i] = (int)(test_random() % 100);
		sluice_qsort(v, n, sizeof(*v), by_value);
		qsort(want, n, sizeof(*want), by_value);
		assert_memory_equal(v, want, n * sizeof(*v));
		for (key = -1; key <= 100; key++) {
			const int *hit = sluice_bsearch(&key, v, n, sizeof(*v), by_value);

			assert_int_equal(!!hit, !!bsearch(&key, v, n, sizeof(*v), by_value));
			assert_true(!hit || *hit == key);
		}
	}
}

static void heap(void **state)
{
	char *p = sluice_malloc(0), *q;

	assert_non_null(p);
	p = sluice_realloc(p, 100);
	memset(p, 7, 100);
	p = sluice_realloc(p, 5000);
	assert_true(p[0] == 7 && p[99] == 7);
	sluice_free(p);
	p = sluice_calloc(10, 10);
	for (int i = 0; i < 100; i++)
		assert_int_equal(p[i], 0);
	sluice_free(p);
	our_errno = 0;
	assert_null(sluice_calloc((size_t)1 << 40, (size_t)1 << 40));
	assert_int_equal(our_errno, ENOMEM);
	q = sluice_strdup("copy");
	assert_string_equal(q, "copy");
	sluice_free(q);
	sluice_free(NULL);
}

static void error_texts(void **state)
{
	static const int errors[] = {ENOENT,     EINVAL,      ECONNREFUSED, ETIMEDOUT,
				     EADDRINUSE, ENETUNREACH, EPIPE,        EHOSTUNREACH};

	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		assert_string_equal(sluice_strerror(errors[i]), strerror(errors[i]));
	assert_string_equal(sluice_strerror(-1), "Unknown error");
	assert_string_equal(sluice_strerror(100000), "Unknown error");
}

static void calendar(void **state)
{
	for (int i = 0; i < 20000; i++) {
		time_t t = i < 2000 ? (time_t)i * 86400 * 31 / 2 : (time_t)(test_random() >> 29);
		struct tm ours, theirs;

		sluice_gmtime_r(&t, &ours);
		gmtime_r(&t, &theirs);
		assert_int_equal(ours.tm_sec, theirs.tm_sec);
		assert_int_equal(ours.tm_min, theirs.tm_min);
		assert_int_equal(ours.tm_hour, theirs.tm_hour);
		assert_int_equal(ours.tm_mday, theirs.tm_mday);
		assert_int_equal(ours.tm_mon, theirs.tm_mon);
		assert_int_equal(ours.tm_year, theirs.tm_year);
		assert_int_equal(ours.tm_wday, theirs.tm_wday);
		assert_int_equal(ours.tm_yday, theirs.tm_yday);
		assert_true(sluice_timegm(&ours) == t);
	}
}

static void addresses(void **state)
{
	struct in_addr a;
	struct in6_addr b;
	char text[INET6_ADDRSTRLEN];

	assert_int_equal(sluice_inet_pton(AF_INET, "10.0.2.15", &a), 1);
	assert_int_equal(a.s_addr, htonl(0x0a00020f));
	assert_string_equal(sluice_inet_ntop(AF_INET, &a, text, sizeof(text)), "10.0.2.15");
	assert_int_equal(sluice_inet_pton(AF_INET, "10.0.2.15 ", &a), 0);
	assert_int_equal(sluice_inet_pton(AF_INET6, "fe80::1", &b), 1);
	assert_string_equal(sluice_inet_ntop(AF_INET6, &b, text, sizeof(text)), "fe80::1");
	assert_null(sluice_inet_ntop(AF_INET6, &b, text, 7));
	assert_int_equal(our_errno, ENOSPC);
	assert_int_equal(sluice_inet_pton(99, "x", &b), -1);
	assert_int_equal(our_errno, EAFNOSUPPORT);
}

/* Options of argv as "a" "b=value" "?x" ":x", then "|" and the index of the first operand. */
static void parsed(char *out, int (*get)(int, char *const *, const char *), char **arg, int *index,
		   const int *bad, int argc, char **argv, const char *options)
{
	int c;

	*index = 1;
	out[0] = '\0';
	while ((c = get(argc, argv, options)) != -1) {
		size_t n = strlen(out);

		if (c == '?' || c == ':')
			sprintf(out + n, "%c%c ", c, *bad);
		else if (strchr(options, c)[1] == ':')
			sprintf(out + n, "%c=%s ", c, *arg);
		else
			sprintf(out + n, "%c ", c);
	}
	sprintf(out + strlen(out), "|%d", *index);
}

static void options(void **state)
{
	static char *const lines[][6] = {
		{"app", "-a", "-b", "val", "rest"},
		{"app", "-abval", "rest"},
		{"app", "-ab", "val"},
		{"app", "--", "-a"},
		{"app", "-"},
		{"app", "-x", "-a"},
		{"app", "-b"},
		{"app"},
		{"app", "-aab"},
		{"app", "-bx", "-a", "--", "y"},
	};
	char ours[100], theirs[100];

	sluice_opterr = opterr = 0;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		for (int colon = 0; colon < 2; colon++) {
			const char *known = colon ? ":ab:" : "+ab:";
			int argc = 0;
			char *argv[6];

			memcpy(argv, lines[i], sizeof(argv));
			while (argc < 6 && argv[argc])
				argc++;
			parsed(ours, sluice_getopt, &sluice_optarg, &sluice_optind, &sluice_optopt,
			       argc, argv, known);
			optind = 0;
			getopt(1, argv, known);
			parsed(theirs, getopt, &optarg, &optind, &optopt, argc, argv, known);
			assert_string_equal(ours, theirs);
		}
	}
}

static int setup(void **state)
{
	host_init(1);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),  cmocka_unit_test(sorting_and_searching),
		cmocka_unit_test(heap),     cmocka_unit_test(error_texts),
		cmocka_unit_test(calendar), cmocka_unit_test(addresses),
		cmocka_unit_test(options),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
