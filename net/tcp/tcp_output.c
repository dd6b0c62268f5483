/* SPDX-License-Identifier: MIT */
/*
 * Sending: from the write queue to IP. A segment, or super-packet, stays in the retransmit queue
 * until acknowledged; what goes down is a clone, or a copy while an earlier clone still reads the
 * headers. What may go, and how much of it, is asked of tcp_tso.c and tcp_pacing.c. Socket lock
 * held, thread or softirq.
 */
#include "tcp_int.h"

/* ---- segments and their memory --------------------------------------------------------------- */

static struct sk_buff *with_headroom(struct sk_buff *skb)
{
	if (!skb)
		return NULL;
	skb_reserve(skb, MAX_TCP_HEADER);
	skb_header_release(skb);
	return skb;
}

struct sk_buff *tcp_alloc_message(unsigned gfp)
{
	return with_headroom(alloc_skb_message(gfp));
}

struct sk_buff *tcp_alloc_skb(u32 linear, unsigned gfp)
{
	return with_headroom(alloc_skb_fclone(MAX_TCP_HEADER + linear, gfp));
}

void tcp_init_skb(struct sk_buff *skb, seq32 seq, u8 flags)
{
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	cb->seq = seq; /* the rest is zero yet */
	cb->end_seq = seq_add(seq, tcp_seg_space(flags, skb->len));
	cb->flags = flags;
	cb->gso_segs = 1;
}

void tcp_wmem_charge(struct sock *sk, struct sk_buff *skb)
{
	WRITE_ONCE(sk->sk_wmem_queued, sk->sk_wmem_queued + (int)skb->truesize);
	sk_mem_charge(sk, (int)skb->truesize);
}

void tcp_wmem_uncharge(struct sock *sk, u32 bytes)
{
	WRITE_ONCE(sk->sk_wmem_queued, sk->sk_wmem_queued - (int)bytes);
	sk_mem_uncharge(sk, (int)bytes);
}

void tcp_wmem_free_skb(struct sock *sk, struct sk_buff *skb)
{
	tcp_tsorted_unlink(skb); /* shares memory with what a queued segment has none of */
	tcp_wmem_uncharge(sk, skb->truesize);
	consume_skb(skb);
}

/* Append a segment without text (SYN, FIN) or one that is filled already. */
void tcp_queue_skb(struct sock *sk, struct sk_buff *skb)
{
	bool first = skb_queue_empty(&sk->sk_write_queue);

	WRITE_ONCE(tcp_sk(sk)->write_seq.v, TCP_SKB_CB(skb)->end_seq.v);
	__skb_queue_tail(&sk->sk_write_queue, skb);
	tcp_wmem_charge(sk, skb);
	if (first)
		tcp_chrono_start(sk, TCP_CHRONO_BUSY);
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

/* ---- one segment out ------------------------------------------------------------------------- */

static void syn_options(const struct sock *sk, struct tcp_options *o)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	const struct netns_tcp *nt = tcp_net(sk);
	const struct dst_entry *dst = sk->sk_dst_cache;
	bool answer = sk->sk_state == TCP_SYN_RECV; /* simultaneous open: what both offered */

	o->has = TCP_OPT_MSS;
	o->mss = tp->advmss;
	/* A SYN that met a narrow path asks for what fits it: the way back is most likely as
	 * narrow, and its first flight need not be lost to find that out. */
	if (dst)
		o->mss = (u16)min(o->mss + 0u, tcp_mtu_payload(tp, dst_mtu(dst)));
	if (answer ? tp->rx_opt.tstamp_ok : nt->tcp_timestamps)
		o->has |= TCP_OPT_TS;
	if (answer ? tp->rx_opt.wscale_ok : nt->tcp_window_scaling)
		o->has |= TCP_OPT_WSCALE;
	if (answer ? tcp_is_sack(tp) : nt->tcp_sack)
		o->has |= TCP_OPT_SACK_PERM;
	o->wscale = tp->rx_opt.rcv_wscale;
}

/* The options of a SYN, or of an ACK that tells of a hole; tcp_header_len has no room for them. */
static noinline struct tcphdr *push_rare_header(struct sock *sk, struct sk_buff *skb, u8 flags)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_options o = {.has = tp->rx_opt.tstamp_ok ? TCP_OPT_TS : 0};
	struct tcphdr *th;

	if (flags & TCPHDR_SYN)
		syn_options(sk, &o);
	if (tp->rx_opt.num_sacks || tp->has_dsack)
		tcp_sack_fill(tp, &o, TCP_MAX_OPTIONS - tcp_options_size(&o));
	if ((flags & (TCPHDR_SYN | TCPHDR_ACK)) == TCPHDR_SYN)
		tcp_fastopen_syn_options(sk, &o);
	if (o.has & TCP_OPT_SACK)
		tp->has_dsack = false;
	o.tsval = tcp_time_stamp(tp) + tp->tsoffset;
	o.tsecr = tp->rx_opt.ts_recent;
	th = skb_push(skb, (u32)sizeof(*th) + tcp_options_size(&o));
	tcp_options_emit((u8 *)(th + 1), &o);
	return th;
}

