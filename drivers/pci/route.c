/* SPDX-License-Identifier: MIT */
/*
 * INTx: from a device's interrupt pin to the interrupt controller's input. The truth is in the
 * firmware's AML (_PRT), which is not interpreted here; what it says for the chipsets that virtual
 * machines have is known:
 *
 *  - ICH9 (q35): eight request lines PIRQA-H reach I/O APIC inputs 16 to 23. Slots 25 to 29 and 31
 *    follow the chipset's D<n>IR registers; the others take PIRQE-H, slot 24 and 30 from E on,
 * slots 0 to 23 turned by the slot number.
 *  - Elsewhere (PIIX, or no I/O APIC): the firmware routed the lines to ISA interrupts and left the
 *    number in the interrupt line register.
 *
 * Behind a bridge, pins turn by the device number (PCI-to-PCI Bridge 1.2, table 9-1).
 * Runs once after the scan, thread context. Intel ICH9 datasheet, sections 5.8, 10.1 and 13.1.30.
 */
#define pr_fmt(fmt) "pci: " fmt
#include "pci_int.h"

#include <kernel/acpi.h>
#include <kernel/io.h>
#include <kernel/log.h>

#define ICH9_LPC_DEVICE 0x2918
#define ICH9_LPC_SLOT   31
#define ICH9_RCBA       0xf0 /* address of the chipset registers, bit 0: enabled */
#define ICH9_RCBA_MASK  0xffffc000u
#define ICH9_RCRB_BYTES 0x4000u
#define ICH9_D_IR_RESET 0x3210 /* pin A to PIRQA, B to B ... */
#define ICH9_PIRQ_GSI   16
#define ICH9_PIRQ_E     4
#define ICH9_FIRST_D_IR 25
#define ICH9_BRIDGE     30
#define ISA_IRQS        16

/* Offsets of D25IR to D31IR in the chipset registers (10.1.20 and following). */
static const u16 d_ir_offset[] = {0x3150, 0x314c, 0x3148, 0x3146, 0x3144, 0, 0x3140};

static struct {
	bool ich9;
	u16 d_ir[ARRAY_SIZE(d_ir_offset)];
} route;

void pci_route_init(void)
{
	struct pci_dev *lpc = pci_find(0, 0, ICH9_LPC_SLOT, 0);
	const u8 *regs = NULL;
	u32 rcba;

	route.ich9 = lpc && lpc->vendor == 0x8086 && lpc->device == ICH9_LPC_DEVICE;
	if (!route.ich9)
		return;
	rcba = pci_read32(lpc, ICH9_RCBA);
	if (rcba & 1)
		regs = ioremap(rcba & ICH9_RCBA_MASK, ICH9_RCRB_BYTES);
	for (unsigned i = 0; i < ARRAY_SIZE(d_ir_offset); i++)
		route.d_ir[i] =
			regs && d_ir_offset[i] ? readw(regs + d_ir_offset[i]) : ICH9_D_IR_RESET;
}

/* pin: 0 to 3 */
static unsigned ich9_gsi(unsigned slot, unsigned pin)
{
	if (slot >= ICH9_FIRST_D_IR && slot != ICH9_BRIDGE)
		return ICH9_PIRQ_GSI + (route.d_ir[slot - ICH9_FIRST_D_IR] >> (4 * pin) & 7);
	if (slot < ICH9_FIRST_D_IR - 1)
		pin += slot;
	return ICH9_PIRQ_GSI + ICH9_PIRQ_E + (pin & 3);
}

/* By the number that the firmware left; ISA overrides tell pin and trigger. */
static void route_by_line(struct pci_dev *d)
{
	u8 line = pci_read8(d, PCI_INTERRUPT_LINE);
	unsigned irqf, gsi;

	if (line == 0 || line >= ISA_IRQS)
		return;
	gsi = acpi_isa_to_gsi(line, &irqf);
	d->irq = gsi_to_irq(gsi);
	d->irq_flags = IRQF_SHARED | (irqf ? irqf : IRQF_TRIGGER_LEVEL | IRQF_TRIGGER_LOW);
}

void pci_route_intx(struct pci_dev *d)
{
	unsigned slot = d->dev, pin = d->irq_pin - 1u;

	if (d->irq_pin < 1 || d->irq_pin > 4)
		return;
	for (const struct pci_dev *b = d->bridge; b; b = b->bridge) {
		pin = (pin + slot) & 3;
		slot = b->dev;
	}
	if (route.ich9 && d->segment == 0 && acpi_madt_get()) {
		d->irq = gsi_to_irq(ich9_gsi(slot, pin));
		d->irq_flags = IRQF_SHARED | IRQF_TRIGGER_LEVEL | IRQF_TRIGGER_LOW;
	}
	if (d->irq < 0)
		route_by_line(d);
}
