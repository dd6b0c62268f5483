/* SPDX-License-Identifier: MIT */
/*
 * One connection's life: read heads, answer each, close when asked. Requests that arrive together
 * (pipelining) are answered together: responses gather in the worker's buffer and leave in one
 * send. An idle connection holds no buffer at all.
 *
 * Input is not read while output waits for the peer: who sends requests and reads no answers
 * stalls itself.
 */
#include "httpd_int.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define SENDFILE_CHUNK (1u << 20) /* between looks at other connections */

enum progress { GO_ON, WAIT_OUT, GONE };

static void conn_free(struct worker *w, struct conn *c)
{
	worker_forget(w, c);
	close(c->fd);
	if (c->file)
		file_put(c->file);
	free(c->in);
	free(c->out);
	if (w->spare)
		free(c);
	else
		w->spare = c;
}

/* A connection that not even epoll can take ends. */
static void wait_for(struct worker *w, struct conn *c, enum conn_wait what)
{
	worker_wait_for(w, c, what);
	if (!c->events)
		conn_free(w, c);
}

/* ---- sending ------------------------------------------------------------------------------- */

/* Send len bytes at data. What the socket does not take is kept with the connection. */
static enum progress send_now(const struct worker *w, struct conn *c, const char *data, size_t len,
			      int flags)
{
	ssize_t n = send(c->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL | w->batch | flags);

	if (n == (ssize_t)len)
		return GO_ON;
	if (n < 0 && errno != EAGAIN)
		return GONE;
	if (n < 0)
		n = 0;
	c->out_len = len - (size_t)n;
	c->out_off = 0;
	c->out = malloc(c->out_len);
	if (!c->out)
		return GONE;
	memcpy(c->out, data + n, c->out_len);
	return WAIT_OUT;
}

/* Send what the worker's buffer holds. */
static enum progress flush(struct worker *w, struct conn *c, int flags)
{
	size_t len = w->out_len;

	w->out_len = 0;
	return len ? send_now(w, c, w->out, len, flags) : GO_ON;
}

static enum progress send_kept(struct conn *c)
{
	ssize_t n;

	if (!c->out)
		return GO_ON;
	n = send(c->fd, c->out + c->out_off, c->out_len - c->out_off,
		 MSG_DONTWAIT | MSG_NOSIGNAL | (c->file ? MSG_MORE : 0));
	if (n < 0)
		return errno == EAGAIN ? WAIT_OUT : GONE;
	c->out_off += (size_t)n;
	if (c->out_off < c->out_len)
		return WAIT_OUT;
	free(c->out);
	c->out = NULL;
	return GO_ON;
}

static enum progress send_file(struct conn *c)
{
	size_t budget = SENDFILE_CHUNK;

	while (c->file && c->file_left) {
		off_t off = (off_t)c->file_off;
		size_t want = c->file_left < budget ? (size_t)c->file_left : budget;
		ssize_t n;

		if (!want)
			return WAIT_OUT; /* its turn comes again at once: the socket has room */
		n = sendfile(c->fd, c->file->fd, &off, want);
		if (n < 0)
			return errno == EAGAIN ? WAIT_OUT : GONE;
		if (!n)
			return GONE; /* shorter than it said: the length promised cannot be kept */
		c->file_off += (uint64_t)n;
		c->file_left -= (uint64_t)n;
		budget -= (size_t)n;
	}
	if (c->file) {
		file_put(c->file);
		c->file = NULL;
	}
	return GO_ON;
}

/* ---- answering --------------------------------------------------------------------------------
 */

static void answer_error(struct worker *w, struct conn *c, const struct http_request *req,
			 int status, const char *location)
{
	w->out_len += http_error_response(w->out + w->out_len, OUT_SIZE - w->out_len, status,
					  c->close_after, req && req->method == HTTP_HEAD, location,
					  worker_date(w));
}

