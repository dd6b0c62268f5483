/* SPDX-License-Identifier: MIT */
/*
 * The transmit ring. All of it is under the queue's xmit_lock, bottom halves off. What was sent is
 * taken back by the next packet, in passing by the receive poll, and right after the doorbell: an
 * emulated controller has sent by then. So the interrupt is asked for only where somebody waits and
 * the device takes its time.
 *
 * Invariant: descriptors in [next_to_clean, next_to_use) belong to the device or wait to be
 * cleaned; one descriptor always stays free, so that a full ring is not taken for an empty one. The
 * queue is stopped while there is not room for the largest packet.
 *
 * All packets use extended descriptors. A context descriptor goes ahead when checksum or
 * segmentation offload asks for another one than the device remembers ([S] 3.3.5).
 */
#include "intel.h"

#include <errno.h>
#include <kernel/mm.h>
#include <lib/checksum.h>
#include <lib/string.h>

#define ETH_HLEN 14u

/* Offsets of what segmentation offload has us rewrite (RFC 791, RFC 8200, RFC 9293). */
#define IPV4_TOTAL_LEN  2
#define IPV4_CHECKSUM   10
#define IPV4_SADDR      12
#define IPV4_DADDR      16
#define IPV6_PAYLOAD    4
#define IPV6_SADDR      8
#define IPV6_DADDR      24
#define TCP_DATA_OFFSET 12
#define TCP_CHECKSUM    16
#define IP_PROTO_TCP    6

static_assert(INTEL_TX_MAX_DESC + INTEL_RING_SIZE_SMALL / 8 < INTEL_RING_SIZE_SMALL,
	      "a small ring must be able to wake");

/* What the data descriptors of one packet say beside address and length. */
struct tx_offload {
	u32 cmd;   /* lower */
	u32 popts; /* upper */
};

static unsigned ring_next(const struct intel_tx_ring *tx, unsigned i)
{
	return (i + 1) & (tx->count - 1u);
}

static unsigned ring_free(const struct intel_tx_ring *tx)
{
	return (tx->next_to_clean - tx->next_to_use - 1u) & (tx->count - 1u);
}

/* Free descriptors at which a stopped queue is woken: the largest packet, and some to go on with.
 */
static unsigned wake_level(const struct intel_tx_ring *tx)
{
	return INTEL_TX_MAX_DESC + tx->count / 8u;
}

static unsigned pieces(u32 len)
{
	return DIV_ROUND_UP(len, INTEL_TX_PIECE_BYTES);
}

/* Descriptors that skb takes, a context included. */
static unsigned desc_needed(const struct sk_buff *skb)
{
	const struct skb_shared_info *si = skb_shinfo(skb);
	unsigned n = 1 + pieces(skb_headlen(skb));

	for (unsigned i = 0; i < si->nr_frags; i++)
		n += pieces(si->frags[i].size);
	return n;
}

/* ---- offloads -------------------------------------------------------------------------------- */

static void context_put(struct intel_tx_ring *tx, const struct tx_desc_context *c)
{
	if (tx->context_valid && memcmp(c, &tx->context, sizeof(*c)) == 0)
		return;
	tx->context = *c;
	tx->context_valid = true;
	tx->desc[tx->next].context = *c;
	tx->next = (u16)ring_next(tx, tx->next);
	tx->contexts++;
}

/* Checksum alone: from csum_start to the end, into csum_start + csum_offset. */
static int checksum_setup(struct intel_tx_ring *tx, struct sk_buff *skb, struct tx_offload *off)
{
	unsigned start = skb->csum_start - skb_headroom(skb);
	unsigned place = start + skb->csum_offset;
	struct tx_desc_context c = {
		.ipcss = ETH_HLEN,
		.tucss = (u8)start,
		.tucso = (u8)place,
		.lower = TXD_DEXT,
	};

	if (start > 255 || place > 254 || place + 2 > skb_headlen(skb))
		return skb_checksum_help(skb);
	context_put(tx, &c);
	off->popts = TXD_POPTS_TXSM;
	return 0;
}

/* Segmentation: the device copies the headers to each segment, adds up lengths and checksums; it
 * wants the length fields zero, and the pseudo header's sum without length ([S] 3.5). */
