/* SPDX-License-Identifier: MIT */
/*
 * TCP's part of GRO and GSO. Received segments that continue each other in sequence, with equal
 * headers, become one super-packet; a super-packet to be sent is cut into segments with headers
 * of their own. Context: NAPI poll; transmit path.
 */
#include <lib/checksum.h>
#include <lib/err.h>
#include <lib/string.h>
#include <net/gro.h>

#include "tcp_int.h"

/* The held packet of the same connection; others of the bucket are marked as not of this flow. */
static struct sk_buff *find_flow(struct list_head *held, const struct tcphdr *th)
{
	struct sk_buff *p, *found = NULL;

	list_for_each_entry(p, held, list) {
		const struct tcphdr *th2 = tcp_hdr(p);

		if (!NAPI_GRO_CB(p)->same_flow)
			continue;
		if (be16_eq(th->source, th2->source) && be16_eq(th->dest, th2->dest))
			found = p;
		else
			NAPI_GRO_CB(p)->same_flow = 0;
	}
	return found;
}

/* Does skb, of len payload bytes behind th, continue p? */
static bool continues(struct sk_buff *p, const struct tcphdr *th, u32 thlen, u32 len)
{
	const struct tcphdr *th2 = tcp_hdr(p);
	struct napi_gro_cb *cb = NAPI_GRO_CB(p);
	u32 mss = skb_shinfo(p)->gso_size;

	if (cb->flush || (th->flags & TCPHDR_CWR) || th->doff_res != th2->doff_res ||
	    ((th->flags ^ th2->flags) & ~(TCPHDR_CWR | TCPHDR_FIN | TCPHDR_PSH)) ||
	    th->ack_seq.wire != th2->ack_seq.wire || memcmp(th + 1, th2 + 1, thlen - sizeof(*th)))
		return false;
	if (cb->flush_id) {
		/* Ids that all are the same, with DF, are fine too: told by the second packet. */
		if (cb->count != 1 || !cb->is_atomic)
			return false;
		cb->is_atomic = 0;
	}
	/* Only the last may be short; it must start where p ends. */
	return len && len <= mss && be32_get(th->seq) == be32_get(th2->seq) + skb_gro_len(p);
}

/* Does the segment, without text, say no more than how far its sender has come, and when? */
static bool pure_ack(const struct tcphdr *th, u32 thlen)
{
	if ((th->flags & ~TCPHDR_ECE) != TCPHDR_ACK)
		return false;
	return thlen == sizeof(*th) || (thlen == sizeof(*th) + TCPOLEN_TSTAMP_ALIGNED &&
					get_be32(th + 1) == TCPOPT_TSTAMP_ONLY);
}

static u32 tsval_of(const struct tcphdr *th)
{
	return get_be32((const u8 *)(th + 1) + sizeof(u32));
}

/* A device that does not merge brings one ACK for two segments of what it cut. If the held one, p,
 * is of this poll too and th, a pure one, says the same and more, p becomes th: to the connection
 * as if p had been lost, which the next ACK makes good (RFC 9293 section 3.4). Duplicates, window
 * updates and whatever has more options or flags stay what they are. */
static bool ack_supersedes(struct sk_buff *p, const struct tcphdr *th, u32 thlen)
{
	struct tcphdr *th2 = tcp_hdr(p);

	if (NAPI_GRO_CB(p)->flush || skb_shinfo(p)->gso_size || th->doff_res != th2->doff_res ||
	    th->flags != th2->flags || th->seq.wire != th2->seq.wire ||
	    !seq_after(seq_from_wire(th->ack_seq), seq_from_wire(th2->ack_seq)))
		return false;
	if (thlen > sizeof(*th) && (s32)(tsval_of(th) - tsval_of(th2)) < 0)
		return false;
	memcpy(th2, th, thlen);
	return true;
}

/* Value as of gro_receive(): whatever of its flow is held goes up before it. */
static noinline struct sk_buff *ack_receive(struct sk_buff *p, struct sk_buff *skb,
					    const struct tcphdr *th, u32 thlen)
{
	if (!p || !ack_supersedes(p, th, thlen))
		return p;
	TCP_INC_STATS(dev_net(skb->dev), INSEGS); /* here it ends */
	NAPI_GRO_CB(skb)->same_flow = 1;
	NAPI_GRO_CB(skb)->free = GRO_FREE;
	return NULL;
}

struct sk_buff *tcp4_gro_receive(struct list_head *held, struct sk_buff *skb)
{
	u32 off = skb_gro_offset(skb), thlen, len, mss = 1;
	const struct tcphdr *th = skb_gro_header(skb, sizeof(*th), off);
	const struct iphdr *ip;
	struct sk_buff *p;
	bool last;
	u8 flags;

