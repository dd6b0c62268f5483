/* SPDX-License-Identifier: MIT */
/*
 * ACPI's fixed hardware: soft-off, reset, the PM timer and the power button, through the
 * registers that the FADT names; on hardware-reduced machines through its sleep registers and
 * the generic event device. acpi_power_init() runs once in thread context; power-off and reset may
 * come from any context, panics included, so what they need is mapped beforehand.
 * ACPI 6.5 sections 4.8 (fixed hardware), 4.8.3.7 (sleep registers), 5.6.9 (event device).
 */
#define pr_fmt(fmt) "acpi: " fmt
#include "acpi_int.h"

#include <errno.h>
#include <home/portio.h>
#include <kernel/init.h>
#include <kernel/io.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/reboot.h>
#include <kernel/time.h>
#include <lib/string.h>

/* PM1 status, enable (4.8.3.1) and control (4.8.3.2) registers. */
#define PM1_PWRBTN    (1u << 8)
#define PM1_SCI_EN    (1u << 0)
#define PM1_SLP_SHIFT 10
#define PM1_SLP_MASK  (7u << PM1_SLP_SHIFT)
#define PM1_SLP_EN    (1u << 13)
/* Sleep control register of hardware-reduced machines (4.8.3.7). */
#define SLEEP_TYP_SHIFT 2
#define SLEEP_EN        (1u << 5)
/* How long a machine may take to switch off, or to enter ACPI mode. */
#define SWITCH_US 100000u
/* QEMU's event device: bit of the selector register that means the power button. */
#define GED_EVENT_POWER 2u

struct reg {
	enum { REG_NONE, REG_IO, REG_MEM } kind;
	u16 port;
	void *mem;
};

static struct {
	bool ready;
	bool reduced; /* hardware-reduced: sleep register instead of PM1 */
	bool s5_known;
	struct aml_s5 s5;
	u16 evt_a, evt_b, enable_off; /* PM1 event blocks; 0: none */
	u16 cnt_a, cnt_b;
	struct reg sleep, reset;
	u8 reset_value;
	void *ged_sel;
} power;

static struct reg reg_map(const struct acpi_gas *g)
{
	struct reg r = {REG_NONE};

	if (g->address == 0)
		return r;
	if (g->space == ACPI_SPACE_IO && g->address <= 0xffff) {
		r.kind = REG_IO;
		r.port = (u16)g->address;
	} else if (g->space == ACPI_SPACE_MEMORY) {
		r.mem = ioremap(g->address, 1);
		if (r.mem)
			r.kind = REG_MEM;
	}
	return r;
}

static void reg_write8(const struct reg *r, u8 v)
{
	if (r->kind == REG_IO)
		outb(v, r->port);
	else if (r->kind == REG_MEM)
		writeb(v, r->mem);
}

static void s5_scan(const u8 *aml, size_t len, void *arg)
{
	if (!power.s5_known)
		power.s5_known = aml_find_s5(aml, len, &power.s5);
}

static u16 io_port(u32 address)
{
	return address <= 0xffff ? (u16)address : 0;
}

/* Pick up the registers. Machines of 1996 and of today fill different members. */
static void registers_init(const struct acpi_fadt *f)
{
	power.reduced = f->h.revision >= 5 && (f->flags & FADT_F_HW_REDUCED);
	if (fadt_has(f, reset_value) && (f->flags & FADT_F_RESET_REG_SUP)) {
		power.reset = reg_map(&f->reset_reg);
		power.reset_value = f->reset_value;
	}
	if (power.reduced) {
		if (fadt_has(f, sleep_status))
			power.sleep = reg_map(&f->sleep_control);
		return;
	}
	power.evt_a = f->pm1_evt_len >= 4 ? io_port(f->pm1a_evt) : 0;
	power.evt_b = f->pm1_evt_len >= 4 ? io_port(f->pm1b_evt) : 0;
	power.enable_off = f->pm1_evt_len / 2;
	power.cnt_a = f->pm1_cnt_len >= 2 ? io_port(f->pm1a_cnt) : 0;
	power.cnt_b = f->pm1_cnt_len >= 2 ? io_port(f->pm1b_cnt) : 0;
}

