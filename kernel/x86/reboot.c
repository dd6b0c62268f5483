/* SPDX-License-Identifier: MIT */
/*
 * Switching the machine off, or starting it again: first as ACPI says, then by what hypervisors and
 * chipsets have in common, until one of them works. Any context.
 */
#include "x86_int.h"

#include <home/portio.h>
#include <kernel/acpi.h>
#include <kernel/reboot.h>
#include <kernel/time.h>

#define KBC_STATUS      0x64
#define KBC_INPUT_FULL  0x02
#define KBC_PULSE_RESET 0xFE
#define RESET_CONTROL   0xCF9
#define RESET_HARD      0x02
#define RESET_GO        0x04
#define SLEEP_S5        0x2000
#define PM1A_CNT_Q35_PC 0x604 /* QEMU 2 and later */
#define PM1A_CNT_OLD    0xB004
#define MAX_POLLS       10000
#define SETTLE_US       20000

void machine_halt(void)
{
	local_irq_disable();
	smp_stop_others();
	cpu_stop();
}

void machine_power_off(void)
{
	local_irq_disable();
	acpi_power_off();
	outw(SLEEP_S5, PM1A_CNT_Q35_PC);
	outw(SLEEP_S5, PM1A_CNT_OLD);
	machine_halt();
}

static void keyboard_reset(void)
{
	for (unsigned n = 0; n < MAX_POLLS && inb(KBC_STATUS) & KBC_INPUT_FULL; n++)
		cpu_relax();
	outb(KBC_PULSE_RESET, KBC_STATUS);
	udelay(SETTLE_US);
}

/* An exception whose handler cannot be reached, because there is no table of handlers. */
static _Noreturn void triple_fault(void)
{
	struct {
		u16 limit;
		u64 base;
	} __packed nothing = {0, 0};

	__asm__ volatile("lidt %0; int3" ::"m"(nothing));
	cpu_stop();
}

void machine_restart(void)
{
	local_irq_disable();
	acpi_reset();
	udelay(SETTLE_US);
	keyboard_reset();
	outb(RESET_HARD, RESET_CONTROL);
	outb(RESET_HARD | RESET_GO, RESET_CONTROL);
	udelay(SETTLE_US);
	triple_fault();
}
