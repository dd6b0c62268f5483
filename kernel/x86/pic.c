/* SPDX-License-Identifier: MIT */
/*
 * The pair of 8259s. Moved away from the exceptions' vectors and masked; used only on a machine
 * without I/O APIC, where it brings the 16 ISA lines to the boot CPU. Intel 8259A data sheet.
 */
#include "irq_int.h"

#include <home/portio.h>
#include <kernel/spinlock.h>

#define PIC1_CMD  0x20
#define PIC1_DATA 0x21
#define PIC2_CMD  0xA0
#define PIC2_DATA 0xA1
#define ELCR      0x4D0
#define ICW1_INIT 0x11
#define ICW4_8086 0x01
#define OCW2_EOI  0x20
#define OCW3_ISR  0x0B
#define CASCADE   2

static u16 pic_mask = 0xffff;
static DEFINE_SPINLOCK(pic_lock);

static void write_mask(void)
{
	outb((u8)pic_mask, PIC1_DATA);
	outb((u8)(pic_mask >> 8), PIC2_DATA);
}

void pic_init(void)
{
	outb(ICW1_INIT, PIC1_CMD);
	outb(ICW1_INIT, PIC2_CMD);
	outb(VECTOR_PIC, PIC1_DATA);
	outb(VECTOR_PIC + 8, PIC2_DATA);
	outb(1u << CASCADE, PIC1_DATA);
	outb(CASCADE, PIC2_DATA);
	outb(ICW4_8086, PIC1_DATA);
	outb(ICW4_8086, PIC2_DATA);
	write_mask();
}

/* A line that fell before it was served shows as the lowest priority, 7 or 15, with nothing in
 * service. */
bool pic_is_spurious(unsigned line)
{
	u16 port = line < 8 ? PIC1_CMD : PIC2_CMD;

	if (line != 7 && line != 15)
		return false;
	outb(OCW3_ISR, port);
	if (inb(port) & 0x80)
		return false;
	if (line == 15)
		outb(OCW2_EOI, PIC1_CMD);
	return true;
}

static void pic_route(struct irq_desc *d)
{
	u16 bit = (u16)(1u << d->hw), elcr_port = d->hw < 8 ? ELCR : ELCR + 1;
	u8 elcr, elcr_bit = (u8)(1u << (d->hw & 7));
	irqflags_t flags;

	spin_lock_irqsave(&pic_lock, flags);
	elcr = inb(elcr_port);
	outb(d->flags & IRQF_TRIGGER_LEVEL ? elcr | elcr_bit : elcr & (u8)~elcr_bit, elcr_port);
	pic_mask = (u16)(d->disabled ? pic_mask | bit : pic_mask & ~bit);
	if (d->hw >= 8)
		pic_mask &= (u16) ~(1u << CASCADE);
	write_mask();
	spin_unlock_irqrestore(&pic_lock, flags);
}

static void pic_shut(struct irq_desc *d)
{
	irqflags_t flags;

	spin_lock_irqsave(&pic_lock, flags);
	pic_mask |= (u16)(1u << d->hw);
	write_mask();
	spin_unlock_irqrestore(&pic_lock, flags);
}

static void pic_eoi(struct irq_desc *d)
{
	if (d->hw >= 8)
		outb(OCW2_EOI, PIC2_CMD);
	outb(OCW2_EOI, PIC1_CMD);
}

const struct irq_chip pic_chip = {
	.name = "XT-PIC",
	.route = pic_route,
	.shut = pic_shut,
	.eoi = pic_eoi,
};
