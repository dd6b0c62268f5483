/* SPDX-License-Identifier: MIT */
/*
 * Received datagrams and ICMP errors about sent ones. Softirq context, rcu read side.
 */
#include "udp_int.h"

#include <errno.h>
#include <kernel/rculist.h>
#include <lib/checksum.h>
#include <net/busy_poll.h>
#include <netinet/tcp.h>

/* Header and length are possible, the checksum is right: 0, else why not. Trims the padding. */
static enum skb_drop_reason check_datagram(struct sk_buff *skb)
{
	const struct iphdr *ip;
	const struct udphdr *uh;
	u32 len;

	if (!pskb_may_pull(skb, sizeof(*uh)))
		return SKB_DROP_REASON_UDP_INVALID;
	uh = udp_hdr(skb);
	ip = ip_hdr(skb);
	len = be16_get(uh->len);
	if (len < sizeof(*uh) || len > skb->len)
		return SKB_DROP_REASON_UDP_INVALID;
	if (len < skb->len && pskb_trim(skb, len))
		return SKB_DROP_REASON_NOMEM;
	uh = udp_hdr(skb);
	ip = ip_hdr(skb);
	/* Zero means that the sender did not compute one (RFC 768). */
	if (uh->check.wire && skb->ip_summed != CHECKSUM_UNNECESSARY &&
	    !skb_checksum_ok(skb, csum_tcpudp_nofold(ip->saddr, ip->daddr, len, IPPROTO_UDP, 0)))
		return SKB_DROP_REASON_UDP_CSUM;
	return SKB_NOT_DROPPED_YET;
}

/* Takes skb. */
static void deliver_one(struct sock *sk, struct sk_buff *skb)
{
	enum skb_drop_reason why;

	sk_mark_napi_id(sk, skb);
	skb_pull(skb, sizeof(struct udphdr));
	if (!sock_queue_rcv_skb(sk, skb, &why)) {
		UDP_INC_STATS(sock_net(sk), INDATAGRAMS);
		return;
	}
	UDP_INC_STATS(sock_net(sk), INERRORS);
	if (why == SKB_DROP_REASON_SOCKET_RCVBUFF)
		UDP_INC_STATS(sock_net(sk), RCVBUFERRORS);
	else
		UDP_INC_STATS(sock_net(sk), MEMERRORS);
	kfree_skb_reason(skb, why);
}

/* The same; merged datagrams are taken apart for those who did not ask for them so. */
static void deliver(struct sock *sk, struct sk_buff *skb)
{
	struct sk_buff *next;

	if (likely(!skb_is_gso(skb) || udp_sk(sk)->gro)) {
		deliver_one(sk, skb);
		return;
	}
	for (skb = udp_split(skb); skb; skb = next) {
		next = skb->next;
		skb->next = NULL;
		deliver_one(sk, skb);
	}
}

/* To every socket that listens on the port: the last one gets the skb itself. */
static int deliver_to_all(struct net *net, struct sk_buff *skb, u32 dif)
{
	const struct iphdr *ip = ip_hdr(skb);
	const struct udphdr *uh = udp_hdr(skb);
	struct sock *sk, *last = NULL;

	hlist_for_each_entry_rcu(sk, &udp_slot(net, be16_get(uh->dest))->head, sk_node) {
		struct sk_buff *copy;

		if (!udp_mcast_match(sk, ip->saddr, uh->source, ip->daddr, be16_get(uh->dest),
				     dif) &&
		    !(sk->sk_rcv_saddr.wire == 0 && sk->sk_num == be16_get(uh->dest) &&
		      !sk->sk_daddr.wire && (!sk->sk_bound_dev_if || sk->sk_bound_dev_if == dif)))
			continue;
		if (last) {
			copy = skb_clone(skb, GFP_ATOMIC);
			if (copy)
				deliver(last, copy);
		}
		last = sk;
	}
	if (last) {
		deliver(last, skb);
	} else {
		UDP_INC_STATS(net, IGNOREDMULTI);
		kfree_skb_reason(skb, SKB_DROP_REASON_NO_SOCKET);
	}
	return 0;
}

