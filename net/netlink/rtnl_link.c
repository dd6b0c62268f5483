/* SPDX-License-Identifier: MIT */
/*
 * rtnetlink: links (`ip link`). RTM_GETLINK, RTM_NEWLINK and RTM_SETLINK for what can be set (up,
 * down, MTU, address, promiscuous), and the announcements of group RTNLGRP_LINK.
 */
#include <net/netlink.h>

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <net/sched.h>
#include <string.h>

/* RFC 2863 ifOperStatus */
#define IF_OPER_UNKNOWN 0
#define IF_OPER_DOWN    2
#define IF_OPER_UP      6

static u32 user_flags(const struct net_device *dev)
{
	u32 flags = dev->flags & ~(u32)(IFF_RUNNING | IFF_LOWER_UP);

	if (netif_running(dev) && netif_carrier_ok(dev))
		flags |= IFF_RUNNING;
	if (netif_carrier_ok(dev))
		flags |= IFF_LOWER_UP;
	return flags;
}

static u8 operstate(const struct net_device *dev)
{
	if (dev->flags & IFF_LOOPBACK)
		return IF_OPER_UNKNOWN;
	return netif_running(dev) && netif_carrier_ok(dev) ? IF_OPER_UP : IF_OPER_DOWN;
}

static int put_stats(struct sk_buff *skb, struct net_device *dev)
{
	struct rtnl_link_stats64_k k;
	struct rtnl_link_stats64 s = {0};

	dev_get_stats(dev, &k);
	s.rx_packets = k.rx_packets;
	s.tx_packets = k.tx_packets;
	s.rx_bytes = k.rx_bytes;
	s.tx_bytes = k.tx_bytes;
	s.rx_errors = k.rx_errors;
	s.tx_errors = k.tx_errors;
	s.rx_dropped = k.rx_dropped;
	s.tx_dropped = k.tx_dropped;
	s.multicast = k.multicast;
	s.collisions = k.collisions;
	s.rx_length_errors = k.rx_length_errors;
	s.rx_over_errors = k.rx_over_errors;
	s.rx_crc_errors = k.rx_crc_errors;
	s.rx_frame_errors = k.rx_frame_errors;
	s.rx_fifo_errors = k.rx_fifo_errors;
	s.rx_missed_errors = k.rx_missed_errors;
	s.tx_aborted_errors = k.tx_aborted_errors;
	s.tx_carrier_errors = k.tx_carrier_errors;
	s.tx_fifo_errors = k.tx_fifo_errors;
	s.tx_heartbeat_errors = k.tx_heartbeat_errors;
	s.tx_window_errors = k.tx_window_errors;
	s.rx_nohandler = k.rx_nohandler;
	return nla_put(skb, IFLA_STATS64, sizeof(s), &s);
}

static const char *qdisc_name(const struct net_device *dev)
{
	const struct Qdisc *q = dev->tx ? dev->tx[0].qdisc_sleeping : NULL;

	return q && q->ops ? q->ops->id : "noqueue";
}

static bool fill_link(struct sk_buff *skb, struct net_device *dev, u16 type, u32 pid, u32 seq,
		      u16 flags)
{
	struct nlmsghdr *nlh = nlmsg_put(skb, pid, seq, type, sizeof(struct ifinfomsg), flags);
	struct ifinfomsg *ifi;

	if (!nlh)
		return false;
	ifi = nlmsg_data(nlh);
	ifi->ifi_type = dev->type;
	ifi->ifi_index = (int)dev->ifindex;
	ifi->ifi_flags = user_flags(dev);
	if (nla_put_string(skb, IFLA_IFNAME, dev->name) ||
	    nla_put_u32(skb, IFLA_TXQLEN, dev->tx_queue_len) ||
	    nla_put_u8(skb, IFLA_OPERSTATE, operstate(dev)) ||
	    nla_put_u32(skb, IFLA_MTU, dev->mtu) || nla_put_u32(skb, IFLA_MIN_MTU, dev->min_mtu) ||
	    nla_put_u32(skb, IFLA_MAX_MTU, dev->max_mtu) ||
	    nla_put_u32(skb, IFLA_PROMISCUITY, dev->promiscuity) ||
	    nla_put_u32(skb, IFLA_NUM_TX_QUEUES, dev->num_tx_queues) ||
	    nla_put_u32(skb, IFLA_NUM_RX_QUEUES, dev->num_rx_queues) ||
	    nla_put_u8(skb, IFLA_CARRIER, netif_carrier_ok(dev)) ||
	    nla_put_u32(skb, IFLA_CARRIER_CHANGES,
			(u32)(dev->carrier_up_count + dev->carrier_down_count)) ||
	    nla_put_string(skb, IFLA_QDISC, qdisc_name(dev)) ||
	    nla_put(skb, IFLA_ADDRESS, dev->addr_len, dev->dev_addr) ||
	    nla_put(skb, IFLA_BROADCAST, dev->addr_len, dev->broadcast) || put_stats(skb, dev)) {
		nlmsg_cancel(skb, nlh);
		return false;
	}
	nlmsg_end(skb, nlh);
	return true;
}

