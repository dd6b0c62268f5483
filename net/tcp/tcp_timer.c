/* SPDX-License-Identifier: MIT */
/*
 * Timers of a connection: retransmission, tail loss probe, reordering or persist (one slot: they
 * exclude each other), delayed ACK, keepalive and FIN-WAIT-2. Each holds a reference while armed.
 * One that finds the socket owned by a thread leaves a bit that release_sock() works off. RFC 6298,
 * RFC 9293 3.8.
 */
#include "tcp_int.h"

/* ---- arming ---------------------------------------------------------------------------------- */

/* Have t fire at expires_ns or earlier: its handler looks at the clock and arms it again. Time-outs
 * are put off or called off with nearly every segment, so a timer that runs is left running. */
void tcp_timer_by(struct sock *sk, struct timer *t, u64 expires_ns)
{
	if (!timer_pending(t) || READ_ONCE(t->expires_ns) > expires_ns)
		sk_reset_timer(sk, t, expires_ns);
}

void tcp_arm(struct sock *sk, enum tcp_pending what, u64 delay_us)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->pending = (u8)what;
	tp->timeout_ns = tp->tcp_clock_ns + delay_us * NSEC_PER_USEC;
	tcp_timer_by(sk, &tp->retransmit_timer, tp->timeout_ns);
}

void tcp_disarm(struct sock *sk)
{
	tcp_sk(sk)->pending = TCP_PEND_NONE;
}

s64 tcp_rto_delta_us(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	const struct sk_buff *head = tcp_rtx_queue_head(sk);

	return head ? (s64)(tcp_skb_timestamp_us(head) + tp->rto_us - tp->tcp_mstamp_us)
		    : (s64)tp->rto_us;
}

void tcp_rearm_rto(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u64 us = tp->rto_us;

	if (tp->fastopen_rsk) /* the timer is the SYN-ACK's */
		return;
	if (!tp->packets_out) {
		tcp_disarm(sk);
		return;
	}
	/* The slot was lent: the time since then counts. */
	if (tp->pending == TCP_PEND_REO_TIMEOUT || tp->pending == TCP_PEND_LOSS_PROBE)
		us = (u64)max(tcp_rto_delta_us(sk), (s64)1);
	tcp_arm(sk, TCP_PEND_RETRANS, us + tcp_pacing_delay_us(tp));
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

	if (!tp->packets_out && tp->pending == TCP_PEND_NONE) {
		tp->probes_stamp_ms = 0;
		tcp_arm(sk, TCP_PEND_PROBE0, tcp_probe0_when_us(sk));
	}
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

#define ORPHAN_TRIES          8u
#define ORPHAN_TRIES_PRESSURE 3u

/* An orphan is worth less: fewer attempts, and fewer still where memory is short; none where there
 * are too many orphans. A peer that answers probes and keeps its window shut, which a socket would
 * bear for ever, counts as one that does not answer: the back-off tells how often it was asked. */
static bool orphan_gives_up(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 tries = (u32)tcp_net(sk)->tcp_orphan_retries, tried;

	if (!sock_flag(sk, SOCK_DEAD))
		return false;
	if (tcp_too_many_orphans(sk)) {
		TCP_STAT(sk, LINUX_MIB_TCPABORTONMEMORY);
		tcp_send_active_reset(sk, GFP_ATOMIC);
		tcp_done(sk);
		return true;
	}
	tries = tries ? tries : ORPHAN_TRIES;
	if (READ_ONCE(*sk->sk_prot->memory_pressure) && sk->sk_wmem_queued > SOCK_MIN_SNDBUF)
		tries = min(tries, ORPHAN_TRIES_PRESSURE);
	tried = max(tp->retransmits + 0u, tp->probes_out + 0u);
	if (max(tried, tp->backoff + 0u) < tries)
		return false;
	write_err(sk);
	return true;
}

static bool in_handshake(const struct sock *sk)
{
	return tcp_state_in(sk, TCPS(SYN_SENT) | TCPS(SYN_RECV));
}

/* How long so many retransmissions last, with the shortest RTO (RFC 1122 section 4.2.3.5: the
 * limits R1 and R2 are times, whatever the real RTO). */
static u64 model_timeout_ms(const struct sock *sk, u32 tries, u32 base_us)
{
	u64 base = base_us / 1000, most = tcp_rto_max_us(sk) / 1000, ms = 0, rto = base;

	for (u32 i = 0; i <= tries; i++) {
		ms += rto;
		rto = min(rto << 1, most);
	}
	return ms;
}

/* Since when there has been no progress: the first time-out of this run, or the SYN. */
static u32 stalled_ms(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return tcp_time_stamp(tp) - (in_handshake(sk) ? tp->retrans_stamp_ms : tp->rto_stamp_ms);
}

/* Have we been retransmitting for as long as so many tries last, or for timeout_ms if not 0? */
static bool retransmits_timed_out(const struct sock *sk, u32 tries, u32 timeout_ms)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 base_us = in_handshake(sk) ? TCP_TIMEOUT_INIT_US : TCP_RTO_BASE_US;
	u64 ms = timeout_ms ? timeout_ms : model_timeout_ms(sk, tries, base_us);

	return tp->retransmits && stalled_ms(sk) >= ms;
}

