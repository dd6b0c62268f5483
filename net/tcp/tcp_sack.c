/* SPDX-License-Identifier: MIT */
/*
 * SACK blocks that the peer sends become marks on the retransmit queue (RFC 2018 section 5); DSACK
 * blocks tell of needless retransmissions (RFC 2883, 3708). What earlier ACKs told already is
 * skipped by a cache of their blocks; neighbours that are both SACKed become one segment, so that
 * the queue is short where much is SACKed. Blocks are untrusted: one that cannot be is left out.
 * Socket lock held.
 */
#include "tcp_int.h"

/* ---- the highest SACKed, and reordering ---------------------------------------------------------
 */

seq32 tcp_highest_sack_seq(const struct tcp_sock *tp)
{
	if (!tp->sacked_out)
		return tp->snd_una;
	return tp->highest_sack ? TCP_SKB_CB(tp->highest_sack)->seq : tp->snd_nxt;
}

void tcp_check_sack_reordering(struct sock *sk, seq32 low, bool ts)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 mss = tp->mss_cache, metric;
	seq32 fack = tcp_highest_sack_seq(tp);

	if (!seq_before(low, fack))
		return;
	metric = (u32)seq_diff(fack, low);
	if (metric > tp->reordering * mss)
		tp->reordering =
			min(DIV_ROUND_UP(metric, mss), (u32)tcp_net(sk)->tcp_max_reordering);
	tp->reord_seen++;
	TCP_STAT(sk, ts ? LINUX_MIB_TCPTSREORDER : LINUX_MIB_TCPSACKREORDER);
}

/* ---- DSACK -------------------------------------------------------------------------------------
 */

/* Segments that [start, end) says came twice; 0: it cannot be true. */
static u32 dsack_seen(struct tcp_sock *tp, const struct tcp_sack_block *b,
		      struct tcp_ack_news *news)
{
	u32 len = (u32)seq_diff(b->end_seq, b->start_seq), segs = 1;

	if (!seq_before(b->start_seq, b->end_seq) || len > tp->max_window)
		return 0;
	if (len > tp->mss_cache)
		segs = DIV_ROUND_UP(len, tp->mss_cache);
	else if (tp->tlp_out && seq_eq(tp->tlp_high_seq, b->end_seq))
		news->flag |= FLAG_DSACK_TLP;
	tp->dsack_dups += segs;
	if (tp->dsack_dups > tp->total_retrans) /* more than we ever sent twice */
		return 0;
	tp->rx_opt.sack_ok |= TCP_DSACK_SEEN;
	/* RACK waits longer only where reordering was seen, and not for what a timer sent. */
	if (tp->reord_seen && !(news->flag & FLAG_DSACK_TLP))
		tp->rack.dsack_seen = 1;
	news->flag |= FLAG_DSACKING_ACK;
	news->sack_delivered += segs;
	return segs;
}

/* Is the first block a DSACK: below the ACK, or within the second (RFC 2883 section 4)? */
static bool check_dsack(struct sock *sk, const struct tcp_sack_block *b, u32 n, seq32 ack,
			struct tcp_ack_news *news)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 segs;

	if (seq_before(b[0].start_seq, ack)) {
		TCP_STAT(sk, LINUX_MIB_TCPDSACKRECV);
	} else if (n > 1 && seq_before_eq(b[0].end_seq, b[1].end_seq) &&
		   seq_after_eq(b[0].start_seq, b[1].start_seq)) {
		TCP_STAT(sk, LINUX_MIB_TCPDSACKOFORECV);
	} else {
		return false;
	}
	segs = dsack_seen(tp, &b[0], news);
	if (!segs) {
		TCP_STAT(sk, LINUX_MIB_TCPDSACKIGNOREDDUBIOUS);
		return false;
	}
	NET_ADD_STATS(sock_net(sk), LINUX_MIB_TCPDSACKRECVSEGS, segs);
	/* Of text that is forgotten here: count without looking. */
	if (tp->undo_valid && tp->undo_retrans > 0 && !seq_after(b[0].end_seq, news->prior_una) &&
	    seq_after(b[0].end_seq, tp->undo_marker))
		tp->undo_retrans = max(tp->undo_retrans - (s32)segs, 0);
	return true;
}

