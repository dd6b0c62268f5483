/* SPDX-License-Identifier: MIT */
/*
 * The way in: NAPI scheduling, NET_RX_SOFTIRQ, the per-CPU backlog, and the dispatch of a packet
 * to its EtherType's handler.
 *
 * Ownership of a napi_struct: who sets NAPI_STATE_SCHED owns it and puts it on its CPU's poll
 * list; the poll ends the ownership in napi_complete_done(). Lists are touched with interrupts
 * off, on their own CPU.
 */
#include <net/netdevice.h>

#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/softirq.h>
#include <lib/err.h>
#include <lib/hash.h>
#include <linux/if_ether.h>
#include <net/sched.h>

#include "core_int.h"

DEFINE_PER_CPU(struct softnet_data, softnet_data);

extern const struct packet_type *const __start_packet_types[] __weak;
extern const struct packet_type *const __stop_packet_types[] __weak;

/* -- EtherType handlers ----------------------------------------------------------------------- */

#define PTYPE_SLOTS 16 /* IP, IPv6, ARP and a few: far from full */

static const struct packet_type *ptype_slot[PTYPE_SLOTS]; /* [I] open addressing by type */
static bool ptype_taps;                                   /* [I] somebody has ETH_P_ALL */

static unsigned ptype_hash(u16 type)
{
	return hash_32(type, 4);
}

static void ptype_init(void)
{
	const struct packet_type *const *p;

	section_for_each(p, packet_types) {
		unsigned i = ptype_hash((*p)->type), n = 0;

		if ((*p)->type == ETH_P_ALL) {
			ptype_taps = true;
			continue;
		}
		while (ptype_slot[i] && ptype_slot[i] != *p && n++ < PTYPE_SLOTS)
			i = (i + 1) % PTYPE_SLOTS;
		BUG_ON(n >= PTYPE_SLOTS - 1);
		ptype_slot[i] = *p;
	}
}

const struct packet_type *packet_type_get(be16 protocol)
{
	u16 type = be16_get(protocol);

	for (unsigned i = ptype_hash(type); ptype_slot[i]; i = (i + 1) % PTYPE_SLOTS) {
		if (ptype_slot[i]->type == type)
			return ptype_slot[i];
	}
	return NULL;
}

bool packet_taps_active(void)
{
	return ptype_taps;
}

noinline void packet_taps_deliver(struct sk_buff *skb, struct net_device *dev)
{
	const struct packet_type *const *p;

	section_for_each(p, packet_types) {
		struct sk_buff *copy;

		if ((*p)->type != ETH_P_ALL)
			continue;
		copy = skb_clone(skb, GFP_ATOMIC);
		if (copy)
			(*p)->func(copy, dev);
	}
}

/* -- up the stack
 * ----------------------------------------------------------------------------------- */

void dev_count_rx(struct sk_buff *skb)
{
	struct pcpu_sw_netstats *s = skb->dev->stats[smp_processor_id()];
	u16 segs = skb_shinfo(skb)->gso_segs;

	s->rx_packets += segs ? segs : 1;
	s->rx_bytes += skb->len;
	if (skb_mac_header_was_set(skb))
		s->rx_bytes += (u32)(skb->data - (u8 *)skb_mac_header(skb));
	if (skb->pkt_type == PACKET_MULTICAST)
		s->multicast++;
}

/* Here and now. */
static int deliver_skb(struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;
	const struct packet_type *pt;
	int ret = 0;

	skb_reset_network_header(skb);
	if (!skb_transport_header_was_set(skb))
		skb_reset_transport_header(skb);
	if (skb_mac_header_was_set(skb))
		skb->mac_len = (u16)(skb->network_header - skb->mac_header);
	this_cpu(softnet_data).processed++;

	rcu_read_lock();
	if (unlikely(ptype_taps))
		packet_taps_deliver(skb, dev);
	pt = packet_type_get(skb->protocol);
	if (pt) {
		ret = pt->func(skb, dev);
	} else {
		dev_stats_inc(dev, rx_nohandler);
		kfree_skb_reason(skb, be16_is_zero(skb->protocol)
					      ? SKB_DROP_REASON_DEV_HDR
					      : SKB_DROP_REASON_UNHANDLED_PROTO);
	}
	rcu_read_unlock();
	return ret;
}

