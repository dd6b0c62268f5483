/* SPDX-License-Identifier: MIT */
/*
 * Data streams: sending and receiving as fast as the sockets take it or at a rate, and what is
 * counted: bytes, for UDP also loss, order and jitter (RFC 1889 section 6.3.1), for TCP the
 * kernel's retransmissions, window and round trip.
 */
#include "iperf_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
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

#define BURST         16 /* blocks of a stream before the next stream's turn */
#define IDLE_WAIT_MS  10
#define PACING_MS     1
#define UDP_HEAD_32   12
#define UDP_HEAD_64   16
#define JITTER_MAX_US 1000000000 /* a nonsense time stamp */

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
		return 0;
	if (mss && setsockopt(fd, SOL_TCP, TCP_MAXSEG, &mss, sizeof(mss)))
		return -1;
	if (s->nodelay && setsockopt(fd, SOL_TCP, TCP_NODELAY, &one, sizeof(one)))
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

	/* A receiver of datagrams must have room for any. */
	t->block = malloc(t->set.udp ? MAX_UDP_BLOCK : t->set.len);
	if (!t->block)
		return -1;
	for (unsigned i = 0; i < t->set.len; i++)
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

static void put_be32(char *p, uint32_t v)
{
	v = htonl(v);
	memcpy(p, &v, sizeof(v));
}

static uint32_t get_be32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return ntohl(v);
}

/* Seconds, microseconds, number. */
static void stamp(const struct iperf_test *t, const struct iperf_stream *s, uint64_t now)
{
	uint64_t number = s->packets + 1;

	put_be32(t->block, (uint32_t)(now / 1000000));
	put_be32(t->block + 4, (uint32_t)(now % 1000000));
	if (t->set.counters_64bit) {
		put_be32(t->block + 8, (uint32_t)(number >> 32));
		put_be32(t->block + 12, (uint32_t)number);
	} else {
		put_be32(t->block + 8, (uint32_t)number);
	}
}

/* Does the rate allow one more block now? */
static bool may_send(const struct iperf_test *t, const struct iperf_stream *s, uint64_t now)
{
	return !t->set.rate_bps ||
	       s->bytes * 8 <= mul_div(t->set.rate_bps, now - t->begin_us, 1000000);
}

/* Enough is sent, of a test that ends by amount. */
static bool enough(const struct iperf_test *t)
{
	return (t->set.bytes && iperf_total_bytes(t) >= t->set.bytes) ||
	       (t->set.blocks && iperf_total_blocks(t) >= t->set.blocks);
}

/* Up to BURST blocks. True: something went. */
static bool send_some(struct iperf_test *t, struct iperf_stream *s, uint64_t now)
{
	bool any = false;

	for (unsigned i = 0; i < BURST; i++) {
		ssize_t n;

		if (!may_send(t, s, now) || (!t->server && enough(t)))
			break;
		if (t->set.udp)
			stamp(t, s, t->set.rate_bps ? now : now_us());
		n = send(s->fd, t->block, t->set.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0) {
			s->failed = errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED;
			break;
		}
		s->bytes += (uint64_t)n;
		s->blocks++;
		s->packets++;
		any = true;
		if ((size_t)n < t->set.len)
			break; /* the buffer is full */
	}
	return any;
}

/* ---- receiving
 * ------------------------------------------------------------------------------------ */

/* Loss and order by number, jitter by the time it took: clocks that differ do not matter, as only
 * differences are used. */
static void count_datagram(struct iperf_test *t, struct iperf_stream *s, size_t len)
{
	const char *p = t->block;
	int64_t sent, transit, d;
	uint64_t number, now;

	if (len < (t->set.counters_64bit ? UDP_HEAD_64 : UDP_HEAD_32))
		return;
	sent = (int64_t)get_be32(p) * 1000000 + get_be32(p + 4);
	number = get_be32(p + 8);
	if (t->set.counters_64bit)
		number = number << 32 | get_be32(p + 12);
	if (number > s->packets) {
		s->errors += number - s->packets - 1;
		s->packets = number;
	} else {
		s->out_of_order++;
		s->errors -= s->errors > 0; /* it was taken for lost */
	}
	now = now_us();
	transit = (int64_t)now - sent;
	d = transit > s->transit_us ? transit - s->transit_us : s->transit_us - transit;
	if (s->have_transit && d < JITTER_MAX_US)
		s->jitter_ns =
			(uint64_t)((int64_t)s->jitter_ns + (d * 1000 - (int64_t)s->jitter_ns) / 16);
	s->transit_us = transit;
	s->have_transit = true;
}

static bool recv_some(struct iperf_test *t, struct iperf_stream *s)
{
	size_t size = t->set.udp ? MAX_UDP_BLOCK : t->set.len;
	bool any = false;

	for (unsigned i = 0; i < BURST; i++) {
		ssize_t n = recv(s->fd, t->block, size, MSG_DONTWAIT);

		if (n < 0 && errno == ECONNREFUSED)
			continue; /* an error about a datagram of ours */
		if (n < 0 || (!n && !t->set.udp)) {
			s->failed = !n || errno != EAGAIN;
			break;
		}
		s->bytes += (uint64_t)n;
		s->blocks++;
		if (t->set.udp)
			count_datagram(t, s, (size_t)n);
		any = true;
	}
	return any;
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
		if (s->sender && !may_send(t, s, now)) {
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

		if (!s->failed)
			any |= s->sender ? send_some(t, s, now) : recv_some(t, s);
	}
	if (!any)
		wait_for_work(t, now);
}