/* Take the machine out of legacy mode (4.8.2.1): the firmware hands the SCI to us. */
static bool acpi_mode_enter(const struct acpi_fadt *f)
{
	if (!power.cnt_a)
		return false;
	if (inw(power.cnt_a) & PM1_SCI_EN)
		return true;
	if (!f->smi_cmd || !f->acpi_enable || f->smi_cmd > 0xffff)
		return false;
	outb(f->acpi_enable, (u16)f->smi_cmd);
	for (unsigned us = 0; us < SWITCH_US; us += 10) {
		if (inw(power.cnt_a) & PM1_SCI_EN)
			return true;
		udelay(10);
	}
	return false;
}

/* Acknowledge the power button in one event block; was it pressed? */
static bool button_take(u16 evt)
{
	if (!evt || !(inw(evt) & PM1_PWRBTN))
		return false;
	outw(PM1_PWRBTN, evt); /* write one to clear */
	return true;
}

static enum irqreturn sci_interrupt(int irq, void *arg)
{
	bool in_a = button_take(power.evt_a), in_b = button_take(power.evt_b);

	if (!in_a && !in_b)
		return IRQ_NONE;
	pr_notice("power button\n");
	orderly_poweroff();
	return IRQ_HANDLED;
}

static int sci_init(const struct acpi_fadt *f)
{
	unsigned irqf, gsi;
	int err;

	if (!power.evt_a || (f->flags & FADT_F_PWR_BUTTON))
		return 0;
	if (!acpi_mode_enter(f)) {
		pr_warn("ACPI mode cannot be entered: no power button\n");
		return -EIO;
	}
	gsi = f->sci_int;
	irqf = IRQF_TRIGGER_LEVEL | IRQF_TRIGGER_LOW; /* 5.2.9: unless the MADT says otherwise */
	if (gsi < 16) {
		unsigned isa_irqf, isa_gsi = acpi_isa_to_gsi(gsi, &isa_irqf);

		if (isa_irqf || isa_gsi != gsi) {
			gsi = isa_gsi;
			irqf = isa_irqf;
		}
	}
	err = request_irq(gsi_to_irq(gsi), sci_interrupt, irqf | IRQF_SHARED, "acpi", &power, 0);
	if (err)
		return err;
	button_take(power.evt_a);
	outw(PM1_PWRBTN, power.evt_a + power.enable_off);
	if (power.evt_b) {
		button_take(power.evt_b);
		outw(PM1_PWRBTN, power.evt_b + power.enable_off);
	}
	return 0;
}

static enum irqreturn ged_interrupt(int irq, void *arg)
{
	/* Reading takes the events. */
	u32 events = readl(power.ged_sel);

	if (events & GED_EVENT_POWER) {
		pr_notice("power button\n");
		orderly_poweroff();
	}
	return events ? IRQ_HANDLED : IRQ_NONE;
}

static void ged_found(const u8 *body, size_t len, void *arg)
{
	struct aml_ged *ged = arg;
	struct aml_resources res;

	if (ged->sel || !aml_crs(body, len, &res) || !res.has_irq)
		return;
	if (aml_memory_region(body, len, sizeof(u32), &ged->sel)) {
		ged->gsi = res.gsi;
		ged->irqf = res.irqf;
	}
}

static void ged_scan(const u8 *aml, size_t len, void *arg)
{
	aml_for_each_device(aml, len, "ACPI0013", ged_found, arg);
}

