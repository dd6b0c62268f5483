/* SPDX-License-Identifier: MIT */
/* Between the allocators only: accounting and the fault injection that they share. */
#ifndef KERNEL_MM_INT_H
#define KERNEL_MM_INT_H

#include <kernel/mm.h>

/* struct page.flags, beside PG_TAIL */
#define PG_FREE   1u  /* first page of a block in a free list */
#define PG_CACHED 4u  /* in a CPU's stack */
#define PG_ABSENT 8u  /* a hole, or reserved memory */
#define PG_SLAB   16u /* first page of a slab */

/* Number of a page that has a struct page, and back. */
u32 page_number(const struct page *p);
struct page *page_of_number(u32 number);

/* Is memory so small that stocks kept for speed should be small too? */
bool mem_is_small(void);

/* Bytes in objects alive; supplied by the slab allocator. */
u64 slab_bytes_used(void);

/* Of how many requests one is to fail, for a test; 0: none. */
extern unsigned mm_fail_one_of;
/* Is it this request's turn? Counts it as a failure if so. */
bool mm_fail_turn(void);
static inline bool mm_should_fail(void)
{
	return unlikely(mm_fail_one_of) && mm_fail_turn();
}

/* A request could not be served. */
void mm_count_failure(void);

#endif
