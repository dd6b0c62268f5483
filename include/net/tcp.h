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

#include <kernel/softirq.h>
#include <kernel/time.h>
#include <lib/minmax.h>
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

#define TCPHDR_FIN 0x01
#define TCPHDR_SYN 0x02
#define TCPHDR_RST 0x04
#define TCPHDR_PSH 0x08
#define TCPHDR_ACK 0x10
#define TCPHDR_URG 0x20
#define TCPHDR_ECE 0x40
#define TCPHDR_CWR 0x80

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

#define TCP_MSS_DEFAULT       536u /* RFC 9293 section 3.7.1 */
#define TCP_MIN_MSS           88u
#define TCP_MAX_WSCALE        14u
#define TCP_INIT_CWND         10u /* RFC 6928 */
#define TCP_MAX_QUICKACKS     16u
#define TCP_INFINITE_SSTHRESH 0x7fffffffu
#define TCP_CA_PRIV_SIZE      96u /* bytes of a congestion control's own data */

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
/* What the two sides agreed on, and the last timestamps seen. */
struct tcp_options_received {
	u32 ts_recent;            /* TS.Recent (RFC 7323 section 4.3) */
	u32 ts_recent_stamp_s;    /* when it was taken, seconds; 0: never */
	u32 rcv_tsval, rcv_tsecr; /* of the segment being processed */
	u16 saw_tstamp : 1, tstamp_ok : 1, wscale_ok : 1, snd_wscale : 4, rcv_wscale : 4;
	u16 sack_ok : 3;   /* TCP_SACK_SEEN, TCP_DSACK_SEEN */
	u16 num_sacks : 3; /* blocks to be sent with the next ACK, a DSACK included */
	u16 user_mss;      /* TCP_MAXSEG; 0: none */
	u16 mss_clamp;     /* the peer's MSS option */
};

/* ---- the connection ---------------------------------------------------------------------------
 */
struct tcp_bind_bucket;
struct tcp_af_ops;
struct tcp_request_sock;
struct tcp_congestion_ops;

struct tcp_sack_block {
	seq32 start_seq, end_seq;
};
#define TCP_NUM_SACKS 4

/* Half-open requests and the accept queue of a listener (tcp_listen.c). */
struct tcp_accept_queue {
	struct spinlock lock;
	struct list_head head; /* of tcp_sock.accept_node [q] */
	atomic_t qlen;         /* half-open requests in the hash */
	atomic_t young;        /* of these, whose SYN-ACK was sent once */
	u32 overflow_s;        /* [a] when a cookie was sent last, seconds; 0: never */
	u32 flood_warned_s;
	u32 cpu;         /* [I] of the thread that listens: threads stay on their CPU */
	u8 defer_accept; /* SYN-ACKs that a bare ACK is ignored for: TCP_DEFER_ACCEPT */
};

/* What only listeners have: made by listen(), or before it by an option that is about listening
 * (tcp_listener_get()); it goes with the socket's memory, so softirqs need not ask. */
struct tcp_listener {
	struct tcp_accept_queue queue;
	struct tcp_fastopen_ctx fastopen_ctx; /* TCP_FASTOPEN_KEY */
	u32 fastopen_max_qlen;                /* children by Fast Open at most */
	atomic_t fastopen_qlen;
};

/* The headers of a SYN, for TCP_SAVED_SYN. */
struct tcp_saved_syn {
	u32 len;
	u8 bytes[];
};

/* What the retransmission timer slot stands for: they exclude each other. */
enum tcp_pending {
	TCP_PEND_NONE,
	TCP_PEND_RETRANS,    /* RTO (RFC 6298) */
	TCP_PEND_PROBE0,     /* persist: zero window (RFC 9293 3.8.6.1) */
	TCP_PEND_LOSS_PROBE, /* tail loss probe (RFC 8985 section 7) */
	TCP_PEND_REO_TIMEOUT /* RACK's reordering window (RFC 8985 section 6.3) */
};

/* What keeps the sender from sending, later ones hide earlier ones (tcpi_busy_time ...). */
enum tcp_chrono {
	TCP_CHRONO_UNSPEC, /* nothing: there is no data */
	TCP_CHRONO_BUSY,
	TCP_CHRONO_RWND_LIMITED,
	TCP_CHRONO_SNDBUF_LIMITED,
	TCP_CHRONO_NR
};

