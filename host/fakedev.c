/* SPDX-License-Identifier: MIT */
/*
 * A network device whose wire is in the hands of the test. It behaves as a driver does: frames
 * are copied into packet buffers by a NAPI poll after an interrupt, a full transmit ring stops its
 * queue, byte queue limits are told of completions.
 */
#include <kernel/mm.h>
#include <kernel/time.h>
#include <net/netdevice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_int.h"
#include "host/netdev.h"

#define DEFAULT_RX_RING 1024u
#define DEFAULT_RX_FRAG 1024u
#define RX_HEADROOM     64u
#define MAX_FRAME       (65536u + 64u)

struct fake_queue {
	struct net_device *dev;
	struct napi_struct napi;
	unsigned index;
	struct list_head rx; /* of host_frame */
	unsigned rx_count;
	struct sk_buff_head tx; /* in the ring */
};

struct fakedev {
	struct fakedev_config config;
	struct fake_queue *queue;
	unsigned queues;
	struct list_head sent; /* of host_frame */
	unsigned sent_count;
	void (*on_tx)(struct host_frame *f, void *arg);
	void *on_tx_arg;
	FILE *capture;
};

/* --- frames --------------------------------------------------------------------------------- */

static struct host_frame *frame_alloc(size_t len)
{
	struct host_frame *f = malloc(sizeof(*f) + len);

	if (!f)
		host_die("no memory for a frame");
	*f = (struct host_frame){.len = len, .time_ns = ktime_get_ns()};
	return f;
}

struct host_frame *host_frame_make(const void *data, size_t len)
{
	struct host_frame *f = frame_alloc(len);

	memcpy(f->data, data, len);
	return f;
}

void host_frame_free(struct host_frame *f)
{
	free(f);
}

static void capture_frame(const struct fakedev *fd, const struct host_frame *f)
{
	u64 now_ns = ktime_get_real_ns();
	u32 head[4] = {(u32)(now_ns / NSEC_PER_SEC), (u32)(now_ns % NSEC_PER_SEC), (u32)f->len,
		       (u32)f->len};

	if (!fd->capture)
		return;
	fwrite(head, sizeof(head), 1, fd->capture);
	fwrite(f->data, f->len, 1, fd->capture);
	fflush(fd->capture);
}

void fakedev_capture(struct net_device *dev, const char *path)
{
	/* magic of nanosecond files, version 2.4, zone, accuracy, longest frame, Ethernet */
	static const u32 head[6] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, MAX_FRAME, 1};
	struct fakedev *fd = netdev_priv(dev);

	if (fd->capture)
		fclose(fd->capture);
	fd->capture = path ? fopen(path, "wb") : NULL;
	if (fd->capture)
		fwrite(head, sizeof(head), 1, fd->capture);
}

/* --- transmit --------------------------------------------------------------------------------- */

static struct host_frame *frame_from_skb(const struct sk_buff *skb)
{
	struct host_frame *f = frame_alloc(skb->len);

	if (skb_copy_bits(skb, 0, f->data, skb->len))
		host_die("a packet of %u bytes holds fewer", skb->len);
	f->queue = skb->queue_mapping;
	f->gso_size = skb_shinfo(skb)->gso_size;
	f->gso_type = skb_shinfo(skb)->gso_type;
	f->hdr_len = (u16)min(skb_headlen(skb), 0xffffu);
	f->csum_partial = skb->ip_summed == CHECKSUM_PARTIAL;
	if (f->csum_partial) {
		f->csum_start = (u16)(skb->csum_start - skb_headroom(skb));
		f->csum_offset = skb->csum_offset;
	}
	return f;
}

/* What a driver may rely on; the stack must not break it. */
static void check_tx(const struct sk_buff *skb, const struct net_device *dev)
{
	u32 max = skb_is_gso(skb) ? MAX_FRAME : dev->mtu + dev->hard_header_len;

	if (skb->len < dev->hard_header_len || skb->len > max)
		host_die("%s was given a frame of %u bytes", dev->name, skb->len);
	if (skb_is_nonlinear(skb) && !(dev->features & NETIF_F_SG))
		host_die("%s was given fragments without offering NETIF_F_SG", dev->name);
	if (skb_is_gso(skb) && !(dev->features & (NETIF_F_TSO | NETIF_F_TSO6)))
		host_die("%s was given a super-packet without offering it", dev->name);
	if (skb->ip_summed == CHECKSUM_PARTIAL && !(dev->features & NETIF_F_CSUM_MASK))
		host_die("%s was given a checksum to finish without offering it", dev->name);
	if (!in_softirq())
		host_die("%s: ndo_start_xmit() with softirqs on", dev->name);
}

