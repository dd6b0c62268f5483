/* SPDX-License-Identifier: MIT */
/*
 * Generic segmentation: a super-packet is cut just before the driver where the device cannot do
 * it. Each layer's gso_segment callback steps over its header, calls the next one, then mends its
 * header in every piece; the innermost calls skb_segment(). Payload is shared by reference where
 * the device takes fragments, else copied. Context: transmit path, bottom halves off.
 */
#include <net/gro.h>

#include <kernel/mm.h>
#include <lib/err.h>
#include <lib/string.h>
#include <linux/if_ether.h>
#include <net/dst.h>

#include "core_int.h"

/* Where the payload is taken from next: piece `frag` (0: linear part) of cur at offset off. */
struct payload {
	const struct sk_buff *head, *cur;
	unsigned frag;
	u32 off;
};

/* Can others refer to it? Not where it stays with its sk_buff for the next packet, and not where a
 * segment that TCP sends again puts its headers over text that was acknowledged. */
static bool head_is_page(const struct sk_buff *skb)
{
	return skb->head_frag && !skb->pp_recycle && !skb->fclone;
}

static bool payload_piece(const struct payload *p, const u8 **addr, struct page **page, u32 *poff,
			  u32 *len)
{
	const struct skb_shared_info *shinfo = skb_shinfo(p->cur);
	const skb_frag_t *f;

	if (!p->frag) {
		*addr = p->cur->data + p->off;
		*len = skb_headlen(p->cur) - p->off;
		*page = NULL;
		if (head_is_page(p->cur)) {
			*page = virt_to_head_page(p->cur->head);
			*poff = (u32)(*addr - (const u8 *)page_address(*page));
		}
		return true;
	}
	if (p->frag > shinfo->nr_frags)
		return false;
	f = &shinfo->frags[p->frag - 1];
	*addr = (u8 *)skb_frag_address(f) + p->off;
	*page = f->page;
	*poff = f->offset + p->off;
	*len = f->size - p->off;
	return true;
}

/* Payload right at the cursor that is in no page of its own, and so must be copied. */
static u32 linear_left(const struct payload *p)
{
	return p->frag || head_is_page(p->cur) ? 0 : skb_headlen(p->cur) - p->off;
}

/* To the next piece, in the next member of frag_list where this one is through. */
static bool payload_next(struct payload *p)
{
	p->off = 0;
	if (p->frag++ < skb_shinfo(p->cur)->nr_frags)
		return true;
	p->frag = 0;
	p->cur = p->cur == p->head ? skb_shinfo(p->head)->frag_list : p->cur->next;
	return p->cur != NULL;
}

/* Append len bytes of payload to seg, as references where share is set and there is a page. */
static int payload_take(struct payload *p, struct sk_buff *seg, u32 len, bool share)
{
	while (len) {
		struct skb_shared_info *to = skb_shinfo(seg);
		struct page *page;
		const u8 *addr;
		u32 n, poff = 0;

		if (!payload_piece(p, &addr, &page, &poff, &n) || !n) {
			if (!payload_next(p))
				return -EFAULT;
			continue;
		}
		n = min(n, len);
		if (share && page) {
			if (to->nr_frags >= MAX_SKB_FRAGS)
				return -EMSGSIZE;
			get_page(page);
			skb_add_rx_frag(seg, page, poff, n, n);
		} else if (skb_tailroom(seg) < n) {
			return -EAGAIN; /* linear bytes behind a fragment: the caller copies */
		} else {
			memcpy(skb_put(seg, n), addr, n);
		}
		p->off += n;
		len -= n;
	}
	return 0;
}

/* One piece: a copy of the headers (hlen bytes from the mac header on) and len bytes of payload. */
static struct sk_buff *segment_one(struct sk_buff *skb, struct payload *p, u32 hlen, u32 len,
				   bool share)
{
	u32 headroom = skb->dev ? ALIGN(skb->dev->needed_headroom + NET_SKB_PAD, 16u) : NET_SKB_PAD;
	struct payload start = *p;
	struct sk_buff *seg;
	int err;

	seg = alloc_skb(headroom + hlen + (share ? min(len, linear_left(p)) : len), GFP_ATOMIC);
	if (!seg)
		return NULL;
	skb_reserve(seg, headroom);
	memcpy(skb_put(seg, hlen), skb_mac_header(skb), hlen);
	err = payload_take(p, seg, len, share);
	if (err) {
		consume_skb(seg);
		*p = start;
		return share ? segment_one(skb, p, hlen, len, false) : NULL;
	}
	seg->mac_header = (u16)headroom;
	seg->network_header = (u16)(headroom + skb->network_header - skb->mac_header);
	seg->transport_header = (u16)(headroom + skb->transport_header - skb->mac_header);
	seg->mac_len = skb->mac_len;
	seg->dev = skb->dev;
	seg->protocol = skb->protocol;
	seg->priority = skb->priority;
	seg->mark = skb->mark;
	seg->hash = skb->hash;
	seg->l4_hash = skb->l4_hash;
	seg->sw_hash = skb->sw_hash;
	seg->queue_mapping = skb->queue_mapping;
	seg->pkt_type = skb->pkt_type;
	seg->tstamp_ns = skb->tstamp_ns;
	memcpy(seg->cb, skb->cb, sizeof(seg->cb));
	if (skb->dst) {
		seg->dst = skb->dst;
		if (!refcount_inc_not_zero(&skb->dst->ref))
			seg->dst = NULL;
	}
	return seg;
}

