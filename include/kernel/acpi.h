/* SPDX-License-Identifier: MIT */
/*
 * ACPI without an AML interpreter: static tables, the fixed hardware registers of the FADT, and a
 * structural scan of the DSDT for the few things that have no table (\_S5, virtio-mmio devices,
 * the generic event device). Tables come from outside and are checked before use: whatever these
 * functions hand out has a right checksum and lies within its table. ACPI 6.5.
 */
#ifndef KERNEL_ACPI_H
#define KERNEL_ACPI_H

#include <lib/compiler.h>
#include <lib/types.h>

/* 5.2.6 */
struct acpi_header {
	char signature[4];
	u32 length; /* bytes, this header included */
	u8 revision, checksum;
	char oem_id[6], oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} __packed;
static_assert(sizeof(struct acpi_header) == 36, "ACPI 6.5 table 5.4");

/* 5.2.3.2: the address of a register, in one of several spaces. */
enum acpi_space { ACPI_SPACE_MEMORY, ACPI_SPACE_IO, ACPI_SPACE_PCI };
struct acpi_gas {
	u8 space, bit_width, bit_offset, access_size;
	u64 address;
} __packed;
static_assert(sizeof(struct acpi_gas) == 12, "ACPI 6.5 table 5.1");

/* 5.2.12: interrupt controllers and processors. */
struct acpi_madt {
	struct acpi_header h;
	u32 lapic_address;
	u32 flags; /* bit 0: a pair of 8259s is there as well */
} __packed;

enum acpi_madt_type {
	ACPI_MADT_LAPIC = 0,
	ACPI_MADT_IOAPIC = 1,
	ACPI_MADT_OVERRIDE = 2,
	ACPI_MADT_NMI_SOURCE = 3,
	ACPI_MADT_LAPIC_NMI = 4,
	ACPI_MADT_LAPIC_ADDRESS = 5,
	ACPI_MADT_X2APIC = 9,
	ACPI_MADT_X2APIC_NMI = 10,
};

struct acpi_madt_entry {
	u8 type, length;
} __packed;

#define ACPI_MADT_CPU_ENABLED        1u
#define ACPI_MADT_CPU_ONLINE_CAPABLE 2u

struct acpi_madt_lapic {
	struct acpi_madt_entry e;
	u8 acpi_id, apic_id;
	u32 flags;
} __packed;
static_assert(sizeof(struct acpi_madt_lapic) == 8, "ACPI 6.5 table 5.21");

struct acpi_madt_ioapic {
	struct acpi_madt_entry e;
	u8 id, reserved;
	u32 address, gsi_base;
} __packed;
static_assert(sizeof(struct acpi_madt_ioapic) == 12, "ACPI 6.5 table 5.22");

/* flags, MPS INTI: bits 0-1 polarity (1 high, 3 low), bits 2-3 trigger (1 edge, 3 level), 0 for
 * what the bus usually has. */
struct acpi_madt_override {
	struct acpi_madt_entry e;
	u8 bus, source; /* bus 0: ISA */
	u32 gsi;
	u16 flags;
} __packed;
static_assert(sizeof(struct acpi_madt_override) == 10, "ACPI 6.5 table 5.23");

struct acpi_madt_lapic_nmi {
	struct acpi_madt_entry e;
	u8 acpi_id; /* 0xff: all */
	u16 flags;
	u8 lint;
} __packed;
static_assert(sizeof(struct acpi_madt_lapic_nmi) == 6, "ACPI 6.5 table 5.26");

struct acpi_madt_lapic_address {
	struct acpi_madt_entry e;
	u16 reserved;
	u64 address;
} __packed;
static_assert(sizeof(struct acpi_madt_lapic_address) == 12, "ACPI 6.5 table 5.27");

struct acpi_madt_x2apic {
	struct acpi_madt_entry e;
	u16 reserved;
	u32 apic_id, flags, acpi_uid;
} __packed;
static_assert(sizeof(struct acpi_madt_x2apic) == 16, "ACPI 6.5 table 5.34");

/* IA-PC HPET 1.0a, 3.2.4 */
struct acpi_hpet {
	struct acpi_header h;
	u32 block_id;
	struct acpi_gas address;
	u8 number;
	u16 min_tick;
	u8 attributes;
} __packed;
static_assert(sizeof(struct acpi_hpet) == 56, "HPET 1.0a 3.2.4");

/* PCI Firmware 3.3, 4.1.2: one ECAM window. */
struct acpi_mcfg_window {
	u64 address;
	u16 segment;
	u8 bus_start, bus_end;
	u32 reserved;
} __packed;
static_assert(sizeof(struct acpi_mcfg_window) == 16, "PCI Firmware 3.3 table 4-3");

/*
 * Find the root pointer (at bootinfo.rsdp, else in the BIOS area), check the root table and each
 * table it names. Needs no allocator, lock or interrupt: called by the boot CPU as soon as
 * firmware memory can be read. 0, or -ENODEV where there is no ACPI, -EINVAL where it is broken
 * beyond use. Calling it again changes nothing. Until it succeeded, everything below answers
 * "not there".
 */
int acpi_init(void);

/* Supplied by the home (weak: identity): make firmware memory [phys, phys + len) readable, early
 * in boot. NULL where that cannot be. */
const void *acpi_os_map(u64 phys, size_t len);

/* The index-th table with that signature ("APIC", "FACP", "DSDT" ...), NULL for none. At least
 * a header long, checksum right, valid for ever. */
const void *acpi_find_table(const char sig[4], unsigned index);

/* Each table in order, for /proc and the log. */
void acpi_for_each_table(void (*fn)(const struct acpi_header *h, u64 phys, void *arg), void *arg);

/* The MADT, or NULL. fn is called for each of its entries that is as long as its type demands. */
const struct acpi_madt *acpi_madt_get(void);
void acpi_madt_for_each(void (*fn)(const struct acpi_madt_entry *e, void *arg), void *arg);

/* Where ISA interrupt irq arrives: its global system interrupt and IRQF_TRIGGER_* flags, from the
 * MADT's overrides; without one gsi == irq, edge, high. */
unsigned acpi_isa_to_gsi(unsigned irq, unsigned *irqf);

/* Physical address of the HPET's registers, 0 for none. */
u64 acpi_hpet_address(void);

/* ECAM window number index; false past the last one. */
bool acpi_mcfg_get(unsigned index, struct acpi_mcfg_window *w);

/* The PM timer: 3.579545 MHz, 24 or 32 bits wide (mask). Port number in *port, or false. */
#define ACPI_PM_TIMER_HZ 3579545u
bool acpi_pm_timer(u16 *port, u32 *mask);

/* Call fn for each virtio-mmio device (_HID LNRO0005) that the DSDT and SSDTs describe. Device
 * registers at [base, base + size), interrupt gsi with IRQF_TRIGGER_* flags. Returns how many. */
unsigned acpi_for_each_virtio_mmio(void (*fn)(u64 base, u64 size, unsigned gsi, unsigned irqf,
					      void *arg),
				   void *arg);

/* Enter soft-off (S5) or pull the reset register. They return only where that failed, or is not
 * offered. Any context. */
void acpi_power_off(void);
void acpi_reset(void);

#endif
