/* SPDX-License-Identifier: MIT */
/*
 * Timers of a connection: retransmission or persist (one slot: they exclude each other), delayed
 * ACK, keepalive and FIN-WAIT-2. Each holds a reference while armed. One that finds the socket
 * owned by a thread leaves a bit that release_sock() works off. RFC 6298, RFC 9293 3.8.
 */
#include "tcp_int.h"

/* ---- arming ---------------------------------------------------------------------------------- */

void tcp_arm(struct sock *sk, enum tcp_pending what, u64 delay_us)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->pending = (u8)what;
	tp->timeout_ns = ktime_get_ns() + delay_us * NSEC_PER_USEC;
	sk_reset_timer(sk, &tp->retransmit_timer, tp->timeout_ns);
}

void tcp_disarm(struct sock *sk)
{
	tcp_sk(sk)->pending = TCP_PEND_NONE;
	sk_stop_timer(sk, &tcp_sk(sk)->retransmit_timer);
}

void tcp_rearm_rto(struct sock *sk)
{
	if (tcp_sk(sk)->packets_out)
		tcp_arm(sk, TCP_PEND_RETRANS, tcp_sk(sk)->rto_us);
	else
		tcp_disarm(sk);
}

u64 tcp_probe0_when_us(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return min_t(u64, (u64)max(tp->rto_us, 200000u) << min(tp->backoff + 0u, 16u),
		     tcp_rto_max_us(sk));
}

void tcp_check_probe_timer(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tp->packets_out && tp->pending == TCP_PEND_NONE)
		tcp_arm(sk, TCP_PEND_PROBE0, tcp_probe0_when_us(sk));
}

u32 tcp_keepalive_time_s(const struct tcp_sock *tp)
{
	return tp->keepalive_time_s ? tp->keepalive_time_s
				    : (u32)tcp_net(&tp->inet.sk)->tcp_keepalive_time;
}
u32 tcp_keepalive_intvl_s(const struct tcp_sock *tp)
{
	return tp->keepalive_intvl_s ? tp->keepalive_intvl_s
				     : (u32)tcp_net(&tp->inet.sk)->tcp_keepalive_intvl;
}
u32 tcp_keepalive_probes(const struct tcp_sock *tp)
{
	return tp->keepalive_probes ? tp->keepalive_probes
				    : (u32)tcp_net(&tp->inet.sk)->tcp_keepalive_probes;
}
u32 tcp_fin_time_s(const struct sock *sk)
{
	int s = tcp_sk(sk)->linger2_s;

	return s > 0 ? (u32)s : (u32)tcp_net(sk)->tcp_fin_timeout;
}

void tcp_reset_keepalive_timer(struct sock *sk, u64 delay_us)
{
	sk_reset_timer(sk, &sk->sk_timer, ktime_get_ns() + delay_us * NSEC_PER_USEC);
}

void tcp_set_keepalive(struct sock *sk, int on)
{
	if (tcp_state_in(sk, TCPS(CLOSE) | TCPS(LISTEN)))
		return;
	if (on && !sock_flag(sk, SOCK_KEEPOPEN))
		tcp_reset_keepalive_timer(sk, (u64)tcp_keepalive_time_s(tcp_sk(sk)) * USEC_PER_SEC);
	else if (!on)
		sk_stop_timer(sk, &sk->sk_timer);
}

/* ---- giving up ---------------------------------------------------------------------------------
 */

static void write_err(struct sock *sk)
{
	int err = sk->sk_err_soft ? sk->sk_err_soft : ETIMEDOUT;

	TCP_STAT(sk, LINUX_MIB_TCPABORTONTIMEOUT);
	tcp_done_with_error(sk, err);
}

/* An orphan is worth less: fewer attempts, none where there are too many orphans. */
static bool orphan_gives_up(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 tries = (u32)tcp_net(sk)->tcp_orphan_retries;

	if (!sock_flag(sk, SOCK_DEAD))
		return false;
	if (tcp_too_many_orphans(sk)) {
		TCP_STAT(sk, LINUX_MIB_TCPABORTONMEMORY);
		tcp_send_active_reset(sk, GFP_ATOMIC);
		tcp_done(sk);
		return true;
	}
	if (max(tp->retransmits + 0u, tp->probes_out + 0u) < (tries ? tries : 8u))
		return false;
	write_err(sk);
	return true;
}

