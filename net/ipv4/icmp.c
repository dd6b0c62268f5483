/* SPDX-License-Identifier: MIT */
/*
 * ICMP (RFC 792, RFC 1122 section 3.2.2, RFC 1812 section 4.3): echo and timestamp are answered,
 * errors sent (rate limited in all and by destination) and received errors handed to the transport
 * whose packet they quote. Never an error about an error, a fragment but the first, a broadcast or
 * a group (RFC 1122 section 3.2.2). Context: softirq, or any for icmp_send().
 */
#include <kernel/log.h>
#include <kernel/random.h>
#include <lib/checksum.h>
#include <lib/err.h>
#include <lib/string.h>
#include <net/gro.h>

#include "ipv4_int.h"

#define ICMP_QUOTE_MAX     576 /* bytes of an error datagram in all (RFC 1812 section 4.3.2.3) */
#define ICMP_MAX_TYPE      18
#define XRLIM_BURST_FACTOR 6

struct icmp_wire {
	u8 type, code;
	be16 check;
	be32 rest; /* id and sequence, MTU, pointer ... */
} __packed;
static_assert(sizeof(struct icmp_wire) == 8, "RFC 792");

const struct icmp_err icmp_err_convert[16] = {
	{ENETUNREACH, false},  /* network unreachable */
	{EHOSTUNREACH, false}, /* host unreachable */
	{ENOPROTOOPT, true},   /* protocol unreachable */
	{ECONNREFUSED, true},  /* port unreachable */
	{EMSGSIZE, false},     /* fragmentation needed */
	{EOPNOTSUPP, false},   /* source route failed */
	{ENETUNREACH, true},   /* network unknown */
	{EHOSTDOWN, true},     /* host unknown */
	{ENONET, true},        /* source host isolated */
	{ENETUNREACH, true},   /* network prohibited */
	{EHOSTUNREACH, true},  /* host prohibited */
	{ENETUNREACH, false},  /* network unreachable for this service */
	{EHOSTUNREACH, false}, /* host unreachable for this service */
	{EHOSTUNREACH, true},  /* filtered */
	{EHOSTUNREACH, true},  /* precedence violation */
	{EHOSTUNREACH, true},  /* precedence cut-off */
};

/* -- counters -------------------------------------------------------------------------------------
 */

/* Counter of a type in and out, 0: has none of its own. */
static const struct {
	u8 in, out;
} icmp_counter[ICMP_MAX_TYPE + 1] = {
	[ICMP_ECHOREPLY] = {ICMP_MIB_INECHOREPS, ICMP_MIB_OUTECHOREPS},
	[ICMP_DEST_UNREACH] = {ICMP_MIB_INDESTUNREACHS, ICMP_MIB_OUTDESTUNREACHS},
	[ICMP_SOURCE_QUENCH] = {ICMP_MIB_INSRCQUENCHS, ICMP_MIB_OUTSRCQUENCHS},
	[ICMP_REDIRECT] = {ICMP_MIB_INREDIRECTS, ICMP_MIB_OUTREDIRECTS},
	[ICMP_ECHO] = {ICMP_MIB_INECHOS, ICMP_MIB_OUTECHOS},
	[ICMP_TIME_EXCEEDED] = {ICMP_MIB_INTIMEEXCDS, ICMP_MIB_OUTTIMEEXCDS},
	[ICMP_PARAMETERPROB] = {ICMP_MIB_INPARMPROBS, ICMP_MIB_OUTPARMPROBS},
	[ICMP_TIMESTAMP] = {ICMP_MIB_INTIMESTAMPS, ICMP_MIB_OUTTIMESTAMPS},
	[ICMP_TIMESTAMPREPLY] = {ICMP_MIB_INTIMESTAMPREPS, ICMP_MIB_OUTTIMESTAMPREPS},
	[17] = {ICMP_MIB_INADDRMASKS, ICMP_MIB_OUTADDRMASKS},
	[18] = {ICMP_MIB_INADDRMASKREPS, ICMP_MIB_OUTADDRMASKREPS},
};

