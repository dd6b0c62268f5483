/* SPDX-License-Identifier: MIT */
/*
 * Devices: names, up and down, carrier events, queues that stop and wake, byte queue limits, the
 * watchdog, offloads done in software, NAPI's rules, the ip= word of the command line.
 */
#include <errno.h>
#include <kernel/softirq.h>
#include <net/gro.h>
#include <net/ip.h>
#include <net/netns_ipv4.h>
#include <net/sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "net/ipv4/ipconfig.h"
#include "net_tap.h"

static struct net net_a;

/* A device with a ring of RING packets that the test empties. */
#define RING 4

struct ring_dev {
	struct sk_buff *ring[RING];
	unsigned used, opened, stopped, timeouts, polls;
	bool bql;
	struct napi_struct napi;
	int to_poll;      /* packets that the next polls find */
	int poll_answers; /* packets that the next poll sends */
	bool has_bell;
	unsigned untold, rings; /* packets the device was not told of; times that it was */
};

static void ring_bell(struct net_device *dev, unsigned queue)
{
	struct ring_dev *r = netdev_priv(dev);

	r->untold = 0;
	r->rings++;
}

static void send_frame(struct net_device *dev, u32 len, u32 priority)
{
	struct sk_buff *skb = alloc_skb(len, 0);

	memset(skb_put(skb, len), (int)priority, len);
	skb->dev = dev;
	skb->protocol = BE16(0x9999);
	skb->priority = priority;
	dev_queue_xmit(skb);
}

static netdev_tx_t ring_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct ring_dev *r = netdev_priv(dev);
	struct netdev_queue *q = netdev_get_tx_queue(dev, 0);

	assert_true(r->used < RING);
	r->ring[r->used++] = skb;
	if (r->bql)
		netdev_tx_sent_queue(q, skb->len);
	if (r->used == RING)
		netif_tx_stop_queue(q);
	r->untold++;
	if (r->has_bell && !netdev_tx_bell_later(q))
		ring_bell(dev, 0);
	return NETDEV_TX_OK;
}

static void ring_complete(struct net_device *dev, unsigned n)
{
	struct ring_dev *r = netdev_priv(dev);
	u32 bytes = 0;

	local_bh_disable();
	for (unsigned i = 0; i < n; i++) {
		bytes += r->ring[i]->len;
		consume_skb(r->ring[i]);
	}
	memmove(r->ring, r->ring + n, (RING - n) * sizeof(r->ring[0]));
	r->used -= n;
	if (r->bql)
		netdev_tx_completed_queue(netdev_get_tx_queue(dev, 0), n, bytes);
	netif_tx_wake_queue(netdev_get_tx_queue(dev, 0));
	local_bh_enable();
	host_run_for(0);
}

static int ring_open(struct net_device *dev)
{
	((struct ring_dev *)netdev_priv(dev))->opened++;
	return 0;
}

static int ring_stop(struct net_device *dev)
{
	((struct ring_dev *)netdev_priv(dev))->stopped++;
	return 0;
}

static void ring_timeout(struct net_device *dev, unsigned queue)
{
	((struct ring_dev *)netdev_priv(dev))->timeouts++;
}

static int ring_poll(struct napi_struct *n, int budget)
{
	struct ring_dev *r = container_of(n, struct ring_dev, napi);
	int work = r->to_poll < budget ? r->to_poll : budget;
	unsigned rings = r->rings;

	r->polls++;
	r->to_poll -= work;
	for (; r->poll_answers; r->poll_answers--) {
		send_frame(n->dev, 64, 0);
		assert_int_equal(r->rings, rings);
	}
	if (work < budget)
		napi_complete_done(n, work);
	return work;
}

static const struct net_device_ops ring_ops = {.ndo_open = ring_open,
					       .ndo_stop = ring_stop,
					       .ndo_start_xmit = ring_xmit,
					       .ndo_tx_bell = ring_bell,
					       .ndo_tx_timeout = ring_timeout};

static struct net_device *ring_new(u32 features)
{
	struct net_device *dev = alloc_etherdev(sizeof(struct ring_dev));
	struct ring_dev *r = netdev_priv(dev);

