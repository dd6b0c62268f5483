/* SPDX-License-Identifier: MIT */
/*
 * Loss recovery segment by segment, the peer played by hand (RFC 8985, 9937, 6582, 5682, 2883):
 * what is sent again and when, the window, the states and counters that Linux shows. The round trip
 * is 10 ms, segments hold 1000 bytes, ten are in flight at first.
 */
#include "../../include/libc/netinet/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "tcp_peer.h"

/* Ten segments in flight, a round trip ago. */
static void ten_in_flight(struct peer_offer offer, u32 app_bytes)
{
	struct tcp_info info;

	peer_net.tcp->tcp_congestion_control = tcp_ca_find("reno");
	peer_connects(offer);
	peer_app_writes(app_bytes);
	for (u32 i = 0; i < 10; i++)
		peer_want_text(1 + i * 1000, 1000);
	peer_want_none();
	tcp_get_info(peer_sock->sk, &info);
	assert_int_equal(info.tcpi_unacked, 10);
	assert_int_equal(info.tcpi_ca_state, TCP_CA_Open);
	peer_wait_ms(10);
}

static const struct peer_offer with_sack = {.sack = true};

static struct tcp_info info(void)
{
	struct tcp_info i;

	tcp_get_info(peer_sock->sk, &i);
	return i;
}

static void test_fast_retransmit_by_sack(void **state)
{
	(void)state;
	ten_in_flight(with_sack, 10000);
	peer_sack(1, 1, 1001, 2001);
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Disorder);
	assert_int_equal(info().tcpi_sacked, 1);
	peer_sack(1, 1, 1001, 3001);
	peer_want_none();
	/* The third: nothing is waited for. */
	peer_sack(1, 1, 1001, 4001);
	peer_want_text(1, 1000);
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Recovery);
	assert_int_equal(info().tcpi_lost, 1);
	assert_int_equal(info().tcpi_retrans, 1);
	assert_int_equal(info().tcpi_snd_ssthresh, 5);
	assert_int_equal(peer_mib(LINUX_MIB_TCPSACKRECOVERY), 1);
	assert_int_equal(peer_mib(LINUX_MIB_TCPFASTRETRANS), 1);
	peer_wait_ms(10);
	peer_ack(10001);
	peer_want_none();
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Open);
	assert_int_equal(info().tcpi_snd_cwnd, 6); /* 5, and one for the window just acknowledged */
	assert_int_equal(peer_mib(LINUX_MIB_TCPTIMEOUTS), 0);
}

static void test_prr_paces_recovery(void **state)
{
	(void)state;
	ten_in_flight(with_sack, 20000);
	peer_sack(1, 1, 1001, 2001);
	peer_want_text(10001, 1000); /* limited transmit */
	peer_wait_ms(2);             /* so that no super-packet is waited for */
	peer_sack(1, 1, 1001, 3001);
	peer_want_text(11001, 1000);
	peer_sack(1, 1, 1001, 4001);
	peer_want_text(1, 1000);
	peer_want_none();
	/* From 12 down to 5: one for two that are delivered. */
	peer_sack(1, 1, 1001, 5001);
	peer_want_none();
	peer_sack(1, 1, 1001, 6001);
	peer_want_text(12001, 1000);
	peer_sack(1, 1, 1001, 7001);
	peer_want_none();
	peer_sack(1, 1, 1001, 8001);
	peer_want_text(13001, 1000);
	peer_sack(1, 1, 1001, 9001);
	peer_want_none();
	/* Five are in flight. */
	peer_sack(1, 1, 1001, 10001);
	peer_want_none();
	assert_int_equal(info().tcpi_snd_cwnd, 5);
	peer_wait_ms(10);
	peer_ack(12001);
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Open);
	assert_int_equal(info().tcpi_snd_cwnd, 5);
}

static void test_rack_timer_finds_the_loss(void **state)
{
	(void)state;
	ten_in_flight(with_sack, 10000);
	/* One SACK only: the reordering window, a quarter of 10 ms, must pass. */
	peer_sack(1, 1, 1001, 2001);
	peer_want_none();
	peer_wait_ms(2);
	peer_want_none();
	peer_wait_ms(4);
	peer_want_text(1, 1000);
	peer_want_none();
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Recovery);
	assert_int_equal(peer_mib(LINUX_MIB_TCPTIMEOUTS), 0);
}

static void test_reordering_is_learned(void **state)
{
	(void)state;
	ten_in_flight(with_sack, 10000);
	peer_sack(1, 1, 4001, 5001);
	/* What was in the hole comes late: not lost. */
	peer_sack(1, 2, 1001, 2001, 4001, 5001);
	assert_int_equal(info().tcpi_reord_seen, 1);
	assert_int_equal(info().tcpi_reordering, 4);
	assert_int_equal(peer_mib(LINUX_MIB_TCPSACKREORDER), 1);
	peer_ack(10001);
	peer_want_none();
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Open);
	assert_int_equal(info().tcpi_total_retrans, 0);
}

