/* SPDX-License-Identifier: MIT */
/*
 * Congestion control as TCP's files and the modules (tcp_cubic.c, tcp_bbr.c ...) know it: which
 * module a socket has, what modules share, the congestion window's validation, ECN, pacing.
 * Included by tcp_int.h. Socket lock held.
 */
#ifndef TCP_CC_INT_H
#define TCP_CC_INT_H

#include <linux/inet_diag.h>
#include <net/tcp.h>

/* ---- tcp_cc.c: modules -------------------------------------------------------------------------
 */
#define TCP_CONG_NON_RESTRICTED 1u /* any application may choose it from the start */
#define TCP_CONG_NEEDS_ECN      2u /* it wants marks: ECT on everything */

#define TCP_CONGESTION_CONTROL(sym)                               \
	static const struct tcp_congestion_ops *const sym##_entry \
		__attribute__((section("tcp_cong_modules"), used)) = &(sym)

const struct tcp_congestion_ops *tcp_ca_find(const char *name);
/* Module of a new socket: the net's default, or its listener's. Not begun: tcp_cc_start(). */
void tcp_cc_assign(struct sock *sk);
/* The connection is ESTABLISHED: the module begins. / It ends. */
void tcp_cc_start(struct sock *sk);
void tcp_cc_stop(struct sock *sk);
/* TCP_CONGESTION. 0, -ENOENT. */
int tcp_cc_set(struct sock *sk, const char *name);
void tcp_cc_net_init(struct netns_tcp *nt);

static inline bool tcp_ca_needs_ecn(const struct sock *sk)
{
	const struct tcp_congestion_ops *ops = tcp_sk(sk)->ca_ops;

	return ops && ops->flags & TCP_CONG_NEEDS_ECN;
}

/* ---- tcp_reno.c: what modules share ------------------------------------------------------------
 */
extern const struct tcp_congestion_ops tcp_reno;
/* Exponential growth up to ssthresh; what of acked is left beyond it. */
u32 tcp_slow_start(struct tcp_sock *tp, u32 acked);
/* One segment more for each w acknowledged. */
void tcp_cong_avoid_ai(struct tcp_sock *tp, u32 w, u32 acked);
void tcp_reno_cong_avoid(struct sock *sk, u32 ack, u32 acked);
u32 tcp_reno_ssthresh(struct sock *sk);
u32 tcp_reno_undo_cwnd(struct sock *sk);

/* ---- tcp_cwnd.c: initial window, and validation (RFC 6928, 7661) --------------------------------
 */
static inline bool tcp_in_slow_start(const struct tcp_sock *tp)
{
	return tp->snd_cwnd < tp->snd_ssthresh;
}
/* Is the window what keeps us from sending more? In slow start it may grow to twice what is used.
 */
static inline bool tcp_is_cwnd_limited(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return tp->is_cwnd_limited ||
	       (tcp_in_slow_start(tp) && tp->snd_cwnd < 2 * tp->max_packets_out);
}
/* Is a reduction of the window in progress (CWR, fast recovery)? */
static inline bool tcp_in_cwnd_reduction(const struct sock *sk)
{
	return tcp_sk(sk)->ca_state == TCP_CA_CWR || tcp_sk(sk)->ca_state == TCP_CA_Recovery;
}
u32 tcp_init_cwnd(const struct tcp_sock *tp, const struct dst_entry *dst);
/* ssthresh as it stands, unless a reduction is in progress: three quarters of cwnd at least. */
u32 tcp_current_ssthresh(const struct sock *sk);
/* After sending: was cwnd the limit? And if not for long, it shrinks to what is used. */
void tcp_cwnd_validate(struct sock *sk, bool is_cwnd_limited);
/* Before the first transmission after an idle time (net.ipv4.tcp_slow_start_after_idle). */
void tcp_slow_start_after_idle_check(struct sock *sk);

void tcp_chrono_start(struct sock *sk, enum tcp_chrono what);
void tcp_chrono_stop(struct sock *sk, enum tcp_chrono what);
void tcp_chrono_info(const struct tcp_sock *tp, struct tcp_info *info);

/* ---- tcp_ecn.c: RFC 3168 -----------------------------------------------------------------------
 */
#define TCP_ECN_OK         1u /* both sides can */
#define TCP_ECN_QUEUE_CWR  2u /* the next segment of new data tells CWR */
#define TCP_ECN_DEMAND_CWR 4u /* CE came: ECE until the peer's CWR */
#define TCP_ECN_SEEN       8u /* ECT or CE came */

void tcp_ecn_send_syn(struct sock *sk, struct sk_buff *skb);
/* May a request be answered with ECN? */
bool tcp_ecn_accept_syn(const struct sock *listener, const struct sk_buff *skb);
/* SYN-ACK to our SYN (a SYN, in a simultaneous open): does the peer agree? */
void tcp_ecn_rcv_synack(struct tcp_sock *tp, u8 flags);
void tcp_ecn_rcv_syn(struct tcp_sock *tp, u8 flags);
/* Does this segment echo a mark? */
static inline bool tcp_ecn_rcv_ecn_echo(const struct tcp_sock *tp, u8 flags)
{
	return (flags & (TCPHDR_ECE | TCPHDR_SYN)) == TCPHDR_ECE && tp->ecn_flags & TCP_ECN_OK;
}
/* A received segment of data: CWR ends our echo / its ECN field. */
void tcp_ecn_accept_cwr(struct sock *sk, const struct sk_buff *skb);
void tcp_ecn_check_ce(struct sock *sk, const struct sk_buff *skb);
static inline void tcp_ecn_queue_cwr(struct tcp_sock *tp)
{
	if (tp->ecn_flags & TCP_ECN_OK)
		tp->ecn_flags |= TCP_ECN_QUEUE_CWR;
}
static inline void tcp_ecn_withdraw_cwr(struct tcp_sock *tp)
{
	tp->ecn_flags &= (u8)~TCP_ECN_QUEUE_CWR;
}
static inline void tcp_ecn_demand_cwr(struct tcp_sock *tp, bool on)
{
	tp->ecn_flags &= (u8)~TCP_ECN_DEMAND_CWR;
	tp->ecn_flags |= on ? TCP_ECN_DEMAND_CWR : 0;
}
void tcp_ecn_set_ect(struct sock *sk);
void tcp_ecn_clear_ect(struct sock *sk);
/* Flags and ECT of a segment about to leave; new_data: it was never sent. */
u8 tcp_ecn_send(struct sock *sk, struct sk_buff *skb, bool new_data);
/* A SYN that is retransmitted: without ECN (RFC 3168 section 6.1.1.1). */
void tcp_ecn_clear_syn(struct sock *sk, struct sk_buff *skb);

#endif