int udp_rcv(struct sk_buff *skb)
{
	struct net *net = dev_net(skb->dev);
	u32 dif = skb->dev->ifindex;
	enum skb_drop_reason why = check_datagram(skb);
	const struct rtable *rt = container_of(skb_dst(skb), struct rtable, dst);
	const struct udphdr *uh;
	struct sock *sk;
	bool demuxed;

	if (why != SKB_NOT_DROPPED_YET) {
		if (why == SKB_DROP_REASON_UDP_CSUM)
			UDP_INC_STATS(net, CSUMERRORS);
		UDP_INC_STATS(net, INERRORS);
		kfree_skb_reason(skb, why);
		return 0;
	}
	if (rt->type == RTN_BROADCAST || rt->type == RTN_MULTICAST)
		return deliver_to_all(net, skb, dif);
	uh = udp_hdr(skb);
	demuxed = skb->sk;
	sk = unlikely(demuxed) ? skb_steal_sock(skb)
			       : udp_lookup(net, ip_hdr(skb)->saddr, uh->source, ip_hdr(skb)->daddr,
					    be16_get(uh->dest), dif);
	if (sk) {
		deliver(sk, skb);
		if (unlikely(demuxed))
			sock_put(sk);
		return 0;
	}
	UDP_INC_STATS(net, NOPORTS);
	icmp_send(skb, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
	kfree_skb_reason(skb, SKB_DROP_REASON_NO_SOCKET);
	return 0;
}

/* What an ICMP error means for the socket: errno, and whether it is reported without IP_RECVERR. */
static int error_of(const struct inet_sock *inet, u8 type, u8 code, bool *harderr)
{
	*harderr = false;
	switch (type) {
	case ICMP_TIME_EXCEEDED:
		return EHOSTUNREACH;
	case ICMP_PARAMETERPROB:
		*harderr = true;
		return EPROTO;
	case ICMP_DEST_UNREACH:
		if (code == ICMP_FRAG_NEEDED) {
			*harderr = inet->pmtudisc != IP_PMTUDISC_DONT;
			return EMSGSIZE;
		}
		if (code < 16) {
			*harderr = icmp_err_convert[code].fatal;
			return icmp_err_convert[code].errno_;
		}
		return EHOSTUNREACH;
	default:
		return 0;
	}
}

int udp_err(struct sk_buff *skb, u8 type, u8 code, u32 info)
{
	const struct iphdr *ip = (const void *)skb->data; /* of our datagram */
	const struct udphdr *uh = (const void *)(skb->data + (ip->ver_ihl & 15u) * 4);
	struct net *net = dev_net(skb->dev);
	struct inet_sock *inet;
	struct sock *sk;
	bool harderr;
	int err;

	sk = udp_lookup(net, ip->daddr, uh->dest, ip->saddr, be16_get(uh->source),
			skb->dev->ifindex);
	if (!sk)
		return -ENOENT;
	inet = inet_sk(sk);
	if (type == ICMP_DEST_UNREACH && code == ICMP_FRAG_NEEDED &&
	    inet->pmtudisc != IP_PMTUDISC_DONT && inet->pmtudisc < IP_PMTUDISC_PROBE)
		ipv4_update_pmtu(net, ip->daddr, info);
	err = error_of(inet, type, code, &harderr);
	if (!err)
		return 0;
	if (err == EMSGSIZE && !harderr)
		return 0;
	if (inet->recverr)
		ip_icmp_error(sk, skb, err, uh->dest, info, (u8 *)(uintptr_t)(uh + 1));
	else if (!harderr || sk->sk_state != TCP_ESTABLISHED)
		return 0;
	sk->sk_err = err;
	sk->sk_error_report(sk);
	return 0;
}