/* SYNs at an even pace come before those that are counted; who counts them himself (TCP_SYNCNT)
 * gets just so many, each after twice the time. */
static u32 linear_syns(const struct sock *sk)
{
	return tcp_sk(sk)->syn_retries ? 0 : (u32)tcp_net(sk)->tcp_syn_linear_timeouts;
}

static bool handshake_gives_up(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	const struct netns_tcp *nt = tcp_net(sk);
	u32 tries = tp->syn_retries ? tp->syn_retries : (u32)nt->tcp_syn_retries;

	if (tp->user_timeout_ms && retransmits_timed_out(sk, 0, tp->user_timeout_ms))
		return true;
	if (sk->sk_state == TCP_SYN_SENT)
		tries += linear_syns(sk);
	return tp->retransmits >= tries;
}

static bool retransmit_gives_up(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct netns_tcp *nt = tcp_net(sk);
	bool over;

	if (in_handshake(sk)) {
		over = handshake_gives_up(sk);
	} else {
		if (orphan_gives_up(sk))
			return true;
		if (retransmits_timed_out(sk, (u32)nt->tcp_retries1, 0))
			tcp_mtu_black_hole(sk);
		over = retransmits_timed_out(sk, (u32)nt->tcp_retries2, tp->user_timeout_ms);
	}
	if (over)
		write_err(sk);
	return over;
}

/* ---- what the slot stands for
 * -------------------------------------------------------------------- */

/* The first time-out of a loss ends what there was of recovery. */
static void count_failure(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	bool sack = tcp_is_sack(tp);

	if (tp->retransmits)
		return;
	if (tp->ca_state == TCP_CA_Recovery)
		TCP_STAT(sk, sack ? LINUX_MIB_TCPSACKRECOVERYFAIL : LINUX_MIB_TCPRENORECOVERYFAIL);
	else if (tp->ca_state == TCP_CA_Loss)
		TCP_STAT(sk, LINUX_MIB_TCPLOSSFAILURES);
	else if (tp->ca_state == TCP_CA_Disorder || tp->sacked_out)
		TCP_STAT(sk, sack ? LINUX_MIB_TCPSACKFAILURES : LINUX_MIB_TCPRENOFAILURES);
}

/* The peer took its window back: what is sent again is a probe of it, and the connection lives as
 * long as the peer answers. True: it does not. */
static bool rtx_probe0_timed_out(const struct sock *sk, const struct sk_buff *head)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 since_ms = tcp_time_stamp(tp) - tp->rcv_tstamp_ms;
	u64 limit_ms = (u64)tcp_rto_max_us(sk) * 2 / 1000;
	u64 sent_ms = (tp->tcp_mstamp_us - tcp_skb_timestamp_us(head)) / USEC_PER_MSEC;

	if (tp->user_timeout_ms)
		return since_ms > tp->user_timeout_ms;
	return since_ms > limit_ms && sent_ms > limit_ms;
}

