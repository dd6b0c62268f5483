/* SPDX-License-Identifier: MIT */
/*
 * IPv4 addresses of devices: added and removed under rtnl, looked up under rcu; and what IPv4 does
 * when a device comes, changes or goes.
 */
#include <kernel/log.h>
#include <kernel/mm.h>
#include <lib/err.h>
#include <lib/hash.h>
#include <lib/inet_text.h>
#include <lib/string.h>

#include "ipv4_int.h"

static struct hlist_head *addr_chain(struct net *net, be32 addr)
{
	return &net->ipv4->addr_hash[hash_32(addr.wire, 6)];
}

/* -- looking up -------------------------------------------------------------------------------- */

bool inet_addr_is_local(struct net *net, be32 addr)
{
	const struct in_ifaddr *ifa;
	bool found = false;

	rcu_read_lock();
	hlist_for_each_entry_rcu(ifa, addr_chain(net, addr), hash) {
		if (ifa->local.wire == addr.wire) {
			found = true;
			break;
		}
	}
	if (!found && ipv4_is_loopback(addr))
		found = fib_local_type(net, addr, 0) == RTN_LOCAL;
	rcu_read_unlock();
	return found;
}

u8 inet_addr_type(struct net *net, be32 addr)
{
	u8 type;

	if (ipv4_is_zeronet(addr) || ipv4_is_lbcast(addr))
		return RTN_BROADCAST;
	if (ipv4_is_multicast(addr))
		return RTN_MULTICAST;
	rcu_read_lock();
	type = fib_local_type(net, addr, 0);
	rcu_read_unlock();
	return type ? type : RTN_UNICAST;
}

bool inet_addr_onlink(const struct in_device *idev, be32 a, be32 b)
{
	const struct in_ifaddr *ifa;

	list_for_each_entry_rcu(ifa, &idev->addr_list, list) {
		if (!((ifa->address.wire ^ a.wire) & ifa->mask.wire) &&
		    (!b.wire || !((ifa->address.wire ^ b.wire) & ifa->mask.wire)))
			return true;
	}
	return false;
}

/* The best address of one device: in dst's subnet, else its first. */
static be32 select_on(const struct in_device *idev, be32 dst, u8 scope)
{
	const struct in_ifaddr *ifa;
	be32 first = {0};

	list_for_each_entry_rcu(ifa, &idev->addr_list, list) {
		if (ifa->scope > scope)
			continue;
		if (!dst.wire || !((ifa->address.wire ^ dst.wire) & ifa->mask.wire))
			return ifa->local;
		if (!first.wire)
			first = ifa->local;
	}
	return first;
}

be32 inet_select_addr(const struct net_device *dev, be32 dst, u8 scope)
{
	const struct in_device *idev = in_dev_get_rcu(dev);
	be32 addr = idev ? select_on(idev, dst, scope) : (be32){0};
	const struct net_device *other;

	if (addr.wire)
		return addr;
	for_each_netdev_rcu(dev_net(dev), other) {
		idev = in_dev_get_rcu(other);
		if (!idev || other == dev)
			continue;
		addr = select_on(idev, (be32){0}, min(scope, (u8)(RT_SCOPE_LINK - 1)));
		if (addr.wire)
			return addr;
	}
	return addr;
}

/* -- a device's data -----------------------------------------------------------------------------
 */

static struct in_device *inetdev_init(struct net_device *dev)
{
	const struct netns_ipv4 *ip4 = dev_net(dev)->ipv4;
	struct in_device *idev = kzalloc(sizeof(*idev), GFP_KERNEL);

	if (!idev)
		return NULL;
	idev->dev = dev;
	dev_hold(dev);
	INIT_LIST_HEAD(&idev->addr_list);
	INIT_LIST_HEAD(&idev->mc_list);
	idev->arp_ignore = (u8)ip4->arp_ignore;
	idev->arp_announce = (u8)ip4->arp_announce;
	idev->arp_notify = (u8)ip4->arp_notify;
	idev->arp_accept = (u8)ip4->arp_accept;
	idev->rp_filter = (u8)ip4->rp_filter;
	idev->accept_source_route = (u8)ip4->accept_source_route;
	idev->log_martians = (u8)ip4->log_martians;
	rcu_assign_pointer(dev->ip_ptr, idev);
	return idev;
}

