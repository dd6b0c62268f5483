/* SPDX-License-Identifier: MIT */
/*
 * The other CPUs. All are started at once: INIT and STARTUP to each; the boot CPU goes on with its
 * own work, then waits for them, for a bounded time. A CPU finds its number by its APIC ID
 * (trampoline.S), sets itself up and halts until the word to go: those that come too late, and all
 * with higher numbers, stay halted, so that CPU numbers have no gaps. Then each compares its
 * time-stamp counter with the boot CPU's, and takes up its idle thread.
 * Intel SDM volume 3A, 8.4.
 */
#include "x86_int.h"

#include <kernel/acpi.h>
#include <kernel/atomic.h>
#include <kernel/log.h>
#include <kernel/softirq.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>

#define START_LIMIT_NS (500 * NSEC_PER_MSEC)
#define SECOND_SIPI_NS (20 * NSEC_PER_MSEC)
#define INIT_DELAY_US  10000 /* on a machine; a hypervisor needs none */
#define TSC_ROUNDS     32

u32 cpu_apic_id[MAX_CPUS];
/* Read by trampoline.S. */
void *ap_stack[MAX_CPUS];
u32 ap_number;   /* of possible CPUs */
u32 ap_wide_ids; /* APIC IDs have 32 bits */

static unsigned online = 1; /* [I] once the boot has finished */
static bool arrived[MAX_CPUS];
static u32 go; /* number of CPUs that may run; 0: wait */
static u64 boot_cpu_tsc, other_cpu_tsc;
static bool tsc_differs;
static bool stopping;

unsigned num_online_cpus(void)
{
	return online;
}

/* --- who is there ------------------------------------------------------------------------------
 */

static void add_cpu(u32 id)
{
	if (id == cpu_apic_id[0] || nr_possible_cpus == MAX_CPUS)
		return;
	cpu_apic_id[nr_possible_cpus++] = id;
}

static void add_madt_cpu(const struct acpi_madt_entry *e, void *arg)
{
	if (e->type == ACPI_MADT_LAPIC) {
		const struct acpi_madt_lapic *l = (const void *)e;

		if (l->flags & ACPI_MADT_CPU_ENABLED)
			add_cpu(l->apic_id);
	} else if (e->type == ACPI_MADT_X2APIC && apic_is_x2apic()) {
		const struct acpi_madt_x2apic *l = (const void *)e;

		if (l->flags & ACPI_MADT_CPU_ENABLED)
			add_cpu(l->apic_id);
	}
}

void smp_detect(void)
{
	if (!apic_present)
		return;
	cpu_apic_id[0] = apic_id();
	if (acpi_madt_get())
		acpi_madt_for_each(add_madt_cpu, NULL);
	else
		mptable_for_each_cpu(add_cpu);
}

/* --- the clocks' agreement ----------------------------------------------------------------------
 */

static void publish_tsc(u64 *mine)
{
	__atomic_store_n(mine, rdtsc_ordered(), __ATOMIC_RELEASE);
}

/* What another CPU read before us cannot be later than what we read now. */
static void compare_tsc(const u64 *others)
{
	u64 before = smp_load_acquire(others);

	if (rdtsc_ordered() < before)
		WRITE_ONCE(tsc_differs, true);
}

/* --- a CPU's own way up -------------------------------------------------------------------- */

/* Halted, not spinning: the boot CPU may need this CPU's host to finish its part. */
static void wait_for_go(void)
{
	local_irq_enable();
	cpu_irq_disable();
	while (!smp_load_acquire(&go)) {
		cpu_idle_halt();
		cpu_irq_disable();
	}
	cpu_irq_enable();
	local_irq_disable();
}

_Noreturn void ap_main(unsigned cpu);

_Noreturn void ap_main(unsigned cpu)
{
	percpu_load(cpu);
	cpu_setup();
	desc_load();
	apic_init_cpu();
	smp_store_release(&arrived[cpu], true);
	wait_for_go();
	if (cpu >= go)
		cpu_stop();
	for (unsigned n = 0; n < TSC_ROUNDS; n++) {
		compare_tsc(&boot_cpu_tsc);
		publish_tsc(&other_cpu_tsc);
	}
	clock_init_cpu();
	sched_init_cpu();
	clockevent_init_cpu();
	smp_store_release(&arrived[cpu], false);
	sched_idle();
}

