/* SPDX-License-Identifier: MIT */
/*
 * Sending: from the write queue to IP. A segment stays in the retransmit queue until acknowledged;
 * what goes down is a clone, or a copy while an earlier clone still reads the headers. Socket lock
 * held, thread or softirq. RFC 9293 sections 3.7.4 (Nagle), 3.8.6.2.1 (silly windows).
 */
#include "tcp_int.h"

/* ---- segments and their memory --------------------------------------------------------------- */

struct sk_buff *tcp_alloc_skb(u32 linear, unsigned gfp)
{
	struct sk_buff *skb = alloc_skb_fclone(MAX_TCP_HEADER + linear, gfp);

	if (!skb)
		return NULL;
	skb_reserve(skb, MAX_TCP_HEADER);
	skb_header_release(skb);
	return skb;
}

void tcp_init_skb(struct sk_buff *skb, seq32 seq, u8 flags)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	memset(cb, 0, sizeof(*cb));
	cb->seq = seq;
	cb->end_seq = seq_add(seq, tcp_seg_space(flags, skb->len));
	cb->flags = flags;
	cb->gso_segs = 1;
}

void tcp_wmem_charge(struct sock *sk, struct sk_buff *skb)
{
	WRITE_ONCE(sk->sk_wmem_queued, sk->sk_wmem_queued + (int)skb->truesize);
	sk_mem_charge(sk, (int)skb->truesize);
}

void tcp_wmem_free_skb(struct sock *sk, struct sk_buff *skb)
{
	WRITE_ONCE(sk->sk_wmem_queued, sk->sk_wmem_queued - (int)skb->truesize);
	sk_mem_uncharge(sk, (int)skb->truesize);
	consume_skb(skb);
}

/* Append a segment without text (SYN, FIN) or one that is filled already. */
void tcp_queue_skb(struct sock *sk, struct sk_buff *skb)
{
	tcp_sk(sk)->write_seq = TCP_SKB_CB(skb)->end_seq;
	__skb_queue_tail(&sk->sk_write_queue, skb);
	tcp_wmem_charge(sk, skb);
}

void tcp_rb_insert(struct rb_root *root, struct sk_buff *skb)
{
	struct rb_node **link = &root->node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = seq_before(TCP_SKB_CB(skb)->seq, TCP_SKB_CB(tcp_rb_skb(parent))->seq)
			       ? &parent->left
			       : &parent->right;
	}
	rb_link_node(&skb->rbnode, parent, link);
	rb_insert_color(&skb->rbnode, root);
}

int tcp_fragment(struct sock *sk, struct sk_buff *skb, u32 len, bool in_rtx, unsigned gfp)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb), *ncb;
	u32 headlen = skb_headlen(skb);
	struct sk_buff *rest;

	if (len >= skb->len)
		return 0;
	/* Clones below still send the whole of it: leave them their head. */
	if (skb_cloned(skb) && pskb_expand_head(skb, 0, 0, gfp))
		return -ENOMEM;
	rest = tcp_alloc_skb(headlen > len ? headlen - len : 0, gfp);
	if (!rest)
		return -ENOMEM;
	skb_split(skb, rest, len);
	rest->truesize += rest->data_len;
	ncb = TCP_SKB_CB(rest);
	*ncb = *cb;
	ncb->seq = seq_add(cb->seq, len);
	cb->end_seq = ncb->seq;
	cb->flags &= (u8) ~(TCPHDR_FIN | TCPHDR_PSH);
	tcp_fragment_tstamp(skb, rest);
	tcp_wmem_charge(sk, rest);
	if (!in_rtx) {
		__skb_queue_after(&sk->sk_write_queue, skb, rest);
		return 0;
	}
	tcp_rb_insert(&sk->tcp_rtx_queue, rest);
	tcp_sk(sk)->packets_out++;
	tcp_sk(sk)->lost_out += !!(ncb->sacked & TCPCB_LOST);
	tcp_sk(sk)->retrans_out += !!(ncb->sacked & TCPCB_SACKED_RETRANS);
	return 0;
}

/* ---- segment size ---------------------------------------------------------------------------- */

u16 tcp_advertise_mss(const struct sock *sk, const struct dst_entry *dst)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 mss = dst->advmss_metric;

	if (!mss)
		mss = dst_mtu(dst) - (u32)sizeof(struct tcphdr) - tp->af->net_header_len;
	if (tp->rx_opt.user_mss)
		mss = min(mss, (u32)tp->rx_opt.user_mss);
	return (u16)clamp_t(u32, mss, TCP_MIN_MSS, 65495);
}

