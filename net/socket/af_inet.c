/* SPDX-License-Identifier: MIT */
/*
 * AF_INET: what bind(), connect(), listen() and the rest mean for Internet sockets, on top of the
 * transport's struct proto. Thread context; the sock's lock is taken here around everything that
 * struct proto declares as locked.
 */
#include <net/inet_sock.h>

#include <errno.h>
#include <fcntl.h>
#include <lib/err.h>
#include <net/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "socket_int.h"

extern const struct inet_protosw *const __start_inet_protosw[] __weak;
extern const struct inet_protosw *const __stop_inet_protosw[] __weak;

static const struct inet_protosw *find_protosw(u16 family, u16 type, int protocol)
{
	const struct inet_protosw *const *p;

	if (protocol == IPPROTO_IP)
		protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
	for (p = __start_inet_protosw; p < __stop_inet_protosw; p++)
		if ((*p)->family == family && (*p)->type == type && (*p)->protocol == protocol)
			return *p;
	return NULL;
}

static bool type_is_known(u16 family, u16 type)
{
	const struct inet_protosw *const *p;

	for (p = __start_inet_protosw; p < __stop_inet_protosw; p++)
		if ((*p)->family == family && (*p)->type == type)
			return true;
	return false;
}

static int inet_create(struct net *net, struct socket *s, int protocol, bool kern)
{
	const struct inet_protosw *sw;
	struct inet_sock *inet;
	struct sock *sk;
	int err;

	if (protocol < 0 || protocol > IPPROTO_RAW)
		return -EINVAL;
	sw = find_protosw(AF_INET, s->type, protocol);
	if (!sw)
		return type_is_known(AF_INET, s->type) ? -EPROTONOSUPPORT : -ESOCKTNOSUPPORT;
	sk = sk_alloc(net, AF_INET, sw->prot, GFP_KERNEL);
	if (!sk)
		return -ENOBUFS;
	sk->sk_type = s->type;
	sk->sk_protocol = sw->protocol;
	sk->sk_kern_sock = kern;
	inet = inet_sk(sk);
	inet->uc_ttl = -1;
	inet->mc_ttl = 1;
	inet->mc_loop = true;
	inet->mc_all = true;
	inet->pmtudisc = IP_PMTUDISC_WANT;
	INIT_LIST_HEAD(&inet->mc_list);
	s->ops = s->type == SOCK_STREAM ? &inet_stream_ops : &inet_dgram_ops;
	sock_graft(sk, s);
	err = sk->sk_prot->init ? sk->sk_prot->init(sk) : 0;
	if (err) {
		s->sk = NULL;
		s->ops = NULL;
		sk_common_release(sk);
	}
	return err;
}

static int inet_release(struct socket *s)
{
	struct sock *sk = s->sk;
	u64 timeout_ns = 0;

	if (!sk)
		return 0;
	if (sock_flag(sk, SOCK_LINGER))
		timeout_ns = sk->sk_lingertime_ns;
	ip_mc_drop_socket(sk);
	s->sk = NULL;
	sk->sk_prot->close(sk, timeout_ns);
	return 0;
}

/* ---- local addresses ------------------------------------------------------------------------ */

/* May a socket be bound to addr: any, ours, or a group. */
static bool bindable(const struct sock *sk, be32 addr)
{
	const struct inet_sock *inet = inet_sk(sk);
	u8 type;

	if (inet->freebind || inet->transparent)
		return true;
	rcu_read_lock();
	type = inet_addr_type(sock_net(sk), addr);
	rcu_read_unlock();
	return !addr.wire || type == RTN_LOCAL || type == RTN_MULTICAST || type == RTN_BROADCAST;
}