static void count_in(struct net *net, u8 type)
{
	NET_MIB(net)->icmpmsg_in[type]++;
	if (type <= ICMP_MAX_TYPE && icmp_counter[type].in)
		NET_MIB(net)->icmp[icmp_counter[type].in]++;
}

static void count_out(struct net *net, u8 type)
{
	ICMP_INC_STATS(net, OUTMSGS);
	NET_MIB(net)->icmpmsg_out[type]++;
	if (type <= ICMP_MAX_TYPE && icmp_counter[type].out)
		NET_MIB(net)->icmp[icmp_counter[type].out]++;
}

/* -- rate limits
 * ------------------------------------------------------------------------------------- */

static bool type_is_limited(const struct netns_ipv4 *ip4, u8 type, u8 code)
{
	if (type > ICMP_MAX_TYPE || (type == ICMP_DEST_UNREACH && code == ICMP_FRAG_NEEDED))
		return false; /* path MTU discovery depends on it */
	return ip4->icmp_ratemask >> type & 1;
}

/* The bucket of all limited messages: icmp_msgs_per_sec, a burst of icmp_msgs_burst, with a grain
 * of randomness against those who measure by it (CVE-2020-25705). icmp_lock held. */
static bool global_allow(struct netns_ipv4 *ip4, u64 now)
{
	u64 delta = min(now - ip4->icmp_stamp_ns, NSEC_PER_SEC);
	u32 add = (u32)((u64)ip4->icmp_msgs_per_sec * delta / NSEC_PER_SEC);

	if (add) {
		ip4->icmp_credit = min(ip4->icmp_credit + add, (u32)ip4->icmp_msgs_burst);
		ip4->icmp_stamp_ns = now;
	}
	if (!ip4->icmp_credit)
		return false;
	ip4->icmp_credit -= min(ip4->icmp_credit, get_random_u32_below(3));
	return true;
}

struct inet_peer *inet_getpeer(struct netns_ipv4 *ip4, be32 addr)
{
	struct inet_peer *p = &ip4->peer[siphash_1u32(addr.wire, &ip4->key) % INET_PEERS];

	if (p->addr.wire != addr.wire) { /* a newcomer takes the slot with what is left in it */
		p->addr = addr;
	}
	return p;
}

/* One message in icmp_ratelimit ms to a destination, some in reserve. icmp_lock held. */
static bool peer_allow(struct netns_ipv4 *ip4, be32 daddr, u64 now)
{
	struct inet_peer *p = inet_getpeer(ip4, daddr);
	u32 timeout = (u32)ip4->icmp_ratelimit;
	u64 token = p->rate_tokens + (now - p->rate_last_ns) / NSEC_PER_MSEC;

	p->rate_last_ns = now;
	token = min(token, (u64)timeout * XRLIM_BURST_FACTOR);
	p->rate_tokens = (u32)token;
	if (token < timeout)
		return false;
	p->rate_tokens -= timeout;
	return true;
}

static bool icmp_allow(struct net *net, be32 daddr, const struct net_device *dev, u8 type, u8 code)
{
	struct netns_ipv4 *ip4 = net->ipv4;
	u64 now;
	bool ok;

	if (!type_is_limited(ip4, type, code) || (dev && (dev->flags & IFF_LOOPBACK)))
		return true;
	now = ktime_get_ns();
	spin_lock_bh(&ip4->icmp_lock);
	ok = !ip4->icmp_ratelimit || peer_allow(ip4, daddr, now);
	if (!ok) {
		ICMP_INC_STATS(net, RATELIMITHOST);
	} else if (!global_allow(ip4, now)) {
		ICMP_INC_STATS(net, RATELIMITGLOBAL);
		ok = false;
	}
	spin_unlock_bh(&ip4->icmp_lock);
	return ok;
}

