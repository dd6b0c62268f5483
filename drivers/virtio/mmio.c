/* SPDX-License-Identifier: MIT */
/*
 * virtio over memory-mapped registers (virtio 1.2 section 4.2), version 2 and the legacy version 1.
 * Devices are told of by the kernel parameter virtio_mmio.device=<size>@<base>:<irq>[:<id>], which
 * may be given several times, and by ACPI; both may name the same one. A register block without
 * a device (id 0) is passed over. One interrupt line a device.
 */
#define pr_fmt(fmt) "virtio: " fmt
#include <kernel/acpi.h>
#include <kernel/cmdline.h>
#include <kernel/init.h>
#include <kernel/io.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/mm.h>
#include <kernel/time.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>

#include "virtio.h"

/* Section 4.2.2, table 4.1; those marked 1 are of the legacy interface, section 4.2.4 */
#define MMIO_MAGIC           0x000
#define MMIO_VERSION         0x004
#define MMIO_DEVICE_ID       0x008
#define MMIO_DF              0x010
#define MMIO_DF_SEL          0x014
#define MMIO_GF              0x020
#define MMIO_GF_SEL          0x024
#define MMIO_GUEST_PAGE_SIZE 0x028 /* 1 */
#define MMIO_Q_SEL           0x030
#define MMIO_Q_NUM_MAX       0x034
#define MMIO_Q_NUM           0x038
#define MMIO_Q_ALIGN         0x03c /* 1 */
#define MMIO_Q_PFN           0x040 /* 1 */
#define MMIO_Q_READY         0x044
#define MMIO_Q_NOTIFY        0x050
#define MMIO_INT_STATUS      0x060
#define MMIO_INT_ACK         0x064
#define MMIO_STATUS          0x070
#define MMIO_Q_DESC          0x080
#define MMIO_Q_DRIVER        0x090
#define MMIO_Q_DEVICE        0x0a0
#define MMIO_GENERATION      0x0fc
#define MMIO_CONFIG          0x100

#define MMIO_MAGIC_VALUE  0x74726976u /* "virt" */
#define MMIO_INT_VRING    1u
#define MMIO_INT_CONFIG   2u
#define MMIO_LEGACY_ALIGN 4096u
#define MMIO_MAX_DEVICES  64u
#define RESET_WAIT_NS     NSEC_PER_SEC

struct mmio_device {
	struct virtio_device vdev; /* first */
	struct list_head list;
	u8 *regs;
	u64 base;
	u32 size;
	int irq;
	unsigned irq_flags;
	bool requested;
};

static LIST_HEAD(mmio_devices);
static unsigned mmio_count;

static struct mmio_device *to_mmio(struct virtio_device *d)
{
	return container_of(d, struct mmio_device, vdev);
}

static u32 reg_read(struct mmio_device *m, unsigned reg)
{
	return readl(m->regs + reg);
}

static void reg_write(struct mmio_device *m, unsigned reg, u32 v)
{
	writel(v, m->regs + reg);
}

static u8 mmio_get_status(struct virtio_device *d)
{
	return (u8)reg_read(to_mmio(d), MMIO_STATUS);
}

static void mmio_set_status(struct virtio_device *d, u8 status)
{
	reg_write(to_mmio(d), MMIO_STATUS, status);
}

/* The legacy page size belongs to what a reset forgets. */
static bool mmio_reset(struct virtio_device *d)
{
	u64 end = ktime_get_ns() + RESET_WAIT_NS;

	mmio_set_status(d, 0);
	while (mmio_get_status(d)) {
		if (ktime_get_ns() > end)
			return false;
		udelay(10);
	}
	if (d->legacy)
		reg_write(to_mmio(d), MMIO_GUEST_PAGE_SIZE, MMIO_LEGACY_ALIGN);
	return true;
}

static u64 mmio_get_features(struct virtio_device *d)
{
	struct mmio_device *m = to_mmio(d);
	u64 f;

	reg_write(m, MMIO_DF_SEL, 0);
	f = reg_read(m, MMIO_DF);
	if (d->legacy)
		return f;
	reg_write(m, MMIO_DF_SEL, 1);
	return f | (u64)reg_read(m, MMIO_DF) << 32;
}

static void mmio_set_features(struct virtio_device *d, u64 f)
{
	struct mmio_device *m = to_mmio(d);

	reg_write(m, MMIO_GF_SEL, 0);
	reg_write(m, MMIO_GF, (u32)f);
	if (d->legacy)
		return;
	reg_write(m, MMIO_GF_SEL, 1);
	reg_write(m, MMIO_GF, (u32)(f >> 32));
}

