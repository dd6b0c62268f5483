/* SPDX-License-Identifier: MIT */
/*
 * Intel 82574, the PCI Express generation: extended receive descriptors, two queues with receive
 * side scaling where there are CPUs for them, and MSI-X with a vector each for the receive and the
 * transmit ring of a queue and for the rest; one queue and MSI or INTx where MSI-X is not to be
 * had. What it shares with its predecessors is in the folder intel. Handlers run in hardirq on the
 * CPU of their vector.
 *
 * With MSI-X a message clears (EIAC) and masks (IAM) the cause that sent it, so the queue
 * handlers touch no register; NAPI's end unmasks. 82574 Datasheet [D], sections 7.4 and 10.2.4.
 */
#include "../intel/intel.h"

#include <errno.h>
#include <lib/printf.h>

/* Of queue n: its receive and transmit vectors; what else happens has the one behind the queues'.
 */
#define VEC_RX(n) (2 * (n))
#define VEC_TX(n) (2 * (n) + 1)

#define MSIX_QUEUE(n) (ICR_RXQ(n) | ICR_TXQ(n))
#define MSIX_QUEUES   (MSIX_QUEUE(0) | MSIX_QUEUE(1))

/*
 * Least time between interrupts of the link vector: 17 ms. Everything beside the queues sets
 * ICR_OTHER, which alone can be masked; QEMU counts each received TCP acknowledgement there.
 */
#define OTHER_ITR 0xffffu

static unsigned vec_other(const struct intel_nic *nic)
{
	return 2u * nic->nqueues;
}

static enum irqreturn queue_interrupt(int irq, void *arg)
{
	intel_irq_poll(arg);
	return IRQ_HANDLED;
}

static enum irqreturn other_interrupt(int irq, void *arg)
{
	struct intel_nic *nic = arg;
	u32 icr = intel_rd(nic, REG_ICR);

	/* All of them: one that stays keeps ICR_OTHER set, and there would be no next interrupt. */
	intel_wr(nic, REG_ICR, icr & ~MSIX_QUEUES);
	if (icr & ICR_LSC)
		intel_link_update(nic);
	/* An overrun is over when the ring has been emptied. */
	if (icr & ICR_RXO)
		intel_for_each_queue(q, nic)
			intel_irq_poll(q);
	intel_wr(nic, REG_IMS, ICR_OTHER | ICR_LSC);
	return IRQ_HANDLED;
}

/* The next vector's handler: name and queue number are its name in /proc/interrupts. */
static int vector_request(struct intel_nic *nic, irq_handler_t fn, const char *suffix,
			  struct intel_queue *q)
{
	unsigned i = nic->nvecs, cpu = q ? q->cpu : nic->queue[0].cpu;
	char *name = nic->irq_name[i];
	int err;

	if (q)
		scnprintf(name, sizeof(nic->irq_name[i]), "%s-%s-%u", nic->dev->name, suffix,
			  q->index);
	else
		scnprintf(name, sizeof(nic->irq_name[i]), "%s-%s", nic->dev->name, suffix);
	nic->irq_arg[i] = q ? (void *)q : nic;
	err = request_irq(pci_irq_vector(nic->pdev, i), fn, 0, name, nic->irq_arg[i], cpu);
	if (!err)
		nic->nvecs++;
	return err;
}

/* In the order of VEC_RX(), VEC_TX(), vec_other(). */
static int msix_request(struct intel_nic *nic)
{
	intel_for_each_queue(q, nic) {
		int err = vector_request(nic, queue_interrupt, "rx", q);

		if (!err)
			err = vector_request(nic, queue_interrupt, "tx", q);
		if (err)
			return err;
	}
	return vector_request(nic, other_interrupt, "link", NULL);
}

static void msix_setup(struct intel_nic *nic)
{
	u32 ext = intel_rd(nic, REG_CTRL_EXT) & ~CTRL_EXT_IAME, causes = 0;
	u32 ivar = (vec_other(nic) | IVAR_VALID) << IVAR_OTHER_SHIFT;

	intel_for_each_queue(q, nic) {
		unsigned n = q->index;

		causes |= MSIX_QUEUE(n);
		ivar |= (VEC_RX(n) | IVAR_VALID) << IVAR_RXQ_SHIFT(n) |
			(VEC_TX(n) | IVAR_VALID) << IVAR_TXQ_SHIFT(n);
		intel_wr(nic, REG_EITR(VEC_TX(n)), INTEL_ITR);
	}
	intel_wr(nic, REG_EITR(vec_other(nic)), OTHER_ITR);
	intel_wr(nic, REG_CTRL_EXT, ext | CTRL_EXT_PBA_CLR | CTRL_EXT_EIAME);
	intel_wr(nic, REG_EIAC, causes);
	intel_wr(nic, REG_IAM, causes);
	intel_wr(nic, REG_IVAR, ivar);
}

static void msix_set_itr(struct intel_queue *q, u32 units)
{
	intel_wr(q->nic, REG_EITR(VEC_RX(q->index)), units);
}

static const struct intel_irq_ops msix_irq = {
	.request = msix_request,
	.setup = msix_setup,
	.set_itr = msix_set_itr,
	.ims_rx = {ICR_RXQ(0), ICR_RXQ(1)},
	.ims_tx = {ICR_TXQ(0), ICR_TXQ(1)},
	.ims_other = ICR_OTHER | ICR_LSC,
};

static const struct intel_family e1000e_family = {
	.name = "e1000e",
	.extended_rx = true,
	.pcie = true,
	.eerd_addr_shift = 2,
	.eerd_done = 1u << 1,
	.tipg = 0x00602008, /* what the device has after reset: 8, 8 and 6 */
	.tctl = TCTL_MULR | TCTL_RTLC,
	.features = NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM | NETIF_F_TSO6,
	.nqueues = INTEL_MAX_QUEUES,
	.msix = &msix_irq,
};

static int e1000e_probe(struct pci_dev *pdev, const struct pci_id *id)
{
	return intel_probe(pdev, &e1000e_family, id->device == 0x10f6 ? "82574LA" : "82574L");
}

static const struct pci_id e1000e_ids[] = {{0x8086, 0x10d3}, {0x8086, 0x10f6}, {0, 0}};

static const struct pci_driver e1000e_driver = {
	.name = "e1000e",
	.ids = e1000e_ids,
	.nics = "82574L (e1000e)",
	.probe = e1000e_probe,
	.remove = intel_remove,
};
PCI_DRIVER(e1000e_driver);
