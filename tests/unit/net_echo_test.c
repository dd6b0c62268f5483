/* SPDX-License-Identifier: MIT */
/*
 * The short way of echo requests (icmp.c, ip_early.c): whoever asks for whatever, the answer is
 * byte for byte that of the long way and the counters say the same; what is not plain takes the
 * long way, and what is not sound is refused there.
 */
#include <kernel/percpu.h>
#include <net/ip.h>
#include <net/neighbour.h>
#include <net/netns_ipv4.h>
#include <net/snmp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "net_tap.h"

#define FRAME_MAX 1514
#define BATCH     16

struct packet {
	u8 data[FRAME_MAX];
	u32 len;
};

static struct net net;
static struct tap *tap;
static const struct net_device_ops *tap_ops;
static struct net_device_ops watch_ops;
static unsigned early; /* frames sent at the end of a poll */
static u16 fragment_id;

static netdev_tx_t watch_xmit(struct sk_buff *skb, struct net_device *dev)
{
	early += !(this_cpu(softnet_data).polls & 1);
	return tap_ops->ndo_start_xmit(skb, dev);
}

static int setup(void **state)
{
	struct fib_config far = {.gateway = be32_make(tap_ip("10.0.0.8"))};

	(void)state;
	assert_int_equal(net_init(&net, "echo"), 0);
	tap = tap_new(&net, 1, "10.0.0.1", 24);
	tap_ops = tap->dev->netdev_ops;
	watch_ops = *tap_ops;
	watch_ops.ndo_start_xmit = watch_xmit;
	tap->dev->netdev_ops = &watch_ops;
	tap->use_poll = true;
	rtnl_lock();
	assert_int_equal(fib_add(&net, &far), 0);
	assert_int_equal(inet_addr_add(tap->dev, be32_make(tap_ip("10.0.0.2")), 24, (be32){0},
				       RT_SCOPE_UNIVERSE),
			 0);
	rtnl_unlock();
	net.ipv4->icmp_ratemask = 0; /* which error is the one too many is a matter of chance */
	tap_arp(tap, 1, 8);
	tap_arp(tap, 1, 9);
	tap_forget(tap);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tap->dev->netdev_ops = tap_ops;
	tap_free(tap);
	net_exit(&net);
	host_check();
	return 0;
}

/* ---- requests of all kinds ---------------------------------------------------------------------
 */

static u32 echo_request(u8 *icmp, u32 text)
{
	bool zero = host_random_below(8) == 0;

	icmp[0] = 8;
	icmp[1] = host_random_below(8) ? 0 : (u8)host_random();
	put_be16(icmp + 2, 0);
	for (u32 i = 4; i < 8 + text; i++)
		icmp[i] = zero ? 0 : (u8)host_random();
	put_be16(icmp + 2, tap_csum(icmp, 8 + text, 0));
	return 8 + text;
}

static void fix_ip_csum(struct packet *p)
{
	put_be16(p->data + 24, 0);
	put_be16(p->data + 24, tap_csum(p->data + 14, (p->data[14] & 15) * 4u, 0));
}

static void make_echo(struct packet *p, const char *from, const char *to, u32 text)
{
	static const u8 tos[] = {0, 0, 0, 1, 2, 3, 0x10, 0xb8};
	u8 icmp[FRAME_MAX];
	u32 len = echo_request(icmp, text);

	p->len = tap_make_ip(p->data, tap, strstr(from, ".9") ? 9 : 8, tap_ip(from), tap_ip(to), 1,
			     (u16)host_random(), host_random_below(2) ? 0x4000 : 0, icmp, len);
	p->data[15] = tos[host_random_below(8)];
	p->data[22] = (u8)(1 + host_random_below(255));
	fix_ip_csum(p);
}

static void random_echo(struct packet *p)
{
	static const char *const from[] = {"10.0.0.8", "10.0.0.9", "203.0.113.7", "8.8.8.8"};
	u32 text = host_random_below(4) ? 56 : host_random_below(FRAME_MAX - 42 + 1);

	make_echo(p, from[host_random_below(4)], host_random_below(4) ? "10.0.0.1" : "10.0.0.2",
		  text);
}

