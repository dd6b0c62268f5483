/* SPDX-License-Identifier: MIT */
/*
 * A way past the stack for packets that are answered where they lie, in the received buffer, while
 * a flood of them is on (struct packet_type's rx_early): the checks of ip_rcv() and
 * ip_route_input() in the form that the common packet passes. Whatever is in doubt goes the usual
 * way, which refuses, counts and learns (routes, neighbours); so nothing is dropped here.
 * Context: NAPI poll, rcu read side. Caller: GRO; tcp_early.c.
 */
#include <lib/checksum.h>
#include <lib/string.h>

#include "ipv4_int.h"

bool ip_rx_early(struct sk_buff *skb)
{
	const struct iphdr *ip = (const void *)skb->data;
	const struct net_protocol *p;
	bool done = false;

	if (skb->pkt_type != PACKET_HOST || skb_is_nonlinear(skb) || skb->dst ||
	    skb->len < sizeof(*ip) || ip->ver_ihl != 0x45 ||
	    (be16_get(ip->frag_off) & (IP_MF | IP_OFFSET)))
		return false;
	p = net_protocol_get(AF_INET, ip->protocol);
	if (!p || !p->rx_early)
		return false;
	skb_reset_network_header(skb);
	skb_pull(skb, sizeof(*ip));
	skb_reset_transport_header(skb);
	done = p->rx_early(skb);
	if (!done)
		skb_push(skb, sizeof(*ip));
	return done;
}

/* May saddr be answered, as far as the address itself tells? The route tells the rest. */
static bool source_is_plain(be32 saddr)
{
	return !ipv4_is_zeronet(saddr) && !ipv4_is_loopback(saddr) && !ipv4_is_multicast(saddr) &&
	       !ipv4_is_lbcast(saddr);
}

struct rtable *ip_early_check(struct sk_buff *skb)
{
	const struct iphdr *ip = ip_hdr(skb);
	struct net *net = dev_net(skb->dev);
	struct rtable *rt;

	if (be16_get(ip->tot_len) != skb->len + sizeof(*ip) || !source_is_plain(ip->saddr) ||
	    !be16_is_zero(ip_fast_csum(ip, sizeof(*ip) / 4)) || !inet_addr_is_local(net, ip->daddr))
		return NULL;
	/* Back the way it came, whatever rp_filter says: another way is the usual way's to judge.
	 * The route is to neither ourselves nor a broadcast address: those are no nexthops. */
	rt = rt_nexthop_peek(net, ip->saddr, ip->daddr);
	return rt && rt->dst.dev == skb->dev ? rt : NULL;
}

void ip_early_accept(struct sk_buff *skb)
{
	struct net *net = dev_net(skb->dev);

	this_cpu(softnet_data).processed++;
	IP_INC_STATS(net, INPKTS);
	IP_INC_STATS(net, INDELIVERS);
	IPEXT_ADD_STATS(net, INOCTETS, be16_get(ip_hdr(skb)->tot_len));
	ip_count_ecn(net, ip_hdr(skb)->tos);
}
