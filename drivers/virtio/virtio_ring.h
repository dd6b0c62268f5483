/* SPDX-License-Identifier: MIT */
/*
 * The split virtqueue: virtio 1.2 section 2.7, the driver's side. A queue belongs to its driver,
 * which serialises all calls on it but virtqueue_interrupt(). The device's side of the memory is
 * not trusted: an id, a length or an index that cannot be marks the queue broken (said once, told
 * to the driver through virtio_device_broken()); from then on it yields and takes nothing more.
 *
 * Usual order. Send: add() ... add(), then kick_prepare() and notify() for the whole batch.
 * Receive, from a callback: disable_cb(), get_buf() until NULL, enable_cb_prepare(); poll() true
 * afterwards means that something came in between.
 */
#ifndef DRIVERS_VIRTIO_RING_H
#define DRIVERS_VIRTIO_RING_H

#include <lib/compiler.h>
#include <lib/types.h>

struct virtio_device;
struct virtqueue;

/* Section 2.7.5. Both the legacy guest's order and little endian are what x86-64 stores. */
struct vring_desc {
	u64 addr;
	u32 len;
	u16 flags; /* VRING_DESC_F_* */
	u16 next;
};
static_assert(sizeof(struct vring_desc) == 16, "virtio 1.2 section 2.7.5");

#define VRING_DESC_F_NEXT     1u
#define VRING_DESC_F_WRITE    2u /* the device writes it */
#define VRING_DESC_F_INDIRECT 4u

/* Section 2.7.6; used_event follows the ring. */
struct vring_avail {
	u16 flags; /* VRING_AVAIL_F_* */
	u16 idx;
	u16 ring[];
};
#define VRING_AVAIL_F_NO_INTERRUPT 1u

/* Section 2.7.8; avail_event follows the ring. */
struct vring_used_elem {
	u32 id;
	u32 len; /* bytes the device wrote */
};
struct vring_used {
	u16 flags; /* VRING_USED_F_* */
	u16 idx;
	struct vring_used_elem ring[];
};
static_assert(sizeof(struct vring_used_elem) == 8, "virtio 1.2 section 2.7.8");
static_assert(offsetof(struct vring_used, ring) == 4, "virtio 1.2 section 2.7.8");
#define VRING_USED_F_NO_NOTIFY 1u

#define VRING_MAX_SIZE 32768u /* section 2.7: a power of two, at most this */

/* Longest chain of one buffer: a 64 KiB packet in page fragments, its head and its header. */
#define VQ_MAX_SEGS 20

/* A piece of a buffer: physically contiguous memory. */
struct vq_seg {
	void *addr;
	u32 len;
};

typedef void (*vq_callback_t)(struct virtqueue *vq);

/* What driver and device share about each buffer under way; token NULL: none begins here. */
struct vq_desc_state {
	void *token;
	struct vring_desc *indirect; /* table to be freed, or NULL */
	u32 in_bytes;                /* what the device may write at most */
	u16 ndesc;                   /* descriptors of the ring that it takes */
};

struct vq_stats {
	u64 kicks, interrupts, indirect, full;
};

/* Letters: [I] immutable once made, [d] the driver's serialisation of this queue. */
struct virtqueue {
	struct virtio_device *vdev; /* [I] */
	const char *name;           /* [I] */
	vq_callback_t callback;     /* [I] hardirq; NULL: the queue is polled */
	void *priv;                 /* the driver's */
	u16 index;                  /* [I] */
	u16 num;                    /* [I] */
	bool event;                 /* [I] VIRTIO_F_EVENT_IDX negotiated */
	bool indirect_ok;           /* [I] VIRTIO_F_INDIRECT_DESC negotiated */
	bool broken;                /* [a] */

	struct vring_desc *desc;   /* [I] */
	struct vring_avail *avail; /* [I] */
	struct vring_used *used;   /* [I] the device's */
	u16 *used_event;           /* [I] "interrupt me when you pass this" */
	const u16 *avail_event;    /* [I] the device's "notify me when you pass this" */

