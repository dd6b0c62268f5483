/* SPDX-License-Identifier: MIT */
/*
 * Sending again: single segments, all that is marked lost, and probes of a closed window (RFC 9293
 * section 3.8.6.1); the retransmit queue itself. Socket lock held, softirq or thread.
 */
#include "tcp_int.h"

/* ---- the queue --------------------------------------------------------------------------------
 */

void tcp_rtx_queue_free(struct sock *sk, struct sk_buff *skb)
{
	tcp_rb_unlink(skb, &sk->tcp_rtx_queue);
	tcp_wmem_free_skb(sk, skb);
}

void tcp_scoreboard_reset(struct tcp_sock *tp)
{
	INIT_LIST_HEAD(&tp->tsorted_sent_queue);
	tp->packets_out = tp->sacked_out = tp->lost_out = tp->retrans_out = 0;
	tp->reno_delivered = 0;
	tp->highest_sack = tp->retransmit_skb_hint = NULL;
	tp->undo_valid = false;
	tp->tlp_out = false;
	tp->is_sack_reneg = 0;
	memset(tp->recv_sack_cache, 0, sizeof(tp->recv_sack_cache));
	memset(&tp->rack, 0, sizeof(tp->rack));
	tp->rack.reo_wnd_steps = 1;
}

/* ---- joining small segments (net.ipv4.tcp_retrans_collapse) -------------------------------------
 */

static bool can_collapse(const struct sk_buff *skb)
{
	return tcp_skb_pcount(skb) == 1 && !skb_cloned(skb) && !skb_shinfo(skb)->ubuf &&
	       !(TCP_SKB_CB(skb)->sacked & TCPCB_SACKED_ACKED);
}

/* next, which follows skb, becomes part of it. */
static bool collapse(struct sock *sk, struct sk_buff *skb, struct sk_buff *next)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb), *ncb = TCP_SKB_CB(next);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 len = next->len;

	if (len > skb_tailroom(skb) || skb_copy_bits(next, 0, skb_tail_pointer(skb), len))
		return false;
	skb_put(skb, len);
	if (next == tp->highest_sack)
		tp->highest_sack = tcp_rb_next(next);
	if (next == tp->retransmit_skb_hint)
		tp->retransmit_skb_hint = skb;
	cb->end_seq = ncb->end_seq;
	cb->flags |= ncb->flags;
	cb->sacked |= ncb->sacked & TCPCB_EVER_RETRANS;
	tcp_adjust_pcount(sk, next, (int)tcp_skb_pcount(next));
	tcp_rtx_queue_free(sk, next);
	return true;
}

/* Following segments that fit into one of `space` bytes with skb. */
static void try_collapse(struct sock *sk, struct sk_buff *skb, u32 space)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *next = tcp_rb_next(skb);

	if (!tcp_net(sk)->tcp_retrans_collapse || TCP_SKB_CB(skb)->flags & TCPHDR_SYN)
		return;
	while (next && skb->len + next->len <= space && can_collapse(skb) && can_collapse(next) &&
	       !seq_after(TCP_SKB_CB(next)->end_seq, tcp_wnd_end(tp)) && collapse(sk, skb, next))
		next = tcp_rb_next(skb);
}

/* ---- sending again ----------------------------------------------------------------------------
 */

/* Cut off what was acknowledged meanwhile. 0 or -errno. */
static int trim_acked(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	seq32 una = tcp_sk(sk)->snd_una;

	if (!seq_before(cb->seq, una))
		return 0;
	if (cb->flags & TCPHDR_SYN) {
		cb->flags &= (u8)~TCPHDR_SYN;
		cb->seq = seq_add(cb->seq, 1);
		if (!seq_before(cb->seq, una))
			return 0;
	}
	if (seq_before(cb->end_seq, una))
		return -EINVAL;
	return tcp_trim_head(sk, skb, (u32)seq_diff(una, cb->seq));
}

/* Make skb as long as may go now: so many segments, within the peer's window. 0 or -errno. */
static int fit(struct sock *sk, struct sk_buff *skb, u32 segs)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 mss = tcp_current_mss(sk), len, before;
	s32 avail = seq_diff(tcp_wnd_end(tp), TCP_SKB_CB(skb)->seq);

	/* The window was taken back: only the first segment goes, as a probe. */
	if (avail <= 0) {
		if (!seq_eq(TCP_SKB_CB(skb)->seq, tp->snd_una))
			return -EAGAIN;
		avail = (s32)mss;
	}
	len = mss * segs;
	if (len > (u32)avail)
		len = (u32)avail < mss ? (u32)avail : (u32)avail / mss * mss;
	if (skb->len > len)
		return tcp_fragment(sk, skb, len, true, GFP_ATOMIC);
	before = tcp_skb_pcount(skb);
	tcp_set_skb_tso_segs(skb, mss);
	if (before != tcp_skb_pcount(skb))
		tcp_adjust_pcount(sk, skb, (int)before - (int)tcp_skb_pcount(skb));
	if (skb->len < min((u32)avail, mss))
		try_collapse(sk, skb, min((u32)avail, mss));
	return 0;
}

