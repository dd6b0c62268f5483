/* SPDX-License-Identifier: MIT */
/*
 * The routing tables: local (own addresses, broadcasts) and main, each a path-compressed binary
 * trie of prefixes. A host's table has a handful of prefixes: a trie of this kind then costs two or
 * three steps, never more than 32, needs no resizing, and readers need no lock (rcu). Each prefix
 * holds its routes in order of metric.
 *
 * Invariant: a node without routes has two children (it is a fork). Changes run under rtnl.
 */
#include <kernel/mm.h>
#include <kernel/vfs.h>
#include <lib/err.h>
#include <net/route.h>

#include "ipv4_int.h"

struct fib_node {
	struct fib_node *child[2]; /* [rtnl, rcu] by the first bit behind the prefix */
	u32 key;                   /* prefix, host order, zero behind len bits */
	u8 len;
	struct list_head aliases; /* [rtnl, rcu] of fib_alias, lowest metric first */
	struct rcu_head rcu;
};

/* One route. */
struct fib_alias {
	struct list_head list;
	struct fib_config cfg;
	struct net_device *dev; /* held; NULL: blackhole and the like */
	struct rtable *rth;     /* [a, rcu] of packets sent by it; counted, may be obsolete */
	struct rcu_head rcu;
};

static u32 prefix_mask(u8 len)
{
	return len ? ~0u << (32 - len) : 0;
}

static unsigned key_bit(u32 key, u8 pos)
{
	return key >> (31 - pos) & 1;
}

/* Bits that a and b share from the top. */
static u8 common_bits(u32 a, u32 b)
{
	return a == b ? 32 : (u8)__builtin_clz(a ^ b);
}

static struct fib_table *fib_get_table(struct net *net, u8 id)
{
	switch (id) {
	case 0:
	case RT_TABLE_MAIN:
		return &net->ipv4->main;
	case RT_TABLE_LOCAL:
		return &net->ipv4->local;
	default:
		return NULL;
	}
}

/* -- trie ----------------------------------------------------------------------------------------
 */

static struct fib_node *node_alloc(u32 key, u8 len)
{
	struct fib_node *n = kzalloc(sizeof(*n), GFP_KERNEL);

	if (!n)
		return NULL;
	n->key = key & prefix_mask(len);
	n->len = len;
	INIT_LIST_HEAD(&n->aliases);
	return n;
}

static struct fib_node *node_find(const struct fib_table *t, u32 key, u8 len)
{
	struct fib_node *n = t->root;

	while (n && n->len < len && common_bits(n->key, key) >= n->len)
		n = n->child[key_bit(key, n->len)];
	return n && n->len == len && n->key == key ? n : NULL;
}

/* The node of key/len, made if missing. NULL: no memory. */
static struct fib_node *node_insert(struct fib_table *t, u32 key, u8 len)
{
	struct fib_node **link = &t->root, *n, *leaf, *fork;
	u8 common = 0;

	while ((n = *link) != NULL) {
		common =
			(u8)min_t(unsigned, common_bits(n->key, key), min_t(unsigned, n->len, len));
		if (common < n->len)
			break;
		if (n->len == len)
			return n;
		link = &n->child[key_bit(key, n->len)];
	}
	leaf = node_alloc(key, len);
	if (!leaf)
		return NULL;
	if (n && common == len) { /* leaf's prefix holds n's */
		leaf->child[key_bit(n->key, len)] = n;
	} else if (n) {
		fork = node_alloc(key, common);
		if (!fork) {
			kfree(leaf);
			return NULL;
		}
		fork->child[key_bit(n->key, common)] = n;
		fork->child[key_bit(key, common)] = leaf;
		rcu_assign_pointer(*link, fork);
		return leaf;
	}
	rcu_assign_pointer(*link, leaf);
	return leaf;
}

