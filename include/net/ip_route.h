/* SPDX-License-Identifier: MIT */
/*
 * IPv4 routing: a longest-prefix table per net (fib), cached answers per socket and packet
 * (rtable, a dst_entry), exceptions learnt by ICMP (path MTU, with expiry). The local table (own
 * addresses, broadcast) is consulted first.
 */
#ifndef NET_IP_ROUTE_H
#define NET_IP_ROUTE_H

#include <linux/rtnetlink.h>
#include <net/dst.h>
#include <net/flow.h>

struct netns_ipv4;

struct rtable {
	struct dst_entry dst; /* first */
	u8 type;              /* RTN_* */
	bool uses_gateway, is_input;
	be32 gateway; /* next hop; 0: the destination itself */
	be32 prefsrc;
	u32 iif;
	u32 pmtu;                  /* learnt; 0: device's */
	bool mtu_locked;           /* the path's MTU is below min_pmtu: never set DF */
	be32 key_daddr, key_saddr; /* [I] what was asked */
	u32 key_oif;
	bool loops; /* broadcast or group that we are in: a copy comes back to us */
	struct netns_ipv4 *owner;
	struct list_head rt_list; /* all of the net */
};

/* A route to add or delete, as RTM_NEWROUTE gives it. */
struct fib_config {
	be32 dst, gateway, prefsrc;
	u8 dst_len, type, scope, protocol, table;
	u32 oif, priority, mtu, initcwnd, initrwnd, advmss;
};

struct fib_result {
	be32 prefix, gateway, prefsrc;
	u8 prefixlen, type, scope, protocol, table;
	u32 priority, mtu, initcwnd, initrwnd, advmss;
	struct net_device *dev;
};

/* Look up: 0 with *res filled in (dev valid under rcu), -ENETUNREACH. Any context, rcu read side.
 */
int fib_lookup(struct net *net, const struct flowi4 *fl, struct fib_result *res);
/* 0, -EEXIST, -EINVAL, -ENETUNREACH (gateway not on link), -ENOMEM, -ESRCH. rtnl held. */
int fib_add(struct net *net, const struct fib_config *cfg);
int fib_del(struct net *net, const struct fib_config *cfg);
void fib_for_each(struct net *net, void (*fn)(const struct fib_result *r, void *arg), void *arg);

/* Route for sending; fl->saddr is filled in. A reference, or ERR_PTR(-ENETUNREACH, -EINVAL,
 * -EHOSTUNREACH, -EACCES). Any context. */
struct rtable *ip_route_output_flow(struct net *net, struct flowi4 *fl, const struct sock *sk);
/* Classify a received packet: sets its dst. 0 or a drop reason. Softirq, rcu. */
enum skb_drop_reason ip_route_input(struct sk_buff *skb, be32 daddr, be32 saddr, u8 tos,
				    struct net_device *dev);
/* dst if it still holds, else NULL (the caller drops its reference and looks up again). */
struct dst_entry *ipv4_dst_check(struct dst_entry *dst);
/* RFC 1191: a router reports the next hop's MTU for that flow; lowers the cached path MTU (not
 * below net.ipv4.route.min_pmtu), expiring after mtu_expires. */
void ipv4_update_pmtu(struct net *net, be32 daddr, u32 mtu);
/* Make every cached dst of the net obsolete. */
void rt_cache_flush(struct net *net);

#endif