/* -- sending
 * --------------------------------------------------------------------------------------------- */

/* Fill in the checksum of the message at skb->data and send it. Takes skb and rt's reference. */
static void icmp_push(struct net *net, struct sk_buff *skb, struct rtable *rt, be32 saddr,
		      be32 daddr, u8 tos)
{
	struct icmp_wire *icmp = (void *)skb->data;

	skb_reset_transport_header(skb);
	icmp->check = BE16(0);
	icmp->check = csum_fold(skb_checksum(skb, 0, skb->len, 0));
	skb->ip_summed = CHECKSUM_NONE;
	skb_dst_set(skb, &rt->dst);
	count_out(net, icmp->type);
	ip_build_and_send_pkt(skb, NULL, saddr, daddr, NULL, IPPROTO_ICMP, 0, tos);
}

/* The route back to the sender of in, from the address that it wrote to. */
static struct rtable *route_back(struct net *net, const struct sk_buff *in, be32 *saddr)
{
	const struct iphdr *ip = ip_hdr(in);
	struct flowi4 fl = {.daddr = ip->saddr, .tos = ip->tos, .proto = IPPROTO_ICMP};
	struct rtable *rt;

	/* To a broadcast or group we answer with an address of our own (RFC 1122 3.2.2.6). */
	if (inet_addr_is_local(net, ip->daddr))
		fl.saddr = ip->daddr;
	rt = ip_route_output_flow(net, &fl, NULL);
	*saddr = fl.saddr;
	return rt;
}

/* The request itself goes back as its answer: its first 8 bytes become head, what is behind len is
 * cut off. NOT_DROPPED_YET: skb is on its way. */
static enum skb_drop_reason icmp_reply(struct net *net, struct sk_buff *skb, struct icmp_wire head,
				       u32 len)
{
	be32 saddr, daddr = ip_hdr(skb)->saddr;
	u8 tos = ip_hdr(skb)->tos;
	struct rtable *rt;

	if (!icmp_allow(net, daddr, skb->dev, head.type, head.code))
		return SKB_CONSUMED;
	rt = route_back(net, skb, &saddr);
	if (IS_ERR(rt))
		return SKB_CONSUMED;
	/* A raw socket may have a clone. */
	if (pskb_trim(skb, len) || skb_cow_head(skb, 0)) {
		ICMP_INC_STATS(net, OUTERRORS);
		dst_release(&rt->dst);
		return SKB_CONSUMED;
	}
	memcpy(skb->data, &head, sizeof(head));
	skb_dst_drop(skb);
	skb->tstamp_ns = 0;
	skb->pkt_type = PACKET_HOST;
	icmp_push(net, skb, rt, saddr, daddr, tos);
	return SKB_NOT_DROPPED_YET;
}

/* May an error be sent about in? */
static bool error_allowed(struct sk_buff *in)
{
	const struct iphdr *ip = ip_hdr(in);
	const struct rtable *rt = skb_rtable(in);
	u32 hlen = ip_hdrlen(in);
	u8 buf, *type;

	if (in->pkt_type == PACKET_BROADCAST || in->pkt_type == PACKET_MULTICAST ||
	    in->pkt_type == PACKET_OTHERHOST)
		return false;
	if (rt && (rt->type == RTN_BROADCAST || rt->type == RTN_MULTICAST))
		return false;
	if (ipv4_is_multicast(ip->daddr) || ipv4_is_lbcast(ip->daddr) ||
	    ipv4_is_zeronet(ip->saddr) || ipv4_is_multicast(ip->saddr) || ipv4_is_lbcast(ip->saddr))
		return false;
	if (be16_get(ip->frag_off) & IP_OFFSET)
		return false;
	if (ip->protocol != IPPROTO_ICMP)
		return true;
	type = skb_header_pointer(in, (u32)skb_network_offset(in) + hlen, 1, &buf);
	if (!type)
		return false;
	switch (*type) {
	case ICMP_ECHO:
	case ICMP_ECHOREPLY:
	case ICMP_TIMESTAMP:
	case ICMP_TIMESTAMPREPLY:
		return true;
	default: /* an error, or something unknown that may be one */
		return false;
	}
}

