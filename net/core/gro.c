/* SPDX-License-Identifier: MIT */
/*
 * Generic receive offload: packets of one flow that follow each other are merged into one
 * super-packet before the stack looks at them. Held packets wait in the napi_struct, in buckets by
 * flow hash, at most until its poll ends. Context: NAPI poll, one CPU.
 */
#include <net/gro.h>

#include <kernel/mm.h>
#include <lib/err.h>
#include <lib/hash.h>
#include <lib/string.h>
#include <linux/if_ether.h>

#include "core_int.h"

#define MAX_GRO_SKBS 8 /* held packets in a bucket */

void napi_gro_init(struct napi_struct *n)
{
	for (unsigned i = 0; i < GRO_HASH_BUCKETS; i++) {
		INIT_LIST_HEAD(&n->gro_hash[i].list);
		n->gro_hash[i].count = 0;
	}
	n->gro_bitmask = 0;
}

/* A held packet goes up. Merged ones are completed by their layers first. */
static void gro_pass(struct sk_buff *skb)
{
	const struct packet_type *pt = packet_type_get(skb->protocol);
	int err = 0;

	if (NAPI_GRO_CB(skb)->count > 1) {
		skb_shinfo(skb)->gso_segs = NAPI_GRO_CB(skb)->count;
		err = pt && pt->gro_complete ? pt->gro_complete(skb, 0) : -ENOENT;
	} else {
		skb_shinfo(skb)->gso_size = 0;
	}
	if (err)
		kfree_skb_reason(skb, SKB_DROP_REASON_SKB_GSO_SEG);
	else
		netif_receive_skb_core(skb);
}

static void gro_unlink(struct napi_struct *n, unsigned bucket, struct sk_buff *skb)
{
	list_del(&skb->list);
	skb->next = skb->prev = NULL;
	if (!--n->gro_hash[bucket].count)
		n->gro_bitmask &= ~(1ul << bucket);
}

static void gro_flush_bucket(struct napi_struct *n, unsigned bucket, u64 before_ns)
{
	struct list_head *head = &n->gro_hash[bucket].list;

	while (!list_empty(head)) {
		struct sk_buff *skb = list_last_entry(head, struct sk_buff, list); /* oldest */

		if (NAPI_GRO_CB(skb)->age_ns > before_ns)
			return;
		gro_unlink(n, bucket, skb);
		gro_pass(skb);
	}
}

void napi_gro_flush(struct napi_struct *n, u64 before_ns)
{
	for (unsigned i = 0; i < GRO_HASH_BUCKETS && n->gro_bitmask; i++) {
		if (n->gro_bitmask >> i & 1)
			gro_flush_bucket(n, i, before_ns);
	}
}

void napi_gro_drop(struct napi_struct *n)
{
	for (unsigned i = 0; i < GRO_HASH_BUCKETS; i++) {
		struct list_head *head = &n->gro_hash[i].list;

		while (!list_empty(head)) {
			struct sk_buff *skb = list_first_entry(head, struct sk_buff, list);

			gro_unlink(n, i, skb);
			kfree_skb_reason(skb, SKB_DROP_REASON_DEV_READY);
		}
	}
}

/* From the ends of the addresses and the ports, where they usually are. Neither keyed nor exact:
 * flows that fall together are told apart later, and a bucket is short. The high bits are the good
 * ones. */
static u32 gro_hash(const struct sk_buff *skb)
{
	u32 at = skb->protocol.wire == BE16(ETH_P_IP).wire ? 12 : 20, step = at == 12 ? 4 : 16;
	u32 words[3];

	if (skb->hash)
		return skb->hash;
	if (skb_headlen(skb) < at + 2 * step + 4)
		return 0;
	memcpy(&words[0], skb->data + at, 4);
	memcpy(&words[1], skb->data + at + step, 4);
	memcpy(&words[2], skb->data + at + step + 4, 4);
	return hash_32(words[0] ^ words[1] ^ words[2], 32);
}

