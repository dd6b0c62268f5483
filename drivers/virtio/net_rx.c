/* SPDX-License-Identifier: MIT */
/*
 * virtio-net receive (virtio 1.2 sections 5.1.6.3 and 5.1.6.4). A buffer is half a page or a whole
 * one, laid out so that an sk_buff is built around it without a copy:
 *
 *     | headroom .. virtio_net_hdr | frame ............ | room for skb_shared_info |
 *
 * With MRG_RXBUF a long packet goes on in further buffers, which become fragments; where packets
 * are very long (the peer's or the host's TCP segmentation) a buffer is a block of pages, all of it
 * for the device, and the headers are copied out. Without MRG_RXBUF each buffer is as many pages
 * as the MTU asks for. Short packets are copied out and their buffer goes back to the ring.
 *
 * Context: the queue's NAPI, on the pair's CPU; vnet_rx_fill() and vnet_rx_purge() also from a
 * thread with NAPI disabled.
 */
#define pr_fmt(fmt) "virtio_net: " fmt
#include <kernel/log.h>
#include <kernel/mm.h>
#include <lib/err.h>
#include <lib/string.h>

#include "net_int.h"

#define RX_PAD        (NET_SKB_PAD + NET_IP_ALIGN)
#define RX_HALF       ((u32)PAGE_SIZE / 2)
#define RX_WHOLE      ((u32)PAGE_SIZE)
#define RX_LONG_ORDER 3u
#define RX_LONG       (RX_WHOLE << RX_LONG_ORDER)
#define RX_COPY_BYTES 256u    /* ACKs, pings, and most HTTP requests */
#define RX_COPY_LONG  RX_HALF /* out of a long buffer */
#define RX_HEAD_BYTES 128u /* of a packet in long buffers: what is copied to be its linear part */
#define RX_MIN_FILL   16u
#define RX_FIRST_FILL 64u /* at the start, and more with each poll */
#define RX_REFILL_NS  (10 * NSEC_PER_MSEC)
/* Receive buffers may take this part of all memory, over all queues; long ones at most so much a
 * queue, and they are not used where only a few would fit. */
#define RX_MEMORY_PART 16
#define RX_LONG_MOST   (2u << 20)
/* Where the average packet no longer fits half a page, whole pages are better. */
#define RX_HALF_ROOM (RX_HALF - RX_PAD - SKB_OVERHEAD)
/* Section 5.1.6.3.1: the longest packet, and how many buffers hold it whatever size they have. A
 * device that finds less room keeps the packet, and all behind it, until there is more. */
#define RX_LONGEST 65562u
#define RX_LEAST   DIV_ROUND_UP(RX_LONGEST, RX_HALF_ROOM)

/* A token is the buffer's address; buffers are aligned to half a page, so the low bits tell which
 * of these sizes it has. */
static const u32 rx_sizes[] = {RX_HALF, RX_WHOLE, RX_LONG};
#define TOKEN_SIZE 3ul

struct rx_buf {
	u8 *mem;
	u32 size; /* RX_HALF, RX_WHOLE or RX_LONG: what it is counted as */
};

static void *buf_token(struct rx_buf b)
{
	return (void *)((uintptr_t)b.mem + (b.size == RX_LONG) + (b.size != RX_HALF));
}

static struct rx_buf token_buf(void *token)
{
	uintptr_t t = (uintptr_t)token;

	return (struct rx_buf){(u8 *)(t & ~TOKEN_SIZE), rx_sizes[t & TOKEN_SIZE]};
}

/* What the device fills: from the header on, up to the shared info. */
static u8 *buf_start(const struct vnet *vn, struct rx_buf b)
{
	return b.size == RX_LONG ? b.mem : b.mem + RX_PAD - vn->hdr_bytes;
}

static u32 buf_room(const struct vnet *vn, struct rx_buf b)
{
	return b.size == RX_LONG ? b.size : b.size - (RX_PAD - vn->hdr_bytes) - SKB_OVERHEAD;
}

/* Without MRG_RXBUF the pages of a long buffer are linked by page->private. */
static void buf_free(struct rx_buf b)
{
	struct page *p = virt_to_page(b.mem), *next;

	if (b.size != RX_WHOLE) {
		put_page(p);
		return;
	}
	for (; p; p = next) {
		next = p->private;
		p->private = NULL;
		put_page(p);
	}
}

/* -- filling the ring --------------------------------------------------------------------- */

static struct page *rx_page(struct vnet_rq *rq)
{
	struct page *p = alloc_pages_owner(0, GFP_ATOMIC, PAGES_SKB);

