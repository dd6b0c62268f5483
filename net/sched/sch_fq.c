/* SPDX-License-Identifier: MIT */
/*
 * fq: fair queueing with pacing (tc-fq(8)). A flow is a socket, or what has one hash; flows are
 * served in turns by deficit round robin, new ones first. A packet does not leave before its
 * earliest departure time (skb->tstamp_ns), nor a flow faster than `maxrate`: meanwhile the flow
 * waits in a tree by time, and the others go on.
 *
 * A flow is in one place: idle (its fifo is empty), on new_flows or old_flows, or in the tree.
 * Lock: the qdisc's.
 */
#include <kernel/mm.h>
#include <kernel/time.h>
#include <lib/err.h>
#include <lib/hash.h>
#include <lib/printf.h>
#include <lib/rbtree.h>
#include <lib/string.h>
#include <net/sock.h>

#include "sched_int.h"

#define PRIO_CONTROL 7                   /* linux/pkt_sched.h: goes ahead of all */
#define HORIZON_NS   (10 * NSEC_PER_SEC) /* a later departure is taken for that late */
#define IDLE_NS      (3 * NSEC_PER_SEC)  /* an idle flow is forgotten after that */

struct fq_params {
	u64 limit, flow_limit, buckets, quantum, initial_quantum, maxrate, pacing;
};

enum fq_place { FQ_IDLE, FQ_LISTED, FQ_THROTTLED };

struct fq_flow {
	struct hlist_node hash;
	u64 key;
	struct qdisc_fifo fifo;
	struct list_head list; /* FQ_LISTED */
	struct rb_node node;   /* FQ_THROTTLED, by next_ns */
	enum fq_place place;
	s32 credit;
	u64 next_ns; /* not before; FQ_IDLE: since when */
};

struct fq {
	struct fq_params p;
	struct hlist_head *bucket; /* p.buckets of them */
	struct fq_flow control; /* packets of PRIO_CONTROL, and those without memory for a flow */
	struct list_head new_flows, old_flows;
	struct rb_root_cached throttled;
	u32 flows, inactive, throttled_flows;
	u64 gc_flows, throttled_total, flows_plimit, allocation_errors, horizon_caps;
};

/* -- flows ---------------------------------------------------------------------------------------
 */

static u64 flow_key(struct sk_buff *skb)
{
	return skb->sk ? (uintptr_t)skb->sk : (u64)skb_get_hash(skb) << 1 | 1;
}

static struct hlist_head *flow_bucket(struct fq *f, u64 key)
{
	return &f->bucket[hash_64(key, 32) & (f->p.buckets - 1)];
}

static void flow_idle(struct fq *f, struct fq_flow *flow, u64 now)
{
	list_del_init(&flow->list);
	flow->place = FQ_IDLE;
	flow->next_ns = max(flow->next_ns, now);
	f->inactive += flow != &f->control;
}

/* The flow of that key; on the way those of the chain that have long been idle are freed. */
static struct fq_flow *flow_find(struct fq *f, u64 key, u64 now)
{
	struct hlist_head *chain = flow_bucket(f, key);
	struct fq_flow *flow, *found = NULL;
	struct hlist_node *next;

	hlist_for_each_entry_safe(flow, next, chain, hash) {
		if (flow->key == key) {
			found = flow;
		} else if (flow->place == FQ_IDLE && now > flow->next_ns + IDLE_NS) {
			hlist_del(&flow->hash);
			kfree(flow);
			f->flows--;
			f->inactive--;
			f->gc_flows++;
		}
	}
	return found;
}

static struct fq_flow *classify(struct Qdisc *q, struct sk_buff *skb, u64 now)
{
	struct fq *f = qdisc_priv(q);
	u64 key = flow_key(skb);
	struct fq_flow *flow;

	if ((skb->priority & 15) == PRIO_CONTROL)
		return &f->control;
	flow = flow_find(f, key, now);
	if (flow)
		return flow;
	flow = kzalloc(sizeof(*flow), GFP_ATOMIC);
	if (!flow) {
		f->allocation_errors++;
		return &f->control;
	}
	flow->key = key;
	flow->credit = (s32)f->p.initial_quantum;
	INIT_LIST_HEAD(&flow->list);
	hlist_add_head(&flow->hash, flow_bucket(f, key));
	f->flows++;
	f->inactive++;
	return flow;
}

/* The protocol says when a packet is to leave and needs no timer of its own for it: fq has one. */
static void take_over_pacing(const struct fq *f, struct sock *sk)
{
	if (sk && f->p.pacing && READ_ONCE(sk->sk_pacing_status) != SK_PACING_FQ)
		WRITE_ONCE(sk->sk_pacing_status, SK_PACING_FQ);
}

