/* SPDX-License-Identifier: MIT */
/*
 * The fifth step of RFC 9293 section 3.10.7.4: an ACK. In this order: the window it brings, what it
 * SACKs, what it takes off the retransmit queue, the round trip it measures; then what that means
 * for recovery (tcp_castate.c), the timers, the delivery rate, the congestion window; and at last
 * what recovery sends. Socket lock held, softirq or backlog.
 */
#include "tcp_int.h"

/* ---- the window --------------------------------------------------------------------------------
 */

/* SND.WND, by the rule of SND.WL1 and SND.WL2. */
static void update_window(struct sock *sk, struct sk_buff *skb, seq32 ack,
			  struct tcp_ack_news *news)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 wnd = be16_get(tcp_hdr(skb)->window);
	seq32 seq = TCP_SKB_CB(skb)->seq;

	if (!(tcp_hdr(skb)->flags & TCPHDR_SYN))
		wnd <<= tp->rx_opt.snd_wscale;
	if (!seq_after(ack, tp->snd_una) && !seq_after(seq, tp->snd_wl1) &&
	    !(seq_eq(seq, tp->snd_wl1) && (wnd > tp->snd_wnd || !wnd)))
		return;
	news->flag |= FLAG_WIN_UPDATE;
	tp->snd_wl1 = seq;
	if (tp->snd_wnd == wnd)
		return;
	tp->snd_wnd = wnd;
	if (tcp_send_head(sk))
		tcp_slow_start_after_idle_check(sk);
	if (wnd > tp->max_window)
		tcp_max_window_grew(sk, wnd);
}

/* The peer answered a probe: the window opened, or it lives and is probed again. */
static __cold void ack_probe(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *head = tcp_send_head(sk);

	if (!head || tp->packets_out)
		return;
	if (!seq_after(TCP_SKB_CB(head)->end_seq, tcp_wnd_end(tp))) {
		tp->backoff = 0;
		tp->probes_stamp_ms = 0;
		if (tp->pending == TCP_PEND_PROBE0)
			tcp_disarm(sk);
	} else {
		tcp_arm(sk, TCP_PEND_PROBE0, tcp_probe0_when_us(sk));
	}
}

/* ---- off the queue ----------------------------------------------------------------------------
 */

/* What one ACK took off it. */
struct cleaned {
	u32 pkts_acked;
	u64 first_us, last_us; /* when segments that were sent once had been sent; 0: none */
	seq32 reord;           /* lowest of those */
	bool fully;            /* whole super-packets only */
};

/* Segments of skb, which begins at the front, that are acknowledged; 0: the end. */
static u32 acked_pcount(struct sock *sk, struct sk_buff *skb, struct cleaned *c)
{
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	seq32 una = tcp_sk(sk)->snd_una;

	if (!seq_after(cb->end_seq, una))
		return tcp_skb_pcount(skb);
	if (tcp_skb_pcount(skb) == 1 || !seq_after(una, cb->seq))
		return 0;
	c->fully = false;
	return tcp_tso_acked(sk, skb);
}

/* n segments of skb were delivered: marks, counts, and what RACK learns. */
static void count_acked(struct sock *sk, struct sk_buff *skb, u32 n, seq32 start,
			struct tcp_ack_news *news, struct cleaned *c)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	u64 sent_us = tcp_skb_timestamp_us(skb);
	u8 sacked = cb->sacked;

	if (sacked & TCPCB_RETRANS) {
		tp->retrans_out -= sacked & TCPCB_SACKED_RETRANS ? n : 0;
		news->flag |= FLAG_RETRANS_DATA_ACKED;
	} else if (!(sacked & TCPCB_SACKED_ACKED)) {
		c->last_us = sent_us;
		c->first_us = c->first_us ? c->first_us : sent_us;
		c->reord = seq_min(c->reord, start);
		if (!seq_after(cb->end_seq, tp->high_seq))
			news->flag |= FLAG_ORIG_SACK_ACKED;
	}
	if (sacked & TCPCB_SACKED_ACKED) {
		tp->sacked_out -= n;
	} else if (tcp_is_sack(tp)) {
		bool spurious = sacked & TCPCB_RETRANS && tp->rx_opt.saw_tstamp &&
				tp->rx_opt.rcv_tsecr &&
				(s32)(tp->rx_opt.rcv_tsecr - (u32)(sent_us / USEC_PER_MSEC)) < 0;

		tcp_count_delivered(tp, n, news->flag & FLAG_ECE);
		if (!spurious) /* else the original came, not this copy */
			tcp_rack_advance(tp, sacked, cb->end_seq, sent_us);
	}
	tp->lost_out -= sacked & TCPCB_LOST ? n : 0;
	tp->packets_out -= n;
	c->pkts_acked += n;
	tcp_rate_skb_delivered(sk, skb, &news->rate);
}

