/* SPDX-License-Identifier: MIT */
/*
 * Slab caches: objects of one size, cut from blocks of pages; and kmalloc() over caches of graded
 * sizes. In front of each cache every CPU has a magazine, a small stack of free objects, so that
 * most calls take no lock; it is filled and emptied by half at a time.
 *
 * What a slab needs to know lies in the struct page of its first page: how many objects are out
 * (magazines count as out), the first free object, and the links of the list of slabs that have
 * some free. A free object holds the number of the next one in its first bytes, or behind the
 * object where its content must stay (constructed, or type-safe under RCU).
 *
 * Invariants [cache lock]: a slab is in the partial list exactly when 0 <= in_use < objects; at
 * most KEEP_EMPTY slabs of a cache have in_use == 0. Debug builds put a red zone behind objects
 * and poison free ones. Interrupts are off while a magazine or a lock is held.
 *
 * What a burst leaves behind in magazines and empty slabs goes back to the page allocator
 * REAP_AFTER_NS later (slab_reap()); without frees there is no timer either.
 */
#include <kernel/handoff.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/percpu.h>
#include <kernel/rcu.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <kernel/timer.h>
#include <lib/assert.h>
#include <lib/bitops.h>
#include <lib/string.h>

#include "mm_int.h"

#define MAX_CACHES      96
#define MAX_SLAB_ORDER  3
#define KEEP_EMPTY      1u
#define MAGAZINE_MAX    32u
#define REAP_AFTER_NS   NSEC_PER_SEC
#define NO_OBJECT       0xffffu
#define NO_PAGE         (~0u)
#define LARGEST_KMALLOC 3072u /* beyond: whole pages */

#ifdef DEBUG
#define RED_ZONE 8u
#else
#define RED_ZONE 0u
#endif
#define RED_BYTE    0xbb
#define POISON_BYTE 0x6b

struct kmem_cache {
	const char *name; /* [I] all up to ctor; NULL: entry not in use */
	u16 id, objects;  /* in one slab */
	u32 size, stride, link_at;
	u8 order;
	u8 flags;
	u8 magazine; /* objects in one */
	void (*ctor)(void *obj);
	struct spinlock lock;
	u32 partial, empty; /* [lock] first of the list; slabs without objects out */
	u64 slabs, out;     /* [lock] objects out, magazines included */
};

struct magazine {
	u32 n;
	void *obj[MAGAZINE_MAX];
};

static struct kmem_cache caches[MAX_CACHES];
static DEFINE_SPINLOCK(caches_lock);
static DEFINE_PER_CPU(struct magazine *, magazines[MAX_CACHES]);
static struct kmem_cache *magazine_cache;

static const u16 kmalloc_size[] = {
	16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, LARGEST_KMALLOC};
static struct kmem_cache *kmalloc_cache[ARRAY_SIZE(kmalloc_size)];
/* Index into the above by (size - 1) / 16 up to 256, by (size - 1) / 256 beyond. */
static u8 kmalloc_small[16], kmalloc_big[LARGEST_KMALLOC / 256];

/* --- a slab ------------------------------------------------------------------------------- */

static void *object_at(const struct kmem_cache *c, const struct page *p, unsigned i)
{
	return (char *)page_address(p) + i * c->stride;
}

static u16 *object_link(const struct kmem_cache *c, void *obj)
{
	return (u16 *)(void *)((char *)obj + c->link_at);
}

static unsigned object_number(const struct kmem_cache *c, const struct page *p, const void *obj)
{
	return (unsigned)((const char *)obj - (const char *)page_address(p)) / c->stride;
}

static void partial_add(struct kmem_cache *c, struct page *p)
{
	p->slab.prev = NO_PAGE;
	p->slab.next = c->partial;
	if (c->partial != NO_PAGE)
		page_of_number(c->partial)->slab.prev = page_number(p);
	c->partial = page_number(p);
}

static void partial_remove(struct kmem_cache *c, struct page *p)
{
	if (p->slab.prev != NO_PAGE)
		page_of_number(p->slab.prev)->slab.next = p->slab.next;
	else
		c->partial = p->slab.next;
	if (p->slab.next != NO_PAGE)
		page_of_number(p->slab.next)->slab.prev = p->slab.prev;
}

