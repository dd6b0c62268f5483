/* SPDX-License-Identifier: MIT */
/* cmocka with the headers that it wants in front, and a seeded generator for random cases. */
#ifndef LIB_TEST_H
#define LIB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Marsaglia's xorshift64*: the same cases in every run. */
static inline uint64_t test_random(void)
{
	static uint64_t state = 0x243f6a8885a308d3ull;

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

static inline void test_random_bytes(void *buf, size_t len)
{
	unsigned char *p = buf;

	while (len--)
		*p++ = (unsigned char)(test_random() >> 56);
}

#endif
