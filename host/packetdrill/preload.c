/* SPDX-License-Identifier: MIT */
/*
 * The same object given as LD_PRELOAD: answers the calls that packetdrill makes past its table, for
 * our descriptors; all others go to the kernel. Children of packetdrill may have it too.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/packetdrill/pd_int.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int getsockopt(int fd, int level, int name, void *restrict val, socklen_t *restrict len)
{
	if (pd_fd_get(fd) >= 0)
		return pd_getsockopt(NULL, fd, level, name, val, len);
	return (int)syscall(SYS_getsockopt, fd, level, name, val, len);
}

EXPORT int close(int fd)
{
	if (pd_fd_get(fd) >= 0)
		return pd_close(NULL, fd);
	return (int)syscall(SYS_close, fd);
}

EXPORT ssize_t sendfile(int out, int in, off_t *off, size_t len)
{
	if (pd_fd_get(out) >= 0)
		return pd_sendfile(out, in, off, len);
	return syscall(SYS_sendfile, out, in, off, len);
}

/* Shell commands of the script: what they change is looked at before the next call. */
EXPORT int system(const char *command)
{
	static int (*real)(const char *command);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "system");
	if (command)
		pd_command(command);
	return real ? real(command) : -1;
}

/* Virtual time needs no pages in memory, and no privilege to have them there. */
EXPORT int mlockall(int flags)
{
	(void)flags;
	return 0;
}
