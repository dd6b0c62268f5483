/* SPDX-License-Identifier: MIT */
/*
 * sk_buff: one packet, or one super-packet of up to 64 KiB. Linear part head..end holds the
 * headers (data..tail in use, headroom before, tailroom after); payload follows in page fragments
 * of the shared info at `end`, or in whole skbs on frag_list. len counts all of it, data_len what
 * is not linear. Clones share head and shared info (dataref); headers of a shared head are
 * read-only until skb_cow_head().
 *
 * Ownership: a function that takes an skb owns it and ends it by consume_skb() (done with it) or
 * kfree_skb_reason() (dropped), unless it says otherwise. Contexts: thread or softirq.
 */
#ifndef NET_SKBUFF_H
#define NET_SKBUFF_H

#include <kernel/atomic.h>
#include <kernel/mm.h>
#include <kernel/spinlock.h>
#include <lib/list.h>
#include <lib/rbtree.h>
#include <lib/types.h>
#include <net/dropreason.h>

struct net_device;
struct sock;
struct dst_entry;
struct iov_iter;

#define MAX_SKB_FRAGS  17
#define MAX_HEADER     128    /* headroom for every header from the device's own up to IP */
#define MAX_TCP_HEADER 256    /* MAX_HEADER plus IP and TCP with options */
#define NET_SKB_PAD    64     /* headroom that receive buffers leave before the link header */
#define NET_IP_ALIGN   2      /* so that the IP header after Ethernet's 14 bytes is aligned */
#define GSO_MAX_SIZE   65536u /* bytes of a super-packet with its headers */
#define GSO_MAX_SEGS   65535u

/* Checksum state. Receive: NONE (not looked at), UNNECESSARY (verified by the device), COMPLETE
 * (csum holds the sum over everything from the network header on). Transmit: PARTIAL: the sum from
 * csum_start is to be written at csum_start + csum_offset, which holds the pseudo-header's sum. */
enum { CHECKSUM_NONE, CHECKSUM_UNNECESSARY, CHECKSUM_COMPLETE, CHECKSUM_PARTIAL };

/* Link-level destination, as the receiver sees it. */
enum {
	PACKET_HOST,
	PACKET_BROADCAST,
	PACKET_MULTICAST,
	PACKET_OTHERHOST,
	PACKET_OUTGOING,
	PACKET_LOOPBACK
};

enum {
	SKB_GSO_TCPV4 = 1 << 0,
	SKB_GSO_DODGY = 1 << 1, /* from an untrusted source: header fields to be verified */
	SKB_GSO_TCP_ECN = 1 << 2,
	SKB_GSO_TCPV6 = 1 << 3,
	SKB_GSO_UDP_L4 = 1 << 4,
	SKB_GSO_FRAGLIST = 1 << 5,
};

typedef struct {
	struct page *page; /* head page: holds the reference */
	u32 offset, size;
} skb_frag_t;

/* shinfo->tx_flags: report when it is sent, is queued, is acknowledged (TCP) */
#define SKBTX_SW_TSTAMP    (1u << 1)
#define SKBTX_SCHED_TSTAMP (1u << 6)
#define SKBTX_ACK_TSTAMP   (1u << 7)
#define SKBTX_ANY_TSTAMP   (SKBTX_SW_TSTAMP | SKBTX_SCHED_TSTAMP)

struct skb_shared_info {
	u8 nr_frags;
	u8 tx_flags;
	u16 gso_size; /* payload bytes a segment; 0: not a super-packet */
	u16 gso_segs;
	u16 gso_type;
	atomic_t dataref; /* skbs that share this head; upper half: of those, payload only */
	struct sk_buff *frag_list;
	struct ubuf *ubuf; /* who hears of the last of it: parts are an application's own memory */
	u32 tskey;         /* number of the last byte (stream) or datagram, for timestamps */
	skb_frag_t frags[MAX_SKB_FRAGS];
};