static int bind_locked(struct sock *sk, const struct sockaddr_in *addr)
{
	struct inet_sock *inet = inet_sk(sk);
	be32 local = {addr->sin_addr.s_addr};
	u16 port = be16_get((be16){addr->sin_port});
	int err;

	if (sk->sk_state != TCP_CLOSE || inet_sk(sk)->sk.sk_num)
		return -EINVAL;
	sk->sk_rcv_saddr = inet->inet_saddr = local;
	rcu_read_lock();
	if (inet_addr_type(sock_net(sk), local) == RTN_MULTICAST ||
	    inet_addr_type(sock_net(sk), local) == RTN_BROADCAST)
		inet->inet_saddr = (be32){0}; /* such an address is never a source */
	rcu_read_unlock();
	if (port || !inet->bind_address_no_port) {
		err = sk->sk_prot->get_port(sk, port);
		if (err) {
			sk->sk_rcv_saddr = inet->inet_saddr = (be32){0};
			return err;
		}
	}
	if (local.wire)
		sk->sk_userlocks |= SOCK_BINDADDR_LOCK;
	if (port)
		sk->sk_userlocks |= SOCK_BINDPORT_LOCK;
	inet->inet_sport = be16_make(sk->sk_num);
	sk->sk_daddr = (be32){0};
	sk->sk_dport = (be16){0};
	sk_dst_reset(sk);
	return 0;
}

static int inet_bind(struct socket *s, const struct sockaddr *a, socklen_t len)
{
	struct sock *sk = s->sk;
	struct sockaddr_in addr;
	int err;

	if (len < sizeof(addr))
		return -EINVAL;
	memcpy(&addr, a, sizeof(addr));
	/* AF_UNSPEC with the wildcard address: accepted for old programs, as in Linux. */
	if (addr.sin_family != AF_INET &&
	    (addr.sin_family != AF_UNSPEC || addr.sin_addr.s_addr != INADDR_ANY))
		return -EAFNOSUPPORT;
	if (sk->sk_prot->bind_check) {
		err = sk->sk_prot->bind_check(sk, a);
		if (err)
			return err;
	}
	if (!bindable(sk, (be32){addr.sin_addr.s_addr}))
		return -EADDRNOTAVAIL;
	lock_sock(sk);
	err = bind_locked(sk, &addr);
	release_sock(sk);
	return err;
}

/* Give an unbound socket a local port. Socket locked. */
static int inet_autobind(struct sock *sk)
{
	if (sk->sk_num || !sk->sk_prot->get_port)
		return 0;
	if (sk->sk_prot->get_port(sk, 0))
		return -EAGAIN;
	inet_sk(sk)->inet_sport = be16_make(sk->sk_num);
	return 0;
}

static int inet_getname(struct socket *s, struct sockaddr_storage *a, int who)
{
	struct sock *sk = s->sk;
	struct inet_sock *inet = inet_sk(sk);
	struct sockaddr_in sin = {.sin_family = AF_INET};

	if (who != SOCKNAME_OWN) {
		if (!sk->sk_dport.wire ||
		    (s->type == SOCK_STREAM && who == SOCKNAME_PEER &&
		     (1u << sk->sk_state) & (1u << TCP_CLOSE | 1u << TCP_SYN_SENT)))
			return -ENOTCONN;
		sin.sin_port = sk->sk_dport.wire;
		sin.sin_addr.s_addr = sk->sk_daddr.wire;
	} else {
		be32 addr = sk->sk_rcv_saddr.wire ? sk->sk_rcv_saddr : inet->inet_saddr;

		sin.sin_port = inet->inet_sport.wire;
		sin.sin_addr.s_addr = addr.wire;
	}
	memcpy(a, &sin, sizeof(sin));
	return sizeof(sin);
}

/* ---- connecting --------------------------------------------------------------------------------
 */

static int inet_dgram_connect(struct socket *s, const struct sockaddr *a, socklen_t len, int flags)
{
	struct sock *sk = s->sk;
	int err;

	(void)flags;
	lock_sock(sk);
	if (a->sa_family == AF_UNSPEC) {
		err = sk->sk_prot->disconnect(sk, flags);
	} else {
		err = inet_autobind(sk);
		if (!err)
			err = sk->sk_prot->connect(sk, a, len);
	}
	release_sock(sk);
	return err;
}

/* Wait for the handshake's end: the state leaves SYN_SENT and SYN_RECV. Socket locked. */
static int wait_for_connect(struct socket *s, int flags)
{
	const u32 handshake = 1u << TCP_SYN_SENT | 1u << TCP_SYN_RECV;
	struct sock *sk = s->sk;
	u64 timeo = sock_sndtimeo(sk, flags & O_NONBLOCK);

	if ((1u << sk->sk_state) & handshake) {
		if (!timeo)
			return -EINPROGRESS;
		if (!sk_wait_event(sk, &timeo, !((1u << sk->sk_state) & handshake)))
			return -EINPROGRESS;
	}
	if (sk->sk_state == TCP_CLOSE) {
		int err = sock_error(sk);

		s->state = SS_UNCONNECTED;
		if (sk->sk_prot->disconnect(sk, flags))
			s->state = SS_DISCONNECTING;
		return err ? err : -ECONNABORTED;
	}
	s->state = SS_CONNECTED;
	return 0;
}