#ifdef DEBUG
static bool poisons(const struct kmem_cache *c)
{
	return !c->ctor && !(c->flags & SLAB_TYPESAFE_BY_RCU);
}

static void debug_freed(const struct kmem_cache *c, void *obj)
{
	const char *red = (char *)obj + c->size;

	if (memchr_inv(red, RED_BYTE, RED_ZONE))
		panic("slab %s: written beyond the end of object %p", c->name, obj);
	if (poisons(c))
		memset(obj, POISON_BYTE, c->size);
}

static void debug_allocated(const struct kmem_cache *c, void *obj)
{
	if (poisons(c) && c->size > sizeof(u16) &&
	    memchr_inv((char *)obj + sizeof(u16), POISON_BYTE, c->size - sizeof(u16)))
		panic("slab %s: object %p was written after it was freed", c->name, obj);
}

static void debug_created(const struct kmem_cache *c, void *obj)
{
	memset((char *)obj + c->size, RED_BYTE, RED_ZONE);
	if (poisons(c))
		memset(obj, POISON_BYTE, c->size);
}
#else
static void debug_freed(const struct kmem_cache *c, void *obj)
{
}
static void debug_allocated(const struct kmem_cache *c, void *obj)
{
}
static void debug_created(const struct kmem_cache *c, void *obj)
{
}
#endif

static struct page *slab_create(struct kmem_cache *c, unsigned gfp)
{
	struct page *p = alloc_pages_owner(c->order, gfp & ~GFP_ZERO, PAGES_SLAB);

	if (!p)
		return NULL;
	p->flags = PG_SLAB;
	p->slab.cache_id = c->id;
	p->slab.in_use = 0;
	p->slab.first_free = 0;
	for (unsigned i = 0; i < c->objects; i++) {
		void *obj = object_at(c, p, i);

		debug_created(c, obj);
		if (c->ctor)
			c->ctor(obj);
		*object_link(c, obj) = i + 1u < c->objects ? (u16)(i + 1) : NO_OBJECT;
	}
	return p;
}

static void slab_destroy(struct page *p)
{
	p->flags = 0;
	p->pp = NULL;
	p->private = NULL;
	free_pages(p, p->order);
}

struct deferred_slab {
	struct rcu_head rcu;
	struct page *page;
};

static void deferred_slab_fn(struct rcu_head *head)
{
	struct deferred_slab *d = container_of(head, struct deferred_slab, rcu);

	slab_destroy(d->page);
	kfree(d);
}

/* An empty slab leaves its cache c; lock not held. */
static noinline void slab_release(struct kmem_cache *c, struct page *p)
{
	struct deferred_slab *d;
	irqflags_t flags;

	if (!(c->flags & SLAB_TYPESAFE_BY_RCU)) {
		slab_destroy(p);
		return;
	}
	d = kmalloc(sizeof(*d), GFP_ATOMIC);
	if (d) {
		d->page = p;
		call_rcu(&d->rcu, deferred_slab_fn);
		return;
	}
	spin_lock_irqsave(&c->lock, flags);
	partial_add(c, p);
	c->empty++;
	c->slabs++;
	spin_unlock_irqrestore(&c->lock, flags);
}

/* --- a cache, interrupts off ----------------------------------------------------------------- */

/* Take up to n objects out of slabs that have some; lock held. */
static unsigned take_objects(struct kmem_cache *c, unsigned n, void **objs)
{
	unsigned done = 0;

	while (done < n && c->partial != NO_PAGE) {
		struct page *p = page_of_number(c->partial);

		if (!p->slab.in_use)
			c->empty--;
		while (done < n && p->slab.first_free != NO_OBJECT) {
			void *obj = object_at(c, p, p->slab.first_free);

			p->slab.first_free = *object_link(c, obj);
			p->slab.in_use++;
			objs[done++] = obj;
		}
		if (p->slab.first_free == NO_OBJECT)
			partial_remove(c, p);
	}
	c->out += done;
	return done;
}

