/* SPDX-License-Identifier: MIT */
/*
 * What TCP's files know of each other, in sections headed by the file that defines the functions.
 * Conventions: functions on a struct sock want its lock (letter [s] of tcp.h) unless they say
 * otherwise; received packets are taken over by the function that returns nothing about them, and
 * a step of the receive path returns SKB_NOT_DROPPED_YET (go on), SKB_CONSUMED (queued or used up)
 * or the reason for which its caller drops the packet.
 */
#ifndef TCP_INT_H
#define TCP_INT_H

#include <errno.h>
#include <fcntl.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/random.h>
#include <kernel/softirq.h>
#include <kernel/uio.h>
#include <lib/assert.h>
#include <lib/bitops.h>
#include <lib/checksum.h>
#include <lib/err.h>
#include <lib/hash.h>
#include <lib/string.h>
#include <net/dropreason.h>
#include <net/protocol.h>
#include <net/tcp.h>
#include <sys/epoll.h>

#include "tcp_cc_int.h"

/* ---- units and limits ----------------------------------------------------------------------- */
#define TCP_TIMEOUT_INIT_US     1000000u /* RFC 6298 (2.1) */
#define TCP_TIMEOUT_FALLBACK_US 3000000u /* ... (5.7): the SYN had to be retransmitted */
#define TCP_RTO_BASE_US         200000u  /* what retries are counted by */
#define TCP_TIMEOUT_MIN_US      2000u
#define TCP_DELACK_MS           40u
#define TCP_DELACK_MAX_MS       200u
#define TCP_RESOURCE_PROBE_US   500000u
#define TCP_TIMEWAIT_LEN_S      60u
#define TCP_PAWS_24DAYS_S       (60u * 60 * 24 * 24)
#define TCP_MAX_SYNCNT          127
#define TCP_MAX_KEEPIDLE        32767
#define TCP_MAX_KEEPINTVL       32767
#define TCP_MAX_KEEPCNT         127
#define TCP_MAX_SEG_BYTES       8192u /* we cut no larger segments, whatever the path carries */

#define TCP_NAGLE_OFF  1 /* TCP_NODELAY */
#define TCP_NAGLE_CORK 2
#define TCP_NAGLE_PUSH 4 /* push this once, whatever Nagle says */

#define TCP_ACK_SCHED   1  /* an ACK is owed */
#define TCP_ACK_NOW     2  /* ... without delay */
#define TCP_ACK_PUSHED  4  /* a short segment came, or one with PSH */
#define TCP_ACK_PUSHED2 8  /* ... and another */
#define TCP_ACK_TIMER   16 /* it goes alone at ack.timeout_ns if nothing goes before */

/* Bits of sk_tsq_flags: work left for release_cb() by someone who found the socket owned. Each bit
 * set holds a reference. */
enum {
	TCP_WRITE_TIMER_DEFERRED,
	TCP_DELACK_TIMER_DEFERRED,
	TCP_MTU_REDUCED_DEFERRED,
	TCP_TSQ_DEFERRED,
	/* not for release_cb(), without a reference: */
	TCP_TSQ_THROTTLED, /* enough is below: a completion goes on sending */
	TCP_TSQ_QUEUED     /* ... and has asked for it */
};

/* ---- a segment's control block --------------------------------------------------------------- */
struct tcp_skb_cb {
	union {
		struct inet_skb_parm h4; /* received, and while IP sends it */
		struct {                 /* sent: what the connection was like then (tcp_rate.c) */
			u64 first_tx_us, delivered_us;
			u32 delivered;
			u32 ce_and_limited; /* delivered_ce, in the top bit is_app_limited */
		} tx;
	};
	seq32 seq, end_seq; /* end_seq: seq + SYN + FIN + length */
	union {
		struct {
			u16 gso_segs, gso_size; /* sent: segments it is cut into, of this size */
		};
		u32 tw_isn; /* received: number to answer a SYN with, out of TIME-WAIT; 0: none */
	};
	seq32 ack_seq;
	u8 flags;  /* TCPHDR_* */
	u8 sacked; /* sent: TCPCB_*; received: where the SACK option is in the header, 0: nowhere */
	u8 ip_dsfield; /* received: IPv4 TOS or IPv6 class */
	u8 in_rtx : 1; /* is in the retransmit queue */
	u8 eor : 1;    /* end of a record: nothing is appended */
};
#define TCP_TX_CE_MASK       0x7fffffffu
#define TCP_TX_LIMITED_SHIFT 31
static_assert(sizeof(struct tcp_skb_cb) <= sizeof_field(struct sk_buff, cb), "fits skb->cb");
#define TCP_SKB_CB(skb) ((struct tcp_skb_cb *)(uintptr_t)(skb)->cb)

#define TCPCB_SACKED_ACKED   0x01 /* the peer has it, by a SACK block */
#define TCPCB_SACKED_RETRANS 0x02 /* its retransmission is in flight */
#define TCPCB_LOST           0x04
#define TCPCB_TAGBITS        0x07
#define TCPCB_REPAIRED       0x10
#define TCPCB_EVER_RETRANS   0x80
#define TCPCB_RETRANS        (TCPCB_SACKED_RETRANS | TCPCB_EVER_RETRANS)

/* Segments that skb stands for on the wire, and their size. */
static inline u32 tcp_skb_pcount(const struct sk_buff *skb)
{
	return TCP_SKB_CB(skb)->gso_segs;
}
static inline u32 tcp_skb_mss(const struct sk_buff *skb)
{
	return TCP_SKB_CB(skb)->gso_size;
}
/* When a segment of the retransmit queue was sent last (skb->tstamp_ns: the departure time). */
static inline u64 tcp_skb_timestamp_us(const struct sk_buff *skb)
{
	return skb->tstamp_ns / NSEC_PER_USEC;
}

/* Sequence space of len payload bytes with flags. */
static inline u32 tcp_seg_space(u8 flags, u32 len)
{
	return len + !!(flags & TCPHDR_SYN) + !!(flags & TCPHDR_FIN);
}

/* ---- small helpers -----------------------------------------------------------------------------
 */
static inline struct netns_tcp *tcp_net(const struct sock *sk)
{
	return sock_net(sk)->tcp;
}
#define TCP_STAT(sk, id)        NET_INC_STATS(sock_net(sk), id)
#define TCP_STAT_ADD(sk, id, n) NET_ADD_STATS(sock_net(sk), id, n)

static inline u32 tcp_now_ms(void)
{
	return (u32)ktime_get_ms();
}
static inline u32 tcp_now_s(void)
{
	return (u32)(ktime_get_ns() / NSEC_PER_SEC);
}
/*
 * A socket's own time: that of the event being handled. Whatever comes to it from outside (a
 * segment, a system call that sends, a timer, an ICMP error) refreshes it first; all its stamps are
 * made of it, so none is ever in the future.
 */
