/* SPDX-License-Identifier: MIT */
/*
 * What all virtio devices have in common, whatever carries them: the initialisation dance with
 * its feature negotiation (virtio 1.2 section 3.1.1), matching with drivers, configuration
 * reads that do not tear (section 2.5.1), and the thread that does what interrupts may not.
 */
#define pr_fmt(fmt) "virtio: " fmt
#include "virtio.h"

#include <kernel/atomic.h>
#include <kernel/cmdline.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/thread.h>
#include <kernel/wait.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>

#define VIRTIO_QUEUE_SIZE_DEFAULT 1024u

/* Features that the ring and the transports take for any driver. RING_PACKED (34) is not among
 * them; ACCESS_PLATFORM is: a bus address is a physical address here. */
#define TRANSPORT_FEATURES                                                      \
	(VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT) | VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | \
	 VIRTIO_BIT(VIRTIO_F_EVENT_IDX) | VIRTIO_BIT(VIRTIO_F_VERSION_1) |      \
	 VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM))

SECTION_DECLARE(virtio_drivers, const struct virtio_driver *const);

static struct {
	struct list_head devices;
	unsigned count;
} bus = {.devices = LIST_HEAD_INIT(bus.devices)};

/* Work items wait in `pending`; the thread is made with the first device. */
static struct {
	struct spinlock lock;
	struct list_head pending;
	struct wait_queue wq;
	struct thread *thread;
} worker = {.lock = SPINLOCK_INIT(worker.lock), .pending = LIST_HEAD_INIT(worker.pending)};

static const struct virtio_driver *find_driver(u32 type)
{
	const struct virtio_driver *const *p;

	section_for_each(p, virtio_drivers)
		if ((*p)->type == type)
			return *p;
	return NULL;
}

static void add_status(struct virtio_device *d, u8 bits)
{
	d->ops->set_status(d, d->ops->get_status(d) | bits);
}

void virtio_device_fail(struct virtio_device *d)
{
	d->ready = false;
	add_status(d, VIRTIO_S_FAILED);
}

void virtio_device_reset(struct virtio_device *d)
{
	WRITE_ONCE(d->ready, false);
	if (!d->ops->reset(d))
		pr_err("%s: the device does not finish its reset\n", d->name);
}

void virtio_device_ready(struct virtio_device *d)
{
	WRITE_ONCE(d->ready, true);
	add_status(d, VIRTIO_S_DRIVER_OK);
}

/* Section 3.1.1 steps 4 to 6; a legacy device has no FEATURES_OK (section 3.1.2). */
static int agree_features(struct virtio_device *d)
{
	if (!d->legacy && !virtio_has_feature(d, VIRTIO_F_VERSION_1)) {
		pr_err("%s: lacks VIRTIO_F_VERSION_1 on a modern interface (offers %016llx)\n",
		       d->name, d->offered);
		return -ENODEV;
	}
	d->ops->set_features(d, d->features);
	if (d->legacy)
		return 0;
	add_status(d, VIRTIO_S_FEATURES_OK);
	if (d->ops->get_status(d) & VIRTIO_S_FEATURES_OK)
		return 0;
	pr_err("%s: the device refuses the features %016llx out of %016llx; not accepted: "
	       "%016llx\n",
	       d->name, d->features, d->offered, d->offered & ~d->features);
	return -ENODEV;
}

static u64 choose_features(struct virtio_device *d)
{
	u64 f = d->offered & (d->driver->features | TRANSPORT_FEATURES);

	if (d->legacy)
		f &= 0xffffffffull;
	return d->driver->prune ? d->driver->prune(d, f) : f;
}

int virtio_device_restart(struct virtio_device *d)
{
	int err;

	if (!d->ops->reset(d)) {
		pr_err("%s: the device does not finish its reset\n", d->name);
		return -EIO;
	}
	add_status(d, VIRTIO_S_ACKNOWLEDGE);
	add_status(d, VIRTIO_S_DRIVER);
	d->offered = d->ops->get_features(d);
	d->features = choose_features(d);
	err = agree_features(d);
	if (err)
		virtio_device_fail(d);
	return err;
}

int virtio_register_device(struct virtio_device *d)
{
	int err;

	snprintf(d->name, sizeof(d->name), "virtio%u", bus.count++);
	list_add_tail(&d->list, &bus.devices);
	d->driver = find_driver(d->type);
	if (!d->driver) {
		pr_info("%s: no driver for type %u (%s %s)\n", d->name, d->type, d->ops->name,
			d->where);
		return -ENODEV;
	}
	err = virtio_device_restart(d);
	if (err)
		return err;
	pr_info("%s: %s at %s %s, features %llx\n", d->name, d->driver->name, d->ops->name,
		d->where, d->features);
	err = d->driver->probe(d);
	if (err) {
		pr_err("%s: %s: %pe\n", d->name, d->driver->name, ERR_PTR(err));
		virtio_device_fail(d);
	}
	return err;
}