	dev->netdev_ops = &ring_ops;
	dev->dev_addr[0] = 2;
	dev->features = features;
	assert_int_equal(register_netdev(dev, &net_a), 0);
	netif_napi_add(dev, &r->napi, ring_poll);
	napi_enable(&r->napi);
	return dev;
}

static void ring_free(struct net_device *dev)
{
	struct ring_dev *r = netdev_priv(dev);

	napi_disable(&r->napi);
	netif_napi_del(&r->napi);
	unregister_netdev(dev);
	for (unsigned i = 0; i < r->used; i++)
		consume_skb(r->ring[i]);
	free_netdev(dev);
}

static void ring_up(struct net_device *dev)
{
	rtnl_lock();
	assert_int_equal(dev_open(dev), 0);
	rtnl_unlock();
}

static int setup(void **state)
{
	return net_init(&net_a, "a");
}

static int teardown(void **state)
{
	net_exit(&net_a);
	host_run_for(NSEC_PER_SEC);
	host_check();
	return 0;
}

/* eth%d takes the first free number; lookups find by name and index, and nothing after the end. */
static void names(void **state)
{
	struct net_device *d0 = ring_new(0), *d1 = ring_new(0), *d2;

	assert_string_equal(d0->name, "eth0");
	assert_string_equal(d1->name, "eth1");
	assert_ptr_equal(dev_get_by_name(&net_a, "eth1"), d1);
	assert_ptr_equal(dev_get_by_index(&net_a, d0->ifindex), d0);
	assert_null(dev_get_by_name(&net_a, "eth2"));
	ring_free(d0);
	assert_null(dev_get_by_name(&net_a, "eth0"));
	d2 = ring_new(0);
	assert_string_equal(d2->name, "eth0");
	assert_true(d2->ifindex > d1->ifindex);
	ring_free(d1);
	ring_free(d2);
}

/* A doorbell that is put off has rung when bottom halves are let in again, once for what a thread
 * sent meanwhile, and when a poll is over, once for all its answers. */
static void doorbell(void **state)
{
	struct net_device *dev = ring_new(0);
	struct ring_dev *r = netdev_priv(dev);

	r->has_bell = true;
	ring_up(dev);
	send_frame(dev, 64, 0);
	assert_int_equal(r->rings, 1);
	local_bh_disable();
	send_frame(dev, 64, 0);
	send_frame(dev, 64, 0);
	assert_int_equal(r->untold, 2);
	local_bh_enable();
	assert_int_equal(r->untold, 0);
	assert_int_equal(r->rings, 2);
	ring_complete(dev, 3);

	r->rings = 0;
	r->poll_answers = 3;
	local_bh_disable();
	napi_schedule(&r->napi);
	local_bh_enable();
	assert_int_equal(r->used, 3);
	assert_int_equal(r->untold, 0);
	assert_int_equal(r->rings, 1);
	ring_free(dev);
}

static int hold_and_end(void *dev)
{
	netdev_tx_hold();
	send_frame(dev, 64, 0);
	return 0;
}

/* What a thread sends while it has more to send is told to the device together: before the thread
 * sleeps or ends, when it says that there is no more, and after a number of packets; what softirqs
 * send meanwhile goes at once. */
static void doorbell_held(void **state)
{
	struct net_device *dev = ring_new(0);
	struct ring_dev *r = netdev_priv(dev);
	struct thread *t;
	unsigned n;

	r->has_bell = true;
	ring_up(dev);
	netdev_tx_hold();
	send_frame(dev, 64, 0);
	send_frame(dev, 64, 0);
	assert_int_equal(r->untold, 2);
	thread_unplug();
	assert_int_equal(r->untold, 0);
	assert_int_equal(r->rings, 1);
	send_frame(dev, 64, 0);
	assert_int_equal(r->rings, 2);

	netdev_tx_hold();
	send_frame(dev, 64, 0);
	assert_int_equal(r->untold, 1);
	thread_sleep_ns(1);
	assert_int_equal(r->untold, 0);
	assert_int_equal(r->rings, 3);
	ring_complete(dev, r->used);

	netdev_tx_hold();
	r->poll_answers = 1;
	send_frame(dev, 64, 0);
	assert_int_equal(r->untold, 1);
	local_bh_disable();
	napi_schedule(&r->napi);
	local_bh_enable();
	assert_int_equal(r->untold, 0);
	assert_int_equal(r->rings, 4);
	thread_unplug();
	assert_int_equal(r->rings, 4);

	ring_complete(dev, r->used);
	t = thread_create("holds", hold_and_end, dev, 0, PRIO_NORMAL);
	thread_join(t);
	thread_put(t);
	assert_int_equal(r->untold, 0);
	assert_int_equal(r->rings, 5);
	ring_free(dev);

	dev = ring_new(0);
	r = netdev_priv(dev);
	r->has_bell = true;
	ring_up(dev);
	netdev_tx_hold();
	for (n = 0; !r->rings && n < 100; n++) {
		send_frame(dev, 64, 0);
		ring_complete(dev, 1);
	}
	assert_in_range(n, 8, 32);
	thread_unplug();
	ring_free(dev);
}

