/* SPDX-License-Identifier: MIT */
/*
 * 8250, 16450, 16550A (National Semiconductor PC16550D data sheet, section 8). Output goes through
 * a ring that is sent as far as the chip takes it at once; the rest follows by transmit interrupts.
 * Where those cannot come (before uart_start_irq(), interrupts off, a panic) or the ring is full,
 * the log's output waits for the chip, so that no line of it is lost; a tty write never does.
 * While the terminal's reader is behind, what comes in stays in the chip and RTS is off: an
 * emulated line, and a real one with RTS wired, then waits as well.
 */
#include "uart_int.h"

#include <home/cpu.h>
#include <kernel/preempt.h>
#include <lib/string.h>

/* Registers; DLL and DLM are behind RBR/THR and IER while LCR_DLAB is set. */
#define UART_RBR 0
#define UART_THR 0
#define UART_IER 1
#define UART_IIR 2
#define UART_FCR 2
#define UART_LCR 3
#define UART_MCR 4
#define UART_LSR 5
#define UART_MSR 6
#define UART_SCR 7
#define UART_DLL 0
#define UART_DLM 1

#define IER_RX   0x01
#define IER_THRE 0x02
#define IER_LINE 0x04

#define IIR_NONE 0x01
#define IIR_FIFO 0xc0 /* both: working FIFOs (16550A) */

#define FCR_ENABLE   0x01
#define FCR_CLEAR    0x06
#define FCR_TRIGGER8 0x80 /* interrupt at 8 bytes, or after a pause */

#define LCR_8N1  0x03
#define LCR_DLAB 0x80

#define MCR_DTR     0x01
#define MCR_DTR_RTS 0x03
#define MCR_OUT2    0x08 /* on a PC: connects the interrupt line */
#define MCR_LOOP    0x10

#define LSR_READY   0x01
#define LSR_OVERRUN 0x02
#define LSR_PARITY  0x04
#define LSR_FRAME   0x08
#define LSR_BREAK   0x10
#define LSR_THRE    0x20
#define LSR_ERRORS  (LSR_OVERRUN | LSR_PARITY | LSR_FRAME | LSR_BREAK)

#define UART_CLOCK_HZ 1843200u
#define FIFO_BYTES    16u
#define MAX_POLLS     100000u /* for one byte: a stuck chip must not stop us */
#define MAX_PUSH      64u     /* bytes sent at once with interrupts off */
#define MAX_ROUNDS    16u     /* of an interrupt handler */
#define RX_CHUNK      64u
/* Writers are woken when the ring is this empty. */
#define TX_WAKE (UART_TX_BYTES / 2)

static u32 tx_count(const struct uart *u)
{
	return READ_ONCE(u->tx_head) - READ_ONCE(u->tx_tail);
}

/* -- output ------------------------------------------------------------------------------- */

/* Send from the ring while the chip takes it (virtual ones take everything at once) and it is not
 * too much; no waiting. Leaves transmit interrupts on for the rest, off when there is none. Lock
 * held. */
static void tx_push(struct uart *u)
{
	u8 ier = u->ier & (u8)~IER_THRE;
	unsigned sent = 0;

	while (sent < MAX_PUSH && tx_count(u) && u->in(u, UART_LSR) & LSR_THRE) {
		for (unsigned i = 0; i < u->fifo_bytes && tx_count(u); i++, sent++)
			u->out(u, UART_THR, u->tx[u->tx_tail++ % UART_TX_BYTES]);
	}
	if (tx_count(u) && u->irq_driven)
		ier |= IER_THRE;
	if (ier != u->ier) {
		u->ier = ier;
		u->out(u, UART_IER, ier);
	}
}

/* Wait until the chip takes a byte, a bounded time. */
static void wait_thre(struct uart *u)
{
	for (unsigned n = 0; n < MAX_POLLS && !(u->in(u, UART_LSR) & LSR_THRE); n++)
		cpu_relax();
}

/* Send until the ring holds at most that many bytes; a chip that is stuck loses them. Lock
 * held (in a panic: or not). */
static void tx_drain(struct uart *u, u32 left)
{
	while (tx_count(u) > left) {
		wait_thre(u);
		for (unsigned i = 0; i < u->fifo_bytes && tx_count(u) > left; i++)
			u->out(u, UART_THR, u->tx[u->tx_tail++ % UART_TX_BYTES]);
		u->stats.polled++;
	}
}

