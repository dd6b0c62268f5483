/* SPDX-License-Identifier: MIT */
/*
 * Super-packets: how many segments one may hold, how it is cut and counted, and when it pays to
 * wait for more of it. Sizes follow the pacing rate, about a millisecond's worth, so that a fast
 * flow costs few packets and a slow one sends no bursts. Nagle's rule (RFC 9293 section 3.7.4) in
 * Minshall's form, and silly-window avoidance, are part of the same decision. Socket lock held.
 */
#include "tcp_int.h"

#define DEFER_RECENT_NS   NSEC_PER_MSEC /* who wrote longer ago is not about to write more */
#define MAX_DEFERRED_SEGS 3u            /* where net.ipv4.tcp_tso_win_divisor is 0 */

/* ---- counting ---------------------------------------------------------------------------------
 */

u32 tcp_set_skb_tso_segs(struct sk_buff *skb, u32 mss)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	if (skb->len <= mss) {
		cb->gso_size = 0;
		cb->gso_segs = 1;
	} else {
		cb->gso_size = (u16)mss;
		cb->gso_segs = (u16)DIV_ROUND_UP(skb->len, mss);
	}
	return cb->gso_segs;
}

void tcp_adjust_pcount(struct sock *sk, const struct sk_buff *skb, int decr)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u8 marks = TCP_SKB_CB(skb)->sacked;

	tp->packets_out -= (u32)decr;
	if (marks & TCPCB_SACKED_ACKED)
		tp->sacked_out -= (u32)decr;
	if (marks & TCPCB_SACKED_RETRANS)
		tp->retrans_out -= (u32)decr;
	if (marks & TCPCB_LOST)
		tp->lost_out -= (u32)decr;
	/* Without SACK the count is a guess: keep it within what can be. */
	if (!tcp_is_sack(tp) && decr > 0)
		tp->sacked_out -= min(tp->sacked_out, (u32)decr);
}

/* rest takes over what of skb's control block is of its part. */
static void split_cb(struct sk_buff *skb, struct sk_buff *rest, u32 len)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb), *ncb = TCP_SKB_CB(rest);

	*ncb = *cb;
	ncb->seq = seq_add(cb->seq, len);
	cb->end_seq = ncb->seq;
	cb->flags &= (u8) ~(TCPHDR_FIN | TCPHDR_PSH);
	cb->eor = 0;
	ncb->sacked &= TCPCB_EVER_RETRANS | TCPCB_TAGBITS;
	ncb->flags &= (u8)~TCPHDR_CWR;
	rest->tstamp_ns = skb->tstamp_ns;
}

static void enqueue_rest(struct sock *sk, struct sk_buff *skb, struct sk_buff *rest, bool in_rtx)
{
	if (!in_rtx) {
		__skb_queue_after(&sk->sk_write_queue, skb, rest);
		return;
	}
	tcp_rb_insert(&sk->tcp_rtx_queue, rest);
	tcp_tsorted_add_after(skb, rest);
}

int tcp_fragment(struct sock *sk, struct sk_buff *skb, u32 len, bool in_rtx, unsigned gfp)
{
	u32 headlen = skb_headlen(skb), mss = tcp_sk(sk)->mss_cache, moved;
	int before = (int)tcp_skb_pcount(skb);
	struct sk_buff *rest;

	if (len >= skb->len)
		return 0;
	/* Clones below still send the whole of it: leave them their head. */
	if (skb_cloned(skb) && pskb_expand_head(skb, 0, 0, gfp))
		return -ENOMEM;
	rest = tcp_alloc_skb(headlen > len ? headlen - len : 0, gfp);
	if (!rest)
		return -ENOMEM;
	moved = skb->len - len;
	skb_split(skb, rest, len);
	/* What is shared with skb is paid for where it is now. */
	rest->truesize += rest->data_len;
	tcp_wmem_charge(sk, rest);
	moved = min(rest->data_len, skb->truesize - SKB_TRUESIZE(0));
	skb->truesize -= moved;
	tcp_wmem_uncharge(sk, moved);
	split_cb(skb, rest, len);
	tcp_fragment_tstamp(skb, rest);
	tcp_set_skb_tso_segs(skb, mss);
	tcp_set_skb_tso_segs(rest, mss);
	enqueue_rest(sk, skb, rest, in_rtx);
	if (in_rtx) {
		before -= (int)(tcp_skb_pcount(skb) + tcp_skb_pcount(rest));
		if (before)
			tcp_adjust_pcount(sk, skb, before);
	}
	return 0;
}

/* ---- how much may go --------------------------------------------------------------------------
 */

u32 tcp_cwnd_test(const struct tcp_sock *tp)
{
	u32 in_flight = tcp_packets_in_flight(tp), cwnd = tp->snd_cwnd;

	if (in_flight >= cwnd)
		return 0;
	/* Two super-packets in flight keep the ACK clock going better than one. */
	return min(max(cwnd >> 1, 1u), cwnd - in_flight);
}

/* Does the first segment of skb fit into the peer's window? */
bool tcp_snd_wnd_test(const struct tcp_sock *tp, const struct sk_buff *skb, u32 mss)
{
	seq32 end = TCP_SKB_CB(skb)->end_seq;

	if (skb->len > mss)
		end = seq_add(TCP_SKB_CB(skb)->seq, mss);
	return !seq_after(end, tcp_wnd_end(tp));
}

