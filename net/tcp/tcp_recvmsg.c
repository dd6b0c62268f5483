/* SPDX-License-Identifier: MIT */
/*
 * The application reads: from the receive queue by sequence numbers, so that what a segment repeats
 * is skipped; a FIN reads as the end. Thread context.
 */
#include <net/busy_poll.h>

#include "tcp_int.h"

struct reader {
	struct iov_iter *to; /* NULL: throw away (MSG_TRUNC) */
	size_t left;
	u32 copied;
	seq32 seq; /* next to be read; with MSG_PEEK ahead of copied_seq */
	bool peek, fin;
	bool at_mark; /* reading stops here: urgent data */
};

static void eat_skb(struct sock *sk, struct sk_buff *skb)
{
	__skb_unlink(skb, &sk->sk_receive_queue);
	local_bh_disable(); /* so that it may be the next that comes, see napi_alloc_skb() */
	consume_skb(skb);
	local_bh_enable();
}

/* Read on from skb. True: it is used up. */
static bool read_skb(const struct sock *sk, struct reader *r, struct sk_buff *skb)
{
	u32 off = (u32)seq_diff(r->seq, TCP_SKB_CB(skb)->seq), n = 0;

	if (tcp_urg_at(sk, r->seq) && !sock_flag(sk, SOCK_URGINLINE)) {
		r->seq = seq_add(r->seq, 1); /* it is for MSG_OOB only */
		off++;
	}
	if (off < skb->len) {
		n = (u32)min_t(size_t, skb->len - off, r->left);
		n = tcp_urg_clip(sk, r->seq, n);
		if (r->to && skb_copy_datagram_iter(skb, off, r->to, n))
			n = 0;
		r->seq = seq_add(r->seq, n);
		r->copied += n;
		r->left -= n;
	}
	if (off + n < skb->len)
		return false;
	if (TCP_SKB_CB(skb)->flags & TCPHDR_FIN) {
		r->seq = TCP_SKB_CB(skb)->end_seq;
		r->fin = true;
	}
	return true;
}

/* All that is there. */
static void read_queue(struct sock *sk, struct reader *r)
{
	struct sk_buff *skb, *next;

	skb_queue_walk_safe(&sk->sk_receive_queue, skb, next) {
		bool used;

		if (!seq_before(r->seq, TCP_SKB_CB(skb)->end_seq)) {
			if (!r->peek)
				eat_skb(sk, skb);
			continue;
		}
		if (!r->left || (r->copied && tcp_urg_at(sk, r->seq))) {
			r->at_mark = r->left;
			break;
		}
		used = read_skb(sk, r, skb);
		if (!r->peek) {
			tcp_sk(sk)->copied_seq = r->seq;
			tcp_urg_passed(sk);
			if (used)
				eat_skb(sk, skb);
		}
		if (!used)
			r->at_mark = r->left && tcp_urg_at(sk, r->seq);
		if (r->fin || !used)
			break;
	}
}

/* Why reading ends with nothing more: 1: go on waiting; 0: end of the stream; -errno. */
static int read_status(struct sock *sk)
{
	if (sock_flag(sk, SOCK_DONE))
		return 0;
	if (sk->sk_err)
		return sock_error(sk);
	if (sk->sk_shutdown & RCV_SHUTDOWN)
		return 0;
	if (sk->sk_state == TCP_CLOSE)
		return -ENOTCONN;
	return 1;
}

/* Is there anything but data to wake a reader for? */
static bool read_status_pending(const struct sock *sk)
{
	return sk->sk_err || sk->sk_shutdown & RCV_SHUTDOWN || sk->sk_state == TCP_CLOSE ||
	       sock_flag(sk, SOCK_DONE);
}

static bool more_to_read(const struct sock *sk, const struct reader *r)
{
	const struct sk_buff *tail = skb_peek_tail(&sk->sk_receive_queue);

	return tail && seq_after(TCP_SKB_CB(tail)->end_seq, r->seq);
}

