/* SPDX-License-Identifier: MIT */
/*
 * Options at level IPPROTO_TCP that change when something is sent: the bounds of the retransmission
 * time-out and of a delayed ACK, and their sysctls; the peer is played by hand. What others do is
 * shown where it is shown (tcp_output_test.c, tcp_listen_test.c).
 */
#include "../../include/libc/netinet/tcp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "tcp_peer.h"

static int set(int name, int val)
{
	return tcp_setsockopt(peer_sock->sk, IPPROTO_TCP, name, &val, sizeof(val));
}

static int get(int name)
{
	int val = -1;
	socklen_t len = sizeof(val);

	assert_int_equal(tcp_getsockopt(peer_sock->sk, IPPROTO_TCP, name, &val, &len), 0);
	assert_int_equal(len, sizeof(val));
	return val;
}

/* Segments that are sent within so many milliseconds. */
static unsigned count_in(u64 ms)
{
	struct peer_seg s;
	unsigned n = 0;

	for (; ms; ms--) {
		peer_wait_ms(1);
		while (peer_next(&s))
			n++;
	}
	return n;
}

static void test_bounds_and_defaults(void **state)
{
	static const struct {
		int name, start, least, most;
	} o[] = {
		{TCP_RTO_MAX_MS, 120000, 1000, 120000},
		{TCP_RTO_MIN_US, 200000, 2000, 200000},
		{TCP_DELACK_MAX_US, 200000, 2000, 200000},
	};

	(void)state;
	peer_connects((struct peer_offer){0});
	for (unsigned i = 0; i < ARRAY_SIZE(o); i++) {
		assert_int_equal(get(o[i].name), o[i].start);
		assert_int_equal(set(o[i].name, o[i].least - 1), -EINVAL);
		assert_int_equal(set(o[i].name, o[i].most + 1), -EINVAL);
		assert_int_equal(set(o[i].name, -1), -EINVAL);
		assert_int_equal(set(o[i].name, o[i].most), 0);
		assert_int_equal(set(o[i].name, o[i].least), 0);
		assert_int_equal(get(o[i].name), o[i].least);
	}
}

/* Back-off ends at the socket's own bound, whatever net.ipv4.tcp_rto_max_ms says; that holds for
 * the others. */
static void test_rto_max(void **state)
{
	(void)state;
	peer_connects((struct peer_offer){0});
	peer_net.tcp->tcp_rto_max_ms = 2000;
	assert_int_equal(get(TCP_RTO_MAX_MS), 2000);
	assert_int_equal(set(TCP_RTO_MAX_MS, 1000), 0);
	peer_net.tcp->tcp_rto_max_ms = 120000;
	peer_app_writes(1000);
	peer_want_text(1, 1000);
	count_in(2000); /* 0.2, 0.6, 1.4 s */
	assert_in_range(count_in(10000), 9, 11);
}

/* On a short path that nothing disturbs a time-out may be shorter than Linux's 200 ms. */
static void test_rto_min(void **state)
{
	(void)state;
	peer_connects((struct peer_offer){0});
	assert_int_equal(set(TCP_RTO_MIN_US, 5000), 0);
	for (u32 i = 0; i < 40; i++) {
		peer_app_writes(1000);
		peer_want_text(1 + 1000 * i, 1000);
		peer_wait_ms(1);
		peer_ack(1001 + 1000 * i);
	}
	peer_app_writes(1000);
	peer_want_text(40001, 1000);
	assert_int_equal(count_in(5), 0);
	assert_int_equal(count_in(10), 1);
}

/* How long after a segment of text its ACK comes, once nothing hastens it. */
static unsigned ack_delay_ms(void)
{
	struct peer_seg s;
	u32 at = 1;

	for (; at < 40001; at += 1000) { /* no quick ACKs any more */
		peer_text(at, 1000);
		peer_wait_ms(1000);
	}
	peer_tp()->ack.pingpong = true;
	peer_forget();
	peer_text(at, 100);
	for (unsigned ms = 0; ms < 1000; ms++) {
		if (peer_next(&s))
			return ms;
		peer_wait_ms(1);
	}
	return 1000;
}

static void test_delack_max(void **state)
{
	(void)state;
	peer_connects((struct peer_offer){0});
	assert_in_range(ack_delay_ms(), 40, 200);
}

static void test_delack_max_set(void **state)
{
	(void)state;
	peer_connects((struct peer_offer){0});
	assert_int_equal(set(TCP_DELACK_MAX_US, 7000), 0);
	assert_in_range(ack_delay_ms(), 6, 8);
}

/* A peer whose least time-out is like ours has to hear of its text before that. */
static void test_delack_below_the_rto(void **state)
{
	(void)state;
	peer_connects((struct peer_offer){0});
	assert_int_equal(set(TCP_RTO_MIN_US, 10000), 0);
	assert_in_range(ack_delay_ms(), 8, 10);
}

/* Fill a buffer that becomes small while text is under way. How far the window that is offered then
 * ends before the one of before. */
static s32 taken_back(bool shrink)
{
	struct peer_seg s;
	u32 at = 1, edge = 0, end = 0;

	peer_net.tcp->tcp_shrink_window = shrink;
	peer_connects((struct peer_offer){.wscale = true});
	for (; at < 20001; at += 1000)
		peer_text(at, 1000);
	peer_wait_ms(100);
	while (peer_next(&s))
		edge = s.ack + (s.win << peer_tp()->rx_opt.rcv_wscale);
	assert_true(edge > at + 10000);
	peer_sock->sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	peer_sock->sk->sk_rcvbuf = atomic_read(&peer_sock->sk->sk_rmem_alloc) + 9000;
	peer_text(at, 1000);
	peer_text(at + 1000, 1000);
	peer_wait_ms(300);
	while (peer_next(&s))
		end = s.ack + (s.win << peer_tp()->rx_opt.rcv_wscale);
	assert_int_equal(s.ack, at + 2000);
	/* What was sent into the old window is taken, as far as there is room. */
	assert_true((u32)seq_diff(seq_add(peer_tp()->rcv_nxt, tcp_max_receive_window(peer_tp())),
				  peer_tp()->copied_seq) +
			    1 >=
		    edge);
	peer_text(edge - 1000, 1000);
	assert_int_equal(peer_mib(LINUX_MIB_BEYOND_WINDOW), 0);
	peer_text(edge + 1000, 1000);
	assert_int_equal(peer_mib(LINUX_MIB_BEYOND_WINDOW), 1);
	return (s32)(edge - end);
}

/* RFC 9293 3.8.6: a window that was offered is not taken back; where the administrator says so
 * (net.ipv4.tcp_shrink_window), it is. */
static void test_window_is_kept(void **state)
{
	(void)state;
	assert_true(taken_back(false) <= 0);
}

static void test_window_may_shrink(void **state)
{
	(void)state;
	assert_true(taken_back(true) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
		T(test_bounds_and_defaults),
		T(test_rto_max),
		T(test_rto_min),
		T(test_delack_max),
		T(test_delack_max_set),
		T(test_delack_below_the_rto),
		T(test_window_is_kept),
		T(test_window_may_shrink),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
