/* SPDX-License-Identifier: MIT */
/*
 * Sending datagrams. Thread context.
 */
#include "udp_int.h"

#include <errno.h>
#include <lib/checksum.h>
#include <lib/err.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#define UDP_MAX_PAYLOAD (65535 - 20 - 8)

/* Where to: msg's address, or the connected peer. */
static int destination(const struct sock *sk, const struct msghdr *msg, be32 *daddr, be16 *dport)
{
	struct sockaddr_in to;

	if (!msg->msg_name) {
		if (sk->sk_state != TCP_ESTABLISHED)
			return -EDESTADDRREQ;
		*daddr = sk->sk_daddr;
		*dport = sk->sk_dport;
		return 0;
	}
	if (msg->msg_namelen < sizeof(to))
		return -EINVAL;
	memcpy(&to, msg->msg_name, sizeof(to));
	if (to.sin_family != AF_INET && to.sin_family != AF_UNSPEC)
		return -EAFNOSUPPORT;
	if (!to.sin_port)
		return -EINVAL;
	*daddr = (be32){to.sin_addr.s_addr};
	*dport = (be16){to.sin_port};
	return 0;
}

/* A super-packet of datagrams with gso_size bytes each: the checksum is each one's, so later. */
static void mark_gso(struct sk_buff *skb, u16 gso_size)
{
	struct skb_shared_info *sh = skb_shinfo(skb);

	sh->gso_size = gso_size;
	sh->gso_type = SKB_GSO_UDP_L4;
	sh->gso_segs = (u16)DIV_ROUND_UP(skb->len, (u32)gso_size);
}

/* Header and checksum. The device may compute it where the datagram leaves whole. */
static void fill_header(struct sock *sk, struct sk_buff *skb, const struct flowi4 *fl, csum32 sum)
{
	const struct dst_entry *dst = skb_dst(skb);
	struct udphdr *uh = skb_push(skb, sizeof(*uh));
	u32 len = skb->len;
	bool whole = len + sizeof(struct iphdr) <= dst_mtu(dst);

	skb_reset_transport_header(skb);
	uh->source = inet_sk(sk)->inet_sport;
	uh->dest = fl->dport;
	uh->len = be16_make((u16)len);
	uh->check = (be16){0};
	if (sk->sk_no_check_tx)
		return;
	if (skb_is_gso(skb) ||
	    (whole && dst->dev->features & (NETIF_F_HW_CSUM | NETIF_F_IP_CSUM))) {
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = skb->transport_header;
		skb->csum_offset = offsetof(struct udphdr, check);
		uh->check = (be16){
			(u16)~csum_tcpudp_magic(fl->saddr, fl->daddr, len, IPPROTO_UDP, 0).wire};
		return;
	}
	sum = csum_partial(uh, sizeof(*uh), sum);
	uh->check = csum_tcpudp_magic(fl->saddr, fl->daddr, len, IPPROTO_UDP, sum);
	if (!uh->check.wire)
		uh->check = (be16){0xffff}; /* zero would mean "none" */
}

/* UDP_SEGMENT's size for this call: the message's own, or the socket's; 0: one datagram. */
static int segment_size(struct sock *sk, const struct msghdr *msg, u16 *size)
{
	struct msghdr *m = (struct msghdr *)(uintptr_t)msg;

	*size = READ_ONCE(udp_sk(sk)->gso_size);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_SEGMENT)
			continue;
		if (c->cmsg_len < CMSG_LEN(sizeof(*size)))
			return -EINVAL;
		memcpy(size, CMSG_DATA(c), sizeof(*size));
	}
	return 0;
}

/* May len bytes go as datagrams of size? Each must leave whole, with a checksum. */
static bool segments_possible(const struct sock *sk, const struct rtable *rt, u32 len, u16 size)
{
	return size + 28u <= dst_mtu(&rt->dst) && len <= (u32)size * UDP_MAX_SEGMENTS &&
	       !sk->sk_no_check_tx;
}

/* The datagram's bytes behind room for headers, and their sum. NULL with *err. */
static struct sk_buff *copied(struct sock *sk, struct iov_iter *from, u32 len, int flags,
			      csum32 *sum, int *err)
{
	struct sk_buff *skb = sock_alloc_send_skb(sk, MAX_HEADER + 28 + len, flags, err);

	if (!skb)
		return NULL;
	skb_reserve(skb, MAX_HEADER + 28);
	csum_and_copy_from_iter(skb_put(skb, len), len, sum, from);
	return skb;
}

