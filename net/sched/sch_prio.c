/* SPDX-License-Identifier: MIT */
/*
 * prio: up to 16 first-in first-out bands by packet priority; a band is served only while those
 * before it are empty (tc-prio(8)). Like pfifo_fast, but with a number of bands and a map of one's
 * own, and a limit for each band. Lock: the qdisc's.
 */
#include <lib/err.h>
#include <lib/kstrto.h>
#include <lib/printf.h>
#include <lib/string.h>

#include "sched_int.h"

#define MAX_BANDS  16
#define PRIORITIES 16

struct prio_params {
	u64 bands, limit;
	u8 map[PRIORITIES];
};

struct prio {
	struct prio_params p;
	struct qdisc_fifo band[MAX_BANDS];
};

static int prio_enqueue(struct sk_buff *skb, struct Qdisc *q, struct sk_buff **to_free)
{
	struct prio *p = qdisc_priv(q);
	struct qdisc_fifo *band = &p->band[p->p.map[skb->priority & (PRIORITIES - 1)]];

	if (band->qlen >= p->p.limit)
		return qdisc_drop(skb, q, to_free);
	fifo_add(band, skb);
	qdisc_enqueued(q, skb);
	return NET_XMIT_SUCCESS;
}

static struct qdisc_fifo *prio_first(struct prio *p)
{
	for (unsigned i = 0; i < p->p.bands; i++) {
		if (p->band[i].head)
			return &p->band[i];
	}
	return NULL;
}

static struct sk_buff *prio_peek(struct Qdisc *q)
{
	struct qdisc_fifo *f = prio_first(qdisc_priv(q));

	return f ? f->head : NULL;
}

static struct sk_buff *prio_dequeue(struct Qdisc *q)
{
	struct qdisc_fifo *f = prio_first(qdisc_priv(q));
	struct sk_buff *skb = f ? fifo_take(f) : NULL;

	if (skb)
		qdisc_dequeued(q, skb);
	return skb;
}

/* "priomap 1 2 2 ...": as many as follow, the rest keeps its band. Returns words used. */
static int parse_map(u8 *map, int argc, char **argv)
{
	int n = 0;

	while (n < argc && n < PRIORITIES && !kstrtou8(argv[n], 10, &map[n]))
		n++;
	return n;
}

static int prio_change(struct Qdisc *q, int argc, char **argv)
{
	static const struct qdisc_opt opts[] = {
		{"bands", QOPT_U32, offsetof(struct prio_params, bands), 2, MAX_BANDS},
		{"limit", QOPT_U32, offsetof(struct prio_params, limit), 1, 1000000},
	};
	struct prio *p = qdisc_priv(q);
	struct prio_params new = p->p;

	while (argc > 0) {
		int used = argc < 2 ? argc : 2;

		if (!strcmp(argv[0], "priomap"))
			used = 1 + parse_map(new.map, argc - 1, argv + 1);
		else if (qdisc_parse(opts, ARRAY_SIZE(opts), used, argv, &new))
			return -EINVAL;
		argc -= used;
		argv += used;
	}
	for (unsigned i = 0; i < PRIORITIES; i++) {
		if (new.map[i] >= new.bands)
			return -EINVAL;
	}
	/* Packets of a band that is gone go to the last one. */
	for (u64 i = new.bands; i < MAX_BANDS; i++) {
		struct sk_buff *skb;

		while ((skb = fifo_take(&p->band[i])) != NULL)
			fifo_add(&p->band[new.bands - 1], skb);
	}
	p->p = new;
	return 0;
}

static int prio_init(struct Qdisc *q, int argc, char **argv)
{
	static const u8 map[PRIORITIES] = {1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1};
	struct prio *p = qdisc_priv(q);

	p->p.bands = 3;
	p->p.limit = q->limit;
	memcpy(p->p.map, map, sizeof(map));
	return prio_change(q, argc, argv);
}

static void prio_reset(struct Qdisc *q)
{
	struct prio *p = qdisc_priv(q);

	for (unsigned i = 0; i < MAX_BANDS; i++)
		fifo_purge(&p->band[i]);
	q->stats.qlen = q->stats.backlog_bytes = 0;
}

static void prio_dump(struct Qdisc *q, char *text, size_t size)
{
	const struct prio *p = qdisc_priv(q);
	int n = scnprintf(text, size, "bands %llu priomap ", p->p.bands);

	for (unsigned i = 0; i < PRIORITIES; i++)
		n += scnprintf(text + n, size - (size_t)n, " %u", p->p.map[i]);
}

static const struct Qdisc_ops prio_ops = {
	.id = "prio",
	.drop_reason = SKB_DROP_REASON_QDISC_DROP,
	.work_conserving = true,
	.priv_size = sizeof(struct prio),
	.enqueue = prio_enqueue,
	.dequeue = prio_dequeue,
	.peek = prio_peek,
	.init = prio_init,
	.change = prio_change,
	.reset = prio_reset,
	.dump = prio_dump,
};
QDISC(prio_ops);
