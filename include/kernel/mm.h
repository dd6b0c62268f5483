/* SPDX-License-Identifier: MIT */
/*
 * Memory. Pages come from a buddy allocator (page_alloc.c), objects from slab caches with
 * per-CPU magazines (slab.c), kmalloc() from slab caches of graded sizes. Nothing here sleeps or
 * panics for lack of memory: NULL is a normal answer that each caller survives. All but the
 * *_init functions may be called in any context but hardirq.
 */
#ifndef KERNEL_MM_H
#define KERNEL_MM_H

#include <kernel/atomic.h>
#include <lib/compiler.h>
#include <lib/list.h>
#include <lib/types.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1ul << PAGE_SHIFT)
#define MAX_ORDER  10 /* largest block: 4 MiB */

#define GFP_KERNEL 0u
#define GFP_ATOMIC 1u /* may use the reserve kept for softirqs */
#define GFP_ZERO   2u

struct page_pool;

/* One per page frame. refs is 0 for a free page. */
struct page {
	refcount_t refs;
	u8 order;  /* of the allocated or free block that starts here */
	u8 flags;  /* PG_* */
	u16 owner; /* enum page_owner, for the accounting */
	union {
		struct list_head list; /* buddy free list */
		struct {
			struct page_pool *pp; /* pool that takes the page back, or NULL */
			void *private;
		};
		struct { /* of a slab [cache lock]; next, prev: numbers of pages */
			u16 cache_id, in_use, first_free, unused;
			u32 next, prev;
		} slab;
	};
};
static_assert(sizeof(struct page) == 24, "0.6 % of memory");

/* Who holds pages: the rows of /proc/meminfo that free() shows. */
enum page_owner {
	PAGES_OTHER,
	PAGES_SLAB,
	PAGES_SKB,
	PAGES_FILE,
	PAGES_STACK,
	PAGES_DMA,
	NR_PAGE_OWNERS
};

/* A block of 2^order pages with one reference, physically contiguous and naturally aligned;
 * NULL when out of memory. */
struct page *alloc_pages_owner(unsigned order, unsigned gfp, enum page_owner owner);
#define alloc_pages(order, gfp) alloc_pages_owner(order, gfp, PAGES_OTHER)
#define alloc_page(gfp)         alloc_pages(0, gfp)
/* Give the block back whatever its references (the caller holds the only one). */
void free_pages(struct page *p, unsigned order);

/* Where the struct page of address 0 would be. [I] once memory is known */
extern uintptr_t mem_map_origin;

#define PG_TAIL 2u /* of struct page.flags: not the first page of an allocated block */

static inline void *page_address(const struct page *p)
{
	return (void *)(((uintptr_t)p - mem_map_origin) / sizeof(*p) << PAGE_SHIFT);
}

/* Page of an address inside the managed memory (any byte of it; the frame's own struct). */
static inline struct page *virt_to_page(const void *addr)
{
	return (struct page *)(mem_map_origin +
			       ((uintptr_t)addr >> PAGE_SHIFT) * sizeof(struct page));
}

/* Has addr a struct page? Memory that the allocator was never given (the image, boot modules) has:
 * such a page always keeps one reference, so get_page() and put_page() work and never free it. */
bool virt_addr_valid(const void *addr);
/* First page of the allocated block that addr lies in: holder of its reference count. */
static inline struct page *virt_to_head_page(const void *addr)
{
	struct page *p = virt_to_page(addr);

	if (p->flags & PG_TAIL) /* blocks are naturally aligned */
		p = virt_to_page((void *)((uintptr_t)addr & ~((PAGE_SIZE << p->order) - 1)));
	return p;
}

/* Frames that the allocator never had (the image, a boot module) get a reference of their own, so
 * that packets can refer to them; frames outside the managed memory are passed over. */
void page_hold_range(const void *start, size_t len);

static inline void get_page(struct page *p)
{
	refcount_inc(&p->refs);
}

/* The last reference of p is gone: free the block, or hand it to its page pool. */
void page_release(struct page *p);

