/* SPDX-License-Identifier: MIT */
/*
 * Network devices: made, named, registered, opened, closed, changed. Everything here is
 * configuration: thread context under rtnl. Receiving is in napi.c, sending in xmit.c.
 *
 * Invariant: a device is on its net's list exactly while it is registered; it is freed only when
 * nobody holds it.
 */
#include <net/netdevice.h>

#include <kernel/log.h>
#include <kernel/mm.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <net/sched.h>

#include "core_int.h"

#define MAX_NAME_INDEX 256 /* eth0 .. eth255 */

extern const struct netdev_notifier *const __start_netdev_notifiers[] __weak;
extern const struct netdev_notifier *const __stop_netdev_notifiers[] __weak;

/* -- looking up ------------------------------------------------------------------------------ */

struct net_device *dev_get_by_name(struct net *net, const char *name)
{
	struct net_device *dev;

	for_each_netdev_rcu(net, dev) {
		if (!strncmp(dev->name, name, IFNAMSIZ))
			return dev;
	}
	return NULL;
}

struct net_device *dev_get_by_index(struct net *net, u32 ifindex)
{
	struct net_device *dev;

	for_each_netdev_rcu(net, dev) {
		if (dev->ifindex == ifindex)
			return dev;
	}
	return NULL;
}

const char *netdev_event_name(enum netdev_event ev)
{
	static const char *const names[] = {
		[NETDEV_UP] = "UP",
		[NETDEV_DOWN] = "DOWN",
		[NETDEV_CHANGE] = "CHANGE",
		[NETDEV_REGISTER] = "REGISTER",
		[NETDEV_UNREGISTER] = "UNREGISTER",
		[NETDEV_CHANGEMTU] = "CHANGEMTU",
		[NETDEV_CHANGEADDR] = "CHANGEADDR",
		[NETDEV_NOTIFY_PEERS] = "NOTIFY_PEERS",
		[NETDEV_FEAT_CHANGE] = "FEAT_CHANGE",
	};

	return (unsigned)ev < ARRAY_SIZE(names) ? names[ev] : "?";
}

void call_netdevice_notifiers(struct net_device *dev, enum netdev_event ev)
{
	const struct netdev_notifier *const *n;

	section_for_each(n, netdev_notifiers)
		(*n)->fn(dev, ev);
}

/* -- making ------------------------------------------------------------------------------------ */

static void netdev_init_queues(struct net_device *dev, struct netdev_queue *tx, unsigned n)
{
	dev->tx = tx;
	dev->num_tx_queues = dev->real_num_tx_queues = (u16)n;
	for (unsigned i = 0; i < n; i++) {
		tx[i].dev = dev;
		tx[i].index = (u16)i;
		spin_lock_init(&tx[i].xmit_lock);
		dql_init(&tx[i].dql);
	}
}

struct net_device *alloc_netdev_mqs(size_t sizeof_priv, const char *name,
				    void (*setup)(struct net_device *dev), unsigned txqs,
				    unsigned rxqs)
{
	size_t head = ALIGN(sizeof(struct net_device) + sizeof_priv, 64);
	size_t rx_at = ALIGN(head + txqs * sizeof(struct netdev_queue), 64);
	size_t size = rx_at + rxqs * sizeof(struct netdev_rx_queue);
	struct net_device *dev;

	if (!txqs || !rxqs)
		return NULL;
	dev = kvzalloc(size, GFP_KERNEL);
	if (!dev)
		return NULL;
	dev->alloc_bytes = size;
	refcount_set(&dev->refs, 1);
	strscpy(dev->name, name, sizeof(dev->name));
	INIT_LIST_HEAD(&dev->dev_list);
	INIT_LIST_HEAD(&dev->napi_list);
	INIT_LIST_HEAD(&dev->mc_list);
	INIT_LIST_HEAD(&dev->link_watch_list);
	spin_lock_init(&dev->addr_lock);
	netdev_init_queues(dev, (struct netdev_queue *)(void *)((u8 *)dev + head), txqs);
	dev->num_rx_queues = (u16)rxqs;
	dev->rx = (void *)((u8 *)dev + rx_at);
	for (unsigned i = 0; i < rxqs; i++)
		dev->rx[i].dev = dev;
	dev->gso_max_size = GSO_MAX_SIZE;
	dev->gso_max_segs = GSO_MAX_SEGS;
	dev_watchdog_setup(dev);
	for_each_cpu(cpu) {
		dev->stats[cpu] = kzalloc(sizeof(struct pcpu_sw_netstats), GFP_KERNEL);
		if (!dev->stats[cpu]) {
			free_netdev(dev);
			return NULL;
		}
	}
	setup(dev);
	return dev;
}

