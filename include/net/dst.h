/* SPDX-License-Identifier: MIT */
/*
 * dst_entry: the cached answer of a route lookup, shared by packets and sockets, counted, freed
 * after a grace period. A socket keeps one and asks dst_check() before each use: it is obsolete
 * once the routing table, an address or the path MTU changed (generation numbers).
 */
#ifndef NET_DST_H
#define NET_DST_H

#include <kernel/rcu.h>
#include <net/netdevice.h>

struct neighbour;

struct dst_entry {
	struct net_device *dev;
	refcount_t ref;
	u16 family;
	u16 flags;
	u32 genid;      /* of the tables it was made from */
	u64 expires_ns; /* 0: never; a learnt path MTU ends */
	u32 mtu;        /* of the path */
	u32 link_mtu; /* as it is set up, whatever the path has told: the route's or the device's */
	u32 advmss_metric, initcwnd, initrwnd, rtt_us, rttvar_us, ssthresh, cwnd_lock;
	int error;
	/* Next step of a packet with this dst; takes the skb over. */
	int (*input)(struct sk_buff *skb);
	int (*output)(struct net *net, struct sock *sk, struct sk_buff *skb);
	struct neighbour *neigh; /* of the next hop, once known; counted */
	/* dst while it still holds, NULL once tables changed or it expired; NULL: always holds. */
	struct dst_entry *(*check)(struct dst_entry *dst);
	void (*destroy)(struct dst_entry *dst);
	struct rcu_head rcu;
};

static inline struct dst_entry *dst_hold(struct dst_entry *dst)
{
	refcount_inc(&dst->ref);
	return dst;
}
void dst_release(struct dst_entry *dst);

/* Make skb hold dst (takes over the reference) / borrow it for the time of an rcu section. */
static inline void skb_dst_set(struct sk_buff *skb, struct dst_entry *dst)
{
	skb->dst = dst;
	skb->dst_noref = 0;
}
static inline void skb_dst_set_noref(struct sk_buff *skb, struct dst_entry *dst)
{
	skb->dst = dst;
	skb->dst_noref = 1;
}
static inline struct dst_entry *skb_dst(const struct sk_buff *skb)
{
	return skb->dst;
}
static inline int dst_input(struct sk_buff *skb)
{
	return skb->dst->input(skb);
}
static inline int dst_output(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	return skb->dst->output(net, sk, skb);
}
static inline u32 dst_mtu(const struct dst_entry *dst)
{
	return READ_ONCE(dst->mtu);
}

#endif
