/* SPDX-License-Identifier: MIT */
/*
 * fq_codel (RFC 8290): flows by hash, served in turns by deficit round robin, new ones first; each
 * flow's queue held short by CoDel (RFC 8289), which drops, or marks with ECN, what has waited for
 * longer than `target` during a whole `interval`. Lock: the qdisc's.
 */
#include <kernel/mm.h>
#include <kernel/time.h>
#include <lib/checksum.h>
#include <lib/err.h>
#include <lib/hash.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <linux/if_ether.h>

#include "sched_int.h"

#define DROP_BATCH                                                                    \
	64 /* packets dropped at once from the longest flow when the limit is reached \
	    */

struct fq_codel_params {
	u64 limit, flows, target_ns, interval_ns, quantum, ecn;
};

struct codel_vars { /* names of RFC 8289 */
	u32 count, lastcount;
	bool dropping;
	u64 first_above_ns, drop_next_ns;
};

struct fq_codel_flow {
	struct list_head list; /* of new_flows or old_flows; unlinked: idle */
	struct qdisc_fifo fifo;
	u32 backlog_bytes;
	s32 deficit;
	struct codel_vars cv;
};

struct fq_codel {
	struct fq_codel_params p;
	struct fq_codel_flow *flow; /* p.flows of them */
	struct list_head new_flows, old_flows;
	u32 new_flow_count, drop_overlimit, ecn_mark, maxpacket;
};

/* -- CoDel ---------------------------------------------------------------------------------------
 */

static u64 isqrt(u64 v)
{
	u64 r = 0;

	for (u64 bit = 1ull << 62; bit; bit >>= 2) {
		if (v >= r + bit) {
			v -= r + bit;
			r = (r >> 1) + bit;
		} else {
			r >>= 1;
		}
	}
	return r;
}

/* When to drop next: t + interval / sqrt(count). */
static u64 control_law(const struct fq_codel *f, const struct codel_vars *v, u64 t)
{
	return t + (f->p.interval_ns << 10) / isqrt((u64)v->count << 20);
}

/* Congestion experienced, where the packet's sender knows ECN (RFC 3168 section 5). */
static bool ecn_mark(struct sk_buff *skb)
{
	u32 off = (u32)skb_network_offset(skb);
	be16 *word, old;
	u8 *h;

	if (skb->protocol.wire != BE16(ETH_P_IP).wire || skb_headlen(skb) < off + 20)
		return false;
	h = skb->data + off;
	if (!(h[1] & 3))
		return false;
	if ((h[1] & 3) == 3)
		return true;
	if (skb_cow_head(skb, 0))
		return false;
	h = skb->data + off;
	word = (be16 *)(void *)h;
	old = *word;
	h[1] |= 3;
	csum_replace2((be16 *)(void *)(h + 10), old, *word);
	return true;
}

static struct sk_buff *flow_take(struct fq_codel_flow *flow)
{
	struct sk_buff *skb = fifo_take(&flow->fifo);

	if (skb)
		flow->backlog_bytes -= qdisc_skb_cb(skb)->pkt_len;
	return skb;
}

/* Has the flow been above the target for a whole interval? (dodeque of RFC 8289) */
static bool should_drop(struct fq_codel *f, struct fq_codel_flow *flow, struct sk_buff *skb,
			u64 now)
{
	struct codel_vars *v = &flow->cv;

	if (!skb || now - qdisc_skb_cb(skb)->time_ns < f->p.target_ns ||
	    flow->backlog_bytes <= f->maxpacket) {
		v->first_above_ns = 0;
		return false;
	}
	if (!v->first_above_ns) {
		v->first_above_ns = now + f->p.interval_ns;
		return false;
	}
	return now >= v->first_above_ns;
}

/* Mark skb and keep it, or drop it and take the next. */
static struct sk_buff *mark_or_drop(struct Qdisc *q, struct fq_codel_flow *flow,
				    struct sk_buff *skb, bool *marked)
{
	struct fq_codel *f = qdisc_priv(q);

	*marked = f->p.ecn && ecn_mark(skb);
	if (*marked) {
		f->ecn_mark++;
		return skb;
	}
	qdisc_dequeue_drop(q, skb);
	return flow_take(flow);
}

static struct sk_buff *codel_while_dropping(struct Qdisc *q, struct fq_codel_flow *flow,
					    struct sk_buff *skb, bool drop, u64 now)
{
	struct fq_codel *f = qdisc_priv(q);
	struct codel_vars *v = &flow->cv;
	bool marked;

	if (!drop)
		v->dropping = false;
	while (v->dropping && now >= v->drop_next_ns) {
		v->count++;
		skb = mark_or_drop(q, flow, skb, &marked);
		if (!marked && !should_drop(f, flow, skb, now)) {
			v->dropping = false;
			break;
		}
		v->drop_next_ns = control_law(f, v, v->drop_next_ns);
		if (marked)
			break;
	}
	return skb;
}

