/* SPDX-License-Identifier: MIT */
/*
 * epoll: a set of watched files and the list of those that became ready. An item hangs in its
 * file's wait queue by a callback that puts it on the ready list; epoll_wait() asks the file again
 * before it reports, so that a list entry is a hint and never a lie. Level-triggered items go back
 * on the list while they stay ready. Items are found by descriptor number in a hash that grows.
 *
 * Locks: mutex (set of items, thread context), then lock (ready list, any context). An epoll
 * descriptor cannot watch another one (-EINVAL).
 */
#include "fs_int.h"

#include <kernel/busy_poll.h>
#include <kernel/handoff.h>
#include <kernel/mm.h>
#include <kernel/syscalls.h>
#include <kernel/time.h>
#include <lib/list.h>

#include <errno.h>

#define EP_FIRST_BUCKETS 16
#define EP_PRIVATE_BITS  (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)

struct eventpoll {
	struct mutex mutex;
	struct hlist_head *bucket; /* [mutex] items by descriptor */
	u32 nbuckets, nitems;      /* [mutex] */
	struct spinlock lock;
	struct list_head ready; /* [lock] */
	unsigned cpu;           /* of who waited last [a] */
	struct wait_queue wq;   /* threads in epoll_wait() */
	struct wait_queue poll_wq;
	u32 napi_id;    /* the receive queue of the file that was ready last [a] */
	bool busy_poll; /* who would sleep looks there first [a] */
};

struct epitem {
	struct hlist_node node;      /* [ep->mutex] */
	struct list_head ready_link; /* [ep->lock] */
	struct list_head file_link;  /* [file->ep_lock] */
	struct eventpoll *ep;
	struct file *file; /* no reference: it tells us when it goes */
	int fd;
	struct epoll_event event; /* [ep->lock] */
	struct wait_entry wait;   /* priv: the queue that it is in */
	bool is_ready;            /* [ep->lock] on the ready list */
};
static_assert(sizeof(struct epitem) <= 128, "paid for by every connection of a server");

static struct kmem_cache *epitem_cache;

/* Making a file watched, for its poll method. */
struct ep_queue {
	struct poll_table pt;
	struct epitem *item;
};

/* ---- readiness ------------------------------------------------------------------------------ */

/* Put item on the ready list and wake a waiter. Any context. */
static void ep_mark_ready(struct epitem *item)
{
	struct eventpoll *ep = item->ep;
	irqflags_t flags;

	spin_lock_irqsave(&ep->lock, flags);
	if (!item->is_ready) {
		item->is_ready = true;
		list_add_tail(&item->ready_link, &ep->ready);
		if (unlikely(READ_ONCE(ep->cpu) != smp_processor_id()))
			handoff_count(ready);
	}
	spin_unlock_irqrestore(&ep->lock, flags);
	smp_mb(); /* the list before the look at the queues: pairs with prepare_to_wait() */
	if (wait_queue_active(&ep->wq))
		wake_up(&ep->wq);
	if (wait_queue_active(&ep->poll_wq))
		wake_up_poll(&ep->poll_wq, EPOLLIN);
}

static bool ep_callback(struct wait_entry *e, u32 key)
{
	struct epitem *item = container_of(e, struct epitem, wait);
	u32 wanted = READ_ONCE(item->event.events);

	if (!(wanted & ~EP_PRIVATE_BITS)) /* a one-shot that has fired */
		return false;
	if (key && !(key & (wanted | EPOLLERR | EPOLLHUP)))
		return false;
	ep_mark_ready(item);
	return true;
}

static void ep_join_queue(struct poll_table *pt, struct file *f, struct wait_queue *wq)
{
	struct epitem *item = container_of(pt, struct ep_queue, pt)->item;

	if (item->wait.priv)
		return; /* files have one queue; a second one would go unwatched */
	item->wait.priv = wq;
	item->wait.func = ep_callback;
	if (item->event.events & EPOLLEXCLUSIVE)
		wait_queue_add_exclusive(wq, &item->wait);
	else
		wait_queue_add(wq, &item->wait);
}

static u32 item_events(struct epitem *item, struct poll_table *pt)
{
	u32 mask = item->file->ops->poll(item->file, pt);
	u32 wanted = READ_ONCE(item->event.events);

	/* A one-shot that has fired wants nothing, not even errors. */
	return wanted & ~EP_PRIVATE_BITS ? mask & (wanted | EPOLLERR | EPOLLHUP) : 0;
}

