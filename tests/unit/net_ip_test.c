/* SPDX-License-Identifier: MIT */
/*
 * IPv4 input and output: what is accepted, answered, refused and why (RFC 791, RFC 1122 section
 * 3.2, RFC 815, RFC 5722, RFC 1812 section 4.3); every length of hostile packets.
 */
#include <errno.h>
#include <kernel/sysctl.h>
#include <net/ip.h>
#include <net/neighbour.h>
#include <net/netns_ipv4.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "net_tap.h"

#define ME   "10.0.0.1"
#define PEER "10.0.0.2"

static struct net net_a;
static struct tap *a;
static u8 frame[70000], payload[66000];
static u64 dropped_before[NR_SKB_DROP_REASONS];

static void know_peer(void)
{
	static const u8 mac[8] = {2, 0, 0, 0, 0, 2};
	be32 key = be32_make(tap_ip(PEER));
	struct neighbour *n = neigh_create(arp_table(&net_a), &key, a->dev);

	assert_non_null(n);
	neigh_update(n, mac, NUD_PERMANENT, NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_ADMIN);
	neigh_release(n);
}

static int setup(void **state)
{
	assert_int_equal(net_init(&net_a, "a"), 0);
	a = tap_new(&net_a, 1, ME, 24);
	know_peer();
	tap_forget(a);
	for (unsigned i = 0; i < NR_SKB_DROP_REASONS; i++)
		dropped_before[i] = skb_drop_count((enum skb_drop_reason)i);
	for (unsigned i = 0; i < sizeof(payload); i++)
		payload[i] = (u8)(i * 7 + (i >> 8));
	return 0;
}

static int teardown(void **state)
{
	tap_free(a);
	net_exit(&net_a);
	host_check();
	return 0;
}

static u64 drops(enum skb_drop_reason r)
{
	return skb_drop_count(r) - dropped_before[r];
}

/* An ICMP message in payload, checksummed. */
static u32 make_icmp(u8 type, u8 code, u32 rest, u32 len)
{
	payload[0] = type;
	payload[1] = code;
	put_be16(payload + 2, 0);
	put_be32(payload + 4, rest);
	put_be16(payload + 2, tap_csum(payload, len, 0));
	return len;
}

static void inject(u8 proto, u16 id, u16 frag, const void *data, u32 len)
{
	tap_inject(a, frame,
		   tap_make_ip(frame, a, 2, tap_ip(PEER), tap_ip(ME), proto, id, frag, data, len));
}

static void fix_ip_csum(void)
{
	put_be16(frame + 24, 0);
	put_be16(frame + 24, tap_csum(frame + 14, (frame[14] & 15) * 4u, 0));
}

/* The next frame sent, which must be ICMP of that type. */
static const struct tap_frame *expect_icmp(u8 type, u8 code)
{
	const struct tap_frame *f = tap_next(a);

	assert_non_null(f);
	assert_int_equal(get_be16(f->data + 12), ETH_P_IP);
	assert_int_equal(f->data[14 + 9], 1);
	assert_int_equal(f->data[34], type);
	assert_int_equal(f->data[35], code);
	assert_int_equal(tap_csum(f->data + 14, 20, 0), 0);
	return f;
}

/* An echo request comes back as a reply with the same id, sequence and data. */
static void echo_is_answered(void **state)
{
	const struct tap_frame *f;

	inject(1, 1, 0, payload, make_icmp(8, 0, 0x12340001, 64));
	f = expect_icmp(0, 0);
	assert_int_equal(f->len, 14 + 20 + 64);
	assert_int_equal(get_be32(f->data + 14 + 12), tap_ip(ME));
	assert_int_equal(get_be32(f->data + 14 + 16), tap_ip(PEER));
	assert_int_equal(get_be32(f->data + 38), 0x12340001);
	assert_memory_equal(f->data + 42, payload + 8, 56);
	assert_int_equal(tap_csum(f->data + 34, 64, 0), 0);
}

/* Reassemble what was sent, in order, into out; returns its length. */
static u32 collect(u8 *out)
{
	const struct tap_frame *f;
	u32 len = 0;
	bool more = true;

	while (more) {
		u32 off, n;

		f = tap_next(a);
		assert_non_null(f);
		assert_true(f->len <= 14 + 1500);
		assert_int_equal(tap_csum(f->data + 14, 20, 0), 0);
		off = (get_be16(f->data + 20) & IP_OFFSET) * 8u;
		n = get_be16(f->data + 16) - 20u;
		more = get_be16(f->data + 20) & IP_MF;
		memcpy(out + off, f->data + 34, n);
		len = off + n > len ? off + n : len;
	}
	return len;
}

