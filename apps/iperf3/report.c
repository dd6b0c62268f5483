/* SPDX-License-Identifier: MIT */
/*
 * What iperf3 prints for people, in the columns of iperf 3.
 */
#include "iperf_int.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "../lib/num.h"

#define SUM_ID      (-1)
#define SHORTEST_US 100000 /* what is left at the end is not reported if it is shorter */

/* What a line tells. */
struct line {
	int id; /* SUM_ID: all streams */
	bool sender, udp, bidir;
	uint64_t from_us, to_us, bytes;
	uint64_t packets, errors, jitter_ns, retransmits;
	uint32_t cwnd_bytes;
	bool has_retransmits, has_cwnd;
	const char *tail;
};

/* Three digits and a unit: "4.15 G", "35.6 M", " 120 K", as wide as iperf3's. */
static const char *with_unit(char buf[DECIMAL_BYTES], uint64_t v, unsigned step)
{
	static const char units[] = " KMGT";
	uint64_t unit = 1, hundredths;
	char number[DECIMAL_BYTES];
	unsigned u = 0;

	while (v / unit >= step && units[u + 1]) {
		unit *= step;
		u++;
	}
	hundredths = mul_div(v, 100, unit);
	if (hundredths < 1000)
		decimal(number, hundredths, 100, 2);
	else if (hundredths < 10000)
		decimal(number, hundredths, 100, 1);
	else
		snprintf(number, sizeof(number), "%4llu", (unsigned long long)hundredths / 100);
	snprintf(buf, DECIMAL_BYTES, u ? "%.20s %c" : "%.20s ", number, units[u]);
	return buf;
}

static void print_head(const struct iperf_test *t, bool final)
{
	const char *role = t->set.bidir ? "[Role]" : "";
	bool sender = t->server == t->set.reverse || t->set.bidir;

	printf("[ ID]%s Interval           Transfer     Bitrate%s\n", role,
	       t->set.udp ? (sender && !final ? "         Total Datagrams"
					      : "         Jitter    Lost/Total Datagrams")
	       : sender   ? (final ? "         Retr" : "         Retr  Cwnd")
			  : "");
}

static void print_id(const struct line *l, bool server)
{
	if (l->id == SUM_ID)
		printf("[SUM]");
	else
		printf("[%3d]", l->id);
	if (l->bidir)
		printf("[%s-%c]", l->sender ? "TX" : "RX", server ? 'S' : 'C');
}

static void print_line(const struct iperf_test *t, const struct line *l)
{
	char from[DECIMAL_BYTES], to[DECIMAL_BYTES], bytes[DECIMAL_BYTES], rate[DECIMAL_BYTES];
	char cwnd[DECIMAL_BYTES], jitter[DECIMAL_BYTES], percent[DECIMAL_BYTES];
	uint64_t span = l->to_us > l->from_us ? l->to_us - l->from_us : 1;

	print_id(l, t->server);
	printf(" %6s-%-6s sec  %sBytes  %sbits/sec", decimal(from, l->from_us, 1000000, 2),
	       decimal(to, l->to_us, 1000000, 2), with_unit(bytes, l->bytes, 1024),
	       with_unit(rate, mul_div(l->bytes * 8, 1000000, span), 1000));
	if (l->has_retransmits)
		printf("  %3llu", (unsigned long long)l->retransmits);
	if (l->has_cwnd)
		printf("   %sBytes", with_unit(cwnd, l->cwnd_bytes, 1024));
	if (l->udp && l->sender && !l->tail) {
		printf("  %llu", (unsigned long long)l->packets);
	} else if (l->udp) {
		uint64_t permyriad = l->packets ? mul_div(l->errors, 10000, l->packets) : 0;

		printf("  %s ms  %llu/%llu (%s%%)", decimal(jitter, l->jitter_ns, 1000000, 3),
		       (unsigned long long)l->errors, (unsigned long long)l->packets,
		       decimal(percent, permyriad, 100, 2));
	}
	if (l->tail)
		printf("  %s%s", l->udp || l->has_retransmits ? "" : "               ", l->tail);
	printf("\n");
}

static void add_line(struct line *sum, const struct line *l)
{
	sum->bytes += l->bytes;
	sum->packets += l->packets;
	sum->errors += l->errors;
	sum->jitter_ns += l->jitter_ns;
	sum->retransmits += l->retransmits;
	sum->has_retransmits = l->has_retransmits;
	sum->udp = l->udp;
	sum->sender = l->sender;
	sum->bidir = l->bidir;
	sum->from_us = l->from_us;
	sum->to_us = l->to_us;
	sum->tail = l->tail;
}

/* ---- start
 * ---------------------------------------------------------------------------------------- */

void iperf_report_start(struct iperf_test *t)
{
	char local[16], peer[16];

	if (t->quiet || t->json)
		return;
	for (unsigned i = 0; i < t->n; i++) {
		const struct iperf_stream *s = &t->stream[i];

		printf("[%3d] local %s port %u connected to %s port %u\n", s->fd,
		       inet_ntop(AF_INET, &s->local.sin_addr, local, sizeof(local)),
		       ntohs(s->local.sin_port),
		       inet_ntop(AF_INET, &s->peer.sin_addr, peer, sizeof(peer)),
		       ntohs(s->peer.sin_port));
	}
	if (t->interval_ms)
		print_head(t, false);
}