struct sk_buff {
	union {
		struct {
			struct sk_buff *next, *prev; /* sk_buff_head: these two stay first */
			struct net_device *dev;
		};
		struct rb_node rbnode; /* TCP's retransmit and out-of-order queues, netem */
		struct list_head list;
	};
	struct sock *sk;          /* owner whose memory is charged; destructor gives it back */
	u64 tstamp_ns;            /* receive time, or earliest departure time on transmit */
	char cb[48] __aligned(8); /* of the layer that holds the skb now */
	union {
		struct {
			struct dst_entry *dst;
			void (*destructor)(struct sk_buff *skb);
		};
		struct list_head tcp_tsorted_anchor; /* in TCP's retransmit queue only */
	};
	u32 len, data_len;
	u16 mac_len;
	u16 queue_mapping;
	u8 cloned : 1, nohdr : 1, fclone : 2, pkt_type : 3, dst_noref : 1;
	u8 ip_summed : 2, encapsulation : 1, l4_hash : 1, sw_hash : 1, peeked : 1, ooo_okay : 1,
		ip_plain : 1; /* GRO found its IP header to be without options, and right */
	u8 head_frag : 1, csum_valid : 1, dst_pending_confirm : 1, xmit_more : 1, pp_recycle : 1,
		tc_skip : 1, wifi : 2;
	u8 csum_level;
	u32 priority, mark;
	u32 hash; /* of the flow, 0: not computed */
	union {
		u32 csum; /* CHECKSUM_COMPLETE: folded by csum_fold() at the end */
		struct {
			u16 csum_start; /* from head */
			u16 csum_offset;
		};
	};
	u16 alloc_cpu;
	be16 protocol;                                    /* EtherType */
	u16 transport_header, network_header, mac_header; /* from head; 0xffff: not set */
	u16 napi_id;   /* that received it, 0: none; for busy polling */
	u32 tail, end; /* from head */
	u8 *head, *data;
	u32 truesize; /* bytes of memory that this skb stands for, itself included */
	refcount_t users;
};

/* -- making and ending ------------------------------------------------------------------ */

/* A packet with size bytes of linear room and no headroom reserved. NULL: out of memory. */
struct sk_buff *alloc_skb(u32 size, unsigned gfp);
/* The same with a companion, so that the first skb_clone() allocates nothing (TCP transmit). */
struct sk_buff *alloc_skb_fclone(u32 size, unsigned gfp);
/* The same with SKB_MESSAGE_ROOM bytes, of those that each CPU keeps for the next message. */
struct sk_buff *alloc_skb_message(unsigned gfp);
#define SKB_MESSAGE_ROOM ((u32)PAGE_SIZE / 2 - SKB_OVERHEAD)
/* For drivers: NET_SKB_PAD + NET_IP_ALIGN reserved, skb->dev set. The second one within a poll: a
 * short packet has more room than asked for, and one that is freed in a softirq is used again. */
struct sk_buff *netdev_alloc_skb(struct net_device *dev, u32 len);
struct sk_buff *napi_alloc_skb(struct net_device *dev, u32 len);
/* For tests: the short packets, and messages, that each CPU keeps at most; this CPU's others are
 * freed now. None in debug builds, so that the use of one that was freed is noticed. */
void skb_short_pool(u32 most);
/* Around a page fragment of frag_size bytes, whose reference it takes over (also from a page pool):
 * no copy. The last sizeof(struct skb_shared_info) bytes (SKB_DATA_ALIGNed) must be free. NULL: the
 * caller still owns the fragment. */
struct sk_buff *napi_build_skb(void *data, u32 frag_size);

#define SKB_DATA_ALIGN(x) ALIGN((x), 64u)
#define SKB_OVERHEAD      SKB_DATA_ALIGN((u32)sizeof(struct skb_shared_info))
#define SKB_TRUESIZE(x)   ((x) + SKB_DATA_ALIGN((u32)sizeof(struct sk_buff)) + SKB_OVERHEAD)

