/* SPDX-License-Identifier: MIT */
/*
 * Taking back a reduction of the window that was needless: every retransmission was reported as a
 * duplicate (DSACK: RFC 3708), or an ACK echoes a timestamp of before the first retransmission, so
 * that the original had arrived (Eifel: RFC 3522, 4015), or text that was never retransmitted is
 * acknowledged after a time-out (F-RTO: RFC 5682). Socket lock held.
 */
#include "tcp_int.h"

void tcp_init_undo(struct tcp_sock *tp)
{
	tp->undo_marker = tp->snd_una;
	tp->undo_valid = true;
	/* What is in flight a second time may still cause DSACKs; so may a probe. */
	tp->undo_retrans = (s32)tp->retrans_out;
	if (tp->tlp_out && tp->tlp_retrans)
		tp->undo_retrans++;
	if (!tp->undo_retrans) /* 0 would mean: all of them were needless */
		tp->undo_retrans = -1;
}

static void undo_cwnd_reduction(struct sock *sk, bool unmark_loss)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	if (unmark_loss) {
		for (skb = tcp_rtx_queue_head(sk); skb; skb = tcp_rb_next(skb))
			TCP_SKB_CB(skb)->sacked &= (u8)~TCPCB_LOST;
		tp->lost_out = 0;
		tcp_clear_retrans_hints(tp);
	}
	if (tp->prior_ssthresh) {
		tp->snd_cwnd = tp->ca_ops->undo_cwnd(sk);
		if (tp->prior_ssthresh > tp->snd_ssthresh) {
			tp->snd_ssthresh = tp->prior_ssthresh;
			tcp_ecn_withdraw_cwr(tp);
		}
	}
	tp->snd_cwnd_stamp_ms = tcp_time_stamp(tp);
	tp->undo_valid = false;
	tp->rack.advanced = 1; /* look at losses again */
}

/* Has the original arrived, only later? Nothing retransmitted (yet) means so too; but not where
 * holds_state() forgot of a retransmission. */
static bool packet_delayed(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->retrans_stamp_ms)
		return sk->sk_state != TCP_SYN_SENT &&
		       (tcp_is_sack(tp) || seq_before(tp->snd_una, tp->high_seq));
	return tp->rx_opt.saw_tstamp && tp->rx_opt.rcv_tsecr &&
	       (s32)(tp->rx_opt.rcv_tsecr - tp->retrans_stamp_ms) < 0;
}

static bool may_undo(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return tp->undo_valid && (!tp->undo_retrans || packet_delayed(sk));
}

/* Without SACK, duplicate ACKs that follow may be echoes of this recovery: only what is
 * acknowledged beyond high_seq ends it (RFC 6582 section 3.2). */
static bool holds_state(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!seq_eq(tp->snd_una, tp->high_seq) || tcp_is_sack(tp))
		return false;
	if (!tcp_any_retrans_done(sk))
		tp->retrans_stamp_ms = 0;
	return true;
}

bool tcp_try_undo_recovery(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (may_undo(sk)) {
		undo_cwnd_reduction(sk, false);
		TCP_STAT(sk, tp->ca_state == TCP_CA_Loss ? LINUX_MIB_TCPLOSSUNDO
							 : LINUX_MIB_TCPFULLUNDO);
	} else if (tp->rack.reo_wnd_persist) {
		tp->rack.reo_wnd_persist--;
	}
	if (holds_state(sk))
		return true;
	tcp_set_ca_state(sk, TCP_CA_Open);
	tp->is_sack_reneg = 0;
	return false;
}

bool tcp_try_undo_partial(struct sock *sk, seq32 prior_una)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->undo_valid || !packet_delayed(sk))
		return false;
	/* The hole was filled by the original: more reordering than was thought. */
	tcp_check_sack_reordering(sk, prior_una, true);
	if (tp->retrans_out)
		return true;
	if (!tcp_any_retrans_done(sk))
		tp->retrans_stamp_ms = 0;
	undo_cwnd_reduction(sk, true);
	TCP_STAT(sk, LINUX_MIB_TCPPARTIALUNDO);
	tcp_try_keep_open(sk);
	return false;
}

bool tcp_try_undo_dsack(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->undo_valid || tp->undo_retrans)
		return false;
	tp->rack.reo_wnd_persist = min(tp->rack.reo_wnd_persist + 1u, 16u) & 31u;
	undo_cwnd_reduction(sk, false);
	TCP_STAT(sk, LINUX_MIB_TCPDSACKUNDO);
	return true;
}

bool tcp_try_undo_loss(struct sock *sk, bool frto_undo)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!frto_undo && !may_undo(sk))
		return false;
	undo_cwnd_reduction(sk, true);
	TCP_STAT(sk, LINUX_MIB_TCPLOSSUNDO);
	if (frto_undo)
		TCP_STAT(sk, LINUX_MIB_TCPSPURIOUSRTOS);
	tp->retransmits = 0;
	if (holds_state(sk))
		return true;
	if (frto_undo || tcp_is_sack(tp)) {
		tcp_set_ca_state(sk, TCP_CA_Open);
		tp->is_sack_reneg = 0;
	}
	return true;
}

void tcp_try_undo_spurious_syn(struct tcp_sock *tp)
{
	if (tp->undo_valid && tp->retrans_stamp_ms && tp->rx_opt.saw_tstamp &&
	    tp->retrans_stamp_ms == tp->rx_opt.rcv_tsecr)
		tp->undo_valid = false;
}
