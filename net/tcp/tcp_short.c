/* SPDX-License-Identifier: MIT */
/*
 * A short message while nothing is queued or in flight, as most answers to requests are: one
 * segment, which no window, no rule of Nagle's and no hope for more holds back. It is made and sent
 * without a look at all that; what is done is what the long way (tcp_sendmsg.c, tcp_write_xmit())
 * does with such a one. Socket lock held, thread context.
 */
#include "tcp_int.h"

#define INDIFFERENT_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_BATCH)

/* Is n bytes such a message? n may be anything. */
static bool is_short(const struct sock *sk, size_t n, int flags)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return n - 1 < TCP_MESSAGE_MAX && !(flags & ~INDIFFERENT_FLAGS) && !tp->packets_out &&
	       skb_queue_empty(&sk->sk_write_queue) && sk->sk_state == TCP_ESTABLISHED &&
	       !sk->sk_err && !(sk->sk_shutdown & SEND_SHUTDOWN) && tp->ca_state == TCP_CA_Open &&
	       !(tp->nonagle & TCP_NAGLE_CORK) && n <= tp->snd_wnd && !sk->sk_tsflags &&
	       !tp->urg_mode && !tp->mtup.enabled && !tp->fastopen_rsk &&
	       sk->sk_pacing_status == SK_PACING_NONE;
}

/* The segment, filled, charged and timed; NULL: no memory. */
static struct sk_buff *make(struct sock *sk, struct iov_iter *from, u32 n)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb = tcp_alloc_message(GFP_KERNEL);

	if (!skb)
		return NULL;
	copy_from_iter(skb_put(skb, n), n, from);
	tcp_init_skb(skb, tp->write_seq, TCPHDR_ACK | TCPHDR_PSH);
	if (!sk_wmem_schedule(sk, (int)skb->truesize)) /* the first always finds room */
		sk_forced_mem_schedule(sk, (int)skb->truesize);
	tcp_wmem_charge(sk, skb);
	tcp_mstamp_refresh(tp);
	tcp_chrono_start(sk, TCP_CHRONO_BUSY);
	tcp_slow_start_after_idle_check(sk);
	WRITE_ONCE(tp->write_seq.v, TCP_SKB_CB(skb)->end_seq.v);
	tp->pushed_seq = tp->write_seq;
	tp->nonagle &= (u8)~TCP_NAGLE_PUSH;
	return skb;
}

/* skb, which was sent, is all that is in flight. */
static void sent(struct sock *sk, struct sk_buff *skb, u32 mss)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->snd_nxt = TCP_SKB_CB(skb)->end_seq;
	tcp_rb_insert(&sk->tcp_rtx_queue, skb);
	TCP_SKB_CB(skb)->in_rtx = 1;
	tp->highest_sack = skb;
	tp->packets_out = 1;
	if (skb->len < mss)
		tp->snd_sml = tp->snd_nxt;
	TCP_STAT(sk, LINUX_MIB_TCPORIGDATASENT);
	tcp_cwnd_validate(sk, tp->snd_cwnd <= 1);
	if (!tcp_schedule_loss_probe(sk, true))
		tcp_rearm_rto(sk);
}

size_t tcp_send_short(struct sock *sk, struct iov_iter *from, int flags)
{
	size_t n = iov_iter_count(from);
	struct sk_buff *skb;
	u32 mss;

	if (!is_short(sk, n, flags))
		return 0;
	mss = tcp_current_mss(sk);
	if (n > mss)
		return 0;
	tcp_rate_check_app_limited(sk);
	skb = make(sk, from, (u32)n);
	if (!skb)
		return 0;
	if (likely(!tcp_transmit_skb(sk, skb, true, GFP_ATOMIC))) {
		sent(sk, skb, mss);
	} else {
		__skb_queue_tail(&sk->sk_write_queue, skb);
		tcp_check_probe_timer(sk);
	}
	return n;
}
