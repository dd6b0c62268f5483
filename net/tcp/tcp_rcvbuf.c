/* SPDX-License-Identifier: MIT */
/*
 * The receive buffer follows the flow: dynamic right-sizing measures what the application reads in
 * a round trip, as seen from here, and makes room for twice that (net.ipv4.tcp_moderate_rcvbuf,
 * tcp_rmem); the window offered opens gradually as packets prove to be well filled. When memory
 * runs out, queued packets are repacked first, then thrown away from the end. Socket lock held.
 */
#include "tcp_int.h"

#define COLLAPSE_BYTES (PAGE_SIZE - 512) /* data of one repacked skb */
#define MIN_CLAMP      1152u
#define GROW_MIN_BYTES 128u /* smaller segments say nothing */

static bool under_pressure(const struct sock *sk)
{
	return READ_ONCE(*sk->sk_prot->memory_pressure);
}

void tcp_adjust_rcv_ssthresh(struct tcp_sock *tp)
{
	tp->rcv_ssthresh = min(tp->rcv_ssthresh, 4u * tp->advmss);
}

/* ---- the round trip, as a receiver sees it ----------------------------------------------------
 */

/* From a window of data without timestamps only the shortest means something. */
static void rtt_update(struct tcp_sock *tp, u32 sample_us, bool window)
{
	u32 old = tp->rcv_rtt.rtt_us, m = sample_us;

	if (!old)
		tp->rcv_rtt.rtt_us = m << 3;
	else if (window)
		tp->rcv_rtt.rtt_us = min(old, m << 3);
	else
		tp->rcv_rtt.rtt_us = old + m - (old >> 3);
}

static void rtt_by_window(struct tcp_sock *tp)
{
	if (tp->rcv_rtt.time_us) {
		if (seq_before(tp->rcv_nxt, tp->rcv_rtt.seq))
			return;
		rtt_update(tp, max((u32)(tp->tcp_mstamp_us - tp->rcv_rtt.time_us), 1u), true);
	}
	tp->rcv_rtt.seq = seq_add(tp->rcv_nxt, tp->rcv_wnd);
	tp->rcv_rtt.time_us = tp->tcp_mstamp_us;
}

static void rtt_by_timestamp(struct tcp_sock *tp, u32 len)
{
	u32 ms;

	if (!tp->rx_opt.saw_tstamp || tp->rx_opt.rcv_tsecr == tp->rcv_rtt.last_tsecr)
		return;
	tp->rcv_rtt.last_tsecr = tp->rx_opt.rcv_tsecr;
	ms = tcp_time_stamp(tp) - tp->rx_opt.rcv_tsecr;
	if (len >= tp->ack.rcv_mss && tp->rx_opt.rcv_tsecr && ms < 1u << 21)
		rtt_update(tp, max(ms * 1000u, 1000u), false);
}

/* ---- how far the window opens -----------------------------------------------------------------
 */

/* Sparse packets: still allowed while the window is small against what the buffer could be. */
static u32 grow_sparse(const struct sock *sk, u32 len, u32 truesize)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 size = tcp_win_from_space(sk, (int)truesize) >> 1;
	u32 window = tcp_win_from_space(sk, tcp_net(sk)->tcp_rmem[2]) >> 1;

	for (; tp->rcv_ssthresh <= window && window; size >>= 1, window >>= 1)
		if (size <= len)
			return 2u * tp->ack.rcv_mss;
	return 0;
}

static void grow_window(struct sock *sk, u32 len, u32 truesize)
{
	struct tcp_sock *tp = tcp_sk(sk);
	s32 room = (s32)(min(tp->window_clamp, tcp_space(sk)) - tp->rcv_ssthresh);
	u32 incr;

	if (room <= 0)
		return;
	if (under_pressure(sk)) {
		tcp_adjust_rcv_ssthresh(tp);
		return;
	}
	if (tcp_win_from_space(sk, (int)truesize) <= len)
		incr = 2u * tp->advmss;
	else
		incr = grow_sparse(sk, len, truesize);
	if (incr) {
		tp->rcv_ssthresh += min((u32)room, max(incr, 2 * len));
		tp->ack.quick |= 1;
	}
}

/* How much of the memory is payload: by a packet that is as large as any before. */
static void measure_ratio(struct sock *sk, const struct sk_buff *skb, u32 seg_len)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 ratio = (u32)min_t(u64, ((u64)skb->len << TCP_RATIO_SHIFT) / skb->truesize, 255);

	if (seg_len <= tp->rcv_ratio_mss)
		return;
	tp->rcv_ratio_mss = seg_len;
	ratio = max(ratio, 1u);
	if (tp->scaling_ratio == ratio)
		return;
	tp->scaling_ratio = (u8)ratio;
	tcp_set_window_clamp(sk, tcp_win_from_space(sk, sk->sk_rcvbuf));
	tp->rcvq_space.space = min(tp->rcvq_space.space, tp->window_clamp);
}