static int tso_setup(struct intel_tx_ring *tx, struct sk_buff *skb, struct tx_offload *off)
{
	const struct skb_shared_info *si = skb_shinfo(skb);
	unsigned nh = (unsigned)skb_network_offset(skb), th = (unsigned)skb_transport_offset(skb);
	struct tx_desc_context c = {.lower = TXD_DEXT | TXD_TSE | TXD_TUCMD_TCP};
	bool v4 = si->gso_type & SKB_GSO_TCPV4;
	unsigned hdr_len;
	csum32 pseudo;
	u8 *ip, *tcp;

	if (skb_cow_head(skb, 0) != 0)
		return -ENOMEM;
	if (th + TCP_CHECKSUM + 4 > skb_headlen(skb) || nh + (v4 ? 20u : 40u) > th)
		return -EINVAL;
	ip = skb->data + nh;
	tcp = skb->data + th;
	hdr_len = th + (tcp[TCP_DATA_OFFSET] >> 4) * 4u;
	if (hdr_len > 255 || hdr_len > skb_headlen(skb) || hdr_len >= skb->len)
		return -EINVAL;
	if (v4) {
		put_be16(ip + IPV4_TOTAL_LEN, 0);
		put_be16(ip + IPV4_CHECKSUM, 0);
		pseudo = csum_tcpudp_nofold(BE32(get_be32(ip + IPV4_SADDR)),
					    BE32(get_be32(ip + IPV4_DADDR)), 0, IP_PROTO_TCP, 0);
		c.ipcso = (u8)(nh + IPV4_CHECKSUM);
		c.ipcse = (u16)(th - 1);
		c.lower |= TXD_TUCMD_IPV4;
		off->popts = TXD_POPTS_IXSM | TXD_POPTS_TXSM;
	} else {
		put_be16(ip + IPV6_PAYLOAD, 0);
		pseudo = csum_ipv6_nofold(ip + IPV6_SADDR, ip + IPV6_DADDR, 0, IP_PROTO_TCP, 0);
		off->popts = TXD_POPTS_TXSM;
	}
	put_be16(tcp + TCP_CHECKSUM, (u16)~be16_get(csum_fold(pseudo)));
	c.ipcss = (u8)nh;
	c.tucss = (u8)th;
	c.tucso = (u8)(th + TCP_CHECKSUM);
	c.hdr_len = (u8)hdr_len;
	c.mss = si->gso_size;
	c.lower |= skb->len - hdr_len;
	/* The payload length makes each context new. */
	tx->context_valid = false;
	context_put(tx, &c);
	tx->context_valid = false;
	off->cmd |= TXD_TSE;
	tx->tso++;
	return 0;
}

/* ---- sending ----------------------------------------------------------------------------------
 */

/* Describe len bytes at p. Returns the last descriptor used. */
static unsigned piece_put(struct intel_tx_ring *tx, const u8 *p, u32 len,
			  const struct tx_offload *off)
{
	unsigned last = tx->next;

	while (len) {
		u32 n = min(len, INTEL_TX_PIECE_BYTES);

		last = tx->next;
		tx->desc[last].data.addr = virt_to_dma(p);
		tx->desc[last].data.lower = n | off->cmd;
		tx->desc[last].data.upper = off->popts;
		tx->next = (u16)ring_next(tx, last);
		p += n;
		len -= n;
	}
	return last;
}

/* The skb is remembered at first, where its descriptors begin. */
static void packet_put(struct intel_tx_ring *tx, struct sk_buff *skb, unsigned first,
		       const struct tx_offload *off)
{
	const struct skb_shared_info *si = skb_shinfo(skb);
	unsigned last = piece_put(tx, skb->data, skb_headlen(skb), off);

	for (unsigned i = 0; i < si->nr_frags; i++) {
		const skb_frag_t *f = &si->frags[i];

		if (f->size)
			last = piece_put(tx, skb_frag_address(f), f->size, off);
	}
	tx->desc[last].data.lower |= TXD_EOP | TXD_IFCS | TXD_RS;
	tx->buf[first] = (struct intel_tx_buf){skb, skb->len, (u16)last};
}

