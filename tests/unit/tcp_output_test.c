/* SPDX-License-Identifier: MIT */
/*
 * What is sent and when, segment by segment, the peer played by hand: the initial window, Nagle,
 * TCP_CORK and MSG_MORE, PSH, records, pacing, small queues, TCP_NOTSENT_LOWAT, the window after an
 * idle time and one that is not used; how congestion control modules are chosen; the modules'
 * arithmetic. The peer's segments hold 1000 bytes.
 */
#include "../../include/libc/netinet/tcp.h"

#include <errno.h>
#include <kernel/mm.h>
#include <kernel/uio.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "tcp_peer.h"

static const struct peer_offer with_sack = {.sack = true};
static u8 text[200000];

static ssize_t write_flags(size_t len, int flags)
{
	struct iovec v = {text, len};
	struct msghdr m = {0};
	struct iov_iter it;
	ssize_t n;

	iov_iter_init(&it, &v, 1, len);
	n = peer_sock->ops->sendmsg(peer_sock, &m, &it, MSG_DONTWAIT | flags);
	host_run_for(0);
	return n;
}

static void set_option(int name, int val)
{
	assert_int_equal(tcp_setsockopt(peer_sock->sk, IPPROTO_TCP, name, &val, sizeof(val)), 0);
	host_run_for(0);
}

/* The next segment is text of that length at seq, with or without PSH. */
static void want(u32 seq, u32 len, bool psh)
{
	struct peer_seg s;

	assert_true(peer_next(&s));
	assert_int_equal(s.seq, seq);
	assert_int_equal(s.len, len);
	assert_int_equal(!!(s.flags & TCPHDR_PSH), psh);
}

/* ---- windows ----------------------------------------------------------------------------------
 */

static void test_initial_window_is_ten(void **state)
{
	(void)state;
	peer_connects(with_sack);
	peer_app_writes(20000);
	for (u32 i = 0; i < 10; i++)
		want(1 + i * 1000, 1000, i % 2); /* at this rate a super-packet holds two */
	peer_want_none();
	assert_int_equal(peer_tp()->packets_out, 10);
}

static void test_peers_window_is_the_limit(void **state)
{
	(void)state;
	peer_connects((struct peer_offer){.sack = true, .win = 3500});
	peer_app_writes(20000);
	for (u32 i = 0; i < 3; i++)
		peer_want_text(1 + i * 1000, 1000);
	peer_want_none(); /* no piece of a segment to fill the rest: silly window */
	assert_int_equal(peer_tp()->chrono_type, TCP_CHRONO_RWND_LIMITED);
}

static void test_slow_start_after_idle(void **state)
{
	(void)state;
	peer_connects(with_sack);
	peer_tp()->snd_cwnd = 40;
	tcp_sndbuf_expand(peer_sock->sk);
	peer_wait_ms(10000);
	write_flags(60000, 0);
	assert_int_equal(peer_tp()->packets_out, 10);
	assert_int_equal(peer_tp()->snd_cwnd, 10);
	assert_int_equal(peer_tp()->snd_ssthresh, TCP_INFINITE_SSTHRESH);
	peer_forget();
}

static void test_slow_start_after_idle_off(void **state)
{
	(void)state;
	peer_net.tcp->tcp_slow_start_after_idle = 0;
	peer_connects(with_sack);
	peer_tp()->snd_cwnd = 40;
	tcp_sndbuf_expand(peer_sock->sk);
	peer_wait_ms(10000);
	write_flags(60000, 0);
	assert_int_equal(peer_tp()->packets_out, 40);
	peer_forget();
}

/* RFC 7661: a window that the application does not use does not grow. */
static void test_unused_window_does_not_grow(void **state)
{
	u32 at = 1;

	(void)state;
	peer_connects(with_sack);
	for (unsigned i = 0; i < 20; i++, at += 1000) {
		peer_app_writes(1000);
		peer_wait_ms(10);
		peer_ack(at + 1000);
		peer_forget();
	}
	assert_int_equal(peer_tp()->snd_cwnd, 10);
}

/* ---- small segments ---------------------------------------------------------------------------
 */

static void test_nagle(void **state)
{
	(void)state;
	peer_connects(with_sack);
	write_flags(100, 0);
	want(1, 100, true);
	write_flags(100, 0); /* a small one is in flight */
	write_flags(100, 0);
	peer_want_none();
	peer_ack(101);
	want(101, 200, true);
	peer_want_none();
}

