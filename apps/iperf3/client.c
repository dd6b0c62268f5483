/* SPDX-License-Identifier: MIT */
/*
 * The client: it decides what is tested and when it ends; the server leads from state to state.
 */
#include "iperf_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/net.h"
#include "../lib/num.h"
#include "../lib/term.h"

/* The greeting of a datagram stream and its answer, in the sender's byte order. */
#define UDP_GREETING     0x36373839u
#define UDP_ANSWER       0x39383736u
#define UDP_GREETING_OLD 123456789u
#define UDP_ANSWER_OLD   987654321u

static void make_cookie(struct iperf_test *t)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

	getrandom(t->cookie, COOKIE_SIZE - 1, 0);
	for (unsigned i = 0; i < COOKIE_SIZE - 1; i++)
		t->cookie[i] = letters[(unsigned char)t->cookie[i] % 32];
	t->cookie[COOKIE_SIZE - 1] = '\0';
}

/* ---- streams
 * -------------------------------------------------------------------------------------- */

static int connect_tcp(struct iperf_test *t)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), err = 0;
	socklen_t len = sizeof(err);

	if (fd < 0)
		return -1;
	if (iperf_set_options(t, fd))
		goto fail;
	if (connect(fd, (struct sockaddr *)&t->address, sizeof(t->address))) {
		if (errno != EINPROGRESS)
			goto fail;
		if (net_wait(fd, POLLOUT, CONTROL_MS) <= 0)
			goto fail;
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
		errno = err;
		if (err)
			goto fail;
	}
	if (!net_send_all(fd, t->cookie, COOKIE_SIZE, CONTROL_MS))
		return fd;
fail:
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

static bool greet(int fd)
{
	uint32_t word = UDP_GREETING;

	if (send(fd, &word, sizeof(word), 0) != sizeof(word))
		return false;
	if (net_wait(fd, POLLIN, CONTROL_MS) <= 0) {
		errno = ETIMEDOUT;
		return false;
	}
	if (recv(fd, &word, sizeof(word), MSG_DONTWAIT) != sizeof(word))
		return false;
	errno = EPROTO;
	return word == UDP_ANSWER || word == UDP_ANSWER_OLD;
}

static int connect_udp(struct iperf_test *t)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), err;

	if (fd < 0)
		return -1;
	if (!iperf_set_options(t, fd) &&
	    !connect(fd, (struct sockaddr *)&t->address, sizeof(t->address)) && greet(fd))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

static int create_streams(struct iperf_test *t)
{
	int n = iperf_alloc_streams(t);

	for (int i = 0; i < n; i++) {
		bool sender = t->set.bidir ? i < (int)t->set.parallel : !t->set.reverse;
		int fd = t->set.udp ? connect_udp(t) : connect_tcp(t);

		if (fd < 0)
			return -1;
		if (!iperf_add_stream(t, fd, sender)) {
			close(fd);
			return -1;
		}
	}
	return n < 0 ? -1 : 0;
}

/* ---- the measurement
 * --------------------------------------------------------------------------------
 */

static bool is_over(const struct iperf_test *t, uint64_t now)
{
	if (t->omitting)
		return false;
	if (t->set.bytes || t->set.blocks)
		return (t->set.bytes && iperf_total_bytes(t) >= t->set.bytes) ||
		       (t->set.blocks && iperf_total_blocks(t) >= t->set.blocks);
	return now - t->begin_us >= t->set.time_s * 1000000ull;
}

static int lost_stream(const struct iperf_test *t)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->stream[i].failed)
			return 1;
	return 0;
}

/* The server speaks up during a test only to end it. */
static int server_speaks(struct iperf_test *t)
{
	enum iperf_state s;

	if (net_wait(t->control, POLLIN, 0) != 1)
		return 0;
	if (iperf_recv_state(t, &s, 0))
		return -1;
	errno = s == SERVER_TERMINATE ? ECONNABORTED : EPROTO;
	return -1;
}