static bool dump_links(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct net_device *dev;
	bool more = false;

	rtnl_lock();
	for_each_netdev(cb->net, dev) {
		if (dev->ifindex <= cb->args[0])
			continue;
		more = !fill_link(skb, dev, RTM_NEWLINK, cb->pid, cb->nlh.nlmsg_seq, NLM_F_MULTI);
		if (more)
			break;
		cb->args[0] = dev->ifindex;
	}
	rtnl_unlock();
	return more;
}

/* The device that a request's header or IFLA_IFNAME names. rtnl held. */
static struct net_device *requested_dev(struct nl_request *req, const struct nlattr *tb[])
{
	const struct ifinfomsg *ifi = nlmsg_data(req->nlh);
	char name[IFNAMSIZ];

	if (ifi->ifi_index > 0)
		return dev_get_by_index(req->net, (u32)ifi->ifi_index);
	if (nla_get_string(tb[IFLA_IFNAME], name, sizeof(name)))
		return dev_get_by_name(req->net, name);
	return NULL;
}

static int parse_link(struct nl_request *req, const struct nlattr *tb[], struct net_device **dev)
{
	u32 len = req->nlh->nlmsg_len;
	int err;

	if (len < NLMSG_SPACE(sizeof(struct ifinfomsg)))
		return -EINVAL;
	err = nla_parse(tb, IFLA_MAX,
			(u8 *)nlmsg_data(req->nlh) + NLMSG_ALIGN(sizeof(struct ifinfomsg)),
			len - NLMSG_SPACE(sizeof(struct ifinfomsg)));
	if (err)
		return err;
	*dev = requested_dev(req, tb);
	return *dev ? 0 : -ENODEV;
}

static int get_link(struct nl_request *req)
{
	const struct nlattr *tb[IFLA_MAX + 1];
	struct net_device *dev;
	struct sk_buff *skb;
	int err = parse_link(req, tb, &dev);

	if (err)
		return err;
	skb = alloc_skb(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!skb)
		return -ENOBUFS;
	fill_link(skb, dev, RTM_NEWLINK, req->pid, req->nlh->nlmsg_seq, 0);
	return netlink_unicast(req->sk, skb);
}

static int set_link(struct nl_request *req)
{
	const struct ifinfomsg *ifi = nlmsg_data(req->nlh);
	const struct nlattr *tb[IFLA_MAX + 1];
	struct net_device *dev;
	int err = parse_link(req, tb, &dev);

	if (err)
		return err;
	if (tb[IFLA_MTU])
		err = dev_set_mtu(dev, nla_get_u32(tb[IFLA_MTU], 0));
	if (!err && tb[IFLA_ADDRESS])
		err = nla_len(tb[IFLA_ADDRESS]) == dev->addr_len
			      ? dev_set_mac_address(dev, nla_data(tb[IFLA_ADDRESS]))
			      : -EINVAL;
	if (!err && ifi->ifi_change)
		err = dev_change_flags(dev, (dev->flags & ~ifi->ifi_change) |
						    (ifi->ifi_flags & ifi->ifi_change));
	return err;
}

static const struct netlink_handler link_get = {.protocol = NETLINK_ROUTE,
						.type = RTM_GETLINK,
						.rtnl = true,
						.doit = get_link,
						.dump = dump_links};
static const struct netlink_handler link_new = {
	.protocol = NETLINK_ROUTE, .type = RTM_NEWLINK, .rtnl = true, .doit = set_link};
static const struct netlink_handler link_set = {
	.protocol = NETLINK_ROUTE, .type = RTM_SETLINK, .rtnl = true, .doit = set_link};
NETLINK_HANDLER(link_get);
NETLINK_HANDLER(link_new);
NETLINK_HANDLER(link_set);

static void announce_link(struct net_device *dev, enum netdev_event ev)
{
	struct sk_buff *skb;

	if (ev == NETDEV_NOTIFY_PEERS ||
	    !netlink_has_listeners(dev_net(dev), NETLINK_ROUTE, RTNLGRP_LINK))
		return;
	skb = alloc_skb(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!skb)
		return;
	fill_link(skb, dev, ev == NETDEV_UNREGISTER ? RTM_DELLINK : RTM_NEWLINK, 0, 0, 0);
	netlink_broadcast(dev_net(dev), NETLINK_ROUTE, RTNLGRP_LINK, skb);
}

static const struct netdev_notifier link_notifier = {.fn = announce_link};
NETDEV_NOTIFIER(link_notifier);