static void test_lost_retransmission(void **state)
{
	(void)state;
	ten_in_flight(with_sack, 30000);
	peer_sack(1, 1, 1001, 4001);
	peer_forget();
	peer_wait_ms(10);
	/* What was sent after the retransmission arrived, it did not. */
	peer_sack(1, 1, 1001, 11001);
	peer_want_text(1, 1000);
	assert_true(peer_mib(LINUX_MIB_TCPLOSTRETRANSMIT) >= 1);
	assert_int_equal(peer_mib(LINUX_MIB_TCPTIMEOUTS), 0);
}

static void test_undo_by_dsack(void **state)
{
	(void)state;
	ten_in_flight(with_sack, 10000);
	peer_sack(1, 1, 1001, 4001);
	peer_want_text(1, 1000);
	/* The original was late, the copy came too. */
	peer_ack(4001);
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Recovery);
	peer_sack(4001, 1, 1, 1001);
	assert_int_equal(peer_mib(LINUX_MIB_TCPDSACKRECV), 1);
	assert_int_equal(peer_mib(LINUX_MIB_TCPDSACKUNDO), 1);
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Open);
	assert_int_equal(info().tcpi_snd_cwnd, 10);
	assert_int_equal(info().tcpi_dsack_dups, 1);
}

static void test_undo_by_timestamp(void **state)
{
	struct peer_seg s = {.flags = TCPHDR_ACK, .seq = 1, .ack = 1, .ts = true, .tsval = 9};
	u32 original;

	(void)state;
	peer_connects((struct peer_offer){.sack = true, .ts = true});
	peer_app_writes(4940);
	assert_true(peer_next(&s));
	original = s.tsval;
	peer_forget();
	peer_wait_ms(10);
	s = (struct peer_seg){.flags = TCPHDR_ACK, .seq = 1, .ack = 1, .ts = true, .tsval = 9};
	s.tsecr = original;
	s.nsack = 1;
	s.sack[0] = (struct peer_block){989, 989 + 3 * 988};
	peer_send(s);
	peer_want_text(1, 988);
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Recovery);
	peer_wait_ms(5);
	s.nsack = 0;
	s.ack = 4941; /* the echo is of the original */
	peer_send(s);
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Open);
	assert_int_equal(peer_mib(LINUX_MIB_TCPFULLUNDO), 1);
	assert_int_equal(info().tcpi_snd_cwnd, 10);
}

static void test_tail_loss_probe_of_old_text(void **state)
{
	(void)state;
	ten_in_flight(with_sack, 10000);
	peer_ack(8001);
	peer_want_none();
	/* Two round trips and 2 ms later the last segment goes again. */
	peer_wait_ms(19);
	peer_want_none();
	peer_wait_ms(6);
	peer_want_text(9001, 1000);
	peer_want_none();
	assert_int_equal(peer_mib(LINUX_MIB_TCPLOSSPROBES), 1);
	/* Its SACK shows the hole. */
	peer_wait_ms(10);
	peer_sack(8001, 1, 9001, 10001);
	peer_wait_ms(10);
	peer_want_text(8001, 1000);
	assert_int_equal(peer_mib(LINUX_MIB_TCPTIMEOUTS), 0);
}

static void test_probe_repairs_the_loss(void **state)
{
	u32 cwnd;

	(void)state;
	ten_in_flight(with_sack, 10000);
	peer_ack(9001);
	peer_wait_ms(250);
	peer_want_text(9001, 1000);
	peer_ack(10001);
	peer_app_writes(1000);
	peer_forget();
	cwnd = info().tcpi_snd_cwnd;
	peer_ack(11001);
	assert_int_equal(peer_mib(LINUX_MIB_TCPLOSSPROBERECOVERY), 1);
	assert_in_range(info().tcpi_snd_cwnd, cwnd / 2, cwnd / 2 + 1);
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Open);
}

static void test_needless_probe(void **state)
{
	(void)state;
	ten_in_flight(with_sack, 10000);
	peer_ack(9001);
	peer_wait_ms(250);
	peer_want_text(9001, 1000);
	peer_ack(10001);
	peer_sack(10001, 1, 9001, 10001);
	peer_app_writes(1000);
	peer_forget();
	peer_ack(11001);
	assert_int_equal(peer_mib(LINUX_MIB_TCPLOSSPROBERECOVERY), 0);
}

