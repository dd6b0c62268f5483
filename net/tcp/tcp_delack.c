/* SPDX-License-Identifier: MIT */
/*
 * When to acknowledge (RFC 9293 section 3.8.6.3, RFC 5681 section 4.2): at once for more than one
 * full segment, for anything out of order, and in quick-ACK mode (the start of a connection, and
 * after a gap); else after a delay, in the hope of a segment to ride on. The delay follows the time
 * between arrivals (ato), as in Linux, 40 to 200 ms. Socket lock held.
 */
#include "tcp_int.h"

#define FIRST_DUPACKS 3u /* from which a sender without RACK knows of a loss (RFC 5681) */
#define ATO_MIN_MS    TCP_DELACK_MS

static void add_quickacks(struct tcp_sock *tp, u32 max_quickacks)
{
	u32 segs = tp->rcv_wnd / (2u * max(tp->ack.rcv_mss + 0u, 1u));

	segs = min(segs ? segs : 2u, max_quickacks);
	tp->ack.quick = (u8)max(segs, tp->ack.quick + 0u);
}

void tcp_enter_quickack_mode(struct sock *sk, u32 max_quickacks)
{
	struct tcp_sock *tp = tcp_sk(sk);

	add_quickacks(tp, max_quickacks);
	tp->ack.pingpong = false;
	tp->ack.ato_ms = ATO_MIN_MS;
}

/* The mean distance of arrivals: half of the old and of the new, long pauses left out. */
static void estimate_ato(struct tcp_sock *tp, u32 gap_ms)
{
	if (gap_ms <= ATO_MIN_MS / 2)
		tp->ack.ato_ms = tp->ack.ato_ms / 2 + ATO_MIN_MS / 2;
	else if (gap_ms < tp->ack.ato_ms)
		tp->ack.ato_ms = min(tp->ack.ato_ms / 2 + gap_ms, tp->rto_us / 1000u);
	else if (gap_ms > tp->rto_us / 1000u) /* the peer's window may have collapsed */
		add_quickacks(tp, TCP_MAX_QUICKACKS);
}

void tcp_event_data_recv(struct sock *sk, u32 len)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 now = tcp_time_stamp(tp);

	tp->ack.pending |= TCP_ACK_SCHED;
	tp->bytes_received += len;
	if (!tp->ack.ato_ms) { /* the first text */
		add_quickacks(tp, TCP_MAX_QUICKACKS);
		tp->ack.ato_ms = ATO_MIN_MS;
	} else {
		estimate_ato(tp, now - tp->ack.lrcvtime_ms);
	}
	tp->ack.lrcvtime_ms = now;
}

void tcp_measure_rcv_mss(struct tcp_sock *tp, const struct sk_buff *skb)
{
	u32 options = tcp_hdrlen(skb) - (u32)sizeof(struct tcphdr);
	u32 len = skb->len - tcp_hdrlen(skb), last = tp->ack.last_seg_size;
	bool push = TCP_SKB_CB(skb)->flags & TCPHDR_PSH;

	if (skb_shinfo(skb)->gso_size)
		len = skb_shinfo(skb)->gso_size;
	tp->ack.last_seg_size = 0;
	if (len >= tp->ack.rcv_mss) {
		tp->ack.rcv_mss = (u16)min(len, (u32)tp->advmss);
		if (push)
			tp->ack.pending |= TCP_ACK_PUSHED;
		return;
	}
	/* Smaller: believed once it comes twice, if it is not the tail of something. */
	if (len + options >= TCP_MSS_DEFAULT || (len + options >= TCP_MIN_MSS && !push)) {
		tp->ack.last_seg_size = (u16)len;
		if (len == last) {
			tp->ack.rcv_mss = (u16)len;
			return;
		}
	}
	if (tp->ack.pending & TCP_ACK_PUSHED)
		tp->ack.pending |= TCP_ACK_PUSHED2;
	tp->ack.pending |= TCP_ACK_PUSHED;
}

