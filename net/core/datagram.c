/* SPDX-License-Identifier: MIT */
/*
 * Queues of received datagrams: softirqs append under the queue's lock, threads take from it.
 */
#include <net/busy_poll.h>

#include <errno.h>

int sock_queue_rcv_skb(struct sock *sk, struct sk_buff *skb, enum skb_drop_reason *why)
{
	u32 queued = (u32)atomic_read(&sk->sk_rmem_alloc);

	/* One datagram always fits into an empty queue, whatever its size. */
	if (queued && queued + skb->truesize > (u32)sk->sk_rcvbuf) {
		atomic_inc(&sk->sk_drops);
		*why = SKB_DROP_REASON_SOCKET_RCVBUFF;
		return -ENOMEM;
	}
	skb->dev = NULL;
	skb_dst_drop(skb);
	if (!skb_set_owner_datagram(skb, sk)) {
		atomic_inc(&sk->sk_drops);
		*why = SKB_DROP_REASON_PROTO_MEM;
		return -ENOBUFS;
	}
	skb_queue_tail(&sk->sk_receive_queue, skb);
	if (!sock_flag(sk, SOCK_DEAD))
		sk->sk_data_ready(sk);
	return 0;
}

/* The first datagram, or with MSG_PEEK a further reference to it. */
static struct sk_buff *try_recv(struct sock *sk, int flags)
{
	struct sk_buff_head *q = &sk->sk_receive_queue;
	struct sk_buff *skb;

	if (skb_queue_empty(q)) /* who is about to sleep looks again */
		return NULL;
	spin_lock_bh(&q->lock);
	skb = skb_peek(q);
	if (skb && flags & MSG_PEEK) {
		skb->peeked = 1;
		skb_get(skb);
	} else if (skb) {
		__skb_unlink(skb, q);
	}
	spin_unlock_bh(&q->lock);
	return skb;
}

struct sk_buff *skb_recv_datagram(struct sock *sk, int flags, int *err)
{
	u64 timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	bool may_poll = sk_can_busy_loop(sk);
	struct sk_buff *skb;

	for (;;) {
		struct wait_entry e = {0};

		*err = sock_error(sk);
		if (*err)
			return NULL;
		skb = try_recv(sk, flags);
		if (skb)
			return skb;
		*err = 0;
		if (sk->sk_shutdown & RCV_SHUTDOWN)
			return NULL;
		*err = -EAGAIN;
		if (unlikely(may_poll)) {
			may_poll = false;
			sk_busy_loop(sk, !timeo);
			continue;
		}
		if (!timeo)
			return NULL;
		prepare_to_wait(sk->sk_wq, &e, true);
		if (skb_queue_empty(&sk->sk_receive_queue) && !READ_ONCE(sk->sk_err) &&
		    !(sk->sk_shutdown & RCV_SHUTDOWN))
			timeo = schedule_timeout_ns(timeo);
		finish_wait(sk->sk_wq, &e);
	}
}
