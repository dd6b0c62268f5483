/* SPDX-License-Identifier: MIT */
/*
 * packetdrill's table of calls, on the stack's system calls. Each call_x() runs on a thread of the
 * stack (see pd_run()); what stands around it translates descriptors.
 */
#include <errno.h>
#include <kernel/syscalls.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/packetdrill/pd_int.h"

#define MAX_POLLFDS 64

/* The stack's descriptor for fd, as an argument. */
#define FD(fd)                     \
	{                          \
		.n = pd_fd_get(fd) \
	}
#define N(v)                   \
	{                      \
		.n = (long)(v) \
	}
#define P(v)             \
	{                \
		.p = (v) \
	}
#define CP(v)             \
	{                 \
		.cp = (v) \
	}

/* --- sockets ---------------------------------------------------------------------------------- */

static long call_socket(const union pd_arg *a)
{
	pd_read_sysctls();
	pd_device_set_gso(pd_wants_gso());
	return pd_fd_new(sys_socket((int)a[0].n, (int)a[1].n, (int)a[2].n));
}

static int pd_socket(void *user, int family, int type, int protocol)
{
	return (int)PD_RUN(call_socket, N(family), N(type), N(protocol));
}

static long call_bind(const union pd_arg *a)
{
	const struct sockaddr_in *sin = a[1].cp;

	if (sin->sin_family == AF_INET && (size_t)a[2].n >= sizeof(*sin))
		pd_device_address(sin->sin_addr.s_addr);
	return sys_bind((int)a[0].n, a[1].cp, (socklen_t)a[2].n);
}

static int pd_bind(void *user, int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)PD_RUN(call_bind, FD(fd), CP(addr), N(len));
}

static long call_listen(const union pd_arg *a)
{
	return sys_listen((int)a[0].n, (int)a[1].n);
}

static int pd_listen(void *user, int fd, int backlog)
{
	return (int)PD_RUN(call_listen, FD(fd), N(backlog));
}

static long call_accept(const union pd_arg *a)
{
	return pd_fd_new(sys_accept4((int)a[0].n, a[1].p, a[2].p, 0));
}

static int pd_accept(void *user, int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)PD_RUN(call_accept, FD(fd), P(addr), P(len));
}

static long call_connect(const union pd_arg *a)
{
	return sys_connect((int)a[0].n, a[1].cp, (socklen_t)a[2].n);
}

static int pd_connect(void *user, int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)PD_RUN(call_connect, FD(fd), CP(addr), N(len));
}

static long call_shutdown(const union pd_arg *a)
{
	return sys_shutdown((int)a[0].n, (int)a[1].n);
}

static int pd_shutdown(void *user, int fd, int how)
{
	return (int)PD_RUN(call_shutdown, FD(fd), N(how));
}

static long call_getsockopt(const union pd_arg *a)
{
	return sys_getsockopt((int)a[0].n, (int)a[1].n, (int)a[2].n, a[3].p, a[4].p);
}

int pd_getsockopt(void *user, int fd, int level, int name, void *val, socklen_t *len)
{
	return (int)PD_RUN(call_getsockopt, FD(fd), N(level), N(name), P(val), P(len));
}

static long call_setsockopt(const union pd_arg *a)
{
	return sys_setsockopt((int)a[0].n, (int)a[1].n, (int)a[2].n, a[3].cp, (socklen_t)a[4].n);
}

static int pd_setsockopt(void *user, int fd, int level, int name, const void *val, socklen_t len)
{
	return (int)PD_RUN(call_setsockopt, FD(fd), N(level), N(name), CP(val), N(len));
}

/* --- receiving -------------------------------------------------------------------------------- */

static long call_read(const union pd_arg *a)
{
	return sys_read((int)a[0].n, a[1].p, (size_t)a[2].n);
}

static ssize_t pd_read(void *user, int fd, void *buf, size_t len)
{
	return PD_RUN(call_read, FD(fd), P(buf), N(len));
}

static long call_readv(const union pd_arg *a)
{
	return sys_readv((int)a[0].n, a[1].cp, (int)a[2].n);
}

static ssize_t pd_readv(void *user, int fd, const struct iovec *iov, int n)
{
	return PD_RUN(call_readv, FD(fd), CP(iov), N(n));
}

