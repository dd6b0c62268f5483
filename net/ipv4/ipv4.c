/* SPDX-License-Identifier: MIT */
/*
 * IPv4's part of a struct net: defaults, sysctls by Linux's names, set-up and tear-down; the
 * EtherType's registration with its part of GRO and GSO.
 */
#include <kernel/mm.h>
#include <kernel/random.h>
#include <lib/bitmap.h>
#include <lib/checksum.h>
#include <lib/err.h>
#include <lib/kstrto.h>
#include <lib/string.h>
#include <net/gro.h>
#include <net/inet_sock.h>

#include "ipv4_int.h"

#define V4(field) offsetof(struct netns_ipv4, field)

static const struct netns_ipv4 defaults = {
	.ip_default_ttl = 64,
	.ip_early_demux = 1,
	.tcp_early_demux = 1,
	.udp_early_demux = 1,
	.min_pmtu = 552,
	.mtu_expires = 600,
	.port_low = 32768,
	.port_high = 60999,
	.icmp_echo_ignore_broadcasts = 1,
	.icmp_ratelimit = 1000,
	.icmp_ratemask = 1 << ICMP_DEST_UNREACH | 1 << ICMP_SOURCE_QUENCH |
			 1 << ICMP_TIME_EXCEEDED | 1 << ICMP_PARAMETERPROB,
	.icmp_msgs_per_sec = 1000,
	.icmp_msgs_burst = 50,
	.ipfrag_time = 30,
	.ipfrag_max_dist = 64,
	.ping_group_low = 0,
	.ping_group_high = INT32_MAX,
	.drop_unicast_in_l2_multicast = 1,
	.arp_locktime_ms = 1000,
	.arp_notify = 1, /* a machine that boots in milliseconds moves: tell the switches */
};

/* -- sysctls
 * ---------------------------------------------------------------------------------------- */

#define INT_ROW(nm, field, lo, hi)                                                      \
	{                                                                               \
		.name = nm, .offset = V4(field), .count = 1, .mode = 0644, .min = (lo), \
		.max = (hi), .ops = &ctl_int                                            \
	}

static const struct ctl_table ipv4_table[] = {
	INT_ROW("ip_default_ttl", ip_default_ttl, 1, 255),
	{.name = "ip_forward", .offset = V4(ip_forward), .count = 1, .mode = 0444, .ops = &ctl_int},
	INT_ROW("ip_early_demux", ip_early_demux, 0, 1),
	INT_ROW("tcp_early_demux", tcp_early_demux, 0, 1),
	INT_ROW("udp_early_demux", udp_early_demux, 0, 1),
	INT_ROW("ip_no_pmtu_disc", ip_no_pmtu_disc, 0, 3),
	{.name = "ip_local_port_range",
	 .offset = V4(port_low),
	 .count = 2,
	 .mode = 0644,
	 .min = 1,
	 .max = 65535,
	 .ops = &ctl_int},
	{.name = "ip_local_reserved_ports",
	 .offset = V4(reserved_ports),
	 .count = 1,
	 .mode = 0644,
	 .max = sizeof_field(struct netns_ipv4, reserved_ports),
	 .ops = &ctl_string},
	INT_ROW("icmp_echo_ignore_all", icmp_echo_ignore_all, 0, 1),
	INT_ROW("icmp_echo_ignore_broadcasts", icmp_echo_ignore_broadcasts, 0, 1),
	INT_ROW("icmp_ratelimit", icmp_ratelimit, 0, 3600000),
	INT_ROW("icmp_ratemask", icmp_ratemask, 0, INT32_MAX),
	INT_ROW("icmp_msgs_per_sec", icmp_msgs_per_sec, 0, INT32_MAX),
	INT_ROW("icmp_msgs_burst", icmp_msgs_burst, 0, INT32_MAX),
	INT_ROW("ipfrag_high_thresh", ipfrag_high_thresh, 0, INT32_MAX),
	INT_ROW("ipfrag_low_thresh", ipfrag_low_thresh, 0, INT32_MAX),
	INT_ROW("ipfrag_time", ipfrag_time, 1, 3600),
	INT_ROW("ipfrag_max_dist", ipfrag_max_dist, 0, INT32_MAX),
	{.name = "ping_group_range",
	 .offset = V4(ping_group_low),
	 .count = 2,
	 .mode = 0644,
	 .min = 0,
	 .max = INT32_MAX,
	 .ops = &ctl_int},
};

static const struct ctl_table route_table[] = {
	INT_ROW("min_pmtu", min_pmtu, 68, 65535),
	INT_ROW("mtu_expires", mtu_expires, 1, 1000000),
};

/* What each device gets when it appears, or at once where it is read from here. */
static const struct ctl_table conf_table[] = {
	INT_ROW("arp_ignore", arp_ignore, 0, 8),
	INT_ROW("arp_announce", arp_announce, 0, 2),
	INT_ROW("arp_notify", arp_notify, 0, 1),
	INT_ROW("arp_accept", arp_accept, 0, 1),
	INT_ROW("rp_filter", rp_filter, 0, 2),
	{.name = "accept_source_route",
	 .offset = V4(accept_source_route),
	 .count = 1,
	 .mode = 0444,
	 .ops = &ctl_int},
	INT_ROW("log_martians", log_martians, 0, 1),
	INT_ROW("drop_unicast_in_l2_multicast", drop_unicast_in_l2_multicast, 0, 1),
};

