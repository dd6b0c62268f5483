/* SPDX-License-Identifier: MIT */
/*
 * The congestion window where no ACK changes it: its first size (RFC 6928), and what becomes of one
 * that is not used (RFC 7661, RFC 2861, as Linux does it). Socket lock held.
 */
#include "tcp_int.h"

u32 tcp_init_cwnd(const struct tcp_sock *tp, const struct dst_entry *dst)
{
	return min(dst && dst->initcwnd ? dst->initcwnd : TCP_INIT_CWND, tp->snd_cwnd_clamp);
}

u32 tcp_current_ssthresh(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (tcp_in_cwnd_reduction(sk))
		return tp->snd_ssthresh;
	return max(tp->snd_ssthresh, (tp->snd_cwnd >> 1) + (tp->snd_cwnd >> 2));
}

/* Unused for a retransmission time-out: half way down to what is used. */
static void application_limited(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 used;

	if (tp->ca_state == TCP_CA_Open && sk->sk_socket && !sock_flag(sk, SOCK_NOSPACE)) {
		used = max(tp->snd_cwnd_used, tcp_init_cwnd(tp, sk->sk_dst_cache));
		if (used < tp->snd_cwnd) {
			tp->snd_ssthresh = tcp_current_ssthresh(sk);
			tp->snd_cwnd = (tp->snd_cwnd + used) >> 1;
		}
		tp->snd_cwnd_used = 0;
	}
	tp->snd_cwnd_stamp_ms = tcp_time_stamp(tp);
}

static void starved(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->snd_cwnd_used = max(tp->snd_cwnd_used, tp->packets_out);
	if (tcp_net(sk)->tcp_slow_start_after_idle && !tp->ca_ops->cong_control &&
	    (s32)(tcp_time_stamp(tp) - tp->snd_cwnd_stamp_ms) >= (s32)(tp->rto_us / 1000))
		application_limited(sk);
	/* Nothing left to send although the writer waits: the send buffer is too small. */
	if (!tcp_send_head(sk) && sk->sk_socket && sock_flag(sk, SOCK_NOSPACE) &&
	    tcp_state_in(sk, TCPS(ESTABLISHED) | TCPS(CLOSE_WAIT)))
		tcp_chrono_start(sk, TCP_CHRONO_SNDBUF_LIMITED);
}

void tcp_cwnd_validate(struct sock *sk, bool is_cwnd_limited)
{
	struct tcp_sock *tp = tcp_sk(sk);

	/* The strongest sign within a window of data holds until its end. */
	if (!seq_before(tp->snd_una, tp->cwnd_usage_seq) || is_cwnd_limited ||
	    (!tp->is_cwnd_limited && tp->packets_out > tp->max_packets_out)) {
		tp->is_cwnd_limited = is_cwnd_limited;
		tp->max_packets_out = tp->packets_out;
		tp->cwnd_usage_seq = tp->snd_nxt;
	}
	if (tcp_is_cwnd_limited(sk)) {
		tp->snd_cwnd_used = 0;
		tp->snd_cwnd_stamp_ms = tcp_time_stamp(tp);
	} else {
		starved(sk);
	}
}

/* Half for each time-out that passed, not below the initial window. */
static void restart(struct sock *sk, s32 idle_ms)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 cwnd = tp->snd_cwnd, least = min(tcp_init_cwnd(tp, sk->sk_dst_cache), cwnd);
	s32 rto_ms = (s32)(tp->rto_us / 1000);

	tcp_ca_event(sk, CA_EVENT_CWND_RESTART);
	tp->snd_ssthresh = tcp_current_ssthresh(sk);
	for (idle_ms -= rto_ms; idle_ms > 0 && cwnd > least; idle_ms -= max(rto_ms, 1))
		cwnd >>= 1;
	tp->snd_cwnd = max(cwnd, least);
	tp->snd_cwnd_stamp_ms = tcp_time_stamp(tp);
	tp->snd_cwnd_used = 0;
}

void tcp_slow_start_after_idle_check(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	s32 idle_ms = (s32)(tcp_time_stamp(tp) - tp->lsndtime_ms);

	if (!tcp_net(sk)->tcp_slow_start_after_idle || tp->packets_out || tp->ca_ops->cong_control)
		return;
	if (idle_ms > (s32)(tp->rto_us / 1000))
		restart(sk, idle_ms);
}

/* ---- what holds the sender up (tcpi_busy_time and friends) -------------------------------------
 */

static void chrono_set(struct tcp_sock *tp, enum tcp_chrono what)
{
	u32 now_ms = tcp_time_stamp(tp);

	if (tp->chrono_type > TCP_CHRONO_UNSPEC)
		tp->chrono_stat_ms[tp->chrono_type] += now_ms - tp->chrono_start_ms;
	tp->chrono_start_ms = now_ms;
	tp->chrono_type = (u8)what;
}

void tcp_chrono_start(struct sock *sk, enum tcp_chrono what)
{
	if (what > tcp_sk(sk)->chrono_type)
		chrono_set(tcp_sk(sk), what);
}

void tcp_chrono_stop(struct sock *sk, enum tcp_chrono what)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tcp_send_head(sk) && rb_empty(&sk->tcp_rtx_queue))
		chrono_set(tp, TCP_CHRONO_UNSPEC);
	else if (what == tp->chrono_type)
		chrono_set(tp, TCP_CHRONO_BUSY);
}

void tcp_chrono_info(const struct tcp_sock *tp, struct tcp_info *info)
{
	u64 us[TCP_CHRONO_NR], total = 0;

	for (unsigned i = TCP_CHRONO_BUSY; i < TCP_CHRONO_NR; i++) {
		us[i] = tp->chrono_stat_ms[i];
		if (i == tp->chrono_type)
			us[i] += tcp_now_ms() - tp->chrono_start_ms;
		us[i] *= USEC_PER_MSEC;
		total += us[i];
	}
	info->tcpi_busy_time = total;
	info->tcpi_rwnd_limited = us[TCP_CHRONO_RWND_LIMITED];
	info->tcpi_sndbuf_limited = us[TCP_CHRONO_SNDBUF_LIMITED];
}
