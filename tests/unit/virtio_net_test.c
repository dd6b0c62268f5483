/* SPDX-License-Identifier: MIT */
/*
 * virtio-net between the real stack above and a device below that is made of memory: the test plays
 * the host. Shown: feature negotiation; packets of every size both ways in every buffer layout,
 * with checksum and segmentation left to the other side; ring full, memory short, link down; and
 * that nothing a device writes gets further than an error counter, a drop reason or a reset.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned cpus = 1;

static unsigned test_cpus(void)
{
	return cpus;
}
#define num_online_cpus test_cpus

#include "drivers/virtio/ring.c"
#undef pr_fmt
#include "drivers/virtio/bus.c"
#undef pr_fmt
#include "drivers/virtio/net_rx.c"
#undef pr_fmt
#include "drivers/virtio/net_tx.c"
#undef pr_fmt
#include "drivers/virtio/net_ctrl.c"
#undef pr_fmt
#include "drivers/virtio/net.c"
#include "drivers/virtio/net_coal.c"
#include "host/host.h"
#include "include/libc/linux/ethtool.h"

#define TEST_TYPE   0x88b5 /* local experimental EtherType */
#define HOST_QUEUES 9
#define FRAME_MAX   70000u

/* -- the host --------------------------------------------------------------------------------- */

struct frame {
	struct virtio_net_hdr h;
	u32 len;
	u8 data[FRAME_MAX];
};

static struct frame sent; /* the last packet, whole */

static struct host {
	struct virtio_device vdev; /* first */
	u64 features;
	u8 status, config[24];
	bool refuse, hang; /* take FEATURES_OK back; never finish a reset; */
	u8 ctrl_ack;
	bool ctrl_mute;
	u16 seen[HOST_QUEUES]; /* avail entries taken */
	u16 used[HOST_QUEUES], told[HOST_QUEUES];
	unsigned cpu[HOST_QUEUES];
	unsigned resets, ring_max, hold_tx;
	unsigned nsent, bad_frames;
	u8 ctrl_class, ctrl_cmd, ctrl_data[VNET_CTRL_DATA_BYTES];
	u32 ctrl_len;
	u16 ctrl_refused; /* class and command, but for 0 */
	unsigned nctrl;
	struct {
		u32 packets, usecs;
	} coal[HOST_QUEUES]; /* how each queue's notifications are held back */
} host;

static u8 h_get_status(struct virtio_device *d)
{
	return host.status;
}

static void h_set_status(struct virtio_device *d, u8 s)
{
	if (host.refuse)
		s &= ~VIRTIO_S_FEATURES_OK;
	/* Section 3.1.1: bits are only added, in order. */
	assert_int_equal(host.status & ~s & ~VIRTIO_S_FEATURES_OK & 0xff, 0);
	if (s & VIRTIO_S_DRIVER_OK && !d->legacy && !(s & VIRTIO_S_FAILED))
		assert_true(s & VIRTIO_S_FEATURES_OK);
	host.status = s;
}

static bool h_reset(struct virtio_device *d)
{
	host.status = 0;
	host.resets++;
	memset(host.seen, 0, sizeof(host.seen));
	memset(host.used, 0, sizeof(host.used));
	memset(host.told, 0, sizeof(host.told));
	memset(host.coal, 0, sizeof(host.coal));
	return !host.hang;
}

static u64 h_get_features(struct virtio_device *d)
{
	return host.features;
}

static void h_set_features(struct virtio_device *d, u64 f)
{
	assert_true((f & ~host.features) == 0);
}

static void h_get_config(struct virtio_device *d, unsigned off, void *buf, unsigned len)
{
	assert_true(off + len <= sizeof(host.config));
	memcpy(buf, host.config + off, len);
}

static void h_set_config(struct virtio_device *d, unsigned off, const void *buf, unsigned len)
{
	assert_true(off + len <= sizeof(host.config));
	memcpy(host.config + off, buf, len);
}

static u32 h_generation(struct virtio_device *d)
{
	return 0;
}

static void h_notify(struct virtqueue *vq);

static int h_find_vqs(struct virtio_device *d, unsigned n, const struct vq_spec *spec)
{
	assert_true(n <= HOST_QUEUES);
	for (unsigned i = 0; i < n; i++) {
		if (!spec[i].name)
			continue;
		d->vqs[i] = virtqueue_create(d, i, virtio_queue_size(d, i, host.ring_max), 64,
					     spec[i].name, spec[i].callback);
		if (!d->vqs[i])
			return -ENOMEM;
		d->vqs[i]->notify = h_notify;
		host.cpu[i] = 0;
	}
	return 0;
}

static void h_del_irqs(struct virtio_device *d)
{
}

static const struct virtio_ops host_ops = {
	.name = "test",
	.get_status = h_get_status,
	.set_status = h_set_status,
	.reset = h_reset,
	.get_features = h_get_features,
	.set_features = h_set_features,
	.get_config = h_get_config,
	.set_config = h_set_config,
	.generation = h_generation,
	.find_vqs = h_find_vqs,
	.del_irqs = h_del_irqs,
};

static void irq(void *arg)
{
	struct virtqueue *vq = arg;

	virtqueue_interrupt(vq);
}

static void config_irq(void *arg)
{
	virtio_config_interrupt(arg);
}

/* Section 2.7.8, and 2.7.7 for the interrupt: one for all that was used since the last. */
static void h_use(struct virtqueue *vq, u32 id, u32 len, bool tell)
{
	u16 *used = &host.used[vq->index], *told = &host.told[vq->index];
	bool wanted;

	vq->used->ring[*used % vq->num] = (struct vring_used_elem){id, len};
	vq->used->idx = ++*used;
	if (!tell)
		return;
	wanted = vq->event ? vring_need_event(*vq->used_event, *used, *told)
			   : !(vq->avail->flags & VRING_AVAIL_F_NO_INTERRUPT);
	*told = *used;
	if (wanted && vq->callback)
		host_interrupt(host.cpu[vq->index], irq, vq);
}

/* Section 2.7.10: all has been seen, notify me of the next. */
static void h_idle(struct virtqueue *vq)
{
	if (vq->event)
		*(u16 *)(void *)&vq->used->ring[vq->num] = host.seen[vq->index];
}

struct chain {
	u16 id;
	unsigned n, out;
	struct vring_desc d[VQ_MAX_SEGS + 2];
};

static bool h_next(struct virtqueue *vq, struct chain *c)
{
	const struct vring_desc *table = vq->desc;
	unsigned at;

	if (host.seen[vq->index] == vq->avail->idx)
		return false;
	*c = (struct chain){.id = vq->avail->ring[host.seen[vq->index]++ % vq->num]};
	at = c->id;
	if (table[at].flags & VRING_DESC_F_INDIRECT) {
		table = (const struct vring_desc *)(uintptr_t)table[at].addr;
		at = 0;
	}
	for (;; at = table[at].next) {
		assert_true(c->n < ARRAY_SIZE(c->d));
		c->d[c->n++] = table[at];
		c->out += !(table[at].flags & VRING_DESC_F_WRITE);
		if (!(table[at].flags & VRING_DESC_F_NEXT))
			return true;
	}
}

static unsigned h_hdr_bytes(void)
{
	return ((struct vnet *)host.vdev.priv)->hdr_bytes;
}

/* A packet from the guest: all its pieces, one after another. */
static void h_sent(const struct chain *c)
{
	static u8 all[FRAME_MAX + VNET_HDR_HASH_BYTES];
	u32 n = 0, hdr = h_hdr_bytes();

	assert_int_equal(c->out, c->n);
	for (unsigned i = 0; i < c->n; i++) {
		assert_true(n + c->d[i].len <= sizeof(all));
		memcpy(all + n, (void *)(uintptr_t)c->d[i].addr, c->d[i].len);
		n += c->d[i].len;
	}
	assert_true(n >= hdr + VNET_LINK_HLEN);
	memset(&sent.h, 0, sizeof(sent.h));
	memcpy(&sent.h, all, hdr);
	sent.len = n - hdr;
	memcpy(sent.data, all + hdr, n - hdr);
	host.nsent++;
}

