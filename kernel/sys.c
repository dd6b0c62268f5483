/* SPDX-License-Identifier: MIT */
/*
 * System calls about time, threads and the machine. Thread context.
 */
#include <kernel/init.h>
#include <kernel/mm.h>
#include <kernel/random.h>
#include <kernel/reboot.h>
#include <kernel/syscalls.h>
#include <kernel/thread.h>
#include <kernel/wait.h>

#include <errno.h>
#include <sys/reboot.h>

int sys_clock_gettime(clockid_t clk, struct timespec *ts)
{
	u64 ns;

	switch (clk) {
	case CLOCK_REALTIME:
		ns = ktime_get_real_ns();
		break;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_BOOTTIME:
		ns = ktime_get_ns();
		break;
	default:
		return -EINVAL;
	}
	ts->tv_sec = (time_t)(ns / NSEC_PER_SEC);
	ts->tv_nsec = (long)(ns % NSEC_PER_SEC);
	return 0;
}

int sys_nanosleep(const struct timespec *req, struct timespec *rem)
{
	if (req->tv_sec < 0 || req->tv_nsec < 0 || req->tv_nsec >= (long)NSEC_PER_SEC)
		return -EINVAL;
	thread_sleep_ns((u64)req->tv_sec * NSEC_PER_SEC + (u64)req->tv_nsec);
	if (rem)
		*rem = (struct timespec){0};
	return 0;
}

int sys_gettid(void)
{
	return (int)thread_current()->tid;
}

int sys_sched_yield(void)
{
	thread_yield();
	return 0;
}

int sys_reboot(int cmd)
{
	switch (cmd) {
	case RB_POWER_OFF:
		kernel_power_off();
	case RB_AUTOBOOT:
		kernel_restart();
	case RB_HALT_SYSTEM:
		machine_halt();
	default:
		return -EINVAL;
	}
}

ssize_t sys_getrandom(void *buf, size_t len, unsigned flags)
{
	(void)flags;
	get_random_bytes(buf, len);
	return (ssize_t)len;
}

/* ---- threads of applications ------------------------------------------------------------------
 */

/* A thread that somebody may wait for by number. */
struct app_thread {
	struct list_head list; /* [threads_lock] */
	struct thread *thread; /* our reference */
	u32 tid;
};

static DEFINE_SPINLOCK(threads_lock);
static LIST_HEAD(threads);

/* Forget those that ended unattended, so that the list is bounded by the threads that live. */
static void reap(void)
{
	struct app_thread *a, *next;

	spin_lock_bh(&threads_lock);
	list_for_each_entry_safe(a, next, &threads, list) {
		if (READ_ONCE(a->thread->state) != THREAD_DEAD)
			continue;
		list_del(&a->list);
		thread_put(a->thread);
		kfree(a);
	}
	spin_unlock_bh(&threads_lock);
}

int sys_thread_create(const char *name, int (*fn)(void *), void *arg, unsigned cpu)
{
	struct app_thread *a;

	if (cpu != CPU_ANY && cpu >= num_online_cpus())
		return -EINVAL;
	reap();
	a = kzalloc(sizeof(*a), GFP_KERNEL);
	if (!a)
		return -ENOMEM;
	a->thread = thread_create(name, fn, arg, cpu, PRIO_NORMAL);
	if (!a->thread) {
		kfree(a);
		return -ENOMEM;
	}
	a->tid = a->thread->tid;
	spin_lock_bh(&threads_lock);
	list_add_tail(&a->list, &threads);
	spin_unlock_bh(&threads_lock);
	return (int)a->tid;
}

int sys_thread_join(int tid, int *result)
{
	struct app_thread *a, *found = NULL;
	int code;

	spin_lock_bh(&threads_lock);
	list_for_each_entry(a, &threads, list)
		if (a->tid == (u32)tid)
			found = a;
	if (found)
		list_del(&found->list);
	spin_unlock_bh(&threads_lock);
	if (!found)
		return -ESRCH;
	code = thread_join(found->thread);
	thread_put(found->thread);
	kfree(found);
	if (result)
		*result = code;
	return 0;
}

int sys_app_run(int argc, char **argv)
{
	const struct app *a = argc > 0 ? app_find(argv[0]) : NULL;

	return a ? a->main(argc, argv) : -ENOENT;
}
