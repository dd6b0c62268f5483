/* SPDX-License-Identifier: MIT */
/*
 * Windows: what of the receive buffer is offered to the peer (RFC 9293 section 3.8.6, RFC 7323
 * section 2), and how the send buffer follows the congestion window. How much of the buffer is
 * payload is measured (scaling_ratio): the rest is what packets cost beyond their data. How large
 * the receive buffer is, is tcp_rcvbuf.c's business. Socket lock held.
 */
#include "tcp_int.h"

#define MAX_SIGNED_WINDOW 32767u /* net.ipv4.tcp_workaround_signed_windows */
#define APP_WIN_SHIFT     31 /* net.ipv4.tcp_app_win's default: nothing kept for the application */

u32 tcp_win_from_space(const struct sock *sk, int space)
{
	return space > 0 ? (u32)(((u64)space * tcp_sk(sk)->scaling_ratio) >> TCP_RATIO_SHIFT) : 0;
}

u64 tcp_space_from_win(const struct sock *sk, u64 win)
{
	return (win << TCP_RATIO_SHIFT) / tcp_sk(sk)->scaling_ratio;
}

u32 tcp_space(const struct sock *sk)
{
	return tcp_win_from_space(sk, READ_ONCE(sk->sk_rcvbuf) -
					      (int)READ_ONCE(sk->sk_backlog.len) -
					      (int)atomic_read(&sk->sk_rmem_alloc));
}

u32 tcp_full_space(const struct sock *sk)
{
	return tcp_win_from_space(sk, READ_ONCE(sk->sk_rcvbuf));
}

/* ---- at the start -----------------------------------------------------------------------------
 */

u32 tcp_initial_clamp(const struct sock *sk, u8 wscale)
{
	u32 clamp = tcp_sk(sk)->window_clamp;

	if (unlikely(sk->sk_userlocks & SOCK_RCVBUF_LOCK))
		clamp = min(clamp ? clamp : ~0u, tcp_full_space(sk));
	return min(clamp ? clamp : ~0u, 65535u << wscale);
}

void tcp_select_initial_window(const struct sock *sk, u32 mss, u32 init_segs, bool wscale_ok,
			       struct tcp_initial_window *w)
{
	const struct netns_tcp *nt = tcp_net(sk);
	u32 clamp = tcp_initial_clamp(sk, TCP_MAX_WSCALE);
	u32 space = min(tcp_full_space(sk), clamp);

	if (space > mss)
		space = space / mss * mss;
	/* What a SYN can say; more as the peer's packets prove well filled. */
	w->wnd = min(space, nt->tcp_workaround_signed_windows ? MAX_SIGNED_WINDOW : 65535u);
	if (init_segs)
		w->wnd = min(w->wnd, init_segs * mss);
	w->wscale = 0;
	if (wscale_ok) {
		/* The largest buffer that the socket may get later shall fit. */
		space = max(space, (u32)nt->tcp_rmem[2]);
		space = min(max(space, sock_net(sk)->core->rmem_max + 0u), clamp);
		while (space >> w->wscale > 65535u && w->wscale < TCP_MAX_WSCALE)
			w->wscale++;
	}
	w->clamp = min(clamp, 65535u << w->wscale);
}

/* ESTABLISHED: from now on the buffer may follow the flow. */
void tcp_init_buffer_space(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 most = tcp_full_space(sk), advmss = tp->advmss;

	if (!(sk->sk_userlocks & SOCK_SNDBUF_LOCK))
		tcp_sndbuf_expand(sk);
	tp->rcvq_space.time_us = tp->tcp_mstamp_us;
	tp->rcvq_space.seq = tp->copied_seq;
	if (tp->window_clamp >= most) {
		tp->window_clamp = most;
		if (most > 4 * advmss)
			tp->window_clamp = max(most - (most >> APP_WIN_SHIFT), 4 * advmss);
	}
	if (tp->window_clamp > 2 * advmss && tp->window_clamp + advmss > most)
		tp->window_clamp = max(2 * advmss, most - advmss);
	tp->rcv_ssthresh = min(tp->rcv_ssthresh, tp->window_clamp);
	tp->snd_cwnd_stamp_ms = tcp_time_stamp(tp);
	tp->rcvq_space.space = min3(tp->rcv_ssthresh, tp->rcv_wnd, TCP_INIT_CWND * advmss);
}

/* ---- each segment -----------------------------------------------------------------------------
 */

/* net.ipv4.tcp_shrink_window: may a window be taken back where its memory went elsewhere? Only one
 * that is scaled, as in Linux: its memory is the kind of which there can be too much. */
static bool may_shrink(const struct sock *sk)
{
	return unlikely(tcp_net(sk)->tcp_shrink_window) && tcp_sk(sk)->rx_opt.rcv_wscale;
}

