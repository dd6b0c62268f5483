/* SPDX-License-Identifier: MIT */
/*
 * The state of a connection: the table of states, the one function that changes it, and the
 * invariants that hold between events (RFC 9293 section 3.3.2).
 *
 *	CLOSE --connect--> SYN-SENT --SYN,ACK--> ESTABLISHED
 *	LISTEN --SYN--> (request) --ACK--> SYN-RECV --> ESTABLISHED
 *	ESTABLISHED --close--> FIN-WAIT-1 --ACK--> FIN-WAIT-2 --FIN--> TIME-WAIT
 *	ESTABLISHED --FIN--> CLOSE-WAIT --close--> LAST-ACK --ACK--> CLOSE
 *	simultaneous open: SYN-SENT --SYN--> SYN-RECV; close: FIN-WAIT-1 --FIN--> CLOSING
 *
 * TIME-WAIT and half-open passive connections are not sockets but small records
 * (tcp_timewait.c, tcp_minisocks.c). Context: socket lock held, or the socket not yet visible.
 */
#include "tcp_int.h"

#define X(id, text, f) [TCP_##id] = {text, f},
static const struct {
	const char *name;
	u32 facts;
} tcp_state_row[TCP_NSTATES] = {TCP_STATES(X)};
#undef X

#define X(id, text, f) +1
static_assert(0 TCP_STATES(X) == TCP_NSTATES - 1, "one row a state; there is no state 0");
#undef X

/* States that a state may follow, as a set; the diagram above in the form of a table. */
static const u32 tcp_state_from[TCP_NSTATES] __maybe_unused = {
	[TCP_ESTABLISHED] = TCPS(SYN_SENT) | TCPS(SYN_RECV),
	[TCP_SYN_SENT] = TCPS(CLOSE),
	[TCP_SYN_RECV] = TCPS(SYN_SENT) | TCPS(LISTEN),
	[TCP_FIN_WAIT1] = TCPS(ESTABLISHED) | TCPS(SYN_RECV),
	[TCP_FIN_WAIT2] = TCPS(FIN_WAIT1),
	[TCP_TIME_WAIT] = TCPS(FIN_WAIT1) | TCPS(FIN_WAIT2) | TCPS(CLOSING),
	[TCP_CLOSE] = ~0u,
	[TCP_CLOSE_WAIT] = TCPS(ESTABLISHED) | TCPS(SYN_RECV),
	[TCP_LAST_ACK] = TCPS(CLOSE_WAIT),
	[TCP_LISTEN] = TCPS(CLOSE),
	[TCP_CLOSING] = TCPS(FIN_WAIT1),
};

const char *tcp_state_name(u8 state)
{
	return state < TCP_NSTATES && tcp_state_row[state].name ? tcp_state_row[state].name : "?";
}

u32 tcp_state_facts(u8 state)
{
	return tcp_state_row[state].facts;
}

/* RFC 2012 counts ESTABLISHED and CLOSE-WAIT as current. */
static bool counts_as_established(u8 state)
{
	return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT;
}

void tcp_set_state(struct sock *sk, u8 state)
{
	u8 old = sk->sk_state;
	struct net *net = sock_net(sk);

	DEBUG_ASSERT(state == old || (tcp_state_from[state] & (1u << old)));
	if (counts_as_established(state) && !counts_as_established(old))
		TCP_INC_STATS(net, CURRESTAB);
	if (!counts_as_established(state) && counts_as_established(old))
		TCP_DEC_STATS(net, CURRESTAB);
	if (state == TCP_CLOSE) {
		if (counts_as_established(old))
			TCP_INC_STATS(net, ESTABRESETS);
		tcp_unhash(sk);
		tcp_source_put(net->tcp, sk->sk_daddr, TCP_SOURCE_CONN, tcp_sk(sk)->source_bits);
		tcp_sk(sk)->source_bits = 0;
		if (tcp_sk(sk)->tb && !(sk->sk_userlocks & SOCK_BINDPORT_LOCK))
			tcp_put_port(sk);
	}
	smp_store_release(&sk->sk_state, state);
}