/* What a file that may be ready has; and what brought that. */
static u32 ready_events(struct eventpoll *ep, struct epitem *item)
{
	struct poll_table pt = {.queue = NULL};
	u32 mask;

	if (likely(!ep->busy_poll))
		return item_events(item, NULL);
	mask = item_events(item, &pt);
	if (pt.napi_id)
		WRITE_ONCE(ep->napi_id, pt.napi_id);
	return mask;
}

/* ---- the set -----------------------------------------------------------------------------------
 */

static struct hlist_head *bucket_of(struct eventpoll *ep, int fd)
{
	return &ep->bucket[(u32)fd & (ep->nbuckets - 1)];
}

static struct epitem *ep_find(struct eventpoll *ep, int fd, const struct file *f)
{
	struct epitem *item;

	hlist_for_each_entry(item, bucket_of(ep, fd), node)
		if (item->fd == fd && item->file == f)
			return item;
	return NULL;
}

static int ep_resize(struct eventpoll *ep, u32 nbuckets)
{
	struct hlist_head *old = ep->bucket, *bucket;
	u32 old_n = ep->nbuckets;

	bucket = kvzalloc(nbuckets * sizeof(*bucket), GFP_KERNEL);
	if (!bucket)
		return -ENOMEM;
	ep->bucket = bucket;
	ep->nbuckets = nbuckets;
	for (u32 i = 0; i < old_n; i++) {
		struct hlist_node *next;
		struct epitem *item;

		hlist_for_each_entry_safe(item, next, &old[i], node) {
			hlist_del(&item->node);
			hlist_add_head(&item->node, bucket_of(ep, item->fd));
		}
	}
	if (old)
		kvfree(old, old_n * sizeof(*old));
	return 0;
}

static int ep_insert(struct eventpoll *ep, int fd, struct file *f, const struct epoll_event *ev)
{
	struct ep_queue q = {.pt.queue = ep_join_queue};
	struct epitem *item;

	if (ep->nitems >= 2 * ep->nbuckets)
		ep_resize(ep, ep->nbuckets * 4); /* without memory the chains get longer */
	item = kmem_cache_alloc(epitem_cache, GFP_KERNEL | GFP_ZERO);
	if (!item)
		return -ENOMEM;
	item->ep = ep;
	item->fd = fd;
	item->file = f;
	item->event = *ev;
	q.item = item;
	hlist_add_head(&item->node, bucket_of(ep, fd));
	ep->nitems++;
	spin_lock_bh(&f->ep_lock);
	list_add_tail(&item->file_link, &f->ep_links);
	spin_unlock_bh(&f->ep_lock);
	if (item_events(item, &q.pt))
		ep_mark_ready(item);
	return 0;
}

/* ep->mutex held. The item's file is alive, or in its release. */
static void ep_remove(struct eventpoll *ep, struct epitem *item)
{
	irqflags_t flags;

	if (item->wait.priv)
		wait_queue_remove(item->wait.priv, &item->wait);
	spin_lock_irqsave(&ep->lock, flags);
	if (item->is_ready)
		list_del(&item->ready_link);
	spin_unlock_irqrestore(&ep->lock, flags);
	spin_lock_bh(&item->file->ep_lock);
	list_del(&item->file_link);
	spin_unlock_bh(&item->file->ep_lock);
	hlist_del(&item->node);
	ep->nitems--;
	kmem_cache_free(epitem_cache, item);
}

static void ep_modify(struct eventpoll *ep, struct epitem *item, const struct epoll_event *ev)
{
	irqflags_t flags;

	spin_lock_irqsave(&ep->lock, flags);
	item->event = *ev;
	spin_unlock_irqrestore(&ep->lock, flags);
	smp_mb(); /* the new interest before the look: pairs with the callback's read of it */
	if (item_events(item, NULL))
		ep_mark_ready(item);
}

/* Serialises the end of a file with the end of a set that watches it. */
static struct mutex release_mutex;

void eventpoll_release(struct file *f)
{
	mutex_lock(&release_mutex);
	for (;;) {
		struct epitem *item;
		struct eventpoll *ep;

		spin_lock_bh(&f->ep_lock);
		item = list_first_entry_or_null(&f->ep_links, struct epitem, file_link);
		spin_unlock_bh(&f->ep_lock);
		if (!item)
			break;
		ep = item->ep;
		mutex_lock(&ep->mutex);
		ep_remove(ep, item);
		mutex_unlock(&ep->mutex);
	}
	mutex_unlock(&release_mutex);
}

