/* SPDX-License-Identifier: MIT */
/* Ctrl-C for programs that run long: contract in term.h. */
#include "term.h"

#include <asm/termbits.h>
#include <sys/ioctl.h>

/* The thread that runs what the console asked for: others are not Ctrl-C's business. */
static int foreground;

struct pollfd interrupt_pollfd(void)
{
	return (struct pollfd){.fd = gettid() == foreground ? STDIN_FILENO : -1, .events = POLLPRI};
}

bool sleep_or_interrupt(unsigned ms)
{
	struct pollfd p = interrupt_pollfd();

	if (poll(&p, 1, (int)ms) > 0 && p.revents & POLLPRI)
		return true;
	if (p.revents && ms) /* there is no terminal, or it has hung up */
		usleep(ms * 1000);
	return false;
}

bool interrupted(void)
{
	return sleep_or_interrupt(0);
}

void catch_interrupts(bool on)
{
	struct termios t;

	foreground = on ? gettid() : 0;
	if (ioctl(STDIN_FILENO, TCGETS, &t))
		return;
	t.c_lflag = on ? t.c_lflag | ISIG : t.c_lflag & ~(tcflag_t)ISIG;
	ioctl(STDIN_FILENO, TCSETS, &t);
}
