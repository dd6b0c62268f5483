/* SPDX-License-Identifier: MIT */
/*
 * TCP Fast Open (RFC 7413), the active side: cookies kept by peer, data in the SYN, and what the
 * SYN-ACK says of it. Socket lock held; thread, but for the SYN-ACK.
 */
#include <kernel/mm.h>

#include "tcp_int.h"

/* ---- cookies, by peer --------------------------------------------------------------------------
 */

/* Where the cookie for a peer is, or would be kept: a newer peer takes an older one's place. */
static struct tcp_fastopen_peer *peer_slot(const struct sock *sk)
{
	struct netns_tcp *nt = tcp_net(sk);
	u64 h = siphash_2u32(sk->sk_daddr.wire, inet_sk(sk)->inet_saddr.wire, &nt->hash_key);

	return &nt->fastopen_peer[h % TCP_FASTOPEN_PEERS];
}

static void peer_get(const struct sock *sk, u16 *mss, struct tcp_fastopen_request *fo)
{
	struct tcp_fastopen_peer *p = peer_slot(sk);

	fo->cookie_len = 0;
	fo->cookie_exp = false;
	spin_lock_bh(&tcp_net(sk)->fastopen_lock);
	if (be32_eq(p->daddr, sk->sk_daddr) && be32_eq(p->saddr, inet_sk(sk)->inet_saddr)) {
		if (p->mss)
			*mss = p->mss;
		fo->cookie_len = (s8)p->cookie_len;
		fo->cookie_exp = p->cookie_len ? p->cookie_exp : p->try_exp == 1;
		memcpy(fo->cookie, p->cookie, sizeof(fo->cookie));
	}
	spin_unlock_bh(&tcp_net(sk)->fastopen_lock);
}

static void peer_set(const struct sock *sk, u16 mss, const struct tcp_options *o, u8 try_exp)
{
	struct tcp_fastopen_peer *p = peer_slot(sk);

	spin_lock_bh(&tcp_net(sk)->fastopen_lock);
	if (!be32_eq(p->daddr, sk->sk_daddr) || !be32_eq(p->saddr, inet_sk(sk)->inet_saddr))
		*p = (struct tcp_fastopen_peer){.daddr = sk->sk_daddr,
						.saddr = inet_sk(sk)->inet_saddr};
	if (mss)
		p->mss = mss;
	if (o->has & TCP_OPT_FASTOPEN && o->cookie_len) {
		p->cookie_len = o->cookie_len;
		p->cookie_exp = o->cookie_exp;
		memcpy(p->cookie, o->cookie, sizeof(p->cookie));
	} else if (try_exp > p->try_exp && !p->cookie_len && !p->cookie_exp) {
		p->try_exp = try_exp;
	}
	spin_unlock_bh(&tcp_net(sk)->fastopen_lock);
}

void tcp_fastopen_flush(struct net *net)
{
	spin_lock_bh(&net->tcp->fastopen_lock);
	memset(net->tcp->fastopen_peer, 0, sizeof(net->tcp->fastopen_peer));
	spin_unlock_bh(&net->tcp->fastopen_lock);
}

/* May data go with the SYN? *fo gets the cookie, of length -1 where none is needed. */
static bool have_cookie(struct sock *sk, u16 *mss, struct tcp_fastopen_request *fo)
{
	peer_get(sk, mss, fo);
	if (tcp_net(sk)->tcp_fastopen & TFO_CLIENT_NO_COOKIE || tcp_sk(sk)->fastopen_no_cookie) {
		fo->cookie_len = -1;
		return true;
	}
	if (fo->cookie_len > 0)
		return true;
	tcp_sk(sk)->fastopen_client_fail = TFO_COOKIE_UNAVAILABLE;
	return false;
}

/* ---- connect(), sendto() -----------------------------------------------------------------------
 */

void tcp_fastopen_free_req(struct tcp_sock *tp)
{
	kfree(tp->fastopen_req);
	tp->fastopen_req = NULL;
}