/* Can that be of what is in flight, or (a DSACK) of what was since undo_marker? */
static bool block_valid(const struct tcp_sock *tp, const struct tcp_sack_block *b, bool dsack)
{
	if (seq_after(b->end_seq, tp->snd_nxt) || !seq_before(b->start_seq, b->end_seq) ||
	    !seq_before(b->start_seq, tp->snd_nxt))
		return false;
	if (seq_after(b->start_seq, tp->snd_una))
		return true;
	if (!dsack || !tp->undo_valid || seq_after(b->end_seq, tp->snd_una))
		return false;
	if (!seq_before(b->start_seq, tp->undo_marker))
		return true;
	return seq_after(b->end_seq, tp->undo_marker) &&
	       !seq_before(b->start_seq, seq_sub(b->end_seq, tp->max_window));
}

/* ---- one segment -------------------------------------------------------------------------------
 */

/* What is to be marked, as far as it concerns one segment. */
struct seg {
	seq32 start, end;
	u32 pcount;
	u64 sent_us;
	u8 sacked;
};

static void count_dsack(struct tcp_sock *tp, struct tcp_ack_news *news, const struct seg *s)
{
	if (!(s->sacked & TCPCB_RETRANS))
		return;
	if (tp->undo_valid && tp->undo_retrans > 0 && seq_after(s->end, tp->undo_marker))
		tp->undo_retrans = max(tp->undo_retrans - (s32)s->pcount, 0);
	if (s->sacked & TCPCB_SACKED_ACKED)
		news->reord = seq_min(news->reord, s->start);
}

/* Never retransmitted: it tells of reordering if it was in a hole, and of the round trip. */
static void original_sacked(struct tcp_sock *tp, struct tcp_ack_news *news, const struct seg *s)
{
	if (seq_before(s->start, tcp_highest_sack_seq(tp)))
		news->reord = seq_min(news->reord, s->start);
	if (!seq_after(s->end, tp->high_seq))
		news->flag |= FLAG_ORIG_SACK_ACKED;
	if (!news->first_sackt_us)
		news->first_sackt_us = s->sent_us;
	news->last_sackt_us = s->sent_us;
}

/* Marks of a segment that lies within a block. */
static u8 sacktag_one(struct sock *sk, struct tcp_ack_news *news, struct seg s, bool dsack)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (dsack)
		count_dsack(tp, news, &s);
	if (!seq_after(s.end, tp->snd_una)) /* about to be dropped: was ACKed */
		return s.sacked;
	if (!(s.sacked & TCPCB_SACKED_ACKED)) {
		tcp_rack_advance(tp, s.sacked, s.end, s.sent_us);
		if (!(s.sacked & TCPCB_RETRANS))
			original_sacked(tp, news, &s);
		/* Not lost but retransmitted (by a probe): the copy is still in flight. */
		if (s.sacked & TCPCB_LOST && s.sacked & TCPCB_SACKED_RETRANS) {
			s.sacked &= (u8)~TCPCB_SACKED_RETRANS;
			tp->retrans_out -= s.pcount;
		}
		if (s.sacked & TCPCB_LOST) {
			s.sacked &= (u8)~TCPCB_LOST;
			tp->lost_out -= s.pcount;
		}
		s.sacked |= TCPCB_SACKED_ACKED;
		news->flag |= FLAG_DATA_SACKED;
		tp->sacked_out += s.pcount;
		news->sack_delivered += s.pcount;
	}
	if (dsack && s.sacked & TCPCB_SACKED_RETRANS) {
		s.sacked &= (u8)~TCPCB_SACKED_RETRANS;
		tp->retrans_out -= s.pcount;
	}
	return s.sacked;
}

static void sacktag_skb(struct sock *sk, struct tcp_ack_news *news, struct sk_buff *skb, bool dsack)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	struct seg s = {.start = cb->seq,
			.end = cb->end_seq,
			.pcount = tcp_skb_pcount(skb),
			.sent_us = tcp_skb_timestamp_us(skb),
			.sacked = cb->sacked};

	cb->sacked = sacktag_one(sk, news, s, dsack);
	tcp_rate_skb_delivered(sk, skb, &news->rate);
	if (cb->sacked & TCPCB_SACKED_ACKED)
		list_del_init(&skb->tcp_tsorted_anchor);
	if (!seq_before(cb->seq, tcp_highest_sack_seq(tp)))
		tp->highest_sack = tcp_rb_next(skb);
}

