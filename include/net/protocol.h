/* SPDX-License-Identifier: MIT */
/*
 * What a transport registers with IP: receive and ICMP-error handlers by IP protocol number, and
 * its part of GRO and GSO.
 */
#ifndef NET_PROTOCOL_H
#define NET_PROTOCOL_H

#include <net/netdevice.h>

struct sock;

struct net_protocol {
	u8 protocol; /* IPPROTO_* */
	u8 family;   /* AF_INET or AF_INET6 */
	bool no_policy;
	/* skb->data at the transport header, network header set. Takes the skb. Softirq, rcu. */
	int (*handler)(struct sk_buff *skb);
	/* An ICMP error about a packet we sent; skb->data at the quoted IP header (checked to hold
	 * it and 8 bytes more). info: next-hop MTU for "fragmentation needed". Does not take the
	 * skb. 0 or -ENOENT (no such flow). */
	int (*err_handler)(struct sk_buff *skb, u8 type, u8 code, u32 info);
	struct sk_buff *(*gro_receive)(struct list_head *held, struct sk_buff *skb);
	int (*gro_complete)(struct sk_buff *skb, int thoff);
	struct sk_buff *(*gso_segment)(struct sk_buff *skb, u32 features);
	/* While net->rx_early: skb->data at the transport header of a packet without IP options
	 * that is no fragment; nothing else was looked at (ip_early_check()). As packet_type's. */
	bool (*rx_early)(struct sk_buff *skb);
	/* Of a packet for this host that is no fragment, its headers in the linear part: the
	 * connected socket of its flow, referenced; NULL: none. Looks, and changes nothing. */
	struct sock *(*early_demux)(const struct sk_buff *skb);
	u8 demux_bytes; /* of the transport header that it reads */
};

#define NET_PROTOCOL(sym)                                   \
	static const struct net_protocol *const sym##_entry \
		__attribute__((section("net_protocols"), used)) = &(sym)

/* NULL: nobody handles it. */
const struct net_protocol *net_protocol_get(u8 family, u8 protocol);

#endif
