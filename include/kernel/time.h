/* SPDX-License-Identifier: MIT */
/*
 * Clocks. The monotonic clock starts near zero at boot and never goes back on any CPU; its unit
 * is the nanosecond in a u64. The wall clock (RTC, kvmclock) is monotonic plus an offset. The
 * hosted home replaces both by virtual time.
 */
#ifndef KERNEL_TIME_H
#define KERNEL_TIME_H

#include <lib/types.h>

#define NSEC_PER_SEC  1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_USEC 1000ull
#define USEC_PER_SEC  1000000ull
#define USEC_PER_MSEC 1000ull
#define MSEC_PER_SEC  1000ull

/* Nanoseconds since boot. Any context. */
u64 ktime_get_ns(void);

/* Nanoseconds since 1970-01-01 UTC. Any context. */
u64 ktime_get_real_ns(void);

static inline u64 ktime_get_us(void)
{
	return ktime_get_ns() / NSEC_PER_USEC;
}

static inline u64 ktime_get_ms(void)
{
	return ktime_get_ns() / NSEC_PER_MSEC;
}

/* Busy-wait, for device resets of a few microseconds. Virtual time advances in the hosted home. */
void udelay(unsigned us);

/* Name of the clock source in use: "tsc", "kvm-clock", "hpet", "virtual" ... */
const char *clocksource_name(void);

#endif
