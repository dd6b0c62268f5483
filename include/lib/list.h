/* SPDX-License-Identifier: MIT */
/*
 * Intrusive lists: list_head (doubly linked, circular, headed) and hlist (one-pointer head, for
 * hash buckets). The caller provides the locking. A removed node is poisoned with NULL links
 * unless removed by the _init variant, which leaves it an empty list that can be tested.
 * RCU variants live with the kernel's RCU header; the layout here suits them.
 */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include <lib/types.h>

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name)     \
	{                        \
		&(name), &(name) \
	}
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *h)
{
	h->next = h;
	h->prev = h;
}

static inline void list_insert_between(struct list_head *n, struct list_head *prev,
				       struct list_head *next)
{
	next->prev = n;
	n->next = next;
	n->prev = prev;
	prev->next = n;
}

/* Insert n right after h: first of the list if h is its head. */
static inline void list_add(struct list_head *n, struct list_head *h)
{
	list_insert_between(n, h, h->next);
}

/* Insert n right before h: last of the list if h is its head. */
static inline void list_add_tail(struct list_head *n, struct list_head *h)
{
	list_insert_between(n, h->prev, h);
}

static inline void list_unlink(struct list_head *n)
{
	n->next->prev = n->prev;
	n->prev->next = n->next;
}

static inline void list_del(struct list_head *n)
{
	list_unlink(n);
	n->next = NULL;
	n->prev = NULL;
}

static inline void list_del_init(struct list_head *n)
{
	list_unlink(n);
	INIT_LIST_HEAD(n);
}

static inline void list_move(struct list_head *n, struct list_head *h)
{
	list_unlink(n);
	list_add(n, h);
}

static inline void list_move_tail(struct list_head *n, struct list_head *h)
{
	list_unlink(n);
	list_add_tail(n, h);
}

static inline bool list_empty(const struct list_head *h)
{
	return h->next == h;
}

static inline bool list_is_last(const struct list_head *n, const struct list_head *h)
{
	return n->next == h;
}

static inline bool list_is_first(const struct list_head *n, const struct list_head *h)
{
	return n->prev == h;
}

static inline bool list_is_singular(const struct list_head *h)
{
	return !list_empty(h) && h->next == h->prev;
}

/* Put all of `from` at the front of `to`; `from` is then empty. */
static inline void list_splice_init(struct list_head *from, struct list_head *to)
{
	if (list_empty(from))
		return;
	from->next->prev = to;
	from->prev->next = to->next;
	to->next->prev = from->prev;
	to->next = from->next;
	INIT_LIST_HEAD(from);
}

/* Put all of `from` at the end of `to`; `from` is then empty. */
static inline void list_splice_tail_init(struct list_head *from, struct list_head *to)
{
	list_splice_init(from, to->prev);
}

#define list_entry(p, type, member)       container_of(p, type, member)
#define list_first_entry(h, type, member) list_entry((h)->next, type, member)
#define list_last_entry(h, type, member)  list_entry((h)->prev, type, member)
#define list_next_entry(e, member)        list_entry((e)->member.next, __typeof__(*(e)), member)
#define list_prev_entry(e, member)        list_entry((e)->member.prev, __typeof__(*(e)), member)
#define list_first_entry_or_null(h, type, member) \
	(list_empty(h) ? NULL : list_first_entry(h, type, member))

#define list_for_each(p, h)         for (p = (h)->next; p != (h); p = p->next)
#define list_for_each_safe(p, n, h) for (p = (h)->next, n = p->next; p != (h); p = n, n = p->next)
#define list_for_each_entry(e, h, member)                                        \
	for (e = list_first_entry(h, __typeof__(*e), member); &e->member != (h); \
	     e = list_next_entry(e, member))
#define list_for_each_entry_reverse(e, h, member)                               \
	for (e = list_last_entry(h, __typeof__(*e), member); &e->member != (h); \
	     e = list_prev_entry(e, member))
#define list_for_each_entry_from(e, h, member) \
	for (; &e->member != (h); e = list_next_entry(e, member))
#define list_for_each_entry_continue(e, h, member) \
	for (e = list_next_entry(e, member); &e->member != (h); e = list_next_entry(e, member))
/* The body may remove (and free) e, not n. */
#define list_for_each_entry_safe(e, n, h, member)                                             \
	for (e = list_first_entry(h, __typeof__(*e), member), n = list_next_entry(e, member); \
	     &e->member != (h); e = n, n = list_next_entry(n, member))

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

#define HLIST_HEAD_INIT \
	{               \
		NULL    \
	}

static inline void INIT_HLIST_HEAD(struct hlist_head *h)
{
	h->first = NULL;
}

static inline void INIT_HLIST_NODE(struct hlist_node *n)
{
	n->next = NULL;
	n->pprev = NULL;
}

static inline bool hlist_unhashed(const struct hlist_node *n)
{
	return !n->pprev;
}

static inline bool hlist_empty(const struct hlist_head *h)
{
	return !h->first;
}

static inline void hlist_add_head(struct hlist_node *n, struct hlist_head *h)
{
	n->next = h->first;
	if (n->next)
		n->next->pprev = &n->next;
	h->first = n;
	n->pprev = &h->first;
}

static inline void hlist_add_behind(struct hlist_node *n, struct hlist_node *prev)
{
	n->next = prev->next;
	prev->next = n;
	n->pprev = &prev->next;
	if (n->next)
		n->next->pprev = &n->next;
}

static inline void hlist_unlink(struct hlist_node *n)
{
	*n->pprev = n->next;
	if (n->next)
		n->next->pprev = n->pprev;
}

/* Remove; n counts as unhashed afterwards. */
static inline void hlist_del(struct hlist_node *n)
{
	hlist_unlink(n);
	INIT_HLIST_NODE(n);
}

static inline void hlist_del_init(struct hlist_node *n)
{
	if (!hlist_unhashed(n))
		hlist_del(n);
}

#define hlist_entry(p, type, member) container_of(p, type, member)
#define hlist_entry_safe(p, type, member)                        \
	__extension__({                                          \
		__typeof__(p) hl_p_ = (p);                       \
		hl_p_ ? hlist_entry(hl_p_, type, member) : NULL; \
	})
#define hlist_for_each_entry(e, h, member)                                \
	for (e = hlist_entry_safe((h)->first, __typeof__(*e), member); e; \
	     e = hlist_entry_safe(e->member.next, __typeof__(*e), member))
/* n: struct hlist_node *. The body may remove (and free) e. */
#define hlist_for_each_entry_safe(e, n, h, member)                     \
	for (e = hlist_entry_safe((h)->first, __typeof__(*e), member); \
	     e && ((n) = e->member.next, 1); e = hlist_entry_safe(n, __typeof__(*e), member))

#endif
