/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that packetdrill sees are real ones of the host, which stand for the stack's: the
 * last of them are closed past the interface, and a number of the stack's own could be that of a
 * file of packetdrill's.
 */
#include <errno.h>
#include <kernel/syscalls.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/packetdrill/pd_int.h"

#define MAX_HOST_FD 4096

static int stack_fd[MAX_HOST_FD]; /* one more than the stack's, 0: none */

long pd_fd_new(long fd)
{
	int host_fd;

	if (fd < 0)
		return fd;
	host_fd = eventfd(0, EFD_CLOEXEC);
	if (host_fd < 0 || host_fd >= MAX_HOST_FD) {
		sys_close((int)fd);
		return -EMFILE;
	}
	stack_fd[host_fd] = (int)fd + 1;
	return host_fd;
}

int pd_fd_get(int host_fd)
{
	return host_fd < 0 || host_fd >= MAX_HOST_FD ? -1 : stack_fd[host_fd] - 1;
}

void pd_fd_drop(int host_fd)
{
	stack_fd[host_fd] = 0;
	syscall(SYS_close, host_fd);
}