struct tcp_sock {
	struct inet_sock inet; /* first */

	/* identity */
	const struct tcp_af_ops *af; /* the address family's functions */
	struct tcp_bind_bucket *tb;  /* port held, or NULL [b] */

	/* What is small, of all that follows: here it leaves no holes. */
	bool hash_moved; /* was in the hash before: tcp_ehash.rehash_gen */
	bool ca_chosen;  /* by TCP_CONGESTION */
	bool ca_started; /* init() was called */
	u8 ca_state;     /* TCP_CA_* */
	u8 ecn_flags;    /* TCP_ECN_* */
	bool is_cwnd_limited;
	u8 chrono_type;   /* enum tcp_chrono: what holds the sender up now */
	bool undo_valid;  /* undo_marker means something */
	bool tlp_out;     /* the tail loss probe is not answered */
	bool tlp_retrans; /* ... and was a retransmission */
	u8 frto : 1, is_sack_reneg : 1;
	bool rate_app_limited;
	bool has_dsack;
	u8 source_bits; /* passive: counted for its source until it is closed (tcp_admission.c) */
	bool thin_lto;  /* TCP_THIN_LINEAR_TIMEOUTS */
	u8 compressed_ack;  /* ACKs with SACK blocks that were not sent */
	u8 dup_ack_counter; /* those that were, since RCV.NXT moved */
	u8 scaling_ratio;   /* payload of a packet's memory, of 256 */
	u16 rcv_ratio_mss;  /* segment size by which that was measured */

	/* sequence space (RFC 9293 section 3.3.1) */
	seq32 rcv_nxt, copied_seq, rcv_wup; /* next expected; read; at the last window sent */
	seq32 snd_una, snd_nxt, snd_wl1;
	seq32 snd_sml;               /* end of the last small segment (Nagle) */
	seq32 write_seq, pushed_seq; /* end of what the application wrote; of the last PSH */
	u32 rcv_wnd, snd_wnd, max_window;
	u32 rcv_ooopack; /* a count, as those further down */

	/* time */
	u64 tcp_mstamp_us; /* of the event being handled */
	u32 lsndtime_ms, rcv_tstamp_ms, last_oow_ack_ms;
	u32 tsoffset;
	u32 tcp_mstamp_ms; /* as tcp_mstamp_us */

	/* round trip (RFC 6298): srtt is scaled by 8, rttvar by 4 */
	u32 srtt_us, mdev_us, mdev_max_us, rttvar_us, rto_us;
	seq32 rtt_seq;         /* where rttvar may decrease next */
	struct minmax rtt_min; /* over net.ipv4.tcp_min_rtt_wlen seconds */

	/* congestion control: Linux's names; windows and counts in segments */
	const struct tcp_congestion_ops *ca_ops;
	u64 ca_priv[TCP_CA_PRIV_SIZE / sizeof(u64)];
	u32 snd_cwnd, snd_ssthresh, snd_cwnd_cnt, snd_cwnd_clamp;
	u32 snd_cwnd_used, snd_cwnd_stamp_ms; /* application-limited: RFC 7661 */
	u32 max_packets_out;                  /* in this window of data ... */
	seq32 cwnd_usage_seq;                 /* ... which ends here */
	u32 prior_cwnd, prior_ssthresh;       /* before recovery: for prr, and for undo */

	/* sending: tcp_output.c, tcp_pacing.c */
	u64 tcp_clock_ns;  /* of the event being handled */
	u64 tcp_wstamp_ns; /* departure time of the segment sent last */
	struct hrtimer pacing_timer;
	struct call_single_data tsq_call; /* small queues: go on sending */
	u32 chrono_start_ms; /* since when what chrono_type names holds the sender up */
	u32 chrono_stat_ms[TCP_CHRONO_NR];

