/* SPDX-License-Identifier: MIT */
/*
 * packetdrill's module as packetdrill sees it: the shared object, loaded and driven through its
 * table alone. Packets go in and out as raw IP with the time at which they left; time moves only
 * by usleep(), by readings of the clock and by waiting for a packet; a call that blocks does so in
 * a second thread, and its end has the time at which it came to be; descriptors are real ones.
 */
#include "host/packetdrill/interface.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LOCAL  "192.168.0.1"
#define REMOTE "192.0.2.1"
#define S      0x02
#define F      0x01
#define R      0x04
#define PSH    0x08
#define A      0x10

static struct packetdrill_table t;
static uint16_t port = 8000; /* each test has its own */

struct packet {
	struct iphdr ip;
	struct tcphdr tcp;
	uint8_t rest[65536 - 40];
} __attribute__((packed));
static struct packet in, out;
static size_t out_len;
static long long out_us;

/* --- packets ---------------------------------------------------------------------------------- */

static uint32_t sum16(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static uint16_t tcp_sum(const struct packet *p, size_t tcp_len)
{
	uint32_t sum = sum16(&p->ip.saddr, 8, IPPROTO_TCP + (uint32_t)tcp_len);

	return fold(sum16(&p->tcp, tcp_len, sum));
}

static void send_segment(uint8_t flags, uint32_t seq, uint32_t ack, size_t payload)
{
	size_t tcp_len = sizeof(in.tcp) + payload;

	memset(&in, 0, sizeof(in.ip) + tcp_len);
	in.ip = (struct iphdr){.version = 4,
			       .ihl = 5,
			       .tot_len = htons((uint16_t)(20 + tcp_len)),
			       .ttl = 64,
			       .protocol = IPPROTO_TCP,
			       .saddr = inet_addr(REMOTE),
			       .daddr = inet_addr(LOCAL)};
	in.ip.check = fold(sum16(&in.ip, 20, 0));
	in.tcp.source = htons(5000);
	in.tcp.dest = htons(port);
	in.tcp.seq = htonl(seq);
	in.tcp.ack_seq = htonl(ack);
	in.tcp.doff = 5;
	in.tcp.window = htons(32000);
	((uint8_t *)&in.tcp)[13] = flags;
	in.tcp.check = tcp_sum(&in, tcp_len);
	assert_int_equal(t.netdev_send(t.user, &in, 20 + tcp_len), 0);
}

/* The next packet, which must have these flags; its payload. */
static size_t expect_segment(uint8_t flags)
{
	out_len = sizeof(out);
	assert_int_equal(t.netdev_receive(t.user, &out, &out_len, &out_us), 0);
	assert_true(out_len >= 40);
	assert_int_equal(out_len, ntohs(out.ip.tot_len));
	assert_int_equal(out.ip.protocol, IPPROTO_TCP);
	assert_int_equal(((uint8_t *)&out.tcp)[13] & 0x3f, flags);
	assert_int_equal(fold(sum16(&out.ip, 20, 0)), 0);
	assert_int_equal(tcp_sum(&out, out_len - 20), 0);
	return out_len - 20 - out.tcp.doff * 4u;
}

static long long now_us(void)
{
	struct timeval tv;

	assert_int_equal(t.gettimeofday(t.user, &tv, NULL), 0);
	return (long long)tv.tv_sec * 1000000 + tv.tv_usec;
}

/* --- connections ------------------------------------------------------------------------------ */

static int listening(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_port = htons(++port),
				  .sin_addr.s_addr = inet_addr(LOCAL)};
	int fd = t.socket(t.user, AF_INET, SOCK_STREAM, IPPROTO_TCP);

	assert_true(fd >= 0);
	assert_int_equal(t.bind(t.user, fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(t.listen(t.user, fd, 5), 0);
	return fd;
}

/* A connection made by the peer; 1 is the next number of each side but for *iss. */
static int connected(int listener, uint32_t *iss)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int fd;

	send_segment(S, 0, 0, 0);
	assert_int_equal(expect_segment(S | A), 0);
	*iss = ntohl(out.tcp.seq);
	send_segment(A, 1, *iss + 1, 0);
	fd = t.accept(t.user, listener, (struct sockaddr *)&sin, &len);
	assert_true(fd >= 0);
	assert_int_equal(sin.sin_addr.s_addr, inet_addr(REMOTE));
	assert_int_equal(sin.sin_port, htons(5000));
	return fd;
}

/* Ends without TIME-WAIT: the peer resets. */
static void end(int fd, int listener)
{
	send_segment(R, ntohl(out.tcp.ack_seq), 0, 0);
	assert_int_equal(t.close(t.user, fd), 0);
	assert_int_equal(t.close(t.user, listener), 0);
}

/* The clock stands still but for a microsecond a reading, and moves as told. */
static void test_clock(void **state)
{
	long long start = now_us();

	(void)state;
	assert_int_equal(now_us(), start + 1);
	assert_int_equal(t.usleep(t.user, 250000), 0);
	assert_int_equal(now_us(), start + 250002);
}

/* Echo over a connection: each answer leaves at the time of what it answers. */
static void test_connection(void **state)
{
	int listener = listening();
	uint32_t iss;
	int fd = connected(listener, &iss);
	char buf[200];

	(void)state;
	send_segment(A | PSH, 1, iss + 1, 100);
	assert_int_equal(t.read(t.user, fd, buf, sizeof(buf)), 100);
	expect_segment(A);
	assert_int_equal(ntohl(out.tcp.ack_seq), 101);
	assert_int_equal(t.write(t.user, fd, buf, 60), 60);
	assert_int_equal(expect_segment(A | PSH), 60);
	assert_true(now_us() - out_us <= 2);
	send_segment(A, 101, iss + 61, 0);
	end(fd, listener);
}

/* What nobody acknowledges comes again when its timer says so, without anybody sleeping. */
static void test_waiting_moves_time(void **state)
{
	int listener = listening();
	long long first;

	(void)state;
	send_segment(S, 0, 0, 0);
	expect_segment(S | A);
	first = out_us;
	expect_segment(S | A);
	assert_in_range(out_us - first, 990000, 1100000);
	assert_true(now_us() >= out_us);
	send_segment(R, 1, 0, 0);
	assert_int_equal(t.close(t.user, listener), 0);
}

/* Where nothing will ever leave, that is said instead of waiting. */
static void test_nothing_comes(void **state)
{
	(void)state;
	out_len = sizeof(out);
	assert_int_equal(t.netdev_receive(t.user, &out, &out_len, &out_us), 0);
	assert_int_equal(out_len, 0);
}

struct reader {
	int fd;
	ssize_t result;
	long long end_us;
};

static void *read_blocking(void *arg)
{
	struct reader *r = arg;
	char buf[100];

	r->result = t.read(t.user, r->fd, buf, sizeof(buf));
	r->end_us = now_us();
	return NULL;
}

/* A read in the second thread sleeps until the first injects data, and returns at that time,
 * however far the first has gone on. */
static void test_blocking_call(void **state)
{
	int listener = listening();
	uint32_t iss;
	struct reader r = {.fd = connected(listener, &iss)};
	pthread_t thread;
	long long sent;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, read_blocking, &r), 0);
	usleep(20000); /* real: lets it begin; the result is the same if it does later */
	t.usleep(t.user, 100000);
	sent = now_us();
	send_segment(A | PSH, 1, iss + 1, 10);
	t.usleep(t.user, 500000);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(r.result, 10);
	assert_in_range(r.end_us - sent, 0, 600000);
	expect_segment(A);
	end(r.fd, listener);
}

