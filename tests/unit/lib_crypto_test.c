/* SPDX-License-Identifier: MIT */
/*
 * Behaviour shown: SipHash-2-4 gives the vectors of the paper's appendix A and of its reference
 * code, the word forms equal the byte form; ChaCha20 gives RFC 8439's blocks.
 */
#include "lib_test.h"

#include <lib/chacha20.h>
#include <lib/siphash.h>

/* Key 00 01 .. 0f */
static const siphash_key key = {{0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull}};

static void siphash_known_vectors(void **state)
{
	/* Reference code's vectors: the first n bytes of 00 01 02 ... */
	static const struct {
		size_t len;
		u64 hash;
	} v[] = {
		{0, 0x726fdb47dd0e0e31ull},  {1, 0x74f839c593dc67fdull},
		{7, 0xab0200f58b01d137ull},  {8, 0x93f5f5799a932462ull},
		{15, 0xa129ca6149be45e5ull}, /* the paper's appendix A */
		{63, 0x958a324ceb064572ull},
	};
	u8 in[65];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (u8)i;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		assert_true(siphash(in, v[i].len, &key) == v[i].hash);
	/* At an odd address too. */
	memmove(in + 1, in, 64);
	assert_true(siphash(in + 1, 15, &key) == 0xa129ca6149be45e5ull);
}

static void siphash_words_equal_bytes(void **state)
{
	for (int i = 0; i < 200; i++) {
		u64 q[3];
		u32 d[4];

		test_random_bytes(q, sizeof(q));
		test_random_bytes(d, sizeof(d));
		assert_true(siphash_1u64(q[0], &key) == siphash(q, 8, &key));
		assert_true(siphash_2u64(q[0], q[1], &key) == siphash(q, 16, &key));
		assert_true(siphash_3u64(q[0], q[1], q[2], &key) == siphash(q, 24, &key));
		assert_true(siphash_1u32(d[0], &key) == siphash(d, 4, &key));
		assert_true(siphash_2u32(d[0], d[1], &key) == siphash(d, 8, &key));
		assert_true(siphash_3u32(d[0], d[1], d[2], &key) == siphash(d, 12, &key));
		assert_true(siphash_4u32(d[0], d[1], d[2], d[3], &key) == siphash(d, 16, &key));
		assert_true(hsiphash_1u32(d[0], &key) == hsiphash(d, 4, &key));
		assert_true(hsiphash_2u32(d[0], d[1], &key) == hsiphash(d, 8, &key));
		assert_true(hsiphash_3u32(d[0], d[1], d[2], &key) == hsiphash(d, 12, &key));
		assert_true(hsiphash_4u32(d[0], d[1], d[2], d[3], &key) == hsiphash(d, 16, &key));
	}
}

static void siphash_depends_on_key(void **state)
{
	siphash_key other = key;

	for (int bit = 0; bit < 128; bit++) {
		other.key[bit / 64] ^= 1ull << bit % 64;
		assert_true(siphash_1u64(1, &other) != siphash_1u64(1, &key));
		assert_true(hsiphash_2u32(1, 2, &other) != hsiphash_2u32(1, 2, &key));
		other = key;
	}
}

/* RFC 8439 section 2.3.2 */
static void chacha20_block_vector(void **state)
{
	static const u8 want[64] = {
		0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
		0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
		0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
		0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
		0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e};
	static const u8 nonce[12] = {0, 0, 0, 0x09, 0, 0, 0, 0x4a};
	u8 k[32], out[64];
	struct chacha20_state s;

	for (size_t i = 0; i < sizeof(k); i++)
		k[i] = (u8)i;
	chacha20_init(&s, k, 1, nonce);
	chacha20_block(&s, out);
	assert_memory_equal(out, want, sizeof(want));
	assert_int_equal(s.word[12], 2);
}

/* RFC 8439 appendix A.1, vectors 1 and 2: zero key and nonce, blocks 0 and 1 */
static void chacha20_zero_key(void **state)
{
	static const u8 begin0[8] = {0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90};
	static const u8 begin1[8] = {0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a};
	static const u8 zero[32];
	struct chacha20_state s;
	u8 out[64];

	chacha20_init(&s, zero, 0, zero);
	chacha20_block(&s, out);
	assert_memory_equal(out, begin0, 8);
	chacha20_block(&s, out);
	assert_memory_equal(out, begin1, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_known_vectors),
		cmocka_unit_test(siphash_words_equal_bytes),
		cmocka_unit_test(siphash_depends_on_key),
		cmocka_unit_test(chacha20_block_vector),
		cmocka_unit_test(chacha20_zero_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
