/* SPDX-License-Identifier: MIT */
/*
 * The transmit ring. intel_start_xmit() runs with the queue's lock held, bottom halves off;
 * intel_tx_poll() in NAPI, at the same time on another CPU perhaps. The one moves next_to_use,
 * the other next_to_clean; neither writes what the other owns.
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

static unsigned ring_free(const struct intel_tx_ring *tx, unsigned use, unsigned clean)
{
	return (clean - use - 1) & (tx->count - 1u);
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

static void doorbell(struct intel_nic *nic)
{
	struct intel_tx_ring *tx = &nic->tx;

	if (tx->tail == tx->next_to_use)
		return;
	tx->tail = tx->next_to_use;
	dma_wmb(); /* descriptors before the tail that hands them over */
	intel_wr(nic, REG_TDT, tx->tail);
}

/* Room for n descriptors? If not, stop the queue; the poll wakes it. */
static bool room_or_stop(struct intel_tx_ring *tx, struct netdev_queue *txq, unsigned n)
{
	unsigned use = tx->next_to_use;

	if (ring_free(tx, use, READ_ONCE(tx->next_to_clean)) >= n)
		return true;
	netif_tx_stop_queue(txq);
	smp_mb(); /* pairs with tx_wake(): either it sees the stop, or we see its progress */
	if (ring_free(tx, use, smp_load_acquire(&tx->next_to_clean)) < n)
		return false;
	netif_tx_wake_queue(txq);
	return true;
}

static void tx_drop(struct intel_nic *nic, struct sk_buff *skb, enum skb_drop_reason reason)
{
	dev_stats_inc(nic->dev, tx_errors);
	kfree_skb_reason(skb, reason);
	/* Packets before this one may be waiting for the doorbell that it would have rung. */
	if (nic->up)
		doorbell(nic);
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
	struct intel_tx_ring *tx = &nic->tx;
	struct netdev_queue *txq = netdev_get_tx_queue(dev, 0);
	struct tx_offload off = {.cmd = TXD_DTYP_DATA | TXD_DEXT};
	unsigned first = tx->next, needed = desc_needed(skb);
	bool more = netdev_xmit_more(skb);
	u32 bytes = skb->len;

	if (unlikely(!nic->up)) {
		tx_drop(nic, skb, SKB_DROP_REASON_DEV_READY);
		return NETDEV_TX_OK;
	}
	if (unlikely(skb_headlen(skb) < ETH_HLEN || needed > INTEL_TX_MAX_DESC)) {
		tx_drop(nic, skb, SKB_DROP_REASON_DEV_HDR);
		return NETDEV_TX_OK;
	}
	if (unlikely(!room_or_stop(tx, txq, needed))) {
		tx->busy++;
		doorbell(nic);
		return NETDEV_TX_BUSY;
	}
	if (unlikely(offload_setup(tx, skb, &off) != 0)) {
		tx_drop(nic, skb, SKB_DROP_REASON_SKB_CSUM);
		return NETDEV_TX_OK;
	}
	packet_put(tx, skb, first, &off);
	/* From here on the poll may see and free the packet. */
	smp_store_release(&tx->next_to_use, tx->next);
	room_or_stop(tx, txq, INTEL_TX_MAX_DESC);
	if (__netdev_tx_sent_queue(txq, bytes, more) || netif_xmit_stopped(txq))
		doorbell(nic);
	return NETDEV_TX_OK;
}

/* ---- completion ---------------------------------------------------------------------------------
 */

static void tx_wake(struct intel_tx_ring *tx, struct netdev_queue *txq)
{
	smp_mb(); /* pairs with room_or_stop() */
	if (!netif_tx_queue_stopped(txq) ||
	    ring_free(tx, READ_ONCE(tx->next_to_use), tx->next_to_clean) < wake_level(tx))
		return;
	tx->restarts++;
	netif_tx_wake_queue(txq);
}

void intel_tx_poll(struct intel_nic *nic, int budget)
{
	struct intel_tx_ring *tx = &nic->tx;
	struct netdev_queue *txq = netdev_get_tx_queue(nic->dev, 0);
	unsigned i = tx->next_to_clean, end = smp_load_acquire(&tx->next_to_use);
	u32 pkts = 0, bytes = 0;

	while (i != end) {
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
	smp_store_release(&tx->next_to_clean, (u16)i);
	netdev_tx_completed_queue(txq, pkts, bytes);
	tx_wake(tx, txq);
}

/* ---- set-up and end
 * ------------------------------------------------------------------------------ */

int intel_tx_alloc(struct intel_nic *nic, unsigned count)
{
	struct intel_tx_ring *tx = &nic->tx;
	dma_addr_t dma;

	*tx = (struct intel_tx_ring){.count = (u16)count};
	tx->desc = dma_alloc_coherent(count * sizeof(*tx->desc), &dma);
	tx->buf = kcalloc(count, sizeof(*tx->buf), GFP_KERNEL);
	if (tx->desc && tx->buf)
		return 0;
	intel_tx_free(nic);
	return -ENOMEM;
}

void intel_tx_drop_all(struct intel_nic *nic)
{
	struct intel_tx_ring *tx = &nic->tx;
	unsigned i = tx->next_to_clean;

	while (tx->buf && i != tx->next_to_use) {
		struct intel_tx_buf *b = &tx->buf[i];

		dev_stats_inc(nic->dev, tx_dropped);
		kfree_skb_reason(b->skb, SKB_DROP_REASON_DEV_READY);
		b->skb = NULL;
		i = ring_next(tx, b->last);
	}
	tx->next = tx->next_to_use = tx->next_to_clean = tx->tail = 0;
	tx->context_valid = false;
	netdev_tx_reset_queue(netdev_get_tx_queue(nic->dev, 0));
}

void intel_tx_free(struct intel_nic *nic)
{
	struct intel_tx_ring *tx = &nic->tx;

	kfree(tx->buf);
	tx->buf = NULL;
	if (tx->desc)
		dma_free_coherent(tx->count * sizeof(*tx->desc), tx->desc);
	tx->desc = NULL;
}

/* [S] 14.5, [D] 4.6. The device has been reset, the ring is empty. */
void intel_tx_start(struct intel_nic *nic)
{
	struct intel_tx_ring *tx = &nic->tx;
	dma_addr_t dma = virt_to_dma(tx->desc);

	memset(tx->desc, 0, tx->count * sizeof(*tx->desc));
	dma_wmb();
	intel_wr(nic, REG_TDBAL, (u32)dma);
	intel_wr(nic, REG_TDBAH, (u32)(dma >> 32));
	intel_wr(nic, REG_TDLEN, tx->count * sizeof(*tx->desc));
	intel_wr(nic, REG_TDH, 0);
	intel_wr(nic, REG_TDT, 0);
	intel_wr(nic, REG_TIDV, 0);
	intel_wr(nic, REG_TADV, 0);
	intel_wr(nic, REG_TCTL,
		 TCTL_EN | TCTL_PSP | TCTL_CT << TCTL_CT_SHIFT | TCTL_COLD << TCTL_COLD_SHIFT |
			 nic->family->tctl);
}