/* Send payload[0..len) as fragments of size bytes, from the last to the first. */
static void inject_fragments(u8 proto, u16 id, u32 len, u32 size)
{
	for (u32 i = (len + size - 1) / size; i-- > 0;) {
		u32 off = i * size, n = len - off < size ? len - off : size;

		inject(proto, id, (u16)(off / 8 | (off + n < len ? IP_MF : 0)), payload + off, n);
	}
}

/* A ping of 64 KiB, in fragments that come backwards, is answered in fragments. */
static void big_echo_in_fragments(void **state)
{
	static u8 got[66000];
	u32 len = make_icmp(8, 0, 0x00010002, 65507 + 8);

	inject_fragments(1, 77, len, 1480);
	assert_int_equal(collect(got), len);
	assert_int_equal(got[0], 0);
	assert_memory_equal(got + 8, payload + 8, len - 8);
	assert_int_equal(tap_csum(got, len, 0), 0);
	assert_null(tap_next(a));
	assert_int_equal(atomic_read(&net_a.ipv4->frag_mem), 0);
}

/* A fragment that overlaps condemns the datagram (RFC 5722); a duplicate does not. */
static void overlap_condemns(void **state)
{
	u32 len = make_icmp(8, 0, 1, 1000);

	inject(1, 5, IP_MF, payload, 400);
	inject(1, 5, IP_MF, payload, 400);
	assert_int_equal(drops(SKB_DROP_REASON_FRAG_OVERLAP), 1);
	inject(1, 5, 50, payload + 400, len - 400);
	expect_icmp(0, 0);

	inject(1, 6, IP_MF, payload, 400);
	inject(1, 6, 49, payload + 392, len - 392);
	assert_null(tap_next(a));
	assert_true(drops(SKB_DROP_REASON_FRAG_OVERLAP) >= 3);
	assert_int_equal(atomic_read(&net_a.ipv4->frag_mem), 0);
}

/* Impossible fragments: past 64 KiB, of odd length, beyond a known end, with a second end. */
static void impossible_fragments(void **state)
{
	inject(1, 7, 8191 | IP_MF, payload, 800);
	inject(1, 8, IP_MF, payload, 401);
	inject(1, 9, 50, payload, 400);
	inject(1, 9, 200 | IP_MF, payload, 400);
	inject(1, 10, 50, payload, 400);
	inject(1, 10, 10, payload, 8);
	inject(1, 11, IP_MF, payload, 0);
	assert_null(tap_next(a));
	assert_int_equal(drops(SKB_DROP_REASON_FRAG_INVALID), 7);
	assert_int_equal(atomic_read(&net_a.ipv4->frag_mem), 0);
}

/* After ipfrag_time the first fragment is quoted in a "time exceeded", and memory is back. */
static void reassembly_times_out(void **state)
{
	inject(1, 12, IP_MF, payload, make_icmp(8, 0, 1, 800));
	inject(1, 13, 100, payload, 800);
	host_run_for(31 * NSEC_PER_SEC);
	expect_icmp(11, 1);
	assert_null(tap_next(a));
	assert_int_equal(atomic_read(&net_a.ipv4->frag_mem), 0);
	assert_int_equal(net_a.mib[0]->ip[IPSTATS_MIB_REASMTIMEOUT], 2);
}

/* However many datagrams are left incomplete, memory stays within bounds. */
static void fragment_memory_is_bounded(void **state)
{
	net_a.ipv4->ipfrag_high_thresh = 100000;
	net_a.ipv4->ipfrag_low_thresh = 50000;
	for (u16 id = 0; id < 1000; id++) {
		inject(1, id, IP_MF, payload, 1400);
		assert_true(atomic_read(&net_a.ipv4->frag_mem) < 110000);
	}
	assert_true(drops(SKB_DROP_REASON_FRAG_LIMIT) > 0);
}

