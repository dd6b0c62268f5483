/* SPDX-License-Identifier: MIT */
/*
 * The applications: threads that connect, accept, write, read and close in the ways that
 * applications do, through the system calls, and compare each byte with what the other end sent.
 * A connection has two sides; a side reads in one thread and, where both ways flow at once, writes
 * in another.
 */
#include "sim.h"

#include <errno.h>
#include <fcntl.h>
#include <kernel/mm.h>
#include <kernel/syscalls.h>
#include <kernel/thread.h>
#include <net/ip.h>
#include <net/neighbour.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CONNS    40u
#define PORT         80
#define RETRY_MS     10
#define CROSS_PORT   7000 /* both ends of a simultaneous open, plus the connection's number */
#define CLIENT_PORT  20000
#define BUFFER_BYTES 65536u

enum mode {
	STREAM, /* both write while they read, the end is told by FIN */
	HALF,   /* the client writes all and shuts down; then the server answers */
	RR,     /* requests and responses */
	ABORT,  /* one side breaks it off */
	CROSS,  /* simultaneous open, then STREAM */
	POLLED, /* STREAM, by one thread a side with poll() */
	NR_MODES
};
static const char *const mode_name[NR_MODES] = {"stream", "half", "rr", "abort", "cross", "polled"};

/* One way's manners. Pauses are made before a call, with that chance. */
struct manners {
	u32 bytes;
	u32 write_max, write_pause_us, write_pause_percent;
	u32 read_max, read_pause_us, read_pause_percent, read_stall_ms;
	bool shutdown;
};

struct conn;

struct side {
	struct conn *c;
	unsigned index; /* 0: the one that connects */
	struct host *host;
	int fd;
	struct stream_key tx, rx;
	u32 sent, got;
	int tx_err, rx_err;
	bool started, done, eof;
	bool unreachable; /* ARP ended an attempt to connect */
	struct thread *thread;
};

struct conn {
	unsigned index;
	enum mode mode;
	bool loopback, bound, settled;
	u32 start_ms, rounds, request, response;
	u32 abort_after; /* bytes the aborting side moves before */
	unsigned aborter;
	bool linger0;
	u16 client_port;       /* 0: not known yet */
	struct manners way[2]; /* [i]: what side i sends */
	struct side side[2];
};

static struct conn conns[MAX_CONNS];
static unsigned nconns, clients_left;
static struct thread *listener_thread;
static u32 accept_backlog, accept_pause_ms;

static void sleep_us(u64 us)
{
	if (us)
		thread_sleep_ns(us * NSEC_PER_USEC);
}

static int poll_one(struct pollfd *p, int timeout_ms)
{
	int n;

	while ((n = sys_poll(p, 1, timeout_ms)) == -ENOMEM && world.alloc_failures)
		sleep_us(1000);
	return n;
}

/* ---- errors ------------------------------------------------------------------------------------
 */

static void side_fail(const struct side *s, const char *what, long value)
{
	sim_fail("connection %u (%s) side %u: %s %ld (sent %u of %u, got %u of %u)", s->c->index,
		 mode_name[s->c->mode], s->index, what, value, s->sent, s->c->way[s->index].bytes,
		 s->got, s->c->way[!s->index].bytes);
}

/* Is it connected with an attempt that its peer has given up? In a simultaneous open, ARP may fail
 * at the moment in which the SYN-ACK is due: the attempt ends, but what it sent waits for the next
 * ARP request and arrives. The attempt after that has another number and resets (RFC 9293 3.10.7.3)
 * what the side has taken for its connection, of which not a byte has come. */
static bool opened_in_vain(const struct side *s)
{
	const struct side *peer = &s->c->side[!s->index];

	return s->c->mode == CROSS && peer->unreachable && !peer->started && !s->got;
}

/* Has the server's stack forgotten the client's connection? Where ARP fails as the SYN-ACK is to go
 * again, the half-open connection is given up, as for a router's "host unreachable"; what the
 * client, who had its SYN-ACK, sends then is reset. */
static bool forgotten(const struct conn *c)
{
	const struct side *server = &c->side[1];

	return c->mode != CROSS && c->side[0].started && !server->started && !c->side[0].got &&
	       arp_table(&server->host->net)->stat.res_failed;
}