/* ---- merging -----------------------------------------------------------------------------------
 */

static bool can_shift(const struct sk_buff *skb)
{
	return !skb_headlen(skb) && skb_is_nonlinear(skb);
}

static u32 seglen(const struct sk_buff *skb)
{
	return tcp_skb_pcount(skb) == 1 ? skb->len : tcp_skb_mss(skb);
}

/* The first len bytes of skb moved to prev, which is SACKed: marks, counts, and the end of skb
 * where nothing is left. */
static void shifted(struct sock *sk, struct sk_buff *prev, struct sk_buff *skb, u32 pcount, u32 len)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_skb_cb *pcb = TCP_SKB_CB(prev), *cb = TCP_SKB_CB(skb);

	if (!pcb->gso_size)
		pcb->gso_size = (u16)len;
	pcb->end_seq = seq_add(pcb->end_seq, len);
	cb->seq = seq_add(cb->seq, len);
	pcb->gso_segs = (u16)(pcb->gso_segs + pcount);
	cb->gso_segs = (u16)(cb->gso_segs - pcount);
	if (cb->gso_segs <= 1)
		cb->gso_size = 0;
	pcb->sacked |= cb->sacked & TCPCB_EVER_RETRANS;
	if (skb->len) {
		TCP_STAT(sk, LINUX_MIB_SACKSHIFTED);
		return;
	}
	if (skb == tp->retransmit_skb_hint)
		tp->retransmit_skb_hint = prev;
	if (skb == tp->highest_sack)
		tp->highest_sack = tcp_rb_next(skb);
	pcb->flags |= cb->flags;
	pcb->end_seq = cb->end_seq; /* with its FIN */
	pcb->tx.delivered_us = 0;
	tcp_rtx_queue_free(sk, skb);
	TCP_STAT(sk, LINUX_MIB_SACKMERGED);
}

static bool shift(struct sk_buff *prev, struct sk_buff *skb, u32 pcount, u32 len)
{
	return tcp_skb_pcount(prev) + pcount <= 65535 && skb_shift(prev, skb, len);
}

/* Bytes of skb, whole segments from its start, that [start, end) covers and that may join prev. */
static u32 shiftable(const struct tcp_sock *tp, const struct sk_buff *prev,
		     const struct sk_buff *skb, const struct tcp_sack_block *b)
{
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	u32 mss = seglen(skb), len;

	if (!prev || (TCP_SKB_CB(prev)->sacked & TCPCB_TAGBITS) != TCPCB_SACKED_ACKED ||
	    !can_shift(skb) || mss != seglen(prev) || cb->sacked & TCPCB_SACKED_ACKED ||
	    !seq_after(cb->end_seq, tp->snd_una) || seq_after(b->start_seq, cb->seq))
		return 0;
	if (!seq_before(b->end_seq, cb->end_seq))
		return skb->len;
	len = (u32)seq_diff(b->end_seq, cb->seq) / mss * mss;
	return tcp_skb_pcount(skb) > 1 && seq_after(seq_add(cb->seq, len), tp->snd_una) ? len : 0;
}

/* What of skb is SACKed by b joins the segment before it, if that is SACKed too; and so does then
 * the one behind. The segment to go on behind; NULL: nothing was merged. */
static struct sk_buff *merge(struct sock *sk, struct tcp_ack_news *news, struct sk_buff *skb,
			     const struct tcp_sack_block *b)
{
	struct sk_buff *prev = tcp_rb_prev(skb), *next;
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	u32 len = shiftable(tcp_sk(sk), prev, skb, b);
	struct seg s = {.start = cb->seq,
			.end = seq_add(cb->seq, len),
			.sent_us = tcp_skb_timestamp_us(skb),
			.sacked = cb->sacked};

	/* Retransmitted but not lost: marks that a merged segment could not hold. */
	if (!len || (cb->sacked & (TCPCB_LOST | TCPCB_SACKED_RETRANS)) == TCPCB_SACKED_RETRANS)
		return NULL;
	s.pcount = len == skb->len ? tcp_skb_pcount(skb) : len / tcp_skb_mss(skb);
	if (!shift(prev, skb, s.pcount, len)) {
		TCP_STAT(sk, LINUX_MIB_SACKSHIFTFALLBACK);
		return NULL;
	}
	/* Before the numbers move: the highest SACKed would move with them. */
	sacktag_one(sk, news, s, false);
	tcp_rate_skb_delivered(sk, skb, &news->rate);
	shifted(sk, prev, skb, s.pcount, len);
	next = tcp_rb_next(prev);
	if (next && can_shift(next) && seglen(next) == seglen(prev) &&
	    (TCP_SKB_CB(next)->sacked & TCPCB_TAGBITS) == TCPCB_SACKED_ACKED) {
		len = next->len;
		if (shift(prev, next, tcp_skb_pcount(next), len))
			shifted(sk, prev, next, tcp_skb_pcount(next), len);
	}
	return prev;
}

