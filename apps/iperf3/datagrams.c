/* SPDX-License-Identifier: MIT */
/*
 * UDP streams: numbered and time-stamped datagrams, and what their receiver counts: loss, order
 * and jitter (RFC 1889 section 6.3.1). Many go down in one call (UDP_SEGMENT) and come up in one
 * (UDP_GRO); on the wire, and to the other end, each is a datagram of its own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/num.h"
#include "iperf_int.h"

#define READS         16 /* calls before another stream's turn */
#define SEGMENTS      64 /* at most so many datagrams in a call (udp(7): UDP_MAX_SEGMENTS) */
#define HEAD_32       12
#define HEAD_64       16
#define JITTER_MAX_US 1000000000 /* a nonsense time stamp */

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

/* ---- sending --------------------------------------------------------------------------------- */

/* Seconds, microseconds, number. */
static void stamp(const struct iperf_test *t, char *p, uint64_t number, uint64_t now)
{
	put_be32(p, (uint32_t)(now / 1000000));
	put_be32(p + 4, (uint32_t)(now % 1000000));
	if (t->set.counters_64bit) {
		put_be32(p + 8, (uint32_t)(number >> 32));
		put_be32(p + 12, (uint32_t)number);
	} else {
		put_be32(p + 8, (uint32_t)number);
	}
}

/* How many may go in one call. A datagram that does not fit the path is fragmented, alone. */
static unsigned burst_of(struct iperf_test *t, struct iperf_stream *s)
{
	unsigned fit = MAX_UDP_BLOCK / t->set.len;
	int len = (int)t->set.len;

	if (s->burst)
		return s->burst;
	s->burst = fit < SEGMENTS ? fit : SEGMENTS;
	if (len > (int)UDP_BLOCK || setsockopt(s->fd, SOL_UDP, UDP_SEGMENT, &len, sizeof(len)))
		s->burst = 1;
	return s->burst;
}

/* The path is narrower than a datagram: from now on they are fragmented, each by itself. */
static void send_singly(struct iperf_stream *s)
{
	const int off = 0;

	setsockopt(s->fd, SOL_UDP, UDP_SEGMENT, &off, sizeof(off));
	s->burst = 1;
}

bool iperf_send_datagrams(struct iperf_test *t, struct iperf_stream *s, uint64_t now)
{
	unsigned due = iperf_blocks_due(t, s, burst_of(t, s), now);
	ssize_t n;

	if (!due)
		return false;
	for (unsigned i = 0; i < due; i++)
		stamp(t, t->block + (size_t)i * t->set.len, s->packets + 1 + i, now);
	n = send(s->fd, t->block, (size_t)due * t->set.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0) {
		if ((errno == EMSGSIZE || errno == EINVAL) && s->burst > 1)
			send_singly(s);
		else
			s->failed = errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED;
		return false;
	}
	s->bytes += (uint64_t)n;
	s->blocks += due;
	s->packets += due;
	return true;
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* Loss and order by number, jitter by the time it took: clocks that differ do not matter, as only
 * differences are used. */
static void count_datagram(const struct iperf_test *t, struct iperf_stream *s, const char *p,
			   size_t len, uint64_t now)
{
	int64_t sent, transit, d;
	uint64_t number;

	s->blocks++;
	if (len < (t->set.counters_64bit ? HEAD_64 : HEAD_32))
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
	transit = (int64_t)now - sent;
	d = transit > s->transit_us ? transit - s->transit_us : s->transit_us - transit;
	if (s->have_transit && d < JITTER_MAX_US)
		s->jitter_ns =
			(uint64_t)((int64_t)s->jitter_ns + (d * 1000 - (int64_t)s->jitter_ns) / 16);
	s->transit_us = transit;
	s->have_transit = true;
}

/* One datagram, or several merged ones of *size bytes each (the last may be shorter): bytes in
 * all, or -1. */
static ssize_t recv_merged(const struct iperf_test *t, const struct iperf_stream *s, size_t *size)
{
	struct iovec iov = {t->block, MAX_UDP_BLOCK};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(s->fd, &msg, MSG_DONTWAIT);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	int each;

	*size = n > 0 ? (size_t)n : 0;
	if (c && c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
		memcpy(&each, CMSG_DATA(c), sizeof(each));
		*size = (size_t)each;
	}
	return n;
}

bool iperf_recv_datagrams(struct iperf_test *t, struct iperf_stream *s)
{
	for (unsigned i = 0; i < READS; i++) {
		size_t size, left;
		ssize_t n = recv_merged(t, s, &size);
		const char *p = t->block;
		uint64_t now;

		if (n < 0 && errno == ECONNREFUSED)
			continue; /* an error about a datagram of ours */
		if (n < 0) {
			s->failed = errno != EAGAIN;
			return i;
		}
		s->bytes += (uint64_t)n;
		now = now_us();
		left = (size_t)n;
		do {
			size = size < left ? size : left;
			count_datagram(t, s, p, size, now);
			p += size;
			left -= size;
		} while (left);
	}
	return true;
}
