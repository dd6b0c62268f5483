/* SPDX-License-Identifier: MIT */
/*
 * Queueing disciplines. A transmit queue has one root qdisc; enqueue and dequeue run with its lock
 * held, bottom halves off. __qdisc_run() moves packets from it to the driver, in turns bounded by
 * a quota, then leaves the rest to NET_TX_SOFTIRQ.
 */
#ifndef NET_SCHED_H
#define NET_SCHED_H

#include <net/netdevice.h>

struct Qdisc;

struct qdisc_stats {
	u64 bytes, packets;
	u32 drops, requeues, overlimits, backlog_bytes, qlen;
};

struct Qdisc_ops {
	const char *id;                   /* "pfifo_fast" */
	enum skb_drop_reason drop_reason; /* for what enqueue puts on to_free */
	size_t priv_size;
	bool work_conserving; /* when it is empty a packet may pass it by */
	/* Takes skb: 0, NET_XMIT_CN, or NET_XMIT_DROP with skb put on *to_free. */
	int (*enqueue)(struct sk_buff *skb, struct Qdisc *q, struct sk_buff **to_free);
	struct sk_buff *(*dequeue)(struct Qdisc *q);
	struct sk_buff *(*peek)(struct Qdisc *q);
	/* opts: words of `tc qdisc add ... kind opts`, NULL for defaults. rtnl held. */
	int (*init)(struct Qdisc *q, int argc, char **argv);
	int (*change)(struct Qdisc *q, int argc, char **argv);
	void (*reset)(struct Qdisc *q); /* drop all that is queued */
	void (*destroy)(struct Qdisc *q);
	/* The parameters and own statistics as tc prints them. */
	void (*dump)(struct Qdisc *q, char *text, size_t size);
	void (*dump_stats)(struct Qdisc *q, char *text, size_t size);
};

struct Qdisc {
	const struct Qdisc_ops *ops;
	struct netdev_queue *dev_queue;
	struct spinlock lock;
	u32 handle, parent, limit, flags;
	unsigned long state;      /* QDISC_STATE_* */
	bool running;             /* [lock] somebody is sending from it */
	struct sk_buff *gso_skb;  /* [lock] the driver could not take it: goes first */
	struct Qdisc *next_sched; /* on the CPU's output queue */
	struct qdisc_stats stats; /* [lock] */
	struct hrtimer watchdog;  /* for qdiscs that wait: reschedules the queue */
	struct rcu_head rcu;
	_Alignas(16) u8 priv[];
};
#define QDISC_STATE_SCHED       0
#define QDISC_STATE_DEACTIVATED 1

static inline void *qdisc_priv(struct Qdisc *q)
{
	return q->priv;
}

#define QDISC(sym)                                       \
	static const struct Qdisc_ops *const sym##_entry \
		__attribute__((section("qdiscs"), used)) = &(sym)

/* Attach the default qdisc (noqueue for loopback-like devices) / start / stop / free them. rtnl. */
void dev_init_scheduler(struct net_device *dev);
void dev_activate(struct net_device *dev);
void dev_deactivate(struct net_device *dev);
void dev_shutdown(struct net_device *dev);
/* Queues first to last - 1 get no more packets: let them send what they have, for so long; what is
 * left then (a discipline that holds it back, a device that does not take it) is dropped. rtnl. */
void qdisc_drain(struct net_device *dev, unsigned first, unsigned last, u64 limit_ns);
/* Replace the root qdisc of a queue. 0, -ENOENT (no such kind), -EINVAL, -ENOMEM. rtnl. */
int qdisc_replace(struct netdev_queue *txq, const char *kind, int argc, char **argv);
/* Other parameters for the one there is. 0, -EINVAL (nothing changed), -EOPNOTSUPP. rtnl. */
int qdisc_change(struct netdev_queue *txq, int argc, char **argv);
/* Back to the default. rtnl. */
int qdisc_delete(struct netdev_queue *txq);
/* The configured one, also while the device is down; NULL: none was made yet. rtnl. */
struct Qdisc *qdisc_configured(const struct netdev_queue *txq);

/* Names of qdiscs of all kinds; NULL: no such kind. */
const struct Qdisc_ops *qdisc_lookup_ops(const char *kind);

/* Send until the queue is empty, the driver full or the quota used up. Lock held, not running. */
void __qdisc_run(struct Qdisc *q);
/* What the driver did not take goes first next time. Lock held. */
void qdisc_requeue(struct Qdisc *q, struct sk_buff *list);
void __netif_schedule(struct Qdisc *q);
/* Bytes of skb as sent: payload and the headers of each of its segments. */
u32 qdisc_gso_len(const struct sk_buff *skb);
static inline u32 qdisc_pkt_len(const struct sk_buff *skb)
{
	return likely(!skb_is_gso(skb)) ? skb->len : qdisc_gso_len(skb);
}
void qdisc_watchdog_schedule_ns(struct Qdisc *q, u64 expires_ns);

/* For enqueue and dequeue: keep length and counters. */
static inline void qdisc_enqueued(struct Qdisc *q, const struct sk_buff *skb)
{
	q->stats.qlen++;
	q->stats.backlog_bytes += qdisc_pkt_len(skb);
}
static inline void qdisc_dequeued(struct Qdisc *q, const struct sk_buff *skb)
{
	u32 len = qdisc_pkt_len(skb), segs = skb_shinfo(skb)->gso_segs;

	q->stats.qlen--;
	q->stats.backlog_bytes -= len;
	q->stats.bytes += len;
	q->stats.packets += segs ? segs : 1;
}
static inline int qdisc_drop(struct sk_buff *skb, struct Qdisc *q, struct sk_buff **to_free)
{
	skb->next = *to_free;
	*to_free = skb;
	q->stats.drops++;
	return NET_XMIT_DROP;
}

#endif
