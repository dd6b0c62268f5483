/* SPDX-License-Identifier: MIT */
/*
 * BBR's model of the path: the largest delivery rate of the last ten rounds; the rate of a token
 * bucket that drops the rest (long-term bandwidth); how far ACKs are aggregated; whether the pipe
 * is full. Version 1, as in Linux. Called for each ACK, socket lock held.
 */
#include "tcp_bbr_int.h"

#define BW_ROUNDS         (BBR_CYCLE_LEN + 2)
#define FULL_BW_GAIN      (GAIN_ONE * 5 / 4) /* growth below this ... */
#define FULL_BW_ROUNDS    3u                 /* ... in so many rounds: the pipe is full */
#define LT_MIN_ROUNDS     4u                 /* a sampling interval; four times that at most */
#define LT_LOSS_OF_256    50u                /* loss that tells of a policer */
#define LT_RATIO_OF_256   (GAIN_ONE / 8)     /* two intervals agree so far: ... */
#define LT_DIFF_BYTES_S   500u               /* ... or so near */
#define LT_USE_ROUNDS     48u
#define EXTRA_ROUNDS      5u /* of each of the two windows over which the maximum is taken */
#define EXTRA_MAX_US      100000u
#define EPOCH_RESET_ACKED (1u << 20)
#define EXTRA_MAX_SEGS    0xffffu

/* ---- long-term bandwidth ----------------------------------------------------------------------
 */

static void lt_begin_interval(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	struct bbr *b = bbr_of(sk);

	b->lt_last_ms = (u32)(tp->delivered_us / USEC_PER_MSEC);
	b->lt_last_delivered = tp->delivered;
	b->lt_last_lost = tp->lost;
	b->lt_rtt_cnt = 0;
}

void bbr_lt_reset(struct sock *sk)
{
	struct bbr *b = bbr_of(sk);

	b->lt_bw = 0;
	b->lt_use_bw = false;
	b->lt_is_sampling = false;
	lt_begin_interval(sk);
}

/* An interval with much loss ended: do two in a row show the same rate? */
static void lt_interval_done(struct sock *sk, u32 bw)
{
	struct bbr *b = bbr_of(sk);
	u32 diff = bw > b->lt_bw ? bw - b->lt_bw : b->lt_bw - bw;

	if (b->lt_bw && ((u64)diff * GAIN_ONE <= (u64)LT_RATIO_OF_256 * b->lt_bw ||
			 bbr_bytes_per_s(sk, diff, GAIN_ONE) <= LT_DIFF_BYTES_S)) {
		b->lt_bw = (u32)(((u64)bw + b->lt_bw) >> 1);
		b->lt_use_bw = true;
		b->pacing_gain = GAIN_ONE;
		b->lt_rtt_cnt = 0;
		return;
	}
	b->lt_bw = bw;
	lt_begin_interval(sk);
}

/* In use: from time to time see whether the policer is gone. */
static void lt_in_use(struct sock *sk)
{
	struct bbr *b = bbr_of(sk);

	if (b->mode != BBR_PROBE_BW || !b->round_start || ++b->lt_rtt_cnt < LT_USE_ROUNDS)
		return;
	bbr_lt_reset(sk);
	bbr_enter_probe_bw(sk);
}

/* The rate over the interval that is open; it ends with a loss, while the bucket is empty. */
static void lt_measure(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	struct bbr *b = bbr_of(sk);
	u32 delivered = tp->delivered - b->lt_last_delivered, lost = tp->lost - b->lt_last_lost;
	u32 ms = (u32)(tp->delivered_us / USEC_PER_MSEC) - b->lt_last_ms;

	if (!delivered || (u64)lost << GAIN_SHIFT < (u64)LT_LOSS_OF_256 * delivered || (s32)ms < 1)
		return;
	if (ms >= ~0u / USEC_PER_MSEC)
		bbr_lt_reset(sk);
	else
		lt_interval_done(sk, (u32)(delivered * BW_ONE / (ms * USEC_PER_MSEC)));
}

