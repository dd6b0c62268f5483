/* SPDX-License-Identifier: MIT */
/*
 * ARP and the neighbour table: resolution, queueing, answers, states over time, and what strangers
 * may not do (RFC 826, RFC 4861 section 7.3, RFC 5227).
 */
#include <net/ip.h>
#include <net/neighbour.h>
#include <net/netns_ipv4.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "net_tap.h"

static struct net net_a;
static struct tap *a;

static int setup(void **state)
{
	assert_int_equal(net_init(&net_a, "a"), 0);
	a = tap_new(&net_a, 1, "10.0.0.1", 24);
	tap_forget(a);
	return 0;
}

static int teardown(void **state)
{
	tap_free(a);
	net_exit(&net_a);
	host_check();
	return 0;
}

static u32 make_arp(u8 *f, u16 op, u8 from, u32 spa, u32 tpa, bool broadcast)
{
	memset(f, 0, 42);
	memset(f, broadcast ? 0xff : 0, 6);
	if (!broadcast)
		memcpy(f, a->dev->dev_addr, 6);
	f[6] = 2;
	f[11] = from;
	put_be16(f + 12, ETH_P_ARP);
	put_be16(f + 14, 1);
	put_be16(f + 16, ETH_P_IP);
	f[18] = 6;
	f[19] = 4;
	put_be16(f + 20, op);
	memcpy(f + 22, f + 6, 6);
	put_be32(f + 28, spa);
	put_be32(f + 38, tpa);
	return 42;
}

static struct neighbour *entry(const char *ip)
{
	be32 key = be32_make(tap_ip(ip));

	return neigh_lookup(arp_table(&net_a), &key, a->dev);
}

static int state_of(const char *ip)
{
	struct neighbour *n = entry(ip);
	int s = n ? n->nud_state : -1;

	neigh_release(n);
	return s;
}

/* An IP packet to 10.0.0.x, as a transport would send it. */
static void send_to(const char *ip)
{
	struct flowi4 fl = {.daddr = be32_make(tap_ip(ip))};
	struct rtable *rt = ip_route_output_flow(&net_a, &fl, NULL);
	struct sk_buff *skb = alloc_skb(256, 0);

	assert_false((uintptr_t)rt >= (uintptr_t)-4095);
	skb_reserve(skb, 128);
	memset(skb_put(skb, 16), 0x5a, 16);
	skb_dst_set(skb, &rt->dst);
	ip_build_and_send_pkt(skb, NULL, fl.saddr, fl.daddr, NULL, 200, 64, 0);
	host_run_for(0);
}

static u16 ethertype(const struct tap_frame *f)
{
	return get_be16(f->data + 12);
}

/* A packet to an unknown neighbour asks for it by broadcast, waits, and leaves on the answer. */
static void packet_waits_for_the_answer(void **state)
{
	u8 f[64];
	const struct tap_frame *got;

	send_to("10.0.0.2");
	got = tap_next(a);
	assert_non_null(got);
	assert_int_equal(ethertype(got), ETH_P_ARP);
	assert_int_equal(got->data[0], 0xff);
	assert_int_equal(get_be16(got->data + 20), 1);
	assert_int_equal(get_be32(got->data + 28), tap_ip("10.0.0.1"));
	assert_int_equal(get_be32(got->data + 38), tap_ip("10.0.0.2"));
	assert_null(tap_next(a));
	assert_int_equal(state_of("10.0.0.2"), NUD_INCOMPLETE);

	tap_inject(a, f, make_arp(f, 2, 2, tap_ip("10.0.0.2"), tap_ip("10.0.0.1"), false));
	got = tap_next(a);
	assert_non_null(got);
	assert_int_equal(ethertype(got), ETH_P_IP);
	assert_int_equal(got->data[5], 2);
	assert_int_equal(state_of("10.0.0.2"), NUD_REACHABLE);
}

/* Without an answer three requests go out a second apart, then the entry has failed. */
static void no_answer_fails_after_three_requests(void **state)
{
	unsigned requests = 0;
	u64 failed = skb_drop_count(SKB_DROP_REASON_NEIGH_FAILED);

	send_to("10.0.0.9");
	host_run_for(5 * NSEC_PER_SEC);
	while (tap_next(a))
		requests++;
	assert_int_equal(requests, 3);
	assert_int_equal(state_of("10.0.0.9"), NUD_FAILED);
	assert_int_equal(skb_drop_count(SKB_DROP_REASON_NEIGH_FAILED), failed + 1);
}

