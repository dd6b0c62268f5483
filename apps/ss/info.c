/* SPDX-License-Identifier: MIT */
/*
 * What ss says about one socket behind its columns: iproute2's words, in its order.
 */
#include "ss_int.h"

#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/nl.h"
#include "../lib/num.h"

#define NOT_REORDERED  3u /* tcpi_reordering of a path that keeps order */
#define NO_SSTHRESH    0xffffu
#define RTO_UNKNOWN_US 3000000u /* what it is before a connection is */

void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	t->len += (size_t)n < t->size - t->len ? (size_t)n : t->size - t->len - 1;
}

const char *state_name(unsigned state)
{
	static const char *const names[] = {
		[TCP_ESTABLISHED] = "ESTAB",    [TCP_SYN_SENT] = "SYN-SENT",
		[TCP_SYN_RECV] = "SYN-RECV",    [TCP_FIN_WAIT1] = "FIN-WAIT-1",
		[TCP_FIN_WAIT2] = "FIN-WAIT-2", [TCP_TIME_WAIT] = "TIME-WAIT",
		[TCP_CLOSE] = "UNCONN",         [TCP_CLOSE_WAIT] = "CLOSE-WAIT",
		[TCP_LAST_ACK] = "LAST-ACK",    [TCP_LISTEN] = "LISTEN",
		[TCP_CLOSING] = "CLOSING",
	};

	return state < sizeof(names) / sizeof(names[0]) && names[state] ? names[state] : "UNKNOWN";
}

/* "1min5sec", "59sec", "1.204ms", "204ms": the finer parts are left out of long times. */
static void text_duration(struct text *t, unsigned ms)
{
	unsigned min = ms / 60000, s = ms / 1000 % 60;

	ms = min || s > 9 ? 0 : ms % 1000;
	if (min)
		text_add(t, "%umin", min);
	if (s && min <= 9)
		text_add(t, "%u%s", s, ms ? "." : "sec");
	if (ms)
		text_add(t, "%03ums", ms);
}

void text_timer(struct text *t, const struct inet_diag_msg *m)
{
	static const char *const names[] = {"off", "on", "keepalive", "timewait", "persist"};

	if (!m->idiag_timer)
		return;
	text_add(t, " timer:(%s,", m->idiag_timer < 5 ? names[m->idiag_timer] : "unknown");
	text_duration(t, m->idiag_expires);
	text_add(t, ",%u)", m->idiag_retrans);
}

void text_extended(struct text *t, const struct inet_diag_msg *m)
{
	unsigned long long cookie =
		(unsigned long long)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0];

	if (m->idiag_uid)
		text_add(t, " uid:%u", m->idiag_uid);
	if (m->idiag_inode)
		text_add(t, " ino:%u", m->idiag_inode);
	text_add(t, " sk:%llx", cookie);
}

void text_memory(struct text *t, const struct rtattr *a)
{
	uint32_t v[SK_MEMINFO_VARS] = {0};

	if (!a)
		return;
	memcpy(v, RTA_DATA(a), RTA_PAYLOAD(a) < (int)sizeof(v) ? RTA_PAYLOAD(a) : (int)sizeof(v));
	text_add(t, " skmem:(r%u,rb%u,t%u,tb%u,f%u,w%u,o%u,bl%u,d%u)", v[SK_MEMINFO_RMEM_ALLOC],
		 v[SK_MEMINFO_RCVBUF], v[SK_MEMINFO_WMEM_ALLOC], v[SK_MEMINFO_SNDBUF],
		 v[SK_MEMINFO_FWD_ALLOC], v[SK_MEMINFO_WMEM_QUEUED], v[SK_MEMINFO_OPTMEM],
		 v[SK_MEMINFO_BACKLOG], v[SK_MEMINFO_DROPS]);
}

