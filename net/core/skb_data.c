/* SPDX-License-Identifier: MIT */
/*
 * What is in an sk_buff: reading, writing, summing, cutting and joining its bytes, wherever they
 * lie: linear part, page fragments, members of frag_list (which have no frag_list of their own).
 *
 * Offsets count from skb->data. Cutting functions give an skb a head of its own first where its
 * shared info is shared with a clone. Context: thread or softirq, any CPU.
 */
#include <net/skbuff.h>

#include <kernel/log.h>
#include <kernel/uio.h>
#include <lib/assert.h>
#include <lib/checksum.h>
#include <lib/err.h>
#include <lib/string.h>

/* -- walking ------------------------------------------------------------------------------- */

/* Call fn for each contiguous piece of [offset, offset + len), in order; false stops. Returns how
 * many bytes were not reached. */
static __always_inline u32 skb_walk(const struct sk_buff *skb, u32 offset, u32 len,
				    bool (*fn)(u8 *p, u32 n, void *arg), void *arg)
{
	const struct sk_buff *cur = skb;

	while (cur && len) {
		const struct skb_shared_info *shinfo = skb_shinfo(cur);
		u32 size = skb_headlen(cur), n;

		for (unsigned i = 0;; i++) {
			u8 *base = i ? skb_frag_address(&shinfo->frags[i - 1]) : cur->data;

			if (offset < size) {
				n = min(size - offset, len);
				if (!fn(base + offset, n, arg))
					return len;
				len -= n;
				offset = 0;
			} else {
				offset -= size;
			}
			if (!len || i == shinfo->nr_frags)
				break;
			size = shinfo->frags[i].size;
		}
		cur = cur == skb ? shinfo->frag_list : cur->next;
	}
	return len;
}

static bool range_ok(const struct sk_buff *skb, u32 offset, u32 len)
{
	return offset <= skb->len && len <= skb->len - offset;
}

static bool walk_copy_out(u8 *p, u32 n, void *arg)
{
	u8 **to = arg;

	memcpy(*to, p, n);
	*to += n;
	return true;
}

int skb_copy_bits(const struct sk_buff *skb, u32 offset, void *to, u32 len)
{
	if (!range_ok(skb, offset, len))
		return -EFAULT;
	return skb_walk(skb, offset, len, walk_copy_out, &to) ? -EFAULT : 0;
}

static bool walk_copy_in(u8 *p, u32 n, void *arg)
{
	const u8 **from = arg;

	memcpy(p, *from, n);
	*from += n;
	return true;
}

int skb_store_bits(struct sk_buff *skb, u32 offset, const void *from, u32 len)
{
	if (!range_ok(skb, offset, len))
		return -EFAULT;
	return skb_walk(skb, offset, len, walk_copy_in, &from) ? -EFAULT : 0;
}

void *skb_header_pointer(const struct sk_buff *skb, u32 offset, u32 len, void *buf)
{
	u32 headlen = skb_headlen(skb);

	if (offset <= headlen && len <= headlen - offset)
		return skb->data + offset;
	return skb_copy_bits(skb, offset, buf, len) ? NULL : buf;
}

struct walk_sum {
	csum32 sum;
	u32 pos;
};

static bool walk_sum_piece(u8 *p, u32 n, void *arg)
{
	struct walk_sum *w = arg;

	w->sum = csum_block_add(w->sum, csum_partial(p, n, 0), w->pos);
	w->pos += n;
	return true;
}

u32 skb_checksum(const struct sk_buff *skb, u32 offset, u32 len, u32 csum)
{
	struct walk_sum w = {.sum = csum};

	if (offset + len <= skb_headlen(skb))
		return csum_partial(skb->data + offset, len, csum);
	skb_walk(skb, offset, len, walk_sum_piece, &w);
	return w.sum;
}

static bool walk_to_iter(u8 *p, u32 n, void *arg)
{
	return copy_to_iter(p, n, arg) == n;
}

static noinline int copy_frags_iter(const struct sk_buff *skb, u32 offset, struct iov_iter *to,
				    u32 len)
{
	return skb_walk(skb, offset, len, walk_to_iter, to) ? -EFAULT : 0;
}

