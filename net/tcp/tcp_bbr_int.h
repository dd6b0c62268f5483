/* SPDX-License-Identifier: MIT */
/*
 * BBR's state, shared by the model of the path (tcp_bbr_model.c) and what is made of it
 * (tcp_bbr.c). Bandwidth is in segments a microsecond times 2^24, gains are in 1/256.
 */
#ifndef TCP_BBR_INT_H
#define TCP_BBR_INT_H

#include "tcp_int.h"

#define BW_SHIFT      24
#define BW_ONE        (1ull << BW_SHIFT)
#define GAIN_SHIFT    8
#define GAIN_ONE      (1u << GAIN_SHIFT)
#define BBR_CYCLE_LEN 8u
#define BBR_MIN_CWND  4u /* segments: enough for an ACK every second one */

enum bbr_mode {
	BBR_STARTUP,  /* exponential growth until the bandwidth grows no more */
	BBR_DRAIN,    /* empty the queue that STARTUP made */
	BBR_PROBE_BW, /* cycle round the bandwidth found */
	BBR_PROBE_RTT /* nearly stop for a moment, to see the path without our queue */
};

struct bbr {
	u32 min_rtt_us, min_rtt_stamp_ms;
	u32 probe_rtt_done_ms;  /* 0: not yet drained to the minimum */
	struct minmax bw;       /* maximum over the last rounds */
	u32 rtt_cnt;            /* rounds */
	u32 next_rtt_delivered; /* a round ends when a segment sent at this count is acknowledged */
	u32 cycle_us;           /* start of this phase of the cycle, low bits */
	u8 mode, prev_ca_state, full_bw_cnt, cycle_idx;
	bool packet_conservation : 1; /* first round of a recovery: no more in than came out */
	bool round_start : 1, idle_restart : 1, probe_rtt_round_done : 1, has_seen_rtt : 1;
	bool full_bw_reached : 1;
	/* long-term bandwidth, where a policer drops what is above its rate */
	bool lt_is_sampling : 1, lt_use_bw : 1;
	u8 lt_rtt_cnt;
	/* how much more is acknowledged at once than the bandwidth explains */
	u8 extra_acked_rtts, extra_acked_idx;
	u16 extra_acked[2];
	u16 pacing_gain, cwnd_gain;
	u32 prior_cwnd, full_bw;
	u32 lt_bw, lt_last_delivered, lt_last_ms, lt_last_lost;
	u32 ack_epoch_acked;
	u32 ack_epoch_us; /* low bits */
};
static_assert(sizeof(struct bbr) <= TCP_CA_PRIV_SIZE, "fits ca_priv");

static inline struct bbr *bbr_of(const struct sock *sk)
{
	return inet_csk_ca(sk);
}
static inline u32 bbr_max_bw(const struct bbr *b)
{
	return minmax_get(&b->bw);
}
/* The bandwidth we go by. */
static inline u32 bbr_bw(const struct bbr *b)
{
	return b->lt_use_bw ? b->lt_bw : bbr_max_bw(b);
}

/* tcp_bbr_model.c: what one ACK tells of bandwidth and aggregation. */
void bbr_model_init(struct sock *sk);
void bbr_update_bw(struct sock *sk, const struct rate_sample *rs);
void bbr_update_aggregation(struct sock *sk, const struct rate_sample *rs);
void bbr_check_full_bw(struct sock *sk, const struct rate_sample *rs);
void bbr_lt_reset(struct sock *sk);
void bbr_lt_sample(struct sock *sk, const struct rate_sample *rs);
/* Segments of window for what arrives aggregated. */
u32 bbr_aggregation_cwnd(const struct bbr *b);

/* tcp_bbr.c */
u64 bbr_bytes_per_s(const struct sock *sk, u64 bw, u32 gain);
void bbr_enter_probe_bw(struct sock *sk);

#endif
