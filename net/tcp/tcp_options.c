/* SPDX-License-Identifier: MIT */
/*
 * TCP options between the wire and a value struct (RFC 9293 3.1, 7323, 2018, 7413). One cursor owns
 * pointer and length: nothing is read that was not checked to be there. Emitting follows Linux's
 * order and padding (mss, sackOK, TS, nop, wscale, SACK, cookie), which middleboxes and test suites
 * know.
 * Any context.
 */
#include "tcp_int.h"

/* What is left to be read. */
struct cursor {
	const u8 *p;
	u32 left;
};

/* The next option's kind, its body (behind kind and length) and the body's length. False: the end,
 * or (*bad) a length that cannot be. */
static bool next_option(struct cursor *c, u8 *kind, const u8 **body, u32 *len, bool *bad)
{
	while (c->left && *c->p == TCPOPT_NOP) {
		c->p++;
		c->left--;
	}
	if (!c->left || *c->p == TCPOPT_EOL)
		return false;
	*bad = c->left < 2 || c->p[1] < 2 || c->p[1] > c->left;
	if (*bad)
		return false;
	*kind = c->p[0];
	*body = c->p + 2;
	*len = c->p[1] - 2u;
	c->left -= c->p[1];
	c->p += c->p[1];
	return true;
}

/* A cookie of a length that RFC 7413 does not allow is no option at all. */
static void parse_cookie(struct tcp_options *o, const u8 *body, u32 len, bool exp)
{
	if (len && (len < TCP_FASTOPEN_COOKIE_MIN || len > TCP_FASTOPEN_COOKIE_MAX || len & 1))
		return;
	o->has |= TCP_OPT_FASTOPEN;
	o->cookie_exp = exp;
	o->cookie_len = (u8)len;
	memcpy(o->cookie, body, len);
}

/* What most SYNs carry, as Linux writes it: mss, sackOK, TS, nop, wscale. False: it is not that. */
static bool parse_usual_syn(const u8 *p, struct tcp_options *o)
{
	if (get_be32(p + 4) != 0x0402080a || get_be32(p + 16) >> 8 != 0x010303 ||
	    get_be16(p) != 0x0204 || !get_be16(p + 2))
		return false;
	o->has = TCP_OPT_MSS | TCP_OPT_SACK_PERM | TCP_OPT_TS | TCP_OPT_WSCALE;
	o->mss = get_be16(p + 2);
	o->tsval = get_be32(p + 8);
	o->tsecr = get_be32(p + 12);
	o->wscale = (u8)min(p[19] + 0u, TCP_MAX_WSCALE);
	o->sack_at = 0;
	return true;
}

bool tcp_options_parse(const u8 *p, u32 len, struct tcp_options *o)
{
	struct cursor c = {p, len};
	const u8 *body;
	u32 n;
	u8 kind;
	bool bad = false;

	if (len == 20 && parse_usual_syn(p, o))
		return true;
	o->has = 0;
	o->sack_at = 0;
	while (next_option(&c, &kind, &body, &n, &bad)) {
		if (kind == TCPOPT_MSS && n == 2 && get_be16(body)) {
			o->has |= TCP_OPT_MSS;
			o->mss = get_be16(body);
		} else if (kind == TCPOPT_WINDOW && n == 1) {
			o->has |= TCP_OPT_WSCALE;
			o->wscale = (u8)min(body[0] + 0u, TCP_MAX_WSCALE);
		} else if (kind == TCPOPT_TIMESTAMP && n == 8) {
			o->has |= TCP_OPT_TS;
			o->tsval = get_be32(body);
			o->tsecr = get_be32(body + 4);
		} else if (kind == TCPOPT_SACK_PERM && n == 0) {
			o->has |= TCP_OPT_SACK_PERM;
		} else if (kind == TCPOPT_SACK && n && n % 8 == 0) {
			o->has |= TCP_OPT_SACK;
			o->sack_at = (u8)(sizeof(struct tcphdr) + (size_t)(body - 2 - p));
		} else if (kind == TCPOPT_FASTOPEN) {
			parse_cookie(o, body, n, false);
		} else if (kind == TCPOPT_EXP && n >= 2 &&
			   get_be16(body) == TCPOPT_FASTOPEN_MAGIC) {
			parse_cookie(o, body + 2, n - 2, true);
		}
	}
	return !bad;
}

static u8 *emit_ts(u8 *p, const struct tcp_options *o)
{
	put_be32(p, o->tsval);
	put_be32(p + 4, o->tsecr);
	return p + 8;
}

