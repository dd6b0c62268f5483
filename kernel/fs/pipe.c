/* SPDX-License-Identifier: MIT */
/*
 * Pipes: a ring of bytes between two descriptors, in pages that exist while they hold something.
 * A write of up to PIPE_BUF bytes is one piece (POSIX); a longer one may be interleaved with
 * others. The last writer's end is the reader's end of file; without readers a write is -EPIPE.
 */
#include <fcntl.h>
#include <kernel/file.h>
#include <kernel/mm.h>
#include <kernel/syscalls.h>
#include <lib/err.h>
#include <lib/string.h>
#include <sys/ioctl.h>

#include "fs_int.h"

#define PIPE_PAGES 16u
#define PIPE_SIZE  (PIPE_PAGES * (u32)PAGE_SIZE)
#define PIPE_BUF   4096u

struct pipe {
	struct mutex mutex;
	u32 head, tail;            /* [mutex] bytes ever written, read; head - tail <= PIPE_SIZE */
	void *page[PIPE_PAGES];    /* [mutex] NULL where empty */
	unsigned readers, writers; /* [mutex] ends that are open, each 0 or 1 */
	struct wait_queue wq;      /* of both ends, so that one queue tells all that poll asks */
};

static u32 pipe_used(const struct pipe *p)
{
	return READ_ONCE(p->head) - READ_ONCE(p->tail);
}

/* --- the ring, mutex held ------------------------------------------------------------------- */

/* Move what fits of the iterator in; bytes moved, or -ENOMEM if nothing was. */
static ssize_t ring_put(struct pipe *p, struct iov_iter *from)
{
	ssize_t done = 0;

	while (iov_iter_count(from) && pipe_used(p) < PIPE_SIZE) {
		u32 at = p->head % PIPE_SIZE, in_page = at % (u32)PAGE_SIZE;
		void **page = &p->page[at / PAGE_SIZE];
		u32 n = min(PIPE_SIZE - pipe_used(p), (u32)PAGE_SIZE - in_page);

		if (!*page)
			*page = kmalloc(PAGE_SIZE, GFP_KERNEL);
		if (!*page)
			return done ? done : -ENOMEM;
		n = (u32)copy_from_iter((char *)*page + in_page, n, from);
		WRITE_ONCE(p->head, p->head + n);
		done += n;
	}
	return done;
}

/* n bytes, which lie in one page, were read: a page that holds nothing more goes. */
static void ring_skip(struct pipe *p, u32 n)
{
	u32 at = p->tail % PIPE_SIZE;
	void **page = &p->page[at / PAGE_SIZE];

	WRITE_ONCE(p->tail, p->tail + n);
	if (!pipe_used(p) ||
	    (at % (u32)PAGE_SIZE + n == PAGE_SIZE && pipe_used(p) <= PIPE_SIZE - PAGE_SIZE)) {
		kfree(*page);
		*page = NULL;
	}
}

static ssize_t ring_take(struct pipe *p, struct iov_iter *to)
{
	ssize_t done = 0;

	while (iov_iter_count(to) && pipe_used(p)) {
		u32 at = p->tail % PIPE_SIZE, in_page = at % (u32)PAGE_SIZE;
		u32 n = min(pipe_used(p), (u32)PAGE_SIZE - in_page);

		n = (u32)copy_to_iter((char *)p->page[at / PAGE_SIZE] + in_page, n, to);
		ring_skip(p, n);
		done += n;
	}
	return done;
}

/* --- the two ends ---------------------------------------------------------------------------- */

static ssize_t pipe_read(struct file *f, struct iov_iter *to, s64 *pos)
{
	struct pipe *p = f->private;
	ssize_t n;

	if (!iov_iter_count(to))
		return 0;
	for (;;) {
		mutex_lock(&p->mutex);
		n = ring_take(p, to);
		if (!n && p->writers)
			n = -EAGAIN;
		mutex_unlock(&p->mutex);
		if (n != -EAGAIN || f->flags & O_NONBLOCK)
			break;
		wait_event(&p->wq, pipe_used(p) || !READ_ONCE(p->writers));
	}
	if (n > 0)
		wake_up_all(&p->wq);
	return n;
}

/* One round of a write: bytes moved, -EAGAIN where it has to wait. */
static ssize_t write_some(struct pipe *p, struct iov_iter *from)
{
	size_t len = iov_iter_count(from);
	ssize_t n;

	mutex_lock(&p->mutex);
	if (!p->readers)
		n = -EPIPE;
	else if (pipe_used(p) == PIPE_SIZE || (len <= PIPE_BUF && PIPE_SIZE - pipe_used(p) < len))
		n = -EAGAIN;
	else
		n = ring_put(p, from);
	mutex_unlock(&p->mutex);
	if (n > 0)
		wake_up_all(&p->wq);
	return n;
}

static ssize_t pipe_write(struct file *f, struct iov_iter *from, s64 *pos)
{
	struct pipe *p = f->private;
	ssize_t done = 0;

	while (iov_iter_count(from)) {
		size_t want = min(iov_iter_count(from), (size_t)PIPE_BUF);
		ssize_t n = write_some(p, from);

		if (n >= 0) {
			done += n;
			continue;
		}
		if (n != -EAGAIN || f->flags & O_NONBLOCK)
			return done ? done : n;
		wait_event(&p->wq, PIPE_SIZE - pipe_used(p) >= want || !READ_ONCE(p->readers));
	}
	return done;
}