static bool ack_now(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 unacked = (u32)seq_diff(tp->rcv_nxt, tp->rcv_wup);
	u32 unread = (u32)seq_diff(tp->rcv_nxt, tp->copied_seq);

	/* With more than a segment to acknowledge, wait only where a reader about to come will make
	 * the ACK open the window too. Asked first: a window that closes ends quick-ACK mode. */
	if (unacked > tp->ack.rcv_mss &&
	    (unread < (u32)max(sk->sk_rcvlowat, 1) || tcp_new_window(sk) >= tp->rcv_wnd))
		return true;
	return tp->ack.pending & TCP_ACK_NOW || (tp->ack.quick && !tp->ack.pingpong);
}

/*
 * Many segments beyond a hole: the first ACKs tell the sender of it, and each of the others would
 * say a little more of the same. From the fourth on they are put together, up to tcp_comp_sack_nr
 * of them and for no longer than a part of the round trip (net.ipv4.tcp_comp_sack_*).
 */
static bool may_compress(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tcp_is_sack(tp) || tp->has_dsack ||
	    tp->compressed_ack >= tcp_net(sk)->tcp_comp_sack_nr)
		return false;
	if (!seq_eq(tp->compressed_ack_rcv_nxt, tp->rcv_nxt)) {
		tp->compressed_ack_rcv_nxt = tp->rcv_nxt;
		tp->dup_ack_counter = 0;
	}
	if (tp->dup_ack_counter < FIRST_DUPACKS) {
		tp->dup_ack_counter++;
		return false;
	}
	return true;
}

static noinline void compress_ack(struct sock *sk)
{
	const struct netns_tcp *nt = tcp_net(sk);
	struct tcp_sock *tp = tcp_sk(sk);
	u64 rtt_us = tp->rcv_rtt.rtt_us, slack_ns = nt->tcp_comp_sack_slack_ns, when_ns;

	if (tp->compressed_ack++)
		return;
	if (tp->srtt_us)
		rtt_us = min(rtt_us, (u64)tp->srtt_us);
	/* Round trips are scaled by 8. */
	when_ns = rtt_us * (NSEC_PER_USEC / 8) * (u32)nt->tcp_comp_sack_rtt_percent / 100;
	when_ns = tp->tcp_clock_ns + min_t(u64, when_ns, nt->tcp_comp_sack_delay_ns);
	/* Late by the slack at most, so that the timers of several may be one. */
	if (slack_ns)
		when_ns = DIV_ROUND_UP(when_ns, slack_ns) * slack_ns;
	if (tp->ack.pending & TCP_ACK_TIMER)
		when_ns = min(when_ns, tp->ack.timeout_ns);
	tcp_ack_at(sk, when_ns);
}

static u64 delay_us(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 longest = TCP_DELACK_MAX_MS, ato = tp->ack.ato_ms;

	if (ato > TCP_DELACK_MS) {
		if (!tp->ack.pingpong && !(tp->ack.pending & TCP_ACK_PUSHED))
			longest = 500;
		if (tp->srtt_us)
			longest = min(longest, max(tp->srtt_us / 8000u, TCP_DELACK_MS));
		ato = min(ato, longest);
	}
	return min(max(ato, 1u) * 1000u, tcp_delack_max_us(sk));
}

void tcp_ack_at(struct sock *sk, u64 when_ns)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->ack.pending |= TCP_ACK_SCHED | TCP_ACK_TIMER;
	tp->ack.timeout_ns = when_ns;
	tcp_timer_by(sk, &tp->delack_timer, when_ns);
}

static void delay_ack(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u64 now_ns = tp->tcp_clock_ns;
	u64 delay_ns = delay_us(sk) * NSEC_PER_USEC;
	u64 when_ns = now_ns + delay_ns;

	if (tp->ack.pending & TCP_ACK_TIMER) {
		/* It is about to fire anyway. */
		if (tp->ack.timeout_ns <= now_ns + delay_ns / 4) {
			tcp_send_ack(sk);
			return;
		}
		when_ns = min(when_ns, tp->ack.timeout_ns);
	}
	tcp_ack_at(sk, when_ns);
}

void tcp_ack_snd_check(struct sock *sk)
{
	if (!(tcp_sk(sk)->ack.pending & TCP_ACK_SCHED))
		return;
	if (ack_now(sk))
		tcp_send_ack(sk);
	else if (rb_empty(&tcp_sk(sk)->out_of_order_queue))
		delay_ack(sk);
	else if (may_compress(sk))
		compress_ack(sk);
	else
		tcp_send_ack(sk);
}

