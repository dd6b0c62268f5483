/* SPDX-License-Identifier: MIT */
/*
 * The seventh step of RFC 9293 section 3.10.7.4: text goes to the receive queue in order, or waits
 * in the out-of-order tree, in which no segment covers another. Memory is charged by truesize; when
 * the buffer is full the tree is given up first. Socket lock held, softirq or backlog.
 */
#include "tcp_int.h"

void tcp_data_ready(struct sock *sk)
{
	if (!sock_flag(sk, SOCK_DEAD))
		sk->sk_data_ready(sk);
}

static __cold void ofo_drop(struct sock *sk, struct sk_buff *skb, enum skb_drop_reason why)
{
	tcp_rb_unlink(skb, &tcp_sk(sk)->out_of_order_queue);
	kfree_skb_reason(skb, why);
}

void tcp_ofo_purge(struct sock *sk, enum skb_drop_reason why)
{
	struct rb_node *n;

	while ((n = rb_first(&tcp_sk(sk)->out_of_order_queue)))
		ofo_drop(sk, tcp_rb_skb(n), why);
	tcp_sk(sk)->rx_opt.num_sacks = 0;
}

/* Make room in steps of an eighth of the buffer, from the end of the tree, but not for what would
 * lie behind it. What was SACKed is then missing again: no block may tell of it any more. */
__cold bool tcp_ofo_prune(struct sock *sk, const struct sk_buff *incoming)
{
	struct tcp_sock *tp = tcp_sk(sk);
	int goal = sk->sk_rcvbuf >> 3;
	bool pruned = false;
	struct rb_node *n;

	while ((n = rb_last(&tp->out_of_order_queue))) {
		struct sk_buff *skb = tcp_rb_skb(n);

		if (seq_after(TCP_SKB_CB(incoming)->seq, TCP_SKB_CB(skb)->seq))
			break;
		pruned = true;
		goal -= (int)skb->truesize;
		ofo_drop(sk, skb, SKB_DROP_REASON_TCP_OFO_QUEUE_PRUNE);
		if (goal > 0)
			continue;
		if (atomic_read(&sk->sk_rmem_alloc) <= sk->sk_rcvbuf)
			break;
		goal = sk->sk_rcvbuf >> 3;
	}
	if (!pruned)
		return false;
	TCP_STAT(sk, LINUX_MIB_OFOPRUNED);
	tcp_sack_reset(tp);
	return true;
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

/* As sock_rfree(). In an interactive session the answer comes next: it has use for the page that
 * the request gives back. */
static void tcp_rfree(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	int keep = tcp_sk(sk)->ack.pingpong ? (int)SK_MEM_QUANTUM : 0;

	atomic_sub((s32)skb->truesize, &sk->sk_rmem_alloc);
	sk->sk_forward_alloc += (int)skb->truesize;
	if (unlikely(sk->sk_forward_alloc >= (int)SK_MEM_QUANTUM + keep))
		sk_mem_reclaim(sk);
}

static void tcp_set_owner_r(struct sk_buff *skb, struct sock *sk)
{
	DEBUG_ASSERT(!skb->destructor);
	skb->sk = sk;
	skb->destructor = tcp_rfree;
	atomic_add((s32)skb->truesize, &sk->sk_rmem_alloc);
	sk_mem_charge(sk, (int)skb->truesize);
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
			tcp_set_owner_r(skb, sk);
	}
	if (fin)
		tcp_rx_fin(sk);
}

/* Segments of the tree that have become next in order. */
static void drain_ofo(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	seq32 dsack_high = tp->rcv_nxt;
	struct rb_node *n;

	while ((n = rb_first(&tp->out_of_order_queue))) {
		struct sk_buff *skb = tcp_rb_skb(n);
		const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

		if (seq_after(cb->seq, tp->rcv_nxt))
			break;
		if (seq_before(cb->seq, dsack_high))
			tcp_dsack_extend(sk, cb->seq, seq_min(cb->end_seq, dsack_high));
		if (!seq_after(cb->end_seq, tp->rcv_nxt)) {
			ofo_drop(sk, skb, SKB_DROP_REASON_TCP_OFOMERGE);
			continue;
		}
		tcp_rb_unlink(skb, &tp->out_of_order_queue);
		append(sk, skb, true);
	}
}

