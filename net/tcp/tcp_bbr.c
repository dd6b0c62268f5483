/* SPDX-License-Identifier: MIT */
/*
 * BBR, version 1, as in Linux: it sends at the rate at which the path delivers, with about one
 * bandwidth-delay product in flight, and takes a loss for no sign of congestion. The states
 * (STARTUP, DRAIN, PROBE_BW, PROBE_RTT) choose two gains, of the pacing rate and of the window,
 * over the model of tcp_bbr_model.c. Paces by the fq qdisc or our own timer. Socket lock held.
 */
#include "tcp_bbr_int.h"

#define MIN_RTT_WINDOW_MS  10000u
#define PROBE_RTT_MS       200u
#define HIGH_GAIN          (GAIN_ONE * 2885 / 1000 + 1) /* 2 / ln 2: doubles each round */
#define DRAIN_GAIN         (GAIN_ONE * 1000 / 2885)
#define CWND_GAIN          (GAIN_ONE * 2)
#define PACING_MARGIN      99u /* per cent: a little below, so that no queue builds up */
#define CYCLE_RANDOM       7u
#define MIN_TSO_RATE_BYTES (1200000u / 8)
#define MAX_TSO_SEGS       127u

/* First a little more, then that queue away again, then cruise. */
static u32 cycle_gain(u8 idx)
{
	return idx == 0 ? GAIN_ONE * 5 / 4 : idx == 1 ? GAIN_ONE * 3 / 4 : GAIN_ONE;
}

/* ---- rate -------------------------------------------------------------------------------------
 */

u64 bbr_bytes_per_s(const struct sock *sk, u64 bw, u32 gain)
{
	u64 rate = bw * tcp_sk(sk)->mss_cache * gain >> GAIN_SHIFT;

	return rate * (USEC_PER_SEC / 100 * PACING_MARGIN) >> BW_SHIFT;
}

static u64 pacing_rate(const struct sock *sk, u64 bw, u32 gain)
{
	return min(bbr_bytes_per_s(sk, bw, gain), sk->sk_max_pacing_rate);
}

/* Before the first sample: an initial window in a round trip. */
static void init_pacing_rate(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 rtt_us = USEC_PER_MSEC;

	if (tp->srtt_us) {
		rtt_us = max(tp->srtt_us >> 3, 1u);
		bbr_of(sk)->has_seen_rtt = true;
	}
	WRITE_ONCE(sk->sk_pacing_rate, pacing_rate(sk, tp->snd_cwnd * BW_ONE / rtt_us, HIGH_GAIN));
}

static void set_pacing_rate(struct sock *sk, u32 bw, u32 gain)
{
	struct bbr *b = bbr_of(sk);
	u64 rate = pacing_rate(sk, bw, gain);

	if (!b->has_seen_rtt && tcp_sk(sk)->srtt_us)
		init_pacing_rate(sk);
	/* Until the pipe is full a lower sample is only a bad one. */
	if (b->full_bw_reached || rate > sk->sk_pacing_rate)
		WRITE_ONCE(sk->sk_pacing_rate, rate);
}

static u32 bbr_min_tso_segs(struct sock *sk)
{
	return sk->sk_pacing_rate < MIN_TSO_RATE_BYTES ? 1 : 2;
}

static u32 tso_goal_segs(struct sock *sk)
{
	u64 bytes = min_t(u64, sk->sk_pacing_rate >> sk->sk_pacing_shift,
			  GSO_MAX_SIZE - 1 - MAX_TCP_HEADER);
	u32 segs = (u32)bytes / tcp_sk(sk)->mss_cache;

	return min(max(segs, bbr_min_tso_segs(sk)), MAX_TSO_SEGS);
}

/* ---- window -----------------------------------------------------------------------------------
 */

static u32 bdp(const struct bbr *b, u32 bw, u32 gain)
{
	u64 w = (u64)bw * b->min_rtt_us;

	if (b->min_rtt_us == ~0u) /* no sample yet */
		return TCP_INIT_CWND;
	return (u32)((((w * gain) >> GAIN_SHIFT) + BW_ONE - 1) / BW_ONE);
}

/* What offload and delayed ACKs keep away from the path for a time. */
static u32 with_quanta(struct sock *sk, u32 cwnd)
{
	const struct bbr *b = bbr_of(sk);

	cwnd += 3 * tso_goal_segs(sk);
	cwnd = (cwnd + 1) & ~1u;
	return b->mode == BBR_PROBE_BW && !b->cycle_idx ? cwnd + 2 : cwnd;
}

