/* SPDX-License-Identifier: MIT */
/*
 * A segment for a connection: the steps of RFC 9293 section 3.10.7.3 (SYN-SENT) and 3.10.7.4 (the
 * others), one function a step, with RFC 5961's answers to blind attacks and RFC 7323's PAWS.
 * Socket lock held, softirq or backlog.
 */
#include "tcp_int.h"

/* ---- numbers ----------------------------------------------------------------------------------
 */

bool tcp_paws_older(u32 tsval, u32 ts_recent, u32 ts_recent_stamp_s)
{
	if (!ts_recent_stamp_s || (s32)(ts_recent - tsval) <= 0)
		return false;
	/* A connection idle for 24 days: its timestamp may have gone round. */
	return tcp_now_s() - ts_recent_stamp_s < TCP_PAWS_24DAYS_S;
}

bool tcp_seq_acceptable(seq32 seq, seq32 end_seq, seq32 rcv_nxt, u32 wnd)
{
	seq32 edge = seq_add(rcv_nxt, wnd);

	if (seq_eq(seq, end_seq)) /* empty: its number may be the edge of the window itself */
		return seq_after_eq(seq, rcv_nxt) && seq_before_eq(seq, edge);
	return seq_after(end_seq, rcv_nxt) && seq_before(seq, edge);
}

bool tcp_oow_rate_ok(struct net *net, const struct sk_buff *skb, int mib, u32 *last_ms)
{
	u32 now = tcp_now_ms();
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	/* Text is answered always: its sender needs the ACK to go on. */
	if (!seq_eq(cb->seq, cb->end_seq) && !(cb->flags & TCPHDR_SYN))
		return true;
	if (*last_ms && now - *last_ms < (u32)net->tcp->tcp_invalid_ratelimit) {
		NET_INC_STATS(net, mib);
		return false;
	}
	*last_ms = now ? now : 1;
	return true;
}

/* RFC 5961 section 7: challenge ACKs are limited per second for the whole host. */
static void send_challenge_ack(struct sock *sk, const struct sk_buff *skb)
{
	struct netns_tcp *nt = tcp_net(sk);
	u64 second = ktime_get_ns() / NSEC_PER_SEC + 1; /* 0: there was none yet */

	if (!tcp_oow_rate_ok(sock_net(sk), skb, LINUX_MIB_TCPACKSKIPPEDCHALLENGE,
			     &tcp_sk(sk)->last_oow_ack_ms))
		return;
	if (READ_ONCE(nt->challenge_second) != second) {
		u32 limit = (u32)nt->tcp_challenge_ack_limit;

		/* A random share, so that the count tells nobody anything. */
		WRITE_ONCE(nt->challenge_second, second);
		WRITE_ONCE(nt->challenge_count, limit / 2 + get_random_u32_below(limit / 2 + 1));
	}
	if (!nt->challenge_count)
		return;
	nt->challenge_count--;
	TCP_STAT(sk, LINUX_MIB_TCPCHALLENGEACK);
	tcp_send_ack(sk);
}

/* RFC 7323 section 4.3: only from a segment that spans Last.ACK.sent. */
static void store_ts_recent(struct tcp_sock *tp, seq32 seq)
{
	if (!tp->rx_opt.saw_tstamp || seq_after(seq, tp->rcv_wup))
		return;
	if ((s32)(tp->rx_opt.rcv_tsval - tp->rx_opt.ts_recent) < 0 && tp->rx_opt.ts_recent_stamp_s)
		return;
	tp->rx_opt.ts_recent = tp->rx_opt.rcv_tsval;
	tp->rx_opt.ts_recent_stamp_s = (u32)(tp->tcp_clock_ns / NSEC_PER_SEC) | 1;
}

/* ---- steps one to four
 * ---------------------------------------------------------------------------- */

