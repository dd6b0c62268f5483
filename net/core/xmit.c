/* SPDX-License-Identifier: MIT */
/*
 * The way out: queue selection, the qdisc, what software does in the device's place (checksum,
 * linearizing, segmentation), the driver; byte queue limits and the watchdog of stuck queues.
 *
 * Locks: the qdisc's lock for enqueue and dequeue, the queue's xmit_lock for the driver; never
 * both. One CPU at a time sends from a qdisc (Qdisc.running); others enqueue and leave.
 */
#include <net/netdevice.h>

#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/softirq.h>
#include <kernel/thread.h>
#include <lib/err.h>
#include <lib/hash.h>
#include <linux/if_ether.h>
#include <linux/net_tstamp.h>
#include <net/dst.h>
#include <net/gro.h>
#include <net/sched.h>
#include <net/sock.h>

#include "core_int.h"

#define XMIT_RECURSION_LIMIT 8

/* Report the stage that skb has reached, if its sender wants to know: the first time only, though a
 * driver be busy or TCP send it again. */
static void stamp_once(struct sk_buff *skb, u8 flag, u32 what)
{
	if (likely(!(skb_shinfo(skb)->tx_flags & flag)))
		return;
	skb_shinfo(skb)->tx_flags &= (u8)~flag;
	sock_tstamp_tx(skb->sk, skb, what);
}

/* -- validation ----------------------------------------------------------------------------- */

/* A packet that is not cut: what else does the device lack? */
static noinline struct sk_buff *validate_one(struct sk_buff *skb, u32 features)
{
	const struct skb_shared_info *shinfo = skb_shinfo(skb);
	bool linear = !skb_is_nonlinear(skb) || ((features & NETIF_F_SG) && !shinfo->frag_list) ||
		      ((features & NETIF_F_FRAGLIST) && (features & NETIF_F_SG));

	if (!linear && skb_linearize(skb)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_NOMEM);
		return NULL;
	}
	if (skb->ip_summed == CHECKSUM_PARTIAL && !(features & NETIF_F_CSUM_MASK) &&
	    skb_checksum_help(skb)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_SKB_CSUM);
		return NULL;
	}
	return skb;
}

static struct sk_buff *validate_xmit_skb(struct sk_buff *skb, struct net_device *dev)
{
	struct sk_buff *segs;
	u32 features;

	/* One piece, complete: every device can send that. */
	if (!skb_is_nonlinear(skb) && skb->ip_summed != CHECKSUM_PARTIAL && !skb_is_gso(skb))
		return skb;
	features = netif_skb_features(skb, dev);
	if (!skb_is_gso(skb) || (features & (NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_GSO_UDP_L4)))
		return validate_one(skb, features);
	stamp_once(skb, SKBTX_SW_TSTAMP, SCM_TSTAMP_SND);
	segs = skb_gso_segment(skb, features);
	if (IS_ERR(segs)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_SKB_GSO_SEG);
		return NULL;
	}
	consume_skb(skb);
	return segs; /* as the features want them: skb_segment() saw to that */
}

struct sk_buff *validate_xmit_skb_list(struct sk_buff *skb, struct net_device *dev)
{
	struct sk_buff *head = NULL, *tail = NULL, *next;

	for (; skb; skb = next) {
		next = skb->next;
		skb->next = NULL;
		skb = validate_xmit_skb(skb, dev);
		if (!skb) {
			dev_stats_inc(dev, tx_dropped);
			continue;
		}
		if (tail)
			tail->next = skb;
		else
			head = skb;
		for (tail = skb; tail->next; tail = tail->next)
			;
	}
	return head;
}

/* -- to the driver ----------------------------------------------------------------------------- */

u32 qdisc_gso_len(const struct sk_buff *skb)
{
	const struct skb_shared_info *shinfo = skb_shinfo(skb);
	u32 hdr;

	if (shinfo->gso_segs < 2 || !skb_transport_header_was_set(skb))
		return skb->len;
	hdr = (u32)skb_transport_offset(skb);
	if (shinfo->gso_type & (SKB_GSO_TCPV4 | SKB_GSO_TCPV6)) {
		u8 buf, *doff = skb_header_pointer(skb, hdr + 12, 1, &buf);

		hdr += doff ? (*doff >> 4) * 4u : 20;
	} else {
		hdr += 8;
	}
	return skb->len + (shinfo->gso_segs - 1u) * hdr;
}