/* The same, making one more slab if there are none. */
static unsigned get_objects(struct kmem_cache *c, unsigned gfp, unsigned n, void **objs)
{
	struct page *p;
	unsigned done;

	spin_lock(&c->lock);
	done = take_objects(c, n, objs);
	spin_unlock(&c->lock);
	if (done)
		return done;
	p = slab_create(c, gfp);
	if (!p)
		return 0;
	spin_lock(&c->lock);
	partial_add(c, p);
	c->empty++;
	c->slabs++;
	done = take_objects(c, n, objs);
	spin_unlock(&c->lock);
	return done;
}

/* Give one object back; returns a slab that should go, or NULL. Lock held. */
static struct page *put_object(struct kmem_cache *c, void *obj)
{
	struct page *p = virt_to_head_page(obj);
	bool was_full = p->slab.first_free == NO_OBJECT;

	*object_link(c, obj) = p->slab.first_free;
	p->slab.first_free = (u16)object_number(c, p, obj);
	p->slab.in_use--;
	c->out--;
	if (was_full)
		partial_add(c, p);
	if (p->slab.in_use)
		return NULL;
	if (c->empty < KEEP_EMPTY) {
		c->empty++;
		return NULL;
	}
	partial_remove(c, p);
	c->slabs--;
	return p;
}

static void put_objects(struct kmem_cache *c, unsigned n, void **objs)
{
	struct page *gone[MAGAZINE_MAX];
	unsigned nr_gone = 0;

	DEBUG_ASSERT(n <= MAGAZINE_MAX);
	spin_lock(&c->lock);
	for (unsigned i = 0; i < n; i++) {
		struct page *p = put_object(c, objs[i]);

		if (p)
			gone[nr_gone++] = p;
	}
	spin_unlock(&c->lock);
	while (nr_gone)
		slab_release(c, gone[--nr_gone]);
}

/* This CPU's magazine, made if missing; NULL where there is no memory for one. */
static struct magazine *magazine_get(struct kmem_cache *c)
{
	struct magazine *m = this_cpu(magazines)[c->id];
	void *obj;

	if (m)
		return m;
	if (c == magazine_cache || !get_objects(magazine_cache, GFP_ATOMIC, 1, &obj))
		return NULL;
	m = obj;
	m->n = 0;
	this_cpu(magazines)[c->id] = m;
	return m;
}

static DEFINE_PER_CPU(struct timer, reap_timer);

/* This CPU returned objects that it has no use for: more than that will lie idle soon. */
static void reap_later(void)
{
	struct timer *t = &this_cpu(reap_timer);

	if (t->fn && !timer_pending(t))
		timer_mod(t, ktime_get_ns() + REAP_AFTER_NS);
}

/* --- public ----------------------------------------------------------------------------------- */

/* The magazine has nothing, or is not there yet. */
static noinline void *cache_refill(struct kmem_cache *c, unsigned gfp)
{
	struct magazine *m = magazine_get(c);
	void *obj = NULL;

	if (!m) {
		get_objects(c, gfp, 1, &obj);
		return obj;
	}
	handoff_count(slabs);
	m->n = get_objects(c, gfp, c->magazine / 2u, m->obj);
	return m->n ? m->obj[--m->n] : NULL;
}

static inline void *cache_alloc(struct kmem_cache *c, unsigned gfp)
{
	irqflags_t flags = local_irq_save();
	struct magazine *m = this_cpu(magazines)[c->id];
	void *obj = likely(m && m->n) ? m->obj[--m->n] : cache_refill(c, gfp);

	local_irq_restore(flags);
	return obj;
}

void *kmem_cache_alloc(struct kmem_cache *c, unsigned gfp)
{
	void *obj;

	if (mm_should_fail())
		return NULL;
	obj = cache_alloc(c, gfp);
	if (unlikely(!obj))
		return NULL;
	debug_allocated(c, obj);
	if (gfp & GFP_ZERO)
		memset(obj, 0, c->size);
	return obj;
}

