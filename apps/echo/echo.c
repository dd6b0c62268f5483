/* SPDX-License-Identifier: MIT */
/*
 * The small services of old: echo (RFC 862), discard (RFC 863) and chargen (RFC 864), over TCP and
 * UDP. One thread and one epoll for each service that is started; `echo`, `discard`, `chargen`
 * [-p port]. Answers over UDP are never larger than the question, so that none of them can be
 * used to amplify a flood, and never go to a port that would answer back.
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

static const struct service echo_service = {"echo", 7, true, false};
static const struct service discard_service = {"discard", 9, false, false};
static const struct service chargen_service = {"chargen", 19, false, true};

struct peer {
	int fd;
	uint32_t events;
	char *pending;   /* what the peer did not take yet */
	size_t off, len; /* off: also where a generator is in its pattern */
};

struct server {
	const struct service *svc;
	int epfd, tcp, udp;
	char buf[BUF_SIZE];
};

static void peer_end(struct peer *p)
{
	close(p->fd);
	free(p->pending);
	free(p);
}

static void peer_watch(struct server *s, struct peer *p, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = p};

	if (p->events != events && !epoll_ctl(s->epfd, EPOLL_CTL_MOD, p->fd, &ev))
		p->events = events;
}

/* Send buf; keep what does not fit. False: the peer is gone. */
static bool peer_send(struct server *s, struct peer *p, const char *buf, size_t len)
{
	ssize_t n = send(p->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

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

static bool peer_writable(struct server *s, struct peer *p)
{
	if (p->pending) {
		ssize_t n = send(p->fd, p->pending + p->off, p->len - p->off,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN;
		p->off += (size_t)n;
		if (p->off < p->len)
			return true;
		free(p->pending);
		p->pending = NULL;
	}
	if (s->svc->generates) {
		ssize_t n = send(p->fd, s->buf + p->off, 2 * CHARGEN_PERIOD - p->off,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			p->off = (p->off + (size_t)n) % CHARGEN_PERIOD;
		return n >= 0 || errno == EAGAIN;
	}
	peer_watch(s, p, EPOLLIN);
	return true;
}

static bool peer_readable(struct server *s, struct peer *p)
{
	ssize_t n = recv(p->fd, s->buf, sizeof(s->buf), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN;
	if (!n)
		return false;
	return !s->svc->echoes || peer_send(s, p, s->buf, (size_t)n);
}

static void tcp_accept(struct server *s)
{
	for (;;) {
		struct epoll_event ev = {.events = s->svc->generates ? EPOLLOUT : EPOLLIN};
		int fd = accept4(s->tcp, NULL, NULL, SOCK_NONBLOCK);
		struct peer *p;

		if (fd < 0)
			return;
		p = calloc(1, sizeof(*p));
		if (!p) {
			close(fd);
			return;
		}
		p->fd = fd;
		p->events = ev.events;
		ev.data.ptr = p;
		if (epoll_ctl(s->epfd, EPOLL_CTL_ADD, fd, &ev))
			peer_end(p);
	}
}

static void udp_answer(struct server *s)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(s->udp, s->buf, sizeof(s->buf), MSG_DONTWAIT, (struct sockaddr *)&from,
			     &len);

	if (n < 0 || ntohs(from.sin_port) < RESERVED_PORTS)
		return;
	if (s->svc->echoes || s->svc->generates) {
		if (s->svc->generates)
			fill_chargen(s->buf, sizeof(s->buf));
		sendto(s->udp, s->buf, (size_t)n, MSG_DONTWAIT, (struct sockaddr *)&from, len);
	}
}

static int open_socket(const struct server *s, int type, unsigned port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0), one = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    (type == SOCK_STREAM && listen(fd, 128))) {
		fprintf(stderr, "%s: port %u: %s\n", s->svc->name, port, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

/* The two listening sockets are told apart by the address of their descriptor's variable. */
static bool open_server(struct server *s, unsigned port)
{
	struct epoll_event tcp = {.events = EPOLLIN, .data.ptr = &s->tcp};
	struct epoll_event udp = {.events = EPOLLIN, .data.ptr = &s->udp};

	s->epfd = epoll_create1(0);
	s->tcp = open_socket(s, SOCK_STREAM, port);
	s->udp = open_socket(s, SOCK_DGRAM, port);
	return s->epfd >= 0 && s->tcp >= 0 && s->udp >= 0 &&
	       !epoll_ctl(s->epfd, EPOLL_CTL_ADD, s->tcp, &tcp) &&
	       !epoll_ctl(s->epfd, EPOLL_CTL_ADD, s->udp, &udp);
}

static void server_loop(struct server *s)
{
	struct epoll_event ev[MAX_EVENTS];

	if (s->svc->generates)
		fill_chargen(s->buf, sizeof(s->buf));
	for (;;) {
		int n = epoll_wait(s->epfd, ev, MAX_EVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct peer *p = ev[i].data.ptr;

			if (ev[i].data.ptr == &s->tcp)
				tcp_accept(s);
			else if (ev[i].data.ptr == &s->udp)
				udp_answer(s);
			else if (ev[i].events & EPOLLERR ||
				 !(p->events == EPOLLOUT ? peer_writable(s, p)
							 : peer_readable(s, p)))
				peer_end(p);
		}
	}
}

static int run(const struct service *svc, int argc, char **argv)
{
	struct server *s;
	unsigned port = svc->port;
	int opt;

	optind = 0;
	while ((opt = getopt(argc, argv, "p:")) != -1) {
		port = opt == 'p' ? (unsigned)strtoul(optarg, NULL, 10) : 0;
		if (!port || port > 65535) {
			fprintf(stderr, "usage: %s [-p port]\n", svc->name);
			return 2;
		}
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return 1;
	s->svc = svc;
	if (open_server(s, port))
		server_loop(s);
	if (s->tcp >= 0)
		close(s->tcp);
	if (s->udp >= 0)
		close(s->udp);
	close(s->epfd);
	free(s);
	return 1;
}

static int echo_main(int argc, char **argv)
{
	return run(&echo_service, argc, argv);
}

static int discard_main(int argc, char **argv)
{
	return run(&discard_service, argc, argv);
}

static int chargen_main(int argc, char **argv)
{
	return run(&chargen_service, argc, argv);
}

APP(echod, echo_main, "echod [-p port]: echo service, TCP and UDP (port 7)", true);
APP(discardd, discard_main, "discardd [-p port]: discard service, TCP and UDP (port 9)", false);
APP(chargend, chargen_main, "chargend [-p port]: character generator, TCP and UDP (port 19)",
    false);
