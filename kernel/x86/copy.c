/* SPDX-License-Identifier: MIT */
/*
 * Long copies by vectors: 32 bytes where the CPU has AVX, else the 16 of SSE2, which every x86-64
 * CPU has. All else is compiled for general registers, so nobody saves vector registers and nobody
 * needs to: one copy at a time uses those of a CPU, and whoever interrupts or preempts it meanwhile
 * copies by words. `rep movsb` is no alternative: it is fast on some CPUs and a byte at a time in
 * emulators.
 */
#include <home/copy.h>
#include <kernel/percpu.h>
#include <lib/compiler.h>

#include "copy_blocks.h"
#include "x86_int.h"

static DEFINE_PER_CPU(u32, vectors_busy);

/* n >= COPY_BLOCK_SSE2. What is left behind whole blocks is a block that overlaps the last. */
static void copy_blocks(u8 *dst, const u8 *src, size_t n)
{
	size_t done = 0;

	if (likely(cpu_features.avx) && n >= COPY_BLOCK_AVX) {
		copy_blocks_avx(dst, src, n / COPY_BLOCK_AVX);
		done = ALIGN_DOWN(n, COPY_BLOCK_AVX);
	}
	if (n - done >= COPY_BLOCK_SSE2) {
		copy_blocks_sse2(dst + done, src + done, (n - done) / COPY_BLOCK_SSE2);
		done = ALIGN_DOWN(n, COPY_BLOCK_SSE2);
	}
	if (n - done)
		copy_blocks_sse2(dst + n - COPY_BLOCK_SSE2, src + n - COPY_BLOCK_SSE2, 1);
}

/* The loops lie in one page: an emulator searches for the next turn of one that leaves its page. */
__aligned(512) void copy_vectors(void *dst, const void *src, size_t n)
{
	u8 taken;

	/* One instruction: an interrupt comes before or after it, and leaves the bit as it found
	 * it. */
	__asm__ volatile("btsl $0, %%gs:%c1\n\tsetc %0"
			 : "=q"(taken)
			 : "i"(&vectors_busy)
			 : "memory", "cc");
	if (unlikely(taken || n < COPY_BLOCK_SSE2)) {
		memcpy(dst, src, n);
		if (taken)
			return;
	} else {
		copy_blocks(dst, src, n);
	}
	barrier();
	__asm__ volatile("movl $0, %%gs:%c0" ::"i"(&vectors_busy) : "memory");
}
