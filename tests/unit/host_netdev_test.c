/* SPDX-License-Identifier: MIT */
/*
 * The fake device and the link: frames go out and come in as bytes; a full ring stops the queue;
 * the link keeps its delay, rate and fault rates, and a run with the same seed loses the same
 * frames.
 */
#include <lib/checksum.h>
#include <net/inetdevice.h>
#include <net/ip.h>
#include <net/net.h>
#include <net/netdevice.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "host/netdev.h"

#define IP_A 0x0a000001u
#define IP_B 0x0a000002u

static struct net net_a, net_b;
static struct net_device *a, *b;

static struct net_device *up(struct net *net, u32 ip, const struct fakedev_config *config)
{
	struct net_device *dev = fakedev_create(net, config);

	rtnl_lock();
	assert_int_equal(dev_open(dev), 0);
	assert_int_equal(inet_addr_add(dev, be32_make(ip), 24, be32_make(0x0a0000ff), 0), 0);
	rtnl_unlock();
	host_run_for(NSEC_PER_SEC);
	fakedev_tx_discard(dev);
	return dev;
}

static int setup(void **state)
{
	struct fakedev_config config = {.rx_linear = 14};

	assert_int_equal(net_init(&net_a, "a"), 0);
	assert_int_equal(net_init(&net_b, "b"), 0);
	a = up(&net_a, IP_A, &config);
	b = up(&net_b, IP_B, &config);
	return 0;
}

static int teardown(void **state)
{
	fakedev_destroy(a);
	fakedev_destroy(b);
	net_exit(&net_a);
	net_exit(&net_b);
	host_run_idle(NSEC_PER_SEC);
	host_check();
	return 0;
}

/* A frame of no known type from dev, straight through its transmit queue. */
static void send_frame(struct net_device *dev, u32 len, u8 fill)
{
	struct sk_buff *skb = alloc_skb(len, GFP_KERNEL);
	u8 *p = skb_put(skb, len);

	memset(p, fill, len);
	memcpy(p, (dev == a ? b : a)->dev_addr, 6);
	memcpy(p + 6, dev->dev_addr, 6);
	put_be16(p + 12, 0x88b5);
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	skb->dev = dev;
	dev_queue_xmit(skb);
}

static void frames_go_out_as_bytes(void **state)
{
	struct host_frame *f;

	send_frame(a, 60, 0x11);
	send_frame(a, 61, 0x22);
	host_run_for(0);
	assert_int_equal(fakedev_tx_count(a), 2);
	f = fakedev_tx_next(a);
	assert_int_equal(f->len, 60);
	assert_int_equal(f->data[59], 0x11);
	host_frame_free(f);
	f = fakedev_tx_next(a);
	assert_int_equal(f->len, 61);
	host_frame_free(f);
	assert_null(fakedev_tx_next(a));
}

static void a_ping_is_answered(void **state)
{
	u8 frame[14 + 20 + 8 + 4] = {0};
	struct host_frame *f;

	memcpy(frame, a->dev_addr, 6);
	memcpy(frame + 6, b->dev_addr, 6);
	put_be16(frame + 12, 0x0800);
	frame[14] = 0x45;
	put_be16(frame + 16, 32);
	frame[22] = 64;
	frame[23] = 1;
	put_be32(frame + 26, IP_B);
	put_be32(frame + 30, IP_A);
	put_be16(frame + 24, be16_get(ip_fast_csum(frame + 14, 5)));
	frame[34] = 8;
	put_be16(frame + 36, 0xf7ff);
	assert_true(fakedev_rx(a, frame, sizeof(frame)));
	host_run_for(NSEC_PER_MSEC);
	/* It asks who 10.0.0.2 is before it answers. */
	f = fakedev_tx_next(a);
	assert_non_null(f);
	assert_int_equal(get_be16(f->data + 12), 0x0806);
	assert_int_equal(get_be32(f->data + 38), IP_B);
	host_frame_free(f);
}

