/* SPDX-License-Identifier: MIT */
/*
 * TCP's part of a struct net: hash tables, sysctls (net.ipv4.tcp_*, Linux's names, units and
 * defaults; the rows with their bounds are in tcp_sysctl.c), limits and what is counted per net.
 */
#ifndef NET_NETNS_TCP_H
#define NET_NETNS_TCP_H

#include <kernel/atomic.h>
#include <kernel/spinlock.h>
#include <kernel/sysctl.h>
#include <kernel/timer.h>
#include <lib/list.h>
#include <lib/siphash.h>

struct net;
struct tcp_congestion_ops;

/* Sockets by 4-tuple: connections, half-open requests and TIME-WAIT records in one table. */
struct tcp_ehash {
	struct hlist_head *chain; /* [rcu, lock of the chain] */
	u32 mask;
	u32 rehash_gen; /* [a] a socket moved between chains: a reader who found nothing looks again
			 */
};

/* Bound ports. */
struct tcp_bhash {
	struct hlist_head *chain; /* of tcp_bind_bucket [lock of the chain] */
	u32 mask;
};

#define TCP_LHASH_SIZE 64
#define TCP_HASH_LOCKS 64 /* a chain's lock is that of its index modulo this */
#define TCP_TW_SLOTS   64 /* of the TIME-WAIT wheel, a second each: one turn is the longest wait */
#define TCP_TW_SLOT_NS NSEC_PER_SEC

struct tcp_tw_slot {
	struct hlist_head head;
};

#define TCP_REQ_SLOTS   256 /* of a wheel of half-open requests: a turn is 16 s */
#define TCP_REQ_TICK_NS (NSEC_PER_SEC / 16)

/* A CPU's requests by the tick at which their SYN-ACK is sent again (tcp_reqsk.c). */
struct tcp_req_wheel {
	struct spinlock lock;
	u32 count; /* [lock] */
	u64 now;   /* tick up to which the slots are worked off; the timer's */
	struct timer timer;
	struct hlist_head slot[TCP_REQ_SLOTS]; /* [lock] */
};

#define TCP_SOURCE_CHAINS 1024
/* Sources that are counted (tcp_admission.c). */
struct tcp_source_chain {
	struct spinlock lock;
	struct hlist_head head;
};

/* TCP Fast Open (RFC 7413): what cookies are made with; the second key is a spare one, whose
 * cookies are accepted still. */
struct tcp_fastopen_ctx {
	siphash_key key[2];
	u8 keys; /* how many are set */
};

#define TCP_FASTOPEN_PEERS 128
/* What a peer told us when we last connected to it. */
struct tcp_fastopen_peer {
	be32 daddr, saddr;
	u16 mss;
	u8 cookie_len, try_exp; /* 1: ask by the experimental option */
	bool cookie_exp;
	u8 cookie[16];
};

/* Forget all cookies, as `ip tcp_metrics flush` does. */
void tcp_fastopen_flush(struct net *net);

struct netns_tcp {
	struct net *net;
	struct tcp_ehash ehash;
	struct tcp_bhash bhash;
	struct hlist_head lhash[TCP_LHASH_SIZE]; /* listeners by port [rcu, lhash_lock] */
	struct spinlock lhash_lock;
	struct spinlock ehash_lock[TCP_HASH_LOCKS];
	struct spinlock bhash_lock[TCP_HASH_LOCKS];

	/* [I] secrets */
	siphash_key hash_key; /* chains */
	siphash_key isn_key;  /* RFC 6528 */
	siphash_key ts_key;   /* timestamp offsets */
	siphash_key port_key; /* RFC 6056 */

	/* SYN cookies: the secret of this time and of those before, made when needed */
	struct tcp_cookie_secret {
		u32 unit_valid;  /* [a] unit + 1; 0: none */
		siphash_key key; /* [cookie_lock] to write */
	} cookie_secret[4];
	struct spinlock cookie_lock;
	u32 cookie_sent_s;             /* [a] when the last one was sent */
	struct percpu_area *early;     /* [I] what tcp_early.c knows of the poll under way */
	struct percpu_area *flow_hash; /* [I] hashes of flows that were asked for lately */

	struct tcp_req_wheel *req_wheel; /* [I] one a CPU */
	struct tcp_source_chain source[TCP_SOURCE_CHAINS];

	/* TIME-WAIT records, by the second at which they end [tw_lock] */
	struct spinlock tw_lock;
	struct tcp_tw_slot tw_slot[TCP_TW_SLOTS];
	u32 tw_second; /* next slot to be worked off, in seconds of the monotonic clock */
	atomic_t tw_count;
	struct timer tw_timer;

	struct tcp_fastopen_ctx fastopen_ctx;
	struct spinlock fastopen_lock;
	struct tcp_fastopen_peer fastopen_peer[TCP_FASTOPEN_PEERS]; /* [fastopen_lock] */

	u32 port_offset[256]; /* RFC 6056 algorithm 4: where the next search begins */
	u64 challenge_second;
	u32 challenge_count; /* of this second (RFC 5961); races only blur it */

	/* sysctls */
	int tcp_syncookies, tcp_max_syn_backlog, tcp_synack_retries, tcp_syn_retries,
		tcp_abort_on_overflow;
	int tcp_max_syn_per_source, tcp_max_conn_per_source, tcp_source_prefix, tcp_syn_shed_ms;
	int tcp_max_tw_buckets, tcp_tw_reuse, tcp_rfc1337, tcp_fin_timeout, tcp_max_orphans;
	int tcp_orphan_retries, tcp_retries2, tcp_rto_min_us, tcp_rto_max_ms;
	int tcp_recovery, tcp_early_retrans, tcp_frto, tcp_reordering, tcp_max_reordering;
	int tcp_retrans_collapse, tcp_min_rtt_wlen, tcp_retries1, tcp_syn_linear_timeouts;
	int tcp_keepalive_time, tcp_keepalive_intvl, tcp_keepalive_probes;
	int tcp_comp_sack_nr, tcp_comp_sack_rtt_percent, tcp_thin_linear_timeouts;
	unsigned long tcp_comp_sack_delay_ns, tcp_comp_sack_slack_ns;
	int tcp_timestamps, tcp_window_scaling, tcp_sack, tcp_dsack, tcp_slow_start_after_idle,
		tcp_min_snd_mss;
	int tcp_rmem[3], tcp_wmem[3], tcp_challenge_ack_limit, tcp_invalid_ratelimit;
	int tcp_ecn, tcp_ecn_fallback, tcp_cubic_hystart;
	int tcp_pacing_ss_ratio, tcp_pacing_ca_ratio, tcp_min_tso_segs, tcp_tso_win_divisor;
	int tcp_tso_rtt_log, tcp_limit_output_bytes, tcp_moderate_rcvbuf, tcp_adv_win_scale;
	int tcp_mtu_probing, tcp_mtu_probe_floor, tcp_base_mss, tcp_probe_interval;
	int tcp_probe_threshold, tcp_autocorking, tcp_workaround_signed_windows, tcp_shrink_window;
	int tcp_fastopen;
	unsigned long tcp_notsent_lowat;
	const struct tcp_congestion_ops *tcp_congestion_control; /* of new sockets */
	u32 tcp_cc_allowed; /* modules by number, see tcp_cc.c */
	struct ctl_header ctl, cc_ctl;
};

#endif
