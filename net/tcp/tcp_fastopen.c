/* SPDX-License-Identifier: MIT */
/*
 * TCP Fast Open (RFC 7413), the listener's side: cookies, and a child that takes the SYN's data and
 * may answer before the handshake is complete. Until then it keeps the half-open record, from which
 * its timer sends the SYN-ACK again. Softirq; the child is locked, the listener is not.
 */
#include <kernel/random.h>
#include <lib/kstrto.h>
#include <lib/printf.h>

#include "tcp_int.h"

/* ---- cookies -----------------------------------------------------------------------------------
 */

/* RFC 7413 leaves the making of a cookie to the server: Linux's, so that both accept the other's
 * where they share a key. */
static void make_cookie(const struct tcp_fastopen_ctx *ctx, unsigned key,
			const struct tcp_request_sock *req, u8 *cookie)
{
	u64 v = siphash_2u32(req->key.daddr.wire, req->key.rcv_saddr.wire, &ctx->key[key]);

	memcpy(cookie, &v, TCP_FASTOPEN_COOKIE_SIZE);
}

const struct tcp_fastopen_ctx *tcp_fastopen_ctx(const struct sock *sk)
{
	const struct tcp_listener *l = tcp_sk(sk)->lsn;

	return l && l->fastopen_ctx.keys ? &l->fastopen_ctx : &tcp_net(sk)->fastopen_ctx;
}

int tcp_fastopen_set_key(struct tcp_fastopen_ctx *ctx, const u8 *keys, u32 len)
{
	if (len != TCP_FASTOPEN_KEY_LENGTH && len != 2 * TCP_FASTOPEN_KEY_LENGTH)
		return -EINVAL;
	for (u32 i = 0; i < len / 8; i++)
		ctx->key[i / 2].key[i % 2] = get_le64(keys + i * 8);
	ctx->keys = (u8)(len / TCP_FASTOPEN_KEY_LENGTH);
	return 0;
}

u32 tcp_fastopen_get_key(const struct tcp_fastopen_ctx *ctx, u8 *keys)
{
	memcpy(keys, ctx->key, ctx->keys * (size_t)TCP_FASTOPEN_KEY_LENGTH);
	return ctx->keys * (u32)TCP_FASTOPEN_KEY_LENGTH;
}

/* net.ipv4.tcp_fastopen_key: four words of a key in hexadecimal, a comma and a spare one. */
static int key_read(const struct ctl_table *t, void *data, char *text, size_t size)
{
	const struct tcp_fastopen_ctx *ctx = data;
	int len = 0;

	(void)t;
	for (unsigned k = 0; k < ctx->keys; k++) {
		const u64 *v = ctx->key[k].key;

		len += scnprintf(text + len, size - (size_t)len, "%s%08x-%08x-%08x-%08x",
				 k ? "," : "", (u32)v[0], (u32)(v[0] >> 32), (u32)v[1],
				 (u32)(v[1] >> 32));
	}
	return len;
}

static int key_write(const struct ctl_table *t, void *data, const char *text, size_t len)
{
	char copy[128], *rest = copy, *word;
	u8 keys[2 * TCP_FASTOPEN_KEY_LENGTH];
	u32 n = 0, v;

	(void)t;
	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	while ((word = strsep(&rest, "-,\n"))) {
		if (!*word)
			continue;
		if (n == sizeof(keys) || kstrtou32(word, 16, &v))
			return -EINVAL;
		memcpy(keys + n, &v, sizeof(v));
		n += (u32)sizeof(v);
	}
	return tcp_fastopen_set_key(data, keys, n);
}

const struct ctl_ops tcp_fastopen_key_ops = {.read = key_read, .write = key_write};

void tcp_fastopen_init(struct netns_tcp *nt)
{
	u8 key[TCP_FASTOPEN_KEY_LENGTH];

	get_random_bytes(key, sizeof(key));
	tcp_fastopen_set_key(&nt->fastopen_ctx, key, sizeof(key));
}

/* 0: no cookie of ours; 1: it is; 2: made with the spare key, to be replaced. */
static int check_cookie(const struct sock *sk, const struct tcp_request_sock *req,
			const struct tcp_options *o)
{
	const struct tcp_fastopen_ctx *ctx = tcp_fastopen_ctx(sk);
	u8 cookie[TCP_FASTOPEN_COOKIE_SIZE];

	for (unsigned k = 0; k < ctx->keys; k++) {
		make_cookie(ctx, k, req, cookie);
		if (o->cookie_len == sizeof(cookie) && !memcmp(o->cookie, cookie, sizeof(cookie)))
			return (int)k + 1;
	}
	return 0;
}

/* ---- a SYN -------------------------------------------------------------------------------------
 */

void tcp_fastopen_add_skb(struct sock *sk, struct sk_buff *skb)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *copy;

	if (seq_eq(TCP_SKB_CB(skb)->end_seq, tp->rcv_nxt))
		return;
	copy = skb_clone(skb, GFP_ATOMIC);
	if (!copy)
		return;
	skb_dst_drop(copy);
	skb_pull(copy, tcp_hdrlen(skb));
	if (!sk_rmem_schedule(sk, (int)copy->truesize)) {
		kfree_skb_reason(copy, SKB_DROP_REASON_PROTO_MEM);
		return;
	}
	skb_set_owner_r(copy, sk);
	TCP_SKB_CB(copy)->seq = seq_add(TCP_SKB_CB(copy)->seq, 1);
	TCP_SKB_CB(copy)->flags &= (u8)~TCPHDR_SYN;
	tp->rcv_nxt = TCP_SKB_CB(copy)->end_seq;
	__skb_queue_tail(&sk->sk_receive_queue, copy);
	tp->syn_data_acked = true;
	tp->bytes_received = copy->len;
	if (TCP_SKB_CB(copy)->flags & TCPHDR_FIN)
		tcp_rx_fin(sk);
}

