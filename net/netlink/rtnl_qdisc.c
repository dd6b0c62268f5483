/* SPDX-License-Identifier: MIT */
/*
 * Queueing disciplines through rtnetlink: RTM_NEWQDISC, DELQDISC, GETQDISC. Statistics are as
 * Linux's; options travel as words (TCA_SLUICE_OPTIONS), since each kind parses its own.
 *
 * A device with several queues has `mq` as its root: a name for their sum, whose classes :1, :2 ...
 * are the queues, each with a discipline of its own. What is set at the root is set on all.
 */
#include <errno.h>
#include <lib/kstrto.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/netlink.h>
#include <net/sched.h>
#include <string.h>

#define MAX_WORDS  32
#define TEXT_BYTES 512
#define FIRST_OWN  0x80010000u /* handles that were not asked for begin here, as in Linux */

/* ---- showing -------------------------------------------------------------------------------- */

struct qdisc_view {
	u32 handle, parent;
	const char *kind;
	struct qdisc_stats stats;
	char options[TEXT_BYTES], xstats[TEXT_BYTES];
};

static void view_qdisc(struct Qdisc *q, struct qdisc_view *v)
{
	*v = (struct qdisc_view){.handle = q->handle, .kind = q->ops->id};
	spin_lock_bh(&q->lock);
	v->stats = q->stats;
	if (q->ops->dump)
		q->ops->dump(q, v->options, sizeof(v->options));
	if (q->ops->dump_stats)
		q->ops->dump_stats(q, v->xstats, sizeof(v->xstats));
	spin_unlock_bh(&q->lock);
}

/* The root of several queues. */
static void view_mq(const struct net_device *dev, struct qdisc_view *v)
{
	*v = (struct qdisc_view){.kind = "mq"};
	for (unsigned i = 0; i < dev->real_num_tx_queues; i++) {
		const struct Qdisc *q = qdisc_configured(&dev->tx[i]);

		if (!q)
			continue;
		v->stats.bytes += q->stats.bytes;
		v->stats.packets += q->stats.packets;
		v->stats.drops += q->stats.drops;
		v->stats.requeues += q->stats.requeues;
		v->stats.overlimits += q->stats.overlimits;
		v->stats.backlog_bytes += q->stats.backlog_bytes;
		v->stats.qlen += q->stats.qlen;
	}
}