static netdev_tx_t xmit_one(struct sk_buff *skb, struct net_device *dev, struct netdev_queue *txq)
{
	u16 segs = skb_shinfo(skb)->gso_segs;
	u32 len = qdisc_pkt_len(skb);
	struct pcpu_sw_netstats *stats;
	netdev_tx_t rc;

	if (unlikely(packet_taps_active())) {
		u8 pkt_type = skb->pkt_type;

		skb->pkt_type = PACKET_OUTGOING;
		packet_taps_deliver(skb, dev);
		skb->pkt_type = pkt_type;
	}
	stamp_once(skb, SKBTX_SW_TSTAMP, SCM_TSTAMP_SND);
	rc = dev->netdev_ops->ndo_start_xmit(skb, dev);
	if (rc != NETDEV_TX_OK)
		return rc;
	stats = dev->stats[smp_processor_id()];
	stats->tx_packets += segs ? segs : 1;
	stats->tx_bytes += len;
	return rc;
}

/* A queue that is full: how long it has been is asked now only. */
static noinline void queue_stopped(struct netdev_queue *txq)
{
	txq->trans_start_ns = ktime_get_ns();
	dev_watchdog_arm(txq->dev);
}

static __always_inline struct sk_buff *hard_start_xmit(struct sk_buff *skb, struct net_device *dev,
						       struct netdev_queue *txq, int *ret)
{
	do {
		struct sk_buff *next = skb->next;

		skb->next = NULL;
		skb->xmit_more = next != NULL;
		*ret = xmit_one(skb, dev, txq);
		if (unlikely(*ret != NETDEV_TX_OK)) {
			skb->next = next;
			break;
		}
		skb = next;
		if (skb && netif_xmit_stopped(txq)) {
			*ret = NETDEV_TX_BUSY;
			break;
		}
	} while (skb);
	if (unlikely(netif_xmit_stopped(txq)))
		queue_stopped(txq);
	return skb;
}

struct sk_buff *dev_hard_start_xmit(struct sk_buff *first, struct net_device *dev,
				    struct netdev_queue *txq, int *ret)
{
	return hard_start_xmit(first, dev, txq, ret);
}

/* Does the device send skb, one packet, as it is? True for most; false: look closer. */
static inline bool device_takes(const struct sk_buff *skb, const struct net_device *dev)
{
	u32 features = READ_ONCE(dev->features);

	if (skb->next || skb_is_gso(skb))
		return false;
	if (!skb_is_nonlinear(skb))
		return skb->ip_summed != CHECKSUM_PARTIAL || features & NETIF_F_HW_CSUM;
	return features & NETIF_F_HW_CSUM && features & NETIF_F_SG && !skb_shinfo(skb)->frag_list;
}

static __always_inline struct sk_buff *xmit_to(struct netdev_queue *txq, struct sk_buff *skb,
					       bool validated)
{
	struct net_device *dev = txq->dev;
	int rc;

	if (!validated && unlikely(!device_takes(skb, dev)))
		skb = validate_xmit_skb_list(skb, dev);
	if (unlikely(!skb))
		return NULL;
	spin_lock(&txq->xmit_lock);
	txq->xmit_lock_owner = smp_processor_id() + 1;
	if (likely(!netif_xmit_stopped(txq)))
		skb = hard_start_xmit(skb, dev, txq, &rc);
	txq->xmit_lock_owner = 0;
	spin_unlock(&txq->xmit_lock);
	return skb;
}

struct sk_buff *dev_xmit_list(struct sk_buff *skb, struct netdev_queue *txq, bool validated)
{
	return xmit_to(txq, skb, validated);
}

/* -- doorbells ------------------------------------------------------------------------------- */

