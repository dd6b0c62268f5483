/* SPDX-License-Identifier: MIT */
/*
 * Which segments are lost: RACK (RFC 8985 section 6), or RFC 6675 where that is switched off. A
 * segment that was sent a reordering window before one that has been delivered, and is not itself,
 * is lost; a retransmission as well as an original. The window begins as a quarter of the shortest
 * round trip, is nothing where no reordering was ever seen and loss is certain, and grows as DSACKs
 * tell that it was too short. Socket lock held.
 */
#include "tcp_int.h"

#define RACK_RECOVERY_THRESH 16u /* recoveries after which a longer window is tried shorter */

/* net.ipv4.tcp_recovery */
#define RACK_LOSS_DETECTION 1
#define RACK_STATIC_REO_WND 2
#define RACK_NO_DUPTHRESH   4

/* ---- marking ----------------------------------------------------------------------------------
 */

static void verify_retransmit_hint(struct tcp_sock *tp, struct sk_buff *skb)
{
	const struct sk_buff *hint = tp->retransmit_skb_hint;

	if (hint ? seq_before(TCP_SKB_CB(skb)->seq, TCP_SKB_CB(hint)->seq)
		 : tp->retrans_out >= tp->lost_out)
		tp->retransmit_skb_hint = skb;
}

void tcp_mark_skb_lost(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	u32 n = tcp_skb_pcount(skb);

	if (cb->sacked & TCPCB_SACKED_ACKED)
		return;
	verify_retransmit_hint(tp, skb);
	if (!(cb->sacked & TCPCB_LOST)) {
		cb->sacked |= TCPCB_LOST;
		tp->lost_out += n;
		tp->lost += n;
	} else if (cb->sacked & TCPCB_SACKED_RETRANS) {
		cb->sacked &= (u8)~TCPCB_SACKED_RETRANS;
		tp->retrans_out -= n;
		tp->lost += n;
		NET_ADD_STATS(sock_net(sk), LINUX_MIB_TCPLOSTRETRANSMIT, n);
	}
}

/* ---- detection --------------------------------------------------------------------------------
 */

bool tcp_is_rack(const struct sock *sk)
{
	return tcp_net(sk)->tcp_recovery & RACK_LOSS_DETECTION;
}

static u32 reo_wnd_us(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->reord_seen) {
		if (tp->ca_state >= TCP_CA_Recovery)
			return 0;
		if (tp->sacked_out >= tp->reordering &&
		    !(tcp_net(sk)->tcp_recovery & RACK_NO_DUPTHRESH))
			return 0;
	}
	return min((tcp_min_rtt(tp) >> 2) * tp->rack.reo_wnd_steps, tp->srtt_us >> 3);
}

s32 tcp_rack_skb_timeout(const struct tcp_sock *tp, const struct sk_buff *skb, u32 wnd_us)
{
	return (s32)(tp->rack.rtt_us + wnd_us -
		     (u32)(tp->tcp_mstamp_us - tcp_skb_timestamp_us(skb)));
}

/* Mark; how long until the last of those that may still come is late. */
static u32 detect_loss(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 wnd = reo_wnd_us(sk), wait_us = 0;
	struct sk_buff *skb, *next;

	list_for_each_entry_safe(skb, next, &tp->tsorted_sent_queue, tcp_tsorted_anchor) {
		const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
		s32 remaining;

		if ((cb->sacked & (TCPCB_LOST | TCPCB_SACKED_RETRANS)) == TCPCB_LOST)
			continue; /* waits for its retransmission */
		if (!tcp_skb_sent_after(tp->rack.mstamp_us, tcp_skb_timestamp_us(skb),
					tp->rack.end_seq, cb->end_seq))
			break;
		remaining = tcp_rack_skb_timeout(tp, skb, wnd);
		if (remaining > 0) {
			wait_us = max(wait_us, (u32)remaining);
			continue;
		}
		tcp_mark_skb_lost(sk, skb);
		list_del_init(&skb->tcp_tsorted_anchor);
	}
	return wait_us;
}

