/* SPDX-License-Identifier: MIT */
/*
 * Half-open passive connections: small records in the table of connections, each with its timer
 * for the SYN-ACK, until the handshake's last ACK makes a socket of it (RFC 9293 sections
 * 3.10.7.2 and 3.10.7.4 for SYN-RECEIVED). References: one of the hash, one of the armed timer.
 * Softirq, no socket locked; two CPUs that find the same record are told apart by who takes it out
 * of the hash.
 */
#include "tcp_int.h"

struct kmem_cache *tcp_request_cache;

/* ---- life --------------------------------------------------------------------------------------
 */

static void req_free_rcu(struct rcu_head *head)
{
	kmem_cache_free(tcp_request_cache, container_of(head, struct tcp_request_sock, rcu));
}

void tcp_req_put(struct tcp_request_sock *req)
{
	if (!refcount_dec_and_test(&req->key.refcnt))
		return;
	sock_put(req->listener);
	call_rcu(&req->rcu, req_free_rcu);
}

void tcp_key_put(struct sock_key *key)
{
	if (key->state == TCP_NEW_SYN_RECV)
		tcp_req_put(tcp_rsk(key));
	else if (key->state == TCP_TIME_WAIT)
		tcp_tw_put(tcp_twsk(key));
	else
		sock_put(container_of(key, struct sock, __sk_common.skc_key));
}

/* It left the hash by our hand: the rest of what held it goes. */
void tcp_req_left_hash(struct tcp_request_sock *req)
{
	atomic_dec(&tcp_sk(req->listener)->accept_queue.qlen);
	if (timer_del(&req->timer))
		tcp_req_put(req);
	tcp_req_put(req);
}

bool tcp_req_drop(struct tcp_request_sock *req)
{
	if (!tcp_ehash_remove(req->key.net->tcp, &req->key))
		return false;
	tcp_req_left_hash(req);
	return true;
}

/* ---- SYN-ACK
 * -------------------------------------------------------------------------------------- */

/* cookie: options that hold one to be sent, or NULL. */
static struct sk_buff *make_synack(const struct sock *sk, struct tcp_request_sock *req,
				   const struct dst_entry *dst, const struct tcp_options *cookie)
{
	struct tcp_options o = {.has = TCP_OPT_MSS};
	struct sk_buff *skb = alloc_skb(MAX_TCP_HEADER, GFP_ATOMIC);
	struct tcphdr *th;
	u32 len;

	if (!skb)
		return NULL;
	o.mss = tcp_advertise_mss(sk, dst);
	o.has |= req->tstamp_ok ? TCP_OPT_TS : 0;
	o.has |= req->wscale_ok ? TCP_OPT_WSCALE : 0;
	o.has |= req->sack_ok ? TCP_OPT_SACK_PERM : 0;
	o.tsval = (u32)ktime_get_ms() + req->ts_off;
	o.tsecr = req->ts_recent;
	o.wscale = req->rcv_wscale;
	if (cookie && cookie->has & TCP_OPT_FASTOPEN) {
		o.has |= TCP_OPT_FASTOPEN;
		o.cookie_len = cookie->cookie_len;
		o.cookie_exp = cookie->cookie_exp;
		memcpy(o.cookie, cookie->cookie, sizeof(o.cookie));
		if (tcp_options_size(&o) > TCP_MAX_OPTIONS)
			o.has &= ~TCP_OPT_FASTOPEN;
	}
	len = (u32)sizeof(*th) + tcp_options_size(&o);
	skb_reserve(skb, MAX_TCP_HEADER - len);
	th = skb_put(skb, len);
	skb_reset_transport_header(skb);
	*th = (struct tcphdr){
		.source = be16_make(req->key.num),
		.dest = req->key.dport,
		.seq = seq_to_wire(req->snt_isn),
		.ack_seq = seq_to_wire(req->rcv_nxt),
		.doff_res = (u8)((len / 4) << 4),
		.flags = (u8)(TCPHDR_SYN | TCPHDR_ACK | (req->ecn_ok ? TCPHDR_ECE : 0)),
		.window = be16_make((u16)min(req->rcv_wnd, 65535u)),
	};
	tcp_options_emit((u8 *)(th + 1), &o);
	skb->mark = req->mark;
	return skb;
}

