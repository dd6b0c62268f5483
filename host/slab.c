/* SPDX-License-Identifier: MIT */
/*
 * Slab caches and kmalloc() of the hosted home: every object is one of malloc()'s, so that the
 * address sanitizer sees each overrun and each use after the end. Takes the place of
 * kernel/mm/slab.c, which is tested on its own.
 */
#include <kernel/mm.h>
#include <kernel/rcu.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_int.h"
#include "kernel/mm/mm_int.h"

struct kmem_cache {
	struct list_head list;
	const char *name;
	size_t size, align;
	unsigned flags;
	void (*ctor)(void *obj);
	u64 alive;
};

static LIST_HEAD(caches);
static u64 bytes_used;

u64 slab_bytes_used(void)
{
	return bytes_used;
}

static void *object_alloc(size_t size, size_t align, unsigned gfp)
{
	void *p;

	if (mm_should_fail())
		return NULL;
	if (align < 16)
		align = 16;
	/* One byte more for size 0, whose address must be unique. */
	if (posix_memalign(&p, align, size ? size : 1)) {
		mm_count_failure();
		return NULL;
	}
	bytes_used += malloc_usable_size(p);
	if (gfp & GFP_ZERO)
		memset(p, 0, size);
#ifdef DEBUG
	else
		memset(p, 0xa5, size);
#endif
	return p;
}

static void object_free(void *p)
{
	bytes_used -= malloc_usable_size(p);
	free(p);
}

void slab_init(void)
{
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, unsigned flags,
				     void (*ctor)(void *obj))
{
	struct kmem_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->name = name;
	c->size = size;
	c->align = flags & SLAB_HWCACHE_ALIGN ? max(align, (size_t)64) : align;
	c->flags = flags;
	c->ctor = ctor;
	list_add_tail(&c->list, &caches);
	return c;
}

void kmem_cache_destroy(struct kmem_cache *c)
{
	if (!c)
		return;
	if (c->alive)
		host_die("cache %s is destroyed with %llu objects alive", c->name, c->alive);
	list_del(&c->list);
	free(c);
}

void *kmem_cache_alloc(struct kmem_cache *c, unsigned gfp)
{
	void *p = object_alloc(c->size, c->align, gfp);

	if (!p)
		return NULL;
	c->alive++;
	if (c->ctor)
		c->ctor(p);
	return p;
}

struct deferred_free {
	struct rcu_head rcu;
	void *obj;
};

static void deferred_free_fn(struct rcu_head *head)
{
	struct deferred_free *d = container_of(head, struct deferred_free, rcu);

	object_free(d->obj);
	free(d);
}

void kmem_cache_free(struct kmem_cache *c, void *obj)
{
	c->alive--;
	if (c->flags & SLAB_TYPESAFE_BY_RCU) {
		struct deferred_free *d = malloc(sizeof(*d));

		d->obj = obj;
		call_rcu(&d->rcu, deferred_free_fn);
		return;
	}
	object_free(obj);
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
	return ALIGN(c->size, max(c->align, (size_t)16));
}

void kmem_cache_for_each(void (*fn)(const char *name, u64 objs, u64 total, size_t size, u64 pages,
				    void *arg),
			 void *arg)
{
	struct kmem_cache *c;

	list_for_each_entry(c, &caches, list)
		fn(c->name, c->alive, c->alive, c->size,
		   DIV_ROUND_UP(c->alive * c->size, PAGE_SIZE), arg);
}

void *kmalloc(size_t size, unsigned gfp)
{
	return object_alloc(size, 16, gfp);
}

void *kcalloc(size_t n, size_t size, unsigned gfp)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return kzalloc(bytes, gfp);
}

void *krealloc(void *p, size_t size, unsigned gfp)
{
	void *q = kmalloc(size, gfp);

	if (q && p) {
		memcpy(q, p, min(size, malloc_usable_size(p)));
		object_free(p);
	}
	return q;
}

void kfree(const void *p)
{
	if (p)
		object_free((void *)(uintptr_t)p);
}

size_t ksize(const void *p)
{
	return malloc_usable_size((void *)(uintptr_t)p);
}
