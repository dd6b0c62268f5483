/* SPDX-License-Identifier: MIT */
/*
 * virtio over PCI (virtio 1.2 section 4.1): finding devices, and their interrupts. With MSI-X,
 * vector 0 tells of configuration changes and each group of queues has a vector aimed at its
 * CPU; with fewer vectors the groups share; without MSI-X everything comes by INTx, told apart by
 * the ISR register.
 */
#define pr_fmt(fmt) "virtio: " fmt
#include "pci_int.h"

#include <kernel/log.h>
#include <kernel/mm.h>
#include <lib/err.h>
#include <lib/printf.h>

#define PCI_VENDOR_VIRTIO 0x1af4
#define VP_DEVICE_FIRST   0x1000 /* section 4.1.2: transitional from here */
#define VP_DEVICE_LAST    0x107f
#define VP_ISR_QUEUE      1u
#define VP_ISR_CONFIG     2u

static enum irqreturn config_irq(int irq, void *arg)
{
	struct vp_vector *v = arg;

	virtio_config_interrupt(&v->dev->vdev);
	return IRQ_HANDLED;
}

static enum irqreturn queue_irq(int irq, void *arg)
{
	struct vp_vector *v = arg;

	for (struct virtqueue *vq = v->vqs; vq; vq = vq->vec_next)
		virtqueue_interrupt(vq);
	return IRQ_HANDLED;
}

/* Section 4.1.4.5: reading the ISR status also takes the line back. */
static enum irqreturn intx_irq(int irq, void *arg)
{
	struct vp_vector *v = arg;
	struct virtio_device *d = &v->dev->vdev;
	u8 isr = v->dev->regs->read_isr(v->dev);

	if (!isr)
		return IRQ_NONE;
	if (isr & VP_ISR_CONFIG)
		virtio_config_interrupt(d);
	virtio_vqs_interrupt(d);
	return IRQ_HANDLED;
}

void vp_del_irqs(struct virtio_device *d)
{
	struct vp_device *vp = to_vp(d);

	for (unsigned i = 0; i < vp->nvec; i++)
		if (vp->vec[i].requested)
			free_irq(vp->vec[i].irq, &vp->vec[i]);
	if (vp->nvec)
		pci_free_irq_vectors(vp->pci);
	kfree(vp->vec);
	vp->vec = NULL;
	vp->nvec = 0;
	vp->msix = false;
}

static int vectors_alloc(struct vp_device *vp, unsigned want, const unsigned *cpu_of)
{
	int n;

	n = pci_alloc_irq_vectors(vp->pci, 2, want, PCI_IRQ_MSIX, cpu_of);
	vp->msix = n > 0;
	if (n <= 0)
		n = pci_alloc_irq_vectors(vp->pci, 1, 1, PCI_IRQ_INTX, NULL);
	if (n <= 0) {
		pr_err("%s: no interrupt to be had\n", vp->vdev.name);
		return n ? n : -ENOSPC;
	}
	vp->nvec = (unsigned)n;
	vp->vec = kcalloc(vp->nvec, sizeof(*vp->vec), GFP_KERNEL);
	if (!vp->vec)
		return -ENOMEM;
	for (unsigned i = 0; i < vp->nvec; i++) {
		struct vp_vector *v = &vp->vec[i];

		v->dev = vp;
		v->index = (u16)i;
		v->irq = pci_irq_vector(vp->pci, i);
	}
	return 0;
}

static int vectors_request(struct vp_device *vp, const unsigned *cpu_of)
{
	struct virtio_device *d = &vp->vdev;

	for (unsigned i = 0; i < vp->nvec; i++) {
		struct vp_vector *v = &vp->vec[i];
		irq_handler_t fn = !vp->msix ? intx_irq : i ? queue_irq : config_irq;
		int err;

		if (!vp->msix)
			snprintf(v->name, sizeof(v->name), "%s", d->name);
		else if (!i)
			snprintf(v->name, sizeof(v->name), "%s-config", d->name);
		else
			snprintf(v->name, sizeof(v->name), "%s-%u", d->name, i - 1);
		err = request_irq(v->irq, fn, pci_irq_flags(vp->pci), v->name, v, cpu_of[i]);
		if (err)
			return err;
		v->requested = true;
	}
	return 0;
}

