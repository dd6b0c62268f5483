/* SPDX-License-Identifier: MIT */
/* Threads of the image. An extension: a thread is bound to one CPU for its life. */
#ifndef _SYS_THREAD_H
#define _SYS_THREAD_H

#define THREAD_CPU_ANY (~0u)

/* Run fn(arg) in a new thread on cpu. Its number (as gettid() gives), or -1 with errno. */
int thread_start(const char *name, int (*fn)(void *arg), void *arg, unsigned cpu);

/* Wait for thread tid and take its result. 0, or -1 with errno (ESRCH). */
int thread_wait(int tid, int *result);

/* CPUs that run. */
int get_nprocs(void);

#endif
