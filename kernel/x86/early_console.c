/* SPDX-License-Identifier: MIT */
/*
 * The serial line at 0x3F8 without a driver: polled output, 115200 8N1. A boot that goes well does
 * not use it, as a line takes longer than most of the steps it tells of: the log waits for the
 * UART driver. A panic before that, or `earlycon` on the command line, starts it. A port that is
 * not there reads as 0xFF and is left alone. 16550D data sheet, section 8.
 */
#include "x86_int.h"

#include <home/portio.h>
#include <kernel/cmdline.h>
#include <kernel/log.h>

#define COM1        0x3F8
#define UART_THR    (COM1 + 0)
#define UART_IER    (COM1 + 1)
#define UART_FCR    (COM1 + 2)
#define UART_LCR    (COM1 + 3)
#define UART_MCR    (COM1 + 4)
#define UART_LSR    (COM1 + 5)
#define UART_SCR    (COM1 + 7)
#define LCR_8N1     0x03
#define LCR_DLAB    0x80
#define MCR_DTR_RTS 0x03
#define LSR_THRE    0x20
#define MAX_POLLS   100000

static enum { WAITING, RUNNING, STOPPED } state;

static void put_byte(char c)
{
	for (unsigned n = 0; n < MAX_POLLS && !(inb(UART_LSR) & LSR_THRE); n++)
		cpu_relax();
	outb((u8)c, UART_THR);
}

static void early_write(struct console *c, const char *s, size_t len)
{
	if (state != RUNNING)
		return;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\n')
			put_byte('\r');
		put_byte(s[i]);
	}
}

static struct console early_console = {.name = "early", .write = early_write};

static bool chip_init(void)
{
	outb(0x5A, UART_SCR);
	if (inb(UART_SCR) != 0x5A)
		return false;
	outb(0, UART_IER);
	outb(LCR_DLAB | LCR_8N1, UART_LCR);
	outb(1, COM1); /* divisor 1: 115200 */
	outb(0, COM1 + 1);
	outb(LCR_8N1, UART_LCR);
	outb(0x01, UART_FCR);
	outb(MCR_DTR_RTS, UART_MCR);
	return true;
}

void early_console_start(void)
{
	if (state != WAITING)
		return;
	state = chip_init() ? RUNNING : STOPPED;
	if (state == RUNNING)
		register_console(&early_console);
}

void early_console_init(void)
{
	if (cmdline_get("earlycon"))
		early_console_start();
}

void early_console_stop(void)
{
	state = STOPPED;
}