static const struct ctl_table neigh_table_rows[] = {
	INT_ROW("gc_thresh1", arp.gc_thresh1, 1, 1 << 20),
	INT_ROW("gc_thresh2", arp.gc_thresh2, 1, 1 << 20),
	INT_ROW("gc_thresh3", arp.gc_thresh3, 1, 1 << 20),
	INT_ROW("mcast_solicit", arp.parms.mcast_solicit, 0, 1000),
	INT_ROW("ucast_solicit", arp.parms.ucast_solicit, 0, 1000),
	INT_ROW("app_solicit", arp.parms.app_solicit, 0, 0),
	INT_ROW("retrans_time_ms", arp.parms.retrans_time_ms, 10, 3600000),
	INT_ROW("base_reachable_time_ms", arp.parms.base_reachable_time_ms, 100, 86400000),
	INT_ROW("delay_first_probe_time", arp.parms.delay_first_probe_time_s, 0, 3600),
	INT_ROW("gc_stale_time", arp.parms.gc_stale_time_s, 1, 86400),
	INT_ROW("unres_qlen_bytes", arp.parms.queue_len_bytes, 0, 1 << 30),
	INT_ROW("locktime_ms", arp_locktime_ms, 0, 3600000),
};

void inet_get_local_port_range(const struct net *net, u16 *low, u16 *high)
{
	*low = (u16)net->ipv4->port_low;
	*high = (u16)max(net->ipv4->port_low, net->ipv4->port_high);
}

/* "8080,9000-9010": asked rarely, so read as it stands. */
bool inet_is_local_reserved_port(const struct net *net, u16 port)
{
	const char *s = net->ipv4->reserved_ports;

	while (*s) {
		u64 lo = simple_strtoull(s, &s, 10), hi = lo;

		if (*s == '-')
			hi = simple_strtoull(s + 1, &s, 10);
		if (port && port >= lo && port <= hi)
			return true;
		if (*s)
			s++;
	}
	return false;
}

/* -- GRO and GSO
 * -------------------------------------------------------------------------------------- */

static u16 hdr16(const u8 *p, unsigned off)
{
	u16 v;

	memcpy(&v, p + off, sizeof(v));
	return v;
}

/* Is p's header that of the same flow, with nothing that forbids merging? */
static void gro_compare(struct sk_buff *p, const u8 *ip, u16 id)
{
	const u8 *ip2 = skb_gro_network_header(p);
	u16 diff;

	if (!NAPI_GRO_CB(p)->same_flow)
		return;
	if (ip2[9] != ip[9] || memcmp(ip2 + 12, ip + 12, 8)) {
		NAPI_GRO_CB(p)->same_flow = 0;
		return;
	}
	/* TTL, TOS and DF must agree; ids count up, or do not matter with DF (RFC 6864). */
	diff = (u16)(id - be16_get(BE16_RAW(hdr16(ip2, 4))));
	NAPI_GRO_CB(p)->flush |= ip2[8] != ip[8] || ip2[1] != ip[1] || (ip2[6] ^ ip[6]) & 0x40;
	NAPI_GRO_CB(p)->flush_id =
		diff == NAPI_GRO_CB(p)->count || ((ip[6] & 0x40) && !diff) ? 0 : 1;
}

static struct sk_buff *inet_gro_receive(struct list_head *held, struct sk_buff *skb)
{
	const struct net_protocol *proto;
	u32 off = skb_gro_offset(skb);
	struct sk_buff *p;
	const u8 *ip = skb_gro_header(skb, sizeof(struct iphdr), off);
	u16 len;

	/* No options, no fragments, a right checksum; else the stack proper sees to it. */
	if (!ip || ip[0] != 0x45 || (be16_get(BE16_RAW(hdr16(ip, 6))) & ~(u16)IP_DF))
		goto flush;
	proto = net_protocol_get(AF_INET, ip[9]);
	if (!proto || !proto->gro_receive || !be16_is_zero(ip_fast_csum(ip, 5)))
		goto flush;
	len = be16_get(BE16_RAW(hdr16(ip, 2)));
	if (len < sizeof(struct iphdr) || len > skb_gro_len(skb))
		goto flush;
	if (unlikely(len < skb_gro_len(skb))) {
		if (pskb_trim(skb, off + len))
			goto flush;
		ip = skb->data + off;
	}
	list_for_each_entry(p, held, list)
		gro_compare(p, ip, be16_get(BE16_RAW(hdr16(ip, 4))));
	NAPI_GRO_CB(skb)->is_atomic = (ip[6] & 0x40) != 0;
	NAPI_GRO_CB(skb)->network_offset = (u8)off;
	skb->ip_plain = 1;
	skb_set_network_header(skb, (int)off);
	skb_gro_pull(skb, sizeof(struct iphdr));
	skb_set_transport_header(skb, (int)skb_gro_offset(skb));
	return proto->gro_receive(held, skb);
flush:
	NAPI_GRO_CB(skb)->flush = 1;
	return NULL;
}

