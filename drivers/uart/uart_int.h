/* SPDX-License-Identifier: MIT */
/*
 * A UART of the 8250 family: the chip's logic (uart8250.c), apart from where its registers are and
 * how its interrupt comes in (uart_isa.c).
 */
#ifndef DRIVERS_UART_UART_INT_H
#define DRIVERS_UART_UART_INT_H

#include <kernel/log.h>
#include <kernel/spinlock.h>

#include "../tty/tty.h"

#define UART_TX_BYTES 4096u /* power of two */

struct uart_stats {
	u64 tx, rx, overrun, parity, frame, breaks, interrupts, polled;
};

struct uart {
	/* Registers 0 to 7. */
	u8 (*in)(const struct uart *u, unsigned reg);          /* [I] */
	void (*out)(const struct uart *u, unsigned reg, u8 v); /* [I] */
	u16 port;                                              /* [I] */
	u8 fifo_bytes;                                         /* [I] of the transmit FIFO */
	bool irq_driven;         /* the interrupt works: output may wait for it */
	struct spinlock lock;    /* registers and transmit ring */
	u8 ier;                  /* [lock] our copy of the interrupt enables */
	u8 tx[UART_TX_BYTES];    /* [lock] */
	u32 tx_head, tx_tail;    /* [lock] free-running; head is written next */
	bool writers_wait;       /* [lock] somebody found the ring full */
	bool rx_stopped;         /* [lock] the tty is full: bytes wait in the chip */
	struct uart_stats stats; /* [lock] */
	struct tty tty;
	struct console console;
};

/* Is there a UART? If so it is left reset, quiet, at baud 8N1 with FIFOs on where it has some. */
bool uart_probe(struct uart *u, u32 baud);

/* Have receive interrupts on from now; output is sent by transmit interrupts. */
void uart_start_irq(struct uart *u);

/* The interrupt handler's work: serve the chip until it has nothing more to say. Hardirq.
 * Returns whether it had anything. */
bool uart_interrupt(struct uart *u);

/* struct console's write. */
void uart_console_write(struct console *c, const char *s, size_t len);

extern const struct tty_port_ops uart_tty_ops;

#endif
