/* SPDX-License-Identifier: MIT */
/*
 * Behaviour shown: our memory and string functions give what glibc's give, for every small length,
 * alignment and overlap, and write nothing outside of their destination.
 */
#include "lib_test.h"

#include <errno.h>
#include <lib/string.h>

void *ours_memcpy(void *restrict dst, const void *restrict src, size_t n);
void *ours_memmove(void *dst, const void *src, size_t n);
void *ours_memset(void *dst, int c, size_t n);
int ours_memcmp(const void *a, const void *b, size_t n);
void *ours_memchr(const void *s, int c, size_t n);
void *ours_memrchr(const void *s, int c, size_t n);
void *ours_memmem(const void *hay, size_t hay_len, const void *needle, size_t needle_len);
size_t ours_strlen(const char *s);
size_t ours_strnlen(const char *s, size_t max);
int ours_strcmp(const char *a, const char *b);
int ours_strncmp(const char *a, const char *b, size_t n);
int ours_strcasecmp(const char *a, const char *b);
int ours_strncasecmp(const char *a, const char *b, size_t n);
char *ours_strchr(const char *s, int c);
char *ours_strrchr(const char *s, int c);
char *ours_strchrnul(const char *s, int c);
char *ours_strstr(const char *hay, const char *needle);
char *ours_strcasestr(const char *hay, const char *needle);
size_t ours_strspn(const char *s, const char *accept);
size_t ours_strcspn(const char *s, const char *reject);
char *ours_strpbrk(const char *s, const char *accept);
char *ours_strtok_r(char *restrict s, const char *restrict delim, char **restrict save);
char *ours_strsep(char **s, const char *delim);
char *ours_strncpy(char *restrict dst, const char *restrict src, size_t n);
char *ours_strncat(char *restrict dst, const char *restrict src, size_t n);

#define MAX_LEN 160
#define ROOM    (MAX_LEN + 32)

static void memcpy_any_length_and_alignment(void **state)
{
	unsigned char src[ROOM], dst[ROOM], want[ROOM];

	test_random_bytes(src, sizeof(src));
	for (size_t n = 0; n <= MAX_LEN; n++) {
		for (size_t shift = 0; shift < 64; shift++) {
			size_t so = shift % 8, dof = shift / 8 + 4;

			memset(dst, 0xee, sizeof(dst));
			memset(want, 0xee, sizeof(want));
			memcpy(want + dof, src + so, n);
			assert_ptr_equal(ours_memcpy(dst + dof, src + so, n), dst + dof);
			assert_memory_equal(dst, want, sizeof(dst));
		}
	}
}

static void memmove_any_overlap(void **state)
{
	unsigned char start[2 * ROOM], got[2 * ROOM], want[2 * ROOM];

	test_random_bytes(start, sizeof(start));
	for (size_t n = 0; n <= MAX_LEN; n++) {
		for (size_t to = 0; to < 80; to++) {
			memcpy(got, start, sizeof(got));
			memcpy(want, start, sizeof(want));
			memmove(want + to, want + 40, n);
			assert_ptr_equal(ours_memmove(got + to, got + 40, n), got + to);
			assert_memory_equal(got, want, sizeof(got));
		}
	}
}