/* Virtio 1.3 section 5.1.6.5: all transmit or receive queues, or one. */
static void h_coalesce(void)
{
	unsigned first = host.ctrl_cmd == CTRL_NOTF_COAL_TX_SET, step = 2;
	const u8 *p = host.ctrl_data;
	u16 vq;

	if (host.ctrl_cmd == CTRL_NOTF_COAL_VQ_SET) {
		assert_true(host.features & VIRTIO_BIT(VIRTIO_NET_F_VQ_NOTF_COAL));
		memcpy(&vq, p, sizeof(vq));
		first = vq;
		step = HOST_QUEUES;
		p += 4;
	} else {
		assert_true(host.features & VIRTIO_BIT(VIRTIO_NET_F_NOTF_COAL));
	}
	assert_int_equal(host.ctrl_data + host.ctrl_len, p + 8);
	for (unsigned i = first; i < HOST_QUEUES; i += step) {
		memcpy(&host.coal[i].packets, p, 4);
		memcpy(&host.coal[i].usecs, p + 4, 4);
	}
}

static void h_command(const struct chain *c)
{
	const u8 *hdr = (const u8 *)(uintptr_t)c->d[0].addr;

	assert_true(c->n >= 2 && c->out == c->n - 1 && c->d[0].len == 2);
	assert_int_equal(c->d[c->n - 1].len, 1);
	host.ctrl_class = hdr[0];
	host.ctrl_cmd = hdr[1];
	host.nctrl++;
	host.ctrl_len = c->n == 3 ? c->d[1].len : 0;
	assert_true(host.ctrl_len <= sizeof(host.ctrl_data));
	if (host.ctrl_len)
		memcpy(host.ctrl_data, (void *)(uintptr_t)c->d[1].addr, host.ctrl_len);
	if (hdr[0] == CTRL_NOTF_COAL && host.ctrl_refused != (hdr[0] << 8 | hdr[1]))
		h_coalesce();
	*(u8 *)(uintptr_t)c->d[c->n - 1].addr =
		host.ctrl_refused && host.ctrl_refused == (hdr[0] << 8 | hdr[1]) ? 1
										 : host.ctrl_ack;
}

static void h_run_tx(struct virtqueue *vq)
{
	struct chain c;

	while (host.nsent < host.hold_tx && h_next(vq, &c)) {
		h_sent(&c);
		h_use(vq, c.id, 0, true);
	}
	h_idle(vq);
}

static void h_notify(struct virtqueue *vq)
{
	struct chain c;

	assert_true(host.status & VIRTIO_S_DRIVER_OK);
	if (vq->callback && vq->index & 1) {
		h_run_tx(vq);
	} else if (!vq->callback && !host.ctrl_mute) {
		while (h_next(vq, &c)) {
			h_command(&c);
			h_use(vq, c.id, 1, false);
		}
		h_idle(vq);
	}
}

/* -- the guest -------------------------------------------------------------------------------- */

static struct {
	unsigned n;
	u32 len, gso_size, gso_type;
	u32 hash;
	u16 queue;
	u8 ip_summed;
	u8 data[FRAME_MAX];
} got;

static int test_rcv(struct sk_buff *skb, struct net_device *dev)
{
	got.n++;
	got.len = skb->len;
	got.ip_summed = skb->ip_summed;
	got.hash = skb->hash;
	got.queue = skb->queue_mapping;
	got.gso_size = skb_shinfo(skb)->gso_size;
	got.gso_type = skb_shinfo(skb)->gso_type;
	assert_true(skb->len <= FRAME_MAX);
	assert_int_equal(skb_copy_bits(skb, 0, got.data, skb->len), 0);
	assert_true(skb->truesize >= skb->len);
	consume_skb(skb);
	return 0;
}

static const struct packet_type test_packet_type = {.type = TEST_TYPE, .func = test_rcv};
PACKET_TYPE(test_packet_type);

static struct net_device *dev_of_host(void)
{
	return ((struct vnet *)host.vdev.priv)->dev;
}

#define F(name) VIRTIO_BIT(VIRTIO_NET_F_##name)
#define BASE    (VIRTIO_BIT(VIRTIO_F_VERSION_1) | F(MAC) | F(STATUS))
#define RING    (VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX))
#define FULL                                                                                    \
	(BASE | RING | F(CSUM) | F(GUEST_CSUM) | F(MRG_RXBUF) | F(GUEST_TSO4) | F(GUEST_TSO6) | \
	 F(GUEST_ECN) | F(HOST_TSO4) | F(HOST_TSO6) | F(HOST_ECN) | F(CTRL_VQ) | F(CTRL_RX) |   \
	 F(CTRL_MAC_ADDR) | F(GUEST_ANNOUNCE) | F(MQ))

/* What the configuration says of receive side scaling, sections 5.1.4 and 5.1.4.2. */
static struct {
	u8 key;
	u16 table;
	u32 types;
} __packed rss_config = {40, 128, 0x3f};

static u16 refused; /* see host.ctrl_refused */

/* Plug a device with these features; open it. */
static int plug(u64 features, bool open)
{
	static const u8 mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
	int err;

	memset(&host, 0, sizeof(host));
	memset(&got, 0, sizeof(got));
	host.hold_tx = ~0u;
	host.ring_max = 256;
	host.features = features;
	host.vdev.ops = &host_ops;
	host.vdev.type = VIRTIO_ID_NET;
	host.vdev.legacy = !(features & VIRTIO_BIT(VIRTIO_F_VERSION_1));
	memcpy(host.config, mac, 6);
	host.config[VNET_CFG_STATUS] = VIRTIO_NET_S_LINK_UP;
	host.config[VNET_CFG_MAX_PAIRS] = 4;
	memcpy(host.config + VNET_CFG_RSS_KEY, &rss_config, sizeof(rss_config));
	host.ctrl_refused = refused;
	host.config[VNET_CFG_MTU] = 1500 & 0xff;
	host.config[VNET_CFG_MTU + 1] = 1500 >> 8;
	err = virtio_register_device(&host.vdev);
	if (err || !open)
		return err;
	rtnl_lock();
	err = dev_open(dev_of_host());
	rtnl_unlock();
	return err;
}

/* There is no hot-unplug: the test takes the device apart itself. */
static void unplug(void)
{
	struct vnet *vn = host.vdev.priv;
	struct net_device *dev = vn->dev;

	unregister_netdev(dev);
	host_run_for(10 * NSEC_PER_MSEC);
	for (unsigned i = 0; i < vn->pairs; i++) {
		netif_napi_del(&vn->rq[i].napi);
		netif_napi_del(&vn->sq[i].napi);
	}
	free_pairs(vn);
	free_netdev(dev);
	list_del(&host.vdev.list);
}

static unsigned inject_pair;

/* Write a packet into the guest's next buffers, at most chunk bytes in each. num_buffers is set
 * to what it takes, plus lie. Returns false where there are no buffers. */