static inline void tcp_mstamp_refresh(struct tcp_sock *tp)
{
	tp->tcp_clock_ns = ktime_get_ns();
	tp->tcp_mstamp_us = tp->tcp_clock_ns / NSEC_PER_USEC;
	tp->tcp_mstamp_ms = (u32)(tp->tcp_mstamp_us / USEC_PER_MSEC);
}
/* Value of the timestamp clock (RFC 7323: 1 ms) at the event being handled, without the offset. */
static inline u32 tcp_time_stamp(const struct tcp_sock *tp)
{
	return tp->tcp_mstamp_ms;
}
/* Bounds of the retransmission time-out: the socket's own, or net.ipv4's. */
static inline u32 tcp_rto_max_us(const struct sock *sk)
{
	u32 us = tcp_sk(sk)->rto_max_us;

	return us ? us : (u32)tcp_net(sk)->tcp_rto_max_ms * 1000u;
}
static inline u32 tcp_rto_min_us(const struct sock *sk)
{
	u32 us = tcp_sk(sk)->rto_min_us;

	return us ? us : (u32)tcp_net(sk)->tcp_rto_min_us;
}
/* What an ACK waits at most: less than the peer's time-out may be, if it is as ours. */
static inline u32 tcp_delack_max_us(const struct sock *sk)
{
	u32 us = tcp_sk(sk)->delack_max_us, rto = tcp_rto_min_us(sk);

	us = us ? us : TCP_DELACK_MAX_MS * 1000u;
	return min(us, max(rto, 2000u) - 1000u);
}
/* How long pacing holds the next segment back. */
static inline u64 tcp_pacing_delay_us(const struct tcp_sock *tp)
{
	return tp->tcp_wstamp_ns > tp->tcp_clock_ns
		       ? (tp->tcp_wstamp_ns - tp->tcp_clock_ns) / NSEC_PER_USEC
		       : 0;
}
/* Segments believed to be in the network (RFC 5681 FlightSize less what is known lost). */
static inline u32 tcp_packets_in_flight(const struct tcp_sock *tp)
{
	return tp->packets_out - (tp->sacked_out + tp->lost_out) + tp->retrans_out;
}
static inline seq32 tcp_wnd_end(const struct tcp_sock *tp)
{
	return seq_add(tp->snd_una, tp->snd_wnd);
}
/* Bytes of window still open to the peer; RCV.WUP + RCV.WND - RCV.NXT. */
static inline u32 tcp_receive_window(const struct tcp_sock *tp)
{
	s32 win = seq_diff(seq_add(tp->rcv_wup, tp->rcv_wnd), tp->rcv_nxt);

	return win < 0 ? 0 : (u32)win;
}

/* The same to the furthest edge ever offered: what is under way may reach so far. */
static inline u32 tcp_max_receive_window(const struct tcp_sock *tp)
{
	seq32 edge = seq_add(tp->rcv_wup, tp->rcv_wnd + tp->rcv_shrunk);
	s32 win = seq_diff(edge, tp->rcv_nxt);

	return win < 0 ? 0 : (u32)win;
}

/* -- write queue: what was not yet sent; retransmit queue: what was sent and not acknowledged -- */
static inline struct sk_buff *tcp_send_head(const struct sock *sk)
{
	return skb_peek(&sk->sk_write_queue);
}
static inline struct sk_buff *tcp_rb_skb(struct rb_node *n)
{
	return rb_entry_safe(n, struct sk_buff, rbnode);
}
static inline struct sk_buff *tcp_rtx_queue_head(const struct sock *sk)
{
	return tcp_rb_skb(rb_first(&sk->tcp_rtx_queue));
}
static inline struct sk_buff *tcp_rb_next(const struct sk_buff *skb)
{
	return tcp_rb_skb(rb_next(&skb->rbnode));
}
static inline struct sk_buff *tcp_rb_prev(const struct sk_buff *skb)
{
	return tcp_rb_skb(rb_prev(&skb->rbnode));
}
static inline struct sk_buff *tcp_rtx_queue_tail(const struct sock *sk)
{
	return tcp_rb_skb(rb_last(&sk->tcp_rtx_queue));
}
/* Take skb out of a tree: its list links share memory with the node. */
static inline void tcp_rb_unlink(struct sk_buff *skb, struct rb_root *root)
{
	rb_erase(&skb->rbnode, root);
	skb->next = skb->prev = NULL;
	skb->dev = NULL;
}
void tcp_rb_insert(struct rb_root *root, struct sk_buff *skb); /* by sequence number */

/* ---- tcp_state.c --------------------------------------------------------------------------------
 */
/* The only place that changes sk_state: keeps gauges, hashes and counters in step. */
void tcp_set_state(struct sock *sk, u8 state);
/* The connection is over: CLOSE, timers off, waiters told. */
void tcp_done(struct sock *sk);
/* End with an error the application will see (positive errno). */
void tcp_done_with_error(struct sock *sk, int err);
#ifdef DEBUG
void tcp_assert_valid(const struct sock *sk);
#else
static inline void tcp_assert_valid(const struct sock *sk)
{
	(void)sk;
}

#endif
/* What follows sending our FIN: FIN-WAIT-1 or LAST-ACK. True: a FIN is to be sent. */
bool tcp_close_state(struct sock *sk);

/* ---- tcp_options.c ------------------------------------------------------------------------------
 */
#define TCPOPT_EOL       0
#define TCPOPT_NOP       1
#define TCPOPT_MSS       2
#define TCPOPT_WINDOW    3
#define TCPOPT_SACK_PERM 4
#define TCPOPT_SACK      5
#define TCPOPT_TIMESTAMP 8
#define TCPOPT_FASTOPEN  34
#define TCPOPT_EXP       254 /* RFC 6994: followed by two bytes that tell which experiment */

#define TCPOPT_FASTOPEN_MAGIC 0xf989

#define TCPOLEN_TSTAMP_ALIGNED 12
#define TCPOPT_TSTAMP_ONLY     0x0101080au /* how such options begin, without others */
#define TCPOLEN_SACK_BLOCK     8
#define TCP_MAX_OPTIONS        40u /* bytes of them in a header */

/* Which options a value struct holds. */
#define TCP_OPT_MSS       0x01u
#define TCP_OPT_WSCALE    0x02u
#define TCP_OPT_SACK_PERM 0x04u
#define TCP_OPT_TS        0x08u
#define TCP_OPT_SACK      0x10u
#define TCP_OPT_FASTOPEN  0x20u

#define TCP_FASTOPEN_COOKIE_MIN 4
#define TCP_FASTOPEN_COOKIE_MAX 16

struct tcp_options {
	u32 has; /* TCP_OPT_* */
	u32 tsval, tsecr;
	u16 mss;
	u8 wscale;
	u8 sack_at;      /* parsed: offset of the SACK option from the header's start; 0: none */
	u8 nr_sacks;     /* emitted: blocks of sack[] */
	u8 cookie_len;   /* RFC 7413; 0: a request for one */
	bool cookie_exp; /* by the experimental option */
	u8 cookie[TCP_FASTOPEN_COOKIE_MAX];
	struct tcp_sack_block sack[TCP_NUM_SACKS];
};
/* Read len bytes of options into *o, whatever they are: options with an impossible length end the
 * parsing, repeated ones overwrite. Returns false where a length was wrong (what was read till
 * then holds: RFC 9293 MUST-7 has such packets processed, not refused). */
bool tcp_options_parse(const u8 *p, u32 len, struct tcp_options *o);
/* Write them at p in Linux's order and padding; returns the length, a multiple of 4, at most 40. */
u32 tcp_options_emit(u8 *p, const struct tcp_options *o);
u32 tcp_options_size(const struct tcp_options *o);
/* The same for what nearly all segments carry, a timestamp and nothing else. */
static inline void tcp_emit_timestamp(u8 *p, u32 tsval, u32 tsecr)
{
	const be32 words[3] = {BE32(TCPOPT_TSTAMP_ONLY), be32_make(tsval), be32_make(tsecr)};

	__builtin_memcpy(p, words, TCPOLEN_TSTAMP_ALIGNED);
}
/* The options of skb, whose header is linear. */
static inline bool tcp_parse_skb(const struct sk_buff *skb, struct tcp_options *o)
{
	const struct tcphdr *th = tcp_hdr(skb);

	return tcp_options_parse((const u8 *)(th + 1), tcp_hdrlen_bytes(th) - sizeof(*th), o);
}
/* A connection's segment: timestamps into rx_opt, with the offset of our clock taken off the echo;
 * where the SACK option is, into the control block. */
void tcp_parse_established(struct tcp_sock *tp, const struct sk_buff *skb);

/* ---- tcp_hash.c
 * -----------------------------------------------------------------------------------
 */
int tcp_hash_init(struct netns_tcp *nt);
void tcp_hash_exit(struct netns_tcp *nt);