/* Push room for a header and write its options. */
static struct tcphdr *push_header(struct sock *sk, struct sk_buff *skb, u8 flags)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 len = skb->len;
	struct tcphdr *th;

	if (unlikely(flags & TCPHDR_SYN || tp->rx_opt.num_sacks || tp->has_dsack)) {
		th = push_rare_header(sk, skb, flags);
	} else if (tp->rx_opt.tstamp_ok) {
		th = skb_push(skb, sizeof(*th) + TCPOLEN_TSTAMP_ALIGNED);
		tcp_emit_timestamp((u8 *)(th + 1), tcp_time_stamp(tp) + tp->tsoffset,
				   tp->rx_opt.ts_recent);
	} else {
		th = skb_push(skb, sizeof(*th));
	}
	skb_reset_transport_header(skb);
	th->doff_res = (u8)(((skb->len - len) / 4) << 4);
	return th;
}

/* cb: of the segment; skb, which may be a copy of it, becomes a packet. */
static void build_header(struct sock *sk, struct sk_buff *skb, const struct tcp_skb_cb *cb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool new_data = skb->len && !seq_before(cb->seq, tp->snd_nxt);
	struct tcphdr *th = push_header(sk, skb, cb->flags);

	th->source = inet_sk(sk)->inet_sport;
	th->dest = sk->sk_dport;
	th->seq = seq_to_wire(cb->seq);
	th->ack_seq = cb->flags & TCPHDR_ACK ? seq_to_wire(tp->rcv_nxt) : BE32(0);
	th->flags = cb->flags;
	th->window = th->urg_ptr = BE16(0);
	/* Expedites the receiver's GRO; what is cut off it later has no PSH for that. */
	if (cb->gso_segs > 1)
		th->flags |= TCPHDR_PSH;
	if (cb->flags & TCPHDR_SYN) { /* never scaled: RFC 7323 section 2.2 */
		th->window = be16_make((u16)min(tp->rcv_wnd, 65535u));
	} else {
		if (!(cb->flags & TCPHDR_RST))
			th->window = be16_make(tcp_select_window(sk));
		th->flags |= tcp_ecn_send(sk, skb, new_data);
	}
	if (unlikely(tcp_urg_mode(tp)))
		tcp_urg_header(tp, cb->seq, th);
}

static void set_gso(const struct sock *sk, struct sk_buff *skb, const struct tcp_skb_cb *cb)
{
	struct skb_shared_info *sh = skb_shinfo(skb);

	sh->gso_segs = cb->gso_segs;
	sh->gso_size = cb->gso_size;
	sh->gso_type = (u16)(cb->gso_size ? tcp_sk(sk)->af->gso_type | sh->gso_type : 0);
}

static void data_sent(struct sock *sk, u32 payload, u32 segs)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 now = tcp_time_stamp(tp);

	if (!tcp_packets_in_flight(tp))
		tcp_ca_event(sk, CA_EVENT_TX_START);
	tp->lsndtime_ms = now;
	tcp_event_data_sent(sk);
	tp->data_segs_out += segs;
	tp->bytes_sent += payload;
}

static void count_sent(struct sock *sk, const struct tcp_skb_cb *cb, u32 payload)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 segs = cb->gso_segs;

	if (cb->flags & TCPHDR_ACK)
		tcp_event_ack_sent(sk);
	if (payload)
		data_sent(sk, payload, segs);
	if (seq_after(cb->end_seq, tp->snd_nxt) || seq_eq(cb->seq, cb->end_seq))
		TCP_ADD_STATS(sock_net(sk), OUTSEGS, segs);
	tp->segs_out += segs;
}

/* What goes down instead of a queued segment, where its companion is still below. */
static noinline struct sk_buff *copy_for_sending(struct sk_buff *skb, unsigned gfp)
{
	struct list_head anchor = skb->tcp_tsorted_anchor;
	struct sk_buff *copy;

	skb->dst = NULL; /* in the same place as the anchor */
	skb->destructor = NULL;
	copy = skb_cloned(skb) ? pskb_copy(skb, MAX_TCP_HEADER, gfp) : skb_clone(skb, gfp);
	skb->tcp_tsorted_anchor = anchor;
	if (copy) {
		copy->next = copy->prev = NULL; /* the original's place in its queue */
		copy->dev = NULL;
		memset(copy->cb, 0, sizeof(copy->cb));
	}
	return copy;
}

