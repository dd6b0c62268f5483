/* SPDX-License-Identifier: MIT */
/*
 * A client of very many connections: conns [options] IP PORT. One thread, epoll.
 *   -m MODE   what each connection does:
 *     server-closes  asks for a page and reads it to the end (Connection: close)
 *     client-closes  asks for a page, reads it, closes
 *     idle           the same, but stays open until standard input ends
 *     mute           is opened and says nothing, until standard input ends
 *     hold           asks for a large file with a small buffer and never reads
 *     slow-reader    ... reads 64 bytes every tenth of a second
 *     slow-writer    sends a request byte by byte, one every tenth of a second
 *   -n N  connections;  -c N  at once (those that stay do not count);  -i US  between two starts
 *   -s IP/N  N source addresses from IP on, in turn;  -t MS  until a connection counts as failed
 *   -p PATH  what is asked for;  -r N  so often, in one go (those that hold: for an answer to hold)
 * Modes that stay print {"up": N, "failed": M} once all have been tried. At the end, one line of
 * JSON: how many succeeded, errors by number, rate of each tenth, milliseconds to the whole answer.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MAX_ERRNO   200
#define MAX_EVENTS  256
#define TICK_MS     100
#define SLOW_BYTES  64
#define HOLD_RCVBUF 2048
#define CLOSE_BUNCH 32
#define END_AT_ONCE 64 /* of one process, of which there are seven: a TAP's queue takes 1000 */
#define END_LIMIT_S 10

enum mode { SERVER_CLOSES, CLIENT_CLOSES, IDLE, MUTE, HOLD, SLOW_READER, SLOW_WRITER, NR_MODES };
static const char *const mode_name[NR_MODES] = {
	"server-closes", "client-closes", "idle", "mute", "hold", "slow-reader", "slow-writer"};

enum state { OPENING, ASKED, STAYS, ENDING, CLOSED };

struct conn {
	int fd;
	uint8_t state; /* enum state */
	uint8_t written;
	bool head_seen;
	int left; /* of the body */
	float started_s;
	float took_ms; /* to the whole answer; < 0: it failed, or not yet */
};

static struct {
	enum mode mode;
	unsigned n, at_once, interval_us, sources, timeout_ms, requests;
	struct in_addr first_source;
	struct sockaddr_in to;
	const char *path;
} opt = {.n = 1, .at_once = 1, .timeout_ms = 10000, .requests = 1, .path = "/"};

static struct conn *conns;
static unsigned opened, active, ok, failed, up, errors[MAX_ERRNO];
static unsigned oldest; /* no connection before it is still opening or asked */
static float tenth_s[11];
static int epfd;
static struct timespec began;
static char request[8192], buf[65536];

static float now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (float)(t.tv_sec - began.tv_sec) + (float)(t.tv_nsec - began.tv_nsec) / 1e9f;
}

static bool stays(void)
{
	return opt.mode >= IDLE;
}

/* One more has been tried to its end, or stands. */
static void count_done(void)
{
	unsigned done = ok + failed;

	active--;
	if (opt.n >= 10 && done % (opt.n / 10) == 0 && done / (opt.n / 10) <= 10)
		tenth_s[done / (opt.n / 10)] = now_s();
}

static void close_conn(struct conn *c)
{
	close(c->fd);
	c->fd = -1;
	c->state = CLOSED;
}

static void fail(struct conn *c, int err)
{
	bool counted = c->state == STAYS;

	errors[err < MAX_ERRNO ? err : 0]++;
	close_conn(c);
	if (counted) {
		up--;
		ok--;
		failed++;
		return;
	}
	failed++;
	count_done();
}

static void succeed(struct conn *c)
{
	c->took_ms = (now_s() - c->started_s) * 1e3f;
	ok++;
	if (stays()) {
		c->state = STAYS;
		up++;
	} else {
		close_conn(c);
	}
	count_done();
}

static void watch(struct conn *c, int op, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = c};

	epoll_ctl(epfd, op, c->fd, &ev);
}

static void start(struct conn *c)
{
	int one = 1, rcvbuf = HOLD_RCVBUF;
	struct sockaddr_in from = {.sin_family = AF_INET};

	*c = (struct conn){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), .took_ms = -1};
	c->started_s = now_s();
	active++;
	if (c->fd < 0) {
		fail(c, errno);
		return;
	}
	if (opt.mode == HOLD || opt.mode == SLOW_READER)
		setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	if (opt.sources) {
		from.sin_addr.s_addr =
			htonl(ntohl(opt.first_source.s_addr) + (uint32_t)(c - conns) % opt.sources);
		setsockopt(c->fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof(one));
		if (bind(c->fd, (struct sockaddr *)&from, sizeof(from))) {
			fail(c, errno);
			return;
		}
	}
	if (connect(c->fd, (struct sockaddr *)&opt.to, sizeof(opt.to)) && errno != EINPROGRESS) {
		fail(c, errno);
		return;
	}
	watch(c, EPOLL_CTL_ADD, EPOLLOUT);
}

