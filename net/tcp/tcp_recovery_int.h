/* SPDX-License-Identifier: MIT */
/*
 * Loss recovery as TCP's files know it: what one ACK tells (struct tcp_ack_news), the marks on the
 * retransmit queue, and which file does what with them. Included by tcp_int.h. Socket lock held.
 *
 *	tcp_ack.c       what an ACK takes off the queue; the order of all that follows
 *	tcp_sack.c      SACK blocks become marks (RFC 2018, 2883)
 *	tcp_recovery.c  which segments are lost: RACK (RFC 8985), else RFC 6675, NewReno's rule
 *	tcp_castate.c   Open, Disorder, CWR, Recovery, Loss and what leads from one to another
 *	tcp_loss.c      after a retransmission time-out, with F-RTO (RFC 5682)
 *	tcp_undo.c      a reduction that was needless is taken back (RFC 3522, 4015, 3708)
 *	tcp_prr.c       the window while it is reduced (RFC 9937)
 *	tcp_tlp.c       tail loss probe (RFC 8985 section 7)
 *	tcp_rate.c      delivery rate samples
 */
#ifndef TCP_RECOVERY_INT_H
#define TCP_RECOVERY_INT_H

#include <net/tcp.h>

/* ---- what one ACK tells ------------------------------------------------------------------------
 */
enum {
	FLAG_DATA = 0x01, /* the segment carries text */
	FLAG_WIN_UPDATE = 0x02,
	FLAG_DATA_ACKED = 0x04, /* text was taken off the queue ... */
	FLAG_RETRANS_DATA_ACKED = 0x08,
	FLAG_SYN_ACKED = 0x10,
	FLAG_DATA_SACKED = 0x20, /* a block told something new */
	FLAG_ECE = 0x40,
	FLAG_LOST_RETRANS = 0x80,     /* a retransmission was found lost */
	FLAG_ORIG_SACK_ACKED = 0x200, /* text of before high_seq that was never retransmitted */
	FLAG_SND_UNA_ADVANCED = 0x400,
	FLAG_DSACKING_ACK = 0x800,
	FLAG_SET_XMIT_TIMER = 0x1000, /* TLP or RTO is to be armed anew */
	FLAG_SACK_RENEGING = 0x2000,  /* the new head of the queue is SACKed */
	FLAG_ACK_MAYBE_DELAYED = 0x10000,
	FLAG_DSACK_TLP = 0x20000, /* the tail loss probe arrived twice */

	FLAG_ACKED = FLAG_DATA_ACKED | FLAG_SYN_ACKED,
	FLAG_NOT_DUP = FLAG_DATA | FLAG_WIN_UPDATE | FLAG_ACKED,
	FLAG_CA_ALERT = FLAG_DATA_SACKED | FLAG_ECE | FLAG_DSACKING_ACK,
	FLAG_FORWARD_PROGRESS = FLAG_ACKED | FLAG_DATA_SACKED,
};

/* What is to be sent when the ACK has been worked off. */
enum tcp_rexmit { REXMIT_NONE, REXMIT_LOST, REXMIT_NEW };

struct tcp_ack_news {
	u32 flag; /* FLAG_* */
	seq32 prior_una;
	seq32 prior_fack;                  /* highest SACKed then */
	u32 num_dupack;                    /* duplicate ACKs it stands for (no SACK) */
	u64 first_sackt_us, last_sackt_us; /* when newly SACKed segments had been sent; 0: none */
	seq32 reord;                       /* lowest segment of a hole that was filled late */
	u32 sack_delivered;
	enum tcp_rexmit rexmit;
	struct rate_sample rate;
};

/* ---- the retransmit queue by time of transmission ----------------------------------------------
 * Links are null while skb is in no such list; RACK takes what is SACKed or lost out (self-linked).
 */