static int send_synack(const struct sock *sk, struct tcp_request_sock *req, struct dst_entry *dst,
		       const struct tcp_options *cookie)
{
	struct sk_buff *skb = make_synack(sk, req, dst, cookie);

	if (!skb)
		return -ENOMEM;
	TCP_INC_STATS(sock_net(sk), OUTSEGS);
	return tcp_sk(sk)->af->send_synack(sk, req, skb, dst, inet_sk(sk)->tos);
}

void tcp_resend_synack(struct tcp_request_sock *req)
{
	struct sock *sk = req->listener;
	struct dst_entry *dst;

	rcu_read_lock();
	dst = tcp_sk(sk)->af->route_req(sk, req);
	if (dst) {
		send_synack(sk, req, dst, NULL);
		dst_release(dst);
	}
	rcu_read_unlock();
	TCP_INC_STATS(sock_net(sk), RETRANSSEGS);
	TCP_STAT(sk, LINUX_MIB_TCPSYNRETRANS);
	req->snt_synack_us = 0;
}

static void arm_synack_timer(struct tcp_request_sock *req)
{
	u64 delay_us = min_t(u64, (u64)TCP_TIMEOUT_INIT_US << req->num_timeout,
			     tcp_rto_max_us(req->listener));

	if (!timer_mod(&req->timer, ktime_get_ns() + delay_us * NSEC_PER_USEC))
		refcount_inc(&req->key.refcnt);
}

static void synack_timer(struct timer *t)
{
	struct tcp_request_sock *req = container_of(t, struct tcp_request_sock, timer);
	struct sock *sk = req->listener;
	u32 tries = tcp_sk(sk)->syn_retries ? tcp_sk(sk)->syn_retries
					    : (u32)tcp_net(sk)->tcp_synack_retries;

	if (READ_ONCE(sk->sk_state) != TCP_LISTEN || req->num_timeout >= tries) {
		tcp_req_drop(req);
	} else if (!hlist_unhashed(&req->key.node)) {
		req->num_timeout++;
		tcp_resend_synack(req);
		arm_synack_timer(req);
		/* Dropped meanwhile by another CPU, which found no timer to stop. */
		if (hlist_unhashed(&req->key.node) && timer_del(&req->timer))
			tcp_req_put(req);
	}
	tcp_req_put(req);
}

/* ---- a SYN
 * ------------------------------------------------------------------------------------------ */

static struct tcp_request_sock *req_alloc(struct sock *sk)
{
	struct tcp_request_sock *req = kmem_cache_alloc(tcp_request_cache, GFP_ATOMIC | GFP_ZERO);

	if (!req)
		return NULL;
	sock_hold(sk);
	req->listener = sk;
	req->key.net = sock_net(sk);
	req->key.state = TCP_NEW_SYN_RECV;
	req->key.family = sk->sk_family;
	req->mark = sk->sk_mark;
	refcount_set(&req->key.refcnt, 1);
	timer_setup(&req->timer, synack_timer);
	return req;
}

/* Numbers and options of the two ends, from the SYN. */
static void req_init(struct tcp_request_sock *req, const struct sock *sk, const struct sk_buff *skb,
		     struct tcp_options *opt)
{
	struct netns_tcp *nt = tcp_net(sk);
	struct tcp_flow f = {ip_hdr(skb)->daddr, ip_hdr(skb)->saddr, be16_get(tcp_hdr(skb)->dest),
			     tcp_hdr(skb)->source, sk->sk_bound_dev_if};
	struct tcp_options o;

	tcp_parse_skb(skb, &o);
	*opt = o;
	req->key.daddr = f.faddr;
	req->key.rcv_saddr = f.laddr;
	req->key.dport = f.fport;
	req->key.num = f.lport;
	req->key.bound_dev_if = f.dif;
	req->key.hash = tcp_flow_hash(nt, &f);
	req->rcv_isn = TCP_SKB_CB(skb)->seq;
	req->rcv_nxt = seq_add(req->rcv_isn, 1);
	req->snt_isn =
		TCP_SKB_CB(skb)->tw_isn ? SEQ32(TCP_SKB_CB(skb)->tw_isn) : tcp_secure_isn(nt, &f);
	req->mss = o.has & TCP_OPT_MSS ? o.mss : TCP_MSS_DEFAULT;
	if (tcp_sk(sk)->rx_opt.user_mss)
		req->mss = min(req->mss, tcp_sk(sk)->rx_opt.user_mss);
	req->tstamp_ok = o.has & TCP_OPT_TS && nt->tcp_timestamps;
	req->ecn_ok = tcp_ecn_accept_syn(sk, skb);
	req->sack_ok = o.has & TCP_OPT_SACK_PERM && nt->tcp_sack;
	req->ts_recent = req->tstamp_ok ? o.tsval : 0;
	req->ts_off = tcp_secure_ts_off(nt, f.laddr, f.faddr);
	req->wscale_ok = o.has & TCP_OPT_WSCALE && nt->tcp_window_scaling;
	req->snd_wscale = (req->wscale_ok ? o.wscale : 0) & 15u;
}

