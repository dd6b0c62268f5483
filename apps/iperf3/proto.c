/* SPDX-License-Identifier: MIT */
/*
 * The control connection: states, and the JSON of settings and results, with the keys of iperf 3.
 * What comes in is checked before it is believed.
 */
#include "iperf_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/json.h"
#include "../lib/net.h"
#include "../lib/num.h"

#define MAX_JSON  (256u * 1024)
#define VERSION   "3.12"
#define PACING_US 1000

int iperf_send_state(struct iperf_test *t, enum iperf_state s)
{
	signed char byte = (signed char)s;

	return net_send_all(t->control, &byte, 1, CONTROL_MS);
}

int iperf_recv_state(struct iperf_test *t, enum iperf_state *s, int timeout_ms)
{
	signed char byte;
	int n = net_recv_all(t->control, &byte, 1, timeout_ms);

	if (n <= 0) {
		errno = n ? errno : ECONNRESET;
		return -1;
	}
	*s = (enum iperf_state)byte;
	return 0;
}

/* ---- JSON on the wire: a length of four bytes, then the text --------------------------------- */

static int send_json(struct iperf_test *t, struct strbuf *s)
{
	uint32_t len = htonl((uint32_t)s->len);
	int err;

	if (s->failed) {
		errno = ENOMEM;
		err = -1;
	} else {
		err = net_send_all(t->control, &len, sizeof(len), CONTROL_MS);
		if (!err)
			err = net_send_all(t->control, s->text, s->len, CONTROL_MS);
	}
	strbuf_free(s);
	return err;
}

/* NULL with errno; EPROTO: it is too long or no JSON. To be freed. */
static char *recv_json(struct iperf_test *t)
{
	uint32_t len = 0;
	int n = net_recv_all(t->control, &len, sizeof(len), CONTROL_MS);
	char *text = NULL;

	len = ntohl(len);
	if (n > 0 && len && len <= MAX_JSON) {
		text = malloc(len + 1);
		n = text ? net_recv_all(t->control, text, len, CONTROL_MS) : -1;
	} else if (n > 0) {
		errno = EPROTO;
		n = -1;
	}
	if (n > 0) {
		text[len] = '\0';
		if (json_valid(text))
			return text;
		errno = EPROTO;
	} else if (!n) {
		errno = ECONNRESET;
	}
	free(text);
	return NULL;
}

/* ---- settings ----------------------------------------------------------------------------------
 */

int iperf_send_params(struct iperf_test *t)
{
	const struct iperf_settings *s = &t->set;
	struct strbuf j = {0};

	strbuf_add(&j, "{\"%s\":true,\"omit\":%u,\"time\":%u,\"num\":%llu,\"blockcount\":%llu,",
		   s->udp ? "udp" : "tcp", s->omit_s, s->time_s, (unsigned long long)s->bytes,
		   (unsigned long long)s->blocks);
	strbuf_add(&j, "\"parallel\":%u,\"len\":%u,\"pacing_timer\":%d,", s->parallel, s->len,
		   PACING_US);
	if (s->mss)
		strbuf_add(&j, "\"MSS\":%u,", s->mss);
	if (s->nodelay)
		strbuf_add(&j, "\"nodelay\":true,");
	if (s->reverse)
		strbuf_add(&j, "\"reverse\":true,");
	if (s->bidir)
		strbuf_add(&j, "\"bidirectional\":true,");
	if (s->zerocopy)
		strbuf_add(&j, "\"zerocopy\":1,");
	if (s->window)
		strbuf_add(&j, "\"window\":%u,", s->window);
	if (s->rate_bps)
		strbuf_add(&j, "\"bandwidth\":%llu,", (unsigned long long)s->rate_bps);
	if (s->congestion[0]) {
		strbuf_add(&j, "\"congestion\":");
		strbuf_add_quoted(&j, s->congestion);
		strbuf_add(&j, ",");
	}
	strbuf_add(&j, "\"client_version\":\"" VERSION "\"}");
	return send_json(t, &j);
}

/* A number in [0, max]; def where it is absent. False: it is out of range. */
static bool get_number(const char *json, const char *key, uint64_t max, uint64_t def, uint64_t *v)
{
	int64_t n = json_number(json_get(json, key), 1, (int64_t)def);

	*v = (uint64_t)n;
	return n >= 0 && *v <= max;
}

static bool get_uint(const char *json, const char *key, unsigned max, unsigned def, unsigned *v)
{
	uint64_t n;

	if (!get_number(json, key, max, def, &n))
		return false;
	*v = (unsigned)n;
	return true;
}

