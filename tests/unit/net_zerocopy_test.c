/* SPDX-License-Identifier: MIT */
/*
 * MSG_ZEROCOPY: packets hold the application's memory, and the error queue tells when the last of
 * them is gone: after the acknowledgement, in ranges, and with a code of its own where bytes were
 * copied after all. The peer is played by hand.
 */
#include "../../include/libc/netinet/tcp.h"

#include <errno.h>
#include <kernel/mm.h>
#include <kernel/uio.h>
#include <linux/errqueue.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "tcp_peer.h"

#define COPIED SO_EE_CODE_ZEROCOPY_COPIED

static u8 not_a_page[20000];
static struct page *block; /* 64 KiB */
static u8 *memory;

static int setup(void **state)
{
	peer_setup(state);
	block = alloc_pages(4, GFP_KERNEL);
	memory = page_address(block);
	for (u32 i = 0; i < PAGE_SIZE << 4; i++)
		memory[i] = (u8)(i * 7 + i / 251);
	return 0;
}

static int teardown(void **state)
{
	int err = peer_teardown(state);

	assert_int_equal(refcount_read(&block->refs), 1);
	free_pages(block, 4);
	return err;
}

static u32 held(void)
{
	return (u32)refcount_read(&block->refs) - 1;
}

/* A connection whose device takes fragments. */
static void connect_with_sg(void)
{
	struct sock *sk;

	peer_connects((struct peer_offer){.sack = true});
	sk = peer_sock->sk;
	sk->sk_dst_cache->dev->features |= NETIF_F_SG | NETIF_F_HW_CSUM;
	sk->sk_route_caps |= NETIF_F_SG | NETIF_F_HW_CSUM;
	sock_set_flag(sk, SOCK_ZEROCOPY);
	tcp_sk(sk)->nonagle |= TCP_NAGLE_OFF;
}

static ssize_t send_pieces(const struct iovec *v, unsigned n)
{
	struct msghdr m = {0};
	struct iov_iter it;
	ssize_t sent;

	iov_iter_init(&it, v, n, (size_t)iov_length(v, n));
	sent = peer_sock->ops->sendmsg(peer_sock, &m, &it, MSG_DONTWAIT | MSG_ZEROCOPY);
	host_run_for(0);
	return sent;
}

static ssize_t send_from(const void *at, size_t len)
{
	struct iovec v = {(void *)(uintptr_t)at, len};

	return send_pieces(&v, 1);
}

static void want_report(u32 first, u32 last, u8 code)
{
	struct sk_buff *skb = skb_dequeue(&peer_sock->sk->sk_error_queue);

	assert_non_null(skb);
	assert_int_equal(SKB_EXT_ERR(skb)->ee.ee_errno, 0);
	assert_int_equal(SKB_EXT_ERR(skb)->ee.ee_origin, SO_EE_ORIGIN_ZEROCOPY);
	assert_int_equal(SKB_EXT_ERR(skb)->ee.ee_info, first);
	assert_int_equal(SKB_EXT_ERR(skb)->ee.ee_data, last);
	assert_int_equal(SKB_EXT_ERR(skb)->ee.ee_code, code);
	consume_skb(skb);
}

static void want_no_report(void)
{
	assert_true(skb_queue_empty(&peer_sock->sk->sk_error_queue));
}

/* What is sent is the memory itself, which is reported when all of it is acknowledged. */
static void test_memory_is_sent_as_it_lies(void **state)
{
	struct sk_buff *skb;

	connect_with_sg();
	assert_int_equal(send_from(memory + 100, 8000), 8000);
	skb = tcp_rtx_queue_head(peer_sock->sk);
	assert_ptr_equal(skb_shinfo(skb)->frags[0].page, block);
	assert_ptr_equal(skb_frag_address(&skb_shinfo(skb)->frags[0]), memory + 100);
	for (u32 i = 0; i < 8; i++)
		peer_want_text(1 + i * 1000, 1000);
	assert_true(held() > 0);
	want_no_report();
	peer_ack(4001);
	want_no_report();
	peer_ack(8001);
	want_report(0, 0, 0);
	want_no_report();
	assert_int_equal(held(), 0);
	assert_int_equal(atomic_read(&peer_sock->sk->sk_omem_alloc), 0);
}

/* A segment that is lost is sent from the same memory, which is not reported before. */
static void test_lost_segment_keeps_the_memory(void **state)
{
	connect_with_sg();
	assert_int_equal(send_from(memory, 5000), 5000);
	peer_forget();
	peer_sack(1, 1, 1001, 5001);
	peer_want_text(1, 1000);
	assert_true(held() > 0);
	want_no_report();
	peer_ack(5001);
	want_report(0, 0, 0);
	assert_int_equal(held(), 0);
}

/* Sends that wait together end together, and are told of as a range. */
static void test_reports_are_ranges(void **state)
{
	connect_with_sg();
	for (u32 i = 0; i < 5; i++)
		assert_int_equal(send_from(memory + i * 5000, 5000), 5000);
	peer_ack(4001);
	want_no_report();
	for (u32 at = 5001; at <= 25001; at += 1000)
		peer_ack(at);
	want_report(0, 4, 0);
	want_no_report();
	assert_int_equal(send_from(memory, 10), 10);
	peer_ack(25011);
	want_report(5, 5, 0);
}

