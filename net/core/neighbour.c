/* SPDX-License-Identifier: MIT */
/*
 * The neighbour table: lookup, creation, the state machine of RFC 4861 section 7.3.2, and the
 * bounded garbage. Families bring their solicitation and their constructor.
 *
 *	NONE/FAILED --packet--> INCOMPLETE --answer--> REACHABLE --time--> STALE
 *	INCOMPLETE --no answer--> FAILED       STALE --packet--> DELAY --time--> PROBE
 *	DELAY --confirmed--> REACHABLE         PROBE --answer--> REACHABLE, --none--> FAILED
 *
 * The table holds one reference on each entry, a pending timer another. Locks: table, then
 * entry. Lookups run under rcu without a lock. Context: thread or softirq.
 */
#include <net/neighbour.h>

#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/random.h>
#include <lib/err.h>
#include <lib/string.h>
#include <net/dst.h>

#define NEIGH_HASH_SIZE   256
#define NEIGH_MIN_WAIT_NS (10 * NSEC_PER_MSEC)
#define NEIGH_GC_AGE_NS   (5 * NSEC_PER_SEC) /* younger entries survive a forced collection */
#define NEIGH_GC_UNUSED   64                 /* entries nothing was sent to that go at once */

/* -- small things ------------------------------------------------------------------------------ */

static u64 base_reachable_ns(const struct neigh_table *tbl)
{
	return (u64)tbl->parms.base_reachable_time_ms * NSEC_PER_MSEC;
}

/* Random in 0.5 .. 1.5 of base, so that hosts do not probe in step. */
static void choose_reachable_time(struct neigh_table *tbl)
{
	u64 base = base_reachable_ns(tbl);

	tbl->parms.reachable_time_ns = base / 2 + (base ? get_random_u64() % base : 0);
}

static u64 retrans_ns(const struct neighbour *n)
{
	return max((u64)n->tbl->parms.retrans_time_ms * NSEC_PER_MSEC, NEIGH_MIN_WAIT_NS);
}

static u64 delay_ns(const struct neighbour *n)
{
	return (u64)n->tbl->parms.delay_first_probe_time_s * NSEC_PER_SEC;
}

static u32 neigh_hash(const struct neigh_table *tbl, const void *key, const struct net_device *dev)
{
	u64 secret = (u64)tbl->hash_rnd[0] << 32 | tbl->hash_rnd[1] | 1, h = dev->ifindex;

	/* Each packet sent comes by here. Multiplying by a secret is enough on a link: the table
	 * is bounded, and who could fill it need not aim. */
	for (u32 i = 0; i < tbl->key_len; i += 4) {
		u32 word;

		memcpy(&word, (const u8 *)key + i, sizeof(word));
		h = (h ^ word) * secret;
		h ^= h >> 32;
	}
	return (u32)h & tbl->hash_mask;
}

static void neigh_arm(struct neighbour *n, u64 when_ns)
{
	refcount_inc(&n->ref);
	if (timer_mod(&n->timer, when_ns))
		neigh_release(n); /* was pending, with a reference of its own */
}

static void neigh_disarm(struct neighbour *n)
{
	if (timer_del(&n->timer))
		neigh_release(n);
}

static void neigh_free_rcu(struct rcu_head *head)
{
	struct neighbour *n = container_of(head, struct neighbour, rcu);

	dev_put(n->dev);
	kfree(n);
}

void neigh_release(struct neighbour *n)
{
	if (!n || !refcount_dec_and_test(&n->ref))
		return;
	skb_queue_purge_reason(&n->arp_queue, SKB_DROP_REASON_NEIGH_FAILED);
	__atomic_fetch_add(&n->tbl->stat.destroys, 1, __ATOMIC_RELAXED);
	call_rcu(&n->rcu, neigh_free_rcu);
}

/* -- state: entry locked -------------------------------------------------------------------------
 */

static u32 max_probes(const struct neighbour *n)
{
	const struct neigh_parms *p = &n->tbl->parms;

	return (u32)(p->ucast_solicit + p->app_solicit +
		     (n->nud_state & NUD_PROBE ? 0 : p->mcast_solicit));
}