static bool queue_has_room(const struct sock *sk)
{
	struct tcp_listener *l = tcp_sk(sk)->lsn;
	u32 most = READ_ONCE(l->fastopen_max_qlen);

	if (!most)
		return false;
	if ((u32)atomic_read(&l->fastopen_qlen) < most)
		return true;
	TCP_STAT(sk, LINUX_MIB_TCPFASTOPENLISTENOVERFLOW);
	return false;
}

/* A child in SYN-RECEIVED with the SYN's data, locked; NULL: refused or no memory. */
static struct sock *create_child(struct sock *sk, struct sk_buff *skb, struct tcp_request_sock *req)
{
	enum skb_drop_reason why;
	struct sock *child;
	struct tcp_sock *tp;

	child = tcp_make_child(sk, req, false, &why);
	if (!child)
		return NULL;
	atomic_inc(&tcp_sk(sk)->lsn->fastopen_qlen);
	refcount_inc(&req->key.refcnt);
	tp = tcp_sk(child);
	tp->fastopen_rsk = req;
	tp->snd_una = seq_add(req->snt_isn, 1);
	tp->snd_wnd = tp->max_window = be16_get(tcp_hdr(skb)->window); /* of a SYN: not scaled */
	tp->segs_in = 1;
	tcp_init_transfer(child);
	tcp_fastopen_add_skb(child, skb);
	req->fastopen = 1;
	req->fastopen_rcv_nxt = tp->rcv_wup = tp->rcv_nxt;
	tcp_arm(child, TCP_PEND_RETRANS, TCP_TIMEOUT_INIT_US);
	return child;
}

static bool no_cookie_needed(const struct sock *sk)
{
	return tcp_net(sk)->tcp_fastopen & TFO_SERVER_COOKIE_NOT_REQD ||
	       tcp_sk(sk)->fastopen_no_cookie;
}

struct sock *tcp_try_fastopen(struct sock *sk, struct sk_buff *skb, struct tcp_request_sock *req,
			      struct tcp_options *o)
{
	bool data = !seq_eq(TCP_SKB_CB(skb)->end_seq, seq_add(TCP_SKB_CB(skb)->seq, 1));
	bool asked = o->has & TCP_OPT_FASTOPEN;
	struct sock *child = NULL;
	int valid = 1;

	if (asked && !o->cookie_len)
		TCP_STAT(sk, LINUX_MIB_TCPFASTOPENCOOKIEREQD);
	o->has &= ~TCP_OPT_FASTOPEN;
	if (!(tcp_net(sk)->tcp_fastopen & TFO_SERVER_ENABLE) || (!data && !asked) ||
	    !queue_has_room(sk))
		return NULL;
	if (!no_cookie_needed(sk)) {
		valid = asked && o->cookie_len ? check_cookie(sk, req, o) : 0;
		if (asked && (!o->cookie_len || valid != 1)) { /* give, or replace, one */
			make_cookie(tcp_fastopen_ctx(sk), 0, req, o->cookie);
			o->has |= TCP_OPT_FASTOPEN;
		}
	}
	if (valid)
		child = create_child(sk, skb, req);
	if (child)
		TCP_STAT(sk, valid == 2 ? LINUX_MIB_TCPFASTOPENPASSIVEALTKEY
					: LINUX_MIB_TCPFASTOPENPASSIVE);
	else if (valid || (asked && o->cookie_len))
		TCP_STAT(sk, LINUX_MIB_TCPFASTOPENPASSIVEFAIL);
	o->cookie_len = TCP_FASTOPEN_COOKIE_SIZE;
	return child;
}

/* ---- the rest of the handshake ----------------------------------------------------------------
 */

void tcp_fastopen_remove(struct sock *sk)
{
	struct tcp_request_sock *req = tcp_sk(sk)->fastopen_rsk;

	if (likely(!req))
		return;
	tcp_sk(sk)->fastopen_rsk = NULL;
	atomic_dec(&tcp_sk(req->listener)->lsn->fastopen_qlen);
	tcp_req_put(req);
}

void tcp_fastopen_complete(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_request_sock *req = tp->fastopen_rsk;

	u32 rtt_us = tcp_req_rtt_us(req, tp->tcp_mstamp_us);

	if (!tp->srtt_us && rtt_us)
		tcp_rtt_sample(sk, rtt_us);
	tp->retransmits = 0;
	tcp_fastopen_remove(sk);
	tcp_rearm_rto(sk); /* data may have been sent meanwhile */
}

bool tcp_fastopen_synack_timer(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct tcp_request_sock *req = tp->fastopen_rsk;
	u32 tries = (tp->syn_retries ? tp->syn_retries : (u32)tcp_net(sk)->tcp_synack_retries) + 1;

	if (req->num_timeout >= min(tries, TCP_MAX_TIMEOUTS))
		return false;
	if (tp->retransmits == 1)
		tcp_enter_loss(sk);
	req->num_timeout++;
	tp->retransmits++;
	if (!tp->retrans_stamp_ms)
		tp->retrans_stamp_ms = tcp_time_stamp(tp);
	tcp_resend_synack(req);
	tcp_arm(sk, TCP_PEND_RETRANS,
		min_t(u64, (u64)TCP_TIMEOUT_INIT_US << min(req->num_timeout + 0u, 16u),
		      tcp_rto_max_us(sk)));
	return true;
}
