/* SPDX-License-Identifier: MIT */
/*
 * DCTCP (RFC 8257): the receiver tells of each mark exactly, the sender estimates the share of
 * marked segments (alpha, of 1024) and reduces its window by half of that share. For networks that
 * mark at a low threshold; without ECN it is Reno. Socket lock held.
 */
#include "tcp_int.h"

#define ALPHA_MAX  1024u
#define GAIN_SHIFT 4 /* g = 1/16 */

struct dctcp {
	u32 old_delivered, old_delivered_ce; /* at the start of the window of data ... */
	seq32 next_seq;                      /* ... which ends here */
	u32 alpha;
	u32 loss_cwnd; /* window before the last reduction */
	seq32 prior_rcv_nxt;
	bool active, ce_state;
};
static_assert(sizeof(struct dctcp) <= TCP_CA_PRIV_SIZE, "fits ca_priv");

static void begin_window(const struct tcp_sock *tp, struct dctcp *ca)
{
	ca->next_seq = tp->snd_nxt;
	ca->old_delivered = tp->delivered;
	ca->old_delivered_ce = tp->delivered_ce;
}

static void dctcp_init(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct dctcp *ca = inet_csk_ca(sk);

	*ca = (struct dctcp){.alpha = ALPHA_MAX, .prior_rcv_nxt = tp->rcv_nxt};
	ca->active = tp->ecn_flags & TCP_ECN_OK || tcp_state_in(sk, TCPS(LISTEN) | TCPS(CLOSE));
	if (ca->active)
		begin_window(tp, ca);
	else /* the peer does not speak ECN: our packets do not claim to */
		tcp_ecn_clear_ect(sk);
}

static u32 dctcp_ssthresh(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct dctcp *ca = inet_csk_ca(sk);

	if (!ca->active)
		return tcp_reno_ssthresh(sk);
	ca->loss_cwnd = tp->snd_cwnd;
	return max(tp->snd_cwnd - (u32)(((u64)tp->snd_cwnd * ca->alpha) >> 11), 2u);
}

/* Once a window of data (section 3.3). */
static void dctcp_in_ack_event(struct sock *sk, u32 flags)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct dctcp *ca = inet_csk_ca(sk);
	u32 marked, all;

	(void)flags;
	if (!ca->active || seq_before(tp->snd_una, ca->next_seq))
		return;
	marked = tp->delivered_ce - ca->old_delivered_ce;
	all = tp->delivered - ca->old_delivered;
	/* (1 - g) * alpha, at least one unit less so that it gets to zero */
	ca->alpha -= min(ca->alpha, max(ca->alpha >> GAIN_SHIFT, 1u));
	if (marked)
		ca->alpha =
			min(ca->alpha + (u32)(((u64)marked << (10 - GAIN_SHIFT)) / max(all, 1u)),
			    ALPHA_MAX);
	begin_window(tp, ca);
}

/* A lost segment is no mark: half, once. */
static void dctcp_set_state(struct sock *sk, u8 new_state)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct dctcp *ca = inet_csk_ca(sk);

	if (!ca->active || new_state != TCP_CA_Recovery || tp->ca_state == TCP_CA_Recovery)
		return;
	ca->loss_cwnd = tp->snd_cwnd;
	tp->snd_ssthresh = max(tp->snd_cwnd >> 1, 2u);
}

/* The state of CE changed: what came before is acknowledged at once with the old one, so that ECE
 * tells of exactly the marked segments (section 3.2). */
static void ce_changes(struct sock *sk, bool ce)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct dctcp *ca = inet_csk_ca(sk);

	if (ca->ce_state != ce) {
		/* An ACK that was put off covers segments of the old state. */
		if (tp->ack.pending & TCP_ACK_TIMER) {
			tcp_ecn_demand_cwr(tp, ca->ce_state);
			tcp_send_ack_at(sk, ca->prior_rcv_nxt);
		}
		tp->ack.pending |= TCP_ACK_NOW;
	}
	ca->prior_rcv_nxt = tp->rcv_nxt;
	ca->ce_state = ce;
	tcp_ecn_demand_cwr(tp, ce);
}

static void dctcp_cwnd_event(struct sock *sk, enum tcp_ca_event ev)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct dctcp *ca = inet_csk_ca(sk);

	if (!ca->active)
		return;
	if (ev == CA_EVENT_ECN_IS_CE || ev == CA_EVENT_ECN_NO_CE)
		ce_changes(sk, ev == CA_EVENT_ECN_IS_CE);
	else if (ev == CA_EVENT_LOSS)
		tp->snd_ssthresh = max(tp->snd_cwnd >> 1, 2u);
}

static u32 dctcp_undo_cwnd(struct sock *sk)
{
	const struct dctcp *ca = inet_csk_ca(sk);

	return ca->active ? max(tcp_sk(sk)->snd_cwnd, ca->loss_cwnd) : tcp_reno_undo_cwnd(sk);
}

static size_t dctcp_get_info(struct sock *sk, u32 ext, int *attr, union tcp_cc_info *info)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	const struct dctcp *ca = inet_csk_ca(sk);

	if (!(ext & 1u << (INET_DIAG_DCTCPINFO - 1) || ext & 1u << (INET_DIAG_VEGASINFO - 1)))
		return 0;
	memset(info, 0, sizeof(*info));
	info->dctcp.dctcp_enabled = ca->active;
	if (ca->active) {
		info->dctcp.dctcp_ce_state = ca->ce_state;
		info->dctcp.dctcp_alpha = ca->alpha;
		info->dctcp.dctcp_ab_ecn =
			tp->mss_cache * (tp->delivered_ce - ca->old_delivered_ce);
		info->dctcp.dctcp_ab_tot = tp->mss_cache * (tp->delivered - ca->old_delivered);
	}
	*attr = INET_DIAG_DCTCPINFO;
	return sizeof(info->dctcp);
}

static const struct tcp_congestion_ops tcp_dctcp = {
	.name = "dctcp",
	.flags = TCP_CONG_NEEDS_ECN,
	.init = dctcp_init,
	.ssthresh = dctcp_ssthresh,
	.cong_avoid = tcp_reno_cong_avoid,
	.in_ack_event = dctcp_in_ack_event,
	.set_state = dctcp_set_state,
	.cwnd_event = dctcp_cwnd_event,
	.undo_cwnd = dctcp_undo_cwnd,
	.get_info = dctcp_get_info,
};
TCP_CONGESTION_CONTROL(tcp_dctcp);
