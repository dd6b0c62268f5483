/* SPDX-License-Identifier: MIT */
/* CUBIC's state, and HyStart as CUBIC asks it. */
#ifndef TCP_CUBIC_INT_H
#define TCP_CUBIC_INT_H

#include "tcp_int.h"

/* ---- tcp_hystart.c: when slow start ends before a loss -----------------------------------------
 * net.ipv4.tcp_cubic_hystart, bits as Linux's tcp_cubic.hystart_detect, and ours. */
#define HYSTART_ACK_TRAIN 1u /* ACKs of one round arrive over longer than the path is */
#define HYSTART_DELAY     2u /* the delay rises */
#define HYSTART_PLUSPLUS  4u /* RFC 9406, in place of those two */

struct hystart {
	seq32 end_seq;          /* the round ends when this is acknowledged */
	u32 round_start_us;     /* ACK train ... */
	u32 last_ack_us;        /* ... of which this is the last */
	u32 curr_rtt_us;        /* least of this round; ~0: none */
	u32 last_rtt_us;        /* ... of the last one */
	u32 baseline_us;        /* delay at which conservative slow start began; 0: it did not */
	u8 samples, css_rounds; /* of this round; of conservative slow start */
	u8 css_rest;            /* segments that did not yet make one */
	bool found;             /* slow start is over */
};
/* Begin anew: a connection, or slow start behind a time-out. */
void tcp_hystart_init(struct sock *sk, struct hystart *h);
/* A round-trip time in slow start; may set snd_ssthresh. */
void tcp_hystart_sample(struct sock *sk, struct hystart *h, u32 rtt_us, u32 min_rtt_us);
/* How many of the acked segments slow start may count (RFC 9406 section 4.2). */
u32 tcp_hystart_limit(struct hystart *h, u32 acked);

struct cubic {
	u32 cnt;            /* acknowledged segments for one of growth */
	u32 last_max_cwnd;  /* W_max, lowered by fast convergence; 0: no loss yet */
	u32 prior_cwnd;     /* window at the last loss */
	u32 last_cwnd;      /* when cnt was computed last ... */
	u32 last_time_ms;   /* ... and when that was */
	u32 origin;         /* where the curve is flat */
	u32 k;              /* time to get there, in 1/1024 s */
	u32 delay_min_us;   /* 0: none yet */
	u32 epoch_start_ms; /* 0: the next ACK begins one */
	u32 ack_cnt, reno_cwnd;
	struct hystart hystart;
};

#endif
