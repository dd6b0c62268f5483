/* SPDX-License-Identifier: MIT */
/*
 * TCP: wire format, the connection (struct tcp_sock), congestion control, and what the rest of the
 * stack may ask of TCP. Names are those of RFC 9293 (snd_una, rcv_nxt ...) and of Linux.
 *
 * Who guards what in struct tcp_sock, by letter: [I] set before the socket can be found, constant
 * then; [a] atomic; [s] socket lock (a thread between lock_sock() and release_sock(), or a softirq
 * with bh_lock_sock() and not owned); [b] lock of the bind hash chain; [q] accept queue lock.
 * Members without a letter are [s].
 */
#ifndef NET_TCP_H
#define NET_TCP_H

#include <kernel/time.h>
#include <net/inet_sock.h>
#include <net/netns_tcp.h>
#include <netinet/tcp.h>

/* ---- wire (RFC 9293 section 3.1) ---------------------------------------------------------- */
struct tcphdr {
	be16 source, dest;
	be32 seq, ack_seq;
	u8 doff_res; /* header length in words in the high nibble; bit 0: AE */
	u8 flags;    /* TCPHDR_* */
	be16 window, check, urg_ptr;
} __packed;
static_assert(sizeof(struct tcphdr) == 20, "RFC 9293 section 3.1");

#define TCPHDR_FIN     0x01
#define TCPHDR_SYN     0x02
#define TCPHDR_RST     0x04
#define TCPHDR_PSH     0x08
#define TCPHDR_ACK     0x10
#define TCPHDR_URG     0x20
#define TCPHDR_ECE     0x40
#define TCPHDR_CWR     0x80
#define TCPHDR_SYN_ECN (TCPHDR_SYN | TCPHDR_ECE | TCPHDR_CWR)

static inline struct tcphdr *tcp_hdr(const struct sk_buff *skb)
{
	return skb_transport_header(skb);
}
static inline u32 tcp_hdrlen_bytes(const struct tcphdr *th)
{
	return (th->doff_res >> 4) * 4u;
}
static inline u32 tcp_hdrlen(const struct sk_buff *skb)
{
	return tcp_hdrlen_bytes(tcp_hdr(skb));
}

#define TCP_MAX_HDR_BYTES     60
#define TCP_MSS_DEFAULT       536u /* RFC 9293 section 3.7.1 */
#define TCP_MIN_MSS           88u
#define TCP_MAX_WSCALE        14u
#define TCP_INIT_CWND         10u /* RFC 6928 */
#define TCP_MAX_QUICKACKS     16u
#define TCP_INFINITE_SSTHRESH 0x7fffffffu
#define TCP_TIMESTEP_MS       1u

/* ---- states --------------------------------------------------------------------------------- */
/* Facts about a state, so that no code lists states. */
#define TCPF_SYNCED  0x01u /* both sides have sent and had acknowledged a SYN */
#define TCPF_RX      0x02u /* text may still arrive (RFC 9293 3.10.7.4, seventh step) */
#define TCPF_TX      0x04u /* the application may still send */
#define TCPF_CONN    0x08u /* a peer is known */
#define TCPF_FINSENT 0x10u /* our FIN is in the sequence space */
#define TCPF_FINRCVD 0x20u /* the peer's FIN has been received */

/* X(name, printed name, facts), in Linux's numbering. NEW_SYN_RECV: a half-open request record. */
#define TCP_STATES(X)                                                                  \
	X(ESTABLISHED, "ESTAB", TCPF_SYNCED | TCPF_RX | TCPF_TX | TCPF_CONN)           \
	X(SYN_SENT, "SYN-SENT", TCPF_CONN)                                             \
	X(SYN_RECV, "SYN-RECV", TCPF_CONN)                                             \
	X(FIN_WAIT1, "FIN-WAIT-1", TCPF_SYNCED | TCPF_RX | TCPF_CONN | TCPF_FINSENT)   \
	X(FIN_WAIT2, "FIN-WAIT-2", TCPF_SYNCED | TCPF_RX | TCPF_CONN | TCPF_FINSENT)   \
	X(TIME_WAIT, "TIME-WAIT", TCPF_SYNCED | TCPF_FINSENT | TCPF_FINRCVD)           \
	X(CLOSE, "UNCONN", 0)                                                          \
	X(CLOSE_WAIT, "CLOSE-WAIT", TCPF_SYNCED | TCPF_TX | TCPF_CONN | TCPF_FINRCVD)  \
	X(LAST_ACK, "LAST-ACK", TCPF_SYNCED | TCPF_CONN | TCPF_FINSENT | TCPF_FINRCVD) \
	X(LISTEN, "LISTEN", 0)                                                         \
	X(CLOSING, "CLOSING", TCPF_SYNCED | TCPF_CONN | TCPF_FINSENT | TCPF_FINRCVD)   \
	X(NEW_SYN_RECV, "SYN-RECV", TCPF_CONN)

