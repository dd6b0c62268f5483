/* SPDX-License-Identifier: MIT */
/*
 * Recovery with a peer that knows no SACK (RFC 6582, 3042). Each duplicate ACK stands for a segment
 * that has left the network: it is counted in sacked_out as if it had been SACKed, so that the
 * window, limited transmit and fast retransmit need no other rules. Socket lock held.
 */
#include "tcp_int.h"

bool tcp_limit_reno_sacked(struct tcp_sock *tp)
{
	u32 holes = min(max(tp->lost_out, 1u), tp->packets_out);

	if (tp->sacked_out + holes <= tp->packets_out)
		return false;
	tp->sacked_out = tp->packets_out - holes;
	return true;
}

/* More duplicates than segments that can have caused them: they were reordered, not lost. */
static void check_reordering(struct sock *sk, u32 addend)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tcp_limit_reno_sacked(tp))
		return;
	tp->reordering = min(tp->packets_out + addend, (u32)tcp_net(sk)->tcp_max_reordering);
	tp->reord_seen++;
	TCP_STAT(sk, LINUX_MIB_TCPRENOREORDER);
}

void tcp_add_reno_sack(struct sock *sk, u32 num_dupack, bool ece_ack)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 prior = tp->sacked_out;

	if (!num_dupack)
		return;
	tp->sacked_out += num_dupack;
	check_reordering(sk, 0);
	if (tp->sacked_out > prior) {
		tp->reno_delivered += tp->sacked_out - prior;
		tcp_count_delivered(tp, tp->sacked_out - prior, ece_ack);
	}
}

/* One ACK fills the hole; the rest of what it covers had been counted by duplicates, be that long
 * ago: sacked_out is forgotten by a time-out, and what was delivered must not be counted twice. */
void tcp_remove_reno_sacks(struct sock *sk, u32 acked, bool ece_ack)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (acked) {
		u32 counted = min(acked - 1, tp->reno_delivered);

		tcp_count_delivered(tp, acked - counted, ece_ack);
		tp->reno_delivered = min(tp->reno_delivered - counted, tp->packets_out);
		tp->sacked_out -= min(acked - 1, tp->sacked_out);
	}
	check_reordering(sk, acked);
}

/* The head is lost after enough duplicates; in recovery, each partial ACK shows the next one. */
void tcp_newreno_mark_lost(struct sock *sk, bool snd_una_advanced)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = tcp_rtx_queue_head(sk);
	u32 mss = tcp_skb_mss(skb);

	if (!(tp->ca_state < TCP_CA_Recovery && tp->sacked_out >= tp->reordering) &&
	    !(tp->ca_state == TCP_CA_Recovery && snd_una_advanced))
		return;
	if (TCP_SKB_CB(skb)->sacked & TCPCB_LOST)
		return;
	if (tcp_skb_pcount(skb) > 1 && skb->len > mss)
		tcp_fragment(sk, skb, mss, true, GFP_ATOMIC);
	tcp_mark_skb_lost(sk, skb);
}

/* Only the first partial ACK of a recovery starts the retransmission timer anew (RFC 6582
 * section 3.2, step 3). A window that lost many would take a round trip for each, and soon the
 * peer's window lets nothing else out; the time-out, with slow start behind it, is over sooner.
 * With nothing left in flight there is nothing to time: the slot is for the probe of a window. */
bool tcp_newreno_keeps_timer(const struct tcp_sock *tp, seq32 prior_una)
{
	return tp->packets_out && !tcp_is_sack(tp) && tp->ca_state == TCP_CA_Recovery &&
	       seq_after(prior_una, tp->undo_marker) && tp->pending == TCP_PEND_RETRANS;
}
