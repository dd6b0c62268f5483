/* SPDX-License-Identifier: MIT */
/*
 * The split virtqueue (virtio 1.2 section 2.7); contract in virtio_ring.h.
 *
 * Invariants: the free list has num_free members and is disjoint from the chains under way; a
 * chain's members are known from next[] and state[], which the device never sees. The device's
 * memory is read exactly once for each decision.
 */
#define pr_fmt(fmt) "virtio: " fmt
#include "virtio_ring.h"

#include <kernel/atomic.h>
#include <kernel/io.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <lib/assert.h>
#include <lib/err.h>
#include <lib/string.h>

#include "virtio.h"

/* What a descriptor of ours holds while it is free, in debug builds: an address that faults. */
#define VQ_POISON_ADDR 0xdead4ead00000000ull

static struct kmem_cache *indirect_cache;

/* A queue's faults are the device's, so they are told and survived, never asserted. */
#define vq_bad(vq, fmt, ...)                                                                      \
	do {                                                                                      \
		if (!(vq)->broken) {                                                              \
			pr_err("%s: queue %s is broken: " fmt "\n", (vq)->vdev->name, (vq)->name, \
			       ##__VA_ARGS__);                                                    \
			WRITE_ONCE((vq)->broken, true);                                           \
			virtio_device_broken((vq)->vdev);                                         \
		}                                                                                 \
	} while (0)

static void desc_poison(struct virtqueue *vq, unsigned i)
{
#ifdef DEBUG
	vq->desc[i] = (struct vring_desc){.addr = VQ_POISON_ADDR + i};
#else
	(void)vq;
	(void)i;
#endif
}

static void desc_set(struct vring_desc *d, const struct vq_seg *s, u16 flags, u16 next)
{
	d->addr = virt_to_dma(s->addr);
	d->len = s->len;
	d->flags = flags;
	d->next = next;
}

/* Flags of segment i of a buffer with so many; sections 2.7.4.2 and 2.7.5.1. */
static u16 seg_flags(unsigned i, unsigned out, unsigned total)
{
	return (i >= out ? VRING_DESC_F_WRITE : 0) | (i + 1 < total ? VRING_DESC_F_NEXT : 0);
}

/* One descriptor of the ring that points to a table of descriptors: section 2.7.5.3. */
static struct vring_desc *add_indirect(struct virtqueue *vq, const struct vq_seg *seg, unsigned out,
				       unsigned total, unsigned gfp)
{
	struct vring_desc *table = kmem_cache_alloc(indirect_cache, gfp);
	struct vring_desc *d = &vq->desc[vq->free_head];

	if (!table)
		return NULL;
	for (unsigned i = 0; i < total; i++)
		desc_set(&table[i], &seg[i], seg_flags(i, out, total), i + 1);
	d->addr = virt_to_dma(table);
	d->len = total * sizeof(*table);
	d->flags = VRING_DESC_F_INDIRECT;
	d->next = 0;
	vq->free_head = vq->next[vq->free_head];
	vq->stats.indirect++;
	return table;
}

static void add_chain(struct virtqueue *vq, const struct vq_seg *seg, unsigned out, unsigned total)
{
	for (unsigned i = 0; i < total; i++) {
		u16 at = vq->free_head;

		desc_set(&vq->desc[at], &seg[i], seg_flags(i, out, total), vq->next[at]);
		vq->free_head = vq->next[at];
	}
}

/* Section 2.7.13: the entry, a barrier, the index. */
static void publish(struct virtqueue *vq, u16 head)
{
	vq->avail->ring[vq->avail_idx & (vq->num - 1)] = head;
	dma_wmb(); /* the device reads the entry, and what it leads to, after the index */
	WRITE_ONCE(vq->avail->idx, ++vq->avail_idx);
	vq->inflight++;
	/* With 2^16 unannounced buffers the event test below could no longer tell. */
	if (unlikely(++vq->num_added == 0xffff))
		virtqueue_kick(vq);
}

/* A table costs an allocation here and a look-up more in the device: worth it once the ring is
 * more than half full. */
static bool wants_indirect(const struct virtqueue *vq, unsigned total)
{
	return vq->indirect_ok && total > 1 && total <= VQ_MAX_SEGS && vq->num_free &&
	       vq->num_free < vq->num / 2 + total;
}

/* The usual buffer: one segment, one descriptor. */
static int add_single(struct virtqueue *vq, const struct vq_seg *seg, u16 flags, void *token)
{
	u16 head = vq->free_head;

	if (unlikely(!vq->num_free)) {
		vq->stats.full++;
		return -ENOSPC;
	}
	desc_set(&vq->desc[head], seg, flags, 0);
	vq->free_head = vq->next[head];
	vq->num_free--;
	DEBUG_ASSERT(!vq->state[head].token);
	vq->state[head] =
		(struct vq_desc_state){token, NULL, flags & VRING_DESC_F_WRITE ? seg->len : 0, 1};
	publish(vq, head);
	return 0;
}

static noinline int add_many(struct virtqueue *vq, const struct vq_seg *seg, unsigned out,
			     unsigned total, void *token, unsigned gfp)
{
	unsigned need = total;
	u16 head = vq->free_head;
	struct vring_desc *table = NULL;
	u32 in_bytes = 0;

	for (unsigned i = out; i < total; i++)
		in_bytes += seg[i].len;
	if (wants_indirect(vq, total)) {
		table = add_indirect(vq, seg, out, total, gfp);
		if (table)
			need = 1;
	}
	if (vq->num_free < need) {
		vq->stats.full++;
		return -ENOSPC;
	}
	if (!table)
		add_chain(vq, seg, out, total);
	vq->num_free -= need;
	DEBUG_ASSERT(!vq->state[head].token);
	vq->state[head] = (struct vq_desc_state){token, table, in_bytes, need};
	publish(vq, head);
	return 0;
}

int virtqueue_add(struct virtqueue *vq, const struct vq_seg *seg, unsigned out, unsigned in,
		  void *token, unsigned gfp)
{
	DEBUG_ASSERT(token && out + in);
	if (unlikely(vq->broken))
		return -EIO;
	if (likely(out + in == 1))
		return add_single(vq, seg, in ? VRING_DESC_F_WRITE : 0, token);
	return add_many(vq, seg, out, out + in, token, gfp);
}

/* Section 2.7.13.4.1 and 2.7.7: the new index must be visible before the device's wish is read,
 * or both sides could wait for each other. Pairs with the device's barrier between its write
 * of avail_event (or flags) and its last look at avail->idx. */
bool virtqueue_kick_prepare(struct virtqueue *vq)
{
	u16 new_idx = vq->avail_idx, old = new_idx - vq->num_added;

	smp_mb();
	vq->num_added = 0;
	if (new_idx == old)
		return false;
	if (vq->event)
		return vring_need_event(READ_ONCE(*vq->avail_event), new_idx, old);
	return !(READ_ONCE(vq->used->flags) & VRING_USED_F_NO_NOTIFY);
}

void virtqueue_notify(struct virtqueue *vq)
{
	if (unlikely(READ_ONCE(vq->broken)))
		return;
	vq->stats.kicks++;
	vq->notify(vq);
}

/* Put the chain of head back on the free list. */
static void *release_chain(struct virtqueue *vq, u16 head)
{
	struct vq_desc_state *s = &vq->state[head];
	void *token = s->token;
	u16 last = head;

	desc_poison(vq, head);
	for (unsigned i = 1; i < s->ndesc; i++) {
		last = vq->next[last];
		desc_poison(vq, last);
	}
	vq->next[last] = vq->free_head;
	vq->free_head = head;
	vq->num_free += s->ndesc;
	vq->inflight--;
	if (s->indirect)
		kmem_cache_free(indirect_cache, s->indirect);
	*s = (struct vq_desc_state){0};
	return token;
}

bool virtqueue_more_used(const struct virtqueue *vq)
{
	return !READ_ONCE(vq->broken) && READ_ONCE(vq->used->idx) != vq->last_used;
}

static __always_inline void *next_used(struct virtqueue *vq, u32 *len)
{
	const struct vring_used_elem *e;
	const struct vq_desc_state *s;
	u16 pending;
	u32 id, written;

	if (unlikely(vq->broken))
		return NULL;
	pending = READ_ONCE(vq->used->idx) - vq->last_used;
	if (!pending)
		return NULL;
	if (unlikely(pending > vq->inflight)) {
		vq_bad(vq, "%u buffers used, only %u given", pending, vq->inflight);
		return NULL;
	}
	dma_rmb(); /* the entry after the index; pairs with the device's write barrier */
	e = &vq->used->ring[vq->last_used & (vq->num - 1)];
	id = READ_ONCE(e->id);
	written = READ_ONCE(e->len);
	if (unlikely(id >= vq->num || !vq->state[id].token)) {
		vq_bad(vq, "id %u is no buffer under way", id);
		return NULL;
	}
	s = &vq->state[id];
	/* Legacy devices are known to count what they read (section 2.7.8.3): for a buffer with
	 * nothing to write, the length says nothing. */
	if (!s->in_bytes)
		written = 0;
	if (unlikely(written > s->in_bytes)) {
		vq_bad(vq, "%u bytes written to a buffer of %u", written, s->in_bytes);
		return NULL;
	}
	vq->peeked = (u16)id;
	vq->last_used++;
	/* Callbacks are on: the next entry is to interrupt, and must be looked for after that
	 * is visible. Pairs with the device's barrier between used->idx and used_event. */
	if (vq->event && !vq->cb_off) {
		WRITE_ONCE(*vq->used_event, vq->last_used);
		smp_mb();
	}
	*len = written;
	return s->token;
}

void *virtqueue_peek_buf(struct virtqueue *vq, u32 *len)
{
	return next_used(vq, len);
}

void virtqueue_take(struct virtqueue *vq)
{
	release_chain(vq, vq->peeked);
}

void virtqueue_repost(struct virtqueue *vq)
{
	vq->inflight--;
	publish(vq, vq->peeked);
}

void *virtqueue_get_buf(struct virtqueue *vq, u32 *len)
{
	void *token = next_used(vq, len);

	if (token)
		release_chain(vq, vq->peeked);
	return token;
}

/* Sections 2.7.7 and 2.7.10. */
void virtqueue_disable_cb(struct virtqueue *vq)
{
	if (vq->cb_off)
		return;
	vq->cb_off = true;
	if (vq->event) {
		/* Just behind: an index that the device passes in 2^16 - 1 entries only. */
		WRITE_ONCE(*vq->used_event, vq->last_used - 1);
		return;
	}
	vq->avail_flags |= VRING_AVAIL_F_NO_INTERRUPT;
	WRITE_ONCE(vq->avail->flags, vq->avail_flags);
}

static void enable_at(struct virtqueue *vq, u16 event)
{
	vq->cb_off = false;
	if (vq->event) {
		WRITE_ONCE(*vq->used_event, event);
		return;
	}
	vq->avail_flags &= ~VRING_AVAIL_F_NO_INTERRUPT;
	WRITE_ONCE(vq->avail->flags, vq->avail_flags);
}

u16 virtqueue_enable_cb_prepare(struct virtqueue *vq)
{
	enable_at(vq, vq->last_used);
	return vq->last_used;
}

bool virtqueue_poll(const struct virtqueue *vq, u16 prepared)
{
	if (unlikely(READ_ONCE(vq->broken)))
		return false;
	/* The request before the look; pairs as in get_buf(). */
	smp_mb();
	return READ_ONCE(vq->used->idx) != prepared;
}

bool virtqueue_enable_cb(struct virtqueue *vq)
{
	return !virtqueue_poll(vq, virtqueue_enable_cb_prepare(vq));
}

bool virtqueue_enable_cb_delayed(struct virtqueue *vq)
{
	u16 later = (u32)vq->inflight * 3 / 4;

	enable_at(vq, vq->last_used + later);
	smp_mb(); /* as in poll() */
	return (u16)(READ_ONCE(vq->used->idx) - vq->last_used) <= later;
}

bool virtqueue_interrupt(struct virtqueue *vq)
{
	/* Where no callback was asked for, the interrupt is another queue's. */
	if (READ_ONCE(vq->cb_off) || !virtqueue_more_used(vq))
		return false;
	vq->stats.interrupts++;
	if (vq->callback)
		vq->callback(vq);
	return true;
}

void *virtqueue_detach_unused_buf(struct virtqueue *vq)
{
	if (!vq->inflight)
		return NULL;
	for (unsigned i = 0; i < vq->num; i++) {
		if (vq->state[i].token)
			return release_chain(vq, i);
	}
	return NULL;
}

/* Lay the three parts out in one block: section 2.7.2, which the legacy interface demands. */
static bool ring_alloc(struct virtqueue *vq, size_t align)
{
	size_t avail_end = sizeof(struct vring_desc) * vq->num + sizeof(u16) * (3 + vq->num);
	size_t used_at = ALIGN(avail_end, align);
	dma_addr_t dma;
	u8 *p;

	vq->ring_bytes =
		used_at + sizeof(u16) * 3 + sizeof(struct vring_used_elem) * (size_t)vq->num;
	p = dma_alloc_coherent(vq->ring_bytes, &dma);
	if (!p)
		return false;
	vq->desc = (struct vring_desc *)p;
	vq->avail = (struct vring_avail *)(p + sizeof(struct vring_desc) * vq->num);
	vq->used = (struct vring_used *)(p + used_at);
	vq->used_event = &vq->avail->ring[vq->num];
	vq->avail_event = (const u16 *)&vq->used->ring[vq->num];
	return true;
}

static bool state_alloc(struct virtqueue *vq)
{
	vq->state_bytes = vq->num * (sizeof(*vq->state) + sizeof(*vq->next));
	vq->state = kvzalloc(vq->state_bytes, GFP_KERNEL);
	if (!vq->state)
		return false;
	vq->next = (u16 *)(vq->state + vq->num);
	for (unsigned i = 0; i < vq->num; i++) {
		vq->next[i] = i + 1;
		desc_poison(vq, i);
	}
	return true;
}

struct virtqueue *virtqueue_create(struct virtio_device *vdev, unsigned index, unsigned num,
				   size_t align, const char *name, vq_callback_t callback)
{
	struct virtqueue *vq = kzalloc(sizeof(*vq), GFP_KERNEL);

	ASSERT(IS_POWER_OF_2(num) && num <= VRING_MAX_SIZE);
	if (!vq)
		return NULL;
	vq->vdev = vdev;
	vq->name = name;
	vq->callback = callback;
	vq->index = index;
	vq->num = num;
	vq->num_free = num;
	vq->event = virtio_has_feature(vdev, VIRTIO_F_EVENT_IDX);
	vq->indirect_ok = virtio_has_feature(vdev, VIRTIO_F_INDIRECT_DESC);
	if (vq->indirect_ok && !indirect_cache)
		indirect_cache = kmem_cache_create(
			"virtio_indirect", VQ_MAX_SEGS * sizeof(struct vring_desc), 16, 0, NULL);
	if (!indirect_cache)
		vq->indirect_ok = false;
	if (!ring_alloc(vq, align) || !state_alloc(vq)) {
		virtqueue_destroy(vq);
		return NULL;
	}
	if (!callback)
		virtqueue_disable_cb(vq);
	return vq;
}

void virtqueue_destroy(struct virtqueue *vq)
{
	DEBUG_ASSERT(!vq->inflight);
	if (vq->state)
		kvfree(vq->state, vq->state_bytes);
	if (vq->desc)
		dma_free_coherent(vq->ring_bytes, vq->desc);
	kfree(vq);
}
