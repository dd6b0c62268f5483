/* SPDX-License-Identifier: MIT */
/*
 * Between the files of net/socket.
 */
#ifndef NET_SOCKET_SOCKET_INT_H
#define NET_SOCKET_SOCKET_INT_H

#include <net/sock.h>

/* The socket behind a descriptor, its file held until sockfd_put(). NULL: *err is -EBADF or
 * -ENOTSOCK. */
struct socket *sockfd_lookup(int fd, int *err);
static inline void sockfd_put(struct socket *s)
{
	fput(s->file);
}

/* SOL_SOCKET options: 0 or -errno as setsockopt(2), getsockopt(2). Thread context. */
int sock_setsockopt(struct socket *s, int name, const void *val, socklen_t len);
int sock_getsockopt(struct socket *s, int name, void *val, socklen_t *len);

/* Interface ioctls that an inet socket answers (netdevice(7)): 0 or -errno; -ENOTTY: none of them.
 */
int ifreq_ioctl(struct net *net, unsigned cmd, void *arg);

#endif