	/* the scoreboard (tcp_sack.c, tcp_recovery.c) */
	u32 packets_out, sacked_out, lost_out, retrans_out; /* of the queue: sent, and marked so */
	u32 reno_delivered; /* without SACK: of the queue, what duplicate ACKs had counted as such
			     */
	u32 lost;           /* marked lost, ever */
	seq32 high_seq;     /* SND.NXT when recovery began */
	struct sk_buff *highest_sack; /* segment behind the highest SACKed; NULL: send head */
	struct sk_buff *retransmit_skb_hint; /* where the search for what to resend goes on */
	struct list_head tsorted_sent_queue; /* the queue by time of (re)transmission */
	struct tcp_sack_block recv_sack_cache[TCP_NUM_SACKS];
	u32 reordering;             /* segments that may pass one another, measured */
	u32 reord_seen;             /* reorderings found */
	u32 prr_delivered, prr_out; /* PRR (RFC 9937) in this recovery */
	seq32 undo_marker;          /* SND.UNA when it began; undo_valid: it may be undone */
	s32 undo_retrans;           /* retransmissions not yet proved needless */
	seq32 tlp_high_seq;         /* SND.NXT at the tail loss probe */
	u32 dsack_dups;
	struct {
		u64 mstamp_us; /* when the segment last delivered had been sent */
		u32 rtt_us;
		seq32 end_seq;      /* of that segment */
		u32 last_delivered; /* tp->delivered when the reordering window was last adapted */
		u8 reo_wnd_steps;   /* in quarters of min_rtt */
		u8 reo_wnd_persist : 5, dsack_seen : 1, advanced : 1;
	} rack;

	/* delivery rate (tcp_rate.c): see struct rate_sample */
	u32 delivered, delivered_ce;
	u32 app_limited; /* limited until delivered reaches this; 0: not */
	u32 rto_min_us;  /* a setting; 0: as the sysctl says */
	u64 first_tx_us, delivered_us;
	u32 rate_delivered, rate_interval_us;

	/* what we tell of our receive queue (RFC 2018, 2883) */
	struct tcp_sack_block duplicate_sack, selective_acks[TCP_NUM_SACKS];
	seq32 compressed_ack_rcv_nxt; /* RCV.NXT that dup_ack_counter is of */

	/* counts */
	u32 segs_out, data_segs_out, segs_in, data_segs_in, total_retrans;
	u64 bytes_sent, bytes_acked, bytes_received, bytes_retrans;

	/* maximum segment size and path MTU */
	u32 mss_cache;
	u32 gso_segs; /* of the largest super-packet */
	struct {      /* RFC 4821: packet sizes in bytes from IP on */
		bool enabled;
		u32 search_low, search_high; /* known to pass; not known to be too large */
		u32 probe_size;              /* of the probe in flight; 0: none */
		u32 stamp_ms;
		seq32 probe_start, probe_end;
	} mtup;
	u16 advmss;
	u16 ext_hdr_len;    /* IP options */
	u16 tcp_header_len; /* with the options every segment carries */
	u8 save_syn;        /* TCP_SAVE_SYN: 1: from the IP header on, 2: from the link's */
	u32 pmtu_cookie;
	u32 mtu_info; /* from ICMP, while the socket was owned */

	/* receiving */
	u32 window_clamp, rcv_ssthresh; /* most that is ever, and that is now, offered */
	u32 rto_max_us;                 /* a setting; 0: as the sysctl says */
	struct {                        /* a round trip as the receiver sees it */
		u64 time_us;
		u32 rtt_us; /* times 8; 0: none yet */
		seq32 seq;
		u32 last_tsecr;
	} __packed __aligned(8) rcv_rtt;
	struct { /* what the application read in the last one */
		u32 space;
		seq32 seq;
		u64 time_us;
	} rcvq_space;
	struct rb_root out_of_order_queue;
	struct tcp_options_received rx_opt;
	struct {
		u64 timeout_ns;          /* of the delayed ACK */
		u32 lrcvtime_ms, ato_ms; /* the last text; delay of an ACK, 0: no text yet */
		u16 last_seg_size;
		u16 rcv_mss;   /* the largest segment the peer sends, estimated */
		u8 pending;    /* TCP_ACK_* */
		u8 quick;      /* segments to be acknowledged at once still */
		bool pingpong; /* an interactive session: ACKs ride on answers */
	} ack;