/* Memory that no reference keeps is copied, and so is all where the device takes no fragments. */
static void test_copies_are_told(void **state)
{
	struct iovec mixed[] = {{memory, 500}, {not_a_page, 500}, {memory + 500, 500}};
	u8 *small = kmalloc(100, GFP_KERNEL);

	connect_with_sg();
	assert_int_equal(send_from(not_a_page, 3000), 3000);
	assert_int_equal(send_from(small, 100), 100);
	kfree(small);
	peer_ack(3101);
	want_report(0, 1, COPIED);
	assert_int_equal(send_pieces(mixed, 3), 1500);
	assert_true(held() > 0);
	peer_ack(4601);
	want_report(2, 2, COPIED);
	assert_int_equal(send_from(memory, 1000), 1000);
	peer_ack(5601);
	want_report(3, 3, 0);
	peer_sock->sk->sk_route_caps &= ~NETIF_F_SG;
	assert_int_equal(send_from(memory, 1000), 1000);
	assert_int_equal(held(), 0);
	peer_ack(6601);
	want_report(4, 4, COPIED);
}

/* Each buffer is a fragment; a packet takes so many, goes with PSH, and the next begins. */
static void test_each_buffer_is_a_fragment(void **state)
{
	struct iovec v[MAX_SKB_FRAGS + 1];
	struct peer_seg s;

	connect_with_sg();
	for (u32 i = 0; i < ARRAY_SIZE(v); i++)
		v[i] = (struct iovec){memory + 2 * i, 1};
	assert_int_equal(send_pieces(v, ARRAY_SIZE(v)), ARRAY_SIZE(v));
	assert_true(peer_next(&s));
	assert_int_equal(s.len, MAX_SKB_FRAGS);
	assert_true(s.flags & TCPHDR_PSH);
	peer_want_text(1 + MAX_SKB_FRAGS, 1);
	peer_ack(2 + MAX_SKB_FRAGS);
	want_report(0, 0, 0);
}

/* Bytes that are copied may follow in the same packet; the report is of the others. */
static void test_copied_bytes_may_follow(void **state)
{
	connect_with_sg();
	peer_tp()->nonagle = TCP_NAGLE_CORK;
	assert_int_equal(send_from(memory, 300), 300);
	peer_app_writes(300);
	assert_int_equal(send_from(memory, 300), 300);
	peer_tp()->nonagle = TCP_NAGLE_OFF;
	peer_app_writes(50);
	peer_want_text(1, 950);
	peer_ack(951);
	want_report(0, 1, 0);
}

/* Who does not read reports can't send without copies for ever. */
static void test_unread_reports_are_bounded(void **state)
{
	u32 at = 1, n = 0;
	ssize_t sent;

	connect_with_sg();
	for (;; n++) { /* in turns, so that no report extends another */
		sent = send_from(n % 2 ? memory : not_a_page, 10);
		if (sent < 0)
			break;
		at += 10;
		peer_ack(at);
		peer_forget();
		assert_true(n < 1000);
	}
	assert_int_equal(sent, -ENOBUFS);
	assert_true(n > 100);
	want_report(0, 0, COPIED);
	want_report(1, 1, 0);
	assert_int_equal(send_from(memory, 10), 10); /* with the number that failed */
	skb_queue_purge_reason(&peer_sock->sk->sk_error_queue, SKB_CONSUMED);
	peer_ack(at + 10);
	want_report(n, n, 0);
}

/* A send that takes nothing has no number. */
static void test_failed_send_has_no_number(void **state)
{
	connect_with_sg();
	peer_sock->ops->shutdown(peer_sock, SHUT_WR);
	peer_forget();
	assert_int_equal(send_from(memory, 10), -EPIPE);
	assert_int_equal(peer_sock->sk->sk_zckey, 0);
	want_no_report();
	assert_int_equal(held(), 0);
	assert_int_equal(atomic_read(&peer_sock->sk->sk_omem_alloc), 0);
}

/* After close() nobody is told, but the memory is held while it may still be sent. */
static void test_close_with_data_in_flight(void **state)
{
	connect_with_sg();
	assert_int_equal(send_from(memory, 3000), 3000);
	sock_release(peer_sock);
	peer_sock = NULL;
	host_run_for(0);
	assert_true(held() > 0);
	peer_forget();
	peer_ack(3001);
	assert_int_equal(held(), 0);
}

/* A reset frees the queues: what was never acknowledged is told of, too. */
static void test_reset_ends_all(void **state)
{
	connect_with_sg();
	assert_int_equal(send_from(memory, 3000), 3000);
	peer_send((struct peer_seg){.flags = TCPHDR_RST, .seq = 1});
	want_report(0, 0, 0);
	assert_int_equal(held(), 0);
}