/* Where the quoted packet's IP header is relative to in->data may be negative: data has moved on.
 */
static bool quote(struct sk_buff *skb, const struct sk_buff *in, u32 room)
{
	int off = skb_network_offset(in);
	u32 behind = off < 0 ? (u32)-off : 0, len;

	if (off > 0)
		return false;
	len = min(in->len + behind, room);
	if (behind)
		memcpy(skb_put(skb, min(behind, len)), skb_network_header(in), min(behind, len));
	if (len > behind)
		return !skb_copy_bits(in, 0, skb_put(skb, len - behind), len - behind);
	return true;
}

void icmp_send(struct sk_buff *in, u8 type, u8 code, u32 info)
{
	struct net *net = in->dev                   ? dev_net(in->dev)
			  : in->dst && in->dst->dev ? dev_net(in->dst->dev)
						    : NULL;
	struct icmp_wire *icmp;
	struct sk_buff *skb;
	struct rtable *rt;
	be32 saddr, daddr;
	u8 tos;

	if (!net || !error_allowed(in))
		return;
	daddr = ip_hdr(in)->saddr;
	if (!icmp_allow(net, daddr, in->dev, type, code))
		return;
	rt = route_back(net, in, &saddr);
	if (IS_ERR(rt))
		return;
	skb = alloc_skb(MAX_HEADER + ICMP_QUOTE_MAX, GFP_ATOMIC);
	if (!skb)
		goto fail;
	skb_reserve(skb, MAX_HEADER + sizeof(struct iphdr));
	icmp = skb_put(skb, sizeof(*icmp));
	icmp->type = type;
	icmp->code = code;
	icmp->rest = be32_make(info);
	if (!quote(skb, in, ICMP_QUOTE_MAX - (u32)sizeof(struct iphdr) - (u32)sizeof(*icmp))) {
		consume_skb(skb);
		goto fail;
	}
	tos = (u8)((ip_hdr(in)->tos & 0x1e) | 0xc0); /* internetwork control, RFC 1812 4.3.2.5 */
	icmp_push(net, skb, rt, saddr, daddr, tos);
	return;
fail:
	ICMP_INC_STATS(net, OUTERRORS);
	dst_release(&rt->dst);
}

/* -- received
 * ------------------------------------------------------------------------------------------------
 */

static enum skb_drop_reason icmp_echo(struct net *net, struct sk_buff *skb,
				      const struct icmp_wire *icmp)
{
	struct icmp_wire reply = *icmp;

	if (net->ipv4->icmp_echo_ignore_all)
		return SKB_DROP_REASON_ICMP_INVALID;
	reply.type = ICMP_ECHOREPLY;
	return icmp_reply(net, skb, reply, skb->len);
}

static enum skb_drop_reason icmp_timestamp(struct net *net, struct sk_buff *skb,
					   const struct icmp_wire *icmp)
{
	struct icmp_wire reply = *icmp;
	be32 now[2];

	if (skb->len < 20 || !pskb_may_pull(skb, 20))
		return SKB_DROP_REASON_ICMP_INVALID;
	if (skb_cow_head(skb, 0))
		return SKB_DROP_REASON_NOMEM;
	/* Milliseconds since midnight UTC, received and sent. */
	now[0] = now[1] = be32_make((u32)(ktime_get_real_ns() / NSEC_PER_MSEC % 86400000));
	skb_store_bits(skb, 12, now, sizeof(now));
	reply.type = ICMP_TIMESTAMPREPLY;
	reply.code = 0;
	return icmp_reply(net, skb, reply, 20);
}

/* The MTU of the next hop that a "fragmentation needed" reports, or a guess from the size of the
 * packet that did not pass (RFC 1191 section 7); 0: makes no sense. */