	/* timers: one slot for retransmit and persist; delayed ACK; sk_timer: keepalive and
	 * FIN-WAIT-2 */
	u8 pending; /* enum tcp_pending */
	u8 retransmits, backoff, probes_out, keepalive_probes_sent;
	bool urg_mode; /* we send urgent data: up to snd_up */
	u16 urg_data;  /* the byte received, and what became of it */
	u64 timeout_ns;
	struct timer retransmit_timer, delack_timer;
	u16 total_rto, total_rto_recoveries; /* time-outs, and runs of them */
	u32 rto_stamp_ms, total_rto_time_ms;
	u32 retrans_stamp_ms; /* of the first retransmission without an answer; 0: none */
	u32 user_timeout_ms;
	u32 probes_stamp_ms; /* of the first probe of a closed window; 0: none */

	/* urgent data (tcp_urg.c) */
	seq32 urg_seq, snd_up; /* where the byte is; behind the last byte sent with MSG_OOB */

	u32 rcv_shrunk; /* by so much the window ends before one that was offered earlier */

	/* settings */
	u8 nonagle;       /* TCP_NAGLE_* */
	bool recvmsg_inq; /* TCP_INQ */
	u8 syn_retries, keepalive_probes;
	u16 keepalive_time_s, keepalive_intvl_s;
	u32 delack_max_us; /* 0: the constant */
	int linger2_s;     /* FIN-WAIT-2 time-out; < 0: none, 0: the sysctl's */
	u32 notsent_lowat;

	/* TCP Fast Open (RFC 7413) */
	struct tcp_request_sock *fastopen_rsk;     /* child whose handshake is not complete */
	struct tcp_fastopen_request *fastopen_req; /* active: while the SYN is made */
	bool fastopen_connect, fastopen_no_cookie; /* the options of these names */
	bool defer_connect;                        /* connect() said yes, the SYN waits for data */
	bool syn_fastopen, syn_fastopen_exp, syn_data, syn_data_acked;
	u8 fastopen_client_fail; /* for tcp_info */

	struct tcp_saved_syn *saved_syn; /* of the SYN that made this connection; or NULL */
	struct tcp_listener *lsn;        /* [I once set] NULL: never was a listener */
#define accept_queue lsn->queue
	struct list_head accept_node; /* [q] child before accept() */
};

#define TCP_SACK_SEEN  1u /* rx_opt.sack_ok: both sides offered SACK */
#define TCP_DSACK_SEEN 4u /* the peer has sent a DSACK */

static inline bool tcp_is_sack(const struct tcp_sock *tp)
{
	return tp->rx_opt.sack_ok;
}

static inline struct tcp_sock *tcp_sk(const struct sock *sk)
{
	return (struct tcp_sock *)(uintptr_t)sk;
}

static inline u32 tcp_min_rtt(const struct tcp_sock *tp)
{
	return minmax_get(&tp->rtt_min);
}

extern struct proto tcp_prot;

/* ---- congestion control modules ----------------------------------------------------------------
 * As in Linux: a table of functions, private data in tp->ca_priv. Socket lock held, softirq or
 * thread. What is not said to be required may be NULL.
 */
enum tcp_ca_event {
	CA_EVENT_TX_START,     /* first transmission with nothing in flight */
	CA_EVENT_CWND_RESTART, /* the window was restarted after an idle time */
	CA_EVENT_COMPLETE_CWR, /* end of a reduction of the window */
	CA_EVENT_LOSS,         /* the retransmission timer fired */
	CA_EVENT_ECN_NO_CE,    /* a segment came without CE ... */
	CA_EVENT_ECN_IS_CE,    /* ... and with */
};
enum { CA_ACK_SLOWPATH = 1, CA_ACK_WIN_UPDATE = 2, CA_ACK_ECE = 4 }; /* in_ack_event() */

/* What one ACK told, to pkts_acked(). */
struct ack_sample {
	u32 pkts_acked; /* segments taken off the queue or SACKed */
	s32 rtt_us;     /* -1: none */
	u32 in_flight;  /* segments in flight when the last of them was sent */
};