/* A flow as this end sees it. */
struct tcp_flow {
	be32 laddr, faddr;
	u16 lport;
	be16 fport;
	u32 dif;  /* interface it came by, 0: any */
	u32 hash; /* tcp_flow_hash() of it, where a table is asked */
};
static inline u32 tcp_flow_hash(const struct netns_tcp *nt, const struct tcp_flow *f)
{
	u32 ports = (u32)f->lport << 16 | f->fport.wire;

	return hsiphash_3u32(f->laddr.wire, f->faddr.wire, ports, &nt->hash_key);
}
/* The same, for a flow whose segments follow one another: this CPU remembers hashes. Bottom halves
 * off. */
u32 tcp_flow_hash_again(const struct netns_tcp *nt, const struct tcp_flow *f);
/* The connection, request or TIME-WAIT record of a flow, with a reference (tcp_key_put());
 * NULL: none. rcu. */
struct sock_key *tcp_lookup_established(struct netns_tcp *nt, const struct tcp_flow *f);
/* The listener best matching (address, device, reuseport group: the one of that cpu, else by the
 * flow's hash), without a reference. cpu: tcp_steer_cpu(). *by_hash (or NULL): did the hash choose
 * it? rcu. */
struct sock *tcp_lookup_listener(struct netns_tcp *nt, const struct tcp_flow *f, u32 cpu,
				 bool *by_hash);
#define TCP_NO_CPU ~1u
/* The CPU whose listener is to have what skb opens; TCP_NO_CPU: all packets come to one CPU, where
 * a choice by that would leave the others idle. */
static inline u32 tcp_steer_cpu(const struct sk_buff *skb)
{
	return min(skb->dev->num_rx_queues, skb->dev->real_num_tx_queues) > 1 ||
			       READ_ONCE(skb->dev->rx[0].rps_mask)
		       ? smp_processor_id()
		       : TCP_NO_CPU;
}
/* Enter a key whose addresses, ports and hash are set. False: that flow is there already. With
 * replace (a request or TIME-WAIT record that hands its place over), replace leaves in the same
 * step, and false means that it was not there any more. Bottom halves off or on. */
bool tcp_ehash_insert(struct netns_tcp *nt, struct sock_key *key, struct sock_key *replace);
/* Take it out. False: it was not in. */
bool tcp_ehash_remove(struct netns_tcp *nt, struct sock_key *key);
void tcp_listen_hash(struct sock *sk);
void tcp_unhash(struct sock *sk);
void tcp_hash(struct sock *sk);
struct spinlock *tcp_ehash_lockp(struct netns_tcp *nt, u32 hash);

/* ---- tcp_port.c
 * -----------------------------------------------------------------------------------
 */
struct tcp_bind_bucket {
	struct hlist_node node;
	u16 port;
	bool connect_only;        /* made by connect(): shared by flows that differ in the peer */
	struct hlist_head owners; /* sockets, by sk_bind_node */
	struct hlist_head tw_owners; /* TIME-WAIT records */
};
extern struct kmem_cache *tcp_bind_cache;
int tcp_get_port(struct sock *sk, u16 port);
void tcp_put_port(struct sock *sk);
/* sk is bound and about to listen: does nobody who shares its port listen already? */
bool tcp_port_may_listen(struct sock *sk);
/* A child shares its listener's port. False: no memory. */
bool tcp_inherit_port(const struct sock *parent, struct sock *child);
/* Choose a local port for an active open whose addresses are set, and enter the hash: 0,
 * -EADDRNOTAVAIL, -ENOMEM. */
int tcp_hash_connect(struct sock *sk);
struct tcp_tw_sock;
/* sk leaves its port to its TIME-WAIT record / the record ends. */
void tcp_tw_take_port(struct sock *sk, struct tcp_tw_sock *tw);
void tcp_tw_put_port(struct netns_tcp *nt, struct tcp_tw_sock *tw);

/* ---- tcp_secure_seq.c
 * -----------------------------------------------------------------------------
 */
/* Initial sequence number (RFC 6528) and timestamp offset of a flow. */
seq32 tcp_secure_isn(struct netns_tcp *nt, const struct tcp_flow *f);
u32 tcp_secure_ts_off(const struct netns_tcp *nt, be32 laddr, be32 faddr);
u64 tcp_secure_port_offset(struct netns_tcp *nt, be32 laddr, be32 faddr, be16 fport);

/* ---- tcp_ipv4.c
 * -----------------------------------------------------------------------------------
 */
/* What differs between IPv4 and IPv6. */
struct tcp_af_ops {
	int (*queue_xmit)(struct sock *sk, struct sk_buff *skb);
	/* Fill in checksum and csum_start for the network's header to come. */
	void (*send_check)(struct sock *sk, struct sk_buff *skb);
	/* Route of the socket, checked or made anew; NULL: none (the reason in *err). */
	struct dst_entry *(*route)(struct sock *sk, int *err);
	/* Route for answering a request; NULL: none. A reference. */
	struct dst_entry *(*route_req)(const struct sock *sk, const struct tcp_request_sock *req);
	/* Send a SYN-ACK or other segment that belongs to a request. */
	int (*send_synack)(const struct sock *sk, struct tcp_request_sock *req, struct sk_buff *skb,
			   struct dst_entry *dst, u8 tos);
	/* Fill in a child's addresses. */
	void (*init_child)(struct sock *child, const struct tcp_request_sock *req);
	int (*connect)(struct sock *sk, const struct sockaddr *addr, socklen_t len);
	u16 net_header_len;
	u16 gso_type;
};
extern const struct tcp_af_ops tcp_ipv4_ops;
/* Fill in the control block of a received segment / the flow it is of, not hashed / checksum and
 * csum_start of one to be sent. */
void tcp_v4_fill_cb(struct sk_buff *skb);
static inline struct tcp_flow tcp_v4_flow(const struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);
	const struct tcphdr *th = tcp_hdr(skb);

	return (struct tcp_flow){iph->daddr, iph->saddr,        be16_get(th->dest),
				 th->source, skb->dev->ifindex, 0};
}
void tcp_v4_check(struct sk_buff *skb, be32 saddr, be32 daddr);
/* tcp_early.c: see struct net_protocol. */
bool tcp4_rx_early(struct sk_buff *skb);
int tcp_early_init(struct netns_tcp *nt);
/* Process a segment for a full socket: the lock is held and nobody owns it. backlog_rcv too. */
int tcp_do_rcv(struct sock *sk, struct sk_buff *skb);
/* A RST answering skb, for sk or for nobody (NULL). */
void tcp_send_reset_reply(const struct sock *sk, struct sk_buff *skb);
/* A bare ACK built from numbers, for records that have no socket. */
struct tcp_ack_reply {
	seq32 seq, ack;
	u32 win; /* as on the wire, scaled */
	u32 tsval, tsecr;
	bool ts;
	u8 tos;
};
void tcp_send_ack_reply(struct net *net, const struct sk_buff *skb, const struct tcp_ack_reply *r,
			struct sk_buff **room);
void tcp_mtu_reduced(struct sock *sk);

/* ---- tcp_input.c: RFC 9293 section 3.10.7
 * ---------------------------------------------------------
 */
/* Any state but LISTEN and TIME-WAIT. Does not take skb unless SKB_CONSUMED. A reset is owed where
 * *reset comes back true. */
