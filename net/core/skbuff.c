/* SPDX-License-Identifier: MIT */
/*
 * The life of an sk_buff: made, cloned, copied, given room, freed. What is in it is handled in
 * skb_data.c.
 *
 * A head (linear part and shared info) comes from kmalloc() or is a page fragment (head_frag); it
 * is counted by dataref, the sk_buff itself by users. Companions (fclone) lie beside their
 * original in one object that is freed when both are. Context: thread or softirq, any CPU.
 */
#include <net/skbuff.h>

#include <kernel/log.h>
#include <kernel/softirq.h>
#include <kernel/timer.h>
#include <lib/err.h>
#include <lib/string.h>
#include <net/dst.h>

enum { FCLONE_NONE, FCLONE_ORIG, FCLONE_CLONE };

struct skb_fclones {
	struct sk_buff orig, clone;
	refcount_t refs; /* of the two, those in use */
};

static struct kmem_cache *skb_cache, *skb_fclone_cache; /* [I] */

static DEFINE_PER_CPU(u64[NR_SKB_DROP_REASONS], skb_drops);

#define X(name, text) [SKB_DROP_REASON_##name] = #name,
static const char *const drop_names[NR_SKB_DROP_REASONS] = {
	[SKB_NOT_DROPPED_YET] = "NOT_DROPPED_YET", [SKB_CONSUMED] = "CONSUMED", DROP_REASONS(X)};
#undef X

const char *skb_drop_reason_name(enum skb_drop_reason reason)
{
	return reason < NR_SKB_DROP_REASONS ? drop_names[reason] : "?";
}

u64 skb_drop_count(enum skb_drop_reason reason)
{
	u64 sum = 0;

	for_each_cpu(cpu)
		sum += per_cpu(skb_drops, cpu)[reason];
	return sum;
}

void skb_over_panic(const struct sk_buff *skb, u32 len, const char *what)
{
	panic("%s: len %u + %u, headroom %u, tail %u, end %u", what, skb->len, len,
	      skb_headroom(skb), skb->tail, skb->end);
}

/* -- making ------------------------------------------------------------------------------- */

/* All that lies before head, in pieces so short that the compiler writes their stores out. */
static __always_inline void clear_upto_head(struct sk_buff *skb)
{
	enum { PIECE = 40 };
	u8 *p = (u8 *)skb;

	static_assert(offsetof(struct sk_buff, head) == 4 * PIECE, "all of it");
	memset(p, 0, PIECE);
	memset(p + PIECE, 0, PIECE);
	memset(p + 2 * PIECE, 0, PIECE);
	memset(p + 3 * PIECE, 0, PIECE);
}

/* Lay a fresh skb over head, whose first size bytes are room for data, the shared info behind. */
static void skb_init(struct sk_buff *skb, void *head, u32 size)
{
	u8 fclone = skb->fclone;
	struct skb_shared_info *shinfo;

	clear_upto_head(skb);
	skb->fclone = fclone;
	refcount_set(&skb->users, 1);
	skb->head = skb->data = head;
	skb->end = size;
	skb->truesize = SKB_TRUESIZE(size);
	skb->mac_header = skb->transport_header = 0xffff;
	skb->alloc_cpu = (u16)smp_processor_id();
	shinfo = skb_shinfo(skb);
	clear_words(shinfo, offsetof(struct skb_shared_info, frags));
	atomic_set(&shinfo->dataref, 1);
}

/* What skb counts for in its head's dataref. */
static s32 dataref_share(const struct sk_buff *skb)
{
	return skb->nohdr ? (1 << SKB_DATAREF_SHIFT) + 1 : 1;
}

/* A head with at least *size bytes of room; *size becomes what there is. */
static void *skb_alloc_head(u32 *size, unsigned gfp)
{
	void *head = kmalloc(SKB_DATA_ALIGN(*size) + SKB_OVERHEAD, gfp);

	if (head)
		*size = ALIGN_DOWN((u32)ksize(head) - SKB_OVERHEAD, 8u);
	return head;
}

static struct sk_buff *fclone_alloc(unsigned gfp)
{
	struct skb_fclones *f = kmem_cache_alloc(skb_fclone_cache, gfp);

	if (!f)
		return NULL;
	f->orig.fclone = FCLONE_ORIG;
	f->clone.fclone = FCLONE_CLONE;
	refcount_set(&f->refs, 1);
	return &f->orig;
}

