/* SPDX-License-Identifier: MIT */
/*
 * Behaviour shown: lists, bit operations, bitmaps, wire integers, sequence numbers and the typed
 * helpers of compiler.h, edges included (RFC 9293 section 3.4 for sequence numbers).
 */
#include "lib_test.h"

#include <lib/bitmap.h>
#include <lib/err.h>
#include <lib/hash.h>
#include <lib/list.h>

struct entry {
	int v;
	struct list_head link;
	struct hlist_node hash;
};

static void assert_list(const struct list_head *h, const char *want)
{
	char got[32];
	size_t n = 0;
	struct entry *e;

	list_for_each_entry(e, h, link)
		got[n++] = (char)('0' + e->v);
	got[n] = '\0';
	assert_string_equal(got, want);
	list_for_each_entry_reverse(e, h, link)
		assert_int_equal(got[--n], '0' + e->v);
	assert_int_equal(n, 0);
}

static void lists(void **state)
{
	LIST_HEAD(a);
	LIST_HEAD(b);
	struct entry e[6], *at, *next;

	assert_true(list_empty(&a));
	assert_null(list_first_entry_or_null(&a, struct entry, link));
	for (int i = 0; i < 6; i++) {
		e[i].v = i;
		list_add_tail(&e[i].link, i < 3 ? &a : &b);
	}
	assert_list(&a, "012");
	list_splice_tail_init(&b, &a);
	assert_true(list_empty(&b));
	assert_list(&a, "012345");
	list_move(&e[4].link, &a);
	list_move_tail(&e[0].link, &a);
	assert_list(&a, "412350");
	assert_true(list_is_first(&e[4].link, &a) && list_is_last(&e[0].link, &a));
	list_for_each_entry_safe(at, next, &a, link) {
		if (at->v % 2)
			list_del_init(&at->link);
	}
	assert_list(&a, "420");
	assert_true(list_empty(&e[1].link));
	list_add(&e[1].link, &b);
	assert_true(list_is_singular(&b) && !list_is_singular(&a));
	list_splice_init(&b, &a);
	assert_list(&a, "1420");
	assert_ptr_equal(list_first_entry(&a, struct entry, link), &e[1]);
	assert_ptr_equal(list_last_entry(&a, struct entry, link), &e[0]);
}

static void hash_lists(void **state)
{
	struct hlist_head h = HLIST_HEAD_INIT;
	struct hlist_node *n;
	struct entry e[4], *at;
	int sum = 0;

	for (int i = 0; i < 4; i++) {
		e[i].v = 1 << i;
		hlist_add_head(&e[i].hash, &h);
	}
	hlist_for_each_entry_safe(at, n, &h, hash) {
		if (at->v == 4 || at->v == 8)
			hlist_del(&at->hash);
	}
	hlist_add_behind(&e[3].hash, &e[0].hash);
	hlist_for_each_entry(at, &h, hash)
		sum = sum * 16 + at->v;
	assert_int_equal(sum, 0x218);
	assert_true(hlist_unhashed(&e[2].hash) && !hlist_unhashed(&e[3].hash));
	hlist_del_init(&e[2].hash);
	hlist_del_init(&e[0].hash);
	hlist_del_init(&e[1].hash);
	hlist_del_init(&e[3].hash);
	assert_true(hlist_empty(&h));
}

static void bit_operations(void **state)
{
	assert_int_equal(bit_ffs(0), 0);
	assert_int_equal(bit_ffs(1ull << 63), 64);
	assert_int_equal(bit_fls(0), 0);
	assert_int_equal(bit_fls(~0ull), 64);
	assert_int_equal(ilog2(1), 0);
	assert_int_equal(ilog2(0x1ffff), 16);
	assert_int_equal(order_base_2(0), 0);
	assert_int_equal(order_base_2(4096), 12);
	assert_int_equal(order_base_2(4097), 13);
	assert_int_equal(roundup_pow_of_two(1000), 1024);
	assert_int_equal(rounddown_pow_of_two(1000), 512);
	assert_int_equal(rol32(0x80000001, 1), 3);
	assert_int_equal(rol32(5, 0), 5);
	assert_int_equal(ror32(3, 1), 0x80000001);
	assert_true(rol64(1, 63) == 1ull << 63 && ror64(1, 1) == 1ull << 63);
	assert_true(GENMASK(7, 4) == 0xf0 && GENMASK(63, 0) == ~0ul);
	for (int i = 0; i < 1000; i++) {
		u64 v = test_random() & test_random();

		assert_int_equal(hweight64(v), __builtin_popcountll(v));
	}
}

