/* SPDX-License-Identifier: MIT */
/*
 * Raw terminals as files; contract in tty.h. The receive ring is filled from hardirq and emptied by
 * threads, who tell the driver when there is room again; a byte that finds it full is lost and
 * counted.
 */
#include "tty.h"

#include <fcntl.h>
#include <kernel/vfs.h>
#include <lib/err.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

/* Linux's <asm-generic/termbits.h> */
#define TC_OPOST   0000001u
#define TC_ONLCR   0000004u
#define TC_B115200 0010002u
#define TC_CS8     0000060u
#define TC_CREAD   0000200u
#define TC_CLOCAL  0004000u
#define TC_ISIG    0000001u

#define CTRL_C 3

#define TTY_MAJOR      4u
#define TTY_ROWS       24
#define TTY_COLS       80
#define TTY_CHUNK      128u
#define TTY_WRITE_ROOM 64u /* poll says writable from so much room on */
#define TTY_UNTHROTTLE (TTY_RX_BYTES / 2)

static u32 rx_count(const struct tty *t)
{
	return READ_ONCE(t->rx_head) - READ_ONCE(t->rx_tail);
}

size_t tty_rx_room(const struct tty *t)
{
	return TTY_RX_BYTES - rx_count(t);
}

void tty_receive(struct tty *t, const u8 *s, size_t n)
{
	irqflags_t flags;

	spin_lock_irqsave(&t->lock, flags);
	for (size_t i = 0; i < n; i++) {
		if (s[i] == CTRL_C && t->termios.c_lflag & TC_ISIG) {
			t->interrupted = true;
			continue;
		}
		if (rx_count(t) == TTY_RX_BYTES) {
			t->rx_overflow += n - i;
			break;
		}
		t->rx[t->rx_head++ % TTY_RX_BYTES] = s[i];
		t->rx_bytes++;
	}
	spin_unlock_irqrestore(&t->lock, flags);
	wake_up_nr_key(&t->wq, 0, EPOLLIN | EPOLLRDNORM | EPOLLPRI);
}

void tty_write_wakeup(struct tty *t)
{
	if (wait_queue_active(&t->wq))
		wake_up_nr_key(&t->wq, 0, EPOLLOUT | EPOLLWRNORM);
}

/* Take up to n bytes out of the ring. Only where the ring passes the middle is the driver told: it
 * may have stopped anywhere above. */
static size_t rx_take(struct tty *t, u8 *to, size_t n)
{
	irqflags_t flags;
	size_t got = 0;
	bool was_above;

	spin_lock_irqsave(&t->lock, flags);
	was_above = rx_count(t) > TTY_UNTHROTTLE;
	while (got < n && rx_count(t))
		to[got++] = t->rx[t->rx_tail++ % TTY_RX_BYTES];
	was_above = was_above && rx_count(t) <= TTY_UNTHROTTLE;
	spin_unlock_irqrestore(&t->lock, flags);
	if (was_above && t->ops->unthrottle)
		t->ops->unthrottle(t);
	return got;
}

static ssize_t tty_read(struct file *f, struct iov_iter *to, s64 *pos)
{
	struct tty *t = f->private;
	u8 chunk[TTY_CHUNK];
	ssize_t done = 0;
	size_t n;

	while (iov_iter_count(to)) {
		n = rx_take(t, chunk, min(sizeof(chunk), iov_iter_count(to)));
		if (n)
			done += (ssize_t)copy_to_iter(chunk, n, to);
		else if (done)
			break;
		else if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		else
			wait_event(&t->wq, rx_count(t));
	}
	return done;
}

/* n bytes as they are. Returns how many went: all of them where it may wait. */
static size_t send_bytes(struct tty *t, const u8 *s, size_t n, bool wait)
{
	size_t done = 0;

	for (;;) {
		done += t->ops->write(t, s + done, n - done);
		if (done == n || !wait)
			return done;
		wait_event(&t->wq, t->ops->room(t));
	}
}

/* A line end goes out whole or not at all. */
static bool send_newline(struct tty *t, bool wait)
{
	if (!wait && t->ops->room(t) < 2)
		return false;
	send_bytes(t, (const u8 *)"\r\n", 2, true);
	return true;
}