int skb_copy_datagram_iter(const struct sk_buff *skb, u32 offset, struct iov_iter *to, u32 len)
{
	if (!range_ok(skb, offset, len))
		return -EFAULT;
	if (offset + len <= skb_headlen(skb))
		return copy_to_iter(skb->data + offset, len, to) == len ? 0 : -EFAULT;
	return copy_frags_iter(skb, offset, to, len);
}

struct walk_csum_iter {
	struct walk_sum s;
	struct iov_iter *to;
};

static bool walk_csum_to_iter(u8 *p, u32 n, void *arg)
{
	struct walk_csum_iter *w = arg;
	csum32 sum = 0;

	if (csum_and_copy_to_iter(p, n, &sum, w->to) != n)
		return false;
	w->s.sum = csum_block_add(w->s.sum, sum, w->s.pos);
	w->s.pos += n;
	return true;
}

/* skb->csum: sum of the pseudo-header. -EINVAL: the checksum over all of skb is wrong (what was
 * copied is to be thrown away). An iterator too short for all of it costs a pass of its own. */
int skb_copy_and_csum_datagram_iter(struct sk_buff *skb, u32 offset, struct iov_iter *to)
{
	struct walk_csum_iter w = {.to = to};
	u32 len;

	if (offset > skb->len)
		return -EFAULT;
	len = skb->len - offset;
	if (iov_iter_count(to) < len) {
		if (!be16_is_zero(csum_fold(skb_checksum(skb, 0, skb->len, skb->csum))))
			return -EINVAL;
		return skb_copy_datagram_iter(skb, offset, to, (u32)iov_iter_count(to));
	}
	w.s.sum = skb_checksum(skb, 0, offset, skb->csum);
	w.s.pos = offset;
	if (skb_walk(skb, offset, len, walk_csum_to_iter, &w))
		return -EFAULT;
	return be16_is_zero(csum_fold(w.s.sum)) ? 0 : -EINVAL;
}

/* -- checksums --------------------------------------------------------------------------------- */

int skb_checksum_help(struct sk_buff *skb)
{
	u32 start;
	csum32 sum;
	be16 check;

	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return 0;
	start = skb->csum_start - skb_headroom(skb);
	if (start >= skb->len || start + skb->csum_offset + 2u > skb_headlen(skb))
		return -EINVAL;
	if (skb_header_cloned(skb)) {
		int err = pskb_expand_head(skb, 0, 0, GFP_ATOMIC);

		if (err)
			return err;
	}
	sum = skb_checksum(skb, start, skb->len - start, 0);
	check = csum_fold(sum);
	if (be16_is_zero(check))
		check = BE16(0xffff); /* 0 means "no checksum" to UDP and is the same number */
	memcpy(skb->data + start + skb->csum_offset, &check, sizeof(check));
	skb->ip_summed = CHECKSUM_NONE;
	return 0;
}

bool skb_checksum_ok(struct sk_buff *skb, u32 pseudo)
{
	u32 off = (u32)skb_transport_offset(skb);

	if (skb->ip_summed == CHECKSUM_UNNECESSARY || skb->ip_summed == CHECKSUM_PARTIAL)
		return true;
	/* The IP header's sum is zero, or it would not have come this far: csum stands for the rest
	 * too. Where the device's sum says no, trust our own. */
	if (skb->ip_summed == CHECKSUM_COMPLETE &&
	    be16_is_zero(csum_fold(csum_add(skb->csum, pseudo)))) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
		return true;
	}
	if (!be16_is_zero(csum_fold(skb_checksum(skb, off, skb->len - off, pseudo))))
		return false;
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	return true;
}

/* -- cutting at the front ------------------------------------------------------------------------
 */

/* Shared info of its own. */
static int skb_unclone_data(struct sk_buff *skb)
{
	return skb_cloned(skb) ? pskb_expand_head(skb, 0, 0, GFP_ATOMIC) : 0;
}