/* Take back what the device has sent. budget as in napi_struct. */
static void clean(struct intel_queue *q, int budget)
{
	struct intel_tx_ring *tx = &q->tx;
	struct netdev_queue *txq = netdev_get_tx_queue(q->nic->dev, q->index);
	unsigned i = tx->next_to_clean;
	u32 pkts = 0, bytes = 0;

	while (i != tx->next_to_use) {
		struct intel_tx_buf *b = &tx->buf[i];
		const volatile struct tx_desc_data *d = &tx->desc[b->last].data;

		if (!(d->upper & TXD_DD))
			break;
		pkts++;
		bytes += b->bytes;
		napi_consume_skb(b->skb, budget);
		b->skb = NULL;
		i = ring_next(tx, b->last);
	}
	if (!pkts)
		return;
	tx->next_to_clean = (u16)i;
	if (i == tx->next_to_use)
		tx->awaited = false;
	netdev_tx_completed_queue(txq, pkts, bytes);
	if (netif_tx_queue_stopped(txq) && ring_free(tx) >= wake_level(tx)) {
		tx->restarts++;
		netif_tx_wake_queue(txq);
	}
}

/* Does anybody wait to hear what was sent? The qdisc for room, or a socket for its memory. */
static bool completion_wanted(const struct intel_queue *q)
{
	const struct intel_tx_ring *tx = &q->tx;

	return tx->next_to_clean != tx->next_to_use &&
	       (tx->awaited || ring_free(tx) < tx->count - tx->count / 8u ||
		netif_xmit_stopped(netdev_get_tx_queue(q->nic->dev, q->index)));
}

/* Hand over what is new, and have an interrupt when it is sent where that matters. */
static void doorbell(struct intel_queue *q)
{
	struct intel_tx_ring *tx = &q->tx;

	if (tx->tail != tx->next_to_use) {
		tx->tail = tx->next_to_use;
		dma_wmb(); /* descriptors before the tail that hands them over */
		intel_wr_ring(q, REG_TDT, tx->tail);
	}
	clean(q, 0);
	/* A poll that is under way looks for itself at its end. */
	if (!tx->irq_on && completion_wanted(q)) {
		tx->irq_on = true;
		intel_wr(q->nic, REG_IMS, intel_ims_tx(q));
	}
}

static void tx_drop(struct intel_queue *q, struct sk_buff *skb, enum skb_drop_reason reason)
{
	dev_stats_inc(q->nic->dev, tx_errors);
	kfree_skb_reason(skb, reason);
	/* Packets before this one may be waiting for the doorbell that it would have rung. */
	if (q->nic->up)
		doorbell(q);
}

/* A failure leaves the ring as it was. */
static int offload_setup(struct intel_tx_ring *tx, struct sk_buff *skb, struct tx_offload *off)
{
	if (skb_is_gso(skb))
		return tso_setup(tx, skb, off);
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		return checksum_setup(tx, skb, off);
	return 0;
}

netdev_tx_t intel_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct intel_nic *nic = netdev_priv(dev);
	unsigned mapping = skb->queue_mapping < nic->nqueues ? skb->queue_mapping : 0;
	struct intel_queue *q = &nic->queue[mapping];
	struct intel_tx_ring *tx = &q->tx;
	struct netdev_queue *txq = netdev_get_tx_queue(dev, mapping);
	struct tx_offload off = {.cmd = TXD_DTYP_DATA | TXD_DEXT};
	unsigned first = tx->next, needed = desc_needed(skb);
	bool more = netdev_xmit_more(skb);
	u32 bytes = skb->len;

	if (unlikely(!nic->up)) {
		tx_drop(q, skb, SKB_DROP_REASON_DEV_READY);
		return NETDEV_TX_OK;
	}
	if (unlikely(skb_headlen(skb) < ETH_HLEN || needed > INTEL_TX_MAX_DESC)) {
		tx_drop(q, skb, SKB_DROP_REASON_DEV_HDR);
		return NETDEV_TX_OK;
	}
	if (unlikely(ring_free(tx) < INTEL_TX_MAX_DESC))
		clean(q, 0);
	if (unlikely(ring_free(tx) < needed)) {
		netif_tx_stop_queue(txq);
		tx->busy++;
		doorbell(q);
		return NETDEV_TX_BUSY;
	}
	if (unlikely(offload_setup(tx, skb, &off) != 0)) {
		tx_drop(q, skb, SKB_DROP_REASON_SKB_CSUM);
		return NETDEV_TX_OK;
	}
	tx->awaited = tx->awaited || skb_completion_awaited(skb);
	packet_put(tx, skb, first, &off);
	tx->next_to_use = tx->next;
	tx->packets++;
	if (ring_free(tx) < INTEL_TX_MAX_DESC)
		netif_tx_stop_queue(txq);
	if ((__netdev_tx_sent_queue(txq, bytes, more) || netif_xmit_stopped(txq)) &&
	    !netdev_tx_bell_later(txq))
		doorbell(q);
	return NETDEV_TX_OK;
}

