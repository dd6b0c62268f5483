/* SPDX-License-Identifier: MIT */
/*
 * The seventh step of RFC 9293 section 3.10.7.4: text goes to the receive queue in order, or waits
 * in the out-of-order tree, in which no two segments overlap. Memory is charged by truesize; when
 * the buffer is full the tree is given up first. Socket lock held, softirq or backlog.
 */
#include "tcp_int.h"

void tcp_data_ready(struct sock *sk)
{
	if (!sock_flag(sk, SOCK_DEAD))
		sk->sk_data_ready(sk);
}

void tcp_ofo_purge(struct sock *sk, enum skb_drop_reason why)
{
	struct rb_root *root = &tcp_sk(sk)->out_of_order_queue;
	struct rb_node *n;

	while ((n = rb_first(root))) {
		struct sk_buff *skb = tcp_rb_skb(n);

		tcp_rb_unlink(skb, root);
		kfree_skb_reason(skb, why);
	}
}

/* Have memory for skb, at the cost of the out-of-order tree if need be. */
static bool have_memory(struct sock *sk, const struct sk_buff *skb)
{
	for (unsigned attempt = 0; attempt < 2; attempt++) {
		if (atomic_read(&sk->sk_rmem_alloc) <= sk->sk_rcvbuf &&
		    sk_rmem_schedule(sk, (int)skb->truesize))
			return true;
		if (!attempt) {
			TCP_STAT(sk, LINUX_MIB_PRUNECALLED);
			if (!rb_empty(&tcp_sk(sk)->out_of_order_queue))
				TCP_STAT(sk, LINUX_MIB_OFOPRUNED);
			tcp_ofo_purge(sk, SKB_DROP_REASON_TCP_OFO_QUEUE_PRUNE);
		}
	}
	return false;
}

/* Merge skb, which is not charged yet, into the last one of the queue. */
static bool coalesce(struct sock *sk, struct sk_buff *tail, struct sk_buff *skb)
{
	bool stolen;
	u32 delta;

	if (!tail || !seq_eq(TCP_SKB_CB(tail)->end_seq, TCP_SKB_CB(skb)->seq) ||
	    TCP_SKB_CB(tail)->flags & TCPHDR_FIN)
		return false;
	if (!skb_try_coalesce(tail, skb, &stolen, &delta))
		return false;
	atomic_add((s32)delta, &sk->sk_rmem_alloc);
	sk_mem_charge(sk, (int)delta);
	TCP_STAT(sk, LINUX_MIB_TCPRCVCOALESCE);
	TCP_SKB_CB(tail)->end_seq = TCP_SKB_CB(skb)->end_seq;
	TCP_SKB_CB(tail)->flags |= TCP_SKB_CB(skb)->flags & TCPHDR_FIN;
	kfree_skb_partial(skb, stolen);
	return true;
}

/* In order: append, move RCV.NXT. What of it was received before is skipped by recvmsg(), which
 * goes by numbers. charged: the tree's segments are already. */
static void append(struct sock *sk, struct sk_buff *skb, bool charged)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool fin = TCP_SKB_CB(skb)->flags & TCPHDR_FIN;

	tp->rcv_nxt = TCP_SKB_CB(skb)->end_seq;
	if (charged || !coalesce(sk, skb_peek_tail(&sk->sk_receive_queue), skb)) {
		__skb_queue_tail(&sk->sk_receive_queue, skb);
		if (!charged)
			skb_set_owner_r(skb, sk);
	}
	if (fin)
		tcp_rx_fin(sk);
}

/* Segments of the tree that have become next in order. */
static void drain_ofo(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct rb_node *n;

	while ((n = rb_first(&tp->out_of_order_queue))) {
		struct sk_buff *skb = tcp_rb_skb(n);

		if (seq_after(TCP_SKB_CB(skb)->seq, tp->rcv_nxt))
			break;
		tcp_rb_unlink(skb, &tp->out_of_order_queue);
		if (!seq_after(TCP_SKB_CB(skb)->end_seq, tp->rcv_nxt))
			kfree_skb_reason(skb, SKB_DROP_REASON_TCP_OFOMERGE);
		else
			append(sk, skb, true);
	}
}

