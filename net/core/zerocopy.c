/* SPDX-License-Identifier: MIT */
/*
 * MSG_ZEROCOPY: packets refer to an application's memory where it lies (virtual addresses are
 * physical ones), and the error queue tells when the last of them is gone. One ubuf stands for one
 * send, or for several in a row; every head (shared info) with fragments of them holds it. It lives
 * in the cb of the sk_buff that becomes the report, so that telling never lacks memory.
 *
 * Blocks of memory are held by their reference counts besides: who frees such a block early sends
 * wrong bytes, and no more. Until the report, and so also when a segment is sent again, what is in
 * the memory then is what is sent. After close() nobody is told; the memory is held until the last
 * packet is gone, acknowledged or given up.
 *
 * Whoever receives a packet on this machine may keep it, so it gets a copy (skb_orphan_frags()),
 * which the report says: SO_EE_CODE_ZEROCOPY_COPIED. Context: a send's thread; ends in any.
 */
#include <kernel/mm.h>
#include <kernel/uio.h>
#include <lib/string.h>
#include <net/netdevice.h>
#include <net/sock.h>

#include "core_int.h"

#include <errno.h>

#define UBUF_BYTES (512u << 10) /* of sends that one stands for: reports don't wait for long */
#define UBUF_SENDS 65535u

struct ubuf {
	refcount_t refs;
	u32 id;    /* number of its first send */
	u32 sends; /* ... and how many; 0: there was none after all */
	u32 bytes;
	bool copied; /* [a] */
};
static_assert(sizeof(struct ubuf) <= sizeof(((struct sk_buff *)0)->cb), "lives there");

static struct sk_buff *report_of(struct ubuf *u)
{
	return container_of((char(*)[sizeof(((struct sk_buff *)0)->cb)])(void *)u, struct sk_buff,
			    cb);
}

static void report_free(struct sk_buff *skb)
{
	atomic_sub((s32)skb->truesize, &skb->sk->sk_omem_alloc);
}

/* ---- a send -----------------------------------------------------------------------------------
 */

/* The next send's number follows those of u, which has room for it. */
static bool extend(struct sock *sk, struct ubuf *u, size_t bytes)
{
	if (u->sends == UBUF_SENDS || u->bytes + bytes > UBUF_BYTES ||
	    u->id + u->sends != sk->sk_zckey)
		return false;
	u->sends++;
	u->bytes += (u32)bytes;
	sk->sk_zckey++;
	refcount_inc(&u->refs);
	return true;
}

struct ubuf *ubuf_get(struct sock *sk, size_t bytes, struct ubuf *last)
{
	struct sk_buff *report;
	struct ubuf *u;

	if (last && extend(sk, last, bytes))
		return last;
	if (atomic_read(&sk->sk_omem_alloc) > net_core_params()->optmem_max)
		return NULL;
	report = alloc_skb(0, GFP_KERNEL);
	if (!report)
		return NULL;
	report->sk = sk;
	report->destructor = report_free;
	atomic_add((s32)report->truesize, &sk->sk_omem_alloc);
	sock_hold(sk);
	u = (void *)report->cb;
	refcount_set(&u->refs, 1);
	u->id = sk->sk_zckey++;
	u->sends = 1;
	u->bytes = (u32)min_t(size_t, bytes, UBUF_BYTES);
	u->copied = false;
	return u;
}

void ubuf_abort(struct sock *sk, struct ubuf *u)
{
	sk->sk_zckey--;
	u->sends--;
	ubuf_put(u);
}

void ubuf_copied(struct ubuf *u)
{
	WRITE_ONCE(u->copied, true);
}

void ubuf_attach(struct sk_buff *skb, struct ubuf *u)
{
	if (!skb || skb_shinfo(skb)->ubuf)
		return;
	__skb_ubuf_hold(u);
	skb_shinfo(skb)->ubuf = u;
}

/* A copy of n bytes, at most a page of them; NULL: no memory. */
static struct page *copy_piece(struct iov_iter *from, u32 *n, u32 *off)
{
	struct page *page;
	void *frag;

	*n = min(*n, (u32)PAGE_SIZE);
	frag = page_frag_alloc(*n, 1, GFP_KERNEL);
	if (!frag)
		return NULL;
	copy_from_iter(frag, *n, from);
	page = virt_to_head_page(frag);
	*off = (u32)((u8 *)frag - (u8 *)page_address(page));
	return page;
}

