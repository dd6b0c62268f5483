/* SPDX-License-Identifier: MIT */
/*
 * TIME-WAIT records (RFC 9293 section 3.6.1): they last a minute, there are only so many, and a SYN
 * takes one's place if it is newer beyond doubt (RFC 6191), a reset unless RFC 1337 is asked for.
 * A closed connection whose peer keeps its FIN back (FIN-WAIT-2) is such a record too.
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

static struct socket *connected(u16 port)
{
	struct socket *s;

	syn(port);
	ack(port, 0);
	s = accept_one();
	assert_non_null(s);
	return s;
}

/* A connection from that port that we close: our FIN is on its way. */
static void close_ours(u16 port)
{
	sock_release(connected(port));
	look();
	assert_true(answer.flags & TCPHDR_FIN);
	fin_seq = answer.seq;
	their_ts = answer.tsval;
}

/* A segment of the peer, which has our FIN. */
static void theirs(u16 port, u8 flags, u32 len)
{
	answer.flags = 0;
	send_segment(port, TCPHDR_ACK | flags, PEER_ISN + 1, fin_seq + 1, their_ts, true, len);
}

/* A connection from that port that we close first: we wait. */
static void close_first(u16 port)
{
	close_ours(port);
	theirs(port, TCPHDR_FIN, 0);
	assert_int_equal(answer.flags, TCPHDR_ACK);
}

static u8 state_seen;

static void see_state(const struct sock_key *key, void *arg)
{
	(void)arg;
	if (key->state == TCP_TIME_WAIT)
		state_seen = tcp_key_state(key);
}

/* What a user is told of the only record. */
static u8 told_state(void)
{
	state_seen = 0;
	tcp_for_each(&net, see_state, NULL);
	return state_seen;
}