static void test_nodelay(void **state)
{
	(void)state;
	peer_connects(with_sack);
	set_option(TCP_NODELAY, 1);
	write_flags(100, 0);
	want(1, 100, true);
	write_flags(100, 0);
	want(101, 100, true);
}

static void test_cork(void **state)
{
	(void)state;
	peer_connects(with_sack);
	set_option(TCP_CORK, 1);
	write_flags(100, 0);
	peer_want_none();
	write_flags(1200, 0);
	want(1, 1000, false); /* full ones go */
	peer_want_none();
	set_option(TCP_CORK, 0);
	want(1001, 300, true);
}

static void test_msg_more(void **state)
{
	(void)state;
	peer_connects(with_sack);
	write_flags(100, MSG_MORE);
	peer_want_none();
	write_flags(50, 0);
	want(1, 150, true);
}

/* The end of the stream rides on what waits for more. */
static void test_shutdown_takes_held_data_along(void **state)
{
	struct peer_seg s;

	(void)state;
	peer_connects(with_sack);
	write_flags(100, MSG_MORE);
	peer_want_none();
	assert_int_equal(peer_sock->ops->shutdown(peer_sock, SHUT_WR), 0);
	host_run_for(0);
	assert_true(peer_next(&s));
	assert_int_equal(s.len, 100);
	assert_true(s.flags & TCPHDR_FIN);
	peer_want_none();
}

/* No memory for a FIN: the peer learns by a reset that nothing more comes. */
static void test_reset_where_no_fin_can_be_made(void **state)
{
	struct peer_seg s;

	(void)state;
	peer_connects(with_sack);
	mm_fail_every(10);
	for (unsigned i = 1; i < 10; i++)
		kfree(kmalloc(64, GFP_KERNEL)); /* the next one, for the FIN, fails */
	peer_sock->ops->shutdown(peer_sock, SHUT_WR);
	mm_fail_every(0);
	assert_true(peer_next(&s));
	assert_int_equal(s.flags, TCPHDR_RST | TCPHDR_ACK);
	assert_int_equal(peer_sock->sk->sk_err, ENOMEM);
	assert_int_equal(peer_mib(LINUX_MIB_TCPABORTONMEMORY), 1);
}

static void test_records_stay_apart(void **state)
{
	(void)state;
	peer_connects(with_sack);
	set_option(TCP_CORK, 1);
	write_flags(400, MSG_EOR);
	write_flags(400, 0);
	set_option(TCP_CORK, 0);
	want(1, 400, true);
	want(401, 400, true);
}

static void test_notsent_lowat(void **state)
{
	(void)state;
	peer_connects(with_sack);
	set_option(TCP_NOTSENT_LOWAT, 4000);
	write_flags(13000, 0); /* ten segments go */
	assert_false(tcp_poll(peer_sock->sk) & EPOLLOUT);
	assert_true(write_flags(1000, 0) > 0); /* fills the segment that is there already */
	peer_forget();
	peer_wait_ms(10);
	peer_ack(10001);
	assert_int_equal(seq_diff(peer_tp()->write_seq, peer_tp()->snd_nxt), 0);
	assert_true(tcp_poll(peer_sock->sk) & EPOLLOUT);
	peer_forget();
}

/* ---- departure --------------------------------------------------------------------------------
 */

static void test_pacing_spreads_a_window(void **state)
{
	(void)state;
	peer_connects(with_sack);
	peer_sock->sk->sk_max_pacing_rate = 1000000; /* bytes a second: a segment in 1.04 ms */
	peer_sock->sk->sk_pacing_rate = 1000000;
	peer_sock->sk->sk_pacing_status = SK_PACING_NEEDED;
	peer_app_writes(10000); /* the initial window is not paced */
	assert_int_equal(peer_tp()->packets_out, 10);
	peer_forget();
	peer_wait_ms(20);
	peer_ack(10001);
	peer_app_writes(20000);
	assert_true(peer_tp()->packets_out < 5);
	peer_wait_ms(5);
	assert_in_range(peer_tp()->packets_out, 4, 9);
	peer_wait_ms(20);
	assert_int_equal(peer_tp()->packets_out, 20);
	peer_forget();
}