/* -- memory of MSG_ZEROCOPY (net/core/zerocopy.c) ----------------------------------------- */

struct ubuf;
void __skb_ubuf_hold(struct ubuf *u);
void __skb_ubuf_put(struct ubuf *u);
int __skb_orphan_frags(struct sk_buff *skb);

static inline struct sk_buff *skb_get(struct sk_buff *skb)
{
	refcount_inc(&skb->users);
	return skb;
}

/* Drop a reference; the last one frees and counts the reason (per CPU: /proc/net/drop_reasons). */
void kfree_skb_reason(struct sk_buff *skb, enum skb_drop_reason reason);
#define kfree_skb(skb) kfree_skb_reason(skb, SKB_DROP_REASON_NOT_SPECIFIED)
void consume_skb(struct sk_buff *skb);
/* A list linked by next. */
void kfree_skb_list_reason(struct sk_buff *list, enum skb_drop_reason reason);
/* From a driver's transmit completion within NAPI: freed in bulk. */
void napi_consume_skb(struct sk_buff *skb, int budget);
const char *skb_drop_reason_name(enum skb_drop_reason reason);
u64 skb_drop_count(enum skb_drop_reason reason);

/* Run the destructor and detach from the owner: the memory is no longer charged. */
void skb_orphan(struct sk_buff *skb);
void skb_dst_drop(struct sk_buff *skb);

struct sk_buff *skb_clone(struct sk_buff *skb, unsigned gfp);
/* The companion of skb as a clone that nobody owns, on no list, without a route and with an empty
 * control block. NULL: it is in use, or there is none, or others read skb's headers. */
struct sk_buff *skb_companion(struct sk_buff *skb);
/* All of it copied, linear. */
struct sk_buff *skb_copy(const struct sk_buff *skb, unsigned gfp);
/* Headers copied (with headroom), fragments shared. */
struct sk_buff *pskb_copy(struct sk_buff *skb, u32 headroom, unsigned gfp);
/* Headroom of at least that, and a head of its own: 0 or -ENOMEM (skb unchanged). */
int skb_cow_head(struct sk_buff *skb, u32 headroom);
int pskb_expand_head(struct sk_buff *skb, u32 nhead, u32 ntail, unsigned gfp);
struct sk_buff *skb_share_check(struct sk_buff *skb, unsigned gfp);

/* -- room ------------------------------------------------------------------------------- */

static inline struct skb_shared_info *skb_shinfo(const struct sk_buff *skb)
{
	return (struct skb_shared_info *)(void *)(skb->head + skb->end);
}
/* skb goes to a receiver, who may keep it: what it holds of an application's memory is copied. 0 or
 * -ENOMEM. */
static inline int skb_orphan_frags(struct sk_buff *skb)
{
	return likely(!skb_shinfo(skb)->ubuf) ? 0 : __skb_orphan_frags(skb);
}
/* to has got references to fragments of from. */
static inline void skb_ubuf_share(struct sk_buff *to, const struct sk_buff *from)
{
	struct ubuf *u = skb_shinfo(from)->ubuf;

	if (unlikely(u)) {
		__skb_ubuf_hold(u);
		skb_shinfo(to)->ubuf = u;
	}
}
static inline u32 skb_headlen(const struct sk_buff *skb)
{
	return skb->len - skb->data_len;
}
static inline bool skb_is_nonlinear(const struct sk_buff *skb)
{
	return skb->data_len;
}
static inline u32 skb_headroom(const struct sk_buff *skb)
{
	return (u32)(skb->data - skb->head);
}
static inline u32 skb_tailroom(const struct sk_buff *skb)
{
	return skb_is_nonlinear(skb) ? 0 : skb->end - skb->tail;
}
static inline u8 *skb_tail_pointer(const struct sk_buff *skb)
{
	return skb->head + skb->tail;
}
static inline void skb_reserve(struct sk_buff *skb, u32 len)
{
	skb->data += len;
	skb->tail += len;
}
void skb_over_panic(const struct sk_buff *skb, u32 len, const char *what) __attribute__((noreturn));

