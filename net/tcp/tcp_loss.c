/* SPDX-License-Identifier: MIT */
/*
 * State Loss: the retransmission timer fired (RFC 5681 section 3.1, RFC 6298 section 5). What is in
 * flight is taken for lost, and sent again in slow start, unless F-RTO (RFC 5682) finds that the
 * timer was too early: the first ACK that moves SND.UNA is answered by new text, and if the next
 * one acknowledges text that was sent once, nothing had been lost. Socket lock held.
 */
#include "tcp_int.h"

static void mark_lost(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *head = tcp_rtx_queue_head(sk), *skb;
	bool reneg = head && TCP_SKB_CB(head)->sacked & TCPCB_SACKED_ACKED;

	if (reneg) { /* the peer no longer has what it SACKed */
		TCP_STAT(sk, LINUX_MIB_TCPSACKRENEGING);
		tp->sacked_out = 0;
		tp->is_sack_reneg = 1;
	} else if (!tcp_is_sack(tp)) {
		tcp_reset_reno_sack(tp);
	}
	for (skb = head; skb; skb = tcp_rb_next(skb)) {
		if (reneg)
			TCP_SKB_CB(skb)->sacked &= (u8)~TCPCB_SACKED_ACKED;
		else if (skb != head && tcp_is_rack(sk) && tcp_rack_skb_timeout(tp, skb, 0) > 0)
			continue; /* sent too recently to be late */
		tcp_mark_skb_lost(sk, skb);
	}
	tcp_clear_retrans_hints(tp);
}

void tcp_enter_loss(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct netns_tcp *nt = tcp_net(sk);
	bool new_recovery = tp->ca_state < TCP_CA_Recovery;

	mark_lost(sk);
	/* Once for each window of text. */
	if (tp->ca_state <= TCP_CA_Disorder || !seq_after(tp->high_seq, tp->snd_una) ||
	    (tp->ca_state == TCP_CA_Loss && !tp->retransmits)) {
		tp->prior_ssthresh = tcp_current_ssthresh(sk);
		tp->prior_cwnd = tp->snd_cwnd;
		tp->snd_ssthresh = tp->ca_ops->ssthresh(sk);
		tcp_ca_event(sk, CA_EVENT_LOSS);
		tcp_init_undo(tp);
	}
	tp->snd_cwnd = tcp_packets_in_flight(tp) + 1;
	tp->snd_cwnd_cnt = 0;
	tp->snd_cwnd_stamp_ms = tcp_time_stamp(tp);
	/* Many duplicates and yet a time-out: reordering was thought to be more than it is. */
	if (tp->ca_state <= TCP_CA_Disorder && tp->sacked_out >= (u32)nt->tcp_reordering)
		tp->reordering = min(tp->reordering, (u32)nt->tcp_reordering);
	tcp_set_ca_state(sk, TCP_CA_Loss);
	tp->high_seq = tp->snd_nxt;
	tp->tlp_out = false;
	tcp_ecn_queue_cwr(tp);
	tp->frto = nt->tcp_frto && (new_recovery || tp->retransmits) && !tp->mtup.probe_size;
}

/* ---- an ACK in this state ----------------------------------------------------------------------
 */

/* F-RTO, section 3.1 with SACK. True: all is decided. */
static bool frto(struct sock *sk, struct tcp_ack_news *news, bool recovered)
{
	struct tcp_sock *tp = tcp_sk(sk);

	/* Step 3.b: text that was sent once was acknowledged. */
	if (news->flag & FLAG_ORIG_SACK_ACKED && tcp_try_undo_loss(sk, true))
		return true;
	if (seq_after(tp->snd_nxt, tp->high_seq)) {
		if (news->flag & FLAG_DATA_SACKED || news->num_dupack)
			tp->frto = 0; /* step 3.a: the loss was real */
	} else if (news->flag & FLAG_SND_UNA_ADVANCED && !recovered) {
		/* Step 2.b: new text instead of retransmissions, if there is any. */
		tp->high_seq = tp->snd_nxt;
		if (tcp_send_head(sk) && seq_after(tcp_wnd_end(tp), tp->snd_nxt)) {
			news->rexmit = REXMIT_NEW;
			return true;
		}
		tp->frto = 0;
	}
	return false;
}

void tcp_process_loss(struct sock *sk, struct tcp_ack_news *news)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool recovered = !seq_before(tp->snd_una, tp->high_seq);

	if (news->flag & FLAG_SND_UNA_ADVANCED && tcp_try_undo_loss(sk, false))
		return;
	if (tp->frto && frto(sk, news, recovered))
		return;
	if (recovered) {
		tcp_try_undo_recovery(sk);
		return;
	}
	if (!tcp_is_sack(tp)) {
		/* A duplicate for the new text of step 2.b: a segment has left the network. */
		if (seq_after(tp->snd_nxt, tp->high_seq) && news->num_dupack)
			tcp_add_reno_sack(sk, news->num_dupack, news->flag & FLAG_ECE);
		else if (news->flag & FLAG_SND_UNA_ADVANCED)
			tcp_reset_reno_sack(tp);
	}
	news->rexmit = REXMIT_LOST;
}

/* ---- not by congestion ------------------------------------------------------------------------
 */

/* Send what is marked again; the window stays: what it counts is not lost by congestion. */
void tcp_non_congestion_loss_retransmit(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->ca_state != TCP_CA_Loss) {
		tp->high_seq = tp->snd_nxt;
		tp->snd_ssthresh = tcp_current_ssthresh(sk);
		tp->prior_ssthresh = 0;
		tp->undo_valid = false;
		tcp_set_ca_state(sk, TCP_CA_Loss);
	}
	tcp_xmit_retransmit_queue(sk);
}

void tcp_simple_retransmit(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	/* A Fast Open's SYN and data went as one packet, though they are two here: both are lost.
	 */
	bool all = tp->syn_data && sk->sk_state == TCP_SYN_SENT;
	u32 mss = tcp_current_mss(sk);
	struct sk_buff *skb;

	for (skb = tcp_rtx_queue_head(sk); skb; skb = tcp_rb_next(skb))
		if (all || (tcp_skb_pcount(skb) > 1 ? tcp_skb_mss(skb) : skb->len) > mss)
			tcp_mark_skb_lost(sk, skb);
	if (!tp->lost_out)
		return;
	if (!tcp_is_sack(tp))
		tcp_limit_reno_sacked(tp);
	tcp_non_congestion_loss_retransmit(sk);
}
