/* SPDX-License-Identifier: MIT */
/*
 * CUBIC (RFC 9438), the default congestion control. Behind a loss the window follows a cubic of the
 * time since then, flat around the window at which the loss came; where Reno would do better, it
 * does as Reno (section 4.3). Slow start ends by HyStart (tcp_hystart.c). Fixed point as in Linux:
 * time in 1/1024 s, C = 41/1024 * 10, beta = 717/1024. Socket lock held, softirq or backlog.
 */
#include "tcp_cubic_int.h"

#define BETA          717u /* of 1024: the window that is left after a loss */
#define BETA_ONE      1024u
#define C_SCALE       410ull /* C = 0.4 in units of 1/1024 */
#define TIME_SHIFT    10     /* a second is 1 << TIME_SHIFT */
#define SETTLE_MS     1000u  /* after a loss delays tell of the queue, not of the path */
#define UPDATE_MS     31u    /* with an unchanged window no more often, */
#define UPDATE_SHARE  4u     /* but so often in a round trip */
#define NO_LOSS_ACKS  20u    /* before any loss: at least a segment for so many */
#define SLOWEST_TIMES 100u   /* below the curve: a segment in so many windows */

/* Reno's additive increase that is fair to it with our beta: a segment for cwnd / alpha acked,
 * 1 / alpha = (1 + beta) / (3 * (1 - beta)); times 8. */
#define RENO_SCALE (8u * (BETA_ONE + BETA) / 3 / (BETA_ONE - BETA))

static void cubic_reset(struct cubic *ca)
{
	memset(ca, 0, offsetof(struct cubic, hystart));
	ca->hystart.found = false;
}

static void cubic_init(struct sock *sk)
{
	struct cubic *ca = inet_csk_ca(sk);

	memset(ca, 0, sizeof(*ca));
	tcp_hystart_init(sk, &ca->hystart);
}

/* Cube root by Newton's method: from above, it falls until it is there. */
static u32 cube_root(u64 a)
{
	u64 x = 1ull << ((64 - (u32)(a ? __builtin_clzll(a) : 63)) / 3 + 1), y;

	if (!a)
		return 0;
	for (;; x = y) {
		y = (2 * x + a / (x * x)) / 3;
		if (y >= x)
			return (u32)x;
	}
}

/* A new epoch begins with the first ACK behind a loss: K is the time to the old maximum. */
static void begin_epoch(struct cubic *ca, u32 cwnd, u32 acked, u32 now_ms)
{
	ca->epoch_start_ms = now_ms;
	ca->ack_cnt = acked;
	ca->reno_cwnd = cwnd;
	if (ca->last_max_cwnd <= cwnd) {
		ca->k = 0;
		ca->origin = cwnd;
	} else {
		u64 below = ca->last_max_cwnd - cwnd;

		ca->k = cube_root(below * ((1ull << (10 + 3 * TIME_SHIFT)) / C_SCALE));
		ca->origin = ca->last_max_cwnd;
	}
}

/* W_cubic(t + RTT) of section 4.2. */
static u32 cubic_target(const struct cubic *ca, u32 now_ms)
{
	u64 ms = (now_ms - ca->epoch_start_ms) + (ca->delay_min_us + 999) / 1000;
	u64 t = (ms << TIME_SHIFT) / 1000, off, delta;

	off = t < ca->k ? ca->k - t : t - ca->k;
	delta = off > 1u << 18 ? ~0u : (C_SCALE * off * off * off) >> (10 + 3 * TIME_SHIFT);
	if (t < ca->k)
		return ca->origin > delta ? ca->origin - (u32)delta : 0;
	return (u32)min_t(u64, ca->origin + delta, ~0u >> 1);
}

/* Section 4.3: the window that Reno would have, W_est; ca->cnt not above what reaches it. */
static void follow_reno(struct cubic *ca, u32 cwnd)
{
	u32 step;

	for (;;) {
		/* Up to the old maximum slower, as our beta is gentler; from there like Reno. */
		bool beyond = ca->prior_cwnd && ca->reno_cwnd >= ca->prior_cwnd;

		step = max(beyond ? cwnd : (cwnd * RENO_SCALE) >> 3, 1u);
		if (ca->ack_cnt <= step)
			break;
		ca->ack_cnt -= step;
		ca->reno_cwnd++;
	}
	if (ca->reno_cwnd > cwnd)
		ca->cnt = min(ca->cnt, cwnd / (ca->reno_cwnd - cwnd));
}

/* How long ca->cnt holds while the window does not change. Reno would look with each ACK: on a path
 * so short that the next loss comes within UPDATE_MS the window would never grow at all. */
