/* SPDX-License-Identifier: MIT */
/* Connections for programs on the console: contract in net.h. */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "term.h"

bool net_address(const char *app, const char *text, uint16_t port, struct sockaddr_in *addr)
{
	*addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	if (!strcmp(text, "localhost"))
		text = "127.0.0.1";
	if (inet_pton(AF_INET, text, &addr->sin_addr) == 1)
		return true;
	fprintf(stderr, "%s: %s: not an IPv4 address (names are not resolved)\n", app, text);
	return false;
}

int net_wait(int fd, short events, int timeout_ms)
{
	struct pollfd p[2] = {{.fd = fd, .events = events}, interrupt_pollfd()};

	if (poll(p, 2, timeout_ms) < 0)
		return -1;
	if (p[1].revents & POLLPRI) {
		errno = EINTR;
		return -1;
	}
	return p[0].revents != 0;
}

/* As net_wait(), a time-out being an error. */
static bool must_wait(int fd, short events, int timeout_ms)
{
	int n = net_wait(fd, events, timeout_ms);

	if (!n)
		errno = ETIMEDOUT;
	return n > 0;
}

static bool finish_connect(int fd, int timeout_ms)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (errno != EINPROGRESS || !must_wait(fd, POLLOUT, timeout_ms))
		return false;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	errno = err;
	return !err;
}

int net_connect(const struct sockaddr_in *addr, int timeout_ms)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), err;

	if (fd < 0)
		return -1;
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) ||
	    finish_connect(fd, timeout_ms))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

int net_send_all(int fd, const void *data, size_t len, int timeout_ms)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno != EAGAIN || !must_wait(fd, POLLOUT, timeout_ms)))
			return -1;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int net_recv_all(int fd, void *data, size_t len, int timeout_ms)
{
	char *p = data;

	while (len) {
		ssize_t n = recv(fd, p, len, MSG_DONTWAIT);

		if (!n)
			return 0;
		if (n < 0 && (errno != EAGAIN || !must_wait(fd, POLLIN, timeout_ms)))
			return -1;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 1;
}

int net_listen(int type, uint16_t port, int backlog)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0), one = 1, err;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!bind(fd, (struct sockaddr *)&addr, sizeof(addr)) &&
	    (type != SOCK_STREAM || !listen(fd, backlog)))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}
