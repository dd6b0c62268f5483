/* SPDX-License-Identifier: MIT */
/*
 * Memory of the hosted home: an arena for the page allocator, whose free pages the address
 * sanitizer watches. A root file system archive lies at its end, in pages that are never free.
 */
#include <home/mm.h>
#include <kernel/mm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host/host_int.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#else
#define __asan_poison_memory_region(p, size)   ((void)(p))
#define __asan_unpoison_memory_region(p, size) ((void)(p))
#define __lsan_register_root_region(p, size)   ((void)(p))
#endif

#define ARENA_BYTES   (64ul << 20)
#define ARCHIVE_BYTES (256ul << 20) /* address space kept for archives, used as needed */
#define BLOCK_BYTES   (PAGE_SIZE << MAX_ORDER)

static char *arena;
static size_t arena_bytes, archive_used;

static void arena_map(void)
{
	size_t size;
	char *p;

	arena_bytes = host_conf.mem_bytes ? host_conf.mem_bytes : ARENA_BYTES;
	size = ALIGN(arena_bytes, BLOCK_BYTES) + ARCHIVE_BYTES + BLOCK_BYTES;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	if (p == MAP_FAILED)
		host_die("no address space for the arena");
	arena = PTR_ALIGN(p, BLOCK_BYTES);
}

static char *archive_base(void)
{
	return arena + ALIGN(arena_bytes, BLOCK_BYTES);
}

void *host_archive_load(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	char *to;

	if (!f)
		return NULL;
	if (!arena)
		arena_map();
	to = archive_base() + archive_used;
	*len = fread(to, 1, ARCHIVE_BYTES - archive_used, f);
	if (!feof(f) || ferror(f))
		to = NULL;
	else
		archive_used += ALIGN(*len, PAGE_SIZE);
	fclose(f);
	return to;
}

/* Full of what looks like free blocks, as memory after a reset may be: none of it must be read
 * before the allocator wrote it. */
static struct page *host_page_map(size_t pages)
{
	struct page *map = malloc(pages * sizeof(*map));

	return map ? memset(map, 1, pages * sizeof(*map)) : NULL;
}

void host_mm_init(void)
{
	size_t pages;

	if (!arena)
		arena_map();
	pages = (size_t)(archive_base() - arena + ARCHIVE_BYTES) / PAGE_SIZE;
	page_alloc_init((uintptr_t)arena, (uintptr_t)arena + pages * PAGE_SIZE,
			host_page_map(pages));
	page_alloc_add_range((uintptr_t)arena, (uintptr_t)arena + arena_bytes);
	page_alloc_seal();
	/* Tables in pages point to objects of malloc(). */
	__lsan_register_root_region(arena, arena_bytes);
}

void home_pages_freed(void *addr, size_t size)
{
	__asan_poison_memory_region(addr, size);
}

void home_pages_allocated(void *addr, size_t size)
{
	__asan_unpoison_memory_region(addr, size);
#ifdef DEBUG
	/* As found on bare metal: anything but zeros. */
	memset(addr, 0xa5, size < PAGE_SIZE ? size : PAGE_SIZE);
#endif
}

u64 host_memory_in_use(void)
{
	struct meminfo mi;

	host_run_idle(0);
	for (unsigned cpu = 0; cpu < host_nr_cpus; cpu++) {
		unsigned was_cpu = host_cpu;

		host_cpu = cpu;
		page_frag_drain();
		host_cpu = was_cpu;
	}
	meminfo_get(&mi);
	return mi.slab_bytes_used + (mi.total - mi.free) * PAGE_SIZE;
}