static bool config_inside(struct mmio_device *m, unsigned off, unsigned len)
{
	return (u64)MMIO_CONFIG + off + len <= m->size;
}

/* Section 4.2.2.2: version 2 wants the fields' own widths, the legacy interface bytes. */
static void mmio_get_config(struct virtio_device *d, unsigned off, void *buf, unsigned len)
{
	struct mmio_device *m = to_mmio(d);
	u8 *from = m->regs + MMIO_CONFIG + off;

	memset(buf, 0, len);
	if (!config_inside(m, off, len))
		return;
	if (!d->legacy && len == 2) {
		u16 v = readw(from);

		memcpy(buf, &v, sizeof(v));
	} else if (!d->legacy && len == 4) {
		u32 v = readl(from);

		memcpy(buf, &v, sizeof(v));
	} else {
		for (unsigned i = 0; i < len; i++)
			((u8 *)buf)[i] = readb(from + i);
	}
}

static void mmio_set_config(struct virtio_device *d, unsigned off, const void *buf, unsigned len)
{
	struct mmio_device *m = to_mmio(d);

	if (!config_inside(m, off, len))
		return;
	for (unsigned i = 0; i < len; i++)
		writeb(((const u8 *)buf)[i], m->regs + MMIO_CONFIG + off + i);
}

static u32 mmio_generation(struct virtio_device *d)
{
	return d->legacy ? 0 : reg_read(to_mmio(d), MMIO_GENERATION);
}

static enum irqreturn mmio_irq(int irq, void *arg)
{
	struct mmio_device *m = arg;
	u32 status = reg_read(m, MMIO_INT_STATUS);

	if (!status)
		return IRQ_NONE;
	reg_write(m, MMIO_INT_ACK, status);
	if (status & MMIO_INT_CONFIG)
		virtio_config_interrupt(&m->vdev);
	if (status & MMIO_INT_VRING)
		virtio_vqs_interrupt(&m->vdev);
	return IRQ_HANDLED;
}

static void mmio_notify(struct virtqueue *vq)
{
	reg_write(to_mmio(vq->vdev), MMIO_Q_NOTIFY, vq->index);
}

static void write_addr(struct mmio_device *m, unsigned reg, const void *p)
{
	dma_addr_t a = virt_to_dma(p);

	reg_write(m, reg, (u32)a);
	reg_write(m, reg + 4, (u32)(a >> 32));
}

static int mmio_activate(struct mmio_device *m, struct virtqueue *vq)
{
	vq->notify = mmio_notify;
	reg_write(m, MMIO_Q_NUM, vq->num);
	if (m->vdev.legacy) {
		u64 pfn = virt_to_dma(vq->desc) / MMIO_LEGACY_ALIGN;

		if (pfn >> 32)
			return -ERANGE;
		reg_write(m, MMIO_Q_ALIGN, MMIO_LEGACY_ALIGN);
		reg_write(m, MMIO_Q_PFN, (u32)pfn);
		return 0;
	}
	write_addr(m, MMIO_Q_DESC, vq->desc);
	write_addr(m, MMIO_Q_DRIVER, vq->avail);
	write_addr(m, MMIO_Q_DEVICE, vq->used);
	reg_write(m, MMIO_Q_READY, 1);
	return 0;
}

static int queue_setup(struct mmio_device *m, unsigned index, const struct vq_spec *spec)
{
	struct virtio_device *d = &m->vdev;
	unsigned num;

	reg_write(m, MMIO_Q_SEL, index);
	if (reg_read(m, d->legacy ? MMIO_Q_PFN : MMIO_Q_READY))
		return -EBUSY;
	num = reg_read(m, MMIO_Q_NUM_MAX);
	if (!num)
		return -ENOENT;
	num = virtio_queue_size(d, index, num);
	if (!num)
		return -EINVAL;
	d->vqs[index] = virtqueue_create(d, index, num, d->legacy ? MMIO_LEGACY_ALIGN : 64,
					 spec->name, spec->callback);
	if (!d->vqs[index])
		return -ENOMEM;
	return mmio_activate(m, d->vqs[index]);
}

static int mmio_find_vqs(struct virtio_device *d, unsigned n, const struct vq_spec *spec)
{
	struct mmio_device *m = to_mmio(d);
	int err;

	for (unsigned i = 0; i < n; i++) {
		if (!spec[i].name)
			continue;
		err = queue_setup(m, i, &spec[i]);
		if (err)
			return err;
	}
	err = request_irq(m->irq, mmio_irq, m->irq_flags, d->name, m, spec[0].cpu);
	m->requested = !err;
	return err;
}

