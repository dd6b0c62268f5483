/* SPDX-License-Identifier: MIT */
/* Threads and applications of the image. Thread context. */
#include <kernel/percpu.h>
#include <kernel/syscalls.h>
#include <sched.h>
#include <sys/app.h>
#include <sys/thread.h>

#include "libc_int.h"

int thread_start(const char *name, int (*fn)(void *arg), void *arg, unsigned cpu)
{
	return (int)libc_ret(sys_thread_create(name, fn, arg, cpu));
}

int thread_wait(int tid, int *result)
{
	return (int)libc_ret(sys_thread_join(tid, result));
}

int app_run(int argc, char **argv)
{
	return (int)libc_ret(sys_app_run(argc, argv));
}

int sched_getcpu(void)
{
	return (int)smp_processor_id();
}

int get_nprocs(void)
{
	return (int)num_online_cpus();
}
