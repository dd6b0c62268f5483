/* SPDX-License-Identifier: MIT */
/*
 * Explicit congestion notification (RFC 3168): agreed on by flags of the SYNs; then data goes out
 * as ECT(0), a mark that arrives is echoed by ECE until the peer tells CWR. net.ipv4.tcp_ecn: 0
 * never, 1 ask and answer, 2 answer only. Socket lock held, but for tcp_ecn_accept_syn().
 */
#include "tcp_int.h"

#define ECN_MASK    3u /* of the TOS byte */
#define ECN_NOT_ECT 0u
#define ECN_ECT_0   2u
#define ECN_CE      3u
#define SYN_ECN     (TCPHDR_SYN | TCPHDR_ECE | TCPHDR_CWR)

void tcp_ecn_set_ect(struct sock *sk)
{
	inet_sk(sk)->tos |= ECN_ECT_0;
}

void tcp_ecn_clear_ect(struct sock *sk)
{
	inet_sk(sk)->tos &= (u8)~ECN_MASK;
}

/* ---- agreeing ---------------------------------------------------------------------------------
 */

void tcp_ecn_send_syn(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->ecn_flags = 0;
	if (tcp_net(sk)->tcp_ecn != 1 && !tcp_ca_needs_ecn(sk))
		return;
	TCP_SKB_CB(skb)->flags |= TCPHDR_ECE | TCPHDR_CWR;
	tp->ecn_flags = TCP_ECN_OK;
	if (tcp_ca_needs_ecn(sk))
		tcp_ecn_set_ect(sk);
}

void tcp_ecn_clear_syn(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	if ((cb->flags & SYN_ECN) == SYN_ECN && tcp_net(sk)->tcp_ecn_fallback)
		cb->flags &= (u8) ~(TCPHDR_ECE | TCPHDR_CWR);
}

bool tcp_ecn_accept_syn(const struct sock *listener, const struct sk_buff *skb)
{
	const struct tcphdr *th = tcp_hdr(skb);
	bool reserved = th->doff_res & 0x0f;
	bool ect = (TCP_SKB_CB(skb)->ip_dsfield & ECN_MASK) != ECN_NOT_ECT;

	if ((th->flags & SYN_ECN) != SYN_ECN)
		return false;
	/* A SYN that is itself ECT is not by RFC 3168, unless it says more with the other bits. */
	return ((!ect || reserved) && tcp_net(listener)->tcp_ecn) || tcp_ca_needs_ecn(listener);
}

void tcp_ecn_rcv_synack(struct tcp_sock *tp, u8 flags)
{
	if ((flags & (TCPHDR_ECE | TCPHDR_CWR)) != TCPHDR_ECE)
		tp->ecn_flags &= (u8)~TCP_ECN_OK;
}

void tcp_ecn_rcv_syn(struct tcp_sock *tp, u8 flags)
{
	if ((flags & SYN_ECN) != SYN_ECN)
		tp->ecn_flags &= (u8)~TCP_ECN_OK;
}

/* ---- receiving --------------------------------------------------------------------------------
 */

void tcp_ecn_accept_cwr(struct sock *sk, const struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	if (!(cb->flags & TCPHDR_CWR))
		return;
	tp->ecn_flags &= (u8)~TCP_ECN_DEMAND_CWR;
	/* The sender's window may be as small as one segment: it waits for this ACK. */
	if (!seq_eq(cb->seq, cb->end_seq))
		tp->ack.pending |= TCP_ACK_NOW;
}

static void marked(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tcp_ca_needs_ecn(sk))
		tcp_ca_event(sk, CA_EVENT_ECN_IS_CE);
	if (!(tp->ecn_flags & TCP_ECN_DEMAND_CWR)) {
		tcp_enter_quickack_mode(sk, 2);
		tp->ecn_flags |= TCP_ECN_DEMAND_CWR;
	}
	tp->ecn_flags |= TCP_ECN_SEEN;
}

void tcp_ecn_check_ce(struct sock *sk, const struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!(tp->ecn_flags & TCP_ECN_OK))
		return;
	switch (TCP_SKB_CB(skb)->ip_dsfield & ECN_MASK) {
	case ECN_NOT_ECT:
		/* Retransmissions are sent without ECT: this may be one. */
		if (tp->ecn_flags & TCP_ECN_SEEN)
			tcp_enter_quickack_mode(sk, 2);
		break;
	case ECN_CE:
		marked(sk);
		break;
	default:
		if (tcp_ca_needs_ecn(sk))
			tcp_ca_event(sk, CA_EVENT_ECN_NO_CE);
		tp->ecn_flags |= TCP_ECN_SEEN;
		break;
	}
}

/* ---- sending ----------------------------------------------------------------------------------
 */

u8 tcp_ecn_send(struct sock *sk, struct sk_buff *skb, bool new_data)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u8 flags = 0;

	if (!(tp->ecn_flags & TCP_ECN_OK))
		return 0;
	if (new_data) {
		tcp_ecn_set_ect(sk);
		if (tp->ecn_flags & TCP_ECN_QUEUE_CWR) {
			tp->ecn_flags &= (u8)~TCP_ECN_QUEUE_CWR;
			flags |= TCPHDR_CWR;
			skb_shinfo(skb)->gso_type |= SKB_GSO_TCP_ECN;
		}
	} else if (!tcp_ca_needs_ecn(sk)) {
		/* ACKs and what is sent again must not be marked (sections 6.1.4, 6.1.5). */
		tcp_ecn_clear_ect(sk);
	}
	if (tp->ecn_flags & TCP_ECN_DEMAND_CWR)
		flags |= TCPHDR_ECE;
	return flags;
}
