/* SPDX-License-Identifier: MIT */
/*
 * The size of segments: what we tell the peer to send, what the path and the peer let us send (RFC
 * 9293 section 3.7.1), between the bounds that PLPMTUD searches (tcp_mtu_probe.c). Socket lock
 * held.
 */
#include "tcp_int.h"

/* By what we can receive, not by what the path lets us send: the way here is the peer's to find. */
u16 tcp_advertise_mss(const struct sock *sk, const struct dst_entry *dst)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 mss = dst->advmss_metric;

	if (!mss)
		mss = tcp_mtu_payload(tp, dst->link_mtu);
	if (tp->rx_opt.user_mss)
		mss = min(mss, (u32)tp->rx_opt.user_mss);
	return (u16)clamp_t(u32, mss, TCP_MIN_MSS, 65495);
}

/* Without the options that every segment carries. */
u32 tcp_mtu_to_mss(const struct sock *sk, u32 pmtu)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 fixed = tp->af->net_header_len + (u32)sizeof(struct tcphdr) + tp->ext_hdr_len;
	u32 mss = pmtu > fixed ? pmtu - fixed : 0;

	mss = min(mss, (u32)tp->rx_opt.mss_clamp);
	mss = max(mss, (u32)tcp_net(sk)->tcp_min_snd_mss);
	return mss - (tp->tcp_header_len - (u32)sizeof(struct tcphdr));
}

u32 tcp_mss_to_mtu(const struct sock *sk, u32 mss)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return mss + tp->tcp_header_len + tp->ext_hdr_len + tp->af->net_header_len;
}

/* A peer with a small buffer: two packets shall fit into its window. */
u32 tcp_bound_to_half_wnd(const struct tcp_sock *tp, u32 size)
{
	u32 cutoff = tp->max_window > TCP_MSS_DEFAULT ? tp->max_window >> 1 : tp->max_window;

	if (!cutoff || size <= cutoff)
		return size;
	return max(cutoff, 68u - min(68u, (u32)tp->tcp_header_len));
}

u32 tcp_sync_mss(struct sock *sk, u32 pmtu)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 mss;

	if (tp->mtup.search_high > pmtu)
		tp->mtup.search_high = pmtu;
	mss = tcp_bound_to_half_wnd(tp, tcp_mtu_to_mss(sk, pmtu));
	tp->pmtu_cookie = pmtu;
	if (tp->mtup.enabled)
		mss = min(mss, tcp_mtu_to_mss(sk, tp->mtup.search_low));
	tp->mss_cache = mss;
	return mss;
}

void tcp_max_window_grew(struct sock *sk, u32 wnd)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 bound = tcp_bound_to_half_wnd(tp, ~0u);

	tp->max_window = wnd;
	bound = min(bound, tcp_bound_to_half_wnd(tp, ~0u));
	if (tp->mss_cache >= bound)
		tcp_sync_mss(sk, tp->pmtu_cookie);
}

u32 tcp_current_mss(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct dst_entry *dst = sk_dst_check(sk);

	if (dst && dst_mtu(dst) != tp->pmtu_cookie)
		tcp_sync_mss(sk, dst_mtu(dst));
	if (tp->rx_opt.num_sacks || tp->has_dsack) /* SACK blocks take the place of text */
		return tp->mss_cache - tcp_sack_space(tp);
	return tp->mss_cache;
}

u32 tcp_xmit_size_goal(struct sock *sk, u32 mss)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 want = tcp_bound_to_half_wnd(tp, sk->sk_gso_max_size), goal = tp->gso_segs * mss;

	if (want < goal || want >= goal + mss) {
		tp->gso_segs = min(want / mss, sk->sk_gso_max_segs);
		goal = tp->gso_segs * mss;
	}
	return max(goal, mss);
}
