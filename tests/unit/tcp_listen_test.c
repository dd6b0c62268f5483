/* SPDX-License-Identifier: MIT */
/*
 * A listener under pressure: its backlog of half-open records is bounded and then answers by SYN
 * cookies (RFC 4987), which lose neither options nor data; the accept queue is bounded exactly;
 * TCP_DEFER_ACCEPT waits for data, TCP_SAVE_SYN keeps a SYN; what comes in is accounted for to the
 * last SYN.
 */
#include "../../include/libc/netinet/tcp.h"

#include <fcntl.h>
#include <kernel/uio.h>
#include <net/ip.h>
#include <net/ip_route.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "syn_peer.h"

static void set_option(int name, int value)
{
	assert_int_equal(
		tcp_prot.setsockopt(listener->sk, IPPROTO_TCP, name, &value, sizeof(value)), 0);
}

/* More than the backlog and one are never kept; the rest is answered all the same. */
static void test_backlog_then_cookies(void **state)
{
	u64 memory;

	(void)state;
	for (u16 i = 0; i < BACKLOG + 1; i++) {
		syn((u16)(1000 + i));
		assert_int_equal(answer.flags, TCPHDR_SYN | TCPHDR_ACK);
	}
	assert_int_equal(half_open(), BACKLOG + 1);
	memory = host_memory_in_use();
	for (u16 i = 0; i < 500; i++) {
		syn((u16)(2000 + i));
		assert_int_equal(answer.flags, TCPHDR_SYN | TCPHDR_ACK);
		assert_true(answer.wscale && answer.sack && answer.ts);
	}
	assert_int_equal(half_open(), BACKLOG + 1);
	assert_true(host_memory_in_use() <= memory);
	assert_int_equal(mib(LINUX_MIB_SYNCOOKIESSENT), 500);
	assert_int_equal(mib(LINUX_MIB_TCPREQQFULLDOCOOKIES), 500);
	assert_int_equal(mib(LINUX_MIB_LISTENDROPS), 0);
}

/* A connection made by a cookie has all that another has, and the text of its first ACK. */
static void test_cookie_keeps_options_and_data(void **state)
{
	struct socket *s;
	u8 buf[32];
	struct iovec v = {buf, sizeof(buf)};
	struct msghdr m = {0};
	struct iov_iter it;

	(void)state;
	net.tcp->tcp_syncookies = 2;
	syn(1000);
	assert_int_equal(half_open(), 0);
	host_run_for(30 * NSEC_PER_SEC);
	ack(1000, 10);
	assert_int_equal(mib(LINUX_MIB_SYNCOOKIESRECV), 1);
	s = accept_one();
	assert_non_null(s);
	assert_int_equal(s->sk->sk_state, TCP_ESTABLISHED);
	assert_true(tcp_sk(s->sk)->rx_opt.tstamp_ok && tcp_is_sack(tcp_sk(s->sk)));
	assert_true(tcp_sk(s->sk)->rx_opt.wscale_ok);
	assert_int_equal(tcp_sk(s->sk)->rx_opt.snd_wscale, 5);
	assert_int_equal(tcp_sk(s->sk)->rx_opt.mss_clamp, 1440);
	iov_iter_init(&it, &v, 1, sizeof(buf));
	assert_int_equal(s->ops->recvmsg(s, &m, &it, MSG_DONTWAIT), 10);
	sock_release(s);
}

/* Without timestamps there is no room for the options: they are not offered. */
static void test_cookie_without_timestamps(void **state)
{
	struct socket *s;

	(void)state;
	net.tcp->tcp_syncookies = 2;
	net.tcp->tcp_timestamps = 0;
	syn(1000);
	assert_false(answer.wscale || answer.sack || answer.ts);
	ack(1000, 0);
	s = accept_one();
	assert_non_null(s);
	assert_false(tcp_sk(s->sk)->rx_opt.wscale_ok || tcp_is_sack(tcp_sk(s->sk)));
	sock_release(s);
}