/* REACHABLE turns STALE unused; a packet then starts DELAY, and PROBE asks the old address. */
static void states_over_time(void **state)
{
	u8 f[64];
	const struct tap_frame *got;

	send_to("10.0.0.2");
	tap_inject(a, f, make_arp(f, 2, 2, tap_ip("10.0.0.2"), tap_ip("10.0.0.1"), false));
	host_run_for(60 * NSEC_PER_SEC);
	assert_int_equal(state_of("10.0.0.2"), NUD_STALE);
	tap_forget(a);
	send_to("10.0.0.2");
	assert_int_equal(state_of("10.0.0.2"), NUD_DELAY);
	assert_int_equal(ethertype(tap_next(a)), ETH_P_IP);
	host_run_for(5500 * NSEC_PER_MSEC);
	assert_int_equal(state_of("10.0.0.2"), NUD_PROBE);
	got = tap_next(a);
	assert_non_null(got);
	assert_int_equal(ethertype(got), ETH_P_ARP);
	assert_int_equal(got->data[5], 2); /* unicast */
	tap_inject(a, f, make_arp(f, 2, 2, tap_ip("10.0.0.2"), tap_ip("10.0.0.1"), false));
	assert_int_equal(state_of("10.0.0.2"), NUD_REACHABLE);
}

/* Upper layers' proof keeps DELAY from probing. */
static void confirmation_prevents_the_probe(void **state)
{
	u8 f[64];
	struct neighbour *n;

	send_to("10.0.0.2");
	tap_inject(a, f, make_arp(f, 2, 2, tap_ip("10.0.0.2"), tap_ip("10.0.0.1"), false));
	host_run_for(60 * NSEC_PER_SEC);
	send_to("10.0.0.2");
	n = entry("10.0.0.2");
	neigh_confirm(n);
	neigh_release(n);
	tap_forget(a);
	host_run_for(6 * NSEC_PER_SEC);
	assert_int_equal(state_of("10.0.0.2"), NUD_REACHABLE);
	assert_null(tap_next(a));
}

/* A request for our address is answered and makes its sender known, as STALE. */
static void request_is_answered(void **state)
{
	u8 f[64];
	const struct tap_frame *got;

	tap_inject(a, f, make_arp(f, 1, 7, tap_ip("10.0.0.7"), tap_ip("10.0.0.1"), true));
	got = tap_next(a);
	assert_non_null(got);
	assert_int_equal(get_be16(got->data + 20), 2);
	assert_int_equal(got->data[5], 7);
	assert_memory_equal(got->data + 22, a->dev->dev_addr, 6);
	assert_int_equal(get_be32(got->data + 28), tap_ip("10.0.0.1"));
	assert_int_equal(state_of("10.0.0.7"), NUD_STALE);
}

/* A reply nobody asked for makes no entry; a request for another host neither. */
static void strangers_make_no_entries(void **state)
{
	u8 f[64];

	tap_inject(a, f, make_arp(f, 2, 66, tap_ip("10.0.0.66"), tap_ip("10.0.0.1"), false));
	tap_inject(a, f, make_arp(f, 1, 66, tap_ip("10.0.0.66"), tap_ip("10.0.0.3"), true));
	assert_int_equal(state_of("10.0.0.66"), -1);
	assert_null(tap_next(a));
}

/* Of two answers within locktime the first one counts. */
static void second_answer_does_not_override(void **state)
{
	struct neighbour *n;
	u8 f[64];

	send_to("10.0.0.2");
	tap_inject(a, f, make_arp(f, 2, 2, tap_ip("10.0.0.2"), tap_ip("10.0.0.1"), false));
	tap_inject(a, f, make_arp(f, 2, 66, tap_ip("10.0.0.2"), tap_ip("10.0.0.1"), false));
	n = entry("10.0.0.2");
	assert_int_equal(n->ha[5], 2);
	neigh_release(n);
}