struct net_device *alloc_etherdev_mqs(size_t sizeof_priv, unsigned txqs, unsigned rxqs)
{
	return alloc_netdev_mqs(sizeof_priv, "eth%d", ether_setup, txqs, rxqs);
}

void free_netdev(struct net_device *dev)
{
	if (!dev)
		return;
	if (dev->priv_destructor)
		dev->priv_destructor(dev);
	for_each_cpu(cpu)
		kfree(dev->stats[cpu]);
	kvfree(dev, dev->alloc_bytes);
}

/* -- registering ---------------------------------------------------------------------------------
 */

/* Make "eth%d" the first free name; any other must be free and sane. */
static int dev_choose_name(struct net *net, struct net_device *dev)
{
	char pattern[IFNAMSIZ], name[IFNAMSIZ], *percent;

	strscpy(pattern, dev->name, sizeof(pattern));
	percent = strchr(pattern, '%');
	if (!percent) {
		if (!dev->name[0] || strchr(dev->name, '/') || strchr(dev->name, ' '))
			return -EINVAL;
		return dev_get_by_name(net, dev->name) ? -EEXIST : 0;
	}
	if (strcmp(percent, "%d"))
		return -EINVAL;
	*percent = '\0';
	for (unsigned i = 0; i < MAX_NAME_INDEX; i++) {
		snprintf(name, sizeof(name), "%s%u", pattern, i);
		if (!dev_get_by_name(net, name)) {
			strscpy(dev->name, name, sizeof(dev->name));
			return 0;
		}
	}
	return -ENFILE;
}

static int register_locked(struct net_device *dev, struct net *net)
{
	int err = dev_choose_name(net, dev);

	if (err)
		return err;
	if (dev->mtu < dev->min_mtu || (dev->max_mtu && dev->mtu > dev->max_mtu))
		return -EINVAL;
	dev->net = net;
	dev->ifindex = ++net->ifindex_next;
	/* What software does by itself, for every device. */
	if (!dev->hw_features)
		dev->hw_features = dev->features;
	dev->hw_features |= NETIF_F_GSO | NETIF_F_GRO;
	dev->hw_features &= ~NETIF_F_NEVER_CHANGE;
	dev->features = netdev_fix_features(dev, dev->features | NETIF_F_GSO | NETIF_F_GRO);
	dev->wanted_features = dev->features & dev->hw_features;
	if (!memchr_inv(dev->perm_addr, 0, sizeof(dev->perm_addr)))
		memcpy(dev->perm_addr, dev->dev_addr, sizeof(dev->perm_addr));
	set_bit(__LINK_STATE_PRESENT, &dev->state);
	dev_init_scheduler(dev);
	rps_register(dev);
	xps_register(dev);
	napi_defer_register(dev);
	list_add_tail_rcu(&dev->dev_list, &net->dev_base_head);
	net->dev_base_seq++;
	call_netdevice_notifiers(dev, NETDEV_REGISTER);
	return 0;
}

int register_netdev(struct net_device *dev, struct net *net)
{
	int err;

	rtnl_lock();
	err = register_locked(dev, net ? net : &init_net);
	rtnl_unlock();
	return err;
}

/* Only we may hold it; say so when that takes unreasonably long. */
static void netdev_wait_refs(struct net_device *dev)
{
	for (unsigned waited_ms = 0; refcount_read(&dev->refs) > 1; waited_ms++) {
		if (waited_ms % 10000 == 9999)
			pr_warn("unregister_netdevice: waiting for %s to become free. Usage count "
				"= %d",
				dev->name, refcount_read(&dev->refs));
		thread_sleep_ns(NSEC_PER_MSEC);
		synchronize_rcu();
	}
}

void unregister_netdev(struct net_device *dev)
{
	rtnl_lock();
	dev_close(dev);
	list_del_rcu(&dev->dev_list);
	dev->net->dev_base_seq++;
	clear_bit(__LINK_STATE_PRESENT, &dev->state);
	dev_shutdown(dev);
	linkwatch_forget(dev);
	call_netdevice_notifiers(dev, NETDEV_UNREGISTER);
	dev_mc_flush(dev);
	rps_unregister(dev);
	napi_defer_unregister(dev);
	xps_unregister(dev);
	rtnl_unlock();
	timer_del_sync(&dev->watchdog_timer);
	synchronize_rcu();
	netdev_wait_refs(dev);
}

/* -- up and down
 * ----------------------------------------------------------------------------------- */

