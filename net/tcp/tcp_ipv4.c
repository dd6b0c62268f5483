/* SPDX-License-Identifier: MIT */
/*
 * TCP over IPv4: the way in from IP (checksum, lookup, which kind of record), ICMP errors (RFC
 * 5927, RFC 1122 section 4.2.3.9), connect(), and replies that belong to no socket (RST, ACK). All
 * that is specific to the address family is behind struct tcp_af_ops. Context: softirq under rcu,
 * except connect (thread).
 */
#include "tcp_int.h"

#include <net/busy_poll.h>

/* ---- helpers -------------------------------------------------------------------------------- */

void tcp_v4_fill_cb(struct sk_buff *skb)
{
	const struct tcphdr *th = tcp_hdr(skb);
	struct tcp_skb_cb *cb = TCP_SKB_CB(skb);

	cb->seq = seq_from_wire(th->seq);
	cb->end_seq = seq_add(cb->seq, tcp_seg_space(th->flags, skb->len - tcp_hdrlen_bytes(th)));
	cb->ack_seq = seq_from_wire(th->ack_seq);
	cb->flags = th->flags;
	cb->ip_dsfield = ip_hdr(skb)->tos;
	cb->tw_isn = 0;
	cb->sacked = 0;
}

static void segs_in(struct tcp_sock *tp, const struct sk_buff *skb)
{
	tp->segs_in++;
	if (skb->len > tcp_hdrlen(skb))
		tp->data_segs_in++;
}

/* ---- replies without a socket ------------------------------------------------------------------
 */

/* Send th and its options back to where skb came from. room: see tcp_answer_room(). */
static void reply_send(struct net *net, const struct sk_buff *skb, const struct tcphdr *th,
		       const struct tcp_options *o, u8 tos, struct sk_buff **room)
{
	u32 len = (u32)sizeof(*th) + tcp_options_size(o);
	be32 peer = ip_hdr(skb)->saddr, own = ip_hdr(skb)->daddr;
	struct flowi4 fl = {.daddr = peer,
			    .saddr = own,
			    .proto = IPPROTO_TCP,
			    .sport = th->source,
			    .dport = th->dest,
			    .tos = tos};
	struct rtable *rt = ip_route_output_flow(net, &fl, NULL);
	struct sk_buff *out;
	struct tcphdr *h;

	if (IS_ERR(rt))
		return;
	out = tcp_answer_room(room, len);
	if (!out) {
		dst_release(&rt->dst);
		return;
	}
	h = skb_put(out, len);
	*h = *th;
	h->doff_res = (u8)((len / 4) << 4);
	tcp_options_emit((u8 *)(h + 1), o);
	skb_reset_transport_header(out);
	tcp_v4_check(out, own, peer);
	TCP_INC_STATS(net, OUTSEGS);
	ip_answer(out, NULL, rt, own, peer, 64, tos);
	dst_release(&rt->dst);
}

/* RFC 9293 section 3.10.7.1: a RST takes its sequence number from the ACK field, or, where there is
 * none, acknowledges the whole segment. */
void tcp_send_reset_reply(const struct sock *sk, struct sk_buff *skb)
{
	const struct tcphdr *th = tcp_hdr(skb);
	struct net *net = sk ? sock_net(sk) : dev_net(skb->dev);
	struct tcphdr h = {.source = th->dest, .dest = th->source, .flags = TCPHDR_RST};
	struct tcp_options none = {0};

	if (th->flags & TCPHDR_RST)
		return;
	if (!sk && inet_addr_type(net, ip_hdr(skb)->daddr) != RTN_LOCAL)
		return;
	if (th->flags & TCPHDR_ACK) {
		h.seq = th->ack_seq;
	} else {
		u32 len = tcp_seg_space(th->flags, skb->len - tcp_hdrlen_bytes(th));

		h.flags |= TCPHDR_ACK;
		h.ack_seq = be32_make(be32_get(th->seq) + len);
	}
	TCP_INC_STATS(net, OUTRSTS);
	reply_send(net, skb, &h, &none, 0, NULL);
}

