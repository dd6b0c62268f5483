/* SPDX-License-Identifier: MIT */
/*
 * The serial driver and the terminal above it, against a model of the 16550A whose interrupt line
 * is edge-triggered, as it is on a PC. Shown: no byte is lost or doubled either way, slow chip or
 * fast, readers and writers sleep and are woken, what cannot be kept is counted.
 */
#include <kernel/vfs.h>

#define dev_create test_dev_create
static int test_dev_create(const char *path, const struct file_ops *ops, void *private)
{
	return 0;
}
#include <drivers/tty/tty.c>
#include <drivers/uart/uart8250.c>

#include <kernel/thread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host/host.h"

/* -- the chip ----------------------------------------------------------------------------- */

#define OUT_MAX (1 << 17)

static struct {
	bool absent, has_fifo;
	u8 ier, lcr, mcr, fcr, scr, lsr_errors;
	bool thre_pending; /* the transmit interrupt is due */
	bool line;         /* level of the interrupt line */
	bool edge;         /* went up since last looked at */
	unsigned fifo, slowness, wait;
	u8 rx[64];
	unsigned nrx;
	u8 out[OUT_MAX];
	unsigned nout, overwritten;
} chip;

static void chip_line(void)
{
	bool up = (chip.ier & 1 && chip.nrx) || (chip.ier & 2 && chip.thre_pending) ||
		  (chip.ier & 4 && chip.lsr_errors);

	up = up && chip.mcr & 8;
	if (up && !chip.line)
		chip.edge = true;
	chip.line = up;
}

static u8 chip_in(const struct uart *u, unsigned reg)
{
	u8 v;

	if (chip.absent)
		return 0xff;
	if (chip.lcr & 0x80 && reg < 2)
		return 0;
	switch (reg) {
	case 0:
		v = chip.nrx ? chip.rx[0] : 0;
		if (chip.nrx)
			memmove(chip.rx, chip.rx + 1, --chip.nrx);
		break;
	case 1:
		v = chip.ier;
		break;
	case 2:
		v = chip.fcr & 1 && chip.has_fifo ? 0xc0 : 0;
		if (chip.ier & 4 && chip.lsr_errors)
			v |= 6;
		else if (chip.ier & 1 && chip.nrx)
			v |= 4;
		else if (chip.ier & 2 && chip.thre_pending)
			v |= 2, chip.thre_pending = false;
		else
			v |= 1;
		break;
	case 3:
		v = chip.lcr;
		break;
	case 4:
		v = chip.mcr;
		break;
	case 5:
		if (chip.fifo && chip.wait && !--chip.wait) {
			chip.fifo = 0;
			chip.thre_pending = true;
		}
		v = (chip.nrx ? 1 : 0) | chip.lsr_errors | (chip.fifo ? 0 : 0x60);
		chip.lsr_errors = 0;
		break;
	case 6:
		v = chip.mcr & 0x10 ? (u8)((chip.mcr & 8) << 4 | (chip.mcr & 2) << 3) : 0xb0;
		break;
	default:
		v = chip.scr;
	}
	chip_line();
	return v;
}

static void chip_out(const struct uart *u, unsigned reg, u8 v)
{
	if (chip.lcr & 0x80 && reg < 2)
		return;
	switch (reg) {
	case 0:
		chip.thre_pending = false;
		if (chip.fifo == (chip.has_fifo ? 16 : 1))
			chip.overwritten++;
		chip.fifo++;
		chip.wait = chip.slowness;
		chip.out[chip.nout++ % OUT_MAX] = v;
		if (!chip.slowness) {
			chip.fifo = 0;
			chip.thre_pending = true;
		}
		break;
	case 1:
		if (v & 2 && !(chip.ier & 2) && !chip.fifo)
			chip.thre_pending = true;
		chip.ier = v & 15;
		break;
	case 2:
		chip.fcr = v;
		break;
	case 3:
		chip.lcr = v;
		break;
	case 4:
		chip.mcr = v;
		break;
	case 7:
		chip.scr = v;
		break;
	default:
		break;
	}
	chip_line();
}

static void isr(void *arg)
{
	uart_interrupt(arg);
}

/* Time passes for the chip: what it holds goes out, and its edges interrupt. */
static void chip_time(struct uart *u)
{
	for (unsigned n = 0; n < 100000; n++) {
		if (chip.fifo) {
			chip.fifo = 0;
			chip.thre_pending = true;
			chip_line();
		}
		if (!chip.edge)
			return;
		chip.edge = false;
		host_interrupt(0, isr, u);
	}
	fail_msg("interrupts without end");
}