void bbr_lt_sample(struct sock *sk, const struct rate_sample *rs)
{
	struct bbr *b = bbr_of(sk);

	if (b->lt_use_bw) {
		lt_in_use(sk);
		return;
	}
	if (!b->lt_is_sampling) {
		if (!rs->losses) /* begins where the bucket has run empty */
			return;
		lt_begin_interval(sk);
		b->lt_is_sampling = true;
	}
	if (rs->is_app_limited) {
		bbr_lt_reset(sk);
		return;
	}
	b->lt_rtt_cnt += b->round_start;
	if (b->lt_rtt_cnt < LT_MIN_ROUNDS)
		return;
	if (b->lt_rtt_cnt > 4 * LT_MIN_ROUNDS)
		bbr_lt_reset(sk);
	else if (rs->losses)
		lt_measure(sk);
}

/* ---- bandwidth --------------------------------------------------------------------------------
 */

void bbr_update_bw(struct sock *sk, const struct rate_sample *rs)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	struct bbr *b = bbr_of(sk);
	u64 bw;

	b->round_start = false;
	if (rs->delivered < 0 || rs->interval_us <= 0)
		return;
	if ((s32)(rs->prior_delivered - b->next_rtt_delivered) >= 0) {
		b->next_rtt_delivered = tp->delivered;
		b->rtt_cnt++;
		b->round_start = true;
		b->packet_conservation = false;
	}
	bbr_lt_sample(sk, rs);
	bw = (u64)rs->delivered * BW_ONE / (u64)rs->interval_us;
	/* Where the application was the limit, only a higher rate says something of the path. */
	if (!rs->is_app_limited || bw >= bbr_max_bw(b))
		minmax_running_max(&b->bw, BW_ROUNDS, b->rtt_cnt, (u32)min_t(u64, bw, ~0u));
}

void bbr_check_full_bw(struct sock *sk, const struct rate_sample *rs)
{
	struct bbr *b = bbr_of(sk);

	if (b->full_bw_reached || !b->round_start || rs->is_app_limited)
		return;
	if (bbr_max_bw(b) >= (u64)b->full_bw * FULL_BW_GAIN >> GAIN_SHIFT) {
		b->full_bw = bbr_max_bw(b);
		b->full_bw_cnt = 0;
		return;
	}
	b->full_bw_cnt++;
	b->full_bw_reached = b->full_bw_cnt >= FULL_BW_ROUNDS;
}

/* ---- aggregation ------------------------------------------------------------------------------
 */

/* The most that came above the expected since the epoch began, over five to ten rounds. */
void bbr_update_aggregation(struct sock *sk, const struct rate_sample *rs)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	struct bbr *b = bbr_of(sk);
	u64 expected;
	u32 extra;

	if (!rs->acked_sacked || rs->delivered < 0 || rs->interval_us <= 0)
		return;
	if (b->round_start && ++b->extra_acked_rtts >= EXTRA_ROUNDS) {
		b->extra_acked_rtts = 0;
		b->extra_acked_idx = !b->extra_acked_idx;
		b->extra_acked[b->extra_acked_idx] = 0;
	}
	expected = (u64)bbr_bw(b) * ((u32)tp->delivered_us - b->ack_epoch_us) >> BW_SHIFT;
	if (b->ack_epoch_acked <= expected ||
	    b->ack_epoch_acked + rs->acked_sacked >= EPOCH_RESET_ACKED) {
		b->ack_epoch_acked = 0;
		b->ack_epoch_us = (u32)tp->delivered_us;
		expected = 0;
	}
	b->ack_epoch_acked = min(b->ack_epoch_acked + rs->acked_sacked, EPOCH_RESET_ACKED - 1);
	extra = min(b->ack_epoch_acked - (u32)expected, tp->snd_cwnd);
	extra = min(extra, EXTRA_MAX_SEGS);
	if (extra > b->extra_acked[b->extra_acked_idx])
		b->extra_acked[b->extra_acked_idx] = (u16)extra;
}

u32 bbr_aggregation_cwnd(const struct bbr *b)
{
	u32 most = (u32)((u64)bbr_bw(b) * EXTRA_MAX_US >> BW_SHIFT);

	if (!b->full_bw_reached)
		return 0;
	return min(most, (u32)max(b->extra_acked[0], b->extra_acked[1]));
}

void bbr_model_init(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	struct bbr *b = bbr_of(sk);

	b->next_rtt_delivered = tp->delivered;
	b->ack_epoch_us = (u32)tp->tcp_mstamp_us;
	minmax_reset(&b->bw, 0, 0);
	bbr_lt_reset(sk);
}