/* A path MTU that is learned between a cookie and its ACK takes nothing of the window back. */
static void test_cookie_window_stays(void **state)
{
	struct socket *s;

	(void)state;
	net.tcp->tcp_syncookies = 2;
	net.tcp->tcp_window_scaling = 0;
	syn(1000);
	ipv4_update_pmtu(&net, be32_make(tap_ip("10.0.0.9")), 862);
	ack(1000, 0);
	s = accept_one();
	assert_non_null(s);
	assert_int_equal(tcp_receive_window(tcp_sk(s->sk)), answer.win);
	sock_release(s);
}

/* RFC 9293 3.7.1: the MSS option tells what we can receive; a narrow way to the peer makes our
 * segments smaller, not the peer's. */
static void test_mss_of_a_narrow_path(void **state)
{
	struct socket *s;

	(void)state;
	ipv4_update_pmtu(&net, be32_make(peer_addr), 1200);
	syn(1000);
	assert_int_equal(answer.mss, 1460);
	ack(1000, 0);
	s = accept_one();
	assert_non_null(s);
	assert_int_equal(tcp_sk(s->sk)->advmss, 1460);
	assert_int_equal(tcp_sk(s->sk)->mss_cache, 1200 - 20 - 32);
	sock_release(s);
}

/* Of listeners that share a port, one may get the ACK of another one's cookie. */
static void test_cookie_of_another_listener(void **state)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = be16_make(80).wire};
	struct socket *s;

	(void)state;
	for (unsigned shares = 0; shares < 2; shares++) {
		net.tcp->tcp_syncookies = 2;
		syn((u16)(1000 + shares));
		sock_release(listener);
		assert_int_equal(sock_create_kern(&net, AF_INET, SOCK_STREAM, 0, &listener), 0);
		listener->sk->sk_reuseport = shares & 1;
		assert_int_equal(listener->ops->bind(listener, (const void *)&any, sizeof(any)), 0);
		assert_int_equal(listener->ops->listen(listener, BACKLOG), 0);
		ack((u16)(1000 + shares), 0);
		assert_int_equal(mib(LINUX_MIB_SYNCOOKIESRECV), shares);
		if (!shares)
			assert_int_equal(answer.flags, TCPHDR_RST);
	}
	s = accept_one();
	assert_non_null(s);
	sock_release(s);
}

static void test_wrong_and_old_cookies(void **state)
{
	u32 cookie;

	(void)state;
	net.tcp->tcp_syncookies = 2;
	syn(1000);
	cookie = answer.seq;
	for (u32 i = 1; i < 50; i++) {
		send_segment(1000, TCPHDR_ACK, PEER_ISN + 1, cookie + 1 + i * 7, 0, false, 0);
		assert_int_equal(answer.flags, TCPHDR_RST);
	}
	assert_int_equal(mib(LINUX_MIB_SYNCOOKIESFAILED), 49);
	/* Another port's cookie is none. */
	send_segment(1001, TCPHDR_ACK, PEER_ISN + 1, cookie + 1, 0, false, 0);
	assert_int_equal(mib(LINUX_MIB_SYNCOOKIESFAILED), 50);
	host_run_for(200 * NSEC_PER_SEC);
	syn(1002); /* cookies are about again */
	send_segment(1000, TCPHDR_ACK, PEER_ISN + 1, cookie + 1, 0, false, 0);
	assert_int_equal(mib(LINUX_MIB_SYNCOOKIESFAILED), 51);
	assert_int_equal(mib(LINUX_MIB_SYNCOOKIESRECV), 0);
	assert_null(accept_one());
}

/* The peer of a connection that is over may send once more what acknowledges our text or our FIN:
 * numbers next to a cookie's are no cookie of another MSS, they are answered by a reset. */
static void test_numbers_beside_a_cookie(void **state)
{
	(void)state;
	net.tcp->tcp_syncookies = 2;
	for (u16 port = 1000; port < 1016; port++) {
		u32 cookie;

		send_segment(port, TCPHDR_SYN, PEER_ISN, 0, 0, port % 2, 0); /* two MSSs */
		cookie = answer.seq;
		for (u32 i = 1; i < 4; i++) {
			send_segment(port, TCPHDR_ACK, PEER_ISN + 1, cookie + 1 + i, 0, false, 0);
			assert_int_equal(answer.flags, TCPHDR_RST);
			send_segment(port, TCPHDR_ACK, PEER_ISN + 1, cookie + 1 - i, 0, false, 0);
			assert_int_equal(answer.flags, TCPHDR_RST);
		}
	}
	assert_int_equal(mib(LINUX_MIB_SYNCOOKIESRECV), 0);
	assert_null(accept_one());
}

