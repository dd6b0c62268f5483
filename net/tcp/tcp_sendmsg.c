/* SPDX-License-Identifier: MIT */
/*
 * The application writes: bytes are copied into page fragments at the end of the write queue, in
 * segments as large as a super-packet may be, which sending cuts to size; a short message goes
 * right behind its headers; sendpage() adds pages by reference. Waits for room in the send buffer.
 * Thread context.
 */
#include <kernel/mm.h>

#include "tcp_int.h"

#define LINEAR_MAX 2048u /* so that head and text are less than a page */

/* ---- waiting ----------------------------------------------------------------------------------
 */

/* Wait until the handshake is through. 0 or -errno. */
static int wait_connect(struct sock *sk, u64 *timeo)
{
	const u32 handshake = TCPS(SYN_SENT) | TCPS(SYN_RECV);

	/* The child of a Fast Open may answer before its handshake is complete. */
	if (tcp_state_facts(sk->sk_state) & TCPF_TX || tcp_sk(sk)->fastopen_rsk)
		return 0;
	if (!tcp_state_in(sk, handshake))
		return sk->sk_err ? sock_error(sk) : -EPIPE;
	if (!*timeo)
		return -EAGAIN;
	if (!sk_wait_event(sk, timeo, sk->sk_err || !tcp_state_in(sk, handshake)))
		return -EAGAIN;
	if (sk->sk_err)
		return sock_error(sk);
	return tcp_state_facts(sk->sk_state) & TCPF_TX ? 0 : -EPIPE;
}

/* Wait for room in the send buffer. 0 or -errno. */
static __cold int wait_memory(struct sock *sk, u64 *timeo)
{
	sock_set_flag(sk, SOCK_NOSPACE);
	if (!*timeo)
		return -EAGAIN;
	if (!sk_wait_event(sk, timeo,
			   sk->sk_err || sk->sk_shutdown & SEND_SHUTDOWN ||
				   tcp_stream_memory_free(sk, false)))
		return -EAGAIN;
	return 0;
}

/* ---- filling ----------------------------------------------------------------------------------
 */

/* Where bytes come from: a user's buffers, to be copied or (ubuf) where they are; or a page. */
struct source {
	struct iov_iter *from;
	struct page *page;
	struct iov_iter *user;
	struct ubuf *ubuf;
	u32 off;
	size_t left;
	bool linear; /* all of it went into one segment, just now */
	/* by how much a segment may grow, and what it is cut into */
	u32 goal, mss;
};

/* Nothing is queued or in flight but skb, which is empty; NULL: nothing at all. */
static bool is_first(const struct sock *sk, const struct sk_buff *skb)
{
	return !tcp_rtx_queue_head(sk) && skb_peek(&sk->sk_write_queue) == skb &&
	       (!skb || !skb->len);
}

/* For how many of n bytes there is memory: all, or a segment's worth. Where the account refuses
 * even that, it is for a peer that has taken all there was: who behaves goes on. */
static u32 schedule_piece(struct sock *sk, const struct source *src, const struct sk_buff *skb,
			  u32 n)
{
	if (sk_wmem_schedule(sk, (int)n))
		return n;
	n = min(n, src->mss);
	if (sk_wmem_schedule(sk, (int)n))
		return n;
	if (!is_first(sk, skb))
		return 0;
	sk_forced_mem_schedule(sk, (int)n);
	return n;
}

/* An empty segment at the end of the queue, with linear room for so many bytes. */
static struct sk_buff *new_segment(struct sock *sk, u32 linear)
{
	struct sk_buff *skb;

