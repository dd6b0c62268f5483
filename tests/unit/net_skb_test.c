/* SPDX-License-Identifier: MIT */
/*
 * sk_buff: copies, clones, cuts and joins keep the bytes, the lengths and the memory account right,
 * whatever the packet is made of (compared with a plain array).
 */
#include <kernel/mm.h>
#include <lib/checksum.h>
#include <net/gro.h>
#include <net/netdevice.h>
#include <net/skbuff.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "host/host.h"
#include "net_tap.h"

static u64 at_start;
static u8 ref[70000], got[70000];

static int setup(void **state)
{
	host_run_for(0);
	at_start = host_memory_in_use();
	for (unsigned i = 0; i < sizeof(ref); i++)
		ref[i] = (u8)host_random();
	return 0;
}

static int teardown(void **state)
{
	host_run_for(0);
	assert_int_equal(host_memory_in_use(), at_start);
	return 0;
}

/* Linear bytes, then fragments, then members of frag_list, as the counts say, from ref[off] on. */
static struct sk_buff *build(u32 off, u32 linear, unsigned frags, u32 frag_size, unsigned list)
{
	struct sk_buff *skb = alloc_skb(64 + linear, 0), **link;

	assert_non_null(skb);
	skb_reserve(skb, 64);
	memcpy(skb_put(skb, linear), ref + off, linear);
	off += linear;
	for (unsigned i = 0; i < frags; i++) {
		u8 *f = page_frag_alloc(frag_size, 8, 0);
		struct page *page = virt_to_head_page(f);

		memcpy(f, ref + off, frag_size);
		skb_add_rx_frag(skb, page, (u32)(f - (u8 *)page_address(page)), frag_size,
				frag_size);
		off += frag_size;
	}
	link = &skb_shinfo(skb)->frag_list;
	for (unsigned i = 0; i < list; i++) {
		*link = build(off, 100, 1, 50, 0);
		off += 150;
		skb->len += 150;
		skb->data_len += 150;
		skb->truesize += (*link)->truesize;
		link = &(*link)->next;
	}
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	return skb;
}

static void same(const struct sk_buff *skb, u32 off, u32 len)
{
	assert_int_equal(skb->len, len);
	assert_int_equal(skb_copy_bits(skb, 0, got, len), 0);
	assert_memory_equal(got, ref + off, len);
	assert_int_equal(skb_copy_bits(skb, 1, got, len), -14);
}

static struct sk_buff *random_skb(u32 *len)
{
	u32 linear = host_random_below(200), size = 1 + host_random_below(900);
	unsigned frags = host_random_below(10), list = host_random_below(4);

	*len = linear + frags * size + list * 150;
	return build(0, linear, frags, size, list);
}

/* Pull, trim, linearize: what is left is what should be left. */
static void cuts(void **state)
{
	for (int i = 0; i < 2000; i++) {
		u32 len, front, end;
		struct sk_buff *skb = random_skb(&len), *clone = NULL;

		if (host_random_below(2))
			clone = skb_clone(skb, 0);
		front = len ? host_random_below(len) : 0;
		end = front + (len - front ? host_random_below(len - front) : 0);
		assert_int_equal(pskb_trim(skb, end), 0);
		assert_non_null(pskb_pull(skb, front));
		same(skb, front, end - front);
		if (host_random_below(2) && skb->len) {
			u32 n = host_random_below(skb->len + 1);

			assert_true(pskb_may_pull(skb, n));
			assert_memory_equal(skb->data, ref + front, n);
		} else {
			assert_int_equal(skb_linearize(skb), 0);
			assert_false(skb_is_nonlinear(skb));
		}
		same(skb, front, end - front);
		assert_false(pskb_may_pull(skb, skb->len + 1));
		assert_null(pskb_pull(skb, skb->len + 1));
		if (clone) {
			same(clone, 0, len);
			consume_skb(clone);
		}
		consume_skb(skb);
	}
}

