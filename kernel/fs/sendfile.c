/* SPDX-License-Identifier: MIT */
/*
 * sendfile(): from a file to another descriptor, by reference where one offers its memory and the
 * other takes pages, else through a page. Thread context.
 */
#include <kernel/file.h>
#include <kernel/mm.h>
#include <kernel/syscalls.h>
#include <kernel/thread.h>

#include <errno.h>
#include <sys/socket.h>

#define MAX_RW_COUNT 0x7ffff000u /* as Linux: what one call moves at most */

#define PIECE_BYTES (64u << 10) /* handed over at once: what one packet takes at most */

/* Hand over len bytes at addr. Pages that follow one another need one reference: see map(). */
static ssize_t send_pages(struct file *out, void *addr, size_t len, bool more)
{
	size_t done = 0;

	while (done < len) {
		u8 *p = (u8 *)addr + done;
		u32 off = (u32)((uintptr_t)p & (PAGE_SIZE - 1));
		size_t n = min(len - done, (size_t)PIECE_BYTES);
		int flags = more || done + n < len ? MSG_MORE : 0;
		ssize_t ret = out->ops->sendpage(out, virt_to_page(p), off, n, flags);

		if (ret < 0)
			return done ? (ssize_t)done : ret;
		done += (size_t)ret;
		if ((size_t)ret < n)
			break;
	}
	return (ssize_t)done;
}

static ssize_t send_mapped(struct file *out, struct file *in, s64 *pos, size_t len)
{
	void *addr;
	ssize_t n = in->ops->map(in, *pos, len, &addr);

	if (n <= 0)
		return n;
	n = send_pages(out, addr, (size_t)n, false);
	if (n > 0)
		*pos += n;
	return n;
}

static ssize_t send_copied(struct file *out, struct file *in, s64 *pos, size_t len)
{
	void *buf = kmalloc(PAGE_SIZE, GFP_KERNEL);
	ssize_t done = 0, n = 0;

	if (!buf)
		return -ENOMEM;
	while ((size_t)done < len) {
		struct iovec iov = {buf, min(len - (size_t)done, (size_t)PAGE_SIZE)};
		struct iov_iter it;
		s64 start = *pos;
		ssize_t got;

		iov_iter_init(&it, &iov, 1, iov.iov_len);
		got = in->ops->read(in, &it, pos);
		if (got <= 0) {
			n = got;
			break;
		}
		iov.iov_len = (size_t)got;
		iov_iter_init(&it, &iov, 1, (size_t)got);
		n = out->ops->write(out, &it, &out->pos);
		*pos = start + (n > 0 ? n : 0);
		if (n > 0)
			done += n;
		if (n < got)
			break;
	}
	kfree(buf);
	return done ? done : n;
}

ssize_t sys_sendfile(int out_fd, int in_fd, off_t *off, size_t len)
{
	struct file *out = fget(out_fd), *in = fget(in_fd);
	ssize_t n = -EBADF;
	s64 pos;

	len = min(len, (size_t)MAX_RW_COUNT);
	thread_unplug(); /* what is much does not wait for more */
	if (!out || !in)
		goto put;
	n = -EINVAL;
	if (!in->ops->read || !in->ops->llseek || !out->ops->write)
		goto put;
	pos = off ? *off : in->pos;
	n = in->ops->map && out->ops->sendpage ? send_mapped(out, in, &pos, len) : -EOPNOTSUPP;
	if (n == -EOPNOTSUPP)
		n = send_copied(out, in, &pos, len);
	if (off)
		*off = pos;
	else
		in->pos = pos;
put:
	if (in)
		fput(in);
	if (out)
		fput(out);
	return n;
}