static size_t tx_room(const struct uart *u)
{
	return UART_TX_BYTES - tx_count(u);
}

static void tx_put(struct uart *u, u8 c)
{
	u->tx[u->tx_head++ % UART_TX_BYTES] = c;
	u->stats.tx++;
}

static size_t uart_tty_write(struct tty *t, const u8 *s, size_t n)
{
	struct uart *u = container_of(t, struct uart, tty);
	irqflags_t flags;
	size_t done;

	spin_lock_irqsave(&u->lock, flags);
	for (done = 0; done < n && tx_room(u); done++)
		tx_put(u, s[done]);
	u->writers_wait = done < n;
	if (u->irq_driven)
		tx_push(u);
	else
		tx_drain(u, 0);
	spin_unlock_irqrestore(&u->lock, flags);
	return done;
}

static size_t uart_tty_room(struct tty *t)
{
	struct uart *u = container_of(t, struct uart, tty);
	irqflags_t flags;
	size_t room;

	spin_lock_irqsave(&u->lock, flags);
	room = tx_room(u);
	/* Who asks may be about to wait for more. */
	u->writers_wait |= tx_count(u) > TX_WAKE;
	spin_unlock_irqrestore(&u->lock, flags);
	return room;
}

static size_t uart_tty_pending(struct tty *t)
{
	return tx_count(container_of(t, struct uart, tty));
}

/* A panic may have stopped the lock's owner: it goes ahead without. */
__no_lock_check void uart_console_write(struct console *c, const char *s, size_t len)
{
	struct uart *u = container_of(c, struct uart, console);
	bool dying = panic_in_progress(), wait = dying || irqs_disabled() || !u->irq_driven;
	irqflags_t flags = 0;

	if (!dying)
		spin_lock_irqsave(&u->lock, flags);
	for (size_t i = 0; i < len; i++) {
		if (tx_room(u) < 2)
			tx_drain(u, UART_TX_BYTES / 2);
		if (s[i] == '\n')
			tx_put(u, '\r');
		tx_put(u, (u8)s[i]);
	}
	if (wait)
		tx_drain(u, 0);
	else
		tx_push(u);
	if (!dying)
		spin_unlock_irqrestore(&u->lock, flags);
}

/* -- input -------------------------------------------------------------------------------- */

static void count_errors(struct uart *u, u8 lsr)
{
	if (likely(!(lsr & LSR_ERRORS)))
		return;
	u->stats.overrun += !!(lsr & LSR_OVERRUN);
	u->stats.parity += !!(lsr & LSR_PARITY);
	u->stats.frame += !!(lsr & LSR_FRAME);
	u->stats.breaks += !!(lsr & LSR_BREAK);
}

/* Take what has come in, up to n bytes. A break arrives as a zero byte that means nothing. */
static size_t rx_pull(struct uart *u, u8 *to, size_t n)
{
	size_t got = 0;
	u8 lsr;

	while (got < n && (lsr = u->in(u, UART_LSR)) & LSR_READY) {
		u8 c = u->in(u, UART_RBR);

		count_errors(u, lsr);
		u->stats.rx++;
		if (!(lsr & LSR_BREAK))
			to[got++] = c;
	}
	return got;
}

/* Let the line in, or hold it. Lock held. */
static void rx_stop(struct uart *u, bool stop)
{
	u->rx_stopped = stop;
	u->ier = stop ? u->ier & (u8) ~(IER_RX | IER_LINE) : u->ier | IER_RX | IER_LINE;
	u->out(u, UART_IER, u->ier);
	u->out(u, UART_MCR, MCR_OUT2 | (stop ? MCR_DTR : MCR_DTR_RTS));
}

/* The reader made its room before it came here, and the handler looks at the room with the lock
 * held: one of the two sees what the other did. */
static void uart_tty_unthrottle(struct tty *t)
{
	struct uart *u = container_of(t, struct uart, tty);
	irqflags_t flags;

	spin_lock_irqsave(&u->lock, flags);
	if (u->rx_stopped)
		rx_stop(u, false);
	spin_unlock_irqrestore(&u->lock, flags);
}