static bool inject(const struct virtio_net_hdr *h0, const u8 *frame, u32 len, u32 chunk, int lie)
{
	struct vnet *vn = host.vdev.priv;
	struct virtqueue *vq = vn->rq[inject_pair].vq;
	static u8 all[FRAME_MAX + VNET_HDR_HASH_BYTES];
	struct {
		u16 id;
		u32 len;
	} use[64];
	u32 hdr = vn->hdr_bytes, at = 0, total = len + hdr;
	struct virtio_net_hdr h = *h0, *first = NULL;
	unsigned n = 0;

	memcpy(all, &h, hdr);
	memcpy(all + hdr, frame, len);
	do {
		struct chain c;
		u32 room = chunk;

		if (n == ARRAY_SIZE(use) || !h_next(vq, &c))
			return false;
		use[n].id = c.id;
		use[n].len = 0;
		if (!first)
			first = (void *)(uintptr_t)c.d[0].addr;
		for (unsigned i = 0; i < c.n && room && at < total; i++) {
			u32 take = min3(c.d[i].len, room, total - at);

			memcpy((void *)(uintptr_t)c.d[i].addr, all + at, take);
			at += take;
			room -= take;
			use[n].len += take;
		}
		n++;
	} while (at < total && vn->mergeable);
	if (hdr >= VNET_HDR_BYTES)
		first->num_buffers = (u16)((int)n + lie);
	for (unsigned i = 0; i < n; i++)
		h_use(vq, use[i].id, use[i].len, i + 1 == n);
	return at == total;
}

static u8 pattern[FRAME_MAX];

static void make_frame(u8 *frame, u32 len)
{
	for (u32 i = 0; i < len; i++)
		frame[i] = pattern[i] = (u8)host_random();
	memcpy(frame, dev_of_host()->dev_addr, 6);
	frame[12] = TEST_TYPE >> 8;
	frame[13] = TEST_TYPE & 0xff;
}

/* -- tests ------------------------------------------------------------------------------------ */

static void features_depend_on_each_other(void **state)
{
	struct virtio_device *d = &host.vdev;

	assert_int_equal(plug(FULL, false), 0);
	assert_int_equal(d->features & F(MQ), 0); /* one CPU */
	assert_int_equal(d->features, FULL & ~F(MQ));
	unplug();
	assert_int_equal(plug(FULL & ~F(MRG_RXBUF), false), 0);
	assert_int_equal(d->features & GUEST_TSO_BITS, 0);
	unplug();
	assert_int_equal(plug(FULL & ~F(CSUM) & ~F(CTRL_VQ), false), 0);
	assert_int_equal(d->features & (HOST_TSO_BITS | CTRL_BITS), 0);
	unplug();
	/* What nobody here knows is not taken: packed rings, bit 40. */
	assert_int_equal(plug(BASE | VIRTIO_BIT(34) | VIRTIO_BIT(40), false), 0);
	assert_int_equal(d->features, BASE);
	unplug();
}

static void refusal_is_polite(void **state)
{
	/* A modern interface without VERSION_1 */
	memset(&host, 0, sizeof(host));
	host.vdev.ops = &host_ops;
	host.vdev.type = VIRTIO_ID_NET;
	host.features = F(MAC);
	assert_int_equal(virtio_register_device(&host.vdev), -ENODEV);
	assert_true(host.status & VIRTIO_S_FAILED);
	list_del(&host.vdev.list);
	/* FEATURES_OK taken back */
	memset(&host, 0, sizeof(host));
	host.vdev.ops = &host_ops;
	host.vdev.type = VIRTIO_ID_NET;
	host.features = BASE;
	host.refuse = true;
	assert_int_equal(virtio_register_device(&host.vdev), -ENODEV);
	assert_true(host.status & VIRTIO_S_FAILED);
	list_del(&host.vdev.list);
	/* A reset that never ends */
	memset(&host, 0, sizeof(host));
	host.vdev.ops = &host_ops;
	host.vdev.type = VIRTIO_ID_NET;
	host.features = BASE;
	host.hang = true;
	assert_int_equal(virtio_register_device(&host.vdev), -EIO);
	list_del(&host.vdev.list);
	/* No driver for it */
	memset(&host, 0, sizeof(host));
	host.vdev.ops = &host_ops;
	host.vdev.type = 2;
	assert_int_equal(virtio_register_device(&host.vdev), -ENODEV);
	list_del(&host.vdev.list);
}

/* Layouts of receive buffers: mergeable, one buffer, legacy with header apart, event index or not.
 */
static const u64 layouts[] = {
	FULL,
	BASE,
	BASE | RING,
	FULL & ~F(MRG_RXBUF),
	F(MAC) | F(STATUS),
	F(MAC) | F(MRG_RXBUF),
	F(MAC) | VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX),
};

static void frames_of_all_sizes_come_in(void **state)
{
	static const u32 sizes[] = {14, 15, 60, 61, 127, 128, 129, 142, 143, 590, 1513, 1514, 1518};
	static const struct virtio_net_hdr h;
	static u8 frame[2000];

	for (unsigned l = 0; l < ARRAY_SIZE(layouts); l++) {
		assert_int_equal(plug(layouts[l], true), 0);
		for (unsigned n = 0; n < 1000; n++) {
			u32 len = sizes[n % ARRAY_SIZE(sizes)];

			make_frame(frame, len);
			assert_true(inject(&h, frame, len, ~0u, 0));
			assert_int_equal(got.n, n + 1);
			assert_int_equal(got.len, len - 14);
			assert_memory_equal(got.data, pattern + 14, len - 14);
			assert_int_equal(got.ip_summed, CHECKSUM_NONE);
		}
		unplug();
	}
}

/* A super-packet in many buffers, first in small ones, later in whole pages. */
static void large_packets_come_in_pieces(void **state)
{
	struct virtio_net_hdr h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				   .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
				   .gso_size = 1448,
				   .hdr_len = 66,
				   .csum_start = 34,
				   .csum_offset = 16};
	static u8 frame[FRAME_MAX];

	assert_int_equal(plug(FULL, true), 0);
	for (unsigned n = 0; n < 400; n++) {
		u32 len = 1600 + host_random_below(64000);
		u32 chunk = n % 3 ? ~0u : len / 20 + 60;

		make_frame(frame, len);
		assert_true(inject(&h, frame, len, chunk, 0));
		assert_int_equal(got.n, n + 1);
		assert_int_equal(got.len, len - 14);
		assert_memory_equal(got.data, pattern + 14, len - 14);
		assert_int_equal(got.gso_size, 1448);
		assert_int_equal(got.gso_type, SKB_GSO_TCPV4 | SKB_GSO_DODGY);
		assert_int_equal(got.ip_summed, CHECKSUM_UNNECESSARY);
	}
	unplug();
}

/* Short packets and the longest in turns, so that buffers of all sizes are in the ring: there is
 * always room for the longest, as a device that finds none waits until the driver adds some. */
static void ring_has_room_for_the_longest(void **state)
{
	static const struct virtio_net_hdr plain;
	static const struct virtio_net_hdr h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
						.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
						.gso_size = 1448,
						.hdr_len = 66,
						.csum_start = 34,
						.csum_offset = 16};
	static const unsigned rings[] = {256, 64, 16};
	static u8 frame[FRAME_MAX];

	for (unsigned r = 0; r < ARRAY_SIZE(rings); r++) {
		assert_int_equal(plug(FULL, false), 0);
		host.ring_max = rings[r];
		rtnl_lock();
		assert_int_equal(dev_open(dev_of_host()), 0);
		rtnl_unlock();
		make_frame(frame, sizeof(frame));
		for (unsigned n = 0; n < 200; n++) {
			unsigned small = host_random_below(300), big = host_random_below(20);

			while (small--)
				assert_true(inject(&plain, frame, 1000, ~0u, 0));
			while (big--) {
				u32 len = 65000 - (n % 2 ? host_random_below(60000) : 0);

				assert_true(inject(&h, frame, len, ~0u, 0));
				assert_int_equal(got.len, len - 14);
			}
		}
		unplug();
	}
}