/* The first n bytes of the fragments go. Not cloned; n <= what they hold. Returns what is left. */
static u32 frags_eat(struct skb_shared_info *shinfo, u32 n)
{
	unsigned keep = 0;

	for (unsigned i = 0; i < shinfo->nr_frags; i++) {
		skb_frag_t *f = &shinfo->frags[i];

		if (n >= f->size) {
			n -= f->size;
			put_page(f->page);
			continue;
		}
		f->offset += n;
		f->size -= n;
		n = 0;
		shinfo->frags[keep++] = *f;
	}
	shinfo->nr_frags = (u8)keep;
	return n;
}

static int skb_eat(struct sk_buff *skb, u32 n);

/* The same on frag_list. 0 or -ENOMEM with the list as far as it came. */
static int frag_list_eat(struct skb_shared_info *shinfo, u32 n)
{
	struct sk_buff *f, *own;

	while (n && (f = shinfo->frag_list) != NULL) {
		if (n >= f->len) {
			n -= f->len;
			shinfo->frag_list = f->next;
			consume_skb(f);
			continue;
		}
		if (skb_shared(f)) {
			own = skb_clone(f, GFP_ATOMIC);
			if (!own)
				return -ENOMEM;
			own->next = f->next;
			shinfo->frag_list = own;
			consume_skb(f);
			f = own;
		}
		return skb_eat(f, n);
	}
	return 0;
}

/* Forget the first n bytes behind the linear part. Not cloned. */
static int skb_eat_nonlinear(struct sk_buff *skb, u32 n)
{
	int err = frag_list_eat(skb_shinfo(skb), frags_eat(skb_shinfo(skb), n));

	if (!err)
		skb->data_len -= n;
	return err;
}

/* Forget the first n bytes; n <= len. */
static int skb_eat(struct sk_buff *skb, u32 n)
{
	u32 linear = min(n, skb_headlen(skb));
	int err;

	if (n > linear) {
		err = skb_unclone_data(skb);
		if (!err)
			err = skb_eat_nonlinear(skb, n - linear);
		if (err)
			return err;
	}
	skb->data += linear;
	skb->len -= n;
	return 0;
}

void *pskb_pull(struct sk_buff *skb, u32 len)
{
	if (len > skb->len || skb_eat(skb, len))
		return NULL;
	return skb->data;
}

void *__pskb_pull_tail(struct sk_buff *skb, u32 delta)
{
	u32 room = skb->end - skb->tail;

	if (delta > room || skb_cloned(skb)) {
		/* Some more than asked: a header that is pulled is mostly followed by another. */
		u32 more = delta > room ? delta - room + 128 : 0;

		if (pskb_expand_head(skb, 0, more, GFP_ATOMIC))
			return NULL;
	}
	if (skb_copy_bits(skb, skb_headlen(skb), skb_tail_pointer(skb), delta))
		return NULL;
	if (skb_eat_nonlinear(skb, delta))
		return NULL;
	skb->tail += delta;
	return skb_tail_pointer(skb);
}

int skb_linearize(struct sk_buff *skb)
{
	if (!skb_is_nonlinear(skb))
		return 0;
	return __pskb_pull_tail(skb, skb->data_len) ? 0 : -ENOMEM;
}

/* -- cutting at the end
 * ---------------------------------------------------------------------------- */

/* Keep the first n bytes of the fragments; returns how many bytes frag_list may keep. */
static u32 frags_trim(struct skb_shared_info *shinfo, u32 n)
{
	unsigned i;

	for (i = 0; i < shinfo->nr_frags && n; i++) {
		if (shinfo->frags[i].size > n)
			shinfo->frags[i].size = n;
		n -= shinfo->frags[i].size;
	}
	for (unsigned j = i; j < shinfo->nr_frags; j++)
		put_page(shinfo->frags[j].page);
	shinfo->nr_frags = (u8)i;
	return n;
}

