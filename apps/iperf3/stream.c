/* SPDX-License-Identifier: MIT */
/*
 * Data streams: sending and receiving as fast as the sockets take it or at a rate, and what is
 * counted: bytes, for TCP also the kernel's retransmissions, window and round trip; what is
 * particular to UDP is in datagrams.c.
 */
#include "iperf_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/thread.h>
#include <unistd.h>

#include "../lib/num.h"
#include "../lib/term.h"
#include "../tools/text.h"

#define BURST        16 /* blocks of a stream before the next stream's turn */
#define IDLE_WAIT_MS 10
#define PACING_MS    1

int iperf_alloc_streams(struct iperf_test *t)
{
	t->max_streams = t->set.parallel * (t->set.bidir ? 2 : 1);
	t->n = 0;
	t->stream = calloc(t->max_streams, sizeof(*t->stream));
	return t->stream ? (int)t->max_streams : -1;
}

struct iperf_stream *iperf_add_stream(struct iperf_test *t, int fd, bool sender)
{
	struct iperf_stream *s;
	socklen_t len = sizeof(s->local);

	if (t->n == t->max_streams)
		return NULL;
	s = &t->stream[t->n++];
	s->fd = fd;
	s->id = t->n == 1 ? 1 : (int)t->n + 1; /* 1, 3, 4, 5 ...: both ends must number alike */
	s->sender = sender;
	s->peer_result.retransmits = -1;
	getsockname(fd, (struct sockaddr *)&s->local, &len);
	len = sizeof(s->peer);
	getpeername(fd, (struct sockaddr *)&s->peer, &len);
	return s;
}

int iperf_set_options(const struct iperf_test *t, int fd)
{
	const struct iperf_settings *s = &t->set;
	int window = (int)s->window, mss = (int)s->mss, one = 1;

	if (window && (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &window, sizeof(window)) ||
		       setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window))))
		return -1;
	if (s->udp)
		return setsockopt(fd, SOL_UDP, UDP_GRO, &one, sizeof(one));
	if (mss && setsockopt(fd, SOL_TCP, TCP_MAXSEG, &mss, sizeof(mss)))
		return -1;
	if (s->nodelay && setsockopt(fd, SOL_TCP, TCP_NODELAY, &one, sizeof(one)))
		return -1;
	if (s->zerocopy && setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		return -1;
	return s->congestion[0] ? setsockopt(fd, SOL_TCP, TCP_CONGESTION, s->congestion,
					     (socklen_t)strlen(s->congestion))
				: 0;
}

/* ---- figures
 * ------------------------------------------------------------------------------------- */

/* CPU time that nobody wanted, of all CPUs: what the idle threads, which have no number, took. */
static uint64_t idle_time_us(void)
{
	char *text = read_text("/proc/threads");
	uint64_t idle = 0;

	for (const char *line = text ? strchr(text, '\n') : NULL; line && line[1];
	     line = strchr(line + 1, '\n')) {
		char *p;

		if (strtoul(line + 1, &p, 10))
			continue;
		strtoul(p, &p, 10);      /* CPU */
		p += *p && p[1] ? 2 : 0; /* state */
		strtoul(p, &p, 10);      /* priority */
		idle += strtoull(p, NULL, 10);
	}
	free(text);
	return idle;
}

void iperf_sample(struct iperf_test *t)
{
	for (unsigned i = 0; i < t->n && !t->set.udp; i++) {
		struct iperf_stream *s = &t->stream[i];
		struct tcp_info info;
		socklen_t len = sizeof(info);

		memset(&info, 0, sizeof(info));
		if (getsockopt(s->fd, SOL_TCP, TCP_INFO, &info, &len))
			continue;
		s->retransmits = info.tcpi_total_retrans - s->omitted_retransmits;
		s->cwnd_bytes = info.tcpi_snd_cwnd * info.tcpi_snd_mss;
		s->rtt_us = info.tcpi_rtt;
		if (s->rtt_us > s->max_rtt_us)
			s->max_rtt_us = s->rtt_us;
	}
}

uint64_t iperf_total_bytes(const struct iperf_test *t)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < t->n; i++)
		n += t->stream[i].bytes;
	return n;
}

uint64_t iperf_total_blocks(const struct iperf_test *t)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < t->n; i++)
		n += t->stream[i].blocks;
	return n;
}

/* ---- beginning and end
 * --------------------------------------------------------------------------- */

int iperf_begin(struct iperf_test *t)
{
	socklen_t len = sizeof(t->congestion_used);
	unsigned size;

	/* A receiver of datagrams must have room for any, and for many that were merged. */
	size = t->set.udp ? MAX_UDP_BLOCK : t->set.len;
	t->block = malloc(size);
	if (!t->block)
		return -1;
	for (unsigned i = 0; i < size; i++)
		t->block[i] = (char)('0' + i % 10);
	t->congestion_used[0] = '\0';
	if (!t->set.udp && t->n)
		getsockopt(t->stream[0].fd, SOL_TCP, TCP_CONGESTION, t->congestion_used, &len);
	t->begin_us = t->interval_us = t->cpu_begin_us = now_us();
	t->next_report_us = t->begin_us + t->interval_ms * 1000ull;
	t->idle_begin_us = idle_time_us();
	t->omitting = t->set.omit_s != 0;
	return 0;
}