static inline void *skb_put(struct sk_buff *skb, u32 len)
{
	u8 *p = skb_tail_pointer(skb);

	skb->tail += len;
	skb->len += len;
	if (unlikely(skb->tail > skb->end))
		skb_over_panic(skb, len, "skb_put");
	return p;
}
static inline void *skb_push(struct sk_buff *skb, u32 len)
{
	skb->data -= len;
	skb->len += len;
	if (unlikely(skb->data < skb->head))
		skb_over_panic(skb, len, "skb_push");
	return skb->data;
}
/* Remove len bytes from the front of the linear part. The caller checked that they are there. */
static inline void *skb_pull(struct sk_buff *skb, u32 len)
{
	if (unlikely(len > skb_headlen(skb)))
		skb_over_panic(skb, len, "skb_pull");
	skb->len -= len;
	return skb->data += len;
}

/* Move bytes from the fragments so that the first len are linear. False: the packet is shorter
 * (or no memory): nothing may be read; every header access is preceded by this. */
void *__pskb_pull_tail(struct sk_buff *skb, u32 delta);
static inline __must_check bool pskb_may_pull(struct sk_buff *skb, u32 len)
{
	if (likely(len <= skb_headlen(skb)))
		return true;
	return len <= skb->len && __pskb_pull_tail(skb, len - skb_headlen(skb));
}
/* Cut to len bytes in all. 0 or -ENOMEM. */
int pskb_trim(struct sk_buff *skb, u32 len);
/* Drop len bytes from the front, fragments included. NULL where it is shorter. */
void *pskb_pull(struct sk_buff *skb, u32 len);
int skb_linearize(struct sk_buff *skb);

/* -- header positions ------------------------------------------------------------------- */

static inline void skb_reset_mac_header(struct sk_buff *skb)
{
	skb->mac_header = (u16)(skb->data - skb->head);
}
static inline void skb_reset_network_header(struct sk_buff *skb)
{
	skb->network_header = (u16)(skb->data - skb->head);
}
static inline void skb_reset_transport_header(struct sk_buff *skb)
{
	skb->transport_header = (u16)(skb->data - skb->head);
}
static inline void skb_set_network_header(struct sk_buff *skb, int off)
{
	skb->network_header = (u16)(skb->data - skb->head + off);
}
static inline void skb_set_transport_header(struct sk_buff *skb, int off)
{
	skb->transport_header = (u16)(skb->data - skb->head + off);
}
static inline void *skb_mac_header(const struct sk_buff *skb)
{
	return skb->head + skb->mac_header;
}
static inline bool skb_mac_header_was_set(const struct sk_buff *skb)
{
	return skb->mac_header != 0xffff;
}
static inline void *skb_network_header(const struct sk_buff *skb)
{
	return skb->head + skb->network_header;
}
static inline void *skb_transport_header(const struct sk_buff *skb)
{
	return skb->head + skb->transport_header;
}
static inline bool skb_transport_header_was_set(const struct sk_buff *skb)
{
	return skb->transport_header != 0xffff;
}
static inline int skb_network_offset(const struct sk_buff *skb)
{
	return (int)((u8 *)skb_network_header(skb) - skb->data);
}
static inline int skb_transport_offset(const struct sk_buff *skb)
{
	return (int)((u8 *)skb_transport_header(skb) - skb->data);
}
static inline u32 skb_network_header_len(const struct sk_buff *skb)
{
	return (u32)(skb->transport_header - skb->network_header);
}

/* -- content ---------------------------------------------------------------------------- */

