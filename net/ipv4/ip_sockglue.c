/* SPDX-License-Identifier: MIT */
/*
 * IP's side of a socket: IPPROTO_IP options, ancillary data (what came with a datagram), group
 * membership, and the error queue of MSG_ERRQUEUE. Thread context, but for the queueing of errors.
 */
#include <kernel/mm.h>
#include <kernel/uio.h>
#include <lib/err.h>
#include <lib/string.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <net/inet_sock.h>

#include "ipv4_int.h"

#define IP_CMSG_PKTINFO     (1u << 0)
#define IP_CMSG_TTL         (1u << 1)
#define IP_CMSG_TOS         (1u << 2)
#define IP_CMSG_ORIGDSTADDR (1u << 3)
#define IP_CMSG_RECVFRAG    (1u << 4)

/* One group that a socket joined, on inet_sock.mc_list [socket lock]. */
struct ip_mc_socklist {
	struct list_head list;
	be32 group;
	u32 ifindex;
};

/* -- ancillary data ------------------------------------------------------------------------------
 */

int put_cmsg(struct msghdr *msg, int level, int type, size_t len, const void *data)
{
	size_t need = CMSG_LEN(len), room = msg->msg_controllen;
	struct cmsghdr *c = msg->msg_control;

	if (!c || room < sizeof(*c)) {
		msg->msg_flags |= MSG_CTRUNC;
		return 0;
	}
	if (room < need) {
		msg->msg_flags |= MSG_CTRUNC;
		need = room;
	}
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = need;
	memcpy(CMSG_DATA(c), data, need - sizeof(*c));
	need = min(CMSG_SPACE(len), room);
	msg->msg_control = (u8 *)c + need;
	msg->msg_controllen = room - need;
	return 0;
}

static void cmsg_pktinfo(struct sk_buff *skb, struct msghdr *msg)
{
	const struct rtable *rt = skb->dst ? skb_rtable(skb) : NULL;
	struct in_pktinfo info = {.ipi_ifindex = (int)IPCB(skb)->iif};

	info.ipi_addr.s_addr = ip_hdr(skb)->daddr.wire;
	if (!rt || rt->type == RTN_LOCAL)
		info.ipi_spec_dst.s_addr = info.ipi_addr.s_addr;
	put_cmsg(msg, SOL_IP, IP_PKTINFO, sizeof(info), &info);
}

void ip_cmsg_recv(struct sock *sk, struct sk_buff *skb, struct msghdr *msg)
{
	u8 flags = inet_sk(sk)->cmsg_flags;
	const struct iphdr *ip = ip_hdr(skb);
	int v;

	if (flags & IP_CMSG_PKTINFO)
		cmsg_pktinfo(skb, msg);
	if (flags & IP_CMSG_TTL) {
		v = ip->ttl;
		put_cmsg(msg, SOL_IP, IP_TTL, sizeof(v), &v);
	}
	if (flags & IP_CMSG_TOS)
		put_cmsg(msg, SOL_IP, IP_TOS, 1, &ip->tos);
	if (flags & IP_CMSG_ORIGDSTADDR) {
		struct sockaddr_in to = {.sin_family = AF_INET};

		if (skb_transport_header_was_set(skb))
			memcpy(&to.sin_port, (u8 *)skb_transport_header(skb) + 2, 2);
		to.sin_addr.s_addr = ip->daddr.wire;
		put_cmsg(msg, SOL_IP, IP_ORIGDSTADDR, sizeof(to), &to);
	}
	if (flags & IP_CMSG_RECVFRAG) {
		v = IPCB(skb)->frag_max_size;
		put_cmsg(msg, SOL_IP, IP_RECVFRAGSIZE, sizeof(v), &v);
	}
}

/* -- error queue
 * ----------------------------------------------------------------------------------- */

static void queue_err_skb(struct sock *sk, struct sk_buff *skb)
{
	if (sock_queue_err_skb(sk, skb))
		kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_RCVBUFF);
}

