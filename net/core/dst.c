/* SPDX-License-Identifier: MIT */
/*
 * The end of a dst_entry: when the last reference goes, after a grace period, as packets borrow
 * routes without counting. Any context.
 */
#include <net/dst.h>

#include <net/neighbour.h>

static void dst_destroy_rcu(struct rcu_head *head)
{
	struct dst_entry *dst = container_of(head, struct dst_entry, rcu);

	if (dst->neigh)
		neigh_release(dst->neigh);
	if (dst->dev)
		dev_put(dst->dev);
	dst->destroy(dst);
}

void dst_release(struct dst_entry *dst)
{
	if (dst && refcount_dec_and_test(&dst->ref))
		call_rcu(&dst->rcu, dst_destroy_rcu);
}
