/* SPDX-License-Identifier: MIT */
/*
 * The page tables, one set for all CPUs. Memory and devices are mapped where they are; code is
 * read-only, all else is not executable, the first page and everything that nobody asked for is
 * not mapped. Mappings are added at run time (devices, firmware tables, stacks) under a lock;
 * adding one needs no flush, as CPUs do not remember absent entries. Intel SDM volume 3A, 4.5.
 */
#include "x86_int.h"

#include <errno.h>
#include <kernel/acpi.h>
#include <kernel/io.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/spinlock.h>
#include <lib/string.h>

#define TABLE_ENTRIES 512u
#define IDENTITY_END  (1ull << 47)
#define BDA_START     0x400u
#define BDA_BYTES     0x100u

u64 kernel_pml4[TABLE_ENTRIES] __aligned(4096);

static DEFINE_SPINLOCK(paging_lock);
static bool allocator_ready;

/* The BIOS data area lies in the page that is not mapped: the copy serves those who look in it. */
static u8 bios_data[BDA_BYTES];

/* log2 of what an entry of a table of that level covers; level 3 is the root. */
static unsigned level_shift(unsigned level)
{
	return PAGE_SHIFT + 9 * level;
}

static unsigned level_index(u64 virt, unsigned level)
{
	return virt >> level_shift(level) & (TABLE_ENTRIES - 1);
}

static u64 *table_of(u64 entry)
{
	return (u64 *)(uintptr_t)(entry & PTE_ADDR);
}

static u64 *new_table(void)
{
	struct page *p;

	if (!allocator_ready)
		return early_alloc(PAGE_SIZE);
	p = alloc_page(GFP_ZERO);
	return p ? page_address(p) : NULL;
}

/* The largest level whose entry can map virt to phys within size bytes. */
static unsigned best_level(u64 virt, u64 phys, u64 size)
{
	for (unsigned level = cpu_features.gb_pages ? 2 : 1; level; level--) {
		u64 bytes = 1ull << level_shift(level);

		if (size >= bytes && IS_ALIGNED(virt | phys, bytes))
			return level;
	}
	return 0;
}

/* The entry for virt in a table of level `want`; tables on the way are made. It is instead a
 * higher, large entry where one covers virt: *level says which. NULL: out of memory. */
static u64 *walk_make(u64 virt, unsigned want, unsigned *level)
{
	u64 *table = kernel_pml4;

	for (*level = 3;; --*level) {
		u64 *entry = &table[level_index(virt, *level)];

		if (*level == want || (*entry & PTE_LARGE))
			return entry;
		if (!(*entry & PTE_PRESENT)) {
			u64 *next = new_table();

			if (!next)
				return NULL;
			*entry = (uintptr_t)next | PTE_PRESENT | PTE_WRITE;
		}
		table = table_of(*entry);
	}
}

static int map_locked(u64 virt, u64 phys, u64 size, u64 prot)
{
	while (size) {
		unsigned level, want = best_level(virt, phys, size);
		u64 *entry = walk_make(virt, want, &level);
		u64 step;

		if (!entry)
			return -ENOMEM;
		if (level && level == want && (*entry & PTE_PRESENT) && !(*entry & PTE_LARGE)) {
			/* Smaller pages exist inside: fill in around them. */
			int err = 0;

			step = 1ull << level_shift(level);
			for (u64 off = 0; off < step && !err; off += step / TABLE_ENTRIES)
				err = map_locked(virt + off, phys + off, step / TABLE_ENTRIES,
						 prot);
			if (err)
				return err;
		} else {
			if (!(*entry & PTE_PRESENT))
				*entry = phys | prot | (level ? PTE_LARGE : 0);
			step = (1ull << level_shift(level)) -
			       (virt & ((1ull << level_shift(level)) - 1));
		}
		step = min(step, size);
		virt += step;
		phys += step;
		size -= step;
	}
	return 0;
}

int paging_map(u64 virt, u64 phys, u64 size, u64 prot)
{
	irqflags_t flags;
	int err;

	spin_lock_irqsave(&paging_lock, flags);
	err = map_locked(virt, phys, size, prot);
	spin_unlock_irqrestore(&paging_lock, flags);
	return err;
}

/* The entry that maps virt in the tables in use, or NULL. */
static u64 *walk(u64 virt, unsigned *level)
{
	u64 *table = table_of(read_cr3());

	for (*level = 3;; --*level) {
		u64 *entry = &table[level_index(virt, *level)];

		if (!(*entry & PTE_PRESENT))
			return NULL;
		if (!*level || (*entry & PTE_LARGE))
			return entry;
		table = table_of(*entry);
	}
}

u64 paging_unmap_page(u64 virt)
{
	irqflags_t flags;
	unsigned level;
	u64 *entry, phys = 0;

	spin_lock_irqsave(&paging_lock, flags);
	entry = walk(virt, &level);
	if (entry && !level) {
		phys = *entry & PTE_ADDR;
		*entry = 0;
		invlpg(virt);
	}
	spin_unlock_irqrestore(&paging_lock, flags);
	return phys;
}

bool paging_is_mapped(u64 virt)
{
	unsigned level;

	if ((u64)((s64)(virt << 16) >> 16) != virt)
		return false;
	return walk(virt, &level) != NULL;
}

static void map_image_part(const char *start, const char *end, u64 prot)
{
	paging_map((uintptr_t)start, (uintptr_t)start, ALIGN((u64)(end - start), PAGE_SIZE), prot);
}

void paging_init(void)
{
	const void *bda = (const void *)(uintptr_t)BDA_START;

	OPTIMIZER_HIDE_VAR(bda); /* which takes a number for a pointer to nothing */
	memcpy(bios_data, bda, BDA_BYTES);
	map_image_part(_text_start, _rodata_start, PROT_RX);
	map_image_part(_rodata_start, _data_start, PROT_RO);
	map_image_part(_data_start, _image_end, PROT_RW);
	if (memory_trampoline)
		paging_map(memory_trampoline, memory_trampoline, PAGE_SIZE, PROT_RX);
}

void paging_load(void)
{
	write_cr3((uintptr_t)kernel_pml4);
}

void paging_allocator_ready(void)
{
	allocator_ready = true;
}

static void *map_identity(u64 phys, u64 size, u64 prot)
{
	u64 start = ALIGN_DOWN(phys, PAGE_SIZE), end = ALIGN(phys + size, PAGE_SIZE);

	if (!size || phys < PAGE_SIZE || end < phys || end > IDENTITY_END)
		return NULL;
	if (paging_map(start, start, end - start, prot) < 0)
		return NULL;
	return (void *)(uintptr_t)phys;
}

void *ioremap(u64 phys, size_t size)
{
	return map_identity(phys, size, PROT_DEVICE);
}

/* An address has one mapping, which several drivers can share a page of: it stays. */
void iounmap(void *addr, size_t size)
{
}

const void *acpi_os_map(u64 phys, size_t len)
{
	if (phys >= BDA_START && phys + len <= BDA_START + BDA_BYTES)
		return bios_data + (phys - BDA_START);
	return map_identity(phys, len, PROT_RO);
}
