/* SPDX-License-Identifier: MIT */
/*
 * Half-open requests: when their SYN-ACKs are sent again and when they give up, that every SYN is
 * accounted for, and that the short way of tcp_early.c answers as the long one does.
 */
#include "../../include/libc/netinet/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "syn_peer.h"

static int setup(void **state)
{
	int err = syn_setup(state);

	listener->sk->sk_max_ack_backlog = 1000;
	return err;
}

static void reset(u16 port)
{
	send_segment(port, TCPHDR_RST, PEER_ISN + 1, 0, 0, false, 0);
}

/* RFC 6298 (5.5): after 1, 2, 4 ... seconds, tcp_synack_retries times; an eighth late at most. */
static void test_synack_is_sent_again(void **state)
{
	u64 start = ktime_get_ns(), due = 0;

	(void)state;
	syn(1000);
	for (u32 i = 0; i < 5; i++) {
		u64 late;

		due += NSEC_PER_SEC << i;
		while (!look())
			host_run_for(NSEC_PER_MSEC);
		assert_int_equal(answer.flags, TCPHDR_SYN | TCPHDR_ACK);
		assert_int_equal(answer.count, 1);
		late = ktime_get_ns() - start - due;
		assert_true((s64)late >= 0 && late < (NSEC_PER_SEC << i) / 8 * 3 / 2);
		due += late;
		assert_int_equal(half_open(), 1);
	}
	host_run_for(28 * NSEC_PER_SEC);
	assert_int_equal(half_open(), 1);
	host_run_for(10 * NSEC_PER_SEC);
	assert_int_equal(half_open(), 0);
	assert_int_equal(look(), 0);
	assert_int_equal(mib(LINUX_MIB_TCPSYNRETRANS), 5);
}

/* Many that began at different times all end, and give back what they had. */
static void test_wheel_empties(void **state)
{
	u64 memory = host_memory_in_use();

	(void)state;
	for (u16 i = 0; i < 400; i++) {
		syn((u16)(1000 + i));
		host_run_for((u64)(host_random_below(40) + 1) * NSEC_PER_MSEC);
		if (host_random_below(3) == 0)
			reset((u16)(1000 + host_random_below(i + 1u)));
	}
	assert_true(half_open() > 100);
	host_run_for(100 * NSEC_PER_SEC);
	look();
	assert_int_equal(half_open(), 0);
	assert_int_equal(atomic_read(&tcp_sk(listener->sk)->accept_queue.young), 0);
	assert_int_equal(net.tcp->req_wheel[0].count, 0);
	assert_true(host_memory_in_use() <= memory + 4096);
}

/* A listener that closes takes its requests along, wherever they stand. */
static void test_close_takes_requests_along(void **state)
{
	struct socket *other;
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = be16_make(81).wire};

	(void)state;
	assert_int_equal(sock_create_kern(&net, AF_INET, SOCK_STREAM, 0, &other), 0);
	assert_int_equal(other->ops->bind(other, (const void *)&any, sizeof(any)), 0);
	assert_int_equal(other->ops->listen(other, 100), 0);
	for (u16 i = 0; i < 20; i++) {
		syn((u16)(1000 + i));
		host_run_for(300 * NSEC_PER_MSEC);
	}
	sock_release(listener);
	listener = other;
	assert_int_equal(net.tcp->req_wheel[0].count, 0);
}

/* A flood in which some are honest, some reset, some ask again, and the accept queue is full now
 * and then. SYNs = handshakes + cookies + dropped + reset + pending. */
static void storm(int cookies, u32 backlog, bool gro)
{
	u64 syns = 0, unanswered = 0, by_cookie;
	struct socket *s;

	tap->use_poll = gro;
	net.tcp->tcp_syncookies = cookies;
	net.tcp->tcp_max_syn_backlog = (int)backlog;
	listener->sk->sk_max_ack_backlog = 8;
	for (u16 port = 1; port < 1500; port++) {
		peer_addr = tap_ip("198.51.100.0") + port % 200;
		syn(port);
		syns++;
		unanswered += !answer.count;
		switch (host_random_below(8)) {
		case 0:
			if (answer.count)
				ack(port, host_random_below(20));
			break;
		case 1:
			reset(port);
			break;
		case 2:
			if (port % 3 == 0)
				while ((s = accept_one()))
					sock_release(s);
			break;
		default:
			break;
		}
	}
	while ((s = accept_one()))
		sock_release(s);
	by_cookie = mib(LINUX_MIB_SYNCOOKIESRECV);
	assert_int_equal(syns, net.mib[0]->tcp[TCP_MIB_PASSIVEOPENS] - by_cookie +
				       mib(LINUX_MIB_SYNCOOKIESSENT) +
				       mib(LINUX_MIB_EMBRYONICRSTS) + unanswered + half_open());
	assert_true(mib(LINUX_MIB_LISTENDROPS) >= unanswered);
	assert_true(mib(LINUX_MIB_TCPREQQFULLDROP) <= unanswered);
	if (!cookies)
		assert_int_equal(mib(LINUX_MIB_SYNCOOKIESSENT), 0);
	else
		assert_int_equal(mib(LINUX_MIB_TCPREQQFULLDROP), 0);
	assert_int_equal(mib(LINUX_MIB_SYNCOOKIESFAILED), 0);
}