/* The magazine is full, or is not there yet. */
static noinline void cache_drain(struct kmem_cache *c, void *obj)
{
	struct magazine *m = magazine_get(c);
	unsigned half = c->magazine / 2u;

	if (!m) {
		put_objects(c, 1, &obj);
		return;
	}
	if (m->n == c->magazine) {
		/* The ones that lay longest. */
		handoff_count(slabs);
		put_objects(c, half, m->obj);
		reap_later();
		m->n -= half;
		memmove(m->obj, m->obj + half, m->n * sizeof(m->obj[0]));
	}
	m->obj[m->n++] = obj;
}

static inline void cache_free(struct kmem_cache *c, void *obj)
{
	irqflags_t flags;
	struct magazine *m;

	debug_freed(c, obj);
	flags = local_irq_save();
	m = this_cpu(magazines)[c->id];
	if (likely(m && m->n < c->magazine))
		m->obj[m->n++] = obj;
	else
		cache_drain(c, obj);
	local_irq_restore(flags);
}

void kmem_cache_free(struct kmem_cache *c, void *obj)
{
	const struct page *p = virt_to_head_page(obj);

	ASSERT(p->flags == PG_SLAB && p->slab.cache_id == c->id);
	cache_free(c, obj);
}

unsigned kmem_cache_alloc_bulk(struct kmem_cache *c, unsigned gfp, unsigned n, void **objs)
{
	for (unsigned i = 0; i < n; i++) {
		objs[i] = kmem_cache_alloc(c, gfp);
		if (!objs[i])
			return i;
	}
	return n;
}

void kmem_cache_free_bulk(struct kmem_cache *c, unsigned n, void **objs)
{
	for (unsigned i = 0; i < n; i++)
		kmem_cache_free(c, objs[i]);
}

size_t kmem_cache_size(const struct kmem_cache *c)
{
	return c->stride;
}

/* --- making caches -------------------------------------------------------------------------- */

static unsigned objects_in(unsigned order, size_t stride)
{
	return (unsigned)((PAGE_SIZE << order) / stride);
}

/* The smallest block that wastes at most an eighth of itself, else the largest allowed. */
static unsigned best_order(size_t stride)
{
	for (unsigned order = 0; order < MAX_SLAB_ORDER; order++) {
		size_t block = PAGE_SIZE << order;

		if (block >= stride && block - objects_in(order, stride) * stride <= block / 8)
			return order;
	}
	return MAX_SLAB_ORDER;
}

static unsigned magazine_size(size_t stride)
{
	/* A socket is large, and made and ended as often as packets come. */
	unsigned n = stride <= 1024 ? MAGAZINE_MAX : stride <= 2048 ? MAGAZINE_MAX / 2 : 4;

	return mem_is_small() && n > 4 ? n / 2 : n;
}

static void cache_setup(struct kmem_cache *c, const char *name, size_t size, size_t align,
			unsigned flags, void (*ctor)(void *obj))
{
	bool link_behind = ctor || flags & SLAB_TYPESAFE_BY_RCU;
	size_t stride = size + RED_ZONE;

	if (flags & SLAB_HWCACHE_ALIGN)
		align = max(align, (size_t)CACHELINE_BYTES);
	align = max(align, (size_t)8);
	c->id = (u16)(c - caches);
	c->size = (u32)size;
	if (link_behind)
		stride = ALIGN(stride, sizeof(u16)) + sizeof(u16);
	c->link_at = link_behind ? (u32)(stride - sizeof(u16)) : 0;
	c->stride = (u32)ALIGN(stride, align);
	c->order = (u8)best_order(c->stride);
	c->objects = (u16)min(objects_in(c->order, c->stride), NO_OBJECT - 1);
	c->flags = (u8)flags;
	c->magazine = (u8)magazine_size(c->stride);
	c->ctor = ctor;
	spin_lock_init(&c->lock);
	c->partial = NO_PAGE;
	c->empty = 0;
	c->slabs = 0;
	c->out = 0;
	smp_store_release(&c->name, name);
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, unsigned flags,
				     void (*ctor)(void *obj))
{
	struct kmem_cache *c = NULL;
	irqflags_t irqs;

	if (!size || size > PAGE_SIZE << MAX_SLAB_ORDER || align > PAGE_SIZE)
		return NULL;
	spin_lock_irqsave(&caches_lock, irqs);
	for (unsigned i = 0; i < MAX_CACHES && !c; i++) {
		if (!caches[i].name)
			c = &caches[i];
	}
	if (c)
		cache_setup(c, name, size, align, flags, ctor);
	spin_unlock_irqrestore(&caches_lock, irqs);
	return c;
}

