/* SPDX-License-Identifier: MIT */
/*
 * The receive ring. Softirq (NAPI), one CPU at a time; start and free when NAPI is off.
 *
 * Invariant: every descriptor has a buffer at all times. A frame leaves the ring only against a new
 * buffer; when there is none, the frame is dropped (counted) and its buffer stays, so the ring
 * cannot run dry for lack of memory. Descriptors go back an eighth of the ring at a time, so the
 * device has seven of them at least, less the one descriptor that tells a full ring from an empty
 * one ([S] 3.2.6).
 *
 * A frame may span buffers (jumbo frames): the first becomes the linear part, the others page
 * fragments. Lengths and flags come from the device and are checked; what makes no sense is
 * dropped up to the next end of packet.
 */
#include "intel.h"

#include <errno.h>
#include <kernel/mm.h>
#include <lib/string.h>

/* One descriptor's report, whatever its format. */
struct rx_report {
	u32 status; /* RXD_DD ... */
	u32 errors; /* RXD_ERR_* */
	u32 len;
	u32 hash; /* over addresses and ports; 0: none */
};

static void desc_arm(struct intel_rx_ring *rx, unsigned i)
{
	union rx_desc *d = &rx->desc[i];

	/* Both formats begin with the address; the second half clears status or the write-back. */
	d->read.addr = virt_to_dma(rx->buf[i] + INTEL_RX_PAD);
	d->read.reserved = 0;
}

/* Only a hash that covers the ports is as good as our own. */
static u32 desc_hash(const volatile struct rx_desc_ext_wb *wb)
{
	u32 type = wb->mrq & RXD_RSS_MASK;

	return type == RXD_RSS_TCP_IPV4 || type == RXD_RSS_TCP_IPV6 ? wb->hash : 0;
}

/* False: the device still owns it. */
static bool desc_read(const struct intel_queue *q, unsigned i, struct rx_report *r)
{
	const volatile union rx_desc *d = &q->rx.desc[i];

	if (q->nic->family->extended_rx) {
		u32 se = d->wb.status_error;

		if (!(se & RXD_DD))
			return false;
		dma_rmb(); /* pairs with the device, which writes the status last */
		*r = (struct rx_report){se & RXD_EXT_STATUS, se >> RXD_EXT_ERR_SHIFT, d->wb.length,
					desc_hash(&d->wb)};
		return true;
	}
	r->status = d->legacy.status;
	if (!(r->status & RXD_DD))
		return false;
	dma_rmb();
	r->errors = d->legacy.errors;
	r->len = d->legacy.length;
	r->hash = 0;
	return true;
}

static u8 *frag_alloc(unsigned gfp)
{
	return page_frag_alloc(INTEL_RX_FRAG_BYTES, CACHELINE_BYTES, gfp);
}

/* Take the buffer out of slot i for good, a new one in its place. NULL: no memory, nothing done. */
static u8 *buffer_take(struct intel_rx_ring *rx, unsigned i)
{
	u8 *old = rx->buf[i], *fresh = frag_alloc(GFP_ATOMIC);

	if (!fresh)
		return NULL;
	rx->buf[i] = fresh;
	return old;
}

static struct sk_buff *frame_copy(struct intel_queue *q, unsigned i, u32 len)
{
	struct sk_buff *skb = napi_alloc_skb(q->nic->dev, len);

	if (!skb)
		return NULL;
	memcpy(skb_put(skb, len), q->rx.buf[i] + INTEL_RX_PAD, len);
	q->rx.copied++;
	return skb;
}

/* First (or only) piece of a frame: an skb around the buffer. */
static struct sk_buff *frame_begin(struct intel_queue *q, unsigned i, u32 len)
{
	u8 *frag = buffer_take(&q->rx, i);
	struct sk_buff *skb;

	if (!frag)
		return NULL;
	skb = napi_build_skb(frag, INTEL_RX_FRAG_BYTES);
	if (!skb) {
		page_frag_free(frag);
		return NULL;
	}
	skb_reserve(skb, INTEL_RX_PAD);
	skb_put(skb, len);
	skb->dev = q->nic->dev;
	return skb;
}