void ip_icmp_error(struct sock *sk, struct sk_buff *skb, int err, be16 port, u32 info, u8 *payload)
{
	/* skb->data: the quoted IP header; the ICMP header is right before it. */
	u32 behind = (u32)(payload - skb->data);
	struct sk_buff *copy = skb_copy(skb, GFP_ATOMIC);
	struct sock_exterr_skb *see;

	if (!copy)
		return;
	see = SKB_EXT_ERR(copy);
	memset(see, 0, sizeof(*see));
	see->ee.ee_errno = (u32)err;
	see->ee.ee_origin = SO_EE_ORIGIN_ICMP;
	see->ee.ee_type = skb->data[-8];
	see->ee.ee_code = skb->data[-7];
	see->ee.ee_info = info;
	see->addr = ((const struct iphdr *)(const void *)skb->data)->daddr;
	see->offender = ip_hdr(skb)->saddr;
	see->port = port;
	if (behind > copy->len || !pskb_pull(copy, behind)) {
		consume_skb(copy);
		return;
	}
	queue_err_skb(sk, copy);
}

void ip_local_error(struct sock *sk, int err, be32 daddr, be16 port, u32 info)
{
	struct sock_exterr_skb *see;
	struct sk_buff *skb;

	if (!inet_sk(sk)->recverr)
		return;
	skb = alloc_skb(0, GFP_ATOMIC);
	if (!skb)
		return;
	see = SKB_EXT_ERR(skb);
	memset(see, 0, sizeof(*see));
	see->ee.ee_errno = (u32)err;
	see->ee.ee_origin = SO_EE_ORIGIN_LOCAL;
	see->ee.ee_info = info;
	see->addr = daddr;
	see->port = port;
	queue_err_skb(sk, skb);
}

/* When it was, if that is what the error tells and the socket wants to know. */
static void cmsg_timestamp(const struct sock *sk, const struct sk_buff *skb, struct msghdr *msg)
{
	struct scm_timestamping stamps = {0};

	if (SKB_EXT_ERR(skb)->ee.ee_origin != SO_EE_ORIGIN_TIMESTAMPING ||
	    !(sk->sk_tsflags & SOF_TIMESTAMPING_SOFTWARE))
		return;
	stamps.ts[0].tv_sec = (time_t)(skb->tstamp_ns / NSEC_PER_SEC);
	stamps.ts[0].tv_nsec = (long)(skb->tstamp_ns % NSEC_PER_SEC);
	put_cmsg(msg, SOL_SOCKET, SCM_TIMESTAMPING, sizeof(stamps), &stamps);
}

static bool is_icmp_error(const struct sk_buff *skb)
{
	return skb && (SKB_EXT_ERR(skb)->ee.ee_origin == SO_EE_ORIGIN_ICMP ||
		       SKB_EXT_ERR(skb)->ee.ee_origin == SO_EE_ORIGIN_ICMP6);
}

/* The socket's pending error is that of the next ICMP message in the queue, if this was one. */
static void next_pending_error(struct sock *sk, const struct sk_buff *taken)
{
	const struct sk_buff *next;

	spin_lock_bh(&sk->sk_error_queue.lock);
	next = skb_peek(&sk->sk_error_queue);
	if (is_icmp_error(next))
		sk->sk_err = (int)SKB_EXT_ERR(next)->ee.ee_errno;
	else if (SKB_EXT_ERR(taken)->ee.ee_origin <= SO_EE_ORIGIN_ICMP6)
		sk->sk_err = 0;
	spin_unlock_bh(&sk->sk_error_queue.lock);
}

ssize_t ip_recv_error(struct sock *sk, struct msghdr *msg, struct iov_iter *to)
{
	struct {
		struct sock_extended_err ee;
		struct sockaddr_in offender;
	} errhdr = {.offender = {.sin_family = AF_UNSPEC}};
	struct sk_buff *skb = skb_dequeue(&sk->sk_error_queue);
	const struct sock_exterr_skb *see;
	u32 copied;

	if (!skb)
		return -EAGAIN;
	see = SKB_EXT_ERR(skb);
	copied = min(skb->len, (u32)iov_iter_count(to));
	if (copied < skb->len)
		msg->msg_flags |= MSG_TRUNC;
	if (skb_copy_datagram_iter(skb, 0, to, copied))
		copied = 0;
	if (msg->msg_name) {
		struct sockaddr_in sin = {.sin_family = AF_INET};

		sin.sin_port = see->port.wire;
		sin.sin_addr.s_addr = see->addr.wire;
		memcpy(msg->msg_name, &sin, min(msg->msg_namelen, (socklen_t)sizeof(sin)));
		msg->msg_namelen = sizeof(sin);
	}
	cmsg_timestamp(sk, skb, msg);
	errhdr.ee = see->ee;
	if (see->ee.ee_origin == SO_EE_ORIGIN_ICMP) {
		errhdr.offender.sin_family = AF_INET;
		errhdr.offender.sin_addr.s_addr = see->offender.wire;
	}
	put_cmsg(msg, SOL_IP, IP_RECVERR, sizeof(errhdr), &errhdr);
	msg->msg_flags |= MSG_ERRQUEUE;
	next_pending_error(sk, skb);
	consume_skb(skb);
	return (ssize_t)copied;
}

