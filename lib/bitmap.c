/* SPDX-License-Identifier: MIT */
/* Searches and ranges in arrays of bits, a word at a time. Any context. */
#include <lib/bitmap.h>

void bitmap_zero(unsigned long *map, size_t n)
{
	for (size_t w = 0; w < BITS_TO_LONGS(n); w++)
		map[w] = 0;
}

/* The bits of word w that lie in start .. end - 1. */
static unsigned long range_mask(size_t w, size_t start, size_t end)
{
	size_t base = w * BITS_PER_LONG;
	unsigned long mask = ~0ul;

	if (start > base)
		mask &= ~0ul << (start - base);
	if (end < base + BITS_PER_LONG)
		mask &= ~0ul >> (base + BITS_PER_LONG - end);
	return mask;
}

void bitmap_set(unsigned long *map, size_t start, size_t len)
{
	size_t end = start + len;

	for (size_t w = start / BITS_PER_LONG; len && w < BITS_TO_LONGS(end); w++)
		map[w] |= range_mask(w, start, end);
}

void bitmap_clear(unsigned long *map, size_t start, size_t len)
{
	size_t end = start + len;

	for (size_t w = start / BITS_PER_LONG; len && w < BITS_TO_LONGS(end); w++)
		map[w] &= ~range_mask(w, start, end);
}

size_t bitmap_weight(const unsigned long *map, size_t n)
{
	size_t sum = 0;

	for (size_t w = 0; w < BITS_TO_LONGS(n); w++)
		sum += hweight64(map[w] & range_mask(w, 0, n));
	return sum;
}

/* First bit at or after from that differs from those of `invert`, or n. */
static size_t find_next(const unsigned long *map, size_t n, size_t from, unsigned long invert)
{
	if (from >= n)
		return n;
	for (size_t w = from / BITS_PER_LONG; w < BITS_TO_LONGS(n); w++) {
		unsigned long word = (map[w] ^ invert) & range_mask(w, from, n);

		if (word)
			return w * BITS_PER_LONG + bit_ffs(word) - 1;
	}
	return n;
}

size_t bitmap_find_next(const unsigned long *map, size_t n, size_t from)
{
	return find_next(map, n, from, 0);
}

size_t bitmap_find_next_zero(const unsigned long *map, size_t n, size_t from)
{
	return find_next(map, n, from, ~0ul);
}

bool bitmap_empty(const unsigned long *map, size_t n)
{
	return bitmap_find_next(map, n, 0) == n;
}

size_t bitmap_find_zero_area(const unsigned long *map, size_t n, size_t from, size_t len,
			     size_t align)
{
	for (;;) {
		size_t start = ALIGN(bitmap_find_next_zero(map, n, from), align), used;

		if (start > n || n - start < len)
			return n;
		used = bitmap_find_next(map, start + len, start);
		if (used == start + len)
			return start;
		from = used + 1;
	}
}
