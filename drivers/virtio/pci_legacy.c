/* SPDX-License-Identifier: MIT */
/*
 * The legacy PCI interface: registers in the I/O ports of BAR 0, rings in one block at a page
 * number, numbers in the guest's byte order (virtio 1.2 sections 4.1.4.10 and 2.7.2). The
 * device's configuration follows the registers, which are four bytes longer with MSI-X on.
 */
#define pr_fmt(fmt) "virtio: " fmt
#include <home/portio.h>
#include <kernel/io.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <lib/err.h>
#include <lib/string.h>

#include "pci_int.h"

#define LEGACY_HOST_FEATURES  0
#define LEGACY_GUEST_FEATURES 4
#define LEGACY_QUEUE_PFN      8
#define LEGACY_QUEUE_NUM      12
#define LEGACY_QUEUE_SEL      14
#define LEGACY_QUEUE_NOTIFY   16
#define LEGACY_STATUS         18
#define LEGACY_ISR            19
#define LEGACY_CONFIG_VECTOR  20
#define LEGACY_QUEUE_VECTOR   22
#define LEGACY_CONFIG         20
#define LEGACY_CONFIG_MSIX    24

#define LEGACY_QUEUE_SHIFT 12
#define LEGACY_QUEUE_ALIGN 4096u
#define RESET_WAIT_NS      NSEC_PER_SEC

static u8 legacy_get_status(struct virtio_device *d)
{
	return inb(to_vp(d)->port + LEGACY_STATUS);
}

static void legacy_set_status(struct virtio_device *d, u8 status)
{
	outb(status, to_vp(d)->port + LEGACY_STATUS);
}

static bool legacy_reset(struct virtio_device *d)
{
	u64 end = ktime_get_ns() + RESET_WAIT_NS;

	legacy_set_status(d, 0);
	while (legacy_get_status(d)) {
		if (ktime_get_ns() > end)
			return false;
		udelay(10);
	}
	return true;
}

static u64 legacy_get_features(struct virtio_device *d)
{
	return inl(to_vp(d)->port + LEGACY_HOST_FEATURES);
}

static void legacy_set_features(struct virtio_device *d, u64 f)
{
	outl((u32)f, to_vp(d)->port + LEGACY_GUEST_FEATURES);
}

static u16 config_port(struct vp_device *vp, unsigned off)
{
	return (u16)(vp->port + (vp->msix ? LEGACY_CONFIG_MSIX : LEGACY_CONFIG) + off);
}

static bool config_inside(struct vp_device *vp, unsigned off, unsigned len)
{
	return (u64)config_port(vp, off) + len <= (u64)vp->port + vp->pci->bar[0].size;
}

static void legacy_get_config(struct virtio_device *d, unsigned off, void *buf, unsigned len)
{
	struct vp_device *vp = to_vp(d);

	memset(buf, 0, len);
	if (!config_inside(vp, off, len))
		return;
	for (unsigned i = 0; i < len; i++)
		((u8 *)buf)[i] = inb(config_port(vp, off + i));
}

static void legacy_set_config(struct virtio_device *d, unsigned off, const void *buf, unsigned len)
{
	struct vp_device *vp = to_vp(d);

	if (!config_inside(vp, off, len))
		return;
	for (unsigned i = 0; i < len; i++)
		outb(((const u8 *)buf)[i], config_port(vp, off + i));
}

/* There is no generation: what is read may be torn, as for every legacy driver. */
static u32 legacy_generation(struct virtio_device *d)
{
	return 0;
}

static bool legacy_set_config_vector(struct vp_device *vp, u16 vector)
{
	outw(vector, vp->port + LEGACY_CONFIG_VECTOR);
	return inw(vp->port + LEGACY_CONFIG_VECTOR) == vector;
}

static bool legacy_set_queue_vector(struct vp_device *vp, unsigned index, u16 vector)
{
	outw((u16)index, vp->port + LEGACY_QUEUE_SEL);
	outw(vector, vp->port + LEGACY_QUEUE_VECTOR);
	return inw(vp->port + LEGACY_QUEUE_VECTOR) == vector;
}

static unsigned legacy_queue_max(struct vp_device *vp, unsigned index)
{
	outw((u16)index, vp->port + LEGACY_QUEUE_SEL);
	if (inl(vp->port + LEGACY_QUEUE_PFN))
		return 0;
	return inw(vp->port + LEGACY_QUEUE_NUM);
}

static void legacy_notify(struct virtqueue *vq)
{
	outw(vq->index, to_vp(vq->vdev)->port + LEGACY_QUEUE_NOTIFY);
}

static int legacy_activate(struct vp_device *vp, struct virtqueue *vq)
{
	u64 pfn = virt_to_dma(vq->desc) >> LEGACY_QUEUE_SHIFT;

	if (pfn >> 32)
		return -ERANGE;
	vq->notify = legacy_notify;
	outw(vq->index, vp->port + LEGACY_QUEUE_SEL);
	if (vp->msix)
		outw(VIRTIO_NO_VECTOR, vp->port + LEGACY_QUEUE_VECTOR);
	outl((u32)pfn, vp->port + LEGACY_QUEUE_PFN);
	return 0;
}

static u8 legacy_read_isr(struct vp_device *vp)
{
	return inb(vp->port + LEGACY_ISR);
}

static const struct vp_regs legacy_regs = {
	.ops =
		{
			.name = "pci-legacy",
			.get_status = legacy_get_status,
			.set_status = legacy_set_status,
			.reset = legacy_reset,
			.get_features = legacy_get_features,
			.set_features = legacy_set_features,
			.get_config = legacy_get_config,
			.set_config = legacy_set_config,
			.generation = legacy_generation,
			.find_vqs = vp_find_vqs,
			.del_irqs = vp_del_irqs,
		},
	.set_config_vector = legacy_set_config_vector,
	.set_queue_vector = legacy_set_queue_vector,
	.queue_max = legacy_queue_max,
	.ring_align = LEGACY_QUEUE_ALIGN,
	.activate = legacy_activate,
	.read_isr = legacy_read_isr,
};

/* Section 4.1.2.3: transitional ids, revision 0, the type in the subsystem id. */
int vp_legacy_probe(struct vp_device *vp)
{
	struct pci_dev *pci = vp->pci;

	if (pci->device >= 0x1040 || pci->revision != 0)
		return -ENODEV;
	if (pci->bar[0].type != PCI_BAR_IO || pci->bar[0].size < LEGACY_CONFIG)
		return -ENODEV;
	vp->port = (u16)pci->bar[0].base;
	vp->regs = &legacy_regs;
	vp->vdev.type = pci->subdevice;
	vp->vdev.legacy = true;
	return 0;
}
