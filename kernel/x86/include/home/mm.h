/* SPDX-License-Identifier: MIT */
/* Hooks of the page allocator: nothing watches free pages on bare metal. */
#ifndef HOME_MM_H
#define HOME_MM_H

#include <lib/types.h>

static inline void home_pages_freed(void *addr, size_t size)
{
}

static inline void home_pages_allocated(void *addr, size_t size)
{
}

#endif
