/* SPDX-License-Identifier: MIT */
/*
 * Delivery rate (draft-cheng-iccrg-delivery-rate-estimation): each segment remembers what had been
 * delivered when it was sent; its ACK tells how much was delivered since, and in what time. The
 * longer of the sending and the acknowledging interval is taken, so that neither bursts of segments
 * nor bunched ACKs show more than the path carries. Samples taken while the application had nothing
 * to send are marked: they show less. Socket lock held.
 */
#include "tcp_int.h"

void tcp_rate_skb_sent(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	u32 limited = tp->app_limited != 0;

	/* With nothing in flight the idle time before is no part of the interval. */
	if (!tp->packets_out) {
		tp->first_tx_us = tcp_skb_timestamp_us(skb);
		tp->delivered_us = tp->first_tx_us;
	}
	cb->tx.first_tx_us = tp->first_tx_us;
	cb->tx.delivered_us = tp->delivered_us;
	cb->tx.delivered = tp->delivered;
	cb->tx.ce_and_limited =
		(tp->delivered_ce & TCP_TX_CE_MASK) | limited << TCP_TX_LIMITED_SHIFT;
}

void tcp_rate_skb_delivered(struct sock *sk, struct sk_buff *skb, struct rate_sample *rs)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	u64 sent_us = tcp_skb_timestamp_us(skb);

	if (!cb->tx.delivered_us)
		return;
	if (!rs->prior_delivered ||
	    tcp_skb_sent_after(sent_us, tp->first_tx_us, cb->end_seq, rs->last_end_seq)) {
		rs->prior_delivered_ce = cb->tx.ce_and_limited & TCP_TX_CE_MASK;
		rs->prior_delivered = cb->tx.delivered;
		rs->prior_us = cb->tx.delivered_us;
		rs->is_app_limited = cb->tx.ce_and_limited >> TCP_TX_LIMITED_SHIFT;
		rs->is_retrans = cb->sacked & TCPCB_RETRANS;
		rs->last_end_seq = cb->end_seq;
		tp->first_tx_us = sent_us;
		rs->interval_us = (s64)(sent_us - cb->tx.first_tx_us);
	}
	/* Its ACK will come after its SACK, and shall not count it again. */
	if (cb->sacked & TCPCB_SACKED_ACKED)
		cb->tx.delivered_us = 0;
}

/* The last rate that was not limited by the application, or one that is higher all the same. */
static void remember(struct tcp_sock *tp, const struct rate_sample *rs)
{
	if (rs->is_app_limited && (u64)rs->delivered * tp->rate_interval_us <
					  (u64)tp->rate_delivered * (u64)rs->interval_us)
		return;
	tp->rate_delivered = (u32)rs->delivered;
	tp->rate_interval_us = (u32)rs->interval_us;
	tp->rate_app_limited = rs->is_app_limited;
}

void tcp_rate_gen(struct sock *sk, u32 delivered, u32 lost, bool is_sack_reneg,
		  struct rate_sample *rs)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->app_limited && (s32)(tp->delivered - tp->app_limited) > 0)
		tp->app_limited = 0; /* the bubble has left the pipe */
	if (delivered)
		tp->delivered_us = tp->tcp_mstamp_us;
	rs->acked_sacked = delivered;
	rs->losses = lost;
	if (!rs->prior_us || is_sack_reneg) {
		rs->delivered = -1;
		rs->interval_us = -1;
		return;
	}
	rs->delivered = (s32)(tp->delivered - rs->prior_delivered);
	rs->delivered_ce = (s32)((tp->delivered_ce - rs->prior_delivered_ce) & TCP_TX_CE_MASK);
	rs->snd_interval_us = (u32)rs->interval_us;
	rs->rcv_interval_us = (u32)(tp->tcp_mstamp_us - rs->prior_us);
	rs->interval_us = max(rs->snd_interval_us, rs->rcv_interval_us);
	/* Shorter than any round trip: a retransmission was taken for what it repeats. */
	if (rs->interval_us < (s64)tcp_min_rtt(tp)) {
		rs->interval_us = -1;
		return;
	}
	remember(tp, rs);
}

void tcp_rate_check_app_limited(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 in_flight = tcp_packets_in_flight(tp);

	if ((u32)seq_diff(tp->write_seq, tp->snd_nxt) >= tp->mss_cache)
		return;
	/* Neither is anything left below us, nor does cwnd or a loss hold us up. */
	if ((u32)atomic_read(&sk->sk_wmem_alloc) < SKB_TRUESIZE(1) && in_flight < tp->snd_cwnd &&
	    tp->lost_out <= tp->retrans_out)
		tp->app_limited = max(tp->delivered + in_flight, 1u);
}
