/* SPDX-License-Identifier: MIT */
/*
 * Sending again: single segments, all that is marked lost, and probes of a closed window (RFC 9293
 * section 3.8.6.1). Socket lock held, softirq or thread.
 */
#include "tcp_int.h"

/* Drop what was acknowledged meanwhile from the front of skb. */
static int trim_acked(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	s32 acked = seq_diff(tcp_sk(sk)->snd_una, cb->seq);

	if (acked <= 0 || cb->flags & TCPHDR_SYN)
		return 0;
	if ((u32)acked > skb->len)
		return -EINVAL;
	if (skb_cloned(skb) && pskb_expand_head(skb, 0, 0, GFP_ATOMIC))
		return -ENOMEM;
	if (!pskb_pull(skb, (u32)acked))
		return -EINVAL;
	cb->seq = tcp_sk(sk)->snd_una;
	return 0;
}

int tcp_retransmit_skb(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	int err = -EHOSTUNREACH;

	if (trim_acked(sk, skb))
		return -ENOMEM;
	if (!tp->af->route(sk, &err))
		return err;
	/* The window was taken back: only the first segment goes, as a probe. */
	if (!seq_before(cb->seq, tcp_wnd_end(tp)) && !seq_eq(cb->seq, tp->snd_una))
		return -EAGAIN;
	if (skb->len > tcp_current_mss(sk) &&
	    tcp_fragment(sk, skb, tp->mss_cache, true, GFP_ATOMIC))
		return -ENOMEM;
	TCP_INC_STATS(sock_net(sk), RETRANSSEGS);
	if (cb->flags & TCPHDR_SYN)
		TCP_STAT(sk, LINUX_MIB_TCPSYNRETRANS);
	tp->total_retrans++;
	tp->bytes_retrans += skb->len;
	if (!tp->retrans_stamp_ms)
		tp->retrans_stamp_ms = tcp_now_ms() | 1;
	err = tcp_transmit_skb(sk, skb, true, GFP_ATOMIC);
	if (err)
		TCP_STAT(sk, LINUX_MIB_TCPRETRANSFAIL);
	if (!(cb->sacked & TCPCB_SACKED_RETRANS)) {
		cb->sacked |= TCPCB_SACKED_RETRANS;
		tp->retrans_out += tcp_skb_pcount(skb);
	}
	cb->sacked |= TCPCB_EVER_RETRANS;
	return err;
}

void tcp_xmit_retransmit_queue(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	if (!tp->lost_out)
		return;
	for (skb = tcp_rtx_queue_head(sk); skb; skb = tcp_rb_next(skb)) {
		u8 marks = TCP_SKB_CB(skb)->sacked & (TCPCB_LOST | TCPCB_SACKED_RETRANS);

		if (marks != TCPCB_LOST)
			continue;
		if (tcp_packets_in_flight(tp) >= tp->snd_cwnd || tcp_retransmit_skb(sk, skb))
			break;
		TCP_STAT(sk, tp->ca_state == TCP_CA_Loss ? LINUX_MIB_TCPSLOWSTARTRETRANS
							 : LINUX_MIB_TCPFASTRETRANS);
	}
	if (tp->pending != TCP_PEND_RETRANS)
		tcp_rearm_rto(sk);
}

int tcp_write_wakeup(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = tcp_send_head(sk);
	u32 room, mss = tcp_current_mss(sk);

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
	tcp_write_xmit(sk, mss, TCP_NAGLE_PUSH, TCP_PUSH_ALL, GFP_ATOMIC);
	return 0;
}