static netdev_tx_t fake_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct fakedev *fd = netdev_priv(dev);
	unsigned q = skb->queue_mapping;
	struct netdev_queue *txq = netdev_get_tx_queue(dev, q);
	struct host_frame *f;

	check_tx(skb, dev);
	if (fd->config.tx_ring && fd->queue[q].tx.qlen == fd->config.tx_ring)
		return NETDEV_TX_BUSY;
	f = frame_from_skb(skb);
	capture_frame(fd, f);
	netdev_tx_sent_queue(txq, skb->len);
	if (fd->config.tx_ring) {
		__skb_queue_tail(&fd->queue[q].tx, skb);
		if (fd->queue[q].tx.qlen == fd->config.tx_ring)
			netif_tx_stop_queue(txq);
	} else {
		netdev_tx_completed_queue(txq, 1, skb->len);
		consume_skb(skb);
	}
	if (fd->on_tx) {
		fd->on_tx(f, fd->on_tx_arg);
	} else {
		list_add_tail(&f->list, &fd->sent);
		fd->sent_count++;
	}
	return NETDEV_TX_OK;
}

void fakedev_tx_complete(struct net_device *dev, unsigned queue, unsigned n)
{
	struct fakedev *fd = netdev_priv(dev);
	struct netdev_queue *txq = netdev_get_tx_queue(dev, queue);
	struct sk_buff *skb;
	u32 bytes = 0;
	u32 pkts = 0;

	while (pkts < n && (skb = __skb_dequeue(&fd->queue[queue].tx))) {
		pkts++;
		bytes += skb->len;
		consume_skb(skb);
	}
	netdev_tx_completed_queue(txq, pkts, bytes);
	if (pkts && netif_tx_queue_stopped(txq))
		netif_tx_wake_queue(txq);
}

unsigned fakedev_tx_in_ring(const struct net_device *dev, unsigned queue)
{
	const struct fakedev *fd = (const void *)dev->priv;

	return fd->queue[queue].tx.qlen;
}

struct host_frame *fakedev_tx_next(struct net_device *dev)
{
	struct fakedev *fd = netdev_priv(dev);
	struct host_frame *f = list_first_entry_or_null(&fd->sent, struct host_frame, list);

	if (f) {
		list_del(&f->list);
		fd->sent_count--;
	}
	return f;
}

unsigned fakedev_tx_count(const struct net_device *dev)
{
	return ((const struct fakedev *)(const void *)dev->priv)->sent_count;
}

void fakedev_tx_discard(struct net_device *dev)
{
	struct host_frame *f;

	while ((f = fakedev_tx_next(dev)))
		host_frame_free(f);
}

void fakedev_on_tx(struct net_device *dev, void (*fn)(struct host_frame *f, void *arg), void *arg)
{
	struct fakedev *fd = netdev_priv(dev);

	fd->on_tx = fn;
	fd->on_tx_arg = arg;
}

/* --- receive ---------------------------------------------------------------------------------- */

/* The rest of f from `at` on, as page fragments. */
static bool add_fragments(struct sk_buff *skb, const struct host_frame *f, size_t at, size_t max)
{
	while (at < f->len && skb_shinfo(skb)->nr_frags < MAX_SKB_FRAGS) {
		size_t n = min(f->len - at, max);
		void *frag = page_frag_alloc(n, 1, GFP_ATOMIC);
		struct page *page;

		if (!frag)
			return false;
		memcpy(frag, f->data + at, n);
		page = virt_to_head_page(frag);
		skb_add_rx_frag(skb, page, (u32)((char *)frag - (char *)page_address(page)), (u32)n,
				(u32)n);
		at += n;
	}
	return at == f->len;
}

static struct sk_buff *skb_from_frame(struct net_device *dev, const struct host_frame *f)
{
	const struct fakedev *fd = netdev_priv(dev);
	size_t linear = f->len;
	struct sk_buff *skb;

	if (fd->config.rx_linear)
		linear = min(linear, (size_t)fd->config.rx_linear);
	/* Of its own memory, just large enough: reading past it is seen. */
	skb = alloc_skb((u32)(RX_HEADROOM + linear), GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, RX_HEADROOM);
	memcpy(skb_put(skb, (u32)linear), f->data, linear);
	if (!add_fragments(skb, f, linear,
			   fd->config.rx_frag ? fd->config.rx_frag : DEFAULT_RX_FRAG)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_NOMEM);
		return NULL;
	}
	if (fd->config.rx_cost_pages && f->len >= PAGE_SIZE - SKB_OVERHEAD)
		skb->truesize = (u32)ALIGN(f->len + NET_SKB_PAD, PAGE_SIZE) + (u32)sizeof(*skb);
	skb_shinfo(skb)->gso_size = f->gso_size;
	skb_shinfo(skb)->gso_type = f->gso_type;
	if (f->gso_size)
		skb_shinfo(skb)->gso_segs =
			(u16)DIV_ROUND_UP(f->len - f->hdr_len, (size_t)f->gso_size);
	if (f->csum_partial) {
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = (u16)(skb_headroom(skb) + f->csum_start);
		skb->csum_offset = f->csum_offset;
	} else if (f->csum_valid && dev->features & NETIF_F_RXCSUM) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	}
	return skb;
}

