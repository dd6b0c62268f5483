/* SPDX-License-Identifier: MIT */
/*
 * net.ipv4.tcp_*: Linux's names, units and defaults. Each acts where its name is used; what is not
 * here is not there. A net's values are copied from these defaults when it is set up.
 */
#include <kernel/mm.h>

#include "tcp_int.h"

#define MAX_BUFFER (32u << 20)

#define TCP_ROW(field, n, lo, hi)                                                          \
	{                                                                                  \
		.name = #field, .offset = offsetof(struct netns_tcp, field), .count = (n), \
		.mode = 0644, .min = (lo), .max = (hi), .ops = &ctl_int                    \
	}
#define TCP_INT(field, lo, hi) TCP_ROW(field, 1, lo, hi)
#define TCP_ULONG(field)                                                                 \
	{                                                                                \
		.name = #field, .offset = offsetof(struct netns_tcp, field), .count = 1, \
		.mode = 0644, .ops = &ctl_ulong                                          \
	}

static const struct ctl_table tcp_table[] = {
	TCP_INT(tcp_syncookies, 0, 2),
	TCP_INT(tcp_max_syn_backlog, 0, INT32_MAX),
	TCP_INT(tcp_synack_retries, 0, 255),
	TCP_INT(tcp_syn_retries, 1, TCP_MAX_SYNCNT),
	TCP_INT(tcp_abort_on_overflow, 0, 1),
	TCP_INT(tcp_max_syn_per_source, 0, INT32_MAX),
	TCP_INT(tcp_max_conn_per_source, 0, INT32_MAX),
	TCP_INT(tcp_source_prefix, 8, 32),
	TCP_INT(tcp_syn_shed_ms, 0, 10000),
	TCP_INT(tcp_max_tw_buckets, 0, INT32_MAX),
	TCP_INT(tcp_tw_reuse, 0, 2),
	TCP_INT(tcp_rfc1337, 0, 1),
	TCP_INT(tcp_fin_timeout, 1, 120),
	TCP_INT(tcp_max_orphans, 0, INT32_MAX),
	TCP_INT(tcp_orphan_retries, 0, 255),
	TCP_INT(tcp_retries2, 1, 255),
	TCP_INT(tcp_rto_min_us, 1, INT32_MAX),
	TCP_INT(tcp_rto_max_ms, 1000, 120000),
	TCP_INT(tcp_keepalive_time, 1, TCP_MAX_KEEPIDLE),
	TCP_INT(tcp_keepalive_intvl, 1, TCP_MAX_KEEPINTVL),
	TCP_INT(tcp_keepalive_probes, 1, TCP_MAX_KEEPCNT),
	TCP_INT(tcp_sack, 0, 1),
	TCP_INT(tcp_dsack, 0, 1),
	TCP_INT(tcp_recovery, 0, INT32_MAX),
	TCP_INT(tcp_early_retrans, 0, 4),
	TCP_INT(tcp_frto, 0, INT32_MAX),
	TCP_INT(tcp_reordering, 1, INT32_MAX),
	TCP_INT(tcp_max_reordering, 1, INT32_MAX),
	TCP_INT(tcp_retrans_collapse, 0, 1),
	TCP_INT(tcp_min_rtt_wlen, 0, 86400),
	TCP_INT(tcp_retries1, 0, 255),
	TCP_INT(tcp_syn_linear_timeouts, 0, TCP_MAX_SYNCNT),
	TCP_INT(tcp_timestamps, 0, 2),
	TCP_INT(tcp_window_scaling, 0, 1),
	TCP_INT(tcp_slow_start_after_idle, 0, 1),
	TCP_INT(tcp_min_snd_mss, 48, 65535),
	TCP_ROW(tcp_rmem, 3, 2304, INT32_MAX),
	TCP_ROW(tcp_wmem, 3, 4096, INT32_MAX),
	TCP_INT(tcp_challenge_ack_limit, 1, INT32_MAX),
	TCP_INT(tcp_invalid_ratelimit, 0, INT32_MAX),
	TCP_INT(tcp_ecn, 0, 2),
	TCP_INT(tcp_ecn_fallback, 0, 1),
	TCP_INT(tcp_cubic_hystart, 0, 7),
	TCP_INT(tcp_pacing_ss_ratio, 0, 1000),
	TCP_INT(tcp_pacing_ca_ratio, 0, 1000),
	TCP_INT(tcp_min_tso_segs, 1, INT32_MAX),
	TCP_INT(tcp_tso_win_divisor, 0, INT32_MAX),
	TCP_INT(tcp_tso_rtt_log, 0, 255),
	TCP_INT(tcp_limit_output_bytes, 0, INT32_MAX),
	TCP_INT(tcp_moderate_rcvbuf, 0, 1),
	TCP_INT(tcp_adv_win_scale, -31, 31),
	TCP_INT(tcp_mtu_probing, 0, 2),
	TCP_INT(tcp_mtu_probe_floor, 48, 65535),
	TCP_INT(tcp_base_mss, 48, 65535),
	TCP_INT(tcp_probe_interval, 0, INT32_MAX),
	TCP_INT(tcp_probe_threshold, 0, INT32_MAX),
	TCP_INT(tcp_autocorking, 0, 1),
	TCP_INT(tcp_workaround_signed_windows, 0, 1),
	TCP_INT(tcp_shrink_window, 0, 1),
	TCP_INT(tcp_fastopen, 0, INT32_MAX),
	{.name = "tcp_fastopen_key",
	 .offset = offsetof(struct netns_tcp, fastopen_ctx),
	 .count = 1,
	 .mode = 0600,
	 .ops = &tcp_fastopen_key_ops},
	TCP_ULONG(tcp_notsent_lowat),
	TCP_ULONG(tcp_comp_sack_delay_ns),
	TCP_ULONG(tcp_comp_sack_slack_ns),
	TCP_INT(tcp_comp_sack_nr, 0, 255),
	TCP_INT(tcp_comp_sack_rtt_percent, 1, 1000),
	TCP_INT(tcp_thin_linear_timeouts, 0, 1),
};

