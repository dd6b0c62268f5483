/* SPDX-License-Identifier: MIT */
/*
 * lo: what is sent is received, on the CPU that sent it, through the backlog. Packets keep their
 * route, so that input need not look it up; checksums stay undone, as nothing can damage them.
 */
#include <lib/err.h>
#include <linux/if_ether.h>
#include <net/dst.h>
#include <net/if_arp.h>

#include "core_int.h"

static netdev_tx_t loopback_xmit(struct sk_buff *skb, struct net_device *dev)
{
	if (unlikely(skb_orphan_frags(skb))) {
		kfree_skb_reason(skb, SKB_DROP_REASON_NOMEM);
		dev_stats_inc(dev, tx_dropped);
		return NETDEV_TX_OK;
	}
	skb_orphan(skb);
	if (skb->dst && skb->dst_noref) {
		skb->dst_noref = 0;
		if (!refcount_inc_not_zero(&skb->dst->ref))
			skb->dst = NULL;
	}
	skb->transport_header = 0xffff;
	skb->protocol = eth_type_trans(skb, dev);
	netif_rx(skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops loopback_ops = {.ndo_start_xmit = loopback_xmit};

static void loopback_setup(struct net_device *dev)
{
	ether_setup(dev); /* header of 14 bytes with addresses of zero, as in Linux */
	dev->type = ARPHRD_LOOPBACK;
	dev->flags = IFF_LOOPBACK;
	dev->mtu = 65536;
	dev->min_mtu = 0;
	dev->max_mtu = 0;
	dev->tx_queue_len = 0;
	dev->netdev_ops = &loopback_ops;
	dev->driver_name = "loopback";
	dev->features = NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HW_CSUM | NETIF_F_RXCSUM |
			NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN | NETIF_F_GSO_UDP_L4 |
			NETIF_F_HIGHDMA | NETIF_F_LOOPBACK | NETIF_F_LLTX;
}

int loopback_net_init(struct net *net)
{
	struct net_device *dev = alloc_netdev_mqs(0, "lo", loopback_setup, 1, 1);
	int err;

	if (!dev)
		return -ENOMEM;
	net->loopback_dev = dev;
	err = register_netdev(dev, net);
	if (err) {
		net->loopback_dev = NULL;
		free_netdev(dev);
		return err;
	}
	rtnl_lock();
	err = dev_open(dev);
	rtnl_unlock();
	return err;
}