	if (!th)
		goto flush;
	thlen = tcp_hdrlen_bytes(th);
	th = thlen < sizeof(*th) ? NULL : skb_gro_header(skb, thlen, off);
	if (!th)
		goto flush;
	ip = ip_hdr(skb);
	if (!skb_gro_checksum_ok(skb, csum_tcpudp_nofold(ip->saddr, ip->daddr, skb_gro_len(skb),
							 IPPROTO_TCP, 0)))
		goto flush;
	skb_gro_pull(skb, thlen);
	len = skb_gro_len(skb);
	flags = th->flags;
	p = find_flow(held, th);
	if (!len && pure_ack(th, thlen))
		return ack_receive(p, skb, th, thlen);
	if (p) {
		mss = skb_shinfo(p)->gso_size;
		if (continues(p, th, thlen, len) && !skb_gro_receive(p, skb))
			tcp_hdr(p)->flags |= flags & (TCPHDR_FIN | TCPHDR_PSH);
		else
			mss = 1;
	}
	/* A segment that is short or says something special ends the super-packet. */
	last = len < mss ||
	       (flags & (TCPHDR_URG | TCPHDR_PSH | TCPHDR_RST | TCPHDR_SYN | TCPHDR_FIN));
	if (p && NAPI_GRO_CB(skb)->same_flow)
		return last ? p : NULL;
	if (last && !p && tcp4_rcv_early(skb))
		return ERR_PTR(-EINPROGRESS);
	NAPI_GRO_CB(skb)->flush |= last;
	return p; /* what comes now does not continue it */
flush:
	NAPI_GRO_CB(skb)->flush = 1;
	return NULL;
}

int tcp4_gro_complete(struct sk_buff *skb, int thoff)
{
	const struct iphdr *ip = ip_hdr(skb);
	struct tcphdr *th = tcp_hdr(skb);
	u32 len = skb->len - (u32)thoff;

	/* As if it were to be sent: the stack takes that for verified. */
	th->check = (be16){(u16)~csum_tcpudp_magic(ip->saddr, ip->daddr, len, IPPROTO_TCP, 0).wire};
	skb->csum_start = skb->transport_header;
	skb->csum_offset = offsetof(struct tcphdr, check);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb_shinfo(skb)->gso_type = SKB_GSO_TCPV4;
	if (th->flags & TCPHDR_CWR)
		skb_shinfo(skb)->gso_type |= SKB_GSO_TCP_ECN;
	return 0;
}

static void mend_segment(struct sk_buff *seg, seq32 seq, u8 clear)
{
	const struct iphdr *ip = ip_hdr(seg);
	struct tcphdr *th = tcp_hdr(seg);
	u32 len = seg->len - (u32)((u8 *)th - seg->data);

	th->seq = seq_to_wire(seq);
	th->flags &= (u8)~clear;
	if (seg->ip_summed == CHECKSUM_PARTIAL) {
		th->check = (be16){
			(u16)~csum_tcpudp_magic(ip->saddr, ip->daddr, len, IPPROTO_TCP, 0).wire};
		return;
	}
	th->check = BE16(0);
	th->check = gso_make_checksum(
		seg, csum_tcpudp_nofold(ip->saddr, ip->daddr, len, IPPROTO_TCP, 0));
}

struct sk_buff *tcp4_gso_segment(struct sk_buff *skb, u32 features)
{
	struct sk_buff *segs, *seg;
	u32 thlen, mss = skb_shinfo(skb)->gso_size;
	seq32 seq;

	if (!(skb_shinfo(skb)->gso_type & SKB_GSO_TCPV4) ||
	    !pskb_may_pull(skb, sizeof(struct tcphdr)))
		return ERR_PTR(-EINVAL);
	thlen = tcp_hdrlen(skb);
	if (thlen < sizeof(struct tcphdr) || !pskb_may_pull(skb, thlen) || skb->len == thlen)
		return ERR_PTR(-EINVAL);
	seq = seq_from_wire(tcp_hdr(skb)->seq);
	skb->csum_offset = offsetof(struct tcphdr, check);
	skb_pull(skb, thlen);
	segs = skb_segment(skb, features);
	if (IS_ERR(segs))
		return segs;
	for (seg = segs; seg; seg = seg->next) {
		u8 clear = seg == segs ? 0 : TCPHDR_CWR; /* told once */

		if (seg->next)
			clear |= TCPHDR_FIN | TCPHDR_PSH;
		mend_segment(seg, seq, clear);
		seq = seq_add(seq, mss);
	}
	return segs;
}
