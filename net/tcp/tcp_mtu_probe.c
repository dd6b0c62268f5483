/* SPDX-License-Identifier: MIT */
/*
 * Packetization layer path MTU discovery (RFC 4821): a segment larger than the others tries whether
 * the path carries it, by bisection between search_low, known to pass, and search_high. No ICMP
 * needed. net.ipv4.tcp_mtu_probing: 0 never, 1 after a black hole showed, 2 always. Socket lock
 * held.
 */
#include "tcp_int.h"

#define MIN_CWND 11u /* segments: a lost probe shall be found by duplicate ACKs */

static u32 highest(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return tp->rx_opt.mss_clamp + (u32)sizeof(struct tcphdr) + tp->af->net_header_len;
}

void tcp_mtup_init(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->mtup.enabled = tcp_net(sk)->tcp_mtu_probing > 1;
	tp->mtup.search_high = highest(sk);
	tp->mtup.search_low = tcp_mss_to_mtu(sk, (u32)tcp_net(sk)->tcp_base_mss);
	tp->mtup.probe_size = 0;
	tp->mtup.stamp_ms = tcp_time_stamp(tp);
}

/* The path may have changed: look again from what passes now. */
static void check_reprobe(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u64 interval_ms = (u64)tcp_net(sk)->tcp_probe_interval * 1000;

	if (tcp_time_stamp(tp) - tp->mtup.stamp_ms < interval_ms)
		return;
	tp->mtup.probe_size = 0;
	tp->mtup.search_high = highest(sk);
	tp->mtup.search_low = tcp_mss_to_mtu(sk, tcp_current_mss(sk));
	tp->mtup.stamp_ms = tcp_time_stamp(tp);
}

/* Size of the probe to send now; 0: none. *wait: nothing else may be sent before it. */
static u32 probe_size_now(struct sock *sk, bool *wait)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 low = tp->mtup.search_low, high = tp->mtup.search_high;
	u32 size = tcp_mtu_to_mss(sk, (low + high) >> 1);
	u32 needed = size + (tp->reordering + 1) * tp->mss_cache;

	if (size > tcp_mtu_to_mss(sk, high) ||
	    (s32)(high - low) < tcp_net(sk)->tcp_probe_threshold) {
		check_reprobe(sk);
		return 0;
	}
	if ((u32)seq_diff(tp->write_seq, tp->snd_nxt) < needed || tp->snd_wnd < needed)
		return 0;
	*wait = seq_after(seq_add(tp->snd_nxt, needed), tcp_wnd_end(tp)) ||
		(tcp_packets_in_flight(tp) + 2 > tp->snd_cwnd && tcp_packets_in_flight(tp));
	if (*wait || tcp_packets_in_flight(tp) + 2 > tp->snd_cwnd || tcp_pacing_check(sk))
		return 0;
	return size;
}

/* Size bytes at the head of the write queue become one segment. False: not possible. */
static noinline bool gather(struct sock *sk, u32 size)
{
	struct sk_buff *skb = tcp_send_head(sk);

	while (skb->len < size) {
		struct sk_buff *next = skb->next;
		u32 n = min(size - skb->len, next->len);

		if (skb_queue_is_last(&sk->sk_write_queue, skb) || TCP_SKB_CB(skb)->eor || !n ||
		    !skb_shift(skb, next, n))
			return false;
		TCP_SKB_CB(skb)->end_seq = seq_add(TCP_SKB_CB(skb)->end_seq, n);
		TCP_SKB_CB(next)->seq = seq_add(TCP_SKB_CB(next)->seq, n);
		if (next->len)
			continue;
		TCP_SKB_CB(skb)->end_seq = TCP_SKB_CB(next)->end_seq;
		TCP_SKB_CB(skb)->flags |= TCP_SKB_CB(next)->flags;
		TCP_SKB_CB(skb)->eor = TCP_SKB_CB(next)->eor;
		tcp_merge_tstamp(skb, next);
		__skb_unlink(next, &sk->sk_write_queue);
		tcp_wmem_free_skb(sk, next);
	}
	return skb->len == size || !tcp_fragment(sk, skb, size, false, GFP_ATOMIC);
}

enum tcp_probe_result tcp_mtu_probe(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool wait = false;
	struct sk_buff *skb;
	u32 size;

	if (!tp->mtup.enabled || tp->mtup.probe_size || tp->ca_state != TCP_CA_Open ||
	    tp->snd_cwnd < MIN_CWND || tp->rx_opt.num_sacks || tp->has_dsack)
		return TCP_PROBE_NONE;
	size = probe_size_now(sk, &wait);
	if (!size)
		return wait ? TCP_PROBE_WAIT : TCP_PROBE_NONE;
	if (!gather(sk, size))
		return TCP_PROBE_NONE;
	skb = tcp_send_head(sk);
	tcp_set_skb_tso_segs(skb, size);
	if (tcp_transmit_skb(sk, skb, true, GFP_ATOMIC))
		return TCP_PROBE_NONE; /* sent as ordinary segments then */
	tp->snd_cwnd--;                /* it is about two of them */
	tcp_sent_new_data(sk, skb);
	tp->mtup.probe_size = tcp_mss_to_mtu(sk, skb->len);
	tp->mtup.probe_start = TCP_SKB_CB(skb)->seq;
	tp->mtup.probe_end = TCP_SKB_CB(skb)->end_seq;
	return TCP_PROBE_SENT;
}

void tcp_mtup_probe_success(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u64 bytes = (u64)tp->snd_cwnd * tcp_mss_to_mtu(sk, tp->mss_cache);

	TCP_STAT(sk, LINUX_MIB_TCPMTUPSUCCESS);
	/* The window stays the same in bytes: it is in larger segments from now on. */
	tp->prior_ssthresh = tcp_current_ssthresh(sk);
	tp->snd_cwnd = (u32)max_t(u64, bytes / tp->mtup.probe_size, 1);
	tp->snd_cwnd_cnt = 0;
	tp->snd_cwnd_stamp_ms = tcp_time_stamp(tp);
	tp->snd_ssthresh = tcp_current_ssthresh(sk);
	tp->mtup.search_low = tp->mtup.probe_size;
	tp->mtup.probe_size = 0;
	tcp_sync_mss(sk, tp->pmtu_cookie);
}

bool tcp_mtup_probe_lost(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->ca_state >= TCP_CA_CWR || !tp->mtup.probe_size ||
	    !seq_eq(tp->snd_una, tp->mtup.probe_start))
		return false;
	tp->mtup.search_high = tp->mtup.probe_size - 1;
	tp->mtup.probe_size = 0;
	TCP_STAT(sk, LINUX_MIB_TCPMTUPFAIL);
	tp->snd_cwnd++; /* what sending it took away */
	return true;
}

void tcp_mtu_black_hole(struct sock *sk)
{
	const struct netns_tcp *nt = tcp_net(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u32 mss;

	if (!nt->tcp_mtu_probing)
		return;
	if (!tp->mtup.enabled) {
		tp->mtup.enabled = true;
		tp->mtup.stamp_ms = tcp_time_stamp(tp);
	} else {
		mss = min(tcp_mtu_to_mss(sk, tp->mtup.search_low) >> 1, (u32)nt->tcp_base_mss);
		mss = max(mss, (u32)nt->tcp_mtu_probe_floor);
		mss = max(mss, (u32)nt->tcp_min_snd_mss);
		tp->mtup.search_low = tcp_mss_to_mtu(sk, mss);
	}
	tcp_sync_mss(sk, tp->pmtu_cookie);
}