/* Was the SYN put off until there is data to go with it (TCP_FASTOPEN_CONNECT)? */
static bool connect_deferred(const struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP && tcp_sk(sk)->defer_connect;
}

static int stream_connect_locked(struct socket *s, const struct sockaddr *a, socklen_t len,
				 int flags, bool sending)
{
	struct sock *sk = s->sk;
	int err, again;

	if (a && a->sa_family == AF_UNSPEC) {
		err = sk->sk_prot->disconnect(sk, flags);
		s->state = err ? SS_DISCONNECTING : SS_UNCONNECTED;
		return err;
	}
	switch (s->state) {
	case SS_CONNECTED:
		return -EISCONN;
	case SS_CONNECTING:
		again = -EALREADY;
		if (connect_deferred(sk))
			again = sending ? -EINPROGRESS : -EISCONN;
		err = again == -EISCONN ? again : wait_for_connect(s, flags);
		return err == -EINPROGRESS ? again : err;
	case SS_UNCONNECTED:
		if (sk->sk_state != TCP_CLOSE)
			return -EISCONN;
		if (!a || len < sizeof(a->sa_family))
			return -EINVAL;
		err = sk->sk_prot->connect(sk, a, len);
		if (err < 0)
			return err;
		s->state = SS_CONNECTING;
		return connect_deferred(sk) ? 0 : wait_for_connect(s, flags);
	default:
		return -EINVAL;
	}
}

static int inet_stream_connect(struct socket *s, const struct sockaddr *a, socklen_t len, int flags)
{
	int err;

	lock_sock(s->sk);
	err = stream_connect_locked(s, a, len, flags, false);
	release_sock(s->sk);
	return err;
}

/* ---- listening ------------------------------------------------------------------------------- */

static int inet_listen(struct socket *s, int backlog)
{
	struct sock *sk = s->sk;
	int err = 0;

	lock_sock(sk);
	if (s->state != SS_UNCONNECTED || s->type != SOCK_STREAM ||
	    !((1u << sk->sk_state) & (1u << TCP_CLOSE | 1u << TCP_LISTEN))) {
		err = -EINVAL;
	} else {
		WRITE_ONCE(sk->sk_max_ack_backlog, (u32)backlog);
		if (sk->sk_state != TCP_LISTEN)
			err = sk->sk_prot->listen(sk, backlog);
	}
	release_sock(sk);
	return err;
}

static int inet_accept(struct socket *s, struct socket *newsock, int flags)
{
	struct sock *child = s->sk->sk_prot->accept(s->sk, flags);

	if (IS_ERR(child))
		return (int)PTR_ERR(child);
	newsock->state = SS_CONNECTED;
	spin_lock_bh(&child->sk_lock.slock); /* nobody calls on it yet */
	sock_graft(child, newsock);
	spin_unlock_bh(&child->sk_lock.slock);
	return 0;
}

static int inet_shutdown(struct socket *s, int how)
{
	struct sock *sk = s->sk;
	int err = 0;

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	how++; /* to RCV_SHUTDOWN | SEND_SHUTDOWN */
	lock_sock(sk);
	if (s->state == SS_CONNECTING)
		s->state = (1u << sk->sk_state) & (1u << TCP_SYN_SENT | 1u << TCP_SYN_RECV |
						   1u << TCP_CLOSE)
				   ? SS_DISCONNECTING
				   : SS_CONNECTED;
	if (sk->sk_state == TCP_CLOSE && s->type == SOCK_STREAM) {
		err = -ENOTCONN; /* pollers are woken all the same: shutdown() of a dead socket is
				    news */
		sk->sk_shutdown |= (u8)how;
	} else if (sk->sk_state == TCP_LISTEN && !(how & RCV_SHUTDOWN)) {
		err = 0;
	} else if (sk->sk_state == TCP_LISTEN || s->state == SS_DISCONNECTING) {
		err = sk->sk_prot->disconnect(sk, O_NONBLOCK);
		s->state = err ? SS_DISCONNECTING : SS_UNCONNECTED;
	} else {
		if (s->type != SOCK_STREAM && !sk->sk_dport.wire)
			err = -ENOTCONN;
		sk->sk_shutdown |= (u8)how;
		if (sk->sk_prot->shutdown)
			sk->sk_prot->shutdown(sk, how);
	}
	sk->sk_state_change(sk);
	release_sock(sk);
	return err;
}