/* Hold the block that addr lies in: its first page with one more reference, and in *left the bytes
 * from addr to its end. NULL where a reference does not keep the memory (slabs, stacks) or there is
 * none. Blocks of kmalloc() beyond a slab's sizes are kept: kfree() drops a reference like others.
 */
struct page *page_hold(const void *addr, size_t *left);

/* Drop a reference. */
static inline void put_page(struct page *p)
{
	if (refcount_dec_and_test(&p->refs))
		page_release(p);
}

/* Supplied by the page pools: take back p, whose last reference went. */
void page_pool_return(struct page *p);

/* Fragments: pieces of pages that many packets share, each holding a reference to its page.
 * Per-CPU; any context but hardirq. align is a power of two. Freed by
 * put_page(virt_to_head_page(frag)). */
void *page_frag_alloc(size_t size, size_t align, unsigned gfp);
static inline void page_frag_free(void *frag)
{
	put_page(virt_to_head_page(frag));
}
/* Give back the block that this CPU cuts fragments from (tests that count pages; shrinking). */
void page_frag_drain(void);

struct kmem_cache;

/* A cache of objects of one size. ctor (or NULL) runs once when an object's slab is made. With
 * SLAB_TYPESAFE_BY_RCU a freed object's memory stays an object of this type until a grace period.
 */
#define SLAB_HWCACHE_ALIGN   1u
#define SLAB_TYPESAFE_BY_RCU 2u
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, unsigned flags,
				     void (*ctor)(void *obj));
void kmem_cache_destroy(struct kmem_cache *c);
void *kmem_cache_alloc(struct kmem_cache *c, unsigned gfp);
void kmem_cache_free(struct kmem_cache *c, void *obj);
/* Several at once; returns how many were filled in. */
unsigned kmem_cache_alloc_bulk(struct kmem_cache *c, unsigned gfp, unsigned n, void **objs);
void kmem_cache_free_bulk(struct kmem_cache *c, unsigned n, void **objs);
/* Bytes an object of the cache really takes. */
size_t kmem_cache_size(const struct kmem_cache *c);

void *kmalloc(size_t size, unsigned gfp) __attribute__((malloc));
static inline void *kzalloc(size_t size, unsigned gfp)
{
	return kmalloc(size, gfp | GFP_ZERO);
}
void *kcalloc(size_t n, size_t size, unsigned gfp);
void *krealloc(void *p, size_t size, unsigned gfp);
void kfree(const void *p);
/* Usable size of a kmalloc() block. */
size_t ksize(const void *p);

/* Large, long-lived tables: pages, zeroed. */
void *kvzalloc(size_t size, unsigned gfp);
void kvfree(void *p, size_t size);

/* Accounting, in pages; read without locks. */
struct meminfo {
	u64 total, free, reserved;
	u64 owner[NR_PAGE_OWNERS];
	u64 slab_bytes_used; /* objects alive */
	u64 alloc_failed;    /* requests refused */
};
void meminfo_get(struct meminfo *mi);
/* Each slab cache: name, objects, object size, pages (for /proc/slabinfo). */
void kmem_cache_for_each(void (*fn)(const char *name, u64 objs, u64 total, size_t size, u64 pages,
				    void *arg),
			 void *arg);

/* Free memory below this many pages is low: callers may shrink caches. */
bool mem_is_low(void);

/* Shrinkers: called when an allocation would fail; they give back what they can spare. */
struct shrinker {
	struct list_head list;
	unsigned (*shrink)(struct shrinker *s); /* returns pages freed; any context */
};
void register_shrinker(struct shrinker *s);

/* Called by the home: the page array (of any content) covers [start, end) of addresses; then each
 * usable range, in ascending order; then the end. */
void page_alloc_init(uintptr_t start, uintptr_t end, void *mem_map);
void page_alloc_add_range(uintptr_t start, uintptr_t end);
void page_alloc_seal(void);
void slab_init(void);
/* From now on what lies idle in slab caches is given back after a while. Once timers run. */
void slab_reap_init(void);

/* Test knob: every n-th allocation fails (0: never), from seed; sysctl vm.fail_alloc. */
void mm_fail_every(unsigned n);

#endif
