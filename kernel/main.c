/* SPDX-License-Identifier: MIT */
/*
 * Bring-up of the machine, from the first line of C on the boot CPU to the first thread. Read it
 * as a table of contents: each line may use what the lines above it set up. boot/entry.S calls
 * kernel_main() on the boot stack with interrupts off; it ends as the idle thread of CPU 0.
 */
#include "../boot/bootinfo_int.h"
#include "x86/x86_int.h"

#include <kernel/acpi.h>
#include <kernel/bootinfo.h>
#include <kernel/cmdline.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/random.h>
#include <kernel/rcu.h>
#include <kernel/softirq.h>
#include <kernel/thread.h>
#include <kernel/timer.h>
#include <lib/kstrto.h>

#define BOOT_MAPPED_BYTES (4ull << 30)

struct bootinfo bootinfo;

static const void *boot_read(const struct boot_reader *r, u64 phys, size_t len)
{
	if (phys >= BOOT_MAPPED_BYTES || len > BOOT_MAPPED_BYTES - phys)
		return NULL;
	return (const void *)(uintptr_t)phys;
}

/* Linux's words: quiet, or loglevel=N for messages below level N. */
static void set_loglevel(void)
{
	const char *value = cmdline_get("loglevel");
	u32 level;

	if (cmdline_get("quiet"))
		console_set_loglevel(LOG_WARNING);
	if (value && !kstrtou32(value, 10, &level) && level >= 1 && level <= LOG_DEBUG + 1)
		console_set_loglevel(level - 1);
}

static void read_bootinfo(u32 magic, u64 info)
{
	const struct boot_reader reader = {boot_read};

	if (boot_parse(&bootinfo, &reader, magic, info) < 0)
		panic("the loader (magic %#x) gave no memory map", magic);
	cmdline_init(bootinfo.cmdline);
	set_loglevel();
	early_console_init();
	pr_info("Sluice, booted by %s%s%s", bootinfo.protocol, *bootinfo.loader ? ", " : "",
		bootinfo.loader);
	pr_info("command line: %s", bootinfo.cmdline);
}

static void init_boot_cpu_stacks(void)
{
	if (desc_alloc_stacks(0) < 0)
		panic("no memory for the boot CPU's stacks");
	desc_load();
}

/* The rest of the boot may sleep. */
static int init_thread(void *arg)
{
	kernel_start();
	return 0;
}

static void start_init(void)
{
	struct thread *t = thread_create("init", init_thread, NULL, 0, PRIO_NORMAL);

	if (!t)
		panic("no memory for the init thread");
	thread_put(t);
}

_Noreturn void kernel_main(u32 magic, u64 info);

_Noreturn void kernel_main(u32 magic, u64 info)
{
	percpu_init_boot_cpu();
	desc_init_boot_cpu(); /* exceptions are reported */
	cpu_detect();
	cpu_setup();
	read_bootinfo(magic, info); /* memory map, command line */
	memory_init();              /* page tables, page allocator */
	slab_init();                /* kmalloc() */
	init_boot_cpu_stacks();
	rsdp_find();
	acpi_init();
	irq_init(); /* interrupt controllers, all lines masked */
	smp_detect();
	smp_kick();   /* the other CPUs begin */
	clock_init(); /* time runs */
	timer_init();
	random_init();
	sched_init_cpu(); /* we are the idle thread */
	clockevent_init_cpu();
	smp_join(); /* all CPUs run their idle threads */
	rcu_init();
	slab_reap_init();
	softirq_start_threads();
	start_init();
	sched_idle();
}