static void clean_rtx_queue(struct sock *sk, struct tcp_ack_news *news, struct cleaned *c)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb, *next;

	for (skb = tcp_rtx_queue_head(sk); skb; skb = next) {
		seq32 start = TCP_SKB_CB(skb)->seq;
		u32 n = acked_pcount(sk, skb, c);

		if (!n)
			break;
		count_acked(sk, skb, n, start, news, c);
		if (TCP_SKB_CB(skb)->flags & TCPHDR_SYN) {
			news->flag |= FLAG_SYN_ACKED;
			tp->retrans_stamp_ms = 0;
		} else {
			news->flag |= FLAG_DATA_ACKED;
		}
		if (!c->fully)
			break;
		next = tcp_rb_next(skb);
		tcp_ack_tstamp(sk, skb);
		if (skb == tp->retransmit_skb_hint)
			tp->retransmit_skb_hint = NULL;
		if (skb == tp->highest_sack)
			tp->highest_sack = next;
		tcp_rtx_queue_free(sk, skb);
	}
	if (!skb)
		tcp_chrono_stop(sk, TCP_CHRONO_BUSY);
	else if (TCP_SKB_CB(skb)->sacked & TCPCB_SACKED_ACKED)
		news->flag |= FLAG_SACK_RENEGING;
}

/* ---- the round trip ----------------------------------------------------------------------------
 */

/* A lone small segment: its ACK may have been delayed. */
static bool maybe_delayed(const struct tcp_sock *tp, const struct tcp_ack_news *news,
			  const struct cleaned *c, u32 prior_sacked)
{
	return c->pkts_acked == 1 && c->fully && !prior_sacked &&
	       (u32)seq_diff(tp->snd_una, news->prior_una) < tp->mss_cache &&
	       news->rate.prior_delivered + 1 == tp->delivered &&
	       !(news->flag & (FLAG_CA_ALERT | FLAG_SYN_ACKED));
}

static void take_rtt(struct sock *sk, u32 seq_rtt_us, u32 ca_rtt_us, u32 flag)
{
	tcp_update_rtt_min(sk, ca_rtt_us, flag & FLAG_ACK_MAYBE_DELAYED);
	tcp_rtt_sample(sk, seq_rtt_us);
	tcp_sk(sk)->backoff = 0;
}

/* Of segments that were sent once (Karn), else SACKed ones, else by timestamp. True: taken. */
static bool measure_rtt(struct sock *sk, struct tcp_ack_news *news, const struct cleaned *c,
			u32 prior_sacked)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u64 now = tp->tcp_mstamp_us;
	s64 seq_rtt = -1, ca_rtt = -1;

	if (c->first_us && !(news->flag & FLAG_RETRANS_DATA_ACKED)) {
		seq_rtt = (s64)(now - c->first_us);
		ca_rtt = (s64)(now - c->last_us);
		if (maybe_delayed(tp, news, c, prior_sacked))
			news->flag |= FLAG_ACK_MAYBE_DELAYED;
	}
	if (news->first_sackt_us) {
		seq_rtt = seq_rtt < 0 ? (s64)(now - news->first_sackt_us) : seq_rtt;
		ca_rtt = (s64)(now - news->last_sackt_us);
	}
	if (seq_rtt < 0 && news->flag & FLAG_ACKED)
		seq_rtt = ca_rtt = tcp_rtt_by_timestamp(tp);
	news->rate.rtt_us = ca_rtt;
	if (seq_rtt < 0)
		return false;
	take_rtt(sk, (u32)seq_rtt, (u32)ca_rtt, news->flag);
	return true;
}

/* Was what is SACKed sent before the head was last (re)transmitted? Only then does it put the RTO
 * off: else it would be put off as long as SACKs come. */
static bool sack_is_older(const struct sock *sk, const struct tcp_ack_news *news)
{
	const struct sk_buff *head = tcp_rtx_queue_head(sk);

	return head && news->first_sackt_us && news->first_sackt_us < tcp_skb_timestamp_us(head);
}

/* For the congestion control: n segments were acknowledged. */
static void tell_acked(struct sock *sk, u32 n, const struct rate_sample *rs)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct ack_sample sample = {.pkts_acked = n,
				    .rtt_us = (s32)rs->rtt_us,
				    .in_flight = tp->delivered - rs->prior_delivered};

	if (tp->ca_ops->pkts_acked)
		tp->ca_ops->pkts_acked(sk, &sample);
}