/* No answer: the waiting packets are answered with an error. Lock let go meanwhile. */
static void neigh_invalidate(struct neighbour *n) __must_hold(n->lock)
{
	struct sk_buff *skb;

	n->tbl->stat.res_failed++;
	n->updated_ns = ktime_get_ns();
	n->arp_queue_bytes = 0;
	while (n->nud_state == NUD_FAILED && (skb = __skb_dequeue(&n->arp_queue)) != NULL) {
		spin_unlock_bh(&n->lock);
		n->tbl->error_report(n, skb);
		spin_lock_bh(&n->lock);
	}
	n->arp_queue_bytes = 0;
}

/* Send a solicitation; lets the lock go. The first waiting packet tells the family whose address
 * asks. */
static void neigh_probe(struct neighbour *n) __releases(n->lock)
{
	struct sk_buff *skb = skb_peek(&n->arp_queue);

	if (skb)
		skb = skb_clone(skb, GFP_ATOMIC);
	n->probes++;
	spin_unlock_bh(&n->lock);
	n->tbl->solicit(n, skb);
	consume_skb(skb);
}

/* The time of a state ran out: the next one. Returns when to look again. */
static u64 neigh_next_state(struct neighbour *n, u64 now)
{
	if (n->nud_state & NUD_REACHABLE) {
		if (now < n->confirmed_ns + n->tbl->parms.reachable_time_ns)
			return n->confirmed_ns + n->tbl->parms.reachable_time_ns;
		n->updated_ns = now;
		n->nud_state = now < n->used_ns + delay_ns(n) ? NUD_DELAY : NUD_STALE;
		return now + delay_ns(n);
	}
	if (n->nud_state & NUD_DELAY) {
		bool confirmed = n->confirmed_ns >= n->updated_ns; /* since the delay began */

		n->updated_ns = now;
		if (confirmed || now < n->confirmed_ns + delay_ns(n)) {
			n->nud_state = NUD_REACHABLE;
			return n->confirmed_ns + n->tbl->parms.reachable_time_ns;
		}
		n->nud_state = NUD_PROBE;
		n->probes = 0;
	}
	return now + retrans_ns(n);
}

static void neigh_timer(struct timer *t)
{
	struct neighbour *n = container_of(t, struct neighbour, timer);
	u64 now = ktime_get_ns(), next;

	spin_lock_bh(&n->lock);
	if (!(n->nud_state & NUD_IN_TIMER) || n->dead)
		goto out;
	next = neigh_next_state(n, now);
	if ((n->nud_state & (NUD_INCOMPLETE | NUD_PROBE)) && n->probes >= max_probes(n)) {
		n->nud_state = NUD_FAILED;
		neigh_invalidate(n);
		goto out;
	}
	if (n->nud_state & NUD_IN_TIMER)
		neigh_arm(n, max(next, now + NEIGH_MIN_WAIT_NS));
	if (n->nud_state & (NUD_INCOMPLETE | NUD_PROBE)) {
		neigh_probe(n);
		neigh_release(n);
		return;
	}
out:
	spin_unlock_bh(&n->lock);
	neigh_release(n);
}

/* Queue a packet that waits for the answer; the oldest gives way. */
static void neigh_queue(struct neighbour *n, struct sk_buff *skb)
{
	u32 limit = (u32)n->tbl->parms.queue_len_bytes;

	while (n->arp_queue_bytes + skb->truesize > limit) {
		struct sk_buff *old = __skb_dequeue(&n->arp_queue);

		if (!old)
			break;
		n->arp_queue_bytes -= old->truesize;
		n->tbl->stat.unres_discards++;
		kfree_skb_reason(old, SKB_DROP_REASON_NEIGH_QUEUEFULL);
	}
	if (skb->dst && skb->dst_noref) { /* it will outlive this section */
		skb->dst_noref = 0;
		if (!refcount_inc_not_zero(&skb->dst->ref))
			skb->dst = NULL;
	}
	__skb_queue_tail(&n->arp_queue, skb);
	n->arp_queue_bytes += skb->truesize;
}

