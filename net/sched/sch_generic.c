/* SPDX-License-Identifier: MIT */
/*
 * What all queueing disciplines share: attaching to a transmit queue, starting and stopping with
 * the device, and moving packets from the discipline to the driver.
 *
 * A queue's qdisc pointer is noop_qdisc while the device is down or without carrier: that drops.
 * qdisc_sleeping is the configured one. Configuration runs under rtnl; __qdisc_run() under the
 * qdisc's lock, which it lets go while the driver works (Qdisc.running keeps others out).
 */
#include <net/sched.h>

#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/softirq.h>
#include <kernel/thread.h>
#include <lib/err.h>
#include <lib/string.h>

#define QDISC_QUOTA 64 /* packets in one turn (Linux: dev_tx_weight) */
#define BULK_LIMIT  8  /* packets handed to the driver at once */

extern const struct Qdisc_ops *const __start_qdiscs[] __weak;
extern const struct Qdisc_ops *const __stop_qdiscs[] __weak;

/* -- noop and noqueue ------------------------------------------------------------------------ */

static int noop_enqueue(struct sk_buff *skb, struct Qdisc *q, struct sk_buff **to_free)
{
	skb->next = *to_free;
	*to_free = skb;
	return NET_XMIT_CN;
}

static struct sk_buff *noop_dequeue(struct Qdisc *q)
{
	return NULL;
}

static const struct Qdisc_ops noop_ops = {
	.id = "noop",
	.drop_reason = SKB_DROP_REASON_DEV_READY,
	.enqueue = noop_enqueue,
	.dequeue = noop_dequeue,
	.peek = noop_dequeue,
};

static struct Qdisc noop_qdisc = {.ops = &noop_ops, .state = 1ul << QDISC_STATE_DEACTIVATED};

/* No enqueue: packets go straight to the driver. */
static const struct Qdisc_ops noqueue_ops = {.id = "noqueue"};
QDISC(noqueue_ops);

/* -- to the driver -------------------------------------------------------------------------------
 */

void qdisc_requeue(struct Qdisc *q, struct sk_buff *list)
{
	q->gso_skb = list;
	q->stats.requeues++;
	for (; list; list = list->next) {
		q->stats.qlen++;
		q->stats.backlog_bytes += qdisc_pkt_len(list);
	}
	__netif_schedule(q);
}

static struct sk_buff *take_requeued(struct Qdisc *q)
{
	struct sk_buff *list = q->gso_skb;

	q->gso_skb = NULL;
	for (struct sk_buff *s = list; s; s = s->next) {
		q->stats.qlen--;
		q->stats.backlog_bytes -= qdisc_pkt_len(s);
	}
	return list;
}

/* A few packets, as many as byte queue limits let the device have at once. */
static struct sk_buff *dequeue_bulk(struct Qdisc *q, int *n)
{
	const struct dql *d = &q->dev_queue->dql;
	struct sk_buff *first = q->ops->dequeue(q), *last = first;
	int room = (int)(READ_ONCE(d->adj_limit) - READ_ONCE(d->num_queued));

	*n = first != NULL;
	if (!first)
		return NULL;
	first->next = NULL;
	for (room -= (int)first->len; room > 0 && *n < BULK_LIMIT; ++*n) {
		struct sk_buff *skb = q->ops->dequeue(q);

		if (!skb)
			break;
		room -= (int)skb->len;
		skb->next = NULL;
		last->next = skb;
		last = skb;
	}
	return first;
}

/* Hand skb to the driver; what it does not take goes first next time. False: it is full. Lock held,
 * let go meanwhile. */
static bool transmit(struct Qdisc *q, struct sk_buff *skb, bool validated) __must_hold(q->lock)
{
	spin_unlock(&q->lock);
	skb = dev_xmit_list(skb, q->dev_queue, validated);
	spin_lock(&q->lock);
	if (!skb)
		return true;
	qdisc_requeue(q, skb);
	return false;
}

/* One turn: false when there is nothing (more) to do now. Lock held, let go meanwhile. */
static bool qdisc_restart(struct Qdisc *q, int *packets) __must_hold(q->lock)
{
	struct sk_buff *skb;
	bool validated = q->gso_skb != NULL;

	*packets = 1;
	if (netif_xmit_stopped(q->dev_queue))
		return false;
	skb = validated ? take_requeued(q) : dequeue_bulk(q, packets);
	return skb && transmit(q, skb, validated);
}

void __qdisc_run(struct Qdisc *q) __must_hold(q->lock)
{
	int quota = QDISC_QUOTA, packets;

	q->running = true;
	while (qdisc_restart(q, &packets)) {
		quota -= packets;
		if (quota <= 0 || need_resched()) {
			__netif_schedule(q);
			break;
		}
	}
	q->running = false;
}