void tcp_set_window_clamp(struct sock *sk, u32 clamp)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 old = tp->window_clamp;

	clamp = max(clamp, MIN_CLAMP);
	tp->window_clamp = clamp;
	/* A lower clamp holds the window back at once, a higher one opens it as far as it was. */
	if (clamp < old)
		tp->rcv_ssthresh = min(tp->rcv_ssthresh, clamp);
	else if (clamp > old)
		tp->rcv_ssthresh = max(tp->rcv_ssthresh, min(clamp, tp->rcv_wnd));
}

void tcp_rcvbuf_data_recv(struct sock *sk, const struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 seg = skb_shinfo(skb)->gso_size ? skb_shinfo(skb)->gso_size : skb->len;

	measure_ratio(sk, skb, seg);
	rtt_by_window(tp);
	rtt_by_timestamp(tp, skb->len);
	if (skb->len >= GROW_MIN_BYTES)
		grow_window(sk, skb->len, skb->truesize);
}

void tcp_rcvbuf_ofo_recv(struct sock *sk, const struct sk_buff *skb)
{
	measure_ratio(sk, skb, skb_shinfo(skb)->gso_size ? skb_shinfo(skb)->gso_size : skb->len);
	/* Without SACK the window stays, so that the ACK counts as a duplicate. */
	if (tcp_is_sack(tcp_sk(sk)))
		grow_window(sk, skb->len, skb->truesize);
}

/* ---- how large the buffer is ------------------------------------------------------------------
 */

static bool may_grow(const struct sock *sk)
{
	return tcp_net(sk)->tcp_moderate_rcvbuf && !(sk->sk_userlocks & SOCK_RCVBUF_LOCK);
}

static void grow_for(struct sock *sk, u64 win)
{
	u64 buf = min_t(u64, tcp_space_from_win(sk, win), (u64)tcp_net(sk)->tcp_rmem[2]);

	if (buf > (u64)sk->sk_rcvbuf) {
		WRITE_ONCE(sk->sk_rcvbuf, (int)buf);
		tcp_sk(sk)->window_clamp = tcp_win_from_space(sk, sk->sk_rcvbuf);
	}
}

/* Twice what was read in the last round trip, and more while that grows: the window that goes out
 * now is used two round trips later, by a sender in slow start. */
static void resize(struct sock *sk, u32 copied)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u64 win = ((u64)copied << 1) + 16u * tp->advmss, grow;

	grow = win * (copied - tp->rcvq_space.space) / max(tp->rcvq_space.space, 1u);
	win += grow << 1;
	grow_for(sk, win);
}

/* Text waits for a hole: the reader can't show its pace, so what waits counts. Not before somebody
 * has accepted the connection. */
void tcp_rcvbuf_ofo_grow(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct rb_node *last = rb_last(&tp->out_of_order_queue);

	if (last && sk->sk_socket && may_grow(sk))
		grow_for(sk,
			 2ull * tp->rcvq_space.space +
				 (u32)seq_diff(TCP_SKB_CB(tcp_rb_skb(last))->end_seq, tp->rcv_nxt));
}

void tcp_rcv_space_adjust(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 copied;

	if (!tp->rcv_rtt.rtt_us)
		return;
	tcp_mstamp_refresh(tp);
	if (tp->tcp_mstamp_us - tp->rcvq_space.time_us < tp->rcv_rtt.rtt_us >> 3)
		return;
	copied = (u32)seq_diff(tp->copied_seq, tp->rcvq_space.seq);
	if (copied > tp->rcvq_space.space) {
		if (may_grow(sk))
			resize(sk, copied);
		tp->rcvq_space.space = copied;
	}
	tp->rcvq_space.seq = tp->copied_seq;
	tp->rcvq_space.time_us = tp->tcp_mstamp_us;
}

/* More came than fits: the buffer grows to it where it may, else the window closes. */
static void clamp_window(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	int most = tcp_net(sk)->tcp_rmem[2], held = (int)atomic_read(&sk->sk_rmem_alloc);

	tp->ack.quick = 0;
	if (sk->sk_rcvbuf < most && !(sk->sk_userlocks & SOCK_RCVBUF_LOCK) && !under_pressure(sk) &&
	    atomic_read(sk->sk_prot->memory_allocated) < sk->sk_prot->sysctl_mem[0])
		WRITE_ONCE(sk->sk_rcvbuf, min(held, most));
	if (held > sk->sk_rcvbuf)
		tp->rcv_ssthresh = min(tp->window_clamp, 2u * tp->advmss);
}

/* ---- memory runs out --------------------------------------------------------------------------
 */

static bool bloated(const struct sock *sk, const struct sk_buff *skb)
{
	return tcp_win_from_space(sk, (int)skb->truesize) > skb->len;
}