static noinline enum skb_drop_reason check_paws(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->rx_opt.saw_tstamp || tcp_hdr(skb)->flags & TCPHDR_RST ||
	    !tcp_paws_older(tp->rx_opt.rcv_tsval, tp->rx_opt.ts_recent,
			    tp->rx_opt.ts_recent_stamp_s))
		return SKB_NOT_DROPPED_YET;
	/* A pure ACK out of order is no duplicate of anything: let the ACK rules judge it. */
	if (seq_eq(TCP_SKB_CB(skb)->seq, TCP_SKB_CB(skb)->end_seq) &&
	    seq_eq(TCP_SKB_CB(skb)->seq, tp->rcv_nxt) &&
	    seq_eq(TCP_SKB_CB(skb)->ack_seq, tp->snd_una))
		return SKB_NOT_DROPPED_YET;
	TCP_STAT(sk, LINUX_MIB_PAWSESTABREJECTED);
	if (tcp_oow_rate_ok(sock_net(sk), skb, LINUX_MIB_TCPACKSKIPPEDPAWS, &tp->last_oow_ack_ms))
		tcp_send_dupack(sk, skb);
	return SKB_DROP_REASON_TCP_RFC7323_PAWS;
}

/* As Linux: what repeats text that was not acknowledged yet may bring a new ACK or SACK; what
 * begins within the window and goes beyond it is taken while nothing waits to be read. */
static enum skb_drop_reason judge_sequence(const struct sock *sk, const struct tcp_skb_cb *cb)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	seq32 edge = seq_add(tp->rcv_nxt, tcp_max_receive_window(tp));
	u32 fin = !!(cb->flags & TCPHDR_FIN);

	if (seq_before(cb->end_seq, tp->rcv_wup))
		return SKB_DROP_REASON_TCP_OLD_SEQUENCE;
	if (!seq_after(seq_sub(cb->end_seq, fin), edge))
		return SKB_NOT_DROPPED_YET;
	if (seq_after(cb->seq, edge))
		return SKB_DROP_REASON_TCP_INVALID_SEQUENCE;
	return skb_queue_empty(&sk->sk_receive_queue) ? SKB_NOT_DROPPED_YET
						      : SKB_DROP_REASON_TCP_OVERWINDOW;
}

/* RFC 5961 section 3.2. One before it, too, after the peer's FIN: a peer whose application closed
 * without reading answers what was on its way to it with the number of its FIN, as Linux takes. */
static bool reset_is_exact(const struct sock *sk, const struct tcp_skb_cb *cb)
{
	seq32 rcv_nxt = tcp_sk(sk)->rcv_nxt;

	return seq_eq(cb->seq, rcv_nxt) ||
	       (seq_eq(seq_add(cb->seq, 1), rcv_nxt) &&
		tcp_state_in(sk, TCPS(CLOSE_WAIT) | TCPS(LAST_ACK) | TCPS(CLOSING)));
}

static noinline enum skb_drop_reason check_sequence(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	enum skb_drop_reason why = judge_sequence(sk, cb);

	if (why == SKB_NOT_DROPPED_YET)
		return why;
	if (why != SKB_DROP_REASON_TCP_OLD_SEQUENCE)
		TCP_STAT(sk, LINUX_MIB_BEYOND_WINDOW);
	if (cb->flags & TCPHDR_RST)
		return reset_is_exact(sk, cb) ? SKB_NOT_DROPPED_YET
					      : SKB_DROP_REASON_TCP_INVALID_SEQUENCE;
	if (cb->flags & TCPHDR_SYN) {
		TCP_STAT(sk, LINUX_MIB_TCPSYNCHALLENGE);
		send_challenge_ack(sk, skb);
		return SKB_DROP_REASON_TCP_INVALID_SYN;
	}
	if (tcp_oow_rate_ok(sock_net(sk), skb, LINUX_MIB_TCPACKSKIPPEDSEQ, &tp->last_oow_ack_ms))
		tcp_send_dupack(sk, skb);
	if (why != SKB_DROP_REASON_TCP_OLD_SEQUENCE && !tcp_receive_window(tp))
		return SKB_DROP_REASON_TCP_ZEROWINDOW;
	return why;
}

static int reset_errno(u8 state)
{
	switch (state) {
	case TCP_SYN_SENT:
		return ECONNREFUSED;
	case TCP_CLOSE_WAIT:
		return EPIPE;
	default:
		return ECONNRESET;
	}
}

/* RFC 5961 section 3.2: only the exact number resets; others in the window are challenged. */
static enum skb_drop_reason check_rst(struct sock *sk, struct sk_buff *skb)
{
	if (!(TCP_SKB_CB(skb)->flags & TCPHDR_RST))
		return SKB_NOT_DROPPED_YET;
	if (reset_is_exact(sk, TCP_SKB_CB(skb)))
		tcp_done_with_error(sk, reset_errno(sk->sk_state));
	else
		send_challenge_ack(sk, skb);
	return SKB_DROP_REASON_TCP_RESET;
}

