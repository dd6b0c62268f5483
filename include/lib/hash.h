/* SPDX-License-Identifier: MIT */
/*
 * Fast hashes without a key, for tables whose keys no peer can choose (pointers, names, numbers of
 * our own). What a peer can choose goes through siphash.h.
 */
#ifndef LIB_HASH_H
#define LIB_HASH_H

#include <lib/types.h>

/* Multiplicative hashing (Knuth, TAOCP 6.4): 2^32 and 2^64 over the golden ratio, made odd. */
#define GOLDEN_RATIO_32 0x9e3779b9u
#define GOLDEN_RATIO_64 0x9e3779b97f4a7c15ull

/* The top `bits` (1..32, 1..64) of the product, which depend on all of v. */
static inline u32 hash_32(u32 v, unsigned bits)
{
	return (v * GOLDEN_RATIO_32) >> (32 - bits);
}

static inline u32 hash_64(u64 v, unsigned bits)
{
	return (u32)((v * GOLDEN_RATIO_64) >> (64 - bits));
}

static inline u32 hash_ptr(const void *p, unsigned bits)
{
	return hash_64((uintptr_t)p, bits);
}

/* FNV-1a over bytes, for names. */
static inline u32 hash_bytes(const void *data, size_t len)
{
	const u8 *p = data;
	u32 h = 0x811c9dc5;

	while (len--)
		h = (h ^ *p++) * 0x01000193;
	return h;
}

static inline u32 hash_str(const char *s)
{
	u32 h = 0x811c9dc5;

	while (*s)
		h = (h ^ (u8)*s++) * 0x01000193;
	return h;
}

/* Map a uniform 32-bit value to 0 .. n-1 by multiplication instead of division. */
static inline u32 reciprocal_scale(u32 v, u32 n)
{
	return (u32)(((u64)v * n) >> 32);
}

#endif
