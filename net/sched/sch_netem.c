/* SPDX-License-Identifier: MIT */
/*
 * netem: a bad network on purpose (tc-netem(8)): delay with jitter, loss, duplicates, damaged bits,
 * changed order, a rate. Packets wait in a tree by the time at which they are to leave; equal times
 * keep their order. Lock: the qdisc's.
 */
#include <kernel/random.h>
#include <kernel/time.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/rbtree.h>
#include <lib/string.h>

#include "sched_int.h"

#define MILLION 1000000u

struct netem_params {
	u64 limit, delay_ns, jitter_ns, loss, duplicate, corrupt, reorder, gap, rate;
};

struct netem {
	struct netem_params p;
	struct rb_root_cached queue; /* of skb.rbnode, by cb.time_ns */
	u64 last_ns;                 /* when the last byte leaves, at the rate */
	u32 counter;                 /* packets since one went ahead of its turn */
	u64 lost, duplicated, corrupted, reordered;
};

static bool chance(u64 ppm)
{
	return ppm && get_random_u32_below(MILLION) < ppm;
}

static struct sk_buff *node_skb(const struct rb_node *n)
{
	return rb_entry(n, struct sk_buff, rbnode);
}

static bool leaves_before(const struct rb_node *a, const struct rb_node *b)
{
	return qdisc_skb_cb(node_skb(a))->time_ns < qdisc_skb_cb(node_skb(b))->time_ns;
}

static u64 delay_ns(const struct netem *n)
{
	u64 spread = 2 * n->p.jitter_ns;
	s64 d = (s64)n->p.delay_ns;

	if (spread)
		d += (s64)(get_random_u64() % (spread + 1)) - (s64)n->p.jitter_ns;
	return d > 0 ? (u64)d : 0;
}

/* One bit flipped, in a copy of our own, the checksum finished before: so it is found out. */
static struct sk_buff *damage(struct netem *n, struct sk_buff *skb)
{
	u8 *byte;

	if (skb_is_gso(skb) || !skb_headlen(skb) || skb_linearize(skb) ||
	    (skb->ip_summed == CHECKSUM_PARTIAL && skb_checksum_help(skb)) ||
	    (skb_cloned(skb) && pskb_expand_head(skb, 0, 0, GFP_ATOMIC)))
		return skb;
	byte = skb->data + get_random_u32_below(skb_headlen(skb));
	*byte ^= (u8)(1u << get_random_u32_below(8));
	n->corrupted++;
	return skb;
}

static int netem_add(struct sk_buff *skb, struct Qdisc *q, struct sk_buff **to_free)
{
	struct netem *n = qdisc_priv(q);
	u64 now = ktime_get_ns(), when;

	if (q->stats.qlen >= n->p.limit)
		return qdisc_drop(skb, q, to_free);
	/* Every gap-th packet may go at once, ahead of those that are delayed. */
	if (n->p.gap && n->counter >= n->p.gap - 1 && chance(n->p.reorder)) {
		n->counter = 0;
		n->reordered++;
		when = now;
	} else {
		n->counter++;
		when = now + delay_ns(n);
		if (n->p.rate) {
			n->last_ns = max(n->last_ns, now) +
				     qdisc_pkt_len(skb) * NSEC_PER_SEC / n->p.rate;
			when += n->last_ns - now;
		}
	}
	qdisc_enqueued(q, skb);
	qdisc_skb_cb(skb)->time_ns = when;
	rb_add_cached(&skb->rbnode, &n->queue, leaves_before);
	return NET_XMIT_SUCCESS;
}

static int netem_enqueue(struct sk_buff *skb, struct Qdisc *q, struct sk_buff **to_free)
{
	struct netem *n = qdisc_priv(q);
	struct sk_buff *twin;

	if (chance(n->p.loss)) {
		n->lost++;
		qdisc_drop(skb, q, to_free);
		return NET_XMIT_SUCCESS; /* a wire says nothing either */
	}
	if (chance(n->p.duplicate)) {
		twin = skb_clone(skb, GFP_ATOMIC);
		if (twin) {
			n->duplicated++;
			netem_add(twin, q, to_free);
		}
	}
	if (chance(n->p.corrupt))
		skb = damage(n, skb);
	return netem_add(skb, q, to_free);
}

static struct sk_buff *netem_peek(struct Qdisc *q)
{
	struct rb_node *first = rb_first_cached(&((struct netem *)qdisc_priv(q))->queue);

	return first ? node_skb(first) : NULL;
}

/* The node lies over next, prev and dev. */
static struct sk_buff *netem_unlink(struct Qdisc *q, struct sk_buff *skb)
{
	struct netem *n = qdisc_priv(q);

	rb_erase_cached(&skb->rbnode, &n->queue);
	skb->next = skb->prev = NULL;
	skb->dev = q->dev_queue->dev;
	return skb;
}

static struct sk_buff *netem_dequeue(struct Qdisc *q)
{
	struct sk_buff *skb = netem_peek(q);
	u64 when;

