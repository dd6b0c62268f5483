/* SPDX-License-Identifier: MIT */
/*
 * The application writes: bytes into the last segment while it is not full, then into new ones;
 * waiting for room in the send buffer. sendpage() adds page fragments instead of copies. Thread
 * context.
 */
#include "tcp_int.h"

/* Wait until the handshake is through. 0 or -errno. */
static int wait_connect(struct sock *sk, u64 *timeo)
{
	const u32 handshake = TCPS(SYN_SENT) | TCPS(SYN_RECV);

	if (tcp_state_facts(sk->sk_state) & TCPF_TX)
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
static int wait_memory(struct sock *sk, u64 *timeo)
{
	sock_set_flag(sk, SOCK_NOSPACE);
	if (!*timeo)
		return -EAGAIN;
	if (!sk_wait_event(sk, timeo,
			   sk->sk_err || sk->sk_shutdown & SEND_SHUTDOWN ||
				   tcp_stream_memory_free(sk)))
		return -EAGAIN;
	return 0;
}

static void mark_push(struct tcp_sock *tp, struct sk_buff *skb)
{
	TCP_SKB_CB(skb)->flags |= TCPHDR_PSH;
	tp->pushed_seq = tp->write_seq;
}

/* Send what is queued; more: the caller has more to say, do not send a small segment yet. */
static void push(struct sock *sk, u32 mss, bool more)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *tail = skb_peek_tail(&sk->sk_write_queue);

	if (!tail)
		return;
	if (!more)
		mark_push(tp, tail);
	tcp_push_pending(sk, mss, more ? tp->nonagle | TCP_NAGLE_CORK : tp->nonagle);
}

/* The segment at the end of the queue if it has room, else a new one. NULL: no memory. linear:
 * bytes to be copied into it (0: it takes fragments). */
static struct sk_buff *segment_with_room(struct sock *sk, u32 mss, bool linear)
{
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);

	if (skb && skb->len < mss && !(TCP_SKB_CB(skb)->flags & TCPHDR_FIN)) {
		if (linear ? skb_tailroom(skb) > 0 : skb_shinfo(skb)->nr_frags < MAX_SKB_FRAGS)
			return skb;
	}
	skb = tcp_alloc_skb(linear ? mss : 0, GFP_KERNEL);
	if (!skb)
		return NULL;
	if (!sk_wmem_schedule(sk, (int)skb->truesize)) {
		consume_skb(skb);
		return NULL;
	}
	tcp_init_skb(skb, tcp_sk(sk)->write_seq, TCPHDR_ACK);
	tcp_queue_skb(sk, skb);
	return skb;
}

/* len bytes were added to the last segment. */
static void appended(struct sock *sk, struct sk_buff *skb, u32 len)
{
	struct tcp_sock *tp = tcp_sk(sk);

	TCP_SKB_CB(skb)->end_seq = seq_add(TCP_SKB_CB(skb)->end_seq, len);
	TCP_SKB_CB(skb)->flags &= (u8)~TCPHDR_PSH;
	tp->write_seq = seq_add(tp->write_seq, len);
}

/* A segment that got nothing goes again. */
static void drop_empty_tail(struct sock *sk)
{
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);

	if (skb && !skb->len && !(TCP_SKB_CB(skb)->flags & TCPHDR_FIN)) {
		__skb_unlink(skb, &sk->sk_write_queue);
		tcp_wmem_free_skb(sk, skb);
	}
}

/* Where bytes come from: a user's buffers, or a page. */
struct source {
	struct iov_iter *from;
	struct page *page;
	u32 off;
	size_t left;
};

/* Move up to one segment's worth; bytes moved, 0: wait for memory, -EFAULT. */
static ssize_t fill_segment(struct sock *sk, struct source *src, u32 mss)
{
	struct sk_buff *skb;
	u32 n;

	if (!tcp_stream_memory_free(sk))
		return 0;
	skb = segment_with_room(sk, mss, src->from != NULL);
	if (!skb)
		return 0;
	n = (u32)min_t(size_t, src->left, mss - skb->len);
	if (src->from) {
		n = min(n, skb_tailroom(skb));
		if (copy_from_iter(skb_put(skb, n), n, src->from) != n)
			return -EFAULT;
	} else {
		get_page(src->page);
		skb_add_rx_frag(skb, src->page, src->off, n, n);
		WRITE_ONCE(sk->sk_wmem_queued, sk->sk_wmem_queued + (int)n);
		if (!sk_wmem_schedule(sk, (int)n))
			sk->sk_sndbuf = min(sk->sk_sndbuf, sk->sk_wmem_queued);
		sk_mem_charge(sk, (int)n);
		src->off += n;
	}
	src->left -= n;
	appended(sk, skb, n);
	return (ssize_t)n;
}

/* Some bytes were taken in: note what the application asked to be told of them. */
static void end_of_send(struct sock *sk, int flags)
{
	tcp_tx_timestamp(sk, skb_peek_tail(&sk->sk_write_queue));
	if (flags & MSG_ZEROCOPY && sock_flag(sk, SOCK_ZEROCOPY))
		tcp_zerocopy_sent(sk);
	if (flags & MSG_OOB)
		tcp_urg_sent(tcp_sk(sk));
}

static ssize_t send_all(struct sock *sk, struct source *src, int flags)
{
	u64 timeo = sock_sndtimeo(sk, flags & MSG_DONTWAIT);
	ssize_t sent = 0;
	int err = wait_connect(sk, &timeo);
	u32 mss;

	if (err)
		return err;
	mss = tcp_current_mss(sk);
	while (src->left) {
		ssize_t n;

		if (sk->sk_err || sk->sk_shutdown & SEND_SHUTDOWN) {
			err = sk->sk_err ? sock_error(sk) : -EPIPE;
			break;
		}
		n = fill_segment(sk, src, mss);
		if (n > 0) {
			sent += n;
			/* A good part of the window waits: let it go while we copy on. */
			if (seq_after(tcp_sk(sk)->write_seq,
				      seq_add(tcp_sk(sk)->pushed_seq,
					      max(tcp_sk(sk)->max_window / 2, mss))))
				push(sk, mss, false);
			continue;
		}
		if (n < 0) {
			err = (int)n;
			break;
		}
		push(sk, mss, false);
		err = wait_memory(sk, &timeo);
		if (err)
			break;
		mss = tcp_current_mss(sk);
	}
	drop_empty_tail(sk);
	if (sent)
		end_of_send(sk, flags);
	push(sk, mss, flags & MSG_MORE);
	return sent ? sent : err;
}

ssize_t tcp_sendmsg(struct sock *sk, const struct msghdr *msg, struct iov_iter *from, int flags)
{
	struct source src = {.from = from, .left = iov_iter_count(from)};
	ssize_t n;

	(void)msg; /* a stream's destination is its peer */
	lock_sock(sk);
	n = send_all(sk, &src, flags);
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
