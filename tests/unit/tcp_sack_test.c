/* SPDX-License-Identifier: MIT */
/*
 * SACK as told by a receiver (RFC 2018 section 4: the newest block first, blocks that touch are
 * one, none is told of what was acknowledged) and DSACK (RFC 2883: what came twice is the first
 * block of one ACK).
 */
#include "../../include/libc/netinet/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "tcp_peer.h"

static void test_blocks_newest_first(void **state)
{
	(void)state;
	peer_connects((struct peer_offer){.sack = true});
	peer_text(1001, 1000);
	peer_want_ack(1, 1, 1001, 2001);
	peer_text(3001, 1000);
	peer_want_ack(1, 2, 3001, 4001, 1001, 2001);
	peer_text(5001, 1000);
	peer_want_ack(1, 3, 5001, 6001, 3001, 4001, 1001, 2001);
	peer_text(7001, 1000);
	peer_want_ack(1, 4, 7001, 8001, 5001, 6001, 3001, 4001, 1001, 2001);
	/* The oldest is forgotten. */
	peer_text(9001, 1000);
	peer_want_ack(1, 4, 9001, 10001, 7001, 8001, 5001, 6001, 3001, 4001);
	/* Two become one, and come first. */
	peer_text(4001, 1000);
	peer_want_ack(1, 3, 3001, 6001, 9001, 10001, 7001, 8001);
	peer_text(1, 1000);
	peer_want_ack(2001, 3, 3001, 6001, 9001, 10001, 7001, 8001);
	peer_text(2001, 1000);
	peer_want_ack(6001, 2, 9001, 10001, 7001, 8001);
	peer_text(6001, 1000);
	peer_want_ack(8001, 1, 9001, 10001);
	peer_text(8001, 1000);
	peer_want_ack(10001, 0);
}

static void test_no_blocks_for_a_peer_without_sack(void **state)
{
	(void)state;
	peer_connects((struct peer_offer){.sack = false});
	peer_text(1001, 1000);
	peer_want_ack(1, 0);
	peer_text(3001, 1000);
	peer_want_ack(1, 0);
}

static void test_timestamps_leave_room_for_three(void **state)
{
	struct peer_seg s = {.flags = TCPHDR_ACK, .ack = 1, .len = 100, .ts = true, .tsval = 5};

	(void)state;
	peer_net.tcp->tcp_comp_sack_nr = 0; /* each segment has its ACK */
	peer_connects((struct peer_offer){.sack = true, .ts = true});
	for (s.seq = 201; s.seq < 1400; s.seq += 200)
		peer_send(s);
	for (unsigned i = 0; i < 5; i++)
		assert_true(peer_next(&s));
	peer_want_ack(1, 3, 1201, 1301, 1001, 1101, 801, 901);
}

static void test_dsack_of_acknowledged_text(void **state)
{
	(void)state;
	peer_connects((struct peer_offer){.sack = true});
	peer_text(1, 1000);
	peer_text(1001, 1000);
	peer_forget();
	peer_text(1001, 1000);
	peer_want_ack(2001, 1, 1001, 2001);
	assert_int_equal(peer_mib(LINUX_MIB_TCPDSACKOLDSENT), 1);
	/* Half old, half new. */
	peer_text(1501, 1000);
	peer_want_ack(2501, 1, 1501, 2001);
	/* Told once. */
	peer_text(3501, 100);
	peer_want_ack(2501, 1, 3501, 3601);
}

static void test_dsack_of_text_out_of_order(void **state)
{
	(void)state;
	peer_connects((struct peer_offer){.sack = true});
	peer_text(1001, 1000);
	peer_want_ack(1, 1, 1001, 2001);
	peer_text(1001, 1000);
	peer_want_ack(1, 2, 1001, 2001, 1001, 2001);
	assert_int_equal(peer_mib(LINUX_MIB_TCPDSACKOFOSENT), 1);
	peer_text(1501, 1000);
	peer_want_ack(1, 2, 1501, 2001, 1001, 2501);
	peer_text(3001, 500);
	peer_want_ack(1, 2, 3001, 3501, 1001, 2501);
	/* Covers what is between and both its ends. */
	peer_text(2001, 1000);
	peer_text(2401, 1200);
	peer_want_ack(1, 2, 2001, 2501, 1001, 3501);
}

static void test_no_dsack_when_off(void **state)
{
	(void)state;
	peer_net.tcp->tcp_dsack = 0;
	peer_connects((struct peer_offer){.sack = true});
	peer_text(1, 1000);
	peer_forget();
	peer_text(1, 1000);
	peer_want_ack(1001, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_blocks_newest_first, peer_setup,
						peer_teardown),
		cmocka_unit_test_setup_teardown(test_no_blocks_for_a_peer_without_sack, peer_setup,
						peer_teardown),
		cmocka_unit_test_setup_teardown(test_timestamps_leave_room_for_three, peer_setup,
						peer_teardown),
		cmocka_unit_test_setup_teardown(test_dsack_of_acknowledged_text, peer_setup,
						peer_teardown),
		cmocka_unit_test_setup_teardown(test_dsack_of_text_out_of_order, peer_setup,
						peer_teardown),
		cmocka_unit_test_setup_teardown(test_no_dsack_when_off, peer_setup, peer_teardown),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