static bool user_timeout(const struct tcp_sock *tp)
{
	return tp->user_timeout_ms && tp->retrans_stamp_ms &&
	       tcp_now_ms() - tp->retrans_stamp_ms >= tp->user_timeout_ms;
}

static bool retransmit_gives_up(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 tries = (u32)tcp_net(sk)->tcp_retries2;

	if (tcp_state_in(sk, TCPS(SYN_SENT) | TCPS(SYN_RECV)))
		tries = tp->syn_retries ? tp->syn_retries : (u32)tcp_net(sk)->tcp_syn_retries;
	else if (orphan_gives_up(sk))
		return true;
	if (tp->retransmits < tries && !user_timeout(tp))
		return false;
	write_err(sk);
	return true;
}

/* ---- what the slot stands for
 * -------------------------------------------------------------------- */

static void retransmit_timeout(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *head = tcp_rtx_queue_head(sk);

	if (!head || retransmit_gives_up(sk))
		return;
	TCP_STAT(sk, LINUX_MIB_TCPTIMEOUTS);
	tcp_enter_loss(sk);
	tp->retransmits++;
	if (tcp_retransmit_skb(sk, head) == -ENOBUFS) {
		/* Local congestion: the path is not to blame, no back-off. */
		tcp_arm(sk, TCP_PEND_RETRANS, min(tp->rto_us, TCP_RESOURCE_PROBE_US));
		return;
	}
	tp->backoff++;
	tp->rto_us = min(tp->rto_us << 1, tcp_rto_max_us(sk));
	tcp_arm(sk, TCP_PEND_RETRANS, tp->rto_us);
}

static void probe_timeout(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 tries = (u32)tcp_net(sk)->tcp_retries2;

	if (tp->packets_out || !tcp_send_head(sk)) {
		tp->probes_out = 0;
		return;
	}
	if (orphan_gives_up(sk))
		return;
	/* A peer that answers may keep its window closed for ever (RFC 9293 MUST-36). */
	if (tp->probes_out >= tries) {
		write_err(sk);
		return;
	}
	if (tcp_write_wakeup(sk) == 0) {
		tp->probes_out++;
		if (tp->backoff < 16)
			tp->backoff++;
	}
	if (!tp->packets_out)
		tcp_arm(sk, TCP_PEND_PROBE0, tcp_probe0_when_us(sk));
}

static void write_timer_handler(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u8 what = tp->pending;

	if (tcp_state_in(sk, TCPS(CLOSE) | TCPS(LISTEN)) || what == TCP_PEND_NONE)
		return;
	if (tp->timeout_ns > ktime_get_ns()) { /* was put off while this ran up */
		sk_reset_timer(sk, &tp->retransmit_timer, tp->timeout_ns);
		return;
	}
	tcp_mstamp_refresh(tp);
	tp->pending = TCP_PEND_NONE;
	if (what == TCP_PEND_RETRANS)
		retransmit_timeout(sk);
	else
		probe_timeout(sk);
	tcp_assert_valid(sk);
}

/* ---- keepalive (RFC 9293 section 3.8.4) and FIN-WAIT-2
 * ---------------------------------------------- */

