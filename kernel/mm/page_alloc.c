/* SPDX-License-Identifier: MIT */
/*
 * The page allocator: a buddy system over one array of struct page, with a small stack of single
 * pages per CPU in front of it. Any context: interrupts are off while a lock is held.
 *
 * Invariants [buddy lock]: a free block of order n is in free_list[n], its first page has PG_FREE
 * and that order, and its buddy is not free with the same order (they would have merged). Of an
 * allocated block, the first page carries references and order; the others carry PG_TAIL and the
 * order, which leads back to the first, because blocks are naturally aligned. The pages within a
 * free block are not described at all: what memory costs at boot is its holes, not its size.
 *
 * The last `reserve` pages are for GFP_ATOMIC: what arrives from the network can still be answered
 * when threads have used up the rest.
 */
#include <home/mm.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/percpu.h>
#include <kernel/spinlock.h>
#include <lib/assert.h>
#include <lib/string.h>

#include "mm_int.h"

#define PCP_MAX       32
#define PCP_BATCH     16
#define PCP_MIN_PAGES 8192u /* below 32 MiB the stacks would keep too much: they are not used */
#define RESERVE_SHIFT 6     /* 1/64 of memory ... */
#define RESERVE_MAX   1024u /* ... but at most 4 MiB */

struct page_stack {
	unsigned n;
	struct page *page[PCP_MAX];
};

static struct {
	struct spinlock lock;
	struct page *map;             /* [I] */
	uintptr_t first_pfn, end_pfn; /* [I] what map covers */
	uintptr_t described;          /* start only: below it all that is read of map was written */
	struct list_head free_list[MAX_ORDER + 1];
	u64 free;  /* pages in the lists and stacks [a] */
	u64 total; /* pages ever added */
	u64 reserve;
	u64 failed;                /* [a] */
	u64 owner[NR_PAGE_OWNERS]; /* [a] */
	struct list_head shrinkers;
	bool shrinking;
	bool use_stacks;
	unsigned fail_count;
} buddy = {.lock = SPINLOCK_INIT(buddy)};

static DEFINE_PER_CPU(struct page_stack, page_stack);

uintptr_t mem_map_origin;
unsigned mm_fail_one_of;

static uintptr_t page_pfn(const struct page *p)
{
	return buddy.first_pfn + (uintptr_t)(p - buddy.map);
}

static struct page *pfn_page(uintptr_t pfn)
{
	return &buddy.map[pfn - buddy.first_pfn];
}

bool virt_addr_valid(const void *addr)
{
	uintptr_t pfn = (uintptr_t)addr >> PAGE_SHIFT;

	return pfn >= buddy.first_pfn && pfn < buddy.end_pfn;
}

struct page *page_hold(const void *addr, size_t *left)
{
	struct page *p = virt_addr_valid(addr) ? virt_to_head_page(addr) : NULL;

	if (!p || p->flags & ~PG_ABSENT || !refcount_inc_not_zero(&p->refs))
		return NULL;
	*left = (PAGE_SIZE << p->order) - (size_t)((uintptr_t)addr - (uintptr_t)page_address(p));
	return p;
}

void page_hold_range(const void *start, size_t len)
{
	uintptr_t first = (uintptr_t)start >> PAGE_SHIFT;
	uintptr_t last = ((uintptr_t)start + len - 1) >> PAGE_SHIFT;

	for (uintptr_t pfn = first; len && pfn <= last; pfn++) {
		struct page *p;

		if (pfn < buddy.first_pfn || pfn >= buddy.end_pfn)
			continue;
		p = pfn_page(pfn);
		if (!refcount_read(&p->refs))
			refcount_set(&p->refs, 1);
	}
}

static void count_add(u64 *counter, s64 n)
{
	__atomic_fetch_add(counter, (u64)n, __ATOMIC_RELAXED);
}

/* --- the buddy lists, all with the lock held ---------------------------------------------- */