static enum skb_drop_reason check_syn(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!(TCP_SKB_CB(skb)->flags & TCPHDR_SYN))
		return SKB_NOT_DROPPED_YET;
	/* Simultaneous open: the peer's SYN-ACK for the SYN that brought us here. */
	if (sk->sk_state == TCP_SYN_RECV && TCP_SKB_CB(skb)->flags & TCPHDR_ACK &&
	    seq_eq(seq_add(TCP_SKB_CB(skb)->seq, 1), tp->rcv_nxt))
		return SKB_NOT_DROPPED_YET;
	TCP_STAT(sk, LINUX_MIB_TCPSYNCHALLENGE);
	send_challenge_ack(sk, skb);
	return SKB_DROP_REASON_TCP_INVALID_SYN;
}

/* The peer's SYN-ACK of a simultaneous open begins one before the window: cut its SYN off. That it
 * came twice is told, as of any text: the peer may not know yet that its SYN was seen. */
static void skip_repeated_syn(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	if (!(cb->flags & TCPHDR_SYN && cb->flags & TCPHDR_ACK &&
	      seq_eq(seq_add(cb->seq, 1), tp->rcv_nxt)))
		return;
	tcp_dsack_set(sk, cb->seq, tp->rcv_nxt);
	tp->ack.pending |= TCP_ACK_SCHED | TCP_ACK_NOW;
	cb->seq = tp->rcv_nxt;
	cb->flags &= (u8)~TCPHDR_SYN;
}

/* Header prediction: what comes next in order, with nothing but text, an ACK and a timestamp that
 * is not older, passes all of the first four steps, and the others are short. */
static bool predicted(const struct sock *sk, const struct sk_buff *skb)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	return (cb->flags & ~TCPHDR_PSH) == TCPHDR_ACK && seq_eq(cb->seq, tp->rcv_nxt) &&
	       (u32)seq_diff(cb->end_seq, tp->rcv_wup) <= tp->rcv_wnd &&
	       (!tp->rx_opt.saw_tstamp ||
		(s32)(tp->rx_opt.rcv_tsval - tp->rx_opt.ts_recent) >= 0) &&
	       !tp->fastopen_rsk && !(sk->sk_shutdown & RCV_SHUTDOWN) && !tp->urg_data;
}

static enum skb_drop_reason validate(struct sock *sk, struct sk_buff *skb)
{
	enum skb_drop_reason why;

	if (sk->sk_state == TCP_SYN_RECV)
		skip_repeated_syn(sk, skb);
	why = check_paws(sk, skb);
	if (why == SKB_NOT_DROPPED_YET)
		why = check_sequence(sk, skb);
	if (why == SKB_NOT_DROPPED_YET)
		why = check_rst(sk, skb);
	if (why == SKB_NOT_DROPPED_YET)
		why = check_syn(sk, skb);
	if (why == SKB_NOT_DROPPED_YET && !(TCP_SKB_CB(skb)->flags & TCPHDR_ACK))
		why = SKB_DROP_REASON_TCP_FLAGS;
	return why;
}

/* ---- fifth step: what an acceptable ACK means to the state
 * ------------------------------------------ */

void tcp_init_transfer(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct dst_entry *dst = sk_dst_check(sk);

	tcp_mtup_init(sk);
	tcp_sync_mss(sk, dst ? dst_mtu(dst) : tp->pmtu_cookie);
	tp->snd_cwnd = tcp_init_cwnd(tp, dst);
	tp->snd_cwnd_stamp_ms = tcp_time_stamp(tp);
	/* The SYN was lost, more than once: RFC 5681 section 3.1. */
	if (tp->total_retrans > 1 && tp->undo_valid)
		tp->snd_cwnd = 1;
	if (!tp->srtt_us) /* RFC 6298 (5.7): nothing is known of the path yet */
		tcp_rtt_fallback(tp);
	tp->ack.rcv_mss = (u16)min(TCP_MSS_DEFAULT, (u32)tp->advmss);
	tp->lsndtime_ms = tp->rcv_tstamp_ms = tp->ack.lrcvtime_ms = tcp_time_stamp(tp);
	tcp_cc_start(sk);
	tp->rcv_ratio_mss = tp->ack.rcv_mss;
	tcp_init_buffer_space(sk);
	if (sock_flag(sk, SOCK_KEEPOPEN))
		tcp_reset_keepalive_timer(sk, (u64)tcp_keepalive_time_s(tp) * USEC_PER_SEC);
}

