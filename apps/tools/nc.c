/* SPDX-License-Identifier: MIT */
/*
 * nc: the console joined to a TCP connection or a UDP port, line by line. Ctrl-D ends what is sent,
 * Ctrl-C the program.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/net.h"
#include "../lib/num.h"
#include "../lib/opts.h"
#include "../lib/term.h"

#define LINE_BYTES 512
#define BUF_SIZE   4096
#define CTRL_D     4

struct nc {
	bool listens, udp, verbose, scan, keep;
	unsigned port, wait_s; /* wait_s 0: for ever */
	const char *host;
	int fd;
	bool sending, has_peer; /* UDP: has_peer */
	struct sockaddr_in peer;
	char line[LINE_BYTES];
	size_t len;
	char buf[BUF_SIZE];
};

static int wait_ms(const struct nc *n)
{
	return n->wait_s ? (int)n->wait_s * 1000 : -1;
}

static bool transmit(struct nc *n, const char *data, size_t len)
{
	if (!n->udp)
		return !net_send_all(n->fd, data, len, wait_ms(n));
	if (!n->has_peer)
		return true; /* nobody has asked yet */
	return sendto(n->fd, data, len, 0, (struct sockaddr *)&n->peer, sizeof(n->peer)) >= 0;
}

/* The terminal does not echo, nor does it know lines. False: the connection is broken. */
static bool typed(struct nc *n)
{
	char c;

	if (read(STDIN_FILENO, &c, 1) != 1)
		return false;
	if (c == CTRL_D) {
		n->sending = false;
		if (!n->udp)
			shutdown(n->fd, SHUT_WR);
		return true;
	}
	if ((c == '\b' || c == 0x7f) && n->len) {
		n->len--;
		write(STDOUT_FILENO, "\b \b", 3);
	} else if (c == '\r' || c == '\n') {
		n->line[n->len++] = '\n';
		write(STDOUT_FILENO, "\n", 1);
		if (!transmit(n, n->line, n->len))
			return false;
		n->len = 0;
	} else if ((isprint((unsigned char)c) || c == '\t') && n->len < LINE_BYTES - 1) {
		n->line[n->len++] = c;
		write(STDOUT_FILENO, &c, 1);
	}
	return true;
}

/* False: the other end has closed, or the connection is broken. */
static bool arrived(struct nc *n)
{
	socklen_t len = sizeof(n->peer);
	ssize_t got = recvfrom(n->fd, n->buf, sizeof(n->buf), MSG_DONTWAIT,
			       n->udp ? (struct sockaddr *)&n->peer : NULL, n->udp ? &len : NULL);

	if (got < 0)
		return errno == EAGAIN;
	if (!got && !n->udp)
		return false;
	n->has_peer = true;
	write(STDOUT_FILENO, n->buf, (size_t)got);
	return true;
}

static int relay(struct nc *n)
{
	n->sending = true;
	for (;;) {
		struct pollfd p[2] = {{.fd = n->fd, .events = POLLIN}, interrupt_pollfd()};
		int ready;

		p[1].events |= n->sending ? POLLIN : 0;
		ready = poll(p, 2, wait_ms(n));
		if (ready < 0 || p[1].revents & POLLPRI)
			return 1;
		if (!ready)
			return 0; /* -w: silent for long enough */
		if (p[1].revents & POLLIN && n->sending && !typed(n))
			break;
		if (p[0].revents && !arrived(n))
			break;
	}
	return 0;
}

static void tell_peer(const char *what, const struct sockaddr_in *a)
{
	char text[16];

	fprintf(stderr, "%s %s %u\n", what, inet_ntop(AF_INET, &a->sin_addr, text, sizeof(text)),
		ntohs(a->sin_port));
}

static int serve_tcp(struct nc *n, int listener)
{
	int ret;

	do {
		socklen_t len = sizeof(n->peer);

		if (net_wait(listener, POLLIN, wait_ms(n)) <= 0)
			return 1;
		n->fd = accept4(listener, (struct sockaddr *)&n->peer, &len, SOCK_NONBLOCK);
		if (n->fd < 0)
			return 1;
		if (n->verbose)
			tell_peer("Connection received on", &n->peer);
		ret = relay(n);
		close(n->fd);
	} while (n->keep && !interrupted());
	return ret;
}

static int serve(struct nc *n)
{
	int fd = net_listen(n->udp ? SOCK_DGRAM : SOCK_STREAM, (uint16_t)n->port, 1), ret;

	if (fd < 0) {
		fprintf(stderr, "nc: port %u: %s\n", n->port, strerror(errno));
		return 1;
	}
	n->fd = fd;
	ret = n->udp ? relay(n) : serve_tcp(n, fd);
	close(fd);
	return ret;
}

static int call(struct nc *n)
{
	int ret = 0;

	if (!net_address("nc", n->host, (uint16_t)n->port, &n->peer))
		return 1;
	n->has_peer = true;
	if (n->udp) {
		n->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		if (n->fd >= 0 && connect(n->fd, (struct sockaddr *)&n->peer, sizeof(n->peer))) {
			close(n->fd);
			n->fd = -1;
		}
	} else {
		n->fd = net_connect(&n->peer, wait_ms(n));
	}
	if (n->fd < 0) {
		fprintf(stderr, "nc: connect to %s port %u: %s\n", n->host, n->port,
			strerror(errno));
		return 1;
	}
	if (n->verbose || n->scan)
		fprintf(stderr, "Connection to %s %u port succeeded!\n", n->host, n->port);
	if (!n->scan)
		ret = relay(n);
	close(n->fd);
	return ret;
}

static bool set_option(struct nc *n, int letter, const char *arg)
{
	switch (letter) {
	case 'l':
		return n->listens = true;
	case 'u':
		return n->udp = true;
	case 'v':
		return n->verbose = true;
	case 'z':
		return n->scan = true;
	case 'k':
		return n->keep = true;
	case 'n':
		return true;
	case 'p':
		return parse_uint(arg, 1, 65535, &n->port);
	case 'w':
		return parse_uint(arg, 1, 86400, &n->wait_s);
	default:
		return false;
	}
}

/* host port, or with -l: [port] */
static bool take_words(struct nc *n, int words, char **word)
{
	if (n->listens)
		return (words == 0 && n->port) ||
		       (words == 1 && parse_uint(word[0], 1, 65535, &n->port));
	n->host = word[0];
	return words == 2 && parse_uint(word[1], 1, 65535, &n->port);
}

static int nc_main(int argc, char **argv)
{
	struct opts o = {.argc = argc, .argv = argv, .letters = "luvzknp:w:"};
	struct nc *n = calloc(1, sizeof(*n));
	int letter, ret;
	bool ok = true;

	if (!n) {
		perror("nc");
		return 1;
	}
	while (ok && (letter = opts_next(&o)) != -1)
		ok = set_option(n, letter, o.arg);
	if (!ok || !take_words(n, argc - o.next, argv + o.next))
		ret = app_usage(argv[0]);
	else
		ret = n->listens ? serve(n) : call(n);
	free(n);
	return ret;
}

APP(nc, nc_main,
    "nc [-uvz] [-w seconds] address port | nc -l [-kuv] port: the console on a TCP or UDP port",
    false);