u32 tcp_sync_mss(struct sock *sk, u32 pmtu)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 fixed = tp->af->net_header_len + (u32)sizeof(struct tcphdr) + tp->ext_hdr_len;
	u32 mss = pmtu > fixed ? pmtu - fixed : 0;

	mss = min(mss, (u32)tp->rx_opt.mss_clamp);
	mss = max(mss, (u32)tcp_net(sk)->tcp_min_snd_mss);
	mss -= tp->tcp_header_len - (u32)sizeof(struct tcphdr);
	/* A peer with a tiny buffer: two segments shall fit into its window. */
	if (tp->max_window > TCP_MSS_DEFAULT)
		mss = min(mss, tp->max_window / 2);
	else if (tp->max_window)
		mss = min(mss, max(tp->max_window, 68u));
	tp->pmtu_cookie = pmtu;
	tp->mss_cache = min(mss, TCP_MAX_SEG_BYTES);
	return tp->mss_cache;
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

/* ---- one segment out ---------------------------------------------------------------------------
 */

static void syn_options(const struct sock *sk, struct tcp_options *o)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	const struct netns_tcp *nt = tcp_net(sk);
	bool answer = sk->sk_state == TCP_SYN_RECV; /* simultaneous open: what both offered */

	o->has = TCP_OPT_MSS;
	o->mss = tp->advmss;
	if (answer ? tp->rx_opt.tstamp_ok : nt->tcp_timestamps)
		o->has |= TCP_OPT_TS;
	if (answer ? tp->rx_opt.wscale_ok : nt->tcp_window_scaling)
		o->has |= TCP_OPT_WSCALE;
	if (answer ? tcp_is_sack(tp) : nt->tcp_sack)
		o->has |= TCP_OPT_SACK_PERM;
	o->wscale = tp->rx_opt.rcv_wscale;
}

static void segment_options(const struct sock *sk, const struct sk_buff *skb, struct tcp_options *o)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	o->has = 0;
	if (TCP_SKB_CB(skb)->flags & TCPHDR_SYN)
		syn_options(sk, o);
	else if (tp->rx_opt.tstamp_ok)
		o->has = TCP_OPT_TS;
	if (tp->rx_opt.num_sacks || tp->has_dsack)
		tcp_sack_fill(tp, o, TCP_MAX_OPTIONS - tcp_options_size(o));
	o->tsval = tcp_time_stamp(tp) + tp->tsoffset;
	o->tsecr = tp->rx_opt.ts_recent;
}

static void build_header(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	struct tcp_options o;
	struct tcphdr *th;
	u32 len;

	segment_options(sk, skb, &o);
	len = (u32)sizeof(*th) + tcp_options_size(&o);
	th = skb_push(skb, len);
	skb_reset_transport_header(skb);
	*th = (struct tcphdr){
		.source = inet_sk(sk)->inet_sport,
		.dest = sk->sk_dport,
		.seq = seq_to_wire(cb->seq),
		.doff_res = (u8)((len / 4) << 4),
		.flags = cb->flags,
	};
	if (cb->flags & TCPHDR_ACK)
		th->ack_seq = seq_to_wire(tp->rcv_nxt);
	if (cb->flags & TCPHDR_SYN) /* never scaled: RFC 7323 section 2.2 */
		th->window = be16_make((u16)min(tp->rcv_wnd, 65535u));
	else if (!(cb->flags & TCPHDR_RST))
		th->window = be16_make(tcp_select_window(sk));
	tcp_urg_header(tp, cb->seq, th);
	tcp_options_emit((u8 *)(th + 1), &o);
	if (o.has & TCP_OPT_SACK)
		tp->has_dsack = false;
}

static void count_sent(struct sock *sk, const struct sk_buff *skb, u32 payload)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 now = tcp_now_ms();

	tp->segs_out++;
	TCP_INC_STATS(sock_net(sk), OUTSEGS);
	if (TCP_SKB_CB(skb)->flags & TCPHDR_ACK)
		tcp_event_ack_sent(sk);
	if (!payload)
		return;
	tp->data_segs_out++;
	tp->bytes_sent += payload;
	/* An answer within the delay of an ACK: the session is interactive. */
	if (now - tp->ack.lrcvtime_ms < TCP_DELACK_MS)
		tp->ack.pingpong = true;
	tp->lsndtime_ms = now;
}

/* What goes down instead of a queued segment. */
static struct sk_buff *copy_for_sending(struct sk_buff *skb, unsigned gfp)
{
	return skb_cloned(skb) ? pskb_copy(skb, MAX_TCP_HEADER, gfp) : skb_clone(skb, gfp);
}

