/* SPDX-License-Identifier: MIT */
/*
 * UDP's ports: who is bound where, and which socket a datagram is for. One table by local port;
 * lookups run under rcu and rank the sockets of a chain by how much of the flow they name.
 */
#include "udp_int.h"

#include <errno.h>
#include <kernel/random.h>
#include <kernel/rculist.h>

/* Would two sockets on one port be told apart, or have they agreed to share? */
static bool conflict(const struct sock *a, const struct sock *b)
{
	if (a->sk_bound_dev_if && b->sk_bound_dev_if && a->sk_bound_dev_if != b->sk_bound_dev_if)
		return false;
	if (a->sk_rcv_saddr.wire && b->sk_rcv_saddr.wire &&
	    a->sk_rcv_saddr.wire != b->sk_rcv_saddr.wire)
		return false;
	if (a->sk_reuse && b->sk_reuse)
		return false;
	return !(a->sk_reuseport && b->sk_reuseport);
}

/* Take port if nobody is in the way. */
static bool try_bind(struct sock *sk, u16 port)
{
	struct udp_hslot *slot = udp_slot(sock_net(sk), port);
	struct sock *other;
	bool ok = true;

	spin_lock_bh(&slot->lock);
	hlist_for_each_entry(other, &slot->head, sk_node)
		if (other->sk_num == port && other != sk && conflict(sk, other)) {
			ok = false;
			break;
		}
	if (ok) {
		sk->sk_num = port;
		hlist_add_head_rcu(&sk->sk_node, &slot->head);
		slot->count++;
	}
	spin_unlock_bh(&slot->lock);
	return ok;
}

int udp_get_port(struct sock *sk, u16 port)
{
	u16 low, high;
	u32 range, start;

	if (port)
		return try_bind(sk, port) ? 0 : -EADDRINUSE;
	/* A random start, then in order (RFC 6056 section 3.3.1). */
	inet_get_local_port_range(sock_net(sk), &low, &high);
	range = (u32)high - low + 1;
	start = get_random_u32_below(range);
	for (u32 i = 0; i < range; i++) {
		port = (u16)(low + (start + i) % range);
		if (!inet_is_local_reserved_port(sock_net(sk), port) && try_bind(sk, port))
			return 0;
	}
	return -EADDRINUSE;
}

void udp_unhash(struct sock *sk)
{
	struct udp_hslot *slot = udp_slot(sock_net(sk), sk->sk_num);

	if (!sk->sk_num)
		return;
	spin_lock_bh(&slot->lock);
	hlist_del_rcu(&sk->sk_node);
	slot->count--;
	spin_unlock_bh(&slot->lock);
	sk->sk_num = 0;
	inet_sk(sk)->inet_sport = (be16){0};
}

/* How well sk fits: -1 not at all, more for each part of the flow that it names. */
static int score(const struct sock *sk, be32 saddr, be16 sport, be32 daddr, u16 dport, u32 dif)
{
	int s = 0;

	if (sk->sk_num != dport || sk->sk_family != AF_INET)
		return -1;
	if (sk->sk_rcv_saddr.wire) {
		if (sk->sk_rcv_saddr.wire != daddr.wire)
			return -1;
		s += 4;
	}
	if (sk->sk_daddr.wire) {
		if (sk->sk_daddr.wire != saddr.wire)
			return -1;
		s += 4;
	}
	if (sk->sk_dport.wire) {
		if (sk->sk_dport.wire != sport.wire)
			return -1;
		s += 4;
	}
	if (sk->sk_bound_dev_if) {
		if (sk->sk_bound_dev_if != dif)
			return -1;
		s += 4;
	}
	return s + (sk->sk_incoming_cpu == smp_processor_id());
}

struct sock *udp_lookup(struct net *net, be32 saddr, be16 sport, be32 daddr, u16 dport, u32 dif)
{
	struct sock *sk, *best = NULL;
	u32 hash = 0, matches = 0;
	int best_score = -1;

	hlist_for_each_entry_rcu(sk, &udp_slot(net, dport)->head, sk_node) {
		int s = score(sk, saddr, sport, daddr, dport, dif);

		if (s > best_score) {
			best = sk;
			best_score = s;
			matches = 1;
		} else if (s >= 0 && s == best_score && sk->sk_reuseport) {
			/* A group that shares the port: each flow keeps its member, chosen by a
			 * keyed hash (of n equals, each is kept with probability 1/n). */
			if (!hash)
				hash = (u32)siphash_3u32(saddr.wire, daddr.wire,
							 (u32)sport.wire << 16 | dport,
							 &net->udp->port_key) |
				       1;
			matches++;
			if ((u32)((u64)hash * matches >> 32) == 0)
				best = sk;
			hash = hash * 1664525u + 1013904223u;
		}
	}
	return best;
}

static bool is_flow_of(const struct sock *sk, const struct iphdr *ip, const struct udphdr *uh,
		       u32 dif)
{
	return sk->sk_num == be16_get(uh->dest) && sk->sk_dport.wire == uh->source.wire &&
	       sk->sk_daddr.wire && sk->sk_daddr.wire == ip->saddr.wire &&
	       sk->sk_rcv_saddr.wire == ip->daddr.wire &&
	       (!sk->sk_bound_dev_if || sk->sk_bound_dev_if == dif);
}

/* The only one that is connected so: who is to get what several could is udp_lookup()'s to say. */
struct sock *udp4_early_demux(const struct sk_buff *skb)
{
	const struct iphdr *ip = ip_hdr(skb);
	const struct udphdr *uh = udp_hdr(skb);
	struct sock *sk, *found = NULL;

	hlist_for_each_entry_rcu(sk, &udp_slot(dev_net(skb->dev), be16_get(uh->dest))->head,
				 sk_node) {
		if (!is_flow_of(sk, ip, uh, skb->dev->ifindex))
			continue;
		if (found)
			return NULL;
		found = sk;
	}
	return found && refcount_inc_not_zero(&found->sk_refcnt) ? found : NULL;
}

bool udp_mcast_match(const struct sock *sk, be32 saddr, be16 sport, be32 daddr, u16 dport, u32 dif)
{
	return score(sk, saddr, sport, daddr, dport, dif) >= 0;
}

void udp_for_each(struct net *net, void (*fn)(struct sock *sk, void *arg), void *arg)
{
	struct sock *sk;

	rcu_read_lock();
	for (unsigned i = 0; i < UDP_HTABLE_SIZE; i++)
		hlist_for_each_entry_rcu(sk, &net->udp->slot[i].head, sk_node)
			fn(sk, arg);
	rcu_read_unlock();
}
