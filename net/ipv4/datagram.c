/* SPDX-License-Identifier: MIT */
/*
 * What datagram sockets of IPv4 (UDP, ping) share: connecting, choosing the route, the IP header.
 * Thread context.
 */
#include <net/inet_sock.h>

#include <errno.h>
#include <lib/err.h>
#include <netinet/tcp.h>
#include <string.h>

static bool is_multicast(be32 a)
{
	return be32_get(a) >> 28 == 14;
}

static void flow_init(struct sock *sk, struct flowi4 *fl, be32 daddr, be16 dport)
{
	const struct inet_sock *inet = inet_sk(sk);

	memset(fl, 0, sizeof(*fl));
	fl->daddr = daddr;
	fl->saddr = inet->inet_saddr;
	fl->oif = sk->sk_bound_dev_if;
	fl->mark = sk->sk_mark;
	fl->tos = inet->tos;
	fl->proto = sk->sk_protocol;
	fl->sport = inet->inet_sport;
	fl->dport = dport;
	if (is_multicast(daddr)) {
		if (!fl->oif)
			fl->oif = inet->mc_index;
		if (!fl->saddr.wire)
			fl->saddr = inet->mc_addr;
	} else if (!fl->oif) {
		fl->oif = inet->uc_index;
	}
}

/* The connected socket's cached route, if it is still good and goes there. */
static struct rtable *cached_route(struct sock *sk, const struct flowi4 *fl)
{
	struct rtable *rt = NULL;
	struct dst_entry *dst;

	if (sk->sk_state != TCP_ESTABLISHED || fl->daddr.wire != sk->sk_daddr.wire)
		return NULL;
	lock_sock(sk);
	dst = sk_dst_check(sk);
	if (dst)
		rt = container_of(dst_hold(dst), struct rtable, dst);
	release_sock(sk);
	return rt;
}

struct rtable *ip4_datagram_route(struct sock *sk, struct flowi4 *fl, be32 daddr, be16 dport)
{
	struct rtable *rt;

	flow_init(sk, fl, daddr, dport);
	rt = cached_route(sk, fl);
	if (rt) {
		if (!fl->saddr.wire)
			fl->saddr = rt->prefsrc;
		return rt;
	}
	rt = ip_route_output_flow(sock_net(sk), fl, sk);
	if (IS_ERR(rt)) {
		if (PTR_ERR(rt) == -ENETUNREACH)
			IP_INC_STATS(sock_net(sk), OUTNOROUTES);
		return rt;
	}
	if (rt->type == RTN_BROADCAST && !sock_flag(sk, SOCK_BROADCAST)) {
		dst_release(&rt->dst);
		return ERR_PTR(-EACCES);
	}
	return rt;
}

int ip4_datagram_connect(struct sock *sk, const struct sockaddr *addr, socklen_t len)
{
	struct inet_sock *inet = inet_sk(sk);
	struct sockaddr_in to;
	struct flowi4 fl;
	struct rtable *rt;

	if (len < sizeof(to))
		return -EINVAL;
	memcpy(&to, addr, sizeof(to));
	if (to.sin_family != AF_INET)
		return -EAFNOSUPPORT;
	sk_dst_reset(sk);
	flow_init(sk, &fl, (be32){to.sin_addr.s_addr}, (be16){to.sin_port});
	rt = ip_route_output_flow(sock_net(sk), &fl, sk);
	if (IS_ERR(rt))
		return (int)PTR_ERR(rt);
	if (rt->type == RTN_BROADCAST && !sock_flag(sk, SOCK_BROADCAST)) {
		dst_release(&rt->dst);
		return -EACCES;
	}
	if (!inet->inet_saddr.wire)
		inet->inet_saddr = fl.saddr;
	if (!sk->sk_rcv_saddr.wire)
		sk->sk_rcv_saddr = fl.saddr;
	sk->sk_daddr = fl.daddr;
	sk->sk_dport = fl.dport;
	sk->sk_state = TCP_ESTABLISHED;
	sk_dst_set(sk, &rt->dst);
	return 0;
}