/* --- the boot CPU's part -------------------------------------------------------------------- */

static unsigned prepare(void)
{
	unsigned n = 1;

	for (; n < nr_possible_cpus; n++) {
		ap_stack[n] = kstack_alloc();
		if (!ap_stack[n] || percpu_alloc(n) < 0 || desc_alloc_stacks(n) < 0) {
			pr_warn("smp: no memory for CPU %u", n);
			break;
		}
		ap_stack[n] = (u8 *)ap_stack[n] + STACK_BYTES;
	}
	return n;
}

static void send_startup(void)
{
	for (unsigned cpu = 1; cpu < ap_number; cpu++)
		if (!smp_load_acquire(&arrived[cpu]))
			apic_send(cpu_apic_id[cpu], ICR_STARTUP | (u32)(memory_trampoline >> 12));
}

void smp_kick(void)
{
	unsigned n = prepare();

	if (n > 1 && !memory_trampoline) {
		pr_warn("smp: no memory below 1 MiB to start the other CPUs from");
		n = 1;
	}
	ap_number = n;
	ap_wide_ids = apic_is_x2apic();
	for (unsigned cpu = 1; cpu < n; cpu++)
		apic_send(cpu_apic_id[cpu], ICR_INIT);
	if (n > 1 && !cpu_features.hypervisor)
		udelay(INIT_DELAY_US);
	send_startup();
}

/* How many CPUs from 0 on have their flag at the wanted value. */
static unsigned count_arrived(unsigned n, bool wanted)
{
	unsigned cpu = 1;

	while (cpu < n && smp_load_acquire(&arrived[cpu]) == wanted)
		cpu++;
	return cpu;
}

static unsigned wait_for_arrival(void)
{
	u64 start = ktime_get_ns(), now = start;
	bool sent_again = false;

	while (count_arrived(ap_number, true) < ap_number && now - start < START_LIMIT_NS) {
		now = ktime_get_ns();
		if (!sent_again && now - start > SECOND_SIPI_NS) {
			send_startup();
			sent_again = true;
		}
		cpu_relax();
	}
	return count_arrived(ap_number, true);
}

void smp_join(void)
{
	unsigned up = wait_for_arrival();

	online = up;
	publish_tsc(&boot_cpu_tsc);
	smp_store_release(&go, up);
	for (unsigned cpu = 1; cpu < up; cpu++)
		smp_send_call(cpu);
	while (count_arrived(up, false) < up) {
		publish_tsc(&boot_cpu_tsc);
		compare_tsc(&other_cpu_tsc);
		cpu_relax();
	}
	if (READ_ONCE(tsc_differs))
		clock_tsc_unstable();
	if (up < nr_possible_cpus)
		pr_warn("smp: only %u of %u CPUs run", up, nr_possible_cpus);
	else if (up > 1)
		pr_info("smp: %u CPUs", up);
}

/* --- messages between CPUs
 * ------------------------------------------------------------------------ */

void smp_send_reschedule(unsigned cpu)
{
	apic_send(cpu_apic_id[cpu], VECTOR_RESCHEDULE);
}

void smp_send_call(unsigned cpu)
{
	apic_send(cpu_apic_id[cpu], VECTOR_CALL);
}

static DEFINE_SPINLOCK(flush_lock);
static u32 flush_waiting; /* [a] */

static void flush_own_tlb(void)
{
	write_cr3(read_cr3());
}

void smp_flush_tlb_interrupt(void)
{
	flush_own_tlb();
	__atomic_fetch_sub(&flush_waiting, 1, __ATOMIC_RELEASE);
}

void smp_flush_tlb(void)
{
	spin_lock(&flush_lock);
	flush_own_tlb();
	__atomic_store_n(&flush_waiting, online - 1, __ATOMIC_SEQ_CST);
	for_each_cpu(cpu)
		if (cpu != smp_processor_id())
			apic_send(cpu_apic_id[cpu], VECTOR_FLUSH_TLB);
	while (smp_load_acquire(&flush_waiting))
		cpu_relax();
	spin_unlock(&flush_lock);
}

void smp_stop_others(void)
{
	WRITE_ONCE(stopping, true);
	if (apic_present && online > 1)
		apic_send_nmi_to_others();
}

bool smp_stopping(void)
{
	return READ_ONCE(stopping);
}
