/* SPDX-License-Identifier: MIT */
/*
 * Half-open passive connections: what a SYN, its SYN-ACK and the segments after it do, until the
 * handshake's last ACK makes a socket of it (RFC 9293 sections 3.10.7.2 and 3.10.7.4 for
 * SYN-RECEIVED). The records are in the table of connections, so that no segment needs the
 * listener's lock; how long they live is in tcp_reqsk.c. Softirq, no socket locked.
 */
#include "tcp_int.h"

/* ---- SYN-ACK
 * -------------------------------------------------------------------------------------- */

struct sk_buff *tcp_answer_room(struct sk_buff **to, u32 len)
{
	struct sk_buff *skb = to ? *to : NULL;

	if (skb && !skb_is_nonlinear(skb) && !skb_is_gso(skb) && !skb_shared(skb) &&
	    !skb_cloned(skb) && skb->transport_header + len <= skb->end) {
		*to = NULL;
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
		o.tsval = tcp_now_ms();
		if (req->cookie)
			o.tsval =
				tcp_cookie_timestamp(o.tsval, o.has, req->snd_wscale, req->ecn_ok);
		o.tsval += tcp_req_ts_off(req);
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
	skb = tcp_answer_room(syn, len);
	if (!skb)
		return NULL;
	th = skb_put(skb, len);
	skb_reset_transport_header(skb);
	*th = (struct tcphdr){
		.source = be16_make(req->key.num),
		.dest = req->key.dport,
		.seq = seq_to_wire(req->snt_isn),
		.ack_seq = seq_to_wire(tcp_req_rcv_nxt(req)),
		.doff_res = (u8)((len / 4) << 4),
		.flags = (u8)(TCPHDR_SYN | TCPHDR_ACK | (req->ecn_ok ? TCPHDR_ECE : 0)),
		.window = be16_make(req->rcv_wnd),
	};
	tcp_options_emit((u8 *)(th + 1), &o);
	skb->mark = sk->sk_mark;
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
	if (!req->odd) {
		req->odd = 1;
		req->stamp = 0;
	}
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
	req->key.state = TCP_NEW_SYN_RECV;
	req->key.family = sk->sk_family;
	req->key.daddr = f->faddr;
	req->key.rcv_saddr = f->laddr;
	req->key.dport = f->fport;
	req->key.num = f->lport;
	req->key.bound_dev_if = f->dif;
	req->key.hash = f->hash;
}

void tcp_req_parse_syn(struct tcp_request_sock *req, const struct sock *sk,
		       const struct sk_buff *skb, struct tcp_options *opt)
{
	const struct netns_tcp *nt = tcp_net(sk);

	tcp_parse_skb(skb, opt);
	req->rcv_isn = TCP_SKB_CB(skb)->seq;
	req->mss = opt->has & TCP_OPT_MSS ? opt->mss : TCP_MSS_DEFAULT;
	if (tcp_sk(sk)->rx_opt.user_mss)
		req->mss = min(req->mss, tcp_sk(sk)->rx_opt.user_mss);
	req->tstamp_ok = opt->has & TCP_OPT_TS && nt->tcp_timestamps;
	req->ecn_ok = tcp_ecn_accept_syn(sk, skb);
	req->sack_ok = opt->has & TCP_OPT_SACK_PERM && nt->tcp_sack;
	req->ts_recent = req->tstamp_ok ? opt->tsval : 0;
	req->wscale_ok = opt->has & TCP_OPT_WSCALE && nt->tcp_window_scaling;
	req->snd_wscale = (req->wscale_ok ? opt->wscale : 0) & 15u;
}

void tcp_req_window(const struct tcp_request_sock *req, const struct sock *sk,
		    const struct dst_entry *dst, struct tcp_initial_window *w)
{
	u32 mss = tcp_advertise_mss(sk, dst) - (req->tstamp_ok ? TCPOLEN_TSTAMP_ALIGNED : 0u);

	tcp_select_initial_window(sk, mss, dst->initrwnd, req->wscale_ok, w);
}

void tcp_req_set_window(struct tcp_request_sock *req, const struct tcp_initial_window *w)
{
	req->rcv_wnd = (u16)min(w->wnd, 65535u); /* a SYN-ACK's is not scaled */
	req->rcv_wscale = w->wscale & 15u;
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
	struct tcp_request_sock *req = tcp_req_alloc(from, *skb);
	struct sock *child;
	u8 bits;

	if (!req) {
		TCP_STAT(sk, LINUX_MIB_LISTENDROPS);
		return SKB_DROP_REASON_NOMEM;
	}
	req->stamp = (u32)ktime_get_us();
	child = tcp_try_fastopen(sk, *skb, req, opt);
	if (child) {
		fastopen_child(sk, child, req, dst, opt);
		return SKB_CONSUMED;
	}
	if (!tcp_source_get(tcp_net(sk), req->key.daddr, TCP_SOURCE_SYN, &bits)) {
		tcp_req_put(req);
		TCP_STAT(sk, LINUX_MIB_LISTENDROPS);
		return SKB_DROP_REASON_TCP_SOURCE_LIMIT;
	}
	req->source_bits = bits & 63u;
	if (tcp_ehash_insert(tcp_net(sk), &req->key, NULL)) {
		atomic_inc(&tcp_sk(sk)->accept_queue.qlen);
		refcount_inc(&req->key.refcnt); /* ours, while it is used below */
		tcp_req_start(req);
		send_synack(sk, req, dst, opt, skb);
	} else { /* another CPU was faster with the same SYN */
		tcp_source_put(tcp_net(sk), req->key.daddr, TCP_SOURCE_SYN, bits);
	}
	tcp_req_put(req);
	return SKB_CONSUMED;
}

enum skb_drop_reason tcp_conn_request(struct sock *sk, struct sk_buff **skb,
				      const struct tcp_flow *f)
{
	struct netns_tcp *nt = tcp_net(sk);
	u32 isn = TCP_SKB_CB(*skb)->tw_isn;
	enum skb_drop_reason why = SKB_CONSUMED;
	struct tcp_initial_window w;
	struct tcp_request_sock req;
	struct tcp_options opt;
	struct dst_entry *dst;
	bool cookie = false;

	if (tcp_syn_shed(nt))
		return SKB_DROP_REASON_TCP_SYN_SHED;
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
	if (tcp_source_full(nt, f->faddr, TCP_SOURCE_CONN)) {
		TCP_STAT(sk, LINUX_MIB_LISTENDROPS);
		return SKB_DROP_REASON_TCP_SOURCE_LIMIT;
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
	tcp_req_window(&req, sk, dst, &w);
	tcp_req_set_window(&req, &w);
	if (cookie)
		send_synack(sk, &req, dst, NULL, skb);
	else
		why = queue_request(sk, skb, &req, dst, &opt);
	dst_release(dst);
	return why;
}

/* ---- a segment for a half-open connection
 * -------------------------------------------------------------- */

bool tcp_req_may_answer(struct tcp_request_sock *req, const struct sk_buff *skb)
{
	u32 last_ms = req->odd ? req->stamp : 0;

	if (!tcp_oow_rate_ok(sock_net(req->listener), skb, LINUX_MIB_TCPACKSKIPPEDSYNRECV,
			     &last_ms))
		return false;
	if (last_ms) {
		req->odd = 1;
		req->stamp = last_ms;
	}
	return true;
}

/* Answer what is outside the window with what we expect. */
static void req_ack(struct sock *sk, struct sk_buff *skb, struct tcp_request_sock *req)
{
	struct tcp_ack_reply r = {.seq = seq_add(req->snt_isn, 1),
				  .ack = seq_add(req->rcv_isn, 1),
				  .win = (u32)req->rcv_wnd >> req->rcv_wscale,
				  .tsecr = req->ts_recent,
				  .ts = req->tstamp_ok,
				  .tos = inet_sk(sk)->tos};

	if (!tcp_req_may_answer(req, skb))
		return;
	if (req->tstamp_ok)
		r.tsval = (u32)ktime_get_ms() + tcp_req_ts_off(req);
	tcp_send_ack_reply(sock_net(sk), skb, &r, NULL);
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
	struct sock *child;

	if (flags == TCPHDR_SYN && seq_eq(cb->seq, req->rcv_isn)) {
		/* The SYN again: our answer was lost, or is late. */
		if (tcp_req_may_answer(req, skb))
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
	child = tcp_create_child(sk, req, why);
	if (!child && *why == SKB_DROP_REASON_TCP_SOURCE_LIMIT) {
		tcp_send_reset_reply(sk, skb);
		tcp_req_drop(req);
	}
	return child;
}
