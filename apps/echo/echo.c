/* SPDX-License-Identifier: MIT */
/*
 * The small services of old: echo (RFC 862), discard (RFC 863) and chargen (RFC 864), over TCP and
 * UDP. `inetd` runs all three in one thread with one epoll; `echod`, `discardd`, `chargend`
 * [-p port] run one each. Answers over UDP are never larger than the question, so that none of
 * them can be used to amplify a flood, and never go to a port that would answer back.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/app.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUF_SIZE       16384
#define MAX_EVENTS     64
#define CHARGEN_PERIOD (74 * 95) /* bytes after which the pattern repeats */
#define RESERVED_PORTS 1024      /* services' own: two echoes would talk for ever */

struct service {
	const char *name;
	unsigned port;
	bool echoes, generates;
};

enum { ECHO, DISCARD, CHARGEN, NSERVICES };

static const struct service services[NSERVICES] = {
	[ECHO] = {"echo", 7, true, false},
	[DISCARD] = {"discard", 9, false, false},
	[CHARGEN] = {"chargen", 19, false, true},
};

/* What an event may be about. */
enum source_kind { LISTENER, DATAGRAMS, CONNECTION };

struct source {
	enum source_kind kind;
	int fd;
	const struct service *svc;
};

struct peer {
	struct source src; /* first; CONNECTION */
	uint32_t events;
	char *pending;   /* what the peer did not take yet */
	size_t off, len; /* off: also where a generator is in its pattern */
};

struct server {
	int epfd;
	struct source listening[2 * NSERVICES];
	unsigned nlistening;
	char *pattern; /* of chargen, twice: two periods; made when first needed */
	char buf[BUF_SIZE];
};

static void peer_end(struct peer *p)
{
	close(p->src.fd);
	free(p->pending);
	free(p);
}

static void peer_watch(struct server *s, struct peer *p, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = p};

	if (p->events != events && !epoll_ctl(s->epfd, EPOLL_CTL_MOD, p->src.fd, &ev))
		p->events = events;
}