/* The owner is told of its memory when the last piece is gone: that one carries the charge. */
static void move_owner(struct sk_buff *skb, struct sk_buff *last)
{
	if (!skb->destructor)
		return;
	SWAP(last->truesize, skb->truesize);
	SWAP(last->destructor, skb->destructor);
	SWAP(last->sk, skb->sk);
}

struct sk_buff *skb_segment(struct sk_buff *skb, u32 features)
{
	u32 hlen = (u32)(skb->data - (u8 *)skb_mac_header(skb)), mss = skb_shinfo(skb)->gso_size;
	bool partial = features & NETIF_F_CSUM_MASK, share = features & NETIF_F_SG;
	struct sk_buff *segs = NULL, *tail = NULL;
	struct payload p = {.head = skb, .cur = skb};

	if (!mss)
		return ERR_PTR(-EINVAL);
	for (u32 left = skb->len; left;) {
		u32 len = min(mss, left);
		struct sk_buff *seg = segment_one(skb, &p, hlen, len, share && partial);

		if (!seg) {
			kfree_skb_list_reason(segs, SKB_CONSUMED);
			return ERR_PTR(-ENOMEM);
		}
		if (share)
			skb_ubuf_share(seg, skb);
		if (partial) {
			seg->ip_summed = CHECKSUM_PARTIAL;
			seg->csum_start = seg->transport_header;
			seg->csum_offset = skb->csum_offset;
		}
		if (tail)
			tail->next = seg;
		else
			segs = seg;
		tail = seg;
		left -= len;
	}
	if (!segs)
		return ERR_PTR(-EINVAL);
	move_owner(skb, tail);
	segs->prev = tail;
	return segs;
}

be16 gso_make_checksum(struct sk_buff *seg, csum32 pseudo)
{
	u32 off = (u32)((u8 *)skb_transport_header(seg) - seg->data);

	return csum_fold(skb_checksum(seg, off, seg->len - off, pseudo));
}

u32 skb_gso_network_seglen(const struct sk_buff *skb)
{
	const struct skb_shared_info *shinfo = skb_shinfo(skb);
	u32 hdr = (u32)(skb->transport_header - skb->network_header);

	if (shinfo->gso_type & (SKB_GSO_TCPV4 | SKB_GSO_TCPV6)) {
		u32 off = (u32)skb_transport_offset(skb) + 12;
		u8 buf, *doff = skb_header_pointer(skb, off, 1, &buf);

		hdr += doff ? (*doff >> 4) * 4u : 20;
	} else {
		hdr += 8;
	}
	return hdr + shinfo->gso_size;
}

struct sk_buff *skb_gso_segment(struct sk_buff *skb, u32 features)
{
	const struct packet_type *pt = packet_type_get(skb->protocol);
	u8 *data = skb->data;
	struct sk_buff *segs;
	u32 pulled;

	if (!pt || !pt->gso_segment)
		return ERR_PTR(-EPROTONOSUPPORT);
	if (skb_header_cloned(skb) && pskb_expand_head(skb, 0, 0, GFP_ATOMIC))
		return ERR_PTR(-ENOMEM);
	data = skb->data;
	skb_reset_mac_header(skb);
	pulled = (u32)skb_network_offset(skb);
	if (pulled > skb_headlen(skb))
		return ERR_PTR(-EINVAL);
	skb->mac_len = (u16)pulled;
	skb_pull(skb, pulled);
	rcu_read_lock();
	segs = pt->gso_segment(skb, features);
	rcu_read_unlock();
	if (skb->data > data)
		skb_push(skb, (u32)(skb->data - data));
	return segs;
}
