/* SPDX-License-Identifier: MIT */
/*
 * The hosted stack under packetdrill's two threads. The first plays the script and moves virtual
 * time; the second makes the calls that a script expects to block. A call runs as a coroutine of
 * the stack; the second thread sleeps on a condition until the first, moving time, has seen it
 * end. Its time of return is then frozen: that is what the second thread reads from the clock
 * first, and the first waits until it has.
 */
#include <errno.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "host/host_int.h"
#include "host/packetdrill/pd_int.h"

#define HOLD_S       2 /* real time that the first thread waits for the second */
#define GIVE_UP_NS   (24 * 3600 * NSEC_PER_SEC)
#define CLOCK_STEP   NSEC_PER_USEC /* a reading's least distance from the one before */
#define MEMORY_BYTES (256ull << 20)

struct running_call {
	pd_call fn;
	const union pd_arg *arg;
	long result;
	bool done;
	u64 done_us;
};

static pthread_mutex_t inside = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t call_done = PTHREAD_COND_INITIALIZER;
static pthread_cond_t time_read = PTHREAD_COND_INITIALIZER;
static pthread_t first_thread;
static struct running_call *sleeper; /* what the second thread waits for */
static bool returned;                /* the second thread, a moment ago */
static unsigned unread;              /* calls ended whose time was not read yet */

static __thread bool frozen;
static __thread u64 frozen_us;

void pd_enter(void)
{
	pthread_mutex_lock(&inside);
}

/* The sleeping call has ended: let its thread go on, as far as reading the time. */
static void release_sleeper(void)
{
	struct timespec end;

	if (!sleeper || !sleeper->done)
		return;
	sleeper = NULL;
	unread = 1;
	returned = true;
	pthread_cond_signal(&call_done);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += HOLD_S;
	while (unread && !pthread_cond_timedwait(&time_read, &inside, &end))
		;
	unread = 0;
}

void pd_leave(void)
{
	release_sleeper();
	pthread_mutex_unlock(&inside);
}

/* --- calls ------------------------------------------------------------------------------------ */

static u64 now_us(void)
{
	return ktime_get_real_ns() / NSEC_PER_USEC;
}

static int call_thread(void *arg)
{
	struct running_call *c = arg;

	c->result = c->fn(c->arg);
	c->done_us = now_us();
	c->done = true;
	return 0;
}

/* In the first thread: nobody else moves time, so do it here. */
static void wait_moving(struct running_call *c)
{
	u64 end_ns = ktime_get_ns() + GIVE_UP_NS;

	while (!c->done && host_advance(end_ns))
		host_thread_drain();
	if (!c->done) {
		/* For ever: the thread keeps the call, which must live on. */
		fprintf(stderr, "sluice: a call blocks for ever\n");
		exit(1);
	}
}

static void wait_sleeping(struct running_call *c)
{
	sleeper = c;
	while (sleeper == c)
		pthread_cond_wait(&call_done, &inside);
	frozen = true;
	frozen_us = c->done_us;
}

long pd_result(long result)
{
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

long pd_run(pd_call fn, const union pd_arg *a)
{
	struct running_call c = {.fn = fn, .arg = a};
	struct thread *t;

	pd_enter();
	pd_follow_commands();
	t = thread_create("call", call_thread, &c, 0, PRIO_NORMAL);
	if (!t) {
		pd_leave();
		return pd_result(-ENOMEM);
	}
	host_run_for(0);
	if (!c.done && pthread_equal(pthread_self(), first_thread))
		wait_moving(&c);
	else if (!c.done)
		wait_sleeping(&c);
	thread_put(t);
	pd_leave();
	return pd_result(c.result);
}

/* --- the clock -------------------------------------------------------------------------------- */

/* Here the first thread has let go of packetdrill's own lock: real time for the second to take it,
 * if it has just come back from a call. */
static void let_second_run(void)
{
	static const struct timespec moment = {.tv_nsec = 3000000};

	if (!returned)
		return;
	returned = false;
	nanosleep(&moment, NULL);
}

int pd_usleep(void *user, useconds_t us)
{
	let_second_run();
	pd_enter();
	host_run_for(us * NSEC_PER_USEC);
	pd_leave();
	return 0;
}

int pd_gettimeofday(void *user, struct timeval *tv, struct timezone *tz)
{
	u64 us;

	pd_enter();
	if (frozen) {
		us = frozen_us;
		frozen = false;
		unread = 0;
		pthread_cond_signal(&time_read);
	} else {
		host_run_for(CLOCK_STEP);
		us = now_us();
	}
	pd_leave();
	tv->tv_sec = (time_t)(us / USEC_PER_SEC);
	tv->tv_usec = (suseconds_t)(us % USEC_PER_SEC);
	return 0;
}

/* --- start and end ---------------------------------------------------------------------------- */

static void table_free(void *user)
{
	(void)user; /* the process ends with the script */
}

__attribute__((visibility("default"))) void
packetdrill_interface_init(const char *flags, struct packetdrill_table *table)
{
	struct host_config config = {
		.seed = 1,
		.mem_bytes = MEMORY_BYTES,
		.cmdline = flags,
	};

	/* What the script starts is no business of ours. */
	unsetenv("LD_PRELOAD");
	first_thread = pthread_self();
	host_init_config(&config);
	pd_settings_init();
	pd_counters_init();
	pd_device_init();
	*table = (struct packetdrill_table){
		.free = table_free,
		.netdev_send = pd_netdev_send,
		.netdev_receive = pd_netdev_receive,
		.usleep = pd_usleep,
		.gettimeofday = pd_gettimeofday,
	};
	pd_fill_table(table);
}