static int frag_list_trim(struct skb_shared_info *shinfo, u32 n)
{
	struct sk_buff **link = &shinfo->frag_list, *f, *own;

	for (; n && (f = *link) != NULL; link = &(*link)->next) {
		if (skb_shared(f)) {
			own = skb_clone(f, GFP_ATOMIC);
			if (!own)
				return -ENOMEM;
			own->next = f->next;
			*link = own;
			consume_skb(f);
			f = own;
		}
		if (f->len > n) {
			int err = pskb_trim(f, n);

			if (err)
				return err;
		}
		n -= f->len;
	}
	kfree_skb_list_reason(*link, SKB_CONSUMED);
	*link = NULL;
	return 0;
}

int pskb_trim(struct sk_buff *skb, u32 len)
{
	u32 headlen = skb_headlen(skb), cut;
	int err = 0;

	if (len >= skb->len)
		return 0;
	cut = skb->len - len;
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb->csum = csum_block_sub(skb->csum, skb_checksum(skb, len, cut, 0), len);
	if (skb_is_nonlinear(skb)) {
		u32 keep = len > headlen ? len - headlen : 0;

		err = skb_unclone_data(skb);
		if (err)
			return err;
		keep = frags_trim(skb_shinfo(skb), keep);
		err = frag_list_trim(skb_shinfo(skb), keep);
		if (err)
			return err;
		skb->data_len = len > headlen ? len - headlen : 0;
	}
	skb->len = len;
	skb->tail = (u32)(skb->data - skb->head) + min(len, headlen);
	return 0;
}

/* -- splitting and joining
 * --------------------------------------------------------------------------- */

void skb_add_rx_frag(struct sk_buff *skb, struct page *page, u32 off, u32 size, u32 truesize)
{
	skb_fill_page_desc(skb, skb_shinfo(skb)->nr_frags, page, off, size);
	skb->len += size;
	skb->data_len += size;
	skb->truesize += truesize;
}

/* Fragments from byte pos (counted behind the linear part) on move to skb1. */
static void frags_split(struct sk_buff *skb, struct sk_buff *skb1, u32 pos)
{
	struct skb_shared_info *from = skb_shinfo(skb), *to = skb_shinfo(skb1);
	unsigned n = from->nr_frags, kept = 0, moved = 0;

	for (unsigned i = 0; i < n; i++) {
		skb_frag_t f = from->frags[i];

		if (pos >= f.size) {
			pos -= f.size;
			kept++;
			continue;
		}
		to->frags[moved] = f;
		if (pos) { /* in both: what was before pos stays */
			get_page(f.page);
			to->frags[moved].offset += pos;
			to->frags[moved].size -= pos;
			from->frags[i].size = pos;
			kept++;
			pos = 0;
		}
		moved++;
	}
	from->nr_frags = (u8)kept;
	to->nr_frags = (u8)moved;
	skb_ubuf_share(skb1, skb);
}

void skb_split(struct sk_buff *skb, struct sk_buff *skb1, u32 len)
{
	u32 headlen = skb_headlen(skb), rest = skb->len - len;

	if (len < headlen) {
		memcpy(skb_put(skb1, headlen - len), skb->data + len, headlen - len);
		frags_split(skb, skb1, 0);
		skb1->data_len = skb->data_len;
		skb1->len = rest;
		skb->tail = (u32)(skb->data - skb->head) + len;
		skb->data_len = 0;
	} else {
		frags_split(skb, skb1, len - headlen);
		skb1->len = skb1->data_len = rest;
		skb->data_len = len - headlen;
	}
	skb->len = len;
}

/* Does f begin where the last fragment of shinfo ends? */
static bool frags_contiguous(const struct skb_shared_info *shinfo, const skb_frag_t *f)
{
	const skb_frag_t *last;

	if (!shinfo->nr_frags)
		return false;
	last = &shinfo->frags[shinfo->nr_frags - 1];
	return last->page == f->page && last->offset + last->size == f->offset;
}

