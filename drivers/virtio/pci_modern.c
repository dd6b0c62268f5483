/* SPDX-License-Identifier: MIT */
/*
 * The modern PCI interface: vendor capabilities that name windows in BARs (virtio 1.2 section
 * 4.1.4). A window is used only where it lies within its BAR and is as long as its structure.
 */
#define pr_fmt(fmt) "virtio: " fmt
#include <kernel/io.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/err.h>
#include <lib/string.h>

#include "pci_int.h"

#define PCI_CAP_ID_VENDOR 0x09

/* struct virtio_pci_cap, section 4.1.4 */
#define CAP_LEN          2
#define CAP_TYPE         3
#define CAP_BAR          4
#define CAP_OFFSET       8
#define CAP_LENGTH       12
#define CAP_NOTIFY_MULT  16
#define CAP_BYTES        16
#define CAP_BYTES_NOTIFY 20

enum { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE };

/* struct virtio_pci_common_cfg, section 4.1.4.3 */
#define COMMON_DFSELECT     0
#define COMMON_DF           4
#define COMMON_GFSELECT     8
#define COMMON_GF           12
#define COMMON_MSIX         16
#define COMMON_NUM_QUEUES   18
#define COMMON_STATUS       20
#define COMMON_GENERATION   21
#define COMMON_Q_SELECT     22
#define COMMON_Q_SIZE       24
#define COMMON_Q_MSIX       26
#define COMMON_Q_ENABLE     28
#define COMMON_Q_NOTIFY_OFF 30
#define COMMON_Q_DESC       32
#define COMMON_Q_DRIVER     40
#define COMMON_Q_DEVICE     48
#define COMMON_BYTES        56

#define RESET_WAIT_NS NSEC_PER_SEC

static u8 modern_get_status(struct virtio_device *d)
{
	return readb(to_vp(d)->common.addr + COMMON_STATUS);
}

static void modern_set_status(struct virtio_device *d, u8 status)
{
	writeb(status, to_vp(d)->common.addr + COMMON_STATUS);
}

/* Section 4.1.4.3.2: the reset is done when the status reads 0. */
static bool modern_reset(struct virtio_device *d)
{
	u64 end = ktime_get_ns() + RESET_WAIT_NS;

	modern_set_status(d, 0);
	while (modern_get_status(d)) {
		if (ktime_get_ns() > end)
			return false;
		udelay(10);
	}
	return true;
}

static u64 modern_get_features(struct virtio_device *d)
{
	u8 *c = to_vp(d)->common.addr;
	u64 f;

	writel(0, c + COMMON_DFSELECT);
	f = readl(c + COMMON_DF);
	writel(1, c + COMMON_DFSELECT);
	return f | (u64)readl(c + COMMON_DF) << 32;
}

static void modern_set_features(struct virtio_device *d, u64 f)
{
	u8 *c = to_vp(d)->common.addr;

	writel(0, c + COMMON_GFSELECT);
	writel((u32)f, c + COMMON_GF);
	writel(1, c + COMMON_GFSELECT);
	writel((u32)(f >> 32), c + COMMON_GF);
}

/* Section 4.1.3.1: each field by accesses of its own width. */
static void modern_get_config(struct virtio_device *d, unsigned off, void *buf, unsigned len)
{
	const struct vp_window *w = &to_vp(d)->config;
	u8 *out = buf;

	memset(buf, 0, len);
	if (!w->addr || off > w->len || len > w->len - off)
		return;
	if (len == 2) {
		u16 v = readw(w->addr + off);

		memcpy(buf, &v, sizeof(v));
	} else if (len == 4) {
		u32 v = readl(w->addr + off);

		memcpy(buf, &v, sizeof(v));
	} else {
		for (unsigned i = 0; i < len; i++)
			out[i] = readb(w->addr + off + i);
	}
}

static void modern_set_config(struct virtio_device *d, unsigned off, const void *buf, unsigned len)
{
	const struct vp_window *w = &to_vp(d)->config;

	if (!w->addr || off > w->len || len > w->len - off)
		return;
	for (unsigned i = 0; i < len; i++)
		writeb(((const u8 *)buf)[i], w->addr + off + i);
}

static u32 modern_generation(struct virtio_device *d)
{
	return readb(to_vp(d)->common.addr + COMMON_GENERATION);
}

static bool modern_set_config_vector(struct vp_device *vp, u16 vector)
{
	writew(vector, vp->common.addr + COMMON_MSIX);
	return readw(vp->common.addr + COMMON_MSIX) == vector;
}

static bool modern_set_queue_vector(struct vp_device *vp, unsigned index, u16 vector)
{
	writew((u16)index, vp->common.addr + COMMON_Q_SELECT);
	writew(vector, vp->common.addr + COMMON_Q_MSIX);
	return readw(vp->common.addr + COMMON_Q_MSIX) == vector;
}

static unsigned modern_queue_max(struct vp_device *vp, unsigned index)
{
	u8 *c = vp->common.addr;

	if (index >= readw(c + COMMON_NUM_QUEUES))
		return 0;
	writew((u16)index, c + COMMON_Q_SELECT);
	if (readw(c + COMMON_Q_ENABLE))
		return 0;
	return readw(c + COMMON_Q_SIZE);
}