/* May the connection break? A stack without memory may give it up. */
static bool may_break(const struct side *s)
{
	return s->c->mode == ABORT || world.alloc_failures || opened_in_vain(s) || forgotten(s->c);
}

/* May this call of a side fail so? */
static bool error_expected(const struct side *s, int err)
{
	if (err == -ENOBUFS || err == -ENOMEM)
		return world.alloc_failures;
	if ((opened_in_vain(s) || forgotten(s->c)) && (err == -ECONNRESET || err == -EPIPE))
		return true;
	return (s->c->mode == ABORT || world_ran_short()) &&
	       (err == -ECONNRESET || err == -EPIPE || err == -ENOTCONN || err == -ETIMEDOUT);
}

/* ---- writing and reading ----------------------------------------------------------------------
 */

static u32 take(u32 most, u32 left)
{
	u32 n = sim_percent(50) ? most : sim_between(1, most);

	return min(min(n, left), BUFFER_BYTES);
}

/* Write up to n bytes of the stream; what was written, or -errno. */
static ssize_t write_some(struct side *s, u32 n, int flags)
{
	ssize_t r =
		sys_sendto(s->fd, pattern_at(&s->tx, s->sent, n), n, flags | MSG_NOSIGNAL, NULL, 0);

	if (r > (ssize_t)n || r == 0)
		side_fail(s, "send() returned", r);
	if (r > 0)
		s->sent += (u32)r;
	return r;
}

/* Read up to n bytes and compare them; how many, 0: the end, -errno. */
static ssize_t read_some(struct side *s, u32 n, int flags)
{
	u8 *buf = malloc(n ? n : 1);
	ssize_t r;

	memset(buf, 0xee, n);
	r = sys_recvfrom(s->fd, buf, n, flags, NULL, NULL);
	if (r > (ssize_t)n)
		side_fail(s, "recv() returned", r);
	if (r > 0 && memcmp(buf, pattern_at(&s->rx, s->got, (u32)r), (size_t)r))
		side_fail(s, "wrong bytes at", s->got);
	if (flags & MSG_WAITALL && !may_break(s) && r > 0 && r < (ssize_t)n &&
	    s->got + (u32)r < s->c->way[!s->index].bytes)
		side_fail(s, "MSG_WAITALL gave", r);
	free(buf);
	if (r > 0 && !(flags & MSG_PEEK))
		s->got += (u32)r;
	if (s->got > s->c->way[!s->index].bytes)
		side_fail(s, "more than was sent:", s->got);
	return r;
}

/* Write all; returns 0 or the error. */
static int write_all(struct side *s, u32 upto)
{
	const struct manners *m = &s->c->way[s->index];

	while (s->sent < upto) {
		u32 n = take(m->write_max, upto - s->sent);
		int flags = n < upto - s->sent && sim_percent(5) ? MSG_MORE : 0;
		ssize_t r;

		if (sim_percent(m->write_pause_percent))
			sleep_us(sim_below(m->write_pause_us + 1));
		r = write_some(s, n, flags);
		if (r == -ENOMEM || r == -ENOBUFS)
			sleep_us(1000);
		if (r < 0 && !error_expected(s, (int)r))
			side_fail(s, "send() failed with", r);
		if (r < 0 && !(world.alloc_failures && (r == -ENOMEM || r == -ENOBUFS)))
			return (int)r;
	}
	return 0;
}

/* Read until `upto` bytes are there or the end; 0 or the error. */
static int read_all(struct side *s, u32 upto)
{
	const struct manners *m = &s->c->way[!s->index];

	if (!s->got)
		sleep_us(m->read_stall_ms * 1000ull);
	while (s->got < upto && !s->eof) {
		u32 n = take(m->read_max, upto - s->got);
		int flags = sim_percent(10) ? MSG_WAITALL : 0;
		ssize_t r;

		if (sim_percent(m->read_pause_percent))
			sleep_us(sim_below(m->read_pause_us + 1));
		if (sim_percent(5))
			read_some(s, n, MSG_PEEK | (sim_percent(50) ? MSG_DONTWAIT : 0));
		r = read_some(s, n, flags);
		if (r < 0 && !error_expected(s, (int)r))
			side_fail(s, "recv() failed with", r);
		if (r == -ENOMEM || r == -ENOBUFS) {
			sleep_us(1000);
			continue;
		}
		if (r < 0)
			return (int)r;
		s->eof = r == 0;
	}
	return 0;
}