	if (p)
		p->private = NULL;
	else
		rq->stats.alloc_failed++;
	return p;
}

/* One of size, or a page where no longer block is to be had without the reserve. */
static bool buf_alloc(struct vnet_rq *rq, u32 size, struct rx_buf *b)
{
	struct page *p;

	if (size == RX_LONG) {
		p = alloc_pages_owner(RX_LONG_ORDER, GFP_KERNEL, PAGES_SKB);
		if (p) {
			*b = (struct rx_buf){page_address(p), RX_LONG};
			return true;
		}
		size = RX_WHOLE;
	}
	b->size = size;
	if (size == RX_HALF && rq->half) {
		b->mem = rq->half;
		rq->half = NULL;
		return true;
	}
	p = rx_page(rq);
	if (!p)
		return false;
	b->mem = page_address(p);
	if (size == RX_HALF) {
		get_page(p);
		rq->half = b->mem + RX_HALF;
	}
	return true;
}

static int post(struct vnet_rq *rq, struct rx_buf b)
{
	struct vnet *vn = rq->vn;
	u8 *start = buf_start(vn, b);
	u32 room = buf_room(vn, b);
	struct vq_seg seg[2] = {{start, room}};

	if (vn->mergeable || vn->any_layout)
		return virtqueue_add(rq->vq, seg, 0, 1, buf_token(b), GFP_ATOMIC);
	/* Section 5.1.6.3.1 for legacy devices: a descriptor of its own for the header. */
	seg[0].len = vn->hdr_bytes;
	seg[1] = (struct vq_seg){start + vn->hdr_bytes, room - vn->hdr_bytes};
	return virtqueue_add(rq->vq, seg, 0, 2, buf_token(b), GFP_ATOMIC);
}

/* A buffer of rx_pages pages: the first like a whole one, of the others everything. */
static int post_long(struct vnet_rq *rq, struct rx_buf b)
{
	struct vnet *vn = rq->vn;
	u8 *start = buf_start(vn, b);
	u32 room = buf_room(vn, b);
	struct vq_seg seg[VQ_MAX_SEGS];
	struct page *last = virt_to_page(b.mem), *p;
	unsigned n = 0;

	seg[n++] = (struct vq_seg){start, vn->hdr_bytes};
	seg[n++] = (struct vq_seg){start + vn->hdr_bytes, room - vn->hdr_bytes};
	for (unsigned i = 1; i < vn->rx_pages; i++) {
		p = rx_page(rq);
		if (!p)
			return -ENOMEM;
		last->private = p;
		last = p;
		seg[n++] = (struct vq_seg){page_address(p), RX_WHOLE};
	}
	return virtqueue_add(rq->vq, seg, 0, n, buf_token(b), GFP_ATOMIC);
}

/* The size of buffer that the packets of late ask for. */
static u32 buf_size(const struct vnet_rq *rq)
{
	u32 packet = rq->avg_bytes / 16;

	if (!rq->vn->mergeable)
		return rq->vn->rx_pages ? RX_WHOLE : RX_HALF;
	if (rq->vn->lro_types && rq->fill_max < RX_LEAST)
		return RX_LONG;
	if (!rq->vn->lro_types || packet <= RX_HALF_ROOM)
		return RX_HALF;
	return packet > RX_LONG / 2 && rq->long_max ? RX_LONG : RX_WHOLE;
}

/* Ring entries that a buffer takes at most. */
static unsigned buf_segs(const struct vnet *vn)
{
	if (vn->rx_pages > 1)
		return vn->rx_pages + 1u;
	return vn->mergeable || vn->any_layout ? 1 : 2;
}

/* Buffers of size to have in the ring now. */
static u32 fill_most(const struct vnet_rq *rq, u32 size)
{
	return min(size == RX_LONG ? rq->long_max : rq->fill_max, rq->fill_step);
}

bool vnet_rx_fill(struct vnet_rq *rq)
{
	unsigned need = rq->vq->indirect_ok ? 1 : buf_segs(rq->vn);
	u32 size = buf_size(rq), most = fill_most(rq, size);
	bool enough = true;

	while (rq->vq->num_free >= need && rq->vq->inflight < most) {
		struct rx_buf b;
		int err;

		if (!buf_alloc(rq, size, &b)) {
			enough = false;
			break;
		}
		err = rq->vn->rx_pages > 1 ? post_long(rq, b) : post(rq, b);
		if (err) {
			buf_free(b);
			enough = err != -ENOMEM;
			break;
		}
	}
	return enough;
}

