/* SPDX-License-Identifier: MIT */
/*
 * Between the files of iperf3. The protocol is that of iperf 3: a control connection that begins
 * with a cookie and then carries one-byte states and length-prefixed JSON, and data streams, TCP
 * or UDP, that begin with the same cookie or a greeting. Either end may send.
 */
#ifndef IPERF_INT_H
#define IPERF_INT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/strbuf.h"

#define IPERF_PORT     5201
#define COOKIE_SIZE    37 /* 36 characters and a NUL */
#define MAX_STREAMS    128
#define MAX_BLOCK      (1u << 20)
#define MAX_UDP_BLOCK  65507u
#define MIN_UDP_BLOCK  16u
#define TCP_BLOCK      (128u * 1024)
#define UDP_BLOCK      1460u
#define UDP_RATE_BPS   1000000u
#define MAX_TIME_S     86400u
#define MAX_OMIT_S     600u
#define CONTROL_MS     10000 /* patience with the other end, between tests' parts */
#define DATA_WAIT_MS   2000  /* ... with one that has connected and says nothing */
#define CONGESTION_LEN 16

/* What is sent on the control connection, as a signed byte. */
enum iperf_state {
	TEST_START = 1,
	TEST_RUNNING = 2,
	TEST_END = 4,
	PARAM_EXCHANGE = 9,
	CREATE_STREAMS = 10,
	SERVER_TERMINATE = 11,
	CLIENT_TERMINATE = 12,
	EXCHANGE_RESULTS = 13,
	DISPLAY_RESULTS = 14,
	IPERF_DONE = 16,
	ACCESS_DENIED = -1,
	SERVER_ERROR = -2,
};

/* What the client decides. */
struct iperf_settings {
	bool udp, reverse, bidir, nodelay, counters_64bit;
	unsigned time_s, omit_s, parallel, len, mss, zerocopy;
	uint32_t window;
	uint64_t rate_bps;      /* a stream's; 0: no limit */
	uint64_t bytes, blocks; /* end after so many; 0: by time */
	char congestion[CONGESTION_LEN];
};

struct iperf_stream {
	int fd, id;
	bool sender, failed;
	struct sockaddr_in local, peer;

	/* Since the start of the measurement: what was omitted is taken off. */
	uint64_t bytes, blocks;
	uint64_t packets; /* UDP: sent, or the highest number received; counts all */
	uint64_t errors, out_of_order;
	uint64_t omitted_packets, omitted_errors;
	uint64_t jitter_ns;
	int64_t transit_us; /* of the last packet */
	bool have_transit;
	unsigned burst; /* UDP: datagrams that may go in one call; 0: not known yet */
	uint64_t retransmits, omitted_retransmits;
	uint32_t cwnd_bytes, rtt_us, max_rtt_us;

	/* At the beginning of the interval being measured. */
	struct {
		uint64_t bytes, packets, errors, retransmits;
	} prev;

	/* What the other end counted. */
	struct {
		uint64_t bytes, packets, errors, jitter_ns;
		int64_t retransmits; /* -1: it does not know */
	} peer_result;
};

struct iperf_test {
	struct iperf_settings set;
	bool server, quiet, json, verbose;
	unsigned interval_ms; /* of reports; 0: none */
	unsigned port;
	const char *app; /* the name for messages */

	int control, listener;      /* listener: the server's, -1 on a client */
	bool listener_is_set;       /* it has options that a client asked for */
	struct sockaddr_in address; /* of the server, on a client */
	char cookie[COOKIE_SIZE];
	struct iperf_stream *stream; /* allocated for a test */
	unsigned n, max_streams;
	char *block; /* what is sent, what is received: nobody looks at it */
	uint32_t control_mss;

	uint64_t begin_us, end_us;
	uint64_t interval_us, next_report_us; /* the current interval's beginning; its end */
	bool omitting;
	uint64_t idle_begin_us, cpu_begin_us;
	unsigned cpu_permille, peer_cpu_permille; /* of all CPUs */
	char congestion_used[CONGESTION_LEN], peer_congestion[CONGESTION_LEN];

	/* -J: pieces of the answer. */
	struct strbuf json_start, json_intervals;
};

/* ---- proto.c: the control connection. All return 0, or -1 with errno. ----------------------- */

int iperf_send_state(struct iperf_test *t, enum iperf_state s);
/* Waits for the other end's next state. */
int iperf_recv_state(struct iperf_test *t, enum iperf_state *s, int timeout_ms);
/* The client's settings, one way. */
int iperf_send_params(struct iperf_test *t);
int iperf_recv_params(struct iperf_test *t);
/* What each end counted. */
int iperf_send_results(struct iperf_test *t);
int iperf_recv_results(struct iperf_test *t);
/* Settings from JSON; what is impossible is refused. For tests. */
bool iperf_parse_params(const char *json, struct iperf_settings *s);
bool iperf_parse_results(const char *json, struct iperf_test *t);

/* ---- stream.c: data ------------------------------------------------------------------------- */

/* Room for the streams that the settings ask for: how many, or -1: no memory. */
int iperf_alloc_streams(struct iperf_test *t);
/* Take fd as the next stream; NULL: there are too many. */
struct iperf_stream *iperf_add_stream(struct iperf_test *t, int fd, bool sender);
/* Buffer sizes, segment size, congestion control: of a socket not yet connected. */
int iperf_set_options(const struct iperf_test *t, int fd);
/* Begin to measure: now is the start. */
int iperf_begin(struct iperf_test *t);
/* Move data for a while, or wait until something can be done (at most 10 ms). */
void iperf_round(struct iperf_test *t, uint64_t now);
/* Of `most` blocks, how many rate and amount let s send now. */
unsigned iperf_blocks_due(const struct iperf_test *t, const struct iperf_stream *s, unsigned most,
			  uint64_t now);
/* The time to omit is over: what was counted till now does not count. */
void iperf_end_omit(struct iperf_test *t, uint64_t now);
/* Read the kernel's figures of each TCP stream. */
void iperf_sample(struct iperf_test *t);
/* The measurement is over. */
void iperf_finish(struct iperf_test *t);
void iperf_close_streams(struct iperf_test *t);
/* Close and forget them. */
void iperf_free_streams(struct iperf_test *t);
uint64_t iperf_total_bytes(const struct iperf_test *t);
uint64_t iperf_total_blocks(const struct iperf_test *t);

/* ---- datagrams.c: UDP ------------------------------------------------------------------------ */

/* Send what is due, receive what is there, of a stream that has not failed. True: some moved. */
bool iperf_send_datagrams(struct iperf_test *t, struct iperf_stream *s, uint64_t now);
bool iperf_recv_datagrams(struct iperf_test *t, struct iperf_stream *s);

/* ---- report.c --------------------------------------------------------------------------------
 */

void iperf_report_start(struct iperf_test *t);
/* If an interval has passed, print it. */
void iperf_report_interval(struct iperf_test *t, uint64_t now, bool last);
void iperf_report_end(struct iperf_test *t);

/* ---- json.c ----------------------------------------------------------------------------------
 */

void iperf_json_interval(struct iperf_test *t, uint64_t from, uint64_t to);
void iperf_json_end(struct iperf_test *t, const char *error);

/* ---- client.c, server.c ------------------------------------------------------------------------
 */

int iperf_client(struct iperf_test *t);
int iperf_server(struct iperf_test *t, bool once);

#endif
