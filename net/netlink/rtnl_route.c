/* SPDX-License-Identifier: MIT */
/*
 * rtnetlink: IPv4 routes (`ip route`). RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE: the dump of the
 * tables, or the lookup of one destination (`ip route get`).
 */
#include <net/netlink.h>

#include <errno.h>
#include <lib/err.h>
#include <linux/rtnetlink.h>
#include <net/ip_route.h>

static int put_metrics(struct sk_buff *skb, const struct fib_result *r)
{
	struct nlattr *nest;

	if (!r->mtu && !r->initcwnd && !r->initrwnd && !r->advmss)
		return 0;
	nest = nla_nest_start(skb, RTA_METRICS);
	if (!nest || (r->mtu && nla_put_u32(skb, RTAX_MTU, r->mtu)) ||
	    (r->advmss && nla_put_u32(skb, RTAX_ADVMSS, r->advmss)) ||
	    (r->initcwnd && nla_put_u32(skb, RTAX_INITCWND, r->initcwnd)) ||
	    (r->initrwnd && nla_put_u32(skb, RTAX_INITRWND, r->initrwnd)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static bool fill_route(struct sk_buff *skb, const struct fib_result *r, u32 pid, u32 seq, u16 flags)
{
	struct nlmsghdr *nlh = nlmsg_put(skb, pid, seq, RTM_NEWROUTE, sizeof(struct rtmsg), flags);
	struct rtmsg *m;

	if (!nlh)
		return false;
	m = nlmsg_data(nlh);
	m->rtm_family = AF_INET;
	m->rtm_dst_len = r->prefixlen;
	m->rtm_table = r->table;
	m->rtm_protocol = r->protocol;
	m->rtm_scope = r->scope;
	m->rtm_type = r->type;
	if (nla_put_u32(skb, RTA_TABLE, r->table) ||
	    (r->prefixlen && nla_put_be32(skb, RTA_DST, r->prefix)) ||
	    (r->gateway.wire && nla_put_be32(skb, RTA_GATEWAY, r->gateway)) ||
	    (r->prefsrc.wire && nla_put_be32(skb, RTA_PREFSRC, r->prefsrc)) ||
	    (r->priority && nla_put_u32(skb, RTA_PRIORITY, r->priority)) ||
	    (r->dev && nla_put_u32(skb, RTA_OIF, r->dev->ifindex)) || put_metrics(skb, r)) {
		nlmsg_cancel(skb, nlh);
		return false;
	}
	nlmsg_end(skb, nlh);
	return true;
}

struct dump_state {
	struct sk_buff *skb;
	struct netlink_callback *cb;
	u64 i;
	bool full;
};

/* args[0]: routes already given */
static void dump_one(const struct fib_result *r, void *arg)
{
	struct dump_state *d = arg;

	if (d->full || d->i++ < d->cb->args[0])
		return;
	if (fill_route(d->skb, r, d->cb->pid, d->cb->nlh.nlmsg_seq, NLM_F_MULTI))
		d->cb->args[0]++;
	else
		d->full = true;
}

static bool dump_routes(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump_state d = {.skb = skb, .cb = cb};

	rtnl_lock();
	fib_for_each(cb->net, dump_one, &d);
	rtnl_unlock();
	return d.full;
}

static int parse_route(struct nl_request *req, const struct nlattr *tb[], struct fib_config *cfg)
{
	const struct nlattr *mx[RTAX_MAX + 1] = {0};
	const struct rtmsg *m = nlmsg_data(req->nlh);
	u32 len = req->nlh->nlmsg_len;
	int err;

	if (len < NLMSG_SPACE(sizeof(*m)) || m->rtm_dst_len > 32)
		return -EINVAL;
	if (m->rtm_family != AF_INET)
		return -EAFNOSUPPORT;
	err = nla_parse(tb, RTA_MAX, (const u8 *)m + NLMSG_ALIGN(sizeof(*m)),
			len - NLMSG_SPACE(sizeof(*m)));
	if (!err && tb[RTA_METRICS])
		err = nla_parse(mx, RTAX_MAX, nla_data(tb[RTA_METRICS]), nla_len(tb[RTA_METRICS]));
	if (err)
		return err;
	*cfg = (struct fib_config){
		.dst = nla_get_be32(tb[RTA_DST]),
		.gateway = nla_get_be32(tb[RTA_GATEWAY]),
		.prefsrc = nla_get_be32(tb[RTA_PREFSRC]),
		.dst_len = m->rtm_dst_len,
		.type = m->rtm_type,
		.scope = m->rtm_scope,
		.protocol = m->rtm_protocol,
		.table = m->rtm_table ? m->rtm_table : RT_TABLE_MAIN,
		.oif = nla_get_u32(tb[RTA_OIF], 0),
		.priority = nla_get_u32(tb[RTA_PRIORITY], 0),
		.mtu = nla_get_u32(mx[RTAX_MTU], 0),
		.initcwnd = nla_get_u32(mx[RTAX_INITCWND], 0),
		.initrwnd = nla_get_u32(mx[RTAX_INITRWND], 0),
		.advmss = nla_get_u32(mx[RTAX_ADVMSS], 0),
	};
	return 0;
}

static int new_route(struct nl_request *req)
{
	const struct nlattr *tb[RTA_MAX + 1];
	struct fib_config cfg;
	int err = parse_route(req, tb, &cfg);

	if (err)
		return err;
	if (!cfg.type)
		cfg.type = RTN_UNICAST;
	if (req->nlh->nlmsg_flags & NLM_F_REPLACE) {
		struct fib_config old = {.dst = cfg.dst,
					 .dst_len = cfg.dst_len,
					 .table = cfg.table,
					 .priority = cfg.priority};

		fib_del(req->net, &old); /* -ESRCH: there was none */
	}
	return fib_add(req->net, &cfg);
}

static int del_route(struct nl_request *req)
{
	const struct nlattr *tb[RTA_MAX + 1];
	struct fib_config cfg;
	int err = parse_route(req, tb, &cfg);

	return err ? err : fib_del(req->net, &cfg);
}

/* ip route get: which way would a packet go? */
static int get_route(struct nl_request *req)
{
	const struct nlattr *tb[RTA_MAX + 1];
	struct fib_config cfg;
	struct flowi4 fl = {.daddr = {0}};
	struct rtable *rt;
	struct sk_buff *skb;
	int err = parse_route(req, tb, &cfg);

	if (err)
		return err;
	fl.daddr = cfg.dst;
	fl.saddr = nla_get_be32(tb[RTA_SRC]);
	fl.oif = cfg.oif;
	rt = ip_route_output_flow(req->net, &fl, NULL);
	if (IS_ERR(rt))
		return (int)PTR_ERR(rt);
	skb = alloc_skb(NLMSG_GOODSIZE, GFP_KERNEL);
	if (skb) {
		struct fib_result r = {.prefix = cfg.dst,
				       .prefixlen = 32,
				       .type = rt->type,
				       .table = RT_TABLE_MAIN,
				       .prefsrc = fl.saddr,
				       .gateway = rt->gateway,
				       .dev = rt->dst.dev,
				       .mtu = rt->pmtu};

		fill_route(skb, &r, req->pid, req->nlh->nlmsg_seq, 0);
		err = netlink_unicast(req->sk, skb);
	} else {
		err = -ENOBUFS;
	}
	dst_release(&rt->dst);
	return err;
}

static const struct netlink_handler route_get = {
	.protocol = NETLINK_ROUTE, .type = RTM_GETROUTE, .doit = get_route, .dump = dump_routes};
static const struct netlink_handler route_new = {
	.protocol = NETLINK_ROUTE, .type = RTM_NEWROUTE, .rtnl = true, .doit = new_route};
static const struct netlink_handler route_del = {
	.protocol = NETLINK_ROUTE, .type = RTM_DELROUTE, .rtnl = true, .doit = del_route};
NETLINK_HANDLER(route_get);
NETLINK_HANDLER(route_new);
NETLINK_HANDLER(route_del);
