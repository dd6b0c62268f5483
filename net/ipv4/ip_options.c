/* SPDX-License-Identifier: MIT */
/*
 * IP options (RFC 791 section 3.1, RFC 1122 section 3.2.1.8, RFC 2113): parsed and checked once on
 * input. Record route, timestamp and router alert are understood; a source route is noted, for the
 * caller to refuse. One cursor walks the options: its length can only shrink.
 */
#include <lib/err.h>
#include <lib/string.h>

#include "ipv4_int.h"

#define IPOPT_EOL  0
#define IPOPT_NOP  1
#define IPOPT_RR   7
#define IPOPT_TS   68
#define IPOPT_LSRR 131
#define IPOPT_SSRR 137
#define IPOPT_RA   148
#define IPOPT_COPY 0x80

#define IPOPT_TS_TSONLY    0
#define IPOPT_TS_TSANDADDR 1
#define IPOPT_TS_PRESPEC   3

/* Each check returns the offset within the option of what is wrong, plus one; 0: all right. */

static u32 check_route(const u8 *o, u8 len)
{
	if (len < 3)
		return 2;
	/* The pointer counts from 1 and points at an address, or just behind the last. */
	return o[2] < 4 || (o[2] <= len && o[2] + 3 > len) ? 3 : 0;
}

static u32 check_timestamp(const u8 *o, u8 len)
{
	u8 flag, step;

	if (len < 4)
		return 2;
	if (o[2] < 5)
		return 3;
	flag = o[3] & 15;
	if (flag != IPOPT_TS_TSONLY && flag != IPOPT_TS_TSANDADDR && flag != IPOPT_TS_PRESPEC)
		return 4;
	step = flag == IPOPT_TS_TSONLY ? 4 : 8;
	if (o[2] <= len)
		return o[2] + step - 1 > len ? 3 : 0;
	return o[3] >> 4 == 15 ? 4 : 0; /* overflow counter is full */
}

/* One option of len bytes at o, off bytes into the header. */
static u32 option_one(struct ip_options *opt, const u8 *o, u8 len, u8 off)
{
	switch (o[0]) {
	case IPOPT_SSRR:
	case IPOPT_LSRR:
		if (opt->srr)
			return 1; /* only one */
		opt->srr = off;
		return check_route(o, len);
	case IPOPT_RR:
		if (opt->rr)
			return 1;
		opt->rr = off;
		return check_route(o, len);
	case IPOPT_TS:
		if (opt->ts)
			return 1;
		opt->ts = off;
		return check_timestamp(o, len);
	case IPOPT_RA:
		if (len < 4)
			return 2;
		opt->router_alert = !o[2] && !o[3] ? off : 0;
		return 0;
	default:
		return 0; /* unknown ones are ignored (RFC 1122 section 3.2.1.8) */
	}
}

int ip_options_compile(struct net *net, struct ip_options *opt, struct sk_buff *skb, u32 *bad)
{
	const u8 *base = skb_network_header(skb);
	u8 hlen = (u8)ip_hdrlen(skb), off = sizeof(struct iphdr);

	memset(opt, 0, sizeof(*opt));
	opt->optlen = (u8)(hlen - off);
	memcpy(opt->data, base + off, opt->optlen);
	while (off < hlen) {
		u8 left = (u8)(hlen - off), len;
		u32 wrong;

		if (base[off] == IPOPT_EOL)
			return 0;
		if (base[off] == IPOPT_NOP) {
			off++;
			continue;
		}
		len = left > 1 ? base[off + 1] : 0;
		if (len < 2 || len > left) {
			*bad = off + (left > 1);
			return -EINVAL;
		}
		wrong = option_one(opt, base + off, len, off);
		if (wrong) {
			*bad = off + wrong - 1;
			return -EINVAL;
		}
		off = (u8)(off + len);
	}
	return 0;
}

void ip_options_fragment(u8 *opt, u32 len)
{
	u32 off = 0, n;

	while (off < len && opt[off] != IPOPT_EOL) {
		if (opt[off] == IPOPT_NOP) {
			off++;
			continue;
		}
		n = off + 1 < len ? opt[off + 1] : 0;
		if (n < 2 || n > len - off)
			return;
		if (!(opt[off] & IPOPT_COPY))
			memset(opt + off, IPOPT_NOP, n);
		off += n;
	}
}