/* A millisecond at the pacing rate; more on a short path, where a burst does not travel far. */
u32 tcp_tso_segs(struct sock *sk, u32 mss)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	const struct netns_tcp *nt = tcp_net(sk);
	u64 bytes = READ_ONCE(sk->sk_pacing_rate) >> sk->sk_pacing_shift;
	u32 shift = nt->tcp_tso_rtt_log < 32 ? tcp_min_rtt(tp) >> nt->tcp_tso_rtt_log : 32;
	u32 least =
		tp->ca_ops->min_tso_segs ? tp->ca_ops->min_tso_segs(sk) : (u32)nt->tcp_min_tso_segs;

	if (shift < 32)
		bytes += sk->sk_gso_max_size >> shift;
	bytes = min_t(u64, bytes, sk->sk_gso_max_size);
	return min(max((u32)bytes / mss, least), sk->sk_gso_max_segs);
}

/* ---- Nagle ------------------------------------------------------------------------------------
 */

/* Must a partial segment wait? */
static bool nagle_holds(const struct tcp_sock *tp, bool partial, int nonagle)
{
	bool small_in_flight =
		seq_after(tp->snd_sml, tp->snd_una) && !seq_after(tp->snd_sml, tp->snd_nxt);

	return partial &&
	       (nonagle & TCP_NAGLE_CORK || (!nonagle && tp->packets_out && small_in_flight));
}

bool tcp_nagle_test(const struct tcp_sock *tp, const struct sk_buff *skb, u32 mss, int nonagle)
{
	if (nonagle & TCP_NAGLE_PUSH || tcp_urg_mode(tp) || TCP_SKB_CB(skb)->flags & TCPHDR_FIN)
		return true;
	return !nagle_holds(tp, skb->len < mss, nonagle);
}

u32 tcp_mss_split_point(const struct sock *sk, const struct sk_buff *skb, u32 mss, u32 max_segs,
			int nonagle)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 window = (u32)seq_diff(tcp_wnd_end(tp), TCP_SKB_CB(skb)->seq);
	u32 max_len = mss * max_segs, needed, partial;

	if (max_len <= window && !skb_queue_is_last(&sk->sk_write_queue, skb))
		return max_len;
	needed = min(skb->len, window);
	if (max_len <= needed)
		return max_len;
	partial = needed % mss;
	return nagle_holds(tp, partial != 0, nonagle) ? needed - partial : needed;
}

/* ---- waiting for more -------------------------------------------------------------------------
 */

/* Is so much sendable that waiting would gain little? */
static bool enough_sendable(const struct sock *sk, const struct sk_buff *skb, u32 limit,
			    u32 max_segs)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 divisor = (u32)tcp_net(sk)->tcp_tso_win_divisor;

	if (limit >= max_segs * tp->mss_cache)
		return true;
	/* In the middle of the queue it cannot grow. */
	if (!skb_queue_is_last(&sk->sk_write_queue, skb) && limit >= skb->len)
		return true;
	if (divisor)
		return limit >= min(tp->snd_wnd, tp->snd_cwnd * tp->mss_cache) / divisor;
	return limit > MAX_DEFERRED_SEGS * tp->mss_cache;
}

bool tcp_tso_should_defer(struct sock *sk, const struct sk_buff *skb, struct tcp_send_limits *lim,
			  u32 max_segs)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct sk_buff *head = tcp_rtx_queue_head(sk);
	u32 send_win = (u32)seq_diff(tcp_wnd_end(tp), TCP_SKB_CB(skb)->seq);
	u32 cong_win = (tp->snd_cwnd - tcp_packets_in_flight(tp)) * tp->mss_cache;

	if (tp->ca_state >= TCP_CA_Recovery)
		return false;
	if ((s64)(tp->tcp_clock_ns - tp->tcp_wstamp_ns - DEFER_RECENT_NS) > 0)
		return false;
	if (enough_sendable(sk, skb, min(send_win, cong_win), max_segs))
		return false;
	/* The ACK we would wait for must be near: half of the round trip is over. */
	if (!head ||
	    (s64)(tp->tcp_clock_ns - head->tstamp_ns - (u64)(tp->srtt_us >> 4) * NSEC_PER_USEC) < 0)
		return false;
	if (cong_win < send_win && cong_win <= skb->len) {
		lim->cwnd = true;
		return true;
	}
	if (cong_win >= send_win && send_win <= skb->len) {
		lim->rwnd = true;
		return true;
	}
	return !(TCP_SKB_CB(skb)->flags & TCPHDR_FIN) && !TCP_SKB_CB(skb)->eor;
}

/* ---- acknowledged in part ---------------------------------------------------------------------
 */

int tcp_trim_head(struct sock *sk, struct sk_buff *skb, u32 len)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	u32 paid = min(len, skb->truesize - SKB_TRUESIZE(0));

	if (skb_cloned(skb) && pskb_expand_head(skb, 0, 0, GFP_ATOMIC))
		return -ENOMEM;
	if (len > skb->len || !pskb_pull(skb, len))
		return -ENOMEM;
	cb->seq = seq_add(cb->seq, len);
	skb->truesize -= paid;
	tcp_wmem_uncharge(sk, paid);
	if (tcp_skb_pcount(skb) > 1)
		tcp_set_skb_tso_segs(skb, tcp_skb_mss(skb));
	return 0;
}

u32 tcp_tso_acked(struct sock *sk, struct sk_buff *skb)
{
	u32 before = tcp_skb_pcount(skb);

	if (tcp_trim_head(sk, skb, (u32)seq_diff(tcp_sk(sk)->snd_una, TCP_SKB_CB(skb)->seq)))
		return 0;
	return before - tcp_skb_pcount(skb);
}