/* The largest buffers: what fills 1 Gbit/s over 100 ms and more, but no more of the memory than a
 * sixteenth. */
static void buffer_limits(struct netns_tcp *nt)
{
	struct meminfo mi;
	u64 share;

	meminfo_get(&mi); /* pages */
	share = (u64)mi.total * PAGE_SIZE / 16;
	nt->tcp_rmem[0] = 4096;
	nt->tcp_rmem[1] = 131072;
	nt->tcp_rmem[2] = (int)clamp_t(u64, share, 131072, MAX_BUFFER);
	nt->tcp_wmem[0] = 4096;
	nt->tcp_wmem[1] = 16384;
	nt->tcp_wmem[2] = (int)clamp_t(u64, share, 65536, MAX_BUFFER);
}

/* What closed connections may keep of the memory: about a thirty-second for orphans, which are
 * sockets of 2 KiB, and a sixty-fourth for TIME-WAIT records. */
static void closed_limits(struct netns_tcp *nt)
{
	struct meminfo mi;

	meminfo_get(&mi); /* pages */
	nt->tcp_max_orphans = (int)clamp_t(u64, mi.total / 16, 256, 262144);
	nt->tcp_max_tw_buckets = (int)clamp_t(u64, mi.total / 2, 1024, 262144);
}

void tcp_sysctl_init(struct netns_tcp *nt)
{
	nt->tcp_fastopen = TFO_CLIENT_ENABLE;
	nt->tcp_syncookies = 1;
	nt->tcp_max_syn_backlog = 1024;
	nt->tcp_synack_retries = 5;
	nt->tcp_syn_retries = 6;
	closed_limits(nt);
	nt->tcp_tw_reuse = 2;
	nt->tcp_fin_timeout = 60;
	nt->tcp_retries2 = 15;
	nt->tcp_rto_min_us = 200000;
	nt->tcp_rto_max_ms = 120000;
	nt->tcp_keepalive_time = 7200;
	nt->tcp_keepalive_intvl = 75;
	nt->tcp_keepalive_probes = 9;
	nt->tcp_sack = 1;
	nt->tcp_dsack = 1;
	nt->tcp_recovery = 1;
	nt->tcp_comp_sack_nr = 44;
	nt->tcp_comp_sack_rtt_percent = 33;
	nt->tcp_comp_sack_delay_ns = NSEC_PER_MSEC;
	nt->tcp_comp_sack_slack_ns = 10000;
	nt->tcp_early_retrans = 3;
	nt->tcp_frto = 2;
	nt->tcp_reordering = 3;
	nt->tcp_max_reordering = 300;
	nt->tcp_retrans_collapse = 1;
	nt->tcp_min_rtt_wlen = 300;
	nt->tcp_retries1 = 3;
	nt->tcp_syn_linear_timeouts = 4;
	nt->tcp_timestamps = 1;
	nt->tcp_window_scaling = 1;
	nt->tcp_slow_start_after_idle = 1;
	nt->tcp_min_snd_mss = 48;
	buffer_limits(nt);
	nt->tcp_challenge_ack_limit = INT32_MAX;
	nt->tcp_invalid_ratelimit = 500;
	nt->tcp_ecn = 2;
	nt->tcp_ecn_fallback = 1;
	nt->tcp_cubic_hystart = 4; /* HyStart++ */
	nt->tcp_pacing_ss_ratio = 200;
	nt->tcp_pacing_ca_ratio = 120;
	nt->tcp_min_tso_segs = 2;
	nt->tcp_tso_win_divisor = 3;
	nt->tcp_tso_rtt_log = 9;
	nt->tcp_limit_output_bytes = 16 * 65536;
	nt->tcp_moderate_rcvbuf = 1;
	nt->tcp_adv_win_scale = 1;
	nt->tcp_mtu_probe_floor = 48;
	nt->tcp_base_mss = 1024;
	nt->tcp_probe_interval = 600;
	nt->tcp_probe_threshold = 8;
	nt->tcp_autocorking = 1;
	nt->tcp_notsent_lowat = 0xffffffffUL;
	sysctl_register(&nt->ctl, "net/ipv4", tcp_table, ARRAY_SIZE(tcp_table), nt);
	tcp_cc_net_init(nt);
}