enum skb_drop_reason tcp_rcv_state_process(struct sock *sk, struct sk_buff *skb, bool *reset);
/* The peer's FIN has become next in order. */
void tcp_rx_fin(struct sock *sk);
/* PAWS (RFC 7323 section 5.3): is tsval older than TS.Recent, which is not itself outdated? */
bool tcp_paws_older(u32 tsval, u32 ts_recent, u32 ts_recent_stamp_s);
/* Is any of [seq, end_seq) within the window of wnd bytes at rcv_nxt (RFC 9293 3.10.7.4)? */
bool tcp_seq_acceptable(seq32 seq, seq32 end_seq, seq32 rcv_nxt, u32 wnd);
/* First figures of a connection that has become ESTABLISHED. */
void tcp_init_transfer(struct sock *sk);
/* May an answer to a segment outside the window be sent now (net.ipv4.tcp_invalid_ratelimit)? */
bool tcp_oow_rate_ok(struct net *net, const struct sk_buff *skb, int mib, u32 *last_ms);

/* ---- tcp_ack.c
 * --------------------------------------------------------------------------------------
 */
/* Fifth step. 1: acceptable; 0: old or harmless; < 0: minus the drop reason. */
int tcp_ack(struct sock *sk, struct sk_buff *skb);
/* After input: send what may be sent, tell writers. */
void tcp_data_snd_check(struct sock *sk);

/* ---- tcp_rtt.c
 * --------------------------------------------------------------------------------------
 */
void tcp_rtt_init(struct sock *sk);
/* The handshake gave no sample: be careful. */
void tcp_rtt_fallback(struct tcp_sock *tp);
void tcp_rtt_sample(struct sock *sk, u32 rtt_us);
/* The RTO as the round trips give it, without back-off. */
void tcp_set_rto(struct sock *sk);
void tcp_update_rtt_min(struct sock *sk, u32 rtt_us, bool maybe_delayed);
/* By the echo of the segment being processed, in microseconds; -1: it has none. */
s64 tcp_rtt_by_timestamp(const struct tcp_sock *tp);

/* ---- tcp_cong.c
 * ---------------------------------------------------------------
 */
void tcp_cong_init(struct sock *sk);
static inline void tcp_set_ca_state(struct sock *sk, u8 state)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (tp->ca_ops && tp->ca_ops->set_state)
		tp->ca_ops->set_state(sk, state);
	tp->ca_state = state;
}
static inline void tcp_ca_event(struct sock *sk, enum tcp_ca_event ev)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (tp->ca_ops && tp->ca_ops->cwnd_event)
		tp->ca_ops->cwnd_event(sk, ev);
}
/* An ACK that delivered acked_sacked segments: the module changes cwnd, or a reduction goes on. */
void tcp_cong_control(struct sock *sk, seq32 ack, u32 acked_sacked, u32 flag,
		      const struct rate_sample *rs);

/* ---- tcp_data.c: seventh step, receive queue
 * ----------------------------------------------------------
 */
/* Queue text (and FIN); SKB_CONSUMED where it took skb. */
enum skb_drop_reason tcp_data_queue(struct sock *sk, struct sk_buff *skb);
/* The same for text alone, without CWR, that is next in order and within the window. */
enum skb_drop_reason tcp_data_next(struct sock *sk, struct sk_buff *skb);
void tcp_data_ready(struct sock *sk);
/* A segment outside the window: an ACK at once, with a DSACK where it repeats what we have. */
void tcp_send_dupack(struct sock *sk, const struct sk_buff *skb);
void tcp_ofo_purge(struct sock *sk, enum skb_drop_reason why);
/* Give up some of what came out of order, from the end. False: there was nothing. */
bool tcp_ofo_prune(struct sock *sk, const struct sk_buff *incoming);

/* ---- tcp_sack_report.c: the blocks we send (RFC 2018 section 4, RFC 2883)
 * ----------------------------------------------------------
 */
/* [start, end) was received twice: told as the first block of the next ACK. extend: or with what is
 * to be told already, where they touch. */
void tcp_dsack_set(struct sock *sk, seq32 start, seq32 end);
void tcp_dsack_extend(struct sock *sk, seq32 start, seq32 end);
/* [start, end) has come out of order / RCV.NXT has moved / what was kept is thrown away. */
void tcp_sack_new_ofo(struct tcp_sock *tp, seq32 start, seq32 end);
void tcp_sack_remove(struct tcp_sock *tp);
void tcp_sack_reset(struct tcp_sock *tp);
/* Blocks for a segment that has room for `room` bytes of options yet. */
/* What they take of it. */
u32 tcp_sack_space(const struct tcp_sock *tp);
void tcp_sack_fill(const struct tcp_sock *tp, struct tcp_options *o, u32 room);

/* ---- tcp_window.c: buffers and what is offered
 * --------------------------------------------------------
 */
#define TCP_RATIO_SHIFT   8
#define TCP_DEFAULT_RATIO 128 /* half of a packet's memory is payload, until it is measured */
/* Bytes of window for that much buffer, and back; what is free of it; all of it. */
u32 tcp_win_from_space(const struct sock *sk, int space);
u64 tcp_space_from_win(const struct sock *sk, u64 win);
u32 tcp_space(const struct sock *sk);
u32 tcp_full_space(const struct sock *sk);
/* First window to offer and its scale (RFC 7323). mss: of the peer's segments; init_segs: at most
 * so many of them, 0: no such limit. */
struct tcp_initial_window {
	u32 wnd, clamp;
	u8 wscale;
};
void tcp_select_initial_window(const struct sock *sk, u32 mss, u32 init_segs, bool wscale_ok,
			       struct tcp_initial_window *w);
/* The clamp alone, for a scale that was chosen before. */
u32 tcp_initial_clamp(const struct sock *sk, u8 wscale);
void tcp_init_buffer_space(struct sock *sk);
/* What could be offered now, in bytes, by silly window avoidance; may be less than what was. */
u32 tcp_new_window(struct sock *sk);
/* The window field of the next segment: never takes back what was offered (RFC 9293 3.8.6). */
u16 tcp_select_window(struct sock *sk);
void tcp_sndbuf_expand(struct sock *sk);
/* Room was made in the send buffer: a larger buffer where it is the limit, writers are woken. */
void tcp_check_space(struct sock *sk);

/* ---- tcp_rcvbuf.c: the receive buffer's size ---------------------------------------------------
 */
/* Text arrived in order: skb without its header, not queued yet. */
void tcp_rcvbuf_data_recv(struct sock *sk, const struct sk_buff *skb);
/* ... out of order. */
void tcp_rcvbuf_ofo_recv(struct sock *sk, const struct sk_buff *skb);
void tcp_rcvbuf_ofo_grow(struct sock *sk);
/* The application has read: does the flow want a larger buffer? */
void tcp_rcv_space_adjust(struct sock *sk);
void tcp_set_window_clamp(struct sock *sk, u32 clamp);
void tcp_adjust_rcv_ssthresh(struct tcp_sock *tp); /* memory is short */
/* Have memory for skb, at the cost of what is queued if need be. */
bool tcp_rmem_schedule(struct sock *sk, const struct sk_buff *skb);
bool tcp_prune_queue(struct sock *sk, const struct sk_buff *incoming);

/* ---- tcp_delack.c: when to acknowledge
 * ------------------------------------------------------------------
 */
void tcp_event_data_recv(struct sock *sk, u32 len);
/* The ACK of the peer's SYN-ACK waits for a segment to ride on. */
void tcp_delay_handshake_ack(struct sock *sk);
/* What skb, with its header, shows of the segment size that the peer sends. */
void tcp_measure_rcv_mss(struct tcp_sock *tp, const struct sk_buff *skb);
/* TCP_QUICKACK: 0: delay ACKs; odd: send them at once; even: only those that wait now. */
void tcp_set_quickack(struct sock *sk, int val);
void tcp_ack_snd_check(struct sock *sk);
/* Acknowledge the next segments at once, so many at most; the session is not interactive. */
void tcp_enter_quickack_mode(struct sock *sk, u32 max_quickacks);
void tcp_event_ack_sent(struct sock *sk);
/* Text goes out: ACKs may ride on it. */
void tcp_event_data_sent(struct sock *sk);
/* The application has read: is a window update due? */
void tcp_cleanup_rbuf(struct sock *sk, u32 copied);
void tcp_delack_timer_handler(struct sock *sk);

