/* SPDX-License-Identifier: MIT */
/*
 * GRO merges exactly what continues a flow, and GSO undoes it: the bytes and headers that come out
 * are those that went in. Protocol 253 (RFC 3692: for experiments) stands for TCP, to see what the
 * stack gets.
 */
#include <lib/err.h>
#include <net/gro.h>
#include <net/netns_ipv4.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "net/core/core_int.h"
#include "net_tap.h"

#define MSS 1000

/* As in <net/tcp.h>, which cannot be had together with the C library's <netinet/tcp.h>. */
enum { TCPHDR_PSH = 0x08, TCPHDR_ACK = 0x10, TCPHDR_ECE = 0x40, TCPHDR_CWR = 0x80 };
struct sk_buff *tcp4_gro_receive(struct list_head *held, struct sk_buff *skb);
int tcp4_gro_complete(struct sk_buff *skb, int thoff);
struct sk_buff *tcp4_gso_segment(struct sk_buff *skb, u32 features);

static struct net net_a;
static struct tap *t;
static struct sk_buff_head seen;
static u8 stream[70000];

static int see(struct sk_buff *skb)
{
	skb_push(skb, 20);
	skb_queue_tail(&seen, skb);
	return 0;
}

static const struct net_protocol proto253 = {.protocol = 253,
					     .family = AF_INET,
					     .handler = see,
					     .gro_receive = tcp4_gro_receive,
					     .gro_complete = tcp4_gro_complete,
					     .gso_segment = tcp4_gso_segment};
NET_PROTOCOL(proto253);

static int setup(void **state)
{
	assert_int_equal(net_init(&net_a, "a"), 0);
	t = tap_new(&net_a, 1, "10.0.0.1", 24);
	t->use_gro = true;
	skb_queue_head_init(&seen);
	for (unsigned i = 0; i < sizeof(stream); i++)
		stream[i] = (u8)host_random();
	return 0;
}

static int teardown(void **state)
{
	skb_queue_purge_reason(&seen, SKB_CONSUMED);
	tap_free(t);
	net_exit(&net_a);
	host_check();
	return 0;
}

struct seg {
	u32 seq, len;
	u16 sport;
	u8 flags;
	u16 id;
	u8 ttl;
	bool bad_csum;
	u32 ack;    /* 0: 7777 */
	u32 tsval;  /* 0: no timestamp */
	u16 window; /* 0: 500 */
	bool sack;  /* other options */
};

/* Bytes of s's TCP header, with options behind the first twenty. */
static u32 make_options(u8 *tcp, const struct seg *s)
{
	if (s->tsval) {
		put_be32(tcp + 20, 0x0101080a);
		put_be32(tcp + 24, s->tsval);
		put_be32(tcp + 28, 1234);
		return 32;
	}
	if (s->sack) {
		put_be32(tcp + 20, 0x0101050a);
		put_be32(tcp + 24, s->ack + 1000);
		put_be32(tcp + 28, s->ack + 2000);
		return 32;
	}
	return 20;
}

static u32 make(u8 *frame, const struct seg *s)
{
	u8 tcp[32 + 2000] = {0};
	u32 n, hlen = make_options(tcp, s);
	struct {
		u8 b[12];
	} pseudo;

	put_be16(tcp, s->sport);
	put_be16(tcp + 2, 80);
	put_be32(tcp + 4, s->seq);
	put_be32(tcp + 8, s->ack ? s->ack : 7777);
	tcp[12] = (u8)(hlen << 2);
	tcp[13] = s->flags ? s->flags : TCPHDR_ACK;
	put_be16(tcp + 14, s->window ? s->window : 500);
	memcpy(tcp + hlen, stream + s->seq, s->len);
	put_be32(pseudo.b, tap_ip("10.0.0.2"));
	put_be32(pseudo.b + 4, tap_ip("10.0.0.1"));
	put_be16(pseudo.b + 8, 6);
	put_be16(pseudo.b + 10, (u16)(hlen + s->len));
	put_be16(tcp + 16, (u16)(tap_csum(tcp, hlen + s->len, (u16)~tap_csum(pseudo.b, 12, 0)) ^
				 s->bad_csum));
	n = tap_make_ip(frame, t, 2, tap_ip("10.0.0.2"), tap_ip("10.0.0.1"), 253, s->id, IP_DF, tcp,
			hlen + s->len);
	if (s->ttl) {
		frame[22] = s->ttl;
		put_be16(frame + 24, 0);
		put_be16(frame + 24, tap_csum(frame + 14, 20, 0));
	}
	return n;
}

