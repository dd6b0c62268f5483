/* SPDX-License-Identifier: MIT */
/*
 * Red-black trees (Cormen et al., chapter "Red-Black Trees"; removal restores the balance from the
 * place that lost a black node). Invariants: no red node has a red child; every way from the root
 * to a missing child passes the same number of black nodes; missing children count as black.
 * Symmetric cases are written once: `side` picks the child, its opposite is `!side`.
 */
#include <lib/rbtree.h>

#define RB_BLACK 1u

static bool is_black(const struct rb_node *n)
{
	return !n || (n->parent_color & RB_BLACK);
}

static bool is_red(const struct rb_node *n)
{
	return !is_black(n);
}

static void set_black(struct rb_node *n)
{
	n->parent_color |= RB_BLACK;
}

static void set_red(struct rb_node *n)
{
	n->parent_color &= ~(uintptr_t)RB_BLACK;
}

static void set_parent(struct rb_node *n, struct rb_node *parent)
{
	n->parent_color = (uintptr_t)parent | (n->parent_color & RB_BLACK);
}

static void copy_color(struct rb_node *to, const struct rb_node *from)
{
	to->parent_color =
		(to->parent_color & ~(uintptr_t)RB_BLACK) | (from->parent_color & RB_BLACK);
}

static struct rb_node **child(struct rb_node *n, bool right)
{
	return right ? &n->right : &n->left;
}

/* The pointer that leads to n. */
static struct rb_node **link_to(struct rb_node *n, struct rb_root *root)
{
	struct rb_node *parent = rb_parent(n);

	return parent ? child(parent, n == parent->right) : &root->node;
}

/* Turn n down to the `side`; the child on its other side takes its place. Colours stay. */
static void rotate(struct rb_node *n, bool side, struct rb_root *root)
{
	struct rb_node *up = *child(n, !side), *inner = *child(up, side);

	*link_to(n, root) = up;
	set_parent(up, rb_parent(n));
	*child(up, side) = n;
	set_parent(n, up);
	*child(n, !side) = inner;
	if (inner)
		set_parent(inner, n);
}

void rb_insert_color(struct rb_node *n, struct rb_root *root)
{
	struct rb_node *parent;

	while ((parent = rb_parent(n)) && is_red(parent)) {
		struct rb_node *grand = rb_parent(parent);
		bool side = parent == grand->right;
		struct rb_node *uncle = *child(grand, !side);

		if (is_red(uncle)) {
			set_black(parent);
			set_black(uncle);
			set_red(grand);
			n = grand;
			continue;
		}
		if (n == *child(parent, !side)) {
			rotate(parent, side, root);
			parent = n;
		}
		set_black(parent);
		set_red(grand);
		rotate(grand, !side, root);
		break;
	}
	set_black(root->node);
}

/* Ways through n (may be NULL), a child of parent, have one black node too few. */
static void fix_removal(struct rb_node *n, struct rb_node *parent, struct rb_root *root)
{
	while (parent && is_black(n)) {
		bool side = n == parent->right;
		struct rb_node *sibling = *child(parent, !side);

		if (is_red(sibling)) {
			set_black(sibling);
			set_red(parent);
			rotate(parent, side, root);
			sibling = *child(parent, !side);
		}
		if (is_black(sibling->left) && is_black(sibling->right)) {
			set_red(sibling);
			n = parent;
			parent = rb_parent(n);
			continue;
		}
		if (is_black(*child(sibling, !side))) {
			set_black(*child(sibling, side));
			set_red(sibling);
			rotate(sibling, !side, root);
			sibling = *child(parent, !side);
		}
		copy_color(sibling, parent);
		set_black(parent);
		set_black(*child(sibling, !side));
		rotate(parent, side, root);
		return;
	}
	if (n)
		set_black(n);
}

void rb_erase(struct rb_node *n, struct rb_root *root)
{
	struct rb_node *heir, *parent;
	bool lost_black;

	if (n->left && n->right) {
		struct rb_node *next = n->right;

		while (next->left)
			next = next->left;
		heir = next->right;
		parent = rb_parent(next);
		lost_black = is_black(next);
		*link_to(next, root) = heir;
		if (heir)
			set_parent(heir, parent);
		if (parent == n)
			parent = next;
		rb_replace_node(n, next, root);
	} else {
		heir = n->left ? n->left : n->right;
		parent = rb_parent(n);
		lost_black = is_black(n);
		*link_to(n, root) = heir;
		if (heir)
			set_parent(heir, parent);
	}
	if (lost_black)
		fix_removal(heir, parent, root);
}

void rb_replace_node(struct rb_node *from, struct rb_node *to, struct rb_root *root)
{
	*link_to(from, root) = to;
	*to = *from;
	if (to->left)
		set_parent(to->left, to);
	if (to->right)
		set_parent(to->right, to);
}

static struct rb_node *outermost(struct rb_node *n, bool right)
{
	if (n) {
		while (*child(n, right))
			n = *child(n, right);
	}
	return n;
}

struct rb_node *rb_first(const struct rb_root *root)
{
	return outermost(root->node, false);
}

struct rb_node *rb_last(const struct rb_root *root)
{
	return outermost(root->node, true);
}

static struct rb_node *neighbour(struct rb_node *n, bool right)
{
	struct rb_node *parent;

	if (*child(n, right))
		return outermost(*child(n, right), !right);
	while ((parent = rb_parent(n)) && n == *child(parent, right))
		n = parent;
	return parent;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	return neighbour((struct rb_node *)(uintptr_t)n, true);
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	return neighbour((struct rb_node *)(uintptr_t)n, false);
}

/* True if n went to the left at every step. */
static bool add(struct rb_node *n, struct rb_root *root,
		bool (*less)(const struct rb_node *a, const struct rb_node *b))
{
	struct rb_node **link = &root->node, *parent = NULL;
	bool leftmost = true;

	while (*link) {
		bool right = !less(n, *link);

		parent = *link;
		link = child(parent, right);
		leftmost &= !right;
	}
	rb_link_node(n, parent, link);
	rb_insert_color(n, root);
	return leftmost;
}

void rb_add(struct rb_node *n, struct rb_root *root,
	    bool (*less)(const struct rb_node *a, const struct rb_node *b))
{
	add(n, root, less);
}

bool rb_add_cached(struct rb_node *n, struct rb_root_cached *root,
		   bool (*less)(const struct rb_node *a, const struct rb_node *b))
{
	bool leftmost = add(n, &root->root, less);

	if (leftmost)
		root->leftmost = n;
	return leftmost;
}