static u32 update_ms(const struct tcp_sock *tp)
{
	return min_t(u32, UPDATE_MS, (tp->srtt_us >> 3) / UPDATE_SHARE / USEC_PER_MSEC);
}

/* ca->cnt: for how many acknowledged segments the window grows by one. */
static void cubic_update(const struct tcp_sock *tp, struct cubic *ca, u32 acked)
{
	u32 cwnd = tp->snd_cwnd, now_ms = tcp_time_stamp(tp), target;

	ca->ack_cnt += acked;
	if (ca->last_cwnd == cwnd && now_ms - ca->last_time_ms <= update_ms(tp))
		return;
	if (!ca->epoch_start_ms || now_ms != ca->last_time_ms) {
		ca->last_cwnd = cwnd;
		ca->last_time_ms = now_ms;
		if (!ca->epoch_start_ms)
			begin_epoch(ca, cwnd, acked, now_ms);
		target = cubic_target(ca, now_ms);
		ca->cnt = target > cwnd ? cwnd / (target - cwnd) : SLOWEST_TIMES * cwnd;
		if (!ca->last_max_cwnd)
			ca->cnt = min(ca->cnt, NO_LOSS_ACKS);
	}
	follow_reno(ca, cwnd);
	ca->cnt = max(ca->cnt, 2u); /* at most half as much again in a round trip */
}

static void cubic_cong_avoid(struct sock *sk, u32 ack, u32 acked)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct cubic *ca = inet_csk_ca(sk);

	(void)ack;
	if (!tcp_is_cwnd_limited(sk))
		return;
	if (tcp_in_slow_start(tp)) {
		acked = tcp_slow_start(tp, tcp_hystart_limit(&ca->hystart, acked));
		if (!acked)
			return;
	}
	cubic_update(tp, ca, acked);
	tcp_cong_avoid_ai(tp, ca->cnt, acked);
}

/* Fast convergence (section 4.7): who lost before the old maximum leaves room to newcomers. */
static u32 cubic_ssthresh(struct sock *sk)
{
	u32 cwnd = tcp_sk(sk)->snd_cwnd;
	struct cubic *ca = inet_csk_ca(sk);

	ca->epoch_start_ms = 0;
	ca->prior_cwnd = cwnd;
	ca->last_max_cwnd = cwnd < ca->last_max_cwnd
				    ? (u32)((u64)cwnd * (BETA_ONE + BETA) / (2 * BETA_ONE))
				    : cwnd;
	return max((u32)((u64)cwnd * BETA / BETA_ONE), 2u);
}

static void cubic_set_state(struct sock *sk, u8 new_state)
{
	struct cubic *ca = inet_csk_ca(sk);

	if (new_state != TCP_CA_Loss)
		return;
	cubic_reset(ca);
	tcp_hystart_init(sk, &ca->hystart);
}

/* Idle time is no time in which the window could have grown (section 5.8). */
static void cubic_cwnd_event(struct sock *sk, enum tcp_ca_event ev)
{
	struct cubic *ca = inet_csk_ca(sk);
	u32 now_ms = tcp_time_stamp(tcp_sk(sk));
	s32 idle = (s32)(now_ms - tcp_sk(sk)->lsndtime_ms);

	if (ev != CA_EVENT_TX_START || !ca->epoch_start_ms || idle <= 0)
		return;
	ca->epoch_start_ms += (u32)idle;
	if ((s32)(ca->epoch_start_ms - now_ms) > 0)
		ca->epoch_start_ms = now_ms;
}

static void cubic_acked(struct sock *sk, const struct ack_sample *sample)
{
	struct cubic *ca = inet_csk_ca(sk);
	u32 delay_us = (u32)max(sample->rtt_us, 1);

	if (sample->rtt_us < 0 ||
	    (ca->epoch_start_ms && tcp_time_stamp(tcp_sk(sk)) - ca->epoch_start_ms < SETTLE_MS))
		return;
	if (!ca->delay_min_us || ca->delay_min_us > delay_us)
		ca->delay_min_us = delay_us;
	if (tcp_in_slow_start(tcp_sk(sk)))
		tcp_hystart_sample(sk, &ca->hystart, delay_us, ca->delay_min_us);
}

static const struct tcp_congestion_ops tcp_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.ssthresh = cubic_ssthresh,
	.cong_avoid = cubic_cong_avoid,
	.set_state = cubic_set_state,
	.undo_cwnd = tcp_reno_undo_cwnd,
	.cwnd_event = cubic_cwnd_event,
	.pkts_acked = cubic_acked,
};
TCP_CONGESTION_CONTROL(tcp_cubic);
static_assert(sizeof(struct cubic) <= TCP_CA_PRIV_SIZE, "fits ca_priv");