/* Microseconds as milliseconds with no zeros at the end: "0.044", "204", "1.5". */
static void text_ms(struct text *t, const char *name, uint64_t us)
{
	char buf[DECIMAL_BYTES];
	size_t n;

	decimal(buf, us, 1000, 3);
	for (n = strlen(buf); buf[n - 1] == '0'; n--)
		buf[n - 1] = '\0';
	if (buf[n - 1] == '.')
		buf[n - 1] = '\0';
	text_add(t, "%s%s", name, buf);
}

static void nonzero(struct text *t, const char *name, uint64_t v)
{
	if (v)
		text_add(t, " %s:%llu", name, (unsigned long long)v);
}

static void text_rate(struct text *t, const char *name, uint64_t bytes_a_second)
{
	if (bytes_a_second && bytes_a_second != UINT64_MAX)
		text_add(t, " %s %llubps", name, (unsigned long long)bytes_a_second * 8);
}

static void text_options(struct text *t, const struct tcp_info *i, const struct rtattr *cong)
{
	if (i->tcpi_options & TCPI_OPT_TIMESTAMPS)
		text_add(t, " ts");
	if (i->tcpi_options & TCPI_OPT_SACK)
		text_add(t, " sack");
	if (i->tcpi_options & TCPI_OPT_ECN)
		text_add(t, " ecn");
	if (i->tcpi_options & TCPI_OPT_ECN_SEEN)
		text_add(t, " ecnseen");
	if (i->tcpi_options & TCPI_OPT_SYN_DATA)
		text_add(t, " fastopen");
	if (cong)
		text_add(t, " %.*s", RTA_PAYLOAD(cong), (const char *)RTA_DATA(cong));
	if (i->tcpi_options & TCPI_OPT_WSCALE)
		text_add(t, " wscale:%u,%u", i->tcpi_snd_wscale, i->tcpi_rcv_wscale);
}

static void text_path(struct text *t, const struct tcp_info *i)
{
	if (i->tcpi_rto && i->tcpi_rto != RTO_UNKNOWN_US)
		text_ms(t, " rto:", i->tcpi_rto);
	nonzero(t, "backoff", i->tcpi_backoff);
	if (i->tcpi_rtt) {
		text_ms(t, " rtt:", i->tcpi_rtt);
		text_ms(t, "/", i->tcpi_rttvar);
	}
	if (i->tcpi_ato)
		text_ms(t, " ato:", i->tcpi_ato);
	nonzero(t, "mss", i->tcpi_snd_mss);
	nonzero(t, "pmtu", i->tcpi_pmtu);
	nonzero(t, "rcvmss", i->tcpi_rcv_mss);
	nonzero(t, "advmss", i->tcpi_advmss);
	nonzero(t, "cwnd", i->tcpi_snd_cwnd);
	if (i->tcpi_snd_ssthresh < NO_SSTHRESH)
		nonzero(t, "ssthresh", i->tcpi_snd_ssthresh);
}

static void text_counts(struct text *t, const struct tcp_info *i)
{
	nonzero(t, "bytes_sent", i->tcpi_bytes_sent);
	nonzero(t, "bytes_retrans", i->tcpi_bytes_retrans);
	nonzero(t, "bytes_acked", i->tcpi_bytes_acked);
	nonzero(t, "bytes_received", i->tcpi_bytes_received);
	nonzero(t, "segs_out", i->tcpi_segs_out);
	nonzero(t, "segs_in", i->tcpi_segs_in);
	nonzero(t, "data_segs_out", i->tcpi_data_segs_out);
	nonzero(t, "data_segs_in", i->tcpi_data_segs_in);
}