/* Sums and stores go right across every boundary. */
static void sums_and_stores(void **state)
{
	for (int i = 0; i < 1000; i++) {
		u32 len, off, n;
		struct sk_buff *skb = random_skb(&len);

		off = host_random_below(len + 1);
		n = host_random_below(len - off + 1);
		assert_int_equal(csum_fold(skb_checksum(skb, off, n, 0x1234)).wire,
				 __builtin_bswap16(tap_csum(ref + off, n, 0x3412)));
		memset(got, 0xa5, n);
		assert_int_equal(skb_store_bits(skb, off, got, n), 0);
		assert_int_equal(skb_copy_bits(skb, 0, got + n, len), 0);
		assert_memory_equal(got + n, ref, off);
		assert_memory_equal(got + n + off, got, n);
		consume_skb(skb);
	}
}

/* Copies are equal and independent; expanding keeps content and headers' places. */
static void copies(void **state)
{
	for (int i = 0; i < 500; i++) {
		u32 len, head = host_random_below(300);
		struct sk_buff *skb = random_skb(&len), *c1 = skb_copy(skb, 0),
			       *c2 = pskb_copy(skb, head, 0), *c3 = skb_clone(skb, 0);

		assert_int_equal(skb_headroom(c2), head);
		assert_int_equal(c2->network_header, head);
		assert_true(skb_cloned(skb) && skb_cloned(c3) && !skb_cloned(c1));
		assert_int_equal(pskb_expand_head(c3, 128, 32, 0), 0);
		assert_false(skb_cloned(skb));
		assert_int_equal(skb_network_offset(c3), 0);
		same(c1, 0, len);
		same(c2, 0, len);
		same(c3, 0, len);
		consume_skb(skb);
		same(c3, 0, len);
		consume_skb(c1);
		consume_skb(c2);
		consume_skb(c3);
	}
}

/* Split and coalesce are each other's inverse. */
static void split_and_join(void **state)
{
	for (int i = 0; i < 1000; i++) {
		u32 linear = host_random_below(200), size = 1 + host_random_below(900);
		unsigned frags = host_random_below(12);
		u32 len = linear + frags * size, at = host_random_below(len + 1), delta;
		struct sk_buff *a = build(0, linear, frags, size, 0), *b = alloc_skb(300, 0);
		bool stolen;

		skb_reserve(b, 64);
		skb_split(a, b, at);
		same(a, 0, at);
		same(b, at, len - at);
		if (skb_try_coalesce(a, b, &stolen, &delta)) {
			kfree_skb_partial(b, stolen);
			same(a, 0, len);
		} else {
			same(a, 0, at);
			same(b, at, len - at);
			consume_skb(b);
		}
		consume_skb(a);
	}
}

/* Shift moves bytes between packets of fragments alone. */
static void shift(void **state)
{
	for (int i = 0; i < 500; i++) {
		u32 sa = 1 + host_random_below(800), sb = 1 + host_random_below(800);
		unsigned na = 1 + host_random_below(8), nb = 1 + host_random_below(8);
		struct sk_buff *a = build(0, 0, na, sa, 0), *b = build(na * sa, 0, nb, sb, 0);
		u32 n = 1 + host_random_below(nb * sb);
		int moved;

		a->ip_summed = b->ip_summed = CHECKSUM_PARTIAL;
		moved = skb_shift(a, b, n);
		assert_true(moved == 0 || moved == (int)n);
		same(a, 0, na * sa + (u32)moved);
		same(b, na * sa + (u32)moved, nb * sb - (u32)moved);
		consume_skb(a);
		consume_skb(b);
	}
}

/* A companion clone needs no allocation, and either may go first. */
static void fclones(void **state)
{
	struct sk_buff *skb = alloc_skb_fclone(100, 0), *c, *c2;

	memcpy(skb_put(skb, 100), ref, 100);
	c = skb_clone(skb, 0);
	c2 = skb_clone(skb, 0);
	assert_true((u8 *)c > (u8 *)skb && (u8 *)c < (u8 *)(skb + 2));
	consume_skb(skb);
	same(c, 0, 100);
	same(c2, 0, 100);
	consume_skb(c);
	consume_skb(c2);

	skb = alloc_skb_fclone(100, 0);
	skb_header_release(skb);
	c = skb_clone(skb, 0);
	assert_true(skb_cloned(c));
	assert_false(skb_header_cloned(c)); /* the owner promised: headers are the clone's */
	consume_skb(c);
	c = skb_clone(skb, 0);
	consume_skb(skb);
	assert_false(skb_cloned(c));
	consume_skb(c);
}

