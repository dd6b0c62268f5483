/* SPDX-License-Identifier: MIT */
/*
 * Memory of sockets, charged and bounded: the account of TCP with its three marks
 * (net.ipv4.tcp_mem), pressure and its end, repacking and pruning of what is queued, and what
 * happens above the high mark: peers that behave go on, new ones and orphans do not.
 */
#include "../../include/libc/netinet/tcp.h"

#include <errno.h>
#include <kernel/sysctl.h>
#include <kernel/uio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "tcp_peer.h"

#define ACK TCPHDR_ACK

static char marks_before[64];
static u8 text[65536];

static void set_marks(const char *value)
{
	assert_int_equal(sysctl_write("net.ipv4.tcp_mem", NULL, value), 0);
}

static int setup(void **state)
{
	(void)state;
	peer_start();
	assert_true(sysctl_read("net.ipv4.tcp_mem", NULL, marks_before, sizeof(marks_before)) > 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	set_marks(marks_before);
	peer_stop();
	assert_int_equal(sk_memory_allocated(&tcp_prot), 0);
	return 0;
}

static size_t read_all(void)
{
	size_t all = 0;
	ssize_t n;

	do {
		struct iovec v = {text, sizeof(text)};
		struct msghdr m = {0};
		struct iov_iter to;

		iov_iter_init(&to, &v, 1, sizeof(text));
		n = peer_sock->ops->recvmsg(peer_sock, &m, &to, MSG_DONTWAIT);
		all += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	return all;
}

/* Text of len bytes in segments of `each`, from number 1 on. */
static void send_text(u32 len, u32 each)
{
	for (u32 at = 0; at < len; at += each)
		peer_text(1 + at, min(each, len - at));
	peer_forget();
}

/* ---- the account -------------------------------------------------------------------------------
 */

/* Whole pages for what is queued, none for what was read; all CPUs' reserves are counted. */
static void test_account_is_exact(void **state)
{
	struct sock *sk;

	(void)state;
	peer_connects((struct peer_offer){.sack = true});
	sk = peer_sock->sk;
	assert_int_equal(sk_memory_allocated(&tcp_prot), 0);
	send_text(20000, 1000);
	assert_int_equal(sk_memory_allocated(&tcp_prot) * (long)PAGE_SIZE,
			 atomic_read(&sk->sk_rmem_alloc) + sk->sk_forward_alloc);
	assert_true(sk->sk_forward_alloc < (int)PAGE_SIZE);
	assert_int_equal(read_all(), 20000);
	assert_int_equal(sk->sk_forward_alloc, 0);
	assert_int_equal(sk_memory_allocated(&tcp_prot), 0);
}

/* What is written is charged until it is acknowledged. */
static void test_account_of_the_sender(void **state)
{
	(void)state;
	peer_connects((struct peer_offer){.sack = true});
	peer_app_writes(5000);
	assert_true(sk_memory_allocated(&tcp_prot) * (long)PAGE_SIZE >= 5000);
	peer_forget();
	peer_ack(5001);
	assert_int_equal(sk_memory_allocated(&tcp_prot), 0);
}

static void test_sysctl(void **state)
{
	char value[64];

	(void)state;
	assert_int_equal(sysctl_write("net.ipv4.tcp_mem", NULL, "1 2"), -EINVAL);
	assert_int_equal(sysctl_write("net.ipv4.tcp_mem", NULL, "1 2 -3"), -EINVAL);
	assert_true(sysctl_read("net.ipv4.tcp_mem", NULL, value, sizeof(value)) > 0);
	assert_string_equal(value, marks_before);
	/* An eighth of the memory is pressure, low and high three quarters and three halves of it.
	 */
	assert_int_equal(tcp_prot.sysctl_mem[2], 2 * tcp_prot.sysctl_mem[0]);
	assert_true(tcp_prot.sysctl_mem[1] > tcp_prot.sysctl_mem[0]);
	set_marks("10 20 30");
	assert_int_equal(tcp_prot.sysctl_mem[1], 20);
}

/* ---- pressure ----------------------------------------------------------------------------------
 */

/* Above the second mark windows stop growing; below the first all is as before, and how long it
 * was is told. */
static void test_pressure_and_its_end(void **state)
{
	struct tcp_sock *tp;

	(void)state;
	peer_connects((struct peer_offer){.sack = true});
	tp = peer_tp();
	peer_sock->sk->sk_rcvbuf = 1 << 20; /* room to grow into */
	tcp_set_window_clamp(peer_sock->sk, 1 << 19);
	set_marks("4 8 10000");
	send_text(40000, 1000);
	assert_true(*tcp_prot.memory_pressure);
	assert_int_equal(peer_mib(LINUX_MIB_TCPMEMORYPRESSURES), 1);
	assert_true(tp->rcv_ssthresh <= 4u * tp->advmss);
	peer_wait_ms(500);
	assert_int_equal(read_all(), 40000);
	assert_false(*tcp_prot.memory_pressure);
	assert_true(peer_mib(LINUX_MIB_TCPMEMORYPRESSURESCHRONO) >= 500);
	assert_true(peer_mib(LINUX_MIB_TCPMEMORYPRESSURESCHRONO) < 1000);
}

/* Above the third mark text is refused, with a counter; once the application reads it goes on. */
static void test_exhaustion_slows_down(void **state)
{
	u64 held;

	(void)state;
	peer_connects((struct peer_offer){.sack = true});
	set_marks("2 3 8");
	send_text(60000, 1000);
	assert_true(sk_memory_allocated(&tcp_prot) <= 8);
	assert_true(peer_mib(LINUX_MIB_PRUNECALLED) > 0);
	assert_int_equal(peer_sock->sk->sk_state, TCP_ESTABLISHED);
	held = read_all();
	assert_true(held >= 1000 && held < 60000);
	peer_forget();
	peer_text(1 + (u32)held, 1000);
	assert_int_equal(read_all(), 1000);
}

/* A writer gets less room and is told so, and loses nothing. */
static void test_exhaustion_of_a_sender(void **state)
{
	struct iovec v = {text, sizeof(text)};
	struct msghdr m = {0};
	struct iov_iter from;
	ssize_t n;

	(void)state;
	peer_connects((struct peer_offer){.sack = true});
	set_marks("1 2 4");
	iov_iter_init(&from, &v, 1, sizeof(text));
	n = peer_sock->ops->sendmsg(peer_sock, &m, &from, MSG_DONTWAIT);
	assert_true(n > 0 && n < (ssize_t)sizeof(text));
	assert_true(peer_sock->sk->sk_sndbuf < (int)sizeof(text));
	for (u32 acked = 0; acked < (u32)n; acked += 1000) {
		peer_ack(1 + min(acked + 1000, (u32)n));
		peer_wait_ms(1);
	}
	peer_forget();
	assert_int_equal(peer_tp()->snd_una.v - peer_tp()->write_seq.v, 0);
	assert_int_equal(sk_memory_allocated(&tcp_prot), 0);
}

/* Bytes that a write which does not wait gets rid of, or -errno. */
static ssize_t write_now(size_t len)
{
	struct iovec v = {text, len};
	struct msghdr m = {0};
	struct iov_iter from;

	iov_iter_init(&from, &v, 1, len);
	return peer_sock->ops->sendmsg(peer_sock, &m, &from, MSG_DONTWAIT);
}

static bool writable(void)
{
	return tcp_poll(peer_sock->sk) & EPOLLOUT;
}

/* Under pressure a socket gets a part of what is left, so that something is left: one whose peer
 * takes nothing does not fill the account. */
static void test_some_is_left_under_pressure(void **state)
{
	(void)state;
	peer_connects((struct peer_offer){.sack = true, .win = 1000});
	set_marks("4 8 200");
	peer_sock->sk->sk_sndbuf = 1 << 20;
	while (write_now(sizeof(text)) > 0)
		;
	assert_true(*tcp_prot.memory_pressure);
	/* With 16 parts, 12 pages of 200. */
	assert_true(sk_memory_allocated(&tcp_prot) <= 12);
}

/* Without any memory left a peer that takes what it gets is sent a page at a time; the writer is
 * told to wait for its ACK, and does not find the socket writable before. */
static void test_who_behaves_goes_on(void **state)
{
	u32 at = 1;

	(void)state;
	peer_connects((struct peer_offer){.sack = true});
	set_marks("0 0 0");
	for (unsigned i = 0; i < 5; i++) {
		ssize_t n = write_now(20000);

		assert_in_range(n, PEER_MSS, PAGE_SIZE);
		peer_want_text(at, PEER_MSS);
		peer_forget();
		assert_int_equal(write_now(20000), -EAGAIN);
		assert_false(writable());
		at += (u32)n;
		peer_ack(at);
		peer_wait_ms(1);
		assert_true(writable());
	}
	assert_int_equal(sk_memory_allocated(&tcp_prot), 0);
	/* With memory again the buffer grows to what it was. */
	set_marks(marks_before);
	for (unsigned i = 0; i < 20; i++) {
		while (write_now(sizeof(text)) > 0)
			;
		peer_forget();
		at += peer_tp()->snd_nxt.v - peer_tp()->snd_una.v;
		peer_ack(at);
		peer_wait_ms(1);
	}
	assert_true(peer_sock->sk->sk_sndbuf >= 16384);
}

/* Above the high mark there is room for the first packets of new ones, an eighth. */
static void test_newcomers_above_the_high_mark(void **state)
{
	struct sock *sk;

	(void)state;
	peer_connects((struct peer_offer){.sack = true});
	sk = peer_sock->sk;
	set_marks("8 8 16");
	sk_forced_mem_schedule(sk, 17 * PAGE_SIZE);
	assert_false(sk_under_memory_limit(sk));
	assert_true(sk_memory_admits(sk));
	sk_forced_mem_schedule(sk, 20 * PAGE_SIZE);
	assert_false(sk_memory_admits(sk));
	sk_mem_reclaim(sk);
}

/* ---- the receive queue -------------------------------------------------------------------------
 */

/* Crumbs that cost far more than they hold are repacked, and no byte of them is lost. */
static void test_crumbs_are_repacked(void **state)
{
	(void)state;
	peer_connects((struct peer_offer){.sack = true});
	peer_sock->sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	peer_sock->sk->sk_rcvbuf = 16384;
	send_text(3000, 10);
	assert_true(peer_mib(LINUX_MIB_PRUNECALLED) > 0);
	assert_true(peer_mib(LINUX_MIB_TCPRCVCOLLAPSED) > 0);
	assert_int_equal(read_all(), 3000);
	for (u32 i = 0; i < 3000; i++)
		assert_int_equal(text[i], (u8)(1 + i / 10 * 10 + i % 10));
}

/* Text behind a hole goes first: it was not promised. */
static void test_text_behind_a_hole_goes_first(void **state)
{
	(void)state;
	peer_connects((struct peer_offer){.sack = true});
	peer_sock->sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	for (u32 i = 1; i < 40; i++)
		peer_text(1001 + i * 1000, 1000);
	peer_sock->sk->sk_rcvbuf = 8192;
	peer_text(1, 1000);
	peer_forget();
	assert_true(peer_mib(LINUX_MIB_OFOPRUNED) > 0);
	assert_int_equal(read_all(), 1000);
	assert_int_equal(peer_sock->sk->sk_state, TCP_ESTABLISHED);
}

/* ---- orphans -----------------------------------------------------------------------------------
 */

/* Above the high mark a closed socket with unsent text is reset at once. */
static void test_orphan_above_the_high_mark(void **state)
{
	struct peer_seg s;
	bool reset = false;

	(void)state;
	peer_connects((struct peer_offer){.sack = true, .win = 1000});
	peer_app_writes(12000);
	set_marks("1 1 1");
	sock_release(peer_sock);
	peer_sock = NULL;
	while (peer_next(&s))
		reset |= !!(s.flags & TCPHDR_RST);
	assert_true(reset);
	assert_int_equal(peer_mib(LINUX_MIB_TCPABORTONMEMORY), 1);
	assert_int_equal(sk_memory_allocated(&tcp_prot), 0);
}

#define SHUT (1u << 16) /* of which 16 bits go into the header */

/* Closed with text that the peer has no window for; it answers every probe. How many seconds until
 * we give up, 0: longer than limit_s. */
static u64 close_before_a_shut_window(u64 limit_s)
{
	int orphans = atomic_read(&tcp_prot.orphan_count);
	struct peer_seg s;

	peer_connects((struct peer_offer){.sack = true, .win = 1000});
	peer_app_writes(8000);
	sock_release(peer_sock);
	peer_sock = NULL;
	for (u64 ms = 0; ms < limit_s * 1000; ms += 50) {
		bool sent = false;

		while (peer_next(&s))
			sent = true;
		if (atomic_read(&tcp_prot.orphan_count) == orphans)
			return ms / 1000 + 1;
		if (sent)
			peer_send((struct peer_seg){
				.flags = ACK, .seq = 1, .ack = 1001, .win = SHUT});
		peer_wait_ms(50);
	}
	return 0;
}

/* An orphan does not wait for ever for a peer that keeps its window shut, as a socket would. */
static void test_orphan_before_a_shut_window(void **state)
{
	u64 s;

	(void)state;
	s = close_before_a_shut_window(300);
	assert_in_range(s, 40, 120);
	assert_int_equal(peer_mib(LINUX_MIB_TCPABORTONTIMEOUT), 1);
	assert_int_equal(sk_memory_allocated(&tcp_prot), 0);
}

/* Under pressure it waits for a few seconds. */
static void test_orphan_under_pressure(void **state)
{
	u64 s;

	(void)state;
	set_marks("0 1 1000");
	s = close_before_a_shut_window(300);
	assert_in_range(s, 1, 6);
	assert_int_equal(sk_memory_allocated(&tcp_prot), 0);
}

#define MEM_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEM_TEST(test_account_is_exact),
		MEM_TEST(test_account_of_the_sender),
		MEM_TEST(test_sysctl),
		MEM_TEST(test_pressure_and_its_end),
		MEM_TEST(test_exhaustion_slows_down),
		MEM_TEST(test_exhaustion_of_a_sender),
		MEM_TEST(test_some_is_left_under_pressure),
		MEM_TEST(test_who_behaves_goes_on),
		MEM_TEST(test_newcomers_above_the_high_mark),
		MEM_TEST(test_crumbs_are_repacked),
		MEM_TEST(test_text_behind_a_hole_goes_first),
		MEM_TEST(test_orphan_above_the_high_mark),
		MEM_TEST(test_orphan_before_a_shut_window),
		MEM_TEST(test_orphan_under_pressure),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