/* Something is wrong with it, or not plain. */
static void spoil(struct packet *p)
{
	static const char *const source[] = {"10.0.0.1",  "127.0.0.1",  "0.0.0.0",
					     "224.0.0.1", "10.0.0.255", "255.255.255.255"};
	static const char *const dest[] = {"10.0.0.255", "255.255.255.255", "224.0.0.1",
					   "10.0.0.77",  "127.0.0.1",       "0.0.0.0"};
	u8 *ip = p->data + 14;

	switch (host_random_below(12)) {
	case 0: /* a byte in the ICMP message is another one */
		ip[20 + host_random_below(p->len - 34)] ^= (u8)(1u << host_random_below(8));
		return;
	case 1: /* or in the header */
		ip[host_random_below(20)] ^= (u8)(1u << host_random_below(8));
		return;
	case 2: /* cut off */
		p->len = 14 + host_random_below(p->len - 14);
		return;
	case 3: /* the header knows of more, or less, than there is */
		put_be16(ip + 2, (u16)host_random_below(p->len + 100));
		break;
	case 4: /* a fragment */
		put_be16(ip + 4, fragment_id++);
		put_be16(ip + 6, host_random_below(2) ? 0x2000 : 1 + host_random_below(0x1fff));
		break;
	case 5: /* options */
		memmove(ip + 24, ip + 20, p->len - 34 > 1400 ? 1400 : p->len - 34);
		put_be32(ip + 20, host_random_below(2) ? 0x01010101 : 0x83030400);
		ip[0] = 0x46;
		p->len += p->len < FRAME_MAX - 4 ? 4 : 0;
		put_be16(ip + 2, (u16)(p->len - 14));
		break;
	case 6:
		put_be32(ip + 12, tap_ip(source[host_random_below(6)]));
		break;
	case 7:
		put_be32(ip + 16, tap_ip(dest[host_random_below(6)]));
		break;
	case 8: /* not for our address on the link */
		p->data[host_random_below(6)] ^= (u8)(1u << host_random_below(8));
		return;
	case 9: /* another type */
		ip[20] = (u8)host_random_below(20);
		put_be16(ip + 22, 0);
		put_be16(ip + 22, tap_csum(ip + 20, p->len - 34, 0));
		return;
	case 10:
		ip[0] = (u8)host_random();
		break;
	default: /* padded by the link */
		memset(p->data + p->len, 0x55, FRAME_MAX - p->len);
		p->len = p->len + host_random_below(FRAME_MAX - p->len + 1);
		return;
	}
	fix_ip_csum(p);
}

/* ---- the ways ----------------------------------------------------------------------------------
 */

struct answers {
	struct packet p[2 * BATCH];
	unsigned n;
};

static void collect(struct answers *a)
{
	const struct tap_frame *f;

	for (a->n = 0; (f = tap_next(tap));) {
		if (get_be16(f->data + 12) == ETH_P_ARP) {
			if (f->data[21] == 1)
				tap_arp(tap, 2, f->data[41]);
			continue;
		}
		assert_true(a->n < 2 * BATCH);
		memcpy(a->p[a->n].data, f->data, f->len);
		a->p[a->n++].len = f->len;
	}
}

static void receive(const struct packet *p, unsigned n, bool gro, struct answers *a)
{
	tap->dev->features &= ~NETIF_F_GRO;
	tap->dev->features |= gro ? NETIF_F_GRO : 0;
	local_bh_disable();
	for (unsigned i = 0; i < n; i++)
		tap_receive(tap, p[i].data, p[i].len);
	local_bh_enable();
	host_run_for(0);
	collect(a);
}

/* Both ways; padding is counted by the long one alone, and fragments wait for others. */
static void both_ways(struct packet *p, unsigned n)
{
	static struct answers a, b;
	struct net_mib *mib = net.mib[0], before = *mib, after_short, after_long;

	receive(p, n, true, &a);
	after_short = *mib;
	for (unsigned i = 0; i < n; i++) {
		const u8 *ip = p[i].data + 14;

		if (p[i].len >= 34 && (get_be16(ip + 6) & 0x3fff) &&
		    !tap_csum(ip, (ip[0] & 15) * 4u, 0)) {
			put_be16(p[i].data + 18, fragment_id++);
			fix_ip_csum(&p[i]);
		}
	}
	receive(p, n, false, &b);
	after_long = *mib;
	before.ipext[IPEXT_MIB_INOCTETS] = after_short.ipext[IPEXT_MIB_INOCTETS] =
		after_long.ipext[IPEXT_MIB_INOCTETS] = 0;
	/* All but what is looked up in the tables, the last group. */
	for (unsigned i = 0; i < offsetof(struct net_mib, rt) / sizeof(u64); i++)
		assert_int_equal(((u64 *)&after_short)[i] - ((u64 *)&before)[i],
				 ((u64 *)&after_long)[i] - ((u64 *)&after_short)[i]);
	assert_int_equal(a.n, b.n);
	for (unsigned i = 0; i < a.n; i++) {
		unsigned j = 0;

		while (j < b.n &&
		       (a.p[i].len != b.p[j].len || memcmp(a.p[i].data, b.p[j].data, a.p[i].len)))
			j++;
		assert_true(j < b.n);
		b.p[j].len = 0;
	}
}