static void write_addr(u8 *reg, const void *p)
{
	dma_addr_t a = virt_to_dma(p);

	writel((u32)a, reg);
	writel((u32)(a >> 32), reg + 4);
}

static void modern_notify(struct virtqueue *vq)
{
	writew(vq->index, vq->notify_addr);
}

/* Section 4.1.5.1.3; the notification address is that of section 4.1.4.4. */
static int modern_activate(struct vp_device *vp, struct virtqueue *vq)
{
	u8 *c = vp->common.addr;
	u64 at;

	writew(vq->index, c + COMMON_Q_SELECT);
	at = (u64)readw(c + COMMON_Q_NOTIFY_OFF) * vp->notify_multiplier;
	if (at + sizeof(u16) > vp->notify.len) {
		pr_err("%s: queue %u is to be notified at %llu, past the end\n", vp->vdev.name,
		       vq->index, at);
		return -EINVAL;
	}
	vq->notify = modern_notify;
	vq->notify_addr = vp->notify.addr + at;
	writew(vq->num, c + COMMON_Q_SIZE);
	write_addr(c + COMMON_Q_DESC, vq->desc);
	write_addr(c + COMMON_Q_DRIVER, vq->avail);
	write_addr(c + COMMON_Q_DEVICE, vq->used);
	writew(VIRTIO_NO_VECTOR, c + COMMON_Q_MSIX);
	writew(1, c + COMMON_Q_ENABLE);
	return 0;
}

static u8 modern_read_isr(struct vp_device *vp)
{
	return readb(vp->isr.addr);
}

static const struct vp_regs modern_regs = {
	.ops =
		{
			.name = "pci",
			.get_status = modern_get_status,
			.set_status = modern_set_status,
			.reset = modern_reset,
			.get_features = modern_get_features,
			.set_features = modern_set_features,
			.get_config = modern_get_config,
			.set_config = modern_set_config,
			.generation = modern_generation,
			.find_vqs = vp_find_vqs,
			.del_irqs = vp_del_irqs,
		},
	.set_config_vector = modern_set_config_vector,
	.set_queue_vector = modern_set_queue_vector,
	.queue_max = modern_queue_max,
	.ring_align = 64,
	.activate = modern_activate,
	.read_isr = modern_read_isr,
};

/* Take the window that the capability at pos describes; one that makes no sense is passed over,
 * the first good one of its type is used (section 4.1.4.1). */
static void take_window(struct vp_device *vp, unsigned pos, struct vp_window *w, u32 min_len)
{
	struct pci_dev *pci = vp->pci;
	unsigned bar = pci_read8(pci, pos + CAP_BAR);
	u32 off = pci_read32(pci, pos + CAP_OFFSET), len = pci_read32(pci, pos + CAP_LENGTH);
	u8 *base;

	if (w->addr || bar >= PCI_MAX_BARS || pci->bar[bar].type != PCI_BAR_MEM)
		return;
	if (len < min_len || (u64)off + len > pci->bar[bar].size) {
		pr_warn("%s: window %u+%u does not fit BAR %u\n", vp->vdev.where, off, len, bar);
		return;
	}
	base = pci_iomap(pci, bar);
	if (!base)
		return;
	w->addr = base + off;
	w->len = len;
}

static void take_capability(struct vp_device *vp, unsigned pos)
{
	unsigned len = pci_read8(vp->pci, pos + CAP_LEN);
	bool had_notify = vp->notify.addr;

	if (len < CAP_BYTES)
		return;
	switch (pci_read8(vp->pci, pos + CAP_TYPE)) {
	case CAP_COMMON:
		take_window(vp, pos, &vp->common, COMMON_BYTES);
		break;
	case CAP_NOTIFY:
		if (len < CAP_BYTES_NOTIFY)
			break;
		take_window(vp, pos, &vp->notify, sizeof(u16));
		if (!had_notify)
			vp->notify_multiplier = pci_read32(vp->pci, pos + CAP_NOTIFY_MULT);
		break;
	case CAP_ISR:
		take_window(vp, pos, &vp->isr, 1);
		break;
	case CAP_DEVICE:
		take_window(vp, pos, &vp->config, 1);
		break;
	default: /* types of later versions */
		break;
	}
}

int vp_modern_probe(struct vp_device *vp)
{
	struct pci_dev *pci = vp->pci;
	unsigned pos = 0;

	while ((pos = pci_find_capability(pci, PCI_CAP_ID_VENDOR, pos)))
		take_capability(vp, pos);
	if (!vp->common.addr || !vp->notify.addr || !vp->isr.addr)
		return -ENODEV;
	vp->regs = &modern_regs;
	/* Section 4.1.2.1: the type is in the device id; of a transitional one, in the subsystem.
	 */
	vp->vdev.type = pci->device >= 0x1040 ? pci->device - 0x1040u : pci->subdevice;
	return 0;
}