/* All bytes are there: the end must follow. */
static void expect_eof(struct side *s)
{
	ssize_t r = s->eof ? 0 : read_some(s, 1, 0);

	if (r < 0 && error_expected(s, (int)r))
		return;
	if (r != 0)
		side_fail(s, "instead of the end recv() gave", r);
	s->eof = true;
}

static void shutdown_write(struct side *s)
{
	int err = sys_shutdown(s->fd, SHUT_WR);

	if (err && !may_break(s))
		side_fail(s, "shutdown() failed with", err);
}

static void close_side(struct side *s)
{
	int err = sys_close(s->fd);

	if (err)
		side_fail(s, "close() failed with", err);
	s->fd = -1;
}

static void set_int(const struct side *s, int level, int name, int value)
{
	int err = sys_setsockopt(s->fd, level, name, &value, sizeof(value));

	if (err)
		side_fail(s, "setsockopt() failed with", err);
}

/* ---- the modes -------------------------------------------------------------------------------
 */

static int writer(void *arg)
{
	struct side *s = arg;
	const struct manners *m = &s->c->way[s->index];

	s->tx_err = write_all(s, m->bytes);
	if (!s->tx_err && m->shutdown)
		shutdown_write(s);
	return 0;
}

static void play_stream(struct side *s)
{
	const struct manners *peer = &s->c->way[!s->index];
	struct thread *t = thread_create("writer", writer, s, CPU_ANY, PRIO_NORMAL);

	s->rx_err = read_all(s, peer->bytes);
	if (!s->rx_err && peer->shutdown)
		expect_eof(s);
	thread_join(t);
	thread_put(t);
	if (!may_break(s) && (s->got < peer->bytes || s->tx_err))
		side_fail(s, "the stream ended early with", s->rx_err);
}

static void play_half(struct side *s)
{
	if (s->index) {
		read_all(s, s->c->way[0].bytes);
		expect_eof(s);
		write_all(s, s->c->way[1].bytes);
	} else {
		write_all(s, s->c->way[0].bytes);
		shutdown_write(s);
		read_all(s, s->c->way[1].bytes);
		if (s->got < s->c->way[1].bytes && !may_break(s))
			side_fail(s, "the answer ended early", s->eof);
		expect_eof(s);
	}
}

static void play_rr(struct side *s)
{
	const struct conn *c = s->c;

	for (u32 i = 1; i <= c->rounds; i++) {
		if (s->index) {
			s->rx_err = read_all(s, i * c->request);
			s->tx_err = write_all(s, i * c->response);
		} else {
			s->tx_err = write_all(s, i * c->request);
			s->rx_err = read_all(s, i * c->response);
		}
		if (s->eof && !may_break(s))
			side_fail(s, "end in round", i);
		if (s->eof || s->rx_err || s->tx_err)
			return;
	}
}

/* A reset may be lost: who only reads would never know. */
static void look_for_death(const struct side *s)
{
	set_int(s, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(s, IPPROTO_TCP, TCP_KEEPIDLE, 60);
	set_int(s, IPPROTO_TCP, TCP_KEEPINTVL, 30);
	set_int(s, IPPROTO_TCP, TCP_KEEPCNT, 60);
}

static void play_abort(struct side *s)
{
	const struct conn *c = s->c;
	struct linger lin = {.l_onoff = 1, .l_linger = 0};

	if (s->index != c->aborter) {
		play_stream(s);
		return;
	}
	if (sim_percent(50))
		write_all(s, min(c->abort_after, c->way[s->index].bytes));
	if (sim_percent(50))
		read_all(s, min(c->abort_after, c->way[!s->index].bytes));
	sleep_us(sim_percent(50) ? sim_below(300000) : 0);
	if (c->linger0)
		sys_setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &lin, sizeof(lin));
}

