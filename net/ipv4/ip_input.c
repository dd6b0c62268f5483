/* SPDX-License-Identifier: MIT */
/*
 * IPv4 input (RFC 791, RFC 1122 section 3.2.1): a packet from a device is checked, classified,
 * reassembled and handed to its protocol. Every refusal has a drop reason and a counter.
 * Context: softirq, rcu read side.
 */
#include <lib/checksum.h>
#include <lib/string.h>

#include "ipv4_int.h"

extern const struct net_protocol *const __start_net_protocols[] __weak;
extern const struct net_protocol *const __stop_net_protocols[] __weak;

/* -- protocols ----------------------------------------------------------------------------------
 */

static const struct net_protocol *inet_protos[256]; /* [I] */

void inet_protocols_init(void)
{
	const struct net_protocol *const *p;

	section_for_each(p, net_protocols) {
		if ((*p)->family == AF_INET)
			inet_protos[(*p)->protocol] = *p;
	}
}

const struct net_protocol *net_protocol_get(u8 family, u8 protocol)
{
	return family == AF_INET ? inet_protos[protocol] : NULL;
}

u32 inet_pseudo(const struct sk_buff *skb, u8 proto)
{
	const struct iphdr *ip = ip_hdr(skb);

	return csum_tcpudp_nofold(ip->saddr, ip->daddr, skb->len - (u32)skb_transport_offset(skb),
				  proto, 0);
}

/* -- to the protocol ------------------------------------------------------------------------------
 */

static int ip_local_deliver_finish(struct net *net, struct sk_buff *skb)
{
	u8 protocol = ip_hdr(skb)->protocol;
	const struct net_protocol *p = net_protocol_get(AF_INET, protocol);

	skb_pull(skb, skb_network_header_len(skb));
	if (p) {
		IP_INC_STATS(net, INDELIVERS);
		return p->handler(skb);
	}
	IP_INC_STATS(net, INUNKNOWNPROTOS);
	icmp_send(skb, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0);
	kfree_skb_reason(skb, SKB_DROP_REASON_IP_NOPROTO);
	return 0;
}

int ip_local_deliver(struct sk_buff *skb)
{
	struct net *net = dev_net(skb->dev);

	if (be16_get(ip_hdr(skb)->frag_off) & (IP_MF | IP_OFFSET)) {
		skb = ip_defrag(net, skb, 0);
		if (!skb)
			return 0;
	}
	return ip_local_deliver_finish(net, skb);
}

/* -- checks
 * ------------------------------------------------------------------------------------------ */

static void count_ecn(struct net *net, const struct iphdr *ip)
{
	NET_MIB(net)->ipext[ip_ecn_counter(ip->tos)]++;
}

/* The usual one: sound, without options, and the packet ends where it says. */
static bool header_is_plain(const struct sk_buff *skb)
{
	const struct iphdr *ip = ip_hdr(skb);

	if (likely(skb->ip_plain))
		return true;
	return skb_headlen(skb) >= sizeof(*ip) && ip->ver_ihl == 0x45 &&
	       be16_get(ip->tot_len) == skb->len && be16_is_zero(ip_fast_csum(ip, sizeof(*ip) / 4));
}

/* Is the header one? On success data is at it, it is linear, and the padding is cut off. */
static noinline enum skb_drop_reason ip_check_header(struct net *net, struct sk_buff *skb)
{
	const struct iphdr *ip;
	u32 hlen, len;

	if (!pskb_may_pull(skb, sizeof(*ip)))
		return SKB_DROP_REASON_IP_INHDR;
	ip = ip_hdr(skb);
	hlen = ip_hdrlen(skb);
	if (ip->ver_ihl >> 4 != 4 || hlen < sizeof(*ip))
		return SKB_DROP_REASON_IP_INHDR;
	count_ecn(net, ip);
	if (!pskb_may_pull(skb, hlen))
		return SKB_DROP_REASON_IP_INHDR;
	ip = ip_hdr(skb);
	if (!be16_is_zero(ip_fast_csum(ip, hlen / 4)))
		return SKB_DROP_REASON_IP_CSUM;
	len = be16_get(ip->tot_len);
	if (len < hlen)
		return SKB_DROP_REASON_IP_INHDR;
	if (len > skb->len)
		return SKB_DROP_REASON_IP_TRUNCATED;
	if (len < skb->len && pskb_trim(skb, len))
		return SKB_DROP_REASON_NOMEM;
	skb->transport_header = (u16)(skb->network_header + hlen);
	return SKB_NOT_DROPPED_YET;
}

