/* SPDX-License-Identifier: MIT */
/*
 * The interrupt at a given time: one shot, one for each CPU, shared by the timers and the
 * scheduler's slice. By the TSC deadline where the CPU has it, by the local APIC's count-down else,
 * by the PIT on a machine without APIC. A shot may come early, by a clock that is a little off or
 * because the hardware's counter was too narrow: then the rest is waited for.
 * Intel SDM volume 3A, 10.5.4.
 */
#include "clock_int.h"

#include <home/portio.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/preempt.h>
#include <kernel/softirq.h>
#include <kernel/timer.h>

#define MSR_TSC_DEADLINE 0x6E0
#define LVT_MASKED       0x10000
#define LVT_TSC_DEADLINE 0x40000
#define DIVIDE_BY_1      0xB
#define PIT_CH0_ONCE     0x30
#define MAX_SHOT_NS      (3600 * NSEC_PER_SEC)

struct clockevent {
	u64 timer_ns, slice_ns; /* NEVER_NS for none */
	u64 armed_ns;
};

static DEFINE_PER_CPU(struct clockevent, clockevent) = {NEVER_NS, NEVER_NS, NEVER_NS};

static enum { DEVICE_NONE, DEVICE_DEADLINE, DEVICE_APIC, DEVICE_PIT } device;

static u64 ticks_until(u64 ns, u64 hz, u64 max_ticks)
{
	u64 now = ktime_get_ns();
	u64 delta = ns > now ? min(ns - now, MAX_SHOT_NS) : 0;
	u64 ticks = (u64)((unsigned __int128)delta * hz / NSEC_PER_SEC) + 1;

	return min(ticks, max_ticks);
}

static void pit_shot(u64 ns)
{
	u64 ticks = ns == NEVER_NS ? 0 : ticks_until(ns, PIT_HZ, 0xffff);

	outb(PIT_CH0_ONCE, PIT_COMMAND); /* stops the last shot */
	if (ticks) {
		outb((u8)ticks, PIT_CH0);
		outb((u8)(ticks >> 8), PIT_CH0);
	}
}

static void device_arm(u64 ns)
{
	switch (device) {
	case DEVICE_NONE:
		break;
	case DEVICE_DEADLINE:
		wrmsr(MSR_TSC_DEADLINE, ns == NEVER_NS ? 0 : clock_ns_to_tsc(ns));
		break;
	case DEVICE_APIC:
		apic_write(APIC_TIMER_INITIAL,
			   ns == NEVER_NS ? 0 : (u32)ticks_until(ns, apic_timer_hz, ~0u));
		break;
	case DEVICE_PIT:
		pit_shot(ns);
		break;
	}
}

/* Interrupts off. */
static void rearm(struct clockevent *ce)
{
	u64 ns = min(ce->timer_ns, ce->slice_ns);

	if (ns == ce->armed_ns)
		return;
	ce->armed_ns = ns;
	device_arm(ns);
}

void clockevent_program(u64 expires_ns)
{
	irqflags_t flags = local_irq_save();

	this_cpu(clockevent).timer_ns = expires_ns;
	rearm(this_cpu_ptr(&clockevent));
	local_irq_restore(flags);
}

void clockevent_set_slice(u64 ns)
{
	this_cpu(clockevent).slice_ns = ns;
	rearm(this_cpu_ptr(&clockevent));
}

void clockevent_interrupt(void)
{
	struct clockevent *ce = this_cpu_ptr(&clockevent);
	u64 now = ktime_get_ns();

	ce->armed_ns = NEVER_NS;
	if (now >= ce->timer_ns) {
		ce->timer_ns = NEVER_NS;
		raise_softirq_irqoff(TIMER_SOFTIRQ);
	}
	if (now >= ce->slice_ns) {
		ce->slice_ns = NEVER_NS;
		sched_interrupt();
	}
	rearm(ce);
}

static enum irqreturn pit_interrupt(int irq, void *arg)
{
	clockevent_interrupt();
	return IRQ_HANDLED;
}

static void choose_device(void)
{
	if (!apic_present) {
		if (request_irq(0, pit_interrupt, 0, "timer", NULL, 0) < 0)
			panic("no timer interrupt");
		device = DEVICE_PIT;
	} else if (cpu_features.tsc_deadline && clock_is_tsc()) {
		device = DEVICE_DEADLINE;
	} else if (apic_timer_hz) {
		device = DEVICE_APIC;
	} else {
		panic("the local APIC timer does not run");
	}
}

void clockevent_init_cpu(void)
{
	if (device == DEVICE_NONE)
		choose_device();
	if (device == DEVICE_DEADLINE) {
		apic_write(APIC_TIMER_LVT, VECTOR_TIMER | LVT_TSC_DEADLINE);
		/* In xAPIC mode the MSR may otherwise be written before the mode is set (10.5.4.1).
		 */
		__asm__ volatile("mfence" ::: "memory");
	} else if (device == DEVICE_APIC) {
		apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
		apic_write(APIC_TIMER_LVT, VECTOR_TIMER);
	}
	/* What was asked for before there was a device. */
	this_cpu(clockevent).armed_ns = NEVER_NS;
	rearm(this_cpu_ptr(&clockevent));
}
