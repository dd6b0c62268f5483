/* SPDX-License-Identifier: MIT */
/*
 * Long copies by SSE2, which every x86-64 CPU has. All else is compiled for general registers, so
 * nobody saves vector registers and nobody needs to: one copy at a time uses those of a CPU, and
 * whoever interrupts or preempts it meanwhile copies by words. `rep movsb` is no alternative: it is
 * fast on some CPUs and a byte at a time in emulators.
 */
#include <home/copy.h>
#include <kernel/percpu.h>
#include <lib/compiler.h>

#define BLOCK 128u

static DEFINE_PER_CPU(u32, vectors_busy);

/* Blocks of 128 bytes, n of them. The compiler knows no vector registers, so none is named as
 * clobbered. */
static void copy_blocks(u8 *dst, const u8 *src, size_t n)
{
	__asm__ volatile("1:\n\t"
			 "movups (%1), %%xmm0\n\t"
			 "movups 16(%1), %%xmm1\n\t"
			 "movups 32(%1), %%xmm2\n\t"
			 "movups 48(%1), %%xmm3\n\t"
			 "movups 64(%1), %%xmm4\n\t"
			 "movups 80(%1), %%xmm5\n\t"
			 "movups 96(%1), %%xmm6\n\t"
			 "movups 112(%1), %%xmm7\n\t"
			 "movups %%xmm0, (%0)\n\t"
			 "movups %%xmm1, 16(%0)\n\t"
			 "movups %%xmm2, 32(%0)\n\t"
			 "movups %%xmm3, 48(%0)\n\t"
			 "movups %%xmm4, 64(%0)\n\t"
			 "movups %%xmm5, 80(%0)\n\t"
			 "movups %%xmm6, 96(%0)\n\t"
			 "movups %%xmm7, 112(%0)\n\t"
			 "subq $-128, %1\n\t"
			 "subq $-128, %0\n\t"
			 "decq %2\n\t"
			 "jnz 1b"
			 : "+r"(dst), "+r"(src), "+r"(n)::"memory", "cc");
}

void copy_vectors(void *dst, const void *src, size_t n)
{
	size_t done = n & ~(size_t)(BLOCK - 1);
	u8 taken;

	/* One instruction: an interrupt comes before or after it, and leaves the bit as it found
	 * it. */
	__asm__ volatile("btsl $0, %%gs:%c1\n\tsetc %0"
			 : "=q"(taken)
			 : "i"(&vectors_busy)
			 : "memory", "cc");
	if (unlikely(taken)) {
		memcpy(dst, src, n);
		return;
	}
	copy_blocks(dst, src, done / BLOCK);
	barrier();
	__asm__ volatile("movl $0, %%gs:%c0" ::"i"(&vectors_busy) : "memory");
	if (n - done)
		memcpy((u8 *)dst + done, (const u8 *)src + done, n - done);
}
