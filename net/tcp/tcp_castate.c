/* SPDX-License-Identifier: MIT */
/*
 * The states of congestion control and what leads from one to another:
 *
 *	Open      all is well
 *	Disorder  something is SACKed or was retransmitted: ACKs are looked at closely
 *	CWR       the window is being reduced for a mark (ECN) or local congestion
 *	Recovery  the window is being reduced for a loss, fast retransmissions go out
 *	Loss      the retransmission timer fired (tcp_loss.c)
 *
 * The last three end when high_seq, SND.NXT at their beginning, is acknowledged. Socket lock held.
 */
#include "tcp_int.h"

/* ---- small steps ------------------------------------------------------------------------------
 */

bool tcp_any_retrans_done(const struct sock *sk)
{
	const struct sk_buff *head = tcp_rtx_queue_head(sk);

	return tcp_sk(sk)->retrans_out || (head && TCP_SKB_CB(head)->sacked & TCPCB_EVER_RETRANS);
}

void tcp_try_keep_open(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u8 state = TCP_CA_Open;

	if (tcp_left_out(tp) || tcp_any_retrans_done(sk))
		state = TCP_CA_Disorder;
	if (tp->ca_state != state) {
		tcp_set_ca_state(sk, state);
		tp->high_seq = tp->snd_nxt;
	}
}

static void try_to_open(struct sock *sk, u32 flag)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tcp_any_retrans_done(sk))
		tp->retrans_stamp_ms = 0;
	if (flag & FLAG_ECE)
		tcp_enter_cwr(sk);
	if (tp->ca_state != TCP_CA_CWR)
		tcp_try_keep_open(sk);
}

void tcp_enter_cwr(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->prior_ssthresh = 0;
	if (tp->ca_state >= TCP_CA_CWR)
		return;
	tp->undo_valid = false;
	tcp_init_cwnd_reduction(sk);
	tcp_set_ca_state(sk, TCP_CA_CWR);
}

void tcp_enter_recovery(struct sock *sk, bool ece_ack)
{
	struct tcp_sock *tp = tcp_sk(sk);

	/* The clock for undo starts with our first retransmission. */
	if (!tcp_any_retrans_done(sk))
		tp->retrans_stamp_ms = 0;
	TCP_STAT(sk, tcp_is_sack(tp) ? LINUX_MIB_TCPSACKRECOVERY : LINUX_MIB_TCPRENORECOVERY);
	tp->prior_ssthresh = 0;
	tcp_init_undo(tp);
	if (!tcp_in_cwnd_reduction(sk)) {
		if (!ece_ack)
			tp->prior_ssthresh = tcp_current_ssthresh(sk);
		tcp_init_cwnd_reduction(sk);
	}
	tcp_set_ca_state(sk, TCP_CA_Recovery);
}

/* The peer threw away what it had SACKed (RFC 2018 section 8): wait a little, then send it all
 * again. */
static bool check_reneging(struct sock *sk, u32 *flag)
{
	const u32 both = FLAG_SACK_RENEGING | FLAG_SND_UNA_ADVANCED;

	if ((*flag & both) != both)
		return false;
	tcp_arm(sk, TCP_PEND_RETRANS, max(tcp_sk(sk)->srtt_us >> 4, 10000u));
	*flag &= ~(u32)FLAG_SET_XMIT_TIMER;
	return true;
}

/* ---- an ACK in each state ----------------------------------------------------------------------
 */

/* high_seq is acknowledged. True: no more is to be done. */
static bool leave_state(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->ca_state == TCP_CA_CWR && !seq_eq(tp->snd_una, tp->high_seq)) {
		/* Beyond it: our CWR has reached the peer. */
		tcp_end_cwnd_reduction(sk);
		tcp_set_ca_state(sk, TCP_CA_Open);
	} else if (tp->ca_state == TCP_CA_Recovery) {
		if (!tcp_is_sack(tp))
			tcp_reset_reno_sack(tp);
		if (tcp_try_undo_recovery(sk))
			return true;
		tcp_end_cwnd_reduction(sk);
	}
	return false;
}

/* True: go on by sending what is lost. */
static bool in_recovery(struct sock *sk, struct tcp_ack_news *news)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!(news->flag & FLAG_SND_UNA_ADVANCED)) {
		if (!tcp_is_sack(tp))
			tcp_add_reno_sack(sk, news->num_dupack, news->flag & FLAG_ECE);
	} else if (tcp_try_undo_partial(sk, news->prior_una)) {
		return false;
	}
	if (tcp_try_undo_dsack(sk))
		try_to_open(sk, news->flag);
	tcp_identify_packet_loss(sk, &news->flag);
	if (tp->ca_state != TCP_CA_Recovery) {
		if (!tp->lost_out)
			return false;
		/* Undone, and yet something is lost: a recovery of its own. */
		tcp_enter_recovery(sk, news->flag & FLAG_ECE);
	}
	return true;
}

/* True: go on as if the state were Open. */
static bool in_loss(struct sock *sk, struct tcp_ack_news *news)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tcp_process_loss(sk, news);
	if (tp->ca_state != TCP_CA_Loss && tp->rto_stamp_ms) { /* how long the time-outs lasted */
		tp->total_rto_time_ms += tcp_time_stamp(tp) - tp->rto_stamp_ms;
		tp->rto_stamp_ms = 0;
	}
	tcp_identify_packet_loss(sk, &news->flag);
	return tp->ca_state == TCP_CA_Open || news->flag & FLAG_LOST_RETRANS;
}

/* Open, Disorder, CWR. True: Recovery was entered. */
static bool in_other(struct sock *sk, struct tcp_ack_news *news)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tcp_is_sack(tp)) {
		if (news->flag & FLAG_SND_UNA_ADVANCED)
			tcp_reset_reno_sack(tp);
		tcp_add_reno_sack(sk, news->num_dupack, news->flag & FLAG_ECE);
	}
	if (tp->ca_state <= TCP_CA_Disorder)
		tcp_try_undo_dsack(sk);
	tcp_identify_packet_loss(sk, &news->flag);
	if (!tp->lost_out) {
		try_to_open(sk, news->flag);
		return false;
	}
	if (tcp_mtup_probe_lost(sk)) { /* it was too large: no congestion */
		tcp_simple_retransmit(sk);
		return false;
	}
	tcp_enter_recovery(sk, news->flag & FLAG_ECE);
	return true;
}

void tcp_fastretrans_alert(struct sock *sk, struct tcp_ack_news *news)
{
	struct tcp_sock *tp = tcp_sk(sk);
	bool go_on;

	if (!tp->packets_out && tp->sacked_out)
		tp->sacked_out = 0;
	if (news->flag & FLAG_ECE) /* a marked window is not to be restored */
		tp->prior_ssthresh = 0;
	if (check_reneging(sk, &news->flag))
		return;
	if (tp->ca_state == TCP_CA_Open)
		tp->retrans_stamp_ms = 0;
	else if (!seq_before(tp->snd_una, tp->high_seq) && leave_state(sk))
		return;
	switch (tp->ca_state) {
	case TCP_CA_Recovery:
		go_on = in_recovery(sk, news);
		break;
	case TCP_CA_Loss:
		go_on = in_loss(sk, news) && in_other(sk, news);
		break;
	default:
		go_on = in_other(sk, news);
		break;
	}
	if (go_on)
		news->rexmit = REXMIT_LOST;
}
