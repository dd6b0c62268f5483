/* SPDX-License-Identifier: MIT */
/* Threads, the machine and what fits nowhere else. Thread context. */
#include <kernel/syscalls.h>
#include <kernel/thread.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "libc_int.h"

int *__errno_location(void)
{
	return &thread_current()->err_no;
}

/* One program, so one process. */
pid_t getpid(void)
{
	return 1;
}

pid_t gettid(void)
{
	return sys_gettid();
}

int sched_yield(void)
{
	return (int)libc_ret(sys_sched_yield());
}

int reboot(int cmd)
{
	return (int)libc_ret(sys_reboot(cmd));
}

ssize_t getrandom(void *buf, size_t len, unsigned int flags)
{
	return libc_ret(sys_getrandom(buf, len, flags));
}