static int enqueue_to_backlog(struct sk_buff *skb, unsigned cpu, u32 *tail);

int netif_receive_skb_core(struct sk_buff *skb)
{
	u32 *tail = NULL;
	unsigned cpu;
	int ret;

	skb_reset_network_header(skb);
	rcu_read_lock(); /* tail lies in a table that may be replaced */
	cpu = rps_cpu(skb, &tail);
	ret = likely(cpu == smp_processor_id()) ? deliver_skb(skb)
						: enqueue_to_backlog(skb, cpu, tail);
	rcu_read_unlock();
	return ret;
}

int netif_receive_skb(struct sk_buff *skb)
{
	dev_count_rx(skb);
	return netif_receive_skb_core(skb);
}

/* -- backlog
 * ------------------------------------------------------------------------------------------ */

/* Queue skb for cpu, whose backlog is scheduled if it was idle; *tail (tail may be NULL): where in
 * the queue it ends. Any context. */
static int enqueue_to_backlog(struct sk_buff *skb, unsigned cpu, u32 *tail)
{
	struct softnet_data *sd = &per_cpu(softnet_data, cpu);
	bool down = !netif_running(skb->dev), other = cpu != smp_processor_id(), idle;
	u32 max = (u32)net_core_params()->netdev_max_backlog;
	irqflags_t flags;

	spin_lock_irqsave(&sd->input_pkt_queue.lock, flags);
	if (down || sd->input_pkt_queue.qlen >= max ||
	    (other && rps_flow_limit(sd, skb->hash, max))) {
		sd->dropped += !down;
		spin_unlock_irqrestore(&sd->input_pkt_queue.lock, flags);
		dev_stats_inc(skb->dev, rx_dropped);
		dev_kfree_skb_any_reason(skb, down ? SKB_DROP_REASON_DEV_READY
						   : SKB_DROP_REASON_CPU_BACKLOG);
		return -ENOBUFS;
	}
	dev_hold(skb->dev); /* the queue outlives the caller's section */
	__skb_queue_tail(&sd->input_pkt_queue, skb);
	sd->input_queue_tail++;
	if (tail)
		WRITE_ONCE(*tail, sd->input_queue_tail);
	idle = napi_schedule_prep(&sd->backlog);
	if (idle && !other)
		__napi_schedule(&sd->backlog);
	spin_unlock_irqrestore(&sd->input_pkt_queue.lock, flags);
	/* Its backlog is ours to schedule, and so is its csd, until that CPU has done it. */
	if (idle && other)
		smp_call_function_single_async(cpu, &sd->rps_csd);
	return 0;
}

/* Softirq of the CPU that another one has given packets. */
static void rps_trigger(void *arg)
{
	struct softnet_data *sd = arg;

	sd->received_rps++;
	__napi_schedule(&sd->backlog);
}

int netif_rx(struct sk_buff *skb)
{
	irqflags_t flags = local_irq_save();
	int err;

	err = enqueue_to_backlog(skb, smp_processor_id(), NULL);
	if (!err)
		dev_count_rx(skb); /* still there: only this CPU takes it, interrupts on */
	local_irq_restore(flags);
	return err;
}

/* What others queued becomes ours. False: nothing, and the backlog is idle now: that under the
 * lock, so that who adds a packet next finds it unscheduled. */
static bool take_backlog(struct softnet_data *sd, int work)
{
	irqflags_t flags;
	bool some;

	spin_lock_irqsave(&sd->input_pkt_queue.lock, flags);
	some = sd->input_pkt_queue.qlen;
	if (some)
		skb_queue_splice_tail_init(&sd->input_pkt_queue, &sd->process_queue);
	else
		napi_complete_done(&sd->backlog, work);
	spin_unlock_irqrestore(&sd->input_pkt_queue.lock, flags);
	return some;
}

