/* SPDX-License-Identifier: MIT */
/*
 * Reassembly (RFC 791 section 3.2, RFC 815). Fragments of one datagram wait in a queue, in a tree
 * by offset, until there is no hole. A fragment that overlaps another one condemns the whole
 * datagram (RFC 5722's rule, for IPv4 too); an exact duplicate is dropped alone. Memory is bounded
 * per net by ipfrag_high_thresh: the oldest queues go first. A queue lives ipfrag_time.
 * Context: softirq; one lock a net.
 */
#include <kernel/log.h>
#include <kernel/mm.h>
#include <lib/checksum.h>
#include <lib/err.h>
#include <lib/string.h>

#include "ipv4_int.h"

struct frag_key {
	be32 saddr, daddr;
	u32 user;
	be16 id;
	u8 protocol, pad;
};

struct inet_frag_queue {
	struct hlist_node node; /* [frag_lock] */
	struct list_head lru;   /* [frag_lock] */
	struct timer timer;
	struct net *net;
	struct frag_key key;
	struct rb_root frags; /* of sk_buff.rbnode by offset */
	u32 len, meat;        /* end of the datagram as far as known; bytes here */
	u32 mem;              /* truesize, this included */
	u32 iif, rid;
	u16 max_size;
	bool first_in, last_in, dead;
	bool df;
	u8 ecn;         /* bit 0..3: ECN codepoints seen */
	refcount_t ref; /* hash, timer, user */
};

/* Offset and end of a fragment's payload in the datagram, in skb->cb while it waits. */
struct frag_cb {
	struct inet_skb_parm parm;
	u32 offset, end;
	csum32 csum;
};
#define FRAG_CB(skb) ((struct frag_cb *)(void *)(skb)->cb)
static_assert(sizeof(struct frag_cb) <= sizeof_field(struct sk_buff, cb), "fits skb->cb");

static void fq_put(struct inet_frag_queue *q)
{
	if (refcount_dec_and_test(&q->ref))
		kfree(q);
}

/* Out of the tables; the fragments are freed. frag_lock held. */
static void fq_kill(struct inet_frag_queue *q, enum skb_drop_reason why)
{
	struct netns_ipv4 *ip4 = q->net->ipv4;
	struct rb_node *n;

	if (q->dead)
		return;
	q->dead = true;
	hlist_del(&q->node);
	list_del(&q->lru);
	ip4->frag_queues--;
	atomic_sub((s32)q->mem, &ip4->frag_mem);
	while ((n = rb_first(&q->frags)) != NULL) {
		rb_erase(n, &q->frags);
		kfree_skb_reason(rb_entry(n, struct sk_buff, rbnode), why);
	}
	if (timer_del(&q->timer))
		fq_put(q);
	fq_put(q);
}

/* The first fragment, alone, as it came: for the ICMP error. */
static struct sk_buff *fq_take_head(struct inet_frag_queue *q)
{
	struct rb_node *n = q->first_in ? rb_first(&q->frags) : NULL;
	struct sk_buff *head;

	if (!n)
		return NULL;
	rb_erase(n, &q->frags);
	head = rb_entry(n, struct sk_buff, rbnode);
	head->next = head->prev = NULL;
	head->dev = NULL;
	return head;
}

static void fq_expire(struct timer *t)
{
	struct inet_frag_queue *q = container_of(t, struct inet_frag_queue, timer);
	struct net *net = q->net;
	struct sk_buff *head = NULL;

	spin_lock_bh(&net->ipv4->frag_lock);
	if (!q->dead) {
		IP_INC_STATS(net, REASMTIMEOUT);
		IP_INC_STATS(net, REASMFAILS);
		head = fq_take_head(q);
		fq_kill(q, SKB_DROP_REASON_FRAG_REASM_TIMEOUT);
	}
	spin_unlock_bh(&net->ipv4->frag_lock);
	if (head) {
		rcu_read_lock();
		head->dev = dev_get_by_index(net, q->iif);
		if (head->dev) {
			skb_dst_drop(head);
			if (ip_route_input(head, ip_hdr(head)->daddr, ip_hdr(head)->saddr,
					   ip_hdr(head)->tos, head->dev) == SKB_NOT_DROPPED_YET)
				icmp_send(head, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 0);
		}
		kfree_skb_reason(head, SKB_DROP_REASON_FRAG_REASM_TIMEOUT);
		rcu_read_unlock();
	}
	fq_put(q);
}

