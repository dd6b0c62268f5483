/* SPDX-License-Identifier: MIT */
/*
 * The socket calls themselves: what accept() does when something is short, options read as they
 * were set, refusals.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <kernel/syscalls.h>
#include <net/inet_sock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "net_tap.h"

#define PORT 4000

static struct net net;
static struct tap *tap;

static int setup(void **state)
{
	assert_int_equal(net_init(&net, "s"), 0);
	tap = tap_new(&net, 1, "10.0.0.1", 24);
	set_current_net(&net);
	return 0;
}

static int teardown(void **state)
{
	host_run_for(NSEC_PER_SEC * 120);
	set_current_net(&init_net);
	tap_free(tap);
	net_exit(&net);
	host_check();
	return 0;
}

static int get(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	assert_int_equal(sys_getsockopt(fd, level, name, &v, &len), 0);
	return v;
}

static int set(int fd, int level, int name, int v)
{
	return sys_setsockopt(fd, level, name, &v, sizeof(v));
}

/* EMFILE costs no connection: it waits on until a descriptor is free. */
static void test_accept_without_a_descriptor(void **state)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_port = htons(PORT),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = sys_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), fd;
	int client = sys_socket(AF_INET, SOCK_STREAM, 0), last = client;

	assert_int_equal(sys_bind(listener, (void *)&sin, sizeof(sin)), 0);
	assert_int_equal(sys_listen(listener, 4), 0);
	assert_int_equal(sys_accept4(listener, NULL, NULL, 0), -EAGAIN);
	assert_int_equal(sys_connect(client, (void *)&sin, sizeof(sin)), 0);
	while ((fd = sys_dup(client)) >= 0)
		last = fd;
	assert_int_equal(fd, -EMFILE);
	assert_int_equal(sys_accept4(listener, NULL, NULL, 0), -EMFILE);
	assert_int_equal(sys_close(last), 0);
	assert_int_equal(sys_accept4(listener, NULL, NULL, 0), last);
	assert_int_equal(sys_sendto(client, "x", 1, 0, NULL, 0), 1);
	for (fd = client + 1; fd < last; fd++)
		assert_int_equal(sys_close(fd), 0);
	assert_int_equal(sys_close(client), 0);
	assert_int_equal(sys_close(last), 0);
	assert_int_equal(sys_close(listener), 0);
}

/* What is no connection takes no number. */
static void test_accept_gives_the_number_back(void **state)
{
	int fd = sys_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	unsigned open = fd_count();
	int next;

	assert_int_equal(sys_accept4(fd, NULL, NULL, 0), -EINVAL);
	assert_int_equal(fd_count(), open);
	next = sys_socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(next, fd + 1);
	assert_int_equal(sys_accept4(next, NULL, NULL, 0), -EOPNOTSUPP);
	sys_close(next);
	sys_close(fd);
}

/* A switch reads as 1 or 0; numbers as they were set. */
static void test_options_read_as_set(void **state)
{
	static const int switches[] = {SO_REUSEADDR, SO_REUSEPORT, SO_KEEPALIVE, SO_BROADCAST,
				       SO_OOBINLINE, SO_TIMESTAMP, SO_ZEROCOPY};
	static const int numbers[] = {SO_PRIORITY, SO_MARK, SO_RCVLOWAT, SO_BUSY_POLL};
	static const int ip_switches[] = {IP_PKTINFO,
					  IP_RECVTTL,
					  IP_RECVTOS,
					  IP_RECVORIGDSTADDR,
					  IP_FREEBIND,
					  IP_TRANSPARENT,
					  IP_BIND_ADDRESS_NO_PORT,
					  IP_MULTICAST_LOOP,
					  IP_MULTICAST_ALL};
	int fd = sys_socket(AF_INET, SOCK_STREAM, 0);

	for (unsigned i = 0; i < ARRAY_SIZE(switches); i++) {
		assert_int_equal(set(fd, SOL_SOCKET, switches[i], 1), 0);
		assert_int_equal(get(fd, SOL_SOCKET, switches[i]), 1);
		assert_int_equal(set(fd, SOL_SOCKET, switches[i], 0), 0);
		assert_int_equal(get(fd, SOL_SOCKET, switches[i]), 0);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
		assert_int_equal(set(fd, SOL_SOCKET, numbers[i], 5 + (int)i), 0);
		assert_int_equal(get(fd, SOL_SOCKET, numbers[i]), 5 + (int)i);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(ip_switches); i++) {
		assert_int_equal(set(fd, SOL_IP, ip_switches[i], 7), 0);
		assert_int_equal(get(fd, SOL_IP, ip_switches[i]), 1);
		assert_int_equal(set(fd, SOL_IP, ip_switches[i], 0), 0);
		assert_int_equal(get(fd, SOL_IP, ip_switches[i]), 0);
	}
	assert_int_equal(set(fd, SOL_SOCKET, SO_ZEROCOPY, 2), -EINVAL);
	assert_int_equal(set(fd, SOL_SOCKET, 4711, 1), -ENOPROTOOPT);
	assert_int_equal(set(fd, SOL_IP, 4711, 1), -ENOPROTOOPT);
	assert_int_equal(get(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	assert_int_equal(get(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	sys_close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_accept_without_a_descriptor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_accept_gives_the_number_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_options_read_as_set, setup, teardown),
	};

	host_init(3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