static u32 reported_mtu(const struct icmp_wire *icmp, const struct iphdr *inner)
{
	static const u16 plateau[] = {32000, 17914, 8166, 4352, 2002, 1492, 576, 296, 216, 128, 68};
	u32 mtu = be32_get(icmp->rest) & 0xffff, old = be16_get(inner->tot_len);

	if (mtu)
		return mtu;
	for (unsigned i = 0; i < ARRAY_SIZE(plateau); i++) {
		if (old > plateau[i])
			return plateau[i];
	}
	return 68;
}

/* An error about a packet of ours: checked to quote enough of it, then to its transport. */
static enum skb_drop_reason icmp_error(struct net *net, struct sk_buff *skb, struct icmp_wire icmp)
{
	const struct net_protocol *proto;
	const struct iphdr *inner;
	u32 info = 0, hlen;

	if (!pskb_may_pull(skb, sizeof(icmp) + sizeof(*inner)))
		return SKB_DROP_REASON_ICMP_INVALID;
	inner = (const void *)(skb->data + sizeof(icmp));
	hlen = (inner->ver_ihl & 15u) * 4;
	if (inner->ver_ihl >> 4 != 4 || hlen < sizeof(*inner) ||
	    !pskb_may_pull(skb, (u32)sizeof(icmp) + hlen + 8))
		return SKB_DROP_REASON_ICMP_INVALID;
	inner = (const void *)(skb->data + sizeof(icmp));
	if (!inet_addr_is_local(net, inner->saddr))
		return SKB_DROP_REASON_ICMP_INVALID; /* we did not send that */
	if (icmp.type == ICMP_DEST_UNREACH) {
		if (icmp.code > 15)
			return SKB_DROP_REASON_ICMP_INVALID;
		if (icmp.code == ICMP_FRAG_NEEDED) {
			if (net->ipv4->ip_no_pmtu_disc)
				return SKB_DROP_REASON_ICMP_INVALID;
			info = reported_mtu(&icmp, inner);
		}
	} else if (icmp.type == ICMP_PARAMETERPROB) {
		info = be32_get(icmp.rest) >> 24;
	}
	proto = net_protocol_get(AF_INET, inner->protocol);
	skb_pull(skb, sizeof(icmp));
	if (inner->protocol == IPPROTO_ICMP)
		ping_err(skb, icmp.type, icmp.code, info);
	else if (proto && proto->err_handler &&
		 proto->err_handler(skb, icmp.type, icmp.code, info) == -ENOENT)
		ICMP_INC_STATS(net, INERRORS);
	return SKB_CONSUMED;
}

static enum skb_drop_reason icmp_dispatch(struct net *net, struct sk_buff *skb,
					  struct icmp_wire icmp)
{
	u8 type = skb_rtable(skb)->type;

	/* RFC 1122 3.2.2.6 and 3.2.2.8: to a broadcast only what is allowed is answered. */
	if (type == RTN_BROADCAST || type == RTN_MULTICAST) {
		if ((icmp.type == ICMP_ECHO || icmp.type == ICMP_TIMESTAMP) &&
		    net->ipv4->icmp_echo_ignore_broadcasts)
			return SKB_DROP_REASON_ICMP_INVALID;
		if (icmp.type != ICMP_ECHO && icmp.type != ICMP_TIMESTAMP)
			return SKB_DROP_REASON_ICMP_INVALID;
	}
	switch (icmp.type) {
	case ICMP_ECHO:
		return icmp_echo(net, skb, &icmp);
	case ICMP_TIMESTAMP:
		return icmp_timestamp(net, skb, &icmp);
	case ICMP_ECHOREPLY:
		return ping_rcv(skb) ? SKB_NOT_DROPPED_YET : SKB_DROP_REASON_NO_SOCKET;
	case ICMP_DEST_UNREACH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
	case ICMP_SOURCE_QUENCH: /* told to the transport, which ignores it (RFC 6633) */
		return icmp_error(net, skb, icmp);
	default: /* redirects too: a host with one gateway is safer without (RFC 6274 4.1.2) */
		return SKB_DROP_REASON_ICMP_INVALID;
	}
}