int __tcp_retransmit_skb(struct sock *sk, struct sk_buff *skb, u32 segs)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	int err = -EHOSTUNREACH;

	if (trim_acked(sk, skb))
		return -ENOMEM;
	if (!tp->af->route(sk, &err))
		return err;
	err = fit(sk, skb, segs);
	if (err)
		return err;
	segs = tcp_skb_pcount(skb);
	TCP_ADD_STATS(sock_net(sk), RETRANSSEGS, segs);
	if (cb->flags & TCPHDR_SYN) {
		tcp_ecn_clear_syn(sk, skb);
		TCP_STAT(sk, LINUX_MIB_TCPSYNRETRANS);
	}
	tp->total_retrans += segs;
	tp->bytes_retrans += skb->len;
	err = tcp_transmit_skb(sk, skb, true, GFP_ATOMIC);
	/* Also where that failed: the time of sending is not that of the original any more. */
	cb->sacked |= TCPCB_EVER_RETRANS;
	if (err)
		NET_ADD_STATS(sock_net(sk), LINUX_MIB_TCPRETRANSFAIL, segs);
	return err;
}

int tcp_retransmit_skb(struct sock *sk, struct sk_buff *skb, u32 segs)
{
	struct tcp_sock *tp = tcp_sk(sk);
	int err = __tcp_retransmit_skb(sk, skb, segs);

	if (!err) {
		if (!(TCP_SKB_CB(skb)->sacked & TCPCB_SACKED_RETRANS))
			tp->retrans_out += tcp_skb_pcount(skb);
		TCP_SKB_CB(skb)->sacked |= TCPCB_RETRANS;
	}
	/* The first attempt: what undo and giving up count from. */
	if (!tp->retrans_stamp_ms)
		tp->retrans_stamp_ms = max((u32)(tcp_skb_timestamp_us(skb) / USEC_PER_MSEC), 1u);
	tp->undo_retrans = max(tp->undo_retrans, 0) + (s32)tcp_skb_pcount(skb);
	return err;
}

/* True: go on to the next segment. */
static bool resend_lost(struct sock *sk, struct sk_buff *skb, u32 room)
{
	struct tcp_sock *tp = tcp_sk(sk);
	int mib = tp->ca_state == TCP_CA_Loss ? LINUX_MIB_TCPSLOWSTARTRETRANS
					      : LINUX_MIB_TCPFASTRETRANS;

	if (tcp_retransmit_skb(sk, skb, room))
		return false;
	NET_ADD_STATS(sock_net(sk), mib, tcp_skb_pcount(skb));
	if (tcp_in_cwnd_reduction(sk))
		tp->prr_out += tcp_skb_pcount(skb);
	return true;
}

void tcp_xmit_retransmit_queue(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *head = tcp_rtx_queue_head(sk), *hole = NULL;
	struct sk_buff *skb = tp->retransmit_skb_hint ? tp->retransmit_skb_hint : head;
	u32 max_segs = tcp_tso_segs(sk, tcp_current_mss(sk));
	bool rearm = false;

	for (; tp->packets_out && skb; skb = tcp_rb_next(skb)) {
		u8 sacked = TCP_SKB_CB(skb)->sacked;
		u32 in_flight = tcp_packets_in_flight(tp);

		if (tcp_pacing_check(sk))
			break;
		if (!hole)
			tp->retransmit_skb_hint = skb;
		if (in_flight >= tp->snd_cwnd || tp->retrans_out >= tp->lost_out)
			break;
		if (!(sacked & TCPCB_LOST)) {
			if (!hole && !(sacked & (TCPCB_SACKED_RETRANS | TCPCB_SACKED_ACKED)))
				hole = skb;
			continue;
		}
		if (sacked & (TCPCB_SACKED_ACKED | TCPCB_SACKED_RETRANS))
			continue;
		if (tcp_small_queue_check(sk, skb, 1) ||
		    !resend_lost(sk, skb, min(tp->snd_cwnd - in_flight, max_segs)))
			break;
		rearm |= skb == head && tp->pending != TCP_PEND_REO_TIMEOUT;
	}
	if (rearm && !tcp_newreno_keeps_timer(tp, tp->snd_una))
		tcp_arm(sk, TCP_PEND_RETRANS, tp->rto_us);
}

int tcp_write_wakeup(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = tcp_send_head(sk);
	u32 room, mss = tcp_current_mss(sk);
	int err;

	if (sk->sk_state == TCP_CLOSE)
		return -EINVAL;
	TCP_STAT(sk, LINUX_MIB_TCPWINPROBE);
	if (!skb || !seq_before(TCP_SKB_CB(skb)->seq, tcp_wnd_end(tp)))
		return tcp_send_probe_segment(sk);
	/* There is some window, less than what waits: fill it. */
	room = min((u32)seq_diff(tcp_wnd_end(tp), TCP_SKB_CB(skb)->seq), mss);
	if (tcp_fragment(sk, skb, room, false, GFP_ATOMIC))
		return -ENOMEM;
	TCP_SKB_CB(skb)->flags |= TCPHDR_PSH;
	/* Not by tcp_write_xmit(), which would grow it again beyond the window. */
	err = tcp_transmit_skb(sk, skb, true, GFP_ATOMIC);
	if (!err)
		tcp_sent_new_data(sk, skb);
	return err;
}
