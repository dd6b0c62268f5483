/* SPDX-License-Identifier: MIT */
/* Between the allocators only: accounting and the fault injection that they share. */
#ifndef KERNEL_MM_INT_H
#define KERNEL_MM_INT_H

#include <kernel/mm.h>

/* Bytes in objects alive; supplied by the slab allocator. */
u64 slab_bytes_used(void);

/* Is it this request's turn to fail, for a test? Counts it as a failure if so. */
bool mm_should_fail(void);

/* A request could not be served. */
void mm_count_failure(void);

#endif