/* ---- the rest goes to the transport ------------------------------------------------------------
 */

static u32 inet_poll(struct file *f, struct socket *s, struct poll_table *pt)
{
	poll_wait(f, &s->wq, pt);
	return s->sk->sk_prot->poll(s->sk);
}

static int inet_ioctl(struct socket *s, unsigned cmd, void *arg)
{
	int err = ifreq_ioctl(sock_net(s->sk), cmd, arg);

	if (err == -ENOTTY && s->sk->sk_prot->ioctl)
		err = s->sk->sk_prot->ioctl(s->sk, cmd, arg);
	return err;
}

static int inet_setsockopt(struct socket *s, int level, int name, const void *val, socklen_t len)
{
	return s->sk->sk_prot->setsockopt(s->sk, level, name, val, len);
}

static int inet_getsockopt(struct socket *s, int level, int name, void *val, socklen_t *len)
{
	return s->sk->sk_prot->getsockopt(s->sk, level, name, val, len);
}

static noinline ssize_t sendmsg_first(struct socket *s, const struct msghdr *m,
				      struct iov_iter *from, int flags)
{
	struct sock *sk = s->sk;

	sock_rps_record_flow(sk);
	if (!sk->sk_num && s->type != SOCK_STREAM) {
		int err;

		lock_sock(sk);
		err = inet_autobind(sk);
		release_sock(sk);
		if (err)
			return err;
	}
	return sk->sk_prot->sendmsg(sk, m, from, flags);
}

static ssize_t inet_sendmsg(struct socket *s, const struct msghdr *m, struct iov_iter *from,
			    int flags)
{
	struct sock *sk = s->sk;

	if (unlikely(READ_ONCE(rfs_wanted) || !sk->sk_num))
		return sendmsg_first(s, m, from, flags);
	return sk->sk_prot->sendmsg(sk, m, from, flags);
}

static noinline ssize_t recvmsg_recorded(struct sock *sk, struct msghdr *m, struct iov_iter *to,
					 int flags)
{
	sock_rps_record_flow(sk);
	return sk->sk_prot->recvmsg(sk, m, to, flags);
}

static ssize_t inet_recvmsg(struct socket *s, struct msghdr *m, struct iov_iter *to, int flags)
{
	if (unlikely(READ_ONCE(rfs_wanted)))
		return recvmsg_recorded(s->sk, m, to, flags);
	return s->sk->sk_prot->recvmsg(s->sk, m, to, flags);
}

static ssize_t inet_sendpage(struct socket *s, struct page *p, u32 off, size_t len, int flags)
{
	if (!s->sk->sk_prot->sendpage)
		return -EOPNOTSUPP;
	return s->sk->sk_prot->sendpage(s->sk, p, off, len, flags);
}

const struct proto_ops inet_stream_ops = {
	.family = AF_INET,
	.release = inet_release,
	.bind = inet_bind,
	.connect = inet_stream_connect,
	.connect_locked = stream_connect_locked,
	.listen = inet_listen,
	.accept = inet_accept,
	.getname = inet_getname,
	.poll = inet_poll,
	.ioctl = inet_ioctl,
	.shutdown = inet_shutdown,
	.setsockopt = inet_setsockopt,
	.getsockopt = inet_getsockopt,
	.sendmsg = inet_sendmsg,
	.recvmsg = inet_recvmsg,
	.sendpage = inet_sendpage,
};

const struct proto_ops inet_dgram_ops = {
	.family = AF_INET,
	.release = inet_release,
	.bind = inet_bind,
	.connect = inet_dgram_connect,
	.getname = inet_getname,
	.poll = inet_poll,
	.ioctl = inet_ioctl,
	.shutdown = inet_shutdown,
	.setsockopt = inet_setsockopt,
	.getsockopt = inet_getsockopt,
	.sendmsg = inet_sendmsg,
	.recvmsg = inet_recvmsg,
};

static const struct net_proto_family inet_family = {.family = AF_INET, .create = inet_create};
NET_PROTO_FAMILY(inet_family);
