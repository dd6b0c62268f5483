/* SPDX-License-Identifier: MIT */
/*
 * SYNs in a flood: while listeners answer by cookies, a plain SYN for one of them is answered in
 * the buffer it came in, before GRO, IP and the rest of TCP see it, and leaves with the others of
 * its poll. The first of its kind (listener, next hop, options) in a poll is answered by the
 * functions that answer all SYNs; the others get a copy of that answer with numbers of their own.
 *
 * It is a short cut, not a policy: what is in doubt (options of IP, text, a flow that is known, a
 * full accept queue, a route or neighbour not at hand) is left to tcp_conn_request(), which does
 * and counts the same. Off when no cookie was sent for a while. Context: NAPI poll, which is one
 * rcu section; no lock.
 */
#include "tcp_int.h"

#define EARLY_FOR_S 2  /* after the last cookie */
#define LISTENERS   4  /* whose answers are kept, by port and CPU */
#define KINDS       5  /* of answers of one listener, by options: kind_of() */
#define TS_AT       28 /* where timestamps begin in a SYN-ACK: behind the MSS and their own kind */

#define OPTIONS (TCP_OPT_WSCALE | TCP_OPT_SACK_PERM | TCP_OPT_TS)

/* An answer that was sent in this poll. */
struct answer {
	struct ip_early_answer ip;
	u32 poll;
	const struct sock *sk;
	const struct rtable *rt;
	be32 laddr, next; /* next: the peer where it is on the link, so its own next hop */
	csum32 sum; /* of the segment and its pseudo header: zero where the peer's numbers go */
};

/* A CPU's. */
struct tcp_early {
	u32 poll, now_s, now_ms;
	u32 options; /* TCP_OPT_* that are on in this net */
	struct ip_early_poll ip;
	struct {
		struct sock *sk; /* of the poll's last SYN, where no hash chose it; or NULL */
		be32 laddr;
		u16 lport;
	} only;
	struct answer answer[LISTENERS][KINDS];
};

/* What a SYN says. */
struct syn {
	struct tcp_flow flow;
	seq32 isn;
	struct tcp_options opt; /* has: no more than can be agreed to and a cookie can hold */
	u16 mss;
	bool ecn;
};

/* The state of this poll, made anew by its first SYN. NULL: cookies are over, or there is none. */
static struct tcp_early *this_poll(struct net *net)
{
	struct tcp_early *e = alloc_percpu_ptr(net->tcp->early, smp_processor_id());
	const struct netns_tcp *nt = net->tcp;
	u32 poll = this_cpu(softnet_data).polls;

	if (likely(e->poll == poll))
		return e;
	e->now_s = tcp_now_s();
	e->now_ms = tcp_now_ms();
	if ((s32)(e->now_s - READ_ONCE(nt->cookie_sent_s)) > EARLY_FOR_S)
		WRITE_ONCE(net->rx_early, false);
	if (!READ_ONCE(net->rx_early) || !(poll & 1))
		return NULL;
	e->poll = poll;
	e->options = (nt->tcp_timestamps ? TCP_OPT_TS : 0) |
		     (nt->tcp_sack ? TCP_OPT_SACK_PERM : 0) |
		     (nt->tcp_window_scaling ? TCP_OPT_WSCALE : 0);
	e->ip = (struct ip_early_poll){.laddr = BE32(0)};
	e->only.sk = NULL;
	return e;
}

/* A SYN and nothing else, of which the header is all there is. */
static bool is_plain_syn(const struct sk_buff *skb)
{
	const struct tcphdr *th = tcp_hdr(skb);
	u32 hlen;

	if (skb->len < sizeof(*th) || (th->flags & (TCPHDR_SYN | TCPHDR_ACK | TCPHDR_RST |
						    TCPHDR_FIN | TCPHDR_URG)) != TCPHDR_SYN)
		return false;
	hlen = tcp_hdrlen_bytes(th);
	return hlen >= sizeof(*th) &&
	       hlen + sizeof(struct iphdr) == be16_get(ip_hdr(skb)->tot_len) && hlen <= skb->len;
}

static bool checksum_ok(const struct sk_buff *skb)
{
	const struct iphdr *ip = ip_hdr(skb);
	u32 len = tcp_hdrlen(skb);

	if (skb->ip_summed == CHECKSUM_UNNECESSARY)
		return true;
	return be16_is_zero(csum_fold(csum_partial(
		tcp_hdr(skb), len, csum_tcpudp_nofold(ip->saddr, ip->daddr, len, IPPROTO_TCP, 0))));
}

