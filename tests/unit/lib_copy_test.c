/* SPDX-License-Identifier: MIT */
/*
 * Behaviour shown: each vector loop of the image copies what memcpy() copies, for any number of
 * blocks and any alignment of both sides, and writes not a byte beyond.
 */
#include "lib_test.h"

#define COPY_CLOBBERS , "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7"
#include "../../kernel/x86/copy_blocks.h"

#define BLOCKS_MAX 5u
#define AREA       (BLOCKS_MAX * COPY_BLOCK_AVX + 64)

typedef void (*copy_fn)(void *dst, const void *src, size_t n);

static void check_one(copy_fn copy, size_t block, size_t n, size_t to, size_t from)
{
	static u8 src[AREA], dst[AREA], expect[AREA];

	test_random_bytes(src, sizeof(src));
	test_random_bytes(dst, sizeof(dst));
	memcpy(expect, dst, sizeof(dst));
	memcpy(expect + to, src + from, n * block);
	copy(dst + to, src + from, n);
	assert_memory_equal(dst, expect, sizeof(dst));
}

static void check(copy_fn copy, size_t block)
{
	for (size_t n = 1; n <= BLOCKS_MAX; n++) {
		for (size_t to = 0; to < 33; to++)
			for (size_t from = 0; from < 33; from += 5)
				check_one(copy, block, n, to, from);
	}
}

static void sse2_copies(void **state)
{
	check(copy_blocks_sse2, COPY_BLOCK_SSE2);
}

static void avx_copies(void **state)
{
	if (!__builtin_cpu_supports("avx"))
		skip();
	check(copy_blocks_avx, COPY_BLOCK_AVX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sse2_copies),
		cmocka_unit_test(avx_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