static void take_acked(struct sock *sk, struct tcp_ack_news *news)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct cleaned c = {.reord = tp->snd_nxt, .fully = true};
	u32 prior_sacked = tp->sacked_out;
	bool measured;

	clean_rtx_queue(sk, news, &c);
	if (tcp_mtup_probe_acked(tp))
		tcp_mtup_probe_success(sk);
	measured = measure_rtt(sk, news, &c, prior_sacked);
	if (news->flag & FLAG_ACKED) {
		news->flag |= FLAG_SET_XMIT_TIMER;
		if (!tcp_is_sack(tp)) {
			tcp_remove_reno_sacks(sk, c.pkts_acked, news->flag & FLAG_ECE);
			/* It cannot be told what an ACK beyond a retransmission is for. */
			if (news->flag & FLAG_RETRANS_DATA_ACKED)
				news->flag &= ~(u32)FLAG_ORIG_SACK_ACKED;
		} else if (seq_before(c.reord, news->prior_fack)) {
			tcp_check_sack_reordering(sk, c.reord, false);
		}
	} else if (measured && sack_is_older(sk, news)) {
		news->flag |= FLAG_SET_XMIT_TIMER;
	}
	tell_acked(sk, c.pkts_acked, &news->rate);
}

/* ---- an ACK ------------------------------------------------------------------------------------
 */

/* Segments delivered since then; counted for the whole host. */
static u32 newly_delivered(struct sock *sk, u32 before, u32 flag)
{
	u32 n = tcp_sk(sk)->delivered - before;

	NET_ADD_STATS(sock_net(sk), LINUX_MIB_TCPDELIVERED, n);
	if (flag & FLAG_ECE)
		NET_ADD_STATS(sock_net(sk), LINUX_MIB_TCPDELIVEREDCE, n);
	return n;
}

/* Does it need a closer look: a duplicate, SACK or mark, or not all is well? */
static bool dubious(const struct tcp_sock *tp, u32 flag)
{
	return !(flag & FLAG_NOT_DUP) || flag & FLAG_CA_ALERT || tp->ca_state != TCP_CA_Open;
}

static void note_dupack(struct tcp_ack_news *news, const struct sk_buff *skb)
{
	if (news->flag & (FLAG_SND_UNA_ADVANCED | FLAG_NOT_DUP | FLAG_DSACKING_ACK))
		return;
	news->num_dupack = max(skb_shinfo(skb)->gso_segs + 0u, 1u);
}

/* What recovery decided to send. */
static noinline void xmit_recovery(struct sock *sk, enum tcp_rexmit rexmit)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (rexmit == REXMIT_NONE || sk->sk_state == TCP_SYN_SENT)
		return;
	if (rexmit == REXMIT_NEW) {
		tcp_push_pending(sk, tcp_current_mss(sk), TCP_NAGLE_OFF);
		if (seq_after(tp->snd_nxt, tp->high_seq))
			return;
		tp->frto = 0;
	}
	tcp_xmit_retransmit_queue(sk);
}

static void in_ack_event(struct sock *sk, u32 flag)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->ca_ops->in_ack_event)
		return;
	tp->ca_ops->in_ack_event(sk, CA_ACK_SLOWPATH |
					     (flag & FLAG_WIN_UPDATE ? CA_ACK_WIN_UPDATE : 0u) |
					     (flag & FLAG_ECE ? CA_ACK_ECE : 0u));
}

static int old_ack(struct sock *sk, struct sk_buff *skb, struct tcp_ack_news *news)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 delivered = tp->delivered;

	/* RFC 5961 section 5.2: further back than any window is an attack. */
	if (seq_before(TCP_SKB_CB(skb)->ack_seq,
		       seq_sub(tp->snd_una, (u32)min_t(u64, tp->max_window, tp->bytes_acked))))
		return -SKB_DROP_REASON_TCP_OLD_ACK;
	if (TCP_SKB_CB(skb)->sacked) {
		tcp_sacktag_write_queue(sk, skb, news);
		tcp_fastretrans_alert(sk, news);
		newly_delivered(sk, delivered, news->flag);
		xmit_recovery(sk, news->rexmit);
	}
	return 0;
}

/* Nothing was in flight. */
static void ack_of_nothing(struct sock *sk, struct tcp_ack_news *news, seq32 ack, u32 delivered)
{
	if (news->flag & FLAG_DSACKING_ACK) {
		tcp_fastretrans_alert(sk, news);
		newly_delivered(sk, delivered, news->flag);
	}
	ack_probe(sk);
	if (tcp_sk(sk)->tlp_out)
		tcp_process_tlp_ack(sk, ack, news->flag);
}