/* Jumbo frames without mergeable buffers: as many pages a buffer as the MTU needs. */
static void jumbo_frames_without_mergeable_buffers(void **state)
{
	static const u32 mtus[] = {2000, 3600, 4000, 9000, 65535};
	static const struct virtio_net_hdr h;
	static u8 frame[FRAME_MAX];

	for (unsigned m = 0; m < ARRAY_SIZE(mtus); m++) {
		assert_int_equal(plug(BASE | (m & 1 ? RING : 0), false), 0);
		rtnl_lock();
		assert_int_equal(dev_set_mtu(dev_of_host(), mtus[m]), 0);
		assert_int_equal(dev_open(dev_of_host()), 0);
		rtnl_unlock();
		for (unsigned n = 0; n < 100; n++) {
			u32 len = 14 + (n < 3 ? mtus[m] - n : host_random_below(mtus[m]));

			make_frame(frame, len);
			assert_true(inject(&h, frame, len, ~0u, 0));
			assert_int_equal(got.n, n + 1);
			assert_int_equal(got.len, len - 14);
			assert_memory_equal(got.data, pattern + 14, len - 14);
		}
		unplug();
	}
}

static void expect_rx_drop(const struct virtio_net_hdr *h, u32 len, u32 chunk, int lie)
{
	static u8 frame[FRAME_MAX];
	static const struct virtio_net_hdr good;
	struct rtnl_link_stats64_k before, after;
	unsigned n = got.n;

	dev_get_stats(dev_of_host(), &before);
	make_frame(frame, len);
	inject(h, frame, len, chunk, lie);
	dev_get_stats(dev_of_host(), &after);
	assert_int_equal(got.n, n);
	assert_true(after.rx_errors > before.rx_errors);
	/* And it goes on. */
	make_frame(frame, 100);
	assert_true(inject(&good, frame, 100, ~0u, 0));
	assert_int_equal(got.n, n + 1);
}

static void bad_headers_are_dropped_and_counted(void **state)
{
	static const struct virtio_net_hdr bad[] = {
		{.gso_type = VIRTIO_NET_HDR_GSO_TCPV4},                 /* gso_size 0 */
		{.gso_type = 3, .gso_size = 1000},                      /* UFO was not agreed */
		{.gso_type = 77, .gso_size = 1000},                     /* nobody knows */
		{.gso_type = VIRTIO_NET_HDR_GSO_ECN},                   /* ECN of nothing */
		{.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4, .gso_size = 9}, /* not agreed */
		{.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 2000},
		{.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 65535, .csum_offset = 65535},
		{.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 0, .csum_offset = 0},
		{.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 999, .csum_offset = 0},
	};
	static const struct virtio_net_hdr good;

	assert_int_equal(plug(FULL, true), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		expect_rx_drop(&bad[i], 1000, ~0u, 0);
	expect_rx_drop(&good, 13, ~0u, 0);   /* no whole Ethernet header */
	expect_rx_drop(&good, 0, ~0u, 0);    /* nothing */
	expect_rx_drop(&good, 500, ~0u, -1); /* in 0 buffers */
	expect_rx_drop(&good, 500, ~0u, 1);  /* a buffer more than were used */
	expect_rx_drop(&good, 500, ~0u, 30000);
	unplug();
	/* Only TSO over IPv4 agreed */
	assert_int_equal(plug(FULL & ~F(GUEST_TSO6), true), 0);
	expect_rx_drop(
		&(struct virtio_net_hdr){.gso_type = VIRTIO_NET_HDR_GSO_TCPV6, .gso_size = 1000},
		3000, ~0u, 0);
	unplug();
}

static void broken_ring_is_reset_and_works_again(void **state)
{
	static const struct virtio_net_hdr h;
	static u8 frame[200];

	assert_int_equal(plug(FULL, true), 0);
	for (unsigned n = 0; n < VNET_RESET_SERIES; n++) {
		struct virtqueue *vq = ((struct vnet *)host.vdev.priv)->rq[0].vq;
		unsigned resets = host.resets;

		h_use(vq, n & 1 ? 100000 : 3, n & 1 ? 10 : 100000, true);
		host_run_for(10 * NSEC_PER_MSEC);
		assert_true(host.resets > resets);
		assert_true(netif_carrier_ok(dev_of_host()));
		make_frame(frame, sizeof(frame));
		assert_true(inject(&h, frame, sizeof(frame), ~0u, 0));
		assert_int_equal(got.n, n + 1);
	}
	/* Once too often: no carrier until it is opened anew. */
	h_use(((struct vnet *)host.vdev.priv)->rq[0].vq, 60000, 0, true);
	host_run_for(10 * NSEC_PER_MSEC);
	assert_false(netif_carrier_ok(dev_of_host()));
	assert_true(host.status & VIRTIO_S_FAILED);
	rtnl_lock();
	dev_close(dev_of_host());
	assert_int_equal(dev_open(dev_of_host()), 0);
	rtnl_unlock();
	make_frame(frame, sizeof(frame));
	assert_true(inject(&h, frame, sizeof(frame), ~0u, 0));
	unplug();
}

/* Packets built at random, sent and compared. */
static struct sk_buff *make_skb(u32 linear, unsigned frags, u8 *copy)
{
	struct net_device *dev = dev_of_host();
	struct sk_buff *skb = alloc_skb(MAX_HEADER + linear, GFP_KERNEL);

	assert_non_null(skb);
	skb_reserve(skb, MAX_HEADER);
	memcpy(skb_put(skb, linear), pattern, linear);
	for (unsigned i = 0; i < frags; i++) {
		struct page *p = alloc_page(GFP_KERNEL);
		u32 len = 1 + host_random_below(3000);

		memcpy((u8 *)page_address(p) + 100, pattern + i * 100, len);
		skb_add_rx_frag(skb, p, 100, len, PAGE_SIZE);
	}
	skb->dev = dev;
	skb->protocol = BE16(TEST_TYPE);
	assert_int_equal(skb_copy_bits(skb, 0, copy, skb->len), 0);
	return skb;
}

static void packets_go_out_whole(void **state)
{
	static u8 copy[FRAME_MAX];

	for (unsigned l = 0; l < ARRAY_SIZE(layouts); l++) {
		bool sg = layouts[l] & F(CSUM);

		assert_int_equal(plug(layouts[l], true), 0);
		make_frame(copy, FRAME_MAX);
		for (unsigned n = 0; n < 600; n++) {
			struct sk_buff *skb = make_skb(14 + host_random_below(1500),
						       sg ? host_random_below(18) : 0, copy);
			struct sk_buff *clone = n % 3 ? NULL : skb_clone(skb, GFP_KERNEL);
			u32 len = skb->len;

			assert_int_equal(dev_queue_xmit(skb), 0);
			assert_int_equal(host.nsent, n + 1);
			assert_int_equal(sent.len, len);
			assert_memory_equal(sent.data, copy, len);
			assert_int_equal(sent.h.flags, 0);
			assert_int_equal(sent.h.gso_type, 0);
			assert_int_equal(sent.h.num_buffers, 0);
			if (clone)
				consume_skb(clone);
		}
		unplug();
	}
}

static void offloads_are_described(void **state)
{
	static u8 copy[FRAME_MAX];
	struct sk_buff *skb;

	assert_int_equal(plug(FULL, true), 0);
	make_frame(copy, FRAME_MAX);
	skb = make_skb(14 + 20 + 32, 10, copy);
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, 14);
	skb_set_transport_header(skb, 34);
	((u8 *)skb_transport_header(skb))[12] = 8 << 4;
	skb->protocol = BE16(0x0800);
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = (u16)(skb_headroom(skb) + 34);
	skb->csum_offset = 16;
	skb_shinfo(skb)->gso_size = 1448;
	skb_shinfo(skb)->gso_segs = (u16)DIV_ROUND_UP(skb->len - 66, 1448u);
	skb_shinfo(skb)->gso_type = SKB_GSO_TCPV4 | SKB_GSO_TCP_ECN;
	assert_int_equal(dev_queue_xmit(skb), 0);
	assert_int_equal(host.nsent, 1);
	assert_int_equal(sent.h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(sent.h.csum_start, 34);
	assert_int_equal(sent.h.csum_offset, 16);
	assert_int_equal(sent.h.gso_size, 1448);
	assert_int_equal(sent.h.gso_type, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN);
	assert_int_equal(sent.h.hdr_len, 66);
	unplug();
}

/* The device takes nothing for a while: the queue stops in time, nothing is refused, and all of it
 * goes out afterwards. */
static void full_ring_stops_and_wakes(void **state)
{
	static u8 copy[FRAME_MAX];
	static const u64 kinds[] = {FULL, BASE | F(CSUM), BASE | F(CSUM) | RING};

	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct vnet *vn;
		unsigned total = 300;

		assert_int_equal(plug(kinds[k], true), 0);
		vn = host.vdev.priv;
		make_frame(copy, FRAME_MAX);
		host.hold_tx = 0;
		for (unsigned n = 0; n < total; n++)
			dev_queue_xmit(make_skb(100, k ? 5 : 0, copy));
		assert_int_equal(host.nsent, 0);
		assert_true(netif_xmit_stopped(vn->sq[0].txq));
		assert_int_equal(vn->sq[0].stats.errors, 0);
		for (unsigned n = 1; host.nsent < total && n < 10 * total; n++) {
			host.hold_tx = n;
			h_run_tx(vn->sq[0].vq);
			host_run_for(NSEC_PER_MSEC);
		}
		assert_int_equal(host.nsent, total);
		assert_int_equal(vn->sq[0].stats.errors, 0);
		assert_false(netif_xmit_stopped(vn->sq[0].txq));
		unplug();
	}
}

