/* SPDX-License-Identifier: MIT */
/*
 * IPv4 output: headers, ids (RFC 6864), fragmentation, and the way to the neighbour. Whoever calls
 * hands the skb over. Context: any but hardirq.
 */
#include <kernel/mm.h>
#include <kernel/random.h>
#include <lib/checksum.h>
#include <lib/err.h>
#include <lib/string.h>
#include <net/gro.h>
#include <net/inet_sock.h>

#include "ipv4_int.h"

u8 ip_default_ttl(const struct net *net)
{
	return (u8)net->ipv4->ip_default_ttl;
}

void ip_send_check(struct iphdr *ip)
{
	ip->check = BE16(0);
	ip->check = ip_fast_csum(ip, ip->ver_ihl & 15u);
}

/* -- id -------------------------------------------------------------------------------------------
 */

/* Ids of datagrams that may be fragmented: counters shared by flows by a keyed hash, which advance
 * by a random step that grows with the time since the last use, so that a stranger cannot count
 * our packets by watching them. Returns the first of segs. */
static u16 ident_reserve(struct netns_ipv4 *ip4, const struct iphdr *ip, unsigned segs)
{
	u64 h = siphash_3u32(ip->daddr.wire, ip->saddr.wire, ip->protocol, &ip4->key);
	u32 i = (u32)h % IP_IDENTS, now = (u32)ktime_get_ms();
	u32 old = __atomic_exchange_n(&ip4->ident_stamp_ms[i], now, __ATOMIC_RELAXED);
	u32 step = old != now ? get_random_u32_below(now - old) : 0;

	return (u16)((h >> 32) +
		     __atomic_fetch_add(&ip4->idents[i], step + segs, __ATOMIC_RELAXED));
}

/* Those of a connection count up for old receivers that merge segments by it. */
static be16 connection_ident(const struct sock *sk, u32 segs)
{
	return be16_make((u16)(atomic_add_return((s32)segs, &inet_sk(sk)->inet_id) - (s32)segs));
}

void ip_select_ident(struct net *net, struct sk_buff *skb, const struct sock *sk, unsigned segs)
{
	struct iphdr *ip = ip_hdr(skb);

	/* An atomic datagram needs no id. */
	if ((be16_get(ip->frag_off) & IP_DF) && !(IPCB(skb)->flags & IPSKB_IGNORE_DF)) {
		if (sk && sk->sk_daddr.wire && sk->sk_family == AF_INET)
			ip->id = connection_ident(sk, segs);
		else
			ip->id = BE16(0);
		return;
	}
	ip->id = be16_make(ident_reserve(net->ipv4, ip, segs));
}

/* -- to the neighbour
 * ------------------------------------------------------------------------------- */

struct neighbour *ip_next_hop(struct rtable *rt, struct net_device *dev, be32 daddr)
{
	struct neighbour *n = rcu_dereference(rt->dst.neigh), *old;

	if (likely(n && !n->dead && n->dev == dev))
		return n;
	if (!rt->uses_gateway)
		return neigh_lookup_noref(&dev_net(dev)->ipv4->arp, &daddr, dev);
	n = neigh_lookup(&dev_net(dev)->ipv4->arp, &rt->gateway, dev);
	if (n) {
		old = xchg(&rt->dst.neigh, n);
		neigh_release(old);
	}
	return n;
}

static void count_group(struct net *net, const struct rtable *rt, const struct sk_buff *skb)
{
	if (rt->type == RTN_MULTICAST) {
		IPEXT_INC_STATS(net, OUTMCASTPKTS);
		IPEXT_ADD_STATS(net, OUTMCASTOCTETS, skb->len);
	} else if (rt->type == RTN_BROADCAST) {
		IPEXT_INC_STATS(net, OUTBCASTPKTS);
		IPEXT_ADD_STATS(net, OUTBCASTOCTETS, skb->len);
	}
}

/* To a next hop that we know nothing of yet. */
static noinline int output_to_new(struct net *net, const struct rtable *rt, struct sk_buff *skb)
{
	be32 next = rt->gateway.wire ? rt->gateway : ip_hdr(skb)->daddr;
	struct neighbour *n = neigh_create(&net->ipv4->arp, &next, skb->dev);
	int rc;

	if (!n) {
		kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_TABLE_FULL);
		return -ENOBUFS;
	}
	rc = neigh_output(n, skb);
	neigh_release(n);
	return rc;
}