/* A further piece. False: it cannot be added. */
static bool frame_append(struct intel_queue *q, struct sk_buff *skb, unsigned i, u32 len)
{
	struct page *page;
	u8 *frag;

	if (skb_shinfo(skb)->nr_frags == MAX_SKB_FRAGS)
		return false;
	frag = buffer_take(&q->rx, i);
	if (!frag)
		return false;
	page = virt_to_head_page(frag);
	skb_add_rx_frag(skb, page, (u32)(frag + INTEL_RX_PAD - (u8 *)page_address(page)), len,
			INTEL_RX_FRAG_BYTES);
	q->rx.chained++;
	return true;
}

static void checksum_note(struct intel_queue *q, struct sk_buff *skb, const struct rx_report *r)
{
	if (!(q->nic->dev->features & NETIF_F_RXCSUM) || r->status & RXD_IXSM ||
	    !(r->status & RXD_TCPCS))
		return;
	/* A wrong sum is left to the protocol to find, count and name. */
	if (r->errors & (RXD_ERR_TCPE | RXD_ERR_IPE)) {
		q->rx.csum_bad++;
		return;
	}
	q->rx.csum_good++;
	skb->ip_summed = CHECKSUM_UNNECESSARY;
}

static void frame_refuse(struct intel_queue *q, u64 *why)
{
	struct intel_rx_ring *rx = &q->rx;

	(*why)++;
	if (rx->skb) {
		kfree_skb_reason(rx->skb, why == &rx->no_memory ? SKB_DROP_REASON_NOMEM
								: SKB_DROP_REASON_DEV_RX_ERROR);
		rx->skb = NULL;
	}
	if (why == &rx->no_memory)
		dev_stats_inc(q->nic->dev, rx_dropped);
	else
		dev_stats_inc(q->nic->dev, rx_errors);
}

/* Build on what slot i holds. NULL: the frame goes on, or was refused. */
static struct sk_buff *piece_take(struct intel_queue *q, unsigned i, const struct rx_report *r)
{
	struct intel_rx_ring *rx = &q->rx;
	bool last = r->status & RXD_EOP;
	struct sk_buff *skb;
	u64 *why = NULL;

	if (rx->discard) {
		rx->discard = !last;
		return NULL;
	}
	if (r->len == 0 || r->len > INTEL_RX_BUF_BYTES)
		why = &rx->bad_length;
	else if (last && r->errors & RXD_ERR_FRAME)
		why = &rx->errors;
	else if (!rx->skb && last && r->len <= INTEL_RX_COPY_BYTES)
		rx->skb = frame_copy(q, i, r->len);
	else if (!rx->skb)
		rx->skb = frame_begin(q, i, r->len);
	else if (skb_shinfo(rx->skb)->nr_frags == MAX_SKB_FRAGS)
		why = &rx->bad_length;
	else if (!frame_append(q, rx->skb, i, r->len))
		why = &rx->no_memory;
	if (!why && !rx->skb)
		why = &rx->no_memory;
	if (why) {
		rx->discard = !last;
		frame_refuse(q, why);
		return NULL;
	}
	if (!last)
		return NULL;
	skb = rx->skb;
	rx->skb = NULL;
	return skb;
}

int intel_rx_poll(struct intel_queue *q, int budget)
{
	struct intel_rx_ring *rx = &q->rx;
	struct net_device *dev = q->nic->dev;
	struct rx_report r;
	int frames = 0;
	unsigned seen = 0;

	/* At most one round of the ring, whatever the device says. */
	while (frames < budget && seen < rx->count && desc_read(q, rx->next, &r)) {
		unsigned i = rx->next;
		struct sk_buff *skb = piece_take(q, i, &r);

		desc_arm(rx, i);
		rx->next = (u16)((i + 1) & (rx->count - 1u));
		seen++;
		if (r.status & RXD_EOP)
			frames++;
		if (!skb)
			continue;
		rx->packets++;
		checksum_note(q, skb, &r);
		if (r.hash && dev->features & NETIF_F_RXHASH) {
			skb->hash = r.hash;
			skb->l4_hash = 1;
		}
		skb->queue_mapping = (u16)q->index;
		skb->protocol = eth_type_trans(skb, dev);
		napi_gro_receive(&q->napi, skb);
	}
	if (((rx->next - rx->told) & (rx->count - 1u)) >= rx->count / 8u) {
		rx->told = rx->next;
		dma_wmb(); /* descriptors before the tail that hands them over */
		intel_wr_ring(q, REG_RDT, (rx->next - 1u) & (rx->count - 1u));
	}
	return frames;
}