	if (!tcp_stream_memory_free(sk, false))
		return NULL;
	skb = tcp_alloc_skb(linear, GFP_KERNEL);
	if (!skb)
		return NULL;
	if (!sk_wmem_schedule(sk, (int)skb->truesize)) {
		if (!is_first(sk, NULL)) {
			consume_skb(skb);
			return NULL;
		}
		sk_forced_mem_schedule(sk, (int)skb->truesize);
	}
	tcp_init_skb(skb, tcp_sk(sk)->write_seq, TCPHDR_ACK);
	TCP_SKB_CB(skb)->gso_segs = 0;
	tcp_mstamp_refresh(tcp_sk(sk));
	tcp_queue_skb(sk, skb);
	tcp_sk(sk)->nonagle &= (u8)~TCP_NAGLE_PUSH;
	tcp_slow_start_after_idle_check(sk);
	return skb;
}

/* The segment at the end of the queue if it has room, else a new one. NULL: no memory. */
static struct sk_buff *segment_with_room(struct sock *sk, u32 goal)
{
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);
	const struct tcp_skb_cb *cb = skb ? TCP_SKB_CB(skb) : NULL;

	if (skb && skb->len < goal && !(cb->flags & TCPHDR_FIN) && !cb->eor &&
	    skb_shinfo(skb)->nr_frags < MAX_SKB_FRAGS)
		return skb;
	return new_segment(sk, 0);
}

/* Append n bytes of page, whose reference is taken over; in place where they follow the last. */
static void append_frag(struct sock *sk, struct sk_buff *skb, struct page *page, u32 off, u32 n)
{
	struct skb_shared_info *sh = skb_shinfo(skb);
	skb_frag_t *last = sh->nr_frags ? &sh->frags[sh->nr_frags - 1] : NULL;

	if (last && last->page == page && last->offset + last->size == off) {
		put_page(page);
		last->size += n;
		skb->len += n;
		skb->data_len += n;
		skb->truesize += n;
	} else {
		skb_add_rx_frag(skb, page, off, n, n);
	}
	WRITE_ONCE(sk->sk_wmem_queued, sk->sk_wmem_queued + (int)n);
	sk_mem_charge(sk, (int)n);
}

/* A piece of the user's bytes into skb: bytes moved, 0: no memory, -EFAULT. */
static ssize_t copy_piece(struct sock *sk, struct source *src, struct sk_buff *skb, u32 n)
{
	void *frag;
	struct page *page;

	n = schedule_piece(sk, src, skb, min(n, (u32)PAGE_SIZE));
	frag = n ? page_frag_alloc(n, 1, GFP_KERNEL) : NULL;
	if (!frag)
		return 0;
	page = virt_to_head_page(frag);
	if (copy_from_iter(frag, n, src->from) != n) {
		page_frag_free(frag);
		return -EFAULT;
	}
	append_frag(sk, skb, page, (u32)((u8 *)frag - (u8 *)page_address(page)), n);
	return (ssize_t)n;
}

static ssize_t share_piece(struct sock *sk, struct source *src, struct sk_buff *skb, u32 n)
{
	n = schedule_piece(sk, src, skb, n);
	if (!n)
		return 0;
	get_page(src->page);
	append_frag(sk, skb, src->page, src->off, n);
	src->off += n;
	return (ssize_t)n;
}

/* A message that fits into one segment, while nothing else waits: it lies behind its headers, one
 * piece to the device. */
static bool fits_linear(const struct sock *sk, const struct source *src)
{
	return src->from && src->left <= min3(src->mss, src->goal, LINEAR_MAX) &&
	       skb_queue_empty(&sk->sk_write_queue);
}

static ssize_t copy_linear(struct source *src, struct sk_buff *skb)
{
	size_t n = src->left;

	if (copy_from_iter(skb_tail_pointer(skb), n, src->from) != n)
		return -EFAULT;
	skb_put(skb, (u32)n);
	return (ssize_t)n;
}

static void mark_push(struct tcp_sock *tp, struct sk_buff *skb)
{
	TCP_SKB_CB(skb)->flags |= TCPHDR_PSH;
	tp->pushed_seq = tp->write_seq;
}

/* A piece of the user's memory as it lies, its end being told through src->ubuf. A segment whose
 * fragments are used up goes as if it were full. */