/* Cut what lies beyond the window off; the FIN with it. */
static bool cut_tail(struct sk_buff *skb, u32 bytes)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	u32 fin = !!(cb->flags & TCPHDR_FIN);

	if (!bytes)
		return true;
	if (bytes - fin > skb->len || pskb_trim(skb, skb->len - (bytes - fin)))
		return false;
	cb->flags &= (u8)~TCPHDR_FIN;
	cb->end_seq = seq_sub(cb->end_seq, bytes);
	return true;
}

/* Segments of the tree that skb covers wholly go; false: skb is covered itself. */
static bool make_place(struct rb_root *root, struct sk_buff *skb)
{
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	struct rb_node *n = rb_first(root), *next;

	for (; n; n = next) {
		struct sk_buff *other = tcp_rb_skb(n);
		const struct tcp_skb_cb *ocb = TCP_SKB_CB(other);

		next = rb_next(n);
		if (seq_after_eq(ocb->seq, cb->end_seq))
			break;
		if (seq_before_eq(ocb->seq, cb->seq) && seq_after_eq(ocb->end_seq, cb->end_seq))
			return false;
		if (seq_after_eq(ocb->seq, cb->seq) && seq_before_eq(ocb->end_seq, cb->end_seq)) {
			tcp_rb_unlink(other, root);
			kfree_skb_reason(other, SKB_DROP_REASON_TCP_OFOMERGE);
		}
	}
	return true;
}

/* Beyond RCV.NXT: keep it, tell the peer by a duplicate ACK at once (RFC 5681 section 4.2). */
static enum skb_drop_reason queue_ofo(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->ack.pending |= TCP_ACK_SCHED | TCP_ACK_NOW;
	if (!have_memory(sk, skb)) {
		TCP_STAT(sk, LINUX_MIB_TCPOFODROP);
		return SKB_DROP_REASON_PROTO_MEM;
	}
	TCP_STAT(sk, LINUX_MIB_TCPOFOQUEUE);
	tp->rcv_ooopack++;
	if (!make_place(&tp->out_of_order_queue, skb)) {
		TCP_STAT(sk, LINUX_MIB_TCPOFOMERGE);
		return SKB_DROP_REASON_TCP_OFOMERGE;
	}
	skb_set_owner_r(skb, sk);
	tcp_rb_insert(&tp->out_of_order_queue, skb);
	return SKB_CONSUMED;
}

static enum skb_drop_reason queue_in_order(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 len = skb->len;

	if (!have_memory(sk, skb)) {
		TCP_STAT(sk, LINUX_MIB_TCPRCVQDROP);
		tp->ack.pending |= TCP_ACK_SCHED | TCP_ACK_NOW;
		tcp_data_ready(sk);
		return SKB_DROP_REASON_SOCKET_RCVBUFF;
	}
	if (!rb_empty(&tp->out_of_order_queue)) /* a hole closes: tell at once */
		tp->ack.pending |= TCP_ACK_NOW;
	append(sk, skb, false);
	tcp_event_data_recv(sk, len);
	if (sk->sk_state != TCP_CLOSE)
		drain_ofo(sk);
	tcp_data_ready(sk);
	return SKB_CONSUMED;
}

enum skb_drop_reason tcp_data_queue(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	s32 beyond = seq_diff(cb->end_seq, seq_add(tp->rcv_nxt, tcp_receive_window(tp)));

	skb_dst_drop(skb);
	skb_pull(skb, tcp_hdrlen(skb));
	if (!tcp_receive_window(tp)) {
		TCP_STAT(sk, LINUX_MIB_TCPZEROWINDOWDROP);
		tp->ack.pending |= TCP_ACK_SCHED | TCP_ACK_NOW;
		return SKB_DROP_REASON_TCP_ZEROWINDOW;
	}
	if (beyond > 0 && !cut_tail(skb, (u32)beyond))
		return SKB_DROP_REASON_TCP_OVERWINDOW;
	if (seq_after(cb->seq, tp->rcv_nxt))
		return queue_ofo(sk, skb);
	return queue_in_order(sk, skb);
}