static struct sock *find_listener(struct tcp_early *e, struct netns_tcp *nt,
				  const struct sk_buff *skb, const struct tcp_flow *f)
{
	struct sock *sk = e->only.sk;
	bool by_hash;

	if (likely(sk && be32_eq(e->only.laddr, f->laddr) && e->only.lport == f->lport))
		return READ_ONCE(sk->sk_state) == TCP_LISTEN ? sk : NULL;
	sk = tcp_lookup_listener(nt, f, tcp_steer_cpu(skb), &by_hash);
	e->only.sk = by_hash ? NULL : sk;
	e->only.laddr = f->laddr;
	e->only.lport = f->lport;
	return sk;
}

/* The listener that answers f by a cookie; NULL: there is none, or it would do something else. */
static struct sock *cookie_listener(struct tcp_early *e, struct netns_tcp *nt,
				    const struct sk_buff *skb, const struct tcp_flow *f)
{
	struct sock_key *key = tcp_lookup_established(nt, f);
	struct sock *sk;

	if (key) {
		tcp_key_put(key);
		return NULL;
	}
	sk = find_listener(e, nt, skb, f);
	if (!sk || !nt->tcp_syncookies || nt->tcp_max_conn_per_source || tcp_acceptq_is_full(sk) ||
	    inet_sk(sk)->inet_opt || (nt->tcp_syncookies != 2 && !tcp_syn_queue_full(sk)))
		return NULL;
	return sk;
}

/* As tcp_req_parse_syn() and tcp_cookie_init() have it. */
static void read_syn(struct syn *s, const struct tcp_early *e, const struct sock *sk,
		     const struct sk_buff *skb)
{
	const struct tcphdr *th = tcp_hdr(skb);
	u16 most = tcp_sk(sk)->rx_opt.user_mss;

	tcp_parse_skb(skb, &s->opt);
	s->mss = s->opt.has & TCP_OPT_MSS ? s->opt.mss : TCP_MSS_DEFAULT;
	if (most)
		s->mss = min(s->mss, most);
	s->opt.has &= e->options;
	if (!(s->opt.has & TCP_OPT_TS))
		s->opt.has = 0;
	s->isn = seq_from_wire(th->seq);
	s->ecn = false;
	if (unlikely(th->flags & TCPHDR_ECE && s->opt.has)) {
		TCP_SKB_CB(skb)->ip_dsfield = ip_hdr(skb)->tos;
		s->ecn = tcp_ecn_accept_syn(sk, skb);
	}
}

/* ---- the first of its kind ---------------------------------------------------------------------
 */

/* It goes to a: what the peer brought in is taken out. */
static void keep_answer(struct answer *a, be32 laddr)
{
	struct tcphdr *th = (void *)(a->ip.frame + a->ip.link + sizeof(struct iphdr));
	u32 len = a->ip.len - a->ip.link - (u32)sizeof(struct iphdr);

	th->dest = BE16(0);
	th->seq = th->ack_seq = BE32(0);
	th->check = BE16(0);
	th->flags = TCPHDR_SYN | TCPHDR_ACK;
	if (len > TS_AT)
		memset((u8 *)th + TS_AT, 0, 8);
	a->laddr = laddr;
	a->sum = csum_partial(th, len, csum_tcpudp_nofold(laddr, BE32(0), len, IPPROTO_TCP, 0));
}

static noinline void answer_first(struct sock *sk, struct sk_buff *skb, const struct tcp_flow *f,
				  struct rtable *rt, u32 now_s, struct answer *a)
{
	struct tcp_initial_window w;
	struct tcp_request_sock req;
	struct tcp_options opt;
	struct sk_buff *out;

	a->sk = NULL;
	ip_early_accept(skb);
	TCP_INC_STATS(sock_net(sk), INSEGS);
	/* Padding of the link. */
	skb->len = tcp_hdrlen(skb);
	skb->tail = skb->transport_header + skb->len;
	tcp_v4_fill_cb(skb);
	tcp_syn_flood_action(sk, now_s);
	tcp_req_setup(&req, sk, f);
	tcp_req_parse_syn(&req, sk, skb, &opt);
	tcp_cookie_init(sk, &req, f, now_s);
	tcp_req_window(&req, sk, &rt->dst, &w);
	tcp_req_set_window(&req, &w);
	out = tcp_make_synack(sk, &req, &rt->dst, NULL, &skb);
	if (skb) /* not written over */
		consume_skb(skb);
	if (!out)
		return;
	tcp_v4_check(out, f->laddr, f->faddr);
	TCP_INC_STATS(sock_net(sk), OUTSEGS);
	ip_early_reply(out, sk, rt, f->laddr, f->faddr,
		       inet_sk(sk)->uc_ttl < 0 ? 64 : (u8)inet_sk(sk)->uc_ttl, inet_sk(sk)->tos,
		       &a->ip);
	if (!a->ip.len)
		return;
	a->sk = sk;
	a->rt = rt;
	a->next = rt->uses_gateway ? BE32(0) : f->faddr;
	keep_answer(a, f->laddr);
}