static ssize_t refer_piece(struct sock *sk, struct source *src, struct sk_buff *skb, u32 n)
{
	n = schedule_piece(sk, src, skb, n);
	if (n)
		n = ubuf_append(skb, src->user, n, src->ubuf, sk->sk_route_caps & NETIF_F_SG);
	if (!n)
		return 0;
	WRITE_ONCE(sk->sk_wmem_queued, sk->sk_wmem_queued + (int)n);
	sk_mem_charge(sk, (int)n);
	if (skb_shinfo(skb)->nr_frags == MAX_SKB_FRAGS)
		mark_push(tcp_sk(sk), skb);
	return (ssize_t)n;
}

/* A piece that is not copied; *skb may become another. */
static noinline ssize_t uncopied_piece(struct sock *sk, struct source *src, struct sk_buff **skb,
				       u32 n)
{
	struct ubuf *u = skb_shinfo(*skb)->ubuf;

	if (src->page)
		return share_piece(sk, src, *skb, n);
	if (u && u != src->ubuf) { /* a packet tells of one */
		*skb = new_segment(sk, 0);
		if (!*skb)
			return 0;
		n = (u32)min_t(size_t, src->left, src->goal);
	}
	return refer_piece(sk, src, *skb, n);
}

/* Move a piece, at most to the end of one segment; bytes moved, 0: wait for memory, -EFAULT. */
static ssize_t fill_segment(struct sock *sk, struct source *src)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;
	ssize_t n;

	src->linear = fits_linear(sk, src);
	skb = src->linear ? new_segment(sk, (u32)src->left) : segment_with_room(sk, src->goal);

	if (!skb)
		return 0;
	n = (ssize_t)min_t(size_t, src->left, src->goal - skb->len);
	if (src->linear)
		n = copy_linear(src, skb);
	else if (src->from)
		n = copy_piece(sk, src, skb, (u32)n);
	else
		n = uncopied_piece(sk, src, &skb, (u32)n);
	if (n <= 0)
		return n;
	TCP_SKB_CB(skb)->end_seq = seq_add(TCP_SKB_CB(skb)->end_seq, (u32)n);
	TCP_SKB_CB(skb)->gso_segs = 0;
	tp->write_seq = seq_add(tp->write_seq, (u32)n);
	src->left -= (size_t)n;
	return n;
}

/* A segment that got nothing goes again. */
static void drop_empty_tail(struct sock *sk)
{
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);

	if (!skb || !seq_eq(TCP_SKB_CB(skb)->seq, TCP_SKB_CB(skb)->end_seq))
		return;
	__skb_unlink(skb, &sk->sk_write_queue);
	if (skb_queue_empty(&sk->sk_write_queue))
		tcp_chrono_stop(sk, TCP_CHRONO_BUSY);
	tcp_wmem_free_skb(sk, skb);
}

/* There is room in the send buffer, but no memory. What is queued is all that may be, until some of
 * it is acknowledged: a writer that is told so sleeps, one that polls does not try again and again.
 */
static void hold_back(struct sock *sk)
{
	if (sk->sk_wmem_queued && !(sk->sk_userlocks & SOCK_SNDBUF_LOCK) &&
	    tcp_stream_memory_free(sk, false))
		WRITE_ONCE(sk->sk_sndbuf, sk->sk_wmem_queued);
}

/* ---- pushing ----------------------------------------------------------------------------------
 */

/* More than half of the largest window waits since the last PSH. */
static bool forced_push(const struct tcp_sock *tp)
{
	return seq_after(tp->write_seq, seq_add(tp->pushed_seq, tp->max_window >> 1));
}

