/* SPDX-License-Identifier: MIT */
/*
 * SYNs in a flood: while listeners answer by cookies, a plain SYN for one of them is answered in
 * the buffer it came in, before GRO, IP and the rest of TCP see it, and leaves with the others of
 * its poll. It is a short cut, not a policy: what is in doubt (options of IP, text, Fast Open, a
 * flow that is known, a full accept queue, a route or neighbour not at hand) is left to
 * tcp_conn_request(), which does and counts the same. Off when no cookie was sent for a while.
 * Context: NAPI poll, rcu read side, no lock.
 */
#include "tcp_int.h"

#define EARLY_FOR_S 2 /* after the last cookie */

/* Are cookies about? */
static bool still_on(struct net *net, u32 now_s)
{
	if (likely((s32)(now_s - READ_ONCE(net->tcp->cookie_sent_s)) <= EARLY_FOR_S))
		return true;
	WRITE_ONCE(net->rx_early, false);
	return false;
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

	if (skb->ip_summed == CHECKSUM_UNNECESSARY)
		return true;
	return be16_is_zero(csum_fold(
		csum_partial(skb->data, skb->len,
			     csum_tcpudp_nofold(ip->saddr, ip->daddr, skb->len, IPPROTO_TCP, 0))));
}

/* The listener that answers f by a cookie; NULL: there is none, or it would do something else. */
static struct sock *cookie_listener(struct net *net, const struct sk_buff *skb,
				    const struct tcp_flow *f)
{
	struct sock_key *key = tcp_lookup_established(net->tcp, f);
	struct sock *sk;

	if (key) {
		tcp_key_put(key);
		return NULL;
	}
	sk = tcp_lookup_listener(net->tcp, f, tcp_steer_cpu(skb));
	if (!sk || !net->tcp->tcp_syncookies || net->tcp->tcp_max_conn_per_source ||
	    tcp_acceptq_is_full(sk) || inet_sk(sk)->inet_opt ||
	    (net->tcp->tcp_syncookies != 2 && !tcp_syn_queue_full(sk)))
		return NULL;
	return sk;
}

static void answer(struct sock *sk, struct sk_buff *skb, struct tcp_flow *f, struct rtable *rt,
		   u32 now_s)
{
	struct tcp_initial_window w;
	struct tcp_request_sock req;
	struct tcp_options opt;
	struct sk_buff *out;

	f->dif = sk->sk_bound_dev_if;
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
		       inet_sk(sk)->uc_ttl < 0 ? 64 : (u8)inet_sk(sk)->uc_ttl, inet_sk(sk)->tos);
}

bool tcp4_rx_early(struct sk_buff *skb)
{
	struct net *net = dev_net(skb->dev);
	struct tcp_flow f;
	struct rtable *rt;
	struct sock *sk;
	u32 len = skb->len, now_s;

	if (!is_plain_syn(skb))
		return false;
	now_s = tcp_now_s();
	if (!still_on(net, now_s))
		return false;
	if (tcp_syn_shed(net->tcp)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_TCP_SYN_SHED);
		return true;
	}
	/* Padding of the link. */
	skb->len = tcp_hdrlen(skb);
	skb->tail = skb->transport_header + skb->len;
	f = tcp_v4_flow(net->tcp, skb);
	rt = ip_early_check(skb);
	sk = rt && checksum_ok(skb) ? cookie_listener(net, skb, &f) : NULL;
	if (!sk) {
		skb->len = len;
		skb->tail = skb->transport_header + len;
		return false;
	}
	ip_early_accept(skb);
	TCP_INC_STATS(net, INSEGS);
	tcp_v4_fill_cb(skb);
	answer(sk, skb, &f, rt, now_s);
	return true;
}