/* Delivery rate as one ACK shows it (RFC 9438's and BBR's input; tcp_rate.c). */
struct rate_sample {
	u64 prior_us;        /* tp->delivered_us when the sampled segment was sent */
	u32 prior_delivered; /* tp->delivered then */
	u32 prior_delivered_ce;
	s32 delivered; /* segments delivered over the interval; -1: no sample */
	s32 delivered_ce;
	s64 interval_us; /* < 0: no sample */
	u32 snd_interval_us, rcv_interval_us;
	s64 rtt_us;          /* of the segment (S)ACKed last; -1: none */
	u32 losses;          /* segments marked lost by this ACK */
	u32 acked_sacked;    /* segments newly (S)ACKed by it */
	u32 prior_in_flight; /* before it */
	seq32 last_end_seq;
	bool is_app_limited, is_retrans, is_ack_delayed;
};

union tcp_cc_info;
struct tcp_congestion_ops {
	char name[TCP_CA_NAME_MAX];
	u32 flags;                                               /* TCP_CONG_* */
	u32 (*ssthresh)(struct sock *sk);                        /* required: after a loss */
	void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked); /* required unless cong_control */
	u32 (*undo_cwnd)(struct sock *sk);                       /* required */
	void (*init)(struct sock *sk);
	void (*release)(struct sock *sk);
	void (*set_state)(struct sock *sk, u8 new_state); /* before ca_state changes */
	void (*cwnd_event)(struct sock *sk, enum tcp_ca_event ev);
	void (*in_ack_event)(struct sock *sk, u32 flags); /* CA_ACK_* */
	void (*pkts_acked)(struct sock *sk, const struct ack_sample *sample);
	/* Takes cong_avoid's and PRR's place: sets cwnd and pacing rate by itself. */
	void (*cong_control)(struct sock *sk, u32 ack, u32 flag, const struct rate_sample *rs);
	u32 (*min_tso_segs)(struct sock *sk);
	u32 (*sndbuf_expand)(struct sock *sk); /* send buffer in windows; without it 2 */
	/* For sock_diag and TCP_CC_INFO: INET_DIAG_* type and body; bytes. */
	size_t (*get_info)(struct sock *sk, u32 ext, int *attr, union tcp_cc_info *info);
};

static inline void *inet_csk_ca(const struct sock *sk)
{
	return (void *)(uintptr_t)tcp_sk(sk)->ca_priv;
}

/* ---- for sock_diag, ss and /proc --------------------------------------------------------------
 */
/* TCP_INFO of a full socket. Socket locked. */
void tcp_get_info(struct sock *sk, struct tcp_info *info);
/* Call fn for each record of the hash tables of net: sockets in any state, requests
 * (TCP_NEW_SYN_RECV) and TIME-WAIT records; what they are is told by key->state. fn runs under rcu
 * with bottom halves off and must not keep key. */
void tcp_for_each(struct net *net, void (*fn)(const struct sock_key *key, void *arg), void *arg);
/* The same in steps, for readers that must sleep in between: up to max records at *w, each with a
 * reference (tcp_key_put()); the caller adds to w->index what it has dealt with. 0: the end. What
 * comes and goes meanwhile may be missed or seen twice. */
struct tcp_walk {
	u32 chain, index;
};
unsigned tcp_collect(struct net *net, struct tcp_walk *w, struct sock_key **keys, unsigned max);
/* Drop the reference of whatever kind of record key is the head of. */
void tcp_key_put(struct sock_key *key);
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
/* What a user is told of the state: half-open requests and records have none of their own. */
u8 tcp_key_state(const struct sock_key *key);
void tcp_timer_view(const struct sock_key *key, struct tcp_timer_view *v);

/* net/tcp/tcp_offload.c: TCP's part of GRO and GSO, see <net/gro.h>. */
/* A segment that GRO does not hold, checked, its headers set: past the stack to its socket, where
 * IP has no question. False: unchanged. NAPI poll. */
bool tcp4_rcv_early(struct sk_buff *skb);
struct sk_buff *tcp4_gro_receive(struct list_head *held, struct sk_buff *skb);
int tcp4_gro_complete(struct sk_buff *skb, int thoff);
struct sk_buff *tcp4_gso_segment(struct sk_buff *skb, u32 features);

#endif
