/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.x request heads (RFC 9112 sections 2 to 7, RFC 9110 for the fields). Strict where
 * leniency has let requests be smuggled: no space before a colon, no folded lines, one Host, no
 * Content-Length beside Transfer-Encoding, no bare CR. A bare LF ends a line (section 2.2).
 */
#include "request.h"

#include <string.h>

/* A piece of the buffer. */
struct span {
	const char *p;
	size_t len;
};

/* RFC 9110 section 5.6.2 */
static bool is_tchar(unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return true;
	return c && strchr("!#$%&'*+-.^_`|~", c);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool span_is(struct span s, const char *word)
{
	size_t n = strlen(word);

	if (s.len != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (lower(s.p[i]) != word[i])
			return false;
	return true;
}

static struct span span_trim(struct span s)
{
	while (s.len && (*s.p == ' ' || *s.p == '\t')) {
		s.p++;
		s.len--;
	}
	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Decimal digits only, no sign, no overflow. False: anything else. */
static bool span_u64(struct span s, uint64_t *v)
{
	if (!s.len)
		return false;
	*v = 0;
	for (size_t i = 0; i < s.len; i++) {
		unsigned d = (unsigned)(s.p[i] - '0');

		if (d > 9 || *v > (UINT64_MAX - d) / 10)
			return false;
		*v = *v * 10 + d;
	}
	return true;
}

/* Cut the next line off rest; its end (LF or CR LF) is removed. False: no line end in there. */
static bool next_line(struct span *rest, struct span *line)
{
	const char *nl = memchr(rest->p, '\n', rest->len);

	if (!nl)
		return false;
	line->p = rest->p;
	line->len = (size_t)(nl - rest->p);
	rest->len -= line->len + 1;
	rest->p = nl + 1;
	if (line->len && line->p[line->len - 1] == '\r')
		line->len--;
	return true;
}

/* ---- request line --------------------------------------------------------------------------- */

static enum http_method parse_method(struct span m)
{
	static const char *const known[] = {"POST",  "PUT",   "DELETE", "OPTIONS",
					    "PATCH", "TRACE", "CONNECT"};

	if (m.len == 3 && !memcmp(m.p, "GET", 3))
		return HTTP_GET;
	if (m.len == 4 && !memcmp(m.p, "HEAD", 4))
		return HTTP_HEAD;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (m.len == strlen(known[i]) && !memcmp(m.p, known[i], m.len))
			return HTTP_KNOWN_METHOD;
	return HTTP_UNKNOWN_METHOD;
}

/* "http://host/path" is as good as "/path" (RFC 9112 section 3.2.2). False: neither form. */
static bool strip_authority(struct span *t)
{
	const char *slash;

	if (t->len && t->p[0] == '/')
		return true;
	if (t->len == 1 && t->p[0] == '*')
		return true; /* OPTIONS *: refused later, by its method */
	if (t->len < 8 || lower(t->p[0]) != 'h' || !span_is((struct span){t->p, 7}, "http://"))
		return false;
	slash = memchr(t->p + 7, '/', t->len - 7);
	if (!slash) {
		t->p = "/";
		t->len = 1;
		return true;
	}
	t->len -= (size_t)(slash - t->p);
	t->p = slash;
	return true;
}

static int parse_version(struct span v, struct http_request *req)
{
	if (v.len != 8 || memcmp(v.p, "HTTP/", 5) || v.p[6] != '.' || v.p[5] < '0' ||
	    v.p[5] > '9' || v.p[7] < '0' || v.p[7] > '9')
		return -400;
	if (v.p[5] != '1')
		return -505;
	req->http10 = v.p[7] == '0';
	req->keep_alive = !req->http10;
	return 0;
}

static int parse_request_line(struct span line, struct http_request *req)
{
	const char *sp1 = memchr(line.p, ' ', line.len), *sp2, *query;
	struct span method, target;

	if (!sp1 || sp1 == line.p)
		return -400;
	method = (struct span){line.p, (size_t)(sp1 - line.p)};
	for (size_t i = 0; i < method.len; i++)
		if (!is_tchar((unsigned char)method.p[i]))
			return -400;
	target.p = sp1 + 1;
	target.len = line.len - method.len - 1;
	sp2 = memchr(target.p, ' ', target.len);
	if (!sp2)
		return -400;
	line.len -= (size_t)(sp2 + 1 - line.p);
	line.p = sp2 + 1;
	target.len = (size_t)(sp2 - target.p);
	if (target.len > HTTP_MAX_TARGET)
		return -414;
	for (size_t i = 0; i < target.len; i++)
		if ((unsigned char)target.p[i] <= ' ' || target.p[i] == 0x7f)
			return -400;
	req->method = parse_method(method);
	if (!strip_authority(&target))
		return -400;
	query = memchr(target.p, '?', target.len);
	req->target = target.p;
	req->target_len = query ? (size_t)(query - target.p) : target.len;
	return parse_version(line, req);
}

/* ---- fields ---------------------------------------------------------------------------------- */

/* Call for each comma-separated word of a field value; returns what is left, "" at the end. */
static struct span next_word(struct span *list)
{
	const char *comma = memchr(list->p, ',', list->len);
	struct span word = {list->p, comma ? (size_t)(comma - list->p) : list->len};
	size_t used = word.len + (comma ? 1 : 0);

	list->p += used;
	list->len -= used;
	return span_trim(word);
}

static int field_connection(struct http_request *req, struct span v)
{
	while (v.len) {
		struct span word = next_word(&v);

		if (span_is(word, "close"))
			req->keep_alive = false;
		else if (span_is(word, "keep-alive") && req->http10)
			req->keep_alive = true;
	}
	return 0;
}

static int field_content_length(struct http_request *req, struct span v)
{
	uint64_t n;

	if (!span_u64(v, &n) || (req->has_length && n != req->content_length))
		return -400;
	req->has_length = true;
	req->content_length = n;
	return 0;
}

static int field_transfer_encoding(struct http_request *req, struct span v)
{
	if (!span_is(v, "chunked") || req->chunked)
		return -501;
	req->chunked = true;
	return 0;
}

static int field_host(struct http_request *req, struct span v)
{
	if (req->has_host)
		return -400;
	for (size_t i = 0; i < v.len; i++)
		if ((unsigned char)v.p[i] <= ' ' || v.p[i] == '/' || v.p[i] == '@')
			return -400;
	req->has_host = true;
	return 0;
}

static int field_expect(struct http_request *req, struct span v)
{
	if (span_is(v, "100-continue"))
		req->expect_continue = true;
	return 0;
}

/* One range of bytes. What is malformed, names several, or comes twice is ignored, and the whole
 * file is sent (RFC 9110 section 14.2). */
static enum http_range parse_range(struct span v, uint64_t *first, uint64_t *last)
{
	const char *dash;
	struct span a, b;

	if (v.len < 7 || !span_is((struct span){v.p, 6}, "bytes="))
		return RANGE_NONE;
	v.p += 6;
	v.len -= 6;
	v = span_trim(v);
	dash = memchr(v.p, '-', v.len);
	if (!dash || memchr(v.p, ',', v.len))
		return RANGE_NONE;
	a = (struct span){v.p, (size_t)(dash - v.p)};
	b = (struct span){dash + 1, v.len - a.len - 1};
	if (!a.len)
		return span_u64(b, last) ? RANGE_SUFFIX : RANGE_NONE;
	if (!span_u64(a, first))
		return RANGE_NONE;
	if (!b.len)
		return RANGE_FROM;
	return span_u64(b, last) && *last >= *first ? RANGE_FROM_TO : RANGE_NONE;
}

static int field_range(struct http_request *req, struct span v)
{
	bool again = req->has_range;

	req->has_range = true;
	req->range = parse_range(v, &req->range_first, &req->range_last);
	if (again)
		req->range = RANGE_NONE;
	return 0;
}

static int field_if_none_match(struct http_request *req, struct span v)
{
	req->if_none_match = v.p;
	req->if_none_match_len = v.len;
	return 0;
}

static int field_if_range(struct http_request *req, struct span v)
{
	(void)v;
	req->if_range = true;
	return 0;
}

static const struct {
	const char *name; /* lower case */
	int (*fn)(struct http_request *req, struct span value);
} fields[] = {
	{"connection", field_connection},
	{"content-length", field_content_length},
	{"transfer-encoding", field_transfer_encoding},
	{"host", field_host},
	{"expect", field_expect},
	{"range", field_range},
	{"if-none-match", field_if_none_match},
	{"if-range", field_if_range},
};

static int parse_field(struct span line, struct http_request *req)
{
	const char *colon = memchr(line.p, ':', line.len);
	struct span name, value;

	if (!colon || colon == line.p)
		return -400;
	name = (struct span){line.p, (size_t)(colon - line.p)};
	for (size_t i = 0; i < name.len; i++)
		if (!is_tchar((unsigned char)name.p[i]))
			return -400; /* also a space before the colon, and a folded line */
	value = span_trim((struct span){colon + 1, line.len - name.len - 1});
	for (size_t i = 0; i < value.len; i++)
		if (((unsigned char)value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f)
			return -400;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (span_is(name, fields[i].name))
			return fields[i].fn(req, value);
	return 0;
}

/* What only the whole head can tell. */
static int check_head(const struct http_request *req)
{
	if (!req->http10 && !req->has_host)
		return -400; /* RFC 9112 section 3.2 */
	if (req->chunked && (req->has_length || req->http10))
		return -400; /* section 6.1: an attempt to smuggle */
	if (req->method == HTTP_UNKNOWN_METHOD)
		return -501;
	return 0;
}

/* The head is not whole: what does its size so far say? */
static int incomplete(const char *buf, size_t len)
{
	if (len < HTTP_MAX_HEAD) {
		if (len > HTTP_MAX_TARGET + 32 && !memchr(buf, '\n', len))
			return -414;
		return 0;
	}
	return memchr(buf, '\n', len) ? -431 : -414;
}

int http_parse_request(const char *buf, size_t len, struct http_request *req)
{
	struct span rest = {buf, len}, line;
	int err;

	*req = (struct http_request){0};
	/* Empty lines before a request are skipped (section 2.2). */
	while (rest.len && (*rest.p == '\r' || *rest.p == '\n')) {
		rest.p++;
		rest.len--;
	}
	if (!next_line(&rest, &line))
		return incomplete(buf, len);
	err = parse_request_line(line, req);
	if (err)
		return err;
	for (unsigned n = 0;; n++) {
		if (n > HTTP_MAX_FIELDS)
			return -431;
		if (!next_line(&rest, &line))
			return incomplete(buf, len);
		if (!line.len)
			break;
		err = parse_field(line, req);
		if (err)
			return err;
	}
	if ((size_t)(rest.p - buf) > HTTP_MAX_HEAD)
		return -431;
	err = check_head(req);
	return err ? err : (int)(rest.p - buf);
}

/* ---- target and range ---------------------------------------------------------------------------
 */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Drop the last component of path[0..n). Returns the new length, -1 at the root. */
static int drop_component(const char *path, int n)
{
	if (n <= 1)
		return -1;
	n--; /* the slash that ended the ".." itself stands for */
	while (n > 0 && path[n - 1] != '/')
		n--;
	return n;
}

/* path[0..n) ends with a component just written from start on: resolve "." and "..". */
static int end_component(char *path, int start, int n)
{
	int len = n - start;

	if (len == 1 && path[start] == '.')
		return start;
	if (len == 2 && path[start] == '.' && path[start + 1] == '.')
		return drop_component(path, start);
	return n;
}

int http_target_to_path(const char *target, size_t len, char *path, size_t size)
{
	int n = 0, start = 1;

	if (!len || target[0] != '/' || size < 2)
		return -1;
	path[n++] = '/';
	for (size_t i = 1; i < len; i++) {
		char c = target[i];

		if (c == '%') {
			if (len - i < 3 || hex(target[i + 1]) < 0 || hex(target[i + 2]) < 0)
				return -1;
			c = (char)(hex(target[i + 1]) << 4 | hex(target[i + 2]));
			i += 2;
			if (!c)
				return -1;
		}
		if ((size_t)n + 1 >= size)
			return -1;
		if (c == '/') {
			n = end_component(path, start, n);
			if (n < 0)
				return -1;
			if (path[n - 1] != '/')
				path[n++] = '/';
			start = n;
		} else {
			path[n++] = c;
		}
	}
	n = end_component(path, start, n);
	if (n < 0)
		return -1;
	path[n] = '\0';
	return n;
}

int http_resolve_range(const struct http_request *req, uint64_t size, uint64_t *first,
		       uint64_t *last)
{
	*first = 0;
	*last = size ? size - 1 : 0;
	if (req->range == RANGE_NONE || req->if_range)
		return 200;
	if (req->range == RANGE_SUFFIX) {
		if (!req->range_last || !size)
			return 416;
		*first = req->range_last < size ? size - req->range_last : 0;
		return 206;
	}
	if (req->range_first >= size)
		return 416;
	*first = req->range_first;
	if (req->range == RANGE_FROM_TO && req->range_last < size)
		*last = req->range_last;
	return 206;
}
