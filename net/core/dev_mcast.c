/* SPDX-License-Identifier: MIT */
/*
 * Which frames a device listens to beside its own: multicast addresses (counted), all of them, or
 * everything. The driver learns of changes by ndo_set_rx_mode(), under addr_lock. Thread context.
 */
#include <kernel/mm.h>
#include <lib/err.h>
#include <lib/string.h>

#include "core_int.h"

void dev_set_rx_mode(struct net_device *dev)
{
	if (!(dev->flags & IFF_UP) || !dev->netdev_ops->ndo_set_rx_mode)
		return;
	spin_lock_bh(&dev->addr_lock);
	dev->netdev_ops->ndo_set_rx_mode(dev);
	spin_unlock_bh(&dev->addr_lock);
}

int dev_set_promiscuity(struct net_device *dev, int inc)
{
	u32 before = dev->promiscuity;

	if (inc < 0 && before < (u32)-inc)
		return -EINVAL;
	dev->promiscuity = before + (u32)inc;
	if (!before == !dev->promiscuity)
		return 0;
	dev->flags ^= IFF_PROMISC;
	pr_info("%s: %s promiscuous mode", dev->name, dev->promiscuity ? "entered" : "left");
	dev_set_rx_mode(dev);
	return 0;
}

static struct netdev_hw_addr *mc_find(struct net_device *dev, const void *addr)
{
	struct netdev_hw_addr *ha;

	netdev_for_each_mc_addr(ha, dev)
	{
		if (!memcmp(ha->addr, addr, dev->addr_len))
			return ha;
	}
	return NULL;
}

int dev_mc_add(struct net_device *dev, const void *addr)
{
	struct netdev_hw_addr *ha = mc_find(dev, addr);

	if (ha) {
		ha->refcount++;
		return 0;
	}
	ha = kzalloc(sizeof(*ha), GFP_KERNEL);
	if (!ha)
		return -ENOMEM;
	ha->refcount = 1;
	memcpy(ha->addr, addr, dev->addr_len);
	spin_lock_bh(&dev->addr_lock);
	list_add_tail(&ha->list, &dev->mc_list);
	spin_unlock_bh(&dev->addr_lock);
	dev_set_rx_mode(dev);
	return 0;
}

int dev_mc_del(struct net_device *dev, const void *addr)
{
	struct netdev_hw_addr *ha = mc_find(dev, addr);

	if (!ha)
		return -ENOENT;
	if (--ha->refcount)
		return 0;
	spin_lock_bh(&dev->addr_lock);
	list_del(&ha->list);
	spin_unlock_bh(&dev->addr_lock);
	kfree(ha);
	dev_set_rx_mode(dev);
	return 0;
}

void dev_mc_flush(struct net_device *dev)
{
	struct netdev_hw_addr *ha, *tmp;

	list_for_each_entry_safe(ha, tmp, &dev->mc_list, list) {
		list_del(&ha->list);
		kfree(ha);
	}
}