bool tcp_fastopen_defer_connect(struct sock *sk, int *err)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_fastopen_request fo = {0};
	u16 mss;

	if (!tp->fastopen_connect || tp->fastopen_req)
		return false;
	if (have_cookie(sk, &mss, &fo)) {
		tp->defer_connect = true;
		return true;
	}
	/* A plain SYN, that asks for a cookie. */
	tp->fastopen_req = kmalloc(sizeof(fo), GFP_KERNEL);
	if (tp->fastopen_req)
		*tp->fastopen_req = fo;
	else
		*err = -ENOBUFS;
	return false;
}

int tcp_sendmsg_fastopen(struct sock *sk, const struct msghdr *msg, struct iov_iter *from,
			 int flags, size_t *copied)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct sockaddr *addr = msg->msg_name;
	struct tcp_fastopen_request *fo;
	int err = 0;

	if (!(tcp_net(sk)->tcp_fastopen & TFO_CLIENT_ENABLE) ||
	    (addr && msg->msg_namelen >= sizeof(addr->sa_family) && addr->sa_family == AF_UNSPEC))
		return -EOPNOTSUPP;
	if (tp->fastopen_req)
		return -EALREADY;
	fo = kzalloc(sizeof(*fo), GFP_KERNEL);
	if (!fo)
		return -ENOBUFS;
	fo->data = from;
	fo->size = iov_iter_count(from);
	tp->fastopen_req = fo;
	if (tp->defer_connect) {
		err = tcp_connect(sk);
		if (err) {
			tcp_set_state(sk, TCP_CLOSE);
			sk->sk_dport = BE16(0);
			sk->sk_route_caps = 0;
		}
	}
	if (!err)
		err = sk->sk_socket->ops->connect_locked(sk->sk_socket, addr, msg->msg_namelen,
							 flags & MSG_DONTWAIT ? O_NONBLOCK : 0,
							 true);
	/* A connection that failed while we waited has freed it. */
	if (tp->fastopen_req) {
		*copied = tp->fastopen_req->copied;
		tcp_fastopen_free_req(tp);
		tp->defer_connect = false;
	}
	return err;
}

/* ---- the SYN -----------------------------------------------------------------------------------
 */

void tcp_fastopen_syn_options(struct sock *sk, struct tcp_options *o)
{
	struct tcp_sock *tp = tcp_sk(sk);
	const struct tcp_fastopen_request *fo = tp->fastopen_req;

	if (!fo || fo->cookie_len < 0)
		return;
	o->cookie_len = (u8)fo->cookie_len;
	o->cookie_exp = fo->cookie_exp;
	memcpy(o->cookie, fo->cookie, sizeof(o->cookie));
	o->has |= TCP_OPT_FASTOPEN;
	if (tcp_options_size(o) > TCP_MAX_OPTIONS) {
		o->has &= ~TCP_OPT_FASTOPEN;
		return;
	}
	tp->syn_fastopen = true;
	tp->syn_fastopen_exp = fo->cookie_exp;
}

/* The segment that goes as the SYN with data; what the SYN alone could not carry. */
static struct sk_buff *make_syn_data(struct sock *sk, const struct sk_buff *syn, u32 space)
{
	struct tcp_fastopen_request *fo = tcp_sk(sk)->fastopen_req;
	struct sk_buff *skb = tcp_alloc_skb(space, GFP_KERNEL);

	if (!skb)
		return NULL;
	tcp_init_skb(skb, TCP_SKB_CB(syn)->seq, TCP_SKB_CB(syn)->flags);
	if (space && copy_from_iter(skb_put(skb, space), space, fo->data) != space) {
		consume_skb(skb);
		return NULL;
	}
	TCP_SKB_CB(skb)->end_seq = seq_add(TCP_SKB_CB(skb)->end_seq, space);
	fo->copied = space;
	if (space == fo->size)
		fo->data = NULL; /* nobody waits to write more */
	return skb;
}

