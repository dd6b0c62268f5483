/* SPDX-License-Identifier: MIT */
/*
 * TIME-WAIT records (RFC 9293 section 3.6.1): they last a minute, there are only so many, and a SYN
 * takes one's place if it is newer beyond doubt (RFC 6191), a reset unless RFC 1337 is asked for.
 */
#include "../../include/libc/netinet/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "syn_peer.h"

static u32 fin_seq, their_ts; /* our FIN's number; the timestamp we sent with it */

static u32 waiting(void)
{
	return (u32)atomic_read(&net.tcp->tw_count);
}

static int setup(void **state)
{
	int err = syn_setup(state);

	listener->sk->sk_max_ack_backlog = 100;
	return err;
}

/* A connection from that port that we close first: we wait. */
static void close_first(u16 port)
{
	struct socket *s;

	syn(port);
	ack(port, 0);
	s = accept_one();
	assert_non_null(s);
	sock_release(s);
	look();
	assert_true(answer.flags & TCPHDR_FIN);
	fin_seq = answer.seq;
	their_ts = answer.tsval;
	send_segment(port, TCPHDR_ACK | TCPHDR_FIN, PEER_ISN + 1, fin_seq + 1, their_ts, true, 0);
	assert_int_equal(answer.flags, TCPHDR_ACK);
}

static void test_lasts_a_minute(void **state)
{
	(void)state;
	close_first(1000);
	assert_int_equal(waiting(), 1);
	host_run_for(59 * NSEC_PER_SEC);
	assert_int_equal(waiting(), 1);
	host_run_for(3 * NSEC_PER_SEC);
	assert_int_equal(waiting(), 0);
	assert_int_equal(mib(LINUX_MIB_TIMEWAITED), 1);
}

/* The FIN again is acknowledged again, and the minute begins anew. */
static void test_fin_again(void **state)
{
	(void)state;
	close_first(1000);
	host_run_for(40 * NSEC_PER_SEC);
	send_segment(1000, TCPHDR_ACK | TCPHDR_FIN, PEER_ISN + 1, fin_seq + 1, their_ts, true, 0);
	assert_int_equal(answer.flags, TCPHDR_ACK);
	assert_int_equal(answer.ack, PEER_ISN + 2);
	host_run_for(40 * NSEC_PER_SEC);
	assert_int_equal(waiting(), 1);
	host_run_for(25 * NSEC_PER_SEC);
	assert_int_equal(waiting(), 0);
}

/* tcp_max_tw_buckets bounds them; who comes later leaves none behind, which is counted. */
static void test_bounded(void **state)
{
	(void)state;
	net.tcp->tcp_max_tw_buckets = 3;
	for (u16 i = 0; i < 8; i++)
		close_first((u16)(1000 + i));
	assert_int_equal(waiting(), 3);
	assert_int_equal(mib(LINUX_MIB_TCPTIMEWAITOVERFLOW), 5);
}

/* A SYN beyond the old sequence numbers opens the connection again, and its number is beyond ours;
 * an old one is answered by what the record knows. */
static void test_syn_takes_its_place(void **state)
{
	u32 old_seq;

	(void)state;
	close_first(1000);
	old_seq = answer.seq;
	send_segment(1000, TCPHDR_SYN, PEER_ISN - 5, 0, 0, false, 0);
	assert_int_equal(answer.flags, TCPHDR_ACK);
	assert_int_equal(waiting(), 1);
	send_segment(1000, TCPHDR_SYN, PEER_ISN + 5000, 0, 0, false, 0);
	assert_int_equal(answer.flags, TCPHDR_SYN | TCPHDR_ACK);
	assert_true((s32)(answer.seq - old_seq) > 65535);
	assert_int_equal(waiting(), 0);
	assert_int_equal(half_open(), 1);
	assert_int_equal(mib(LINUX_MIB_TIMEWAITKILLED), 1);
}

/* It does so with the backlog full and without cookies: that its sender is real is known. */
static void test_syn_takes_its_place_under_flood(void **state)
{
	(void)state;
	close_first(1000);
	net.tcp->tcp_syncookies = 0;
	net.tcp->tcp_max_syn_backlog = 2;
	for (u16 i = 0; i < 5; i++)
		syn((u16)(2000 + i));
	assert_int_equal(half_open(), 2);
	send_segment(1000, TCPHDR_SYN, PEER_ISN + 5000, 0, 0, false, 0);
	assert_int_equal(answer.flags, TCPHDR_SYN | TCPHDR_ACK);
	assert_int_equal(half_open(), 3);
}

/* A reset in place ends it, unless tcp_rfc1337 says otherwise. */
static void test_assassination(void **state)
{
	(void)state;
	net.tcp->tcp_rfc1337 = 1;
	close_first(1000);
	send_segment(1000, TCPHDR_RST, PEER_ISN + 2, 0, 0, false, 0);
	assert_int_equal(waiting(), 1);
	net.tcp->tcp_rfc1337 = 0;
	send_segment(1000, TCPHDR_RST, PEER_ISN + 9, 0, 0, false, 0);
	assert_int_equal(waiting(), 1);
	send_segment(1000, TCPHDR_RST, PEER_ISN + 2, 0, 0, false, 0);
	assert_int_equal(waiting(), 0);
}

/* Thousands from one address one after the other: each is made and closed, and no more memory is
 * held for one than a record's. */
static void test_many_from_one_address(void **state)
{
	u64 memory;

	(void)state;
	for (u16 i = 0; i < 100; i++)
		close_first((u16)(1000 + i));
	memory = host_memory_in_use();
	for (u16 i = 0; i < 4000; i++)
		close_first((u16)(2000 + i));
	assert_int_equal(waiting(), 4100);
	assert_true(host_memory_in_use() - memory < 4000 * 160);
	host_run_for(65 * NSEC_PER_SEC);
	assert_int_equal(waiting(), 0);
	assert_true(host_memory_in_use() <= memory);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, syn_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_lasts_a_minute),
		TEST(test_fin_again),
		TEST(test_bounded),
		TEST(test_syn_takes_its_place),
		TEST(test_syn_takes_its_place_under_flood),
		TEST(test_assassination),
		TEST(test_many_from_one_address),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