static void connected(struct conn *c)
{
	int err = 0;
	socklen_t len = sizeof(err);

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		fail(c, err);
		return;
	}
	c->state = ASKED;
	if (opt.mode != MUTE && opt.mode != SLOW_WRITER &&
	    send(c->fd, request, strlen(request), MSG_NOSIGNAL) < 0) {
		fail(c, errno);
		return;
	}
	/* What holders get is seen by the server alone. */
	watch(c, EPOLL_CTL_MOD, opt.mode == HOLD || opt.mode == SLOW_READER ? 0 : EPOLLIN);
	if (opt.mode >= MUTE)
		succeed(c);
}

/* The head of an answer lies in buf[0..n): how long the body is, and what of it is there. */
static bool read_head(struct conn *c, int n)
{
	char *end, *field;

	buf[n] = '\0';
	end = strstr(buf, "\r\n\r\n");
	field = strcasestr(buf, "\r\ncontent-length:");
	if (!end || !field || strncmp(buf, "HTTP/1.1 200", 12))
		return false;
	c->head_seen = true;
	c->left = atoi(field + 17) - (int)(buf + n - (end + 4));
	return true;
}

static void readable(struct conn *c)
{
	ssize_t n = recv(c->fd, buf, sizeof(buf) - 1, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0) {
		fail(c, errno);
	} else if (n == 0) {
		if (c->state == ASKED && opt.mode == SERVER_CLOSES && c->head_seen && !c->left)
			succeed(c);
		else
			fail(c, ECONNABORTED);
	} else if (c->state == ASKED) {
		if (c->head_seen)
			c->left -= (int)n;
		else if (!read_head(c, (int)n)) {
			fail(c, EPROTO);
			return;
		}
		if (!c->left && opt.mode != SERVER_CLOSES)
			succeed(c);
	}
}

static void handle(struct conn *c, uint32_t events)
{
	if (c->state == CLOSED)
		return;
	if (c->state == OPENING)
		connected(c);
	else if (c->state == STAYS && events & (EPOLLERR | EPOLLHUP))
		fail(c, ECONNRESET);
	else
		readable(c);
}

/* Those that stay and are slow do their little. */
static void tick(void)
{
	for (unsigned i = 0; i < opened; i++) {
		struct conn *c = &conns[i];

		if (c->state != STAYS)
			continue;
		if (opt.mode == SLOW_READER && recv(c->fd, buf, SLOW_BYTES, MSG_DONTWAIT) == 0)
			fail(c, ECONNABORTED);
		if (opt.mode == SLOW_WRITER && c->written < 200 &&
		    send(c->fd, request + (c->written < 16 ? c->written : 16), 1, MSG_NOSIGNAL) ==
			    1)
			c->written++;
	}
}

static void expire(float t)
{
	for (; oldest < opened; oldest++) {
		struct conn *c = &conns[oldest];

		if (c->state != OPENING && c->state != ASKED)
			continue;
		if ((t - c->started_s) * 1e3f < (float)opt.timeout_ms)
			return;
		fail(c, ETIMEDOUT);
	}
}

static bool input_ended(void)
{
	struct pollfd p = {.events = POLLIN};
	char c;

	return poll(&p, 1, 0) > 0 && read(0, &c, 1) <= 0;
}

static void run(void)
{
	struct epoll_event ev[MAX_EVENTS];
	float next_start = 0, next_tick = 0;
	bool said = false;

	while (opened < opt.n || active || stays()) {
		float t = now_s();
		int n;

		while (opened < opt.n && active < opt.at_once && t >= next_start) {
			start(&conns[opened++]);
			next_start += (float)opt.interval_us / 1e6f;
		}
		n = epoll_wait(epfd, ev, MAX_EVENTS,
			       opt.interval_us && opened < opt.n ? 1 : TICK_MS);
		for (int i = 0; i < n; i++)
			handle(ev[i].data.ptr, ev[i].events);
		if (t < next_tick)
			continue;
		next_tick = t + TICK_MS / 1e3f;
		expire(t);
		if (opt.mode >= SLOW_READER)
			tick();
		if (!stays() || opened < opt.n || active)
			continue;
		if (!said) {
			printf("{\"up\": %u, \"failed\": %u, \"seconds\": %.3f}\n", up, failed, t);
			fflush(stdout);
			said = true;
		}
		if (input_ended())
			return;
	}
}

/* One that stays and is ending: has the other side closed too? */
static bool ended(struct conn *c)
{
	ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n > 0 || (n < 0 && errno == EAGAIN))
		return false;
	close_conn(c);
	return true;
}

static unsigned begin_to_end(struct conn *c)
{
	if (c->state == CLOSED)
		return 0;
	c->state = ENDING;
	shutdown(c->fd, SHUT_WR);
	watch(c, EPOLL_CTL_MOD, EPOLLIN);
	return 1;
}

/* A few at a time, and each until the other side has closed too: a device's queue that overflows
 * would make one of them miss the end, and a socket that is closed before is an orphan, of which
 * the kernel keeps only so many and forgets the rest. */
