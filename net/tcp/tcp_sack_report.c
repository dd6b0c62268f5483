/* SPDX-License-Identifier: MIT */
/*
 * The SACK blocks that we send: what of the stream we hold beyond RCV.NXT, the block that changed
 * last first (RFC 2018 section 4), and before them what came twice (RFC 2883). tp->selective_acks
 * follows the out-of-order tree; it forgets the oldest block when it is full. Socket lock held.
 */
#include "tcp_int.h"

/* ---- twice -------------------------------------------------------------------------------------
 */

/* Let *b take [start, end) in. False: they do not touch. */
static bool extend(struct tcp_sack_block *b, seq32 start, seq32 end)
{
	if (seq_after(start, b->end_seq) || seq_after(b->start_seq, end))
		return false;
	b->start_seq = seq_min(b->start_seq, start);
	b->end_seq = seq_max(b->end_seq, end);
	return true;
}

void tcp_dsack_set(struct sock *sk, seq32 start, seq32 end)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tcp_is_sack(tp) || !tcp_net(sk)->tcp_dsack)
		return;
	TCP_STAT(sk, seq_before(start, tp->rcv_nxt) ? LINUX_MIB_TCPDSACKOLDSENT
						    : LINUX_MIB_TCPDSACKOFOSENT);
	tp->has_dsack = true;
	tp->duplicate_sack = (struct tcp_sack_block){start, end};
}

void tcp_dsack_extend(struct sock *sk, seq32 start, seq32 end)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->has_dsack)
		tcp_dsack_set(sk, start, end);
	else
		extend(&tp->duplicate_sack, start, end);
}

/* ---- out of order ------------------------------------------------------------------------------
 */

static void delete_block(struct tcp_sock *tp, u32 i)
{
	struct tcp_sack_block *b = tp->selective_acks;

	tp->rx_opt.num_sacks--;
	for (; i < tp->rx_opt.num_sacks; i++)
		b[i] = b[i + 1];
}

/* Blocks that the first one has grown into. */
static void coalesce(struct tcp_sock *tp)
{
	struct tcp_sack_block *b = tp->selective_acks;

	for (u32 i = 1; i < tp->rx_opt.num_sacks;) {
		if (extend(&b[0], b[i].start_seq, b[i].end_seq))
			delete_block(tp, i);
		else
			i++;
	}
}

void tcp_sack_new_ofo(struct tcp_sock *tp, seq32 start, seq32 end)
{
	struct tcp_sack_block *b = tp->selective_acks, first = {start, end};
	u32 i = 0, n = tp->rx_opt.num_sacks;

	if (!tcp_is_sack(tp))
		return;
	while (i < n && !extend(&b[i], start, end))
		i++;
	if (i < n) {
		first = b[i];
	} else if (n < TCP_NUM_SACKS) {
		tp->rx_opt.num_sacks = (n + 1) & 7u;
	} else {
		i--; /* the oldest is forgotten */
	}
	for (; i > 0; i--)
		b[i] = b[i - 1];
	b[0] = first;
	coalesce(tp);
}

void tcp_sack_remove(struct tcp_sock *tp)
{
	if (rb_empty(&tp->out_of_order_queue)) {
		tp->rx_opt.num_sacks = 0;
		return;
	}
	for (u32 i = 0; i < tp->rx_opt.num_sacks;) {
		if (!seq_before(tp->rcv_nxt, tp->selective_acks[i].start_seq))
			delete_block(tp, i);
		else
			i++;
	}
}

void tcp_sack_reset(struct tcp_sock *tp)
{
	tp->rx_opt.num_sacks = 0;
	tp->has_dsack = false;
}

/* ---- into a header -----------------------------------------------------------------------------
 */

/* Blocks that fit into that room behind two NOPs, kind and length. */
static u32 blocks_in(const struct tcp_sock *tp, u32 room)
{
	u32 fit = room < 4 ? 0 : (room - 4) / TCPOLEN_SACK_BLOCK;

	return min(fit, tp->rx_opt.num_sacks + (tp->has_dsack ? 1u : 0u));
}

void tcp_sack_fill(const struct tcp_sock *tp, struct tcp_options *o, u32 room)
{
	u32 n = blocks_in(tp, room), i = 0;

	if (!n)
		return;
	o->has |= TCP_OPT_SACK;
	o->nr_sacks = (u8)n;
	if (tp->has_dsack)
		o->sack[i++] = tp->duplicate_sack;
	for (u32 from = 0; i < n; i++, from++)
		o->sack[i] = tp->selective_acks[from];
}

u32 tcp_sack_space(const struct tcp_sock *tp)
{
	u32 used = tp->tcp_header_len - (u32)sizeof(struct tcphdr);
	u32 n = blocks_in(tp, TCP_MAX_OPTIONS - used);

	return n ? 4 + n * TCPOLEN_SACK_BLOCK : 0;
}