static u8 *emit_sack(u8 *p, const struct tcp_options *o)
{
	put_be32(p, 0x01010500u | (2u + o->nr_sacks * 8u));
	p += 4;
	for (u8 i = 0; i < o->nr_sacks; i++, p += 8) {
		put_be32(p, o->sack[i].start_seq.v);
		put_be32(p + 4, o->sack[i].end_seq.v);
	}
	return p;
}

static __cold u8 *emit_cookie(u8 *p, const struct tcp_options *o)
{
	if (o->cookie_exp) {
		put_be32(p, (u32)TCPOPT_EXP << 24 | (4u + o->cookie_len) << 16 |
				    TCPOPT_FASTOPEN_MAGIC);
		p += 4;
	} else {
		*p++ = TCPOPT_FASTOPEN;
		*p++ = (u8)(2 + o->cookie_len);
	}
	memcpy(p, o->cookie, o->cookie_len);
	p += o->cookie_len;
	/* A cookie's length is even. */
	if ((o->cookie_len + (o->cookie_exp ? 0u : 2u)) % 4) {
		*p++ = TCPOPT_NOP;
		*p++ = TCPOPT_NOP;
	}
	return p;
}

u32 tcp_options_emit(u8 *p, const struct tcp_options *o)
{
	u8 *start = p;

	if (o->has & TCP_OPT_MSS) {
		put_be32(p, (u32)TCPOPT_MSS << 24 | 4u << 16 | o->mss);
		p += 4;
	}
	if (o->has & TCP_OPT_TS) {
		/* SACK permitted fills what would be padding. */
		put_be32(p, o->has & TCP_OPT_SACK_PERM ? 0x0402080a : TCPOPT_TSTAMP_ONLY);
		p = emit_ts(p + 4, o);
	} else if (o->has & TCP_OPT_SACK_PERM) {
		put_be32(p, 0x01010402);
		p += 4;
	}
	if (o->has & TCP_OPT_WSCALE) {
		put_be32(p, 0x01030300u | o->wscale);
		p += 4;
	}
	if (o->has & TCP_OPT_SACK)
		p = emit_sack(p, o);
	if (o->has & TCP_OPT_FASTOPEN)
		p = emit_cookie(p, o);
	return (u32)(p - start);
}

u32 tcp_options_size(const struct tcp_options *o)
{
	u32 n = 0;

	n += o->has & TCP_OPT_MSS ? 4 : 0;
	if (o->has & TCP_OPT_TS)
		n += TCPOLEN_TSTAMP_ALIGNED;
	else if (o->has & TCP_OPT_SACK_PERM)
		n += 4;
	n += o->has & TCP_OPT_SACK ? 4u + o->nr_sacks * 8u : 0;
	if (o->has & TCP_OPT_FASTOPEN)
		n += ALIGN(o->cookie_len + (o->cookie_exp ? 4u : 2u), 4u);
	n += o->has & TCP_OPT_WSCALE ? 4 : 0;
	return n;
}

static void take_timestamps(struct tcp_sock *tp, u32 tsval, u32 tsecr)
{
	tp->rx_opt.saw_tstamp = 1;
	tp->rx_opt.rcv_tsval = tsval;
	tp->rx_opt.rcv_tsecr = tsecr ? tsecr - tp->tsoffset : 0;
}

void tcp_parse_established(struct tcp_sock *tp, const struct sk_buff *skb)
{
	const struct tcphdr *th = tcp_hdr(skb);
	const u8 *p = (const u8 *)(th + 1);
	u32 len = tcp_hdrlen_bytes(th) - (u32)sizeof(*th);
	struct tcp_options o;

	tp->rx_opt.saw_tstamp = 0;
	if (!len)
		return;
	/* nop nop timestamp: what nearly every segment carries. */
	if (len == TCPOLEN_TSTAMP_ALIGNED && get_be32(p) == TCPOPT_TSTAMP_ONLY &&
	    tp->rx_opt.tstamp_ok) {
		take_timestamps(tp, get_be32(p + 4), get_be32(p + 8));
		return;
	}
	tcp_options_parse(p, len, &o);
	if (o.has & TCP_OPT_TS && tp->rx_opt.tstamp_ok)
		take_timestamps(tp, o.tsval, o.tsecr);
	if (o.has & TCP_OPT_SACK && tcp_is_sack(tp))
		TCP_SKB_CB(skb)->sacked = o.sack_at;
}
