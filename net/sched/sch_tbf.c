/* SPDX-License-Identifier: MIT */
/*
 * tbf, the token bucket filter: no more than `rate`, in bursts of at most `burst` bytes
 * (tc-tbf(8)). Tokens are kept as the time that sending took out of the bucket's depth. A
 * super-packet longer than the bucket is cut first; a packet that is longer than the bucket could
 * never go and is dropped. Lock: the qdisc's.
 */
#include <kernel/time.h>
#include <lib/err.h>
#include <lib/printf.h>

#include "sched_int.h"

struct tbf_params {
	u64 rate, burst, limit, latency_ns;
};

struct tbf {
	struct tbf_params p;
	struct qdisc_fifo fifo;
	u64 tokens_ns; /* of sending time, at most burst's */
	u64 filled_ns; /* when they were counted last */
};

static const struct qdisc_opt tbf_opts[] = {
	{"rate", QOPT_RATE, offsetof(struct tbf_params, rate), 1, 1ull << 40},
	{"burst", QOPT_SIZE, offsetof(struct tbf_params, burst), 1, 1u << 30},
	{"buffer", QOPT_SIZE, offsetof(struct tbf_params, burst), 1, 1u << 30},
	{"limit", QOPT_SIZE, offsetof(struct tbf_params, limit), 1, 1u << 30},
	{"latency", QOPT_TIME, offsetof(struct tbf_params, latency_ns), 1, 60 * NSEC_PER_SEC},
};

static u64 send_ns(const struct tbf *t, u64 bytes)
{
	return bytes * NSEC_PER_SEC / t->p.rate;
}

/* The segments of a super-packet that is longer than the bucket, one by one. */
static int tbf_enqueue_segments(struct sk_buff *skb, struct Qdisc *q, struct sk_buff **to_free)
{
	u32 features = netif_skb_features(skb, skb->dev) & ~(NETIF_F_TSO | NETIF_F_TSO6);
	struct sk_buff *segs = skb_gso_segment(skb, features), *next;
	int taken = 0;

	if (IS_ERR(segs))
		return qdisc_drop(skb, q, to_free);
	consume_skb(skb);
	for (; segs; segs = next) {
		next = segs->next;
		segs->next = NULL;
		taken += q->ops->enqueue(segs, q, to_free) == NET_XMIT_SUCCESS;
	}
	return taken ? NET_XMIT_SUCCESS : NET_XMIT_DROP;
}

static int tbf_enqueue(struct sk_buff *skb, struct Qdisc *q, struct sk_buff **to_free)
{
	struct tbf *t = qdisc_priv(q);
	u32 len = qdisc_pkt_len(skb);

	if (len > t->p.burst)
		return skb_is_gso(skb) ? tbf_enqueue_segments(skb, q, to_free)
				       : qdisc_drop(skb, q, to_free);
	if (q->stats.backlog_bytes + len > t->p.limit)
		return qdisc_drop(skb, q, to_free);
	fifo_add(&t->fifo, skb);
	qdisc_enqueued(q, skb);
	return NET_XMIT_SUCCESS;
}

static struct sk_buff *tbf_peek(struct Qdisc *q)
{
	return ((struct tbf *)qdisc_priv(q))->fifo.head;
}

static struct sk_buff *tbf_dequeue(struct Qdisc *q)
{
	struct tbf *t = qdisc_priv(q);
	struct sk_buff *skb = t->fifo.head;
	u64 now = ktime_get_ns(), tokens, need;

	if (!skb)
		return NULL;
	tokens = min(t->tokens_ns + (now - t->filled_ns), send_ns(t, t->p.burst));
	need = send_ns(t, qdisc_pkt_len(skb));
	if (tokens < need) {
		q->stats.overlimits++;
		qdisc_watchdog_schedule_ns(q, now + need - tokens);
		return NULL;
	}
	t->tokens_ns = tokens - need;
	t->filled_ns = now;
	fifo_take(&t->fifo);
	qdisc_dequeued(q, skb);
	return skb;
}

static int tbf_change(struct Qdisc *q, int argc, char **argv)
{
	struct tbf *t = qdisc_priv(q);
	struct tbf_params p = t->p;
	int err;

	p.limit = p.latency_ns = 0;
	err = qdisc_parse(tbf_opts, ARRAY_SIZE(tbf_opts), argc, argv, &p);
	if (err)
		return err;
	if (!p.rate || !p.burst || !p.limit == !p.latency_ns)
		return -EINVAL; /* limit or latency, one of them */
	if (p.latency_ns)
		p.limit = p.rate * (p.latency_ns / NSEC_PER_USEC) / USEC_PER_SEC + p.burst;
	t->p = p;
	t->tokens_ns = send_ns(t, p.burst);
	t->filled_ns = ktime_get_ns();
	return 0;
}

static void tbf_reset(struct Qdisc *q)
{
	struct tbf *t = qdisc_priv(q);

	fifo_purge(&t->fifo);
	q->stats.qlen = q->stats.backlog_bytes = 0;
	t->tokens_ns = send_ns(t, t->p.burst);
	t->filled_ns = ktime_get_ns();
}

static void tbf_dump(struct Qdisc *q, char *text, size_t size)
{
	const struct tbf *t = qdisc_priv(q);
	char rate[QDISC_TEXT], burst[QDISC_TEXT], limit[QDISC_TEXT];

	scnprintf(text, size, "rate %s burst %s limit %s", qdisc_rate_text(rate, t->p.rate),
		  qdisc_size_text(burst, t->p.burst), qdisc_size_text(limit, t->p.limit));
}

static const struct Qdisc_ops tbf_ops = {
	.id = "tbf",
	.drop_reason = SKB_DROP_REASON_QDISC_DROP,
	.priv_size = sizeof(struct tbf),
	.enqueue = tbf_enqueue,
	.dequeue = tbf_dequeue,
	.peek = tbf_peek,
	.init = tbf_change,
	.change = tbf_change,
	.reset = tbf_reset,
	.dump = tbf_dump,
};
QDISC(tbf_ops);
