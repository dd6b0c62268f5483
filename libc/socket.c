/* SPDX-License-Identifier: MIT */
/* Sockets: POSIX names over the system calls. Thread context. */
#include <kernel/syscalls.h>
#include <sys/socket.h>

#include "libc_int.h"

int socket(int family, int type, int protocol)
{
	return (int)libc_ret(sys_socket(family, type, protocol));
}

int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)libc_ret(sys_bind(fd, addr, len));
}

int listen(int fd, int backlog)
{
	return (int)libc_ret(sys_listen(fd, backlog));
}

int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	return (int)libc_ret(sys_accept4(fd, addr, len, flags));
}

int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return accept4(fd, addr, len, 0);
}

int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)libc_ret(sys_connect(fd, addr, len));
}

int shutdown(int fd, int how)
{
	return (int)libc_ret(sys_shutdown(fd, how));
}

int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)libc_ret(sys_getsockname(fd, addr, len));
}

int getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)libc_ret(sys_getpeername(fd, addr, len));
}

int getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	return (int)libc_ret(sys_getsockopt(fd, level, name, val, len));
}

int setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
	return (int)libc_ret(sys_setsockopt(fd, level, name, val, len));
}

ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
	       socklen_t tolen)
{
	return libc_ret(sys_sendto(fd, buf, len, flags, to, tolen));
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	return sendto(fd, buf, len, flags, NULL, 0);
}

ssize_t recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from,
		 socklen_t *fromlen)
{
	return libc_ret(sys_recvfrom(fd, buf, len, flags, from, fromlen));
}

ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	return recvfrom(fd, buf, len, flags, NULL, NULL);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return libc_ret(sys_sendmsg(fd, msg, flags));
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	return libc_ret(sys_recvmsg(fd, msg, flags));
}