/* RFC 9293 3.8.6.2.2: no steps smaller than a segment or half of the buffer; nothing when little is
 * left, before packets must be dropped. */
u32 tcp_new_window(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 allowed = tcp_full_space(sk), full = min(tp->window_clamp, allowed);
	u32 mss = min((u32)tp->ack.rcv_mss, full), space = tcp_space(sk), wnd = tp->rcv_wnd;
	u8 ws = tp->rx_opt.rcv_wscale;

	if (!mss)
		return 0;
	if (may_shrink(sk))
		space = space >> ws << ws;
	if (unlikely(space < full >> 1)) {
		tp->ack.quick = 0;
		if (READ_ONCE(*sk->sk_prot->memory_pressure))
			tcp_adjust_rcv_ssthresh(tp);
		space = space >> ws << ws; /* rounding below must not make it more */
		if (space < allowed >> 4 || space < mss)
			return 0;
	}
	space = min(space, tp->rcv_ssthresh);
	if (ws)
		return ALIGN(space, 1u << ws);
	if ((s32)wnd <= (s32)(space - mss) || wnd > space)
		return space / mss * mss;
	if (mss == full && space > wnd + (full >> 1))
		return space;
	return wnd;
}

u16 tcp_select_window(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 old = tp->rcv_wnd, cur = tcp_receive_window(tp), wnd = tcp_new_window(sk);
	u8 ws = tp->rx_opt.rcv_wscale;

	if (wnd < cur && !may_shrink(sk)) { /* never taken back */
		if (unlikely(!wnd))
			TCP_STAT(sk, LINUX_MIB_TCPWANTZEROWINDOWADV);
		wnd = ALIGN(cur, 1u << ws);
	}
	if (wnd < cur || unlikely(tp->rcv_shrunk))
		tp->rcv_shrunk = tcp_max_receive_window(tp) - min(tcp_max_receive_window(tp), wnd);
	tp->rcv_wnd = wnd;
	tp->rcv_wup = tp->rcv_nxt;
	if (!ws && tcp_net(sk)->tcp_workaround_signed_windows)
		wnd = min(wnd, MAX_SIGNED_WINDOW);
	wnd = min(wnd, 65535u << ws) >> ws;
	if (unlikely(!wnd && old))
		TCP_STAT(sk, LINUX_MIB_TCPTOZEROWINDOWADV);
	else if (unlikely(wnd && !old))
		TCP_STAT(sk, LINUX_MIB_TCPFROMZEROWINDOWADV);
	return (u16)wnd;
}

/* ---- the send buffer --------------------------------------------------------------------------
 */

/* Each segment may cost a head of its own, and allocators round up. */
static u32 cost_of_mss(const struct tcp_sock *tp)
{
	u32 bytes = max((u32)tp->rx_opt.mss_clamp, tp->mss_cache) + MAX_TCP_HEADER + SKB_OVERHEAD;

	return (u32)roundup_pow_of_two(bytes) + SKB_DATA_ALIGN((u32)sizeof(struct sk_buff));
}

/* Two windows: one in flight, one to be written meanwhile. */
void tcp_sndbuf_expand(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u64 segs = max(max(tp->snd_cwnd, TCP_INIT_CWND), tp->reordering + 1), want;

	want = segs * cost_of_mss(tp);
	want *= tp->ca_ops->sndbuf_expand ? tp->ca_ops->sndbuf_expand(sk) : 2;
	if (want > (u64)sk->sk_sndbuf)
		WRITE_ONCE(sk->sk_sndbuf, (int)min_t(u64, want, (u64)tcp_net(sk)->tcp_wmem[2]));
}

/* Is the buffer what holds the sender up, and may it grow? */
static bool should_expand(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	const struct proto *prot = sk->sk_prot;

	return !(sk->sk_userlocks & SOCK_SNDBUF_LOCK) && !READ_ONCE(*prot->memory_pressure) &&
	       atomic_read(prot->memory_allocated) < prot->sysctl_mem[0] &&
	       tcp_packets_in_flight(tp) < tp->snd_cwnd;
}

void tcp_check_space(struct sock *sk)
{
	smp_mb(); /* pairs with tcp_poll(): the room before the look at the flag */
	if (!sk->sk_socket || !sock_flag(sk, SOCK_NOSPACE))
		return;
	if (should_expand(sk)) {
		tcp_sndbuf_expand(sk);
		tcp_sk(sk)->snd_cwnd_stamp_ms = tcp_time_stamp(tcp_sk(sk));
	}
	sk->sk_write_space(sk);
	if (!sock_flag(sk, SOCK_NOSPACE))
		tcp_chrono_stop(sk, TCP_CHRONO_SNDBUF_LIMITED);
}
