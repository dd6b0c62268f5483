/* SPDX-License-Identifier: MIT */
/*
 * Page fragments: pieces cut from a block of pages that each CPU keeps, for packet heads. Every
 * piece holds a reference to the block; the CPU holds one more while it cuts. A block whose
 * pieces all came back by the time it is used up is cut again instead of being freed.
 */
#include <home/irqflags.h>
#include <kernel/mm.h>
#include <kernel/percpu.h>

#define FRAG_ORDER 3 /* 32 KiB; single pages when memory is low */

struct frag_block {
	struct page *page;
	size_t used, size;
};

static DEFINE_PER_CPU(struct frag_block, frag_block);

static bool block_refill(struct frag_block *b, size_t size, unsigned gfp)
{
	unsigned order = mem_is_low() ? 0 : FRAG_ORDER;

	if (b->page && refcount_read(&b->page->refs) == 1 && size <= b->size) {
		b->used = 0;
		return true;
	}
	if (b->page)
		put_page(b->page);
	b->page = alloc_pages_owner(order, gfp, PAGES_SKB);
	if (!b->page && order) {
		order = 0;
		b->page = alloc_pages_owner(order, gfp, PAGES_SKB);
	}
	b->used = 0;
	b->size = b->page ? PAGE_SIZE << order : 0;
	return b->page;
}

/* Too large to share a block. */
static void *frag_of_its_own(size_t size, unsigned gfp)
{
	unsigned order = 0;
	struct page *p;

	while (PAGE_SIZE << order < size)
		order++;
	p = alloc_pages_owner(order, gfp, PAGES_SKB);
	return p ? page_address(p) : NULL;
}

void *page_frag_alloc(size_t size, size_t align, unsigned gfp)
{
	irqflags_t flags;
	struct frag_block *b;
	void *frag = NULL;
	size_t at;

	if (size > PAGE_SIZE)
		return frag_of_its_own(size, gfp);
	flags = local_irq_save();
	b = &this_cpu(frag_block);
	at = ALIGN(b->used, align);
	if (at + size > b->size) {
		if (!block_refill(b, size, gfp & ~GFP_ZERO))
			goto out;
		at = 0;
	}
	get_page(b->page);
	frag = (char *)page_address(b->page) + at;
	b->used = at + size;
out:
	local_irq_restore(flags);
	if (frag && gfp & GFP_ZERO)
		__builtin_memset(frag, 0, size);
	return frag;
}

void page_frag_drain(void)
{
	irqflags_t flags = local_irq_save();
	struct frag_block *b = &this_cpu(frag_block);

	if (b->page)
		put_page(b->page);
	*b = (struct frag_block){.page = NULL};
	local_irq_restore(flags);
}
