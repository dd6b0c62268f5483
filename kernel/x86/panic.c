/* SPDX-License-Identifier: MIT */
/*
 * The end by our own fault: says what happened on every console, stops the other CPUs, then does
 * what the command line's panic= says, as Linux does: 0 or nothing halts, N > 0 resets after
 * N seconds, N < 0 at once. Any context, also a broken one; the first CPU that comes here speaks.
 */
#include "x86_int.h"

#include <kernel/atomic.h>
#include <kernel/cmdline.h>
#include <kernel/log.h>
#include <kernel/reboot.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/assert.h>
#include <lib/kstrto.h>
#include <lib/printf.h>

#define NOBODY (~0u)

static u32 panic_cpu = NOBODY; /* [a] */
static bool panic_nested;

bool panic_in_progress(void)
{
	return READ_ONCE(panic_cpu) != NOBODY;
}

void panic_stop_this_cpu(void)
{
	cpu_stop();
}

static _Noreturn void finish(void)
{
	const char *value = cmdline_get("panic");
	s64 seconds = 0;

	if (value && kstrtos64(value, 0, &seconds) < 0)
		seconds = 0;
	if (!seconds) {
		printk(LOG_EMERG, "halted\n");
		cpu_stop();
	}
	if (seconds > 0)
		printk(LOG_EMERG, "reset in %lld s\n", seconds);
	for (s64 n = 0; n < seconds * 1000; n++)
		udelay(1000);
	machine_restart();
}

static _Noreturn void vpanic(const struct regs *regs, u64 rip, u64 rbp, const char *fmt, va_list ap)
{
	char text[256];
	u32 cpu = smp_processor_id(), owner;

	local_irq_disable();
	owner = cmpxchg(&panic_cpu, NOBODY, cpu);
	if (owner != NOBODY && owner != cpu)
		panic_stop_this_cpu();
	if (owner == cpu) {
		/* The report itself broke: one more line, if that is possible, and the end. */
		if (!xchg(&panic_nested, true))
			printk(LOG_EMERG, "panic while reporting a panic, at %pS\n",
			       (void *)(uintptr_t)rip);
		cpu_stop();
	}
	smp_stop_others();
	vscnprintf(text, sizeof(text), fmt, ap);
	printk(LOG_EMERG, "Kernel panic: %s\n", text);
	printk(LOG_EMERG, "CPU %u, thread %s, preempt_count %#x\n", cpu, thread_current()->name,
	       this_cpu(preempt_count));
	if (regs)
		regs_print(regs);
	backtrace_print(rip, rbp);
	finish();
}

void panic_regs(const struct regs *regs, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vpanic(regs, regs->rip, regs->rbp, fmt, ap);
}

void panic(const char *fmt, ...)
{
	struct regs regs = {0};
	va_list ap;

	/* Those registers that a function keeps for its caller are still the caller's. */
	__asm__ volatile("movq %%rbx, %0\n\tmovq %%r12, %1\n\tmovq %%r13, %2\n\t"
			 "movq %%r14, %3\n\tmovq %%r15, %4\n\tpushfq\n\tpopq %5"
			 : "=m"(regs.rbx), "=m"(regs.r12), "=m"(regs.r13), "=m"(regs.r14),
			   "=m"(regs.r15), "=r"(regs.rflags));
	regs.rip = (uintptr_t)__builtin_return_address(0);
	regs.rbp = *(u64 *)__builtin_frame_address(0);
	regs.rsp = (uintptr_t)__builtin_frame_address(0) + 16;
	regs.cs = SEL_CODE;
	regs.ss = SEL_DATA;
	va_start(ap, fmt);
	vpanic(&regs, regs.rip, regs.rbp, fmt, ap);
}

void assert_fail(const char *expr, const char *file, int line)
{
	panic("assertion failed: %s at %s:%d", expr, file, line);
}
