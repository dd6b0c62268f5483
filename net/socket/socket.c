/* SPDX-License-Identifier: MIT */
/*
 * The socket system calls: descriptor to struct socket to the family's proto_ops. Each call holds
 * a reference to the file while it runs, so that a close() in another thread cannot pull the
 * socket away. Thread context.
 */
#include <net/busy_poll.h>

#include <errno.h>
#include <fcntl.h>
#include <kernel/init.h>
#include <kernel/mm.h>
#include <kernel/syscalls.h>
#include <lib/err.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>

#include "socket_int.h"

#define SOCK_TYPE_MASK 0xf

struct net *current_net(void)
{
	struct thread *t = thread_current();

	return t && t->net ? t->net : &init_net;
}

void set_current_net(struct net *net)
{
	thread_current()->net = net;
}

/* ---- a socket as a file ------------------------------------------------------------------- */

static int file_msg_flags(const struct file *f)
{
	return READ_ONCE(f->flags) & O_NONBLOCK ? MSG_DONTWAIT : 0;
}

static ssize_t socket_read(struct file *f, struct iov_iter *to, s64 *pos)
{
	struct socket *s = f->private;
	struct msghdr msg = {0};

	(void)pos;
	if (!iov_iter_count(to) && s->type == SOCK_STREAM)
		return 0;
	return s->ops->recvmsg(s, &msg, to, file_msg_flags(f));
}

static ssize_t socket_write(struct file *f, struct iov_iter *from, s64 *pos)
{
	struct socket *s = f->private;
	struct msghdr msg = {0};

	(void)pos;
	return s->ops->sendmsg(s, &msg, from, file_msg_flags(f));
}

static u32 socket_poll(struct file *f, struct poll_table *pt)
{
	struct socket *s = f->private;

	if (pt && s->sk) {
		pt->napi_id = READ_ONCE(s->sk->sk_napi_id);
		pt->may_busy_poll = sk_can_busy_loop(s->sk);
	}
	return s->ops->poll(f, s, pt);
}

static long socket_ioctl(struct file *f, unsigned cmd, void *arg)
{
	struct socket *s = f->private;

	return s->ops->ioctl ? s->ops->ioctl(s, cmd, arg) : -ENOTTY;
}

static int socket_stat(struct file *f, struct stat *st)
{
	struct socket *s = f->private;

	memset(st, 0, sizeof(*st));
	st->st_mode = S_IFSOCK | 0777;
	st->st_ino = s->sk ? s->sk->sk_ino : 0;
	st->st_nlink = 1;
	return 0;
}

static ssize_t socket_sendpage(struct file *f, struct page *page, u32 off, size_t len, int flags)
{
	struct socket *s = f->private;

	if (!s->ops->sendpage)
		return -EOPNOTSUPP;
	return s->ops->sendpage(s, page, off, len, flags | file_msg_flags(f));
}

static void socket_release(struct file *f)
{
	sock_release(f->private);
}

static const struct file_ops socket_file_ops = {
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.stat = socket_stat,
	.sendpage = socket_sendpage,
	.release = socket_release,
};

/* ---- making and finding --------------------------------------------------------------------- */

static struct kmem_cache *socket_cache;

static int socket_cache_init(void)
{
	socket_cache = kmem_cache_create("socket", sizeof(struct socket), 0, 0, NULL);
	return socket_cache ? 0 : -ENOMEM;
}
DEFINE_INITCALL(INIT_CORE, socket_cache_init);

static struct socket *socket_alloc(void)
{
	struct socket *s = kmem_cache_alloc(socket_cache, GFP_KERNEL | GFP_ZERO);

	if (!s)
		return NULL;
	s->state = SS_UNCONNECTED;
	wait_queue_init(&s->wq);
	return s;
}

static void socket_free_rcu(struct rcu_head *head)
{
	kmem_cache_free(socket_cache, container_of(head, struct socket, rcu));
}

/* A softirq may still be looking at the wait queue: it goes after a grace period. */
static void socket_free(struct socket *s)
{
	call_rcu(&s->rcu, socket_free_rcu);
}

extern const struct net_proto_family *const __start_net_families[] __weak;
extern const struct net_proto_family *const __stop_net_families[] __weak;

static const struct net_proto_family *find_family(int family)
{
	const struct net_proto_family *const *f;

	for (f = __start_net_families; f < __stop_net_families; f++)
		if ((*f)->family == family)
			return *f;
	return NULL;
}

static int socket_create(struct net *net, int family, int type, int protocol, bool kern,
			 struct socket **res)
{
	const struct net_proto_family *f = find_family(family);
	struct socket *s;
	int err;

	if (!f)
		return -EAFNOSUPPORT;
	if (type < 0 || type > SOCK_TYPE_MASK)
		return -EINVAL;
	s = socket_alloc();
	if (!s)
		return -ENOMEM;
	s->type = (u16)type;
	err = f->create(net, s, protocol, kern);
	if (err) {
		socket_free(s);
		return err;
	}
	*res = s;
	return 0;
}

