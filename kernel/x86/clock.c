/* SPDX-License-Identifier: MIT */
/*
 * The clocks. Monotonic time is a counter times a factor, plus an offset; counter, factor and
 * offset change together, rarely, under a sequence count. The counter is the time-stamp counter
 * unless CPUs disagree about it; how fast it runs is taken from the CPU or the hypervisor where
 * they say so, else measured for a millisecond against the HPET, the ACPI timer or the PIT, and
 * once more, over a second, when the machine is up. Zero is the first instruction of the image.
 *
 * Intel SDM volume 3B 17.17, volume 2A CPUID leaves 15H and 16H; HPET 1.0a; Linux's
 * Documentation/virt/kvm/x86/msr.rst for kvm-clock; Intel 8254 data sheet.
 */
#include "clock_int.h"

#include <home/portio.h>
#include <kernel/acpi.h>
#include <kernel/atomic.h>
#include <kernel/bootinfo.h>
#include <kernel/init.h>
#include <kernel/io.h>
#include <kernel/log.h>
#include <kernel/spinlock.h>
#include <kernel/timer.h>

#define SHIFT          32
#define CALIBRATE_NS   NSEC_PER_MSEC
#define REFINE_NS      NSEC_PER_SEC
#define REFINE_MAX_PPM 5000
#define SAMPLE_TRIES   5

/* A counter that everybody can read. */
struct counter {
	const char *name;
	u64 (*read)(void);
	u64 hz;
	u64 mask;
};

/* What ktime_get_ns() computes with; base_count and base_ns are the same moment. */
static struct {
	u32 seq; /* odd while it changes [a] */
	const struct counter *counter;
	u64 base_count, base_ns, mult; /* ns = base_ns + (count - base_count) * mult >> SHIFT */
	u64 last_ns;                   /* of clocks that may go back between CPUs [a] */
	bool clamp;
	bool plain_tsc; /* the counter is the TSC, and not clamped */
} mono;

static u64 wall_offset_ns; /* [a] */
u64 apic_timer_hz;

/* --- counters
 * -------------------------------------------------------------------------------------- */

static u64 tsc_read(void)
{
	return rdtsc_ordered();
}

static struct counter tsc = {.name = "tsc", .read = tsc_read, .mask = ~0ull};

#define HPET_CAPABILITIES  0x000
#define HPET_CONFIGURATION 0x010
#define HPET_COUNTER       0x0F0
#define HPET_ENABLE        1u
#define HPET_64_BIT        (1u << 13)
#define HPET_MAX_PERIOD_FS 100000000u
#define FS_PER_SEC         1000000000000000ull

static volatile u8 *hpet_window;

static u64 hpet_read(void)
{
	return readl(hpet_window + HPET_COUNTER);
}

static struct counter hpet = {.name = "hpet", .read = hpet_read, .mask = 0xffffffff};

static bool hpet_init(void)
{
	u64 phys = acpi_hpet_address();
	u32 period_fs;

	hpet_window = phys ? ioremap(phys, 1024) : NULL;
	if (!hpet_window)
		return false;
	period_fs = readl(hpet_window + HPET_CAPABILITIES + 4);
	if (!period_fs || period_fs > HPET_MAX_PERIOD_FS)
		return false;
	writel(readl(hpet_window + HPET_CONFIGURATION) | HPET_ENABLE,
	       hpet_window + HPET_CONFIGURATION);
	hpet.hz = FS_PER_SEC / period_fs;
	return true;
}

static u16 pm_port;

static u64 pm_read(void)
{
	return inl(pm_port);
}

static struct counter acpi_pm = {.name = "acpi_pm", .read = pm_read, .hz = ACPI_PM_TIMER_HZ};

static bool pm_init(void)
{
	u32 mask;

	if (!acpi_pm_timer(&pm_port, &mask))
		return false;
	acpi_pm.mask = mask;
	return true;
}

/* Channel 2, which drives the speaker, counts down, round and round in 55 ms. */
#define PIT_GATE     0x61
#define PIT_CH2_ONCE 0xB0
#define PIT_TRIES    100
#define PIT_LATCH_2  0x80

static u64 pit_read(void)
{
	u16 left;

	outb(PIT_LATCH_2, PIT_COMMAND);
	left = inb(PIT_CH2);
	left |= (u16)(inb(PIT_CH2) << 8);
	return 0xffffu - left;
}

static struct counter pit = {.name = "pit", .read = pit_read, .hz = PIT_HZ, .mask = 0xffff};

/* Start it, and see whether it is there: some small machines have none. */
static bool pit_init(void)
{
	u64 first;

	outb((u8)((inb(PIT_GATE) & ~2u) | 1), PIT_GATE); /* gate open, speaker off */
	outb(PIT_CH2_ONCE, PIT_COMMAND);
	outb(0xff, PIT_CH2);
	outb(0xff, PIT_CH2);
	first = pit_read();
	for (unsigned n = 0; n < PIT_TRIES; n++)
		if (pit_read() != first)
			return true;
	return false;
}