static int fq_enqueue(struct sk_buff *skb, struct Qdisc *q, struct sk_buff **to_free)
{
	struct fq *f = qdisc_priv(q);
	u64 now = ktime_get_ns(), *when = &qdisc_skb_cb(skb)->time_ns;
	struct fq_flow *flow;

	if (q->stats.qlen >= f->p.limit)
		return qdisc_drop(skb, q, to_free);
	*when = skb->tstamp_ns;
	if (*when > now + HORIZON_NS) {
		*when = now + HORIZON_NS;
		f->horizon_caps++;
	}
	take_over_pacing(f, skb->sk);
	flow = classify(q, skb, now);
	if (flow->fifo.qlen >= f->p.flow_limit && flow != &f->control) {
		f->flows_plimit++;
		return qdisc_drop(skb, q, to_free);
	}
	qdisc_skb_cb(skb)->pkt_len = qdisc_pkt_len(skb);
	fifo_add(&flow->fifo, skb);
	qdisc_enqueued(q, skb);
	if (flow == &f->control || flow->place != FQ_IDLE)
		return NET_XMIT_SUCCESS;
	f->inactive--;
	flow->place = FQ_LISTED;
	flow->credit = max(flow->credit, (s32)f->p.quantum);
	list_add_tail(&flow->list, &f->new_flows);
	return NET_XMIT_SUCCESS;
}

static bool flow_before(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct fq_flow, node)->next_ns <
	       rb_entry(b, struct fq_flow, node)->next_ns;
}

static void throttle(struct fq *f, struct fq_flow *flow, u64 until)
{
	list_del_init(&flow->list);
	flow->place = FQ_THROTTLED;
	flow->next_ns = until;
	rb_add_cached(&flow->node, &f->throttled, flow_before);
	f->throttled_flows++;
	f->throttled_total++;
}

/* Those whose time has come take their turn again. */
static void release_throttled(struct fq *f, u64 now)
{
	struct rb_node *n;

	while ((n = rb_first_cached(&f->throttled)) != NULL) {
		struct fq_flow *flow = rb_entry(n, struct fq_flow, node);

		if (flow->next_ns > now)
			return;
		rb_erase_cached(n, &f->throttled);
		f->throttled_flows--;
		flow->place = FQ_LISTED;
		list_add_tail(&flow->list, &f->old_flows);
	}
}

static struct sk_buff *send_from(struct Qdisc *q, struct fq_flow *flow, u64 now)
{
	struct fq *f = qdisc_priv(q);
	struct sk_buff *skb = fifo_take(&flow->fifo);
	u32 len = qdisc_skb_cb(skb)->pkt_len;

	flow->credit -= (s32)len;
	if (f->p.maxrate != ~0ull)
		flow->next_ns = max(flow->next_ns, now) + len * NSEC_PER_SEC / f->p.maxrate;
	qdisc_dequeued(q, skb);
	return skb;
}

static struct sk_buff *fq_dequeue(struct Qdisc *q)
{
	struct fq *f = qdisc_priv(q);
	u64 now = ktime_get_ns(), when;
	struct rb_node *n;

	if (f->control.fifo.head) {
		struct sk_buff *skb = fifo_take(&f->control.fifo);

		qdisc_dequeued(q, skb);
		return skb;
	}
	release_throttled(f, now);
	for (;;) {
		bool fresh = !list_empty(&f->new_flows);
		struct list_head *head = fresh ? &f->new_flows : &f->old_flows;
		struct fq_flow *flow;

		if (list_empty(head))
			break;
		flow = list_first_entry(head, struct fq_flow, list);
		if (flow->credit <= 0) {
			flow->credit += (s32)f->p.quantum;
			list_move_tail(&flow->list, &f->old_flows);
			continue;
		}
		if (!flow->fifo.head) {
			/* As in fq_codel: once round the old ones before it is new again. */
			if (fresh && !list_empty(&f->old_flows))
				list_move_tail(&flow->list, &f->old_flows);
			else
				flow_idle(f, flow, now);
			continue;
		}
		when = max(flow->next_ns, f->p.pacing ? qdisc_skb_cb(flow->fifo.head)->time_ns : 0);
		if (when <= now)
			return send_from(q, flow, now);
		throttle(f, flow, when);
	}
	n = rb_first_cached(&f->throttled);
	if (n)
		qdisc_watchdog_schedule_ns(q, rb_entry(n, struct fq_flow, node)->next_ns);
	return NULL;
}

static struct sk_buff *fq_peek(struct Qdisc *q)
{
	const struct fq *f = qdisc_priv(q);
	const struct fq_flow *flow;

	if (f->control.fifo.head)
		return f->control.fifo.head;
	list_for_each_entry(flow, &f->new_flows, list) {
		if (flow->fifo.head)
			return flow->fifo.head;
	}
	list_for_each_entry(flow, &f->old_flows, list) {
		if (flow->fifo.head)
			return flow->fifo.head;
	}
	return NULL;
}

/* -- configuration -------------------------------------------------------------------------------
 */