static void end_all(void)
{
	struct epoll_event ev[MAX_EVENTS];
	unsigned next = 0, ending = 0;
	float last = now_s();

	while ((next < opened || ending) && now_s() < last + END_LIMIT_S) {
		int n;

		while (next < opened && ending < END_AT_ONCE)
			ending += begin_to_end(&conns[next++]);
		n = epoll_wait(epfd, ev, MAX_EVENTS, TICK_MS);
		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;

			if (c->state == ENDING && ended(c)) {
				ending--;
				last = now_s();
			}
		}
	}
}

/* A bunch at a time, for the same reason. */
static void close_all(void)
{
	const struct timespec pause = {.tv_nsec = 2000000};

	if (opt.mode == IDLE)
		end_all();
	for (unsigned i = 0; i < opened; i++) {
		if (conns[i].state == CLOSED)
			continue;
		shutdown(conns[i].fd, SHUT_WR);
		close(conns[i].fd);
		if (i % CLOSE_BUNCH == CLOSE_BUNCH - 1)
			nanosleep(&pause, NULL);
	}
}

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void report(void)
{
	float *took = malloc((opt.n + 1) * sizeof(*took));
	const char *comma = "";
	unsigned k = 0;

	for (unsigned i = 0; took && i < opened; i++)
		if (conns[i].took_ms >= 0)
			took[k++] = conns[i].took_ms;
	if (!took)
		exit(1);
	qsort(took, k, sizeof(*took), compare);
	took[k] = 0;
	printf("{\"n\": %u, \"ok\": %u, \"failed\": %u, \"seconds\": %.3f, \"median_ms\": %.3f, "
	       "\"p99_ms\": %.3f, \"max_ms\": %.3f, \"errors\": {",
	       opt.n, ok, failed, now_s(), took[k / 2], took[k * 99 / 100], took[k ? k - 1 : 0]);
	for (int i = 0; i < MAX_ERRNO; i++) {
		if (errors[i])
			printf("%s\"%s\": %u", comma, strerrorname_np(i), errors[i]);
		comma = errors[i] ? ", " : comma;
	}
	printf("}, \"tenths\": [");
	for (int i = 1; i <= 10; i++)
		printf("%s%.1f", i > 1 ? ", " : "",
		       tenth_s[i] > tenth_s[i - 1] ? opt.n / 10 / (tenth_s[i] - tenth_s[i - 1])
						   : 0);
	printf("]}\n");
	free(took);
}

static void options(int argc, char **argv)
{
	char *slash;
	int c;

	while ((c = getopt(argc, argv, "m:n:c:i:s:t:p:r:")) != -1) {
		switch (c) {
		case 'm':
			for (opt.mode = 0; opt.mode < NR_MODES; opt.mode++)
				if (!strcmp(optarg, mode_name[opt.mode]))
					break;
			break;
		case 'n':
			opt.n = (unsigned)atoi(optarg);
			break;
		case 'c':
			opt.at_once = (unsigned)atoi(optarg);
			break;
		case 'i':
			opt.interval_us = (unsigned)atoi(optarg);
			break;
		case 't':
			opt.timeout_ms = (unsigned)atoi(optarg);
			break;
		case 'p':
			opt.path = optarg;
			break;
		case 'r':
			opt.requests = (unsigned)atoi(optarg);
			break;
		case 's':
			slash = strchr(optarg, '/');
			opt.sources = slash ? (unsigned)atoi(slash + 1) : 1;
			if (slash)
				*slash = '\0';
			if (!inet_aton(optarg, &opt.first_source))
				opt.mode = NR_MODES;
			break;
		default:
			opt.mode = NR_MODES;
		}
	}
	if (opt.mode == NR_MODES || argc - optind != 2 ||
	    !inet_aton(argv[optind], &opt.to.sin_addr)) {
		fprintf(stderr,
			"usage: conns -m MODE [-n N] [-c N] [-i US] [-s IP/N] [-t MS] [-p PATH]"
			" [-r N] IP PORT\n");
		exit(2);
	}
	opt.to.sin_family = AF_INET;
	opt.to.sin_port = htons((uint16_t)atoi(argv[optind + 1]));
}

static void make_request(void)
{
	size_t len = 0;

	for (unsigned i = 0; i < opt.requests && len < sizeof(request); i++)
		len += (size_t)snprintf(request + len, sizeof(request) - len,
					"GET %s HTTP/1.1\r\nHost: bench\r\n%s\r\n", opt.path,
					opt.mode == SERVER_CLOSES ? "Connection: close\r\n" : "");
}

int main(int argc, char **argv)
{
	struct rlimit files;

	options(argc, argv);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	make_request();
	conns = calloc(opt.n, sizeof(*conns));
	epfd = epoll_create1(0);
	if (!conns || epfd < 0) {
		perror("conns");
		return 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &began);
	run();
	close_all();
	report();
	return 0;
}