static long call_recvfrom(const union pd_arg *a)
{
	return sys_recvfrom((int)a[0].n, a[1].p, (size_t)a[2].n, (int)a[3].n, a[4].p, a[5].p);
}

static ssize_t pd_recvfrom(void *user, int fd, void *buf, size_t len, int flags,
			   struct sockaddr *from, socklen_t *fromlen)
{
	return PD_RUN(call_recvfrom, FD(fd), P(buf), N(len), N(flags), P(from), P(fromlen));
}

static ssize_t pd_recv(void *user, int fd, void *buf, size_t len, int flags)
{
	return pd_recvfrom(user, fd, buf, len, flags, NULL, NULL);
}

static long call_recvmsg(const union pd_arg *a)
{
	return sys_recvmsg((int)a[0].n, a[1].p, (int)a[2].n);
}

static ssize_t pd_recvmsg(void *user, int fd, struct msghdr *msg, int flags)
{
	return PD_RUN(call_recvmsg, FD(fd), P(msg), N(flags));
}

/* --- sending ---------------------------------------------------------------------------------- */

static long call_write(const union pd_arg *a)
{
	return sys_write((int)a[0].n, a[1].cp, (size_t)a[2].n);
}

static ssize_t pd_write(void *user, int fd, const void *buf, size_t len)
{
	return PD_RUN(call_write, FD(fd), CP(buf), N(len));
}

static long call_writev(const union pd_arg *a)
{
	return sys_writev((int)a[0].n, a[1].cp, (int)a[2].n);
}

static ssize_t pd_writev(void *user, int fd, const struct iovec *iov, int n)
{
	return PD_RUN(call_writev, FD(fd), CP(iov), N(n));
}

static long call_sendto(const union pd_arg *a)
{
	return sys_sendto((int)a[0].n, a[1].cp, (size_t)a[2].n, (int)a[3].n, a[4].cp,
			  (socklen_t)a[5].n);
}

static ssize_t pd_sendto(void *user, int fd, const void *buf, size_t len, int flags,
			 const struct sockaddr *to, socklen_t tolen)
{
	return PD_RUN(call_sendto, FD(fd), CP(buf), N(len), N(flags), CP(to), N(tolen));
}

static ssize_t pd_send(void *user, int fd, const void *buf, size_t len, int flags)
{
	return pd_sendto(user, fd, buf, len, flags, NULL, 0);
}

static long call_sendmsg(const union pd_arg *a)
{
	return sys_sendmsg((int)a[0].n, a[1].cp, (int)a[2].n);
}

static ssize_t pd_sendmsg(void *user, int fd, const struct msghdr *msg, int flags)
{
	return PD_RUN(call_sendmsg, FD(fd), CP(msg), N(flags));
}

/* The file is the host's, the socket ours: pieces as large as a pipe, all but the last with more
 * to follow. */
ssize_t pd_sendfile(int out, int in, off_t *off, size_t len)
{
	enum { PIECE = 65536 };
	char *buf = malloc(PIECE);
	ssize_t done = 0;

	while (buf && len) {
		size_t want = len < PIECE ? len : PIECE;
		ssize_t got = off ? pread(in, buf, want, *off) : read(in, buf, want);
		ssize_t sent;

		if (got <= 0)
			break;
		sent = pd_send(NULL, out, buf, (size_t)got, (size_t)got < len ? MSG_MORE : 0);
		if (sent < 0) {
			done = done ? done : -1;
			break;
		}
		done += sent;
		len -= (size_t)sent;
		if (off)
			*off += sent;
		if (sent < got)
			break;
	}
	free(buf);
	return done;
}

/* --- descriptors ------------------------------------------------------------------------------ */

static long call_fcntl(const union pd_arg *a)
{
	return sys_fcntl((int)a[0].n, (int)a[1].n, (unsigned long)a[2].n);
}

static int pd_fcntl(void *user, int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	return (int)PD_RUN(call_fcntl, FD(fd), N(cmd), N(arg));
}

static long call_ioctl(const union pd_arg *a)
{
	return sys_ioctl((int)a[0].n, (unsigned long)a[1].n, a[2].p);
}

static int pd_ioctl(void *user, int fd, unsigned long cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return (int)PD_RUN(call_ioctl, FD(fd), N(cmd), P(arg));
}