/* ---- the epoll descriptor ----------------------------------------------------------------------
 */

static u32 ep_poll(struct file *f, struct poll_table *pt)
{
	struct eventpoll *ep = f->private;

	poll_wait(f, &ep->poll_wq, pt);
	return list_empty(&ep->ready) ? 0 : EPOLLIN | EPOLLRDNORM;
}

static void ep_release(struct file *f)
{
	struct eventpoll *ep = f->private;

	mutex_lock(&release_mutex);
	mutex_lock(&ep->mutex);
	for (u32 i = 0; i < ep->nbuckets; i++) {
		struct hlist_node *next;
		struct epitem *item;

		hlist_for_each_entry_safe(item, next, &ep->bucket[i], node)
			ep_remove(ep, item);
	}
	mutex_unlock(&ep->mutex);
	mutex_unlock(&release_mutex);
	kvfree(ep->bucket, ep->nbuckets * sizeof(*ep->bucket));
	kfree(ep);
}

static const struct file_ops ep_ops = {.poll = ep_poll, .release = ep_release};

int sys_epoll_create1(int flags)
{
	struct eventpoll *ep;
	struct file *f;
	int fd;

	if (flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	ep = kzalloc(sizeof(*ep), GFP_KERNEL);
	if (!ep)
		return -ENOMEM;
	mutex_init(&ep->mutex);
	spin_lock_init(&ep->lock);
	INIT_LIST_HEAD(&ep->ready);
	ep->cpu = smp_processor_id();
	wait_queue_init(&ep->wq);
	wait_queue_init(&ep->poll_wq);
	/* Taken inside the lock of a file's wait queue: a class of their own. */
	spin_lock_init(&ep->wq.lock);
	spin_lock_init(&ep->poll_wq.lock);
	f = ep_resize(ep, EP_FIRST_BUCKETS) ? NULL : file_alloc(&ep_ops, ep, 0);
	if (!f) {
		if (ep->bucket)
			kvfree(ep->bucket, ep->nbuckets * sizeof(*ep->bucket));
		kfree(ep);
		return -ENOMEM;
	}
	fd = fd_install(f);
	if (fd < 0)
		fput(f);
	return fd;
}

static int ep_control(struct eventpoll *ep, int op, int fd, struct file *f,
		      const struct epoll_event *ev)
{
	struct epitem *item;
	int err = 0;

	mutex_lock(&ep->mutex);
	item = ep_find(ep, fd, f);
	switch (op) {
	case EPOLL_CTL_ADD:
		err = item ? -EEXIST : ep_insert(ep, fd, f, ev);
		break;
	case EPOLL_CTL_DEL:
		if (item)
			ep_remove(ep, item);
		else
			err = -ENOENT;
		break;
	case EPOLL_CTL_MOD:
		if (item)
			ep_modify(ep, item, ev);
		else
			err = -ENOENT;
		break;
	default:
		err = -EINVAL;
	}
	mutex_unlock(&ep->mutex);
	return err;
}

int sys_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	struct file *epf = fget(epfd), *f = fget(fd);
	int err = -EBADF;

	if (epf && f) {
		if (epf->ops != &ep_ops || f->ops == &ep_ops || (op != EPOLL_CTL_DEL && !ev))
			err = -EINVAL;
		else if (!f->ops->poll)
			err = -EPERM; /* a file that is always ready */
		else
			err = ep_control(epf->private, op, fd, f, ev);
	}
	if (f)
		fput(f);
	if (epf)
		fput(epf);
	return err;
}

/* ---- waiting ------------------------------------------------------------------------------------
 */

#define EP_BATCH 16

/* The next items of a scan, up to max: off the ready list before their files are asked, so that
 * what happens from then on puts them on ep->ready anew. */
static int take_ready(struct eventpoll *ep, struct list_head *scan, struct epitem **items, int max)
{
	irqflags_t flags;
	int n = 0;

	spin_lock_irqsave(&ep->lock, flags);
	while (n < min(max, EP_BATCH) && !list_empty(scan)) {
		items[n] = list_first_entry(scan, struct epitem, ready_link);
		list_del(&items[n]->ready_link);
		items[n++]->is_ready = false;
	}
	spin_unlock_irqrestore(&ep->lock, flags);
	return n;
}