static void bitmaps(void **state)
{
	DECLARE_BITMAP(map, 200);
	bool want[200] = {false};
	size_t i, n = 0;

	bitmap_zero(map, 200);
	assert_true(bitmap_empty(map, 200));
	assert_int_equal(bitmap_find_next(map, 200, 0), 200);
	for (int round = 0; round < 300; round++) {
		size_t start = test_random() % 200, len = test_random() % (201 - start);
		bool set = test_random() & 1, *at = want + start;

		if (set)
			bitmap_set(map, start, len);
		else
			bitmap_clear(map, start, len);
		memset(at, set, len);
		for (i = 0, n = 0; i < 200; i++) {
			assert_int_equal(bitmap_test_bit(map, i), want[i]);
			n += want[i];
		}
		assert_int_equal(bitmap_weight(map, 200), n);
		for_each_set_bit(i, map, 200)
			n -= want[i];
		assert_int_equal(n, 0);
	}
	bitmap_zero(map, 200);
	bitmap_set_bit(map, 0);
	bitmap_set(map, 70, 20);
	bitmap_clear_bit(map, 80);
	assert_int_equal(bitmap_find_next_zero(map, 200, 70), 80);
	assert_int_equal(bitmap_find_zero_area(map, 200, 0, 69, 1), 1);
	assert_int_equal(bitmap_find_zero_area(map, 200, 0, 69, 8), 96);
	assert_int_equal(bitmap_find_zero_area(map, 200, 0, 110, 1), 90);
	assert_int_equal(bitmap_find_zero_area(map, 200, 0, 111, 1), 200);
}

static void wire_integers(void **state)
{
	static const be32 constant = BE32(0x01020304);
	u8 bytes[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};

	assert_memory_equal(&constant, bytes + 1, 4);
	assert_int_equal(be32_get(constant), 0x01020304);
	assert_true(be32_eq(be32_make(0x01020304), constant));
	assert_true(be16_eq(BE16(80), be16_make(80)) && !be16_eq(BE16(80), BE16(81)));
	assert_true(be64_get(be64_make(0x0102030405060708ull)) == 0x0102030405060708ull);
	assert_true(be32_get(be32_and(BE32(0x0a00020f), BE32(0xffffff00))) == 0x0a000200);
	assert_true(be32_get(be32_or(BE32(0x0a000200), be32_not(BE32(0xffffff00)))) == 0x0a0002ff);
	assert_int_equal(get_be16(bytes + 1), 0x0102);
	assert_int_equal(get_be32(bytes + 1), 0x01020304);
	assert_true(get_be64(bytes + 1) == 0x0102030405060708ull);
	assert_int_equal(get_le32(bytes + 1), 0x04030201);
	put_be32(bytes, 0xaabbccdd);
	assert_int_equal(get_be16(bytes), 0xaabb);
}

static void sequence_numbers_wrap(void **state)
{
	seq32 top = SEQ32(0xfffffff0), wrapped = seq_add(top, 0x20);

	assert_int_equal(wrapped.v, 0x10);
	assert_true(seq_before(top, wrapped) && seq_after(wrapped, top));
	assert_int_equal(seq_diff(wrapped, top), 0x20);
	assert_int_equal(seq_diff(top, wrapped), -0x20);
	assert_true(seq_before_eq(top, top) && seq_after_eq(top, top) && !seq_before(top, top));
	assert_true(seq_in(SEQ32(0), top, wrapped) && seq_in(top, top, wrapped));
	assert_false(seq_in(wrapped, top, wrapped) || seq_in(SEQ32(0xffffffef), top, wrapped));
	assert_int_equal(seq_max(top, wrapped).v, wrapped.v);
	assert_int_equal(seq_min(top, wrapped).v, top.v);
	assert_int_equal(seq_from_wire(seq_to_wire(SEQ32(77))).v, 77);
}

