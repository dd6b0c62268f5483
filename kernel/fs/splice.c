/* SPDX-License-Identifier: MIT */
/*
 * splice(): between a pipe and another descriptor, through at most one page at a time. Thread
 * context.
 */
#include <kernel/file.h>
#include <kernel/mm.h>
#include <kernel/syscalls.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/epoll.h>

#include "fs_int.h"

/* A socket's next byte is urgent: it is no part of the stream, and nothing before it is left. */
static bool at_urgent_mark(struct file *in)
{
	int at = 0;

	return in->ops->ioctl && !in->ops->ioctl(in, SIOCATMARK, &at) && at;
}

/* What in has now, or its first bytes to come, into a pipe. */
static ssize_t splice_to_pipe(struct file *in, s64 *pos, struct file *out, size_t len)
{
	struct iovec iov = {kmalloc(PAGE_SIZE, GFP_KERNEL), min(len, (size_t)PAGE_SIZE)};
	struct iov_iter it;
	ssize_t done = 0, n;

	if (!iov.iov_base)
		return -ENOMEM;
	do {
		void *page = iov.iov_base;

		n = 0;
		if (at_urgent_mark(in))
			break;
		iov_iter_init(&it, &iov, 1, iov.iov_len);
		n = in->ops->read(in, &it, pos);
		if (n <= 0)
			break;
		iov.iov_len = (size_t)n;
		iov_iter_init(&it, &iov, 1, (size_t)n);
		n = out->ops->write(out, &it, &out->pos);
		if (n > 0)
			done += n;
		iov = (struct iovec){page, min(len - (size_t)done, (size_t)PAGE_SIZE)};
		/* A full page may have more behind it, which is there or not: do not wait. */
	} while (n == (ssize_t)PAGE_SIZE && (size_t)done < len && in->ops->poll &&
		 in->ops->poll(in, NULL) & EPOLLIN);
	kfree(iov.iov_base);
	return done ? done : n;
}

ssize_t sys_splice(int in_fd, off_t *off_in, int out_fd, off_t *off_out, size_t len, unsigned flags)
{
	struct file *in = fget(in_fd), *out = fget(out_fd);
	bool nonblock = flags & SPLICE_F_NONBLOCK;
	ssize_t n = -EBADF;
	s64 pos = off_in ? *off_in : 0;

	if (!in || !out)
		goto put;
	n = -EINVAL;
	if (off_out || !in->ops->read || !out->ops->write)
		goto put;
	if (pipe_is_end(in, true) && !off_in)
		n = pipe_give(in, out, len, nonblock || in->flags & O_NONBLOCK);
	else if (pipe_is_end(out, false))
		n = len ? splice_to_pipe(in, off_in ? &pos : &in->pos, out, len) : 0;
	else if (pipe_is_end(in, true))
		n = -ESPIPE;
	if (off_in)
		*off_in = pos;
put:
	if (in)
		fput(in);
	if (out)
		fput(out);
	return n;
}