static struct sk_buff *plain_alloc(unsigned gfp)
{
	struct sk_buff *skb = kmem_cache_alloc(skb_cache, gfp);

	if (skb)
		skb->fclone = FCLONE_NONE;
	return skb;
}

static struct skb_fclones *fclones_of(struct sk_buff *skb)
{
	return skb->fclone == FCLONE_ORIG ? container_of(skb, struct skb_fclones, orig)
					  : container_of(skb, struct skb_fclones, clone);
}

/* Free the sk_buff alone. */
static void kfree_skbmem(struct sk_buff *skb)
{
	struct skb_fclones *f;

	if (skb->fclone == FCLONE_NONE) {
		kmem_cache_free(skb_cache, skb);
		return;
	}
	f = fclones_of(skb);
	if (refcount_dec_and_test(&f->refs))
		kmem_cache_free(skb_fclone_cache, f);
}

struct sk_buff *alloc_skb(u32 size, unsigned gfp)
{
	struct sk_buff *skb = plain_alloc(gfp);
	void *head;

	if (!skb)
		return NULL;
	head = skb_alloc_head(&size, gfp);
	if (!head) {
		kfree_skbmem(skb);
		return NULL;
	}
	skb_init(skb, head, size);
	return skb;
}

/* Its head is cut from a page: what is sent is soon acknowledged, and the page used again. */
struct sk_buff *alloc_skb_fclone(u32 size, unsigned gfp)
{
	struct sk_buff *skb = fclone_alloc(gfp);
	void *head;

	if (!skb)
		return NULL;
	size = SKB_DATA_ALIGN(size);
	head = page_frag_alloc(size + SKB_OVERHEAD, 64, gfp);
	if (!head) {
		kfree_skbmem(skb);
		return NULL;
	}
	skb_init(skb, head, size);
	skb->head_frag = 1;
	return skb;
}

struct sk_buff *napi_build_skb(void *data, u32 frag_size)
{
	struct sk_buff *skb = plain_alloc(GFP_ATOMIC);

	if (!skb)
		return NULL;
	skb_init(skb, data, frag_size - SKB_OVERHEAD);
	skb->head_frag = 1;
	return skb;
}

struct sk_buff *netdev_alloc_skb(struct net_device *dev, u32 len)
{
	u32 size = SKB_DATA_ALIGN(len + NET_SKB_PAD + NET_IP_ALIGN) + SKB_OVERHEAD;
	struct sk_buff *skb;
	void *frag;

	if (size > PAGE_SIZE) {
		skb = alloc_skb(len + NET_SKB_PAD + NET_IP_ALIGN, GFP_ATOMIC);
	} else {
		frag = page_frag_alloc(size, 64, GFP_ATOMIC);
		skb = frag ? napi_build_skb(frag, size) : NULL;
		if (frag && !skb)
			page_frag_free(frag);
	}
	if (!skb)
		return NULL;
	skb_reserve(skb, NET_SKB_PAD + NET_IP_ALIGN);
	skb->dev = dev;
	return skb;
}

/* -- short packets: ACKs, requests, SYNs, pings; and messages that are sent. An sk_buff and its
 * head stay together from one packet to the next; each CPU keeps some, but none that it had no use
 * for in a while. Bottom halves off.
 * ------------------------------------------------------------------- */

#define SHORT_BYTES    256u
#define SHORT_SIZE     SKB_DATA_ALIGN(NET_SKB_PAD + NET_IP_ALIGN + SHORT_BYTES)
#define SHORT_FRAG     (SHORT_SIZE + SKB_OVERHEAD)
#define SHORT_PER_PAGE ((u32)PAGE_SIZE / SHORT_FRAG)
#define SHORT_TRIM_NS  (500 * NSEC_PER_MSEC)

struct short_pool {
	struct sk_buff *first;
	u32 n, least; /* least: there were since the timer ran last */
	struct timer trim;
};
static DEFINE_PER_CPU(struct short_pool, short_pool);
static DEFINE_PER_CPU(struct short_pool, message_pool); /* with companions */

#ifdef DEBUG
static u32 short_pool_most; /* what is freed is gone: use after free is noticed */
#else
static u32 short_pool_most = 128;
#endif

static void short_pool_free(struct short_pool *pool, u32 number)
{
	for (struct sk_buff *skb; number; number--) {
		skb = pool->first;
		pool->first = skb->next;
		pool->n--;
		page_frag_free(skb->head);
		kfree_skbmem(skb);
	}
}

