/* SPDX-License-Identifier: MIT */
/*
 * wget: fetch a URL and say how fast it came. There is no place to save a file, so what comes is
 * counted and thrown away, or printed by -O -. HTTP/1.0: the body ends with the connection or
 * after Content-Length.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/net.h"
#include "../lib/num.h"
#include "../lib/opts.h"

#define BUF_SIZE   16384
#define HEAD_MAX   8192
#define HOST_BYTES 64
#define NO_LENGTH  UINT64_MAX

struct url {
	char host[HOST_BYTES];
	unsigned port;
	const char *path;
};

struct fetch {
	bool print, headers, quiet;
	unsigned timeout_s;
	int fd, status;
	uint64_t length, got; /* of the body */
	char buf[BUF_SIZE + 1];
	size_t head; /* bytes of the head, once it is whole */
};

static bool parse_url(const char *s, struct url *u)
{
	const char *slash, *colon;
	size_t len;

	if (!strncmp(s, "http://", 7))
		s += 7;
	else if (strstr(s, "://"))
		return false;
	slash = strchrnul(s, '/');
	colon = memchr(s, ':', (size_t)(slash - s));
	len = (size_t)((colon ? colon : slash) - s);
	u->path = *slash ? slash : "/";
	u->port = 80;
	if (!len || len >= HOST_BYTES)
		return false;
	snprintf(u->host, sizeof(u->host), "%.*s", (int)len, s);
	if (colon) {
		char port[8];

		snprintf(port, sizeof(port), "%.*s", (int)(slash - colon - 1), colon + 1);
		if (slash - colon > 6 || !parse_uint(port, 1, 65535, &u->port))
			return false;
	}
	return true;
}

static bool send_request(struct fetch *f, const struct url *u)
{
	int n = snprintf(f->buf, sizeof(f->buf),
			 "GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: Sluice\r\nAccept: */*\r\n"
			 "Connection: close\r\n\r\n",
			 u->path, u->host);

	return n < (int)sizeof(f->buf) &&
	       !net_send_all(f->fd, f->buf, (size_t)n, (int)f->timeout_s * 1000);
}

/* What has come so far, len bytes: is the head whole, and what does it say? */
static bool parse_head(struct fetch *f, size_t len)
{
	char *end, *p;

	f->buf[len] = '\0';
	end = strstr(f->buf, "\r\n\r\n");
	if (!end)
		return false;
	f->head = (size_t)(end + 4 - f->buf);
	f->length = NO_LENGTH;
	if (!strncmp(f->buf, "HTTP/", 5) && (p = strchr(f->buf, ' ')))
		f->status = atoi(p);
	for (p = f->buf; p && p < end; p = strstr(p + 2, "\r\n"))
		if (!strncasecmp(p, "\r\nContent-Length:", 17))
			f->length = strtoull(p + 17, NULL, 10);
	return true;
}

/* 1: there is more; 0: it ended; -1 with errno. */
static int read_some(struct fetch *f, size_t off, size_t *n)
{
	ssize_t r = recv(f->fd, f->buf + off, BUF_SIZE - off, MSG_DONTWAIT);
	int ready;

	*n = r > 0 ? (size_t)r : 0;
	if (r >= 0)
		return r > 0;
	if (errno != EAGAIN)
		return -1;
	ready = net_wait(f->fd, POLLIN, (int)f->timeout_s * 1000);
	if (!ready)
		errno = ETIMEDOUT;
	return ready > 0 ? 1 : -1;
}

static void take_body(struct fetch *f, const char *data, size_t n)
{
	f->got += n;
	if (f->print && n)
		write(STDOUT_FILENO, data, n);
}

static int read_answer(struct fetch *f)
{
	size_t len = 0, n;
	int more;

	while ((more = read_some(f, len, &n)) > 0) {
		len += n;
		if (n && parse_head(f, len))
			break;
		if (len >= HEAD_MAX) {
			errno = EMSGSIZE;
			return -1;
		}
	}
	if (more <= 0) {
		errno = more ? errno : EPROTO;
		return -1;
	}
	if (f->headers)
		printf("%.*s", (int)f->head, f->buf);
	take_body(f, f->buf + f->head, len - f->head);
	while (f->got < f->length && (more = read_some(f, 0, &n)) > 0)
		take_body(f, f->buf, n);
	if (more < 0)
		return -1;
	if (f->length != NO_LENGTH && f->got < f->length) {
		errno = ECONNRESET;
		return -1;
	}
	return 0;
}

static int fetch(struct fetch *f, const struct url *u)
{
	struct sockaddr_in addr;
	uint64_t begin, us;
	char speed[DECIMAL_BYTES], secs[DECIMAL_BYTES];
	int err;

	if (!net_address("wget", u->host, (uint16_t)u->port, &addr))
		return 4;
	begin = now_us();
	f->fd = net_connect(&addr, (int)f->timeout_s * 1000);
	err = f->fd < 0 || !send_request(f, u) || read_answer(f);
	if (err)
		fprintf(stderr, "wget: %s:%u: %s\n", u->host, u->port, strerror(errno));
	if (f->fd >= 0)
		close(f->fd);
	if (err)
		return 4;
	us = now_us() - begin;
	if (!f->quiet)
		fprintf(stderr, "%s:%u: %d, %llu bytes in %s s, %s MB/s\n", u->host, u->port,
			f->status, (unsigned long long)f->got, decimal(secs, us, 1000000, 3),
			decimal(speed, mul_div(f->got, 1000, us ? us : 1), 1000, 2));
	return f->status >= 200 && f->status < 400 ? 0 : 8;
}

static int wget_main(int argc, char **argv)
{
	struct opts o = {.argc = argc, .argv = argv, .letters = "qST:O:"};
	struct fetch *f = calloc(1, sizeof(*f));
	struct url u;
	int letter, ret = 0;

	if (!f) {
		perror("wget");
		return 1;
	}
	f->timeout_s = 30;
	while (!ret && (letter = opts_next(&o)) != -1) {
		f->quiet |= letter == 'q';
		f->headers |= letter == 'S';
		f->print |= letter == 'O' && !strcmp(o.arg, "-");
		if (letter == '?' ||
		    (letter == 'T' && !parse_uint(o.arg, 1, 3600, &f->timeout_s)) ||
		    (letter == 'O' && strcmp(o.arg, "-") && strcmp(o.arg, "/dev/null")))
			ret = app_usage(argv[0]);
	}
	if (!ret && o.next != argc - 1)
		ret = app_usage(argv[0]);
	if (!ret && !parse_url(argv[o.next], &u)) {
		fprintf(stderr, "wget: %s: not a URL that is understood\n", argv[o.next]);
		ret = 1;
	}
	if (!ret)
		ret = fetch(f, &u);
	free(f);
	return ret;
}

APP(wget, wget_main,
    "wget [-qS] [-T seconds] [-O -|/dev/null] http://ADDRESS[:PORT]/PATH: fetch (-O -: print it)",
    false);