/* The last resort: the local APIC's timer, at the rate that QEMU and KVM run it. */
static u64 apic_timer_read(void)
{
	return ~apic_read(APIC_TIMER_CURRENT); /* it counts down */
}

static struct counter apic_timer = {
	.name = "apic", .read = apic_timer_read, .hz = NSEC_PER_SEC, .mask = 0xffffffff};

/* --- kvm-clock: the hypervisor's own description of this CPU's counter
 * ---------------------------------- */

#define MSR_KVM_WALL_CLOCK  0x4B564D00
#define MSR_KVM_SYSTEM_TIME 0x4B564D01
#define PVCLOCK_TSC_STABLE  1u

struct pvclock {
	u32 version; /* odd while it changes */
	u32 pad;
	u64 tsc_timestamp, system_time_ns;
	u32 mult;
	s8 shift;
	u8 flags;
	u8 pad2[2];
} __aligned(32);
static_assert(sizeof(struct pvclock) == 32, "KVM ABI");

struct pvclock_wall {
	u32 version, sec, nsec;
} __aligned(16);

static DEFINE_PER_CPU(struct pvclock, pvclock);

static u64 scale(u64 cycles, u32 mult, s8 shift)
{
	if (shift < 0)
		cycles >>= -shift;
	else
		cycles <<= shift;
	return (u64)((unsigned __int128)cycles * mult >> 32);
}

/* Nanoseconds by the hypervisor's clock. */
static u64 pvclock_read(void)
{
	const volatile struct pvclock *pv = this_cpu_ptr(&pvclock);
	u32 version;
	u64 ns;

	do {
		version = pv->version & ~1u;
		smp_rmb();
		ns = pv->system_time_ns +
		     scale(rdtsc_ordered() - pv->tsc_timestamp, pv->mult, pv->shift);
		smp_rmb();
	} while (pv->version != version);
	return ns;
}

static struct counter kvm_clock = {
	.name = "kvm-clock", .read = pvclock_read, .hz = NSEC_PER_SEC, .mask = ~0ull};

static void pvclock_init_cpu(void)
{
	if (cpu_features.kvmclock)
		wrmsr(MSR_KVM_SYSTEM_TIME, (uintptr_t)this_cpu_ptr(&pvclock) | 1);
}

static u64 pvclock_tsc_hz(void)
{
	const struct pvclock *pv = this_cpu_ptr(&pvclock);
	u64 hz;

	if (!cpu_features.kvmclock || !pv->mult)
		return 0;
	hz = (NSEC_PER_SEC << 32) / pv->mult;
	return pv->shift < 0 ? hz << -pv->shift : hz >> pv->shift;
}

/* --- how fast the counters run
 * ---------------------------------------------------------------------- */

/* The CPU's word for it: crystal times ratio, or the hypervisor's leaf, in kHz. */
static u64 cpuid_tsc_hz(void)
{
	struct cpuid_regs r;

	if (cpu_features.hypervisor && cpu_features.max_hv_leaf >= 0x40000010) {
		r = cpuid(0x40000010, 0);
		if (r.eax) {
			apic_timer_hz = r.ebx * 1000ull;
			return r.eax * 1000ull;
		}
	}
	if (cpu_features.max_leaf < 0x15)
		return 0;
	r = cpuid(0x15, 0);
	if (!r.eax || !r.ebx || !r.ecx)
		return 0;
	apic_timer_hz = r.ecx;
	return (u64)r.ecx * r.ebx / r.eax;
}

/* A counter and the TSC at the same moment: of a few tries, the one that took least. */
struct sample {
	u64 count, tsc;
};

static struct sample take_sample(u64 (*read)(void))
{
	struct sample best = {0};
	u64 best_gap = ~0ull;

	for (unsigned n = 0; n < SAMPLE_TRIES; n++) {
		u64 before = rdtsc_ordered();
		u64 count = read();
		u64 gap = rdtsc_ordered() - before;

		if (gap < best_gap) {
			best_gap = gap;
			best = (struct sample){count, before + gap / 2};
		}
	}
	return best;
}

static u64 mul_div(u64 a, u64 b, u64 c)
{
	return c ? (u64)((unsigned __int128)a * b / c) : 0;
}

static struct sample first_sample; /* of the reference, for the refinement */
static const struct counter *reference;