enum { TCP_NEW_SYN_RECV = TCP_CLOSING + 1, TCP_NSTATES };

/* Sets of states: 1 << TCP_X. */
#define TCPS(name) (1u << TCP_##name)
static inline bool tcp_state_in(const struct sock *sk, u32 set)
{
	return (1u << READ_ONCE(sk->sk_state)) & set;
}
const char *tcp_state_name(u8 state);
u32 tcp_state_facts(u8 state);

/* ---- options ------------------------------------------------------------------------------- */
#define TCP_NUM_SACKS 4

struct tcp_sack_block {
	seq32 start_seq, end_seq;
};

/* What the two sides agreed on, and the last timestamps seen. */
struct tcp_options_received {
	u32 ts_recent;            /* TS.Recent (RFC 7323 section 4.3) */
	u32 ts_recent_stamp_s;    /* when it was taken, seconds; 0: never */
	u32 rcv_tsval, rcv_tsecr; /* of the segment being processed */
	u16 saw_tstamp : 1, tstamp_ok : 1, dsack : 1, wscale_ok : 1, sack_ok : 1, smc_ok : 1,
		snd_wscale : 4, rcv_wscale : 4;
	u8 num_sacks;  /* blocks in selective_acks[] to be sent */
	u16 user_mss;  /* TCP_MAXSEG; 0: none */
	u16 mss_clamp; /* the peer's MSS option */
};

/* ---- congestion control ---------------------------------------------------------------------- */
struct tcp_sock;

/* One measurement of the delivery rate (draft-cheng-iccrg-delivery-rate-estimation). */
struct tcp_rate_sample {
	u64 prior_mstamp_us;
	u32 prior_delivered, prior_delivered_ce;
	s32 delivered, delivered_ce; /* segments over the interval; < 0: no sample */
	s64 interval_us;
	u32 snd_interval_us, rcv_interval_us;
	s64 rtt_us; /* of the last segment (s)acked; < 0: none */
	int losses;
	u32 acked_sacked, prior_in_flight, last_end_seq;
	bool is_app_limited, is_retrans, is_ack_delayed;
};

enum tcp_ca_event {
	CA_EVENT_TX_START,     /* first transmit when nothing is in flight */
	CA_EVENT_CWND_RESTART, /* after an idle time */
	CA_EVENT_COMPLETE_CWR, /* end of congestion recovery */
	CA_EVENT_LOSS,         /* retransmission time-out */
	CA_EVENT_ECN_NO_CE,    /* segment received without / with congestion experienced */
	CA_EVENT_ECN_IS_CE
};

#define TCP_CA_ACK_SLOWPATH   1u
#define TCP_CA_ACK_WIN_UPDATE 2u
#define TCP_CA_ACK_ECE        4u

#define TCP_CONG_NON_RESTRICTED 1u
#define TCP_CONG_NEEDS_ECN      2u

/* A congestion control. Calls come with the socket locked. ssthresh, undo_cwnd and one of
 * cong_avoid and cong_control are required. */
struct tcp_congestion_ops {
	const char *name;
	u32 flags;
	u32 (*ssthresh)(struct sock *sk); /* the threshold after a loss, segments */
	void (*cong_avoid)(struct sock *sk, seq32 ack, u32 acked); /* grow cwnd */
	/* Instead of cong_avoid and rate halving: sets cwnd and pacing itself, per ACK. */
	void (*cong_control)(struct sock *sk, const struct tcp_rate_sample *rs);
	u32 (*undo_cwnd)(struct sock *sk);
	void (*set_state)(struct sock *sk, u8 new_state);
	void (*cwnd_event)(struct sock *sk, enum tcp_ca_event ev);
	void (*in_ack_event)(struct sock *sk, u32 flags);
	void (*pkts_acked)(struct sock *sk, u32 pkts_acked, s64 rtt_us, u32 in_flight);
	u32 (*min_tso_segs)(struct sock *sk);
	u32 (*sndbuf_expand)(struct sock *sk);
	void (*init)(struct sock *sk);
	void (*release)(struct sock *sk);
};
#define TCP_CONG(sym)                                             \
	static const struct tcp_congestion_ops *const sym##_entry \
		__attribute__((section("tcp_congs"), used)) = &(sym)

/* ---- the connection ----------------------------------------------------------------------------
 */
struct tcp_bind_bucket;
struct tcp_af_ops;
struct tcp_request_sock;

/* Half-open requests and the accept queue of a listener (tcp_listen.c). */
struct tcp_accept_queue {
	struct spinlock lock;
	struct list_head head; /* of tcp_sock.accept_node [q] */
	atomic_t qlen;         /* half-open requests in the hash */
	atomic_t young;        /* of them, SYN-ACK not yet retransmitted */
	u64 synflood_warned_ns;
};