static void idev_free_rcu(struct rcu_head *head)
{
	struct in_device *idev = container_of(head, struct in_device, rcu);

	dev_put(idev->dev);
	kfree(idev);
}

/* -- addresses
 * ------------------------------------------------------------------------------------- */

static struct in_ifaddr *find_ifa(const struct in_device *idev, be32 local, u8 prefixlen)
{
	struct in_ifaddr *ifa;

	list_for_each_entry(ifa, &idev->addr_list, list) {
		if (ifa->local.wire == local.wire && ifa->prefixlen == prefixlen)
			return ifa;
	}
	return NULL;
}

static bool addr_assignable(be32 a)
{
	return !ipv4_is_zeronet(a) && !ipv4_is_multicast(a) && !ipv4_is_lbcast(a);
}

int inet_addr_add(struct net_device *dev, be32 local, u8 prefixlen, be32 broadcast, u8 scope)
{
	struct in_device *idev = dev->ip_ptr;
	struct in_ifaddr *ifa;

	if (prefixlen > 32 || !addr_assignable(local))
		return -EINVAL;
	if (!idev)
		idev = inetdev_init(dev);
	if (!idev)
		return -ENOMEM;
	if (find_ifa(idev, local, prefixlen))
		return -EEXIST;
	ifa = kzalloc(sizeof(*ifa), GFP_KERNEL);
	if (!ifa)
		return -ENOMEM;
	ifa->idev = idev;
	ifa->local = ifa->address = local;
	ifa->prefixlen = prefixlen;
	ifa->mask = ipv4_prefix_mask(prefixlen);
	ifa->broadcast = broadcast;
	ifa->scope = ipv4_is_loopback(local) ? RT_SCOPE_HOST : scope;
	ifa->flags = IFA_F_PERMANENT;
	strscpy(ifa->label, dev->name, sizeof(ifa->label));
	list_add_tail_rcu(&ifa->list, &idev->addr_list);
	hlist_add_head_rcu(&ifa->hash, addr_chain(dev_net(dev), local));
	if (!(dev->flags & IFF_UP))
		return 0;
	fib_add_ifaddr(ifa);
	if (idev->arp_notify && netif_carrier_ok(dev))
		arp_announce(dev, local);
	return 0;
}

static void ifa_remove(struct in_ifaddr *ifa)
{
	fib_del_ifaddr(ifa);
	list_del_rcu(&ifa->list);
	hlist_del_rcu(&ifa->hash);
	rt_cache_flush(dev_net(ifa->idev->dev));
	kfree_rcu(ifa, rcu);
}

int inet_addr_del(struct net_device *dev, be32 local, u8 prefixlen)
{
	struct in_ifaddr *ifa = dev->ip_ptr ? find_ifa(dev->ip_ptr, local, prefixlen) : NULL;

	if (!ifa)
		return -EADDRNOTAVAIL;
	ifa_remove(ifa);
	return 0;
}

/* -- groups
 * ------------------------------------------------------------------------------------------ */

static struct ip_mc_list *find_group(const struct in_device *idev, be32 group)
{
	struct ip_mc_list *im;

	list_for_each_entry_rcu(im, &idev->mc_list, list) {
		if (im->multiaddr.wire == group.wire)
			return im;
	}
	return NULL;
}

bool ip_check_mc_rcu(const struct in_device *idev, be32 group)
{
	return find_group(idev, group) != NULL;
}

static void group_mac(be32 group, u8 mac[MAX_ADDR_LEN])
{
	u32 g = be32_get(group);
	const u8 addr[6] = {0x01, 0x00, 0x5e, (u8)(g >> 16 & 0x7f), (u8)(g >> 8), (u8)g};

	memset(mac, 0, MAX_ADDR_LEN);
	memcpy(mac, addr, sizeof(addr));
}

int ip_mc_inc_group(struct net_device *dev, be32 group)
{
	struct in_device *idev = dev->ip_ptr;
	struct ip_mc_list *im;
	u8 mac[MAX_ADDR_LEN];

	if (!ipv4_is_multicast(group))
		return -EINVAL;
	if (!idev)
		return -ENODEV;
	im = find_group(idev, group);
	if (im) {
		im->users++;
		return 0;
	}
	im = kzalloc(sizeof(*im), GFP_KERNEL);
	if (!im)
		return -ENOMEM;
	im->multiaddr = group;
	im->users = 1;
	list_add_tail_rcu(&im->list, &idev->mc_list);
	group_mac(group, mac);
	return dev_mc_add(dev, mac);
}