/* A small segment while others of ours are below: their completion sends it, grown till then. */
static bool should_autocork(struct sock *sk, const struct sk_buff *skb, u32 goal)
{
	u32 below = max(skb->truesize, (u32)sk_tx_unawaited(sk));

	if (skb->len >= goal || !tcp_net(sk)->tcp_autocorking || !tcp_rtx_queue_head(sk) ||
	    (u32)atomic_read(&sk->sk_wmem_alloc) <= below || TCP_SKB_CB(skb)->eor)
		return false;
	if (!test_bit(TCP_TSQ_THROTTLED, &sk->sk_tsq_flags)) {
		TCP_STAT(sk, LINUX_MIB_TCPAUTOCORKING);
		set_bit(TCP_TSQ_THROTTLED, &sk->sk_tsq_flags);
		smp_mb(); /* pairs with tcp_wfree() */
	}
	return (u32)atomic_read(&sk->sk_wmem_alloc) > below;
}

/* Send what is queued, as flags say: MSG_MORE holds a small segment back. */
static void push(struct sock *sk, const struct source *src, int flags, int nonagle)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *tail = skb_peek_tail(&sk->sk_write_queue);

	if (!tail)
		return;
	if (!(flags & MSG_MORE) || forced_push(tp))
		mark_push(tp, tail);
	if (should_autocork(sk, tail, src->goal))
		return;
	if (!src->linear) /* copying takes time */
		tcp_mstamp_refresh(tp);
	tcp_push_pending(sk, src->mss, flags & MSG_MORE ? TCP_NAGLE_CORK : nonagle);
}

/* While we copy on, what is full may go. */
static void push_full(struct sock *sk, const struct source *src)
{
	struct sk_buff *tail = skb_peek_tail(&sk->sk_write_queue);

	if (!tail || tail->len < src->goal)
		return;
	tcp_mstamp_refresh(tcp_sk(sk));
	if (forced_push(tcp_sk(sk))) {
		mark_push(tcp_sk(sk), tail);
		tcp_push_pending(sk, src->mss, TCP_NAGLE_PUSH);
	} else if (tail == tcp_send_head(sk)) {
		tcp_push_one(sk, src->mss);
	}
}

static void choose_sizes(struct sock *sk, struct source *src, int flags)
{
	src->mss = tcp_current_mss(sk);
	src->goal = flags & MSG_OOB ? src->mss : tcp_xmit_size_goal(sk, src->mss);
}

/* ---- the calls --------------------------------------------------------------------------------
 */

/* Bytes queued; *err: why no more. */
static ssize_t queue_all(struct sock *sk, struct source *src, int flags, u64 *timeo, int *err)
{
	ssize_t sent = 0, n;

	while (src->left) {
		if (sk->sk_err || sk->sk_shutdown & SEND_SHUTDOWN) {
			*err = sk->sk_err ? sock_error(sk) : -EPIPE;
			break;
		}
		n = fill_segment(sk, src);
		if (n > 0) {
			if (!sent) /* more was written: that PSH is outdated */
				TCP_SKB_CB(skb_peek_tail(&sk->sk_write_queue))->flags &=
					(u8)~TCPHDR_PSH;
			sent += n;
			if (src->left)
				push_full(sk, src);
			continue;
		}
		*err = (int)n;
		if (n < 0)
			break;
		drop_empty_tail(sk);
		hold_back(sk);
		if (sent)
			push(sk, src, flags & ~MSG_MORE, TCP_NAGLE_PUSH);
		*err = wait_memory(sk, timeo);
		if (*err)
			break;
		choose_sizes(sk, src, flags);
	}
	return sent;
}

/* Some bytes were taken in: note what the application asked to be told of them. */
static void end_of_send(struct sock *sk, int flags)
{
	tcp_tx_timestamp(sk, skb_peek_tail(&sk->sk_write_queue));
	if (flags & MSG_OOB)
		tcp_urg_sent(tcp_sk(sk));
}

