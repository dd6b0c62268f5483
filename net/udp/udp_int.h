/* SPDX-License-Identifier: MIT */
/*
 * Between the files of net/udp.
 */
#ifndef NET_UDP_UDP_INT_H
#define NET_UDP_UDP_INT_H

#include <net/udp.h>

static inline struct udp_hslot *udp_slot(const struct net *net, u16 port)
{
	return &net->udp->slot[port % UDP_HTABLE_SIZE];
}

/* hash.c: ports and lookups */
int udp_get_port(struct sock *sk, u16 port);
void udp_unhash(struct sock *sk);
/* The best socket for a datagram from saddr:sport to daddr:dport on dif, under rcu. NULL: none. */
struct sock *udp_lookup(struct net *net, be32 saddr, be16 sport, be32 daddr, u16 dport, u32 dif);
/* See struct net_protocol. */
struct sock *udp4_early_demux(const struct sk_buff *skb);
/* May a group's or broadcast's datagram go to sk? */
bool udp_mcast_match(const struct sock *sk, be32 saddr, be16 sport, be32 daddr, u16 dport, u32 dif);

/* input.c */
int udp_rcv(struct sk_buff *skb);
int udp_err(struct sk_buff *skb, u8 type, u8 code, u32 info);

/* output.c */
ssize_t udp_sendmsg(struct sock *sk, const struct msghdr *msg, struct iov_iter *from, int flags);

/* udp_offload.c: for IP's GRO and GSO */
struct sk_buff *udp4_gso_segment(struct sk_buff *skb, u32 features);
struct sk_buff *udp4_gro_receive(struct list_head *held, struct sk_buff *skb);
int udp4_gro_complete(struct sk_buff *skb, int thoff);
/* The datagrams of a super-packet one by one, linked by next, skb->data at the UDP header; takes
 * skb. NULL: no memory. */
struct sk_buff *udp_split(struct sk_buff *skb);

#endif
