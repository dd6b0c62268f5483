/* SPDX-License-Identifier: MIT */
/*
 * Round-trip time and retransmission time-out (RFC 6298) as Linux computes them: srtt by the RFC;
 * the variance rises at once but falls at most once a round trip, and slowly where round trips get
 * shorter, so that a queue that empties causes no time-out. It is never taken for less than
 * tcp_rto_min_us. The shortest round trip is that of the last tcp_min_rtt_wlen seconds.
 */
#include "tcp_int.h"

void tcp_rtt_init(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->srtt_us = 0;
	tp->mdev_us = TCP_TIMEOUT_INIT_US;
	tp->mdev_max_us = tp->rttvar_us = 0;
	minmax_reset(&tp->rtt_min, tcp_time_stamp(tp), ~0u);
	tp->rto_us = TCP_TIMEOUT_INIT_US;
}

void tcp_rtt_fallback(struct tcp_sock *tp)
{
	tp->rttvar_us = tp->mdev_us = tp->mdev_max_us = TCP_TIMEOUT_FALLBACK_US;
	tp->rto_us = TCP_TIMEOUT_FALLBACK_US;
}

void tcp_update_rtt_min(struct sock *sk, u32 rtt_us, bool maybe_delayed)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 window_ms = (u32)tcp_net(sk)->tcp_min_rtt_wlen * 1000u;

	if (maybe_delayed && rtt_us > tcp_min_rtt(tp))
		return;
	minmax_running_min(&tp->rtt_min, window_ms, tcp_time_stamp(tp), rtt_us ? rtt_us : 1000);
}

s64 tcp_rtt_by_timestamp(const struct tcp_sock *tp)
{
	u32 ms = tcp_time_stamp(tp) - tp->rx_opt.rcv_tsecr;

	if (!tp->rx_opt.saw_tstamp || !tp->rx_opt.rcv_tsecr || ms >= 1u << 17)
		return -1;
	return (s64)max(ms, 1u) * 1000;
}

/* mdev, scaled by 4, takes a quarter of the change; an eighth of that where round trips get
 * shorter. */
static void update_mdev(struct tcp_sock *tp, s32 err)
{
	s32 m = (err < 0 ? -err : err) - (s32)(tp->mdev_us >> 2);

	if (err < 0 && m > 0)
		m >>= 3;
	tp->mdev_us += (u32)m;
	if (tp->mdev_us > tp->mdev_max_us) {
		tp->mdev_max_us = tp->mdev_us;
		tp->rttvar_us = max(tp->rttvar_us, tp->mdev_max_us);
	}
}

/* srtt is scaled by 8. */
static void update(struct sock *sk, u32 rtt_us)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 least = tcp_rto_min_us(sk);
	s32 err;

	if (!tp->srtt_us) {
		tp->srtt_us = rtt_us << 3;
		tp->mdev_us = rtt_us << 1;
		tp->rttvar_us = tp->mdev_max_us = max(tp->mdev_us, least);
		tp->rtt_seq = tp->snd_nxt;
		return;
	}
	err = (s32)(rtt_us - (tp->srtt_us >> 3));
	tp->srtt_us += (u32)err;
	update_mdev(tp, err);
	if (seq_after(tp->snd_una, tp->rtt_seq)) { /* a round trip is over */
		if (tp->mdev_max_us < tp->rttvar_us)
			tp->rttvar_us -= (tp->rttvar_us - tp->mdev_max_us) >> 2;
		tp->rtt_seq = tp->snd_nxt;
		tp->mdev_max_us = least;
	}
}

void tcp_set_rto(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->rto_us = min((tp->srtt_us >> 3) + tp->rttvar_us, tcp_rto_max_us(sk));
}

void tcp_rtt_sample(struct sock *sk, u32 rtt_us)
{
	struct tcp_sock *tp = tcp_sk(sk);

	update(sk, min(rtt_us, 1u << 27));
	tp->srtt_us = max(tp->srtt_us, 1u);
	tcp_set_rto(sk);
}