static bool send_with_data(struct sock *sk, struct sk_buff *syn)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_fastopen_request *fo = tp->fastopen_req;
	u16 mss = tp->advmss;
	struct sk_buff *skb;
	u32 space;

	if (!have_cookie(sk, &mss, fo))
		return false;
	tp->rx_opt.mss_clamp = tp->rx_opt.user_mss ? min(mss, tp->rx_opt.user_mss) : mss;
	tcp_sync_mss(sk, tp->pmtu_cookie);
	/* Room for options that are not known yet. */
	space = tcp_mtu_to_mss(sk, tp->pmtu_cookie) +
		(tp->tcp_header_len - (u32)sizeof(struct tcphdr)) - TCP_MAX_OPTIONS;
	space = (u32)min_t(size_t, space, fo->size);
	skb = make_syn_data(sk, syn, space);
	if (!skb)
		return false;
	tp->write_seq = TCP_SKB_CB(skb)->end_seq;
	tp->snd_nxt = tp->write_seq;
	tcp_wmem_charge(sk, skb);
	tcp_transmit_skb(sk, skb, true, GFP_KERNEL);
	syn->tstamp_ns = skb->tstamp_ns;
	if (!space) {
		tcp_wmem_free_skb(sk, skb);
		return true;
	}
	/* From now on the SYN and its data are two: each may have to be sent again alone. */
	TCP_SKB_CB(skb)->seq = seq_add(TCP_SKB_CB(skb)->seq, 1);
	TCP_SKB_CB(skb)->flags = TCPHDR_ACK | TCPHDR_PSH;
	tcp_rb_insert(&sk->tcp_rtx_queue, skb);
	TCP_SKB_CB(skb)->in_rtx = 1;
	tp->packets_out++;
	tp->syn_data = true;
	tcp_chrono_start(sk, TCP_CHRONO_BUSY);
	TCP_STAT(sk, LINUX_MIB_TCPORIGDATASENT);
	return true;
}

void tcp_fastopen_send_syn(struct sock *sk, struct sk_buff *syn)
{
	struct tcp_fastopen_request *fo = tcp_sk(sk)->fastopen_req;

	if (!send_with_data(sk, syn)) {
		fo->cookie_len = 0; /* ask for one */
		tcp_transmit_skb(sk, syn, true, GFP_KERNEL);
	}
	fo->cookie_len = -1; /* a SYN that is sent again is a plain one */
}

/* ---- the SYN-ACK -------------------------------------------------------------------------------
 */

/* The server took only the SYN: its data goes again, at once. */
static void resend_syn_data(struct sock *sk, struct sk_buff *data)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->fastopen_client_fail = tp->total_retrans ? TFO_SYN_RETRANSMITTED : TFO_DATA_NOT_ACKED;
	for (; data; data = tcp_rb_next(data))
		tcp_mark_skb_lost(sk, data);
	tcp_non_congestion_loss_retransmit(sk);
	TCP_STAT(sk, LINUX_MIB_TCPFASTOPENACTIVEFAIL);
}

bool tcp_fastopen_rcv_synack(struct sock *sk, struct sk_buff *synack, struct tcp_options *o)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *data = tp->syn_data ? tcp_rtx_queue_head(sk) : NULL;
	bool cookie = o->has & TCP_OPT_FASTOPEN;
	u8 try_exp = 0;

	if (!tp->syn_fastopen)
		o->has &= ~TCP_OPT_FASTOPEN; /* nobody asked for it */
	else if (!tp->total_retrans && !cookie && !tp->syn_data)
		try_exp = tp->syn_fastopen_exp ? 2 : 1;
	peer_set(sk, o->has & TCP_OPT_MSS ? o->mss : 0, o, try_exp);
	if (data) {
		resend_syn_data(sk, data);
		return true;
	}
	tp->syn_data_acked = tp->syn_data;
	if (tp->syn_data_acked) {
		TCP_STAT(sk, LINUX_MIB_TCPFASTOPENACTIVE);
		if (tp->delivered > 1) /* the SYN and its data went as one */
			tp->delivered--;
	}
	tcp_fastopen_add_skb(sk, synack);
	return false;
}
