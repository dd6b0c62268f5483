/* SPDX-License-Identifier: MIT */
/*
 * Memory that devices read and write: whole pages, as the address of a page is the same for the
 * CPU and for a device, and caches are coherent on every machine we run on.
 */
#include <kernel/io.h>
#include <kernel/mm.h>
#include <lib/string.h>

static unsigned order_of(size_t size)
{
	unsigned order = 0;

	while (order < MAX_ORDER && (PAGE_SIZE << order) < size)
		order++;
	return order;
}

void *dma_alloc_coherent(size_t size, dma_addr_t *dma)
{
	unsigned order = order_of(size);
	struct page *p;

	if (!size || (PAGE_SIZE << order) < size)
		return NULL;
	p = alloc_pages_owner(order, GFP_ZERO, PAGES_DMA);
	if (!p)
		return NULL;
	*dma = virt_to_dma(page_address(p));
	return page_address(p);
}

void dma_free_coherent(size_t size, void *p)
{
	if (p)
		free_pages(virt_to_page(p), order_of(size));
}