static u32 fq_hash(const struct netns_ipv4 *ip4, const struct frag_key *k)
{
	return hsiphash(k, sizeof(*k), &ip4->key) % IPFRAG_HASH_SIZE;
}

static struct inet_frag_queue *fq_create(struct net *net, const struct frag_key *key, u32 iif)
{
	struct netns_ipv4 *ip4 = net->ipv4;
	struct inet_frag_queue *q = kzalloc(sizeof(*q), GFP_ATOMIC);

	if (!q)
		return NULL;
	q->net = net;
	q->key = *key;
	q->iif = iif;
	q->frags = RB_ROOT;
	q->mem = sizeof(*q);
	atomic_add((s32)q->mem, &ip4->frag_mem);
	refcount_set(&q->ref, 2); /* hash, timer */
	timer_setup(&q->timer, fq_expire);
	timer_mod(&q->timer, ktime_get_ns() + (u64)ip4->ipfrag_time * NSEC_PER_SEC);
	hlist_add_head(&q->node, &ip4->frag[fq_hash(ip4, key)]);
	list_add_tail(&q->lru, &ip4->frag_lru);
	ip4->frag_queues++;
	return q;
}

static struct inet_frag_queue *fq_find(struct net *net, const struct frag_key *key, u32 iif)
{
	struct netns_ipv4 *ip4 = net->ipv4;
	struct inet_frag_queue *q;

	hlist_for_each_entry(q, &ip4->frag[fq_hash(ip4, key)], node) {
		if (!memcmp(&q->key, key, sizeof(*key)))
			return q;
	}
	return fq_create(net, key, iif);
}

/* Over the high mark: the oldest give way until below the low one. */
static void frag_evict(struct net *net)
{
	struct netns_ipv4 *ip4 = net->ipv4;

	if (atomic_read(&ip4->frag_mem) <= ip4->ipfrag_high_thresh)
		return;
	while (!list_empty(&ip4->frag_lru) &&
	       atomic_read(&ip4->frag_mem) > ip4->ipfrag_low_thresh) {
		IP_INC_STATS(net, REASMFAILS);
		fq_kill(list_first_entry(&ip4->frag_lru, struct inet_frag_queue, lru),
			SKB_DROP_REASON_FRAG_LIMIT);
	}
}

/* So many other datagrams from there began meanwhile that this id may be a new one's. */
static bool fq_too_far(struct inet_frag_queue *q)
{
	struct netns_ipv4 *ip4 = q->net->ipv4;
	struct inet_peer *peer = inet_getpeer(ip4, q->key.saddr);
	u32 start = q->rid;

	if (!ip4->ipfrag_max_dist)
		return false;
	q->rid = ++peer->frag_rid;
	return !rb_empty(&q->frags) && q->rid - start > (u32)ip4->ipfrag_max_dist;
}

/* Into the tree: -EINVAL overlaps, -EEXIST is a duplicate. */
static int fq_insert(struct inet_frag_queue *q, struct sk_buff *skb, u32 offset, u32 end)
{
	struct rb_node **link = &q->frags.node, *parent = NULL;

	while (*link) {
		const struct frag_cb *at;

		parent = *link;
		at = FRAG_CB(rb_entry(parent, struct sk_buff, rbnode));
		if (end <= at->offset)
			link = &parent->left;
		else if (offset >= at->end)
			link = &parent->right;
		else if (offset >= at->offset && end <= at->end)
			return -EEXIST; /* nothing in it that is not here */
		else
			return -EINVAL;
	}
	FRAG_CB(skb)->offset = offset;
	FRAG_CB(skb)->end = end;
	rb_link_node(&skb->rbnode, parent, link);
	rb_insert_color(&skb->rbnode, &q->frags);
	return 0;
}