/* Every cut of a good packet, and wrong fields, are refused with their reason and counter. */
static void broken_headers(void **state)
{
	u32 len = tap_make_ip(frame, a, 2, tap_ip(PEER), tap_ip(ME), 1, 1, 0, payload,
			      make_icmp(8, 0, 1, 64));

	for (u32 n = 14; n < 34; n++)
		tap_inject(a, frame, n);
	assert_int_equal(drops(SKB_DROP_REASON_IP_INHDR), 20);
	for (u32 n = 34; n < len; n++)
		tap_inject(a, frame, n);
	assert_int_equal(drops(SKB_DROP_REASON_IP_TRUNCATED), len - 34);
	frame[14] = 0x65; /* version 6 */
	tap_inject(a, frame, len);
	frame[14] = 0x44; /* 16 bytes of header */
	tap_inject(a, frame, len);
	frame[14] = 0x4f; /* 60 bytes, of 84: the checksum is wrong then */
	tap_inject(a, frame, len);
	assert_int_equal(drops(SKB_DROP_REASON_IP_INHDR), 22);
	assert_int_equal(drops(SKB_DROP_REASON_IP_CSUM), 1);
	frame[14] = 0x45;
	frame[24] ^= 1;
	tap_inject(a, frame, len);
	assert_int_equal(drops(SKB_DROP_REASON_IP_CSUM), 2);
	put_be16(frame + 16, 19); /* total length below the header's */
	fix_ip_csum();
	tap_inject(a, frame, len);
	assert_int_equal(drops(SKB_DROP_REASON_IP_INHDR), 23);
	assert_null(tap_next(a));
	assert_int_equal(net_a.mib[0]->ipext[IPEXT_MIB_CSUMERRORS], 2);
}

/* Padding behind the total length is cut off before the checksum. */
static void padding_is_cut(void **state)
{
	u32 len = tap_make_ip(frame, a, 2, tap_ip(PEER), tap_ip(ME), 1, 1, 0, payload,
			      make_icmp(8, 0, 1, 9));

	memset(frame + len, 0xee, 17);
	tap_inject(a, frame, len + 17);
	assert_int_equal(expect_icmp(0, 0)->len, 34 + 9);
}

/* Sources that cannot be answered, destinations that are not ours. */
static void martians(void **state)
{
	static const char *const sources[] = {"127.0.0.1", "224.0.0.1", "255.255.255.255",
					      "0.1.2.3",   ME,          "10.0.0.255"};
	u32 n = make_icmp(8, 0, 1, 32);

	for (unsigned i = 0; i < 6; i++)
		tap_inject(a, frame,
			   tap_make_ip(frame, a, 2, tap_ip(sources[i]), tap_ip(ME), 1, 1, 0,
				       payload, n));
	assert_int_equal(drops(SKB_DROP_REASON_IP_SADDR_INVALID), 6);
	tap_inject(a, frame,
		   tap_make_ip(frame, a, 2, tap_ip(PEER), tap_ip("10.0.0.3"), 1, 1, 0, payload, n));
	tap_inject(
		a, frame,
		tap_make_ip(frame, a, 2, tap_ip(PEER), tap_ip("127.0.0.1"), 1, 1, 0, payload, n));
	assert_int_equal(drops(SKB_DROP_REASON_IP_INADDRERRORS), 2);
	assert_null(tap_next(a));
}

/* A ping to a broadcast or a group is not answered; nor is an error ever sent about one. */
static void broadcasts_are_not_answered(void **state)
{
	static const char *const to[] = {"255.255.255.255", "10.0.0.255", "224.0.0.1"};

	for (unsigned i = 0; i < 3; i++) {
		u32 len = tap_make_ip(frame, a, 2, tap_ip(PEER), tap_ip(to[i]), 1, 1, 0, payload,
				      make_icmp(8, 0, 1, 32));

		memset(frame, 0xff, 6);
		tap_inject(a, frame, len);
		frame[14 + 9] = 222;
		fix_ip_csum();
		tap_inject(a, frame, len);
	}
	assert_null(tap_next(a));
}

/* An unknown protocol gets "protocol unreachable" with the offending packet quoted. */
static void unknown_protocol(void **state)
{
	const struct tap_frame *f;

	inject(222, 1, 0, payload, 1000);
	f = expect_icmp(3, 2);
	assert_int_equal(get_be16(f->data + 16), 576);
	assert_memory_equal(f->data + 42, frame + 14, 576 - 28);
}

/* Never an error about an error, nor about any fragment but the first. */
static void no_error_about_errors(void **state)
{
	inject(1, 1, 0, payload, make_icmp(3, 1, 0, 64));
	inject(222, 1, 100, payload, 64);
	host_run_for(40 * NSEC_PER_SEC);
	assert_null(tap_next(a));
}