/* Are two link headers the same? */
static bool same_link(const u8 *a, const u8 *b, u32 len)
{
	/* Ethernet's 14 bytes as two words that overlap */
	if (likely(len == ETH_HLEN))
		return !memcmp(a, b, 8) && !memcmp(a + ETH_HLEN - 8, b + ETH_HLEN - 8, 8);
	return !memcmp(a, b, len);
}

/* Which held packets may be of the same flow, as far as the link tells. */
static void gro_list_prepare(const struct list_head *head, struct sk_buff *skb, u32 hash)
{
	u32 maclen = (u32)(skb->data - (u8 *)skb_mac_header(skb));
	struct sk_buff *p;

	list_for_each_entry(p, head, list) {
		bool same = p->dev == skb->dev && NAPI_GRO_CB(p)->hash == hash &&
			    p->protocol.wire == skb->protocol.wire &&
			    (u32)(p->network_header - p->mac_header) == maclen &&
			    same_link(skb_mac_header(p), skb_mac_header(skb), maclen);

		NAPI_GRO_CB(p)->same_flow = same;
		NAPI_GRO_CB(p)->flush = 0;
	}
}

static void gro_cb_init(struct sk_buff *skb, u32 hash)
{
	struct napi_gro_cb *cb = NAPI_GRO_CB(skb);

	memset(cb, 0, sizeof(*cb));
	cb->count = 1;
	cb->last = skb;
	cb->proto = be16_get(skb->protocol);
	cb->hash = hash;
	cb->csum = skb->ip_summed == CHECKSUM_COMPLETE ? skb->csum : 0;
}

/* True: skb is merged, held or dealt with. False: it goes up as it is. */
static bool dev_gro_receive(struct napi_struct *n, struct sk_buff *skb)
{
	const struct packet_type *pt = packet_type_get(skb->protocol);
	struct sk_buff *done, *oldest;
	struct list_head *head;
	unsigned bucket;
	bool merged;
	u8 freed;
	u32 hash;

	if (!(skb->dev->features & NETIF_F_GRO) || !pt || !pt->gro_receive || skb_is_gso(skb) ||
	    skb_shinfo(skb)->frag_list || skb->pkt_type != PACKET_HOST ||
	    !skb_mac_header_was_set(skb))
		return false;
	skb_reset_network_header(skb);
	hash = gro_hash(skb);
	bucket = reciprocal_scale(hash, GRO_HASH_BUCKETS);
	head = &n->gro_hash[bucket].list;
	gro_list_prepare(head, skb, hash);
	gro_cb_init(skb, hash);
	done = pt->gro_receive(head, skb);
	if (IS_ERR(done))
		return true;
	/* Merged, skb may belong to done, which is gone when it has been passed up. */
	merged = NAPI_GRO_CB(skb)->same_flow;
	freed = NAPI_GRO_CB(skb)->free;
	if (done) {
		gro_unlink(n, bucket, done);
		gro_pass(done);
	}
	if (merged) {
		if (freed)
			kfree_skb_partial(skb, freed == GRO_FREE_STOLEN);
		return true;
	}
	if (NAPI_GRO_CB(skb)->flush)
		return false;
	if (n->gro_hash[bucket].count >= MAX_GRO_SKBS) {
		oldest = list_last_entry(head, struct sk_buff, list);
		gro_unlink(n, bucket, oldest);
		gro_pass(oldest);
	}
	NAPI_GRO_CB(skb)->age_ns = ktime_get_ns();
	skb_shinfo(skb)->gso_size = (u16)min(skb_gro_len(skb), 0xffffu);
	list_add(&skb->list, head);
	n->gro_hash[bucket].count++;
	n->gro_bitmask |= 1ul << bucket;
	return true;
}

/* A flood is on: a packet that its protocol answers without the stack. */
static bool rx_early(struct sk_buff *skb)
{
	const struct packet_type *pt = packet_type_get(skb->protocol);

	return pt && pt->rx_early && !packet_taps_active() && pt->rx_early(skb);
}

