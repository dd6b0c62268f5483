/* SPDX-License-Identifier: MIT */
/*
 * SipHash (Aumasson and Bernstein, 2012): keyed hashes that a peer who lacks the key cannot steer.
 * siphash is SipHash-2-4, for what leaves the machine (sequence numbers, cookies); hsiphash is
 * SipHash-1-3 cut to 32 bits, faster, for hash tables only. Keys come from random_bytes().
 * Any context.
 */
#ifndef LIB_SIPHASH_H
#define LIB_SIPHASH_H

#include <lib/types.h>

typedef struct {
	u64 key[2];
} siphash_key;

/* len bytes at any address. */
u64 siphash(const void *data, size_t len, const siphash_key *key);
u32 hsiphash(const void *data, size_t len, const siphash_key *key);

/* The same hash of the arguments' bytes in memory order, without a buffer. */
u64 siphash_1u64(u64 a, const siphash_key *key);
u64 siphash_2u64(u64 a, u64 b, const siphash_key *key);
u64 siphash_3u64(u64 a, u64 b, u64 c, const siphash_key *key);
u64 siphash_1u32(u32 a, const siphash_key *key);
u64 siphash_3u32(u32 a, u32 b, u32 c, const siphash_key *key);
u32 hsiphash_1u32(u32 a, const siphash_key *key);
u32 hsiphash_2u32(u32 a, u32 b, const siphash_key *key);
u32 hsiphash_3u32(u32 a, u32 b, u32 c, const siphash_key *key);
u32 hsiphash_4u32(u32 a, u32 b, u32 c, u32 d, const siphash_key *key);

static inline u64 siphash_2u32(u32 a, u32 b, const siphash_key *key)
{
	return siphash_1u64((u64)b << 32 | a, key);
}

static inline u64 siphash_4u32(u32 a, u32 b, u32 c, u32 d, const siphash_key *key)
{
	return siphash_2u64((u64)b << 32 | a, (u64)d << 32 | c, key);
}

#endif