/* The segment of the tree that begins last among those that begin at or before seq; NULL: none. */
static struct sk_buff *ofo_before(struct tcp_sock *tp, seq32 seq)
{
	struct rb_node *n = tp->out_of_order_queue.node;
	struct sk_buff *found = NULL;

	while (n) {
		struct sk_buff *skb = tcp_rb_skb(n);

		if (seq_after(TCP_SKB_CB(skb)->seq, seq)) {
			n = n->left;
		} else {
			found = skb;
			n = n->right;
		}
	}
	return found;
}

/* What lies behind skb and is covered by it goes; what it repeats is told. */
static void ofo_cover(struct sock *sk, struct sk_buff *skb)
{
	seq32 end = TCP_SKB_CB(skb)->end_seq;
	struct sk_buff *next;

	while ((next = tcp_rb_next(skb)) && seq_after(end, TCP_SKB_CB(next)->seq)) {
		const struct tcp_skb_cb *cb = TCP_SKB_CB(next);

		tcp_dsack_extend(sk, cb->seq, seq_min(end, cb->end_seq));
		if (seq_before(end, cb->end_seq))
			break;
		TCP_STAT(sk, LINUX_MIB_TCPOFOMERGE);
		ofo_drop(sk, next, SKB_DROP_REASON_TCP_OFOMERGE);
	}
}

/* Into the tree, in which no segment covers another. SKB_CONSUMED, or why it is not wanted. */
static enum skb_drop_reason ofo_insert(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	struct sk_buff *prev = ofo_before(tp, cb->seq);

	if (prev && seq_before(cb->seq, TCP_SKB_CB(prev)->end_seq)) {
		if (!seq_after(cb->end_seq, TCP_SKB_CB(prev)->end_seq)) {
			TCP_STAT(sk, LINUX_MIB_TCPOFOMERGE);
			tcp_dsack_set(sk, cb->seq, cb->end_seq);
			return SKB_DROP_REASON_TCP_OFOMERGE;
		}
		tcp_dsack_set(sk, cb->seq, TCP_SKB_CB(prev)->end_seq);
		if (seq_eq(cb->seq, TCP_SKB_CB(prev)->seq)) {
			TCP_STAT(sk, LINUX_MIB_TCPOFOMERGE);
			ofo_drop(sk, prev, SKB_DROP_REASON_TCP_OFOMERGE);
		}
	} else if (coalesce(sk, prev, skb)) {
		ofo_cover(sk, prev);
		return SKB_CONSUMED;
	}
	skb_set_owner_r(skb, sk);
	tcp_rb_insert(&tp->out_of_order_queue, skb);
	ofo_cover(sk, skb);
	return SKB_CONSUMED;
}

/* Beyond RCV.NXT: keep it, and tell the peer what we have (RFC 5681 section 4.2, RFC 2018). */
static noinline enum skb_drop_reason queue_ofo(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	seq32 seq = TCP_SKB_CB(skb)->seq, end = TCP_SKB_CB(skb)->end_seq;
	enum skb_drop_reason why;

	if (!tcp_rmem_schedule(sk, skb)) {
		TCP_STAT(sk, LINUX_MIB_TCPOFODROP);
		tcp_data_ready(sk);
		return SKB_DROP_REASON_PROTO_MEM;
	}
	tcp_ecn_check_ce(sk, skb);
	tp->ack.pending |= TCP_ACK_SCHED;
	TCP_STAT(sk, LINUX_MIB_TCPOFOQUEUE);
	tp->rcv_ooopack += max(skb_shinfo(skb)->gso_segs + 0u, 1u);
	tcp_rcvbuf_ofo_recv(sk, skb);
	why = ofo_insert(sk, skb);
	tcp_sack_new_ofo(tp, seq, end);
	tcp_rcvbuf_ofo_grow(sk);
	return why;
}