static inline void tcp_tsorted_unlink(struct sk_buff *skb)
{
	struct list_head *a = &skb->tcp_tsorted_anchor;

	if (a->next)
		list_del(a);
	a->next = a->prev = NULL;
}
/* skb has just been sent. */
static inline void tcp_tsorted_sent(struct tcp_sock *tp, struct sk_buff *skb)
{
	tcp_tsorted_unlink(skb);
	list_add_tail(&skb->tcp_tsorted_anchor, &tp->tsorted_sent_queue);
}
/* rest was cut off skb. */
static inline void tcp_tsorted_add_after(struct sk_buff *skb, struct sk_buff *rest)
{
	if (skb->tcp_tsorted_anchor.next && !list_empty(&skb->tcp_tsorted_anchor))
		list_add(&rest->tcp_tsorted_anchor, &skb->tcp_tsorted_anchor);
	else
		INIT_LIST_HEAD(&rest->tcp_tsorted_anchor);
}

/* ---- tcp_rate.c --------------------------------------------------------------------------------
 */
/* Was the one sent after the other? Times in microseconds; end_seq decides between equal ones. */
static inline bool tcp_skb_sent_after(u64 t1, u64 t2, seq32 seq1, seq32 seq2)
{
	return t1 > t2 || (t1 == t2 && seq_after(seq1, seq2));
}
/* skb has been handed to IP; packets_out does not count it yet. */
void tcp_rate_skb_sent(struct sock *sk, struct sk_buff *skb);
/* skb was ACKed or SACKed. */
void tcp_rate_skb_delivered(struct sock *sk, struct sk_buff *skb, struct rate_sample *rs);
/* The ACK is worked off: so many segments were newly delivered and lost. */
void tcp_rate_gen(struct sock *sk, u32 delivered, u32 lost, bool is_sack_reneg,
		  struct rate_sample *rs);
/* The application is about to write: was there nothing to send until now? */
void tcp_rate_check_app_limited(struct sock *sk);

/* ---- the retransmit queue and its hints --------------------------------------------------------
 */
/* It leaves the queue for good. */
void tcp_rtx_queue_free(struct sock *sk, struct sk_buff *skb);
/* Nothing is in flight any more: counts, hints and marks as at the beginning. */
void tcp_scoreboard_reset(struct tcp_sock *tp);
/* SND.NXT of the highest SACKed text; SND.UNA where nothing is SACKed. */
seq32 tcp_highest_sack_seq(const struct tcp_sock *tp);
static inline u32 tcp_left_out(const struct tcp_sock *tp)
{
	return tp->sacked_out + tp->lost_out;
}
static inline void tcp_clear_retrans_hints(struct tcp_sock *tp)
{
	tp->retransmit_skb_hint = NULL;
}

/* ---- tcp_ack.c ---------------------------------------------------------------------------------
 */
static inline void tcp_count_delivered(struct tcp_sock *tp, u32 n, bool ece_ack)
{
	tp->delivered += n;
	if (ece_ack)
		tp->delivered_ce += n;
}

/* ---- tcp_sack.c --------------------------------------------------------------------------------
 */
/* Mark what the blocks of an ACK tell; flags and figures into *news. */
void tcp_sacktag_write_queue(struct sock *sk, const struct sk_buff *ack_skb,
			     struct tcp_ack_news *news);
/* Text from low on was overtaken by all that is SACKed: adapt tp->reordering. ts: found by a
 * timestamp. */
void tcp_check_sack_reordering(struct sock *sk, seq32 low, bool ts);

/* ---- tcp_newreno.c: a peer without SACK (RFC 6582), duplicate ACKs counted as if SACKed --------
 */
void tcp_add_reno_sack(struct sock *sk, u32 num_dupack, bool ece_ack);
void tcp_remove_reno_sacks(struct sock *sk, u32 acked, bool ece_ack);
static inline void tcp_reset_reno_sack(struct tcp_sock *tp)
{
	tp->sacked_out = 0;
}
/* Leave room for the one that is missing: true, there was too little. */
bool tcp_limit_reno_sacked(struct tcp_sock *tp);
void tcp_newreno_mark_lost(struct sock *sk, bool snd_una_advanced);
bool tcp_newreno_keeps_timer(const struct tcp_sock *tp, seq32 prior_una);

