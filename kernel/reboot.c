/* SPDX-License-Identifier: MIT */
/*
 * An orderly end: the hooks run in the reverse order of their registration, then the machine is
 * switched off or reset by the home. The power button's thread waits from boot on: memory may be
 * short when it is needed.
 */
#include <errno.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/reboot.h>
#include <kernel/wait.h>

static void (*hooks[MAX_SHUTDOWN_HOOKS])(void);
static unsigned nhooks;
static u32 ending; /* [a] only the first request counts */

static struct wait_queue button_wq;
static u32 button_pressed; /* [a] */

void register_shutdown_hook(void (*fn)(void))
{
	if (WARN_ON_ONCE(nhooks == MAX_SHUTDOWN_HOOKS))
		return;
	hooks[nhooks++] = fn;
}

static void run_hooks(void)
{
	if (xchg(&ending, 1))
		thread_exit(0);
	while (nhooks)
		hooks[--nhooks]();
}

void kernel_power_off(void)
{
	run_hooks();
	pr_notice("reboot: power down");
	machine_power_off();
}

void kernel_restart(void)
{
	run_hooks();
	pr_notice("reboot: restarting");
	machine_restart();
}

void orderly_poweroff(void)
{
	WRITE_ONCE(button_pressed, 1);
	wake_up_all(&button_wq);
}

static int wait_for_button(void *arg)
{
	wait_event(&button_wq, READ_ONCE(button_pressed));
	pr_notice("reboot: power button pressed");
	kernel_power_off();
}

static int reboot_init(void)
{
	struct thread *t;

	wait_queue_init(&button_wq);
	t = thread_create("powerbtn", wait_for_button, NULL, 0, PRIO_HIGH);
	if (!t)
		return -ENOMEM;
	thread_put(t);
	return 0;
}

DEFINE_INITCALL(INIT_DRIVER, reboot_init);