/* The same with MSG_ZEROCOPY: the bytes as they lie, where the device sums and takes fragments, and
 * nobody but it gets the packet. */
static struct sk_buff *referred(struct sock *sk, const struct rtable *rt, struct iov_iter *from,
				int flags, bool whole, csum32 *sum, int *err)
{
	u32 features = rt->dst.dev->features, before;
	bool refer = whole && features & NETIF_F_SG &&
		     features & (NETIF_F_HW_CSUM | NETIF_F_IP_CSUM) && rt->type == RTN_UNICAST;
	struct sk_buff *skb = sock_alloc_send_skb(sk, MAX_HEADER + 28, flags, err);
	struct ubuf *u;

	if (!skb)
		return NULL;
	skb_reserve(skb, MAX_HEADER + 28);
	before = skb->truesize;
	lock_sock(sk);
	u = ubuf_get(sk, iov_iter_count(from), NULL);
	*err = u ? 0 : -ENOBUFS;
	while (!*err && iov_iter_count(from)) {
		if (skb_shinfo(skb)->nr_frags == MAX_SKB_FRAGS)
			*err = -EMSGSIZE;
		else if (!ubuf_append(skb, from, (u32)iov_iter_count(from), u, refer))
			*err = -ENOBUFS;
	}
	atomic_add((s32)(skb->truesize - before), &sk->sk_wmem_alloc);
	if (!*err && !refer)
		*sum = skb_checksum(skb, 0, skb->len, 0);
	if (*err && u)
		ubuf_abort(sk, u);
	else if (u)
		ubuf_put(u);
	release_sock(sk);
	if (*err)
		consume_skb(skb);
	return *err ? NULL : skb;
}

static int send_datagram(struct sock *sk, struct rtable *rt, const struct flowi4 *fl,
			 struct iov_iter *from, int flags, u16 gso_size)
{
	u32 len = (u32)iov_iter_count(from);
	csum32 sum = 0;
	const struct inet_sock *inet = inet_sk(sk);
	struct sk_buff *skb;
	int err, ttl;

	if (len <= gso_size)
		gso_size = 0;
	if (gso_size && !segments_possible(sk, rt, len, gso_size))
		return -EINVAL;
	if (!gso_size && len + 28 > dst_mtu(&rt->dst) && inet->pmtudisc >= IP_PMTUDISC_DO) {
		ip_local_error(sk, EMSGSIZE, fl->daddr, fl->dport, dst_mtu(&rt->dst));
		return -EMSGSIZE;
	}
	if (unlikely(flags & MSG_ZEROCOPY) && sock_flag(sk, SOCK_ZEROCOPY) && len)
		skb = referred(sk, rt, from, flags & MSG_DONTWAIT,
			       gso_size || len + 28 <= dst_mtu(&rt->dst), &sum, &err);
	else
		skb = copied(sk, from, len, flags & MSG_DONTWAIT, &sum, &err);
	if (!skb)
		return err;
	if (gso_size)
		mark_gso(skb, gso_size);
	dst_hold(&rt->dst);
	skb_dst_set(skb, &rt->dst);
	fill_header(sk, skb, fl, sum);
	ttl = rt->type == RTN_MULTICAST ? inet->mc_ttl : inet->uc_ttl;
	return ip4_datagram_send(sk, skb, fl, (u8)(ttl < 0 ? ip_default_ttl(sock_net(sk)) : ttl));
}

ssize_t udp_sendmsg(struct sock *sk, const struct msghdr *msg, struct iov_iter *from, int flags)
{
	size_t len = iov_iter_count(from);
	struct net *net = sock_net(sk);
	struct flowi4 fl;
	struct rtable *rt;
	be32 daddr;
	be16 dport;
	u16 gso_size;
	int err;

	if (len > UDP_MAX_PAYLOAD)
		return -EMSGSIZE;
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	err = destination(sk, msg, &daddr, &dport);
	if (!err)
		err = segment_size(sk, msg, &gso_size);
	if (err)
		return err;
	rt = ip4_datagram_route(sk, &fl, daddr, dport);
	if (IS_ERR(rt))
		return PTR_ERR(rt);
	err = send_datagram(sk, rt, &fl, from, flags, gso_size);
	dst_release(&rt->dst);
	if (!err)
		UDP_INC_STATS(net, OUTDATAGRAMS);
	else if (err == -ENOBUFS)
		UDP_INC_STATS(net, SNDBUFERRORS);
	return err ? err : (ssize_t)len;
}