static bool window_is_shut(const struct sock *sk)
{
	return !tcp_sk(sk)->snd_wnd && !sock_flag(sk, SOCK_DEAD) && !in_handshake(sk);
}

/* Enter Loss and send the head again. False: give it some time, this host is congested. */
static bool resend_head(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	int err;

	count_failure(sk);
	tcp_enter_loss(sk);
	if (!tp->retransmits) {
		tp->total_rto_recoveries++;
		tp->rto_stamp_ms = tcp_time_stamp(tp);
	}
	tp->retransmits = (u8)min(tp->retransmits + 1u, 255u);
	tp->total_rto++;
	err = tcp_retransmit_skb(sk, tcp_rtx_queue_head(sk), 1);
	return err <= 0 && err != -ENOBUFS;
}

#define THIN_PACKETS        4u /* in flight at most: too few for duplicate ACKs to find a loss */
#define THIN_LINEAR_RETRIES 6u

/* A stream that sends little at a time, and for which somebody asked not to back off at once. */
static bool thin_and_linear(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return sk->sk_state == TCP_ESTABLISHED &&
	       (tp->thin_lto || tcp_net(sk)->tcp_thin_linear_timeouts) &&
	       tp->packets_out < THIN_PACKETS && tp->snd_ssthresh < TCP_INFINITE_SSTHRESH &&
	       tp->retransmits <= THIN_LINEAR_RETRIES;
}

/* Twice the time; the first SYNs go at an even pace (net.ipv4.tcp_syn_linear_timeouts). */
static void back_off(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (sk->sk_state == TCP_SYN_SENT && tp->total_rto <= linear_syns(sk))
		return;
	if (thin_and_linear(sk)) {
		tp->backoff = 0;
		tcp_set_rto(sk);
		return;
	}
	tp->backoff = (u8)min(tp->backoff + 1u, 255u);
	tp->rto_us = min(tp->rto_us << 1, tcp_rto_max_us(sk));
}

/* The RTO, but not beyond the end of the user's time-out. */
static u64 rto_within_user_timeout(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	s64 left_ms = (s64)tp->user_timeout_ms - (s64)stalled_ms(sk);

	if (!tp->user_timeout_ms)
		return tp->rto_us;
	return (u64)max(min((s64)tp->rto_us, left_ms * 1000), (s64)1000);
}

static void retransmit_timeout(struct sock *sk)
{
	struct sk_buff *head = tcp_rtx_queue_head(sk);

	if (tcp_sk(sk)->fastopen_rsk) {
		if (!tcp_fastopen_synack_timer(sk))
			write_err(sk);
		return;
	}
	if (!head)
		return;
	if (window_is_shut(sk)) {
		if (rtx_probe0_timed_out(sk, head)) {
			write_err(sk);
			return;
		}
		tcp_enter_loss(sk);
		tcp_retransmit_skb(sk, tcp_rtx_queue_head(sk), 1);
	} else {
		TCP_STAT(sk, LINUX_MIB_TCPTIMEOUTS);
		if (retransmit_gives_up(sk))
			return;
		if (!resend_head(sk)) {
			/* The path is not to blame: no back-off. */
			tcp_arm(sk, TCP_PEND_RETRANS, TCP_RESOURCE_PROBE_US);
			return;
		}
	}
	back_off(sk);
	tcp_arm(sk, TCP_PEND_RETRANS, rto_within_user_timeout(sk));
	if (retransmits_timed_out(sk, (u32)tcp_net(sk)->tcp_retries1 + 1, 0))
		sk_dst_reset(sk);
}

/* What is left of the user's time-out (RFC 5482) for probes; <= 0: nothing. Without one, for ever.
 */
static s64 probe_time_left_us(const struct tcp_sock *tp)
{
	if (!tp->user_timeout_ms)
		return INT64_MAX;
	return ((s64)tp->user_timeout_ms - (s32)(tcp_time_stamp(tp) - tp->probes_stamp_ms)) * 1000;
}

