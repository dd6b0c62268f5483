/* SPDX-License-Identifier: MIT */
/*
 * Tail loss probe (RFC 8985 section 7): where the last segments of a flight are lost no ACK tells
 * of it. After two round trips without one a probe is sent, new text if there is any, else the last
 * segment again; its ACK shows what is missing, or that the probe itself repaired the loss. One
 * probe at a time, none in recovery. Socket lock held.
 */
#include "tcp_int.h"

/* Two round trips; where one segment is in flight its ACK may be delayed too. */
static u32 probe_timeout_us(const struct sock *sk, bool advancing_rto)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	s64 rto_us = advancing_rto ? (s64)tp->rto_us : tcp_rto_delta_us(sk);
	u32 us = TCP_TIMEOUT_INIT_US;

	if (tp->srtt_us)
		us = (tp->srtt_us >> 2) +
		     (tp->packets_out == 1 ? tcp_rto_min_us(sk) : TCP_TIMEOUT_MIN_US);
	return rto_us > 0 ? (u32)min_t(s64, us, rto_us) : us;
}

bool tcp_schedule_loss_probe(struct sock *sk, bool advancing_rto)
{
	struct tcp_sock *tp = tcp_sk(sk);
	int early = tcp_net(sk)->tcp_early_retrans;

	if (tp->fastopen_rsk || (early != 3 && early != 4) || !tp->packets_out ||
	    !tcp_is_sack(tp) || (tp->ca_state != TCP_CA_Open && tp->ca_state != TCP_CA_CWR))
		return false;
	tcp_arm(sk, TCP_PEND_LOSS_PROBE,
		probe_timeout_us(sk, advancing_rto) + tcp_pacing_delay_us(tp));
	return true;
}

/* The last segment of the queue again, only its last one of a super-packet. */
static bool send_last_again(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = tcp_rtx_queue_tail(sk);
	u32 mss = tcp_current_mss(sk), n;

	if (!skb)
		return false;
	n = tcp_skb_pcount(skb);
	if (n > 1 && skb->len > (n - 1) * mss) {
		if (tcp_fragment(sk, skb, (n - 1) * mss, true, GFP_ATOMIC))
			return false;
		skb = tcp_rb_next(skb);
	}
	if (!skb || __tcp_retransmit_skb(sk, skb, 1))
		return false;
	tp->tlp_retrans = true;
	return true;
}

static bool send_new(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 before = tp->packets_out;

	tcp_write_xmit(sk, tcp_current_mss(sk), TCP_NAGLE_OFF, TCP_PUSH_PROBE, GFP_ATOMIC);
	return tp->packets_out > before;
}

/* Some text that was never sent fits into the peer's window. */
static bool new_text_fits(struct sock *sk)
{
	const struct sk_buff *skb = tcp_send_head(sk);
	u32 mss = tcp_current_mss(sk);

	return skb && !seq_after(seq_add(TCP_SKB_CB(skb)->seq, min(skb->len, mss)),
				 tcp_wnd_end(tcp_sk(sk)));
}

void tcp_send_loss_probe(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool sent = false;

	if (!tp->tlp_out) {
		tp->tlp_retrans = false;
		sent = new_text_fits(sk) ? send_new(sk) : send_last_again(sk);
	}
	if (sent) {
		tp->tlp_high_seq = tp->snd_nxt;
		tp->tlp_out = true;
		TCP_STAT(sk, LINUX_MIB_TCPLOSSPROBES);
		tp->pending = TCP_PEND_NONE; /* so that the RTO counts from now on */
	}
	tcp_rearm_rto(sk);
}

/* What an ACK says of the probe that is out. */
void tcp_process_tlp_ack(struct sock *sk, seq32 ack, u32 flag)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (seq_before(ack, tp->tlp_high_seq))
		return;
	if (!tp->tlp_retrans || flag & FLAG_DSACK_TLP) {
		tp->tlp_out = false; /* new text arrived; or the probe was the second copy */
	} else if (seq_after(ack, tp->tlp_high_seq)) {
		/* No DSACK for it: the original had been lost, which counts as congestion. */
		tcp_init_cwnd_reduction(sk);
		tcp_set_ca_state(sk, TCP_CA_CWR);
		tcp_end_cwnd_reduction(sk);
		tcp_try_keep_open(sk);
		TCP_STAT(sk, LINUX_MIB_TCPLOSSPROBERECOVERY);
	} else if (!(flag & (FLAG_SND_UNA_ADVANCED | FLAG_NOT_DUP | FLAG_DATA_SACKED))) {
		tp->tlp_out = false; /* a bare duplicate: both arrived */
	}
}