static inline void *skb_frag_address(const skb_frag_t *f)
{
	return (u8 *)page_address(f->page) + f->offset;
}
/* Append a fragment; takes over one reference to page. */
void skb_add_rx_frag(struct sk_buff *skb, struct page *page, u32 off, u32 size, u32 truesize);
static inline void skb_fill_page_desc(struct sk_buff *skb, unsigned i, struct page *page, u32 off,
				      u32 size)
{
	skb_shinfo(skb)->frags[i] = (skb_frag_t){page, off, size};
	skb_shinfo(skb)->nr_frags = (u8)(i + 1);
}
/* Copy len bytes from offset, across fragments. 0 or -EFAULT (not that many). */
int skb_copy_bits(const struct sk_buff *skb, u32 offset, void *to, u32 len);
int skb_store_bits(struct sk_buff *skb, u32 offset, const void *from, u32 len);
/* len bytes at offset: in place when linear, else copied to buf. NULL: not that many. */
void *skb_header_pointer(const struct sk_buff *skb, u32 offset, u32 len, void *buf);
int skb_copy_datagram_iter(const struct sk_buff *skb, u32 offset, struct iov_iter *to, u32 len);
int skb_copy_and_csum_datagram_iter(struct sk_buff *skb, u32 offset, struct iov_iter *to);
/* Partial internet checksum over len bytes at offset, added to csum. */
u32 skb_checksum(const struct sk_buff *skb, u32 offset, u32 len, u32 csum);
/* Complete a CHECKSUM_PARTIAL in software. 0 or -errno. */
int skb_checksum_help(struct sk_buff *skb);
/* Is the transport checksum from the transport header on right, pseudo-header sum given? Fills in
 * ip_summed. */
bool skb_checksum_ok(struct sk_buff *skb, u32 pseudo);
/* Split: skb keeps the first len bytes, skb1 (empty, with room for headers) gets the rest. */
void skb_split(struct sk_buff *skb, struct sk_buff *skb1, u32 len);
/* Move up to len bytes from the front of skb to the end of tgt by moving fragments; returns how
 * many. */
int skb_shift(struct sk_buff *tgt, struct sk_buff *skb, u32 len);
/* Append from's data to to without copying. False: not possible, both unchanged. On success
 * *head_stolen tells whether from's head moved (free it with kfree_skb_partial()). */
bool skb_try_coalesce(struct sk_buff *to, struct sk_buff *from, bool *head_stolen,
		      u32 *delta_truesize);
void kfree_skb_partial(struct sk_buff *skb, bool head_stolen);

static inline bool skb_is_gso(const struct sk_buff *skb)
{
	return skb_shinfo(skb)->gso_size;
}
/* dataref counts references in its lower half, and in its upper half those among them that promised
 * never to touch the headers again (skb_header_release(): TCP's write queue, whose clones then may
 * push headers without a copy). */
#define SKB_DATAREF_SHIFT 16
#define SKB_DATAREF_MASK  ((1 << SKB_DATAREF_SHIFT) - 1)
static inline bool skb_cloned(const struct sk_buff *skb)
{
	return skb->cloned && (atomic_read(&skb_shinfo(skb)->dataref) & SKB_DATAREF_MASK) != 1;
}
/* Does somebody else still read the headers? */
static inline bool skb_header_cloned(const struct sk_buff *skb)
{
	s32 ref;

	if (!skb->cloned)
		return false;
	ref = atomic_read(&skb_shinfo(skb)->dataref);
	return (ref & SKB_DATAREF_MASK) - (ref >> SKB_DATAREF_SHIFT) != 1;
}
/* For the owner of a fresh, unshared skb: only its payload is ours from now on. */
static inline void skb_header_release(struct sk_buff *skb)
{
	skb->nohdr = 1;
	atomic_set(&skb_shinfo(skb)->dataref, 1 + (1 << SKB_DATAREF_SHIFT));
}
static inline bool skb_shared(const struct sk_buff *skb)
{
	return refcount_read(&skb->users) != 1;
}
/* Hash of the flow (addresses, ports), computed once; for queue selection. */
u32 skb_get_hash(struct sk_buff *skb);
/* Our own, where skb_get_hash() may be what the device computed; as flow_hash_ipv4(). */
u32 skb_flow_hash(struct sk_buff *skb);
/* The hash that packets of that flow have, in either direction. */
u32 flow_hash_ipv4(be32 saddr, be32 daddr, be16 sport, be16 dport, u8 proto);