static u32 inflight_target(struct sock *sk, u32 bw, u32 gain)
{
	return with_quanta(sk, bdp(bbr_of(sk), bw, gain));
}

/* Segments in the network when the next one departs: pacing holds some back still. */
static u32 in_net_at_departure(struct sock *sk, u32 in_flight)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	const struct bbr *b = bbr_of(sk);
	u64 now_ns = tp->tcp_mstamp_us * NSEC_PER_USEC, edt_ns = max(tp->tcp_wstamp_ns, now_ns);
	u64 delivered = (u64)bbr_bw(b) * ((edt_ns - now_ns) / NSEC_PER_USEC) >> BW_SHIFT;

	if (b->pacing_gain > GAIN_ONE) /* that one goes out with it */
		in_flight += tso_goal_segs(sk);
	return delivered >= in_flight ? 0 : in_flight - (u32)delivered;
}

static void save_cwnd(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	struct bbr *b = bbr_of(sk);

	if (b->prev_ca_state < TCP_CA_Recovery && b->mode != BBR_PROBE_RTT)
		b->prior_cwnd = tp->snd_cwnd;
	else
		b->prior_cwnd = max(b->prior_cwnd, tp->snd_cwnd);
}

/* Recovery: in its first round a segment for each that is delivered; at its end the old window.
 * True: *cwnd is the window. */
static bool recover_or_restore(struct sock *sk, const struct rate_sample *rs, u32 acked, u32 *cwnd)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	struct bbr *b = bbr_of(sk);
	u8 prev = b->prev_ca_state, state = tp->ca_state;

	*cwnd = tp->snd_cwnd;
	if (rs->losses)
		*cwnd = *cwnd > rs->losses ? *cwnd - rs->losses : 1;
	if (state == TCP_CA_Recovery && prev != TCP_CA_Recovery) {
		b->packet_conservation = true;
		b->next_rtt_delivered = tp->delivered;
		*cwnd = tcp_packets_in_flight(tp) + acked;
	} else if (prev >= TCP_CA_Recovery && state < TCP_CA_Recovery) {
		*cwnd = max(*cwnd, b->prior_cwnd);
		b->packet_conservation = false;
	}
	b->prev_ca_state = state;
	if (b->packet_conservation)
		*cwnd = max(*cwnd, tcp_packets_in_flight(tp) + acked);
	return b->packet_conservation;
}

static void set_cwnd(struct sock *sk, const struct rate_sample *rs, u32 bw)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct bbr *b = bbr_of(sk);
	u32 acked = rs->acked_sacked, cwnd = tp->snd_cwnd;

	if (acked && !recover_or_restore(sk, rs, acked, &cwnd)) {
		u32 target = with_quanta(sk, bdp(b, bw, b->cwnd_gain) + bbr_aggregation_cwnd(b));

		if (b->full_bw_reached)
			cwnd = min(cwnd + acked, target);
		else if (cwnd < target || tp->delivered < TCP_INIT_CWND)
			cwnd += acked;
		cwnd = max(cwnd, BBR_MIN_CWND);
	}
	tp->snd_cwnd = min(cwnd, tp->snd_cwnd_clamp);
	if (b->mode == BBR_PROBE_RTT)
		tp->snd_cwnd = min(tp->snd_cwnd, BBR_MIN_CWND);
}

/* ---- states -----------------------------------------------------------------------------------
 */

static void next_phase(struct sock *sk)
{
	struct bbr *b = bbr_of(sk);

	b->cycle_idx = (b->cycle_idx + 1u) & (BBR_CYCLE_LEN - 1);
	b->cycle_us = (u32)tcp_sk(sk)->delivered_us;
}

/* At a random phase, but never the one that drains: flows shall not go in step. */
void bbr_enter_probe_bw(struct sock *sk)
{
	struct bbr *b = bbr_of(sk);

	b->mode = BBR_PROBE_BW;
	b->cycle_idx = (u8)(BBR_CYCLE_LEN - 1 - get_random_u32_below(CYCLE_RANDOM));
	next_phase(sk);
}

static void leave_probe_rtt(struct sock *sk)
{
	if (bbr_of(sk)->full_bw_reached)
		bbr_enter_probe_bw(sk);
	else
		bbr_of(sk)->mode = BBR_STARTUP;
}

