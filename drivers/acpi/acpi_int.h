/* SPDX-License-Identifier: MIT */
/* What the files of this folder share: the FADT and the results of the AML scan. */
#ifndef DRIVERS_ACPI_INT_H
#define DRIVERS_ACPI_INT_H

#include <kernel/acpi.h>

/* 5.2.9, with the members we never read kept as room. Older tables are shorter: read a member
 * through fadt_has(). */
struct acpi_fadt {
	struct acpi_header h;
	u32 facs, dsdt;
	u8 model, profile;
	u16 sci_int;
	u32 smi_cmd;
	u8 acpi_enable, acpi_disable, s4bios, pstate;
	u32 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
	u8 pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_len, gpe1_len, gpe1_base, cst;
	u16 lvl2_lat, lvl3_lat, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, mon_alarm, century;
	u16 boot_arch;
	u8 reserved;
	u32 flags;
	struct acpi_gas reset_reg;
	u8 reset_value;
	u16 arm_boot;
	u8 minor;
	u64 x_facs, x_dsdt;
	struct acpi_gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt, x_pm2_cnt, x_pm_tmr, x_gpe0,
		x_gpe1, sleep_control, sleep_status;
} __packed;
static_assert(offsetof(struct acpi_fadt, flags) == 112, "ACPI 6.5 table 5.9");
static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "ACPI 6.5 table 5.9");
static_assert(sizeof(struct acpi_fadt) == 268, "ACPI 6.5 table 5.9");

/* Shortest FADT that is accepted (ACPI 1.0), and its flags. */
#define FADT_MIN_BYTES       116u
#define FADT_F_PWR_BUTTON    (1u << 4) /* set: the power button is no fixed event */
#define FADT_F_TMR_VAL_EXT   (1u << 8)
#define FADT_F_RESET_REG_SUP (1u << 10)
#define FADT_F_HW_REDUCED    (1u << 20)

#define fadt_has(f, member) ((f)->h.length >= offsetofend(struct acpi_fadt, member))

/* Values of the \_S5 package: what to write into SLP_TYPa and SLP_TYPb. */
struct aml_s5 {
	u8 typ_a, typ_b;
};

/* What the _CRS of a device said. */
struct aml_resources {
	u64 mem_base, mem_size;
	unsigned gsi, irqf;
	bool has_mem, has_irq;
};

/* The generic event device: its event selector register. */
struct aml_ged {
	u64 sel;
	unsigned gsi, irqf;
};

/* Scans of one table's AML (len bytes behind the header). Any bytes are safe input. */
bool aml_find_s5(const u8 *aml, size_t len, struct aml_s5 *s5);
/* fn for each device whose _HID is the string hid: its own body (without nested devices). */
unsigned aml_for_each_device(const u8 *aml, size_t len, const char *hid,
			     void (*fn)(const u8 *body, size_t len, void *arg), void *arg);
bool aml_crs(const u8 *body, size_t len, struct aml_resources *res);
/* The first operation region in system memory of at least size bytes. */
bool aml_memory_region(const u8 *body, size_t len, u64 size, u64 *base);

/* Call fn with the AML of the DSDT and of every SSDT. */
void acpi_for_each_aml(void (*fn)(const u8 *aml, size_t len, void *arg), void *arg);

/* The FADT, NULL without one. */
const struct acpi_fadt *acpi_fadt_get(void);

#endif