/* The window to offer, with the route known by which it will be answered. */
static void req_window(struct tcp_request_sock *req, const struct sock *sk,
		       const struct dst_entry *dst)
{
	u32 mss = tcp_advertise_mss(sk, dst);
	struct tcp_initial_window w;

	mss -= req->tstamp_ok ? TCPOLEN_TSTAMP_ALIGNED : 0;
	tcp_select_initial_window(sk, mss, dst->initrwnd, req->wscale_ok, &w);
	req->rcv_wnd = w.wnd;
	req->window_clamp = w.clamp;
	req->rcv_wscale = w.wscale & 15u;
}

/* Half-open records are bounded by the listener's backlog and by tcp_max_syn_backlog. */
static bool syn_queue_full(const struct sock *sk)
{
	u32 qlen = (u32)atomic_read(&tcp_sk(sk)->accept_queue.qlen);

	return qlen > READ_ONCE(sk->sk_max_ack_backlog) ||
	       qlen >= (u32)tcp_net(sk)->tcp_max_syn_backlog;
}

/* A child that took the SYN's data: it may be accepted at once. Takes dst and our reference. */
static void fastopen_child(struct sock *sk, struct sock *child, struct tcp_request_sock *req,
			   struct dst_entry *dst, const struct tcp_options *opt)
{
	send_synack(sk, req, dst, opt);
	dst_release(dst);
	tcp_req_put(req);
	if (!tcp_accept_queue_add(sk, child)) {
		tcp_send_active_reset(child, GFP_ATOMIC);
		tcp_child_abandon(child);
		return;
	}
	sk->sk_data_ready(sk);
	bh_unlock_sock(child);
	sock_put(child);
}

enum skb_drop_reason tcp_conn_request(struct sock *sk, struct sk_buff *skb)
{
	enum skb_drop_reason why = SKB_DROP_REASON_NOMEM;
	struct tcp_request_sock *req;
	struct tcp_options opt;
	struct dst_entry *dst;
	struct sock *child;

	if (syn_queue_full(sk)) {
		TCP_STAT(sk, LINUX_MIB_TCPREQQFULLDROP);
		TCP_STAT(sk, LINUX_MIB_LISTENDROPS);
		return SKB_DROP_REASON_TCP_REQQ_FULL;
	}
	if (tcp_acceptq_is_full(sk)) {
		TCP_STAT(sk, LINUX_MIB_LISTENOVERFLOWS);
		TCP_STAT(sk, LINUX_MIB_LISTENDROPS);
		return SKB_DROP_REASON_TCP_LISTEN_OVERFLOW;
	}
	req = req_alloc(sk);
	if (!req)
		goto drop;
	req_init(req, sk, skb, &opt);
	dst = tcp_sk(sk)->af->route_req(sk, req);
	if (!dst) {
		why = SKB_DROP_REASON_IP_OUTNOROUTES;
		goto drop_req;
	}
	req_window(req, sk, dst);
	req->snt_synack_us = ktime_get_us();
	child = tcp_try_fastopen(sk, skb, req, &opt);
	if (child) {
		fastopen_child(sk, child, req, dst, &opt);
		return SKB_CONSUMED;
	}
	if (!tcp_ehash_insert(tcp_net(sk), &req->key, NULL)) {
		/* Another CPU was faster with the same SYN. */
		dst_release(dst);
		tcp_req_put(req);
		return SKB_CONSUMED;
	}
	atomic_inc(&tcp_sk(sk)->accept_queue.qlen);
	refcount_inc(&req->key.refcnt); /* ours, while it is used below */
	arm_synack_timer(req);
	send_synack(sk, req, dst, &opt);
	dst_release(dst);
	tcp_req_put(req);
	return SKB_CONSUMED;

drop_req:
	tcp_req_put(req);
drop:
	TCP_STAT(sk, LINUX_MIB_LISTENDROPS);
	return why;
}

/* ---- a segment for a half-open connection
 * -------------------------------------------------------------- */

