/* SPDX-License-Identifier: MIT */
/*
 * pfifo_fast, the default: three first-in first-out bands by packet priority; a band is served only
 * while those before it are empty. Each holds up to the device's tx_queue_len packets.
 */
#include <lib/err.h>
#include <lib/printf.h>
#include <net/sched.h>

#define BANDS 3

/* Band of each of the 16 priorities (tc-prio(8), from RFC 1349's types of service). */
static const u8 prio2band[16] = {1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1};

struct pfifo_fast {
	struct sk_buff_head band[BANDS]; /* [qdisc lock] */
};

static int pfifo_fast_enqueue(struct sk_buff *skb, struct Qdisc *q, struct sk_buff **to_free)
{
	struct pfifo_fast *p = qdisc_priv(q);
	struct sk_buff_head *band = &p->band[prio2band[skb->priority & 15]];

	if (band->qlen >= q->limit)
		return qdisc_drop(skb, q, to_free);
	__skb_queue_tail(band, skb);
	qdisc_enqueued(q, skb);
	return NET_XMIT_SUCCESS;
}

static struct sk_buff *pfifo_fast_peek(struct Qdisc *q)
{
	struct pfifo_fast *p = qdisc_priv(q);

	for (unsigned i = 0; i < BANDS; i++) {
		if (!skb_queue_empty(&p->band[i]))
			return skb_peek(&p->band[i]);
	}
	return NULL;
}

static struct sk_buff *pfifo_fast_dequeue(struct Qdisc *q)
{
	struct pfifo_fast *p = qdisc_priv(q);

	for (unsigned i = 0; i < BANDS; i++) {
		struct sk_buff *skb = __skb_dequeue(&p->band[i]);

		if (skb) {
			qdisc_dequeued(q, skb);
			return skb;
		}
	}
	return NULL;
}

static int pfifo_fast_init(struct Qdisc *q, int argc, char **argv)
{
	struct pfifo_fast *p = qdisc_priv(q);

	if (argc)
		return -EINVAL; /* it has no parameters */
	for (unsigned i = 0; i < BANDS; i++)
		skb_queue_head_init(&p->band[i]);
	return 0;
}

static void pfifo_fast_reset(struct Qdisc *q)
{
	struct pfifo_fast *p = qdisc_priv(q);
	struct sk_buff *skb;

	for (unsigned i = 0; i < BANDS; i++) {
		while ((skb = __skb_dequeue(&p->band[i])) != NULL)
			kfree_skb_reason(skb, SKB_DROP_REASON_DEV_READY);
	}
	q->stats.qlen = 0;
	q->stats.backlog_bytes = 0;
}

static void pfifo_fast_dump(struct Qdisc *q, char *text, size_t size)
{
	int n = scnprintf(text, size, "bands %d priomap ", BANDS);

	for (unsigned i = 0; i < ARRAY_SIZE(prio2band); i++)
		n += scnprintf(text + n, size - (size_t)n, " %u", prio2band[i]);
}

static const struct Qdisc_ops pfifo_fast_ops = {
	.id = "pfifo_fast",
	.drop_reason = SKB_DROP_REASON_QDISC_DROP,
	.work_conserving = true,
	.priv_size = sizeof(struct pfifo_fast),
	.enqueue = pfifo_fast_enqueue,
	.dequeue = pfifo_fast_dequeue,
	.peek = pfifo_fast_peek,
	.init = pfifo_fast_init,
	.reset = pfifo_fast_reset,
	.dump = pfifo_fast_dump,
};
QDISC(pfifo_fast_ops);
