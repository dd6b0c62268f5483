/* SPDX-License-Identifier: MIT */
/*
 * Intel 82574, the PCI Express generation: extended receive descriptors, and MSI-X with a vector
 * each for receive, transmit and the rest; MSI or INTx where MSI-X is not to be had. What it shares
 * with its predecessors is in the folder intel. Handlers run in hardirq on the CPU of their vector.
 *
 * With MSI-X a message clears (EIAC) and masks (IAM) the cause that sent it, so the queue
 * handlers touch no register; NAPI's end unmasks. 82574 Datasheet [D], sections 7.4 and 10.2.4.
 */
#include "../intel/intel.h"

#include <errno.h>
#include <lib/printf.h>

enum e1000e_vector { VEC_RX, VEC_TX, VEC_OTHER };

#define MSIX_POLL (ICR_RXQ0 | ICR_TXQ0)

/*
 * Least time between interrupts of the link vector: 17 ms. Everything beside the queues sets
 * ICR_OTHER, which alone can be masked; QEMU counts each received TCP acknowledgement there.
 */
#define OTHER_ITR 0xffffu

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
	intel_wr(nic, REG_ICR, icr & ~MSIX_POLL);
	if (icr & ICR_LSC)
		intel_link_update(nic);
	/* An overrun is over when the ring has been emptied. */
	if (icr & ICR_RXO)
		intel_irq_poll(nic);
	intel_wr(nic, REG_IMS, ICR_OTHER | ICR_LSC);
	return IRQ_HANDLED;
}

static int msix_request(struct intel_nic *nic)
{
	static const struct {
		const char *suffix;
		irq_handler_t fn;
	} vec[INTEL_MAX_VECS] = {
		[VEC_RX] = {"rx", queue_interrupt},
		[VEC_TX] = {"tx", queue_interrupt},
		[VEC_OTHER] = {"link", other_interrupt},
	};

	for (unsigned i = 0; i < INTEL_MAX_VECS; i++) {
		char *name = nic->irq_name[i];
		int err;

		scnprintf(name, sizeof(nic->irq_name[i]), "%s-%s", nic->dev->name, vec[i].suffix);
		err = request_irq(pci_irq_vector(nic->pdev, i), vec[i].fn, 0, name, nic, nic->cpu);
		if (err)
			return err;
		nic->nvecs = (u8)(i + 1);
	}
	return 0;
}

static void msix_setup(struct intel_nic *nic)
{
	u32 ext = intel_rd(nic, REG_CTRL_EXT) & ~CTRL_EXT_IAME;

	intel_wr(nic, REG_CTRL_EXT, ext | CTRL_EXT_PBA_CLR | CTRL_EXT_EIAME);
	intel_wr(nic, REG_EIAC, MSIX_POLL);
	intel_wr(nic, REG_IAM, MSIX_POLL);
	intel_wr(nic, REG_IVAR,
		 (VEC_RX | IVAR_VALID) << IVAR_RXQ0_SHIFT |
			 (VEC_TX | IVAR_VALID) << IVAR_TXQ0_SHIFT |
			 (VEC_OTHER | IVAR_VALID) << IVAR_OTHER_SHIFT);
	intel_wr(nic, REG_EITR(VEC_RX), INTEL_ITR);
	intel_wr(nic, REG_EITR(VEC_TX), INTEL_ITR);
	intel_wr(nic, REG_EITR(VEC_OTHER), OTHER_ITR);
}

static const struct intel_irq_ops msix_irq = {
	.request = msix_request,
	.setup = msix_setup,
	.ims_all = MSIX_POLL | ICR_OTHER | ICR_LSC,
	.ims_poll = MSIX_POLL,
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