/* Remove n, and a fork above it, if they have become superfluous. */
static void node_prune(struct fib_table *t, struct fib_node *n)
{
	struct fib_node **link = &t->root, **above = NULL, *only;

	while (*link != n) {
		above = link;
		link = &(*link)->child[key_bit(n->key, (*link)->len)];
	}
	if (!list_empty(&n->aliases) || (n->child[0] && n->child[1]))
		return;
	only = n->child[0] ? n->child[0] : n->child[1];
	rcu_assign_pointer(*link, only);
	kfree_rcu(n, rcu);
	if (!only && above)
		node_prune(t, *above);
}

/* -- lookup
 * ------------------------------------------------------------------------------------------ */

static bool alias_fits(const struct fib_alias *fa, const struct flowi4 *fl)
{
	if (fa->cfg.scope < fl->scope)
		return false;
	if (!fa->dev)
		return true;
	return (fa->dev->flags & IFF_UP) && (!fl->oif || fa->dev->ifindex == fl->oif);
}

static const struct fib_alias *table_lookup(const struct fib_table *t, const struct flowi4 *fl,
					    const struct fib_node **where)
{
	u32 key = be32_get(fl->daddr);
	const struct fib_alias *best = NULL, *fa;
	const struct fib_node *n = rcu_dereference(t->root);

	while (n && common_bits(n->key, key) >= n->len) {
		list_for_each_entry_rcu(fa, &n->aliases, list) {
			if (alias_fits(fa, fl)) {
				best = fa;
				*where = n;
				break;
			}
		}
		if (n->len == 32)
			break;
		n = rcu_dereference(n->child[key_bit(key, n->len)]);
	}
	return best;
}

static void result_fill(struct fib_result *r, const struct fib_node *n, const struct fib_alias *fa)
{
	*r = (struct fib_result){
		.prefix = be32_make(n->key),
		.prefixlen = n->len,
		.gateway = fa->cfg.gateway,
		.prefsrc = fa->cfg.prefsrc,
		.type = fa->cfg.type,
		.scope = fa->cfg.scope,
		.protocol = fa->cfg.protocol,
		.table = fa->cfg.table,
		.priority = fa->cfg.priority,
		.mtu = fa->cfg.mtu,
		.initcwnd = fa->cfg.initcwnd,
		.initrwnd = fa->cfg.initrwnd,
		.advmss = fa->cfg.advmss,
		.dev = fa->dev,
	};
}

static int type_error(u8 type)
{
	switch (type) {
	case RTN_UNREACHABLE:
		return -EHOSTUNREACH;
	case RTN_BLACKHOLE:
		return -EINVAL;
	case RTN_PROHIBIT:
		return -EACCES;
	default:
		return 0;
	}
}

int fib_lookup(struct net *net, const struct flowi4 *fl, struct fib_result *res)
{
	const struct fib_node *n = NULL;
	const struct fib_alias *fa = table_lookup(&net->ipv4->local, fl, &n);

	if (!fa)
		fa = table_lookup(&net->ipv4->main, fl, &n);
	if (!fa)
		return -ENETUNREACH;
	result_fill(res, n, fa);
	return type_error(res->type);
}

struct rtable **fib_nexthop(struct net *net, const struct flowi4 *fl)
{
	const struct fib_node *n;
	const struct fib_alias *fa = table_lookup(&net->ipv4->local, fl, &n);

	if (unlikely(fa))
		return NULL;
	fa = table_lookup(&net->ipv4->main, fl, &n);
	return fa && fa->cfg.type == RTN_UNICAST ? (struct rtable **)(uintptr_t)&fa->rth : NULL;
}

/* Bits of key that decide where the way down t ends. */
static u8 way_bits(const struct fib_table *t, u32 key)
{
	const struct fib_node *n = rcu_dereference(t->root);
	u8 bits = 0;

	while (n) {
		u8 common = common_bits(n->key, key);

		if (common < n->len)
			return (u8)(common + 1);
		if (n->len == 32)
			return 32;
		bits = (u8)(n->len + 1);
		n = rcu_dereference(n->child[key_bit(key, n->len)]);
	}
	return bits;
}

u8 fib_alike_bits(struct net *net, be32 daddr)
{
	u32 key = be32_get(daddr);

	return max(way_bits(&net->ipv4->local, key), way_bits(&net->ipv4->main, key));
}