/* ---- walking -----------------------------------------------------------------------------------
 */

/* Does b cover skb? Cuts a super-packet of which it covers whole segments. < 0: no memory. */
static int match(struct sock *sk, struct sk_buff *skb, const struct tcp_sack_block *b)
{
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	bool head_in = !seq_after(b->start_seq, cb->seq);
	u32 mss = tcp_skb_mss(skb), cut;
	int err;

	if (head_in && !seq_before(b->end_seq, cb->end_seq))
		return 1;
	if (tcp_skb_pcount(skb) <= 1 || !seq_after(cb->end_seq, b->start_seq))
		return 0;
	if (head_in) {
		cut = (u32)seq_diff(b->end_seq, cb->seq) / mss * mss;
		if (!cut)
			return -EINVAL;
	} else {
		cut = DIV_ROUND_UP((u32)seq_diff(b->start_seq, cb->seq), mss) * mss;
	}
	if (cut >= skb->len)
		return head_in;
	err = tcp_fragment(sk, skb, cut, true, GFP_ATOMIC);
	return err < 0 ? err : head_in;
}

/* The segment that holds seq, or the first behind it. */
static struct sk_buff *find(struct sock *sk, seq32 seq)
{
	struct rb_node *n = sk->tcp_rtx_queue.node;
	struct sk_buff *found = NULL;