static int process_backlog(struct napi_struct *n, int budget)
{
	struct softnet_data *sd = container_of(n, struct softnet_data, backlog);
	int work = 0;

	while (work < budget) {
		struct sk_buff *skb = __skb_dequeue(&sd->process_queue);
		struct net_device *dev;

		if (!skb) {
			if (!take_backlog(sd, work))
				break;
			continue;
		}
		dev = skb->dev;
		if (netif_running(dev))
			deliver_skb(skb);
		else
			kfree_skb_reason(skb, SKB_DROP_REASON_DEV_READY);
		dev_put(dev);
		WRITE_ONCE(sd->input_queue_head, sd->input_queue_head + 1);
		work++;
	}
	return work;
}

/* -- scheduling
 * ------------------------------------------------------------------------------------------ */

#define SCHED_BIT   (1ul << NAPI_STATE_SCHED)
#define MISSED_BIT  (1ul << NAPI_STATE_MISSED)
#define DISABLE_BIT (1ul << NAPI_STATE_DISABLE)
#define PREFER_BIT  (1ul << NAPI_STATE_PREFER_BUSY_POLL)

bool napi_schedule_prep(struct napi_struct *n)
{
	unsigned long old = READ_ONCE(n->state), new, seen;

	for (;;) {
		if (old & DISABLE_BIT)
			return false;
		new = old | SCHED_BIT | (old & SCHED_BIT ? MISSED_BIT : 0);
		seen = cmpxchg(&n->state, old, new);
		if (seen == old)
			return !(old & SCHED_BIT);
		old = seen;
	}
}

void __napi_schedule(struct napi_struct *n)
{
	irqflags_t flags = local_irq_save();

	n->cpu = smp_processor_id();
	list_add_tail(&n->poll_list, &this_cpu(softnet_data).poll_list);
	raise_softirq_irqoff(NET_RX_SOFTIRQ);
	local_irq_restore(flags);
}

/* Neither is set in the usual poll. */
#define OTHER_END_BITS (1ul << NAPI_STATE_IN_BUSY_POLL | 1ul << NAPI_STATE_DEFER)

static __always_inline bool release(struct napi_struct *n)
{
	unsigned long old, new, seen;
	irqflags_t flags = local_irq_save();

	if (!list_empty(&n->poll_list))
		list_del_init(&n->poll_list);
	local_irq_restore(flags);

	for (old = READ_ONCE(n->state);; old = seen) {
		/* Scheduled again meanwhile: stay scheduled, the caller keeps interrupts masked. */
		new = old & ~(MISSED_BIT | SCHED_BIT | PREFER_BIT);
		if (old & MISSED_BIT)
			new |= SCHED_BIT;
		seen = cmpxchg(&n->state, old, new);
		if (seen == old)
			break;
	}
	if (old & MISSED_BIT) {
		__napi_schedule(n);
		return false;
	}
	return true;
}

bool napi_release(struct napi_struct *n)
{
	return release(n);
}

bool napi_complete_done(struct napi_struct *n, int work_done)
{
	if (unlikely(READ_ONCE(n->state) & OTHER_END_BITS))
		return napi_complete_deferred(n, work_done);
	if (n->gro_bitmask)
		napi_gro_flush(n, ~0ull);
	return release(n);
}

static __always_inline int poll_once(struct softnet_data *sd, struct napi_struct *n, int budget)
{
	int work = 0;

	sd->polls++;
	sd->bells_gather = true;
	rcu_read_lock();
	if (test_bit(NAPI_STATE_SCHED, &n->state))
		work = n->poll(n, budget);
	rcu_read_unlock();
	sd->polls++;
	dev_xmit_later_flush();
	sd->bells_gather = false;
	if (sd->bells)
		netdev_tx_bells_ring(sd);
	if (unlikely(work > budget))
		pr_err("%s: napi poll returned %d of %d", n->dev ? n->dev->name : "backlog", work,
		       budget);
	return work;
}

int napi_poll_once(struct napi_struct *n, int budget)
{
	return poll_once(&this_cpu(softnet_data), n, budget);
}