static void send_keepalive(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 idle_ms = tcp_now_ms() - max(tp->rcv_tstamp_ms, tp->ack.lrcvtime_ms);
	u64 wait_us = (u64)tcp_keepalive_time_s(tp) * USEC_PER_SEC;

	if (tp->packets_out || tcp_send_head(sk)) { /* the other timers watch the peer */
		tcp_reset_keepalive_timer(sk, wait_us);
		return;
	}
	if ((u64)idle_ms * USEC_PER_MSEC < wait_us) {
		tcp_reset_keepalive_timer(sk, wait_us - (u64)idle_ms * USEC_PER_MSEC);
		return;
	}
	if (tp->keepalive_probes_sent >= tcp_keepalive_probes(tp) ||
	    (tp->user_timeout_ms && idle_ms >= tp->user_timeout_ms && tp->keepalive_probes_sent)) {
		tcp_send_active_reset(sk, GFP_ATOMIC);
		write_err(sk);
		return;
	}
	wait_us = TCP_RESOURCE_PROBE_US;
	if (tcp_send_probe_segment(sk) == 0) {
		TCP_STAT(sk, LINUX_MIB_TCPKEEPALIVE);
		tp->keepalive_probes_sent++;
		wait_us = (u64)tcp_keepalive_intvl_s(tp) * USEC_PER_SEC;
	}
	tcp_reset_keepalive_timer(sk, wait_us);
}

static void keepalive_timer(struct timer *t)
{
	struct sock *sk = container_of(t, struct sock, sk_timer);

	bh_lock_sock(sk);
	if (sock_owned_by_user(sk)) {
		tcp_reset_keepalive_timer(sk, 50000);
	} else if (sk->sk_state == TCP_FIN_WAIT2 && sock_flag(sk, SOCK_DEAD)) {
		tcp_done(sk); /* the peer never sent its FIN */
	} else if (sock_flag(sk, SOCK_KEEPOPEN) &&
		   !tcp_state_in(sk, TCPS(CLOSE) | TCPS(LISTEN) | TCPS(SYN_SENT))) {
		tcp_mstamp_refresh(tcp_sk(sk));
		send_keepalive(sk);
	}
	bh_unlock_sock(sk);
	sock_put(sk);
}

/* ---- timers and an owned socket
 * --------------------------------------------------------------------- */

/* Leave work for release_cb(): the bit holds a reference. */
static void defer(struct sock *sk, unsigned bit)
{
	if (!test_and_set_bit(bit, &sk->sk_tsq_flags))
		sock_hold(sk);
}

static void write_timer(struct timer *t)
{
	struct sock *sk = &container_of(t, struct tcp_sock, retransmit_timer)->inet.sk;

	bh_lock_sock(sk);
	if (sock_owned_by_user(sk))
		defer(sk, TCP_WRITE_TIMER_DEFERRED);
	else
		write_timer_handler(sk);
	bh_unlock_sock(sk);
	sock_put(sk);
}

static void delack_timer(struct timer *t)
{
	struct sock *sk = &container_of(t, struct tcp_sock, delack_timer)->inet.sk;

	bh_lock_sock(sk);
	if (sock_owned_by_user(sk)) {
		TCP_STAT(sk, LINUX_MIB_DELAYEDACKLOCKED);
		defer(sk, TCP_DELACK_TIMER_DEFERRED);
	} else {
		tcp_delack_timer_handler(sk);
	}
	bh_unlock_sock(sk);
	sock_put(sk);
}

void tcp_release_cb(struct sock *sk)
{
	static void (*const work[])(struct sock *) = {
		[TCP_WRITE_TIMER_DEFERRED] = write_timer_handler,
		[TCP_DELACK_TIMER_DEFERRED] = tcp_delack_timer_handler,
		[TCP_MTU_REDUCED_DEFERRED] = tcp_mtu_reduced,
		[TCP_TSQ_DEFERRED] = tcp_tsq_write,
	};

	if (!READ_ONCE(sk->sk_tsq_flags))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(work); i++) {
		if (!test_and_clear_bit(i, &sk->sk_tsq_flags))
			continue;
		work[i](sk);
		sock_put(sk);
	}
}

void tcp_init_timers(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->pending = TCP_PEND_NONE;
	timer_setup(&tp->retransmit_timer, write_timer);
	timer_setup(&tp->delack_timer, delack_timer);
	timer_setup(&sk->sk_timer, keepalive_timer);
	tcp_pacing_init(sk);
}

void tcp_clear_timers(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tcp_disarm(sk);
	tp->ack.pending = 0;
	sk_stop_timer(sk, &tp->delack_timer);
	sk_stop_timer(sk, &sk->sk_timer);
	tcp_pacing_stop(sk);
}
