/* SPDX-License-Identifier: MIT */
/*
 * eventfd: a 64-bit counter behind a descriptor. A write adds, a read takes all (or one, as a
 * semaphore) and waits while there is nothing; poll tells which of the two would not wait.
 */
#include <fcntl.h>
#include <kernel/file.h>
#include <kernel/mm.h>
#include <kernel/syscalls.h>
#include <lib/err.h>
#include <sys/eventfd.h>

#define COUNT_MAX (~0ull - 1)

struct eventfd {
	struct spinlock lock;
	u64 count; /* [lock] */
	bool semaphore;
	struct wait_queue wq;
};

/* Take from the counter: false while it is 0. */
static bool eventfd_take(struct eventfd *e, u64 *value)
{
	bool any;

	spin_lock(&e->lock);
	any = e->count;
	if (any) {
		*value = e->semaphore ? 1 : e->count;
		e->count -= *value;
	}
	spin_unlock(&e->lock);
	return any;
}

/* Add to the counter: false while it would overflow. */
static bool eventfd_add(struct eventfd *e, u64 value)
{
	bool fits;

	spin_lock(&e->lock);
	fits = value <= COUNT_MAX - e->count;
	if (fits)
		e->count += value;
	spin_unlock(&e->lock);
	return fits;
}

static ssize_t eventfd_read_iter(struct file *f, struct iov_iter *to, s64 *pos)
{
	struct eventfd *e = f->private;
	u64 value;

	if (iov_iter_count(to) < sizeof(value))
		return -EINVAL;
	if (f->flags & O_NONBLOCK) {
		if (!eventfd_take(e, &value))
			return -EAGAIN;
	} else {
		wait_event(&e->wq, eventfd_take(e, &value));
	}
	wake_up_poll(&e->wq, POLLOUT);
	return (ssize_t)copy_to_iter(&value, sizeof(value), to);
}

static ssize_t eventfd_write_iter(struct file *f, struct iov_iter *from, s64 *pos)
{
	struct eventfd *e = f->private;
	u64 value;

	if (copy_from_iter(&value, sizeof(value), from) < sizeof(value) || value > COUNT_MAX)
		return -EINVAL;
	if (f->flags & O_NONBLOCK) {
		if (!eventfd_add(e, value))
			return -EAGAIN;
	} else {
		wait_event(&e->wq, eventfd_add(e, value));
	}
	if (value)
		wake_up_poll(&e->wq, POLLIN);
	return sizeof(value);
}

static u32 eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->private;
	u64 count;

	poll_wait(f, &e->wq, pt);
	count = READ_ONCE(e->count);
	return (count ? POLLIN | POLLRDNORM : 0u) | (count < COUNT_MAX ? POLLOUT | POLLWRNORM : 0u);
}

static void eventfd_release(struct file *f)
{
	kfree(f->private);
}

static const struct file_ops eventfd_ops = {
	.read = eventfd_read_iter,
	.write = eventfd_write_iter,
	.poll = eventfd_poll,
	.release = eventfd_release,
};

int sys_eventfd2(unsigned initval, int flags)
{
	struct eventfd *e;
	struct file *f;
	int fd;

	if (flags & ~(EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC))
		return -EINVAL;
	e = kzalloc(sizeof(*e), GFP_KERNEL);
	if (!e)
		return -ENOMEM;
	spin_lock_init(&e->lock);
	wait_queue_init(&e->wq);
	e->count = initval;
	e->semaphore = flags & EFD_SEMAPHORE;
	f = file_alloc(&eventfd_ops, e, O_RDWR | (u32)(flags & EFD_NONBLOCK));
	if (!f) {
		kfree(e);
		return -ENFILE;
	}
	fd = fd_install(f);
	if (fd < 0)
		fput(f);
	return fd;
}