static int measure(struct iperf_test *t)
{
	uint64_t now = t->begin_us;
	unsigned rounds = 0;

	while (!is_over(t, now)) {
		iperf_round(t, now);
		now = now_us();
		if (t->omitting && now - t->begin_us >= t->set.omit_s * 1000000ull)
			iperf_end_omit(t, now);
		iperf_report_interval(t, now, false);
		if (interrupted()) {
			iperf_send_state(t, CLIENT_TERMINATE);
			errno = EINTR;
			return -1;
		}
		if (!(++rounds & 63) && server_speaks(t))
			return -1;
		if (lost_stream(t))
			return server_speaks(t) ? -1 : (errno = ECONNRESET, -1);
	}
	iperf_report_interval(t, now, true);
	iperf_finish(t); /* the streams stay open: a server that still sends must not fail */
	return iperf_send_state(t, TEST_END);
}

/* ---- from state to state
 * ----------------------------------------------------------------------------
 */

/* 1: the test is over; 0: go on; -1 with errno. */
static int handle(struct iperf_test *t, enum iperf_state s)
{
	switch (s) {
	case PARAM_EXCHANGE:
		return iperf_send_params(t);
	case CREATE_STREAMS:
		if (create_streams(t))
			return -1;
		iperf_report_start(t);
		return 0;
	case TEST_START:
		return 0;
	case TEST_RUNNING:
		return iperf_begin(t) || measure(t) ? -1 : 0;
	case EXCHANGE_RESULTS:
		return iperf_send_results(t) || iperf_recv_results(t) ? -1 : 0;
	case DISPLAY_RESULTS:
		iperf_report_end(t);
		iperf_send_state(t, IPERF_DONE);
		return 1;
	case ACCESS_DENIED:
		errno = EBUSY;
		return -1;
	case SERVER_TERMINATE:
		errno = ECONNABORTED;
		return -1;
	case TEST_END:
	case CLIENT_TERMINATE:
	case IPERF_DONE:
	case SERVER_ERROR:
		break;
	}
	errno = EPROTO;
	return -1;
}

static const char *reason(int err)
{
	switch (err) {
	case EBUSY:
		return "the server is busy running a test. try again later";
	case ECONNABORTED:
		return "the server has terminated";
	case EINTR:
		return "interrupt - the client has terminated";
	default:
		return strerror(err);
	}
}

static void use_control_mss(struct iperf_test *t)
{
	int mss = 0;
	socklen_t len = sizeof(mss);

	getsockopt(t->control, SOL_TCP, TCP_MAXSEG, &mss, &len);
	t->control_mss = (uint32_t)mss;
	if (!t->set.len)
		t->set.len = !t->set.udp                                         ? TCP_BLOCK
			     : mss >= (int)MIN_UDP_BLOCK && mss < (int)UDP_BLOCK ? (unsigned)mss
										 : UDP_BLOCK;
}

int iperf_client(struct iperf_test *t)
{
	enum iperf_state s;
	int ret = 0;

	make_cookie(t);
	t->listener = -1;
	t->control = net_connect(&t->address, CONTROL_MS);
	if (t->control < 0) {
		ret = -1;
	} else {
		use_control_mss(t);
		ret = net_send_all(t->control, t->cookie, COOKIE_SIZE, CONTROL_MS);
	}
	while (!ret)
		ret = iperf_recv_state(t, &s, CONTROL_MS) ? -1 : handle(t, s);
	if (ret < 0) {
		const char *why = reason(errno);

		if (t->json)
			iperf_json_end(t, why);
		else
			fprintf(stderr, "%s: error - %s\n", t->app, why);
	} else if (t->json) {
		iperf_json_end(t, NULL);
	}
	iperf_free_streams(t);
	if (t->control >= 0)
		close(t->control);
	return ret < 0;
}
