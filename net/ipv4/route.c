/* SPDX-License-Identifier: MIT */
/*
 * Routes as packets and sockets use them: lookup for sending, classification of what was received,
 * a small cache, and learnt path MTUs (RFC 1191) with expiry.
 *
 * The cache is direct-mapped by a keyed hash of the question: bounded, and of no use to flood. Any
 * change of tables, addresses or path MTUs makes all cached answers obsolete at once by a
 * generation number. Context: any; rcu for readers.
 */
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/random.h>
#include <lib/bitops.h>
#include <lib/err.h>
#include <lib/hash.h>
#include <lib/string.h>

#include "ipv4_int.h"

#define IP_MAX_MTU 65535u

/* A learnt path MTU. */
struct fnhe {
	struct hlist_node node; /* [fnhe_lock, rcu] */
	be32 daddr;
	u32 mtu;
	bool locked;
	u64 expires_ns;
	struct rcu_head rcu;
};

/* -- path MTU ---------------------------------------------------------------------------------- */

static struct hlist_head *fnhe_chain(struct netns_ipv4 *ip4, be32 daddr)
{
	return &ip4->fnhe[siphash_1u32(daddr.wire, &ip4->key) % FNHE_HASH_SIZE];
}

static struct fnhe *fnhe_find(struct netns_ipv4 *ip4, be32 daddr)
{
	struct fnhe *f;

	if (likely(!READ_ONCE(ip4->fnhe_some)))
		return NULL;
	hlist_for_each_entry_rcu(f, fnhe_chain(ip4, daddr), node) {
		if (f->daddr.wire == daddr.wire)
			return f;
	}
	return NULL;
}

/* Room in the chain for one more: the one that expires first goes. */
static void fnhe_make_room(struct hlist_head *chain)
{
	struct fnhe *f, *oldest = NULL;
	unsigned n = 0;

	hlist_for_each_entry(f, chain, node) {
		n++;
		if (!oldest || f->expires_ns < oldest->expires_ns)
			oldest = f;
	}
	if (n < FNHE_DEPTH)
		return;
	hlist_del_rcu(&oldest->node);
	kfree_rcu(oldest, rcu);
}

void ipv4_update_pmtu(struct net *net, be32 daddr, u32 mtu)
{
	struct netns_ipv4 *ip4 = net->ipv4;
	bool locked = mtu < (u32)ip4->min_pmtu;
	struct fnhe *f;

	if (locked)
		mtu = (u32)ip4->min_pmtu;
	spin_lock_bh(&ip4->fnhe_lock);
	f = fnhe_find(ip4, daddr);
	if (f && f->mtu <= mtu && f->expires_ns > ktime_get_ns())
		goto out; /* nothing new: it lowers, or lets expire */
	if (!f) {
		f = kzalloc(sizeof(*f), GFP_ATOMIC);
		if (!f)
			goto out;
		f->daddr = daddr;
		fnhe_make_room(fnhe_chain(ip4, daddr));
		hlist_add_head_rcu(&f->node, fnhe_chain(ip4, daddr));
		WRITE_ONCE(ip4->fnhe_some, true);
	}
	f->mtu = mtu;
	f->locked = locked;
	f->expires_ns = ktime_get_ns() + (u64)ip4->mtu_expires * NSEC_PER_SEC;
	atomic_inc(&ip4->rt_genid);
out:
	spin_unlock_bh(&ip4->fnhe_lock);
}

/* -- rtables -------------------------------------------------------------------------------------
 */

static void rt_destroy(struct dst_entry *dst)
{
	kfree(dst_rtable(dst));
}

static void rt_unlist(struct netns_ipv4 *ip4, struct rtable *rt)
{
	spin_lock_bh(&ip4->rt_lock);
	list_del_init(&rt->rt_list);
	spin_unlock_bh(&ip4->rt_lock);
}

/* Runs after a grace period; the list must not show it any more. */
static void rt_destroy_listed(struct dst_entry *dst)
{
	struct rtable *rt = dst_rtable(dst);

	rt_unlist(rt->owner, rt);
	kfree(rt);
}

struct dst_entry *ipv4_dst_check(struct dst_entry *dst)
{
	const struct netns_ipv4 *ip4 = dst_rtable(dst)->owner;