/* What the device must not hold too much of: data wakes the sender when it is gone. */
static void own(struct sock *sk, struct sk_buff *skb, bool pure_ack)
{
	DEBUG_ASSERT(!skb->destructor);
	skb->sk = sk;
	skb->destructor = pure_ack ? sock_wfree : tcp_wfree;
	atomic_add((s32)skb->truesize, &sk->sk_wmem_alloc);
	skb->ooo_okay = rb_empty(&sk->tcp_rtx_queue);
	skb->dst_pending_confirm = sk->sk_dst_pending_confirm;
	sk->sk_dst_pending_confirm = false;
}

int tcp_transmit_skb(struct sock *sk, struct sk_buff *skb, bool keep, unsigned gfp)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u64 prior_wstamp_ns = tp->tcp_wstamp_ns;
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	struct sk_buff *queued = skb;
	u32 payload = skb->len;
	int err;

	tp->tcp_wstamp_ns = max(tp->tcp_wstamp_ns, tp->tcp_clock_ns);
	skb->tstamp_ns = tp->tcp_wstamp_ns;
	if (keep) {
		skb = skb_companion(queued);
		if (unlikely(!skb))
			skb = copy_for_sending(queued, gfp);
		if (!skb)
			return -ENOBUFS;
	}
	own(sk, skb, !keep && !payload);
	build_header(sk, skb, cb);
	tp->af->send_check(sk, skb);
	count_sent(sk, cb, payload);
	set_gso(sk, skb, cb);
	if (!keep)
		memset(skb->cb, 0, sizeof(skb->cb));
	err = tp->af->queue_xmit(sk, skb);
	if (err > 0) { /* congestion on this host: the qdisc dropped it, or (CN) another one */
		tcp_enter_cwr(sk);
		err = err == NET_XMIT_CN ? 0 : err;
	}
	if (!err && keep) {
		tcp_pacing_sent(sk, queued, prior_wstamp_ns);
		tcp_tsorted_sent(tp, queued);
		tcp_rate_skb_sent(sk, queued);
	}
	return err;
}

/* ---- what may be sent ------------------------------------------------------------------------ */

/* One call of tcp_write_xmit(). */
struct xmit {
	u32 mss, sent;
	u32 max_segs; /* of a super-packet; 0: not asked yet */
	int nonagle;
	enum tcp_push push;
	struct tcp_send_limits lim;
};

/* skb was sent for the first time: from the write queue to the retransmit queue. */
void tcp_sent_new_data(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 prior = tp->packets_out, segs = tcp_skb_pcount(skb);

	tp->snd_nxt = TCP_SKB_CB(skb)->end_seq;
	__skb_unlink(skb, &sk->sk_write_queue);
	tcp_rb_insert(&sk->tcp_rtx_queue, skb);
	TCP_SKB_CB(skb)->in_rtx = 1;
	if (!tp->highest_sack)
		tp->highest_sack = skb;
	tp->packets_out += segs;
	if (!prior || tp->pending == TCP_PEND_LOSS_PROBE)
		tcp_rearm_rto(sk);
	NET_ADD_STATS(sock_net(sk), LINUX_MIB_TCPORIGDATASENT, segs);
}

/* How many bytes of skb may go now, by windows, pacing, Nagle and the hope for more; 0: none. */
static u32 sendable(struct sock *sk, struct sk_buff *skb, struct xmit *x)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool last = skb_queue_is_last(&sk->sk_write_queue, skb);
	u32 quota = tcp_cwnd_test(tp);

	/* A probe goes in any case, and so does the last FIN. */
	if (!quota && (x->push == TCP_PUSH_PROBE ||
		       (TCP_SKB_CB(skb)->flags & TCPHDR_FIN && tcp_skb_pcount(skb) == 1)))
		quota = 1;
	if (!quota || tcp_pacing_check(sk))
		return 0;
	tcp_set_skb_tso_segs(skb, x->mss);
	if (!tcp_snd_wnd_test(tp, skb, x->mss)) {
		x->lim.rwnd = true;
		return 0;
	}
	if (tcp_skb_pcount(skb) == 1)
		return tcp_nagle_test(tp, skb, x->mss, last ? x->nonagle : TCP_NAGLE_PUSH) ? x->mss
											   : 0;
	if (!x->max_segs)
		x->max_segs = tcp_tso_segs(sk, x->mss);
	quota = min(quota, x->max_segs);
	if (x->push == TCP_PUSH_ALL && tcp_tso_should_defer(sk, skb, &x->lim, x->max_segs))
		return 0;
	if (tcp_urg_mode(tp)) /* the pointer is to be right in each segment */
		return x->mss;
	return tcp_mss_split_point(sk, skb, x->mss, quota, x->nonagle);
}