static void test_small_queue_waits_for_completions(void **state)
{
	struct sock *sk;
	u32 held = 4 << 20;

	(void)state;
	peer_connects(with_sack);
	sk = peer_sock->sk;
	peer_app_writes(5000);
	peer_app_writes(1000);
	atomic_add((s32)held, &sk->sk_wmem_alloc); /* below, in a slow device */
	peer_forget();
	peer_app_writes(4000);
	peer_want_none();
	assert_true(test_bit(TCP_TSQ_THROTTLED, &sk->sk_tsq_flags));
	/* A packet of it is done with. */
	atomic_sub((s32)held, &sk->sk_wmem_alloc);
	struct sk_buff *skb = alloc_skb(100, GFP_KERNEL);

	skb->sk = sk;
	skb->destructor = tcp_wfree;
	atomic_add((s32)skb->truesize, &sk->sk_wmem_alloc);
	consume_skb(skb);
	host_run_for(NSEC_PER_MSEC);
	assert_false(test_bit(TCP_TSQ_THROTTLED, &sk->sk_tsq_flags));
	peer_want_text(6001, 1000);
	peer_forget();
}

/* What two CPUs share in the next test: rounds begun and ended, and what the sender saw last. */
static struct {
	struct sock *sk;
	unsigned begun, ended;
	s32 below;
	bool last;
} race;

/* A CPU that sends: it asks for the next completion and looks whether it is too late for that. */
static void *throttle(void *arg)
{
	for (unsigned round = 1;; round++) {
		while (__atomic_load_n(&race.begun, __ATOMIC_ACQUIRE) != round)
			if (__atomic_load_n(&race.last, __ATOMIC_ACQUIRE))
				return NULL;
		set_bit(TCP_TSQ_THROTTLED, &race.sk->sk_tsq_flags);
		smp_mb();
		race.below = atomic_read(&race.sk->sk_wmem_alloc);
		__atomic_store_n(&race.ended, round, __ATOMIC_RELEASE);
	}
}

/* A packet is done with on one CPU while another finds that it waits for that: either it sees the
 * room, or it is told. */
