/* SPDX-License-Identifier: MIT */
/*
 * Early demux: packets of a connection pass by what it knows of their route, and what it knows ends
 * with any change that could matter. The receiving stack filters by reverse path, so that nothing
 * else remembers who passed.
 */
#include <errno.h>
#include <fcntl.h>
#include <kernel/syscalls.h>
#include <net/netns_ipv4.h>
#include <net/sock.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "net_tap.h"

#define ROUNDS 20u

static struct net net_a, net_b;
static struct tap *a, *b;
static int fd_a, fd_b, listener; /* the two ends */

static int setup(void **state)
{
	assert_int_equal(net_init(&net_a, "a"), 0);
	assert_int_equal(net_init(&net_b, "b"), 0);
	net_a.ipv4->rp_filter = 1;
	a = tap_new(&net_a, 1, "10.0.0.1", 24);
	b = tap_new(&net_b, 2, "10.0.0.2", 24);
	tap_wire(a, b);
	fd_a = fd_b = listener = -1;
	return 0;
}

static void close_all(void)
{
	sys_close(fd_a);
	sys_close(fd_b);
	if (listener >= 0)
		sys_close(listener);
	listener = -1;
	host_run_for(200 * NSEC_PER_SEC);
}

static int teardown(void **state)
{
	close_all();
	set_current_net(&init_net);
	tap_free(a);
	tap_free(b);
	net_exit(&net_a);
	net_exit(&net_b);
	host_check(); /* no socket and no packet is left */
	return 0;
}

static struct sockaddr_in addr_of(const char *ip, u16 port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = be16_make(port).wire,
				    .sin_addr.s_addr = be32_make(tap_ip(ip)).wire};
}