void vnet_rx_kick(struct vnet_rq *rq)
{
	if (!virtqueue_kick_prepare(rq->vq))
		return;
	virtqueue_notify(rq->vq);
	rq->stats.kicks++;
}

/* Memory was short: poll again, which fills again. Softirq. */
void vnet_rx_timer(struct timer *t)
{
	struct vnet_rq *rq = container_of(t, struct vnet_rq, refill_timer);

	vnet_napi_schedule(&rq->napi, rq->vq);
}

static void refill(struct vnet_rq *rq, int budget)
{
	struct virtqueue *vq = rq->vq;
	u32 most, few;

	if (unlikely(rq->fill_step < rq->fill_max))
		rq->fill_step += RX_FIRST_FILL;
	most = fill_most(rq, buf_size(rq));
	few = min(most, RX_LEAST);
	/* What was copied out of a buffer has it posted again, and only the kick is missing. */
	if (!vq->broken &&
	    (vq->inflight < few || vq->inflight + min((u32)budget, most / 2) <= most) &&
	    !vnet_rx_fill(rq))
		timer_mod(&rq->refill_timer, ktime_get_ns() + RX_REFILL_NS);
	vnet_rx_kick(rq);
}

/* -- packets ------------------------------------------------------------------------------ */

/* Moving average over 16 packets. */
static void account_packet(struct vnet_rq *rq, u32 bytes)
{
	rq->avg_bytes += bytes - rq->avg_bytes / 16;
}

/* Append a buffer to the packet: as a fragment of skb's last link, which is skb itself until its
 * fragments are used up, then skbs on its frag_list. False: no memory (buffer still ours). */
static bool append(struct vnet_rq *rq, struct sk_buff *skb, struct sk_buff **last, struct rx_buf b,
		   u32 len)
{
	struct page *page = virt_to_page(b.mem);
	u32 off = (u32)(buf_start(rq->vn, b) - (u8 *)page_address(page));

	if (skb_shinfo(*last)->nr_frags == MAX_SKB_FRAGS) {
		struct sk_buff *more = napi_alloc_skb(rq->vn->dev, 0);

		if (!more)
			return false;
		if (*last == skb)
			skb_shinfo(skb)->frag_list = more;
		else
			(*last)->next = more;
		*last = more;
		skb->truesize += more->truesize;
	}
	skb_add_rx_frag(*last, page, off, len, b.size);
	if (*last != skb) {
		skb->len += len;
		skb->data_len += len;
		skb->truesize += b.size;
	}
	return true;
}

/* The rest of a packet that the header says is in n buffers (n - 1 more). Those that cannot be
 * used are freed all the same. Section 5.1.6.4: they are used with the first, so a missing one
 * is the device's mistake. */
static noinline bool gather(struct vnet_rq *rq, struct sk_buff *skb, unsigned n)
{
	struct sk_buff *last = skb;
	bool good = true;

	while (--n) {
		u32 len;
		void *token = virtqueue_get_buf(rq->vq, &len);
		struct rx_buf b;

		if (!token) {
			rq->stats.length_errors++;
			return false;
		}
		b = token_buf(token);
		if (!good || !append(rq, skb, &last, b, len)) {
			good = false;
			buf_free(b);
		}
	}
	return good;
}

/* Drop the other n - 1 buffers of a packet whose first is not wanted. */
static void discard_rest(struct vnet_rq *rq, unsigned n)
{
	void *token;
	u32 len;

	while (--n && (token = virtqueue_get_buf(rq->vq, &len)))
		buf_free(token_buf(token));
}

/* The pages after the first of a long buffer: what holds data becomes fragments. */
static void take_pages(struct sk_buff *skb, struct rx_buf b, u32 len)
{
	struct page *p = virt_to_page(b.mem), *next = p->private;

	p->private = NULL;
	while ((p = next)) {
		u32 here = min(len, RX_WHOLE);

		next = p->private;
		p->private = NULL;
		if (here)
			skb_add_rx_frag(skb, p, 0, here, RX_WHOLE);
		else
			put_page(p);
		len -= here;
	}
}

/* Section 5.1.6.4.2: what the device says of the checksum, believed only if it makes sense. */
static bool take_csum(struct sk_buff *skb, const struct virtio_net_hdr *h)
{
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		u32 end = (u32)h->csum_start + h->csum_offset + 2;

		if (h->csum_start < VNET_LINK_HLEN || end > skb->len)
			return false;
		/* Never left the host: the sum was not computed, the data is as it was sent. */
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	} else if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	}
	return true;
}