void tcp_delay_handshake_ack(struct sock *sk)
{
	tcp_enter_quickack_mode(sk, TCP_MAX_QUICKACKS);
	tcp_ack_at(sk, tcp_sk(sk)->tcp_clock_ns + TCP_DELACK_MAX_MS * NSEC_PER_MSEC);
}

void tcp_event_data_sent(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	/* An answer within the delay of an ACK: the session is interactive. */
	if (tcp_time_stamp(tp) - tp->ack.lrcvtime_ms < tp->ack.ato_ms)
		tp->ack.pingpong = true;
}

void tcp_event_ack_sent(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (unlikely(tp->compressed_ack)) {
		NET_ADD_STATS(sock_net(sk), LINUX_MIB_TCPACKCOMPRESSED, tp->compressed_ack);
		tp->compressed_ack = 0;
	}
	if (tp->ack.quick && tp->ack.pending & TCP_ACK_SCHED && !--tp->ack.quick)
		tp->ack.ato_ms = ATO_MIN_MS; /* leaving quick-ACK mode */
	tp->ack.pending = 0;
}

/* The reader took all of a burst that ended with PSH: the peer waits for our word. */
static bool reader_caught_up(const struct sock *sk, u32 copied)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u8 pending = tp->ack.pending;

	if ((u32)seq_diff(tp->rcv_nxt, tp->rcv_wup) > tp->ack.rcv_mss)
		return true;
	return copied && !atomic_read(&sk->sk_rmem_alloc) &&
	       (pending & TCP_ACK_PUSHED2 || (pending & TCP_ACK_PUSHED && !tp->ack.pingpong));
}

/* Tell the peer of room: after the reader took a good part, or when an ACK waits anyway. */
void tcp_cleanup_rbuf(struct sock *sk, u32 copied)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 left = tcp_receive_window(tp);

	if (tp->ack.pending & TCP_ACK_SCHED && reader_caught_up(sk, copied)) {
		tcp_mstamp_refresh(tp);
		tcp_send_ack(sk);
		return;
	}
	if (sk->sk_shutdown & RCV_SHUTDOWN || !copied)
		return;
	if (2 * left <= tp->window_clamp) {
		u32 wnd = tcp_new_window(sk);

		if (wnd && wnd >= 2 * left) {
			tcp_mstamp_refresh(tp);
			tcp_send_ack(sk);
		}
	}
}

void tcp_set_quickack(struct sock *sk, int val)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->ack.pingpong = !val;
	if (!val || !tcp_state_in(sk, TCPS(ESTABLISHED) | TCPS(CLOSE_WAIT)) ||
	    !(tp->ack.pending & TCP_ACK_SCHED))
		return;
	tp->ack.pending |= TCP_ACK_PUSHED;
	tcp_cleanup_rbuf(sk, 1);
	if (!(val & 1)) /* this once only */
		tp->ack.pingpong = true;
}

void tcp_delack_timer_handler(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tcp_state_in(sk, TCPS(CLOSE) | TCPS(LISTEN)) || !(tp->ack.pending & TCP_ACK_TIMER))
		return;
	tcp_mstamp_refresh(tp);
	if (tp->ack.timeout_ns > tp->tcp_clock_ns) { /* was armed for an ACK that has gone */
		sk_reset_timer(sk, &tp->delack_timer, tp->ack.timeout_ns);
		return;
	}
	if (tp->compressed_ack) {
		tp->compressed_ack--; /* the one that goes out for all of them */
		tcp_send_ack(sk);
		return;
	}
	TCP_STAT(sk, LINUX_MIB_DELAYEDACKS);
	if (tp->ack.pingpong) { /* nothing came to ride on */
		tp->ack.pingpong = false;
		tp->ack.ato_ms = ATO_MIN_MS;
	} else {
		tp->ack.ato_ms = min(tp->ack.ato_ms * 2, tp->rto_us / 1000u);
	}
	tcp_send_ack(sk);
}