static void test_timeout_backs_off(void **state)
{
	u64 rto_ms = 210;

	(void)state;
	peer_net.tcp->tcp_early_retrans = 0;
	ten_in_flight(with_sack, 10000);
	peer_wait_ms(220);
	peer_want_text(1, 1000);
	peer_want_none();
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Loss);
	assert_int_equal(info().tcpi_snd_cwnd, 1);
	assert_int_equal(info().tcpi_lost, 10);
	for (u32 i = 0; i < 5; i++) {
		u64 waited_ms = 0;

		for (; info().tcpi_retransmits == i + 1; waited_ms += 5)
			peer_wait_ms(5);
		rto_ms *= 2; /* the wheel is an eighth late at most */
		assert_in_range(waited_ms, rto_ms - 15, rto_ms * 9 / 8 + 15);
		peer_want_text(1, 1000);
	}
	assert_int_equal(info().tcpi_retransmits, 6);
	/* Slow start from one. */
	peer_ack(1001);
	peer_want_text(1001, 1000);
	peer_want_text(2001, 1000);
	peer_want_none();
	assert_true(peer_mib(LINUX_MIB_TCPSLOWSTARTRETRANS) >= 1);
	assert_int_equal(peer_mib(LINUX_MIB_TCPTIMEOUTS), 6);
}

static void test_frto_finds_the_timeout_spurious(void **state)
{
	(void)state;
	peer_net.tcp->tcp_early_retrans = 0;
	ten_in_flight(with_sack, 30000);
	peer_wait_ms(220);
	peer_want_text(1, 1000);
	/* The delayed ACKs of the originals: new text first, then all is as before. */
	peer_ack(1001);
	peer_want_text(10001, 1000);
	peer_want_text(11001, 1000);
	peer_want_none();
	peer_ack(2001);
	assert_int_equal(peer_mib(LINUX_MIB_TCPSPURIOUSRTOS), 1);
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Open);
	assert_true(info().tcpi_snd_cwnd >= 10);
	assert_int_equal(info().tcpi_lost, 0);
}

static void test_frto_confirms_the_loss(void **state)
{
	(void)state;
	peer_net.tcp->tcp_early_retrans = 0;
	ten_in_flight(with_sack, 30000);
	peer_wait_ms(220);
	peer_want_text(1, 1000);
	peer_ack(1001);
	peer_want_text(10001, 1000);
	peer_want_text(11001, 1000);
	peer_sack(1001, 1, 10001, 11001);
	peer_want_text(1001, 1000);
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Loss);
	assert_int_equal(peer_mib(LINUX_MIB_TCPSPURIOUSRTOS), 0);
}

static void test_newreno_without_sack(void **state)
{
	(void)state;
	ten_in_flight((struct peer_offer){.sack = false}, 20000);
	peer_ack(1);
	peer_want_text(10001, 1000); /* limited transmit */
	peer_wait_ms(2);
	peer_ack(1);
	peer_want_text(11001, 1000);
	peer_ack(1);
	peer_want_text(1, 1000);
	peer_want_none();
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Recovery);
	assert_int_equal(peer_mib(LINUX_MIB_TCPRENORECOVERY), 1);
	/* A partial ACK: the next one is lost too; PRR lets it go with the next duplicate. */
	peer_ack(3001);
	assert_int_equal(info().tcpi_lost, 1);
	peer_ack(3001);
	peer_want_text(3001, 1000);
	peer_ack(12001);
	/* Held until more is acknowledged. */
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Recovery);
	peer_forget();
	peer_ack(14001);
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Open);
	assert_int_equal(peer_mib(LINUX_MIB_TCPTIMEOUTS), 0);
	/* And it was no needless one: the window stays halved. */
	assert_int_equal(peer_mib(LINUX_MIB_TCPFULLUNDO), 0);
	assert_in_range(info().tcpi_snd_cwnd, 1, info().tcpi_snd_ssthresh + 1);
}

/* RFC 6582 section 3.2: only the first partial ACK puts the time-out off, so that a window that
 * lost many is not repaired by a segment a round trip for ever. */
static void test_many_losses_without_sack(void **state)
{
	(void)state;
	ten_in_flight((struct peer_offer){.sack = false}, 10000);
	for (unsigned i = 0; i < 3; i++)
		peer_ack(1);
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Recovery);
	for (u32 acked = 1001; info().tcpi_ca_state == TCP_CA_Recovery; acked += 1000) {
		assert_true(acked < 9001);
		peer_ack(acked);
		peer_wait_ms(100);
	}
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Loss);
	assert_int_equal(peer_mib(LINUX_MIB_TCPTIMEOUTS), 1);
	peer_ack(10001);
}

