/* SPDX-License-Identifier: MIT */
/*
 * Intrusive red-black trees. The caller compares, so that no call goes through a pointer:
 *
 *	struct rb_node **link = &root->node, *parent = NULL;
 *	while (*link) {
 *		parent = *link;
 *		link = key < rb_entry(parent, struct item, node)->key ? &parent->left
 *								      : &parent->right;
 *	}
 *	rb_link_node(&item->node, parent, link);
 *	rb_insert_color(&item->node, root);
 *
 * or uses rb_add() with a less() function. All operations are O(log n); the caller locks.
 * struct rb_root_cached keeps the smallest node at hand, for timers and queues.
 */
#ifndef LIB_RBTREE_H
#define LIB_RBTREE_H

#include <lib/types.h>

/* parent_color: the parent's address; bit 0 is set in a black node. */
struct rb_node {
	uintptr_t parent_color;
	struct rb_node *left, *right;
} __aligned(sizeof(long));

struct rb_root {
	struct rb_node *node;
};

struct rb_root_cached {
	struct rb_root root;
	struct rb_node *leftmost;
};

#define RB_ROOT        ((struct rb_root){NULL})
#define RB_ROOT_CACHED ((struct rb_root_cached){{NULL}, NULL})

#define rb_entry(p, type, member) container_of(p, type, member)
#define rb_entry_safe(p, type, member)                        \
	__extension__({                                       \
		__typeof__(p) rb_p_ = (p);                    \
		rb_p_ ? rb_entry(rb_p_, type, member) : NULL; \
	})

static inline bool rb_empty(const struct rb_root *root)
{
	return !root->node;
}

static inline struct rb_node *rb_parent(const struct rb_node *n)
{
	return (struct rb_node *)(n->parent_color & ~(uintptr_t)3);
}

/* A node in no tree, told by its being its own parent. */
static inline void rb_clear_node(struct rb_node *n)
{
	n->parent_color = (uintptr_t)n;
}

static inline bool rb_node_unlinked(const struct rb_node *n)
{
	return n->parent_color == (uintptr_t)n;
}

/* Put n where the search ended, as a red leaf; rb_insert_color must follow. */
static inline void rb_link_node(struct rb_node *n, struct rb_node *parent, struct rb_node **link)
{
	n->parent_color = (uintptr_t)parent;
	n->left = NULL;
	n->right = NULL;
	*link = n;
}

/* Restore the balance after rb_link_node(n). */
void rb_insert_color(struct rb_node *n, struct rb_root *root);
/* Take n out. n's own members are left as they were. */
void rb_erase(struct rb_node *n, struct rb_root *root);
/* Put `to` in the place of `from`, which leaves; both must have the same place in the order. */
void rb_replace_node(struct rb_node *from, struct rb_node *to, struct rb_root *root);

/* In order; NULL at the end. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);

/* Insert by less(); equal keys keep the order in which they came. */
void rb_add(struct rb_node *n, struct rb_root *root,
	    bool (*less)(const struct rb_node *a, const struct rb_node *b));
/* The same; true if n is now the smallest. */
bool rb_add_cached(struct rb_node *n, struct rb_root_cached *root,
		   bool (*less)(const struct rb_node *a, const struct rb_node *b));

static inline struct rb_node *rb_first_cached(const struct rb_root_cached *root)
{
	return root->leftmost;
}

static inline void rb_insert_color_cached(struct rb_node *n, struct rb_root_cached *root,
					  bool leftmost)
{
	if (leftmost)
		root->leftmost = n;
	rb_insert_color(n, &root->root);
}

static inline void rb_erase_cached(struct rb_node *n, struct rb_root_cached *root)
{
	if (root->leftmost == n)
		root->leftmost = rb_next(n);
	rb_erase(n, &root->root);
}

#define rb_for_each(p, root) for ((p) = rb_first(root); (p); (p) = rb_next(p))

#endif