static int sockets(void)
{
	return atomic_read(&tcp_prot.sockets_allocated);
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

/* ---- FIN-WAIT-2 -------------------------------------------------------------------------------
 */

/* Nobody owns the connection and our FIN is acknowledged: the socket goes at once, a record waits
 * for the peer's FIN, answers it, and is one of TIME-WAIT for a minute then. */
static void test_fin_wait2_is_a_record(void **state)
{
	int before = sockets();

	(void)state;
	close_ours(1000);
	assert_int_equal(sockets(), before + 1);
	theirs(1000, 0, 0);
	assert_int_equal(sockets(), before);
	assert_int_equal(atomic_read(&tcp_prot.orphan_count), 0);
	assert_int_equal(waiting(), 1);
	assert_int_equal(told_state(), TCP_FIN_WAIT2);
	host_run_for(50 * NSEC_PER_SEC);
	theirs(1000, TCPHDR_FIN, 0);
	assert_int_equal(answer.flags, TCPHDR_ACK);
	assert_int_equal(answer.ack, PEER_ISN + 2);
	assert_int_equal(answer.seq, fin_seq + 1);
	assert_int_equal(told_state(), TCP_TIME_WAIT);
	host_run_for(58 * NSEC_PER_SEC);
	assert_int_equal(waiting(), 1);
	host_run_for(4 * NSEC_PER_SEC);
	assert_int_equal(waiting(), 0);
}

static const struct tap_frame *last_sent(void)
{
	return tap->sent[(tap->nsent - 1) % TAP_FRAMES];
}

/* The ACK of the FIN that was waited for is written over it; that of the same FIN again, which is
 * dropped and counted, has memory of its own. They are the same byte for byte. */
static void test_answer_in_the_fins_place(void **state)
{
	const struct tap_frame *first, *second;

	(void)state;
	close_ours(1000);
	theirs(1000, 0, 0);
	theirs(1000, TCPHDR_FIN, 0);
	first = last_sent();
	theirs(1000, TCPHDR_FIN, 0);
	second = last_sent();
	assert_ptr_not_equal(first, second);
	assert_int_equal(first->len, second->len);
	assert_memory_equal(first->data, second->data, first->len);
}

/* The FIN was acknowledged before close(). */
static void test_closed_in_fin_wait2(void **state)
{
	struct socket *s = connected(1000);
	int before = sockets();

	(void)state;
	s->ops->shutdown(s, SHUT_WR);
	look();
	fin_seq = answer.seq;
	their_ts = answer.tsval;
	theirs(1000, 0, 0);
	assert_int_equal(s->sk->sk_state, TCP_FIN_WAIT2);
	sock_release(s);
	assert_int_equal(sockets(), before - 1);
	assert_int_equal(told_state(), TCP_FIN_WAIT2);
}

/* tcp_fin_timeout says how long; above a minute the socket itself waits for what is more. */
static void test_fin_timeout(void **state)
{
	int before = sockets();

	(void)state;
	net.tcp->tcp_fin_timeout = 10;
	close_ours(1000);
	theirs(1000, 0, 0);
	host_run_for(9 * NSEC_PER_SEC);
	assert_int_equal(waiting(), 1);
	host_run_for(3 * NSEC_PER_SEC);
	assert_int_equal(waiting(), 0);

	net.tcp->tcp_fin_timeout = 100;
	close_ours(1001);
	theirs(1001, 0, 0);
	host_run_for(38 * NSEC_PER_SEC);
	assert_int_equal(sockets(), before + 1);
	host_run_for(5 * NSEC_PER_SEC);
	assert_int_equal(sockets(), before);
	assert_int_equal(told_state(), TCP_FIN_WAIT2);
	host_run_for(55 * NSEC_PER_SEC);
	assert_int_equal(waiting(), 1);
	host_run_for(8 * NSEC_PER_SEC);
	assert_int_equal(waiting(), 0);
}

/* Text that nobody will read is answered by a reset, and that was it. */
static void test_fin_wait2_text(void **state)
{
	(void)state;
	close_ours(1000);
	theirs(1000, 0, 0);
	theirs(1000, 0, 100);
	assert_true(answer.flags & TCPHDR_RST);
	assert_int_equal(answer.seq, fin_seq + 1);
	assert_int_equal(waiting(), 0);
	close_ours(1001);
	theirs(1001, 0, 0);
	theirs(1001, TCPHDR_FIN, 100);
	assert_true(answer.flags & TCPHDR_RST);
	assert_int_equal(waiting(), 0);
}

/* Text that comes with the ACK of our FIN is answered so too. */
static void test_text_with_the_ack(void **state)
{
	int before = sockets();

	(void)state;
	close_ours(1000);
	theirs(1000, 0, 100);
	assert_true(answer.flags & TCPHDR_RST);
	assert_int_equal(waiting(), 0);
	assert_int_equal(sockets(), before);
}

/* A new SYN does not take its place before the peer said that it is done, but gets an ACK, whose
 * reset does; a reset elsewhere in the window does not (RFC 5961). */
static void test_fin_wait2_syn_and_reset(void **state)
{
	(void)state;
	close_ours(1000);
	theirs(1000, 0, 0);
	send_segment(1000, TCPHDR_SYN, PEER_ISN + 5000, 0, 0, false, 0);
	assert_int_equal(answer.flags, TCPHDR_ACK);
	assert_int_equal(answer.ack, PEER_ISN + 1);
	assert_int_equal(waiting(), 1);
	send_segment(1000, TCPHDR_RST, PEER_ISN + 100, 0, 0, false, 0);
	assert_int_equal(waiting(), 1);
	send_segment(1000, TCPHDR_RST, PEER_ISN + 1, 0, 0, false, 0);
	assert_int_equal(waiting(), 0);
	syn(1000);
	assert_int_equal(answer.flags, TCPHDR_SYN | TCPHDR_ACK);
}

/* Thousands of peers that keep their FIN back hold no more than a record each. */
static void test_many_in_fin_wait2(void **state)
{
	u64 memory;

	(void)state;
	for (u16 i = 0; i < 100; i++) {
		close_ours((u16)(1000 + i));
		theirs((u16)(1000 + i), 0, 0);
	}
	memory = host_memory_in_use();
	for (u16 i = 0; i < 2000; i++) {
		close_ours((u16)(2000 + i));
		theirs((u16)(2000 + i), 0, 0);
	}
	assert_int_equal(waiting(), 2100);
	assert_true(host_memory_in_use() - memory < 2000 * 160);
}

/* What closed connections may hold follows the memory: orphans a thirty-second of it or so, records
 * half as much. */
static void test_limits_follow_memory(void **state)
{
	struct meminfo mi;

	(void)state;
	meminfo_get(&mi);
	assert_int_equal(net.tcp->tcp_max_orphans, clamp_t(u64, mi.total / 16, 256, 262144));
	assert_int_equal(net.tcp->tcp_max_tw_buckets, clamp_t(u64, mi.total / 2, 1024, 262144));
}

/* A record's ACKs take nothing of the window back that its socket had offered (RFC 9293 3.8.6),
 * though they know it in units of the scale only. */
static void test_window_of_a_record(void **state)
{
	u8 buf[100];
	u16 port = 1000;

	(void)state;
	for (u32 len = 1; len < 100; len += 7, port++) {
		struct socket *s = connected(port);
		struct tcp_sock *tp = tcp_sk(s->sk);
		struct iovec v = {buf, sizeof(buf)};
		struct msghdr m = {0};
		struct iov_iter it;
		u8 ws = tp->rx_opt.rcv_wscale;
		u32 edge;

		assert_true(ws > 0);
		assert_int_equal(s->ops->shutdown(s, SHUT_WR), 0);
		look();
		fin_seq = answer.seq;
		their_ts = answer.tsval;
		edge = answer.ack + (answer.win << ws);
		theirs(port, 0, 0);
		tp->ack.pingpong = true; /* what comes is not acknowledged at once */
		theirs(port, 0, len);
		assert_int_equal(answer.flags, 0);
		iov_iter_init(&it, &v, 1, sizeof(buf));
		assert_int_equal(s->ops->recvmsg(s, &m, &it, MSG_DONTWAIT), len);
		sock_release(s);
		assert_int_equal(waiting(), port - 1000 + 1);
		theirs(port, 0, len); /* once more: the record answers */
		assert_int_equal(answer.flags, TCPHDR_ACK);
		assert_int_equal(answer.ack, PEER_ISN + 1 + len);
		assert_true((s32)(answer.ack + (answer.win << ws) - edge) >= 0);
	}
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
		TEST(test_fin_wait2_is_a_record),
		TEST(test_answer_in_the_fins_place),
		TEST(test_closed_in_fin_wait2),
		TEST(test_fin_timeout),
		TEST(test_fin_wait2_text),
		TEST(test_text_with_the_ack),
		TEST(test_fin_wait2_syn_and_reset),
		TEST(test_many_in_fin_wait2),
		TEST(test_window_of_a_record),
		TEST(test_limits_follow_memory),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
