/* SPDX-License-Identifier: MIT */
/*
 * -J: the test as one JSON object, with the keys of iperf 3.
 */
#include "iperf_int.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

#include "../lib/num.h"

/* What an object about bytes in a span of time holds. */
struct figures {
	int socket; /* -1: a sum */
	bool sender, udp;
	uint64_t from_us, to_us, bytes, packets, errors, jitter_ns, out_of_order;
	int64_t retransmits; /* -1: unknown */
	uint32_t cwnd_bytes, rtt_us;
	bool details; /* cwnd and rtt */
};

static void add_seconds(struct strbuf *j, const char *key, uint64_t us)
{
	char text[DECIMAL_BYTES];

	strbuf_add(j, "\"%s\":%s,", key, decimal(text, us, 1000000, 6));
}

static void add_figures(struct strbuf *j, const struct figures *f)
{
	uint64_t span = f->to_us > f->from_us ? f->to_us - f->from_us : 1;
	char text[DECIMAL_BYTES];

	strbuf_add(j, "{");
	if (f->socket >= 0)
		strbuf_add(j, "\"socket\":%d,", f->socket);
	add_seconds(j, "start", f->from_us);
	add_seconds(j, "end", f->to_us);
	add_seconds(j, "seconds", span);
	strbuf_add(j, "\"bytes\":%llu,\"bits_per_second\":%llu,", (unsigned long long)f->bytes,
		   (unsigned long long)mul_div(f->bytes * 8, 1000000, span));
	if (f->udp) {
		strbuf_add(j, "\"jitter_ms\":%s,\"lost_packets\":%llu,\"packets\":%llu,",
			   decimal(text, f->jitter_ns, 1000000, 6), (unsigned long long)f->errors,
			   (unsigned long long)f->packets);
		strbuf_add(j, "\"lost_percent\":%s,\"out_of_order\":%llu,",
			   decimal(text, f->packets ? mul_div(f->errors, 1000000, f->packets) : 0,
				   10000, 4),
			   (unsigned long long)f->out_of_order);
	} else if (f->retransmits >= 0) {
		strbuf_add(j, "\"retransmits\":%lld,", (long long)f->retransmits);
	}
	if (f->details && !f->udp && f->sender)
		strbuf_add(j, "\"snd_cwnd\":%u,\"rtt\":%u,", f->cwnd_bytes, f->rtt_us);
	strbuf_add(j, "\"sender\":%s}", f->sender ? "true" : "false");
}

static void add_up(struct figures *sum, const struct figures *f)
{
	sum->socket = -1;
	sum->sender = f->sender;
	sum->udp = f->udp;
	sum->from_us = f->from_us;
	sum->to_us = f->to_us;
	sum->bytes += f->bytes;
	sum->packets += f->packets;
	sum->errors += f->errors;
	sum->jitter_ns += f->jitter_ns;
	sum->out_of_order += f->out_of_order;
	sum->retransmits = f->retransmits < 0 ? -1 : sum->retransmits + f->retransmits;
}

/* ---- intervals ------------------------------------------------------------------------------- */

void iperf_json_interval(struct iperf_test *t, uint64_t from, uint64_t to)
{
	struct strbuf *j = &t->json_intervals;
	struct figures sum = {0}, back = {0};

	strbuf_add(j, "%s{\"streams\":[", j->len ? "," : "");
	for (unsigned i = 0; i < t->n; i++) {
		const struct iperf_stream *s = &t->stream[i];
		struct figures f = {
			.socket = s->fd,
			.sender = s->sender,
			.udp = t->set.udp,
			.from_us = from - t->begin_us,
			.to_us = to - t->begin_us,
			.bytes = s->bytes - s->prev.bytes,
			.packets = s->packets - s->prev.packets,
			.errors = s->errors > s->prev.errors ? s->errors - s->prev.errors : 0,
			.jitter_ns = s->jitter_ns,
			.retransmits =
				s->sender ? (int64_t)(s->retransmits - s->prev.retransmits) : -1,
			.cwnd_bytes = s->cwnd_bytes,
			.rtt_us = s->rtt_us,
			.details = true,
		};

		strbuf_add(j, i ? "," : "");
		add_figures(j, &f);
		add_up(s->sender == t->stream[0].sender ? &sum : &back, &f);
	}
	strbuf_add(j, "],\"sum\":");
	add_figures(j, &sum);
	if (t->set.bidir) {
		strbuf_add(j, ",\"sum_bidir_reverse\":");
		add_figures(j, &back);
	}
	strbuf_add(j, ",\"omitted\":%s}", t->omitting ? "true" : "false");
}

/* ---- start --------------------------------------------------------------------------------------
 */

