/* SPDX-License-Identifier: MIT */
/*
 * What the two PCI interfaces of a virtio device share: pci.c finds the device, owns vectors and
 * handlers; pci_modern.c and pci_legacy.c know the registers.
 */
#ifndef DRIVERS_VIRTIO_PCI_INT_H
#define DRIVERS_VIRTIO_PCI_INT_H

#include <kernel/pci.h>
#include <kernel/percpu.h>

#include "virtio.h"

#define VP_MAX_VECTORS (1 + MAX_CPUS)

struct vp_device;

/* A vector: the irq and the queues that it tells of. Vector 0 is the configuration's. */
struct vp_vector {
	struct vp_device *dev;
	struct virtqueue *vqs; /* linked by vec_next */
	int irq;
	u16 index;
	bool requested;
	char name[16]; /* in /proc/interrupts */
};

/* Registers of one interface; section 4.1.4 (modern), 4.1.4.8 (legacy). */
struct vp_regs {
	struct virtio_ops ops;
	/* The device's vector for configuration changes / for a queue; false: refused. */
	bool (*set_config_vector)(struct vp_device *vp, u16 vector);
	bool (*set_queue_vector)(struct vp_device *vp, unsigned index, u16 vector);
	/* Ring size the device offers for queue index; 0: there is no such queue. */
	unsigned (*queue_max)(struct vp_device *vp, unsigned index);
	/* Where the used ring begins (virtqueue_create()). */
	size_t ring_align;
	/* Tell the device where the ring is and activate it. 0 or -errno. */
	int (*activate)(struct vp_device *vp, struct virtqueue *vq);
	u8 (*read_isr)(struct vp_device *vp); /* and clear */
};

/* A capability's window. */
struct vp_window {
	u8 *addr; /* NULL: there is none */
	u32 len;
};

struct vp_device {
	struct virtio_device vdev; /* first */
	struct pci_dev *pci;
	const struct vp_regs *regs;
	/* Modern: */
	struct vp_window common, notify, isr, config;
	u32 notify_multiplier;
	/* Legacy: */
	u16 port;
	/* Interrupts: */
	bool msix;
	unsigned nvec;
	struct vp_vector *vec;
};

static inline struct vp_device *to_vp(struct virtio_device *d)
{
	return container_of(d, struct vp_device, vdev);
}

/* Is the device of this interface? 0 (regs and type set), -ENODEV, or another -errno (logged). */
int vp_modern_probe(struct vp_device *vp);
int vp_legacy_probe(struct vp_device *vp);

/* struct virtio_ops of both. */
int vp_find_vqs(struct virtio_device *d, unsigned n, const struct vq_spec *spec);
void vp_del_irqs(struct virtio_device *d);

#endif
