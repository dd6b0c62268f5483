/* SPDX-License-Identifier: MIT */
/*
 * The bare metal slab allocator, under other names beside the hosted one: objects never overlap,
 * keep what is written to them, and everything goes back to the page allocator; constructed
 * objects stay constructed; lack of memory is NULL and leaks nothing.
 */
#include <kernel/mm.h>
#include <kernel/time.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"

#define kmem_cache            tested_cache
#define kmem_cache_create     tested_cache_create
#define kmem_cache_destroy    tested_cache_destroy
#define kmem_cache_alloc      tested_cache_alloc
#define kmem_cache_free       tested_cache_free
#define kmem_cache_alloc_bulk tested_cache_alloc_bulk
#define kmem_cache_free_bulk  tested_cache_free_bulk
#define kmem_cache_size       tested_cache_size
#define kmem_cache_for_each   tested_cache_for_each
#define kmalloc               tested_kmalloc
#define kzalloc               tested_kzalloc
#define kcalloc               tested_kcalloc
#define krealloc              tested_krealloc
#define kfree                 tested_kfree
#define ksize                 tested_ksize
#define slab_bytes_used       tested_slab_bytes_used
#define slab_init             tested_slab_init
#define slab_reap_init        tested_slab_reap_init

struct kmem_cache;
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, unsigned flags,
				     void (*ctor)(void *obj));
void kmem_cache_destroy(struct kmem_cache *c);
void *kmem_cache_alloc(struct kmem_cache *c, unsigned gfp);
void kmem_cache_free(struct kmem_cache *c, void *obj);
unsigned kmem_cache_alloc_bulk(struct kmem_cache *c, unsigned gfp, unsigned n, void **objs);
void kmem_cache_free_bulk(struct kmem_cache *c, unsigned n, void **objs);
size_t kmem_cache_size(const struct kmem_cache *c);
void kmem_cache_for_each(void (*fn)(const char *name, u64 objs, u64 total, size_t size, u64 pages,
				    void *arg),
			 void *arg);
void *kmalloc(size_t size, unsigned gfp);
void *kzalloc(size_t size, unsigned gfp);
void *kcalloc(size_t n, size_t size, unsigned gfp);
void *krealloc(void *p, size_t size, unsigned gfp);
void kfree(const void *p);
size_t ksize(const void *p);
u64 slab_bytes_used(void);
void slab_init(void);
void slab_reap_init(void);

void *kzalloc(size_t size, unsigned gfp)
{
	return kmalloc(size, gfp | GFP_ZERO);
}

#include "kernel/mm/slab.c"

static u64 free_pages_now(void)
{
	struct meminfo mi;

	slab_shrink(NULL);
	host_run_idle(NSEC_PER_SEC);
	slab_shrink(NULL);
	meminfo_get(&mi);
	return mi.free;
}

#define SLOTS_N 600

struct piece {
	u8 *p;
	size_t size;
	u8 mark;
};

static void check_and_free(struct piece *s)
{
	assert_null(memchr_inv(s->p, s->mark, s->size));
	kfree(s->p);
	s->p = NULL;
}

static void random_sizes_keep_their_bytes(void **state)
{
	static struct piece slot[SLOTS_N];
	u64 before = free_pages_now();
	u64 pages_kept;

	for (int i = 0; i < 30000; i++) {
		struct piece *s = &slot[host_random_below(SLOTS_N)];

		if (s->p) {
			check_and_free(s);
			continue;
		}
		s->size = host_random_below(10) ? 1 + host_random_below(4000)
						: 1 + host_random_below(60000);
		s->mark = (u8)host_random();
		s->p = kmalloc(s->size, GFP_KERNEL);
		assert_non_null(s->p);
		assert_int_equal((uintptr_t)s->p % 16, 0);
		assert_true(ksize(s->p) >= s->size);
		memset(s->p, s->mark, s->size);
	}
	for (int i = 0; i < SLOTS_N; i++) {
		if (slot[i].p)
			check_and_free(&slot[i]);
	}
	assert_int_equal(slab_bytes_used(), 0);
	/* One empty slab a cache may stay. */
	pages_kept = before - free_pages_now();
	assert_true(pages_kept < 120);
}