/* Who receives the packet on this machine gets a copy of its own. */
static void test_receiver_gets_a_copy(void **state)
{
	struct iovec v[] = {{memory, 30000}, {memory + 40000, 100}};
	struct sk_buff *skb, *clone;
	struct iov_iter it;
	struct ubuf *u;
	u8 got[100];

	connect_with_sg();
	u = ubuf_get(peer_sock->sk, 30100, NULL);
	skb = alloc_skb(100, GFP_KERNEL);
	iov_iter_init(&it, v, 2, 30100);
	assert_int_equal(ubuf_append(skb, &it, 65536, u, true), 30000);
	assert_int_equal(ubuf_append(skb, &it, 65536, u, true), 100);
	ubuf_put(u);
	clone = skb_clone(skb, GFP_KERNEL);
	assert_int_equal(skb_orphan_frags(clone), 0);
	assert_null(skb_shinfo(clone)->ubuf);
	assert_ptr_not_equal(skb_shinfo(clone)->frags[0].page, block);
	assert_int_equal(held(), 2);
	memory[40000] ^= 1;
	assert_int_equal(skb_copy_bits(clone, 30000, got, 100), 0);
	assert_int_equal(got[0] ^ 1, memory[40000]);
	assert_memory_equal(got + 1, memory + 40001, 99);
	assert_int_equal(skb_copy_bits(clone, 29900, got, 100), 0);
	assert_memory_equal(got, memory + 29900, 100);
	consume_skb(clone);
	want_no_report();
	consume_skb(skb);
	want_report(0, 0, COPIED);
	assert_int_equal(held(), 0);
}

/* Cut, given another head, and segmented: every part holds the memory, the last one tells. */
static void test_parts_hold_the_memory(void **state)
{
	struct iovec v = {memory, 9000};
	struct sk_buff *skb, *rest, *clone, *copy;
	struct iov_iter it;
	struct ubuf *u;

	connect_with_sg();
	u = ubuf_get(peer_sock->sk, 9000, NULL);
	skb = alloc_skb(100, GFP_KERNEL);
	rest = alloc_skb(100, GFP_KERNEL);
	iov_iter_init(&it, &v, 1, 9000);
	assert_int_equal(ubuf_append(skb, &it, 9000, u, true), 9000);
	ubuf_put(u);
	skb_split(skb, rest, 4000);
	clone = skb_clone(rest, GFP_KERNEL);
	assert_int_equal(pskb_expand_head(clone, 64, 0, GFP_KERNEL), 0);
	copy = pskb_copy(skb, 64, GFP_KERNEL);
	consume_skb(skb);
	consume_skb(rest);
	consume_skb(clone);
	want_no_report();
	assert_int_equal(held(), 1);
	consume_skb(copy);
	want_report(0, 0, 0);
	assert_int_equal(held(), 0);
}

static ssize_t send_datagram(struct socket *sock, const void *at, size_t len)
{
	struct iovec v = {(void *)(uintptr_t)at, len};
	struct msghdr m = {0};
	struct iov_iter it;
	ssize_t n;

	iov_iter_init(&it, &v, 1, len);
	n = sock->ops->sendmsg(sock, &m, &it, MSG_DONTWAIT | MSG_ZEROCOPY);
	host_run_for(0);
	return n;
}

/* A datagram that leaves whole is sent as it lies; one that is cut to fragments is copied. */
static void test_datagrams(void **state)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = be16_make(7).wire};
	struct socket *tcp, *udp;

	to.sin_addr.s_addr = be32_make(tap_ip("10.0.0.9")).wire;
	connect_with_sg();
	assert_int_equal(sock_create_kern(&peer_net, AF_INET, SOCK_DGRAM, 0, &udp), 0);
	assert_int_equal(udp->ops->connect(udp, (const void *)&to, sizeof(to), 0), 0);
	sock_set_flag(udp->sk, SOCK_ZEROCOPY);
	tcp = peer_sock;
	peer_sock = udp;
	assert_int_equal(send_datagram(udp, memory, 1000), 1000);
	want_report(0, 0, 0);
	assert_int_equal(send_datagram(udp, memory, 4000), 4000);
	want_report(1, 1, COPIED);
	assert_int_equal(send_datagram(udp, not_a_page, 1000), 1000);
	want_report(2, 2, COPIED);
	assert_int_equal(held(), 0);
	peer_sock = tcp;
	sock_release(udp);
}

#define ZEROCOPY_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ZEROCOPY_TEST(test_memory_is_sent_as_it_lies),
		ZEROCOPY_TEST(test_lost_segment_keeps_the_memory),
		ZEROCOPY_TEST(test_reports_are_ranges),
		ZEROCOPY_TEST(test_copies_are_told),
		ZEROCOPY_TEST(test_each_buffer_is_a_fragment),
		ZEROCOPY_TEST(test_copied_bytes_may_follow),
		ZEROCOPY_TEST(test_unread_reports_are_bounded),
		ZEROCOPY_TEST(test_failed_send_has_no_number),
		ZEROCOPY_TEST(test_close_with_data_in_flight),
		ZEROCOPY_TEST(test_reset_ends_all),
		ZEROCOPY_TEST(test_receiver_gets_a_copy),
		ZEROCOPY_TEST(test_parts_hold_the_memory),
		ZEROCOPY_TEST(test_datagrams),
	};

	host_init(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