static int icmp_rcv(struct sk_buff *skb)
{
	struct net *net = dev_net(skb->dev);
	enum skb_drop_reason why;
	struct icmp_wire icmp;

	ICMP_INC_STATS(net, INMSGS);
	if (!pskb_may_pull(skb, sizeof(icmp))) {
		why = SKB_DROP_REASON_ICMP_INVALID;
	} else if (!skb_checksum_ok(skb, 0)) {
		ICMP_INC_STATS(net, CSUMERRORS);
		why = SKB_DROP_REASON_ICMP_CSUM;
	} else {
		memcpy(&icmp, skb->data, sizeof(icmp));
		count_in(net, icmp.type);
		why = icmp_dispatch(net, skb, icmp);
	}
	if (why == SKB_NOT_DROPPED_YET)
		return 0; /* a socket has it, or it is on its way back */
	if (why != SKB_CONSUMED && why != SKB_DROP_REASON_NO_SOCKET)
		ICMP_INC_STATS(net, INERRORS);
	kfree_skb_reason(skb, why);
	return 0;
}

/* -- in passing ----------------------------------------------------------------------------------
 */

/* An echo request that asks for nothing else, from a known peer, becomes its answer where it lies.
 * False: it is unchanged, and goes the usual way, which does and counts the same. */
static bool echo_early(struct sk_buff *skb)
{
	struct icmp_wire *icmp = skb_transport_header(skb);
	u32 len = skb->len - (u32)sizeof(struct iphdr);
	struct net *net = dev_net(skb->dev);
	const struct neighbour *n;
	be16 check;

	if (skb->len < sizeof(struct iphdr) + sizeof(*icmp) || skb_is_nonlinear(skb) ||
	    icmp->type != ICMP_ECHO || net->ipv4->icmp_echo_ignore_all ||
	    type_is_limited(net->ipv4, ICMP_ECHOREPLY, 0))
		return false;
	n = ip_early_way_back(skb);
	if (!n)
		return false;
	check = icmp->check;
	csum_replace2(&check, BE16(ICMP_ECHO << 8), BE16(ICMP_ECHOREPLY << 8));
	/* Zero has two forms, and only the sum over all tells which is the usual way's. */
	if (be16_is_zero(check) || check.wire == 0xffff ||
	    !be16_is_zero(csum_fold(csum_partial(icmp, len, 0))))
		return false;
	ICMP_INC_STATS(net, INMSGS);
	count_in(net, ICMP_ECHO);
	count_out(net, ICMP_ECHOREPLY);
	icmp->type = ICMP_ECHOREPLY;
	icmp->check = check;
	ip_early_turn(skb, n);
	return true;
}

static struct sk_buff *icmp_gro_receive(struct list_head *held, struct sk_buff *skb)
{
	if (echo_early(skb))
		return ERR_PTR(-EINPROGRESS);
	NAPI_GRO_CB(skb)->flush = 1;
	return NULL;
}

static const struct net_protocol icmp_protocol = {.protocol = IPPROTO_ICMP,
						  .family = AF_INET,
						  .no_policy = true,
						  .handler = icmp_rcv,
						  .gro_receive = icmp_gro_receive};
NET_PROTOCOL(icmp_protocol);

void icmp_net_init(struct net *net)
{
	spin_lock_init(&net->ipv4->icmp_lock);
	net->ipv4->icmp_credit = (u32)net->ipv4->icmp_msgs_burst;
	/* A peer that was never heard of has its full reserve. */
	for (unsigned i = 0; i < INET_PEERS; i++)
		net->ipv4->peer[i].rate_tokens =
			(u32)net->ipv4->icmp_ratelimit * XRLIM_BURST_FACTOR;
}