int intel_rx_alloc(struct intel_queue *q, unsigned count)
{
	struct intel_rx_ring *rx = &q->rx;
	dma_addr_t dma;

	*rx = (struct intel_rx_ring){.count = (u16)count};
	rx->desc = dma_alloc_coherent(count * sizeof(*rx->desc), &dma);
	rx->buf = kcalloc(count, sizeof(*rx->buf), GFP_KERNEL);
	if (!rx->desc || !rx->buf)
		goto no_memory;
	for (unsigned i = 0; i < count; i++) {
		rx->buf[i] = frag_alloc(GFP_KERNEL);
		if (!rx->buf[i])
			goto no_memory;
	}
	return 0;

no_memory:
	intel_rx_free(q);
	return -ENOMEM;
}

void intel_rx_free(struct intel_queue *q)
{
	struct intel_rx_ring *rx = &q->rx;

	for (unsigned i = 0; rx->buf && i < rx->count; i++) {
		if (rx->buf[i])
			page_frag_free(rx->buf[i]);
	}
	kfree(rx->buf);
	rx->buf = NULL;
	if (rx->desc)
		dma_free_coherent(rx->count * sizeof(*rx->desc), rx->desc);
	rx->desc = NULL;
	if (rx->skb)
		kfree_skb_reason(rx->skb, SKB_DROP_REASON_DEV_READY);
	rx->skb = NULL;
}

/* All descriptors the device's, but for the tail, which is written last. */
static void rx_ring_start(struct intel_queue *q)
{
	struct intel_rx_ring *rx = &q->rx;
	dma_addr_t dma = virt_to_dma(rx->desc);

	if (rx->skb)
		kfree_skb_reason(rx->skb, SKB_DROP_REASON_DEV_RX_ERROR);
	rx->skb = NULL;
	rx->discard = false;
	rx->next = rx->told = 0;
	for (unsigned i = 0; i < rx->count; i++)
		desc_arm(rx, i);
	dma_wmb();
	intel_wr_ring(q, REG_RDBAL, (u32)dma);
	intel_wr_ring(q, REG_RDBAH, (u32)(dma >> 32));
	intel_wr_ring(q, REG_RDLEN, rx->count * sizeof(*rx->desc));
	intel_wr_ring(q, REG_RDH, 0);
	intel_wr_ring(q, REG_RDT, 0);
}

/* [D] 7.1.2.8, 10.2.9: what has no hash goes to the first queue. */
void intel_rss_start(struct intel_nic *nic)
{
	if (nic->nqueues == 1) {
		intel_wr(nic, REG_MRQC, 0);
		return;
	}
	for (unsigned i = 0; i < INTEL_RETA_ENTRIES / 4; i++)
		intel_wr(nic, REG_RETA(i), get_le32(&nic->reta[4 * i]) << RETA_QUEUE);
	for (unsigned i = 0; i < INTEL_RSS_KEY / 4; i++)
		intel_wr(nic, REG_RSSRK(i), get_le32(&nic->rss_key[4 * i]));
	intel_wr(nic, REG_MRQC, MRQC_RSS | MRQC_TCP_IPV4 | MRQC_IPV4 | MRQC_TCP_IPV6 | MRQC_IPV6);
}

/* [S] 14.4, [D] 4.6. The device has been reset. */
void intel_rx_start(struct intel_nic *nic)
{
	u32 csum = RXCSUM_IPOFLD | RXCSUM_TUOFLD;

	if (nic->family->extended_rx) {
		intel_wr(nic, REG_RFCTL, RFCTL_EXSTEN | RFCTL_ACK_DIS);
		intel_rss_start(nic);
	}
	if (nic->nqueues > 1)
		csum |= RXCSUM_PCSD;
	intel_wr(nic, REG_RXCSUM, csum);
	intel_wr(nic, REG_RDTR, 0);
	intel_wr(nic, REG_RADV, 0);
	intel_for_each_queue(q, nic)
		rx_ring_start(q);
	nic->rctl = RCTL_EN | RCTL_BAM | RCTL_SECRC | (nic->rctl & (RCTL_UPE | RCTL_MPE));
	if (nic->dev->mtu > 1500)
		nic->rctl |= RCTL_LPE;
	intel_wr_rctl(nic, nic->rctl);
	/* Only now: a tail written before the receiver is enabled may be overlooked. */
	intel_for_each_queue(q, nic)
		intel_wr_ring(q, REG_RDT, q->rx.count - 1u);
}
