/* SPDX-License-Identifier: MIT */
/*
 * Proportional rate reduction (RFC 9937): while the window is being reduced, each ACK allows as
 * many segments as bring what is in flight down to ssthresh by the end of the round trip, evenly;
 * where losses have brought it lower, back up no faster than slow start. Socket lock held.
 */
#include "tcp_int.h"

void tcp_init_cwnd_reduction(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->high_seq = tp->snd_nxt;
	tp->tlp_out = false;
	tp->snd_cwnd_cnt = 0;
	tp->prior_cwnd = tp->snd_cwnd;
	tp->prr_delivered = 0;
	tp->prr_out = 0;
	tp->snd_ssthresh = tp->ca_ops->ssthresh(sk);
	tcp_ecn_queue_cwr(tp);
}

void tcp_cwnd_reduction(struct sock *sk, u32 newly_acked_sacked, u32 newly_lost, u32 flag)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 in_flight = tcp_packets_in_flight(tp);
	s32 delta = (s32)(tp->snd_ssthresh - in_flight), send;

	if ((s32)newly_acked_sacked <= 0 || !tp->prior_cwnd)
		return;
	tp->prr_delivered += newly_acked_sacked;
	if (delta < 0) {
		u64 share = DIV_ROUND_UP((u64)tp->snd_ssthresh * tp->prr_delivered, tp->prior_cwnd);

		send = (s32)((u32)share - tp->prr_out);
	} else {
		send = max((s32)(tp->prr_delivered - tp->prr_out), (s32)newly_acked_sacked);
		/* SafeACK: a loss is repaired and nothing more is lost, slow start's pace. */
		if (tp->ca_state == TCP_CA_Recovery && flag & FLAG_SND_UNA_ADVANCED && !newly_lost)
			send++;
		send = min(delta, send);
	}
	/* The first one is the fast retransmit: it goes in any case. */
	send = max(send, tp->prr_out ? 0 : 1);
	tp->snd_cwnd = max(in_flight + (u32)send, 1u);
}

void tcp_end_cwnd_reduction(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->ca_ops->cong_control)
		return;
	/* To ssthresh, unless the reduction was undone. */
	if (tp->snd_ssthresh < TCP_INFINITE_SSTHRESH &&
	    (tp->ca_state == TCP_CA_CWR || tp->undo_valid)) {
		tp->snd_cwnd = tp->snd_ssthresh;
		tp->snd_cwnd_stamp_ms = tcp_time_stamp(tp);
	}
	tcp_ca_event(sk, CA_EVENT_COMPLETE_CWR);
}