/* SYN-RECEIVED: the handshake is complete. */
static void establish(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->delivered++; /* the SYN-ACK, which is in no queue */
	if (!tp->fastopen_rsk)
		tp->copied_seq = tp->rcv_nxt;
	tcp_try_undo_spurious_syn(tp);
	tp->retrans_stamp_ms = 0;
	tcp_set_state(sk, TCP_ESTABLISHED);
	tp->snd_wnd = be16_get(tcp_hdr(skb)->window);
	if (!(tcp_hdr(skb)->flags & TCPHDR_SYN)) /* of a simultaneous open: not scaled */
		tp->snd_wnd <<= tp->rx_opt.snd_wscale;
	tp->max_window = max(tp->max_window, tp->snd_wnd);
	tp->snd_wl1 = TCP_SKB_CB(skb)->seq;
	if (tp->fastopen_rsk)
		tcp_fastopen_complete(sk);
	else
		tcp_init_transfer(sk);
	if (!tp->ca_ops->cong_control)
		tcp_update_pacing_rate(sk);
	if (sk->sk_socket)
		sk->sk_state_change(sk);
}

/* FIN-WAIT-1: our FIN is acknowledged. A record can wait for the peer's, unless the segment brings
 * something that is still to be dealt with, or a thread in close() is at it. */
static noinline void enter_fin_wait2(struct sock *sk, const struct sk_buff *skb)
{
	bool brings = !seq_eq(TCP_SKB_CB(skb)->seq, TCP_SKB_CB(skb)->end_seq);
	struct tcp_sock *tp = tcp_sk(sk);

	tcp_set_state(sk, TCP_FIN_WAIT2);
	sk->sk_shutdown |= SEND_SHUTDOWN;
	if (!sock_flag(sk, SOCK_DEAD)) {
		sk->sk_state_change(sk); /* a lingering close() waits for this */
		return;
	}
	if (tp->linger2_s < 0) {
		TCP_STAT(sk, LINUX_MIB_TCPABORTONLINGER);
		tcp_done(sk);
		return;
	}
	if (brings || sock_owned_by_user(sk))
		tcp_reset_keepalive_timer(sk, (u64)tcp_fin_time_s(sk) * USEC_PER_SEC);
	else
		tcp_await_fin(sk);
}

/* An ACK that tcp_ack() does not take. */
static __cold enum skb_drop_reason bad_ack(struct sock *sk, struct sk_buff *skb, int why)
{
	/* Of what was never sent: in the middle of a connection just a wrong segment. */
	if (sk->sk_state != TCP_ESTABLISHED || why == -SKB_DROP_REASON_TCP_OLD_ACK)
		send_challenge_ack(sk, skb);
	return (enum skb_drop_reason) - why;
}

static enum skb_drop_reason process_ack(struct sock *sk, struct sk_buff *skb, bool *reset)
{
	struct tcp_sock *tp = tcp_sk(sk);
	int acceptable = tcp_ack(sk, skb);
	bool all;

	if (sk->sk_state == TCP_SYN_RECV && acceptable <= 0) {
		*reset = true;
		return acceptable ? (enum skb_drop_reason) - acceptable
				  : SKB_DROP_REASON_TCP_OLD_ACK;
	}
	if (acceptable < 0)
		return bad_ack(sk, skb, acceptable);
	if (tp->fastopen_rsk && sk->sk_state != TCP_SYN_RECV)
		tcp_fastopen_complete(sk);
	all = seq_eq(tp->snd_una, tp->write_seq);
	switch (sk->sk_state) {
	case TCP_SYN_RECV:
		establish(sk, skb);
		break;
	case TCP_FIN_WAIT1:
		if (all) {
			store_ts_recent(tp, TCP_SKB_CB(skb)->seq); /* for the record */
			enter_fin_wait2(sk, skb);
		}
		break;
	case TCP_CLOSING:
		if (all) {
			tcp_time_wait(sk, TCP_TIME_WAIT);
			return SKB_NOT_DROPPED_YET;
		}
		break;
	case TCP_LAST_ACK:
		if (all)
			tcp_done(sk);
		break;
	}
	store_ts_recent(tp, TCP_SKB_CB(skb)->seq);
	return SKB_NOT_DROPPED_YET;
}

