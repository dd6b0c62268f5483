/* SPDX-License-Identifier: MIT */
/*
 * Intel 8254x, the PCI generation: legacy receive descriptors, one INTx line for everything (the
 * 82540EM has no MSI; where a later one of the family has it, its errata speak against it). What it
 * shares with its successors is in the folder intel.
 * 8254x Software Developer's Manual [S], sections 3 (descriptors), 13 (registers), 14 (set-up).
 */
#include "../intel/intel.h"

#include <errno.h>

static const struct intel_family e1000_family = {
	.name = "e1000",
	.eerd_addr_shift = 8,
	.eerd_done = 1u << 4,
	.tipg = 0x0060200a, /* [S] 13.4.34: 10, 8 and 6 for copper */
	.features = NETIF_F_HW_CSUM,
};

static const struct {
	u16 device;
	const char *name;
} e1000_models[] = {
	{0x100e, "82540EM"}, {0x100f, "82545EM"}, {0x1008, "82544EI"}, {0x100c, "82544GC"},
	{0x1010, "82546EB"}, {0x1026, "82545GM"}, {0x1079, "82546GB"},
};

static int e1000_probe(struct pci_dev *pdev, const struct pci_id *id)
{
	for (unsigned i = 0; i < ARRAY_SIZE(e1000_models); i++) {
		if (e1000_models[i].device == id->device)
			return intel_probe(pdev, &e1000_family, e1000_models[i].name);
	}
	return -ENODEV;
}

static const struct pci_id e1000_ids[] = {
	{0x8086, 0x100e}, {0x8086, 0x100f}, {0x8086, 0x1008}, {0x8086, 0x100c},
	{0x8086, 0x1010}, {0x8086, 0x1026}, {0x8086, 0x1079}, {0, 0},
};

static const struct pci_driver e1000_driver = {
	.name = "e1000",
	.ids = e1000_ids,
	.nics = "82540EM and 82545EM (e1000)",
	.probe = e1000_probe,
	.remove = intel_remove,
};
PCI_DRIVER(e1000_driver);