static void memset_any_length_and_alignment(void **state)
{
	unsigned char got[ROOM], want[ROOM];

	for (size_t n = 0; n <= MAX_LEN; n++) {
		for (size_t at = 0; at < 16; at++) {
			memset(got, 0x11, sizeof(got));
			memset(want, 0x11, sizeof(want));
			memset(want + at, 0xab, n);
			assert_ptr_equal(ours_memset(got + at, 0x1ab, n), got + at);
			assert_memory_equal(got, want, sizeof(got));
		}
	}
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void memcmp_orders_as_bytes(void **state)
{
	unsigned char a[64], b[64];

	for (size_t n = 0; n <= 48; n++) {
		for (size_t at = 0; at < n; at++) {
			test_random_bytes(a, sizeof(a));
			memcpy(b, a, sizeof(b));
			b[at] ^= (unsigned char)(test_random() | 1);
			assert_int_equal(sign(ours_memcmp(a, b, n)), sign(memcmp(a, b, n)));
			assert_int_equal(sign(ours_memcmp(b, a, n)), sign(memcmp(b, a, n)));
			assert_int_equal(ours_memcmp(a, b, at), 0);
		}
	}
}

/* A string of up to max letters out of a few, so that matches are frequent. */
static void random_text(char *s, size_t max)
{
	size_t n = test_random() % (max + 1);

	for (size_t i = 0; i < n; i++)
		s[i] = "abAB,."[test_random() % 6];
	s[n] = '\0';
}

static void searches_agree_with_glibc(void **state)
{
	for (int round = 0; round < 20000; round++) {
		char a[24], b[8];
		int c = "abAB,.\0"[test_random() % 7];

		random_text(a, 20);
		random_text(b, round % 4 + 1);
		assert_int_equal(ours_strlen(a), strlen(a));
		assert_int_equal(ours_strnlen(a, 7), strnlen(a, 7));
		assert_int_equal(sign(ours_strcmp(a, b)), sign(strcmp(a, b)));
		assert_int_equal(sign(ours_strncmp(a, b, 2)), sign(strncmp(a, b, 2)));
		assert_int_equal(sign(ours_strcasecmp(a, b)), sign(strcasecmp(a, b)));
		assert_int_equal(sign(ours_strncasecmp(a, b, 3)), sign(strncasecmp(a, b, 3)));
		assert_ptr_equal(ours_strchr(a, c), strchr(a, c));
		assert_ptr_equal(ours_strrchr(a, c), strrchr(a, c));
		assert_ptr_equal(ours_strchrnul(a, c), strchrnul(a, c));
		assert_ptr_equal(ours_strstr(a, b), strstr(a, b));
		assert_ptr_equal(ours_strcasestr(a, b), strcasestr(a, b));
		assert_int_equal(ours_strspn(a, b), strspn(a, b));
		assert_int_equal(ours_strcspn(a, b), strcspn(a, b));
		assert_ptr_equal(ours_strpbrk(a, b), strpbrk(a, b));
		assert_ptr_equal(ours_memchr(a, c, strlen(a)), memchr(a, c, strlen(a)));
		assert_ptr_equal(ours_memrchr(a, c, strlen(a)), memrchr(a, c, strlen(a)));
		assert_ptr_equal(ours_memmem(a, strlen(a), b, strlen(b)),
				 memmem(a, strlen(a), b, strlen(b)));
	}
}

static void tokens_agree_with_glibc(void **state)
{
	for (int round = 0; round < 2000; round++) {
		char ours[40], theirs[40], *ours_at, *theirs_at, *s, *t;

		random_text(ours, 30);
		strcpy(theirs, ours);
		s = ours_strtok_r(ours, ",.", &ours_at);
		t = strtok_r(theirs, ",.", &theirs_at);
		while (s && t) {
			assert_string_equal(s, t);
			s = ours_strtok_r(NULL, ",.", &ours_at);
			t = strtok_r(NULL, ",.", &theirs_at);
		}
		assert_true(!s && !t);

		random_text(ours, 30);
		strcpy(theirs, ours);
		ours_at = ours;
		theirs_at = theirs;
		while ((t = strsep(&theirs_at, ",.")))
			assert_string_equal(ours_strsep(&ours_at, ",."), t);
		assert_null(ours_at);
	}
}

static void copies_agree_with_glibc(void **state)
{
	for (size_t n = 0; n < 10; n++) {
		char ours[16] = "xyxyxyxyxyxyxyx", theirs[16] = "xyxyxyxyxyxyxyx";

		ours_strncpy(ours, "hello", n);
		strncpy(theirs, "hello", n);
		assert_memory_equal(ours, theirs, sizeof(ours));
		strcpy(ours, "ab");
		strcpy(theirs, "ab");
		ours_strncat(ours, "hello", n);
		strncat(theirs, "hello", n);
		assert_string_equal(ours, theirs);
	}
}

static void strscpy_terminates_and_tells(void **state)
{
	char buf[6];

	assert_int_equal(strscpy(buf, "hello", sizeof(buf)), 5);
	assert_string_equal(buf, "hello");
	assert_int_equal(strscpy(buf, "hello!", sizeof(buf)), -E2BIG);
	assert_string_equal(buf, "hello");
	assert_int_equal(strscpy(buf, "x", 0), -E2BIG);
	assert_int_equal(strscpy(buf, "x", 1), -E2BIG);
	assert_string_equal(buf, "");
}

static void extras(void **state)
{
	char text[] = " \t two words \n";
	unsigned char zeros[40] = {0}, copy[40] = {0};

	assert_string_equal(strim(text), "two words");
	assert_string_equal(skip_spaces(" \n x "), "x ");
	assert_true(str_has_prefix("ip=dhcp", "ip="));
	assert_false(str_has_prefix("ip", "ip="));
	assert_null(memchr_inv(zeros, 0, sizeof(zeros)));
	copy[39] = 1;
	assert_ptr_equal(memchr_inv(copy, 0, sizeof(copy)), copy + 39);
	assert_true(mem_equal_ct(zeros, copy, 39));
	assert_false(mem_equal_ct(zeros, copy, 40));
	memzero_explicit(copy, sizeof(copy));
	assert_memory_equal(copy, zeros, sizeof(copy));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memcpy_any_length_and_alignment),
		cmocka_unit_test(memmove_any_overlap),
		cmocka_unit_test(memset_any_length_and_alignment),
		cmocka_unit_test(memcmp_orders_as_bytes),
		cmocka_unit_test(searches_agree_with_glibc),
		cmocka_unit_test(tokens_agree_with_glibc),
		cmocka_unit_test(copies_agree_with_glibc),
		cmocka_unit_test(strscpy_terminates_and_tells),
		cmocka_unit_test(extras),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