/* One turn of n, which was taken off the poll list. True: it has more to do. */
static bool napi_poll(struct softnet_data *sd, struct napi_struct *n, int *work)
{
	int weight = n->weight;

	*work = poll_once(sd, n, weight);
	if (*work < weight)
		return false;
	if (unlikely(READ_ONCE(n->state) & (DISABLE_BIT | PREFER_BIT))) {
		if (napi_complete_done(n, *work) && !test_bit(NAPI_STATE_DISABLE, &n->state))
			napi_schedule(n); /* who prefers to poll it has put no interrupt off */
		return false;
	}
	/* A flow must not wait for its merge partner longer than the poll goes on busily. */
	if (n->gro_bitmask)
		napi_gro_flush(n, ktime_get_ns() - NSEC_PER_MSEC);
	return list_empty(&n->poll_list);
}

static void net_rx_action(void)
{
	struct softnet_data *sd = &this_cpu(softnet_data);
	const struct netns_core *params = net_core_params();
	int budget = params->netdev_budget, work;
	u64 now_ns, limit_ns = 0;
	LIST_HEAD(list);
	LIST_HEAD(repoll);

	local_irq_disable();
	list_splice_init(&sd->poll_list, &list);
	local_irq_enable();
	while (!list_empty(&list)) {
		struct napi_struct *n = list_first_entry(&list, struct napi_struct, poll_list);

		list_del_init(&n->poll_list);
		if (napi_poll(sd, n, &work))
			list_add_tail(&n->poll_list, &repoll);
		budget -= work;
		if (list_empty(&list) && list_empty(&repoll))
			break;
		/* The first turn is short, and mostly the only one: time counts from its end. */
		now_ns = ktime_get_ns();
		if (!limit_ns)
			limit_ns = now_ns + (u64)params->netdev_budget_usecs * NSEC_PER_USEC;
		if (budget <= 0 || now_ns >= limit_ns) {
			sd->time_squeeze++;
			break;
		}
	}
	/* Mostly that is all: what comes from now on raises the softirq itself. */
	if (likely(list_empty(&list) && list_empty(&repoll) && list_empty(&sd->poll_list))) {
		sd->busy_since_ns = 0;
		return;
	}
	/* What is left goes first next time, then what came meanwhile, then who had a full turn. */
	local_irq_disable();
	list_splice_tail_init(&sd->poll_list, &list);
	list_splice_tail_init(&repoll, &list);
	list_splice_init(&list, &sd->poll_list);
	if (list_empty(&sd->poll_list)) {
		sd->busy_since_ns = 0;
	} else {
		raise_softirq_irqoff(NET_RX_SOFTIRQ);
		if (!sd->busy_since_ns)
			sd->busy_since_ns = ktime_get_ns();
	}
	local_irq_enable();
}

/* -- a napi_struct's life
 * ------------------------------------------------------------------------------------ */

#define ID_BUCKETS 64

static DEFINE_SPINLOCK(napi_id_lock);
static u16 napi_last_id;                       /* [napi_id_lock] */
static struct hlist_head napi_ids[ID_BUCKETS]; /* [napi_id_lock, rcu] of napi_structs by id */

static struct hlist_head *id_bucket(u32 id)
{
	return &napi_ids[id % ID_BUCKETS];
}

struct napi_struct *napi_by_id(u32 id)
{
	struct napi_struct *n;

	hlist_for_each_entry_rcu(n, id_bucket(id), id_node) {
		if (n->napi_id == id)
			return n;
	}
	return NULL;
}

/* There are not so many that all are taken. */
static void napi_id_add(struct napi_struct *n)
{
	spin_lock_bh(&napi_id_lock);
	do {
		napi_last_id++;
	} while (!napi_last_id || napi_by_id(napi_last_id));
	n->napi_id = napi_last_id;
	hlist_add_head_rcu(&n->id_node, id_bucket(n->napi_id));
	spin_unlock_bh(&napi_id_lock);
}

static void napi_id_del(struct napi_struct *n)
{
	spin_lock_bh(&napi_id_lock);
	hlist_del_rcu(&n->id_node);
	spin_unlock_bh(&napi_id_lock);
	synchronize_rcu();
}

