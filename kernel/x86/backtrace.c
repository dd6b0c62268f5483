/* SPDX-License-Identifier: MIT */
/*
 * Call chains and registers in words. Reads the stack, trusting nothing: a word must be aligned and
 * mapped, and the walk is bounded. Names come from the table that tools/mksyms.py
 * links into the image. Any context, also when everything is broken.
 */
#include "x86_int.h"

#include <kernel/log.h>
#include <kernel/preempt.h>
#include <kernel/thread.h>
#include <lib/printf.h>
#include <string.h>

#define MAX_FRAMES 32
#define MAX_WORDS  1024

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

struct symbol {
	const char *name;
	u64 start, size;
};

static bool symbol_find(u64 addr, struct symbol *s)
{
	*s = (struct symbol){.name = ksyms_names, .start = ksyms_base};
	if (!is_text(addr) || addr < s->start)
		return false;
	for (u32 i = 0; i < ksyms_count; i++) {
		s->size = ksyms_step[i];
		if (addr - s->start < s->size)
			return true;
		s->start += s->size;
		s->name += strlen(s->name) + 1;
	}
	return false;
}

int printf_symbol(char *buf, size_t size, unsigned long addr)
{
	struct symbol s;

	if (!symbol_find(addr, &s))
		return 0;
	return scnprintf(buf, size, "%s+%#llx/%#llx", s.name, addr - s.start, s.size);
}

/*
 * Does a call end just before addr? The value is where it goes: 1 where that is in a register or in
 * memory, 0 if there is no call.
 */
static u64 call_before(u64 addr)
{
	const u8 *p = (const u8 *)(uintptr_t)addr;
	s32 distance;

	if (!is_text(addr) || !is_text(addr - 7))
		return 0;
	if (p[-5] == 0xe8) {
		memcpy(&distance, p - 4, sizeof(distance));
		return is_text(addr + (u64)(s64)distance) ? addr + (u64)(s64)distance : 0;
	}
	for (unsigned length = 2; length <= 7; length++)
		if (p[-(int)length] == 0xff && (p[1 - (int)length] >> 3 & 7) == 2)
			return 1;
	return 0;
}

static bool is_readable(u64 addr)
{
	return addr && addr % 8 == 0 && paging_is_mapped(addr);
}

static void frame_print(u64 rip, bool sure)
{
	printk(LOG_EMERG, "  [<%016llx>] %s%pS\n", rip, sure ? "" : "? ", (void *)(uintptr_t)rip);
}

/*
 * Code that is built for speed keeps no frame pointers, so the stack is read word by word: what
 * stands behind a call is a return address. It is certain where the call goes to the function shown
 * last, or the chain of frame pointers has it; the others, marked by a question mark, may be left
 * over from calls that have returned.
 */
static void backtrace_print(u64 rip, u64 rsp, u64 rbp)
{
	struct symbol shown;

	printk(LOG_EMERG, "Call Trace:\n");
	frame_print(rip, true);
	symbol_find(rip, &shown);
	for (unsigned n = 1, word = 0; n < MAX_FRAMES && word < MAX_WORDS; word++, rsp += 8) {
		bool sure = rsp == rbp + 8;
		u64 value, target;

		if (!is_readable(rsp))
			return;
		value = *(const u64 *)(uintptr_t)rsp;
		target = call_before(value);
		if (sure)
			rbp = is_readable(rbp) ? *(const u64 *)(uintptr_t)rbp : 0;
		if (!target)
			continue;
		sure |= target == shown.start;
		if (sure)
			symbol_find(value, &shown);
		frame_print(value, sure);
		n++;
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
	backtrace_print(regs->rip, regs->rsp, regs->rbp);
}
