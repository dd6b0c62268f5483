/* SPDX-License-Identifier: MIT */
/*
 * What this processor can do, and its control registers. cpu_detect() runs once on the boot CPU;
 * the others are taken to be alike. Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E.
 */
#include "x86_int.h"

#include <kernel/spinlock.h>
#include <lib/string.h>

#define CR4_OSFXSR     (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_FSGSBASE   (1u << 16)
#define CR4_OSXSAVE    (1u << 18)

#define XCR0_X87_SSE_AVX 7u

#define KVM_FEATURE_CLOCKSOURCE2       (1u << 3)
#define KVM_FEATURE_CLOCKSOURCE_STABLE (1u << 24)

struct cpu_features cpu_features;

static void copy_words(char *to, u32 a, u32 b, u32 c)
{
	memcpy(to, &a, 4);
	memcpy(to + 4, &b, 4);
	memcpy(to + 8, &c, 4);
	to[12] = '\0';
}

static void detect_hypervisor(struct cpu_features *f)
{
	struct cpuid_regs r = cpuid(0x40000000, 0);

	f->max_hv_leaf = r.eax;
	copy_words(f->hv_vendor, r.ebx, r.ecx, r.edx);
	f->tcg = memcmp(f->hv_vendor, "TCGTCGTCGTCG", 12) == 0;
	if (f->tcg)
		spin_pause_every = 1u << 12;
	if (memcmp(f->hv_vendor, "KVMKVMKVM\0\0\0", 12) == 0 && r.eax >= 0x40000001) {
		u32 features = cpuid(0x40000001, 0).eax;

		f->kvmclock = features & KVM_FEATURE_CLOCKSOURCE2;
		f->kvmclock_stable = features & KVM_FEATURE_CLOCKSOURCE_STABLE;
	}
}

void cpu_detect(void)
{
	struct cpu_features *f = &cpu_features;
	struct cpuid_regs r = cpuid(0, 0);
	u32 max_ext;

	f->max_leaf = r.eax;
	copy_words(f->vendor, r.ebx, r.edx, r.ecx);
	r = cpuid(1, 0);
	f->apic = r.edx >> 9 & 1;
	f->pge = r.edx >> 13 & 1;
	f->x2apic = r.ecx >> 21 & 1;
	f->tsc_deadline = r.ecx >> 24 & 1;
	f->avx = (r.ecx >> 26 & 1) && (r.ecx >> 28 & 1); /* XSAVE, by which it is enabled */
	f->rdrand = r.ecx >> 30 & 1;
	f->hypervisor = r.ecx >> 31 & 1;
	if (f->max_leaf >= 7) {
		r = cpuid(7, 0);
		f->fsgsbase = r.ebx & 1;
		f->rdseed = r.ebx >> 18 & 1;
	}
	max_ext = cpuid(0x80000000, 0).eax;
	f->gb_pages = cpuid(0x80000001, 0).edx >> 26 & 1;
	if (max_ext >= 0x80000007)
		f->tsc_invariant = cpuid(0x80000007, 0).edx >> 8 & 1;
	if (f->hypervisor)
		detect_hypervisor(f);
}

void cpu_setup(void)
{
	u64 cr4 = CR4_BOOT | CR4_OSFXSR | CR4_OSXMMEXCPT;

	if (cpu_features.pge)
		cr4 |= CR4_PGE;
	if (cpu_features.fsgsbase)
		cr4 |= CR4_FSGSBASE;
	if (cpu_features.avx)
		cr4 |= CR4_OSXSAVE;
	write_cr0(CR0_BOOT);
	write_cr4(cr4);
	if (cpu_features.avx)
		xsetbv(0, XCR0_X87_SSE_AVX);
}

/* Both instructions may find their source empty for a moment: ten tries, as Intel's guide to the
 * digital random number generator (section 5.2) advises. */
bool cpu_random_u64(u64 *v)
{
	unsigned char ok = 0;

	for (unsigned n = 0; cpu_features.rdseed && n < 10 && !ok; n++)
		__asm__ volatile("rdseed %0; setc %1" : "=r"(*v), "=qm"(ok)::"cc");
	for (unsigned n = 0; cpu_features.rdrand && n < 10 && !ok; n++)
		__asm__ volatile("rdrand %0; setc %1" : "=r"(*v), "=qm"(ok)::"cc");
	return ok;
}