/* Those that nobody needed all the time go, but for a few. */
static void short_pool_trim(struct timer *t)
{
	struct short_pool *pool = container_of(t, struct short_pool, trim);

	if (pool->least > SHORT_PER_PAGE)
		short_pool_free(pool, pool->least - SHORT_PER_PAGE);
	pool->least = pool->n;
	if (pool->n > SHORT_PER_PAGE)
		timer_mod(t, ktime_get_ns() + SHORT_TRIM_NS);
}

static void short_pool_shrink(struct short_pool *pool, u32 most)
{
	if (pool->n > most)
		short_pool_free(pool, pool->n - most);
	pool->least = 0;
	if (!most && timer_pending(&pool->trim))
		timer_del(&pool->trim);
}

void skb_short_pool(u32 most)
{
	local_bh_disable();
	short_pool_most = most;
	short_pool_shrink(&this_cpu(short_pool), most);
	short_pool_shrink(&this_cpu(message_pool), most);
	local_bh_enable();
}

/* A page is cut into heads at once: not many that are kept hold a page each for long. */
static noinline void short_pool_fill(struct short_pool *pool)
{
	struct page *page = alloc_pages_owner(0, GFP_ATOMIC, PAGES_SKB);
	struct sk_buff *skb;

	for (u32 i = 0; page && i < SHORT_PER_PAGE && (skb = plain_alloc(GFP_ATOMIC)); i++) {
		get_page(page);
		skb->head = (u8 *)page_address(page) + i * SHORT_FRAG;
		skb->next = pool->first;
		pool->first = skb;
		pool->n++;
	}
	if (page)
		put_page(page);
	pool->least = 0;
}

/* The next one, with that much room for data; NULL: there is none. */
static __always_inline struct sk_buff *short_take(struct short_pool *pool, u32 size)
{
	struct sk_buff *skb = pool->first;

	if (unlikely(!skb))
		return NULL;
	pool->first = skb->next;
	pool->n--;
	pool->least = min(pool->least, pool->n);
	skb_init(skb, skb->head, size);
	skb->head_frag = skb->pp_recycle = 1;
	return skb;
}

static struct sk_buff *short_alloc(void)
{
	struct short_pool *pool = &this_cpu(short_pool);

	if (unlikely(!pool->first) && short_pool_most)
		short_pool_fill(pool);
	return short_take(pool, SHORT_SIZE);
}

struct sk_buff *alloc_skb_message(unsigned gfp)
{
	struct sk_buff *skb;

	local_bh_disable();
	skb = short_take(&this_cpu(message_pool), SKB_MESSAGE_ROOM);
	local_bh_enable();
	if (likely(skb))
		return skb;
	skb = alloc_skb_fclone(SKB_MESSAGE_ROOM, gfp);
	if (skb)
		skb->pp_recycle = 1;
	return skb;
}

static noinline void short_trim_later(struct short_pool *pool)
{
	if (!pool->trim.fn)
		timer_setup(&pool->trim, short_pool_trim);
	if (!timer_pending(&pool->trim))
		timer_mod(&pool->trim, ktime_get_ns() + SHORT_TRIM_NS);
}

static bool short_put(struct short_pool *pool, struct sk_buff *skb)
{
	if (pool->n >= short_pool_most)
		return false;
	skb->next = pool->first;
	pool->first = skb;
	if (unlikely(++pool->n == SHORT_PER_PAGE + 1))
		short_trim_later(pool);
	return true;
}

/* The last of a message and its companion, whose head is nobody else's, stays as the message. */
static bool message_keep(struct sk_buff *skb)
{
	struct skb_fclones *f = fclones_of(skb);

	if (refcount_read(&f->refs) != 1 ||
	    (skb->cloned && atomic_read(&skb_shinfo(skb)->dataref) != dataref_share(skb)))
		return false;
	f->orig.head = skb->head;
	return short_put(&this_cpu(message_pool), &f->orig);
}

/* skb, which nobody has any more, stays for the next packet. False: it is to be freed. */
static bool short_keep(struct sk_buff *skb)
{
	if (!skb->pp_recycle || skb_shinfo(skb)->nr_frags || skb_shinfo(skb)->frag_list ||
	    !in_softirq())
		return false;
	if (skb->fclone != FCLONE_NONE)
		return message_keep(skb);
	return !skb->cloned && short_put(&this_cpu(short_pool), skb);
}