/* Packets that a bell is held for: the device is to work while the next are made. */
#define BELLS_HELD_MOST 8

bool netdev_tx_bell_later(struct netdev_queue *q)
{
	struct softnet_data *sd = &this_cpu(softnet_data);
	unsigned me = smp_processor_id() + 1;

	if (q->bell_cpu)
		return q->bell_cpu == me;
	q->bell_cpu = me;
	q->bell_next = sd->bells;
	sd->bells = q;
	return true;
}

void netdev_tx_bells_ring(struct softnet_data *sd)
{
	struct netdev_queue *q;

	sd->bells_held = 0;
	while ((q = sd->bells)) {
		sd->bells = q->bell_next;
		spin_lock(&q->xmit_lock);
		q->bell_cpu = 0;
		q->dev->netdev_ops->ndo_tx_bell(q->dev, q->index);
		spin_unlock(&q->xmit_lock);
	}
}

static void ring_held(void)
{
	local_bh_disable();
	netdev_tx_bells();
	local_bh_enable();
}

void netdev_tx_hold(void)
{
	thread_current()->unplug = ring_held;
}

/* The thread that sends has more for the device in a moment. */
static bool held(struct softnet_data *sd)
{
	if (in_serving_softirq() || thread_current()->unplug != ring_held ||
	    sd->bells_held >= BELLS_HELD_MOST)
		return false;
	sd->bells_held++;
	return true;
}

/* A thread that only dev_queue_xmit() has taken bottom halves from holds no lock that would have to
 * wait for the bell; others may, and the softirq they let in next does it. */
void __netdev_tx_bells(void)
{
	struct softnet_data *sd = &this_cpu(softnet_data);

	if (sd->bells_gather || held(sd))
		return;
	if ((__this_cpu(preempt_count) & SOFTIRQ_MASK) == SOFTIRQ_DISABLE_OFFSET)
		netdev_tx_bells_ring(sd);
	else
		raise_softirq(NET_TX_SOFTIRQ);
}

void netdev_tx_bell_settle(struct netdev_queue *q)
{
	bool pending;

	for (;;) {
		spin_lock_bh(&q->xmit_lock);
		pending = q->bell_cpu;
		spin_unlock_bh(&q->xmit_lock);
		if (!pending)
			return;
		thread_sleep_ns(50 * NSEC_PER_USEC);
	}
}

/* -- from the stack ------------------------------------------------------------------------------
 */

static struct netdev_queue *pick_tx_queue(struct net_device *dev, struct sk_buff *skb)
{
	u16 i = dev->real_num_tx_queues > 1 ? xps_queue(dev, skb) : 0;

	skb->queue_mapping = i;
	return &dev->tx[i];
}

/* Send skb, or a list, past an empty queue; false: not possible, enqueue it. Lock held, let go
 * meanwhile; the device is up. */
static inline bool try_bypass(struct Qdisc *q, struct sk_buff *skb) __must_hold(q->lock)
{
	if (!q->ops->work_conserving || q->stats.qlen || q->running ||
	    netif_xmit_stopped(q->dev_queue))
		return false;
	for (const struct sk_buff *s = skb; s; s = s->next) {
		u32 segs = skb_shinfo(s)->gso_segs;

		q->stats.bytes += qdisc_pkt_len(s);
		q->stats.packets += segs ? segs : 1;
	}
	q->running = true;
	spin_unlock(&q->lock);
	skb = xmit_to(q->dev_queue, skb, false);
	spin_lock(&q->lock);
	if (unlikely(skb))
		qdisc_requeue(q, skb);
	else if (unlikely(q->stats.qlen))
		__qdisc_run(q); /* what came meanwhile */
	q->running = false;
	return true;
}

