/* SPDX-License-Identifier: MIT */
/*
 * Neighbours: IP address to link address, with the state machine of RFC 4861 section 7.3.2 for
 * both families as Linux keeps it: INCOMPLETE, REACHABLE, STALE, DELAY, PROBE, FAILED, PERMANENT,
 * NOARP. A bounded queue of packets waits at an unresolved entry; the table is bounded
 * (gc_thresh1..3) and collected.
 */
#ifndef NET_NEIGHBOUR_H
#define NET_NEIGHBOUR_H

#include <kernel/rcu.h>
#include <kernel/timer.h>
#include <linux/neighbour.h>
#include <net/netdevice.h>

#define NUD_IN_TIMER  (NUD_INCOMPLETE | NUD_REACHABLE | NUD_DELAY | NUD_PROBE)
#define NUD_VALID     (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)
#define NUD_CONNECTED (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE)

struct neigh_table;

struct neighbour {
	struct hlist_node hash; /* [table lock, rcu] */
	struct neigh_table *tbl;
	struct net_device *dev;
	refcount_t ref;
	struct spinlock lock;
	u8 nud_state; /* [lock] */
	u8 type, dead, is_router;
	u8 key_len;
	u8 ha[MAX_ADDR_LEN] __aligned(8); /* [lock] link address; read whole, as one u64 */
	u32 probes;
	u64 confirmed_ns, used_ns, updated_ns;
	struct timer timer;
	struct sk_buff_head arp_queue; /* [lock] */
	u32 arp_queue_bytes;
	struct rcu_head rcu;
	u8 primary_key[16] __aligned(8);
};

/* Parameters, sysctls net.ipv4.neigh.default.* (times in ms as Linux's _ms files). */
struct neigh_parms {
	int mcast_solicit, ucast_solicit, app_solicit;
	int retrans_time_ms, base_reachable_time_ms, delay_first_probe_time_s, gc_stale_time_s;
	int queue_len_bytes;
	u64 reachable_time_ns; /* random in 0.5..1.5 of base */
};

struct neigh_table {
	u16 family;
	u8 key_len;
	struct net *net;
	struct neigh_parms parms;
	int gc_thresh1, gc_thresh2, gc_thresh3;
	struct spinlock lock;
	struct hlist_head *hash;
	u32 hash_mask, hash_rnd[2];
	u32 entries;
	u64 last_flush_ns;
	u32 gc_bucket; /* where neigh_collect_unused() stopped */
	struct timer gc_timer;
	/* Send a solicitation for n; skb (may be NULL) is a waiting packet. */
	void (*solicit)(struct neighbour *n, struct sk_buff *skb);
	/* Fill in what a new entry of this family needs (NOARP, broadcast, multicast). */
	int (*constructor)(struct neighbour *n);
	/* No answer: the first waiting packet, to be answered with host unreachable. */
	void (*error_report)(struct neighbour *n, struct sk_buff *skb);
	struct {
		u64 allocs, destroys, res_failed, lookups, hits, table_fulls, unres_discards,
			forced_gc_runs;
	} stat;
};

int neigh_table_init(struct neigh_table *tbl);
void neigh_table_exit(struct neigh_table *tbl);

/* With a reference, or NULL (none; for _create: out of memory or table full). */
struct neighbour *neigh_lookup(struct neigh_table *tbl, const void *key, struct net_device *dev);
struct neighbour *neigh_create(struct neigh_table *tbl, const void *key, struct net_device *dev);
void neigh_release(struct neighbour *n);
/* Without a reference, for the length of an rcu section. */
struct neighbour *neigh_lookup_noref(struct neigh_table *tbl, const void *key,
				     const struct net_device *dev);

#define NEIGH_UPDATE_F_OVERRIDE      1u
#define NEIGH_UPDATE_F_WEAK_OVERRIDE 2u
#define NEIGH_UPDATE_F_ADMIN         4u
/* New state and link address (NULL: keep). 0 or -errno. */
int neigh_update(struct neighbour *n, const u8 *lladdr, u8 state, u32 flags);
/* Upper layer's proof of reachability (RFC 4861 7.3.1): an ACK of new data. */
void neigh_confirm(struct neighbour *n);
/* Send skb with n's link header, at once where its address is known, else when it is; where the
 * packet brings it, note the proof of neigh_confirm(). Takes skb. rcu. */
int neigh_output(struct neighbour *n, struct sk_buff *skb);
/* Forget all of a device (down, address change). */
void neigh_ifdown(struct neigh_table *tbl, struct net_device *dev);
void neigh_changeaddr(struct neigh_table *tbl, struct net_device *dev);
/* For ip neigh: fn gets each entry, locked by rcu. */
void neigh_for_each(struct neigh_table *tbl, void (*fn)(struct neighbour *n, void *arg), void *arg);

#endif