/* Offset and end of the fragment, checked against what is known of the datagram's length. */
static enum skb_drop_reason fq_check(struct inet_frag_queue *q, struct sk_buff *skb, u32 *offset,
				     u32 *end)
{
	const struct iphdr *ip = ip_hdr(skb);
	u16 field = be16_get(ip->frag_off);
	u32 hlen = ip_hdrlen(skb);

	*offset = (field & IP_OFFSET) * 8u;
	*end = *offset + skb->len - hlen;
	if (*end > 65535 - hlen || *end == *offset)
		return SKB_DROP_REASON_FRAG_INVALID;
	if (field & IP_MF) {
		if ((*end & 7) || (q->last_in && *end > q->len))
			return SKB_DROP_REASON_FRAG_INVALID;
		return SKB_NOT_DROPPED_YET;
	}
	if (*end < q->len || (q->last_in && *end != q->len))
		return SKB_DROP_REASON_FRAG_INVALID;
	return SKB_NOT_DROPPED_YET;
}

static enum skb_drop_reason fq_queue(struct inet_frag_queue *q, struct sk_buff *skb)
{
	const struct iphdr *ip = ip_hdr(skb);
	bool more = be16_get(ip->frag_off) & IP_MF;
	u32 hlen = ip_hdrlen(skb), offset, end, truesize;
	enum skb_drop_reason why = fq_check(q, skb, &offset, &end);
	u8 ecn = (u8)(1u << (ip->tos & 3));
	u16 size = be16_get(ip->tot_len);
	bool df = be16_get(ip->frag_off) & IP_DF;
	int err;

	if (why != SKB_NOT_DROPPED_YET)
		goto condemn;
	if (!pskb_pull(skb, hlen))
		return SKB_DROP_REASON_NOMEM;
	FRAG_CB(skb)->csum = skb->csum;
	truesize = skb->truesize;
	err = fq_insert(q, skb, offset, end);
	if (err == -EEXIST)
		return SKB_DROP_REASON_FRAG_OVERLAP;
	if (err) {
		IPEXT_INC_STATS(q->net, REASM_OVERLAPS);
		why = SKB_DROP_REASON_FRAG_OVERLAP;
		goto condemn;
	}
	q->len = max(q->len, end);
	q->last_in |= !more;
	q->first_in |= offset == 0;
	q->meat += end - offset;
	q->max_size = max(q->max_size, size);
	q->df |= df;
	q->ecn |= ecn;
	q->mem += truesize;
	atomic_add((s32)truesize, &q->net->ipv4->frag_mem);
	return SKB_NOT_DROPPED_YET;
condemn:
	IP_INC_STATS(q->net, REASMFAILS);
	fq_kill(q, why);
	return why;
}

/* Which ECN field the whole gets (RFC 3168 section 5.3); false: the mix is illegal. */
static bool fq_ecn(const struct inet_frag_queue *q, u8 *ecn)
{
	enum { NOT_ECT = 1, ECT_1 = 2, ECT_0 = 4, CE = 8 };

	*ecn = q->ecn & CE ? 3 : 0;
	return !(q->ecn & NOT_ECT) || !(q->ecn & (CE | ECT_0 | ECT_1)) || !(q->ecn & CE);
}

/* All is there: chain the fragments behind the first one. */
static struct sk_buff *fq_reassemble(struct inet_frag_queue *q, struct net_device *dev)
{
	struct rb_node *n = rb_first(&q->frags);
	struct sk_buff *head = rb_entry(n, struct sk_buff, rbnode), **link, *f;
	u32 hlen = skb_network_header_len(head);
	bool complete = head->ip_summed == CHECKSUM_COMPLETE;
	csum32 csum = FRAG_CB(head)->csum;
	struct iphdr *ip;
	u8 ecn;

