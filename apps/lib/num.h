/* SPDX-License-Identifier: MIT */
/*
 * Numbers as people write and read them, without floating point: whole words only, ranges checked.
 */
#ifndef APPS_LIB_NUM_H
#define APPS_LIB_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A decimal number in [min, max]; false: it is none, or not in there. */
bool parse_number(const char *s, uint64_t min, uint64_t max, uint64_t *v);
bool parse_uint(const char *s, unsigned min, unsigned max, unsigned *v);

/* "1.5", in units of 1/scale (a power of ten): 1500 for scale 1000. */
bool parse_decimal(const char *s, uint64_t scale, uint64_t *v);

/* "10", "64K", "1.5M", "2g": each step is `step` (1000 or 1024). */
bool parse_quantity(const char *s, unsigned step, uint64_t *v);

/* v / scale with that many digits behind the point (rounded to nearest), scale a power of ten. */
#define DECIMAL_BYTES 32
const char *decimal(char buf[DECIMAL_BYTES], uint64_t v, uint64_t scale, unsigned digits);

/* Microseconds on the monotonic clock. */
uint64_t now_us(void);

/* a * b / c without overflow in between. */
static inline uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	return a / c * b + a % c * b / c;
}

#endif
