/* SPDX-License-Identifier: MIT */
/*
 * SYN cookies (RFC 4987 section 3.6): a listener whose backlog is full answers a SYN without
 * keeping anything; what it must know when the handshake's last ACK comes is in the sequence number
 * (the time in units of 64 s, an index of the MSS, a MAC) and, where the peer uses timestamps, in
 * the low bits of the echoed one (window scale, SACK, ECN). Each unit of time has a secret of its
 * own; that of the unit before is kept as long as cookies made with it hold. Softirq under rcu, no
 * lock.
 */
#include "tcp_int.h"

#define COOKIE_UNIT_S     64u
#define COOKIE_MAX_AGE    2u /* units */
#define COOKIE_BITS       24
#define COOKIE_MASK       ((1u << COOKIE_BITS) - 1)
#define INDEX_SHIFT       22 /* the two highest of these bits */
#define OVERFLOW_RECENT_S (COOKIE_UNIT_S * COOKIE_MAX_AGE)
#define FLOOD_LOG_S       60u

/* In the low bits of the timestamp. */
#define TS_WSCALE_MASK 0x0fu
#define TS_WSCALE_NONE 0x0fu
#define TS_SACK        0x10u
#define TS_ECN         0x20u
#define TS_BITS        6

/* What peers offer nearly always: a link's MTU less headers, with less for PPPoE and tunnels. */
static const u16 msstab[1u << (COOKIE_BITS - INDEX_SHIFT)] = {536, 1300, 1440, 1460};

static u32 unit_now(void)
{
	return tcp_now_s() / COOKIE_UNIT_S;
}

static noinline void make_secret(struct netns_tcp *nt, struct tcp_cookie_secret *s, u32 unit)
{
	spin_lock_bh(&nt->cookie_lock);
	if (s->unit_valid != unit + 1) {
		get_random_bytes(&s->key, sizeof(s->key));
		smp_store_release(&s->unit_valid, unit + 1);
	}
	spin_unlock_bh(&nt->cookie_lock);
}

/* The secret of a unit, made when it is first asked for. */
static __always_inline const siphash_key *secret_of(struct netns_tcp *nt, u32 unit)
{
	struct tcp_cookie_secret *s = &nt->cookie_secret[unit % ARRAY_SIZE(nt->cookie_secret)];

	if (unlikely(smp_load_acquire(&s->unit_valid) != unit + 1))
		make_secret(nt, s, unit);
	return &s->key;
}

static u32 cookie_mac(struct netns_tcp *nt, const struct tcp_flow *f, u32 unit, seq32 peer_isn)
{
	u32 ports = (u32)f->lport << 16 | f->fport.wire;

	return (u32)siphash_4u32(f->laddr.wire, f->faddr.wire, ports, peer_isn.v,
				 secret_of(nt, unit));
}

/* The largest MSS of the table that is not above mss. */
static u32 mss_index(u16 mss)
{
	u32 index = ARRAY_SIZE(msstab) - 1;

	while (index && msstab[index] > mss)
		index--;
	return index;
}

/* The peer's number is added as by RFC 4987: ours grows with it. The index is above the MAC's low
 * bits, never added to them: an ACK of a byte or of the FIN of a connection that is over, one
 * number further, would be the cookie of another index and open it again. */
seq32 tcp_cookie_isn(struct netns_tcp *nt, const struct tcp_flow *f, seq32 peer_isn, u16 mss,
		     u32 now_s)
{
	u32 unit = now_s / COOKIE_UNIT_S, index = mss_index(mss);
	u32 low = (cookie_mac(nt, f, unit, peer_isn) + (index << INDEX_SHIFT)) & COOKIE_MASK;

	return SEQ32((unit << COOKIE_BITS) + low + peer_isn.v);
}

/* The index, or a number beyond the table. */
static u32 cookie_index(struct netns_tcp *nt, const struct tcp_flow *f, seq32 peer_isn,
			seq32 cookie)
{
	u32 now = unit_now(), v = cookie.v - peer_isn.v;
	u32 age = (now - (v >> COOKIE_BITS)) & (~0u >> COOKIE_BITS);
	u32 low;

	if (age >= COOKIE_MAX_AGE)
		return ~0u;
	low = (v - cookie_mac(nt, f, now - age, peer_isn)) & COOKIE_MASK;
	return low & ((1u << INDEX_SHIFT) - 1) ? ~0u : low >> INDEX_SHIFT;
}

/* ---- the SYN -----------------------------------------------------------------------------------
 */

bool tcp_syn_flood_action(struct sock *sk, u32 now_s)
{
	struct tcp_accept_queue *q = &tcp_sk(sk)->accept_queue;
	struct netns_tcp *nt = tcp_net(sk);
	bool cookies = nt->tcp_syncookies;
	u32 now = now_s | 1;

	TCP_STAT(sk, cookies ? LINUX_MIB_TCPREQQFULLDOCOOKIES : LINUX_MIB_TCPREQQFULLDROP);
	if (nt->tcp_syncookies != 2 &&
	    (!q->flood_warned_s || now - q->flood_warned_s >= FLOOD_LOG_S)) {
		q->flood_warned_s = now;
		pr_info("TCP: request_sock_TCP: Possible SYN flooding on port %pI4:%u. %s.",
			&sk->sk_rcv_saddr, sk->sk_num,
			cookies ? "Sending cookies" : "Dropping request");
	}
	return cookies;
}

