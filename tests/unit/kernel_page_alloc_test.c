/* SPDX-License-Identifier: MIT */
/*
 * The page allocator: blocks are aligned, never overlap and merge again when they come back; the
 * reserve is for GFP_ATOMIC; reference counts, fragments, shrinkers and fault injection.
 */
#include <kernel/mm.h>
#include <lib/string.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "host/host.h"

static struct meminfo now(void)
{
	struct meminfo mi;

	meminfo_get(&mi);
	return mi;
}

struct block {
	struct page *p;
	unsigned order;
	u8 mark;
};

static void check_block(const struct block *b)
{
	const char *at = page_address(b->p);
	size_t size = PAGE_SIZE << b->order;

	assert_int_equal(*at, (char)b->mark);
	assert_int_equal(at[size - 1], (char)b->mark);
	assert_ptr_equal(virt_to_head_page(at + size - 1), b->p);
	assert_ptr_equal(virt_to_head_page(at + size / 2), b->p);
}

static void random_blocks_do_not_overlap_and_merge_again(void **state)
{
	static struct block slot[200];
	u64 free_before = now().free;
	struct page *largest;

	for (int i = 0; i < 20000; i++) {
		struct block *b = &slot[host_random_below(200)];

		if (b->p) {
			check_block(b);
			free_pages(b->p, b->order);
			b->p = NULL;
			continue;
		}
		b->order = host_random_below(2) ? 0 : host_random_below(7);
		b->mark = (u8)host_random();
		b->p = alloc_pages(b->order, GFP_KERNEL);
		if (!b->p)
			continue;
		assert_int_equal((uintptr_t)page_address(b->p) % (PAGE_SIZE << b->order), 0);
		assert_int_equal(refcount_read(&b->p->refs), 1);
		memset(page_address(b->p), b->mark, PAGE_SIZE << b->order);
	}
	for (int i = 0; i < 200; i++) {
		if (slot[i].p)
			free_pages(slot[i].p, slot[i].order);
	}
	assert_int_equal(now().free, free_before);
	largest = alloc_pages(MAX_ORDER, GFP_KERNEL | GFP_ZERO);
	assert_non_null(largest);
	assert_null(memchr_inv(page_address(largest), 0, PAGE_SIZE << MAX_ORDER));
	free_pages(largest, MAX_ORDER);
	assert_null(alloc_pages(MAX_ORDER + 1, GFP_KERNEL));
}

static void the_reserve_is_for_atomic(void **state)
{
	static struct page *page[20000];
	struct meminfo start = now();
	unsigned n = 0;

	while ((page[n] = alloc_page(GFP_KERNEL)))
		n++;
	assert_int_equal(n, start.free - start.reserved);
	assert_true(mem_is_low());
	assert_true(start.reserved > 0);
	assert_non_null(page[n] = alloc_page(GFP_ATOMIC));
	n++;
	assert_true(now().alloc_failed > start.alloc_failed);
	while (n)
		put_page(page[--n]);
	assert_int_equal(now().free, start.free);
}

static void the_last_reference_frees(void **state)
{
	u64 free_before = now().free;
	struct page *p = alloc_pages_owner(2, GFP_KERNEL, PAGES_SKB);

	assert_int_equal(now().owner[PAGES_SKB], 4);
	get_page(p);
	put_page(p);
	assert_int_equal(now().free, free_before - 4);
	put_page(p);
	assert_int_equal(now().free, free_before);
	assert_int_equal(now().owner[PAGES_SKB], 0);
}

static void fragments_share_pages_and_give_them_back(void **state)
{
	u64 free_before = now().free;
	static u8 *frag[500];
	static size_t size[500];

	for (int i = 0; i < 500; i++) {
		size[i] = 1 + host_random_below(i % 50 ? 2048 : 20000);
		frag[i] = page_frag_alloc(size[i], 64, GFP_ATOMIC);
		assert_non_null(frag[i]);
		assert_int_equal((uintptr_t)frag[i] % 64, 0);
		memset(frag[i], i & 0xff, size[i]);
	}
	for (int i = 0; i < 500; i++) {
		assert_null(memchr_inv(frag[i], i & 0xff, size[i]));
		page_frag_free(frag[i]);
	}
	page_frag_drain();
	assert_int_equal(now().free, free_before);
}

static struct page *spare;

static unsigned give_spare(struct shrinker *s)
{
	if (!spare)
		return 0;
	free_pages(spare, MAX_ORDER);
	spare = NULL;
	return 1u << MAX_ORDER;
}

static void shrinkers_are_asked_before_failing(void **state)
{
	static struct shrinker shrinker = {.shrink = give_spare};
	static struct page *page[20];
	unsigned n = 0;

	register_shrinker(&shrinker);
	spare = alloc_pages(MAX_ORDER, GFP_KERNEL);
	while (spare) {
		assert_non_null(page[n] = alloc_pages(MAX_ORDER, GFP_ATOMIC));
		n++;
	}
	while (n)
		free_pages(page[--n], MAX_ORDER);
}

static void every_nth_fails_on_demand(void **state)
{
	int failed = 0;

	mm_fail_every(3);
	for (int i = 0; i < 30; i++) {
		void *p = kmalloc(10, GFP_KERNEL);

		failed += !p;
		kfree(p);
	}
	mm_fail_every(0);
	assert_int_equal(failed, 10);
}

static void memory_never_given_is_never_freed(void **state)
{
	struct page *p = alloc_page(GFP_KERNEL);
	char on_stack;

	assert_true(virt_addr_valid(page_address(p)));
	assert_false(virt_addr_valid(&on_stack));
	put_page(p);
}

static void tables_come_zeroed(void **state)
{
	u64 free_before = now().free;
	char *t = kvzalloc(100000, GFP_KERNEL);

	assert_null(memchr_inv(t, 0, 100000));
	kvfree(t, 100000);
	kvfree(NULL, 5);
	assert_int_equal(now().free, free_before);
}

static int start(void **state)
{
	host_init(3);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_blocks_do_not_overlap_and_merge_again),
		cmocka_unit_test(the_reserve_is_for_atomic),
		cmocka_unit_test(the_last_reference_frees),
		cmocka_unit_test(fragments_share_pages_and_give_them_back),
		cmocka_unit_test(shrinkers_are_asked_before_failing),
		cmocka_unit_test(every_nth_fails_on_demand),
		cmocka_unit_test(memory_never_given_is_never_freed),
		cmocka_unit_test(tables_come_zeroed),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
