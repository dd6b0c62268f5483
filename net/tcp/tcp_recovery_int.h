/* SPDX-License-Identifier: MIT */
/*
 * Loss recovery as TCP's files know it: what one ACK tells (struct tcp_ack_news), the marks on the
 * retransmit queue, and which file does what with them. Included by tcp_int.h. Socket lock held.
 *
 *	tcp_ack.c       what an ACK takes off the queue; the order of all that follows
 *	tcp_sack.c      SACK blocks become marks (RFC 2018, 2883)
 *	tcp_recovery.c  which segments are lost: RACK (RFC 8985), NewReno's rule without SACK
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

#endif