/* Malformed packets are dropped with a reason, at every length. */
static void malformed_is_dropped(void **state)
{
	u64 before = skb_drop_count(SKB_DROP_REASON_ARP_INVALID), bad = 0;
	u8 f[64];

	for (u32 len = 14; len < 42; len++, bad++)
		tap_inject(a, (make_arp(f, 1, 7, 1, tap_ip("10.0.0.1"), true), f), len);
	make_arp(f, 1, 7, tap_ip("10.0.0.7"), tap_ip("10.0.0.1"), true);
	f[18] = 8;
	tap_inject(a, f, 42), bad++;
	make_arp(f, 9, 7, tap_ip("10.0.0.7"), tap_ip("10.0.0.1"), true);
	tap_inject(a, f, 42), bad++;
	make_arp(f, 1, 7, tap_ip("224.0.0.7"), tap_ip("10.0.0.1"), true);
	tap_inject(a, f, 42), bad++;
	make_arp(f, 1, 7, tap_ip("10.0.0.7"), tap_ip("10.0.0.1"), true);
	f[22] = 0xff;
	tap_inject(a, f, 42), bad++;
	assert_int_equal(skb_drop_count(SKB_DROP_REASON_ARP_INVALID), before + bad);
	assert_null(tap_next(a));
}

/* Somebody with our address is told about it: we announce ours. */
static void conflict_is_defended(void **state)
{
	u8 f[64];
	const struct tap_frame *got;

	tap_inject(a, f, make_arp(f, 1, 9, tap_ip("10.0.0.1"), tap_ip("10.0.0.1"), true));
	got = tap_next(a);
	assert_non_null(got);
	assert_int_equal(get_be32(got->data + 28), tap_ip("10.0.0.1"));
	assert_int_equal(get_be32(got->data + 38), tap_ip("10.0.0.1"));
}

/* The queue of an unresolved entry is bounded: the oldest packet gives way. */
static void queue_is_bounded(void **state)
{
	u64 before = skb_drop_count(SKB_DROP_REASON_NEIGH_QUEUEFULL);
	struct neighbour *n;

	arp_table(&net_a)->parms.queue_len_bytes = 4096;
	for (int i = 0; i < 50; i++)
		send_to("10.0.0.9");
	n = entry("10.0.0.9");
	assert_true(n->arp_queue_bytes <= 4096);
	neigh_release(n);
	assert_true(skb_drop_count(SKB_DROP_REASON_NEIGH_QUEUEFULL) > before);
}

/* The table is bounded, whatever a scan of the subnet asks for. */
static void table_is_bounded(void **state)
{
	struct neigh_table *t = arp_table(&net_a);
	char ip[16];

	t->gc_thresh1 = 8;
	t->gc_thresh2 = 16;
	t->gc_thresh3 = 32;
	for (int i = 2; i < 250; i++) {
		snprintf(ip, sizeof(ip), "10.0.0.%d", i);
		send_to(ip);
		assert_true(t->entries <= 32);
	}
	assert_true(t->stat.table_fulls > 0);
	host_run_for(10 * NSEC_PER_SEC);
	send_to("10.0.0.251");
	assert_int_equal(state_of("10.0.0.251"), NUD_INCOMPLETE);
}

/* An address that is added is announced. */
static void new_address_is_announced(void **state)
{
	const struct tap_frame *got;

	rtnl_lock();
	inet_addr_add(a->dev, be32_make(tap_ip("10.0.0.5")), 24, (be32){0}, 0);
	rtnl_unlock();
	got = tap_next(a);
	assert_non_null(got);
	assert_int_equal(get_be32(got->data + 28), tap_ip("10.0.0.5"));
	assert_int_equal(get_be32(got->data + 38), tap_ip("10.0.0.5"));
}

static u64 first_use;

/* Nothing leaks: a net that came and went leaves memory as it was. */
static void memory_comes_back(void **state)
{
	for (int i = 0; i < 3; i++) {
		u64 now;

		setup(NULL);
		send_to("10.0.0.9");
		send_to("10.0.0.8");
		teardown(NULL);
		host_run_for(60 * NSEC_PER_SEC);
		now = host_memory_in_use();
		if (i)
			assert_int_equal(now, first_use);
		first_use = now;
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(packet_waits_for_the_answer),
		T(no_answer_fails_after_three_requests),
		T(states_over_time),
		T(confirmation_prevents_the_probe),
		T(request_is_answered),
		T(strangers_make_no_entries),
		T(second_answer_does_not_override),
		T(malformed_is_dropped),
		T(conflict_is_defended),
		T(queue_is_bounded),
		T(table_is_bounded),
		T(new_address_is_announced),
		cmocka_unit_test(memory_comes_back),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