/* ---- tcp_recovery.c: RACK ----------------------------------------------------------------------
 */
void tcp_mark_skb_lost(struct sock *sk, struct sk_buff *skb);
/* Is RACK what finds losses (net.ipv4.tcp_recovery), and not RFC 6675? */
bool tcp_is_rack(const struct sock *sk);
/* A segment was delivered that had been sent at that time. */
void tcp_rack_advance(struct tcp_sock *tp, u8 sacked, seq32 end_seq, u64 xmit_us);
/* Mark what was sent long enough before what was delivered. True: some may be later; a timer runs.
 */
bool tcp_rack_mark_lost(struct sock *sk);
void tcp_rack_reo_timeout(struct sock *sk);
void tcp_rack_update_reo_wnd(struct sock *sk, const struct rate_sample *rs);
/* Microseconds until skb counts as lost. */
s32 tcp_rack_skb_timeout(const struct tcp_sock *tp, const struct sk_buff *skb, u32 reo_wnd_us);
/* Mark by whichever rule the connection goes by. */
void tcp_identify_packet_loss(struct sock *sk, u32 *flag);

/* ---- tcp_castate.c -----------------------------------------------------------------------------
 */
/* An ACK that is a duplicate, tells of loss, or comes while not all is well. */
void tcp_fastretrans_alert(struct sock *sk, struct tcp_ack_news *news);
void tcp_enter_recovery(struct sock *sk, bool ece_ack);
/* Local congestion or a mark: reduce the window without retransmitting. */
void tcp_enter_cwr(struct sock *sk);
void tcp_try_keep_open(struct sock *sk);
bool tcp_any_retrans_done(const struct sock *sk);

/* ---- tcp_loss.c --------------------------------------------------------------------------------
 */
/* The retransmission timer fired: what is in flight is lost, unless it was sent just now. */
void tcp_enter_loss(struct sock *sk);
/* An ACK in state Loss. */
void tcp_process_loss(struct sock *sk, struct tcp_ack_news *news);
/* The path takes smaller packets only: what is larger is lost, but not by congestion. */
void tcp_simple_retransmit(struct sock *sk);
void tcp_non_congestion_loss_retransmit(struct sock *sk);

/* ---- tcp_undo.c --------------------------------------------------------------------------------
 */
/* From now on: a reduction that may turn out to be needless. */
void tcp_init_undo(struct tcp_sock *tp);
/* True: the state is to be kept until more is acknowledged. */
bool tcp_try_undo_recovery(struct sock *sk);
/* True: nothing more is to be marked or resent by this ACK. */
bool tcp_try_undo_partial(struct sock *sk, seq32 prior_una);
/* True: undone. */
bool tcp_try_undo_dsack(struct sock *sk);
bool tcp_try_undo_loss(struct sock *sk, bool frto_undo);
/* The SYN was retransmitted needlessly, as its echo tells: no reason for a small window. */
void tcp_try_undo_spurious_syn(struct tcp_sock *tp);

/* ---- tcp_prr.c ---------------------------------------------------------------------------------
 */
void tcp_init_cwnd_reduction(struct sock *sk);
void tcp_cwnd_reduction(struct sock *sk, u32 newly_acked_sacked, u32 newly_lost, u32 flag);
void tcp_end_cwnd_reduction(struct sock *sk);

/* ---- tcp_tlp.c ---------------------------------------------------------------------------------
 */
/* After sending or an ACK: a probe instead of the RTO, where it is worth it. */
bool tcp_schedule_loss_probe(struct sock *sk, bool advancing_rto);
void tcp_send_loss_probe(struct sock *sk);
void tcp_process_tlp_ack(struct sock *sk, seq32 ack, u32 flag);

#endif