void tcp_send_ack_reply(struct net *net, const struct sk_buff *skb, const struct tcp_ack_reply *r,
			struct sk_buff **room)
{
	const struct tcphdr *th = tcp_hdr(skb);
	struct tcphdr h = {.source = th->dest,
			   .dest = th->source,
			   .flags = TCPHDR_ACK,
			   .seq = seq_to_wire(r->seq),
			   .ack_seq = seq_to_wire(r->ack),
			   .window = be16_make((u16)min(r->win, 65535u))};
	struct tcp_options o = {.tsval = r->tsval, .tsecr = r->tsecr};

	if (r->ts)
		o.has = TCP_OPT_TS;
	reply_send(net, skb, &h, &o, (u8)(r->tos & ~3u), room);
}

/* ---- receive
 * -------------------------------------------------------------------------------------- */

/* A listener's segment that is not for one of its requests: RFC 9293 section 3.10.7.2. Takes skb.
 */
static noinline void listener_rcv(struct sock *sk, struct sk_buff *skb, const struct tcp_flow *flow)
{
	const struct tcphdr *th = tcp_hdr(skb);
	struct tcp_flow f = *flow;
	enum skb_drop_reason why = SKB_DROP_REASON_TCP_FLAGS;
	struct sock *child = NULL;

	f.dif = sk->sk_bound_dev_if;
	sk_mark_napi_id(sk, skb);
	if (th->flags & TCPHDR_RST) {
		why = SKB_DROP_REASON_TCP_RESET;
	} else if ((th->flags & (TCPHDR_ACK | TCPHDR_SYN)) == TCPHDR_ACK) {
		child = tcp_cookie_check(sk, skb, &f, &why);
		if (child) {
			tcp_child_process(sk, child, skb);
			return;
		}
		if (why == SKB_NOT_DROPPED_YET || why == SKB_DROP_REASON_TCP_COOKIE_INVALID ||
		    why == SKB_DROP_REASON_TCP_SOURCE_LIMIT)
			tcp_send_reset_reply(sk, skb);
		why = why == SKB_NOT_DROPPED_YET ? SKB_DROP_REASON_TCP_FLAGS : why;
	} else if (th->flags & TCPHDR_ACK) {
		tcp_send_reset_reply(sk, skb);
	} else if ((th->flags & (TCPHDR_SYN | TCPHDR_FIN)) == TCPHDR_SYN) {
		why = tcp_conn_request(sk, &skb, &f);
		if (!skb)
			return;
	}
	if (why == SKB_CONSUMED)
		consume_skb(skb);
	else
		kfree_skb_reason(skb, why);
}

int tcp_do_rcv(struct sock *sk, struct sk_buff *skb)
{
	enum skb_drop_reason why;
	bool reset = false;

	if (sk->sk_state == TCP_LISTEN) {
		struct tcp_flow f = tcp_v4_flow(skb);

		f.hash = tcp_flow_hash(tcp_net(sk), &f);
		listener_rcv(sk, skb, &f);
		return 0;
	}
	why = tcp_rcv_state_process(sk, skb, &reset);
	tcp_assert_valid(sk);
	if (reset)
		tcp_send_reset_reply(sk, skb);
	if (why == SKB_NOT_DROPPED_YET)
		consume_skb(skb);
	else if (why != SKB_CONSUMED)
		kfree_skb_reason(skb, why);
	return 0;
}

static bool add_backlog(struct sock *sk, struct sk_buff *skb, enum skb_drop_reason *why)
{
	u32 limit = (u32)READ_ONCE(sk->sk_rcvbuf) + (u32)READ_ONCE(sk->sk_sndbuf) / 2 + 64 * 1024;

	if (sk_add_backlog(sk, skb, limit))
		return true;
	TCP_STAT(sk, LINUX_MIB_TCPBACKLOGDROP);
	*why = SKB_DROP_REASON_SOCKET_BACKLOG;
	return false;
}

/* A full socket: takes skb and the reference. */
static noinline void sock_rcv(struct sock *sk, struct sk_buff *skb)
{
	enum skb_drop_reason why = SKB_NOT_DROPPED_YET;

	if (ip_hdr(skb)->ttl < inet_sk(sk)->min_ttl) {
		TCP_STAT(sk, LINUX_MIB_TCPMINTTLDROP);
		kfree_skb_reason(skb, SKB_DROP_REASON_TCP_INVALID);
		sock_put(sk);
		return;
	}
	skb->dev = NULL;
	sk_mark_napi_id(sk, skb);
	bh_lock_sock(sk);
	segs_in(tcp_sk(sk), skb);
	if (!sock_owned_by_user(sk))
		tcp_do_rcv(sk, skb);
	else if (!add_backlog(sk, skb, &why))
		kfree_skb_reason(skb, why);
	bh_unlock_sock(sk);
	sock_put(sk);
}

