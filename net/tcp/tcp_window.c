/* SPDX-License-Identifier: MIT */
/*
 * Buffers and windows: what of the receive buffer is offered to the peer (RFC 9293 section 3.8.6,
 * RFC 7323 section 2), and how the send buffer follows the congestion window. Half of the buffer
 * is counted as payload: the rest is what packets cost beyond their data. Socket lock held.
 */
#include "tcp_int.h"

static u32 window_of_space(int space)
{
	return space > 0 ? (u32)space / 2 : 0;
}

u32 tcp_space(const struct sock *sk)
{
	return window_of_space(READ_ONCE(sk->sk_rcvbuf) - (int)READ_ONCE(sk->sk_backlog.len) -
			       (int)atomic_read(&sk->sk_rmem_alloc));
}

u32 tcp_full_space(const struct sock *sk)
{
	return window_of_space(READ_ONCE(sk->sk_rcvbuf));
}

/* The scale allows for the largest buffer that the socket may get later. */
void tcp_select_initial_window(const struct sock *sk, u32 *rcv_wnd, u32 *clamp, u8 *wscale)
{
	const struct netns_tcp *nt = tcp_net(sk);
	u32 most = max((u32)nt->tcp_rmem[2], sock_net(sk)->core->rmem_max + 0u);

	if (sk->sk_userlocks & SOCK_RCVBUF_LOCK)
		most = (u32)sk->sk_rcvbuf;
	*clamp = tcp_sk(sk)->window_clamp ? tcp_sk(sk)->window_clamp : 65535u << TCP_MAX_WSCALE;
	*wscale = 0;
	if (nt->tcp_window_scaling)
		while (min(most, *clamp) > 65535u << *wscale && *wscale < TCP_MAX_WSCALE)
			(*wscale)++;
	*rcv_wnd = min(min(tcp_full_space(sk), *clamp), 65535u);
}

/* RFC 9293 3.8.6.2.2: no steps smaller than a segment or half of the buffer. */
u32 tcp_new_window(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 full = min(tp->window_clamp, tcp_full_space(sk));
	u32 mss = min((u32)tp->ack.rcv_mss, full), space = min(tcp_space(sk), full);
	u8 ws = tp->rx_opt.rcv_wscale;

	if (!mss || (space < full / 2 && (space < full / 16 || space < mss)))
		return 0;
	if (ws)
		return ALIGN(space, 1u << ws);
	if (tp->rcv_wnd <= space - mss || tp->rcv_wnd > space)
		return space / mss * mss;
	return tp->rcv_wnd;
}

u16 tcp_select_window(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 old = tp->rcv_wnd, cur = tcp_receive_window(tp), wnd = tcp_new_window(sk);
	u8 ws = tp->rx_opt.rcv_wscale;

	if (wnd < cur) { /* never taken back */
		if (!wnd)
			TCP_STAT(sk, LINUX_MIB_TCPWANTZEROWINDOWADV);
		wnd = ALIGN(cur, 1u << ws);
	}
	wnd = min(wnd, 65535u << ws);
	tp->rcv_wnd = wnd;
	tp->rcv_wup = tp->rcv_nxt;
	wnd >>= ws;
	if (!wnd && old)
		TCP_STAT(sk, LINUX_MIB_TCPTOZEROWINDOWADV);
	else if (wnd && !old)
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
		tcp_sk(sk)->snd_cwnd_stamp_ms = tcp_now_ms();
	}
	sk->sk_write_space(sk);
	if (!sock_flag(sk, SOCK_NOSPACE))
		tcp_chrono_stop(sk, TCP_CHRONO_SNDBUF_LIMITED);
}
