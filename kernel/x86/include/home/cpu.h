/* SPDX-License-Identifier: MIT */
/*
 * The processor's own instructions. The first group is what portable kernel code asks of a home;
 * the rest is for kernel/x86 and drivers of this machine.
 */
#ifndef HOME_CPU_H
#define HOME_CPU_H

#include <lib/compiler.h>
#include <lib/types.h>

/* In a loop that waits for another CPU. */
static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

/* A 64-bit hardware random number (RDSEED, else RDRAND). False where there is none. */
bool cpu_random_u64(u64 *v);

/* A counter that runs fast. */
static inline u64 cpu_cycles(void)
{
	return __builtin_ia32_rdtsc();
}

static inline void prefetch(const void *p)
{
	__builtin_prefetch(p);
}

/* The time-stamp counter, not read before earlier loads are done. */
static inline u64 rdtsc_ordered(void)
{
	u32 lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (u64)hi << 32 | lo;
}

static inline u64 rdtsc(void)
{
	return __builtin_ia32_rdtsc();
}

/* The processor's own interrupt flag, which local_irq_disable() leaves alone: for who halts. With
 * interrupts on. */
static inline void cpu_irq_disable(void)
{
	__asm__ volatile("cli" ::: "memory");
}

static inline void cpu_irq_enable(void)
{
	__asm__ volatile("sti" ::: "memory");
}

/* Halt until an interrupt, after cpu_irq_disable(); the flag is on afterwards. None is lost
 * between: sti takes effect after the next instruction. */
static inline void cpu_idle_halt(void)
{
	__asm__ volatile("sti; hlt" ::: "memory");
}

/* This CPU has nothing to do for the first time. Its idle thread, interrupts on. */
void cpu_first_idle(void);

/* Stop this CPU for good. */
static inline _Noreturn void cpu_stop(void)
{
	for (;;)
		__asm__ volatile("cli; hlt" ::: "memory");
}

struct cpuid_regs {
	u32 eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

static inline void xsetbv(u32 xcr, u64 v)
{
	__asm__ volatile("xsetbv" ::"c"(xcr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

#define DEFINE_CR(n)                                                         \
	static inline u64 read_cr##n(void)                                   \
	{                                                                    \
		u64 v;                                                       \
		__asm__ volatile("movq %%cr" #n ", %0" : "=r"(v)::"memory"); \
		return v;                                                    \
	}                                                                    \
	static inline void write_cr##n(u64 v)                                \
	{                                                                    \
		__asm__ volatile("movq %0, %%cr" #n ::"r"(v) : "memory");    \
	}
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)
#undef DEFINE_CR

static inline void invlpg(uintptr_t addr)
{
	__asm__ volatile("invlpg (%0)" ::"r"(addr) : "memory");
}

#endif