/* -- groups
 * -------------------------------------------------------------------------------------------- */

/* The device of a membership: by index, by own address, else the one the group is routed to. rtnl.
 */
static struct net_device *mc_device(struct net *net, const struct ip_mreqn *mr)
{
	struct flowi4 fl = {.daddr = BE32_RAW(mr->imr_multiaddr.s_addr)};
	be32 addr = BE32_RAW(mr->imr_address.s_addr);
	struct net_device *dev;
	struct fib_result res;
	bool routed;

	if (mr->imr_ifindex)
		return dev_get_by_index(net, (u32)mr->imr_ifindex);
	if (addr.wire) {
		for_each_netdev(net, dev) {
			const struct in_ifaddr *ifa;

			if (!dev->ip_ptr)
				continue;
			list_for_each_entry(ifa, &dev->ip_ptr->addr_list, list) {
				if (ifa->local.wire == addr.wire)
					return dev;
			}
		}
		return NULL;
	}
	rcu_read_lock();
	routed = !fib_lookup(net, &fl, &res);
	rcu_read_unlock();
	if (routed)
		return res.dev;
	for_each_netdev(net, dev) {
		if ((dev->flags & IFF_UP) && (dev->flags & IFF_MULTICAST))
			return dev;
	}
	return NULL;
}

static int mc_join(struct sock *sk, const struct ip_mreqn *mr, struct net_device *dev)
{
	be32 group = BE32_RAW(mr->imr_multiaddr.s_addr);
	struct ip_mc_socklist *m;
	int err;

	list_for_each_entry(m, &inet_sk(sk)->mc_list, list) {
		if (m->group.wire == group.wire && m->ifindex == dev->ifindex)
			return -EADDRINUSE;
	}
	m = kzalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		return -ENOBUFS;
	err = ip_mc_inc_group(dev, group);
	if (err) {
		kfree(m);
		return err;
	}
	m->group = group;
	m->ifindex = dev->ifindex;
	list_add(&m->list, &inet_sk(sk)->mc_list);
	rt_cache_flush(sock_net(sk)); /* what we send there now comes back to us too */
	return 0;
}

static void mc_forget(struct net *net, struct ip_mc_socklist *m)
{
	struct net_device *dev = dev_get_by_index(net, m->ifindex);

	if (dev)
		ip_mc_dec_group(dev, m->group);
	list_del(&m->list);
	kfree(m);
}

static int mc_leave(struct sock *sk, const struct ip_mreqn *mr, const struct net_device *dev)
{
	struct ip_mc_socklist *m;

	list_for_each_entry(m, &inet_sk(sk)->mc_list, list) {
		if (m->group.wire != mr->imr_multiaddr.s_addr || m->ifindex != dev->ifindex)
			continue;
		mc_forget(sock_net(sk), m);
		return 0;
	}
	return -EADDRNOTAVAIL;
}

static int set_membership(struct sock *sk, bool join, const void *val, socklen_t len)
{
	struct ip_mreqn mr = {0};
	struct net_device *dev;
	int err = -ENODEV;

	if (len < sizeof(struct ip_mreq))
		return -EINVAL;
	memcpy(&mr, val, min((size_t)len, sizeof(mr)));
	if (len < sizeof(mr))
		mr.imr_ifindex = 0;
	if (!ipv4_is_multicast(BE32_RAW(mr.imr_multiaddr.s_addr)))
		return -EINVAL;
	rtnl_lock();
	lock_sock(sk);
	dev = mc_device(sock_net(sk), &mr);
	if (dev)
		err = join ? mc_join(sk, &mr, dev) : mc_leave(sk, &mr, dev);
	release_sock(sk);
	rtnl_unlock();
	return err;
}

