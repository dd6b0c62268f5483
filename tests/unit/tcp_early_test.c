/* SPDX-License-Identifier: MIT */
/*
 * The short way of a flood's SYNs (tcp_early.c): whatever a SYN asks for, wherever it comes from
 * and whoever listens, its answer is byte for byte that of the long way, be it the first of its
 * poll or a copy of an earlier one, and the counters say the same.
 */
#include "../../include/libc/netinet/tcp.h"

#include <net/ip.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "syn_peer.h"

#define FRAME_BYTES 128
#define BATCH       24

struct syn {
	u8 frame[FRAME_BYTES], answer[FRAME_BYTES];
	u32 len, answer_len;
	be32 from;
	be16 port;
};

static struct socket *other; /* a listener that is not like the first one */

static int setup(void **state)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = be16_make(81).wire};
	struct fib_config near = {.dst = be32_make(tap_ip("203.0.113.0")),
				  .dst_len = 24,
				  .gateway = be32_make(tap_ip("10.0.0.8"))};

	syn_setup(state);
	rtnl_lock();
	assert_int_equal(fib_add(&net, &near), 0);
	assert_int_equal(inet_addr_add(tap->dev, be32_make(tap_ip("10.0.0.2")), 24, (be32){0},
				       RT_SCOPE_UNIVERSE),
			 0);
	rtnl_unlock();
	assert_int_equal(sock_create_kern(&net, AF_INET, SOCK_STREAM, 0, &other), 0);
	assert_int_equal(other->ops->bind(other, (const void *)&any, sizeof(any)), 0);
	assert_int_equal(other->ops->listen(other, BACKLOG), 0);
	tcp_sk(other->sk)->rx_opt.user_mss = 1000;
	other->sk->sk_rcvbuf = 20000;
	other->sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	inet_sk(other->sk)->tos = 0x10;
	inet_sk(other->sk)->uc_ttl = 9;
	net.tcp->tcp_syncookies = 2;
	tap->use_poll = true;
	/* Routes and neighbours are known from now on. */
	for (unsigned i = 0; i < 8; i++) {
		static const char *const peers[] = {"10.0.0.8", "10.0.0.9", "203.0.113.7",
						    "198.51.100.7"};

		peer_addr = tap_ip(peers[i % 4]);
		syn((u16)(1 + i));
		tap_arp(tap, 2, 8);
		tap_arp(tap, 2, 9);
	}
	tap_forget(tap);
	return 0;
}

static int teardown(void **state)
{
	sock_release(other);
	return syn_teardown(state);
}

/* ---- SYNs of all kinds -------------------------------------------------------------------------
 */

/* Any options of those that there are, in any order. */
static u32 random_options(u8 *p)
{
	static const u16 mss[] = {1460, 1460, 1440, 1439, 1300, 536, 100, 9000};
	u8 *start = p;

	if (host_random_below(3) == 0) { /* as Linux has them */
		put_be32(p, 0x02040000u | mss[host_random_below(8)]);
		put_be32(p + 4, 0x0402080a);
		put_be32(p + 8, (u32)host_random());
		put_be32(p + 12, 0);
		put_be32(p + 16, 0x01030300u | host_random_below(18));
		return 20;
	}
	for (unsigned n = host_random_below(8); n; n--) {
		switch (host_random_below(6)) {
		case 0:
			put_be32(p, 0x02040000u | mss[host_random_below(8)]);
			p += 4;
			break;
		case 1:
			put_be32(p, 0x01030300u | host_random_below(16));
			p += 4;
			break;
		case 2:
			put_be32(p, 0x01010402);
			p += 4;
			break;
		case 3:
			put_be32(p, 0x0101080a);
			put_be32(p + 4, (u32)host_random());
			put_be32(p + 8, 0);
			p += 12;
			break;
		case 4:
			put_be32(p, 0x22020101); /* asks for a cookie of Fast Open */
			p += 4;
			break;
		default:
			put_be32(p, 0x01010101);
			p += 4;
			break;
		}
		if (p - start > 28)
			break;
	}
	return (u32)(p - start);
}

/* From the link, from behind one of two gateways, from anywhere. */
static u32 random_source(u8 *link)
{
	*link = host_random_below(2) ? 8 : 9;
	switch (host_random_below(4)) {
	case 0:
		return tap_ip("10.0.0.0") + *link;
	case 1:
		*link = 8;
		return tap_ip("203.0.113.0") + host_random_below(256);
	case 2:
		*link = 9;
		return tap_ip("198.18.0.0") + host_random_below(0x20000);
	default:
		*link = 9;
		return tap_ip("1.0.0.0") + host_random_below(0x7f000000 - 0x01000000);
	}
}