/* Send buf; keep what does not fit. False: the peer is gone. */
static bool peer_send(struct server *s, struct peer *p, const char *buf, size_t len)
{
	ssize_t n = send(p->src.fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		return false;
	if (n < 0)
		n = 0;
	if ((size_t)n == len)
		return true;
	p->len = len - (size_t)n;
	p->off = 0;
	p->pending = malloc(p->len);
	if (!p->pending)
		return false;
	memcpy(p->pending, buf + n, p->len);
	peer_watch(s, p, EPOLLOUT);
	return true;
}

/* 72 columns of a rotating alphabet, as RFC 864 suggests. */
static void fill_chargen(char *buf, size_t len)
{
	size_t line = 0, col = 0;

	for (size_t i = 0; i < len; i++, col++) {
		if (col == 74) {
			col = 0;
			line++;
		}
		buf[i] = col == 72 ? '\r' : col == 73 ? '\n' : (char)(' ' + (line + col) % 95);
	}
}

/* Two periods of the pattern: a send may begin anywhere in the first. NULL: no memory. */
static const char *chargen_pattern(struct server *s)
{
	if (!s->pattern) {
		s->pattern = malloc(2 * CHARGEN_PERIOD);
		if (s->pattern)
			fill_chargen(s->pattern, 2 * CHARGEN_PERIOD);
	}
	return s->pattern;
}

static bool generate(struct server *s, struct peer *p)
{
	const char *pattern = chargen_pattern(s);
	ssize_t n;

	if (!pattern)
		return false;
	n = send(p->src.fd, pattern + p->off, 2 * CHARGEN_PERIOD - p->off,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		p->off = (p->off + (size_t)n) % CHARGEN_PERIOD;
	return n >= 0 || errno == EAGAIN;
}

static bool peer_writable(struct server *s, struct peer *p)
{
	if (p->pending) {
		ssize_t n = send(p->src.fd, p->pending + p->off, p->len - p->off,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN;
		p->off += (size_t)n;
		if (p->off < p->len)
			return true;
		free(p->pending);
		p->pending = NULL;
	}
	if (p->src.svc->generates)
		return generate(s, p);
	peer_watch(s, p, EPOLLIN);
	return true;
}

static bool peer_readable(struct server *s, struct peer *p)
{
	ssize_t n = recv(p->src.fd, s->buf, sizeof(s->buf), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN;
	if (!n)
		return false;
	return !p->src.svc->echoes || peer_send(s, p, s->buf, (size_t)n);
}

static void tcp_accept(struct server *s, const struct source *from)
{
	for (;;) {
		struct epoll_event ev = {.events = from->svc->generates ? EPOLLOUT : EPOLLIN};
		int fd = accept4(from->fd, NULL, NULL, SOCK_NONBLOCK);
		struct peer *p;

		if (fd < 0)
			return;
		p = calloc(1, sizeof(*p));
		if (!p) {
			close(fd);
			return;
		}
		p->src = (struct source){CONNECTION, fd, from->svc};
		p->events = ev.events;
		ev.data.ptr = p;
		if (epoll_ctl(s->epfd, EPOLL_CTL_ADD, fd, &ev))
			peer_end(p);
	}
}

/* The next datagram into *buf: the server's own buffer, or for a large one a piece of the heap,
 * which the caller frees. Its length, or -1. */
static ssize_t take_datagram(struct server *s, int fd, struct sockaddr_in *from, char **buf)
{
	socklen_t len = sizeof(*from);
	ssize_t n = recv(fd, NULL, 0, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC);
	size_t size = n > BUF_SIZE ? (size_t)n : BUF_SIZE;

	*buf = size > BUF_SIZE ? malloc(size) : s->buf;
	if (!*buf) { /* it is dropped: what cannot be given back whole is not given back */
		recv(fd, s->buf, 0, MSG_DONTWAIT);
		return -1;
	}
	return recvfrom(fd, *buf, size, MSG_DONTWAIT, (struct sockaddr *)from, &len);
}

static void udp_answer(struct server *s, const struct source *src)
{
	struct sockaddr_in from;
	char *buf;
	ssize_t n = take_datagram(s, src->fd, &from, &buf);
	const char *answer = src->svc->generates ? chargen_pattern(s) : buf;

	if (n > 2 * CHARGEN_PERIOD && src->svc->generates)
		n = 2 * CHARGEN_PERIOD;
	if (n >= 0 && answer && ntohs(from.sin_port) >= RESERVED_PORTS &&
	    (src->svc->echoes || src->svc->generates))
		sendto(src->fd, answer, (size_t)n, MSG_DONTWAIT, (struct sockaddr *)&from,
		       sizeof(from));
	if (buf != s->buf)
		free(buf);
}

static int open_socket(const struct service *svc, int type, unsigned port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0), one = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    (type == SOCK_STREAM && listen(fd, 128))) {
		fprintf(stderr, "%s: port %u: %s\n", svc->name, port, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

static bool listen_on(struct server *s, const struct service *svc, int type, unsigned port)
{
	struct source *src = &s->listening[s->nlistening];
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = src};

	src->kind = type == SOCK_STREAM ? LISTENER : DATAGRAMS;
	src->svc = svc;
	src->fd = open_socket(svc, type, port);
	if (src->fd < 0)
		return false;
	s->nlistening++;
	return !epoll_ctl(s->epfd, EPOLL_CTL_ADD, src->fd, &ev);
}

static bool open_service(struct server *s, const struct service *svc, unsigned port)
{
	return listen_on(s, svc, SOCK_STREAM, port) && listen_on(s, svc, SOCK_DGRAM, port);
}

static void server_event(struct server *s, const struct epoll_event *ev)
{
	struct source *src = ev->data.ptr;
	struct peer *p = ev->data.ptr;

	if (src->kind == LISTENER)
		tcp_accept(s, src);
	else if (src->kind == DATAGRAMS)
		udp_answer(s, src);
	else if (ev->events & EPOLLERR ||
		 !(p->events == EPOLLOUT ? peer_writable(s, p) : peer_readable(s, p)))
		peer_end(p);
}

static void server_loop(struct server *s)
{
	struct epoll_event ev[MAX_EVENTS];

	for (;;) {
		int n = epoll_wait(s->epfd, ev, MAX_EVENTS, -1);

		if (n < 0)
			return;
		for (int i = 0; i < n; i++)
			server_event(s, &ev[i]);
	}
}

static int run(const struct service *first, unsigned n, unsigned port)
{
	struct server *s = calloc(1, sizeof(*s));
	bool ok;

	if (!s)
		return 1;
	s->epfd = epoll_create1(0);
	ok = s->epfd >= 0;
	for (unsigned i = 0; ok && i < n; i++)
		ok = open_service(s, &first[i], port ? port : first[i].port);
	if (ok)
		server_loop(s);
	for (unsigned i = 0; i < s->nlistening; i++)
		close(s->listening[i].fd);
	if (s->epfd >= 0)
		close(s->epfd);
	free(s->pattern);
	free(s);
	return 1;
}

static int run_one(const struct service *svc, int argc, char **argv)
{
	unsigned long port = 0;
	char *end = NULL;

	if (argc == 3 && !strcmp(argv[1], "-p"))
		port = strtoul(argv[2], &end, 10);
	if (argc != 1 && (!port || port > 65535 || *end)) {
		fprintf(stderr, "usage: %s [-p port]\n", argv[0]);
		return 2;
	}
	return run(svc, 1, (unsigned)port);
}

static int echo_main(int argc, char **argv)
{
	return run_one(&services[ECHO], argc, argv);
}

static int discard_main(int argc, char **argv)
{
	return run_one(&services[DISCARD], argc, argv);
}

static int chargen_main(int argc, char **argv)
{
	return run_one(&services[CHARGEN], argc, argv);
}

static int inetd_main(int argc, char **argv)
{
	if (argc > 1) {
		fprintf(stderr, "usage: %s\n", argv[0]);
		return 2;
	}
	return run(services, NSERVICES, 0);
}

APP(inetd, inetd_main, "inetd: echo, discard and chargen, TCP and UDP (ports 7, 9, 19)", true);
APP(echod, echo_main, "echod [-p port]: echo service, TCP and UDP (port 7)", false);
APP(discardd, discard_main, "discardd [-p port]: discard service, TCP and UDP (port 9)", false);
APP(chargend, chargen_main, "chargend [-p port]: character generator, TCP and UDP (port 19)",
    false);