static void feed(const struct seg *s)
{
	u8 frame[2100];

	tap_inject(t, frame, make(frame, s));
}

static void flush(void)
{
	local_bh_disable();
	napi_gro_flush(&t->napi, ~0ull);
	local_bh_enable();
}

/* The next packet that the stack got: len bytes of payload from seq, of segs segments. */
static void expect(u32 seq, u32 len, unsigned segs)
{
	struct sk_buff *skb = skb_dequeue(&seen);
	static u8 got[70000];

	assert_non_null(skb);
	assert_int_equal(skb->len, 40 + len);
	assert_int_equal(be16_get(ip_hdr(skb)->tot_len), 40 + len);
	assert_int_equal(skb_copy_bits(skb, 0, got, skb->len), 0);
	assert_int_equal(tap_csum(got, 20, 0), 0);
	assert_int_equal(get_be32(got + 24), seq);
	assert_memory_equal(got + 40, stream + seq, len);
	assert_int_equal(skb_shinfo(skb)->gso_segs, segs > 1 ? segs : 0);
	if (segs > 1)
		assert_int_equal(skb_shinfo(skb)->gso_size, MSS);
	consume_skb(skb);
}

/* Segments in sequence become one packet; the short one ends it. */
static void merges_in_sequence(void **state)
{
	for (u16 i = 0; i < 10; i++)
		feed(&(struct seg){.seq = i * MSS, .len = MSS, .sport = 5, .id = i});
	assert_null(skb_peek(&seen));
	feed(&(struct seg){.seq = 10 * MSS, .len = 300, .sport = 5, .id = 10});
	expect(0, 10 * MSS + 300, 11);
	assert_null(skb_peek(&seen));
}

/* gro_flush_timeout: what polls of their own bring becomes one packet, until that time is over. */
static void polls_are_merged_for_a_time(void **state)
{
	t->use_poll = true;
	for (unsigned on = 0; on < 2; on++) {
		u32 begin = on * 10 * MSS;

		rtnl_lock();
		netdev_set_gro_flush_timeout(t->dev, on ? 200 * NSEC_PER_USEC : 0);
		rtnl_unlock();
		for (u16 i = 0; i < 3; i++) {
			u32 seq = begin + i * MSS;

			feed(&(struct seg){.seq = seq, .len = MSS, .sport = 5, .id = i});
			host_run_for(20 * NSEC_PER_USEC);
			if (!on)
				expect(seq, MSS, 1);
			assert_null(skb_peek(&seen));
		}
		host_run_for(300 * NSEC_PER_USEC);
		if (on)
			expect(begin, 3 * MSS, 3);
		assert_null(skb_peek(&seen));
		assert_false(test_bit(NAPI_STATE_SCHED, &t->napi.state));
	}
	/* What has been held for a millisecond goes, whatever still comes. */
	for (u16 i = 0; i < 20; i++) {
		feed(&(struct seg){.seq = i * MSS, .len = MSS, .sport = 6, .id = i});
		host_run_for(100 * NSEC_PER_USEC);
	}
	assert_non_null(skb_peek(&seen));
	host_run_for(300 * NSEC_PER_USEC);
}

/* More than fragments can hold goes to frag_list, and nothing beyond 64 KiB. */
static void merges_up_to_the_limit(void **state)
{
	for (u16 i = 0; i < 65; i++)
		feed(&(struct seg){.seq = i * MSS, .len = MSS, .sport = 5, .id = i});
	flush();
	expect(0, 65 * MSS, 65);
	for (u16 i = 0; i < 67; i++)
		feed(&(struct seg){.seq = i * MSS, .len = MSS, .sport = 5, .id = i});
	flush();
	expect(0, 65 * MSS, 65);
	expect(65 * MSS, 2 * MSS, 2);
}

/* Two flows at once stay apart. */
static void keeps_flows_apart(void **state)
{
	for (u16 i = 0; i < 5; i++) {
		feed(&(struct seg){.seq = i * MSS, .len = MSS, .sport = 5, .id = i});
		feed(&(struct seg){.seq = (20u + i) * MSS, .len = MSS, .sport = 6, .id = i});
	}
	flush();
	if (get_be32((u8 *)skb_transport_header(skb_peek(&seen)) + 4) == 0) {
		expect(0, 5 * MSS, 5);
		expect(20 * MSS, 5 * MSS, 5);
	} else {
		expect(20 * MSS, 5 * MSS, 5);
		expect(0, 5 * MSS, 5);
	}
}

