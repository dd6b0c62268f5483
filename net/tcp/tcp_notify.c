/* SPDX-License-Identifier: MIT */
/*
 * What the application learns of what it sent, through the error queue: timestamps of the last byte
 * of a send (SO_TIMESTAMPING), and that a send with MSG_ZEROCOPY is acknowledged. The bytes of such
 * a send are copied, which its report says; its numbers and moments are those of Linux. Socket lock
 * held.
 */
#include <kernel/mm.h>
#include <linux/net_tstamp.h>

#include "tcp_int.h"

/* A send whose memory is reported when its last byte is acknowledged. */
struct tcp_zerocopy {
	struct list_head list;
	seq32 end_seq;
	u32 id;
};

void tcp_tx_timestamp(struct sock *sk, struct sk_buff *skb)
{
	struct skb_shared_info *shinfo;
	u32 flags = sk->sk_tsflags;

	if (likely(!flags) || !skb || !skb->len)
		return;
	shinfo = skb_shinfo(skb);
	if (flags & SOF_TIMESTAMPING_TX_SOFTWARE)
		shinfo->tx_flags |= SKBTX_SW_TSTAMP;
	if (flags & SOF_TIMESTAMPING_TX_SCHED)
		shinfo->tx_flags |= SKBTX_SCHED_TSTAMP;
	if (flags & SOF_TIMESTAMPING_TX_ACK)
		shinfo->tx_flags |= SKBTX_ACK_TSTAMP;
	shinfo->tskey = seq_add(TCP_SKB_CB(skb)->seq, skb->len - 1).v;
}

void tcp_fragment_tstamp(struct sk_buff *skb, struct sk_buff *rest)
{
	struct skb_shared_info *from = skb_shinfo(skb), *to = skb_shinfo(rest);
	u8 mine = from->tx_flags & (SKBTX_ANY_TSTAMP | SKBTX_ACK_TSTAMP);

	if (likely(!mine) || seq_before(SEQ32(from->tskey), TCP_SKB_CB(rest)->seq))
		return;
	from->tx_flags &= (u8)~mine;
	to->tx_flags |= mine;
	SWAP(from->tskey, to->tskey);
}

void tcp_merge_tstamp(struct sk_buff *to, const struct sk_buff *from)
{
	u8 theirs = skb_shinfo(from)->tx_flags & (SKBTX_ANY_TSTAMP | SKBTX_ACK_TSTAMP);

	if (likely(!theirs))
		return;
	skb_shinfo(to)->tx_flags |= theirs;
	skb_shinfo(to)->tskey = skb_shinfo(from)->tskey;
}

void tcp_ack_tstamp(struct sock *sk, struct sk_buff *skb)
{
	if (likely(!(skb_shinfo(skb)->tx_flags & SKBTX_ACK_TSTAMP)) ||
	    !seq_before(SEQ32(skb_shinfo(skb)->tskey), tcp_sk(sk)->snd_una))
		return;
	skb_shinfo(skb)->tx_flags &= (u8)~SKBTX_ACK_TSTAMP;
	sock_tstamp_tx(sk, skb, SCM_TSTAMP_ACK);
}

void tcp_zerocopy_sent(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_zerocopy *z = kmalloc(sizeof(*z), GFP_KERNEL);
	u32 id = sk->sk_zckey++;

	if (!z) { /* the bytes are copied: nothing keeps the caller from using them */
		sock_zerocopy_done(sk, id, id);
		return;
	}
	z->id = id;
	z->end_seq = tp->write_seq;
	list_add_tail(&z->list, &tp->zerocopy);
}

/* Report in the order of sending: all up to una, or (all) every one. */
static void report(struct sock *sk, seq32 una, bool all)
{
	struct list_head *head = &tcp_sk(sk)->zerocopy;

	while (!list_empty(head)) {
		struct tcp_zerocopy *z = list_first_entry(head, struct tcp_zerocopy, list);

		if (!all && seq_after(z->end_seq, una))
			return;
		list_del(&z->list);
		sock_zerocopy_done(sk, z->id, z->id);
		kfree(z);
	}
}

void tcp_zerocopy_acked(struct sock *sk)
{
	if (unlikely(!list_empty(&tcp_sk(sk)->zerocopy)))
		report(sk, tcp_sk(sk)->snd_una, false);
}

void tcp_zerocopy_purge(struct sock *sk)
{
	report(sk, SEQ32(0), true);
}