/* ---- tcp_output.c
 * ---------------------------------------------------------------------------------------
 */
/* A segment with room for linear bytes behind the headers; not charged, not queued. */
struct sk_buff *tcp_alloc_skb(u32 linear, unsigned gfp);
/* The same for text that is short, and soon acknowledged. */
#define TCP_MESSAGE_MAX (SKB_MESSAGE_ROOM - MAX_TCP_HEADER)
struct sk_buff *tcp_alloc_message(unsigned gfp);
void tcp_init_skb(struct sk_buff *skb, seq32 seq, u8 flags);
/* A segment enters one of the queues of sent or unsent data: its memory is the socket's. / Bytes of
 * it go. / It leaves and is freed. */
void tcp_wmem_charge(struct sock *sk, struct sk_buff *skb);
void tcp_wmem_uncharge(struct sock *sk, u32 bytes);
void tcp_wmem_free_skb(struct sock *sk, struct sk_buff *skb);
void tcp_queue_skb(struct sock *sk, struct sk_buff *skb);
/* Send a copy of a queued segment, or (keep false) skb itself, which it takes. 0 or -errno. */
int tcp_transmit_skb(struct sock *sk, struct sk_buff *skb, bool keep, unsigned gfp);
/* All that may go; the head only; the head although the window is full (tail loss probe). */
enum tcp_push { TCP_PUSH_ALL, TCP_PUSH_ONE, TCP_PUSH_PROBE };
/* Send what windows, pacing and Nagle allow, in segments of mss, at the time of the event being
 * handled. True: data waits and nothing is in flight (persist). */
bool tcp_write_xmit(struct sock *sk, u32 mss, int nonagle, enum tcp_push push, unsigned gfp);
void tcp_push_pending(struct sock *sk, u32 mss, int nonagle);
void tcp_push_one(struct sock *sk, u32 mss);
/* The head of the write queue was sent: to the retransmit queue, counted, timed. */
void tcp_sent_new_data(struct sock *sk, struct sk_buff *skb);
void tcp_send_fin(struct sock *sk);
void tcp_send_active_reset(struct sock *sk, unsigned gfp);
void tcp_send_ack(struct sock *sk);
/* ... that acknowledges only up to rcv_nxt (DCTCP tells of a mark that ends there). */
void tcp_send_ack_at(struct sock *sk, seq32 rcv_nxt);
/* A segment without data and one number behind: keepalive, or 0 bytes of a closed window. */
int tcp_send_probe_segment(struct sock *sk);

/* ---- tcp_short.c -------------------------------------------------------------------------------
 */
/* Send what is in from, if it is short and can go at once, in front of nothing else. Bytes sent; 0:
 * not done, for whatever reason. */
size_t tcp_send_short(struct sock *sk, struct iov_iter *from, int flags);

/* ---- tcp_connect.c */
int tcp_connect(struct sock *sk);

/* ---- tcp_tso.c: super-packets ------------------------------------------------------------------
 */
/* What stopped a sender. */
struct tcp_send_limits {
	bool cwnd, rwnd;
};
/* Count anew into how many segments of mss skb is cut; that number. */
u32 tcp_set_skb_tso_segs(struct sk_buff *skb, u32 mss);
/* skb of the retransmit queue now counts decr segments less. */
void tcp_adjust_pcount(struct sock *sk, const struct sk_buff *skb, int decr);
/* Split skb so that it holds len bytes; the rest follows it in its queue. 0 or -ENOMEM. */
int tcp_fragment(struct sock *sk, struct sk_buff *skb, u32 len, bool in_rtx, unsigned gfp);
/* Take len bytes that are acknowledged off the front, segments counted anew. 0 or -ENOMEM. */
int tcp_trim_head(struct sock *sk, struct sk_buff *skb, u32 len);
/* SND.UNA is within skb: trim it; segments that are off (the caller counts them out). */
u32 tcp_tso_acked(struct sock *sk, struct sk_buff *skb);
/* Segments that the congestion window lets go now. */
u32 tcp_cwnd_test(const struct tcp_sock *tp);
bool tcp_snd_wnd_test(const struct tcp_sock *tp, const struct sk_buff *skb, u32 mss);
/* The largest super-packet, in segments. */
u32 tcp_tso_segs(struct sock *sk, u32 mss);
bool tcp_nagle_test(const struct tcp_sock *tp, const struct sk_buff *skb, u32 mss, int nonagle);
/* Where to cut skb, of more than a segment, so that it fits windows and Nagle; bytes. */
u32 tcp_mss_split_point(const struct sock *sk, const struct sk_buff *skb, u32 mss, u32 max_segs,
			int nonagle);
/* Will waiting for the next ACK make a better super-packet? */
bool tcp_tso_should_defer(struct sock *sk, const struct sk_buff *skb, struct tcp_send_limits *lim,
			  u32 max_segs);
/* ---- tcp_pacing.c ------------------------------------------------------------------------------
 */
/* sk_pacing_rate from window and round trip, where the congestion control does not set it. */
void tcp_update_pacing_rate(struct sock *sk);
/* Is it too early for the next segment? The timer is armed then. */
bool tcp_pacing_check(struct sock *sk);
/* skb was handed down: when may the next one go? */
void tcp_pacing_sent(struct sock *sk, const struct sk_buff *skb, u64 prior_wstamp_ns);
/* Is enough of ours in qdisc and device? Completions go on sending then. */
bool tcp_small_queue_check(struct sock *sk, const struct sk_buff *skb, unsigned factor);
void tcp_tsq_write(struct sock *sk);
void tcp_wfree(struct sk_buff *skb); /* destructor of a sent segment */
void tcp_pacing_init(struct sock *sk);
void tcp_pacing_stop(struct sock *sk);

/* ---- tcp_mss.c, tcp_mtu_probe.c ----------------------------------------------------------------
 */
u32 tcp_sync_mss(struct sock *sk, u32 pmtu);
/* The largest window that the peer offered so far is wnd now. */
void tcp_max_window_grew(struct sock *sk, u32 wnd);
u32 tcp_current_mss(struct sock *sk);
/* What an MTU leaves beside the fixed headers. */
static inline u32 tcp_mtu_payload(const struct tcp_sock *tp, u32 mtu)
{
	return mtu - (u32)sizeof(struct tcphdr) - tp->af->net_header_len;
}
/* What the MSS option says: RFC 9293 section 3.7.1. */
u16 tcp_advertise_mss(const struct sock *sk, const struct dst_entry *dst);
u32 tcp_mtu_to_mss(const struct sock *sk, u32 pmtu);
u32 tcp_mss_to_mtu(const struct sock *sk, u32 mss);
u32 tcp_bound_to_half_wnd(const struct tcp_sock *tp, u32 size);
/* Bytes that sendmsg() gathers in one skb. */
u32 tcp_xmit_size_goal(struct sock *sk, u32 mss);
void tcp_mtup_init(struct sock *sk);
enum tcp_probe_result { TCP_PROBE_NONE, TCP_PROBE_WAIT, TCP_PROBE_SENT };
/* Send a probe if one is due; WAIT: nothing else may go before it. */
enum tcp_probe_result tcp_mtu_probe(struct sock *sk);
/* Is the probe acknowledged / was the segment found lost the probe (true: no congestion, resend it
 * in smaller segments). */
static inline bool tcp_mtup_probe_acked(const struct tcp_sock *tp)
{
	return tp->mtup.probe_size && !seq_after(tp->mtup.probe_end, tp->snd_una);
}
void tcp_mtup_probe_success(struct sock *sk);
bool tcp_mtup_probe_lost(struct sock *sk);
/* Segments of this size time out again and again: smaller ones. */
void tcp_mtu_black_hole(struct sock *sk);