/* TSC and local APIC timer against the reference, over one stretch of time. */
static void calibrate(const struct counter *ref)
{
	struct sample ref0, ref1, apic0 = {0}, apic1 = {0};
	u64 ticks = mul_div(CALIBRATE_NS, ref->hz, NSEC_PER_SEC);

	if (apic_present) {
		apic_write(APIC_TIMER_DIVIDE, 0xB); /* by one */
		apic_write(APIC_TIMER_INITIAL, ~0u);
		apic0 = take_sample(apic_timer_read);
	}
	ref0 = take_sample(ref->read);
	while (((ref->read() - ref0.count) & ref->mask) < ticks)
		cpu_relax();
	ref1 = take_sample(ref->read);
	if (!tsc.hz)
		tsc.hz = mul_div(ref1.tsc - ref0.tsc, ref->hz,
				 (ref1.count - ref0.count) & ref->mask);
	if (apic_present) {
		apic1 = take_sample(apic_timer_read);
		apic_write(APIC_TIMER_INITIAL, 0);
		apic_timer_hz =
			mul_div((u32)(apic1.count - apic0.count), tsc.hz, apic1.tsc - apic0.tsc);
	}
	first_sample = ref0;
}

/* --- the monotonic clock
 * ------------------------------------------------------------------------------ */

static u64 count_to_ns(u64 count)
{
	u64 delta = (count - mono.base_count) & mono.counter->mask;

	/* Another CPU may have moved the base to a moment that this one has not reached. */
	if ((s64)delta < 0)
		return mono.base_ns;
	return mono.base_ns + (u64)((unsigned __int128)delta * mono.mult >> SHIFT);
}

/* Before clock_init(): the TSC at a rate that few exceed, so that time is slow, but never back. */
static bool started;
#define EARLY_MULT (1u << 30) /* 4 GHz */

