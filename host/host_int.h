/* SPDX-License-Identifier: MIT */
/* Between the parts of the hosted home. */
#ifndef HOST_INT_H
#define HOST_INT_H

#include <kernel/percpu.h>
#include <kernel/thread.h>
#include <lib/types.h>

#include "host/host.h"

extern struct host_config host_conf;
extern unsigned host_nr_cpus;

/* Say what is wrong on stderr, with all threads and a backtrace, and abort. */
_Noreturn void host_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* clock.c */
extern u64 host_now_ns; /* virtual time */
void host_clock_init(void);
/* Deliver what is due now on any CPU: calls, timers, softirqs. Returns whether there was any. */
bool host_deliver(void);
/* Nothing can run now: go to the next timer, at most to limit_ns. False: there is none before. */
bool host_advance(u64 limit_ns);
/* The softirqs of the CPU being played were raised from a thread: count a step at one instant. */
void host_step(void);

/* thread.c */
void host_thread_init(void);
bool host_thread_runnable(void); /* any but the caller */
/* Let every runnable thread run until it sleeps, calling thread staying runnable. */
void host_thread_drain(void);
void host_thread_dump(void);
/* Threads alive beside the first. */
unsigned host_thread_count(void);

/* mm.c, slab.c, spinlock.c */
void host_mm_init(void);
/* Read a root file system archive into pages of the arena; NULL where that fails. */
void *host_archive_load(const char *path, size_t *len);
u64 host_slab_bytes(void);
void host_spinlock_check(void);

/* console.c: /dev/console on standard input and output */
void host_console_init(void);

/* random.c */
void host_random_init(u64 seed);
u64 host_random_internal(void);

#endif