/* Send the head of the write queue, or as much of it as may go. False: nothing went. */
static bool xmit_head(struct sock *sk, struct xmit *x, unsigned gfp)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = tcp_send_head(sk);
	u32 limit = sendable(sk, skb, x);

	if (!limit || (skb->len > limit && tcp_fragment(sk, skb, limit, false, gfp)))
		return false;
	tcp_set_skb_tso_segs(skb, x->mss);
	if (tcp_small_queue_check(sk, skb, 0))
		return false;
	/* An empty one: its writer sleeps and has not filled it yet. */
	if (seq_eq(TCP_SKB_CB(skb)->seq, TCP_SKB_CB(skb)->end_seq) ||
	    tcp_transmit_skb(sk, skb, true, gfp))
		return false;
	tcp_sent_new_data(sk, skb);
	if (skb->len < tcp_skb_pcount(skb) * x->mss)
		tp->snd_sml = TCP_SKB_CB(skb)->end_seq;
	x->sent += tcp_skb_pcount(skb);
	return true;
}

bool tcp_write_xmit(struct sock *sk, u32 mss, int nonagle, enum tcp_push push, unsigned gfp)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct xmit x = {.mss = mss, .nonagle = nonagle, .push = push};

	if (push == TCP_PUSH_ALL && unlikely(tp->mtup.enabled)) {
		enum tcp_probe_result probe = tcp_mtu_probe(sk);

		if (probe == TCP_PROBE_WAIT)
			return false;
		x.sent = probe == TCP_PROBE_SENT;
	}
	while (tcp_send_head(sk) && xmit_head(sk, &x, gfp) && push == TCP_PUSH_ALL)
		;
	if (x.lim.rwnd)
		tcp_chrono_start(sk, TCP_CHRONO_RWND_LIMITED);
	else
		tcp_chrono_stop(sk, TCP_CHRONO_RWND_LIMITED);
	x.lim.cwnd |= tcp_packets_in_flight(tp) >= tp->snd_cwnd;
	if (x.sent || x.lim.cwnd)
		tcp_cwnd_validate(sk, x.lim.cwnd);
	if (!x.sent)
		return !tp->packets_out && tcp_send_head(sk);
	if (tcp_in_cwnd_reduction(sk))
		tp->prr_out += x.sent;
	if (push != TCP_PUSH_PROBE) /* one probe an episode */
		tcp_schedule_loss_probe(sk, false);
	return false;
}

void tcp_push_pending(struct sock *sk, u32 mss, int nonagle)
{
	if (!tcp_send_head(sk) || sk->sk_state == TCP_CLOSE)
		return;
	if (tcp_write_xmit(sk, mss, nonagle, TCP_PUSH_ALL, GFP_ATOMIC))
		tcp_check_probe_timer(sk);
}

void tcp_push_one(struct sock *sk, u32 mss)
{
	tcp_write_xmit(sk, mss, TCP_NAGLE_PUSH, TCP_PUSH_ONE, GFP_KERNEL);
}

/* ---- segments without text ------------------------------------------------------------------- */

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
		tcp_ack_at(sk, tp->tcp_clock_ns + 5 * TCP_DELACK_MS * NSEC_PER_MSEC);
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

	tcp_mstamp_refresh(tcp_sk(sk));
	TCP_INC_STATS(sock_net(sk), OUTRSTS);
	if (!skb) {
		TCP_STAT(sk, LINUX_MIB_TCPABORTFAILED);
		return;
	}
	tcp_init_skb(skb, tcp_sk(sk)->snd_nxt, TCPHDR_ACK | TCPHDR_RST);
	if (tcp_transmit_skb(sk, skb, false, gfp))
		TCP_STAT(sk, LINUX_MIB_TCPABORTFAILED);
}

/* Without memory for a segment of its own, the FIN rides on the last one that was sent: it goes out
 * when that is sent again. */
static bool fin_on_sent(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = tcp_rb_skb(rb_last(&sk->tcp_rtx_queue));

	if (!skb)
		return false;
	TCP_SKB_CB(skb)->flags |= TCPHDR_FIN;
	TCP_SKB_CB(skb)->end_seq = seq_add(TCP_SKB_CB(skb)->end_seq, 1);
	tp->write_seq = tp->snd_nxt = seq_add(tp->write_seq, 1);
	return true;
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
		if (!skb && fin_on_sent(sk))
			return;
		if (!skb) {
			/* No FIN can be sent: end at once instead of never, and tell the peer. */
			TCP_STAT(sk, LINUX_MIB_TCPABORTONMEMORY);
			tcp_send_active_reset(sk, GFP_ATOMIC);
			tcp_done_with_error(sk, ENOMEM);
			return;
		}
		tcp_init_skb(skb, tp->write_seq, TCPHDR_ACK | TCPHDR_FIN);
		tcp_queue_skb(sk, skb);
	}
	tcp_mstamp_refresh(tp);
	tcp_push_pending(sk, tcp_current_mss(sk), TCP_NAGLE_OFF);
}