static bool take_gso(struct vnet *vn, struct sk_buff *skb, const struct virtio_net_hdr *h)
{
	struct skb_shared_info *sh = skb_shinfo(skb);
	u32 headers;
	u16 type;

	switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return h->gso_type == 0;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		type = SKB_GSO_TCPV4;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		type = SKB_GSO_TCPV6;
		break;
	default:
		return false;
	}
	if (h->gso_type & VIRTIO_NET_HDR_GSO_ECN)
		type |= SKB_GSO_TCP_ECN;
	if ((type & vn->lro_types) != type || !h->gso_size)
		return false;
	sh->gso_type = type | SKB_GSO_DODGY;
	sh->gso_size = h->gso_size;
	/* hdr_len is a hint; where it is none, the number of segments is too high by one at most.
	 */
	headers = h->hdr_len < skb->len ? h->hdr_len : 0;
	sh->gso_segs = (u16)DIV_ROUND_UP(skb->len - headers, (u32)h->gso_size);
	return true;
}

/* Section 5.1.6.4.3. Only a hash that covers the ports is as good as our own. */
static void take_hash(const struct vnet *vn, struct sk_buff *skb, const struct virtio_net_hdr *h)
{
	switch (h->hash_report) {
	case VIRTIO_NET_HASH_REPORT_TCPV4:
	case VIRTIO_NET_HASH_REPORT_UDPV4:
	case VIRTIO_NET_HASH_REPORT_TCPV6:
	case VIRTIO_NET_HASH_REPORT_UDPV6:
		if (!(vn->dev->features & NETIF_F_RXHASH))
			return;
		skb->hash = h->hash_value;
		skb->l4_hash = h->hash_value != 0;
	}
}

/* A frame is whole: check its header and hand it up. */
static void deliver(struct vnet_rq *rq, struct sk_buff *skb, const struct virtio_net_hdr *h)
{
	struct vnet *vn = rq->vn;

	if (!pskb_may_pull(skb, VNET_LINK_HLEN)) {
		rq->stats.length_errors++;
		kfree_skb_reason(skb, SKB_DROP_REASON_DEV_HDR);
		return;
	}
	if ((h->flags || h->gso_type) && (!take_csum(skb, h) || !take_gso(vn, skb, h))) {
		rq->stats.frame_errors++;
		kfree_skb_reason(skb, SKB_DROP_REASON_DEV_RX_ERROR);
		return;
	}
	if (vn->hash_report)
		take_hash(vn, skb, h);
	rq->stats.packets++;
	skb->queue_mapping = rq->index;
	skb->protocol = eth_type_trans(skb, vn->dev);
	napi_gro_receive(&rq->napi, skb);
}

/* A short packet in one buffer, which was only looked at: copied, and the device has it again. */
static bool receive_copy(struct vnet_rq *rq, struct rx_buf b, const struct virtio_net_hdr *h,
			 u32 len)
{
	struct sk_buff *skb = napi_alloc_skb(rq->vn->dev, len);

	if (!skb)
		return false;
	memcpy(skb_put(skb, len), buf_start(rq->vn, b) + rq->vn->hdr_bytes, len);
	/* A long buffer that is no longer asked for gives way to others. */
	if (b.size == RX_LONG && buf_size(rq) != RX_LONG) {
		virtqueue_take(rq->vq);
		buf_free(b);
	} else {
		virtqueue_repost(rq->vq);
	}
	rq->stats.copied++;
	deliver(rq, skb, h);
	return true;
}

/* An sk_buff with the first buffer of a packet, of which len bytes are there. */
static struct sk_buff *buf_to_skb(struct vnet_rq *rq, struct rx_buf b, u32 len)
{
	u32 head = min(len, RX_HEAD_BYTES), at = rq->vn->hdr_bytes;
	struct sk_buff *skb;

	if (b.size != RX_LONG) {
		skb = napi_build_skb(b.mem, b.size);
		if (!skb)
			return NULL;
		skb->dev = rq->vn->dev;
		skb_reserve(skb, RX_PAD);
		skb_put(skb, len);
		return skb;
	}
	skb = napi_alloc_skb(rq->vn->dev, head);
	if (!skb)
		return NULL;
	memcpy(skb_put(skb, head), b.mem + at, head);
	if (len > head)
		skb_add_rx_frag(skb, virt_to_page(b.mem), at + head, len - head, b.size);
	else
		buf_free(b);
	return skb;
}