int skb_shift(struct sk_buff *tgt, struct sk_buff *skb, u32 len)
{
	struct skb_shared_info *to = skb_shinfo(tgt), *from = skb_shinfo(skb);
	unsigned nto = to->nr_frags, i, need = 0;
	u32 todo = len;

	if (skb_headlen(skb) || from->frag_list || to->frag_list || len > skb->len || !len)
		return 0;
	if (from->ubuf != to->ubuf) /* each would have to tell the other's */
		return 0;
	if (tgt->ip_summed != CHECKSUM_PARTIAL && skb->ip_summed == CHECKSUM_PARTIAL)
		return 0;
	/* First see that it fits: nothing may be left half done. */
	for (i = 0; i < from->nr_frags && todo; i++) {
		need += i || !frags_contiguous(to, &from->frags[0]);
		todo -= min(todo, from->frags[i].size);
	}
	if (nto + need > MAX_SKB_FRAGS || skb_unclone_data(tgt) || skb_unclone_data(skb))
		return 0;
	to = skb_shinfo(tgt);
	from = skb_shinfo(skb);
	todo = len;
	for (i = 0; todo; i++) {
		skb_frag_t f = from->frags[i];
		u32 n = min(todo, f.size);

		if (!i && frags_contiguous(to, &f)) {
			to->frags[to->nr_frags - 1].size += n;
		} else {
			get_page(f.page);
			to->frags[to->nr_frags++] = (skb_frag_t){f.page, f.offset, n};
		}
		todo -= n;
	}
	skb_eat_nonlinear(skb, len);
	skb->len -= len;
	/* Both keep sums to themselves: what moved is summed by whoever sends it. */
	tgt->ip_summed = skb->ip_summed = CHECKSUM_PARTIAL;
	tgt->len += len;
	tgt->data_len += len;
	tgt->truesize += len;
	skb->truesize -= len;
	return (int)len;
}

/* Its linear part, as a fragment: only a page fragment can be one. */
static bool coalesce_head(struct sk_buff *to, struct sk_buff *from, u32 *delta)
{
	struct page *page;

	if (!from->head_frag || skb_cloned(from) ||
	    skb_shinfo(to)->nr_frags + skb_shinfo(from)->nr_frags >= MAX_SKB_FRAGS)
		return false;
	page = virt_to_head_page(from->head);
	*delta = from->truesize - SKB_DATA_ALIGN((u32)sizeof(struct sk_buff));
	skb_fill_page_desc(to, skb_shinfo(to)->nr_frags, page,
			   (u32)(from->data - (u8 *)page_address(page)), skb_headlen(from));
	return true;
}

bool skb_try_coalesce(struct sk_buff *to, struct sk_buff *from, bool *head_stolen,
		      u32 *delta_truesize)
{
	struct skb_shared_info *to_sh = skb_shinfo(to), *from_sh = skb_shinfo(from);
	u32 len = from->len, delta;
	bool stolen = false;

	*head_stolen = false;
	DEBUG_ASSERT(!to_sh->ubuf && !from_sh->ubuf); /* received ones have none */
	if (skb_cloned(to))
		return false;
	if (len <= skb_tailroom(to)) {
		if (len && skb_copy_bits(from, 0, skb_put(to, len), len))
			return false;
		*delta_truesize = 0;
		return true;
	}
	if (to_sh->frag_list || from_sh->frag_list)
		return false;
	if (skb_headlen(from)) {
		if (!coalesce_head(to, from, &delta))
			return false;
		stolen = true;
	} else {
		if (to_sh->nr_frags + from_sh->nr_frags > MAX_SKB_FRAGS)
			return false;
		delta = from->truesize - SKB_TRUESIZE(from->end);
	}
	memcpy(&to_sh->frags[to_sh->nr_frags], from_sh->frags,
	       from_sh->nr_frags * sizeof(from_sh->frags[0]));
	to_sh->nr_frags = (u8)(to_sh->nr_frags + from_sh->nr_frags);
	if (skb_cloned(from)) {
		for (unsigned i = 0; i < from_sh->nr_frags; i++)
			get_page(from_sh->frags[i].page);
	} else {
		from_sh->nr_frags = 0;
	}
	to->truesize += delta;
	to->len += len;
	to->data_len += len;
	*head_stolen = stolen;
	*delta_truesize = delta;
	return true;
}
