/* SPDX-License-Identifier: MIT */
/*
 * The fifth step of RFC 9293 section 3.10.7.4: what an acknowledgement takes off the retransmit
 * queue, the round trip it measures, the window it brings, and whether it is a duplicate (RFC 5681
 * section 2). Socket lock held, softirq or backlog.
 */
#include "tcp_int.h"

/* What one ACK did. */
struct ack_result {
	u32 acked;   /* segments wholly acknowledged */
	u64 sent_us; /* when the last of them was sent, that was sent only once; 0: none */
	bool retransmitted;
};

static void free_acked(struct sock *sk, struct sk_buff *skb, struct ack_result *r)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	u32 segs = tcp_skb_pcount(skb);

	tp->packets_out -= segs;
	tp->lost_out -= cb->sacked & TCPCB_LOST ? segs : 0;
	tp->retrans_out -= cb->sacked & TCPCB_SACKED_RETRANS ? segs : 0;
	if (cb->sacked & TCPCB_EVER_RETRANS)
		r->retransmitted = true;
	else
		r->sent_us = tcp_skb_timestamp_us(skb);
	r->acked += segs;
	if (tp->highest_sack == skb)
		tp->highest_sack = tcp_rb_next(skb);
	if (cb->flags & TCPHDR_SYN)
		tp->retrans_stamp_ms = 0;
	tcp_ack_tstamp(sk, skb);
	tcp_rb_unlink(skb, &sk->tcp_rtx_queue);
	tcp_wmem_free_skb(sk, skb);
}

static void clean_rtx_queue(struct sock *sk, struct ack_result *r)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	while ((skb = tcp_rtx_queue_head(sk)) &&
	       seq_before_eq(TCP_SKB_CB(skb)->end_seq, tp->snd_una))
		free_acked(sk, skb, r);
	if (skb && seq_before(TCP_SKB_CB(skb)->seq, tp->snd_una) && tcp_skb_pcount(skb) > 1) {
		u32 segs = tcp_tso_acked(sk, skb);

		tcp_adjust_pcount(sk, skb, (int)segs);
		r->acked += segs;
	}
	if (!skb)
		tcp_chrono_stop(sk, TCP_CHRONO_BUSY);
	if (tcp_mtup_probe_acked(tp))
		tcp_mtup_probe_success(sk);
	NET_ADD_STATS(sock_net(sk), LINUX_MIB_TCPDELIVERED, r->acked);
}

static void measure_rtt(struct sock *sk, const struct ack_result *r)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (r->sent_us && !r->retransmitted) {
		tcp_rtt_sample(sk, (u32)min_t(u64, tp->tcp_mstamp_us - r->sent_us, ~0u));
	} else if (tp->rx_opt.saw_tstamp && tp->rx_opt.rcv_tsecr) {
		u32 ms = tcp_time_stamp(tp) - tp->rx_opt.rcv_tsecr;

		if (ms < 1u << 17)
			tcp_rtt_sample(sk, max(ms, 1u) * 1000);
	}
}

/* SND.WND, by the rule of SND.WL1 and SND.WL2. True: it changed. */
static bool update_window(struct sock *sk, struct sk_buff *skb, seq32 ack)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 wnd = be16_get(tcp_hdr(skb)->window);
	seq32 seq = TCP_SKB_CB(skb)->seq;

	if (!(tcp_hdr(skb)->flags & TCPHDR_SYN))
		wnd <<= tp->rx_opt.snd_wscale;
	if (!seq_after(ack, tp->snd_una) && !seq_after(seq, tp->snd_wl1) &&
	    !(seq_eq(seq, tp->snd_wl1) && (wnd > tp->snd_wnd || !wnd)))
		return false;
	tp->snd_wl1 = seq;
	if (tp->snd_wnd == wnd)
		return false;
	tp->snd_wnd = wnd;
	if (wnd > tp->max_window) {
		tp->max_window = wnd;
		tcp_sync_mss(sk, tp->pmtu_cookie);
	}
	return true;
}

/* The peer answered a probe: the window opened, or it lives and is probed again. */
static void ack_probe(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *head = tcp_send_head(sk);

	if (!head || tp->packets_out)
		return;
	if (!seq_after(TCP_SKB_CB(head)->end_seq, tcp_wnd_end(tp))) {
		tp->backoff = 0;
		if (tp->pending == TCP_PEND_PROBE0)
			tcp_disarm(sk);
	} else {
		tcp_arm(sk, TCP_PEND_PROBE0, tcp_probe0_when_us(sk));
	}
}

static void advance(struct sock *sk, seq32 ack)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct ack_result r = {0};

	tp->bytes_acked += (u32)seq_diff(ack, tp->snd_una);
	tp->snd_una = ack;
	tp->retransmits = 0;
	tp->backoff = 0;
	tp->retrans_stamp_ms = 0;
	clean_rtx_queue(sk, &r);
	tcp_zerocopy_acked(sk);
	measure_rtt(sk, &r);
	tcp_rearm_rto(sk);
	if (r.acked)
		tcp_cong_acked(sk, r.acked);
	if (!tp->ca_ops->cong_control)
		tcp_update_pacing_rate(sk);
	sk->sk_dst_pending_confirm = true; /* the next hop carries our packets */
}

static int old_ack(struct sock *sk, seq32 ack)
{
	struct tcp_sock *tp = tcp_sk(sk);

	/* RFC 5961 section 5.2: further back than any window is an attack. */
	if (seq_before(ack, seq_sub(tp->snd_una, max(tp->max_window, 1u))))
		return -SKB_DROP_REASON_TCP_OLD_ACK;
	return 0;
}

int tcp_ack(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	seq32 ack = cb->ack_seq;
	bool news, pure = seq_eq(cb->seq, cb->end_seq);

	if (seq_before(ack, tp->snd_una))
		return old_ack(sk, ack);
	if (seq_after(ack, tp->snd_nxt))
		return -SKB_DROP_REASON_TCP_INVALID_ACK_SEQUENCE;
	tp->rcv_tstamp_ms = tcp_now_ms();
	tp->probes_out = 0;
	tp->keepalive_probes_sent = 0;
	sk->sk_err_soft = 0;
	news = update_window(sk, skb, ack);
	if (pure)
		TCP_STAT(sk, LINUX_MIB_TCPPUREACKS);
	if (seq_after(ack, tp->snd_una))
		advance(sk, ack);
	else if (tp->packets_out && pure && !news)
		tcp_cong_dupack(sk);
	ack_probe(sk);
	return 1;
}

/* Tell a writer who waits that there is room again. */
static void check_space(struct sock *sk)
{
	tcp_check_space(sk);
}

void tcp_data_snd_check(struct sock *sk)
{
	tcp_push_pending(sk, tcp_current_mss(sk), tcp_sk(sk)->nonagle);
	check_space(sk);
}