void intel_tx_bell(struct net_device *dev, unsigned queue)
{
	struct intel_nic *nic = netdev_priv(dev);

	if (nic->up)
		doorbell(&nic->queue[queue]);
}

u32 intel_tx_poll(struct intel_queue *q, int budget)
{
	struct intel_tx_ring *tx = &q->tx;
	struct netdev_queue *txq = netdev_get_tx_queue(q->nic->dev, q->index);
	bool wanted;

	/* Mostly it is empty: nobody asks for an interrupt then, and who sends next sees to it. */
	if (READ_ONCE(tx->next_to_clean) == READ_ONCE(tx->next_to_use) && !READ_ONCE(tx->irq_on))
		return 0;
	spin_lock(&txq->xmit_lock);
	clean(q, budget);
	wanted = tx->irq_on = completion_wanted(q);
	spin_unlock(&txq->xmit_lock);
	return wanted ? intel_ims_tx(q) : 0;
}

/* ---- set-up and end
 * ------------------------------------------------------------------------------ */

int intel_tx_alloc(struct intel_queue *q, unsigned count)
{
	struct intel_tx_ring *tx = &q->tx;
	dma_addr_t dma;

	*tx = (struct intel_tx_ring){.count = (u16)count};
	tx->desc = dma_alloc_coherent(count * sizeof(*tx->desc), &dma);
	tx->buf = kcalloc(count, sizeof(*tx->buf), GFP_KERNEL);
	if (tx->desc && tx->buf)
		return 0;
	intel_tx_free(q);
	return -ENOMEM;
}

void intel_tx_drop_all(struct intel_queue *q)
{
	struct intel_tx_ring *tx = &q->tx;
	struct net_device *dev = q->nic->dev;
	struct netdev_queue *txq = netdev_get_tx_queue(dev, q->index);
	unsigned i;

	spin_lock_bh(&txq->xmit_lock);
	i = tx->next_to_clean;
	while (tx->buf && i != tx->next_to_use) {
		struct intel_tx_buf *b = &tx->buf[i];

		dev_stats_inc(dev, tx_dropped);
		kfree_skb_reason(b->skb, SKB_DROP_REASON_DEV_READY);
		b->skb = NULL;
		i = ring_next(tx, b->last);
	}
	tx->next = tx->next_to_use = tx->next_to_clean = tx->tail = 0;
	tx->context_valid = false;
	tx->awaited = tx->irq_on = false;
	netdev_tx_reset_queue(txq);
	spin_unlock_bh(&txq->xmit_lock);
}

void intel_tx_free(struct intel_queue *q)
{
	struct intel_tx_ring *tx = &q->tx;

	kfree(tx->buf);
	tx->buf = NULL;
	if (tx->desc)
		dma_free_coherent(tx->count * sizeof(*tx->desc), tx->desc);
	tx->desc = NULL;
}

static void tx_ring_start(struct intel_queue *q)
{
	struct intel_tx_ring *tx = &q->tx;
	dma_addr_t dma = virt_to_dma(tx->desc);

	memset(tx->desc, 0, tx->count * sizeof(*tx->desc));
	dma_wmb();
	intel_wr_ring(q, REG_TDBAL, (u32)dma);
	intel_wr_ring(q, REG_TDBAH, (u32)(dma >> 32));
	intel_wr_ring(q, REG_TDLEN, tx->count * sizeof(*tx->desc));
	intel_wr_ring(q, REG_TDH, 0);
	intel_wr_ring(q, REG_TDT, 0);
	/* [D] 10.2.6: queues take turns in equal parts, as a reset leaves it. */
	if (q->nic->nqueues > 1)
		intel_wr_ring(q, REG_TARC, intel_rd(q->nic, REG_TARC + q->regs) | TARC_EN);
}

/* [S] 14.5, [D] 4.6. The device has been reset, the rings are empty. */
void intel_tx_start(struct intel_nic *nic)
{
	intel_for_each_queue(q, nic)
		tx_ring_start(q);
	intel_wr(nic, REG_TIDV, 0);
	intel_wr(nic, REG_TADV, 0);
	intel_wr(nic, REG_TCTL,
		 TCTL_EN | TCTL_PSP | TCTL_CT << TCTL_CT_SHIFT | TCTL_COLD << TCTL_COLD_SHIFT |
			 nic->family->tctl);
}
