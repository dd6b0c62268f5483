/* SPDX-License-Identifier: MIT */
/*
 * What the application learns of what it sent, through the error queue: timestamps of the last byte
 * of a send (SO_TIMESTAMPING). Socket lock held.
 */
#include <linux/net_tstamp.h>

#include "tcp_int.h"

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