/* What the retransmission timer slot stands for: they exclude each other. */
enum tcp_pending {
	TCP_PEND_NONE,
	TCP_PEND_RETRANS,    /* RTO (RFC 6298) */
	TCP_PEND_PROBE0,     /* persist: zero window (RFC 9293 3.8.6.1) */
	TCP_PEND_LOSS_PROBE, /* TLP (RFC 8985 section 7) */
	TCP_PEND_REO         /* RACK reordering window (RFC 8985 section 6) */
};

struct tcp_sock {
	struct inet_sock inet; /* first */

	/* identity */
	const struct tcp_af_ops *af; /* IPv4's or IPv6's functions */
	struct tcp_bind_bucket *tb;  /* port held, or NULL */
	bool v6_mapped;
	bool hash_moved; /* was in the hash before: tcp_ehash.rehash_gen */

	/* fast path, received segments */
	u16 tcp_header_len; /* with the options every segment carries */
	u16 gso_segs;       /* most segments a super-packet */
	u32 pred_flags;     /* host order: header length, ACK, window expected; 0: slow path */
	seq32 rcv_nxt, copied_seq,
		rcv_wup; /* next expected; read by the user; at last window sent */
	u32 rcv_wnd;
	seq32 rcv_mwnd_seq; /* rightmost edge of the largest window ever offered */
	seq32 snd_una, snd_nxt, snd_sml,
		snd_wl1; /* snd_sml: end of the last small segment (Nagle) */
	u32 snd_wnd, max_window;
	seq32 write_seq, pushed_seq;
	seq32 snd_up; /* end of urgent data to send */

	/* time */
	u64 tcp_mstamp_us; /* of the event being handled */
	u64 tcp_wstamp_ns; /* departure time of the last segment (pacing) */
	u32 lsndtime_ms, rcv_tstamp_ms, last_oow_ack_ms, last_snd_ack_ms;
	u32 tsoffset;

	/* round trip (RFC 6298): srtt is scaled by 8, mdev and rttvar by 4 */
	u32 srtt_us, mdev_us, mdev_max_us, rttvar_us;
	seq32 rtt_seq;
	u32 rto_us;
	struct tcp_minmax {
		struct {
			u32 t_ms, v;
		} s[3];
	} rtt_min;
	u32 rto_min_us;

	/* in flight, in segments (a super-packet counts as what it will be cut into) */
	u32 packets_out, sacked_out, lost_out, retrans_out;
	u32 max_packets_out, cwnd_usage_seq_v;
	u32 segs_out, data_segs_out, segs_in, data_segs_in;
	u64 bytes_sent, bytes_acked, bytes_received, bytes_retrans;
	u32 total_retrans, dsack_dups, reord_seen, rcv_ooopack;
	struct list_head tsorted_sent_queue; /* sent or resent, by time of sending (RACK) */
	struct sk_buff *highest_sack, *retransmit_skb_hint;
	seq32 high_seq; /* SND.NXT when recovery began */
	seq32 retrans_stamp_unused;
	u32 retrans_stamp; /* timestamp clock of the first retransmission; 0: none */
	seq32 undo_marker; /* SND.UNA when recovery began */
	int undo_retrans;  /* retransmissions a DSACK has not yet disproved */
	bool undo_marker_set;
	u32 reordering;
	seq32 tlp_high_seq;
	bool tlp_pending, tlp_retrans;
	u32 prior_ssthresh, prior_cwnd, prr_delivered, prr_out;
	u32 delivered, delivered_ce, lost, app_limited;
	u64 first_tx_mstamp_us, delivered_mstamp_us;
	u32 rate_delivered, rate_interval_us;
	struct {
		u64 mstamp_us; /* sending time of the newest segment (s)acked */
		u32 rtt_us;
		seq32 end_seq;
		u32 last_delivered;
		u8 reo_wnd_steps, reo_wnd_persist;
		bool dsack_seen, advanced;
	} rack;
	bool rate_app_limited, is_cwnd_limited, is_sack_reneg, frto;

	/* congestion window, in segments */
	const struct tcp_congestion_ops *ca_ops;
	u8 ca_state;
	bool ca_setsockopt, ca_initialized;
	u32 snd_cwnd, snd_ssthresh, snd_cwnd_cnt, snd_cwnd_clamp, snd_cwnd_used, snd_cwnd_stamp_ms;
	_Alignas(8) u8 ca_priv[104];

	/* maximum segment size and path MTU */
	u32 mss_cache;
	u16 advmss;
	u16 ext_hdr_len;
	u32 pmtu_cookie;
	struct {
		u32 search_high, search_low, probe_size, probe_timestamp_ms;
		bool enabled;
		seq32 probe_seq_start, probe_seq_end;
	} mtup;
	u32 mtu_info; /* from ICMP, while the socket was owned */

