/* SPDX-License-Identifier: MIT */
/*
 * virtio-net transmit (virtio 1.2 section 5.1.6.2). The header goes in front of the frame, into
 * the skb's headroom, where that is ours; else into its control block, with a descriptor of its
 * own. Sent packets are freed by the next start_xmit, in passing by the receive NAPI, or by the
 * transmit NAPI: the device is asked for an interrupt only where somebody waits for it. The queue
 * is stopped while a packet with all its fragments might not fit; in a ring too small for that
 * rule, a packet that does not fit is made linear.
 *
 * Context: xmit_lock of the netdev_queue, bottom halves off.
 */
#define pr_fmt(fmt) "virtio_net: " fmt
#include <kernel/log.h>
#include <lib/err.h>
#include <lib/string.h>

#include "net_int.h"

#define TX_LEAVE_PACKETS 16u

static_assert(sizeof(struct virtio_net_hdr) <= sizeof_field(struct sk_buff, cb), "fits the cb");

/* Section 5.1.6.2: checksum and segmentation left to the device. */
static void fill_header(const struct sk_buff *skb, struct virtio_net_hdr *h)
{
	const struct skb_shared_info *sh = skb_shinfo(skb);

	memset(h, 0, VNET_HDR_LEGACY_BYTES);
	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h->csum_start = (u16)(skb->csum_start - skb_headroom(skb));
		h->csum_offset = skb->csum_offset;
	}
	if (!sh->gso_size)
		return;
	h->gso_size = sh->gso_size;
	h->hdr_len = (u16)skb_transport_offset(skb);
	if (sh->gso_type & SKB_GSO_UDP_L4) {
		h->gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
		h->hdr_len += 8;
		return;
	}
	h->gso_type =
		sh->gso_type & SKB_GSO_TCPV6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
	if (sh->gso_type & SKB_GSO_TCP_ECN)
		h->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	/* Data offset, RFC 9293 section 3.1: the upper half of byte 12, in 32-bit words. */
	h->hdr_len += (((const u8 *)skb_transport_header(skb))[12] >> 4) * 4;
}

/* The packet as segments: returns how many. */
static unsigned to_segments(struct vnet *vn, struct sk_buff *skb, struct vq_seg *seg)
{
	const struct skb_shared_info *sh = skb_shinfo(skb);
	struct virtio_net_hdr *h;
	unsigned n = 0;

	if (vn->any_layout && skb_headroom(skb) >= vn->hdr_bytes && !skb_header_cloned(skb)) {
		h = (void *)(skb->data - vn->hdr_bytes);
		seg[n++] = (struct vq_seg){h, vn->hdr_bytes + skb_headlen(skb)};
	} else {
		h = (void *)skb->cb;
		seg[n++] = (struct vq_seg){h, vn->hdr_bytes};
		seg[n++] = (struct vq_seg){skb->data, skb_headlen(skb)};
	}
	fill_header(skb, h);
	if (vn->hdr_bytes >= VNET_HDR_BYTES)
		h->num_buffers = 0;
	if (unlikely(vn->hash_report))
		memset(&h->hash_value, 0, VNET_HDR_HASH_BYTES - VNET_HDR_BYTES);
	for (unsigned i = 0; i < sh->nr_frags; i++)
		seg[n++] = (struct vq_seg){skb_frag_address(&sh->frags[i]), sh->frags[i].size};
	return n;
}

/* Take back what the device has sent. budget as for napi_consume_skb(). xmit_lock held. */
static void clean(struct vnet_sq *sq, int budget)
{
	u32 packets = 0, bytes = 0, len;
	struct sk_buff *skb;

	while ((skb = virtqueue_get_buf(sq->vq, &len))) {
		packets++;
		bytes += skb->len;
		napi_consume_skb(skb, budget);
	}
	if (!packets)
		return;
	netdev_tx_completed_queue(sq->txq, packets, bytes);
	if (!sq->vq->inflight)
		sq->owned = false;
}

static void wake_if_room(struct vnet_sq *sq)
{
	if (netif_tx_queue_stopped(sq->txq) && sq->vq->num_free >= sq->room)
		netif_tx_wake_queue(sq->txq);
}

static void drop(struct vnet_sq *sq, struct sk_buff *skb, enum skb_drop_reason reason)
{
	sq->stats.errors++;
	kfree_skb_reason(skb, reason);
}

/* Stop before the ring could be too full for the next packet. */
static void stop_if_full(struct vnet_sq *sq)
{
	if (likely(sq->vq->num_free >= sq->room))
		return;
	netif_tx_stop_queue(sq->txq);
	sq->stats.stops++;
}

/* Does anybody wait for what is sent? The qdisc for room, or a socket for its memory. A few packets
 * that nobody waits for may lie in the ring until the next one comes by. */
