/* SPDX-License-Identifier: MIT */
/*
 * virtio devices (virtio 1.2): what the transports (pci, mmio) offer, what device drivers are.
 * A transport that finds a device fills in a struct virtio_device and calls
 * virtio_register_device(), which negotiates features (section 3.1.1) and probes the driver.
 * Thread context, but where a member says otherwise.
 */
#ifndef DRIVERS_VIRTIO_VIRTIO_H
#define DRIVERS_VIRTIO_VIRTIO_H

#include <lib/compiler.h>
#include <lib/list.h>
#include <lib/types.h>

#include "virtio_ring.h"

/* Device status, section 2.1 */
#define VIRTIO_S_ACKNOWLEDGE 1u
#define VIRTIO_S_DRIVER      2u
#define VIRTIO_S_DRIVER_OK   4u
#define VIRTIO_S_FEATURES_OK 8u
#define VIRTIO_S_NEEDS_RESET 64u
#define VIRTIO_S_FAILED      128u

/* Reserved feature bits, section 6 */
#define VIRTIO_F_ANY_LAYOUT      27 /* legacy only */
#define VIRTIO_F_INDIRECT_DESC   28
#define VIRTIO_F_EVENT_IDX       29
#define VIRTIO_F_VERSION_1       32
#define VIRTIO_F_ACCESS_PLATFORM 33

#define VIRTIO_BIT(n) (1ull << (n))

/* Device types, section 5 */
#define VIRTIO_ID_NET 1u
#define VIRTIO_ID_RNG 4u

#define VIRTIO_NO_VECTOR 0xffffu /* section 4.1.5.1.2 */

/* A queue as its driver wants it. name NULL: this number is left unused. */
struct vq_spec {
	const char *name;
	vq_callback_t callback; /* NULL: no interrupts */
	u16 group; /* queues of one group share a vector where there are vectors enough */
	u16 cpu;   /* where the group's interrupts go */
};

struct virtio_ops {
	const char *name; /* "pci", "pci-legacy", "mmio" */
	u8 (*get_status)(struct virtio_device *d);
	void (*set_status)(struct virtio_device *d, u8 status);
	/* Write 0 to the status and wait for the device to have done it; false: it never did. */
	bool (*reset)(struct virtio_device *d);
	u64 (*get_features)(struct virtio_device *d);
	void (*set_features)(struct virtio_device *d, u64 features);
	/* Device-specific configuration; a read past its end gives zeros. */
	void (*get_config)(struct virtio_device *d, unsigned off, void *buf, unsigned len);
	void (*set_config)(struct virtio_device *d, unsigned off, const void *buf, unsigned len);
	u32 (*generation)(struct virtio_device *d);
	/* Make and activate queue i and put it in d->vqs[i], for i < n, with the interrupts. 0 or
	 * -errno: the caller resets and calls del_vqs(). */
	int (*find_vqs)(struct virtio_device *d, unsigned n, const struct vq_spec *spec);
	/* The device is reset already: give up interrupts; the queues' memory stays. */
	void (*del_irqs)(struct virtio_device *d);
};

struct virtio_driver;

struct virtio_device {
	struct list_head list;
	const struct virtio_ops *ops; /* [I] by the transport */
	char where[24];               /* [I] "0000:00:03.0", "feb00e00" */
	u32 type;                     /* [I] VIRTIO_ID_* */
	bool legacy;                  /* [I] legacy interface: 32 feature bits, page-shift queues */
	char name[12];                /* "virtio0" */
	u64 offered, features;        /* what the device can, what was agreed */
	const struct virtio_driver *driver;
	void *priv;             /* the driver's */
	struct virtqueue **vqs; /* nvqs of them */
	unsigned nvqs;          /* 0 while there are none */
	u32 broken;             /* [a] times that a queue was found broken */
	bool ready;             /* [a] DRIVER_OK: configuration interrupts are handed on */
};

struct virtio_driver {
	const char *name;
	u32 type;
	u64 features; /* what the driver can make use of */
	/* Features to take out of `features` again because what they need is missing. May be NULL.
	 */
	u64 (*prune)(struct virtio_device *d, u64 features);
	int (*probe)(struct virtio_device *d);
	/* Hardirq: the configuration changed. */
	void (*config_changed)(struct virtio_device *d);
	/* A queue is broken, or the device asks for a reset. Any context; may come several times.
	 */
	void (*broken)(struct virtio_device *d);
};

#define VIRTIO_DRIVER(sym)                                   \
	static const struct virtio_driver *const sym##_entry \
		__attribute__((section("virtio_drivers"), used)) = &(sym)

/* Number the device, negotiate, probe. 0, or -errno with the device left in FAILED or reset, and
 * the reason logged; d stays the transport's. */
int virtio_register_device(struct virtio_device *d);

static inline bool virtio_has_feature(const struct virtio_device *d, unsigned bit)
{
	return d->features & VIRTIO_BIT(bit);
}

/* Steps of section 3.1.1, for drivers that reset and begin anew: reset up to FEATURES_OK with
 * the features agreed before, and DRIVER_OK. */
int virtio_device_restart(struct virtio_device *d);
void virtio_device_ready(struct virtio_device *d);
void virtio_device_reset(struct virtio_device *d);
/* Give up on the device: FAILED is set, so that the host can see it. */
void virtio_device_fail(struct virtio_device *d);

/* Make the queues: d->vqs[0 .. n-1]. 0, or -errno (logged) with the device reset. */
int virtio_find_vqs(struct virtio_device *d, unsigned n, const struct vq_spec *spec);
/* Reset the device, give up interrupts and queues. The driver took its buffers back before, or
 * has none. */
void virtio_del_vqs(struct virtio_device *d);
/* For the transports: the ring size to use where the device allows up to device_max, 0 when it
 * cannot be used. The kernel parameter virtio.queue_size= is an upper bound (default 1024), but
 * for a legacy device, whose sizes are fixed. */
unsigned virtio_queue_size(struct virtio_device *d, unsigned index, unsigned device_max);

/* Configuration fields. Multi-byte values are read again when they changed meanwhile
 * (section 2.5.1). */
void virtio_config_read(struct virtio_device *d, unsigned off, void *buf, unsigned len);
u16 virtio_config_u16(struct virtio_device *d, unsigned off);
u32 virtio_config_u32(struct virtio_device *d, unsigned off);

/* For the transports: hardirq. */
void virtio_config_interrupt(struct virtio_device *d);
bool virtio_vqs_interrupt(struct virtio_device *d);
/* For the ring: tell the driver. */
void virtio_device_broken(struct virtio_device *d);

/*
 * Work that hardirqs and softirqs leave to a thread, common to all virtio devices. A work that
 * is queued already is not queued twice. Any context.
 */
struct virtio_work {
	struct list_head list; /* [work lock] */
	void (*fn)(struct virtio_work *w);
	bool queued; /* [work lock] */
};
void virtio_work_init(struct virtio_work *w, void (*fn)(struct virtio_work *w));
void virtio_work_queue(struct virtio_work *w);

#endif
