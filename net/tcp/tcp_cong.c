/* SPDX-License-Identifier: MIT */
/*
 * The congestion window as an ACK changes it: the module decides (tcp_cubic.c and others), unless a
 * reduction is in progress (tcp_prr.c). Socket lock held.
 */
#include "tcp_int.h"

void tcp_cong_init(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->ca_state = TCP_CA_Open;
	tp->snd_cwnd = TCP_INIT_CWND;
	tp->snd_cwnd_cnt = 0;
	tp->snd_ssthresh = TCP_INFINITE_SSTHRESH;
	tp->is_cwnd_limited = false;
	tp->snd_cwnd_clamp = ~0u;
	tp->max_packets_out = 0;
	tp->snd_cwnd_used = 0;
	tp->prior_cwnd = tp->prior_ssthresh = 0;
	tp->reordering = (u32)tcp_net(sk)->tcp_reordering;
	tp->reord_seen = tp->dsack_dups = 0;
	tp->delivered = tp->delivered_ce = tp->lost = 0;
	tp->first_tx_us = tp->delivered_us = 0;
	tp->rate_delivered = tp->rate_interval_us = 0;
	tp->app_limited = ~0u; /* until a whole window has been sent */
	tp->frto = 0;
	tcp_scoreboard_reset(tp);
	tcp_cc_assign(sk);
}

/* On a path that reorders much, what is SACKed counts as progress too. */
static bool may_raise(const struct sock *sk, u32 flag)
{
	if (tcp_sk(sk)->reordering > (u32)tcp_net(sk)->tcp_reordering)
		return flag & FLAG_FORWARD_PROGRESS;
	return flag & FLAG_DATA_ACKED;
}

void tcp_cong_control(struct sock *sk, seq32 ack, u32 acked_sacked, u32 flag,
		      const struct rate_sample *rs)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->ca_ops->cong_control) {
		tp->ca_ops->cong_control(sk, ack.v, flag, rs);
		return;
	}
	if (tcp_in_cwnd_reduction(sk)) {
		tcp_cwnd_reduction(sk, acked_sacked, rs->losses, flag);
	} else if (may_raise(sk, flag)) {
		tp->ca_ops->cong_avoid(sk, ack.v, acked_sacked);
		tp->snd_cwnd_stamp_ms = tcp_time_stamp(tp);
	}
	tcp_update_pacing_rate(sk);
}
