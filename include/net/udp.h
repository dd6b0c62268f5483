/* SPDX-License-Identifier: MIT */
/*
 * UDP (RFC 768, 1122 section 4.1): wire format, the socket, and its part of a struct net.
 */
#ifndef NET_UDP_H
#define NET_UDP_H

#include <lib/siphash.h>
#include <net/inet_sock.h>

struct udphdr {
	be16 source, dest, len, check;
} __packed;
static_assert(sizeof(struct udphdr) == 8, "RFC 768");

static inline struct udphdr *udp_hdr(const struct sk_buff *skb)
{
	return skb_transport_header(skb);
}

#define UDP_MAX_SEGMENTS 128 /* datagrams that one call may send with UDP_SEGMENT */

struct udp_sock {
	struct inet_sock inet; /* first */
	bool encap, gro;
	u16 gso_size; /* UDP_SEGMENT, 0: off */
};

#define UDP_HTABLE_SIZE 256

/* Sockets by local port. */
struct udp_hslot {
	struct hlist_head head; /* [lock, rcu] */
	struct spinlock lock;
	u32 count;
};

struct netns_udp {
	struct udp_hslot slot[UDP_HTABLE_SIZE];
	siphash_key port_key;
	atomic_t gro_sockets; /* sockets with UDP_GRO */
	int rmem_min, wmem_min;
};

static inline struct udp_sock *udp_sk(struct sock *sk)
{
	return (struct udp_sock *)(void *)sk;
}

extern struct proto udp_prot;

/* Call fn for every UDP socket of net, under rcu. */
void udp_for_each(struct net *net, void (*fn)(struct sock *sk, void *arg), void *arg);

#endif