static int xmit_qdisc(struct sk_buff *skb, struct Qdisc *q)
{
	struct sk_buff *to_free = NULL;
	int rc;

	spin_lock(&q->lock);
	skb->next = NULL;
	if (!test_bit(QDISC_STATE_DEACTIVATED, &q->state) && try_bypass(q, skb)) {
		spin_unlock(&q->lock);
		return NET_XMIT_SUCCESS;
	}
	rc = q->ops->enqueue(skb, q, &to_free);
	if (!q->running && !test_bit(QDISC_STATE_DEACTIVATED, &q->state))
		__qdisc_run(q);
	spin_unlock(&q->lock);
	if (unlikely(to_free))
		kfree_skb_list_reason(to_free, q->ops->drop_reason);
	return rc;
}

/* A device without a queue (loopback): straight to the driver, not deeper than a few times. */
static __no_lock_check int xmit_direct(struct sk_buff *skb, struct net_device *dev,
				       struct netdev_queue *txq)
{
	bool lock = !(dev->features & NETIF_F_LLTX);
	u8 *depth = &this_cpu(softnet_data).xmit_recursion;
	enum skb_drop_reason why = SKB_DROP_REASON_DEV_READY;
	int rc = -ENETDOWN;

	if (!(dev->flags & IFF_UP))
		goto drop;
	if (*depth >= XMIT_RECURSION_LIMIT ||
	    (lock && txq->xmit_lock_owner == smp_processor_id() + 1)) {
		pr_warn_ratelimited("%s: dead loop on a virtual device", dev->name);
		goto drop;
	}
	skb = validate_xmit_skb_list(skb, dev);
	if (!skb)
		return -ENOMEM;
	++*depth;
	if (lock) {
		spin_lock(&txq->xmit_lock);
		txq->xmit_lock_owner = smp_processor_id() + 1;
	}
	if (!netif_xmit_stopped(txq))
		skb = dev_hard_start_xmit(skb, dev, txq, &rc);
	if (lock) {
		txq->xmit_lock_owner = 0;
		spin_unlock(&txq->xmit_lock);
	}
	--*depth;
	if (!skb)
		return 0;
	why = SKB_DROP_REASON_TX_BUSY;
drop:
	dev_stats_inc(dev, tx_dropped);
	kfree_skb_list_reason(skb, why);
	return rc;
}

int dev_queue_xmit(struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;
	struct netdev_queue *txq;
	struct Qdisc *q;
	int rc;

	skb_reset_mac_header(skb);
	stamp_once(skb, SKBTX_SCHED_TSTAMP, SCM_TSTAMP_SCHED);
	/* The driver may keep it for long; only loopback's receiver has use for the route. */
	if (!(dev->flags & IFF_LOOPBACK))
		skb_dst_drop(skb);
	local_bh_disable();
	rcu_read_lock();
	txq = pick_tx_queue(dev, skb);
	q = rcu_dereference(txq->qdisc);
	rc = q->ops->enqueue ? xmit_qdisc(skb, q) : xmit_direct(skb, dev, txq);
	rcu_read_unlock();
	netdev_tx_bells();
	local_bh_enable();
	return rc;
}

/* A list for one queue: through an idle qdisc all at once. */
static void xmit_list(struct netdev_queue *txq, struct sk_buff *list)
{
	struct Qdisc *q = rcu_dereference(txq->qdisc);
	struct sk_buff *next;
	bool sent = false;

	if (q->ops->enqueue) {
		spin_lock(&q->lock);
		sent = !test_bit(QDISC_STATE_DEACTIVATED, &q->state) && try_bypass(q, list);
		spin_unlock(&q->lock);
	}
	for (; !sent && list; list = next) {
		next = list->next;
		list->next = NULL;
		dev_queue_xmit(list);
	}
}

void __dev_xmit_later_flush(struct xmit_later *later)
{
	struct sk_buff *next = later->first;

	later->first = NULL;
	rcu_read_lock();
	while (next) {
		struct sk_buff *first = next, *last;
		struct net_device *dev = first->dev;
		struct netdev_queue *txq = pick_tx_queue(dev, first);

		do {
			last = next;
			next = last->next;
		} while (next && next->dev == dev && pick_tx_queue(dev, next) == txq);
		last->next = NULL;
		xmit_list(txq, first);
	}
	rcu_read_unlock();
}

/* -- queues stopped and woken
 * ------------------------------------------------------------------------ */