static int ip_finish_output2(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	struct rtable *rt = skb_rtable(skb);
	struct net_device *dev = skb->dev;
	u32 need = (u32)dev->hard_header_len + dev->needed_headroom;
	struct neighbour *n;
	int rc;

	if (unlikely(rt->type != RTN_UNICAST))
		count_group(net, rt, skb);
	if (unlikely(skb_headroom(skb) < need) &&
	    pskb_expand_head(skb, ALIGN(need, (u32)NET_SKB_PAD), 0, GFP_ATOMIC)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_NOMEM);
		return -ENOMEM;
	}
	rcu_read_lock();
	n = ip_next_hop(rt, dev, ip_hdr(skb)->daddr);
	rc = likely(n) ? neigh_output(n, skb) : output_to_new(net, rt, skb);
	rcu_read_unlock();
	return rc;
}

/* A super-packet whose pieces would not fit the path is cut, and each piece sees to itself. */
static noinline int ip_output_gso(struct net *net, struct sock *sk, struct sk_buff *skb, u32 mtu)
{
	struct sk_buff *segs, *next;
	int rc = 0;

	if (skb_gso_network_seglen(skb) <= mtu)
		return ip_finish_output2(net, sk, skb);
	skb_reset_mac_header(skb);
	segs = skb_gso_segment(skb, 0);
	if (IS_ERR(segs)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_SKB_GSO_SEG);
		return (int)PTR_ERR(segs);
	}
	consume_skb(skb);
	for (; segs; segs = next) {
		int err;

		next = segs->next;
		segs->next = segs->prev = NULL;
		err = ip_fragment(net, sk, segs, ip_finish_output2);
		rc = rc ? rc : err;
	}
	return rc;
}

static int ip_finish_output(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	u32 mtu = dst_mtu(skb_dst(skb));

	if (skb_is_gso(skb))
		return ip_output_gso(net, sk, skb, mtu);
	if (skb->len > mtu)
		return ip_fragment(net, sk, skb, ip_finish_output2);
	return ip_finish_output2(net, sk, skb);
}

int ip_output(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	skb->dev = skb_dst(skb)->dev;
	skb->protocol = BE16(ETH_P_IP);
	return ip_finish_output(net, sk, skb);
}

/* A copy of a broadcast or group datagram for ourselves. */
static void ip_loop_back(struct sk_buff *skb)
{
	struct sk_buff *copy = skb_copy(skb, GFP_ATOMIC);

	if (!copy)
		return;
	if (copy->ip_summed == CHECKSUM_PARTIAL)
		copy->ip_summed = CHECKSUM_UNNECESSARY;
	copy->pkt_type = PACKET_LOOPBACK;
	copy->mac_header = copy->network_header;
	netif_rx(copy);
}

int ip_mc_output(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	const struct rtable *rt = skb_rtable(skb);

	skb->dev = rt->dst.dev;
	skb->protocol = BE16(ETH_P_IP);
	if (rt->loops && (rt->type == RTN_BROADCAST || !sk || inet_sk(sk)->mc_loop))
		ip_loop_back(skb);
	if (rt->type == RTN_MULTICAST && !ip_hdr(skb)->ttl) { /* not beyond this host */
		consume_skb(skb);
		return 0;
	}
	return ip_finish_output(net, sk, skb);
}

/* ihl: words of the header. */
static __always_inline int local_out(struct net *net, struct sock *sk, struct sk_buff *skb,
				     struct iphdr *ip, unsigned ihl)
{
	IP_INC_STATS(net, OUTREQUESTS);
	IPEXT_ADD_STATS(net, OUTOCTETS, skb->len);
	ip->tot_len = be16_make((u16)skb->len);
	ip->check = BE16(0);
	ip->check = ip_fast_csum(ip, ihl);
	skb->protocol = BE16(ETH_P_IP);
	if (likely(skb->dst->output == ip_output))
		return ip_output(net, sk, skb);
	return dst_output(net, sk, skb);
}

int ip_local_out(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	return local_out(net, sk, skb, ip_hdr(skb), ip_hdr(skb)->ver_ihl & 15u);
}

/* -- fragmentation
 * ------------------------------------------------------------------------------------ */

struct frag_state {
	u32 hlen, mtu; /* of the header; payload bytes in a fragment, a multiple of 8 */
	u32 offset;    /* of the next byte in the payload */
	u16 first_off; /* fragment offset field that the datagram came with */
	bool more;     /* it was itself not the last fragment */
};

