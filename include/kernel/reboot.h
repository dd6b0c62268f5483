/* SPDX-License-Identifier: MIT */
/*
 * The end of the machine: power off (ACPI S5, or what the platform has), reset, halt.
 */
#ifndef KERNEL_REBOOT_H
#define KERNEL_REBOOT_H

#include <lib/compiler.h>

/* Run the shutdown hooks (close listeners, release the lease), then switch off / reset / stop.
 * Thread context for the first two; machine_halt() in any. */
_Noreturn void kernel_power_off(void);
_Noreturn void kernel_restart(void);
_Noreturn void machine_halt(void);

/* Supplied by the home, called last: any context. */
_Noreturn void machine_power_off(void);
_Noreturn void machine_restart(void);

/* Called by the power button: starts an orderly power-off from a thread. Any context. */
void orderly_poweroff(void);

#define MAX_SHUTDOWN_HOOKS 8
void register_shutdown_hook(void (*fn)(void));

#endif
