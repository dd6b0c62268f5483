/* SPDX-License-Identifier: MIT */
/*
 * virtio-rng (virtio 1.2 section 5.4): the host's randomness for our pool. One buffer goes round:
 * asked for at boot, without waiting, and again every RNG_PERIOD_NS; hardirq tells the thread,
 * the thread feeds the pool and sets the timer, the timer asks. At most one of them has the
 * buffer, so there is no lock.
 */
#define pr_fmt(fmt) "virtio_rng: " fmt
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/random.h>
#include <kernel/timer.h>
#include <lib/err.h>
#include <lib/string.h>

#include "virtio.h"

#define RNG_BYTES     64
#define RNG_PERIOD_NS (300 * NSEC_PER_SEC)

struct rng {
	struct virtio_device *vdev;
	struct virtqueue *vq;
	struct virtio_work work;
	struct timer timer;
	u8 data[RNG_BYTES];
};

static void rng_ask(struct rng *r)
{
	struct vq_seg seg = {r->data, sizeof(r->data)};

	if (!virtqueue_add(r->vq, &seg, 0, 1, r, GFP_ATOMIC))
		virtqueue_kick(r->vq);
}

static void rng_timer(struct timer *t)
{
	rng_ask(container_of(t, struct rng, timer));
}

static void rng_work(struct virtio_work *w)
{
	struct rng *r = container_of(w, struct rng, work);
	u32 len;

	if (!virtqueue_get_buf(r->vq, &len))
		return;
	add_entropy(r->data, len, len * 8);
	memzero_explicit(r->data, sizeof(r->data));
	timer_mod(&r->timer, ktime_get_ns() + RNG_PERIOD_NS);
}

static void rng_callback(struct virtqueue *vq)
{
	struct rng *r = vq->priv;

	virtio_work_queue(&r->work);
}

static int rng_probe(struct virtio_device *d)
{
	static const struct vq_spec spec = {"requests", rng_callback, 0, 0};
	struct rng *r = kzalloc(sizeof(*r), GFP_KERNEL);
	int err;

	if (!r)
		return -ENOMEM;
	err = virtio_find_vqs(d, 1, &spec);
	if (err) {
		kfree(r);
		return err;
	}
	r->vdev = d;
	r->vq = d->vqs[0];
	r->vq->priv = r;
	d->priv = r;
	virtio_work_init(&r->work, rng_work);
	timer_setup(&r->timer, rng_timer);
	virtio_device_ready(d);
	rng_ask(r);
	return 0;
}

static const struct virtio_driver virtio_rng = {
	.name = "virtio_rng",
	.type = VIRTIO_ID_RNG,
	.probe = rng_probe,
};
VIRTIO_DRIVER(virtio_rng);