static void netif_schedule_queue(struct netdev_queue *txq)
{
	struct Qdisc *q;

	rcu_read_lock();
	q = rcu_dereference(txq->qdisc);
	if (q && q->ops->enqueue)
		__netif_schedule(q);
	rcu_read_unlock();
}

void netif_tx_wake_queue(struct netdev_queue *q)
{
	if (test_and_clear_bit(QUEUE_STATE_DRV_XOFF, &q->state))
		netif_schedule_queue(q);
}

void netif_tx_start_all_queues(struct net_device *dev)
{
	for (unsigned i = 0; i < dev->num_tx_queues; i++)
		clear_bit(QUEUE_STATE_DRV_XOFF, &dev->tx[i].state);
}

void netif_tx_stop_all_queues(struct net_device *dev)
{
	for (unsigned i = 0; i < dev->num_tx_queues; i++)
		netif_tx_stop_queue(&dev->tx[i]);
}

void netdev_tx_sent_queue(struct netdev_queue *q, u32 bytes)
{
	dql_queued(&q->dql, bytes);
	if (likely(dql_avail(&q->dql) >= 0))
		return;
	set_bit(QUEUE_STATE_STACK_XOFF, &q->state);
	smp_mb(); /* pairs with netdev_tx_completed_queue(): one of the two sees the other */
	if (unlikely(dql_avail(&q->dql) >= 0))
		clear_bit(QUEUE_STATE_STACK_XOFF, &q->state);
}

bool __netdev_tx_sent_queue(struct netdev_queue *q, u32 bytes, bool xmit_more)
{
	if (xmit_more) {
		dql_queued(&q->dql, bytes);
		return netif_tx_queue_stopped(q);
	}
	netdev_tx_sent_queue(q, bytes);
	return true;
}

void netdev_tx_completed_queue(struct netdev_queue *q, u32 pkts, u32 bytes)
{
	if (!bytes)
		return;
	dql_completed(&q->dql, bytes);
	smp_mb(); /* see netdev_tx_sent_queue() */
	if (dql_avail(&q->dql) >= 0 && test_and_clear_bit(QUEUE_STATE_STACK_XOFF, &q->state))
		netif_schedule_queue(q);
}

void netdev_tx_reset_queue(struct netdev_queue *q)
{
	clear_bit(QUEUE_STATE_STACK_XOFF, &q->state);
	dql_reset(&q->dql);
}

/* -- watchdog
 * ------------------------------------------------------------------------------------------- */

/* Armed when a queue is stopped, not periodic: an idle machine stays idle. */
static void dev_watchdog(struct timer *t)
{
	struct net_device *dev = container_of(t, struct net_device, watchdog_timer);
	u64 now = ktime_get_ns();
	bool again = false;

	if (!netif_running(dev) || !netif_carrier_ok(dev))
		return;
	for (unsigned i = 0; i < dev->real_num_tx_queues; i++) {
		struct netdev_queue *q = &dev->tx[i];

		if (!netif_xmit_stopped(q))
			continue;
		again = true;
		if (now - q->trans_start_ns < dev->watchdog_timeo_ns)
			continue;
		q->trans_timeout++;
		pr_warn_ratelimited("NETDEV WATCHDOG: %s (%s): transmit queue %u timed out",
				    dev->name, dev->driver_name ? dev->driver_name : "", i);
		q->trans_start_ns = now;
		dev->netdev_ops->ndo_tx_timeout(dev, i);
	}
	if (again)
		timer_mod(t, now + dev->watchdog_timeo_ns);
}

void dev_watchdog_setup(struct net_device *dev)
{
	timer_setup(&dev->watchdog_timer, dev_watchdog);
	dev->watchdog_timeo_ns = 5 * NSEC_PER_SEC;
}

void dev_watchdog_arm(struct net_device *dev)
{
	if (dev->netdev_ops->ndo_tx_timeout && !timer_pending(&dev->watchdog_timer))
		timer_mod(&dev->watchdog_timer, ktime_get_ns() + dev->watchdog_timeo_ns);
}