	if (dst->genid != (u32)atomic_read(&ip4->rt_genid))
		return NULL;
	if (dst->expires_ns && ktime_get_ns() >= dst->expires_ns)
		return NULL;
	return dst;
}

static int rt_discard_out(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	kfree_skb_reason(skb, SKB_DROP_REASON_IP_OUTNOROUTES);
	return -EINVAL;
}

static struct rtable *rt_alloc(struct netns_ipv4 *ip4, struct net_device *dev, u8 type)
{
	struct rtable *rt = kzalloc(sizeof(*rt), GFP_ATOMIC);

	if (!rt)
		return NULL;
	refcount_set(&rt->dst.ref, 1);
	rt->dst.family = AF_INET;
	rt->dst.check = ipv4_dst_check;
	rt->dst.destroy = rt_destroy_listed;
	rt->dst.genid = (u32)atomic_read(&ip4->rt_genid);
	rt->dst.input = ip_local_deliver;
	rt->dst.output = rt_discard_out;
	rt->dst.dev = dev;
	rt->owner = ip4;
	rt->type = type;
	if (dev)
		dev_hold(dev);
	spin_lock_bh(&ip4->rt_lock);
	list_add_tail(&rt->rt_list, &ip4->rt_list);
	spin_unlock_bh(&ip4->rt_lock);
	return rt;
}

static void rt_set_mtu(struct netns_ipv4 *ip4, struct rtable *rt, be32 daddr, u32 metric)
{
	u32 mtu = metric ? metric : READ_ONCE(rt->dst.dev->mtu);
	const struct fnhe *f = fnhe_find(ip4, daddr);

	mtu = rt->dst.link_mtu = min(mtu, IP_MAX_MTU);
	if (f && f->expires_ns > ktime_get_ns() && f->mtu < mtu) {
		mtu = rt->pmtu = f->mtu;
		rt->mtu_locked = f->locked;
		rt->dst.expires_ns = f->expires_ns;
	}
	rt->dst.mtu = mtu;
}

/* -- cache
 * ------------------------------------------------------------------------------------------ */

static struct rtable **cache_slot(struct netns_ipv4 *ip4, const struct flowi4 *fl)
{
	u64 secret = ip4->key.key[0] | 1, h = fl->oif;

	/* As for neighbours: who aims at a slot has it looked up anew, that is all. */
	h = (h ^ fl->daddr.wire) * secret;
	h = (h ^ h >> 32 ^ fl->saddr.wire) * secret;
	return &ip4->rt_cache[(h >> 32) % RT_CACHE_SIZE];
}

static struct rtable *cache_get(struct netns_ipv4 *ip4, const struct flowi4 *fl)
{
	struct rtable *rt = rcu_dereference(*cache_slot(ip4, fl));

	if (!rt || rt->key_daddr.wire != fl->daddr.wire || rt->key_saddr.wire != fl->saddr.wire ||
	    rt->key_oif != fl->oif || !ipv4_dst_check(&rt->dst) ||
	    !refcount_inc_not_zero(&rt->dst.ref))
		return NULL;
	return rt;
}

static void cache_put(struct netns_ipv4 *ip4, const struct flowi4 *fl, struct rtable *rt)
{
	struct rtable **slot = cache_slot(ip4, fl), *old;

	rt->key_daddr = fl->daddr;
	rt->key_saddr = fl->saddr;
	rt->key_oif = fl->oif;
	dst_hold(&rt->dst);
	old = xchg(slot, rt);
	if (old)
		dst_release(&old->dst);
}

/* -- one rtable for all that goes by the same next hop from the same address, which is what replies
 * are. What has a path MTU of its own has an rtable of its own. ---------------------------------
 */

static bool nexthop_may_share(struct netns_ipv4 *ip4, const struct flowi4 *fl)
{
	return !fl->oif && fl->saddr.wire && fl->daddr.wire && !ipv4_is_multicast(fl->daddr) &&
	       !ipv4_is_lbcast(fl->daddr) && !fnhe_find(ip4, fl->daddr);
}

static struct rtable *nexthop_find(struct net *net, const struct flowi4 *fl)
{
	struct rtable **slot, *rt;

	if (!nexthop_may_share(net->ipv4, fl))
		return NULL;
	slot = fib_nexthop(net, fl);
	rt = slot ? rcu_dereference(*slot) : NULL;
	return rt && ipv4_dst_check(&rt->dst) ? rt : NULL;
}