/* ---- seventh and eighth step: text and FIN
 * ------------------------------------------------------------- */

/* Nobody will read: RFC 9293 3.6.1, RFC 2525 2.17. */
static bool text_for_nobody(const struct sock *sk, const struct sk_buff *skb)
{
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	u32 fin = !!(cb->flags & TCPHDR_FIN);

	return sk->sk_shutdown & RCV_SHUTDOWN && sock_flag(sk, SOCK_DEAD) &&
	       seq_after(seq_sub(cb->end_seq, fin), tcp_sk(sk)->rcv_nxt);
}

static enum skb_drop_reason process_text(struct sock *sk, struct sk_buff *skb, bool *reset)
{
	u32 facts = tcp_state_facts(sk->sk_state);

	if (seq_eq(TCP_SKB_CB(skb)->seq, TCP_SKB_CB(skb)->end_seq))
		return SKB_NOT_DROPPED_YET;
	if (!(facts & TCPF_RX)) {
		/* After the peer's FIN only what was received before can come. */
		tcp_sk(sk)->ack.pending |= TCP_ACK_SCHED | TCP_ACK_NOW;
		return SKB_DROP_REASON_TCP_OLD_DATA;
	}
	if (text_for_nobody(sk, skb)) {
		TCP_STAT(sk, LINUX_MIB_TCPABORTONDATA);
		*reset = true;
		tcp_done(sk);
		return SKB_DROP_REASON_TCP_ABORT_ON_DATA;
	}
	tcp_rcv_urg(sk, skb);
	if (seq_after(TCP_SKB_CB(skb)->end_seq, tcp_sk(sk)->rcv_nxt)) /* out of order too */
		tcp_measure_rcv_mss(tcp_sk(sk), skb);
	return tcp_data_queue(sk, skb);
}

void tcp_rx_fin(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->ack.pending |= TCP_ACK_SCHED | TCP_ACK_NOW;
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | RCV_SHUTDOWN);
	sock_set_flag(sk, SOCK_DONE);
	tcp_ofo_purge(sk, SKB_DROP_REASON_TCP_OLD_DATA);
	tcp_sack_reset(tp); /* what came twice is of no use to a peer that is done, as in Linux */
	switch (sk->sk_state) {
	case TCP_SYN_RECV:
	case TCP_ESTABLISHED:
		tcp_set_state(sk, TCP_CLOSE_WAIT);
		break;
	case TCP_FIN_WAIT1:
		tcp_send_ack(sk);
		tcp_set_state(sk, TCP_CLOSING);
		break;
	case TCP_FIN_WAIT2:
		tcp_send_ack(sk);
		tcp_time_wait(sk, TCP_TIME_WAIT);
		return;
	}
	if (!sock_flag(sk, SOCK_DEAD))
		sk->sk_state_change(sk);
}

/* ---- SYN-SENT: RFC 9293 section 3.10.7.3
 * ---------------------------------------------------------------- */

/* What the peer's SYN tells of it. */
static __cold void take_syn(struct sock *sk, struct sk_buff *skb, const struct tcp_options *o)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u8 cb_flags = TCP_SKB_CB(skb)->flags;

	tp->rcv_nxt = tp->rcv_wup = tp->copied_seq = seq_add(TCP_SKB_CB(skb)->seq, 1);
	tp->snd_wnd = tp->max_window = be16_get(tcp_hdr(skb)->window);
	tp->snd_wl1 = TCP_SKB_CB(skb)->seq;
	tp->rx_opt.wscale_ok = o->has & TCP_OPT_WSCALE && tcp_net(sk)->tcp_window_scaling;
	tp->rx_opt.snd_wscale = (tp->rx_opt.wscale_ok ? o->wscale : 0) & 15u;
	if (!tp->rx_opt.wscale_ok) {
		tp->rx_opt.rcv_wscale = 0;
		tp->window_clamp = min(tp->window_clamp, 65535u);
	}
	if (cb_flags & TCPHDR_ACK)
		tcp_ecn_rcv_synack(tp, cb_flags);
	else
		tcp_ecn_rcv_syn(tp, cb_flags);
	tp->rx_opt.tstamp_ok = o->has & TCP_OPT_TS && tcp_net(sk)->tcp_timestamps;
	tp->tcp_header_len = sizeof(struct tcphdr);
	if (tp->rx_opt.tstamp_ok) {
		tp->tcp_header_len += TCPOLEN_TSTAMP_ALIGNED;
		tp->rx_opt.saw_tstamp = 1;
		tp->rx_opt.rcv_tsval = tp->rx_opt.ts_recent = o->tsval;
		tp->rx_opt.rcv_tsecr = o->tsecr - tp->tsoffset;
		tp->rx_opt.ts_recent_stamp_s = tcp_now_s() | 1;
	}
	tp->rx_opt.sack_ok =
		o->has & TCP_OPT_SACK_PERM && tcp_net(sk)->tcp_sack ? TCP_SACK_SEEN : 0;
	tp->rx_opt.mss_clamp = o->has & TCP_OPT_MSS ? o->mss : TCP_MSS_DEFAULT;
	if (tp->rx_opt.user_mss)
		tp->rx_opt.mss_clamp = min(tp->rx_opt.mss_clamp, tp->rx_opt.user_mss);
	tcp_sync_mss(sk, tp->pmtu_cookie);
}