static enum skb_drop_reason ip_check_options(struct net *net, struct sk_buff *skb)
{
	struct ip_options opt;
	u32 bad = 0;

	if (ip_hdrlen(skb) == sizeof(struct iphdr))
		return SKB_NOT_DROPPED_YET;
	if (!ip_options_compile(net, &opt, skb, &bad)) {
		IPCB(skb)->optlen = opt.optlen;
		IPCB(skb)->rr = opt.rr;
		IPCB(skb)->ts = opt.ts;
		if (!opt.srr)
			return SKB_NOT_DROPPED_YET;
		bad = opt.srr; /* source routes are refused (RFC 7126 sections 4.3, 4.4) */
		return SKB_DROP_REASON_IP_OPTIONS;
	}
	icmp_send(skb, ICMP_PARAMETERPROB, 0, bad << 24);
	return SKB_DROP_REASON_IP_OPTIONS;
}

/* Where to, and may it come this way? */
static enum skb_drop_reason ip_classify(struct net *net, struct sk_buff *skb,
					struct net_device *dev)
{
	const struct iphdr *ip = ip_hdr(skb);
	enum skb_drop_reason why;
	u8 type;

	if (!skb->dst) { /* else it came by lo and keeps the route it was sent by */
		why = ip_route_input(skb, ip->daddr, ip->saddr, ip->tos, dev);
		if (why != SKB_NOT_DROPPED_YET)
			return why;
	}
	type = skb_rtable(skb)->type;
	if (type == RTN_MULTICAST) {
		IPEXT_INC_STATS(net, INMCASTPKTS);
		IPEXT_ADD_STATS(net, INMCASTOCTETS, skb->len);
	} else if (type == RTN_BROADCAST) {
		IPEXT_INC_STATS(net, INBCASTPKTS);
		IPEXT_ADD_STATS(net, INBCASTOCTETS, skb->len);
	} else if ((skb->pkt_type == PACKET_BROADCAST || skb->pkt_type == PACKET_MULTICAST) &&
		   net->ipv4->drop_unicast_in_l2_multicast) {
		return SKB_DROP_REASON_IP_INADDRERRORS; /* RFC 1122 section 3.3.6 */
	}
	return ip_check_options(net, skb);
}

static void ip_count_drop(struct net *net, enum skb_drop_reason why)
{
	switch (why) {
	case SKB_DROP_REASON_IP_CSUM:
		IPEXT_INC_STATS(net, CSUMERRORS);
		fallthrough;
	case SKB_DROP_REASON_IP_INHDR:
	case SKB_DROP_REASON_IP_OPTIONS:
		IP_INC_STATS(net, INHDRERRORS);
		break;
	case SKB_DROP_REASON_IP_TRUNCATED:
		IPEXT_INC_STATS(net, INTRUNCATEDPKTS);
		break;
	case SKB_DROP_REASON_IP_INADDRERRORS:
	case SKB_DROP_REASON_IP_SADDR_INVALID:
		IP_INC_STATS(net, INADDRERRORS);
		break;
	default:
		IP_INC_STATS(net, INDISCARDS);
		break;
	}
}

int ip_rcv(struct sk_buff *skb, struct net_device *dev)
{
	enum skb_drop_reason why = SKB_NOT_DROPPED_YET;
	struct net *net = dev_net(dev);

	if (skb->pkt_type == PACKET_OTHERHOST) { /* promiscuous: not for us */
		kfree_skb_reason(skb, SKB_DROP_REASON_OTHERHOST);
		return 0;
	}
	IP_INC_STATS(net, INPKTS);
	IPEXT_ADD_STATS(net, INOCTETS, skb->len);
	if (unlikely(skb_shared(skb))) {
		skb = skb_share_check(skb, GFP_ATOMIC);
		if (!skb) {
			IP_INC_STATS(net, INDISCARDS);
			return 0;
		}
	}
	skb_orphan(skb);
	if (likely(header_is_plain(skb))) {
		count_ecn(net, ip_hdr(skb));
		skb->transport_header = (u16)(skb->network_header + sizeof(struct iphdr));
	} else {
		why = ip_check_header(net, skb);
	}
	if (why == SKB_NOT_DROPPED_YET) {
		memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
		IPCB(skb)->iif = dev->ifindex;
		why = ip_classify(net, skb, dev);
	}
	if (why != SKB_NOT_DROPPED_YET) {
		ip_count_drop(net, why);
		kfree_skb_reason(skb, why);
		return 0;
	}
	return dst_input(skb);
}
