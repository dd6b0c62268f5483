/* SPDX-License-Identifier: MIT */
/*
 * Congestion control: slow start, congestion avoidance, fast retransmit and fast recovery of RFC
 * 5681 with NewReno's partial ACKs (RFC 6582), limited transmit (RFC 3042). Counted in segments,
 * appropriate bytes in that a short ACK counts the segments it frees. Socket lock held.
 */
#include "tcp_int.h"

void tcp_cong_init(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->ca_state = TCP_CA_Open;
	tp->dupacks = 0;
	tp->snd_cwnd = TCP_INIT_CWND;
	tp->snd_cwnd_cnt = 0;
	tp->snd_ssthresh = TCP_INFINITE_SSTHRESH;
	tp->is_cwnd_limited = false;
	tp->snd_cwnd_clamp = ~0u;
	tp->max_packets_out = 0;
	tp->snd_cwnd_used = 0;
	tcp_cc_assign(sk);
}

static void mark_lost(struct tcp_sock *tp, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	if (cb->sacked & TCPCB_SACKED_RETRANS) {
		cb->sacked &= (u8)~TCPCB_SACKED_RETRANS;
		tp->retrans_out -= tcp_skb_pcount(skb);
	}
	if (!(cb->sacked & TCPCB_LOST)) {
		cb->sacked |= TCPCB_LOST;
		tp->lost_out += tcp_skb_pcount(skb);
	}
}

/* Half of what is in flight, two segments at least (RFC 5681 equation 4). */
static u32 halved(const struct tcp_sock *tp)
{
	return max(min(tp->snd_cwnd, tp->packets_out) / 2, 2u);
}

/* Growth, only while the window is what limits us (RFC 7661 gives the reason). */
static void grow(struct tcp_sock *tp, u32 acked)
{
	if (!tp->is_cwnd_limited)
		return;
	if (tp->snd_cwnd < tp->snd_ssthresh) {
		u32 room = tp->snd_ssthresh - tp->snd_cwnd, step = min(acked, room);

		tp->snd_cwnd += step;
		acked -= step;
	}
	tp->snd_cwnd_cnt += acked;
	if (tp->snd_cwnd_cnt >= tp->snd_cwnd) {
		tp->snd_cwnd_cnt -= tp->snd_cwnd;
		tp->snd_cwnd++;
	}
	tp->is_cwnd_limited = false;
}

static void enter_recovery(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	TCP_STAT(sk, LINUX_MIB_TCPRENORECOVERY);
	tp->ca_state = TCP_CA_Recovery;
	tp->high_seq = tp->snd_nxt;
	tp->partial_acked = false;
	tp->snd_ssthresh = halved(tp);
	tp->snd_cwnd = tp->snd_ssthresh + TCP_DUPACK_THRESH;
	mark_lost(tp, tcp_rtx_queue_head(sk));
	if (!tcp_retransmit_skb(sk, tcp_rtx_queue_head(sk)))
		TCP_STAT(sk, LINUX_MIB_TCPFASTRETRANS);
	tcp_rearm_rto(sk);
}

/* RFC 6582 section 3.2 step 3: a partial ACK tells that the next segment is lost too. */
static void partial_ack(struct sock *sk, u32 acked)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = tcp_rtx_queue_head(sk);

	tp->snd_cwnd = max(tp->snd_cwnd > acked ? tp->snd_cwnd - acked : 0, 1u) + 1;
	mark_lost(tp, skb);
	if (!tcp_retransmit_skb(sk, skb))
		TCP_STAT(sk, LINUX_MIB_TCPFASTRETRANS);
	if (!tp->partial_acked) { /* the "impatient" variant restarts the timer once */
		tp->partial_acked = true;
		tcp_rearm_rto(sk);
	}
}

void tcp_cong_acked(struct sock *sk, u32 acked)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool full = !seq_before(tp->snd_una, tp->high_seq);

	tp->dupacks = 0;
	switch (tp->ca_state) {
	case TCP_CA_Recovery:
		if (!full && tcp_rtx_queue_head(sk)) {
			partial_ack(sk, acked);
			return;
		}
		tp->snd_cwnd = min(tp->snd_ssthresh, max(tcp_packets_in_flight(tp), 1u) + 1);
		break;
	case TCP_CA_Loss:
		tp->is_cwnd_limited = true;
		grow(tp, acked);
		if (!full && tcp_rtx_queue_head(sk)) {
			tcp_xmit_retransmit_queue(sk);
			return;
		}
		break;
	default:
		grow(tp, acked);
		break;
	}
	tp->ca_state = TCP_CA_Open;
}

void tcp_cong_dupack(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->ca_state == TCP_CA_Recovery) {
		tp->snd_cwnd++; /* a segment left the network */
		return;
	}
	if (tp->ca_state == TCP_CA_Loss)
		return;
	tp->ca_state = TCP_CA_Disorder;
	if (++tp->dupacks < TCP_DUPACK_THRESH || !tcp_rtx_queue_head(sk))
		return;
	/* RFC 6582 section 3.2 step 1: these may be echoes of the last recovery. */
	if (tp->high_seq.v && !seq_after(tp->snd_una, tp->high_seq) &&
	    seq_after_eq(tp->high_seq, seq_sub(tp->snd_una, tp->max_window)) &&
	    !seq_eq(tp->snd_una, tp->high_seq)) {
		TCP_STAT(sk, LINUX_MIB_TCPRENORECOVERYFAIL);
		return;
	}
	enter_recovery(sk);
}

void tcp_enter_loss(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	/* Only the first time-out of a loss halves: RFC 5681 section 3.1. */
	if (tp->ca_state != TCP_CA_Loss || seq_after_eq(tp->snd_una, tp->high_seq))
		tp->snd_ssthresh = halved(tp);
	if (tp->ca_state == TCP_CA_Recovery)
		TCP_STAT(sk, LINUX_MIB_TCPRENOFAILURES);
	else if (tp->ca_state == TCP_CA_Loss)
		TCP_STAT(sk, LINUX_MIB_TCPLOSSFAILURES);
	tp->snd_cwnd = 1;
	tp->snd_cwnd_cnt = 0;
	tp->dupacks = 0;
	tp->ca_state = TCP_CA_Loss;
	tp->high_seq = tp->snd_nxt;
	for (skb = tcp_rtx_queue_head(sk); skb; skb = tcp_rb_next(skb))
		mark_lost(tp, skb);
}

void tcp_simple_retransmit(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 mss = tcp_current_mss(sk);
	struct sk_buff *skb;

	for (skb = tcp_rtx_queue_head(sk); skb; skb = tcp_rb_next(skb))
		if (skb->len > mss)
			mark_lost(tp, skb);
	tcp_xmit_retransmit_queue(sk);
}

void tcp_enter_cwr(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->ca_state >= TCP_CA_CWR)
		return;
	tp->snd_ssthresh = halved(tp);
	tp->snd_cwnd = tp->snd_ssthresh;
}
