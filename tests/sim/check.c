/* SPDX-License-Identifier: MIT */
/*
 * The rules for sockets that hold after every event, when no thread and no softirq runs: whatever
 * waits for something has a timer that ends the wait, numbers are in order, accounts add up.
 */
#include "sim.h"

#include "../../net/tcp/tcp_int.h"

/* A socket's lines in a failure's report. */
static void describe(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	sim_note("  %s %x:%u %x:%u una %u nxt %u write %u rcv_nxt %u copied %u wnd %u/%u "
		 "out %u cwnd %u ca %u pending %u timer %d rto %u backoff %u ack %u/%d dead %d "
		 "wmem %d rmem %d fwd %d",
		 tcp_state_name(sk->sk_state), be32_get(sk->sk_rcv_saddr), sk->sk_num,
		 be32_get(sk->sk_daddr), be16_get(sk->sk_dport), tp->snd_una.v,
		 (u32)seq_diff(tp->snd_nxt, tp->snd_una), (u32)seq_diff(tp->write_seq, tp->snd_una),
		 tp->rcv_nxt.v, (u32)seq_diff(tp->rcv_nxt, tp->copied_seq), tp->snd_wnd,
		 tcp_receive_window(tp), tp->packets_out, tp->snd_cwnd, tp->ca_state, tp->pending,
		 timer_pending(&tp->retransmit_timer), tp->rto_us, tp->backoff, tp->ack.pending,
		 timer_pending(&tp->delack_timer), sock_flag(sk, SOCK_DEAD), sk->sk_wmem_queued,
		 (int)atomic_read(&sk->sk_rmem_alloc), sk->sk_forward_alloc);
}

#define RULE(sk, cond)                                   \
	do {                                             \
		if (!(cond)) {                           \
			describe(sk);                    \
			sim_fail("rule broken: " #cond); \
		}                                        \
	} while (0)

static void check_timers(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	bool handshake = tcp_state_in(sk, TCPS(SYN_SENT) | TCPS(SYN_RECV));

	/* Nothing is left to a thread that owns the socket: nobody does. */
	RULE(sk, !(sk->sk_tsq_flags & ((1ul << TCP_TSQ_THROTTLED) - 1)));
	RULE(sk, !tp->packets_out || tp->pending != TCP_PEND_NONE);
	RULE(sk, tp->pending == TCP_PEND_NONE || timer_pending(&tp->retransmit_timer));
	RULE(sk,
	     handshake || tp->packets_out || !tcp_send_head(sk) || tp->pending != TCP_PEND_NONE);
	RULE(sk, !(tp->ack.pending & TCP_ACK_SCHED) || timer_pending(&tp->delack_timer));
}

/* What its queues of segments to be sent cost. */
static int queued_truesize(struct sock *sk)
{
	struct sk_buff *skb;
	int n = 0;

	skb_queue_walk(&sk->sk_write_queue, skb)
		n += (int)skb->truesize;
	for (skb = tcp_rtx_queue_head(sk); skb; skb = tcp_rb_next(skb))
		n += (int)skb->truesize;
	return n;
}

static void check_connection(struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	RULE(sk, !sock_owned_by_user(sk) && !sk->sk_backlog.len);
	RULE(sk, seq_before_eq(tp->copied_seq, tp->rcv_nxt) || sk->sk_state == TCP_SYN_SENT);
	RULE(sk, atomic_read(&sk->sk_rmem_alloc) >= 0);
	RULE(sk, sk->sk_wmem_queued == queued_truesize(sk));
	RULE(sk, tcp_send_head(sk) || tp->packets_out || !sk->sk_wmem_queued);
	check_timers(sk);
	tcp_assert_valid(sk);
}

static void check_listener(const struct sock *sk)
{
	const struct tcp_sock *child;
	u32 n = 0;

	list_for_each_entry(child, &tcp_sk(sk)->accept_queue.head, accept_node)
		n++;
	RULE(sk, n == sk->sk_ack_backlog);
	RULE(sk, n <= sk->sk_max_ack_backlog + 1);
	RULE(sk, atomic_read(&tcp_sk(sk)->accept_queue.qlen) >= 0);
}

static void check_key(struct netns_tcp *nt, struct sock_key *key)
{
	const struct sock *sk = (const void *)key;

	switch (key->state) {
	case TCP_NEW_SYN_RECV:
		if (hlist_unhashed(&tcp_rsk(key)->slot) ||
		    !timer_pending(&nt->req_wheel[key->wheel_cpu].timer))
			sim_fail("a half-open record without a timer");
		break;
	case TCP_TIME_WAIT:
		if (!tcp_twsk(key)->in_slot || !timer_pending(&nt->tw_timer))
			sim_fail("a TIME-WAIT record without a timer");
		break;
	case TCP_LISTEN:
		check_listener(sk);
		break;
	default:
		check_connection(container_of(key, struct sock, __sk_common.skc_key));
		break;
	}
}

static unsigned walk(struct net *net, bool check, bool tell)
{
	struct netns_tcp *nt = net->tcp;
	struct hlist_node *n;
	unsigned count = 0;

	for (u32 i = 0; i <= nt->ehash.mask + TCP_LHASH_SIZE; i++) {
		n = i <= nt->ehash.mask ? nt->ehash.chain[i].first
					: nt->lhash[i - nt->ehash.mask - 1].first;
		for (; n; n = n->next) {
			struct sock_key *key = container_of(n, struct sock_key, node);

			count++;
			if (check)
				check_key(nt, key);
			if (tell && key->state != TCP_TIME_WAIT && key->state != TCP_NEW_SYN_RECV)
				describe((const void *)key);
			else if (tell)
				sim_note("  record in state %u refs %d", key->state,
					 refcount_read(&key->refcnt));
		}
	}
	return count;
}

void check_sockets(struct net *net)
{
	walk(net, true, false);
}

unsigned check_count(struct net *net, bool tell)
{
	return walk(net, false, tell);
}