static void chip_receives(struct uart *u, const void *s, unsigned n)
{
	assert_true(n <= sizeof(chip.rx));
	memcpy(chip.rx, s, n);
	chip.nrx = n;
	chip_line();
	chip_time(u);
}

static struct uart *uart_new(bool fifo, unsigned slowness, bool irq)
{
	struct uart *u = calloc(1, sizeof(*u));

	memset(&chip, 0, sizeof(chip));
	chip.has_fifo = fifo;
	chip.slowness = slowness;
	u->in = chip_in;
	u->out = chip_out;
	assert_true(uart_probe(u, 115200));
	assert_int_equal(tty_register(&u->tty, "ttyS0", true), 0);
	if (irq)
		uart_start_irq(u);
	return u;
}

static ssize_t file_io(struct uart *u, bool write, void *buf, size_t len, unsigned flags)
{
	struct file f = {.private = &u->tty, .flags = flags};
	struct iovec iov = {buf, len};
	struct iov_iter it;
	s64 pos = 0;

	iov_iter_init(&it, &iov, 1, len);
	return write ? tty_write(&f, &it, &pos) : tty_read(&f, &it, &pos);
}

static u32 file_poll(struct uart *u)
{
	struct file f = {.private = &u->tty};

	return tty_poll(&f, NULL);
}

/* -- tests -------------------------------------------------------------------------------- */

static void what_chip_it_is(void **state)
{
	struct uart *u = uart_new(true, 0, false);

	assert_int_equal(u->fifo_bytes, 16);
	free(u);
	u = uart_new(false, 0, false);
	assert_int_equal(u->fifo_bytes, 1);
	memset(&chip, 0, sizeof(chip));
	chip.absent = true;
	assert_false(uart_probe(u, 115200));
	free(u);
}

static void log_without_interrupts_waits_for_the_chip(void **state)
{
	static const unsigned slow[] = {0, 3};

	for (unsigned i = 0; i < 4; i++) {
		struct uart *u = uart_new(i & 1, slow[i / 2], false);

		for (unsigned n = 0; n < 500; n++)
			uart_console_write(&u->console, "one line\n", 9);
		assert_int_equal(chip.nout, 500 * 10);
		assert_memory_equal(chip.out, "one line\r\none", 13);
		assert_int_equal(chip.overwritten, 0);
		free(u);
	}
}

/* With interrupts: far more than the ring holds, and the last byte comes without being asked. */
static void log_with_interrupts_loses_nothing(void **state)
{
	struct uart *u = uart_new(true, 5, true);
	char line[32];
	unsigned at = 0;

	for (unsigned n = 0; n < 2000; n++) {
		unsigned len = (unsigned)snprintf(line, sizeof(line), "line %06u\n", n);

		uart_console_write(&u->console, line, len);
		if (host_random_below(3) == 0)
			chip_time(u);
	}
	chip_time(u);
	assert_int_equal(chip.nout, 2000 * 13);
	for (unsigned n = 0; n < 2000; n++, at += 13) {
		snprintf(line, sizeof(line), "line %06u\r\n", n);
		assert_memory_equal(&chip.out[at], line, 13);
	}
	assert_int_equal(chip.overwritten, 0);
	assert_int_equal(chip.ier & 2, 0);
	free(u);
}

static int writer(void *arg)
{
	static char text[20000];

	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = i % 80 == 79 ? '\n' : (char)('a' + i % 26);
	return (int)file_io(arg, true, text, sizeof(text), 0);
}

static void writer_sleeps_until_there_is_room(void **state)
{
	struct uart *u = uart_new(true, 1000000, true);
	struct thread *t = thread_create("writer", writer, u, CPU_ANY, PRIO_NORMAL);
	unsigned col = 0, lines = 0;

	host_run_for(NSEC_PER_MSEC);
	assert_true(chip.nout < 5000);
	assert_int_equal(file_poll(u) & EPOLLOUT, 0);
	/* One FIFO a millisecond. */
	for (unsigned n = 0; n < 20000 && chip.nout < 20250; n++) {
		chip_time(u);
		host_run_for(NSEC_PER_MSEC);
	}
	assert_int_equal(thread_join(t), 20000);
	thread_put(t);
	chip_time(u);
	assert_int_equal(chip.nout, 20000 + 250);
	for (unsigned i = 0; i < chip.nout; i++, col++) {
		if (chip.out[i] != '\r')
			continue;
		assert_int_equal(col, 79);
		assert_int_equal(chip.out[++i], '\n');
		lines++;
		col = (unsigned)-1;
	}
	assert_int_equal(lines, 250);
	free(u);
}