static void text_rates(struct text *t, const struct tcp_info *i)
{
	uint64_t in_flight = (uint64_t)i->tcpi_snd_cwnd * i->tcpi_snd_mss;

	if (i->tcpi_rtt && in_flight)
		text_rate(t, "send", mul_div(in_flight, 1000000, i->tcpi_rtt));
	nonzero(t, "lastsnd", i->tcpi_last_data_sent);
	nonzero(t, "lastrcv", i->tcpi_last_data_recv);
	nonzero(t, "lastack", i->tcpi_last_ack_recv);
	text_rate(t, "pacing_rate", i->tcpi_pacing_rate);
	if (i->tcpi_pacing_rate && i->tcpi_max_pacing_rate && i->tcpi_max_pacing_rate != UINT64_MAX)
		text_add(t, "/%llubps", (unsigned long long)i->tcpi_max_pacing_rate * 8);
	text_rate(t, "delivery_rate", i->tcpi_delivery_rate);
	nonzero(t, "delivered", i->tcpi_delivered);
	nonzero(t, "delivered_ce", i->tcpi_delivered_ce);
	if (i->tcpi_delivery_rate_app_limited)
		text_add(t, " app_limited");
}

/* " rwnd_limited:12ms(3.1%)" */
static void text_limited(struct text *t, const char *name, uint64_t us, uint64_t busy_us)
{
	char percent[DECIMAL_BYTES];

	if (us)
		text_add(t, " %s:%llums(%s%%)", name, (unsigned long long)us / 1000,
			 decimal(percent, busy_us ? mul_div(us, 1000, busy_us) : 0, 10, 1));
}

static void text_losses(struct text *t, const struct tcp_info *i, unsigned state)
{
	if (i->tcpi_busy_time) {
		text_add(t, " busy:%llums", (unsigned long long)i->tcpi_busy_time / 1000);
		text_limited(t, "rwnd_limited", i->tcpi_rwnd_limited, i->tcpi_busy_time);
		text_limited(t, "sndbuf_limited", i->tcpi_sndbuf_limited, i->tcpi_busy_time);
	}
	nonzero(t, "unacked", i->tcpi_unacked);
	if (i->tcpi_retrans || i->tcpi_total_retrans)
		text_add(t, " retrans:%u/%u", i->tcpi_retrans, i->tcpi_total_retrans);
	nonzero(t, "lost", i->tcpi_lost);
	if (state != TCP_LISTEN)
		nonzero(t, "sacked", i->tcpi_sacked);
	nonzero(t, "dsack_dups", i->tcpi_dsack_dups);
	nonzero(t, "fackets", i->tcpi_fackets);
	if (i->tcpi_reordering != NOT_REORDERED)
		nonzero(t, "reordering", i->tcpi_reordering);
	nonzero(t, "reord_seen", i->tcpi_reord_seen);
}

static void text_receiving(struct text *t, const struct tcp_info *i)
{
	if (i->tcpi_rcv_rtt)
		text_ms(t, " rcv_rtt:", i->tcpi_rcv_rtt);
	nonzero(t, "rcv_space", i->tcpi_rcv_space);
	nonzero(t, "rcv_ssthresh", i->tcpi_rcv_ssthresh);
	nonzero(t, "notsent", i->tcpi_notsent_bytes);
	if (i->tcpi_min_rtt && i->tcpi_min_rtt != UINT32_MAX)
		text_ms(t, " minrtt:", i->tcpi_min_rtt);
	nonzero(t, "rcv_ooopack", i->tcpi_rcv_ooopack);
	nonzero(t, "snd_wnd", i->tcpi_snd_wnd);
	nonzero(t, "rcv_wnd", i->tcpi_rcv_wnd);
	nonzero(t, "rehash", i->tcpi_rehash);
}

void text_tcp_info(struct text *t, const struct rtattr *tb[], unsigned state)
{
	const struct rtattr *a = tb[INET_DIAG_INFO];
	struct tcp_info i = {0};

	if (a)
		memcpy(&i, RTA_DATA(a),
		       RTA_PAYLOAD(a) < (int)sizeof(i) ? RTA_PAYLOAD(a) : (int)sizeof(i));
	text_options(t, &i, tb[INET_DIAG_CONG]);
	if (!a)
		return;
	if (state == TCP_LISTEN) {
		nonzero(t, "cwnd", i.tcpi_snd_cwnd);
		return;
	}
	text_path(t, &i);
	text_counts(t, &i);
	text_rates(t, &i);
	text_losses(t, &i, state);
	text_receiving(t, &i);
}