static ssize_t read_all(struct sock *sk, struct reader *r, int flags)
{
	u64 timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	size_t lowat = flags & MSG_WAITALL ? r->left : (size_t)max(sk->sk_rcvlowat, 1);
	size_t target = min(lowat, r->left);
	int status;

	if (sk->sk_state == TCP_LISTEN)
		return -ENOTCONN;
	for (;;) {
		read_queue(sk, r);
		if (!r->left || r->fin || r->at_mark || (r->copied >= target && r->copied))
			break;
		status = read_status(sk);
		if (status != 1) {
			/* The error of a broken stream is told after its data. */
			if (r->copied && status < 0)
				sk->sk_err = -status;
			return r->copied ? (ssize_t)r->copied : status;
		}
		if (!timeo)
			return r->copied ? (ssize_t)r->copied : -EAGAIN;
		if (!r->peek) {
			tcp_rcv_space_adjust(sk);
			tcp_cleanup_rbuf(sk, r->copied);
		}
		sk_wait_event(sk, &timeo, more_to_read(sk, r) || read_status_pending(sk));
	}
	return (ssize_t)r->copied;
}

/* *copied: bytes read, also where an error is what there is to return. */
static noinline ssize_t read_any(struct sock *sk, struct iov_iter *to, int flags, u32 *copied)
{
	struct reader r = {.to = flags & MSG_TRUNC ? NULL : to,
			   .left = iov_iter_count(to),
			   .seq = tcp_sk(sk)->copied_seq,
			   .peek = flags & MSG_PEEK};
	ssize_t n = read_all(sk, &r, flags);

	*copied = r.copied;
	return n;
}

/* The usual read: all of the one segment that is there, with nothing else to heed. Bytes; 0: it is
 * not that. */
static ssize_t read_whole(struct sock *sk, struct iov_iter *to)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = skb_peek(&sk->sk_receive_queue);
	ssize_t n;

	if (!skb || !skb_queue_is_last(&sk->sk_receive_queue, skb) || tp->urg_data ||
	    !seq_eq(TCP_SKB_CB(skb)->seq, tp->copied_seq) || TCP_SKB_CB(skb)->flags & TCPHDR_FIN ||
	    skb->len > iov_iter_count(to) || (int)skb->len < sk->sk_rcvlowat ||
	    skb_copy_datagram_iter(skb, 0, to, skb->len))
		return 0;
	tp->copied_seq = TCP_SKB_CB(skb)->end_seq;
	n = skb->len;
	eat_skb(sk, skb);
	return n;
}

/* For TCP_INQ: the end of the stream counts as one, so that the reader comes back for it. */
static int inq_hint(const struct sock *sk)
{
	u32 inq = tcp_inq(sk);

	return inq ? (int)inq : sock_flag(sk, SOCK_DONE);
}

ssize_t tcp_recvmsg(struct sock *sk, struct msghdr *msg, struct iov_iter *to, int flags)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 copied;
	int inq = -1;
	ssize_t n;

	if (unlikely(flags & MSG_ERRQUEUE))
		return ip_recv_error(sk, msg, to);
	if (unlikely(sk_can_busy_loop(sk)) && skb_queue_empty(&sk->sk_receive_queue) &&
	    sk->sk_state == TCP_ESTABLISHED)
		sk_busy_loop(sk, !sock_rcvtimeo(sk, flags & MSG_DONTWAIT));
	lock_sock(sk);
	if (unlikely(flags & MSG_OOB)) {
		n = tcp_recv_urg(sk, msg, to, flags);
		release_sock(sk);
		return n;
	}
	n = flags & ~MSG_DONTWAIT ? 0 : read_whole(sk, to);
	copied = (u32)n;
	if (!n)
		n = read_any(sk, to, flags, &copied);
	if (!(flags & MSG_PEEK)) {
		tcp_rcv_space_adjust(sk);
		tcp_cleanup_rbuf(sk, copied);
	}
	if (tp->recvmsg_inq && n >= 0)
		inq = inq_hint(sk);
	release_sock(sk);
	msg->msg_namelen = 0;
	if (inq >= 0)
		put_cmsg(msg, SOL_TCP, TCP_CM_INQ, sizeof(inq), &inq);
	return n;
}