static void zeroed_and_resized(void **state)
{
	char *p = kzalloc(100, GFP_KERNEL);

	assert_null(memchr_inv(p, 0, 100));
	memset(p, 'x', 100);
	p = krealloc(p, 5000, GFP_KERNEL);
	assert_null(memchr_inv(p, 'x', 100));
	kfree(p);
	assert_null(kcalloc(1ul << 40, 1ul << 40, GFP_KERNEL));
	assert_null(kmalloc(1ul << 30, GFP_KERNEL));
	kfree(NULL);
	assert_non_null(p = kmalloc(0, GFP_KERNEL));
	kfree(p);
}

struct built {
	u64 magic;
	u32 uses;
};

static void build(void *obj)
{
	*(struct built *)obj = (struct built){.magic = 0x1234567890abcdefull};
}

static void constructed_objects_stay_so(void **state)
{
	struct kmem_cache *c =
		kmem_cache_create("built", sizeof(struct built), 0, SLAB_TYPESAFE_BY_RCU, build);
	u64 before = free_pages_now();
	struct built *obj[500];

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 500; i++) {
			obj[i] = kmem_cache_alloc(c, GFP_KERNEL);
			assert_int_equal(obj[i]->magic, 0x1234567890abcdefull);
			obj[i]->uses++;
		}
		for (int i = 0; i < 500; i++)
			kmem_cache_free(c, obj[i]);
	}
	assert_true(before - free_pages_now() <= 4);
	kmem_cache_destroy(c);
}

static void alignment_is_kept(void **state)
{
	struct kmem_cache *c = kmem_cache_create("line", 100, 0, SLAB_HWCACHE_ALIGN, NULL);
	void *obj[100];

	assert_int_equal(kmem_cache_alloc_bulk(c, GFP_KERNEL, 100, obj), 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal((uintptr_t)obj[i] % 64, 0);
	kmem_cache_free_bulk(c, 100, obj);
	kmem_cache_destroy(c);
}

static void no_memory_is_null(void **state)
{
	struct kmem_cache *c = kmem_cache_create("big", 3000, 0, 0, NULL);
	u64 before = free_pages_now();
	static void *obj[100000];
	unsigned n = 0;

	while (n < 100000 && (obj[n] = kmem_cache_alloc(c, GFP_KERNEL)))
		n++;
	assert_in_range(n, 10000, 30000);
	assert_true(mem_is_low());
	/* The reserve is still there for packets. */
	assert_non_null(obj[n] = kmem_cache_alloc(c, GFP_ATOMIC));
	n++;
	while (n)
		kmem_cache_free(c, obj[--n]);
	assert_true(before - free_pages_now() <= 8);
	kmem_cache_destroy(c);
	assert_int_equal(free_pages_now(), before);
}

static void count_rows(const char *name, u64 objs, u64 total, size_t size, u64 pages, void *arg)
{
	assert_true(objs <= total);
	(*(int *)arg)++;
}

/* A burst's objects are back with the page allocator a while after it, by nobody's asking. */
static void what_lies_idle_goes_back(void **state)
{
	struct kmem_cache *c = kmem_cache_create("burst", 500, 0, 0, NULL);
	struct meminfo before, after;
	void *obj[SLOTS_N];

	slab_reap_init();
	kmem_cache_free(c, kmem_cache_alloc(c, 0)); /* the magazine itself stays */
	free_pages_now();
	meminfo_get(&before);
	for (unsigned i = 0; i < SLOTS_N; i++)
		obj[i] = kmem_cache_alloc(c, 0);
	for (unsigned i = 0; i < SLOTS_N; i++)
		kmem_cache_free(c, obj[i]);
	meminfo_get(&after);
	assert_true(after.free < before.free);
	host_run_idle(2 * REAP_AFTER_NS);
	meminfo_get(&after);
	assert_true(after.free >= before.free);
	kmem_cache_destroy(c);
}

static void caches_are_listed(void **state)
{
	int rows = 0;

	kmem_cache_for_each(count_rows, &rows);
	assert_true(rows >= 16);
}

static int start(void **state)
{
	host_init(7);
	slab_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_sizes_keep_their_bytes),
		cmocka_unit_test(zeroed_and_resized),
		cmocka_unit_test(constructed_objects_stay_so),
		cmocka_unit_test(alignment_is_kept),
		cmocka_unit_test(no_memory_is_null),
		cmocka_unit_test(what_lies_idle_goes_back),
		cmocka_unit_test(caches_are_listed),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