static void nonblocking_write_takes_what_fits(void **state)
{
	struct uart *u = uart_new(true, 1000000, true);
	static char text[10000];
	ssize_t n;

	memset(text, '\n', sizeof(text));
	n = file_io(u, true, text, sizeof(text), O_NONBLOCK);
	assert_in_range(n, UART_TX_BYTES / 2 - 16, UART_TX_BYTES / 2 + 16);
	assert_int_equal(file_io(u, true, text, 10, O_NONBLOCK), -EAGAIN);
	chip_time(u);
	assert_int_equal(chip.nout, 2 * n);
	for (unsigned i = 0; i < chip.nout; i++)
		assert_int_equal(chip.out[i], i & 1 ? '\n' : '\r');
	free(u);
}

static void raw_output_is_left_alone(void **state)
{
	struct uart *u = uart_new(true, 0, true);
	struct file f = {.private = &u->tty};
	struct ktermios t;
	char text[] = "a\nb";

	assert_int_equal(tty_ioctl(&f, TCGETS, &t), 0);
	t.c_oflag = 0;
	assert_int_equal(tty_ioctl(&f, TCSETS, &t), 0);
	assert_int_equal(file_io(u, true, text, 3, 0), 3);
	chip_time(u);
	assert_int_equal(chip.nout, 3);
	assert_int_equal(tty_ioctl(&f, 0x1234, &t), -ENOTTY);
	free(u);
}

static int reader(void *arg)
{
	char buf[100];
	ssize_t n = file_io(arg, false, buf, sizeof(buf), 0);

	return n == 3 && !memcmp(buf, "\x03hi", 3) ? 1 : (int)n;
}

/* Ctrl-C is a byte like any other. */
static void reader_sleeps_until_something_comes(void **state)
{
	struct uart *u = uart_new(true, 0, true);
	struct thread *t = thread_create("reader", reader, u, CPU_ANY, PRIO_NORMAL);
	char buf[8];

	host_run_for(NSEC_PER_MSEC);
	assert_int_equal(file_poll(u) & EPOLLIN, 0);
	assert_int_equal(file_io(u, false, buf, sizeof(buf), O_NONBLOCK), -EAGAIN);
	chip_receives(u, "\x03hi", 3);
	assert_int_equal(file_poll(u) & EPOLLIN, EPOLLIN);
	assert_int_equal(thread_join(t), 1);
	thread_put(t);
	free(u);
}

/* A sender that looks at the chip's FIFO, as an emulator does, or at RTS, is held back while nobody
 * reads; each of its bytes arrives when somebody does. */
static void input_waits_for_its_reader(void **state)
{
	struct uart *u = uart_new(true, 0, true);
	unsigned sent = 0, held = 0, got = 0;
	char buf[300];

	while (got < 1600) {
		while (sent < 1600 && !chip.nrx) {
			chip_receives(u, "0123456789abcdef", 16);
			sent += 16;
		}
		assert_int_equal(!(chip.mcr & 2), chip.nrx != 0);
		held += chip.nrx != 0;
		for (ssize_t n = file_io(u, false, buf, sizeof(buf), 0), i = 0; i < n; i++, got++)
			assert_int_equal(buf[i], "0123456789abcdef"[got % 16]);
		chip_time(u);
	}
	assert_true(held > 0);
	assert_int_equal(got, 1600);
	assert_int_equal(u->tty.rx_overflow, 0);
	chip.lsr_errors = LSR_OVERRUN;
	chip_receives(u, "x", 1);
	assert_int_equal(u->stats.overrun, 1);
	assert_int_equal(file_io(u, false, buf, sizeof(buf), 0), 1);
	/* A break is no byte. */
	chip.lsr_errors = LSR_BREAK;
	chip_receives(u, "", 1);
	assert_int_equal(u->stats.breaks, 1);
	assert_int_equal(file_io(u, false, buf, sizeof(buf), O_NONBLOCK), -EAGAIN);
	free(u);
}

static int setup(void **state)
{
	host_init(1);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_chip_it_is),
		cmocka_unit_test(log_without_interrupts_waits_for_the_chip),
		cmocka_unit_test(log_with_interrupts_loses_nothing),
		cmocka_unit_test(writer_sleeps_until_there_is_room),
		cmocka_unit_test(nonblocking_write_takes_what_fits),
		cmocka_unit_test(raw_output_is_left_alone),
		cmocka_unit_test(reader_sleeps_until_something_comes),
		cmocka_unit_test(input_waits_for_its_reader),
	};

	return cmocka_run_group_tests_name("uart", tests, setup, NULL);
}