static struct sk_buff *codel_dequeue(struct Qdisc *q, struct fq_codel_flow *flow)
{
	struct fq_codel *f = qdisc_priv(q);
	struct codel_vars *v = &flow->cv;
	struct sk_buff *skb = flow_take(flow);
	u64 now = ktime_get_ns();
	bool drop, marked;
	u32 delta;

	if (!skb) {
		v->dropping = false;
		return NULL;
	}
	drop = should_drop(f, flow, skb, now);
	if (v->dropping)
		return codel_while_dropping(q, flow, skb, drop, now);
	if (!drop)
		return skb;
	skb = mark_or_drop(q, flow, skb, &marked);
	if (!marked)
		should_drop(f, flow, skb, now);
	v->dropping = true;
	/* Where it dropped not long ago, it goes on near the rate that was right then. */
	delta = v->count - v->lastcount;
	v->count = delta > 1 && now - v->drop_next_ns < 16 * f->p.interval_ns ? delta : 1;
	v->lastcount = v->count;
	v->drop_next_ns = control_law(f, v, now);
	return skb;
}

/* -- flows ---------------------------------------------------------------------------------------
 */

/* The limit is reached: half of the longest flow goes, from its head, where it hurts soonest. */
static void drop_from_longest(struct Qdisc *q)
{
	struct fq_codel *f = qdisc_priv(q);
	struct fq_codel_flow *longest = f->flow;
	struct sk_buff *skb;
	u32 enough, n = 0;

	for (u64 i = 1; i < f->p.flows; i++) {
		if (f->flow[i].backlog_bytes > longest->backlog_bytes)
			longest = &f->flow[i];
	}
	enough = longest->backlog_bytes / 2;
	while (n++ < DROP_BATCH && longest->backlog_bytes > enough &&
	       (skb = flow_take(longest)) != NULL) {
		qdisc_dequeue_drop(q, skb);
		f->drop_overlimit++;
	}
}

static int fq_codel_enqueue(struct sk_buff *skb, struct Qdisc *q, struct sk_buff **to_free)
{
	struct fq_codel *f = qdisc_priv(q);
	struct fq_codel_flow *flow = &f->flow[reciprocal_scale(skb_get_hash(skb), (u32)f->p.flows)];
	u32 len = qdisc_pkt_len(skb);

	qdisc_skb_cb(skb)->time_ns = ktime_get_ns();
	qdisc_skb_cb(skb)->pkt_len = len;
	f->maxpacket = max(f->maxpacket, len);
	fifo_add(&flow->fifo, skb);
	flow->backlog_bytes += len;
	qdisc_enqueued(q, skb);
	if (list_empty(&flow->list)) {
		list_add_tail(&flow->list, &f->new_flows);
		f->new_flow_count++;
		flow->deficit = (s32)f->p.quantum;
	}
	if (q->stats.qlen <= f->p.limit)
		return NET_XMIT_SUCCESS;
	drop_from_longest(q);
	return NET_XMIT_CN;
}

static struct sk_buff *fq_codel_dequeue(struct Qdisc *q)
{
	struct fq_codel *f = qdisc_priv(q);

	for (;;) {
		bool fresh = !list_empty(&f->new_flows);
		struct list_head *head = fresh ? &f->new_flows : &f->old_flows;
		struct fq_codel_flow *flow;
		struct sk_buff *skb;

		if (list_empty(head))
			return NULL;
		flow = list_first_entry(head, struct fq_codel_flow, list);
		if (flow->deficit <= 0) {
			flow->deficit += (s32)f->p.quantum;
			list_move_tail(&flow->list, &f->old_flows);
			continue;
		}
		skb = codel_dequeue(q, flow);
		if (skb) {
			flow->deficit -= (s32)qdisc_skb_cb(skb)->pkt_len;
			qdisc_dequeued(q, skb);
			return skb;
		}
		/* A new flow passes through the old ones once, so that it cannot jump the queue
		 * by being empty now and then. */
		if (fresh && !list_empty(&f->old_flows))
			list_move_tail(&flow->list, &f->old_flows);
		else
			list_del_init(&flow->list);
	}
}

