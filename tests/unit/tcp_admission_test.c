/* SPDX-License-Identifier: MIT */
/*
 * What one source may have of a listener (net.ipv4.tcp_max_syn_per_source and its kin), and SYNs
 * that are shed when a CPU has no rest from receiving.
 */
#include "../../include/libc/netinet/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "syn_peer.h"

static void from(const char *addr)
{
	peer_addr = tap_ip(addr);
}

static int setup(void **state)
{
	int err = syn_setup(state);

	listener->sk->sk_max_ack_backlog = 100;
	return err;
}

/* Nobody is limited unless it is asked for. */
static void test_off_by_default(void **state)
{
	(void)state;
	for (u16 i = 0; i < 50; i++)
		syn((u16)(1000 + i));
	assert_int_equal(half_open(), 50);
	assert_int_equal(mib(LINUX_MIB_TCPSOURCESYNLIMIT), 0);
}

/* A source has so many half-open requests; others have as many of their own; one that ends makes
 * room for the next. */
static void test_half_open_of_a_source(void **state)
{
	(void)state;
	net.tcp->tcp_max_syn_per_source = 3;
	from("198.51.100.7");
	for (u16 i = 0; i < 10; i++) {
		syn((u16)(1000 + i));
		assert_int_equal(answer.count, i < 3);
	}
	assert_int_equal(half_open(), 3);
	assert_int_equal(mib(LINUX_MIB_TCPSOURCESYNLIMIT), 7);
	assert_int_equal(mib(LINUX_MIB_LISTENDROPS), 7);
	from("198.51.100.8");
	syn(1000);
	assert_int_equal(answer.count, 1);
	from("198.51.100.7");
	send_segment(1000, TCPHDR_RST, PEER_ISN + 1, 0, 0, false, 0);
	syn(1020);
	assert_int_equal(answer.count, 1);
	syn(1021);
	assert_int_equal(answer.count, 0);
	host_run_for(100 * NSEC_PER_SEC);
	assert_int_equal(half_open(), 0);
	look();
	syn(1022);
	assert_int_equal(answer.count, 1);
}

/* A source may be a network. The length counts for what comes from now on. */
static void test_source_is_a_prefix(void **state)
{
	(void)state;
	net.tcp->tcp_max_syn_per_source = 2;
	net.tcp->tcp_source_prefix = 24;
	from("198.51.100.1");
	syn(1000);
	from("198.51.100.2");
	syn(1000);
	from("198.51.100.3");
	syn(1000);
	assert_int_equal(answer.count, 0);
	from("198.51.101.3");
	syn(1000);
	assert_int_equal(answer.count, 1);
	net.tcp->tcp_source_prefix = 32;
	from("198.51.100.3");
	syn(1000);
	assert_int_equal(answer.count, 1);
}

/* A source has so many connections, whether accepted yet or not; further SYNs of it go unanswered
 * until one of them is closed. */
static void test_connections_of_a_source(void **state)
{
	struct socket *s;

	(void)state;
	net.tcp->tcp_max_conn_per_source = 2;
	for (u16 i = 0; i < 2; i++) {
		syn((u16)(1000 + i));
		ack((u16)(1000 + i), 0);
	}
	syn(1002);
	assert_int_equal(answer.count, 0);
	assert_int_equal(mib(LINUX_MIB_TCPSOURCECONNLIMIT), 1);
	s = accept_one();
	assert_non_null(s);
	syn(1003);
	assert_int_equal(answer.count, 0);
	send_segment(1000, TCPHDR_RST, PEER_ISN + 1, 0, 0, false, 0);
	sock_release(s);
	syn(1004);
	assert_int_equal(answer.flags, TCPHDR_SYN | TCPHDR_ACK);
	ack(1004, 0);
	assert_int_equal(net.mib[0]->tcp[TCP_MIB_PASSIVEOPENS], 3);
	while ((s = accept_one()))
		sock_release(s);
}

/* The last ACK of one handshake too many is answered by a reset, by cookie or not. */
static void test_last_ack_beyond_the_limit(void **state)
{
	struct socket *s;
	u32 seq, ts;

	(void)state;
	syn(1000);
	seq = answer.seq;
	ts = answer.tsval;
	syn(1001);
	net.tcp->tcp_max_conn_per_source = 1;
	ack(1001, 0);
	send_segment(1000, TCPHDR_ACK, PEER_ISN + 1, seq + 1, ts, true, 0);
	assert_int_equal(answer.flags & TCPHDR_RST, TCPHDR_RST);
	assert_int_equal(half_open(), 0);
	s = accept_one();
	assert_non_null(s);
	assert_null(accept_one());
	send_segment(1001, TCPHDR_RST, PEER_ISN + 1, 0, 0, false, 0);
	sock_release(s);
	net.tcp->tcp_max_conn_per_source = 0;
	net.tcp->tcp_syncookies = 2;
	syn(1002);
	seq = answer.seq;
	ts = answer.tsval;
	syn(1003);
	net.tcp->tcp_max_conn_per_source = 1;
	ack(1003, 0);
	send_segment(1002, TCPHDR_ACK, PEER_ISN + 1, seq + 1, ts, true, 0);
	assert_int_equal(answer.flags & TCPHDR_RST, TCPHDR_RST);
	s = accept_one();
	assert_non_null(s);
	sock_release(s);
}

/* While a CPU has had no rest from receiving for longer than tcp_syn_shed_ms, SYNs are dropped and
 * counted, by either way in; text of connections is not. */
static void test_syns_are_shed(void **state)
{
	struct socket *s;
	u64 shed = skb_drop_count(SKB_DROP_REASON_TCP_SYN_SHED);

	(void)state;
	syn(1000);
	ack(1000, 0);
	s = accept_one();
	assert_non_null(s);
	net.tcp->tcp_syn_shed_ms = 10;
	tap->use_poll = true;
	net.tcp->tcp_syncookies = 2;
	host_run_for(NSEC_PER_SEC);
	syn(1001);
	assert_int_equal(answer.count, 1);
	assert_true(net.rx_early);
	per_cpu(softnet_data, 0).busy_since_ns = ktime_get_ns() - 20 * NSEC_PER_MSEC;
	syn(1002);
	assert_int_equal(answer.count, 0);
	per_cpu(softnet_data, 0).busy_since_ns = ktime_get_ns() - 20 * NSEC_PER_MSEC;
	net.rx_early = false;
	syn(1003);
	assert_int_equal(answer.count, 0);
	assert_int_equal(mib(LINUX_MIB_TCPSYNSHED), 2);
	assert_int_equal(mib(LINUX_MIB_LISTENDROPS), 2);
	assert_int_equal(skb_drop_count(SKB_DROP_REASON_TCP_SYN_SHED) - shed, 2);
	per_cpu(softnet_data, 0).busy_since_ns = ktime_get_ns() - 20 * NSEC_PER_MSEC;
	send_segment(1000, TCPHDR_ACK, PEER_ISN + 1, (u32)tcp_sk(s->sk)->snd_nxt.v, 0, true, 7);
	assert_int_equal(tcp_sk(s->sk)->rcv_nxt.v, PEER_ISN + 8);
	host_run_for(NSEC_PER_MSEC);
	syn(1004);
	assert_int_equal(answer.count, 1);
	sock_release(s);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, syn_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_off_by_default),
		TEST(test_half_open_of_a_source),
		TEST(test_source_is_a_prefix),
		TEST(test_connections_of_a_source),
		TEST(test_last_ack_beyond_the_limit),
		TEST(test_syns_are_shed),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