void tcp_done(struct sock *sk)
{
	if (tcp_state_in(sk, TCPS(SYN_SENT) | TCPS(SYN_RECV)))
		TCP_INC_STATS(sock_net(sk), ATTEMPTFAILS);
	tcp_set_state(sk, TCP_CLOSE);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	if (sock_flag(sk, SOCK_DEAD)) {
		tcp_orphan_done(sk);
		return;
	}
	tcp_clear_timers(sk);
	tcp_fastopen_remove(sk);
	sk->sk_state_change(sk);
}

void tcp_done_with_error(struct sock *sk, int err)
{
	WRITE_ONCE(sk->sk_err, err);
	tcp_write_queue_purge(sk);
	if (!sock_flag(sk, SOCK_DEAD))
		sk->sk_error_report(sk);
	tcp_done(sk);
}

bool tcp_close_state(struct sock *sk)
{
	switch (sk->sk_state) {
	case TCP_ESTABLISHED:
	case TCP_SYN_RECV:
		tcp_set_state(sk, TCP_FIN_WAIT1);
		return true;
	case TCP_CLOSE_WAIT:
		tcp_set_state(sk, TCP_LAST_ACK);
		return true;
	case TCP_SYN_SENT:
	case TCP_LISTEN:
		tcp_set_state(sk, TCP_CLOSE);
		return false;
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
	case TCP_TIME_WAIT:
	case TCP_CLOSE:
		return false;
	}
	return false;
}

#ifdef DEBUG
/* The retransmit queue covers [snd_una, snd_nxt) without a gap, and its marks add up. */
static void assert_rtx_queue(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 packets = 0, sacked = 0, lost = 0, retrans = 0;
	struct sk_buff *skb;
	seq32 next = tp->snd_una;

	for (skb = tcp_rtx_queue_head(sk); skb; skb = tcp_rb_next(skb)) {
		const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

		DEBUG_ASSERT(seq_before_eq(cb->seq, next) && seq_after(cb->end_seq, cb->seq));
		DEBUG_ASSERT(packets == 0 || seq_eq(cb->seq, next));
		next = cb->end_seq;
		packets += cb->gso_segs;
		sacked += cb->sacked & TCPCB_SACKED_ACKED ? cb->gso_segs : 0;
		lost += cb->sacked & TCPCB_LOST ? cb->gso_segs : 0;
		retrans += cb->sacked & TCPCB_SACKED_RETRANS ? cb->gso_segs : 0;
	}
	DEBUG_ASSERT(seq_eq(next, tp->snd_nxt) || !packets);
	DEBUG_ASSERT(packets == tp->packets_out && lost == tp->lost_out);
	DEBUG_ASSERT(retrans == tp->retrans_out);
	DEBUG_ASSERT(!tcp_is_sack(tp) || sacked == tp->sacked_out);
	DEBUG_ASSERT(tcp_left_out(tp) <= packets);
}

void tcp_assert_valid(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (!(tcp_state_facts(sk->sk_state) & TCPF_CONN))
		return;
	DEBUG_ASSERT(seq_before_eq(tp->snd_una, tp->snd_nxt));
	DEBUG_ASSERT(seq_before_eq(tp->snd_nxt, tp->write_seq));
	DEBUG_ASSERT(seq_before_eq(tp->rcv_wup, tp->rcv_nxt));
	DEBUG_ASSERT(tp->snd_cwnd > 0 && tp->mss_cache > 0);
	/* Nothing in flight without a timer that ends the wait. */
	DEBUG_ASSERT(!tp->packets_out || tp->pending != TCP_PEND_NONE);
	if (tp->packets_out < 256)
		assert_rtx_queue(sk);
}
#endif