void ip_mc_drop_socket(struct sock *sk)
{
	struct ip_mc_socklist *m, *tmp;

	if (list_empty(&inet_sk(sk)->mc_list))
		return;
	rtnl_lock();
	list_for_each_entry_safe(m, tmp, &inet_sk(sk)->mc_list, list)
		mc_forget(sock_net(sk), m);
	rtnl_unlock();
}

static int set_multicast_if(struct sock *sk, const void *val, socklen_t len)
{
	struct inet_sock *inet = inet_sk(sk);
	struct ip_mreqn mr = {0};
	struct net_device *dev;
	int err = 0;

	if (len >= sizeof(struct ip_mreq))
		memcpy(&mr, val, min((size_t)len, sizeof(mr)));
	else if (len >= sizeof(struct in_addr))
		memcpy(&mr.imr_address, val, sizeof(struct in_addr));
	else
		return -EINVAL;
	if (!mr.imr_ifindex && !mr.imr_address.s_addr) {
		inet->mc_index = 0;
		inet->mc_addr = (be32){0};
		return 0;
	}
	rtnl_lock();
	dev = mc_device(sock_net(sk), &mr);
	if (dev) {
		inet->mc_index = dev->ifindex;
		inet->mc_addr = BE32_RAW(mr.imr_address.s_addr);
	} else {
		err = -EADDRNOTAVAIL;
	}
	rtnl_unlock();
	return err;
}

/* -- options
 * --------------------------------------------------------------------------------------------- */

/* An int, or a char where the caller gives only that (as BSD did for TOS and TTL). */
static int get_int(const void *val, socklen_t len, int *v)
{
	if (len >= sizeof(*v))
		memcpy(v, val, sizeof(*v));
	else if (len >= 1)
		*v = *(const u8 *)val;
	else
		return -EINVAL;
	return 0;
}

/* Options that ask for ancillary data. */
static const struct {
	int name;
	u8 flag;
} cmsg_options[] = {
	{IP_PKTINFO, IP_CMSG_PKTINFO},       {IP_RECVTTL, IP_CMSG_TTL},
	{IP_RECVTOS, IP_CMSG_TOS},           {IP_RECVORIGDSTADDR, IP_CMSG_ORIGDSTADDR},
	{IP_RECVFRAGSIZE, IP_CMSG_RECVFRAG},
};

/* Options that are a bit of struct inet_sock. */
#define IP_SWITCHES(X)                                   \
	X(IP_FREEBIND, freebind)                         \
	X(IP_TRANSPARENT, transparent)                   \
	X(IP_NODEFRAG, nodefrag)                         \
	X(IP_BIND_ADDRESS_NO_PORT, bind_address_no_port) \
	X(IP_MULTICAST_LOOP, mc_loop)                    \
	X(IP_MULTICAST_ALL, mc_all)

/* The bit of cmsg_flags that an option is; 0: none. */
static u8 cmsg_flag(int name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(cmsg_options); i++) {
		if (cmsg_options[i].name == name)
			return cmsg_options[i].flag;
	}
	return 0;
}

static int set_switch(struct inet_sock *inet, int name, bool on)
{
	u8 flag = cmsg_flag(name);

	if (flag) {
		inet->cmsg_flags = (u8)(on ? inet->cmsg_flags | flag : inet->cmsg_flags & ~flag);
		return 0;
	}
	switch (name) {
#define X(option, field)          \
	case option:              \
		inet->field = on; \
		return 0;
		IP_SWITCHES(X)
#undef X
	default:
		return -ENOPROTOOPT;
	}
}

static int get_switch(const struct inet_sock *inet, int name, int *v)
{
	u8 flag = cmsg_flag(name);

	if (flag) {
		*v = !!(inet->cmsg_flags & flag);
		return 0;
	}
	switch (name) {
#define X(option, field)          \
	case option:              \
		*v = inet->field; \
		return 0;
		IP_SWITCHES(X)
#undef X
	default:
		return -ENOPROTOOPT;
	}
}

/* Priority of a type of service (tc-prio(8)). */
static u32 tos_priority(u8 tos)
{
	static const u8 prio[16] = {0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4};

	return prio[tos >> 1 & 15];
}

