/* SPDX-License-Identifier: MIT */
/*
 * The hosted home, for its users: unit tests, the simulator, the hosted program.
 *
 * One Linux thread plays every CPU. Threads of the stack are coroutines; they change only where
 * they sleep or yield. Time is a number that moves only when nothing can run at the present
 * moment: to the next timer. So a run depends on the seed and the code alone.
 *
 * The caller of host_init() becomes the stack's first thread, on CPU 0: it may sleep, call sys_*
 * functions and create threads. While it sleeps, everything else goes on; if everything sleeps
 * and no timer is armed, the process ends with a list of the threads.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <kernel/log.h>
#include <lib/types.h>

struct host_config {
	u64 seed;
	unsigned cpus;    /* 0: one */
	size_t mem_bytes; /* of the page allocator; 0: 64 MiB */
	const char *cmdline;
	/* Chance in percent that a wake-up preempts the running thread at its next
	 * preempt_enable(): finds code that relies on not being preempted. */
	unsigned preempt_percent;
	bool realtime; /* time is the real clock, idling waits for it and for file descriptors */
	const char *archive;   /* path of a root file system to mount, or NULL */
	void (*devices)(void); /* called where the image's drivers start, before INIT_LATE */
	bool boot; /* all of kernel_start(): drivers' and late calls, autostarted apps */
};

/* Bring the kernel up: memory, time, threads, softirqs, then the initcalls of INIT_CORE and
 * INIT_NET. Later calls in the same process only set the seed anew and clear fault injection. */
void host_init(u64 seed);
void host_init_config(const struct host_config *config);

/* Let everything run until virtual time ns, or for ns more: returns at exactly that time, with
 * nothing left to do at it. */
void host_run_until(u64 ns);
void host_run_for(u64 ns);

/* Run until no thread can run and no timer is armed, or the next one is more than max_ns away.
 * Returns the nanoseconds of virtual time that passed. */
u64 host_run_idle(u64 max_ns);

/* Bytes in slab objects and pages that are allocated now, after callbacks of RCU that are due were
 * run and per-CPU stocks given back: take it before and after what must not leak. */
u64 host_memory_in_use(void);

/* Check that nothing is held that should not be (locks, interrupts off, preemption off, threads of
 * the test still alive beside those of the kernel); aborts with a report otherwise. */
void host_check(void);

/* Call fn(arg) on this thread as an interrupt of cpu: interrupts off, softirqs served after. */
void host_interrupt(unsigned cpu, void (*fn)(void *arg), void *arg);

/* Real-time mode: call fn(arg), as an interrupt of CPU 0, when fd is readable. */
void host_watch_fd(int fd, void (*fn)(void *arg), void *arg);
void host_unwatch_fd(int fd);

/* Messages up to that level go to stderr (default: warnings; SLUICE_LOG=0..7 overrides). */
void host_log_level(enum log_level level);

/* Deterministic random numbers for tests: their own stream of the run's seed. */
u64 host_random(void);
u32 host_random_below(u32 n);

#endif
