/* SPDX-License-Identifier: MIT */
/*
 * The files that the server can serve, opened once and kept open. One cache a worker, so nothing
 * is locked.
 */
#include "httpd_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE (HTTP_MAX_TARGET + 64)

static const struct {
	const char *suffix, *type;
} types[] = {
	{".html", "text/html; charset=utf-8"},
	{".css", "text/css; charset=utf-8"},
	{".js", "text/javascript; charset=utf-8"},
	{".json", "application/json"},
	{".txt", "text/plain; charset=utf-8"},
	{".svg", "image/svg+xml"},
	{".png", "image/png"},
	{".jpg", "image/jpeg"},
	{".ico", "image/x-icon"},
	{".woff2", "font/woff2"},
	{".wasm", "application/wasm"},
	{".pdf", "application/pdf"},
	{".xml", "application/xml"},
};

static const char *type_of(const char *path)
{
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(dot, types[i].suffix))
			return types[i].type;
	return "application/octet-stream";
}

static unsigned bucket_of(const char *path)
{
	unsigned h = 5381;

	while (*path)
		h = h * 33 + (unsigned char)*path++;
	return h % FILE_BUCKETS;
}

void http_date(time_t t, char text[32])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm;

	gmtime_r(&t, &tm);
	snprintf(text, 32, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
		 tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		 tm.tm_sec);
}

static void file_free(struct http_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->ready[0].data);
	free(f->ready[1].data);
	free(f);
}

void file_put(struct http_file *f)
{
	if (!--f->refs)
		file_free(f);
}

/* Make room: forget one entry; connections that are sending it keep it alive. */
static void evict_one(struct file_cache *fc)
{
	for (unsigned b = 0; b < FILE_BUCKETS; b++) {
		struct http_file *f = fc->bucket[b];

		if (!f)
			continue;
		fc->bucket[b] = f->next;
		fc->n--;
		file_put(f);
		return;
	}
}

/* The answer to a plain GET, but for the content and the date. */
static char *make_ready(struct http_file *f, bool close)
{
	struct ready_answer *r = &f->ready[close];
	char head[512], date[32];
	size_t n;

	http_date(0, date);
	n = http_file_head(head, sizeof(head), 200, f, 0, 0, close, false, date);
	r->data = malloc(n + f->size);
	if (!r->data)
		return NULL;
	memcpy(r->data, head, n);
	r->len = n + f->size;
	r->date = r->data + (strstr(head, date) - head);
	return r->data + n;
}

static bool read_small(struct http_file *f)
{
	f->small = make_ready(f, false);
	return f->small && pread(f->fd, f->small, f->size, 0) == (ssize_t)f->size;
}

struct ready_answer *file_ready(struct http_file *f, bool close)
{
	struct ready_answer *r = &f->ready[close];
	char *content;

	if (r->data || !f->small)
		return r->data ? r : NULL;
	content = make_ready(f, close);
	if (!content)
		return NULL;
	memcpy(content, f->small, f->size);
	return r;
}

static int status_of_errno(int err)
{
	switch (err) {
	case EACCES:
		return 403;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return 503;
	default:
		return 404;
	}
}

/* Open full (a folder's index.html for a path that ends in '/'). NULL: *status says why. */
static struct http_file *file_open(const char *path, const char *full, int *status)
{
	struct http_file *f;
	struct stat st;
	int fd = open(full, O_RDONLY);

	if (fd < 0) {
		*status = status_of_errno(errno);
		if (*status == 404 && !stat(full, &st) && S_ISDIR(st.st_mode))
			*status = 301;
		return NULL;
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		*status = S_ISDIR(st.st_mode) ? 301 : 403;
		close(fd);
		return NULL;
	}
	f = calloc(1, sizeof(*f) + strlen(path) + 1);
	if (!f) {
		*status = 503;
		close(fd);
		return NULL;
	}
	strcpy(f->path, path);
	f->fd = fd;
	f->refs = 1;
	f->size = (uint64_t)st.st_size;
	f->type = type_of(full);
	snprintf(f->etag, sizeof(f->etag), "\"%lx-%lx\"", (unsigned long)st.st_mtime,
		 (unsigned long)st.st_size);
	http_date(st.st_mtime, f->last_modified);
	if (f->size <= SMALL_FILE && !read_small(f)) {
		*status = 503;
		file_free(f);
		return NULL;
	}
	return f;
}

struct http_file *file_get(struct file_cache *fc, const char *path, int *status)
{
	unsigned b = bucket_of(path);
	char full[PATH_SIZE];
	struct http_file *f;
	int n;

	for (f = fc->bucket[b]; f; f = f->next)
		if (!strcmp(f->path, path)) {
			f->refs++;
			return f;
		}
	n = snprintf(full, sizeof(full), "%s%s%s", fc->root, path,
		     path[strlen(path) - 1] == '/' ? "index.html" : "");
	if (n < 0 || (size_t)n >= sizeof(full)) {
		*status = 404;
		return NULL;
	}
	f = file_open(path, full, status);
	if (!f)
		return NULL;
	if (fc->n == FILE_CACHE_MAX)
		evict_one(fc);
	f->refs++;
	f->next = fc->bucket[b];
	fc->bucket[b] = f;
	fc->n++;
	return f;
}