static struct sk_buff *fragment_next(struct sk_buff *skb, struct frag_state *s)
{
	u32 left = skb->len - s->hlen - s->offset, len = min(left, s->mtu);
	struct sk_buff *f = alloc_skb(MAX_HEADER + s->hlen + len, GFP_ATOMIC);
	struct iphdr *ip;

	if (!f)
		return NULL;
	skb_reserve(f, MAX_HEADER);
	ip = skb_put(f, s->hlen + len);
	skb_reset_network_header(f);
	f->transport_header = (u16)(f->network_header + s->hlen);
	memcpy(ip, ip_hdr(skb), s->hlen);
	if (skb_copy_bits(skb, s->hlen + s->offset, (u8 *)ip + s->hlen, len)) {
		consume_skb(f);
		return NULL;
	}
	f->dev = skb->dev;
	f->protocol = skb->protocol;
	f->priority = skb->priority;
	f->mark = skb->mark;
	f->pkt_type = skb->pkt_type;
	memcpy(f->cb, skb->cb, sizeof(f->cb));
	skb_dst_set(f, dst_hold(skb_dst(skb)));
	if (!s->offset) /* in the later ones only the options that are copied */
		ip_options_fragment((u8 *)(ip_hdr(skb) + 1), s->hlen - (u32)sizeof(*ip));
	ip->frag_off = be16_make(
		(u16)((s->first_off + (s->offset >> 3)) | (left > len || s->more ? IP_MF : 0)));
	ip->tot_len = be16_make((u16)f->len);
	ip_send_check(ip);
	s->offset += len;
	return f;
}

int ip_fragment(struct net *net, struct sock *sk, struct sk_buff *skb,
		int (*output)(struct net *, struct sock *, struct sk_buff *))
{
	u32 mtu = dst_mtu(skb_dst(skb));
	const struct iphdr *ip = ip_hdr(skb);
	u16 off = be16_get(ip->frag_off);
	struct frag_state s = {.hlen = ip_hdrlen(skb)};
	int err = 0;

	if (skb->len <= mtu)
		return output(net, sk, skb);
	if ((off & IP_DF) && !(IPCB(skb)->flags & IPSKB_IGNORE_DF)) {
		IP_INC_STATS(net, FRAGFAILS);
		icmp_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
		kfree_skb_reason(skb, SKB_DROP_REASON_PKT_TOO_BIG);
		return -EMSGSIZE;
	}
	if (mtu < s.hlen + 8 || skb_checksum_help(skb) || skb_cow_head(skb, 0)) {
		IP_INC_STATS(net, FRAGFAILS);
		kfree_skb_reason(skb, SKB_DROP_REASON_NOMEM);
		return -ENOMEM;
	}
	s.mtu = (mtu - s.hlen) & ~7u;
	s.first_off = off & IP_OFFSET;
	s.more = off & IP_MF;
	while (!err && s.offset < skb->len - s.hlen) {
		struct sk_buff *f = fragment_next(skb, &s);

		if (!f) {
			IP_INC_STATS(net, FRAGFAILS);
			kfree_skb_reason(skb, SKB_DROP_REASON_NOMEM);
			return -ENOMEM;
		}
		IP_INC_STATS(net, FRAGCREATES);
		err = output(net, sk, f);
	}
	if (err)
		IP_INC_STATS(net, FRAGFAILS);
	else
		IP_INC_STATS(net, FRAGOKS);
	consume_skb(skb);
	return err;
}

/* -- for transports
 * -------------------------------------------------------------------------------------- */

struct iphdr *ip_push_header(struct sk_buff *skb, be32 saddr, be32 daddr, u8 protocol, u8 ttl,
			     u8 tos)
{
	struct iphdr *ip = skb_push(skb, sizeof(*ip));

	skb_reset_network_header(skb);
	ip->ver_ihl = 0x45;
	ip->tos = tos;
	ip->id = BE16(0);
	ip->frag_off = BE16(0);
	ip->ttl = ttl;
	ip->protocol = protocol;
	ip->saddr = saddr;
	ip->daddr = daddr;
	return ip;
}

bool ip_dont_fragment(const struct sock *sk, const struct rtable *rt)
{
	u8 disc = inet_sk(sk)->pmtudisc;

	return disc == IP_PMTUDISC_DO || disc == IP_PMTUDISC_PROBE ||
	       (disc == IP_PMTUDISC_WANT && !rt->mtu_locked);
}