/* A half-open request; takes skb and the reference. False: look the segment up again. */
static noinline bool request_rcv(struct tcp_request_sock *req, struct sk_buff *skb)
{
	enum skb_drop_reason why = SKB_DROP_REASON_NOT_SPECIFIED;
	struct sock *sk = req->listener, *child;

	if (READ_ONCE(sk->sk_state) != TCP_LISTEN) {
		tcp_req_drop(req);
		tcp_req_put(req);
		return false;
	}
	sock_hold(sk);
	child = tcp_check_req(sk, skb, req, &why);
	tcp_req_put(req);
	if (child)
		tcp_child_process(sk, child, skb);
	else if (why == SKB_CONSUMED)
		consume_skb(skb);
	else if (why != SKB_NOT_DROPPED_YET)
		kfree_skb_reason(skb, why);
	sock_put(sk);
	return child || why != SKB_NOT_DROPPED_YET;
}

/* A TIME-WAIT record; takes skb and the reference. */
static noinline void timewait_rcv(struct net *net, struct tcp_tw_sock *tw, struct sk_buff *skb,
				  const struct tcp_flow *f)
{
	enum skb_drop_reason why = SKB_DROP_REASON_TCP_TIMEWAIT;
	struct sock *sk = NULL;
	seq32 isn;

	switch (tcp_timewait_process(net->tcp, tw, skb, &isn, &why)) {
	case TCP_TW_SYN:
		sk = tcp_lookup_listener(net->tcp, f, tcp_steer_cpu(skb), NULL);
		if (sk) {
			tcp_tw_kill(net->tcp, tw);
			tcp_tw_put(tw);
			TCP_SKB_CB(skb)->tw_isn = isn.v ? isn.v : 1;
			listener_rcv(sk, skb, f);
			return;
		}
		fallthrough;
	case TCP_TW_ACK:
		/* A segment that was taken is not needed any more; what is dropped is counted. */
		tcp_tw_ack(net, tw, skb, why == SKB_CONSUMED ? &skb : NULL);
		break;
	case TCP_TW_RST:
		tcp_send_reset_reply(NULL, skb);
		tcp_tw_kill(net->tcp, tw);
		break;
	case TCP_TW_DROP:
		break;
	}
	tcp_tw_put(tw);
	if (why == SKB_CONSUMED)
		consume_skb(skb); /* none: it is on its way as the answer */
	else
		kfree_skb_reason(skb, why);
}

/* Is the header whole? It is linear then. */
static bool header_is_whole(struct sk_buff *skb)
{
	u32 have = skb_headlen(skb), len;

	if (unlikely(have < sizeof(struct tcphdr)) && !pskb_may_pull(skb, sizeof(struct tcphdr)))
		return false;
	len = tcp_hdrlen(skb);
	return len >= sizeof(struct tcphdr) && (likely(len <= have) || pskb_may_pull(skb, len));
}

/* Header whole, length sane, checksum right. */
static enum skb_drop_reason check_header(struct net *net, struct sk_buff *skb)
{
	if (skb->pkt_type != PACKET_HOST && skb->pkt_type != PACKET_LOOPBACK)
		return SKB_DROP_REASON_OTHERHOST;
	TCP_ADD_STATS(net, INSEGS, max_t(u32, 1, skb_shinfo(skb)->gso_segs));
	if (!header_is_whole(skb))
		return SKB_DROP_REASON_TCP_INVALID;
	if (!skb_checksum_ok(skb, inet_pseudo(skb, IPPROTO_TCP))) {
		TCP_INC_STATS(net, CSUMERRORS);
		return SKB_DROP_REASON_TCP_CSUM;
	}
	return SKB_NOT_DROPPED_YET;
}

/* Full sockets only: the records of other states see few packets. */
static struct sock *early_demux(const struct sk_buff *skb)
{
	struct netns_tcp *nt = dev_net(skb->dev)->tcp;
	struct tcp_flow f = tcp_v4_flow(skb);
	struct sock_key *key;