static int put_stats(struct sk_buff *skb, const struct qdisc_stats *s)
{
	struct gnet_stats_basic basic = {.bytes = s->bytes, .packets = (u32)s->packets};
	struct gnet_stats_queue queue = {s->qlen, s->backlog_bytes, s->drops, s->requeues,
					 s->overlimits};
	struct nlattr *nest = nla_nest_start(skb, TCA_STATS2);

	if (!nest || nla_put(skb, TCA_STATS_BASIC, sizeof(basic), &basic) ||
	    nla_put(skb, TCA_STATS_QUEUE, sizeof(queue), &queue))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static bool fill_qdisc(struct sk_buff *skb, const struct net_device *dev,
		       const struct qdisc_view *v, const struct netlink_callback *cb)
{
	struct nlmsghdr *nlh = nlmsg_put(skb, cb->pid, cb->nlh.nlmsg_seq, RTM_NEWQDISC,
					 sizeof(struct tcmsg), NLM_F_MULTI);
	struct tcmsg *t;

	if (!nlh)
		return false;
	t = nlmsg_data(nlh);
	t->tcm_ifindex = (int)dev->ifindex;
	t->tcm_handle = v->handle;
	t->tcm_parent = v->parent;
	t->tcm_info = 2; /* the references that a qdisc has: device and queue */
	if (nla_put_string(skb, TCA_KIND, v->kind) ||
	    nla_put_string(skb, TCA_SLUICE_OPTIONS, v->options) ||
	    nla_put_string(skb, TCA_SLUICE_XSTATS, v->xstats) || put_stats(skb, &v->stats)) {
		nlmsg_cancel(skb, nlh);
		return false;
	}
	nlmsg_end(skb, nlh);
	return true;
}

/* Of dev's messages those from number *at on; false: skb is full. */
static bool dump_dev(struct sk_buff *skb, const struct net_device *dev, u64 *at,
		     const struct netlink_callback *cb)
{
	bool multi = dev->real_num_tx_queues > 1;
	u64 n = dev->real_num_tx_queues + (multi ? 1u : 0u);
	struct qdisc_view v;

	for (; *at < n; ++*at) {
		u64 queue = *at - (multi ? 1u : 0u);
		struct Qdisc *q = multi && !*at ? NULL : qdisc_configured(&dev->tx[queue]);

		if (multi && !*at) {
			view_mq(dev, &v);
			v.parent = TC_H_ROOT;
		} else if (q) {
			view_qdisc(q, &v);
			v.parent = multi ? (u32)queue + 1 : TC_H_ROOT;
		} else {
			continue;
		}
		if (!fill_qdisc(skb, dev, &v, cb))
			return false;
	}
	return true;
}

/* args[0]: the last device that is done; args[1]: messages given of the next. */
static bool dump_qdiscs(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct tcmsg *t = (const void *)cb->request;
	struct net_device *dev;
	bool more = false;

	rtnl_lock();
	for_each_netdev(cb->net, dev) {
		if (dev->ifindex <= cb->args[0] ||
		    (cb->request_len >= sizeof(*t) && t->tcm_ifindex &&
		     (u32)t->tcm_ifindex != dev->ifindex))
			continue;
		more = !dump_dev(skb, dev, &cb->args[1], cb);
		if (more)
			break;
		cb->args[0] = dev->ifindex;
		cb->args[1] = 0;
	}
	rtnl_unlock();
	return more;
}

/* ---- changing ------------------------------------------------------------------------------- */

struct qdisc_request {
	struct net_device *dev;
	const struct tcmsg *t;
	unsigned first, last; /* queues it is about */
	char kind[16], text[TEXT_BYTES];
	int argc;
	char *argv[MAX_WORDS];
};

static int split_words(struct qdisc_request *r)
{
	char *at = r->text, *word;

	while ((word = strsep(&at, " ")) != NULL) {
		if (!*word)
			continue;
		if (r->argc == MAX_WORDS)
			return -E2BIG;
		r->argv[r->argc++] = word;
	}
	return 0;
}

static int parse_qdisc(struct nl_request *req, struct qdisc_request *r)
{
	const struct nlattr *tb[TCA_SLUICE_XSTATS + 1];
	u32 len = req->nlh->nlmsg_len, minor;
	int err;

	memset(r, 0, sizeof(*r));
	if (len < NLMSG_SPACE(sizeof(*r->t)))
		return -EINVAL;
	r->t = nlmsg_data(req->nlh);
	err = nla_parse(tb, TCA_SLUICE_XSTATS, (const u8 *)r->t + NLMSG_ALIGN(sizeof(*r->t)),
			len - NLMSG_SPACE(sizeof(*r->t)));
	if (err)
		return err;
	r->dev = dev_get_by_index(req->net, (u32)r->t->tcm_ifindex);
	if (!r->dev)
		return -ENODEV;
	r->last = r->dev->num_tx_queues;
	minor = TC_H_MIN(r->t->tcm_parent);
	if (r->t->tcm_parent != TC_H_ROOT) {
		if (!minor || minor > r->dev->real_num_tx_queues)
			return -ENOENT;
		r->first = minor - 1;
		r->last = minor;
	}
	nla_get_string(tb[TCA_KIND], r->kind, sizeof(r->kind));
	nla_get_string(tb[TCA_SLUICE_OPTIONS], r->text, sizeof(r->text));
	return split_words(r);
}

/* Words are read, not written, by the disciplines: each queue gets the same. */
static int set_queue(struct qdisc_request *r, struct netdev_queue *txq, u16 flags)
{
	static u32 next_own = FIRST_OWN; /* [rtnl] */
	struct Qdisc *q = qdisc_configured(txq);
	bool same = q && !strcmp(q->ops->id, r->kind);
	int err;

	if (flags & NLM_F_CREATE && flags & NLM_F_EXCL && q && q->handle)
		return -EEXIST;
	if (!(flags & NLM_F_CREATE) || (same && q->handle && flags & NLM_F_REPLACE)) {
		if (!same)
			return -EINVAL;
		return qdisc_change(txq, r->argc, r->argv);
	}
	err = qdisc_replace(txq, r->kind, r->argc, r->argv);
	if (err)
		return err;
	q = qdisc_configured(txq);
	q->handle = TC_H_MAJ(r->t->tcm_handle);
	if (!q->handle) {
		q->handle = next_own;
		next_own = next_own >= TC_H_MAJ_MASK ? FIRST_OWN : next_own + 0x10000u;
	}
	return 0;
}

static int new_qdisc(struct nl_request *req)
{
	struct qdisc_request r;
	int err = parse_qdisc(req, &r);

	if (!err && (!r.kind[0] || !r.dev->tx_queue_len))
		err = r.kind[0] ? -EOPNOTSUPP : -EINVAL;
	for (unsigned i = r.first; !err && i < r.last; i++)
		err = set_queue(&r, &r.dev->tx[i], req->nlh->nlmsg_flags);
	return err;
}

static int del_qdisc(struct nl_request *req)
{
	struct qdisc_request r;
	int err = parse_qdisc(req, &r);
	const struct Qdisc *q;

	for (unsigned i = r.first; !err && i < r.last; i++) {
		q = qdisc_configured(&r.dev->tx[i]);
		err = q && q->handle ? qdisc_delete(&r.dev->tx[i]) : -ENOENT;
	}
	return err;
}

static const struct netlink_handler qdisc_get = {
	.protocol = NETLINK_ROUTE, .type = RTM_GETQDISC, .dump = dump_qdiscs};
static const struct netlink_handler qdisc_new = {
	.protocol = NETLINK_ROUTE, .type = RTM_NEWQDISC, .rtnl = true, .doit = new_qdisc};
static const struct netlink_handler qdisc_del = {
	.protocol = NETLINK_ROUTE, .type = RTM_DELQDISC, .rtnl = true, .doit = del_qdisc};
NETLINK_HANDLER(qdisc_get);
NETLINK_HANDLER(qdisc_new);
NETLINK_HANDLER(qdisc_del);
