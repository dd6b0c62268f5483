/* SPDX-License-Identifier: MIT */
/*
 * Not sending everything at once. Pacing: each segment has a departure time, by the pacing rate;
 * the fq qdisc keeps to it, or, where there is none, a timer of ours. Small queues: no more of a
 * socket's data below TCP, in qdisc and device, than about a millisecond's worth; completions wake
 * the sender. Socket lock held, but for the timer and the destructor.
 */
#include "tcp_int.h"

void tcp_update_pacing_rate(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	const struct netns_tcp *nt = tcp_net(sk);
	u64 rate = (u64)tp->mss_cache * ((USEC_PER_SEC / 100) << 3);

	/* Near its end slow start no longer sends at twice the rate. */
	rate *= (u32)(tp->snd_cwnd < tp->snd_ssthresh / 2 ? nt->tcp_pacing_ss_ratio
							  : nt->tcp_pacing_ca_ratio);
	rate *= max(tp->snd_cwnd, tp->packets_out);
	if (tp->srtt_us)
		rate /= tp->srtt_us;
	WRITE_ONCE(sk->sk_pacing_rate, min(rate, sk->sk_max_pacing_rate));
}

/* ---- departure times --------------------------------------------------------------------------
 */

bool tcp_pacing_check(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (sk->sk_pacing_status != SK_PACING_NEEDED || tp->tcp_wstamp_ns <= tp->tcp_clock_ns)
		return false;
	if (!hrtimer_pending(&tp->pacing_timer)) {
		sock_hold(sk);
		hrtimer_start(&tp->pacing_timer, tp->tcp_wstamp_ns);
	}
	return true;
}

void tcp_pacing_sent(struct sock *sk, const struct sk_buff *skb, u64 prior_wstamp_ns)
{
	struct tcp_sock *tp = tcp_sk(sk);
	u64 rate = READ_ONCE(sk->sk_pacing_rate), len_ns;

	if (sk->sk_pacing_status == SK_PACING_NONE || rate == ~0ull || !rate ||
	    tp->data_segs_out < TCP_INIT_CWND) /* the initial window goes at once */
		return;
	len_ns = (u64)skb->len * NSEC_PER_SEC / rate;
	/* What the timer was late is made good. */
	len_ns -= min(len_ns / 2, tp->tcp_wstamp_ns - prior_wstamp_ns);
	tp->tcp_wstamp_ns += len_ns;
}

/* ---- small queues -----------------------------------------------------------------------------
 */

/* Nothing or one super-packet is in flight: completions that come late must not stop the flow. */
static bool rtx_queue_is_short(const struct sock *sk)
{
	const struct rb_node *first = rb_first(&sk->tcp_rtx_queue);

	return !first || !rb_next(first);
}

bool tcp_small_queue_check(struct sock *sk, const struct sk_buff *skb, unsigned factor)
{
	u64 limit;

	if (rb_empty(&sk->tcp_rtx_queue))
		return false;
	limit = max_t(u64, 2ull * skb->truesize,
		      READ_ONCE(sk->sk_pacing_rate) >> sk->sk_pacing_shift);
	if (sk->sk_pacing_status == SK_PACING_NONE)
		limit = min_t(u64, limit, (u64)tcp_net(sk)->tcp_limit_output_bytes);
	limit = max_t(u64, limit << factor, (u64)sk_tx_unawaited(sk));
	if ((u64)atomic_read(&sk->sk_wmem_alloc) <= limit || rtx_queue_is_short(sk))
		return false;
	set_bit(TCP_TSQ_THROTTLED, &sk->sk_tsq_flags);
	smp_mb(); /* pairs with tcp_wfree(): one of the two sees the other */
	return (u64)atomic_read(&sk->sk_wmem_alloc) > limit;
}

/* Room below: go on with what waits. */
void tcp_tsq_write(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (!tcp_state_in(sk, TCPS(ESTABLISHED) | TCPS(FIN_WAIT1) | TCPS(CLOSING) |
				      TCPS(CLOSE_WAIT) | TCPS(LAST_ACK)))
		return;
	tcp_mstamp_refresh(tp);
	if (tp->lost_out > tp->retrans_out && tp->snd_cwnd > tcp_packets_in_flight(tp))
		tcp_xmit_retransmit_queue(sk);
	tcp_push_pending(sk, tcp_current_mss(sk), tp->nonagle);
	tcp_check_space(sk);
	tcp_assert_valid(sk);
}

/* Takes a reference. */
static void tsq_handler(struct sock *sk)
{
	bh_lock_sock(sk);
	if (!sock_owned_by_user(sk))
		tcp_tsq_write(sk);
	else if (!test_and_set_bit(TCP_TSQ_DEFERRED, &sk->sk_tsq_flags))
		sock_hold(sk);
	bh_unlock_sock(sk);
	sock_put(sk);
}

static void tsq_call(void *arg)
{
	struct sock *sk = arg;

	clear_bit(TCP_TSQ_QUEUED, &sk->sk_tsq_flags);
	tsq_handler(sk);
}

static u64 pacing_timer(struct hrtimer *t)
{
	tsq_handler(&container_of(t, struct tcp_sock, pacing_timer)->inet.sk);
	return 0;
}

/* It waits for room below: go on in a softirq, unless everybody has closed it. */
static void tsq_kick(struct sock *sk)
{
	if (!refcount_inc_not_zero(&sk->sk_refcnt))
		return;
	if (test_and_set_bit(TCP_TSQ_QUEUED, &sk->sk_tsq_flags)) {
		sock_put(sk);
		return;
	}
	clear_bit(TCP_TSQ_THROTTLED, &sk->sk_tsq_flags);
	smp_call_function_single_async(smp_processor_id(), &tcp_sk(sk)->tsq_call);
}

void tcp_wfree(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	rcu_read_lock(); /* sk stays, though this packet may be the last that kept it */
	/* First the room, then the question: who says that it waits sees the one, or is seen. */
	sock_wfree(skb);
	if (unlikely(test_bit(TCP_TSQ_THROTTLED, &sk->sk_tsq_flags)))
		tsq_kick(sk);
	rcu_read_unlock();
}

void tcp_pacing_init(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	hrtimer_setup(&tp->pacing_timer, pacing_timer);
	tp->tsq_call = (struct call_single_data){.fn = tsq_call, .arg = sk};
	tp->tcp_wstamp_ns = 0;
}

void tcp_pacing_stop(struct sock *sk)
{
	if (hrtimer_del(&tcp_sk(sk)->pacing_timer))
		sock_put(sk);
}