/* Rings of two entries and up: a packet with many fragments goes out all the same. */
static void small_rings_work(void **state)
{
	static u8 copy[FRAME_MAX];
	static const struct virtio_net_hdr h;
	static u8 frame[1514];

	for (unsigned size = 2; size <= 64; size *= 2) {
		for (unsigned l = 0; l < 3; l++) {
			struct vnet *vn;

			assert_int_equal(plug(layouts[l] | F(CSUM), false), 0);
			host.ring_max = size;
			rtnl_lock();
			assert_int_equal(dev_open(dev_of_host()), 0);
			rtnl_unlock();
			vn = host.vdev.priv;
			make_frame(copy, FRAME_MAX);
			for (unsigned n = 0; n < 50; n++) {
				struct sk_buff *skb = make_skb(100, n % 18, copy);
				u32 len = skb->len;

				assert_int_equal(dev_queue_xmit(skb), 0);
				assert_int_equal(host.nsent, n + 1);
				assert_int_equal(sent.len, len);
				assert_memory_equal(sent.data, copy, len);
				make_frame(frame, sizeof(frame));
				assert_true(inject(&h, frame, sizeof(frame), ~0u, 0));
				assert_int_equal(got.n, n + 1);
				make_frame(copy, FRAME_MAX);
			}
			assert_int_equal(vn->sq[0].stats.errors, 0);
			unplug();
		}
	}
}

/* Stuck for good: the watchdog has the device reset. */
static void stuck_transmitter_is_reset(void **state)
{
	static u8 copy[FRAME_MAX];
	unsigned resets;

	assert_int_equal(plug(FULL, true), 0);
	make_frame(copy, FRAME_MAX);
	host.hold_tx = 0;
	resets = host.resets;
	for (unsigned n = 0; n < 400; n++)
		dev_queue_xmit(make_skb(100, 0, copy));
	host_run_for(12 * NSEC_PER_SEC);
	assert_true(host.resets > resets);
	host.hold_tx = ~0u;
	h_run_tx(((struct vnet *)host.vdev.priv)->sq[0].vq);
	dev_queue_xmit(make_skb(100, 0, copy));
	host_run_for(NSEC_PER_SEC);
	assert_true(host.nsent > 0);
	unplug();
}

/* No memory for receive buffers: the ring runs dry, and is filled again when there is some. */
static void empty_ring_is_filled_when_memory_is_back(void **state)
{
	static const struct virtio_net_hdr h;
	static u8 frame[1000];
	unsigned n = 0;

	assert_int_equal(plug(FULL, true), 0);
	make_frame(frame, sizeof(frame));
	mm_fail_every(1);
	while (n < 1000 && inject(&h, frame, sizeof(frame), ~0u, 0))
		n++;
	assert_in_range(n, 64, 257);
	assert_true(got.n <= n);
	host_run_for(100 * NSEC_PER_MSEC);
	mm_fail_every(0);
	host_run_for(100 * NSEC_PER_MSEC);
	got.n = 0;
	for (n = 0; n < 500; n++)
		assert_true(inject(&h, frame, sizeof(frame), ~0u, 0));
	assert_int_equal(got.n, 500);
	unplug();
}

static void link_follows_the_status(void **state)
{
	assert_int_equal(plug(FULL, true), 0);
	assert_true(netif_carrier_ok(dev_of_host()));
	host.config[VNET_CFG_STATUS] = 0;
	host_interrupt(0, config_irq, &host.vdev);
	host_run_for(10 * NSEC_PER_MSEC);
	assert_false(netif_carrier_ok(dev_of_host()));
	host.config[VNET_CFG_STATUS] = VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE;
	host.nctrl = 0;
	host_interrupt(0, config_irq, &host.vdev);
	host_run_for(10 * NSEC_PER_MSEC);
	assert_true(netif_carrier_ok(dev_of_host()));
	assert_int_equal(host.nctrl, 1);
	assert_int_equal(host.ctrl_class, CTRL_ANNOUNCE);
	/* The device asks for a reset (section 2.1.2). */
	host.status |= VIRTIO_S_NEEDS_RESET;
	host.resets = 0;
	host_interrupt(0, config_irq, &host.vdev);
	host_run_for(10 * NSEC_PER_MSEC);
	assert_true(host.resets > 0);
	assert_true(netif_carrier_ok(dev_of_host()));
	unplug();
}

#define RSS (FULL | F(RSS) | F(HASH_REPORT))

/* Section 5.1.6.5.7: a table over all pairs, a key that is not empty; what it says is on show. */
static void flows_are_spread_by_hash(void **state)
{
	struct netdev_rss *rss = calloc(1, sizeof(*rss));
	struct vnet *vn;
	u8 zero[40] = {0};
	u16 v;
	u32 types;

	cpus = 4;
	assert_int_equal(plug(RSS, true), 0);
	vn = host.vdev.priv;
	assert_int_equal(vn->pairs, 4);
	assert_int_equal(vn->hdr_bytes, 20);
	assert_int_equal(vn->dev->real_num_tx_queues, 4);
	assert_int_equal(host.ctrl_class << 8 | host.ctrl_cmd, CTRL_MQ << 8 | CTRL_MQ_RSS_CONFIG);
	assert_int_equal(host.ctrl_len, 4 + 2 + 2 + 256 + 2 + 1 + 40);
	memcpy(&types, host.ctrl_data, 4);
	assert_int_equal(types, 0x3f);
	memcpy(&v, host.ctrl_data + 4, 2);
	assert_int_equal(v, 127);
	for (unsigned i = 0; i < 128; i++) {
		memcpy(&v, host.ctrl_data + 8 + 2 * i, 2);
		assert_int_equal(v, i % 4);
	}
	memcpy(&v, host.ctrl_data + 264, 2);
	assert_int_equal(v, 4);
	assert_int_equal(host.ctrl_data[266], 40);
	assert_memory_not_equal(host.ctrl_data + 267, zero, 40);
	assert_true(vn->dev->netdev_ops->ndo_get_rss(vn->dev, rss));
	assert_int_equal(rss->entries, 128);
	assert_memory_equal(rss->key, host.ctrl_data + 267, 40);
	for (unsigned i = 0; i < 128; i++)
		rss->queue[i] = i < 100 ? 3 : 1;
	rss->key[7] ^= 0x55;
	assert_int_equal(vn->dev->netdev_ops->ndo_set_rss(vn->dev, rss), 0);
	for (unsigned i = 0; i < 128; i++) {
		memcpy(&v, host.ctrl_data + 8 + 2 * i, 2);
		assert_int_equal(v, i < 100 ? 3 : 1);
	}
	assert_memory_equal(rss->key, host.ctrl_data + 267, 40);
	unplug();
	cpus = 1;
	free(rss);
}