u8 fib_local_type(struct net *net, be32 addr, u32 oif)
{
	struct flowi4 fl = {.daddr = addr, .oif = oif};
	const struct fib_node *n;
	const struct fib_alias *fa = table_lookup(&net->ipv4->local, &fl, &n);

	return fa ? fa->cfg.type : 0;
}

/* -- change
 * --------------------------------------------------------------------------------------------- */

/* The device a route leaves by, and whether its gateway can be reached from there. */
static int nexthop_check(struct net *net, struct fib_config *cfg, struct net_device **dev)
{
	struct flowi4 fl = {.daddr = cfg->gateway, .oif = cfg->oif, .scope = RT_SCOPE_LINK};
	struct fib_result res;
	int err;

	*dev = cfg->oif ? dev_get_by_index(net, cfg->oif) : NULL;
	if (cfg->oif && !*dev)
		return -ENODEV;
	if (*dev && !((*dev)->flags & IFF_UP))
		return -ENETDOWN;
	if (be32_is_zero(cfg->gateway))
		return *dev ? 0 : -EINVAL;
	if (inet_addr_type(net, cfg->gateway) != RTN_UNICAST)
		return -EINVAL; /* ourselves, a broadcast or a group */
	rcu_read_lock();
	err = fib_lookup(net, &fl, &res);
	rcu_read_unlock();
	if (err || res.type != RTN_UNICAST || !be32_is_zero(res.gateway))
		return -ENETUNREACH;
	*dev = res.dev;
	return 0;
}

static int config_check(struct net *net, struct fib_config *cfg, struct net_device **dev)
{
	*dev = NULL;
	if (cfg->dst_len > 32 || (be32_get(cfg->dst) & ~prefix_mask(cfg->dst_len)))
		return -EINVAL;
	if (!cfg->type)
		cfg->type = RTN_UNICAST;
	if (!cfg->table)
		cfg->table = cfg->type == RTN_LOCAL || cfg->type == RTN_BROADCAST ? RT_TABLE_LOCAL
										  : RT_TABLE_MAIN;
	if (type_error(cfg->type))
		return 0;
	if (!be32_is_zero(cfg->prefsrc) && cfg->type == RTN_UNICAST &&
	    !inet_addr_is_local(net, cfg->prefsrc))
		return -EINVAL;
	return nexthop_check(net, cfg, dev);
}

static void alias_free_rcu(struct rcu_head *head)
{
	struct fib_alias *fa = container_of(head, struct fib_alias, rcu);

	if (fa->rth)
		dst_release(&fa->rth->dst);
	if (fa->dev)
		dev_put(fa->dev);
	kfree(fa);
}

static void alias_remove(struct fib_table *t, struct fib_alias *fa)
{
	list_del_rcu(&fa->list);
	t->count--;
	call_rcu(&fa->rcu, alias_free_rcu);
}

int fib_add(struct net *net, const struct fib_config *config)
{
	struct fib_config cfg = *config;
	struct list_head *pos;
	struct net_device *dev;
	struct fib_alias *fa, *other;
	struct fib_table *t;
	struct fib_node *n;
	int err = config_check(net, &cfg, &dev);

	if (err)
		return err;
	t = fib_get_table(net, cfg.table);
	if (!t)
		return -EINVAL;
	fa = kzalloc(sizeof(*fa), GFP_KERNEL);
	n = fa ? node_insert(t, be32_get(cfg.dst), cfg.dst_len) : NULL;
	if (!n) {
		kfree(fa);
		return -ENOMEM;
	}
	pos = &n->aliases;
	list_for_each_entry(other, &n->aliases, list) {
		if (other->cfg.priority == cfg.priority && other->cfg.type == cfg.type &&
		    (cfg.table == RT_TABLE_MAIN || other->cfg.oif == cfg.oif)) {
			kfree(fa);
			return -EEXIST;
		}
		if (other->cfg.priority > cfg.priority) {
			pos = &other->list;
			break;
		}
	}
	cfg.oif = dev ? dev->ifindex : 0;
	fa->cfg = cfg;
	fa->dev = dev;
	if (dev)
		dev_hold(dev);
	list_add_tail_rcu(&fa->list, pos); /* before pos */
	t->count++;
	rt_cache_flush(net);
	return 0;
}