/* Something was in flight: take it off, recover, adapt the window. */
static void ack_of_flight(struct sock *sk, struct sk_buff *skb, struct tcp_ack_news *news,
			  u32 delivered)
{
	struct tcp_sock *tp = tcp_sk(sk);
	seq32 ack = TCP_SKB_CB(skb)->ack_seq;
	bool reneg = tp->is_sack_reneg;
	u32 lost = tp->lost;

	take_acked(sk, news);
	tcp_rack_update_reo_wnd(sk, &news->rate);
	if (tp->tlp_out)
		tcp_process_tlp_ack(sk, ack, news->flag);
	if (dubious(tp, news->flag)) {
		note_dupack(news, skb);
		tcp_fastretrans_alert(sk, news);
	}
	if (news->flag & FLAG_SET_XMIT_TIMER && !tcp_newreno_keeps_timer(tp, news->prior_una) &&
	    !tcp_schedule_loss_probe(sk, true))
		tcp_rearm_rto(sk);
	if (news->flag & FLAG_FORWARD_PROGRESS || !(news->flag & FLAG_NOT_DUP))
		sk->sk_dst_pending_confirm = true; /* the next hop carries our packets */
	delivered = newly_delivered(sk, delivered, news->flag);
	news->rate.is_ack_delayed = news->flag & FLAG_ACK_MAYBE_DELAYED;
	tcp_rate_gen(sk, delivered, tp->lost - lost, reneg, &news->rate);
	tcp_cong_control(sk, ack, delivered, news->flag, &news->rate);
	xmit_recovery(sk, news->rexmit);
}

/* The fields of *news before anything is changed by the ACK. */
static void begin(struct tcp_sock *tp, struct tcp_ack_news *news)
{
	*news = (struct tcp_ack_news){
		.prior_una = tp->snd_una,
		.prior_fack = tcp_is_sack(tp) ? tcp_highest_sack_seq(tp) : tp->snd_una,
		.reord = tp->snd_nxt,
		.rate.prior_in_flight = tcp_packets_in_flight(tp),
	};
}

/* Window, SACK blocks, marks, and SND.UNA itself. */
static void read_ack(struct sock *sk, struct sk_buff *skb, struct tcp_ack_news *news)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	if (!seq_eq(cb->seq, cb->end_seq))
		news->flag |= FLAG_DATA;
	else
		TCP_STAT(sk, LINUX_MIB_TCPPUREACKS);
	update_window(sk, skb, cb->ack_seq, news);
	if (seq_after(cb->ack_seq, tp->snd_una)) {
		news->flag |= FLAG_SND_UNA_ADVANCED;
		tp->retransmits = 0;
		tp->bytes_acked += (u32)seq_diff(cb->ack_seq, tp->snd_una);
		tp->snd_una = cb->ack_seq;
	}
	if (cb->sacked)
		tcp_sacktag_write_queue(sk, skb, news);
	if (tcp_ecn_rcv_ecn_echo(tp, cb->flags))
		news->flag |= FLAG_ECE;
	if (news->sack_delivered)
		tcp_count_delivered(tp, news->sack_delivered, news->flag & FLAG_ECE);
	in_ack_event(sk, news->flag);
}

/* The peer lives. */
static void heard(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->rcv_tstamp_ms = tcp_time_stamp(tp);
	tp->probes_out = 0;
	tp->keepalive_probes_sent = 0;
	sk->sk_err_soft = 0;
}

/* ---- the usual ACK -----------------------------------------------------------------------------
 * of requests and answers: for the one segment, or super-packet, that was in flight, sent once, and
 * with nothing else to tell. All that follows is what the long way does with such a one, in its
 * order, without what cannot be.
 */

/* The segment that ack is for; NULL: it is not the usual one. */
static struct sk_buff *usual(const struct sock *sk, const struct tcp_skb_cb *ack)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	struct rb_node *only = sk->tcp_rtx_queue.node;
	struct sk_buff *skb = tcp_rb_skb(only);
	const struct tcp_skb_cb *cb;

	if (!only || only->left || only->right)
		return NULL;
	cb = TCP_SKB_CB(skb);
	return seq_eq(ack->ack_seq, cb->end_seq) && seq_eq(tp->snd_una, cb->seq) && !cb->sacked &&
			       !ack->sacked &&
			       !((ack->flags | cb->flags) & (TCPHDR_SYN | TCPHDR_ECE)) &&
			       tp->ca_state == TCP_CA_Open && tcp_is_sack(tp) &&
			       !tp->is_sack_reneg && !tp->tlp_out && !tp->mtup.probe_size &&
			       !tp->fastopen_rsk &&
			       skb->tstamp_ns - NSEC_PER_USEC <= tp->tcp_clock_ns - NSEC_PER_USEC
		       ? skb
		       : NULL;
}