	f.hash = tcp_flow_hash_again(nt, &f);
	key = tcp_lookup_established(nt, &f);
	if (key && (key->state == TCP_TIME_WAIT || key->state == TCP_NEW_SYN_RECV)) {
		tcp_key_put(key);
		return NULL;
	}
	return key ? container_of(key, struct sock, __sk_common.skc_key) : NULL;
}

/* Hand skb to whoever its flow belongs to. False: that changed meanwhile, look again. */
static bool demux(struct net *net, struct sk_buff *skb)
{
	struct tcp_flow f = tcp_v4_flow(skb);
	struct sock_key *key;
	struct sock *sk;

	f.hash = tcp_flow_hash_again(net->tcp, &f);
	key = tcp_lookup_established(net->tcp, &f);
	if (key && key->state == TCP_TIME_WAIT) {
		timewait_rcv(net, tcp_twsk(key), skb, &f);
	} else if (key && key->state == TCP_NEW_SYN_RECV) {
		return request_rcv(tcp_rsk(key), skb);
	} else if (key) {
		sock_rcv(container_of(key, struct sock, __sk_common.skc_key), skb);
	} else if ((sk = tcp_lookup_listener(net->tcp, &f, tcp_steer_cpu(skb), NULL))) {
		listener_rcv(sk, skb, &f);
	} else {
		tcp_send_reset_reply(NULL, skb);
		kfree_skb_reason(skb, SKB_DROP_REASON_NO_SOCKET);
	}
	return true;
}

static void segment_rcv(struct net *net, struct sk_buff *skb)
{
	while (!demux(net, skb))
		;
}

static int tcp_v4_rcv(struct sk_buff *skb)
{
	struct net *net = dev_net(skb->dev);
	enum skb_drop_reason why = check_header(net, skb);

	if (unlikely(why != SKB_NOT_DROPPED_YET)) {
		if (why != SKB_DROP_REASON_OTHERHOST)
			TCP_INC_STATS(net, INERRS);
		kfree_skb_reason(skb, why);
		return 0;
	}
	tcp_v4_fill_cb(skb);
	if (unlikely(skb->sk))
		sock_rcv(skb_steal_sock(skb), skb);
	else
		segment_rcv(net, skb);
	return 0;
}

bool tcp4_rcv_early(struct sk_buff *skb)
{
	struct net *net = dev_net(skb->dev);

	if (!ip_early_take(skb))
		return false;
	TCP_INC_STATS(net, INSEGS);
	tcp_v4_fill_cb(skb);
	segment_rcv(net, skb);
	return true;
}

/* ---- ICMP errors
 * ----------------------------------------------------------------------------------- */

void tcp_mtu_reduced(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct dst_entry *dst;
	u32 mtu;
	int err;

	if (tcp_state_in(sk, TCPS(LISTEN) | TCPS(CLOSE)))
		return;
	ipv4_update_pmtu(sock_net(sk), sk->sk_daddr, READ_ONCE(tp->mtu_info));
	dst = tp->af->route(sk, &err);
	if (!dst)
		return;
	mtu = dst_mtu(dst);
	if (mtu < dst->dev->mtu && inet_sk(sk)->pmtudisc == IP_PMTUDISC_DO)
		sk->sk_err_soft = EMSGSIZE;
	if (inet_sk(sk)->pmtudisc != IP_PMTUDISC_DONT && tp->pmtu_cookie > mtu) {
		tcp_mstamp_refresh(tp);
		tcp_sync_mss(sk, mtu);
		/* What was too big is lost for certain: resend it without waiting. */
		tcp_simple_retransmit(sk);
	}
}

static void frag_needed(struct sock *sk, u32 mtu)
{
	WRITE_ONCE(tcp_sk(sk)->mtu_info, mtu);
	if (!sock_owned_by_user(sk))
		tcp_mtu_reduced(sk);
	else if (!test_and_set_bit(TCP_MTU_REDUCED_DEFERRED, &sk->sk_tsq_flags))
		sock_hold(sk);
}

/* Being made, and nobody works with it yet as one may with a Fast Open child. */
static bool opening(const struct sock *sk)
{
	return tcp_state_in(sk, TCPS(SYN_SENT) | TCPS(SYN_RECV)) &&
	       !(tcp_sk(sk)->fastopen_rsk && sk->sk_socket);
}