static void mmio_del_irqs(struct virtio_device *d)
{
	struct mmio_device *m = to_mmio(d);

	if (m->requested)
		free_irq(m->irq, m);
	m->requested = false;
}

static const struct virtio_ops mmio_ops = {
	.name = "mmio",
	.get_status = mmio_get_status,
	.set_status = mmio_set_status,
	.reset = mmio_reset,
	.get_features = mmio_get_features,
	.set_features = mmio_set_features,
	.get_config = mmio_get_config,
	.set_config = mmio_set_config,
	.generation = mmio_generation,
	.find_vqs = mmio_find_vqs,
	.del_irqs = mmio_del_irqs,
};

static bool already_known(u64 base)
{
	struct mmio_device *m;

	list_for_each_entry(m, &mmio_devices, list)
		if (m->base == base)
			return true;
	return false;
}

/* Is there a device behind these registers (section 4.2.3.1.1)? */
static bool identify(struct mmio_device *m)
{
	u32 version;

	if (reg_read(m, MMIO_MAGIC) != MMIO_MAGIC_VALUE) {
		pr_warn("no virtio registers at %s\n", m->vdev.where);
		return false;
	}
	m->vdev.type = reg_read(m, MMIO_DEVICE_ID);
	if (!m->vdev.type)
		return false;
	version = reg_read(m, MMIO_VERSION);
	if (version != 1 && version != 2) {
		pr_warn("%s: register version %u is unknown\n", m->vdev.where, version);
		return false;
	}
	m->vdev.legacy = version == 1;
	return true;
}

static void mmio_add(u64 base, u64 size, unsigned gsi, unsigned irqf, void *arg)
{
	struct mmio_device *m;

	if (size < MMIO_CONFIG || size > 0x100000 || base & 3 || base + size < base) {
		pr_warn("virtio-mmio at %llx, %llu bytes: makes no sense\n", base, size);
		return;
	}
	if (already_known(base) || mmio_count++ >= MMIO_MAX_DEVICES)
		return;
	m = kzalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		return;
	m->base = base;
	m->size = (u32)size;
	m->irq = gsi_to_irq(gsi);
	m->irq_flags = irqf;
	m->vdev.ops = &mmio_ops;
	snprintf(m->vdev.where, sizeof(m->vdev.where), "%llx", base);
	list_add_tail(&m->list, &mmio_devices);
	m->regs = ioremap(base, size);
	if (m->regs && identify(m))
		virtio_register_device(&m->vdev);
}

/* An unsigned number in C's notation, with K, M, G after it; *s moves behind it. */
static bool parse_number(const char **s, u64 *v)
{
	const char *p = *s, *begin;
	unsigned base = 10, digit;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	*v = 0;
	for (begin = p;; p++) {
		if (*p >= '0' && *p <= '9')
			digit = (unsigned)(*p - '0');
		else if (base == 16 && (*p | 32) >= 'a' && (*p | 32) <= 'f')
			digit = (unsigned)((*p | 32) - 'a') + 10;
		else
			break;
		if (*v >> 56)
			return false;
		*v = *v * base + digit;
	}
	if (p == begin)
		return false;
	switch (*p | 32) {
	case 'g':
		*v <<= 10;
		fallthrough;
	case 'm':
		*v <<= 10;
		fallthrough;
	case 'k':
		*v <<= 10;
		p++;
	}
	*s = p;
	return true;
}

/* <size>@<base>:<irq>[:<id>]. The line is level-triggered: it is up while the device's interrupt
 * status is not zero. */
static void mmio_param(const char *key, const char *value, void *arg)
{
	const char *s = value;
	u64 size, base, irq;

	if (strcmp(key, "virtio_mmio.device"))
		return;
	if (!s || !parse_number(&s, &size) || *s++ != '@' || !parse_number(&s, &base) ||
	    *s++ != ':' || !parse_number(&s, &irq) || (*s && *s != ':') || irq > 255) {
		pr_warn("virtio_mmio.device=%s: should be <size>@<base>:<irq>[:<id>]\n",
			value ? value : "");
		return;
	}
	mmio_add(base, size, (unsigned)irq, IRQF_TRIGGER_LEVEL, NULL);
}

/* ACPI first: it knows how the lines are triggered. */
static int virtio_mmio_init(void)
{
	acpi_for_each_virtio_mmio(mmio_add, NULL);
	cmdline_get("virtio_mmio.device"); /* understood */
	cmdline_for_each(mmio_param, NULL);
	return 0;
}
DEFINE_INITCALL(INIT_DRIVER, virtio_mmio_init);
