/* SPDX-License-Identifier: MIT */
/*
 * Early demux (Linux's ip_early_demux, tcp_early_demux, udp_early_demux): the input route of a
 * packet by the connection it belongs to, and the socket for the transport, which need not look for
 * it again.
 *
 * It stands behind the pairs of addresses that each CPU knows to pass (struct rt_pass): those cost
 * less than finding a socket does, so only what they miss comes here. That is many peers at a time,
 * and any number of them on devices with a reverse path filter. Context: softirq, rcu read side.
 */
#include <lib/hash.h>
#include <net/protocol.h>
#include <net/sock.h>

#include "ipv4_int.h"

/* What sk->sk_rx_way says when packets from saddr to daddr that dev received passed the checks of
 * the input route as things are. It is of the socket's own pair: no peer has a say in it, and one
 * that connects elsewhere needs no word here. */
static u32 way_of(u32 genid, be32 saddr, be32 daddr, const struct net_device *dev)
{
	u64 pair = (u64)saddr.wire << 32 | daddr.wire, how = (u64)genid << 32 | dev->ifindex;

	return hash_64(pair * GOLDEN_RATIO_64 ^ how, 32) | 1;
}

static bool is_wanted(const struct netns_ipv4 *ip4, u8 protocol)
{
	if (!ip4->ip_early_demux)
		return false;
	return protocol == IPPROTO_TCP ? ip4->tcp_early_demux : ip4->udp_early_demux;
}

/* A reference, or NULL. */
static struct sock *find_socket(const struct netns_ipv4 *ip4, const struct sk_buff *skb)
{
	const struct iphdr *ip = ip_hdr(skb);
	const struct net_protocol *p = net_protocol_get(AF_INET, ip->protocol);

	if (!p || !p->early_demux || !is_wanted(ip4, ip->protocol) ||
	    skb->pkt_type != PACKET_HOST || be16_get(ip->frag_off) & (IP_MF | IP_OFFSET) ||
	    skb_headlen(skb) < (u32)skb_transport_offset(skb) + p->demux_bytes)
		return NULL;
	return p->early_demux(skb);
}

enum skb_drop_reason ip_route_input_demux(struct sk_buff *skb, be32 daddr, be32 saddr,
					  struct net_device *dev)
{
	struct netns_ipv4 *ip4 = dev_net(dev)->ipv4;
	u32 genid = (u32)atomic_read(&ip4->rt_genid), way;
	struct sock *sk = find_socket(ip4, skb);
	enum skb_drop_reason why;

	if (!sk)
		return ip_route_input_slow(skb, daddr, saddr, dev);
	way = way_of(genid, saddr, daddr, dev);
	if (likely(READ_ONCE(sk->sk_rx_way) == way)) {
		rt_pass(skb, daddr, saddr, dev, genid);
		skb_set_demuxed(skb, sk);
		return SKB_NOT_DROPPED_YET;
	}
	why = ip_route_input_slow(skb, daddr, saddr, dev);
	if (why != SKB_NOT_DROPPED_YET || skb_rtable(skb)->type != RTN_LOCAL) {
		sock_put(sk);
		return why;
	}
	WRITE_ONCE(sk->sk_rx_way, way);
	skb_set_demuxed(skb, sk);
	return why;
}