/* It is off the queue. Text that comes with its ACK has use for the memory that it gives back. */
static void free_only(struct sock *sk, struct sk_buff *skb, bool text)
{
	u32 bytes = skb->truesize;

	tcp_tsorted_unlink(skb);
	consume_skb(skb);
	if (text) {
		WRITE_ONCE(sk->sk_wmem_queued, sk->sk_wmem_queued - (int)bytes);
		sk->sk_forward_alloc += (int)bytes;
	} else {
		tcp_wmem_uncharge(sk, bytes);
	}
}

/* The segment is delivered and goes: counts, marks, and what it tells of the rate. */
static void take_only(struct sock *sk, struct sk_buff *skb, u64 sent_us, bool text,
		      struct rate_sample *rs)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tcp_count_delivered(tp, tcp_skb_pcount(skb), false);
	tcp_rack_advance(tp, 0, TCP_SKB_CB(skb)->end_seq, sent_us);
	tp->packets_out = 0;
	tcp_rate_skb_delivered(sk, skb, rs);
	tcp_ack_tstamp(sk, skb);
	tp->retransmit_skb_hint = tp->highest_sack = NULL;
	sk->tcp_rtx_queue = RB_ROOT;
	free_only(sk, skb, text);
	tcp_chrono_stop(sk, TCP_CHRONO_BUSY);
}

static void usual_ack(struct sock *sk, struct sk_buff *skb, struct sk_buff *sent)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u64 sent_us = tcp_skb_timestamp_us(sent);
	u32 rtt_us = (u32)(tp->tcp_mstamp_us - sent_us), n = tcp_skb_pcount(sent), flag;
	seq32 prior_una = tp->snd_una;
	struct tcp_ack_news news;
	struct rate_sample *rs = &news.rate;

	news.flag = 0;
	news.sack_delivered = 0; /* of the rest nothing is asked */
	*rs = (struct rate_sample){.prior_in_flight = n, .rtt_us = rtt_us};
	read_ack(sk, skb, &news);
	heard(sk);
	take_only(sk, sent, sent_us, news.flag & FLAG_DATA, rs);
	flag = news.flag | FLAG_DATA_ACKED | FLAG_SET_XMIT_TIMER;
	/* A lone small segment: its ACK may have been delayed. */
	if (n == 1 && (u32)seq_diff(tp->snd_una, prior_una) < tp->mss_cache &&
	    rs->prior_delivered + 1 == tp->delivered) {
		flag |= FLAG_ACK_MAYBE_DELAYED;
		rs->is_ack_delayed = true;
	}
	take_rtt(sk, rtt_us, rtt_us, flag);
	tell_acked(sk, n, rs);
	tcp_rack_update_reo_wnd(sk, rs);
	tcp_disarm(sk);
	sk->sk_dst_pending_confirm = true; /* the next hop carries our packets */
	NET_ADD_STATS(sock_net(sk), LINUX_MIB_TCPDELIVERED, n);
	tcp_rate_gen(sk, n, 0, false, rs);
	tcp_cong_control(sk, TCP_SKB_CB(skb)->ack_seq, n, flag, rs);
}

static noinline int any_ack(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	seq32 ack = TCP_SKB_CB(skb)->ack_seq;
	u32 delivered = tp->delivered, prior_packets = tp->packets_out;
	struct tcp_ack_news news;

	begin(tp, &news);
	if (seq_before(ack, tp->snd_una))
		return old_ack(sk, skb, &news);
	if (seq_after(ack, tp->snd_nxt))
		return -SKB_DROP_REASON_TCP_INVALID_ACK_SEQUENCE;
	read_ack(sk, skb, &news);
	heard(sk);
	if (prior_packets)
		ack_of_flight(sk, skb, &news, delivered);
	else
		ack_of_nothing(sk, &news, ack, delivered);
	return 1;
}

int tcp_ack(struct sock *sk, struct sk_buff *skb)
{
	struct sk_buff *sent = usual(sk, TCP_SKB_CB(skb));

	if (unlikely(!sent))
		return any_ack(sk, skb);
	usual_ack(sk, skb, sent);
	return 1;
}

void tcp_data_snd_check(struct sock *sk)
{
	if (tcp_send_head(sk))
		tcp_push_pending(sk, tcp_current_mss(sk), tcp_sk(sk)->nonagle);
	tcp_check_space(sk);
}