static void random_syn(struct syn *s, u16 port)
{
	static const u8 tos[] = {0, 0, 0, 2, 0x10};
	u32 to = tap_ip(host_random_below(4) ? "10.0.0.1" : "10.0.0.2"), from, len;
	u8 seg[60] = {0}, pseudo[12] = {0}, link;

	from = random_source(&link);
	len = 20 + random_options(seg + 20);
	put_be16(seg, port);
	put_be16(seg + 2, host_random_below(3) ? 80 : 81);
	put_be32(seg + 4, (u32)host_random());
	seg[12] = (u8)(len / 4 << 4);
	seg[13] = TCPHDR_SYN;
	if (host_random_below(4) == 0)
		seg[13] |= (u8)(TCPHDR_ECE | (host_random_below(4) ? TCPHDR_CWR : 0));
	put_be16(seg + 14, (u16)host_random());
	put_be32(pseudo, from);
	put_be32(pseudo + 4, to);
	pseudo[9] = 6;
	put_be16(pseudo + 10, (u16)len);
	put_be16(seg + 16, tap_csum(seg, len, (u16)~tap_csum(pseudo, 12, 0)));
	memset(s, 0, sizeof(*s));
	s->len = tap_make_ip(s->frame, tap, link, from, to, 6, 1, 0, seg, len);
	s->frame[15] = tos[host_random_below(5)];
	put_be16(s->frame + 24, 0);
	put_be16(s->frame + 24, tap_csum(s->frame + 14, 20, 0));
	if (s->len < 60)
		s->len = 60; /* padded by the link */
	s->from = be32_make(from);
	s->port = be16_make(port);
}

/* Find the answers to n SYNs among what was sent. */
static void collect(struct syn *s, unsigned n)
{
	const struct tap_frame *f;

	while ((f = tap_next(tap))) {
		unsigned i = 0;

		if (get_be16(f->data + 12) == ETH_P_ARP) {
			tap_arp(tap, 2, f->data[41]);
			continue;
		}
		assert_true(f->len <= FRAME_BYTES && f->len >= 54);
		while (i < n &&
		       (memcmp(f->data + 30, &s[i].from, 4) || memcmp(f->data + 36, &s[i].port, 2)))
			i++;
		assert_true(i < n);
		assert_int_equal(s[i].answer_len, 0);
		memcpy(s[i].answer, f->data, f->len);
		s[i].answer_len = f->len;
	}
}

/* ---- the ways ----------------------------------------------------------------------------------
 */

static void short_way(struct syn *s, unsigned n)
{
	net.rx_early = true;
	local_bh_disable();
	for (unsigned i = 0; i < n; i++)
		tap_receive(tap, s[i].frame, s[i].len);
	local_bh_enable();
	host_run_for(0);
	collect(s, n);
}

static void long_way(struct syn *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		net.rx_early = false;
		tap_inject(tap, s[i].frame, s[i].len);
	}
	collect(s, n);
}

static void set_at_random(void)
{
	net.tcp->tcp_timestamps = (int)host_random_below(8) % 3;
	net.tcp->tcp_sack = host_random_below(8) != 0;
	net.tcp->tcp_window_scaling = host_random_below(8) != 0;
	net.tcp->tcp_ecn = (int)host_random_below(3);
	net.tcp->tcp_syncookies = 2;
	host_run_for(host_random_below(4) * NSEC_PER_SEC / 3);
}

/* Every combination of what matters comes many times. */
static void test_answers_are_the_same(void **state)
{
	static struct syn a[BATCH], b[BATCH];
	struct net_mib *mib = net.mib[0], before, after_short, after_long;

	(void)state;
	for (unsigned round = 0; round < 400; round++) {
		set_at_random();
		for (unsigned i = 0; i < BATCH; i++)
			random_syn(&a[i], (u16)(1000 + round * BATCH + i));
		memcpy(b, a, sizeof(a));
		before = *mib;
		short_way(a, BATCH);
		after_short = *mib;
		long_way(b, BATCH);
		after_long = *mib;
		for (unsigned i = 0; i < BATCH; i++) {
			assert_true(a[i].answer_len);
			assert_int_equal(a[i].answer_len, b[i].answer_len);
			assert_memory_equal(a[i].answer, b[i].answer, a[i].answer_len);
		}
		/* All but what is looked up in the tables, the last group. */
		for (unsigned i = 0; i < offsetof(struct net_mib, rt) / sizeof(u64); i++)
			assert_int_equal(((u64 *)&after_short)[i] - ((u64 *)&before)[i],
					 ((u64 *)&after_long)[i] - ((u64 *)&after_short)[i]);
	}
}

