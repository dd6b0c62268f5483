/* SPDX-License-Identifier: MIT */
/*
 * What the files of kernel/x86 offer each other, grouped by the file that defines it.
 */
#ifndef X86_INT_H
#define X86_INT_H

#include <home/cpu.h>
#include <home/irqflags.h>
#include <kernel/percpu.h>
#include <kernel/sched.h>
#include <x86/layout.h>

/* Registers as traps.S saves them; rip and up are the CPU's own frame. */
struct regs {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(struct regs) == 22 * 8, "traps.S pushes this");

/* Linker script and entry.S */
extern char _image_start[], _text_start[], _rodata_start[], _data_start[], _image_end[];
extern char _boot_bss_start[], _boot_bss_end[];
extern char boot_stack[];
extern const char trampoline_start[], trampoline_end[];
extern u64 boot_entry_tsc;

/* early_console.c */
void early_console_init(void);
/* Print what the log holds, and all that follows, here and now. */
void early_console_start(void);

/* cpu.c */
struct cpu_features {
	bool apic, x2apic, tsc_deadline, tsc_invariant, gb_pages, pge, fsgsbase, avx, rdrand,
		rdseed, hypervisor, tcg, kvmclock, kvmclock_stable;
	u32 max_leaf, max_hv_leaf;
	char vendor[13], hv_vendor[13];
};
extern struct cpu_features cpu_features;
void cpu_detect(void);
/* Set the control registers of this CPU as all of ours have them. */
void cpu_setup(void);

/* percpu.c */
void percpu_init_boot_cpu(void);
/* A copy of the template for cpu, whose GS base becomes percpu_offset[cpu]. -ENOMEM. */
int percpu_alloc(unsigned cpu);
void percpu_load(unsigned cpu);
extern unsigned nr_possible_cpus;

/* desc.c */
DECLARE_PER_CPU(u8 *, irq_stack_top);
void desc_init_boot_cpu(void);
/* Stacks for interrupts and for NMI, double fault, machine check. -ENOMEM. */
int desc_alloc_stacks(unsigned cpu);
void desc_load(void);
void idt_load(void);

/* traps.c */
void trap_dispatch(struct regs *regs);

/* backtrace.c */
DECLARE_PER_CPU(const struct regs *, exception_regs);

/* rsdp.c: set bootinfo.rsdp, if the loader did not and ACPI's memory holds one. */
void rsdp_find(void);

/* memory.c: the memory map from boot until the page allocator takes over. */
/* size bytes of zeroed memory below 4 GiB that is never given back. Panics when there is none: too
 * little memory to boot. */
void *early_alloc(size_t size);
/* Check the memory map, build page tables, hand all that is free to the page allocator. */
void memory_init(void);
/* One page below 1 MiB for the start-up code of the other CPUs, 0 where there is none. */
extern u64 memory_trampoline;

/* paging.c */
#define PTE_PRESENT 0x001ull
#define PTE_WRITE   0x002ull
#define PTE_PWT     0x008ull
#define PTE_PCD     0x010ull
#define PTE_LARGE   0x080ull
#define PTE_GLOBAL  0x100ull
#define PTE_NX      (1ull << 63)
#define PTE_ADDR    0x000ffffffffff000ull
#define PROT_RW     (PTE_PRESENT | PTE_WRITE | PTE_NX)
#define PROT_RO     (PTE_PRESENT | PTE_NX)
#define PROT_RX     (PTE_PRESENT)
#define PROT_DEVICE (PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_PCD | PTE_PWT)

extern u64 kernel_pml4[512];
/* Map [virt, virt + size) to phys with the largest pages that fit, leaving alone what is mapped
 * already. All page-aligned. 0 or -ENOMEM. */
int paging_map(u64 virt, u64 phys, u64 size, u64 prot);
/* Unmap one 4 KiB page; the caller flushes. Value: the physical page, 0 if none was mapped. */
u64 paging_unmap_page(u64 virt);
bool paging_is_mapped(u64 virt);
void paging_init(void);
void paging_load(void);
/* From here on tables come from the page allocator. */
void paging_allocator_ready(void);

/* stack.c: the kernel stacks of <kernel/sched.h>. */
#define STACK_BYTES KSTACK_BYTES
/* Does addr lie in the guard below a stack? */
bool kstack_is_guard(u64 addr);

/* smp.c */
extern u32 cpu_apic_id[MAX_CPUS]; /* [I] after smp_detect() */
/* Find out which CPUs there are: fills cpu_apic_id and nr_possible_cpus. */
void smp_detect(void);
/* Start them all, without waiting; then have them run their idle threads. Interrupts off. */
void smp_kick(void);
void smp_join(void);
/* Forget what all CPUs cached of mappings that are not global. Thread context. */
void smp_flush_tlb(void);
void smp_flush_tlb_interrupt(void);
/* Stop the other CPUs for good, by NMI; does not wait. Any context. */
void smp_stop_others(void);
bool smp_stopping(void);

/* mptable.c: the MP configuration table of machines without ACPI. */
void mptable_for_each_cpu(void (*fn)(u32 apic_id));
void mptable_for_each_ioapic(void (*fn)(u64 phys, unsigned gsi_base));

/* apic.c */
#define APIC_TIMER_LVT     0x320
#define APIC_TIMER_INITIAL 0x380
#define APIC_TIMER_CURRENT 0x390
#define APIC_TIMER_DIVIDE  0x3E0
#define ICR_INIT           0x500
#define ICR_STARTUP        0x600
extern bool apic_present;
void apic_detect(void);
void apic_init_cpu(void);
u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 v);
void apic_eoi(void);
void apic_error(void);
u32 apic_id(void);
bool apic_is_x2apic(void);
/* command: a vector, or ICR_*. */
void apic_send(u32 dest_apic_id, u32 command);
void apic_send_nmi_to_others(void);

/* ioapic.c */
void ioapic_add(u64 phys, unsigned gsi_base);
bool ioapic_present(void);
bool ioapic_has_gsi(unsigned gsi);

/* irq.c */
void irq_init(void);
void interrupt_dispatch(struct regs *regs);

/* clock.c */
/* Find the clocks and how fast they run; starts the monotonic clock, whose zero is the entry. */
void clock_init(void);
void clock_init_cpu(void);
/* The TSCs of two CPUs disagree: use another clock where there is one. */
void clock_tsc_unstable(void);
/* TSC value at the monotonic time ns. */
u64 clock_ns_to_tsc(u64 ns);
bool clock_is_tsc(void);
/* Ticks a second of the local APIC's timer, undivided. */
extern u64 apic_timer_hz;

/* clockevent.c */
void clockevent_init_cpu(void);
void clockevent_interrupt(void);

/* rtc.c: seconds since 1970 by the CMOS clock, 0 where there is none. */
u64 rtc_read(void);
#endif