/* One thread, both ways. */
static void play_polled(struct side *s)
{
	const struct manners *tx = &s->c->way[s->index], *rx = &s->c->way[!s->index];
	struct pollfd p = {.fd = s->fd};
	bool down = false;

	while (s->sent < tx->bytes || s->got < rx->bytes || (rx->shutdown && !s->eof) ||
	       (tx->shutdown && !down)) {
		bool want_write = s->sent < tx->bytes;
		int n;

		if (!want_write && tx->shutdown && !down) {
			shutdown_write(s);
			down = true;
		}
		p.events = (short)(POLLIN | (want_write ? POLLOUT : 0));
		if (!want_write && s->got == rx->bytes && (s->eof || !rx->shutdown))
			break;
		n = poll_one(&p, -1);
		if (n == 1 && p.revents & POLLERR && may_break(s))
			return;
		if (n != 1 || p.revents & (POLLERR | POLLNVAL))
			side_fail(s, "poll() says", n == 1 ? p.revents : n);
		if (p.revents & POLLOUT) {
			ssize_t r = write_some(s, take(tx->write_max, tx->bytes - s->sent),
					       MSG_DONTWAIT);

			if (r < 0 && r != -EAGAIN && !error_expected(s, (int)r))
				side_fail(s, "send() failed with", r);
		}
		if (p.revents & POLLIN) {
			ssize_t r = read_some(s, take(rx->read_max, BUFFER_BYTES), MSG_DONTWAIT);

			if (r < 0 && error_expected(s, (int)r))
				continue;
			if (r < 0)
				side_fail(s, "readable, but recv() failed with", r);
			s->eof = r == 0;
			if (s->eof && s->got < rx->bytes && !may_break(s))
				side_fail(s, "the stream ended early", 0);
			if (s->eof && s->got < rx->bytes)
				return;
			/* Closed by the peer: readable for ever. */
			if (s->eof && want_write)
				sleep_us(1000);
		}
		if (sim_percent(rx->read_pause_percent))
			sleep_us(sim_below(rx->read_pause_us + 1));
	}
}

static void random_options(const struct side *s)
{
	if (sim_percent(15))
		set_int(s, SOL_SOCKET, SO_RCVBUF, (int)sim_log_between(2048, 200000));
	if (sim_percent(15))
		set_int(s, SOL_SOCKET, SO_SNDBUF, (int)sim_log_between(2048, 200000));
	if (sim_percent(30))
		set_int(s, IPPROTO_TCP, TCP_NODELAY, 1);
	if (sim_percent(5))
		set_int(s, IPPROTO_TCP, TCP_CORK, 1);
	if (sim_percent(5))
		set_int(s, IPPROTO_TCP, TCP_QUICKACK, (int)sim_below(2));
	if (sim_percent(5))
		set_int(s, SOL_SOCKET, SO_KEEPALIVE, 1);
}

static int play(void *arg)
{
	static void (*const fn[NR_MODES])(struct side * s) = {
		[STREAM] = play_stream, [HALF] = play_half,    [RR] = play_rr,
		[ABORT] = play_abort,   [CROSS] = play_stream, [POLLED] = play_polled};
	struct side *s = arg;

	set_current_net(&s->host->net);
	random_options(s);
	if (may_break(s))
		look_for_death(s);
	fn[s->c->mode](s);
	close_side(s);
	s->done = true;
	return 0;
}

/* ---- making connections ---------------------------------------------------------------------- */

static struct sockaddr_in address(u32 ip, u16 port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = be16_make(port).wire,
				    .sin_addr.s_addr = be32_make(ip).wire};
}

static u32 ip_of(const struct conn *c, unsigned side)
{
	return c->loopback ? INADDR_LOOPBACK : c->side[side].host->ip;
}

static void side_keys(struct side *s, u32 me, u16 my_port, u32 peer, u16 peer_port)
{
	s->tx = (struct stream_key){me, peer, my_port, peer_port};
	s->rx = (struct stream_key){peer, me, peer_port, my_port};
}

static void open_socket(struct side *s)
{
	while ((s->fd = sys_socket(AF_INET, SOCK_STREAM, 0)) < 0) {
		if (!world.alloc_failures)
			side_fail(s, "socket() failed with", s->fd);
		sleep_us(1000);
	}
}

/* connect(), in one of the ways there are. 0 or -errno. */
static int connect_side(struct side *s, u16 port)
{
	struct sockaddr_in to = address(ip_of(s->c, !s->index), port);
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};
	int err = 0;
	socklen_t len = sizeof(err);

	if (!sim_percent(30))
		return sys_connect(s->fd, (const void *)&to, sizeof(to));
	sys_fcntl(s->fd, F_SETFL, O_NONBLOCK);
	err = sys_connect(s->fd, (const void *)&to, sizeof(to));
	if (err == -EINPROGRESS) {
		if (poll_one(&p, -1) != 1)
			side_fail(s, "poll() for connect", p.revents);
		sys_getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len);
		err = -err;
	}
	sys_fcntl(s->fd, F_SETFL, 0);
	return err;
}