/* ---- the others --------------------------------------------------------------------------------
 */

/* Where the answer to such a SYN is kept. */
static struct answer *kind_of(struct tcp_early *e, const struct sock *sk, const struct syn *s)
{
	unsigned who = (sk->sk_num + tcp_sk(sk)->accept_queue.cpu) % LISTENERS;
	unsigned kind =
		(s->opt.has & TCP_OPT_WSCALE ? 1 : 0) + (s->opt.has & TCP_OPT_SACK_PERM ? 2 : 0);

	return &e->answer[who][s->opt.has ? 1 + kind : 0];
}

static bool fits(const struct answer *a, u32 poll, const struct sock *sk, const struct rtable *rt,
		 const struct tcp_flow *f)
{
	return a->poll == poll && a->sk == sk && a->rt == rt && be32_eq(a->laddr, f->laddr) &&
	       (be32_is_zero(a->next) || be32_eq(a->next, f->faddr));
}

/* False: there is no room in skb. */
static bool answer_like(const struct answer *a, const struct tcp_early *e, struct sock *sk,
			struct sk_buff *skb, const struct syn *s)
{
	struct tcphdr *th = ip_early_repeat(skb, &a->ip, s->flow.faddr);
	struct net_mib *mib = NET_MIB(sock_net(sk));
	u64 sum = (u64)a->sum + s->flow.faddr.wire;
	struct netns_tcp *nt = tcp_net(sk);

	if (!th)
		return false;
	th->dest = s->flow.fport;
	th->seq = seq_to_wire(tcp_cookie_isn(nt, &s->flow, s->isn, s->mss, e->now_s));
	th->ack_seq = seq_to_wire(seq_add(s->isn, 1));
	sum += (u64)th->dest.wire + th->seq.wire + th->ack_seq.wire;
	if (s->opt.has) {
		u32 tsval = tcp_cookie_timestamp(e->now_ms, s->opt.has, s->opt.wscale, s->ecn) +
			    tcp_secure_ts_off(nt, s->flow.laddr, s->flow.faddr);
		u8 *ts = (u8 *)th + TS_AT; /* at any address */

		put_be32(ts, tsval);
		put_be32(ts + 4, s->opt.tsval);
		sum += (u64)be32_make(tsval).wire + be32_make(s->opt.tsval).wire;
	}
	if (s->ecn) {
		th->flags |= TCPHDR_ECE;
		sum += BE16(TCPHDR_ECE).wire; /* the second byte of its word */
	}
	sum = (sum & 0xffffffff) + (sum >> 32);
	th->check = csum_fold((u32)(sum + (sum >> 32)));
	mib->linux_[LINUX_MIB_TCPREQQFULLDOCOOKIES]++;
	mib->linux_[LINUX_MIB_SYNCOOKIESSENT]++;
	mib->tcp[TCP_MIB_INSEGS]++;
	mib->tcp[TCP_MIB_OUTSEGS]++;
	return true;
}

bool tcp4_rx_early(struct sk_buff *skb)
{
	struct net *net = dev_net(skb->dev);
	struct tcp_early *e;
	struct rtable *rt;
	struct answer *a;
	struct sock *sk;
	struct syn s;

	if (!is_plain_syn(skb))
		return false;
	e = this_poll(net);
	if (!e)
		return false;
	if (tcp_syn_shed(net->tcp)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_TCP_SYN_SHED);
		return true;
	}
	rt = ip_early_check(skb, &e->ip);
	if (!rt || !checksum_ok(skb))
		return false;
	s.flow = tcp_v4_flow(skb);
	s.flow.hash = tcp_flow_hash(net->tcp, &s.flow);
	sk = cookie_listener(e, net->tcp, skb, &s.flow);
	if (!sk)
		return false;
	read_syn(&s, e, sk, skb);
	s.flow.dif = sk->sk_bound_dev_if;
	a = kind_of(e, sk, &s);
	if (!fits(a, e->poll, sk, rt, &s.flow) || !answer_like(a, e, sk, skb, &s)) {
		a->poll = e->poll;
		answer_first(sk, skb, &s.flow, rt, e->now_s, a);
	}
	return true;
}

int tcp_early_init(struct netns_tcp *nt)
{
	nt->early = alloc_percpu(sizeof(struct tcp_early), __alignof__(struct tcp_early));
	return nt->early ? 0 : -ENOMEM;
}
