/* SPDX-License-Identifier: MIT */
/*
 * Urgent data as Linux and all BSDs have it (RFC 6093 section 3): the urgent pointer names one
 * byte, which leaves the stream unless SO_OOBINLINE is set, and is read with MSG_OOB; reading stops
 * at the mark. Socket lock held.
 */
#include "tcp_int.h"

#define URG_VALID  0x0100u /* the byte is in the low bits */
#define URG_NOTYET 0x0200u /* announced, not received */
#define URG_READ   0x0400u

bool tcp_urg_pending(const struct sock *sk)
{
	return tcp_sk(sk)->urg_data & URG_VALID;
}

/* The byte right at the place of reading, which nobody fetched, is skipped when a new mark comes.
 */
static void skip_old_mark(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = skb_peek(&sk->sk_receive_queue);

	if (!seq_eq(tp->urg_seq, tp->copied_seq) || !tp->urg_data ||
	    sock_flag(sk, SOCK_URGINLINE) || seq_eq(tp->copied_seq, tp->rcv_nxt))
		return;
	tp->copied_seq = seq_add(tp->copied_seq, 1);
	if (skb && !seq_before(tp->copied_seq, TCP_SKB_CB(skb)->end_seq)) {
		__skb_unlink(skb, &sk->sk_receive_queue);
		consume_skb(skb);
	}
}

/* A segment points at seq. */
static void new_mark(struct sock *sk, seq32 seq)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (seq_after(tp->copied_seq, seq) || seq_before(seq, tp->rcv_nxt))
		return; /* passed, or received without a mark */
	if (tp->urg_data && !seq_after(seq, tp->urg_seq))
		return;
	skip_old_mark(sk);
	tp->urg_data = URG_NOTYET;
	tp->urg_seq = seq;
}

void tcp_rcv_urg(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct tcphdr *th = tcp_hdr(skb);
	u32 ptr = be16_get(th->urg_ptr);
	u8 byte;
	s32 at;

	/* The pointer leads behind the byte (RFC 1122 4.2.2.4 notwithstanding: RFC 6093 2.1). */
	if (TCP_SKB_CB(skb)->flags & TCPHDR_URG)
		new_mark(sk, seq_add(TCP_SKB_CB(skb)->seq, ptr ? ptr - 1 : 0));
	if (likely(!(tp->urg_data & URG_NOTYET)))
		return;
	at = seq_diff(tp->urg_seq, TCP_SKB_CB(skb)->seq);
	if (at < 0 || skb_copy_bits(skb, (int)tcp_hdrlen(skb) + at, &byte, 1))
		return;
	tp->urg_data = (u16)(URG_VALID | byte);
	if (!sock_flag(sk, SOCK_DEAD))
		sk->sk_data_ready(sk);
}

bool tcp_urg_at(const struct sock *sk, seq32 seq)
{
	return unlikely(tcp_sk(sk)->urg_data) && seq_eq(tcp_sk(sk)->urg_seq, seq);
}

u32 tcp_urg_clip(const struct sock *sk, seq32 seq, u32 n)
{
	s32 off;

	if (likely(!tcp_sk(sk)->urg_data))
		return n;
	off = seq_diff(tcp_sk(sk)->urg_seq, seq);
	return off > 0 && (u32)off < n ? (u32)off : n;
}

void tcp_urg_passed(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (unlikely(tp->urg_data) && seq_after(tp->copied_seq, tp->urg_seq))
		tp->urg_data = 0;
}

ssize_t tcp_recv_urg(struct sock *sk, struct msghdr *msg, struct iov_iter *to, int flags)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u8 byte = (u8)tp->urg_data;

	if (sock_flag(sk, SOCK_URGINLINE) || !tp->urg_data || tp->urg_data == URG_READ)
		return -EINVAL;
	if (sk->sk_state == TCP_CLOSE && !sock_flag(sk, SOCK_DONE))
		return -ENOTCONN;
	if (!(tp->urg_data & URG_VALID))
		return sk->sk_state == TCP_CLOSE || sk->sk_shutdown & RCV_SHUTDOWN ? 0 : -EAGAIN;
	if (!(flags & MSG_PEEK))
		tp->urg_data = URG_READ;
	msg->msg_flags |= MSG_OOB;
	if (!iov_iter_count(to)) {
		msg->msg_flags |= MSG_TRUNC;
		return 0;
	}
	if (!(flags & MSG_TRUNC))
		copy_to_iter(&byte, 1, to);
	return 1;
}

bool tcp_urg_mode(const struct tcp_sock *tp)
{
	return unlikely(tp->urg_mode) && seq_after(tp->snd_up, tp->snd_una);
}

void tcp_urg_sent(struct tcp_sock *tp)
{
	tp->urg_mode = true;
	tp->snd_up = tp->write_seq;
}

void tcp_urg_header(struct tcp_sock *tp, seq32 seq, struct tcphdr *th)
{
	if (!tcp_urg_mode(tp) || !seq_before(seq, tp->snd_up))
		return;
	if (seq_before(tp->snd_up, seq_add(seq, 0x10000)))
		th->urg_ptr = be16_make((u16)seq_diff(tp->snd_up, seq));
	else if (seq_after(seq_add(seq, 0xffff), tp->snd_nxt))
		th->urg_ptr = BE16(0xffff); /* as far as it can say */
	else
		return;
	th->flags |= TCPHDR_URG;
}