/* Nobody is known to answer, or has been for long: takes skb when it returns nonzero. */
static noinline int neigh_event_send(struct neighbour *n, struct sk_buff *skb, u64 now)
{
	bool probe = false;

	spin_lock_bh(&n->lock);
	if (n->dead) {
		spin_unlock_bh(&n->lock);
		kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_FAILED);
		return 1;
	}
	if (!(n->nud_state & (NUD_VALID | NUD_INCOMPLETE))) {
		n->probes = (u32)n->tbl->parms.ucast_solicit;
		n->nud_state = NUD_INCOMPLETE;
		n->updated_ns = now;
		neigh_arm(n, now + retrans_ns(n));
		probe = true;
	} else if (n->nud_state & NUD_STALE) {
		n->nud_state = NUD_DELAY;
		n->updated_ns = now;
		neigh_arm(n, now + delay_ns(n));
	}
	if (n->nud_state != NUD_INCOMPLETE) {
		spin_unlock_bh(&n->lock);
		return 0;
	}
	if (skb)
		neigh_queue(n, skb);
	if (probe)
		neigh_probe(n);
	else
		spin_unlock_bh(&n->lock);
	return 1;
}

/* -- output
 * ------------------------------------------------------------------------------------------ */

int neigh_output(struct neighbour *n, struct sk_buff *skb)
{
	struct net_device *dev = n->dev;
	u64 now = ktime_get_ns(), ha;

	n->used_ns = now;
	if (skb->dst_pending_confirm) {
		skb->dst_pending_confirm = 0;
		WRITE_ONCE(n->confirmed_ns, now);
	}
	if (unlikely(!(READ_ONCE(n->nud_state) & (NUD_CONNECTED | NUD_DELAY | NUD_PROBE))) &&
	    neigh_event_send(n, skb, now))
		return 0;
	ha = __atomic_load_n((u64 *)(void *)n->ha, __ATOMIC_RELAXED);
	skb->dev = dev;
	if (likely(dev->header_ops == &eth_header_ops)) {
		eth_push_header(skb, dev, skb->protocol, ha);
	} else if (dev->header_ops && dev->header_ops->create &&
		   dev->header_ops->create(skb, dev, be16_get(skb->protocol), &ha, NULL, skb->len) <
			   0) {
		kfree_skb_reason(skb, SKB_DROP_REASON_NEIGH_FAILED);
		return -EINVAL;
	}
	return dev_queue_xmit(skb);
}

void neigh_confirm(struct neighbour *n)
{
	WRITE_ONCE(n->confirmed_ns, ktime_get_ns());
}

/* -- update
 * --------------------------------------------------------------------------------------------- */

/* Send what waited. Entry locked, lock let go meanwhile. */
static void neigh_send_queue(struct neighbour *n) __must_hold(n->lock)
{
	struct sk_buff *skb;

	while ((n->nud_state & NUD_VALID) && (skb = __skb_dequeue(&n->arp_queue)) != NULL) {
		n->arp_queue_bytes -= min(n->arp_queue_bytes, skb->truesize);
		spin_unlock_bh(&n->lock);
		neigh_output(n, skb);
		spin_lock_bh(&n->lock);
	}
}

static void neigh_set_invalid(struct neighbour *n, u8 new) __must_hold(n->lock)
{
	u8 old = n->nud_state;

	neigh_disarm(n);
	n->nud_state = new;
	if ((old & (NUD_INCOMPLETE | NUD_PROBE)) && (new &NUD_FAILED))
		neigh_invalidate(n);
}

