/* SPDX-License-Identifier: MIT */
/*
 * Bring-up. kernel_main() is the table of contents of the boot; subsystems announce themselves
 * by DEFINE_INITCALL in the level they belong to, run in the order of levels, within one level
 * in link order. Applications announce themselves by APP() of app.h.
 */
#ifndef KERNEL_INIT_H
#define KERNEL_INIT_H

#include <kernel/app.h>
#include <lib/compiler.h>
#include <lib/types.h>

enum init_level {
	INIT_CORE,   /* sysctl, vfs, log files */
	INIT_NET,    /* protocols register */
	INIT_DRIVER, /* buses, devices */
	INIT_LATE,   /* addresses from ip=, archives */
};

struct initcall {
	enum init_level level;
	const char *name;
	int (*fn)(void); /* 0 or -errno (logged) */
};

#define DEFINE_INITCALL(lvl, func)                                                                 \
	static const struct initcall __initcall_##func __attribute__((section("initcalls"), used)) \
	__aligned(8) = {lvl, #func, func}

/* Run all calls of a level. */
void do_initcalls(enum init_level level);

/* Both homes call this once memory, per-CPU data, time and threads work; it never blocks for long.
 * Runs INIT_CORE .. INIT_LATE, then starts the apps. */
void kernel_start(void);
const struct app *app_find(const char *name);
void app_for_each(void (*fn)(const struct app *a, void *arg), void *arg);

#endif