u32 ubuf_append(struct sk_buff *skb, struct iov_iter *from, u32 n, struct ubuf *u, bool refer)
{
	struct skb_shared_info *sh = skb_shinfo(skb);
	struct page *page = NULL;
	size_t left = 0;
	void *at;
	u32 off;

	n = (u32)iov_iter_piece(from, n, &at);
	if (!n)
		return 0;
	if (refer)
		page = page_hold(at, &left);
	if (page) {
		n = (u32)min_t(size_t, n, left);
		off = (u32)((u8 *)at - (u8 *)page_address(page));
		iov_iter_advance(from, n);
	} else {
		page = copy_piece(from, &n, &off);
		if (!page)
			return 0;
		ubuf_copied(u);
	}
	ubuf_attach(skb, u);
	if (left && sh->nr_frags && sh->frags[sh->nr_frags - 1].page == page &&
	    sh->frags[sh->nr_frags - 1].offset + sh->frags[sh->nr_frags - 1].size == off) {
		put_page(page);
		sh->frags[sh->nr_frags - 1].size += n;
		skb->len += n;
		skb->data_len += n;
		skb->truesize += n;
	} else {
		skb_add_rx_frag(skb, page, off, n, n);
	}
	return n;
}

/* ---- its end ----------------------------------------------------------------------------------
 */

/* The last report in the queue tells of the sends just before, which ended in the same way. */
static bool extend_report(struct sk_buff_head *q, const struct sock_exterr_skb *more)
{
	struct sk_buff *tail = skb_peek_tail(q);
	struct sock_extended_err *ee = tail ? &SKB_EXT_ERR(tail)->ee : NULL;

	if (!ee || ee->ee_origin != SO_EE_ORIGIN_ZEROCOPY || ee->ee_code != more->ee.ee_code ||
	    ee->ee_data + 1 != more->ee.ee_info)
		return false;
	ee->ee_data = more->ee.ee_data;
	return true;
}

static void tell(struct sock *sk, struct sk_buff *report, const struct ubuf *u)
{
	struct sock_exterr_skb see = {
		.ee.ee_origin = SO_EE_ORIGIN_ZEROCOPY,
		.ee.ee_code = u->copied ? SO_EE_CODE_ZEROCOPY_COPIED : 0,
		.ee.ee_info = u->id,
		.ee.ee_data = u->id + u->sends - 1,
	};
	struct sk_buff_head *q = &sk->sk_error_queue;

	memcpy(SKB_EXT_ERR(report), &see, sizeof(see)); /* where u was */
	spin_lock_bh(&q->lock);
	if (!extend_report(q, &see)) {
		__skb_queue_tail(q, report);
		report = NULL;
	}
	spin_unlock_bh(&q->lock);
	consume_skb(report);
	sk->sk_error_report(sk);
}

void __skb_ubuf_hold(struct ubuf *u)
{
	refcount_inc(&u->refs);
}

void __skb_ubuf_put(struct ubuf *u)
{
	struct sk_buff *report = report_of(u);
	struct sock *sk = report->sk;

	if (!refcount_dec_and_test(&u->refs))
		return;
	if (u->sends && !sock_flag(sk, SOCK_DEAD))
		tell(sk, report, u);
	else
		consume_skb(report);
	sock_put(sk);
}

/* ---- receivers ---------------------------------------------------------------------------------
 */

static bool copy_frag(skb_frag_t *f)
{
	void *copy = page_frag_alloc(f->size, 1, GFP_ATOMIC);
	struct page *page;

	if (!copy)
		return false;
	memcpy_long(copy, skb_frag_address(f), f->size);
	put_page(f->page);
	page = virt_to_head_page(copy);
	f->page = page;
	f->offset = (u32)((u8 *)copy - (u8 *)page_address(page));
	return true;
}

int __skb_orphan_frags(struct sk_buff *skb)
{
	struct skb_shared_info *sh;
	struct ubuf *u;

	if (skb_cloned(skb) && pskb_expand_head(skb, 0, 0, GFP_ATOMIC))
		return -ENOMEM;
	sh = skb_shinfo(skb);
	for (unsigned i = 0; i < sh->nr_frags; i++) {
		if (!copy_frag(&sh->frags[i]))
			return -ENOMEM;
	}
	u = sh->ubuf;
	sh->ubuf = NULL;
	ubuf_copied(u);
	__skb_ubuf_put(u);
	return 0;
}
