/* SPDX-License-Identifier: MIT */
/*
 * Carrier events. A driver says netif_carrier_on/off() in any context; one thread tells the rest:
 * a log line, the qdiscs, the listeners (NETDEV_CHANGE). What came and went in between is one
 * event. Also takes requests for gratuitous ARP to that thread.
 */
#include <kernel/log.h>
#include <kernel/thread.h>
#include <kernel/wait.h>
#include <lib/printf.h>
#include <net/sched.h>

#include "core_int.h"

#define LW_CARRIER 1u
#define LW_NOTIFY  2u

static struct {
	struct spinlock lock;
	struct list_head list; /* [lock] of net_device.link_watch_list, each held */
	struct wait_queue wq;
	struct thread *thread;
} lw;

static void linkwatch_fire(struct net_device *dev, u32 events)
{
	irqflags_t flags;

	spin_lock_irqsave(&lw.lock, flags);
	if (!dev->link_watch_events) {
		dev_hold(dev);
		list_add_tail(&dev->link_watch_list, &lw.list);
	}
	dev->link_watch_events |= events;
	spin_unlock_irqrestore(&lw.lock, flags);
	wake_up(&lw.wq);
}

/* A device that is not registered yet has nobody to tell: it starts with the carrier it has. */
static bool carrier_event_wanted(const struct net_device *dev)
{
	return test_bit(__LINK_STATE_PRESENT, &dev->state);
}

void netif_carrier_on(struct net_device *dev)
{
	if (!test_bit(__LINK_STATE_NOCARRIER, &dev->state))
		return;
	clear_bit(__LINK_STATE_NOCARRIER, &dev->state);
	dev->carrier_up_count++;
	if (carrier_event_wanted(dev))
		linkwatch_fire(dev, LW_CARRIER);
}

void netif_carrier_off(struct net_device *dev)
{
	if (test_and_set_bit(__LINK_STATE_NOCARRIER, &dev->state))
		return;
	dev->carrier_down_count++;
	if (carrier_event_wanted(dev))
		linkwatch_fire(dev, LW_CARRIER);
}

void netdev_notify_peers(struct net_device *dev)
{
	if (carrier_event_wanted(dev))
		linkwatch_fire(dev, LW_NOTIFY);
}

void linkwatch_log(const struct net_device *dev, bool up)
{
	char speed[48] = "";

	if (dev->flags & IFF_LOOPBACK)
		return;
	if (up && dev->speed_mbps)
		snprintf(speed, sizeof(speed), " %u Mb/s %s duplex", dev->speed_mbps,
			 dev->full_duplex ? "full" : "half");
	pr_info("%s: link %s%s", dev->name, up ? "up" : "down", speed);
}

static void linkwatch_carrier(struct net_device *dev)
{
	bool up = netif_carrier_ok(dev);

	if (!(dev->flags & IFF_UP) || up == !!(dev->flags & IFF_RUNNING))
		return;
	linkwatch_log(dev, up);
	if (up) {
		dev->flags |= IFF_RUNNING;
		dev_activate(dev);
	} else {
		dev->flags &= ~(u32)IFF_RUNNING;
		dev_deactivate(dev);
	}
	call_netdevice_notifiers(dev, NETDEV_CHANGE);
}

static struct net_device *linkwatch_next(u32 *events)
{
	struct net_device *dev = NULL;
	irqflags_t flags;

	spin_lock_irqsave(&lw.lock, flags);
	if (!list_empty(&lw.list)) {
		dev = list_first_entry(&lw.list, struct net_device, link_watch_list);
		list_del_init(&dev->link_watch_list);
		*events = dev->link_watch_events;
		dev->link_watch_events = 0;
	}
	spin_unlock_irqrestore(&lw.lock, flags);
	return dev;
}

static void linkwatch_run(void)
{
	struct net_device *dev;
	u32 events;

	rtnl_lock();
	while ((dev = linkwatch_next(&events)) != NULL) {
		if (test_bit(__LINK_STATE_PRESENT, &dev->state)) {
			if (events & LW_CARRIER)
				linkwatch_carrier(dev);
			if ((events & LW_NOTIFY) && netif_running(dev))
				call_netdevice_notifiers(dev, NETDEV_NOTIFY_PEERS);
		}
		dev_put(dev);
	}
	rtnl_unlock();
}

static int linkwatch_thread(void *arg)
{
	for (;;) {
		wait_event(&lw.wq, !list_empty(&lw.list));
		linkwatch_run();
	}
	return 0;
}

void linkwatch_forget(struct net_device *dev)
{
	bool pending;
	irqflags_t flags;

	spin_lock_irqsave(&lw.lock, flags);
	pending = dev->link_watch_events;
	if (pending) {
		list_del_init(&dev->link_watch_list);
		dev->link_watch_events = 0;
	}
	spin_unlock_irqrestore(&lw.lock, flags);
	if (pending)
		dev_put(dev);
}

void linkwatch_init(void)
{
	spin_lock_init(&lw.lock);
	INIT_LIST_HEAD(&lw.list);
	wait_queue_init(&lw.wq);
	lw.thread = thread_create("linkwatch", linkwatch_thread, NULL, 0, PRIO_NORMAL);
	BUG_ON(!lw.thread);
}