/* It rings for the packet that fills the ring, and for those sent when there is room again. A queue
 * whose bell another CPU is about to ring is rung at once; stopping the device waits for nobody. */
static void doorbell_stop_and_wake(void **state)
{
	struct net_device *dev = ring_new(0);
	struct ring_dev *r = netdev_priv(dev);
	struct netdev_queue *q = netdev_get_tx_queue(dev, 0);

	r->has_bell = true;
	ring_up(dev);
	local_bh_disable();
	for (unsigned i = 0; i < RING + 2; i++)
		send_frame(dev, 64, 0);
	local_bh_enable();
	assert_int_equal(r->used, RING);
	assert_int_equal(r->untold, 0);
	assert_int_equal(r->rings, 1);
	ring_complete(dev, RING);
	assert_int_equal(r->used, 2);
	assert_int_equal(r->untold, 0);
	assert_int_equal(r->rings, 2);

	q->bell_cpu = smp_processor_id() + 2;
	send_frame(dev, 64, 0);
	assert_int_equal(r->untold, 0);
	assert_int_equal(r->rings, 3);
	q->bell_cpu = 0;
	rtnl_lock();
	assert_int_equal(dev_close(dev), 0);
	rtnl_unlock();
	assert_int_equal(r->untold, 0);
	ring_free(dev);
}

/* A device that is down, or without carrier, takes no packet; a link event is told by a thread. */
static void carrier(void **state)
{
	struct net_device *dev = ring_new(0);
	struct ring_dev *r = netdev_priv(dev);
	u64 drops = skb_drop_count(SKB_DROP_REASON_DEV_READY);

	send_frame(dev, 64, 0);
	assert_int_equal(skb_drop_count(SKB_DROP_REASON_DEV_READY), drops + 1);
	ring_up(dev);
	assert_int_equal(r->opened, 1);
	assert_true(dev->flags & IFF_RUNNING);
	send_frame(dev, 64, 0);
	assert_int_equal(r->used, 1);
	netif_carrier_off(dev);
	host_run_for(NSEC_PER_MSEC);
	assert_false(dev->flags & IFF_RUNNING);
	send_frame(dev, 64, 0);
	assert_int_equal(skb_drop_count(SKB_DROP_REASON_DEV_READY), drops + 2);
	netif_carrier_on(dev);
	host_run_for(NSEC_PER_MSEC);
	assert_true(dev->flags & IFF_RUNNING);
	send_frame(dev, 64, 0);
	assert_int_equal(r->used, 2);
	assert_int_equal(dev->carrier_up_count, 1);
	rtnl_lock();
	dev_close(dev);
	rtnl_unlock();
	assert_int_equal(r->stopped, 1);
	ring_free(dev);
}