static bool probes_give_up(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (orphan_gives_up(sk))
		return true;
	if (!tp->probes_stamp_ms)
		tp->probes_stamp_ms = max(tcp_time_stamp(tp), 1u);
	/* A peer that answers may keep its window closed for ever (RFC 9293 MUST-36), but for a
	 * user who does not want to wait so long. */
	if (tp->probes_out < (u32)tcp_net(sk)->tcp_retries2 && probe_time_left_us(tp) > 0)
		return false;
	write_err(sk);
	return true;
}

static void probe_timeout(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u64 when_us = TCP_RESOURCE_PROBE_US; /* where this host is congested, soon again */
	int err;

	if (tp->packets_out || !tcp_send_head(sk)) {
		tp->probes_out = 0;
		tp->probes_stamp_ms = 0;
		return;
	}
	if (probes_give_up(sk))
		return;
	err = tcp_write_wakeup(sk);
	if (tp->packets_out || !tcp_send_head(sk)) {
		tp->probes_out = 0;
		tp->probes_stamp_ms = 0;
		return;
	}
	tp->probes_out++;
	if (err <= 0 && err != -ENOBUFS) {
		if (tp->backoff < (u32)tcp_net(sk)->tcp_retries2)
			tp->backoff++;
		when_us = tcp_probe0_when_us(sk);
	}
	when_us = min(when_us, (u64)max(probe_time_left_us(tp), (s64)TCP_TIMEOUT_MIN_US));
	tcp_arm(sk, TCP_PEND_PROBE0, when_us);
}

static void write_timer_handler(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u8 what = tp->pending;

	if (tcp_state_in(sk, TCPS(CLOSE) | TCPS(LISTEN)) || what == TCP_PEND_NONE)
		return;
	tcp_mstamp_refresh(tp);
	if (tp->timeout_ns > tp->tcp_clock_ns) { /* was put off while this ran up */
		sk_reset_timer(sk, &tp->retransmit_timer, tp->timeout_ns);
		return;
	}
	switch (what) {
	case TCP_PEND_REO_TIMEOUT:
		tcp_rack_reo_timeout(sk);
		break;
	case TCP_PEND_LOSS_PROBE:
		tcp_send_loss_probe(sk);
		break;
	case TCP_PEND_RETRANS:
		tp->pending = TCP_PEND_NONE;
		retransmit_timeout(sk);
		break;
	case TCP_PEND_PROBE0:
		tp->pending = TCP_PEND_NONE;
		probe_timeout(sk);
		break;
	}
	tcp_assert_valid(sk);
}

/* ---- keepalive (RFC 9293 section 3.8.4) and FIN-WAIT-2
 * ---------------------------------------------- */

static void send_keepalive(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u32 idle_ms = tcp_time_stamp(tp) - max(tp->rcv_tstamp_ms, tp->ack.lrcvtime_ms);
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

/* The peer has not sent its FIN. A record waits for the last minute of a longer wait. */
static void fin_wait2_timer(struct sock *sk)
{
	if (tcp_fin_time_s(sk) > TCP_TIMEWAIT_LEN_S) {
		tcp_time_wait(sk, TCP_FIN_WAIT2);
		return;
	}
	tcp_send_active_reset(sk, GFP_ATOMIC);
	tcp_done(sk);
}

static void keepalive_timer(struct timer *t)
{
	struct sock *sk = container_of(t, struct sock, sk_timer);

	bh_lock_sock(sk);
	if (sock_owned_by_user(sk)) {
		tcp_reset_keepalive_timer(sk, 50000);
	} else if (sk->sk_state == TCP_FIN_WAIT2 && sock_flag(sk, SOCK_DEAD)) {
		fin_wait2_timer(sk);
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
	sk_stop_timer(sk, &tp->retransmit_timer);
	sk_stop_timer(sk, &tp->delack_timer);
	sk_stop_timer(sk, &sk->sk_timer);
	tcp_pacing_stop(sk);
}