/* The SYN's headers, as they came; len: room for them. What getsockopt() says. */
static int saved_syn(struct socket *s, u8 *buf, socklen_t *len)
{
	return tcp_prot.getsockopt(s->sk, IPPROTO_TCP, TCP_SAVED_SYN, buf, len);
}

/* TCP_SAVE_SYN: who has accepted a connection can read its SYN, once; with 2 the link's header is
 * there too. A request that comes to nothing takes its copy along, a cookie has none. */
static void test_saved_syn(void **state)
{
	const u32 tcp_len = 40, ip_len = 20 + tcp_len;

	(void)state;
	for (int save = 0; save < 4; save++) {
		u8 buf[128] = {0}, *ip = save == 2 ? buf + 14 : buf;
		u32 len = save == 0 || save == 3 ? 0 : save == 1 ? ip_len : 14 + ip_len;
		u16 port = (u16)(1000 + save);
		socklen_t room = 10;
		struct socket *s;

		set_option(TCP_SAVE_SYN, save % 3);
		net.tcp->tcp_syncookies = save == 3 ? 2 : 1;
		syn((u16)(port + 100)); /* never answered */
		syn(port);
		ack(port, 0);
		s = accept_one();
		assert_non_null(s);
		assert_int_equal(saved_syn(s, buf, &room), len ? -EINVAL : 0);
		assert_int_equal(room, len); /* so much is wanted */
		room = sizeof(buf);
		assert_int_equal(saved_syn(s, buf, &room), 0);
		assert_int_equal(room, len);
		if (len) {
			assert_int_equal(ip[0], 0x45);
			assert_int_equal(get_be32(ip + 12), peer_addr);
			assert_int_equal(get_be16(ip + 20), port);
			assert_int_equal(get_be32(ip + 24), PEER_ISN);
			assert_int_equal(ip[33], TCPHDR_SYN);
		}
		if (save == 2)
			assert_int_equal(get_be16(buf + 12), ETH_P_IP);
		room = sizeof(buf);
		assert_int_equal(saved_syn(s, buf, &room), 0);
		assert_int_equal(room, 0);
		sock_release(s);
	}
}

/* The copy of a SYN goes with a socket that never asks for it. */
static void test_saved_syn_is_not_read(void **state)
{
	u64 memory = 0;

	(void)state;
	set_option(TCP_SAVE_SYN, 1);
	for (unsigned round = 0; round < 3; round++) { /* the first also makes what stays */
		syn(1000);
		ack(1000, 0);
		sock_release(accept_one());
		send_segment(1000, TCPHDR_RST, PEER_ISN + 1, 0, 0, false, 0);
		host_run_for(200 * NSEC_PER_SEC);
		if (!round)
			memory = host_memory_in_use();
		assert_int_equal(host_memory_in_use(), memory);
	}
}

/* SYNs are dropped, kept, or done: the counters know of each. */
static void test_without_cookies(void **state)
{
	struct socket *s;

	(void)state;
	net.tcp->tcp_syncookies = 0;
	for (u16 i = 0; i < 100; i++) {
		syn((u16)(1000 + i));
		if (i % 50 == 0)
			ack((u16)(1000 + i), 0);
	}
	assert_int_equal(mib(LINUX_MIB_TCPREQQFULLDROP), mib(LINUX_MIB_LISTENDROPS));
	assert_int_equal(half_open() + net.mib[0]->tcp[TCP_MIB_PASSIVEOPENS] +
				 mib(LINUX_MIB_TCPREQQFULLDROP),
			 100);
	assert_int_equal(half_open(), BACKLOG + 1);
	while ((s = accept_one()))
		sock_release(s);
	/* They age: the SYN-ACKs go out again, then the records go. */
	assert_int_equal(atomic_read(&tcp_sk(listener->sk)->accept_queue.young), BACKLOG + 1);
	host_run_for(1500 * NSEC_PER_MSEC);
	assert_int_equal(atomic_read(&tcp_sk(listener->sk)->accept_queue.young), 0);
	host_run_for(70 * NSEC_PER_SEC);
	assert_int_equal(half_open(), 0);
}