/* Errors are rate limited: a burst to one host, then one a second. */
static void errors_are_limited(void **state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 100; i++)
		inject(222, 1, 0, payload, 32);
	while (tap_next(a))
		n++;
	assert_true(n >= 5 && n <= 7);
	assert_int_equal(net_a.mib[0]->icmp[ICMP_MIB_RATELIMITHOST], 100 - n);
	host_run_for(NSEC_PER_SEC);
	inject(222, 1, 0, payload, 32);
	expect_icmp(3, 2);
}

/* ICMP with a wrong checksum, or cut short, is counted and not answered. */
static void broken_icmp(void **state)
{
	u32 n = make_icmp(8, 0, 1, 32);

	payload[2] ^= 0x40;
	inject(1, 1, 0, payload, n);
	assert_int_equal(drops(SKB_DROP_REASON_ICMP_CSUM), 1);
	for (u32 len = 0; len < 8; len++)
		inject(1, 1, 0, payload, len);
	assert_int_equal(drops(SKB_DROP_REASON_ICMP_INVALID), 8);
	assert_null(tap_next(a));
}

/* A timestamp request is answered with ours. */
static void timestamp(void **state)
{
	const struct tap_frame *f;

	memset(payload, 0, 20);
	inject(1, 1, 0, payload, make_icmp(13, 0, 7, 20));
	f = expect_icmp(14, 0);
	assert_int_equal(f->len, 34 + 20);
	assert_int_equal(get_be32(f->data + 34 + 12), get_be32(f->data + 34 + 16));
	assert_int_equal(tap_csum(f->data + 34, 20, 0), 0);
}

/* Options: record route and router alert pass, a source route is refused, nonsense is pointed at.
 */
static void with_options(const u8 *opt, u8 n)
{
	u32 len = tap_make_ip(frame, a, 2, tap_ip(PEER), tap_ip(ME), 1, 1, 0, payload,
			      make_icmp(8, 0, 1, 16));

	memmove(frame + 34 + n, frame + 34, len - 34);
	memcpy(frame + 34, opt, n);
	frame[14] = (u8)(0x45 + n / 4);
	put_be16(frame + 16, (u16)(len - 14 + n));
	fix_ip_csum();
	tap_inject(a, frame, len + n);
}

static void options(void **state)
{
	static const u8 good[][8] = {
		{1, 1, 1, 1, 1, 1, 1, 0},  {7, 7, 4, 0, 0, 0, 0, 0},   {148, 4, 0, 0, 0, 1, 2, 3},
		{68, 8, 5, 0, 0, 0, 0, 0}, {130, 8, 9, 9, 9, 9, 9, 9},
	};
	static const u8 bad[][8] = {
		{7, 9, 4, 0, 0, 0, 0, 0},  {7, 1, 4, 0, 0, 0, 0, 0},  {7, 7, 3, 0, 0, 0, 0, 0},
		{68, 8, 4, 0, 0, 0, 0, 0}, {68, 8, 5, 7, 0, 0, 0, 0}, {1, 1, 1, 1, 1, 1, 1, 7},
		{7, 2, 7, 2, 0, 0, 0, 0},
	};
	static const u8 lsrr[8] = {131, 7, 4, 10, 0, 0, 9, 0};

	for (unsigned i = 0; i < sizeof(good) / 8; i++) {
		with_options(good[i], 8);
		expect_icmp(0, 0);
	}
	for (unsigned i = 0; i < sizeof(bad) / 8; i++) {
		with_options(bad[i], 8);
		assert_int_equal(drops(SKB_DROP_REASON_IP_OPTIONS), i + 1);
		host_run_for(10 * NSEC_PER_SEC);
		expect_icmp(12, 0);
	}
	with_options(lsrr, 8);
	assert_int_equal(drops(SKB_DROP_REASON_IP_OPTIONS), sizeof(bad) / 8 + 1);
	assert_null(tap_next(a));
}

