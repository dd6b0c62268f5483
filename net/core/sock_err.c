/* SPDX-License-Identifier: MIT */
/*
 * A socket's error queue, and what the stack itself puts there: when a packet was queued, sent and
 * acknowledged (SO_TIMESTAMPING). ICMP errors come from the protocols, reports of MSG_ZEROCOPY from
 * zerocopy.c. Any context.
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