	if (!fq_ecn(q, &ecn))
		return NULL;
	rb_erase(n, &q->frags);
	head->next = head->prev = NULL;
	head->dev = dev;
	if (skb_cloned(head) && pskb_expand_head(head, 0, 0, GFP_ATOMIC))
		goto fail;
	if (skb_shinfo(head)->frag_list && skb_linearize(head))
		goto fail;
	link = &skb_shinfo(head)->frag_list;
	while ((n = rb_first(&q->frags)) != NULL) {
		rb_erase(n, &q->frags);
		f = rb_entry(n, struct sk_buff, rbnode);
		f->next = f->prev = NULL;
		f->dev = dev;
		skb_dst_drop(f);
		*link = f;
		link = &f->next;
		if (skb_shinfo(f)->frag_list && skb_linearize(f))
			goto fail;
		complete &= f->ip_summed == CHECKSUM_COMPLETE;
		csum = csum_add(csum, FRAG_CB(f)->csum);
		head->len += f->len;
		head->data_len += f->len;
		head->truesize += f->truesize;
	}
	skb_push(head, hlen);
	ip = ip_hdr(head);
	ip->tot_len = be16_make((u16)head->len);
	ip->frag_off = BE16(0);
	ip->tos |= ecn;
	ip_send_check(ip);
	memset(IPCB(head), 0, sizeof(*IPCB(head)));
	IPCB(head)->iif = q->iif;
	IPCB(head)->flags = IPSKB_FRAG_COMPLETE;
	IPCB(head)->frag_max_size = q->df ? q->max_size : 0;
	head->ip_summed = complete ? CHECKSUM_COMPLETE : CHECKSUM_NONE;
	head->csum = csum;
	return head;
fail:
	kfree_skb_reason(head, SKB_DROP_REASON_NOMEM);
	return NULL;
}

struct sk_buff *ip_defrag(struct net *net, struct sk_buff *skb, u32 user)
{
	const struct iphdr *ip = ip_hdr(skb);
	struct frag_key key = {ip->saddr, ip->daddr, user, ip->id, ip->protocol, 0};
	struct netns_ipv4 *ip4 = net->ipv4;
	struct net_device *dev = skb->dev;
	struct sk_buff *whole = NULL;
	struct inet_frag_queue *q;
	enum skb_drop_reason why = SKB_DROP_REASON_NOMEM;

	IP_INC_STATS(net, REASMREQDS);
	skb_orphan(skb);
	if (skb->ip_summed == CHECKSUM_PARTIAL && skb_checksum_help(skb)) {
		kfree_skb_reason(skb, SKB_DROP_REASON_SKB_CSUM);
		return NULL;
	}
	spin_lock_bh(&ip4->frag_lock);
	frag_evict(net);
	q = fq_find(net, &key, dev->ifindex);
	if (q && fq_too_far(q)) {
		IP_INC_STATS(net, REASMFAILS);
		fq_kill(q, SKB_DROP_REASON_FRAG_LIMIT);
		q = fq_create(net, &key, dev->ifindex);
	}
	if (q)
		why = fq_queue(q, skb);
	if (why != SKB_NOT_DROPPED_YET)
		goto out;
	skb = NULL;
	if (q->first_in && q->last_in && q->meat == q->len) {
		whole = fq_reassemble(q, dev);
		if (whole)
			IP_INC_STATS(net, REASMOKS);
		else
			IP_INC_STATS(net, REASMFAILS);
		fq_kill(q, SKB_DROP_REASON_FRAG_INVALID);
	}
out:
	spin_unlock_bh(&ip4->frag_lock);
	if (skb)
		kfree_skb_reason(skb, why);
	return whole;
}

void ipfrag_net_init(struct net *net)
{
	struct meminfo mi;
	u64 budget;

	spin_lock_init(&net->ipv4->frag_lock);
	INIT_LIST_HEAD(&net->ipv4->frag_lru);
	/* Linux's 4 MiB, but never more than a sixteenth of a small machine. */
	meminfo_get(&mi);
	budget = min(mi.total * PAGE_SIZE / 16, (u64)4 << 20);
	net->ipv4->ipfrag_high_thresh = (int)budget;
	net->ipv4->ipfrag_low_thresh = (int)(budget / 4 * 3);
}

void ipfrag_net_exit(struct net *net)
{
	struct netns_ipv4 *ip4 = net->ipv4;

	spin_lock_bh(&ip4->frag_lock);
	while (!list_empty(&ip4->frag_lru))
		fq_kill(list_first_entry(&ip4->frag_lru, struct inet_frag_queue, lru),
			SKB_DROP_REASON_FRAG_REASM_TIMEOUT);
	spin_unlock_bh(&ip4->frag_lock);
}