/* -- lists ------------------------------------------------------------------------------ */

struct sk_buff_head {
	struct sk_buff *next, *prev;
	u32 qlen;
	struct spinlock lock;
};

static inline void skb_queue_head_init(struct sk_buff_head *q)
{
	q->next = q->prev = (struct sk_buff *)(void *)q;
	q->qlen = 0;
	spin_lock_init(&q->lock);
}
static inline bool skb_queue_empty(const struct sk_buff_head *q)
{
	return q->next == (const struct sk_buff *)(const void *)q;
}
static inline struct sk_buff *skb_peek(const struct sk_buff_head *q)
{
	return skb_queue_empty(q) ? NULL : q->next;
}
static inline struct sk_buff *skb_peek_tail(const struct sk_buff_head *q)
{
	return skb_queue_empty(q) ? NULL : q->prev;
}
static inline bool skb_queue_is_last(const struct sk_buff_head *q, const struct sk_buff *skb)
{
	return skb->next == (const struct sk_buff *)(const void *)q;
}
static inline void __skb_queue_before(struct sk_buff_head *q, struct sk_buff *next,
				      struct sk_buff *skb)
{
	skb->next = next;
	skb->prev = next->prev;
	next->prev->next = skb;
	next->prev = skb;
	q->qlen++;
}
static inline void __skb_queue_tail(struct sk_buff_head *q, struct sk_buff *skb)
{
	__skb_queue_before(q, (struct sk_buff *)(void *)q, skb);
}
static inline void __skb_queue_head(struct sk_buff_head *q, struct sk_buff *skb)
{
	__skb_queue_before(q, q->next, skb);
}
static inline void __skb_queue_after(struct sk_buff_head *q, struct sk_buff *prev,
				     struct sk_buff *skb)
{
	__skb_queue_before(q, prev->next, skb);
}
static inline void __skb_unlink(struct sk_buff *skb, struct sk_buff_head *q)
{
	q->qlen--;
	skb->next->prev = skb->prev;
	skb->prev->next = skb->next;
	skb->next = skb->prev = NULL;
}
static inline struct sk_buff *__skb_dequeue(struct sk_buff_head *q)
{
	struct sk_buff *skb = skb_peek(q);

	if (skb)
		__skb_unlink(skb, q);
	return skb;
}
/* All of list to the end of q, in order. */
static inline void skb_queue_splice_tail_init(struct sk_buff_head *list, struct sk_buff_head *q)
{
	if (skb_queue_empty(list))
		return;
	list->next->prev = q->prev;
	q->prev->next = list->next;
	list->prev->next = (struct sk_buff *)(void *)q;
	q->prev = list->prev;
	q->qlen += list->qlen;
	list->next = list->prev = (struct sk_buff *)(void *)list;
	list->qlen = 0;
}
/* With the list's lock taken (bottom halves off). */
void skb_queue_tail(struct sk_buff_head *q, struct sk_buff *skb);
void skb_queue_head(struct sk_buff_head *q, struct sk_buff *skb);
struct sk_buff *skb_dequeue(struct sk_buff_head *q);
void skb_queue_purge_reason(struct sk_buff_head *q, enum skb_drop_reason reason);
#define skb_queue_walk(q, skb) \
	for (skb = (q)->next; skb != (struct sk_buff *)(void *)(q); skb = skb->next)
#define skb_queue_walk_safe(q, skb, tmp)                                             \
	for (skb = (q)->next, tmp = skb->next; skb != (struct sk_buff *)(void *)(q); \
	     skb = tmp, tmp = skb->next)

void skbuff_init(void);

#endif
