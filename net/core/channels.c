/* SPDX-License-Identifier: MIT */
/*
 * How many of its queue pairs a device uses (ethtool -L). Steering, the files of the queues and the
 * root mq follow. What waits in a queue that goes is sent by it first. Context: thread, rtnl held.
 */
#include <net/sched.h>

#include <lib/err.h>

#include "core_int.h"

#define DRAIN_NS NSEC_PER_SEC /* for what waits in queues that go; then it is dropped */

unsigned netdev_rx_queues_used(const struct net_device *dev)
{
	return min(dev->num_rx_queues, dev->real_num_tx_queues);
}

void netif_set_real_num_queues(struct net_device *dev, unsigned n)
{
	unsigned old = dev->real_num_tx_queues, old_rx = netdev_rx_queues_used(dev);

	if (n == old)
		return;
	WRITE_ONCE(dev->real_num_tx_queues, (u16)n);
	xps_resize(dev, old, n);
	rps_resize(dev, old_rx, netdev_rx_queues_used(dev));
	if (n < old) {
		synchronize_rcu(); /* nobody enqueues there any more */
		qdisc_drain(dev, n, old, DRAIN_NS);
	}
}

/* Nobody can be sent to a queue that is not there. A table that somebody set is theirs to change.
 */
static int check_table(struct net_device *dev, unsigned n)
{
	struct netdev_rss *rss;
	int err = 0;

	if (!dev->rxfh_configured || !dev->netdev_ops->ndo_get_rss)
		return 0;
	rss = kzalloc(sizeof(*rss), GFP_KERNEL);
	if (!rss)
		return -ENOMEM;
	if (dev->netdev_ops->ndo_get_rss(dev, rss)) {
		for (unsigned i = 0; i < rss->entries && !err; i++)
			err = rss->queue[i] < n ? 0 : -EINVAL;
	}
	kfree(rss);
	return err;
}

int netdev_set_channels(struct net_device *dev, unsigned n)
{
	unsigned old = dev->real_num_tx_queues;
	int err;

	if (!dev->netdev_ops->ndo_set_channels)
		return -EOPNOTSUPP;
	if (n == old)
		return 0;
	if (!n || n > dev->num_tx_queues)
		return -EINVAL;
	err = check_table(dev, n);
	if (err)
		return err;
	if (n < old) /* the device does without them once nobody sends by them */
		netif_set_real_num_queues(dev, n);
	err = dev->netdev_ops->ndo_set_channels(dev, n);
	netif_set_real_num_queues(dev, err ? old : n);
	return err;
}

void netdev_rss_default(const struct net_device *dev, u16 *queue, unsigned entries, unsigned n)
{
	if (dev->rxfh_configured)
		return;
	for (unsigned i = 0; i < entries; i++)
		queue[i] = (u16)(i % n);
}