static bool completion_wanted(const struct vnet_sq *sq)
{
	return sq->owned || sq->vq->inflight > TX_LEAVE_PACKETS || netif_xmit_stopped(sq->txq);
}

/* The end of a batch: tell the device, once, and ask to be interrupted when most of it has been
 * sent. */
static void flush(struct vnet_sq *sq)
{
	if (completion_wanted(sq) && !virtqueue_enable_cb_delayed(sq->vq))
		vnet_napi_schedule(&sq->napi, sq->vq);
	if (virtqueue_kick_prepare(sq->vq)) {
		virtqueue_notify(sq->vq);
		sq->stats.kicks++;
	}
}

/* Hand the packet to the device: 0 or -ENOSPC, -EIO. */
static int submit(struct vnet_sq *sq, struct sk_buff *skb)
{
	struct vq_seg seg[VQ_MAX_SEGS];
	unsigned n = to_segments(sq->vn, skb, seg);
	int err;

	sq->owned = sq->owned || skb_completion_awaited(skb);
	sq->stats.packets++;
	err = virtqueue_add(sq->vq, seg, n, 0, skb, GFP_ATOMIC);
	if (likely(!err) || err != -ENOSPC || !skb_is_nonlinear(skb) || skb_linearize(skb))
		return err;
	sq->stats.linearized++;
	n = to_segments(sq->vn, skb, seg);
	return virtqueue_add(sq->vq, seg, n, 0, skb, GFP_ATOMIC);
}

netdev_tx_t vnet_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct vnet *vn = netdev_priv(dev);
	struct vnet_sq *sq = &vn->sq[skb->queue_mapping < vn->pairs ? skb->queue_mapping : 0];
	bool more = netdev_xmit_more(skb), kick;

	if (unlikely(!sq->vq)) {
		drop(sq, skb, SKB_DROP_REASON_DEV_READY);
		return NETDEV_TX_OK;
	}
	virtqueue_disable_cb(sq->vq);
	/* Once a batch, when its last packet comes, or as the ring fills. */
	if ((!more || sq->vq->num_free < sq->vq->num / 2) && virtqueue_more_used(sq->vq))
		clean(sq, 0);
	kick = __netdev_tx_sent_queue(sq->txq, skb->len, more);
	if (unlikely(submit(sq, skb))) {
		netdev_tx_completed_queue(sq->txq, 1, skb->len);
		drop(sq, skb, SKB_DROP_REASON_FULL_RING);
		kick = true;
	}
	stop_if_full(sq);
	if ((kick || netif_xmit_stopped(sq->txq)) && !netdev_tx_bell_later(sq->txq))
		flush(sq);
	return NETDEV_TX_OK;
}

void vnet_tx_bell(struct net_device *dev, unsigned queue)
{
	struct vnet *vn = netdev_priv(dev);

	flush(&vn->sq[queue]);
}

void vnet_tx_clean_opportunistic(struct vnet_sq *sq)
{
	if (!virtqueue_more_used(sq->vq) || !spin_trylock(&sq->txq->xmit_lock))
		return;
	clean(sq, 1);
	wake_if_room(sq);
	spin_unlock(&sq->txq->xmit_lock);
}

int vnet_tx_poll(struct napi_struct *napi, int budget)
{
	struct vnet_sq *sq = container_of(napi, struct vnet_sq, napi);
	bool wanted;
	u16 seen = 0;

	spin_lock(&sq->txq->xmit_lock);
	virtqueue_disable_cb(sq->vq);
	clean(sq, budget);
	wake_if_room(sq);
	wanted = completion_wanted(sq);
	if (wanted)
		seen = virtqueue_enable_cb_prepare(sq->vq);
	if (!napi_complete_done(napi, 0))
		virtqueue_disable_cb(sq->vq);
	else if (wanted && virtqueue_poll(sq->vq, seen))
		vnet_napi_schedule(napi, sq->vq);
	spin_unlock(&sq->txq->xmit_lock);
	return 0;
}

/* Hardirq. The queue's interrupt hints are left alone: the transmit path may be at them. Where no
 * interrupt was asked for, this one is the receive queue's, whose poll takes completions along;
 * whoever asks for one next looks for what came before. */
void vnet_tx_callback(struct virtqueue *vq)
{
	struct vnet_sq *sq = vq->priv;

	if (!READ_ONCE(vq->cb_off))
		napi_schedule(&sq->napi);
}

void vnet_tx_layout(struct vnet_sq *sq)
{
	sq->room = sq->vq->num >= 2 * VNET_TX_SEGS ? VNET_TX_SEGS : 2;
}

void vnet_tx_purge(struct vnet_sq *sq)
{
	struct sk_buff *skb;

	while ((skb = virtqueue_detach_unused_buf(sq->vq)))
		kfree_skb_reason(skb, SKB_DROP_REASON_DEV_READY);
	netdev_tx_reset_queue(sq->txq);
	sq->owned = false;
}