static struct rtable *nexthop_get(struct net *net, const struct flowi4 *fl)
{
	struct rtable *rt = nexthop_find(net, fl);

	return rt && rt->prefsrc.wire == fl->saddr.wire && refcount_inc_not_zero(&rt->dst.ref)
		       ? rt
		       : NULL;
}

struct rtable *rt_nexthop_peek(struct net *net, be32 daddr, be32 saddr)
{
	struct flowi4 fl = {.daddr = daddr, .saddr = saddr};

	return nexthop_find(net, &fl);
}

/* rt was made for fl. False: it is not to be shared. */
static bool nexthop_put(struct net *net, const struct flowi4 *fl, struct rtable *rt)
{
	struct rtable **slot, *old;

	if (rt->type != RTN_UNICAST || rt->pmtu || !nexthop_may_share(net->ipv4, fl))
		return false;
	slot = fib_nexthop(net, fl);
	if (!slot)
		return false;
	dst_hold(&rt->dst);
	old = xchg(slot, rt);
	if (old)
		dst_release(&old->dst);
	return true;
}

void rt_cache_flush(struct net *net)
{
	struct netns_ipv4 *ip4 = net->ipv4;

	atomic_inc(&ip4->rt_genid);
	for (unsigned i = 0; i < RT_CACHE_SIZE; i++) {
		struct rtable *old = xchg(&ip4->rt_cache[i], NULL);

		if (old)
			dst_release(&old->dst);
	}
}

void rt_flush_dev(struct net_device *dev)
{
	struct net *net = dev_net(dev);
	struct netns_ipv4 *ip4 = net->ipv4;
	struct net_device *lo = net->loopback_dev;
	struct rtable *rt;

	rt_cache_flush(net);
	if (lo == dev)
		lo = NULL;
	spin_lock_bh(&ip4->rt_lock);
	list_for_each_entry(rt, &ip4->rt_list, rt_list) {
		if (rt->dst.dev != dev)
			continue;
		/* Whoever still holds it finds it obsolete; what is sent on it goes nowhere. */
		if (lo)
			dev_hold(lo);
		rt->dst.dev = lo;
		rt->dst.output = rt_discard_out;
		neigh_release(xchg(&rt->dst.neigh, NULL));
		dev_put(dev);
	}
	spin_unlock_bh(&ip4->rt_lock);
}

/* -- who was let in, and the way back
 * -----------------------------------------------------------------
 */

/* Pairs of addresses that were found to be a stranger's and ours, by CPU: what arrives comes again,
 * and the question is two walks through the table of local addresses. Any change of addresses or
 * tables makes all answers obsolete. Not for devices with a reverse path filter. */
struct rt_pass {
	be32 saddr, daddr;
	u32 ifindex, genid;
	struct rtable *back; /* to saddr by the same device, referenced; NULL: not asked for yet */
};

static struct rt_pass *pass_slot(struct netns_ipv4 *ip4, be32 saddr, be32 daddr)
{
	struct rt_pass *cache = alloc_percpu_ptr(ip4->rt_passes, smp_processor_id());

	return &cache[hash_32(saddr.wire ^ daddr.wire, ilog2(RT_PASSES))];
}

static bool pass_is_for(const struct rt_pass *p, struct netns_ipv4 *ip4, be32 saddr, be32 daddr)
{
	return p->saddr.wire == saddr.wire && p->daddr.wire == daddr.wire &&
	       p->genid == (u32)atomic_read(&ip4->rt_genid);
}

/* NULL: not known to pass. */
static struct rt_pass *pass_find(struct netns_ipv4 *ip4, be32 saddr, be32 daddr,
				 const struct net_device *dev)
{
	struct rt_pass *p = pass_slot(ip4, saddr, daddr);

	return pass_is_for(p, ip4, saddr, daddr) && p->ifindex == dev->ifindex ? p : NULL;
}

static void pass_set(struct rt_pass *p, struct rt_pass new)
{
	if (p->back)
		dst_release(&p->back->dst);
	*p = new;
}