static enum skb_drop_reason queue_in_order(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 len = skb->len;

	if (!tcp_rmem_schedule(sk, skb)) {
		tp->ack.pending |= TCP_ACK_SCHED | TCP_ACK_NOW;
		tcp_data_ready(sk);
		if (!skb_queue_empty(&sk->sk_receive_queue) && len) {
			TCP_STAT(sk, LINUX_MIB_TCPRCVQDROP);
			return SKB_DROP_REASON_SOCKET_RCVBUFF;
		}
		/* The first always finds room: a connection that reads what it gets goes on. So
		 * does a FIN alone, or a peer would send it again and again to a reader that waits
		 * for the end. */
		sk_forced_mem_schedule(sk, (int)skb->truesize);
	}
	if (len) { /* before it is queued, where it may become part of another */
		tcp_event_data_recv(sk, len);
		tcp_ecn_check_ce(sk, skb);
		tcp_rcvbuf_data_recv(sk, skb);
	}
	append(sk, skb, false);
	if (sk->sk_state != TCP_CLOSE && !rb_empty(&tp->out_of_order_queue)) {
		drain_ofo(sk);
		if (rb_empty(&tp->out_of_order_queue)) /* the gap is closed: RFC 5681 4.2 */
			tp->ack.pending |= TCP_ACK_NOW;
	}
	if (tp->rx_opt.num_sacks)
		tcp_sack_remove(tp);
	tcp_data_ready(sk);
	return SKB_CONSUMED;
}

/* Nothing of it can be kept: its sender learns at once where we are. */
static enum skb_drop_reason unwanted(struct sock *sk, enum skb_drop_reason why)
{
	tcp_enter_quickack_mode(sk, TCP_MAX_QUICKACKS);
	tcp_sk(sk)->ack.pending |= TCP_ACK_SCHED;
	return why;
}

void tcp_send_dupack(struct sock *sk, const struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	if (!seq_eq(cb->seq, cb->end_seq) && seq_before(cb->seq, tp->rcv_nxt)) {
		TCP_STAT(sk, LINUX_MIB_DELAYEDACKLOST);
		tcp_enter_quickack_mode(sk, TCP_MAX_QUICKACKS);
		tcp_dsack_set(sk, cb->seq, seq_min(cb->end_seq, tp->rcv_nxt));
	}
	tcp_send_ack(sk);
}

enum skb_drop_reason tcp_data_next(struct sock *sk, struct sk_buff *skb)
{
	skb_dst_drop(skb);
	skb_pull(skb, tcp_hdrlen(skb));
	tcp_sk(sk)->has_dsack = false;
	return queue_in_order(sk, skb);
}

enum skb_drop_reason tcp_data_queue(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	u32 wnd = tcp_receive_window(tp);
	bool bare_fin = seq_eq(cb->seq, tp->rcv_nxt) && seq_diff(cb->end_seq, cb->seq) == 1 &&
			cb->flags & TCPHDR_FIN;

	skb_dst_drop(skb);
	skb_pull(skb, tcp_hdrlen(skb));
	tcp_ecn_accept_cwr(sk, skb);
	tp->has_dsack = false;
	if (!seq_after(cb->end_seq, tp->rcv_nxt)) {
		TCP_STAT(sk, LINUX_MIB_DELAYEDACKLOST);
		tcp_dsack_set(sk, cb->seq, cb->end_seq);
		return unwanted(sk, SKB_DROP_REASON_TCP_OLD_DATA);
	}
	if (seq_before(cb->seq, tp->rcv_nxt))
		tcp_dsack_set(sk, cb->seq, tp->rcv_nxt);
	if (!wnd && !bare_fin) {
		if (seq_eq(cb->seq, tp->rcv_nxt))
			TCP_STAT(sk, LINUX_MIB_TCPZEROWINDOWDROP);
		return unwanted(sk, SKB_DROP_REASON_TCP_ZEROWINDOW);
	}
	if (!seq_before(cb->seq, seq_add(tp->rcv_nxt, max(tcp_max_receive_window(tp), 1u))))
		return unwanted(sk, SKB_DROP_REASON_TCP_OVERWINDOW);
	if (seq_after(cb->seq, tp->rcv_nxt))
		return queue_ofo(sk, skb);
	return queue_in_order(sk, skb);
}