/* Segmentation: each piece has the header and its share of the payload, in order. */
static void segments(void **state)
{
	for (int i = 0; i < 300; i++) {
		u32 len, mss = 100 + host_random_below(1400), off = 0;
		struct sk_buff *skb = random_skb(&len), *segs, *s, *next;
		bool sg = host_random_below(2);

		if (len < 60 || !pskb_may_pull(skb, 54)) {
			consume_skb(skb);
			continue;
		}
		skb_reset_mac_header(skb);
		skb_set_network_header(skb, 14);
		skb_set_transport_header(skb, 34);
		skb_pull(skb, 54);
		skb->csum_offset = 16;
		skb_shinfo(skb)->gso_size = (u16)mss;
		segs = skb_segment(skb, sg ? NETIF_F_SG | NETIF_F_HW_CSUM : 0);
		assert_true(segs && (uintptr_t)segs < (uintptr_t)-4095);
		for (s = segs; s; s = next) {
			u32 n = s->len - 54;

			next = s->next;
			assert_int_equal(n, next ? mss : len - 54 - off);
			assert_int_equal(skb_copy_bits(s, 0, got, s->len), 0);
			assert_memory_equal(got, ref, 54);
			assert_memory_equal(got + 54, ref + 54 + off, n);
			assert_int_equal(skb_transport_offset(s), 34);
			assert_int_equal(s->ip_summed, sg ? CHECKSUM_PARTIAL : CHECKSUM_NONE);
			off += n;
			consume_skb(s);
		}
		assert_int_equal(off, len - 54);
		consume_skb(skb);
	}
}

/* Every function survives memory running out at any allocation, and leaves the packet whole. */
static void without_memory(void **state)
{
	for (unsigned every = 1; every < 6; every++) {
		for (int i = 0; i < 100; i++) {
			u32 len;
			struct sk_buff *skb = random_skb(&len), *c;

			mm_fail_every(every);
			c = skb_clone(skb, GFP_ATOMIC);
			if (c && !pskb_may_pull(c, len))
				same(c, 0, len);
			if (c)
				consume_skb(c);
			c = pskb_copy(skb, 10, GFP_ATOMIC);
			if (c)
				consume_skb(c);
			if (!pskb_expand_head(skb, 200, 0, GFP_ATOMIC))
				assert_true(skb_headroom(skb) >= 200);
			skb_linearize(skb);
			mm_fail_every(0);
			same(skb, 0, len);
			consume_skb(skb);
		}
	}
}

/* A head that is copied because a clone has it too costs what it did: queues keep accounts. */
static void truesize_stays(void **state)
{
	struct sk_buff *skb = napi_build_skb(page_frag_alloc(1000, 64, GFP_ATOMIC), 1000), *c;
	u32 truesize;

	assert_non_null(skb);
	memset(skb_put(skb, 100), 7, 100);
	truesize = skb->truesize;
	c = skb_clone(skb, GFP_ATOMIC);
	assert_non_null(c);
	assert_int_equal(pskb_expand_head(skb, 0, 0, GFP_ATOMIC), 0);
	assert_int_equal(skb->truesize, truesize);
	consume_skb(c);
	consume_skb(skb);
}

/* Every drop is counted under its reason, once. */
static void drops_are_counted(void **state)
{
	u64 before = skb_drop_count(SKB_DROP_REASON_TCP_CSUM);
	u32 len;
	struct sk_buff *skb = random_skb(&len);

	skb_get(skb);
	kfree_skb_reason(skb, SKB_DROP_REASON_TCP_CSUM);
	assert_int_equal(skb_drop_count(SKB_DROP_REASON_TCP_CSUM), before);
	kfree_skb_reason(skb, SKB_DROP_REASON_TCP_CSUM);
	assert_int_equal(skb_drop_count(SKB_DROP_REASON_TCP_CSUM), before + 1);
	assert_string_equal(skb_drop_reason_name(SKB_DROP_REASON_TCP_CSUM), "TCP_CSUM");
}

/* A short packet of a poll that ends in a softirq is the next one, as good as new; where somebody
 * else may have its bytes, or it is not what it was, it is freed. */
