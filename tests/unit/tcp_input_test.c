/* SPDX-License-Identifier: MIT */
/*
 * Segments where the rules of RFC 9293 section 3.10.7 meet, the peer played by hand: old SYNs in a
 * simultaneous open, resets at the number of a FIN, a FIN where there is no room, a FIN with text
 * that was there before; the numbers of a socket that connects again.
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

#define ACK TCPHDR_ACK
#define SYN TCPHDR_SYN
#define FIN TCPHDR_FIN
#define RST TCPHDR_RST

static const struct peer_offer with_sack = {.sack = true};

static void want_flags(u8 flags, struct peer_seg *s)
{
	assert_true(peer_next(s));
	assert_int_equal(s->flags, flags);
}

/* ---- simultaneous open -------------------------------------------------------------------------
 */

static void test_simultaneous_open(void **state)
{
	struct peer_seg s;

	(void)state;
	peer_is_called(with_sack);
	want_flags(SYN, &s);
	peer_send((struct peer_seg){.flags = SYN});
	want_flags(SYN | ACK, &s);
	assert_int_equal(s.ack, 1);
	peer_send((struct peer_seg){.flags = SYN | ACK, .ack = 1});
	assert_int_equal(peer_sock->sk->sk_state, TCP_ESTABLISHED);
	peer_forget();
}

/* Each side has met an old SYN of the other: a reset starts it afresh, ACKs to and fro would not.
 */
static void test_simultaneous_open_after_an_old_syn(void **state)
{
	struct peer_seg s;

	(void)state;
	peer_is_called(with_sack);
	want_flags(SYN, &s);
	peer_send((struct peer_seg){.flags = SYN}); /* the old one */
	want_flags(SYN | ACK, &s);
	peer_send((struct peer_seg){.flags = SYN | ACK, .seq = 40000000, .ack = 50000000});
	want_flags(RST, &s);
	assert_int_equal(s.seq, 50000000);
	/* The peer does so too, with the number that is ours. */
	peer_send((struct peer_seg){.flags = RST, .seq = 1});
	assert_int_equal(peer_sock->sk->sk_state, TCP_CLOSE);
	assert_int_equal(peer_sock->sk->sk_err, ECONNRESET);
}

/* ---- FIN ---------------------------------------------------------------------------------------
 */

/* What is refused behind a FIN is refused with its number: the connection is over. */
static void test_reset_at_the_number_of_the_fin(void **state)
{
	(void)state;
	peer_connects(with_sack);
	peer_send((struct peer_seg){.flags = FIN | ACK, .seq = 1, .ack = 1});
	peer_want_ack(2, 0);
	peer_send((struct peer_seg){.flags = RST, .seq = 0}); /* two before: of the past */
	assert_int_equal(peer_sock->sk->sk_state, TCP_CLOSE_WAIT);
	peer_send((struct peer_seg){.flags = RST, .seq = 1});
	assert_int_equal(peer_sock->sk->sk_state, TCP_CLOSE);
	assert_int_equal(peer_sock->sk->sk_err, EPIPE);
	peer_want_none();
}

/* One before the expected number is no reset while the peer has not finished. */
static void test_reset_before_the_window(void **state)
{
	(void)state;
	peer_connects(with_sack);
	peer_text(1, 1000);
	peer_forget();
	peer_send((struct peer_seg){.flags = RST, .seq = 1000});
	assert_int_equal(peer_sock->sk->sk_state, TCP_ESTABLISHED);
}

/* A buffer that takes no text any more takes a FIN alone. */
static void test_fin_finds_room_always(void **state)
{
	u32 at = 1, before;

	(void)state;
	peer_connects(with_sack);
	peer_sock->sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	peer_sock->sk->sk_rcvbuf = 5000;
	do {
		before = at;
		peer_text(at, 1000);
		at = (u32)seq_diff(peer_tp()->rcv_nxt, peer_tp()->copied_seq) + 1;
	} while (at != before);
	peer_forget();
	assert_true(peer_mib(LINUX_MIB_TCPRCVQDROP) + peer_mib(LINUX_MIB_TCPZEROWINDOWDROP));
	peer_send((struct peer_seg){.flags = FIN | ACK, .seq = at, .ack = 1});
	peer_want_ack(at + 1, 0);
	assert_int_equal(peer_sock->sk->sk_state, TCP_CLOSE_WAIT);
}

/* The ACK of a FIN tells of nothing that came twice. */
static void test_no_dsack_with_the_fin(void **state)
{
	(void)state;
	peer_connects(with_sack);
	peer_text(1, 1000);
	peer_wait_ms(100);
	peer_forget();
	peer_send((struct peer_seg){.flags = FIN | ACK, .seq = 1, .ack = 1, .len = 1000});
	peer_want_ack(1002, 0);
	assert_int_equal(peer_sock->sk->sk_state, TCP_CLOSE_WAIT);
}

/* A socket that is disconnected and connects again: its numbers begin beyond what the connection
 * before could have sent into the peer's window. */
static void test_numbers_after_disconnect(void **state)
{
	seq32 end;
	u32 window;

	(void)state;
	peer_connects(with_sack);
	peer_app_writes(3000);
	end = peer_tp()->write_seq;
	window = peer_tp()->max_window;
	assert_true(window > 10000);
	lock_sock(peer_sock->sk);
	tcp_prot.disconnect(peer_sock->sk, 0);
	release_sock(peer_sock->sk);
	assert_true(seq_diff(peer_tp()->write_seq, end) > (s32)window);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
		T(test_simultaneous_open),
		T(test_simultaneous_open_after_an_old_syn),
		T(test_reset_at_the_number_of_the_fin),
		T(test_reset_before_the_window),
		T(test_fin_finds_room_always),
		T(test_no_dsack_with_the_fin),
		T(test_numbers_after_disconnect),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