	if (!skb)
		return NULL;
	when = qdisc_skb_cb(skb)->time_ns;
	if (when > ktime_get_ns()) {
		qdisc_watchdog_schedule_ns(q, when);
		return NULL;
	}
	netem_unlink(q, skb);
	qdisc_dequeued(q, skb);
	return skb;
}

static const struct qdisc_opt netem_opts[] = {
	{"limit", QOPT_U32, offsetof(struct netem_params, limit), 1, 1 << 20},
	{"delay", QOPT_TIME, offsetof(struct netem_params, delay_ns), 0, 60 * NSEC_PER_SEC},
	{"jitter", QOPT_TIME, offsetof(struct netem_params, jitter_ns), 0, 60 * NSEC_PER_SEC},
	{"loss", QOPT_PERCENT, offsetof(struct netem_params, loss), 0, MILLION},
	{"duplicate", QOPT_PERCENT, offsetof(struct netem_params, duplicate), 0, MILLION},
	{"corrupt", QOPT_PERCENT, offsetof(struct netem_params, corrupt), 0, MILLION},
	{"reorder", QOPT_PERCENT, offsetof(struct netem_params, reorder), 0, MILLION},
	{"gap", QOPT_U32, offsetof(struct netem_params, gap), 1, 1 << 16},
	{"rate", QOPT_RATE, offsetof(struct netem_params, rate), 1, 1ull << 40},
};

/* What is given replaces everything, as with tc. "delay 10ms 2ms": the second is the jitter. */
static int netem_change(struct Qdisc *q, int argc, char **argv)
{
	struct netem *n = qdisc_priv(q);
	struct netem_params p = {.limit = 1000};
	char jitter[] = "jitter", *pair[2] = {jitter, NULL};

	while (argc > 0) {
		int used = argc < 2 ? argc : 2;

		if (qdisc_parse(netem_opts, ARRAY_SIZE(netem_opts), used, argv, &p))
			return -EINVAL;
		if (!strcmp(argv[0], "delay") && argc > 2 && argv[2][0] >= '0' &&
		    argv[2][0] <= '9') {
			pair[1] = argv[2];
			if (qdisc_parse(netem_opts, ARRAY_SIZE(netem_opts), 2, pair, &p))
				return -EINVAL;
			used++;
		}
		argc -= used;
		argv += used;
	}
	if (p.reorder && !p.gap)
		p.gap = 1;
	n->p = p;
	return 0;
}

static int netem_init(struct Qdisc *q, int argc, char **argv)
{
	((struct netem *)qdisc_priv(q))->queue = RB_ROOT_CACHED;
	return netem_change(q, argc, argv);
}

static void netem_reset(struct Qdisc *q)
{
	struct netem *n = qdisc_priv(q);
	struct sk_buff *skb;

	while ((skb = netem_peek(q)) != NULL)
		kfree_skb_reason(netem_unlink(q, skb), SKB_DROP_REASON_DEV_READY);
	n->last_ns = 0;
	q->stats.qlen = q->stats.backlog_bytes = 0;
}

static int percent(char *text, size_t size, const char *name, u64 ppm)
{
	return ppm ? scnprintf(text, size, " %s %llu.%04llu%%", name, ppm / 10000, ppm % 10000) : 0;
}

static void netem_dump(struct Qdisc *q, char *text, size_t size)
{
	const struct netem_params *p = &((const struct netem *)qdisc_priv(q))->p;
	int n = scnprintf(text, size, "limit %llu", p->limit);
	char a[QDISC_TEXT], b[QDISC_TEXT];

	if (p->delay_ns || p->jitter_ns)
		n += scnprintf(text + n, size - (size_t)n, " delay %s%s%s",
			       qdisc_time_text(a, p->delay_ns), p->jitter_ns ? "  " : "",
			       p->jitter_ns ? qdisc_time_text(b, p->jitter_ns) : "");
	n += percent(text + n, size - (size_t)n, "loss", p->loss);
	n += percent(text + n, size - (size_t)n, "duplicate", p->duplicate);
	n += percent(text + n, size - (size_t)n, "reorder", p->reorder);
	n += percent(text + n, size - (size_t)n, "corrupt", p->corrupt);
	if (p->rate)
		n += scnprintf(text + n, size - (size_t)n, " rate %s", qdisc_rate_text(a, p->rate));
	if (p->gap)
		scnprintf(text + n, size - (size_t)n, " gap %llu", p->gap);
}

static void netem_dump_stats(struct Qdisc *q, char *text, size_t size)
{
	const struct netem *n = qdisc_priv(q);

	scnprintf(text, size, "lost %llu duplicated %llu corrupted %llu reordered %llu", n->lost,
		  n->duplicated, n->corrupted, n->reordered);
}

static const struct Qdisc_ops netem_ops = {
	.id = "netem",
	.drop_reason = SKB_DROP_REASON_QDISC_DROP,
	.priv_size = sizeof(struct netem),
	.enqueue = netem_enqueue,
	.dequeue = netem_dequeue,
	.peek = netem_peek,
	.init = netem_init,
	.change = netem_change,
	.reset = netem_reset,
	.dump = netem_dump,
	.dump_stats = netem_dump_stats,
};
QDISC(netem_ops);