/* Random bytes behind a good Ethernet header, in any length, harm nothing. */
static void random_packets(void **state)
{
	for (unsigned i = 0; i < 20000; i++) {
		u32 len = host_random_below(200);

		for (u32 j = 0; j < len; j++)
			payload[j] = (u8)host_random();
		tap_make_ip(frame, a, 2, tap_ip(PEER), tap_ip(ME),
			    (u8[]){1, 6, 17, 2}[host_random_below(4)], (u16)host_random_below(4),
			    (u16)(host_random_below(4) ? 0 : host_random()), payload, len);
		for (u32 j = host_random_below(4); j > 0; j--)
			frame[14 + host_random_below(40)] = (u8)host_random();
		if (host_random_below(2))
			frame[14] = (u8)(0x45 + host_random_below(3)); /* a few options */
		if (host_random_below(8))
			fix_ip_csum();
		tap_inject(a, frame, 14 + host_random_below(len + 21));
		if (host_random_below(8))
			tap_inject(a, frame, 34 + len);
	}
	host_run_for(60 * NSEC_PER_SEC);
	assert_int_equal(atomic_read(&net_a.ipv4->frag_mem), 0);
}

/* The longest prefix wins, then the lowest metric; what makes no sense is refused. */
static void route_lookup_longest_prefix(void **state)
{
	struct fib_config cfg = {.oif = a->dev->ifindex, .table = RT_TABLE_MAIN};
	struct flowi4 fl = {0};
	struct fib_result r;

	rtnl_lock();
	cfg.gateway = be32_make(tap_ip(PEER));
	assert_int_equal(fib_add(&net_a, &cfg), 0); /* default */
	cfg.dst = be32_make(tap_ip("192.168.0.0"));
	cfg.dst_len = 16;
	cfg.gateway = be32_make(tap_ip("10.0.0.3"));
	assert_int_equal(fib_add(&net_a, &cfg), 0);
	cfg.dst = be32_make(tap_ip("192.168.7.0"));
	cfg.dst_len = 24;
	cfg.gateway = be32_make(tap_ip("10.0.0.4"));
	assert_int_equal(fib_add(&net_a, &cfg), 0);
	assert_int_equal(fib_add(&net_a, &cfg), -EEXIST);
	cfg.priority = 5;
	assert_int_equal(fib_add(&net_a, &cfg), 0); /* a second one, by metric */
	cfg.dst_len = 20;
	assert_int_equal(fib_add(&net_a, &cfg), -EINVAL); /* bits behind the prefix */
	cfg.dst_len = 24;
	cfg.dst = be32_make(tap_ip("172.16.1.0"));
	cfg.gateway = be32_make(tap_ip("8.8.8.8"));
	assert_int_equal(fib_add(&net_a, &cfg), -ENETUNREACH); /* gateway is not on the link */
	cfg.gateway = be32_make(tap_ip(ME));
	assert_int_equal(fib_add(&net_a, &cfg), -EINVAL);

	rcu_read_lock();
	fl.daddr = be32_make(tap_ip("192.168.7.9"));
	assert_int_equal(fib_lookup(&net_a, &fl, &r), 0);
	assert_int_equal(be32_get(r.gateway), tap_ip("10.0.0.4"));
	assert_int_equal(r.priority, 0);
	fl.daddr = be32_make(tap_ip("192.168.8.9"));
	assert_int_equal(fib_lookup(&net_a, &fl, &r), 0);
	assert_int_equal(be32_get(r.gateway), tap_ip("10.0.0.3"));
	fl.daddr = be32_make(tap_ip("1.1.1.1"));
	assert_int_equal(fib_lookup(&net_a, &fl, &r), 0);
	assert_int_equal(be32_get(r.gateway), tap_ip(PEER));
	rcu_read_unlock();

	cfg = (struct fib_config){.table = RT_TABLE_MAIN};
	assert_int_equal(fib_del(&net_a, &cfg), 0);
	rcu_read_lock();
	assert_int_equal(fib_lookup(&net_a, &fl, &r), -ENETUNREACH);
	rcu_read_unlock();
	rtnl_unlock();
}

