/* SPDX-License-Identifier: MIT */
/*
 * The server: one test at a time, others are told that it is busy. A client that goes silent costs
 * a bounded wait.
 */
#include "iperf_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/net.h"
#include "../lib/num.h"
#include "../lib/term.h"

#define UDP_ANSWER     0x39383736u
#define GRACE_US       30000000u /* a test that lasts so much longer than agreed is given up */
#define NO_LIMIT_S     3600u     /* ... and one without an agreed time, after so long */
#define LISTEN_BACKLOG 5

/* ---- streams
 * -------------------------------------------------------------------------------------- */

static void turn_away(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	signed char denied = ACCESS_DENIED;

	if (fd < 0)
		return;
	send(fd, &denied, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

/* Does what fd sends first match the cookie? */
static bool knows_cookie(const struct iperf_test *t, int fd)
{
	char cookie[COOKIE_SIZE];

	return net_recv_all(fd, cookie, sizeof(cookie), DATA_WAIT_MS) > 0 &&
	       !memcmp(cookie, t->cookie, COOKIE_SIZE);
}

/* Wait for a stream to begin on fd. False with errno: the client is gone, or takes too long. */
static bool wait_stream(const struct iperf_test *t, int fd)
{
	struct pollfd p[3] = {{.fd = fd, .events = POLLIN},
			      {.fd = t->control, .events = POLLIN},
			      interrupt_pollfd()};
	int n = poll(p, 3, CONTROL_MS);

	if (n > 0 && p[0].revents)
		return true;
	errno = n > 0 ? ECONNRESET : ETIMEDOUT; /* nothing is said now but that it is over */
	return false;
}

/* A data connection; strangers are turned away. -1 with errno. */
static int accept_tcp(struct iperf_test *t)
{
	for (;;) {
		signed char denied = ACCESS_DENIED;
		int fd;

		if (!wait_stream(t, t->listener))
			return -1;
		fd = accept4(t->listener, NULL, NULL, SOCK_NONBLOCK);
		if (fd < 0)
			continue;
		if (knows_cookie(t, fd))
			return fd;
		send(fd, &denied, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		close(fd);
	}
}

/* The socket that a greeting came to becomes the stream's. *fd: the one to listen on next. */
static int accept_udp(struct iperf_test *t, int *fd)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	uint32_t word = UDP_ANSWER;
	int stream = *fd;

	if (!wait_stream(t, stream))
		return -1;
	if (recvfrom(stream, &word, sizeof(word), MSG_DONTWAIT, (struct sockaddr *)&peer, &len) < 0)
		return -1;
	if (connect(stream, (struct sockaddr *)&peer, sizeof(peer)))
		return -1;
	*fd = net_listen(SOCK_DGRAM, (uint16_t)t->port, 0);
	if (*fd >= 0)
		iperf_set_options(t, *fd);
	word = UDP_ANSWER;
	send(stream, &word, sizeof(word), MSG_DONTWAIT);
	return stream;
}

static int take_streams(struct iperf_test *t, int *udp)
{
	int n = iperf_alloc_streams(t);

	for (int i = 0; i < n; i++) {
		/* The client's senders come first. */
		bool sender = t->set.bidir ? i >= (int)t->set.parallel : t->set.reverse;
		int fd = t->set.udp ? accept_udp(t, udp) : accept_tcp(t);

		if (fd < 0)
			return -1;
		if (t->set.udp && *udp < 0) {
			close(fd);
			return -1;
		}
		iperf_add_stream(t, fd, sender);
	}
	return n < 0 ? -1 : 0;
}

/* The listener, without options that were set for a test: they would stay for the next. */
static bool reopen(struct iperf_test *t)
{
	if (t->listener >= 0 && !t->listener_is_set)
		return true;
	if (t->listener >= 0)
		close(t->listener);
	t->listener_is_set = false;
	t->listener = net_listen(SOCK_STREAM, (uint16_t)t->port, LISTEN_BACKLOG);
	return t->listener >= 0;
}

static int create_streams(struct iperf_test *t)
{
	int udp = -1, ret;

	if (t->set.udp) {
		udp = net_listen(SOCK_DGRAM, (uint16_t)t->port, 0);
		if (udp < 0 || iperf_set_options(t, udp))
			goto fail;
	} else { /* accepted sockets inherit the listener's */
		t->listener_is_set =
			t->set.window || t->set.mss || t->set.nodelay || t->set.congestion[0];
		if (iperf_set_options(t, t->listener))
			return -1;
	}
	ret = iperf_send_state(t, CREATE_STREAMS) ? -1 : take_streams(t, &udp);
	if (udp >= 0)
		close(udp);
	if (!t->set.udp && !reopen(t))
		ret = -1;
	return ret;
fail:
	if (udp >= 0)
		close(udp);
	return -1;
}

/* ---- the measurement
 * --------------------------------------------------------------------------------
 */

/* 1: the client has ended the test; 0: nothing; -1: it is gone. */
static int client_speaks(struct iperf_test *t)
{
	enum iperf_state s;
	struct pollfd p = {.fd = t->control, .events = POLLIN};

	if (poll(&p, 1, 0) <= 0)
		return 0;
	if (iperf_recv_state(t, &s, 0))
		return -1;
	errno = s == CLIENT_TERMINATE ? ECONNABORTED : EPROTO;
	return s == TEST_END ? 1 : -1;
}

static bool too_long(const struct iperf_test *t, uint64_t now)
{
	uint64_t s = t->set.time_s && !t->set.bytes && !t->set.blocks ? t->set.time_s : NO_LIMIT_S;

	return now > t->begin_us + (s + t->set.omit_s) * 1000000 + GRACE_US;
}

static int measure(struct iperf_test *t)
{
	unsigned rounds = 0;
	uint64_t now = now_us(), looked = now;
	int said = 0;

	while (!said) {
		iperf_round(t, now);
		now = now_us();
		if (t->omitting && now - t->begin_us >= t->set.omit_s * 1000000ull)
			iperf_end_omit(t, now);
		iperf_report_interval(t, now, false);
		if (now - looked < 1000 && ++rounds & 63)
			continue;
		looked = now;
		said = client_speaks(t);
		while (net_wait(t->listener, POLLIN, 0) == 1)
			turn_away(t->listener);
		if (too_long(t, now) || interrupted()) {
			iperf_send_state(t, SERVER_TERMINATE);
			errno = ETIMEDOUT;
			return -1;
		}
	}
	iperf_report_interval(t, now, true);
	iperf_finish(t);
	iperf_close_streams(t);
	return said < 0 ? -1 : 0;
}

/* ---- a test
 * ---------------------------------------------------------------------------------------
 */

static int run_test(struct iperf_test *t)
{
	enum iperf_state s;

	if (iperf_send_state(t, PARAM_EXCHANGE) || iperf_recv_params(t) || create_streams(t))
		return -1;
	iperf_report_start(t);
	if (iperf_send_state(t, TEST_START) || iperf_send_state(t, TEST_RUNNING) || iperf_begin(t))
		return -1;
	if (measure(t))
		return -1;
	if (iperf_send_state(t, EXCHANGE_RESULTS) || iperf_recv_results(t) ||
	    iperf_send_results(t) || iperf_send_state(t, DISPLAY_RESULTS))
		return -1;
	iperf_report_end(t);
	if (t->json)
		iperf_json_end(t, NULL);
	return iperf_recv_state(t, &s, CONTROL_MS); /* IPERF_DONE */
}

/* The client that waits on the listener. */
static void serve_one(struct iperf_test *t)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	char text[16];

	t->control = accept4(t->listener, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK);
	if (t->control < 0)
		return;
	t->address = peer;
	if (!t->quiet && !t->json)
		printf("Accepted connection from %s, port %u\n",
		       inet_ntop(AF_INET, &peer.sin_addr, text, sizeof(text)),
		       ntohs(peer.sin_port));
	if (net_recv_all(t->control, t->cookie, COOKIE_SIZE, DATA_WAIT_MS) > 0 && run_test(t)) {
		signed char state = errno == EPROTO ? SERVER_ERROR : SERVER_TERMINATE;

		if (!t->quiet)
			fprintf(stderr, "%s: error - %s\n", t->app,
				errno == ECONNABORTED ? "the client has terminated"
						      : strerror(errno));
		send(t->control, &state, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	iperf_free_streams(t);
	close(t->control);
	reopen(t); /* where creating the streams failed half-way */
	memset(&t->set, 0, sizeof(t->set));
}

int iperf_server(struct iperf_test *t, bool once)
{
	int ready = 1;

	t->server = true;
	t->listener = -1;
	memset(&t->set, 0, sizeof(t->set));
	while (t->listener >= 0 || reopen(t)) {
		if (!t->quiet && !t->json)
			printf("-----------------------------------------------------------\n"
			       "Server listening on %u\n"
			       "-----------------------------------------------------------\n",
			       t->port);
		ready = net_wait(t->listener, POLLIN, -1);
		if (ready <= 0)
			break;
		serve_one(t);
		if (once)
			break;
	}
	if (t->listener < 0)
		fprintf(stderr, "%s: error - unable to start listener for connections: %s\n",
			t->app, strerror(errno));
	else
		close(t->listener);
	return t->listener < 0;
}