static bool may_retry(const struct conn *c, int err)
{
	/* Nobody answered ARP, three times. */
	if (err == -EHOSTUNREACH && world_lost_frames())
		return true;
	/* Each end of a simultaneous open may be too early for the other. */
	if (c->mode == CROSS && (err == -ECONNREFUSED || err == -ECONNRESET))
		return true;
	return world.alloc_failures && (err == -ENOMEM || err == -ENOBUFS || err == -ECONNRESET);
}

static void bind_side(struct side *s, u16 port)
{
	struct sockaddr_in me = address(ip_of(s->c, s->index), port);
	int err;

	set_int(s, SOL_SOCKET, SO_REUSEADDR, 1);
	while ((err = sys_bind(s->fd, (const void *)&me, sizeof(me))) == -ENOMEM &&
	       world.alloc_failures)
		sleep_us(1000);
	if (err)
		side_fail(s, "bind() failed with", err);
}

/* Try until it is connected. False: the peer of a simultaneous open has come and gone. */
static bool connect_client(struct side *s, u16 port, u16 mine)
{
	const struct side *peer = &s->c->side[!s->index];

	for (;;) {
		int err;

		open_socket(s);
		if (mine)
			bind_side(s, mine);
		err = connect_side(s, port);
		if (!err)
			return true;
		if (!may_retry(s->c, err))
			side_fail(s, "connect() failed with", err);
		sys_close(s->fd);
		if (err == -EHOSTUNREACH)
			s->unreachable = true;
		else if (peer->done && opened_in_vain(peer))
			return false;
		sleep_us(sim_below(RETRY_MS * 1000));
	}
}

static int client(void *arg)
{
	struct side *s = arg;
	struct conn *c = s->c;
	u16 port = (u16)(c->mode == CROSS ? CROSS_PORT + c->index : PORT), mine = 0;
	struct sockaddr_in me;
	socklen_t len = sizeof(me);

	set_current_net(&s->host->net);
	thread_sleep_ns((c->start_ms + 1ull) * NSEC_PER_MSEC);
	if (c->mode == CROSS)
		mine = port;
	else if (c->bound)
		mine = (u16)(CLIENT_PORT + c->index);
	if (connect_client(s, port, mine)) {
		sys_getsockname(s->fd, (void *)&me, &len);
		s->started = true;
		side_keys(s, ip_of(c, s->index), be16_get(BE16_RAW(me.sin_port)),
			  ip_of(c, !s->index), port);
		if (c->mode != CROSS)
			c->client_port = be16_get(BE16_RAW(me.sin_port));
		play(s);
	}
	s->done = true;
	clients_left--;
	return 0;
}

/* A cookie remembers nothing: text that was under way when the server broke off opens the
 * connection once more, and its other end is gone or answers with a reset. A stack without memory
 * breaks off by itself, and the server's application may be asleep then. */
static bool opened_again(const struct conn *c)
{
	return may_break(&c->side[1]) && (c->side[1].done || world_ran_short()) &&
	       world.host[1].net.tcp->tcp_syncookies;
}

/* Whose connection is it? Its client may not have come back from connect() yet. */
static struct conn *find_client(u32 ip, u16 port)
{
	for (unsigned tries = 0; tries < 1000; tries++) {
		for (unsigned i = 0; i < nconns; i++) {
			struct conn *c = &conns[i];

			if (c->mode == CROSS || c->client_port != port || ip_of(c, 0) != ip)
				continue;
			if (!c->side[1].started || opened_again(c))
				return c;
		}
		sleep_us(RETRY_MS * 1000);
	}
	sim_fail("a connection from port %u that nobody made", port);
}

/* A server that was never accepted: only where the client broke off at once. */
static bool side_over(const struct side *s)
{
	return s->done || (s->index && !s->started && s->c->side[0].done && may_break(s));
}

static bool all_over(void)
{
	for (unsigned i = 0; i < nconns; i++)
		if (!side_over(&conns[i].side[0]) || !side_over(&conns[i].side[1]))
			return false;
	return !clients_left;
}

