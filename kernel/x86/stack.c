/* SPDX-License-Identifier: MIT */
/*
 * Kernel stacks, in an area of addresses of their own: each lies at the upper end of a slot whose
 * lower half is never mapped, so that running out of stack is a fault and not a corruption. A few
 * free stacks stay mapped for the next threads; of the others the pages go back at once, and the
 * slot only after all CPUs forgot its mapping. Thread context.
 */
#include "x86_int.h"

#include <kernel/mm.h>
#include <kernel/spinlock.h>
#include <lib/string.h>

#define AREA_START 0xffff800000000000ull
#define SLOT_BYTES (2 * STACK_BYTES)
#define MAX_SLOTS  4096u
#define AREA_END   (AREA_START + MAX_SLOTS * SLOT_BYTES)
#define MAX_CACHED 8u
#define MAX_DIRTY  64u
#define MAP_WORDS  (MAX_SLOTS / 64)

static struct {
	struct spinlock lock;
	u64 used[MAP_WORDS];  /* mapped, or being mapped */
	u64 dirty[MAP_WORDS]; /* unmapped, but CPUs may remember */
	unsigned ndirty, ncached;
	void *cached[MAX_CACHED];
} stacks = {.lock = SPINLOCK_INIT(stacks)};

static u64 slot_stack(unsigned slot)
{
	return AREA_START + slot * SLOT_BYTES + SLOT_BYTES - STACK_BYTES;
}

bool kstack_is_guard(u64 addr)
{
	return addr >= AREA_START && addr < AREA_END &&
	       (addr - AREA_START) % SLOT_BYTES < SLOT_BYTES - STACK_BYTES;
}

/* A slot that no CPU remembers, now marked used; -1 for none. */
static int take_slot(void)
{
	int slot = -1;

	spin_lock(&stacks.lock);
	for (unsigned w = 0; w < MAP_WORDS && slot < 0; w++) {
		u64 free = ~(stacks.used[w] | stacks.dirty[w]);

		if (free) {
			slot = (int)(w * 64) + __builtin_ctzll(free);
			stacks.used[w] |= 1ull << (slot % 64);
		}
	}
	spin_unlock(&stacks.lock);
	return slot;
}

/* Make dirty slots clean. Only those that were dirty before the flush. */
static void clean_slots(void)
{
	u64 was[MAP_WORDS];

	spin_lock(&stacks.lock);
	memcpy(was, stacks.dirty, sizeof(was));
	spin_unlock(&stacks.lock);
	smp_flush_tlb();
	spin_lock(&stacks.lock);
	stacks.ndirty = 0;
	for (unsigned w = 0; w < MAP_WORDS; w++) {
		stacks.dirty[w] &= ~was[w];
		stacks.ndirty += (unsigned)__builtin_popcountll(stacks.dirty[w]);
	}
	spin_unlock(&stacks.lock);
}

static void unmap_slot(unsigned slot)
{
	u64 stack = slot_stack(slot);

	for (u64 off = 0; off < STACK_BYTES; off += PAGE_SIZE) {
		u64 phys = paging_unmap_page(stack + off);

		if (phys)
			free_pages(virt_to_page((void *)(uintptr_t)phys), 0);
	}
	spin_lock(&stacks.lock);
	stacks.used[slot / 64] &= ~(1ull << (slot % 64));
	stacks.dirty[slot / 64] |= 1ull << (slot % 64);
	stacks.ndirty++;
	spin_unlock(&stacks.lock);
}

static bool map_slot(unsigned slot)
{
	u64 stack = slot_stack(slot);

	for (u64 off = 0; off < STACK_BYTES; off += PAGE_SIZE) {
		struct page *p = alloc_pages_owner(0, GFP_KERNEL, PAGES_STACK);

		if (!p)
			return false;
		if (paging_map(stack + off, (uintptr_t)page_address(p), PAGE_SIZE, PROT_RW) < 0) {
			free_pages(p, 0);
			return false;
		}
	}
	return true;
}

static void *take_cached(void)
{
	void *stack = NULL;

	spin_lock(&stacks.lock);
	if (stacks.ncached)
		stack = stacks.cached[--stacks.ncached];
	spin_unlock(&stacks.lock);
	return stack;
}

void *kstack_alloc(void)
{
	void *stack = take_cached();
	int slot;

	if (stack)
		return stack;
	if (READ_ONCE(stacks.ndirty) >= MAX_DIRTY)
		clean_slots();
	slot = take_slot();
	if (slot < 0)
		return NULL;
	if (!map_slot((unsigned)slot)) {
		unmap_slot((unsigned)slot);
		return NULL;
	}
	return (void *)(uintptr_t)slot_stack((unsigned)slot);
}

void kstack_free(void *stack)
{
	bool kept = false;

	spin_lock(&stacks.lock);
	if (stacks.ncached < MAX_CACHED) {
		stacks.cached[stacks.ncached++] = stack;
		kept = true;
	}
	spin_unlock(&stacks.lock);
	if (!kept)
		unmap_slot((unsigned)(((uintptr_t)stack - AREA_START) / SLOT_BYTES));
}
