/* SPDX-License-Identifier: MIT */
/*
 * The PC's serial ports. console=ttyS<n>[,<baud>[n8]] chooses the one that is the console (the last
 * such word counts; ttyS0 at 115200 without any): it takes over from the early console, gets the
 * kernel's log and becomes /dev/console. Without its interrupt it still prints.
 */
#define pr_fmt(fmt) "serial: " fmt
#include <home/portio.h>
#include <kernel/acpi.h>
#include <kernel/cmdline.h>
#include <kernel/init.h>
#include <kernel/irq.h>
#include <kernel/vfs.h>
#include <lib/err.h>
#include <lib/kstrto.h>
#include <lib/printf.h>
#include <lib/string.h>

#include "uart_int.h"

#define UART_BAUD_DEFAULT 115200u
#define UART_BAUD_MIN     50u
#define UART_BAUD_MAX     115200u
#define TTYS_MINOR        64u

static const struct {
	u16 port;
	u8 irq;
} isa_ports[] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};

static struct uart console_uart;
static char console_name[8]; /* "ttyS0" */

static u8 port_in(const struct uart *u, unsigned reg)
{
	return inb((u16)(u->port + reg));
}

static void port_out(const struct uart *u, unsigned reg, u8 v)
{
	outb(v, (u16)(u->port + reg));
}

/* "ttyS1,9600n8": the port's number and speed; what is not understood is said and left alone. */
static void parse_console(const char *s, unsigned *n, u32 *baud)
{
	u32 v = 0;

	*n = 0;
	*baud = UART_BAUD_DEFAULT;
	if (!s)
		return;
	if (!str_has_prefix(s, "ttyS") || s[4] < '0' || s[4] >= '0' + (int)ARRAY_SIZE(isa_ports) ||
	    (s[5] && s[5] != ',')) {
		pr_warn("console=%s: not one of ttyS0 to ttyS3, using ttyS0\n", s);
		return;
	}
	*n = (unsigned)(s[4] - '0');
	if (!s[5])
		return;
	for (s += 6; *s >= '0' && *s <= '9' && v <= UART_BAUD_MAX; s++)
		v = v * 10 + (u32)(*s - '0');
	if (v < UART_BAUD_MIN || v > UART_BAUD_MAX || (*s && strcmp(s, "n8") && strcmp(s, "n")))
		pr_warn("console=: a speed of %u, or what follows it, is not offered\n", v);
	else
		*baud = v;
}

static enum irqreturn uart_irq(int irq, void *arg)
{
	return uart_interrupt(arg) ? IRQ_HANDLED : IRQ_NONE;
}

static void show_stats(struct seq_file *m)
{
	const struct uart *u = m->private;
	const struct uart_stats *s = &u->stats;

	seq_printf(m, "serinfo:1.0 driver\n");
	seq_printf(m, "%s: port:%03X fifo:%u tx:%llu rx:%llu fe:%llu pe:%llu brk:%llu oe:%llu",
		   console_name, u->port, u->fifo_bytes, s->tx, s->rx, s->frame, s->parity,
		   s->breaks, s->overrun);
	seq_printf(m, " lost:%llu irq:%llu polled:%llu\n", u->tty.rx_overflow, s->interrupts,
		   s->polled);
}

static void start_irq(struct uart *u, unsigned isa_irq)
{
	unsigned irqf, gsi = acpi_isa_to_gsi(isa_irq, &irqf);
	int err = request_irq(gsi_to_irq(gsi), uart_irq, irqf, console_name, u, 0);

	if (err) {
		pr_warn("%s: no interrupt (%pe): it prints, but does not listen\n", console_name,
			ERR_PTR(err));
		return;
	}
	uart_start_irq(u);
}

static int uart_isa_init(void)
{
	struct uart *u = &console_uart;
	unsigned n;
	u32 baud;
	int err;

	parse_console(cmdline_get("console"), &n, &baud);
	u->in = port_in;
	u->out = port_out;
	u->port = isa_ports[n].port;
	snprintf(console_name, sizeof(console_name), "ttyS%u", n);
	if (!uart_probe(u, baud)) {
		pr_warn("%s: nothing answers at port %x\n", console_name, u->port);
		return -ENODEV;
	}
	u->tty.rdev_minor = TTYS_MINOR + n;
	err = tty_register(&u->tty, console_name, true);
	if (err)
		return err;
	early_console_stop();
	u->console.name = console_name;
	/* The interrupt first: what was logged until now then leaves by and by. */
	start_irq(u, isa_ports[n].irq);
	register_console(&u->console);
	proc_create("/proc/tty/driver/serial", show_stats, NULL, u);
	pr_info("%s: port %x, %s, %u baud\n", console_name, u->port,
		u->fifo_bytes > 1 ? "16550A" : "8250", baud);
	return 0;
}
DEFINE_INITCALL(INIT_DRIVER, uart_isa_init);