/* A full ring stops the queue: packets wait in the qdisc, in bands, up to its limit. */
static void queue_stops_and_wakes(void **state)
{
	struct net_device *dev = ring_new(0);
	struct ring_dev *r = netdev_priv(dev);
	u64 drops = skb_drop_count(SKB_DROP_REASON_QDISC_DROP);
	struct Qdisc *q;

	dev->tx_queue_len = 10;
	ring_up(dev);
	q = dev->tx[0].qdisc;
	assert_string_equal(q->ops->id, "pfifo_fast");
	for (int i = 0; i < RING; i++)
		send_frame(dev, 100, 0);
	for (int i = 0; i < 3; i++)
		send_frame(dev, 100, 2); /* bulk */
	send_frame(dev, 100, 6);         /* interactive: overtakes */
	assert_int_equal(r->used, RING);
	assert_int_equal(q->stats.qlen, 4);
	assert_int_equal(q->stats.backlog_bytes, 400);
	ring_complete(dev, 2);
	assert_int_equal(r->used, RING);
	assert_int_equal(r->ring[2]->data[0], 6);
	assert_int_equal(r->ring[3]->data[0], 2);
	for (int i = 0; i < 20; i++)
		send_frame(dev, 100, 2);
	assert_int_equal(skb_drop_count(SKB_DROP_REASON_QDISC_DROP), drops + 12);
	for (int i = 0; i < 20 && r->used; i++)
		ring_complete(dev, r->used);
	assert_int_equal(q->stats.qlen, 0);
	assert_int_equal(q->stats.backlog_bytes, 0);
	assert_int_equal(q->stats.drops, 12);
	ring_free(dev);
}

/* A queue that stays stopped is reported to the driver, again and again. */
static void watchdog(void **state)
{
	struct net_device *dev = ring_new(0);
	struct ring_dev *r = netdev_priv(dev);

	ring_up(dev);
	host_run_for(60 * NSEC_PER_SEC);
	assert_int_equal(r->timeouts, 0);
	for (int i = 0; i < RING; i++)
		send_frame(dev, 100, 0);
	host_run_for(30 * NSEC_PER_SEC);
	assert_in_range(r->timeouts, 4, 6);
	ring_complete(dev, RING);
	r->timeouts = 0;
	host_run_for(60 * NSEC_PER_SEC);
	assert_int_equal(r->timeouts, 0);
	ring_free(dev);
}

/* Byte queue limits: what is given and completed balances, and the limit grows under load. */
static void byte_queue_limits(void **state)
{
	struct net_device *dev = ring_new(0);
	struct ring_dev *r = netdev_priv(dev);
	const struct dql *d = &dev->tx[0].dql;

	r->bql = true;
	ring_up(dev);
	for (int i = 0; i < 200; i++)
		send_frame(dev, 1000, 0);
	assert_int_equal(r->used, 1); /* nothing known yet: one at a time */
	for (int i = 0; i < 400 && r->used; i++)
		ring_complete(dev, r->used);
	assert_true(d->limit >= 1000);
	assert_int_equal(d->num_queued, d->num_completed);
	assert_int_equal(d->num_queued, 200000);
	ring_free(dev);
}

/* Features that lack what they need are switched off. */
static void features(void **state)
{
	struct net_device *dev = ring_new(NETIF_F_SG | NETIF_F_TSO);

	assert_false(dev->features & (NETIF_F_SG | NETIF_F_TSO));
	assert_true(dev->features & NETIF_F_GRO);
	ring_free(dev);
	dev = ring_new(NETIF_F_SG | NETIF_F_TSO | NETIF_F_HW_CSUM);
	assert_true((dev->features & NETIF_F_SG) && (dev->features & NETIF_F_TSO));
	rtnl_lock();
	assert_int_equal(netdev_change_features(dev, dev->features & ~NETIF_F_HW_CSUM), 0);
	rtnl_unlock();
	assert_false(dev->features & (NETIF_F_SG | NETIF_F_TSO));
	ring_free(dev);
}

/* What the device cannot do is done before it: a checksum, and fragments made linear. */
static void software_offloads(void **state)
{
	struct net_device *dev = ring_new(0);
	struct ring_dev *r = netdev_priv(dev);
	struct sk_buff *skb = alloc_skb(100, 0);
	u8 *frag = page_frag_alloc(500, 8, 0), buf[600];
	struct page *page = virt_to_head_page(frag);

	ring_up(dev);
	memset(skb_put(skb, 50), 1, 50);
	memset(frag, 7, 500);
	skb_add_rx_frag(skb, page, (u32)(frag - (u8 *)page_address(page)), 500, 500);
	skb->dev = dev;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = 20;
	skb->csum_offset = 10;
	put_be16(skb->data + 30, 0x1111);
	dev_queue_xmit(skb);
	assert_int_equal(r->used, 1);
	skb = r->ring[0];
	assert_false(skb_is_nonlinear(skb));
	assert_int_equal(skb->ip_summed, CHECKSUM_NONE);
	memcpy(buf, skb->data, 550);
	assert_int_equal(skb->len, 550);
	put_be16(buf + 30, (u16)(get_be16(buf + 30)));
	assert_int_equal(tap_csum(buf + 20, 530, 0x1111), 0);
	ring_free(dev);
}