static void free_vqs(struct virtio_device *d)
{
	unsigned n = d->nvqs;

	d->nvqs = 0;
	for (unsigned i = 0; i < n; i++)
		if (d->vqs[i])
			virtqueue_destroy(d->vqs[i]);
	kfree(d->vqs);
	d->vqs = NULL;
}

int virtio_find_vqs(struct virtio_device *d, unsigned n, const struct vq_spec *spec)
{
	int err;

	d->vqs = kcalloc(n, sizeof(*d->vqs), GFP_KERNEL);
	if (!d->vqs)
		return -ENOMEM;
	d->nvqs = n;
	err = d->ops->find_vqs(d, n, spec);
	if (err) {
		pr_err("%s: cannot set up its queues: %pe\n", d->name, ERR_PTR(err));
		virtio_del_vqs(d);
	}
	return err;
}

void virtio_del_vqs(struct virtio_device *d)
{
	virtio_device_reset(d);
	d->ops->del_irqs(d);
	free_vqs(d);
}

static unsigned queue_size_param(void)
{
	const char *s = cmdline_get("virtio.queue_size");
	unsigned n = 0;

	for (; s && *s >= '0' && *s <= '9' && n <= VRING_MAX_SIZE; s++)
		n = n * 10 + (unsigned)(*s - '0');
	return n >= 2 ? n : VIRTIO_QUEUE_SIZE_DEFAULT;
}

unsigned virtio_queue_size(struct virtio_device *d, unsigned index, unsigned device_max)
{
	unsigned size = device_max, limit = queue_size_param();

	if (!device_max || device_max > VRING_MAX_SIZE) {
		pr_err("%s: queue %u has size %u\n", d->name, index, device_max);
		return 0;
	}
	if (!d->legacy && size > limit)
		size = limit;
	if (IS_POWER_OF_2(size))
		return size;
	if (d->legacy) {
		pr_err("%s: queue %u has size %u, not a power of two\n", d->name, index, size);
		return 0;
	}
	while (size & (size - 1))
		size &= size - 1;
	return size;
}

void virtio_config_read(struct virtio_device *d, unsigned off, void *buf, unsigned len)
{
	u32 gen;
	unsigned tries = 8;

	do {
		gen = d->ops->generation(d);
		d->ops->get_config(d, off, buf, len);
	} while (d->ops->generation(d) != gen && --tries);
}

u16 virtio_config_u16(struct virtio_device *d, unsigned off)
{
	u16 v = 0;

	virtio_config_read(d, off, &v, sizeof(v));
	return v;
}

u32 virtio_config_u32(struct virtio_device *d, unsigned off)
{
	u32 v = 0;

	virtio_config_read(d, off, &v, sizeof(v));
	return v;
}

void virtio_config_interrupt(struct virtio_device *d)
{
	if (!READ_ONCE(d->ready))
		return;
	if (d->ops->get_status(d) & VIRTIO_S_NEEDS_RESET)
		virtio_device_broken(d);
	else if (d->driver->config_changed)
		d->driver->config_changed(d);
}

bool virtio_vqs_interrupt(struct virtio_device *d)
{
	bool mine = false;

	for (unsigned i = 0; i < d->nvqs; i++)
		if (d->vqs[i])
			mine |= virtqueue_interrupt(d->vqs[i]);
	return mine;
}

void virtio_device_broken(struct virtio_device *d)
{
	__atomic_fetch_add(&d->broken, 1, __ATOMIC_RELAXED);
	if (READ_ONCE(d->ready) && d->driver->broken)
		d->driver->broken(d);
}

/* -- work -------------------------------------------------------------------------------- */

static struct virtio_work *work_take(void)
{
	struct virtio_work *w = NULL;
	irqflags_t flags;

	spin_lock_irqsave(&worker.lock, flags);
	if (!list_empty(&worker.pending)) {
		w = list_first_entry(&worker.pending, struct virtio_work, list);
		list_del(&w->list);
		w->queued = false;
	}
	spin_unlock_irqrestore(&worker.lock, flags);
	return w;
}

static int worker_main(void *arg)
{
	struct virtio_work *w;

	(void)arg;
	for (;;) {
		wait_event(&worker.wq, (w = work_take()) != NULL);
		w->fn(w);
	}
	return 0;
}

void virtio_work_init(struct virtio_work *w, void (*fn)(struct virtio_work *w))
{
	*w = (struct virtio_work){.fn = fn};
	if (worker.thread)
		return;
	wait_queue_init(&worker.wq);
	worker.thread = thread_create("kvirtiod", worker_main, NULL, CPU_ANY, PRIO_NORMAL);
	if (!worker.thread)
		pr_err("no memory for the thread kvirtiod: link changes go unseen\n");
}

void virtio_work_queue(struct virtio_work *w)
{
	irqflags_t flags;
	bool queued;

	if (!worker.thread)
		return;
	spin_lock_irqsave(&worker.lock, flags);
	queued = w->queued;
	if (!queued) {
		w->queued = true;
		list_add_tail(&w->list, &worker.pending);
	}
	spin_unlock_irqrestore(&worker.lock, flags);
	if (!queued)
		wake_up(&worker.wq);
}