void __netif_schedule(struct Qdisc *q)
{
	struct softnet_data *sd;
	irqflags_t flags;

	if (test_bit(QDISC_STATE_DEACTIVATED, &q->state) ||
	    test_and_set_bit(QDISC_STATE_SCHED, &q->state))
		return;
	flags = local_irq_save();
	sd = &this_cpu(softnet_data);
	q->next_sched = sd->output_queue;
	sd->output_queue = q;
	raise_softirq_irqoff(NET_TX_SOFTIRQ);
	local_irq_restore(flags);
}

static u64 qdisc_watchdog(struct hrtimer *t)
{
	__netif_schedule(container_of(t, struct Qdisc, watchdog));
	return 0;
}

void qdisc_watchdog_schedule_ns(struct Qdisc *q, u64 expires_ns)
{
	if (!test_bit(QDISC_STATE_DEACTIVATED, &q->state))
		hrtimer_start(&q->watchdog, expires_ns);
}

/* -- making and freeing ---------------------------------------------------------------------------
 */

const struct Qdisc_ops *qdisc_lookup_ops(const char *kind)
{
	const struct Qdisc_ops *const *o;

	section_for_each(o, qdiscs) {
		if (!strcmp((*o)->id, kind))
			return *o;
	}
	return NULL;
}

static struct Qdisc *qdisc_alloc(struct netdev_queue *txq, const struct Qdisc_ops *ops, int argc,
				 char **argv)
{
	struct Qdisc *q = kzalloc(sizeof(*q) + ops->priv_size, GFP_KERNEL);
	int err = 0;

	if (!q)
		return ERR_PTR(-ENOMEM);
	q->ops = ops;
	q->dev_queue = txq;
	q->limit = txq->dev->tx_queue_len;
	q->state = 1ul << QDISC_STATE_DEACTIVATED;
	spin_lock_init(&q->lock);
	hrtimer_setup(&q->watchdog, qdisc_watchdog);
	if (ops->init)
		err = ops->init(q, argc, argv);
	if (err) {
		kfree(q);
		return ERR_PTR(err);
	}
	return q;
}

/* Drop what is queued. Deactivated, nobody runs it. */
static void qdisc_reset(struct Qdisc *q)
{
	struct sk_buff *skb;

	hrtimer_cancel(&q->watchdog);
	spin_lock_bh(&q->lock);
	skb = take_requeued(q);
	if (q->ops->reset)
		q->ops->reset(q);
	spin_unlock_bh(&q->lock);
	kfree_skb_list_reason(skb, SKB_DROP_REASON_DEV_READY);
}

static void qdisc_free_rcu(struct rcu_head *head)
{
	kfree(container_of(head, struct Qdisc, rcu));
}

static void qdisc_free(struct Qdisc *q)
{
	if (q == &noop_qdisc)
		return;
	qdisc_reset(q);
	if (q->ops->destroy)
		q->ops->destroy(q);
	call_rcu(&q->rcu, qdisc_free_rcu);
}

/* -- with the device
 * --------------------------------------------------------------------------------- */

void dev_init_scheduler(struct net_device *dev)
{
	for (unsigned i = 0; i < dev->num_tx_queues; i++)
		dev->tx[i].qdisc = dev->tx[i].qdisc_sleeping = &noop_qdisc;
}

static const struct Qdisc_ops *default_ops(const struct net_device *dev)
{
	const struct Qdisc_ops *ops = NULL;

	if (!dev->tx_queue_len)
		return &noqueue_ops;
	if (dev->net->core)
		ops = qdisc_lookup_ops(dev->net->core->default_qdisc);
	return ops ? ops : qdisc_lookup_ops("pfifo_fast");
}

static void txq_activate(struct netdev_queue *txq)
{
	struct Qdisc *q;

	if (txq->qdisc_sleeping == &noop_qdisc) {
		q = qdisc_alloc(txq, default_ops(txq->dev), 0, NULL);
		if (IS_ERR(q)) {
			pr_err("%s: queue %u has no qdisc: error %ld", txq->dev->name, txq->index,
			       -PTR_ERR(q));
			return;
		}
		txq->qdisc_sleeping = q;
	}
	q = txq->qdisc_sleeping;
	clear_bit(QDISC_STATE_DEACTIVATED, &q->state);
	txq->trans_start_ns = ktime_get_ns();
	rcu_assign_pointer(txq->qdisc, q);
}

void dev_activate(struct net_device *dev)
{
	if (!netif_carrier_ok(dev))
		return;
	for (unsigned i = 0; i < dev->num_tx_queues; i++)
		txq_activate(&dev->tx[i]);
}