static ssize_t send_all(struct sock *sk, struct source *src, int flags)
{
	u64 timeo = sock_sndtimeo(sk, flags & MSG_DONTWAIT);
	int err;
	ssize_t sent;

	tcp_rate_check_app_limited(sk);
	err = wait_connect(sk, &timeo);
	if (err)
		return err;
	choose_sizes(sk, src, flags);
	sent = queue_all(sk, src, flags, &timeo, &err);
	drop_empty_tail(sk);
	if (sent) {
		struct sk_buff *tail = skb_peek_tail(&sk->sk_write_queue);

		if (flags & MSG_EOR && !src->left && tail)
			TCP_SKB_CB(tail)->eor = 1;
		end_of_send(sk, flags);
		push(sk, src, flags, tcp_sk(sk)->nonagle);
		return sent;
	}
	/* Nothing is in the queues that could wake the writer later. */
	if (err == -EAGAIN && !tcp_send_head(sk) && !tcp_rtx_queue_head(sk)) {
		sk->sk_write_space(sk);
		tcp_chrono_stop(sk, TCP_CHRONO_SNDBUF_LIMITED);
	}
	return err;
}

/* Data with the SYN, if it may; what does not fit follows. Bytes, or -errno. */
static ssize_t send_fastopen(struct sock *sk, const struct msghdr *msg, struct source *src,
			     int flags)
{
	struct iov_iter *from = src->from ? src->from : src->user;
	size_t with_syn = 0;
	ssize_t n = tcp_sendmsg_fastopen(sk, msg, from, flags, &with_syn);

	src->left = iov_iter_count(from);
	if (with_syn && src->ubuf) {
		ubuf_copied(src->ubuf);
		ubuf_attach(tcp_rtx_queue_tail(sk), src->ubuf);
	}
	if (n == -EINPROGRESS && with_syn)
		n = 0;
	else if (!n && src->left) /* connected */
		n = send_all(sk, src, flags);
	if (n < 0 && with_syn)
		n = 0;
	return n < 0 ? n : n + (ssize_t)with_syn;
}

static ssize_t send_plain(struct sock *sk, const struct msghdr *msg, struct source *src, int flags)
{
	if (unlikely(flags & MSG_FASTOPEN || tcp_sk(sk)->defer_connect))
		return send_fastopen(sk, msg, src, flags);
	return src->left ? send_all(sk, src, flags) : 0;
}

/* The bytes stay the application's, which must leave them alone until the error queue says that
 * they are free. */
static noinline ssize_t send_zerocopy(struct sock *sk, const struct msghdr *msg, struct source *src,
				      int flags)
{
	struct sk_buff *tail = skb_peek_tail(&sk->sk_write_queue);
	ssize_t n;

	src->user = src->from;
	src->from = NULL;
	src->ubuf = ubuf_get(sk, src->left, tail ? skb_shinfo(tail)->ubuf : NULL);
	if (!src->ubuf)
		return -ENOBUFS;
	n = send_plain(sk, msg, src, flags);
	if (n > 0)
		ubuf_put(src->ubuf);
	else
		ubuf_abort(sk, src->ubuf);
	return n;
}

/* A stream's destination is its peer: msg matters to Fast Open only. */
static noinline ssize_t send_any(struct sock *sk, const struct msghdr *msg, struct iov_iter *from,
				 int flags)
{
	struct source src = {.from = from, .left = iov_iter_count(from)};

	if (unlikely(flags & MSG_ZEROCOPY) && sock_flag(sk, SOCK_ZEROCOPY) && src.left)
		return send_zerocopy(sk, msg, &src, flags);
	return send_plain(sk, msg, &src, flags);
}

ssize_t tcp_sendmsg(struct sock *sk, const struct msghdr *msg, struct iov_iter *from, int flags)
{
	ssize_t n;

	lock_sock(sk);
	n = (ssize_t)tcp_send_short(sk, from, flags);
	if (!n)
		n = send_any(sk, msg, from, flags);
	release_sock(sk);
	return n;
}

ssize_t tcp_sendpage(struct sock *sk, struct page *page, u32 off, size_t len, int flags)
{
	struct source src = {.page = page, .off = off, .left = len};
	ssize_t n;

	lock_sock(sk);
	n = send_all(sk, &src, flags);
	release_sock(sk);
	return n;
}