	while (n) {
		struct sk_buff *skb = tcp_rb_skb(n);

		if (seq_before(seq, TCP_SKB_CB(skb)->end_seq)) {
			found = skb;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return found;
}

/* Mark what b covers, of the segments that touch that part of it. */
static void walk(struct sock *sk, struct tcp_ack_news *news, const struct tcp_sack_block *b,
		 struct tcp_sack_block part, bool dsack)
{
	struct sk_buff *skb, *merged;

	if (!seq_before(part.start_seq, part.end_seq))
		return;
	for (skb = find(sk, part.start_seq); skb && seq_before(TCP_SKB_CB(skb)->seq, part.end_seq);
	     skb = tcp_rb_next(skb)) {
		int in;

		merged = dsack ? NULL : merge(sk, news, skb, b);
		if (merged) {
			skb = merged;
			continue;
		}
		in = match(sk, skb, b);
		if (in < 0)
			break;
		if (in)
			sacktag_skb(sk, news, skb, dsack);
	}
}

/* That part of b, without what earlier ACKs told already. */
static void walk_new(struct sock *sk, struct tcp_ack_news *news, const struct tcp_sack_block *b,
		     struct tcp_sack_block part)
{
	const struct tcp_sack_block *c = tcp_sk(sk)->recv_sack_cache;

	for (u32 i = 0; i < TCP_NUM_SACKS; i++, c++) {
		if (seq_eq(c->start_seq, c->end_seq) || seq_before_eq(c->end_seq, part.start_seq))
			continue;
		if (seq_before_eq(part.end_seq, c->start_seq))
			break;
		walk(sk, news, b, (struct tcp_sack_block){part.start_seq, c->start_seq}, false);
		part.start_seq = seq_min(c->end_seq, part.end_seq);
	}
	walk(sk, news, b, part, false);
}

/* ---- all blocks of an ACK ----------------------------------------------------------------------
 */

struct blocks {
	struct tcp_sack_block b[TCP_NUM_SACKS]; /* in order of sequence, without the DSACK */
	u32 n;
	struct tcp_sack_block dup; /* a DSACK of text that is in flight still */
	bool has_dup;
};

static u32 read_blocks(const struct sk_buff *skb, struct tcp_sack_block *b)
{
	const u8 *opt = (const u8 *)tcp_hdr(skb) + TCP_SKB_CB(skb)->sacked;
	u32 n = min((opt[1] - 2u) / TCPOLEN_SACK_BLOCK, (u32)TCP_NUM_SACKS);

	for (u32 i = 0; i < n; i++) {
		b[i].start_seq = SEQ32(get_be32(opt + 2 + i * TCPOLEN_SACK_BLOCK));
		b[i].end_seq = SEQ32(get_be32(opt + 6 + i * TCPOLEN_SACK_BLOCK));
	}
	return n;
}

static void count_invalid(struct sock *sk, const struct tcp_sack_block *b, bool dsack, seq32 ack)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (dsack)
		TCP_STAT(sk, tp->undo_valid ? LINUX_MIB_TCPDSACKIGNOREDOLD
					    : LINUX_MIB_TCPDSACKIGNOREDNOUNDO);
	else if (seq_eq(ack, tp->snd_una) || seq_after(b->end_seq, tp->snd_una))
		TCP_STAT(sk, LINUX_MIB_TCPSACKDISCARD); /* else: ACKs came out of order */
}

static void insert_sorted(struct blocks *out, struct tcp_sack_block b)
{
	u32 i = out->n++;

	for (; i && seq_before(b.start_seq, out->b[i - 1].start_seq); i--)
		out->b[i] = out->b[i - 1];
	out->b[i] = b;
}

static void choose_blocks(struct sock *sk, const struct tcp_sack_block *raw, u32 n, bool dsack,
			  seq32 ack, const struct tcp_ack_news *news, struct blocks *out)
{
	out->n = 0;
	out->has_dup = false;
	for (u32 i = 0; i < n; i++) {
		bool dup = dsack && !i;

		if (!block_valid(tcp_sk(sk), &raw[i], dup)) {
			count_invalid(sk, &raw[i], dup, ack);
		} else if (!seq_after(raw[i].end_seq, news->prior_una)) {
			continue;
		} else if (dup) {
			out->dup = raw[i];
			out->has_dup = true;
		} else {
			insert_sorted(out, raw[i]);
		}
	}
}

/* A block in which something came twice: before, at and behind that. */
static void walk_around(struct sock *sk, struct tcp_ack_news *news, const struct tcp_sack_block *b,
			const struct tcp_sack_block *dup)
{
	walk_new(sk, news, b, (struct tcp_sack_block){b->start_seq, dup->start_seq});
	walk(sk, news, dup, *dup, true);
	walk_new(sk, news, b, (struct tcp_sack_block){dup->end_seq, b->end_seq});
}

static void mark_blocks(struct sock *sk, struct tcp_ack_news *news, const struct blocks *in)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool dup_done = !in->has_dup;

	for (u32 i = 0; i < in->n; i++) {
		if (!dup_done && !seq_before(in->dup.start_seq, in->b[i].start_seq) &&
		    !seq_after(in->dup.end_seq, in->b[i].end_seq)) {
			walk_around(sk, news, &in->b[i], &in->dup);
			dup_done = true;
		} else {
			walk_new(sk, news, &in->b[i], in->b[i]);
		}
	}
	if (!dup_done)
		walk(sk, news, &in->dup, in->dup, true);
	memset(tp->recv_sack_cache, 0, sizeof(tp->recv_sack_cache));
	for (u32 i = 0; i < in->n; i++)
		tp->recv_sack_cache[i] = in->b[i];
}

void tcp_sacktag_write_queue(struct sock *sk, const struct sk_buff *ack_skb,
			     struct tcp_ack_news *news)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_sack_block raw[TCP_NUM_SACKS];
	seq32 ack = TCP_SKB_CB(ack_skb)->ack_seq;
	u32 n = read_blocks(ack_skb, raw);
	struct blocks blocks;
	bool dsack;

	if (!tp->sacked_out) {
		tp->highest_sack = tcp_rtx_queue_head(sk);
		memset(tp->recv_sack_cache, 0, sizeof(tp->recv_sack_cache));
	}
	dsack = check_dsack(sk, raw, n, ack, news);
	/* Too old to be of use. */
	if (seq_before(ack, seq_sub(news->prior_una, tp->max_window)) || !tp->packets_out)
		return;
	choose_blocks(sk, raw, n, dsack, ack, news, &blocks);
	mark_blocks(sk, news, &blocks);
	if (tp->ca_state != TCP_CA_Loss || tp->undo_valid)
		tcp_check_sack_reordering(sk, news->reord, false);
}
