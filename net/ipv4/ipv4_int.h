/* SPDX-License-Identifier: MIT */
/*
 * Between the files of net/ipv4.
 */
#ifndef NET_IPV4_INT_H
#define NET_IPV4_INT_H

#include <net/ip.h>
#include <net/netns_ipv4.h>
#include <netinet/in.h>

static inline struct rtable *dst_rtable(const struct dst_entry *dst)
{
	return (struct rtable *)(uintptr_t)dst; /* first member */
}
static inline struct rtable *skb_rtable(const struct sk_buff *skb)
{
	return dst_rtable(skb->dst);
}

/* arp.c */
int arp_net_init(struct net *net);
void arp_net_exit(struct net *net);

/* devinet.c */
void inetdev_event(struct net_device *dev, enum netdev_event ev);
/* Address of dev that packets with a source on dev may show to the neighbour dst. */
bool inet_addr_onlink(const struct in_device *idev, be32 a, be32 b);

/* fib.c */
void fib_net_init(struct net *net);
void fib_net_exit(struct net *net);
void fib_add_ifaddr(const struct in_ifaddr *ifa);
void fib_del_ifaddr(const struct in_ifaddr *ifa);
/* Delete the routes through dev / with that preferred source. */
void fib_flush_dev(const struct net_device *dev);
void fib_flush_prefsrc(struct net *net, be32 addr);
/* Type of addr in the local table; 0: not there. rcu. */
u8 fib_local_type(struct net *net, be32 addr, u32 oif);
/* Where the route that fl is sent by keeps its rtable: of a unicast route, for destinations that
 * are not ours; else NULL. rcu. */
struct rtable **fib_nexthop(struct net *net, const struct flowi4 *fl);
/* All addresses that begin with as many bits of daddr are routed as it is. rcu. */
u8 fib_alike_bits(struct net *net, be32 daddr);
int fib_proc_init(struct net *net);
void fib_proc_exit(struct net *net);

/* ip_input.c, ip_early.c */
void inet_protocols_init(void);
/* Of a packet with that byte: IPEXT_MIB_*. */
static inline unsigned ip_ecn_counter(u8 tos)
{
	static const u8 counter[4] = {IPEXT_MIB_NOECTPKTS, IPEXT_MIB_ECT1PKTS, IPEXT_MIB_ECT0PKTS,
				      IPEXT_MIB_CEPKTS};

	return counter[tos & 3];
}
bool ip_rx_early(struct sk_buff *skb);
/* In a poll, skb sound, without options, no fragment, data at its IP header, nothing behind its
 * end: where an answer of the same length goes, if skb came from a peer that is known, for us, and
 * may be written over; NULL: the usual way. / Count it as received, turn its addresses round and
 * send it there, its payload being the answer. */
const struct neighbour *ip_early_way_back(const struct sk_buff *skb);
void ip_early_turn(struct sk_buff *skb, const struct neighbour *n);

/* route.c */
/* The rtable that packets from saddr to daddr share with others, if there is a good one: but for
 * its prefsrc, which may be another address of ours. rcu, no reference. */
struct rtable *rt_nexthop_peek(struct net *net, be32 daddr, be32 saddr);
/* Of packets from saddr to daddr that dev received: has ip_route_input() just let such through, and
 * do answers go back by dev? The rtable of those. Softirq, rcu, no reference. NULL: not known. */
struct rtable *rt_way_back(const struct net_device *dev, be32 saddr, be32 daddr);
/* Only: has it let such through? */
bool rt_passes(const struct net_device *dev, be32 saddr, be32 daddr);
/* May destinations have a path MTU of their own now? */
static inline bool rt_has_exceptions(const struct net *net)
{
	return READ_ONCE(net->ipv4->fnhe_some);
}
/* The checks and the route of a packet that no rt_pass knows; sets skb's dst. / skb passed them
 * when the routes were of that genid: its route, and its pair's rt_pass again. */
enum skb_drop_reason ip_route_input_slow(struct sk_buff *skb, be32 daddr, be32 saddr,
					 struct net_device *dev);
void rt_pass(struct sk_buff *skb, be32 daddr, be32 saddr, struct net_device *dev, u32 genid);
int rt_net_init(struct net *net);
void rt_net_exit(struct net *net);
/* No rtable may point at dev any more. rtnl. */
void rt_flush_dev(struct net_device *dev);
void rt_set_input_dev(struct net *net, struct net_device *lo);

/* ip_demux.c: ip_route_input_slow(), or what its connection knows; skb may carry that away. */
enum skb_drop_reason ip_route_input_demux(struct sk_buff *skb, be32 daddr, be32 saddr,
					  struct net_device *dev);

/* ip_fragment.c */
void ipfrag_net_init(struct net *net);
void ipfrag_net_exit(struct net *net);

/* icmp.c */
void icmp_net_init(struct net *net);
struct inet_peer *inet_getpeer(struct netns_ipv4 *ip4, be32 addr);

/* ip_output.c */
/* The neighbour that packets to daddr go to, borrowed; NULL: not known yet. A gateway's is kept by
 * its routes. */
struct neighbour *ip_next_hop(struct rtable *rt, struct net_device *dev, be32 daddr);
/* The header of a packet without options: skb->data moves to it. */
struct iphdr *ip_push_header(struct sk_buff *skb, be32 saddr, be32 daddr, u8 protocol, u8 ttl,
			     u8 tos);
/* Does sk want DF on what goes by rt? */
bool ip_dont_fragment(const struct sock *sk, const struct rtable *rt);
/* Reply to skb's sender: room for hlen bytes at the transport header and the route back. */
int ip_mc_output(struct net *net, struct sock *sk, struct sk_buff *skb);
/* An skb of len bytes behind MAX_HEADER + hlen of headroom, in page fragments beyond a page. */
struct sk_buff *ip_alloc_big_skb(u32 hlen, u32 len, unsigned gfp);

/* ping.c */
bool ping_rcv(struct sk_buff *skb);
void ping_err(struct sk_buff *skb, u8 type, u8 code, u32 info);
void ping_net_init(struct net *net);

/* proc.c */
int ip_proc_init(struct net *net);
void ip_proc_exit(struct net *net);

#endif
