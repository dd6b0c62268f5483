/* SPDX-License-Identifier: MIT */
/*
 * pfifo and bfifo: first in, first out, with a limit in packets or in bytes. By default as many
 * packets as the device's queue is long, or as many bytes as those would be.
 */
#include <lib/err.h>
#include <lib/printf.h>

#include "sched_int.h"

struct fifo {
	struct qdisc_fifo fifo; /* [qdisc lock] */
	u64 limit;              /* packets or bytes */
};

static int keep(struct Qdisc *q, struct sk_buff *skb)
{
	struct fifo *f = qdisc_priv(q);

	fifo_add(&f->fifo, skb);
	qdisc_enqueued(q, skb);
	return NET_XMIT_SUCCESS;
}

static int pfifo_enqueue(struct sk_buff *skb, struct Qdisc *q, struct sk_buff **to_free)
{
	struct fifo *f = qdisc_priv(q);

	return f->fifo.qlen < f->limit ? keep(q, skb) : qdisc_drop(skb, q, to_free);
}

static int bfifo_enqueue(struct sk_buff *skb, struct Qdisc *q, struct sk_buff **to_free)
{
	struct fifo *f = qdisc_priv(q);

	return q->stats.backlog_bytes + qdisc_pkt_len(skb) <= f->limit
		       ? keep(q, skb)
		       : qdisc_drop(skb, q, to_free);
}

static struct sk_buff *fifo_dequeue(struct Qdisc *q)
{
	struct fifo *f = qdisc_priv(q);
	struct sk_buff *skb = fifo_take(&f->fifo);

	if (skb)
		qdisc_dequeued(q, skb);
	return skb;
}

static struct sk_buff *fifo_peek(struct Qdisc *q)
{
	const struct fifo *f = qdisc_priv(q);

	return f->fifo.head;
}

static int fifo_change(struct Qdisc *q, const struct qdisc_opt *opt, int argc, char **argv)
{
	struct fifo *f = qdisc_priv(q);
	u64 limit = f->limit;
	int err = qdisc_parse(opt, 1, argc, argv, &limit);

	if (!err)
		f->limit = limit;
	return err;
}

static const struct qdisc_opt packets = {"limit", QOPT_U32, 0, 0, UINT32_MAX};
static const struct qdisc_opt bytes = {"limit", QOPT_SIZE, 0, 0, UINT32_MAX};

static int pfifo_change(struct Qdisc *q, int argc, char **argv)
{
	return fifo_change(q, &packets, argc, argv);
}

static int bfifo_change(struct Qdisc *q, int argc, char **argv)
{
	return fifo_change(q, &bytes, argc, argv);
}

static int pfifo_init(struct Qdisc *q, int argc, char **argv)
{
	struct fifo *f = qdisc_priv(q);

	f->limit = q->limit;
	return pfifo_change(q, argc, argv);
}

static int bfifo_init(struct Qdisc *q, int argc, char **argv)
{
	struct fifo *f = qdisc_priv(q);

	f->limit = (u64)q->limit * (q->dev_queue->dev->mtu + q->dev_queue->dev->hard_header_len);
	return bfifo_change(q, argc, argv);
}

static void fifo_reset(struct Qdisc *q)
{
	struct fifo *f = qdisc_priv(q);

	fifo_purge(&f->fifo);
	q->stats.qlen = 0;
	q->stats.backlog_bytes = 0;
}

static void pfifo_dump(struct Qdisc *q, char *text, size_t size)
{
	const struct fifo *f = qdisc_priv(q);

	snprintf(text, size, "limit %llup", (unsigned long long)f->limit);
}

static void bfifo_dump(struct Qdisc *q, char *text, size_t size)
{
	const struct fifo *f = qdisc_priv(q);
	char limit[QDISC_TEXT];

	snprintf(text, size, "limit %s", qdisc_size_text(limit, f->limit));
}

/* Neither lets a packet pass it by: the limit may be nothing. */
static const struct Qdisc_ops pfifo_ops = {
	.id = "pfifo",
	.drop_reason = SKB_DROP_REASON_QDISC_DROP,
	.priv_size = sizeof(struct fifo),
	.enqueue = pfifo_enqueue,
	.dequeue = fifo_dequeue,
	.peek = fifo_peek,
	.init = pfifo_init,
	.change = pfifo_change,
	.reset = fifo_reset,
	.dump = pfifo_dump,
};
QDISC(pfifo_ops);

static const struct Qdisc_ops bfifo_ops = {
	.id = "bfifo",
	.drop_reason = SKB_DROP_REASON_QDISC_DROP,
	.priv_size = sizeof(struct fifo),
	.enqueue = bfifo_enqueue,
	.dequeue = fifo_dequeue,
	.peek = fifo_peek,
	.init = bfifo_init,
	.change = bfifo_change,
	.reset = fifo_reset,
	.dump = bfifo_dump,
};
QDISC(bfifo_ops);
