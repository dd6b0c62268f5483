/* SPDX-License-Identifier: MIT */
/*
 * The machine's part of panic(): who speaks, how the others stop, and what comes after, as the
 * command line's panic= says. In Linux's way 0 or nothing halts, N > 0 resets after N seconds, N <
 * 0 at once; `halt` and `reboot` say the same in words. Any context, also a broken one.
 */
#include "x86_int.h"

#include <kernel/atomic.h>
#include <kernel/cmdline.h>
#include <kernel/log.h>
#include <kernel/reboot.h>
#include <kernel/time.h>
#include <lib/assert.h>
#include <lib/kstrto.h>
#include <lib/string.h>

#define NOBODY      (~0u)
#define MAX_SECONDS 3600

static u32 panic_cpu = NOBODY; /* [a] */
static bool panic_ending;

void panic_stop_cpus(void)
{
	WRITE_ONCE(panic_cpu, smp_processor_id());
	smp_stop_others();
	early_console_start();
}

/* 0: never; less: at once. */
static s64 seconds_until_reset(void)
{
	const char *value = cmdline_get("panic");
	s64 seconds = 0;

	if (!value || !strcmp(value, "halt"))
		return 0;
	if (!strcmp(value, "reboot"))
		return -1;
	if (kstrtos64(value, 10, &seconds) < 0)
		return 0;
	return min(seconds, (s64)MAX_SECONDS);
}

/* By the clock, should it run already; milliseconds are counted as well, in case it does not. */
static void wait_seconds(s64 seconds)
{
	u64 start_ns = ktime_get_ns();

	for (s64 ms = seconds * 1000; ms > 0; ms--) {
		if (ktime_get_ns() - start_ns >= (u64)seconds * NSEC_PER_SEC)
			return;
		udelay(1000);
	}
}

void panic_end(void)
{
	s64 seconds;

	local_irq_disable();
	/* Another CPU speaks, or this one broke while it spoke for the second time. */
	if (READ_ONCE(panic_cpu) != smp_processor_id() || xchg(&panic_ending, true))
		cpu_stop();
	seconds = seconds_until_reset();
	if (!seconds) {
		printk(LOG_EMERG, "halted\n");
		cpu_stop();
	}
	if (seconds > 0)
		printk(LOG_EMERG, "reset in %lld s\n", seconds);
	wait_seconds(seconds);
	machine_restart();
}

void assert_fail(const char *expr, const char *file, int line)
{
	panic("assertion failed: %s at %s:%d", expr, file, line);
}