static bool etag_matches(const struct http_request *req, const struct http_file *f)
{
	size_t n = strlen(f->etag);

	if (!req->if_none_match)
		return false;
	if (req->if_none_match_len == 1 && *req->if_none_match == '*')
		return true;
	for (size_t i = 0; i + n <= req->if_none_match_len; i++)
		if (!memcmp(req->if_none_match + i, f->etag, n))
			return true;
	return false;
}

/* Append the head; the body follows in the buffer if it is small, else by send_file(). */
static enum progress answer_file(struct worker *w, struct conn *c, const struct http_request *req,
				 struct http_file *f)
{
	uint64_t first, last;
	int status = etag_matches(req, f) ? 304 : http_resolve_range(req, f->size, &first, &last);
	uint64_t len;

	if (status == 416) {
		answer_error(w, c, req, 416, NULL);
		file_put(f);
		return GO_ON;
	}
	if (status == 304)
		first = last = 0;
	w->out_len += http_file_head(w->out + w->out_len, OUT_SIZE - w->out_len, status, f, first,
				     last, c->close_after, req->http10, worker_date(w));
	len = status == 200 ? f->size : last - first + 1;
	if (req->method == HTTP_HEAD || status == 304 || !len) {
		file_put(f);
		return GO_ON;
	}
	if (f->small) {
		memcpy(w->out + w->out_len, f->small + first, len);
		w->out_len += len;
		file_put(f);
		return GO_ON;
	}
	c->file = f;
	c->file_off = first;
	c->file_left = len;
	switch (flush(w, c, MSG_MORE)) {
	case GO_ON:
		return send_file(c);
	case WAIT_OUT:
		return WAIT_OUT;
	default:
		return GONE;
	}
}

/* ---- answers that are ready ------------------------------------------------------------------ */

/* By the first eight bytes of the target, in a head of len bytes; NULL: too short. */
static struct memo *memo_of(struct worker *w, const char *head, size_t len)
{
	uint64_t start;

	if (len < 4 + sizeof(start))
		return NULL;
	memcpy(&start, head + 4, sizeof(start));
	return &w->memo[start * 0x9e3779b97f4a7c15ull >> 32 & (NR_MEMOS - 1)];
}

static struct memo *memo_find(struct worker *w, const char *head, size_t len)
{
	struct memo *m = memo_of(w, head, len);

	if (!m || !m->file || len < m->len || memcmp(head, m->head, m->len))
		return NULL;
	return m;
}

/* The head of len bytes asked for f, all of it, and to go on or to close. */
static void memo_keep(struct worker *w, const char *head, size_t len, struct http_file *f,
		      bool close)
{
	struct memo *m = memo_of(w, head, len);

	if (!m || len > MEMO_HEAD)
		return;
	f->refs++;
	if (m->file)
		file_put(m->file);
	m->file = f;
	m->len = len;
	m->close = close;
	memcpy(m->head, head, len);
}

static bool is_plain_get(const struct http_request *req)
{
	return req->method == HTTP_GET && !req->http10 && !req->chunked && !req->content_length &&
	       req->range == RANGE_NONE && !req->if_none_match;
}

/* Send the ready answer that m stands for: as it lies there if nothing else waits to go with it.
 * The end of the connection leaves with it. */
static enum progress answer_ready(struct worker *w, struct conn *c, const struct memo *m, bool last)
{
	struct ready_answer *r = &m->file->ready[m->close];
	const char *date = worker_date(w);

	if (r->dated != w->date_number) {
		memcpy(r->date, date, HTTP_DATE_LEN);
		r->dated = w->date_number;
	}
	c->close_after = m->close;
	if ((last || m->close) && !w->out_len)
		return send_now(w, c, r->data, r->len, m->close ? MSG_MORE : 0);
	memcpy(w->out + w->out_len, r->data, r->len);
	w->out_len += r->len;
	return GO_ON;
}