u32 tcp_cookie_timestamp(u32 now_ms, u32 has, u8 wscale, bool ecn)
{
	u32 ts, low;

	low = has & TCP_OPT_WSCALE ? wscale : TS_WSCALE_NONE;
	low |= has & TCP_OPT_SACK_PERM ? TS_SACK : 0;
	low |= ecn ? TS_ECN : 0;
	ts = (now_ms >> TS_BITS << TS_BITS) | low;
	/* Never of the future: the echo would look like one of a segment not sent yet. */
	return (s32)(ts - now_ms) > 0 ? ts - (1u << TS_BITS) : ts;
}

void tcp_cookie_init(struct sock *sk, struct tcp_request_sock *req, const struct tcp_flow *f,
		     u32 now_s)
{
	struct tcp_accept_queue *q = &tcp_sk(sk)->accept_queue;
	u32 now = now_s | 1;

	if (READ_ONCE(q->overflow_s) != now) {
		WRITE_ONCE(q->overflow_s, now);
		WRITE_ONCE(tcp_net(sk)->cookie_sent_s, now);
		WRITE_ONCE(sock_net(sk)->rx_early, true); /* tcp_early.c */
	}
	/* Without timestamps there is no place for the options. */
	if (!req->tstamp_ok)
		req->wscale_ok = req->sack_ok = req->ecn_ok = 0;
	req->snt_isn = tcp_cookie_isn(tcp_net(sk), f, req->rcv_isn, req->mss, now_s);
	req->mss = msstab[mss_index(req->mss)];
	req->cookie = 1;
	TCP_STAT(sk, LINUX_MIB_SYNCOOKIESSENT);
}

/* ---- the ACK -----------------------------------------------------------------------------------
 */

/* False: the timestamp claims what is switched off here. */
static bool decode_timestamp(struct tcp_request_sock *req, const struct netns_tcp *nt, u32 ts)
{
	u32 ws = ts & TS_WSCALE_MASK;

	req->sack_ok = !!(ts & TS_SACK);
	req->ecn_ok = !!(ts & TS_ECN);
	req->wscale_ok = ws != TS_WSCALE_NONE;
	req->snd_wscale = req->wscale_ok ? ws & 15u : 0;
	return nt->tcp_timestamps && !(req->sack_ok && !nt->tcp_sack) &&
	       !(req->wscale_ok && (!nt->tcp_window_scaling || ws > TCP_MAX_WSCALE));
}

static bool recent_overflow(const struct sock *sk)
{
	u32 at = READ_ONCE(tcp_sk(sk)->accept_queue.overflow_s);

	/* The SYN may have come to another CPU, whose listener answered it. */
	if (sk->sk_reuseport)
		at = READ_ONCE(tcp_net(sk)->cookie_sent_s);

	return at && (s32)(tcp_now_s() - at) <= (s32)OVERFLOW_RECENT_S;
}

/* What the request would have held. */
static bool restore(struct sock *sk, const struct sk_buff *skb, struct tcp_request_sock *req,
		    const struct tcp_flow *f, u32 index)
{
	const struct netns_tcp *nt = tcp_net(sk);
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	struct tcp_options o;

	tcp_parse_skb(skb, &o);
	req->rcv_isn = seq_sub(cb->seq, 1);
	req->snt_isn = seq_sub(cb->ack_seq, 1);
	req->mss = msstab[index];
	if (o.has & TCP_OPT_TS) {
		req->tstamp_ok = 1;
		req->ts_recent = o.tsval;
		if (!decode_timestamp(req, nt, o.tsecr - tcp_req_ts_off(req)))
			return false;
	}
	if (tcp_sk(sk)->rx_opt.user_mss)
		req->mss = min(req->mss, tcp_sk(sk)->rx_opt.user_mss);
	return true;
}

struct sock *tcp_cookie_check(struct sock *sk, struct sk_buff *skb, const struct tcp_flow *f,
			      enum skb_drop_reason *why)
{
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	struct tcp_request_sock req;
	u32 index;

	*why = SKB_NOT_DROPPED_YET;
	if (!tcp_net(sk)->tcp_syncookies || !recent_overflow(sk))
		return NULL;
	index = cookie_index(tcp_net(sk), f, seq_sub(cb->seq, 1), seq_sub(cb->ack_seq, 1));
	if (index >= ARRAY_SIZE(msstab)) {
		TCP_STAT(sk, LINUX_MIB_SYNCOOKIESFAILED);
		*why = SKB_DROP_REASON_TCP_COOKIE_INVALID;
		return NULL;
	}
	TCP_STAT(sk, LINUX_MIB_SYNCOOKIESRECV);
	tcp_req_setup(&req, sk, f);
	req.cookie = 1;
	if (!restore(sk, skb, &req, f, index))
		return NULL;
	*why = SKB_CONSUMED;
	if (tcp_acceptq_is_full(sk)) {
		TCP_STAT(sk, LINUX_MIB_LISTENOVERFLOWS);
		TCP_STAT(sk, LINUX_MIB_LISTENDROPS);
		*why = SKB_DROP_REASON_TCP_LISTEN_OVERFLOW;
		return NULL;
	}
	return tcp_create_child(sk, &req, why);
}