struct sk_buff *napi_alloc_skb(struct net_device *dev, u32 len)
{
	struct sk_buff *skb;

	if (len > SHORT_BYTES)
		return netdev_alloc_skb(dev, len);
	skb = short_alloc();
	if (unlikely(!skb))
		return netdev_alloc_skb(dev, SHORT_BYTES);
	skb_reserve(skb, NET_SKB_PAD + NET_IP_ALIGN);
	skb->dev = dev;
	return skb;
}

/* -- ending ------------------------------------------------------------------------------- */

void skb_orphan(struct sk_buff *skb)
{
	if (skb->destructor) {
		skb->destructor(skb);
		skb->destructor = NULL;
	}
	skb->sk = NULL;
}

void skb_dst_drop(struct sk_buff *skb)
{
	if (skb->dst && !skb->dst_noref)
		dst_release(skb->dst);
	skb->dst = NULL;
	skb->dst_noref = 0;
}

static void skb_free_head(struct sk_buff *skb)
{
	if (skb->head_frag)
		page_frag_free(skb->head);
	else
		kfree(skb->head);
}

/* Free the data, or leave it to the clones that share it. */
static void skb_release_data(struct sk_buff *skb, enum skb_drop_reason reason)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);

	if (skb->cloned && atomic_sub_return(dataref_share(skb), &shinfo->dataref))
		return;
	for (unsigned i = 0; i < shinfo->nr_frags; i++)
		put_page(shinfo->frags[i].page);
	if (unlikely((uintptr_t)shinfo->frag_list | (uintptr_t)shinfo->ubuf)) {
		if (shinfo->ubuf)
			__skb_ubuf_put(shinfo->ubuf);
		kfree_skb_list_reason(shinfo->frag_list, reason);
	}
	skb_free_head(skb);
}

static void skb_release(struct sk_buff *skb, enum skb_drop_reason reason)
{
	skb_dst_drop(skb);
	skb_orphan(skb);
	if (short_keep(skb))
		return;
	if (skb->head)
		skb_release_data(skb, reason);
	kfree_skbmem(skb);
}

void kfree_skb_reason(struct sk_buff *skb, enum skb_drop_reason reason)
{
	if (!skb || !refcount_dec_and_test(&skb->users))
		return;
	if (reason > SKB_CONSUMED && reason < NR_SKB_DROP_REASONS)
		this_cpu(skb_drops)[reason]++;
	skb_release(skb, SKB_CONSUMED); /* one packet, one drop: its parts are not counted */
}

void consume_skb(struct sk_buff *skb)
{
	kfree_skb_reason(skb, SKB_CONSUMED);
}

void kfree_skb_list_reason(struct sk_buff *list, enum skb_drop_reason reason)
{
	struct sk_buff *next;

	for (; list; list = next) {
		next = list->next;
		kfree_skb_reason(list, reason);
	}
}

/* The slab's per-CPU magazines make a list of our own superfluous: budget is for the API's sake. */
void napi_consume_skb(struct sk_buff *skb, int budget)
{
	consume_skb(skb);
}

void kfree_skb_partial(struct sk_buff *skb, bool head_stolen)
{
	if (!head_stolen) {
		consume_skb(skb);
		return;
	}
	skb_dst_drop(skb);
	skb_orphan(skb);
	kfree_skbmem(skb);
}

/* -- clones and copies ---------------------------------------------------------------------- */

/* dst of the copy: a reference of its own, as it may outlive the section that old borrowed in. */
static void skb_dst_copy(struct sk_buff *n, const struct sk_buff *old)
{
	n->dst_noref = 0;
	if (n->dst && !refcount_inc_not_zero(&n->dst->ref))
		n->dst = NULL;
}

struct sk_buff *skb_clone(struct sk_buff *skb, unsigned gfp)
{
	struct skb_fclones *f = container_of(skb, struct skb_fclones, orig);
	struct sk_buff *n;
	u8 fclone;

	if (skb->fclone == FCLONE_ORIG && refcount_read(&f->refs) == 1) {
		n = &f->clone;
		fclone = FCLONE_CLONE;
		refcount_set(&f->refs, 2);
	} else {
		n = plain_alloc(gfp);
		fclone = FCLONE_NONE;
		if (!n)
			return NULL;
	}
	*n = *skb;
	n->fclone = fclone;
	n->next = n->prev = NULL;
	n->sk = NULL;
	n->destructor = NULL;
	n->cloned = 1;
	n->nohdr = 0;
	n->peeked = 0;
	refcount_set(&n->users, 1);
	skb_dst_copy(n, skb);
	atomic_inc(&skb_shinfo(skb)->dataref);
	skb->cloned = 1;
	return n;
}

