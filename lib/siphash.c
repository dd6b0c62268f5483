/* SPDX-License-Identifier: MIT */
/*
 * SipHash-2-4 and SipHash-1-3, after the paper "SipHash: a fast short-input PRF", sections 2.1 to
 * 2.4. Words are little-endian, the last one holds the rest of the bytes and the length modulo 256.
 */
#include <lib/siphash.h>

#include <lib/bitops.h>

struct sip_state {
	u64 v0, v1, v2, v3;
};

static __always_inline void sip_init(struct sip_state *s, const siphash_key *key)
{
	s->v0 = key->key[0] ^ 0x736f6d6570736575ull;
	s->v1 = key->key[1] ^ 0x646f72616e646f6dull;
	s->v2 = key->key[0] ^ 0x6c7967656e657261ull;
	s->v3 = key->key[1] ^ 0x7465646279746573ull;
}

static __always_inline void sip_round(struct sip_state *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rol64(s->v1, 13) ^ s->v0;
	s->v3 = rol64(s->v3, 16) ^ s->v2;
	s->v0 = rol64(s->v0, 32) + s->v3;
	s->v2 += s->v1;
	s->v1 = rol64(s->v1, 17) ^ s->v2;
	s->v3 = rol64(s->v3, 21) ^ s->v0;
	s->v2 = rol64(s->v2, 32);
}

/* n is a constant, at most 4: no loop is left of it. */
static __always_inline void sip_rounds(struct sip_state *s, int n)
{
	if (n > 0)
		sip_round(s);
	if (n > 1)
		sip_round(s);
	if (n > 2)
		sip_round(s);
	if (n > 3)
		sip_round(s);
}

static __always_inline void sip_word(struct sip_state *s, u64 m, int rounds)
{
	s->v3 ^= m;
	sip_rounds(s, rounds);
	s->v0 ^= m;
}

static __always_inline u64 sip_end(struct sip_state *s, u64 last, int rounds, int final_rounds)
{
	sip_word(s, last, rounds);
	s->v2 ^= 0xff;
	sip_rounds(s, final_rounds);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static __always_inline u64 sip_bytes(const void *data, size_t len, const siphash_key *key,
				     int rounds, int final_rounds)
{
	const u8 *p = data;
	u64 last = (u64)len << 56;
	struct sip_state s;
	size_t left;

	sip_init(&s, key);
	for (left = len; left >= 8; left -= 8, p += 8)
		sip_word(&s, get_le64(p), rounds);
	while (left--)
		last |= (u64)p[left] << 8 * left;
	return sip_end(&s, last, rounds, final_rounds);
}

/* n <= 3 whole words, then `last`, which has the length in its top byte. */
static __always_inline u64 sip_words(const u64 *m, int n, u64 last, const siphash_key *key,
				     int rounds, int final_rounds)
{
	struct sip_state s;

	sip_init(&s, key);
	for (int i = 0; i < n; i++)
		sip_word(&s, m[i], rounds);
	return sip_end(&s, last, rounds, final_rounds);
}

u64 siphash(const void *data, size_t len, const siphash_key *key)
{
	return sip_bytes(data, len, key, 2, 4);
}

u32 hsiphash(const void *data, size_t len, const siphash_key *key)
{
	return (u32)sip_bytes(data, len, key, 1, 3);
}

#define LAST(bytes, rest) ((u64)(bytes) << 56 | (rest))
#define PAIR(lo, hi)      ((u64)(hi) << 32 | (lo))

u64 siphash_1u64(u64 a, const siphash_key *key)
{
	return sip_words(&a, 1, LAST(8, 0), key, 2, 4);
}

u64 siphash_2u64(u64 a, u64 b, const siphash_key *key)
{
	return sip_words((u64[]){a, b}, 2, LAST(16, 0), key, 2, 4);
}

u64 siphash_3u64(u64 a, u64 b, u64 c, const siphash_key *key)
{
	return sip_words((u64[]){a, b, c}, 3, LAST(24, 0), key, 2, 4);
}

u64 siphash_1u32(u32 a, const siphash_key *key)
{
	return sip_words(NULL, 0, LAST(4, a), key, 2, 4);
}

u64 siphash_3u32(u32 a, u32 b, u32 c, const siphash_key *key)
{
	return sip_words((u64[]){PAIR(a, b)}, 1, LAST(12, c), key, 2, 4);
}

u32 hsiphash_1u32(u32 a, const siphash_key *key)
{
	return (u32)sip_words(NULL, 0, LAST(4, a), key, 1, 3);
}

u32 hsiphash_2u32(u32 a, u32 b, const siphash_key *key)
{
	return (u32)sip_words((u64[]){PAIR(a, b)}, 1, LAST(8, 0), key, 1, 3);
}

u32 hsiphash_3u32(u32 a, u32 b, u32 c, const siphash_key *key)
{
	return (u32)sip_words((u64[]){PAIR(a, b)}, 1, LAST(12, c), key, 1, 3);
}

u32 hsiphash_4u32(u32 a, u32 b, u32 c, u32 d, const siphash_key *key)
{
	return (u32)sip_words((u64[]){PAIR(a, b), PAIR(c, d)}, 2, LAST(16, 0), key, 1, 3);
}