/* Report err: fatal for a connection being made, advice for one that is (RFC 1122 4.2.3.9). */
static void icmp_report(struct sock *sk, struct sk_buff *skb, int err, u32 info)
{
	if (opening(sk)) {
		if (!sock_owned_by_user(sk))
			tcp_done_with_error(sk, err);
		else
			WRITE_ONCE(sk->sk_err_soft, err);
		return;
	}
	if (!sock_owned_by_user(sk) && inet_sk(sk)->recverr) {
		WRITE_ONCE(sk->sk_err, err);
		sk->sk_error_report(sk);
	} else {
		WRITE_ONCE(sk->sk_err_soft, err);
	}
}

/* errno of an ICMP message; 0: to be ignored. */
static int icmp_errno(u8 type, u8 code)
{
	switch (type) {
	case ICMP_PARAMETERPROB:
		return EPROTO;
	case ICMP_TIME_EXCEEDED:
		return EHOSTUNREACH;
	case ICMP_DEST_UNREACH:
		return code < 16 ? icmp_err_convert[code].errno_ : 0;
	default: /* source quench: RFC 6633; redirects are the routing table's business */
		return 0;
	}
}

static void sock_icmp(struct sock *sk, struct sk_buff *skb, seq32 seq, u8 type, u8 code, u32 info)
{
	struct tcp_sock *tp = tcp_sk(sk);
	seq32 una = tp->fastopen_rsk ? tp->fastopen_rsk->snt_isn : tp->snd_una;
	bool frag = type == ICMP_DEST_UNREACH && code == ICMP_FRAG_NEEDED;
	int err = icmp_errno(type, code);

	if (sock_owned_by_user(sk) && !frag)
		TCP_STAT(sk, LINUX_MIB_LOCKDROPPEDICMPS);
	if (sk->sk_state == TCP_CLOSE)
		return;
	/* RFC 5927 section 4.1: only about what is in flight. */
	if (seq_before(seq, una) || seq_after(seq, tp->snd_nxt)) {
		TCP_STAT(sk, LINUX_MIB_OUTOFWINDOWICMPS);
		return;
	}
	if (frag)
		frag_needed(sk, info);
	else if (err)
		icmp_report(sk, skb, err, info);
}

static void request_icmp(struct net *net, struct tcp_request_sock *req, seq32 seq, u8 type, u8 code)
{
	bool fatal = type == ICMP_PARAMETERPROB || type == ICMP_TIME_EXCEEDED ||
		     (type == ICMP_DEST_UNREACH &&
		      (code == ICMP_NET_UNREACH || code == ICMP_HOST_UNREACH));

	if (!seq_eq(seq, req->snt_isn))
		NET_INC_STATS(net, LINUX_MIB_OUTOFWINDOWICMPS);
	else if (fatal && tcp_req_drop(req))
		NET_INC_STATS(net, LINUX_MIB_LISTENDROPS);
}

static int tcp_v4_err(struct sk_buff *skb, u8 type, u8 code, u32 info)
{
	const struct iphdr *iph = (const void *)skb->data;
	const u8 *th = skb->data + (iph->ver_ihl & 15u) * 4;
	struct net *net = dev_net(skb->dev);
	struct tcp_flow f = {iph->saddr,        iph->daddr,
			     get_be16(th),      be16_make(get_be16(th + 2)),
			     skb->dev->ifindex, 0};
	seq32 seq = SEQ32(get_be32(th + 4));
	struct sock_key *key;
	struct sock *sk;

	f.hash = tcp_flow_hash(net->tcp, &f);
	key = tcp_lookup_established(net->tcp, &f);
	if (!key) {
		ICMP_INC_STATS(net, INERRORS);
		return -ENOENT;
	}
	if (key->state == TCP_NEW_SYN_RECV) {
		request_icmp(net, tcp_rsk(key), seq, type, code);
	} else if (key->state != TCP_TIME_WAIT) {
		sk = container_of(key, struct sock, __sk_common.skc_key);
		bh_lock_sock(sk);
		sock_icmp(sk, skb, seq, type, code, info);
		bh_unlock_sock(sk);
	}
	tcp_key_put(key);
	return 0;
}