void iperf_end_omit(struct iperf_test *t, uint64_t now)
{
	iperf_sample(t);
	for (unsigned i = 0; i < t->n; i++) {
		struct iperf_stream *s = &t->stream[i];

		s->bytes = s->blocks = 0;
		s->omitted_packets = s->packets;
		s->omitted_errors = s->errors;
		s->omitted_retransmits += s->retransmits;
		s->retransmits = 0;
		s->out_of_order = 0;
		s->jitter_ns = 0;
		s->prev.bytes = s->prev.retransmits = 0;
		s->prev.packets = s->packets;
		s->prev.errors = s->errors;
	}
	t->begin_us = t->interval_us = now;
	t->next_report_us = now + t->interval_ms * 1000ull;
	t->omitting = false;
}

void iperf_close_streams(struct iperf_test *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		if (t->stream[i].fd >= 0)
			close(t->stream[i].fd);
		t->stream[i].fd = -1;
	}
	free(t->block);
	t->block = NULL;
}

void iperf_free_streams(struct iperf_test *t)
{
	iperf_close_streams(t);
	free(t->stream);
	t->stream = NULL;
	t->n = 0;
}

void iperf_finish(struct iperf_test *t)
{
	uint64_t span, idle;

	iperf_sample(t);
	t->end_us = now_us();
	span = (t->end_us - t->cpu_begin_us) * (unsigned)get_nprocs();
	idle = idle_time_us() - t->idle_begin_us;
	if (span && idle < span)
		t->cpu_permille = (unsigned)mul_div(span - idle, 1000, span);
}

/* ---- sending
 * -------------------------------------------------------------------------------------- */

/* Does the rate allow one more block now, with `more` blocks on their way already? */
static bool may_send(const struct iperf_test *t, const struct iperf_stream *s, unsigned more,
		     uint64_t now)
{
	uint64_t bytes = s->bytes + (uint64_t)more * t->set.len;

	return !t->set.rate_bps ||
	       bytes * 8 <= mul_div(t->set.rate_bps, now - t->begin_us, 1000000);
}

/* Enough is sent, of a test that ends by amount. */
static bool enough(const struct iperf_test *t, unsigned more)
{
	return (t->set.bytes &&
		iperf_total_bytes(t) + (uint64_t)more * t->set.len >= t->set.bytes) ||
	       (t->set.blocks && iperf_total_blocks(t) + more >= t->set.blocks);
}

unsigned iperf_blocks_due(const struct iperf_test *t, const struct iperf_stream *s, unsigned most,
			  uint64_t now)
{
	unsigned n = 0;

	while (n < most && may_send(t, s, n, now) && (t->server || !enough(t, n)))
		n++;
	return n;
}

/* What of the block is no longer referred to does not matter to us: it never changes. */
static void forget_reports(int fd)
{
	char control[128];
	struct msghdr m = {.msg_control = control, .msg_controllen = sizeof(control)};

	while (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
		m = (struct msghdr){.msg_control = control, .msg_controllen = sizeof(control)};
}

/* With -Z as it lies. Stock iperf3 has a temporary file for that, and sendfile(). */
static ssize_t send_block(const struct iperf_test *t, const struct iperf_stream *s)
{
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL;

	if (t->set.zerocopy) {
		forget_reports(s->fd);
		flags |= MSG_ZEROCOPY;
	}
	return send(s->fd, t->block, t->set.len, flags);
}

/* Up to BURST blocks. True: something went. */
static bool send_some(struct iperf_test *t, struct iperf_stream *s, uint64_t now)
{
	unsigned due = iperf_blocks_due(t, s, BURST, now);

	for (unsigned i = 0; i < due; i++) {
		ssize_t n = send_block(t, s);

		if (n < 0) {
			s->failed = errno != EAGAIN && errno != ENOBUFS;
			return i;
		}
		s->bytes += (uint64_t)n;
		s->blocks++;
		if ((size_t)n < t->set.len)
			break; /* the buffer is full */
	}
	return due;
}

/* ---- receiving
 * ------------------------------------------------------------------------------------ */

static bool recv_some(struct iperf_test *t, struct iperf_stream *s)
{
	for (unsigned i = 0; i < BURST; i++) {
		ssize_t n = recv(s->fd, t->block, t->set.len, MSG_DONTWAIT);

		if (n <= 0) {
			s->failed = !n || errno != EAGAIN;
			return i;
		}
		s->bytes += (uint64_t)n;
		s->blocks++;
	}
	return true;
}

/* ---- a round
 * ------------------------------------------------------------------------------------- */

static void wait_for_work(struct iperf_test *t, uint64_t now)
{
	struct pollfd p[MAX_STREAMS + 3];
	int ms = IDLE_WAIT_MS;

	for (unsigned i = 0; i < t->n; i++) {
		const struct iperf_stream *s = &t->stream[i];

		p[i] = (struct pollfd){.fd = s->failed ? -1 : s->fd,
				       .events = s->sender ? POLLOUT : POLLIN};
		if (s->sender && !may_send(t, s, 0, now)) {
			p[i].fd = -1;
			ms = PACING_MS;
		}
	}
	p[t->n] = (struct pollfd){.fd = t->control, .events = POLLIN};
	p[t->n + 1] = (struct pollfd){.fd = t->listener, .events = POLLIN};
	p[t->n + 2] = interrupt_pollfd();
	poll(p, t->n + 3, ms);
}

void iperf_round(struct iperf_test *t, uint64_t now)
{
	bool any = false;

	for (unsigned i = 0; i < t->n; i++) {
		struct iperf_stream *s = &t->stream[i];

		if (s->failed)
			continue;
		if (t->set.udp)
			any |= s->sender ? iperf_send_datagrams(t, s, now)
					 : iperf_recv_datagrams(t, s);
		else
			any |= s->sender ? send_some(t, s, now) : recv_some(t, s);
	}
	if (!any)
		wait_for_work(t, now);
}
