/* SPDX-License-Identifier: MIT */
/*
 * When to acknowledge (RFC 9293 section 3.8.6.3, RFC 5681 section 4.2): at once for every second
 * full segment, for anything out of order, and in quick-ACK mode (the start of a connection, and
 * after a gap); else within 40 ms, in the hope of a segment to ride on. Socket lock held.
 */
#include "tcp_int.h"

void tcp_enter_quickack_mode(struct sock *sk, u32 max_quickacks)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 segs = tp->rcv_wnd / (2u * max(tp->ack.rcv_mss + 0u, 1u));

	segs = min(max(segs, 2u), max_quickacks);
	tp->ack.quick = (u8)max(segs, tp->ack.quick + 0u);
	tp->ack.pingpong = false;
}

/* A segment with len bytes of text was taken in. */
void tcp_event_data_recv(struct sock *sk, u32 len)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 now = tcp_now_ms();

	tp->ack.pending |= TCP_ACK_SCHED;
	tp->bytes_received += len;
	if (len > tp->ack.rcv_mss)
		tp->ack.rcv_mss = (u16)min(len, (u32)tp->advmss);
	/* First text, or after a pause in which the peer's window may have collapsed. */
	if (!tp->ack.lrcvtime_ms || now - tp->ack.lrcvtime_ms > tp->rto_us / 1000)
		tcp_enter_quickack_mode(sk, TCP_MAX_QUICKACKS);
	tp->ack.lrcvtime_ms = now ? now : 1;
}

static bool ack_now(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 unacked = (u32)seq_diff(tp->rcv_nxt, tp->rcv_wup);

	if (tp->ack.pending & TCP_ACK_NOW || !rb_empty(&tp->out_of_order_queue))
		return true;
	if (tp->ack.quick && !tp->ack.pingpong)
		return true;
	return unacked > tp->ack.rcv_mss && tcp_new_window(sk) >= tcp_receive_window(tp);
}

void tcp_ack_snd_check(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!(tp->ack.pending & TCP_ACK_SCHED))
		return;
	if (ack_now(sk)) {
		tcp_send_ack(sk);
		return;
	}
	if (!timer_pending(&tp->delack_timer))
		sk_reset_timer(sk, &tp->delack_timer,
			       ktime_get_ns() + TCP_DELACK_MS * NSEC_PER_MSEC);
}

void tcp_event_data_sent(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	/* An answer within the delay of an ACK: the session is interactive. */
	if (tcp_now_ms() - tp->ack.lrcvtime_ms < TCP_DELACK_MS)
		tp->ack.pingpong = true;
}

void tcp_event_ack_sent(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->ack.quick)
		tp->ack.quick--;
	tp->ack.pending = 0;
	sk_stop_timer(sk, &tp->delack_timer);
}

/* Tell the peer of room: after the reader took a good part, or when an ACK waits anyway. */
void tcp_cleanup_rbuf(struct sock *sk, u32 copied)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 left = tcp_receive_window(tp);

	if (sk->sk_shutdown & RCV_SHUTDOWN || !copied)
		return;
	if (tp->ack.pending & TCP_ACK_SCHED &&
	    (u32)seq_diff(tp->rcv_nxt, tp->rcv_wup) > tp->ack.rcv_mss) {
		tcp_send_ack(sk);
		return;
	}
	if (2 * left <= tp->window_clamp) {
		u32 wnd = tcp_new_window(sk);

		if (wnd && wnd >= 2 * left)
			tcp_send_ack(sk);
	}
}

void tcp_delack_timer_handler(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tcp_state_in(sk, TCPS(CLOSE) | TCPS(LISTEN)) || !(tp->ack.pending & TCP_ACK_SCHED))
		return;
	TCP_STAT(sk, LINUX_MIB_DELAYEDACKS);
	tp->ack.pingpong = false; /* nothing came to ride on */
	tcp_send_ack(sk);
}
