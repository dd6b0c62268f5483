/* SPDX-License-Identifier: MIT */
/*
 * Device memory and DMA. Memory is identity-mapped: a DMA address is a pointer's value, and
 * ioremap() only makes a device range mapped (uncached, no-execute) and returns its address.
 * Barriers: dma_wmb() orders stores that a device sees, dma_rmb() loads of what it wrote; on
 * x86 both stop the compiler only. Port I/O (inb/outb ...) is in <home/portio.h>.
 */
#ifndef KERNEL_IO_H
#define KERNEL_IO_H

#include <lib/compiler.h>
#include <lib/types.h>

typedef u64 dma_addr_t;

/* Map [phys, phys + size) uncached. NULL where that fails. Thread context. */
void *ioremap(u64 phys, size_t size);
void iounmap(void *addr, size_t size);

static inline dma_addr_t virt_to_dma(const void *p)
{
	return (dma_addr_t)(uintptr_t)p;
}

/* Zeroed, physically contiguous, page-aligned memory that a device reads and writes. */
void *dma_alloc_coherent(size_t size, dma_addr_t *dma);
void dma_free_coherent(size_t size, void *p);

#define dma_wmb() barrier()
#define dma_rmb() barrier()

static inline u8 readb(const volatile void *a)
{
	return *(const volatile u8 *)a;
}
static inline u16 readw(const volatile void *a)
{
	return *(const volatile u16 *)a;
}
static inline u32 readl(const volatile void *a)
{
	return *(const volatile u32 *)a;
}
static inline u64 readq(const volatile void *a)
{
	return *(const volatile u64 *)a;
}
static inline void writeb(u8 v, volatile void *a)
{
	barrier();
	*(volatile u8 *)a = v;
}
static inline void writew(u16 v, volatile void *a)
{
	barrier();
	*(volatile u16 *)a = v;
}
static inline void writel(u32 v, volatile void *a)
{
	barrier();
	*(volatile u32 *)a = v;
}
static inline void writeq(u64 v, volatile void *a)
{
	barrier();
	*(volatile u64 *)a = v;
}

#endif
