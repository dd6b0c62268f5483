/* SPDX-License-Identifier: MIT */
/* Waiting for descriptors: poll, epoll, eventfd. Thread context. */
#include <kernel/syscalls.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "libc_int.h"

int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	return (int)libc_ret(sys_poll(fds, n, timeout_ms));
}

int epoll_create1(int flags)
{
	return (int)libc_ret(sys_epoll_create1(flags));
}

int epoll_create(int size)
{
	if (size > 0)
		return epoll_create1(0);
	errno = EINVAL;
	return -1;
}

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	return (int)libc_ret(sys_epoll_ctl(epfd, op, fd, ev));
}

int epoll_wait(int epfd, struct epoll_event *evs, int max, int timeout_ms)
{
	return (int)libc_ret(sys_epoll_wait(epfd, evs, max, timeout_ms));
}

int eventfd(unsigned int initval, int flags)
{
	return (int)libc_ret(sys_eventfd2(initval, flags));
}

int eventfd_read(int fd, eventfd_t *value)
{
	return read(fd, value, sizeof(*value)) == sizeof(*value) ? 0 : -1;
}

int eventfd_write(int fd, eventfd_t value)
{
	return write(fd, &value, sizeof(value)) == sizeof(value) ? 0 : -1;
}