static int inet_gro_complete(struct sk_buff *skb, int nhoff)
{
	struct iphdr *ip = (struct iphdr *)(void *)(skb->data + nhoff);
	const struct net_protocol *proto = net_protocol_get(AF_INET, ip->protocol);

	ip->tot_len = be16_make((u16)(skb->len - (u32)nhoff));
	ip_send_check(ip);
	if (!proto || !proto->gro_complete)
		return -ENOENT;
	return proto->gro_complete(skb, nhoff + (int)sizeof(*ip));
}

/* skb->data at the IP header. */
static struct sk_buff *inet_gso_segment(struct sk_buff *skb, u32 features)
{
	const struct net_protocol *proto;
	struct sk_buff *segs, *seg;
	struct iphdr *ip;
	u32 hlen;
	u16 id;

	if (!pskb_may_pull(skb, sizeof(*ip)))
		return ERR_PTR(-EINVAL);
	skb_reset_network_header(skb);
	ip = ip_hdr(skb);
	hlen = ip_hdrlen(skb);
	if (hlen < sizeof(*ip) || !pskb_may_pull(skb, hlen))
		return ERR_PTR(-EINVAL);
	ip = ip_hdr(skb);
	id = be16_get(ip->id);
	proto = net_protocol_get(AF_INET, ip->protocol);
	if (!proto || !proto->gso_segment)
		return ERR_PTR(-EPROTONOSUPPORT);
	skb_pull(skb, hlen);
	skb_reset_transport_header(skb);
	segs = proto->gso_segment(skb, features);
	if (IS_ERR_OR_NULL(segs))
		return segs;
	for (seg = segs; seg; seg = seg->next) {
		ip = ip_hdr(seg);
		ip->id = be16_make(id++);
		ip->tot_len = be16_make((u16)(seg->len - (u32)((u8 *)ip - seg->data)));
		ip_send_check(ip);
	}
	return segs;
}

static const struct packet_type ip_packet_type = {
	.type = ETH_P_IP,
	.func = ip_rcv,
	.gro_receive = inet_gro_receive,
	.gro_complete = inet_gro_complete,
	.gso_segment = inet_gso_segment,
	.rx_early = ip_rx_early,
};
PACKET_TYPE(ip_packet_type);

/* -- per net
 * -------------------------------------------------------------------------------------------- */

u32 inet_ehashfn(const struct net *net, be32 laddr, u16 lport, be32 faddr, be16 fport)
{
	return hsiphash_3u32(laddr.wire, faddr.wire, (u32)lport << 16 | fport.wire,
			     &net->ipv4->key);
}

static void sysctls_register(struct netns_ipv4 *ip4)
{
	sysctl_register(&ip4->ctl, "net/ipv4", ipv4_table, ARRAY_SIZE(ipv4_table), ip4);
	sysctl_register(&ip4->ctl_route, "net/ipv4/route", route_table, ARRAY_SIZE(route_table),
			ip4);
	sysctl_register(&ip4->ctl_conf, "net/ipv4/conf/default", conf_table, ARRAY_SIZE(conf_table),
			ip4);
	sysctl_register(&ip4->ctl_neigh, "net/ipv4/neigh/default", neigh_table_rows,
			ARRAY_SIZE(neigh_table_rows), ip4);
}

static int ipv4_net_init(struct net *net)
{
	struct netns_ipv4 *ip4 = kvzalloc(sizeof(*ip4), GFP_KERNEL);
	int err;

	if (!ip4)
		return -ENOMEM;
	inet_protocols_init();
	*ip4 = defaults;
	ip4->net = net;
	net->ipv4 = ip4;
	get_random_bytes(&ip4->key, sizeof(ip4->key));
	fib_net_init(net);
	ipfrag_net_init(net);
	icmp_net_init(net);
	ping_net_init(net);
	err = rt_net_init(net);
	if (!err)
		err = arp_net_init(net);
	if (!err)
		err = fib_proc_init(net);
	if (!err)
		err = ip_proc_init(net);
	if (!err)
		sysctls_register(ip4);
	return err;
}

static void ipv4_net_exit(struct net *net)
{
	struct netns_ipv4 *ip4 = net->ipv4;

	sysctl_unregister(&ip4->ctl);
	sysctl_unregister(&ip4->ctl_route);
	sysctl_unregister(&ip4->ctl_conf);
	sysctl_unregister(&ip4->ctl_neigh);
	ip_proc_exit(net);
	fib_proc_exit(net);
	fib_net_exit(net);
	arp_net_exit(net);
	ipfrag_net_exit(net);
	rt_net_exit(net);
	net->ipv4 = NULL;
	kvfree(ip4, sizeof(*ip4));
}

static const struct pernet_ops ipv4_pernet = {
	.order = PERNET_IP, .name = "ipv4", .init = ipv4_net_init, .exit = ipv4_net_exit};
PERNET_OPS(ipv4_pernet);