/* What does not continue the packet ends it: a gap, other flags, another TTL, a jumping id. */
static void does_not_merge(void **state)
{
	const struct seg second[] = {
		{.seq = 2 * MSS, .len = MSS, .sport = 5, .id = 2},
		{.seq = MSS, .len = MSS, .sport = 5, .id = 2, .flags = TCPHDR_ACK | TCPHDR_ECE},
		{.seq = MSS, .len = MSS, .sport = 5, .id = 2, .flags = TCPHDR_ACK | TCPHDR_CWR},
		{.seq = MSS, .len = MSS, .sport = 5, .id = 2, .ttl = 9},
		{.seq = MSS, .len = MSS + 1, .sport = 5, .id = 2},
	};

	for (unsigned i = 0; i < sizeof(second) / sizeof(second[0]); i++) {
		feed(&(struct seg){.seq = 0, .len = MSS, .sport = 5, .id = 1});
		feed(&second[i]);
		flush();
		expect(0, MSS, 1);
		expect(second[i].seq, second[i].len, 1);
	}
	for (u16 i = 0; i < 3; i++) /* a third id that jumps */
		feed(&(struct seg){.seq = i * MSS, .len = MSS, .sport = 5, .id = i * i * i});
	flush();
	expect(0, 2 * MSS, 2);
	expect(2 * MSS, MSS, 1);
}

/* PSH ends a packet and is kept; a damaged segment goes up alone for TCP to drop. */
static void push_and_damage(void **state)
{
	struct sk_buff *skb;

	feed(&(struct seg){.seq = 0, .len = MSS, .sport = 5, .id = 1});
	feed(&(struct seg){
		.seq = MSS, .len = MSS, .sport = 5, .id = 2, .flags = TCPHDR_ACK | TCPHDR_PSH});
	skb = skb_peek(&seen);
	assert_non_null(skb);
	assert_true(((u8 *)skb_transport_header(skb))[13] & TCPHDR_PSH);
	expect(0, 2 * MSS, 2);
	feed(&(struct seg){.seq = 0, .len = MSS, .sport = 5, .id = 1});
	feed(&(struct seg){.seq = MSS, .len = MSS, .sport = 5, .id = 2, .bad_csum = true});
	expect(MSS, MSS, 1);
	flush();
	expect(0, MSS, 1);
}

/* The next packet that the stack got is a pure ACK, the header exactly that of s. */
static void expect_ack(const struct seg *s)
{
	struct sk_buff *skb = skb_dequeue(&seen);
	u8 frame[2100];
	u32 n = make(frame, s), hlen = s->tsval || s->sack ? 32 : 20;

	assert_non_null(skb);
	assert_int_equal(skb->len, 20 + hlen);
	assert_memory_equal(skb_transport_header(skb), frame + n - hlen, hlen);
	assert_false(skb_is_gso(skb));
	assert_int_equal(skb_shinfo(skb)->gso_segs, 0);
	consume_skb(skb);
}

/* ACKs of one poll become the last of them; others wait for its end, and go up before text. */
static void later_acks_supersede(void **state)
{
	struct seg s = {.seq = 100, .sport = 5};

	for (s.ack = 1000; s.ack < 6000; s.ack += 1000, s.id++)
		feed(&s);
	s.window = 7;
	feed(&s);
	assert_null(skb_peek(&seen));
	flush();
	expect_ack(&s);
	s.window = 0;
	for (u32 i = 0; i < 10; i++) { /* sequence numbers and clock wrap */
		s.ack = 0xffffffc1 + 16 * i;
		s.tsval = 0xfffffff8 + 3 * i;
		feed(&s);
	}
	feed(&(struct seg){.seq = 100, .sport = 5, .len = MSS, .ack = s.ack, .tsval = 90});
	expect_ack(&s);
	assert_null(skb_peek(&seen));
	flush();
	assert_non_null(skb_peek(&seen));
	skb_queue_purge_reason(&seen, SKB_CONSUMED);
	feed(&(struct seg){.seq = 0, .len = MSS, .sport = 5, .id = 1}); /* text, then an ACK */
	s = (struct seg){.seq = MSS, .sport = 5, .ack = 9000, .id = 2};
	feed(&s);
	expect(0, MSS, 1);
	assert_null(skb_peek(&seen));
	flush();
	expect_ack(&s);
}

