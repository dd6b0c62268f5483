/* SPDX-License-Identifier: MIT */
/*
 * A socket's error queue, and what the stack itself puts there: when a packet was queued, sent and
 * acknowledged (SO_TIMESTAMPING), and that the memory of MSG_ZEROCOPY is the caller's again. ICMP
 * errors come from the protocols. Any context.
 */
#include <kernel/mm.h>
#include <kernel/time.h>
#include <lib/string.h>
#include <linux/net_tstamp.h>
#include <net/sock.h>

#include <errno.h>

static void sock_errfree(struct sk_buff *skb)
{
	atomic_sub((s32)skb->truesize, &skb->sk->sk_rmem_alloc);
}

int sock_queue_err_skb(struct sock *sk, struct sk_buff *skb)
{
	/* Bounded like data: who does not read errors does not get more. */
	if (atomic_read(&sk->sk_rmem_alloc) + (int)skb->truesize >= sk->sk_rcvbuf)
		return -ENOMEM;
	skb_orphan(skb);
	atomic_add((int)skb->truesize, &sk->sk_rmem_alloc);
	skb->sk = sk;
	skb->destructor = sock_errfree;
	skb_queue_tail(&sk->sk_error_queue, skb);
	if (!sock_flag(sk, SOCK_DEAD))
		sk->sk_error_report(sk);
	return 0;
}

static void queue_or_drop(struct sock *sk, struct sk_buff *skb)
{
	if (sock_queue_err_skb(sk, skb))
		kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_RCVBUFF);
}

/* An error reports what a packet of its own headers and text looks like, or (TSONLY) nothing. */
static struct sk_buff *stamped_copy(const struct sock *sk, const struct sk_buff *skb)
{
	if (READ_ONCE(sk->sk_tsflags) & SOF_TIMESTAMPING_OPT_TSONLY)
		return alloc_skb(0, GFP_ATOMIC);
	return skb_copy(skb, GFP_ATOMIC);
}

void sock_tstamp_tx(struct sock *sk, const struct sk_buff *skb, u32 what)
{
	u32 flags = sk ? READ_ONCE(sk->sk_tsflags) : 0;
	struct sock_exterr_skb *see;
	struct sk_buff *copy;

	if (!(flags & SOF_TIMESTAMPING_SOFTWARE))
		return;
	copy = stamped_copy(sk, skb);
	if (!copy)
		return;
	see = SKB_EXT_ERR(copy);
	memset(see, 0, sizeof(*see));
	see->ee.ee_errno = ENOMSG;
	see->ee.ee_origin = SO_EE_ORIGIN_TIMESTAMPING;
	see->ee.ee_info = what;
	if (flags & SOF_TIMESTAMPING_OPT_ID)
		see->ee.ee_data = skb_shinfo(skb)->tskey - READ_ONCE(sk->sk_tskey);
	copy->tstamp_ns = ktime_get_real_ns();
	queue_or_drop(sk, copy);
}

/* Sends with numbers lo to hi end: does the last report in the queue tell of those before? */
static bool extend_zerocopy(struct sock *sk, u32 lo, u32 hi)
{
	struct sk_buff *tail;
	bool extended = false;

	spin_lock_bh(&sk->sk_error_queue.lock);
	tail = skb_peek_tail(&sk->sk_error_queue);
	if (tail && SKB_EXT_ERR(tail)->ee.ee_origin == SO_EE_ORIGIN_ZEROCOPY &&
	    SKB_EXT_ERR(tail)->ee.ee_data + 1 == lo) {
		SKB_EXT_ERR(tail)->ee.ee_data = hi;
		extended = true;
	}
	spin_unlock_bh(&sk->sk_error_queue.lock);
	return extended;
}

void sock_zerocopy_done(struct sock *sk, u32 lo, u32 hi)
{
	struct sock_exterr_skb *see;
	struct sk_buff *skb;

	if (sock_flag(sk, SOCK_DEAD))
		return;
	if (!extend_zerocopy(sk, lo, hi)) {
		skb = alloc_skb(0, GFP_ATOMIC);
		if (!skb)
			return;
		see = SKB_EXT_ERR(skb);
		memset(see, 0, sizeof(*see));
		see->ee.ee_origin = SO_EE_ORIGIN_ZEROCOPY;
		see->ee.ee_code = SO_EE_CODE_ZEROCOPY_COPIED;
		see->ee.ee_info = lo;
		see->ee.ee_data = hi;
		queue_or_drop(sk, skb);
		return;
	}
	sk->sk_error_report(sk);
}