static u32 pipe_poll_read(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->private;

	poll_wait(f, &p->wq, pt);
	return (pipe_used(p) ? POLLIN | POLLRDNORM : 0u) |
	       (READ_ONCE(p->writers) ? 0u : (u32)POLLHUP);
}

static u32 pipe_poll_write(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->private;

	poll_wait(f, &p->wq, pt);
	return (PIPE_SIZE - pipe_used(p) >= PIPE_BUF ? POLLOUT | POLLWRNORM : 0u) |
	       (READ_ONCE(p->readers) ? 0u : (u32)POLLERR);
}

static long pipe_ioctl(struct file *f, unsigned cmd, void *arg)
{
	if (cmd != FIONREAD)
		return -ENOTTY;
	*(int *)arg = (int)pipe_used(f->private);
	return 0;
}

static int pipe_stat(struct file *f, struct stat *st)
{
	st->st_mode = S_IFIFO | 0600;
	return 0;
}

static void pipe_put(struct pipe *p, unsigned *ends)
{
	bool last;

	mutex_lock(&p->mutex);
	WRITE_ONCE(*ends, *ends - 1);
	last = !p->readers && !p->writers;
	/* Inside the mutex: the other end cannot free p before. */
	wake_up_all(&p->wq);
	mutex_unlock(&p->mutex);
	if (!last)
		return;
	for (unsigned i = 0; i < PIPE_PAGES; i++)
		kfree(p->page[i]);
	kfree(p);
}

static void pipe_release_read(struct file *f)
{
	struct pipe *p = f->private;

	pipe_put(p, &p->readers);
}

static void pipe_release_write(struct file *f)
{
	struct pipe *p = f->private;

	pipe_put(p, &p->writers);
}

static const struct file_ops read_ops = {
	.read = pipe_read,
	.poll = pipe_poll_read,
	.ioctl = pipe_ioctl,
	.stat = pipe_stat,
	.release = pipe_release_read,
};

static const struct file_ops write_ops = {
	.write = pipe_write,
	.poll = pipe_poll_write,
	.ioctl = pipe_ioctl,
	.stat = pipe_stat,
	.release = pipe_release_write,
};

static int install_end(const struct file_ops *ops, struct pipe *p, unsigned *ends, u32 flags)
{
	struct file *f = file_alloc(ops, p, flags);
	int fd;

	if (!f)
		return -ENFILE;
	(*ends)++;
	fd = fd_install(f);
	if (fd < 0)
		fput(f);
	return fd;
}

bool pipe_is_end(const struct file *f, bool reading)
{
	return f->ops == (reading ? &read_ops : &write_ops);
}

/* One run of bytes from p to out: bytes moved, 0 at the end of file, -EAGAIN where p is empty. */
static ssize_t give_run(struct pipe *p, struct file *out, size_t len)
{
	u32 at = p->tail % PIPE_SIZE, in_page = at % (u32)PAGE_SIZE;
	struct iovec iov = {(char *)p->page[at / PAGE_SIZE] + in_page,
			    min3((size_t)pipe_used(p), len, PAGE_SIZE - in_page)};
	struct iov_iter it;
	ssize_t n;

	if (!pipe_used(p))
		return p->writers ? -EAGAIN : 0;
	iov_iter_init(&it, &iov, 1, iov.iov_len);
	n = out->ops->write(out, &it, &out->pos);
	if (n > 0)
		ring_skip(p, (u32)n);
	return n;
}

ssize_t pipe_give(struct file *in, struct file *out, size_t len, bool nonblock)
{
	struct pipe *p = in->private;
	ssize_t done = 0, n;

	do {
		mutex_lock(&p->mutex);
		n = give_run(p, out, len - (size_t)done);
		mutex_unlock(&p->mutex);
		if (n > 0) {
			done += n;
			wake_up_all(&p->wq);
		} else if (n == -EAGAIN && !done && !nonblock && !pipe_used(p)) {
			wait_event(&p->wq, pipe_used(p) || !READ_ONCE(p->writers));
			n = 1;
		}
	} while (n > 0 && (size_t)done < len);
	return done ? done : n;
}

int sys_pipe2(int fds[2], int flags)
{
	u32 nonblock = (u32)flags & (u32)O_NONBLOCK;
	struct pipe *p;
	int rfd, wfd;

	if (flags & ~(O_NONBLOCK | O_CLOEXEC))
		return -EINVAL;
	p = kzalloc(sizeof(*p), GFP_KERNEL);
	if (!p)
		return -ENOMEM;
	mutex_init(&p->mutex);
	wait_queue_init(&p->wq);
	rfd = install_end(&read_ops, p, &p->readers, O_RDONLY | nonblock);
	if (rfd < 0) {
		if (rfd == -ENFILE) /* else the file that was made took p with it */
			kfree(p);
		return rfd;
	}
	wfd = install_end(&write_ops, p, &p->writers, O_WRONLY | nonblock);
	if (wfd < 0) {
		fd_close(rfd);
		return wfd;
	}
	fds[0] = rfd;
	fds[1] = wfd;
	return 0;
}