static int set_channels(unsigned n)
{
	int err;

	rtnl_lock();
	err = netdev_set_channels(dev_of_host(), n);
	rtnl_unlock();
	return err;
}

static u16 ctrl_u16(unsigned at)
{
	u16 v;

	memcpy(&v, host.ctrl_data + at, sizeof(v));
	return v;
}

/* Without a table: the number of pairs is told, also after a reset, and steering follows it. */
static void pairs_are_changed(void **state)
{
	unsigned told;

	cpus = 4;
	assert_int_equal(plug(FULL, true), 0);
	assert_int_equal(set_channels(1), 0);
	assert_int_equal(host.ctrl_class << 8 | host.ctrl_cmd, CTRL_MQ << 8 | CTRL_MQ_VQ_PAIRS_SET);
	assert_int_equal(ctrl_u16(0), 1);
	assert_int_equal(dev_of_host()->real_num_tx_queues, 1);
	assert_int_equal(set_channels(3), 0);
	assert_int_equal(ctrl_u16(0), 3);
	told = host.nctrl;
	assert_int_equal(set_channels(3), 0);
	assert_int_equal(set_channels(0), -EINVAL);
	assert_int_equal(set_channels(5), -EINVAL);
	assert_int_equal(host.nctrl, told);
	host.ctrl_refused = CTRL_MQ << 8 | CTRL_MQ_VQ_PAIRS_SET;
	assert_int_equal(set_channels(2), -EIO);
	assert_int_equal(dev_of_host()->real_num_tx_queues, 3);
	host.ctrl_refused = 0;
	host.ctrl_data[0] = 0;
	host.status |= VIRTIO_S_NEEDS_RESET;
	host_interrupt(0, config_irq, &host.vdev);
	host_run_for(10 * NSEC_PER_MSEC);
	assert_int_equal(((struct vnet *)host.vdev.priv)->resets, 1);
	assert_int_equal(dev_of_host()->real_num_tx_queues, 3);
	/* Down, it is noted. */
	rtnl_lock();
	dev_close(dev_of_host());
	rtnl_unlock();
	told = host.nctrl;
	assert_int_equal(set_channels(2), 0);
	assert_int_equal(host.nctrl, told);
	rtnl_lock();
	assert_int_equal(dev_open(dev_of_host()), 0);
	rtnl_unlock();
	assert_int_equal(dev_of_host()->real_num_tx_queues, 2);
	/* Who chose a CPU's queues keeps those that are there. */
	assert_int_equal(dev_of_host()->xps_queues[0], 1);
	dev_of_host()->xps_configured = true;
	dev_of_host()->xps_queues[0] = 3;
	assert_int_equal(set_channels(1), 0);
	assert_int_equal(dev_of_host()->xps_queues[0], 1);
	assert_int_equal(set_channels(2), 0);
	assert_int_equal(dev_of_host()->xps_queues[0], 1);
	unplug();
	cpus = 1;
}

static int ethtool_rss(u32 entries, u32 queue)
{
	struct ethtool_rxfh *r = calloc(1, sizeof(*r) + 128 * sizeof(u32));
	int err;

	r->cmd = ETHTOOL_SRSSH;
	r->indir_size = entries;
	for (u32 i = 0; i < entries; i++)
		r->rss_config[i] = i % 2 ? queue : 0;
	err = dev_ethtool(&init_net, dev_of_host()->name, r);
	free(r);
	return err;
}

/* The table is shared out anew, unless somebody set it: then it must not name what goes. */
static void table_follows_the_pairs(void **state)
{
	struct ethtool_channels c = {.cmd = ETHTOOL_SCHANNELS, .combined_count = 2, .rx_count = 1};

	cpus = 4;
	assert_int_equal(plug(RSS, true), 0);
	assert_int_equal(set_channels(3), 0);
	assert_int_equal(host.ctrl_class << 8 | host.ctrl_cmd, CTRL_MQ << 8 | CTRL_MQ_RSS_CONFIG);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(ctrl_u16(8 + 2 * i), i % 3);
	assert_int_equal(ctrl_u16(264), 3);
	assert_int_equal(ethtool_rss(128, 3), -EINVAL); /* there is no queue 3 now */
	assert_int_equal(ethtool_rss(128, 1), 0);
	assert_int_equal(set_channels(1), -EINVAL);
	assert_int_equal(dev_of_host()->real_num_tx_queues, 3);
	assert_int_equal(set_channels(2), 0);
	assert_int_equal(set_channels(4), 0);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(ctrl_u16(8 + 2 * i), i % 2);
	assert_int_equal(ctrl_u16(264), 4);
	assert_int_equal(ethtool_rss(0, 0), 0); /* the default */
	assert_int_equal(set_channels(1), 0);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(ctrl_u16(8 + 2 * i), 0);
	assert_int_equal(dev_ethtool(&init_net, dev_of_host()->name, &c), -EINVAL);
	c.rx_count = 0;
	assert_int_equal(dev_ethtool(&init_net, dev_of_host()->name, &c), 0);
	assert_int_equal(dev_of_host()->real_num_tx_queues, 2);
	unplug();
	cpus = 1;
}

static int ethtool_coalesce(struct ethtool_coalesce c)
{
	c.cmd = ETHTOOL_SCOALESCE;
	return dev_ethtool(&init_net, dev_of_host()->name, &c);
}

static void expect_coal(unsigned vq, u32 packets, u32 usecs)
{
	assert_int_equal(host.coal[vq].packets, packets);
	assert_int_equal(host.coal[vq].usecs, usecs);
}

/* ethtool -C on a device that holds all queues' notifications back alike; one that does nothing of
 * the kind says so. */
static void notifications_are_held_back(void **state)
{
	struct ethtool_coalesce c = {.cmd = ETHTOOL_GCOALESCE};

	cpus = 2;
	assert_int_equal(plug(FULL, true), 0);
	assert_int_equal(dev_ethtool(&init_net, dev_of_host()->name, &c), -EOPNOTSUPP);
	assert_int_equal(ethtool_coalesce((struct ethtool_coalesce){.rx_coalesce_usecs = 1}),
			 -EOPNOTSUPP);
	unplug();
	assert_int_equal(plug((FULL | F(NOTF_COAL) | F(VQ_NOTF_COAL)) & ~F(CTRL_VQ), true), 0);
	assert_int_equal(host.vdev.features & COAL_BITS, 0);
	unplug();
	assert_int_equal(plug(FULL | F(NOTF_COAL), true), 0);
	assert_int_equal(ethtool_coalesce((struct ethtool_coalesce){.rx_coalesce_usecs = 50,
								    .rx_max_coalesced_frames = 8,
								    .tx_coalesce_usecs = 70,
								    .tx_max_coalesced_frames = 9}),
			 0);
	for (unsigned i = 0; i < 4; i += 2) {
		expect_coal(i, 8, 50);
		expect_coal(i + 1, 9, 70);
	}
	c.cmd = ETHTOOL_GCOALESCE;
	assert_int_equal(dev_ethtool(&init_net, dev_of_host()->name, &c), 0);
	assert_int_equal(c.rx_coalesce_usecs, 50);
	assert_int_equal(c.tx_max_coalesced_frames, 9);
	/* Neither adapting nor what we know nothing of. */
	assert_int_equal(ethtool_coalesce((struct ethtool_coalesce){.use_adaptive_rx_coalesce = 1}),
			 -EOPNOTSUPP);
	assert_int_equal(ethtool_coalesce((struct ethtool_coalesce){.pkt_rate_low = 1}),
			 -EOPNOTSUPP);
	expect_coal(0, 8, 50);
	/* After a reset, and after down and up, it is as it was. */
	host.status |= VIRTIO_S_NEEDS_RESET;
	host_interrupt(0, config_irq, &host.vdev);
	host_run_for(10 * NSEC_PER_MSEC);
	assert_int_equal(((struct vnet *)host.vdev.priv)->resets, 1);
	expect_coal(2, 8, 50);
	expect_coal(3, 9, 70);
	/* A device that refuses keeps what it had, and so do we. */
	host.ctrl_refused = CTRL_NOTF_COAL << 8 | CTRL_NOTF_COAL_RX_SET;
	assert_int_equal(ethtool_coalesce((struct ethtool_coalesce){.rx_coalesce_usecs = 1}), -EIO);
	host.ctrl_refused = 0;
	expect_coal(0, 8, 50);
	expect_coal(1, 9, 70);
	assert_int_equal(((struct vnet *)host.vdev.priv)->coal.rx_usecs, 50);
	assert_int_equal(ethtool_coalesce((struct ethtool_coalesce){.rx_coalesce_usecs = 0}), 0);
	for (unsigned i = 0; i < 4; i++)
		expect_coal(i, 0, 0);
	unplug();
	cpus = 1;
}