/* NAPI: one poll a schedule; a schedule during the poll is not lost; disable waits. */
static void napi_rules(void **state)
{
	struct net_device *dev = ring_new(0);
	struct ring_dev *r = netdev_priv(dev);

	ring_up(dev);
	r->to_poll = 10;
	local_bh_disable();
	assert_true(napi_schedule(&r->napi));
	assert_false(napi_schedule(&r->napi)); /* remembered as missed */
	local_bh_enable();
	host_run_for(0);
	assert_int_equal(r->to_poll, 0);
	assert_int_equal(r->polls, 2);
	r->to_poll = 1000; /* more than a budget: polled until done */
	local_bh_disable();
	napi_schedule(&r->napi);
	local_bh_enable();
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(r->to_poll, 0);
	napi_disable(&r->napi);
	assert_false(napi_schedule(&r->napi));
	napi_enable(&r->napi);
	assert_true(napi_schedule(&r->napi));
	host_run_for(NSEC_PER_MSEC);
	ring_free(dev);
}

/* The backlog is bounded by netdev_max_backlog. */
static void backlog_is_bounded(void **state)
{
	struct tap *t = tap_new(&net_a, 1, "10.0.0.1", 24);
	u64 before = skb_drop_count(SKB_DROP_REASON_CPU_BACKLOG);

	local_bh_disable();
	for (int i = 0; i < 1200; i++) {
		struct sk_buff *skb = netdev_alloc_skb(t->dev, 60);

		memset(skb_put(skb, 60), 0, 60);
		skb->protocol = eth_type_trans(skb, t->dev);
		netif_rx(skb);
	}
	local_bh_enable();
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(skb_drop_count(SKB_DROP_REASON_CPU_BACKLOG), before + 200);
	tap_free(t);
}

static void steer(struct net_device *dev, u32 hash)
{
	struct sk_buff *skb = netdev_alloc_skb(dev, 60);

	memset(skb_put(skb, 60), 0, 60);
	eth_type_trans(skb, dev);
	skb->protocol = BE16(0x0800);
	skb->hash = hash;
	netif_receive_skb(skb);
}

/* Eight flows that a CPU cannot keep up with are cut before its backlog is full; the odd packets of
 * others all find room. */
static void heavy_flows_leave_room(void **state)
{
	struct tap *t = tap_new(&net_a, 1, "10.0.0.1", 24);
	struct softnet_data *sd = &per_cpu(softnet_data, 1);
	u64 before = skb_drop_count(SKB_DROP_REASON_CPU_BACKLOG);
	unsigned light = 0;
	struct sk_buff *skb;

	assert_int_equal(sysctl_write("net/core/rps_default_mask", net_a.core, "2"), 0);
	assert_int_equal(t->dev->rx[0].rps_mask, 2);
	local_bh_disable();
	for (u32 i = 0; i < 5000; i++) {
		steer(t->dev, 0x01234567 * (1 + i % 8));
		if (i % 250 == 0)
			steer(t->dev, 0x89abcdef + i);
	}
	skb_queue_walk(&sd->input_pkt_queue, skb) {
		light += (skb->hash - 0x89abcdef) % 250 == 0;
	}
	assert_int_equal(light, 20);
	assert_in_range(sd->input_pkt_queue.qlen, 800, 999);
	assert_int_equal(sd->flow_limit_count, 5020 - sd->input_pkt_queue.qlen);
	assert_int_equal(skb_drop_count(SKB_DROP_REASON_CPU_BACKLOG),
			 before + sd->flow_limit_count);
	local_bh_enable();
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(sd->input_pkt_queue.qlen, 0);
	assert_int_equal(sysctl_write("net/core/rps_default_mask", net_a.core, "0"), 0);
	tap_free(t);
}

/* -- ip= ----------------------------------------------------------------------------------------
 */