static void test_balance_without_cookies(void **state)
{
	(void)state;
	storm(0, 64, false);
}

static void test_balance_when_full(void **state)
{
	(void)state;
	storm(1, 64, false);
}

static void test_balance_always(void **state)
{
	(void)state;
	storm(2, 64, false);
}

static void test_balance_the_short_way(void **state)
{
	(void)state;
	storm(1, 16, true);
}

/* The counters that both ways in must move alike. */
struct tally {
	u64 in_pkts, in_octets, delivered, in_segs, out_segs, out_requests, out_octets, ect,
		cookies, full, rx;
};

static struct tally tally(void)
{
	const struct net_mib *m = net.mib[0];

	return (struct tally){m->ip[IPSTATS_MIB_INPKTS],
			      m->ipext[IPEXT_MIB_INOCTETS],
			      m->ip[IPSTATS_MIB_INDELIVERS],
			      m->tcp[TCP_MIB_INSEGS],
			      m->tcp[TCP_MIB_OUTSEGS],
			      m->ip[IPSTATS_MIB_OUTREQUESTS],
			      m->ipext[IPEXT_MIB_OUTOCTETS],
			      m->ipext[IPEXT_MIB_NOECTPKTS],
			      m->linux_[LINUX_MIB_SYNCOOKIESSENT],
			      m->linux_[LINUX_MIB_TCPREQQFULLDOCOOKIES],
			      tap->dev->stats[0]->rx_packets};
}

/* While cookies are sent, SYNs are answered before the stack: by the same segments, with the same
 * counts, and the connections are the same. It ends when cookies do. */
static void test_short_way_is_the_same(void **state)
{
	struct tally way[2][2];
	u8 frame[2][128];
	struct socket *s;

	(void)state;
	net.tcp->tcp_syncookies = 2;
	syn(999);
	assert_true(net.rx_early);
	for (unsigned w = 0; w < 2; w++) {
		tap->use_poll = w;
		way[w][0] = tally();
		for (u16 i = 0; i < 20; i++) {
			syn((u16)(1000 + i));
			assert_int_equal(answer.flags, TCPHDR_SYN | TCPHDR_ACK);
			assert_true(answer.wscale && answer.sack && answer.ts);
		}
		memcpy(frame[w], tap->sent[(tap->next - 1) % TAP_FRAMES]->data, 74);
		way[w][1] = tally();
		for (unsigned i = 0; i < sizeof(struct tally) / sizeof(u64); i++)
			((u64 *)(void *)&way[w][1])[i] -= ((u64 *)(void *)&way[w][0])[i];
		ack(1019, 10);
		s = accept_one();
		assert_non_null(s);
		assert_int_equal(tcp_sk(s->sk)->rx_opt.snd_wscale, 5);
		assert_int_equal(tcp_sk(s->sk)->rcv_nxt.v, PEER_ISN + 11);
		send_segment(1019, TCPHDR_RST, PEER_ISN + 11, 0, 0, false, 0);
		sock_release(s);
	}
	assert_memory_equal(&way[0][1], &way[1][1], sizeof(struct tally));
	/* All but the checksum and the clock's part of the options. */
	assert_memory_equal(frame[0], frame[1], 50);
	host_run_for(4 * NSEC_PER_SEC);
	net.tcp->tcp_syncookies = 1;
	syn(3000);
	assert_false(net.rx_early);
	assert_int_equal(half_open(), 1);
}

/* What is not plain is left to the stack: bad checksums, text, options of IP, unknown ports. */
static void test_short_way_is_for_the_plain(void **state)
{
	u64 cookies, csum;

	(void)state;
	net.tcp->tcp_syncookies = 2;
	tap->use_poll = true;
	syn(1000);
	assert_true(net.rx_early);
	cookies = mib(LINUX_MIB_SYNCOOKIESSENT);
	send_segment(1001, TCPHDR_SYN, PEER_ISN, 0, 0, true, 30);
	assert_int_equal(answer.count, 1);
	assert_int_equal(mib(LINUX_MIB_SYNCOOKIESSENT), cookies + 1);
	csum = net.mib[0]->tcp[TCP_MIB_CSUMERRORS];
	peer_bad_csum = true;
	syn(1002);
	peer_bad_csum = false;
	assert_int_equal(answer.count, 0);
	assert_int_equal(net.mib[0]->tcp[TCP_MIB_CSUMERRORS], csum + 1);
	peer_addr = tap_ip("10.0.0.1"); /* our own address */
	syn(1003);
	peer_addr = tap_ip("10.0.0.255");
	syn(1003);
	peer_addr = tap_ip("224.0.0.1");
	syn(1003);
	peer_addr = tap_ip("127.0.0.1");
	syn(1003);
	assert_int_equal(answer.count, 0);
	assert_int_equal(mib(LINUX_MIB_SYNCOOKIESSENT), cookies + 1);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, syn_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_synack_is_sent_again),       TEST(test_wheel_empties),
		TEST(test_close_takes_requests_along), TEST(test_balance_without_cookies),
		TEST(test_balance_when_full),          TEST(test_balance_always),
		TEST(test_balance_the_short_way),      TEST(test_short_way_is_the_same),
		TEST(test_short_way_is_for_the_plain),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