/* genid: before the question was asked. */
static void pass_remember(struct netns_ipv4 *ip4, be32 saddr, be32 daddr, struct net_device *dev,
			  u32 genid)
{
	const struct in_device *idev = in_dev_get_rcu(dev);

	if (idev && !idev->rp_filter)
		pass_set(pass_slot(ip4, saddr, daddr),
			 (struct rt_pass){saddr, daddr, dev->ifindex, genid, NULL});
}

static void pass_forget_all(struct netns_ipv4 *ip4)
{
	if (!ip4->rt_passes)
		return;
	for_each_cpu(cpu) {
		struct rt_pass *p = alloc_percpu_ptr(ip4->rt_passes, cpu);

		for (unsigned i = 0; i < RT_PASSES; i++)
			pass_set(&p[i], (struct rt_pass){.genid = 0});
	}
}

/* The rtable back by p's device. */
static struct rtable *pass_back(struct net *net, struct rt_pass *p)
{
	struct rtable *rt;

	if (likely(p->back))
		return p->back;
	rt = rt_nexthop_peek(net, p->saddr, p->daddr);
	if (rt && rt->dst.dev->ifindex == p->ifindex && refcount_inc_not_zero(&rt->dst.ref))
		p->back = rt;
	return p->back;
}

bool rt_passes(const struct net_device *dev, be32 saddr, be32 daddr)
{
	return pass_find(dev_net(dev)->ipv4, saddr, daddr, dev);
}

struct rtable *rt_way_back(const struct net_device *dev, be32 saddr, be32 daddr)
{
	struct net *net = dev_net(dev);
	struct rt_pass *p = pass_find(net->ipv4, saddr, daddr, dev);

	return p ? pass_back(net, p) : NULL;
}

/* An answer goes back by the way that is known, where there is one. For bottom halves: nobody else
 * may look at this CPU's passes. */
static struct rtable *answer_get(struct net *net, const struct flowi4 *fl)
{
	struct rt_pass *p;
	struct rtable *rt;

	if (!in_softirq() || fl->oif)
		return NULL;
	p = pass_slot(net->ipv4, fl->daddr, fl->saddr);
	if (!pass_is_for(p, net->ipv4, fl->daddr, fl->saddr))
		return NULL;
	rt = pass_back(net, p);
	return rt && rt->prefsrc.wire == fl->saddr.wire ? dst_rtable(dst_hold(&rt->dst)) : NULL;
}

/* -- sending
 * ------------------------------------------------------------------------------------------ */

static struct rtable *make_output(struct net *net, const struct fib_result *res, struct flowi4 *fl,
				  struct net_device *dev)
{
	struct netns_ipv4 *ip4 = net->ipv4;
	const struct in_device *idev;
	struct rtable *rt = rt_alloc(ip4, dev, res->type);

	if (!rt)
		return ERR_PTR(-ENOMEM);
	rt->dst.output = ip_output;
	rt->gateway = res->gateway;
	rt->uses_gateway = res->gateway.wire;
	rt->prefsrc = fl->saddr;
	rt->dst.initcwnd = res->initcwnd;
	rt->dst.initrwnd = res->initrwnd;
	rt->dst.advmss_metric = res->advmss;
	if (res->type == RTN_BROADCAST || res->type == RTN_MULTICAST) {
		rt->gateway = (be32){0};
		rt->uses_gateway = false;
		idev = in_dev_get_rcu(dev);
		rt->loops =
			!(dev->flags & IFF_LOOPBACK) &&
			(res->type == RTN_BROADCAST || (idev && ip_check_mc_rcu(idev, fl->daddr)));
		rt->dst.output = ip_mc_output;
	}
	rt_set_mtu(ip4, rt, fl->daddr, res->mtu);
	return rt;
}

/* A group or the limited broadcast: no table says where to, the device does. */
static struct rtable *route_local_scope(struct net *net, struct flowi4 *fl, struct net_device *dev)
{
	struct fib_result res = {.type = ipv4_is_multicast(fl->daddr) ? RTN_MULTICAST
								      : RTN_BROADCAST};

	if (!fl->saddr.wire)
		fl->saddr = inet_select_addr(dev, (be32){0}, RT_SCOPE_LINK);
	return make_output(net, &res, fl, dev);
}

static struct rtable *route_to_self(struct net *net, struct flowi4 *fl, be32 prefsrc)
{
	struct fib_result res = {.type = RTN_LOCAL};

