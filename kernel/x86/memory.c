/* SPDX-License-Identifier: MIT */
/*
 * From the loader's memory map to the page allocator. Between the two, the free memory is a short
 * list of ranges: those that the map calls usable, less the first page, the image, the boot
 * modules and one page for starting the other CPUs. Page tables and the allocator's array are cut
 * from its upper end; the rest is handed over. Boot CPU only.
 */
#include "x86_int.h"

#include <kernel/bootinfo.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <lib/string.h>

#define MIN_USABLE_BYTES (3ull << 20)
#define LOW_LIMIT        0x100000ull
#define EARLY_LIMIT      (4ull << 30)
#define MAX_FREE         (BOOT_MAX_RANGES + BOOT_MAX_MODULES + 4)

static struct free_range {
	u64 start, end;
} free_range[MAX_FREE];
static unsigned nfree;
static u64 usable_bytes;
static bool handed_over;
u64 memory_trampoline;

/* No bug of ours, so without registers. */
static _Noreturn void too_little(void)
{
	panic_stop_cpus();
	printk(LOG_EMERG, "too little memory: %llu KiB are usable, at least %llu KiB are needed",
	       usable_bytes >> 10, MIN_USABLE_BYTES >> 10);
	panic_end();
}

static void drop_range(unsigned i)
{
	memmove(&free_range[i], &free_range[i + 1], (nfree - i - 1) * sizeof(free_range[0]));
	nfree--;
}

/* Take all pages that [start, end) touches off the list. */
static void reserve(u64 start, u64 end)
{
	start = ALIGN_DOWN(start, PAGE_SIZE);
	end = ALIGN(end, PAGE_SIZE);
	for (unsigned i = 0; i < nfree; i++) {
		struct free_range *r = &free_range[i];

		if (end <= r->start || r->end <= start)
			continue;
		if (start > r->start && end < r->end && nfree < MAX_FREE) {
			free_range[nfree++] = (struct free_range){end, r->end};
			r->end = start;
		} else if (start > r->start) {
			r->end = start;
		} else if (end < r->end) {
			r->start = end;
		} else {
			drop_range(i--);
		}
	}
}

static void collect(void)
{
	for (unsigned i = 0; i < bootinfo.nranges; i++) {
		const struct boot_range *r = &bootinfo.range[i];
		u64 start = ALIGN(r->start, PAGE_SIZE), end = ALIGN_DOWN(r->end, PAGE_SIZE);

		if (r->type != BOOT_MEM_USABLE || start >= end)
			continue;
		usable_bytes += end - start;
		free_range[nfree++] = (struct free_range){start, end};
	}
	reserve(0, PAGE_SIZE);
	reserve((uintptr_t)_image_start, (uintptr_t)_image_end);
	for (unsigned i = 0; i < bootinfo.nmodules; i++)
		reserve(bootinfo.module[i].start, bootinfo.module[i].end);
}

static void find_trampoline(void)
{
	for (unsigned i = 0; i < nfree; i++) {
		if (free_range[i].start + PAGE_SIZE > LOW_LIMIT)
			continue;
		memory_trampoline = free_range[i].start;
		reserve(memory_trampoline, memory_trampoline + PAGE_SIZE);
		return;
	}
}

/* The page is not writable once the page tables are loaded. */
static void fill_trampoline(void)
{
	if (memory_trampoline)
		memcpy((void *)(uintptr_t)memory_trampoline, trampoline_start,
		       (size_t)(trampoline_end - trampoline_start));
}

/* The highest free range below 4 GiB that has room. */
static struct free_range *find_room(size_t size)
{
	struct free_range *best = NULL;

	for (unsigned i = 0; i < nfree; i++) {
		struct free_range *r = &free_range[i];
		u64 end = min(r->end, EARLY_LIMIT);

		if (r->start < end && end - r->start >= size && (!best || r->start > best->start))
			best = r;
	}
	return best;
}

static void *take(size_t size)
{
	struct free_range *r;
	u64 end;

	BUG_ON(handed_over);
	size = ALIGN(size, PAGE_SIZE);
	r = find_room(size);
	if (!r)
		too_little();
	end = min(r->end, EARLY_LIMIT);
	reserve(end - size, end);
	return (void *)(uintptr_t)(end - size);
}

void *early_alloc(size_t size)
{
	return memset(take(size), 0, ALIGN(size, PAGE_SIZE));
}

static void sort_ranges(void)
{
	for (unsigned i = 1; i < nfree; i++) {
		struct free_range r = free_range[i];
		unsigned at = i;

		for (; at && free_range[at - 1].start > r.start; at--)
			free_range[at] = free_range[at - 1];
		free_range[at] = r;
	}
}

/* Give the pages to the allocator, whose array of struct page reaches to the end of memory. */
static void hand_over(void)
{
	u64 end = 0;

	for (unsigned i = 0; i < bootinfo.nranges; i++)
		if (bootinfo.range[i].type == BOOT_MEM_USABLE)
			end = max(end, ALIGN_DOWN(bootinfo.range[i].end, PAGE_SIZE));
	page_alloc_init(0, end, take(end / PAGE_SIZE * sizeof(struct page)));
	handed_over = true;
	if (nfree < MAX_FREE)
		free_range[nfree++] =
			(struct free_range){(uintptr_t)_boot_bss_start, (uintptr_t)_boot_bss_end};
	sort_ranges();
	for (unsigned i = 0; i < nfree; i++)
		page_alloc_add_range(free_range[i].start, free_range[i].end);
	page_alloc_seal();
	paging_allocator_ready();
}

static void log_map(void)
{
	static const char *const names[] = {
		[BOOT_MEM_USABLE] = "usable", [BOOT_MEM_RESERVED] = "reserved",
		[BOOT_MEM_ACPI] = "ACPI",     [BOOT_MEM_NVS] = "ACPI NVS",
		[BOOT_MEM_BAD] = "bad",
	};

	for (unsigned i = 0; i < bootinfo.nranges; i++)
		pr_debug("memory: %012llx-%012llx %s\n", bootinfo.range[i].start,
			 bootinfo.range[i].end - 1, names[bootinfo.range[i].type]);
}

void memory_init(void)
{
	log_map();
	collect();
	if (usable_bytes < MIN_USABLE_BYTES)
		too_little();
	find_trampoline();
	fill_trampoline();
	paging_init();
	for (unsigned i = 0; i < bootinfo.nranges; i++) {
		const struct boot_range *r = &bootinfo.range[i];
		u64 start = max(ALIGN(r->start, PAGE_SIZE), (u64)PAGE_SIZE);
		u64 end = ALIGN_DOWN(r->end, PAGE_SIZE);

		if (r->type == BOOT_MEM_USABLE && start < end &&
		    paging_map(start, start, end - start, PROT_RW) < 0)
			too_little();
	}
	paging_load();
	hand_over();
	pr_info("memory: %llu KiB usable, image %llu KiB\n", usable_bytes >> 10,
		(u64)(_image_end - _image_start) >> 10);
}