void ip_mc_dec_group(struct net_device *dev, be32 group)
{
	struct in_device *idev = dev->ip_ptr;
	struct ip_mc_list *im = idev ? find_group(idev, group) : NULL;
	u8 mac[MAX_ADDR_LEN];

	if (!im || --im->users)
		return;
	list_del_rcu(&im->list);
	group_mac(group, mac);
	dev_mc_del(dev, mac);
	kfree_rcu(im, rcu);
}

/* -- what happens to devices
 * ----------------------------------------------------------------------------- */

static void announce_all(struct net_device *dev)
{
	const struct in_ifaddr *ifa;

	if (!dev->ip_ptr)
		return;
	list_for_each_entry(ifa, &dev->ip_ptr->addr_list, list)
		arp_announce(dev, ifa->local);
}

static void inetdev_up(struct net_device *dev)
{
	struct in_device *idev = dev->ip_ptr;
	const struct in_ifaddr *ifa;

	if (!idev)
		return;
	if ((dev->flags & IFF_LOOPBACK) && list_empty(&idev->addr_list))
		inet_addr_add(dev, BE32(INADDR_LOOPBACK), 8, (be32){0}, RT_SCOPE_HOST);
	list_for_each_entry(ifa, &idev->addr_list, list)
		fib_add_ifaddr(ifa);
	ip_mc_inc_group(dev, BE32(INADDR_ALLHOSTS_GROUP));
	if (netif_carrier_ok(dev) && idev->arp_notify)
		announce_all(dev);
}

static void inetdev_down(struct net_device *dev)
{
	ip_mc_dec_group(dev, BE32(INADDR_ALLHOSTS_GROUP));
	fib_flush_dev(dev);
	neigh_ifdown(&dev_net(dev)->ipv4->arp, dev);
	rt_cache_flush(dev_net(dev));
}

static void inetdev_destroy(struct net_device *dev)
{
	struct in_device *idev = dev->ip_ptr;
	struct in_ifaddr *ifa, *tmp;
	struct ip_mc_list *im, *next;

	neigh_ifdown(&dev_net(dev)->ipv4->arp, dev);
	if (idev) {
		list_for_each_entry_safe(ifa, tmp, &idev->addr_list, list)
			ifa_remove(ifa);
		list_for_each_entry_safe(im, next, &idev->mc_list, list) {
			list_del_rcu(&im->list);
			kfree_rcu(im, rcu);
		}
		rcu_assign_pointer(dev->ip_ptr, NULL);
		call_rcu(&idev->rcu, idev_free_rcu);
	}
	fib_flush_dev(dev);
	rt_flush_dev(dev);
}

static void inetdev_change(struct net_device *dev)
{
	const struct in_device *idev = dev->ip_ptr;

	if (!idev || !(dev->flags & IFF_UP))
		return;
	if (!netif_carrier_ok(dev))
		neigh_changeaddr(&dev_net(dev)->ipv4->arp, dev);
	else if (idev->arp_notify)
		announce_all(dev);
}

void inetdev_event(struct net_device *dev, enum netdev_event ev)
{
	if (!dev_net(dev)->ipv4)
		return;
	switch (ev) {
	case NETDEV_REGISTER:
		if (!inetdev_init(dev))
			pr_err("%s: no memory for IPv4", dev->name);
		if (dev->flags & IFF_LOOPBACK)
			rt_set_input_dev(dev_net(dev), dev);
		break;
	case NETDEV_UP:
		inetdev_up(dev);
		break;
	case NETDEV_DOWN:
		inetdev_down(dev);
		break;
	case NETDEV_CHANGE:
		inetdev_change(dev);
		break;
	case NETDEV_UNREGISTER:
		inetdev_destroy(dev);
		break;
	case NETDEV_CHANGEADDR:
		neigh_changeaddr(&dev_net(dev)->ipv4->arp, dev);
		announce_all(dev);
		break;
	case NETDEV_NOTIFY_PEERS:
		announce_all(dev);
		break;
	case NETDEV_CHANGEMTU:
	case NETDEV_FEAT_CHANGE:
		rt_cache_flush(dev_net(dev));
		break;
	}
}

static const struct netdev_notifier inetdev_notifier = {.fn = inetdev_event};
NETDEV_NOTIFIER(inetdev_notifier);