static struct sk_buff *fq_codel_peek(struct Qdisc *q)
{
	struct fq_codel *f = qdisc_priv(q);
	struct fq_codel_flow *flow;

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

static const struct qdisc_opt fq_codel_opts[] = {
	{"limit", QOPT_U32, offsetof(struct fq_codel_params, limit), 1, 1 << 20},
	{"flows", QOPT_U32, offsetof(struct fq_codel_params, flows), 1, 65536},
	{"target", QOPT_TIME, offsetof(struct fq_codel_params, target_ns), 1, NSEC_PER_SEC},
	{"interval", QOPT_TIME, offsetof(struct fq_codel_params, interval_ns), 1000,
	 10 * NSEC_PER_SEC},
	{"quantum", QOPT_SIZE, offsetof(struct fq_codel_params, quantum), 256, 1 << 20},
	{"ecn", QOPT_FLAG, offsetof(struct fq_codel_params, ecn), 0, 1},
};

static int fq_codel_change(struct Qdisc *q, int argc, char **argv)
{
	struct fq_codel *f = qdisc_priv(q);
	struct fq_codel_params p = f->p;
	int err = qdisc_parse(fq_codel_opts, ARRAY_SIZE(fq_codel_opts), argc, argv, &p);

	if (err)
		return err;
	if (f->flow && p.flows != f->p.flows)
		return -EINVAL; /* fixed once made */
	f->p = p;
	while (q->stats.qlen > p.limit)
		drop_from_longest(q);
	return 0;
}

static int fq_codel_init(struct Qdisc *q, int argc, char **argv)
{
	struct fq_codel *f = qdisc_priv(q);
	int err;

	f->p = (struct fq_codel_params){.limit = 10240,
					.flows = 1024,
					.target_ns = 5 * NSEC_PER_MSEC,
					.interval_ns = 100 * NSEC_PER_MSEC,
					.quantum = q->dev_queue->dev->mtu + 14u,
					.ecn = 1};
	f->maxpacket = 256;
	INIT_LIST_HEAD(&f->new_flows);
	INIT_LIST_HEAD(&f->old_flows);
	err = fq_codel_change(q, argc, argv);
	if (err)
		return err;
	f->flow = kvzalloc(f->p.flows * sizeof(*f->flow), GFP_KERNEL);
	if (!f->flow)
		return -ENOMEM;
	for (u64 i = 0; i < f->p.flows; i++)
		INIT_LIST_HEAD(&f->flow[i].list);
	return 0;
}

static void fq_codel_reset(struct Qdisc *q)
{
	struct fq_codel *f = qdisc_priv(q);

	for (u64 i = 0; i < f->p.flows; i++) {
		struct fq_codel_flow *flow = &f->flow[i];

		fifo_purge(&flow->fifo);
		*flow = (struct fq_codel_flow){0};
		INIT_LIST_HEAD(&flow->list);
	}
	INIT_LIST_HEAD(&f->new_flows);
	INIT_LIST_HEAD(&f->old_flows);
	q->stats.qlen = q->stats.backlog_bytes = 0;
}

static void fq_codel_destroy(struct Qdisc *q)
{
	struct fq_codel *f = qdisc_priv(q);

	kvfree(f->flow, f->p.flows * sizeof(*f->flow));
}

static void fq_codel_dump(struct Qdisc *q, char *text, size_t size)
{
	const struct fq_codel *f = qdisc_priv(q);
	char target[QDISC_TEXT], interval[QDISC_TEXT];

	scnprintf(text, size, "limit %llup flows %llu quantum %llu target %s interval %s%s",
		  f->p.limit, f->p.flows, f->p.quantum, qdisc_time_text(target, f->p.target_ns),
		  qdisc_time_text(interval, f->p.interval_ns), f->p.ecn ? " ecn" : "");
}

static void fq_codel_dump_stats(struct Qdisc *q, char *text, size_t size)
{
	const struct fq_codel *f = qdisc_priv(q);
	const struct list_head *l;
	u32 fresh = 0, old = 0;

	for (l = f->new_flows.next; l != &f->new_flows; l = l->next)
		fresh++;
	for (l = f->old_flows.next; l != &f->old_flows; l = l->next)
		old++;
	scnprintf(text, size,
		  "maxpacket %u drop_overlimit %u new_flow_count %u ecn_mark %u\n"
		  "new_flows_len %u old_flows_len %u",
		  f->maxpacket, f->drop_overlimit, f->new_flow_count, f->ecn_mark, fresh, old);
}

static const struct Qdisc_ops fq_codel_ops = {
	.id = "fq_codel",
	.drop_reason = SKB_DROP_REASON_QDISC_DROP,
	.priv_size = sizeof(struct fq_codel),
	.enqueue = fq_codel_enqueue,
	.dequeue = fq_codel_dequeue,
	.peek = fq_codel_peek,
	.init = fq_codel_init,
	.change = fq_codel_change,
	.reset = fq_codel_reset,
	.destroy = fq_codel_destroy,
	.dump = fq_codel_dump,
	.dump_stats = fq_codel_dump_stats,
};
QDISC(fq_codel_ops);
