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

/* Not young any more: its SYN-ACK was sent again, or it is gone. */
static void req_aged(struct tcp_request_sock *req)
{
	if (xchg(&req->young, 0))
		atomic_dec(&tcp_sk(req->listener)->accept_queue.young);
}

/* It left the hash by our hand: the rest of what held it goes. */
void tcp_req_left_hash(struct tcp_request_sock *req)
{
	atomic_dec(&tcp_sk(req->listener)->accept_queue.qlen);
	req_aged(req);
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

/* Room for len bytes behind headers. The SYN itself where nobody else has it: nothing is allocated
 * for the answer then, and *syn becomes NULL. */
static struct sk_buff *synack_room(struct sk_buff **syn, u32 len)
{
	struct sk_buff *skb = syn ? *syn : NULL;

	if (skb && !skb_is_nonlinear(skb) && !skb_shared(skb) && !skb_cloned(skb) &&
	    skb->transport_header + len <= skb->end) {
		*syn = NULL;
		skb_dst_drop(skb);
		skb->data = skb_transport_header(skb);
		skb->tail = skb->transport_header;
		skb->len = 0;
		skb->pkt_type = PACKET_HOST;
		skb->priority = 0;
		skb->tstamp_ns = 0;
		return skb;
	}
	skb = alloc_skb(MAX_TCP_HEADER, GFP_ATOMIC);
	if (skb)
		skb_reserve(skb, MAX_TCP_HEADER - len);
	return skb;
}

struct sk_buff *tcp_make_synack(const struct sock *sk, struct tcp_request_sock *req,
				const struct dst_entry *dst, const struct tcp_options *cookie,
				struct sk_buff **syn)
{
	struct tcp_options o;
	struct sk_buff *skb;
	struct tcphdr *th;
	u32 len;

	o.has = TCP_OPT_MSS;
	o.mss = tcp_advertise_mss(sk, dst);
	o.has |= req->wscale_ok ? TCP_OPT_WSCALE : 0;
	o.has |= req->sack_ok ? TCP_OPT_SACK_PERM : 0;
	if (req->tstamp_ok) {
		o.has |= TCP_OPT_TS;
		o.tsval = (req->cookie ? tcp_cookie_timestamp(req) : tcp_now_ms()) + req->ts_off;
		o.tsecr = req->ts_recent;
	}
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
	skb = synack_room(syn, len);
	if (!skb)
		return NULL;
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
		       const struct tcp_options *cookie, struct sk_buff **syn)
{
	struct sk_buff *skb = tcp_make_synack(sk, req, dst, cookie, syn);

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
		send_synack(sk, req, dst, NULL, NULL);
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

/* How often a SYN-ACK is sent again. Where the backlog is more than half full, the old give way:
 * fewer attempts the fewer young ones there are, two at least. */
static u32 synack_tries(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 tries = tp->syn_retries ? tp->syn_retries : (u32)tcp_net(sk)->tcp_synack_retries;
	u32 qlen = (u32)atomic_read(&tp->accept_queue.qlen);
	u32 young = (u32)max(atomic_read(&tp->accept_queue.young), 0) << 1;

	if (qlen << 1 <= max(8u, READ_ONCE(sk->sk_max_ack_backlog)))
		return tries;
	for (; tries > 2 && qlen >= young; young <<= 1)
		tries--;
	return tries;
}

/* Send again or wait on, while it may live. False: it is over. */
static bool synack_again(struct tcp_request_sock *req)
{
	struct sock *sk = req->listener;
	u32 tries = synack_tries(sk), defer = READ_ONCE(tcp_sk(sk)->accept_queue.defer_accept);
	/* With TCP_DEFER_ACCEPT one that has its ACK is left alone until the time is nearly up. */
	bool waits_for_data = defer && req->acked;

	if (READ_ONCE(sk->sk_state) != TCP_LISTEN)
		return false;
	if (req->num_timeout >= tries && !(waits_for_data && req->num_timeout < defer))
		return false;
	if (!waits_for_data || req->num_timeout + 1u >= defer)
		tcp_resend_synack(req);
	req->num_timeout++;
	req_aged(req);
	return true;
}

static void synack_timer(struct timer *t)
{
	struct tcp_request_sock *req = container_of(t, struct tcp_request_sock, timer);

	if (!synack_again(req)) {
		tcp_req_drop(req);
	} else if (!hlist_unhashed(&req->key.node)) {
		arm_synack_timer(req);
		/* Dropped meanwhile by another CPU, which found no timer to stop. */
		if (hlist_unhashed(&req->key.node) && timer_del(&req->timer))
			tcp_req_put(req);
	}
	tcp_req_put(req);
}

/* TCP_DEFER_ACCEPT: a bare ACK makes no connection yet. */
static bool waits_for_data(const struct sock *sk, struct tcp_request_sock *req,
			   const struct tcp_skb_cb *cb)
{
	if (req->num_timeout >= READ_ONCE(tcp_sk(sk)->accept_queue.defer_accept) ||
	    !seq_eq(cb->end_seq, seq_add(req->rcv_isn, 1)))
		return false;
	req->acked = 1;
	TCP_STAT(sk, LINUX_MIB_TCPDEFERACCEPTDROP);
	return true;
}

u8 tcp_defer_accept_set(int seconds)
{
	u32 wait_s = 1;
	u8 n = 0;

	/* As many SYN-ACKs as are sent within that time, at 1, 2, 4 ... seconds. */
	if (seconds > 0)
		for (n = 1; (u32)seconds > wait_s && n < 255; n++)
			wait_s += min_t(u32, 1u << min(n + 0u, 7u), 120);
	return n;
}

int tcp_defer_accept_get(u8 n)
{
	u32 wait_s = n ? 1 : 0;

	for (u8 i = 1; i < n; i++)
		wait_s += min_t(u32, 1u << min(i + 0u, 7u), 120);
	return (int)wait_s;
}

/* ---- a SYN
 * ------------------------------------------------------------------------------------------ */

void tcp_req_setup(struct tcp_request_sock *req, struct sock *sk, const struct tcp_flow *f)
{
	memset(req, 0, sizeof(*req));
	req->listener = sk;
	req->mark = sk->sk_mark;
	req->key.net = sock_net(sk);
	req->key.state = TCP_NEW_SYN_RECV;
	req->key.family = sk->sk_family;
	req->key.daddr = f->faddr;
	req->key.rcv_saddr = f->laddr;
	req->key.dport = f->fport;
	req->key.num = f->lport;
	req->key.bound_dev_if = f->dif;
	req->key.hash = f->hash;
}

/* A record of its own, with one reference; NULL: no memory. */
static struct tcp_request_sock *req_alloc(const struct tcp_request_sock *from)
{
	struct tcp_request_sock *req = kmem_cache_alloc(tcp_request_cache, GFP_ATOMIC);

	if (!req)
		return NULL;
	*req = *from;
	sock_hold(req->listener);
	refcount_set(&req->key.refcnt, 1);
	timer_setup(&req->timer, synack_timer);
	return req;
}

void tcp_req_parse_syn(struct tcp_request_sock *req, const struct sock *sk,
		       const struct sk_buff *skb, struct tcp_options *opt)
{
	const struct netns_tcp *nt = tcp_net(sk);

	tcp_parse_skb(skb, opt);
	req->rcv_isn = TCP_SKB_CB(skb)->seq;
	req->rcv_nxt = seq_add(req->rcv_isn, 1);
	req->mss = opt->has & TCP_OPT_MSS ? opt->mss : TCP_MSS_DEFAULT;
	if (tcp_sk(sk)->rx_opt.user_mss)
		req->mss = min(req->mss, tcp_sk(sk)->rx_opt.user_mss);
	req->tstamp_ok = opt->has & TCP_OPT_TS && nt->tcp_timestamps;
	req->ecn_ok = tcp_ecn_accept_syn(sk, skb);
	req->sack_ok = opt->has & TCP_OPT_SACK_PERM && nt->tcp_sack;
	if (req->tstamp_ok) {
		req->ts_recent = opt->tsval;
		req->ts_off = tcp_secure_ts_off(nt, req->key.rcv_saddr, req->key.daddr);
	}
	req->wscale_ok = opt->has & TCP_OPT_WSCALE && nt->tcp_window_scaling;
	req->snd_wscale = (req->wscale_ok ? opt->wscale : 0) & 15u;
}

void tcp_req_window(struct tcp_request_sock *req, const struct sock *sk,
		    const struct dst_entry *dst)
{
	/* A cookie's window is worked out twice: a path MTU that is learned between must not make
	 * it smaller than what was offered. */
	u32 mss = tcp_mss_of_mtu(sk, dst, req->cookie ? dst->dev->mtu : dst_mtu(dst));
	struct tcp_initial_window w;

	mss -= req->tstamp_ok ? TCPOLEN_TSTAMP_ALIGNED : 0;
	tcp_select_initial_window(sk, mss, dst->initrwnd, req->wscale_ok, &w);
	req->rcv_wnd = w.wnd;
	req->window_clamp = w.clamp;
	req->rcv_wscale = w.wscale & 15u;
}

bool tcp_syn_queue_full(const struct sock *sk)
{
	u32 qlen = (u32)atomic_read(&tcp_sk(sk)->accept_queue.qlen);

	return qlen > READ_ONCE(sk->sk_max_ack_backlog) ||
	       qlen >= (u32)tcp_net(sk)->tcp_max_syn_backlog;
}

/* A child that took the SYN's data: it may be accepted at once. Takes our reference. */
static void fastopen_child(struct sock *sk, struct sock *child, struct tcp_request_sock *req,
			   struct dst_entry *dst, const struct tcp_options *opt)
{
	send_synack(sk, req, dst, opt, NULL);
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

/* Remember the request and answer it. */
static enum skb_drop_reason queue_request(struct sock *sk, struct sk_buff **skb,
					  const struct tcp_request_sock *from,
					  struct dst_entry *dst, struct tcp_options *opt)
{
	struct tcp_request_sock *req = req_alloc(from);
	struct sock *child;

	if (!req) {
		TCP_STAT(sk, LINUX_MIB_LISTENDROPS);
		return SKB_DROP_REASON_NOMEM;
	}
	req->snt_synack_us = ktime_get_us();
	child = tcp_try_fastopen(sk, *skb, req, opt);
	if (child) {
		fastopen_child(sk, child, req, dst, opt);
		return SKB_CONSUMED;
	}
	if (tcp_ehash_insert(tcp_net(sk), &req->key, NULL)) {
		atomic_inc(&tcp_sk(sk)->accept_queue.qlen);
		atomic_inc(&tcp_sk(sk)->accept_queue.young);
		WRITE_ONCE(req->young, 1);
		refcount_inc(&req->key.refcnt); /* ours, while it is used below */
		arm_synack_timer(req);
		send_synack(sk, req, dst, opt, skb);
	}
	/* Else another CPU was faster with the same SYN. */
	tcp_req_put(req);
	return SKB_CONSUMED;
}

enum skb_drop_reason tcp_conn_request(struct sock *sk, struct sk_buff **skb,
				      const struct tcp_flow *f)
{
	struct netns_tcp *nt = tcp_net(sk);
	u32 isn = TCP_SKB_CB(*skb)->tw_isn;
	enum skb_drop_reason why = SKB_CONSUMED;
	struct tcp_request_sock req;
	struct tcp_options opt;
	struct dst_entry *dst;
	bool cookie = false;

	/* A SYN that takes the place of a TIME-WAIT has proved that its sender is real. */
	if ((nt->tcp_syncookies == 2 || tcp_syn_queue_full(sk)) && !isn) {
		cookie = tcp_syn_flood_action(sk, tcp_now_s());
		if (!cookie) {
			TCP_STAT(sk, LINUX_MIB_LISTENDROPS);
			return SKB_DROP_REASON_TCP_REQQ_FULL;
		}
	}
	if (tcp_acceptq_is_full(sk)) {
		TCP_STAT(sk, LINUX_MIB_LISTENOVERFLOWS);
		TCP_STAT(sk, LINUX_MIB_LISTENDROPS);
		return SKB_DROP_REASON_TCP_LISTEN_OVERFLOW;
	}
	tcp_req_setup(&req, sk, f);
	tcp_req_parse_syn(&req, sk, *skb, &opt);
	dst = tcp_sk(sk)->af->route_req(sk, &req);
	if (!dst) {
		TCP_STAT(sk, LINUX_MIB_LISTENDROPS);
		return SKB_DROP_REASON_IP_OUTNOROUTES;
	}
	if (cookie)
		tcp_cookie_init(sk, &req, f, tcp_now_s());
	else
		req.snt_isn = isn ? SEQ32(isn) : tcp_secure_isn(nt, f);
	tcp_req_window(&req, sk, dst);
	if (cookie)
		send_synack(sk, &req, dst, NULL, skb);
	else
		why = queue_request(sk, skb, &req, dst, &opt);
	dst_release(dst);
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
	if (waits_for_data(sk, req, cb)) {
		*why = SKB_CONSUMED;
		return NULL;
	}
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