/* What an event means is told by AML in general; QEMU's tables (OEM "BOCHS ") keep one layout. */
static int ged_init(const struct acpi_fadt *f)
{
	struct aml_ged ged = {0};

	if (memcmp(f->h.oem_id, "BOCHS ", 6) != 0)
		return 0;
	acpi_for_each_aml(ged_scan, &ged);
	if (!ged.sel)
		return 0;
	power.ged_sel = ioremap(ged.sel, sizeof(u32));
	if (!power.ged_sel)
		return -ENOMEM;
	return request_irq(gsi_to_irq(ged.gsi), ged_interrupt, ged.irqf, "acpi-ged", &power, 0);
}

static int acpi_power_init(void)
{
	const struct acpi_fadt *f;
	int err;

	if (acpi_init() != 0)
		return 0;
	f = acpi_fadt_get();
	if (!f) {
		pr_warn("no FADT: no power-off\n");
		return 0;
	}
	registers_init(f);
	power.ready = true;
	err = power.reduced ? ged_init(f) : sci_init(f);
	if (err)
		pr_warn("no power button (error %d)\n", err);
	return 0;
}
DEFINE_INITCALL(INIT_DRIVER, acpi_power_init);

static void pm1_sleep(u16 cnt, u8 typ)
{
	u16 v;

	if (!cnt)
		return;
	v = inw(cnt) & ~(PM1_SLP_MASK | PM1_SLP_EN);
	outw(v | typ << PM1_SLP_SHIFT, cnt);
	outw(v | typ << PM1_SLP_SHIFT | PM1_SLP_EN, cnt);
}

void acpi_power_off(void)
{
	if (!power.ready)
		return;
	/* Kilobytes to read through: not at each boot. */
	acpi_for_each_aml(s5_scan, NULL);
	if (!power.s5_known)
		return;
	if (power.reduced) {
		reg_write8(&power.sleep, (u8)(power.s5.typ_a << SLEEP_TYP_SHIFT | SLEEP_EN));
	} else {
		pm1_sleep(power.cnt_a, power.s5.typ_a);
		pm1_sleep(power.cnt_b, power.s5.typ_b);
	}
	udelay(SWITCH_US);
}

void acpi_reset(void)
{
	if (!power.ready || power.reset.kind == REG_NONE)
		return;
	reg_write8(&power.reset, power.reset_value);
	udelay(SWITCH_US);
}

bool acpi_pm_timer(u16 *port, u32 *mask)
{
	const struct acpi_fadt *f = acpi_fadt_get();

	if (!f || f->pm_tmr_len != 4 || !io_port(f->pm_tmr) ||
	    (f->h.revision >= 5 && (f->flags & FADT_F_HW_REDUCED)))
		return false;
	*port = io_port(f->pm_tmr);
	*mask = f->flags & FADT_F_TMR_VAL_EXT ? 0xffffffffu : 0xffffffu;
	return true;
}

struct mmio_walk {
	void (*fn)(u64 base, u64 size, unsigned gsi, unsigned irqf, void *arg);
	void *arg;
	unsigned found;
};

static void mmio_device(const u8 *body, size_t len, void *arg)
{
	struct mmio_walk *w = arg;
	struct aml_resources res;

	if (!aml_crs(body, len, &res) || !res.has_mem || !res.has_irq || res.mem_size == 0) {
		pr_warn("virtio-mmio device without resources ignored\n");
		return;
	}
	w->fn(res.mem_base, res.mem_size, res.gsi, res.irqf, w->arg);
	w->found++;
}

static void mmio_scan(const u8 *aml, size_t len, void *arg)
{
	aml_for_each_device(aml, len, "LNRO0005", mmio_device, arg);
}

unsigned acpi_for_each_virtio_mmio(void (*fn)(u64 base, u64 size, unsigned gsi, unsigned irqf,
					      void *arg),
				   void *arg)
{
	struct mmio_walk w = {.fn = fn, .arg = arg};

	acpi_for_each_aml(mmio_scan, &w);
	return w.found;
}