int ip_build_and_send_pkt(struct sk_buff *skb, const struct sock *sk, be32 saddr, be32 daddr,
			  const struct ip_options *opt, u8 protocol, u8 ttl, u8 tos)
{
	struct net *net = dev_net(skb_dst(skb)->dev);
	const struct rtable *rt = skb_rtable(skb);
	struct iphdr *ip;
	int rc;

	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	ip = ip_push_header(skb, saddr, daddr, protocol, ttl ? ttl : ip_default_ttl(net), tos);
	if (sk ? ip_dont_fragment(sk, rt) : skb->len <= dst_mtu(&rt->dst) && !rt->mtu_locked)
		ip->frag_off = BE16(IP_DF);
	ip_select_ident(net, skb, NULL, 1);
	if (sk) {
		skb->priority = sk->sk_priority;
		skb->mark = sk->sk_mark;
	}
	rc = ip_local_out(net, NULL, skb);
	return rc == NET_XMIT_CN ? 0 : rc;
}

/* The socket's route, from its cache or made now; borrowed by skb. */
static struct rtable *socket_route(struct net *net, struct sock *sk)
{
	struct inet_sock *inet = inet_sk(sk);
	struct dst_entry *dst = sk_dst_check(sk);
	struct rtable *rt;
	struct flowi4 fl;

	if (dst)
		return dst_rtable(dst);
	fl = (struct flowi4){
		.daddr = sk->sk_daddr,
		.saddr = inet->inet_saddr,
		.oif = sk->sk_bound_dev_if,
		.mark = sk->sk_mark,
		.tos = inet->tos,
		.proto = sk->sk_protocol,
		.sport = inet->inet_sport,
		.dport = sk->sk_dport,
	};
	rt = ip_route_output_flow(net, &fl, sk);
	if (!IS_ERR(rt)) {
		sk_dst_set(sk, &rt->dst);
		sk_setup_caps(sk, &rt->dst);
	}
	return rt;
}

int ip_queue_xmit(struct sock *sk, struct sk_buff *skb)
{
	const struct inet_sock *inet = inet_sk(sk);
	struct net *net = sock_net(sk);
	struct rtable *rt;
	struct iphdr *ip;
	u32 segs;
	u8 ttl;
	int rc;

	rcu_read_lock();
	rt = skb->dst ? skb_rtable(skb) : socket_route(net, sk);
	if (IS_ERR(rt)) {
		rcu_read_unlock();
		IP_INC_STATS(net, OUTNOROUTES);
		kfree_skb_reason(skb, SKB_DROP_REASON_IP_OUTNOROUTES);
		return -EHOSTUNREACH;
	}
	if (!skb->dst)
		skb_dst_set_noref(skb, &rt->dst);
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	ttl = inet->uc_ttl < 0 ? ip_default_ttl(net) : (u8)inet->uc_ttl;
	ip = ip_push_header(skb, inet->inet_saddr, sk->sk_daddr, sk->sk_protocol, ttl, inet->tos);
	segs = max(skb_shinfo(skb)->gso_segs + 0u, 1u);
	if (likely(ip_dont_fragment(sk, rt))) {
		ip->frag_off = BE16(IP_DF);
		ip->id = connection_ident(sk, segs);
	} else {
		ip->id = be16_make(ident_reserve(net->ipv4, ip, segs));
	}
	skb->priority = sk->sk_priority;
	skb->mark = sk->sk_mark;
	rc = local_out(net, sk, skb, ip, sizeof(*ip) / 4);
	rcu_read_unlock();
	return rc;
}

struct sk_buff *ip_alloc_big_skb(u32 hlen, u32 len, unsigned gfp)
{
	u32 linear = min(len, 1024u), room = MAX_HEADER + hlen;
	struct sk_buff *skb = alloc_skb(room + linear, gfp);

	if (!skb)
		return NULL;
	skb_reserve(skb, room);
	skb_put(skb, linear);
	for (len -= linear; len;) {
		u32 n = min(len, (u32)PAGE_SIZE);
		struct page *page = alloc_pages_owner(0, gfp, PAGES_SKB);

		if (!page || skb_shinfo(skb)->nr_frags == MAX_SKB_FRAGS) {
			if (page)
				put_page(page);
			consume_skb(skb);
			return NULL;
		}
		skb_add_rx_frag(skb, page, 0, n, PAGE_SIZE);
		len -= n;
	}
	return skb;
}