/* What an ACK says that a later one does not make up for, goes up as it is. */
static void other_acks_do_not(void **state)
{
	const struct seg first = {.seq = 100, .sport = 5, .ack = 5000, .tsval = 50};
	const struct seg second[] = {
		{.seq = 100, .sport = 5, .ack = 5000, .tsval = 50},              /* duplicate */
		{.seq = 100, .sport = 5, .ack = 5000, .tsval = 51, .window = 9}, /* window update */
		{.seq = 100, .sport = 5, .ack = 4000, .tsval = 50},              /* late */
		{.seq = 100, .sport = 5, .ack = 6000, .tsval = 49},  /* late, by its time */
		{.seq = 99, .sport = 5, .ack = 6000, .tsval = 50},   /* keepalive probe */
		{.seq = 100, .sport = 5, .ack = 6000},               /* no timestamp */
		{.seq = 100, .sport = 5, .ack = 6000, .sack = true}, /* a hole */
		{.seq = 100, .sport = 5, .ack = 6000, .tsval = 50, .ttl = 9}, /* another way */
		{.seq = 100, .sport = 6, .ack = 6000, .tsval = 50},           /* another flow */
		{.seq = 100, .sport = 5, .ack = 6000, .tsval = 50, .bad_csum = true},
		{.seq = 100,
		 .sport = 5,
		 .ack = 6000,
		 .tsval = 50,
		 .flags = TCPHDR_ACK | TCPHDR_ECE},
		{.seq = 100,
		 .sport = 5,
		 .ack = 6000,
		 .tsval = 50,
		 .flags = TCPHDR_ACK | 1 /* FIN */},
		{.seq = 100,
		 .sport = 5,
		 .ack = 6000,
		 .tsval = 50,
		 .flags = TCPHDR_ACK | 4 /* RST */},
	};

	for (unsigned i = 0; i < sizeof(second) / sizeof(second[0]); i++) {
		struct sk_buff *skb;

		feed(&first);
		feed(&second[i]);
		flush();
		skb = skb_peek(&seen);
		assert_non_null(skb);
		if (get_be32((u8 *)skb_transport_header(skb) + 8) == first.ack &&
		    be16_get(((be16 *)skb_transport_header(skb))[0]) == first.sport) {
			expect_ack(&first);
			expect_ack(&second[i]);
		} else { /* what is broken, or of another flow, overtakes */
			assert_true(second[i].bad_csum || second[i].sport != first.sport);
			expect_ack(&second[i]);
			expect_ack(&first);
		}
	}
	assert_null(skb_peek(&seen));
}

/* Cutting a merged packet gives the segments back. */
static void gso_undoes_gro(void **state)
{
	for (u32 features = 0; features < 2; features++) {
		struct sk_buff *skb, *segs, *s, *next;
		u32 i = 0;

		for (u16 k = 0; k < 30; k++)
			feed(&(struct seg){.seq = k * MSS, .len = MSS, .sport = 5, .id = k});
		feed(&(struct seg){.seq = 30 * MSS, .len = 77, .sport = 5, .id = 30});
		skb = skb_dequeue(&seen);
		assert_non_null(skb);
		skb_push(skb, 14);
		skb_dst_drop(skb);
		segs = skb_gso_segment(skb, features ? NETIF_F_SG | NETIF_F_HW_CSUM : 0);
		assert_false(IS_ERR(segs));
		consume_skb(skb);
		for (s = segs; s; s = next, i++) {
			struct seg want = {
				.seq = i * MSS, .len = i < 30 ? MSS : 77, .sport = 5, .id = (u16)i};
			u8 frame[2100];
			u32 n = make(frame, &want);

			next = s->next;
			assert_int_equal(s->len, n);
			assert_int_equal(skb_checksum_help(s), 0);
			assert_int_equal(skb_linearize(s), 0);
			assert_memory_equal(s->data, frame, n);
			consume_skb(s);
		}
		assert_int_equal(i, 31);
	}
}

static u64 in_use;

/* Nothing leaks in any of it. */
static void nothing_leaks(void **state)
{
	for (int i = 0; i < 3; i++) {
		u64 now;

		setup(NULL);
		merges_up_to_the_limit(NULL);
		does_not_merge(NULL);
		later_acks_supersede(NULL);
		gso_undoes_gro(NULL);
		feed(&(struct seg){.seq = 0, .len = MSS, .sport = 5, .id = 1}); /* left held */
		teardown(NULL);
		host_run_for(60 * NSEC_PER_SEC);
		now = host_memory_in_use();
		if (i)
			assert_int_equal(now, in_use);
		in_use = now;
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(merges_in_sequence),     T(polls_are_merged_for_a_time),
		T(merges_up_to_the_limit), T(keeps_flows_apart),
		T(does_not_merge),         T(push_and_damage),
		T(later_acks_supersede),   T(other_acks_do_not),
		T(gso_undoes_gro),         cmocka_unit_test(nothing_leaks),
	};

	host_init(6);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
