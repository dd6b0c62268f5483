/* SPDX-License-Identifier: MIT */
/*
 * Listeners of several threads on one port (SO_REUSEPORT): each has its own accept queue, and what
 * comes to a CPU goes to that CPU's thread, where packets come to several; else the flow's hash
 * spreads it. And several threads in accept() on one listener.
 */
#include "../../include/libc/netinet/tcp.h"

#include <fcntl.h>
#include <kernel/thread.h>
#include <lib/err.h>
#include <net/ip.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../net/tcp/tcp_int.h"
#include "host/host.h"
#include "host/netdev.h"
#include "net_tap.h"

#define CPUS 2u
#define SYNS 60u

static struct net net;
static struct net_device *dev;
static struct socket *listener[CPUS];

static int open_listener(void *arg)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = be16_make(80).wire};
	struct socket **s = arg;

	assert_int_equal(sock_create_kern(&net, AF_INET, SOCK_STREAM, 0, s), 0);
	(*s)->sk->sk_reuseport = 1;
	assert_int_equal((*s)->ops->bind(*s, (const void *)&any, sizeof(any)), 0);
	assert_int_equal((*s)->ops->listen(*s, 1000), 0);
	return 0;
}

static void start(unsigned queues)
{
	assert_int_equal(net_init(&net, "reuseport"), 0);
	dev = fakedev_create(&net, &(struct fakedev_config){.queues = queues});
	rtnl_lock();
	assert_int_equal(dev_open(dev), 0);
	assert_int_equal(
		inet_addr_add(dev, be32_make(tap_ip("10.0.0.1")), 24, (be32){0}, RT_SCOPE_UNIVERSE),
		0);
	rtnl_unlock();
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		struct thread *t =
			thread_create("listen", open_listener, &listener[cpu], cpu, PRIO_NORMAL);

		assert_non_null(t);
		thread_join(t);
		thread_put(t);
	}
}

static void stop(void)
{
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		sock_release(listener[cpu]);
	host_run_for(100 * NSEC_PER_SEC);
	fakedev_destroy(dev);
	net_exit(&net);
	host_check();
}

/* A SYN from that port comes to a queue. */
static void syn(unsigned queue, u16 port)
{
	struct tap to = {.dev = dev};
	u8 seg[20] = {0}, frame[100], pseudo[12] = {0};
	u32 me = tap_ip("10.0.0.9"), you = tap_ip("10.0.0.1");
	struct host_frame *f;
	u32 len;

	put_be16(seg, port);
	put_be16(seg + 2, 80);
	seg[12] = 0x50;
	seg[13] = TCPHDR_SYN;
	put_be32(pseudo, me);
	put_be32(pseudo + 4, you);
	pseudo[9] = 6;
	put_be16(pseudo + 10, sizeof(seg));
	put_be16(seg + 16, tap_csum(seg, sizeof(seg), (u16)~tap_csum(pseudo, 12, 0)));
	len = tap_make_ip(frame, &to, 9, me, you, 6, 1, 0, seg, sizeof(seg));
	f = host_frame_make(frame, len);
	assert_true(fakedev_rx_frame(dev, queue, f));
	host_run_for(0);
	fakedev_tx_discard(dev);
}

static u32 half_open(unsigned cpu)
{
	return (u32)atomic_read(&tcp_sk(listener[cpu]->sk)->accept_queue.qlen);
}

/* With a queue a CPU, each CPU's listener gets what came to that CPU. */
static void test_steered_to_the_cpu(void **state)
{
	(void)state;
	start(CPUS);
	for (u16 i = 0; i < SYNS; i++)
		syn(0, (u16)(1000 + i));
	assert_int_equal(half_open(0), SYNS);
	assert_int_equal(half_open(1), 0);
	for (u16 i = 0; i < SYNS; i++)
		syn(1, (u16)(2000 + i));
	assert_int_equal(half_open(0), SYNS);
	assert_int_equal(half_open(1), SYNS);
	stop();
}

/* With one queue all comes to one CPU, and the other would be idle: the hash spreads it. */
static void test_spread_by_hash(void **state)
{
	(void)state;
	start(1);
	for (u16 i = 0; i < SYNS; i++)
		syn(0, (u16)(1000 + i));
	assert_int_equal(half_open(0) + half_open(1), SYNS);
	assert_true(half_open(0) > SYNS / 5 && half_open(1) > SYNS / 5);
	stop();
}

/* A CPU whose thread does not listen has its SYNs spread over those that do. */
static void test_no_listener_on_that_cpu(void **state)
{
	(void)state;
	start(CPUS);
	tcp_sk(listener[1]->sk)->accept_queue.cpu = 0;
	for (u16 i = 0; i < SYNS; i++)
		syn(1, (u16)(1000 + i));
	assert_int_equal(half_open(0) + half_open(1), SYNS);
	assert_true(half_open(0) > SYNS / 5 && half_open(1) > SYNS / 5);
	stop();
}

/* SO_INCOMING_CPU is stronger: whoever asks for a CPU has all of it. */
static void test_incoming_cpu(void **state)
{
	(void)state;
	start(CPUS);
	listener[0]->sk->sk_incoming_cpu = 1;
	for (u16 i = 0; i < SYNS; i++)
		syn(1, (u16)(1000 + i));
	assert_int_equal(half_open(0), SYNS);
	stop();
}

static int accepted, ended;

static int accepter(void *arg)
{
	struct sock *sk = tcp_prot.accept(arg, 0);

	(void)arg;
	if (IS_ERR(sk))
		ended++;
	else
		accepted++;
	return 0;
}

/* Two threads wait in accept(): a listener that ends wakes both, though a connection wakes one. */
static void test_end_wakes_all_accepters(void **state)
{
	struct thread *t[2];

	(void)state;
	accepted = ended = 0;
	start(1);
	for (unsigned i = 0; i < 2; i++)
		t[i] = thread_create("accept", accepter, listener[0]->sk, i, PRIO_NORMAL);
	host_run_for(NSEC_PER_MSEC);
	listener[0]->sk->sk_data_ready(listener[0]->sk); /* in vain */
	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(accepted + ended, 0);
	lock_sock(listener[0]->sk);
	tcp_disconnect(listener[0]->sk, 0);
	release_sock(listener[0]->sk);
	for (unsigned i = 0; i < 2; i++) {
		thread_join(t[i]);
		thread_put(t[i]);
	}
	assert_int_equal(ended, 2);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steered_to_the_cpu),
		cmocka_unit_test(test_spread_by_hash),
		cmocka_unit_test(test_no_listener_on_that_cpu),
		cmocka_unit_test(test_incoming_cpu),
		cmocka_unit_test(test_end_wakes_all_accepters),
	};

	host_init_config(&(struct host_config){.seed = 3, .cpus = CPUS});
	return cmocka_run_group_tests(tests, NULL, NULL);
}
