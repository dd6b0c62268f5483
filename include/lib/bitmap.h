/* SPDX-License-Identifier: MIT */
/*
 * Arrays of bits in unsigned longs. Not atomic: the caller locks. Ranges and searches take the
 * number of valid bits; a search that finds nothing returns that number.
 */
#ifndef LIB_BITMAP_H
#define LIB_BITMAP_H

#include <lib/bitops.h>

#define BITS_TO_LONGS(n)        DIV_ROUND_UP(n, BITS_PER_LONG)
#define DECLARE_BITMAP(name, n) unsigned long name[BITS_TO_LONGS(n)]

static inline void bitmap_set_bit(unsigned long *map, size_t i)
{
	map[i / BITS_PER_LONG] |= BIT(i % BITS_PER_LONG);
}

static inline void bitmap_clear_bit(unsigned long *map, size_t i)
{
	map[i / BITS_PER_LONG] &= ~BIT(i % BITS_PER_LONG);
}

static inline bool bitmap_test_bit(const unsigned long *map, size_t i)
{
	return map[i / BITS_PER_LONG] >> (i % BITS_PER_LONG) & 1;
}

/* Clear all n bits. */
void bitmap_zero(unsigned long *map, size_t n);
/* Set, or clear, bits start .. start + len - 1. */
void bitmap_set(unsigned long *map, size_t start, size_t len);
void bitmap_clear(unsigned long *map, size_t start, size_t len);
/* Number of bits set among the first n. */
size_t bitmap_weight(const unsigned long *map, size_t n);
bool bitmap_empty(const unsigned long *map, size_t n);

/* First set (clear) bit at or after from, or n. */
size_t bitmap_find_next(const unsigned long *map, size_t n, size_t from);
size_t bitmap_find_next_zero(const unsigned long *map, size_t n, size_t from);
/* First run of len clear bits that starts at a multiple of align (a power of two), or n. */
size_t bitmap_find_zero_area(const unsigned long *map, size_t n, size_t from, size_t len,
			     size_t align);

#define for_each_set_bit(i, map, n) \
	for ((i) = bitmap_find_next(map, n, 0); (i) < (n); (i) = bitmap_find_next(map, n, (i) + 1))

#endif
