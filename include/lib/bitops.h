/* SPDX-License-Identifier: MIT */
/* Arithmetic on single words' bits. Positions: ffs and fls count from 1 (0: no bit set). */
#ifndef LIB_BITOPS_H
#define LIB_BITOPS_H

#include <lib/types.h>

#define BITS_PER_LONG   64
#define BIT(n)          (1ul << (n))
#define BIT_ULL(n)      (1ull << (n))
#define GENMASK(hi, lo) ((~0ul >> (63 - (hi))) & (~0ul << (lo)))

static inline unsigned bit_ffs(u64 v)
{
	return (unsigned)__builtin_ffsll((long long)v);
}

static inline unsigned bit_fls(u64 v)
{
	return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

/* Floor of the binary logarithm; v must not be 0. A constant if v is. */
static inline unsigned ilog2(u64 v)
{
	return 63 - (unsigned)__builtin_clzll(v);
}

/* Ceiling of the binary logarithm: the smallest n with 1 << n >= v; 0 for v of 0 or 1. */
static inline unsigned order_base_2(u64 v)
{
	return v > 1 ? ilog2(v - 1) + 1 : 0;
}

static inline u64 roundup_pow_of_two(u64 v)
{
	return 1ull << order_base_2(v);
}

static inline u64 rounddown_pow_of_two(u64 v)
{
	return 1ull << ilog2(v);
}

/* Without the popcnt instruction, which the oldest CPUs we run on lack. */
static inline unsigned hweight64(u64 v)
{
	v -= (v >> 1) & 0x5555555555555555ull;
	v = (v & 0x3333333333333333ull) + ((v >> 2) & 0x3333333333333333ull);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (unsigned)((v * 0x0101010101010101ull) >> 56);
}

static inline unsigned hweight32(u32 v)
{
	return hweight64(v);
}

static inline u32 rol32(u32 v, unsigned n)
{
	return (v << (n & 31)) | (v >> (-n & 31));
}

static inline u32 ror32(u32 v, unsigned n)
{
	return (v >> (n & 31)) | (v << (-n & 31));
}

static inline u64 rol64(u64 v, unsigned n)
{
	return (v << (n & 63)) | (v >> (-n & 63));
}

static inline u64 ror64(u64 v, unsigned n)
{
	return (v >> (n & 63)) | (v << (-n & 63));
}

#endif