/* Simultaneous open: our SYN becomes a SYN-ACK. */
static __cold enum skb_drop_reason cross_syn(struct sock *sk, struct sk_buff *skb,
					     const struct tcp_options *o)
{
	struct sk_buff *syn = tcp_rtx_queue_head(sk);

	take_syn(sk, skb, o);
	tcp_set_state(sk, TCP_SYN_RECV);
	if (syn) {
		TCP_SKB_CB(syn)->flags |= TCPHDR_ACK;
		/* ECN agreed on: told by ECE alone (RFC 3168 section 6.1.1). */
		TCP_SKB_CB(syn)->flags &= (u8) ~(TCPHDR_ECE | TCPHDR_CWR);
		if (tcp_sk(sk)->ecn_flags & TCP_ECN_OK)
			TCP_SKB_CB(syn)->flags |= TCPHDR_ECE;
		tcp_transmit_skb(sk, syn, true, GFP_ATOMIC);
	}
	return SKB_NOT_DROPPED_YET;
}

static noinline enum skb_drop_reason synsent(struct sock *sk, struct sk_buff *skb, bool *reset)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	struct tcp_options o;
	bool data_resent = false, writer = tp->fastopen_req && tp->fastopen_req->data;

	tcp_parse_skb(skb, &o);
	if (cb->flags & TCPHDR_ACK) {
		bool old_ts = o.has & TCP_OPT_TS && o.tsecr && tcp_net(sk)->tcp_timestamps &&
			      (s32)(tcp_time_stamp(tp) + 1 + tp->tsoffset - o.tsecr) < 0;

		/* With data in the SYN its ACK may cover less than that. */
		if (!seq_after(cb->ack_seq, tp->snd_una) || seq_after(cb->ack_seq, tp->snd_nxt) ||
		    old_ts) {
			if (old_ts)
				TCP_STAT(sk, LINUX_MIB_PAWSACTIVEREJECTED);
			*reset = !(cb->flags & TCPHDR_RST);
			return SKB_DROP_REASON_TCP_INVALID_ACK_SEQUENCE;
		}
		if (cb->flags & TCPHDR_RST) {
			tcp_done_with_error(sk, ECONNREFUSED);
			return SKB_DROP_REASON_TCP_RESET;
		}
	} else if (cb->flags & TCPHDR_RST) {
		return SKB_DROP_REASON_TCP_RESET; /* acknowledges nothing: not for us */
	}
	if (!(cb->flags & TCPHDR_SYN))
		return SKB_DROP_REASON_TCP_FLAGS;
	if (!(cb->flags & TCPHDR_ACK))
		return cross_syn(sk, skb, &o);
	take_syn(sk, skb, &o);
	tcp_try_undo_spurious_syn(tp); /* before the ACK forgets when the SYN was sent */
	if (tcp_ack(sk, skb) <= 0)
		return SKB_DROP_REASON_TCP_INVALID_ACK_SEQUENCE;
	tcp_set_state(sk, TCP_ESTABLISHED);
	tcp_init_transfer(sk);
	if (tp->syn_fastopen || tp->syn_data)
		data_resent = tcp_fastopen_rcv_synack(sk, skb, &o);
	if (!sock_flag(sk, SOCK_DEAD))
		sk->sk_state_change(sk);
	if (data_resent)
		;                            /* acknowledges too */
	else if (tp->ack.pingpong || writer) /* let it ride on the request */
		tcp_delay_handshake_ack(sk);
	else
		tcp_send_ack(sk);
	tcp_data_snd_check(sk);
	return SKB_NOT_DROPPED_YET;
}