const struct tty_port_ops uart_tty_ops = {
	.write = uart_tty_write,
	.room = uart_tty_room,
	.pending = uart_tty_pending,
	.unthrottle = uart_tty_unthrottle,
};

/* One round of service. Returns whether there may be more. */
static bool serve(struct uart *u, u8 *rx, size_t *n, bool *wake)
{
	u8 iir;

	spin_lock(&u->lock);
	iir = u->in(u, UART_IIR);
	if (!(iir & IIR_NONE)) {
		u->stats.interrupts++;
		if (!u->rx_stopped && tty_rx_room(&u->tty) < RX_CHUNK)
			rx_stop(u, true);
		if (!u->rx_stopped)
			*n = rx_pull(u, rx, RX_CHUNK);
		u->in(u, UART_MSR); /* a modem line's interrupt ends by this */
		tx_push(u);
		*wake = u->writers_wait && tx_count(u) <= TX_WAKE;
		if (*wake)
			u->writers_wait = false;
	}
	spin_unlock(&u->lock);
	return !(iir & IIR_NONE);
}

/* The line is edge-triggered: unless it was low once, there is no further interrupt. Taking the
 * enables away for a moment makes it so. */
static void make_edge(struct uart *u)
{
	spin_lock(&u->lock);
	u->out(u, UART_IER, 0);
	u->out(u, UART_IER, u->ier);
	spin_unlock(&u->lock);
}

bool uart_interrupt(struct uart *u)
{
	for (unsigned rounds = 0; rounds < MAX_ROUNDS; rounds++) {
		u8 rx[RX_CHUNK];
		size_t n = 0;
		bool wake = false;

		if (!serve(u, rx, &n, &wake))
			return rounds;
		if (n)
			tty_receive(&u->tty, rx, n);
		if (wake)
			tty_write_wakeup(&u->tty);
	}
	make_edge(u);
	return true;
}

/* -- set-up ------------------------------------------------------------------------------- */

static void set_line(struct uart *u, u32 baud)
{
	u32 divisor = UART_CLOCK_HZ / 16 / baud;

	if (divisor < 1)
		divisor = 1;
	u->out(u, UART_LCR, LCR_DLAB | LCR_8N1);
	u->out(u, UART_DLL, (u8)divisor);
	u->out(u, UART_DLM, (u8)(divisor >> 8));
	u->out(u, UART_LCR, LCR_8N1);
}

/* In loop-back mode the modem control outputs come back as modem status: no other chip, and no
 * floating bus, does that. */
static bool is_there(struct uart *u)
{
	u8 mcr = u->in(u, UART_MCR), msr;

	u->out(u, UART_IER, 0);
	if (u->in(u, UART_IER) & 0x0f)
		return false;
	u->out(u, UART_MCR, MCR_LOOP | 0x0a); /* OUT2 and RTS */
	msr = u->in(u, UART_MSR) & 0xf0;
	u->out(u, UART_MCR, mcr);
	return msr == 0x90; /* DCD and CTS */
}

bool uart_probe(struct uart *u, u32 baud)
{
	spin_lock_init(&u->lock);
	if (!is_there(u))
		return false;
	wait_thre(u); /* the early console's last bytes */
	set_line(u, baud);
	u->out(u, UART_FCR, FCR_ENABLE);
	u->out(u, UART_FCR, FCR_ENABLE | FCR_CLEAR | FCR_TRIGGER8);
	u->fifo_bytes = (u->in(u, UART_IIR) & IIR_FIFO) == IIR_FIFO ? FIFO_BYTES : 1;
	if (u->fifo_bytes == 1)
		u->out(u, UART_FCR, 0);
	u->out(u, UART_MCR, MCR_DTR_RTS);
	u->tty.ops = &uart_tty_ops;
	u->console.write = uart_console_write;
	return true;
}

void uart_start_irq(struct uart *u)
{
	irqflags_t flags;

	spin_lock_irqsave(&u->lock, flags);
	u->irq_driven = true;
	u->out(u, UART_MCR, MCR_DTR_RTS | MCR_OUT2);
	u->in(u, UART_LSR);
	u->in(u, UART_MSR);
	u->ier = IER_RX | IER_LINE;
	u->out(u, UART_IER, u->ier);
	tx_push(u);
	spin_unlock_irqrestore(&u->lock, flags);
}
