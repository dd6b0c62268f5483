/* SPDX-License-Identifier: MIT */
/*
 * The lists of <lib/list.h> with readers under rcu_read_lock() beside one writer: an element is
 * published by a release store when it is complete, and one that was removed still leads on to the
 * rest of its list until a grace period has passed. Writers exclude each other by their own lock.
 */
#ifndef KERNEL_RCULIST_H
#define KERNEL_RCULIST_H

#include <kernel/rcu.h>
#include <lib/list.h>

static inline void __list_add_rcu(struct list_head *n, struct list_head *prev,
				  struct list_head *next)
{
	n->next = next;
	n->prev = prev;
	rcu_assign_pointer(prev->next, n);
	next->prev = n;
}
static inline void list_add_rcu(struct list_head *n, struct list_head *h)
{
	__list_add_rcu(n, h, h->next);
}
static inline void list_add_tail_rcu(struct list_head *n, struct list_head *h)
{
	__list_add_rcu(n, h->prev, h);
}
/* n->next stays for the readers that are on n. */
static inline void list_del_rcu(struct list_head *n)
{
	n->next->prev = n->prev;
	__atomic_store_n(&n->prev->next, n->next, __ATOMIC_RELAXED);
	n->prev = NULL;
}
#define list_for_each_entry_rcu(e, h, member)                                    \
	for (e = list_entry(rcu_dereference((h)->next), __typeof__(*e), member); \
	     &e->member != (h);                                                  \
	     e = list_entry(rcu_dereference(e->member.next), __typeof__(*e), member))

static inline void hlist_add_head_rcu(struct hlist_node *n, struct hlist_head *h)
{
	struct hlist_node *first = h->first;

	n->next = first;
	n->pprev = &h->first;
	rcu_assign_pointer(h->first, n);
	if (first)
		first->pprev = &n->next;
}
static inline void hlist_add_tail_rcu(struct hlist_node *n, struct hlist_head *h)
{
	struct hlist_node **pprev = &h->first;

	while (*pprev)
		pprev = &(*pprev)->next;
	n->next = NULL;
	n->pprev = pprev;
	rcu_assign_pointer(*pprev, n);
}
/* n->next stays for the readers that are on n; n counts as unhashed. */
static inline void hlist_del_rcu(struct hlist_node *n)
{
	struct hlist_node *next = n->next;

	__atomic_store_n(n->pprev, next, __ATOMIC_RELAXED);
	if (next)
		next->pprev = n->pprev;
	n->pprev = NULL;
}
static inline void hlist_del_init_rcu(struct hlist_node *n)
{
	if (!hlist_unhashed(n))
		hlist_del_rcu(n);
}
#define hlist_for_each_entry_rcu(e, h, member)                                             \
	for (e = hlist_entry_safe(rcu_dereference((h)->first), __typeof__(*e), member); e; \
	     e = hlist_entry_safe(rcu_dereference(e->member.next), __typeof__(*e), member))

#endif