static void accept_one(int fd)
{
	struct sockaddr_in from = {0};
	socklen_t len = sizeof(from);
	int child = sys_accept4(fd, (void *)&from, &len, 0);
	struct conn *c;
	struct side *s;

	if (child == -ENOMEM || child == -ENFILE)
		return;
	if (child < 0)
		sim_fail("accept() failed with %d", child);
	c = find_client(be32_get(BE32_RAW(from.sin_addr.s_addr)),
			be16_get(BE16_RAW(from.sin_port)));
	s = &c->side[1];
	if (s->started) {
		sys_close(child);
		return;
	}
	s->fd = child;
	s->started = true;
	side_keys(s, ip_of(c, 1), PORT, ip_of(c, 0), c->client_port);
	while (!(s->thread = thread_create("server", play, s, CPU_ANY, PRIO_NORMAL)))
		sleep_us(1000);
}

static int listener(void *arg)
{
	struct sockaddr_in any = address(INADDR_ANY, PORT);
	struct pollfd p = {.events = POLLIN};
	struct side s = {.c = &conns[0], .host = &world.host[1]};
	int err;

	(void)arg;
	set_current_net(&world.host[1].net);
	open_socket(&s);
	p.fd = s.fd;
	if (sim_percent(20)) /* inherited by its children */
		set_int(&s, SOL_SOCKET, SO_RCVBUF, (int)sim_log_between(4096, 100000));
	if (sim_percent(10))
		set_int(&s, IPPROTO_TCP, TCP_DEFER_ACCEPT, (int)sim_between(1, 10));
	err = sys_bind(s.fd, (const void *)&any, sizeof(any));
	if (!err)
		err = sys_listen(s.fd, (int)accept_backlog);
	if (err)
		sim_fail("listen: %d", err);
	while (!all_over()) {
		int n = poll_one(&p, 500);

		if (n < 0 || p.revents & ~POLLIN)
			sim_fail("poll() of the listener: %d, %#x", n, p.revents);
		sleep_us(accept_pause_ms * 1000ull);
		if (n == 1)
			accept_one(s.fd);
	}
	sys_close(s.fd);
	return 0;
}

/* ---- drawn from the seed ----------------------------------------------------------------------
 */

static void draw_manners(struct manners *m, u32 most)
{
	m->bytes = sim_percent(10)   ? 0
		   : sim_percent(40) ? sim_between(most / 4, most)
				     : (u32)sim_log_between(1, most);
	m->write_max = (u32)sim_log_between(1, BUFFER_BYTES);
	if (m->bytes / m->write_max > 500) /* tiny writes, but not for ever */
		m->bytes = m->write_max * 500;
	m->read_max = (u32)sim_log_between(64, BUFFER_BYTES);
	if (sim_percent(25)) {
		m->write_pause_percent = sim_between(1, 50);
		m->write_pause_us = (u32)sim_log_between(1, 500000);
	}
	if (sim_percent(25)) {
		m->read_pause_percent = sim_between(1, 50);
		m->read_pause_us = (u32)sim_log_between(1, 500000);
	}
	if (sim_percent(10))
		m->read_stall_ms = (u32)sim_log_between(10, 90000);
	m->shutdown = sim_percent(60);
}

static void draw_rr(struct conn *c, u32 most)
{
	c->rounds = sim_between(1, 30);
	c->request = (u32)sim_log_between(1, 3000);
	c->response = (u32)sim_log_between(1, max(most / c->rounds, 2u));
	c->way[0].bytes = c->rounds * c->request;
	c->way[1].bytes = c->rounds * c->response;
	for (unsigned i = 0; i < 2; i++)
		c->way[i].write_max = max(c->way[i].write_max, 100u);
}