void netif_napi_add(struct net_device *dev, struct napi_struct *n,
		    int (*poll)(struct napi_struct *n, int budget))
{
	INIT_LIST_HEAD(&n->poll_list);
	n->state = SCHED_BIT; /* disabled until napi_enable() */
	n->weight = dev ? NAPI_POLL_WEIGHT : net_core_params()->dev_weight;
	n->poll = poll;
	n->dev = dev;
	n->cpu = 0;
	n->napi_id = 0;
	napi_gro_init(n);
	napi_defer_init(n);
	INIT_LIST_HEAD(&n->dev_list);
	if (!dev)
		return;
	napi_id_add(n);
	list_add_tail(&n->dev_list, &dev->napi_list);
}

void netif_napi_del(struct napi_struct *n)
{
	list_del_init(&n->dev_list);
	if (n->napi_id)
		napi_id_del(n);
	napi_gro_drop(n);
}

void napi_enable(struct napi_struct *n)
{
	BUG_ON(!test_bit(NAPI_STATE_SCHED, &n->state));
	smp_store_release(&n->state, napi_defer_state(n));
}

void napi_disable(struct napi_struct *n)
{
	set_bit(NAPI_STATE_DISABLE, &n->state);
	while (test_and_set_bit(NAPI_STATE_SCHED, &n->state))
		thread_sleep_ns(20 * NSEC_PER_USEC);
	hrtimer_cancel(&n->defer_timer);
	clear_bit(NAPI_STATE_MISSED, &n->state);
	clear_bit(NAPI_STATE_PREFER_BUSY_POLL, &n->state);
	clear_bit(NAPI_STATE_DISABLE, &n->state);
}

/* -- NET_TX_SOFTIRQ
 * -------------------------------------------------------------------------------------------- */

void dev_kfree_skb_any_reason(struct sk_buff *skb, enum skb_drop_reason reason)
{
	struct softnet_data *sd;
	irqflags_t flags;

	if (!in_hardirq() && !irqs_disabled()) {
		kfree_skb_reason(skb, reason);
		return;
	}
	if (!skb || !refcount_dec_and_test(&skb->users))
		return;
	refcount_set(&skb->users, 1);
	flags = local_irq_save();
	sd = &this_cpu(softnet_data);
	skb->csum = reason; /* of no other use any more */
	skb->next = sd->completion_queue;
	sd->completion_queue = skb;
	raise_softirq_irqoff(NET_TX_SOFTIRQ);
	local_irq_restore(flags);
}

static void net_tx_action(void)
{
	struct softnet_data *sd = &this_cpu(softnet_data);
	struct sk_buff *skb, *next_skb;
	struct Qdisc *q, *next;

	local_irq_disable();
	skb = sd->completion_queue;
	q = sd->output_queue;
	sd->completion_queue = NULL;
	sd->output_queue = NULL;
	local_irq_enable();
	for (; skb; skb = next_skb) {
		next_skb = skb->next;
		kfree_skb_reason(skb, (enum skb_drop_reason)skb->csum);
	}
	for (; q; q = next) {
		next = q->next_sched;
		spin_lock(&q->lock);
		clear_bit(QDISC_STATE_SCHED, &q->state);
		if (!q->running && !test_bit(QDISC_STATE_DEACTIVATED, &q->state))
			__qdisc_run(q);
		spin_unlock(&q->lock);
	}
	if (sd->bells)
		netdev_tx_bells_ring(sd);
}

void net_dev_init(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	for_each_cpu(cpu) {
		struct softnet_data *sd = &per_cpu(softnet_data, cpu);

		INIT_LIST_HEAD(&sd->poll_list);
		skb_queue_head_init(&sd->input_pkt_queue);
		skb_queue_head_init(&sd->process_queue);
		sd->rps_csd.fn = rps_trigger;
		sd->rps_csd.arg = sd;
		netif_napi_add(NULL, &sd->backlog, process_backlog);
		napi_enable(&sd->backlog);
	}
	ptype_init();
	linkwatch_init();
	open_softirq(NET_RX_SOFTIRQ, net_rx_action);
	open_softirq(NET_TX_SOFTIRQ, net_tx_action);
}