int sock_create_kern(struct net *net, int family, int type, int protocol, struct socket **res)
{
	return socket_create(net, family, type, protocol, true, res);
}

void sock_release(struct socket *s)
{
	if (s->ops)
		s->ops->release(s);
	socket_free(s);
}

static struct file *socket_file(struct socket *s, int flags)
{
	struct file *f =
		file_alloc(&socket_file_ops, s, O_RDWR | (flags & SOCK_NONBLOCK ? O_NONBLOCK : 0));

	if (f)
		s->file = f;
	return f;
}

int sock_map_fd(struct socket *s, int flags)
{
	struct file *f = socket_file(s, flags);
	int fd;

	if (!f) {
		sock_release(s);
		return -ENFILE;
	}
	fd = fd_install(f);
	if (fd < 0)
		fput(f);
	return fd;
}

struct socket *sockfd_lookup(int fd, int *err)
{
	struct file *f = fget(fd);

	*err = -EBADF;
	if (!f)
		return NULL;
	if (f->ops == &socket_file_ops)
		return f->private;
	fput(f);
	*err = -ENOTSOCK;
	return NULL;
}

/* ---- the calls --------------------------------------------------------------------------------
 */

int sys_socket(int family, int type, int protocol)
{
	struct socket *s;
	int err;

	if (type & ~(SOCK_TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	err = socket_create(current_net(), family, type & SOCK_TYPE_MASK, protocol, false, &s);
	return err ? err : sock_map_fd(s, type & ~SOCK_TYPE_MASK);
}

static bool addr_len_ok(const struct sockaddr *addr, socklen_t len)
{
	return addr && len >= sizeof(addr->sa_family) && len <= sizeof(struct sockaddr_storage);
}

int sys_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	int err;
	struct socket *s = sockfd_lookup(fd, &err);

	if (!s)
		return err;
	err = addr_len_ok(addr, len) ? s->ops->bind(s, addr, len) : -EINVAL;
	sockfd_put(s);
	return err;
}

int sys_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	int err;
	struct socket *s = sockfd_lookup(fd, &err);

	if (!s)
		return err;
	err = addr_len_ok(addr, len) ? s->ops->connect(s, addr, len, READ_ONCE(s->file->flags))
				     : -EINVAL;
	sockfd_put(s);
	return err;
}

int sys_listen(int fd, int backlog)
{
	int err;
	struct socket *s = sockfd_lookup(fd, &err);
	int somaxconn;

	if (!s)
		return err;
	somaxconn = READ_ONCE(current_net()->core->somaxconn);
	if ((unsigned)backlog > (unsigned)somaxconn)
		backlog = somaxconn;
	err = s->ops->listen ? s->ops->listen(s, backlog) : -EOPNOTSUPP;
	sockfd_put(s);
	return err;
}

/* Give the caller an address: as much as fits, and its true length. */
static int addr_to_user(const struct sockaddr_storage *ss, int len, struct sockaddr *addr,
			socklen_t *addrlen)
{
	if (!addrlen || (int)*addrlen < 0)
		return -EINVAL;
	if (addr)
		memcpy(addr, ss, min((socklen_t)len, *addrlen));
	*addrlen = (socklen_t)len;
	return 0;
}

/* who: SOCKNAME_*. */
static int socket_getname(struct socket *s, struct sockaddr *addr, socklen_t *len, int who)
{
	struct sockaddr_storage ss;
	int n = s->ops->getname ? s->ops->getname(s, &ss, who) : -EOPNOTSUPP;

	return n < 0 ? n : addr_to_user(&ss, n, addr, len);
}

/* An empty socket like s, as a file to accept a connection into. */
static struct file *accept_file(const struct socket *s, int flags)
{
	struct socket *newsock = socket_alloc();
	struct file *f;

	if (!newsock)
		return NULL;
	newsock->type = s->type;
	newsock->ops = s->ops;
	f = socket_file(newsock, flags);
	if (!f)
		socket_free(newsock);
	return f;
}

/* A connection once off its queue can't go back: all that may be short is had before. */
static int accept_fd(struct socket *s, struct sockaddr *addr, socklen_t *len, int flags)
{
	int err, fd = fd_reserve();
	struct file *f;

	if (fd < 0)
		return fd;
	f = accept_file(s, flags);
	err = f ? s->ops->accept(s, f->private, READ_ONCE(s->file->flags)) : -ENFILE;
	if (!err && addr)
		err = socket_getname(f->private, addr, len, SOCKNAME_ACCEPTED);
	if (!err) {
		fd_attach(fd, f);
		return fd;
	}
	fd_unreserve(fd);
	if (f)
		fput(f);
	return err;
}