static void list_in(struct page *p, unsigned order)
{
	p->flags = PG_FREE;
	p->order = order;
	list_add(&p->list, &buddy.free_list[order]);
}

static void list_out(struct page *p)
{
	list_del(&p->list);
	p->flags = 0;
}

/* The free block that p, of that order, can merge with; NULL where there is none. */
static struct page *free_buddy(const struct page *p, unsigned order)
{
	uintptr_t pfn = page_pfn(p) ^ 1ul << order;
	struct page *b;

	if (pfn < buddy.first_pfn || pfn >= buddy.end_pfn)
		return NULL;
	b = pfn_page(pfn);
	return b->flags == PG_FREE && b->order == order ? b : NULL;
}

static void buddy_free(struct page *p, unsigned order)
{
	lockdep_assert_held(&buddy.lock);
	while (order < MAX_ORDER) {
		struct page *b = free_buddy(p, order);

		if (!b)
			break;
		list_out(b);
		p->flags = 0;
		p = min(p, b);
		order++;
	}
	list_in(p, order);
}

static struct page *buddy_alloc(unsigned order)
{
	unsigned have = order;
	struct page *p;

	lockdep_assert_held(&buddy.lock);
	while (have <= MAX_ORDER && list_empty(&buddy.free_list[have]))
		have++;
	if (have > MAX_ORDER)
		return NULL;
	p = list_first_entry(&buddy.free_list[have], struct page, list);
	list_out(p);
	while (have > order) {
		have--;
		list_in(p + (1ul << have), have);
	}
	return p;
}

/* --- the stacks of single pages, with interrupts off -------------------------------------- */

static struct page *stack_pop(void)
{
	struct page_stack *s = &this_cpu(page_stack);

	if (!s->n) {
		spin_lock(&buddy.lock);
		while (s->n < PCP_BATCH) {
			struct page *p = buddy_alloc(0);

			if (!p)
				break;
			p->flags = PG_CACHED;
			s->page[s->n++] = p;
		}
		spin_unlock(&buddy.lock);
	}
	return s->n ? s->page[--s->n] : NULL;
}

static void stack_push(struct page *p)
{
	struct page_stack *s = &this_cpu(page_stack);

	if (s->n == PCP_MAX) {
		spin_lock(&buddy.lock);
		while (s->n > PCP_MAX - PCP_BATCH)
			buddy_free(s->page[--s->n], 0);
		spin_unlock(&buddy.lock);
	}
	p->flags = PG_CACHED;
	s->page[s->n++] = p;
}

/* Give this CPU's stack back, so that its pages can merge. */
static void stack_drain(void)
{
	struct page_stack *s = &this_cpu(page_stack);

	spin_lock(&buddy.lock);
	while (s->n)
		buddy_free(s->page[--s->n], 0);
	spin_unlock(&buddy.lock);
}

static struct page *take_block(unsigned order)
{
	irqflags_t flags = local_irq_save();
	struct page *p;

	if (!order && buddy.use_stacks) {
		p = stack_pop();
	} else {
		spin_lock(&buddy.lock);
		p = buddy_alloc(order);
		spin_unlock(&buddy.lock);
		if (!p && buddy.use_stacks) {
			stack_drain();
			spin_lock(&buddy.lock);
			p = buddy_alloc(order);
			spin_unlock(&buddy.lock);
		}
	}
	local_irq_restore(flags);
	return p;
}

static void return_block(struct page *p, unsigned order)
{
	irqflags_t flags = local_irq_save();

	if (!order && buddy.use_stacks) {
		stack_push(p);
	} else {
		spin_lock(&buddy.lock);
		buddy_free(p, order);
		spin_unlock(&buddy.lock);
	}
	local_irq_restore(flags);
}

/* --- allocation --------------------------------------------------------------------------- */