/* ---- struct tcp_af_ops
 * ------------------------------------------------------------------------------- */

static struct dst_entry *v4_route(struct sock *sk, int *err)
{
	struct inet_sock *inet = inet_sk(sk);
	struct dst_entry *dst = sk_dst_check(sk);
	struct flowi4 fl;
	struct rtable *rt;

	if (dst)
		return dst;
	fl = (struct flowi4){.daddr = sk->sk_daddr,
			     .saddr = inet->inet_saddr,
			     .oif = sk->sk_bound_dev_if,
			     .mark = sk->sk_mark,
			     .tos = inet->tos,
			     .proto = IPPROTO_TCP,
			     .sport = inet->inet_sport,
			     .dport = sk->sk_dport};
	rt = ip_route_output_flow(sock_net(sk), &fl, sk);
	if (IS_ERR(rt)) {
		*err = (int)PTR_ERR(rt);
		sk->sk_route_caps = 0;
		return NULL;
	}
	sk_dst_set(sk, &rt->dst);
	sk_setup_caps(sk, &rt->dst);
	return &rt->dst;
}

static struct dst_entry *v4_route_req(const struct sock *sk, const struct tcp_request_sock *req)
{
	struct flowi4 fl = {.daddr = req->key.daddr,
			    .saddr = req->key.rcv_saddr,
			    .oif = req->key.bound_dev_if,
			    .mark = sk->sk_mark,
			    .tos = inet_sk(sk)->tos,
			    .proto = IPPROTO_TCP,
			    .sport = be16_make(req->key.num),
			    .dport = req->key.dport};
	struct rtable *rt = ip_route_output_flow(sock_net(sk), &fl, sk);

	if (IS_ERR(rt)) {
		IP_INC_STATS(sock_net(sk), OUTNOROUTES);
		return NULL;
	}
	return &rt->dst;
}

void tcp_v4_check(struct sk_buff *skb, be32 saddr, be32 daddr)
{
	struct tcphdr *th = tcp_hdr(skb);

	th->check = (be16){(u16)~csum_tcpudp_magic(saddr, daddr, skb->len, IPPROTO_TCP, 0).wire};
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb->transport_header;
	skb->csum_offset = offsetof(struct tcphdr, check);
}

static void v4_send_check(struct sock *sk, struct sk_buff *skb)
{
	tcp_v4_check(skb, inet_sk(sk)->inet_saddr, sk->sk_daddr);
}

static int v4_send_synack(const struct sock *sk, struct tcp_request_sock *req, struct sk_buff *skb,
			  struct dst_entry *dst, u8 tos)
{
	const struct inet_sock *inet = inet_sk(sk);
	u8 ttl = inet->uc_ttl < 0 ? 64 : (u8)inet->uc_ttl;

	tcp_v4_check(skb, req->key.rcv_saddr, req->key.daddr);
	/* Text of a Fast Open child must not come before it. */
	if (likely(!inet->inet_opt && !req->fastopen)) {
		ip_answer(skb, sk, container_of(dst, struct rtable, dst), req->key.rcv_saddr,
			  req->key.daddr, ttl, tos);
		return 0;
	}
	skb_dst_set(skb, dst_hold(dst));
	return ip_build_and_send_pkt(skb, sk, req->key.rcv_saddr, req->key.daddr, inet->inet_opt,
				     IPPROTO_TCP, ttl, tos);
}

static void v4_init_child(struct sock *child, const struct tcp_request_sock *req)
{
	child->sk_daddr = req->key.daddr;
	child->sk_rcv_saddr = req->key.rcv_saddr;
	child->sk_dport = req->key.dport;
	child->sk_num = req->key.num;
	child->sk_bound_dev_if = req->key.bound_dev_if;
	inet_sk(child)->inet_saddr = req->key.rcv_saddr;
	inet_sk(child)->inet_sport = be16_make(req->key.num);
}