static int fake_poll(struct napi_struct *napi, int budget)
{
	struct fake_queue *q = container_of(napi, struct fake_queue, napi);
	struct net_device *dev = q->dev;
	int done = 0;

	while (done < budget && !list_empty(&q->rx)) {
		struct host_frame *f = list_first_entry(&q->rx, struct host_frame, list);
		struct sk_buff *skb = skb_from_frame(dev, f);

		list_del(&f->list);
		q->rx_count--;
		done++;
		if (skb) {
			skb->queue_mapping = (u16)q->index;
			skb->protocol = eth_type_trans(skb, dev);
			napi_gro_receive(napi, skb);
		} else {
			dev_stats_inc(dev, rx_dropped);
		}
		host_frame_free(f);
	}
	if (done < budget && napi_complete_done(napi, done) && !list_empty(&q->rx))
		napi_schedule(napi);
	return done;
}

static void rx_interrupt(void *arg)
{
	napi_schedule(arg);
}

bool fakedev_rx_frame(struct net_device *dev, unsigned queue, struct host_frame *f)
{
	struct fakedev *fd = netdev_priv(dev);
	struct fake_queue *q = &fd->queue[queue];
	unsigned ring = fd->config.rx_ring ? fd->config.rx_ring : DEFAULT_RX_RING;

	capture_frame(fd, f);
	if (!netif_running(dev) || !netif_carrier_ok(dev) || q->rx_count >= ring) {
		host_frame_free(f);
		return false;
	}
	list_add_tail(&f->list, &q->rx);
	q->rx_count++;
	host_interrupt(queue % host_nr_cpus, rx_interrupt, &q->napi);
	return true;
}

bool fakedev_rx(struct net_device *dev, const void *data, size_t len)
{
	return fakedev_rx_frame(dev, 0, host_frame_make(data, len));
}

void fakedev_set_carrier(struct net_device *dev, bool up)
{
	if (up)
		netif_carrier_on(dev);
	else
		netif_carrier_off(dev);
}

/* --- life ------------------------------------------------------------------------------------- */

static int fake_open(struct net_device *dev)
{
	struct fakedev *fd = netdev_priv(dev);

	for (unsigned i = 0; i < fd->queues; i++)
		napi_enable(&fd->queue[i].napi);
	netif_tx_start_all_queues(dev);
	return 0;
}

static int fake_stop(struct net_device *dev)
{
	struct fakedev *fd = netdev_priv(dev);

	netif_tx_stop_all_queues(dev);
	for (unsigned i = 0; i < fd->queues; i++) {
		struct fake_queue *q = &fd->queue[i];

		napi_disable(&q->napi);
		while (!list_empty(&q->rx)) {
			struct host_frame *f = list_first_entry(&q->rx, struct host_frame, list);

			list_del(&f->list);
			host_frame_free(f);
		}
		q->rx_count = 0;
		while (q->tx.qlen)
			consume_skb(__skb_dequeue(&q->tx));
		netdev_tx_reset_queue(netdev_get_tx_queue(dev, i));
	}
	return 0;
}

static const struct net_device_ops fake_ops = {
	.ndo_open = fake_open,
	.ndo_stop = fake_stop,
	.ndo_start_xmit = fake_xmit,
};

struct net_device *fakedev_create(struct net *net, const struct fakedev_config *config)
{
	static u8 count;
	static const u8 zeros[6];
	unsigned queues = config->queues ? config->queues : 1;
	struct net_device *dev = alloc_etherdev_mqs(sizeof(struct fakedev), queues, queues);
	struct fakedev *fd;

	if (!dev)
		host_die("no memory for a device");
	fd = netdev_priv(dev);
	fd->config = *config;
	fd->queues = queues;
	fd->queue = calloc(queues, sizeof(*fd->queue));
	INIT_LIST_HEAD(&fd->sent);
	for (unsigned i = 0; i < queues; i++) {
		struct fake_queue *q = &fd->queue[i];

		q->dev = dev;
		q->index = i;
		INIT_LIST_HEAD(&q->rx);
		skb_queue_head_init(&q->tx);
		netif_napi_add(dev, &q->napi, fake_poll);
	}
	if (config->name)
		snprintf(dev->name, sizeof(dev->name), "%s", config->name);
	memcpy(dev->dev_addr, config->mac, 6);
	if (!memcmp(config->mac, zeros, 6)) {
		dev->dev_addr[0] = 2; /* locally administered */
		dev->dev_addr[5] = ++count;
	}
	dev->features = config->features;
	dev->max_mtu = 9000;
	dev->mtu = config->mtu ? config->mtu : dev->mtu;
	dev->real_num_tx_queues = (u16)queues;
	dev->netdev_ops = &fake_ops;
	dev->driver_name = "fake";
	if (register_netdev(dev, net))
		host_die("%s cannot be registered", dev->name);
	return dev;
}

void fakedev_destroy(struct net_device *dev)
{
	struct fakedev *fd = netdev_priv(dev);

	unregister_netdev(dev);
	fakedev_tx_discard(dev);
	fakedev_capture(dev, NULL);
	for (unsigned i = 0; i < fd->queues; i++)
		netif_napi_del(&fd->queue[i].napi);
	free(fd->queue);
	free_netdev(dev);
}