static void test_throttled_while_the_last_packet_completes(void **state)
{
	pthread_t sender;
	struct timespec begin, now;
	s32 empty;

	(void)state;
	peer_connects(with_sack);
	race = (__typeof__(race)){.sk = peer_sock->sk};
	empty = atomic_read(&race.sk->sk_wmem_alloc);
	assert_int_equal(pthread_create(&sender, NULL, throttle, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		struct sk_buff *skb = alloc_skb(100, GFP_KERNEL);

		clear_bit(TCP_TSQ_THROTTLED, &race.sk->sk_tsq_flags);
		skb->sk = race.sk;
		atomic_add((s32)skb->truesize, &race.sk->sk_wmem_alloc);
		__atomic_add_fetch(&race.begun, 1, __ATOMIC_RELEASE);
		tcp_wfree(skb);
		while (__atomic_load_n(&race.ended, __ATOMIC_ACQUIRE) != race.begun)
			;
		if (race.below > empty + 1)
			assert_false(test_bit(TCP_TSQ_THROTTLED, &race.sk->sk_tsq_flags));
		skb->sk = NULL;
		consume_skb(skb);
		host_run_for(0);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (race.begun < 10000 && now.tv_sec - begin.tv_sec < 2);
	__atomic_store_n(&race.last, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(sender, NULL), 0);
}

static void test_super_packet_follows_the_rate(void **state)
{
	struct sock *sk;

	(void)state;
	peer_connects(with_sack);
	sk = peer_sock->sk;
	minmax_reset(&peer_tp()->rtt_min, 0, 100000); /* 100 ms: no bonus for a short path */
	sk->sk_pacing_rate = 1000000;
	assert_int_equal(tcp_tso_segs(sk, 1000), 2); /* net.ipv4.tcp_min_tso_segs */
	sk->sk_pacing_rate = 20u << 20;
	assert_int_equal(tcp_tso_segs(sk, 1000), 20);
	sk->sk_pacing_rate = ~0ull;
	assert_int_equal(tcp_tso_segs(sk, 1000), sk->sk_gso_max_size / 1000);
}

static void test_split_keeps_count_and_memory(void **state)
{
	struct sk_buff *skb;
	int queued;

	(void)state;
	peer_connects(with_sack);
	write_flags(20000, 0);
	peer_forget(); /* ten are sent, the rest waits */
	skb = tcp_send_head(peer_sock->sk);
	queued = peer_sock->sk->sk_wmem_queued;
	assert_int_equal(tcp_fragment(peer_sock->sk, skb, 3000, false, GFP_KERNEL), 0);
	assert_int_equal(skb->len, 3000);
	assert_int_equal(tcp_skb_pcount(skb), 3);
	assert_int_equal(seq_diff(TCP_SKB_CB(skb->next)->seq, TCP_SKB_CB(skb)->end_seq), 0);
	assert_in_range(peer_sock->sk->sk_wmem_queued - queued, 0,
			SKB_TRUESIZE(MAX_TCP_HEADER + 512));
}

/* ---- modules ----------------------------------------------------------------------------------
 */

static const char *chosen(void)
{
	static char name[TCP_CA_NAME_MAX];
	socklen_t len = sizeof(name);

	assert_int_equal(tcp_getsockopt(peer_sock->sk, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	return name;
}

static void test_choice_of_congestion_control(void **state)
{
	char names[100];

	(void)state;
	peer_connects(with_sack);
	assert_string_equal(chosen(), "cubic");
	assert_int_equal(tcp_setsockopt(peer_sock->sk, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	assert_string_equal(chosen(), "reno");
	assert_int_equal(tcp_setsockopt(peer_sock->sk, IPPROTO_TCP, TCP_CONGESTION, "nope", 4),
			 -ENOENT);
	assert_int_equal(tcp_setsockopt(peer_sock->sk, IPPROTO_TCP, TCP_CONGESTION, "bbr", 3), 0);
	assert_true(peer_tp()->ca_started);
	assert_true(sysctl_read("net.ipv4.tcp_available_congestion_control", peer_net.tcp, names,
				sizeof(names)) > 0);
	assert_non_null(strstr(names, "bbr"));
	assert_non_null(strstr(names, "dctcp"));
	assert_int_equal(sysctl_write("net.ipv4.tcp_congestion_control", peer_net.tcp, "nope"),
			 -ENOENT);
	assert_int_equal(sysctl_write("net.ipv4.tcp_congestion_control", peer_net.tcp, "bbr\n"), 0);
	assert_string_equal(peer_net.tcp->tcp_congestion_control->name, "bbr");
	assert_int_equal(
		sysctl_write("net.ipv4.tcp_allowed_congestion_control", peer_net.tcp, "reno x"),
		-ENOENT);
}

static void test_reno_arithmetic(void **state)
{
	struct tcp_sock tp = {.snd_cwnd = 8, .snd_ssthresh = 10, .snd_cwnd_clamp = ~0u};

	(void)state;
	assert_int_equal(tcp_slow_start(&tp, 5), 3); /* two up to ssthresh, three are left */
	assert_int_equal(tp.snd_cwnd, 10);
	tcp_cong_avoid_ai(&tp, 10, 9);
	assert_int_equal(tp.snd_cwnd, 10);
	tcp_cong_avoid_ai(&tp, 10, 1);
	assert_int_equal(tp.snd_cwnd, 11);
	tcp_cong_avoid_ai(&tp, 11, 25);
	assert_int_equal(tp.snd_cwnd, 13);
	assert_int_equal(tp.snd_cwnd_cnt, 3);
}

/* RFC 9438: 0.7 of the window is left; back at the old one after K = cbrt(W * 0.3 / 0.4) seconds,
 * slowly around it and faster beyond. */
static void cubic_rounds(struct tcp_sock *tp, unsigned rounds, u32 rtt_ms)
{
	for (unsigned i = 0; i < rounds; i++) {
		tcp_mstamp_refresh(tp);
		tp->is_cwnd_limited = true;
		tp->ca_ops->cong_avoid(peer_sock->sk, 0, tp->snd_cwnd);
		peer_wait_ms(rtt_ms);
	}
}

static void test_cubic_curve(void **state)
{
	const struct tcp_congestion_ops *ops = tcp_ca_find("cubic");
	struct tcp_sock *tp;
	u32 at_k;

	(void)state;
	peer_connects(with_sack);
	tp = peer_tp();
	tp->snd_cwnd = 1000;
	tp->snd_ssthresh = ops->ssthresh(peer_sock->sk);
	assert_int_equal(tp->snd_ssthresh, 700);
	tp->snd_cwnd = 700;
	/* K is 9.1 s. A round trip of 100 ms acknowledges a window each. */
	cubic_rounds(tp, 91, 100);
	at_k = tp->snd_cwnd;
	assert_in_range(at_k, 960, 1010);
	cubic_rounds(tp, 50, 100);
	assert_in_range(tp->snd_cwnd, at_k + 20, at_k + 120); /* 0.4 * 5^3 = 50 */
}

/* RFC 9438 section 4.3: on a short path, where the curve has no time to rise, no slower than Reno.
 */
static void test_cubic_follows_reno(void **state)
{
	const struct tcp_congestion_ops *ops = tcp_ca_find("cubic");
	struct tcp_sock *tp;

	(void)state;
	peer_connects(with_sack);
	tp = peer_tp();
	tp->snd_cwnd = 20;
	tp->snd_cwnd = tp->snd_ssthresh = ops->ssthresh(peer_sock->sk);
	assert_int_equal(tp->snd_cwnd, 14);
	/* 0.53 a round trip: ten of them are five segments, and one window of delay. */
	cubic_rounds(tp, 11, 1);
	assert_in_range(tp->snd_cwnd, 18, 20);
}

/* A window that grows leaves the MSS as working it out anew would: whether it was bound by half of
 * the window, is, or never was. */
static void test_mss_while_the_window_grows(void **state)
{
	struct sock *sk;
	struct tcp_sock *tp;
	u32 mss;

	(void)state;
	peer_connects(with_sack);
	sk = peer_sock->sk;
	tp = peer_tp();
	for (unsigned i = 0; i < 5000; i++) {
		tp->rx_opt.mss_clamp = (u16)(100 + host_random_below(2000));
		tp->max_window = (u32)host_random_below(i % 3 ? 4000 : 700) * !!(i % 16);
		tcp_sync_mss(sk, tp->pmtu_cookie);
		tcp_max_window_grew(sk,
				    tp->max_window + 1 + (u32)host_random_below(i % 2 ? 10 : 3000));
		mss = tp->mss_cache;
		assert_int_equal(mss, tcp_sync_mss(sk, tp->pmtu_cookie));
	}
}

/* The clamp of a window follows from the scale that was chosen with it. */
static void test_clamp_follows_from_the_scale(void **state)
{
	struct tcp_initial_window w;
	struct sock *sk;

	(void)state;
	peer_connects(with_sack);
	sk = peer_sock->sk;
	for (unsigned i = 0; i < 1000; i++) {
		sk->sk_userlocks = i % 2 ? SOCK_RCVBUF_LOCK : 0;
		sk->sk_rcvbuf = (int)host_random_below(i % 3 ? 100000 : 20000000);
		peer_tp()->window_clamp = i % 5 ? 0 : (u32)host_random_below(1u << 28);
		tcp_select_initial_window(sk, 1000, 0, i % 7, &w);
		assert_int_equal(w.clamp, tcp_initial_clamp(sk, w.wscale));
		assert_in_range(w.clamp, w.wnd, 65535u << w.wscale);
	}
}

#define OUTPUT_TEST(t) cmocka_unit_test_setup_teardown(t, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OUTPUT_TEST(test_initial_window_is_ten),
		OUTPUT_TEST(test_peers_window_is_the_limit),
		OUTPUT_TEST(test_slow_start_after_idle),
		OUTPUT_TEST(test_slow_start_after_idle_off),
		OUTPUT_TEST(test_unused_window_does_not_grow),
		OUTPUT_TEST(test_nagle),
		OUTPUT_TEST(test_nodelay),
		OUTPUT_TEST(test_cork),
		OUTPUT_TEST(test_msg_more),
		OUTPUT_TEST(test_shutdown_takes_held_data_along),
		OUTPUT_TEST(test_reset_where_no_fin_can_be_made),
		OUTPUT_TEST(test_records_stay_apart),
		OUTPUT_TEST(test_notsent_lowat),
		OUTPUT_TEST(test_pacing_spreads_a_window),
		OUTPUT_TEST(test_small_queue_waits_for_completions),
		OUTPUT_TEST(test_throttled_while_the_last_packet_completes),
		OUTPUT_TEST(test_super_packet_follows_the_rate),
		OUTPUT_TEST(test_split_keeps_count_and_memory),
		OUTPUT_TEST(test_choice_of_congestion_control),
		OUTPUT_TEST(test_cubic_curve),
		OUTPUT_TEST(test_cubic_follows_reno),
		OUTPUT_TEST(test_mss_while_the_window_grows),
		OUTPUT_TEST(test_clamp_follows_from_the_scale),
		cmocka_unit_test(test_reno_arithmetic),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
