/* SPDX-License-Identifier: MIT */
/*
 * Hooks of the page allocator: the hosted home has the address sanitizer watch free pages.
 */
#ifndef HOME_MM_H
#define HOME_MM_H

#include <lib/types.h>

/* [addr, addr + size) was freed, or is about to be handed out. */
void home_pages_freed(void *addr, size_t size);
void home_pages_allocated(void *addr, size_t size);

#endif