/* Empty every CPU's magazine of c: nobody uses c any more. */
static void magazines_discard(struct kmem_cache *c)
{
	for_each_cpu(cpu) {
		struct magazine **m = &per_cpu(magazines, cpu)[c->id];

		if (!*m)
			continue;
		put_objects(c, (*m)->n, (*m)->obj);
		cache_free(magazine_cache, *m);
		*m = NULL;
	}
}

void kmem_cache_destroy(struct kmem_cache *c)
{
	irqflags_t flags;

	if (!c)
		return;
	flags = local_irq_save();
	magazines_discard(c);
	local_irq_restore(flags);
	if (c->out) {
		pr_err("slab %s: destroyed with %llu objects alive", c->name, c->out);
		return;
	}
	while (c->partial != NO_PAGE) {
		struct page *p = page_of_number(c->partial);

		partial_remove(c, p);
		slab_destroy(p);
	}
	smp_store_release(&c->name, NULL);
}

/* Under memory pressure: this CPU's free objects go back, and with them slabs that become empty. */
static unsigned slab_shrink(struct shrinker *s)
{
	irqflags_t flags = local_irq_save();
	unsigned pages = 0;

	for (unsigned i = 0; i < MAX_CACHES; i++) {
		struct kmem_cache *c = &caches[i];
		struct magazine *m = this_cpu(magazines)[i];
		u64 before = c->slabs;

		if (!c->name || !m || spin_is_locked(&c->lock))
			continue;
		put_objects(c, m->n, m->obj);
		m->n = 0;
		if (c->slabs < before)
			pages += (unsigned)(before - c->slabs) << c->order;
	}
	local_irq_restore(flags);
	return pages;
}

/* A slab of c without objects out, which has left c's lists; NULL: none. Lock held. */
static struct page *take_empty(struct kmem_cache *c)
{
	u32 n = c->empty ? c->partial : NO_PAGE;

	while (n != NO_PAGE && page_of_number(n)->slab.in_use)
		n = page_of_number(n)->slab.next;
	if (n == NO_PAGE)
		return NULL;
	partial_remove(c, page_of_number(n));
	c->empty--;
	c->slabs--;
	return page_of_number(n);
}

/* Softirq: this CPU's magazines and the empty slabs go. Slabs keep no page for an idle cache. */
static void slab_reap(struct timer *t)
{
	for (unsigned i = 0; i < MAX_CACHES; i++) {
		struct kmem_cache *c = &caches[i];
		irqflags_t flags = local_irq_save();
		struct magazine *m = this_cpu(magazines)[i];
		struct page *p = NULL;

		if (c->name && m) {
			put_objects(c, m->n, m->obj);
			m->n = 0;
			spin_lock(&c->lock);
			p = take_empty(c);
			spin_unlock(&c->lock);
			if (p)
				slab_release(c, p);
		}
		local_irq_restore(flags);
	}
}

void slab_reap_init(void)
{
	for_each_cpu(cpu)
		timer_setup(&per_cpu(reap_timer, cpu), slab_reap);
}

/* --- kmalloc ---------------------------------------------------------------------------------- */

static struct kmem_cache *kmalloc_cache_for(size_t size)
{
	size_t i = size ? size - 1 : 0;

	return kmalloc_cache[i < 256 ? kmalloc_small[i / 16] : kmalloc_big[i / 256]];
}

static unsigned page_order(size_t size)
{
	return order_base_2(DIV_ROUND_UP(size, PAGE_SIZE));
}