static void neigh_set_valid(struct neighbour *n, const u8 *lladdr, u8 new, u64 now)
	__must_hold(n->lock)
{
	u8 old = n->nud_state;
	bool moved = lladdr != n->ha;
	u64 ha = 0;

	if (new &NUD_CONNECTED)
		n->confirmed_ns = now;
	if (new != old || moved)
		n->updated_ns = now;
	if (new != old) {
		neigh_disarm(n);
		if (new &NUD_PROBE)
			n->probes = 0;
		if (new &NUD_IN_TIMER)
			neigh_arm(n,
				  now + (new &NUD_REACHABLE ? n->tbl->parms.reachable_time_ns : 0));
		n->nud_state = new;
	}
	if (moved) {
		memcpy(&ha, lladdr, n->dev->addr_len);
		__atomic_store_n((u64 *)(void *)n->ha, ha, __ATOMIC_RELAXED);
		if (!(new &NUD_CONNECTED))
			n->confirmed_ns = now - min(now, 2 * base_reachable_ns(n->tbl));
	}
	if (new == old)
		return;
	if (!(old & NUD_VALID))
		neigh_send_queue(n);
}

static int neigh_update_locked(struct neighbour *n, const u8 *lladdr, u8 new, u32 flags)
	__must_hold(n->lock)
{
	u8 old = n->nud_state;

	if (n->dead)
		return -EINVAL;
	if (!(flags & NEIGH_UPDATE_F_ADMIN) && (old & (NUD_NOARP | NUD_PERMANENT)))
		return -EPERM;
	if (!(new &NUD_VALID)) {
		neigh_set_invalid(n, new);
		return 0;
	}
	if (!lladdr && !(old & NUD_VALID))
		return -EINVAL;
	if (!lladdr || ((old & NUD_VALID) && !memcmp(lladdr, n->ha, n->dev->addr_len)))
		lladdr = n->ha;
	if (old & NUD_VALID) {
		if (lladdr != n->ha && !(flags & NEIGH_UPDATE_F_OVERRIDE)) {
			if (!(flags & NEIGH_UPDATE_F_WEAK_OVERRIDE) || !(old & NUD_CONNECTED))
				return 0;
			lladdr = n->ha;
			new = NUD_STALE;
		} else if (lladdr == n->ha && new == NUD_STALE && !(flags & NEIGH_UPDATE_F_ADMIN)) {
			new = old; /* told nothing new */
		}
	}
	neigh_set_valid(n, lladdr, new, ktime_get_ns());
	return 0;
}

int neigh_update(struct neighbour *n, const u8 *lladdr, u8 state, u32 flags)
{
	int err;

	spin_lock_bh(&n->lock);
	err = neigh_update_locked(n, lladdr, state, flags);
	spin_unlock_bh(&n->lock);
	return err;
}

/* -- table
 * -------------------------------------------------------------------------------------------------
 */

/* Out of the table. Table locked; the table's reference goes. */
static void neigh_unlink(struct neighbour *n)
{
	hlist_del_rcu(&n->hash);
	n->tbl->entries--;
	spin_lock(&n->lock);
	n->dead = 1;
	n->nud_state = NUD_NONE;
	neigh_disarm(n);
	spin_unlock(&n->lock);
	neigh_release(n);
}

static bool neigh_idle(const struct neighbour *n)
{
	return refcount_read(&n->ref) == 1 && !(n->nud_state & (NUD_PERMANENT | NUD_IN_TIMER));
}

static bool neigh_collectable(const struct neighbour *n, u64 now, u64 age_ns)
{
	if (!neigh_idle(n))
		return false;
	return n->nud_state == NUD_FAILED || now - max(n->updated_ns, n->used_ns) > age_ns;
}

/* Remove idle entries. Table locked. Returns how many went. */
static u32 neigh_collect(struct neigh_table *tbl, u64 age_ns)
{
	u64 now = ktime_get_ns();
	struct hlist_node *next;
	struct neighbour *n;
	u32 gone = 0;

	for (u32 i = 0; i <= tbl->hash_mask; i++) {
		hlist_for_each_entry_safe(n, next, &tbl->hash[i], hash) {
			if (!neigh_collectable(n, now, age_ns))
				continue;
			neigh_unlink(n);
			gone++;
		}
	}
	return gone;
}

