/* SPDX-License-Identifier: MIT */
/*
 * A worker: listener, event loop, deadlines. Runs as one thread, bound to its CPU.
 */
#include "httpd_int.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_EVENTS   64
#define ACCEPT_BATCH 64

/* Edges are enough where all that is there gets read; a change of interest looks anew. */
static const uint32_t interest[NR_WAITS] = {
	[WAIT_REQUEST] = EPOLLIN | EPOLLRDHUP | EPOLLET,
	[WAIT_HEAD] = EPOLLIN | EPOLLRDHUP | EPOLLET,
	[WAIT_SEND] = EPOLLOUT,
	[WAIT_LINGER] = EPOLLIN,
};

static uint64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

const char *worker_date(struct worker *w)
{
	struct timespec ts;

	if (w->now_ms >= w->date_until_ms) {
		clock_gettime(CLOCK_REALTIME, &ts);
		http_date(ts.tv_sec, w->date);
		w->date_until_ms = w->now_ms + 1000 - (uint64_t)ts.tv_nsec / 1000000;
		w->date_number++;
	}
	return w->date;
}

/* ---- deadlines ------------------------------------------------------------------------------ */

static void list_unlink(struct conn_list *l, struct conn *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		l->head = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		l->tail = c->prev;
}

static void list_append(struct conn_list *l, struct conn *c)
{
	c->next = NULL;
	c->prev = l->tail;
	if (l->tail)
		l->tail->next = c;
	else
		l->head = c;
	l->tail = c;
}

static void enlist(struct worker *w, struct conn *c, enum conn_wait what)
{
	c->wait = (uint8_t)what;
	c->deadline_ms = w->now_ms + w->config->timeout_ms[what];
	list_append(&w->waiting[what], c);
}

/* Have epoll look for something else than before. */
static __attribute__((__noinline__)) void watch(struct worker *w, struct conn *c,
						enum conn_wait what)
{
	struct epoll_event ev = {.events = interest[what], .data.ptr = c};
	int op = c->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (c->events)
		list_unlink(&w->waiting[c->wait], c);
	else
		w->nconns++;
	if (epoll_ctl(w->epfd, op, c->fd, &ev)) {
		w->nconns--;
		c->events = 0;
		return;
	}
	c->events = interest[what];
	enlist(w, c, what);
}

/* events is 0 exactly while c is on no list: it is new, or epoll refused it. */
void worker_wait_for(struct worker *w, struct conn *c, enum conn_wait what)
{
	if (c->events != interest[what]) {
		watch(w, c, what);
		return;
	}
	list_unlink(&w->waiting[c->wait], c);
	enlist(w, c, what);
}

void worker_forget(struct worker *w, struct conn *c)
{
	if (!c->events)
		return;
	list_unlink(&w->waiting[c->wait], c);
	w->nconns--;
	c->events = 0;
}

/* End what is overdue. Returns milliseconds until the next deadline, -1 for none. */
static int run_deadlines(struct worker *w)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < NR_WAITS; i++) {
		struct conn *c;

		while ((c = w->waiting[i].head) && c->deadline_ms <= w->now_ms)
			conn_timeout(w, c);
		if (c && c->deadline_ms < next)
			next = c->deadline_ms;
	}
	return next == UINT64_MAX ? -1 : (int)(next - w->now_ms);
}

/* ---- accepting ------------------------------------------------------------------------------- */

static int open_listener(const struct httpd_config *cfg)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)cfg->port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1, zero = 0;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	/*
	 * Inherited by the connections: answers leave in one piece, there is nothing to gather; and
	 * a request is acknowledged by its answer, which comes at once.
	 */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &zero, sizeof(zero));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, cfg->backlog)) {
		int err = errno;

		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

/* At the limit the listener is left alone: the backlog fills and new peers wait their turn. */
static void set_accepting(struct worker *w, bool on)
{
	struct epoll_event ev = {.events = on ? EPOLLIN : 0, .data.ptr = NULL};

	if (w->accepting != on && !epoll_ctl(w->epfd, EPOLL_CTL_MOD, w->listen_fd, &ev))
		w->accepting = on;
}

static void accept_some(struct worker *w)
{
	w->batch = MSG_BATCH;
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		int fd = accept4(w->listen_fd, NULL, NULL, SOCK_NONBLOCK);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
				set_accepting(w, false);
			return;
		}
		conn_start(w, fd);
		if (w->nconns >= w->config->max_conns) {
			set_accepting(w, false);
			return;
		}
	}
}

/* ---- the loop ---------------------------------------------------------------------------------
 */

static void worker_loop(struct worker *w)
{
	struct epoll_event ev[MAX_EVENTS];
	int timeout = -1;

	for (;;) {
		int n = epoll_wait(w->epfd, ev, MAX_EVENTS, timeout);

		w->now_ms = clock_ms();
		for (int i = 0; i < n; i++) {
			w->batch = i + 1 < n ? MSG_BATCH : 0;
			if (ev[i].data.ptr)
				conn_event(w, ev[i].data.ptr, ev[i].events);
			else
				accept_some(w);
		}
		if (!w->accepting && w->nconns < w->config->max_conns)
			set_accepting(w, true);
		timeout = run_deadlines(w);
	}
}

/* How long the boot took, for the log: the monotonic clock starts at the kernel's entry. */
static void note_listening(const struct worker *w)
{
	struct timespec ts;
	char text[80];
	int n, fd = open("/dev/kmsg", O_WRONLY);

	if (fd < 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	n = snprintf(text, sizeof(text), "httpd: port %u; boot: entry to listening %llu us\n",
		     w->config->port,
		     (unsigned long long)ts.tv_sec * 1000000 +
			     (unsigned long long)ts.tv_nsec / 1000);
	if (write(fd, text, (size_t)n) < 0)
		perror("httpd: /dev/kmsg");
	close(fd);
}

int worker_run(void *config)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return ENOMEM;
	w->config = config;
	w->files.root = w->config->root;
	w->now_ms = clock_ms();
	w->accepting = true;
	w->epfd = epoll_create1(0);
	w->listen_fd = open_listener(config);
	if (w->epfd < 0 || w->listen_fd < 0 ||
	    epoll_ctl(w->epfd, EPOLL_CTL_ADD, w->listen_fd, &ev)) {
		int err = errno;

		fprintf(stderr, "httpd: port %u: %s\n", w->config->port, strerror(err));
		if (w->listen_fd >= 0)
			close(w->listen_fd);
		if (w->epfd >= 0)
			close(w->epfd);
		free(w);
		return err;
	}
	if (!__atomic_exchange_n(&((struct httpd_config *)config)->announced, true,
				 __ATOMIC_RELAXED))
		note_listening(w);
	worker_loop(w);
	return 0;
}
