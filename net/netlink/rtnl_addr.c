/* SPDX-License-Identifier: MIT */
/*
 * rtnetlink: IPv4 addresses (`ip addr`). RTM_GETADDR, RTM_NEWADDR, RTM_DELADDR; changes made here
 * are announced to group RTNLGRP_IPV4_IFADDR.
 */
#include <net/netlink.h>

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/inetdevice.h>

static bool fill_addr(struct sk_buff *skb, const struct net_device *dev,
		      const struct in_ifaddr *ifa, u16 type, u32 pid, u32 seq, u16 flags)
{
	struct nlmsghdr *nlh = nlmsg_put(skb, pid, seq, type, sizeof(struct ifaddrmsg), flags);
	struct ifa_cacheinfo ci = {.ifa_prefered = ~0u, .ifa_valid = ~0u};
	struct ifaddrmsg *m;

	if (!nlh)
		return false;
	m = nlmsg_data(nlh);
	m->ifa_family = AF_INET;
	m->ifa_prefixlen = ifa->prefixlen;
	m->ifa_flags = ifa->flags | (ifa->valid_until_ns ? 0 : IFA_F_PERMANENT);
	m->ifa_scope = ifa->scope;
	m->ifa_index = dev->ifindex;
	if (ifa->valid_until_ns) {
		u64 now = ktime_get_ns();

		ci.ifa_valid = ifa->valid_until_ns > now
				       ? (u32)((ifa->valid_until_ns - now) / NSEC_PER_SEC)
				       : 0;
		ci.ifa_prefered = ci.ifa_valid;
	}
	if (nla_put_be32(skb, IFA_ADDRESS, ifa->address) ||
	    nla_put_be32(skb, IFA_LOCAL, ifa->local) ||
	    (ifa->broadcast.wire && nla_put_be32(skb, IFA_BROADCAST, ifa->broadcast)) ||
	    nla_put_string(skb, IFA_LABEL, ifa->label[0] ? ifa->label : dev->name) ||
	    nla_put_u32(skb, IFA_FLAGS, m->ifa_flags) ||
	    nla_put(skb, IFA_CACHEINFO, sizeof(ci), &ci)) {
		nlmsg_cancel(skb, nlh);
		return false;
	}
	nlmsg_end(skb, nlh);
	return true;
}

/* args: [0] devices done, [1] addresses done of the next one */
static bool dump_addrs(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct net_device *dev;
	bool more = false;

	rtnl_lock();
	for_each_netdev(cb->net, dev) {
		const struct in_ifaddr *ifa;
		u64 i = 0;

		if (dev->ifindex <= cb->args[0] || !dev->ip_ptr)
			continue;
		list_for_each_entry(ifa, &dev->ip_ptr->addr_list, list) {
			if (i++ < cb->args[1])
				continue;
			more = !fill_addr(skb, dev, ifa, RTM_NEWADDR, cb->pid, cb->nlh.nlmsg_seq,
					  NLM_F_MULTI);
			if (more)
				goto out;
			cb->args[1] = i;
		}
		cb->args[0] = dev->ifindex;
		cb->args[1] = 0;
	}
out:
	rtnl_unlock();
	return more;
}

static const struct in_ifaddr *find_addr(const struct net_device *dev, be32 local, u8 prefixlen)
{
	const struct in_ifaddr *ifa;

	if (!dev->ip_ptr)
		return NULL;
	list_for_each_entry(ifa, &dev->ip_ptr->addr_list, list)
		if (ifa->local.wire == local.wire && ifa->prefixlen == prefixlen)
			return ifa;
	return NULL;
}

static void announce(struct net_device *dev, be32 local, u8 prefixlen, u16 type)
{
	const struct in_ifaddr *ifa = find_addr(dev, local, prefixlen);
	struct sk_buff *skb;

	if (!ifa || !netlink_has_listeners(dev_net(dev), NETLINK_ROUTE, RTNLGRP_IPV4_IFADDR))
		return;
	skb = alloc_skb(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!skb)
		return;
	fill_addr(skb, dev, ifa, type, 0, 0, 0);
	netlink_broadcast(dev_net(dev), NETLINK_ROUTE, RTNLGRP_IPV4_IFADDR, skb);
}

static int parse_addr(struct nl_request *req, const struct nlattr *tb[], struct net_device **dev)
{
	const struct ifaddrmsg *m = nlmsg_data(req->nlh);
	u32 len = req->nlh->nlmsg_len;
	int err;

	if (len < NLMSG_SPACE(sizeof(*m)) || m->ifa_prefixlen > 32)
		return -EINVAL;
	if (m->ifa_family != AF_INET)
		return -EAFNOSUPPORT;
	err = nla_parse(tb, IFA_MAX, (const u8 *)m + NLMSG_ALIGN(sizeof(*m)),
			len - NLMSG_SPACE(sizeof(*m)));
	if (err)
		return err;
	*dev = dev_get_by_index(req->net, m->ifa_index);
	if (!*dev)
		return -ENODEV;
	return tb[IFA_LOCAL] || tb[IFA_ADDRESS] ? 0 : -EINVAL;
}

static be32 local_of(const struct nlattr *tb[])
{
	return nla_get_be32(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS]);
}

static int new_addr(struct nl_request *req)
{
	const struct ifaddrmsg *m = nlmsg_data(req->nlh);
	const struct nlattr *tb[IFA_MAX + 1];
	struct net_device *dev;
	int err = parse_addr(req, tb, &dev);

	if (err)
		return err;
	err = inet_addr_add(dev, local_of(tb), m->ifa_prefixlen, nla_get_be32(tb[IFA_BROADCAST]),
			    m->ifa_scope);
	if (!err)
		announce(dev, local_of(tb), m->ifa_prefixlen, RTM_NEWADDR);
	return err;
}

static int del_addr(struct nl_request *req)
{
	const struct ifaddrmsg *m = nlmsg_data(req->nlh);
	const struct nlattr *tb[IFA_MAX + 1];
	struct net_device *dev;
	int err = parse_addr(req, tb, &dev);

	if (err)
		return err;
	announce(dev, local_of(tb), m->ifa_prefixlen, RTM_DELADDR);
	return inet_addr_del(dev, local_of(tb), m->ifa_prefixlen);
}

static const struct netlink_handler addr_get = {
	.protocol = NETLINK_ROUTE, .type = RTM_GETADDR, .dump = dump_addrs};
static const struct netlink_handler addr_new = {
	.protocol = NETLINK_ROUTE, .type = RTM_NEWADDR, .rtnl = true, .doit = new_addr};
static const struct netlink_handler addr_del = {
	.protocol = NETLINK_ROUTE, .type = RTM_DELADDR, .rtnl = true, .doit = del_addr};
NETLINK_HANDLER(addr_get);
NETLINK_HANDLER(addr_new);
NETLINK_HANDLER(addr_del);