static const struct qdisc_opt fq_opts[] = {
	{"limit", QOPT_U32, offsetof(struct fq_params, limit), 1, 1 << 20},
	{"flow_limit", QOPT_U32, offsetof(struct fq_params, flow_limit), 1, 1 << 20},
	{"buckets", QOPT_U32, offsetof(struct fq_params, buckets), 1, 1 << 18},
	{"quantum", QOPT_SIZE, offsetof(struct fq_params, quantum), 256, 1 << 20},
	{"initial_quantum", QOPT_SIZE, offsetof(struct fq_params, initial_quantum), 256, 1 << 20},
	{"maxrate", QOPT_RATE, offsetof(struct fq_params, maxrate), 1, 1ull << 40},
	{"pacing", QOPT_FLAG, offsetof(struct fq_params, pacing), 0, 1},
};

static int fq_change(struct Qdisc *q, int argc, char **argv)
{
	struct fq *f = qdisc_priv(q);
	struct fq_params p = f->p;
	int err = qdisc_parse(fq_opts, ARRAY_SIZE(fq_opts), argc, argv, &p);

	if (err)
		return err;
	if (!IS_POWER_OF_2(p.buckets) || (f->bucket && p.buckets != f->p.buckets))
		return -EINVAL;
	f->p = p;
	return 0;
}

static int fq_init(struct Qdisc *q, int argc, char **argv)
{
	struct fq *f = qdisc_priv(q);
	u64 frame = q->dev_queue->dev->mtu + 14u;
	int err;

	f->p = (struct fq_params){.limit = 10000,
				  .flow_limit = 100,
				  .buckets = 1024,
				  .quantum = 2 * frame,
				  .initial_quantum = 10 * frame,
				  .maxrate = ~0ull,
				  .pacing = 1};
	INIT_LIST_HEAD(&f->new_flows);
	INIT_LIST_HEAD(&f->old_flows);
	INIT_LIST_HEAD(&f->control.list);
	f->throttled = RB_ROOT_CACHED;
	err = fq_change(q, argc, argv);
	if (err)
		return err;
	f->bucket = kvzalloc(f->p.buckets * sizeof(*f->bucket), GFP_KERNEL);
	return f->bucket ? 0 : -ENOMEM;
}

static void fq_reset(struct Qdisc *q)
{
	struct fq *f = qdisc_priv(q);
	struct hlist_node *next;
	struct fq_flow *flow;

	fifo_purge(&f->control.fifo);
	for (u64 i = 0; i < f->p.buckets; i++) {
		hlist_for_each_entry_safe(flow, next, &f->bucket[i], hash) {
			fifo_purge(&flow->fifo);
			hlist_del(&flow->hash);
			kfree(flow);
		}
	}
	INIT_LIST_HEAD(&f->new_flows);
	INIT_LIST_HEAD(&f->old_flows);
	f->throttled = RB_ROOT_CACHED;
	f->flows = f->inactive = f->throttled_flows = 0;
	q->stats.qlen = q->stats.backlog_bytes = 0;
}

static void fq_destroy(struct Qdisc *q)
{
	struct fq *f = qdisc_priv(q);

	kvfree(f->bucket, f->p.buckets * sizeof(*f->bucket));
}

static void fq_dump(struct Qdisc *q, char *text, size_t size)
{
	const struct fq *f = qdisc_priv(q);
	char rate[QDISC_TEXT];
	int n = scnprintf(text, size,
			  "limit %llup flow_limit %llup buckets %llu quantum %llub "
			  "initial_quantum %llub",
			  f->p.limit, f->p.flow_limit, f->p.buckets, f->p.quantum,
			  f->p.initial_quantum);

	if (f->p.maxrate != ~0ull)
		n += scnprintf(text + n, size - (size_t)n, " maxrate %s",
			       qdisc_rate_text(rate, f->p.maxrate));
	if (!f->p.pacing)
		scnprintf(text + n, size - (size_t)n, " nopacing");
}

static void fq_dump_stats(struct Qdisc *q, char *text, size_t size)
{
	const struct fq *f = qdisc_priv(q);

	scnprintf(text, size,
		  "flows %u (inactive %u throttled %u)\n"
		  "gc %llu throttled %llu flows_plimit %llu horizon_caps %llu alloc_errors %llu",
		  f->flows, f->inactive, f->throttled_flows, f->gc_flows, f->throttled_total,
		  f->flows_plimit, f->horizon_caps, f->allocation_errors);
}

static const struct Qdisc_ops fq_ops = {
	.id = "fq",
	.drop_reason = SKB_DROP_REASON_QDISC_DROP,
	.priv_size = sizeof(struct fq),
	.enqueue = fq_enqueue,
	.dequeue = fq_dequeue,
	.peek = fq_peek,
	.init = fq_init,
	.change = fq_change,
	.reset = fq_reset,
	.destroy = fq_destroy,
	.dump = fq_dump,
	.dump_stats = fq_dump_stats,
};
QDISC(fq_ops);
