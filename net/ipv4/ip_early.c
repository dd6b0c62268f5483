/* SPDX-License-Identifier: MIT */
/*
 * A way past the stack for packets that are answered where they lie, in the received buffer: those
 * of a flood while it is on (struct packet_type's rx_early), and echo requests at any time. The
 * checks of ip_rcv() and ip_route_input() in the form that the common packet passes. Whatever is in
 * doubt goes the usual way, which refuses, counts and learns (routes, neighbours); so nothing is
 * dropped here. Context: NAPI poll, rcu read side. Caller: GRO; tcp_early.c, icmp.c.
 */
#include <lib/checksum.h>
#include <lib/hash.h>
#include <lib/string.h>
#include <linux/if_ether.h>
#include <net/inet_sock.h>

#include "ipv4_int.h"

bool ip_rx_early(struct sk_buff *skb)
{
	const struct iphdr *ip = (const void *)skb->data;
	const struct net_protocol *p;
	bool done = false;

	if (skb->pkt_type != PACKET_HOST || skb_is_nonlinear(skb) || skb_cloned(skb) ||
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

/* May it be answered, as far as the address itself tells? The route tells the rest. */
static bool source_is_plain(be32 addr)
{
	u32 top = be32_get(addr) >> 24;

	return top && top < 224 && top != 127;
}

/* A question that this poll has not asked yet: another address of ours, other peers. */
static noinline struct rtable *find_way(struct net *net, struct ip_early_poll *poll,
					const struct iphdr *ip)
{
	u32 addr = be32_get(ip->saddr);
	struct ip_early_way *way = &poll->way[reciprocal_scale(addr, IP_EARLY_WAYS)];

	if (!be32_eq(ip->daddr, poll->laddr)) {
		if (!inet_addr_is_local(net, ip->daddr))
			return NULL;
		*poll = (struct ip_early_poll){.laddr = ip->daddr};
	}
	way->rt = rt_nexthop_peek(net, ip->saddr, ip->daddr);
	way->addr = addr;
	way->shift = 32u - max(fib_alike_bits(net, ip->saddr), (u8)1);
	return way->rt;
}

/* The route back. It leads neither to ourselves nor to a broadcast address: those are no nexthops.
 */
static struct rtable *way_back(struct net *net, struct ip_early_poll *poll, const struct iphdr *ip)
{
	u32 addr = be32_get(ip->saddr);
	const struct ip_early_way *way = &poll->way[reciprocal_scale(addr, IP_EARLY_WAYS)];

	if (likely(be32_eq(ip->daddr, poll->laddr) && way->rt &&
		   (addr ^ way->addr) >> way->shift == 0 && !rt_has_exceptions(net)))
		return way->rt;
	return find_way(net, poll, ip);
}

struct rtable *ip_early_check(struct sk_buff *skb, struct ip_early_poll *poll)
{
	const struct iphdr *ip = ip_hdr(skb);
	struct rtable *rt;

	if (be16_get(ip->tot_len) > skb->len + sizeof(*ip) || !source_is_plain(ip->saddr) ||
	    !be16_is_zero(ip_fast_csum(ip, sizeof(*ip) / 4)))
		return NULL;
	/* Back the way it came, whatever rp_filter says: another way is the usual way's to judge.
	 */
	rt = way_back(dev_net(skb->dev), poll, ip);
	return rt && rt->dst.dev == skb->dev ? rt : NULL;
}

static void count_received(struct net_mib *mib, const struct iphdr *ip)
{
	this_cpu(softnet_data).processed++;
	mib->ip[IPSTATS_MIB_INPKTS]++;
	mib->ip[IPSTATS_MIB_INDELIVERS]++;
	mib->ipext[IPEXT_MIB_INOCTETS] += be16_get(ip->tot_len);
	mib->ipext[ip_ecn_counter(ip->tos)]++;
}

static void count_sent(struct net_mib *mib, u32 bytes)
{
	mib->ip[IPSTATS_MIB_OUTREQUESTS]++;
	mib->ipext[IPEXT_MIB_OUTOCTETS] += bytes;
}

void ip_early_accept(const struct sk_buff *skb)
{
	count_received(NET_MIB(dev_net(skb->dev)), ip_hdr(skb));
}

bool ip_early_take(struct sk_buff *skb)
{
	const struct iphdr *ip = ip_hdr(skb);
	struct net_device *dev = skb->dev;

	if (packet_taps_active() || rps_active() || !rt_passes(dev, ip->saddr, ip->daddr))
		return false;
	count_received(NET_MIB(dev_net(dev)), ip);
	skb_pull(skb, sizeof(*ip));
	return true;
}

/* ---- answers -----------------------------------------------------------------------------------
 */

/* The neighbour that skb can be sent to on dev as it is. NULL: not known, or whether it is still
 * there has to be asked, or skb has no room for a link header. */
static const struct neighbour *known_hop(const struct sk_buff *skb, struct net_device *dev,
					 struct rtable *rt, be32 daddr)
{
	const struct neighbour *n = ip_next_hop(rt, dev, daddr);

	if (!n || !(READ_ONCE(n->nud_state) & (NUD_CONNECTED | NUD_DELAY | NUD_PROBE)) ||
	    !dev->header_ops ||
	    skb_headroom(skb) < (u32)dev->hard_header_len + dev->needed_headroom)
		return NULL;
	return n;
}

static void push_link_header(struct sk_buff *skb, struct net_device *dev, const struct neighbour *n)
{
	u64 ha = __atomic_load_n((const u64 *)(const void *)n->ha, __ATOMIC_RELAXED);

	skb->dev = dev;
	dev->header_ops->create(skb, dev, ETH_P_IP, &ha, NULL, skb->len);
}

/* Only a poll sends what it has put off. */
static bool in_poll(void)
{
	return this_cpu(softnet_data).polls & 1;
}

/* skb is ready to be sent: remember it, but for whom it goes to. */
static void keep(struct ip_early_answer *a, const struct sk_buff *skb)
{
	u32 link = (u32)skb_network_offset(skb);
	struct iphdr *ip = (void *)(a->frame + link);

	if (skb->len > sizeof(a->frame) || skb_is_nonlinear(skb))
		return;
	memcpy(a->frame, skb->data, skb->len);
	ip->daddr = BE32(0);
	ip->check = BE16(0);
	a->sum = csum_partial(ip, sizeof(*ip), 0);
	a->link = (u16)link;
	a->headroom = (u16)(link + skb->dev->needed_headroom);
	a->priority = skb->priority;
	a->mark = skb->mark;
	a->len = (u16)skb->len;
}

bool ip_answer(struct sk_buff *skb, const struct sock *sk, struct rtable *rt, be32 saddr,
	       be32 daddr, u8 ttl, u8 tos)
{
	struct net *net = dev_net(rt->dst.dev);
	u32 len = skb->len + (u32)sizeof(struct iphdr);
	const struct neighbour *n;
	struct iphdr *ip;

	if (unlikely(!in_poll() || (sk ? !ip_dont_fragment(sk, rt) : rt->mtu_locked) ||
		     rt->type != RTN_UNICAST || rt->dst.output != ip_output || len > rt->dst.mtu)) {
		skb_dst_set(skb, dst_hold(&rt->dst));
		ip_build_and_send_pkt(skb, sk, saddr, daddr, NULL, IPPROTO_TCP, ttl, tos);
		return false;
	}
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	ip = ip_push_header(skb, saddr, daddr, IPPROTO_TCP, ttl, tos);
	ip->frag_off = BE16(IP_DF);
	ip->tot_len = be16_make((u16)len);
	ip_send_check(ip);
	skb->protocol = BE16(ETH_P_IP);
	if (sk) {
		skb->priority = sk->sk_priority;
		skb->mark = sk->sk_mark;
	}
	count_sent(NET_MIB(net), len);
	n = known_hop(skb, rt->dst.dev, rt, daddr);
	if (unlikely(!n)) {
		skb_dst_set(skb, dst_hold(&rt->dst));
		dst_output(net, NULL, skb);
		return false;
	}
	push_link_header(skb, rt->dst.dev, n);
	dev_queue_xmit_later(skb);
	return true;
}

void ip_early_reply(struct sk_buff *skb, const struct sock *sk, struct rtable *rt, be32 saddr,
		    be32 daddr, u8 ttl, u8 tos, struct ip_early_answer *a)
{
	a->len = 0;
	if (ip_answer(skb, sk, rt, saddr, daddr, ttl, tos))
		keep(a, skb);
}

void *ip_early_repeat(struct sk_buff *skb, const struct ip_early_answer *a, be32 daddr)
{
	struct net_mib *mib = NET_MIB(dev_net(skb->dev));
	u32 at = skb->network_header;
	struct iphdr *ip = ip_hdr(skb);

	if (unlikely(at < a->headroom || at - a->link + IP_EARLY_BYTES > skb->end))
		return NULL;
	count_received(mib, ip);
	count_sent(mib, (u32)a->len - a->link);
	skb->data = (u8 *)ip - a->link;
	memcpy(skb->data, a->frame, IP_EARLY_BYTES);
	ip->daddr = daddr;
	ip->check = csum_fold(csum_add(a->sum, daddr.wire));
	skb->len = a->len;
	skb->tail = at - a->link + a->len;
	skb->ip_summed = CHECKSUM_NONE;
	skb->priority = a->priority;
	skb->mark = a->mark;
	skb->tstamp_ns = 0;
	dev_queue_xmit_later(skb);
	return ip + 1;
}

/* ---- a packet turned round ---------------------------------------------------------------------
 */

const struct neighbour *ip_early_way_back(const struct sk_buff *skb)
{
	const struct iphdr *ip = ip_hdr(skb);
	struct rtable *rt;

	/* Taps see a packet farther up. */
	if (!in_poll() || packet_taps_active() || skb_is_nonlinear(skb) || skb_cloned(skb))
		return NULL;
	rt = rt_way_back(skb->dev, ip->saddr, ip->daddr);
	if (!rt || rt->dst.output != ip_output || skb->len > rt->dst.mtu)
		return NULL;
	return known_hop(skb, skb->dev, rt, ip->saddr);
}

void ip_early_turn(struct sk_buff *skb, const struct neighbour *n)
{
	struct net *net = dev_net(skb->dev);
	struct iphdr *ip = ip_hdr(skb);
	be32 peer = ip->saddr;

	count_received(NET_MIB(net), ip);
	count_sent(NET_MIB(net), skb->len);
	ip->id = BE16(0);
	ip->frag_off = BE16(IP_DF);
	ip->ttl = ip_default_ttl(net);
	ip->saddr = ip->daddr;
	ip->daddr = peer;
	ip_send_check(ip);
	skb->ip_summed = CHECKSUM_NONE;
	skb->tstamp_ns = 0;
	push_link_header(skb, skb->dev, n);
	dev_queue_xmit_later(skb);
}