/* So many polls of the first queue that find so many packets each. */
static void receive_polls(unsigned polls, unsigned each)
{
	struct virtio_net_hdr h = {0};
	u8 frame[60];

	make_frame(frame, sizeof(frame));
	for (unsigned i = 0; i < polls; i++) {
		local_bh_disable();
		for (unsigned k = 0; k < each; k++)
			assert_true(inject(&h, frame, sizeof(frame), ~0u, 0));
		local_bh_enable();
		host_run_for(each * NSEC_PER_USEC);
	}
	host_run_for(NSEC_PER_MSEC); /* the thread that tells the device */
}

/* adaptive-rx: each receive queue by what its polls find; the others' poll is the plain one. */
static void notifications_follow_the_traffic(void **state)
{
	struct vnet *vn;

	cpus = 2;
	assert_int_equal(plug(FULL | F(VQ_NOTF_COAL), true), 0);
	vn = host.vdev.priv;
	/* Without the command for all, each is told. */
	assert_int_equal(ethtool_coalesce((struct ethtool_coalesce){.rx_coalesce_usecs = 33}), 0);
	expect_coal(0, 0, 33);
	expect_coal(2, 0, 33);
	expect_coal(1, 0, 0);
	assert_ptr_equal(vn->rq[0].napi.poll, vnet_rx_poll);
	unplug();
	assert_int_equal(plug(FULL | F(NOTF_COAL) | F(VQ_NOTF_COAL), true), 0);
	vn = host.vdev.priv;
	assert_int_equal(ethtool_coalesce((struct ethtool_coalesce){.use_adaptive_rx_coalesce = 1,
								    .rx_coalesce_usecs = 16}),
			 0);
	expect_coal(0, DIM_FRAMES, 16);
	expect_coal(2, DIM_FRAMES, 16);
	receive_polls(64 * 8, 8);
	assert_true(host.coal[0].usecs > 16);
	assert_int_equal(host.coal[0].packets, DIM_FRAMES);
	expect_coal(2, DIM_FRAMES, 16);
	/* A reset: what it had come to is told again. */
	{
		u32 usecs = host.coal[0].usecs;

		host.status |= VIRTIO_S_NEEDS_RESET;
		host_interrupt(0, config_irq, &host.vdev);
		host_run_for(10 * NSEC_PER_MSEC);
		expect_coal(0, DIM_FRAMES, usecs);
	}
	receive_polls(64 * 16, 1);
	assert_int_equal(host.coal[0].usecs, 8);
	assert_int_equal(ethtool_coalesce((struct ethtool_coalesce){.rx_coalesce_usecs = 5}), 0);
	expect_coal(0, 0, 5);
	receive_polls(64 * 8, 8);
	expect_coal(0, 0, 5);
	assert_ptr_equal(vn->rq[0].napi.poll, vnet_rx_poll);
	unplug();
	cpus = 1;
}

static u64 resume_host(struct hrtimer *t)
{
	host.hold_tx = ~0u;
	h_run_tx(((struct vnet *)host.vdev.priv)->sq[1].vq);
	return 0;
}

/* What waits in ring and queue of a pair that goes is sent by it before the device is told. */
static void nothing_is_lost_with_a_pair(void **state)
{
	static struct hrtimer timer;
	static u8 copy[FRAME_MAX];
	unsigned told;

	cpus = 2;
	assert_int_equal(plug(FULL, true), 0);
	dev_of_host()->xps_queues[0] = 2; /* by the second queue */
	host.hold_tx = 0;
	for (unsigned i = 0; i < 400; i++) /* more than the ring holds */
		assert_int_equal(dev_queue_xmit(make_skb(1000, 0, copy)), 0);
	assert_int_equal(host.nsent, 0);
	told = host.nctrl;
	hrtimer_setup(&timer, resume_host);
	hrtimer_start(&timer, ktime_get_ns() + 10 * NSEC_PER_MSEC);
	assert_int_equal(set_channels(1), 0);
	assert_int_equal(host.nsent, 400);
	assert_int_equal(host.nctrl, told + 1);
	assert_int_equal(((struct vnet *)host.vdev.priv)->sq[1].vq->inflight, 0);
	assert_int_equal(((struct vnet *)host.vdev.priv)->sq[1].stats.packets, 400);
	assert_int_equal(dev_queue_xmit(make_skb(1000, 0, copy)), 0);
	assert_int_equal(host.nsent, 401);
	assert_int_equal(((struct vnet *)host.vdev.priv)->sq[0].stats.packets, 1);
	/* A device that stands still does not hold us up for ever: what the queue had is dropped.
	 */
	assert_int_equal(set_channels(2), 0);
	dev_of_host()->xps_queues[0] = 2;
	host.hold_tx = 0;
	for (unsigned i = 0; i < 400; i++)
		assert_int_equal(dev_queue_xmit(make_skb(1000, 0, copy)), 0);
	assert_int_equal(set_channels(1), 0);
	host.hold_tx = ~0u;
	assert_int_equal(dev_queue_xmit(make_skb(1000, 0, copy)), 0);
	assert_int_equal(((struct vnet *)host.vdev.priv)->sq[0].stats.packets, 2);
	unplug();
	cpus = 1;
}

/* The hash that a device reports is believed where it covers ports and is wanted; all else of the
 * packets is as without it. */
static void hashes_are_reported(void **state)
{
	static u8 frame[3000];
	struct vnet *vn;

	cpus = 2;
	assert_int_equal(plug(RSS, true), 0);
	vn = host.vdev.priv;
	for (unsigned report = 0; report < 300; report++) {
		struct virtio_net_hdr h = {.hash_value = 0xabcd0000 + report,
					   .hash_report =
						   (u16)(report < 16 ? report : report * 211)};
		bool ports = report == 2 || report == 3 || report == 5 || report == 6;
		u32 len = 60 + report * 9;

		inject_pair = report & 1;
		make_frame(frame, len);
		assert_true(inject(&h, frame, len, ~0u, 0));
		assert_int_equal(got.n, report + 1);
		assert_int_equal(got.len, len - 14);
		assert_memory_equal(got.data, pattern + 14, len - 14);
		assert_int_equal(got.hash, ports ? h.hash_value : 0);
		assert_int_equal(got.queue, inject_pair);
	}
	assert_int_equal(vn->rq[0].stats.packets, 150);
	rtnl_lock();
	netdev_change_features(vn->dev, vn->dev->features & ~NETIF_F_RXHASH);
	rtnl_unlock();
	inject(&(struct virtio_net_hdr){.hash_value = 1, .hash_report = 2}, frame, 60, ~0u, 0);
	assert_int_equal(got.hash, 0);
	inject_pair = 0;
	/* Out: eight bytes more of header, all zero. */
	assert_int_equal(dev_queue_xmit(make_skb(200, 0, frame)), 0);
	assert_int_equal(sent.len, 200);
	assert_int_equal(sent.h.hash_value | sent.h.hash_report | sent.h.padding, 0);
	unplug();
	cpus = 1;
}

