/* SPDX-License-Identifier: MIT */
/*
 * rtnetlink: neighbours (`ip neigh`). RTM_GETNEIGH, RTM_NEWNEIGH, RTM_DELNEIGH.
 */
#include <net/netlink.h>

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/ip.h>
#include <net/neighbour.h>
#include <string.h>

static u32 centiseconds_since(u64 then_ns)
{
	return (u32)((ktime_get_ns() - then_ns) / (10 * NSEC_PER_MSEC));
}

static bool fill_neigh(struct sk_buff *skb, struct neighbour *n, u32 pid, u32 seq, u16 flags)
{
	struct nlmsghdr *nlh = nlmsg_put(skb, pid, seq, RTM_NEWNEIGH, sizeof(struct ndmsg), flags);
	struct nda_cacheinfo ci;
	u8 ha[MAX_ADDR_LEN];
	struct ndmsg *m;

	if (!nlh)
		return false;
	m = nlmsg_data(nlh);
	m->ndm_family = (u8)n->tbl->family;
	m->ndm_type = n->type;
	m->ndm_ifindex = (int)n->dev->ifindex;
	spin_lock_bh(&n->lock);
	m->ndm_state = n->nud_state;
	memcpy(ha, n->ha, sizeof(ha));
	ci.ndm_confirmed = centiseconds_since(n->confirmed_ns);
	ci.ndm_used = centiseconds_since(n->used_ns ? n->used_ns : n->updated_ns);
	ci.ndm_updated = centiseconds_since(n->updated_ns);
	ci.ndm_refcnt = (u32)refcount_read(&n->ref);
	spin_unlock_bh(&n->lock);
	if (nla_put(skb, NDA_DST, n->key_len, n->primary_key) ||
	    (m->ndm_state & NUD_VALID && nla_put(skb, NDA_LLADDR, n->dev->addr_len, ha)) ||
	    nla_put_u32(skb, NDA_PROBES, n->probes) ||
	    nla_put(skb, NDA_CACHEINFO, sizeof(ci), &ci)) {
		nlmsg_cancel(skb, nlh);
		return false;
	}
	nlmsg_end(skb, nlh);
	return true;
}

struct dump_state {
	struct sk_buff *skb;
	struct netlink_callback *cb;
	u64 i;
	bool full;
};

/* args[0]: entries already given. What comes and goes meanwhile may be missed or given twice, as
 * with any dump that is not a snapshot. */
static void dump_one(struct neighbour *n, void *arg)
{
	struct dump_state *d = arg;

	if (d->full || d->i++ < d->cb->args[0])
		return;
	if (fill_neigh(d->skb, n, d->cb->pid, d->cb->nlh.nlmsg_seq, NLM_F_MULTI))
		d->cb->args[0]++;
	else
		d->full = true;
}

static bool dump_neighs(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump_state d = {.skb = skb, .cb = cb};

	neigh_for_each(arp_table(cb->net), dump_one, &d);
	return d.full;
}

static int parse_neigh(struct nl_request *req, const struct nlattr *tb[], struct net_device **dev)
{
	const struct ndmsg *m = nlmsg_data(req->nlh);
	u32 len = req->nlh->nlmsg_len;
	int err;

	if (len < NLMSG_SPACE(sizeof(*m)))
		return -EINVAL;
	if (m->ndm_family != AF_INET)
		return -EAFNOSUPPORT;
	err = nla_parse(tb, NDA_MAX, (const u8 *)m + NLMSG_ALIGN(sizeof(*m)),
			len - NLMSG_SPACE(sizeof(*m)));
	if (err)
		return err;
	if (!tb[NDA_DST] || nla_len(tb[NDA_DST]) < sizeof(be32))
		return -EINVAL;
	*dev = dev_get_by_index(req->net, (u32)m->ndm_ifindex);
	return *dev ? 0 : -ENODEV;
}

static int new_neigh(struct nl_request *req)
{
	const struct ndmsg *m = nlmsg_data(req->nlh);
	const struct nlattr *tb[NDA_MAX + 1];
	struct net_device *dev;
	struct neighbour *n;
	const u8 *lladdr = NULL;
	be32 dst;
	int err = parse_neigh(req, tb, &dev);

	if (err)
		return err;
	if (tb[NDA_LLADDR]) {
		if (nla_len(tb[NDA_LLADDR]) < dev->addr_len)
			return -EINVAL;
		lladdr = nla_data(tb[NDA_LLADDR]);
	}
	dst = nla_get_be32(tb[NDA_DST]);
	n = neigh_lookup(arp_table(req->net), &dst, dev);
	if (n && req->nlh->nlmsg_flags & NLM_F_EXCL) {
		neigh_release(n);
		return -EEXIST;
	}
	if (!n && !(req->nlh->nlmsg_flags & NLM_F_CREATE))
		return -ENOENT;
	if (!n)
		n = neigh_create(arp_table(req->net), &dst, dev);
	if (!n)
		return -ENOBUFS;
	err = neigh_update(n, lladdr, (u8)m->ndm_state,
			   NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_ADMIN);
	neigh_release(n);
	return err;
}

static int del_neigh(struct nl_request *req)
{
	const struct nlattr *tb[NDA_MAX + 1];
	struct net_device *dev;
	struct neighbour *n;
	be32 dst;
	int err = parse_neigh(req, tb, &dev);

	if (err)
		return err;
	dst = nla_get_be32(tb[NDA_DST]);
	n = neigh_lookup(arp_table(req->net), &dst, dev);
	if (!n)
		return -ENOENT;
	err = neigh_update(n, NULL, NUD_FAILED, NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_ADMIN);
	neigh_release(n);
	return err;
}

static const struct netlink_handler neigh_get = {
	.protocol = NETLINK_ROUTE, .type = RTM_GETNEIGH, .dump = dump_neighs};
static const struct netlink_handler neigh_new = {
	.protocol = NETLINK_ROUTE, .type = RTM_NEWNEIGH, .rtnl = true, .doit = new_neigh};
static const struct netlink_handler neigh_del = {
	.protocol = NETLINK_ROUTE, .type = RTM_DELNEIGH, .rtnl = true, .doit = del_neigh};
NETLINK_HANDLER(neigh_get);
NETLINK_HANDLER(neigh_new);
NETLINK_HANDLER(neigh_del);