	if (!net->loopback_dev)
		return ERR_PTR(-ENETUNREACH);
	if (!fl->saddr.wire)
		fl->saddr = prefsrc.wire && !ipv4_is_loopback(fl->daddr) ? prefsrc : fl->daddr;
	return make_output(net, &res, fl, net->loopback_dev);
}

static struct net_device *dev_of_addr(struct net *net, be32 addr)
{
	struct in_ifaddr *ifa;
	struct net_device *dev;

	for_each_netdev_rcu(net, dev) {
		const struct in_device *idev = in_dev_get_rcu(dev);

		if (!idev)
			continue;
		list_for_each_entry_rcu(ifa, &idev->addr_list, list) {
			if (ifa->local.wire == addr.wire)
				return dev;
		}
	}
	return NULL;
}

/* A device for groups and broadcasts that nobody chose one for: the default route's, else the
 * first that can. */
static struct net_device *default_dev(struct net *net, const struct flowi4 *fl)
{
	struct flowi4 probe = {.daddr = fl->daddr};
	struct net_device *dev = fl->saddr.wire ? dev_of_addr(net, fl->saddr) : NULL;
	struct fib_result res;

	if (dev)
		return dev;
	if (!ipv4_is_lbcast(fl->daddr) && !fib_lookup(net, &probe, &res))
		return res.dev;
	return NULL;
}

static struct rtable *route_output_slow(struct net *net, struct flowi4 *fl)
{
	bool scoped = ipv4_is_multicast(fl->daddr) || ipv4_is_lbcast(fl->daddr);
	struct net_device *dev = NULL;
	struct fib_result res;
	int err;

	RT_INC_STATS(net, OUT_SLOW_TOT);
	if (scoped)
		RT_INC_STATS(net, OUT_SLOW_MC);
	if (fl->oif) {
		dev = dev_get_by_index(net, fl->oif);
		if (!dev)
			return ERR_PTR(-ENODEV);
		if (!(dev->flags & IFF_UP))
			return ERR_PTR(-ENETUNREACH);
	}
	if (!fl->daddr.wire) {
		fl->daddr = fl->saddr.wire ? fl->saddr : BE32(INADDR_LOOPBACK);
		return route_to_self(net, fl, fl->daddr);
	}
	if (scoped && !dev)
		dev = default_dev(net, fl);
	if (scoped)
		return dev ? route_local_scope(net, fl, dev) : ERR_PTR(-ENETUNREACH);
	/* An own address is reached through lo, whatever device was asked for. */
	if (inet_addr_is_local(net, fl->daddr)) {
		struct flowi4 any = {.daddr = fl->daddr};

		err = fib_lookup(net, &any, &res);
		return route_to_self(net, fl, err ? fl->daddr : res.prefsrc);
	}
	err = fib_lookup(net, fl, &res);
	if (err && dev && err == -ENETUNREACH) {
		/* The caller knows the device (DHCP, ping -I): the destination is on its link. */
		res = (struct fib_result){.type = RTN_UNICAST, .dev = dev};
		err = 0;
	}
	if (err)
		return ERR_PTR(err);
	if (!fl->saddr.wire)
		fl->saddr = res.prefsrc.wire
				    ? res.prefsrc
				    : inet_select_addr(res.dev,
						       res.gateway.wire ? res.gateway : fl->daddr,
						       RT_SCOPE_UNIVERSE);
	return make_output(net, &res, fl, res.dev);
}

struct rtable *ip_route_output_flow(struct net *net, struct flowi4 *fl, const struct sock *sk)
{
	struct flowi4 key = *fl;
	struct rtable *rt;

	if (fl->saddr.wire && (ipv4_is_multicast(fl->saddr) || ipv4_is_lbcast(fl->saddr)))
		return ERR_PTR(-EINVAL);
	rcu_read_lock();
	rt = answer_get(net, &key);
	if (!rt)
		rt = nexthop_get(net, &key);
	if (rt)
		goto out;
	rt = cache_get(net->ipv4, &key);
	if (rt) {
		fl->saddr = rt->prefsrc;
		if (!fl->daddr.wire)
			fl->daddr = rt->prefsrc;
	} else {
		rt = route_output_slow(net, fl);
		if (!IS_ERR(rt) && !nexthop_put(net, &key, rt) && key.daddr.wire)
			cache_put(net->ipv4, &key, rt);
	}
out:
	rcu_read_unlock();
	return rt;
}