static bool phase_is_over(struct sock *sk, const struct rate_sample *rs)
{
	const struct bbr *b = bbr_of(sk);
	bool full_length = (u32)tcp_sk(sk)->delivered_us - b->cycle_us > b->min_rtt_us;
	u32 in_net;

	if (b->pacing_gain == GAIN_ONE)
		return full_length;
	in_net = in_net_at_departure(sk, rs->prior_in_flight);
	/* More must have been in the network before we know whether it is delivered faster. */
	if (b->pacing_gain > GAIN_ONE)
		return full_length &&
		       (rs->losses || in_net >= inflight_target(sk, bbr_max_bw(b), b->pacing_gain));
	return full_length || in_net <= inflight_target(sk, bbr_max_bw(b), GAIN_ONE);
}

static void check_drain(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct bbr *b = bbr_of(sk);

	if (b->mode == BBR_STARTUP && b->full_bw_reached) {
		b->mode = BBR_DRAIN;
		tp->snd_ssthresh = inflight_target(sk, bbr_max_bw(b), GAIN_ONE);
	}
	if (b->mode == BBR_DRAIN && in_net_at_departure(sk, tcp_packets_in_flight(tp)) <=
					    inflight_target(sk, bbr_max_bw(b), GAIN_ONE))
		bbr_enter_probe_bw(sk);
}

static void check_probe_rtt_done(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct bbr *b = bbr_of(sk);
	u32 now_ms = tcp_time_stamp(tp);

	if (!b->probe_rtt_done_ms || (s32)(now_ms - b->probe_rtt_done_ms) <= 0)
		return;
	b->min_rtt_stamp_ms = now_ms;
	tp->snd_cwnd = max(tp->snd_cwnd, b->prior_cwnd);
	leave_probe_rtt(sk);
}

/* At least a round and 200 ms with the minimal window in flight. */
static void probe_rtt(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct bbr *b = bbr_of(sk);
	u32 until = tp->delivered + tcp_packets_in_flight(tp);

	tp->app_limited = until ? until : 1; /* so little in flight shows no bandwidth */
	if (!b->probe_rtt_done_ms && tcp_packets_in_flight(tp) <= BBR_MIN_CWND) {
		b->probe_rtt_done_ms = (tcp_time_stamp(tp) + PROBE_RTT_MS) | 1;
		b->probe_rtt_round_done = false;
		b->next_rtt_delivered = tp->delivered;
	} else if (b->probe_rtt_done_ms) {
		b->probe_rtt_round_done |= b->round_start;
		if (b->probe_rtt_round_done)
			check_probe_rtt_done(sk);
	}
}

static void update_min_rtt(struct sock *sk, const struct rate_sample *rs)
{
	struct bbr *b = bbr_of(sk);
	u32 now_ms = tcp_time_stamp(tcp_sk(sk));
	bool expired = (s32)(now_ms - b->min_rtt_stamp_ms - MIN_RTT_WINDOW_MS) > 0;

	if (rs->rtt_us >= 0 && (rs->rtt_us < b->min_rtt_us || (expired && !rs->is_ack_delayed))) {
		b->min_rtt_us = (u32)rs->rtt_us;
		b->min_rtt_stamp_ms = now_ms;
	}
	if (expired && !b->idle_restart && b->mode != BBR_PROBE_RTT) {
		save_cwnd(sk);
		b->mode = BBR_PROBE_RTT;
		b->probe_rtt_done_ms = 0;
	}
	if (b->mode == BBR_PROBE_RTT)
		probe_rtt(sk);
	if (rs->delivered > 0)
		b->idle_restart = false;
}

static void choose_gains(struct bbr *b)
{
	b->cwnd_gain = b->mode == BBR_PROBE_BW    ? CWND_GAIN
		       : b->mode == BBR_PROBE_RTT ? GAIN_ONE
						  : HIGH_GAIN;
	switch ((enum bbr_mode)b->mode) {
	case BBR_STARTUP:
		b->pacing_gain = HIGH_GAIN;
		break;
	case BBR_DRAIN:
		b->pacing_gain = DRAIN_GAIN;
		break;
	case BBR_PROBE_BW:
		b->pacing_gain = (u16)(b->lt_use_bw ? GAIN_ONE : cycle_gain(b->cycle_idx));
		break;
	case BBR_PROBE_RTT:
		b->pacing_gain = GAIN_ONE;
		break;
	}
}

/* ---- for TCP ----------------------------------------------------------------------------------
 */

