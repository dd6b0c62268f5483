/* SPDX-License-Identifier: MIT */
/*
 * Round-trip time and retransmission time-out (RFC 6298). Samples come from timestamps (RFC 7323
 * section 4), or from segments that were sent once (Karn). As in Linux the lower bound applies to
 * the variance term, so that the RTO stays above the measured time by at least tcp_rto_min_us.
 */
#include "tcp_int.h"

void tcp_rtt_init(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->srtt_us = tp->rttvar_us = 0;
	minmax_reset(&tp->rtt_min, tcp_now_ms(), ~0u);
	tp->rto_us = TCP_TIMEOUT_INIT_US;
}

/* srtt is kept times 8 and rttvar times 4: the gains of (2.3) become shifts. */
void tcp_rtt_sample(struct sock *sk, u32 rtt_us)
{
	struct tcp_sock *tp = tcp_sk(sk);
	s32 err;

	rtt_us = clamp_t(u32, rtt_us, 1, 1u << 27);
	minmax_running_min(&tp->rtt_min, 300000, tcp_now_ms(), rtt_us);
	if (!tp->srtt_us) {
		tp->srtt_us = rtt_us << 3;
		tp->rttvar_us = rtt_us << 1;
	} else {
		err = (s32)(rtt_us - (tp->srtt_us >> 3));
		tp->srtt_us += (u32)err;
		tp->srtt_us = max(tp->srtt_us, 1u);
		tp->rttvar_us += (u32)(err < 0 ? -err : err) - (tp->rttvar_us >> 2);
	}
	tp->rto_us = (tp->srtt_us >> 3) + max(tp->rttvar_us, (u32)tcp_net(sk)->tcp_rto_min_us);
	tp->rto_us = min(tp->rto_us, tcp_rto_max_us(sk));
}
