/* SPDX-License-Identifier: MIT */
/* Per-CPU storage made at run time: one zeroed, cache-line aligned piece for every online CPU. */
#include <kernel/mm.h>
#include <kernel/percpu.h>

/* The piece begins at an aligned address inside a larger block; the block's own address is kept
 * just before it. */
static void *piece_alloc(size_t size, size_t align)
{
	char *block = kzalloc(size + align + sizeof(void *), GFP_KERNEL);
	char *piece;

	if (!block)
		return NULL;
	piece = PTR_ALIGN(block + sizeof(void *), align);
	((void **)(void *)piece)[-1] = block;
	return piece;
}

struct percpu_area *alloc_percpu(size_t size, size_t align)
{
	struct percpu_area *area = kzalloc(sizeof(*area), GFP_KERNEL);

	if (!area)
		return NULL;
	if (align < CACHELINE_BYTES)
		align = CACHELINE_BYTES;
	for_each_cpu(cpu) {
		area->cpu[cpu] = piece_alloc(size, align);
		if (!area->cpu[cpu]) {
			free_percpu(area);
			return NULL;
		}
	}
	return area;
}

void free_percpu(struct percpu_area *area)
{
	if (!area)
		return;
	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
		if (area->cpu[cpu])
			kfree(((void **)area->cpu[cpu])[-1]);
	}
	kfree(area);
}