/* ---- all of it
 * ------------------------------------------------------------------------------------------ */

/* A Fast Open's SYN once more: our answer was lost, or is late. */
static __cold bool syn_again(struct sock *sk, const struct sk_buff *skb)
{
	struct tcp_request_sock *req = tcp_sk(sk)->fastopen_rsk;
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	if ((cb->flags & (TCPHDR_SYN | TCPHDR_ACK | TCPHDR_RST)) != TCPHDR_SYN ||
	    !seq_eq(cb->seq, req->rcv_isn))
		return false;
	if (tcp_req_may_answer(req, skb))
		tcp_resend_synack(req);
	return true;
}

/* A simultaneous open that met an old SYN of the peer: its SYN-ACK is for a SYN of ours that is as
 * old. Neither number fits, and ACKs would go to and fro until both give up, were it not for the
 * reset of RFC 9293 section 3.5.2, group 2: the peer knows its number, and starts again. */
static bool answers_old_syn(const struct sock *sk, const struct tcp_skb_cb *cb)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return sk->sk_state == TCP_SYN_RECV &&
	       (cb->flags & (TCPHDR_SYN | TCPHDR_ACK | TCPHDR_RST)) == (TCPHDR_SYN | TCPHDR_ACK) &&
	       (!seq_after(cb->ack_seq, tp->snd_una) || seq_after(cb->ack_seq, tp->snd_nxt));
}

/* In any state and order. */
static noinline enum skb_drop_reason process_any(struct sock *sk, struct sk_buff *skb, bool *reset)
{
	struct tcp_sock *tp = tcp_sk(sk);
	enum skb_drop_reason why;

	if (sk->sk_state == TCP_CLOSE) {
		*reset = true;
		return SKB_DROP_REASON_TCP_CLOSE;
	}
	if (sk->sk_state == TCP_SYN_SENT)
		return synsent(sk, skb, reset);
	if (unlikely(tp->fastopen_rsk) && syn_again(sk, skb))
		return SKB_DROP_REASON_TCP_INVALID_SYN;
	if (unlikely(answers_old_syn(sk, TCP_SKB_CB(skb)))) {
		*reset = true;
		return SKB_DROP_REASON_TCP_INVALID_ACK_SEQUENCE;
	}
	if (sk->sk_state != TCP_ESTABLISHED) /* else it is done */
		tcp_parse_established(tp, skb);
	why = validate(sk, skb);
	if (why == SKB_NOT_DROPPED_YET)
		why = process_ack(sk, skb, reset);
	if (why != SKB_NOT_DROPPED_YET || sk->sk_state == TCP_CLOSE)
		return why;
	why = process_text(sk, skb, reset);
	if (sk->sk_state == TCP_CLOSE)
		return why;
	tcp_data_snd_check(sk);
	tcp_ack_snd_check(sk);
	return why;
}

/* What predicted() said yes to. */
static enum skb_drop_reason process_predicted(struct sock *sk, struct sk_buff *skb)
{
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	enum skb_drop_reason why = SKB_NOT_DROPPED_YET;
	int acceptable = tcp_ack(sk, skb);

	if (unlikely(acceptable < 0))
		return bad_ack(sk, skb, acceptable);
	store_ts_recent(tcp_sk(sk), cb->seq);
	if (!seq_eq(cb->seq, cb->end_seq)) {
		tcp_measure_rcv_mss(tcp_sk(sk), skb);
		why = tcp_data_next(sk, skb);
	}
	tcp_data_snd_check(sk);
	tcp_ack_snd_check(sk);
	return why;
}

enum skb_drop_reason tcp_rcv_state_process(struct sock *sk, struct sk_buff *skb, bool *reset)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tcp_mstamp_refresh(tp);
	if (likely(sk->sk_state == TCP_ESTABLISHED)) {
		tcp_parse_established(tp, skb);
		if (likely(predicted(sk, skb)))
			return process_predicted(sk, skb);
	}
	return process_any(sk, skb, reset);
}
