/* SPDX-License-Identifier: MIT */
/*
 * /dev/console of the hosted program: its standard input and output. A terminal is made raw but for
 * output, so that the shell's line editing sees each key; Ctrl-C still ends the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <kernel/file.h>
#include <kernel/vfs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "host/host_int.h"

#define RING_BYTES 4096u

static struct {
	char ring[RING_BYTES];
	u32 head, tail;
	bool ended; /* standard input is at its end */
	struct wait_queue wq;
	struct termios before;
} con;

static u32 waiting(void)
{
	return con.head - con.tail;
}

static void input_ready(void *arg)
{
	char buf[256];
	ssize_t n = read(STDIN_FILENO, buf, min(sizeof(buf), (size_t)(RING_BYTES - waiting())));

	for (ssize_t i = 0; i < n; i++)
		con.ring[con.head++ % RING_BYTES] = buf[i];
	if (n == 0) {
		con.ended = true;
		host_unwatch_fd(STDIN_FILENO);
	}
	wake_up_nr_key(&con.wq, 0, EPOLLIN);
}

static ssize_t console_read(struct file *f, struct iov_iter *to, s64 *pos)
{
	ssize_t done = 0;

	if (!waiting() && !con.ended && f->flags & O_NONBLOCK)
		return -EAGAIN;
	wait_event(&con.wq, waiting() || con.ended);
	while (waiting() && iov_iter_count(to))
		done += (ssize_t)copy_to_iter(&con.ring[con.tail++ % RING_BYTES], 1, to);
	return done;
}

static ssize_t console_write(struct file *f, struct iov_iter *from, s64 *pos)
{
	char buf[512];
	ssize_t done = 0;
	size_t n;

	while ((n = copy_from_iter(buf, sizeof(buf), from))) {
		if (write(STDOUT_FILENO, buf, n) < 0)
			return -EIO;
		done += (ssize_t)n;
	}
	return done;
}

static u32 console_poll(struct file *f, struct poll_table *pt)
{
	poll_wait(f, &con.wq, pt);
	return EPOLLOUT | (waiting() ? EPOLLIN : 0u) | (con.ended ? (u32)EPOLLHUP : 0u);
}

static long console_ioctl(struct file *f, unsigned cmd, void *arg)
{
	if (cmd == TIOCGWINSZ)
		return ioctl(STDOUT_FILENO, TIOCGWINSZ, arg) ? -ENOTTY : 0;
	return cmd == TCSETS ? 0 : -ENOTTY;
}

static const struct file_ops console_ops = {
	.read = console_read,
	.write = console_write,
	.poll = console_poll,
	.ioctl = console_ioctl,
};

static void terminal_restore(void)
{
	tcsetattr(STDIN_FILENO, TCSANOW, &con.before);
}

void host_console_init(void)
{
	wait_queue_init(&con.wq);
	if (isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &con.before)) {
		struct termios raw = con.before;

		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		raw.c_iflag &= ~(tcflag_t)ICRNL;
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
		atexit(terminal_restore);
	}
	host_watch_fd(STDIN_FILENO, input_ready, NULL);
	dev_create("/dev/console", &console_ops, NULL);
}