/* Returns how many bytes of s were dealt with. */
static size_t send_cooked(struct tty *t, const u8 *s, size_t n, bool wait)
{
	size_t done = 0;

	while (done < n) {
		const u8 *nl = memchr(s + done, '\n', n - done);
		size_t run = nl ? (size_t)(nl - s) - done : n - done;
		size_t sent = run ? send_bytes(t, s + done, run, wait) : 0;

		done += sent;
		if (sent < run || (nl && !send_newline(t, wait)))
			break;
		done += nl != NULL;
	}
	return done;
}

static ssize_t tty_write(struct file *f, struct iov_iter *from, s64 *pos)
{
	struct tty *t = f->private;
	bool cooked = (t->termios.c_oflag & TC_OPOST) && (t->termios.c_oflag & TC_ONLCR);
	bool wait = !(f->flags & O_NONBLOCK);
	u8 chunk[TTY_CHUNK];
	size_t done = 0, n, sent;

	while ((n = copy_from_iter(chunk, min(sizeof(chunk), iov_iter_count(from)), from))) {
		sent = cooked ? send_cooked(t, chunk, n, wait) : send_bytes(t, chunk, n, wait);
		done += sent;
		if (sent < n)
			return done ? (ssize_t)done : -EAGAIN;
	}
	return (ssize_t)done;
}

static u32 tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty *t = f->private;
	u32 events = 0;

	poll_wait(f, &t->wq, pt);
	if (rx_count(t))
		events |= EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(t->interrupted))
		events |= EPOLLPRI;
	if (t->ops->room(t) >= TTY_WRITE_ROOM)
		events |= EPOLLOUT | EPOLLWRNORM;
	return events;
}

/* With ISIG on from now: has Ctrl-C been typed ahead? Then what came before it is dropped with it,
 * as Linux drops it. Lock held. */
static bool take_interrupt(struct tty *t)
{
	bool found = false;

	for (u32 i = t->rx_tail; i != t->rx_head; i++) {
		if (t->rx[i % TTY_RX_BYTES] == CTRL_C) {
			t->rx_tail = i + 1;
			found = true;
		}
	}
	return found;
}

static void tty_set_termios(struct tty *t, const struct ktermios *to)
{
	irqflags_t flags;
	bool found;

	spin_lock_irqsave(&t->lock, flags);
	t->termios = *to;
	found = to->c_lflag & TC_ISIG && take_interrupt(t);
	t->interrupted = found;
	spin_unlock_irqrestore(&t->lock, flags);
	if (found && t->ops->unthrottle)
		t->ops->unthrottle(t);
}

static long tty_ioctl(struct file *f, unsigned cmd, void *arg)
{
	static const struct winsize size = {.ws_row = TTY_ROWS, .ws_col = TTY_COLS};
	struct tty *t = f->private;

	switch (cmd) {
	case TCGETS:
		memcpy(arg, &t->termios, sizeof(t->termios));
		return 0;
	case TCSETS:
		tty_set_termios(t, arg);
		return 0;
	case TIOCGWINSZ:
		memcpy(arg, &size, sizeof(size));
		return 0;
	case FIONREAD:
		*(int *)arg = (int)rx_count(t);
		return 0;
	case TIOCOUTQ:
		*(int *)arg = (int)t->ops->pending(t);
		return 0;
	default:
		return -ENOTTY;
	}
}

static int tty_stat(struct file *f, struct stat *st)
{
	const struct tty *t = f->private;

	memset(st, 0, sizeof(*st));
	st->st_mode = S_IFCHR | 0600;
	st->st_nlink = 1;
	st->st_rdev = TTY_MAJOR << 8 | t->rdev_minor;
	st->st_blksize = TTY_CHUNK;
	return 0;
}

static const struct file_ops tty_file_ops = {
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.stat = tty_stat,
};

int tty_register(struct tty *t, const char *name, bool console)
{
	char path[24];
	int err;

	spin_lock_init(&t->lock);
	wait_queue_init(&t->wq);
	t->termios = (struct ktermios){
		.c_oflag = TC_OPOST | TC_ONLCR,
		.c_cflag = TC_B115200 | TC_CS8 | TC_CREAD | TC_CLOCAL,
	};
	scnprintf(path, sizeof(path), "/dev/%s", name);
	err = dev_create(path, &tty_file_ops, t);
	if (!err && console)
		err = dev_create("/dev/console", &tty_file_ops, t);
	return err;
}