void *kmalloc(size_t size, unsigned gfp)
{
	struct page *p;

	if (likely(size <= LARGEST_KMALLOC))
		return kmem_cache_alloc(kmalloc_cache_for(size), gfp);
	if (size > PAGE_SIZE << MAX_ORDER)
		return NULL;
	p = alloc_pages_owner(page_order(size), gfp, PAGES_SLAB);
	return p ? page_address(p) : NULL;
}

void kfree(const void *ptr)
{
	struct page *p;

	if (!ptr)
		return;
	p = virt_to_head_page(ptr);
	if (p->flags == PG_SLAB)
		cache_free(&caches[p->slab.cache_id], (void *)(uintptr_t)ptr);
	else
		put_page(p); /* packets may refer to it (page_hold()) */
}

size_t ksize(const void *ptr)
{
	const struct page *p = virt_to_head_page(ptr);

	return p->flags == PG_SLAB ? caches[p->slab.cache_id].size : PAGE_SIZE << p->order;
}

void *kcalloc(size_t n, size_t size, unsigned gfp)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return kzalloc(bytes, gfp);
}

void *krealloc(void *ptr, size_t size, unsigned gfp)
{
	void *copy;

	if (ptr && size <= ksize(ptr))
		return ptr;
	copy = kmalloc(size, gfp);
	if (copy && ptr) {
		memcpy(copy, ptr, ksize(ptr));
		kfree(ptr);
	}
	return copy;
}

/* --- accounting, start ------------------------------------------------------------------------ */

/* Objects of c in magazines. Other CPUs' counts may be a moment old. */
static u64 in_magazines(const struct kmem_cache *c)
{
	u64 n = 0;

	for_each_cpu(cpu) {
		const struct magazine *m = per_cpu(magazines, cpu)[c->id];

		if (m)
			n += READ_ONCE(m->n);
	}
	return n;
}

static u64 objects_alive(const struct kmem_cache *c)
{
	u64 out = READ_ONCE(c->out), idle = in_magazines(c);

	return out > idle ? out - idle : 0;
}

u64 slab_bytes_used(void)
{
	u64 bytes = 0;

	/* Magazines are ours, not the users': they come when a CPU first uses a cache. */
	for (unsigned i = 0; i < MAX_CACHES; i++) {
		if (READ_ONCE(caches[i].name) && &caches[i] != magazine_cache)
			bytes += objects_alive(&caches[i]) * caches[i].size;
	}
	return bytes;
}

void kmem_cache_for_each(void (*fn)(const char *name, u64 objs, u64 total, size_t size, u64 pages,
				    void *arg),
			 void *arg)
{
	for (unsigned i = 0; i < MAX_CACHES; i++) {
		const struct kmem_cache *c = &caches[i];

		if (READ_ONCE(c->name))
			fn(c->name, objects_alive(c), c->slabs * c->objects, c->size,
			   c->slabs << c->order, arg);
	}
}

static void kmalloc_table(u8 *index, unsigned entries, unsigned step)
{
	unsigned k = 0;

	for (unsigned i = 0; i < entries; i++) {
		while (kmalloc_size[k] < (i + 1) * step)
			k++;
		index[i] = (u8)k;
	}
}

void slab_init(void)
{
	static const char *const names[ARRAY_SIZE(kmalloc_size)] = {
		"kmalloc-16",  "kmalloc-32",   "kmalloc-48",   "kmalloc-64",   "kmalloc-96",
		"kmalloc-128", "kmalloc-192",  "kmalloc-256",  "kmalloc-384",  "kmalloc-512",
		"kmalloc-768", "kmalloc-1024", "kmalloc-1536", "kmalloc-2048", "kmalloc-3072"};
	static struct shrinker shrinker = {.shrink = slab_shrink};

	magazine_cache = kmem_cache_create("magazine", sizeof(struct magazine), 0, 0, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(kmalloc_size); i++)
		kmalloc_cache[i] = kmem_cache_create(names[i], kmalloc_size[i], 16, 0, NULL);
	kmalloc_table(kmalloc_small, ARRAY_SIZE(kmalloc_small), 16);
	kmalloc_table(kmalloc_big, ARRAY_SIZE(kmalloc_big), 256);
	register_shrinker(&shrinker);
}
