/* SPDX-License-Identifier: MIT */
/*
 * The hosted home's start, its end, and what a kernel asks of a home besides time and threads.
 */
#include <home/cpu.h>
#include <kernel/bootinfo.h>
#include <kernel/cmdline.h>
#include <kernel/init.h>
#include <kernel/irq.h>
#include <kernel/mm.h>
#include <kernel/random.h>
#include <kernel/rcu.h>
#include <kernel/reboot.h>
#include <kernel/softirq.h>
#include <kernel/timer.h>
#include <kernel/vfs.h>
#include <lib/assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/host_int.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#else
#define __sanitizer_print_stack_trace() ((void)0)
#endif

unsigned host_cpu;
bool host_irqs_off;
uintptr_t percpu_offset[MAX_CPUS];
struct host_config host_conf;
struct bootinfo bootinfo;
unsigned host_nr_cpus = 1;

extern char __start_percpu[], __stop_percpu[];

static bool initialised;
static unsigned kernel_threads;
static void *percpu_copy[MAX_CPUS]; /* percpu_offset[] is no pointer that a leak check sees */

unsigned num_online_cpus(void)
{
	return host_nr_cpus;
}

/* --- messages and ends -------------------------------------------------------------------- */

void host_die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "\nhosted home, CPU %u at %llu ns: ", host_cpu, host_now_ns);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	host_thread_dump();
	__sanitizer_print_stack_trace();
	abort();
}

void assert_fail(const char *expr, const char *file, int line)
{
	host_die("assertion failed: %s at %s:%d", expr, file, line);
}

void dump_stack(void)
{
	__sanitizer_print_stack_trace();
}

void panic_stop_cpus(void)
{
}

void panic_end(void)
{
	host_die("the kernel panicked");
}

void machine_halt(void)
{
	fflush(NULL);
	_exit(0);
}

void machine_power_off(void)
{
	machine_halt();
}

void machine_restart(void)
{
	machine_halt();
}

void irq_for_each(void (*fn)(int irq, const char *chip, const char *name, const u64 *per_cpu,
			     void *arg),
		  void *arg)
{
}

static void stderr_write(struct console *c, const char *s, size_t len)
{
	fwrite(s, 1, len, stderr);
}

static struct console stderr_console = {.name = "stderr", .write = stderr_write};

void host_log_level(enum log_level level)
{
	const char *env = getenv("SLUICE_LOG");

	console_set_loglevel(env ? (enum log_level)atoi(env) : level);
}

/* --- randomness: three streams of one seed -------------------------------------------------- */

static u64 stream[3];

static u64 stream_next(u64 *s)
{
	u64 z = (*s += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

void host_random_init(u64 seed)
{
	for (unsigned i = 0; i < ARRAY_SIZE(stream); i++)
		stream[i] = seed ^ (i + 1) * 0xd1342543de82ef95ull;
}

bool cpu_random_u64(u64 *v)
{
	*v = stream_next(&stream[0]);
	return true;
}

u64 host_random_internal(void)
{
	return stream_next(&stream[1]);
}

u64 host_random(void)
{
	return stream_next(&stream[2]);
}

u32 host_random_below(u32 n)
{
	return (u32)((host_random() >> 32) * n >> 32);
}

/* --- start -------------------------------------------------------------------------------- */

/* Copies of the per-CPU template; byte by byte, unseen by the sanitizer, which may keep marks
 * between the variables. */
static __attribute__((no_sanitize("address", "undefined"))) void percpu_init(void)
{
	size_t size = (size_t)(__stop_percpu - __start_percpu);

	for (unsigned cpu = 1; cpu < host_nr_cpus; cpu++) {
		volatile char *to = aligned_alloc(64, ALIGN(size, (size_t)64));

		if (!to)
			host_die("no memory for per-CPU data");
		percpu_copy[cpu] = (void *)(uintptr_t)to;
		for (size_t i = 0; i < size; i++)
			to[i] = __start_percpu[i];
		percpu_offset[cpu] = (uintptr_t)to - (uintptr_t)__start_percpu;
	}
}

/* As a boot loader would: the archive is a module. */
static void load_archive(const char *path)
{
	struct boot_module *m = &bootinfo.module[0];
	size_t len;
	void *p = host_archive_load(path, &len);

	if (!p)
		host_die("%s cannot be read", path);
	*m = (struct boot_module){.start = (uintptr_t)p, .end = (uintptr_t)p + len, .cmdline = ""};
	bootinfo.nmodules = 1;
}

/* Between the image's drivers: the host's devices. */
static int host_devices(void)
{
	if (host_conf.devices)
		host_conf.devices();
	return 0;
}
DEFINE_INITCALL(INIT_DRIVER, host_devices);

static void first_start(const struct host_config *config)
{
	host_conf = *config;
	host_nr_cpus = config->cpus ? config->cpus : 1;
	percpu_init();
	host_clock_init();
	host_thread_init();
	host_log_level(LOG_WARNING);
	register_console(&stderr_console);
	cmdline_init(config->cmdline ? config->cmdline : "");
	host_mm_init();
	if (config->archive)
		load_archive(config->archive);
	slab_init();
	timer_init();
	rcu_init();
	random_init();
	softirq_start_threads();
	if (config->boot) {
		kernel_start();
	} else {
		do_initcalls(INIT_CORE);
		do_initcalls(INIT_NET);
	}
	host_run_for(0);
	kernel_threads = host_thread_count();
}

void host_init_config(const struct host_config *config)
{
	host_random_init(config->seed);
	if (!initialised) {
		initialised = true;
		first_start(config);
		return;
	}
	host_conf.preempt_percent = config->preempt_percent;
	mm_fail_every(0);
	random_init();
}

void host_init(u64 seed)
{
	host_init_config(&(struct host_config){.seed = seed});
}

void host_check(void)
{
	host_spinlock_check();
	for (unsigned cpu = 0; cpu < host_nr_cpus; cpu++) {
		if (per_cpu(preempt_count, cpu))
			host_die("CPU %u: preempt_count is %#x", cpu, per_cpu(preempt_count, cpu));
	}
	if (host_irqs_off)
		host_die("interrupts are off");
	host_run_for(0);
	if (host_thread_count() > kernel_threads)
		host_die("%u threads are still alive", host_thread_count() - kernel_threads);
}
