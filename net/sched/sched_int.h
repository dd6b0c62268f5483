/* SPDX-License-Identifier: MIT */
/*
 * What the disciplines share: words of `tc` as numbers, a FIFO of packets, drops while dequeueing.
 */
#ifndef NET_SCHED_INT_H
#define NET_SCHED_INT_H

#include <net/sched.h>

/* ---- options -------------------------------------------------------------------------------- */

/* The words of a discipline's options come in pairs, name and value. Kinds of values: */
enum qdisc_opt_kind {
	QOPT_U32,     /* 1000 */
	QOPT_SIZE,    /* bytes: 1514, 32k, 1mb, 10kbit */
	QOPT_RATE,    /* bytes a second: 10mbit, 2gbit, 100kbps, 5000 (bits) */
	QOPT_TIME,    /* nanoseconds: 5ms, 100us, 2s, 50 (us) */
	QOPT_PERCENT, /* millionths: 1%, 0.1% */
	QOPT_FLAG,    /* a word alone: ecn; "no" in front switches it off */
};

struct qdisc_opt {
	const char *name;
	enum qdisc_opt_kind kind;
	size_t offset; /* of a u64 in the parameters, QOPT_FLAG: likewise, 0 or 1 */
	u64 min, max;
};

/* Read all words into params. 0, or -EINVAL (params half written: parse into a copy). */
int qdisc_parse(const struct qdisc_opt *opts, unsigned n, int argc, char **argv, void *params);

/* "10Mbit", "5ms", "1%" as tc prints them, into text. Returns text. */
#define QDISC_TEXT 24
char *qdisc_rate_text(char *text, u64 bytes_per_s);
char *qdisc_time_text(char *text, u64 ns);
char *qdisc_size_text(char *text, u64 bytes);

/* ---- packets -------------------------------------------------------------------------------- */

/* What a discipline notes in a packet that it holds. */
struct qdisc_skb_cb {
	u64 time_ns; /* when it was queued, or is to be sent */
	u32 pkt_len; /* qdisc_pkt_len() */
};
static inline struct qdisc_skb_cb *qdisc_skb_cb(struct sk_buff *skb)
{
	return (struct qdisc_skb_cb *)(void *)skb->cb;
}

/* Singly linked, first in first out. */
struct qdisc_fifo {
	struct sk_buff *head, *tail;
	u32 qlen;
};
static inline void fifo_add(struct qdisc_fifo *f, struct sk_buff *skb)
{
	skb->next = NULL;
	if (f->head)
		f->tail->next = skb;
	else
		f->head = skb;
	f->tail = skb;
	f->qlen++;
}
static inline struct sk_buff *fifo_take(struct qdisc_fifo *f)
{
	struct sk_buff *skb = f->head;

	if (skb) {
		f->head = skb->next;
		skb->next = NULL;
		f->qlen--;
	}
	return skb;
}
/* Drop all of it: the device goes, or the discipline. */
void fifo_purge(struct qdisc_fifo *f);

/* Drop a packet that was queued: it leaves the backlog and is counted as dropped. */
void qdisc_dequeue_drop(struct Qdisc *q, struct sk_buff *skb);

#endif