static bool qdisc_busy(struct Qdisc *q)
{
	bool busy;

	spin_lock_bh(&q->lock);
	busy = q->running || test_bit(QDISC_STATE_SCHED, &q->state);
	spin_unlock_bh(&q->lock);
	return busy;
}

void dev_deactivate(struct net_device *dev)
{
	for (unsigned i = 0; i < dev->num_tx_queues; i++) {
		struct netdev_queue *txq = &dev->tx[i];

		if (txq->qdisc_sleeping != &noop_qdisc)
			set_bit(QDISC_STATE_DEACTIVATED, &txq->qdisc_sleeping->state);
		rcu_assign_pointer(txq->qdisc, &noop_qdisc);
	}
	synchronize_rcu(); /* nobody enqueues any more */
	for (unsigned i = 0; i < dev->num_tx_queues; i++) {
		struct Qdisc *q = dev->tx[i].qdisc_sleeping;

		if (q != &noop_qdisc) {
			while (qdisc_busy(q))
				thread_sleep_ns(50 * NSEC_PER_USEC);
			qdisc_reset(q);
		}
		netdev_tx_bell_settle(&dev->tx[i]);
	}
}

static bool qdisc_is_empty(struct Qdisc *q)
{
	bool empty;

	spin_lock_bh(&q->lock);
	empty = !q->stats.qlen && !q->gso_skb;
	spin_unlock_bh(&q->lock);
	return empty && !qdisc_busy(q);
}

/* Nobody enqueues. */
static void qdisc_drain_one(struct Qdisc *q, u64 until_ns)
{
	while (!qdisc_is_empty(q) && ktime_get_ns() < until_ns)
		thread_sleep_ns(50 * NSEC_PER_USEC);
	set_bit(QDISC_STATE_DEACTIVATED, &q->state);
	while (qdisc_busy(q))
		thread_sleep_ns(50 * NSEC_PER_USEC);
	qdisc_reset(q);
	clear_bit(QDISC_STATE_DEACTIVATED, &q->state);
}

void qdisc_drain(struct net_device *dev, unsigned first, unsigned last, u64 limit_ns)
{
	u64 until_ns = ktime_get_ns() + limit_ns;

	for (unsigned i = first; i < last; i++) {
		if (dev->tx[i].qdisc == &noop_qdisc) /* the device is down */
			continue;
		qdisc_drain_one(dev->tx[i].qdisc_sleeping, until_ns);
		netdev_tx_bell_settle(&dev->tx[i]);
	}
}

void dev_shutdown(struct net_device *dev)
{
	for (unsigned i = 0; i < dev->num_tx_queues; i++) {
		struct Qdisc *q = dev->tx[i].qdisc_sleeping;

		dev->tx[i].qdisc_sleeping = &noop_qdisc;
		rcu_assign_pointer(dev->tx[i].qdisc, &noop_qdisc);
		qdisc_free(q);
	}
}

/* Nobody sends while the pointer changes: what waited in the old one is dropped. */
static void qdisc_swap(struct netdev_queue *txq, struct Qdisc *q)
{
	struct Qdisc *old;
	bool up;

	up = txq->dev->flags & IFF_UP;
	if (up)
		dev_deactivate(txq->dev);
	old = txq->qdisc_sleeping;
	txq->qdisc_sleeping = q;
	qdisc_free(old);
	if (up)
		dev_activate(txq->dev);
}

int qdisc_replace(struct netdev_queue *txq, const char *kind, int argc, char **argv)
{
	const struct Qdisc_ops *ops = qdisc_lookup_ops(kind);
	struct Qdisc *q;

	if (!ops)
		return -ENOENT;
	q = qdisc_alloc(txq, ops, argc, argv);
	if (IS_ERR(q))
		return (int)PTR_ERR(q);
	qdisc_swap(txq, q);
	return 0;
}

int qdisc_change(struct netdev_queue *txq, int argc, char **argv)
{
	struct Qdisc *q = txq->qdisc_sleeping;
	int err;

	if (!q->ops->change)
		return -EOPNOTSUPP;
	spin_lock_bh(&q->lock);
	err = q->ops->change(q, argc, argv);
	spin_unlock_bh(&q->lock);
	return err;
}

int qdisc_delete(struct netdev_queue *txq)
{
	qdisc_swap(txq, &noop_qdisc); /* where a default is made when the queue is activated */
	return 0;
}

struct Qdisc *qdisc_configured(const struct netdev_queue *txq)
{
	return txq->qdisc_sleeping == &noop_qdisc ? NULL : txq->qdisc_sleeping;
}
