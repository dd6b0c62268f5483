/* SPDX-License-Identifier: MIT */
/*
 * UDP's part of segmentation and merging: UDP_SEGMENT has one call send many datagrams of one size,
 * which travel as a super-packet and are cut before the driver; for sockets with UDP_GRO datagrams
 * of one flow and size are merged on arrival. Context: transmit path; NAPI poll; softirq.
 */
#include "udp_int.h"

#include <lib/checksum.h>
#include <lib/err.h>
#include <net/gro.h>
#include <netinet/in.h>
#include <string.h>

#define UDP_GRO_MAX 64 /* datagrams in one */

/* ---- sending --------------------------------------------------------------------------------- */

static void mend_segment(struct sk_buff *seg)
{
	const struct iphdr *ip = ip_hdr(seg);
	struct udphdr *uh = udp_hdr(seg);
	u32 len = seg->len - (u32)((u8 *)uh - seg->data);

	uh->len = be16_make((u16)len);
	if (seg->ip_summed == CHECKSUM_PARTIAL) {
		uh->check = (be16){
			(u16)~csum_tcpudp_magic(ip->saddr, ip->daddr, len, IPPROTO_UDP, 0).wire};
		return;
	}
	uh->check = BE16(0);
	uh->check = gso_make_checksum(
		seg, csum_tcpudp_nofold(ip->saddr, ip->daddr, len, IPPROTO_UDP, 0));
	if (be16_is_zero(uh->check))
		uh->check = BE16(0xffff); /* zero would mean "none" */
}

struct sk_buff *udp4_gso_segment(struct sk_buff *skb, u32 features)
{
	struct sk_buff *segs, *seg;

	if (!(skb_shinfo(skb)->gso_type & SKB_GSO_UDP_L4) ||
	    !pskb_may_pull(skb, sizeof(struct udphdr)) || skb->len == sizeof(struct udphdr))
		return ERR_PTR(-EINVAL);
	skb->csum_offset = offsetof(struct udphdr, check);
	skb_pull(skb, sizeof(struct udphdr));
	segs = skb_segment(skb, features);
	if (IS_ERR(segs))
		return segs;
	for (seg = segs; seg; seg = seg->next)
		mend_segment(seg);
	return segs;
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* Does a socket want merged datagrams of this flow? */
static bool wanted(struct sk_buff *skb, const struct udphdr *uh)
{
	struct net *net = dev_net(skb->dev);
	const struct iphdr *ip = ip_hdr(skb);
	struct sock *sk;

	if (!net->udp || !atomic_read(&net->udp->gro_sockets))
		return false;
	sk = udp_lookup(net, ip->saddr, uh->source, ip->daddr, be16_get(uh->dest),
			skb->dev->ifindex);
	return sk && udp_sk(sk)->gro;
}

static struct sk_buff *find_flow(struct list_head *held, const struct udphdr *uh)
{
	struct sk_buff *p, *found = NULL;

	list_for_each_entry(p, held, list) {
		const struct udphdr *uh2 = udp_hdr(p);

		if (!NAPI_GRO_CB(p)->same_flow)
			continue;
		if (be16_eq(uh->source, uh2->source) && be16_eq(uh->dest, uh2->dest))
			found = p;
		else
			NAPI_GRO_CB(p)->same_flow = 0;
	}
	return found;
}

struct sk_buff *udp4_gro_receive(struct list_head *held, struct sk_buff *skb)
{
	u32 off = skb_gro_offset(skb), len;
	const struct udphdr *uh = skb_gro_header(skb, sizeof(*uh), off);
	const struct iphdr *ip = ip_hdr(skb);
	struct sk_buff *p;

	/* Merging vouches for the checksum, so there must be one (RFC 768: zero is none). */
	if (!uh || be16_get(uh->len) != skb_gro_len(skb) || be16_get(uh->len) <= sizeof(*uh) ||
	    be16_is_zero(uh->check) || !wanted(skb, uh) ||
	    !skb_gro_checksum_ok(skb, csum_tcpudp_nofold(ip->saddr, ip->daddr, skb_gro_len(skb),
							 IPPROTO_UDP, 0))) {
		NAPI_GRO_CB(skb)->flush = 1;
		return NULL;
	}
	skb_gro_pull(skb, sizeof(*uh));
	len = skb_gro_len(skb);
	p = find_flow(held, uh);
	if (!p)
		return NULL;
	/* All of one size; a shorter one is the last. */
	if (NAPI_GRO_CB(p)->flush || len > skb_shinfo(p)->gso_size || skb_gro_receive(p, skb))
		return p;
	return len < skb_shinfo(p)->gso_size || NAPI_GRO_CB(p)->count >= UDP_GRO_MAX ? p : NULL;
}

int udp4_gro_complete(struct sk_buff *skb, int thoff)
{
	const struct iphdr *ip = ip_hdr(skb);
	struct udphdr *uh = udp_hdr(skb);
	u32 len = skb->len - (u32)thoff;

	uh->len = be16_make((u16)len);
	uh->check = (be16){(u16)~csum_tcpudp_magic(ip->saddr, ip->daddr, len, IPPROTO_UDP, 0).wire};
	skb->csum_start = skb->transport_header;
	skb->csum_offset = offsetof(struct udphdr, check);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb_shinfo(skb)->gso_type = SKB_GSO_UDP_L4;
	return 0;
}

/* One datagram of a super-packet, len bytes from off on behind its header, as if it had come
 * alone: headers and payload copied. */
static struct sk_buff *one_datagram(struct sk_buff *skb, u32 off, u32 len)
{
	u32 hlen = (u32)(skb->transport_header - skb->network_header) + sizeof(struct udphdr);
	struct sk_buff *one = alloc_skb(hlen + len, GFP_ATOMIC);

	if (!one)
		return NULL;
	memcpy(skb_put(one, hlen), skb_network_header(skb), hlen);
	if (skb_copy_bits(skb, sizeof(struct udphdr) + off, skb_put(one, len), len)) {
		consume_skb(one);
		return NULL;
	}
	one->network_header = 0;
	one->transport_header = (u16)(hlen - sizeof(struct udphdr));
	skb_pull(one, one->transport_header);
	udp_hdr(one)->len = be16_make((u16)(sizeof(struct udphdr) + len));
	one->dev = skb->dev;
	one->protocol = skb->protocol;
	one->tstamp_ns = skb->tstamp_ns;
	one->pkt_type = skb->pkt_type;
	one->ip_summed = CHECKSUM_UNNECESSARY;
	memcpy(one->cb, skb->cb, sizeof(one->cb));
	return one;
}

struct sk_buff *udp_split(struct sk_buff *skb)
{
	u32 size = skb_shinfo(skb)->gso_size, total = skb->len - (u32)sizeof(struct udphdr);
	struct sk_buff *list = NULL, **end = &list;

	for (u32 off = 0; off < total; off += size) {
		*end = one_datagram(skb, off, min(size, total - off));
		if (!*end)
			break; /* the rest is lost, as datagrams may be */
		end = &(*end)->next;
	}
	consume_skb(skb);
	return list;
}