static u64 clamp_ns(u64 ns)
{
	u64 last = __atomic_load_n(&mono.last_ns, __ATOMIC_RELAXED);

	while (last < ns && !__atomic_compare_exchange_n(&mono.last_ns, &last, ns, true,
							 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return max(last, ns);
}

u64 ktime_get_ns(void)
{
	u32 seq = smp_load_acquire(&mono.seq);
	u64 ns;

	/* The usual case, without calls: all packets' work asks several times. */
	if (likely(mono.plain_tsc && !(seq & 1))) {
		u64 delta = rdtsc_ordered() - mono.base_count;

		ns = mono.base_ns;
		if (likely((s64)delta >= 0))
			ns += (u64)((unsigned __int128)delta * mono.mult >> SHIFT);
		smp_rmb();
		if (likely(READ_ONCE(mono.seq) == seq))
			return ns;
	}
	if (unlikely(!started))
		return (u64)((unsigned __int128)(rdtsc() - boot_entry_tsc) * EARLY_MULT >> SHIFT);
	do {
		while ((seq = smp_load_acquire(&mono.seq)) & 1)
			cpu_relax();
		ns = count_to_ns(mono.counter->read());
		smp_rmb();
	} while (READ_ONCE(mono.seq) != seq);
	return unlikely(mono.clamp) ? clamp_ns(ns) : ns;
}

/* Go on from this moment with another counter or another rate. Interrupts off, one at a time. */
static void change_clock(const struct counter *c, u64 hz, u64 now_count, u64 now_ns)
{
	WRITE_ONCE(mono.seq, mono.seq + 1);
	smp_wmb();
	mono.counter = c;
	mono.plain_tsc = c == &tsc && !mono.clamp;
	mono.base_count = now_count;
	mono.base_ns = now_ns;
	mono.mult = (NSEC_PER_SEC << SHIFT) / hz;
	smp_store_release(&mono.seq, mono.seq + 1);
}

static DEFINE_SPINLOCK(clock_lock);

/* Move the base to now: narrow counters wrap, a new rate takes effect. */
static void rebase(const struct counter *c, u64 hz)
{
	irqflags_t flags;
	u64 ns, count;

	spin_lock_irqsave(&clock_lock, flags);
	ns = ktime_get_ns();
	count = c->read();
	change_clock(c, hz, count, ns);
	spin_unlock_irqrestore(&clock_lock, flags);
}

bool clock_is_tsc(void)
{
	return mono.counter == &tsc;
}

u64 clock_ns_to_tsc(u64 ns)
{
	u32 seq;
	u64 count;

	do {
		while ((seq = smp_load_acquire(&mono.seq)) & 1)
			cpu_relax();
		count = mono.base_count;
		if (ns > mono.base_ns)
			count += (u64)(((unsigned __int128)(ns - mono.base_ns) << SHIFT) /
				       mono.mult) +
				 1;
		smp_rmb();
	} while (READ_ONCE(mono.seq) != seq);
	return count;
}

const char *clocksource_name(void)
{
	return started ? mono.counter->name : "tsc-early";
}

u64 boot_time_since_entry_ns(void)
{
	return ktime_get_ns();
}

void udelay(unsigned us)
{
	u64 end = ktime_get_ns() + us * NSEC_PER_USEC;

	while (ktime_get_ns() < end)
		cpu_relax();
}

void clock_tsc_unstable(void)
{
	if (mono.counter != &tsc)
		return;
	if (reference == &hpet || reference == &acpi_pm)
		rebase(reference, reference->hz);
	mono.clamp = true;
	WRITE_ONCE(mono.plain_tsc, false);
	pr_warn("clock: the CPUs' time-stamp counters differ, using %s", clocksource_name());
}

/* --- wall clock
 * ----------------------------------------------------------------------------------------- */

static u64 wall_now(void)
{
	static struct pvclock_wall wall;
	const volatile struct pvclock_wall *w = &wall;

	if (cpu_features.kvmclock) {
		wrmsr(MSR_KVM_WALL_CLOCK, (uintptr_t)&wall);
		if (w->sec)
			return w->sec * NSEC_PER_SEC + w->nsec + pvclock_read();
	}
	return rtc_read() * NSEC_PER_SEC;
}

u64 ktime_get_real_ns(void)
{
	return ktime_get_ns() + READ_ONCE(wall_offset_ns);
}

/* --- bring-up
 * ------------------------------------------------------------------------------------------- */

void clock_init_cpu(void)
{
	pvclock_init_cpu();
}

static const struct counter *find_reference(void)
{
	if (hpet_init())
		return &hpet;
	if (pm_init())
		return &acpi_pm;
	if (pit_init())
		return &pit;
	if (!apic_present)
		panic("no clock to measure time by");
	pr_warn("clock: nothing to measure by but the local APIC, taken to run at 1 GHz");
	return &apic_timer;
}

void clock_init(void)
{
	const struct counter *c = &tsc;
	u64 early_ns, wall;

	pvclock_init_cpu();
	reference = find_reference();
	tsc.hz = pvclock_tsc_hz();
	if (!tsc.hz)
		tsc.hz = cpuid_tsc_hz();
	if (!tsc.hz || (apic_present && !apic_timer_hz && !cpu_features.tsc_deadline))
		calibrate(reference);
	if (cpu_features.kvmclock && !cpu_features.tsc_invariant)
		c = &kvm_clock;
	early_ns = ktime_get_ns();
	if (c == &tsc) {
		change_clock(c, c->hz, boot_entry_tsc, 0);
	} else {
		change_clock(c, c->hz, c->read(), early_ns);
		mono.clamp = !cpu_features.kvmclock_stable;
	}
	started = true;
	wall = wall_now();
	if (wall)
		wall_offset_ns = wall - ktime_get_ns();
	pr_info("clock: %s, TSC %llu.%03llu MHz, reference %s", c->name, tsc.hz / 1000000,
		tsc.hz / 1000 % 1000, reference->name);
}

/* After a second, the TSC's rate is known a thousand times better than after one millisecond.
 * Counters that wrap within seconds have their base moved along. */
static struct timer clock_timer;

/* A narrow reference has wrapped since: the number of ticks that is nearest to the expected one. */
static u64 unwrapped(u64 ticks, u64 expected)
{
	u64 period = reference->mask + 1;

	if (!period || expected <= ticks)
		return ticks;
	return ticks + (expected - ticks + period / 2) / period * period;
}

static void refine(void)
{
	struct sample now = take_sample(reference->read);
	u64 tsc_ticks = now.tsc - first_sample.tsc;
	u64 ticks = unwrapped((now.count - first_sample.count) & reference->mask,
			      mul_div(tsc_ticks, reference->hz, tsc.hz));
	u64 hz = mul_div(tsc_ticks, reference->hz, ticks);
	s64 ppm = ((s64)hz - (s64)tsc.hz) * 1000000 / (s64)tsc.hz;

	if (ppm > REFINE_MAX_PPM || ppm < -REFINE_MAX_PPM) {
		pr_warn("clock: TSC measured as %llu kHz, then as %llu kHz: left at the first",
			tsc.hz / 1000, hz / 1000);
		return;
	}
	tsc.hz = hz;
	rebase(&tsc, hz);
	pr_debug("clock: TSC refined to %llu kHz", hz / 1000);
}

static void clock_timer_fired(struct timer *t)
{
	if (clock_is_tsc()) {
		refine();
	} else {
		rebase(mono.counter, mono.counter->hz);
		timer_mod(t, ktime_get_ns() + REFINE_NS);
	}
}

static int clock_late_init(void)
{
	timer_setup(&clock_timer, clock_timer_fired);
	if ((first_sample.tsc && reference != &apic_timer) ||
	    (!clock_is_tsc() && mono.counter->mask != ~0ull))
		timer_mod(&clock_timer, ktime_get_ns() + REFINE_NS);
	return 0;
}
DEFINE_INITCALL(INIT_LATE, clock_late_init);
