/* SPDX-License-Identifier: MIT */
/*
 * Merging received segments into super-packets (GRO), and cutting super-packets (GSO): what the
 * layers' gro_receive, gro_complete and gso_segment callbacks share.
 *
 * gro_receive(held, skb): skb_gro_offset() is at the layer's header. The layer clears same_flow of
 * each held packet that is another flow, pulls its header (skb_gro_pull()) and calls the next
 * layer; the transport either merges (skb_gro_receive()) or leaves the packet to be held. Value: a
 * held packet that is complete now and must go up (the caller removes it from held), or NULL; or
 * ERR_PTR(-EINPROGRESS): skb has been dealt with and is not the caller's any more.
 * flush: this packet may not be merged with what follows. Context: NAPI poll of one CPU; the lists
 * belong to the napi_struct.
 */
#ifndef NET_GRO_H
#define NET_GRO_H

#include <lib/checksum.h>
#include <net/netdevice.h>

struct napi_gro_cb {
	u32 data_offset; /* of the layer being looked at, from skb->data */
	u16 flush;       /* nonzero: goes up now, unmerged */
	u16 flush_id;    /* IPv4 id of the packet does not continue the held one's */
	u16 count;       /* segments merged so far, 1 for a fresh packet */
	u16 proto;       /* EtherType, for gro_complete */
	u8 same_flow : 1, is_atomic : 1,
		free : 2; /* free: GRO_FREE*, what is left of a merged one */
	u8 network_offset;
	csum32 csum;          /* with CHECKSUM_COMPLETE: of what follows data_offset */
	u32 hash;             /* tells most flows apart */
	struct sk_buff *last; /* of frag_list, or the packet itself */
	u64 age_ns;
};
#define GRO_FREE         1
#define GRO_FREE_STOLEN  2 /* its head went with the data */
#define NAPI_GRO_CB(skb) ((struct napi_gro_cb *)(uintptr_t)(skb)->cb)
static_assert(sizeof(struct napi_gro_cb) <= sizeof_field(struct sk_buff, cb), "fits skb->cb");

static inline u32 skb_gro_offset(const struct sk_buff *skb)
{
	return NAPI_GRO_CB(skb)->data_offset;
}
static inline u32 skb_gro_len(const struct sk_buff *skb)
{
	return skb->len - NAPI_GRO_CB(skb)->data_offset;
}
static inline void skb_gro_pull(struct sk_buff *skb, u32 len)
{
	NAPI_GRO_CB(skb)->data_offset += len;
}
/* The header of len bytes at off (from skb->data), linear; NULL: the packet is shorter. Earlier
 * pointers into the packet are void afterwards. */
static inline void *skb_gro_header(struct sk_buff *skb, u32 len, u32 off)
{
	return pskb_may_pull(skb, off + len) ? skb->data + off : NULL;
}
/* In a held packet: its headers start where mac_header says; data is at the network header. */
static inline void *skb_gro_network_header(const struct sk_buff *skb)
{
	return skb->data + NAPI_GRO_CB(skb)->network_offset;
}

/* Is the transport checksum from data_offset on right (pseudo: sum of the pseudo-header)? As
 * skb_checksum_ok(): leaves ip_summed so that the protocol does not sum again. */
bool skb_gro_checksum_ok(struct sk_buff *skb, csum32 pseudo);

/* Append skb's payload (from data_offset on) to the held packet p. 0, or -E2BIG: p is full and skb
 * untouched. Sets skb's same_flow; skb belongs to p afterwards. */
int skb_gro_receive(struct sk_buff *p, struct sk_buff *skb);

/* The end of every gso_segment: cut what follows skb->data (at the payload) into pieces of
 * gso_size, each behind a copy of the bytes from mac_header to skb->data. List linked by next, its
 * first element's prev is the last one; or ERR_PTR. Each piece has ip_summed PARTIAL (csum_start
 * set) where features allow, else NONE: the transport's callback then fills in gso_make_checksum().
 */
struct sk_buff *skb_segment(struct sk_buff *skb, u32 features);

/* The transport checksum of a piece, summed from its transport header (check field: zero) on. */
be16 gso_make_checksum(struct sk_buff *seg, csum32 pseudo);

/* Bytes of a segment on the wire from the network header on. */
u32 skb_gso_network_seglen(const struct sk_buff *skb);

#endif