/* ---- tcp_retransmit.c
 * -------------------------------------------------------------------------------------
 */
/* Send so many of its segments again: 0 or -errno. The second one also counts it as a
 * retransmission that is in flight. */
int __tcp_retransmit_skb(struct sock *sk, struct sk_buff *skb, u32 segs);
int tcp_retransmit_skb(struct sock *sk, struct sk_buff *skb, u32 segs);
/* The first len bytes of a queued segment go. 0 or -ENOMEM. */
int tcp_trim_head(struct sock *sk, struct sk_buff *skb, u32 len);
/* Resend what is marked lost, as far as the congestion window reaches. */
void tcp_xmit_retransmit_queue(struct sock *sk);
/* Try to send into the peer's window, or a probe where it is closed. */
int tcp_write_wakeup(struct sock *sk);

/* ---- tcp_timer.c
 * ------------------------------------------------------------------------------------------
 */
void tcp_init_timers(struct sock *sk);
void tcp_clear_timers(struct sock *sk);
/* Arm the exclusive slot for `what` after delay. */
void tcp_arm(struct sock *sk, enum tcp_pending what, u64 delay_us);
void tcp_timer_by(struct sock *sk, struct timer *t, u64 expires_ns);
/* Owe an ACK, to go at when_ns. */
void tcp_ack_at(struct sock *sk, u64 when_ns);
void tcp_disarm(struct sock *sk);
/* After an ACK or transmission: RTO for the oldest data in flight. */
void tcp_rearm_rto(struct sock *sk);
/* How long until the RTO of the oldest segment in flight; may be past. */
s64 tcp_rto_delta_us(const struct sock *sk);
void tcp_check_probe_timer(struct sock *sk);
u64 tcp_probe0_when_us(const struct sock *sk);
void tcp_reset_keepalive_timer(struct sock *sk, u64 delay_us);
void tcp_set_keepalive(struct sock *sk, int on);
void tcp_release_cb(struct sock *sk);
u32 tcp_keepalive_time_s(const struct tcp_sock *tp);
u32 tcp_keepalive_intvl_s(const struct tcp_sock *tp);
u32 tcp_keepalive_probes(const struct tcp_sock *tp);
u32 tcp_fin_time_s(const struct sock *sk);

/* ---- tcp_minisocks.c: half-open connections
 * ---------------------------------------------------------------
 */
struct tcp_request_sock {
	struct sock_key key; /* first; state TCP_NEW_SYN_RECV; wheel_tick [w] */
	union {
		struct hlist_node slot; /* [w] of the wheel; holds a reference while in it */
		seq32 fastopen_rcv_nxt; /* of one with a child, which is in no wheel */
		struct rcu_head rcu;
	};
	struct sock *listener; /* counted */
	seq32 rcv_isn, snt_isn;
	u32 ts_recent;
	u32 stamp;   /* when the SYN-ACK was sent, us; once odd: the last answer out of turn, ms */
	u16 rcv_wnd; /* offered */
	u16 mss;
	u8 snd_wscale : 4, rcv_wscale : 4;
	u8 tstamp_ok : 1, wscale_ok : 1, sack_ok : 1, ecn_ok : 1;
	u8 cookie : 1;      /* on the stack, never in the hash */
	u8 fastopen : 1;    /* has a child already */
	u8 acked : 1;       /* a bare ACK came, but accept() waits for data */
	u8 odd : 1;         /* more was sent than one SYN-ACK: no sample (Karn) */
	u8 saves_syn : 1;   /* is a tcp_saving_request */
	u8 num_timeout : 7; /* [w] */
	u8 young : 1;       /* [w] counted as such by the listener */
	u8 gone : 1;        /* [w] left the hash */
	u8 source_bits : 6; /* counted for its source: tcp_source_put() */
};
static_assert(sizeof(struct tcp_request_sock) <= 96, "a half-open connection is small");
#define TCP_MAX_TIMEOUTS 127u /* of a request, whatever the sysctl says */
/* One whose listener wants to see its SYN. */
struct tcp_saving_request {
	struct tcp_request_sock req; /* first */
	struct tcp_saved_syn *syn;   /* NULL: there was no memory, or the child has it */
};
static inline struct tcp_request_sock *tcp_rsk(struct sock_key *key)
{
	return container_of(key, struct tcp_request_sock, key);
}
extern struct kmem_cache *tcp_request_cache, *tcp_tw_cache;
/* tcp_reqsk.c. A copy of *from, with one reference; NULL: no memory. */
/* A record like from, of the SYN skb. NULL: no memory. */
struct tcp_request_sock *tcp_req_alloc(const struct tcp_request_sock *from,
				       const struct sk_buff *skb);
/* The SYN that it holds, if any; the caller's from now on. */
struct tcp_saved_syn *tcp_req_take_syn(struct tcp_request_sock *req);
void tcp_req_put(struct tcp_request_sock *req);
/* It is in the hash: time its SYN-ACK, count it as young. */
void tcp_req_start(struct tcp_request_sock *req);
/* Until the SYN-ACK is sent again. */
u32 tcp_req_when_ms(const struct tcp_request_sock *req);
int tcp_req_init(struct netns_tcp *nt);
void tcp_req_exit(struct netns_tcp *nt);
/* Our timestamps' offset; what the SYN-ACK acknowledges; when it was sent, 0: no sample. */
static inline u32 tcp_req_ts_off(const struct tcp_request_sock *req)
{
	return tcp_secure_ts_off(tcp_net(req->listener), req->key.rcv_saddr, req->key.daddr);
}
static inline seq32 tcp_req_rcv_nxt(const struct tcp_request_sock *req)
{
	return req->fastopen ? req->fastopen_rcv_nxt : seq_add(req->rcv_isn, 1);
}
/* A sample of the round trip at now_us; 0: none. */
static inline u32 tcp_req_rtt_us(const struct tcp_request_sock *req, u64 now_us)
{
	return req->odd || req->cookie ? 0 : (u32)now_us - req->stamp;
}
/* May a segment out of turn be answered now (tcp_oow_rate_ok())? */
bool tcp_req_may_answer(struct tcp_request_sock *req, const struct sk_buff *skb);
/* Remove from hash, timer and accounts. True: it was us who did. */
bool tcp_req_drop(struct tcp_request_sock *req);
void tcp_resend_synack(struct tcp_request_sock *req);
/* The caller has taken it out of the hash: give up what the hash and timer held. */
void tcp_req_left_hash(struct tcp_request_sock *req);
/* A SYN for a listener (RFC 9293 3.10.7.2). *skb stays the caller's, but where it has become NULL:
 * then it is the answer and gone. Softirq, no lock. */
enum skb_drop_reason tcp_conn_request(struct sock *sk, struct sk_buff **skb,
				      const struct tcp_flow *f);
/* Fill in what is known of a flow alone: no timer, no references. */
void tcp_req_setup(struct tcp_request_sock *req, struct sock *sk, const struct tcp_flow *f);
/* What the SYN skb tells of its sender; its options also to *opt. */
void tcp_req_parse_syn(struct tcp_request_sock *req, const struct sock *sk,
		       const struct sk_buff *skb, struct tcp_options *opt);
/* Half-open records are bounded by the listener's backlog and by tcp_max_syn_backlog. */
bool tcp_syn_queue_full(const struct sock *sk);
/* An sk_buff for an answer of len bytes, headers of IP and below fit before it. It is *to where
 * that is given and nobody else has it: nothing is allocated then, and *to becomes NULL. NULL: no
 * memory. */
struct sk_buff *tcp_answer_room(struct sk_buff **to, u32 len);
/* The answer, without checksum and IP header; NULL: no memory. cookie: options that hold one of
 * Fast Open, or NULL. Written over *syn where that can be, which becomes NULL then; or syn NULL. */