static void draw_conn(struct conn *c, unsigned index, u32 most)
{
	c->index = index;
	c->mode = (enum mode)sim_below(NR_MODES);
	/* SYNs cross only where there is a way to be on. */
	if (c->mode == CROSS && world.link_config.delay_ns < NSEC_PER_MSEC)
		c->mode = STREAM;
	c->bound = sim_percent(40);
	c->start_ms = sim_percent(50) ? 0 : sim_below(2000);
	c->loopback = c->mode != CROSS && sim_percent(5);
	for (unsigned i = 0; i < 2; i++) {
		struct side *s = &c->side[i];

		*s = (struct side){.c = c, .index = i, .fd = -1};
		s->host = &world.host[c->loopback ? 1 : i];
		draw_manners(&c->way[i], most);
	}
	if (c->mode == RR)
		draw_rr(c, most);
	c->aborter = sim_below(2);
	c->linger0 = sim_percent(50);
	c->abort_after = (u32)sim_log_between(0, most);
	sim_note("connection %u: %s%s, %u and %u bytes, writes %u/%u, reads %u/%u, stall %u/%u ms, "
		 "shutdown %d/%d",
		 index, mode_name[c->mode], c->loopback ? " on lo" : "", c->way[0].bytes,
		 c->way[1].bytes, c->way[0].write_max, c->way[1].write_max, c->way[0].read_max,
		 c->way[1].read_max, c->way[0].read_stall_ms, c->way[1].read_stall_ms,
		 c->way[0].shutdown, c->way[1].shutdown);
}

/* Where the last ACK of a handshake is lost, a cookie is too: a client that waits for the server to
 * speak would wait for ever; and data that overtakes it proves nothing. So cookies are for networks
 * that neither lose nor reorder, where no queue overflows either. */
static void draw_cookies(void)
{
	const struct faults *f = &world.faults;
	bool lossless = !f->loss_ppm && !f->burst_enter_ppm && !f->corrupt_ppm && !f->blackout_ns &&
			!world.link_config.jitter_ns && !world.link_config.duplicate_ppm;
	int how = lossless && accept_backlog > nconns ? (int)sim_below(3) : 0;

	world.host[1].net.tcp->tcp_syncookies = how;
	if (how) {
		world.link_config.queue = ~0u;
		link_set(world.link, NULL, &world.link_config);
	}
	sim_note("syncookies %d", how);
}

void apps_create(void)
{
	u32 most = 300000;

	nconns = sim_percent(50) ? 1 : sim_percent(60) ? sim_between(2, 5) : sim_between(6, 24);
	most /= nconns;
	accept_backlog = sim_percent(25) ? sim_between(0, 4) : 128;
	/* A tiny backlog for many starves some until they give up, and half-open records beyond
	 * half of it are given up early: rightly so. */
	if (nconns > 4)
		accept_backlog = max(accept_backlog, 2 * nconns);
	accept_pause_ms = sim_percent(20) ? sim_between(1, 700) : 0;
	sim_note("%u connections, backlog %u, accept pause %u ms", nconns, accept_backlog,
		 accept_pause_ms);
	draw_cookies();
	for (unsigned i = 0; i < nconns; i++)
		draw_conn(&conns[i], i, most);
	if (sim_percent(5)) {
		world.alloc_failures = true;
		sim_note("allocations fail");
	}
	clients_left = 0;
	for (unsigned i = 0; i < nconns; i++)
		clients_left += conns[i].mode == CROSS ? 2 : 1;
	listener_thread = thread_create("listener", listener, NULL, CPU_ANY, PRIO_NORMAL);
	for (unsigned i = 0; i < nconns; i++) {
		struct conn *c = &conns[i];

		for (unsigned side = 0; side < (c->mode == CROSS ? 2 : 1); side++)
			c->side[side].thread = thread_create("client", client, &c->side[side],
							     CPU_ANY, PRIO_NORMAL);
	}
	if (world.alloc_failures)
		mm_fail_every(sim_between(50, 500));
}

bool apps_done(void)
{
	return all_over() && ktime_get_ns() - world.start_ns > 2 * NSEC_PER_SEC;
}

void apps_tell(void)
{
	for (unsigned i = 0; i < nconns; i++)
		for (unsigned j = 0; j < 2; j++) {
			const struct side *s = &conns[i].side[j];

			if (!side_over(s))
				sim_note("  connection %u (%s) side %u: started %d, sent %u of %u, "
					 "got %u of %u, eof %d",
					 i, mode_name[conns[i].mode], j, s->started, s->sent,
					 conns[i].way[j].bytes, s->got, conns[i].way[!j].bytes,
					 s->eof);
		}
}

void apps_destroy(void)
{
	thread_join(listener_thread);
	thread_put(listener_thread);
	for (unsigned i = 0; i < nconns; i++)
		for (unsigned j = 0; j < 2; j++) {
			struct side *s = &conns[i].side[j];

			if (!s->thread)
				continue;
			thread_join(s->thread);
			thread_put(s->thread);
		}
}