	u16 free_head;   /* [d] first of num_free free descriptors, linked by next[] */
	u16 num_free;    /* [d] */
	u16 avail_idx;   /* [d] our copy of avail->idx */
	u16 avail_flags; /* [d] our copy of avail->flags */
	u16 num_added;   /* [d] since the last kick_prepare() */
	u16 last_used;   /* [d] first used entry not yet taken */
	u16 inflight;    /* [d] buffers that the device has */
	u16 peeked;      /* [d] head of the chain that peek_buf() returned last */
	bool cb_off;     /* [d] */
	u16 *next;       /* [d] the chain as we know it: the device cannot bend it */
	struct vq_desc_state *state;
	struct vq_stats stats;

	void (*notify)(struct virtqueue *vq); /* [I] transport: tell the device */
	void *notify_addr;                    /* [I] transport's */
	struct virtqueue *vec_next;           /* [I] transport's: queues of one vector */
	size_t ring_bytes, state_bytes;
};

/*
 * Make a queue of num entries (a power of two) for the features negotiated by vdev. align is
 * where the used ring begins: 4096 for the legacy layout (section 2.7.2), at least 4 otherwise.
 * NULL when out of memory. The transport then tells the device where desc, avail and used are,
 * and sets notify. virtqueue_destroy() wants the device reset, and the tokens taken back.
 */
struct virtqueue *virtqueue_create(struct virtio_device *vdev, unsigned index, unsigned num,
				   size_t align, const char *name, vq_callback_t callback);
void virtqueue_destroy(struct virtqueue *vq);

/*
 * Hand a buffer to the device: out segments that it reads, then in segments that it writes.
 * token (not NULL) comes back from get_buf(). Where the ring gets full, an indirect table is
 * allocated with gfp; without one the descriptors are chained in the ring. 0, -ENOSPC when they do
 * not fit, -EIO for a broken queue.
 */
int virtqueue_add(struct virtqueue *vq, const struct vq_seg *seg, unsigned out, unsigned in,
		  void *token, unsigned gfp) __must_check;

/* Does the device want to hear of what was added since the last call? If so: notify(). */
bool virtqueue_kick_prepare(struct virtqueue *vq);
void virtqueue_notify(struct virtqueue *vq);
static inline void virtqueue_kick(struct virtqueue *vq)
{
	if (virtqueue_kick_prepare(vq))
		virtqueue_notify(vq);
}

/* Next buffer that the device is done with: its token, and in *len how much the device wrote: at
 * most the sum of the in segments. NULL for none. */
void *virtqueue_get_buf(struct virtqueue *vq, u32 *len);

/* The same, but its descriptors are not free yet: then either take() it, or repost() it, and the
 * device gets it again as it is. Before the next one. */
void *virtqueue_peek_buf(struct virtqueue *vq, u32 *len);
void virtqueue_take(struct virtqueue *vq);
void virtqueue_repost(struct virtqueue *vq);

/* Is there one to get? */
bool virtqueue_more_used(const struct virtqueue *vq);

/* Hints to the device about interrupts. A callback may still come after disable_cb(). */
void virtqueue_disable_cb(struct virtqueue *vq);
/* Ask for an interrupt with the next used buffer; poll() with the value tells whether one was
 * used before the device could see the request. */
u16 virtqueue_enable_cb_prepare(struct virtqueue *vq);
bool virtqueue_poll(const struct virtqueue *vq, u16 prepared);
/* Both in one: false when there are buffers to get already. */
bool virtqueue_enable_cb(struct virtqueue *vq);
/* The same, but only once most (3/4) of what the device has is used, if it can tell. */
bool virtqueue_enable_cb_delayed(struct virtqueue *vq);

/* After a reset of the device: take buffers back one by one; NULL when none is left. */
void *virtqueue_detach_unused_buf(struct virtqueue *vq);

/* The transport's interrupt handler calls this for each queue of the vector. Hardirq. Returns
 * whether there was something for this queue. */
bool virtqueue_interrupt(struct virtqueue *vq);

/* Section 2.7.10: does moving an index from old to new pass event? All modulo 2^16. */
static inline bool vring_need_event(u16 event, u16 new_idx, u16 old)
{
	return (u16)(new_idx - event - 1) < (u16)(new_idx - old);
}

#endif