/* After it was reported: level-triggered items stay ready, one-shot ones are disarmed. */
static void after_report(struct eventpoll *ep, struct epitem *item)
{
	irqflags_t flags;

	if (item->event.events & EPOLLET && !(item->event.events & EPOLLONESHOT))
		return;
	spin_lock_irqsave(&ep->lock, flags);
	if (item->event.events & EPOLLONESHOT) {
		item->event.events &= EP_PRIVATE_BITS;
	} else if (!item->is_ready) {
		item->is_ready = true;
		list_add_tail(&item->ready_link, &ep->ready);
	}
	spin_unlock_irqrestore(&ep->lock, flags);
}

/* Whether it has any. */
static bool report(struct eventpoll *ep, struct epitem *item, struct epoll_event *ev)
{
	ev->events = ready_events(ep, item);
	if (!ev->events)
		return false;
	ev->data = item->event.data;
	after_report(ep, item);
	return true;
}

/* Report what is ready, up to max. The list is taken as it is at the start: an item that becomes
 * ready again during the scan is for the next call, so none is reported twice in one (its user may
 * be gone after the first). */
static int ep_collect(struct eventpoll *ep, struct epoll_event *evs, int max)
{
	struct epitem *items[EP_BATCH];
	irqflags_t flags;
	LIST_HEAD(scan);
	int n = 0, taken;

	if (list_empty(&ep->ready))
		return 0;
	mutex_lock(&ep->mutex);
	spin_lock_irqsave(&ep->lock, flags);
	list_splice_tail_init(&ep->ready, &scan);
	spin_unlock_irqrestore(&ep->lock, flags);
	while (n < max && (taken = take_ready(ep, &scan, items, max - n)))
		for (int i = 0; i < taken; i++)
			n += report(ep, items[i], &evs[n]);
	spin_lock_irqsave(&ep->lock, flags);
	list_splice_init(&scan, &ep->ready);
	spin_unlock_irqrestore(&ep->lock, flags);
	mutex_unlock(&ep->mutex);
	/* What is left is another waiter's. */
	if (!list_empty(&ep->ready) && wait_queue_active(&ep->wq))
		wake_up(&ep->wq);
	return n;
}

static bool ep_has_ready(const void *arg)
{
	return !list_empty(&((const struct eventpoll *)arg)->ready);
}

/* Before sleeping: look at the device for a while. False: that is not asked for. */
static bool ep_look(struct eventpoll *ep, u64 left_ns)
{
	u64 limit_ns = min(busy_poll_limit_ns(), left_ns);
	u32 id = READ_ONCE(ep->napi_id);

	WRITE_ONCE(ep->busy_poll, limit_ns != 0);
	if (likely(!limit_ns) || !id)
		return false;
	busy_poll_ops->loop(id, limit_ns, ep_has_ready, ep);
	return true;
}

static u64 ep_sleep(struct eventpoll *ep, u64 left_ns)
{
	struct wait_entry e = {.func = NULL};

	WRITE_ONCE(ep->cpu, smp_processor_id());
	prepare_to_wait(&ep->wq, &e, true);
	if (list_empty(&ep->ready))
		left_ns = schedule_timeout_ns(left_ns);
	finish_wait(&ep->wq, &e);
	return left_ns;
}

int sys_epoll_wait(int epfd, struct epoll_event *evs, int max, int timeout_ms)
{
	u64 left_ns = timeout_ms < 0 ? WAIT_FOREVER : (u64)timeout_ms * NSEC_PER_MSEC;
	struct file *epf = fget(epfd);
	bool looked = false;
	int n = -EINVAL;

	if (!epf)
		return -EBADF;
	if (epf->ops == &ep_ops && max > 0) {
		for (;;) {
			n = ep_collect(epf->private, evs, max);
			if (n || !left_ns)
				break;
			if (!looked) {
				looked = true;
				if (ep_look(epf->private, left_ns))
					continue;
			}
			left_ns = ep_sleep(epf->private, left_ns);
		}
	}
	fput(epf);
	return n;
}

void eventpoll_init(void)
{
	mutex_init(&release_mutex);
	epitem_cache = kmem_cache_create("epitem", sizeof(struct epitem), 0, 0, NULL);
}