	/* receive window and buffer */
	u32 window_clamp, rcv_ssthresh;
	u8 scaling_ratio; /* of truesize, in 256ths, that is payload */
	struct {
		u32 space;
		seq32 seq;
		u64 time_us;
	} rcvq_space;
	struct {
		u32 rtt_us;
		seq32 seq;
		u64 time_us;
	} rcv_rtt_est;
	u32 rcv_rtt_last_tsecr;

	/* out-of-order data and selective acknowledgements */
	struct rb_root out_of_order_queue;
	struct sk_buff *ooo_last_skb;
	struct tcp_sack_block duplicate_sack[1], selective_acks[TCP_NUM_SACKS], recv_sack_cache[4];
	struct tcp_options_received rx_opt;

	/* acknowledging (delayed ACKs) */
	struct {
		u8 pending; /* TCP_ACK_* */
		u8 quick, pingpong, retry;
		u32 ato_ms;
		u32 lrcvtime_ms;
		u16 last_seg_size, rcv_mss;
	} ack;
	u8 compressed_ack, dup_ack_counter;
	u32 compressed_ack_rcv_nxt;
	struct hrtimer compressed_ack_timer;

	/* timers: one slot for retransmit, persist and probes; delayed ACK; sk_timer: keepalive,
	 * FIN-WAIT-2 and SYN-ACK of a simultaneous open */
	u8 pending; /* enum tcp_pending */
	u8 retransmits, backoff, probes_out, keepalive_probes_sent;
	u64 timeout_ns, ack_timeout_ns;
	struct timer retransmit_timer, delack_timer;
	struct hrtimer pacing_timer;
	u32 probes_tstamp_ms, user_timeout_ms;
	u16 total_rto, total_rto_recoveries;
	u32 total_rto_time_ms, rto_stamp_ms;

	/* urgent data (RFC 9293 section 3.8.5, RFC 6093) */
	u16 urg_data; /* TCP_URG_* | byte */
	seq32 urg_seq;
	bool urg_mode;

	/* settings */
	u8 nonagle; /* TCP_NAGLE_* */
	u8 ecn_flags;
	u8 syn_retries, thin_lto : 1, thin_dupack : 1, recvmsg_inq : 1, save_syn : 2, repair : 1,
		syn_data : 1, syn_data_acked : 1, syn_fastopen : 1, fastopen_connect : 1,
		fastopen_no_cookie : 1, is_mptcp : 1, tcp_usec_ts : 1;
	u8 keepalive_probes;
	u32 keepalive_time_s, keepalive_intvl_s;
	int linger2_s; /* FIN-WAIT-2 time-out; < 0: none */
	u32 notsent_lowat;
	u32 defer_accept_s, rcvbuf_seg;
	u8 rcv_tos_syn;
	u8 saved_syn_len;
	u8 *saved_syn;

	/* time spent (tcpi_busy_time and its parts): TCP_CHRONO_* running, since, and so far */
	u8 chrono_type;
	u32 chrono_start_ms, chrono_stat_ms[3];

	/* listener, and its child before accept() */
	struct tcp_accept_queue accept_queue;
	struct list_head accept_node; /* [q] */
	struct sock *accept_parent;   /* [q] whose queue accept_node is on */
	u32 max_qlen_log_unused;
	struct list_head tsq_node; /* [o] of the CPU's throttled sockets */
	struct rcu_head rcu_unused;
};

static inline struct tcp_sock *tcp_sk(const struct sock *sk)
{
	return (struct tcp_sock *)(uintptr_t)sk;
}

extern struct proto tcp_prot;

/* ---- for sock_diag, ss and /proc --------------------------------------------------------------
 */
/* TCP_INFO of a full socket. Socket locked. */
void tcp_get_info(struct sock *sk, struct tcp_info *info);
/* Call fn for each record of the hash tables of net: sockets in any state, requests
 * (TCP_NEW_SYN_RECV) and TIME-WAIT records; what they are is told by key->state. fn runs under rcu
 * with bottom halves off and must not keep key. */
void tcp_for_each(struct net *net, void (*fn)(const struct sock_key *key, void *arg), void *arg);
static inline const struct sock *tcp_key_sock(const struct sock_key *key)
{
	return (const struct sock *)(const void *)key;
}
/* Timers as /proc/net/tcp tells them: which (0 none, 1 retransmit, 2 keepalive, 3 TIME-WAIT, 4
 * persist), and when it fires, in milliseconds from now. */
struct tcp_timer_view {
	u8 active, retransmits;
	u32 when_ms;
};
void tcp_timer_view(const struct sock_key *key, struct tcp_timer_view *v);

#endif
