/* SPDX-License-Identifier: MIT */
/*
 * Between the files of the HTTP server. One worker a CPU, each with its own listener
 * (SO_REUSEPORT), epoll, connections and file cache: workers share nothing that changes.
 */
#ifndef HTTPD_INT_H
#define HTTPD_INT_H

#include "request.h"

#include <sys/types.h>

#define OUT_SIZE   16384               /* a worker's buffer of response bytes on their way out */
#define IN_SIZE    (HTTP_MAX_HEAD + 1) /* a worker's buffer of request bytes */
#define SMALL_FILE 4096 /* files up to this size are kept in memory and sent with the head */

/* What a connection waits for; each has one time-out, so each list is in order of deadlines. */
enum conn_wait { WAIT_REQUEST, WAIT_HEAD, WAIT_SEND, WAIT_LINGER, NR_WAITS };

struct httpd_config {
	const char *root; /* folder that "/" stands for */
	unsigned port;
	int backlog;
	unsigned max_conns; /* a worker */
	unsigned timeout_ms[NR_WAITS];
	bool announced; /* [a] the first worker that listens has said so */
};

/* ---- files.c: what can be served ---------------------------------------------------------- */

/* The answer to a plain GET, head and content in one piece. */
struct ready_answer {
	char *data; /* NULL: none */
	size_t len;
	char *date; /* HTTP_DATE_LEN bytes in there, those of the worker's date number .. */
	unsigned dated;
};

struct http_file {
	struct http_file *next; /* in the hash chain */
	unsigned refs;          /* connections that are sending it */
	int fd;
	uint64_t size;
	const char *type; /* Content-Type */
	char etag[40];
	char last_modified[32];
	/* Where size <= SMALL_FILE: for connections that go on, and, once asked for, that close. */
	struct ready_answer ready[2];
	char *small; /* the content, in the first */
	char path[];
};

#define HTTP_DATE_LEN  29
#define FILE_BUCKETS   64
#define FILE_CACHE_MAX 256

struct file_cache {
	const char *root;
	struct http_file *bucket[FILE_BUCKETS];
	unsigned n;
};

/* The file that path (as http_target_to_path() made it) names, with a reference. NULL: *status is
 * 301 (a folder: add a slash), 403, 404 or 503. The root file system is read-only: entries stay
 * true. */
struct http_file *file_get(struct file_cache *fc, const char *path, int *status);
void file_put(struct http_file *f);
/* f's ready answer that keeps the connection, or closes it; NULL: too large, or no memory. */
struct ready_answer *file_ready(struct http_file *f, bool close);
void http_date(time_t t, char text[32]);

/* ---- response.c: heads ------------------------------------------------------------------------
 */

const char *http_reason(int status);
/* Append a whole error or redirect response to out. Returns its length. */
size_t http_error_response(char *out, size_t size, int status, bool close, bool head_only,
			   const char *location, const char *date);
/* The head of a response with f (bytes first..last of it). */
size_t http_file_head(char *out, size_t size, int status, const struct http_file *f, uint64_t first,
		      uint64_t last, bool close, bool http10, const char *date);

/* ---- conn.c and worker.c
 * ------------------------------------------------------------------------- */

struct conn {
	struct conn *prev, *next; /* in its worker's list of that wait */
	uint64_t deadline_ms;
	int fd;
	uint8_t wait; /* enum conn_wait */
	bool close_after;
	bool may_follow;      /* input behind the last request, if that was the last */
	uint32_t events;      /* epoll's interest */
	uint32_t events_seen; /* of this turn */
	uint32_t in_len, out_len, out_off;
	uint32_t unacked;       /* WAIT_SEND: what lay in the socket when it was looked at last */
	char *in;               /* the beginning of a request, kept for later */
	char *out;              /* response bytes that the socket did not take yet */
	struct http_file *file; /* being sent after out */
	uint64_t file_off, file_left;
};

/* A head that was asked before, byte by byte, and the file whose ready answer is right for it:
 * clients repeat themselves, and comparing is much less work than understanding. */
#define MEMO_HEAD 400
#define NR_MEMOS  16

struct memo {
	struct http_file *file; /* with a reference; NULL: empty */
	size_t len;
	bool close;
	char head[MEMO_HEAD];
};

struct conn_list {
	struct conn *head, *tail;
};

struct worker {
	const struct httpd_config *config;
	int epfd, listen_fd;
	unsigned nconns;
	struct conn *spare; /* the last that ended, for the next: most are over at once */
	bool accepting;
	int batch; /* MSG_BATCH while others wait for an answer too, which then leave together */
	struct conn_list waiting[NR_WAITS];
	struct file_cache files;
	struct memo memo[NR_MEMOS];
	uint64_t now_ms, date_until_ms;
	unsigned date_number; /* counts the dates that there were */
	char date[32];
	size_t out_len;
	char in[IN_SIZE], out[OUT_SIZE];
};

/* Serve until the end of time. Returns a positive errno if it can't start. */
int worker_run(void *config);

void conn_start(struct worker *w, int fd);
/* Something happened on the connection; it may be gone afterwards. */
void conn_event(struct worker *w, struct conn *c, uint32_t events);
void conn_timeout(struct worker *w, struct conn *c);
/* Put c under another deadline (or renew it), with the epoll interest that goes with it. */
void worker_wait_for(struct worker *w, struct conn *c, enum conn_wait what);
void worker_forget(struct worker *w, struct conn *c);
/* Text of the current time for Date. */
const char *worker_date(struct worker *w);

#endif