/* A packet in n buffers, the first of which is ours now. */
static noinline void receive_whole(struct vnet_rq *rq, struct rx_buf b,
				   const struct virtio_net_hdr *h, unsigned n, u32 len)
{
	u32 first = min(len, buf_room(rq->vn, b) - rq->vn->hdr_bytes);
	struct sk_buff *skb = buf_to_skb(rq, b, first);

	if (!skb) {
		rq->stats.missed++;
		buf_free(b);
		discard_rest(rq, n);
		return;
	}
	if (rq->vn->rx_pages > 1)
		take_pages(skb, b, len - first);
	if (n > 1) {
		rq->stats.chained++;
		if (!gather(rq, skb, n)) {
			kfree_skb_reason(skb, SKB_DROP_REASON_DEV_RX_ERROR);
			return;
		}
		account_packet(rq, skb->len);
	}
	deliver(rq, skb, h);
}

/* A buffer of which len bytes are used, header included; looked at, not taken yet. */
static void receive_buf(struct vnet_rq *rq, struct rx_buf b, u32 len)
{
	struct vnet *vn = rq->vn;
	struct virtio_net_hdr h;
	unsigned n;

	/* A read for all: the device may write meanwhile. A buffer is longer than any header. */
	memcpy(&h, buf_start(vn, b), sizeof(h));
	n = vn->mergeable ? h.num_buffers : 1;
	if (unlikely(len < vn->hdr_bytes || !n)) {
		rq->stats.length_errors++;
		virtqueue_take(rq->vq);
		buf_free(b);
		return;
	}
	len -= vn->hdr_bytes;
	if (n == 1) {
		account_packet(rq, len);
		if (len <= (b.size == RX_LONG ? RX_COPY_LONG : RX_COPY_BYTES) &&
		    vn->rx_pages <= 1 && receive_copy(rq, b, &h, len))
			return;
	}
	virtqueue_take(rq->vq);
	receive_whole(rq, b, &h, n, len);
}

int vnet_rx_poll(struct napi_struct *napi, int budget)
{
	struct vnet_rq *rq = container_of(napi, struct vnet_rq, napi);
	struct virtqueue *vq = rq->vq;
	int done = 0;
	void *token;
	u32 len;
	u16 seen;

	vnet_tx_clean_opportunistic(rq->sq);
	while (done < budget && (token = virtqueue_peek_buf(vq, &len))) {
		receive_buf(rq, token_buf(token), len);
		done++;
	}
	if (!budget)
		return 0;
	refill(rq, budget);
	if (done == budget)
		return done;
	seen = virtqueue_enable_cb_prepare(vq);
	if (!napi_complete_done(napi, done))
		virtqueue_disable_cb(vq);
	else if (virtqueue_poll(vq, seen))
		vnet_napi_schedule(napi, vq);
	return done;
}

/* Hardirq. */
void vnet_rx_callback(struct virtqueue *vq)
{
	struct vnet_rq *rq = vq->priv;

	vnet_napi_schedule(&rq->napi, vq);
}

/* -- set-up ------------------------------------------------------------------------------- */

void vnet_rx_layout(struct vnet *vn)
{
	u32 frame = vn->dev->mtu + VNET_LINK_HLEN + VNET_VLAN_HLEN;
	u32 room = RX_WHOLE - RX_PAD - SKB_OVERHEAD, buf = RX_HALF, most;
	struct meminfo mi;
	u64 share;

	vn->rx_pages = 0;
	if (!vn->mergeable && frame > RX_HALF_ROOM) {
		vn->rx_pages = frame > room ? 1 + DIV_ROUND_UP(frame - room, RX_WHOLE) : 1;
		buf = vn->rx_pages * RX_WHOLE;
	}
	meminfo_get(&mi);
	share = (mi.total << PAGE_SHIFT) / RX_MEMORY_PART / vn->pairs;
	most = (u32)min_t(u64, VRING_MAX_SIZE, share / buf);
	for (unsigned i = 0; i < vn->pairs; i++) {
		struct vnet_rq *rq = &vn->rq[i];

		rq->fill_max = clamp(most, RX_MIN_FILL, (u32)rq->vq->num);
		rq->long_max = (u32)min_t(u64, share, RX_LONG_MOST) / RX_LONG;
		if (rq->long_max < RX_LEAST)
			rq->long_max = 0;
		if (rq->long_max > rq->fill_max || rq->fill_max < RX_LEAST)
			rq->long_max = rq->fill_max;
		rq->fill_step = RX_FIRST_FILL;
		rq->avg_bytes = 0;
	}
}

void vnet_rx_purge(struct vnet_rq *rq)
{
	void *token;

	while ((token = virtqueue_detach_unused_buf(rq->vq)))
		buf_free(token_buf(token));
	if (rq->half)
		put_page(virt_to_page(rq->half));
	rq->half = NULL;
}