/* Group g's vector: its own, or in turn those there are. */
static struct vp_vector *group_vector(struct vp_device *vp, unsigned group)
{
	return vp->msix ? &vp->vec[1 + group % (vp->nvec - 1)] : &vp->vec[0];
}

static int queue_setup(struct vp_device *vp, unsigned index, const struct vq_spec *spec)
{
	struct virtio_device *d = &vp->vdev;
	unsigned num = vp->regs->queue_max(vp, index);
	struct virtqueue *vq;
	int err;

	if (!num)
		return -ENOENT;
	num = virtio_queue_size(d, index, num);
	if (!num)
		return -EINVAL;
	vq = virtqueue_create(d, index, num, vp->regs->ring_align, spec->name, spec->callback);
	if (!vq)
		return -ENOMEM;
	d->vqs[index] = vq;
	err = vp->regs->activate(vp, vq);
	if (err)
		return err;
	if (spec->callback) {
		struct vp_vector *v = group_vector(vp, spec->group);

		vq->vec_next = v->vqs;
		v->vqs = vq;
		if (vp->msix && !vp->regs->set_queue_vector(vp, index, v->index))
			return -EBUSY;
	}
	return 0;
}

int vp_find_vqs(struct virtio_device *d, unsigned n, const struct vq_spec *spec)
{
	struct vp_device *vp = to_vp(d);
	unsigned cpu_of[VP_MAX_VECTORS] = {0}, want = 2;
	int err;

	for (unsigned i = 0; i < n; i++) {
		if (!spec[i].callback || spec[i].group + 2u > VP_MAX_VECTORS)
			continue;
		cpu_of[spec[i].group + 1u] = spec[i].cpu;
		want = max(want, spec[i].group + 2u);
	}
	err = vectors_alloc(vp, want, cpu_of);
	if (err)
		return err;
	if (vp->msix && !vp->regs->set_config_vector(vp, 0))
		return -EBUSY;
	for (unsigned i = 0; i < n; i++) {
		if (!spec[i].name)
			continue;
		err = queue_setup(vp, i, &spec[i]);
		if (err)
			return err;
	}
	return vectors_request(vp, cpu_of);
}

static int vp_probe(struct pci_dev *pci, const struct pci_id *id)
{
	struct vp_device *vp;
	int err;

	if (pci->device < VP_DEVICE_FIRST || pci->device > VP_DEVICE_LAST)
		return -ENODEV;
	vp = kzalloc(sizeof(*vp), GFP_KERNEL);
	if (!vp)
		return -ENOMEM;
	vp->pci = pci;
	snprintf(vp->vdev.where, sizeof(vp->vdev.where), "%04x:%02x:%02x.%x", pci->segment,
		 pci->bus, pci->dev, pci->fn);
	pci_enable_device(pci);
	pci_set_master(pci);
	err = vp_modern_probe(vp);
	if (err == -ENODEV)
		err = vp_legacy_probe(vp);
	if (err) {
		pr_err("%s: no usable interface: %pe\n", vp->vdev.where, ERR_PTR(err));
		kfree(vp);
		return err;
	}
	vp->vdev.ops = &vp->regs->ops;
	pci->drvdata = vp;
	/* A device that was found but cannot be used stays known, in the state it was left in. */
	virtio_register_device(&vp->vdev);
	return 0;
}

static const struct pci_id vp_ids[] = {{PCI_VENDOR_VIRTIO, PCI_ANY}, {0, 0}};

static const struct pci_driver virtio_pci = {
	.name = "virtio-pci",
	.ids = vp_ids,
	.nics = "virtio-net",
	.probe = vp_probe,
};
PCI_DRIVER(virtio_pci);