void napi_gro_receive(struct napi_struct *n, struct sk_buff *skb)
{
	bool kept;

	skb->napi_id = n->napi_id;
	dev_count_rx(skb);
	if (unlikely(READ_ONCE(skb->dev->rx_sink))) {
		consume_skb(skb);
		return;
	}
	rcu_read_lock();
	kept = unlikely(READ_ONCE(dev_net(skb->dev)->rx_early)) && rx_early(skb);
	if (!kept)
		kept = dev_gro_receive(n, skb);
	rcu_read_unlock();
	if (kept)
		return;
	skb_shinfo(skb)->gso_size = skb_is_gso(skb) ? skb_shinfo(skb)->gso_size : 0;
	netif_receive_skb_core(skb);
}

bool skb_gro_checksum_ok(struct sk_buff *skb, csum32 pseudo)
{
	u32 off = skb_gro_offset(skb);
	csum32 sum;

	if (skb->ip_summed == CHECKSUM_UNNECESSARY || skb->ip_summed == CHECKSUM_PARTIAL)
		return true;
	/* As in skb_checksum_ok(): the IP header sums to zero. */
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		sum = csum_add(skb->csum, pseudo);
	else
		sum = skb_checksum(skb, off, skb->len - off, pseudo);
	if (!be16_is_zero(csum_fold(sum)))
		return false;
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	return true;
}

/* skb's payload as fragments of p: possible where it lies in pages and the headers end before. */
static bool gro_merge_frags(struct sk_buff *p, struct sk_buff *skb, u32 offset)
{
	struct skb_shared_info *to = skb_shinfo(p), *from = skb_shinfo(skb);
	u32 linear = skb_headlen(skb) > offset ? skb_headlen(skb) - offset : 0;
	u32 delta = skb->truesize - SKB_DATA_ALIGN((u32)sizeof(*skb));
	bool steal = linear != 0;

	if (skb_headlen(skb) < offset || skb_cloned(skb) || skb_cloned(p) || to->frag_list ||
	    to->nr_frags + from->nr_frags + steal > MAX_SKB_FRAGS || (steal && !skb->head_frag))
		return false;
	if (!steal)
		delta = skb->truesize - SKB_TRUESIZE(skb->end);
	if (steal) {
		struct page *page = virt_to_head_page(skb->head);
		u32 off = (u32)(skb->data + offset - (u8 *)page_address(page));

		to->frags[to->nr_frags++] = (skb_frag_t){page, off, linear};
	}
	for (unsigned i = 0; i < from->nr_frags; i++)
		to->frags[to->nr_frags++] = from->frags[i];
	from->nr_frags = 0;
	p->len += skb->len - offset;
	p->data_len += skb->len - offset;
	p->truesize += delta;
	skb->len = skb->data_len = 0;
	NAPI_GRO_CB(skb)->free = steal ? GRO_FREE_STOLEN : GRO_FREE;
	return true;
}

int skb_gro_receive(struct sk_buff *p, struct sk_buff *skb)
{
	u32 offset = skb_gro_offset(skb), len = skb_gro_len(skb);
	struct napi_gro_cb *cb = NAPI_GRO_CB(p);

	if (p->len + len >= min(p->dev->gso_max_size, GSO_MAX_SIZE) || NAPI_GRO_CB(skb)->flush ||
	    cb->count >= GSO_MAX_SEGS)
		return -E2BIG;
	if (skb_headlen(skb) < offset)
		return -E2BIG;
	NAPI_GRO_CB(skb)->same_flow = 1;
	cb->count++;
	if (gro_merge_frags(p, skb, offset))
		return 0;
	skb_pull(skb, offset);
	if (cb->last == p)
		skb_shinfo(p)->frag_list = skb;
	else
		cb->last->next = skb;
	cb->last = skb;
	skb->next = NULL;
	p->len += len;
	p->data_len += len;
	p->truesize += skb->truesize;
	return 0;
}
