/* SPDX-License-Identifier: MIT */
/*
 * HyStart: leaving slow start before it overruns the queue. HyStart++ (RFC 9406): when the least
 * delay of a round is an eighth above that of the round before, growth goes on at a quarter of the
 * pace (conservative slow start) for five rounds, unless the delay falls again; then slow start is
 * over. By net.ipv4.tcp_cubic_hystart Linux's two older tests are there instead. Called by CUBIC,
 * socket lock held.
 */
#include "tcp_cubic_int.h"

#define MIN_SAMPLES      8u /* N_RTT_SAMPLE */
#define MIN_THRESH_US    4000u
#define MAX_THRESH_US    16000u
#define GROWTH_DIVISOR   4u
#define CSS_ROUNDS       5u
#define LOW_WINDOW       16u   /* segments: below this Linux's tests are not made */
#define TRAIN_GAP_US     2000u /* ACKs that follow each other no later are of one train */
#define MAX_ACK_DELAY_US 1000u

static u32 threshold_us(u32 rtt_us)
{
	return clamp_t(u32, rtt_us / 8, MIN_THRESH_US, MAX_THRESH_US);
}

static void begin_round(struct sock *sk, struct hystart *h)
{
	struct tcp_sock *tp = tcp_sk(sk);

	h->round_start_us = h->last_ack_us = (u32)tp->tcp_mstamp_us;
	h->end_seq = tp->snd_nxt;
	h->last_rtt_us = h->curr_rtt_us;
	h->curr_rtt_us = ~0u;
	h->samples = 0;
}

void tcp_hystart_init(struct sock *sk, struct hystart *h)
{
	*h = (struct hystart){.curr_rtt_us = ~0u};
	begin_round(sk, h);
}

static void slow_start_ends(struct sock *sk, struct hystart *h, int detect, int cwnd)
{
	struct tcp_sock *tp = tcp_sk(sk);

	h->found = true;
	h->baseline_us = 0;
	TCP_STAT(sk, detect);
	NET_ADD_STATS(sock_net(sk), cwnd, tp->snd_cwnd);
	tp->snd_ssthresh = tp->snd_cwnd;
}

/* ---- RFC 9406 ---------------------------------------------------------------------------------
 */

static bool in_css(const struct hystart *h)
{
	return h->baseline_us;
}

u32 tcp_hystart_limit(struct hystart *h, u32 acked)
{
	u32 all;

	if (!in_css(h))
		return acked;
	all = h->css_rest + acked;
	h->css_rest = (u8)(all % GROWTH_DIVISOR);
	return all / GROWTH_DIVISOR;
}

/* Section 4.2, with the delay of this round so far. */
static void plusplus(struct sock *sk, struct hystart *h)
{
	if (h->samples < MIN_SAMPLES)
		return;
	if (in_css(h)) {
		if (h->curr_rtt_us < h->baseline_us) /* it was noise: on as before */
			h->baseline_us = 0;
		return;
	}
	if (h->last_rtt_us == ~0u || h->curr_rtt_us < h->last_rtt_us + threshold_us(h->last_rtt_us))
		return;
	h->baseline_us = h->curr_rtt_us;
	h->css_rounds = 0;
	h->css_rest = 0;
}

static void plusplus_round(struct sock *sk, struct hystart *h)
{
	if (in_css(h) && ++h->css_rounds >= CSS_ROUNDS)
		slow_start_ends(sk, h, LINUX_MIB_TCPHYSTARTDELAYDETECT,
				LINUX_MIB_TCPHYSTARTDELAYCWND);
}

/* ---- Linux's tests ----------------------------------------------------------------------------
 */

/* What aggregation may add to the spacing of ACKs: four full super-packets at our rate. */
static u32 ack_delay_us(const struct sock *sk)
{
	u64 rate = READ_ONCE(sk->sk_pacing_rate);

	return rate ? (u32)min_t(u64, MAX_ACK_DELAY_US,
				 (u64)sk->sk_gso_max_size * 4 * USEC_PER_SEC / rate)
		    : 0;
}

static void ack_train(struct sock *sk, struct hystart *h, u32 min_rtt_us)
{
	u32 now_us = (u32)tcp_sk(sk)->tcp_mstamp_us, limit;

	if ((s32)(now_us - h->last_ack_us) > (s32)TRAIN_GAP_US)
		return;
	h->last_ack_us = now_us;
	limit = min_rtt_us + ack_delay_us(sk);
	if (sk->sk_pacing_status == SK_PACING_NONE) /* pacing spreads a window over half of it */
		limit /= 2;
	if ((s32)(now_us - h->round_start_us) > (s32)limit)
		slow_start_ends(sk, h, LINUX_MIB_TCPHYSTARTTRAINDETECT,
				LINUX_MIB_TCPHYSTARTTRAINCWND);
}

static void delay(struct sock *sk, struct hystart *h, u32 min_rtt_us)
{
	if (h->samples < MIN_SAMPLES)
		h->samples++;
	else if (h->curr_rtt_us > min_rtt_us + threshold_us(min_rtt_us))
		slow_start_ends(sk, h, LINUX_MIB_TCPHYSTARTDELAYDETECT,
				LINUX_MIB_TCPHYSTARTDELAYCWND);
}

/* ---- both -------------------------------------------------------------------------------------
 */

void tcp_hystart_sample(struct sock *sk, struct hystart *h, u32 rtt_us, u32 min_rtt_us)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 tests = (u32)tcp_net(sk)->tcp_cubic_hystart;
	bool pp = tests & HYSTART_PLUSPLUS;

	if (h->found || !tests)
		return;
	if (seq_after(tp->snd_una, h->end_seq)) {
		begin_round(sk, h);
		if (pp)
			plusplus_round(sk, h);
	}
	if (!pp && tp->snd_cwnd < LOW_WINDOW)
		return;
	if (tests & (HYSTART_DELAY | HYSTART_PLUSPLUS))
		h->curr_rtt_us = min(h->curr_rtt_us, rtt_us);
	if (pp) {
		/* Only the first slow start knows nothing of the path (section 4.3). */
		h->samples += h->samples < MIN_SAMPLES;
		if (!h->found && tp->snd_ssthresh >= TCP_INFINITE_SSTHRESH)
			plusplus(sk, h);
		return;
	}
	if (tests & HYSTART_ACK_TRAIN)
		ack_train(sk, h, min_rtt_us);
	if (!h->found && tests & HYSTART_DELAY)
		delay(sk, h, min_rtt_us);
}