bool iperf_parse_params(const char *json, struct iperf_settings *s)
{
	unsigned max_len;

	memset(s, 0, sizeof(*s));
	s->udp = json_true(json_get(json, "udp"));
	s->reverse = json_true(json_get(json, "reverse"));
	s->bidir = json_true(json_get(json, "bidirectional"));
	s->nodelay = json_true(json_get(json, "nodelay"));
	s->counters_64bit = json_true(json_get(json, "udp_counters_64bit"));
	json_string(json_get(json, "congestion"), s->congestion, sizeof(s->congestion));
	max_len = s->udp ? MAX_UDP_BLOCK : MAX_BLOCK;
	return get_uint(json, "time", MAX_TIME_S, 0, &s->time_s) &&
	       get_uint(json, "omit", MAX_OMIT_S, 0, &s->omit_s) &&
	       get_uint(json, "parallel", MAX_STREAMS, 1, &s->parallel) && s->parallel &&
	       s->parallel * (s->bidir ? 2 : 1) <= MAX_STREAMS &&
	       get_uint(json, "len", max_len, s->udp ? UDP_BLOCK : TCP_BLOCK, &s->len) &&
	       s->len >= (s->udp ? MIN_UDP_BLOCK : 1) && get_uint(json, "MSS", 65535, 0, &s->mss) &&
	       get_uint(json, "zerocopy", UINT32_MAX, 0, &s->zerocopy) &&
	       get_uint(json, "window", 1u << 30, 0, &s->window) &&
	       get_number(json, "bandwidth", INT64_MAX, 0, &s->rate_bps) &&
	       get_number(json, "num", INT64_MAX, 0, &s->bytes) &&
	       get_number(json, "blockcount", INT64_MAX, 0, &s->blocks);
}

int iperf_recv_params(struct iperf_test *t)
{
	char *json = recv_json(t);
	bool ok;

	if (!json)
		return -1;
	ok = iperf_parse_params(json, &t->set);
	free(json);
	errno = EPROTO;
	return ok ? 0 : -1;
}

/* ---- results -----------------------------------------------------------------------------------
 */

static void add_stream_result(struct strbuf *j, const struct iperf_test *t,
			      const struct iperf_stream *s)
{
	char jitter[DECIMAL_BYTES], end[DECIMAL_BYTES];

	strbuf_add(j, "{\"id\":%d,\"bytes\":%llu,\"retransmits\":%lld,\"jitter\":%s,", s->id,
		   (unsigned long long)s->bytes,
		   s->sender && !t->set.udp ? (long long)s->retransmits : -1,
		   decimal(jitter, s->jitter_ns, 1000000000, 9));
	strbuf_add(j, "\"errors\":%llu,\"omitted_errors\":%llu,\"packets\":%llu,",
		   (unsigned long long)s->errors, (unsigned long long)s->omitted_errors,
		   (unsigned long long)s->packets);
	strbuf_add(j, "\"omitted_packets\":%llu,\"start_time\":0,\"end_time\":%s}",
		   (unsigned long long)s->omitted_packets,
		   decimal(end, t->end_us - t->begin_us, 1000000, 6));
}

int iperf_send_results(struct iperf_test *t)
{
	bool sends = t->set.bidir || t->set.reverse == t->server;
	char cpu[DECIMAL_BYTES];
	struct strbuf j = {0};

	decimal(cpu, t->cpu_permille, 10, 1);
	strbuf_add(&j, "{\"cpu_util_total\":%s,\"cpu_util_user\":0,\"cpu_util_system\":%s,", cpu,
		   cpu);
	strbuf_add(&j, "\"sender_has_retransmits\":%d,", sends ? !t->set.udp : -1);
	if (t->congestion_used[0]) {
		strbuf_add(&j, "\"congestion_used\":");
		strbuf_add_quoted(&j, t->congestion_used);
		strbuf_add(&j, ",");
	}
	strbuf_add(&j, "\"streams\":[");
	for (unsigned i = 0; i < t->n; i++) {
		strbuf_add(&j, i ? "," : "");
		add_stream_result(&j, t, &t->stream[i]);
	}
	strbuf_add(&j, "]}");
	return send_json(t, &j);
}

static struct iperf_stream *stream_by_id(struct iperf_test *t, int64_t id)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->stream[i].id == id)
			return &t->stream[i];
	return NULL;
}

/* A count that must be there. */
static bool get_count(const char *v, const char *key, uint64_t *n)
{
	return json_get(v, key) && get_number(v, key, INT64_MAX, UINT64_MAX, n);
}

bool iperf_parse_results(const char *json, struct iperf_test *t)
{
	const char *v = json_first(json_get(json, "streams"));

	t->peer_cpu_permille =
		(unsigned)json_number(json_get(json, "cpu_util_total"), 10, 0) % 1000000;
	json_string(json_get(json, "congestion_used"), t->peer_congestion,
		    sizeof(t->peer_congestion));
	for (; v; v = json_next(v)) {
		struct iperf_stream *s = stream_by_id(t, json_number(json_get(v, "id"), 1, -1));

		if (!s || !get_count(v, "bytes", &s->peer_result.bytes) ||
		    !get_count(v, "errors", &s->peer_result.errors) ||
		    !get_count(v, "packets", &s->peer_result.packets))
			return false;
		s->peer_result.retransmits = json_number(json_get(v, "retransmits"), 1, -1);
		s->peer_result.jitter_ns =
			(uint64_t)json_number(json_get(v, "jitter"), 1000000000, 0);
	}
	return true;
}

int iperf_recv_results(struct iperf_test *t)
{
	char *json = recv_json(t);
	bool ok;

	if (!json)
		return -1;
	ok = iperf_parse_results(json, t);
	free(json);
	errno = EPROTO;
	return ok ? 0 : -1;
}
