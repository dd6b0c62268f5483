/* SPDX-License-Identifier: MIT */
/*
 * Exceptions. None is expected in a kernel that runs nothing else: each is a bug of ours, told as
 * precisely as the CPU tells it, and the end. Called by traps.S on the stack that was in use, or
 * on a stack of their own for NMI, double fault and machine check. Intel SDM volume 3A, 6.15.
 */
#include "x86_int.h"

#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/thread.h>

enum {
	TRAP_NMI = 2,
	TRAP_DOUBLE_FAULT = 8,
	TRAP_PAGE_FAULT = 14,
};

#define PF_PRESENT  (1u << 0)
#define PF_WRITE    (1u << 1)
#define PF_RESERVED (1u << 3)
#define PF_FETCH    (1u << 4)

static const char *const trap_names[VECTOR_EXCEPTIONS] = {
	[0] = "divide error",
	[1] = "debug",
	[2] = "NMI",
	[3] = "breakpoint",
	[4] = "overflow",
	[5] = "bound range exceeded",
	[6] = "invalid opcode",
	[7] = "no FPU",
	[8] = "double fault",
	[10] = "invalid TSS",
	[11] = "segment not present",
	[12] = "stack fault",
	[13] = "general protection fault",
	[14] = "page fault",
	[16] = "x87 error",
	[17] = "alignment check",
	[18] = "machine check",
	[19] = "SIMD error",
	[20] = "virtualisation exception",
	[21] = "control protection fault",
};

static const char *page_fault_reason(const struct regs *regs, u64 addr)
{
	if (addr < PAGE_SIZE)
		return "NULL pointer dereference";
	if (regs->error & PF_RESERVED)
		return "reserved bit in a page table";
	if (regs->error & PF_FETCH)
		return "execution of memory that is not code";
	if (regs->error & PF_PRESENT)
		return "write to read-only memory";
	return regs->error & PF_WRITE ? "write to unmapped memory" : "read of unmapped memory";
}

/* What a thread says that ran down its stack: a double fault, as the page fault had no stack. */
static bool is_stack_overflow(const struct regs *regs, u64 addr)
{
	if (regs->vector != TRAP_DOUBLE_FAULT && regs->vector != TRAP_PAGE_FAULT)
		return false;
	return kstack_is_guard(addr);
}

static const char *current_name(void)
{
	return thread_current() ? thread_current()->name : "boot";
}

void trap_dispatch(struct regs *regs)
{
	unsigned vector = (unsigned)regs->vector;
	u64 addr = read_cr2();

	if (vector == TRAP_NMI && smp_stopping())
		cpu_stop();
	this_cpu(exception_regs) = regs;
	if (is_stack_overflow(regs, addr))
		panic("kernel stack overflow in thread %s", current_name());
	if (vector == TRAP_PAGE_FAULT)
		panic("page fault at %016llx: %s (error %#llx)", addr,
		      page_fault_reason(regs, addr), regs->error);
	panic("%s (vector %u, error %#llx)", trap_names[vector] ? trap_names[vector] : "exception",
	      vector, regs->error);
}
