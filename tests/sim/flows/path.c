/* SPDX-License-Identifier: MIT */
/*
 * The path of the flows. What the sender transmits enters the qdisc of a device between, the
 * bottleneck: its ring holds one frame, which leaves at the path's rate. Behind it each flow has a
 * delay of its own, half of its round trip, and as much on the way back. Frames are told apart by
 * the sender's port.
 */
#include "flows.h"

#include <net/ip.h>
#include <net/sched.h>
#include <string.h>

#define MILLION  1000000u
#define HEADROOM 64u

/* A wire with a delay: first in, first out. */
struct wire {
	struct net_device *to;
	u64 delay_ns;
	struct list_head flying; /* of host_frame, by time_ns */
	struct hrtimer timer;
};

static struct path_config path;
static struct net router;
static struct net_device *bottleneck;
static struct wire forth[MAX_FLOWS], back[MAX_FLOWS];
static struct host_frame *leaving; /* the bottleneck sends it now */
static struct hrtimer sent_timer;
static u64 lost;

static u64 arrive(struct hrtimer *t)
{
	struct wire *w = container_of(t, struct wire, timer);

	while (!list_empty(&w->flying)) {
		struct host_frame *f = list_first_entry(&w->flying, struct host_frame, list);

		if (f->time_ns > ktime_get_ns())
			return f->time_ns;
		list_del(&f->list);
		fakedev_rx_frame(w->to, 0, f);
	}
	return 0;
}

static void fly(struct wire *w, struct host_frame *f)
{
	f->time_ns = ktime_get_ns() + w->delay_ns;
	list_add_tail(&f->list, &w->flying);
	if (list_is_first(&f->list, &w->flying))
		hrtimer_start(&w->timer, f->time_ns);
}

/* The flow of a frame; ARP goes with the first. */
static unsigned flow_of(const struct host_frame *f, bool to_sender)
{
	u32 port = 0;

	if (f->len >= 14 + 20 + 20 && get_be16(f->data + 12) == 0x0800)
		port = get_be16(f->data + 34 + (to_sender ? 2 : 0));
	return port >= FLOW_PORT && port < FLOW_PORT + MAX_FLOWS ? port - FLOW_PORT : 0;
}

static void from_sender(struct host_frame *f, void *arg)
{
	struct sk_buff *skb;

	(void)arg;
	if (path.loss_ppm && host_random_below(MILLION) < path.loss_ppm) {
		lost++;
		host_frame_free(f);
		return;
	}
	skb = alloc_skb((u32)(HEADROOM + f->len), GFP_ATOMIC);
	if (!skb)
		sim_fail("no memory for a frame");
	skb_reserve(skb, HEADROOM);
	memcpy(skb_put(skb, (u32)f->len), f->data, f->len);
	skb->dev = bottleneck;
	skb->protocol = be16_make(get_be16(f->data + 12));
	skb_set_network_header(skb, 14);
	if (f->csum_partial) {
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = (u16)(skb_headroom(skb) + f->csum_start);
		skb->csum_offset = f->csum_offset;
	}
	host_frame_free(f);
	dev_queue_xmit(skb);
}

static void from_receiver(struct host_frame *f, void *arg)
{
	(void)arg;
	fly(&back[flow_of(f, true)], f);
}

/* A frame is in the bottleneck's ring: it takes its time. */
static void from_bottleneck(struct host_frame *f, void *arg)
{
	(void)arg;
	leaving = f;
	hrtimer_start(&sent_timer, ktime_get_ns() + f->len * 8 * NSEC_PER_SEC / path.rate_bps);
}

static u64 sent(struct hrtimer *t)
{
	struct host_frame *f = leaving;

	(void)t;
	fly(&forth[flow_of(f, false)], f);
	fakedev_tx_complete(bottleneck, 0, 1);
	return 0;
}

static void wire_init(struct wire *w, struct net_device *to, u64 delay_ns)
{
	*w = (struct wire){.to = to, .delay_ns = delay_ns};
	INIT_LIST_HEAD(&w->flying);
	hrtimer_setup(&w->timer, arrive);
}

static void bottleneck_create(void)
{
	struct fakedev_config config = {.features = NETIF_F_SG | NETIF_F_HW_CSUM, .tx_ring = 1};
	int err;

	if (net_init(&router, "router"))
		sim_fail("net_init");
	bottleneck = fakedev_create(&router, &config);
	bottleneck->tx_queue_len = path.queue;
	hrtimer_setup(&sent_timer, sent);
	fakedev_on_tx(bottleneck, from_bottleneck, NULL);
	rtnl_lock();
	err = dev_open(bottleneck);
	if (!err)
		err = qdisc_replace(&bottleneck->tx[0], path.qdisc, 0, NULL);
	rtnl_unlock();
	if (err)
		sim_fail("bottleneck with %s: %d", path.qdisc, err);
}

void path_create(struct net_device *a, struct net_device *b, const struct path_config *config)
{
	path = *config;
	for (unsigned i = 0; i < MAX_FLOWS; i++) {
		wire_init(&forth[i], b, path.rtt_ns[i] / 2);
		wire_init(&back[i], a, path.rtt_ns[i] / 2);
	}
	bottleneck_create();
	fakedev_on_tx(a, from_sender, NULL);
	fakedev_on_tx(b, from_receiver, NULL);
}

void path_get_stats(struct path_stats *s)
{
	s->lost = lost;
	s->queue_dropped = qdisc_configured(&bottleneck->tx[0])->stats.drops;
}
