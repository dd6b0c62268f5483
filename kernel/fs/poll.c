/* SPDX-License-Identifier: MIT */
/*
 * poll(): ask each file, and if none is ready sleep on all their wait queues at once. Thread
 * context.
 */
#include <kernel/busy_poll.h>
#include <kernel/file.h>
#include <kernel/mm.h>
#include <kernel/syscalls.h>
#include <kernel/thread.h>
#include <kernel/time.h>

#include <errno.h>

#define POLL_MAX 65536

struct poll_entry {
	struct wait_entry wait;
	struct wait_queue *wq;
	struct file *file;
	struct poll_entry *next;
};

/* One call of poll(): its thread and what it waits on. */
struct poller {
	struct poll_table pt;
	struct thread *thread;
	u32 triggered; /* [a] something happened since the last scan */
	struct poll_entry *entries;
	bool no_memory;
	u64 busy_until_ns; /* before that it looks at devices and does not sleep */
	bool looked;       /* at one, since the last time it was asked */
};

static bool poll_wake(struct wait_entry *e, u32 key)
{
	struct poller *p = e->priv;

	WRITE_ONCE(p->triggered, 1);
	thread_wake(p->thread);
	return true;
}

static void poll_queue(struct poll_table *pt, struct file *f, struct wait_queue *wq)
{
	struct poller *p = container_of(pt, struct poller, pt);
	struct poll_entry *e = kzalloc(sizeof(*e), GFP_KERNEL);

	if (!e) {
		p->no_memory = true;
		return;
	}
	e->wait.func = poll_wake;
	e->wait.priv = p;
	e->wq = wq;
	e->file = get_file(f); /* the queue lives as long as its file */
	e->next = p->entries;
	p->entries = e;
	wait_queue_add(wq, &e->wait);
}

static void poller_end(struct poller *p)
{
	while (p->entries) {
		struct poll_entry *e = p->entries;

		p->entries = e->next;
		wait_queue_remove(e->wq, &e->wait);
		fput(e->file);
		kfree(e);
	}
}

static u32 poll_one(struct poller *p, struct pollfd *pfd, bool queue)
{
	struct file *f;
	u32 mask;

	pfd->revents = 0;
	if (pfd->fd < 0)
		return 0;
	f = fget(pfd->fd);
	if (!f) {
		pfd->revents = POLLNVAL;
		return 1;
	}
	p->pt = (struct poll_table){.queue = queue ? poll_queue : NULL};
	mask = f->ops->poll ? f->ops->poll(f, &p->pt) : POLLIN | POLLOUT;
	fput(f);
	pfd->revents = (short)(mask & ((u32)pfd->events | POLLERR | POLLHUP));
	if (!pfd->revents && p->busy_until_ns && p->pt.may_busy_poll && p->pt.napi_id) {
		busy_poll_ops->loop(p->pt.napi_id, 0, NULL, NULL);
		p->looked = true;
	}
	return pfd->revents != 0;
}

static int poll_all(struct poller *p, struct pollfd *fds, nfds_t n, bool queue)
{
	int ready = 0;

	for (nfds_t i = 0; i < n; i++)
		ready += (int)poll_one(p, &fds[i], queue && !ready);
	return ready;
}

/* Look at the devices until then at most. */
static void poller_be_busy(struct poller *p, u64 left_ns)
{
	u64 limit_ns = min(busy_poll_limit_ns(), left_ns);

	if (limit_ns)
		p->busy_until_ns = ktime_get_ns() + limit_ns;
}

/* Ask the files again at once? They were last asked with a look at their devices, in whose course
 * some may have become ready. */
static bool poller_stays_busy(struct poller *p)
{
	bool looked = p->looked;

	p->looked = false;
	if (!looked || need_resched() || ktime_get_ns() >= p->busy_until_ns) {
		p->busy_until_ns = 0;
		return looked;
	}
	udelay(1);
	return true;
}

/* Sleep until something was triggered or the time is over. Returns the time left. */
static u64 poll_sleep(struct poller *p, u64 left_ns)
{
	WRITE_ONCE(p->thread->state, THREAD_SLEEPING);
	smp_mb(); /* the state before the look: a waker sets triggered, then wakes */
	if (!READ_ONCE(p->triggered))
		left_ns = schedule_timeout_ns(left_ns);
	WRITE_ONCE(p->thread->state, THREAD_RUNNING);
	return left_ns;
}

int sys_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct poller p = {.thread = thread_current()};
	u64 left_ns = timeout_ms < 0 ? WAIT_FOREVER : (u64)timeout_ms * NSEC_PER_MSEC;
	bool queue = left_ns != 0;
	int ready;

	if (n > POLL_MAX)
		return -EINVAL;
	poller_be_busy(&p, left_ns);
	for (;;) {
		WRITE_ONCE(p.triggered, 0);
		ready = poll_all(&p, fds, n, queue);
		queue = false; /* all queues are joined by now */
		if (ready || !left_ns)
			break;
		if (p.no_memory) {
			ready = -ENOMEM;
			break;
		}
		if (likely(!p.busy_until_ns) || !poller_stays_busy(&p))
			left_ns = poll_sleep(&p, left_ns);
	}
	poller_end(&p);
	return ready;
}