/* Route and source address of an active open. */
static int connect_route(struct sock *sk, const struct sockaddr_in *sin)
{
	struct inet_sock *inet = inet_sk(sk);
	struct flowi4 fl = {.daddr = BE32_RAW(sin->sin_addr.s_addr),
			    .saddr = inet->inet_saddr,
			    .oif = sk->sk_bound_dev_if,
			    .mark = sk->sk_mark,
			    .tos = inet->tos,
			    .proto = IPPROTO_TCP,
			    .sport = inet->inet_sport,
			    .dport = BE16_RAW(sin->sin_port)};
	struct rtable *rt;

	if (be32_is_zero(fl.daddr)) /* Linux: this host */
		fl.daddr = BE32(INADDR_LOOPBACK);
	rt = ip_route_output_flow(sock_net(sk), &fl, sk);
	if (IS_ERR(rt)) {
		if (PTR_ERR(rt) == -ENETUNREACH)
			IP_INC_STATS(sock_net(sk), OUTNOROUTES);
		return (int)PTR_ERR(rt);
	}
	if (rt->type == RTN_BROADCAST || rt->type == RTN_MULTICAST) {
		dst_release(&rt->dst);
		return -ENETUNREACH;
	}
	if (be32_is_zero(inet->inet_saddr))
		inet->inet_saddr = fl.saddr;
	if (be32_is_zero(sk->sk_rcv_saddr))
		sk->sk_rcv_saddr = inet->inet_saddr;
	sk->sk_daddr = fl.daddr;
	sk->sk_dport = fl.dport;
	sk_dst_set(sk, &rt->dst);
	sk_setup_caps(sk, &rt->dst);
	return 0;
}

static int v4_connect(struct sock *sk, const struct sockaddr *addr, socklen_t len)
{
	const struct sockaddr_in *sin = (const void *)addr;
	struct tcp_sock *tp = tcp_sk(sk);
	be32 old_peer = sk->sk_daddr;
	int err;

	if (len < sizeof(*sin))
		return -EINVAL;
	if (sin->sin_family != AF_INET)
		return -EAFNOSUPPORT;
	err = connect_route(sk, sin);
	if (err)
		return err;
	if (tp->rx_opt.ts_recent_stamp_s && !be32_eq(old_peer, sk->sk_daddr)) {
		tp->rx_opt.ts_recent = 0;
		tp->rx_opt.ts_recent_stamp_s = 0;
		tp->write_seq = SEQ32(0);
	}
	tp->ext_hdr_len = inet_sk(sk)->inet_opt ? inet_sk(sk)->inet_opt->optlen : 0;
	tp->rx_opt.mss_clamp = TCP_MSS_DEFAULT;
	tcp_set_state(sk, TCP_SYN_SENT);
	err = tcp_hash_connect(sk);
	if (!err) {
		struct tcp_flow f = {
			sk->sk_rcv_saddr, sk->sk_daddr, sk->sk_num, sk->sk_dport, 0, 0};

		inet_sk(sk)->inet_sport = be16_make(sk->sk_num);
		if (!tp->write_seq.v)
			tp->write_seq = tcp_secure_isn(sock_net(sk)->tcp, &f);
		tp->tsoffset = tcp_secure_ts_off(tcp_net(sk), f.laddr, f.faddr);
		atomic_set(&inet_sk(sk)->inet_id, (s32)(get_random_u32() & 0xffff));
		if (tcp_fastopen_defer_connect(sk, &err))
			return 0;
		if (!err)
			err = tcp_connect(sk);
	}
	if (err) {
		tcp_set_state(sk, TCP_CLOSE);
		sk->sk_route_caps = 0;
		sk->sk_dport = BE16(0);
	}
	return err;
}

const struct tcp_af_ops tcp_ipv4_ops = {
	.queue_xmit = ip_queue_xmit,
	.send_check = v4_send_check,
	.route = v4_route,
	.route_req = v4_route_req,
	.send_synack = v4_send_synack,
	.init_child = v4_init_child,
	.connect = v4_connect,
	.net_header_len = sizeof(struct iphdr),
	.gso_type = SKB_GSO_TCPV4,
};

static const struct net_protocol tcp_protocol = {
	.protocol = IPPROTO_TCP,
	.family = AF_INET,
	.no_policy = true,
	.handler = tcp_v4_rcv,
	.err_handler = tcp_v4_err,
	.gro_receive = tcp4_gro_receive,
	.gro_complete = tcp4_gro_complete,
	.gso_segment = tcp4_gso_segment,
	.rx_early = tcp4_rx_early,
	.early_demux = early_demux,
	.demux_bytes = sizeof(struct tcphdr),
};
NET_PROTOCOL(tcp_protocol);