/* Does fa satisfy what a deletion names? Zero means "any". */
static bool alias_matches(const struct fib_alias *fa, const struct fib_config *cfg)
{
	return (!cfg->priority || cfg->priority == fa->cfg.priority) &&
	       (!cfg->type || cfg->type == fa->cfg.type) &&
	       (!cfg->oif || cfg->oif == fa->cfg.oif) &&
	       (!cfg->protocol || cfg->protocol == fa->cfg.protocol) &&
	       (!cfg->gateway.wire || cfg->gateway.wire == fa->cfg.gateway.wire) &&
	       (!cfg->prefsrc.wire || cfg->prefsrc.wire == fa->cfg.prefsrc.wire);
}

int fib_del(struct net *net, const struct fib_config *cfg)
{
	struct fib_table *t = fib_get_table(net, cfg->table);
	struct fib_alias *fa;
	struct fib_node *n;

	if (!t || cfg->dst_len > 32 || (be32_get(cfg->dst) & ~prefix_mask(cfg->dst_len)))
		return -EINVAL;
	n = node_find(t, be32_get(cfg->dst), cfg->dst_len);
	if (!n)
		return -ESRCH;
	list_for_each_entry(fa, &n->aliases, list) {
		if (!alias_matches(fa, cfg))
			continue;
		alias_remove(t, fa);
		node_prune(t, n);
		rt_cache_flush(net);
		return 0;
	}
	return -ESRCH;
}

/* -- all of them
 * ------------------------------------------------------------------------------------------ */

/* In order of prefix: n, then below it. Depth is bounded by 33. */
static void walk_node(const struct fib_node *n, void (*fn)(const struct fib_result *r, void *arg),
		      void *arg)
{
	const struct fib_alias *fa;
	struct fib_result r;

	if (!n)
		return;
	list_for_each_entry_rcu(fa, &n->aliases, list) {
		result_fill(&r, n, fa);
		fn(&r, arg);
	}
	walk_node(rcu_dereference(n->child[0]), fn, arg);
	walk_node(rcu_dereference(n->child[1]), fn, arg);
}

void fib_for_each(struct net *net, void (*fn)(const struct fib_result *r, void *arg), void *arg)
{
	rcu_read_lock();
	walk_node(rcu_dereference(net->ipv4->local.root), fn, arg);
	walk_node(rcu_dereference(net->ipv4->main.root), fn, arg);
	rcu_read_unlock();
}

/* Remove one route through dev, or with source addr, or (both NULL) any. False: there is none. */
static bool flush_one(struct fib_table *t, struct fib_node *n, const struct net_device *dev,
		      const be32 *addr)
{
	struct fib_alias *fa;

	if (!n)
		return false;
	list_for_each_entry(fa, &n->aliases, list) {
		if ((dev && fa->dev != dev) || (addr && fa->cfg.prefsrc.wire != addr->wire))
			continue;
		alias_remove(t, fa);
		node_prune(t, n);
		return true;
	}
	return flush_one(t, n->child[0], dev, addr) || flush_one(t, n->child[1], dev, addr);
}

static void fib_flush(struct net *net, const struct net_device *dev, const be32 *addr)
{
	while (flush_one(&net->ipv4->local, net->ipv4->local.root, dev, addr))
		;
	while (flush_one(&net->ipv4->main, net->ipv4->main.root, dev, addr))
		;
	rt_cache_flush(net);
}

void fib_flush_dev(const struct net_device *dev)
{
	fib_flush(dev_net(dev), dev, NULL);
}

void fib_flush_prefsrc(struct net *net, be32 addr)
{
	fib_flush(net, NULL, &addr);
}

/* -- routes of an address
 * ------------------------------------------------------------------------------------ */