/* Many random prefixes: the trie agrees with a search through all of them. */
static void trie_agrees_with_a_list(void **state)
{
	enum { N = 300 };
	static struct fib_config list[N];
	unsigned n = 0, wrong = 0;

	rtnl_lock();
	for (unsigned i = 0; i < N; i++) {
		struct fib_config cfg = {.oif = a->dev->ifindex, .scope = RT_SCOPE_LINK};
		u8 len = (u8)(1 + host_random_below(32));
		u32 key = (u32)host_random() & 0x1f0f0f0f;

		cfg.dst_len = len;
		cfg.dst = be32_make((key | 0x40000000) & (~0u << (32 - len)));
		cfg.priority = 0;
		if (fib_add(&net_a, &cfg) == 0)
			list[n++] = cfg;
	}
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 5000; i++) {
			struct flowi4 fl = {
				.daddr = be32_make(((u32)host_random() & 0x1f0f0f0f) | 0x40000000)};
			struct fib_result r;
			int best = -1, err;

			for (unsigned j = 0; j < n; j++) {
				u32 mask = ~0u << (32 - list[j].dst_len);

				if ((be32_get(fl.daddr) & mask) == be32_get(list[j].dst) &&
				    list[j].dst_len > best)
					best = list[j].dst_len;
			}
			rcu_read_lock();
			err = fib_lookup(&net_a, &fl, &r);
			rcu_read_unlock();
			wrong += err != (best < 0 ? -ENETUNREACH : 0);
			wrong += !err && r.prefixlen != best;
		}
		while (round == 0 && n > N / 3)
			wrong += fib_del(&net_a, &list[--n]) != 0;
	}
	rtnl_unlock();
	assert_int_equal(wrong, 0);
}

/* A learnt path MTU lowers the route's, not below min_pmtu, and is forgotten in time. */
static void path_mtu_expires(void **state)
{
	struct flowi4 fl = {.daddr = be32_make(tap_ip(PEER))};
	struct rtable *rt = ip_route_output_flow(&net_a, &fl, NULL), *rt2;

	assert_int_equal(dst_mtu(&rt->dst), 1500);
	ipv4_update_pmtu(&net_a, fl.daddr, 1000);
	assert_null(ipv4_dst_check(&rt->dst));
	dst_release(&rt->dst);
	rt = ip_route_output_flow(&net_a, &fl, NULL);
	assert_int_equal(dst_mtu(&rt->dst), 1000);
	rt2 = ip_route_output_flow(&net_a, &fl, NULL);
	assert_ptr_equal(rt, rt2); /* from the cache */
	dst_release(&rt2->dst);
	dst_release(&rt->dst);
	ipv4_update_pmtu(&net_a, fl.daddr, 60);
	rt = ip_route_output_flow(&net_a, &fl, NULL);
	assert_int_equal(dst_mtu(&rt->dst), 552);
	assert_true(rt->mtu_locked);
	host_run_for(601 * NSEC_PER_SEC);
	assert_null(ipv4_dst_check(&rt->dst));
	dst_release(&rt->dst);
	rt = ip_route_output_flow(&net_a, &fl, NULL);
	assert_int_equal(dst_mtu(&rt->dst), 1500);
	dst_release(&rt->dst);
	host_run_for(NSEC_PER_MSEC);
}

/* An answer's route is taken from what is known of the packet, and is what any other packet gets.
 */
static void way_back_is_the_way_there(void **state)
{
	struct flowi4 fl = {.daddr = be32_make(tap_ip(PEER)), .saddr = be32_make(tap_ip(ME))};

	for (u32 mtu = 1500; mtu >= 1000; mtu -= 500) {
		struct rtable *rt = ip_route_output_flow(&net_a, &fl, NULL), *back;

		inject(1, 1, 0, payload, make_icmp(8, 0, 0x12340001, 64));
		for (int i = 0; i < 2; i++) {
			local_bh_disable();
			back = ip_route_output_flow(&net_a, &fl, NULL);
			local_bh_enable();
			assert_ptr_equal(back, rt);
			assert_int_equal(dst_mtu(&back->dst), mtu);
			dst_release(&back->dst);
		}
		dst_release(&rt->dst);
		ipv4_update_pmtu(&net_a, fl.daddr, 1000);
	}
	host_run_for(601 * NSEC_PER_SEC);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(echo_is_answered),
		T(big_echo_in_fragments),
		T(overlap_condemns),
		T(impossible_fragments),
		T(reassembly_times_out),
		T(fragment_memory_is_bounded),
		T(broken_headers),
		T(padding_is_cut),
		T(martians),
		T(broadcasts_are_not_answered),
		T(unknown_protocol),
		T(no_error_about_errors),
		T(errors_are_limited),
		T(broken_icmp),
		T(timestamp),
		T(options),
		T(random_packets),
		T(route_lookup_longest_prefix),
		T(trie_agrees_with_a_list),
		T(path_mtu_expires),
		T(way_back_is_the_way_there),
	};

	host_init(2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