/* Is the answer's checksum zero, of either form? */
static bool sum_is_zero(const struct packet *p)
{
	u8 icmp[FRAME_MAX];
	u16 check;

	memcpy(icmp, p->data + 34, p->len - 34);
	icmp[0] = 0;
	put_be16(icmp + 2, 0);
	check = tap_csum(icmp, p->len - 34, 0);
	return !check || check == 0xffff;
}

/* All that is plain is answered the same, and the short way is taken. */
static void test_answers_are_the_same(void **state)
{
	static struct packet p[BATCH];
	struct answers a;

	(void)state;
	for (unsigned i = 0; i < 200; i++) { /* addresses are known from now on */
		random_echo(&p[0]);
		receive(p, 1, true, &a);
	}
	for (unsigned round = 0; round < 300; round++) {
		unsigned n = 1 + host_random_below(BATCH), plain = 0;

		net.ipv4->ip_default_ttl = 1 + (int)host_random_below(255);
		for (unsigned i = 0; i < n; i++) {
			random_echo(&p[i]);
			plain += !sum_is_zero(&p[i]);
		}
		early = 0;
		both_ways(p, n);
		assert_int_equal(early, plain);
	}
}

/* What is received counts in all, whichever way it takes. */
static void test_octets(void **state)
{
	u64 *in = &net.mib[0]->ipext[IPEXT_MIB_INOCTETS], before;
	struct packet p;
	struct answers a;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		make_echo(&p, "10.0.0.9", "10.0.0.1", 56);
		before = *in;
		receive(&p, 1, i & 1, &a);
		assert_int_equal(*in - before, 84);
		assert_int_equal(a.n, 1);
	}
}

/* Hostile ones among good ones, neighbours that grow stale, and settings that change. */
static void test_hostile(void **state)
{
	static struct packet p[BATCH];

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		unsigned n = 1 + host_random_below(BATCH);

		for (unsigned i = 0; i < n; i++) {
			random_echo(&p[i]);
			if (host_random_below(2))
				spoil(&p[i]);
		}
		net.ipv4->icmp_echo_ignore_all = host_random_below(8) == 0;
		net.ipv4->icmp_echo_ignore_broadcasts = host_random_below(2) == 0;
		if (host_random_below(32) == 0) {
			host_run_for(40 * NSEC_PER_SEC);
			tap_forget(tap);
		}
		both_ways(p, n);
	}
}

/* The short way waits for a peer, a route and a neighbour that the long one knows, and is left
 * again when they change, when answers are limited, and for what is longer than the route takes. */
static void test_what_is_not_plain(void **state)
{
	struct packet p;
	struct answers a;

	(void)state;
#define ECHO_TAKES(short_way)                                 \
	do {                                                  \
		early = 0;                                    \
		receive(&p, 1, true, &a);                     \
		assert_int_equal(a.n, 1);                     \
		assert_int_equal(early, (short_way) ? 1 : 0); \
	} while (0)
	make_echo(&p, "10.0.0.9", "10.0.0.1", 1000);
	ECHO_TAKES(false);
	ECHO_TAKES(true);
	rt_cache_flush(&net);
	ECHO_TAKES(false);
	ECHO_TAKES(true);
	ipv4_update_pmtu(&net, be32_make(tap_ip("10.0.0.9")), 600);
	early = 0;
	receive(&p, 1, true, &a);
	assert_int_equal(early, 0);
	assert_int_equal(a.n, 2); /* in fragments */
	make_echo(&p, "10.0.0.8", "10.0.0.1", 1000);
	ECHO_TAKES(false);
	ECHO_TAKES(true);
	net.ipv4->icmp_ratemask = 1; /* of echo replies */
	ECHO_TAKES(false);
	net.ipv4->icmp_ratemask = 0;
	ECHO_TAKES(true);
	host_run_for(200 * NSEC_PER_SEC); /* stale */
	tap_forget(tap);
	ECHO_TAKES(false);
	ECHO_TAKES(true);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_answers_are_the_same),
		TEST(test_octets),
		TEST(test_hostile),
		TEST(test_what_is_not_plain),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