static struct fib_config ifaddr_route(const struct in_ifaddr *ifa, be32 dst, u8 len, u8 type)
{
	return (struct fib_config){
		.dst = dst,
		.dst_len = len,
		.type = type,
		.scope = type == RTN_LOCAL ? RT_SCOPE_HOST : RT_SCOPE_LINK,
		.protocol = RTPROT_KERNEL,
		.table = type == RTN_UNICAST ? RT_TABLE_MAIN : RT_TABLE_LOCAL,
		.oif = ifa->idev->dev->ifindex,
		.prefsrc = ifa->local,
	};
}

/* The up to four routes of ifa; returns how many. */
static unsigned ifaddr_routes(const struct in_ifaddr *ifa, struct fib_config cfg[4])
{
	be32 prefix = be32_and(ifa->address, ifa->mask);
	bool loopback = ifa->idev->dev->flags & IFF_LOOPBACK;
	unsigned n = 0;

	cfg[n++] = ifaddr_route(ifa, ifa->local, 32, RTN_LOCAL);
	if (ifa->prefixlen < 32 && !ipv4_is_zeronet(prefix))
		cfg[n++] = ifaddr_route(ifa, prefix, ifa->prefixlen,
					loopback ? RTN_LOCAL : RTN_UNICAST);
	if (ifa->prefixlen < 31 && !loopback)
		cfg[n++] =
			ifaddr_route(ifa, be32_or(prefix, be32_not(ifa->mask)), 32, RTN_BROADCAST);
	if (ifa->broadcast.wire && !ipv4_is_lbcast(ifa->broadcast) &&
	    ifa->broadcast.wire != (prefix.wire | ~ifa->mask.wire))
		cfg[n++] = ifaddr_route(ifa, ifa->broadcast, 32, RTN_BROADCAST);
	return n;
}

/* -EEXIST is fine: another address of the same subnet brought the route. */
void fib_add_ifaddr(const struct in_ifaddr *ifa)
{
	struct fib_config cfg[4];
	unsigned n = ifaddr_routes(ifa, cfg);

	for (unsigned i = 0; i < n; i++)
		fib_add(dev_net(ifa->idev->dev), &cfg[i]);
}

void fib_del_ifaddr(const struct in_ifaddr *ifa)
{
	struct fib_config cfg[4];
	unsigned n = ifaddr_routes(ifa, cfg);
	const struct in_ifaddr *other;

	for (unsigned i = 0; i < n; i++)
		fib_del(dev_net(ifa->idev->dev), &cfg[i]);
	fib_flush_prefsrc(dev_net(ifa->idev->dev), ifa->local);
	/* What other addresses of the device shared comes back. */
	list_for_each_entry(other, &ifa->idev->addr_list, list) {
		if (other != ifa && (ifa->idev->dev->flags & IFF_UP))
			fib_add_ifaddr(other);
	}
}

/* -- /proc/net/route
 * -------------------------------------------------------------------------------------------- */

static void route_show_one(const struct fib_result *r, void *arg)
{
	u16 flags = RTF_UP;

	if (r->table != RT_TABLE_MAIN)
		return;
	if (r->gateway.wire)
		flags |= RTF_GATEWAY;
	if (r->prefixlen == 32)
		flags |= RTF_HOST;
	if (!r->dev)
		flags |= RTF_REJECT;
	seq_printf(arg, "%s\t%08X\t%08X\t%04X\t%d\t%u\t%u\t%08X\t%u\t%u\t%u\n",
		   r->dev ? r->dev->name : "*", r->prefix.wire, r->gateway.wire, flags, 0, 0,
		   r->priority, be32_make(prefix_mask(r->prefixlen)).wire, r->mtu, 0, 0);
}

static void route_show(struct seq_file *m)
{
	seq_puts(m, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\t"
		    "Window\tIRTT\n");
	fib_for_each(m->private, route_show_one, m);
}

int fib_proc_init(struct net *net)
{
	return proc_net_create(net, "route", route_show, NULL, NULL);
}

void fib_proc_exit(struct net *net)
{
	proc_net_remove(net, "route");
}

void fib_net_init(struct net *net)
{
	net->ipv4->local.id = RT_TABLE_LOCAL;
	net->ipv4->main.id = RT_TABLE_MAIN;
}

void fib_net_exit(struct net *net)
{
	fib_flush(net, NULL, NULL);
}