/* Ask everybody who holds spare memory to give some back. One asks at a time. */
static bool reclaim(void)
{
	struct shrinker *s;
	unsigned freed = 0;

	if (__atomic_test_and_set(&buddy.shrinking, __ATOMIC_ACQUIRE))
		return false;
	list_for_each_entry(s, &buddy.shrinkers, list)
		freed += s->shrink(s);
	__atomic_clear(&buddy.shrinking, __ATOMIC_RELEASE);
	return freed;
}

void register_shrinker(struct shrinker *s)
{
	list_add_tail(&s->list, &buddy.shrinkers);
}

void mm_fail_every(unsigned n)
{
	mm_fail_one_of = n;
	buddy.fail_count = 0;
}

bool mm_fail_turn(void)
{
	if (++buddy.fail_count < mm_fail_one_of)
		return false;
	buddy.fail_count = 0;
	count_add(&buddy.failed, 1);
	return true;
}

/* Count 2^order pages out of the free ones, if the request may have them. */
static bool charge_free(unsigned order, unsigned gfp)
{
	u64 n = 1ull << order;
	u64 keep = gfp & GFP_ATOMIC ? 0 : buddy.reserve;
	u64 old = READ_ONCE(buddy.free);

	do {
		if (old < n + keep)
			return false;
	} while (!__atomic_compare_exchange_n(&buddy.free, &old, old - n, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return true;
}

static struct page *try_alloc(unsigned order, unsigned gfp)
{
	struct page *p;

	if (!charge_free(order, gfp))
		return NULL;
	p = take_block(order);
	if (!p)
		count_add(&buddy.free, 1ll << order);
	return p;
}

static void prepare_block(struct page *p, unsigned order, unsigned gfp, enum page_owner owner)
{
	for (unsigned i = 1; i < 1u << order; i++) {
		p[i] = (struct page){.flags = PG_TAIL, .order = order};
	}
	p->flags = 0;
	p->order = order;
	p->owner = owner;
	p->pp = NULL;
	p->private = NULL;
	refcount_set(&p->refs, 1);
	home_pages_allocated(page_address(p), PAGE_SIZE << order);
	if (gfp & GFP_ZERO)
		memset(page_address(p), 0, PAGE_SIZE << order);
}

struct page *alloc_pages_owner(unsigned order, unsigned gfp, enum page_owner owner)
{
	struct page *p;

	if (unlikely(order > MAX_ORDER))
		return NULL;
	if (unlikely(mm_should_fail()))
		return NULL;
	p = try_alloc(order, gfp);
	if (unlikely(!p) && reclaim())
		p = try_alloc(order, gfp);
	if (unlikely(!p)) {
		count_add(&buddy.failed, 1);
		return NULL;
	}
	prepare_block(p, order, gfp, owner);
	count_add(&buddy.owner[owner], 1ll << order);
	return p;
}

void free_pages(struct page *p, unsigned order)
{
	ASSERT(!p->flags && p->order == order);
	refcount_set(&p->refs, 0);
	count_add(&buddy.owner[p->owner], -(1ll << order));
	home_pages_freed(page_address(p), PAGE_SIZE << order);
	for (unsigned i = 1; i < 1u << order; i++)
		p[i].flags = 0;
	return_block(p, order);
	count_add(&buddy.free, 1ll << order);
}

__weak void page_pool_return(struct page *p)
{
	panic("page %p belongs to a pool, and there are no pools", page_address(p));
}

void page_release(struct page *p)
{
	if (p->pp)
		page_pool_return(p);
	else
		free_pages(p, p->order);
}

void *kvzalloc(size_t size, unsigned gfp)
{
	unsigned order = 0;
	struct page *p;

	while (PAGE_SIZE << order < size)
		order++;
	p = alloc_pages(order, gfp | GFP_ZERO);
	return p ? page_address(p) : NULL;
}

void kvfree(void *p, size_t size)
{
	struct page *page;

	if (!p)
		return;
	page = virt_to_page(p);
	ASSERT(size <= PAGE_SIZE << page->order);
	free_pages(page, page->order);
}

/* --- accounting --------------------------------------------------------------------------- */

u32 page_number(const struct page *p)
{
	return (u32)(p - buddy.map);
}

struct page *page_of_number(u32 number)
{
	return &buddy.map[number];
}

bool mem_is_small(void)
{
	return buddy.total < PCP_MIN_PAGES;
}

bool mem_is_low(void)
{
	return READ_ONCE(buddy.free) < 2 * buddy.reserve;
}

void meminfo_get(struct meminfo *mi)
{
	*mi = (struct meminfo){
		.total = buddy.total,
		.free = READ_ONCE(buddy.free),
		.reserved = buddy.reserve,
		.alloc_failed = READ_ONCE(buddy.failed),
		.slab_bytes_used = slab_bytes_used(),
	};
	for (unsigned i = 0; i < NR_PAGE_OWNERS; i++)
		mi->owner[i] = READ_ONCE(buddy.owner[i]);
}

void mm_count_failure(void)
{
	count_add(&buddy.failed, 1);
}

/* --- start -------------------------------------------------------------------------------- */

void page_alloc_init(uintptr_t start, uintptr_t end, void *mem_map)
{
	buddy.map = mem_map;
	mem_map_origin = (uintptr_t)mem_map - (start >> PAGE_SHIFT) * sizeof(struct page);
	buddy.first_pfn = start >> PAGE_SHIFT;
	buddy.end_pfn = end >> PAGE_SHIFT;
	buddy.described = buddy.first_pfn;
	for (unsigned i = 0; i <= MAX_ORDER; i++)
		INIT_LIST_HEAD(&buddy.free_list[i]);
	INIT_LIST_HEAD(&buddy.shrinkers);
}

/* The holes below pfn, which belong to nobody. */
static void describe_holes(uintptr_t pfn)
{
	for (; buddy.described < pfn; buddy.described++)
		*pfn_page(buddy.described) =
			(struct page){.refs = REFCOUNT_INIT(1), .flags = PG_ABSENT};
}

/* Largest block that begins at pfn, is aligned, and ends by end. */
static unsigned fitting_order(uintptr_t pfn, uintptr_t end)
{
	unsigned order = 0;

	while (order < MAX_ORDER && !(pfn & 1ul << order) && pfn + (2ul << order) <= end)
		order++;
	return order;
}

void page_alloc_add_range(uintptr_t start, uintptr_t end)
{
	uintptr_t pfn = (start + PAGE_SIZE - 1) >> PAGE_SHIFT;
	uintptr_t last = end >> PAGE_SHIFT;
	irqflags_t flags;

	if (pfn >= last)
		return;
	ASSERT(pfn >= buddy.described && last <= buddy.end_pfn);
	spin_lock_irqsave(&buddy.lock, flags);
	describe_holes(pfn);
	buddy.described = last;
	/* Merging looks at the first page of the block behind, which may not be free yet. */
	for (uintptr_t at = pfn; at < last; at += 1ul << fitting_order(at, last))
		*pfn_page(at) = (struct page){.flags = 0};
	if (last < buddy.end_pfn)
		*pfn_page(last) = (struct page){.flags = PG_ABSENT};
	while (pfn < last) {
		unsigned order = fitting_order(pfn, last);

		home_pages_freed((void *)(pfn << PAGE_SHIFT), PAGE_SIZE << order);
		buddy_free(pfn_page(pfn), order);
		buddy.total += 1ull << order;
		buddy.free += 1ull << order;
		pfn += 1ul << order;
	}
	buddy.reserve = min_t(u64, buddy.total >> RESERVE_SHIFT, RESERVE_MAX);
	buddy.use_stacks = buddy.total >= PCP_MIN_PAGES;
	spin_unlock_irqrestore(&buddy.lock, flags);
}

void page_alloc_seal(void)
{
	describe_holes(buddy.end_pfn);
}
