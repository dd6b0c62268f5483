/* SPDX-License-Identifier: MIT */
/*
 * Copies of whole blocks by vector registers, one loop for each kind of register. Any alignment;
 * the areas don't overlap. The image is compiled for general registers alone, and there its
 * compiler knows no others that a loop could clobber: who includes this elsewhere names them.
 */
#ifndef X86_COPY_BLOCKS_H
#define X86_COPY_BLOCKS_H

#include <lib/types.h>

#ifndef COPY_CLOBBERS
#define COPY_CLOBBERS
#endif

#define COPY_BLOCK_SSE2 128u
#define COPY_BLOCK_AVX  256u

/* n > 0 blocks of COPY_BLOCK_SSE2 bytes. */
static inline void copy_blocks_sse2(void *dst, const void *src, size_t n)
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
			 : "+r"(dst), "+r"(src), "+r"(n)::"memory", "cc" COPY_CLOBBERS);
}

/* n > 0 blocks of COPY_BLOCK_AVX bytes. The upper halves are left clear: SSE code that finds them
 * in use is slow on some CPUs. */
static inline void copy_blocks_avx(void *dst, const void *src, size_t n)
{
	__asm__ volatile("1:\n\t"
			 "vmovups (%1), %%ymm0\n\t"
			 "vmovups 32(%1), %%ymm1\n\t"
			 "vmovups 64(%1), %%ymm2\n\t"
			 "vmovups 96(%1), %%ymm3\n\t"
			 "vmovups 128(%1), %%ymm4\n\t"
			 "vmovups 160(%1), %%ymm5\n\t"
			 "vmovups 192(%1), %%ymm6\n\t"
			 "vmovups 224(%1), %%ymm7\n\t"
			 "vmovups %%ymm0, (%0)\n\t"
			 "vmovups %%ymm1, 32(%0)\n\t"
			 "vmovups %%ymm2, 64(%0)\n\t"
			 "vmovups %%ymm3, 96(%0)\n\t"
			 "vmovups %%ymm4, 128(%0)\n\t"
			 "vmovups %%ymm5, 160(%0)\n\t"
			 "vmovups %%ymm6, 192(%0)\n\t"
			 "vmovups %%ymm7, 224(%0)\n\t"
			 "addq $256, %1\n\t"
			 "addq $256, %0\n\t"
			 "decq %2\n\t"
			 "jnz 1b\n\t"
			 "vzeroupper"
			 : "+r"(dst), "+r"(src), "+r"(n)::"memory", "cc" COPY_CLOBBERS);
}

#endif