/* Room in a table full of young entries: those that others made by asking us, and to which we have
 * never sent, give way, so that a flood of questions does not shut out those we talk to. Goes
 * round the table from where it stopped last. Table locked. */
static void neigh_collect_unused(struct neigh_table *tbl)
{
	struct hlist_node *next;
	struct neighbour *n;
	u32 gone = 0;

	for (u32 i = 0; i <= tbl->hash_mask && gone < NEIGH_GC_UNUSED; i++) {
		tbl->gc_bucket = (tbl->gc_bucket + 1) & tbl->hash_mask;
		hlist_for_each_entry_safe(n, next, &tbl->hash[tbl->gc_bucket], hash) {
			if (n->used_ns || !neigh_idle(n))
				continue;
			neigh_unlink(n);
			gone++;
		}
	}
}

static void neigh_gc(struct timer *t)
{
	struct neigh_table *tbl = container_of(t, struct neigh_table, gc_timer);

	spin_lock_bh(&tbl->lock);
	choose_reachable_time(tbl);
	if (tbl->entries > (u32)tbl->gc_thresh1) {
		neigh_collect(tbl, (u64)tbl->parms.gc_stale_time_s * NSEC_PER_SEC);
		timer_mod(t, ktime_get_ns() + base_reachable_ns(tbl) / 2);
	}
	spin_unlock_bh(&tbl->lock);
}

/* Room for one more? Table locked. */
static bool neigh_make_room(struct neigh_table *tbl)
{
	u64 now = ktime_get_ns();

	if (tbl->entries >= (u32)tbl->gc_thresh3 ||
	    (tbl->entries >= (u32)tbl->gc_thresh2 && now - tbl->last_flush_ns > NEIGH_GC_AGE_NS)) {
		tbl->stat.forced_gc_runs++;
		tbl->last_flush_ns = now;
		neigh_collect(tbl, NEIGH_GC_AGE_NS);
		if (tbl->entries >= (u32)tbl->gc_thresh3)
			neigh_collect_unused(tbl);
		if (tbl->entries >= (u32)tbl->gc_thresh3) {
			tbl->stat.table_fulls++;
			pr_warn_ratelimited("neighbour table overflow (gc_thresh3 %d)",
					    tbl->gc_thresh3);
			return false;
		}
	}
	if (tbl->entries >= (u32)tbl->gc_thresh1 && !timer_pending(&tbl->gc_timer))
		timer_mod(&tbl->gc_timer, now + base_reachable_ns(tbl) / 2);
	return true;
}

static bool same_key(const void *a, const void *b, u8 len)
{
	u32 x, y;

	if (len != sizeof(x))
		return !memcmp(a, b, len);
	memcpy(&x, a, sizeof(x)); /* an IPv4 address */
	memcpy(&y, b, sizeof(y));
	return x == y;
}

static struct neighbour *chain_find(struct hlist_head *chain, const void *key, u8 key_len,
				    const struct net_device *dev)
{
	struct neighbour *n;

	hlist_for_each_entry_rcu(n, chain, hash) {
		if (n->dev == dev && same_key(n->primary_key, key, key_len))
			return n;
	}
	return NULL;
}

struct neighbour *neigh_lookup_noref(struct neigh_table *tbl, const void *key,
				     const struct net_device *dev)
{
	return chain_find(&tbl->hash[neigh_hash(tbl, key, dev)], key, tbl->key_len, dev);
}

noinline struct neighbour *neigh_lookup(struct neigh_table *tbl, const void *key,
					struct net_device *dev)
{
	struct neighbour *n;

	rcu_read_lock();
	tbl->stat.lookups++;
	n = neigh_lookup_noref(tbl, key, dev);
	if (n && !refcount_inc_not_zero(&n->ref))
		n = NULL;
	tbl->stat.hits += n != NULL;
	rcu_read_unlock();
	return n;
}

static struct neighbour *neigh_alloc(struct neigh_table *tbl, const void *key,
				     struct net_device *dev)
{
	struct neighbour *n = kzalloc(sizeof(*n), GFP_ATOMIC);
	u64 now = ktime_get_ns();