/* head: the bytes that req was made from, head_len of them. */
static enum progress answer(struct worker *w, struct conn *c, const struct http_request *req,
			    const char *head, size_t head_len)
{
	char path[HTTP_MAX_TARGET + 2];
	struct http_file *f;
	int status;

	/* A body would have to be read to find the next request; nobody here wants one. */
	c->may_follow = req->chunked || req->content_length;
	c->close_after = !req->keep_alive || c->may_follow;
	if (req->method == HTTP_KNOWN_METHOD) {
		answer_error(w, c, req, 405, NULL);
		return GO_ON;
	}
	if (http_target_to_path(req->target, req->target_len, path, sizeof(path)) < 0) {
		answer_error(w, c, req, 400, NULL);
		return GO_ON;
	}
	f = file_get(&w->files, path, &status);
	if (f && is_plain_get(req) && file_ready(f, c->close_after))
		memo_keep(w, head, head_len, f, c->close_after);
	if (f)
		return answer_file(w, c, req, f);
	answer_error(w, c, req, status, status == 301 ? path : NULL);
	return GO_ON;
}

/* ---- reading -----------------------------------------------------------------------------------
 */

/* The most that one answer adds to the worker's buffer: longest redirect, or head and small file.
 */
#define ANSWER_MAX (HTTP_MAX_TARGET + SMALL_FILE + 1024)
_Static_assert(ANSWER_MAX <= OUT_SIZE, "an answer fits an empty buffer");

/* Answer the whole requests in w->in[0..len); keep what is left over. */
static enum progress serve(struct worker *w, struct conn *c, size_t len)
{
	enum progress p = GO_ON;
	size_t used = 0;

	c->may_follow = false;
	while (p == GO_ON && !c->close_after && used < len) {
		const struct memo *m = memo_find(w, w->in + used, len - used);
		struct http_request req;
		int n = m ? (int)m->len : http_parse_request(w->in + used, len - used, &req);

		if (!n)
			break;
		if (n < 0) {
			c->close_after = c->may_follow = true;
			answer_error(w, c, NULL, -n, NULL);
			break;
		}
		if (w->out_len + ANSWER_MAX > OUT_SIZE)
			p = flush(w, c, 0);
		if (p != GO_ON)
			break;
		used += (size_t)n;
		if (m)
			p = answer_ready(w, c, m, used == len);
		else
			p = answer(w, c, &req, w->in + used - n, (size_t)n);
	}
	/* The end of the connection leaves with the last answer. */
	if (p == GO_ON)
		p = flush(w, c, c->close_after ? MSG_MORE : 0);
	if (p == GONE)
		return GONE;
	c->in_len = c->close_after ? 0 : len - used;
	c->may_follow |= used < len;
	if (c->in_len) {
		c->in = malloc(c->in_len);
		if (!c->in)
			return GONE;
		memcpy(c->in, w->in + used, c->in_len);
	}
	return p;
}

/* All is sent that was to be: close in a way that lets the peer read it, or wait for more. */
static void after_answers(struct worker *w, struct conn *c)
{
	if (!c->close_after) {
		wait_for(w, c, c->in_len ? WAIT_HEAD : WAIT_REQUEST);
	} else if (c->may_follow) {
		/* Unread input makes a reset of close(), and so does what comes after it: the
		 * answer would be destroyed on its way. */
		shutdown(c->fd, SHUT_WR);
		wait_for(w, c, WAIT_LINGER);
	} else {
		conn_free(w, c); /* the rest is TCP's business */
	}
}

/* Take the kept beginning back into the worker's buffer; returns its length. */
static size_t restore_input(struct worker *w, struct conn *c)
{
	size_t len = c->in_len;

	if (c->in) {
		memcpy(w->in, c->in, len);
		free(c->in);
		c->in = NULL;
		c->in_len = 0;
	}
	return len;
}

/* What lies in the socket and the peer has not acknowledged. */
static uint32_t bytes_unacked(const struct conn *c)
{
	int n = 0;

	return ioctl(c->fd, SIOCOUTQ, &n) ? 0 : (uint32_t)n;
}