static void a_full_ring_stops_the_queue(void **state)
{
	struct fakedev_config config = {.tx_ring = 4};
	struct net_device *small = up(&net_a, 0x0a000103, &config);

	fakedev_tx_complete(small, 0, 100);
	for (int i = 0; i < 10; i++)
		send_frame(small, 100, 0);
	host_run_for(0);
	assert_true(fakedev_tx_in_ring(small, 0) <= 4);
	for (int i = 0; i < 10; i++) {
		fakedev_tx_complete(small, 0, 1);
		host_run_for(0);
	}
	assert_int_equal(fakedev_tx_count(small), 10);
	fakedev_tx_complete(small, 0, 4);
	fakedev_destroy(small);
}

static void the_link_keeps_rate_and_delay(void **state)
{
	/* 1000 bytes and 24 of framing at 8.192 Mbit/s: a millisecond each. */
	struct link_config c = {.rate_bps = 8192000, .delay_ns = 20 * NSEC_PER_MSEC};
	struct link *l = link_create(a, b, &c);
	struct link_stats s;

	for (int i = 0; i < 5; i++)
		send_frame(a, 1000, 0);
	host_run_for(20 * NSEC_PER_MSEC + 999999);
	link_get_stats(l, a, &s);
	assert_int_equal(s.sent, 5);
	assert_int_equal(s.delivered, 0);
	host_run_for(1);
	link_get_stats(l, a, &s);
	assert_int_equal(s.delivered, 1);
	host_run_for(4 * NSEC_PER_MSEC);
	link_get_stats(l, a, &s);
	assert_int_equal(s.delivered, 5);
	link_destroy(l);
}

static struct link_stats lossy_run(u64 seed)
{
	struct link_config c = {.loss_ppm = 100000,
				.duplicate_ppm = 50000,
				.corrupt_ppm = 20000,
				.delay_ns = NSEC_PER_MSEC,
				.jitter_ns = NSEC_PER_MSEC};
	struct link_stats s;
	struct link *l;

	host_init(seed);
	l = link_create(a, b, &c);
	for (int i = 0; i < 2000; i++) {
		send_frame(a, 100, (u8)i);
		host_run_for(10000);
	}
	host_run_for(10 * NSEC_PER_MSEC);
	link_get_stats(l, a, &s);
	link_destroy(l);
	return s;
}

static void faults_follow_the_seed(void **state)
{
	struct link_stats s = lossy_run(5), again = lossy_run(5), other = lossy_run(6);

	assert_memory_equal(&s, &again, sizeof(s));
	assert_memory_not_equal(&s, &other, sizeof(s));
	assert_in_range(s.lost, 130, 270);
	assert_in_range(s.duplicated, 50, 150);
	assert_in_range(s.corrupted, 15, 70);
	assert_int_equal(s.delivered, s.sent - s.lost + s.duplicated);
}

static void no_carrier_no_frames(void **state)
{
	struct link *l = link_create(a, b, &(struct link_config){.delay_ns = NSEC_PER_MSEC});
	struct link_stats s;

	send_frame(a, 100, 0);
	link_set_carrier(l, false);
	host_run_for(NSEC_PER_SEC);
	link_get_stats(l, a, &s);
	assert_int_equal(s.delivered, 0);
	assert_false(netif_carrier_ok(b));
	link_set_carrier(l, true);
	assert_true(netif_carrier_ok(b));
	host_run_for(NSEC_PER_SEC);
	link_destroy(l);
}

static int start(void **state)
{
	host_init(1);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames_go_out_as_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_ping_is_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_ring_stops_the_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(the_link_keeps_rate_and_delay, setup, teardown),
		cmocka_unit_test_setup_teardown(faults_follow_the_seed, setup, teardown),
		cmocka_unit_test_setup_teardown(no_carrier_no_frames, setup, teardown),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