static void test_accept_queue_is_exact(void **state)
{
	struct socket *s;

	(void)state;
	for (u16 i = 0; i < BACKLOG + 1; i++) {
		syn((u16)(1000 + i));
		ack((u16)(1000 + i), 0);
	}
	assert_int_equal(listener->sk->sk_ack_backlog, BACKLOG + 1);
	syn(2000);
	assert_int_equal(answer.count, 0);
	assert_int_equal(mib(LINUX_MIB_LISTENOVERFLOWS), 1);
	assert_int_equal(mib(LINUX_MIB_LISTENDROPS), 1);
	s = accept_one();
	assert_non_null(s);
	sock_release(s);
	look();
	syn(2000);
	assert_int_equal(answer.flags, TCPHDR_SYN | TCPHDR_ACK);
	ack(2000, 0);
	for (unsigned i = 0; i < BACKLOG + 1; i++) {
		s = accept_one();
		assert_non_null(s);
		sock_release(s);
	}
	assert_null(accept_one());
	assert_int_equal(listener->sk->sk_ack_backlog, 0);
}

/* Requests that fill up while the queue is full: their last ACK is lost on us, or reset. */
static void test_last_ack_of_a_full_queue(void **state)
{
	u32 seq[2], ts[2];
	struct socket *s;

	(void)state;
	for (u16 i = 0; i < 2; i++) {
		syn((u16)(2000 + i));
		seq[i] = answer.seq;
		ts[i] = answer.tsval;
	}
	for (u16 i = 0; i < BACKLOG + 1; i++) {
		syn((u16)(1000 + i));
		ack((u16)(1000 + i), 0);
	}
	send_segment(2000, TCPHDR_ACK, PEER_ISN + 1, seq[0] + 1, ts[0], true, 0);
	assert_int_equal(answer.count, 0);
	assert_int_equal(mib(LINUX_MIB_LISTENOVERFLOWS), 1);
	assert_int_equal(half_open(), 2);
	net.tcp->tcp_abort_on_overflow = 1;
	send_segment(2001, TCPHDR_ACK, PEER_ISN + 1, seq[1] + 1, ts[1], true, 0);
	assert_true(answer.flags & TCPHDR_RST);
	assert_int_equal(half_open(), 1);
	while ((s = accept_one()))
		sock_release(s);
	send_segment(2000, TCPHDR_ACK, PEER_ISN + 1, seq[0] + 1, ts[0], true, 0);
	s = accept_one();
	assert_non_null(s);
	sock_release(s);
}

static void test_defer_accept(void **state)
{
	struct socket *s;

	(void)state;
	set_option(TCP_DEFER_ACCEPT, 3);
	syn(1000);
	ack(1000, 0);
	assert_null(accept_one());
	assert_int_equal(mib(LINUX_MIB_TCPDEFERACCEPTDROP), 1);
	assert_int_equal(half_open(), 1);
	syn(1001);
	ack(1001, 5);
	s = accept_one();
	assert_non_null(s);
	sock_release(s);
}

static void test_reset_of_a_half_open(void **state)
{
	(void)state;
	syn(1000);
	send_segment(1000, TCPHDR_RST, PEER_ISN + 1, 0, 0, false, 0);
	assert_int_equal(half_open(), 0);
	assert_int_equal(mib(LINUX_MIB_EMBRYONICRSTS), 1);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, syn_setup, syn_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_backlog_then_cookies),
		TEST(test_cookie_keeps_options_and_data),
		TEST(test_cookie_without_timestamps),
		TEST(test_cookie_window_stays),
		TEST(test_mss_of_a_narrow_path),
		TEST(test_cookie_of_another_listener),
		TEST(test_wrong_and_old_cookies),
		TEST(test_numbers_beside_a_cookie),
		TEST(test_saved_syn),
		TEST(test_saved_syn_is_not_read),
		TEST(test_without_cookies),
		TEST(test_accept_queue_is_exact),
		TEST(test_last_ack_of_a_full_queue),
		TEST(test_defer_accept),
		TEST(test_reset_of_a_half_open),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