/* -- receiving
 * ------------------------------------------------------------------------------------------ */

enum { IN_LOCAL, IN_BROADCAST, IN_MULTICAST };

static __cold enum skb_drop_reason martian(struct net_device *dev, be32 saddr, be32 daddr,
					   enum skb_drop_reason why)
{
	const struct in_device *idev = in_dev_get_rcu(dev);

	if (why == SKB_DROP_REASON_IP_INADDRERRORS)
		RT_INC_STATS(dev_net(dev), IN_MARTIAN_DST);
	else
		RT_INC_STATS(dev_net(dev), IN_MARTIAN_SRC);
	if (idev && idev->log_martians)
		pr_warn_ratelimited("%s: martian packet from %pI4 to %pI4", dev->name, &saddr,
				    &daddr);
	return why;
}

/* May saddr be answered? (RFC 1122 section 3.2.1.3, RFC 1812 section 5.3.7) */
static enum skb_drop_reason check_source(struct net *net, struct net_device *dev, be32 saddr)
{
	const struct in_device *idev = in_dev_get_rcu(dev);
	struct flowi4 back = {.daddr = saddr};
	struct fib_result res;
	u8 type;

	if (dev->flags & IFF_LOOPBACK)
		return SKB_NOT_DROPPED_YET;
	type = fib_local_type(net, saddr, 0);
	if (type) /* our own address, or a broadcast */
		return SKB_DROP_REASON_IP_SADDR_INVALID;
	if (!idev || !idev->rp_filter)
		return SKB_NOT_DROPPED_YET;
	if (fib_lookup(net, &back, &res) || (idev->rp_filter == 1 && res.dev != dev))
		return SKB_DROP_REASON_IP_RPFILTER;
	return SKB_NOT_DROPPED_YET;
}

static enum skb_drop_reason input_multicast(struct sk_buff *skb, be32 daddr, be32 saddr,
					    struct net_device *dev)
{
	const struct in_device *idev = in_dev_get_rcu(dev);

	if (!idev || !ip_check_mc_rcu(idev, daddr))
		return SKB_DROP_REASON_IP_INADDRERRORS;
	if (ipv4_is_multicast(saddr) || ipv4_is_lbcast(saddr) ||
	    (ipv4_is_loopback(saddr) && !(dev->flags & IFF_LOOPBACK)) ||
	    (ipv4_is_zeronet(saddr) && !ipv4_is_local_multicast(daddr)))
		return SKB_DROP_REASON_IP_SADDR_INVALID;
	RT_INC_STATS(dev_net(dev), IN_SLOW_MC);
	skb_dst_set_noref(skb, &dev_net(dev)->ipv4->rt_input[IN_MULTICAST]->dst);
	return SKB_NOT_DROPPED_YET;
}

enum skb_drop_reason ip_route_input_slow(struct sk_buff *skb, be32 daddr, be32 saddr,
					 struct net_device *dev)
{
	struct net *net = dev_net(dev);
	struct netns_ipv4 *ip4 = net->ipv4;
	enum skb_drop_reason why = SKB_NOT_DROPPED_YET;
	bool loopback = dev->flags & IFF_LOOPBACK;
	u32 genid = (u32)atomic_read(&ip4->rt_genid);
	u8 type;

	RT_INC_STATS(net, IN_SLOW_TOT);
	if (ipv4_is_multicast(daddr))
		return input_multicast(skb, daddr, saddr, dev);
	if (ipv4_is_multicast(saddr) || ipv4_is_lbcast(saddr))
		return martian(dev, saddr, daddr, SKB_DROP_REASON_IP_SADDR_INVALID);
	if (ipv4_is_lbcast(daddr) || (be32_is_zero(daddr) && be32_is_zero(saddr))) {
		type = RTN_BROADCAST;
	} else if ((ipv4_is_zeronet(saddr) || (ipv4_is_loopback(saddr) && !loopback))) {
		return martian(dev, saddr, daddr, SKB_DROP_REASON_IP_SADDR_INVALID);
	} else if (ipv4_is_zeronet(daddr) || (ipv4_is_loopback(daddr) && !loopback)) {
		return martian(dev, saddr, daddr, SKB_DROP_REASON_IP_INADDRERRORS);
	} else {
		type = fib_local_type(net, daddr, 0);
	}
	if (type != RTN_LOCAL && type != RTN_BROADCAST) {
		RT_INC_STATS(net, IN_NO_ROUTE);
		return SKB_DROP_REASON_IP_INADDRERRORS; /* a host does not forward */
	}
	if (type == RTN_BROADCAST)
		RT_INC_STATS(net, IN_BRD);
	if (!be32_is_zero(saddr))
		why = check_source(net, dev, saddr);
	if (why != SKB_NOT_DROPPED_YET)
		return martian(dev, saddr, daddr, why);
	if (type == RTN_LOCAL && !loopback)
		pass_remember(ip4, saddr, daddr, dev, genid);
	skb_dst_set_noref(skb, &ip4->rt_input[type == RTN_LOCAL ? IN_LOCAL : IN_BROADCAST]->dst);
	return SKB_NOT_DROPPED_YET;
}