static void good_lines(void **state)
{
	struct ipconfig c;

	assert_int_equal(ipconfig_parse("10.0.2.15::10.0.2.2:255.255.255.0:name:eth0:none", &c), 0);
	assert_int_equal(be32_get(c.client), tap_ip("10.0.2.15"));
	assert_int_equal(be32_get(c.gateway), tap_ip("10.0.2.2"));
	assert_int_equal(c.prefixlen, 24);
	assert_string_equal(c.hostname, "name");
	assert_string_equal(c.device, "eth0");
	assert_false(c.dhcp);
	assert_int_equal(ipconfig_parse("dhcp", &c), 0);
	assert_true(c.dhcp);
	assert_int_equal(ipconfig_parse(":::::eth1:dhcp", &c), 0);
	assert_true(c.dhcp);
	assert_string_equal(c.device, "eth1");
	assert_int_equal(ipconfig_parse("10.0.0.2/24", &c), 0);
	assert_int_equal(c.prefixlen, 24);
	assert_int_equal(ipconfig_parse("10.0.0.2", &c), 0);
	assert_int_equal(c.prefixlen, 8);
	assert_int_equal(ipconfig_parse("192.168.1.2:::::eth0:off:8.8.8.8:9.9.9.9", &c), 0);
	assert_int_equal(c.prefixlen, 24);
	assert_int_equal(be32_get(c.dns[1]), tap_ip("9.9.9.9"));
	assert_int_equal(ipconfig_parse("off", &c), 0);
	assert_false(c.dhcp || c.client.wire);
}

static void bad_lines(void **state)
{
	static const char *const lines[] = {
		"10.0.0.256",
		"10.0.0.2/33",
		"10.0.0.2/",
		"10.0.0.2/0",
		"10.0.0.2::gw",
		"10.0.0.2:::255.0.255.0",
		"10.0.0.2:::0.0.0.0",
		"10.0.0.2:::::eth0:bootp",
		"10.0.0.2:::::a-device-name-that-is-too-long:off",
		"10.0.0.2::::::::::x",
		"224.0.0.1",
		"dhpc",
		"127.0.0.1",
	};
	struct ipconfig c;
	char line[400];

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_true(ipconfig_parse(lines[i], &c) < 0);
	memset(line, ':', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(ipconfig_parse(line, &c), -E2BIG);
}

static void applied(void **state)
{
	struct net_device *dev = ring_new(0);
	struct flowi4 fl = {.daddr = be32_make(tap_ip("8.8.8.8"))};
	struct ipconfig c;
	struct fib_result r;

	assert_int_equal(ipconfig_parse("10.0.2.15::10.0.2.2:255.255.255.0:::none", &c), 0);
	assert_int_equal(ipconfig_apply(&net_a, &c), 0);
	assert_string_equal(c.device, "eth0");
	assert_true(dev->flags & IFF_UP);
	rcu_read_lock();
	assert_true(inet_addr_is_local(&net_a, be32_make(tap_ip("10.0.2.15"))));
	assert_int_equal(inet_addr_type(&net_a, be32_make(tap_ip("10.0.2.255"))), RTN_BROADCAST);
	assert_int_equal(fib_lookup(&net_a, &fl, &r), 0);
	assert_int_equal(be32_get(r.gateway), tap_ip("10.0.2.2"));
	rcu_read_unlock();
	assert_int_equal(ipconfig_parse("10.0.3.15:::255.255.255.0::eth7:none", &c), 0);
	assert_int_equal(ipconfig_apply(&net_a, &c), -ENODEV);
	assert_int_equal(ipconfig_parse("10.0.3.15::9.9.9.9:255.255.255.0:::none", &c), 0);
	assert_int_equal(ipconfig_apply(&net_a, &c), -ENETUNREACH);
	ring_free(dev);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(names),
		T(carrier),
		T(doorbell),
		T(doorbell_held),
		T(doorbell_stop_and_wake),
		T(queue_stops_and_wakes),
		T(watchdog),
		T(byte_queue_limits),
		T(features),
		T(software_offloads),
		T(napi_rules),
		T(backlog_is_bounded),
		T(heavy_flows_leave_room),
		cmocka_unit_test(good_lines),
		cmocka_unit_test(bad_lines),
		T(applied),
	};

	host_init_config(&(struct host_config){.seed = 5, .cpus = 2});
	return cmocka_run_group_tests(tests, NULL, NULL);
}