	if (!n)
		return NULL;
	n->tbl = tbl;
	n->key_len = tbl->key_len;
	memcpy(n->primary_key, key, tbl->key_len);
	n->dev = dev;
	dev_hold(dev);
	refcount_set(&n->ref, 1);
	spin_lock_init(&n->lock);
	skb_queue_head_init(&n->arp_queue);
	timer_setup(&n->timer, neigh_timer);
	n->updated_ns = now; /* used_ns of 0: nothing was sent to it yet */
	n->confirmed_ns = now - min(now, 2 * base_reachable_ns(tbl));
	n->nud_state = NUD_NONE;
	tbl->stat.allocs++;
	return n;
}

struct neighbour *neigh_create(struct neigh_table *tbl, const void *key, struct net_device *dev)
{
	struct neighbour *n = neigh_alloc(tbl, key, dev), *old;
	struct hlist_head *chain;

	if (!n)
		return NULL;
	if (tbl->constructor && tbl->constructor(n)) {
		neigh_release(n);
		return NULL;
	}
	chain = &tbl->hash[neigh_hash(tbl, key, dev)];
	spin_lock_bh(&tbl->lock);
	old = chain_find(chain, key, tbl->key_len, dev);
	if (old)
		refcount_inc(&old->ref); /* in the table, table locked: alive */
	else if (!netif_running(dev) || !neigh_make_room(tbl))
		goto refuse;
	if (!old) {
		refcount_inc(&n->ref);
		hlist_add_head_rcu(&n->hash, chain);
		tbl->entries++;
	}
	spin_unlock_bh(&tbl->lock);
	if (old) {
		neigh_release(n);
		return old;
	}
	return n;
refuse:
	spin_unlock_bh(&tbl->lock);
	neigh_release(n);
	return NULL;
}

static void neigh_flush_dev(struct neigh_table *tbl, const struct net_device *dev, bool permanent)
{
	struct hlist_node *next;
	struct neighbour *n;

	spin_lock_bh(&tbl->lock);
	for (u32 i = 0; i <= tbl->hash_mask; i++) {
		hlist_for_each_entry_safe(n, next, &tbl->hash[i], hash) {
			if (dev && n->dev != dev)
				continue;
			if (permanent || !(n->nud_state & NUD_PERMANENT))
				neigh_unlink(n);
		}
	}
	spin_unlock_bh(&tbl->lock);
}

void neigh_ifdown(struct neigh_table *tbl, struct net_device *dev)
{
	neigh_flush_dev(tbl, dev, true);
}

void neigh_changeaddr(struct neigh_table *tbl, struct net_device *dev)
{
	neigh_flush_dev(tbl, dev, false);
}

void neigh_for_each(struct neigh_table *tbl, void (*fn)(struct neighbour *n, void *arg), void *arg)
{
	struct neighbour *n;

	rcu_read_lock();
	for (u32 i = 0; i <= tbl->hash_mask; i++) {
		hlist_for_each_entry_rcu(n, &tbl->hash[i], hash)
			fn(n, arg);
	}
	rcu_read_unlock();
}

int neigh_table_init(struct neigh_table *tbl)
{
	tbl->hash = kvzalloc(NEIGH_HASH_SIZE * sizeof(*tbl->hash), GFP_KERNEL);
	if (!tbl->hash)
		return -ENOMEM;
	tbl->hash_mask = NEIGH_HASH_SIZE - 1;
	get_random_bytes(tbl->hash_rnd, sizeof(tbl->hash_rnd));
	spin_lock_init(&tbl->lock);
	timer_setup(&tbl->gc_timer, neigh_gc);
	choose_reachable_time(tbl);
	return 0;
}

void neigh_table_exit(struct neigh_table *tbl)
{
	timer_del_sync(&tbl->gc_timer);
	neigh_flush_dev(tbl, NULL, true);
	synchronize_rcu();
	kvfree(tbl->hash, NEIGH_HASH_SIZE * sizeof(*tbl->hash));
	tbl->hash = NULL;
}