/* Once cookies are sent, answers need no memory. */
static void test_needs_no_memory(void **state)
{
	static struct syn s[BATCH];

	(void)state;
	for (unsigned i = 0; i < BATCH; i++)
		random_syn(&s[i], (u16)(1000 + i));
	net.rx_early = true;
	local_bh_disable();
	for (unsigned i = 0; i < BATCH; i++)
		tap_receive(tap, s[i].frame, s[i].len);
	mm_fail_every(1);
	local_bh_enable();
	mm_fail_every(0);
	collect(s, BATCH);
	for (unsigned i = 0; i < BATCH; i++)
		assert_true(s[i].answer_len);
}

/* Within a poll the accept queue fills, or a listener goes: the SYNs behind are not answered. */
static void test_listener_has_its_say(void **state)
{
	static struct syn s[BATCH];

	(void)state;
	for (unsigned i = 0; i < BATCH; i++)
		random_syn(&s[i], (u16)(1000 + i));
	listener->sk->sk_ack_backlog = listener->sk->sk_max_ack_backlog + 1;
	short_way(s, BATCH);
	listener->sk->sk_ack_backlog = 0;
	for (unsigned i = 0; i < BATCH; i++)
		assert_int_equal(s[i].answer_len != 0, s[i].frame[37] == 81);
}

/* ---- past the stack, from GRO -----------------------------------------------------------------
 */

/* What a connection's segments were answered with, apart from where its numbers begin. */
struct life {
	struct syn_answer said[5];
	u64 counted[offsetof(struct net_mib, rt) /
		    sizeof(u64)]; /* routes are asked for by one alone */
	u64 processed;            /* /proc/net/softnet_stat, first column */
};

static void note(struct syn_answer *a, u32 isn)
{
	*a = answer;
	a->seq -= isn;
	a->tsval = 0;
}

static void read_all(struct socket *s, u32 len)
{
	u8 text[256];
	struct iovec iov = {text, sizeof(text)};
	struct msghdr msg = {0};
	struct iov_iter to;

	iov_iter_init(&to, &iov, 1, sizeof(text));
	assert_int_equal(s->ops->recvmsg(s, &msg, &to, MSG_DONTWAIT), len);
}

/* From its SYN to the ACK of its FIN; len bytes of text. */
static void live(struct life *l, u16 port, u32 len)
{
	struct net_mib before = *net.mib[0];
	u64 processed = this_cpu(softnet_data).processed;
	struct socket *s;
	u32 isn, ts;

	syn(port);
	isn = answer.seq;
	ts = answer.tsval;
	note(&l->said[0], isn);
	ack(port, 0);
	note(&l->said[1], isn);
	send_segment(port, TCPHDR_ACK | TCPHDR_PSH, PEER_ISN + 1, isn + 1, ts, true, len);
	note(&l->said[2], isn);
	s = accept_one();
	assert_non_null(s);
	read_all(s, len);
	sock_release(s);
	look();
	note(&l->said[3], isn);
	send_segment(port, TCPHDR_ACK, PEER_ISN + 1 + len, isn + 2, ts, true, 0);
	send_segment(port, TCPHDR_ACK | TCPHDR_FIN, PEER_ISN + 1 + len, isn + 2, ts, true, 0);
	note(&l->said[4], isn);
	for (unsigned i = 0; i < ARRAY_SIZE(l->counted); i++)
		l->counted[i] = ((u64 *)net.mib[0])[i] - ((u64 *)&before)[i];
	l->processed = this_cpu(softnet_data).processed - processed;
}

/* A connection whose segments GRO hands to TCP is like one whose segments come through IP. */
static void test_connections_are_the_same(void **state)
{
	static struct life a, b;

	(void)state;
	net.tcp->tcp_syncookies = 1;
	peer_addr = tap_ip("10.0.0.9");
	for (unsigned round = 0; round < 100; round++) {
		u32 len = 1 + host_random_below(100);

		live(&a, (u16)(1000 + 2 * round), len);
		tap->dev->features &= ~NETIF_F_GRO;
		live(&b, (u16)(1001 + 2 * round), len);
		tap->dev->features |= NETIF_F_GRO;
		assert_int_equal(a.said[0].flags, TCPHDR_SYN | TCPHDR_ACK);
		assert_int_equal(a.said[4].flags, TCPHDR_ACK);
		assert_memory_equal(&a, &b, sizeof(a));
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_answers_are_the_same),
		TEST(test_needs_no_memory),
		TEST(test_listener_has_its_say),
		TEST(test_connections_are_the_same),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
