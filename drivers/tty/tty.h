/* SPDX-License-Identifier: MIT */
/*
 * Terminals: the file side of a serial line. The line is raw: each byte that arrives is queued as
 * it is, a reader gets what there is; line editing is the shell's. With ISIG set by TCSETS Ctrl-C
 * is not queued: it makes the terminal ready for POLLPRI, until the next TCSETS. On output "\n"
 * becomes "\r\n" unless OPOST is taken off.
 *
 * A port driver fills in a struct tty, calls tty_register() and then tty_receive() for input and
 * tty_write_wakeup() when its transmit queue has room again. It should hand over no more than
 * tty_rx_room(): what it leaves in the chip holds the sender back where the line can do that.
 */
#ifndef DRIVERS_TTY_TTY_H
#define DRIVERS_TTY_TTY_H

#include <kernel/spinlock.h>
#include <kernel/wait.h>
#include <lib/types.h>

#define TTY_RX_BYTES 1024u /* power of two */

struct tty;

struct tty_port_ops {
	/* Queue up to n bytes for sending; returns how many there was room for. Any context. */
	size_t (*write)(struct tty *t, const u8 *s, size_t n);
	/* How many bytes write() would take now / how many are not sent yet. */
	size_t (*room)(struct tty *t);
	size_t (*pending)(struct tty *t);
	/* Readers have made room: go on receiving. Any context, the ring's lock not held. */
	void (*unthrottle)(struct tty *t);
};

/* The kernel's struct termios, as TCGETS and TCSETS pass it. */
struct ktermios {
	u32 c_iflag, c_oflag, c_cflag, c_lflag;
	u8 c_line;
	u8 c_cc[19];
};
static_assert(sizeof(struct ktermios) == 36, "Linux ABI");

struct tty {
	const struct tty_port_ops *ops; /* [I] */
	u32 rdev_minor;                 /* [I] of character device 4 */
	struct spinlock lock;           /* of the receive ring */
	u8 rx[TTY_RX_BYTES];            /* [lock] */
	u32 rx_head, rx_tail;           /* [lock] free-running; head is written next */
	u64 rx_bytes, rx_overflow;      /* [lock] queued; lost because nobody read */
	bool interrupted;               /* [lock] Ctrl-C came while ISIG was set */
	struct wait_queue wq;           /* readers, writers and pollers */
	struct ktermios termios;
};

/* Make the device file /dev/<name>, and /dev/console where console is true. 0 or -errno. */
int tty_register(struct tty *t, const char *name, bool console);

/* n bytes came in. Any context. */
void tty_receive(struct tty *t, const u8 *s, size_t n);

/* How many bytes tty_receive() would keep: it grows any time, shrinks by tty_receive() alone. */
size_t tty_rx_room(const struct tty *t);

/* There is room to write again. Any context. */
void tty_write_wakeup(struct tty *t);

#endif