struct sk_buff *skb_companion(struct sk_buff *skb)
{
	struct skb_fclones *f = container_of(skb, struct skb_fclones, orig);
	struct sk_buff *n = &f->clone;

	if (skb->fclone != FCLONE_ORIG || refcount_read(&f->refs) != 1 || skb_cloned(skb))
		return NULL;
	skb->cloned = 1;
	clear_words(n, offsetof(struct sk_buff, len));
	memcpy(&n->len, &skb->len, sizeof(*n) - offsetof(struct sk_buff, len));
	n->tstamp_ns = skb->tstamp_ns;
	n->fclone = FCLONE_CLONE;
	n->nohdr = 0;
	refcount_set(&f->refs, 2);
	refcount_set(&n->users, 1);
	atomic_inc(&skb_shinfo(skb)->dataref);
	return n;
}

/* Everything but list links, owner and where the data is. Offsets are those of old. */
static void copy_skb_header(struct sk_buff *n, const struct sk_buff *old)
{
	n->dev = old->dev;
	n->tstamp_ns = old->tstamp_ns;
	memcpy(n->cb, old->cb, sizeof(n->cb));
	n->dst = old->dst;
	skb_dst_copy(n, old);
	n->mac_len = old->mac_len;
	n->queue_mapping = old->queue_mapping;
	n->pkt_type = old->pkt_type;
	n->ip_summed = old->ip_summed;
	n->encapsulation = old->encapsulation;
	n->l4_hash = old->l4_hash;
	n->sw_hash = old->sw_hash;
	n->ooo_okay = old->ooo_okay;
	n->csum_valid = old->csum_valid;
	n->csum_level = old->csum_level;
	n->dst_pending_confirm = old->dst_pending_confirm;
	n->tc_skip = old->tc_skip;
	n->priority = old->priority;
	n->mark = old->mark;
	n->hash = old->hash;
	n->csum = old->csum;
	n->protocol = old->protocol;
	n->transport_header = old->transport_header;
	n->network_header = old->network_header;
	n->mac_header = old->mac_header;
	skb_shinfo(n)->gso_size = skb_shinfo(old)->gso_size;
	skb_shinfo(n)->gso_segs = skb_shinfo(old)->gso_segs;
	skb_shinfo(n)->gso_type = skb_shinfo(old)->gso_type;
	skb_shinfo(n)->tx_flags = skb_shinfo(old)->tx_flags;
	skb_shinfo(n)->tskey = skb_shinfo(old)->tskey;
}

/* The head grew by off bytes in front: header offsets follow. */
static void skb_headers_shift(struct sk_buff *skb, int off)
{
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		skb->csum_start = (u16)(skb->csum_start + off);
	if (skb_transport_header_was_set(skb))
		skb->transport_header = (u16)(skb->transport_header + off);
	skb->network_header = (u16)(skb->network_header + off);
	if (skb_mac_header_was_set(skb))
		skb->mac_header = (u16)(skb->mac_header + off);
}

struct sk_buff *skb_copy(const struct sk_buff *skb, unsigned gfp)
{
	u32 headroom = skb_headroom(skb);
	struct sk_buff *n = alloc_skb(headroom + skb->len, gfp);

	if (!n)
		return NULL;
	skb_reserve(n, headroom);
	skb_put(n, skb->len);
	if (skb_copy_bits(skb, 0, n->data, skb->len)) {
		consume_skb(n);
		return NULL;
	}
	copy_skb_header(n, skb);
	return n;
}

/* A reference more on each fragment and on each member of frag_list. */
static void skb_share_frags(const struct sk_buff *skb)
{
	const struct skb_shared_info *shinfo = skb_shinfo(skb);

	for (unsigned i = 0; i < shinfo->nr_frags; i++)
		get_page(shinfo->frags[i].page);
	for (struct sk_buff *f = shinfo->frag_list; f; f = f->next)
		skb_get(f);
}

struct sk_buff *pskb_copy(struct sk_buff *skb, u32 headroom, unsigned gfp)
{
	struct sk_buff *n = alloc_skb(headroom + skb_headlen(skb), gfp);
	struct skb_shared_info *from = skb_shinfo(skb);

