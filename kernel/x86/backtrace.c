/* SPDX-License-Identifier: MIT */
/*
 * Call chains and registers in words. Walks frame pointers, trusting nothing: a frame must be
 * aligned and mapped, and the walk is bounded. Names come from the table that tools/mksyms.py
 * links into the image. Any context, also when everything is broken.
 */
#include "x86_int.h"

#include <kernel/log.h>
#include <kernel/preempt.h>
#include <kernel/thread.h>
#include <lib/printf.h>
#include <string.h>

#define MAX_FRAMES 24

extern const u64 ksyms_base;
extern const u32 ksyms_count;
extern const u16 ksyms_step[];
extern const char ksyms_names[];

/* Set while this CPU handles an exception. */
DEFINE_PER_CPU(const struct regs *, exception_regs);

static bool is_text(u64 addr)
{
	return addr >= (uintptr_t)_text_start && addr < (uintptr_t)_rodata_start;
}

int printf_symbol(char *buf, size_t size, unsigned long addr)
{
	const char *name = ksyms_names;
	u64 start = ksyms_base;

	if (!is_text(addr) || addr < start)
		return 0;
	for (u32 i = 0; i < ksyms_count; i++) {
		if (addr - start < ksyms_step[i])
			return scnprintf(buf, size, "%s+%#llx/%#x", name, addr - start,
					 ksyms_step[i]);
		start += ksyms_step[i];
		name += strlen(name) + 1;
	}
	return 0;
}

static void backtrace_print(u64 rip, u64 rbp)
{
	printk(LOG_EMERG, "Call Trace:\n");
	for (unsigned n = 0; n < MAX_FRAMES; n++) {
		const u64 *frame = (const u64 *)(uintptr_t)rbp;

		printk(LOG_EMERG, "  [<%016llx>] %pS\n", rip, (void *)(uintptr_t)rip);
		if (!rbp || rbp % 8 || !paging_is_mapped(rbp) || !paging_is_mapped(rbp + 15))
			return;
		rbp = frame[0];
		rip = frame[1];
		if (!is_text(rip))
			return;
	}
}

static void regs_print(const struct regs *r)
{
	printk(LOG_EMERG, "RIP %016llx %pS\n", r->rip, (void *)(uintptr_t)r->rip);
	printk(LOG_EMERG, "RAX %016llx RBX %016llx RCX %016llx RDX %016llx\n", r->rax, r->rbx,
	       r->rcx, r->rdx);
	printk(LOG_EMERG, "RSI %016llx RDI %016llx RBP %016llx RSP %016llx\n", r->rsi, r->rdi,
	       r->rbp, r->rsp);
	printk(LOG_EMERG, "R8  %016llx R9  %016llx R10 %016llx R11 %016llx\n", r->r8, r->r9, r->r10,
	       r->r11);
	printk(LOG_EMERG, "R12 %016llx R13 %016llx R14 %016llx R15 %016llx\n", r->r12, r->r13,
	       r->r14, r->r15);
	printk(LOG_EMERG, "EFLAGS %08llx CR2 %016llx CR3 %016llx CR4 %08llx CS %04llx SS %04llx\n",
	       r->rflags, read_cr2(), read_cr3(), read_cr4(), r->cs, r->ss);
}

/* The caller's registers, as far as a function keeps them for its caller. */
static __always_inline void regs_capture(struct regs *r)
{
	*r = (struct regs){.cs = SEL_CODE, .ss = SEL_DATA};
	__asm__ volatile("movq %%rbx, %0\n\tmovq %%r12, %1\n\tmovq %%r13, %2\n\t"
			 "movq %%r14, %3\n\tmovq %%r15, %4\n\tpushfq\n\tpopq %5"
			 : "=m"(r->rbx), "=m"(r->r12), "=m"(r->r13), "=m"(r->r14), "=m"(r->r15),
			   "=r"(r->rflags));
	r->rip = (uintptr_t)__builtin_return_address(0);
	r->rbp = *(u64 *)__builtin_frame_address(0);
	r->rsp = (uintptr_t)__builtin_frame_address(0) + 2 * sizeof(u64);
}

/* In the middle of an exception: where it struck, not how we came here from there. */
void dump_stack(void)
{
	const struct regs *regs = this_cpu(exception_regs);
	const struct thread *t = thread_current();
	struct regs own;

	if (!regs) {
		regs_capture(&own);
		regs = &own;
	}
	if (panic_in_progress()) {
		printk(LOG_EMERG, "CPU %u, thread %s, preempt_count %#x\n", smp_processor_id(),
		       t ? t->name : "boot", this_cpu(preempt_count));
		regs_print(regs);
	}
	backtrace_print(regs->rip, regs->rbp);
}