static void bbr_cong_control(struct sock *sk, u32 ack, u32 flag, const struct rate_sample *rs)
{
	struct bbr *b = bbr_of(sk);

	(void)ack;
	(void)flag;
	bbr_update_bw(sk, rs);
	bbr_update_aggregation(sk, rs);
	if (b->mode == BBR_PROBE_BW && phase_is_over(sk, rs))
		next_phase(sk);
	bbr_check_full_bw(sk, rs);
	check_drain(sk);
	update_min_rtt(sk, rs);
	choose_gains(b);
	set_pacing_rate(sk, bbr_bw(b), b->pacing_gain);
	set_cwnd(sk, rs, bbr_bw(b));
}

static void bbr_init(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct bbr *b = bbr_of(sk);

	*b = (struct bbr){.min_rtt_us = tcp_min_rtt(tp),
			  .min_rtt_stamp_ms = tcp_time_stamp(tp),
			  .prev_ca_state = TCP_CA_Open,
			  .mode = BBR_STARTUP};
	tp->snd_ssthresh = TCP_INFINITE_SSTHRESH;
	bbr_model_init(sk);
	choose_gains(b);
	init_pacing_rate(sk);
	if (sk->sk_pacing_status == SK_PACING_NONE)
		sk->sk_pacing_status = SK_PACING_NEEDED;
}

static u32 bbr_ssthresh(struct sock *sk)
{
	save_cwnd(sk);
	return tcp_sk(sk)->snd_ssthresh;
}

static u32 bbr_undo_cwnd(struct sock *sk)
{
	struct bbr *b = bbr_of(sk);

	b->full_bw = 0; /* the loss that was none may have looked like a full pipe */
	b->full_bw_cnt = 0;
	bbr_lt_reset(sk);
	return tcp_sk(sk)->snd_cwnd;
}

static void bbr_set_state(struct sock *sk, u8 new_state)
{
	static const struct rate_sample loss = {.losses = 1};
	struct bbr *b = bbr_of(sk);

	if (new_state != TCP_CA_Loss)
		return;
	b->prev_ca_state = TCP_CA_Loss;
	b->full_bw = 0;
	b->round_start = true; /* a time-out ends a round */
	bbr_lt_sample(sk, &loss);
}

static void bbr_cwnd_event(struct sock *sk, enum tcp_ca_event ev)
{
	struct bbr *b = bbr_of(sk);

	if (ev != CA_EVENT_TX_START || !tcp_sk(sk)->app_limited)
		return;
	b->idle_restart = true;
	b->ack_epoch_us = (u32)tcp_sk(sk)->tcp_mstamp_us;
	b->ack_epoch_acked = 0;
	if (b->mode == BBR_PROBE_BW) /* no burst: at the known rate from the start */
		set_pacing_rate(sk, bbr_bw(b), GAIN_ONE);
	else if (b->mode == BBR_PROBE_RTT)
		check_probe_rtt_done(sk);
}

static u32 bbr_sndbuf_expand(struct sock *sk)
{
	(void)sk;
	return 3; /* slow start may double, and a round later the loss shows */
}

static size_t bbr_get_info(struct sock *sk, u32 ext, int *attr, union tcp_cc_info *info)
{
	const struct bbr *b = bbr_of(sk);
	u64 bw = (u64)bbr_bw(b) * tcp_sk(sk)->mss_cache * USEC_PER_SEC >> BW_SHIFT;

	if (!(ext & (1u << (INET_DIAG_BBRINFO - 1) | 1u << (INET_DIAG_VEGASINFO - 1))))
		return 0;
	memset(info, 0, sizeof(*info));
	info->bbr.bbr_bw_lo = (u32)bw;
	info->bbr.bbr_bw_hi = (u32)(bw >> 32);
	info->bbr.bbr_min_rtt = b->min_rtt_us;
	info->bbr.bbr_pacing_gain = b->pacing_gain;
	info->bbr.bbr_cwnd_gain = b->cwnd_gain;
	*attr = INET_DIAG_BBRINFO;
	return sizeof(info->bbr);
}

static const struct tcp_congestion_ops tcp_bbr = {
	.name = "bbr",
	.flags = TCP_CONG_NON_RESTRICTED,
	.init = bbr_init,
	.cong_control = bbr_cong_control,
	.sndbuf_expand = bbr_sndbuf_expand,
	.undo_cwnd = bbr_undo_cwnd,
	.cwnd_event = bbr_cwnd_event,
	.ssthresh = bbr_ssthresh,
	.min_tso_segs = bbr_min_tso_segs,
	.get_info = bbr_get_info,
	.set_state = bbr_set_state,
};
TCP_CONGESTION_CONTROL(tcp_bbr);