struct sk_buff *tcp_make_synack(const struct sock *sk, struct tcp_request_sock *req,
				const struct dst_entry *dst, const struct tcp_options *cookie,
				struct sk_buff **syn);
/* The window to offer, with the route known by which it will be answered. */
void tcp_req_window(const struct tcp_request_sock *req, const struct sock *sk,
		    const struct dst_entry *dst, struct tcp_initial_window *w);
void tcp_req_set_window(struct tcp_request_sock *req, const struct tcp_initial_window *w);
/* TCP_DEFER_ACCEPT in seconds, as a number of SYN-ACKs. */
u8 tcp_defer_accept_set(int seconds);
int tcp_defer_accept_get(u8 n);
/* A segment for a half-open request: the child that it makes, locked, to process it further;
 * NULL with *why when it ends here (SKB_CONSUMED: skb was answered for). */
struct sock *tcp_check_req(struct sock *sk, struct sk_buff *skb, struct tcp_request_sock *req,
			   enum skb_drop_reason *why);

/* ---- tcp_syncookies.c ------------------------------------------------------------------------ */
/* The backlog is full: count and log it. True: answer by a cookie. now_s: tcp_now_s(). */
bool tcp_syn_flood_action(struct sock *sk, u32 now_s);
/* Make the cookie req's sequence number; options that it can't carry go. */
void tcp_cookie_init(struct sock *sk, struct tcp_request_sock *req, const struct tcp_flow *f,
		     u32 now_s);
/* The number of a cookie for a peer that sends segments of mss bytes. */
seq32 tcp_cookie_isn(struct netns_tcp *nt, const struct tcp_flow *f, seq32 peer_isn, u16 mss,
		     u32 now_s);
/* The timestamp to send, with what was agreed (TCP_OPT_*, the peer's window scale) in its low bits;
 * without the offset. */
u32 tcp_cookie_timestamp(u32 now_ms, u32 has, u8 wscale, bool ecn);
/* An ACK for a listener, of no known connection: the child if it returns a cookie, locked; NULL
 * with *why (SKB_NOT_DROPPED_YET: no cookies are about, answer it by a reset). */
struct sock *tcp_cookie_check(struct sock *sk, struct sk_buff *skb, const struct tcp_flow *f,
			      enum skb_drop_reason *why);

/* ---- tcp_admission.c: what one source may have -------------------------------------------------
 */
#define TCP_SOURCE_BYTES 40u
enum tcp_source_kind { TCP_SOURCE_SYN, TCP_SOURCE_CONN, TCP_SOURCE_KINDS };
extern struct kmem_cache *tcp_source_cache;
void tcp_admission_init(struct netns_tcp *nt);
/* Count one more for addr's source. False: it has as many as it may (counted in TcpExt). *bits:
 * what to give back later, 0 for nothing. */
bool tcp_source_get(struct netns_tcp *nt, be32 addr, enum tcp_source_kind kind, u8 *bits);
/* Would that be refused? Then it is counted as refused. */
bool tcp_source_full(struct netns_tcp *nt, be32 addr, enum tcp_source_kind kind);
void __tcp_source_put(struct netns_tcp *nt, be32 addr, enum tcp_source_kind kind, u8 bits);
static inline void tcp_source_put(struct netns_tcp *nt, be32 addr, enum tcp_source_kind kind,
				  u8 bits)
{
	if (unlikely(bits))
		__tcp_source_put(nt, addr, kind, bits);
}
/* Is this CPU so busy receiving that SYNs have to go (net.ipv4.tcp_syn_shed_ms)? Counted then. */
bool __tcp_syn_shed(struct netns_tcp *nt);
static inline bool tcp_syn_shed(struct netns_tcp *nt)
{
	return unlikely(READ_ONCE(nt->tcp_syn_shed_ms)) && __tcp_syn_shed(nt);
}

/* ---- tcp_listen.c: a listener and its accept queue
 * ----------------------------------------------------------
 */
/* A child from a request, in SYN-RECEIVED, locked, in the hash and on the accept queue; NULL:
 * refused or no memory. */
/* ... not on a queue yet; hashed: req is in the hash and hands its place over. */
struct sock *tcp_make_child(struct sock *sk, struct tcp_request_sock *req, bool hashed,
			    enum skb_drop_reason *why);
/* Put it on the accept queue. False: the listener has closed. */
bool tcp_accept_queue_add(struct sock *sk, struct sock *child);
void tcp_child_abandon(struct sock *child);
struct sock *tcp_create_child(struct sock *sk, struct tcp_request_sock *req,
			      enum skb_drop_reason *why);
/* Let the new child process the segment that made it; takes skb, the lock and a reference. */
void tcp_child_process(struct sock *parent, struct sock *child, struct sk_buff *skb);
/* What sk has as a listener, made if it is not there; NULL: no memory. Socket locked. */
struct tcp_listener *tcp_listener_get(struct sock *sk);
void tcp_listener_free(struct sock *sk);
int tcp_listen_start(struct sock *sk, int backlog);
void tcp_listen_stop(struct sock *sk);
struct sock *tcp_accept(struct sock *sk, int flags);
static inline bool tcp_acceptq_is_full(const struct sock *sk)
{
	return READ_ONCE(sk->sk_ack_backlog) > READ_ONCE(sk->sk_max_ack_backlog);
}

/* ---- tcp_timewait.c
 * -----------------------------------------------------------------------------------------
 */
struct tcp_tw_sock {
	struct sock_key key;         /* first; state TCP_TIME_WAIT */
	struct hlist_node bind_node; /* [b] */
	struct tcp_bind_bucket *tb;  /* [b] */
	union {
		struct hlist_node slot_node; /* [tw_lock] */
		struct rcu_head rcu;
	};
	u32 ends_s; /* [tw_lock] */
	seq32 rcv_nxt, snd_nxt;
	u32 ts_offset, ts_recent, ts_recent_stamp_s, last_oow_ack_ms;
	u16 rcv_wnd; /* as on the wire */
	u8 tos;
	u8 rcv_wscale : 4;
	bool in_slot : 1;   /* [tw_lock] */
	bool fin_wait2 : 1; /* [tw_lock] the peer's FIN is still to come */
};
static_assert(sizeof(struct tcp_tw_sock) <= 120, "a TIME-WAIT record is small");
static inline struct tcp_tw_sock *tcp_twsk(struct sock_key *key)
{
	return container_of(key, struct tcp_tw_sock, key);
}
/* sk leaves a record behind, of TIME-WAIT or FIN-WAIT-2 (for tcp_fin_timeout, a minute at most),
 * and is done. */
void tcp_time_wait(struct sock *sk, u8 state);
/* sk is in FIN-WAIT-2 and nobody owns it: a record waits for the peer's FIN, or if it is to wait
 * for more than a minute, sk itself until the last one. Socket locked, in softirq. */
void tcp_await_fin(struct sock *sk);
enum tcp_tw_status { TCP_TW_DROP, TCP_TW_RST, TCP_TW_ACK, TCP_TW_SYN };
enum tcp_tw_status tcp_timewait_process(struct netns_tcp *nt, struct tcp_tw_sock *tw,
					struct sk_buff *skb, seq32 *isn, enum skb_drop_reason *why);
/* End it now. */
void tcp_tw_kill(struct netns_tcp *nt, struct tcp_tw_sock *tw);
/* May a new connection take its 4-tuple (RFC 6191, tcp_tw_reuse)? Sets the sequence to begin with.
 */
bool tcp_tw_may_reuse(struct sock *sk, struct tcp_tw_sock *tw);
void tcp_tw_init(struct netns_tcp *nt);
void tcp_tw_exit(struct netns_tcp *nt);
void tcp_tw_put(struct tcp_tw_sock *tw);
void tcp_tw_ack(struct net *net, struct tcp_tw_sock *tw, const struct sk_buff *skb,
		struct sk_buff **room);