/* Answer what is outside the window with what we expect. */
static void req_ack(struct sock *sk, struct sk_buff *skb, struct tcp_request_sock *req)
{
	struct tcp_ack_reply r = {.seq = seq_add(req->snt_isn, 1),
				  .ack = seq_add(req->rcv_isn, 1),
				  .win = req->rcv_wnd >> req->rcv_wscale,
				  .tsval = (u32)ktime_get_ms() + req->ts_off,
				  .tsecr = req->ts_recent,
				  .ts = req->tstamp_ok,
				  .tos = inet_sk(sk)->tos};

	if (tcp_oow_rate_ok(sock_net(sk), skb, LINUX_MIB_TCPACKSKIPPEDSYNRECV,
			    &req->last_oow_ack_ms))
		tcp_send_ack_reply(sock_net(sk), skb, &r);
}

/* SKB_NOT_DROPPED_YET: it completes the handshake. */
static enum skb_drop_reason check_handshake_ack(struct sock *sk, struct sk_buff *skb,
						struct tcp_request_sock *req)
{
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	struct tcp_options o;

	tcp_parse_skb(skb, &o);
	if (cb->flags & TCPHDR_ACK && !(cb->flags & TCPHDR_RST) &&
	    !seq_eq(cb->ack_seq, seq_add(req->snt_isn, 1))) {
		tcp_send_reset_reply(sk, skb);
		return SKB_DROP_REASON_TCP_INVALID_ACK_SEQUENCE;
	}
	if (req->tstamp_ok && o.has & TCP_OPT_TS && !(cb->flags & TCPHDR_RST) &&
	    (s32)(o.tsval - req->ts_recent) < 0) {
		TCP_STAT(sk, LINUX_MIB_PAWSESTABREJECTED);
		req_ack(sk, skb, req);
		return SKB_DROP_REASON_TCP_RFC7323_PAWS;
	}
	if (!tcp_seq_acceptable(cb->seq, cb->end_seq, seq_add(req->rcv_isn, 1), req->rcv_wnd)) {
		if (!(cb->flags & TCPHDR_RST))
			req_ack(sk, skb, req);
		return SKB_DROP_REASON_TCP_INVALID_SEQUENCE;
	}
	if (cb->flags & TCPHDR_RST) {
		if (seq_eq(cb->seq, seq_add(req->rcv_isn, 1)) && tcp_req_drop(req)) {
			TCP_STAT(sk, LINUX_MIB_EMBRYONICRSTS);
			TCP_INC_STATS(sock_net(sk), ATTEMPTFAILS);
		}
		return SKB_DROP_REASON_TCP_RESET;
	}
	if (cb->flags & TCPHDR_SYN) {
		req_ack(sk, skb, req);
		return SKB_DROP_REASON_TCP_INVALID_SYN;
	}
	if (!(cb->flags & TCPHDR_ACK))
		return SKB_DROP_REASON_TCP_FLAGS;
	if (req->tstamp_ok && o.has & TCP_OPT_TS)
		req->ts_recent = o.tsval;
	return SKB_NOT_DROPPED_YET;
}

struct sock *tcp_check_req(struct sock *sk, struct sk_buff *skb, struct tcp_request_sock *req,
			   enum skb_drop_reason *why)
{
	const struct tcp_skb_cb *cb = TCP_SKB_CB(skb);
	u8 flags = cb->flags & (TCPHDR_SYN | TCPHDR_ACK | TCPHDR_RST);

	if (flags == TCPHDR_SYN && seq_eq(cb->seq, req->rcv_isn)) {
		/* The SYN again: our answer was lost, or is late. */
		if (tcp_oow_rate_ok(sock_net(sk), skb, LINUX_MIB_TCPACKSKIPPEDSYNRECV,
				    &req->last_oow_ack_ms))
			tcp_resend_synack(req);
		*why = SKB_CONSUMED;
		return NULL;
	}
	*why = check_handshake_ack(sk, skb, req);
	if (*why != SKB_NOT_DROPPED_YET)
		return NULL;
	if (tcp_acceptq_is_full(sk)) {
		TCP_STAT(sk, LINUX_MIB_LISTENOVERFLOWS);
		TCP_STAT(sk, LINUX_MIB_LISTENDROPS);
		*why = SKB_DROP_REASON_TCP_LISTEN_OVERFLOW;
		if (tcp_net(sk)->tcp_abort_on_overflow) {
			tcp_send_reset_reply(sk, skb);
			tcp_req_drop(req);
		}
		return NULL;
	}
	return tcp_create_child(sk, req, why);
}