/* ---- intervals
 * -------------------------------------------------------------------------------------- */

static struct line interval_line(const struct iperf_test *t, const struct iperf_stream *s,
				 uint64_t now)
{
	return (struct line){
		.id = s->fd,
		.sender = s->sender,
		.udp = t->set.udp,
		.bidir = t->set.bidir,
		.from_us = t->interval_us - t->begin_us,
		.to_us = now - t->begin_us,
		.bytes = s->bytes - s->prev.bytes,
		.packets = s->packets - s->prev.packets,
		.errors = s->errors > s->prev.errors ? s->errors - s->prev.errors : 0,
		.jitter_ns = s->jitter_ns,
		.retransmits = s->retransmits - s->prev.retransmits,
		.cwnd_bytes = s->cwnd_bytes,
		.has_retransmits = s->sender && !t->set.udp,
		.has_cwnd = s->sender && !t->set.udp,
		.tail = t->omitting ? "(omitted)" : NULL,
	};
}

static void print_sum(const struct iperf_test *t, struct line *sum, unsigned n)
{
	if (n < 2)
		return;
	sum->id = SUM_ID;
	sum->jitter_ns /= n;
	print_line(t, sum);
}

static void print_interval(struct iperf_test *t, uint64_t now)
{
	struct line sum[2] = {{0}};
	unsigned n[2] = {0};

	for (unsigned i = 0; i < t->n; i++) {
		const struct iperf_stream *s = &t->stream[i];
		struct line l = interval_line(t, s, now);

		print_line(t, &l);
		add_line(&sum[s->sender], &l);
		n[s->sender]++;
	}
	print_sum(t, &sum[1], n[1]);
	print_sum(t, &sum[0], n[0]);
	if (t->n > 1)
		printf("- - - - - - - - - - - - - - - - - - - - - - - - -\n");
}

void iperf_report_interval(struct iperf_test *t, uint64_t now, bool last)
{
	if (!t->interval_ms || t->quiet ||
	    (last ? now - t->interval_us < SHORTEST_US : now < t->next_report_us))
		return;
	iperf_sample(t);
	if (t->json)
		iperf_json_interval(t, t->interval_us, now);
	else
		print_interval(t, now);
	for (unsigned i = 0; i < t->n; i++) {
		struct iperf_stream *s = &t->stream[i];

		s->prev.bytes = s->bytes;
		s->prev.packets = s->packets;
		s->prev.errors = s->errors;
		s->prev.retransmits = s->retransmits;
	}
	t->interval_us = now;
	while (t->next_report_us <= now)
		t->next_report_us += t->interval_ms * 1000ull;
}

/* ---- end
 * --------------------------------------------------------------------------------------------- */

/* A stream as its sender or its receiver saw it, one of which is the other end. */
static struct line end_line(const struct iperf_test *t, const struct iperf_stream *s, bool sender)
{
	bool ours = s->sender == sender;
	struct line l = {
		.id = s->fd,
		.sender = s->sender,
		.udp = t->set.udp,
		.bidir = t->set.bidir,
		.to_us = t->end_us - t->begin_us,
		.bytes = ours ? s->bytes : s->peer_result.bytes,
		.tail = sender ? "sender" : "receiver",
	};

	if (t->set.udp && sender) {
		l.packets = ours ? s->packets - s->omitted_packets : s->peer_result.packets;
	} else if (t->set.udp) {
		l.packets = ours ? s->packets - s->omitted_packets : s->peer_result.packets;
		l.errors = ours ? s->errors - s->omitted_errors : s->peer_result.errors;
		l.jitter_ns = ours ? s->jitter_ns : s->peer_result.jitter_ns;
	} else if (sender) {
		l.has_retransmits = ours || s->peer_result.retransmits >= 0;
		l.retransmits = ours ? s->retransmits : (uint64_t)s->peer_result.retransmits;
	}
	return l;
}

void iperf_report_end(struct iperf_test *t)
{
	struct line sum[2][2] = {{{0}}};
	unsigned n[2] = {0};

	if (t->quiet || t->json)
		return;
	if (t->n == 1)
		printf("- - - - - - - - - - - - - - - - - - - - - - - - -\n");
	print_head(t, true);
	for (unsigned i = 0; i < t->n; i++) {
		const struct iperf_stream *s = &t->stream[i];

		n[s->sender]++;
		for (unsigned receiver = 0; receiver < 2; receiver++) {
			struct line l = end_line(t, s, !receiver);

			print_line(t, &l);
			add_line(&sum[s->sender][receiver], &l);
		}
	}
	for (unsigned dir = 0; dir < 2; dir++) {
		print_sum(t, &sum[!dir][0], n[!dir]);
		print_sum(t, &sum[!dir][1], n[!dir]);
	}
	if (!t->server)
		printf("\niperf Done.\n");
}