/* May skb's text be moved behind that of one that ends at `end`? */
static bool joins(const struct sk_buff *skb, seq32 end)
{
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	return seq_eq(cb->seq, end) && !(cb->flags & (TCPHDR_SYN | TCPHDR_FIN));
}

/* Take bytes off the front of skb, which is freed when it is used up. False: no memory. */
static bool eat_front(struct sock *sk, struct sk_buff_head *list, struct sk_buff *skb, u32 n)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	if (n == skb->len) {
		__skb_unlink(skb, list);
		consume_skb(skb);
		TCP_STAT(sk, LINUX_MIB_TCPRCVCOLLAPSED);
		return true;
	}
	if (!pskb_pull(skb, n))
		return false;
	cb->seq = seq_add(cb->seq, n);
	return true;
}

/* Text from skb on, as far as it joins, into one dense skb before it. NULL: no memory. */
static struct sk_buff *pack(struct sock *sk, struct sk_buff_head *list, struct sk_buff *skb)
{
	struct sk_buff *dense = alloc_skb(COLLAPSE_BYTES, GFP_ATOMIC), *next;
	seq32 end = TCP_SKB_CB(skb)->seq;

	if (!dense)
		return NULL;
	memcpy(dense->cb, skb->cb, sizeof(dense->cb));
	__skb_queue_before(list, skb, dense);
	skb_set_owner_r(dense, sk);
	for (; skb && joins(skb, end) && skb_tailroom(dense); skb = next) {
		u32 n = min(skb->len, skb_tailroom(dense));

		next = skb_queue_is_last(list, skb) ? NULL : skb->next;
		if (skb_copy_bits(skb, 0, skb_put(dense, n), n))
			break;
		end = seq_add(end, n);
		if (!eat_front(sk, list, skb, n))
			break;
	}
	TCP_SKB_CB(dense)->end_seq = end;
	return dense;
}

/* Repack what of list wastes memory. */
static noinline void collapse(struct sock *sk, struct sk_buff_head *list)
{
	struct sk_buff *skb = skb_peek(list);

	while (skb) {
		if (joins(skb, TCP_SKB_CB(skb)->seq) && skb->len && bloated(sk, skb) &&
		    !skb_queue_is_last(list, skb) && joins(skb->next, TCP_SKB_CB(skb)->end_seq)) {
			skb = pack(sk, list, skb);
			if (!skb)
				return;
		}
		skb = skb_queue_is_last(list, skb) ? NULL : skb->next;
	}
}

/* Not inlined: gcc sees the list's head be taken for the packet that its pointers pretend it is. */
static noinline void tree_to_list(struct rb_root *root, struct sk_buff_head *list)
{
	struct sk_buff *skb;

	skb_queue_head_init(list);
	while ((skb = tcp_rb_skb(rb_first(root)))) {
		tcp_rb_unlink(skb, root);
		__skb_queue_tail(list, skb);
	}
}

static noinline void list_to_tree(struct sk_buff_head *list, struct rb_root *root)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(list)))
		tcp_rb_insert(root, skb);
}

static void collapse_ofo(struct sock *sk)
{
	struct rb_root *root = &tcp_sk(sk)->out_of_order_queue;
	struct sk_buff_head list;

	tree_to_list(root, &list);
	collapse(sk, &list);
	list_to_tree(&list, root);
}

/* By its text, not by what its memory costs: a window that was offered can be filled. */
static bool can_ingest(const struct sock *sk, const struct sk_buff *skb)
{
	return (u32)atomic_read(&sk->sk_rmem_alloc) + skb->len <= (u32)sk->sk_rcvbuf;
}

bool tcp_prune_queue(struct sock *sk, const struct sk_buff *incoming)
{
	if (!atomic_read(&sk->sk_rmem_alloc))
		return false;
	TCP_STAT(sk, LINUX_MIB_PRUNECALLED);
	if (atomic_read(&sk->sk_rmem_alloc) >= sk->sk_rcvbuf)
		clamp_window(sk);
	else if (under_pressure(sk))
		tcp_adjust_rcv_ssthresh(tcp_sk(sk));
	if (can_ingest(sk, incoming))
		return true;
	collapse_ofo(sk);
	collapse(sk, &sk->sk_receive_queue);
	if (can_ingest(sk, incoming))
		return true;
	tcp_ofo_prune(sk, incoming);
	if (can_ingest(sk, incoming))
		return true;
	TCP_STAT(sk, LINUX_MIB_RCVPRUNED);
	return false;
}

bool tcp_rmem_schedule(struct sock *sk, const struct sk_buff *skb)
{
	int size = (int)skb->truesize;

	if (can_ingest(sk, skb) && sk_rmem_schedule(sk, size))
		return true;
	if (!tcp_prune_queue(sk, skb))
		return false;
	while (!sk_rmem_schedule(sk, size))
		if (!tcp_ofo_prune(sk, skb))
			return false;
	return true;
}