static long call_close(const union pd_arg *a)
{
	return sys_close((int)a[0].n);
}

int pd_close(void *user, int fd)
{
	long err;

	if (pd_fd_get(fd) < 0)
		return (int)syscall(SYS_close, fd);
	err = PD_RUN(call_close, FD(fd));
	pd_fd_drop(fd);
	return (int)err;
}

static long call_poll(const union pd_arg *a)
{
	return sys_poll(a[0].p, (nfds_t)a[1].n, (int)a[2].n);
}

static int pd_poll(void *user, struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct pollfd ours[MAX_POLLFDS];
	int ready;

	if (n > MAX_POLLFDS)
		return (int)pd_result(-EINVAL);
	for (nfds_t i = 0; i < n; i++) {
		ours[i] = fds[i];
		ours[i].fd = pd_fd_get(fds[i].fd);
	}
	ready = (int)PD_RUN(call_poll, P(ours), N(n), N(timeout_ms));
	for (nfds_t i = 0; i < n; i++)
		fds[i].revents = ours[i].revents;
	return ready;
}

static long call_epoll_create(const union pd_arg *a)
{
	return pd_fd_new(a[0].n > 0 ? sys_epoll_create1(0) : -EINVAL);
}

static int pd_epoll_create(void *user, int size)
{
	return (int)PD_RUN(call_epoll_create, N(size));
}

static long call_epoll_ctl(const union pd_arg *a)
{
	return sys_epoll_ctl((int)a[0].n, (int)a[1].n, (int)a[2].n, a[3].p);
}

static int pd_epoll_ctl(void *user, int epfd, int op, int fd, struct epoll_event *ev)
{
	return (int)PD_RUN(call_epoll_ctl, FD(epfd), N(op), FD(fd), P(ev));
}

static long call_epoll_wait(const union pd_arg *a)
{
	return sys_epoll_wait((int)a[0].n, a[1].p, (int)a[2].n, (int)a[3].n);
}

static int pd_epoll_wait(void *user, int epfd, struct epoll_event *evs, int max, int timeout_ms)
{
	return (int)PD_RUN(call_epoll_wait, FD(epfd), P(evs), N(max), N(timeout_ms));
}

static long call_pipe(const union pd_arg *a)
{
	int *fds = a[0].p;
	long err = sys_pipe2(fds, 0);

	if (err)
		return err;
	fds[0] = (int)pd_fd_new(fds[0]);
	fds[1] = (int)pd_fd_new(fds[1]);
	return 0;
}

static int pd_pipe(void *user, int fds[2])
{
	return (int)PD_RUN(call_pipe, P(fds));
}

static long call_splice(const union pd_arg *a)
{
	return sys_splice((int)a[0].n, NULL, (int)a[1].n, NULL, (size_t)a[2].n, (unsigned)a[3].n);
}

/* Pipes and sockets have no offsets: whatever a script says for them is not looked at. */
static int pd_splice(void *user, int in, loff_t *off_in, int out, loff_t *off_out, size_t len,
		     unsigned flags)
{
	return (int)PD_RUN(call_splice, FD(in), FD(out), N(len), N(flags));
}

void pd_fill_table(struct packetdrill_table *t)
{
	t->socket = pd_socket;
	t->bind = pd_bind;
	t->listen = pd_listen;
	t->accept = pd_accept;
	t->connect = pd_connect;
	t->read = pd_read;
	t->readv = pd_readv;
	t->recv = pd_recv;
	t->recvfrom = pd_recvfrom;
	t->recvmsg = pd_recvmsg;
	t->write = pd_write;
	t->writev = pd_writev;
	t->send = pd_send;
	t->sendto = pd_sendto;
	t->sendmsg = pd_sendmsg;
	t->fcntl = pd_fcntl;
	t->ioctl = pd_ioctl;
	t->close = pd_close;
	t->shutdown = pd_shutdown;
	t->getsockopt = pd_getsockopt;
	t->setsockopt = pd_setsockopt;
	t->poll = pd_poll;
	t->epoll_create = pd_epoll_create;
	t->epoll_ctl = pd_epoll_ctl;
	t->epoll_wait = pd_epoll_wait;
	t->pipe = pd_pipe;
	t->splice = pd_splice;
}