static int set_tos(struct sock *sk, int v)
{
	struct inet_sock *inet = inet_sk(sk);

	if (sk->sk_type == SOCK_STREAM) /* the ECN bits are TCP's */
		v = (v & ~3) | (inet->tos & 3);
	if (inet->tos == (u8)v)
		return 0;
	inet->tos = (u8)v;
	sk->sk_priority = tos_priority((u8)v);
	sk_dst_reset(sk);
	return 0;
}

/* Options that are a number or a switch. Socket locked. */
static int set_int_option(struct sock *sk, int name, int v)
{
	struct inet_sock *inet = inet_sk(sk);

	switch (name) {
	case IP_TOS:
		return set_tos(sk, v);
	case IP_TTL:
		if (v != -1 && (v < 1 || v > 255))
			return -EINVAL;
		inet->uc_ttl = (s16)v;
		return 0;
	case IP_MTU_DISCOVER:
		if (v < IP_PMTUDISC_DONT || v > IP_PMTUDISC_OMIT)
			return -EINVAL;
		inet->pmtudisc = (u8)v;
		return 0;
	case IP_RECVERR:
		inet->recverr = v;
		if (!v)
			skb_queue_purge_reason(&sk->sk_error_queue, SKB_CONSUMED);
		return 0;
	case IP_MINTTL:
		if (v < 0 || v > 255)
			return -EINVAL;
		inet->min_ttl = (u8)v;
		return 0;
	case IP_MULTICAST_TTL:
		if (sk->sk_type == SOCK_STREAM || v < -1 || v > 255)
			return -EINVAL;
		inet->mc_ttl = (u8)(v == -1 ? 1 : v);
		return 0;
	case IP_UNICAST_IF:
		inet->uc_index = be32_get(BE32_RAW(v));
		return 0;
	default:
		return set_switch(inet, name, v);
	}
}

int ip_setsockopt(struct sock *sk, int level, int name, const void *val, socklen_t len)
{
	int v, err;

	if (level != SOL_IP)
		return -ENOPROTOOPT;
	switch (name) {
	case IP_ADD_MEMBERSHIP:
	case IP_DROP_MEMBERSHIP:
		return set_membership(sk, name == IP_ADD_MEMBERSHIP, val, len);
	case IP_MULTICAST_IF:
		return set_multicast_if(sk, val, len);
	default:
		break;
	}
	err = get_int(val, len, &v);
	if (err)
		return err;
	lock_sock(sk);
	err = set_int_option(sk, name, v);
	release_sock(sk);
	return err;
}

static int get_int_option(struct sock *sk, int name, int *v)
{
	const struct inet_sock *inet = inet_sk(sk);
	struct dst_entry *dst;

	switch (name) {
	case IP_TOS:
		*v = inet->tos;
		return 0;
	case IP_TTL:
		*v = inet->uc_ttl < 0 ? ip_default_ttl(sock_net(sk)) : inet->uc_ttl;
		return 0;
	case IP_MTU_DISCOVER:
		*v = inet->pmtudisc;
		return 0;
	case IP_MTU:
		dst = sk_dst_check(sk);
		*v = dst ? (int)dst_mtu(dst) : 0;
		return dst ? 0 : -ENOTCONN;
	case IP_RECVERR:
		*v = inet->recverr;
		return 0;
	case IP_MINTTL:
		*v = inet->min_ttl;
		return 0;
	case IP_MULTICAST_TTL:
		*v = inet->mc_ttl;
		return 0;
	case IP_UNICAST_IF:
		*v = (int)be32_make(inet->uc_index).wire;
		return 0;
	case IP_MULTICAST_IF:
		*v = (int)inet->mc_addr.wire;
		return 0;
	default:
		return get_switch(inet, name, v);
	}
}

int ip_getsockopt(struct sock *sk, int level, int name, void *val, socklen_t *len)
{
	int v = 0, err;

	if (level != SOL_IP)
		return -ENOPROTOOPT;
	lock_sock(sk);
	err = get_int_option(sk, name, &v);
	release_sock(sk);
	if (err)
		return err;
	/* A short buffer gets the byte, as Linux does for values that fit one. */
	if (*len < sizeof(v) && *len > 0 && v >= 0 && v <= 255) {
		*(u8 *)val = (u8)v;
		*len = 1;
		return 0;
	}
	*len = min(*len, (socklen_t)sizeof(v));
	memcpy(val, &v, *len);
	return 0;
}