/* Figures that no device may have, no control queue, one CPU: not agreed on. A device that refuses
 * the table in the end spreads as it likes; one that refuses that too has one pair. */
static void strange_rss_is_left_alone(void **state)
{
	static const struct {
		u8 key;
		u16 table;
		u32 types;
	} bad[] = {{39, 128, 0x3f}, {0, 128, 0x3f}, {40, 127, 0x3f}, {40, 0, 0x3f}, {40, 128, 1}};

	cpus = 2;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		memcpy(&rss_config, &(typeof(rss_config)){bad[i].key, bad[i].table, bad[i].types},
		       sizeof(rss_config));
		assert_int_equal(plug(RSS, true), 0);
		assert_int_equal(host.vdev.features & RSS_BITS, 0);
		assert_int_equal(((struct vnet *)host.vdev.priv)->hdr_bytes, 12);
		assert_int_equal(host.ctrl_cmd, CTRL_MQ_VQ_PAIRS_SET);
		unplug();
	}
	rss_config = (typeof(rss_config)){255, 0xffff, 0xffffffff};
	assert_int_equal(plug(RSS, true), 0);
	assert_int_equal(host.ctrl_len, 307);
	unplug();
	rss_config = (typeof(rss_config)){40, 128, 0x3f};
	assert_int_equal(plug(RSS & ~F(CTRL_VQ), true), 0);
	assert_int_equal(host.vdev.features & RSS_BITS, 0);
	unplug();
	assert_int_equal(plug(RSS & ~F(RSS), true), 0);
	assert_int_equal(host.vdev.features & RSS_BITS, 0);
	unplug();
	refused = CTRL_MQ << 8 | CTRL_MQ_RSS_CONFIG;
	assert_int_equal(plug(RSS, true), 0);
	assert_int_equal(host.ctrl_cmd, CTRL_MQ_VQ_PAIRS_SET);
	assert_int_equal(dev_of_host()->real_num_tx_queues, 2);
	assert_false(dev_of_host()->netdev_ops->ndo_get_rss(dev_of_host(), NULL));
	unplug();
	refused = 0;
	cpus = 1;
	assert_int_equal(plug(RSS, true), 0);
	assert_int_equal(host.vdev.features & RSS_BITS, 0);
	unplug();
}

static void silent_control_queue_is_survived(void **state)
{
	static const u8 mac[6] = {2, 1, 2, 3, 4, 5};

	assert_int_equal(plug(FULL, true), 0);
	rtnl_lock();
	assert_int_equal(dev_set_mac_address(dev_of_host(), mac), 0);
	host.ctrl_ack = 1;
	assert_int_equal(dev_set_mac_address(dev_of_host(), mac), -EIO);
	host.ctrl_mute = true;
	assert_int_equal(dev_set_mac_address(dev_of_host(), mac), -ETIMEDOUT);
	assert_int_equal(dev_set_mac_address(dev_of_host(), mac), -EIO);
	rtnl_unlock();
	unplug();
}

static void mtu_of_the_device_is_a_limit(void **state)
{
	assert_int_equal(plug(FULL | F(MTU), true), 0);
	rtnl_lock();
	assert_int_equal(dev_set_mtu(dev_of_host(), 1501), -EINVAL);
	assert_int_equal(dev_set_mtu(dev_of_host(), 1400), 0);
	rtnl_unlock();
	unplug();
}

/* A device gone mad: random used entries and buffers filled with noise, for a long time. */
static void noise_is_survived(void **state)
{
	static u8 copy[FRAME_MAX];

	for (unsigned round = 0; round < 60; round++) {
		struct vnet *vn;

		assert_int_equal(plug(layouts[round % ARRAY_SIZE(layouts)], true), 0);
		vn = host.vdev.priv;
		make_frame(copy, FRAME_MAX);
		for (unsigned n = 0; n < 200; n++) {
			struct virtqueue *vq = vn->rq[0].vq;
			struct chain c;

			if (!vq) { /* being reset, or given up */
				host_run_for(NSEC_PER_MSEC);
				continue;
			}
			if (host_random_below(4) == 0)
				dev_queue_xmit(make_skb(100, host_random_below(3), copy));
			if (!h_next(vq, &c))
				continue;
			for (unsigned i = 0; i < c.n; i++) {
				u8 *p = (u8 *)(uintptr_t)c.d[i].addr;

				for (u32 k = 0; k < c.d[i].len && k < 100; k++)
					p[k] = host_random_below(3) ? (u8)host_random_below(4)
								    : (u8)host_random();
			}
			if (host_random_below(20))
				h_use(vq, c.id, host_random_below(1800), host_random_below(8));
			else
				h_use(vq, (u32)host_random(), (u32)host_random(), true);
			if (host_random_below(10) == 0)
				host_run_for(NSEC_PER_MSEC);
		}
		unplug();
	}
}

static void nothing_leaks_over_a_life(void **state)
{
	u64 before;

	frames_of_all_sizes_come_in(NULL);
	noise_is_survived(NULL);
	before = host_memory_in_use();
	frames_of_all_sizes_come_in(NULL);
	large_packets_come_in_pieces(NULL);
	packets_go_out_whole(NULL);
	full_ring_stops_and_wakes(NULL);
	broken_ring_is_reset_and_works_again(NULL);
	noise_is_survived(NULL);
	assert_true(host_memory_in_use() <= before + 4096);
}

static int setup(void **state)
{
	host_init(7);
	host_log_level(LOG_EMERG);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_depend_on_each_other),
		cmocka_unit_test(refusal_is_polite),
		cmocka_unit_test(frames_of_all_sizes_come_in),
		cmocka_unit_test(large_packets_come_in_pieces),
		cmocka_unit_test(ring_has_room_for_the_longest),
		cmocka_unit_test(jumbo_frames_without_mergeable_buffers),
		cmocka_unit_test(bad_headers_are_dropped_and_counted),
		cmocka_unit_test(broken_ring_is_reset_and_works_again),
		cmocka_unit_test(packets_go_out_whole),
		cmocka_unit_test(offloads_are_described),
		cmocka_unit_test(full_ring_stops_and_wakes),
		cmocka_unit_test(small_rings_work),
		cmocka_unit_test(stuck_transmitter_is_reset),
		cmocka_unit_test(empty_ring_is_filled_when_memory_is_back),
		cmocka_unit_test(link_follows_the_status),
		cmocka_unit_test(flows_are_spread_by_hash),
		cmocka_unit_test(pairs_are_changed),
		cmocka_unit_test(table_follows_the_pairs),
		cmocka_unit_test(nothing_is_lost_with_a_pair),
		cmocka_unit_test(notifications_are_held_back),
		cmocka_unit_test(notifications_follow_the_traffic),
		cmocka_unit_test(hashes_are_reported),
		cmocka_unit_test(strange_rss_is_left_alone),
		cmocka_unit_test(silent_control_queue_is_survived),
		cmocka_unit_test(mtu_of_the_device_is_a_limit),
		cmocka_unit_test(noise_is_survived),
		cmocka_unit_test(nothing_leaks_over_a_life),
	};

	return cmocka_run_group_tests_name("virtio net", tests, setup, NULL);
}