static int new_socket(struct net *net, int type, const char *ip, u16 port)
{
	struct sockaddr_in sin = addr_of(ip, port);
	int fd;

	set_current_net(net);
	fd = sys_socket(AF_INET, type | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(sys_bind(fd, (void *)&sin, sizeof(sin)), 0);
	return fd;
}

static void connect_to(int fd, const char *ip, u16 port)
{
	struct sockaddr_in sin = addr_of(ip, port);
	int err = sys_connect(fd, (void *)&sin, sizeof(sin));

	assert_true(err == 0 || err == -EINPROGRESS);
	host_run_for(50 * NSEC_PER_MSEC);
}

static void open_tcp(void)
{
	listener = new_socket(&net_a, SOCK_STREAM, "10.0.0.1", 80);
	assert_int_equal(sys_listen(listener, 4), 0);
	fd_b = new_socket(&net_b, SOCK_STREAM, "10.0.0.2", 2000);
	connect_to(fd_b, "10.0.0.1", 80);
	fd_a = sys_accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(fd_a >= 0);
}

static void open_udp(bool connected)
{
	fd_a = new_socket(&net_a, SOCK_DGRAM, connected ? "10.0.0.1" : "0.0.0.0", 80);
	fd_b = new_socket(&net_b, SOCK_DGRAM, "10.0.0.2", 2000);
	connect_to(fd_b, "10.0.0.1", 80);
	if (connected)
		connect_to(fd_a, "10.0.0.2", 2000);
}

static u64 rt_stat(unsigned what)
{
	u64 sum = 0;

	for_each_cpu(cpu)
		sum += net_a.mib[cpu]->rt[what];
	return sum;
}

/* b says something, which a hears, so often; how many of those were looked up in the tables. */
static u64 talk(void)
{
	u64 before = rt_stat(RT_MIB_IN_SLOW_TOT);
	char got[8];

	for (unsigned i = 0; i < ROUNDS; i++) {
		assert_int_equal(sys_sendto(fd_b, "hello", 5, 0, NULL, 0), 5);
		host_run_for(100 * NSEC_PER_MSEC);
		assert_int_equal(sys_recvfrom(fd_a, got, sizeof(got), 0, NULL, NULL), 5);
		assert_memory_equal(got, "hello", 5);
	}
	return rt_stat(RT_MIB_IN_SLOW_TOT) - before;
}

/* A connection's packets are looked up once; without early demux of their kind each is. */
static void switched_off(void (*open)(void), int *own)
{
	int *const all = &net_a.ipv4->ip_early_demux;

	open();
	assert_in_range(talk(), 0, 2);
	assert_int_equal(talk(), 0);
	*own = 0;
	assert_true(talk() >= ROUNDS);
	*own = 1;
	assert_int_equal(talk(), 0);
	*all = 0;
	assert_true(talk() >= ROUNDS);
}

static void open_connected_udp(void)
{
	open_udp(true);
}

static void tcp_route_is_known(void **state)
{
	switched_off(open_tcp, &net_a.ipv4->tcp_early_demux);
}

static void udp_route_is_known(void **state)
{
	switched_off(open_connected_udp, &net_a.ipv4->udp_early_demux);
}

/* A socket without a peer says nothing about who may send. */
static void unconnected_udp_is_looked_up(void **state)
{
	open_udp(false);
	assert_true(talk() >= ROUNDS);
}

/* What comes in by another device than before is looked at: the filter refuses it. */
static void other_device_is_filtered(void **state)
{
	struct tap *c = tap_new(&net_a, 3, "10.1.0.1", 24);
	u64 before = skb_drop_count(SKB_DROP_REASON_IP_RPFILTER);
	u8 udp[13] = {2000 >> 8, 2000 & 255, 0, 80, 0, 13, 0, 0, 'h', 'e', 'l', 'l', 'o'},
	   frame[64];
	char got[8];
	u32 len;

	open_udp(true);
	assert_in_range(talk(), 0, 2);
	len = tap_make_ip(frame, c, 2, tap_ip("10.0.0.2"), tap_ip("10.0.0.1"), 17, 1, 0, udp,
			  sizeof(udp));
	tap_inject(c, frame, len);
	assert_int_equal(skb_drop_count(SKB_DROP_REASON_IP_RPFILTER), before + 1);
	assert_int_equal(sys_recvfrom(fd_a, got, sizeof(got), 0, NULL, NULL), -EAGAIN);
	assert_int_equal(talk(), 0);
	tap_free(c);
}

/* The peer's address becomes one of ours: its packets are martians at once. */
static void addresses_that_change(void **state)
{
	u64 before = skb_drop_count(SKB_DROP_REASON_IP_SADDR_INVALID);
	struct tap *c;
	char got[8];

	open_udp(true);
	assert_in_range(talk(), 0, 2);
	c = tap_new(&net_a, 3, "10.0.0.2", 32);
	assert_int_equal(sys_sendto(fd_b, "hello", 5, 0, NULL, 0), 5);
	host_run_for(100 * NSEC_PER_MSEC);
	assert_true(skb_drop_count(SKB_DROP_REASON_IP_SADDR_INVALID) > before);
	assert_int_equal(sys_recvfrom(fd_a, got, sizeof(got), 0, NULL, NULL), -EAGAIN);
	tap_free(c);
	assert_in_range(talk(), 1, 2);
	assert_int_equal(talk(), 0);
}

/* What a socket knows is of a pair of addresses, whatever ports it connected to. */
static void another_peer(void **state)
{
	open_udp(true);
	assert_in_range(talk(), 0, 2);
	connect_to(fd_a, "10.0.0.2", 2001);
	connect_to(fd_a, "10.0.0.2", 2000);
	assert_int_equal(talk(), 0); /* the same pair of addresses */
}

/* A packet that is dropped between the two leaves no reference behind. */
static void dropped_between(void **state)
{
	u8 udp[13] = {2000 >> 8, 2000 & 255, 0, 80, 0, 13, 0, 0, 'h', 'e', 'l', 'l', 'o'},
	   frame[64];
	u32 len;

	open_udp(true);
	assert_in_range(talk(), 0, 2);
	len = tap_make_ip(frame, a, 2, tap_ip("10.0.0.2"), tap_ip("10.0.0.1"), 17, 1, 0, udp,
			  sizeof(udp));
	frame[14 + 20 + 7] = 1; /* a wrong checksum */
	for (unsigned i = 0; i < ROUNDS; i++)
		tap_inject(a, frame, len);
	assert_int_equal(talk(), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(tcp_route_is_known),
		T(udp_route_is_known),
		T(unconnected_udp_is_looked_up),
		T(other_device_is_filtered),
		T(addresses_that_change),
		T(another_peer),
		T(dropped_between),
	};

	host_init(2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