int sys_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	struct socket *s;
	int err;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	s = sockfd_lookup(fd, &err);
	if (!s)
		return err;
	err = s->ops->accept ? accept_fd(s, addr, len, flags) : -EOPNOTSUPP;
	sockfd_put(s);
	return err;
}

int sys_shutdown(int fd, int how)
{
	int err;
	struct socket *s = sockfd_lookup(fd, &err);

	if (!s)
		return err;
	err = s->ops->shutdown ? s->ops->shutdown(s, how) : -EOPNOTSUPP;
	sockfd_put(s);
	return err;
}

static int sys_getname(int fd, struct sockaddr *addr, socklen_t *len, int who)
{
	int err;
	struct socket *s = sockfd_lookup(fd, &err);

	if (!s)
		return err;
	err = socket_getname(s, addr, len, who);
	sockfd_put(s);
	return err;
}

int sys_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return sys_getname(fd, addr, len, SOCKNAME_OWN);
}

int sys_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	return sys_getname(fd, addr, len, SOCKNAME_PEER);
}

int sys_setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
	int err;
	struct socket *s;

	if ((int)len < 0)
		return -EINVAL;
	s = sockfd_lookup(fd, &err);
	if (!s)
		return err;
	if (level == SOL_SOCKET)
		err = s->sk ? sock_setsockopt(s, name, val, len) : -EOPNOTSUPP;
	else
		err = s->ops->setsockopt ? s->ops->setsockopt(s, level, name, val, len)
					 : -EOPNOTSUPP;
	sockfd_put(s);
	return err;
}

int sys_getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	int err;
	struct socket *s;

	if (!len || (int)*len < 0)
		return -EINVAL;
	s = sockfd_lookup(fd, &err);
	if (!s)
		return err;
	if (level == SOL_SOCKET)
		err = s->sk ? sock_getsockopt(s, name, val, len) : -EOPNOTSUPP;
	else
		err = s->ops->getsockopt ? s->ops->getsockopt(s, level, name, val, len)
					 : -EOPNOTSUPP;
	sockfd_put(s);
	return err;
}

/* ---- moving data --------------------------------------------------------------------------------
 */

static ssize_t msg_length(const struct msghdr *msg)
{
	return msg->msg_iovlen > IOV_MAX ? -EMSGSIZE : iov_length(msg->msg_iov, msg->msg_iovlen);
}

ssize_t sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t len = msg_length(msg);
	struct iov_iter from;
	struct socket *s;
	int err;

	if (len < 0)
		return len;
	s = sockfd_lookup(fd, &err);
	if (!s)
		return err;
	iov_iter_init(&from, msg->msg_iov, (unsigned)msg->msg_iovlen, (size_t)len);
	if (flags & MSG_BATCH)
		netdev_tx_hold();
	len = s->ops->sendmsg(s, msg, &from, flags | file_msg_flags(s->file));
	if (!(flags & MSG_BATCH))
		thread_unplug();
	sockfd_put(s);
	return len;
}

/* What msg says afterwards is the protocol's: where it put names and control messages. */
static ssize_t receive(int fd, struct msghdr *msg, int flags)
{
	ssize_t len = msg_length(msg);
	struct iov_iter to;
	struct socket *s;
	int err;

	if (len < 0)
		return len;
	s = sockfd_lookup(fd, &err);
	if (!s)
		return err;
	iov_iter_init(&to, msg->msg_iov, (unsigned)msg->msg_iovlen, (size_t)len);
	msg->msg_flags = 0;
	len = s->ops->recvmsg(s, msg, &to, flags | file_msg_flags(s->file));
	sockfd_put(s);
	return len;
}

ssize_t sys_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct msghdr before = *msg;
	ssize_t len = receive(fd, msg, flags);

	if (len < 0) {
		*msg = before;
	} else {
		/* put_cmsg() moved on behind what it wrote. */
		msg->msg_controllen = (size_t)((u8 *)msg->msg_control - (u8 *)before.msg_control);
		msg->msg_control = before.msg_control;
	}
	return len;
}

ssize_t sys_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
		   socklen_t tolen)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};
	struct sockaddr_storage ss;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (to) {
		if (!addr_len_ok(to, tolen))
			return -EINVAL;
		memcpy(&ss, to, tolen);
		msg.msg_name = &ss;
		msg.msg_namelen = tolen;
	}
	return sys_sendmsg(fd, &msg, flags);
}

ssize_t sys_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from,
		     socklen_t *fromlen)
{
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct sockaddr_storage ss;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (from) {
		msg.msg_name = &ss;
		msg.msg_namelen = sizeof(ss);
	}
	n = receive(fd, &msg, flags);
	if (n >= 0 && from) {
		int err = addr_to_user(&ss, (int)msg.msg_namelen, from, fromlen);

		if (err)
			return err;
	}
	return n;
}