int tcp_transmit_skb(struct sock *sk, struct sk_buff *skb, bool keep, unsigned gfp)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 payload = skb->len;
	int err;

	tcp_mstamp_refresh(tp);
	if (keep) {
		skb->tstamp_ns = tp->tcp_mstamp_us * NSEC_PER_USEC;
		skb = copy_for_sending(skb, gfp);
		if (!skb)
			return -ENOBUFS;
		skb->next = skb->prev = NULL; /* the original's place in its queue */
		skb->dev = NULL;
	}
	build_header(sk, skb);
	tp->af->send_check(sk, skb);
	count_sent(sk, skb, payload);
	skb_set_owner_w(skb, sk);
	skb->priority = sk->sk_priority;
	skb->mark = sk->sk_mark;
	memset(skb->cb, 0, sizeof(skb->cb));
	err = tp->af->queue_xmit(sk, skb);
	return max(err, 0) ? 0 : err; /* NET_XMIT_CN and drops by the qdisc: as if lost */
}

/* ---- what may be sent
 * ---------------------------------------------------------------------------- */

/* Nagle's rule (RFC 9293 3.7.4) in Minshall's form: a small segment waits only while another small
 * one is unacknowledged. */
static bool nagle_allows(const struct tcp_sock *tp, const struct sk_buff *skb, u32 mss, int nonagle)
{
	if (nonagle & TCP_NAGLE_PUSH || TCP_SKB_CB(skb)->flags & (TCPHDR_FIN | TCPHDR_SYN))
		return true;
	if (skb->len >= mss)
		return true;
	if (nonagle & TCP_NAGLE_CORK)
		return false;
	if (nonagle || !tp->packets_out || tcp_urg_mode(tp))
		return true;
	return !seq_after(tp->snd_sml, tp->snd_una) || seq_after(tp->snd_sml, tp->snd_nxt);
}

/* skb was sent for the first time: from the write queue to the retransmit queue. */
static void sent_new_data(struct sock *sk, struct sk_buff *skb, u32 mss)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool idle = !tp->packets_out;

	tp->snd_nxt = TCP_SKB_CB(skb)->end_seq;
	__skb_unlink(skb, &sk->sk_write_queue);
	tcp_rb_insert(&sk->tcp_rtx_queue, skb);
	tp->packets_out++;
	if (skb->len && skb->len < mss)
		tp->snd_sml = TCP_SKB_CB(skb)->end_seq;
	if (idle || tp->pending != TCP_PEND_RETRANS)
		tcp_rearm_rto(sk);
	TCP_STAT(sk, LINUX_MIB_TCPORIGDATASENT);
}

bool tcp_write_xmit(struct sock *sk, u32 mss, int nonagle)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;
	bool cwnd_full = false;

	while ((skb = tcp_send_head(sk))) {
		bool last = skb_queue_is_last(&sk->sk_write_queue, skb);

		cwnd_full = !tcp_cwnd_test(tp);
		if (cwnd_full)
			break;
		if (skb->len > mss && tcp_fragment(sk, skb, mss, false, GFP_ATOMIC))
			break;
		if (seq_after(TCP_SKB_CB(skb)->end_seq, tcp_wnd_end(tp)))
			break;
		if (last && !nagle_allows(tp, skb, mss, nonagle))
			break;
		if (tcp_transmit_skb(sk, skb, true, GFP_ATOMIC) == -ENOBUFS)
			break;
		sent_new_data(sk, skb, mss);
	}
	if (cwnd_full || tcp_packets_in_flight(tp) >= tp->snd_cwnd)
		tp->is_cwnd_limited = true;
	return !tp->packets_out && tcp_send_head(sk);
}

void tcp_push_pending(struct sock *sk, u32 mss, int nonagle)
{
	if (!tcp_send_head(sk) || sk->sk_state == TCP_CLOSE)
		return;
	tcp_cwnd_restart(sk);
	if (tcp_write_xmit(sk, mss, nonagle))
		tcp_check_probe_timer(sk);
}

/* ---- segments without text ----------------------------------------------------------------------
 */

void tcp_send_ack_at(struct sock *sk, seq32 rcv_nxt)
{
	struct tcp_sock *tp = tcp_sk(sk);
	seq32 really = tp->rcv_nxt;

	tp->rcv_nxt = rcv_nxt;
	tcp_send_ack(sk);
	tp->rcv_nxt = really;
}

void tcp_send_ack(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	if (sk->sk_state == TCP_CLOSE)
		return;
	skb = tcp_alloc_skb(0, GFP_ATOMIC);
	if (!skb) { /* try again when the delayed-ACK timer fires */
		tp->ack.pending |= TCP_ACK_SCHED;
		sk_reset_timer(sk, &tp->delack_timer,
			       ktime_get_ns() + 5 * TCP_DELACK_MS * NSEC_PER_MSEC);
		return;
	}
	tcp_init_skb(skb, tp->snd_nxt, TCPHDR_ACK);
	tcp_transmit_skb(sk, skb, false, GFP_ATOMIC);
}