	if (!n)
		return NULL;
	skb_reserve(n, headroom);
	memcpy(skb_put(n, skb_headlen(skb)), skb->data, skb_headlen(skb));
	copy_skb_header(n, skb);
	skb_share_frags(skb);
	skb_ubuf_share(n, skb);
	memcpy(skb_shinfo(n)->frags, from->frags, from->nr_frags * sizeof(from->frags[0]));
	skb_shinfo(n)->nr_frags = from->nr_frags;
	skb_shinfo(n)->frag_list = from->frag_list;
	n->truesize += skb->data_len;
	n->data_len = skb->data_len;
	n->len = skb->len;
	skb_headers_shift(n, (int)headroom - (int)skb_headroom(skb));
	return n;
}

int pskb_expand_head(struct sk_buff *skb, u32 nhead, u32 ntail, unsigned gfp)
{
	u32 old_end = skb->end, size = nhead + old_end + ntail;
	struct skb_shared_info *old = skb_shinfo(skb);
	u8 *head;

	BUG_ON(skb_shared(skb));
	head = skb_alloc_head(&size, gfp);
	if (!head)
		return -ENOMEM;
	memcpy(head + nhead, skb->head, skb->tail);
	memcpy(head + size, old,
	       offsetof(struct skb_shared_info, frags) + old->nr_frags * sizeof(old->frags[0]));
	if (skb_cloned(skb)) {
		skb_share_frags(skb);
		if (unlikely(old->ubuf))
			__skb_ubuf_hold(old->ubuf);
		skb_release_data(skb, SKB_CONSUMED);
	} else {
		skb_free_head(skb);
	}
	skb->data = head + nhead + (skb->data - skb->head);
	skb->head = head;
	skb->head_frag = skb->pp_recycle = 0;
	skb->end = size;
	skb->tail += nhead;
	skb_headers_shift(skb, (int)nhead);
	skb->cloned = 0;
	skb->nohdr = 0;
	atomic_set(&skb_shinfo(skb)->dataref, 1);
	/* A charged skb keeps what was charged: its destructor gives the same back. So does one of
	 * the same size: TCP's queues count on the truesize of what they hold. */
	if (!skb->sk && (nhead || ntail))
		skb->truesize += size - old_end;
	return 0;
}

int skb_cow_head(struct sk_buff *skb, u32 headroom)
{
	u32 have = skb_headroom(skb), more = headroom > have ? headroom - have : 0;

	if (!more && !skb_header_cloned(skb))
		return 0;
	return pskb_expand_head(skb, ALIGN(more, (u32)NET_SKB_PAD), 0, GFP_ATOMIC);
}

struct sk_buff *skb_share_check(struct sk_buff *skb, unsigned gfp)
{
	struct sk_buff *n;

	if (!skb_shared(skb))
		return skb;
	n = skb_clone(skb, gfp);
	if (n)
		consume_skb(skb);
	else
		kfree_skb_reason(skb, SKB_DROP_REASON_NOMEM);
	return n;
}

/* -- lists with their lock -------------------------------------------------------------------- */

void skb_queue_tail(struct sk_buff_head *q, struct sk_buff *skb)
{
	spin_lock_bh(&q->lock);
	__skb_queue_tail(q, skb);
	spin_unlock_bh(&q->lock);
}

void skb_queue_head(struct sk_buff_head *q, struct sk_buff *skb)
{
	spin_lock_bh(&q->lock);
	__skb_queue_head(q, skb);
	spin_unlock_bh(&q->lock);
}

struct sk_buff *skb_dequeue(struct sk_buff_head *q)
{
	struct sk_buff *skb;

	spin_lock_bh(&q->lock);
	skb = __skb_dequeue(q);
	spin_unlock_bh(&q->lock);
	return skb;
}

void skb_queue_purge_reason(struct sk_buff_head *q, enum skb_drop_reason reason)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(q)) != NULL)
		kfree_skb_reason(skb, reason);
}

void skbuff_init(void)
{
	if (skb_cache)
		return;
	skb_cache = kmem_cache_create("skbuff_head_cache", sizeof(struct sk_buff), 64,
				      SLAB_HWCACHE_ALIGN, NULL);
	skb_fclone_cache = kmem_cache_create("skbuff_fclone_cache", sizeof(struct skb_fclones), 64,
					     SLAB_HWCACHE_ALIGN, NULL);
	BUG_ON(!skb_cache || !skb_fclone_cache);
}