/* The timer that a recovery keeps is over with the flight: where the ACK of everything shuts the
 * window, the next timer is the probe's. Without one, a lost window update would be the end. */
static void test_window_shuts_in_recovery(void **state)
{
	u32 all;

	(void)state;
	ten_in_flight((struct peer_offer){.sack = false}, 20000);
	for (unsigned i = 0; i < 3; i++)
		peer_ack(1);
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Recovery);
	peer_ack(1001);
	peer_ack(2001);
	peer_forget();
	all = 2001 + info().tcpi_unacked * PEER_MSS;
	peer_send((struct peer_seg){.flags = TCPHDR_ACK, .seq = 1, .ack = all, .win = 1});
	assert_int_equal(info().tcpi_unacked, 0);
	assert_true(info().tcpi_notsent_bytes > 0);
	peer_wait_ms(1000);
	assert_true(info().tcpi_unacked > 0 || info().tcpi_probes > 0);
}

/* Duplicates told that three had arrived; a time-out forgets which. They are not delivered twice:
 * by that figure BBR would believe in a path of many times the rate. */
static void test_delivered_once_without_sack(void **state)
{
	u32 before;

	(void)state;
	ten_in_flight((struct peer_offer){.sack = false}, 10000);
	before = info().tcpi_delivered;
	for (unsigned i = 0; i < 3; i++)
		peer_ack(1);
	assert_int_equal(info().tcpi_delivered, before + 3);
	peer_wait_ms(400);
	assert_int_equal(info().tcpi_ca_state, TCP_CA_Loss);
	peer_ack(10001);
	assert_int_equal(info().tcpi_delivered, before + 10);
}

static void test_reneging(void **state)
{
	(void)state;
	ten_in_flight(with_sack, 10000);
	peer_sack(1, 1, 1001, 10001);
	peer_want_text(1, 1000);
	/* The hole is filled, but what was SACKed is gone. */
	peer_ack(1001);
	peer_wait_ms(30);
	peer_want_text(1001, 1000);
	assert_int_equal(peer_mib(LINUX_MIB_TCPSACKRENEGING), 1);
	assert_int_equal(info().tcpi_sacked, 0);
	peer_ack(10001);
	assert_int_equal(info().tcpi_unacked, 0);
}

static void test_impossible_blocks(void **state)
{
	(void)state;
	ten_in_flight(with_sack, 10000);
	peer_sack(1, 2, 5001, 4001, 20001, 30001);
	assert_int_equal(info().tcpi_sacked, 0);
	assert_int_equal(peer_mib(LINUX_MIB_TCPSACKDISCARD), 2);
	peer_sack(1, 1, 1500, 1700); /* half a segment is no segment */
	assert_int_equal(info().tcpi_sacked, 0);
	peer_sack(1, 1, 1500, 3001);
	assert_int_equal(info().tcpi_sacked, 1);
	peer_sack(1, 1, 1001, 3001);
	assert_int_equal(info().tcpi_sacked, 2);
}

static void test_user_timeout_ends_it(void **state)
{
	(void)state;
	ten_in_flight(with_sack, 10000);
	peer_tp()->user_timeout_ms = 1500;
	peer_wait_ms(1200);
	assert_int_equal(peer_sock->sk->sk_state, TCP_ESTABLISHED);
	peer_wait_ms(1000);
	assert_int_equal(peer_sock->sk->sk_state, TCP_CLOSE);
	assert_int_equal(peer_sock->sk->sk_err, ETIMEDOUT);
	peer_forget();
}

static void test_delivery_rate(void **state)
{
	(void)state;
	ten_in_flight(with_sack, 30000);
	peer_ack(10001);
	assert_int_equal(info().tcpi_delivered, 11);
	/* Ten segments in 10 ms. */
	assert_in_range(info().tcpi_delivery_rate, 900000, 1100000);
	peer_forget();
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_fast_retransmit_by_sack),
		T(test_prr_paces_recovery),
		T(test_rack_timer_finds_the_loss),
		T(test_reordering_is_learned),
		T(test_lost_retransmission),
		T(test_undo_by_dsack),
		T(test_undo_by_timestamp),
		T(test_tail_loss_probe_of_old_text),
		T(test_probe_repairs_the_loss),
		T(test_needless_probe),
		T(test_timeout_backs_off),
		T(test_frto_finds_the_timeout_spurious),
		T(test_frto_confirms_the_loss),
		T(test_newreno_without_sack),
		T(test_many_losses_without_sack),
		T(test_window_shuts_in_recovery),
		T(test_delivered_once_without_sack),
		T(test_reneging),
		T(test_impossible_blocks),
		T(test_user_timeout_ends_it),
		T(test_delivery_rate),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
