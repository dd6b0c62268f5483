/* SPDX-License-Identifier: MIT */
/*
 * Behaviour shown: after each of many insertions and removals the tree is a red-black tree
 * (Cormen et al.), in order, complete, and its cached smallest node is the smallest.
 */
#include "lib_test.h"

#include <lib/rbtree.h>

#define ITEMS 400

struct item {
	struct rb_node node;
	unsigned key;
	unsigned serial;
	bool in;
};

static bool less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, const struct item, node)->key <
	       rb_entry(b, const struct item, node)->key;
}

static bool black(const struct rb_node *n)
{
	return !n || n->parent_color & 1;
}

/* The number of black nodes on each way down, having checked that it is one number. */
static int black_height(const struct rb_node *n)
{
	int left, right;

	if (!n)
		return 0;
	assert_true(!n->left || rb_parent(n->left) == n);
	assert_true(!n->right || rb_parent(n->right) == n);
	assert_true(black(n) || (black(n->left) && black(n->right)));
	left = black_height(n->left);
	right = black_height(n->right);
	assert_int_equal(left, right);
	return left + black(n);
}

static void check(const struct rb_root_cached *tree, unsigned count)
{
	struct rb_node *n, *last = NULL;
	unsigned seen = 0;

	assert_true(black(tree->root.node));
	black_height(tree->root.node);
	assert_ptr_equal(rb_first_cached(tree), rb_first(&tree->root));
	rb_for_each(n, &tree->root) {
		assert_ptr_equal(rb_prev(n), last);
		assert_false(last && less(n, last));
		last = n;
		seen++;
	}
	assert_ptr_equal(rb_last(&tree->root), last);
	assert_int_equal(seen, count);
}

static void stays_balanced(void **state)
{
	static struct item items[ITEMS];
	struct rb_root_cached tree = RB_ROOT_CACHED;
	unsigned count = 0;

	for (int step = 0; step < 6000; step++) {
		struct item *it = &items[test_random() % ITEMS];

		if (it->in) {
			rb_erase_cached(&it->node, &tree);
			count--;
		} else {
			it->key = (unsigned)test_random() % 100;
			rb_add_cached(&it->node, &tree, less);
			count++;
		}
		it->in = !it->in;
		if (step < 500 || step % 20 == 0)
			check(&tree, count);
	}
	for (int i = 0; i < ITEMS; i++) {
		if (items[i].in)
			rb_erase_cached(&items[i].node, &tree);
	}
	assert_true(rb_empty(&tree.root));
	assert_null(tree.leftmost);
}

static void equal_keys_keep_their_order(void **state)
{
	struct item items[50];
	struct rb_root tree = RB_ROOT;
	struct rb_node *n;
	unsigned serial = 0;

	for (unsigned i = 0; i < 50; i++) {
		items[i].key = 7;
		items[i].serial = i;
		rb_add(&items[i].node, &tree, less);
	}
	rb_for_each(n, &tree) {
		assert_int_equal(rb_entry(n, struct item, node)->serial, serial);
		serial++;
	}
	assert_int_equal(serial, 50);
}

static void replaced_in_place(void **state)
{
	struct item items[9], other;
	struct rb_root_cached tree = RB_ROOT_CACHED;

	for (unsigned i = 0; i < 9; i++) {
		items[i].key = i;
		rb_add_cached(&items[i].node, &tree, less);
	}
	for (unsigned i = 1; i < 9; i++) {
		other.key = i;
		rb_replace_node(&items[i].node, &other.node, &tree.root);
		check(&tree, 9);
		rb_replace_node(&other.node, &items[i].node, &tree.root);
	}
}

static void unlinked_nodes_can_be_told(void **state)
{
	struct item it;

	rb_clear_node(&it.node);
	assert_true(rb_node_unlinked(&it.node));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_balanced),
		cmocka_unit_test(equal_keys_keep_their_order),
		cmocka_unit_test(replaced_in_place),
		cmocka_unit_test(unlinked_nodes_can_be_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
