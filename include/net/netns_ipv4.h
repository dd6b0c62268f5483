/* SPDX-License-Identifier: MIT */
/*
 * IPv4's part of a struct net. Sizes are bounds: no table here grows with what peers send.
 */
#ifndef NET_NETNS_IPV4_H
#define NET_NETNS_IPV4_H

#include <kernel/sysctl.h>
#include <lib/siphash.h>
#include <net/ip.h>
#include <net/neighbour.h>

#define IN_ADDR_HASH     64   /* chains of own addresses */
#define RT_CACHE_SIZE    256  /* routes kept, direct-mapped */
#define RT_PASSES        64   /* pairs of addresses that each CPU knows for good */
#define FNHE_HASH_SIZE   256  /* path MTU exceptions: chains ... */
#define FNHE_DEPTH       5    /* ... and the most in one: the oldest gives way */
#define IP_IDENTS        1024 /* IP id generators, shared by destinations */
#define INET_PEERS       256
#define IPFRAG_HASH_SIZE 64

struct fib_node;
struct inet_frag_queue;

struct fib_table {
	struct fib_node *root; /* [rtnl, rcu] */
	u8 id;                 /* RT_TABLE_* */
	u32 count;
};

/* What is remembered about a host that talks to us: a slot may be shared by several. */
struct inet_peer {
	u64 rate_last_ns;
	u32 rate_tokens; /* ms */
	u32 frag_rid;    /* fragments' queues seen, for ipfrag_max_dist */
	be32 addr;
};

struct netns_ipv4 {
	struct net *net;
	siphash_key key; /* [I] of every hash and generator below */
	struct fib_table local, main;
	struct hlist_head addr_hash[IN_ADDR_HASH]; /* [rtnl, rcu] of in_ifaddr */

	atomic_t rt_genid;
	struct spinlock rt_lock;
	struct rtable *rt_cache[RT_CACHE_SIZE]; /* [rt_lock, rcu] each referenced */
	struct list_head rt_list;               /* [rt_lock] all rtables, for a device that goes */
	struct rtable *rt_input[3];             /* [I] local, broadcast, multicast */
	struct percpu_area *rt_passes;          /* [c] of struct rt_pass */

	struct spinlock fnhe_lock;
	struct hlist_head fnhe[FNHE_HASH_SIZE]; /* [fnhe_lock, rcu] */
	bool fnhe_some;                         /* there has been one */

	u32 idents[IP_IDENTS], ident_stamp_ms[IP_IDENTS]; /* [a] */

	struct spinlock icmp_lock; /* tokens, peers */
	u64 icmp_stamp_ns;
	u32 icmp_credit;
	struct inet_peer peer[INET_PEERS];

	struct spinlock frag_lock;
	struct hlist_head frag[IPFRAG_HASH_SIZE]; /* [frag_lock] */
	struct list_head frag_lru;                /* [frag_lock] oldest first */
	atomic_t frag_mem;                        /* bytes of truesize */
	u32 frag_queues;

	struct neigh_table arp;

	/* sysctls net.ipv4.* */
	int ip_early_demux, tcp_early_demux, udp_early_demux;
	int ip_default_ttl, ip_forward, ip_no_pmtu_disc, min_pmtu, mtu_expires;
	int port_low, port_high;
	char reserved_ports[128];
	int icmp_echo_ignore_all, icmp_echo_ignore_broadcasts, icmp_ratelimit, icmp_ratemask,
		icmp_msgs_per_sec, icmp_msgs_burst, icmp_errors_use_inbound_ifaddr;
	int ipfrag_high_thresh, ipfrag_low_thresh, ipfrag_time, ipfrag_max_dist;
	int ping_group_low, ping_group_high;
	int drop_unicast_in_l2_multicast;
	int arp_locktime_ms;
	/* net.ipv4.conf.all and .default in one: given to each new device */
	int arp_ignore, arp_announce, arp_notify, arp_accept, rp_filter, accept_source_route,
		log_martians;
	struct ctl_header ctl, ctl_route, ctl_conf, ctl_neigh;
	struct hlist_head ping_hash[64]; /* [ping_lock, rcu] ICMP sockets by id */
	struct spinlock ping_lock;
};

static inline bool ipv4_is_multicast(be32 a)
{
	return (be32_get(a) & 0xf0000000u) == 0xe0000000u;
}
static inline bool ipv4_is_local_multicast(be32 a)
{
	return (be32_get(a) & 0xffffff00u) == 0xe0000000u;
}
static inline bool ipv4_is_lbcast(be32 a)
{
	return a.wire == 0xffffffffu;
}
static inline bool ipv4_is_loopback(be32 a)
{
	return be32_get(a) >> 24 == 127;
}
static inline bool ipv4_is_zeronet(be32 a)
{
	return be32_get(a) >> 24 == 0;
}

#endif