static void conn_step(struct worker *w, struct conn *c, enum progress p)
{
	switch (p) {
	case GO_ON:
		after_answers(w, c);
		break;
	case WAIT_OUT:
		c->unacked = bytes_unacked(c);
		wait_for(w, c, WAIT_SEND);
		break;
	case GONE:
		conn_free(w, c);
		break;
	}
}

/* Read once and answer. *more: what was read may not be all. */
static enum progress read_some(struct worker *w, struct conn *c, bool *more)
{
	size_t len = restore_input(w, c), room = IN_SIZE - len;
	ssize_t n = recv(c->fd, w->in + len, room, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		return GONE;
	if (n < 0)
		*more = false;
	else if ((size_t)n < room && !(c->events_seen & (EPOLLRDHUP | EPOLLHUP)))
		*more = false; /* the next bytes, or the end, come with another event */
	return serve(w, c, n > 0 ? len + (size_t)n : len);
}

static void conn_readable(struct worker *w, struct conn *c)
{
	bool had_part = c->in != NULL, more = true;
	enum progress p = GO_ON;

	while (more && p == GO_ON && !c->close_after)
		p = read_some(w, c, &more);
	c->may_follow |= more;
	/* A head's time-out runs from its first byte: trickling does not renew it. */
	if (p == GO_ON && had_part && c->in && !c->close_after && c->wait == WAIT_HEAD)
		return;
	conn_step(w, c, p);
}

/* The request is mostly there by now: it is looked for before the connection is watched, with what
 * it waits for then. */
void conn_start(struct worker *w, int fd)
{
	struct conn *c = w->spare ? w->spare : malloc(sizeof(*c));

	w->spare = NULL;
	if (!c) {
		close(fd);
		return;
	}
	*c = (struct conn){.fd = fd};
	conn_readable(w, c);
}

static void conn_writable(struct worker *w, struct conn *c)
{
	enum progress p = send_kept(c);

	if (p == GO_ON)
		p = send_file(c);
	/* Requests may have arrived behind the one whose answer was waiting. */
	if (p == GO_ON && c->in && !c->close_after)
		p = serve(w, c, restore_input(w, c));
	c->may_follow = true; /* it has had time to */
	conn_step(w, c, p);
}

static void conn_drain(struct worker *w, struct conn *c)
{
	ssize_t n = recv(c->fd, w->in, IN_SIZE, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		conn_free(w, c);
}

void conn_event(struct worker *w, struct conn *c, uint32_t events)
{
	c->events_seen = events;
	if (c->wait == WAIT_LINGER)
		conn_drain(w, c);
	else if (events & EPOLLERR)
		conn_free(w, c);
	else if (c->wait == WAIT_SEND)
		conn_writable(w, c);
	else
		conn_readable(w, c);
}

/* A slow peer may take long to empty as much of the socket's buffer as makes it writable. */
static bool peer_takes_some(struct conn *c)
{
	uint32_t before = c->unacked;

	c->unacked = bytes_unacked(c);
	return c->unacked < before;
}

void conn_timeout(struct worker *w, struct conn *c)
{
	if (c->wait == WAIT_SEND && peer_takes_some(c)) {
		wait_for(w, c, WAIT_SEND);
		return;
	}
	if (c->wait == WAIT_SEND) {
		/* What lies in the socket is of no use to a peer that takes nothing: a reset frees
		 * it at once, where a FIN would wait behind it. */
		const struct linger reset = {.l_onoff = 1};

		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	}
	if (c->wait == WAIT_HEAD && !c->out) {
		c->close_after = c->may_follow = true;
		answer_error(w, c, NULL, 408, NULL);
		if (flush(w, c, 0) == GO_ON) {
			free(c->in);
			c->in = NULL;
			c->in_len = 0;
			after_answers(w, c);
			return;
		}
	}
	conn_free(w, c);
}