bool tcp_rack_mark_lost(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 wait_us;

	if (!tp->rack.advanced)
		return false;
	tp->rack.advanced = 0;
	wait_us = detect_loss(sk);
	if (wait_us)
		tcp_arm(sk, TCP_PEND_REO_TIMEOUT, min(wait_us + TCP_TIMEOUT_MIN_US, tp->rto_us));
	return wait_us;
}

void tcp_rack_advance(struct tcp_sock *tp, u8 sacked, seq32 end_seq, u64 xmit_us)
{
	u32 rtt_us = (u32)(tp->tcp_mstamp_us - xmit_us);

	/* Faster than any round trip: this ACK is for what was retransmitted, not for the copy. */
	if (rtt_us < tcp_min_rtt(tp) && sacked & TCPCB_RETRANS)
		return;
	tp->rack.advanced = 1;
	tp->rack.rtt_us = rtt_us;
	if (tcp_skb_sent_after(xmit_us, tp->rack.mstamp_us, end_seq, tp->rack.end_seq)) {
		tp->rack.mstamp_us = xmit_us;
		tp->rack.end_seq = end_seq;
	}
}

/* Late segments are late enough now. */
void tcp_rack_reo_timeout(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 prior_inflight = tcp_packets_in_flight(tp), lost = tp->lost;

	detect_loss(sk);
	if (prior_inflight != tcp_packets_in_flight(tp)) {
		if (tp->ca_state != TCP_CA_Recovery) {
			tcp_enter_recovery(sk, false);
			if (!tp->ca_ops->cong_control)
				tcp_cwnd_reduction(sk, 1, tp->lost - lost, 0);
		}
		tcp_xmit_retransmit_queue(sk);
	}
	if (tp->pending != TCP_PEND_RETRANS)
		tcp_rearm_rto(sk);
}

/* Once a round trip at most: longer by a step after a DSACK; back to one after enough recoveries
 * without (counted down where a recovery ends). */
void tcp_rack_update_reo_wnd(struct sock *sk, const struct rate_sample *rs)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tcp_net(sk)->tcp_recovery & RACK_STATIC_REO_WND || !rs->prior_delivered)
		return;
	if ((s32)(rs->prior_delivered - tp->rack.last_delivered) < 0)
		tp->rack.dsack_seen = 0;
	if (tp->rack.dsack_seen) {
		tp->rack.reo_wnd_steps = (u8)min(tp->rack.reo_wnd_steps + 1u, 255u);
		tp->rack.dsack_seen = 0;
		tp->rack.last_delivered = tp->delivered;
		tp->rack.reo_wnd_persist = RACK_RECOVERY_THRESH;
	} else if (!tp->rack.reo_wnd_persist) {
		tp->rack.reo_wnd_steps = 1;
	}
}

/* Without RACK (RFC 6675 section 4): lost is what as many segments as may be reordered were SACKed
 * behind. A retransmission is never found lost so: that is left to the timer. */
static void mark_lost_by_count(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;
	u32 sacked = 0;

	if (tp->sacked_out < tp->reordering)
		return;
	for (skb = tcp_rtx_queue_head(sk); skb; skb = tcp_rb_next(skb)) {
		const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

		if (cb->sacked & TCPCB_SACKED_ACKED)
			sacked += tcp_skb_pcount(skb);
		if (sacked + tp->reordering > tp->sacked_out)
			break;
		if (!(cb->sacked & (TCPCB_SACKED_ACKED | TCPCB_LOST)))
			tcp_mark_skb_lost(sk, skb);
	}
}

void tcp_identify_packet_loss(struct sock *sk, u32 *flag)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 prior_retrans = tp->retrans_out;

	if (rb_empty(&sk->tcp_rtx_queue))
		return;
	if (!tcp_is_sack(tp)) {
		tcp_newreno_mark_lost(sk, *flag & FLAG_SND_UNA_ADVANCED);
		return;
	}
	if (!tcp_is_rack(sk)) {
		mark_lost_by_count(sk);
		return;
	}
	if (tcp_rack_mark_lost(sk))
		*flag &= ~(u32)FLAG_SET_XMIT_TIMER;
	if (prior_retrans > tp->retrans_out)
		*flag |= FLAG_LOST_RETRANS;
}