static void compiler_helpers(void **state)
{
	struct entry e;
	int lo = 3, hi = 9;
	int three[3];

	assert_ptr_equal(container_of(&e.link, struct entry, link), &e);
	assert_int_equal(min(lo, hi), 3);
	assert_int_equal(max3(lo, hi, 5), 9);
	assert_int_equal(clamp(12, lo, hi), 9);
	assert_int_equal(min_t(u8, 300, 50), 44);
	assert_int_equal(max(min(lo, hi), min(hi, 4)), 4);
	SWAP(lo, hi);
	assert_int_equal(lo, 9);
	assert_int_equal(ARRAY_SIZE(three), 3);
	assert_true(ALIGN(4097ull, 4096) == 8192 && ALIGN_DOWN(4097ull, 4096) == 4096);
	assert_true(ALIGN(0x100000001ull, 16) == 0x100000010ull);
	assert_int_equal(DIV_ROUND_UP(10, 4), 3);
	assert_int_equal(ROUND_UP(10, 4), 12);
	assert_true(IS_POWER_OF_2(64u) && !IS_POWER_OF_2(0u) && !IS_POWER_OF_2(6u));
}

static void error_pointers(void **state)
{
	int x;

	assert_true(IS_ERR(ERR_PTR(-ENOMEM)) && IS_ERR(ERR_PTR(-MAX_ERRNO)));
	assert_false(IS_ERR(&x) || IS_ERR(NULL));
	assert_true(IS_ERR_OR_NULL(NULL));
	assert_int_equal(PTR_ERR(ERR_PTR(-EINVAL)), -EINVAL);
	assert_int_equal(PTR_ERR_OR_ZERO(&x), 0);
}

static void hashes_spread(void **state)
{
	unsigned bucket[64] = {0};

	for (u64 i = 0; i < 6400; i++)
		bucket[hash_64(i * 4096, 6)]++;
	for (size_t i = 0; i < 64; i++)
		assert_in_range(bucket[i], 60, 140);
	assert_int_equal(hash_str("eth0"), hash_bytes("eth0", 4));
	assert_int_equal(hash_str(""), 0x811c9dc5);
	assert_int_equal(hash_str("a"), 0xe40c292c);
	assert_int_equal(reciprocal_scale(~0u, 10), 9);
	assert_int_equal(reciprocal_scale(0, 10), 0);
}

__extension__ typedef unsigned __int128 u128;
u128 ours___udivti3(u128 a, u128 b);
u128 ours___umodti3(u128 a, u128 b);
int ours___popcountdi2(long v);

/* Any number of significant bits, runs of ones and zeros among them. */
static u128 random_u128(void)
{
	u128 v = (u128)test_random() << 64 | test_random();

	if (test_random() & 1)
		v |= v >> 1 | v >> 2 | v >> 3;
	if (test_random() & 1)
		v = ~v;
	return v >> test_random() % 128;
}

static void division_of_128_bits(void **state)
{
	for (int i = 0; i < 200000; i++) {
		u128 a = random_u128(), b = random_u128();

		if (!b)
			continue;
		assert_true(ours___udivti3(a, b) == a / b);
		assert_true(ours___umodti3(a, b) == a % b);
	}
	assert_true(ours___udivti3(~(u128)0, ~(u128)0) == 1);
	assert_true(ours___udivti3(~(u128)0, (u128)1 << 64) == ~0ull);
	assert_int_equal(ours___popcountdi2(-1), 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(hash_lists),
		cmocka_unit_test(bit_operations),
		cmocka_unit_test(bitmaps),
		cmocka_unit_test(wire_integers),
		cmocka_unit_test(sequence_numbers_wrap),
		cmocka_unit_test(compiler_helpers),
		cmocka_unit_test(error_pointers),
		cmocka_unit_test(hashes_spread),
		cmocka_unit_test(division_of_128_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