/* ---- tcp_sock.c, tcp_sendmsg.c, tcp_recvmsg.c, tcp_sockopt.c
 * --------------------------------------------------
 */
int tcp_init_sock(struct sock *sk);
/* Free queues, timers and port; the memory follows when the last reference goes. */
void tcp_destroy_sock(struct sock *sk);
void tcp_close(struct sock *sk, u64 timeout_ns);
int tcp_disconnect(struct sock *sk, int flags);
void tcp_shutdown(struct sock *sk, int how);
u32 tcp_poll(struct sock *sk);
int tcp_ioctl(struct sock *sk, unsigned cmd, void *arg);
/* Bytes that can be read now, as SIOCINQ tells. */
u32 tcp_inq(const struct sock *sk);
/* An orphan that is CLOSEd ends: the connection's own reference goes. */
void tcp_orphan_done(struct sock *sk);
bool tcp_too_many_orphans(struct sock *sk);
void tcp_write_queue_purge(struct sock *sk);
void tcp_write_space(struct sock *sk);
ssize_t tcp_sendmsg(struct sock *sk, const struct msghdr *msg, struct iov_iter *from, int flags);
ssize_t tcp_sendpage(struct sock *sk, struct page *page, u32 off, size_t len, int flags);
ssize_t tcp_recvmsg(struct sock *sk, struct msghdr *msg, struct iov_iter *to, int flags);
int tcp_setsockopt(struct sock *sk, int level, int name, const void *val, socklen_t len);
int tcp_getsockopt(struct sock *sk, int level, int name, void *val, socklen_t *len);
/* Room for more in the send buffer? wake: so much that a sleeping writer is worth waking. */
static inline bool tcp_stream_memory_free(const struct sock *sk, bool wake)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u64 lowat = tp->notsent_lowat ? tp->notsent_lowat : tcp_net(sk)->tcp_notsent_lowat;
	u64 notsent = (u32)seq_diff(tp->write_seq, tp->snd_nxt);

	return READ_ONCE(sk->sk_wmem_queued) < READ_ONCE(sk->sk_sndbuf) &&
	       notsent << wake < (u32)lowat;
}
/* Writers are woken when a third of the buffer is free. */
static inline bool tcp_stream_is_writable(const struct sock *sk)
{
	int queued = READ_ONCE(sk->sk_wmem_queued);

	return READ_ONCE(sk->sk_sndbuf) - queued >= queued >> 1 && tcp_stream_memory_free(sk, true);
}

/* ---- tcp_fastopen.c, tcp_fastopen_client.c: RFC 7413 --------------------------------------------
 */
#define TFO_CLIENT_ENABLE          0x1
#define TFO_SERVER_ENABLE          0x2
#define TFO_CLIENT_NO_COOKIE       0x4
#define TFO_SERVER_COOKIE_NOT_REQD 0x200
#define TFO_SERVER_WO_SOCKOPT1     0x400 /* every listener */

#define TCP_FASTOPEN_COOKIE_SIZE 8
#define TCP_FASTOPEN_KEY_LENGTH  16

/* tcpi_fastopen_client_fail */
enum { TFO_STATUS_UNSPEC, TFO_COOKIE_UNAVAILABLE, TFO_DATA_NOT_ACKED, TFO_SYN_RETRANSMITTED };

/* An active open with data, from sendto() to the SYN. */
struct tcp_fastopen_request {
	s8 cookie_len; /* -1: no option at all */
	bool cookie_exp;
	u8 cookie[TCP_FASTOPEN_COOKIE_MAX];
	struct iov_iter *data; /* of the caller, who waits; or NULL */
	size_t size;
	u32 copied; /* what the SYN took */
};

void tcp_fastopen_init(struct netns_tcp *nt);
extern const struct ctl_ops tcp_fastopen_key_ops;
const struct tcp_fastopen_ctx *tcp_fastopen_ctx(const struct sock *sk);
/* 16 or 32 bytes: one or two keys. 0 or -EINVAL; length. */
int tcp_fastopen_set_key(struct tcp_fastopen_ctx *ctx, const u8 *keys, u32 len);
u32 tcp_fastopen_get_key(const struct tcp_fastopen_ctx *ctx, u8 *keys);
/* A listener's SYN with options *o: a child, locked and held, that took its data; or NULL. *o then
 * says which cookie the SYN-ACK is to carry. */
struct sock *tcp_try_fastopen(struct sock *sk, struct sk_buff *skb, struct tcp_request_sock *req,
			      struct tcp_options *o);
/* Queue the text that came with a SYN or SYN-ACK; skb stays the caller's. */
void tcp_fastopen_add_skb(struct sock *sk, struct sk_buff *skb);
/* The child's handshake is complete / it ends: give up the half-open record. */
void tcp_fastopen_complete(struct sock *sk);
void tcp_fastopen_remove(struct sock *sk);
/* The child's timer: the SYN-ACK again. False: often enough. */
bool tcp_fastopen_synack_timer(struct sock *sk);
/* connect() may wait for the first send. *err: no memory. */
bool tcp_fastopen_defer_connect(struct sock *sk, int *err);
/* sendto() that connects: 0 when connected, else -errno; *copied bytes went with the SYN. */
int tcp_sendmsg_fastopen(struct sock *sk, const struct msghdr *msg, struct iov_iter *from,
			 int flags, size_t *copied);
void tcp_fastopen_syn_options(struct sock *sk, struct tcp_options *o);
/* Send syn, with data if there is a cookie, else with a request for one. */
void tcp_fastopen_send_syn(struct sock *sk, struct sk_buff *syn);
/* The SYN-ACK came. True: it did not take our data, which is on its way again. */
bool tcp_fastopen_rcv_synack(struct sock *sk, struct sk_buff *synack, struct tcp_options *o);
void tcp_fastopen_free_req(struct tcp_sock *tp);

/* ---- tcp_notify.c ---------------------------------------------------------------------------- */
/* A send ends with skb, which was not sent yet: its last byte is the one that is reported. */
void tcp_tx_timestamp(struct sock *sk, struct sk_buff *skb);
/* skb was cut, rest is what follows / from was appended to `to`: who reports now. */
void tcp_fragment_tstamp(struct sk_buff *skb, struct sk_buff *rest);
void tcp_merge_tstamp(struct sk_buff *to, const struct sk_buff *from);
/* skb is acknowledged, as is all up to snd_una. */
void tcp_ack_tstamp(struct sock *sk, struct sk_buff *skb);

/* ---- tcp_urg.c ------------------------------------------------------------------------------- */
/* Sixth step of RFC 9293 3.10.7.4: skb with its header, before its text is queued. */
void tcp_rcv_urg(struct sock *sk, struct sk_buff *skb);
/* A byte of the peer's waits for MSG_OOB. */
bool tcp_urg_pending(const struct sock *sk);
/* Is the mark at seq? / How many of n bytes from seq on may be read before it? */
bool tcp_urg_at(const struct sock *sk, seq32 seq);
u32 tcp_urg_clip(const struct sock *sk, seq32 seq, u32 n);
/* copied_seq moved. */
void tcp_urg_passed(struct sock *sk);
ssize_t tcp_recv_urg(struct sock *sk, struct msghdr *msg, struct iov_iter *to, int flags);
/* What was sent with MSG_OOB ends at write_seq; is some unacknowledged; its part of a header. */
void tcp_urg_sent(struct tcp_sock *tp);
bool tcp_urg_mode(const struct tcp_sock *tp);
void tcp_urg_header(struct tcp_sock *tp, seq32 seq, struct tcphdr *th);

/* ---- tcp_sysctl.c, tcp_proc.c
 * -----------------------------------------------------------------------------------
 */
void tcp_sysctl_init(struct netns_tcp *nt);
int tcp_proc_init(struct net *net);
void tcp_proc_exit(struct net *net);

#include "tcp_recovery_int.h"

#endif