static void short_ones_stay(void **state)
{
	static struct net_device dev;
	struct sk_buff *first, *skb, *clone;

	skb_short_pool(8);
	local_bh_disable();
	first = napi_alloc_skb(&dev, 60);
	assert_true(skb_tailroom(first) >= 256);
	memset(skb_put(first, 200), 0xff, 200);
	memset(first->cb, 0xff, sizeof(first->cb));
	first->priority = first->mark = first->hash = 1;
	skb_shinfo(first)->gso_size = 1;
	consume_skb(first);
	skb = napi_alloc_skb(&dev, 60);
	assert_ptr_equal(skb, first);
	assert_int_equal(skb->len + skb->priority + skb->mark + skb->hash + (u8)skb->cb[0], 0);
	assert_int_equal(skb_shinfo(skb)->gso_size, 0);
	assert_int_equal(skb_headroom(skb), NET_SKB_PAD + NET_IP_ALIGN);
	clone = skb_clone(skb, 0);
	consume_skb(skb);
	first = napi_alloc_skb(&dev, 60);
	assert_ptr_not_equal(first->head, clone->head);
	consume_skb(clone);
	assert_int_equal(pskb_expand_head(first, 100, 0, 0), 0);
	consume_skb(first);
	first = napi_alloc_skb(&dev, 60);
	assert_int_equal(skb_headroom(first), NET_SKB_PAD + NET_IP_ALIGN);
	assert_true(first->head_frag);
	local_bh_enable();
	consume_skb(first); /* in a thread */
	skb_short_pool(0);
}

static void consume_in_softirq(struct sk_buff *skb, struct sk_buff *then)
{
	local_bh_disable();
	consume_skb(skb);
	consume_skb(then);
	local_bh_enable();
}

/* A message and its companion, whichever goes last, are the next message, as good as new; where a
 * clone still has its bytes, or it got another head, it is freed. */
static void messages_stay(void **state)
{
	struct sk_buff *first = alloc_skb_message(0), *skb = first, *clone;

	skb_short_pool(8);
	for (unsigned last = 0; last < 2; last++) {
		skb_header_release(skb);
		memset(skb_put(skb, 900), 0xff, 900);
		skb->priority = skb_shinfo(skb)->gso_size = 1;
		clone = skb_companion(skb);
		assert_non_null(clone);
		consume_in_softirq(last ? clone : skb, last ? skb : clone);
		skb = alloc_skb_message(0);
		assert_ptr_equal(skb, first);
		assert_int_equal(skb_tailroom(skb), SKB_MESSAGE_ROOM);
		assert_int_equal(skb->len + skb->priority + skb_shinfo(skb)->gso_size, 0);
	}
	clone = skb_companion(skb);
	first = skb_clone(clone, 0); /* as a tap has */
	consume_in_softirq(skb, clone);
	skb = alloc_skb_message(0);
	assert_ptr_not_equal(skb->head, first->head);
	consume_skb(first);
	assert_int_equal(pskb_expand_head(skb, 100, 0, 0), 0);
	consume_in_softirq(skb, NULL);
	skb = alloc_skb_message(0);
	assert_int_equal(skb_headroom(skb), 0);
	assert_true(skb->head_frag);
	consume_skb(skb); /* in a thread */
	skb_short_pool(0);
}

/* Those of a burst are given back once there is no use for them. */
static void short_ones_go(void **state)
{
	static struct net_device dev;
	struct sk_buff *skb[60];
	u64 with;

	skb_short_pool(64);
	local_bh_disable();
	for (unsigned i = 0; i < 60; i++)
		skb[i] = napi_alloc_skb(&dev, 60);
	with = host_memory_in_use();
	for (unsigned i = 0; i < 60; i++)
		consume_skb(skb[i]);
	assert_int_equal(host_memory_in_use(), with);
	local_bh_enable();
	host_run_for(2 * NSEC_PER_SEC);
	assert_true(host_memory_in_use() < with - 50 * 800);
	skb_short_pool(0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(cuts),           T(sums_and_stores),   T(copies),          T(split_and_join),
		T(shift),          T(fclones),           T(segments),        T(without_memory),
		T(truesize_stays), T(drops_are_counted), T(short_ones_stay), T(messages_stay),
		T(short_ones_go),
	};

	host_init(4);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
