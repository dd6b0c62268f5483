/* SPDX-License-Identifier: MIT */
/*
 * packetdrill's shared-object interface: the table that packetdrill_interface_init() fills in. All
 * functions take the user pointer first; they fail as libc's do, with -1 and errno.
 */
#ifndef HOST_PACKETDRILL_INTERFACE_H
#define HOST_PACKETDRILL_INTERFACE_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

/* The order of the members is the ABI. */
struct packetdrill_table {
	void *user;
	void (*free)(void *user);

	int (*socket)(void *user, int family, int type, int protocol);
	int (*bind)(void *user, int fd, const struct sockaddr *addr, socklen_t len);
	int (*listen)(void *user, int fd, int backlog);
	int (*accept)(void *user, int fd, struct sockaddr *addr, socklen_t *len);
	int (*connect)(void *user, int fd, const struct sockaddr *addr, socklen_t len);

	ssize_t (*read)(void *user, int fd, void *buf, size_t len);
	ssize_t (*readv)(void *user, int fd, const struct iovec *iov, int n);
	ssize_t (*recv)(void *user, int fd, void *buf, size_t len, int flags);
	ssize_t (*recvfrom)(void *user, int fd, void *buf, size_t len, int flags,
			    struct sockaddr *from, socklen_t *fromlen);
	ssize_t (*recvmsg)(void *user, int fd, struct msghdr *msg, int flags);

	ssize_t (*write)(void *user, int fd, const void *buf, size_t len);
	ssize_t (*writev)(void *user, int fd, const struct iovec *iov, int n);
	ssize_t (*send)(void *user, int fd, const void *buf, size_t len, int flags);
	ssize_t (*sendto)(void *user, int fd, const void *buf, size_t len, int flags,
			  const struct sockaddr *to, socklen_t tolen);
	ssize_t (*sendmsg)(void *user, int fd, const struct msghdr *msg, int flags);

	int (*fcntl)(void *user, int fd, int cmd, ...);
	int (*ioctl)(void *user, int fd, unsigned long cmd, ...);
	int (*close)(void *user, int fd);
	int (*shutdown)(void *user, int fd, int how);
	int (*getsockopt)(void *user, int fd, int level, int name, void *val, socklen_t *len);
	int (*setsockopt)(void *user, int fd, int level, int name, const void *val, socklen_t len);
	int (*poll)(void *user, struct pollfd *fds, nfds_t n, int timeout_ms);

	/* A packet, from its IP header on, arrives at the stack. 0 or -1. */
	int (*netdev_send)(void *user, const void *packet, size_t len);
	/* The next packet that leaves the stack, with the time at which it did; waits for one.
	 * *len: room, then length; 0 if none will come any more. 0 or -1. */
	int (*netdev_receive)(void *user, void *packet, size_t *len, long long *time_us);

	/* The clock that rules the script. */
	int (*usleep)(void *user, useconds_t us);
	int (*gettimeofday)(void *user, struct timeval *tv, struct timezone *tz);

	int (*epoll_create)(void *user, int size);
	int (*epoll_ctl)(void *user, int epfd, int op, int fd, struct epoll_event *ev);
	int (*epoll_wait)(void *user, int epfd, struct epoll_event *evs, int max, int timeout_ms);
	int (*pipe)(void *user, int fds[2]);
	int (*splice)(void *user, int in, loff_t *off_in, int out, loff_t *off_out, size_t len,
		      unsigned flags);
};

/* What packetdrill looks up in the object and calls once a script. flags: of --so_flags, here more
 * of the stack's command line; may be NULL. */
void packetdrill_interface_init(const char *flags, struct packetdrill_table *table);

#endif
