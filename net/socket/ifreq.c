/* SPDX-License-Identifier: MIT */
/*
 * The interface ioctls of netdevice(7) that programs still use to read an interface: index, name,
 * flags, addresses, MTU. Changes go through rtnetlink. Thread context.
 */
#include "socket_int.h"

#include <errno.h>
#include <net/if_arp.h>
#include <net/inetdevice.h>
#include <string.h>
#include <sys/ioctl.h>

/* IFF_* as user programs see them: with the operational state. */
static short user_flags(const struct net_device *dev)
{
	u32 flags = dev->flags & ~(u32)IFF_RUNNING;

	if (netif_running(dev) && netif_carrier_ok(dev))
		flags |= IFF_RUNNING;
	return (short)flags;
}

static int put_inet(struct sockaddr *to, be32 addr)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = addr.wire};

	memcpy(to, &sin, sizeof(sin));
	return 0;
}

static int get_address(const struct net_device *dev, unsigned cmd, struct ifreq *ifr)
{
	const struct in_device *idev = in_dev_get_rcu(dev);
	const struct in_ifaddr *ifa;

	if (!idev || list_empty(&idev->addr_list))
		return -EADDRNOTAVAIL;
	ifa = list_first_entry(&idev->addr_list, struct in_ifaddr, list);
	switch (cmd) {
	case SIOCGIFADDR:
		return put_inet(&ifr->ifr_addr, ifa->local);
	case SIOCGIFBRDADDR:
		return put_inet(&ifr->ifr_broadaddr, ifa->broadcast);
	default:
		return put_inet(&ifr->ifr_netmask, ifa->mask);
	}
}

static int get_one(const struct net_device *dev, unsigned cmd, struct ifreq *ifr)
{
	switch (cmd) {
	case SIOCGIFNAME:
		memcpy(ifr->ifr_name, dev->name, IFNAMSIZ);
		return 0;
	case SIOCGIFINDEX:
		ifr->ifr_ifindex = (int)dev->ifindex;
		return 0;
	case SIOCGIFFLAGS:
		ifr->ifr_flags = user_flags(dev);
		return 0;
	case SIOCGIFMTU:
		ifr->ifr_mtu = (int)dev->mtu;
		return 0;
	case SIOCGIFTXQLEN:
		ifr->ifr_qlen = (int)dev->tx_queue_len;
		return 0;
	case SIOCGIFHWADDR:
		ifr->ifr_hwaddr.sa_family = dev->type;
		memcpy(ifr->ifr_hwaddr.sa_data, dev->dev_addr, dev->addr_len);
		return 0;
	default:
		return get_address(dev, cmd, ifr);
	}
}

int ifreq_ioctl(struct net *net, unsigned cmd, void *arg)
{
	struct ifreq *ifr = arg;
	const struct net_device *dev;
	int err = -ENODEV;

	switch (cmd) {
	case SIOCETHTOOL:
		ifr->ifr_name[IFNAMSIZ - 1] = '\0';
		return dev_ethtool(net, ifr->ifr_name, ifr->ifr_data);
	case SIOCGIFNAME:
	case SIOCGIFINDEX:
	case SIOCGIFFLAGS:
	case SIOCGIFMTU:
	case SIOCGIFTXQLEN:
	case SIOCGIFHWADDR:
	case SIOCGIFADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
		break;
	default:
		return -ENOTTY;
	}
	if (cmd != SIOCGIFNAME)
		ifr->ifr_name[IFNAMSIZ - 1] = '\0';
	rcu_read_lock();
	dev = cmd == SIOCGIFNAME ? dev_get_by_index(net, (u32)ifr->ifr_ifindex)
				 : dev_get_by_name(net, ifr->ifr_name);
	if (dev)
		err = get_one(dev, cmd, ifr);
	rcu_read_unlock();
	return err;
}