enum skb_drop_reason ip_route_input(struct sk_buff *skb, be32 daddr, be32 saddr, u8 tos,
				    struct net_device *dev)
{
	struct netns_ipv4 *ip4 = dev_net(dev)->ipv4;

	if (unlikely(!pass_find(ip4, saddr, daddr, dev)))
		return ip_route_input_demux(skb, daddr, saddr, dev);
	skb_dst_set_noref(skb, &ip4->rt_input[IN_LOCAL]->dst);
	return SKB_NOT_DROPPED_YET;
}

void rt_pass(struct sk_buff *skb, be32 daddr, be32 saddr, struct net_device *dev, u32 genid)
{
	struct netns_ipv4 *ip4 = dev_net(dev)->ipv4;

	pass_remember(ip4, saddr, daddr, dev, genid);
	skb_dst_set_noref(skb, &ip4->rt_input[IN_LOCAL]->dst);
}

/* -- per net
 * --------------------------------------------------------------------------------------------- */

void rt_set_input_dev(struct net *net, struct net_device *lo)
{
	for (unsigned i = 0; i < ARRAY_SIZE(net->ipv4->rt_input); i++) {
		struct rtable *rt = net->ipv4->rt_input[i];

		dev_hold(lo);
		rt->dst.dev = lo;
		rt->dst.mtu = rt->dst.link_mtu = IP_MAX_MTU;
	}
}

int rt_net_init(struct net *net)
{
	static const u8 types[] = {RTN_LOCAL, RTN_BROADCAST, RTN_MULTICAST};
	struct netns_ipv4 *ip4 = net->ipv4;

	spin_lock_init(&ip4->rt_lock);
	spin_lock_init(&ip4->fnhe_lock);
	INIT_LIST_HEAD(&ip4->rt_list);
	atomic_set(&ip4->rt_genid, 1); /* not 0: an empty struct rt_pass knows nothing */
	ip4->rt_passes = alloc_percpu(RT_PASSES * sizeof(struct rt_pass), 64);
	if (!ip4->rt_passes)
		return -ENOMEM;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		ip4->rt_input[i] = rt_alloc(ip4, NULL, types[i]);
		if (!ip4->rt_input[i])
			return -ENOMEM;
		ip4->rt_input[i]->is_input = true;
	}
	return 0;
}

void rt_net_exit(struct net *net)
{
	struct netns_ipv4 *ip4 = net->ipv4;
	struct hlist_node *next;
	struct fnhe *f;
	struct rtable *rt;

	rt_cache_flush(net);
	pass_forget_all(ip4);
	for (unsigned i = 0; i < ARRAY_SIZE(ip4->rt_input); i++) {
		if (ip4->rt_input[i])
			dst_release(&ip4->rt_input[i]->dst);
	}
	synchronize_rcu();
	synchronize_rcu(); /* the second: callbacks of the first have run */
	for (unsigned i = 0; i < FNHE_HASH_SIZE; i++) {
		hlist_for_each_entry_safe(f, next, &ip4->fnhe[i], node)
			kfree(f);
	}
	free_percpu(ip4->rt_passes);
	/* Routes that somebody still holds must not come back to a net that is gone. */
	list_for_each_entry(rt, &ip4->rt_list, rt_list) {
		pr_err("net %s: a route is still in use", net->name);
		rt->dst.destroy = rt_destroy;
		rt->dst.check = NULL;
	}
}