int ip4_datagram_disconnect(struct sock *sk, int flags)
{
	struct inet_sock *inet = inet_sk(sk);

	(void)flags;
	sk->sk_state = TCP_CLOSE;
	sk->sk_daddr = (be32){0};
	sk->sk_dport = (be16){0};
	if (!(sk->sk_userlocks & SOCK_BINDADDR_LOCK))
		inet->inet_saddr = sk->sk_rcv_saddr = (be32){0};
	sk_dst_reset(sk);
	return 0;
}

static void fill_name(struct msghdr *msg, const struct sk_buff *skb, be16 port)
{
	struct sockaddr_in from = {.sin_family = AF_INET,
				   .sin_port = port.wire,
				   .sin_addr.s_addr = ip_hdr(skb)->saddr.wire};

	memcpy(msg->msg_name, &from, min(msg->msg_namelen, (socklen_t)sizeof(from)));
	msg->msg_namelen = sizeof(from);
}

ssize_t ip4_datagram_recvmsg(struct sock *sk, struct msghdr *msg, struct iov_iter *to, int flags,
			     be16 (*source_port)(const struct sk_buff *skb),
			     void (*cmsg)(struct sock *sk, const struct sk_buff *skb,
					  struct msghdr *msg))
{
	struct sk_buff *skb;
	u32 len, copied;
	int err;

	if (flags & MSG_ERRQUEUE)
		return ip_recv_error(sk, msg, to);
	skb = skb_recv_datagram(sk, flags, &err);
	if (!skb)
		return err;
	len = skb->len;
	copied = min(len, (u32)iov_iter_count(to));
	err = skb_copy_datagram_iter(skb, 0, to, copied);
	if (!err) {
		if (copied < len)
			msg->msg_flags |= MSG_TRUNC;
		if (msg->msg_name)
			fill_name(msg, skb, source_port(skb));
		if (cmsg)
			cmsg(sk, skb, msg);
		if (inet_sk(sk)->cmsg_flags)
			ip_cmsg_recv(sk, skb, msg);
	}
	consume_skb(skb);
	return err ? err : (ssize_t)(flags & MSG_TRUNC ? len : copied);
}

/* Set DF? With WANT, path MTU discovery is for datagrams that fit; a larger one is fragmented. */
static u16 df_bit(const struct inet_sock *inet, const struct sk_buff *skb)
{
	const struct dst_entry *dst = skb_dst(skb);

	switch (inet->pmtudisc) {
	case IP_PMTUDISC_DO:
	case IP_PMTUDISC_PROBE:
		return IP_DF;
	case IP_PMTUDISC_WANT:
		return skb->len <= dst_mtu(dst) &&
				       !container_of(dst, struct rtable, dst)->mtu_locked
			       ? IP_DF
			       : 0;
	default: /* DONT, and INTERFACE and OMIT, which trust no report */
		return 0;
	}
}

int ip4_datagram_send(struct sock *sk, struct sk_buff *skb, const struct flowi4 *fl, u8 ttl)
{
	const struct inet_sock *inet = inet_sk(sk);
	struct iphdr *ip = skb_push(skb, sizeof(*ip));
	int err;

	skb_reset_network_header(skb);
	memset(ip, 0, sizeof(*ip));
	ip->ver_ihl = 0x45;
	ip->tos = fl->tos;
	ip->frag_off = be16_make(df_bit(inet, skb));
	ip->ttl = ttl;
	ip->protocol = fl->proto;
	ip->saddr = fl->saddr;
	ip->daddr = fl->daddr;
	ip_select_ident(sock_net(sk), skb, sk, 1);
	skb->protocol = be16_make(ETH_P_IP);
	skb->priority = sk->sk_priority;
	skb->mark = fl->mark;
	err = ip_local_out(sock_net(sk), sk, skb);
	return err == NET_XMIT_CN ? 0 : err > 0 ? (inet->recverr ? -ENOBUFS : 0) : err;
}