/* Descriptors are the host's, so that closing them past the table closes something; poll and epoll
 * take them and give them back. */
static void test_descriptors(void **state)
{
	int listener = listening();
	int ep = t.epoll_create(t.user, 1);
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = listener}, got;
	struct pollfd p = {.fd = listener, .events = POLLIN};
	uint32_t iss;
	int fd;

	(void)state;
	assert_true(fcntl(listener, F_GETFD) >= 0);
	assert_true(fcntl(ep, F_GETFD) >= 0);
	assert_int_equal(t.poll(t.user, &p, 1, 0), 0);
	assert_int_equal(t.epoll_ctl(t.user, ep, EPOLL_CTL_ADD, listener, &ev), 0);
	send_segment(S, 0, 0, 0);
	expect_segment(S | A);
	iss = ntohl(out.tcp.seq);
	send_segment(A, 1, iss + 1, 0);
	assert_int_equal(t.poll(t.user, &p, 1, 0), 1);
	assert_int_equal(p.fd, listener);
	assert_int_equal(t.epoll_wait(t.user, ep, &got, 1, 0), 1);
	assert_int_equal(got.data.fd, listener);
	fd = t.accept(t.user, listener, NULL, NULL);
	assert_true(fd >= 0 && fd != listener);
	assert_int_equal(t.close(t.user, ep), 0);
	end(fd, listener);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(t.read(t.user, fd, &iss, 1), -1);
	assert_int_equal(errno, EBADF);
}

/* splice() moves what a socket has into a pipe, and a pipe's bytes to a socket. */
static void test_splice(void **state)
{
	int listener = listening();
	uint32_t iss;
	int fd = connected(listener, &iss), p[2];
	char buf[100];

	(void)state;
	assert_int_equal(t.pipe(t.user, p), 0);
	send_segment(A | PSH, 1, iss + 1, 70);
	assert_int_equal(t.splice(t.user, fd, NULL, p[1], NULL, 100, 0), 70);
	assert_int_equal(t.read(t.user, p[0], buf, sizeof(buf)), 70);
	assert_int_equal(t.write(t.user, p[1], buf, 30), 30);
	assert_int_equal(t.splice(t.user, p[0], NULL, fd, NULL, 30, 0), 30);
	expect_segment(A);
	assert_int_equal(expect_segment(A | PSH), 30);
	assert_int_equal(ntohl(out.tcp.ack_seq), 71);
	t.close(t.user, p[0]);
	t.close(t.user, p[1]);
	end(fd, listener);
}

/* What lives in the object is in use to the end. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}

static int load(void **state)
{
	void (*init)(const char *flags, struct packetdrill_table *table);
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	char *slash;
	void *so;

	(void)state;
	if (n < 0)
		return -1;
	path[n] = '\0';
	slash = strrchr(path, '/'); /* build/unit/ */
	strcpy(slash, "/../libsluice-packetdrill.so");
	so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!so) {
		fprintf(stderr, "%s\n", dlerror());
		return -1;
	}
	*(void **)&init = dlsym(so, "packetdrill_interface_init");
	if (!init)
		return -1;
	init(NULL, &t);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_connection),
		cmocka_unit_test(test_waiting_moves_time),
		cmocka_unit_test(test_nothing_comes),
		cmocka_unit_test(test_blocking_call),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_splice),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
