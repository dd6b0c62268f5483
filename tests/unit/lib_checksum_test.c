/* SPDX-License-Identifier: MIT */
/*
 * Behaviour shown: the Internet checksum equals RFC 1071's definition for every length and
 * alignment, sums combine as section 2 says, and incremental updates (RFC 1624) equal a
 * recomputation, its corner case included.
 */
#include "lib_test.h"

#include <lib/checksum.h>

/* RFC 1071 section 4.1, byte by byte: the folded sum in wire order. */
static u16 reference(const u8 *p, size_t len, u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? (u32)p[i] << 8 : p[i];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)sum;
}

/* 0 and 0xffff are the same sum. */
static void assert_same_sum(u16 a, u16 b)
{
	assert_int_equal(a % 0xffff, b % 0xffff);
}

static void partial_any_length_and_alignment(void **state)
{
	u8 *buf = malloc(600);

	test_random_bytes(buf, 600);
	for (size_t len = 0; len < 300; len++) {
		for (size_t at = 0; at < 9; at++)
			assert_same_sum(csum_fold_sum(csum_partial(buf + at, len, 0x12345)),
					reference(buf + at, len, 0x12345));
	}
	free(buf);
}

static void partial_carries(void **state)
{
	u8 ones[200];

	memset(ones, 0xff, sizeof(ones));
	for (size_t len = 0; len <= sizeof(ones); len++)
		assert_same_sum(csum_fold_sum(csum_partial(ones, len, 0xffffffff)),
				reference(ones, len, 0xffffffff));
}

static void reads_no_byte_too_many(void **state)
{
	for (size_t len = 1; len < 80; len++) {
		u8 *exact = malloc(len);

		test_random_bytes(exact, len);
		assert_same_sum(csum_fold_sum(csum_partial(exact, len, 0)),
				reference(exact, len, 0));
		free(exact);
	}
}

static void copy_sums_what_it_copies(void **state)
{
	u8 src[300], dst[320];

	test_random_bytes(src, sizeof(src));
	for (size_t len = 0; len < 200; len++) {
		for (size_t at = 0; at < 8; at++) {
			memset(dst, 0x5a, sizeof(dst));
			assert_same_sum(csum_fold_sum(csum_partial_copy(dst + 9, src + at, len, 7)),
					reference(src + at, len, 7));
			assert_memory_equal(dst + 9, src + at, len);
			assert_int_equal(dst[8], 0x5a);
			assert_int_equal(dst[9 + len], 0x5a);
		}
	}
}

static void blocks_combine_at_odd_offsets(void **state)
{
	u8 buf[100];

	test_random_bytes(buf, sizeof(buf));
	for (size_t cut = 0; cut <= sizeof(buf); cut++) {
		csum32 whole = csum_partial(buf, sizeof(buf), 0);
		csum32 tail = csum_partial(buf + cut, sizeof(buf) - cut, 0);
		csum32 head = csum_partial(buf, cut, 0);

		assert_same_sum(csum_fold_sum(csum_block_add(head, tail, cut)),
				csum_fold_sum(whole));
		assert_same_sum(csum_fold_sum(csum_block_sub(whole, tail, cut)),
				csum_fold_sum(head));
	}
}

/* An IPv4 header from a capture: checksum 0xb861. */
static void known_header(void **state)
{
	u8 hdr[20] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
		      0x00, 0x00, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};

	assert_int_equal(be16_get(ip_fast_csum(hdr, 5)), 0xb861);
	put_be16(hdr + 10, 0xb861);
	assert_int_equal(be16_get(ip_fast_csum(hdr, 5)), 0);
}

static void pseudo_headers(void **state)
{
	for (int i = 0; i < 1000; i++) {
		u8 v4[12], v6[40];
		be32 src, dst;
		u32 len = (u32)test_random() & 0xffff;

		test_random_bytes(v4, 8);
		memcpy(&src, v4, 4);
		memcpy(&dst, v4 + 4, 4);
		v4[8] = 0;
		v4[9] = 17;
		put_be16(v4 + 10, (u16)len);
		assert_same_sum(csum_fold_sum(csum_tcpudp_nofold(src, dst, len, 17, 0xfffffffe)),
				reference(v4, sizeof(v4), 0xfffffffe));

		test_random_bytes(v6, 32);
		put_be32(v6 + 32, len + 70000);
		put_be32(v6 + 36, 6);
		assert_same_sum(csum_fold_sum(csum_ipv6_nofold(v6, v6 + 16, len + 70000, 6, 3)),
				reference(v6, sizeof(v6), 3));
	}
}

static void incremental_update_equals_recomputation(void **state)
{
	for (int i = 0; i < 5000; i++) {
		u8 hdr[20];
		be16 csum, from16, to16;
		be32 from32, to32;

		test_random_bytes(hdr, sizeof(hdr));
		csum = ip_fast_csum(hdr, 5);
		memcpy(&from16, hdr + 4, 2);
		to16 = be16_make((u16)test_random());
		memcpy(hdr + 4, &to16, 2);
		csum_replace2(&csum, from16, to16);
		assert_same_sum(csum.wire, ip_fast_csum(hdr, 5).wire);
		memcpy(&from32, hdr + 12, 4);
		to32 = be32_make((u32)test_random());
		memcpy(hdr + 12, &to32, 4);
		csum_replace4(&csum, from32, to32);
		assert_same_sum(csum.wire, ip_fast_csum(hdr, 5).wire);
	}
}

/* RFC 1624 section 4: HC 0xdd2f, m 0x5555 to 0x3285 gives 0x0000, not 0xffff. */
static void incremental_update_corner_case(void **state)
{
	be16 csum = BE16(0xdd2f);

	csum_replace2(&csum, BE16(0x5555), BE16(0x3285));
	assert_int_equal(be16_get(csum), 0x0000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(partial_any_length_and_alignment),
		cmocka_unit_test(partial_carries),
		cmocka_unit_test(reads_no_byte_too_many),
		cmocka_unit_test(copy_sums_what_it_copies),
		cmocka_unit_test(blocks_combine_at_odd_offsets),
		cmocka_unit_test(known_header),
		cmocka_unit_test(pseudo_headers),
		cmocka_unit_test(incremental_update_equals_recomputation),
		cmocka_unit_test(incremental_update_corner_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