int dev_open(struct net_device *dev)
{
	int err = 0;

	if (dev->flags & IFF_UP)
		return 0;
	if (!test_bit(__LINK_STATE_PRESENT, &dev->state))
		return -ENODEV;
	set_bit(__LINK_STATE_START, &dev->state);
	if (dev->netdev_ops->ndo_open)
		err = dev->netdev_ops->ndo_open(dev);
	if (err) {
		clear_bit(__LINK_STATE_START, &dev->state);
		return err;
	}
	dev->flags |= IFF_UP;
	if (netif_carrier_ok(dev)) {
		dev->flags |= IFF_RUNNING;
		linkwatch_log(dev, true);
	}
	dev_set_rx_mode(dev);
	dev_activate(dev);
	call_netdevice_notifiers(dev, NETDEV_UP);
	return 0;
}

int dev_close(struct net_device *dev)
{
	if (!(dev->flags & IFF_UP))
		return 0;
	clear_bit(__LINK_STATE_START, &dev->state);
	dev_deactivate(dev);
	if (dev->netdev_ops->ndo_stop)
		dev->netdev_ops->ndo_stop(dev);
	dev->flags &= ~(u32)(IFF_UP | IFF_RUNNING);
	call_netdevice_notifiers(dev, NETDEV_DOWN);
	return 0;
}

#define USER_FLAGS (IFF_DEBUG | IFF_NOTRAILERS | IFF_NOARP | IFF_DYNAMIC | IFF_MULTICAST)

int dev_change_flags(struct net_device *dev, u32 flags)
{
	u32 changed_user = (dev->gflags ^ flags) & (IFF_PROMISC | IFF_ALLMULTI);
	int err = 0;

	dev->flags = (dev->flags & ~(u32)USER_FLAGS) | (flags & USER_FLAGS);
	if (changed_user & IFF_PROMISC) {
		dev->gflags ^= IFF_PROMISC;
		err = dev_set_promiscuity(dev, flags & IFF_PROMISC ? 1 : -1);
	}
	if (!err && (changed_user & IFF_ALLMULTI)) {
		dev->gflags ^= IFF_ALLMULTI;
		dev->allmulti += flags & IFF_ALLMULTI ? 1 : -1;
		dev->flags =
			dev->allmulti ? dev->flags | IFF_ALLMULTI : dev->flags & ~(u32)IFF_ALLMULTI;
		dev_set_rx_mode(dev);
	}
	if (!err && ((flags ^ dev->flags) & IFF_UP))
		err = flags & IFF_UP ? dev_open(dev) : dev_close(dev);
	return err;
}

/* -- changing
 * ------------------------------------------------------------------------------------------ */

int dev_set_mtu(struct net_device *dev, u32 mtu)
{
	int err = 0;

	if (mtu == dev->mtu)
		return 0;
	if (mtu < dev->min_mtu || (dev->max_mtu && mtu > dev->max_mtu) || mtu > INT32_MAX)
		return -EINVAL;
	if (dev->netdev_ops->ndo_change_mtu)
		err = dev->netdev_ops->ndo_change_mtu(dev, (int)mtu);
	if (err)
		return err;
	WRITE_ONCE(dev->mtu, mtu);
	call_netdevice_notifiers(dev, NETDEV_CHANGEMTU);
	return 0;
}

int dev_set_mac_address(struct net_device *dev, const void *addr)
{
	int err;

	if (!dev->netdev_ops->ndo_set_mac_address)
		return -EOPNOTSUPP;
	err = dev->netdev_ops->ndo_set_mac_address(dev, addr);
	if (err)
		return err;
	memcpy(dev->dev_addr, addr, dev->addr_len);
	call_netdevice_notifiers(dev, NETDEV_CHANGEADDR);
	return 0;
}

/* -- statistics
 * ------------------------------------------------------------------------------------------ */

void dev_get_stats(struct net_device *dev, struct rtnl_link_stats64_k *s)
{
	memset(s, 0, sizeof(*s));
	for_each_cpu(cpu) {
		const struct pcpu_sw_netstats *c = dev->stats[cpu];

		s->rx_packets += c->rx_packets;
		s->rx_bytes += c->rx_bytes;
		s->tx_packets += c->tx_packets;
		s->tx_bytes += c->tx_bytes;
		s->rx_dropped += c->rx_dropped;
		s->tx_dropped += c->tx_dropped;
		s->rx_nohandler += c->rx_nohandler;
		s->multicast += c->multicast;
		s->rx_errors += c->rx_errors;
		s->tx_errors += c->tx_errors;
	}
	if (dev->netdev_ops->ndo_get_stats64)
		dev->netdev_ops->ndo_get_stats64(dev, s);
}