int tcp_send_probe_segment(struct sock *sk)
{
	struct sk_buff *skb = tcp_alloc_skb(0, GFP_ATOMIC);

	if (!skb)
		return -ENOBUFS;
	/* One before what the peer expects: it must answer with an ACK. */
	tcp_init_skb(skb, seq_sub(tcp_sk(sk)->snd_una, 1), TCPHDR_ACK);
	return tcp_transmit_skb(sk, skb, false, GFP_ATOMIC);
}

void tcp_send_active_reset(struct sock *sk, unsigned gfp)
{
	struct sk_buff *skb = tcp_alloc_skb(0, gfp);

	TCP_INC_STATS(sock_net(sk), OUTRSTS);
	if (!skb) {
		TCP_STAT(sk, LINUX_MIB_TCPABORTFAILED);
		return;
	}
	tcp_init_skb(skb, tcp_sk(sk)->snd_nxt, TCPHDR_ACK | TCPHDR_RST);
	if (tcp_transmit_skb(sk, skb, false, gfp))
		TCP_STAT(sk, LINUX_MIB_TCPABORTFAILED);
}

/* FIN rides on the last unsent segment, else on one of its own. */
void tcp_send_fin(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = skb_peek_tail(&sk->sk_write_queue);

	if (skb) {
		TCP_SKB_CB(skb)->flags |= TCPHDR_FIN;
		TCP_SKB_CB(skb)->end_seq = seq_add(TCP_SKB_CB(skb)->end_seq, 1);
		tp->write_seq = seq_add(tp->write_seq, 1);
	} else {
		skb = tcp_alloc_skb(0, GFP_ATOMIC);
		if (!skb) {
			/* No FIN can be sent: end at once instead of never. */
			TCP_STAT(sk, LINUX_MIB_TCPABORTONMEMORY);
			tcp_done_with_error(sk, ENOMEM);
			return;
		}
		tcp_init_skb(skb, tp->write_seq, TCPHDR_ACK | TCPHDR_FIN);
		tcp_queue_skb(sk, skb);
	}
	tcp_push_pending(sk, tcp_current_mss(sk), TCP_NAGLE_OFF);
}

/* ---- active open
 * ----------------------------------------------------------------------------------- */

static void connect_init(struct sock *sk, const struct dst_entry *dst)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct netns_tcp *nt = tcp_net(sk);
	u8 wscale;

	tp->tcp_header_len =
		(u16)(sizeof(struct tcphdr) + (nt->tcp_timestamps ? TCPOLEN_TSTAMP_ALIGNED : 0));
	if (tp->rx_opt.user_mss)
		tp->rx_opt.mss_clamp = tp->rx_opt.user_mss;
	tp->max_window = 0;
	tcp_sync_mss(sk, dst_mtu(dst));
	tp->advmss = tcp_advertise_mss(sk, dst);
	tcp_select_initial_window(sk, &tp->rcv_wnd, &tp->window_clamp, &wscale);
	tp->rx_opt.rcv_wscale = wscale;
	tp->ack.rcv_mss = (u16)min(TCP_MSS_DEFAULT, (u32)tp->advmss);
	tp->snd_wnd = 0;
	tp->snd_una = tp->snd_sml = tp->snd_nxt = tp->write_seq;
	tp->rcv_nxt = tp->rcv_wup = tp->copied_seq = SEQ32(0);
	tp->retransmits = 0;
	tp->retrans_stamp_ms = 0;
	tcp_rtt_init(sk);
	sk->sk_err = 0;
	sock_reset_flag(sk, SOCK_DONE);
}

int tcp_connect(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;
	struct dst_entry *dst;
	int err = -EHOSTUNREACH;

	dst = tp->af->route(sk, &err);
	if (!dst)
		return err;
	skb = tcp_alloc_skb(0, GFP_KERNEL);
	if (!skb)
		return -ENOBUFS;
	connect_init(sk, dst);
	tcp_init_skb(skb, tp->write_seq, TCPHDR_SYN);
	tp->write_seq = TCP_SKB_CB(skb)->end_seq;
	tp->snd_nxt = tp->write_seq;
	tcp_wmem_charge(sk, skb);
	tcp_rb_insert(&sk->tcp_rtx_queue, skb);
	tp->packets_out++;
	TCP_INC_STATS(sock_net(sk), ACTIVEOPENS);
	tcp_transmit_skb(sk, skb, true, GFP_KERNEL); /* a failure: the timer tries again */
	tcp_arm(sk, TCP_PEND_RETRANS, tp->rto_us);
	return 0;
}