static void add_start(struct strbuf *j, const struct iperf_test *t)
{
	const struct iperf_settings *set = &t->set;
	char local[16], peer[16];

	strbuf_add(j, "\"start\":{\"connected\":[");
	for (unsigned i = 0; i < t->n; i++) {
		const struct iperf_stream *s = &t->stream[i];

		strbuf_add(j, "%s{\"local_host\":\"%s\",\"local_port\":%u,", i ? "," : "",
			   inet_ntop(AF_INET, &s->local.sin_addr, local, sizeof(local)),
			   ntohs(s->local.sin_port));
		strbuf_add(j, "\"remote_host\":\"%s\",\"remote_port\":%u}",
			   inet_ntop(AF_INET, &s->peer.sin_addr, peer, sizeof(peer)),
			   ntohs(s->peer.sin_port));
	}
	strbuf_add(j, "],\"version\":\"iperf 3.12\",\"system_info\":\"Sluice x86_64\",");
	strbuf_add(j, "\"timestamp\":{\"timesecs\":%lld},", (long long)time(NULL));
	strbuf_add(j, "\"%s\":{\"host\":\"%s\",\"port\":%u},",
		   t->server ? "accepted_connection" : "connecting_to",
		   inet_ntop(AF_INET, &t->address.sin_addr, peer, sizeof(peer)),
		   ntohs(t->address.sin_port));
	strbuf_add(j, "\"cookie\":");
	strbuf_add_quoted(j, t->cookie);
	strbuf_add(j, ",\"tcp_mss_default\":%u,\"target_bitrate\":%llu,", t->control_mss,
		   (unsigned long long)set->rate_bps);
	strbuf_add(j, "\"test_start\":{\"protocol\":\"%s\",\"num_streams\":%u,\"blksize\":%u,",
		   set->udp ? "UDP" : "TCP", set->parallel, set->len);
	strbuf_add(j, "\"omit\":%u,\"duration\":%u,\"bytes\":%llu,\"blocks\":%llu,", set->omit_s,
		   set->time_s, (unsigned long long)set->bytes, (unsigned long long)set->blocks);
	strbuf_add(j, "\"reverse\":%d,\"bidir\":%d,\"target_bitrate\":%llu}}", set->reverse,
		   set->bidir, (unsigned long long)set->rate_bps);
}

/* ---- end ----------------------------------------------------------------------------------------
 */

/* A stream as its sender or its receiver saw it. */
static struct figures end_figures(const struct iperf_test *t, const struct iperf_stream *s,
				  bool sender)
{
	bool ours = s->sender == sender;
	struct figures f = {
		.socket = s->fd,
		.sender = sender,
		.udp = t->set.udp,
		.to_us = t->end_us - t->begin_us,
		.bytes = ours ? s->bytes : s->peer_result.bytes,
		.packets = ours ? s->packets - s->omitted_packets : s->peer_result.packets,
		.errors = ours ? s->errors - s->omitted_errors : s->peer_result.errors,
		.jitter_ns = ours ? s->jitter_ns : s->peer_result.jitter_ns,
		.out_of_order = ours ? s->out_of_order : 0,
		.retransmits = !sender ? -1
			       : ours  ? (int64_t)s->retransmits
				       : s->peer_result.retransmits,
		.cwnd_bytes = s->cwnd_bytes,
		.rtt_us = s->rtt_us,
		.details = ours,
	};

	return f;
}

static void add_sums(struct strbuf *j, const struct iperf_test *t, bool first, const char *suffix)
{
	struct figures sent = {0}, received = {0};

	for (unsigned i = 0; i < t->n; i++) {
		const struct iperf_stream *s = &t->stream[i];
		struct figures a = end_figures(t, s, true), b = end_figures(t, s, false);

		if ((s->sender == t->stream[0].sender) != first)
			continue;
		add_up(&sent, &a);
		add_up(&received, &b);
	}
	strbuf_add(j, ",\"sum_sent%s\":", suffix);
	add_figures(j, &sent);
	strbuf_add(j, ",\"sum_received%s\":", suffix);
	add_figures(j, &received);
	if (t->set.udp) { /* iperf 3 has one object for both ends of a datagram test */
		strbuf_add(j, ",\"sum%s\":", suffix);
		add_figures(j, &received);
	}
}

static void add_end(struct strbuf *j, const struct iperf_test *t)
{
	char here[DECIMAL_BYTES], there[DECIMAL_BYTES];

	strbuf_add(j, "\"end\":{\"streams\":[");
	for (unsigned i = 0; i < t->n; i++) {
		struct figures sent = end_figures(t, &t->stream[i], true);
		struct figures received = end_figures(t, &t->stream[i], false);

		strbuf_add(j, "%s{\"%s\":", i ? "," : "", t->set.udp ? "udp" : "sender");
		add_figures(j, t->set.udp ? &received : &sent);
		if (!t->set.udp) {
			strbuf_add(j, ",\"receiver\":");
			add_figures(j, &received);
		}
		strbuf_add(j, "}");
	}
	strbuf_add(j, "]");
	if (t->n) {
		add_sums(j, t, true, "");
		if (t->set.bidir)
			add_sums(j, t, false, "_bidir_reverse");
	}
	strbuf_add(j, ",\"cpu_utilization_percent\":{\"host_total\":%s,\"remote_total\":%s}",
		   decimal(here, t->cpu_permille, 10, 1),
		   decimal(there, t->peer_cpu_permille, 10, 1));
	if (!t->set.udp && t->congestion_used[0]) {
		bool ours = t->n && t->stream[0].sender;

		strbuf_add(j, ",\"sender_tcp_congestion\":");
		strbuf_add_quoted(j, ours ? t->congestion_used : t->peer_congestion);
		strbuf_add(j, ",\"receiver_tcp_congestion\":");
		strbuf_add_quoted(j, ours ? t->peer_congestion : t->congestion_used);
	}
	strbuf_add(j, "}");
}

void iperf_json_end(struct iperf_test *t, const char *error)
{
	struct strbuf j = {0};

	strbuf_add(&j, "{");
	add_start(&j, t);
	strbuf_add(&j, ",\"intervals\":[%s],",
		   t->json_intervals.text && !t->json_intervals.failed ? t->json_intervals.text
								       : "");
	if (error) {
		strbuf_add(&j, "\"end\":{},\"error\":");
		strbuf_add_quoted(&j, error);
	} else {
		add_end(&j, t);
	}
	strbuf_add(&j, "}\n");
	if (j.failed)
		fprintf(stderr, "%s: error - out of memory\n", t->app);
	else
		fputs(j.text, stdout);
	strbuf_free(&j);
	strbuf_free(&t->json_intervals);
}
